package gapless_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless"
)

func ExampleAttach() {
	ctx := context.Background()
	inExampleTx(func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `CREATE TABLE public.bill (
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant int NOT NULL, number bigint NOT NULL, UNIQUE (tenant, number))`)
		if err != nil {
			return err
		}
		err = gapless.Attach(ctx, tx, gapless.Column{
			Table: "public.bill", Column: "number", Name: "'example: bill/' || NEW.tenant",
		})
		if err != nil {
			return err
		}
		// From now on an INSERT is all it takes, and RETURNING has the number.
		for _, tenant := range []int{7, 8, 7} {
			var number int64
			if err := tx.QueryRow(ctx, "INSERT INTO public.bill (tenant) VALUES ($1) RETURNING number", tenant).Scan(&number); err != nil {
				return err
			}
			fmt.Println("tenant", tenant, "bill", number)
		}
		return nil
	})
	// Output:
	// tenant 7 bill 1
	// tenant 8 bill 1
	// tenant 7 bill 2
}

// A program that attaches at every start, as many at once as there are.
func ExampleEnsure() {
	ctx := context.Background()
	pool := examplePool()
	if _, err := pool.Exec(ctx, "CREATE TABLE public.coupon (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint NOT NULL UNIQUE)"); err != nil {
		fmt.Println(err)
		return
	}
	coupons := gapless.Column{Table: "public.coupon", Column: "number", Name: "'example: coupon'"}
	for range 3 {
		fmt.Println(gapless.Ensure(ctx, pool, coupons))
	}

	coupons.Initial = new(int64(1000))
	var refused *pgconn.PgError
	if errors.As(gapless.Ensure(ctx, pool, coupons), &refused) {
		fmt.Println(refused.Detail)
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// initial is 1, and 1000 was asked for.
}

// Sales and refunds have one series of numbers, in two tables.
func ExampleAttach_series() {
	ctx := context.Background()
	inExampleTx(func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			CREATE TABLE public.sale (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint NOT NULL UNIQUE);
			CREATE TABLE public.refund (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint NOT NULL UNIQUE)`)
		if err != nil {
			return err
		}
		for _, column := range []gapless.Column{
			{Table: "public.sale", Column: "number", Name: "'example: sales and refunds'"},
			{Table: "public.refund", Column: "number", SeriesOf: "public.sale.number"},
		} {
			if err := gapless.Attach(ctx, tx, column); err != nil {
				return err
			}
		}
		for _, table := range []string{"sale", "refund", "sale"} {
			var number int64
			if err := tx.QueryRow(ctx, "INSERT INTO public."+table+" DEFAULT VALUES RETURNING number").Scan(&number); err != nil {
				return err
			}
			fmt.Println(table, number)
		}
		return nil
	})
	// Output:
	// sale 1
	// refund 2
	// sale 3
}

// Drafts have lines, which reference them. With MakeIndex the unique index leaves out drafts, so that a draft is issued
// while others write lines of it.
func ExampleAttach_lines() {
	ctx := context.Background()
	pool := examplePool()
	err := gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			CREATE TABLE public.draft (id bigint PRIMARY KEY, issued boolean NOT NULL DEFAULT false, number bigint UNIQUE);
			CREATE TABLE public.position (draft bigint NOT NULL REFERENCES public.draft, product text);
			INSERT INTO public.draft VALUES (1)`)
		if err != nil {
			return err
		}
		return gapless.Attach(ctx, tx, gapless.Column{
			Table: "public.draft", Column: "number", Name: "'example: draft with lines'", Condition: "NEW.issued", MakeIndex: true,
		})
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	var number int64
	err = gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO public.position VALUES (1, 'a chair')")
		if err != nil {
			return err
		}
		return gapless.InTx(ctx, pool, func(other pgx.Tx) error {
			return other.QueryRow(ctx, "UPDATE public.draft SET issued = true WHERE id = 1 RETURNING number").Scan(&number)
		})
	})
	fmt.Println("number", number, err)
	// Output:
	// number 1 <nil>
}

// With AtCommit the sequence is held for the commit alone, however long the transaction works. The number is read by the
// row's key, when the transaction has committed.
func ExampleAttach_atCommit() {
	ctx := context.Background()
	pool := examplePool()
	err := gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE public.receipt (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
		if err != nil {
			return err
		}
		return gapless.Attach(ctx, tx, gapless.Column{Table: "public.receipt", Column: "number", Name: "'example: till'", AtCommit: true})
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	var id int64
	var number *int64
	err = gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		// Slow work may follow: nobody waits for it.
		return tx.QueryRow(ctx, "INSERT INTO public.receipt DEFAULT VALUES RETURNING id, number").Scan(&id, &number)
	})
	fmt.Println("before the commit:", number, err)
	err = pool.QueryRow(ctx, "SELECT number FROM public.receipt WHERE id = $1", id).Scan(&number)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("after it:", *number)
	// Output:
	// before the commit: <nil> <nil>
	// after it: 1
}

