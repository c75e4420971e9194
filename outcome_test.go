package gapless_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
)

// forEachCommitter runs a test for each, with its statements sent by themselves and together with COMMIT.
func forEachCommitter(t *testing.T, test func(t *testing.T, network commitNetwork)) {
	for name, committer := range sqltest.Committers {
		for _, batched := range []bool{false, true} {
			if batched {
				name += ", with the statements in COMMIT's message"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, newCommitNetwork(t, committer, batched))
			})
		}
	}
}

func newCommitNetwork(t *testing.T, committer func(t *testing.T, pool *pgxpool.Pool) sqltest.InTx, batched bool, configure ...func(*pgxpool.Config)) commitNetwork {
	t.Helper()
	database := pgtest.New(t)
	proxy := pgproxy.New(t, database.URL)
	observer := sqltest.Connect(t, database)
	observer.Do("CREATE TABLE invoices (number bigint UNIQUE, attempt bigint)")
	through := *database
	through.URL = proxy.URL()
	pool := through.Pool(t, append(configure, sqltest.HostilePath)...)
	return commitNetwork{proxy, observer, database, committer(t, pool), batched}
}

// commitNetwork is a committer whose connections go through a proxy.
type commitNetwork struct {
	proxy    *pgproxy.Proxy
	observer sqltest.Session // not through the proxy
	database *pgtest.Database
	inTx     sqltest.InTx
	batched  bool
}

// issue inserts an invoice in a transaction, and returns how often that was tried.
func (n commitNetwork) issue(ctx context.Context, also ...string) (attempts int64, err error) {
	err = n.inTx(ctx, func(tx pgx.Tx) error {
		attempts++
		statements := append([]string{"INSERT INTO public.invoices (number, attempt) VALUES (gapless.next_gapless('invoice'), $1)"}, also...)
		for i, statement := range statements {
			var arguments []any
			if i == 0 {
				arguments = []any{attempts}
			}
			if n.batched {
				sqltest.CommitBatch(tx).Queue(statement, arguments...)
			} else if _, err := tx.Exec(ctx, statement, arguments...); err != nil {
				return err
			}
		}
		return nil
	})
	return attempts, err
}

// requireInvoices checks which attempts made the invoices 1, 2, 3.
func (n commitNetwork) requireInvoices(t *testing.T, attempts ...int64) {
	t.Helper()
	require.Equal(t, attempts, n.observer.Numbers("SELECT attempt FROM invoices ORDER BY number"))
	require.EqualValues(t, len(attempts), n.observer.Number("SELECT coalesce(max(number), 0) FROM invoices"))
	require.Zero(t, n.observer.Number("SELECT count(*) FROM gapless.audit_gapless()"))
}

func isCommit(m pgproxy.Message) bool {
	return !m.FromServer && strings.HasSuffix(strings.ToLower(m.SQL()), "commit")
}

// isCommitsEnd is the last message of what is sent for a COMMIT.
func isCommitsEnd() func(m pgproxy.Message) bool {
	var executed atomic.Bool
	return func(m pgproxy.Message) bool {
		if isCommit(m) && m.Type == 'E' {
			executed.Store(true)
		}
		return isCommit(m) && m.Type == 'Q' || !m.FromServer && m.Type == 'S' && executed.Load()
	}
}

func committed(m pgproxy.Message) bool { return m.FromServer && m.Tag() == "COMMIT" }

// once judges the first message of its kind so, and lets the others pass; but not the request to cancel, which pgx sends when
// it loses a connection.
func once(is func(m pgproxy.Message) bool, verdict pgproxy.Verdict) func(m pgproxy.Message) pgproxy.Verdict {
	var done atomic.Bool
	return func(m pgproxy.Message) pgproxy.Verdict {
		if m.IsCancelRequest() {
			return pgproxy.Cut
		}
		if is(m) && done.CompareAndSwap(false, true) {
			return verdict
		}
		return pgproxy.Forward
	}
}

