//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// withEachProvider runs the test with a server of each kind that there can be one of here.
func withEachProvider(t *testing.T, settings map[string]string, test func(*testing.T, *OwnServer)) {
	t.Helper()
	for name, wanted := range map[string]func(*testing.T){"programs": wantPrograms, "docker": wantDocker} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wanted(t)
			test(t, NewServer(t, with(nil), WithProvider(name), WithSettings(settings)))
		})
	}
}

func TestWhatIsCommittedSurvivesHoweverTheServerEnds(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"commit_delay": "17"}
	withEachProvider(t, settings, func(t *testing.T, s *OwnServer) {
		address := s.URL()
		d := s.NewDatabase(t)
		require.NoError(t, execute(t.Context(), d.URL, "CREATE TABLE kept (how text)"))
		for _, test := range []struct {
			how       string
			off       func(TB)
			recovered bool
		}{
			{"SIGKILL", s.Kill, true}, {"immediate", s.StopImmediate, true}, {"fast", s.Stop, false}, {"SIGKILL again", s.Kill, true},
		} {
			idle, err := pgx.Connect(t.Context(), d.URL)
			require.NoError(t, err)
			// Recovery after a crash empties unlogged tables.
			require.NoError(t, execute(t.Context(), d.URL, "CREATE UNLOGGED TABLE unlogged AS SELECT 1; CHECKPOINT"))
			require.NoError(t, execute(t.Context(), d.URL, "INSERT INTO kept VALUES ('"+test.how+"')"))

			test.off(t)
			require.Error(t, idle.Ping(t.Context()), "the connection is not broken")
			require.NoError(t, idle.Close(t.Context()))
			_, err = pgx.Connect(t.Context(), d.URL)
			require.Error(t, err, "it still answers")

			s.Start(t)
			require.Equal(t, address, s.URL())
			require.True(t, query[bool](t, d.URL, "SELECT EXISTS (SELECT FROM kept WHERE how = $1)", test.how))
			require.Equal(t, test.recovered, query[bool](t, d.URL, "SELECT NOT EXISTS (SELECT FROM unlogged)"), test.how)
			require.NoError(t, execute(t.Context(), d.URL, "DROP TABLE unlogged"))
		}
		require.Equal(t, "17", query[string](t, d.URL, "SHOW commit_delay"))
		require.True(t, query[bool](t, d.URL, "SELECT to_regnamespace('gapless') IS NOT NULL"))
	})
}

func TestAKilledServerLosesOnlyTheEndOfWhatWasCommittedAsynchronously(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"synchronous_commit": "off", "wal_writer_delay": "10s"}
	withEachProvider(t, settings, func(t *testing.T, s *OwnServer) {
		d, err := s.CreateDatabase(t.Context(), "")
		require.NoError(t, err)
		require.NoError(t, execute(t.Context(), d.URL, "SET synchronous_commit = on; CREATE TABLE t (i int)"))
		conn, err := pgx.Connect(t.Context(), d.URL)
		require.NoError(t, err)
		defer conn.Close(t.Context())
		for i := range 100 {
			_, err := conn.Exec(t.Context(), "INSERT INTO t VALUES ($1)", i)
			require.NoError(t, err)
		}
		s.Kill(t)
		s.Start(t)
		require.True(t, query[bool](t, d.URL, "SELECT count(*) = coalesce(max(i) + 1, 0) FROM t"))
		t.Logf("%d of 100 rows are left", query[int](t, d.URL, "SELECT count(*) FROM t"))
	})
}

