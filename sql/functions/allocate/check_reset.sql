CREATE OR REPLACE FUNCTION gapless.check_reset(
    name    text,
    initial bigint,
    reset   bigint
) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF check_reset.reset <= check_reset.initial THEN
        RAISE EXCEPTION 'sequence "%": reset (%) must be above initial (%)',
            check_reset.name, check_reset.reset, check_reset.initial
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'The cycle runs from initial to reset - 1. Give a larger reset, or NULL for no cycle.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', COLUMN = 'reset';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.check_reset IS
'Private. Raises 22023 unless reset is NULL or above initial.';

REVOKE ALL ON FUNCTION gapless.check_reset FROM PUBLIC;
