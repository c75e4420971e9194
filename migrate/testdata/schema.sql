-- The schema as pg_dump of PostgreSQL 15 shows it, made by "make generate". DO NOT EDIT.
CREATE SCHEMA gapless;
COMMENT ON SCHEMA gapless IS 'Numbers without holes. Start with gapless.next_gapless(name); give an application its rights with gapless.grant_gapless(role).';
CREATE TYPE gapless.allocation_kind AS ENUM (
    'issued',
    'adopted',
    'pruned'
);
COMMENT ON TYPE gapless.allocation_kind IS 'How the values of a journal row were given out. ''issued'': by next_gapless or next_gapless_batch. ''adopted'': by another system, before adopt_gapless. ''pruned'': the row stands for the older ones that prune_gapless dropped. A type and not a CHECK, which would cost each allocation 2 microseconds.';
CREATE FUNCTION gapless.adopt_gapless(name text, last bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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
    IF NOT gapless.open_sequence(adopt_gapless.name, false) THEN
        UPDATE gapless.sequence AS s
        SET adoptions = s.adoptions
        WHERE s.name = adopt_gapless.name COLLATE "C";
        SELECT a.last_value, a.ordinal + (a.last_value - a.first_value) + 1
        INTO STRICT newest, ordinal
        FROM gapless.allocation AS a
        WHERE a.name = adopt_gapless.name COLLATE "C"
        ORDER BY a.ordinal DESC
        LIMIT 1;
        IF adopt_gapless.last < newest THEN
            RAISE EXCEPTION 'sequence "%" is at %, and cannot go back to %',
                adopt_gapless.name, newest, adopt_gapless.last
                USING ERRCODE = 'object_not_in_prerequisite_state',
                    HINT = 'Its numbers up to there were given out already. To begin anew, delete the sequence.',
                    SCHEMA = 'gapless', TABLE = 'sequence', CONSTRAINT = 'adopt_forward';
        ELSIF adopt_gapless.last = newest THEN
            RETURN;
        END IF;
    END IF;
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, kind)
    VALUES (adopt_gapless.name, ordinal, adopt_gapless.last, adopt_gapless.last, 'adopted')
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM gapless.raise_stale(adopt_gapless.name);
    END IF;
    UPDATE gapless.sequence AS s
    SET adoptions = s.adoptions + 1
    WHERE s.name = adopt_gapless.name COLLATE "C";
END;
$$;
COMMENT ON FUNCTION gapless.adopt_gapless(name text, last bigint) IS 'Takes over numbering from another system or a restored backup: the next value is last + 1. Makes the sequence if there is none, and only ever moves it forward (55000); to where it is already does nothing. Locks the sequence until the transaction ends. Raises 55P03 after lock_timeout; 22004, 22023 for arguments; 40001.';
CREATE FUNCTION gapless.check_name(name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF check_name.name IS NULL THEN
        RAISE EXCEPTION 'the name of a sequence must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the name of a sequence, 1 to 255 bytes long.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'name';
    ELSIF octet_length(check_name.name) NOT BETWEEN 1 AND 255 THEN
        RAISE EXCEPTION 'sequence "%": its name has % bytes, and must have 1 to 255',
            left(check_name.name, 40), octet_length(check_name.name)
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Give another name; if it is too long, a hash of its variable part.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'name', CONSTRAINT = 'sequence_name_length';
    END IF;
END;
$$;
COMMENT ON FUNCTION gapless.check_name(name text) IS 'Private. Raises 22004 (NULL) or 22023 (empty, or more than 255 bytes) unless name can be the name of a sequence.';
CREATE FUNCTION gapless.check_reset(name text, initial bigint, reset bigint) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF check_reset.reset <= check_reset.initial THEN
        RAISE EXCEPTION 'sequence "%": reset (%) must be above initial (%)',
            check_reset.name, check_reset.reset, check_reset.initial
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'The cycle runs from initial to reset - 1. Give a larger reset, or NULL for no cycle.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'reset';
    END IF;
END;
$$;
COMMENT ON FUNCTION gapless.check_reset(name text, initial bigint, reset bigint) IS 'Private. Raises 22023 unless reset is NULL or above initial.';
CREATE FUNCTION gapless.check_role(role name) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF check_role.role IS NULL THEN
        RAISE EXCEPTION 'the role must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the name of the application''s role.',
                SCHEMA = 'gapless';
    END IF;
END;
$$;
COMMENT ON FUNCTION gapless.check_role(role name) IS 'Private. Raises 22004 where role is NULL.';
CREATE FUNCTION gapless.delete_gapless(name text DEFAULT 'default'::text, nowait boolean DEFAULT false) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    PERFORM gapless.check_name(delete_gapless.name);
    IF delete_gapless.nowait AND NOT gapless.lock_sequence(delete_gapless.name, true) THEN
        RETURN false;
    END IF;
    -- Written before anything is read: a holder's row is seen only by a statement after the wait, and
    -- transactions with an older snapshot get 40001. Another round is due when the holder remade it.
    LOOP
        DELETE FROM gapless.sequence AS s WHERE s.name = delete_gapless.name COLLATE "C";
        EXIT WHEN FOUND;
        IF NOT EXISTS (SELECT FROM gapless.sequence AS s WHERE s.name = delete_gapless.name COLLATE "C") THEN
            RETURN false;
        END IF;
    END LOOP;
    -- A journal row that this snapshot cannot see would stay behind and number the next sequence of that
    -- name. It stands at the next ordinal, where this row collides with it: 40001.
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value)
    SELECT a.name, a.ordinal + (a.last_value - a.first_value) + 1, a.last_value, a.last_value
    FROM gapless.allocation AS a
    WHERE a.name = delete_gapless.name COLLATE "C"
    ORDER BY a.ordinal DESC
    LIMIT 1
    ON CONFLICT DO NOTHING;
    DELETE FROM gapless.allocation AS a WHERE a.name = delete_gapless.name COLLATE "C";
    RETURN true;
