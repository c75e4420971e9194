-- The arguments of a trigger are one after the other, each with a zero byte behind it. On a shard the trigger has another name, with the
-- shard's number.
CREATE OR REPLACE FUNCTION gapless.shard_guards(
    distributed boolean DEFAULT true -- or those that undistribute_table has left, on a table of the coordinator
) RETURNS TABLE (relation regclass, guarded name, column_name name, trigger name, arguments jsonb, path text, table_id bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE $$
        SELECT t.tgrelid::regclass, g.guarded::name, a.attname, t.tgname, g.definition -> 'arguments', g.definition ->> 'search_path', (g.definition ->> 'table_id')::bigint
        FROM pg_trigger AS t
        LEFT JOIN pg_dist_partition AS p ON p.logicalrelid = t.tgrelid
        CROSS JOIN LATERAL (
            SELECT
                convert_from(substr(t.tgargs, 1, position('\x00'::bytea IN t.tgargs) - 1), getdatabaseencoding()) AS guarded,
                convert_from(substr(t.tgargs, position('\x00'::bytea IN t.tgargs) + 1, length(t.tgargs) - position('\x00'::bytea IN t.tgargs) - 1), getdatabaseencoding())::jsonb AS definition
        ) AS g
        LEFT JOIN pg_attribute AS a ON a.attrelid = t.tgrelid AND NOT a.attisdropped AND CASE WHEN $1 THEN a.attnum = (g.definition ->> 'attnum')::smallint ELSE a.attname = g.guarded::name END -- which undistribute_table numbers anew
        WHERE t.tgfoid = 'gapless.shard_guard'::regproc AND CASE WHEN $1 THEN p.logicalrelid IS NOT NULL ELSE p.logicalrelid IS NULL AND t.tgname = ('~gapless_shard_' || g.guarded)::name END
        ORDER BY t.tgrelid::regclass::text, g.guarded$$
    USING distributed;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_guards IS
'Private, on the coordinator. The columns of distributed tables that are attached, by the name under which they were (guarded) and by that of now, and how: the arguments of attach_gapless, its search_path, and the oid that the table had.';

REVOKE ALL ON FUNCTION gapless.shard_guards FROM PUBLIC;
