package allocate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
)

var errRollback = errors.New("rolled back on purpose")

// TestWorkersThatFailInEveryWayLeaveNoHole lets workers issue invoices while transactions and savepoints roll back at
// random, batches are taken, and backends are terminated; then the table has exactly 1 to k, in the order of
// commits.
func TestWorkersThatFailInEveryWayLeaveNoHole(t *testing.T) {
	t.Parallel()
	const workers, each, sequences = 16, 60, 3
	database := pgtest.New(t)
	pool := database.Pool(t, func(config *pgxpool.Config) { config.MaxConns = workers + 1 })
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoice (series text NOT NULL, number bigint NOT NULL, key uuid NOT NULL)")

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var killed, rolledBack atomic.Int32
	var workersDone sync.WaitGroup
	failures := make(chan error, workers)
	for worker := range workers {
		random := rand.New(rand.NewPCG(seed, uint64(worker)))
		workersDone.Go(func() {
			for range each {
				err := issue(t.Context(), pool, random, sequences)
				switch {
				case err == nil:
				case errors.Is(err, errRollback):
					rolledBack.Add(1)
				case errors.Is(err, errKilled):
					killed.Add(1)
				default:
					failures <- err
					return
				}
			}
		})
	}
	workersDone.Wait()
	close(failures)
	require.NoError(t, <-failures)
	require.Positive(t, killed.Load())
	require.Positive(t, rolledBack.Load())

	rows, err := s.Query(t.Context(), `
		SELECT format('%s: %s values from %s to %s, %s different', series, count(*), min(number), max(number), count(DISTINCT number))
		FROM invoice GROUP BY series HAVING (min(number), max(number), count(DISTINCT number)) <> (1, count(*), count(*))`)
	require.NoError(t, err)
	wrong, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, wrong)
	require.EqualValues(t, sequences, s.Number("SELECT count(DISTINCT series) FROM invoice"))
	for i := range sequences {
		name := fmt.Sprintf("series %d", i)
		require.Equal(t, s.Number("SELECT count(*) FROM invoice WHERE series = $1", name), s.Number("SELECT gapless.last_gapless($1)", name))
		require.Equal(t, s.Number("SELECT count(*) FROM invoice WHERE series = $1", name), s.Number("SELECT issued FROM gapless.sequences WHERE name = $1", name))
	}
}

var errKilled = errors.New("the backend was terminated")

// issue runs one transaction, whose fate is random.
func issue(ctx context.Context, pool *pgxpool.Pool, random *rand.Rand, sequences int) error {
	seq := gapless.NewSequence(fmt.Sprintf("series %d", random.IntN(sequences)))
	size := int64(1)
	if random.IntN(10) == 0 {
		size = random.Int64N(20)
	}
	fate := random.Float64()
	savepoint := random.IntN(5) == 0
	return gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		if savepoint {
			err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
				if _, err := seq.NextBatch(ctx, tx, size+3); err != nil {
					return err
				}
				return errRollback
			})
			if !errors.Is(err, errRollback) {
				return err
			}
		}
		numbers, err := seq.NextBatch(ctx, tx, size)
		if err != nil {
			return err
		}
		for _, number := range numbers {
			if _, err := tx.Exec(ctx, "INSERT INTO public.invoice VALUES ($1, $2, gen_random_uuid())", seq.Name(), number); err != nil {
				return err
			}
		}
		switch {
		case fate < 0.2:
			return errRollback
		case fate < 0.25:
			// Before COMMIT is sent, so it is certain that nothing is committed.
			if _, err := tx.Exec(ctx, "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())"); err == nil {
				return errors.New("a terminated backend answered")
			}
			return errKilled
		}
		return nil
	})
}

// TestWhoeverSeesAValueSeesEveryOneBefore watches the table while values are committed.
func TestWhoeverSeesAValueSeesEveryOneBefore(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	pool := database.Pool(t, func(config *pgxpool.Config) { config.MaxConns = 9 })
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoice (number bigint)")
	var writers sync.WaitGroup
	failures := make(chan error, 8)
	for range 8 {
		writers.Go(func() {
			for range 50 {
				if err := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
					_, err := tx.Exec(t.Context(), "INSERT INTO invoice VALUES (gapless.next_gapless('invoice'))")
					return err
				}); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for looks := 0; ; looks++ {
		require.True(t, *sqltest.Value[bool](s, "SELECT coalesce(max(number), 0) = count(*) FROM invoice"))
		select {
		case <-done:
			close(failures)
			require.NoError(t, <-failures)
			require.EqualValues(t, 400, s.Number("SELECT count(*) FROM invoice"))
			require.Positive(t, looks)
			return
		default:
		}
	}
}

// TestManyNewNamesInOneTransaction must not exhaust the server's lock table, which has 64 entries for each of 210 sessions.
func TestManyNewNamesInOneTransaction(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	require.EqualValues(t, 30_000, s.Number("SELECT sum(gapless.next_gapless('name ' || i)) FROM generate_series(1, 30000) AS i"))
	require.EqualValues(t, 30_000, s.Number("SELECT count(*) FROM gapless.sequence_lock"))
}
