//go:build unix

package faults_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/sqltest"
)

const (
	upgradeVariable = "GAPLESS_UPGRADE_BIN"

	// The default is with checksums since PostgreSQL 18, and pg_upgrade wants them as they were.
	withChecksums    = "--data-checksums"
	withoutChecksums = "--no-data-checksums"

	// attver is an option that some releases (15.20, 17.12) give each column. The pg_dump of those that were built before (15.18, 18.6,
	// 19rc1) writes it, and their server does not know it.
	attver = "pg_attver"
)

// TestAServerThatIsUpgradedGoesOn has pg_upgrade make another cluster of a server's: one of the release whose programs are in
// GAPLESS_UPGRADE_BIN, or else of the same, which goes the same way. The server has been killed under its callers before, and their
// connections cut.
func TestAServerThatIsUpgradedGoesOn(t *testing.T) {
	newer := os.Getenv(upgradeVariable)
	if newer == "" && *rounds == 1 && !*host {
		t.Skip("not in a short run: asked for by -rounds 2, by -host, or by " + upgradeVariable + ", the folder of a newer release's programs")
	}
	if newer == "" { // else which programs are run is said in the process' environment
		t.Parallel()
	}
	server := newServer(t, nil)
	older := server.Programs()
	if newer == "" {
		newer = older
		sqltest.WantPrograms(t, server, "pg_upgrade")
	}
	sqltest.WantPrograms(t, server)
	require.FileExists(t, filepath.Join(newer, "pg_upgrade"), "install PostgreSQL's programs; or set %s to their folder", upgradeVariable)
	database := server.NewDatabase(t)
	proxy := pgproxy.New(t, database.URL)
	w := newWorkload(t, database, proxy.URL())
	w.allowed, w.mayNotSay = outage, true
	proxy.Intercept(cutSome(w.random.Uint64()))
	w.round(func() { server.Kill(t); server.Start(t) })
	s := sqltest.Connect(t, database)
	checksums := *sqltest.Value[bool](s, "SELECT current_setting('data_checksums')::boolean")
	if s.Number("SELECT count(*) FROM pg_attribute WHERE attrelid = 'gapless.journal'::regclass AND attoptions::text LIKE '%' || $1 || '%'", attver) > 0 {
		dump, err := os.ReadFile(filepath.Join(newer, "pg_dump"))
		require.NoError(t, err)
		if !bytes.Contains(dump, []byte(attver)) {
			t.Skipf("%s gives columns the option %s, which %s does not know", server.Provider(), attver, newer)
		}
	}
	data, uid, gid := dataOf(t, server)
	server.Stop(t)

	folder := filepath.Join(sharedFolder(t), "upgrade")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.Chown(folder, uid, gid))
	upgraded := filepath.Join(folder, "data")
	run := func(program string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), filepath.Join(newer, program), args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+folder)
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		}
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", program, output)
	}
	options := []string{"--pgdata=" + upgraded, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--wal-segsize=1"} // as pgtest makes clusters
	if checksums {
		options = append(options, withChecksums)
	} else if help, err := exec.CommandContext(t.Context(), filepath.Join(newer, "initdb"), "--help").Output(); err == nil && strings.Contains(string(help), withoutChecksums) {
		options = append(options, withoutChecksums)
	}
	run("initdb", options...)
	run("pg_upgrade", "--old-bindir="+older, "--new-bindir="+newer, "--old-datadir="+data, "--new-datadir="+upgraded,
		"--username=postgres", "--socketdir="+folder)

	if newer != older {
		t.Setenv("GAPLESS_PG_BIN", newer)
	}
	next := newServer(t, nil)
	putData(t, next, upgraded, "")
	w.database = next.Replica(t, database)
	before := *sqltest.Value[string](sqltest.Connect(t, w.database), "SELECT count(*)::text FROM gapless.journal")
	w.check()
	pool := w.database.Pool(t, sqltest.HostilePath)
	w.ways = []sqltest.InTx{oneByOne(pool), inGroups(t, pool)}
	refused := w.refused.Load()
	w.round(func() {})
	require.Equal(t, refused, w.refused.Load())
	t.Logf("%s journal rows came along to %s", before, next.Provider())
}
