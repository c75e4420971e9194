-- name: MarkGapless :one
-- Marks the caller's transaction with a token; its txid.
SELECT gapless.mark_gapless(token => @token)::bigint AS txid;

-- name: OutcomeGapless :one
-- Whether a marked transaction committed: 'committed', 'lost' or 'unknown'.
SELECT gapless.outcome_gapless(token => @token, txid => @txid)::text AS outcome;

-- name: FlushGapless :exec
-- Makes everything that has committed durable; fails unless the transaction txid, if it is given, has committed.
SELECT gapless.flush_gapless(txid => sqlc.narg('txid')::bigint);
