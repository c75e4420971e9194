CREATE OR REPLACE FUNCTION gapless.shard_list(
    target      regclass,
    column_name name
) RETURNS TABLE (shard bigint, placement bigint, shard_name text, nodename text, nodeport integer, attached boolean)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
    SELECT p.shard, p.placement, p.shard_name, p.nodename, p.nodeport, n.result::jsonb @> to_jsonb(p.shard_name)
    FROM gapless.on_nodes(format($$
        SELECT coalesce(jsonb_agg(format('%%I.%%I', s.nspname, c.relname)), '[]')
        FROM pg_catalog.pg_trigger AS t
        JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
        WHERE t.tgname = ('~gapless_insert_' || %L)::name$$, shard_list.column_name)) AS n
    JOIN gapless.shard_places(target) AS p ON p.nodename = n.nodename AND p.nodeport = n.nodeport
    ORDER BY p.nodename, p.nodeport, p.shard;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_list IS
'Private, on the coordinator. The shards of a distributed table, where they are, and whether the column is attached there. Raises 38000 for a node that cannot be reached.';

REVOKE ALL ON FUNCTION gapless.shard_list FROM PUBLIC;
