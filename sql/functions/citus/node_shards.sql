CREATE OR REPLACE FUNCTION gapless.node_shards() RETURNS TABLE (nodename text, nodeport integer, table_name text, column_name name, shard bigint, shard_name text, attached boolean)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
    SELECT l.nodename, l.nodeport, format('%I.%I', n.nspname, c.relname), g.guarded, l.shard, l.shard_name, l.attached
    FROM gapless.shard_guards() AS g
    JOIN pg_catalog.pg_class AS c ON c.oid = g.relation
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL gapless.shard_list(g.relation, g.guarded) AS l;
END;
$function$;

COMMENT ON FUNCTION gapless.node_shards IS
'On the coordinator of Citus: a row for each shard of each column of a distributed table that attach_gapless attached (by the name of then): its node, its table there, and whether the column is attached there. Where it is not, since the shard was moved or split, the shard refuses every write: call attach_shards. No row where there is no Citus. Raises 38000 for a node that cannot be reached.';

REVOKE ALL ON FUNCTION gapless.node_shards FROM PUBLIC;
