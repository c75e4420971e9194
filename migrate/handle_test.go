package migrate_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
)

// handle is one of the things that a program has.
type handle struct {
	up     func() error // and commits
	status func() (migrate.Version, error)
	do     func(statement string) error // on the session, where there is one
	text   func(query string) string
}

// handles are all, by what they are.
var handles = map[string]func(t *testing.T, database *pgtest.Database) handle{
	"a pool": func(t *testing.T, database *pgtest.Database) handle {
		pool := database.Pool(t, func(config *pgxpool.Config) { config.MaxConns = 1 })
		return pgxHandle(t, func() error { return migrate.Up(t.Context(), pool) }, func() (migrate.Version, error) { return migrate.Status(t.Context(), pool) }, pool)
	},
	"a pool's connection": func(t *testing.T, database *pgtest.Database) handle {
		conn, err := database.Pool(t).Acquire(t.Context())
		require.NoError(t, err)
		t.Cleanup(conn.Release)
		return pgxHandle(t, func() error { return migrate.Up(t.Context(), conn) }, func() (migrate.Version, error) { return migrate.Status(t.Context(), conn) }, conn)
	},
	"a connection": func(t *testing.T, database *pgtest.Database) handle {
		conn := database.Conn(t)
		return pgxHandle(t, func() error { return migrate.Up(t.Context(), conn) }, func() (migrate.Version, error) { return migrate.Status(t.Context(), conn) }, conn)
	},
	"a transaction": func(t *testing.T, database *pgtest.Database) handle {
		conn := database.Conn(t)
		status := func() (version migrate.Version, err error) {
			err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
				version, err = migrate.StatusTx(t.Context(), tx)
				return err
			})
			return version, err
		}
		return pgxHandle(t, func() error {
			return pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return migrate.UpTx(t.Context(), tx) })
		}, status, conn)
	},
	"a sql.DB": func(t *testing.T, database *pgtest.Database) handle {
		db := openSQL(t, database)
		db.SetMaxOpenConns(1)
		return sqlHandle(t, func() error { return migrate.Up(t.Context(), db) }, func() (migrate.Version, error) { return migrate.Status(t.Context(), db) }, db)
	},
	"a sql.Conn": func(t *testing.T, database *pgtest.Database) handle {
		conn := connectSQL(t, openSQL(t, database))
		return sqlHandle(t, func() error { return migrate.Up(t.Context(), conn) }, func() (migrate.Version, error) { return migrate.Status(t.Context(), conn) }, conn)
	},
	"a sql.Conn of another driver": func(t *testing.T, database *pgtest.Database) handle {
		conn := connectSQL(t, openOther(t, database, true))
		return sqlHandle(t, func() error { return migrate.Up(t.Context(), conn) }, func() (migrate.Version, error) { return migrate.Status(t.Context(), conn) }, conn)
	},
	"a sql.Tx": func(t *testing.T, database *pgtest.Database) handle {
		conn := connectSQL(t, openSQL(t, database))
		inTx := func(do func(tx *sql.Tx) error) error {
			tx, err := conn.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			if err := do(tx); err != nil {
				require.NoError(t, tx.Rollback())
				return err
			}
			return tx.Commit()
		}
		status := func() (version migrate.Version, err error) {
			err = inTx(func(tx *sql.Tx) error {
				version, err = migrate.StatusSQLTx(t.Context(), tx)
				return err
			})
			return version, err
		}
		return sqlHandle(t, func() error {
			return inTx(func(tx *sql.Tx) error { return migrate.UpSQLTx(t.Context(), tx) })
		}, status, conn)
	},
}

func pgxHandle(t *testing.T, up func() error, status func() (migrate.Version, error), on interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) handle {
	var none string
	return handle{
		up: up, status: status,
		do: func(statement string) error {
			if err := on.QueryRow(t.Context(), statement, pgx.QueryExecModeSimpleProtocol).Scan(&none); err != nil && err != pgx.ErrNoRows { //nolint:errorlint // as it is
				return err
			}
			return nil
		},
		text: func(query string) (text string) {
			require.NoError(t, on.QueryRow(t.Context(), query).Scan(&text))
			return text
		},
	}
}

func sqlHandle(t *testing.T, up func() error, status func() (migrate.Version, error), on interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) handle {
	return handle{
		up: up, status: status,
		do: func(statement string) error { _, err := on.ExecContext(t.Context(), statement); return err },
		text: func(query string) (text string) {
			require.NoError(t, on.QueryRowContext(t.Context(), query).Scan(&text))
			return text
		},
	}
}

