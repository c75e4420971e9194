package stdlib

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless/internal/nesting"
	"github.com/pggapless/gapless/internal/retry"
)

// source gives transactions their connections: those of a pool, or else the one.
type source struct {
	pool   *sql.DB
	one    *sql.Conn
	nested nesting.Pool // the pool's
}

func sourceOf(conn TxBeginner) (source, error) {
	pool, pooled := conn.(*sql.DB)
	if !pooled {
		pool, pooled = embedded[*sql.DB](conn)
	}
	one, single := conn.(*sql.Conn)
	if !single {
		one, single = embedded[*sql.Conn](conn)
	}
	switch {
	case pooled:
		return source{pool: pool, nested: nesting.Pool{ID: pool, Size: func() int {
			return cmp.Or(pool.Stats().MaxOpenConnections, math.MaxInt) // 0 is no limit
		}}}, nil
	case single:
		return source{one: one}, nil
	}
	return source{}, fmt.Errorf("gapless: InTx needs a sql.DB or a sql.Conn, or what embeds one, not a %T", conn)
}

// begin begins a transaction that is to write, whatever the session's default is. Its connection is kept until release is called.
//
// Connections that broke while they lay in the pool leave it here: as many as there were, so that they use up no attempt.
func (from source) begin(ctx context.Context, isolation sql.IsolationLevel) (tx *sql.Tx, on *sql.Conn, release func(), err error) {
	broken := 0
	if from.pool != nil {
		broken = from.pool.Stats().OpenConnections
	}
	for ; ; broken-- {
		if on, release, err = from.acquire(ctx); err != nil {
			return nil, nil, nil, err
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

// acquire gives a connection to run a transaction on, until release is called.
func (from source) acquire(ctx context.Context) (on *sql.Conn, release func(), err error) {
	if from.pool == nil {
		if look(from.one, (*pgconn.PgConn).IsClosed) {
			return nil, nil, errors.New("the connection is closed, and not one of a pool, which would give another")
		}
		return from.one, func() {}, nil
	}
	waited, err := from.nested.Wait()
	if err != nil {
		return nil, nil, err
	}
	defer waited()
	if on, err = from.pool.Conn(ctx); err != nil {
		return nil, nil, err
	}
	return on, sync.OnceFunc(func() { _ = on.Close() }), nil
}

func beginOn(ctx context.Context, on *sql.Conn, isolation sql.IsolationLevel) (*sql.Tx, error) {
	if err := on.Raw(refuse); err != nil {
		return nil, err
	}
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
func (from source) orLost(ctx context.Context, on *sql.Conn, err error) error {
	broke := errors.Is(err, driver.ErrBadConn) || look(on, (*pgconn.PgConn).IsClosed)
	if from.pool != nil && ctx.Err() == nil && broke {
		return fmt.Errorf("%w: %w", retry.ErrLost, err)
	}
	return err
}

// refuse is why no transaction can be begun on a connection of a driver's.
func refuse(conn any) error {
	of, innermost := unwrap(conn)
	switch {
	case of == nil:
		return fmt.Errorf("InTx needs the driver \"pgx\" of github.com/jackc/pgx/v5/stdlib, and the database was opened with another, whose connection is a %T: "+
			"open it with that one; or if this wraps it, with a wrapper that embeds its driver.Conn or has the method Raw() driver.Conn", innermost)
	case !of.IsClosed() && of.PgConn().TxStatus() != 'I':
		return errors.New("the connection is in a transaction already")
	}
	return nil
}

// unwrap finds pgx's connection under one of a driver's; or, if there is none, what it came to.
func unwrap(conn any) (of *pgx.Conn, innermost any) {
	for conn != nil {
		innermost = conn
		switch wrapper := conn.(type) {
		case interface{ Conn() *pgx.Conn }:
			return wrapper.Conn(), nil
		case interface{ Raw() driver.Conn }:
			conn = wrapper.Raw()
		default:
			conn, _ = embedded[driver.Conn](conn)
		}
	}
	return nil, innermost
}

// configOf is how pgx's connection was made.
func configOf(conn *sql.Conn) (config *pgx.ConnConfig) {
	_ = conn.Raw(func(conn any) error {
		if of, _ := unwrap(conn); of != nil {
			config = of.Config()
		}
		return nil
	})
	return config
}

// look is what pgx's connection says.
func look[T any](conn *sql.Conn, what func(conn *pgconn.PgConn) T) (value T) {
	_ = conn.Raw(func(conn any) error {
		if of, _ := unwrap(conn); of != nil {
			value = what(of.PgConn())
		}
		return nil
	})
	return value
}

// readOnly reports whether the session's transactions only read, if they do not say that they write, and could write.
func readOnly(conn *pgconn.PgConn) bool {
	return conn.ParameterStatus("default_transaction_read_only") == "on" && conn.ParameterStatus("in_hot_standby") != "on"
}
