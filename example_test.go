package gapless_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
)

// The examples share a pool, made by examplePool, and have a sequence each.

func Example() {
	ctx := context.Background()
	cases := gapless.NewSequence("example: the first case")

	// The number and the row that carries it are one transaction: both are there, or neither.
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
		number, err := cases.Next(ctx, tx)
		if err != nil {
			return err
		}
		fmt.Println("opening case", number)
		_, err = tx.Exec(ctx, "INSERT INTO public.cases (number, title) VALUES ($1, $2)", number, "Smith v. Jones")
		return err
	})
	fmt.Println(err)
	// Output:
	// opening case 1
	// <nil>
}

func ExampleNewSequence() {
	// Sequences are values, often package variables. Making one does not touch the database.
	cases := gapless.NewSequence("case")
	// A name can be made of parts: here, a series for each tenant and year.
	perTenant := gapless.NewSequence(fmt.Sprintf("case/%d/%d", 42, 2026))
	fmt.Println(cases.Name())
	fmt.Println(perTenant.Name())
	// Output:
	// case
	// case/42/2026
}

func ExampleWithInitial() {
	ctx := context.Background()
	customers := gapless.NewSequence("example: customer", gapless.WithInitial(1000))
	inExampleTx(func(tx pgx.Tx) error {
		for range 2 {
			number, err := customers.Next(ctx, tx)
			if err != nil {
				return err
			}
			fmt.Println(number)
		}
		return nil
	})
	// Output:
	// 1000
	// 1001
}

func ExampleWithReset() {
	ctx := context.Background()
	seconds := gapless.NewSequence("example: seconds", gapless.WithInitial(0), gapless.WithReset(3))
	inExampleTx(func(tx pgx.Tx) error {
		numbers, err := seconds.NextBatch(ctx, tx, 7)
		fmt.Println(numbers)
		return err
	})
	// Output: [0 1 2 0 1 2 0]
}

func ExampleSequence_Next() {
	ctx := context.Background()
	cases := gapless.NewSequence("example: case")
	stock := errors.New("out of stock")

	// A rollback gives the number back.
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
		number, err := cases.Next(ctx, tx)
		if err != nil {
			return err
		}
		fmt.Println("took", number)
		return stock
	})
	fmt.Println(err)

	inExampleTx(func(tx pgx.Tx) error {
		number, err := cases.Next(ctx, tx)
		fmt.Println("took", number)
		return err
	})
	// Output:
	// took 1
	// out of stock
	// took 1
}

func ExampleSequence_TryNext() {
	ctx := context.Background()
	receipts := gapless.NewSequence("example: receipt")
	inExampleTx(func(busy pgx.Tx) error {
		if _, err := receipts.Next(ctx, busy); err != nil {
			return err
		}
		// While one transaction has the sequence, another one that may not wait is told so.
		err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
			_, err := receipts.TryNext(ctx, tx)
			return err
		})
		fmt.Println(errors.Is(err, gapless.ErrLocked))
		return nil
	})
	// Output: true
}

func ExampleSequence_NextBatch() {
	ctx := context.Background()
	lots := gapless.NewSequence("example: lot")
	inExampleTx(func(tx pgx.Tx) error {
		goods := []string{"chair", "table", "lamp"}
		numbers, err := lots.NextBatch(ctx, tx, int64(len(goods)))
		for i, number := range numbers {
			fmt.Println(number, goods[i])
		}
		return err
	})
	// Output:
	// 1 chair
	// 2 table
	// 3 lamp
}

func ExampleSequence_TryNextBatch() {
	ctx := context.Background()
	tickets := gapless.NewSequence("example: free ticket")
	inExampleTx(func(tx pgx.Tx) error {
		numbers, err := tickets.TryNextBatch(ctx, tx, 3)
		fmt.Println(numbers, err)
		return err
	})
	// Output: [1 2 3] <nil>
}

func ExampleSequence_Last() {
	ctx := context.Background()
	orders := gapless.NewSequence("example: order")
	_, ok, err := orders.Last(ctx, examplePool())
	fmt.Println(ok, err)

	inExampleTx(func(tx pgx.Tx) error {
		_, err := orders.NextBatch(ctx, tx, 10)
		return err
	})
	last, ok, err := orders.Last(ctx, examplePool())
	fmt.Println(last, ok, err)
	// Output:
	// false <nil>
	// 10 true <nil>
}

func ExampleSequence_Peek() {
	ctx := context.Background()
	drafts := gapless.NewSequence("example: draft", gapless.WithInitial(100))
	// To show on a draft; whoever commits first gets it.
	preview, err := drafts.Peek(ctx, examplePool())
	fmt.Println(preview, err)
	// Output: 100 <nil>
}