func openSQL(t *testing.T, database *pgtest.Database) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", database.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func connectSQL(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// other is a driver that is not known to be pgx's. Without simple, it prepares each statement.
type other struct {
	url    string
	simple bool
}

func (o other) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := stdlib.GetDefaultDriver().(driver.DriverContext).OpenConnector(o.url)
	if err != nil {
		return nil, err
	}
	inner, err := conn.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if o.simple {
		return simpleConn{preparing{inner}}, nil
	}
	return preparing{inner}, nil
}

func (o other) Driver() driver.Driver { return nil }

type preparing struct{ inner driver.Conn }

func (c preparing) Prepare(query string) (driver.Stmt, error) { return c.inner.Prepare(query) }
func (c preparing) Close() error                              { return c.inner.Close() }
func (c preparing) Begin() (driver.Tx, error) {
	return c.inner.(driver.ConnBeginTx).BeginTx(context.Background(), driver.TxOptions{})
}

type simpleConn struct{ preparing }

func (c simpleConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.inner.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func openOther(t *testing.T, database *pgtest.Database, simple bool) *sql.DB {
	t.Helper()
	db := sql.OpenDB(other{database.URL, simple})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// settings are all of the session, and of its transaction.
const settings = "SELECT string_agg(format('%s=%s from %s', name, setting, source), E'\\n' ORDER BY name) FROM pg_settings WHERE name !~ '^transaction_'"

func TestEveryHandleInstallsTheSame(t *testing.T) {
	t.Parallel()
	plain := pgtest.NewEmpty(t)
	want, wanted := describe(t, installed(t, plain)), dump(t, plain)
	for name, handle := range handles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewEmpty(t)
			h := handle(t, database)
			version, err := h.status()
			require.NoError(t, err)
			require.Zero(t, version.Current)
			require.NoError(t, h.do("SET search_path = ''; SET work_mem = '5MB'"))
			before := h.text(settings)
			for range 2 {
				require.NoError(t, h.up())
				version, err = h.status()
				require.NoError(t, err)
				require.Equal(t, migrate.Version{Current: version.Latest, Latest: version.Latest}, version)
				require.Equal(t, before, h.text(settings), "the session's settings are as they were")
				requireSame(t, want, describe(t, database.Conn(t)))
			}
			require.Equal(t, wanted, dump(t, database))
			require.Equal(t, "0", h.text("SELECT count(*)::text FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"))
			if !strings.Contains(name, "sql") { // where pgx decides what is prepared
				require.Equal(t, "0", h.text("SELECT count(*)::text FROM pg_prepared_statements WHERE statement ~ 'version_gapless|set_config' AND statement !~ 'pg_prepared'"))
			}
		})
	}
}

func TestEveryHandleRefusesANewerDatabaseAndAnotherSchema(t *testing.T) {
	t.Parallel()
	for name, handle := range handles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewEmpty(t)
			h, observer := handle(t, database), sqltest.Connect(t, database)
			observer.Do("CREATE SCHEMA gapless")
			observer.Do("CREATE SEQUENCE gapless.theirs")
			requireCode(t, "42P06", h.up())
			require.EqualValues(t, 1, observer.Number("SELECT count(*) FROM pg_class WHERE relnamespace = 'gapless'::regnamespace"))

			observer.Do("DROP SEQUENCE gapless.theirs")
			require.NoError(t, h.up())
			observer.Do("CREATE OR REPLACE FUNCTION gapless.version_gapless() RETURNS int4 LANGUAGE sql IMMUTABLE AS 'SELECT 1000'")
			require.ErrorIs(t, h.up(), migrate.ErrNewer)
			version, err := h.status()
			require.NoError(t, err)
			require.EqualValues(t, 1000, version.Current)
		})
	}
}

func TestEveryHandleInstallsWhateverTheDefaultsAre(t *testing.T) {
	t.Parallel()
	want := describe(t, installed(t, pgtest.NewEmpty(t)))
	for _, name := range []string{"a pool", "a sql.DB", "a sql.Conn of another driver"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewEmpty(t)
			observer := database.Conn(t)
			defaults := sqltest.Defaults{}
			for setting, value := range sqltest.OddDefaults["everything"] {
				if setting != "role" { // it would be the owner
					defaults[setting] = value
				}
			}
			defaults.Set(t, database)
			h := handles[name](t, database)
			require.NoError(t, h.up())
			version, err := h.status()
			require.NoError(t, err)
			require.Equal(t, version.Latest, version.Current)
			requireSame(t, want, describe(t, observer))
		})
	}
}

