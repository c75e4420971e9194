CREATE OR REPLACE FUNCTION gapless.raise_void(
    before gapless.void
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE EXCEPTION 'sequence "%": % is void already', before.name, before.value
        USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = format('%s voided it at %s: %s', before.voided_by, before.voided_at, left(before.reason, 200)),
            HINT = 'What was said stands.',
            SCHEMA = 'gapless', TABLE = 'void', CONSTRAINT = 'void_pkey';
END;
$function$;

COMMENT ON FUNCTION gapless.raise_void IS
'Private. Raises 55000 for a number that is void already, and says who voided it, when and why.';

REVOKE ALL ON FUNCTION gapless.raise_void FROM PUBLIC;
