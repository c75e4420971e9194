package mutation_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

const aToken = "11111111-1111-4111-8111-111111111111"

// commitTraps are those of COMMIT. Others are in the way that a client calls it.
var commitTraps = []trap{
	{
		name:    "a commit that is merely late looks lost",
		changes: []change{{"a running transaction is waited for", ""}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, asks, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			lock := sqltest.SlowCommit(t, observer, database)
			one.Do("BEGIN")
			txid := one.Number("SELECT gapless.mark_gapless($1)", aToken)
			one.Do("SELECT gapless.next_gapless('a')")
			one.Do(sqltest.Slow)
			committed := sqltest.Later(func() (any, error) { return one.Exec(one.Ctx, "COMMIT") })
			sqltest.AwaitWaiter(t, observer, one.PID())
			asked := sqltest.Later(func() (outcome string, err error) {
				err = asks.QueryRow(asks.Ctx, "SELECT gapless.outcome_gapless($1, $2)", aToken, txid).Scan(&outcome)
				return outcome, err
			})
			r := sqltest.OrWaits(observer, asks.PID(), asked)
			lock.Do("SELECT pg_advisory_unlock(1)")
			require.NoError(t, (<-committed).Err)
			if errors.Is(r.Err, sqltest.ErrWaits) {
				r = <-asked
			}
			if r.Err == nil && r.Value != "committed" {
				return fmt.Errorf("it has committed, and was said to be %s", r.Value)
			}
			return r.Err
		},
	},
}

// noBarriers are changes after which flush_gapless is no barrier.
var noBarriers = map[string][]change{
	"an xid alone": {{"the barrier", "PERFORM txid_current();"}},
	"a message outside of transactions, which no release flushes unless it is asked to": {
		{"the barrier", "PERFORM pg_logical_emit_message(false, 'gapless', '');"},
	},
	"a SET clause, which ends before the commit": {
		{"no SET of what has to last until the commit", "SET search_path = pg_catalog, pg_temp SET synchronous_commit = on"},
		{"synchronous_commit is set for the transaction", "IF false THEN"},
	},
	"nothing": {{"the barrier", ""}},
}

// believesXid is a change after which outcome_gapless trusts an xid that was given out twice.
var believesXid = change{"an xid alone proves nothing", "ELSE pg_xact_status(outcome_gapless.txid::text::xid8)"}

// TestACommitThatBecameARollbackIsNoSuccess has a driver that sends two statements as one message, and returns the last result.
func TestACommitThatBecameARollbackIsNoSuccess(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	end := func(message string) error {
		s.Do("BEGIN")
		s.Do("SET LOCAL synchronous_commit = off")
		txid := s.Number("SELECT txid_current()")
		s.Refuse("22012", "SELECT gapless.next_gapless('a') / 0")
		results, err := s.PgConn().Exec(t.Context(), strings.ReplaceAll(message, "TXID", strconv.FormatInt(txid, 10))).ReadAll()
		if err == nil && results[len(results)-1].Err == nil {
			became := *sqltest.Value[string](s, "SELECT pg_xact_status($1::text::xid8)", strconv.FormatInt(txid, 10))
			return errors.New("success, of a transaction that is " + became)
		}
		return nil
	}
	require.NoError(t, end("COMMIT; SELECT gapless.flush_gapless(TXID)"))
	require.ErrorContains(t, end("COMMIT; SELECT gapless.flush_gapless()"), "aborted")
	require.Nil(t, sqltest.Value[int64](s, "SELECT gapless.last_gapless('a')"))
}

// TestTrapsOfAServersEnd is one test for the sake of one server. What it looks at is the whole server's, so nothing is parallel.
func TestTrapsOfAServersEnd(t *testing.T) {
	t.Parallel()
	server := sqltest.NewIdleServer(t)
	database := server.NewDatabase(t)
	t.Run("only a barrier is a barrier", func(t *testing.T) { onlyABarrierIsABarrier(t, database) })
	t.Run("an xid says nothing after a crash", func(t *testing.T) { anXidSaysNothingAfterACrash(t, server, database) })
	t.Run("what is visible need not be replicated", func(t *testing.T) { whatIsVisibleNeedNotBeReplicated(t, database) })
}

