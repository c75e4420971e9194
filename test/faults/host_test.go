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
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/guard"
	"github.com/pggapless/gapless/test/pooler"
)

// smallDisk is a file system of its own that holds so much. A server that uses it is to be started after it is made, so that
// it ends before.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = sharedFolder(t)
	err := guard.Run(t, nil, `
		mount -t tmpfs -o "size=$2,mode=0777" gapless "$1" || exit
		await_end
		for i in $(seq 600); do umount "$1" && break; sleep 0.1; done # a server may still be ending`, dir, size)
	require.NoError(t, err, "a small file system cannot be mounted: run this as root, where mount is permitted")
	return dir
}

const fill = "INSERT INTO filler SELECT repeat(md5(i::text), 200) FROM generate_series(1, 100000) AS i"

func TestAFullDiskOfTheDataGivesNumbersBack(t *testing.T) {
	t.Parallel()
	wantHost(t)
	disk := smallDisk(t, "32m")
	server := newServer(t, nil)
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	w.allowed = codes("53100")
	moveData(t, server, database, disk)
	for range *rounds {
		n := w.round(func() { fillData(w, 50) })
		require.GreaterOrEqual(t, n.failed, 50)
	}
}

// moveData puts the journal and the workload's tables on a disk.
func moveData(t *testing.T, server *pgtest.OwnServer, database *pgtest.Database, disk string) {
	t.Helper()
	_, uid, gid := dataOf(t, server)
	place := filepath.Join(disk, "data")
	require.NoError(t, os.Mkdir(place, 0o700))
	require.NoError(t, os.Chown(place, uid, gid))
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLESPACE small LOCATION '" + place + "'")
	for _, move := range sqltest.Texts(s, `
		SELECT format('ALTER %s %s SET TABLESPACE small', CASE c.relkind WHEN 'r' THEN 'TABLE' ELSE 'INDEX' END, c.oid::regclass)
		FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
		WHERE coalesce(i.indrelid, c.oid) IN ('gapless.journal'::regclass, 'early'::regclass, 'taken'::regclass, 'texts'::regclass, 'late'::regclass)`) {
		s.Do(move)
	}
}

// fillData fills the disk that the data was moved to, until so many callers have been refused for it.
func fillData(w *workload, refused int) {
	w.t.Helper()
	s := sqltest.Connect(w.t, w.database)
	s.Do("CREATE TABLE filler (content text) TABLESPACE small; ALTER TABLE filler ALTER content SET STORAGE EXTERNAL")
	s.Refuse("53100", fill)
	w.awaitRefused(refused)
	s.Do("DROP TABLE filler")
	s.Do("CHECKPOINT") // else a crash would have the disk filled again, by recovery
	require.NoError(w.t, s.Close(w.t.Context()))
}

func TestAFullDiskOfTheWALGivesNumbersBack(t *testing.T) {
	t.Parallel()
	wantHost(t)
	disk := smallDisk(t, smallWAL)
	server := newServer(t, nil)
	database := server.NewDatabase(t)
	moveWAL(t, server, disk)
	w := newWorkload(t, database, database.URL)
	w.allowed = func(err error) bool { return outage(err) || codeOf(err) == "53100" }
	w.mayNotSay = true
	for range *rounds {
		w.round(func() { fillWAL(w, server, disk) })
	}
}

const smallWAL, moreWAL = "64m", "256m"

// moveWAL puts a server's WAL on a disk.
func moveWAL(t *testing.T, server *pgtest.OwnServer, disk string) {
	t.Helper()
	data, uid, gid := dataOf(t, server)
	s := sqltest.ConnectTo(t, server.URL())
	s.Do("ALTER SYSTEM SET max_wal_size = '32MB'")
	s.Do("ALTER SYSTEM SET min_wal_size = '32MB'")
	require.NoError(t, s.Close(t.Context()))
	server.Stop(t)
	wal, place := filepath.Join(data, "pg_wal"), filepath.Join(disk, "wal")
	require.NoError(t, os.CopyFS(place, os.DirFS(wal)))
	require.NoError(t, os.RemoveAll(wal))
	require.NoError(t, os.Symlink(place, wal))
	require.NoError(t, filepath.WalkDir(place, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, uid, gid))
	}))
	server.Start(t)
}

