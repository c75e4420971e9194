-- Runs with the caller's rights: only the owner can revoke.
CREATE OR REPLACE FUNCTION gapless.revoke_gapless(
    role name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    citus CONSTANT text := current_setting('citus.enable_ddl_propagation', true);
BEGIN
    PERFORM gapless.check_role(revoke_gapless.role);
    PERFORM w.result FROM gapless.on_workers(format('SELECT gapless.revoke_gapless(%L)', revoke_gapless.role)) AS w;
    PERFORM set_config('citus.enable_ddl_propagation', 'off', true) WHERE citus <> ''; -- which the workers would wait for
    EXECUTE format('REVOKE USAGE ON SCHEMA gapless FROM %I', revoke_gapless.role);
    EXECUTE format(
        'REVOKE EXECUTE ON FUNCTION gapless.next_gapless, gapless.next_gapless_batch, '
        'gapless.last_gapless, gapless.peek_gapless, '
        'gapless.mark_gapless, gapless.outcome_gapless, gapless.flush_gapless FROM %I',
        revoke_gapless.role
    );
    EXECUTE format('REVOKE SELECT ON TABLE gapless.sequences, gapless.ranges, gapless.holders, gapless.columns FROM %I', revoke_gapless.role);
    PERFORM set_config('citus.enable_ddl_propagation', citus, true) WHERE citus <> '';
END;
$function$;

COMMENT ON FUNCTION gapless.revoke_gapless IS
'Takes back what grant_gapless gives. What was granted by hand stays, but without USAGE on the schema it is out of reach. On a coordinator of Citus it does so on the workers, too, before and in transactions of their own. Raises 22004 for NULL, 38000 where a worker cannot be reached or refuses, 42704 where there is no such role. ''public'' is everyone, as in GRANT.';

REVOKE ALL ON FUNCTION gapless.revoke_gapless FROM PUBLIC;
