CREATE OR REPLACE FUNCTION gapless.shard_check_session() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    fault text;
    hint  text;
    busy  boolean;
    worker boolean;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN
        RAISE EXCEPTION 'there are no shards: database "%" has no Citus', current_database()
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Connect to the coordinator.', SCHEMA = 'gapless';
    END IF;
    EXECUTE 'SELECT g.groupid <> 0, t.transaction_number <> 0 FROM pg_dist_local_group AS g CROSS JOIN get_current_transaction_id() AS t' INTO worker, busy;
    IF worker THEN
        fault := 'this is not the coordinator';
        hint := 'Connect to the coordinator.';
    ELSIF NOT pg_has_role((SELECT n.nspowner FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'gapless'), 'USAGE') THEN
        RAISE EXCEPTION 'only the owner of schema gapless, who also owns the table, can attach the shards of a distributed table'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Ask a member of both roles.', SCHEMA = 'gapless';
    ELSIF busy THEN
        fault := 'this transaction has used distributed tables, and each shard is attached in a transaction of its own, which would wait for it';
        hint := 'Call it in a transaction of its own.';
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'shards cannot be attached here: %', fault
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = hint, SCHEMA = 'gapless', CONSTRAINT = 'shard_session';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('gapless.shard', 0)); -- one at a time
END;
$function$;

COMMENT ON FUNCTION gapless.shard_check_session IS
'Private. Raises 55000 unless the session is on a coordinator of Citus whose transaction has not begun on workers, and 42501 unless it may attach shards. Takes a lock, so that one at a time does, until the transaction ends.';

REVOKE ALL ON FUNCTION gapless.shard_check_session FROM PUBLIC;
