// Gorm numbers invoices, and receipts at commit. gapless gives the numbers, and gorm reads them.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/stdlib"
)

// Invoice is numbered when it is inserted. By "->" gorm never writes the number, and by "default:(-)" it reads it back.
type Invoice struct {
	ID       int64
	OrderID  string `gorm:"not null;unique"`
	Customer string `gorm:"not null"`
	Number   int64  `gorm:"->;default:(-);not null;unique"`
}

// Receipt is numbered when its transaction commits. Until then the number is NULL.
type Receipt struct {
	ID     int64
	Cents  int64  `gorm:"not null"`
	Number *int64 `gorm:"->;default:(-);unique"`
}

// migrate makes the tables and attaches the columns, unless they are.
func migrate(ctx context.Context, db *gorm.DB) error {
	if err := db.WithContext(ctx).AutoMigrate(&Invoice{}, &Receipt{}); err != nil {
		return err
	}
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return errors.Join(
		stdlib.Ensure(ctx, pool, gapless.Column{Table: "invoices", Column: "number", Name: "'invoice'"}),
		stdlib.Ensure(ctx, pool, gapless.Column{Table: "receipts", Column: "number", Name: "'receipt'", AtCommit: true}))
}

// inTx runs fn in a transaction, commits it, and runs it again when PostgreSQL asks for that. So make the structs in fn:
// those of a run before have ids.
func inTx(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error, opts ...gapless.TxOption) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return stdlib.InTx(ctx, pool, func(sqlTx *sql.Tx) error {
		tx := db.Session(&gorm.Session{NewDB: true, Context: ctx}) // with a Context it has a Statement of its own
		tx.Statement.ConnPool = sqlTx
		return fn(tx)
	}, opts...)
}

// upsert takes the invoice of an order that has one already, and changes the customer.
var upsert = clause.OnConflict{Columns: []clause.Column{{Name: "order_id"}}, DoUpdates: clause.AssignmentColumns([]string{"customer"})}

func run(ctx context.Context, db *gorm.DB, out io.Writer) error {
	if err := migrate(ctx, db); err != nil {
		return err
	}
	var invoices []Invoice
	err := inTx(ctx, db, func(tx *gorm.DB) error {
		invoices = []Invoice{{OrderID: "A", Customer: "ACME"}, {OrderID: "B", Customer: "Bolt"}}
		return tx.Create(&invoices).Error
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "created:", invoices[0].Number, invoices[1].Number)

	invoices[0].Customer = "ACME Ltd"
	if err := db.WithContext(ctx).Save(&invoices[0]).Error; err != nil {
		return err
	}
	again := Invoice{OrderID: "B", Customer: "Bolt Ltd"}
	if err := db.WithContext(ctx).Clauses(upsert).Create(&again).Error; err != nil {
		return err
	}
	fmt.Fprintln(out, "changed:", invoices[0].Number, "upserted:", again.Number)

	var receipt Receipt
	err = inTx(ctx, db, func(tx *gorm.DB) error {
		receipt = Receipt{Cents: 995}
		return tx.Create(&receipt).Error
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "before the commit there is a number:", receipt.Number != nil)
	if err := db.WithContext(ctx).First(&receipt).Error; err != nil { // read again
		return err
	}
	fmt.Fprintln(out, "after it:", *receipt.Number)

	err = db.WithContext(ctx).Exec("UPDATE invoices SET number = 9 WHERE id = ?", again.ID).Error
	fmt.Fprintln(out, "by hand it is refused:", errors.Is(gapless.Classify(err), gapless.ErrChanged))
	return nil
}

func main() {
	db, err := gorm.Open(postgres.Open(os.Getenv("GAPLESS_DATABASE_URL")))
	if err == nil {
		err = run(context.Background(), db, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}
