CREATE OR REPLACE FUNCTION gapless.shard_coordinator() RETURNS TABLE (nodename text, nodeport integer)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY EXECUTE $$SELECT coalesce(n.nodename, current_setting('citus.local_hostname')), coalesce(n.nodeport, current_setting('port')::integer)
        FROM pg_dist_local_group AS g
        LEFT JOIN pg_dist_node AS n ON n.groupid = g.groupid AND n.noderole::text = 'primary'
        WHERE g.groupid = 0$$;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_coordinator IS
'Private, on the coordinator. Its name and port, as node_answers has them. No row on a worker.';

REVOKE ALL ON FUNCTION gapless.shard_coordinator FROM PUBLIC;
