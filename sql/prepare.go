package sql

// VersionTable holds the number of the newest migration that a database has. It is in schema public since
// tern makes it before the first migration makes schema gapless.
const VersionTable = "public.gapless_schema_version"

// Prepare makes the version table, or checks the one that is there, before tern or a script trusts it: whoever owns
// that table can put a trigger on it, which runs with the installing role's rights. It runs in a transaction, and
// takes tern's advisory lock (lockNum in its migrate.go), so that installers wait for each other.
const Prepare = `SELECT pg_catalog.pg_advisory_xact_lock(9628173550095224);

DO $do$
DECLARE
    owner pg_catalog.name := (
        SELECT pg_catalog.pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class AS c
        WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('` + VersionTable + `')
    );
    version pg_catalog.int4 := 0;
BEGIN
    IF owner IS NULL THEN
        CREATE TABLE ` + VersionTable + ` (version int4 NOT NULL);
        INSERT INTO ` + VersionTable + ` (version) VALUES (0);
    ELSIF owner OPERATOR(pg_catalog.<>) current_user THEN
        RAISE EXCEPTION 'the table ` + VersionTable + ` belongs to role "%", and not to "%"', owner, current_user
            USING ERRCODE = 'insufficient_privilege',
                HINT = 'To upgrade, be that role (SET ROLE). If that role has not installed gapless, drop the table first.',
                SCHEMA = 'public', TABLE = 'gapless_schema_version';
    ELSE
        version := (SELECT pg_catalog.max(v.version) FROM ` + VersionTable + ` AS v);
    END IF;
    IF version OPERATOR(pg_catalog.=) 0 AND pg_catalog.to_regnamespace('gapless') IS NOT NULL THEN
        RAISE EXCEPTION 'this database has a schema gapless that is not this one'
            USING ERRCODE = 'duplicate_schema',
                HINT = 'Rename or drop it, or install into another database.',
                SCHEMA = 'gapless';
    END IF;
END;
$do$;
`
