package gapless_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestTheCauseOfAContextDoesNotHideThatItEnded has a cause of the caller's own.
func TestTheCauseOfAContextDoesNotHideThatItEnded(t *testing.T) {
	t.Parallel()
	shutDown := errors.New("shutting down")
	for name, committer := range sqltest.Committers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTx := committer(t, pgtest.New(t).Pool(t))
			ctx, cancel := context.WithCancelCause(t.Context())
			err := inTx(ctx, func(pgx.Tx) error { cancel(shutDown); return nil })
			require.ErrorIs(t, err, shutDown)
			require.ErrorIs(t, err, context.Canceled)
			require.EqualError(t, err, "gapless: not committed: context canceled: shutting down")

			ctx, stop := context.WithTimeoutCause(t.Context(), time.Second, shutDown)
			defer stop()
			err = inTx(ctx, func(pgx.Tx) error { <-ctx.Done(); return nil })
			require.ErrorIs(t, err, shutDown)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

// TestAFunctionThatCommitsItselfIsNotToldThatNothingIsCommitted has fn commit by SQL, of which InTx is told nothing before.
func TestAFunctionThatCommitsItselfIsNotToldThatNothingIsCommitted(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	for name, committer := range sqltest.Committers {
		inTx := committer(t, database.Pool(t))
		before := s.Number("SELECT coalesce(gapless.last_gapless('invoice'), 0)")
		err := inTx(t.Context(), func(tx pgx.Tx) error {
			_, err := invoices.Next(t.Context(), tx)
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), "COMMIT")
			return err
		})
		require.ErrorIs(t, err, pgx.ErrTxClosed, name)
		require.EqualError(t, err, "gapless: fn ended the transaction itself, by COMMIT or ROLLBACK: tx is closed")
		require.Equal(t, before+1, s.Number("SELECT gapless.last_gapless('invoice')"))
	}
}

// TestAFunctionThatEndedItsTransactionByATextRunsNothingMore and is not run again, whatever it returns: it may be committed.
func TestAFunctionThatEndedItsTransactionByATextRunsNothingMore(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE written (by text)")
	pool := database.Pool(t)
	own := errors.New("fn's own")
	for end, rows := range map[string]int64{"ROLLBACK": 0, "COMMIT": 1} {
		for _, returned := range []error{nil, own, &pgconn.PgError{Code: "40001"}} {
			before, runs := s.Number("SELECT count(*) FROM written"), 0
			err := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
				runs++
				savepoint, err := tx.Begin(t.Context())
				require.NoError(t, err)
				_, err = tx.Exec(t.Context(), "INSERT INTO written VALUES ('before')")
				require.NoError(t, err)
				_, err = tx.Exec(t.Context(), end)
				require.NoError(t, err)
				requireClosed(t, tx)
				requireClosed(t, savepoint)
				_, err = invoices.Next(t.Context(), tx)
				require.ErrorIs(t, err, pgx.ErrTxClosed)
				return returned
			})
			require.Equal(t, 1, runs)
			require.ErrorIs(t, err, pgx.ErrTxClosed)
			require.ErrorContains(t, err, "fn ended the transaction itself")
			if returned != nil {
				require.ErrorIs(t, err, returned)
			}
			require.Equal(t, before+rows, s.Number("SELECT count(*) FROM written"))
		}
	}
	require.Nil(t, sqltest.Value[int64](s, "SELECT gapless.last_gapless('invoice')"))
}

