//go:build unix

package gapless_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
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
	for _, path := range []string{filepath.Join(bin, "pg_upgrade"), filepath.Join(bin, "initdb"), data} {
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
	before := texts(s, "SELECT a::text FROM gapless.allocation AS a UNION ALL SELECT v::text FROM gapless.void AS v ORDER BY 1")
	server.Stop(t)

	folder := filepath.Dir(data)
	owner, err := os.Stat(data)
	require.NoError(t, err)
	run := func(program string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, program), args...)
		cmd.Dir, cmd.Env = folder, append(os.Environ(), "LC_ALL=C")
		if stat, ok := owner.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 { // they refuse to run as root
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}}
		}
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)
	}
	run("initdb", "--pgdata="+folder+"/new", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale="+locale, "--no-sync")
	run("pg_upgrade", "--old-bindir="+bin, "--new-bindir="+bin, "--old-datadir="+data, "--new-datadir="+folder+"/new",
		"--username=postgres", "--socketdir="+folder, "--old-port=5432", "--new-port=5433")
	require.NoError(t, os.Rename(data, folder+"/old"))
	require.NoError(t, os.Rename(folder+"/new", data))
	server.Start(t)

	s = connect(t, database)
	require.Equal(t, before, texts(s, "SELECT a::text FROM gapless.allocation AS a UNION ALL SELECT v::text FROM gapless.void AS v ORDER BY 1"))
	require.Equal(t, filled, contents(s))
	require.Equal(t, filledFindings, findings(s))
	require.Equal(t, "committed", *value[string](s, outcome))
	require.EqualValues(t, 2, s.number("SELECT gapless.next_gapless('marked')"))
	goOn(s)
	requireSound(s)
}
