//go:build unix

package gapless_test

// The section "Poolers" of docs/operations.md, with a real PgBouncer.

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgbouncer"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
)

// With these settings no two transactions get the same server connection: what one leaves in its session, no other finds.
var eachItsOwn = map[string]string{"server_lifetime": "0"}

// With these, all get the same.
var allTheSame = map[string]string{"default_pool_size": "1"}

func poolerHere(t *testing.T) bool {
	t.Helper()
	if pgbouncer.Program() == "" {
		t.Log("there is no PgBouncer here")
		return false
	}
	return true
}

// unprepared is the database with the parameter that the document has for poolers.
func unprepared(t *testing.T, pooler *pgbouncer.Pooler) *pgtest.Database {
	t.Helper()
	text, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)
	parameter := regexp.MustCompile("`(default_query_exec_mode=\\w+)` in the connection string").FindStringSubmatch(string(text))
	require.NotNil(t, parameter)
	through := *pooler.Database
	through.URL += "&" + parameter[1]
	return &through
}

// clientsWait blocks until so many clients wait in the pooler for a server connection.
func clientsWait(t *testing.T, pooler *pgbouncer.Pooler, want string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, pool := range pooler.Console(t, "SHOW POOLS") {
			if pool["database"] == pooler.Name {
				return pool["cl_waiting"] == want
			}
		}
		return false
	}, eventually, tick)
}

func TestATransactionPoolerMayChangeTheConnectionAfterEveryTransaction(t *testing.T) {
	t.Parallel()
	if !poolerHere(t) {
		return
	}
	t.Run("the functions", func(t *testing.T) {
		t.Parallel()
		text, err := os.ReadFile("docs/sql.md")
		require.NoError(t, err)
		database := pgtest.New(t)
		s := connect(t, database)
		s.do(`CREATE TABLE orders (id bigint PRIMARY KEY, due boolean NOT NULL)`)
		s.do(`INSERT INTO orders SELECT i, i % 2 = 0 FROM generate_series(1, 10) AS i`)
		s.do(`CREATE TABLE drafts (id bigint PRIMARY KEY, number bigint UNIQUE)`)
		s.do(`INSERT INTO drafts VALUES (1)`)
		s.do(`CREATE TABLE invoices (number bigint PRIMARY KEY, customer text, order_id bigint REFERENCES orders)`)
		// An example keeps a txid in its session.
		statements := slices.DeleteFunc(requireStatements(t, string(text)), func(d documentedStatement) bool { return strings.Contains(d.sql, "shop.txid") })
		runDocumented(t, pgbouncer.New(t, database, eachItsOwn).Database, statements)
	})
	t.Run("attached columns and InTx", func(t *testing.T) {
		t.Parallel()
		database := pgtest.New(t)
		through := unprepared(t, pgbouncer.New(t, database, eachItsOwn))
		s := connect(t, through)
		backend := s.number("SELECT pg_backend_pid()")
		require.NotEqual(t, backend, s.number("SELECT pg_backend_pid()"))
		numbered(s)
		fill(s)
		require.Equal(t, filled, contents(s))
		require.Equal(t, filledFindings, findings(s))
		goOn(s)
		requireSound(s)

		pool := through.Pool(t, func(config *pgxpool.Config) { config.MaxConns = 8 })
		var callers []<-chan result[int64]
		for range 20 {
			callers = append(callers, later(func() (number int64, err error) {
				err = gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
					number, err = gapless.NewSequence("a").Next(t.Context(), tx)
					return err
				})
				return number, err
			}))
		}
		seen := map[int64]bool{}
		for _, caller := range callers {
			r := <-caller
			require.NoError(t, r.err)
			seen[r.value] = true
		}
		require.Len(t, seen, 20)
		require.EqualValues(t, 20, s.number("SELECT gapless.last_gapless('a')"))
	})
}

