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
	"slices"
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
			return g.awaitReady(ctx)
		}
		if refused, err := g.refused(ctx); err != nil {
			return err
		} else if !refused {
			return g.awaitReady(ctx)
		}
		g.tell("gone")
		select {
		case <-time.After(100 * time.Millisecond): // every attempt is a process
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// orphansMayTake is how long orphans have to notice that their postmaster is gone.
const orphansMayTake = 10 * time.Second

// awaitReady blocks until the postmaster says that it takes connections, or has ended: an attempt to connect before that would cost
// a process each time.
func (g *guard) awaitReady(ctx context.Context) error {
	return poll(ctx, func() (bool, error) {
		if running, err := runs(g.pid); !running || err != nil {
			return true, err // and alive says why
		}
		lock, _ := os.ReadFile(filepath.Join(g.dir, "data", "postmaster.pid")) // there may be none yet, or an older one
		lines := strings.Split(string(lock), "\n")
		return lines[0] == strconv.Itoa(g.pid) && len(lines) > 7 && slices.Contains([]string{"ready", "standby"}, strings.TrimSpace(lines[7])), nil
	})
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
	if time.Since(g.beheaded) > orphansMayTake {
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
	err = awaitEnd(ctx, family)
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
	if err = awaitEnd(ctx, map[int]bool{g.pid: true}); err != nil {
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
		if err = errors.Join(err, killAll(family)); len(family) == 0 || err != nil {
			return true, err
		}
		return false, awaitEnd(ctx, family)
	})
}

// awaitEnd blocks until none of the processes runs. It forgets those that have ended.
func awaitEnd(ctx context.Context, family map[int]bool) error {
	return poll(ctx, func() (bool, error) {
		var errs []error
		maps.DeleteFunc(family, func(pid int, _ bool) bool {
			running, err := runs(pid)
			errs = append(errs, err)
			return !running && err == nil
		})
		return len(family) == 0, errors.Join(errs...)
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
