-- Waits for a transaction that has the lock, or that is making the same sequence, as long as lock_timeout allows. With
-- nowait it gives up on one that is being made after a quarter of a second.
CREATE OR REPLACE FUNCTION gapless.lock_or_make_sequence(
    name   text,
    nowait boolean
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    made         boolean := false;
    tries        integer := 0;
    lock_timeout text;
BEGIN
    -- Another round is due only when someone else made or remade the sequence meanwhile, which needs a
    -- new snapshot to be seen: READ COMMITTED. Above it, the INSERT raises 40001.
    -- trap: no lock of a name's own
    WHILE NOT made LOOP
        IF gapless.lock_sequence(lock_or_make_sequence.name, lock_or_make_sequence.nowait) THEN
            EXIT;
        ELSIF lock_or_make_sequence.nowait THEN -- trap: nowait does not wait for the maker
            -- INSERT waits for an uncommitted row with the same key and has no NOWAIT. A short lock_timeout
            -- comes next to it; but it ends other waits, too, such as one for the table to be extended, so it
            -- is tried again with twice the time: 1, 2, ... 128 ms. An advisory lock a name would need no
            -- wait at all, but 100,000 new names in one transaction exhaust the lock table.
            lock_timeout := current_setting('lock_timeout');
            PERFORM set_config('lock_timeout', (1 << tries) || 'ms', true);
            BEGIN
                INSERT INTO gapless.sequence_lock (name) VALUES (lock_or_make_sequence.name) ON CONFLICT DO NOTHING;
                made := FOUND;
            EXCEPTION WHEN lock_not_available THEN
                tries := tries + 1;
                IF tries = 8 THEN -- trap: a short wait may be for something else
                    PERFORM gapless.raise_locked(lock_or_make_sequence.name);
                END IF;
            END;
            PERFORM set_config('lock_timeout', lock_timeout, true);
        ELSE
            INSERT INTO gapless.sequence_lock (name) VALUES (lock_or_make_sequence.name) ON CONFLICT DO NOTHING;
            made := FOUND;
        END IF;
    END LOOP;
    RETURN made;
END;
$function$;

COMMENT ON FUNCTION gapless.lock_or_make_sequence IS
'Private. Locks a sequence until the transaction ends, making it if there is none; true if it was made. Raises 55P03 when it is busy and nowait is set, 40001 under REPEATABLE READ and above when it is newer than the snapshot.';

REVOKE ALL ON FUNCTION gapless.lock_or_make_sequence FROM PUBLIC;
