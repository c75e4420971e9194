-- One lock and one append. A savepoint that is rolled back gives lock and value back. All that this cannot do, it
-- leaves to next_gapless_batch.
CREATE OR REPLACE FUNCTION gapless.next_gapless(
    name    text    DEFAULT 'default',
    initial bigint  DEFAULT 1,
    reset   bigint  DEFAULT NULL,
    nowait  boolean DEFAULT false
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- trap: a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    start bigint := coalesce(next_gapless.initial, 1); -- trap: no setting decides a number
    value bigint;
BEGIN
    -- The hot path: every statement here costs all who wait. What it cannot do is left to next_gapless_batch,
    -- below: the first value, nowait, what is to be refused, ranges, 2^63-1, and the isolation levels
    -- at which INSERT needs ON CONFLICT, which costs it a second WAL record and 3 of some 25 microseconds.
    IF current_setting('transaction_isolation') = 'read committed'
        AND (next_gapless.nowait OR next_gapless.reset <= start) IS NOT TRUE
    THEN
        -- trap: the lock is a statement of its own
        PERFORM FROM gapless.sequence_lock AS s
        WHERE s.name = next_gapless.name COLLATE "C" AND s.target IS NULL AND NOT s.bounded -- trap: a name of any collation
        FOR NO KEY UPDATE;
        IF FOUND THEN
            -- A statement of its own, so that it reads what the lock's last holder wrote. The column defaults
            -- fill in who and when.
            INSERT INTO gapless.journal (name, ordinal, first_value, last_value)
            SELECT next_gapless.name, n.next_ordinal, n.next_value, n.next_value
            FROM gapless.newest_run(next_gapless.name, start, next_gapless.reset) AS n
            WHERE n.next_value IS NOT NULL
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
$function$;

COMMENT ON FUNCTION gapless.next_gapless IS
'The next value of a sequence, in the caller''s transaction: 1, 2, 3, without a hole. The first call gives initial; a value that would reach reset becomes initial. Locks the sequence until the transaction ends. Raises 55P03 when it is busy and nowait is set, or after lock_timeout; 55000 where a column numbers itself from it, or it is closed; 22004, 22023 for arguments; 2200H past 2^63-1 or the last range (range_gapless), 22023 where that has expired; 40001 and 40P01, for which the transaction is to be retried.';

REVOKE ALL ON FUNCTION gapless.next_gapless FROM PUBLIC;
