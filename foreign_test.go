package gapless_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/sqltest"
)

// beginning is a BeginTx of somebody's own.
type beginning func(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error)

func (b beginning) BeginTx(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error) { return b(ctx, o) }

type (
	Queries struct{ *pgxpool.Pool }
	deeper  struct{ Queries } // and its BeginTx, two levels down
	store   struct {          // beginning's BeginTx, which is less deep
		Queries
		beginning
	}
)

// TestInTxBeginsWhereGoSays also where a type embeds a pool, too, but its BeginTx is another's.
func TestInTxBeginsWhereGoSays(t *testing.T) {
	t.Parallel()
	pool, ctx := sqltest.NewPool(t), t.Context()
	begun := 0
	counting := beginning(func(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error) { begun++; return pool.BeginTx(ctx, o) })
	for _, from := range []gapless.TxBeginner{store{Queries{pool}, counting}, &store{Queries{pool}, counting}} {
		begun = 0
		require.NoError(t, gapless.InTx(ctx, from, func(tx pgx.Tx) error { _, err := invoices.Next(ctx, tx); return err }))
		require.Equal(t, 1, begun)
	}
	require.NoError(t, gapless.InTx(ctx, deeper{Queries{pool}}, func(tx pgx.Tx) error { _, err := gapless.CommitBatch(tx); return err }))
	for _, from := range []gapless.TxBeginner{Queries{}, &Queries{}, deeper{}, struct{ gapless.TxBeginner }{}} {
		err := gapless.InTx(ctx, from, func(pgx.Tx) error { return nil })
		require.ErrorContains(t, err, "that embeds nil")
	}
}

// committing has a Commit of its own.
type committing struct {
	pgx.Tx
	commit func(ctx context.Context, tx pgx.Tx) error
}

func (c committing) Commit(ctx context.Context) error { return c.commit(ctx, c.Tx) }

// TestACommitThatFailsBeforeItIsSent is not waited for: its transaction would be running until then.
func TestACommitThatFailsBeforeItIsSent(t *testing.T) {
	t.Parallel()
	pool := sqltest.NewPool(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	mine, fails := errors.New("mine"), true
	from := beginning(func(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error) {
		tx, err := pool.BeginTx(ctx, o)
		return committing{tx, func(ctx context.Context, tx pgx.Tx) error {
			if fails {
				return mine
			}
			return tx.Commit(ctx)
		}}, err
	})
	take := func(tx pgx.Tx) error { _, err := invoices.Next(ctx, tx); return err }
	err := gapless.InTx(ctx, from, take, gapless.WithMaxAttempts(2))
	require.ErrorIs(t, err, mine)
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
	fails = false
	require.NoError(t, gapless.InTx(ctx, from, take))
	last, _, err := invoices.Last(ctx, pool)
	require.NoError(t, err)
	require.EqualValues(t, 1, last)
}

// TestObserversCanPanicAndCallInTx as fn can: no connection is kept, and what would wait for ever is refused.
func TestObserversCanPanicAndCallInTx(t *testing.T) {
	t.Parallel()
	for _, kind := range []gapless.EventKind{gapless.EventBegin, gapless.EventWait, gapless.EventWork, gapless.EventCommit} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			pool := sqltest.NewPool(t, func(config *pgxpool.Config) { config.MaxConns = 1 })
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			take := func(tx pgx.Tx) error { _, err := invoices.Next(ctx, tx); return err }
			at := func(do func(ctx context.Context)) gapless.TxOption {
				return gapless.WithObserver(func(ctx context.Context, event gapless.Event) {
					if event.Kind == kind {
						do(ctx)
					}
				})
			}
			var refused error
			nested := at(func(ctx context.Context) { refused = gapless.InTx(ctx, pool, take) })
			require.NoError(t, gapless.InTx(ctx, pool, take, nested))
			require.ErrorContains(t, refused, "give the pool more")

			refused = nil
			committer := sqltest.NewGroupCommitter(t, pool, gapless.WithTxOptions(nested))
			require.NoError(t, committer.InTx(ctx, take))
			require.ErrorContains(t, refused, "give the pool more")
			if kind != gapless.EventWait { // a batch has none
				refused = nil
				batch, _ := batchOf(issueOne)
				require.NoError(t, committer.Send(ctx, batch))
				require.ErrorContains(t, refused, "give the pool more")
			}

			panics := at(func(context.Context) { panic("bug") })
			require.PanicsWithValue(t, "bug", func() { _ = gapless.InTx(ctx, pool, take, panics) })
			require.NoError(t, gapless.InTx(ctx, pool, take), "its connection went back to the pool")
			if kind != gapless.EventWait { // of a transaction that is not InTx's own there is none
				require.PanicsWithValue(t, "bug", func() { _ = gapless.InTx(ctx, beginning(pool.BeginTx), take, panics) })
				require.NoError(t, gapless.InTx(ctx, pool, take))
			}
		})
	}
}

func TestNoObserverIsNone(t *testing.T) {
	t.Parallel()
	pool := sqltest.NewPool(t)
	require.NoError(t, gapless.InTx(t.Context(), pool, func(pgx.Tx) error { return nil }, gapless.WithObserver(nil), gapless.WithLogger(nil)))
}

const issueOne = "SELECT gapless.next_gapless('one')"
