package sqltest

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// How long a state is waited for, at most, and how often it is looked at.
const (
	Eventually = time.Minute
	Tick       = 2 * time.Millisecond
)

// Result is what a function returned.
type Result[T any] struct {
	Value T
	Err   error
}

// Later runs fn in a goroutine; its result is to be read from the channel.
func Later[T any](fn func() (T, error)) <-chan Result[T] {
	done := make(chan Result[T], 1)
	go func() {
		v, err := fn()
		done <- Result[T]{v, err}
	}()
	return done
}

// LaterNumber runs a query for one number on s, which nothing else may use meanwhile.
func (s Session) LaterNumber(query string, args ...any) <-chan Result[int64] {
	return Later(func() (v int64, err error) {
		err = s.QueryRow(s.Ctx, query, args...).Scan(&v)
		return v, err
	})
}

// Await blocks until a query gives true. Until then it may fail, too.
func (s Session) Await(query string, args ...any) {
	s.T.Helper()
	require.Eventually(s.T, func() (yes bool) {
		return s.QueryRow(s.Ctx, query, args...).Scan(&yes) == nil && yes
	}, Eventually, Tick, query)
}

// AwaitBlocked blocks until somebody waits for a lock which that backend has. It may be this session, in a transaction,
// for which pg_stat_activity would stay as it was.
func (s Session) AwaitBlocked(by uint32) {
	s.T.Helper()
	s.Await("SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE NOT granted AND $1::int = ANY (pg_catalog.pg_blocking_pids(pid)))", by)
}

// AwaitWaiter blocks until a backend waits for a lock.
func AwaitWaiter(t testing.TB, observer Session, pid uint32) {
	t.Helper()
	require.Eventually(t, func() bool { return Waits(observer, pid) }, Eventually, Tick,
		"backend %d never waited for a lock", pid)
}

// ErrWaits is the error of [OrWaits] for what waits for a lock.
var ErrWaits = errors.New("it waits for a lock")

// OrWaits returns the result of what runs in a backend, or errWaits if that waits for a lock and goes on waiting:
// nowait itself may wait for a millisecond.
func OrWaits[T any](observer Session, pid uint32, done <-chan Result[T]) Result[T] {
	var since time.Time
	for {
		select {
		case r := <-done:
			return r
		case <-time.After(2 * time.Millisecond):
		}
		switch {
		case !Waits(observer, pid):
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > time.Second:
			return Result[T]{Err: ErrWaits}
		}
	}
}

// Waits reports whether a backend waits for a lock.
func Waits(observer Session, pid uint32) (waits bool) {
	err := observer.QueryRow(observer.Ctx, "SELECT pg_catalog.cardinality(pg_catalog.pg_blocking_pids($1)) > 0", pid).Scan(&waits)
	return err == nil && waits
}

// HoldersOf are the backends that the view holders shows for a sequence, in that state.
func HoldersOf(observer Session, name, state string) []uint32 {
	observer.T.Helper()
	rows, err := observer.Query(observer.Ctx, "SELECT pid FROM gapless.holders WHERE name = $1 AND state = $2 AND pid IS NOT NULL ORDER BY pid", name, state)
	require.NoError(observer.T, err)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	require.NoError(observer.T, err)
	return pids
}
