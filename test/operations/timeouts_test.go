package operations_test

// What docs/operations.md says of timeouts, where operations_test.go has no row of the table for it.

import (
	"os"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestATransactionTimeoutEndsATransactionOfManySmallSteps, from PostgreSQL 17 on; before, there is no such setting.
func TestATransactionTimeoutEndsATransactionOfManySmallSteps(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	require.Regexp(t, "(?m)^\\| `transaction_timeout` \\(PostgreSQL 17\\) .*\\b25P04\\b", string(text))
	database := pgtest.NewCopy(t)
	slow, next := sqltest.Connect(t, database), sqltest.Connect(t, database)
	if slow.Number("SELECT current_setting('server_version_num')::bigint") < 170000 {
		slow.Refuse("42704", "SET transaction_timeout = '20ms'")
		return
	}
	slow.Do("SELECT gapless.next_gapless('a')")
	slow.Do("SET transaction_timeout = '1s'")
	slow.Do("BEGIN")
	require.EqualValues(t, 2, slow.Number("SELECT gapless.next_gapless('a')"))
	waiting := next.LaterNumber("SELECT gapless.next_gapless('a')")
	for range 3 {
		slow.Do("SELECT gapless.last_gapless('a')")
	}
	_, err = slow.WaitForNotification(t.Context()) // a client that reads finds out why; one that writes may not
	sqltest.RequireCode(t, "25P04", err)
	r := <-waiting
	require.NoError(t, r.Err)
	require.EqualValues(t, 2, r.Value)
}

// TestAClientThatIsGoneIsNoticed while it waits for a sequence, and while its statement runs: its number goes to the next. Without
// client_connection_check_interval its statement waits its turn, and takes a number for nobody.
func TestAClientThatIsGoneIsNoticed(t *testing.T) {
	t.Parallel()
	const next = "SELECT gapless.next_gapless('a')"
	set := func(t *testing.T, interval string) (observer, holder, gone sqltest.Session) {
		t.Helper()
		database := pgtest.NewCopy(t)
		observer, holder, gone = sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
		observer.Do(next)
		gone.Do("SET client_connection_check_interval = '" + interval + "'")
		return observer, holder, gone
	}
	// send leaves the statement to a client that does nothing more, not even cancel it, as pgx would.
	send := func(t *testing.T, gone sqltest.Session, statement string) (vanish func() error) {
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
		holder.Do("BEGIN")
		held := holder.Number(next)
		vanish := send(t, gone, next)
		sqltest.AwaitWaiter(t, observer, gone.PID())
		require.NoError(t, vanish())
		require.Eventually(t, func() bool { return observer.Number(runs, gone.PID()) == 0 }, sqltest.Eventually, sqltest.Tick, "it still waits")
		holder.Do("COMMIT")
		require.Equal(t, held+1, observer.Number(next))
	})
	t.Run("it runs", func(t *testing.T) {
		t.Parallel()
		observer, holder, gone := set(t, "20ms")
		vanish := send(t, gone, "SELECT v FROM gapless.next_gapless('a') AS v, pg_sleep(3600)")
		require.Eventually(t, func() bool {
			return observer.Number("SELECT count(*) FROM gapless.holders WHERE pid = $1", gone.PID()) == 1
		}, sqltest.Eventually, sqltest.Tick)
		waiting := holder.LaterNumber(next)
		sqltest.AwaitWaiter(t, observer, holder.PID())
		require.NoError(t, vanish())
		r := <-waiting
		require.NoError(t, r.Err)
		require.EqualValues(t, 2, r.Value)
		require.Eventually(t, func() bool { return observer.Number(runs, gone.PID()) == 0 }, sqltest.Eventually, sqltest.Tick, "it still runs")
	})
	t.Run("it waits, and nobody looks", func(t *testing.T) {
		t.Parallel()
		observer, holder, gone := set(t, "0")
		holder.Do("BEGIN")
		held := holder.Number(next)
		vanish := send(t, gone, next)
		sqltest.AwaitWaiter(t, observer, gone.PID())
		require.NoError(t, vanish())
		holder.Do("COMMIT")
		require.Eventually(t, func() bool { return observer.Number("SELECT gapless.last_gapless('a')") == held+1 }, sqltest.Eventually, sqltest.Tick)
	})
}

// TestTheShortestTimeoutIsTheOneThatIsSeen: with a lock_timeout below the statement_timeout, waiting is told apart from slowness.
func TestTheShortestTimeoutIsTheOneThatIsSeen(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	holder, app := sqltest.Connect(t, database), sqltest.Connect(t, database)
	holder.Do("SELECT gapless.next_gapless('a')")
	holder.Do("BEGIN")
	holder.Do("SELECT gapless.next_gapless('a')")
	for _, timeouts := range []struct{ lock, statement, code string }{{"50ms", "60s", "55P03"}, {"60s", "50ms", "57014"}} {
		app.Do("SET lock_timeout = '" + timeouts.lock + "'")
		app.Do("SET statement_timeout = '" + timeouts.statement + "'")
		app.Refuse(timeouts.code, "SELECT gapless.next_gapless('a')")
	}
}

// TestTimeoutsOfTheDatabaseHitMaintenanceAndNotADump: pg_dump switches them off for itself, and others do not.
func TestTimeoutsOfTheDatabaseHitMaintenanceAndNotADump(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := pg.NumberTenants(t, database)
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	shell := newDocShell(t, database.URL)
	name := *sqltest.Value[string](s, "SELECT quote_ident(current_database())")
	s.Do("ALTER DATABASE " + name + " SET lock_timeout = '20ms'")
	s.Do("BEGIN")
	s.Do("LOCK TABLE invoices")
	observer := sqltest.Connect(t, database)
	require.Contains(t, sqltest.Findings(observer)[0], "unreadable")
	observer.Refuse("55P03", "VACUUM invoices")
	if !shell.clients {
		t.Skip("there is no psql, pg_dump and pg_restore here: install PostgreSQL's client programs")
	}
	done := sqltest.Later(func() (string, error) {
		stdout, _ := shell.run(`pg_dump --data-only --table=invoices "$GAPLESS_DATABASE_URL"`, database.URL)
		return stdout, nil
	})
	require.Eventually(t, func() bool {
		return *sqltest.Value[bool](observer, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
			AND application_name = 'pg_dump' AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > '100 ms')`)
	}, sqltest.Eventually, sqltest.Tick)
	s.Do("COMMIT")
	require.Contains(t, (<-done).Value, "COPY public.invoices")
}