// TestUpEndsNobodysTransaction has a row in it that nobody else may commit.
func TestUpEndsNobodysTransaction(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a pool's connection", "a connection", "a sql.Conn", "a sql.Conn of another driver"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewEmpty(t)
			h, observer := handles[name](t, database), sqltest.Connect(t, database)
			observer.Do("CREATE TABLE work (i int)")
			require.NoError(t, h.do("BEGIN"))
			require.NoError(t, h.do("INSERT INTO work VALUES (1)"))
			require.ErrorContains(t, h.up(), "in a transaction")
			version, err := h.status()
			require.NoError(t, err, "Status looks in it")
			require.Zero(t, version.Current)
			require.Equal(t, "1", h.text("SELECT count(*)::text FROM work"))
			require.Zero(t, observer.Number("SELECT count(*) FROM work"))
			require.NoError(t, h.do("ROLLBACK"))
			require.Zero(t, observer.Number("SELECT count(*) FROM work"))
			require.NoError(t, h.up())
		})
	}
}

func TestUpInATransactionIsTheCallers(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	conn, observer := database.Conn(t), sqltest.Connect(t, database)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "CREATE TABLE mine (number bigint UNIQUE); SET LOCAL search_path = pg_temp, public; SET LOCAL lock_timeout = '77s'; SET work_mem = '5MB'")
	require.NoError(t, err)
	before := *one[string](t, conn, settings)
	require.NoError(t, migrate.UpTx(t.Context(), tx))
	require.Equal(t, before, *one[string](t, conn, settings))
	_, err = tx.Exec(t.Context(), "SELECT gapless.attach_gapless('mine', 'number')")
	require.NoError(t, err, "it is there in the transaction")

	// Another one waits until the transaction has ended.
	other := sqltest.Connect(t, database)
	other.Do("BEGIN ISOLATION LEVEL REPEATABLE READ") // and has a snapshot from before
	other.Do("SELECT count(*) FROM pg_class")
	next := sqltest.Connect(t, database)
	waits := sqltest.Later(func() (any, error) { return nil, migrate.Up(t.Context(), next.Conn) })
	require.Eventually(t, func() bool {
		return observer.Number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == 1
	}, sqltest.Eventually, sqltest.Tick)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, (<-waits).Err)
	require.EqualValues(t, 1, observer.Number("INSERT INTO mine DEFAULT VALUES RETURNING number"))
	requireSame(t, describe(t, installed(t, pgtest.NewEmpty(t))), describe(t, observer.Conn))

	// Whose snapshot is older is told so.
	steps, err := migrate.Steps()
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), steps[0].SQL)
	requireCode(t, "40001", err)
	other.Do("ROLLBACK")
}

// TestAnOldSnapshotDoesNotMigrate is of a transaction that began between two steps, and of one from before the first.
func TestAnOldSnapshotDoesNotMigrate(t *testing.T) {
	t.Parallel()
	steps, err := migrate.Steps()
	require.NoError(t, err)
	for done := range steps {
		database := pgtest.NewEmpty(t)
		conn := database.Conn(t)
		for _, step := range steps[:done] {
			_, err := conn.Exec(t.Context(), step.SQL)
			require.NoError(t, err)
		}
		tx, err := database.Conn(t).BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "SELECT count(*) FROM pg_class")
		require.NoError(t, err)
		require.NoError(t, migrate.Up(t.Context(), conn))
		err = migrate.UpTx(t.Context(), tx)
		requireCode(t, "40001", err)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

func TestUpInATransactionThatIsRolledBackLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pgx", "database/sql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewEmpty(t)
			if name == "pgx" {
				tx, err := database.Conn(t).Begin(t.Context())
				require.NoError(t, err)
				require.NoError(t, migrate.UpTx(t.Context(), tx))
				require.NoError(t, tx.Rollback(t.Context()))
			} else {
				tx, err := openSQL(t, database).BeginTx(t.Context(), nil)
				require.NoError(t, err)
				require.NoError(t, migrate.UpSQLTx(t.Context(), tx))
				require.NoError(t, tx.Rollback())
			}
			version, err := migrate.Status(t.Context(), database.Conn(t))
			require.NoError(t, err)
			require.Zero(t, version.Current)
		})
	}
}

// TestATransactionThatHasEndedIsNotMigrated ends it behind its client's back.
func TestATransactionThatHasEndedIsNotMigrated(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	tx, err := database.Conn(t).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "COMMIT")
	require.NoError(t, err)
	require.ErrorContains(t, migrate.UpTx(t.Context(), tx), "has ended")
	sqlTx, err := openSQL(t, database).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = sqlTx.ExecContext(t.Context(), "COMMIT")
	require.NoError(t, err)
	require.ErrorContains(t, migrate.UpSQLTx(t.Context(), sqlTx), "has ended")
	_ = sqlTx.Rollback()
	version, err := migrate.Status(t.Context(), database.Conn(t))
	require.NoError(t, err)
	require.Zero(t, version.Current)
}

