//go:build unix

package pgtest

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wantPrograms skips a test where this machine has no programs of PostgreSQL's.
func wantPrograms(t *testing.T) {
	t.Helper()
	if _, err := findPrograms(thisHost()); err != nil {
		t.Skip(err)
	}
}

func startProgramsServer(t *testing.T, opts ...Option) *Server {
	t.Helper()
	s, err := Start(t.Context(), append([]Option{with(nil), WithProvider("programs")}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// cluster is where a server that programs started lives.
type cluster struct {
	dir    string
	pid    int
	memory string // the identifier of its shared memory
}

func clusterOf(t *testing.T, address string) cluster {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	c := clusterIn(t, u.Query().Get("host"))
	require.True(t, c.running())
	return c
}

func clusterIn(t *testing.T, dir string) cluster {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	require.NoError(t, err)
	lines := strings.Split(string(content), "\n")
	require.Greater(t, len(lines), 6)
	pid, err := strconv.Atoi(lines[0])
	require.NoError(t, err)
	memory := strings.Fields(lines[6]) // the key before it
	require.Len(t, memory, 2)
	return cluster{dir, pid, memory[1]}
}

func clustersIn(t *testing.T, temp string) []cluster {
	t.Helper()
	var found []cluster
	for _, entry := range entries(t, temp) {
		found = append(found, clusterIn(t, filepath.Join(temp, entry.Name())))
	}
	return found
}

// hasMemory reports whether the server's shared memory is there, on Linux.
func (c cluster) hasMemory(t *testing.T) bool {
	t.Helper()
	if runtime.GOOS != "linux" {
		return false
	}
	segments, err := os.ReadFile("/proc/sysvipc/shm")
	require.NoError(t, err)
	for line := range strings.Lines(string(segments)) {
		if strings.Fields(line)[1] == c.memory {
			return true
		}
	}
	return false
}

func (c cluster) running() bool { return syscall.Kill(c.pid, 0) == nil }

func (c cluster) gone() bool {
	_, err := os.Stat(c.dir)
	return errors.Is(err, os.ErrNotExist) && !c.running()
}

func TestAServerOfProgramsLeavesNothing(t *testing.T) { // not parallel: it counts goroutines
	wantPrograms(t)
	nothingIsLeft := WatchGoroutines(t)
	s := startProgramsServer(t, WithSettings(map[string]string{"commit_delay": "17"}))
	require.Regexp(t, `^PostgreSQL \d\S+ started from /`, s.Provider())
	for name, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "server_encoding": "UTF8",
		"max_prepared_transactions": "10", "max_connections": "200", "commit_delay": "17", "listen_addresses": "",
	} {
		require.Equal(t, want, query[string](t, s.URL(), "SELECT current_setting($1)", name), name)
	}
	c := clusterOf(t, s.URL())
	info, err := os.Stat(filepath.Join(c.dir, "data"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.NotZero(t, info.Sys().(*syscall.Stat_t).Uid, "the server runs as root")

	template, err := s.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	clone, err := s.CreateDatabase(t.Context(), template.Name)
	require.NoError(t, err)
	require.True(t, query[bool](t, clone.URL, exists, clone.Name))

	require.NoError(t, s.Close())
	require.True(t, c.gone())
	require.NoError(t, s.Close(), "closing twice")
	require.NoError(t, clone.Drop(t.Context()), "dropping after the server is closed")
	_, err = s.CreateDatabase(t.Context(), "")
	require.ErrorIs(t, err, errClosed)
	nothingIsLeft()
}

func TestAServerThatRefusesItsSettingsSaysWhyAndLeavesNothing(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	temp := newTempFolder(t)
	_, err := Start(t.Context(), in(temp), WithProvider("programs"), WithSettings(map[string]string{"no_such_thing": "1"}))
	require.ErrorContains(t, err, `unrecognized configuration parameter "no_such_thing"`)
	require.Empty(t, entries(t, temp))
}

func TestACancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	temp := newTempFolder(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(entries(t, temp)) == 0 { // until initdb runs
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := Start(ctx, in(temp), WithProvider("programs"))
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, entries(t, temp))
}

func TestAServerThatDiesIsCleanedUp(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	s, err := Start(t.Context(), with(nil), WithProvider("programs"))
	require.NoError(t, err)
	c := clusterOf(t, s.URL())
	require.NoError(t, syscall.Kill(c.pid, syscall.SIGINT)) // fast shutdown
	require.Eventually(t, c.gone, 30*time.Second, 10*time.Millisecond)
	require.ErrorContains(t, s.Close(), "received fast shutdown request")
}

func TestAPathThatIsTooLongForASocketIsAvoided(t *testing.T) {
	t.Parallel()
	for _, parent := range []string{"/tmp/" + strings.Repeat("x", 80), "/tmp/with,comma", "relative", "/no/such/folder"} {
		dir, err := clusterFolder(parent, nil)
		require.NoError(t, err)
		require.Equal(t, "/tmp", filepath.Dir(dir))
	}
}

// newTempFolder can be written by everybody, as /tmp, and its path is short.
func newTempFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgtest-") //nolint:usetesting // t.TempDir is too long for a socket, and private
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
	return dir
}

// in is this machine with another temporary folder.
func in(temp string) Option {
	return func(c *config) {
		with(nil)(c)
		c.host.tempDir = func() string { return temp }
	}
}

func entries(t *testing.T, dir string) []os.DirEntry {
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	return found
}
