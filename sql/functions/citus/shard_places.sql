CREATE OR REPLACE FUNCTION gapless.shard_places(
    target regclass
) RETURNS TABLE (shard bigint, placement bigint, shard_name text, nodename text, nodeport integer)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY EXECUTE $$
        SELECT s.shardid, p.placementid, t.shard_name, n.nodename, n.nodeport
        FROM pg_dist_shard AS s
        JOIN gapless.shard_tables() AS t ON t.shard = s.shardid
        JOIN pg_dist_placement AS p ON p.shardid = s.shardid AND p.shardstate = 1
        JOIN pg_dist_node AS n ON n.groupid = p.groupid AND n.isactive AND n.noderole::text = 'primary'
        WHERE s.logicalrelid = $1
        ORDER BY n.groupid, s.shardid$$
    USING target;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_places IS
'Private, on the coordinator. The shards of a distributed table, and the nodes where they are.';

REVOKE ALL ON FUNCTION gapless.shard_places FROM PUBLIC;