func TestADriverThatPreparesEachStatementMigrates(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	db := openOther(t, database, false)
	require.NoError(t, migrate.Up(t.Context(), db))
	version, err := migrate.Status(t.Context(), db)
	require.NoError(t, err)
	require.Equal(t, version.Latest, version.Current)
}

func TestStepsRunByHandAndUpGoOnWhereTheOtherEnded(t *testing.T) {
	t.Parallel()
	plain := pgtest.NewEmpty(t)
	want, wanted := describe(t, installed(t, plain)), dump(t, plain)
	steps, err := migrate.Steps()
	require.NoError(t, err)
	require.NotEmpty(t, steps)
	inTx := func(do func(statement string) error, statement string) error {
		if err := do("BEGIN"); err != nil {
			return err
		}
		if err := do(statement); err != nil {
			return err
		}
		return do("COMMIT")
	}
	for _, name := range []string{"a connection", "a sql.Conn"} {
		for inside, run := range map[string]func(do func(statement string) error, statement string) error{
			"in a transaction": inTx,
			"outside":          func(do func(statement string) error, statement string) error { return do(statement) },
		} {
			t.Run(name+", "+inside, func(t *testing.T) {
				t.Parallel()
				for done := range len(steps) + 1 {
					database := pgtest.NewEmpty(t)
					h := handles[name](t, database)
					require.NoError(t, h.do("SET search_path = nowhere"))
					before := h.text(settings)
					for i, step := range steps[:done] {
						require.EqualValues(t, i+1, step.Number)
						require.NoError(t, run(h.do, step.SQL))
						version, err := h.status()
						require.NoError(t, err)
						require.Equal(t, step.Number, version.Current)
					}
					require.Equal(t, before, h.text(settings))
					if done < len(steps) {
						require.NoError(t, h.up())
					}
					require.NoError(t, h.up())
					requireSame(t, want, describe(t, database.Conn(t)))
					require.Equal(t, wanted, dump(t, database))
				}
			})
		}
	}
}

func TestStepsAreRefusedOutOfOrder(t *testing.T) {
	t.Parallel()
	steps, err := migrate.Steps()
	require.NoError(t, err)
	require.Greater(t, len(steps), 1)
	conn := pgtest.NewEmpty(t).Conn(t)
	run := func(statements string) error { _, err := conn.Exec(t.Context(), statements); return err }

	requireCode(t, "55000", run(steps[1].SQL))
	require.NoError(t, run(steps[0].SQL))
	requireCode(t, "42710", run(steps[0].SQL))
	require.NoError(t, migrate.Up(t.Context(), conn))
	before := describe(t, conn)
	for _, step := range steps {
		requireCode(t, "42710", run(step.SQL))
	}
	requireSame(t, before, describe(t, conn))
}

func TestStepsArePlainSQL(t *testing.T) {
	t.Parallel()
	steps, err := migrate.Steps()
	require.NoError(t, err)
	script, err := migrate.Script()
	require.NoError(t, err)
	for _, step := range steps {
		require.NotRegexp(t, `(?mi)^\\|^\s*(begin|commit|rollback|start transaction)\b[^\n]*;`, step.SQL)
		require.Regexp(t, `^[a-z_]+$`, step.Name)
		require.NotContains(t, step.SQL, "${", "Flyway would replace it")
	}
	require.NotRegexp(t, `(?m)^\\|\$\{`, script)
}

// installed is a session in the database, in which Up has installed the schema.
func installed(t *testing.T, database *pgtest.Database) *pgx.Conn {
	t.Helper()
	conn := database.Conn(t)
	require.NoError(t, migrate.Up(t.Context(), conn))
	return conn
}

// dump is the schema as pg_dump has it; "" where there is none for this server.
func dump(t *testing.T, database *pgtest.Database) string {
	t.Helper()
	program, err := exec.LookPath(filepath.Join(*one[string](t, database.Conn(t), "SELECT setting FROM pg_config WHERE name = 'BINDIR'"), "pg_dump"))
	if err != nil {
		t.Log("there is no pg_dump for this server here:", err)
		return ""
	}
	text, err := exec.CommandContext(t.Context(), program, "--schema-only", "--dbname="+database.URL).Output()
	require.NoError(t, err)
	return regexp.MustCompile(`(?m)^\\(un)?restrict .*$`).ReplaceAllString(string(text), "") // a new key each time
}
