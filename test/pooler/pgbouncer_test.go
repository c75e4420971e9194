//go:build unix

package pooler_test

// What docs/poolers.md says of PgBouncer alone.

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
	"github.com/pggapless/gapless/test/pooler"
)

// With these settings no two transactions get the same server connection: what one leaves in its session, no other finds.
var eachItsOwn = map[string]string{"server_lifetime": "0"}

// With these, all get the same.
var allTheSame = map[string]string{"default_pool_size": "1"}

// unprepared is the database with the parameter that the document has for poolers.
func unprepared(t *testing.T, through *pooler.Pooler) *pgtest.Database {
	t.Helper()
	text, err := os.ReadFile("../../docs/poolers.md")
	require.NoError(t, err)
	parameter := regexp.MustCompile("`(default_query_exec_mode=\\w+)` in the connection string").FindStringSubmatch(string(text))
	require.NotNil(t, parameter)
	unprepared := *through.Database
	unprepared.URL += "&" + parameter[1]
	return &unprepared
}

// clientsWait blocks until so many clients wait in the pooler for a server connection.
func clientsWait(t *testing.T, bouncer *pooler.Pooler, want string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, pool := range bouncer.Console(t, "SHOW POOLS") {
			if pool["database"] == bouncer.Name {
				return pool["cl_waiting"] == want
			}
		}
		return false
	}, sqltest.Eventually, sqltest.Tick)
}

func TestTheFunctionsKeepNothingInASession(t *testing.T) {
	t.Parallel()
	pooler.PgBouncer.Want(t)
	text, err := os.ReadFile("../../docs/sql.md")
	require.NoError(t, err)
	database := pgtest.NewCopy(t)
	// An example keeps a txid in its session; of it, the transaction is left.
	const keeps = "shop.txid"
	statements := pg.RequireStatements(t, strings.ReplaceAll(string(text), "COMMIT; SELECT gapless.flush_gapless(current_setting('"+keeps, "COMMIT; -- ('"+keeps))
	statements = slices.DeleteFunc(statements, func(d pg.Statement) bool {
		return strings.Contains(d.SQL, keeps) && !strings.HasPrefix(d.SQL, "COMMIT")
	})
	through := pooler.PgBouncer.New(t, database, eachItsOwn)
	s := sqltest.Connect(t, unprepared(t, through))
	backend := s.Number("SELECT pg_backend_pid()")
	require.NotEqual(t, backend, s.Number("SELECT pg_backend_pid()"))
	pg.RunDocumented(t, through.Database, statements)
}

