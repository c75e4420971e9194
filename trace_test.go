package gapless_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/tracelog"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// spans are what a tracer of pgx is told: each statement with how it ended.
type spans struct {
	mu   sync.Mutex
	seen []string
	open int
}

type spanOf struct{}

func (s *spans) start(ctx context.Context, sql string) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	return context.WithValue(ctx, spanOf{}, strings.Join(strings.Fields(sql), " "))
}

func (s *spans) end(ctx context.Context, tag pgconn.CommandTag, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	sql, _ := ctx.Value(spanOf{}).(string)
	s.add(sql, tag, err)
}

func (s *spans) add(sql string, tag pgconn.CommandTag, err error) {
	if len(sql) > 28 {
		sql = sql[:28] + "…"
	}
	how := tag.String()
	if err != nil {
		how = err.Error()
	}
	s.seen = append(s.seen, sql+" = "+how)
}

// take is what has been seen; nothing is left open.
func (s *spans) take(t *testing.T) (seen []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Zero(t, s.open)
	seen, s.seen = s.seen, nil
	return seen
}

// TraceQueryStart is pgx.QueryTracer's.
func (s *spans) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return s.start(ctx, data.SQL)
}

// TraceQueryEnd is pgx.QueryTracer's.
func (s *spans) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	s.end(ctx, data.CommandTag, data.Err)
}

// TraceBatchStart is pgx.BatchTracer's.
func (s *spans) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return s.start(ctx, "batch")
}

// TraceBatchQuery is pgx.BatchTracer's.
func (s *spans) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(strings.Join(strings.Fields(data.SQL), " "), data.CommandTag, data.Err)
}

// TraceBatchEnd is pgx.BatchTracer's.
func (s *spans) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	s.end(ctx, pgconn.CommandTag{}, data.Err)
}

// TestATracerSeesWhatItSeesOfPgx compares the spans of InTx with those of pgx.BeginFunc.
func TestATracerSeesWhatItSeesOfPgx(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	sqltest.Connect(t, database).Do("CREATE TABLE notes (note text)")
	ctx, mine := t.Context(), errors.New("mine")
	var log bytes.Buffer
	logs := &tracelog.TraceLog{
		Logger: tracelog.LoggerFunc(func(_ context.Context, level tracelog.LogLevel, message string, data map[string]any) {
			if level <= tracelog.LogLevelWarn {
				log.WriteString(message)
			}
		}),
		LogLevel: tracelog.LogLevelTrace,
	}
	var seen spans
	pool := database.Pool(t, func(config *pgxpool.Config) {
		config.MaxConns = 1
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // which prepares nothing
	})
	traced := func(tracer pgx.QueryTracer) *pgxpool.Pool {
		config := pool.Config()
		config.ConnConfig.Tracer = tracer
		another, err := pgxpool.NewWithConfig(ctx, config)
		require.NoError(t, err)
		t.Cleanup(another.Close)
		return another
	}
	const insert = "INSERT INTO notes VALUES (1)"
	insertAnd := func(err error) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error { _, failed := tx.Exec(ctx, insert); return errors.Join(failed, err) }
	}
	through, loud := traced(&seen), traced(logs)
	for name, test := range map[string]struct {
		fn   func(tx pgx.Tx) error
		is   error
		want []string
	}{
		"committed":   {insertAnd(nil), nil, []string{insert + " = INSERT 0 1", "commit = COMMIT"}},
		"rolled back": {insertAnd(mine), mine, []string{insert + " = INSERT 0 1", "rollback = ROLLBACK"}},
		"a savepoint": {func(tx pgx.Tx) error { return pgx.BeginFunc(ctx, tx, insertAnd(nil)) }, nil, []string{
			"savepoint sp_1 = SAVEPOINT", insert + " = INSERT 0 1", "release savepoint sp_1 = RELEASE", "commit = COMMIT",
		}},
		"a savepoint that is rolled back": {func(tx pgx.Tx) error { _ = pgx.BeginFunc(ctx, tx, insertAnd(mine)); return nil }, nil, []string{
			"savepoint sp_1 = SAVEPOINT", insert + " = INSERT 0 1", "rollback to savepoint sp_1 = ROLLBACK", "commit = COMMIT",
		}},
	} {
		require.ErrorIs(t, pgx.BeginTxFunc(ctx, through, pgx.TxOptions{AccessMode: pgx.ReadWrite}, test.fn), test.is)
		require.Equal(t, append([]string{"begin read write = BEGIN"}, test.want...), seen.take(t), "%s: pgx's", name)
		require.ErrorIs(t, gapless.InTx(ctx, through, test.fn), test.is)
		require.Equal(t, append([]string{"begin read write = BEGIN", "SELECT gapless.mark_gapless(… = SELECT 1", "batch = "}, test.want...),
			seen.take(t), "%s: InTx's", name)
		require.ErrorIs(t, gapless.InTx(ctx, loud, test.fn), test.is)
		require.Empty(t, log.String(), name)
	}
	require.NoError(t, gapless.InTx(ctx, through, func(tx pgx.Tx) error { sqltest.CommitBatch(tx).Queue(insert); return nil }))
	require.Equal(t, []string{
		"begin read write = BEGIN", "SELECT gapless.mark_gapless(… = SELECT 1", "batch = ",
		"DECLARE gapless_guard CURSOR… = DECLARE CURSOR", insert + " = INSERT 0 1", "CLOSE gapless_guard = CLOSE CURSOR", "COMMIT = COMMIT", "SHOW synchronous_standby_nam… = SHOW", "batch = ",
	}, seen.take(t), "a CommitBatch")

	committer := sqltest.NewGroupCommitter(t, through)
	seen.take(t)
	batch, _ := batchOf(insert)
	require.NoError(t, committer.Send(ctx, batch))
	require.NoError(t, committer.InTx(ctx, insertAnd(nil)))
	committer.Close()
	sent := seen.take(t)
	for _, want := range []string{insert + " = INSERT 0 1", "COMMIT = COMMIT", "commit = COMMIT", "SELECT pg_catalog.pg_backend… = SELECT 1"} {
		require.Contains(t, sent, want)
	}
	for _, span := range sent {
		require.Regexp(t, `= (BEGIN|SELECT 1|INSERT 0 1|COMMIT|ROLLBACK|)$`, span)
	}
}

