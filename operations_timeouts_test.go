package gapless_test

// What docs/operations.md says of timeouts, where operations_test.go has no row of the table for it.

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestATransactionTimeoutEndsATransactionOfManySmallSteps, from PostgreSQL 17 on; before, there is no such setting.
func TestATransactionTimeoutEndsATransactionOfManySmallSteps(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)
	require.Regexp(t, "(?m)^\\| `transaction_timeout` \\(PostgreSQL 17\\) .*\\b25P04\\b", string(text))
	database := pgtest.New(t)
	slow, next := connect(t, database), connect(t, database)
	if slow.number("SELECT current_setting('server_version_num')::bigint") < 170000 {
		slow.refuse("42704", "SET transaction_timeout = '20ms'")
		return
	}
	slow.do("SELECT gapless.next_gapless('a')")
	slow.do("SET transaction_timeout = '1s'")
	slow.do("BEGIN")
	require.EqualValues(t, 2, slow.number("SELECT gapless.next_gapless('a')"))
	waiting := next.laterNumber("SELECT gapless.next_gapless('a')")
	for range 3 {
		slow.do("SELECT gapless.last_gapless('a')")
	}
	_, err = slow.WaitForNotification(t.Context()) // a client that reads finds out why; one that writes may not
	requireCode(t, "25P04", err)
	r := <-waiting
	require.NoError(t, r.err)
	require.EqualValues(t, 2, r.value)
}

// TestAClientThatIsGoneIsNoticed while it waits for a sequence, and while its statement runs: its number goes to the next. Without
// client_connection_check_interval its statement waits its turn, and takes a number for nobody.
func TestAClientThatIsGoneIsNoticed(t *testing.T) {
	t.Parallel()
	const next = "SELECT gapless.next_gapless('a')"
	set := func(t *testing.T, interval string) (observer, holder, gone session) {
		t.Helper()
		database := pgtest.New(t)
		observer, holder, gone = connect(t, database), connect(t, database), connect(t, database)
		observer.do(next)
		gone.do("SET client_connection_check_interval = '" + interval + "'")
		return observer, holder, gone
	}
	// send leaves the statement to a client that does nothing more, not even cancel it, as pgx would.
	send := func(t *testing.T, gone session, statement string) (vanish func() error) {
		t.Helper()
		conn, err := gone.PgConn().Hijack()
		require.NoError(t, err)
		conn.Frontend.Send(&pgproto3.Query{String: statement})
		require.NoError(t, conn.Frontend.Flush())
		return conn.Conn.Close
	}
	const runs = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
	t.Run("it waits", func(t *testing.T) {
		t.Parallel()
		observer, holder, gone := set(t, "20ms")
		holder.do("BEGIN")
		held := holder.number(next)
		vanish := send(t, gone, next)
		awaitWaiter(t, observer, gone.pid())
		require.NoError(t, vanish())
		require.Eventually(t, func() bool { return observer.number(runs, gone.pid()) == 0 }, eventually, tick, "it still waits")
		holder.do("COMMIT")
		require.Equal(t, held+1, observer.number(next))
	})
	t.Run("it runs", func(t *testing.T) {
		t.Parallel()
		observer, holder, gone := set(t, "20ms")
		vanish := send(t, gone, "SELECT v FROM gapless.next_gapless('a') AS v, pg_sleep(3600)")
		require.Eventually(t, func() bool {
			return observer.number("SELECT count(*) FROM gapless.holders WHERE pid = $1", gone.pid()) == 1
		}, eventually, tick)
		waiting := holder.laterNumber(next)
		awaitWaiter(t, observer, holder.pid())
		require.NoError(t, vanish())
		r := <-waiting
		require.NoError(t, r.err)
		require.EqualValues(t, 2, r.value)
		require.Zero(t, observer.number(runs, gone.pid()))
	})
	t.Run("it waits, and nobody looks", func(t *testing.T) {
		t.Parallel()
		observer, holder, gone := set(t, "0")
		holder.do("BEGIN")
		held := holder.number(next)
		vanish := send(t, gone, next)
		awaitWaiter(t, observer, gone.pid())
		require.NoError(t, vanish())
		holder.do("COMMIT")
		require.Eventually(t, func() bool { return observer.number("SELECT gapless.last_gapless('a')") == held+1 }, eventually, tick)
	})
}

// TestTheShortestTimeoutIsTheOneThatIsSeen: with a lock_timeout below the statement_timeout, waiting is told apart from slowness.
func TestTheShortestTimeoutIsTheOneThatIsSeen(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	holder, app := connect(t, database), connect(t, database)
	holder.do("SELECT gapless.next_gapless('a')")
	holder.do("BEGIN")
	holder.do("SELECT gapless.next_gapless('a')")
	for _, timeouts := range []struct{ lock, statement, code string }{{"50ms", "60s", "55P03"}, {"60s", "50ms", "57014"}} {
		app.do("SET lock_timeout = '" + timeouts.lock + "'")
		app.do("SET statement_timeout = '" + timeouts.statement + "'")
		app.refuse(timeouts.code, "SELECT gapless.next_gapless('a')")
	}
}

// TestTimeoutsOfTheDatabaseHitMaintenanceAndNotADump: pg_dump switches them off for itself, and others do not.
func TestTimeoutsOfTheDatabaseHitMaintenanceAndNotADump(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := numberTenants(t, database)
	s.do("INSERT INTO invoices DEFAULT VALUES")
	shell := newOperationsShell(t, database.URL)
	name := *value[string](s, "SELECT quote_ident(current_database())")
	s.do("ALTER DATABASE " + name + " SET lock_timeout = '20ms'")
	s.do("BEGIN")
	s.do("LOCK TABLE invoices")
	observer := connect(t, database)
	require.Contains(t, findings(observer)[0], "unreadable")
	observer.refuse("55P03", "VACUUM invoices")
	if !shell.clients {
		return
	}
	done := later(func() (string, error) {
		stdout, _ := shell.run(`pg_dump --data-only --table=invoices "$GAPLESS_DATABASE_URL"`, database.URL)
		return stdout, nil
	})
	require.Eventually(t, func() bool {
		return *value[bool](observer, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
			AND application_name = 'pg_dump' AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > '100 ms')`)
	}, eventually, tick)
	s.do("COMMIT")
	require.Contains(t, (<-done).value, "COPY public.invoices")
}