// flushes commits asynchronously, runs a statement, and reports whether the commit was flushed then.
func flushes(s sqltest.Session, statement string) bool {
	s.T.Helper()
	s.Do("BEGIN")
	s.Do("SET LOCAL synchronous_commit = off")
	s.Do("SELECT gapless.next_gapless('a')")
	s.Do("COMMIT")
	end := *sqltest.Value[string](s, "SELECT pg_current_wal_insert_lsn()::text")
	s.Do(statement)
	return *sqltest.Value[bool](s, "SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn", end)
}

// requireBarrier checks whether a statement is a barrier. One that is none can be followed by a flush by chance, when it fills
// a page of WAL, but not always.
func requireBarrier(s sqltest.Session, want bool, statement string) {
	s.T.Helper()
	const times = 5
	flushed := 0
	for range times {
		if flushes(s, statement) {
			flushed++
		}
	}
	if want {
		require.Equal(s.T, times, flushed, statement)
	} else {
		require.Less(s.T, flushed, times, statement)
	}
}

func onlyABarrierIsABarrier(t *testing.T, database *pgtest.Database) {
	s := sqltest.Connect(t, database)
	const flush = "SELECT gapless.flush_gapless()"
	for _, setting := range []string{"on", "off", "local"} {
		s.Do("SET synchronous_commit = " + setting)
		requireBarrier(s, true, flush)
		require.Equal(t, setting, *sqltest.Value[string](s, "SHOW synchronous_commit"), "it lasts for its transaction alone")
	}
	for name, changes := range noBarriers {
		t.Run(name, func(t *testing.T) {
			putBack(t, database, changes...)
			requireBarrier(sqltest.Connect(t, database, asynchronous), false, flush)
		})
	}
	s.Do(marks(t)["the barrier"].statement)
	requireBarrier(s, true, flush)

	// PostgreSQL 17 has an argument by which a message outside of transactions is flushed. No standby is waited for.
	const flushed = "SELECT pg_logical_emit_message(false, 'gapless', '', true)"
	if s.Number("SELECT current_setting('server_version_num')::bigint") >= 170000 {
		requireBarrier(s, true, flushed)
	} else {
		s.Refuse("42883", flushed)
	}
}

// anXidSaysNothingAfterACrash loses a commit that was not flushed, and has another transaction get its xid.
func anXidSaysNothingAfterACrash(t *testing.T, server *pgtest.OwnServer, database *pgtest.Database) {
	var txid, last int64
	s := sqltest.Connect(t, database)
	for lost := false; !lost; {
		s.Do("SELECT gapless.flush_gapless()")
		last = s.Number("SELECT coalesce(gapless.last_gapless('a'), 0)")
		written := *sqltest.Value[string](s, "SELECT pg_current_wal_lsn()::text")
		s.Do("BEGIN")
		s.Do("SET LOCAL synchronous_commit = off")
		txid = s.Number("SELECT gapless.mark_gapless($1)", aToken)
		s.Do("SELECT gapless.next_gapless('a')")
		s.Do("COMMIT")
		lost = *sqltest.Value[bool](s, "SELECT pg_current_wal_lsn() = $1::pg_lsn", written) // nothing of it was written yet
	}
	server.Kill(t)
	server.Start(t)
	s = sqltest.Connect(t, database)
	asks := func() string {
		return *sqltest.Value[string](s, "SELECT gapless.outcome_gapless($1, $2)", aToken, txid)
	}
	require.Equal(t, last, s.Number("SELECT coalesce(gapless.last_gapless('a'), 0)"), "the commit was lost")
	require.Equal(t, "lost", asks(), "nobody has the xid yet")

	for got := int64(0); got < txid; { // another's commits
		got = s.Number("SELECT txid_current()")
		require.LessOrEqual(t, got, txid)
	}
	require.Equal(t, "committed", *sqltest.Value[string](s, "SELECT pg_xact_status($1::text::xid8)", strconv.FormatInt(txid, 10)))
	require.Equal(t, "unknown", asks())
	s.Do("SELECT gapless.flush_gapless($1)", txid) // it cannot know either: asking for the outcome comes first

	putBack(t, database, believesXid)
	require.Equal(t, "committed", asks(), "the trap: it is lost")
}

