-- Writes one journal row for each run of consecutive values: one, and one more each time reset is reached.
CREATE OR REPLACE FUNCTION gapless.next_gapless_batch(
    name    text,
    size    bigint,
    initial bigint  DEFAULT 1,
    reset   bigint  DEFAULT NULL,
    nowait  boolean DEFAULT false
) RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    start     bigint := coalesce(next_gapless_batch.initial, 1);
    remaining bigint := next_gapless_batch.size;
    bounded   boolean;
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
                SCHEMA = 'gapless', TABLE = 'sequence_lock', COLUMN = 'size';
    ELSIF remaining < 0 THEN
        RAISE EXCEPTION 'sequence "%": the size of a batch must not be negative, but is %',
            next_gapless_batch.name, remaining
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Say how many values to allocate; 0 allocates none.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', COLUMN = 'size';
    ELSIF remaining = 0 THEN
        RETURN;
    END IF;

    IF NOT gapless.lock_or_make_sequence(next_gapless_batch.name, coalesce(next_gapless_batch.nowait, false)) THEN
        PERFORM gapless.check_not_attached(next_gapless_batch.name);
        -- In a statement after the lock's, so that READ COMMITTED reads what its last holder wrote.
        SELECT s.bounded, n.next_ordinal, n.next_value
        INTO bounded, ordinal, value
        FROM gapless.sequence_lock AS s
        LEFT JOIN LATERAL gapless.newest_run(next_gapless_batch.name, start, next_gapless_batch.reset) AS n ON true
        WHERE s.name = next_gapless_batch.name COLLATE "C";
    END IF;
    IF bounded THEN
        RETURN QUERY SELECT v FROM gapless.range_take(next_gapless_batch.name, next_gapless_batch.size, next_gapless_batch.reset) AS v;
        RETURN;
    END IF;
    IF ordinal IS NULL THEN -- a new one, one that only rows of a column that did not arrive have opened, or a closed one
        ordinal := 1;
        value := gapless.begin_at(next_gapless_batch.name, start); -- trap: no sum of initial overflows
    END IF;

    LOOP
        -- numeric, since a bigint sum could overflow on the way to its limit.
        last := least(value::numeric + remaining - 1, next_gapless_batch.reset - 1, 9223372036854775807)::bigint;
        IF value IS NULL OR (next_gapless_batch.reset IS NULL AND last - value < remaining - 1) THEN
            PERFORM gapless.raise_exhausted(next_gapless_batch.name, next_gapless_batch.size);
        END IF;
        -- A row that this snapshot cannot see (REPEATABLE READ and above) has the same ordinal, and ON
        -- CONFLICT raises 40001 for it. Whatever else kept ours from being written, no value may leave without.
        INSERT INTO gapless.journal (name, ordinal, first_value, last_value)
        VALUES (next_gapless_batch.name, ordinal, value, last) -- trap: a run stands at the ordinal of its first value
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
$function$;

COMMENT ON FUNCTION gapless.next_gapless_batch IS
'The next size values of a sequence, in order, in the caller''s transaction; 0 gives no row and makes no sequence. Locks, cycles and raises as next_gapless does; 22004 also when size is NULL, 22023 also when it is negative.';

REVOKE ALL ON FUNCTION gapless.next_gapless_batch FROM PUBLIC;
