// Package pgtest finds or starts a PostgreSQL for tests, the demo and the benchmarks.
//
// It takes the first of these that works, and [Server.Provider] says which:
//
//  1. "url": the server of GAPLESS_DATABASE_URL. Databases of their own are created in it, and dropped.
//  2. "programs": PostgreSQL's own programs on this machine (GAPLESS_PG_BIN, or where they are usually found).
//     They run a throwaway cluster in a temporary folder, on a unix socket in that folder.
//  3. "docker": a container of GAPLESS_TEST_IMAGE, or of the current official image, which a program of the module test
//     runs (test/docker); so what imports this package compiles no client of Docker's.
//
// What somebody asked for by name (with GAPLESS_DATABASE_URL, GAPLESS_PG_BIN, GAPLESS_TEST_PROVIDER or
// [WithProvider]) and does not work is an error; nothing else is tried then. Where there is nothing to run on,
// the error says how to install something. Tests are never skipped.
//
// A process that is killed, or ends in a panic or a test's timeout, cannot clean up: the throwaway cluster goes even
// then, and a container where testcontainers' reaper can run. In the server of GAPLESS_DATABASE_URL databases with
// names like gapless_test_… stay behind.
//
// [NewServer] starts a server that a test has for itself, to crash it and start it again.
//
// Durability settings of the servers that it starts are PostgreSQL's defaults (fsync is on), since this project
// promises something about crashes.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

const providerVariable = "GAPLESS_TEST_PROVIDER"

// Server is a PostgreSQL server to test against. Its methods can be called from several goroutines.
type Server struct {
	provider string
	url      string
	stop     func() error // stops and removes a server that we started; nil for one that was given
	power    power        // for what NewServer started
	bin      string       // the folder of the programs that it was started from, if it was

	close func() error

	// closing ends retries; mu is held for reading while a database is created or dropped, so that Close sees all.
	closing   chan struct{}
	mu        sync.RWMutex
	closed    bool
	idle      chan *pgx.Conn // in the maintenance database
	databases sync.Map       // names of what may have been created and is not dropped yet
}

// Option changes what [Start] does.
type Option func(*config)

// WithURL takes the server of that URL, as GAPLESS_DATABASE_URL would, and no other, whatever the environment says.
func WithURL(url string) Option {
	return func(c *config) { c.url = url }
}

type config struct {
	settings map[string]string
	url      string // "" for the one of GAPLESS_DATABASE_URL
	provider string
	host     host

	withoutDocker bool

	extension map[string]string // the files of one, by their names, which the server gets

	own           bool   // for NewServer: it can be turned off and on again
	primary, slot string // for NewStandby: what it is a copy of, and the slot's name there
}

// WithSettings sets PostgreSQL settings (name and value, as in postgresql.conf) for a server that Start starts. They
// come last, so they replace this package's own. It does nothing for the server of GAPLESS_DATABASE_URL, whose
// settings are its owner's.
func WithSettings(settings map[string]string) Option {
	return func(c *config) { maps.Copy(c.settings, settings) }
}

// WithProvider allows one provider only: "url", "programs" or "docker". The environment variable
// GAPLESS_TEST_PROVIDER does the same for a whole run, and has the last word.
func WithProvider(name string) Option {
	return func(c *config) { c.provider = name }
}

// WithoutDocker has it try what runs on this machine alone.
func WithoutDocker() Option {
	return func(c *config) { c.withoutDocker = true }
}

// WithExtension gives a server that is started from programs the files of an extension, by their names.
func WithExtension(files map[string]string) Option {
	return func(c *config) { c.extension = files }
}

// withHost replaces what the choice depends on.
func withHost(h host) Option {
	return func(c *config) { c.host = h }
}

// host is what the choice of a provider depends on, apart from the options.
type host struct {
	getenv   func(string) string
	lookPath func(string) (string, error)
	glob     func(string) ([]string, error)
	tempDir  func() string
	docker   []string // the program that runs a container
}

func thisHost() host {
	return host{getenv: os.Getenv, lookPath: exec.LookPath, glob: filepath.Glob, tempDir: os.TempDir, docker: dockerCommand}
}

type provider struct {
	name  string
	start func(context.Context, config) (*Server, error)
}

