package gaplesstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless/internal/connstring"
)

// Database is a database that a test has for itself.
type Database struct {
	Name string // gaplesstest_, when it was made, and random letters
	URL  string // a connection string for it, with the role of the one that New was given

	tb   testing.TB
	once sync.Once
	pool *pgxpool.Pool
}

// New returns a database of the server of that connection string, with gapless in it, and with what the statements of schema make
// after that: the program's own tables, say, and the columns that it attaches. It is dropped when the test ends, with whoever is
// connected to it then.
//
// The database is a copy of a template, which the first test makes that needs it: one for each release of gapless, schema and role.
// It stays on the server, so that the next run has it; the next template that is made there drops those that are older than a day.
// Parallel tests, packages and runs can share a server. Databases of tests that were killed go after a day, too.
//
// The role needs LOGIN and CREATEDB, and owns schema gapless and the tables in the copy. The connection string is one to the server
// directly, and not to a pooler, and names a database that is there, such as postgres. As in [pgx.Connect], the environment has what
// it lacks. Roles are the server's, and not the database's: what makes one in schema has to take it if it is there.
func New(tb testing.TB, url string, schema ...string) *Database {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	server, err := connect(ctx, url)
	if err != nil {
		tb.Fatalf("gaplesstest: connecting to the server that has the databases: %v", err)
		return nil
	}
	defer server.close()
	sweep(ctx, server)

	name := "gaplesstest_" + stamp(time.Now()) + "_" + letters()
	address, err := connstring.WithDatabase(url, name)
	if err != nil {
		tb.Fatalf("gaplesstest: %v", err)
		return nil
	}
	tb.Cleanup(func() {
		tb.Helper()
		if tb.Failed() {
			tb.Logf("gaplesstest: its database was %s, which is dropped now", name)
		}
		ctx, cancel := context.WithTimeout(lasting(tb), patience)
		defer cancel()
		if err := dropDatabase(ctx, url, name); err != nil {
			tb.Errorf("gaplesstest: dropping database %s: %v", name, err)
		}
	})
	if err := clone(ctx, server, name, schema); err != nil {
		tb.Fatalf("gaplesstest: making database %s: %v", name, err)
		return nil
	}
	return &Database{Name: name, URL: address, tb: tb}
}

// Pool is a pool of connections to the database, the same at each call. It is closed when the test ends; a connection that is not
// released by then fails the test.
func (d *Database) Pool() *pgxpool.Pool {
	d.tb.Helper()
	d.once.Do(func() {
		pool, err := pgxpool.New(lasting(d.tb), d.URL)
		if err != nil {
			d.tb.Fatalf("gaplesstest: %v", err)
			return
		}
		d.pool = pool
		d.tb.Cleanup(func() {
			closed := make(chan struct{})
			go func() { pool.Close(); close(closed) }()
			select {
			case <-closed:
			case <-time.After(release): // Close would wait for ever
				d.tb.Errorf("gaplesstest: database %s: %d connections of its pool were never released", d.Name, pool.Stat().AcquiredConns())
			}
		})
	})
	return d.pool
}

// patience is how long making a database may take, and dropping it: the server copies files, perhaps many at once.
const patience = 2 * time.Minute

// release is how long a pool's connections are waited for.
var release = 10 * time.Second

// server is a session in the database that New was given.
type server struct {
	*pgx.Conn
	url string
}

func connect(ctx context.Context, url string) (server, error) {
	conn, err := pgx.Connect(ctx, url)
	return server{conn, url}, err
}

func (s server) close() { _ = s.Close(context.Background()) }

// create creates a database from a template.
func (s server) create(ctx context.Context, name, template string) error {
	statement := fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", quote(name), quote(template))
	if s.atLeast(15) { // which writes each page of the copy to the WAL unless it is told not to
		statement += " STRATEGY file_copy"
	}
	for {
		_, err := s.Exec(ctx, statement)
		if !hasCode(err, objectInUse) { // somebody looks at the template; the server has waited 5 seconds
			return err
		}
		if ctx.Err() != nil {
			return err
		}
	}
}

func (s server) atLeast(major int) bool {
	var have int
	_, _ = fmt.Sscanf(s.PgConn().ParameterStatus("server_version"), "%d", &have)
	return have >= major
}

// dropDatabase ends the sessions in a database, and drops it.
func dropDatabase(ctx context.Context, url, name string) error {
	s, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer s.close()
	statement := "DROP DATABASE IF EXISTS " + quote(name)
	_, err = s.Exec(ctx, statement+" WITH (FORCE)")
	switch {
	case hasCode(err, insufficientPrivilege): // of an ordinary role, where autovacuum is there: without it, that is waited for
		_, err = s.Exec(ctx, statement)
	case hasCode(err, objectInUse): // it ends sessions, and no prepared transactions
		if err := rollbackPrepared(ctx, url, name); err != nil {
			return err
		}
		_, err = s.Exec(ctx, statement+" WITH (FORCE)")
	}
	return err
}

// rollbackPrepared ends the prepared transactions of a database, which only a session in it can.
func rollbackPrepared(ctx context.Context, url, name string) error {
	address, err := connstring.WithDatabase(url, name)
	if err != nil {
		return err
	}
	s, err := connect(ctx, address)
	if err != nil {
		return err
	}
	defer s.close()
	statements, err := ask(ctx, s, "SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts WHERE database = current_database()")
	for _, statement := range statements {
		if _, err := s.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return err
}

const (
	objectInUse           = "55006"
	insufficientPrivilege = "42501"
	duplicateDatabase     = "42P04"
	uniqueViolation       = "23505"
	noSuchDatabase        = "3D000"
)

func hasCode(err error, codes ...string) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if pgErr.Code == code {
			return true
		}
	}
	return false
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// stamp is a time as databases have it in their names, and templates in their comments: those of times are in the order of times.
func stamp(t time.Time) string { return t.UTC().Format("20060102t150405") }

func letters() string { return strings.ToLower(rand.Text()[:10]) }