func TestACommitWhoseAnswerIsLostIsFoundAndNotRunAgain(t *testing.T) {
	t.Parallel()
	forEachCommitter(t, func(t *testing.T, n commitNetwork) {
		n.proxy.Intercept(once(committed, pgproxy.Cut))
		attempts, err := n.issue(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, attempts)
		n.requireInvoices(t, 1)
		_, err = n.issue(t.Context())
		require.NoError(t, err)
		n.requireInvoices(t, 1, 1)
	})
}

// TestAnErrorAfterACommitIsNotItsAnswer has a statement_timeout run out while COMMIT is done: seen under load, with the statements in
// COMMIT's message.
func TestAnErrorAfterACommitIsNotItsAnswer(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]func() func(m pgproxy.Message) bool{
		"before the server is ready": func() func(m pgproxy.Message) bool { return committed },
		"when it is": func() func(m pgproxy.Message) bool {
			var answered atomic.Bool
			return func(m pgproxy.Message) bool {
				answered.CompareAndSwap(false, committed(m))
				return m.FromServer && m.Type == 'Z' && answered.Load()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forEachCommitter(t, func(t *testing.T, n commitNetwork) {
				n.proxy.Intercept(once(late(), pgproxy.TimeOutAfter))
				attempts, err := n.issue(t.Context())
				require.NoError(t, err)
				require.EqualValues(t, 1, attempts)
				n.requireInvoices(t, 1)

				// The next one to use the connection may be told of it, before it has begun; and nothing else is wrong.
				_, err = n.issue(t.Context())
				if err != nil {
					var pgErr *pgconn.PgError
					require.ErrorAs(t, err, &pgErr)
					require.Equal(t, "57014", pgErr.Code)
					require.ErrorContains(t, err, "beginning the transaction")
					n.requireInvoices(t, 1)
					_, err = n.issue(t.Context())
				}
				require.NoError(t, err)
				for range 5 {
					_, err = n.issue(t.Context())
					require.NoError(t, err)
				}
				n.requireInvoices(t, 1, 1, 1, 1, 1, 1, 1)
			})
		})
	}
}

func TestACommitThatNeverReachedTheServerIsRunAgain(t *testing.T) {
	t.Parallel()
	forEachCommitter(t, func(t *testing.T, n commitNetwork) {
		n.proxy.Intercept(once(isCommit, pgproxy.Cut))
		attempts, err := n.issue(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 2, attempts)
		n.requireInvoices(t, 2)
	})
}

func TestALostAnswerOfATransactionThatAllocatedNothingIsUnknown(t *testing.T) {
	t.Parallel()
	forEachCommitter(t, func(t *testing.T, n commitNetwork) {
		n.proxy.Intercept(once(committed, pgproxy.Cut))
		runs := 0
		err := n.inTx(t.Context(), func(tx pgx.Tx) error {
			runs++
			_, err := tx.Exec(t.Context(), "INSERT INTO public.invoices VALUES (7)")
			return err
		})
		require.ErrorIs(t, err, gapless.ErrOutcomeUnknown)
		require.Equal(t, 1, runs)
		require.EqualValues(t, 1, n.observer.Number("SELECT count(*) FROM invoices"), "it did commit")
	})
}

// awaitLocks blocks until so many backends wait for an advisory lock of that kind: 1 of slowCommit, or a token's.
func (n commitNetwork) awaitLocks(t *testing.T, waiters int64, token bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		return n.observer.Number(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND (objid <> 1) = $1
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, token) == waiters
	}, sqltest.Eventually, sqltest.Tick)
}

func TestACommitThatIsStillRunningIsWaitedFor(t *testing.T) {
	t.Parallel()
	forEachCommitter(t, func(t *testing.T, n commitNetwork) {
		lock := sqltest.SlowCommit(t, n.observer, n.database)
		// The client's side breaks; the backend does not notice, and goes on.
		n.proxy.Intercept(once(isCommitsEnd(), pgproxy.CutClientAfter))
		done := sqltest.Later(func() (int64, error) { return n.issue(t.Context(), sqltest.Slow) })
		n.awaitLocks(t, 1, false)
		n.awaitLocks(t, 1, true)
		lock.Do("SELECT pg_advisory_unlock(1)")
		r := <-done
		require.NoError(t, r.Err)
		require.EqualValues(t, 1, r.Value)
		n.requireInvoices(t, 1)
	})
}

