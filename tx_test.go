package gapless_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
)

var invoices = gapless.NewSequence("invoice")

func TestInTxCommitsOrGivesTheValueBack(t *testing.T) {
	t.Parallel()
	pool := sqltest.NewPool(t)
	take := func(result error) error {
		return gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			_, err := invoices.Next(t.Context(), tx)
			require.NoError(t, err)
			return result
		})
	}
	require.NoError(t, take(nil))
	cause := errors.New("no stock")
	require.ErrorIs(t, take(cause), cause)
	require.PanicsWithValue(t, "bug", func() {
		_ = gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			_, err := invoices.Next(t.Context(), tx)
			require.NoError(t, err)
			panic("bug")
		})
	})
	last, ok, err := invoices.Last(t.Context(), pool)
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 1, last)
	require.Zero(t, pool.Stat().AcquiredConns(), "every connection went back to the pool")
}

func TestInTxRetriesWhatPostgreSQLAsksToRetry(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			pool := sqltest.NewPool(t)
			runs := 0
			require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
				value, err := invoices.Next(t.Context(), tx)
				require.NoError(t, err)
				require.EqualValues(t, 1, value)
				if runs++; runs < 4 {
					_, err := tx.Exec(t.Context(), "DO $$ BEGIN RAISE SQLSTATE '"+code+"'; END $$")
					return err
				}
				return nil
			}))
			require.Equal(t, 4, runs)
		})
	}
}

