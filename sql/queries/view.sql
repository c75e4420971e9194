-- name: Sequences :many
-- Every sequence, by name, or the one that is asked for. One that was closed, or given a range, before it had a value is
-- unused: its last value is 0 then, and the time Go's zero. One that has ranges is bounded.
SELECT
    name,
    coalesce(last_value, 0)::bigint AS last_value,
    issued::bigint AS issued,
    coalesce(pg_catalog.to_json(last_allocated_at), '"0001-01-01T00:00:00Z"')::json AS last_allocated_at, -- whose text no DateStyle changes
    coalesce(attached_column, '')::text AS attached_column,
    closed::boolean AS closed,
    (last_value IS NULL)::boolean AS unused,
    (numbers_left IS NOT NULL)::boolean AS bounded,
    coalesce(numbers_left, 0)::bigint AS numbers_left,
    coalesce(to_char(valid_until, 'YYYY-MM-DD'), '')::text AS valid_until,
    coalesce(warning, false)::boolean AS warning
FROM gapless.sequences
WHERE sqlc.narg('name')::text IS NULL OR name = sqlc.narg('name')::text COLLATE "C"
ORDER BY name;

-- name: Ranges :many
-- Every range that a sequence was given, by name and number; of every sequence, or of the one that is asked for.
SELECT
    name,
    first_value::bigint AS first_value,
    last_value::bigint AS last_value,
    coalesce(to_char(valid_until, 'YYYY-MM-DD'), '')::text AS valid_until,
    coalesce(time_zone, '')::text AS time_zone,
    state::text AS state,
    numbers_left::bigint AS numbers_left,
    unused::bigint AS unused,
    reason::text AS reason
FROM gapless.ranges
WHERE sqlc.narg('name')::text IS NULL OR name = sqlc.narg('name')::text COLLATE "C"
ORDER BY name, first_value;

-- name: Holders :many
-- Who holds a sequence now, and who waits for it; of every sequence, or of the one that is asked for.
SELECT
    name,
    state,
    pid,
    prepared_as,
    application_name,
    user_name,
    transaction_age,
    query
FROM gapless.holders
WHERE sqlc.narg('name')::text IS NULL OR name = sqlc.narg('name')::text COLLATE "C"
ORDER BY name, state, transaction_age DESC NULLS LAST;

-- name: Columns :many
-- Every attached column, by table and column. An option that it does not have is '', and so is an expression that is not known
-- any more; initial is 0 then.
SELECT
    table_name::text AS table_name,
    column_name::text AS column_name,
    coalesce(name, '')::text AS name,
    coalesce(initial, 0)::bigint AS initial,
    coalesce(format, '')::text AS format,
    coalesce(condition, '')::text AS condition,
    coalesce(chronology, '')::text AS chronology,
    at_commit::boolean AS at_commit,
    (unnumbered IS NOT NULL)::boolean AS has_unnumbered,
    coalesce(unnumbered, '')::text AS unnumbered,
    coalesce(chain, '')::text AS chain,
    coalesce(hash_column, '')::text AS hash_column,
    coalesce(previous_column, '')::text AS previous_column,
    moves::boolean AS moves,
    partitioned::boolean AS partitioned,
    guarded::boolean AS guarded,
    faults::text[] AS faults,
    coalesce(series_of, '')::text AS series_of
FROM gapless.columns
ORDER BY 1, 2;

-- name: Doctor :many
-- What is wrong, and what to do, as the view orders it: what is critical first.
SELECT
    severity::text AS severity,
    finding::text AS finding,
    object::text AS object,
    message::text AS message,
    remedy::text AS remedy
FROM gapless.doctor;
