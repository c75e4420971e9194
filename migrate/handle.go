package migrate

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// handle sends statements, none of which has an argument.
type handle interface {
	exec(ctx context.Context, statements string) error
	scan(ctx context.Context, query string, value any) error
}

// transaction is one that this package has begun.
type transaction interface {
	handle
	commit(ctx context.Context) error
	rollback(ctx context.Context)
}

// session is one connection.
type session interface {
	handle() handle
	inTransaction(ctx context.Context) (bool, error)
	begin(ctx context.Context) (transaction, error)
}

// withSession runs fn on one connection; that of a pool goes back.
func withSession[C Conn](ctx context.Context, conn C, fn func(s session) error) error {
	switch conn := any(conn).(type) {
	case *pgxpool.Pool:
		pooled, err := conn.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		defer pooled.Release()
		return fn(pgxSession{pooled.Conn()})
	case *pgxpool.Conn:
		return fn(pgxSession{conn.Conn()})
	case *pgx.Conn:
		return fn(pgxSession{conn})
	case *sql.DB:
		pooled, err := conn.Conn(ctx)
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		defer pooled.Close()
		return fn(sqlSession{pooled})
	case *sql.Conn:
		return fn(sqlSession{conn})
	default:
		panic(fmt.Sprintf("migrate: %T is no Conn", conn)) // which does not compile
	}
}

// inTransaction reports whether what a statement sets for its transaction is there for the next.
func inTransaction(ctx context.Context, h handle) (inside bool, err error) {
	var none string
	if err := h.scan(ctx, "SELECT pg_catalog.set_config('gapless.migrates', 'yes', true)", &none); err != nil {
		return false, err
	}
	err = h.scan(ctx, "SELECT COALESCE(pg_catalog.current_setting('gapless.migrates', true), '')", &none)
	if err != nil || none != "yes" {
		return false, err
	}
	return true, h.scan(ctx, "SELECT pg_catalog.set_config('gapless.migrates', '', true)", &none)
}

type pgxSession struct{ conn *pgx.Conn }

func (s pgxSession) handle() handle { return pgxHandle{s.conn} }

func (s pgxSession) inTransaction(context.Context) (bool, error) {
	status := s.conn.PgConn().TxStatus()
	return !s.conn.IsClosed() && (status == 'T' || status == 'E'), nil
}

func (s pgxSession) begin(ctx context.Context) (transaction, error) {
	tx, err := s.conn.Begin(ctx)
	return pgxTransaction{pgxHandle{tx}, tx}, err
}

type pgxHandle struct {
	on interface {
		Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
		QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	}
}

func (h pgxHandle) exec(ctx context.Context, statements string) error {
	_, err := h.on.Exec(ctx, statements)
	return err
}

// scan prepares nothing, which would stay, and which not every pooler takes.
func (h pgxHandle) scan(ctx context.Context, query string, value any) error {
	return h.on.QueryRow(ctx, query, pgx.QueryExecModeExec).Scan(value)
}

type pgxTransaction struct {
	pgxHandle
	tx pgx.Tx
}

func (t pgxTransaction) commit(ctx context.Context) error { return t.tx.Commit(ctx) }
func (t pgxTransaction) rollback(ctx context.Context)     { _ = t.tx.Rollback(ctx) }

type sqlSession struct{ conn *sql.Conn }

func (s sqlSession) handle() handle { return sqlHandle{s.conn} }

func (s sqlSession) inTransaction(ctx context.Context) (inside bool, err error) {
	known := false
	err = s.conn.Raw(func(driver any) error {
		if driver, ok := driver.(interface{ Conn() *pgx.Conn }); ok { // pgx's
			known = true
			inside, err = pgxSession{driver.Conn()}.inTransaction(ctx)
		}
		return err
	})
	if known || err != nil {
		return inside, err
	}
	return inTransaction(ctx, s.handle())
}

func (s sqlSession) begin(ctx context.Context) (transaction, error) {
	tx, err := s.conn.BeginTx(ctx, nil)
	return sqlTransaction{sqlHandle{tx}, tx}, err
}

type sqlHandle struct {
	on interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
}

func (h sqlHandle) exec(ctx context.Context, statements string) error {
	_, err := h.on.ExecContext(ctx, statements)
	return err
}

func (h sqlHandle) scan(ctx context.Context, query string, value any) error {
	return h.on.QueryRowContext(ctx, query).Scan(value)
}

type sqlTransaction struct {
	sqlHandle
	tx *sql.Tx
}

func (t sqlTransaction) commit(context.Context) error { return t.tx.Commit() }
func (t sqlTransaction) rollback(context.Context)     { _ = t.tx.Rollback() }
