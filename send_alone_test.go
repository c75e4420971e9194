package gapless_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

var errGoexit = errors.New("the goroutine was ended")

// caught calls something that may panic or end its goroutine.
func caught(call func() error) error {
	return (<-sqltest.Later(func() (any, error) {
		err := errGoexit
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if value := recover(); value != nil {
					err = fmt.Errorf("panic: %v", value)
				}
			}()
			err = call()
		}()
		<-done
		return nil, err
	})).Err
}

// value is an argument that is code.
type value func() (driver.Value, error)

// Value is driver.Valuer's.
func (v value) Value() (driver.Value, error) { return v() }

// rewriter makes another statement of it.
type rewriter string

// RewriteQuery is pgx.QueryRewriter's.
func (r rewriter) RewriteQuery(context.Context, *pgx.Conn, string, []any) (string, []any, error) {
	return string(r), nil, nil
}

// aloneCases are what a batch can have in it that must be its sender's alone, and what that sender gets.
func aloneCases() map[string]struct {
	queue  func(batch *pgx.Batch)
	want   func(t *testing.T, err error)
	issues int // how many invoices of it are there afterwards
} {
	type testCase = struct {
		queue  func(batch *pgx.Batch)
		want   func(t *testing.T, err error)
		issues int
	}
	issue := func(batch *pgx.Batch) { batch.Queue(issueInvoice, "its own") }
	statements := func(texts ...string) func(batch *pgx.Batch) {
		return func(batch *pgx.Batch) {
			issue(batch)
			for _, text := range texts {
				batch.Queue(text)
			}
			batch.Queue("SELECT 1")
		}
	}
	fails := func(text string) func(t *testing.T, err error) {
		return func(t *testing.T, err error) { t.Helper(); require.ErrorContains(t, err, text) }
	}
	succeeds := func(t *testing.T, err error) { t.Helper(); require.NoError(t, err) }
	const ends = "must not end its transaction"
	return map[string]testCase{
		"a panic": {func(batch *pgx.Batch) {
			batch.Queue(issueInvoice, "its own").QueryRow(func(pgx.Row) error { panic("mine") })
		}, fails("panic: mine"), 1},
		"a goroutine that ends": {func(batch *pgx.Batch) {
			batch.Queue(issueInvoice, "its own").QueryRow(func(pgx.Row) error { runtime.Goexit(); return nil })
		}, func(t *testing.T, err error) { t.Helper(); require.ErrorIs(t, err, errGoexit) }, 1},
		"a panic in an argument": {func(batch *pgx.Batch) {
			issue(batch)
			batch.Queue("SELECT $1::text", value(func() (driver.Value, error) { panic("mine") }))
		}, fails("panic: mine"), 0},
		"a goroutine that ends in an argument": {func(batch *pgx.Batch) {
			issue(batch)
			batch.Queue("SELECT $1::text", value(func() (driver.Value, error) { runtime.Goexit(); return nil, nil }))
		}, func(t *testing.T, err error) { t.Helper(); require.ErrorIs(t, err, errGoexit) }, 0},
		"an empty statement":        {statements(""), succeeds, 1},
		"nothing but a comment":     {statements("-- nothing"), succeeds, 1},
		"ROLLBACK":                  {statements("ROLLBACK"), fails(ends), 0},
		"a ROLLBACK after comments": {statements("/* SELECT */ -- SELECT\n ; rollback"), fails(ends), 0},
		"a comment in a comment":    {statements("/* /* */ SELECT */ ABORT"), fails(ends), 0},
		"ROLLBACK AND CHAIN":        {statements("ROLLBACK AND CHAIN"), fails(ends), 0},
		"ROLLBACK, and another":     {statements("ROLLBACK", "BEGIN"), fails(ends), 0},
		"COMMIT":                    {statements("COMMIT"), fails(ends), 0},
		"END":                       {statements("END"), fails(ends), 0},
		"COMMIT AND CHAIN":          {statements("COMMIT AND CHAIN"), fails(ends), 0},
		"PREPARE TRANSACTION":       {statements("PREPARE TRANSACTION 'x'"), fails("PREPARE"), 0},
		"BEGIN":                     {statements("BEGIN"), succeeds, 1}, // a warning
		"SAVEPOINT":                 {statements("SAVEPOINT a"), succeeds, 1},
		"a savepoint of nobody":     {statements("ROLLBACK TO a"), fails("savepoint"), 0},
		"what lasts":                {statements("SET LOCAL transaction_read_only = on"), succeeds, 1},
		"COPY FROM":                 {statements("COPY public.invoices (customer) FROM STDIN"), fails("COPY"), 0},
		"COPY FROM, after another":  {statements("SELECT 1; COPY public.invoices (customer) FROM STDIN"), fails(""), 0},
		"COPY TO":                   {statements("COPY public.invoices TO STDOUT"), succeeds, 1},
		"CLOSE ALL":                 {statements("CLOSE ALL"), fails("nor close all cursors"), 0},
		"a rewritten statement":     {func(batch *pgx.Batch) { issue(batch); batch.Queue("SELECT 1", rewriter("COMMIT")) }, fails(ends), 0},
		"another rewriter after named arguments": {func(batch *pgx.Batch) {
			issue(batch)
			batch.Queue("SELECT 1", pgx.NamedArgs{}, rewriter("ROLLBACK"))
		}, fails(ends), 0},
		"several statements at once": {statements("SELECT 1; ROLLBACK"), fails(""), 0},
	}
}

