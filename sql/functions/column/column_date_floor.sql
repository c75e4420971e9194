CREATE OR REPLACE FUNCTION gapless.column_date_floor(
    name  text,
    below bigint DEFAULT NULL -- by the journal's rows before this ordinal
) RETURNS timestamp
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    run   record;
    floor timestamp;
BEGIN
    FOR run IN
        SELECT j.first_value, j.last_value, j.kind, j.dated
        FROM gapless.journal AS j
        WHERE j.name = column_date_floor.name COLLATE "C" AND j.kind <> 'closed' AND (j.ordinal < below OR below IS NULL)
        ORDER BY j.ordinal DESC
    LOOP
        -- All numbers of a run have its date. What has none is from before the column was attached: its numbers are no
        -- newer than what came after.
        floor := coalesce(run.dated, floor);
        IF run.last_value::numeric - run.first_value + 1 > (
            SELECT count(*) FROM gapless.void AS v WHERE v.name = column_date_floor.name COLLATE "C" AND v.value BETWEEN run.first_value AND run.last_value
        ) THEN
            PERFORM gapless.check_not_rewritten();
            RETURN floor;
        END IF;
    END LOOP;
    RETURN CASE WHEN run.kind <> 'issued' THEN floor END; -- the oldest row stands for others, too
END;
$function$;

COMMENT ON FUNCTION gapless.column_date_floor IS
'Private, for the triggers of attach_gapless. The date before which the next row of a sequence must not be dated: that of its newest number which is not void; where only that of a newer one is known, that. Raises 40001 where that cannot be seen.';

REVOKE ALL ON FUNCTION gapless.column_date_floor FROM PUBLIC;
