package stdlib_test

import (
	"database/sql"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	pgxstdlib "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

// TestAnOutcomeIsFoundWhateverTheDefaultsAre cuts the answer to COMMIT, while a serializable transaction that writes is open, for which one
// that is deferrable would wait.
func TestAnOutcomeIsFoundWhateverTheDefaultsAre(t *testing.T) {
	t.Parallel()
	invoices := stdlib.NewSequence("invoice")
	for way, newInTx := range ways {
		for name, defaults := range sqltest.OddDefaults {
			t.Run(way+", "+name, func(t *testing.T) {
				t.Parallel()
				database := pgtest.NewCopy(t)
				writer := sqltest.Connect(t, database)
				writer.Do("CREATE TABLE others (a int)")
				defaults.Set(t, database)
				writer.Do("BEGIN ISOLATION LEVEL SERIALIZABLE")
				writer.Do("INSERT INTO others VALUES (1)")

				proxy := pgproxy.New(t, database.URL)
				db, err := sql.Open("pgx", proxy.URL())
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, db.Close()) })
				inTx := newInTx(t, db)
				runs := 0
				issue := func() error {
					return inTx(t.Context(), func(tx *sql.Tx) error {
						runs++
						_, err := invoices.Next(t.Context(), tx)
						return err
					})
				}
				require.NoError(t, issue())
				var cut atomic.Bool
				proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
					if m.IsCancelRequest() || m.Tag() == "COMMIT" && cut.CompareAndSwap(false, true) {
						return pgproxy.Cut
					}
					return pgproxy.Forward
				})
				require.NoError(t, issue())
				require.True(t, cut.Load())
				require.Equal(t, 2, runs)
				writer.Do("COMMIT")
				require.EqualValues(t, 2, writer.Number("SELECT gapless.last_gapless('invoice')"))
			})
		}
	}
}

// TestAFunctionThatEndsItsTransactionBySQLIsAnError has fn end its transaction by SQL.
func TestAFunctionThatEndsItsTransactionBySQLIsAnError(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), t.Context()
	err := stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		_, err := stdlib.NewSequence("a").Next(ctx, tx)
		require.NoError(t, err)
		_, err = tx.ExecContext(ctx, "ROLLBACK")
		return err
	})
	require.ErrorIs(t, err, sql.ErrTxDone)
	_, ok, err := stdlib.NewSequence("a").Last(ctx, db)
	require.NoError(t, err)
	require.False(t, ok)
}

// TestWhatEndsAGoroutineLeavesNoConnectionBehind has fn panic, or end its goroutine, with rows open.
func TestWhatEndsAGoroutineLeavesNoConnectionBehind(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"a panic": func() { panic("mine") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, ctx := open(t), t.Context()
			db.SetMaxOpenConns(1)
			var all sync.WaitGroup
			var recovered any
			ended := errors.New("it did not return")
			all.Go(func() {
				defer func() { recovered = recover() }()
				ended = stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
					_, err := stdlib.NewSequence("a").Next(ctx, tx)
					require.NoError(t, err)
					rows, err := tx.QueryContext(ctx, "SELECT generate_series(1, 100000)")
					require.NoError(t, err)
					defer func() { _ = rows.Close() }()
					require.True(t, rows.Next())
					end()
					return rows.Err()
				})
			})
			all.Wait()
			require.EqualError(t, ended, "it did not return")
			if name == "a panic" {
				require.Equal(t, "mine", recovered)
			}
			require.Zero(t, db.Stats().InUse)
			require.NoError(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
				value, err := stdlib.NewSequence("a").Next(ctx, tx)
				require.EqualValues(t, 1, value)
				return err
			}))
		})
	}
}

// TestAConnectionThatBrokeInThePoolIsNobodysError has the server end sessions that are idle.
func TestAConnectionThatBrokeInThePoolIsNobodysError(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	config, err := pgx.ParseConfig(database.URL)
	require.NoError(t, err)
	config.RuntimeParams["idle_session_timeout"] = "20ms"
	config.RuntimeParams["application_name"] = "idle"
	db := pgxstdlib.OpenDB(*config)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for i := range 5 {
		runs := 0
		require.NoError(t, stdlib.InTx(t.Context(), db, func(tx *sql.Tx) error {
			runs++
			value, err := stdlib.NewSequence("a").Next(t.Context(), tx)
			require.EqualValues(t, i+1, value)
			return err
		}))
		require.Equal(t, 1, runs)
		s.Await("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'idle'")
	}
}
