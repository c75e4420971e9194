CREATE OR REPLACE FUNCTION gapless.head_of(
    target        oid,
    target_column name,
    OUT relation    oid,
    OUT column_name name
) RETURNS record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = on -- which callers set off: it would be taken for an expensive query, and compiled
SET enable_nestloop = on
AS $function$
BEGIN
    SELECT m.head, m.head_column INTO relation, column_name
    FROM gapless.member AS m
    WHERE m.relation = head_of.target AND m.column_name = head_of.target_column;
    relation := coalesce(relation, target);
    column_name := coalesce(column_name, target_column);
END;
$function$;

COMMENT ON FUNCTION gapless.head_of IS
'Private. The column whose series a column has: its own, or that whose series it shares.';

REVOKE ALL ON FUNCTION gapless.head_of FROM PUBLIC;
