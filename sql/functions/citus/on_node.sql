-- Citus is named in EXECUTE alone: the same schema is installed where there is none.
CREATE OR REPLACE FUNCTION gapless.on_node(
    nodename text,
    nodeport integer,
    command  text
) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    answer record;
BEGIN
    EXECUTE 'SELECT r.success, r.result FROM master_run_on_worker(ARRAY[$1], ARRAY[$2], ARRAY[$3], false) AS r'
    INTO answer
    USING on_node.nodename, on_node.nodeport, on_node.command;
    IF NOT answer.success THEN
        RAISE EXCEPTION 'node %:%: %', on_node.nodename, on_node.nodeport, regexp_replace(answer.result, '^ERROR: +', '')
            USING ERRCODE = 'external_routine_exception', SCHEMA = 'gapless';
    END IF;
    RETURN answer.result;
END;
$function$;

COMMENT ON FUNCTION gapless.on_node IS
'Private. What a command gives that a node of Citus runs, in a transaction of its own: one row of one column. It waits for what the caller''s transaction has locked there, for ever. Raises 38000 if the node cannot be reached or the command fails, with the node and its message.';

REVOKE ALL ON FUNCTION gapless.on_node FROM PUBLIC;
