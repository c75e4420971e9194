package stdlib_test

import (
	"context"
	"database/sql"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/stdlib"
)

// The shapes of what others hold. Their modules are tried in ../test and ../examples.
type (
	sqlxTx struct{ *sql.Tx }

	bunTx struct { // by value; its own placeholders are question marks
		ctx context.Context
		*sql.Tx
	}

	entTx struct{ tx *sql.Tx } // generated with the feature sql/execquery

	gormPool interface { // gorm.ConnPool
		PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	gormTx interface { // gorm.Tx
		gormPool
		Commit() error
		Rollback() error
	}
	gormPreparedTx struct{ Tx gormTx } // *gorm.PreparedStmtTX
	gormPreparedDB struct{ gormPool }  // *gorm.PreparedStmtDB

	unitOfWork struct { // it begins its transaction on the database that it embeds
		*sql.DB
		tx *sql.Tx
	}

	managed interface { // what go-transaction-manager gives for a context
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
)

func (bunTx) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	panic("it has placeholders of its own")
}

func (bunTx) QueryContext(context.Context, string, ...any) (*sql.Rows, error) {
	panic("it has placeholders of its own")
}

func (tx *entTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return tx.tx.ExecContext(ctx, query, args...)
}

func (tx *entTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return tx.tx.QueryContext(ctx, query, args...)
}
func (tx *entTx) Commit() error   { return tx.tx.Commit() }
func (tx *entTx) Rollback() error { return tx.tx.Rollback() }

func (tx *gormPreparedTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	prepared, err := tx.Tx.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = prepared.Close() }()
	return prepared.ExecContext(ctx, args...)
}

func (tx *gormPreparedTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	prepared, err := tx.Tx.PrepareContext(ctx, query) //nolint:sqlclosecheck // it is closed with the transaction
	if err != nil {
		return nil, err
	}
	return prepared.QueryContext(ctx, args...)
}
func (tx *gormPreparedTx) Commit() error   { return tx.Tx.Commit() }
func (tx *gormPreparedTx) Rollback() error { return tx.Tx.Rollback() }

func (u *unitOfWork) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return u.tx.ExecContext(ctx, query, args...)
}

func (u *unitOfWork) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return u.tx.QueryContext(ctx, query, args...)
}
func (u *unitOfWork) Commit() error   { return u.tx.Commit() }
func (u *unitOfWork) Rollback() error { return u.tx.Rollback() }

// TestWhatIsATransactionIsTaken has it take numbers, and give them back.
func TestWhatIsATransactionIsTaken(t *testing.T) {
	t.Parallel()
	other := open(t)
	for name, of := range map[string]func(tx *sql.Tx) stdlib.Tx{
		"a unit of work":           func(tx *sql.Tx) stdlib.Tx { return &unitOfWork{other, tx} },
		"database/sql":             func(tx *sql.Tx) stdlib.Tx { return tx },
		"sqlx":                     func(tx *sql.Tx) stdlib.Tx { return &sqlxTx{tx} },
		"bun":                      func(tx *sql.Tx) stdlib.Tx { return bunTx{t.Context(), tx} },
		"ent":                      func(tx *sql.Tx) stdlib.Tx { return &entTx{tx} },
		"gorm":                     func(tx *sql.Tx) stdlib.Tx { return gormPool(tx) },
		"gorm, prepared":           func(tx *sql.Tx) stdlib.Tx { return &gormPreparedTx{tx} },
		"a transaction manager":    func(tx *sql.Tx) stdlib.Tx { return managed(tx) },
		"bun over what embeds one": func(tx *sql.Tx) stdlib.Tx { return struct{ bunTx }{bunTx{t.Context(), tx}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, ctx := open(t), t.Context()
			cases := stdlib.NewSequence("case", gapless.WithInitial(5), gapless.WithReset(1000))
			for _, end := range []func(tx *sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
				tx, err := db.BeginTx(ctx, nil)
				require.NoError(t, err)
				number, err := cases.Next(ctx, of(tx))
				require.NoError(t, err)
				require.EqualValues(t, 5, number)
				numbers, err := cases.NextBatch(ctx, of(tx), 3)
				require.NoError(t, err)
				require.Equal(t, []int64{6, 7, 8}, numbers)
				require.NoError(t, cases.Void(ctx, of(tx), 6, "misprinted"))
				require.ErrorIs(t, func() error {
					_, err := tx.ExecContext(ctx, "SAVEPOINT a")
					require.NoError(t, err)
					err = cases.Void(ctx, of(tx), 6, "again")
					_, back := tx.ExecContext(ctx, "ROLLBACK TO a")
					require.NoError(t, back)
					return err
				}(), gapless.ErrInvalid)
				findings, err := cases.Audit(ctx, of(tx))
				require.NoError(t, err)
				require.Len(t, findings, 1)
				last, ok, err := cases.Last(ctx, of(tx))
				require.NoError(t, err)
				require.True(t, ok)
				require.EqualValues(t, 8, last)
				require.NoError(t, end(tx))
			}
			last, _, err := cases.Last(ctx, db)
			require.NoError(t, err)
			require.EqualValues(t, 8, last)
		})
	}
}