// fillWAL fills the disk that the WAL was moved to, whereupon the server ends, and gives it room then.
func fillWAL(w *workload, server *pgtest.OwnServer, disk string) {
	t := w.t
	t.Helper()
	resize := func(size string) error {
		output, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,size="+size, disk).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, output)
		}
		return err
	}
	s := sqltest.Connect(t, w.database)
	postmaster := strings.Fields(*sqltest.Value[string](s, "SELECT pg_read_file('postmaster.pid')"))[0]
	s.Do("DROP TABLE IF EXISTS wal_filler")
	s.Do("CREATE TABLE wal_filler (content text)")
	s.Do("ALTER TABLE wal_filler ALTER content SET STORAGE EXTERNAL")
	s.Do("ALTER SYSTEM SET max_wal_size = '10GB'") // no checkpoint is to help
	s.Do("ALTER SYSTEM SET checkpoint_timeout = '1h'")
	s.Do("SELECT pg_reload_conf()")
	require.Eventually(t, func() bool {
		_, err := s.Exec(t.Context(), strings.ReplaceAll(fill, "filler", "wal_filler"))
		return err != nil
	}, sqltest.Eventually, sqltest.Tick)
	w.awaitRefused(1)

	// It comes back by itself, or gives up.
	gone := false
	require.Eventually(t, func() bool {
		gone = !runs(postmaster)
		conn, err := pgx.Connect(t.Context(), w.database.URL)
		if err == nil {
			conn.Close(t.Context())
		}
		return gone || err == nil
	}, sqltest.Eventually, sqltest.Tick)
	require.NoError(t, resize(moreWAL))
	t.Logf("the server has given up: %t", gone)
	if gone {
		server.Start(t)
	} else {
		awaitServer(t, w.database.URL)
	}

	// What was written there goes when a checkpoint needs it no more.
	s = sqltest.Connect(t, w.database)
	s.Do("ALTER SYSTEM SET max_wal_size = '32MB'")
	s.Do("ALTER SYSTEM RESET checkpoint_timeout")
	s.Do("SELECT pg_reload_conf()")
	s.Do("DROP TABLE IF EXISTS wal_filler")
	require.Eventually(t, func() bool {
		for _, statement := range []string{"SELECT pg_switch_wal()", "CHECKPOINT"} {
			if _, err := s.Exec(t.Context(), statement); err != nil {
				return false
			}
		}
		return resize(smallWAL) == nil // it has to have room for what is there
	}, sqltest.Eventually, sqltest.Tick, "the WAL stays")
}

// TestABackendOutOfMemoryGivesItsNumbersBack has one caller ask for more than its process may have, and gives the others no more
// than they have.
func TestABackendOutOfMemoryGivesItsNumbersBack(t *testing.T) {
	t.Parallel()
	wantHost(t)
	server := newServer(t, nil)
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	w.allowed = codes("53200", "2201B") // the latter of a regular expression that there is no room for
	for range *rounds {
		w.round(func() { exhaustMemory(w, server) })
		s := sqltest.Connect(t, database)
		s.Do("BEGIN")
		require.EqualValues(t, 1, *sqltest.Value[int64](s, "SELECT gapless.next_gapless('more than there is room for')"))
		s.Do("ROLLBACK")
		require.NoError(t, s.Close(t.Context()))
	}
}

