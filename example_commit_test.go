package gapless_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless"
)

// The number is allocated, and its row written, in the message that COMMIT is sent with: the sequence is locked for no round
// trip at all.
func ExampleCommitBatch() {
	ctx := context.Background()
	var number int64
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
		// Whatever takes time comes first: nothing is locked yet.
		batch, err := gapless.CommitBatch(tx)
		if err != nil {
			return err
		}
		batch.Queue(
			"INSERT INTO public.cases_with_commit (number, title) VALUES (gapless.next_gapless('example: case with its commit'), $1) RETURNING number", "Smith v. Jones",
		).QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
		return nil
	})
	fmt.Println(number, err)
	// Output: 1 <nil>
}

// Any number of goroutines share a few connections, and the flushes of their commits.
func ExampleGroupCommitter() {
	ctx := context.Background()
	committer, err := gapless.NewGroupCommitter(ctx, examplePool())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer committer.Close()

	cases := gapless.NewSequence("example: case in a group")
	err = committer.InTx(ctx, func(tx pgx.Tx) error {
		number, err := cases.Next(ctx, tx)
		fmt.Println("case", number)
		return err
	})
	fmt.Println(err) // nil: it is durable
	// Output:
	// case 1
	// <nil>
}

func ExampleNewGroupCommitter() {
	ctx := context.Background()
	committer, err := gapless.NewGroupCommitter(ctx, examplePool())
	if err != nil {
		fmt.Println(err) // fsync is off, a standby, or a pooler: it says what to do
		return
	}
	committer.Close()
	// Output:
}

func ExampleGroupCommitter_InTx() {
	ctx := context.Background()
	committer, err := gapless.NewGroupCommitter(ctx, examplePool())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer committer.Close()
	var number int64
	err = committer.InTx(ctx, func(tx pgx.Tx) error {
		batch, err := gapless.CommitBatch(tx)
		if err != nil {
			return err
		}
		batch.Queue("SELECT gapless.next_gapless('example: the fastest')").
			QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
		return nil
	}, gapless.WithMaxAttempts(3))
	if errors.Is(err, gapless.ErrOutcomeUnknown) {
		fmt.Println("look for the case by a key of its own")
	}
	fmt.Println(number, err)
	// Output: 1 <nil>
}

func ExampleGroupCommitter_Close() {
	ctx := context.Background()
	committer, err := gapless.NewGroupCommitter(ctx, examplePool())
	if err != nil {
		fmt.Println(err)
		return
	}
	committer.Close() // waits for those who are in InTx; close the pool afterwards
	err = committer.InTx(ctx, func(pgx.Tx) error { return nil })
	fmt.Println(errors.Is(err, gapless.ErrClosed))
	// Output: true
}

// Where the pool goes through PgBouncer, the flushes go directly to the server.
func ExampleWithFlusherConfig() {
	ctx := context.Background()
	direct, err := pgx.ParseConfig(examplePool().Config().ConnString())
	if err != nil {
		fmt.Println(err)
		return
	}
	committer, err := gapless.NewGroupCommitter(ctx, examplePool(), gapless.WithFlusherConfig(direct))
	if err != nil {
		fmt.Println(err)
		return
	}
	committer.Close()
	// Output:
}

// For tests, on a server that was told not to flush.
func ExampleWithFsyncOff() {
	committer, err := gapless.NewGroupCommitter(context.Background(), examplePool(), gapless.WithFsyncOff())
	if err != nil {
		fmt.Println(err)
		return
	}
	committer.Close()
	// Output:
}

// What several goroutines send at the same time shares a transaction.
func ExampleGroupCommitter_Send() {
	ctx := context.Background()
	committer, err := gapless.NewGroupCommitter(ctx, examplePool())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer committer.Close()
	var number int64
	var batch pgx.Batch
	batch.Queue(
		"INSERT INTO public.cases_sent (number, title) VALUES (gapless.next_gapless('example: case that is sent'), $1) RETURNING number", "Smith v. Jones",
	).QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
	err = committer.Send(ctx, &batch)
	fmt.Println(number, err)
	// Output: 1 <nil>
}
