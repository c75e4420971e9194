package faults_test

// What ends single backends, or what they run.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sound"
	"github.com/pggapless/gapless/internal/sqltest"
)

// newServer starts a server that keeps the times of commits, for the check of their order.
func newServer(t *testing.T, settings map[string]string) *pgtest.OwnServer {
	t.Helper()
	return pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"track_commit_timestamp": "on"}), pgtest.WithSettings(settings))
}

// TestABackendThatIsKilledTakesNoNumberWithIt sends SIGKILL to one process, whereupon the postmaster ends all others, forgets the
// shared memory, and recovers.
func TestABackendThatIsKilledTakesNoNumberWithIt(t *testing.T) {
	t.Parallel()
	database := newServer(t, nil).NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	w.thinks, w.allowed, w.mayNotSay = 20*time.Millisecond, outage, true
	for _, victim := range some(w.random, victims, 2) {
		w.fault(t, victim.name, func() {
			for range *rounds {
				w.round(func() { killBackend(w, victim.query) })
			}
		})
	}
}

const client = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name <> '" + sound.ObserverName + "' AND "

// victims are the processes of which one is killed.
var victims = []struct{ name, query string }{
	{"who has a sequence", "SELECT pid FROM gapless.holders WHERE state = 'holds' AND pid IS NOT NULL"},
	{"who waits for a sequence", "SELECT pid FROM gapless.holders WHERE state = 'waits'"},
	{"who commits", client + "state = 'active' AND query ~* '^commit'"},
	{"who is idle in a transaction", client + "state = 'idle in transaction'"},
	{"who is idle", client + "state = 'idle' AND application_name <> 'gapless flusher'"},
	{"the flusher", client + "application_name = 'gapless flusher'"},
	{"the WAL writer", "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"},
	{"the checkpointer", "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"},
}

// killBackend sends SIGKILL to one of the processes that a query finds, and blocks until the server has noticed. Who has ended
// meanwhile, of a timeout say, is nobody to be killed.
func killBackend(w *workload, query string) {
	w.t.Helper()
	s := w.ask()
	for range 3 {
		var pids []int64
		require.Eventually(w.t, func() bool {
			pids = sqltest.Values[int64](s, query+" ORDER BY pid")
			return len(pids) > 0
		}, sqltest.Eventually, sqltest.Tick)
		// By the server's own hand, wherever it runs. The postmaster ends this session, too.
		_, err := s.Exec(w.t.Context(), fmt.Sprintf("COPY (SELECT) TO PROGRAM 'kill -9 %d'", pids[w.random.IntN(len(pids))]))
		if codeOf(err) == "38000" { // there was no such process
			continue
		}
		for begun := time.Now(); time.Since(begun) < sqltest.Eventually/3; time.Sleep(sqltest.Tick) {
			if s.Ping(w.t.Context()) != nil {
				return
			}
		}
	}
	require.Fail(w.t, "the server goes on as if nothing had happened")
}

// TestWhatOrphansOfAKilledPostmasterCommitIsThere sends SIGKILL to the postmaster alone. The callers' backends go on until they
// notice, and one of them commits when a new postmaster has been refused for its sake.
func TestWhatOrphansOfAKilledPostmasterCommitIsThere(t *testing.T) {
	t.Parallel()
	server := newServer(t, nil)
	sqltest.WantPrograms(t, server) // in a container nothing outlives the postmaster
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	w.thinks, w.allowed, w.mayNotSay = 20*time.Millisecond, outage, true
	for round := range *rounds {
		w.round(func() {
			o := &order{key: fmt.Sprintf("orphan %d", round), attempts: 1, steps: []step{{"taken", "taken/0", 1}}}
			answer := orphan(w, o)
			server.KillPostmaster(t)
			server.Start(t)
			require.NoError(t, <-answer, "the orphan does not commit")
			w.remember(o)
		})
	}
}

