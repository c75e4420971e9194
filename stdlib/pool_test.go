package stdlib_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	pgxstdlib "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

// embedded and embeddedConn are what sqlx's types are, bunDB and bunConn what bun's are.
type (
	embedded     struct{ *sql.DB }
	embeddedConn struct{ *sql.Conn }
	bunDB        struct{ *noCopyState }
	noCopyState  struct{ *sql.DB }
	bunConn      struct {
		db *bunDB
		*sql.Conn
	}
	pinged struct{ db *sql.DB }
)

func (*bunDB) BeginTx(context.Context, *sql.TxOptions) (bunTx, error) {
	panic("it begins one of its own")
}
func (*bunDB) Conn(context.Context) (bunConn, error) { panic("it takes a connection of its own") }
func (bunConn) BeginTx(context.Context, *sql.TxOptions) (bunTx, error) {
	panic("it begins one of its own")
}

func (p pinged) PingContext(ctx context.Context) error { return p.db.PingContext(ctx) }

// TestWhatEmbedsADatabaseIsTakenForIt has what needs more than to begin a transaction.
func TestWhatEmbedsADatabaseIsTakenForIt(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(t *testing.T, db *sql.DB) stdlib.TxBeginner{
		"a DB":               func(_ *testing.T, db *sql.DB) stdlib.TxBeginner { return db },
		"what embeds a DB":   func(_ *testing.T, db *sql.DB) stdlib.TxBeginner { return &embedded{db} },
		"what bun's DB is":   func(_ *testing.T, db *sql.DB) stdlib.TxBeginner { return &bunDB{&noCopyState{db}} },
		"what bun's Conn is": func(t *testing.T, db *sql.DB) stdlib.TxBeginner { return bunConn{nil, connOf(t, db)} },
		"a Conn":             func(t *testing.T, db *sql.DB) stdlib.TxBeginner { return connOf(t, db) },
		"what embeds a Conn": func(t *testing.T, db *sql.DB) stdlib.TxBeginner { return &embeddedConn{connOf(t, db)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewCopy(t)
			sqltest.Defaults{"default_transaction_read_only": "on"}.Set(t, database)
			proxy := pgproxy.New(t, database.URL)
			db, err := sql.Open("pgx", proxy.URL())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			from := of(t, db)
			runs := 0
			issue := func(end string) error {
				return stdlib.InTx(t.Context(), from, func(tx *sql.Tx) error {
					runs++
					if _, err := stdlib.NewSequence("a").Next(t.Context(), tx); err != nil {
						return err
					}
					_, err := tx.ExecContext(t.Context(), end)
					return err
				})
			}
			require.NoError(t, issue("SELECT 1"), "it is read-only by default")
			require.ErrorIs(t, issue("ROLLBACK"), sql.ErrTxDone)

			var cut atomic.Bool
			proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
				if m.Tag() == "COMMIT" && cut.CompareAndSwap(false, true) {
					return pgproxy.Cut
				}
				return pgproxy.Forward
			})
			runs = 0
			require.NoError(t, issue("SELECT 1"))
			require.True(t, cut.Load())
			require.Equal(t, 1, runs)
		})
	}
	for of, beginner := range map[string]stdlib.TxBeginner{"stdlib_test.pinged": pinged{open(t)}, "*stdlib_test.bunDB": &bunDB{}, "<nil>": nil} {
		err := stdlib.InTx(t.Context(), beginner, func(*sql.Tx) error { panic("it runs") })
		require.EqualError(t, err, "gapless: InTx needs a sql.DB or a sql.Conn, or what embeds one, not a "+of)
	}
}

func connOf(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestMoreConnectionsThatBrokeThanAttemptsAreNobodysError has the server end all connections of a pool that was in use.
func TestMoreConnectionsThatBrokeThanAttemptsAreNobodysError(t *testing.T) {
	t.Parallel()
	const connections = 15
	for name, of := range map[string]func(db *sql.DB) stdlib.TxBeginner{
		"a DB":             func(db *sql.DB) stdlib.TxBeginner { return db },
		"what embeds a DB": func(db *sql.DB) stdlib.TxBeginner { return &embedded{db} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			config, err := pgx.ParseConfig(database.URL)
			require.NoError(t, err)
			config.RuntimeParams["application_name"] = "used"
			// pgx's driver would ping a connection that was idle for a second, which would find some of them.
			db := pgxstdlib.OpenDB(*config, pgxstdlib.OptionShouldPing(func(context.Context, pgxstdlib.ShouldPingParams) bool { return false }))
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			db.SetMaxIdleConns(connections)
			var all []*sql.Conn
			for range connections {
				conn, err := db.Conn(t.Context())
				require.NoError(t, err)
				all = append(all, conn)
			}
			for _, conn := range all {
				require.NoError(t, conn.Close())
			}
			const used = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'used'"
			require.EqualValues(t, connections, s.Number("SELECT count(pg_terminate_backend(pid)) "+used))
			s.Await("SELECT count(*) = 0 " + used)
			runs := 0
			require.NoError(t, stdlib.InTx(t.Context(), of(db), func(tx *sql.Tx) error {
				runs++
				_, err := stdlib.NewSequence("a").Next(t.Context(), tx)
				return err
			}, gapless.WithMaxAttempts(1)))
			require.Equal(t, 1, runs)
		})
	}
}

