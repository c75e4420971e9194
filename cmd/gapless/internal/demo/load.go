package demo

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/pggapless/gapless"
)

// Load lets the workers issue the invoices of one series, and blocks until all are committed or ctx ends. It calls done
// after each, from any of its goroutines. All of them and all connections are gone when it returns.
func Load(ctx context.Context, config *pgx.ConnConfig, series Series, o Options, done func()) error {
	control, err := connect(ctx, config)
	if err != nil {
		return err
	}
	defer closeConn(ctx, control)
	killer := &killer{conn: control}

	// All connect before the first begins, so that the time is the transactions' own.
	workers := make([]*worker, o.Workers)
	defer func() {
		for _, w := range workers {
			closeConn(ctx, w.conn)
		}
	}()
	for i := range workers {
		workers[i] = &worker{config: config, series: series, options: o, killer: killer}
	}
	connecting, connectCtx := errgroup.WithContext(ctx)
	for _, w := range workers {
		connecting.Go(func() error { return w.connect(connectCtx) })
	}
	if err := connecting.Wait(); err != nil {
		return err
	}

	issuing, ctx := errgroup.WithContext(ctx)
	var taken atomic.Int64
	for _, w := range workers {
		issuing.Go(func() error {
			for {
				order := int(taken.Add(1))
				if order > o.Invoices {
					return nil
				}
				if err := w.issue(ctx, order); err != nil {
					return fmt.Errorf("%s series, order %d: %w", series.Name, order, err)
				}
				done()
			}
		})
	}
	return issuing.Wait()
}

// worker issues one invoice after the other, on a connection that it replaces when its backend was terminated.
type worker struct {
	config  *pgx.ConnConfig
	series  Series
	options Options
	killer  *killer
	conn    *pgx.Conn
}

// issue tries until the invoice of that order is committed.
func (w *worker) issue(ctx context.Context, order int) error {
	for try := 0; ; try++ {
		committed, err := w.attempt(ctx, order, w.options.fate(order, try))
		if err != nil || committed {
			return err
		}
	}
}

// The log is not what is measured, so its commit does not wait for the disk, and makes no invoice wait for it there.
const logAttempt = `
INSERT INTO attempt (series, order_no, intent, savepoint)
SELECT $1::text, $2::bigint, $3::text, $4::boolean
FROM set_config('synchronous_commit', 'off', true)
RETURNING id`

var errRollback = errors.New("this transaction is to roll back")

// attempt runs one transaction to its fate, and returns whether it committed. An error ends the demo.
func (w *worker) attempt(ctx context.Context, order int, f fate) (committed bool, err error) {
	if err := w.connect(ctx); err != nil {
		return false, err
	}
	var id int64
	err = w.conn.QueryRow(ctx, logAttempt, w.series.Name, order, f.intent(), f.savepoint).Scan(&id)
	if err != nil {
		return false, err
	}

	spared := func() (bool, error) { return false, nil }
	killed := verdict(spared)
	err = gapless.InTx(ctx, w.conn, func(tx pgx.Tx) error {
		kill := func() verdict {
			killed = w.killer.kill(ctx, id, tx.Conn().PgConn().PID())
			return killed
		}
		if f.kill == atBegin {
			kill()
		}
		if f.savepoint {
			if err := w.undone(ctx, tx); err != nil {
				return err
			}
		}
		number, err := w.series.allocate(ctx, tx)
		if err != nil {
			return err
		}
		if f.kill == withNumber {
			_, _ = kill()() // asked again below
		}
		if _, err := tx.Exec(ctx, w.series.insert, number, order, id); err != nil {
			return err
		}
		switch {
		case f.kill == withRow:
			_, _ = kill()() // asked again below
		case f.kill == atCommit:
			kill()
		case f.rollback:
			return errRollback
		}
		return nil
	}, gapless.WithIsolation(pgx.ReadCommitted), gapless.WithMaxAttempts(1)) // a retry is an attempt of its own here

	terminated, killErr := killed()
	if terminated {
		closeConn(ctx, w.conn) // if the signal came late, it would hit the next attempt
	}
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case killErr != nil:
		return false, fmt.Errorf("terminating a backend: %w", killErr)
	case err == nil:
		return true, nil
	case errors.Is(err, errRollback):
		return false, nil
	case !terminated:
		return false, err
	case errors.Is(err, gapless.ErrOutcomeUnknown):
		return w.lookUp(ctx, order, id)
	}
	return false, nil // it ended before COMMIT was sent: rolled back
}

// undone allocates in a savepoint and rolls it back.
func (w *worker) undone(ctx context.Context, tx pgx.Tx) error {
	savepoint, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := w.series.allocate(ctx, savepoint); err != nil {
		return err
	}
	return savepoint.Rollback(ctx)
}

// lookUp finds out whether a transaction committed whose COMMIT had no answer. That its row cannot be seen would prove
// nothing, since the commit may still be under way. An insert with the same key waits for its end; it conflicts if
// the row is there. Nothing is kept of it.
func (w *worker) lookUp(ctx context.Context, order int, id int64) (committed bool, err error) {
	if err := w.connect(ctx); err != nil {
		return false, err
	}
	tx, err := w.conn.Begin(ctx)
	if err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, w.series.insert+" ON CONFLICT (attempt) DO NOTHING", 0, order, id)
	if err != nil {
		return false, err
	}
	committed = tag.RowsAffected() == 0
	if err := tx.Rollback(ctx); err != nil {
		return false, err
	}
	_, err = w.conn.Exec(ctx, "INSERT INTO looked_up (attempt, committed) VALUES ($1, $2)", id, committed)
	return committed, err
}

// connect replaces a connection that is closed, or not there yet.
func (w *worker) connect(ctx context.Context) (err error) {
	if w.conn == nil || w.conn.IsClosed() {
		w.conn, err = connect(ctx, w.config)
	}
	return err
}

// connect waits while the server has no connection left: one that was terminated may not be gone yet.
func connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	for {
		conn, err := pgx.ConnectConfig(ctx, config)
		pgErr, ok := errors.AsType[*pgconn.PgError](err)
		if err == nil || !ok || pgErr.Code != "53300" { // too_many_connections
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// closeConn closes a connection, also when ctx has ended. Its error does not matter: the backend is gone or will be.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
