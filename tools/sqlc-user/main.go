// Program calls what sqlc has made, over pgx and over database/sql, on a database that has schema gapless. Each view has
// NULL wherever it can, so that a type which cannot be read is found.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"

	"github.com/jackc/pgx/v5"
	_ "github.com/lib/pq"

	"example.com/program/withpgx"
	"example.com/program/withsql"
)

func main() {
	ctx := context.Background()
	url := os.Getenv("GAPLESS_DATABASE_URL")
	conn, err := pgx.Connect(ctx, url)
	try(err)
	defer conn.Close(ctx)
	schema, err := os.ReadFile("schema.sql")
	try(err)
	_, err = conn.Exec(ctx, string(schema))
	try(err)
	_, err = conn.Exec(ctx, `
		SELECT gapless.attach_gapless('bills', 'number');
		SELECT gapless.range_gapless('bounded', 1, 5, 'a grant', valid_until => '2999-12-31', time_zone => 'UTC'), gapless.range_gapless('bounded', 6, 9, 'another');
		SELECT gapless.next_gapless('bounded');
		SELECT gapless.close_gapless('closed', 'before its first number');
		SELECT gapless.record_audit_gapless(), gapless.record_audit_gapless('case', note => 'of one')`)
	try(err)

	overPgx := withpgx.New(conn)
	for range 2 {
		try(overPgx.EnsureNumbered(ctx))
	}
	invoice, err := overPgx.AddInvoice(ctx, "ACME")
	try(err)
	opened, err := overPgx.OpenCase(ctx, "Smith v. Jones")
	try(err)
	numbers, err := overPgx.NextNumbers(ctx, withpgx.NextNumbersParams{Name: "batch", Size: 3})
	try(err)
	try(overPgx.VoidNumber(ctx, withpgx.VoidNumberParams{Name: "batch", Value: 2, Reason: "a misprint"}))
	fmt.Println(invoice.Number.Int64, opened.Number, numbers, count(overPgx.Sequences(ctx)), count(overPgx.Ranges(ctx, "bounded")), count(overPgx.Columns(ctx)), count(overPgx.Audits(ctx)))

	tx, err := conn.Begin(ctx)
	try(err)
	_, err = overPgx.WithTx(tx).NextNumber(ctx, "held")
	try(err)
	try(tx.Commit(ctx))
	tx, err = conn.Begin(ctx)
	try(err)
	last, err := overPgx.WithTx(tx).NextNumber(ctx, "held")
	try(err)
	held, err := overPgx.Holders(ctx, "held")
	try(err)
	fmt.Println(last, len(held), held[0].State)
	try(tx.Commit(ctx))

	db, err := sql.Open("postgres", url)
	try(err)
	defer db.Close()
	overSQL := withsql.New(db)
	try(overSQL.EnsureNumbered(ctx))
	second, err := overSQL.AddInvoice(ctx, "Bolt")
	try(err)
	none, err := overSQL.LastNumber(ctx, "never used")
	try(err)
	unexplained, err := overSQL.Unexplained(ctx)
	try(err)
	fmt.Println(second.Number.Int64, none.Valid, count(overSQL.Sequences(ctx)), count(overSQL.Ranges(ctx, "bounded")), count(overSQL.Columns(ctx)), count(overSQL.Audits(ctx)), count(overSQL.Holders(ctx, "held")), unexplained)
}

func count[T any](rows []T, err error) int {
	try(err)
	return len(rows)
}

func try(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
