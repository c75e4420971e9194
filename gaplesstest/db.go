package gaplesstest

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
)

// DB is what assertions ask: a pool, a connection or a transaction of pgx, or [SQL] of what database/sql has.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// SQLQueryer is what database/sql has: a [sql.DB], [sql.Conn] or [sql.Tx], and what wraps one.
type SQLQueryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// SQL is the [DB] of what database/sql has.
func SQL(db SQLQueryer) DB { return sqlDB{db} }

type sqlDB struct{ db SQLQueryer }

// Query has rows of which only what this package calls works.
func (d sqlDB) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	rows, err := d.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return sqlRows{rows: rows}, rows.Err()
}

type sqlRows struct {
	pgx.Rows // none
	rows     *sql.Rows
}

// Close is that of database/sql, and so are the others.
func (r sqlRows) Close() { _ = r.rows.Close() }

// Err is why there are no more.
func (r sqlRows) Err() error { return r.rows.Err() }

// Next goes on.
func (r sqlRows) Next() bool { return r.rows.Next() }

// Scan reads a row.
func (r sqlRows) Scan(values ...any) error { return r.rows.Scan(values...) }

// ask returns the rows of a query that has one column, of texts.
func ask(ctx context.Context, db DB, query string, args ...any) ([]string, error) {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
