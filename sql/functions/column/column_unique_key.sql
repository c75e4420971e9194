-- Only of types whose values are equal where they look the same, so that rows that it does not tell apart are not told
-- apart by the index.
CREATE OR REPLACE FUNCTION gapless.column_unique_key(
    target        regclass,
    target_column name,
    unnumbered    text
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN coalesce((
        SELECT CASE count(*) WHEN 1 THEN '0' WHEN 2 THEN max(k.key) ELSE format('ROW(%s)', string_agg(k.key, ', ')) END
        FROM pg_catalog.pg_index AS i
        CROSS JOIN LATERAL (
            SELECT CASE WHEN a.attname <> target_column THEN format('r.%I', a.attname) END AS key,
                a.attname = target_column OR a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype, 'varchar'::regtype, 'uuid'::regtype, 'date'::regtype)
                    AND (SELECT bool_and(c.collisdeterministic) FROM pg_catalog.pg_collation AS c WHERE c.oid = a.attcollation) IS NOT FALSE AS plain
            FROM unnest((i.indkey::smallint[])[0: i.indnkeyatts - 1]) AS u (attnum)
            LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attnum = u.attnum AND u.attnum > 0
        ) AS k
        WHERE i.indrelid = target AND i.indisunique AND i.indisvalid
            AND (i.indpred IS NULL OR pg_get_expr(i.indpred, target) = ANY (gapless.column_predicates(target_column, unnumbered)))
        GROUP BY i.indexrelid
        HAVING bool_and(k.plain IS TRUE) AND count(k.key) = count(*) - 1
        ORDER BY count(*)
        LIMIT 1
    ), 'NULL::integer');
END;
$function$;

COMMENT ON FUNCTION gapless.column_unique_key IS
'Private, for attach_gapless. An expression over the row r: rows in which it is the same, and not NULL, have no number twice, as a unique index says. NULL where there is none such.';

REVOKE ALL ON FUNCTION gapless.column_unique_key FROM PUBLIC;