func TestAServerCanBeKilledWhileManyWrite(t *testing.T) {
	t.Parallel()
	withEachProvider(t, nil, func(t *testing.T, s *OwnServer) {
		const writers = 8
		d, err := s.CreateDatabase(t.Context(), "")
		require.NoError(t, err)
		require.NoError(t, execute(t.Context(), d.URL, "CREATE TABLE t (writer int, i int)"))
		for range 3 {
			require.NoError(t, execute(t.Context(), d.URL, "TRUNCATE t"))
			var g errgroup.Group
			var committed [writers]atomic.Int32
			for writer := range writers {
				g.Go(func() error {
					conn, err := pgx.Connect(t.Context(), d.URL)
					if err != nil {
						return err
					}
					defer conn.Close(t.Context())
					for i := int32(1); ; i++ {
						if _, err := conn.Exec(t.Context(), "INSERT INTO t VALUES ($1, $2)", writer, i); err != nil {
							return nil // the server is killed
						}
						committed[writer].Store(i)
					}
				})
			}
			require.Eventually(t, func() bool {
				for writer := range writers {
					if committed[writer].Load() < 10 {
						return false
					}
				}
				return true
			}, 30*time.Second, time.Millisecond)
			s.Kill(t)
			require.NoError(t, g.Wait())
			s.Start(t)
			for writer := range writers {
				last := committed[writer].Load()
				// The answer to one more may have been lost.
				require.Contains(t, []int32{last, last + 1}, query[int32](t, d.URL, "SELECT count(*) FROM t WHERE writer = $1", writer))
			}
		}
	})
}

func TestATestCanHaveSeveralServers(t *testing.T) {
	t.Parallel()
	withEachProvider(t, nil, func(t *testing.T, s *OwnServer) {
		other := NewServer(t, with(map[string]string{urlVariable: s.URL(), providerVariable: "url"}), WithProvider(s.config.provider))
		require.NotEqual(t, s.URL(), other.URL())
		s.Kill(t)
		require.Equal(t, 1, query[int](t, other.URL(), "SELECT 1"))
	})
}

func TestTheServerOfATestIsGoneAfterIt(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	for name, end := range map[string]func(*OwnServer, *testing.T){
		"that runs":              func(*OwnServer, *testing.T) {},
		"that was killed":        func(s *OwnServer, t *testing.T) { s.Kill(t) },
		"that has orphans":       func(s *OwnServer, t *testing.T) { leaveOrphan(t, s); s.KillPostmaster(t) },
		"that was stopped":       func(s *OwnServer, t *testing.T) { s.Stop(t) },
		"that was started again": func(s *OwnServer, t *testing.T) { s.Kill(t); s.Start(t) },
		"that is closed":         func(s *OwnServer, t *testing.T) { require.NoError(t, s.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := newTempFolder(t)
			var c cluster
			t.Run("test", func(t *testing.T) {
				s := NewServer(t, in(temp), WithProvider("programs"))
				c = clusterOf(t, s.URL())
				require.Equal(t, runtime.GOOS == "linux", c.hasMemory(t))
				end(s, t)
			})
			require.True(t, c.gone())
			require.False(t, c.hasMemory(t))
			require.Empty(t, entries(t, temp))
		})
	}
}

func TestAServerThatEndedByItselfCanBeStartedAgain(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	s := NewServer(t, with(nil), WithProvider("programs"))
	c := clusterOf(t, s.URL())
	require.NoError(t, syscall.Kill(c.pid, syscall.SIGQUIT))
	require.Eventually(t, func() bool {
		running, err := runs(c.pid)
		return err == nil && !running
	}, 30*time.Second, time.Millisecond)
	require.Contains(t, failure(t, s.Kill), "received immediate shutdown request")
	s.Start(t)
	require.Equal(t, 1, query[int](t, s.URL(), "SELECT 1"))
}

// leaveOrphan has a session run a program, which keeps it from noticing that the postmaster is gone.
func leaveOrphan(t *testing.T, s *OwnServer) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = conn.Exec(t.Context(), "COPY (SELECT) TO PROGRAM 'sleep 60'")
	}()
	t.Cleanup(func() { <-ended })
	observer, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	defer observer.Close(t.Context())
	require.Eventually(t, func() (active bool) {
		err := observer.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%')").Scan(&active)
		return err == nil && active
	}, 30*time.Second, time.Millisecond)
}

