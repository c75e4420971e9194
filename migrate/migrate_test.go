package migrate_test

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
)

func TestMain(m *testing.M) { pgtest.Main(m, nil) }

// catalog describes every object of the schema, its comments and privileges, in words that two databases share.
const catalog = `
	SELECT line FROM (
		SELECT format('schema %s %s %s', nspname, nspacl, obj_description(oid)) FROM pg_namespace WHERE nspname = 'gapless'
		UNION ALL SELECT format('relation %s.%s %s %s %s', relnamespace::regnamespace, relname, relkind, relacl, obj_description(oid))
			FROM pg_class WHERE relnamespace = 'gapless'::regnamespace
		UNION ALL SELECT format('column %s %s %s %s %s %s %s %s', attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
				attcollation::regcollation, pg_get_expr(adbin, adrelid), col_description(attrelid, attnum))
			FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
			WHERE attnum > 0 AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'gapless'::regnamespace)
		UNION ALL SELECT format('constraint %s %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid), obj_description(oid))
			FROM pg_constraint WHERE connamespace = 'gapless'::regnamespace
		UNION ALL SELECT format('view %s %s', oid::regclass, pg_get_viewdef(oid)) FROM pg_class WHERE relnamespace = 'gapless'::regnamespace AND relkind = 'v'
		UNION ALL SELECT format('function %s %s %s', pg_get_functiondef(oid), proacl, obj_description(oid)) FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace
		UNION ALL SELECT format('type %s %s %s', typname, typacl, obj_description(oid)) FROM pg_type WHERE typnamespace = 'gapless'::regnamespace AND typtype = 'e'
		UNION ALL SELECT format('version %s', version) FROM gapless.schema_version
	) AS q (line) ORDER BY line`

func describe(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), catalog)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(lines), 50)
	return lines
}

// requireSame shows only where two descriptions differ.
func requireSame(t *testing.T, want, got []string, where ...any) {
	t.Helper()
	without := func(lines, others []string) []string {
		return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
	}
	require.Equal(t, without(want, got), without(got, want), where...)
}

func TestTheScriptAndTheMigrationsGiveTheSameSchema(t *testing.T) {
	t.Parallel()
	migrated := pgtest.NewEmpty(t).Conn(t)
	require.NoError(t, migrate.Up(t.Context(), migrated))

	scripted := pgtest.NewEmpty(t).Conn(t)
	script, err := migrate.Script()
	require.NoError(t, err)
	_, err = scripted.Exec(t.Context(), script)
	require.NoError(t, err)

	requireSame(t, describe(t, migrated), describe(t, scripted))
	require.NoError(t, migrate.Up(t.Context(), scripted), "a scripted install is up to date")
	requireSame(t, describe(t, migrated), describe(t, scripted))
}

func TestTheCommittedFilesAreWhatTheyAreMadeFrom(t *testing.T) {
	t.Parallel()
	script, err := migrate.Script()
	require.NoError(t, err)
	committed, err := os.ReadFile("../sql/gapless.sql")
	require.NoError(t, err)
	requireSame(t, strings.Split(script, "\n"), strings.Split(string(committed), "\n"), "run make generate")
	require.Equal(t, string(committed), script, "its lines are in another order: run make generate")

	statements, err := migrate.Statements()
	require.NoError(t, err)
	require.NoError(t, fs.WalkDir(os.DirFS("../sql/functions"), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".sql" || path == "install.sql" {
			return err
		}
		text, err := os.ReadFile(filepath.Join("../sql/functions", path))
		require.NoError(t, err)
		require.Contains(t, statements, strings.TrimSpace(string(text)), "install.sql does not include %s", path)
		return nil
	}))
}

func TestStatusFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	conn := pgtest.NewEmpty(t).Conn(t)
	before, err := migrate.Status(t.Context(), conn)
	require.NoError(t, err)
	require.Zero(t, before.Current)
	require.Positive(t, before.Latest)
	var made bool
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT to_regnamespace('gapless') IS NOT NULL").Scan(&made))
	require.False(t, made, "Status changes nothing")

	require.NoError(t, migrate.Up(t.Context(), conn))
	after, err := migrate.Status(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, migrate.Version{Current: before.Latest, Latest: before.Latest}, after)
}

// TestAnApplicationsRoleAsksForTheStatusAndDoesNotMigrate has a database that is up to date.
func TestAnApplicationsRoleAsksForTheStatusAndDoesNotMigrate(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	conn := database.Conn(t)
	require.NoError(t, migrate.Up(t.Context(), conn))
	want, err := migrate.Status(t.Context(), conn)
	require.NoError(t, err)
	_, app := sqltest.Role(t, database, "app")
	_, err = conn.Exec(t.Context(), "SET ROLE "+app)
	require.NoError(t, err)

	requireCode(t, "42501", migrate.Up(t.Context(), conn))
	status, err := migrate.Status(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, want, status)
	_, err = conn.Exec(t.Context(), "RESET ROLE")
	require.NoError(t, err)
}

