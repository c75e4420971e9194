package pgtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// OwnServer is a server that a test has for itself, to crash it and start it again. Its address stays the same. What is
// called while it is off fails, except Start and Close.
type OwnServer struct {
	*Server

	config    config
	switching sync.Mutex // one on or off at a time
}

// NewServer starts a server of tb's own, never that of GAPLESS_DATABASE_URL, and stops and removes it when tb ends. It
// fails tb if there is none to be had. Of the providers there are "programs" and "docker", and a GAPLESS_TEST_PROVIDER
// of "url" is ignored. Whatever ends the process, what is said of [Start]'s servers holds for these too.
//
// The methods that take a tb fail it if they cannot do what they say; as tb.FailNow they are for the goroutine of the
// test.
func NewServer(tb TB, opts ...Option) *OwnServer {
	tb.Helper()
	return startOwn(tb, newConfig(opts))
}

func startOwn(tb TB, c config) *OwnServer {
	tb.Helper()
	if c.url != "" {
		tb.Fatal("pgtest: NewServer starts a server, and cannot take the one of WithURL")
	}
	asked := "WithProvider"
	if name := c.host.getenv(providerVariable); name != "" && name != "url" {
		asked, c.provider = providerVariable, name
	}
	c.own = true
	server, err := c.start(tb.Context(), asked, providers()[1:])
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
	})
	return &OwnServer{Server: server, config: c}
}

// Kill ends all of the server's processes at once with SIGKILL, as a crash would: nothing is flushed, and no client is
// told. What PostgreSQL gave to the operating system is kept, as it is when a server crashes and its machine does not.
// It blocks until all of them are gone.
func (s *OwnServer) Kill(tb TB) {
	tb.Helper()
	s.off(tb, syscall.SIGKILL)
}

// StopImmediate is pg_ctl stop --mode=immediate: clients are told, no checkpoint is made, and the next start recovers as
// after a crash. It blocks until the server is gone.
func (s *OwnServer) StopImmediate(tb TB) {
	tb.Helper()
	s.off(tb, syscall.SIGQUIT)
}

// Stop is pg_ctl stop --mode=fast: transactions are rolled back, and there is nothing to recover. It blocks until the
// server is gone.
func (s *OwnServer) Stop(tb TB) {
	tb.Helper()
	s.off(tb, syscall.SIGINT)
}

// KillPostmaster ends only the first of the server's processes with SIGKILL, and blocks until it is gone. Its orphans go on, and
// may commit, until they notice; that is when they next wait. As long as one of them does, a new postmaster refuses to start,
// and [OwnServer.Start] tries again. In a container all of them end with the first.
func (s *OwnServer) KillPostmaster(tb TB) {
	tb.Helper()
	if err := s.whileOpen(tb, s.power.behead); err != nil {
		tb.Fatalf("pgtest: kill the postmaster: %v", err)
	}
}

func (s *OwnServer) off(tb TB, sig syscall.Signal) {
	tb.Helper()
	err := s.whileOpen(tb, func(ctx context.Context) error { return s.power.off(ctx, sig) })
	if err != nil {
		tb.Fatalf("pgtest: stop the server: %v", err)
	}
}

// Start starts the server again with the same address, and blocks until it answers; it has recovered then. Orphans of
// [OwnServer.KillPostmaster] that have not ended after 10 seconds it kills, as an operator would.
func (s *OwnServer) Start(tb TB) {
	tb.Helper()
	err := s.whileOpen(tb, func(ctx context.Context) error {
		if err := s.power.on(ctx); err != nil {
			return err
		}
		_, err := ready(ctx, s.url, s.power.alive)
		return err
	})
	if err != nil {
		tb.Fatalf("pgtest: start the server again: %v", err)
	}
}

// whileOpen keeps others, Close among them, from turning the server on or off meanwhile.
func (s *OwnServer) whileOpen(tb TB, do func(context.Context) error) error {
	done, err := s.enter()
	if err != nil {
		return err
	}
	defer done()
	s.switching.Lock()
	defer s.switching.Unlock()
	ctx, cancel := patience(tb)
	defer cancel()
	return do(ctx)
}

// patience is a context that a cleanup can use, too, when tb.Context() is done already.
func patience(tb TB) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.WithoutCancel(tb.Context()), 2*time.Minute, errors.New("not done within two minutes"))
}

// NewDatabase creates a database with schema gapless in it, as [Install] does. It goes with the server.
func (s *OwnServer) NewDatabase(tb TB) *Database {
	tb.Helper()
	d, err := s.CreateDatabase(tb.Context(), "")
	if err == nil {
		err = Install(tb.Context(), d.URL)
	}
	if err != nil {
		tb.Fatal(fmt.Errorf("pgtest: a database of the test's own server: %w", err))
	}
	return d
}
