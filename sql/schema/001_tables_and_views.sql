-- The private tables and the two public views of schema gapless.
--
-- Nobody but the owner touches the tables: applications use the functions (sql/functions) and the
-- views. The functions lock a row of gapless.sequence and append to gapless.journal; neither is
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
    name          text   COLLATE "C" NOT NULL,
    adoptions     bigint NOT NULL DEFAULT 0,
    target        regclass,
    target_column name,
    initial       bigint,
    CONSTRAINT sequence_pkey PRIMARY KEY (name),
    CONSTRAINT sequence_name_length CHECK (octet_length(name) BETWEEN 1 AND 255)
);

REVOKE ALL ON TABLE gapless.sequence FROM PUBLIC;

COMMENT ON TABLE gapless.sequence IS
'One row a sequence: its lock. An allocation locks the row and never updates it; delete, adopt and prune write it, so that transactions with an older snapshot get 40001. No foreign key may point here: its KEY SHARE lock would turn xmax into a multixact.';
COMMENT ON COLUMN gapless.sequence.name IS
'The natural key: 1 to 255 bytes, compared byte by byte (COLLATE "C").';
COMMENT ON COLUMN gapless.sequence.adoptions IS
'How many rows of kind ''adopted'' the journal has had. Each of them counts once in journal.ordinal, though it issued nothing.';
COMMENT ON COLUMN gapless.sequence.target IS
'The table whose column numbers itself from this sequence, since its first use by the column; NULL: next_gapless and its like may take from it. It counts as long as the table has the column''s triggers: pg_trigger is the registry.';
COMMENT ON COLUMN gapless.sequence.target_column IS
'The column of target, or NULL.';
COMMENT ON COLUMN gapless.sequence.initial IS
'What the column''s first number from it will be, where attach_gapless made it before any row; else NULL.';

COMMENT ON CONSTRAINT sequence_pkey ON gapless.sequence IS 'One row a name; the row an allocation locks is found by it.';
COMMENT ON CONSTRAINT sequence_name_length ON gapless.sequence IS 'A name has 1 to 255 bytes.';

CREATE TYPE gapless.journal_kind AS ENUM ('issued', 'adopted', 'pruned');

REVOKE ALL ON TYPE gapless.journal_kind FROM PUBLIC;

COMMENT ON TYPE gapless.journal_kind IS
'How the values of a journal row were given out. ''issued'': by next_gapless or next_gapless_batch. ''adopted'': by another system, before adopt_gapless. ''pruned'': the row stands for the older ones that prune_gapless dropped. A type and not a CHECK, which would cost each allocation 2 microseconds.';

CREATE TABLE gapless.journal (
    name         text        COLLATE "C" NOT NULL,
    ordinal      bigint      NOT NULL,
    first_value  bigint      NOT NULL,
    last_value   bigint      NOT NULL,
    kind         gapless.journal_kind NOT NULL DEFAULT 'issued',
    allocated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    txid         bigint      NOT NULL DEFAULT txid_current(),
    allocated_by text        COLLATE "C" NOT NULL DEFAULT session_user,
    allocated_as text        COLLATE "C" DEFAULT nullif(current_setting('role'), 'none'),
    token        uuid        DEFAULT nullif(current_setting('gapless.token', true), '')::uuid,
    dated        timestamp,
    attachment   bigint,
    texts        text[]      COLLATE "C",
    CONSTRAINT journal_pkey PRIMARY KEY (name, ordinal)
);

REVOKE ALL ON TABLE gapless.journal FROM PUBLIC;

