//go:build unix

package pgtest

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed guard.sh
var guardScript string

// guard is the process that makes the cluster, is the parent of its server, and takes both away when its standard
// input ends. Nobody but we hold the other end of that pipe, so it outlives us by a moment in every case: Ctrl-C, a
// panic, os.Exit, SIGKILL.
type guard struct {
	dir   string
	stdin io.WriteCloser
	pids  chan int      // of the servers that on started
	done  chan struct{} // closed when the process is gone
	err   error         // valid after done

	own bool
	pid int // of the postmaster that on started; 0 when off has ended it

	orphans  map[int]bool // what behead left behind; nil when a postmaster has started after it
	beheaded time.Time
}

// startGuard does not wait for the server, which for a test's own has to be turned on yet. dir must not exist yet.
func startGuard(as *syscall.Credential, c config, bin, dir string, args []string) (*guard, error) {
	own := ""
	if c.own {
		own = "own"
	}
	extension := ""
	if c.extension != nil {
		extension = "extension"
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", guardScript, "gapless-guard", bin, dir, own, c.primary, c.slot, extension}, args...)...)
	if c.extension != nil {
		files, err := tarOf(c.extension)
		if err != nil {
			return nil, err
		}
		defer func() { _ = files.Close() }() // the process has it
		cmd.ExtraFiles = []*os.File{files}
	}
	// In a session of its own neither the guard nor the server gets the terminal's Ctrl-C.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: as}
	cmd.Dir = "/" // ours may be closed to the user it runs as
	cmd.Env = append(cmd.Environ(),
		"LC_ALL=C", // on macOS the server refuses to start without a valid locale
		// A session costs a third less when the server's first process has found all functions of libraries for it, and when it asks
		// for memory in larger pieces. Then glibc does not learn how large those may be that it keeps: they may be as large as it allows.
		"LD_BIND_NOW=1", "MALLOC_TOP_PAD_=1048576", "MALLOC_MMAP_THRESHOLD_=33554432", "MALLOC_TRIM_THRESHOLD_=67108864")
	var output bytes.Buffer
	cmd.Stderr = &output
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start /bin/sh: %w", err)
	}
	g := &guard{dir: dir, stdin: stdin, own: c.own, pids: make(chan int, 1), done: make(chan struct{})}
	go func() {
		defer close(g.done)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			pid, _ := strconv.Atoi(lines.Text()) // the script prints nothing else
			g.pids <- pid
		}
		if err := cmd.Wait(); err != nil {
			g.err = fmt.Errorf("PostgreSQL ended (%w). The end of its log:\n%s", err, strings.TrimSpace(output.String()))
		}
	}()
	return g, nil
}

// alive says why the server can no longer come up, if so.
func (g *guard) alive(context.Context) error {
	select {
	case <-g.done:
		return g.err
	default:
	}
	if !g.own {
		return nil
	}
	if g.pid == 0 {
		return errors.New("PostgreSQL does not run")
	}
	all, err := processes()
	if err != nil || all[g.pid] != 0 {
		return err
	}
	text, _ := os.ReadFile(filepath.Join(g.dir, "log")) // whatever there is helps
	return fmt.Errorf("PostgreSQL ended. The end of its log:\n%s", text[max(0, len(text)-4000):])
}

// stop ends the server and waits until it and its folder are gone.
func (g *guard) stop() error {
	if len(g.orphans) > 0 { // they may hold on to what is to be removed
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = poll(ctx, func() (bool, error) {
			left, err := g.orphaned()
			return !left, errors.Join(err, killAll(g.orphans))
		})
	}
	g.stdin.Close()
	select {
	case <-g.done:
		return g.err
	case <-time.After(time.Minute):
		return errors.New("PostgreSQL does not stop; look for it in ps, and for its folder gapless-pg-… in the temporary folder")
	}
}
