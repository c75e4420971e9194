-- application_privileges: private; the one list of what an application may do, as statements.
--
-- statement has a place for the privilege and its object, then one for the role. Raises 22004 (role NULL).
CREATE OR REPLACE FUNCTION gapless.application_privileges(
    statement text,
    role      name
) RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF application_privileges.role IS NULL THEN
        RAISE EXCEPTION 'the role must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the name of the application''s role.',
                SCHEMA = 'gapless';
    END IF;
    RETURN QUERY
    SELECT format(application_privileges.statement, p.privilege, application_privileges.role)
    FROM unnest(ARRAY[
        'USAGE ON SCHEMA gapless',
        'EXECUTE ON FUNCTION gapless.next_gapless',
        'EXECUTE ON FUNCTION gapless.next_gapless_batch',
        'EXECUTE ON FUNCTION gapless.last_gapless',
        'EXECUTE ON FUNCTION gapless.peek_gapless',
        'SELECT ON TABLE gapless.sequences',
        'SELECT ON TABLE gapless.holders'
    ]) AS p (privilege);
END;
$function$;

COMMENT ON FUNCTION gapless.application_privileges IS
'Private. What grant_gapless grants and revoke_gapless revokes: statement, formatted once for each privilege. Raises 22004 where role is NULL.';

REVOKE ALL ON FUNCTION gapless.application_privileges FROM PUBLIC;
