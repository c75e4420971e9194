//go:build unix

// Package guard runs what has to be undone for a test in a process that does so even if the test's own is killed.
package guard

import (
	"bufio"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Run runs a shell script, as another user if as is given, until it calls await_end. The script goes on when tb ends, or its
// process does, however it does: there it undoes what it did. The error is what a script printed that ended before.
func Run(tb testing.TB, as *syscall.Credential, script string, args ...string) error {
	tb.Helper()
	const untilTheEnd = `trap '' HUP INT QUIT TERM PIPE; await_end() { echo ready; read -r _; }; `
	cmd := exec.Command("/bin/sh", append([]string{"-c", untilTheEnd + script, "gapless-guard"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: as}
	cmd.Dir = "/"
	var problems strings.Builder
	cmd.Stderr = &problems
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if lines := bufio.NewScanner(stdout); !lines.Scan() {
		_ = cmd.Wait() // problems says why
		return errors.New(problems.String())
	}
	tb.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("guard: %v: %s", err, problems.String())
		}
	})
	return nil
}