func TestAStatementPoolerRefusesATransactionAndNoNumberIsSpent(t *testing.T) {
	t.Parallel()
	if !poolerHere(t) {
		return
	}
	database := pgtest.New(t)
	direct := numberTenants(t, database)
	through := unprepared(t, pgbouncer.New(t, database, map[string]string{"pool_mode": "statement"}))
	err := gapless.InTx(t.Context(), through.Pool(t), func(pgx.Tx) error { return nil })
	refused := requireCode(t, "08P01", err)
	require.Contains(t, refused.Message, "transaction blocks not allowed")

	s := connect(t, through)
	require.EqualValues(t, 1, s.number("INSERT INTO invoices DEFAULT VALUES RETURNING number"), "one statement is a transaction")
	s.refuse("08P01", "BEGIN")
	require.EqualValues(t, 2, direct.number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
	requireSound(direct)
}

// TestMigratingThroughATransactionPoolerWaitsForItself has each transaction meet another connection, so that the one which unlocks
// is not the one which has locked.
func TestMigratingThroughATransactionPoolerWaitsForItself(t *testing.T) {
	t.Parallel()
	if !poolerHere(t) {
		return
	}
	database := pgtest.NewEmpty(t)
	const connections = 20
	pooler := pgbouncer.New(t, database, map[string]string{"server_round_robin": "1", "default_pool_size": strconv.Itoa(connections)})
	through := unprepared(t, pooler)
	// The upgrade's lock_timeout does not get that far.
	for _, parameter := range []string{"&options=-c%20lock_timeout%3D5s", "&lock_timeout=5s"} {
		_, err := pgx.Connect(t.Context(), pooler.URL+parameter)
		require.Contains(t, requireCode(t, "08P01", err).Message, "unsupported startup parameter")
	}

	var clients []session
	for range connections {
		s := connect(t, through)
		s.do("BEGIN")
		clients = append(clients, s)
	}
	for _, s := range clients {
		s.do("COMMIT")
	}
	migrator, observer := connect(t, through), connect(t, database)
	migrated := later(func() (any, error) { return nil, migrate.Up(t.Context(), migrator.Conn) })
	locks := func(granted bool) int64 {
		return observer.number(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = $1
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, granted)
	}
	require.Eventually(t, func() bool { return locks(true) == 1 && locks(false) == 1 }, eventually, tick, "it does not wait")

	// A direct one waits, too, until the pooler's connections are closed.
	next := connect(t, database)
	next.do("SET lock_timeout = '20ms'")
	requireCode(t, "55P03", migrate.Up(t.Context(), next.Conn))
	pooler.Console(t, "KILL "+database.Name)
	require.Error(t, (<-migrated).err)
	require.Eventually(t, func() bool { return locks(true) == 0 }, eventually, tick)
	next.do("SET lock_timeout = 0")
	require.NoError(t, migrate.Up(t.Context(), next.Conn))
	require.EqualValues(t, 1, next.number("SELECT gapless.next_gapless('a')"))
}

func TestAFlusherRefusesAPoolerAndTakesADirectConnection(t *testing.T) {
	t.Parallel()
	if !poolerHere(t) {
		return
	}
	for _, mode := range []string{"transaction", "session"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			pool := unprepared(t, pgbouncer.New(t, database, map[string]string{"pool_mode": mode})).Pool(t)
			_, err := gapless.NewGroupCommitter(t.Context(), pool)
			require.ErrorContains(t, err, "pooler")
			require.ErrorContains(t, err, "WithFlusherConfig")

			config, err := pgx.ParseConfig(database.URL)
			require.NoError(t, err)
			committer, err := gapless.NewGroupCommitter(t.Context(), pool, gapless.WithFlusherConfig(config))
			require.NoError(t, err)
			defer committer.Close()
			for want := range int64(3) {
				require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error {
					number, err := gapless.NewSequence("a").Next(t.Context(), tx)
					require.Equal(t, want+1, number)
					return err
				}))
			}
		})
	}
}