// TestATracerSeesWhyACommitHasNoAnswer loses its connection.
func TestATracerSeesWhyACommitHasNoAnswer(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	proxy := pgproxy.New(t, database.URL)
	through := *database
	through.URL = proxy.URL()
	var seen spans
	pool := through.Pool(t, func(config *pgxpool.Config) { config.ConnConfig.Tracer = &seen })
	proxy.Intercept(once(committed, pgproxy.Cut))
	require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error { _, err := invoices.Next(t.Context(), tx); return err }))
	all := strings.Join(seen.take(t), "\n")
	require.Regexp(t, `(?m)^commit = .*(EOF|reset|closed)`, all)
	require.Regexp(t, `(?s)commit = .*begin = .*SELECT gapless.flush_gapless… = COMMIT$`, all, "it was asked for")
}

// watcher notes events.
type watcher struct {
	mu   sync.Mutex
	seen []gapless.Event
}

func (w *watcher) observe(_ context.Context, event gapless.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, event)
}

// take is what has been seen: kind, attempt and, where it failed, an exclamation mark.
func (w *watcher) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kinds []string
	for _, event := range w.seen {
		kind := fmt.Sprint(event.Kind, event.Sequence, event.Attempt)
		if event.Err != nil {
			kind += "!"
		}
		kinds = append(kinds, kind)
	}
	w.seen = nil
	return strings.Join(kinds, " ")
}