func TestAStatementPoolerRefusesATransactionAndNoNumberIsSpent(t *testing.T) {
	t.Parallel()
	pooler.PgBouncer.Want(t)
	database := pgtest.NewCopy(t)
	direct := pg.NumberTenants(t, database)
	through := unprepared(t, pooler.PgBouncer.New(t, database, map[string]string{"pool_mode": "statement"}))
	err := gapless.InTx(t.Context(), through.Pool(t), func(pgx.Tx) error { return nil })
	refused := sqltest.RequireCode(t, "08P01", err)
	require.Contains(t, refused.Message, "transaction blocks not allowed")

	s := sqltest.Connect(t, through)
	require.EqualValues(t, 1, s.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"), "one statement is a transaction")
	s.Refuse("08P01", "BEGIN")
	require.EqualValues(t, 2, direct.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
	sqltest.RequireSound(direct)
}

// TestMigratingThroughATransactionPooler has each transaction meet another connection.
func TestMigratingThroughATransactionPooler(t *testing.T) {
	t.Parallel()
	pooler.PgBouncer.Want(t)
	database := pgtest.NewEmpty(t)
	const connections = 20
	bouncer := pooler.PgBouncer.New(t, database, map[string]string{"server_round_robin": "1", "default_pool_size": strconv.Itoa(connections)})
	through := unprepared(t, bouncer)
	// The upgrade's lock_timeout does not get that far.
	for _, parameter := range []string{"&options=-c%20lock_timeout%3D5s", "&lock_timeout=5s"} {
		_, err := pgx.Connect(t.Context(), bouncer.URL+parameter)
		require.Contains(t, sqltest.RequireCode(t, "08P01", err).Message, "unsupported startup parameter")
	}

	var clients []sqltest.Session
	for range connections {
		s := sqltest.Connect(t, through)
		s.Do("BEGIN")
		clients = append(clients, s)
	}
	for _, s := range clients {
		s.Do("COMMIT")
	}
	var migrations []<-chan sqltest.Result[any]
	for _, s := range clients[:3] {
		migrations = append(migrations, sqltest.Later(func() (any, error) { return nil, migrate.Up(t.Context(), s.Conn) }))
	}
	pool := through.Pool(t)
	require.NoError(t, migrate.Up(t.Context(), pool))
	for _, migrated := range migrations {
		require.NoError(t, (<-migrated).Err)
	}
	version, err := migrate.Status(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, version.Latest, version.Current)
	observer := sqltest.Connect(t, database)
	require.EqualValues(t, 1, observer.Number("SELECT gapless.next_gapless('a')"))

	// What tern does: it locks for its session, unlocks, and locks again, each time on another connection.
	locks := func(granted bool) int64 {
		return observer.Number(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = $1
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, granted)
	}
	require.Zero(t, locks(true))
	tern := clients[0]
	tern.Do("SELECT pg_advisory_lock(9628173550095224)")
	tern.Do("SELECT pg_advisory_unlock(9628173550095224)")
	waits := sqltest.Later(func() (any, error) {
		return tern.Exec(t.Context(), "SELECT pg_advisory_lock(9628173550095224)")
	})
	require.Eventually(t, func() bool { return locks(true) == 1 && locks(false) == 1 }, sqltest.Eventually, sqltest.Tick, "it does not wait")

	// A direct one waits, too, until the pooler's connections are closed.
	next := sqltest.Connect(t, database)
	next.Do("SET lock_timeout = '20ms'")
	sqltest.RequireCode(t, "55P03", migrate.Up(t.Context(), next.Conn))
	bouncer.Console(t, "KILL "+database.Name)
	require.Error(t, (<-waits).Err)
	require.Eventually(t, func() bool { return locks(true) == 0 }, sqltest.Eventually, sqltest.Tick)
	next.Do("SET lock_timeout = 0")
	require.NoError(t, migrate.Up(t.Context(), next.Conn))
}

func TestPreparedStatementsAreLostInAPoolerThatDoesNotKeepThem(t *testing.T) {
	t.Parallel()
	pooler.PgBouncer.Want(t)
	settings := map[string]string{"server_lifetime": "0"}
	prepares := pooler.PreparesStatements(t)
	if prepares {
		settings["max_prepared_statements"] = "0"
	}
	database := pgtest.NewCopy(t)
	bouncer := pooler.PgBouncer.New(t, database, settings)
	twice := func(through *pgtest.Database) (err error) {
		s := sqltest.Connect(t, through)
		for range 2 {
			var number int64
			if err == nil {
				err = s.QueryRow(s.Ctx, "SELECT gapless.next_gapless($1)", "a").Scan(&number)
			}
		}
		return err
	}
	sqltest.RequireCode(t, "26000", twice(bouncer.Database))
	require.NoError(t, twice(unprepared(t, bouncer)))
	// On a connection that another client had before, the name is there already, of whatever statement.
	other := pooler.PgBouncer.New(t, database, allTheSame)
	if prepares {
		other = pooler.PgBouncer.New(t, database, map[string]string{"default_pool_size": "1", "max_prepared_statements": "0"})
	}
	first, second := sqltest.Connect(t, other.Database), sqltest.Connect(t, other.Database)
	first.Number("SELECT gapless.next_gapless($1)", "a")
	second.Refuse("42P05", "SELECT gapless.next_gapless($1)", "a")

	if prepares {
		settings["max_prepared_statements"] = "100"
		require.NoError(t, twice(pooler.PgBouncer.New(t, database, settings).Database))
	}
	require.Empty(t, sqltest.Findings(sqltest.Connect(t, database)))
}

func TestASessionsLockTimeoutIsLostInATransactionPoolerOrGoesToAnother(t *testing.T) {
	t.Parallel()
	pooler.PgBouncer.Want(t)
	database := pgtest.NewCopy(t)
	const show = "SELECT current_setting('lock_timeout')"
	name, quoted := sqltest.Role(t, database, "app")
	owner, holder := sqltest.Connect(t, database), sqltest.Connect(t, database)
	owner.Do("SELECT gapless.grant_gapless($1)", name)
	owner.Do("SELECT gapless.next_gapless('a')")
	config, err := pgx.ParseConfig(database.URL)
	require.NoError(t, err)
	owner.Do("ALTER ROLE " + quoted + " PASSWORD '" + strings.ReplaceAll(config.Password, "'", "''") + "'")
	asApp := *database
	asApp.URL = strings.Replace(database.URL, "//"+config.User, "//"+strings.ReplaceAll(name, " ", "%20"), 1)
	require.Equal(t, name, *sqltest.Value[string](sqltest.Connect(t, &asApp), "SELECT current_user::text"))

	lost := sqltest.Connect(t, unprepared(t, pooler.PgBouncer.New(t, &asApp, eachItsOwn)))
	lost.Do("SET lock_timeout = '7s'")
	require.Equal(t, "0", *sqltest.Value[string](lost, show))

	bouncer := pooler.PgBouncer.New(t, &asApp, allTheSame)
	one, another := sqltest.Connect(t, unprepared(t, bouncer)), sqltest.Connect(t, unprepared(t, bouncer))
	one.Do("SET lock_timeout = '7s'")
	require.Equal(t, "7s", *sqltest.Value[string](another, show), "it is another client's")
	one.Do("RESET lock_timeout")

	// SET LOCAL ends with its transaction.
	holder.Do("BEGIN")
	held := holder.Number("SELECT gapless.next_gapless('a')")
	one.Do("BEGIN")
	one.Do("SET LOCAL lock_timeout = '20ms'")
	one.Refuse("55P03", "SELECT gapless.next_gapless('a')")
	one.Do("ROLLBACK")
	require.Equal(t, "0", *sqltest.Value[string](another, show))

	// The role's setting is for server connections that begin after it.
	owner.Do("ALTER ROLE " + quoted + " SET lock_timeout = '20ms'")
	require.Equal(t, "0", *sqltest.Value[string](another, show))
	bouncer.Console(t, "RECONNECT")
	require.Eventually(t, func() bool { return *sqltest.Value[string](another, show) == "20ms" }, sqltest.Eventually, sqltest.Tick)
	one.Refuse("55P03", "SELECT gapless.next_gapless('a')")
	another.Refuse("55P03", "SELECT gapless.next_gapless('a')")
	holder.Do("ROLLBACK")
	require.Equal(t, held, another.Number("SELECT gapless.next_gapless('a')"))
}

func TestThePoolersTimeoutsSpendNoNumber(t *testing.T) {
	t.Parallel()
	pooler.PgBouncer.Want(t)
	set := func(t *testing.T, name, value string) (direct sqltest.Session, database, through *pgtest.Database) {
		t.Helper()
		database = pgtest.NewCopy(t)
		direct = pg.NumberTenants(t, database)
		direct.Do("INSERT INTO invoices DEFAULT VALUES")
		return direct, database, unprepared(t, pooler.PgBouncer.New(t, database, map[string]string{name: value, "default_pool_size": "1"}))
	}
	const insert = "INSERT INTO invoices DEFAULT VALUES RETURNING number"
	t.Run("query_wait_timeout", func(t *testing.T) {
		t.Parallel()
		direct, _, through := set(t, "query_wait_timeout", "0.2")
		holder, waiter := sqltest.Connect(t, through), sqltest.Connect(t, through)
		holder.Do("BEGIN")
		require.EqualValues(t, 2, holder.Number(insert))
		_, err := waiter.Exec(t.Context(), insert)
		require.Contains(t, sqltest.RequireCode(t, "08P01", err).Message, "query_wait_timeout")
		require.True(t, waiter.IsClosed())
		err = gapless.InTx(t.Context(), through.Pool(t), func(pgx.Tx) error { return nil }, gapless.WithMaxAttempts(1))
		require.Contains(t, sqltest.RequireCode(t, "08P01", err).Message, "query_wait_timeout")
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
		holder.Do("COMMIT")
		require.EqualValues(t, 3, sqltest.Connect(t, through).Number(insert))
		sqltest.RequireSound(direct)
	})
	t.Run("server_idle_timeout", func(t *testing.T) {
		t.Parallel()
		direct, _, through := set(t, "server_idle_timeout", "0.1")
		s := sqltest.Connect(t, through)
		require.EqualValues(t, 2, s.Number(insert))
		require.Eventually(t, func() bool {
			return direct.Number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'") == 1
		}, sqltest.Eventually, sqltest.Tick, "the pooler's connection never ended")
		require.EqualValues(t, 3, s.Number(insert))

		// One that is in a transaction is not idle for the pooler.
		s.Do("BEGIN")
		require.EqualValues(t, 4, s.Number(insert))
		require.Eventually(t, func() bool {
			return *sqltest.Value[bool](direct, "SELECT clock_timestamp() - state_change > '500 ms' FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'")
		}, sqltest.Eventually, sqltest.Tick)
		s.Do("COMMIT")
		sqltest.RequireSound(direct)
		require.EqualValues(t, 5, s.Number(insert))
	})
	t.Run("idle_transaction_timeout", func(t *testing.T) {
		t.Parallel()
		direct, database, through := set(t, "idle_transaction_timeout", "0.1")
		forgotten := sqltest.Connect(t, through)
		forgotten.Do("BEGIN")
		require.EqualValues(t, 2, forgotten.Number(insert))
		next := sqltest.Connect(t, database)
		require.EqualValues(t, 2, next.Number(insert), "it waits until the one who holds it is ended, and gets its number")
		_, err := forgotten.WaitForNotification(t.Context())
		require.Contains(t, sqltest.RequireCode(t, "08P01", err).Message, "idle transaction timeout")
		sqltest.RequireSound(direct)
	})
}

func TestWhoWaitsInThePoolerHoldsNothing(t *testing.T) {
	t.Parallel()
	pooler.PgBouncer.Want(t)
	database := pgtest.NewCopy(t)
	observer := sqltest.Connect(t, database)
	observer.Do("SELECT gapless.next_gapless('a')")
	bouncer := pooler.PgBouncer.New(t, database, map[string]string{"default_pool_size": "2"})
	through := unprepared(t, bouncer)
	holder := sqltest.Connect(t, through)
	holder.Do("BEGIN")
	require.EqualValues(t, 2, holder.Number("SELECT gapless.next_gapless('a')"))
	var others []<-chan sqltest.Result[pgconn.CommandTag]
	for range 5 {
		s := sqltest.Connect(t, through)
		others = append(others, sqltest.Later(func() (pgconn.CommandTag, error) { return s.Exec(s.Ctx, "SELECT gapless.next_gapless('a')") }))
	}
	clientsWait(t, bouncer, "4")
	require.Eventually(t, func() bool {
		return strings.Join(sqltest.Texts(observer, "SELECT state FROM gapless.holders ORDER BY 1"), " ") == "holds waits"
	}, sqltest.Eventually, sqltest.Tick, "the others wait in the pooler")
	holder.Do("COMMIT")
	for _, other := range others {
		require.NoError(t, (<-other).Err)
	}
	require.EqualValues(t, 7, observer.Number("SELECT gapless.last_gapless('a')"))
}
