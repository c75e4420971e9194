package gapless_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
)

// inTx is InTx, the package's or a group committer's.
type inTx func(ctx context.Context, fn func(tx pgx.Tx) error, opts ...gapless.TxOption) error

// committers are the ways to commit of which the tests here demand the same.
var committers = map[string]func(t *testing.T, pool *pgxpool.Pool) inTx{
	"one by one": func(_ *testing.T, pool *pgxpool.Pool) inTx {
		return func(ctx context.Context, fn func(tx pgx.Tx) error, opts ...gapless.TxOption) error {
			return gapless.InTx(ctx, pool, fn, opts...)
		}
	},
	"in groups": func(t *testing.T, pool *pgxpool.Pool) inTx { return newGroupCommitter(t, pool).InTx },
}

func newGroupCommitter(t *testing.T, pool *pgxpool.Pool, opts ...gapless.GroupOption) *gapless.GroupCommitter {
	t.Helper()
	committer, err := gapless.NewGroupCommitter(t.Context(), pool, opts...)
	require.NoError(t, err)
	t.Cleanup(committer.Close)
	return committer
}

// forEachCommitter runs a test for each, with its statements sent by themselves and together with COMMIT.
func forEachCommitter(t *testing.T, test func(t *testing.T, network commitNetwork)) {
	for name, committer := range committers {
		for _, batched := range []bool{false, true} {
			if batched {
				name += ", with the statements in COMMIT's message"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				proxy := pgproxy.New(t, database.URL)
				observer := connect(t, database)
				observer.do("CREATE TABLE invoices (number bigint UNIQUE, attempt bigint)")
				through := *database
				through.URL = proxy.URL()
				pool := through.Pool(t, hostilePath)
				test(t, commitNetwork{proxy, observer, database, committer(t, pool), batched})
			})
		}
	}
}

// commitNetwork is a committer whose connections go through a proxy.
type commitNetwork struct {
	proxy    *pgproxy.Proxy
	observer session // not through the proxy
	database *pgtest.Database
	inTx     inTx
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
				gapless.CommitBatch(tx).Queue(statement, arguments...)
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
	require.Equal(t, attempts, n.observer.numbers("SELECT attempt FROM invoices ORDER BY number"))
	require.EqualValues(t, len(attempts), n.observer.number("SELECT coalesce(max(number), 0) FROM invoices"))
	require.Zero(t, n.observer.number("SELECT count(*) FROM gapless.audit_gapless()"))
}

func isCommit(m pgproxy.Message) bool { return !m.FromServer && strings.EqualFold(m.SQL(), "commit") }

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
					var pg *pgconn.PgError
					require.ErrorAs(t, err, &pg)
					require.Equal(t, "57014", pg.Code)
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
		require.EqualValues(t, 1, n.observer.number("SELECT count(*) FROM invoices"), "it did commit")
	})
}

