//go:build unix

package pooler_test

// What docs/poolers.md says of Pgpool alone.

import (
	"maps"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
	"github.com/pggapless/gapless/test/pooler"
)

// second are the settings of a second server, which gets all that may be balanced.
func second(t *testing.T, server *pgtest.OwnServer) map[string]string {
	t.Helper()
	config, err := pgx.ParseConfig(server.URL())
	require.NoError(t, err)
	return map[string]string{
		"backend_hostname1": config.Host, "backend_port1": strconv.Itoa(int(config.Port)), "backend_weight1": "1", "backend_weight0": "0",
		"backend_flag1": "DISALLOW_TO_FAILOVER", "sr_check_user": config.User, "sr_check_database": "postgres",
		"load_balance_mode": "on", "num_init_children": "4",
	}
}

func TestPgpoolSendsReadsToAStandbyAndNumbersToThePrimary(t *testing.T) {
	t.Parallel()
	pooler.Pgpool.Want(t)
	primary := pgtest.NewServer(t)
	sqltest.WantStandby(t, primary)
	database := primary.NewDatabase(t)
	require.NoError(t, pgtest.Install(t.Context(), database.URL))
	direct := pg.NumberTenants(t, database)
	direct.Do("SELECT gapless.next_gapless('a')")
	direct.Do("INSERT INTO invoices DEFAULT VALUES")
	standby := pgtest.NewStandby(t, primary)
	replica := sqltest.Connect(t, standby.Replica(t, database))
	direct.Await("SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication")
	replica.Do("SELECT pg_wal_replay_pause()") // from now on it lags
	holder := sqltest.Connect(t, database)
	holder.Do("SELECT gapless.next_gapless('a')")
	holder.Do("BEGIN")
	require.EqualValues(t, 1, holder.Number("SELECT gapless.next_gapless('held')"))
	through := func(t *testing.T, settings map[string]string) (*pgtest.Database, sqltest.Session) {
		t.Helper()
		all := second(t, standby)
		maps.Copy(all, settings)
		p := pooler.Pgpool.New(t, database, all)
		unprepared := unprepared(t, p)
		return unprepared, sqltest.Connect(t, unprepared)
	}
	const last, held, peek = "SELECT gapless.last_gapless('a')", "SELECT count(*) FROM gapless.holders", "SELECT gapless.peek_gapless('a')"

	t.Run("as it comes", func(t *testing.T) {
		database, s := through(t, nil)
		require.EqualValues(t, 1, s.Number(last), "it is the standby's")
		require.EqualValues(t, 2, s.Number(peek))
		require.Zero(t, s.Number(held))
		// Whatever writes goes to the primary, and in its transaction what reads does, too.
		number := s.Number("SELECT gapless.next_gapless('a')")
		require.Equal(t, number, direct.Number(last))
		require.Equal(t, number+1, s.Number("WITH taken AS (SELECT gapless.next_gapless('a') AS number) SELECT number FROM taken"))
		s.Do("BEGIN")
		require.EqualValues(t, 1, s.Number(last), "before it has written")
		require.Equal(t, number+2, s.Number("SELECT gapless.next_gapless('a')"))
		require.Equal(t, number+2, s.Number(last))
		require.Positive(t, s.Number(held))
		s.Do("COMMIT")
		// So does the question for the outcome of a COMMIT whose answer was lost, in a transaction that is READ ONLY.
		proxy := pgproxy.New(t, database.URL)
		var lost atomic.Bool
		proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
			if m.FromServer && m.Tag() == "COMMIT" && lost.CompareAndSwap(false, true) {
				return pgproxy.Cut
			}
			return pgproxy.Forward
		})
		way := *database
		way.URL = proxy.URL() + "&default_query_exec_mode=exec"
		attempts := 0
		require.NoError(t, gapless.InTx(t.Context(), way.Pool(t), func(tx pgx.Tx) error {
			attempts++
			var row int64
			err := tx.QueryRow(t.Context(), "INSERT INTO invoices DEFAULT VALUES RETURNING number").Scan(&row)
			require.EqualValues(t, 2, row)
			return err
		}))
		require.Equal(t, 1, attempts)
		require.True(t, lost.Load())
		sqltest.RequireSound(direct)
	})
	t.Run("with routes", func(t *testing.T) {
		_, s := through(t, map[string]string{"primary_routing_query_pattern_list": ".*gapless.*"})
		require.Equal(t, direct.Number(last), s.Number(last))
		require.Equal(t, direct.Number(held), s.Number(held))
	})
	t.Run("with a list of functions that write", func(t *testing.T) {
		database, s := through(t, map[string]string{"write_function_list": "nextval,setval"})
		before := direct.Number(last)
		s.Refuse("25006", "SELECT gapless.next_gapless('a')")
		require.Equal(t, before, direct.Number(last))
		require.EqualValues(t, 3, s.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"), "an INSERT is no function")
		_, err := gapless.NewGroupCommitter(t.Context(), database.Pool(t), gapless.WithFsyncOff())
		require.ErrorContains(t, err, "the server is a standby")
		_, s = through(t, map[string]string{"write_function_list": "nextval,setval,.*_gapless,.*_gapless_batch"})
		require.Equal(t, before+1, s.Number("SELECT gapless.next_gapless('a')"))
	})
	holder.Do("ROLLBACK")
}

