-- The private tables of schema gapless. Its views and functions are in sql/functions.
--
-- Nobody but the owner touches the tables: applications use the functions and the views.
-- The functions lock a row of gapless.sequence_lock and append to gapless.journal; neither is
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
