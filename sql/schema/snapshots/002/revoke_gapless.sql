-- revoke_gapless: takes back what grant_gapless gives.
--
-- Runs with the caller's rights: only the owner can revoke. Raises 22004 (NULL), 42704 (no such role).
CREATE OR REPLACE FUNCTION gapless.revoke_gapless(
    role name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT s FROM gapless.application_privileges('REVOKE %s FROM %I', revoke_gapless.role) AS s LOOP
        EXECUTE statement;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.revoke_gapless IS
'Takes back what grant_gapless gives. What was granted by hand stays, but without USAGE on the schema it is out of reach. Raises 22004 for NULL, 42704 where there is no such role. ''public'' is everyone, as in GRANT.';

REVOKE ALL ON FUNCTION gapless.revoke_gapless FROM PUBLIC;
