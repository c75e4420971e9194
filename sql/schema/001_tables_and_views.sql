-- The private tables and the two public views of schema gapless.
--
-- Nobody but the owner touches the tables: applications use the functions (sql/functions) and the
-- views. The functions lock a row of gapless.sequence and append to gapless.allocation; neither is
-- updated by an allocation, so an old snapshot (a pg_dump, a report, a replication slot) has no chain
-- of dead row versions to keep alive.

-- Names that are not qualified are PostgreSQL's own, whatever the installer's search_path says.
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA gapless;

COMMENT ON SCHEMA gapless IS
'Numbers without holes. Start with gapless.next_gapless(name); give an application its rights with gapless.grant_gapless(role).';

-- PostgreSQL grants PUBLIC nothing on a new schema or table, unless the owner's default privileges do.
REVOKE ALL ON SCHEMA gapless FROM PUBLIC;

CREATE TABLE gapless.sequence (
    name      text   COLLATE "C" NOT NULL,
    adoptions bigint NOT NULL DEFAULT 0,
    CONSTRAINT sequence_pkey PRIMARY KEY (name),
    CONSTRAINT sequence_name_length CHECK (octet_length(name) BETWEEN 1 AND 255)
);

REVOKE ALL ON TABLE gapless.sequence FROM PUBLIC;

COMMENT ON TABLE gapless.sequence IS
'One row a sequence: its lock. An allocation locks the row and never updates it; delete, adopt and prune write it, so that transactions with an older snapshot get 40001. No foreign key may point here: its KEY SHARE lock would turn xmax into a multixact.';
COMMENT ON COLUMN gapless.sequence.name IS
'The natural key: 1 to 255 bytes, compared byte by byte (COLLATE "C").';
COMMENT ON COLUMN gapless.sequence.adoptions IS
'How many rows of kind ''adopted'' the journal has had. Each of them counts once in allocation.ordinal, though it issued nothing.';

COMMENT ON CONSTRAINT sequence_pkey ON gapless.sequence IS 'One row a name; the row an allocation locks is found by it.';
COMMENT ON CONSTRAINT sequence_name_length ON gapless.sequence IS 'A name has 1 to 255 bytes.';

CREATE TYPE gapless.allocation_kind AS ENUM ('issued', 'adopted', 'pruned');

REVOKE ALL ON TYPE gapless.allocation_kind FROM PUBLIC;

COMMENT ON TYPE gapless.allocation_kind IS
'How the values of a journal row were given out. ''issued'': by next_gapless or next_gapless_batch. ''adopted'': by another system, before adopt_gapless. ''pruned'': the row stands for the older ones that prune_gapless dropped. A type and not a CHECK, which would cost each allocation 2 microseconds.';

CREATE TABLE gapless.allocation (
    name         text        COLLATE "C" NOT NULL,
    ordinal      bigint      NOT NULL,
    first_value  bigint      NOT NULL,
    last_value   bigint      NOT NULL,
    kind         gapless.allocation_kind NOT NULL DEFAULT 'issued',
    allocated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    txid         bigint      NOT NULL DEFAULT txid_current(),
    allocated_by text        COLLATE "C" NOT NULL DEFAULT session_user,
    allocated_as text        COLLATE "C" DEFAULT nullif(current_setting('role'), 'none'),
    token        uuid        DEFAULT nullif(current_setting('gapless.token', true), '')::uuid,
    CONSTRAINT allocation_pkey PRIMARY KEY (name, ordinal)
);

REVOKE ALL ON TABLE gapless.allocation FROM PUBLIC;

