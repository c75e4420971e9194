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
SET enable_seqscan = on -- which callers set off: it would be taken for an expensive query, and compiled
SET plan_cache_mode = force_custom_plan -- one for every name would read all for one
AS $function$
DECLARE
    head record;
BEGIN
    SELECT coalesce(m.head, column_issued.target::oid) AS relation, coalesce(m.head_column, column_issued.target_column) AS column_name
    INTO head
    FROM (SELECT) AS o
    LEFT JOIN gapless.member AS m ON m.relation = column_issued.target AND m.column_name = column_issued.target_column;
    RETURN QUERY
    SELECT j.name, u.number, j.first_value + (u.i - 1)
    FROM gapless.sequence_lock AS s
    JOIN gapless.journal AS j ON j.name = s.name
    CROSS JOIN LATERAL unnest(j.texts) WITH ORDINALITY AS u (number, i)
    WHERE s.target = head.relation AND s.target_column = head.column_name AND (names IS NULL OR s.name = ANY (names))
    UNION ALL
    SELECT k.name, k.number, k.value
    FROM gapless.sequence_lock AS s
    JOIN gapless.known_text AS k ON k.name = s.name
    WHERE s.target = head.relation AND s.target_column = head.column_name AND (names IS NULL OR s.name = ANY (names));
END;
$function$;

COMMENT ON FUNCTION gapless.column_issued IS
'Private, for the function that attach_gapless makes for the audit. The texts that the column has issued, and those that it had before; and those of the columns that share its series.';

REVOKE ALL ON FUNCTION gapless.column_issued FROM PUBLIC;
