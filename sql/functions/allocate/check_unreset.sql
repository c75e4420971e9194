CREATE OR REPLACE FUNCTION gapless.check_unreset(
    name  text,
    reset bigint
) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF reset IS NOT NULL THEN
        RAISE EXCEPTION 'sequence "%" has ranges, so it cannot begin anew at reset', check_unreset.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave reset out: the next range follows by itself.',
                SCHEMA = 'gapless', TABLE = 'number_range', CONSTRAINT = 'gapless_range_reset';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.check_unreset IS
'Private, for sequences with ranges. Raises 22023 unless reset is NULL.';

REVOKE ALL ON FUNCTION gapless.check_unreset FROM PUBLIC;