// slowCommit has COMMIT wait in a deferred trigger for a lock that the test has.
func (n commitNetwork) slowCommit(t *testing.T) (lock session) {
	t.Helper()
	n.observer.do("CREATE TABLE slow (done boolean)")
	n.observer.do(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_catalog.pg_advisory_xact_lock(1); RETURN NULL; END $$`)
	n.observer.do(`CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`)
	lock = connect(t, n.database)
	lock.do("SELECT pg_advisory_lock(1)")
	return lock
}

const slow = "INSERT INTO public.slow VALUES (true)"

// awaitLocks blocks until so many backends wait for an advisory lock of that kind: 1 of slowCommit, or a token's.
func (n commitNetwork) awaitLocks(t *testing.T, waiters int64, token bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		return n.observer.number(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND (objid <> 1) = $1
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, token) == waiters
	}, eventually, tick)
}

func TestACommitThatIsStillRunningIsWaitedFor(t *testing.T) {
	t.Parallel()
	forEachCommitter(t, func(t *testing.T, n commitNetwork) {
		lock := n.slowCommit(t)
		// The client's side breaks; the backend does not notice, and goes on.
		n.proxy.Intercept(once(isCommitsEnd(), pgproxy.CutClientAfter))
		done := later(func() (int64, error) { return n.issue(t.Context(), slow) })
		n.awaitLocks(t, 1, false)
		n.awaitLocks(t, 1, true)
		lock.do("SELECT pg_advisory_unlock(1)")
		r := <-done
		require.NoError(t, r.err)
		require.EqualValues(t, 1, r.value)
		n.requireInvoices(t, 1)
	})
}

func TestACommitWhoseBackendEndsIsRunAgain(t *testing.T) {
	t.Parallel()
	forEachCommitter(t, func(t *testing.T, n commitNetwork) {
		lock := n.slowCommit(t)
		done := later(func() (int64, error) { return n.issue(t.Context(), slow) })
		n.awaitLocks(t, 1, false)
		n.observer.do("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
		lock.do("SELECT pg_advisory_unlock(1)")
		r := <-done
		require.NoError(t, r.err)
		require.EqualValues(t, 2, r.value)
		n.requireInvoices(t, 2)
	})
}

func TestAContextThatEndsInCommitLeavesTheOutcomeToBeFound(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"the commit ends in time": false, "the commit goes on": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forEachCommitter(t, func(t *testing.T, n commitNetwork) {
				lock := n.slowCommit(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := later(func() (int64, error) { return n.issue(ctx, slow) })
				n.awaitLocks(t, 1, false)
				n.proxy.Intercept(once(func(pgproxy.Message) bool { return false }, pgproxy.Cut)) // the backend goes on
				cancel()
				if late {
					r := <-done // after some seconds
					require.ErrorIs(t, r.err, gapless.ErrOutcomeUnknown)
					require.ErrorIs(t, r.err, context.Canceled)
					require.EqualValues(t, 1, r.value)
					lock.do("SELECT pg_advisory_unlock(1)")
					return
				}
				n.awaitLocks(t, 1, true)
				lock.do("SELECT pg_advisory_unlock(1)")
				r := <-done
				require.NoError(t, r.err)
				require.EqualValues(t, 1, r.value)
				n.requireInvoices(t, 1)
			})
		})
	}
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
			gapless.CommitBatch(tx).Queue(insert).QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
			gapless.CommitBatch(tx).Queue("SELECT 1/0")
			return nil
		})
		requireCode(t, "22012", err)
		require.Zero(t, n.observer.number("SELECT count(*) FROM invoices"))

		runs := 0
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			runs++
			gapless.CommitBatch(tx).Queue(insert).QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
			if runs == 1 { // as another transaction could make it happen
				gapless.CommitBatch(tx).Queue("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$")
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 2, runs)
		require.EqualValues(t, 1, number)

		failed := errors.New("the callback failed")
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			gapless.CommitBatch(tx).Queue(insert).QueryRow(func(pgx.Row) error { return failed })
			return nil
		})
		require.ErrorIs(t, err, failed)
		require.EqualValues(t, 2, n.observer.number("SELECT count(*) FROM invoices"), "it is committed all the same")

		// What cannot even be sent: pgx closes the connection.
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			gapless.CommitBatch(tx).Queue(insert)
			gapless.CommitBatch(tx).Queue("SELECT $1::int", struct{}{})
			return nil
		})
		require.Error(t, err)
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			gapless.CommitBatch(tx).Queue("SELECT 1").QueryRow(func(pgx.Row) error { return failed })
			gapless.CommitBatch(tx).Queue("SELECT 1/0")
			return nil
		})
		requireCode(t, "22012", err)
		require.EqualValues(t, 2, n.observer.number("SELECT count(*) FROM invoices"))

		// A failed statement before: COMMIT would be a ROLLBACK.
		err = n.inTx(t.Context(), func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "SELECT 1/0")
			require.Error(t, err)
			gapless.CommitBatch(tx).Queue(insert).QueryRow(func(row pgx.Row) error { return row.Scan(&after) })
			return nil
		})
		require.ErrorIs(t, err, pgx.ErrTxCommitRollback)
		require.Zero(t, after)

		// The batch of a transaction that is not InTx's is nobody's.
		err = pgx.BeginFunc(t.Context(), n.observer.Conn, func(tx pgx.Tx) error {
			gapless.CommitBatch(tx).Queue(insert)
			return nil
		})
		require.NoError(t, err)
		require.EqualValues(t, 2, n.observer.number("SELECT count(*) FROM invoices"))

		// COMMIT itself is refused, whatever the callbacks say, and whatever they try to read.
		n.observer.do("CREATE TABLE later (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
		for _, callback := range []func(pgx.Row) error{
			func(row pgx.Row) error { var a int; return row.Scan(&a) },
			func(pgx.Row) error { return failed },
			func(row pgx.Row) error { var a time.Time; return row.Scan(&a) },
		} {
			err = n.inTx(t.Context(), func(tx pgx.Tx) error {
				gapless.CommitBatch(tx).Queue("INSERT INTO public.later VALUES (1), (1) RETURNING a").QueryRow(callback)
				return nil
			})
			requireCode(t, "23505", err)
			require.NotContains(t, err.Error(), "has committed")
			require.Zero(t, n.observer.number("SELECT count(*) FROM later"))
		}

		// It has committed: a callback's error is no reason to run it again, whatever its code.
		for _, callback := range []func(pgx.Row) error{
			func(pgx.Row) error {
				return &pgconn.PgError{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "40001"}
			},
			func(row pgx.Row) error { var a time.Time; return row.Scan(&a) },
		} {
			before := n.observer.number("SELECT count(*) FROM invoices")
			runs = 0
			err = n.inTx(t.Context(), func(tx pgx.Tx) error {
				runs++
				gapless.CommitBatch(tx).Queue(insert).QueryRow(callback)
				return nil
			})
			require.ErrorContains(t, err, "has committed")
			require.Equal(t, 1, runs)
			require.Equal(t, before+1, n.observer.number("SELECT count(*) FROM invoices"))
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
			_, err = kept.Exec(t.Context(), "SELECT gapless.next_gapless('invoice')")
			require.ErrorIs(t, err, pgx.ErrTxClosed)
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
		after, _, lookErr := invoices.Last(t.Context(), connect(t, database).Conn)
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
	var notOne struct{ gapless.TxBeginner }
	require.ErrorContains(t, gapless.InTx(t.Context(), notOne, nil), "pgxpool.Pool")
}

// TestACommitThatDidNotWaitForItsStandbyIsWaitedFor cancels the wait for a synchronous standby: PostgreSQL then says, in a
// warning, that the transaction is committed here alone.
func TestACommitThatDidNotWaitForItsStandbyIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, committer := range committers {
		for _, batched := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				server := pgtest.NewServer(t)
				database := server.NewDatabase(t)
				observer := connect(t, database)
				observer.do("CREATE TABLE invoices (number bigint, attempt bigint)")
				n := commitNetwork{observer: observer, database: database, inTx: committer(t, database.Pool(t)), batched: batched}
				_, err := n.issue(t.Context())
				require.NoError(t, err)

				observer.do("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
				observer.do("SELECT pg_reload_conf()")
				awaiting := func(pid uint32, query string) (found uint32) {
					require.Eventually(t, func() bool {
						err := observer.QueryRow(t.Context(), `SELECT pid FROM pg_stat_activity
							WHERE wait_event = 'SyncRep' AND $1 IN (0, pid) AND query ~* $2`, pid, query).Scan(&found)
						return err == nil
					}, eventually, tick)
					return found
				}
				// The server takes a moment to heed it.
				probe := connect(t, database)
				probed := later(func() (any, error) {
					for {
						if _, err := probe.Exec(t.Context(), "SELECT txid_current()"); err != nil {
							return nil, err
						}
					}
				})
				awaiting(probe.pid(), "txid_current")
				observer.do("SELECT pg_terminate_backend($1)", probe.pid())
				require.Error(t, (<-probed).err)

				done := later(func() (int64, error) { return n.issue(t.Context()) })
				if name == "one by one" {
					observer.do("SELECT pg_cancel_backend($1)", awaiting(0, "^commit$"))
					awaiting(0, "flush_gapless") // it asks, and flushes
				} else {
					waiting := awaiting(0, "flush_gapless")
					observer.do("SELECT pg_cancel_backend($1)", waiting)
					awaiting(waiting, "flush_gapless")
				}
				select {
				case r := <-done:
					t.Fatalf("InTx returned %v before the standby had the transaction", r.err)
				default:
				}
				// The standby is given up: commits wait no more.
				observer.do("ALTER SYSTEM RESET synchronous_standby_names")
				observer.do("SELECT pg_reload_conf()")
				r := <-done
				require.NoError(t, r.err)
				require.EqualValues(t, 1, r.value)
				require.Equal(t, []int64{1, 2}, observer.numbers("SELECT number FROM invoices ORDER BY 1"))
			})
		}
	}
}

// TestOutcomes asks gapless.outcome_gapless itself, as other stacks do.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const token, other = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	outcome := func(s session, token string, txid int64) string {
		return *value[string](s, "SELECT gapless.outcome_gapless($1, $2)", token, txid)
	}
	setUp := func(t *testing.T) (one, asks session, database *pgtest.Database) {
		t.Parallel()
		database = pgtest.New(t)
		return connect(t, database), connect(t, database), database
	}
	run := func(s session, token, end string) (txid int64) {
		s.do("BEGIN")
		txid = s.number("SELECT gapless.mark_gapless($1)", token)
		s.do("SELECT gapless.next_gapless('a')")
		s.do(end)
		return txid
	}
	t.Run("committed, and lost", func(t *testing.T) {
		one, asks, _ := setUp(t)
		before := one.number("SELECT txid_current()")
		txid := run(one, token, "COMMIT")
		require.Equal(t, "committed", outcome(asks, token, txid))
		require.Equal(t, "unknown", outcome(asks, other, txid), "a commit that allocated nothing under this token")
		require.Equal(t, "unknown", outcome(asks, token, before), "a commit that allocated nothing")
		require.Equal(t, "lost", outcome(asks, other, run(one, other, "ROLLBACK")))
		require.Equal(t, "lost", outcome(asks, other, txid+1_000_000), "a txid that has yet to be given out")
		require.EqualValues(t, 0, asks.number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"))
	})
	t.Run("the setting of an earlier transaction marks no later one", func(t *testing.T) {
		one, _, _ := setUp(t)
		run(one, token, "COMMIT")
		one.do("SELECT gapless.next_gapless('a')")
		require.EqualValues(t, 1, one.number("SELECT count(token) FROM gapless.allocation"))
	})
	t.Run("pruned", func(t *testing.T) {
		one, asks, _ := setUp(t)
		txid := run(one, token, "COMMIT")
		one.do("SELECT gapless.next_gapless('a')")
		one.do("SELECT gapless.prune_gapless('a', 'infinity')")
		require.Equal(t, "unknown", outcome(asks, token, txid))
	})
	t.Run("a column that numbers itself, at commit", func(t *testing.T) {
		one, asks, _ := setUp(t)
		one.do("CREATE TABLE invoices (id int PRIMARY KEY, number bigint UNIQUE)")
		one.do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$, at_commit => true)")
		one.do("BEGIN")
		txid := one.number("SELECT gapless.mark_gapless($1)", token)
		one.do("INSERT INTO invoices VALUES (1)")
		one.do("COMMIT")
		require.Equal(t, "committed", outcome(asks, token, txid))
	})
	t.Run("another role's", func(t *testing.T) {
		one, asks, database := setUp(t)
		txid := run(one, token, "COMMIT")
		name, quoted := role(t, database, "app")
		one.do("SELECT gapless.grant_gapless($1)", name)
		asks.do("SET SESSION AUTHORIZATION " + quoted)
		require.Equal(t, "unknown", outcome(asks, token, txid))
	})
	t.Run("prepared", func(t *testing.T) {
		one, asks, database := setUp(t)
		txid := run(one, token, "PREPARE TRANSACTION '"+database.Name+"'")
		asked := later(func() (string, error) { return outcome(asks, token, txid), nil })
		awaitWaiter(t, one, asks.pid())
		one.do("COMMIT PREPARED '" + database.Name + "'")
		require.Equal(t, "committed", (<-asked).value)
	})
	t.Run("still running", func(t *testing.T) {
		one, asks, _ := setUp(t)
		one.do("BEGIN")
		txid := one.number("SELECT gapless.mark_gapless($1)", token)
		one.do("SAVEPOINT s")
		one.refuse("25000", "SELECT gapless.outcome_gapless($1, $2)", token, txid)
		one.do("ROLLBACK TO s")
		asks.do("SET lock_timeout = 1")
		asks.refuse("55P03", "SELECT gapless.outcome_gapless($1, $2)", token, txid)
		one.do("ROLLBACK")
		require.Equal(t, "lost", outcome(asks, token, txid))
	})
	t.Run("what cannot be asked", func(t *testing.T) {
		_, asks, _ := setUp(t)
		asks.refuse("22004", "SELECT gapless.outcome_gapless(NULL, 1)")
		asks.refuse("22004", "SELECT gapless.outcome_gapless($1, NULL)", token)
		asks.refuse("22004", "SELECT gapless.mark_gapless(NULL)")
		asks.do("BEGIN ISOLATION LEVEL REPEATABLE READ")
		asks.refuse("25000", "SELECT gapless.outcome_gapless($1, 1)", token)
		asks.do("ROLLBACK")
	})
}

// TestFlushes is gapless.flush_gapless, as other stacks call it.
func TestFlushes(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, running := connect(t, database), connect(t, database)
	txid := s.number("SELECT txid_current()")
	s.do("SELECT gapless.flush_gapless()")
	s.do("SELECT gapless.flush_gapless($1)", txid)

	s.do("BEGIN")
	txid = s.number("SELECT txid_current()")
	s.do("ROLLBACK")
	s.refuse("40000", "SELECT gapless.flush_gapless($1)", txid)

	running.do("BEGIN")
	txid = running.number("SELECT txid_current()")
	s.do("SELECT txid_current()") // a later one has ended
	s.refuse("55000", "SELECT gapless.flush_gapless($1)", txid)
	running.refuse("55000", "SELECT gapless.flush_gapless($1)", txid)
	running.do("ROLLBACK")
	for _, never := range []int64{txid + 1_000_000, -1} {
		s.refuse("22023", "SELECT gapless.flush_gapless($1)", never)
	}

	// A snapshot that is older is no obstacle; a transaction that has its id already cannot tell a newer one from one that was lost.
	old := connect(t, database)
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		old.do("BEGIN ISOLATION LEVEL " + level)
		old.do("SELECT txid_current_snapshot()")
		txid = s.number("SELECT txid_current()")
		old.do("SELECT gapless.flush_gapless($1)", txid)
		txid = s.number("SELECT txid_current()")
		old.refuse("25000", "SELECT gapless.flush_gapless($1)", txid)
		old.do("ROLLBACK; BEGIN ISOLATION LEVEL " + level)
		old.do("SELECT gapless.flush_gapless($1)", txid)
		old.do("ROLLBACK")

		// The very next txid is the caller's own, unless another database has taken it in between.
		for next, own := int64(0), int64(-1); next != own; old.do("ROLLBACK") {
			old.do("BEGIN ISOLATION LEVEL " + level)
			next = old.number("SELECT txid_snapshot_xmax(txid_current_snapshot())")
			old.do("SAVEPOINT s")
			_, err := old.Exec(t.Context(), "SELECT gapless.flush_gapless($1)", next)
			old.do("ROLLBACK TO s")
			if own = old.number("SELECT txid_current()"); own == next {
				requireCode(t, "22023", err)
			}
		}
	}

	// As one message with COMMIT, it tells a COMMIT that became a ROLLBACK.
	message := func(statement string) error {
		s.do("BEGIN")
		s.do("SET LOCAL synchronous_commit = off")
		txid := s.number("SELECT txid_current()")
		_, _ = s.Exec(t.Context(), statement)
		_, err := s.PgConn().Exec(t.Context(), fmt.Sprintf("COMMIT; SELECT gapless.flush_gapless(%d)", txid)).ReadAll()
		return err
	}
	require.NoError(t, message("SELECT gapless.next_gapless('a')"))
	var pg *pgconn.PgError
	require.ErrorAs(t, message("SELECT 1/0"), &pg)
	require.Equal(t, "40000", pg.Code)
	require.Equal(t, "on", *value[string](s, "SELECT current_setting('synchronous_commit')"))
}
