package migrate_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
	"github.com/pggapless/gapless/sql"
)

// ways are those that install and upgrade.
var ways = map[string]func(t *testing.T, conn *pgx.Conn) error{
	"Up": func(t *testing.T, conn *pgx.Conn) error { return migrate.Up(t.Context(), conn) },
	"UpTx": func(t *testing.T, conn *pgx.Conn) error {
		return pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return migrate.UpTx(t.Context(), tx) })
	},
	"the script": func(t *testing.T, conn *pgx.Conn) error {
		script, err := migrate.Script()
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), script)
		return err
	},
	"the script, prepared": func(t *testing.T, conn *pgx.Conn) error {
		script, err := migrate.Script()
		require.NoError(t, err)
		return conn.PgConn().ExecParams(t.Context(), script, nil, nil, nil, nil).Read().Err
	},
	"the script, in a transaction": func(t *testing.T, conn *pgx.Conn) error {
		script, err := migrate.Script()
		require.NoError(t, err)
		return pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), script)
			return err
		})
	},
}

func latest(t *testing.T) int32 {
	t.Helper()
	steps, err := migrate.Steps()
	require.NoError(t, err)
	return int32(len(steps))
}

func requireVersion(t *testing.T, want int32, conn *pgx.Conn) {
	t.Helper()
	version, err := migrate.Status(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, migrate.Version{Current: want, Latest: latest(t)}, version)
}

// TestNothingOfItIsInPublic is what tools that drop, empty or publish the tables of schema public need not be told.
func TestNothingOfItIsInPublic(t *testing.T) {
	t.Parallel()
	conn := installed(t, pgtest.NewEmpty(t))
	require.Nil(t, one[string](t, conn, `
		SELECT string_agg(o.object, ', ') FROM (
			SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
			UNION ALL SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
			UNION ALL SELECT oid::regtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace
		) AS o (object)`))
}

func TestTheVersionSurvivesADumpOfTheSchemaAlone(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	installed(t, database)
	text := dump(t, database)
	if text == "" {
		t.Skip("there is no pg_dump for this server here")
	}
	restored := pgtest.NewEmpty(t).Conn(t)
	_, err := restored.PgConn().Exec(t.Context(), text).ReadAll()
	require.NoError(t, err)
	_, err = restored.Exec(t.Context(), "RESET ALL")
	require.NoError(t, err)
	requireVersion(t, latest(t), restored)
	before := describe(t, restored)
	for name, way := range ways {
		require.NoError(t, way(t, restored), name)
		requireSame(t, before, describe(t, restored), name)
	}
	require.EqualValues(t, 1, *one[int64](t, restored, "SELECT gapless.next_gapless('invoice')"))
}

func TestWhatToolsDropIsMadeAgainAndNumbersStay(t *testing.T) {
	t.Parallel()
	want := describe(t, installed(t, pgtest.NewEmpty(t)))
	view := []string{"view gapless.schema_version", "trigger ignore ON gapless.schema_version"}
	for what, drop := range map[string]struct {
		statement string
		version   int32
		missing   []string
	}{
		"the view for tern":    {"DROP VIEW gapless.schema_version", latest(t), view},
		"tern's table instead": {"DROP VIEW gapless.schema_version; CREATE TABLE gapless.schema_version (version int4 NOT NULL); INSERT INTO gapless.schema_version VALUES (0)", latest(t), view},
		"the version's words":  {"CREATE OR REPLACE FUNCTION gapless.version_gapless() RETURNS int4 LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS ' select 1 + 0 '", 1, nil},
		"the version":          {"DROP FUNCTION gapless.version_gapless CASCADE", 1, nil},
		"all functions": {`DO $$ DECLARE f text; BEGIN
			FOR f IN SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace LOOP
				EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', f);
			END LOOP;
		END $$`, 1, nil},
	} {
		for name, way := range ways {
			t.Run(what+", "+name, func(t *testing.T) {
				t.Parallel()
				conn := installed(t, pgtest.NewEmpty(t))
				_, err := conn.Exec(t.Context(), "SELECT gapless.next_gapless('invoice')")
				require.NoError(t, err)
				_, err = conn.Exec(t.Context(), drop.statement)
				require.NoError(t, err)
				version, err := migrate.Status(t.Context(), conn)
				require.NoError(t, err)
				require.Equal(t, migrate.Version{Current: drop.version, Latest: latest(t), Missing: drop.missing}, version)
				require.NoError(t, way(t, conn))
				requireVersion(t, latest(t), conn)
				requireSame(t, want, describe(t, conn))
				require.EqualValues(t, 2, *one[int64](t, conn, "SELECT gapless.next_gapless('invoice')"))
			})
		}
	}
}

func TestNobodyWritesTheVersion(t *testing.T) {
	t.Parallel()
	conn := installed(t, pgtest.NewEmpty(t))
	for statement, code := range map[string]string{
		"TRUNCATE gapless.schema_version":               "42809", // wrong_object_type
		"DELETE FROM gapless.schema_version":            "55000",
		"UPDATE gapless.schema_version SET version = 1": "",
		"INSERT INTO gapless.schema_version VALUES (7)": "",
	} {
		_, err := conn.Exec(t.Context(), statement)
		if code == "" {
			require.NoError(t, err)
		} else {
			requireCode(t, code, err)
		}
	}
	requireVersion(t, latest(t), conn)
	require.Equal(t, latest(t), *one[int32](t, conn, "SELECT version FROM gapless.schema_version"))
}

// TestAnEmptySchemaThatWasMadeForTheRoleIsEnough has a role that may make none.
func TestAnEmptySchemaThatWasMadeForTheRoleIsEnough(t *testing.T) {
	t.Parallel()
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewEmpty(t)
			admin := database.Conn(t)
			_, role := sqltest.Role(t, database, "owner")
			as := database.Conn(t)
			_, err := as.Exec(t.Context(), "SET ROLE "+role)
			require.NoError(t, err)
			requireCode(t, "42501", way(t, as))
			_, err = admin.Exec(t.Context(), "CREATE SCHEMA gapless AUTHORIZATION "+role)
			require.NoError(t, err)
			requireVersion(t, 0, as)
			require.NoError(t, way(t, as))
			requireVersion(t, latest(t), as)
			require.EqualValues(t, 1, *one[int64](t, as, "SELECT gapless.next_gapless('invoice')"))
			requireCode(t, "42501", way(t, admin))
		})
	}
}

func TestTheScriptLeavesTheCallersTransactionAndSettings(t *testing.T) {
	t.Parallel()
	script, err := migrate.Script()
	require.NoError(t, err)
	conn := pgtest.NewEmpty(t).Conn(t)
	do := func(statement string) {
		t.Helper()
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	do("SET search_path = nowhere, public; SET work_mem = '5MB'")
	outside := *one[string](t, conn, settings)
	do("BEGIN; CREATE TABLE public.mine (a int); SET LOCAL search_path = public, pg_temp; SET LOCAL lock_timeout = '77s'")
	inside := *one[string](t, conn, settings)
	do(script)
	require.Equal(t, inside, *one[string](t, conn, settings))
	requireVersion(t, latest(t), conn)
	do("ROLLBACK")
	require.Equal(t, outside, *one[string](t, conn, settings))
	requireVersion(t, 0, conn)
	require.Nil(t, one[string](t, conn, "SELECT to_regclass('public.mine')::text"), "it is the caller's transaction that has ended")
	do(script)
	require.Equal(t, outside, *one[string](t, conn, settings))
	requireVersion(t, latest(t), conn)
}

func TestTheScriptGoesOnFromEachStep(t *testing.T) {
	t.Parallel()
	script, err := migrate.Script()
	require.NoError(t, err)
	steps, err := migrate.Steps()
	require.NoError(t, err)
	want := describe(t, installed(t, pgtest.NewEmpty(t)))
	for done := range len(steps) + 1 {
		conn := pgtest.NewEmpty(t).Conn(t)
		for _, step := range steps[:done] {
			_, err := conn.Exec(t.Context(), step.SQL)
			require.NoError(t, err)
		}
		_, err := conn.Exec(t.Context(), script)
		require.NoError(t, err)
		requireSame(t, want, describe(t, conn))
	}
}

func TestTheScriptChangesNothingOfANewerRelease(t *testing.T) {
	t.Parallel()
	script, err := migrate.Script()
	require.NoError(t, err)
	conn := installed(t, pgtest.NewEmpty(t))
	_, err = conn.Exec(t.Context(), "CREATE OR REPLACE FUNCTION gapless.version_gapless() RETURNS int4 LANGUAGE sql IMMUTABLE AS 'SELECT 1000'")
	require.NoError(t, err)
	before := describe(t, conn)
	_, err = conn.Exec(t.Context(), script)
	require.NoError(t, err)
	requireSame(t, before, describe(t, conn))
}

// TestAMigrationDefinesTheVersion begins one, as RELEASING.md says, and forgets that.
func TestAMigrationDefinesTheVersion(t *testing.T) {
	t.Parallel()
	release := newCheckout(t)
	release.snapshot("freeze")
	release.snapshot("begin")
	script, err := sql.ScriptOf(release.migrations())
	require.NoError(t, err)
	conn := installed(t, pgtest.NewEmpty(t))
	_, err = conn.Exec(t.Context(), script)
	require.NoError(t, err)
	require.Equal(t, latest(t)+1, *one[int32](t, conn, "SELECT gapless.version_gapless()"))
	release.edit(release.lastMigration(), "AS 'SELECT", "AS 'SELECT 1")
	_, err = sql.ScriptOf(release.migrations())
	require.ErrorContains(t, err, "does not define version_gapless")
}

// TestPsqlNeedsNoSettingToStopAtAnError has one statement fail, which is all there is.
func TestPsqlNeedsNoSettingToStopAtAnError(t *testing.T) {
	t.Parallel()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql: ", err)
	}
	database := pgtest.NewEmpty(t)
	admin := database.Conn(t)
	_, err = admin.Exec(t.Context(), "CREATE SCHEMA gapless; CREATE SEQUENCE gapless.theirs")
	require.NoError(t, err)
	file, err := filepath.Abs("../sql/gapless.sql")
	require.NoError(t, err)
	output, err := exec.CommandContext(t.Context(), psql, "--no-psqlrc", "-q", "-f", file, database.URL).CombinedOutput()
	require.NoError(t, err)
	require.Contains(t, string(output), "that is not this one")
	require.Less(t, len(output), 2000, "the error does not quote the file")
	requireVersion(t, 0, admin)
}

// TestNoTableIsDroppedByAccident leaves CASCADE out, and so do the tools that ask before they drop.
func TestNoTableIsDroppedByAccident(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	installed(t, database)
	s := sqltest.Connect(t, database)
	tables := sqltest.Texts(s, "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'gapless'::regnamespace AND relkind = 'r'")
	require.Greater(t, len(tables), 8)
	for _, table := range tables {
		s.Refuse("2BP01", "DROP TABLE "+table)
	}
	s.Refuse("2BP01", "DROP SCHEMA gapless")
}

// TestAClientThatChangesTheScriptIsToldSo takes question marks for parameters, as some do without saying so.
func TestAClientThatChangesTheScriptIsToldSo(t *testing.T) {
	t.Parallel()
	script, err := migrate.Script()
	require.NoError(t, err)
	conn := pgtest.NewEmpty(t).Conn(t)
	_, err = conn.PgConn().Exec(t.Context(), strings.ReplaceAll(script, "?", "$1")).ReadAll()
	requireCode(t, "22023", err)
	require.ErrorContains(t, err, "takes a question mark for a parameter")
	requireVersion(t, 0, conn)
}

// TestNothingInTheScriptIsAParameter looks at what is neither quoted nor a comment: by PostgreSQL's rules, since JDBC takes the
// operator ? for a parameter; and by those of PDO, which knows no dollar quotes, so that an odd quote between them turns all that
// follows inside out.
func TestNothingInTheScriptIsAParameter(t *testing.T) {
	t.Parallel()
	script, err := migrate.Script()
	require.NoError(t, err)
	aside := regexp.MustCompile(`'(?:[^']|'')*'|\$\$.*?\$\$|--.*`)
	for number, line := range strings.Split(script, "\n") {
		if strings.Contains(aside.ReplaceAllString(line, ""), "?") {
			t.Errorf("line %d of the script has a question mark: %s", number+1, line)
		}
	}
	token := regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|/\*.*?\*/|--[^\r\n]*|:{2,}|\?{2,}|:[a-zA-Z0-9_]+|\?`)
	for _, at := range token.FindAllStringIndex(script, -1) {
		if script[at[0]:at[1]] == "?" {
			line := strings.Count(script[:at[0]], "\n")
			t.Errorf("line %d of the script has what PDO takes for a parameter: %s", line+1, strings.Split(script, "\n")[line])
		}
	}
}