// TestWhatIsWrongWithABatchIsItsSendersAlone has the others of a transaction told the truth, whatever is in a batch.
func TestWhatIsWrongWithABatchIsItsSendersAlone(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		for name, c := range aloneCases() {
			t.Run(mode.String()+", "+name, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				s := sqltest.Connect(t, database)
				s.Do("CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE, customer text UNIQUE)")
				committer := sqltest.NewGroupCommitter(t, database.Pool(t, sqltest.HostilePath, func(config *pgxpool.Config) {
					config.MaxConns = 1
					config.ConnConfig.DefaultQueryExecMode = mode
				}))
				var numbers [3]int64
				batches := make([]*pgx.Batch, 4)
				for i, at := range []int{0, 2, 3} {
					batch, query := batchOf(issueInvoice, fmt.Sprint("other ", i))
					query.QueryRow(func(row pgx.Row) error { return row.Scan(&numbers[i]) })
					batches[at] = batch
				}
				batches[1] = new(pgx.Batch)
				c.queue(batches[1])
				results := together(t, committer, nil, func() {}, batches...)
				c.want(t, results[1])
				for _, i := range []int{0, 2, 3} {
					require.NoError(t, results[i])
				}
				requireOneTo(t, s, 3+c.issues)
				for i, number := range numbers {
					require.Equal(t, number, s.Number("SELECT number FROM invoices WHERE customer = $1", fmt.Sprint("other ", i)))
				}
				after, _ := batchOf(issueInvoice, "after")
				require.NoError(t, committer.Send(t.Context(), after))
				committer.Close()
			})
		}
	}
}

// TestANameOfAPreparedStatementIsNotTakenForItsText has names that read as if they were statements.
func TestANameOfAPreparedStatementIsNotTakenForItsText(t *testing.T) {
	t.Parallel()
	s, _, database := newInvoices(t, 1)
	pool := database.Pool(t, func(config *pgxpool.Config) {
		config.MaxConns = 1
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Prepare(ctx, "delete it all again", "ROLLBACK")
			if err == nil {
				_, err = conn.Prepare(ctx, "insert", issueInvoice)
			}
			return err
		}
	})
	committer := sqltest.NewGroupCommitter(t, pool)
	batches := make([]*pgx.Batch, 4)
	for i := range batches {
		batches[i], _ = batchOf(issueInvoice, strconv.Itoa(i))
	}
	batches[1].Queue("delete it all again")
	batches[2], _ = batchOf("insert", "2")
	results := together(t, committer, nil, func() {}, batches...)
	require.ErrorContains(t, results[1], "must not end its transaction")
	for _, i := range []int{0, 2, 3} {
		require.NoError(t, results[i])
	}
	batch, _ := batchOf("insert", "alone")
	require.NoError(t, committer.Send(t.Context(), batch))
	for _, inTx := range []sqltest.InTx{committer.InTx, func(ctx context.Context, fn func(tx pgx.Tx) error, opts ...gapless.TxOption) error {
		return gapless.InTx(ctx, pool, fn, opts...)
	}} {
		require.ErrorContains(t, inTx(t.Context(), func(tx pgx.Tx) error {
			sqltest.CommitBatch(tx).Queue("delete it all again")
			_, err := tx.Exec(t.Context(), issueInvoice, "InTx")
			return err
		}), "must not end its transaction")
	}
	require.Equal(t, []string{"0", "2", "3", "alone"}, sqltest.Texts(s, "SELECT customer FROM invoices ORDER BY 1"))
	requireOneTo(t, s, 4)
}

