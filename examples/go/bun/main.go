// Bun numbers invoices, and receipts at commit. gapless gives the numbers, and bun reads them.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/stdlib"
)

// Invoice is numbered when it is inserted. By nullzero bun sends DEFAULT and reads the number back, and by skipupdate no
// UPDATE has it.
type Invoice struct {
	ID       int64  `bun:",pk,autoincrement"`
	OrderID  string `bun:",notnull,unique"`
	Customer string `bun:",notnull"`
	Number   int64  `bun:",nullzero,skipupdate,notnull,unique"`
}

// Receipt is numbered when its transaction commits. Until then the number is NULL.
type Receipt struct {
	ID     int64  `bun:",pk,autoincrement"`
	Cents  int64  `bun:",notnull"`
	Number *int64 `bun:",skipupdate,unique"`
}

// connect opens the database with pgx's driver: gapless needs that, and bun's own, pgdriver, is another.
func connect(url string) (*bun.DB, error) {
	pool, err := sql.Open("pgx", url)
	if err != nil {
		return nil, err
	}
	return bun.NewDB(pool, pgdialect.New()), nil
}

// migrate makes the tables and attaches the columns, unless they are.
func migrate(ctx context.Context, db *bun.DB) error {
	for _, model := range []any{(*Invoice)(nil), (*Receipt)(nil)} {
		if _, err := db.NewCreateTable().Model(model).IfNotExists().Exec(ctx); err != nil {
			return err
		}
	}
	return errors.Join(
		stdlib.Ensure(ctx, db, gapless.Column{Table: "invoices", Column: "number", Name: "'invoice'"}),
		stdlib.Ensure(ctx, db, gapless.Column{Table: "receipts", Column: "number", Name: "'receipt'", AtCommit: true}))
}

// upsert takes the invoice of an order that has one already, and changes the customer.
func upsert(db *bun.DB, invoice *Invoice) *bun.InsertQuery {
	return db.NewInsert().Model(invoice).On("CONFLICT (order_id) DO UPDATE").Set("customer = excluded.customer")
}

func run(ctx context.Context, db *bun.DB, out io.Writer) error {
	if err := migrate(ctx, db); err != nil {
		return err
	}
	var invoices []Invoice
	// InTx commits, and runs the function again when PostgreSQL asks for that: so make the models in it.
	err := stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		invoices = []Invoice{{OrderID: "A", Customer: "ACME"}, {OrderID: "B", Customer: "Bolt"}}
		_, err := db.NewInsert().Conn(tx).Model(&invoices).Exec(ctx) // Conn takes a query into the transaction
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "created:", invoices[0].Number, invoices[1].Number)

	invoices[0].Customer = "ACME Ltd"
	if _, err := db.NewUpdate().Model(&invoices[0]).WherePK().Exec(ctx); err != nil {
		return err
	}
	again := Invoice{OrderID: "B", Customer: "Bolt Ltd"}
	if _, err := upsert(db, &again).Exec(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "changed:", invoices[0].Number, "upserted:", again.Number)

	receipt := Receipt{Cents: 995}
	if _, err := db.NewInsert().Model(&receipt).Exec(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "before the commit there is a number:", receipt.Number != nil)
	if err := db.NewSelect().Model(&receipt).WherePK().Scan(ctx); err != nil { // read again
		return err
	}
	fmt.Fprintln(out, "after it:", *receipt.Number)

	_, err = db.NewUpdate().Model(&again).Set("number = 9").WherePK().Exec(ctx)
	fmt.Fprintln(out, "by hand it is refused:", errors.Is(gapless.Classify(err), gapless.ErrChanged))
	return nil
}

func main() {
	db, err := connect(os.Getenv("GAPLESS_DATABASE_URL"))
	if err == nil {
		err = run(context.Background(), db, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}
