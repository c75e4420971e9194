CREATE OR REPLACE FUNCTION gapless.node_holders() RETURNS TABLE (
    nodename         text,
    nodeport         integer,
    name             text,     -- from here on as in gapless.holders
    state            text,
    pid              integer,
    prepared_as      text,
    application_name text,
    user_name        text,
    transaction_age  interval,
    query            text
)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT n.nodename, n.nodeport, q.name, q.state, q.pid, q.prepared_as, q.application_name, q.user_name, make_interval(secs => q.seconds), q.query
    FROM gapless.on_nodes($$SELECT coalesce(json_agg(q), '[]') FROM (SELECT h.*, extract(epoch FROM h.transaction_age) AS seconds FROM gapless.holders AS h) AS q$$) AS n
    CROSS JOIN LATERAL json_to_recordset(n.result::json) AS q (
        name text, state text, pid integer, prepared_as text, application_name text, user_name text, seconds double precision, query text
    )
    ORDER BY q.name COLLATE "C", n.nodename, n.nodeport, q.state, q.pid;
END;
$function$;

COMMENT ON FUNCTION gapless.node_holders IS
'On the coordinator of Citus: gapless.holders of all nodes, with the node. The application_name of what Citus sends has the global pid of the client''s session, which pg_cancel_backend takes. Raises 38000 if a node cannot be reached, is not active, or has no gapless, and 55000 where there is no Citus.';

REVOKE ALL ON FUNCTION gapless.node_holders FROM PUBLIC;