func TestACommitWhoseBackendEndsIsRunAgain(t *testing.T) {
	t.Parallel()
	forEachCommitter(t, func(t *testing.T, n commitNetwork) {
		lock := sqltest.SlowCommit(t, n.observer, n.database)
		done := sqltest.Later(func() (int64, error) { return n.issue(t.Context(), sqltest.Slow) })
		n.awaitLocks(t, 1, false)
		n.observer.Do("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
		lock.Do("SELECT pg_advisory_unlock(1)")
		r := <-done
		require.NoError(t, r.Err)
		require.EqualValues(t, 2, r.Value)
		n.requireInvoices(t, 2)
	})
}

// commitAndEnd has a transaction's context end while its COMMIT waits for the lock. The backend goes on.
func (n commitNetwork) commitAndEnd(t *testing.T) (lock sqltest.Session, done <-chan sqltest.Result[int64]) {
	t.Helper()
	lock = sqltest.SlowCommit(t, n.observer, n.database)
	ctx, cancel := context.WithCancel(t.Context())
	done = sqltest.Later(func() (int64, error) { return n.issue(ctx, sqltest.Slow) })
	n.awaitLocks(t, 1, false)
	n.proxy.Intercept(once(func(pgproxy.Message) bool { return false }, pgproxy.Cut))
	cancel()
	return lock, done
}

func TestAContextThatEndsInCommitLeavesTheOutcomeToBeFound(t *testing.T) {
	t.Parallel()
	t.Run("the commit ends in time", func(t *testing.T) {
		t.Parallel()
		forEachCommitter(t, func(t *testing.T, n commitNetwork) {
			lock, done := n.commitAndEnd(t)
			n.awaitLocks(t, 1, true)
			lock.Do("SELECT pg_advisory_unlock(1)")
			r := <-done
			require.NoError(t, r.Err)
			require.EqualValues(t, 1, r.Value)
			n.requireInvoices(t, 1)
		})
	})
	t.Run("the commit goes on", func(t *testing.T) { // all at once, since each waits for some seconds
		t.Parallel()
		var locks []sqltest.Session
		var all []<-chan sqltest.Result[int64]
		for _, committer := range sqltest.Committers {
			for _, batched := range []bool{false, true} {
				lock, done := newCommitNetwork(t, committer, batched).commitAndEnd(t)
				locks, all = append(locks, lock), append(all, done)
			}
		}
		for i, done := range all {
			r := <-done
			require.ErrorIs(t, r.Err, gapless.ErrOutcomeUnknown)
			require.ErrorIs(t, r.Err, context.Canceled)
			require.EqualValues(t, 1, r.Value)
			locks[i].Do("SELECT pg_advisory_unlock(1)")
		}
	})
}

func TestWhatFailsBeforeCommitIsTheCallersError(t *testing.T) {
	t.Parallel()
	forEachCommitter(t, func(t *testing.T, n commitNetwork) {
		mine := errors.New("mine")
		runs := 0
		err := n.inTx(t.Context(), func(tx pgx.Tx) error {
			runs++
			n.proxy.CutAll()
			_, err := tx.Exec(t.Context(), "SELECT 1")
			require.Error(t, err)
			return mine
		})
		require.ErrorIs(t, err, mine)
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			runs++
			n.proxy.CutAll()
			_, err := tx.Exec(t.Context(), "SELECT 1")
			require.Error(t, err)
			return nil // keeps it to itself
		})
		require.Error(t, err)
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown, "nothing can have been committed")
		require.Equal(t, 2, runs)
		_, err = n.issue(t.Context())
		require.NoError(t, err, "the pool's broken connections are of the past")
		n.requireInvoices(t, 1)
	})
}

