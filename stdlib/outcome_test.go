package stdlib_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/stdlib"
)

// TestAnErrorAfterACommitIsNoRollback has a statement_timeout run out when COMMIT is done.
func TestAnErrorAfterACommitIsNoRollback(t *testing.T) {
	t.Parallel()
	for way, newInTx := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			proxy := pgproxy.New(t, database.URL)
			db, err := sql.Open("pgx", proxy.URL())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			inTx := newInTx(t, db, flushedBy(t, database))
			invoices := stdlib.NewSequence("invoice")
			for _, is := range []func(m pgproxy.Message) bool{
				func(m pgproxy.Message) bool { return m.Tag() == "COMMIT" },
				func(m pgproxy.Message) bool { return m.FromServer && m.Type == 'Z' },
			} {
				var armed, late atomic.Bool
				proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
					armed.CompareAndSwap(false, m.Tag() == "COMMIT")
					if armed.Load() && is(m) && late.CompareAndSwap(false, true) {
						return pgproxy.TimeOutAfter
					}
					return pgproxy.Forward
				})
				runs := 0
				issue := func() error {
					return inTx(t.Context(), func(tx *sql.Tx) error {
						runs++
						_, err := invoices.Next(t.Context(), tx)
						return err
					})
				}
				before, _, err := invoices.Last(t.Context(), db)
				require.NoError(t, err)
				require.NoError(t, issue())
				require.True(t, late.Load())
				require.Equal(t, 1, runs)
				if err := issue(); err != nil { // it came to whoever used the connection next, before that had begun
					require.Equal(t, 1, runs)
					require.NoError(t, issue())
				}
				require.Equal(t, 2, runs)
				last, _, err := invoices.Last(t.Context(), db)
				require.NoError(t, err)
				require.Equal(t, before+2, last)
			}
		})
	}
}

// TestALostAnswerIsNoRollback cuts the connection at COMMIT, of which pgx says then that it was safe to retry.
func TestALostAnswerIsNoRollback(t *testing.T) {
	t.Parallel()
	for way, newInTx := range ways {
		for name, c := range map[string]struct {
			at   func(m pgproxy.Message) bool
			runs int
		}{
			"COMMIT is lost":     {func(m pgproxy.Message) bool { return m.Type == 'Q' && m.SQL() == "commit" }, 2},
			"its answer is lost": {func(m pgproxy.Message) bool { return m.Tag() == "COMMIT" }, 1},
		} {
			t.Run(way+", "+name, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				proxy := pgproxy.New(t, database.URL)
				db, err := sql.Open("pgx", proxy.URL())
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, db.Close()) })
				inTx := newInTx(t, db)
				invoices := stdlib.NewSequence("invoice")
				var cut atomic.Bool
				proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
					if m.IsCancelRequest() || c.at(m) && cut.CompareAndSwap(false, true) {
						return pgproxy.Cut
					}
					return pgproxy.Forward
				})
				runs := 0
				require.NoError(t, inTx(t.Context(), func(tx *sql.Tx) error {
					runs++
					value, err := invoices.Next(t.Context(), tx)
					require.EqualValues(t, 1, value)
					return err
				}))
				require.True(t, cut.Load())
				require.Equal(t, c.runs, runs)
				last, _, err := invoices.Last(t.Context(), db)
				require.NoError(t, err)
				require.EqualValues(t, 1, last)
			})
		}
	}
}

// TestACommitThatIsCancelledIsARollback has COMMIT wait in a deferred trigger when it is cancelled.
func TestACommitThatIsCancelledIsARollback(t *testing.T) {
	t.Parallel()
	for _, one := range []bool{false, true} {
		t.Run(fmt.Sprintf("on one connection: %t", one), func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			db, err := sql.Open("pgx", database.URL)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			exec := func(conn interface {
				ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
			}, statement string) {
				_, err := conn.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
			exec(db, "CREATE TABLE slow (done boolean)")
			exec(db, `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$`)
			exec(db, "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()")
			observer, err := db.Conn(t.Context())
			require.NoError(t, err)
			defer observer.Close()
			exec(observer, "SELECT pg_advisory_lock(1)")

			var beginner stdlib.TxBeginner = db
			if one {
				conn, err := db.Conn(t.Context())
				require.NoError(t, err)
				defer conn.Close()
				beginner = conn
			}
			done := make(chan error, 1)
			runs := 0
			go func() {
				done <- stdlib.InTx(t.Context(), beginner, func(tx *sql.Tx) error {
					runs++
					if _, err := stdlib.NewSequence("invoice").Next(t.Context(), tx); err != nil {
						return err
					}
					_, err := tx.ExecContext(t.Context(), "INSERT INTO slow VALUES (true)")
					return err
				})
			}()
			require.Eventually(t, func() (cancelled bool) {
				err := observer.QueryRowContext(t.Context(), `
					SELECT coalesce(bool_or(pg_cancel_backend(pid)), false) FROM pg_locks
					WHERE locktype = 'advisory' AND NOT granted AND objid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&cancelled)
				require.NoError(t, err)
				return cancelled
			}, 30*time.Second, 2*time.Millisecond)
			var pg *pgconn.PgError
			require.ErrorAs(t, <-done, &pg)
			require.Equal(t, "57014", pg.Code)
			require.Equal(t, 1, runs)
			_, ok, err := stdlib.NewSequence("invoice").Last(t.Context(), db)
			require.NoError(t, err)
			require.False(t, ok, "the number is given back")
		})
	}
}

// TestAFunctionThatCommitsItselfIsNotToldThatNothingIsCommitted whatever it returns; one that rolls back itself is run again.
func TestAFunctionThatCommitsItselfIsNotToldThatNothingIsCommitted(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, db := openInvoices(t, database, database.URL, 2)
	again := &pgconn.PgError{Code: "40001"}
	ends := map[string]func(tx *sql.Tx) error{
		"Commit":   func(tx *sql.Tx) error { return tx.Commit() },
		"COMMIT":   func(tx *sql.Tx) error { _, err := tx.ExecContext(t.Context(), "COMMIT"); return err },
		"Rollback": func(tx *sql.Tx) error { return tx.Rollback() },
		"ROLLBACK": func(tx *sql.Tx) error { _, err := tx.ExecContext(t.Context(), "ROLLBACK"); return err },
	}
	issued := 0
	for name, end := range ends {
		for _, returned := range []error{again, errors.New("fn's own")} {
			runs := 0
			err := stdlib.InTx(t.Context(), db, func(tx *sql.Tx) error {
				runs++
				require.NoError(t, issueInvoice(t.Context(), tx, fmt.Sprint(name, runs, returned)))
				require.NoError(t, end(tx))
				return returned
			}, gapless.WithMaxAttempts(2))
			require.ErrorIs(t, err, returned, name)
			if strings.EqualFold(name, "commit") {
				issued++
				require.Equal(t, 1, runs, name)
				require.ErrorIs(t, err, sql.ErrTxDone, name)
			} else {
				require.NotErrorIs(t, err, sql.ErrTxDone, name)
				require.Equal(t, errors.Is(returned, again), runs == 2, name)
			}
		}
	}
	requireInvoices(t, s, issued)
	require.Zero(t, db.Stats().InUse)
}
