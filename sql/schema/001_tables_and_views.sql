-- The private tables and the public views of schema gapless.
--
-- Nobody but the owner touches the tables: applications use the functions (sql/functions) and the
-- views. The functions lock a row of gapless.sequence_lock and append to gapless.journal; neither is
-- updated by an allocation, so an old snapshot (a pg_dump, a report, a replication slot) has no chain
-- of dead row versions to keep alive.

-- Names that are not qualified are PostgreSQL's own, whatever the installer's search_path says.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Somebody may have made the schema for this role, who cannot make one, or for tern, whose table is in it then.
DO $do$
DECLARE
    owner name := (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = 'gapless');
BEGIN
    IF owner IS NULL THEN
        CREATE SCHEMA gapless;
    ELSIF owner <> current_user THEN
        RAISE EXCEPTION 'schema gapless belongs to role "%", and not to "%"', owner, current_user
            USING ERRCODE = 'insufficient_privilege',
                HINT = 'To install, be that role (SET ROLE).',
                SCHEMA = 'gapless';
    ELSIF EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'gapless'::regnamespace AND d.classid <> 'pg_default_acl'::regclass
            AND (d.classid, d.objid) IS DISTINCT FROM ('pg_class'::regclass, to_regclass('gapless.schema_version')::oid)
            AND (d.classid, d.objid) IS DISTINCT FROM ('pg_extension'::regclass, (SELECT e.oid FROM pg_extension AS e WHERE e.extname = 'gapless')) -- it is making this
            AND (d.classid, d.objid) IS DISTINCT FROM ('pg_proc'::regclass, to_regprocedure('gapless.shard_guard()')::oid) -- Citus has, for a distributed table on a new node
    ) THEN
        RAISE EXCEPTION 'this database has a schema gapless that is not this one'
            USING ERRCODE = 'duplicate_schema',
                HINT = 'Install into another database, or have its owner rename it (ALTER SCHEMA gapless RENAME TO ...).',
                SCHEMA = 'gapless';
    END IF;
END;
$do$;

COMMENT ON SCHEMA gapless IS
'Numbers without holes. Start with gapless.next_gapless(name); give an application its rights with gapless.grant_gapless(role).';

-- PostgreSQL grants PUBLIC nothing on a new schema or table, unless the owner's default privileges do.
REVOKE ALL ON SCHEMA gapless FROM PUBLIC;

CREATE TABLE gapless.sequence_lock (
    name          text   COLLATE "C" NOT NULL,
    adoptions     bigint NOT NULL DEFAULT 0,
    target        regclass,
    target_column name,
    initial       bigint,
    bounded       boolean NOT NULL DEFAULT false,
    CONSTRAINT sequence_lock_pkey PRIMARY KEY (name),
    CONSTRAINT sequence_name_length CHECK (octet_length(name) BETWEEN 1 AND 255)
);

REVOKE ALL ON TABLE gapless.sequence_lock FROM PUBLIC;

COMMENT ON TABLE gapless.sequence_lock IS
'One row a sequence: its lock. An allocation locks the row and never updates it; delete, adopt and prune write it, so that transactions with an older snapshot get 40001. No foreign key may point here: its KEY SHARE lock would turn xmax into a multixact.';
COMMENT ON COLUMN gapless.sequence_lock.name IS
'The natural key: 1 to 255 bytes, compared byte by byte (COLLATE "C").';
COMMENT ON COLUMN gapless.sequence_lock.adoptions IS
'How many rows of kind ''adopted'' the journal has had, by adopt_gapless, attach_gapless or forward_gapless, or where a range follows another. Each of them counts once in journal.ordinal, though it issued nothing.';
COMMENT ON COLUMN gapless.sequence_lock.target IS
'The table whose column numbers itself from this sequence, since its first use by the column; NULL: next_gapless and its like may take from it. It counts as long as the table has the column''s triggers: pg_trigger is the registry.';
COMMENT ON COLUMN gapless.sequence_lock.target_column IS
'The column of target, or NULL.';
COMMENT ON COLUMN gapless.sequence_lock.initial IS
'What the column''s first number from it will be, where attach_gapless made it before any row; else NULL.';

COMMENT ON COLUMN gapless.sequence_lock.bounded IS
'Whether it has ranges (range_gapless): only numbers of these are issued then.';

COMMENT ON CONSTRAINT sequence_lock_pkey ON gapless.sequence_lock IS 'One row a name; the row an allocation locks is found by it.';
COMMENT ON CONSTRAINT sequence_name_length ON gapless.sequence_lock IS 'A name has 1 to 255 bytes.';

CREATE TYPE gapless.journal_kind AS ENUM ('issued', 'adopted', 'pruned', 'closed');

REVOKE ALL ON TYPE gapless.journal_kind FROM PUBLIC;

COMMENT ON TYPE gapless.journal_kind IS
'How the values of a journal row were given out. ''issued'': by next_gapless or next_gapless_batch. ''adopted'': by another system, before adopt_gapless. ''pruned'': the row stands for the older ones that prune_gapless dropped. ''closed'': no values; the series is closed as long as the row is there. A type and not a CHECK, which would cost each allocation 2 microseconds.';

CREATE TABLE gapless.journal (
    name         text        COLLATE "C" NOT NULL,
    ordinal      bigint      NOT NULL,
    first_value  bigint,
    last_value   bigint,
    kind         gapless.journal_kind NOT NULL DEFAULT 'issued',
    allocated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    txid         bigint      NOT NULL DEFAULT txid_current(),
    allocated_by text        COLLATE "C" NOT NULL DEFAULT session_user,
    allocated_as text        COLLATE "C" DEFAULT nullif(current_setting('role'), 'none'),
    token        uuid        DEFAULT CASE
        WHEN current_setting('gapless.token', true) <> '' THEN current_setting('gapless.token')::uuid
        WHEN nullif(current_setting('gapless.distributed', true), '') IS NOT NULL -- for another node of Citus
            AND pg_advisory_xact_lock_shared(uuid_hash_extended(current_setting('gapless.distributed')::uuid, 0)) IS NOT NULL
        THEN current_setting('gapless.distributed')::uuid
    END,
    dated        timestamp,
    attachment   bigint,
    texts        text[]      COLLATE "C",
    CONSTRAINT journal_pkey PRIMARY KEY (name, ordinal)
);

REVOKE ALL ON TABLE gapless.journal FROM PUBLIC;

COMMENT ON TABLE gapless.journal IS
'The journal: one row for each run of values that was given out, in the order of ordinal within a name. The newest row is the counter.';
COMMENT ON COLUMN gapless.journal.name IS
'The sequence. No foreign key: see gapless.sequence_lock.';
COMMENT ON COLUMN gapless.journal.ordinal IS
'The running count, from 1, of the run''s first value. Competing allocations collide on it whatever the size of their runs, which a count of the last value would not ensure.';
COMMENT ON COLUMN gapless.journal.first_value IS
'The run''s first value. In an ''adopted'' row the same as last_value, since nobody knows where the adopted numbers began. NULL in a ''closed'' row.';
COMMENT ON COLUMN gapless.journal.last_value IS
'The run''s last value. In an ''adopted'' row the value that was adopted: every number up to it was given out elsewhere, or passed over. NULL in a ''closed'' row, so that no value follows it: the hot path, which reads the newest row, then has none to give.';
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
'The number of the attachment (attach_gapless draws one each time) whose INSERTs the values are of, or NULL. A column whose own is in the newest row owns the sequence: to verify its next number takes that row alone. Negative where the sequence has ranges, which tell its next number, too.';

COMMENT ON COLUMN gapless.journal.texts IS
'What an attached column with a format wrote for the values, in their order, as it stands in the rows; else NULL.';

COMMENT ON CONSTRAINT journal_pkey ON gapless.journal IS
'Read backwards it gives the newest row of a name; and two allocations of the same values collide on it.';

-- For outcome_gapless. Transactions are numbered in about the order of the rows, and so a BRIN index costs next to nothing.
CREATE INDEX journal_txid ON gapless.journal USING brin (txid) WITH (autosummarize = true);

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
    target        regclass,
    target_column name,
    inputs        jsonb,
    CONSTRAINT void_pkey PRIMARY KEY (name, value, ordinal)
);

CREATE INDEX void_written ON gapless.void (written) WHERE written IS NOT NULL;

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
COMMENT ON COLUMN gapless.void.target IS 'The table whose column had it, once its row was deleted or the column detached; NULL before, and where it was taken by hand.';
COMMENT ON COLUMN gapless.void.target_column IS 'The column of target, or NULL.';
COMMENT ON COLUMN gapless.void.inputs IS 'What the column''s expressions read in its row, which was deleted: it tells the series that the number is of, if the column is attached by another name. NULL where the row was not deleted.';
COMMENT ON INDEX gapless.void_written IS 'Whether a text is void.';
COMMENT ON CONSTRAINT void_pkey ON gapless.void IS 'A value is cancelled once a cycle.';

