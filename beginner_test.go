package gapless_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// tenant begins its transactions itself, on a pool that it embeds.
type tenant struct {
	*pgxpool.Pool
	name string
}

func (d tenant) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	tx, err := d.Pool.BeginTx(ctx, options)
	if err == nil {
		_, err = tx.Exec(ctx, "SELECT set_config('app.tenant', $1, true)", d.name)
	}
	return tenantTx{tx}, err
}

type tenantTx struct{ pgx.Tx }

// TestWhatBeginsItsOwnTransactionsIsAskedFor has them be right by their BeginTx, and found when the answer to COMMIT is lost.
func TestWhatBeginsItsOwnTransactionsIsAskedFor(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	proxy := pgproxy.New(t, database.URL)
	through := *database
	through.URL = proxy.URL()
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (number bigint UNIQUE, tenant text DEFAULT current_setting('app.tenant', true))")
	ctx := t.Context()
	pool := through.Pool(t)
	for name, beginner := range map[string]gapless.TxBeginner{"a value": tenant{pool, "them"}, "a pointer": &tenant{pool, "them"}} {
		s.Do("TRUNCATE invoices")
		s.Do("SELECT gapless.delete_gapless('invoice')")
		runs := 0
		issue := func(tx pgx.Tx) error {
			require.IsType(t, tenantTx{}, tx, name)
			_, err := tx.Exec(ctx, "INSERT INTO invoices VALUES (gapless.next_gapless('invoice'))")
			if runs++; err == nil && runs == 1 {
				_, err = tx.Exec(ctx, "DO $$ BEGIN RAISE serialization_failure; END $$")
			}
			return err
		}
		require.NoError(t, gapless.InTx(ctx, beginner, issue))
		require.Equal(t, 2, runs, "it was run again")
		proxy.Intercept(once(committed, pgproxy.Cut))
		require.NoError(t, gapless.InTx(ctx, beginner, issue))
		require.Equal(t, 3, runs, "the lost answer was found")
		mine := errors.New("mine")
		require.ErrorIs(t, gapless.InTx(ctx, beginner, func(tx pgx.Tx) error { return errors.Join(issue(tx), mine) }), mine)
		require.ErrorIs(t, gapless.InTx(ctx, beginner, func(tx pgx.Tx) error { _, _ = tx.Exec(ctx, "SELECT 1/0"); return nil }), pgx.ErrTxCommitRollback)
		require.ErrorIs(t, gapless.InTx(ctx, beginner, func(tx pgx.Tx) error { return tx.Rollback(ctx) }), pgx.ErrTxClosed)
		ended, end := context.WithCancel(ctx)
		err := gapless.InTx(ended, beginner, func(tx pgx.Tx) error { end(); return nil })
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
		require.Equal(t, []int64{1, 2}, s.Numbers("SELECT number FROM invoices WHERE tenant = 'them' ORDER BY 1"))
		require.Zero(t, s.Number("SELECT count(*) FROM gapless.audit_gapless()"))
		require.Zero(t, pool.Stat().AcquiredConns())
		err = gapless.InTx(ctx, beginner, func(tx pgx.Tx) error { _, err := gapless.CommitBatch(tx); return err })
		require.ErrorContains(t, err, "give CommitBatch the transaction of InTx")
	}
}

// savepoints is a transaction that calls its savepoints transactions.
type savepoints struct{ pgx.Tx }

func (s savepoints) BeginTx(ctx context.Context, _ pgx.TxOptions) (pgx.Tx, error) {
	return s.Begin(ctx)
}