// providers, in the order in which they are tried.
func providers() []provider {
	return []provider{{"url", startURL}, {"programs", startPrograms}, {"docker", startDocker}}
}

// askedError marks a failure of what was asked for by name: the next provider is not tried after it.
type askedError struct{ error }

func (e askedError) Unwrap() error { return e.error }

// Start finds or starts a server, and blocks until it accepts connections or ctx ends. A server that is started is
// stopped and removed by [Server.Close].
//
// The error says what was tried and how to get a PostgreSQL, or what is wrong with the one that was asked for.
func Start(ctx context.Context, opts ...Option) (*Server, error) {
	c := newConfig(opts)
	asked := "WithProvider"
	if c.url != "" {
		asked, c.provider = "WithURL", "url"
	} else if name := c.host.getenv(providerVariable); name != "" {
		asked, c.provider = providerVariable, name
	}
	candidates := providers()
	if c.withoutDocker {
		candidates = candidates[:2]
	}
	return c.start(ctx, asked, candidates)
}

func newConfig(opts []Option) config {
	c := config{settings: map[string]string{}, host: thisHost()}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// start takes the first of these that works. asked says where c.provider comes from.
func (c config) start(ctx context.Context, asked string, candidates []provider) (*Server, error) {
	if c.provider != "" {
		i := slices.IndexFunc(candidates, func(p provider) bool { return p.name == c.provider })
		if i < 0 {
			var names []string
			for _, p := range candidates {
				names = append(names, strconv.Quote(p.name))
			}
			last := len(names) - 1
			return nil, fmt.Errorf("pgtest: %s asks for the provider %q; there are %s and %s",
				asked, c.provider, strings.Join(names[:last], ", "), names[last])
		}
		candidates = candidates[i : i+1]
	}

	var tried []error
	for _, p := range candidates {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("pgtest: %w", context.Cause(ctx))
		}
		s, err := p.start(ctx, c)
		if err == nil {
			return s, nil
		}
		err = fmt.Errorf("%s: %w", p.name, err)
		if c.provider != "" {
			return nil, fmt.Errorf("pgtest: %s asks for %w", asked, err)
		}
		if _, ok := errors.AsType[askedError](err); ok || ctx.Err() != nil {
			return nil, fmt.Errorf("pgtest: %w", err)
		}
		tried = append(tried, err)
	}
	return nil, &nothingError{tried, c}
}

// nothingError says that there is no PostgreSQL to run on.
type nothingError struct {
	tried []error
	config
}

func (e *nothingError) Unwrap() []error { return e.tried }

func (e *nothingError) Error() string {
	var b strings.Builder
	b.WriteString("pgtest: found no PostgreSQL to run on. Tried:\n")
	for _, err := range e.tried {
		fmt.Fprintf(&b, "  - %s\n", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "\n    "))
	}
	b.WriteString(`Do one of these:
  - Debian or Ubuntu: sudo apt-get install -y postgresql
  - macOS:            brew install postgresql@18`)
	if !e.withoutDocker {
		b.WriteString("\n  - anywhere:         start Docker")
	}
	if !e.own {
		b.WriteString("\n  - or give a server: export GAPLESS_DATABASE_URL=postgres://user:password@host:5432/postgres")
	}
	return b.String()
}

func newServer(provider, url string, stop func() error) *Server {
	s := &Server{provider: provider, url: url, stop: stop, closing: make(chan struct{}), idle: make(chan *pgx.Conn, 2)}
	s.close = sync.OnceValue(s.shutdown)
	return s
}

// Provider says in one line, for people, which server this is.
func (s *Server) Provider() string { return s.provider }

// URL is a connection string for the maintenance database, with the role that the server was given or started with: a
// superuser where this package started it.
func (s *Server) URL() string { return s.url }

// Close drops the databases that were created in a given server, or stops and removes a server that was started.
// It blocks until that is done, a minute or so at most. It can be called again, and from several goroutines: every
// call waits for the first and returns its error.
func (s *Server) Close() error { return s.close() }

func (s *Server) shutdown() error {
	close(s.closing)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	if s.stop != nil {
		s.closeIdle(context.Background())
		return s.stop() // the databases go with the server
	}
	return s.dropAll()
}
