package gapless

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// source gives transactions their connections.
type source struct {
	// acquire gives one to run a transaction on, fresh one to ask on what became of a transaction: to the same primary, and not
	// one that broke. Each is released by its function, which can be called again.
	acquire, fresh func(ctx context.Context) (conn *pgx.Conn, release func(), err error)
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
		return source{acquire, acquire}, nil
	case *pgx.Conn:
		return sourceOfOne(conn), nil
	case interface{ Conn() *pgx.Conn }:
		return sourceOfOne(conn.Conn()), nil
	}
	return source{}, fmt.Errorf("gapless: InTx needs a pgxpool.Pool or a pgx.Conn, not a %T", conn)
}

func sourceOfOne(conn *pgx.Conn) source {
	return source{
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
