CREATE OR REPLACE FUNCTION gapless.shard_detach(
    shard_name  text,
    column_name name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM set_config('citus.enable_manual_changes_to_shards', 'on', true), set_config('citus.enable_ddl_propagation', 'off', true);
    PERFORM gapless.detach_gapless(shard_name::regclass, column_name);
END;
$function$;

COMMENT ON FUNCTION gapless.shard_detach IS
'Private, for the coordinator, on a node: detaches the column of a shard. Locks and raises as detach_gapless does.';

REVOKE ALL ON FUNCTION gapless.shard_detach FROM PUBLIC;