END;
$$;
COMMENT ON FUNCTION gapless.delete_gapless(name text, nowait boolean) IS 'Forgets a sequence and its journal; true if it existed. The next call of next_gapless begins anew, so numbers already used come again. Locks the sequence until the transaction ends. Raises 55P03 when it is busy and nowait is set, or after lock_timeout; 22004, 22023 for the name; 40001.';
CREATE FUNCTION gapless.grant_gapless(role name) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM gapless.check_role(grant_gapless.role);
    EXECUTE format('GRANT USAGE ON SCHEMA gapless TO %I', grant_gapless.role);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION gapless.next_gapless, gapless.next_gapless_batch, '
        'gapless.last_gapless, gapless.peek_gapless TO %I',
        grant_gapless.role
    );
    EXECUTE format('GRANT SELECT ON TABLE gapless.sequences, gapless.holders TO %I', grant_gapless.role);
END;
$$;
COMMENT ON FUNCTION gapless.grant_gapless(role name) IS 'Gives a role what an application needs: USAGE on the schema, EXECUTE on the functions that allocate and read, SELECT on the views. To delete, adopt and prune is granted one by one, by hand. Whoever may allocate may also restart a sequence, by giving a reset: a unique index on the numbered column guards against that. Call it again after an upgrade. Raises 22004 for NULL, 42704 where there is no such role. ''public'' is everyone, as in GRANT.';
CREATE FUNCTION gapless.last_gapless(name text DEFAULT 'default'::text) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    PERFORM gapless.check_name(last_gapless.name);
    RETURN (
        SELECT a.last_value
        FROM gapless.allocation AS a
        WHERE a.name = last_gapless.name COLLATE "C"
        ORDER BY a.ordinal DESC
        LIMIT 1
    );
