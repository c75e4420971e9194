package faults_test

// What has many wait for one another.

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestDeadlocksOfSequencesAreRunAgain has every transaction take two or three of six sequences, in any order.
func TestDeadlocksOfSequencesAreRunAgain(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	w := newWorkload(t, database, database.URL, setting("deadlock_timeout", "5ms"))
	w.opposite, w.options = true, []gapless.TxOption{gapless.WithMaxAttempts(1000)}
	for range *rounds {
		n := w.round(func() { w.awaitAgain(20) })
		require.Zero(t, n.failed)
	}
	w.pool.Reset() // sessions report what they counted when they end, and after 10 s of rest
	w.ask().Await("SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()")
}

// TestAPreparedTransactionKeepsItsNumbersUntilItIsResolved leaves transactions behind that have been prepared, and hold all
// sequences, over a crash of the server and while all callers wait; and resolves them then, one way or the other.
func TestAPreparedTransactionKeepsItsNumbersUntilItIsResolved(t *testing.T) {
	t.Parallel()
	server := newServer(t, map[string]string{"max_prepared_transactions": "20"})
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	w.allowed, w.mayNotSay = outage, true // of the crash
	for round := range *rounds {
		for i, commits := range some(w.random, []bool{true, false}, 1) {
			w.round(func() {
				o := &order{key: fmt.Sprintf("prepared %d/%d", round, i), savepoint: true, steps: []step{
					{"early", "early/0", 1}, {"early", "early/1", 3}, {"taken", "taken/0", 3}, {"taken", "taken/1", 1},
					{"late", "late/0", 1}, {"late", "late/1", 3},
				}}
				prepare(w, o)
				s := sqltest.Connect(t, database)
				s.Await("SELECT count(*) > 0 FROM gapless.holders WHERE state = 'waits'")
				s.Do("SET lock_timeout = '20ms'")
				s.Refuse("55P03", "SELECT gapless.next_gapless('taken/0')")
				s.Refuse("55P03", "SELECT gapless.next_gapless('taken/1', nowait => true)")
				s.Refuse("55P03", "INSERT INTO early (sequence, order_key, attempt, place) VALUES ('early/0', '', 1, 1)")
				s.Refuse("55P03", "INSERT INTO late (sequence, order_key, attempt, place) VALUES ('late/0', '', 1, 1)")

				if w.random.IntN(2) == 0 {
					server.Kill(t)
				} else {
					server.StopImmediate(t)
				}
				server.Start(t)

				s = sqltest.Connect(t, database)
				s.Await("SELECT count(*) > 0 FROM gapless.holders WHERE state = 'waits'")
				s.Await("SELECT count(*) > 0 FROM gapless.holders WHERE state = 'holds' AND prepared_as = $1", o.key)
				if commits {
					s.Do("COMMIT PREPARED '" + o.key + "'")
				} else {
					s.Do("ROLLBACK PREPARED '" + o.key + "'")
					o.err, o.rollsBack = errMine, true
				}
				w.remember(o)
			})
		}
	}
}

// prepare does an order's work up to PREPARE TRANSACTION, retried like any other, and leaves it behind.
func prepare(w *workload, o *order) {
	w.t.Helper()
	ctx := w.t.Context()
	conn, err := pgx.Connect(ctx, w.database.URL)
	require.NoError(w.t, err)
	defer conn.Close(ctx)
	for prepared := false; !prepared; {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if err := w.write(ctx, tx, o); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "PREPARE TRANSACTION '"+o.key+"'")
			prepared = err == nil
			return err
		})
		if !prepared {
			require.Equal(w.t, "40P01", codeOf(err), "%v", err)
		}
	}
}

// TestFiveHundredConnectionsCommitOneAfterTheOther has so many in a long run; in a short one a queue that is long enough, since each
// connection is a process.
func TestFiveHundredConnectionsCommitOneAfterTheOther(t *testing.T) {
	t.Parallel()
	many := size(120, 500)
	server := newServer(t, map[string]string{"max_connections": "550", "shared_buffers": "64MB"})
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	pool := database.Pool(t, sqltest.HostilePath, func(config *pgxpool.Config) {
		config.MaxConns = int32(many)
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	})
	w.ways = []sqltest.InTx{oneByOne(pool)}
	w.admit(many, sqltest.NewSeed(t))
	// All are there before the first of them commits.
	var connecting errgroup.Group
	connections := make([]*pgxpool.Conn, many)
	for i := range connections {
		connecting.Go(func() (err error) {
			connections[i], err = pool.Acquire(t.Context())
			return err
		})
	}
	require.NoError(t, connecting.Wait())
	require.GreaterOrEqual(t, w.ask().Number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"), int64(many))
	for _, connection := range connections {
		connection.Release()
	}
	for range *rounds {
		w.round(func() { w.await(size(1, many/5)) })
	}
	server.Kill(t) // so many sessions take long to end by themselves
}