// whatIsVisibleNeedNotBeReplicated ends backends that wait for a synchronous standby, of which there is none.
func whatIsVisibleNeedNotBeReplicated(t *testing.T, database *pgtest.Database) {
	observer, one, asks := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	observer.Do("SET synchronous_commit = local")
	observer.Do("CREATE TABLE invoices (number bigint, attempt bigint)")
	issuers := map[string]issuer{}
	for name, committer := range sqltest.Committers {
		issuers[name] = startIssuer(t, committer(t, database.Pool(t)))
	}
	observer.Do("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	observer.Do("SELECT pg_reload_conf()")
	require.Eventually(t, func() bool { // see pgtest.SetSynchronous
		s := sqltest.Connect(t, database)
		defer s.Close(t.Context())
		return *sqltest.Value[string](s, "SHOW synchronous_standby_names") == "nobody"
	}, sqltest.Eventually, sqltest.Tick)
	observer.Do("CHECKPOINT")

	seen := []int64{0}
	// awaiting finds a backend that waits for the standby, and that it has not found before.
	awaiting := func(query string) (pid int64) {
		t.Helper()
		require.Eventually(t, func() bool {
			return observer.QueryRow(t.Context(), `SELECT pid::bigint FROM pg_stat_activity
				WHERE wait_event = 'SyncRep' AND query ~* $1 AND pid <> ALL ($2)`, query, seen).Scan(&pid) == nil
		}, sqltest.Eventually, sqltest.Tick, query)
		seen = append(seen, pid)
		return pid
	}
	terminate := func(pid int64) { observer.Do("SELECT pg_terminate_backend($1, 10000)", pid) }

	one.Do("BEGIN")
	txid := one.Number("SELECT gapless.mark_gapless($1)", aToken)
	number := one.Number("SELECT gapless.next_gapless('a')")
	committed := sqltest.Later(func() (any, error) { return one.Exec(one.Ctx, "COMMIT") })
	terminate(awaiting("^commit$"))
	require.Error(t, (<-committed).Err, "its client does not know")
	require.Equal(t, number, observer.Number("SELECT gapless.last_gapless('a')"), "it is visible")
	// The trap: whoever took this for an answer would acknowledge what no standby has.
	require.Equal(t, "committed", *sqltest.Value[string](asks, "SELECT gapless.outcome_gapless($1, $2)", aToken, txid))
	flushed := sqltest.Later(func() (any, error) { return asks.Exec(asks.Ctx, "SELECT gapless.flush_gapless($1)", txid) })
	require.EqualValues(t, asks.PID(), awaiting("flush_gapless"), "what tells waits for the standby")

	// InTx waits like that, even when what it waits with is ended too.
	for name, waits := range map[string]string{"one by one": "^commit$", "in groups": "FROM gapless.flush_gapless"} {
		close(issuers[name].goOn)
		terminate(awaiting(waits))
		const resolves = `^SELECT gapless.flush_gapless\(\d+\); COMMIT$`
		terminate(awaiting(resolves))
		awaiting(resolves)
	}
	for name, i := range issuers {
		select {
		case r := <-i.done:
			t.Fatalf("%s: InTx returned %v before a standby had the transaction", name, r.Err)
		default:
		}
	}
	observer.Do("ALTER SYSTEM RESET synchronous_standby_names") // the standby is given up
	observer.Do("SELECT pg_reload_conf()")
	require.NoError(t, (<-flushed).Err)
	for name, i := range issuers {
		r := <-i.done
		require.NoError(t, r.Err, name)
		require.Equal(t, 1, r.Value, name)
	}
	require.Equal(t, []int64{1, 2}, observer.Numbers("SELECT number FROM invoices ORDER BY 1"))
}

// issuer is a call of InTx that has begun its transaction, and goes on when it is told to. The result is how often fn was run.
type issuer struct {
	goOn chan struct{}
	done <-chan sqltest.Result[int]
}

func startIssuer(t *testing.T, inTx sqltest.InTx) issuer {
	t.Helper()
	begun, goOn := make(chan struct{}), make(chan struct{})
	done := sqltest.Later(func() (runs int, err error) {
		err = inTx(t.Context(), func(tx pgx.Tx) error {
			if runs++; runs == 1 {
				close(begun)
				select {
				case <-goOn:
				case <-t.Context().Done():
				}
			}
			_, err := tx.Exec(t.Context(), "INSERT INTO invoices VALUES (gapless.next_gapless('invoice'), $1)", runs)
			return err
		})
		return runs, err
	})
	<-begun
	return issuer{goOn, done}
}

func asynchronous(config *pgx.ConnConfig) { config.RuntimeParams["synchronous_commit"] = "off" }