func TestPreparedStatementsAreLostInAPoolerThatDoesNotKeepThem(t *testing.T) {
	t.Parallel()
	if !poolerHere(t) {
		return
	}
	settings := map[string]string{"server_lifetime": "0"}
	prepares := pgbouncer.PreparesStatements(t)
	if prepares {
		settings["max_prepared_statements"] = "0"
	}
	database := pgtest.New(t)
	pooler := pgbouncer.New(t, database, settings)
	twice := func(through *pgtest.Database) (err error) {
		s := connect(t, through)
		for range 2 {
			var number int64
			if err == nil {
				err = s.QueryRow(s.ctx, "SELECT gapless.next_gapless($1)", "a").Scan(&number)
			}
		}
		return err
	}
	requireCode(t, "26000", twice(pooler.Database))
	require.NoError(t, twice(unprepared(t, pooler)))
	// On a connection that another client had before, the name is there already, of whatever statement.
	other := pgbouncer.New(t, database, allTheSame)
	if prepares {
		other = pgbouncer.New(t, database, map[string]string{"default_pool_size": "1", "max_prepared_statements": "0"})
	}
	first, second := connect(t, other.Database), connect(t, other.Database)
	first.number("SELECT gapless.next_gapless($1)", "a")
	second.refuse("42P05", "SELECT gapless.next_gapless($1)", "a")

	if prepares {
		settings["max_prepared_statements"] = "100"
		require.NoError(t, twice(pgbouncer.New(t, database, settings).Database))
	}
	require.Empty(t, findings(connect(t, database)))
}

func TestASessionsLockTimeoutIsLostInATransactionPoolerOrGoesToAnother(t *testing.T) {
	t.Parallel()
	if !poolerHere(t) {
		return
	}
	database := pgtest.New(t)
	const show = "SELECT current_setting('lock_timeout')"
	name, quoted := role(t, database, "app")
	owner, holder := connect(t, database), connect(t, database)
	owner.do("SELECT gapless.grant_gapless($1)", name)
	owner.do("SELECT gapless.next_gapless('a')")
	config, err := pgx.ParseConfig(database.URL)
	require.NoError(t, err)
	owner.do("ALTER ROLE " + quoted + " PASSWORD '" + strings.ReplaceAll(config.Password, "'", "''") + "'")
	asApp := *database
	asApp.URL = strings.Replace(database.URL, "//"+config.User, "//"+strings.ReplaceAll(name, " ", "%20"), 1)
	require.Equal(t, name, *value[string](connect(t, &asApp), "SELECT current_user::text"))

	lost := connect(t, unprepared(t, pgbouncer.New(t, &asApp, eachItsOwn)))
	lost.do("SET lock_timeout = '7s'")
	require.Equal(t, "0", *value[string](lost, show))

	pooler := pgbouncer.New(t, &asApp, allTheSame)
	one, another := connect(t, unprepared(t, pooler)), connect(t, unprepared(t, pooler))
	one.do("SET lock_timeout = '7s'")
	require.Equal(t, "7s", *value[string](another, show), "it is another client's")
	one.do("RESET lock_timeout")

	// SET LOCAL ends with its transaction.
	holder.do("BEGIN")
	held := holder.number("SELECT gapless.next_gapless('a')")
	one.do("BEGIN")
	one.do("SET LOCAL lock_timeout = '20ms'")
	one.refuse("55P03", "SELECT gapless.next_gapless('a')")
	one.do("ROLLBACK")
	require.Equal(t, "0", *value[string](another, show))

	// The role's setting is for server connections that begin after it.
	owner.do("ALTER ROLE " + quoted + " SET lock_timeout = '20ms'")
	require.Equal(t, "0", *value[string](another, show))
	pooler.Console(t, "RECONNECT")
	require.Eventually(t, func() bool { return *value[string](another, show) == "20ms" }, eventually, tick)
	one.refuse("55P03", "SELECT gapless.next_gapless('a')")
	another.refuse("55P03", "SELECT gapless.next_gapless('a')")
	holder.do("ROLLBACK")
	require.Equal(t, held, another.number("SELECT gapless.next_gapless('a')"))
}