COMMENT ON TABLE gapless.journal IS
'The journal: one row for each run of values that was given out, in the order of ordinal within a name. The newest row is the counter.';
COMMENT ON COLUMN gapless.journal.name IS
'The sequence. No foreign key: see gapless.sequence.';
COMMENT ON COLUMN gapless.journal.ordinal IS
'The running count, from 1, of the run''s first value. Competing allocations collide on it whatever the size of their runs, which a count of the last value would not ensure.';
COMMENT ON COLUMN gapless.journal.first_value IS
'The run''s first value. In an ''adopted'' row the same as last_value, since nobody knows where the adopted numbers began.';
COMMENT ON COLUMN gapless.journal.last_value IS
'The run''s last value. In an ''adopted'' row the value that was adopted: every number up to it was given out elsewhere.';
COMMENT ON COLUMN gapless.journal.kind IS
'How the values were given out.';
COMMENT ON COLUMN gapless.journal.allocated_at IS
'The server''s clock when the row was written, not when its transaction committed. Clocks jump: order is ordinal''s.';
COMMENT ON COLUMN gapless.journal.txid IS
'The top-level transaction that wrote the row (pg_current_xact_id, as bigint).';
COMMENT ON COLUMN gapless.journal.allocated_by IS
'session_user: who logged in.';
COMMENT ON COLUMN gapless.journal.allocated_as IS
'The role chosen by SET ROLE, or NULL.';
COMMENT ON COLUMN gapless.journal.token IS
'The mark that the transaction was given by mark_gapless, or NULL: with it outcome_gapless finds out whether it committed.';
COMMENT ON COLUMN gapless.journal.dated IS
'What the expression chronology of attach_gapless gave for the row that has last_value (a timestamptz in UTC); NULL where it was not asked for.';
COMMENT ON COLUMN gapless.journal.attachment IS
'The number of the attachment (attach_gapless draws one each time) whose INSERTs the values are of, or NULL. A column whose own is in the newest row owns the sequence: to verify its next number takes that row alone.';

COMMENT ON COLUMN gapless.journal.texts IS
'What an attached column with a format wrote for the values, in their order, as it stands in the rows; else NULL.';

COMMENT ON CONSTRAINT journal_pkey ON gapless.journal IS
'Read backwards it gives the newest row of a name; and two allocations of the same values collide on it.';

-- For outcome_gapless. Transactions are numbered in about the order of the rows, and so a BRIN index costs next to nothing.
CREATE INDEX journal_txid ON gapless.journal USING brin (txid) WITH (autosummarize = on);

COMMENT ON INDEX gapless.journal_txid IS
'The rows of a transaction, whose outcome is asked for (outcome_gapless). BRIN: it costs an allocation next to nothing.';

CREATE TABLE gapless.void (
    name      text        COLLATE "C" NOT NULL,
    value     bigint      NOT NULL,
    ordinal   bigint      NOT NULL,
    reason    text        NOT NULL,
    written   text        COLLATE "C",
    voided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    txid      bigint      NOT NULL DEFAULT txid_current(),
    voided_by text        COLLATE "C" NOT NULL DEFAULT session_user,
    voided_as text        COLLATE "C" DEFAULT nullif(current_setting('role'), 'none'),
    CONSTRAINT void_pkey PRIMARY KEY (name, value, ordinal)
);

REVOKE ALL ON TABLE gapless.void FROM PUBLIC;

COMMENT ON TABLE gapless.void IS
'Values that were issued and then cancelled, by void_gapless. They are never issued again.';
COMMENT ON COLUMN gapless.void.name IS 'The sequence.';
COMMENT ON COLUMN gapless.void.value IS 'The cancelled value.';
COMMENT ON COLUMN gapless.void.ordinal IS
'Which of the sequence''s cycles it is of: the value''s own running count in the journal; in an adopted range the ordinal of the ''adopted'' row.';
COMMENT ON COLUMN gapless.void.reason IS 'Why it was cancelled, for the auditor.';
COMMENT ON COLUMN gapless.void.written IS 'Its text, where a column with a format wrote it; NULL where the value is all that is known.';
COMMENT ON COLUMN gapless.void.voided_at IS 'The server''s clock when it was cancelled.';
COMMENT ON COLUMN gapless.void.txid IS 'The top-level transaction that cancelled it.';
COMMENT ON COLUMN gapless.void.voided_by IS 'session_user: who logged in.';
COMMENT ON COLUMN gapless.void.voided_as IS 'The role chosen by SET ROLE, or NULL.';
COMMENT ON CONSTRAINT void_pkey ON gapless.void IS 'A value is cancelled once a cycle.';

