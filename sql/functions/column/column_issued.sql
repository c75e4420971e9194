CREATE OR REPLACE FUNCTION gapless.column_issued(
    target        regclass,
    target_column name,
    names         text[] DEFAULT NULL -- of the series; NULL: all
) RETURNS TABLE (
    name   text,
    number text,
    value  bigint -- NULL where it was there before attach_gapless
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = on -- which callers set off
SET enable_nestloop = off -- nobody knows beforehand how many entries there are
SET enable_mergejoin = off -- which would sort the journal
SET jit = off
SET plan_cache_mode = force_generic_plan -- to plan it takes longer than to read one series
AS $function$
DECLARE
    head CONSTANT record := gapless.head_of(target, target_column);
BEGIN
    RETURN QUERY
    WITH series AS MATERIALIZED (
        SELECT s.name FROM gapless.sequence_lock AS s WHERE s.target = head.relation AND s.target_column = head.column_name AND names IS NULL
        UNION ALL
        SELECT s.name FROM gapless.sequence_lock AS s WHERE s.target = head.relation AND s.target_column = head.column_name AND s.name = ANY (names)
    ), few AS MATERIALIZED (
        SELECT s.name FROM series AS s WHERE (SELECT count(*) <= 10 FROM series)
    )
    -- Of few, the journal is read by its index, and else once.
    SELECT j.name, u.number, j.first_value + (u.i - 1)
    FROM (
        SELECT a.name, a.first_value, a.texts FROM gapless.journal AS a WHERE a.name = ANY (ARRAY(SELECT f.name FROM few AS f))
        UNION ALL
        SELECT a.name, a.first_value, a.texts FROM gapless.journal AS a WHERE (SELECT count(*) > 10 FROM series) AND a.name IN (SELECT s.name FROM series AS s)
    ) AS j
    CROSS JOIN LATERAL unnest(j.texts) WITH ORDINALITY AS u (number, i)
    UNION ALL
    SELECT k.name, k.number, k.value FROM gapless.known_text AS k WHERE k.name = ANY (ARRAY(SELECT f.name FROM few AS f))
    UNION ALL
    SELECT k.name, k.number, k.value FROM gapless.known_text AS k WHERE (SELECT count(*) > 10 FROM series) AND k.name IN (SELECT s.name FROM series AS s);
END;
$function$;

COMMENT ON FUNCTION gapless.column_issued IS
'Private, for the function that attach_gapless makes for the audit. The texts that the column has issued, and those that it had before; and those of the columns that share its series.';

REVOKE ALL ON FUNCTION gapless.column_issued FROM PUBLIC;