END;
$$;
COMMENT ON FUNCTION gapless.last_gapless(name text) IS 'The newest value of a sequence in the caller''s snapshot, its own uncommitted ones included; NULL if there is none. Takes no lock, so another transaction may be past it already. Raises 22004 or 22023 for the name.';
CREATE FUNCTION gapless.lock_sequence(name text, nowait boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    locked boolean;
BEGIN
    IF lock_sequence.nowait THEN
        -- SKIP LOCKED and not NOWAIT, whose error names the table and not the sequence.
        PERFORM FROM gapless.sequence AS s
        WHERE s.name = lock_sequence.name COLLATE "C"
        FOR NO KEY UPDATE SKIP LOCKED;
        locked := FOUND;
        IF NOT locked AND EXISTS (
            SELECT FROM gapless.sequence AS s WHERE s.name = lock_sequence.name COLLATE "C"
        ) THEN
            PERFORM gapless.raise_locked(lock_sequence.name);
        END IF;
    ELSE
        PERFORM FROM gapless.sequence AS s
        WHERE s.name = lock_sequence.name COLLATE "C"
        FOR NO KEY UPDATE;
        locked := FOUND;
    END IF;
    RETURN locked;
END;
$$;
COMMENT ON FUNCTION gapless.lock_sequence(name text, nowait boolean) IS 'Private. Locks a sequence until the transaction ends; false if it does not exist. Raises 55P03 when it is busy and nowait is set.';
CREATE FUNCTION gapless.next_gapless(name text DEFAULT 'default'::text, initial bigint DEFAULT 1, reset bigint DEFAULT NULL::bigint, nowait boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    start bigint := coalesce(next_gapless.initial, 1);
    value bigint;
BEGIN
    -- The hot path: every statement here costs all who wait. What it cannot do is left to next_gapless_batch,
    -- below: the first value, nowait, an argument to refuse, the end of the range, and the isolation levels
    -- at which INSERT needs ON CONFLICT, which costs it a second WAL record and 3 of some 25 microseconds.
    IF current_setting('transaction_isolation') = 'read committed'
        AND (next_gapless.nowait OR next_gapless.reset <= start) IS NOT TRUE
    THEN
        PERFORM FROM gapless.sequence AS s
        WHERE s.name = next_gapless.name COLLATE "C"
        FOR NO KEY UPDATE;
        IF FOUND THEN
            -- A statement of its own, so that it reads what the lock's last holder wrote. The column defaults
            -- fill in who and when.
            INSERT INTO gapless.allocation (name, ordinal, first_value, last_value)
            SELECT newest.name, newest.ordinal, newest.value, newest.value
            FROM (
                SELECT
                    a.name,
                    a.ordinal + (a.last_value - a.first_value) + 1 AS ordinal,
                    gapless.successor(a.last_value, start, next_gapless.reset) AS value
                FROM gapless.allocation AS a
                WHERE a.name = next_gapless.name COLLATE "C"
                ORDER BY a.ordinal DESC
                LIMIT 1
            ) AS newest
            WHERE newest.value IS NOT NULL
            RETURNING last_value INTO value;
            IF FOUND THEN
                RETURN value;
            END IF;
        END IF;
    END IF;
    RETURN (
        SELECT v
        FROM gapless.next_gapless_batch(
            next_gapless.name, 1, start, next_gapless.reset, next_gapless.nowait
        ) AS v
    );
END;
$$;
COMMENT ON FUNCTION gapless.next_gapless(name text, initial bigint, reset bigint, nowait boolean) IS 'The next value of a sequence, in the caller''s transaction: 1, 2, 3, without a hole. The first call gives initial; a value that would reach reset becomes initial. Locks the sequence until the transaction ends. Raises 55P03 when it is busy and nowait is set, or after lock_timeout; 22004, 22023 for arguments; 2200H past 2^63-1; 40001 and 40P01, for which the transaction is to be retried.';
CREATE FUNCTION gapless.next_gapless_batch(name text, size bigint, initial bigint DEFAULT 1, reset bigint DEFAULT NULL::bigint, nowait boolean DEFAULT false) RETURNS SETOF bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    start     bigint := coalesce(next_gapless_batch.initial, 1);
    remaining bigint := next_gapless_batch.size;
    ordinal   bigint;
    value     bigint; -- the run's first
    last      bigint; -- the run's last
BEGIN
    PERFORM gapless.check_name(next_gapless_batch.name);
    PERFORM gapless.check_reset(next_gapless_batch.name, start, next_gapless_batch.reset);
    IF remaining IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the size of a batch must not be NULL', next_gapless_batch.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Say how many values to allocate.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'size';
    ELSIF remaining < 0 THEN
        RAISE EXCEPTION 'sequence "%": the size of a batch must not be negative, but is %',
            next_gapless_batch.name, remaining
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Say how many values to allocate; 0 allocates none.',
                SCHEMA = 'gapless', TABLE = 'sequence', COLUMN = 'size';
    ELSIF remaining = 0 THEN
        RETURN;
    END IF;
    IF gapless.open_sequence(next_gapless_batch.name, coalesce(next_gapless_batch.nowait, false)) THEN
        ordinal := 1;
        value := start;
    ELSE
        -- In a statement after the lock's, so that READ COMMITTED reads what its last holder wrote.
        SELECT
            a.ordinal + (a.last_value - a.first_value) + 1,
            gapless.successor(a.last_value, start, next_gapless_batch.reset)
        INTO STRICT ordinal, value
        FROM gapless.allocation AS a
        WHERE a.name = next_gapless_batch.name COLLATE "C"
        ORDER BY a.ordinal DESC
        LIMIT 1;
    END IF;
    LOOP
        -- numeric, since a bigint sum could overflow on the way to its limit.
        last := least(value::numeric + remaining - 1, next_gapless_batch.reset - 1, 9223372036854775807)::bigint;
        IF value IS NULL OR (next_gapless_batch.reset IS NULL AND last - value < remaining - 1) THEN
            PERFORM gapless.raise_exhausted(next_gapless_batch.name, next_gapless_batch.size);
        END IF;
        -- A row that this snapshot cannot see (REPEATABLE READ and above) has the same ordinal, and ON
        -- CONFLICT raises 40001 for it. Whatever else kept ours from being written, no value may leave without.
        INSERT INTO gapless.allocation (name, ordinal, first_value, last_value)
        VALUES (next_gapless_batch.name, ordinal, value, last)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            PERFORM gapless.raise_stale(next_gapless_batch.name);
        END IF;
        RETURN QUERY SELECT generate_series(value, last);
        ordinal := ordinal + (last - value) + 1;
        remaining := remaining - (last - value) - 1;
        EXIT WHEN remaining = 0;
        value := start;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION gapless.next_gapless_batch(name text, size bigint, initial bigint, reset bigint, nowait boolean) IS 'The next size values of a sequence, in order, in the caller''s transaction; 0 gives no row and makes no sequence. Locks, cycles and raises as next_gapless does; 22004 also when size is NULL, 22023 also when it is negative.';
CREATE FUNCTION gapless.open_sequence(name text, nowait boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    made         boolean := false;
    tries        integer := 0;
    lock_timeout text;
BEGIN
    -- Another round is due only when someone else made or remade the sequence meanwhile, which needs a
    -- new snapshot to be seen: READ COMMITTED. Above it, the INSERT raises 40001.
    WHILE NOT made LOOP
        IF gapless.lock_sequence(open_sequence.name, open_sequence.nowait) THEN
            EXIT;
        ELSIF open_sequence.nowait THEN
            -- INSERT waits for an uncommitted row with the same key and has no NOWAIT. A short lock_timeout
            -- comes next to it; but it ends other waits, too, such as one for the table to be extended, so it
            -- is tried again with twice the time: 1, 2, ... 128 ms. An advisory lock a name would need no
            -- wait at all, but 100,000 new names in one transaction exhaust the lock table.
            lock_timeout := current_setting('lock_timeout');
            PERFORM set_config('lock_timeout', (1 << tries) || 'ms', true);
            BEGIN
                INSERT INTO gapless.sequence (name) VALUES (open_sequence.name) ON CONFLICT DO NOTHING;
                made := FOUND;
            EXCEPTION WHEN lock_not_available THEN
                tries := tries + 1;
                IF tries = 8 THEN
                    PERFORM gapless.raise_locked(open_sequence.name);
                END IF;
            END;
            PERFORM set_config('lock_timeout', lock_timeout, true);
        ELSE
            INSERT INTO gapless.sequence (name) VALUES (open_sequence.name) ON CONFLICT DO NOTHING;
            made := FOUND;
        END IF;
    END LOOP;
    RETURN made;
END;
$$;
COMMENT ON FUNCTION gapless.open_sequence(name text, nowait boolean) IS 'Private. Locks a sequence until the transaction ends, making it if there is none; true if it was made. Raises 55P03 when it is busy and nowait is set, 40001 under REPEATABLE READ and above when it is newer than the snapshot.';
CREATE FUNCTION gapless.peek_gapless(name text DEFAULT 'default'::text, initial bigint DEFAULT 1, reset bigint DEFAULT NULL::bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    start bigint := coalesce(peek_gapless.initial, 1);
    last  bigint := gapless.last_gapless(peek_gapless.name);
    value bigint;
BEGIN
    PERFORM gapless.check_reset(peek_gapless.name, start, peek_gapless.reset);
    IF last IS NULL THEN
        RETURN start;
    END IF;
    value := gapless.successor(last, start, peek_gapless.reset);
    IF value IS NULL THEN
        PERFORM gapless.raise_exhausted(peek_gapless.name, 1);
    END IF;
    RETURN value;
END;
$$;
COMMENT ON FUNCTION gapless.peek_gapless(name text, initial bigint, reset bigint) IS 'What next_gapless would give now, in the caller''s snapshot: a preview, not a promise, since it takes no lock. Raises 22004, 22023 and 2200H as next_gapless would.';
CREATE FUNCTION gapless.prune_gapless(name text, before timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    keep    bigint; -- the ordinal of the oldest row that stays
    oldest  gapless.allocation;
    dropped bigint;
    last    bigint;
BEGIN
    PERFORM gapless.check_name(prune_gapless.name);
    IF prune_gapless.before IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the time to prune before must not be NULL', prune_gapless.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give a time; older journal rows are dropped.',
                SCHEMA = 'gapless', TABLE = 'allocation', COLUMN = 'before';
    END IF;
    -- The lock is a write, before anything is read: without it, a REPEATABLE READ transaction whose
    -- snapshot has the old rows could issue a value twice.
    UPDATE gapless.sequence AS s
    SET adoptions = s.adoptions
    WHERE s.name = prune_gapless.name COLLATE "C";
    IF NOT FOUND THEN
        RETURN 0::bigint;
    END IF;
    -- Rows are dropped from the oldest up to the first that stays, so that one row can stand for them
    -- even where the clock jumped. The newest row, the counter, always stays.
    SELECT coalesce(
        min(a.ordinal) FILTER (WHERE a.allocated_at >= prune_gapless.before AND a.kind <> 'pruned'),
        max(a.ordinal)
    )
    INTO keep
    FROM gapless.allocation AS a
    WHERE a.name = prune_gapless.name COLLATE "C";
    SELECT a.*
    INTO oldest
    FROM gapless.allocation AS a
    WHERE a.name = prune_gapless.name COLLATE "C"
    ORDER BY a.ordinal
    LIMIT 1;
    SELECT count(*) FILTER (WHERE a.kind <> 'pruned')
    INTO dropped
    FROM gapless.allocation AS a
    WHERE a.name = prune_gapless.name COLLATE "C" AND a.ordinal < keep;
    IF dropped = 0 THEN
        RETURN 0::bigint;
    END IF;
    SELECT a.last_value
    INTO last
    FROM gapless.allocation AS a
    WHERE a.name = prune_gapless.name COLLATE "C" AND a.ordinal < keep
    ORDER BY a.ordinal DESC
    LIMIT 1;
    DELETE FROM gapless.allocation AS a
    WHERE a.name = prune_gapless.name COLLATE "C" AND a.ordinal < keep;
    INSERT INTO gapless.allocation (name, ordinal, first_value, last_value, kind)
    VALUES (prune_gapless.name, oldest.ordinal, oldest.first_value, last, 'pruned');
    RETURN dropped;
END;
$$;
COMMENT ON FUNCTION gapless.prune_gapless(name text, before timestamp with time zone) IS 'Drops a sequence''s journal rows from before a time, never the newest, and leaves one row of kind ''pruned'' for their range; how many rows were dropped. Takes nothing from the numbering. Locks the sequence until the transaction ends. Raises 55P03 after lock_timeout; 22004, 22023 for arguments; 40001.';
CREATE FUNCTION gapless.raise_exhausted(name text, size bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'sequence "%": % more value(s) would pass 9223372036854775807',
        raise_exhausted.name, raise_exhausted.size
        USING ERRCODE = 'sequence_generator_limit_exceeded',
            HINT = 'Begin a sequence of another name, or let this one cycle with reset.',
            SCHEMA = 'gapless', TABLE = 'sequence';
END;
$$;
COMMENT ON FUNCTION gapless.raise_exhausted(name text, size bigint) IS 'Private. Raises 2200H for a sequence that has not that many values left.';
CREATE FUNCTION gapless.raise_locked(name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'sequence "%" is locked by another transaction', raise_locked.name
        USING ERRCODE = 'lock_not_available',
            HINT = 'Try again when that transaction has ended; gapless.holders shows who it is. Without nowait, the call waits.',
            SCHEMA = 'gapless', TABLE = 'sequence';
END;
$$;
COMMENT ON FUNCTION gapless.raise_locked(name text) IS 'Private. Raises 55P03 for a sequence that another transaction holds.';
CREATE FUNCTION gapless.raise_stale(name text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'sequence "%" was allocated from since this transaction''s snapshot', raise_stale.name
        USING ERRCODE = 'serialization_failure',
            HINT = 'Retry the transaction, or use READ COMMITTED, which waits instead.',
            SCHEMA = 'gapless', TABLE = 'allocation', CONSTRAINT = 'allocation_pkey';
END;
$$;
COMMENT ON FUNCTION gapless.raise_stale(name text) IS 'Private. Raises 40001 for a sequence that is ahead of the transaction''s snapshot.';
CREATE FUNCTION gapless.revoke_gapless(role name) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM gapless.check_role(revoke_gapless.role);
    EXECUTE format('REVOKE USAGE ON SCHEMA gapless FROM %I', revoke_gapless.role);
    EXECUTE format(
        'REVOKE EXECUTE ON FUNCTION gapless.next_gapless, gapless.next_gapless_batch, '
        'gapless.last_gapless, gapless.peek_gapless FROM %I',
        revoke_gapless.role
    );
    EXECUTE format('REVOKE SELECT ON TABLE gapless.sequences, gapless.holders FROM %I', revoke_gapless.role);
END;
$$;
COMMENT ON FUNCTION gapless.revoke_gapless(role name) IS 'Takes back what grant_gapless gives. What was granted by hand stays, but without USAGE on the schema it is out of reach. Raises 22004 for NULL, 42704 where there is no such role. ''public'' is everyone, as in GRANT.';
CREATE FUNCTION gapless.successor(last_value bigint, initial bigint, reset bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN last_value >= reset - 1 THEN initial
        WHEN last_value < 9223372036854775807 THEN last_value + 1
    END
$$;
COMMENT ON FUNCTION gapless.successor(last_value bigint, initial bigint, reset bigint) IS 'Private. The value after last_value: initial where it would reach reset, NULL where it would pass 2^63-1.';
CREATE TABLE gapless.allocation (
    name text NOT NULL COLLATE pg_catalog."C",
    ordinal bigint NOT NULL,
    first_value bigint NOT NULL,
    last_value bigint NOT NULL,
    kind gapless.allocation_kind DEFAULT 'issued'::gapless.allocation_kind NOT NULL,
    allocated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    txid bigint DEFAULT txid_current() NOT NULL,
    allocated_by text DEFAULT SESSION_USER NOT NULL COLLATE pg_catalog."C",
    allocated_as text DEFAULT NULLIF(current_setting('role'::text), 'none'::text) COLLATE pg_catalog."C",
    token uuid DEFAULT (NULLIF(current_setting('gapless.token'::text, true), ''::text))::uuid
);
COMMENT ON TABLE gapless.allocation IS 'The journal: one row for each run of values that was given out, in the order of ordinal within a name. The newest row is the counter.';
COMMENT ON COLUMN gapless.allocation.name IS 'The sequence. No foreign key: see gapless.sequence.';
COMMENT ON COLUMN gapless.allocation.ordinal IS 'The running count, from 1, of the run''s first value. Competing allocations collide on it whatever the size of their runs, which a count of the last value would not ensure.';
COMMENT ON COLUMN gapless.allocation.first_value IS 'The run''s first value. In an ''adopted'' row the same as last_value, since nobody knows where the adopted numbers began.';
COMMENT ON COLUMN gapless.allocation.last_value IS 'The run''s last value. In an ''adopted'' row the value that was adopted: every number up to it was given out elsewhere.';
COMMENT ON COLUMN gapless.allocation.kind IS 'How the values were given out.';
COMMENT ON COLUMN gapless.allocation.allocated_at IS 'The server''s clock when the row was written, not when its transaction committed. Clocks jump: order is ordinal''s.';
COMMENT ON COLUMN gapless.allocation.txid IS 'The top-level transaction that wrote the row (pg_current_xact_id, as bigint).';
COMMENT ON COLUMN gapless.allocation.allocated_by IS 'session_user: who logged in.';
COMMENT ON COLUMN gapless.allocation.allocated_as IS 'The role chosen by SET ROLE, or NULL.';
COMMENT ON COLUMN gapless.allocation.token IS 'What the transaction had set as gapless.token (a uuid), or NULL: the caller''s own mark, by which a commit can be found again. It decides nothing.';
CREATE TABLE gapless.sequence (
    name text NOT NULL COLLATE pg_catalog."C",
    adoptions bigint DEFAULT 0 NOT NULL,
    CONSTRAINT sequence_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255)))
);
COMMENT ON TABLE gapless.sequence IS 'One row a sequence: its lock. An allocation locks the row and never updates it; delete, adopt and prune write it, so that transactions with an older snapshot get 40001. No foreign key may point here: its KEY SHARE lock would turn xmax into a multixact.';
COMMENT ON COLUMN gapless.sequence.name IS 'The natural key: 1 to 255 bytes, compared byte by byte (COLLATE "C").';
COMMENT ON COLUMN gapless.sequence.adoptions IS 'How many rows of kind ''adopted'' the journal has had. Each of them counts once in allocation.ordinal, though it issued nothing.';
COMMENT ON CONSTRAINT sequence_name_length ON gapless.sequence IS 'A name has 1 to 255 bytes.';
CREATE VIEW gapless.holders AS
 WITH waiter AS (
         SELECT s.name,
            l.pid,
            l.granted
           FROM (gapless.sequence s
             JOIN pg_locks l ON (((l.locktype = 'tuple'::text) AND (l.database = ( SELECT d.oid
                   FROM pg_database d
                  WHERE (d.datname = current_database()))) AND (l.relation = ('gapless.sequence'::regclass)::oid) AND ((format('(%s,%s)'::text, l.page, l.tuple))::tid = s.ctid))))
        ), holder AS (
         SELECT s.name,
            x.pid,
            p_1.gid
           FROM (((gapless.sequence s
             JOIN pg_locks x ON (((x.locktype = 'transactionid'::text) AND x.granted AND (x.transactionid = s.xmax))))
             JOIN pg_locks r ON (((r.virtualtransaction = x.virtualtransaction) AND (NOT (r.pid IS DISTINCT FROM x.pid)) AND (r.locktype = 'relation'::text) AND (r.database = ( SELECT d.oid
                   FROM pg_database d
                  WHERE (d.datname = current_database()))) AND (r.relation = ('gapless.sequence'::regclass)::oid) AND r.granted)))
             LEFT JOIN pg_prepared_xacts p_1 ON (((x.pid IS NULL) AND (p_1.transaction = x.transactionid))))
          WHERE (NOT (EXISTS ( SELECT
                   FROM waiter w
                  WHERE ((w.name = s.name) AND w.granted))))
        UNION
         SELECT w.name,
            NULLIF(b.pid, 0) AS pid,
            p_1.gid
           FROM (((waiter w
             JOIN gapless.sequence s ON ((s.name = w.name)))
             CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) b(pid))
             LEFT JOIN pg_prepared_xacts p_1 ON (((b.pid = 0) AND (p_1.transaction = s.xmax))))
          WHERE w.granted
        ), participant AS (
         SELECT h.name,
            'holds'::text AS state,
            h.pid,
            h.gid
           FROM holder h
        UNION ALL
         SELECT DISTINCT w.name,
            'waits'::text,
            w.pid,
            NULL::text
           FROM waiter w
        )
 SELECT q.name,
    q.state,
    q.pid,
    q.gid AS prepared_as,
    a.application_name,
    COALESCE(a.usename, p.owner) AS user_name,
    (clock_timestamp() - COALESCE(a.xact_start, p.prepared)) AS transaction_age,
    a.query
   FROM ((participant q
     LEFT JOIN pg_stat_activity a ON ((a.pid = q.pid)))
     LEFT JOIN pg_prepared_xacts p ON ((p.gid = q.gid)));
COMMENT ON VIEW gapless.holders IS 'Who holds a sequence now, and who waits for it. Details of other roles'' backends are NULL, and their query reads <insufficient privilege>, without pg_read_all_stats. A sequence whose first transaction has not committed is not shown. While nobody waits, neither is a holder that took or strengthened its lock in a savepoint or an EXCEPTION block.';
COMMENT ON COLUMN gapless.holders.name IS 'The sequence.';
COMMENT ON COLUMN gapless.holders.state IS '''holds'' or ''waits''.';
COMMENT ON COLUMN gapless.holders.pid IS 'The backend''s process id, for pg_terminate_backend. NULL for a prepared transaction.';
COMMENT ON COLUMN gapless.holders.prepared_as IS 'The prepared transaction''s name, for COMMIT PREPARED or ROLLBACK PREPARED. NULL for a backend, and for a prepared transaction that locked in a savepoint (pg_prepared_xacts lists them all).';
COMMENT ON COLUMN gapless.holders.application_name IS 'The backend''s application_name.';
COMMENT ON COLUMN gapless.holders.user_name IS 'Who logged in, or who prepared the transaction.';
COMMENT ON COLUMN gapless.holders.transaction_age IS 'How long ago the transaction began, or was prepared.';
COMMENT ON COLUMN gapless.holders.query IS 'The backend''s current or latest statement.';
CREATE VIEW gapless.sequences AS
 SELECT s.name,
    newest.last_value,
    ((newest.ordinal + (newest.last_value - newest.first_value)) - s.adoptions) AS issued,
    newest.allocated_at AS last_allocated_at
   FROM (gapless.sequence s
     CROSS JOIN LATERAL ( SELECT a.ordinal,
            a.first_value,
            a.last_value,
            a.allocated_at
           FROM gapless.allocation a
          WHERE (a.name = s.name)
          ORDER BY a.ordinal DESC
         LIMIT 1) newest);
COMMENT ON VIEW gapless.sequences IS 'One row a sequence, as the caller''s snapshot has it. Takes no lock.';
COMMENT ON COLUMN gapless.sequences.name IS 'The sequence.';
COMMENT ON COLUMN gapless.sequences.last_value IS 'Its newest value.';
COMMENT ON COLUMN gapless.sequences.issued IS 'How many values gapless has issued, in all cycles. Adopted numbers do not count.';
COMMENT ON COLUMN gapless.sequences.last_allocated_at IS 'When the newest value was allocated or adopted.';
CREATE TABLE public.gapless_schema_version (
    version integer NOT NULL
);
ALTER TABLE ONLY gapless.allocation
    ADD CONSTRAINT allocation_pkey PRIMARY KEY (name, ordinal);
COMMENT ON CONSTRAINT allocation_pkey ON gapless.allocation IS 'Read backwards it gives the newest row of a name; and two allocations of the same values collide on it.';
ALTER TABLE ONLY gapless.sequence
    ADD CONSTRAINT sequence_pkey PRIMARY KEY (name);
COMMENT ON CONSTRAINT sequence_pkey ON gapless.sequence IS 'One row a name; the row an allocation locks is found by it.';
REVOKE ALL ON TYPE gapless.allocation_kind FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.adopt_gapless(name text, last bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.check_name(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.check_reset(name text, initial bigint, reset bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.check_role(role name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.delete_gapless(name text, nowait boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.grant_gapless(role name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.last_gapless(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.lock_sequence(name text, nowait boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.next_gapless(name text, initial bigint, reset bigint, nowait boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.next_gapless_batch(name text, size bigint, initial bigint, reset bigint, nowait boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.open_sequence(name text, nowait boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.peek_gapless(name text, initial bigint, reset bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.prune_gapless(name text, before timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.raise_exhausted(name text, size bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.raise_locked(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.raise_stale(name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.revoke_gapless(role name) FROM PUBLIC;
REVOKE ALL ON FUNCTION gapless.successor(last_value bigint, initial bigint, reset bigint) FROM PUBLIC;
-- version 2