func TestThePoolersTimeoutsSpendNoNumber(t *testing.T) {
	t.Parallel()
	if !poolerHere(t) {
		return
	}
	set := func(t *testing.T, name, value string) (direct session, database, through *pgtest.Database) {
		t.Helper()
		database = pgtest.New(t)
		direct = numberTenants(t, database)
		direct.do("INSERT INTO invoices DEFAULT VALUES")
		return direct, database, unprepared(t, pgbouncer.New(t, database, map[string]string{name: value, "default_pool_size": "1"}))
	}
	const insert = "INSERT INTO invoices DEFAULT VALUES RETURNING number"
	t.Run("query_wait_timeout", func(t *testing.T) {
		t.Parallel()
		direct, _, through := set(t, "query_wait_timeout", "0.2")
		holder, waiter := connect(t, through), connect(t, through)
		holder.do("BEGIN")
		require.EqualValues(t, 2, holder.number(insert))
		_, err := waiter.Exec(t.Context(), insert)
		require.Contains(t, requireCode(t, "08P01", err).Message, "query_wait_timeout")
		require.True(t, waiter.IsClosed())
		err = gapless.InTx(t.Context(), through.Pool(t), func(pgx.Tx) error { return nil }, gapless.WithMaxAttempts(1))
		require.Contains(t, requireCode(t, "08P01", err).Message, "query_wait_timeout")
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
		holder.do("COMMIT")
		require.EqualValues(t, 3, connect(t, through).number(insert))
		requireSound(direct)
	})
	t.Run("server_idle_timeout", func(t *testing.T) {
		t.Parallel()
		direct, _, through := set(t, "server_idle_timeout", "0.1")
		s := connect(t, through)
		require.EqualValues(t, 2, s.number(insert))
		require.Eventually(t, func() bool {
			return direct.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'") == 1
		}, eventually, tick, "the pooler's connection never ended")
		require.EqualValues(t, 3, s.number(insert))

		// One that is in a transaction is not idle for the pooler.
		s.do("BEGIN")
		require.EqualValues(t, 4, s.number(insert))
		require.Eventually(t, func() bool {
			return *value[bool](direct, "SELECT clock_timestamp() - state_change > '500 ms' FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'")
		}, eventually, tick)
		s.do("COMMIT")
		requireSound(direct)
		require.EqualValues(t, 5, s.number(insert))
	})
	t.Run("idle_transaction_timeout", func(t *testing.T) {
		t.Parallel()
		direct, database, through := set(t, "idle_transaction_timeout", "0.1")
		forgotten := connect(t, through)
		forgotten.do("BEGIN")
		require.EqualValues(t, 2, forgotten.number(insert))
		next := connect(t, database)
		require.EqualValues(t, 2, next.number(insert), "it waits until the one who holds it is ended, and gets its number")
		_, err := forgotten.WaitForNotification(t.Context())
		require.Contains(t, requireCode(t, "08P01", err).Message, "idle transaction timeout")
		requireSound(direct)
	})
}

func TestWhoWaitsInThePoolerHoldsNothing(t *testing.T) {
	t.Parallel()
	if !poolerHere(t) {
		return
	}
	database := pgtest.New(t)
	observer := connect(t, database)
	observer.do("SELECT gapless.next_gapless('a')")
	pooler := pgbouncer.New(t, database, map[string]string{"default_pool_size": "2"})
	through := unprepared(t, pooler)
	holder := connect(t, through)
	holder.do("BEGIN")
	require.EqualValues(t, 2, holder.number("SELECT gapless.next_gapless('a')"))
	var others []<-chan result[pgconn.CommandTag]
	for range 5 {
		s := connect(t, through)
		others = append(others, later(func() (pgconn.CommandTag, error) { return s.Exec(s.ctx, "SELECT gapless.next_gapless('a')") }))
	}
	clientsWait(t, pooler, "4")
	require.Eventually(t, func() bool {
		return strings.Join(texts(observer, "SELECT state FROM gapless.holders ORDER BY 1"), " ") == "holds waits"
	}, eventually, tick, "the others wait in the pooler")
	holder.do("COMMIT")
	for _, other := range others {
		require.NoError(t, (<-other).err)
	}
	require.EqualValues(t, 7, observer.number("SELECT gapless.last_gapless('a')"))
}
