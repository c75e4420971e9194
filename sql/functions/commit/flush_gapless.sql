-- It writes WAL and commits synchronously: a flush of the WAL covers all before it. (Early lock release: Johnson et
-- al., "Aether", PVLDB 2010.)
CREATE OR REPLACE FUNCTION gapless.flush_gapless(
    txid bigint DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp -- trap: no SET of what has to last until the commit
AS $function$
DECLARE
    own         bigint;
    status      text;
    distributed boolean;
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'a standby cannot make anything durable'
            USING ERRCODE = 'read_only_sql_transaction', HINT = 'Call gapless.flush_gapless on the primary.', SCHEMA = 'gapless';
    ELSIF flush_gapless.txid IS NOT NULL THEN
        -- What the server has given out comes before this transaction's own id, which it may get just now, or before
        -- the end of its snapshot. A transaction that has had both for a while (REPEATABLE READ and above) cannot
        -- tell.
        own := txid_current_if_assigned();
        IF flush_gapless.txid NOT BETWEEN 0 AND greatest(coalesce(own, txid_current() - 1), txid_snapshot_xmax(txid_current_snapshot()) - 1) THEN
            IF own < flush_gapless.txid AND current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
                RAISE EXCEPTION 'transaction % is newer than this one, which cannot tell whether it has committed', flush_gapless.txid
                    USING ERRCODE = 'invalid_transaction_state',
                        HINT = 'Call gapless.flush_gapless after COMMIT, in a transaction of its own.',
                        SCHEMA = 'gapless', CONSTRAINT = 'flush_txid';
            END IF;
            RAISE EXCEPTION 'transaction % has not committed: the server has given out no such number, or it is still running', flush_gapless.txid
                USING ERRCODE = 'invalid_parameter_value',
                    HINT = 'Give what txid_current(), or gapless.mark_gapless, returned in a transaction that has ended on this server. After a crash or a fail-over, the transaction was lost.',
                    SCHEMA = 'gapless', CONSTRAINT = 'flush_txid';
        END IF;
        status := pg_xact_status(flush_gapless.txid::text::xid8);
        IF status = 'aborted' THEN
            RAISE EXCEPTION 'transaction % was rolled back', flush_gapless.txid
                USING ERRCODE = 'transaction_rollback',
                    HINT = 'A statement of it failed, and so its COMMIT was a ROLLBACK. Run it again.',
                    SCHEMA = 'gapless', CONSTRAINT = 'flush_txid';
        ELSIF status IS DISTINCT FROM 'committed' THEN
            RAISE EXCEPTION 'transaction % is %', flush_gapless.txid, coalesce(status, 'too old to tell')
                USING ERRCODE = 'object_not_in_prerequisite_state',
                    HINT = 'Call gapless.flush_gapless after COMMIT, in a transaction of its own.',
                    SCHEMA = 'gapless', CONSTRAINT = 'flush_txid';
        END IF;
    ELSIF to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL THEN
        -- But for those that only Citus knows, and this node alone has.
        EXECUTE 'SELECT EXISTS (SELECT FROM pg_dist_partition AS p WHERE (p.partmethod, p.repmodel, p.colocationid) <> ($1, $2, 0))'
        INTO distributed
        USING 'n'::"char", 's'::"char";
        IF distributed THEN
            RAISE EXCEPTION 'database "%" has tables that Citus distributes, which group commit would break', current_database()
                USING ERRCODE = 'feature_not_supported',
                    DETAIL = 'Other nodes commit by themselves. They would commit what this node has yet to make durable, and keep it if this node then loses it.',
                    HINT = 'Commit one by one, with synchronous_commit on: InTx without a group committer.',
                    SCHEMA = 'gapless';
        END IF;
    END IF;
    -- In the body: a SET clause would be undone before the commit.
    IF current_setting('synchronous_commit') = 'off' THEN -- trap: synchronous_commit is set for the transaction
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    -- Transactional: one that is not would not be flushed before PostgreSQL 17.
    PERFORM pg_logical_emit_message(true, 'gapless', ''); -- trap: the barrier
END;
$function$;

COMMENT ON FUNCTION gapless.flush_gapless IS
'The barrier of group commit: when the transaction that calls this has committed, all that committed before is as durable as a commit with synchronous_commit on. For transactions with synchronous_commit = off. With a txid it raises unless that transaction has committed: COMMIT; SELECT gapless.flush_gapless(txid), as one message, fails where COMMIT became a ROLLBACK. Locks nothing. Raises 40000 (rolled back), 55000 (still running, or too old to tell), 22023 (no such transaction), 25000 (newer than the caller''s, which has written under REPEATABLE READ or above), 25006 on a standby. Without a txid it raises 0A000 where Citus distributes tables.';

REVOKE ALL ON FUNCTION gapless.flush_gapless FROM PUBLIC;
