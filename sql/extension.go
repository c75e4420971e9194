package sql

import (
	"fmt"
	"io/fs"
	"strings"
)

// Extension returns the files of a PostgreSQL extension, by their names: gapless.control, the script of the newest version, and
// those that upgrade from one version to the next. An extension's version is the number of the step that it ends with.
//
// What the scripts make belongs to the owner of schema gapless: to the role that runs CREATE EXTENSION, or, where the schema is there
// already, to its owner, whom that role has to be able to become. A dump keeps the schema's owner, and no extension's: so what is
// restored belongs to the same role as before, whoever restores it.
//
// CREATE EXTENSION takes over what another way has installed. It raises 55000 (object_not_in_prerequisite_state) where other roles have
// rights there: PostgreSQL would take these for the extension's own, and a dump would lack them.
func Extension() (map[string]string, error) { return ExtensionOf(Migrations()) }

// ExtensionOf returns the extension of other migrations, as [StepsOf] does their steps.
func ExtensionOf(migrations fs.FS) (map[string]string, error) {
	steps, err := StepsOf(migrations)
	if err != nil {
		return nil, err
	}
	newest := steps[len(steps)-1].Number
	files := map[string]string{
		"gapless.control":                      fmt.Sprintf(control, newest),
		fmt.Sprintf("gapless--%d.sql", newest): extensionScript("CREATE EXTENSION gapless", takeOver, steps, 0),
	}
	for i, step := range steps[2:] { // the tables alone are no version
		name := fmt.Sprintf("gapless--%d--%d.sql", step.Number-1, step.Number)
		files[name] = extensionScript("ALTER EXTENSION gapless UPDATE", "", steps[:i+3], i+2)
	}
	return files, nil
}

const comment = "numbers without holes: for invoices, receipts and cases"

const control = `comment = '` + comment + `'
default_version = '%d'
schema = gapless
relocatable = false
superuser = false
encoding = UTF8
`

// extensionScript is the script of a version that ends with the last of the steps, and begins with one of them.
func extensionScript(command, begin string, steps []Step, first int) string {
	return "-- Code generated from sql/schema and sql/functions. DO NOT EDIT.\n" +
		`\echo Use "` + command + `" to load this file. \quit` + "\n\n" +
		extensionBody(begin, steps, first)
}

// extensionBody is that script without what psql is to say.
func extensionBody(begin string, steps []Step, first int) string {
	return block(wait, owned("NOT pg_has_role(owner, 'MEMBER')"), current, fmt.Sprintf(`    IF version > %d THEN
        RAISE EXCEPTION 'a newer release of gapless is installed in this database'
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('It is at version %%s.', version),
                HINT = 'Give the server the files of that release, or of a later one.',
                SCHEMA = 'gapless';
    END IF;
`, steps[len(steps)-1].Number), unlost(steps), begin, asOwner(missing(steps[first:])), dumped)
}

// asOwner runs what makes objects as the role that owns the schema.
func asOwner(statements string) string {
	return `    DECLARE
        role CONSTANT text := current_setting('role');
    BEGIN
        IF owner <> current_user THEN
            PERFORM set_config('role', owner, true);
        END IF;
` + strings.TrimSuffix(statements, "\n") + `
        PERFORM set_config('role', role, true);
    END;
`
}