func TestInTxRetriesASerializationFailureAtCommit(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	pool := database.Pool(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE once (done boolean)")
	s.Do(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE SQLSTATE '40001' USING MESSAGE = 'at commit'; END $$`)
	s.Do(`CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON once DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()`)
	runs := 0
	require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := invoices.Next(t.Context(), tx); err != nil {
			return err
		}
		if runs++; runs < 3 {
			_, err := tx.Exec(t.Context(), "INSERT INTO once VALUES (true)")
			return err
		}
		return nil
	}))
	require.Equal(t, 3, runs)
	require.EqualValues(t, 1, s.Number("SELECT gapless.last_gapless('invoice')"))

	// Another error at commit is the caller's.
	s.Do(`CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '23505'; END $$`)
	err := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO once VALUES (true)")
		return err
	})
	sqltest.RequireCode(t, "23505", err)
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
}

func TestInTxGivesUpAndReturnsTheLastCause(t *testing.T) {
	t.Parallel()
	pool := sqltest.NewPool(t)
	runs := 0
	fail := func(tx pgx.Tx) error {
		runs++
		_, err := tx.Exec(t.Context(), "DO $$ BEGIN RAISE SQLSTATE '40001' USING MESSAGE = 'again and again'; END $$")
		return err
	}
	err := gapless.InTx(t.Context(), pool, fail, gapless.WithMaxAttempts(3))
	require.Contains(t, sqltest.RequireCode(t, "40001", err).Message, "again and again")
	require.ErrorContains(t, err, "attempt 3 of 3")
	require.Equal(t, 3, runs)

	runs = 0
	sqltest.RequireCode(t, "40001", gapless.InTx(t.Context(), pool, fail, gapless.WithMaxAttempts(0)))
	require.Equal(t, 1, runs)

	// The end of ctx ends the retries, however many are left.
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by the test")
	runs = 0
	err = gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		if runs == 2 {
			defer cancel(stopped)
		}
		return fail(tx)
	}, gapless.WithMaxAttempts(1_000_000))
	require.ErrorIs(t, err, stopped)
	sqltest.RequireCode(t, "40001", err)
	require.Equal(t, 3, runs)
}

func TestInTxRetriesALockedSequenceOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	pool := database.Pool(t)
	holder := sqltest.Connect(t, database)
	holder.Do("BEGIN")
	holder.Do("SELECT gapless.next_gapless('invoice')")

	runs := 0
	try := func(tx pgx.Tx) error {
		if runs++; runs == 3 {
			holder.Do("COMMIT")
		}
		_, err := invoices.TryNext(t.Context(), tx)
		return err
	}
	err := gapless.InTx(t.Context(), pool, try)
	require.ErrorIs(t, err, gapless.ErrLocked)
	sqltest.RequireCode(t, "55P03", err)
	require.ErrorContains(t, err, `"invoice"`)
	require.Equal(t, 1, runs)
	require.NoError(t, gapless.InTx(t.Context(), pool, try, gapless.WithRetryLocked()))
	require.Equal(t, 3, runs)
	require.EqualValues(t, 2, holder.Number("SELECT gapless.last_gapless('invoice')"))
}

func TestInTxSetsTheIsolationLevel(t *testing.T) {
	t.Parallel()
	pool := sqltest.NewPool(t)
	for level, want := range map[pgx.TxIsoLevel]string{
		"": "read committed", pgx.ReadCommitted: "read committed", pgx.RepeatableRead: "repeatable read", pgx.Serializable: "serializable",
	} {
		require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			var got string
			require.NoError(t, tx.QueryRow(t.Context(), "SHOW transaction_isolation").Scan(&got))
			require.Equal(t, want, got)
			return nil
		}, gapless.WithIsolation(level)))
	}
}

func TestConcurrentTransactionsSucceedUnderEveryIsolationLevel(t *testing.T) {
	t.Parallel()
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			pool := sqltest.NewPool(t, func(config *pgxpool.Config) { config.MaxConns = 4 })
			const callers, each = 4, 10
			done := make(chan error, callers)
			for range callers {
				go func() {
					for range each {
						if err := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
							_, err := invoices.Next(t.Context(), tx)
							return err
						}, gapless.WithIsolation(level), gapless.WithMaxAttempts(1000)); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range callers {
				require.NoError(t, <-done)
			}
			last, _, err := invoices.Last(t.Context(), pool)
			require.NoError(t, err)
			require.EqualValues(t, callers*each, last)
		})
	}
}

func TestACommitThatPostgreSQLTurnedIntoARollbackIsAnError(t *testing.T) {
	t.Parallel()
	pool := sqltest.NewPool(t)
	runs := 0
	err := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		runs++
		_, err := invoices.Next(t.Context(), tx)
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "SELECT 1/0")
		require.Error(t, err)
		return nil // a mistake
	})
	require.ErrorIs(t, err, pgx.ErrTxCommitRollback)
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
	require.Equal(t, 1, runs)
	_, ok, err := invoices.Last(t.Context(), pool)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestAFunctionThatEndsItsTransactionIsAnError(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	pool := database.Pool(t)
	err := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := invoices.Next(t.Context(), tx)
		require.NoError(t, err)
		require.NoError(t, tx.Rollback(t.Context()))
		require.ErrorIs(t, tx.Rollback(t.Context()), pgx.ErrTxClosed)
		require.ErrorIs(t, tx.Commit(t.Context()), pgx.ErrTxClosed)
		_, err = invoices.Next(t.Context(), tx)
		require.ErrorIs(t, err, pgx.ErrTxClosed)
		return nil
	})
	require.ErrorIs(t, err, pgx.ErrTxClosed)
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
	require.Nil(t, sqltest.Value[int64](s, "SELECT gapless.last_gapless('invoice')"))

	// Commit is InTx's, and does nothing.
	commit := func(tx pgx.Tx) error {
		_, err := invoices.Next(t.Context(), tx)
		require.NoError(t, err)
		return tx.Commit(t.Context())
	}
	require.ErrorContains(t, gapless.InTx(t.Context(), pool, commit), "InTx commits")
	require.Nil(t, sqltest.Value[int64](s, "SELECT gapless.last_gapless('invoice')"))
	require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error { require.Error(t, commit(tx)); return nil }))
	require.EqualValues(t, 1, s.Number("SELECT gapless.last_gapless('invoice')"))
}

func TestAContextThatEndsBeforeCommitRollsBack(t *testing.T) {
	t.Parallel()
	pool := sqltest.NewPool(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		_, err := invoices.Next(ctx, tx)
		require.NoError(t, err)
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown, "COMMIT was never sent")
	_, ok, err := invoices.Last(t.Context(), pool)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestAConnectionThatBreaksBeforeCommitIsTheCallersError(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	pool := database.Pool(t)
	killer := sqltest.Connect(t, database)
	runs := 0
	err := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		runs++
		_, err := invoices.Next(t.Context(), tx)
		require.NoError(t, err)
		killer.Do("SELECT pg_terminate_backend($1)", tx.Conn().PgConn().PID())
		_, err = invoices.Next(t.Context(), tx)
		return err
	})
	require.Error(t, err)
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
	require.Equal(t, 1, runs)
	require.EqualValues(t, 1, killer.Number("SELECT gapless.next_gapless('invoice')"))
}

// deaf is a connection whose server hears nothing any more, and says nothing.
type deaf struct {
	net.Conn
	now *atomic.Bool
}

func (d deaf) Write(b []byte) (int, error) {
	if d.now.Load() {
		return len(b), nil
	}
	return d.Conn.Write(b)
}

func TestAServerThatNoLongerAnswersDoesNotHoldInTxUp(t *testing.T) {
	t.Parallel()
	var now atomic.Bool
	var dialed sync.Map
	pool := sqltest.NewPool(t, func(config *pgxpool.Config) {
		dial := config.ConnConfig.DialFunc
		config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			dialed.Store(conn, true)
			return deaf{conn, &now}, err
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := sqltest.Later(func() (int, error) {
		return 0, gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
			_, err := invoices.Next(ctx, tx)
			now.Store(true)
			cancel()
			return errors.Join(err, ctx.Err())
		})
	})
	select {
	case r := <-done:
		require.ErrorIs(t, r.Err, context.Canceled)
	case <-time.After(sqltest.Eventually):
		t.Fatal("InTx still waits for the rollback's answer")
	}
	// Else pgx waits for 15 seconds until it closes them.
	require.Eventually(t, func() bool {
		dialed.Range(func(conn, _ any) bool {
			_ = conn.(net.Conn).Close() // it fails if that has been done
			return true
		})
		return pool.Stat().TotalConns() == 0
	}, sqltest.Eventually, sqltest.Tick)
}

func TestErrorsAreTyped(t *testing.T) {
	t.Parallel()
	pool := sqltest.NewPool(t)
	fail := func(call func(tx pgx.Tx) error) error {
		err := gapless.InTx(t.Context(), pool, call)
		require.Error(t, err)
		var pgErr *pgconn.PgError
		require.ErrorAs(t, err, &pgErr)
		return err
	}
	require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error { return invoices.Adopt(t.Context(), tx, 1<<63-1) }))
	for want, calls := range map[error][]func(tx pgx.Tx) error{
		gapless.ErrExhausted: {
			func(tx pgx.Tx) error { _, err := invoices.Next(t.Context(), tx); return err },
			func(tx pgx.Tx) error { _, err := invoices.Peek(t.Context(), tx); return err },
		},
		gapless.ErrInvalid: {
			func(tx pgx.Tx) error { _, err := gapless.NewSequence("").Next(t.Context(), tx); return err },
			func(tx pgx.Tx) error { _, _, err := gapless.NewSequence("").Last(t.Context(), tx); return err },
			func(tx pgx.Tx) error { _, err := invoices.NextBatch(t.Context(), tx, -1); return err },
			func(tx pgx.Tx) error { return invoices.Adopt(t.Context(), tx, 3) },
			func(tx pgx.Tx) error {
				_, err := gapless.NewSequence("a", gapless.WithReset(0)).Next(t.Context(), tx)
				return err
			},
		},
	} {
		for _, call := range calls {
			err := fail(call)
			require.ErrorIs(t, err, want)
			for _, other := range []error{gapless.ErrLocked, gapless.ErrInvalid, gapless.ErrExhausted, gapless.ErrSequenceOfColumn, gapless.ErrSequenceClosed, gapless.ErrOutcomeUnknown} {
				if !errors.Is(want, other) {
					require.NotErrorIs(t, err, other)
				}
			}
		}
	}
}

func TestAStandbySaysThatItIsOne(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewServer(t)
	sqltest.WantStandby(t, primary)
	database := primary.NewDatabase(t)
	replica := pgtest.NewStandby(t, primary).Replica(t, database)
	for name, configure := range map[string]func(*pgxpool.Config){
		"as it is":  func(*pgxpool.Config) {},
		"read-only": func(config *pgxpool.Config) { config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on" },
	} {
		err := gapless.InTx(t.Context(), replica.Pool(t, configure), func(pgx.Tx) error { t.Error("it must not begin"); return nil })
		require.Error(t, err, name)
		sqltest.RequireCode(t, "25006", err)
	}
	_, err := gapless.Audit(t.Context(), replica.Conn(t))
	require.NoError(t, err)
	_, err = gapless.RecordAudit(t.Context(), replica.Conn(t), "")
	require.Contains(t, sqltest.RequireCode(t, "25006", err).Message, "nor on a standby")
}

// TestAFunctionThatLeavesRowsOpenIsAnError has it leave few, or more than the connection holds.
func TestAFunctionThatLeavesRowsOpenIsAnError(t *testing.T) {
	t.Parallel()
	for name, committer := range sqltest.Committers {
		for _, rows := range []int{1, 1000000} {
			t.Run(fmt.Sprintf("%s, %d", name, rows), func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				runs := 0
				err := committer(t, database.Pool(t))(t.Context(), func(tx pgx.Tx) error {
					runs++
					if _, err := invoices.Next(t.Context(), tx); err != nil {
						return err
					}
					_, err := tx.Query(t.Context(), "SELECT repeat('x', 100) FROM generate_series(1, $1::int)", rows) //nolint:sqlclosecheck // it is what the test is about
					return err
				})
				require.ErrorContains(t, err, "not committed: fn left rows open")
				require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
				require.Equal(t, 1, runs)
				require.Nil(t, sqltest.Value[int64](sqltest.Connect(t, database), "SELECT gapless.last_gapless('invoice')"))
			})
		}
	}
}

func TestInTxRefusesAConnectionThatIsInATransaction(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	conn := sqltest.Connect(t, database)
	conn.Do("BEGIN")
	conn.Do("SELECT gapless.next_gapless('invoice')")
	require.ErrorContains(t, gapless.InTx(t.Context(), conn.Conn, func(pgx.Tx) error { t.Error("it must not begin"); return nil }),
		"in a transaction already")
	require.Nil(t, sqltest.Value[int64](s, "SELECT gapless.last_gapless('invoice')"))
	conn.Do("COMMIT")
	require.EqualValues(t, 1, s.Number("SELECT gapless.last_gapless('invoice')"))
	require.NoError(t, gapless.InTx(t.Context(), conn.Conn, func(tx pgx.Tx) error { _, err := invoices.Next(t.Context(), tx); return err }))
}

// TestMoreConnectionsThatBrokeThanAttemptsAreNobodysError has the server end all connections of a pool that was in use.
func TestMoreConnectionsThatBrokeThanAttemptsAreNobodysError(t *testing.T) {
	t.Parallel()
	const connections = 15
	issue := func(tx pgx.Tx) error { _, err := invoices.Next(t.Context(), tx); return err }
	for name, commit := range map[string]func(pool *pgxpool.Pool, committer *gapless.GroupCommitter) error{
		"one by one": func(pool *pgxpool.Pool, _ *gapless.GroupCommitter) error {
			return gapless.InTx(t.Context(), pool, issue, gapless.WithMaxAttempts(1))
		},
		"what embeds a pool": func(pool *pgxpool.Pool, _ *gapless.GroupCommitter) error {
			return gapless.InTx(t.Context(), struct{ *pgxpool.Pool }{pool}, issue, gapless.WithMaxAttempts(1))
		},
		"in groups": func(_ *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			return committer.InTx(t.Context(), issue, gapless.WithMaxAttempts(1))
		},
		"Send": func(_ *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			batch, _ := batchOf("SELECT gapless.next_gapless('invoice')")
			return committer.Send(t.Context(), batch)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			pool := database.Pool(t, func(config *pgxpool.Config) {
				config.MaxConns = connections
				// pgx would ping a connection that was idle for a second, which would find some of them.
				config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
				config.HealthCheckPeriod = time.Hour
			})
			committer := sqltest.NewGroupCommitter(t, pool)
			var all []*pgxpool.Conn
			var pids []uint32
			for range connections {
				conn, err := pool.Acquire(t.Context())
				require.NoError(t, err)
				all, pids = append(all, conn), append(pids, conn.Conn().PgConn().PID())
			}
			for _, conn := range all {
				conn.Release()
			}
			require.EqualValues(t, connections, s.Number("SELECT count(pg_terminate_backend(pid)) FROM unnest($1::int[]) AS pid", pids))
			s.Await("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = ANY ($1::int[])", pids)
			require.NoError(t, commit(pool, committer))
			require.EqualValues(t, 1, s.Number("SELECT gapless.last_gapless('invoice')"))
		})
	}
}