func TestASecondInstallChangesNothing(t *testing.T) {
	t.Parallel()
	conn := pgtest.NewEmpty(t).Conn(t)
	require.NoError(t, migrate.Up(t.Context(), conn))
	_, err := conn.Exec(t.Context(), "SELECT gapless.next_gapless('a')")
	require.NoError(t, err)
	before := describe(t, conn)
	require.NoError(t, migrate.Up(t.Context(), conn))
	requireSame(t, before, describe(t, conn))

	script, err := migrate.Script()
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), script)
	require.NoError(t, err)
	requireSame(t, before, describe(t, conn))
	var last int64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT gapless.last_gapless('a')").Scan(&last))
	require.EqualValues(t, 1, last)
}

func TestTwentyInstallersAtOnce(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	script, err := migrate.Script()
	require.NoError(t, err)
	var installers sync.WaitGroup
	failures := make(chan error, 20)
	start := make(chan struct{})
	for i := range 20 {
		conn := database.Conn(t)
		installers.Go(func() {
			<-start
			switch i % 4 {
			case 0:
				_, err := conn.Exec(t.Context(), script)
				failures <- err
			case 1:
				failures <- pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return migrate.UpTx(t.Context(), tx) })
			default:
				failures <- migrate.Up(t.Context(), conn)
			}
		})
	}
	close(start)
	installers.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	conn, fresh := database.Conn(t), pgtest.NewEmpty(t).Conn(t)
	require.NoError(t, migrate.Up(t.Context(), fresh))
	requireSame(t, describe(t, fresh), describe(t, conn))
}

func TestInstallingWithAnEmptyAndWithAHostileSearchPath(t *testing.T) {
	t.Parallel()
	plain := pgtest.NewEmpty(t).Conn(t)
	require.NoError(t, migrate.Up(t.Context(), plain))
	want := describe(t, plain)
	script, err := migrate.Script()
	require.NoError(t, err)

	for _, path := range []string{"", "evil, pg_catalog"} {
		for name, install := range map[string]func(ctx context.Context, conn *pgx.Conn) error{
			"migrations": migrate.Up[*pgx.Conn],
			"script":     func(ctx context.Context, conn *pgx.Conn) error { _, err := conn.Exec(ctx, script); return err },
		} {
			database := pgtest.NewEmpty(t)
			admin := database.Conn(t)
			_, err := admin.Exec(t.Context(), `
				CREATE SCHEMA evil;
				CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT '-infinity'::timestamptz$$;
				CREATE FUNCTION evil.octet_length(text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
				CREATE FUNCTION evil.txid_current() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'`)
			require.NoError(t, err)
			conn := database.Conn(t, func(config *pgx.ConnConfig) { config.RuntimeParams["search_path"] = path })
			require.NoError(t, install(t.Context(), conn), "%s, search_path %q", name, path)
			requireSame(t, want, describe(t, admin), "%s, search_path %q", name, path)
		}
	}
}

func TestAnotherSchemaOfThatNameIsLeftAlone(t *testing.T) {
	t.Parallel()
	conn := pgtest.NewEmpty(t).Conn(t)
	_, err := conn.Exec(t.Context(), "CREATE SCHEMA gapless; CREATE FUNCTION gapless.theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'")
	require.NoError(t, err)
	script, err := migrate.Script()
	require.NoError(t, err)
	for _, install := range []func() error{
		func() error { return migrate.Up(t.Context(), conn) },
		func() error { _, err := conn.Exec(t.Context(), script); return err },
	} {
		err := install()
		requireCode(t, "42P06", err)
		var left int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_class WHERE relnamespace = 'gapless'::regnamespace").Scan(&left))
		require.Zero(t, left)
	}
}

