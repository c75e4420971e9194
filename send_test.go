package gapless_test

import (
	"context"
	"database/sql/driver"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
			sqltest.CommitBatch(tx).Queue("SELECT gapless.next_gapless('a')").QueryRow(func(row pgx.Row) error { return row.Scan(number) })
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

// TestWhoHasGivenUpHoldsNobodyUp has a batch wait for a row that somebody else has locked all the time.
func TestWhoHasGivenUpHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s, committer, database := newInvoices(t, 1)
	s.Do("CREATE TABLE locked AS SELECT 1 AS a")
	locker := sqltest.Connect(t, database)
	locker.Do("BEGIN")
	locker.Do("UPDATE locked SET a = 2")
	batches := make([]*pgx.Batch, 4)
	contexts := make([]context.Context, len(batches))
	for i := range batches {
		batches[i], _ = batchOf(issueInvoice, strconv.Itoa(i))
		contexts[i] = t.Context()
	}
	batches[1].Queue("UPDATE public.locked SET a = 3")
	var giveUp context.CancelFunc
	contexts[1], giveUp = context.WithCancel(t.Context())
	var waited sync.WaitGroup
	results := together(t, committer, contexts, func() {
		waited.Go(func() {
			defer giveUp()
			locker.AwaitBlocked(locker.PID())
		})
	}, batches...)
	waited.Wait()
	require.ErrorIs(t, results[1], context.Canceled)
	for _, i := range []int{0, 2, 3} {
		require.NoError(t, results[i])
	}
	require.Equal(t, []string{"0", "2", "3"}, sqltest.Texts(s, "SELECT customer FROM invoices ORDER BY 1"))
	requireOneTo(t, s, 3)
	locker.Do("ROLLBACK")
}

// TestASenderThatWaitsForALockHoldsUpNoOther has a batch wait for a lock of a transaction that itself sends a batch, on the last connection.
func TestASenderThatWaitsForALockHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 3)
	s.Do("CREATE TABLE locked AS SELECT 1 AS a")
	waiting, _ := batchOf("UPDATE public.locked SET a = 3")
	var sent <-chan sqltest.Result[any]
	require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "UPDATE public.locked SET a = 2"); err != nil {
			return err
		}
		sent = sqltest.Later(func() (any, error) { return nil, committer.Send(t.Context(), waiting) })
		s.AwaitBlocked(tx.Conn().PgConn().PID())
		batch, _ := batchOf(issueInvoice, "a")
		return committer.Send(t.Context(), batch)
	}))
	require.NoError(t, (<-sent).Err)
	require.Equal(t, []string{"3"}, sqltest.Texts(s, "SELECT a::text FROM locked"))
	requireOneTo(t, s, 1)
}

// TestCloseWaitsForNobodyWhoHasGivenUp has senders wait for a connection, or for an answer to BEGIN, that never comes.
func TestCloseWaitsForNobodyWhoHasGivenUp(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, pool *pgxpool.Pool, proxy *pgproxy.Proxy){
		"a connection": func(t *testing.T, pool *pgxpool.Pool, _ *pgproxy.Proxy) {
			held, err := pool.Acquire(t.Context())
			require.NoError(t, err)
			t.Cleanup(held.Release)
		},
		"an answer": func(t *testing.T, _ *pgxpool.Pool, proxy *pgproxy.Proxy) {
			proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
				if strings.Contains(m.SQL(), "mark_gapless") {
					return pgproxy.Hold
				}
				return pgproxy.Forward
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			proxy := pgproxy.New(t, database.URL)
			through := *database
			through.URL = proxy.URL()
			pool := through.Pool(t, func(config *pgxpool.Config) { config.MaxConns = 1 })
			committer, err := gapless.NewGroupCommitter(t.Context(), pool)
			require.NoError(t, err)
			prepare(t, pool, proxy)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			batch, _ := batchOf("SELECT 1")
			require.ErrorIs(t, committer.Send(ctx, batch), context.DeadlineExceeded)
			committer.Close()
			_, senders := committer.Queue()
			require.Zero(t, senders)
			proxy.CutAll() // or else pgx waits for the server a while
		})
	}
}

type contextKey struct{}

