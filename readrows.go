package gapless

import (
	"cmp"
	"errors"

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

// RawValues is pgx.Rows's: nil where there is no current row.
func (r *readRows) RawValues() [][]byte {
	if !r.onRow() {
		return nil
	}
	return r.rows[r.at-1]
}

func (r *readRows) onRow() bool { return r.at >= 1 && r.at <= len(r.rows) }

// Conn is pgx.Rows's.
func (r *readRows) Conn() *pgx.Conn { return nil }

// TypeMap is pgx.Rows's.
func (r *readRows) TypeMap() *pgtype.Map { return r.types }

// Next is pgx.Rows's.
func (r *readRows) Next() bool {
	r.at = min(r.at, len(r.rows)) + 1
	return r.at <= len(r.rows)
}

// errNoRow is a mistake that a callback makes: pgx says the same of it, less clearly.
var errNoRow = errors.New("gapless: there is no current row: Next was not called, or has returned false")

// Scan is pgx.Rows's.
func (r *readRows) Scan(dest ...any) (err error) {
	switch whole := wholeRow(dest); {
	case !r.onRow():
		err = errNoRow
	case whole != nil:
		err = whole.ScanRow(r)
	default:
		err = pgx.ScanRow(r.types, r.fields, r.RawValues(), dest...)
	}
	return r.fail(err)
}

// fail ends the rows, if there is an error. The first one stays.
func (r *readRows) fail(err error) error {
	if err != nil {
		r.err = cmp.Or(r.err, err)
		r.Close()
	}
	return err
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
	if !r.onRow() {
		return nil, r.fail(errNoRow)
	}
	values := make([]any, len(r.fields))
	for i, field := range r.fields {
		value := r.RawValues()[i]
		known, ok := r.types.TypeForOID(field.DataTypeOID)
		switch {
		case value == nil:
		case ok:
			var err error
			if values[i], err = known.Codec.DecodeValue(r.types, field.DataTypeOID, field.Format, value); err != nil {
				return nil, r.fail(err)
			}
		case field.Format == pgtype.TextFormatCode:
			values[i] = string(value)
		default:
			values[i] = value
		}
	}
	return values, nil
}