// TestTheCauseOfASendersContextDoesNotHideThatItEnded has it end before its batch is sent, while that runs, and while a flusher connects.
func TestTheCauseOfASendersContextDoesNotHideThatItEnded(t *testing.T) {
	t.Parallel()
	shutDown := errors.New("shutting down")
	requireBoth := func(t *testing.T, err error) {
		t.Helper()
		require.ErrorIs(t, err, shutDown)
		require.ErrorIs(t, err, context.Canceled)
	}
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		_, committer, _ := newInvoices(t, 1)
		ctx, cancel := context.WithCancelCause(t.Context())
		batch, _ := batchOf(issueInvoice, "a")
		results := together(t, committer, []context.Context{ctx}, func() {
			cancel(shutDown)
			require.Eventually(t, func() bool { batches, _ := committer.Queue(); return batches == 0 }, sqltest.Eventually, sqltest.Tick)
		}, batch)
		requireBoth(t, results[0])
		require.NotErrorIs(t, results[0], gapless.ErrOutcomeUnknown)
	})
	t.Run("while it runs", func(t *testing.T) {
		t.Parallel()
		s, committer, _ := newInvoices(t, 1)
		s.Do("BEGIN")
		s.Do("LOCK TABLE invoices")
		ctx, cancel := context.WithCancelCause(t.Context())
		batch, _ := batchOf(issueInvoice, "a")
		sent := sqltest.Later(func() (any, error) { return nil, committer.Send(ctx, batch) })
		s.AwaitBlocked(s.PID())
		cancel(shutDown)
		err := (<-sent).Err
		s.Do("ROLLBACK")
		requireBoth(t, err)
		require.ErrorIs(t, err, gapless.ErrOutcomeUnknown)
	})
	t.Run("while a flusher connects", func(t *testing.T) {
		t.Parallel()
		database := pgtest.New(t)
		var connecting atomic.Bool
		reached, goOn := make(chan struct{}), make(chan struct{})
		pool := database.Pool(t, func(config *pgxpool.Config) {
			config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
				if connecting.CompareAndSwap(true, false) {
					close(reached)
					<-goOn
				}
				return nil
			}
		})
		committer := sqltest.NewGroupCommitter(t, pool)
		require.NoError(t, committer.InTx(t.Context(), func(pgx.Tx) error { return nil })) // the pool's connection is there
		committer.MistakeBackend()
		require.Error(t, committer.InTx(t.Context(), func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), "CREATE TABLE public.a ()"); return err }))
		connecting.Store(true)
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := sqltest.Later(func() (any, error) { return nil, committer.InTx(ctx, func(pgx.Tx) error { return nil }) })
		<-reached
		cancel(shutDown)
		err := (<-ended).Err
		close(goOn)
		requireBoth(t, err)
	})
}

// TestAFunctionThatEndsItsTransactionAndBeginsAnotherIsAnError has the session be in a transaction all the time.
func TestAFunctionThatEndsItsTransactionAndBeginsAnotherIsAnError(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		for name, committer := range sqltest.Committers {
			for _, with := range []string{"COMMIT alone", "a CommitBatch"} {
				t.Run(mode.String()+", "+name+", "+with, func(t *testing.T) {
					t.Parallel()
					var by int
					run := func(tx pgx.Tx, end string) (err error) {
						by++
						switch by % 5 {
						case 0:
							_, err = tx.Exec(t.Context(), end)
						case 1:
							_, err = tx.Exec(t.Context(), "SELECT 1; "+end)
						case 2:
							_, err = tx.Conn().Exec(t.Context(), end)
						case 3:
							_, err = tx.Conn().PgConn().Exec(t.Context(), end).ReadAll()
						default:
							var nested pgx.Tx
							if nested, err = tx.Begin(t.Context()); err == nil {
								_, err = nested.Exec(t.Context(), end)
							}
						}
						return err
					}
					database := pgtest.New(t)
					s := sqltest.Connect(t, database)
					inTx := committer(t, database.Pool(t, func(config *pgxpool.Config) { config.ConnConfig.DefaultQueryExecMode = mode }))
					take := func(end string) error {
						runs := 0
						err := inTx(t.Context(), func(tx pgx.Tx) error {
							runs++
							_, err := invoices.Next(t.Context(), tx)
							require.NoError(t, err)
							require.NoError(t, run(tx, end))
							if with == "a CommitBatch" {
								sqltest.CommitBatch(tx).Queue("SELECT gapless.next_gapless('invoice')")
								return nil
							}
							_, err = invoices.Next(t.Context(), tx)
							return err
						})
						require.Equal(t, 1, runs)
						return err
					}
					last := func() int64 { return s.Number("SELECT coalesce(gapless.last_gapless('invoice'), 0)") }
					for _, end := range []string{"ROLLBACK AND CHAIN", "COMMIT AND CHAIN", "ROLLBACK; BEGIN"} {
						before := last()
						err := take(end)
						require.ErrorIs(t, err, pgx.ErrTxClosed, end)
						require.EqualError(t, err, "gapless: fn ended the transaction itself, by COMMIT or ROLLBACK: tx is closed")
						if end == "COMMIT AND CHAIN" {
							before++
						}
						require.Equal(t, before, last(), "what it did after that is rolled back")
					}
					for range 5 {
						before := last()
						require.ErrorIs(t, take("ROLLBACK AND CHAIN"), pgx.ErrTxClosed, "%d", by)
						require.Equal(t, before, last())
					}
					before := last()
					require.NoError(t, take("SAVEPOINT a; ROLLBACK TO a; RESET ALL; SET client_min_messages = error"))
					require.Equal(t, before+2, last())
				})
			}
		}
	}
}