// TestHooksAndTracersSeeTheValuesOfASendersContext has a batch run alone, and several share.
func TestHooksAndTracersSeeTheValuesOfASendersContext(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (number bigint UNIQUE, customer text UNIQUE)")
	var seen sync.Map // by what asks
	see := func(who string, ctx context.Context) { seen.Store([2]any{who, ctx.Value(contextKey{})}, true) }
	sees := func(who string, value any) bool { _, saw := seen.Load([2]any{who, value}); return saw }
	var sending atomic.Bool
	pool := database.Pool(t, sqltest.HostilePath, func(config *pgxpool.Config) {
		config.MaxConns = 1
		config.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) { see("hook", ctx); return true, nil }
		config.ConnConfig.Tracer = batches(func(ctx context.Context) {
			if sending.Load() {
				see("tracer", ctx)
			}
		})
	})
	committer := sqltest.NewGroupCommitter(t, pool)
	sending.Store(true)
	with := func(value string) context.Context { return context.WithValue(t.Context(), contextKey{}, value) }
	alone, _ := batchOf(issueInvoice, "alone")
	require.NoError(t, committer.Send(with("alone"), alone))
	for _, who := range []string{"hook", "tracer"} {
		require.True(t, sees(who, "alone"), who)
		require.False(t, sees(who, nil), who)
	}
	first, _ := batchOf(issueInvoice, "first")
	second, _ := batchOf(issueInvoice, "second")
	second.Queue("SELECT 1 / 0")
	results := together(t, committer, []context.Context{with("first"), with("second")}, func() { seen.Clear() }, first, second)
	require.NoError(t, results[0])
	sqltest.RequireCode(t, "22012", results[1])
	for _, who := range []string{"hook", "tracer"} {
		require.True(t, sees(who, "first"), who)
		require.True(t, sees(who, "second"), "%s: it ran again, alone", who)
	}
}

// batches is told of each batch.
type batches func(ctx context.Context)

// TraceBatchStart is pgx.BatchTracer's.
func (b batches) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	b(ctx)
	return ctx
}

// TraceBatchQuery is pgx.BatchTracer's.
func (b batches) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd is pgx.BatchTracer's.
func (b batches) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceQueryStart is pgx.QueryTracer's.
func (b batches) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd is pgx.QueryTracer's.
func (b batches) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestNobodyReadsTheArgumentsOfABatchWhenSendHasReturned has its context end when it is about to be sent: while the arguments of another
// batch of the transaction are read.
func TestNobodyReadsTheArgumentsOfABatchWhenSendHasReturned(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 1)
	ctx, giveUp := context.WithCancel(t.Context())
	returned := make(chan struct{})
	var late atomic.Bool
	hasReturned := func() bool {
		select {
		case <-returned:
			return true
		default:
			return false
		}
	}
	first, _ := batchOf(issueInvoice, value(func() (driver.Value, error) {
		giveUp()
		for began := time.Now(); !hasReturned() && time.Since(began) < 100*time.Millisecond; { // or else it waits, as it should
			time.Sleep(sqltest.Tick)
		}
		return "first", nil
	}))
	second, _ := batchOf(issueInvoice, value(func() (driver.Value, error) {
		if hasReturned() {
			late.Store(true)
		}
		return "second", nil
	}))
	third, _ := batchOf(issueInvoice, "third")
	busy, free := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		if err := committer.InTx(t.Context(), func(pgx.Tx) error { close(busy); <-free; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-busy
	results := make([]error, 3)
	for i, send := range []func() error{
		func() error { return committer.Send(t.Context(), first) },
		func() error { defer close(returned); return committer.Send(ctx, second) },
		func() error { return committer.Send(t.Context(), third) },
	} {
		all.Go(func() { results[i] = send() })
		require.Eventually(t, func() bool { queued, _ := committer.Queue(); return queued == i+1 }, sqltest.Eventually, sqltest.Tick)
	}
	close(free)
	all.Wait()
	require.False(t, late.Load())
	require.NoError(t, results[0])
	require.ErrorIs(t, results[1], context.Canceled)
	require.NoError(t, results[2])
	require.Equal(t, []string{"first", "third"}, sqltest.Texts(s, "SELECT customer FROM invoices WHERE customer <> 'second' ORDER BY 1"))
	requireOneTo(t, s, int(s.Number("SELECT count(*) FROM invoices")))
}