// takeOver makes what is there the extension's.
const takeOver = `    DECLARE
        made    record;
        granted text;
    BEGIN
        IF version > 0 THEN
            granted := (
                SELECT string_agg(DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(acl.grantee) END, ', ')
                FROM (
                    SELECT c.oid, c.relacl AS acl FROM pg_class AS c WHERE c.relnamespace = 'gapless'::regnamespace
                    UNION ALL SELECT a.attrelid, a.attacl FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid WHERE c.relnamespace = 'gapless'::regnamespace
                    UNION ALL SELECT 0, p.proacl FROM pg_proc AS p WHERE p.pronamespace = 'gapless'::regnamespace
                    UNION ALL SELECT 0, t.typacl FROM pg_type AS t WHERE t.typnamespace = 'gapless'::regnamespace
                ) AS o
                CROSS JOIN LATERAL aclexplode(o.acl) AS acl
                WHERE pg_get_userbyid(acl.grantee) <> owner AND NOT (acl.grantee = 0 AND o.oid IS NOT DISTINCT FROM to_regclass('gapless.waiting'))
            );
            IF granted <> '' THEN
                RAISE EXCEPTION 'other roles have rights in schema gapless, which a dump would lack once it is an extension''s'
                    USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = granted,
                        HINT = 'In one transaction, revoke them (gapless.revoke_gapless), run CREATE EXTENSION gapless, and grant them again.',
                        SCHEMA = 'gapless', CONSTRAINT = 'gapless_granted';
            END IF;
            FOR made IN
                SELECT i.type, i.identity
                FROM pg_depend AS d
                CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
                WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'gapless'::regnamespace
                    AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
                    AND i.identity <> 'gapless.guard_partitions_of_command()' -- a superuser's own
                ORDER BY d.classid, d.objid
            LOOP
                EXECUTE format('ALTER EXTENSION gapless ADD %s %s', made.type, made.identity);
            END LOOP;
        END IF;
        IF version > 1 THEN
            FOR made IN
                SELECT DISTINCT f.oid::regprocedure AS signature
                FROM pg_trigger AS t
                CROSS JOIN LATERAL gapless.column_functions(t.tgfoid::regproc) AS f (oid)
                WHERE starts_with(t.tgname, '~gapless_')
            LOOP
                EXECUTE format('ALTER FUNCTION %s DEPENDS ON EXTENSION gapless', made.signature); -- as column_own
            END LOOP;
        END IF;
    END;
`

// dumped has pg_dump write what the tables have, which it would else leave out as the extension's own.
const dumped = `    DECLARE
        kept regclass;
    BEGIN
        FOR kept IN
            SELECT c.oid FROM pg_class AS c
            WHERE c.relnamespace = 'gapless'::regnamespace AND c.relkind = 'r' AND c.relpersistence = 'p'
            ORDER BY c.oid
        LOOP
            PERFORM pg_extension_config_dump(kept, '');
        END LOOP;
    END;
`

// PgTLE returns an SQL script that registers the extension with pg_tle, for a server whose files are out of reach: CREATE EXTENSION
// gapless, or ALTER EXTENSION gapless UPDATE, then finds it. Repeated, it changes nothing.
func PgTLE() (string, error) { return PgTLEOf(Migrations()) }

// PgTLEOf returns the script of other migrations, as [StepsOf] does their steps.
func PgTLEOf(migrations fs.FS) (string, error) {
	steps, err := StepsOf(migrations)
	if err != nil {
		return "", err
	}
	newest := steps[len(steps)-1].Number
	var paths strings.Builder
	for i, step := range steps[2:] {
		fmt.Fprintf(&paths, `    IF NOT EXISTS (SELECT FROM pgtle.extension_update_paths('gapless') AS p WHERE p.path = '%[1]d--%[2]d') THEN
        PERFORM pgtle.install_update_path('gapless', '%[1]d', '%[2]d', $extension$
%[3]s$extension$);
    END IF;
`, step.Number-1, step.Number, extensionBody("", steps[:i+3], i+2))
	}
	return fmt.Sprintf(pgTLE, newest, comment, extensionBody(takeOver, steps, 0), paths.String()), nil
}

const pgTLE = `-- Code generated from sql/schema and sql/functions. DO NOT EDIT.
--
-- gapless for pg_tle, 1.5 or newer: registers the extension in this database, for CREATE EXTENSION gapless. Repeated, it changes
-- nothing. One of a newer release adds its version, for ALTER EXTENSION gapless UPDATE. Wants the role pgtle_admin.

DO $pg_tle$
DECLARE
    script CONSTANT pg_catalog.text := $extension$
%[3]s$extension$;
BEGIN
    IF NOT EXISTS (SELECT FROM pgtle.available_extensions() AS e WHERE e.name = 'gapless') THEN
        PERFORM pgtle.install_extension('gapless', '%[1]d', '%[2]s', script, NULL, 'gapless');
    ELSIF NOT EXISTS (SELECT FROM pgtle.available_extension_versions() AS v WHERE v.name = 'gapless' AND v.version = '%[1]d') THEN
        PERFORM pgtle.install_extension_version_sql('gapless', '%[1]d', script);
        PERFORM pgtle.set_default_version('gapless', '%[1]d');
    END IF;
%[4]sEND;
$pg_tle$;
`
