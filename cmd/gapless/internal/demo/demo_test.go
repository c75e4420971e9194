package demo

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, func(ctx context.Context, url string) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		if err := migrate.Up(ctx, conn); err != nil {
			return err
		}
		return Prepare(ctx, conn)
	})
}

func TestFatesDependOnTheSeedAndComeInTheFractionsAskedFor(t *testing.T) {
	t.Parallel()
	o := Options{Workers: 1, Invoices: 1, Rollback: 0.2, Kill: 0.04, Savepoint: 0.1, Seed: 3}
	const n = 20000
	var rollbacks, savepoints, differ int
	kills := map[stage]int{}
	for order := range n {
		f := o.fate(order, 1)
		require.Equal(t, f, o.fate(order, 1))
		other := o
		other.Seed = 4
		if f != other.fate(order, 1) {
			differ++
		}
		if f.rollback {
			rollbacks++
		}
		if f.savepoint {
			savepoints++
		}
		kills[f.kill]++
		if f.kill != never {
			require.Equal(t, "commit", f.intent())
			require.False(t, f.savepoint)
		}
	}
	require.InDelta(t, 0.2*n, rollbacks, 0.02*n)
	require.InDelta(t, 0.096*n, savepoints, 0.01*n)
	require.InDelta(t, 0.96*n, kills[never], 0.01*n)
	for _, s := range []stage{atBegin, withNumber, withRow, atCommit} {
		require.InDelta(t, 0.01*n, kills[s], 0.004*n)
	}
	require.Positive(t, differ)
}

func newWorker(t *testing.T, d *pgtest.Database) *worker {
	t.Helper()
	config, err := pgx.ParseConfig(d.URL)
	require.NoError(t, err)
	w := &worker{config: config, series: Gapless(), killer: &killer{conn: d.Conn(t)}}
	t.Cleanup(func() { closeConn(t.Context(), w.conn) })
	return w
}

// The row of a COMMIT that is merely late cannot be seen yet. To take it for lost would issue a second invoice.
func TestALookUpWaitsForATransactionThatStillRuns(t *testing.T) {
	t.Parallel()
	for _, commits := range []bool{true, false} {
		d := pgtest.New(t)
		w := newWorker(t, d)
		tx, err := d.Conn(t).Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), w.series.insert, 1, 1, 77)
		require.NoError(t, err)

		type answer struct {
			committed bool
			err       error
		}
		answered := make(chan answer, 1)
		require.NoError(t, w.connect(t.Context()))
		pid := w.conn.PgConn().PID()
		go func() {
			committed, err := w.lookUp(t.Context(), 1, 77)
			answered <- answer{committed, err}
		}()
		conn := d.Conn(t)
		for waits, end := false, time.Now().Add(time.Minute); !waits; time.Sleep(5 * time.Millisecond) {
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT cardinality(pg_blocking_pids($1)) > 0", int32(pid)).Scan(&waits))
			require.True(t, time.Now().Before(end))
		}
		require.Empty(t, answered)
		if commits {
			require.NoError(t, tx.Commit(t.Context()))
		} else {
			require.NoError(t, tx.Rollback(t.Context()))
		}
		require.Equal(t, answer{commits, nil}, <-answered)

		var rows, logged int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM invoice").Scan(&rows))
		require.Equal(t, commits, rows == 1)
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM looked_up WHERE committed = $1", commits).Scan(&logged))
		require.Equal(t, 1, logged)
	}
}

func TestABackendOfAnotherDatabaseIsNotTerminated(t *testing.T) {
	t.Parallel()
	here, there := newWorker(t, pgtest.New(t)), pgtest.New(t).Conn(t)
	sent, err := here.killer.kill(t.Context(), 1, there.PgConn().PID())()
	require.NoError(t, err)
	require.False(t, sent)
	require.NoError(t, there.Ping(t.Context()))

	require.NoError(t, here.connect(t.Context()))
	verdict := here.killer.kill(t.Context(), 1, here.conn.PgConn().PID())
	for range 2 {
		sent, err = verdict()
		require.NoError(t, err)
		require.True(t, sent)
	}
	require.Error(t, here.conn.Ping(t.Context()))
}

// Every fate that is not an error ends in a state that the log explains.
func TestEachStageOfAKillIsCounted(t *testing.T) {
	t.Parallel()
	for _, series := range []Series{Gapless(), Native()} {
		d := pgtest.New(t)
		w := newWorker(t, d)
		w.series = series
		conn := d.Conn(t)
		order, committed := 0, 0
		for range 5 {
			for _, f := range []fate{
				{kill: atBegin}, {kill: withNumber}, {kill: withRow}, {kill: atCommit},
				{rollback: true}, {rollback: true, savepoint: true}, {savepoint: true}, {},
			} {
				order++
				ok, err := w.attempt(t.Context(), order, f)
				require.NoError(t, err)
				switch {
				case f.rollback, f.kill == withNumber, f.kill == withRow:
					require.False(t, ok)
				case f.kill == never:
					require.True(t, ok)
				}
				if ok {
					committed++
				}
			}
		}
		report, err := Count(t.Context(), conn)
		require.NoError(t, err)
		result := report.Gapless
		if series.Name == "native" {
			result = report.Native
		}
		require.EqualValues(t, committed, result.Committed)
		require.EqualValues(t, 10, result.RolledBack)
		require.EqualValues(t, 40-10-committed, result.Killed)
		require.EqualValues(t, 10, result.Savepoints)
		require.Zero(t, result.Lost+result.Leaked+result.Doubles)
		require.Equal(t, series.Name == "gapless", result.Holes == 0)
	}
}

func TestAnUnexpectedEndOfABackendIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorker(t, pgtest.New(t))
	require.NoError(t, w.connect(t.Context()))
	_, err := w.killer.conn.Exec(t.Context(), "SELECT pg_terminate_backend($1)", int64(w.conn.PgConn().PID()))
	require.NoError(t, err)
	_, err = w.attempt(t.Context(), 1, fate{})
	require.Error(t, err)
}
