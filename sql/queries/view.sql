-- name: Sequences :many
-- Every sequence, by name, or the one that is asked for.
SELECT
    name,
    last_value::bigint AS last_value,
    issued::bigint AS issued,
    last_allocated_at::timestamptz AS last_allocated_at,
    coalesce(attached_column, '')::text AS attached_column
FROM gapless.sequences
WHERE sqlc.narg('name')::text IS NULL OR name = sqlc.narg('name')::text COLLATE "C"
ORDER BY name;

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
