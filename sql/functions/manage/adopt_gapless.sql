-- Its lock is a write (lock_sequence_by_writing). It waits for the holder, as long as lock_timeout allows.
CREATE OR REPLACE FUNCTION gapless.adopt_gapless(
    name text,
    last bigint
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest  bigint;
    ordinal bigint := 1::bigint;
BEGIN
    PERFORM gapless.check_name(adopt_gapless.name);
    IF adopt_gapless.last IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the value to adopt must not be NULL', adopt_gapless.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the last number that was used, or 0 when none was and the first shall be 1.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'last';
    END IF;

    -- The lock on a sequence that exists is a write, before anything is read, so that older snapshots get 40001.
    IF NOT gapless.lock_or_make_sequence(adopt_gapless.name, false) THEN
        PERFORM gapless.lock_sequence_by_writing(adopt_gapless.name);
        PERFORM gapless.check_not_attached(adopt_gapless.name);
        SELECT n.last_value, n.next_ordinal
        INTO newest, ordinal
        FROM gapless.newest_run(adopt_gapless.name) AS n;
        IF adopt_gapless.last < newest THEN
            RAISE EXCEPTION 'sequence "%" is at %, and cannot go back to %',
                adopt_gapless.name, newest, adopt_gapless.last
                USING ERRCODE = 'object_not_in_prerequisite_state',
                    HINT = 'Its numbers up to there were given out already. To begin anew, delete the sequence.',
                    SCHEMA = 'gapless', TABLE = 'sequence', CONSTRAINT = 'adopt_forward';
        ELSIF adopt_gapless.last = newest THEN
            RETURN;
        END IF;
        ordinal := coalesce(ordinal, 1);
    END IF;

    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, kind)
    VALUES (adopt_gapless.name, ordinal, adopt_gapless.last, adopt_gapless.last, 'adopted')
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM gapless.raise_stale(adopt_gapless.name);
    END IF;
    UPDATE gapless.sequence AS s
    SET adoptions = s.adoptions + 1
    WHERE s.name = adopt_gapless.name COLLATE "C";
END;
$function$;

COMMENT ON FUNCTION gapless.adopt_gapless IS
'Takes over numbering from another system or a restored backup: the next value is last + 1. Makes the sequence if there is none, and only ever moves it forward (55000; so also where a column numbers itself from it); to where it is already does nothing. Locks the sequence until the transaction ends. Raises 55P03 after lock_timeout; 22004, 22023 for arguments; 40001.';

REVOKE ALL ON FUNCTION gapless.adopt_gapless FROM PUBLIC;
