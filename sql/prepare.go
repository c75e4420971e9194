package sql

import "fmt"

// VersionTable holds the number of the newest step that a database has. It is in schema public since tern makes it before the first
// migration makes schema gapless.
const VersionTable = "public.gapless_schema_version"

// look waits for other installers, by tern's advisory lock (lockNum in its migrate.go), and checks the version table before anybody
// trusts it: whoever owns that table can put a trigger on it, which runs with the installing role's rights.
const look = `    PERFORM pg_catalog.pg_advisory_xact_lock(9628173550095224);
    owner := (
        SELECT pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class AS c
        WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('` + VersionTable + `')
    );
    IF owner OPERATOR(pg_catalog.<>) current_user THEN
        RAISE EXCEPTION 'the table ` + VersionTable + ` belongs to role "%", and not to "%"', owner, current_user
            USING ERRCODE = 'insufficient_privilege',
                HINT = 'To upgrade, be that role (SET ROLE). If that role has not installed gapless, drop the table first.',
                SCHEMA = 'public', TABLE = 'gapless_schema_version';
    ELSIF owner IS NULL AND pg_catalog.to_regclass('` + VersionTable + `') IS NOT NULL THEN -- which the snapshot has not
        RAISE EXCEPTION 'gapless was installed since this transaction began'
            USING ERRCODE = 'serialization_failure',
                HINT = 'Run the transaction again.',
                SCHEMA = 'public', TABLE = 'gapless_schema_version';
    END IF;
`

// Prepare makes the others wait who install or upgrade, until its transaction ends, and raises where the version table is not the
// role's own. It changes nothing. It runs in a transaction.
const Prepare = `DO $do$
DECLARE
    owner pg_catalog.name;
BEGIN
` + look + `END;
$do$;
`

// before is what a step begins with. What the transaction's search_path was is kept in a setting of the transaction. So it is seen,
// too, whether there is one: each statement could be a transaction of its own.
func before(number int32) string {
	return fmt.Sprintf(`DO $do$
BEGIN
    PERFORM pg_catalog.set_config('gapless.search_path', pg_catalog.concat('was ', pg_catalog.current_setting('search_path')), true);
END;
$do$;

DO $do$
DECLARE
    step    CONSTANT pg_catalog.int4 := %d;
    owner   pg_catalog.name;
    version pg_catalog.int4 := 0;
BEGIN
    IF pg_catalog.starts_with(pg_catalog.current_setting('gapless.search_path', true), 'was ') IS NOT TRUE THEN
        RAISE EXCEPTION 'this step of gapless is not in a transaction'
            USING ERRCODE = 'no_active_sql_transaction',
                HINT = 'Run all of it in one transaction, or send it as one simple query.';
    END IF;
%s    IF owner IS NOT NULL THEN
        SELECT v.version INTO version FROM %s AS v FOR UPDATE; -- 40001 where the snapshot is older
    END IF;
    IF version IS NULL THEN
        RAISE EXCEPTION 'the table %[3]s has no row'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Insert the version that the database has; or drop the table, if gapless is not installed.',
                SCHEMA = 'public', TABLE = 'gapless_schema_version', CONSTRAINT = 'gapless_step';
    ELSIF version OPERATOR(pg_catalog.=) 0 AND pg_catalog.to_regnamespace('gapless') IS NOT NULL THEN
        RAISE EXCEPTION 'this database has a schema gapless that is not this one'
            USING ERRCODE = 'duplicate_schema',
                HINT = 'Rename or drop it, or install into another database.',
                SCHEMA = 'gapless';
    ELSIF version OPERATOR(pg_catalog.>=) step THEN
        RAISE EXCEPTION 'gapless is installed in this database already'
            USING ERRCODE = 'duplicate_object',
                DETAIL = pg_catalog.format('It is at version %%s, and this is step %%s.', version, step),
                HINT = 'To bring it up to date, run "gapless migrate up", or tern with the migrations of sql/schema; or the later steps alone.',
                SCHEMA = 'gapless';
    ELSIF version OPERATOR(pg_catalog.<>) (step OPERATOR(pg_catalog.-) 1) THEN
        RAISE EXCEPTION 'step %% of gapless cannot follow version %%', step, version
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Run the steps before it first, in their order.',
                SCHEMA = 'gapless', CONSTRAINT = 'gapless_step';
    END IF;
    IF owner IS NULL THEN
        CREATE TABLE %[3]s (version int4 NOT NULL);
        INSERT INTO %[3]s (version) VALUES (0);
    END IF;
END;
$do$;
`, number, look, VersionTable)
}

// after is what a step ends with.
func after(number int32) string {
	return fmt.Sprintf(`DO $do$
BEGIN
    PERFORM pg_catalog.set_config('search_path', pg_catalog.substr(pg_catalog.current_setting('gapless.search_path'), 5), true);
    PERFORM pg_catalog.set_config('gapless.search_path', '', true);
    UPDATE %s SET version = %d;
END;
$do$;
`, VersionTable, number)
}
