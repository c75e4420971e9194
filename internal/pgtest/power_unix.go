//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"syscall"
)

func (g *guard) on(ctx context.Context) error {
	if g.pid != 0 {
		if err := g.alive(ctx); err == nil {
			return errRuns
		}
		g.tell("gone") // without off
	}
	g.tell("start")
	select {
	case g.pid = <-g.pids:
		return nil
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tell cannot fail as long as there is a guard; g.done says when there is none.
func (g *guard) tell(command string) { _, _ = io.WriteString(g.stdin, command+"\n") }

func (g *guard) off(ctx context.Context, sig syscall.Signal) error {
	if err := g.alive(ctx); err != nil {
		return err
	}
	family, err := descendants(g.pid)
	if err != nil {
		return err
	}
	if sig == syscall.SIGKILL {
		if err := killBelow(ctx, g.pid); err != nil {
			return err
		}
	}
	if err := syscall.Kill(g.pid, sig); err != nil {
		return fmt.Errorf("cannot signal PostgreSQL: %w", err)
	}
	family[g.pid] = true
	err = poll(ctx, func() (bool, error) {
		all, err := processes()
		maps.DeleteFunc(family, func(pid int, _ bool) bool { return all[pid] == 0 })
		return len(family) == 0, err
	})
	if err != nil {
		return fmt.Errorf("%d of PostgreSQL's processes do not end: %w", len(family), err)
	}
	g.tell("gone")
	g.pid = 0
	return nil
}

// killBelow kills all that the postmaster has started. It has been stopped before that, so that it neither sees them go
// (it would end the others, and start the server again) nor starts new ones. Should we die now, the guard ends it.
func killBelow(ctx context.Context, postmaster int) error {
	if err := syscall.Kill(postmaster, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("cannot stop PostgreSQL: %w", err)
	}
	return poll(ctx, func() (bool, error) {
		family, err := descendants(postmaster)
		for pid := range family {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return false, fmt.Errorf("cannot kill a process of PostgreSQL: %w", err)
			}
		}
		return len(family) == 0, err
	})
}