func TestObserversAreToldWhatATransactionDoes(t *testing.T) {
	t.Parallel()
	ctx, mine := t.Context(), errors.New("mine")
	database := pgtest.New(t)
	proxy := pgproxy.New(t, database.URL)
	through := *database
	through.URL = proxy.URL()
	pool := through.Pool(t)
	var seen, also watcher
	observed := gapless.WithObserver(seen.observe)
	take := func(tx pgx.Tx) error { _, err := invoices.Next(ctx, tx); return err }

	require.NoError(t, gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		return errors.Join(take(tx), pgx.BeginFunc(ctx, tx, func(sp pgx.Tx) error { _, err := invoices.NextBatch(ctx, sp, 2); return err }))
	}, observed, gapless.WithObserver(also.observe)))
	require.Equal(t, "begin1 waitinvoice1 waitinvoice1 work1 commit1 end1", seen.take())
	require.Equal(t, "begin1 waitinvoice1 waitinvoice1 work1 commit1 end1", also.take())

	runs := 0
	require.NoError(t, gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		if runs++; runs == 1 {
			_, err := tx.Exec(ctx, "DO $$ BEGIN RAISE serialization_failure; END $$")
			return err
		}
		return take(tx)
	}, observed))
	require.Equal(t, "begin1 work1! retry1! begin2 waitinvoice2 work2 commit2 end2", seen.take())

	require.ErrorIs(t, gapless.InTx(ctx, pool, func(pgx.Tx) error { return mine }, observed), mine)
	require.Equal(t, "begin1 work1! end1!", seen.take())
	require.Panics(t, func() { _ = gapless.InTx(ctx, pool, func(pgx.Tx) error { panic("mine") }, observed) })
	require.Equal(t, "begin1 end1!", seen.take())

	committer := sqltest.NewGroupCommitter(t, pool, gapless.WithTxOptions(gapless.WithObserver(also.observe)))
	require.NoError(t, committer.InTx(ctx, take, observed))
	require.Equal(t, "begin1 waitinvoice1 work1 commit1 flush1 end1", seen.take())
	require.Equal(t, "begin1 waitinvoice1 work1 commit1 flush1 end1", also.take())
	batch, _ := batchOf("SELECT gapless.next_gapless('invoice')")
	require.NoError(t, committer.Send(ctx, batch))
	committer.Close()
	require.Equal(t, "begin1 work1 commit1 flush1 end1", also.take())

	proxy.Intercept(once(committed, pgproxy.Cut))
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	require.NoError(t, gapless.InTx(ctx, pool, take, observed, gapless.WithLogger(logger)))
	require.Equal(t, "begin1 waitinvoice1 work1 commit1! resolve1 end1", seen.take())
	require.Regexp(t, `level=WARN msg="gapless: the answer to COMMIT was lost, and its outcome asked for" attempt=1 duration=\S+\n$`, log.String())

	log.Reset()
	logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	runs = 0
	require.NoError(t, gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		if runs++; runs == 1 {
			return &pgconn.PgError{Code: "40001", Message: "again"}
		}
		return take(tx)
	}, gapless.WithLogger(logger)))
	require.Regexp(t, `level=INFO msg="gapless: the transaction is run again" attempt=1 duration=\S+ error=".*again`, log.String())
	require.Regexp(t, `level=DEBUG msg="gapless: wait" attempt=2 duration=\S+ sequence=invoice\n`, log.String())
}

func TestAGroupCommittersStat(t *testing.T) {
	t.Parallel()
	_, committer, _ := newInvoices(t, 1)
	first := committer.Stat()
	require.Equal(t, gapless.GroupStat{Connections: 1}, first)
	inside, goOn := make(chan struct{}), make(chan struct{})
	done := sqltest.Later(func() (any, error) {
		return nil, committer.InTx(t.Context(), func(pgx.Tx) error { close(inside); <-goOn; return nil })
	})
	<-inside
	a, _ := batchOf(issueInvoice, "a")
	b, _ := batchOf(issueInvoice, "b")
	var sent [2]<-chan sqltest.Result[any]
	for i, batch := range []*pgx.Batch{a, b} {
		sent[i] = sqltest.Later(func() (any, error) { return nil, committer.Send(t.Context(), batch) })
	}
	require.Eventually(t, func() bool { return committer.Stat().Queued == 2 }, sqltest.Eventually, sqltest.Tick)
	require.Positive(t, committer.Stat().Open)
	close(goOn)
	require.NoError(t, (<-done).Err)
	for _, result := range sent {
		require.NoError(t, (<-result).Err)
	}
	committer.Close()
	stat := committer.Stat()
	require.Positive(t, stat.FlushTime)
	require.GreaterOrEqual(t, stat.FlushTime, stat.LongestFlush)
	require.Positive(t, stat.LongestFlush)
	require.Contains(t, []int64{1, 2}, stat.Flushes)
	stat.FlushTime, stat.LongestFlush, stat.Flushes = 0, 0, 0
	require.Equal(t, gapless.GroupStat{Transactions: 2, Batches: 2, Connections: 1}, stat)
}
