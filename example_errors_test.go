package gapless_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless"
)

// A statement in a transaction of one's own, where nobody but PostgreSQL sees its error.
func ExampleClassify() {
	ctx := context.Background()
	inExampleTx(func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "CREATE TABLE public.voucher (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint NOT NULL UNIQUE)"); err != nil {
			return err
		}
		return gapless.Attach(ctx, tx, gapless.Column{Table: "public.voucher", Column: "number", Name: "'example: voucher'"})
	})

	_, err := examplePool().Exec(ctx, "INSERT INTO public.voucher (number) VALUES (7)")
	err = gapless.Classify(err)
	fmt.Println(err)
	fmt.Println(errors.Is(err, gapless.ErrWritten))
	if pg := new(pgconn.PgError); errors.As(err, &pg) {
		fmt.Println(pg.Hint)
	}
	// Output:
	// gapless: column public.voucher.number numbers itself, so '7' cannot be written into it (SQLSTATE 428C9)
	// true
	// Leave the column out, or give NULL.
}
