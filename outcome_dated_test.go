package gapless_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/db"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestEveryCallWorksInEveryExecModeWhateverTheDateStyle has defaults that change the texts that some of pgx's modes read.
func TestEveryCallWorksInEveryExecModeWhateverTheDateStyle(t *testing.T) {
	t.Parallel()
	for _, style := range []string{"German", "SQL, DMY", "Postgres, MDY"} {
		for _, mode := range []pgx.QueryExecMode{
			pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
			pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
		} {
			t.Run(style+", "+mode.String(), func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				defaults := sqltest.Defaults{"DateStyle": style, "IntervalStyle": "sql_standard", "TimeZone": "America/St_Johns", "extra_float_digits": "-15"}
				defaults.Set(t, database)
				pool := database.Pool(t, func(config *pgxpool.Config) { config.ConnConfig.DefaultQueryExecMode = mode })
				committer := sqltest.NewGroupCommitter(t, pool)
				issue := func(tx pgx.Tx) error { _, err := invoices.Next(t.Context(), tx); return err }
				require.NoError(t, gapless.InTx(t.Context(), pool, issue))
				require.NoError(t, committer.InTx(t.Context(), issue))
				var batch pgx.Batch
				batch.Queue("SELECT gapless.next_gapless($1)", invoices.Name())
				require.NoError(t, committer.Send(t.Context(), &batch))

				require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error { return invoices.Void(t.Context(), tx, 2, "a test") }))
				findings, err := gapless.Audit(t.Context(), pool)
				require.NoError(t, err)
				require.Len(t, findings, 1)
				require.WithinDuration(t, time.Now(), findings[0].AllocatedAt, time.Hour)
				require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
					_, _, err := gapless.NewSequence("unused").Close(t.Context(), tx, "a test")
					return err
				}))
				sequences, err := db.New(pool).Sequences(t.Context(), nil)
				require.NoError(t, err)
				require.Len(t, sequences, 2)
				require.WithinDuration(t, time.Now(), sequences[0].LastAllocatedAt, time.Hour)
				require.True(t, sequences[1].LastAllocatedAt.IsZero())
			})
		}
	}
}
