package sql

import (
	"fmt"
	"regexp"
	"strings"
)

// Version is an SQL query without parameters for the number of the newest step that a database has; 0 without schema gapless. It
// needs no right. The newest step says it in the body of version_gapless(); the tables alone are step 1, also where somebody dropped
// the functions.
const Version = `SELECT COALESCE(pg_catalog.max(CASE
		WHEN p.prosrc IS NOT NULL THEN CAST(pg_catalog.substring(p.prosrc, '[0-9]+') AS pg_catalog.int4)
		WHEN EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace OPERATOR(pg_catalog.=) n.oid AND c.relname OPERATOR(pg_catalog.=) 'journal') THEN 1
	END), 0)
	FROM pg_catalog.pg_namespace AS n
	LEFT JOIN pg_catalog.pg_proc AS p ON p.pronamespace OPERATOR(pg_catalog.=) n.oid
		AND p.proname OPERATOR(pg_catalog.=) 'version_gapless' AND p.pronargs OPERATOR(pg_catalog.=) 0
	WHERE n.nspname OPERATOR(pg_catalog.=) 'gapless'`

// IsExtension is an SQL query without parameters: whether a database has gapless as an extension. It needs no right.
const IsExtension = `SELECT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname OPERATOR(pg_catalog.=) 'gapless')`

// wait waits for other installers, by tern's advisory lock (lockNum in its migrate.go), and learns the version.
const wait = `    PERFORM pg_advisory_xact_lock(9628173550095224);
    owner := (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = 'gapless');
    version := (` + Version + `);
`

// look waits, and refuses. What another role could have planted is not trusted: it would run with the installing role's rights.
var look = wait + owned("owner <> current_user") + current

// owned refuses where another role owns the schema, which the condition tells.
func owned(not string) string {
	return `    IF ` + not + ` THEN
        RAISE EXCEPTION 'schema gapless belongs to role "%", and not to "%"', owner, current_user
            USING ERRCODE = 'insufficient_privilege',
                HINT = 'To install or upgrade, be that role (SET ROLE).',
                SCHEMA = 'gapless';
    END IF;
`
}

// current refuses a snapshot from before another install.
const current = `    IF (CASE
        WHEN owner IS NULL THEN to_regnamespace('gapless') IS NOT NULL
        ELSE CAST(substring(pg_get_functiondef(to_regprocedure('gapless.version_gapless()')), '[$]function[$][^0-9]*([0-9]+)') AS int4) <> version
    END) THEN -- what the snapshot has not
        RAISE EXCEPTION 'gapless was installed or upgraded since this transaction began'
            USING ERRCODE = 'serialization_failure',
                HINT = 'Run the transaction again.',
                SCHEMA = 'gapless';
    END IF;
`

// unpackaged refuses to change what an extension has, which alone can replace it.
const unpackaged = `    IF (` + IsExtension + `) THEN
        RAISE EXCEPTION 'gapless is installed in this database as an extension'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = format('It is at version %s.', version),
                HINT = 'Upgrade it by ALTER EXTENSION gapless UPDATE, after the server has got the newer files.',
                SCHEMA = 'gapless', CONSTRAINT = 'gapless_extension';
    END IF;
`

// block is one statement that runs others, with names that are not qualified being PostgreSQL's own. So a client sends it as it likes,
// in a transaction or not; what fails changes nothing; and the session's settings are as before. Citus would make some of the objects
// on other nodes, too, and leave out what they need there.
func block(body ...string) string {
	return `DO $install$
DECLARE
    path    CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
    citus   CONSTANT pg_catalog.text := pg_catalog.current_setting('citus.enable_ddl_propagation', true);
    owner   pg_catalog.name;
    version pg_catalog.int4;
    lost    pg_catalog.text[];
BEGIN
    IF '?' OPERATOR(pg_catalog.<>) pg_catalog.chr(63) THEN
        RAISE EXCEPTION 'the client has changed what it was to send: it takes a question mark for a parameter'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use its call that sends a statement as it is, or escape each question mark.', SCHEMA = 'gapless';
    END IF;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM set_config('citus.enable_ddl_propagation', 'off', true) WHERE citus <> '';
` + strings.Join(body, "") + `    PERFORM set_config('citus.enable_ddl_propagation', citus, true) WHERE citus <> '';
    PERFORM set_config('search_path', path, true);
END;
$install$;
`
}

// inOrder refuses a step that the database has, and one that lacks those before.
func inOrder(number int32) string {
	return unpackaged + fmt.Sprintf(`    IF version >= %[1]d THEN
        RAISE EXCEPTION 'gapless is installed in this database already'
            USING ERRCODE = 'duplicate_object',
                DETAIL = format('It is at version %%s, and this is step %[1]d.', version),
                HINT = 'To bring it up to date, run "gapless migrate up", or sql/gapless.sql; or the later steps alone.',
                SCHEMA = 'gapless';
    ELSIF version <> %[2]d THEN
        RAISE EXCEPTION 'step %[1]d of gapless cannot follow version %%', version
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Run the steps before it first, in their order.',
                SCHEMA = 'gapless', CONSTRAINT = 'gapless_step';
    END IF;
`, number, number-1)
}

// executed is how a block runs statements: a few at a time, since the error of one quotes its neighbours.
func executed(statements string) string {
	var result strings.Builder
	for _, some := range split(statements) {
		fmt.Fprintf(&result, "        EXECUTE $statement$\n%s\n$statement$;\n", some)
	}
	return result.String()
}

var dollarQuote = regexp.MustCompile(`\$[a-z_]*\$`)

// quoting reports whether a dollar-quoted text has begun, and not ended.
func quoting(statements string) bool {
	for {
		tag := dollarQuote.FindString(statements)
		if tag == "" {
			return false
		}
		parts := strings.SplitN(statements, tag, 3)
		if len(parts) < 3 {
			return true
		}
		statements = parts[2]
	}
}

// split splits statements at empty lines that are in no dollar-quoted text.
func split(statements string) []string {
	var parts []string
	part := ""
	for paragraph := range strings.SplitSeq(statements, "\n\n") {
		part += paragraph
		if strings.HasSuffix(strings.TrimSpace(part), ";") && !quoting(part) {
			parts = append(parts, strings.TrimSpace(part))
			part = ""
		} else {
			part += "\n\n"
		}
	}
	if part = strings.TrimSpace(part); part != "" {
		parts = append(parts, part)
	}
	return parts
}