// exhaustMemory has a backend ask for more memory than there is, and the callers' have hardly more than they do meanwhile.
func exhaustMemory(w *workload, server *pgtest.OwnServer) {
	const mebibyte = 1 << 20
	w.t.Helper()
	_, uid, gid := dataOf(w.t, server)
	limit := func(pid int32, more int64) { limitMemory(w.t, uid, gid, pid, more) }
	s := sqltest.Connect(w.t, w.database)
	s.Do("SET jit = off") // its library would be the first that there is no room for
	own := int32(s.PID())
	others := sqltest.Values[int32](s, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()")
	for _, pid := range others {
		limit(pid, mebibyte)
	}
	limit(own, 32*mebibyte)
	_, err := s.Exec(w.t.Context(), "SELECT array_agg(n) FROM gapless.next_gapless_batch('more than there is room for', 20000000) AS n")
	require.Error(w.t, err)
	if !w.mayNotSay || !outage(err) { // another one may have no room for its stack, which ends the server
		require.Equal(w.t, "53200", codeOf(err), "%v", err)
	}
	for _, pid := range append(others, own) {
		limit(pid, -1)
	}
	s.Close(w.t.Context())
	awaitServer(w.t, w.database.URL)
}

// limitMemory gives a process of the server so much more than it has; or, below 0, what it wants.
func limitMemory(t *testing.T, uid, gid int, pid int32, more int64) {
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

// runs reports whether there is such a process, other than a zombie.
func runs(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	_, after, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// newClock has what this process starts from now on believe another time: so much later than it is, or earlier. The test cannot
// be parallel: a server's environment is the process'.
func newClock(t *testing.T) (set func(offset time.Duration)) {
	t.Helper()
	libraries, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	require.NoError(t, err)
	require.NotEmpty(t, libraries, "there is no libfaketime: apt-get install faketime")
	clock := filepath.Join(sharedFolder(t), "clock")
	set = func(offset time.Duration) {
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
	return set
}

// awaitClock blocks until the server believes what the clock was set to.
func awaitClock(t *testing.T, url string, offset time.Duration) {
	t.Helper()
	sqltest.ConnectTo(t, url).Await("SELECT abs(extract(epoch FROM clock_timestamp()) - $1) < 300", float64(time.Now().Add(offset).Unix()))
}

// offsets are how far a clock is wrong, one after the other.
var offsets = []time.Duration{-time.Hour, 24 * time.Hour, 0}

// jumpedBack is how often a journal row is older by the clock than the one before.
const jumpedBack = `SELECT count(*) FROM (
	SELECT allocated_at - lag(allocated_at) OVER (PARTITION BY name ORDER BY ordinal) AS step FROM gapless.journal
) AS a WHERE step < '-50 minutes'`

func TestAClockThatJumpsDisordersNothing(t *testing.T) {
	wantHost(t)
	set := newClock(t)
	server := pgtest.NewServer(t)
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	w.allowed = outage // while it is down
	w.mayNotSay = true
	for range *rounds {
		for _, offset := range offsets {
			n := w.round(func() { set(offset); awaitClock(t, database.URL, offset); w.await(50) })
			require.Zero(t, n.failed+n.unknown)
		}
	}
	for range *rounds {
		for _, offset := range offsets {
			w.round(func() {
				server.Kill(t)
				set(offset)
				server.Start(t)
				w.await(50)
			})
		}
	}
	require.Positive(t, *sqltest.Value[int64](sqltest.Connect(t, database), jumpedBack), "no clock has jumped back")
}

func TestThroughPgBouncerInTxHoldsAndAFlusherNeedsADirectConnection(t *testing.T) {
	t.Parallel()
	wantHost(t)
	server := newServer(t, nil)
	database := server.NewDatabase(t)
	openShop(t, database)
	pooled := pooler.PgBouncer.New(t, database, map[string]string{"default_pool_size": "6"})
	// Each statement may meet another backend, which knows no prepared statement of ours.
	proxy := pgproxy.New(t, pooled.URL)
	way := *pooled.Database
	way.URL = proxy.URL()
	pool := way.Pool(t, func(config *pgxpool.Config) {
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
	w := &workload{t: t, database: database, orders: map[string]*order{}, ways: []sqltest.InTx{oneByOne(pool), committer.InTx}}
	w.admit(64, sqltest.NewSeed(t))
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
	// So does the server itself, and the way to the pooler breaks.
	w.allowed = func(err error) bool { return outage(err) || strings.HasPrefix(codeOf(err), "08") }
	w.mayNotSay = true
	for range *rounds {
		proxy.Intercept(cutSome(w.random.Uint64()))
		w.round(func() {
			w.await(100)
			server.Kill(t)
			server.Start(t)
			w.await(20)
			proxy.CutAll()
			proxy.Intercept(nil)
		})
	}
}
