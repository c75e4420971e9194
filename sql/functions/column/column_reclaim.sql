-- Where the names may be others now, rows of a former sequence may have numbers of another one: that it has none says
-- nothing then, unless no row has a number. One that was used by hand since is left to whoever did. Locks the sequences in
-- the order of their names.
CREATE OR REPLACE FUNCTION gapless.column_reclaim(
    target        regclass,
    target_column name,
    expression    text,
    numbers       bigint -- how many rows have one
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    former record;
BEGIN
    FOR former IN
        SELECT f.name, r.last_value
        FROM gapless.former AS f
        JOIN gapless.sequence_lock AS s ON s.name = f.name AND s.target IS NULL
        CROSS JOIN LATERAL gapless.last_run(f.name) AS r
        WHERE f.target = column_reclaim.target AND f.target_column = column_reclaim.target_column
            AND (f.expression = column_reclaim.expression COLLATE "C" OR coalesce(numbers, 0) = 0)
            AND NOT EXISTS (
                SELECT FROM gapless.journal AS a WHERE a.name = f.name AND a.kind = 'issued' AND a.attachment IS NULL AND a.allocated_at >= f.detached_at
            )
        ORDER BY f.name
    LOOP
        PERFORM gapless.lock_or_make_sequence(former.name, false);
        PERFORM gapless.column_claim_sequence(target, target_column, former.name);
        RAISE WARNING 'sequence "%" is at %, but column "%" of table % has no number of it any more: the audit will show a hole', former.name, former.last_value, target_column, target;
    END LOOP;
    DELETE FROM gapless.former AS f
    USING gapless.sequence_lock AS s
    WHERE f.target = column_reclaim.target AND s.name = f.name AND s.target IS NOT NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.column_reclaim IS
'Private, for attach_gapless. Makes the sequences that the column had before it was detached its own again, also those of which no row is left, so that the audit misses them. Locks them until the transaction ends.';

REVOKE ALL ON FUNCTION gapless.column_reclaim FROM PUBLIC;
