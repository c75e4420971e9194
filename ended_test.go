package gapless_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestTheCauseOfAContextDoesNotHideThatItEnded has a cause of the caller's own.
func TestTheCauseOfAContextDoesNotHideThatItEnded(t *testing.T) {
	t.Parallel()
	shutDown := errors.New("shutting down")
	for name, committer := range sqltest.Committers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTx := committer(t, pgtest.New(t).Pool(t))
			ctx, cancel := context.WithCancelCause(t.Context())
			err := inTx(ctx, func(pgx.Tx) error { cancel(shutDown); return nil })
			require.ErrorIs(t, err, shutDown)
			require.ErrorIs(t, err, context.Canceled)
			require.EqualError(t, err, "gapless: not committed: context canceled: shutting down")

			ctx, stop := context.WithTimeoutCause(t.Context(), time.Second, shutDown)
			defer stop()
			err = inTx(ctx, func(pgx.Tx) error { <-ctx.Done(); return nil })
			require.ErrorIs(t, err, shutDown)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

// TestAFunctionThatCommitsItselfIsNotToldThatNothingIsCommitted has fn commit by pgx, and by SQL.
func TestAFunctionThatCommitsItselfIsNotToldThatNothingIsCommitted(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	for name, committer := range sqltest.Committers {
		inTx := committer(t, database.Pool(t))
		for _, commit := range []func(tx pgx.Tx) error{
			func(tx pgx.Tx) error { return tx.Commit(t.Context()) },
			func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), "COMMIT"); return err },
		} {
			before := s.Number("SELECT coalesce(gapless.last_gapless('invoice'), 0)")
			err := inTx(t.Context(), func(tx pgx.Tx) error {
				_, err := invoices.Next(t.Context(), tx)
				return errors.Join(err, commit(tx))
			})
			require.ErrorIs(t, err, pgx.ErrTxClosed, name)
			require.EqualError(t, err, "gapless: fn ended the transaction itself, by COMMIT or ROLLBACK: tx is closed")
			require.Equal(t, before+1, s.Number("SELECT gapless.last_gapless('invoice')"))
		}
	}
}
