//go:build unix

package faults_test

// A base backup and the archive of the WAL give a server back as it was at a point of time, and a standby takes its place.

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestAServerRecoveredToAPointOfTimeHasEveryNumberUpToThere takes the backup while callers commit, has the server killed after it and
// connections cut all the time, and recovers up to a restore point, and up to one of their transactions.
func TestAServerRecoveredToAPointOfTimeHasEveryNumberUpToThere(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	for range *rounds {
		for _, byName := range some(random, []bool{true, false}, 1) {
			t.Run(fmt.Sprintf("by name %t", byName), func(t *testing.T) {
				t.Parallel()
				recoverTo(t, byName)
			})
		}
	}
}

func recoverTo(t *testing.T, byName bool) {
	archive := sharedFolder(t)
	primary := newServer(t, map[string]string{
		"archive_mode": "on", "archive_command": archiveTo(archive),
	})
	sqltest.WantStandby(t, primary)
	database := primary.NewDatabase(t)
	proxy := pgproxy.New(t, database.URL)
	w := newWorkload(t, database, proxy.URL())
	w.allowed, w.mayNotSay = outage, true
	s := sqltest.Connect(t, database)
	backup := filepath.Join(archive, "backup")
	var target, sequence string
	var newest int64
	proxy.Intercept(cutSome(w.random.Uint64()))
	w.round(func() {
		output, err := exec.CommandContext(t.Context(), filepath.Join(primary.Programs(), "pg_basebackup"),
			"--dbname="+primary.URL(), "--pgdata="+backup, "--wal-method=none", "--checkpoint=fast", "--no-sync").CombinedOutput()
		require.NoError(t, err, "%s", output)
		w.await(1 + w.random.IntN(size(20, 50)))
		primary.Kill(t)
		primary.Start(t)
		s = sqltest.Connect(t, database)
		w.await(1 + w.random.IntN(size(20, 50)))
		w.forget()
		if byName {
			s.Do("SELECT pg_create_restore_point('here')")
			target = "recovery_target_name = 'here'"
			return
		}
		var txid int64 // of a transaction that begins now
		since := *sqltest.Value[int64](s, "SELECT txid_snapshot_xmax(txid_current_snapshot())")
		require.Eventually(t, func() bool {
			return s.QueryRow(t.Context(), `SELECT a.name, max(a.last_value), a.txid FROM gapless.journal AS a
				WHERE a.txid >= $1 GROUP BY a.name, a.txid ORDER BY a.txid, a.name LIMIT 1`, since).Scan(&sequence, &newest, &txid) == nil
		}, sqltest.Eventually, sqltest.Tick)
		target = fmt.Sprintf("recovery_target_xid = '%d'", txid)
	})
	s.Await("SELECT last_archived_wal >= $1 FROM pg_stat_archiver", *sqltest.Value[string](s, "SELECT pg_walfile_name(pg_switch_wal())"))
	primary.Kill(t)

	recovered := newServer(t, nil)
	putData(t, recovered, backup, "restore_command = 'cp "+archive+"/%f %p'\nrecovery_target_action = 'promote'\n"+target+"\n",
		"recovery.signal")
	w.database = recovered.Replica(t, database)
	s = sqltest.Connect(t, w.database)
	s.Await("SELECT NOT pg_is_in_recovery()")
	n := w.check()
	require.Positive(t, n.gone, "it has what came after, too")
	if !byName {
		require.Equal(t, newest, *sqltest.Value[int64](s, "SELECT gapless.last_gapless($1)", sequence))
	}

	// It goes on from there, and issues the numbers that are gone again.
	w.keep()
	w.recent = nil
	pool := w.database.Pool(t, sqltest.HostilePath)
	w.ways = []sqltest.InTx{oneByOne(pool), inGroups(t, pool)}
	refused := w.refused.Load()
	w.round(func() { w.await(size(20, 100)) })
	require.Equal(t, refused, w.refused.Load())
}

// archiveTo is an archive_command that leaves nothing half copied, and may be repeated after a crash.
func archiveTo(folder string) string {
	file := folder + "/%f"
	return fmt.Sprintf("cmp -s %%p %[1]s || { test ! -f %[1]s && cp %%p %[1]s.part && mv %[1]s.part %[1]s; }", file)
}

// TestFailOversAmongOtherFaults has one standby after the other take its primary's place, while connections break at any message,
// timeouts cut the callers short, backends are killed, and a transaction is left prepared, to be resolved on the new primary.
func TestFailOversAmongOtherFaults(t *testing.T) {
	t.Parallel()
	primary := newServer(t, nil)
	sqltest.WantStandby(t, primary)
	database := primary.NewDatabase(t)
	proxy := pgproxy.New(t, database.URL)
	w := newWorkload(t, database, proxy.URL(), impatient...)
	w.thinks, w.allowed, w.mayNotSay, w.opposite = 40*time.Millisecond, impatience, true, true
	prepared := &leftPrepared{w: w}
	for range *rounds {
		for _, synchronous := range some(w.random, []bool{true, false}, 1) {
			t.Logf("synchronous: %t", synchronous)
			proxy.Intercept(cutSome(w.random.Uint64()))
			n := w.round(func() {
				standby := pgtest.NewStandby(t, primary)
				if synchronous {
					primary.SetSynchronous(t, standby)
				}
				w.await(1 + w.random.IntN(20))
				for _, strike := range some(w.random, []func(){
					func() { killOne(w) }, proxy.CutAll, func() { signalBackends("pg_terminate_backend")(w) },
				}, 1) {
					strike()
				}
				prepared.leave()
				w.await(1 + w.random.IntN(20))
				if !synchronous {
					w.forget()
				}
				s := sqltest.Connect(t, w.database)
				s.Await("SELECT count(*) > 0 FROM pg_stat_replication WHERE replay_lsn >= $1::text::pg_lsn", *sqltest.Value[string](s, "SELECT pg_current_wal_lsn()::text"))
				onStandby := sqltest.ConnectTo(t, standby.URL())
				onStandby.Do("ALTER SYSTEM SET primary_conninfo = ''")
				onStandby.Do("SELECT pg_reload_conf()")
				s.Await("SELECT count(*) = 0 FROM pg_stat_replication")
				if synchronous {
					s.Await("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'") // nobody is acknowledged
				} else {
					w.await(size(15, 50)) // only the primary has these
				}
				primary.Kill(t)
				replica := standby.Replica(t, database)
				standby.Promote(t)
				w.keep() // nobody has reached the new primary yet
				proxy.Redirect(replica.URL)
				w.database = replica
				w.observer.Move(replica.URL)
				primary, database = standby, replica
				prepared.resolve()
				proxy.Intercept(nil)
			})
			w.recent = nil
			require.Equal(t, synchronous, n.gone == 0)
		}
	}
}

// sharedFolder is a folder that both we and the server's user can write to. It is removed at the end.
func sharedFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gapless-faults-") //nolint:usetesting // nobody else may look into a TempDir
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777))
	return dir
}

// dataOf is a server's data directory, and whose it is.
func dataOf(t *testing.T, server *pgtest.OwnServer) (dir string, uid, gid int) {
	t.Helper()
	dir = *sqltest.Value[string](sqltest.ConnectTo(t, server.URL()), "SHOW data_directory")
	info, err := os.Stat(dir)
	require.NoError(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	return dir, int(owner.Uid), int(owner.Gid)
}

// putData has a server run on a copy of another's data directory, with these settings and files.
func putData(t *testing.T, server *pgtest.OwnServer, from, settings string, files ...string) {
	t.Helper()
	data, uid, gid := dataOf(t, server)
	server.Stop(t)
	require.NoError(t, os.RemoveAll(data))
	require.NoError(t, os.CopyFS(data, os.DirFS(from)))
	require.NoError(t, os.WriteFile(filepath.Join(data, "postgresql.auto.conf"), []byte(settings), 0o600))
	for _, name := range files {
		require.NoError(t, os.WriteFile(filepath.Join(data, name), nil, 0o600))
	}
	require.NoError(t, filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		if err == nil {
			err = os.Lchown(path, uid, gid)
		}
		return err
	}))
	server.Start(t)
}
