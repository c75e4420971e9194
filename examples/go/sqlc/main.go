// Sqlc numbers invoices, and receipts at commit. gapless gives the numbers, and RETURNING reads them.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/examples/go/sqlc/db"
)

// The schema attaches the columns, and sqlc reads it, too.
//
//go:embed schema.sql
var schema string

// inTx runs fn in a transaction, commits it, and runs it again when PostgreSQL asks for that.
func inTx(ctx context.Context, pool *pgxpool.Pool, fn func(tx pgx.Tx, queries *db.Queries) error, opts ...gapless.TxOption) error {
	return gapless.InTx(ctx, pool, func(tx pgx.Tx) error { return fn(tx, db.New(tx)) }, opts...)
}

func run(ctx context.Context, pool *pgxpool.Pool, out io.Writer) error {
	if _, err := pool.Exec(ctx, schema); err != nil {
		return err
	}
	queries := db.New(pool)
	var invoices []db.Invoice
	err := inTx(ctx, pool, func(_ pgx.Tx, queries *db.Queries) (err error) {
		invoices, err = queries.CreateInvoices(ctx, db.CreateInvoicesParams{OrderIds: []string{"A", "B"}, Customers: []string{"ACME", "Bolt"}})
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "created:", invoices[0].Number, invoices[1].Number)

	changed, err := queries.RenameInvoice(ctx, db.RenameInvoiceParams{ID: invoices[0].ID, Customer: "ACME Ltd"})
	if err != nil {
		return err
	}
	again, err := queries.UpsertInvoice(ctx, db.UpsertInvoiceParams{OrderID: "B", Customer: "Bolt Ltd"})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "changed:", changed.Number, "upserted:", again.Number)

	receipt, err := queries.CreateReceipt(ctx, 995)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "before the commit there is a number:", receipt.Number.Valid)
	if receipt, err = queries.GetReceipt(ctx, receipt.ID); err != nil { // read again
		return err
	}
	fmt.Fprintln(out, "after it:", receipt.Number.Int64)

	var number int64
	err = inTx(ctx, pool, func(_ pgx.Tx, queries *db.Queries) (err error) {
		number, err = queries.NextCase(ctx) // a query of one's own that calls gapless: only in a transaction
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "a case:", number)

	err = queries.NumberByHand(ctx, db.NumberByHandParams{ID: again.ID, Number: 9})
	fmt.Fprintln(out, "by hand it is refused:", errors.Is(gapless.Classify(err), gapless.ErrChanged))
	return nil
}

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("GAPLESS_DATABASE_URL"))
	if err == nil {
		err = run(ctx, pool, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}
