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

	cases := stdlib.NewSequence("case")
	err = stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		number, err := cases.Next(ctx, tx)
		fmt.Println("case", number)
		return err
	})
	fmt.Println(err)
	// Output:
	// case 1
	// <nil>
}
