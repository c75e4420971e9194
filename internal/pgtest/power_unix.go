//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func (g *guard) on(ctx context.Context) error {
	if g.pid != 0 {
		if err := g.alive(ctx); err == nil {
			return errRuns
		}
		g.tell("gone") // without off
	}
	for {
		left, err := g.orphaned()
		if err != nil {
			return err
		}
		g.tell("start")
		select {
		case g.pid = <-g.pids:
		case <-g.done:
			return g.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if !left { // what fails now is not the orphans' fault
			g.orphans = nil
			return nil
		}
		if refused, err := g.refused(ctx); !refused || err != nil {
			return err
		}
		g.tell("gone")
	}
}

// refused blocks until the postmaster has ended, as it does while orphans use the shared memory, or has got past that.
func (g *guard) refused(ctx context.Context) (refused bool, err error) {
	err = poll(ctx, func() (bool, error) {
		refused = g.alive(ctx) != nil
		lock, _ := os.ReadFile(filepath.Join(g.dir, "data", "postmaster.pid")) // its own when it has looked
		pid, _, _ := strings.Cut(string(lock), "\n")
		return refused || pid == strconv.Itoa(g.pid), nil
	})
	if err == nil && !refused {
		g.orphans = nil
	}
	return refused, err
}

// orphaned reports whether orphans run, and kills those that do not notice in good time.
func (g *guard) orphaned() (bool, error) {
	all, err := processes()
	if err != nil {
		return false, err
	}
	maps.DeleteFunc(g.orphans, func(pid int, _ bool) bool { return all[pid] == 0 })
	if time.Since(g.beheaded) > 10*time.Second {
		err = killAll(g.orphans)
	}
	return len(g.orphans) > 0, err
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

// behead stops the postmaster before that, so that it starts nothing that is not found. Should we die before the next start,
// the orphans end by themselves, or when what they run does.
func (g *guard) behead(ctx context.Context) error {
	if err := g.alive(ctx); err != nil {
		return err
	}
	if err := syscall.Kill(g.pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("cannot stop PostgreSQL: %w", err)
	}
	orphans, err := descendants(g.pid)
	if err = errors.Join(err, syscall.Kill(g.pid, syscall.SIGKILL)); err != nil {
		return fmt.Errorf("cannot kill the postmaster: %w", err)
	}
	err = poll(ctx, func() (bool, error) {
		all, err := processes()
		return all[g.pid] == 0, err
	})
	if err != nil {
		return fmt.Errorf("the postmaster does not end: %w", err)
	}
	g.orphans, g.beheaded = orphans, time.Now()
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
		return len(family) == 0, errors.Join(err, killAll(family))
	})
}

func killAll(pids map[int]bool) error {
	for pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("cannot kill a process of PostgreSQL: %w", err)
		}
	}
	return nil
}
