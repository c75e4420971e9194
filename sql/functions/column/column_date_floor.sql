CREATE OR REPLACE FUNCTION gapless.column_date_floor(
    name text
) RETURNS timestamp
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    run record;
BEGIN
    FOR run IN
        SELECT j.first_value, j.last_value, j.dated
        FROM gapless.journal AS j
        WHERE j.name = column_date_floor.name COLLATE "C"
        ORDER BY j.ordinal DESC
    LOOP
        -- All numbers of a run have its date.
        IF run.last_value - run.first_value + 1 > (
            SELECT count(*) FROM gapless.void AS v WHERE v.name = column_date_floor.name COLLATE "C" AND v.value BETWEEN run.first_value AND run.last_value
        ) THEN
            PERFORM gapless.check_not_rewritten();
            RETURN run.dated;
        END IF;
    END LOOP;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.column_date_floor IS
'Private, for the triggers of attach_gapless. The date before which the next row of a sequence must not be dated: that of its newest number which is not void. Raises 40001 where that cannot be seen.';

REVOKE ALL ON FUNCTION gapless.column_date_floor FROM PUBLIC;