// TestACallbackMaySendAndClose has one connection for all of it.
func TestACallbackMaySendAndClose(t *testing.T) {
	t.Parallel()
	s, committer, database := newInvoices(t, 1)
	pool := database.Pool(t, sqltest.HostilePath, func(config *pgxpool.Config) { config.MaxConns = 1 })
	inner := func(customer string, then func() error) (*pgx.Batch, func() error) {
		batch, query := batchOf(issueInvoice, customer)
		query.QueryRow(func(pgx.Row) error { return then() })
		return batch, func() error { return committer.Send(t.Context(), batch) }
	}
	_, close := inner("closes", func() error { committer.Close(); return nil })
	_, third := inner("third", func() error { return nil })
	_, second := inner("second", third)
	_, first := inner("first", second)
	require.NoError(t, first())
	for name, inTx := range map[string]sqltest.InTx{
		"in groups": committer.InTx,
		"one by one": func(ctx context.Context, fn func(tx pgx.Tx) error, opts ...gapless.TxOption) error {
			return gapless.InTx(ctx, pool, fn, opts...)
		},
	} {
		nested := func(customer string, then func() error) error {
			return inTx(t.Context(), func(tx pgx.Tx) error {
				sqltest.CommitBatch(tx).Queue(issueInvoice, customer).QueryRow(func(pgx.Row) error { return then() })
				return nil
			})
		}
		require.NoError(t, nested(name+" outer", func() error { return nested(name+" inner", func() error { return nil }) }))
	}
	require.NoError(t, close())
	_, late := inner("late", func() error { return nil })
	require.ErrorIs(t, late(), gapless.ErrClosed)
	requireOneTo(t, s, 8)
}

// TestACallbackRunsOnceAndOnlyForWhatIsCommitted has the first run of a batch rolled back by another's.
func TestACallbackRunsOnceAndOnlyForWhatIsCommitted(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 1)
	runs := 0
	good, query := batchOf(issueInvoice, "good")
	query.QueryRow(func(pgx.Row) error { runs++; return nil })
	bad, query := batchOf(issueInvoice, "bad")
	query.QueryRow(func(pgx.Row) error { t.Error("it was rolled back"); return nil })
	bad.Queue("SELECT 1 / 0")
	results := together(t, committer, nil, func() {}, good, bad)
	require.NoError(t, results[0])
	sqltest.RequireCode(t, "22012", results[1])
	require.Equal(t, 1, runs)
	requireOneTo(t, s, 1)
}

// TestACommitBatchThatEndsItsTransactionIsAnError is the same of InTx.
func TestACommitBatchThatEndsItsTransactionIsAnError(t *testing.T) {
	t.Parallel()
	for name, committer := range sqltest.Committers {
		for _, end := range []string{"COMMIT", "ROLLBACK", "ROLLBACK AND CHAIN"} {
			t.Run(name+", "+end, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				s := sqltest.Connect(t, database)
				inTx := committer(t, database.Pool(t))
				err := inTx(t.Context(), func(tx pgx.Tx) error {
					_, err := invoices.Next(t.Context(), tx)
					sqltest.CommitBatch(tx).Queue(end)
					return err
				})
				require.ErrorContains(t, err, "must not end its transaction")
				require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
				require.Nil(t, sqltest.Value[int64](s, "SELECT gapless.last_gapless('invoice')"))
			})
		}
	}
}

// TestWhatEndsAGoroutineLeavesNoConnectionBehind ends it in fn, in callbacks, and in arguments.
func TestWhatEndsAGoroutineLeavesNoConnectionBehind(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"a panic": func() { panic("mine") }, "Goexit": runtime.Goexit} {
		for committing, committer := range sqltest.Committers {
			t.Run(name+", "+committing, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				s := sqltest.Connect(t, database)
				pool := database.Pool(t, func(config *pgxpool.Config) { config.MaxConns = 1 })
				inTx := committer(t, pool)
				for _, c := range []struct {
					committed int64
					fn        func(tx pgx.Tx) error
				}{
					{0, func(tx pgx.Tx) error {
						_, err := invoices.Next(t.Context(), tx)
						require.NoError(t, err)
						rows, err := tx.Query(t.Context(), "SELECT generate_series(1, 100000)")
						require.NoError(t, err)
						rows.Next()
						end()
						return nil
					}},
					{1, func(tx pgx.Tx) error {
						sqltest.CommitBatch(tx).Queue("SELECT gapless.next_gapless('invoice')").Exec(func(pgconn.CommandTag) error { end(); return nil })
						return nil
					}},
					{0, func(tx pgx.Tx) error {
						sqltest.CommitBatch(tx).Queue("SELECT gapless.next_gapless($1::text)", value(func() (driver.Value, error) { end(); return "invoice", nil }))
						return nil
					}},
				} {
					before := s.Number("SELECT coalesce(gapless.last_gapless('invoice'), 0)")
					err := caught(func() error { return inTx(t.Context(), c.fn) })
					if name == "Goexit" {
						require.ErrorIs(t, err, errGoexit)
					} else {
						require.EqualError(t, err, "panic: mine")
					}
					require.Equal(t, before+c.committed, s.Number("SELECT coalesce(gapless.last_gapless('invoice'), 0)"))
					require.Eventually(t, func() bool { return pool.Stat().AcquiredConns() == 0 }, sqltest.Eventually, sqltest.Tick)
				}
				require.NoError(t, inTx(t.Context(), func(tx pgx.Tx) error { _, err := invoices.Next(t.Context(), tx); return err }))
			})
		}
	}
}

