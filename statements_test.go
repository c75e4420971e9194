package gapless_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// requireClosed checks that nothing can be run by a transaction, or a savepoint, that has ended.
func requireClosed(t *testing.T, tx pgx.Tx) {
	t.Helper()
	ctx := t.Context()
	const next = "SELECT gapless.next_gapless('invoice')"
	_, err := tx.Exec(ctx, next)
	require.ErrorIs(t, err, pgx.ErrTxClosed)
	rows, err := tx.Query(ctx, next)
	require.ErrorIs(t, err, pgx.ErrTxClosed)
	require.False(t, rows.Next())
	require.ErrorIs(t, tx.QueryRow(ctx, next).Scan(new(int64)), pgx.ErrTxClosed)
	batch, _ := batchOf(next)
	require.ErrorIs(t, tx.SendBatch(ctx, batch).Close(), pgx.ErrTxClosed)
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"invoices"}, []string{"number"}, pgx.CopyFromRows([][]any{{1}}))
	require.ErrorIs(t, err, pgx.ErrTxClosed)
	_, err = tx.Prepare(ctx, "next", next)
	require.ErrorIs(t, err, pgx.ErrTxClosed)
	_, err = tx.Begin(ctx)
	require.ErrorIs(t, err, pgx.ErrTxClosed)
	require.ErrorIs(t, tx.Commit(ctx), pgx.ErrTxClosed)
	require.ErrorIs(t, tx.Rollback(ctx), pgx.ErrTxClosed)
	_, err = gapless.CommitBatch(tx)
	require.ErrorIs(t, err, pgx.ErrTxClosed)
}

// wrapped is a transaction of somebody's own.
type wrapped struct{ pgx.Tx }

// TestACommitBatchIsSentOrAnError finds the batch through savepoints and wrappers.
func TestACommitBatchIsSentOrAnError(t *testing.T) {
	t.Parallel()
	for name, committer := range sqltest.Committers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE said (it text)")
			inTx, ctx := committer(t, database.Pool(t, sqltest.HostilePath)), t.Context()
			say := func(tx pgx.Tx, it string) { sqltest.CommitBatch(tx).Queue("INSERT INTO public.said VALUES ($1)", it) }
			mine := errors.New("mine")
			require.NoError(t, inTx(ctx, func(tx pgx.Tx) error {
				say(tx, "first")
				require.ErrorIs(t, pgx.BeginFunc(ctx, tx, func(sp pgx.Tx) error {
					say(sp, "rolled back")
					require.NoError(t, pgx.BeginFunc(ctx, sp, func(inner pgx.Tx) error { say(inner, "with the outer one"); return nil }))
					return mine
				}), mine)
				require.NoError(t, pgx.BeginFunc(ctx, tx, func(sp pgx.Tx) error {
					say(sp, "released")
					inner, err := sp.Begin(ctx)
					require.NoError(t, err)
					say(inner, "released with the outer one")
					say(wrapped{sp}, "wrapped: the innermost")
					return nil
				}))
				say(wrapped{tx}, "wrapped")
				open, err := wrapped{tx}.Begin(ctx)
				require.NoError(t, err)
				say(open, "left open")
				inner, err := open.Begin(ctx)
				require.NoError(t, err)
				say(inner, "rolled back alone")
				require.NoError(t, inner.Rollback(ctx))
				requireClosed(t, inner)
				say(wrapped{tx}, "wrapped: left open")
				return nil
			}))
			require.Equal(t, []string{
				"first", "released", "released with the outer one", "wrapped: the innermost", "wrapped", "left open", "wrapped: left open",
			}, sqltest.Texts(s, "SELECT it FROM said ORDER BY ctid"))

			// Of what ends with an outer savepoint, nothing can be run by an inner one.
			require.NoError(t, inTx(ctx, func(tx pgx.Tx) error {
				outer, err := tx.Begin(ctx)
				require.NoError(t, err)
				inner, err := outer.Begin(ctx)
				require.NoError(t, err)
				require.NoError(t, outer.Commit(ctx))
				requireClosed(t, inner)
				requireClosed(t, outer)
				return nil
			}))

			// An aborted savepoint cannot be released, and its statements are not sent.
			require.NoError(t, inTx(ctx, func(tx pgx.Tx) error {
				sp, err := tx.Begin(ctx)
				require.NoError(t, err)
				say(sp, "aborted")
				_, err = sp.Exec(ctx, "SELECT 1/0")
				require.Error(t, err)
				require.NoError(t, sp.Rollback(ctx))
				return nil
			}))
			require.EqualValues(t, 7, s.Number("SELECT count(*) FROM said"))

			// Nobody would send them.
			foreign, err := s.Begin(ctx)
			require.NoError(t, err)
			for _, tx := range []pgx.Tx{foreign, wrapped{foreign}, wrapped{}, nil} {
				batch, err := gapless.CommitBatch(tx)
				require.ErrorContains(t, err, "give CommitBatch the transaction of InTx")
				require.Nil(t, batch)
			}
		})
	}
}

