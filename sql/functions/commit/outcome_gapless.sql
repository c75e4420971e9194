-- It waits for a transaction that is still running, as long as lock_timeout allows: a COMMIT that is merely late would
-- look lost otherwise.
CREATE OR REPLACE FUNCTION gapless.outcome_gapless(
    token uuid,
    txid  bigint
) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    outcome text;
BEGIN
    IF outcome_gapless.token IS NULL OR outcome_gapless.txid IS NULL THEN
        RAISE EXCEPTION 'the token and the txid of a transaction must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give what gapless.mark_gapless was given, and what it returned.',
                SCHEMA = 'gapless', TABLE = 'journal';
    ELSIF outcome_gapless.txid < 0 THEN
        RAISE EXCEPTION 'there is no transaction %', outcome_gapless.txid
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Give what gapless.mark_gapless returned.',
                SCHEMA = 'gapless', TABLE = 'journal';
    ELSIF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby does not know the outcome of transaction %', outcome_gapless.txid
            USING ERRCODE = 'read_only_sql_transaction',
                HINT = 'Ask the primary.', SCHEMA = 'gapless', TABLE = 'journal';
    ELSIF outcome_gapless.txid = txid_current_if_assigned() THEN
        RAISE EXCEPTION 'transaction % asks for its own outcome', outcome_gapless.txid
            USING ERRCODE = 'invalid_transaction_state',
                HINT = 'Ask on another connection.', SCHEMA = 'gapless', TABLE = 'journal';
    ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'the outcome of transaction % cannot be read under an older snapshot', outcome_gapless.txid
            USING ERRCODE = 'invalid_transaction_state',
                HINT = 'Ask in READ COMMITTED.', SCHEMA = 'gapless', TABLE = 'journal';
    END IF;

    -- Whoever has this lock is the transaction itself. The statements after this one see what it has committed.
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(outcome_gapless.token, 0)); -- trap: a running transaction is waited for
    IF EXISTS (
        SELECT
        FROM gapless.journal AS j
        WHERE j.txid = outcome_gapless.txid AND j.token = outcome_gapless.token AND j.allocated_by = session_user
    ) THEN
        RETURN 'committed';
    END IF;
    outcome := CASE
        WHEN outcome_gapless.txid >= txid_snapshot_xmax(txid_current_snapshot()) THEN 'lost' -- with the newest WAL, in a crash or a fail-over: the server has yet to give this xid out
        WHEN pg_xact_status(outcome_gapless.txid::text::xid8) = 'aborted' THEN 'lost'
        -- It allocated nothing, its journal rows were pruned, or its xid was given out again after a crash.
        ELSE 'unknown' -- trap: an xid alone proves nothing
    END;
    IF to_regclass('pg_catalog.pg_dist_node') IS NULL THEN
        RETURN outcome;
    END IF;
    RETURN gapless.outcome_on_nodes(outcome_gapless.token, outcome_gapless.txid, outcome);
END;
$function$;

COMMENT ON FUNCTION gapless.outcome_gapless IS
'Whether the transaction with this token and txid (gapless.mark_gapless) committed: ''committed''; ''lost'', so that it can be run again; or ''unknown'': it allocated nothing, or its journal rows were pruned, or, after a crash, its xid was given out again. Ask on a new connection to the same primary. On a node of Citus it asks the others, too: ''unknown'' also where one cannot be reached, or where one has committed and this one has not; and ''lost'' says that no number was taken, so that a transaction that only wrote other rows on one node can have committed there. Waits while the transaction is still running. ''committed'' is not yet durable or replicated: call gapless.flush_gapless(txid) then. Raises 22004 for NULL, 22023 for a negative txid, 25006 on a standby, 25000 within the transaction itself or outside READ COMMITTED, 55P03 after lock_timeout.';

REVOKE ALL ON FUNCTION gapless.outcome_gapless FROM PUBLIC;