func TestAServerStartsWhenTheOrphansOfItsPostmasterHaveEnded(t *testing.T) {
	t.Parallel()
	withEachProvider(t, nil, func(t *testing.T, s *OwnServer) {
		idle, err := pgx.Connect(t.Context(), s.URL())
		require.NoError(t, err)
		require.NoError(t, execute(t.Context(), s.URL(), "CREATE TABLE kept ()"))
		s.KillPostmaster(t)
		require.Contains(t, failure(t, s.KillPostmaster), "pgtest: kill the postmaster: ")
		s.Start(t)
		require.Error(t, idle.Ping(t.Context()), "it has noticed")
		require.NoError(t, execute(t.Context(), s.URL(), "DROP TABLE kept"))

		leaveOrphan(t, s)
		s.KillPostmaster(t)
		g, isGuard := s.power.(*guard)
		if isGuard {
			g.beheaded = g.beheaded.Add(time.Second - orphansMayTake) // as if all but a second had passed
		}
		s.Start(t)
		if isGuard {
			log, err := os.ReadFile(filepath.Join(g.dir, "log"))
			require.NoError(t, err)
			require.Contains(t, string(log), "pre-existing shared memory block", "it was not refused")
		}
		s.Kill(t)
		s.Start(t)
	})
}

func TestWhatCannotBeDoneFailsTheTestAndSaysWhy(t *testing.T) {
	t.Parallel()
	withEachProvider(t, nil, func(t *testing.T, s *OwnServer) {
		require.Contains(t, failure(t, s.Start), "PostgreSQL runs already")
		require.NoError(t, execute(t.Context(), s.URL(), "ALTER SYSTEM SET hba_file = '/no/such/file'"))
		s.Stop(t)
		require.Contains(t, failure(t, s.Stop), "pgtest: stop the server: ")
		require.Contains(t, failure(t, s.Start), `"/no/such/file": No such file or directory`)
		require.Contains(t, failure(t, func(tb TB) { s.NewDatabase(tb) }), "pgtest: create a database")
		require.NoError(t, s.Close())
		require.Contains(t, failure(t, s.Start), errClosed.Error())
	})
	require.Contains(t, failure(t, func(tb TB) { NewServer(tb, WithURL("postgres://h")) }), "WithURL")
	require.Contains(t, failure(t, func(tb TB) { NewServer(tb, withHost(bare()), WithProvider("url")) }),
		`WithProvider asks for the provider "url"; there are "programs" and "docker"`)
	nothing := failure(t, func(tb TB) { NewServer(tb, withHost(bare())) })
	require.Contains(t, nothing, "start Docker")
	require.NotContains(t, nothing, "GAPLESS_DATABASE_URL=")
}

func TestProcessesAreFoundWithAndWithoutProc(t *testing.T) {
	t.Parallel()
	child := exec.Command("sleep", "60")
	require.NoError(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	pid := child.Process.Pid
	listed, err := processesOfPs()
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), listed[pid])
	family, err := descendants(os.Getppid())
	require.NoError(t, err)
	require.True(t, family[pid] && family[os.Getpid()], "a grandchild and a child")

	require.NoError(t, child.Process.Kill())
	require.Eventually(t, func() bool { // a zombie, as nobody has waited for it
		running, err := runs(pid)
		return err == nil && !running
	}, 30*time.Second, time.Millisecond)
	all, err := processes()
	require.NoError(t, err)
	require.NotContains(t, all, pid)
	listed, err = processesOfPs()
	require.NoError(t, err)
	require.NotContains(t, listed, pid)
}

// failure is what a function says when it fails its test.
func failure(t *testing.T, f func(TB)) string {
	t.Helper()
	tb := &failing{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f(tb)
	}()
	<-ended
	require.NotEmpty(t, tb.message, "it did not fail")
	return tb.message
}

// failing is a test of which only the message is kept.
type failing struct {
	testing.TB
	message string
}

func (f *failing) Fatal(args ...any) {
	f.message = fmt.Sprint(args...)
	runtime.Goexit()
}

func (f *failing) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }
