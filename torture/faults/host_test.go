//go:build unix

package faults_test

// With -host: disks that are full, clocks that jump, and a pooler in front.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/guard"
	"github.com/pggapless/gapless/internal/pgbouncer"
	"github.com/pggapless/gapless/internal/pgtest"
)

// smallDisk is a file system of its own that holds so much. A server that uses it is to be started after it is made, so that
// it ends before.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = sharedFolder(t)
	err := guard.Run(t, nil, `mount -t tmpfs -o "size=$2,mode=0777" gapless "$1" || exit; await_end; umount "$1"`, dir, size)
	require.NoError(t, err, "a small file system cannot be mounted: run this as root, where mount is permitted")
	return dir
}

const fill = "INSERT INTO filler SELECT repeat(md5(i::text), 200) FROM generate_series(1, 100000) AS i"

func TestAFullDiskOfTheDataGivesNumbersBack(t *testing.T) {
	t.Parallel()
	if !onHost(t) {
		return
	}
	disk := smallDisk(t, "32m")
	server := newServer(t, nil)
	_, uid, gid := dataOf(t, server)
	place := filepath.Join(disk, "data")
	require.NoError(t, os.Mkdir(place, 0o700))
	require.NoError(t, os.Chown(place, uid, gid))
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	w.allowed = codes("53100")
	s := connect(t, database.URL)
	s.do("CREATE TABLESPACE small LOCATION '" + place + "'")
	for _, move := range values[string](s, `
		SELECT format('ALTER %s %s SET TABLESPACE small', CASE c.relkind WHEN 'r' THEN 'TABLE' ELSE 'INDEX' END, c.oid::regclass)
		FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
		WHERE coalesce(i.indrelid, c.oid) IN ('gapless.allocation'::regclass, 'early'::regclass, 'taken'::regclass, 'late'::regclass)`) {
		s.do(move)
	}
	for range *rounds {
		n := w.round(func() {
			s.do("CREATE TABLE filler (content text) TABLESPACE small; ALTER TABLE filler ALTER content SET STORAGE EXTERNAL")
			s.refuse("53100", fill)
			w.awaitRefused(50)
			s.do("DROP TABLE filler")
		})
		require.GreaterOrEqual(t, n.failed, 50)
	}
}

func TestAFullDiskOfTheWALGivesNumbersBack(t *testing.T) {
	t.Parallel()
	if !onHost(t) {
		return
	}
	disk := smallDisk(t, "64m")
	server := newServer(t, map[string]string{"max_wal_size": "10GB", "min_wal_size": "32MB", "checkpoint_timeout": "1h"})
	database := server.NewDatabase(t)
	data, uid, gid := dataOf(t, server)
	server.Stop(t)
	wal, place := filepath.Join(data, "pg_wal"), filepath.Join(disk, "wal")
	require.NoError(t, os.CopyFS(place, os.DirFS(wal)))
	require.NoError(t, os.RemoveAll(wal))
	require.NoError(t, os.Symlink(place, wal))
	require.NoError(t, filepath.WalkDir(place, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, uid, gid))
	}))
	server.Start(t)

	w := newWorkload(t, database, database.URL)
	w.allowed = func(err error) bool { return outage(err) || codeOf(err) == "53100" }
	w.mayNotSay = true
	s := connect(t, database.URL)
	s.do("CREATE TABLE filler (content text); ALTER TABLE filler ALTER content SET STORAGE EXTERNAL")
	size := 64
	for range *rounds {
		w.round(func() {
			postmaster := strings.Fields(value[string](connect(t, database.URL), "SELECT pg_read_file('postmaster.pid')"))[0]
			filler := connect(t, database.URL)
			require.Eventually(t, func() bool { _, err := filler.Exec(t.Context(), fill); return err != nil }, eventually, tick)
			w.awaitRefused(1)

			// It comes back by itself, or gives up.
			gone := false
			require.Eventually(t, func() bool {
				gone = !runs(postmaster)
				conn, err := pgx.Connect(t.Context(), database.URL)
				if err == nil {
					conn.Close(t.Context())
				}
				return gone || err == nil
			}, eventually, tick)
			size *= 2
			output, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,size="+strconv.Itoa(size)+"m", disk).CombinedOutput()
			require.NoError(t, err, "%s", output)
			t.Logf("the server has given up: %t", gone)
			if gone {
				server.Start(t)
			}
		})
	}
}

