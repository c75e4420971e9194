CREATE OR REPLACE VIEW gapless.ranges AS
SELECT -- gives no row, as in gapless.sequences
    r.name,
    r.first_value,
    r.last_value,
    r.valid_until,
    r.time_zone,
    ''::text AS state,
    0::bigint AS numbers_left,
    0::bigint AS unused,
    r.reason
FROM gapless.number_range AS r
WHERE false
UNION ALL
SELECT
    r.name,
    r.first_value,
    r.last_value,
    r.valid_until,
    r.time_zone,
    w.state,
    CASE WHEN w.state IN ('current', 'queued') THEN least(r.last_value::numeric - greatest(r.first_value, newest.last_value::numeric + 1) + 1, 9223372036854775807)::bigint ELSE 0 END AS numbers_left,
    coalesce(r.unused, CASE
        WHEN w.state = 'expired' THEN least(greatest(r.last_value::numeric - greatest(r.first_value, newest.last_value::numeric + 1) + 1, 0), 9223372036854775807)::bigint
        ELSE 0
    END) AS unused,
    r.reason
FROM gapless.number_range AS r
LEFT JOIN LATERAL (
    SELECT j.last_value
    FROM gapless.journal AS j
    WHERE j.name = r.name AND j.last_value IS NOT NULL
    ORDER BY j.ordinal DESC
    LIMIT 1
) AS newest ON true
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN r.unused IS NOT NULL THEN 'expired'
        WHEN r.last_value <= newest.last_value THEN 'used up'
        WHEN r.expires <= statement_timestamp() THEN 'expired'
        WHEN EXISTS (
            SELECT
            FROM gapless.number_range AS b
            WHERE b.name = r.name
                AND b.first_value < r.first_value
                AND (b.expires <= statement_timestamp()) IS NOT TRUE
                AND (b.last_value <= newest.last_value) IS NOT TRUE
        ) THEN 'queued'
        ELSE 'current'
    END AS state
) AS w;

REVOKE ALL ON TABLE gapless.ranges FROM PUBLIC;

COMMENT ON VIEW gapless.ranges IS
'One row a range (range_gapless), as the caller''s snapshot has it. Takes no lock.';
COMMENT ON COLUMN gapless.ranges.name IS 'The sequence.';
COMMENT ON COLUMN gapless.ranges.first_value IS 'Its first number.';
COMMENT ON COLUMN gapless.ranges.last_value IS 'Its last number.';
COMMENT ON COLUMN gapless.ranges.valid_until IS 'The last day on which its numbers may be issued, or NULL.';
COMMENT ON COLUMN gapless.ranges.time_zone IS 'The time zone of that day, or NULL.';
COMMENT ON COLUMN gapless.ranges.state IS '''current'': the next number is of it; ''queued'': it follows; ''used up''; ''expired'': it had numbers left.';
COMMENT ON COLUMN gapless.ranges.numbers_left IS 'How many of its numbers may still be issued.';
COMMENT ON COLUMN gapless.ranges.unused IS 'How many of its numbers were not issued when it expired.';
COMMENT ON COLUMN gapless.ranges.reason IS 'Why the sequence has it: the authority''s reference.';
