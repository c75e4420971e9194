package stdlib_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/stdlib"
)

func ExampleAttach() {
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

	err = stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "CREATE TABLE public.ticket (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint NOT NULL UNIQUE)")
		if err != nil {
			return err
		}
		err = stdlib.Attach(ctx, tx, gapless.Column{Table: "public.ticket", Column: "number", Name: "'example: ticket'"})
		if err != nil {
			return err
		}
		var number int64
		err = tx.QueryRowContext(ctx, "INSERT INTO public.ticket DEFAULT VALUES RETURNING number").Scan(&number)
		fmt.Println("ticket", number)
		return err
	})
	fmt.Println(err)
	// Output:
	// ticket 1
	// <nil>
}

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

func ExampleGroupCommitter_InTx() {
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
	db.SetMaxOpenConns(4) // a few are the fastest

	committer, err := stdlib.NewGroupCommitter(ctx, db)
	if err != nil {
		fmt.Println(err) // fsync is off, a standby, or a pooler: it says what to do
		return
	}
	defer committer.Close()
	var number int64
	err = committer.InTx(ctx, func(tx *sql.Tx) error {
		number, err = stdlib.NewSequence("example: one of many").Next(ctx, tx)
		return err
	})
	fmt.Println(number, err)
	// Output: 1 <nil>
}
