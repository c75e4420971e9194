package stdlib_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/db"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

// TestTheCallsOfPackageDBGiveTheSameOverDatabaseSQL has each that reads, over pgx and over database/sql.
func TestTheCallsOfPackageDBGiveTheSameOverDatabaseSQL(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, handle := openInvoices(t, database, database.URL, 2)
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)")
	s.Do("INSERT INTO invoices (customer) VALUES ('a'), ('b')")
	s.Do("SELECT gapless.void_gapless('invoice', 1, 'misprinted')")
	s.Do("SELECT gapless.range_gapless('invoice', 3, 10, 'grant', valid_until => '2099-12-31')")
	s.Do("SELECT gapless.record_audit_gapless()")
	s.Do("ALTER TABLE invoices DISABLE TRIGGER USER") // which is a fault, in an array
	s.Do("SELECT gapless.next_gapless('till')")
	holder := sqltest.Connect(t, database)
	holder.Do("BEGIN")
	holder.Do("SELECT gapless.close_gapless('till', 'held')")
	waiter := sqltest.Connect(t, database)
	ctx, leave := context.WithCancel(t.Context())
	waits := sqltest.Later(func() (any, error) { return waiter.Exec(ctx, "SELECT gapless.next_gapless('till')") })
	sqltest.AwaitWaiter(t, s, waiter.PID())

	over, through := db.New(s.Conn), db.New(stdlib.Statements(handle))
	for name, call := range map[string]func(calls *db.Queries) (any, error){
		"Columns":   func(calls *db.Queries) (any, error) { return calls.Columns(t.Context()) },
		"Ranges":    func(calls *db.Queries) (any, error) { return calls.Ranges(t.Context(), nil) },
		"Sequences": func(calls *db.Queries) (any, error) { return calls.Sequences(t.Context(), nil) },
		"Audits":    func(calls *db.Queries) (any, error) { return calls.Audits(t.Context()) },
		"Audit":     func(calls *db.Queries) (any, error) { return calls.Audit(t.Context(), db.AuditParams{}) },
	} {
		want, err := call(over)
		require.NoError(t, err, name)
		require.NotEmpty(t, want, name)
		got, err := call(through)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	faults, err := through.Columns(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, faults[0].Faults)
	want, err := over.Holders(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, want, 2)
	got, err := through.Holders(t.Context(), nil)
	require.NoError(t, err)
	for i := range want {
		require.InDelta(t, *want[i].TransactionAge, *got[i].TransactionAge, float64(time.Minute))
		require.Positive(t, *got[i].TransactionAge)
		got[i].TransactionAge = want[i].TransactionAge
	}
	require.Equal(t, want, got)
	leave()
	require.Error(t, (<-waits).Err)
}

// TestRowsOfDatabaseSQLAreThoseOfPgx has what package db's calls do not have now.
func TestRowsOfDatabaseSQLAreThoseOfPgx(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	_, handle := openInvoices(t, database, database.URL, 1)
	ctx := t.Context()
	for name, conn := range map[string]db.DBTX{"pgx": database.Conn(t), "database/sql": stdlib.Statements(handle)} {
		var texts, none []string
		var numbers []int64
		var at time.Time
		var age *time.Duration
		require.NoError(t, conn.QueryRow(ctx, "SELECT ARRAY['a,b', '\"c\"'], NULL::text[], ARRAY[1, 2]::bigint[], '2026-11-29 23:15Z'::timestamptz, 'not wanted', '90 s'::interval").
			Scan(&texts, &none, &numbers, &at, nil, &age), name)
		require.Equal(t, []string{"a,b", `"c"`}, texts, name)
		require.Nil(t, none, name)
		require.Equal(t, []int64{1, 2}, numbers, name)
		require.True(t, at.Equal(time.Date(2026, 11, 29, 23, 15, 0, 0, time.UTC)), name)
		require.Equal(t, 90*time.Second, *age, name)
		require.NoError(t, conn.QueryRow(ctx, "SELECT to_json('2026-11-29 23:15Z'::timestamptz), NULL::interval").Scan(&at, &age), name)
		require.Nil(t, age, name)
		require.Error(t, conn.QueryRow(ctx, "SELECT 1").Scan(&at), name)
		require.Error(t, conn.QueryRow(ctx, "SELECT 'no time'::json").Scan(&at), name)
		require.ErrorIs(t, conn.QueryRow(ctx, "SELECT 1 WHERE false").Scan(&at), pgx.ErrNoRows, name)
		var number int64
		sqltest.RequireCode(t, "22012", conn.QueryRow(ctx, "SELECT 1/i FROM generate_series(1, 0, -1) AS i").Scan(&number))
		sqltest.RequireCode(t, "22012", conn.QueryRow(ctx, "SELECT 1/0").Scan(&number))
		require.Error(t, conn.QueryRow(ctx, "SELECT 1, 2").Scan(&number), name)
	}
	require.Zero(t, handle.Stats().InUse)
}
