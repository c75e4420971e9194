package migrate_test

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
	"github.com/pggapless/gapless/sql"
)

// extension is a server that has the extension's files: those of this checkout, and of a release that could be the next.
type extension struct {
	server *pgtest.OwnServer
	next   checkout
	newest int32
}

func newExtension(t *testing.T) extension {
	t.Helper()
	next := newCheckout(t)
	next.snapshot("freeze")
	files, err := sql.ExtensionOf(next.migrations())
	require.NoError(t, err)
	embedded, err := migrate.Extension()
	require.NoError(t, err)
	require.Equal(t, embedded, files)

	next.snapshot("begin")
	next.edit(next.lastMigration(), "-- {{", "CREATE TABLE gapless.witness (word text PRIMARY KEY);\n\n-- {{")
	next.edit("functions/allocate/peek_gapless.sql", "    RETURN value;\n", "    RETURN value + 1000;\n")
	later, err := sql.ExtensionOf(next.migrations())
	require.NoError(t, err)
	newest := latest(t)
	require.Equal(t, []string{fmt.Sprintf("gapless--%d--%d.sql", newest, newest+1), fmt.Sprintf("gapless--%d.sql", newest+1), "gapless.control"}, slices.Sorted(maps.Keys(later)))
	delete(later, "gapless.control")
	maps.Copy(later, files)
	return extension{pgtest.NewServer(t, pgtest.WithExtension(later)), next, newest}
}

// database is one of the server's, empty, and a superuser's session in it.
func (e extension) database(t *testing.T) (*pgtest.Database, sqltest.Session) {
	t.Helper()
	d, err := e.server.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	return d, sqltest.ConnectTo(t, d.URL)
}

// role makes a role that may install in the database, and goes with the server.
func (e extension) role(d *pgtest.Database, s sqltest.Session, suffix string) string {
	s.T.Helper()
	name := d.Name + "_" + suffix
	s.Do(fmt.Sprintf("CREATE ROLE %s; GRANT CREATE ON DATABASE %s TO %[1]s; GRANT ALL ON SCHEMA public TO %[1]s", name, d.Name))
	return name
}