// orphan does an order in a backend that commits when a postmaster has been refused, as the log says, which is beside the data.
// It blocks until that backend has the number.
func orphan(w *workload, o *order) (answer <-chan error) {
	w.t.Helper()
	conn, s := sqltest.Connect(w.t, w.database), w.ask()
	s.Await("SELECT gapless.last_gapless('taken/0') IS NOT NULL") // holders does not show who makes a sequence
	const refused = `$(grep -c "pre-existing shared memory block" ../log)`
	sql := fmt.Sprintf(`BEGIN;
		INSERT INTO taken (sequence, order_key, attempt, place, number)
			VALUES ('taken/0', '%s', 1, 1, gapless.next_gapless('taken/0'));
		COPY (SELECT) TO PROGRAM 'before=%s; while [ "%[2]s" = "$before" ]; do sleep 0.01; done';
		COMMIT`, o.key, refused)
	answered := make(chan error, 1)
	go func() { answered <- conn.PgConn().Exec(w.t.Context(), sql).Close() }()
	s.Await("SELECT count(*) > 0 FROM gapless.holders WHERE state = 'holds' AND pid = $1", int64(conn.PgConn().PID()))
	return answered
}

// signalBackends calls pg_cancel_backend or pg_terminate_backend for sessions of the callers, one at random every few orders,
// until that has cut an order short: a signal may find a session between two.
func signalBackends(function string) func(w *workload) {
	return func(w *workload) {
		s := w.ask()
		for begun, i := time.Now(), 0; i < size(4, 20) || w.refused.Load() == 0 && time.Since(begun) < sqltest.Eventually; i++ {
			pids := sqltest.Values[int64](s, `SELECT pid FROM pg_stat_activity
				WHERE datname = current_database() AND state <> 'idle' AND application_name <> $1 AND pid <> pg_backend_pid()
				ORDER BY pid`, sound.ObserverName)
			if len(pids) > 0 {
				s.Do("SELECT "+function+"($1)", pids[w.random.IntN(len(pids))])
			}
			w.await(1 + w.random.IntN(5))
		}
	}
}

// keepWaiting holds sequences until some callers have given up. So their time can be longer than what a slow machine takes for anything
// else.
func keepWaiting(w *workload) {
	holder := sqltest.Connect(w.t, w.database)
	holder.Do("BEGIN")
	holder.Do("SELECT gapless.next_gapless('taken/0'), gapless.next_gapless('taken/1')")
	w.awaitRefused(size(4, 20))
	holder.Do("ROLLBACK")
}

// ends allows that the caller's time is over, whereupon pgx closes the connection.
func ends(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, pgconn.ErrConnClosed) || codeOf(err) == "57014"
}

func TestWhatIsCutShortGivesItsNumbersBack(t *testing.T) {
	t.Parallel()
	shortTime := func(random *rand.Rand) time.Duration {
		return time.Duration(random.IntN(2)*(1+random.IntN(20))) * time.Millisecond
	}
	for _, fault := range []struct {
		name      string
		configure func(*pgxpool.Config)
		patience  func(*rand.Rand) time.Duration
		strike    func(*workload)
		allowed   func(error) bool
		mayNotSay bool
	}{
		{name: "statement_timeout", configure: setting("statement_timeout", "500"), strike: keepWaiting, allowed: codes("57014")},
		{name: "lock_timeout", configure: setting("lock_timeout", "10"), allowed: codes("55P03")},
		{
			name: "idle_in_transaction_session_timeout", configure: setting("idle_in_transaction_session_timeout", "10"),
			allowed: func(err error) bool { return codeOf(err) == "25P03" || codeOf(err) == "" },
		},
		{name: "pg_cancel_backend", strike: signalBackends("pg_cancel_backend"), allowed: codes("57014")},
		{
			name: "pg_terminate_backend", strike: signalBackends("pg_terminate_backend"),
			allowed: func(err error) bool { return codeOf(err) == "57P01" || codeOf(err) == "" },
		},
		{name: "the caller's time", patience: shortTime, allowed: ends, mayNotSay: true},
		{
			name: "the caller's time, with requests to cancel", patience: shortTime, allowed: ends, mayNotSay: true,
			configure: func(config *pgxpool.Config) {
				config.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
					return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: time.Second}
				}
			},
		},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			configure := fault.configure
			if configure == nil {
				configure = func(*pgxpool.Config) {}
			}
			w := newWorkload(t, database, database.URL, configure)
			w.thinks, w.patience, w.allowed, w.mayNotSay = 40*time.Millisecond, fault.patience, fault.allowed, fault.mayNotSay
			for range *rounds {
				w.round(func() {
					if fault.strike != nil {
						fault.strike(w)
					} else {
						w.awaitRefused(size(4, 20))
					}
				})
			}
			require.Positive(t, w.refused.Load(), "nothing was cut short")
		})
	}
}
