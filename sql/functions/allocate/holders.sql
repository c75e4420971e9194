-- Whoever waits for a row's lock holds, or waits for, a heavyweight "tuple" lock on it (see README.tuplock
-- in PostgreSQL's source, "Locking tuples"); whoever holds the row's lock stands in its xmax.
CREATE OR REPLACE VIEW gapless.holders AS
WITH waiter AS (
    SELECT s.name, l.pid, l.granted
    FROM gapless.sequence_lock AS s
    JOIN pg_catalog.pg_locks AS l
        ON l.locktype = 'tuple'
        AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
        AND l.relation = 'gapless.sequence_lock'::regclass
        AND (format('(%s,%s)', l.page, l.tuple))::tid = s.ctid
), holder AS (
    -- While nobody waits, xmax tells, unless it is the xid of a released savepoint, which has no lock of its own any
    -- more, or a multixact. With a lock on the table, too, it is hardly another transaction of the same number.
    SELECT s.name, x.pid, p.gid
    FROM gapless.sequence_lock AS s
    JOIN pg_catalog.pg_locks AS x
        ON x.locktype = 'transactionid' AND x.granted AND x.transactionid = s.xmax
    JOIN pg_catalog.pg_locks AS r
        ON r.virtualtransaction = x.virtualtransaction
        AND r.pid IS NOT DISTINCT FROM x.pid
        AND r.locktype = 'relation'
        AND r.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
        AND r.relation = 'gapless.sequence_lock'::regclass
        AND r.granted
    LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON x.pid IS NULL AND p.transaction = x.transactionid
    WHERE NOT EXISTS (SELECT FROM waiter AS w WHERE w.name = s.name AND w.granted)
    UNION
    -- The first waiter has the tuple lock and knows whom it waits for. Pid 0 is a prepared transaction.
    SELECT w.name, nullif(b.pid, 0) AS pid, p.gid
    FROM waiter AS w
    JOIN gapless.sequence_lock AS s ON s.name = w.name
    CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b (pid)
    LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON b.pid = 0 AND p.transaction = s.xmax
    WHERE w.granted -- trap: the first waiter knows the holder
), participant AS (
    SELECT h.name, 'holds' AS state, h.pid, h.gid
    FROM holder AS h
    UNION ALL
    SELECT DISTINCT w.name, 'waits', w.pid, NULL
    FROM waiter AS w
)
SELECT
    q.name,
    q.state,
    q.pid,
    q.gid AS prepared_as,
    a.application_name,
    coalesce(a.usename, p.owner) AS user_name,
    (clock_timestamp() - coalesce(a.xact_start, p.prepared))::interval AS transaction_age,
    a.query
FROM participant AS q
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = q.pid
LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON p.gid = q.gid;

REVOKE ALL ON TABLE gapless.holders FROM PUBLIC;

COMMENT ON VIEW gapless.holders IS
'Who holds a sequence now, and who waits for it. Details of other roles'' backends are NULL, and their query reads <insufficient privilege>, without pg_read_all_stats. A sequence whose first transaction has not committed is not shown. While nobody waits, neither is a holder that took or strengthened its lock in a savepoint or an EXCEPTION block.';
COMMENT ON COLUMN gapless.holders.name IS 'The sequence.';
COMMENT ON COLUMN gapless.holders.state IS '''holds'' or ''waits''.';
COMMENT ON COLUMN gapless.holders.pid IS 'The backend''s process id, for pg_terminate_backend. NULL for a prepared transaction.';
COMMENT ON COLUMN gapless.holders.prepared_as IS 'The prepared transaction''s name, for COMMIT PREPARED or ROLLBACK PREPARED. NULL for a backend, and for a prepared transaction that locked in a savepoint (pg_prepared_xacts lists them all).';
COMMENT ON COLUMN gapless.holders.application_name IS 'The backend''s application_name.';
COMMENT ON COLUMN gapless.holders.user_name IS 'Who logged in, or who prepared the transaction.';
COMMENT ON COLUMN gapless.holders.transaction_age IS 'How long ago the transaction began, or was prepared.';
COMMENT ON COLUMN gapless.holders.query IS 'The backend''s current or latest statement.';