// TestPgpoolsCacheIsOldForTablesAndNotForFunctions: a table's entry goes when a statement through this Pgpool names the table. gapless's
// functions write theirs, and whoever comes by another way is not seen.
func TestPgpoolsCacheIsOldForTablesAndNotForFunctions(t *testing.T) {
	t.Parallel()
	pooler.Pgpool.Want(t)
	database := pgtest.NewCopy(t)
	direct := pg.NumberTenants(t, database)
	direct.Do("SELECT gapless.next_gapless('a')")
	direct.Do("INSERT INTO invoices DEFAULT VALUES")
	s := sqltest.Connect(t, unprepared(t, pooler.Pgpool.New(t, database, map[string]string{
		"memory_cache_enabled": "on", "num_init_children": "2",
	})))
	const newest, runs, last, peek, audit = "SELECT number FROM invoices ORDER BY number DESC LIMIT 1", "SELECT count(*) FROM gapless.journal WHERE name = 'a'",
		"SELECT gapless.last_gapless('a')", "SELECT peek_gapless FROM gapless.peek_gapless('a')", "SELECT count(*) FROM gapless.audit_gapless()"
	for range 2 {
		require.EqualValues(t, 1, s.Number(newest))
		require.EqualValues(t, 1, s.Number(runs))
		require.EqualValues(t, 1, s.Number(last))
		require.EqualValues(t, 2, s.Number(peek))
		require.Zero(t, s.Number(audit))
	}
	require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless('a')"))
	direct.Do("INSERT INTO invoices DEFAULT VALUES")
	direct.Do("ALTER TABLE invoices DISABLE TRIGGER USER; UPDATE invoices SET number = 9 WHERE number = 2")
	require.EqualValues(t, 1, s.Number(newest), "it is of the cache")
	require.EqualValues(t, 1, s.Number(runs), "it is of the cache")
	require.EqualValues(t, 2, s.Number(last))
	require.EqualValues(t, 3, s.Number(peek))
	require.Positive(t, s.Number(audit))
}

// TestPgpoolsReplicationLeavesEachServerToNumberForItself: a number that one of them has given out on its own sets them apart.
func TestPgpoolsReplicationLeavesEachServerToNumberForItself(t *testing.T) {
	t.Parallel()
	pooler.Pgpool.Want(t)
	one, two := pgtest.NewServer(t), pgtest.NewServer(t)
	database := one.NewDatabase(t)
	config, err := pgx.ParseConfig(two.URL())
	require.NoError(t, err)
	maintenance, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	_, err = maintenance.Exec(t.Context(), "CREATE DATABASE "+database.Name)
	require.NoError(t, err)
	require.NoError(t, maintenance.Close(t.Context()))
	var servers []sqltest.Session
	for _, d := range []*pgtest.Database{database, two.Replica(t, database)} {
		require.NoError(t, pgtest.Install(t.Context(), d.URL))
		servers = append(servers, pg.NumberTenants(t, d))
	}
	settings := second(t, two)
	settings["backend_clustering_mode"] = "native_replication"
	s := sqltest.Connect(t, unprepared(t, pooler.Pgpool.New(t, database, settings)))
	const newest = "SELECT max(number) FROM invoices"
	require.EqualValues(t, 1, s.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
	servers[1].Do("INSERT INTO invoices DEFAULT VALUES")
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	require.EqualValues(t, 2, servers[0].Number(newest))
	require.EqualValues(t, 3, servers[1].Number(newest))
	for _, server := range servers {
		sqltest.RequireSound(server) // each for itself
	}
}
