package drivers

import (
	"context"
	"database/sql"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/stdlib"
)

// TestGoleakFindsNothing after every way to run a transaction, and after ways in which one ends early. It is not parallel.
func TestGoleakFindsNothing(t *testing.T) {
	database := pgtest.New(t)
	ctx := t.Context()
	ignore := goleak.IgnoreCurrent()
	pool, err := pgxpool.New(ctx, database.URL)
	require.NoError(t, err)
	db, err := sql.Open("pgx", database.URL)
	require.NoError(t, err)
	committer, err := gapless.NewGroupCommitter(ctx, pool, gapless.WithFsyncOff(), gapless.WithTxOptions(gapless.WithLogger(slog.New(slog.DiscardHandler))))
	require.NoError(t, err)
	ofSQL, err := stdlib.NewGroupCommitter(ctx, db, gapless.WithFsyncOff())
	require.NoError(t, err)

	ended, end := context.WithCancel(ctx)
	end()
	for _, ctx := range []context.Context{ctx, ended} {
		for _, inTx := range []func() error{
			func() error { return gapless.InTx(ctx, pool, func(pgx.Tx) error { return nil }) },
			func() error { return committer.InTx(ctx, func(pgx.Tx) error { return nil }) },
			func() error {
				var batch pgx.Batch
				batch.Queue("SELECT gapless.next_gapless('leak')")
				return committer.Send(ctx, &batch)
			},
			func() error { return stdlib.InTx(ctx, db, func(*sql.Tx) error { return nil }) },
			func() error { return ofSQL.InTx(ctx, func(*sql.Tx) error { return nil }) },
		} {
			require.ErrorIs(t, inTx(), ctx.Err())
		}
	}
	committer.Close()
	ofSQL.Close()
	pool.Close()
	require.NoError(t, db.Close())
	require.NoError(t, goleak.Find(ignore))
}