CREATE TABLE gapless.decision (
    name        text        COLLATE "C" NOT NULL,
    ordinal     bigint      NOT NULL,
    kind        text        COLLATE "C" NOT NULL,
    first_value bigint,
    last_value  bigint,
    reason      text        NOT NULL,
    decided_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    txid        bigint      NOT NULL DEFAULT txid_current(),
    decided_by  text        COLLATE "C" NOT NULL DEFAULT session_user,
    decided_as  text        COLLATE "C" DEFAULT nullif(current_setting('role'), 'none'),
    numbers     nummultirange,
    CONSTRAINT decision_pkey PRIMARY KEY (name, ordinal),
    CONSTRAINT decision_kind CHECK (kind IN ('closed', 'opened', 'forwarded', 'started', 'live', 'archived', 'range', 'withdrawn', 'passed'))
);

REVOKE ALL ON TABLE gapless.decision FROM PUBLIC;

COMMENT ON TABLE gapless.decision IS
'What was decided about sequences, and why: close_gapless, open_gapless, forward_gapless, go_live_gapless, archive_gapless, range_gapless, withdraw_gapless; and what came of a range. prune_gapless leaves it as it is.';
COMMENT ON COLUMN gapless.decision.name IS 'The sequence.';
COMMENT ON COLUMN gapless.decision.ordinal IS 'The running count, from 1, within the name.';
COMMENT ON COLUMN gapless.decision.kind IS '''closed'', ''opened'', ''forwarded''; ''started'': forwarded before its first number; ''live'': begun again after tests; ''archived'': rows may leave; ''range'': given to it, or changed; ''withdrawn'': taken from it; ''passed'': passed over where a range followed, as whoever took its first number then.';
COMMENT ON COLUMN gapless.decision.first_value IS 'The first number that was passed over, was a test, is archived, is the range''s, or was withdrawn; of a start NULL, since none was. Else the newest number then, or NULL.';
COMMENT ON COLUMN gapless.decision.last_value IS 'The last number that was passed over, was a test, is archived, is the range''s, or was withdrawn; of a start the one before the first. Else the newest number then, or NULL.';
COMMENT ON COLUMN gapless.decision.reason IS 'Why, for the auditor.';
COMMENT ON COLUMN gapless.decision.decided_at IS 'The server''s clock when it was decided.';
COMMENT ON COLUMN gapless.decision.txid IS 'The top-level transaction.';
COMMENT ON COLUMN gapless.decision.decided_by IS 'session_user: who logged in.';
COMMENT ON COLUMN gapless.decision.decided_as IS 'The role chosen by SET ROLE, or NULL.';
COMMENT ON COLUMN gapless.decision.numbers IS 'Which numbers rows had when they were archived, and which so may be deleted; of others NULL.';
COMMENT ON CONSTRAINT decision_pkey ON gapless.decision IS 'In their order within a name.';
COMMENT ON CONSTRAINT decision_kind ON gapless.decision IS 'There are no others.';

CREATE TABLE gapless.link (
    name  text   COLLATE "C" NOT NULL,
    value bigint NOT NULL,
    hash  bytea  NOT NULL,
    CONSTRAINT link_pkey PRIMARY KEY (name, value)
);

REVOKE ALL ON TABLE gapless.link FROM PUBLIC;

COMMENT ON TABLE gapless.link IS
'The chains of attached columns with chain: one row a number, with its document''s hash. A link above the newest number is of a row that did not arrive; it goes when the number is given again. prune_gapless leaves them.';
COMMENT ON COLUMN gapless.link.name IS 'The sequence.';
COMMENT ON COLUMN gapless.link.value IS 'The number.';
COMMENT ON COLUMN gapless.link.hash IS 'What the expression chain of attach_gapless gave for the row, as it stands there.';
COMMENT ON CONSTRAINT link_pkey ON gapless.link IS 'Read backwards it gives the predecessor of a number.';

CREATE TABLE gapless.number_range (
    name        text        COLLATE "C" NOT NULL,
    first_value bigint      NOT NULL,
    last_value  bigint      NOT NULL,
    reason      text        NOT NULL,
    valid_until date,
    time_zone   text,
    expires     timestamptz,
    warns       timestamptz,
    warn_left   bigint      NOT NULL DEFAULT 0,
    unused      bigint,
    CONSTRAINT number_range_pkey PRIMARY KEY (name, first_value)
);

REVOKE ALL ON TABLE gapless.number_range FROM PUBLIC;

COMMENT ON TABLE gapless.number_range IS
'The ranges whose numbers a sequence may issue, in their order, as range_gapless gave them; gapless.decision has what was said of them over time. No two of a sequence overlap.';
COMMENT ON COLUMN gapless.number_range.name IS 'The sequence.';
COMMENT ON COLUMN gapless.number_range.first_value IS 'Its first number.';
COMMENT ON COLUMN gapless.number_range.last_value IS 'Its last number; of one that was withdrawn the last that had been issued.';
COMMENT ON COLUMN gapless.number_range.reason IS 'Why the sequence has it: the authority''s reference.';
COMMENT ON COLUMN gapless.number_range.valid_until IS 'The last day on which its numbers may be issued, or NULL.';
COMMENT ON COLUMN gapless.number_range.time_zone IS 'The time zone of that day, or NULL.';
COMMENT ON COLUMN gapless.number_range.expires IS 'When that day has ended: the first instant at which it has expired, or NULL.';
COMMENT ON COLUMN gapless.number_range.warns IS 'From when on to warn of that, or NULL.';
COMMENT ON COLUMN gapless.number_range.warn_left IS 'With how many numbers left to warn.';
COMMENT ON COLUMN gapless.number_range.unused IS 'How many of its numbers were passed over, since it had expired; NULL where none was.';
COMMENT ON CONSTRAINT number_range_pkey ON gapless.number_range IS 'In their order within a name.';

CREATE TABLE gapless.audit_record (
    ordinal bigint NOT NULL,
    entry   jsonb  NOT NULL,
    digest  bytea  NOT NULL,
    CONSTRAINT audit_record_pkey PRIMARY KEY (ordinal)
);

REVOKE ALL ON TABLE gapless.audit_record FROM PUBLIC;

COMMENT ON TABLE gapless.audit_record IS
'The audits that were recorded (record_audit_gapless), which the view gapless.audits shows. Rows are only appended.';
COMMENT ON COLUMN gapless.audit_record.ordinal IS 'The running count, from 1.';
COMMENT ON COLUMN gapless.audit_record.entry IS 'Who audited what, when and why, and with which result. JSON, so that its digest is one of all that it has.';
COMMENT ON COLUMN gapless.audit_record.digest IS 'The SHA-256 of the digest of the record before, if there is one, and of the text of entry in UTF-8.';
COMMENT ON CONSTRAINT audit_record_pkey ON gapless.audit_record IS 'In their order.';

CREATE TABLE gapless.recorded_finding (
    key    uuid   NOT NULL,
    record bigint NOT NULL,
    CONSTRAINT recorded_finding_pkey PRIMARY KEY (key)
);

REVOKE ALL ON TABLE gapless.recorded_finding FROM PUBLIC;

COMMENT ON TABLE gapless.recorded_finding IS
'The findings of recorded audits, each once: by it, audit_gapless knows what is new. Rows are only appended.';
COMMENT ON COLUMN gapless.recorded_finding.key IS 'What finding_key makes of a finding.';
COMMENT ON COLUMN gapless.recorded_finding.record IS 'The record that had it first.';
COMMENT ON CONSTRAINT recorded_finding_pkey ON gapless.recorded_finding IS 'Whether a finding was recorded.';

CREATE TABLE gapless.known_text (
    name          text COLLATE "C" NOT NULL,
    number        text COLLATE "C" NOT NULL,
    value         bigint,
    reason        text,
    target        regclass,
    target_column name,
    CONSTRAINT known_text_pkey PRIMARY KEY (name, number)
);

CREATE INDEX known_text_number ON gapless.known_text (number);

REVOKE ALL ON TABLE gapless.known_text FROM PUBLIC;

COMMENT ON TABLE gapless.known_text IS
'Texts of an attached column that no journal row has: those that stood there before attach_gapless and give no value, and those whose journal prune_gapless dropped.';
COMMENT ON COLUMN gapless.known_text.name IS 'The sequence.';
COMMENT ON COLUMN gapless.known_text.number IS 'The text, as it stands in the row.';
COMMENT ON COLUMN gapless.known_text.value IS 'The value that it was issued for; NULL where it is from before.';
COMMENT ON COLUMN gapless.known_text.reason IS 'Why void_gapless cancelled it, so that its row may be deleted; NULL where it has not.';
COMMENT ON COLUMN gapless.known_text.target IS 'The table whose column had it before, once the column was detached; else NULL.';
COMMENT ON COLUMN gapless.known_text.target_column IS 'The column of target, or NULL.';
COMMENT ON INDEX gapless.known_text_number IS 'Whether a text is known of another series.';
COMMENT ON CONSTRAINT known_text_pkey ON gapless.known_text IS 'A text once a sequence.';

CREATE TABLE gapless.former (
    name          text        COLLATE "C" NOT NULL,
    target        regclass    NOT NULL,
    target_column name        NOT NULL,
    title         text        NOT NULL,
    expression    text        COLLATE "C",
    missing       nummultirange,
    unread        boolean     NOT NULL DEFAULT false,
    detached_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    detached_by   text        COLLATE "C" NOT NULL DEFAULT session_user,
    CONSTRAINT former_pkey PRIMARY KEY (name)
);

REVOKE ALL ON TABLE gapless.former FROM PUBLIC;

COMMENT ON TABLE gapless.former IS
'The sequences of columns that were detached: what was missing then stays so, and if the column is attached again by the same expression, they are its own again, even those of which it has no row any more.';
COMMENT ON COLUMN gapless.former.name IS 'The sequence.';
COMMENT ON COLUMN gapless.former.target IS 'The table.';
COMMENT ON COLUMN gapless.former.target_column IS 'The column.';
COMMENT ON COLUMN gapless.former.title IS 'Both, as schema.table.column, by the names of then.';
COMMENT ON COLUMN gapless.former.expression IS 'The expression that named the sequence, or NULL where it was not known any more.';
COMMENT ON COLUMN gapless.former.missing IS 'Which numbers had no row then, and no explanation; NULL: none.';
COMMENT ON COLUMN gapless.former.unread IS 'Whether the column could not be read then, so that nobody knows what was missing.';
COMMENT ON COLUMN gapless.former.detached_at IS 'The server''s clock when it was detached.';
COMMENT ON COLUMN gapless.former.detached_by IS 'session_user: who logged in.';
COMMENT ON CONSTRAINT former_pkey ON gapless.former IS 'The last column that a sequence was of.';

CREATE TABLE gapless.shard (
    relation    regclass NOT NULL,
    column_name name     NOT NULL,
    table_id    bigint   NOT NULL,
    shard       bigint   NOT NULL,
    placement   bigint   NOT NULL,
    function    text     NOT NULL,
    CONSTRAINT shard_pkey PRIMARY KEY (relation, column_name)
);

REVOKE ALL ON TABLE gapless.shard FROM PUBLIC;

COMMENT ON TABLE gapless.shard IS
'On a node of Citus: the shards of distributed tables whose column was attached here. A row outlives its shard until the series are where the shard is now (attach_shards).';
COMMENT ON COLUMN gapless.shard.relation IS 'The shard''s table here, which may have been dropped since.';
COMMENT ON COLUMN gapless.shard.column_name IS 'The column, by the name under which it was attached.';
COMMENT ON COLUMN gapless.shard.table_id IS 'The oid of the distributed table on the coordinator.';
COMMENT ON COLUMN gapless.shard.shard IS 'The shard''s number, as in pg_dist_shard.';
COMMENT ON COLUMN gapless.shard.placement IS 'The number of its placement here, as in pg_dist_placement: the greatest one is the newest.';
COMMENT ON COLUMN gapless.shard.function IS 'The function of the column''s trigger for INSERT, qualified and quoted: by it, what is left of a shard that was dropped is found.';
COMMENT ON CONSTRAINT shard_pkey ON gapless.shard IS 'A column of a table is one shard''s.';

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
CREATE INDEX waiting_numbers ON gapless.waiting (txid, attachment) WHERE numbers IS NOT NULL;

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
COMMENT ON INDEX gapless.waiting_numbers IS 'What its rows are given at the commit, of which there are few: each row is looked up there.';

CREATE UNLOGGED TABLE gapless.moving (
    txid    bigint  NOT NULL,
    member  bigint  NOT NULL DEFAULT 0,
    name    text    COLLATE "C" NOT NULL,
    number  text    COLLATE "C" NOT NULL,
    dated   timestamp,
    entered boolean NOT NULL,
    arrived boolean NOT NULL DEFAULT false,
    depth   integer NOT NULL,
    CONSTRAINT moving_pkey PRIMARY KEY (txid, member, name, number)
);

REVOKE ALL ON TABLE gapless.moving FROM PUBLIC;

COMMENT ON TABLE gapless.moving IS
'Numbered rows of partitioned tables that a statement in progress takes from one partition, perhaps to put them into another: PostgreSQL shows triggers such a move as a DELETE and an INSERT.';
COMMENT ON COLUMN gapless.moving.txid IS 'The top-level transaction.';
COMMENT ON COLUMN gapless.moving.member IS 'The attachment of a column that shares another one''s series, as in gapless.journal; 0 of any other.';
COMMENT ON COLUMN gapless.moving.name IS 'The sequence.';
COMMENT ON COLUMN gapless.moving.number IS 'The row''s number, as it stands there.';
COMMENT ON COLUMN gapless.moving.dated IS 'The row''s date, for chronology.';
COMMENT ON COLUMN gapless.moving.entered IS 'Whether the journal had the number before the statement.';
COMMENT ON COLUMN gapless.moving.arrived IS 'Whether it was put into another partition.';
COMMENT ON COLUMN gapless.moving.depth IS 'How deep in other triggers the statement is: pg_trigger_depth().';
COMMENT ON CONSTRAINT moving_pkey ON gapless.moving IS 'A number moves once at a time.';

CREATE TABLE gapless.model (
    key      bigint PRIMARY KEY,
    input    text,
    number   text UNIQUE,
    hash     bytea,
    previous bytea
);

REVOKE ALL ON TABLE gapless.model FROM PUBLIC;

COMMENT ON TABLE gapless.model IS
'Never has a row. attach_gapless makes the functions of a column from those that are written for this table (model_...).';
COMMENT ON COLUMN gapless.model.key IS 'Stands for the primary key.';
COMMENT ON COLUMN gapless.model.input IS 'Stands for the columns that the expressions read.';
COMMENT ON COLUMN gapless.model.number IS 'Stands for the column that numbers itself.';
COMMENT ON COLUMN gapless.model.hash IS 'Stands for the column that has a row''s hash, of a column with chain.';
COMMENT ON COLUMN gapless.model.previous IS 'Stands for the column that has the hash of the row before it.';
COMMENT ON CONSTRAINT model_pkey ON gapless.model IS 'Stands for the table''s.';
COMMENT ON CONSTRAINT model_number_key ON gapless.model IS 'Stands for the unique index that a column which numbers itself has.';

-- The newest journal row by its own text, and not by gapless.newest_run: a view calls functions with the rights of the role that reads it.
CREATE VIEW gapless.sequences AS
SELECT
    s.name,
    coalesce(newest.last_value, former.last_value) AS last_value,
    (coalesce(newest.ordinal + (newest.last_value - newest.first_value), former.ordinal + (former.last_value - former.first_value), 0) - s.adoptions)::bigint AS issued,
    shown.last_allocated_at,
    shown.attached_column,
    shown.closed,
    shown.numbers_left,
    shown.valid_until,
    shown.warning
FROM gapless.sequence_lock AS s
LEFT JOIN LATERAL (
    SELECT j.ordinal, j.first_value, j.last_value, j.allocated_at, j.kind
    FROM gapless.journal AS j
    WHERE j.name = s.name
    ORDER BY j.ordinal DESC
    LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT j.ordinal, j.first_value, j.last_value, j.allocated_at
    FROM gapless.journal AS j
    WHERE newest.kind = 'closed' AND j.name = s.name AND j.kind <> 'closed'
    ORDER BY j.ordinal DESC
    LIMIT 1
) AS former ON true
LEFT JOIN LATERAL (
    SELECT coalesce(
        (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = t.tgrelid),
        t.tgrelid::regclass::text -- of a shard, which Citus hides
    ) || '.' || quote_ident(s.target_column) AS column_name -- NULL for NULL, which a plan may give it
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = s.target AND t.tgname = ('~gapless_insert_' || s.target_column)::name
) AS attached ON true
LEFT JOIN LATERAL (
    -- The last of those that it may still issue from says until when, and when to warn.
    SELECT
        least(coalesce(sum(u.numbers), 0), 9223372036854775807)::bigint AS numbers_left,
        (array_agg(u.valid_until ORDER BY u.first_value DESC))[1] AS valid_until,
        coalesce(sum(u.numbers) <= (array_agg(u.warn_left ORDER BY u.first_value DESC))[1]
            OR (array_agg(u.warns ORDER BY u.first_value DESC))[1] <= statement_timestamp(), sum(u.numbers) IS NULL) AS warning
    FROM (
        SELECT r.first_value, r.last_value::numeric - greatest(r.first_value, coalesce(newest.last_value, former.last_value)::numeric + 1) + 1 AS numbers, r.valid_until, r.warn_left, r.warns
        FROM gapless.number_range AS r
        WHERE r.name = s.name
            AND (r.expires <= statement_timestamp()) IS NOT TRUE
            AND (r.last_value <= coalesce(newest.last_value, former.last_value)) IS NOT TRUE
    ) AS u
    WHERE s.bounded
) AS ranges ON s.bounded
CROSS JOIN LATERAL (
    -- Gives no row, here and in other views: it tells sqlc and its like, which read this text, the types, and what can be NULL.
    SELECT
        NULL::timestamptz AS last_allocated_at,
        NULL::text AS attached_column,
        false AS closed,
        NULL::bigint AS numbers_left,
        NULL::date AS valid_until,
        NULL::boolean AS warning
    FROM gapless.model
    WHERE false
    UNION ALL
    SELECT
        CASE WHEN newest.kind = 'closed' THEN former.allocated_at ELSE newest.allocated_at END,
        attached.column_name,
        (newest.kind = 'closed') IS TRUE,
        ranges.numbers_left,
        ranges.valid_until,
        ranges.warning
) AS shown
WHERE newest.ordinal IS NOT NULL OR s.bounded;

REVOKE ALL ON TABLE gapless.sequences FROM PUBLIC;

COMMENT ON VIEW gapless.sequences IS
'One row a sequence, as the caller''s snapshot has it. Takes no lock.';
COMMENT ON COLUMN gapless.sequences.name IS 'The sequence.';
COMMENT ON COLUMN gapless.sequences.last_value IS 'Its newest value; NULL where it was closed, or given a range, before it had one.';
COMMENT ON COLUMN gapless.sequences.issued IS 'How many values gapless has issued, in all cycles. Adopted numbers do not count.';
COMMENT ON COLUMN gapless.sequences.last_allocated_at IS 'When the newest value was allocated or adopted.';
COMMENT ON COLUMN gapless.sequences.attached_column IS 'The column that numbers itself from it (attach_gapless), as schema.table.column; NULL if none does.';
COMMENT ON COLUMN gapless.sequences.closed IS 'Whether it is closed (close_gapless): nothing is issued in it.';
COMMENT ON COLUMN gapless.sequences.numbers_left IS 'How many numbers its ranges still have, of those that have not expired; NULL where it has no range (range_gapless).';
COMMENT ON COLUMN gapless.sequences.valid_until IS 'The last day on which numbers of the last of these ranges may be issued, or NULL.';
COMMENT ON COLUMN gapless.sequences.warning IS 'Whether a new range is due: as few numbers are left, or days, as the last of these ranges has been told, or none; NULL where it has no range.';

CREATE VIEW gapless.ranges AS
SELECT -- gives no row, as in gapless.sequences
    r.name,
    r.first_value,
    r.last_value,
    r.valid_until,
    r.time_zone,
    ''::text AS state,
    0::bigint AS numbers_left,
    0::bigint AS unused,
    r.reason
FROM gapless.number_range AS r
WHERE false
UNION ALL
SELECT
    r.name,
    r.first_value,
    r.last_value,
    r.valid_until,
    r.time_zone,
    w.state,
    CASE WHEN w.state IN ('current', 'queued') THEN least(r.last_value::numeric - greatest(r.first_value, newest.last_value::numeric + 1) + 1, 9223372036854775807)::bigint ELSE 0 END AS numbers_left,
    coalesce(r.unused, CASE
        WHEN w.state = 'expired' THEN least(greatest(r.last_value::numeric - greatest(r.first_value, newest.last_value::numeric + 1) + 1, 0), 9223372036854775807)::bigint
        ELSE 0
    END) AS unused,
    r.reason
FROM gapless.number_range AS r
LEFT JOIN LATERAL (
    SELECT j.last_value
    FROM gapless.journal AS j
    WHERE j.name = r.name AND j.last_value IS NOT NULL
    ORDER BY j.ordinal DESC
    LIMIT 1
) AS newest ON true
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN r.unused IS NOT NULL THEN 'expired'
        WHEN r.last_value <= newest.last_value THEN 'used up'
        WHEN r.expires <= statement_timestamp() THEN 'expired'
        WHEN EXISTS (
            SELECT
            FROM gapless.number_range AS b
            WHERE b.name = r.name
                AND b.first_value < r.first_value
                AND (b.expires <= statement_timestamp()) IS NOT TRUE
                AND (b.last_value <= newest.last_value) IS NOT TRUE
        ) THEN 'queued'
        ELSE 'current'
    END AS state
) AS w;

REVOKE ALL ON TABLE gapless.ranges FROM PUBLIC;

COMMENT ON VIEW gapless.ranges IS
'One row a range (range_gapless), as the caller''s snapshot has it. Takes no lock.';
COMMENT ON COLUMN gapless.ranges.name IS 'The sequence.';
COMMENT ON COLUMN gapless.ranges.first_value IS 'Its first number.';
COMMENT ON COLUMN gapless.ranges.last_value IS 'Its last number.';
COMMENT ON COLUMN gapless.ranges.valid_until IS 'The last day on which its numbers may be issued, or NULL.';
COMMENT ON COLUMN gapless.ranges.time_zone IS 'The time zone of that day, or NULL.';
COMMENT ON COLUMN gapless.ranges.state IS '''current'': the next number is of it; ''queued'': it follows; ''used up''; ''expired'': it had numbers left.';
COMMENT ON COLUMN gapless.ranges.numbers_left IS 'How many of its numbers may still be issued.';
COMMENT ON COLUMN gapless.ranges.unused IS 'How many of its numbers were not issued when it expired.';
COMMENT ON COLUMN gapless.ranges.reason IS 'Why the sequence has it: the authority''s reference.';

