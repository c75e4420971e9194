package gapless_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
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

// TestRowsThatAreReadWithoutOneAreAnError has callbacks that do not ask Next, or not heed it. pgx's own rows give an error, too.
func TestRowsThatAreReadWithoutOneAreAnError(t *testing.T) {
	t.Parallel()
	_, committer, _ := newInvoices(t, 1)
	scan := func(rows pgx.Rows) error { var i int; return rows.Scan(&i) }
	for name, read := range map[string]func(rows pgx.Rows) error{
		"Scan before Next": scan,
		"Scan after the end": func(rows pgx.Rows) error {
			for rows.Next() {
			}
			return scan(rows)
		},
		"Scan after Close":        func(rows pgx.Rows) error { rows.Next(); rows.Close(); return scan(rows) },
		"a row that scans itself": func(rows pgx.Rows) error { return rows.Scan(new(pair)) },
		"Values before Next":      func(rows pgx.Rows) error { _, err := rows.Values(); return err },
		"Values after the end": func(rows pgx.Rows) error {
			for rows.Next() {
			}
			_, err := rows.Values()
			return err
		},
		"an error that is not returned": func(rows pgx.Rows) error { _ = scan(rows); return nil },
	} {
		batch, query := batchOf("SELECT generate_series(1, 2)")
		query.Query(read)
		err := committer.Send(t.Context(), batch)
		require.ErrorIs(t, err, gapless.ErrCommitted, name)
		require.ErrorContains(t, err, "there is no current row", name)
	}
	for _, sql := range []string{"SELECT 1 WHERE false", "SELECT", "SELECT 1"} {
		batch, query := batchOf(sql)
		query.Query(func(rows pgx.Rows) error {
			require.Nil(t, rows.RawValues())
			for rows.Next() {
				require.Len(t, rows.RawValues(), len(rows.FieldDescriptions()))
				require.NoError(t, rows.Scan(make([]any, len(rows.FieldDescriptions()))...))
			}
			require.Nil(t, rows.RawValues())
			return nil
		})
		require.NoError(t, committer.Send(t.Context(), batch), sql)
	}
}
