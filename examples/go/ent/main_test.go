package main

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/examples/go/ent/ent"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

const invoices = "SELECT number FROM invoices ORDER BY id"

// open returns a database of a test's own, ent's client for it, and another session.
func open(t *testing.T) (*sql.DB, *ent.Client, sqltest.Session) {
	t.Helper()
	database := pgtest.New(t)
	db, err := sql.Open("pgx", database.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db, ent.NewClient(ent.Driver(entsql.OpenDB(dialect.Postgres, db))), sqltest.Connect(t, database)
}

func TestTheProgram(t *testing.T) {
	t.Parallel()
	db, client, other := open(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), db, &out))
	require.Equal(t, `created: 1 2
changed: 1 upserted: 2
before the commit there is a number: false
after it: 1
by hand it is refused: true
`, out.String())
	require.Equal(t, []int64{1, 2}, other.Numbers(invoices))
	require.Equal(t, []string{"ACME Ltd", "Bolt Ltd"}, sqltest.Texts(other, "SELECT customer FROM invoices ORDER BY id"))
	require.NoError(t, migrate(t.Context(), db, client), "again, of columns that are attached")
	require.NoError(t, client.Invoice.Create().SetOrderID("D").SetCustomer("Dyne").Exec(t.Context()))
	require.Equal(t, []int64{1, 2, 3}, other.Numbers(invoices))
	sqltest.RequireSound(other)
}

func create(t *testing.T, client *ent.Client, order string) (*ent.Invoice, error) {
	t.Helper()
	created, err := client.Invoice.Create().SetOrderID(order).SetCustomer(order).Save(t.Context())
	if err != nil {
		return nil, err
	}
	return client.Invoice.Get(t.Context(), created.ID)
}

func TestWhatIsRolledBackLeavesNoHole(t *testing.T) {
	t.Parallel()
	db, client, other := open(t)
	require.NoError(t, migrate(t.Context(), db, client))
	declined := errors.New("declined")
	require.ErrorIs(t, inTx(t.Context(), db, func(client *ent.Client) error {
		invoice, err := create(t, client, "A")
		require.NoError(t, err)
		require.EqualValues(t, 1, invoice.Number)
		_, err = client.BeginTx(t.Context(), nil)
		require.ErrorContains(t, err, "there is a transaction already")
		return declined
	}), declined)

	tx, err := client.Tx(t.Context()) // one of ent's own
	require.NoError(t, err)
	_, err = create(t, tx.Client(), "B")
	require.NoError(t, err)
	require.NoError(t, tx.Rollback())

	invoice, err := create(t, client, "C")
	require.NoError(t, err)
	require.EqualValues(t, 1, invoice.Number)
	require.Equal(t, []int64{1}, other.Numbers(invoices))
	sqltest.RequireSound(other)
}

func TestASerializationFailureIsRetried(t *testing.T) {
	t.Parallel()
	db, client, other := open(t)
	require.NoError(t, migrate(t.Context(), db, client))
	var tried []error
	var invoice *ent.Invoice
	require.NoError(t, inTx(t.Context(), db, func(client *ent.Client) (err error) {
		client.Invoice.Query().CountX(t.Context()) // takes the snapshot
		if len(tried) == 0 {
			other.Do("INSERT INTO invoices (order_id, customer) VALUES ('B', 'Bolt')")
		}
		invoice, err = create(t, client, "A")
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
	db, client, other := open(t)
	require.NoError(t, migrate(t.Context(), db, client))
	other.Do("BEGIN")
	other.Do("INSERT INTO invoices (order_id, customer) VALUES ('A', 'ACME')")
	err := inTx(t.Context(), db, func(client *ent.Client) error {
		_, err := client.ExecContext(t.Context(), "SET LOCAL lock_timeout = '1ms'")
		require.NoError(t, err)
		_, err = create(t, client, "B")
		return err
	})
	sqltest.RequireCode(t, "55P03", err)
	require.ErrorIs(t, err, gapless.ErrLocked)
	other.Do("COMMIT")
	_, err = client.ExecContext(t.Context(), "UPDATE invoices SET number = 9")
	sqltest.RequireCode(t, "428C9", err)
	require.ErrorIs(t, gapless.Classify(err), gapless.ErrChanged)
	require.Equal(t, []int64{1}, other.Numbers(invoices))
}

func TestATransactionOfEntsTakesNumbersByHand(t *testing.T) {
	t.Parallel()
	_, client, other := open(t)
	cases := stdlib.NewSequence("case")
	for _, end := range []func(*ent.Tx) error{(*ent.Tx).Rollback, (*ent.Tx).Commit} {
		tx, err := client.Tx(t.Context())
		require.NoError(t, err)
		number, err := cases.Next(t.Context(), tx) // by the feature sql/execquery
		require.NoError(t, err)
		require.EqualValues(t, 1, number)
		require.NoError(t, end(tx))
	}
	require.EqualValues(t, 1, other.Number("SELECT gapless.last_gapless('case')"))
}
