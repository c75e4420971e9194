CREATE OR REPLACE FUNCTION gapless.on_workers(
    command text
) RETURNS TABLE (nodename text, nodeport integer, result text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    coordinator boolean := false;
    answer      record;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_local_group') IS NOT NULL THEN
        EXECUTE 'SELECT g.groupid = 0 FROM pg_dist_local_group AS g' INTO coordinator;
    END IF;
    IF NOT coordinator THEN
        RETURN;
    END IF;
    FOR answer IN
        EXECUTE 'SELECT r.nodename, r.nodeport, r.success, r.result FROM run_command_on_workers($1) AS r ORDER BY r.success, r.nodename, r.nodeport'
        USING on_workers.command
    LOOP
        IF NOT answer.success THEN
            RAISE EXCEPTION 'node %:%: %', answer.nodename, answer.nodeport, regexp_replace(answer.result, '^ERROR: +', '')
                USING ERRCODE = 'external_routine_exception', SCHEMA = 'gapless';
        END IF;
        nodename := answer.nodename;
        nodeport := answer.nodeport;
        result := answer.result;
        RETURN NEXT;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.on_workers IS
'Private. What a command gives on each worker of a coordinator of Citus, each in a transaction of its own: one row of one column. No row where the database is no coordinator. It waits for what the caller''s transaction has locked there, for ever. Raises 38000 if a worker cannot be reached or the command fails there, with the node and its message; it may have been done on the others.';

REVOKE ALL ON FUNCTION gapless.on_workers FROM PUBLIC;
