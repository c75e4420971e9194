-- What is not known is taken for few.
CREATE OR REPLACE FUNCTION gapless.column_repeated(
    target regclass,
    inputs name[]
) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN inputs <> '{}' AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = target AND a.attname = ANY (inputs) AND (
            a.atttypid NOT IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype, 'varchar'::regtype, 'uuid'::regtype, 'date'::regtype, 'bool'::regtype) -- where what is equal is the same
            OR (SELECT l.collisdeterministic FROM pg_catalog.pg_collation AS l WHERE l.oid = a.attcollation) IS FALSE
        )
    ) AND coalesce((
        SELECT exp(sum(ln(d.combinations)))
        FROM (
            SELECT max(CASE WHEN s.n_distinct < 0 THEN greatest(-s.n_distinct * c.reltuples, 1) ELSE greatest(s.n_distinct, 1) END) AS combinations
            FROM (SELECT target AS oid UNION SELECT p.relid FROM pg_partition_tree(target) AS p) AS t
            JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = ANY (inputs)
            GROUP BY s.attname
        ) AS d
    ) <= greatest(1000, (
        SELECT sum(c.reltuples) / 50
        FROM (SELECT target AS oid UNION SELECT p.relid FROM pg_partition_tree(target) AS p) AS t
        JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
        WHERE c.relkind <> 'p'
    )), true);
END;
$function$;

COMMENT ON FUNCTION gapless.column_repeated IS
'Private, for the function that attach_gapless makes for the audit. Whether many rows have the same in these columns, so that an expression over them need not be evaluated for each row: what is equal is the same there, and the statistics tell of few combinations.';

REVOKE ALL ON FUNCTION gapless.column_repeated FROM PUBLIC;