-- What attach_gapless has made tells what is attached: triggers and functions by their names, arguments by the comments of
-- functions. So a dump has it all. A comment is its owner's to change: nothing is cast that may not be what it was.
CREATE VIEW gapless.guard AS
SELECT
    t.tgrelid AS relation,
    substr(t.tgname, length('~gapless__') + length(split_part(t.tgname, '_', 2)) + 1)::name AS column_name,
    split_part(t.tgname, '_', 2) AS purpose,
    t.oid AS trigger,
    t.tgfoid AS function
FROM pg_catalog.pg_trigger AS t
WHERE t.tgparentid = 0
    AND starts_with(t.tgname, '~gapless_')
    AND split_part(t.tgname, '_', 2) IN ('insert', 'draft', 'update', 'enter', 'issue', 'note', 'commit', 'confirm', 'leave', 'delete');

REVOKE ALL ON TABLE gapless.guard FROM PUBLIC;

COMMENT ON VIEW gapless.guard IS
'Private. One row a trigger that a column has only as long as it is attached. Others a partition has for itself, and keeps when it is detached.';
COMMENT ON COLUMN gapless.guard.relation IS 'The table.';
COMMENT ON COLUMN gapless.guard.column_name IS 'The column, by the name under which it was attached.';
COMMENT ON COLUMN gapless.guard.purpose IS 'What the trigger is for.';
COMMENT ON COLUMN gapless.guard.trigger IS 'The trigger.';
COMMENT ON COLUMN gapless.guard.function IS 'Its function.';

