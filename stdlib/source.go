package stdlib

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless/internal/retry"
)

// source gives transactions their connections: those of a pool, or else the one session.
type source struct {
	pool    pool
	session session
}

type pool interface { // a *sql.DB
	Conn(ctx context.Context) (*sql.Conn, error)
	Stats() sql.DBStats
}

type session interface { // a *sql.Conn
	TxBeginner
	Raw(f func(driverConn any) error) error
}

func sourceOf(conn TxBeginner) (source, error) {
	switch conn := conn.(type) {
	case pool:
		return source{pool: conn}, nil
	case session:
		return source{session: conn}, nil
	}
	return source{}, fmt.Errorf("gapless: InTx needs a sql.DB or a sql.Conn, not a %T", conn)
}

// begin begins a transaction that is to write, whatever the session's default is. Its connection is kept until release is called.
//
// Connections that broke while they lay in the pool leave it here: as many as there were, so that they use up no attempt.
func (from source) begin(ctx context.Context, isolation sql.IsolationLevel) (tx *sql.Tx, on session, release func(), err error) {
	broken := 0
	if from.pool != nil {
		broken = from.pool.Stats().OpenConnections
	}
	for ; ; broken-- {
		on, release = from.session, func() {}
		if from.pool != nil {
			conn, err := from.pool.Conn(ctx)
			if err != nil {
				return nil, nil, nil, err
			}
			on, release = conn, sync.OnceFunc(func() { _ = conn.Close() })
		}
		if tx, err = beginOn(ctx, on, isolation); err == nil {
			return tx, on, release, nil
		}
		err = from.orLost(ctx, on, err)
		release()
		if !errors.Is(err, retry.ErrLost) || broken <= 0 {
			return nil, nil, nil, err
		}
	}
}

func beginOn(ctx context.Context, on session, isolation sql.IsolationLevel) (*sql.Tx, error) {
	tx, err := on.BeginTx(ctx, &sql.TxOptions{Isolation: isolation})
	if err == nil && look(on, readOnly) {
		if _, err = tx.ExecContext(ctx, "SET TRANSACTION READ WRITE"); err != nil {
			_ = tx.Rollback()
		}
	}
	if err != nil && retry.Late(err) {
		// BEGIN does not take long. The error came after the answer to what was sent before, and BEGIN's own is still to come: nobody
		// can use this connection any more.
		_ = on.Raw(func(any) error { return driver.ErrBadConn })
	}
	return tx, err
}

// orLost is the error of what begins a transaction, and retry.ErrLost where a pool's connection broke, perhaps while it lay there.
func (from source) orLost(ctx context.Context, on session, err error) error {
	broke := errors.Is(err, driver.ErrBadConn) || look(on, (*pgconn.PgConn).IsClosed)
	if from.pool != nil && ctx.Err() == nil && broke {
		return fmt.Errorf("%w: %w", retry.ErrLost, err)
	}
	return err
}

// look is what a connection of pgx's driver says; of another, nothing is known.
func look[T any](conn session, what func(conn *pgconn.PgConn) T) (value T) {
	_ = conn.Raw(func(driver any) error {
		if driver, ok := driver.(interface{ Conn() *pgx.Conn }); ok {
			value = what(driver.Conn().PgConn())
		}
		return nil
	})
	return value
}

// readOnly reports whether the session's transactions only read, if they do not say that they write, and could write.
func readOnly(conn *pgconn.PgConn) bool {
	return conn.ParameterStatus("default_transaction_read_only") == "on" && conn.ParameterStatus("in_hot_standby") != "on"
}
