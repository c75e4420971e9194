package gapless_test

import (
	"database/sql/driver"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
)

// loseAnswers cuts the next connection that has sent COMMIT, when the server answers, once lose is true. The server sends all of
// its answers when it has done everything.
func loseAnswers(proxy *pgproxy.Proxy, lose *atomic.Bool) {
	var executed, answers sync.Map
	proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		switch {
		case m.Type == 'E' && isCommit(m):
			executed.Store(m.Conn, true)
		case m.Type == 'S' && !m.FromServer:
			if _, commits := executed.LoadAndDelete(m.Conn); commits && lose.CompareAndSwap(true, false) {
				answers.Store(m.Conn, true)
			}
		case m.FromServer:
			if _, lost := answers.Load(m.Conn); lost {
				return pgproxy.Cut
			}
		}
		return pgproxy.Forward
	})
}

func TestAnswersThatAreLostWithCommitAreNotAcknowledged(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	proxy := pgproxy.New(t, database.URL)
	through := *database
	through.URL = proxy.URL()
	var lose atomic.Bool
	loseAnswers(proxy, &lose)
	observer := sqltest.Connect(t, database)
	pool := through.Pool(t)
	committer := sqltest.NewGroupCommitter(t, pool)
	last := func(number *int64) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error {
			gapless.CommitBatch(tx).Queue("SELECT gapless.next_gapless('a')").QueryRow(func(row pgx.Row) error { return row.Scan(number) })
			return nil
		}
	}
	issued := int64(0)
	for name, issue := range map[string]func(number *int64) error{
		"InTx":                func(number *int64) error { return gapless.InTx(t.Context(), pool, last(number)) },
		"GroupCommitter.InTx": func(number *int64) error { return committer.InTx(t.Context(), last(number)) },
		"Send": func(number *int64) error {
			var batch pgx.Batch
			batch.Queue("SELECT gapless.next_gapless('a')").QueryRow(func(row pgx.Row) error { return row.Scan(number) })
			return committer.Send(t.Context(), &batch)
		},
	} {
		var number int64
		require.NoError(t, issue(&number), name)
		issued++
		require.Equal(t, issued, number, name)

		lose.Store(true)
		number = 0
		err := issue(&number)
		issued++
		require.False(t, lose.Load(), name)
		require.Equal(t, issued, observer.Number("SELECT gapless.last_gapless('a')"), name)
		require.ErrorIs(t, err, gapless.ErrCommitted, name)
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown, name)
		require.Zero(t, number, name)
	}

	// Where there is no result to be read, none is lost.
	lose.Store(true)
	var batch pgx.Batch
	batch.Queue("SELECT gapless.next_gapless('a')")
	require.NoError(t, committer.Send(t.Context(), &batch))
	require.False(t, lose.Load())
	require.Equal(t, issued+1, observer.Number("SELECT gapless.last_gapless('a')"))
}

// TestWhatARunReadThatWasRolledBackIsNotAcknowledged has a batch of another's roll the first run back, and the answers of the
// second one lost.
func TestWhatARunReadThatWasRolledBackIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	proxy := pgproxy.New(t, database.URL)
	through := *database
	through.URL = proxy.URL()
	var lose atomic.Bool
	loseAnswers(proxy, &lose)
	observer := sqltest.Connect(t, database)
	observer.Do("CREATE TABLE orders (number bigint)")
	pool := through.Pool(t, func(config *pgxpool.Config) { config.MaxConns = 1 })
	committer := sqltest.NewGroupCommitter(t, pool)

	var number int64
	var runs int
	var good, bad pgx.Batch
	good.Queue("INSERT INTO public.orders SELECT gapless.next_gapless($1::text) RETURNING number", value(func() (driver.Value, error) {
		runs++
		lose.Store(runs == 2)
		return "a", nil
	})).QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
	bad.Queue("SELECT 1 / 0")
	held, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	sent := sqltest.Later(func() (any, error) { return nil, committer.Send(t.Context(), &good) })
	queued := func(n int) func() bool {
		return func() bool { batches, _ := committer.Queue(); return batches == n }
	}
	require.Eventually(t, queued(1), sqltest.Eventually, sqltest.Tick)
	failed := sqltest.Later(func() (any, error) { return nil, committer.Send(t.Context(), &bad) })
	require.Eventually(t, queued(2), sqltest.Eventually, sqltest.Tick)
	held.Release()

	sqltest.RequireCode(t, "22012", (<-failed).Err)
	require.ErrorIs(t, (<-sent).Err, gapless.ErrCommitted)
	require.False(t, lose.Load())
	require.Equal(t, 2, runs)
	require.Zero(t, number)
	require.EqualValues(t, 1, observer.Number("SELECT number FROM orders"))
}