// TestLargeObjectsOfATransactionAreThoseOfPgx also after it has ended.
func TestLargeObjectsOfATransactionAreThoseOfPgx(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	pool, ctx := database.Pool(t, func(config *pgxpool.Config) { config.MaxConns = 1 }), t.Context()
	var kept pgx.LargeObjects
	var oid uint32
	mine := errors.New("mine")
	for _, fail := range []error{nil, mine} {
		require.ErrorIs(t, gapless.InTx(ctx, pool, func(tx pgx.Tx) (err error) {
			return errors.Join(pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
				kept = tx.LargeObjects()
				if oid, err = kept.Create(ctx, 0); err != nil {
					return err
				}
				object, err := kept.Open(ctx, oid, pgx.LargeObjectModeWrite)
				if err == nil {
					_, err = object.Write([]byte("a large one"))
				}
				return err
			}), fail)
		}), fail)
		_, err := kept.Create(ctx, 0)
		require.ErrorIs(t, err, pgx.ErrTxClosed)
	}
	s := sqltest.Connect(t, database)
	require.EqualValues(t, 1, s.Number("SELECT count(*) FROM pg_largeobject"))
}

// TestABatchThatIsSentTwiceIsRefused one after the other, and at once.
func TestABatchThatIsSentTwiceIsRefused(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 4)
	const again = "it was sent already"
	batch, query := batchOf(issueInvoice, "a")
	number := int64(0)
	query.QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
	require.NoError(t, committer.Send(t.Context(), batch))
	require.EqualValues(t, 1, number)
	require.ErrorContains(t, committer.Send(t.Context(), batch), again)
	require.ErrorContains(t, committer.Send(t.Context(), &pgx.Batch{}), again)
	requireOneTo(t, s, 1)

	batch, _ = batchOf(issueInvoice, "b")
	results := make(chan error, 8)
	for range cap(results) {
		go func() { results <- committer.Send(t.Context(), batch) }()
	}
	sent := 0
	for range cap(results) {
		if err := <-results; err == nil {
			sent++
		} else {
			require.ErrorContains(t, err, again)
		}
	}
	require.Equal(t, 1, sent)
	requireOneTo(t, s, 2)

	// What is certainly not committed can be sent again.
	batch, _ = batchOf(issueInvoice, "c")
	batch.Queue("SELECT 1 / count(*) FROM public.invoices WHERE customer = 'd'")
	sqltest.RequireCode(t, "22012", committer.Send(t.Context(), batch))
	ended, end := context.WithCancel(t.Context())
	end()
	require.ErrorIs(t, committer.Send(ended, batch), context.Canceled)
	s.Do("INSERT INTO invoices (customer) VALUES ('d')")
	require.NoError(t, committer.Send(t.Context(), batch))
	require.Equal(t, []int64{1, 2, 3}, s.Numbers("SELECT number FROM invoices WHERE number IS NOT NULL ORDER BY 1"))

	// One of a callback's that failed is committed.
	batch, query = batchOf(issueInvoice, "e")
	query.QueryRow(func(pgx.Row) error { return errors.New("mine") })
	require.ErrorIs(t, committer.Send(t.Context(), batch), gapless.ErrCommitted)
	require.ErrorContains(t, committer.Send(t.Context(), batch), again)
}
