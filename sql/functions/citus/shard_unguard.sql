CREATE OR REPLACE FUNCTION gapless.shard_unguard(
    table_name  text,
    column_name name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    relation CONSTANT regclass := table_name::regclass;
BEGIN
    PERFORM gapless.shard_wait_less();
    PERFORM set_config('citus.enable_ddl_propagation', 'off', true);
    EXECUTE format('DROP TRIGGER %I ON %s', '~gapless_shard_' || column_name, relation);
END;
$function$;

COMMENT ON FUNCTION gapless.shard_unguard IS
'Private, for shard_gather, on the coordinator, in a transaction of its own: the next column of the table waits for what the caller''s has locked. Drops the guard of a table that is not distributed any more.';

REVOKE ALL ON FUNCTION gapless.shard_unguard FROM PUBLIC;
