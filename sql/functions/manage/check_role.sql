CREATE OR REPLACE FUNCTION gapless.check_role(
    role name
) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF check_role.role IS NULL THEN
        RAISE EXCEPTION 'the role must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the name of the application''s role.',
                SCHEMA = 'gapless';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.check_role IS
'Private. Raises 22004 where role is NULL.';

REVOKE ALL ON FUNCTION gapless.check_role FROM PUBLIC;
