package main

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-jet/jet/v2/postgres"
	"github.com/go-jet/jet/v2/qrm"
	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/stdlib"

	"example.com/jet/gen/model"
	"example.com/jet/gen/table"
)

var (
	invoices, receipts = table.Invoices, table.Receipts
	written            = invoices.MutableColumns.Except(invoices.Number) // by INSERT and UPDATE
)

func create(ctx context.Context, db qrm.Queryable, rows ...model.Invoices) (created []model.Invoices, err error) {
	err = invoices.INSERT(written).MODELS(rows).RETURNING(invoices.AllColumns).QueryContext(ctx, db, &created)
	return created, err
}

func main() {
	db := open()
	library("jet", "github.com/go-jet/jet/v2")

	var loaded model.Invoices
	byID := func() postgres.BoolExpression { return invoices.ID.EQ(postgres.Int(loaded.ID)) }
	tried("an insert reads the number back", func(ctx context.Context) error {
		created, err := create(ctx, db, model.Invoices{OrderID: "A", Customer: "ACME"})
		if err != nil {
			return err
		}
		loaded = created[0]
		return equal(loaded.Number, 1)
	})
	tried("many at once, in their order", func(ctx context.Context) error {
		many, err := create(ctx, db, model.Invoices{OrderID: "B"}, model.Invoices{OrderID: "C"}, model.Invoices{OrderID: "D"})
		if err != nil {
			return err
		}
		return errors.Join(equal(many[0].OrderID, "B"), equal(many[0].Number, 2), equal(many[2].OrderID, "D"), equal(many[2].Number, 4))
	})
	tried("an update of a loaded row, with and without its number", func(ctx context.Context) error {
		for _, columns := range []postgres.ColumnList{written, invoices.MutableColumns} {
			loaded.Customer += " Ltd"
			if _, err := invoices.UPDATE(columns).MODEL(loaded).WHERE(byID()).ExecContext(ctx, db); err != nil {
				return err
			}
		}
		var again model.Invoices
		err := postgres.SELECT(invoices.AllColumns).FROM(invoices).WHERE(byID()).QueryContext(ctx, db, &again)
		return errors.Join(err, equal(again, loaded))
	})
	tried("an upsert of a row that is there", func(ctx context.Context) error {
		var again model.Invoices
		err := invoices.INSERT(written).MODEL(model.Invoices{OrderID: "A", Customer: "ACME Inc"}).
			ON_CONFLICT(invoices.OrderID).DO_UPDATE(postgres.SET(invoices.Customer.SET(invoices.EXCLUDED.Customer))).
			RETURNING(invoices.AllColumns).QueryContext(ctx, db, &again)
		return errors.Join(err, equal(again.Number, 1), equal(again.Customer, "ACME Inc"))
	})
	tried("MutableColumns has the number, and writing it is refused: 428C9", func(ctx context.Context) error {
		_, err := invoices.INSERT(invoices.MutableColumns).MODEL(model.Invoices{OrderID: "E"}).ExecContext(ctx, db)
		stale := loaded
		stale.Number = 70
		_, staleErr := invoices.UPDATE(invoices.MutableColumns).MODEL(stale).WHERE(byID()).ExecContext(ctx, db)
		return errors.Join(refused("428C9", err), refused("428C9", staleErr))
	})
	tried("a numbered row cannot be deleted: 23001", func(ctx context.Context) error {
		_, err := invoices.DELETE().WHERE(byID()).ExecContext(ctx, db)
		return refused("23001", err)
	})
	tried("what is rolled back leaves no hole", func(ctx context.Context) error {
		declined := errors.New("declined")
		err := stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
			_, err := create(ctx, tx, model.Invoices{OrderID: "F"})
			return errors.Join(err, declined)
		})
		if !errors.Is(err, declined) {
			return err
		}
		next, err := create(ctx, db, model.Invoices{OrderID: "F"})
		if err != nil {
			return err
		}
		return equal(next[0].Number, 5)
	})
	tried("40001 is retried by stdlib.InTx", func(ctx context.Context) error {
		var attempts int
		var created []model.Invoices
		err := stdlib.InTx(ctx, db, func(tx *sql.Tx) (err error) {
			attempts++
			var seen []model.Invoices
			if err := postgres.SELECT(invoices.AllColumns).FROM(invoices).QueryContext(ctx, tx, &seen); err != nil { // takes the snapshot
				return err
			}
			if attempts == 1 {
				if _, err := create(ctx, db, model.Invoices{OrderID: "G"}); err != nil {
					return err
				}
			}
			created, err = create(ctx, tx, model.Invoices{OrderID: "H"})
			return err
		}, gapless.WithIsolation(pgx.RepeatableRead))
		if err != nil {
			return err
		}
		return errors.Join(equal(attempts, 2), equal(created[0].Number, 7))
	})
	tried("at commit: nil before, and read again after", func(ctx context.Context) error {
		var before, after model.Receipts
		err := stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
			return receipts.INSERT(receipts.Cents).VALUES(995).RETURNING(receipts.AllColumns).QueryContext(ctx, tx, &before)
		})
		if err != nil {
			return err
		}
		err = postgres.SELECT(receipts.AllColumns).FROM(receipts).WHERE(receipts.ID.EQ(postgres.Int(before.ID))).QueryContext(ctx, db, &after)
		if err != nil {
			return err
		}
		return errors.Join(equal(before.Number == nil, true), equal(*after.Number, 1))
	})
	tried("rows are appended to a slice that has some", func(ctx context.Context) error {
		var all []model.Invoices
		for range 2 {
			if err := postgres.SELECT(invoices.AllColumns).FROM(invoices).WHERE(byID()).QueryContext(ctx, db, &all); err != nil {
				return err
			}
		}
		return equal(len(all), 2)
	})
	tried("the generator leaves schema gapless out", func(context.Context) error { return leftOut("gen/table") })
	tried("the audit finds nothing", func(ctx context.Context) error {
		var findings int
		err := db.QueryRowContext(ctx, "SELECT count(*) FROM gapless.audit_gapless()").Scan(&findings)
		return errors.Join(err, equal(findings, 0))
	})
	end()
}
