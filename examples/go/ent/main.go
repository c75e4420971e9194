// Ent numbers invoices, and receipts at commit. gapless gives the numbers, and ent reads them.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/examples/go/ent/ent"
	"github.com/pggapless/gapless/examples/go/ent/ent/invoice"
	"github.com/pggapless/gapless/stdlib"
)

// migrate makes the tables and attaches the columns, unless they are.
func migrate(ctx context.Context, db *sql.DB, client *ent.Client) error {
	if err := client.Schema.Create(ctx); err != nil {
		return err
	}
	return errors.Join(
		stdlib.Ensure(ctx, db, gapless.Column{Table: "invoices", Column: "number", Name: "'invoice'"}),
		stdlib.Ensure(ctx, db, gapless.Column{Table: "receipts", Column: "number", Name: "'receipt'", AtCommit: true}))
}

// inTx runs fn in a transaction, commits it, and runs it again when PostgreSQL asks for that.
func inTx(ctx context.Context, db *sql.DB, fn func(client *ent.Client) error, opts ...gapless.TxOption) error {
	return stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		return fn(ent.NewClient(ent.Driver(driver{entsql.NewDriver(dialect.Postgres, entsql.Conn{ExecQuerier: tx})})))
	}, opts...)
}

// driver is ent's in a transaction of gapless. What ent does in a transaction of its own, as it does for edges, is part of that.
type driver struct{ *entsql.Driver }

func (d driver) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }

func (driver) BeginTx(context.Context, *sql.TxOptions) (dialect.Tx, error) {
	return nil, errors.New("there is a transaction already")
}

func run(ctx context.Context, db *sql.DB, out io.Writer) error {
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.Postgres, db)))
	if err := migrate(ctx, db, client); err != nil {
		return err
	}
	var invoices []*ent.Invoice
	err := inTx(ctx, db, func(client *ent.Client) error {
		created, err := client.Invoice.CreateBulk(
			client.Invoice.Create().SetOrderID("A").SetCustomer("ACME"),
			client.Invoice.Create().SetOrderID("B").SetCustomer("Bolt"),
		).Save(ctx)
		if err != nil {
			return err
		}
		// ent reads no more than the ids back.
		invoices, err = client.Invoice.Query().Where(invoice.IDIn(created[0].ID, created[1].ID)).Order(invoice.ByNumber()).All(ctx)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "created:", invoices[0].Number, invoices[1].Number)

	// Not invoices[0].Update(): it is of the transaction, which has ended.
	changed, err := client.Invoice.UpdateOne(invoices[0]).SetCustomer("ACME Ltd").Save(ctx)
	if err != nil {
		return err
	}
	id, err := client.Invoice.Create().SetOrderID("B").SetCustomer("Bolt Ltd").
		OnConflictColumns(invoice.FieldOrderID).UpdateNewValues().ID(ctx)
	if err != nil {
		return err
	}
	again, err := client.Invoice.Get(ctx, id)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "changed:", changed.Number, "upserted:", again.Number)

	receipt, err := client.Receipt.Create().SetCents(995).Save(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "before the commit there is a number:", receipt.Number != nil)
	if receipt, err = client.Receipt.Get(ctx, receipt.ID); err != nil { // read again
		return err
	}
	fmt.Fprintln(out, "after it:", *receipt.Number)

	_, err = client.Invoice.Create().SetOrderID("C").SetCustomer("Cog").SetNumber(9).Save(ctx)
	fmt.Fprintln(out, "by hand it is refused:", errors.Is(gapless.Classify(err), gapless.ErrWritten))
	return nil
}

func main() {
	db, err := sql.Open("pgx", os.Getenv("GAPLESS_DATABASE_URL"))
	if err == nil {
		err = run(context.Background(), db, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}
