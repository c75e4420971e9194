-- The coordinator keeps moves waiting meanwhile, and they other writers. A writer that waits for one of these, and whose lock
-- is waited for here, is a deadlock that nobody finds.
CREATE OR REPLACE FUNCTION gapless.shard_wait_less() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM set_config('lock_timeout', '10s', true) WHERE current_setting('lock_timeout') = '0';
END;
$function$;

COMMENT ON FUNCTION gapless.shard_wait_less IS
'Private, for what the coordinator has a node do. Sets lock_timeout to 10 seconds until the transaction ends, unless it is set.';

REVOKE ALL ON FUNCTION gapless.shard_wait_less FROM PUBLIC;
