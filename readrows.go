package gapless

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// readResults is the result of one statement, for its callback.
type readResults struct{ rows *readRows }

// Exec is pgx.BatchResults's.
func (r readResults) Exec() (pgconn.CommandTag, error) { return r.rows.tag, nil }

// Query is pgx.BatchResults's.
func (r readResults) Query() (pgx.Rows, error) { return r.rows, nil }

// QueryRow is pgx.BatchResults's.
func (r readResults) QueryRow() pgx.Row { return readRow(r) }

// Close is pgx.BatchResults's.
func (r readResults) Close() error { return nil }

// Tx is pgx.BatchResults's.
func (r readResults) Tx() pgx.Tx { return nil }

// readRow is the first row.
type readRow struct{ rows *readRows }

// Scan is pgx.Row's.
func (r readRow) Scan(dest ...any) error {
	if !r.rows.Next() {
		return pgx.ErrNoRows
	}
	return r.rows.Scan(dest...)
}

// readRows are rows that have been read.
type readRows struct {
	types  *pgtype.Map
	fields []pgconn.FieldDescription
	rows   [][][]byte
	at     int // the current row, from 1
	err    error
	tag    pgconn.CommandTag
}

// Close is pgx.Rows's.
func (r *readRows) Close() { r.at = len(r.rows) + 1 }

// Err is pgx.Rows's.
func (r *readRows) Err() error { return r.err }

// CommandTag is pgx.Rows's.
func (r *readRows) CommandTag() pgconn.CommandTag { return r.tag }

// FieldDescriptions is pgx.Rows's.
func (r *readRows) FieldDescriptions() []pgconn.FieldDescription { return r.fields }

// RawValues is pgx.Rows's.
func (r *readRows) RawValues() [][]byte { return r.rows[r.at-1] }

// Conn is pgx.Rows's.
func (r *readRows) Conn() *pgx.Conn { return nil }

// TypeMap is pgx.Rows's.
func (r *readRows) TypeMap() *pgtype.Map { return r.types }

// Next is pgx.Rows's.
func (r *readRows) Next() bool {
	r.at = min(r.at, len(r.rows)) + 1
	return r.at <= len(r.rows)
}

// Scan is pgx.Rows's.
func (r *readRows) Scan(dest ...any) (err error) {
	if whole := wholeRow(dest); whole != nil {
		err = whole.ScanRow(r)
	} else {
		err = pgx.ScanRow(r.types, r.fields, r.RawValues(), dest...)
	}
	if err != nil {
		r.err = err
		r.Close()
	}
	return r.err
}

// wholeRow is the only destination, if it scans the row itself.
func wholeRow(dest []any) pgx.RowScanner {
	if len(dest) != 1 {
		return nil
	}
	whole, _ := dest[0].(pgx.RowScanner)
	return whole
}

// Values is pgx.Rows's.
func (r *readRows) Values() ([]any, error) {
	values := make([]any, len(r.fields))
	for i, field := range r.fields {
		value := r.RawValues()[i]
		known, ok := r.types.TypeForOID(field.DataTypeOID)
		switch {
		case value == nil:
		case ok:
			var err error
			if values[i], err = known.Codec.DecodeValue(r.types, field.DataTypeOID, field.Format, value); err != nil {
				return nil, err
			}
		case field.Format == pgtype.TextFormatCode:
			values[i] = string(value)
		default:
			values[i] = value
		}
	}
	return values, nil
}
