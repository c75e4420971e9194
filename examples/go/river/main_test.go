package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertest"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

// open returns a pool, a client that only inserts, and another session, in a database of their own.
func open(t *testing.T) (*pgxpool.Pool, *river.Client[pgx.Tx], sqltest.Session) {
	t.Helper()
	database := pgtest.New(t)
	pool := database.Pool(t)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	require.NoError(t, err)
	return pool, client, sqltest.Connect(t, database)
}

func TestTheProgram(t *testing.T) {
	t.Parallel()
	pool, _, other := open(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), pool, &out))
	require.Equal(t, "sent: invoice 1\nsent: receipt 1\n", out.String())
	require.Equal(t, []int64{1}, other.Numbers("SELECT number FROM invoices"))
	require.NoError(t, migrate(t.Context(), pool), "again, of columns that are attached")
	sqltest.RequireSound(other)
}

func TestAJobIsRolledBackWithTheNumber(t *testing.T) {
	t.Parallel()
	pool, client, other := open(t)
	require.NoError(t, migrate(t.Context(), pool))
	declined := errors.New("declined")
	require.ErrorIs(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		var number int64
		require.NoError(t, tx.QueryRow(t.Context(), "INSERT INTO invoices (customer) VALUES ('ACME') RETURNING number").Scan(&number))
		_, err := client.InsertTx(t.Context(), tx, SendInvoice{number}, nil)
		require.NoError(t, err)
		rivertest.RequireInsertedTx[*riverpgxv5.Driver](t.Context(), t, tx, SendInvoice{1}, nil)
		return declined
	}), declined)
	require.Empty(t, other.Numbers("SELECT number FROM invoices"))
	require.Empty(t, other.Numbers("SELECT id FROM river_job"))

	require.NoError(t, createInvoice(t.Context(), pool, client, "ACME"))
	rivertest.RequireInserted(t.Context(), t, riverpgxv5.New(pool), SendInvoice{1}, nil)
	sqltest.RequireSound(other)
}

func TestARetriedTransactionEnqueuesOnce(t *testing.T) {
	t.Parallel()
	pool, client, other := open(t)
	require.NoError(t, migrate(t.Context(), pool))
	var tried []error
	require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := client.InsertTx(t.Context(), tx, SendInvoice{2}, nil) // takes the snapshot
		require.NoError(t, err)
		if len(tried) == 0 {
			other.Do("INSERT INTO invoices (customer) VALUES ('Bolt')")
		}
		_, err = tx.Exec(t.Context(), "INSERT INTO invoices (customer) VALUES ('ACME')")
		tried = append(tried, err)
		return err
	}, gapless.WithIsolation(pgx.RepeatableRead)))
	require.Len(t, tried, 2)
	sqltest.RequireCode(t, "40001", tried[0])
	require.Equal(t, []int64{1, 2}, other.Numbers("SELECT number FROM invoices ORDER BY id"))
	require.Len(t, other.Numbers("SELECT id FROM river_job"), 1)
	sqltest.RequireSound(other)
}

// numbering is a worker that issues an invoice, and breaks at first.
type numbering struct {
	river.WorkerDefaults[SendInvoice]
	pool *pgxpool.Pool
	runs int
}

// NextRetry is at once.
func (*numbering) NextRetry(*river.Job[SendInvoice]) time.Time { return time.Now() }

// Work has the number, and that the job is done, in one transaction.
func (w *numbering) Work(ctx context.Context, job *river.Job[SendInvoice]) error {
	return gapless.InTx(ctx, w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO invoices (customer) VALUES ('ACME')"); err != nil {
			return err
		}
		if w.runs++; w.runs == 1 {
			return errors.New("it breaks")
		}
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
}

func TestAJobThatNumbersDoesSoOnce(t *testing.T) {
	t.Parallel()
	pool, _, other := open(t)
	require.NoError(t, migrate(t.Context(), pool))
	worker, workers := &numbering{pool: pool}, river.NewWorkers()
	river.AddWorker(workers, worker)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}}, Workers: workers, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	completed, cancel := client.Subscribe(river.EventKindJobCompleted)
	defer cancel()
	require.NoError(t, client.Start(t.Context()))
	_, err = client.Insert(t.Context(), SendInvoice{}, nil)
	require.NoError(t, err)
	<-completed
	require.NoError(t, client.Stop(t.Context()))
	require.Equal(t, 2, worker.runs)
	require.Equal(t, []int64{1}, other.Numbers("SELECT number FROM invoices"))
	sqltest.RequireSound(other)
}
