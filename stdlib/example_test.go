package stdlib_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/stdlib"
)

func Example() {
	ctx := context.Background()
	database, err := pgtest.ForExamples(ctx) // a program has a URL of its own
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := sql.Open("pgx", database.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	invoices := stdlib.NewSequence("invoice")
	err = stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		number, err := invoices.Next(ctx, tx)
		fmt.Println("invoice", number)
		return err
	})
	fmt.Println(err)
	// Output:
	// invoice 1
	// <nil>
}
