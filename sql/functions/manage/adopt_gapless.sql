CREATE OR REPLACE FUNCTION gapless.adopt_gapless(
    name text,
    last bigint
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gapless.check_name(adopt_gapless.name);
    IF adopt_gapless.last IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the value to adopt must not be NULL', adopt_gapless.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the last number that was used, or 0 when none was and the first shall be 1.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', COLUMN = 'last';
    END IF;

    PERFORM gapless.move_forward(adopt_gapless.name, adopt_gapless.last, false);
END;
$function$;

COMMENT ON FUNCTION gapless.adopt_gapless IS
'Takes over numbering from another system or a restored backup: the next value is last + 1. Makes the sequence if there is none, and only ever moves it forward (55000; so also where a column numbers itself from it, or it is closed); to where it is already does nothing. Locks the sequence until the transaction ends. Raises 55P03 after lock_timeout; 22004, 22023 for arguments; 40001.';

REVOKE ALL ON FUNCTION gapless.adopt_gapless FROM PUBLIC;
