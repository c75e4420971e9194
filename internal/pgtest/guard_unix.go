//go:build unix

package pgtest

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os/exec"
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
	stdin io.Closer
	done  chan struct{} // closed when the process is gone
	err   error         // valid after done
}

// startGuard does not wait for the server. dir must not exist yet.
func startGuard(as *syscall.Credential, bin, dir string, args []string) (*guard, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", guardScript, "gapless-guard", bin, dir}, args...)...)
	// In a session of its own neither the guard nor the server gets the terminal's Ctrl-C.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: as}
	cmd.Dir = "/"                               // ours may be closed to the user it runs as
	cmd.Env = append(cmd.Environ(), "LC_ALL=C") // on macOS the server refuses to start without a valid locale
	var output bytes.Buffer
	cmd.Stderr = &output
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start /bin/sh: %w", err)
	}
	g := &guard{stdin: stdin, done: make(chan struct{})}
	go func() {
		defer close(g.done)
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
		return nil
	}
}

// stop ends the server and waits until it and its folder are gone.
func (g *guard) stop() error {
	g.stdin.Close()
	select {
	case <-g.done:
		return g.err
	case <-time.After(time.Minute):
		return errors.New("PostgreSQL does not stop; look for it in ps, and for its folder gapless-pg-… in the temporary folder")
	}
}