// TestASchemaOfAnotherRoleIsNotTrusted plants a view of the version, which would run with the installer's rights.
func TestASchemaOfAnotherRoleIsNotTrusted(t *testing.T) {
	t.Parallel()
	script, err := migrate.Script()
	require.NoError(t, err)
	for name, install := range map[string]func(conn *pgx.Conn) error{
		"migrations": func(conn *pgx.Conn) error { return migrate.Up(t.Context(), conn) },
		"script":     func(conn *pgx.Conn) error { _, err := conn.Exec(t.Context(), script); return err },
		"a transaction": func(conn *pgx.Conn) error {
			return pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return migrate.UpTx(t.Context(), tx) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewEmpty(t)
			conn := database.Conn(t)
			evil := pgx.Identifier{database.Name + " evil"}.Sanitize()
			_, err := conn.Exec(t.Context(), "CREATE ROLE "+evil)
			require.NoError(t, err)
			t.Cleanup(func() {
				ctx := context.WithoutCancel(t.Context())
				admin, err := pgx.Connect(ctx, database.URL)
				require.NoError(t, err)
				defer admin.Close(ctx)
				_, err = admin.Exec(ctx, "DROP OWNED BY "+evil+" CASCADE; DROP ROLE "+evil)
				require.NoError(t, err)
			})
			_, err = conn.Exec(t.Context(), "GRANT CREATE ON SCHEMA public TO "+evil+"; CREATE SCHEMA gapless AUTHORIZATION "+evil+"; SET ROLE "+evil+`;
				CREATE TABLE public.loot (who name);
				CREATE FUNCTION gapless.version_gapless() RETURNS int4 LANGUAGE sql AS 'SELECT 1';
				CREATE FUNCTION gapless.steal() RETURNS int4 LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.loot VALUES (current_user); RETURN 1; END $$;
				CREATE VIEW gapless.schema_version AS SELECT gapless.steal() AS version;
				CREATE TABLE gapless.journal ();
				GRANT USAGE, CREATE ON SCHEMA gapless TO PUBLIC;
				RESET ROLE`)
			require.NoError(t, err)
			requireCode(t, "42501", install(conn))
			var loot int
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM public.loot").Scan(&loot))
			require.Zero(t, loot)
		})
	}
}

func TestANewerDatabaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	conn := pgtest.NewEmpty(t).Conn(t)
	require.NoError(t, migrate.Up(t.Context(), conn))
	_, err := conn.Exec(t.Context(), "CREATE OR REPLACE FUNCTION gapless.version_gapless() RETURNS int4 LANGUAGE sql IMMUTABLE AS 'SELECT 1000'")
	require.NoError(t, err)
	require.ErrorIs(t, migrate.Up(t.Context(), conn), migrate.ErrNewer)
	status, err := migrate.Status(t.Context(), conn)
	require.NoError(t, err)
	require.EqualValues(t, 1000, status.Current)
}

func TestUpWantsAConnectionThatIsNotInATransaction(t *testing.T) {
	t.Parallel()
	conn := pgtest.NewEmpty(t).Conn(t)
	_, err := conn.Exec(t.Context(), "BEGIN")
	require.NoError(t, err)
	require.ErrorContains(t, migrate.Up(t.Context(), conn), "in a transaction")
}

// TestTheScriptIsPlainASCII is so that it installs in a database of any encoding.
func TestTheScriptIsPlainASCII(t *testing.T) {
	t.Parallel()
	script, err := migrate.Script()
	require.NoError(t, err)
	require.Regexp(t, `^[\t\n\x20-\x7e]*$`, script)
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Equal(t, code, pg.Code, pg.Message)
}

// TestUpWorksWhateverTheDefaultsAre has two steps, each a transaction.
func TestUpWorksWhateverTheDefaultsAre(t *testing.T) {
	t.Parallel()
	plain := pgtest.NewEmpty(t).Conn(t)
	require.NoError(t, migrate.Up(t.Context(), plain))
	want := describe(t, plain)
	for name, defaults := range sqltest.OddDefaults {
		defaults = maps.Clone(defaults)
		delete(defaults, "role") // it would be the owner
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewEmpty(t)
			observer := database.Conn(t)
			defaults.Set(t, database)
			conn := database.Conn(t)
			require.NoError(t, migrate.Up(t.Context(), conn))
			require.NoError(t, migrate.Up(t.Context(), conn))
			version, err := migrate.Status(t.Context(), conn)
			require.NoError(t, err)
			require.Equal(t, version.Latest, version.Current)
			requireSame(t, want, describe(t, observer))
		})
		t.Run(name+", by the script", func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewEmpty(t)
			observer := database.Conn(t)
			defaults := maps.Clone(defaults)
			delete(defaults, "default_transaction_read_only") // it is in no transaction of its own
			defaults.Set(t, database)
			script, err := migrate.Script()
			require.NoError(t, err)
			_, err = database.Conn(t).PgConn().Exec(t.Context(), script).ReadAll()
			require.NoError(t, err)
			requireSame(t, want, describe(t, observer))
		})
	}
}

// TestAnInstallPassesPlpgsqlsOwnChecks has a client whose settings make errors of what they warn of.
func TestAnInstallPassesPlpgsqlsOwnChecks(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.NewEmpty(t))
	s.Do("SET plpgsql.extra_errors = 'all'")
	script, err := migrate.Script()
	require.NoError(t, err)
	s.Do(script)
}
