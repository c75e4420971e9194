-- name: NextGapless :one
-- The next value of a sequence; locks it until the transaction ends.
SELECT gapless.next_gapless(
    name => @name, initial => sqlc.narg('initial')::bigint, reset => sqlc.narg('reset')::bigint, nowait => @nowait
)::bigint AS value;

-- name: NextGaplessBatch :many
-- The next size values of a sequence, in order; locks it until the transaction ends.
SELECT value::bigint
FROM gapless.next_gapless_batch(
    name => @name, size => @size, initial => sqlc.narg('initial')::bigint, reset => sqlc.narg('reset')::bigint, nowait => @nowait
) AS value;

-- name: LastGapless :one
-- The newest value of a sequence in the caller's snapshot; NULL if there is none.
SELECT value FROM gapless.last_gapless(name => @name) AS value;

-- name: PeekGapless :one
-- What NextGapless would give now: a preview, not a promise.
SELECT gapless.peek_gapless(
    name => @name, initial => sqlc.narg('initial')::bigint, reset => sqlc.narg('reset')::bigint
)::bigint AS value;

-- name: DeleteGapless :one
-- Forgets a sequence and its journal; true if it existed.
SELECT gapless.delete_gapless(name => @name, nowait => @nowait)::boolean AS existed;

-- name: AdoptGapless :exec
-- Takes over existing numbering: the next value is last + 1.
SELECT gapless.adopt_gapless(name => @name, last => @last);

-- name: PruneGapless :one
-- Drops journal rows from before a time; how many were dropped.
SELECT gapless.prune_gapless(name => @name, before => @before)::bigint AS dropped;

-- name: GrantGapless :exec
-- Gives a role what an application needs.
SELECT gapless.grant_gapless(role => @role);

-- name: RevokeGapless :exec
-- Takes back what GrantGapless gives.
SELECT gapless.revoke_gapless(role => @role);

-- name: VoidGapless :exec
-- Notes that an issued number was cancelled, and why.
SELECT gapless.void_gapless(name => @name, value => @value, reason => @reason);

-- name: VoidGaplessBatch :one
-- VoidGapless for each number from first to last, all or none; how many.
SELECT gapless.void_gapless_batch(name => @name, first => @first, last => @last, reason => @reason)::bigint AS voided;

-- name: CloseGapless :one
-- Closes a sequence, and notes why; its newest value, or NULL.
SELECT value FROM gapless.close_gapless(name => @name, reason => @reason) AS value;

-- name: OpenGapless :exec
-- Opens a sequence that was closed, and notes why.
SELECT gapless.open_gapless(name => @name, reason => @reason);

-- name: GoLiveGapless :one
-- Drops the test numbers of a sequence and begins it again, and notes why; its last test number, or NULL.
SELECT value FROM gapless.go_live_gapless(name => @name, reason => @reason) AS value;

-- name: ArchiveGapless :one
-- Lets the rows leave whose numbers are up to last, and notes why; how many there are.
SELECT gapless.archive_gapless(name => @name, last => @last, reason => @reason)::bigint AS archived;

-- name: ForwardGapless :exec
-- Passes over the numbers up to last, and notes why.
SELECT gapless.forward_gapless(name => @name, last => @last, reason => @reason);

-- name: RangeGapless :one
-- Gives a sequence a range of numbers, and notes why; how many it may issue then.
SELECT gapless.range_gapless(
    name => @name, first => @first, last => @last, reason => @reason, valid_until => sqlc.narg('valid_until')::text::date, time_zone => sqlc.narg('time_zone')::text,
    warn_left => sqlc.narg('warn_left')::bigint, warn_percent => sqlc.narg('warn_percent')::float8::numeric, warn_days => sqlc.narg('warn_days')::integer
)::bigint AS numbers_left;

-- name: WithdrawGapless :one
-- Withdraws what was not issued of a sequence's range, and notes why; how many numbers that is.
SELECT gapless.withdraw_gapless(name => @name, first => @first, reason => @reason)::bigint AS withdrawn;
