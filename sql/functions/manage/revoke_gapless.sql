-- Runs with the caller's rights: only the owner can revoke.
CREATE OR REPLACE FUNCTION gapless.revoke_gapless(
    role name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gapless.check_role(revoke_gapless.role);
    EXECUTE format('REVOKE USAGE ON SCHEMA gapless FROM %I', revoke_gapless.role);
    EXECUTE format(
        'REVOKE EXECUTE ON FUNCTION gapless.next_gapless, gapless.next_gapless_batch, '
        'gapless.last_gapless, gapless.peek_gapless, '
        'gapless.mark_gapless, gapless.outcome_gapless, gapless.flush_gapless FROM %I',
        revoke_gapless.role
    );
    EXECUTE format('REVOKE SELECT ON TABLE gapless.sequences, gapless.ranges, gapless.holders, gapless.columns FROM %I', revoke_gapless.role);
END;
$function$;

COMMENT ON FUNCTION gapless.revoke_gapless IS
'Takes back what grant_gapless gives. What was granted by hand stays, but without USAGE on the schema it is out of reach. Raises 22004 for NULL, 42704 where there is no such role. ''public'' is everyone, as in GRANT.';

REVOKE ALL ON FUNCTION gapless.revoke_gapless FROM PUBLIC;