func TestStatementsOfACommitBatchFailTogether(t *testing.T) {
	t.Parallel()
	forEachCommitter(t, func(t *testing.T, n commitNetwork) {
		var number, after int64
		insert := "INSERT INTO public.invoices VALUES (gapless.next_gapless('invoice')) RETURNING number"
		err := n.inTx(t.Context(), func(tx pgx.Tx) error {
			sqltest.CommitBatch(tx).Queue(insert).QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
			sqltest.CommitBatch(tx).Queue("SELECT 1/0")
			return nil
		})
		sqltest.RequireCode(t, "22012", err)
		require.Zero(t, n.observer.Number("SELECT count(*) FROM invoices"))

		runs := 0
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			runs++
			sqltest.CommitBatch(tx).Queue(insert).QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
			if runs == 1 { // as another transaction could make it happen
				sqltest.CommitBatch(tx).Queue("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$")
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 2, runs)
		require.EqualValues(t, 1, number)

		failed := errors.New("the callback failed")
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			sqltest.CommitBatch(tx).Queue(insert).QueryRow(func(pgx.Row) error { return failed })
			return nil
		})
		require.ErrorIs(t, err, failed)
		require.EqualValues(t, 2, n.observer.Number("SELECT count(*) FROM invoices"), "it is committed all the same")

		// What cannot even be sent: pgx closes the connection.
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			sqltest.CommitBatch(tx).Queue(insert)
			sqltest.CommitBatch(tx).Queue("SELECT $1::int", struct{}{})
			return nil
		})
		require.Error(t, err)
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			sqltest.CommitBatch(tx).Queue("SELECT 1").QueryRow(func(pgx.Row) error { return failed })
			sqltest.CommitBatch(tx).Queue("SELECT 1/0")
			return nil
		})
		sqltest.RequireCode(t, "22012", err)
		require.EqualValues(t, 2, n.observer.Number("SELECT count(*) FROM invoices"))

		// A failed statement before: COMMIT would be a ROLLBACK.
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "SELECT 1/0")
			require.Error(t, err)
			sqltest.CommitBatch(tx).Queue(insert).QueryRow(func(row pgx.Row) error { return row.Scan(&after) })
			return nil
		})
		require.ErrorIs(t, err, pgx.ErrTxCommitRollback)
		require.Zero(t, after)

		// COMMIT itself is refused, whatever the callbacks say, and whatever they try to read.
		n.observer.Do("CREATE TABLE later (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
		for _, callback := range []func(pgx.Row) error{
			func(row pgx.Row) error { var a int; return row.Scan(&a) },
			func(pgx.Row) error { return failed },
			func(row pgx.Row) error { var a time.Time; return row.Scan(&a) },
		} {
			err = n.inTx(t.Context(), func(tx pgx.Tx) error {
				sqltest.CommitBatch(tx).Queue("INSERT INTO public.later VALUES (1), (1) RETURNING a").QueryRow(callback)
				return nil
			})
			sqltest.RequireCode(t, "23505", err)
			require.NotContains(t, err.Error(), "has committed")
			require.Zero(t, n.observer.Number("SELECT count(*) FROM later"))
		}

		// It has committed: a callback's error is no reason to run it again, whatever its code.
		for _, callback := range []func(pgx.Row) error{
			func(pgx.Row) error {
				return &pgconn.PgError{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "40001"}
			},
			func(row pgx.Row) error { var a time.Time; return row.Scan(&a) },
		} {
			before := n.observer.Number("SELECT count(*) FROM invoices")
			runs = 0
			err = n.inTx(t.Context(), func(tx pgx.Tx) error {
				runs++
				sqltest.CommitBatch(tx).Queue(insert).QueryRow(callback)
				return nil
			})
			require.ErrorContains(t, err, "has committed")
			require.Equal(t, 1, runs)
			require.Equal(t, before+1, n.observer.Number("SELECT count(*) FROM invoices"))
		}
	})
}

