package gapless_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

// hostilePath makes unqualified names fail, so that every statement of ours has to be qualified.
func hostilePath(config *pgxpool.Config) {
	config.ConnConfig.RuntimeParams["search_path"] = ""
}

func newPool(t testing.TB, configure ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	return pgtest.New(t).Pool(t, append(configure, hostilePath)...)
}

// session is a connection of its own, with shorthands that fail the test.
type session struct {
	*pgx.Conn
	t   testing.TB
	ctx context.Context
}

func connect(t testing.TB, database *pgtest.Database, configure ...func(*pgx.ConnConfig)) session {
	t.Helper()
	return session{Conn: database.Conn(t, configure...), t: t, ctx: t.Context()}
}

// do runs statements that must succeed.
func (s session) do(statement string, args ...any) {
	s.t.Helper()
	_, err := s.Exec(s.ctx, statement, args...)
	require.NoError(s.t, err, statement)
}

// refuse runs a statement that must fail with a SQLSTATE, and returns the error.
func (s session) refuse(code, statement string, args ...any) *pgconn.PgError {
	s.t.Helper()
	_, err := s.Exec(s.ctx, statement, args...)
	require.Error(s.t, err, statement)
	return requireCode(s.t, code, err)
}

// value returns the one value of a query, or nil for NULL.
func value[T any](s session, query string, args ...any) *T {
	s.t.Helper()
	var v *T
	require.NoError(s.t, s.QueryRow(s.ctx, query, args...).Scan(&v), query)
	return v
}

func (s session) number(query string, args ...any) int64 {
	s.t.Helper()
	v := value[int64](s, query, args...)
	require.NotNil(s.t, v, query)
	return *v
}

func (s session) numbers(query string, args ...any) []int64 {
	s.t.Helper()
	rows, err := s.Query(s.ctx, query, args...)
	require.NoError(s.t, err, query)
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(s.t, err, query)
	return numbers
}

func (s session) pid() uint32 { return s.PgConn().PID() }

func requireCode(t testing.TB, code string, err error) *pgconn.PgError {
	t.Helper()
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Equal(t, code, pg.Code, "%+v", pg)
	return pg
}

// later runs fn in a goroutine; its result is to be read from the channel.
func later[T any](fn func() (T, error)) <-chan result[T] {
	done := make(chan result[T], 1)
	go func() {
		v, err := fn()
		done <- result[T]{v, err}
	}()
	return done
}

type result[T any] struct {
	value T
	err   error
}

// laterNumber runs a query for one number on s, which nothing else may use meanwhile.
func (s session) laterNumber(query string, args ...any) <-chan result[int64] {
	return later(func() (v int64, err error) {
		err = s.QueryRow(s.ctx, query, args...).Scan(&v)
		return v, err
	})
}

// How long a state is waited for, at most, and how often it is looked at.
const (
	eventually = 30 * time.Second
	tick       = 2 * time.Millisecond
)

var errWaits = errors.New("it waits for a lock")

// awaitWaiter blocks until a backend waits for a lock.
func awaitWaiter(t testing.TB, observer session, pid uint32) {
	t.Helper()
	require.Eventually(t, func() bool { return waits(observer, pid) }, eventually, tick,
		"backend %d never waited for a lock", pid)
}

func waits(observer session, pid uint32) (waits bool) {
	err := observer.QueryRow(observer.ctx, "SELECT pg_catalog.cardinality(pg_catalog.pg_blocking_pids($1)) > 0", pid).Scan(&waits)
	return err == nil && waits
}

// orWaits returns the result of what runs in a backend, or errWaits if that waits for a lock and goes on waiting:
// nowait itself may wait for a millisecond.
func orWaits[T any](observer session, pid uint32, done <-chan result[T]) result[T] {
	var since time.Time
	for {
		select {
		case r := <-done:
			return r
		case <-time.After(2 * time.Millisecond):
		}
		switch {
		case !waits(observer, pid):
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > time.Second:
			return result[T]{err: errWaits}
		}
	}
}