CREATE TABLE gapless.known_text (
    name   text COLLATE "C" NOT NULL,
    number text COLLATE "C" NOT NULL,
    value  bigint,
    reason text,
    CONSTRAINT known_text_pkey PRIMARY KEY (name, number)
);

REVOKE ALL ON TABLE gapless.known_text FROM PUBLIC;

COMMENT ON TABLE gapless.known_text IS
'Texts of an attached column that no journal row has: those that stood there before attach_gapless and give no value, and those whose journal prune_gapless dropped.';
COMMENT ON COLUMN gapless.known_text.name IS 'The sequence.';
COMMENT ON COLUMN gapless.known_text.number IS 'The text, as it stands in the row.';
COMMENT ON COLUMN gapless.known_text.value IS 'The value that it was issued for; NULL where it is from before.';
COMMENT ON COLUMN gapless.known_text.reason IS 'Why void_gapless cancelled it, so that its row may be deleted; NULL where it has not.';
COMMENT ON CONSTRAINT known_text_pkey ON gapless.known_text IS 'A text once a sequence.';

-- What transactions in progress have to tell their own later triggers. No row outlives its transaction's use of it, and no
-- other transaction reads one: so neither table needs to be logged.
CREATE UNLOGGED TABLE gapless.waiting (
    txid       bigint   NOT NULL DEFAULT txid_current(),
    attachment bigint   NOT NULL,
    names      text[]   COLLATE "C",
    keys       text[]   NOT NULL,
    taken      bigint[],
    numbers    text[],
    seen       boolean  NOT NULL DEFAULT false
);

ALTER TABLE gapless.waiting ALTER COLUMN keys SET STORAGE EXTERNAL, ALTER COLUMN taken SET STORAGE EXTERNAL, ALTER COLUMN numbers SET STORAGE EXTERNAL;

CREATE INDEX waiting_txid ON gapless.waiting (txid);

REVOKE ALL ON TABLE gapless.waiting FROM PUBLIC;
GRANT SELECT, INSERT (attachment, names, keys) ON TABLE gapless.waiting TO PUBLIC;

COMMENT ON TABLE gapless.waiting IS
'Rows that a transaction will number when it commits (attach_gapless with at_commit), a note for each statement; and what they are given at the commit, until they have it. PUBLIC may read and write notes: nobody ever sees another transaction''s, and a note decides when a row is numbered, never how.';
COMMENT ON COLUMN gapless.waiting.txid IS 'The top-level transaction.';
COMMENT ON COLUMN gapless.waiting.attachment IS 'The column, as in gapless.journal.';
COMMENT ON COLUMN gapless.waiting.names IS 'The sequences from which the rows will be numbered, so that they can be locked in the order of their names; NULL beside numbers.';
COMMENT ON COLUMN gapless.waiting.keys IS 'For each column of the primary key an array, as text, with an element for each row.';
COMMENT ON COLUMN gapless.waiting.taken IS 'The rows'' values, at the commit.';
COMMENT ON COLUMN gapless.waiting.numbers IS 'What is to stand in the rows.';
COMMENT ON COLUMN gapless.waiting.seen IS 'Whether the commit has met the note before.';
COMMENT ON INDEX gapless.waiting_txid IS 'The notes of a transaction.';

CREATE UNLOGGED TABLE gapless.moving (
    txid    bigint  NOT NULL,
    name    text    COLLATE "C" NOT NULL,
    number  text    COLLATE "C" NOT NULL,
    dated   timestamp,
    entered boolean NOT NULL,
    arrived boolean NOT NULL DEFAULT false,
    depth   integer NOT NULL,
    CONSTRAINT moving_pkey PRIMARY KEY (txid, name, number)
);

