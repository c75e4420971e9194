package stdlib_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/stdlib"
)

// TestObserversAreToldWhatATransactionDoes but for the wait for a sequence, since a *sql.Tx has no place for who is told.
func TestObserversAreToldWhatATransactionDoes(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, db := openInvoices(t, database, database.URL, 2)
	var seen []gapless.EventKind
	observed := gapless.WithObserver(func(_ context.Context, event gapless.Event) { seen = append(seen, event.Kind) })
	runs := 0
	require.NoError(t, stdlib.InTx(t.Context(), db, func(tx *sql.Tx) error {
		if runs++; runs == 1 {
			return &pgconn.PgError{Code: "40001"}
		}
		return issueInvoice(t.Context(), tx, "a")
	}, observed))
	once := []gapless.EventKind{gapless.EventBegin, gapless.EventWork, gapless.EventCommit, gapless.EventEnd}
	require.Equal(t, append([]gapless.EventKind{gapless.EventBegin, gapless.EventWork, gapless.EventRetry}, once...), seen)

	committer := newCommitter(t, db, gapless.WithTxOptions(observed))
	require.Equal(t, gapless.GroupStat{Connections: 1}, committer.Stat())
	seen = nil
	require.NoError(t, committer.InTx(t.Context(), func(tx *sql.Tx) error {
		require.Equal(t, 1, committer.Stat().Open)
		return issueInvoice(t.Context(), tx, "b")
	}))
	require.Equal(t, []gapless.EventKind{gapless.EventBegin, gapless.EventWork, gapless.EventCommit, gapless.EventFlush, gapless.EventEnd}, seen)
	stat := committer.Stat()
	require.EqualValues(t, 1, stat.Flushes)
	require.Positive(t, stat.LongestFlush)
	stat.FlushTime, stat.LongestFlush = 0, 0
	require.Equal(t, gapless.GroupStat{Transactions: 1, Flushes: 1, Connections: 1}, stat)
	requireInvoices(t, s, 2)
}
