CREATE OR REPLACE FUNCTION gapless.forward_gapless(
    name   text,
    last   bigint,
    reason text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    forward record;
BEGIN
    PERFORM gapless.check_name(forward_gapless.name);
    PERFORM gapless.check_reason(forward_gapless.name, forward_gapless.reason);
    IF forward_gapless.last IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the last number to pass over must not be NULL', forward_gapless.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the last number that will not be issued; the next one is that + 1.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', COLUMN = 'last';
    END IF;
    forward := gapless.move_forward(forward_gapless.name, forward_gapless.last, true);
    IF forward.moved THEN
        PERFORM gapless.decide(
            forward_gapless.name,
            CASE WHEN forward.former IS NULL THEN 'started' ELSE 'forwarded' END,
            forward.former + 1,
            forward_gapless.last,
            forward_gapless.reason
        );
        PERFORM gapless.forget_note(forward_gapless.name); -- trap: what was noted of the next number is over
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.forward_gapless IS
'Passes over the numbers up to last, which gapless has not issued and never will, and notes why: the next value is last + 1. A sequence that is new starts there. To where it is already, does nothing. Locks the sequence until the transaction ends, and no table. Raises 55000 backwards and where it is closed; 22004, 22023 for arguments; 55P03 after lock_timeout; 40001.';

REVOKE ALL ON FUNCTION gapless.forward_gapless FROM PUBLIC;
