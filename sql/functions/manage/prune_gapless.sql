-- Its lock is a write (lock_sequence_by_writing). It waits for the holder, as long as lock_timeout allows.
CREATE OR REPLACE FUNCTION gapless.prune_gapless(
    name   text,
    before timestamptz
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
SET enable_nestloop = off -- without statistics, each row that goes would read all the others again
AS $function$
DECLARE
    locked  boolean;
    start   bigint; -- the ordinal of the oldest row that goes
    keep    bigint; -- and of the oldest after it that stays
    floor   timestamp;
    dropped bigint;
BEGIN
    PERFORM gapless.check_name(prune_gapless.name);
    IF prune_gapless.before IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the time to prune before must not be NULL', prune_gapless.name
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give a time; older journal rows are dropped.',
                SCHEMA = 'gapless', TABLE = 'journal', COLUMN = 'before';
    END IF;

    -- Without the write, a REPEATABLE READ transaction whose snapshot has the old rows could issue a value twice.
    locked := gapless.lock_sequence_by_writing(prune_gapless.name); -- trap: the lock is a write
    IF NOT locked THEN
        RETURN 0::bigint;
    END IF;

    -- Rows are dropped from the oldest up to the first that stays, so that one row can stand for them
    -- even where the clock jumped. The newest row, the counter, always stays.
    SELECT coalesce(
        min(j.ordinal) FILTER (WHERE j.allocated_at >= prune_gapless.before AND j.kind <> 'pruned'),
        max(j.ordinal)
    )
    INTO keep
    FROM gapless.journal AS j
    WHERE j.name = prune_gapless.name COLLATE "C" AND j.kind <> 'closed';

    -- Nobody knows where adopted numbers began, which a row with a range cannot say: so they stay.
    SELECT j.ordinal
    INTO start
    FROM gapless.journal AS j
    WHERE j.name = prune_gapless.name COLLATE "C" AND j.kind <> 'adopted'
    ORDER BY j.ordinal
    LIMIT 1;

    SELECT count(*) FILTER (WHERE j.kind NOT IN ('adopted', 'pruned'))
    INTO dropped
    FROM gapless.journal AS j
    WHERE j.name = prune_gapless.name COLLATE "C" AND j.ordinal >= start AND j.ordinal < keep;
    IF dropped = 0 THEN
        RETURN 0::bigint;
    END IF;
    floor := gapless.column_date_floor(prune_gapless.name, keep);

    INSERT INTO gapless.known_text (name, number, value)
    SELECT j.name, u.number, j.first_value + (u.i - 1)
    FROM gapless.journal AS j
    CROSS JOIN LATERAL unnest(j.texts) WITH ORDINALITY AS u (number, i)
    WHERE j.name = prune_gapless.name COLLATE "C" AND j.ordinal >= start AND j.ordinal < keep
    ON CONFLICT DO NOTHING;
    -- A row stands for those whose values follow each other, so that what was missing still is. Of the latest cycle
    -- void_gapless has to know which numbers it is.
    WITH run AS (
        SELECT r.*, count(*) FILTER (WHERE r.begins) OVER (ORDER BY r.ordinal) = count(*) FILTER (WHERE r.begins) OVER () AS latest,
            count(*) FILTER (WHERE r.apart) OVER (ORDER BY r.ordinal) AS piece
        FROM (
            SELECT j.ordinal, j.first_value, j.last_value, j.first_value <= lag(j.last_value) OVER journal AS begins,
                'adopted' IN (j.kind, lag(j.kind) OVER journal) OR j.first_value > gapless.value_after(lag(j.last_value) OVER journal, 1, NULL) AS apart
            FROM gapless.journal AS j
            WHERE j.name = prune_gapless.name COLLATE "C" AND j.ordinal >= start AND j.ordinal < keep
            WINDOW journal AS (ORDER BY j.ordinal)
        ) AS r
    ), gone AS (
        DELETE FROM gapless.journal AS j
        WHERE j.name = prune_gapless.name COLLATE "C" AND j.ordinal >= start AND j.ordinal < keep AND j.kind <> 'adopted'
        RETURNING j.ordinal
    )
    INSERT INTO gapless.journal (name, ordinal, first_value, last_value, kind, dated)
    SELECT
        prune_gapless.name,
        min(r.ordinal),
        (array_agg(r.first_value ORDER BY r.ordinal))[1],
        (array_agg(r.last_value ORDER BY r.ordinal DESC))[1],
        'pruned',
        CASE WHEN r.latest THEN floor END
    FROM gone AS g
    JOIN run AS r ON r.ordinal = g.ordinal
    GROUP BY r.latest, r.piece;
    RETURN dropped;
END;
$function$;

COMMENT ON FUNCTION gapless.prune_gapless IS
'Drops a sequence''s journal rows from before a time, never the newest, and leaves a row of kind ''pruned'' for each range without a hole, and those that were adopted. What the audit finds without explanation stays so. Returns how many rows were dropped. Takes nothing from the numbering. Locks the sequence until the transaction ends. Raises 55P03 after lock_timeout; 22004, 22023 for arguments; 40001.';

REVOKE ALL ON FUNCTION gapless.prune_gapless FROM PUBLIC;