func ExampleSequence_Delete() {
	ctx := context.Background()
	temporary := gapless.NewSequence("example: temporary")
	inExampleTx(func(tx pgx.Tx) error {
		_, err := temporary.Next(ctx, tx)
		return err
	})
	for range 2 {
		inExampleTx(func(tx pgx.Tx) error {
			existed, err := temporary.Delete(ctx, tx)
			fmt.Println(existed)
			return err
		})
	}
	// Output:
	// true
	// false
}

func ExampleSequence_TryDelete() {
	ctx := context.Background()
	temporary := gapless.NewSequence("example: never used")
	inExampleTx(func(tx pgx.Tx) error {
		existed, err := temporary.TryDelete(ctx, tx)
		fmt.Println(existed, err)
		return err
	})
	// Output: false <nil>
}

func ExampleSequence_Adopt() {
	ctx := context.Background()
	invoices := gapless.NewSequence("example: invoice of the old system")
	inExampleTx(func(tx pgx.Tx) error {
		// The old system's last invoice was 4711.
		if err := invoices.Adopt(ctx, tx, 4711); err != nil {
			return err
		}
		number, err := invoices.Next(ctx, tx)
		fmt.Println(number)
		return err
	})
	// Output: 4712
}

func ExampleSequence_Close() {
	ctx := context.Background()
	invoices := gapless.NewSequence("example: invoice of last year")
	inExampleTx(func(tx pgx.Tx) error {
		_, err := invoices.NextBatch(ctx, tx, 3)
		return err
	})
	inExampleTx(func(tx pgx.Tx) error {
		last, _, err := invoices.Close(ctx, tx, "the year was audited")
		fmt.Println("the last one:", last)
		return err
	})
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
		_, err := invoices.Next(ctx, tx)
		return err
	})
	fmt.Println(errors.Is(err, gapless.ErrSequenceClosed))
	// Output:
	// the last one: 3
	// true
}

func ExampleSequence_Open() {
	ctx := context.Background()
	invoices := gapless.NewSequence("example: invoice of a year that goes on")
	inExampleTx(func(tx pgx.Tx) error {
		if _, _, err := invoices.Close(ctx, tx, "the year was audited"); err != nil {
			return err
		}
		if err := invoices.Open(ctx, tx, "an invoice of December was found"); err != nil {
			return err
		}
		number, err := invoices.Next(ctx, tx)
		fmt.Println(number)
		return err
	})
	// Output: 1
}

func ExampleSequence_GoLive() {
	ctx := context.Background()
	receipts := gapless.NewSequence("example: receipt of a new till")
	inExampleTx(func(tx pgx.Tx) error {
		_, err := receipts.NextBatch(ctx, tx, 20) // tests
		return err
	})
	inExampleTx(func(tx pgx.Tx) error {
		last, _, err := receipts.GoLive(ctx, tx, "the till was opened")
		if err != nil {
			return err
		}
		first, err := receipts.Next(ctx, tx)
		fmt.Println("the last test:", last, "the first receipt:", first)
		return err
	})
	// Output: the last test: 20 the first receipt: 1
}