-- The function has the head's table as a constant, and its column as its comment: both outlive a dump and a rename.
CREATE VIEW gapless.member AS
SELECT
    t.tgrelid AS relation,
    substr(t.tgname, length('~gapless_insert_') + 1)::name AS column_name,
    t.tgfoid AS function,
    d.refobjid AS head,
    obj_description(h.oid, 'pg_proc')::name AS head_column
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
JOIN pg_catalog.pg_proc AS h ON h.pronamespace = f.pronamespace AND h.proname = f.proname || '_head' AND h.pronargs = 0
JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = h.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid = 0
WHERE t.tgparentid = 0 AND starts_with(t.tgname, '~gapless_insert_');

REVOKE ALL ON TABLE gapless.member FROM PUBLIC;

COMMENT ON VIEW gapless.member IS
'Private. One row a column that numbers itself from the series of another one (attach_gapless with series_of), which is the head.';
COMMENT ON COLUMN gapless.member.relation IS 'The table.';
COMMENT ON COLUMN gapless.member.column_name IS 'The column, by the name under which it was attached.';
COMMENT ON COLUMN gapless.member.function IS 'The function of its trigger for INSERT.';
COMMENT ON COLUMN gapless.member.head IS 'The head''s table.';
COMMENT ON COLUMN gapless.member.head_column IS 'The head''s column.';

