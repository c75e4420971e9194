package stdlib_test

import (
	"database/sql"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/stdlib"
)

// TestALostAnswerIsNoRollback cuts the connection at COMMIT, of which pgx says then that it was safe to retry.
func TestALostAnswerIsNoRollback(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at   func(m pgproxy.Message) bool
		runs int
	}{
		"COMMIT is lost":     {func(m pgproxy.Message) bool { return m.Type == 'Q' && m.SQL() == "commit" }, 2},
		"its answer is lost": {func(m pgproxy.Message) bool { return m.Tag() == "COMMIT" }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			proxy := pgproxy.New(t, database.URL)
			db, err := sql.Open("pgx", proxy.URL())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			invoices := stdlib.NewSequence("invoice")
			var cut atomic.Bool
			proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
				if m.IsCancelRequest() || c.at(m) && cut.CompareAndSwap(false, true) {
					return pgproxy.Cut
				}
				return pgproxy.Forward
			})
			runs := 0
			require.NoError(t, stdlib.InTx(t.Context(), db, func(tx *sql.Tx) error {
				runs++
				value, err := invoices.Next(t.Context(), tx)
				require.EqualValues(t, 1, value)
				return err
			}))
			require.True(t, cut.Load())
			require.Equal(t, c.runs, runs)
			last, _, err := invoices.Last(t.Context(), db)
			require.NoError(t, err)
			require.EqualValues(t, 1, last)
		})
	}
}
