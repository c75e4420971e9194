-- name: AttachGapless :exec
-- Lets a column number itself.
SELECT gapless.attach_gapless(
    target => (@target::text)::regclass,
    target_column => @target_column,
    name => sqlc.narg('name')::text,
    initial => sqlc.narg('initial')::bigint,
    format => sqlc.narg('format')::text,
    condition => sqlc.narg('condition')::text,
    chronology => sqlc.narg('chronology')::text,
    at_commit => @at_commit,
    unnumbered => sqlc.narg('unnumbered')::text,
    make_index => @make_index,
    chain => sqlc.narg('chain')::text,
    hash_column => sqlc.narg('hash_column')::text,
    previous_column => sqlc.narg('previous_column')::text,
    moves => @moves,
    series_of => sqlc.narg('series_of')::text,
    ensure => @ensure
);

-- name: DetachGapless :exec
-- Ends what AttachGapless began; the numbers stay.
SELECT gapless.detach_gapless(target => (@target::text)::regclass, target_column => @target_column);

-- name: Audit :many
-- What the journal, the attached columns and the voids of a sequence, or of all, do not agree on, or has to be said. Where
-- SQL has NULL, the text is empty, the number 0 and the time Go's zero; a number that cannot be read is unreadable.
SELECT
    coalesce((f).sequence, '')::text AS sequence,
    coalesce((f).attached_column, '')::text AS attached_column,
    (f).kind::text AS kind,
    coalesce((f).first_value, 0)::bigint AS first_value,
    coalesce((f).last_value, 0)::bigint AS last_value,
    ((f).first_value IS NULL)::boolean AS unreadable,
    (f).explained::boolean AS explained,
    (f).explanation::text AS explanation,
    coalesce((f).allocated_by, '')::text AS allocated_by,
    coalesce((f).allocated_as, '')::text AS allocated_as,
    coalesce(pg_catalog.to_json((f).allocated_at), '"0001-01-01T00:00:00Z"')::json AS allocated_at, -- whose text no DateStyle changes
    coalesce((f).txid, 0)::bigint AS txid,
    coalesce((f).first_text, '')::text AS first_text,
    coalesce((f).last_text, '')::text AS last_text,
    coalesce((f).keys, '[]')::jsonb AS keys,
    coalesce(pg_catalog.to_json((f).recorded_at), '"0001-01-01T00:00:00Z"')::json AS recorded_at,
    coalesce((f).details, '{}')::jsonb AS details
FROM gapless.audit_gapless(
    name => sqlc.narg('name')::text, pattern => sqlc.narg('pattern')::text,
    target => (sqlc.narg('target')::text)::regclass, target_column => sqlc.narg('target_column')::text,
    with_series => @with_series::boolean
) AS f;

-- name: NodeAudit :many
-- Audit, of all nodes of Citus, on the coordinator. The node is named behind the column, or before what is said where there is none.
SELECT
    coalesce((f).sequence, '')::text AS sequence,
    coalesce((f).attached_column || pg_catalog.format(' on node %s:%s', (f).nodename, (f).nodeport), '')::text AS attached_column,
    (f).kind::text AS kind,
    coalesce((f).first_value, 0)::bigint AS first_value,
    coalesce((f).last_value, 0)::bigint AS last_value,
    ((f).first_value IS NULL)::boolean AS unreadable,
    (f).explained::boolean AS explained,
    (CASE WHEN (f).attached_column IS NULL THEN pg_catalog.format('node %s:%s: ', (f).nodename, (f).nodeport) ELSE '' END || (f).explanation)::text AS explanation,
    coalesce((f).allocated_by, '')::text AS allocated_by,
    coalesce((f).allocated_as, '')::text AS allocated_as,
    coalesce(pg_catalog.to_json((f).allocated_at), '"0001-01-01T00:00:00Z"')::json AS allocated_at, -- whose text no DateStyle changes
    coalesce((f).txid, 0)::bigint AS txid,
    coalesce((f).first_text, '')::text AS first_text,
    coalesce((f).last_text, '')::text AS last_text,
    coalesce((f).keys, '[]')::jsonb AS keys,
    coalesce(pg_catalog.to_json((f).recorded_at), '"0001-01-01T00:00:00Z"')::json AS recorded_at,
    coalesce((f).details, '{}')::jsonb AS details
FROM gapless.node_audit(
    name => sqlc.narg('name')::text, pattern => sqlc.narg('pattern')::text,
    target => (sqlc.narg('target')::text)::regclass, target_column => sqlc.narg('target_column')::text,
    with_series => @with_series::boolean
) AS f;

-- name: RecordAudit :many
-- Audit, and a record of it.
SELECT
    coalesce((f).sequence, '')::text AS sequence,
    coalesce((f).attached_column, '')::text AS attached_column,
    (f).kind::text AS kind,
    coalesce((f).first_value, 0)::bigint AS first_value,
    coalesce((f).last_value, 0)::bigint AS last_value,
    ((f).first_value IS NULL)::boolean AS unreadable,
    (f).explained::boolean AS explained,
    (f).explanation::text AS explanation,
    coalesce((f).allocated_by, '')::text AS allocated_by,
    coalesce((f).allocated_as, '')::text AS allocated_as,
    coalesce(pg_catalog.to_json((f).allocated_at), '"0001-01-01T00:00:00Z"')::json AS allocated_at, -- whose text no DateStyle changes
    coalesce((f).txid, 0)::bigint AS txid,
    coalesce((f).first_text, '')::text AS first_text,
    coalesce((f).last_text, '')::text AS last_text,
    coalesce((f).keys, '[]')::jsonb AS keys,
    coalesce(pg_catalog.to_json((f).recorded_at), '"0001-01-01T00:00:00Z"')::json AS recorded_at,
    coalesce((f).details, '{}')::jsonb AS details
FROM gapless.record_audit_gapless(
    name => sqlc.narg('name')::text, pattern => sqlc.narg('pattern')::text,
    target => (sqlc.narg('target')::text)::regclass, target_column => sqlc.narg('target_column')::text,
    with_series => @with_series::boolean, note => sqlc.narg('note')::text
) AS f;

-- name: Audits :many
-- The audits that were recorded, in their order. Where SQL has NULL, the text is empty.
SELECT
    a.ordinal::bigint AS ordinal,
    pg_catalog.to_json(a.recorded_at)::json AS recorded_at,
    a.recorded_by::text AS recorded_by,
    coalesce(a.recorded_as, '')::text AS recorded_as,
    a.txid::bigint AS txid,
    coalesce(a.name, '')::text AS name,
    coalesce(a.pattern, '')::text AS pattern,
    coalesce(a.table_name, '')::text AS table_name,
    coalesce(a.column_name, '')::text AS column_name,
    coalesce(a.note, '')::text AS note,
    a.series::bigint AS series,
    a.documents::bigint AS documents,
    a.findings::bigint AS findings,
    a.unexplained::bigint AS unexplained,
    a.not_read::bigint AS not_read,
    a.new_findings::bigint AS new_findings,
    a.result::text AS result,
    a.digest::bytea AS digest,
    a.intact::boolean AS intact
FROM gapless.audits AS a
ORDER BY a.ordinal;

-- name: GuardPartitions :many
-- Guards the partitions of a table, or of all of the caller's, that have no guards; returns them.
SELECT partition::text AS partition
FROM gapless.guard_partitions(target => (sqlc.narg('target')::text)::regclass) AS partition;
