//go:build unix

package pgtest

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHoweverAProcessEndsItsServerAndFolderGo(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	for name, test := range map[string]struct {
		helper string
		signal syscall.Signal
		args   []string
		code   int
	}{
		"Main and SIGINT":                   {helper: "wait", signal: syscall.SIGINT, code: 130},
		"Main and SIGTERM":                  {helper: "wait", signal: syscall.SIGTERM, code: 143},
		"Main and SIGKILL":                  {helper: "wait", signal: syscall.SIGKILL, code: -1},
		"Main and a test that panics":       {helper: "panic", code: 2},
		"Main and a test that exits":        {helper: "exit", code: 7},
		"Main and the timeout":              {helper: "wait", args: []string{"-test.timeout=3s"}, code: 2},
		"a program without it, and SIGINT":  {helper: "bare", signal: syscall.SIGINT, code: -1},
		"a program without it, and SIGKILL": {helper: "bare", signal: syscall.SIGKILL, code: -1},
		"a test's own server and SIGINT":    {helper: "own", signal: syscall.SIGINT, code: 130},
		"a test's own server and SIGKILL":   {helper: "own", signal: syscall.SIGKILL, code: -1},
		"a test's own server and a panic":   {helper: "own, panic", code: 2},
		"a killed server and SIGKILL":       {helper: "own, killed", signal: syscall.SIGKILL, code: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := newTempFolder(t)
			h := startHelper(t, test.helper, test.args, "TMPDIR="+temp, "GAPLESS_TEST_PROVIDER=programs")
			if test.signal != 0 {
				clusters := clustersIn(t, temp)
				require.Len(t, clusters, map[bool]int{false: 1, true: 2}[strings.HasPrefix(test.helper, "own")])
				t.Cleanup(func() {
					for _, c := range clusters {
						require.False(t, c.running())
						require.False(t, c.hasMemory(t))
					}
				})
				h.signal(t, test.signal)
			}
			require.Equal(t, test.code, h.wait(t))
			// The guard removes the folder last.
			require.Eventually(t, func() bool { return len(entries(t, temp)) == 0 }, 30*time.Second, 10*time.Millisecond)
		})
	}
}

func TestASignalDropsTheDatabasesInAGivenServer(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	given := startProgramsServer(t)
	const count = "SELECT count(*) FROM pg_database WHERE datname LIKE 'gapless%'"
	h := startHelper(t, "wait", nil, "GAPLESS_DATABASE_URL="+given.URL(), "GAPLESS_TEST_PROVIDER=url")
	require.Equal(t, 2, query[int](t, given.URL(), count), "the template and the test's")
	h.signal(t, syscall.SIGINT)
	require.Equal(t, 130, h.wait(t))
	require.Zero(t, query[int](t, given.URL(), count))
}

func TestASignalRemovesTheContainer(t *testing.T) {
	t.Parallel()
	wantDocker(t)
	h := startHelper(t, "wait", nil, "GAPLESS_TEST_PROVIDER=docker")
	_, err := ask(t.Context(), h.url)
	require.NoError(t, err)
	h.signal(t, syscall.SIGTERM)
	require.Equal(t, 143, h.wait(t))
	_, err = ask(t.Context(), h.url)
	require.Error(t, err, "it still answers")
}

// helper is another process of this test binary.
type helper struct {
	cmd    *exec.Cmd
	output *bufio.Reader
	url    string // of the database that it uses
}

// startHelper returns when the helper has a server.
func startHelper(t *testing.T, how string, args []string, env ...string) *helper {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, append([]string{"-test.run=^TestHelperProcess$", "-test.timeout=2m"}, args...)...)
	cmd.Env = append(append(os.Environ(), helperVariable+"="+how), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal signals the whole group
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	h := &helper{cmd: cmd, output: bufio.NewReader(stdout)}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	line, err := h.output.ReadString('\n')
	require.NoError(t, err)
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	require.True(t, ok, line)
	h.url = address
	return h
}

func (h *helper) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(-h.cmd.Process.Pid, sig))
}

// wait returns the exit code, or -1 after a signal that ended the process.
func (h *helper) wait(t *testing.T) int {
	t.Helper()
	_, err := io.Copy(io.Discard, h.output)
	require.NoError(t, err)
	err = h.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	require.NoError(t, err)
	return 0
}
