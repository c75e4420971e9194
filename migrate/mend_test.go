package migrate_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
)

// objects are those that Status can miss, by the words that it uses.
const objects = `
	SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END || ' gapless.' || c.relname FROM pg_class AS c WHERE c.relnamespace = 'gapless'::regnamespace AND c.relkind IN ('r', 'v')
	UNION SELECT 'function gapless.' || p.proname FROM pg_proc AS p WHERE p.pronamespace = 'gapless'::regnamespace
	UNION SELECT format('trigger %s ON gapless.%s', t.tgname, c.relname)
		FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = 'gapless'::regnamespace AND NOT t.tgisinternal`

func missing(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	version, err := migrate.Status(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, version.Latest, version.Current)
	return version.Missing
}

// hearing is a session that keeps what the server warns of.
func hearing(t *testing.T, database *pgtest.Database) (sqltest.Session, *[]*pgconn.Notice) {
	t.Helper()
	heard := new([]*pgconn.Notice)
	return sqltest.Connect(t, database, func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
			if n.Severity == "WARNING" {
				*heard = append(*heard, n)
			}
		}
	}), heard
}

// migrated is a session in a database that has the newest version.
func migrated(t *testing.T, database *pgtest.Database) sqltest.Session {
	t.Helper()
	s := sqltest.Connect(t, database)
	require.NoError(t, migrate.Up(t.Context(), s.Conn))
	return s
}

// TestStatusKnowsAllThatAnInstallMakes has a database that says that it has the newest version, and has nothing else.
func TestStatusKnowsAllThatAnInstallMakes(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.NewEmpty(t))
	require.NoError(t, migrate.Up(t.Context(), s.Conn))
	require.Empty(t, missing(t, s.Conn))
	made := sqltest.Texts(s, objects)
	s.Do("DROP SCHEMA gapless CASCADE; CREATE SCHEMA gapless; CREATE FUNCTION gapless.version_gapless() RETURNS int4 LANGUAGE sql AS 'SELECT " + strconv.Itoa(int(latest(t))) + "'")
	require.ElementsMatch(t, made, append(missing(t, s.Conn), "function gapless.version_gapless"))
	requireCode(t, "55000", migrate.Up(t.Context(), s.Conn))
}

func TestEachViewThatIsDroppedIsMadeAgain(t *testing.T) {
	t.Parallel()
	want := describe(t, installed(t, pgtest.NewEmpty(t)))
	for _, way := range []string{"Up", "the script"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			s := migrated(t, pgtest.NewEmpty(t))
			s.Do("SELECT gapless.next_gapless('invoice')")
			views := sqltest.Texts(s, "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'gapless'::regnamespace AND relkind = 'v'")
			require.Greater(t, len(views), 20)
			for _, view := range views {
				s.Do("DROP VIEW " + view + " CASCADE")
				gone := missing(t, s.Conn)
				require.Contains(t, gone, "view "+view)
				require.NoError(t, ways[way](t, s.Conn), view)
				require.Empty(t, missing(t, s.Conn))
				requireSame(t, want, describe(t, s.Conn), view)
			}
			require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless('invoice')"))
		})
	}
}

func TestWhatIsDroppedIsMadeAgainInEachWay(t *testing.T) {
	t.Parallel()
	want := describe(t, installed(t, pgtest.NewEmpty(t)))
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := migrated(t, pgtest.NewEmpty(t))
			s.Do("DROP VIEW gapless.guard CASCADE; DROP FUNCTION gapless.flush_gapless; DROP FUNCTION gapless.refuse_waiting CASCADE; DROP TRIGGER ignore ON gapless.schema_version")
			require.ElementsMatch(t, []string{
				"view gapless.attachment", "view gapless.columns", "view gapless.doctor", "view gapless.doctor_columns", "view gapless.doctor_privileges",
				"view gapless.fault", "view gapless.guard",
				"function gapless.flush_gapless", "function gapless.refuse_waiting",
				"trigger waiting_numbered ON gapless.waiting", "trigger ignore ON gapless.schema_version",
			}, missing(t, s.Conn))
			require.NoError(t, way(t, s.Conn))
			require.Empty(t, missing(t, s.Conn))
			requireSame(t, want, describe(t, s.Conn))
		})
	}
}

// TestATableThatIsDroppedIsNotMadeAgain drops each, with what reads it.
func TestATableThatIsDroppedIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	s := migrated(t, database)
	for _, table := range sqltest.Texts(s, "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'gapless'::regnamespace AND relkind = 'r'") {
		tx, err := s.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "DROP TABLE "+table+" CASCADE")
		require.NoError(t, err)
		before, err := migrate.StatusTx(t.Context(), tx)
		require.NoError(t, err)
		require.Contains(t, before.Missing, "table "+table)
		for name, way := range map[string]func(tx pgx.Tx) error{
			"UpTx":       func(tx pgx.Tx) error { return migrate.UpTx(t.Context(), tx) },
			"the script": func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), *must(migrate.Script())); return err },
		} {
			err := pgx.BeginFunc(t.Context(), tx, way) // a savepoint
			requireCode(t, "55000", err)
			pg := new(pgconn.PgError)
			require.ErrorAs(t, err, &pg)
			require.Equal(t, "gapless_table_lost", pg.ConstraintName)
			require.Equal(t, "tables of gapless were dropped, with what they had: table "+table, pg.Message)
			require.Contains(t, pg.Hint, "from a backup")
			after, err := migrate.StatusTx(t.Context(), tx)
			require.NoError(t, err)
			require.Equal(t, before, after, "%s, %s", table, name)
		}
		require.NoError(t, tx.Rollback(t.Context()))
	}

	s.Do("DROP TABLE gapless.link CASCADE")
	requireCode(t, "55000", migrate.Up(t.Context(), s.Conn))
	s.Do("DROP FUNCTION gapless.version_gapless CASCADE")
	requireCode(t, "55000", migrate.Up(t.Context(), s.Conn))
	version, err := migrate.Status(t.Context(), s.Conn)
	require.NoError(t, err)
	require.Equal(t, migrate.Version{Current: 1, Latest: latest(t), Missing: []string{"table gapless.link"}}, version)
}

// TestARoleThatGrantGaplessGaveItsRightsHasThemOnAViewThatIsMadeAgain has roles that were given more, and less.
func TestARoleThatGrantGaplessGaveItsRightsHasThemOnAViewThatIsMadeAgain(t *testing.T) {
	t.Parallel()
	readable := func(s sqltest.Session, role string) []string {
		s.T.Helper()
		return sqltest.Texts(s, "SELECT c.relname::text FROM pg_class AS c WHERE c.relnamespace = 'gapless'::regnamespace AND c.relkind = 'v' AND has_table_privilege($1, c.oid, 'SELECT') ORDER BY 1", role)
	}
	granted := []string{"columns", "holders", "ranges", "sequences"}
	for _, view := range []string{"sequences", "columns"} {
		t.Run(view, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewEmpty(t)
			s, heard := hearing(t, database)
			require.NoError(t, migrate.Up(t.Context(), s.Conn))
			appName, app := sqltest.Role(t, database, "app")
			moreName, more := sqltest.Role(t, database, "more")
			readerName, reader := sqltest.Role(t, database, "reader")
			lessName, less := sqltest.Role(t, database, "less")
			for _, role := range []string{appName, moreName, lessName} {
				s.Do("SELECT gapless.grant_gapless($1)", role)
			}
			s.Do("GRANT SELECT ON gapless.audits TO " + more)
			s.Do("GRANT USAGE ON SCHEMA gapless TO " + reader + "; GRANT SELECT ON ALL TABLES IN SCHEMA gapless TO " + reader)
			s.Do("REVOKE EXECUTE ON FUNCTION gapless.next_gapless FROM " + less)
			before := describe(t, s.Conn)
			s.Do("DROP VIEW gapless." + view + " CASCADE; DROP VIEW gapless.audits CASCADE")
			gone := missing(t, s.Conn)
			require.NoError(t, migrate.Up(t.Context(), s.Conn))

			require.Equal(t, granted, readable(s, appName))
			require.Equal(t, granted, readable(s, moreName), "who else was given the right to read a view is not known any more")
			require.NotContains(t, readable(s, readerName), view)
			require.NotContains(t, readable(s, lessName), view, "it may have been meant to have less")
			require.Len(t, *heard, 1)
			for _, dropped := range gone {
				require.Contains(t, (*heard)[0].Message, dropped)
			}
			require.Contains(t, (*heard)[0].Detail, app)
			require.Contains(t, (*heard)[0].Detail, more)
			require.NotContains(t, (*heard)[0].Detail, reader)
			require.NotContains(t, (*heard)[0].Detail, less)
			require.Contains(t, (*heard)[0].Hint, "Call gapless.grant_gapless again")

			// What the warning says brings all of it back.
			s.Do("SELECT gapless.grant_gapless($1)", lessName)
			s.Do("REVOKE EXECUTE ON FUNCTION gapless.next_gapless FROM " + less)
			s.Do("GRANT SELECT ON gapless.audits TO " + more)
			s.Do("GRANT SELECT ON ALL TABLES IN SCHEMA gapless TO " + reader)
			require.ElementsMatch(t, slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(describe(t, s.Conn))))
		})
	}

	t.Run("everybody", func(t *testing.T) {
		t.Parallel()
		database := pgtest.NewEmpty(t)
		s := migrated(t, database)
		s.Do("SELECT gapless.grant_gapless('public')")
		before := describe(t, s.Conn)
		s.Do("DROP VIEW gapless.sequences CASCADE")
		require.NoError(t, migrate.Up(t.Context(), s.Conn))
		requireSame(t, before, describe(t, s.Conn))
	})
}

// TestWhatIsMadeAgainIsWhatGrantGaplessGives compares it with what a role has that was granted, on whatever is dropped.
func TestWhatIsMadeAgainIsWhatGrantGaplessGives(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	s := migrated(t, database)
	appName, _ := sqltest.Role(t, database, "app")
	s.Do("SELECT gapless.grant_gapless($1)", appName)
	before := describe(t, s.Conn)
	s.Do("DROP VIEW gapless.sequences, gapless.ranges, gapless.holders, gapless.columns CASCADE")
	require.NoError(t, migrate.Up(t.Context(), s.Conn))
	requireSame(t, before, describe(t, s.Conn))
}

// TestWhatElseIsMissingStaysKnown has an index that is gone: a doctor that noted what is there now would not miss it.
func TestWhatElseIsMissingStaysKnown(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"Up", "the script"} {
		s := migrated(t, pgtest.NewEmpty(t))
		s.Do("DROP INDEX gapless.journal_txid; DROP VIEW gapless.kept")
		require.NoError(t, ways[way](t, s.Conn))
		require.Equal(t, []string{"object_missing index gapless.journal_txid"},
			sqltest.Texts(s, "SELECT finding || ' ' || object FROM gapless.doctor_installation ORDER BY 1"), way)
	}
}