// copied is a session in a copy of the database, by pg_dump and psql as a superuser.
func (e extension) copied(t *testing.T, d *pgtest.Database, options ...string) sqltest.Session {
	t.Helper()
	sqltest.WantPrograms(t, e.server, "pg_dump", "psql")
	dump, err := exec.CommandContext(t.Context(), filepath.Join(e.server.Programs(), "pg_dump"), append(options, "--dbname="+d.URL)...).Output()
	require.NoError(t, err)
	require.Contains(t, string(dump), "CREATE EXTENSION IF NOT EXISTS gapless WITH SCHEMA gapless")
	require.NotContains(t, string(dump), "CREATE FUNCTION gapless.", "what is the extension's is not in a dump")
	copied, s := e.database(t)
	restore := exec.CommandContext(t.Context(), filepath.Join(e.server.Programs(), "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname="+copied.URL)
	restore.Stdin = bytes.NewReader(dump)
	output, err := restore.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return s
}

// everything is what the tables of gapless have.
func everything(s sqltest.Session) (rows []string) {
	s.T.Helper()
	for _, table := range sqltest.Texts(s, "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'gapless'::regnamespace AND relkind = 'r' ORDER BY 1") {
		rows = append(rows, sqltest.Texts(s, "SELECT '"+table+" ' || t::text FROM "+table+" AS t ORDER BY 1")...)
	}
	return rows
}

const (
	strangers = `SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend AS d
		WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'gapless'::regnamespace AND d.classid NOT IN ('pg_extension'::regclass, 'pg_rewrite'::regclass)
			AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')`
	undumped = `SELECT c.relname::text FROM pg_class AS c WHERE c.relnamespace = 'gapless'::regnamespace AND c.relkind = 'r'
			AND c.oid <> ALL (SELECT unnest(e.extconfig) FROM pg_extension AS e WHERE e.extname = 'gapless')
		ORDER BY 1`
	owners = `SELECT DISTINCT pg_get_userbyid(o.owner)::text FROM (
			SELECT c.relowner FROM pg_class AS c WHERE c.relnamespace = 'gapless'::regnamespace
			UNION SELECT p.proowner FROM pg_proc AS p WHERE p.pronamespace = 'gapless'::regnamespace
			UNION SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'gapless'
		) AS o (owner)`
)

// filledOf makes columns of every kind, with what gapless keeps of them.
func filledOf(s sqltest.Session) {
	s.T.Helper()
	s.Do("CREATE TABLE early (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant int DEFAULT 1, memo text, number bigint, hash bytea, UNIQUE (tenant, number))")
	s.Do("CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number text UNIQUE)")
	s.Do("CREATE TABLE member (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant int DEFAULT 1, number bigint, UNIQUE (tenant, number))")
	s.Do("CREATE TABLE parted (day date, number bigint, UNIQUE (day, number)) PARTITION BY RANGE (day)")
	s.Do("CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
	s.Do("CREATE TABLE gone (number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('early', 'number', name => $$ 'early/' || NEW.tenant $$, condition => $$ NEW.memo IS DISTINCT FROM 'draft' $$)")
	s.Do("SELECT gapless.attach_gapless('late', 'number', name => $$ 'late' $$, format => $$ 'L' || value $$, at_commit => true)")
	s.Do("SELECT gapless.attach_gapless('member', 'number', name => $$ 'early/' || NEW.tenant $$, series_of => 'early.number')")
	s.Do("SELECT gapless.attach_gapless('parted', 'number', name => $$ 'parted' $$, chronology => 'NEW.day')")
	s.Do("SELECT gapless.attach_gapless('gone', 'number', name => $$ 'gone' $$)")
	for range 2 {
		for _, table := range []string{"early", "late", "member", "gone"} {
			s.Do("INSERT INTO " + table + " DEFAULT VALUES")
		}
		s.Do("INSERT INTO parted VALUES ('2026-05-05')")
	}
	s.Do("SELECT gapless.detach_gapless('gone', 'number')")
	s.Do("SELECT gapless.void_gapless('early/1', 1, 'entered twice')")
	s.Do("SELECT gapless.next_gapless_batch('plain', 5)")
	s.Do("SELECT gapless.close_gapless('plain', 'the year is over')")
	s.Do("SELECT gapless.range_gapless('ranged', 100, 199, 'by the office'), gapless.next_gapless('ranged')")
	s.Do("SELECT * FROM gapless.record_audit_gapless(note => 'before the move')")
}

// goesOn takes the next numbers of what filledOf has left.
func goesOn(s sqltest.Session) {
	s.T.Helper()
	require.EqualValues(s.T, 5, s.Number("INSERT INTO early DEFAULT VALUES RETURNING number"))
	s.Do("INSERT INTO late DEFAULT VALUES")
	require.Equal(s.T, "L3", *sqltest.Value[string](s, "SELECT max(number) FROM late"))
	require.EqualValues(s.T, 6, s.Number("INSERT INTO member DEFAULT VALUES RETURNING number"))
	require.EqualValues(s.T, 3, s.Number("INSERT INTO parted VALUES ('2026-06-06') RETURNING number"))
	require.EqualValues(s.T, 101, s.Number("SELECT gapless.next_gapless('ranged')"))
	s.Refuse("55000", "SELECT gapless.next_gapless('plain')")
	s.Refuse("428C9", "INSERT INTO early (number) VALUES (9)")
	s.Refuse("23001", "DELETE FROM late")
	require.Empty(s.T, sqltest.Texts(s, "SELECT f::text FROM gapless.audit_gapless() AS f WHERE NOT f.explained"))
	require.Empty(s.T, sqltest.Texts(s, "SELECT c::text FROM gapless.columns AS c WHERE c.faults <> '{}'"))
	require.EqualValues(s.T, 1, s.Number("SELECT count(*) FROM gapless.audits WHERE intact"))
}

func TestTheExtension(t *testing.T) {
	t.Parallel()
	e := newExtension(t)
	if e.server.Programs() == "" {
		t.Skip("a server gets the files of an extension where it is started from programs")
	}
	plain := describe(t, installed(t, pgtest.NewEmpty(t)))

	t.Run("is what other ways install, and nothing else", func(t *testing.T) {
		t.Parallel()
		_, s := e.database(t)
		before := *sqltest.Value[string](s, settings)
		s.Do("BEGIN")
		s.Do("CREATE EXTENSION gapless")
		require.Equal(t, before, *sqltest.Value[string](s, settings))
		s.Do("COMMIT")
		requireSame(t, plain, describe(t, s.Conn))
		require.Empty(t, sqltest.Texts(s, strangers))
		require.Equal(t, []string{"moving", "waiting"}, sqltest.Texts(s, undumped), "what no transaction leaves behind")
		version, err := migrate.Status(t.Context(), s.Conn)
		require.NoError(t, err)
		require.Equal(t, migrate.Version{Current: e.newest, Latest: e.newest, Extension: true}, version)
	})

	t.Run("is dumped with its numbers, and restored by a superuser it belongs to whom it did", func(t *testing.T) {
		t.Parallel()
		d, s := e.database(t)
		owner, app := e.role(d, s, "owner"), e.role(d, s, "app")
		s.Do("SET SESSION AUTHORIZATION " + owner)
		s.Do("CREATE EXTENSION gapless")
		filledOf(s)
		s.Do("GRANT INSERT, SELECT ON early TO " + app)
		s.Do("SELECT gapless.grant_gapless('" + app + "')")
		s.Do("GRANT SELECT ON gapless.audits TO " + app)
		s.Do("REVOKE SELECT ON gapless.ranges FROM " + app)
		s.Do("RESET SESSION AUTHORIZATION")
		require.Len(t, sqltest.Texts(s, owners), 1)

		c := e.copied(t, d)
		require.Equal(t, everything(s), everything(c))
		require.Equal(t, sqltest.Texts(s, owners), sqltest.Texts(c, owners))
		requireSame(t, describe(t, s.Conn), describe(t, c.Conn))
		require.Empty(t, sqltest.Texts(c, strangers))
		c.Refuse("2BP01", "DROP EXTENSION gapless")
		c.Do("SET SESSION AUTHORIZATION " + app)
		c.Refuse("42501", "SELECT count(*) FROM gapless.ranges")
		require.EqualValues(t, 1, c.Number("SELECT count(*) FROM gapless.audits"))
		require.EqualValues(t, 1, c.Number("SELECT gapless.next_gapless('new')"))
		c.Do("SET SESSION AUTHORIZATION " + owner)
		goesOn(c)
		c.Do("RESET SESSION AUTHORIZATION")

		alone := e.copied(t, d, "--schema-only")
		require.Empty(t, everything(alone))
		require.EqualValues(t, e.newest, alone.Number("SELECT version FROM gapless.schema_version"))
		require.EqualValues(t, 1, alone.Number("INSERT INTO early DEFAULT VALUES RETURNING number"))
	})

	t.Run("is upgraded", func(t *testing.T) {
		t.Parallel()
		d, s := e.database(t)
		owner := e.role(d, s, "owner")
		s.Do("SET SESSION AUTHORIZATION " + owner)
		s.Do("CREATE EXTENSION gapless")
		filledOf(s)
		s.Do("SELECT gapless.next_gapless('new')")

		// Other ways leave it alone, and say what to do.
		script, err := sql.ScriptOf(e.next.migrations())
		require.NoError(t, err)
		steps, err := sql.StepsOf(e.next.migrations())
		require.NoError(t, err)
		for _, statement := range []string{script, steps[e.newest].SQL, steps[0].SQL} {
			require.Contains(t, s.Refuse("55000", statement).Hint, "ALTER EXTENSION gapless UPDATE")
		}
		requireCode(t, "55000", e.next.up(s.Conn))
		require.NoError(t, migrate.Up(t.Context(), s.Conn), "where nothing is to be done")
		s.Do(*must(migrate.Script()))

		s.Do("RESET SESSION AUTHORIZATION") // a superuser upgrades, too, and it stays the owner's
		s.Do(fmt.Sprintf("ALTER EXTENSION gapless UPDATE TO '%d'", e.newest+1))
		require.EqualValues(t, e.newest+1, s.Number("SELECT version FROM gapless.schema_version"))
		require.Len(t, sqltest.Texts(s, owners), 1)
		require.Empty(t, sqltest.Texts(s, strangers))
		require.Equal(t, []string{"moving", "waiting"}, sqltest.Texts(s, undumped))
		require.EqualValues(t, 1002, s.Number("SELECT gapless.peek_gapless('new')"))
		_, fresh := e.database(t)
		fresh.Do(fmt.Sprintf("CREATE SCHEMA gapless AUTHORIZATION %s; CREATE EXTENSION gapless VERSION '%d'", owner, e.newest+1))
		requireSame(t, describe(t, fresh.Conn), describe(t, s.Conn))
		s.Do("SET SESSION AUTHORIZATION " + owner)
		goesOn(s)
		version, err := migrate.Status(t.Context(), s.Conn)
		require.NoError(t, err)
		require.Equal(t, migrate.Version{Current: e.newest + 1, Latest: e.newest, Extension: true}, version)
		require.ErrorIs(t, migrate.Up(t.Context(), s.Conn), migrate.ErrNewer)
	})

	t.Run("takes over what is installed", func(t *testing.T) {
		t.Parallel()
		d, s := e.database(t)
		owner, app := e.role(d, s, "owner"), e.role(d, s, "app")
		s.Do("SET SESSION AUTHORIZATION " + owner)
		require.NoError(t, migrate.Up(t.Context(), s.Conn))
		filledOf(s)
		before := describe(t, s.Conn)
		s.Do("SELECT gapless.grant_gapless('" + app + "')")
		refused := s.Refuse("55000", "CREATE EXTENSION gapless")
		require.Equal(t, "gapless_granted", refused.ConstraintName)
		require.Equal(t, app, refused.Detail)
		kept := everything(s)
		s.Do("BEGIN")
		s.Do("SELECT gapless.revoke_gapless('" + app + "')")
		s.Do("CREATE EXTENSION gapless")
		s.Do("SELECT gapless.grant_gapless('" + app + "')")
		s.Do("COMMIT")
		require.Equal(t, kept, everything(s))
		require.Empty(t, sqltest.Texts(s, strangers))
		require.Equal(t, []string{"moving", "waiting"}, sqltest.Texts(s, undumped))
		s.Refuse("2BP01", "DROP EXTENSION gapless")
		s.Do("RESET SESSION AUTHORIZATION")
		c := e.copied(t, d)
		require.EqualValues(t, 1, c.Number("SELECT count(*) WHERE has_function_privilege('"+app+"', 'gapless.next_gapless(text, bigint, bigint, boolean)', 'EXECUTE')"))
		for _, s := range []sqltest.Session{s, c} {
			s.Do("SELECT gapless.revoke_gapless('" + app + "')")
			requireSame(t, before, describe(t, s.Conn))
			s.Do("SET SESSION AUTHORIZATION " + owner)
			goesOn(s)
			s.Do("RESET SESSION AUTHORIZATION")
		}
	})

	t.Run("upgrades what it takes over", func(t *testing.T) {
		t.Parallel()
		_, s := e.database(t)
		require.NoError(t, migrate.Up(t.Context(), s.Conn))
		filledOf(s)
		s.Do(fmt.Sprintf("CREATE EXTENSION gapless VERSION '%d'", e.newest+1))
		require.EqualValues(t, e.newest+1, s.Number("SELECT version FROM gapless.schema_version"))
		require.Empty(t, sqltest.Texts(s, strangers))
		goesOn(s)

		_, newer := e.database(t)
		require.NoError(t, e.next.up(newer.Conn))
		newer.Refuse("55000", "CREATE EXTENSION gapless")
		newer.Do("DROP SCHEMA gapless CASCADE; CREATE SCHEMA gapless; CREATE TABLE gapless.theirs ()")
		newer.Refuse("42P06", "CREATE EXTENSION gapless")
	})

	t.Run("loses no view by DROP, and has again what it lost", func(t *testing.T) {
		t.Parallel()
		d, s := e.database(t)
		owner, app := e.role(d, s, "owner"), e.role(d, s, "app")
		s.Do("SET SESSION AUTHORIZATION " + owner)
		s.Do("CREATE EXTENSION gapless")
		filledOf(s)
		s.Do("SELECT gapless.grant_gapless('" + app + "')")
		before := describe(t, s.Conn)
		s.Refuse("2BP01", "DROP VIEW gapless.sequences CASCADE")
		s.Refuse("2BP01", "DROP TABLE gapless.link CASCADE")
		lose := func() {
			for _, view := range []string{"gapless.doctor", "gapless.doctor_activity", "gapless.holders"} {
				s.Do("ALTER EXTENSION gapless DROP VIEW " + view + "; DROP VIEW " + view)
			}
			require.ElementsMatch(t, []string{"view gapless.doctor", "view gapless.doctor_activity", "view gapless.holders"}, missing(t, s.Conn))
		}
		lose()
		require.NoError(t, migrate.Up(t.Context(), s.Conn))
		require.Empty(t, missing(t, s.Conn))
		require.Empty(t, sqltest.Texts(s, strangers))
		requireSame(t, before, describe(t, s.Conn))
		s.Do("RESET SESSION AUTHORIZATION")
		c := e.copied(t, d)
		requireSame(t, before, describe(t, c.Conn))

		// The next version has all of it, too.
		s.Do("SET SESSION AUTHORIZATION " + owner)
		lose()
		s.Do("ALTER EXTENSION gapless DROP FUNCTION gapless.peek_gapless; DROP FUNCTION gapless.peek_gapless")
		s.Do(fmt.Sprintf("ALTER EXTENSION gapless UPDATE TO '%d'", e.newest+1))
		require.Empty(t, sqltest.Texts(s, strangers))
		s.Do("SELECT gapless.revoke_gapless('" + app + "')")
		s.Do("RESET SESSION AUTHORIZATION")
		_, fresh := e.database(t)
		fresh.Do(fmt.Sprintf("CREATE SCHEMA gapless AUTHORIZATION %s; CREATE EXTENSION gapless VERSION '%d'", owner, e.newest+1))
		requireSame(t, describe(t, fresh.Conn), describe(t, s.Conn))

		// CREATE EXTENSION takes over what has lost a view, and no table.
		_, other := e.database(t)
		require.NoError(t, migrate.Up(t.Context(), other.Conn))
		other.Do("DROP VIEW gapless.sequences CASCADE")
		other.Do("CREATE EXTENSION gapless")
		requireSame(t, plain, describe(t, other.Conn))
		require.Empty(t, sqltest.Texts(other, strangers))
		_, less := e.database(t)
		require.NoError(t, migrate.Up(t.Context(), less.Conn))
		less.Do("DROP TABLE gapless.link CASCADE")
		require.Equal(t, "gapless_table_lost", less.Refuse("55000", "CREATE EXTENSION gapless").ConstraintName)
	})

	t.Run("belongs to nobody's schema", func(t *testing.T) {
		t.Parallel()
		d, s := e.database(t)
		owner, other := e.role(d, s, "owner"), e.role(d, s, "other")
		s.Do("CREATE SCHEMA gapless AUTHORIZATION " + owner)
		s.Do("SET SESSION AUTHORIZATION " + other)
		s.Refuse("42501", "CREATE EXTENSION gapless")
		s.Do("RESET SESSION AUTHORIZATION")
	})

	t.Run("goes with no column attached", func(t *testing.T) {
		t.Parallel()
		_, s := e.database(t)
		s.Do("CREATE EXTENSION gapless")
		s.Do("CREATE TABLE bills (number bigint UNIQUE)")
		s.Do("SELECT gapless.attach_gapless('bills', 'number')")
		require.Contains(t, s.Refuse("2BP01", "DROP EXTENSION gapless").Detail, "bills")
		s.Do("SELECT gapless.detach_gapless('bills', 'number')")
		s.Do("SELECT gapless.guard_new_partitions()")
		require.Contains(t, s.Refuse("2BP01", "DROP EXTENSION gapless").Detail, "gapless_guard_partitions")
		s.Do("SELECT gapless.guard_new_partitions(false)")
		s.Do("BEGIN; DROP EXTENSION gapless; DROP SCHEMA gapless; ROLLBACK")

		// CASCADE leaves a table as any other.
		s.Do("SELECT gapless.attach_gapless('bills', 'number')")
		s.Do("INSERT INTO bills DEFAULT VALUES")
		s.Do("BEGIN; DROP EXTENSION gapless CASCADE")
		s.Do("INSERT INTO bills VALUES (7)")
		require.Zero(t, s.Number("SELECT count(*) FROM pg_proc WHERE proname ~ 'gapless' AND pronamespace = 'public'::regnamespace"))
		s.Do("ROLLBACK")
		s.Do(migrate.Uninstall())
		require.Zero(t, s.Number("SELECT count(*) FROM pg_proc WHERE proname ~ 'gapless'"))
		require.Zero(t, s.Number("SELECT count(*) FROM pg_namespace WHERE nspname = 'gapless'"))
		require.Zero(t, s.Number("SELECT count(*) FROM pg_extension WHERE extname = 'gapless'"))
		require.EqualValues(t, 1, s.Number("SELECT number FROM bills"))
	})
}

// pgTLE stands in for pg_tle, which has to be loaded with the server: it keeps what it is given.
const pgTLE = `CREATE SCHEMA pgtle;
	CREATE TABLE pgtle.script (version text PRIMARY KEY, ext text);
	CREATE TABLE pgtle.control (name text PRIMARY KEY, version text, description text, requires text[], schema text);
	CREATE FUNCTION pgtle.available_extensions(OUT name name, OUT default_version text, OUT comment text) RETURNS SETOF record LANGUAGE sql
		AS 'SELECT name, version, description FROM pgtle.control';
	CREATE FUNCTION pgtle.available_extension_versions(OUT name name, OUT version text) RETURNS SETOF record LANGUAGE sql
		AS $$ SELECT c.name, s.version FROM pgtle.control c, pgtle.script s WHERE s.version !~ '--' $$;
	CREATE FUNCTION pgtle.extension_update_paths(name text, OUT source text, OUT target text, OUT path text) RETURNS SETOF record LANGUAGE sql
		AS $$ SELECT split_part(version, '--', 1), split_part(version, '--', 2), version FROM pgtle.script WHERE version ~ '--' $$;
	CREATE FUNCTION pgtle.install_extension(name text, version text, description text, ext text, requires text[] DEFAULT NULL, schema text DEFAULT NULL)
		RETURNS boolean LANGUAGE sql AS 'INSERT INTO pgtle.control VALUES ($1, $2, $3, $5, $6); INSERT INTO pgtle.script VALUES ($2, $4) RETURNING true';
	CREATE FUNCTION pgtle.install_extension_version_sql(name text, version text, ext text) RETURNS boolean LANGUAGE sql
		AS 'INSERT INTO pgtle.script VALUES ($2, $3) RETURNING true';
	CREATE FUNCTION pgtle.set_default_version(name text, version text) RETURNS boolean LANGUAGE sql
		AS 'UPDATE pgtle.control SET version = $2 WHERE name = $1 RETURNING true';
	CREATE FUNCTION pgtle.install_update_path(name text, fromvers text, tovers text, ext text) RETURNS boolean LANGUAGE sql
		AS $$ INSERT INTO pgtle.script VALUES ($2 || '--' || $3, $4) RETURNING true $$`

// TestPgTLEGetsWhatTheFilesHave registers a release twice, and then one that could be the next.
func TestPgTLEGetsWhatTheFilesHave(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.NewEmpty(t))
	s.Do(pgTLE)
	next := newCheckout(t)
	next.snapshot("freeze")
	newest := latest(t)
	requireRegistered := func(version int32) {
		t.Helper()
		files, err := sql.ExtensionOf(next.migrations())
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprintf("gapless %d gapless", version)}, sqltest.Texts(s, "SELECT concat_ws(' ', name, version, requires, schema) FROM pgtle.control"))
		require.Contains(t, files["gapless.control"], *sqltest.Value[string](s, "SELECT 'comment = ' || quote_literal(description) FROM pgtle.control"))
		for name, text := range files {
			if name != "gapless.control" {
				ext := *sqltest.Value[string](s, "SELECT ext FROM pgtle.script WHERE 'gapless--' || version || '.sql' = $1", name)
				require.NotContains(t, ext, `\echo`)
				require.True(t, len(ext) > 1000 && strings.HasSuffix(text, strings.TrimPrefix(ext, "\n")), name)
			}
		}
	}
	for range 2 {
		s.Do(*must(migrate.PgTLE()))
		requireRegistered(newest)
	}
	next.snapshot("begin")
	next.edit("functions/allocate/peek_gapless.sql", "    RETURN value;\n", "    RETURN value + 1000;\n")
	for range 2 {
		s.Do(*must(sql.PgTLEOf(next.migrations())))
		requireRegistered(newest + 1)
	}
	require.EqualValues(t, 3, s.Number("SELECT count(*) FROM pgtle.script"))
}

func must[T any](value T, err error) *T {
	if err != nil {
		panic(err)
	}
	return &value
}