// TestWhatIsNoTransactionIsRefused has each method of a sequence that takes one, and a proxy that sees nothing sent.
func TestWhatIsNoTransactionIsRefused(t *testing.T) {
	t.Parallel()
	proxy := pgproxy.New(t, pgtest.New(t).URL)
	db, err := sql.Open("pgx", proxy.URL())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	conn := connOf(t, db)
	var sent atomic.Int64
	proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		if !m.FromServer {
			sent.Add(1)
		}
		return pgproxy.Forward
	})
	refused := map[string]stdlib.Tx{
		"*sql.DB":                     db,
		"*sql.Conn":                   conn,
		"*stdlib_test.embedded":       &embedded{db},
		"*stdlib_test.embeddedConn":   &embeddedConn{conn},
		"*stdlib_test.bunDB":          &bunDB{&noCopyState{db}},
		"stdlib_test.bunConn":         bunConn{nil, conn},
		"*stdlib_test.gormPreparedDB": &gormPreparedDB{db},
		"<nil>":                       nil,
	}
	taking := 0
	for i := range reflect.TypeFor[stdlib.Sequence]().NumMethod() {
		method := reflect.TypeFor[stdlib.Sequence]().Method(i)
		if method.Type.NumIn() < 3 || method.Type.In(2) != reflect.TypeFor[stdlib.Tx]() {
			continue
		}
		taking++
		for name, tx := range refused {
			given := reflect.New(reflect.TypeFor[stdlib.Tx]()).Elem()
			if tx != nil {
				given.Set(reflect.ValueOf(tx))
			}
			arguments := []reflect.Value{reflect.ValueOf(stdlib.NewSequence("case")), reflect.ValueOf(t.Context()), given}
			for j := 3; j < method.Type.NumIn(); j++ {
				arguments = append(arguments, reflect.Zero(method.Type.In(j)))
			}
			results := method.Func.Call(arguments)
			err, _ := results[len(results)-1].Interface().(error)
			require.ErrorContains(t, err, `gapless: sequence "case": a `+name+" is no transaction", method.Name)
		}
	}
	require.Greater(t, taking, 12)
	require.Zero(t, sent.Load())

	// And what only reads, or has a lock until its own statement ends, takes them.
	cases := stdlib.NewSequence("case")
	for name, on := range refused {
		if on == nil {
			continue
		}
		_, ok, err := cases.Last(t.Context(), on)
		require.NoError(t, err, name)
		require.False(t, ok)
		_, err = stdlib.Audit(t.Context(), on)
		require.NoError(t, err, name)
		table := strings.ToLower(strings.NewReplacer("*", "", ".", "_").Replace(name))
		_, err = db.ExecContext(t.Context(), "CREATE TABLE "+table+" (number bigint UNIQUE)")
		require.NoError(t, err)
		require.NoError(t, stdlib.Attach(t.Context(), on, gapless.Column{Table: table, Column: "number"}), name)
		require.NoError(t, stdlib.Detach(t.Context(), on, table, "number"), name)
	}
}