// TestAHookThatPanicsEndsNobodyElse has the pool's own code panic where batches are sent.
func TestAHookThatPanicsEndsNobodyElse(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	var armed atomic.Bool
	pool := database.Pool(t, func(config *pgxpool.Config) {
		config.ConnConfig.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {
			if armed.CompareAndSwap(true, false) {
				panic("mine")
			}
		}
	})
	committer := sqltest.NewGroupCommitter(t, pool)
	const notice = "WITH n AS (SELECT gapless.next_gapless('a')) SELECT public.say() FROM n"
	s := sqltest.Connect(t, database)
	s.Do("CREATE FUNCTION say() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'x'; END $$")
	armed.Store(true)
	batch, _ := batchOf(notice)
	err := caught(func() error { return committer.Send(t.Context(), batch) })
	require.False(t, armed.Load())
	if err != nil { // it did not commit
		require.EqualError(t, err, "panic: mine")
	}
	committed := s.Number("SELECT coalesce(gapless.last_gapless('a'), 0)")
	if err == nil {
		require.EqualValues(t, 1, committed)
	} else {
		require.Zero(t, committed)
	}
	batch, _ = batchOf(notice)
	require.NoError(t, committer.Send(t.Context(), batch))
	require.Equal(t, committed+1, s.Number("SELECT gapless.last_gapless('a')"))
}

// TestAHookThatPanicsWhileAnOutcomeIsAskedForLeavesItUnknown has the first panic after the batch was sent.
func TestAHookThatPanicsWhileAnOutcomeIsAskedForLeavesItUnknown(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"a panic": func() { panic("the second") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			var armed, asking atomic.Bool
			pool := database.Pool(t, func(config *pgxpool.Config) {
				config.ConnConfig.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
					if armed.CompareAndSwap(true, false) {
						asking.Store(true)
						panic("the first: " + notice.Message)
					}
				}
				config.ConnConfig.Tracer = queries(func(sql string) {
					if strings.Contains(sql, "outcome_gapless") && asking.CompareAndSwap(true, false) {
						end()
					}
				})
			})
			committer := sqltest.NewGroupCommitter(t, pool)
			s := sqltest.Connect(t, database)
			s.Do("CREATE FUNCTION say() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'x'; END $$")
			batch, _ := batchOf("SELECT public.say()")
			require.NoError(t, committer.Send(t.Context(), batch)) // prepares it
			armed.Store(true)
			batch, _ = batchOf("SELECT public.say()")
			err := caught(func() error { return committer.Send(t.Context(), batch) })
			require.ErrorIs(t, err, gapless.ErrOutcomeUnknown)
			require.ErrorContains(t, err, "the first: x")
			batch, _ = batchOf("SELECT public.say()")
			require.NoError(t, committer.Send(t.Context(), batch))
		})
	}
}

// TestAPanicBeforeAnythingWasSentIsNotAskedAbout panics where arguments are encoded.
func TestAPanicBeforeAnythingWasSentIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	s, _, database := newInvoices(t, 1)
	var asked, panicked atomic.Int64
	pool := database.Pool(t, func(config *pgxpool.Config) {
		config.MaxConns = 1
		config.ConnConfig.Tracer = queries(func(sql string) {
			if strings.Contains(sql, "outcome_gapless") {
				asked.Add(1)
			}
		})
	})
	committer := sqltest.NewGroupCommitter(t, pool)
	batches := make([]*pgx.Batch, 3)
	for i := range batches {
		batches[i], _ = batchOf(issueInvoice, strconv.Itoa(i))
	}
	batches[1].Queue("SELECT $1::text", value(func() (driver.Value, error) { panicked.Add(1); panic("mine") }))
	results := together(t, committer, nil, func() {}, batches...)
	require.EqualError(t, results[1], "panic: mine")
	require.NoError(t, results[0])
	require.NoError(t, results[2])
	require.EqualValues(t, 2, panicked.Load())
	require.Zero(t, asked.Load())
	requireOneTo(t, s, 2)
}

