-- A node that is not active is left out by Citus without a word, though shards may be placed on it.
CREATE OR REPLACE FUNCTION gapless.node_answers(
    command text
) RETURNS TABLE (
    nodename text,
    nodeport integer,
    success  boolean,
    result   text
)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF to_regclass('pg_catalog.pg_dist_node') IS NULL THEN
        RAISE EXCEPTION 'there are no nodes: database "%" has no Citus', current_database()
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Connect to the coordinator.', SCHEMA = 'gapless';
    END IF;
    RETURN QUERY EXECUTE $$SELECT a.nodename, a.nodeport, a.success, regexp_replace(a.result, '^ERROR: +', '')
        FROM (
            SELECT coalesce(n.nodename, current_setting('citus.local_hostname')) AS nodename, coalesce(n.nodeport, current_setting('port')::integer) AS nodeport,
                n.groupid, n.nodeid, r.success, r.result
            FROM run_command_on_all_nodes($1) AS r
            LEFT JOIN pg_dist_node AS n ON n.nodeid = r.nodeid
            UNION ALL
            SELECT n.nodename, n.nodeport, n.groupid, n.nodeid, false, 'it is not active (pg_dist_node)'
            FROM pg_dist_node AS n
            WHERE n.noderole = 'primary' AND NOT n.isactive
        ) AS a
        ORDER BY a.groupid, a.nodeid$$
    USING node_answers.command;
END;
$function$;

COMMENT ON FUNCTION gapless.node_answers IS
'Private. What a command gives on each node of Citus, the coordinator too, each in a transaction of its own: one row of one column, or why there is none. It waits for what the caller''s transaction has locked there, for ever. Raises 55000 where there is no Citus.';

REVOKE ALL ON FUNCTION gapless.node_answers FROM PUBLIC;