// With Chain each row carries a hash over what must not change, and over the hash of the row before it.
func ExampleAttach_chain() {
	ctx := context.Background()
	inExampleTx(func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE public.sealed (number bigint UNIQUE, total integer, hash bytea, previous_hash bytea)")
		if err != nil {
			return err
		}
		err = gapless.Attach(ctx, tx, gapless.Column{
			Table: "public.sealed", Column: "number", Name: "'example: sealed'",
			Chain: "sha256(convert_to(concat_ws('|', NEW.number, NEW.total, encode(NEW.previous_hash, 'hex')), 'UTF8'))",
		})
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO public.sealed (total) VALUES (100), (200)"); err != nil {
			return err
		}
		var linked bool
		err = tx.QueryRow(ctx, "SELECT b.previous_hash = a.hash FROM public.sealed AS a, public.sealed AS b WHERE a.number = 1 AND b.number = 2").Scan(&linked)
		fmt.Println("the second row has the hash of the first:", linked)
		return err
	})
	// Output: the second row has the hash of the first: true
}

func ExampleDetach() {
	ctx := context.Background()
	inExampleTx(func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "CREATE TABLE public.ticket (number bigint UNIQUE)"); err != nil {
			return err
		}
		if err := gapless.Attach(ctx, tx, gapless.Column{Table: "public.ticket", Column: "number", Name: "'example: queue'"}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO public.ticket DEFAULT VALUES"); err != nil {
			return err
		}
		if err := gapless.Detach(ctx, tx, "public.ticket", "number"); err != nil {
			return err
		}
		// The sequence goes on where the column left it.
		number, err := gapless.NewSequence("example: queue").Next(ctx, tx)
		fmt.Println(number)
		return err
	})
	// Output:
	// 2
}

func ExampleGuardPartitions() {
	ctx := context.Background()
	inExampleTx(func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE public.parcel (year integer, number bigint, UNIQUE (year, number)) PARTITION BY LIST (year)")
		if err != nil {
			return err
		}
		if err := gapless.Attach(ctx, tx, gapless.Column{Table: "public.parcel", Column: "number", Name: "'example: parcel/' || NEW.year"}); err != nil {
			return err
		}
		// Each year:
		if _, err := tx.Exec(ctx, "CREATE TABLE public.parcel_2027 PARTITION OF public.parcel FOR VALUES IN (2027)"); err != nil {
			return err
		}
		guarded, err := gapless.GuardPartitions(ctx, tx, "public.parcel")
		fmt.Println(guarded)
		return err
	})
	// Output:
	// [parcel_2027]
}

func ExampleSequence_Void() {
	ctx := context.Background()
	invoices := gapless.NewSequence("example: cancelled")
	inExampleTx(func(tx pgx.Tx) error {
		number, err := invoices.Next(ctx, tx)
		if err != nil {
			return err
		}
		return invoices.Void(ctx, tx, number, "sent to the wrong customer")
	})
	findings, err := invoices.Audit(ctx, examplePool())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range findings {
		fmt.Println(f.Kind, f.FirstValue, "explained:", f.Explained)
	}
	// Output:
	// void 1 explained: true
}

func ExampleAudit() {
	ctx := context.Background()
	findings, err := gapless.Audit(ctx, examplePool())
	if err != nil {
		fmt.Println(err)
		return
	}
	unexplained := 0
	for _, f := range findings {
		if !f.Explained {
			unexplained++
		}
	}
	fmt.Println(unexplained, "unexplained")
	// Output:
	// 0 unexplained
}

func ExampleSequence_Audit() {
	ctx := context.Background()
	cases := gapless.NewSequence("example: audited")
	inExampleTx(func(tx pgx.Tx) error {
		_, err := cases.NextBatch(ctx, tx, 3)
		return err
	})
	findings, err := cases.Audit(ctx, examplePool())
	fmt.Println(len(findings), "findings", err)
	// Output:
	// 0 findings <nil>
}

func ExampleRecordAudit() {
	ctx := context.Background()
	findings, err := gapless.RecordAudit(ctx, examplePool(), "daily")
	if err != nil {
		fmt.Println(err)
		return
	}
	news := 0
	for _, f := range findings {
		if f.RecordedAt.IsZero() && !f.Explained {
			news++
		}
	}
	fmt.Println(news, "new and not explained")
	// Output:
	// 0 new and not explained
}

func ExampleSequence_RecordAudit() {
	ctx := context.Background()
	cases := gapless.NewSequence("example: recorded")
	inExampleTx(func(tx pgx.Tx) error {
		_, err := cases.NextBatch(ctx, tx, 3)
		return err
	})
	findings, err := cases.RecordAudit(ctx, examplePool(), "before the files were moved")
	fmt.Println(len(findings), "findings", err)
	// Output:
	// 0 findings <nil>
}

func ExampleAudits() {
	ctx := context.Background()
	if _, err := gapless.RecordAudit(ctx, examplePool(), "for the auditor"); err != nil {
		fmt.Println(err)
		return
	}
	records, err := gapless.Audits(ctx, examplePool())
	if err != nil {
		fmt.Println(err)
		return
	}
	last := records[len(records)-1]
	fmt.Println(last.Note, last.Intact, len(last.Digest))
	// Output:
	// for the auditor true 32
}

func ExampleSequence_VoidBatch() {
	ctx := context.Background()
	receipts := gapless.NewSequence("example: a roll of receipts")
	inExampleTx(func(tx pgx.Tx) error {
		if _, err := receipts.NextBatch(ctx, tx, 100); err != nil {
			return err
		}
		return receipts.VoidBatch(ctx, tx, 31, 100, "the roll was torn")
	})
	findings, err := receipts.Audit(ctx, examplePool())
	for _, f := range findings {
		fmt.Println(f.Kind, f.FirstValue, f.LastValue, "explained:", f.Explained, err)
	}
	// Output: void 31 100 explained: true <nil>
}