CREATE VIEW gapless.attachment AS
WITH guard AS MATERIALIZED (
    SELECT * FROM gapless.guard
), attached AS (
    SELECT g.relation, g.column_name FROM guard AS g
    UNION
    SELECT s.target, s.target_column
    FROM gapless.sequence_lock AS s
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = s.target AND a.attname = s.target_column AND a.attnum > 0 AND NOT a.attisdropped
), made AS (
    SELECT DISTINCT ON (g.relation, g.column_name)
        g.relation, g.column_name, p.pronamespace AS schema, regexp_replace(p.proname, '_(?:keep|update|arrive|issue|note|commit|confirm)$', '') AS stem
    FROM guard AS g
    JOIN pg_catalog.pg_proc AS p ON p.oid = g.function
    ORDER BY g.relation, g.column_name, g.purpose <> 'insert', g.trigger
), place AS (
    SELECT g.relation, g.column_name, coalesce(min(d.refobjsubid) FILTER (WHERE g.purpose <> 'issue'), min(d.refobjsubid))::smallint AS attnum -- with moves, issue reads others
    FROM guard AS g
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = g.trigger
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = g.relation AND d.refobjsubid > 0
    WHERE g.purpose IN ('delete', 'issue', 'commit', 'confirm')
    GROUP BY g.relation, g.column_name
)
SELECT
    a.relation,
    a.column_name,
    p.attnum,
    format('%I.%I', s.nspname, c.relname) AS table_name,
    c.relowner AS owner,
    m.schema,
    m.stem,
    n.noted,
    c.relkind = 'p' AS partitioned,
    right(n.head, 15) = ', moves => true' AS moves,
    CASE WHEN n.noted IS NOT NULL THEN starts_with(n.tail, 'true') ELSE EXISTS (
        SELECT FROM pg_catalog.pg_proc AS c WHERE c.pronamespace = m.schema AND c.proname = m.stem || '_commit'
    ) END AS at_commit,
    CASE WHEN n.initial::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN n.initial::bigint END AS initial,
    CASE
        WHEN starts_with(n.literal, 'E') THEN replace(replace(substring(n.literal FROM '^E''(.*)''$'), '''''', ''''), $$\\$$, $$\$$)
        ELSE replace(substring(n.literal FROM '^''(.*)''$'), '''''', '''')
    END AS unnumbered,
    replace(substring(n.chain FROM ', hash_column => ''((?:[^'']|'''')*)'''), '''''', '''') AS hash_column,
    replace(substring(n.chain FROM ', previous_column => ''((?:[^'']|'''')*)''$'), '''''', '''') AS previous_column,
    h.head,
    h.head_column,
    format('SELECT gapless.attach_gapless(%L, %L, ', format('%I.%I', s.nspname, c.relname), a.column_name) || n.arguments || ';' AS attach
FROM attached AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.relation AND NOT c.relispartition
JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
LEFT JOIN made AS m ON m.relation = a.relation AND m.column_name = a.column_name
LEFT JOIN place AS p ON p.relation = a.relation AND p.column_name = a.column_name
LEFT JOIN gapless.member AS h ON h.relation = a.relation AND h.column_name = a.column_name
LEFT JOIN LATERAL (
    -- ..., at_commit => false, initial => 1, unnumbered => NULL), or with , hash_column => 'hash', previous_column => 'previous_hash'
    SELECT
        d.noted,
        substr(d.noted, nullif(strpos(d.noted, ', name => '), 0) + 2) AS arguments,
        substring(t.tail FROM '^(?:true|false), initial => (-?[0-9]{1,19}), unnumbered => ') AS initial,
        t.tail,
        left(d.noted, -length(', at_commit => ' || t.tail)) AS head,
        substring(t.tail FROM ', unnumbered => (NULL|E?''(?:[^'']|'''')*'')(?:, hash_column => .*)?[)]$') AS literal,
        substring(t.tail FROM '(, hash_column => ''(?:[^'']|'''')*'', previous_column => ''(?:[^'']|'''')*'')[)]$') AS chain
    FROM pg_catalog.pg_proc AS p
    CROSS JOIN LATERAL obj_description(p.oid, 'pg_proc') AS d (noted)
    CROSS JOIN LATERAL split_part(d.noted, ', at_commit => ', -1) AS t (tail)
    WHERE p.pronamespace = m.schema AND p.proname = m.stem
    ORDER BY p.oid
    LIMIT 1
) AS n ON true;

REVOKE ALL ON TABLE gapless.attachment FROM PUBLIC;

COMMENT ON VIEW gapless.attachment IS
'Private. One row a column that is attached, or that a trigger or a sequence takes for attached.';
COMMENT ON COLUMN gapless.attachment.relation IS 'The table.';
COMMENT ON COLUMN gapless.attachment.column_name IS 'The column, by the name under which it was attached.';
COMMENT ON COLUMN gapless.attachment.attnum IS 'The column''s number, which stays when it is renamed: these triggers read no other column in their WHEN. NULL where there is none of them.';
COMMENT ON COLUMN gapless.attachment.table_name IS 'The table''s name, qualified and quoted.';
COMMENT ON COLUMN gapless.attachment.owner IS 'The table''s owner.';
COMMENT ON COLUMN gapless.attachment.schema IS 'Where the column''s functions are; NULL where there is no trigger that tells.';
COMMENT ON COLUMN gapless.attachment.stem IS 'What their names begin with; NULL where there is no trigger that tells.';
COMMENT ON COLUMN gapless.attachment.noted IS 'The arguments of attach_gapless, as it noted them; NULL where that is gone.';
COMMENT ON COLUMN gapless.attachment.partitioned IS 'Whether the table is.';
COMMENT ON COLUMN gapless.attachment.moves IS 'The argument of attach_gapless; NULL where that is gone.';
COMMENT ON COLUMN gapless.attachment.at_commit IS 'The argument of attach_gapless.';
COMMENT ON COLUMN gapless.attachment.initial IS 'The argument of attach_gapless; NULL where that is gone.';
COMMENT ON COLUMN gapless.attachment.unnumbered IS 'The argument of attach_gapless, or NULL.';
COMMENT ON COLUMN gapless.attachment.hash_column IS 'The argument of attach_gapless; NULL without chain.';
COMMENT ON COLUMN gapless.attachment.previous_column IS 'The argument of attach_gapless; NULL without chain.';
COMMENT ON COLUMN gapless.attachment.head IS 'The table of the column whose series it shares, or NULL.';
COMMENT ON COLUMN gapless.attachment.head_column IS 'The column of head, or NULL.';
COMMENT ON COLUMN gapless.attachment.attach IS 'The statement that attaches it again, with the same arguments and the table''s name of now; NULL where they are gone.';

