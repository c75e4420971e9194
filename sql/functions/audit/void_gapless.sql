-- Its lock is a write (lock_sequence_by_writing). It waits for the holder, as long as lock_timeout allows.
CREATE OR REPLACE FUNCTION gapless.void_gapless(
    name   text,
    value  bigint,
    reason text,
    number text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    entry  record;
    after  bigint;
    place  bigint;
    begins bigint; -- the ordinal of its row
    before gapless.void;
    text_of text;
BEGIN
    PERFORM gapless.check_name(void_gapless.name);
    IF void_gapless.value IS NULL AND number IS NULL OR void_gapless.reason IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the value to void and the reason must not be NULL', void_gapless.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Say which number was cancelled, and why.',
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = CASE WHEN void_gapless.value IS NULL THEN 'value' ELSE 'reason' END;
    ELSIF void_gapless.reason !~ '[^[:space:]]' THEN
        RAISE EXCEPTION 'sequence "%": the reason for voiding % must not be empty', void_gapless.name, void_gapless.value
            USING ERRCODE = 'invalid_parameter_value', HINT = 'An auditor will read it.',
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = 'reason';
    END IF;

    -- Without the write, a REPEATABLE READ transaction that deletes the sequence would leave a void behind that its
    -- snapshot lacks, and the next sequence of that name would have it.
    PERFORM gapless.lock_sequence_by_writing(void_gapless.name);
    IF void_gapless.value IS NULL THEN
        UPDATE gapless.known_text AS k
        SET reason = void_gapless.reason
        WHERE k.name = void_gapless.name COLLATE "C" AND k.number = void_gapless.number COLLATE "C" AND k.value IS NULL AND k.reason IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'sequence "%" has no number % from before that is not void', void_gapless.name, left(void_gapless.number, 100)
                USING ERRCODE = 'invalid_parameter_value', HINT = 'A number that gapless has issued is voided by its value.',
                    SCHEMA = 'gapless', TABLE = 'void', COLUMN = 'number';
        END IF;
        RETURN;
    END IF;
    -- From the newest row back: in the latest cycle the values fall.
    FOR entry IN
        SELECT j.ordinal, j.first_value, j.last_value, j.kind
        FROM gapless.journal AS j
        WHERE j.name = void_gapless.name COLLATE "C"
        ORDER BY j.ordinal DESC
    LOOP
        EXIT WHEN entry.last_value >= after; -- the cycle before
        IF void_gapless.value <= entry.last_value THEN
            place := CASE
                WHEN entry.kind = 'adopted' THEN entry.ordinal -- given out elsewhere, unless it is no greater than an older row's
                WHEN void_gapless.value < entry.first_value THEN NULL
                WHEN entry.kind = 'pruned' THEN entry.ordinal -- it may have adopted numbers, which count as one
                ELSE entry.ordinal + (void_gapless.value - entry.first_value)
            END;
            begins := entry.ordinal;
        END IF;
        EXIT WHEN void_gapless.value >= entry.first_value;
        after := entry.first_value;
    END LOOP;
    IF place IS NULL THEN
        RAISE EXCEPTION 'sequence "%" has not issued % in its latest cycle', void_gapless.name, void_gapless.value
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Only an issued number can be voided; the view gapless.sequences shows the newest, and on a coordinator of Citus gapless.node_sequences(), of all nodes.',
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = 'value';
    END IF;

    SELECT e.number
    INTO text_of
    FROM (
        SELECT j.texts[void_gapless.value - j.first_value + 1] AS number
        FROM gapless.journal AS j
        WHERE j.name = void_gapless.name COLLATE "C" AND j.ordinal <= place
        ORDER BY j.ordinal DESC
        LIMIT 1
    ) AS e;
    IF text_of IS NULL THEN
        SELECT k.number INTO text_of FROM gapless.known_text AS k WHERE k.name = void_gapless.name COLLATE "C" AND k.value = void_gapless.value;
    END IF;
    IF number <> text_of COLLATE "C" OR number IS NOT NULL AND text_of IS NULL THEN
        RAISE EXCEPTION 'sequence "%": % was not issued as %', void_gapless.name, void_gapless.value, left(number, 100)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the value alone; or for a text from before, the text alone.',
                DETAIL = coalesce('Its text is ' || text_of || '.', 'Its text is not known.'),
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = 'number';
    END IF;
    SELECT v.*
    INTO before
    FROM gapless.void AS v
    WHERE v.name = void_gapless.name COLLATE "C" AND v.value = void_gapless.value AND v.ordinal >= begins
    LIMIT 1;
    IF FOUND THEN
        PERFORM gapless.raise_void(before);
    END IF;
    INSERT INTO gapless.void (name, value, ordinal, reason, written)
    VALUES (void_gapless.name, void_gapless.value, place, void_gapless.reason, text_of);
END;
$function$;

COMMENT ON FUNCTION gapless.void_gapless IS
'Notes that an issued number, of the latest cycle, was cancelled, and why. It is never issued again; its row, which may be kept, can then be deleted. Locks the sequence until the transaction ends. Raises 22004, 22023 for arguments and for a value that was not issued; 55000 where it is void already; 55P03 after lock_timeout; 40001.';

REVOKE ALL ON FUNCTION gapless.void_gapless FROM PUBLIC;