func TestATransactionThatHasEndedTakesNoMoreStatements(t *testing.T) {
	t.Parallel()
	forEachCommitter(t, func(t *testing.T, n commitNetwork) {
		for _, fail := range []error{nil, errors.New("mine")} {
			var kept pgx.Tx
			err := n.inTx(t.Context(), func(tx pgx.Tx) error { kept = tx; return fail })
			require.ErrorIs(t, err, fail)
			requireClosed(t, kept)
		}
		_, err := n.issue(t.Context())
		require.NoError(t, err)
		n.requireInvoices(t, 1)
	})
}

// TestInTxOnOneConnection has no pool to give another: it asks on a connection of its own, and cannot run fn again.
func TestInTxOnOneConnection(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	proxy := pgproxy.New(t, database.URL)
	for _, cut := range []struct {
		is      func(pgproxy.Message) bool
		commits bool
	}{{committed, true}, {isCommit, false}} {
		conn, err := pgx.Connect(t.Context(), proxy.URL())
		require.NoError(t, err)
		defer conn.Close(t.Context())
		before, _, err := invoices.Last(t.Context(), conn)
		require.NoError(t, err)
		proxy.Intercept(once(cut.is, pgproxy.Cut))
		err = gapless.InTx(t.Context(), conn, func(tx pgx.Tx) error {
			_, err := invoices.Next(t.Context(), tx)
			return err
		})
		after, _, lookErr := invoices.Last(t.Context(), sqltest.Connect(t, database).Conn)
		require.NoError(t, lookErr)
		if cut.commits {
			require.NoError(t, err)
			require.Equal(t, before+1, after)
		} else {
			require.Error(t, err)
			require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
			require.Equal(t, before, after)
		}
	}
	require.ErrorContains(t, gapless.InTx(t.Context(), nil, nil), "pgxpool.Pool")
}

// awaitSyncRep blocks until that backend (or any, for 0) waits for a standby in a statement that matches, and returns it.
func awaitSyncRep(t *testing.T, observer sqltest.Session, pid uint32, query string) (found uint32) {
	t.Helper()
	require.Eventually(t, func() bool {
		err := observer.QueryRow(t.Context(), `SELECT pid FROM pg_stat_activity
			WHERE wait_event = 'SyncRep' AND $1 IN (0, pid) AND query ~* $2`, pid, query).Scan(&found)
		return err == nil
	}, sqltest.Eventually, sqltest.Tick)
	return found
}

