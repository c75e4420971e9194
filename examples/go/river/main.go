// River numbers invoices, and receipts at commit, and enqueues the job that sends each in the same transaction.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/pggapless/gapless"
)

const schema = `
CREATE TABLE IF NOT EXISTS invoices (
	id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	customer text   NOT NULL,
	number   bigint NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS receipts (
	id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	cents  bigint NOT NULL,
	number bigint UNIQUE -- NULL until the transaction commits
)`

// SendInvoice is a job that is there if the invoice of that number is, and else is not.
type SendInvoice struct {
	Number int64 `json:"number"`
}

// SendReceipt has the id, since the number comes at the commit. The worker reads it.
type SendReceipt struct {
	ID int64 `json:"id"`
}

// Kind is the job's name.
func (SendInvoice) Kind() string { return "send_invoice" }

// Kind is the job's name.
func (SendReceipt) Kind() string { return "send_receipt" }

// migrate makes the tables, those of river too, and attaches the columns, unless they are.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, schema); err != nil {
		return err
	}
	return errors.Join(
		gapless.Ensure(ctx, pool, gapless.Column{Table: "invoices", Column: "number", Name: "'invoice'"}),
		gapless.Ensure(ctx, pool, gapless.Column{Table: "receipts", Column: "number", Name: "'receipt'", AtCommit: true}))
}

// newClient returns a client whose workers tell what they send.
func newClient(pool *pgxpool.Pool, sent chan<- string) (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(_ context.Context, job *river.Job[SendInvoice]) error {
		sent <- fmt.Sprintf("invoice %d", job.Args.Number)
		return nil
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[SendReceipt]) error {
		var number int64
		if err := pool.QueryRow(ctx, "SELECT number FROM receipts WHERE id = $1", job.Args.ID).Scan(&number); err != nil {
			return err
		}
		sent <- fmt.Sprintf("receipt %d", number)
		return nil
	}))
	queues := map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}}
	return river.NewClient(riverpgxv5.New(pool), &river.Config{Queues: queues, Workers: workers})
}

// createInvoice adds an invoice and its job: both or none, and once, however often the function runs.
func createInvoice(ctx context.Context, pool *pgxpool.Pool, client *river.Client[pgx.Tx], customer string) error {
	return gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		var job SendInvoice
		if err := tx.QueryRow(ctx, "INSERT INTO invoices (customer) VALUES ($1) RETURNING number", customer).Scan(&job.Number); err != nil {
			return err
		}
		_, err := client.InsertTx(ctx, tx, job, nil)
		return err
	})
}

// createReceipt does the same with a receipt.
func createReceipt(ctx context.Context, pool *pgxpool.Pool, client *river.Client[pgx.Tx], cents int64) error {
	return gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		var job SendReceipt
		if err := tx.QueryRow(ctx, "INSERT INTO receipts (cents) VALUES ($1) RETURNING id", cents).Scan(&job.ID); err != nil {
			return err
		}
		_, err := client.InsertTx(ctx, tx, job, nil)
		return err
	})
}

func run(ctx context.Context, pool *pgxpool.Pool, out io.Writer) error {
	if err := migrate(ctx, pool); err != nil {
		return err
	}
	sent := make(chan string)
	client, err := newClient(pool, sent)
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	if err := createInvoice(ctx, pool, client, "ACME"); err != nil {
		return err
	}
	fmt.Fprintln(out, "sent:", <-sent)
	if err := createReceipt(ctx, pool, client, 995); err != nil {
		return err
	}
	fmt.Fprintln(out, "sent:", <-sent)
	return client.Stop(ctx)
}

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("GAPLESS_DATABASE_URL"))
	if err == nil {
		err = run(ctx, pool, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}
