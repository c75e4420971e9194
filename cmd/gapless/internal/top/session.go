package top

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience is how long a reading, or an ending, may take before its connection is given up.
const patience = 15 * time.Second

// settings make a reading independent of the role's and the database's, and let it wait for nobody for long. They are the
// transaction's, since a pooler may give the next one to somebody else. To plan the views takes longer than to read them.
const settings = `SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL jit = off; SET LOCAL lock_timeout = '2s';
	SET LOCAL statement_timeout = '10s'; SET LOCAL DateStyle = 'ISO';
	SET LOCAL plan_cache_mode = force_generic_plan`

// session is a connection that is made again after it was lost. One thing is done after the other.
type session struct {
	mutex   sync.Mutex
	connect func(context.Context) (*pgx.Conn, error)
	conn    *pgx.Conn
}

// lostError says that there is no connection.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// do runs body in a transaction.
func (s *session) do(ctx context.Context, body func(tx pgx.Tx) error) (err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s.conn == nil || s.conn.IsClosed() {
		if s.conn, err = s.connect(ctx); err != nil {
			s.conn = nil
			return lostError{err}
		}
	}
	err = pgx.BeginTxFunc(ctx, s.conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadOnly, DeferrableMode: pgx.NotDeferrable}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, settings); err != nil {
			return err
		}
		return body(tx)
	})
	if err != nil && s.conn.IsClosed() {
		return lostError{err}
	}
	return err
}

func (s *session) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.conn.Close(ctx) // all has been read
	}
}

// backoff is how long to wait before the next attempt to connect, after so many that failed.
func backoff(failed int) time.Duration {
	return time.Second << min(failed-1, 3)
}

func lost(explain func(error) string, err error, again time.Duration) string {
	text := explain(lastCause(err))
	if errors.Is(err, fs.ErrNotExist) {
		text = "the server's socket is not there"
	}
	return fmt.Sprintf("no connection: %s; trying again in %s", clean(text), short(again))
}

// lastCause is the innermost error, of several attempts the last one's.
func lastCause(err error) error {
	for {
		var next error
		switch wrapping := err.(type) { //nolint:errorlint // it walks the chain itself
		case interface{ Unwrap() error }:
			next = wrapping.Unwrap()
		case interface{ Unwrap() []error }:
			if all := wrapping.Unwrap(); len(all) > 0 {
				next = all[len(all)-1]
			}
		}
		if next == nil {
			return err
		}
		err = next
	}
}
