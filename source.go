package gapless

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless/internal/nesting"
	"github.com/pggapless/gapless/internal/retry"
)

// source gives transactions their connections.
type source struct {
	// acquire gives one to run a transaction on, fresh one to ask on what became of a transaction: to the same primary, and not
	// one that broke. Each is released by its function, which can be called again.
	acquire, fresh func(ctx context.Context) (conn *pgx.Conn, release func(), err error)
	// open is how many connections a pool has open.
	open func() int
	pool nesting.Pool // whose connections they are
}

func sourceOf(conn TxBeginner) (source, error) {
	switch conn := conn.(type) {
	case interface {
		Acquire(ctx context.Context) (*pgxpool.Conn, error)
	}:
		acquire := func(ctx context.Context) (*pgx.Conn, func(), error) {
			pooled, err := conn.Acquire(ctx)
			if err != nil {
				return nil, nil, err
			}
			return pooled.Conn(), sync.OnceFunc(pooled.Release), nil
		}
		from := source{acquire: acquire, fresh: acquire, open: func() int { return 0 }}
		if pool, ok := conn.(interface{ Stat() *pgxpool.Stat }); ok {
			from.open = func() int { return int(pool.Stat().TotalConns()) }
			if reflect.ValueOf(conn).Comparable() {
				from.pool = nesting.Pool{ID: conn, Size: func() int { return int(pool.Stat().MaxConns()) }}
			}
		}
		return from, nil
	case *pgx.Conn:
		return sourceOfOne(conn), nil
	case interface{ Conn() *pgx.Conn }:
		return sourceOfOne(conn.Conn()), nil
	}
	return source{}, fmt.Errorf("gapless: InTx needs a pgxpool.Pool or a pgx.Conn, not a %T", conn)
}

// begin begins a transaction on a connection that it acquires.
//
// Connections that broke while they lay in the pool leave it here: as many as there were, so that they use up no attempt.
func (from source) begin(ctx context.Context, isolation pgx.TxIsoLevel, asynchronous bool) (*transaction, func(), error) {
	t, release, broken, err := from.tryBegin(ctx, isolation, asynchronous)
	for ; broken > 0 && errors.Is(err, retry.ErrLost); broken-- {
		t, release, _, err = from.tryBegin(ctx, isolation, asynchronous)
	}
	return t, release, err
}

// tryBegin does it once. If the connection broke, perhaps in the pool, the error is a [retry.ErrLost], and open how many there were.
func (from source) tryBegin(ctx context.Context, isolation pgx.TxIsoLevel, asynchronous bool) (t *transaction, release func(), open int, err error) {
	waited, err := from.pool.Wait()
	if err != nil {
		return nil, nil, 0, err
	}
	conn, released, err := from.acquire(ctx)
	waited()
	if err != nil {
		return nil, nil, 0, err
	}
	defer func() { // also when a hook panics
		if t == nil {
			released()
		}
	}()
	t, err = begin(ctx, conn, isolation, asynchronous)
	switch {
	case err == nil:
		return t, released, 0, nil
	case conn.IsClosed() && ctx.Err() == nil:
		return nil, nil, from.open(), fmt.Errorf("%w: %w", retry.ErrLost, err)
	}
	return nil, nil, 0, err
}

func sourceOfOne(conn *pgx.Conn) source {
	return source{
		open: func() int { return 0 },
		acquire: func(context.Context) (*pgx.Conn, func(), error) {
			if conn.IsClosed() {
				return nil, nil, errors.New("the connection is closed, and not one of a pool, which would give another")
			}
			if conn.PgConn().TxStatus() != 'I' {
				return nil, nil, errors.New("the connection is in a transaction already")
			}
			return conn, func() {}, nil
		},
		fresh: func(ctx context.Context) (*pgx.Conn, func(), error) {
			another, err := pgx.ConnectConfig(ctx, conn.Config())
			if err != nil {
				return nil, nil, err
			}
			return another, func() { _ = another.Close(ctx) }, nil
		},
	}
}
