package gapless_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
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
