package main

import (
	"context"
	"database/sql"
	"errors"

	"github.com/aarondl/opt/omit"
	"github.com/jackc/pgx/v5"
	"github.com/stephenafamo/bob"
	"github.com/stephenafamo/bob/dialect/psql/im"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/stdlib"

	"example.com/bob/models"
)

func invoice(order, customer string) *models.InvoiceSetter {
	return &models.InvoiceSetter{OrderID: omit.From(order), Customer: omit.From(customer)}
}

func inTx(ctx context.Context, db *sql.DB, fn func(tx bob.Tx) error, opts ...gapless.TxOption) error {
	return stdlib.InTx(ctx, db, func(tx *sql.Tx) error { return fn(bob.NewTx(tx)) }, opts...)
}

func main() {
	pool := open()
	db := bob.NewDB(pool)
	library("bob", "github.com/stephenafamo/bob")

	var loaded *models.Invoice
	tried("an insert reads the number back", func(ctx context.Context) (err error) {
		if loaded, err = models.Invoices.Insert(invoice("A", "ACME")).One(ctx, db); err != nil {
			return err
		}
		return equal(loaded.Number, 1)
	})
	tried("many at once, in their order", func(ctx context.Context) error {
		many, err := models.Invoices.Insert(invoice("B", "Bolt"), invoice("C", "Core"), invoice("D", "Dyne")).All(ctx, db)
		if err != nil {
			return err
		}
		return errors.Join(equal(many[0].OrderID, "B"), equal(many[0].Number, 2), equal(many[2].OrderID, "D"), equal(many[2].Number, 4))
	})
	tried("an update of a loaded row, by a setter", func(ctx context.Context) error {
		if err := loaded.Update(ctx, db, &models.InvoiceSetter{Customer: omit.From("ACME Ltd")}); err != nil {
			return err
		}
		return equal(loaded.Number, 1)
	})
	tried("an upsert of a row that is there", func(ctx context.Context) error {
		upsert := im.OnConflict("order_id").DoUpdate(im.SetExcluded("customer"))
		again, err := models.Invoices.Insert(invoice("A", "ACME Inc"), upsert).One(ctx, db)
		if err != nil {
			return err
		}
		return errors.Join(equal(again.Number, 1), equal(again.Customer, "ACME Inc"))
	})
	tried("a number that is set is refused: 428C9", func(ctx context.Context) error {
		setter := invoice("E", "Echo")
		setter.Number = omit.From[int64](70)
		_, err := models.Invoices.Insert(setter).One(ctx, db)
		return errors.Join(refused("428C9", err), refused("428C9", loaded.Update(ctx, db, &models.InvoiceSetter{Number: omit.From[int64](70)})))
	})
	tried("a numbered row cannot be deleted: 23001", func(ctx context.Context) error {
		return refused("23001", loaded.Delete(ctx, db))
	})
	tried("what is rolled back leaves no hole", func(ctx context.Context) error {
		declined := errors.New("declined")
		err := inTx(ctx, pool, func(tx bob.Tx) error {
			_, err := models.Invoices.Insert(invoice("F", "Fern")).One(ctx, tx)
			return errors.Join(err, declined)
		})
		if !errors.Is(err, declined) {
			return err
		}
		next, err := models.Invoices.Insert(invoice("F", "Fern")).One(ctx, db)
		if err != nil {
			return err
		}
		return equal(next.Number, 5)
	})
	tried("40001 is retried by stdlib.InTx", func(ctx context.Context) error {
		var attempts int
		var number int64
		err := inTx(ctx, pool, func(tx bob.Tx) error {
			attempts++
			if _, err := models.Invoices.Query().Count(ctx, tx); err != nil { // takes the snapshot
				return err
			}
			if attempts == 1 {
				if _, err := models.Invoices.Insert(invoice("G", "Gold")).One(ctx, db); err != nil {
					return err
				}
			}
			created, err := models.Invoices.Insert(invoice("H", "Hall")).One(ctx, tx)
			if err == nil {
				number = created.Number
			}
			return err
		}, gapless.WithIsolation(pgx.RepeatableRead))
		return errors.Join(err, equal(attempts, 2), equal(number, 7))
	})
	tried("at commit: NULL before, and read again after", func(ctx context.Context) error {
		var receipt *models.Receipt
		err := inTx(ctx, pool, func(tx bob.Tx) (err error) {
			receipt, err = models.Receipts.Insert(&models.ReceiptSetter{Cents: omit.From[int64](995)}).One(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
		before := receipt.Number.IsNull()
		return errors.Join(equal(before, true), receipt.Reload(ctx, db), equal(receipt.Number.GetOrZero(), 1))
	})
	tried("the generator leaves schema gapless out", func(context.Context) error { return leftOut("models") })
	tried("the audit finds nothing", func(ctx context.Context) error {
		var findings int
		err := pool.QueryRowContext(ctx, "SELECT count(*) FROM gapless.audit_gapless()").Scan(&findings)
		return errors.Join(err, equal(findings, 0))
	})
	end()
}
