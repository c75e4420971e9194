package gapless

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/internal/retry"
)

// TxBeginner begins transactions: a [*pgxpool.Pool], or a [*pgx.Conn].
type TxBeginner interface {
	BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error)
}

// TxOption changes how [InTx] runs a transaction; see [WithIsolation], [WithMaxAttempts] and [WithRetryLocked].
type TxOption func(*retry.Options)

// WithIsolation sets the transaction's isolation level. Defaults to the server's (default_transaction_isolation).
//
// Under READ COMMITTED callers wait for each other and succeed. Under REPEATABLE READ and SERIALIZABLE whoever waited
// gets 40001 and is retried, which costs more the more callers there are.
func WithIsolation(level pgx.TxIsoLevel) TxOption {
	return func(o *retry.Options) { o.Isolation = level }
}

// WithMaxAttempts sets how often the transaction is run at most. Defaults to 10; less than 1 counts as 1.
func WithMaxAttempts(attempts int) TxOption {
	return func(o *retry.Options) { o.Attempts = attempts }
}

// WithRetryLocked retries [ErrLocked] (SQLSTATE 55P03) as well. Defaults to returning it: who calls
// [Sequence.TryNext] wants to know.
func WithRetryLocked() TxOption {
	return func(o *retry.Options) { o.Locked = true }
}

// InTx runs fn in a transaction and commits it. If fn returns an error or panics, it rolls back, which gives the
// values that fn allocated back, and returns that error.
//
// It runs the whole of fn again when PostgreSQL asks for that (SQLSTATE 40001 or 40P01, from fn or from COMMIT),
// after a wait that grows at random up to half a second, until [WithMaxAttempts] or the end of ctx. So fn must have
// no effect outside tx that may not happen twice. fn must not commit, roll back or keep tx.
//
// A COMMIT that PostgreSQL turned into a ROLLBACK, because fn went on after a failed statement, is
// [pgx.ErrTxCommitRollback]. A COMMIT whose answer is lost is [ErrOutcomeUnknown], and is never retried.
func InTx(ctx context.Context, conn TxBeginner, fn func(tx pgx.Tx) error, opts ...TxOption) error {
	options := retry.NewOptions(opts)
	return retry.Run(ctx, options, func() error {
		return runTx(ctx, conn, options.Isolation, fn)
	})
}

// rollbackTimeout is how long a server that no longer answers may hold up the end of a transaction.
const rollbackTimeout = 5 * time.Second

func runTx(ctx context.Context, conn TxBeginner, isolation pgx.TxIsoLevel, fn func(tx pgx.Tx) error) (err error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: isolation})
	if err != nil {
		return fmt.Errorf("gapless: beginning the transaction: %w", err)
	}
	// Also when fn panics. ctx may have ended, and the rollback is still due, but not for ever: pgx closes a connection
	// on which it fails, which rolls back too. The error to return is the cause, never the rollback's.
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		_ = tx.Rollback(ctx)
	}()

	if err := fn(tx); err != nil {
		return err
	}
	err = tx.Commit(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrTxClosed):
		return fmt.Errorf("gapless: fn ended the transaction itself: %w", err)
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return fmt.Errorf("gapless: fn returned nil after a failed statement: %w", err)
	}
	return retry.CommitError(err)
}