COMMENT ON TABLE gapless.allocation IS
'The journal: one row for each run of values that was given out, in the order of ordinal within a name. The newest row is the counter.';
COMMENT ON COLUMN gapless.allocation.name IS
'The sequence. No foreign key: see gapless.sequence.';
COMMENT ON COLUMN gapless.allocation.ordinal IS
'The running count, from 1, of the run''s first value. Competing allocations collide on it whatever the size of their runs, which a count of the last value would not ensure.';
COMMENT ON COLUMN gapless.allocation.first_value IS
'The run''s first value. In an ''adopted'' row the same as last_value, since nobody knows where the adopted numbers began.';
COMMENT ON COLUMN gapless.allocation.last_value IS
'The run''s last value. In an ''adopted'' row the value that was adopted: every number up to it was given out elsewhere.';
COMMENT ON COLUMN gapless.allocation.kind IS
'How the values were given out.';
COMMENT ON COLUMN gapless.allocation.allocated_at IS
'The server''s clock when the row was written, not when its transaction committed. Clocks jump: order is ordinal''s.';
COMMENT ON COLUMN gapless.allocation.txid IS
'The top-level transaction that wrote the row (pg_current_xact_id, as bigint).';
COMMENT ON COLUMN gapless.allocation.allocated_by IS
'session_user: who logged in.';
COMMENT ON COLUMN gapless.allocation.allocated_as IS
'The role chosen by SET ROLE, or NULL.';
COMMENT ON COLUMN gapless.allocation.token IS
'What the transaction had set as gapless.token (a uuid), or NULL: the caller''s own mark, by which a commit can be found again. It decides nothing.';

COMMENT ON CONSTRAINT allocation_pkey ON gapless.allocation IS
'Read backwards it gives the newest row of a name; and two allocations of the same values collide on it.';

CREATE VIEW gapless.sequences AS
SELECT
    s.name,
    newest.last_value,
    (newest.ordinal + (newest.last_value - newest.first_value) - s.adoptions)::bigint AS issued,
    newest.allocated_at AS last_allocated_at
FROM gapless.sequence AS s
CROSS JOIN LATERAL (
    SELECT a.ordinal, a.first_value, a.last_value, a.allocated_at
    FROM gapless.allocation AS a
    WHERE a.name = s.name
    ORDER BY a.ordinal DESC
    LIMIT 1
) AS newest;

REVOKE ALL ON TABLE gapless.sequences FROM PUBLIC;

COMMENT ON VIEW gapless.sequences IS
'One row a sequence, as the caller''s snapshot has it. Takes no lock.';
COMMENT ON COLUMN gapless.sequences.name IS 'The sequence.';
COMMENT ON COLUMN gapless.sequences.last_value IS 'Its newest value.';
COMMENT ON COLUMN gapless.sequences.issued IS 'How many values gapless has issued, in all cycles. Adopted numbers do not count.';
COMMENT ON COLUMN gapless.sequences.last_allocated_at IS 'When the newest value was allocated or adopted.';

-- Whoever waits for a row's lock holds, or waits for, a heavyweight "tuple" lock on it (see README.tuplock
-- in PostgreSQL's source, "Locking tuples"); whoever holds the row's lock stands in its xmax.
CREATE VIEW gapless.holders AS
WITH waiter AS (
    SELECT s.name, l.pid, l.granted
    FROM gapless.sequence AS s
    JOIN pg_catalog.pg_locks AS l
        ON l.locktype = 'tuple'
        AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
        AND l.relation = 'gapless.sequence'::regclass
        AND (format('(%s,%s)', l.page, l.tuple))::tid = s.ctid
), holder AS (
    -- While nobody waits, xmax tells, unless it is the xid of a released savepoint, which has no lock of its own any
    -- more, or a multixact. With a lock on the table, too, it is hardly another transaction of the same number.
    SELECT s.name, x.pid, p.gid
    FROM gapless.sequence AS s
    JOIN pg_catalog.pg_locks AS x
        ON x.locktype = 'transactionid' AND x.granted AND x.transactionid = s.xmax
    JOIN pg_catalog.pg_locks AS r
        ON r.virtualtransaction = x.virtualtransaction
        AND r.pid IS NOT DISTINCT FROM x.pid
        AND r.locktype = 'relation'
        AND r.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
        AND r.relation = 'gapless.sequence'::regclass
        AND r.granted
    LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON x.pid IS NULL AND p.transaction = x.transactionid
    WHERE NOT EXISTS (SELECT FROM waiter AS w WHERE w.name = s.name AND w.granted)
    UNION
    -- The first waiter has the tuple lock and knows whom it waits for. Pid 0 is a prepared transaction.
    SELECT w.name, nullif(b.pid, 0) AS pid, p.gid
    FROM waiter AS w
    JOIN gapless.sequence AS s ON s.name = w.name
    CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b (pid)
    LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON b.pid = 0 AND p.transaction = s.xmax
    WHERE w.granted
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
