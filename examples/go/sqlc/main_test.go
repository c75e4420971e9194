package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/examples/go/sqlc/db"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

const invoices = "SELECT number FROM invoices ORDER BY id"

// open returns a pool and another session in a database of their own.
func open(t *testing.T) (*pgxpool.Pool, sqltest.Session) {
	t.Helper()
	database := pgtest.New(t)
	return database.Pool(t), sqltest.Connect(t, database)
}

func TestTheProgram(t *testing.T) {
	t.Parallel()
	pool, other := open(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), pool, &out))
	require.Equal(t, `created: 1 2
changed: 1 upserted: 2
before the commit there is a number: false
after it: 1
a case: 1
by hand it is refused: true
`, out.String())
	require.Equal(t, []int64{1, 2}, other.Numbers(invoices))
	require.Equal(t, []string{"ACME Ltd", "Bolt Ltd"}, sqltest.Texts(other, "SELECT customer FROM invoices ORDER BY id"))

	copied, err := db.New(pool).CopyInvoices(t.Context(), []db.CopyInvoicesParams{{OrderID: "C", Customer: "Cog"}, {OrderID: "D", Customer: "Dyne"}})
	require.NoError(t, err)
	require.EqualValues(t, 2, copied)
	one, err := db.New(pool).CreateInvoice(t.Context(), db.CreateInvoiceParams{OrderID: "E", Customer: "Echo"})
	require.NoError(t, err)
	require.EqualValues(t, 5, one.Number)
	require.Equal(t, []int64{1, 2, 3, 4, 5}, other.Numbers(invoices))
	sqltest.RequireSound(other)
}

func TestWhatIsRolledBackLeavesNoHole(t *testing.T) {
	t.Parallel()
	pool, other := open(t)
	other.Do(schema)
	declined := errors.New("declined")
	require.ErrorIs(t, inTx(t.Context(), pool, func(tx pgx.Tx, queries *db.Queries) error {
		invoice, err := queries.CreateInvoice(t.Context(), db.CreateInvoiceParams{OrderID: "A", Customer: "ACME"})
		require.NoError(t, err)
		require.EqualValues(t, 1, invoice.Number)
		require.ErrorIs(t, pgx.BeginFunc(t.Context(), tx, func(savepoint pgx.Tx) error {
			number, err := queries.WithTx(savepoint).NextCase(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, 1, number)
			return declined
		}), declined)
		number, err := queries.NextCase(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, number)
		return declined
	}), declined)
	invoice, err := db.New(pool).CreateInvoice(t.Context(), db.CreateInvoiceParams{OrderID: "B", Customer: "Bolt"})
	require.NoError(t, err)
	require.EqualValues(t, 1, invoice.Number)
	sqltest.RequireSound(other)
}

func TestASerializationFailureIsRetried(t *testing.T) {
	t.Parallel()
	pool, other := open(t)
	other.Do(schema)
	var tried []error
	var invoice db.Invoice
	require.NoError(t, inTx(t.Context(), pool, func(_ pgx.Tx, queries *db.Queries) (err error) {
		_, err = queries.GetReceipt(t.Context(), 1) // takes the snapshot
		require.ErrorIs(t, err, pgx.ErrNoRows)
		if len(tried) == 0 {
			other.Do("INSERT INTO invoices (order_id, customer) VALUES ('B', 'Bolt')")
		}
		invoice, err = queries.CreateInvoice(t.Context(), db.CreateInvoiceParams{OrderID: "A", Customer: "ACME"})
		tried = append(tried, err)
		return err
	}, gapless.WithIsolation(pgx.RepeatableRead)))
	require.Len(t, tried, 2)
	sqltest.RequireCode(t, "40001", tried[0])
	require.EqualValues(t, 2, invoice.Number)
	sqltest.RequireSound(other)
}

func TestErrorsAreGaplesssAndPostgreSQLs(t *testing.T) {
	t.Parallel()
	pool, other := open(t)
	other.Do(schema)
	other.Do("BEGIN")
	other.Do("INSERT INTO invoices (order_id, customer) VALUES ('A', 'ACME')")
	err := inTx(t.Context(), pool, func(tx pgx.Tx, queries *db.Queries) error {
		_, err := tx.Exec(t.Context(), "SET LOCAL lock_timeout = '1ms'")
		require.NoError(t, err)
		_, err = queries.CreateInvoice(t.Context(), db.CreateInvoiceParams{OrderID: "B", Customer: "Bolt"})
		return err
	})
	sqltest.RequireCode(t, "55P03", err)
	require.ErrorIs(t, err, gapless.ErrLocked)
	other.Do("COMMIT")
	err = db.New(pool).NumberByHand(t.Context(), db.NumberByHandParams{ID: 1, Number: 9})
	sqltest.RequireCode(t, "428C9", err)
	require.ErrorIs(t, gapless.Classify(err), gapless.ErrChanged)
	require.Equal(t, []int64{1}, other.Numbers(invoices))
}
