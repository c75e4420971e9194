-- Its lock is a write (lock_sequence_by_writing). It waits for the holder, as long as lock_timeout allows. It has a row
-- for each number, since each row of the table keeps its own: what was written there, and what its series was made of.
-- It is long because what is refused comes before what is written.
CREATE OR REPLACE FUNCTION gapless.void_gapless_batch(
    name   text,
    first  bigint,
    last   bigint,
    reason text
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    most     CONSTANT integer := 10000000;
    ordinals bigint[]; -- of the runs of the latest cycle that have some of them
    firsts   bigint[];
    lasts    bigint[];
    missing  bigint;
    now      timestamptz; -- the same for all, by which the audit knows that they are of one call
    before   gapless.void;
BEGIN
    PERFORM gapless.check_name(void_gapless_batch.name);
    PERFORM gapless.check_reason(void_gapless_batch.name, void_gapless_batch.reason);
    IF first IS NULL OR last IS NULL THEN
        RAISE EXCEPTION 'sequence "%": the first and the last value to void must not be NULL', void_gapless_batch.name
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Say which numbers were cancelled.',
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = CASE WHEN first IS NULL THEN 'first' ELSE 'last' END;
    ELSIF first > last THEN
        RAISE EXCEPTION 'sequence "%": the first value to void (%) must not be above the last (%)', void_gapless_batch.name, first, last
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the smaller number first.',
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = 'first';
    END IF;

    PERFORM gapless.lock_sequence_by_writing(void_gapless_batch.name);
    SELECT array_agg(r.ordinal ORDER BY r.ordinal), array_agg(r.first_value ORDER BY r.ordinal), array_agg(r.last_value ORDER BY r.ordinal)
    INTO ordinals, firsts, lasts
    FROM (
        SELECT
            j.ordinal,
            -- Adopted numbers begin after those before; nobody knows where the first ones did.
            CASE WHEN j.kind = 'adopted' THEN coalesce(j.before + 1, least(void_gapless_batch.first, j.last_value)) ELSE j.first_value END AS first_value,
            j.last_value,
            count(*) FILTER (WHERE j.first_value <= j.before) OVER (ORDER BY j.ordinal DESC) -- cycles after it
                - CASE WHEN j.first_value <= j.before THEN 1 ELSE 0 END AS cycles
        FROM (
            SELECT a.ordinal, a.kind, a.first_value, a.last_value, lag(a.last_value) OVER (ORDER BY a.ordinal) AS before
            FROM gapless.journal AS a
            WHERE a.name = void_gapless_batch.name COLLATE "C" AND a.last_value IS NOT NULL
        ) AS j
    ) AS r
    WHERE r.cycles = 0 AND r.first_value <= r.last_value AND r.first_value <= void_gapless_batch.last AND r.last_value >= void_gapless_batch.first;
    SELECT v.*
    INTO before
    FROM gapless.void AS v
    WHERE v.name = void_gapless_batch.name COLLATE "C" AND v.value BETWEEN void_gapless_batch.first AND void_gapless_batch.last AND v.ordinal >= ordinals[1]
    ORDER BY v.value
    LIMIT 1;
    SELECT lower(numrange(void_gapless_batch.first, void_gapless_batch.last::numeric + 1)::nummultirange - coalesce(range_agg(numrange(u.first, u.last::numeric + 1)), '{}'))::bigint
    INTO missing
    FROM unnest(firsts, lasts) AS u (first, last);
    IF missing < before.value OR missing IS NOT NULL AND before.value IS NULL THEN
        RAISE EXCEPTION 'sequence "%" has not issued % in its latest cycle', void_gapless_batch.name, missing
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Only an issued number can be voided; the view gapless.sequences shows the newest, and on a coordinator of Citus gapless.node_sequences(), of all nodes.',
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = 'value';
    ELSIF before.value IS NOT NULL THEN
        PERFORM gapless.raise_void(before);
    ELSIF last::numeric - first >= most THEN
        RAISE EXCEPTION 'sequence "%": % to % are too many numbers to void at once', void_gapless_batch.name, first, last
            USING ERRCODE = 'invalid_parameter_value',
                HINT = format('Give at most %s, since each has a row of its own. Numbers that were passed over have their reason without it.', most),
                SCHEMA = 'gapless', TABLE = 'void', COLUMN = 'last';
    END IF;

    now := clock_timestamp();
    INSERT INTO gapless.void (name, value, ordinal, reason, written, voided_at)
    SELECT j.name, n.value, CASE WHEN j.kind IN ('adopted', 'pruned') THEN j.ordinal ELSE j.ordinal + (n.value - j.first_value) END, void_gapless_batch.reason, coalesce(n.written, k.number), now
    FROM unnest(ordinals, firsts, lasts) AS r (ordinal, first, last)
    JOIN gapless.journal AS j ON j.name = void_gapless_batch.name COLLATE "C" AND j.ordinal = r.ordinal
    CROSS JOIN LATERAL (SELECT greatest(r.first, void_gapless_batch.first) AS first, least(r.last, void_gapless_batch.last) AS last) AS p
    CROSS JOIN LATERAL ROWS FROM (
        generate_series(p.first, p.last),
        unnest(j.texts[p.first - j.first_value + 1 : p.last - j.first_value + 1])
    ) AS n (value, written)
    LEFT JOIN gapless.known_text AS k ON k.name = j.name AND k.value = n.value AND n.written IS NULL
    ORDER BY n.value;
    RETURN (last::numeric - first + 1)::bigint;
END;
$function$;

COMMENT ON FUNCTION gapless.void_gapless_batch IS
'void_gapless for each number from first to last, all or none; how many. Locks the sequence until the transaction ends. Raises 22004, 22023 for arguments and for the first value that was not issued; 55000 for the first that is void already; 55P03 after lock_timeout; 40001.';

REVOKE ALL ON FUNCTION gapless.void_gapless_batch FROM PUBLIC;
