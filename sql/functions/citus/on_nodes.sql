CREATE OR REPLACE FUNCTION gapless.on_nodes(
    command text
) RETURNS TABLE (nodename text, nodeport integer, result text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    answer record;
BEGIN
    FOR answer IN
        SELECT a.nodename, a.nodeport, a.success, a.result FROM gapless.node_answers(on_nodes.command) AS a
    LOOP
        IF NOT answer.success THEN
            RAISE EXCEPTION 'node %:%: %', answer.nodename, answer.nodeport, answer.result
                USING ERRCODE = 'external_routine_exception', SCHEMA = 'gapless';
        END IF;
        nodename := answer.nodename;
        nodeport := answer.nodeport;
        result := answer.result;
        RETURN NEXT;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.on_nodes IS
'Private. What a command gives on each node of Citus, the coordinator too, each in a transaction of its own: one row of one column. It waits for what the caller''s transaction has locked there, for ever. Raises 38000 if a node cannot be reached, is not active, or the command fails there, with the node and its message, and 55000 where there is no Citus.';

REVOKE ALL ON FUNCTION gapless.on_nodes FROM PUBLIC;
