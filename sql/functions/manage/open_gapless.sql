-- Its lock is a write (lock_sequence_by_writing). It waits for the holder, as long as lock_timeout allows.
CREATE OR REPLACE FUNCTION gapless.open_gapless(
    name   text,
    reason text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    last bigint;
BEGIN
    PERFORM gapless.check_name(open_gapless.name);
    PERFORM gapless.check_reason(open_gapless.name, open_gapless.reason);
    PERFORM gapless.lock_sequence_by_writing(open_gapless.name);
    DELETE FROM gapless.journal AS j
    WHERE j.name = open_gapless.name COLLATE "C"
        AND j.kind = 'closed'
        AND j.ordinal = (SELECT max(n.ordinal) FROM gapless.journal AS n WHERE n.name = open_gapless.name COLLATE "C");
    IF NOT FOUND THEN
        RAISE EXCEPTION 'sequence "%" is not closed', open_gapless.name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'The view gapless.sequences shows which are.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'gapless_open';
    END IF;
    SELECT n.last_value INTO last FROM gapless.last_run(open_gapless.name) AS n;
    PERFORM gapless.decide(open_gapless.name, 'opened', last, last, open_gapless.reason);
END;
$function$;

COMMENT ON FUNCTION gapless.open_gapless IS
'Opens a sequence that close_gapless has closed, and notes why: it goes on after its newest value. Locks it until the transaction ends, and no table. Raises 55000 where it is not closed; 22004, 22023 for arguments; 55P03 after lock_timeout; 40001.';

REVOKE ALL ON FUNCTION gapless.open_gapless FROM PUBLIC;
