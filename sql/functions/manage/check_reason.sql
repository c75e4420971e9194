CREATE OR REPLACE FUNCTION gapless.check_reason(
    name   text,
    reason text
) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF check_reason.reason IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the reason must not be NULL', check_reason.name
            USING ERRCODE = 'null_value_not_allowed', HINT = 'An auditor will read it.',
                SCHEMA = 'gapless', TABLE = 'decision', COLUMN = 'reason';
    ELSIF check_reason.reason !~ '[^[:space:]]' THEN
        RAISE EXCEPTION 'sequence "%": the reason must not be empty', check_reason.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'An auditor will read it.',
                SCHEMA = 'gapless', TABLE = 'decision', COLUMN = 'reason';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.check_reason IS
'Private. Raises 22004 for a reason that is NULL, 22023 for an empty one.';

REVOKE ALL ON FUNCTION gapless.check_reason FROM PUBLIC;
