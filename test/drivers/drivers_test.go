// Package drivers has package stdlib over drivers that are not pgx's, over one that wraps it, and with a library's types.
package drivers

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/XSAM/otelsql"
	"github.com/jackc/pgx/v5"
	pgxstdlib "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/driver/pgdriver"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/stdlib"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

// foreign are drivers that are not pgx's, by the type of their connections.
var foreign = map[string]func(config *pgx.ConnConfig) (*sql.DB, error){
	"*pq.conn": func(c *pgx.ConnConfig) (*sql.DB, error) {
		return sql.Open("postgres", fmt.Sprintf("host=%s port=%d user=%s password='%s' dbname=%s sslmode=disable", c.Host, c.Port, c.User, c.Password, c.Database))
	},
	"*pgdriver.Conn": func(c *pgx.ConnConfig) (*sql.DB, error) {
		return sql.OpenDB(pgdriver.NewConnector(pgdriver.WithAddr(fmt.Sprintf("%s:%d", c.Host, c.Port)),
			pgdriver.WithUser(c.User), pgdriver.WithPassword(c.Password), pgdriver.WithDatabase(c.Database), pgdriver.WithInsecure(true))), nil
	},
}

// TestADriverThatIsNotPgxIsRefused has InTx and the group committer refuse it before BEGIN, and the rest take it.
func TestADriverThatIsNotPgxIsRefused(t *testing.T) {
	t.Parallel()
	for name, open := range foreign {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, database := t.Context(), pgtest.New(t)
			proxy := pgproxy.New(t, database.URL)
			config, err := pgx.ParseConfig(proxy.URL())
			require.NoError(t, err)
			db, err := open(config)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			conn, err := db.Conn(ctx)
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			var begun atomic.Int64
			proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
				if m.SQL() != "" {
					begun.Add(1)
				}
				return pgproxy.Forward
			})
			refused := "github.com/jackc/pgx/v5/stdlib, and the database was opened with another, whose connection is a " + name
			for _, from := range []stdlib.TxBeginner{db, conn} {
				err := stdlib.InTx(ctx, from, func(*sql.Tx) error { panic("it runs") })
				require.ErrorContains(t, err, refused)
				require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
			}
			_, err = stdlib.NewGroupCommitter(ctx, db)
			require.ErrorContains(t, err, refused)
			committer, err := stdlib.NewGroupCommitter(ctx, db, gapless.WithFlusherConfig(database.Conn(t).Config()))
			require.NoError(t, err)
			defer committer.Close()
			require.ErrorContains(t, committer.InTx(ctx, func(*sql.Tx) error { panic("it runs") }), refused)
			require.Zero(t, begun.Load())

			cases := stdlib.NewSequence("case", gapless.WithInitial(3))
			for _, end := range []func(tx *sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
				tx, err := db.BeginTx(ctx, nil)
				require.NoError(t, err)
				number, err := cases.Next(ctx, tx)
				require.NoError(t, err)
				require.EqualValues(t, 3, number)
				numbers, err := cases.NextBatch(ctx, tx, 2)
				require.NoError(t, err)
				require.Equal(t, []int64{4, 5}, numbers)
				require.NoError(t, cases.Void(ctx, tx, 3, "misprinted"))
				_, err = cases.Range(ctx, tx, 6, 9, "granted", gapless.Limits{WarnPercent: 12.5, WarnDays: 3, ValidUntil: "2099-12-31"})
				require.NoError(t, err)
				require.NoError(t, end(tx))
			}
			_, err = db.ExecContext(ctx, "CREATE TABLE invoices (number bigint UNIQUE)")
			require.NoError(t, err)
			require.NoError(t, stdlib.Attach(ctx, db, gapless.Column{Table: "invoices", Column: "number"}))
			_, err = stdlib.RecordAudit(ctx, db, "a note")
			require.NoError(t, err)
			findings, err := stdlib.Audit(ctx, db)
			require.NoError(t, err)
			wanted, err := gapless.Audit(ctx, database.Conn(t))
			require.NoError(t, err)
			require.Equal(t, wanted, findings)
			records, err := stdlib.Audits(ctx, conn)
			require.NoError(t, err)
			require.Len(t, records, 1)
			last, ok, err := cases.Last(ctx, conn)
			require.NoError(t, err)
			require.True(t, ok)
			require.EqualValues(t, 5, last)
		})
	}
}

// TestOtelsqlIsLookedThrough has the answer to COMMIT lost.
func TestOtelsqlIsLookedThrough(t *testing.T) {
	t.Parallel()
	proxy := pgproxy.New(t, pgtest.New(t).URL)
	config, err := pgx.ParseConfig(proxy.URL())
	require.NoError(t, err)
	db := otelsql.OpenDB(pgxstdlib.GetConnector(*config))
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	committer, err := stdlib.NewGroupCommitter(t.Context(), db)
	require.NoError(t, err)
	t.Cleanup(committer.Close)
	for name, inTx := range map[string]func(fn func(tx *sql.Tx) error) error{
		"one by one": func(fn func(tx *sql.Tx) error) error { return stdlib.InTx(t.Context(), db, fn) },
		"in groups":  func(fn func(tx *sql.Tx) error) error { return committer.InTx(t.Context(), fn) },
	} {
		var cut atomic.Bool
		proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
			if m.Tag() == "COMMIT" && cut.CompareAndSwap(false, true) {
				return pgproxy.Cut
			}
			return pgproxy.Forward
		})
		runs := 0
		require.NoError(t, inTx(func(tx *sql.Tx) error {
			runs++
			_, err := stdlib.NewSequence(name).Next(t.Context(), tx)
			return err
		}), name)
		require.True(t, cut.Load())
		require.Equal(t, 1, runs)
	}
}

// TestBunsTypesAreTaken has bun's DB, Conn and Tx, and a Tx that is a savepoint of another.
func TestBunsTypesAreTaken(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	plain, err := sql.Open("pgx", pgtest.New(t).URL)
	require.NoError(t, err)
	db := bun.NewDB(plain, pgdialect.New())
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	conn, err := db.Conn(ctx)
	require.NoError(t, err)
	defer conn.Close()
	cases := stdlib.NewSequence("case")

	require.NoError(t, db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		number, err := cases.Next(ctx, tx)
		require.NoError(t, err)
		require.EqualValues(t, 1, number)
		savepoint, err := tx.BeginTx(ctx, nil)
		require.NoError(t, err)
		number, err = cases.Next(ctx, savepoint)
		require.NoError(t, err)
		require.EqualValues(t, 2, number)
		return savepoint.Rollback()
	}))
	for i, from := range []stdlib.TxBeginner{db, conn} {
		require.NoError(t, stdlib.InTx(ctx, from, func(tx *sql.Tx) error {
			number, err := cases.Next(ctx, tx)
			require.EqualValues(t, i+2, number)
			return err
		}))
	}
	_, err = cases.Next(ctx, db)
	require.ErrorContains(t, err, "a *bun.DB is no transaction")
	_, err = cases.Next(ctx, conn)
	require.ErrorContains(t, err, "a bun.Conn is no transaction")
	for _, on := range []stdlib.DBTX{db, conn} {
		last, _, err := cases.Last(ctx, on)
		require.NoError(t, err)
		require.EqualValues(t, 3, last)
	}
}