// nameStandby has commits wait for a standby that there is not, from now on.
func nameStandby(t *testing.T, database *pgtest.Database, observer sqltest.Session) {
	t.Helper()
	observer.Do("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	observer.Do("SELECT pg_reload_conf()")
	// The server takes a moment to heed it. Who writes nothing but a txid waits for nobody.
	probe := sqltest.Connect(t, database)
	probed := sqltest.Later(func() (any, error) {
		for {
			if _, err := probe.Exec(t.Context(), "SELECT pg_logical_emit_message(true, '', 'probe')"); err != nil {
				return nil, err
			}
		}
	})
	awaitSyncRep(t, observer, probe.PID(), "probe")
	observer.Do("SELECT pg_terminate_backend($1)", probe.PID())
	require.Error(t, (<-probed).Err)
}

// TestACommitWhoseStandbyIsNamedWhileItsTransactionRunsIsWaitedFor has commits wait for a standby since after BEGIN.
func TestACommitWhoseStandbyIsNamedWhileItsTransactionRunsIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	database := server.NewDatabase(t)
	observer := sqltest.Connect(t, database)
	for _, c := range []struct {
		batched    bool
		also       string // what fn runs before
		quietRole  bool
		committing string
	}{
		{committing: "^commit$"},
		{also: "SET LOCAL client_min_messages = error", committing: "; commit$"},
		{quietRole: true, committing: "; commit$"},
		{batched: true, committing: "^COMMIT$"},
		{batched: true, also: "SET LOCAL client_min_messages = error", committing: "^COMMIT$"},
		{batched: true, quietRole: true, committing: "; commit$"},
	} {
		pool := database.Pool(t, func(config *pgxpool.Config) {
			if c.quietRole {
				config.ConnConfig.RuntimeParams["client_min_messages"] = "error"
			}
		})
		done := sqltest.Later(func() (any, error) {
			return nil, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
				nameStandby(t, database, observer)
				if c.also != "" {
					if _, err := tx.Exec(t.Context(), c.also); err != nil {
						return err
					}
				}
				if c.batched {
					sqltest.CommitBatch(tx).Queue("SELECT gapless.next_gapless('invoice')")
					return nil
				}
				_, err := invoices.Next(t.Context(), tx)
				return err
			})
		})
		observer := sqltest.Connect(t, database)
		observer.Do("SELECT pg_cancel_backend($1)", awaitSyncRep(t, observer, 0, c.committing))
		awaitSyncRep(t, observer, 0, "flush_gapless")
		observer.Do("ALTER SYSTEM RESET synchronous_standby_names")
		observer.Do("SELECT pg_reload_conf()")
		require.NoError(t, (<-done).Err)
		require.Eventually(t, func() bool { // sessions that begin after that have no standby
			return sqltest.Texts(sqltest.Connect(t, database), "SHOW synchronous_standby_names")[0] == ""
		}, sqltest.Eventually, sqltest.Tick)
	}
}

// TestACommitThatDidNotWaitForItsStandbyIsWaitedFor cancels the wait for a synchronous standby: PostgreSQL then says, in a
// warning, that the transaction is committed here alone. It says so whatever messages the role, or fn, wants to see.
func TestACommitThatDidNotWaitForItsStandbyIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t) // whose commits wait for nobody, or for a standby that there is not: one test after the other
	for name, committer := range sqltest.Committers {
		for _, c := range []struct{ batched, quietRole, quietFn bool }{{}, {batched: true}, {quietRole: true}, {quietFn: true}, {true, true, true}} {
			t.Run(fmt.Sprintf("%s, %+v", name, c), func(t *testing.T) {
				database := server.NewDatabase(t)
				observer := sqltest.Connect(t, database)
				observer.Do("CREATE TABLE invoices (number bigint, attempt bigint)")
				n := commitNetwork{observer: observer, database: database, inTx: committer(t, database.Pool(t, func(config *pgxpool.Config) {
					if c.quietRole {
						config.ConnConfig.RuntimeParams["client_min_messages"] = "error"
					}
				})), batched: c.batched}
				var also []string
				if c.quietFn {
					also = append(also, "SET LOCAL client_min_messages = error")
				}
				_, err := n.issue(t.Context())
				require.NoError(t, err)

				nameStandby(t, database, observer)
				awaiting := func(pid uint32, query string) uint32 { return awaitSyncRep(t, observer, pid, query) }
				done := sqltest.Later(func() (int64, error) { return n.issue(t.Context(), also...) })
				if name == "one by one" {
					observer.Do("SELECT pg_cancel_backend($1)", awaiting(0, "commit$"))
					awaiting(0, "flush_gapless") // it asks, and flushes
				} else {
					waiting := awaiting(0, "flush_gapless")
					observer.Do("SELECT pg_cancel_backend($1)", waiting)
					awaiting(waiting, "flush_gapless")
				}
				select {
				case r := <-done:
					t.Fatalf("InTx returned %v before the standby had the transaction", r.Err)
				default:
				}
				// The standby is given up: commits wait no more.
				observer.Do("ALTER SYSTEM RESET synchronous_standby_names")
				observer.Do("SELECT pg_reload_conf()")
				r := <-done
				require.NoError(t, r.Err)
				require.EqualValues(t, 1, r.Value)
				require.Equal(t, []int64{1, 2}, observer.Numbers("SELECT number FROM invoices ORDER BY 1"))
			})
		}
	}
}
