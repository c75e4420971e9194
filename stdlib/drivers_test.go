package stdlib_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	pgxstdlib "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/stdlib"
)

// The shapes of connections of drivers that wrap others.
type (
	embedding struct{ driver.Conn }              // of Datadog's and Elastic's tracers
	showing   struct{ *hiding }                  // of otelsql, by its method
	hiding    struct{ parent driver.Conn }       // of ngrok's sqlmw
	tracing   struct{ *embedding }               // one in the other
	wrapping  func(conn driver.Conn) driver.Conn // makes them
)

func (s *showing) Raw() driver.Conn { return s.parent }

func (h *hiding) Prepare(query string) (driver.Stmt, error) { return h.parent.Prepare(query) }
func (h *hiding) Close() error                              { return h.parent.Close() }
func (h *hiding) Begin() (driver.Tx, error)                 { panic("BEGIN is sent") }

func (s *showing) Begin() (driver.Tx, error) {
	return s.parent.Begin() //nolint:staticcheck // the old one, which is all that it has
}

var wrappers = map[string]wrapping{
	"embedding":               func(conn driver.Conn) driver.Conn { return &embedding{conn} },
	"showing":                 func(conn driver.Conn) driver.Conn { return &showing{&hiding{conn}} },
	"what embeds what embeds": func(conn driver.Conn) driver.Conn { return tracing{&embedding{conn}} },
	"embedding what shows it": func(conn driver.Conn) driver.Conn { return &embedding{&showing{&hiding{conn}}} },
	"showing what embeds it":  func(conn driver.Conn) driver.Conn { return &showing{&hiding{&embedding{conn}}} },
	"pgx's":                   func(conn driver.Conn) driver.Conn { return conn },
}

// wrapped connects with pgx's driver, and wraps the connection.
type wrapped struct {
	driver.Connector
	wrap wrapping
}

func (w wrapped) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := w.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return w.wrap(conn), nil
}

func openWrapped(t *testing.T, url string, wrap wrapping) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	db := sql.OpenDB(wrapped{pgxstdlib.GetConnector(*config), wrap})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// TestAWrappedDriverIsLookedThrough has the answer to COMMIT lost, and each end of a transaction that only pgx's connection tells.
func TestAWrappedDriverIsLookedThrough(t *testing.T) {
	t.Parallel()
	for way, newInTx := range ways {
		for name, wrap := range wrappers {
			t.Run(way+", "+name, func(t *testing.T) {
				t.Parallel()
				proxy := pgproxy.New(t, pgtest.New(t).URL)
				db := openWrapped(t, proxy.URL(), wrap)
				inTx := newInTx(t, db)
				runs := 0
				issue := func(end string) error {
					return inTx(t.Context(), func(tx *sql.Tx) error {
						runs++
						if _, err := stdlib.NewSequence("invoice").Next(t.Context(), tx); err != nil {
							return err
						}
						_, err := tx.ExecContext(t.Context(), end)
						return err
					})
				}
				require.NoError(t, issue("SELECT 1"))
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
				last, _, err := stdlib.NewSequence("invoice").Last(t.Context(), db)
				require.NoError(t, err)
				require.EqualValues(t, 2, last)
			})
		}
	}
}

// TestADriverThatShowsNoConnectionOfPgxIsRefused sees nothing sent but what connects.
func TestADriverThatShowsNoConnectionOfPgxIsRefused(t *testing.T) {
	t.Parallel()
	proxy := pgproxy.New(t, pgtest.New(t).URL)
	db := openWrapped(t, proxy.URL(), func(conn driver.Conn) driver.Conn { return &embedding{&hiding{conn}} })
	conn := connOf(t, db)
	var sent atomic.Int64
	proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		if !m.FromServer && m.SQL() != "" {
			sent.Add(1)
		}
		return pgproxy.Forward
	})
	const refused = `InTx needs the driver "pgx" of github.com/jackc/pgx/v5/stdlib, and the database was opened with another, whose connection is a *stdlib_test.hiding`
	for _, from := range []stdlib.TxBeginner{db, conn} {
		err := stdlib.InTx(t.Context(), from, func(*sql.Tx) error { panic("it runs") })
		require.ErrorContains(t, err, refused)
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
	}
	_, err := stdlib.NewGroupCommitter(t.Context(), db)
	require.ErrorContains(t, err, refused)
	require.Zero(t, sent.Load())
	require.NoError(t, conn.Close())
	require.Zero(t, db.Stats().InUse)
}

// TestAConnectionThatIsInATransactionIsRefused has it begun by BeginTx, by SQL and by InTx, and sees nothing sent.
func TestAConnectionThatIsInATransactionIsRefused(t *testing.T) {
	t.Parallel()
	proxy := pgproxy.New(t, pgtest.New(t).URL)
	var sent atomic.Int64
	proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		if !m.FromServer {
			sent.Add(1)
		}
		return pgproxy.Forward
	})
	db, err := sql.Open("pgx", proxy.URL())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	conn, ctx := connOf(t, db), t.Context()
	cases := stdlib.NewSequence("case")
	nested := func() {
		t.Helper()
		before := sent.Load()
		err := stdlib.InTx(ctx, conn, func(*sql.Tx) error { panic("it runs") })
		require.ErrorContains(t, err, "gapless: beginning the transaction: the connection is in a transaction already")
		require.Equal(t, before, sent.Load())
	}
	exec := func(statement string) {
		_, err := conn.ExecContext(ctx, statement)
		require.NoError(t, err)
	}
	next := func(tx *sql.Tx, number int64) {
		t.Helper()
		value, err := cases.Next(ctx, tx)
		require.NoError(t, err)
		require.Equal(t, number, value)
	}

	require.NoError(t, stdlib.InTx(ctx, conn, func(tx *sql.Tx) error {
		next(tx, 1)
		nested()
		next(tx, 2)
		return nil
	}), "the outer one goes on")
	tx, err := conn.BeginTx(ctx, nil)
	require.NoError(t, err)
	next(tx, 3)
	nested()
	require.NoError(t, tx.Commit())
	exec("BEGIN")
	nested()
	_, err = conn.ExecContext(ctx, "SELECT 1/0")
	require.Error(t, err)
	nested()
	exec("ROLLBACK")
	require.NoError(t, stdlib.InTx(ctx, conn, func(tx *sql.Tx) error { next(tx, 4); return nil }))
	last, _, err := cases.Last(ctx, db)
	require.NoError(t, err)
	require.EqualValues(t, 4, last)
}