// TestADriverThatGivesNoGoodConnectionIsAskedAsOftenAsAttemptsAreAllowed has one that refuses to begin, as one may that found no
// primary.
func TestADriverThatGivesNoGoodConnectionIsAskedAsOftenAsAttemptsAreAllowed(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(pgtest.New(t).URL)
	require.NoError(t, err)
	for _, attempts := range []int64{1, 4} {
		bad := &badConnector{Connector: pgxstdlib.GetConnector(*config)}
		db := sql.OpenDB(bad)
		err := stdlib.InTx(t.Context(), db, func(*sql.Tx) error { panic("it runs") }, gapless.WithMaxAttempts(int(attempts)))
		require.ErrorIs(t, err, driver.ErrBadConn)
		require.ErrorContains(t, err, fmt.Sprintf("gave up after attempt %d of %d", attempts, attempts))
		require.Equal(t, attempts, bad.begun.Load())
		require.NoError(t, db.Close())
	}
}

type badConnector struct {
	driver.Connector
	begun atomic.Int64
}

func (c *badConnector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	mine, ok := inner.(*pgxstdlib.Conn)
	if !ok {
		return nil, errors.New("it is another driver")
	}
	return badConn{mine, c}, nil
}

type badConn struct {
	*pgxstdlib.Conn
	of *badConnector
}

func (c badConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	c.of.begun.Add(1)
	return nil, driver.ErrBadConn
}

// TestWhatIsTrueOfAnotherTransactionIsNotSaidOfTheOwn has the outcome of another transaction be why this one is rolled back.
func TestWhatIsTrueOfAnotherTransactionIsNotSaidOfTheOwn(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), t.Context()
	mine := errors.New("mine")
	for _, outcome := range []error{gapless.ErrCommitted, gapless.ErrOutcomeUnknown} {
		err := stdlib.InTx(ctx, db, func(*sql.Tx) error { return fmt.Errorf("%w: %w", outcome, mine) })
		require.NotErrorIs(t, err, outcome)
		require.ErrorIs(t, err, mine)
		require.ErrorContains(t, err, outcome.Error())
	}
}

// TestACommitIsDurableWhateverTheSessionsDefaultIs has commits of the database not wait for their flush.
func TestACommitIsDurableWhateverTheSessionsDefaultIs(t *testing.T) {
	t.Parallel()
	for setting, own := range map[string]string{"off": "on", "local": "local", "on": "on"} {
		database := pgtest.New(t)
		s := sqltest.Connect(t, database)
		s.Do("ALTER DATABASE " + pgx.Identifier{database.Name}.Sanitize() + " SET synchronous_commit = " + setting)
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeSimpleProtocol} {
			config, err := pgx.ParseConfig(database.URL)
			require.NoError(t, err)
			config.DefaultQueryExecMode = mode
			db := pgxstdlib.OpenDB(*config)
			var shown, lsn string
			require.NoError(t, stdlib.InTx(t.Context(), db, func(tx *sql.Tx) error {
				return tx.QueryRowContext(t.Context(), "SELECT current_setting('synchronous_commit'), pg_current_wal_insert_lsn() FROM gapless.next_gapless('a')").Scan(&shown, &lsn)
			}), "%s, %v", setting, mode)
			require.Equal(t, own, shown)
			require.True(t, *sqltest.Value[bool](s, "SELECT pg_current_wal_flush_lsn() > '"+lsn+"'"), setting)
			require.NoError(t, db.Close())
		}
	}
}

// TestAFunctionThatHidesThatItsConnectionBrokeIsRunOnce has the end of a statement's context break the connection.
func TestAFunctionThatHidesThatItsConnectionBrokeIsRunOnce(t *testing.T) {
	t.Parallel()
	db := open(t)
	runs := 0
	err := stdlib.InTx(t.Context(), db, func(tx *sql.Tx) error {
		runs++
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, _ = tx.ExecContext(ctx, "SELECT pg_sleep(60)")
		return nil
	})
	require.ErrorContains(t, err, "the connection broke before, and fn did not return the error")
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
	require.Equal(t, 1, runs)
}
