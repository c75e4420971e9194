package gapless_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

// commitBatch is CommitBatch of a transaction that has one.
func commitBatch(tx pgx.Tx) *pgx.Batch {
	batch, err := gapless.CommitBatch(tx)
	if err != nil {
		panic(err)
	}
	return batch
}
