package gapless_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless"
)

// Each event is what a span or a metric needs: when it began, how long it took, and how it failed. examples/go/otel makes them.
func ExampleWithObserver() {
	ctx := context.Background()
	cases := gapless.NewSequence("example: observed case")
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
		_, err := cases.Next(ctx, tx)
		return err
	}, gapless.WithObserver(func(_ context.Context, event gapless.Event) {
		fmt.Println(event.Kind, event.Sequence, event.Attempt, event.Err)
	}))
	fmt.Println(err)
	// Output:
	// begin  1 <nil>
	// wait example: observed case 1 <nil>
	// work  1 <nil>
	// commit  1 <nil>
	// end  1 <nil>
	// <nil>
}

func ExampleWithLogger() {
	ctx := context.Background()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil)) // a retry is Info, a lost answer to COMMIT is Warn
	err := gapless.InTx(ctx, examplePool(), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT 1")
		return err
	}, gapless.WithLogger(logger))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleWithTxOptions() {
	ctx := context.Background()
	committer, err := gapless.NewGroupCommitter(ctx, examplePool(),
		gapless.WithTxOptions(gapless.WithMaxAttempts(20), gapless.WithLogger(slog.Default()))) // also of Send
	if err != nil {
		fmt.Println(err)
		return
	}
	committer.Close()
	// Output:
}

func ExampleGroupCommitter_Stat() {
	ctx := context.Background()
	committer, err := gapless.NewGroupCommitter(ctx, examplePool())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer committer.Close()
	var batch pgx.Batch
	batch.Queue("SELECT gapless.next_gapless('example: counted')")
	err = committer.Send(ctx, &batch)
	stat := committer.Stat()
	fmt.Println(stat.Batches, stat.Transactions, stat.Queued, stat.FlushTime > 0, err)
	// Output: 1 1 0 true <nil>
}
