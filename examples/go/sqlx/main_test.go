package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

const invoices = "SELECT number FROM invoices ORDER BY id"

// open returns sqlx and another session in a database of their own, with the tables.
func open(t *testing.T) (*sqlx.DB, sqltest.Session) {
	t.Helper()
	database := pgtest.New(t)
	db, err := sqlx.Open("pgx", database.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db, sqltest.Connect(t, database)
}

func TestTheProgram(t *testing.T) {
	t.Parallel()
	db, other := open(t)
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
	require.NoError(t, migrate(t.Context(), db), "again, of columns that are attached")
	sqltest.RequireSound(other)
}

func create(t *testing.T, tx *sqlx.Tx, order string) (invoice Invoice, err error) {
	t.Helper()
	err = tx.GetContext(t.Context(), &invoice, "INSERT INTO invoices (order_id, customer) VALUES ($1, $1) RETURNING *", order)
	return invoice, err
}

func TestWhatIsRolledBackLeavesNoHole(t *testing.T) {
	t.Parallel()
	db, other := open(t)
	require.NoError(t, migrate(t.Context(), db))
	declined := errors.New("declined")
	require.ErrorIs(t, inTx(t.Context(), db, func(tx *sqlx.Tx) error {
		invoice, err := create(t, tx, "A")
		require.NoError(t, err)
		require.EqualValues(t, 1, invoice.Number)
		return declined
	}), declined)
	require.NoError(t, inTx(t.Context(), db, func(tx *sqlx.Tx) error {
		invoice, err := create(t, tx, "B")
		require.EqualValues(t, 1, invoice.Number)
		return err
	}))
	require.Equal(t, []int64{1}, other.Numbers(invoices))
	sqltest.RequireSound(other)
}

func TestASerializationFailureIsRetried(t *testing.T) {
	t.Parallel()
	db, other := open(t)
	require.NoError(t, migrate(t.Context(), db))
	var tried []error
	var invoice Invoice
	require.NoError(t, inTx(t.Context(), db, func(tx *sqlx.Tx) (err error) {
		_, err = tx.ExecContext(t.Context(), "SELECT count(*) FROM invoices") // takes the snapshot
		require.NoError(t, err)
		if len(tried) == 0 {
			other.Do("INSERT INTO invoices (order_id, customer) VALUES ('B', 'Bolt')")
		}
		invoice, err = create(t, tx, "A")
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
	db, other := open(t)
	require.NoError(t, migrate(t.Context(), db))
	other.Do("BEGIN")
	other.Do("INSERT INTO invoices (order_id, customer) VALUES ('A', 'ACME')")
	err := inTx(t.Context(), db, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(t.Context(), "SET LOCAL lock_timeout = '1ms'")
		require.NoError(t, err)
		_, err = create(t, tx, "B")
		return err
	})
	sqltest.RequireCode(t, "55P03", err)
	require.ErrorIs(t, err, gapless.ErrLocked)
	other.Do("COMMIT")
	_, err = db.ExecContext(t.Context(), "UPDATE invoices SET number = 9")
	sqltest.RequireCode(t, "428C9", err)
	require.ErrorIs(t, gapless.Classify(err), gapless.ErrChanged)
	require.Equal(t, []int64{1}, other.Numbers(invoices))
}

func TestATransactionOfSqlxsTakesNumbersByHand(t *testing.T) {
	t.Parallel()
	db, other := open(t)
	cases := stdlib.NewSequence("case")
	for _, end := range []func(*sqlx.Tx) error{(*sqlx.Tx).Rollback, (*sqlx.Tx).Commit} {
		tx, err := db.BeginTxx(t.Context(), nil)
		require.NoError(t, err)
		number, err := cases.Next(t.Context(), tx)
		require.NoError(t, err)
		require.EqualValues(t, 1, number)
		require.NoError(t, end(tx))
	}
	require.EqualValues(t, 1, other.Number("SELECT gapless.last_gapless('case')"))
}
