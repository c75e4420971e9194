//go:build unix

package gapless_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestPgUpgradeKeepsNumbersAndOutcomes upgrades a cluster to another one of the same release, which pg_upgrade does like any
// other: it makes the schema anew, and takes over the tables' files and the transactions' outcomes.
func TestPgUpgradeKeepsNumbersAndOutcomes(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	admin := connectTo(t, server.URL())
	bin, data := *value[string](admin, "SELECT setting FROM pg_config WHERE name = 'BINDIR'"), *value[string](admin, "SHOW data_directory")
	locale := *value[string](admin, "SELECT datcollate::text FROM pg_database WHERE datname = 'template0'")
	for _, path := range []string{filepath.Join(bin, "pg_upgrade"), filepath.Join(bin, "initdb"), filepath.Join(bin, "vacuumdb"), data} {
		if _, err := os.Stat(path); err != nil {
			t.Logf("the server's %s is not here", path)
			return
		}
	}
	database := server.NewDatabase(t)
	s := connect(t, database)
	numbered(s)
	fill(s)
	s.do("BEGIN")
	s.do("SELECT gapless.mark_gapless('00000000-0000-0000-0000-000000004711')")
	s.do("SELECT gapless.next_gapless('marked')")
	s.do("COMMIT")
	const outcome = "SELECT gapless.outcome_gapless(token, txid) FROM gapless.allocation WHERE token IS NOT NULL"
	require.Equal(t, "committed", *value[string](s, outcome))
	s.do("BEGIN")
	s.do("SELECT gapless.next_gapless('prepared')")
	s.do("PREPARE TRANSACTION 'left'")
	before := texts(s, "SELECT a::text FROM gapless.allocation AS a UNION ALL SELECT v::text FROM gapless.void AS v ORDER BY 1")
	server.Stop(t)

	folder := filepath.Dir(data)
	run := func(program string, args ...string) {
		t.Helper()
		output, err := runAsTheServer(t, bin, data, program, args...)
		require.NoError(t, err, output)
	}
	run("initdb", "--pgdata="+folder+"/new", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale="+locale, "--no-sync")
	upgrade := []string{
		"--old-bindir=" + bin, "--new-bindir=" + bin, "--old-datadir=" + data, "--new-datadir=" + folder + "/new",
		"--username=postgres", "--socketdir=" + folder, "--old-port=5432", "--new-port=5433",
	}
	refused, err := runAsTheServer(t, bin, data, "pg_upgrade", append(upgrade, "--check", "--old-options=-c max_prepared_transactions=10")...)
	require.Error(t, err)
	require.Contains(t, refused, "contains prepared transactions")
	server.Start(t)
	connect(t, database).do("ROLLBACK PREPARED 'left'")
	server.Stop(t)
	run("pg_upgrade", upgrade...)
	require.NoError(t, os.Rename(data, folder+"/old"))
	require.NoError(t, os.Rename(folder+"/new", data))
	server.Start(t)

	s = connect(t, database)
	require.Equal(t, before, texts(s, "SELECT a::text FROM gapless.allocation AS a UNION ALL SELECT v::text FROM gapless.void AS v ORDER BY 1"))
	require.Equal(t, filled, contents(s))
	require.Equal(t, filledFindings, findings(s))
	require.Equal(t, "committed", *value[string](s, outcome))

	const analyzed = "SELECT count(*) FROM pg_stats WHERE schemaname = 'gapless'"
	if s.number("SELECT current_setting('server_version_num')::bigint") < 180000 { // which takes them along
		require.Zero(t, s.number(analyzed))
	}
	run("vacuumdb", "--analyze-only", "--all", "--host="+folder, "--port=5432", "--username=postgres")
	require.Positive(t, s.number(analyzed))

	require.EqualValues(t, 2, s.number("SELECT gapless.next_gapless('marked')"))
	goOn(s)
	requireSound(s)
}