func ExampleSequence_Archive() {
	ctx := context.Background()
	inExampleTx(func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			CREATE TABLE public.old_receipt (id bigint PRIMARY KEY, year int NOT NULL, number bigint, UNIQUE (year, number));
			SELECT gapless.attach_gapless('public.old_receipt', 'number', name => $$ 'example: old receipt of ' || NEW.year $$);
			INSERT INTO public.old_receipt (id, year) VALUES (1, 2015), (2, 2015), (3, 2016);`)
		return err
	})
	inExampleTx(func(tx pgx.Tx) error {
		archived, err := gapless.NewSequence("example: old receipt of 2015").Archive(ctx, tx, 2, "ten years are over")
		if err != nil {
			return err
		}
		fmt.Println("may leave:", archived)
		deleted, err := tx.Exec(ctx, "DELETE FROM public.old_receipt WHERE year = 2015")
		fmt.Println("have left:", deleted.RowsAffected())
		return err
	})
	// Output:
	// may leave: 2
	// have left: 2
}

func ExampleSequence_Forward() {
	ctx := context.Background()
	receipts := gapless.NewSequence("example: receipt of the tills")
	inExampleTx(func(tx pgx.Tx) error {
		if _, err := receipts.Next(ctx, tx); err != nil {
			return err
		}
		if err := receipts.Forward(ctx, tx, 99, "the tills used the numbers to 99"); err != nil {
			return err
		}
		number, err := receipts.Next(ctx, tx)
		fmt.Println(number)
		return err
	})
	findings, err := receipts.Audit(ctx, examplePool())
	fmt.Println(findings[0].FirstValue, findings[0].LastValue, findings[0].Explained, err)
	// Output:
	// 100
	// 2 99 true <nil>
}

func ExampleSequence_Range() {
	ctx := context.Background()
	receipts := gapless.NewSequence("example: receipt by grant")
	inExampleTx(func(tx pgx.Tx) error {
		if _, err := receipts.Range(ctx, tx, 101, 102, "grant 1520", gapless.Limits{WarnPercent: 50}); err != nil {
			return err
		}
		left, err := receipts.Range(ctx, tx, 501, 600, "grant 1588", gapless.Limits{ValidUntil: "2099-12-31", TimeZone: "America/Santo_Domingo", WarnLeft: 10})
		if err != nil {
			return err
		}
		numbers, err := receipts.NextBatch(ctx, tx, 3)
		fmt.Println(left, numbers)
		return err
	})
	// Output: 102 [101 102 501]
}

func ExampleSequence_Withdraw() {
	ctx := context.Background()
	receipts := gapless.NewSequence("example: receipt without a grant")
	inExampleTx(func(tx pgx.Tx) error {
		if _, err := receipts.Range(ctx, tx, 1, 100, "grant 1520", gapless.Limits{}); err != nil {
			return err
		}
		if _, err := receipts.Next(ctx, tx); err != nil {
			return err
		}
		unused, err := receipts.Withdraw(ctx, tx, 1, "cancelled by the authority")
		fmt.Println(unused)
		return err
	})
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error { _, err := receipts.Next(ctx, tx); return err })
	fmt.Println(errors.Is(err, gapless.ErrExhausted))
	// Output:
	// 99
	// true
}

func ExampleSequence_Name() {
	fmt.Println(gapless.NewSequence("case").Name())
	// Output: case
}

func ExampleSequence_String() {
	fmt.Println("numbered from", gapless.NewSequence("case"))
	// Output: numbered from case
}

func ExampleSequence_LogValue() {
	slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})).Info("numbered", "sequence", gapless.NewSequence("case"))
	// Output: level=INFO msg=numbered sequence=case
}

func ExampleInTx() {
	ctx := context.Background()
	invoices := gapless.NewSequence("example: invoice in a transaction")
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
		_, err := invoices.Next(ctx, tx)
		return err
	})
	switch {
	case errors.Is(err, gapless.ErrOutcomeUnknown):
		// The connection broke in COMMIT: look for the row, by a key of your own, before you try again.
	case err != nil:
		fmt.Println("rolled back:", err)
	default:
		fmt.Println("committed")
	}
	// Output: committed
}

func ExampleWithIsolation() {
	ctx := context.Background()
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
		var level string
		err := tx.QueryRow(ctx, "SHOW transaction_isolation").Scan(&level)
		fmt.Println(level)
		return err
	}, gapless.WithIsolation(pgx.Serializable))
	fmt.Println(err)
	// Output:
	// serializable
	// <nil>
}

func ExampleWithMaxAttempts() {
	ctx := context.Background()
	attempts := 0
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
		attempts++
		_, err := tx.Exec(ctx, "DO $$ BEGIN RAISE serialization_failure; END $$")
		return err
	}, gapless.WithMaxAttempts(3))
	fmt.Println(attempts, err != nil)
	// Output: 3 true
}

func ExampleWithRetryLocked() {
	ctx := context.Background()
	busy := gapless.NewSequence("example: busy")
	// Polls for a sequence instead of waiting in the database, where a waiter takes a connection.
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
		_, err := busy.TryNext(ctx, tx)
		return err
	}, gapless.WithRetryLocked(), gapless.WithMaxAttempts(20))
	fmt.Println(err)
	// Output: <nil>
}

func inExampleTx(fn func(tx pgx.Tx) error) {
	if err := gapless.InTx(context.Background(), examplePool(), fn); err != nil {
		fmt.Println(err)
	}
}

// examplePool is where a program would have its own pool.
var examplePool = sync.OnceValue(func() *pgxpool.Pool {
	ctx := context.Background()
	database, err := pgtest.ForExamples(ctx)
	if err != nil {
		panic(err)
	}
	pool, err := pgxpool.New(ctx, database.URL)
	if err != nil {
		panic(err)
	}
	for _, table := range []string{"cases", "cases_with_commit", "cases_sent"} {
		if _, err := pool.Exec(ctx, "CREATE TABLE public."+table+" (number bigint PRIMARY KEY, title text NOT NULL)"); err != nil {
			panic(err)
		}
	}
	return pool
})
