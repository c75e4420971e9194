package gapless_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestACallInAFunctionOfInTxIsRefusedWhereItWouldWaitForEver has pools that are full of such functions.
func TestACallInAFunctionOfInTxIsRefusedWhereItWouldWaitForEver(t *testing.T) {
	t.Parallel()
	const refused = "none but those of functions that wait likewise"
	for _, size := range []int32{1, 2, 5} {
		s, _, database := newInvoices(t, size)
		pool := database.Pool(t, sqltest.HostilePath, func(config *pgxpool.Config) { config.MaxConns = size })
		committer := sqltest.NewGroupCommitter(t, pool)
		send := func() error {
			batch, _ := batchOf("INSERT INTO public.invoices (customer) VALUES (NULL)")
			return committer.Send(t.Context(), batch)
		}
		nothing := func(pgx.Tx) error { return nil }
		for name, inTx := range map[string]func(fn func(tx pgx.Tx) error) error{
			"one by one": func(fn func(tx pgx.Tx) error) error { return gapless.InTx(t.Context(), pool, fn) },
			"in groups":  func(fn func(tx pgx.Tx) error) error { return committer.InTx(t.Context(), fn) },
		} {
			var nested func(depth int32, then func() error) error
			nested = func(depth int32, then func() error) error {
				if depth == 0 {
					return then()
				}
				return inTx(func(pgx.Tx) error { return nested(depth-1, then) })
			}
			for call, then := range map[string]func() error{"Send": send, "InTx": func() error { return inTx(nothing) }} {
				for range 3 {
					require.ErrorContains(t, nested(size, then), refused, "%s, %s", name, call)
					require.NoError(t, nested(size-1, then), "%s, %s", name, call)
				}
			}
			// Functions that wait together: the last one is refused, and the others go on.
			all, results := make(chan struct{}), make(chan error, size)
			inside := make(chan struct{}, size)
			for range size {
				go func() {
					results <- inTx(func(pgx.Tx) error { inside <- struct{}{}; <-all; return send() })
				}()
			}
			for range size {
				<-inside
			}
			close(all)
			var failed int
			for range size {
				if err := <-results; err != nil {
					require.ErrorContains(t, err, refused)
					failed++
				}
			}
			require.GreaterOrEqual(t, failed, 1)
		}
		require.Positive(t, s.Number("SELECT 1 + count(*) FROM gapless.sequences"))
	}
}

// TestCloseInAFunctionOfInTxReturns has it called by those for which it would wait.
func TestCloseInAFunctionOfInTxReturns(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 1)
	done := sqltest.Later(func() (any, error) {
		return nil, committer.InTx(t.Context(), func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), issueInvoice, "a")
			committer.Close()
			if late := committer.InTx(t.Context(), func(pgx.Tx) error { return nil }); !errors.Is(late, gapless.ErrClosed) {
				t.Error(late)
			}
			return err
		})
	})
	require.NoError(t, (<-done).Err)
	requireOneTo(t, s, 1)
	s.Await("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'gapless flusher' AND datname = current_database())")
}

// TestWhatIsTrueOfAnotherTransactionIsNotSaidOfTheOwn has the outcome of another transaction be why this one is rolled back, or why a
// callback of it fails, or its context ends.
func TestWhatIsTrueOfAnotherTransactionIsNotSaidOfTheOwn(t *testing.T) {
	t.Parallel()
	s, committer, database := newInvoices(t, 2)
	pool := database.Pool(t, sqltest.HostilePath)
	mine := errors.New("mine")
	failing := func(because error) error {
		batch, query := batchOf("SELECT gapless.next_gapless('another')")
		query.QueryRow(func(pgx.Row) error { return because })
		return committer.Send(t.Context(), batch)
	}
	others := int64(0)
	for name, inTx := range map[string]func(ctx context.Context, fn func(tx pgx.Tx) error) error{
		"one by one": func(ctx context.Context, fn func(tx pgx.Tx) error) error { return gapless.InTx(ctx, pool, fn) },
		"in groups":  func(ctx context.Context, fn func(tx pgx.Tx) error) error { return committer.InTx(ctx, fn) },
	} {
		// A nested one committed. It is not to be repeated, whatever its callback's error looks like.
		runs := 0
		err := inTx(t.Context(), func(tx pgx.Tx) error {
			runs++
			if _, err := tx.Exec(t.Context(), issueInvoice, "a"); err != nil {
				return err
			}
			return failing(errors.Join(mine, &pgconn.PgError{Code: "40001"}))
		})
		others++
		require.NotErrorIs(t, err, gapless.ErrCommitted, name)
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown, name)
		require.ErrorIs(t, err, mine, name)
		sqltest.RequireCode(t, "40001", err)
		require.ErrorContains(t, err, gapless.ErrCommitted.Error(), name)
		require.ErrorContains(t, err, "rolled back", name)
		require.Equal(t, 1, runs, name)
		require.Zero(t, s.Number("SELECT count(*) FROM invoices"), name)
		require.Equal(t, others, s.Number("SELECT gapless.last_gapless('another')"), name)

		// A nested one's outcome is unknown.
		unknown := fmt.Errorf("%w: %w", gapless.ErrOutcomeUnknown, mine)
		err = inTx(t.Context(), func(pgx.Tx) error { return inTx(t.Context(), func(pgx.Tx) error { return unknown }) })
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown, name)
		require.ErrorIs(t, err, mine, name)
		require.ErrorIs(t, err, unknown, name)

		// A callback's error is about another one.
		err = inTx(t.Context(), func(tx pgx.Tx) error {
			sqltest.CommitBatch(tx).Queue("SELECT 1").QueryRow(func(pgx.Row) error { return unknown })
			return nil
		})
		require.ErrorIs(t, err, gapless.ErrCommitted, name)
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown, name)
		require.ErrorIs(t, err, mine, name)

		// Its context ended for another one, as that of an errgroup does.
		ctx, cancel := context.WithCancelCause(t.Context())
		err = inTx(ctx, func(pgx.Tx) error { cancel(unknown); return nil })
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown, name)
		require.ErrorIs(t, err, context.Canceled, name)
		require.ErrorIs(t, err, mine, name)
	}
	err := failing(gapless.ErrOutcomeUnknown)
	require.ErrorIs(t, err, gapless.ErrCommitted)
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
}