// TestABackendOutOfMemoryGivesItsNumbersBack has one caller ask for more than its process may have, and gives the others no more
// than they have.
func TestABackendOutOfMemoryGivesItsNumbersBack(t *testing.T) {
	t.Parallel()
	if !onHost(t) {
		return
	}
	server := newServer(t, nil)
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	w.allowed = codes("53200")
	_, uid, gid := dataOf(t, server)
	s := connect(t, database.URL)
	const mebibyte = 1 << 20
	limit := func(pid int32, more int64) {
		t.Helper()
		size := "unlimited"
		if more >= 0 {
			pages, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
				return // it has ended meanwhile
			}
			require.NoError(t, err)
			has, err := strconv.ParseInt(strings.Fields(string(pages))[0], 10, 64)
			require.NoError(t, err)
			size = strconv.FormatInt(has*int64(os.Getpagesize())+more, 10)
		}
		cmd := exec.CommandContext(t.Context(), "prlimit", "--pid", strconv.Itoa(int(pid)), "--as="+size+":") // the soft one, so that it can be raised
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		output, err := cmd.CombinedOutput()
		if _, gone := os.Stat(fmt.Sprintf("/proc/%d", pid)); gone != nil {
			return
		}
		require.NoError(t, err, "%s", output)
	}
	s.do("SET jit = off") // its library would be the first that there is no room for
	own := int32(s.PgConn().PID())
	for range *rounds {
		w.round(func() {
			others := values[int32](s, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()")
			for _, pid := range others {
				limit(pid, mebibyte)
			}
			limit(own, 32*mebibyte)
			s.do("BEGIN")
			s.refuse("53200", "SELECT array_agg(n) FROM gapless.next_gapless_batch('more than there is room for', 20000000) AS n")
			s.do("ROLLBACK")
			for _, pid := range append(others, own) {
				limit(pid, -1)
			}
		})
		s.do("BEGIN")
		require.EqualValues(t, 1, value[int64](s, "SELECT gapless.next_gapless('more than there is room for')"))
		s.do("ROLLBACK")
	}
}

// runs reports whether there is such a process, other than a zombie.
func runs(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	_, after, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// TestAClockThatJumpsDisordersNothing is not parallel: the server's environment is the process'.
func TestAClockThatJumpsDisordersNothing(t *testing.T) {
	if !onHost(t) {
		return
	}
	libraries, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	require.NoError(t, err)
	require.NotEmpty(t, libraries, "there is no libfaketime: apt-get install faketime")
	clock := filepath.Join(sharedFolder(t), "clock")
	set := func(offset time.Duration) {
		t.Helper()
		text := strconv.FormatFloat(offset.Seconds(), 'f', 0, 64)
		if offset >= 0 {
			text = "+" + text
		}
		require.NoError(t, os.WriteFile(clock+".new", []byte(text+"\n"), 0o644))
		require.NoError(t, os.Rename(clock+".new", clock))
	}
	set(0)
	// The library leaves shared memory behind when its process is killed.
	const shared = "/dev/shm/*faketime_s*"
	before, err := filepath.Glob(shared)
	require.NoError(t, err)
	t.Cleanup(func() {
		after, err := filepath.Glob(shared)
		require.NoError(t, err)
		for _, left := range after {
			if !slices.Contains(before, left) {
				require.NoError(t, os.Remove(left))
			}
		}
	})
	for name, setting := range map[string]string{
		"LD_PRELOAD": libraries[0], "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
	} {
		t.Setenv(name, setting)
	}
	server := pgtest.NewServer(t)
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	w.allowed = outage // while it is down
	w.mayNotSay = true
	jump := func(offset time.Duration) {
		t.Helper()
		set(offset)
		connect(t, database.URL).await("SELECT abs(extract(epoch FROM clock_timestamp()) - $1) < 300", float64(time.Now().Add(offset).Unix()))
	}
	for range *rounds {
		for _, offset := range []time.Duration{-time.Hour, 24 * time.Hour, 0} {
			n := w.round(func() { jump(offset); w.await(50) })
			require.Zero(t, n.failed+n.unknown)
		}
	}
	for range *rounds {
		for _, offset := range []time.Duration{-time.Hour, 24 * time.Hour, 0} {
			w.round(func() {
				server.Kill(t)
				set(offset)
				server.Start(t)
				w.await(50)
			})
		}
	}
	back := value[int64](connect(t, database.URL), `SELECT count(*) FROM (
		SELECT allocated_at - lag(allocated_at) OVER (PARTITION BY name ORDER BY ordinal) AS step FROM gapless.allocation
	) AS a WHERE step < '-50 minutes'`)
	require.Positive(t, back, "no clock has jumped back")
}

func TestThroughPgBouncerInTxHoldsAndAFlusherNeedsADirectConnection(t *testing.T) {
	t.Parallel()
	if !onHost(t) {
		return
	}
	server := newServer(t, nil)
	database := server.NewDatabase(t)
	openShop(t, database)
	pooled := pgbouncer.New(t, database, map[string]string{"default_pool_size": "6"})
	// Each statement may meet another backend, which knows no prepared statement of ours.
	pool := pooled.Pool(t, func(config *pgxpool.Config) {
		config.MaxConns = 32
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	})
	_, err := gapless.NewGroupCommitter(t.Context(), pool)
	require.ErrorContains(t, err, "pooler")

	direct, err := pgx.ParseConfig(database.URL)
	require.NoError(t, err)
	committer, err := gapless.NewGroupCommitter(t.Context(), pool, gapless.WithFlusherConfig(direct))
	require.NoError(t, err)
	t.Cleanup(committer.Close)
	w := &workload{t: t, database: database, orders: map[string]*order{}, ways: []inTx{oneByOne(pool), committer.InTx}}
	w.admit(64, newSeed(t))
	for range *rounds {
		n := w.round(func() { w.await(500) })
		require.Zero(t, n.failed)
	}
	// Behind the pooler, backends end.
	w.thinks = 40 * time.Millisecond
	w.allowed = func(err error) bool {
		return codeOf(err) == "57P01" || strings.HasPrefix(codeOf(err), "08") || codeOf(err) == ""
	}
	for range *rounds {
		w.round(func() { signalBackends("pg_terminate_backend")(w) })
	}
	require.Positive(t, w.refused.Load())
}