// queries is told of each query.
type queries func(sql string)

// TraceQueryStart is pgx.QueryTracer's.
func (q queries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	q(data.SQL)
	return ctx
}

// TraceQueryEnd is pgx.QueryTracer's.
func (q queries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestAnArgumentOfAWrongTypeIsNotTriedAgain has one that no try makes right.
func TestAnArgumentOfAWrongTypeIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE invoices (number bigint UNIQUE, customer text UNIQUE)")
			pool := database.Pool(t, sqltest.HostilePath, func(config *pgxpool.Config) {
				config.MaxConns = 1
				config.ConnConfig.DefaultQueryExecMode = mode
			})
			committer := sqltest.NewGroupCommitter(t, pool)
			const statement = "SELECT $1::pg_catalog.int8 + $2::pg_catalog.int8"
			var tries int
			counted := value(func() (driver.Value, error) { tries++; return int64(1), nil })
			for name, args := range map[string][]any{"a wrong type": {counted, struct{ A chan int }{}}, "too few": {counted}} {
				if name == "too few" && mode == pgx.QueryExecModeExec {
					continue // the server says so
				}
				for by, inTx := range map[string]sqltest.InTx{"one by one": sqltest.Committers["one by one"](t, pool), "in groups": committer.InTx} {
					runs := 0
					err := inTx(t.Context(), func(tx pgx.Tx) error {
						runs++
						sqltest.CommitBatch(tx).Queue(issueInvoice, by+name)
						sqltest.CommitBatch(tx).Queue(statement, args...)
						return nil
					})
					require.ErrorContains(t, err, "gapless: not committed: ")
					require.Equal(t, 1, runs, "%s, %s: %v", name, by, err)
				}
				good, _ := batchOf(issueInvoice, name)
				bad, _ := batchOf(issueInvoice, "bad")
				bad.Queue(statement, args...)
				tries = 0
				results := together(t, committer, nil, func() {}, good, bad)
				require.NoError(t, results[0])
				require.ErrorContains(t, results[1], "gapless: not committed: ")
				require.LessOrEqual(t, tries, 4, "once together and once alone, in both formats")
			}
			require.Zero(t, s.Number("SELECT count(*) FROM invoices WHERE customer NOT IN ('a wrong type', 'too few')"))
		})
	}
}

// TestWhatBatchesOfOneTransactionShare has what Send's documentation says that they share.
func TestWhatBatchesOfOneTransactionShare(t *testing.T) {
	t.Parallel()
	s, committer, database := newInvoices(t, 1)
	s.Do(`CREATE TABLE parents (id int PRIMARY KEY);
		CREATE TABLE children (parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
		LISTEN news`)
	child, _ := batchOf("INSERT INTO public.children VALUES (1)")
	sqltest.RequireCode(t, "23503", committer.Send(t.Context(), child))

	holder := sqltest.Connect(t, database)
	holder.Do("BEGIN")
	holder.Do("SELECT gapless.next_gapless('b')")
	queue := func(statements ...string) *pgx.Batch {
		var batch pgx.Batch
		for _, statement := range statements {
			batch.Queue(statement)
		}
		return &batch
	}
	sent := sqltest.Later(func() ([]error, error) {
		return together(t, committer, nil, func() {},
			queue("SELECT gapless.next_gapless('a')", "INSERT INTO public.children VALUES (1)", "SELECT pg_notify('news', 'same')"),
			queue("SELECT gapless.next_gapless('b')", "INSERT INTO public.parents VALUES (1)", "SELECT pg_notify('news', 'same')"),
		), nil
	})
	s.Await("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())")
	s.Refuse("55P03", "SELECT gapless.next_gapless('a', nowait => true)")
	holder.Do("COMMIT")
	require.Equal(t, []error{nil, nil}, (<-sent).Value)
	s.Do("NOTIFY news, 'last'")
	var heard []string
	for len(heard) == 0 || heard[len(heard)-1] != "last" {
		notification, err := s.WaitForNotification(t.Context())
		require.NoError(t, err)
		heard = append(heard, notification.Payload)
	}
	require.Equal(t, []string{"same", "last"}, heard)
}
