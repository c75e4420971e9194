package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

const invoices = "SELECT number FROM invoices ORDER BY id"

// open returns gorm and another session in a database of their own.
func open(t *testing.T) (*gorm.DB, sqltest.Session) {
	t.Helper()
	database := pgtest.New(t)
	db, err := gorm.Open(postgres.Open(database.URL), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	pool, err := db.DB()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return db.WithContext(t.Context()), sqltest.Connect(t, database)
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
	sqltest.RequireSound(other)
	require.NoError(t, migrate(t.Context(), db), "again, of columns that are attached")
	other.Do("INSERT INTO invoices (order_id, customer) VALUES ('D', 'Dyne')")
}

func TestWhateverGormWritesTheNumberStays(t *testing.T) {
	t.Parallel()
	db, other := open(t)
	require.NoError(t, migrate(t.Context(), db))
	written := []Invoice{{OrderID: "A", Customer: "a", Number: 70}, {OrderID: "B", Customer: "b", Number: 71}}
	require.NoError(t, db.CreateInBatches(&written, 1).Error)
	require.EqualValues(t, 1, written[0].Number)
	require.EqualValues(t, 2, written[1].Number)
	written[0].Number = 72 // as if it were stale
	require.NoError(t, db.Save(&written).Error, "an upsert, since they have ids")
	require.NoError(t, db.Select("*").Updates(&written[0]).Error)
	require.NoError(t, db.Model(&written[1]).Update("number", 9).Error, "which sends nothing")
	again := Invoice{OrderID: "B", Customer: "bb"}
	require.NoError(t, db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "order_id"}}, UpdateAll: true}).Create(&again).Error)
	require.EqualValues(t, 2, again.Number)
	require.Equal(t, []int64{1, 2}, other.Numbers(invoices))
	sqltest.RequireSound(other)
}

func TestWhatIsRolledBackLeavesNoHole(t *testing.T) {
	t.Parallel()
	db, other := open(t)
	require.NoError(t, migrate(t.Context(), db))
	declined := errors.New("declined")
	create := func(tx *gorm.DB, order string) error {
		return tx.Create(&Invoice{OrderID: order, Customer: order}).Error
	}
	require.ErrorIs(t, inTx(t.Context(), db, func(tx *gorm.DB) error {
		require.NoError(t, create(tx, "A"))
		return declined
	}), declined)
	require.NoError(t, inTx(t.Context(), db, func(tx *gorm.DB) error {
		require.ErrorIs(t, tx.Transaction(func(savepoint *gorm.DB) error { // gorm's own, in ours, is a savepoint
			require.NoError(t, create(savepoint, "B"))
			return declined
		}), declined)
		return create(tx, "C")
	}))
	require.Equal(t, []int64{1}, other.Numbers(invoices))
	sqltest.RequireSound(other)
}

func TestASerializationFailureIsRetried(t *testing.T) {
	t.Parallel()
	db, other := open(t)
	require.NoError(t, migrate(t.Context(), db))
	var codes []error
	var invoice Invoice
	require.NoError(t, inTx(t.Context(), db, func(tx *gorm.DB) error {
		var count int64
		require.NoError(t, tx.Model(&Invoice{}).Count(&count).Error) // takes the snapshot
		if len(codes) == 0 {
			other.Do("INSERT INTO invoices (order_id, customer) VALUES ('B', 'Bolt')")
		}
		invoice = Invoice{OrderID: "A", Customer: "ACME"}
		err := tx.Create(&invoice).Error
		codes = append(codes, err)
		return err
	}, gapless.WithIsolation(pgx.RepeatableRead)))
	require.Len(t, codes, 2)
	sqltest.RequireCode(t, "40001", codes[0])
	require.NoError(t, codes[1])
	require.EqualValues(t, 2, invoice.Number)
	sqltest.RequireSound(other)
}

func TestErrorsAreGaplesssAndPostgreSQLs(t *testing.T) {
	t.Parallel()
	db, other := open(t)
	require.NoError(t, migrate(t.Context(), db))
	other.Do("BEGIN")
	other.Do("INSERT INTO invoices (order_id, customer) VALUES ('A', 'ACME')")
	err := inTx(t.Context(), db, func(tx *gorm.DB) error {
		return errors.Join(
			tx.Exec("SET LOCAL lock_timeout = '1ms'").Error,
			tx.Create(&Invoice{OrderID: "B", Customer: "Bolt"}).Error)
	})
	sqltest.RequireCode(t, "55P03", err)
	require.ErrorIs(t, err, gapless.ErrLocked)
	other.Do("COMMIT")
	err = db.Exec("UPDATE invoices SET number = 9").Error
	sqltest.RequireCode(t, "428C9", err)
	require.ErrorIs(t, gapless.Classify(err), gapless.ErrChanged)
	require.Equal(t, []int64{1}, other.Numbers(invoices))
}

func TestATransactionOfGormsTakesNumbersByHand(t *testing.T) {
	t.Parallel()
	db, other := open(t)
	cases := stdlib.NewSequence("case")
	next := func(tx *gorm.DB) (number int64) {
		number, err := cases.Next(context.Background(), tx.Statement.ConnPool)
		require.NoError(t, err)
		return number
	}
	for range 2 {
		require.Error(t, db.Transaction(func(tx *gorm.DB) error {
			require.EqualValues(t, 1, next(tx))
			return errors.New("rolled back")
		}))
	}
	require.NoError(t, db.Transaction(func(tx *gorm.DB) error {
		require.EqualValues(t, 1, next(tx))
		return nil
	}))
	require.EqualValues(t, 1, other.Number("SELECT gapless.last_gapless('case')"))
}
