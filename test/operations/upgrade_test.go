//go:build unix

package operations_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestPgUpgradeKeepsNumbersAndOutcomes upgrades a cluster to another one of the same release, which pg_upgrade does like any
// other: it makes the schema anew, and takes over the tables' files and the transactions' outcomes.
func TestPgUpgradeKeepsNumbersAndOutcomes(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	admin := sqltest.ConnectTo(t, server.URL())
	bin, data := *sqltest.Value[string](admin, "SELECT setting FROM pg_config WHERE name = 'BINDIR'"), *sqltest.Value[string](admin, "SHOW data_directory")
	locale := *sqltest.Value[string](admin, "SELECT datcollate::text FROM pg_database WHERE datname = 'template0'")
	for _, path := range []string{filepath.Join(bin, "pg_upgrade"), filepath.Join(bin, "initdb"), filepath.Join(bin, "vacuumdb"), data} {
		if _, err := os.Stat(path); err != nil {
			t.Logf("the server's %s is not here", path)
			return
		}
	}
	database := server.NewDatabase(t)
	s := sqltest.Connect(t, database)
	pg.Numbered(s)
	pg.Fill(s)
	s.Do("BEGIN")
	s.Do("SELECT gapless.mark_gapless('00000000-0000-0000-0000-000000004711')")
	s.Do("SELECT gapless.next_gapless('marked')")
	s.Do("COMMIT")
	const outcome = "SELECT gapless.outcome_gapless(token, txid) FROM gapless.journal WHERE token IS NOT NULL"
	require.Equal(t, "committed", *sqltest.Value[string](s, outcome))
	s.Do("BEGIN")
	s.Do("SELECT gapless.next_gapless('prepared')")
	s.Do("PREPARE TRANSACTION 'left'")
	before := sqltest.Texts(s, "SELECT a::text FROM gapless.journal AS a UNION ALL SELECT v::text FROM gapless.void AS v ORDER BY 1")
	server.Stop(t)

	folder := filepath.Dir(data)
	run := func(program string, args ...string) {
		t.Helper()
		output, err := runAsTheServer(t, bin, data, program, args...)
		require.NoError(t, err, output)
	}
	run("initdb", "--pgdata="+folder+"/new", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale="+locale, "--no-sync", "--wal-segsize=1") // as pgtest makes clusters
	upgrade := []string{
		"--old-bindir=" + bin, "--new-bindir=" + bin, "--old-datadir=" + data, "--new-datadir=" + folder + "/new",
		"--username=postgres", "--socketdir=" + folder, "--old-port=5432", "--new-port=5433",
	}
	refused, err := runAsTheServer(t, bin, data, "pg_upgrade", append(upgrade, "--check", "--old-options=-c max_prepared_transactions=10")...)
	require.Error(t, err)
	require.Contains(t, refused, "contains prepared transactions")
	server.Start(t)
	sqltest.Connect(t, database).Do("ROLLBACK PREPARED 'left'")
	server.Stop(t)
	run("pg_upgrade", upgrade...)
	require.NoError(t, os.Rename(data, folder+"/old"))
	require.NoError(t, os.Rename(folder+"/new", data))
	server.Start(t)

	s = sqltest.Connect(t, database)
	require.Equal(t, before, sqltest.Texts(s, "SELECT a::text FROM gapless.journal AS a UNION ALL SELECT v::text FROM gapless.void AS v ORDER BY 1"))
	require.Equal(t, pg.Filled, pg.Contents(s))
	require.Equal(t, pg.FilledFindings, sqltest.Findings(s))
	require.Equal(t, "committed", *sqltest.Value[string](s, outcome))

	const analyzed = "SELECT count(*) FROM pg_stats WHERE schemaname = 'gapless'"
	if s.Number("SELECT current_setting('server_version_num')::bigint") < 180000 { // which takes them along
		require.Zero(t, s.Number(analyzed))
	}
	run("vacuumdb", "--analyze-only", "--all", "--host="+folder, "--port=5432", "--username=postgres")
	require.Positive(t, s.Number(analyzed))

	require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless('marked')"))
	pg.GoOn(s)
	sqltest.RequireSound(s)
}
