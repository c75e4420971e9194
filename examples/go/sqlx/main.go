// Sqlx numbers invoices, and receipts at commit. gapless gives the numbers, and RETURNING reads them.
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
	"github.com/jmoiron/sqlx"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/stdlib"
)

const schema = `
CREATE TABLE IF NOT EXISTS invoices (
	id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	order_id text   NOT NULL UNIQUE,
	customer text   NOT NULL,
	number   bigint NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS receipts (
	id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	cents  bigint NOT NULL,
	number bigint UNIQUE -- NULL until the transaction commits
)`

// Invoice is numbered when it is inserted, by statements that leave the number out.
type Invoice struct {
	ID       int64
	OrderID  string `db:"order_id"`
	Customer string
	Number   int64
}

// Receipt is numbered when its transaction commits.
type Receipt struct {
	ID, Cents int64
	Number    *int64
}

const (
	insert = "INSERT INTO invoices (order_id, customer) VALUES (:order_id, :customer) RETURNING *"
	upsert = `INSERT INTO invoices (order_id, customer) VALUES ($1, $2)
		ON CONFLICT (order_id) DO UPDATE SET customer = excluded.customer RETURNING *`
)

// migrate makes the tables and attaches the columns, unless they are.
func migrate(ctx context.Context, db *sqlx.DB) error {
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	return errors.Join(
		stdlib.Ensure(ctx, db, gapless.Column{Table: "invoices", Column: "number", Name: "'invoice'"}),
		stdlib.Ensure(ctx, db, gapless.Column{Table: "receipts", Column: "number", Name: "'receipt'", AtCommit: true}))
}

// inTx runs fn in a transaction, commits it, and runs it again when PostgreSQL asks for that. A Tx that is made of a *sql.Tx
// knows no driver: have names bound by the database.
func inTx(ctx context.Context, db *sqlx.DB, fn func(tx *sqlx.Tx) error, opts ...gapless.TxOption) error {
	return stdlib.InTx(ctx, db, func(tx *sql.Tx) error { return fn(&sqlx.Tx{Tx: tx, Mapper: db.Mapper}) }, opts...)
}

func run(ctx context.Context, db *sqlx.DB, out io.Writer) error {
	if err := migrate(ctx, db); err != nil {
		return err
	}
	var invoices []Invoice
	query, args, err := db.BindNamed(insert, []Invoice{{OrderID: "A", Customer: "ACME"}, {OrderID: "B", Customer: "Bolt"}})
	if err != nil {
		return err
	}
	err = inTx(ctx, db, func(tx *sqlx.Tx) error {
		invoices = nil // Select appends
		return tx.SelectContext(ctx, &invoices, query, args...)
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "created:", invoices[0].Number, invoices[1].Number)

	var changed, again Invoice
	if err := db.GetContext(ctx, &changed, "UPDATE invoices SET customer = $1 WHERE id = $2 RETURNING *", "ACME Ltd", invoices[0].ID); err != nil {
		return err
	}
	if err := db.GetContext(ctx, &again, upsert, "B", "Bolt Ltd"); err != nil {
		return err
	}
	fmt.Fprintln(out, "changed:", changed.Number, "upserted:", again.Number)

	var receipt Receipt
	err = inTx(ctx, db, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &receipt, "INSERT INTO receipts (cents) VALUES ($1) RETURNING *", 995)
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "before the commit there is a number:", receipt.Number != nil)
	if err := db.GetContext(ctx, &receipt, "SELECT * FROM receipts WHERE id = $1", receipt.ID); err != nil { // read again
		return err
	}
	fmt.Fprintln(out, "after it:", *receipt.Number)

	_, err = db.ExecContext(ctx, "UPDATE invoices SET number = 9 WHERE id = $1", again.ID)
	fmt.Fprintln(out, "by hand it is refused:", errors.Is(gapless.Classify(err), gapless.ErrChanged))
	return nil
}

func main() {
	db, err := sqlx.Open("pgx", os.Getenv("GAPLESS_DATABASE_URL"))
	if err == nil {
		err = run(context.Background(), db, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}
