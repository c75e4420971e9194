-- Its lock is a write (lock_sequence_by_writing). It waits for the holder, as long as lock_timeout allows.
CREATE OR REPLACE FUNCTION gapless.move_forward(
    name       text,
    last       bigint,
    attached   boolean, -- whether a column may number itself from it
    OUT moved  boolean,
    OUT former bigint   -- the newest value before, or NULL
) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    newest record;
    floor  numeric;
BEGIN
    -- The lock on a sequence that exists is a write, before anything is read, so that older snapshots get 40001.
    IF NOT gapless.lock_or_make_sequence(move_forward.name, false) THEN
        PERFORM gapless.lock_sequence_by_writing(move_forward.name);
        IF NOT attached THEN
            PERFORM gapless.check_not_attached(move_forward.name);
        END IF;
    END IF;
    PERFORM gapless.begin_at(move_forward.name, 1);
    SELECT n.last_value, n.next_ordinal
    INTO newest
    FROM gapless.last_run(move_forward.name) AS n;
    former := newest.last_value;
    SELECT coalesce(former, s.initial::numeric - 1) -- where a column has reserved it
    INTO floor
    FROM gapless.sequence_lock AS s
    WHERE s.name = move_forward.name COLLATE "C";
    IF move_forward.last < floor THEN
        RAISE EXCEPTION 'sequence "%" is at %, and cannot go back to %', move_forward.name, floor, move_forward.last
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Its numbers up to there were given out already. To begin anew, delete the sequence.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'adopt_forward';
    END IF;
    moved := (move_forward.last = former) IS NOT TRUE;
    IF moved THEN
        PERFORM gapless.drop_links(move_forward.name);
        INSERT INTO gapless.journal (name, ordinal, first_value, last_value, kind, dated)
        VALUES (move_forward.name, coalesce(newest.next_ordinal, 1), move_forward.last, move_forward.last, 'adopted', gapless.column_date_floor(move_forward.name))
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM gapless.raise_stale(move_forward.name);
        END IF;
        UPDATE gapless.sequence_lock AS s
        SET adoptions = s.adoptions + 1
        WHERE s.name = move_forward.name COLLATE "C";
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.move_forward IS
'Private, for adopt_gapless and forward_gapless. Lets a sequence go on after last, making it if there is none. Raises 55000 backwards and where it is closed, 55P03, 40001.';

REVOKE ALL ON FUNCTION gapless.move_forward FROM PUBLIC;
