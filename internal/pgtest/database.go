package pgtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless/internal/connstring"
)

// Database is a database that [Server.CreateDatabase] made.
type Database struct {
	Name string // gapless_test_ and random digits
	URL  string // a connection string for it, with the server's role

	server   *Server
	reusable *reusable // nil for one that goes with its test
}

var errClosed = errors.New("pgtest: the server is closed")

// CreateDatabase creates a database from a template, or from PostgreSQL's own if template is "".
//
// PostgreSQL refuses to copy a database that has other sessions in it. CreateDatabase blocks until they have gone or
// ctx ends; the error then says so. Copies of the same template can be made at the same time.
func (s *Server) CreateDatabase(ctx context.Context, template string) (*Database, error) {
	name := "gapless_test_" + strings.ToLower(rand.Text()[:16])
	address, err := connstring.WithDatabase(s.url, name)
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	statement := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if template != "" {
		statement += " TEMPLATE " + pgx.Identifier{template}.Sanitize()
	}
	s.databases.Store(name, true) // before it is there: after a lost answer nobody knows whether it is

	var busy error
	for {
		err := s.create(ctx, statement)
		switch {
		case err == nil:
			return &Database{Name: name, URL: address, server: s}, nil
		case hasCode(err, objectInUse):
			busy = fmt.Errorf("other sessions use %s, which is to be copied; close them first: %w", cmp.Or(template, "template1"), err)
		default:
			return nil, fmt.Errorf("pgtest: create a database: %w", errors.Join(err, busy))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("pgtest: create a database: %w", errors.Join(context.Cause(ctx), busy))
		case <-s.closing:
			return nil, errClosed
		case <-time.After(50 * time.Millisecond): // the server itself has waited for them, some 5 seconds
		}
	}
}

// Drop drops the database and ends the sessions in it; prepared transactions in it are rolled back. It is no error if
// it is gone already, or its server is.
func (d *Database) Drop(ctx context.Context) error {
	done, err := d.server.enter()
	if err != nil {
		return nil // Close has dropped it, or is about to
	}
	defer done()
	return d.server.drop(ctx, d.Name)
}

// enter keeps Close waiting until done is called.
func (s *Server) enter() (done func(), err error) {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return nil, errClosed
	}
	return s.mu.RUnlock, nil
}

func (s *Server) create(ctx context.Context, statement string) error {
	done, err := s.enter()
	if err != nil {
		return err
	}
	defer done()
	conn, err := s.maintain(ctx)
	if err != nil {
		return err
	}
	defer s.maintained(ctx, conn)
	// Since 15, PostgreSQL writes each page of the copy to the WAL unless it is told not to: three times as long for a template of 8 MB.
	release, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), ".")
	if major, err := strconv.Atoi(release); err == nil && major >= 15 {
		statement += " STRATEGY file_copy"
	}
	_, err = conn.Exec(ctx, statement)
	return err
}

func (s *Server) drop(ctx context.Context, name string) error {
	statement := "DROP DATABASE IF EXISTS " + pgx.Identifier{name}.Sanitize() + " WITH (FORCE)"
	conn, err := s.maintain(ctx)
	if err != nil {
		return fmt.Errorf("pgtest: drop the database %s: %w", name, err)
	}
	_, err = conn.Exec(ctx, statement)
	s.maintained(ctx, conn)
	switch {
	case hasCode(err, objectInUse): // FORCE ends sessions, but no prepared transactions
		err = errors.Join(s.rollbackPrepared(ctx, name), execute(ctx, s.url, statement))
	case hasCode(err, insufficientPrivilege): // FORCE refuses autovacuum's to an ordinary role; without it they are waited for
		err = execute(ctx, s.url, strings.TrimSuffix(statement, " WITH (FORCE)"))
	}
	if err != nil {
		return fmt.Errorf("pgtest: drop the database %s: %w", name, err)
	}
	s.databases.Delete(name)
	return nil
}

// maintain returns a session in the maintenance database, and maintained keeps it for the next who needs one.
func (s *Server) maintain(ctx context.Context) (*pgx.Conn, error) {
	select {
	case conn := <-s.idle:
		if conn.Ping(ctx) == nil {
			return conn, nil
		}
		conn.Close(ctx) // the server was restarted meanwhile
	default:
	}
	return pgx.Connect(ctx, s.url)
}

func (s *Server) maintained(ctx context.Context, conn *pgx.Conn) {
	if !conn.IsClosed() {
		select {
		case s.idle <- conn:
			return
		default:
		}
	}
	conn.Close(context.WithoutCancel(ctx))
}

// closeIdle is for when nobody creates or drops a database any more.
func (s *Server) closeIdle(ctx context.Context) {
	for {
		select {
		case conn := <-s.idle:
			conn.Close(ctx)
		default:
			return
		}
	}
}

// dropAll drops what is left, when nothing more can be created.
func (s *Server) dropAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	s.databases.Range(func(name, _ any) bool {
		errs = append(errs, s.drop(ctx, name.(string)))
		return true
	})
	s.closeIdle(ctx)
	return errors.Join(errs...)
}

// rollbackPrepared ends the prepared transactions of a database, which only a session in that database can.
func (s *Server) rollbackPrepared(ctx context.Context, database string) error {
	address, err := connstring.WithDatabase(s.url, database)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, _ := conn.Query(ctx, `SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()`)
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func execute(ctx context.Context, address, statement string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, statement)
	return err
}

const (
	objectInUse           = "55006"
	insufficientPrivilege = "42501"
)

func hasCode(err error, code string) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == code
}
