-- Partitions that were detached have triggers named kept, settle and truncate, which obey the table's functions.
CREATE OR REPLACE FUNCTION gapless.column_former_guards(
    target        regclass,
    target_column name
) RETURNS TABLE (
    partition  regclass,
    definition text -- for format(), with the function's name to come
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT t.tgrelid::regclass, regexp_replace(replace(pg_get_triggerdef(t.oid), '%', '%%'), ' EXECUTE FUNCTION .*(\([^()]*\))$', ' EXECUTE FUNCTION %s\1')
    FROM pg_catalog.pg_trigger AS own
    JOIN pg_catalog.pg_trigger AS t ON t.tgfoid = own.tgfoid AND t.tgrelid <> own.tgrelid AND t.tgparentid = 0
    WHERE own.tgrelid = target AND own.tgname = ('~gapless_delete_' || target_column)::name
        AND t.tgname ~ '^~gapless_(kept_delete|kept_update|kept_commit|settle|truncate)_'
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_partition_tree(target) AS p WHERE p.relid = t.tgrelid)
    ORDER BY t.tgrelid, t.tgname
$function$;

COMMENT ON FUNCTION gapless.column_former_guards IS
'Private, for attach_gapless and detach_gapless. The triggers that guard what were partitions of a table with an attached column.';

REVOKE ALL ON FUNCTION gapless.column_former_guards FROM PUBLIC;
