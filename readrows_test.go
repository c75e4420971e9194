package gapless_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// pair scans a row itself.
type pair struct{ a, b int }

// ScanRow is pgx.RowScanner's.
func (p *pair) ScanRow(rows pgx.Rows) error { return rows.Scan(&p.a, &p.b) }

func TestCallbacksReadWholeRows(t *testing.T) {
	t.Parallel()
	type named struct{ A, B int }
	_, committer, _ := newInvoices(t, 1)
	const sql = "SELECT 1 AS a, 2 AS b"
	var one, two pair
	var maps []map[string]any
	var structs []named
	var batch pgx.Batch
	batch.Queue(sql).QueryRow(func(row pgx.Row) error { return row.Scan(&one) })
	batch.Queue(sql).Query(func(rows pgx.Rows) error { rows.Next(); return rows.Scan(&two) })
	batch.Queue(sql).Query(func(rows pgx.Rows) (err error) { maps, err = pgx.CollectRows(rows, pgx.RowToMap); return err })
	batch.Queue(sql).Query(func(rows pgx.Rows) (err error) {
		structs, err = pgx.CollectRows(rows, pgx.RowToStructByName[named])
		return err
	})
	require.NoError(t, committer.Send(t.Context(), &batch))
	require.Equal(t, pair{1, 2}, one)
	require.Equal(t, pair{1, 2}, two)
	require.Equal(t, []map[string]any{{"a": int32(1), "b": int32(2)}}, maps)
	require.Equal(t, []named{{1, 2}}, structs)
}
