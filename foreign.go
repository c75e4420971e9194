package gapless

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/retry"
)

// runForeign is source.run for what begins and ends its transactions itself.
func (from source) runForeign(ctx context.Context, isolation pgx.TxIsoLevel, watch *retry.Watch, fn func(tx pgx.Tx) error) error {
	began := watch.Now()
	tx, t, err := from.beginForeign(ctx, isolation)
	if err != nil {
		watch.Tell(retry.Began, began, err)
		return client.Errorf("beginning the transaction: %w", client.Granting(err))
	}
	defer rollBackForeign(ctx, tx) // also when fn or an observer panics
	watch.Tell(retry.Began, began, nil)
	if t != nil {
		t.watch = watch
	}
	began = watch.Now()
	err = fn(tx)
	watch.Tell(retry.Worked, began, err)
	if err != nil {
		return retry.RolledBack(err)
	}
	if err := t.unsent(ctx); err != nil {
		return err
	}
	began = watch.Now()
	err = tx.Commit(ctx)
	watch.Tell(retry.Sent, began, err)
	switch {
	case err == nil && (t == nil || !t.replicated): // of a standby, its warning was not seen
		return nil
	case errors.Is(err, pgx.ErrTxClosed):
		return errEnded
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return errAborted
	case retry.Answered(err) && !retry.Late(err) && !retry.Doubtful(err):
		return retry.NotCommitted(err)
	case t == nil:
		return fmt.Errorf("gapless: %w: COMMIT failed, and there is no connection to ask on: %w", client.ErrOutcomeUnknown, err)
	}
	if err == nil {
		err = errNotReplicated
	}
	rollBackForeign(ctx, tx) // it may have failed before COMMIT was sent, and its outcome is not known before it ends
	return t.resolve(ctx, sourceOfOne(t.conn), err)
}

// beginForeign begins a transaction, and marks it where it has a connection.
func (from source) beginForeign(ctx context.Context, isolation pgx.TxIsoLevel) (pgx.Tx, *transaction, error) {
	tx, err := from.itself.BeginTx(ctx, pgx.TxOptions{IsoLevel: isolation, AccessMode: pgx.ReadWrite})
	if err != nil {
		return nil, nil, err
	}
	conn := connOf(tx)
	if conn == nil {
		return tx, nil, nil
	}
	if handleOf(tx) != nil {
		rollBackForeign(ctx, tx)
		return nil, nil, errInTransaction
	}
	t := &transaction{conn: conn, token: uuid.New()}
	if err := tx.QueryRow(ctx, mark, t.token, false).Scan(&t.txid, &t.serverStart, &t.replicated, nil); err != nil {
		rollBackForeign(ctx, tx)
		return nil, nil, err
	}
	return tx, t, nil
}

func rollBackForeign(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = tx.Rollback(ctx)
}
