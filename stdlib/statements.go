package stdlib

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// statements is what package gapless calls, out of database/sql: a DBTX of package db's, and so much of a pgx.Tx.
type statements struct {
	pgx.Tx // nil: the rest is not called
	conn   DBTX
	err    error // why nothing is sent
}

// on is conn for package gapless. Of what embeds one of database/sql's, that is taken: bun's types have placeholders of their own. But a
// transaction that embeds a database does not run there.
func on(conn DBTX) statements {
	switch conn.(type) {
	case *sql.Tx, *sql.Conn, *sql.DB:
		return statements{conn: conn}
	}
	if tx, ok := embedded[*sql.Tx](conn); ok {
		conn = tx
	} else if isTransaction(conn) {
		return statements{conn: conn}
	} else if one, ok := embedded[*sql.Conn](conn); ok {
		conn = one
	} else if db, ok := embedded[*sql.DB](conn); ok {
		conn = db
	}
	return statements{conn: conn}
}

// in is tx for package gapless. If it is no transaction, each call is refused.
func in(tx Tx) statements {
	if !isTransaction(tx) {
		return statements{err: fmt.Errorf("a %T is no transaction, and what is allocated outside of one is lost: give it what has Commit and Rollback, or call it in InTx", tx)}
	}
	return on(tx)
}

func isTransaction(conn DBTX) bool {
	_, ok := conn.(interface {
		Commit() error
		Rollback() error
	})
	return ok
}

// embedded finds what a struct embeds, at whatever depth.
func embedded[T any](in any) (found T, ok bool) {
	value := reflect.Indirect(reflect.ValueOf(in))
	if value.Kind() != reflect.Struct {
		return found, false
	}
	for _, index := range embeddings(value.Type(), reflect.TypeFor[T]()) {
		if inner, err := value.FieldByIndexErr(index); err == nil && inner.CanInterface() && !inner.IsZero() {
			return inner.Interface().(T), true
		}
	}
	return found, false
}

// embeddings are the indexes of the fields by which a struct embeds what can be assigned to another type.
func embeddings(of, what reflect.Type) (indexes [][]int) {
	key := [2]reflect.Type{of, what}
	if known, ok := knownEmbeddings.Load(key); ok {
		return known.([][]int)
	}
	for _, field := range reflect.VisibleFields(of) {
		if field.Anonymous && field.Type.AssignableTo(what) {
			indexes = append(indexes, field.Index)
		}
	}
	knownEmbeddings.Store(key, indexes)
	return indexes
}

var knownEmbeddings sync.Map // since to look for them takes longer than a call

// Exec is a DBTX's; nobody looks at its tag.
func (s statements) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	if s.err != nil {
		return pgconn.CommandTag{}, s.err
	}
	_, err := s.conn.ExecContext(ctx, query, args...)
	return pgconn.CommandTag{}, err
}

// Query is a DBTX's.
func (s statements) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	if s.err != nil {
		return nil, s.err
	}
	found, err := s.conn.QueryContext(ctx, query, args...) //nolint:rowserrcheck // rows.Err does
	if err != nil {
		return nil, err
	}
	return &rows{of: found}, nil
}

// QueryRow is a DBTX's.
func (s statements) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	if s.err != nil {
		return &row{err: s.err}
	}
	found, err := s.conn.QueryContext(ctx, query, args...) //nolint:rowserrcheck // row.Scan does
	return &row{rows{of: found}, err}
}

// row is the only one of its rows.
type row struct {
	rows rows
	err  error
}

// Scan is a pgx.Row's.
func (r *row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close() // which reads what comes after it, perhaps an error
	return r.rows.Err()
}

// rows are a pgx.Rows, as far as package db calls it.
type rows struct {
	pgx.Rows // nil
	of       *sql.Rows
	types    *pgtype.Map // nil until the first time
	err      error       // of Close
}

// Next is a pgx.Rows'.
func (r *rows) Next() bool { return r.of.Next() }

// Close is a pgx.Rows'.
func (r *rows) Close() {
	if err := r.of.Close(); r.err == nil {
		r.err = err
	}
}

// Err is a pgx.Rows'.
func (r *rows) Err() error {
	if err := r.of.Err(); err != nil {
		return err
	}
	return r.err
}

// Scan is a pgx.Rows'.
func (r *rows) Scan(dest ...any) error {
	targets := dest
	for i, given := range dest {
		if target := r.scannable(given); target != given {
			if &targets[0] == &dest[0] {
				targets = slices.Clone(dest)
			}
			targets[i] = target
		}
	}
	return r.of.Scan(targets...)
}

// scannable is what database/sql can scan into, and dest has the value then.
func (r *rows) scannable(dest any) any {
	switch dest := dest.(type) {
	case nil:
		return new(any) // the value is not wanted
	case *time.Time:
		return perhapsJSON{dest}
	case sql.Scanner:
		return dest
	}
	of := reflect.TypeOf(dest).Elem()
	nullable := of.Kind() == reflect.Pointer
	if nullable {
		of = of.Elem()
	}
	if (of.Kind() != reflect.Slice || of.Elem().Kind() == reflect.Uint8) && of != reflect.TypeFor[time.Duration]() {
		return dest
	}
	if r.types == nil {
		r.types = pgtype.NewMap()
	}
	if nullable {
		return pointed{r.types, reflect.ValueOf(dest).Elem(), of}
	}
	return r.types.SQLScanner(dest)
}

// pointed scans a value of pgtype's into a pointer, which is nil for NULL.
type pointed struct {
	types *pgtype.Map
	dest  reflect.Value
	of    reflect.Type
}

// Scan is a sql.Scanner's.
func (p pointed) Scan(value any) error {
	if value == nil {
		p.dest.SetZero()
		return nil
	}
	made := reflect.New(p.of)
	p.dest.Set(made)
	return p.types.SQLScanner(made.Interface()).Scan(value)
}

// perhapsJSON scans a time, also one in the form of JSON, in which package db's queries give it.
type perhapsJSON struct{ dest *time.Time }

// Scan is a sql.Scanner's.
func (p perhapsJSON) Scan(value any) error {
	switch value := value.(type) {
	case time.Time:
		*p.dest = value
		return nil
	case []byte:
		return json.Unmarshal(value, p.dest)
	case string:
		return json.Unmarshal([]byte(value), p.dest)
	}
	return fmt.Errorf("a %T is no time", value)
}