REVOKE ALL ON TABLE gapless.moving FROM PUBLIC;

COMMENT ON TABLE gapless.moving IS
'Numbered rows of partitioned tables that a statement in progress takes from one partition, perhaps to put them into another: PostgreSQL shows triggers such a move as a DELETE and an INSERT.';
COMMENT ON COLUMN gapless.moving.txid IS 'The top-level transaction.';
COMMENT ON COLUMN gapless.moving.name IS 'The sequence.';
COMMENT ON COLUMN gapless.moving.number IS 'The row''s number, as it stands there.';
COMMENT ON COLUMN gapless.moving.dated IS 'The row''s date, for chronology.';
COMMENT ON COLUMN gapless.moving.entered IS 'Whether the journal had the number before the statement.';
COMMENT ON COLUMN gapless.moving.arrived IS 'Whether it was put into another partition.';
COMMENT ON COLUMN gapless.moving.depth IS 'How deep in other triggers the statement is: pg_trigger_depth().';
COMMENT ON CONSTRAINT moving_pkey ON gapless.moving IS 'A number moves once at a time.';

CREATE TABLE gapless.model (
    key    bigint PRIMARY KEY,
    input  text,
    number text UNIQUE
);

REVOKE ALL ON TABLE gapless.model FROM PUBLIC;

COMMENT ON TABLE gapless.model IS
'Never has a row. attach_gapless makes the functions of a column from those that are written for this table (model_...).';
COMMENT ON COLUMN gapless.model.key IS 'Stands for the primary key.';
COMMENT ON COLUMN gapless.model.input IS 'Stands for the columns that the expressions read.';
COMMENT ON COLUMN gapless.model.number IS 'Stands for the column that numbers itself.';
COMMENT ON CONSTRAINT model_pkey ON gapless.model IS 'Stands for the table''s.';
COMMENT ON CONSTRAINT model_number_key ON gapless.model IS 'Stands for the unique index that a column which numbers itself has.';

-- The newest journal row by its own text, and not by gapless.newest_run: a view calls functions with the rights of the role that reads it.
CREATE VIEW gapless.sequences AS
SELECT
    s.name,
    newest.last_value,
    (newest.ordinal + (newest.last_value - newest.first_value) - s.adoptions)::bigint AS issued,
    newest.allocated_at AS last_allocated_at,
    attached.column_name AS attached_column
FROM gapless.sequence AS s
CROSS JOIN LATERAL (
    SELECT j.ordinal, j.first_value, j.last_value, j.allocated_at
    FROM gapless.journal AS j
    WHERE j.name = s.name
    ORDER BY j.ordinal DESC
    LIMIT 1
) AS newest
LEFT JOIN LATERAL (
    SELECT format('%I.%I.%I', n.nspname, c.relname, s.target_column) AS column_name
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE t.tgrelid = s.target AND t.tgname = ('~gapless_insert_' || s.target_column)::name
) AS attached ON true;

REVOKE ALL ON TABLE gapless.sequences FROM PUBLIC;

COMMENT ON VIEW gapless.sequences IS
'One row a sequence, as the caller''s snapshot has it. Takes no lock.';
COMMENT ON COLUMN gapless.sequences.name IS 'The sequence.';
COMMENT ON COLUMN gapless.sequences.last_value IS 'Its newest value.';
COMMENT ON COLUMN gapless.sequences.issued IS 'How many values gapless has issued, in all cycles. Adopted numbers do not count.';
COMMENT ON COLUMN gapless.sequences.last_allocated_at IS 'When the newest value was allocated or adopted.';
COMMENT ON COLUMN gapless.sequences.attached_column IS 'The column that numbers itself from it (attach_gapless), as schema.table.column; NULL if none does.';

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