CREATE VIEW gapless.fault AS
WITH RECURSIVE attachment AS MATERIALIZED (
    SELECT * FROM gapless.attachment
), tree AS (
    -- pg_partition_tree would lock.
    SELECT a.relation, a.column_name, a.partitioned, a.at_commit, a.relation AS member FROM attachment AS a
    UNION ALL
    SELECT t.relation, t.column_name, t.partitioned, t.at_commit, i.inhrelid
    FROM tree AS t
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.member AND NOT i.inhdetachpending
    WHERE t.partitioned
), member AS (
    SELECT t.*, format('%I.%I', n.nspname, c.relname) AS member_name, c.relpersistence, c.relispartition AND c.relkind <> 'p' AS leaf, c.relispartition AND c.relkind = 'p' AS middle
    FROM tree AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.member
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
), present AS (
    SELECT m.*, t.oid AS trigger, t.tgname, t.tgparentid, t.tgenabled
    FROM member AS m
    JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = m.member AND starts_with(t.tgname, '~gapless_') AND m.column_name = substr(t.tgname,
        CASE split_part(t.tgname, '_', 2) WHEN 'kept' THEN length('~gapless_kept_delete_') ELSE length('~gapless__') + length(split_part(t.tgname, '_', 2)) END + 1
    )::name
), function AS (
    SELECT a.relation, a.column_name, a.owner, format('%I.%I', n.nspname, a.stem || w.suffix) AS function_name, w.definer::boolean AS definer, p.oid, p.proowner, p.prosecdef
    FROM attachment AS a
    JOIN pg_catalog.pg_namespace AS n ON n.oid = a.schema
    LEFT JOIN pg_catalog.pg_proc AS r ON r.pronamespace = a.schema AND r.proname = a.stem || '_text'
    CROSS JOIN LATERAL (
        VALUES
            ('', true, true), ('_update', true, true), ('_issue', true, true), ('_keep', true, true), ('_rows', true, true), ('_prints', true, true),
            ('_enter', NOT a.at_commit, true), ('_pending', NOT a.at_commit, true), ('_head', a.noted ~ ', series_of => E?''(?:[^'']|'''')*'', at_commit => (?:true|false), initial => [^,'']*, unnumbered => ', false), ('_arrive', NOT a.at_commit AND NOT a.partitioned, true),
            ('_note', a.at_commit, true), ('_assign', a.at_commit, true), ('_rest', a.at_commit, true), ('_finish', a.at_commit, true), ('_confirm', a.at_commit, true),
            ('_number', a.at_commit, false), ('_commit', a.at_commit, false), ('_single', a.at_commit, true),
            ('_chain', a.hash_column IS NOT NULL, false), ('_links', a.hash_column IS NOT NULL, true),
            ('_check_text', r.prorettype = 'text'::regtype, true), ('_read', r.prorettype = 'text'::regtype, false),
            ('_series', true, false), ('_due', true, false), ('_dated', true, false), ('_text', true, false)
    ) AS w (suffix, wanted, definer)
    LEFT JOIN pg_catalog.pg_proc AS p ON p.pronamespace = a.schema AND p.proname = a.stem || w.suffix
    WHERE w.wanted
), found AS (
    SELECT a.relation, a.column_name, format('missing on table %s: %s', a.table_name, string_agg('trigger ' || w.name, ', ' ORDER BY w.name)) AS fault, NULL::text AS remedy
    FROM attachment AS a
    CROSS JOIN LATERAL (
        VALUES
            ('insert', true), ('draft', true), ('update', true), ('issue', true), ('delete', true), ('truncate', true),
            ('enter', a.partitioned OR NOT a.at_commit), ('settle', a.partitioned), ('leave', a.partitioned OR NOT a.at_commit), ('note', a.at_commit),
            ('commit', a.at_commit), ('confirm', a.at_commit)
    ) AS v (purpose, wanted)
    CROSS JOIN LATERAL (SELECT ('~gapless_' || v.purpose || '_' || a.column_name)::name AS name) AS w
    WHERE v.wanted AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = a.relation AND t.tgname = w.name)
    GROUP BY a.relation, a.column_name, a.table_name
    UNION ALL
    SELECT m.relation, m.column_name, format('missing on partition %s: %s', m.member_name, string_agg('trigger ' || w.name, ', ' ORDER BY w.name)), NULL
    FROM member AS m
    CROSS JOIN (VALUES ('truncate'), ('settle'), ('kept_delete'), ('kept_update'), ('kept_commit')) AS v (purpose)
    CROSS JOIN LATERAL (SELECT ('~gapless_' || v.purpose || '_' || m.column_name)::name AS name) AS w
    WHERE m.leaf
        AND (v.purpose <> 'kept_commit' OR m.at_commit)
        AND EXISTS (SELECT FROM present AS p WHERE p.relation = m.relation AND p.column_name = m.column_name AND p.member = m.member AND p.tgparentid = 0)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = m.member AND t.tgname = w.name)
    GROUP BY m.relation, m.column_name, m.member_name
    UNION ALL
    SELECT m.relation, m.column_name, format('partition %s has no guards of its own', m.member_name), format('SELECT gapless.guard_partitions(%s);', quote_literal(a.table_name))
    FROM member AS m
    JOIN attachment AS a ON a.relation = m.relation AND a.column_name = m.column_name
    WHERE (m.leaf OR m.middle)
        AND NOT EXISTS (SELECT FROM present AS p WHERE p.relation = m.relation AND p.column_name = m.column_name AND p.member = m.member AND p.tgparentid = 0)
    UNION ALL
    SELECT p.relation, p.column_name, format('%s on table %s: %s', CASE p.tgenabled
        WHEN 'D' THEN 'disabled'
        WHEN 'R' THEN 'enabled for replicas alone'
        ELSE 'enabled for replicas as well'
    END, p.member_name, string_agg('trigger ' || p.tgname, ', ' ORDER BY p.tgname)), NULL
    FROM present AS p
    WHERE p.tgenabled <> 'O'
    GROUP BY p.relation, p.column_name, p.member_name, p.tgenabled
    UNION ALL
    SELECT m.relation, m.column_name, format('on table %s: trigger %s fires after the guards', m.member_name, t.tgname),
        format('ALTER TRIGGER %I ON %s RENAME TO %I;', t.tgname, m.member_name, coalesce(nullif(ltrim(t.tgname, '~'), ''), 'early'))
    FROM member AS m
    JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = m.member
    WHERE t.tgname > '~gapless_insert'
        AND NOT starts_with(t.tgname, '~gapless_')
        AND t.tgparentid = 0
        AND NOT t.tgisinternal
        AND t.tgtype::integer & 3 = 3 -- BEFORE, FOR EACH ROW
        AND t.tgtype::integer & CASE WHEN m.partitioned THEN 28 ELSE 20 END <> 0 -- INSERT, UPDATE; DELETE, as a row moves
    UNION ALL
    SELECT m.relation, m.column_name, format('table %s is not logged, so that a crash empties it', m.member_name), format('ALTER TABLE %s SET LOGGED;', m.member_name)
    FROM member AS m
    WHERE m.relpersistence <> 'p'
    UNION ALL
    SELECT a.relation, a.column_name, format('row level security is forced on role %I, which owns table %s', o.rolname, a.table_name),
        format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY;', a.table_name)
    FROM attachment AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.relation AND c.relforcerowsecurity
    JOIN pg_catalog.pg_roles AS o ON o.oid = a.owner AND NOT o.rolsuper AND NOT o.rolbypassrls
    UNION ALL
    SELECT f.relation, f.column_name, format('function %s is gone', f.function_name), NULL
    FROM function AS f
    WHERE f.oid IS NULL
    UNION ALL
    SELECT a.relation, a.column_name, format('no unique index of table %s contains the column', a.table_name),
        format('CREATE UNIQUE INDEX ON %s (%I); -- with what tells its series apart, if it has several', a.table_name, a.column_name)
    FROM attachment AS a
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_index AS i WHERE i.indrelid = a.relation AND i.indisunique AND i.indisvalid AND a.attnum = ANY ((i.indkey::smallint[])[0: i.indnkeyatts - 1]))
    UNION ALL
    SELECT a.relation, a.column_name, format('the primary key of table %s is not the one with which the column was attached', a.table_name), NULL
    FROM attachment AS a
    JOIN pg_catalog.pg_proc AS p ON p.pronamespace = a.schema AND p.proname = a.stem || '_assign'
    WHERE a.at_commit AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index AS i
        CROSS JOIN LATERAL unnest((i.indkey::smallint[])[0: i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, i)
        JOIN pg_catalog.pg_attribute AS c ON c.attrelid = i.indrelid AND c.attnum = k.attnum
        JOIN pg_catalog.pg_type AS t ON t.oid = c.atttypid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
        WHERE i.indrelid = a.relation AND i.indisprimary
        HAVING strpos(p.prosrc, '-- ' || to_jsonb(array_agg(concat_ws(' ', c.attname, n.nspname, t.typname, c.atttypmod) ORDER BY k.i))::text) > 0
    )
    UNION ALL
    SELECT a.relation, a.column_name, format('the primary key of table %s is deferrable, and at_commit finds a row by it before it is checked', a.table_name),
        format('ALTER TABLE %s DROP CONSTRAINT %I, ADD PRIMARY KEY (%s);', a.table_name, k.conname, (
            SELECT string_agg(quote_ident(c.attname), ', ' ORDER BY u.i)
            FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, i)
            JOIN pg_catalog.pg_attribute AS c ON c.attrelid = k.conrelid AND c.attnum = u.attnum
        ))
    FROM attachment AS a
    JOIN pg_catalog.pg_constraint AS k ON k.conrelid = a.relation AND k.contype = 'p' AND k.condeferrable
    WHERE a.at_commit
    UNION ALL
    SELECT a.relation, a.column_name, format('role %I, which owns table %s, cannot read its former partition %I.%I', pg_get_userbyid(a.owner), a.table_name, n.nspname, c.relname),
        format('GRANT USAGE ON SCHEMA %I TO %I; GRANT SELECT ON %I.%I TO %I;', n.nspname, pg_get_userbyid(a.owner), n.nspname, c.relname, pg_get_userbyid(a.owner))
    FROM attachment AS a
    JOIN pg_catalog.pg_proc AS p ON p.pronamespace = a.schema AND p.proname = a.stem || '_keep'
    JOIN pg_catalog.pg_trigger AS k ON k.tgfoid = p.oid AND k.tgname = ('~gapless_kept_delete_' || a.column_name)::name
    JOIN pg_catalog.pg_class AS c ON c.oid = k.tgrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT (has_schema_privilege(a.owner, n.oid, 'USAGE') AND has_table_privilege(a.owner, c.oid, 'SELECT'))
        AND NOT EXISTS (SELECT FROM tree AS t WHERE t.relation = a.relation AND t.column_name = a.column_name AND t.member = c.oid)
    UNION ALL
    SELECT f.relation, f.column_name, format('function %s is no longer SECURITY DEFINER', f.function_name), NULL
    FROM function AS f
    WHERE f.definer AND NOT f.prosecdef
    UNION ALL
    SELECT f.relation, f.column_name, format('the table belongs to role %I, and its functions to role %I', pg_get_userbyid(f.owner), pg_get_userbyid(f.proowner)),
        string_agg(format('ALTER FUNCTION %s OWNER TO %I;', f.oid::regprocedure, pg_get_userbyid(f.owner)), ' ' ORDER BY f.oid) || coalesce(' ' || a.attach, '')
    FROM function AS f
    JOIN attachment AS a ON a.relation = f.relation AND a.column_name = f.column_name
    WHERE f.proowner <> f.owner
    GROUP BY f.relation, f.column_name, f.owner, f.proowner, a.attach
    UNION ALL
    SELECT a.relation, a.column_name, format('role %I, which owns the table, has no right to what numbers its columns', pg_get_userbyid(a.owner)), o.remedy
    FROM attachment AS a
    JOIN (
        SELECT
            o.owner,
            format('GRANT USAGE ON SCHEMA gapless TO %I; ', pg_get_userbyid(o.owner)) || format('GRANT EXECUTE ON FUNCTION %s TO %I;', string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.proname), pg_get_userbyid(o.owner)) AS remedy
        FROM (SELECT DISTINCT a.owner FROM attachment AS a) AS o
        CROSS JOIN pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'gapless'::regnamespace
            AND starts_with(p.proname, 'column_')
            AND NOT (has_schema_privilege(o.owner, 'gapless', 'USAGE') AND has_function_privilege(o.owner, p.oid, 'EXECUTE'))
        GROUP BY o.owner
    ) AS o ON o.owner = a.owner
    UNION ALL
    SELECT a.relation, a.column_name, format('the comment of function %s, in which attach_gapless noted its arguments, is gone', a.stem),
        format('Detach the column, and attach it with the arguments that it had: BEGIN; SELECT gapless.detach_gapless(%L, %L); SELECT gapless.attach_gapless(%L, %L, <its arguments>); COMMIT;', a.table_name, a.column_name, a.table_name, a.column_name)
    FROM attachment AS a
    WHERE a.stem IS NOT NULL AND a.initial IS NULL AND EXISTS (SELECT FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = a.schema AND p.proname = a.stem)
    UNION ALL
    SELECT a.relation, a.column_name, format('the table was renamed: the column that was attached is %s', substring(a.noted FROM '^Numbers (.*?)[.] Made by: ')), NULL
    FROM attachment AS a
    WHERE a.initial IS NOT NULL AND NOT starts_with(replace(a.noted, '"', ''), replace(format('Numbers %s.%s. Made by: ', a.table_name, a.column_name), '"', ''))
    UNION ALL
    SELECT a.relation, a.column_name, CASE
        WHEN n.attname IS NULL THEN format('column %s was dropped', a.column_name)
        ELSE format('column %s was renamed to %s', a.column_name, n.attname)
    END, CASE
        WHEN n.attname IS NULL THEN format('SELECT gapless.detach_gapless(%L, %L);', a.table_name, a.column_name)
        ELSE format('ALTER TABLE %s RENAME COLUMN %I TO %I;', a.table_name, n.attname, a.column_name)
    END
    FROM attachment AS a
    LEFT JOIN pg_catalog.pg_attribute AS n ON n.attrelid = a.relation AND n.attnum = a.attnum AND NOT n.attisdropped
    WHERE n.attname <> a.column_name OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS o WHERE o.attrelid = a.relation AND o.attname = a.column_name AND o.attnum > 0 AND NOT o.attisdropped
    )
    UNION ALL
    SELECT a.relation, a.column_name, format('column %I of table %s, whose series it shares, is not attached', a.head_column, a.head::regclass),
        format('Attach that column again, with the arguments that it had: SELECT gapless.attach_gapless(%L, %L, <its arguments>);', a.head::regclass, a.head_column)
    FROM attachment AS a
    WHERE a.head IS NOT NULL AND a.head_column IS NOT NULL AND NOT EXISTS (SELECT FROM attachment AS h WHERE h.relation = a.head AND h.column_name = a.head_column AND h.stem IS NOT NULL)
    UNION ALL
    -- The function of the name has the columns that are read as its parameters.
    SELECT a.relation, a.column_name, format('column %s, which the expressions read, was renamed to %s', s.proargnames[n.i], n.attname),
        format('ALTER TABLE %s RENAME COLUMN %s TO %I;', a.table_name, quote_ident(n.attname), s.proargnames[n.i])
    FROM attachment AS a
    JOIN pg_catalog.pg_proc AS s ON s.pronamespace = a.schema AND s.proname = a.stem || '_series'
    CROSS JOIN LATERAL (
        SELECT c.attname, row_number() OVER (ORDER BY c.attnum) AS i
        FROM gapless.guard AS g
        JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = g.trigger
            AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = g.relation
        JOIN pg_catalog.pg_attribute AS c ON c.attrelid = g.relation AND c.attnum = d.refobjsubid
        WHERE g.relation = a.relation AND g.column_name = a.column_name AND g.purpose = 'update' AND c.attnum > 0 AND c.attnum <> a.attnum
    ) AS n
    WHERE s.proargnames[n.i] <> n.attname
)
SELECT f.relation, f.column_name, f.fault, coalesce(f.remedy, a.attach, 'Detach the column, and attach it with the arguments that it had.') AS remedy
FROM found AS f
JOIN attachment AS a ON a.relation = f.relation AND a.column_name = f.column_name;

REVOKE ALL ON TABLE gapless.fault FROM PUBLIC;

COMMENT ON VIEW gapless.fault IS
'Private. One row a fault in the guards of an attached column. Locks no table.';
COMMENT ON COLUMN gapless.fault.relation IS 'The table.';
COMMENT ON COLUMN gapless.fault.column_name IS 'The column, by the name under which it was attached.';
COMMENT ON COLUMN gapless.fault.fault IS 'What is wrong.';
COMMENT ON COLUMN gapless.fault.remedy IS 'What to do: statements, where nobody has to decide anything.';

CREATE VIEW gapless.columns AS
SELECT -- gives no row, as in gapless.sequences
    ''::text AS table_name,
    ''::text AS column_name,
    NULL::text AS name,
    NULL::bigint AS initial,
    NULL::text AS format,
    NULL::text AS condition,
    NULL::text AS chronology,
    false AS at_commit,
    NULL::text AS unnumbered,
    NULL::text AS chain,
    NULL::text AS hash_column,
    NULL::text AS previous_column,
    false AS partitioned,
    false AS guarded,
    '{}'::text[] AS faults,
    false AS moves,
    NULL::text AS series_of
FROM gapless.model
WHERE false
UNION ALL
SELECT
    a.table_name,
    a.column_name::text AS column_name,
    e.name,
    a.initial,
    e.format,
    e.condition,
    e.chronology,
    a.at_commit,
    a.unnumbered,
    e.chain,
    a.hash_column,
    a.previous_column,
    a.partitioned,
    f.faults IS NULL AS guarded,
    coalesce(f.faults, '{}') AS faults,
    a.moves IS TRUE AS moves,
    (
        SELECT format('%I.%I.%I', n.nspname, c.relname, a.head_column)
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = a.head AND a.head_column IS NOT NULL -- a comment, which may be gone
    ) AS series_of
FROM gapless.attachment AS a
LEFT JOIN LATERAL (
    SELECT
        max(obj_description(p.oid, 'pg_proc')) FILTER (WHERE p.proname = a.stem || '_series') AS name,
        max(obj_description(p.oid, 'pg_proc')) FILTER (WHERE p.proname = a.stem || '_text') AS format,
        max(obj_description(p.oid, 'pg_proc')) FILTER (WHERE p.proname = a.stem || '_due') AS condition,
        max(obj_description(p.oid, 'pg_proc')) FILTER (WHERE p.proname = a.stem || '_dated') AS chronology,
        max(obj_description(p.oid, 'pg_proc')) FILTER (WHERE p.proname = a.stem || '_chain') AS chain
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = a.schema AND p.proname IN (a.stem || '_series', a.stem || '_text', a.stem || '_due', a.stem || '_dated', a.stem || '_chain')
) AS e ON true
LEFT JOIN (
    SELECT f.relation, f.column_name, array_agg(f.fault ORDER BY f.fault) AS faults
    FROM gapless.fault AS f
    GROUP BY f.relation, f.column_name
) AS f ON f.relation = a.relation AND f.column_name = a.column_name
UNION ALL
SELECT g.relation::regclass::text, g.column_name::text, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, false, false,
    '{"Citus hides the table from this session: SET citus.override_table_visibility = off; DISCARD PLANS;"}', false, NULL
FROM gapless.guard AS g
WHERE g.purpose = 'insert' AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = g.relation);

REVOKE ALL ON TABLE gapless.columns FROM PUBLIC;

COMMENT ON VIEW gapless.columns IS
'One row an attached column: how it is numbered, and whether what attach_gapless made is whole. Takes no lock on a table.';
COMMENT ON COLUMN gapless.columns.table_name IS 'The table, as schema.table.';
COMMENT ON COLUMN gapless.columns.column_name IS 'The column that numbers itself, by the name under which it was attached.';
COMMENT ON COLUMN gapless.columns.name IS 'The expression for the name of a row''s sequence, as it was given to attach_gapless; NULL where that is gone.';
COMMENT ON COLUMN gapless.columns.initial IS 'The first number of a sequence.';
COMMENT ON COLUMN gapless.columns.format IS 'The expression for the text of a number, or NULL.';
COMMENT ON COLUMN gapless.columns.condition IS 'The expression that says whether a row is to be numbered, or NULL.';
COMMENT ON COLUMN gapless.columns.chronology IS 'The expression for a row''s date, or NULL.';
COMMENT ON COLUMN gapless.columns.at_commit IS 'Whether rows are numbered when their transaction commits.';
COMMENT ON COLUMN gapless.columns.unnumbered IS 'The text that means that a row has no number yet, or NULL.';
COMMENT ON COLUMN gapless.columns.chain IS 'The expression for a row''s hash, or NULL.';
COMMENT ON COLUMN gapless.columns.hash_column IS 'The column that gets a row''s hash; NULL without chain.';
COMMENT ON COLUMN gapless.columns.previous_column IS 'The column that gets the hash of the row before it; NULL without chain.';
COMMENT ON COLUMN gapless.columns.partitioned IS 'Whether the table is partitioned.';
COMMENT ON COLUMN gapless.columns.guarded IS 'Whether all guards are there and enabled, and still fit the table: there are no faults.';
COMMENT ON COLUMN gapless.columns.moves IS 'Whether an UPDATE may take a row to another sequence.';
COMMENT ON COLUMN gapless.columns.faults IS 'What is wrong with the guards, one text each. attach_gapless, repeated, mends most of it.';
COMMENT ON COLUMN gapless.columns.series_of IS 'The attached column whose series it shares, as schema.table.column, or NULL.';

CREATE VIEW gapless.audits AS
SELECT -- gives no row, as in gapless.sequences
    r.ordinal,
    'epoch'::timestamptz AS recorded_at,
    ''::text AS recorded_by,
    NULL::text AS recorded_as,
    0::bigint AS txid,
    NULL::text AS name,
    NULL::text AS pattern,
    NULL::text AS table_name,
    NULL::text AS column_name,
    NULL::text AS note,
    0::bigint AS series,
    0::bigint AS documents,
    0::bigint AS findings,
    0::bigint AS unexplained,
    0::bigint AS not_read,
    0::bigint AS new_findings,
    ''::text AS result,
    r.digest,
    false AS intact
FROM gapless.audit_record AS r
WHERE false
UNION ALL
SELECT
    a.ordinal,
    (a.entry ->> 'recorded_at')::timestamptz AS recorded_at,
    a.entry ->> 'recorded_by' AS recorded_by,
    a.entry ->> 'recorded_as' AS recorded_as,
    (a.entry ->> 'txid')::bigint AS txid,
    a.entry ->> 'name' AS name,
    a.entry ->> 'pattern' AS pattern,
    a.entry ->> 'table_name' AS table_name,
    a.entry ->> 'column_name' AS column_name,
    a.entry ->> 'note' AS note,
    (a.entry ->> 'series')::bigint AS series,
    (a.entry ->> 'documents')::bigint AS documents,
    (a.entry ->> 'findings')::bigint AS findings,
    (a.entry ->> 'unexplained')::bigint AS unexplained,
    (a.entry ->> 'not_read')::bigint AS not_read,
    (a.entry ->> 'new_findings')::bigint AS new_findings,
    CASE WHEN (a.entry ->> 'unexplained')::bigint > 0 THEN 'not explained' WHEN (a.entry ->> 'not_read')::bigint > 0 THEN 'not read' ELSE 'sound' END AS result,
    a.digest,
    coalesce(
        a.ordinal = a.place
        AND a.digest = sha256(coalesce(a.digest_before, '') || convert_to(a.entry::text, 'UTF8'))
        AND (a.entry ->> 'new_findings')::bigint = coalesce(k.findings, 0)
        AND (k.digest = a.entry ->> 'new_digest' OR k.digest IS NULL),
        false
    ) AS intact
FROM (
    SELECT
        r.ordinal,
        r.entry,
        r.digest,
        lag(r.digest) OVER (ORDER BY r.ordinal) AS digest_before,
        row_number() OVER (ORDER BY r.ordinal) AS place
    FROM gapless.audit_record AS r
) AS a
LEFT JOIN (
    SELECT f.record, count(*) AS findings, encode(sha256(string_agg(uuid_send(f.key), '' ORDER BY f.key)), 'hex') AS digest
    FROM gapless.recorded_finding AS f
    GROUP BY f.record
) AS k ON k.record = a.ordinal;

REVOKE ALL ON TABLE gapless.audits FROM PUBLIC;

COMMENT ON VIEW gapless.audits IS
'One row an audit that was recorded (record_audit_gapless): who audited what, when, and with which result.';
COMMENT ON COLUMN gapless.audits.ordinal IS 'The running count, from 1.';
COMMENT ON COLUMN gapless.audits.recorded_at IS 'The server''s clock when the audit began.';
COMMENT ON COLUMN gapless.audits.recorded_by IS 'session_user: who logged in.';
COMMENT ON COLUMN gapless.audits.recorded_as IS 'The role chosen by SET ROLE, or NULL.';
COMMENT ON COLUMN gapless.audits.txid IS 'The top-level transaction.';
COMMENT ON COLUMN gapless.audits.name IS 'The sequence that was asked for, or NULL.';
COMMENT ON COLUMN gapless.audits.pattern IS 'The pattern of names that was asked for, or NULL.';
COMMENT ON COLUMN gapless.audits.table_name IS 'The table whose series were asked for, as schema.table, or NULL.';
COMMENT ON COLUMN gapless.audits.column_name IS 'Its column that was asked for, or NULL.';
COMMENT ON COLUMN gapless.audits.note IS 'What whoever recorded it had to say, or NULL.';
COMMENT ON COLUMN gapless.audits.series IS 'How many series were compared.';
COMMENT ON COLUMN gapless.audits.documents IS 'How many rows have a number of them.';
COMMENT ON COLUMN gapless.audits.findings IS 'How many findings there were, without those of kind ''not read''.';
COMMENT ON COLUMN gapless.audits.unexplained IS 'How many of them nothing explained.';
COMMENT ON COLUMN gapless.audits.not_read IS 'How many columns could not be read, and series whose table was dropped.';
COMMENT ON COLUMN gapless.audits.new_findings IS 'How many of both no record before had.';
COMMENT ON COLUMN gapless.audits.result IS '''sound''; ''not explained'': a finding was not; ''not read'': all that was read was sound.';
COMMENT ON COLUMN gapless.audits.digest IS 'SHA-256 over the record, its findings, and the digest of the record before.';
COMMENT ON COLUMN gapless.audits.intact IS 'Whether the record, what it had that was new, and its place after the record before are as they were written.';

-- Whoever waits for a row's lock holds, or waits for, a heavyweight "tuple" lock on it (see README.tuplock
-- in PostgreSQL's source, "Locking tuples"); whoever holds the row's lock stands in its xmax.
CREATE VIEW gapless.kept AS
SELECT 'decision' AS kept FROM gapless.decision
UNION ALL SELECT 'former' FROM gapless.former
UNION ALL SELECT 'known_text' FROM gapless.known_text
UNION ALL SELECT 'link' FROM gapless.link
UNION ALL SELECT 'moving' FROM gapless.moving
UNION ALL SELECT 'shard' FROM gapless.shard
UNION ALL SELECT 'void' FROM gapless.void
UNION ALL SELECT 'waiting' FROM gapless.waiting;

REVOKE ALL ON TABLE gapless.kept FROM PUBLIC;

COMMENT ON VIEW gapless.kept IS
'Private, and read by nobody. It has the tables that no other view reads, so that DROP TABLE without CASCADE is refused.';
COMMENT ON COLUMN gapless.kept.kept IS 'The table.';

CREATE VIEW gapless.holders AS
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