// TestATransactionInATransactionIsRefused before it allocates anything.
func TestATransactionInATransactionIsRefused(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	ctx := t.Context()
	pool := database.Pool(t)
	never := func(pgx.Tx) error { t.Error("it must not begin"); return nil }
	conn, err := pool.Acquire(ctx)
	require.NoError(t, err)
	defer conn.Release()
	for name, outer := range map[string]gapless.TxBeginner{"a pool": pool, "its connection": conn, "a connection": conn.Conn()} {
		require.NoError(t, gapless.InTx(ctx, outer, func(tx pgx.Tx) error {
			for inner, beginner := range map[string]gapless.TxBeginner{"tx.Conn()": tx.Conn(), "savepoints": savepoints{tx}, "a wrapper's": savepoints{wrapped{tx}}} {
				require.ErrorContains(t, gapless.InTx(ctx, beginner, never), "in a transaction already", "%s in %s", inner, name)
			}
			_, err := invoices.Next(ctx, tx)
			return err
		}), name)
	}
	// Of pgx's own, too.
	require.NoError(t, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, beginner := range []gapless.TxBeginner{tx.Conn(), conn, conn.Conn(), struct{ *pgxpool.Conn }{conn}} {
			require.ErrorContains(t, gapless.InTx(ctx, beginner, never), "in a transaction already")
		}
		return nil
	}))
	require.EqualValues(t, 3, sqltest.Connect(t, database).Number("SELECT gapless.last_gapless('invoice')"))
}

// TestWhatEmbedsAPoolIsThePool where it has no BeginTx of its own.
func TestWhatEmbedsAPoolIsThePool(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	pool, ctx := database.Pool(t), t.Context()
	conn, err := pool.Acquire(ctx)
	require.NoError(t, err)
	defer conn.Release()
	type inner struct{ *pgxpool.Pool }
	type outer struct{ inner }
	type Exported struct{ *pgxpool.Pool }
	for _, beginner := range []gapless.TxBeginner{
		struct{ *pgxpool.Pool }{pool}, &struct{ *pgxpool.Pool }{pool}, &struct{ Exported }{Exported{pool}}, struct{ gapless.TxBeginner }{pool},
		struct {
			name string
			*pgxpool.Conn
		}{"a", conn}, struct{ *pgx.Conn }{conn.Conn()},
	} {
		require.NoError(t, gapless.InTx(ctx, beginner, func(tx pgx.Tx) error {
			_, err := gapless.CommitBatch(tx)
			return err
		}), "%T", beginner)
	}
	// What cannot be seen through begins for itself.
	require.NoError(t, gapless.InTx(ctx, outer{inner{pool}}, func(tx pgx.Tx) error { _, err := invoices.Next(ctx, tx); return err }))
}

// mock is as a mock of pgx's is: its transactions have no connection, and to ask for one panics.
type mock struct{ said []string }

func (m *mock) BeginTx(_ context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	m.said = append(m.said, "begin "+string(options.IsoLevel)+string(options.AccessMode))
	return mockTx{m: m}, nil
}

func (m *mock) Acquire(context.Context) (*pgxpool.Conn, error) { panic("a mock has none") }

type mockTx struct {
	pgx.Tx
	m *mock
}

func (tx mockTx) Conn() *pgx.Conn { panic("a mock has none") }

func (tx mockTx) QueryRow(context.Context, string, ...any) pgx.Row {
	tx.m.said = append(tx.m.said, "next")
	return mockRow(7)
}

func (tx mockTx) Commit(context.Context) error {
	tx.m.said = append(tx.m.said, "commit")
	switch len(tx.m.said) {
	case 7:
		return errors.New("broken")
	case 11:
		return &pgconn.PgError{Code: "23505", SeverityUnlocalized: "ERROR"}
	}
	return nil
}

func (tx mockTx) Rollback(context.Context) error {
	tx.m.said = append(tx.m.said, "rollback")
	return nil
}

type mockRow int64

func (r mockRow) Scan(targets ...any) error {
	*targets[0].(*int64) = int64(r)
	return nil
}

// TestAMockIsEnoughForATest of a program that uses InTx.
func TestAMockIsEnoughForATest(t *testing.T) {
	t.Parallel()
	m, ctx := &mock{}, t.Context()
	issue := func(tx pgx.Tx) error {
		number, err := invoices.Next(ctx, tx)
		require.EqualValues(t, 7, number)
		return err
	}
	require.NoError(t, gapless.InTx(ctx, m, issue))
	require.Equal(t, []string{"begin read write", "next", "commit", "rollback"}, m.said)
	require.ErrorIs(t, gapless.InTx(ctx, m, issue), gapless.ErrOutcomeUnknown)
	err := gapless.InTx(ctx, m, issue)
	sqltest.RequireCode(t, "23505", err)
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
	require.Equal(t, []string{"begin read write", "next", "commit", "rollback"}, m.said[8:])
}
