-- Runs with the caller's rights: only the owner can grant.
CREATE OR REPLACE FUNCTION gapless.grant_gapless(
    role name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    citus CONSTANT text := current_setting('citus.enable_ddl_propagation', true);
BEGIN
    PERFORM gapless.check_role(grant_gapless.role);
    PERFORM w.result FROM gapless.on_workers(format('SELECT gapless.grant_gapless(%L)', grant_gapless.role)) AS w;
    PERFORM set_config('citus.enable_ddl_propagation', 'off', true) WHERE citus <> ''; -- which the workers would wait for
    EXECUTE format('GRANT USAGE ON SCHEMA gapless TO %I', grant_gapless.role);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION gapless.next_gapless, gapless.next_gapless_batch, '
        'gapless.last_gapless, gapless.peek_gapless, '
        'gapless.mark_gapless, gapless.outcome_gapless, gapless.flush_gapless TO %I',
        grant_gapless.role
    );
    EXECUTE format('GRANT SELECT ON TABLE gapless.sequences, gapless.ranges, gapless.holders, gapless.columns TO %I', grant_gapless.role);
    PERFORM set_config('citus.enable_ddl_propagation', citus, true) WHERE citus <> '';
END;
$function$;

COMMENT ON FUNCTION gapless.grant_gapless IS
'Gives a role what an application needs: USAGE on the schema, EXECUTE on the functions that allocate, read, and see to commits, SELECT on the views. delete_gapless, adopt_gapless and prune_gapless are granted one by one, by hand. A role that may allocate may also restart a sequence, by giving a reset: a unique index on the numbered column guards against that. Call it again after an upgrade. On a coordinator of Citus it does so on the workers, too, before and in transactions of their own. Raises 22004 for NULL, 38000 where a worker cannot be reached or refuses, 42704 where there is no such role. ''public'' is everyone, as in GRANT.';

REVOKE ALL ON FUNCTION gapless.grant_gapless FROM PUBLIC;
