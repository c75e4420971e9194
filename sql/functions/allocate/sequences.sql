-- The newest journal row by its own text, and not by gapless.newest_run: a view calls functions with the rights of the role that reads it.
CREATE OR REPLACE VIEW gapless.sequences AS
SELECT
    s.name,
    coalesce(newest.last_value, former.last_value) AS last_value,
    (coalesce(newest.ordinal + (newest.last_value - newest.first_value), former.ordinal + (former.last_value - former.first_value), 0) - s.adoptions)::bigint AS issued,
    shown.last_allocated_at,
    shown.attached_column,
    shown.closed,
    shown.numbers_left,
    shown.valid_until,
    shown.warning
FROM gapless.sequence_lock AS s
LEFT JOIN LATERAL (
    SELECT j.ordinal, j.first_value, j.last_value, j.allocated_at, j.kind
    FROM gapless.journal AS j
    WHERE j.name = s.name
    ORDER BY j.ordinal DESC
    LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT j.ordinal, j.first_value, j.last_value, j.allocated_at
    FROM gapless.journal AS j
    WHERE newest.kind = 'closed' AND j.name = s.name AND j.kind <> 'closed'
    ORDER BY j.ordinal DESC
    LIMIT 1
) AS former ON true
LEFT JOIN LATERAL (
    SELECT coalesce(
        (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = t.tgrelid),
        t.tgrelid::regclass::text -- of a shard, which Citus hides
    ) || '.' || quote_ident(s.target_column) AS column_name -- NULL for NULL, which a plan may give it
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = s.target AND t.tgname = ('~gapless_insert_' || s.target_column)::name
) AS attached ON true
LEFT JOIN LATERAL (
    -- The last of those that it may still issue from says until when, and when to warn.
    SELECT
        least(coalesce(sum(u.numbers), 0), 9223372036854775807)::bigint AS numbers_left,
        (array_agg(u.valid_until ORDER BY u.first_value DESC))[1] AS valid_until,
        coalesce(sum(u.numbers) <= (array_agg(u.warn_left ORDER BY u.first_value DESC))[1]
            OR (array_agg(u.warns ORDER BY u.first_value DESC))[1] <= statement_timestamp(), sum(u.numbers) IS NULL) AS warning
    FROM (
        SELECT r.first_value, r.last_value::numeric - greatest(r.first_value, coalesce(newest.last_value, former.last_value)::numeric + 1) + 1 AS numbers, r.valid_until, r.warn_left, r.warns
        FROM gapless.number_range AS r
        WHERE r.name = s.name
            AND (r.expires <= statement_timestamp()) IS NOT TRUE
            AND (r.last_value <= coalesce(newest.last_value, former.last_value)) IS NOT TRUE
    ) AS u
    WHERE s.bounded
) AS ranges ON s.bounded
CROSS JOIN LATERAL (
    -- Gives no row, here and in other views: it tells sqlc and its like, which read this text, the types, and what can be NULL.
    SELECT
        NULL::timestamptz AS last_allocated_at,
        NULL::text AS attached_column,
        false AS closed,
        NULL::bigint AS numbers_left,
        NULL::date AS valid_until,
        NULL::boolean AS warning
    FROM gapless.model
    WHERE false
    UNION ALL
    SELECT
        CASE WHEN newest.kind = 'closed' THEN former.allocated_at ELSE newest.allocated_at END,
        attached.column_name,
        (newest.kind = 'closed') IS TRUE,
        ranges.numbers_left,
        ranges.valid_until,
        ranges.warning
) AS shown
WHERE newest.ordinal IS NOT NULL OR s.bounded;

REVOKE ALL ON TABLE gapless.sequences FROM PUBLIC;

COMMENT ON VIEW gapless.sequences IS
'One row a sequence, as the caller''s snapshot has it. Takes no lock.';
COMMENT ON COLUMN gapless.sequences.name IS 'The sequence.';
COMMENT ON COLUMN gapless.sequences.last_value IS 'Its newest value; NULL where it was closed, or given a range, before it had one.';
COMMENT ON COLUMN gapless.sequences.issued IS 'How many values gapless has issued, in all cycles. Adopted numbers do not count.';
COMMENT ON COLUMN gapless.sequences.last_allocated_at IS 'When the newest value was allocated or adopted.';
COMMENT ON COLUMN gapless.sequences.attached_column IS 'The column that numbers itself from it (attach_gapless), as schema.table.column; NULL if none does.';
COMMENT ON COLUMN gapless.sequences.closed IS 'Whether it is closed (close_gapless): nothing is issued in it.';
COMMENT ON COLUMN gapless.sequences.numbers_left IS 'How many numbers its ranges still have, of those that have not expired; NULL where it has no range (range_gapless).';
COMMENT ON COLUMN gapless.sequences.valid_until IS 'The last day on which numbers of the last of these ranges may be issued, or NULL.';
COMMENT ON COLUMN gapless.sequences.warning IS 'Whether a new range is due: as few numbers are left, or days, as the last of these ranges has been told, or none; NULL where it has no range.';
