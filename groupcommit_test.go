package gapless_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
)

const issueInvoice = "INSERT INTO public.invoices (number, customer) VALUES (gapless.next_gapless('invoice'), $1) RETURNING number"

// newInvoices is a database with a table of invoices, and a group committer on a pool of so many connections.
func newInvoices(t *testing.T, connections int32) (sqltest.Session, *gapless.GroupCommitter, *pgtest.Database) {
	t.Helper()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE, customer text UNIQUE)")
	pool := database.Pool(t, sqltest.HostilePath, func(config *pgxpool.Config) { config.MaxConns = connections })
	return s, sqltest.NewGroupCommitter(t, pool), database
}

// requireOneTo checks that the invoices are 1 to count.
func requireOneTo(t *testing.T, s sqltest.Session, count int) {
	t.Helper()
	require.Equal(t, fmt.Sprintf("1 %d %d", count, count), *sqltest.Value[string](s, "SELECT min(number) || ' ' || max(number) || ' ' || count(*) FROM invoices"))
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.audit_gapless()"))
}

// TestManyShareAFlushAndATransaction has 64 goroutines on 4 connections, in each of the ways to commit.
func TestManyShareAFlushAndATransaction(t *testing.T) {
	t.Parallel()
	const callers, each = 64, 20
	s, committer, _ := newInvoices(t, 4)
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]string{}
	failures := make([]error, callers)
	for caller := range callers {
		all.Go(func() {
			for i := range each {
				customer, number := fmt.Sprint(caller, "/", i), int64(0)
				scan := func(row pgx.Row) error { return row.Scan(&number) }
				var err error
				switch i % 4 {
				case 0:
					err = committer.InTx(t.Context(), func(tx pgx.Tx) error {
						return scan(tx.QueryRow(t.Context(), issueInvoice, customer))
					})
				case 1:
					err = committer.InTx(t.Context(), func(tx pgx.Tx) error {
						sqltest.CommitBatch(tx).Queue(issueInvoice, customer).QueryRow(scan)
						return nil
					})
				default:
					var batch pgx.Batch
					batch.Queue(issueInvoice, customer).QueryRow(scan)
					err = committer.Send(t.Context(), &batch)
				}
				failures[caller] = errors.Join(failures[caller], err)
				mu.Lock()
				seen[number] = customer
				mu.Unlock()
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(failures...))
	requireOneTo(t, s, callers*each)
	require.Len(t, seen, callers*each)
	rows, err := s.Query(t.Context(), "SELECT number, customer FROM invoices")
	require.NoError(t, err)
	var number int64
	var customer string
	_, err = pgx.ForEachRow(rows, []any{&number, &customer}, func() error {
		require.Equal(t, seen[number], customer, "everybody got the number of their own row")
		return nil
	})
	require.NoError(t, err)
	require.Less(t, s.Number("SELECT count(DISTINCT xmin::text) FROM invoices"), int64(callers*each), "some shared a transaction")
}

// together sends batches while the pool's only connection is busy, so that they share a transaction; then it calls meanwhile.
func together(t *testing.T, committer *gapless.GroupCommitter, contexts []context.Context, meanwhile func(), batches ...*pgx.Batch) []error {
	t.Helper()
	var all sync.WaitGroup
	queued := func(batches, senders int) {
		require.Eventually(t, func() bool { b, s := committer.Queue(); return b == batches && s == senders }, sqltest.Eventually, sqltest.Tick)
	}
	busy, free := make(chan struct{}), make(chan struct{})
	all.Go(func() {
		if err := committer.InTx(t.Context(), func(pgx.Tx) error { close(busy); <-free; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-busy
	results := make([]error, len(batches))
	for i, batch := range batches {
		ctx := t.Context()
		if contexts != nil {
			ctx = contexts[i]
		}
		all.Go(func() { results[i] = caught(func() error { return committer.Send(ctx, batch) }) })
		queued(i+1, min(i+1, 2)) // the senders wait for the connection
	}
	meanwhile()
	close(free)
	all.Wait()
	return results
}

// batchOf is a batch of one statement.
func batchOf(sql string, args ...any) (*pgx.Batch, *pgx.QueuedQuery) {
	var batch pgx.Batch
	return &batch, batch.Queue(sql, args...)
}

func TestABatchThatFailsFailsAlone(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 1)
	var number int64
	good, query := batchOf(issueInvoice, "good")
	query.QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
	bad, _ := batchOf("SELECT 1/0")
	double, _ := batchOf(issueInvoice, "good")
	wrong, _ := batchOf("SELECT nothing.at_all()")
	last, _ := batchOf(issueInvoice, "last")
	results := together(t, committer, nil, func() {}, good, bad, double, wrong, last)
	require.NoError(t, results[0])
	sqltest.RequireCode(t, "22012", results[1])
	sqltest.RequireCode(t, "23505", results[2])
	sqltest.RequireCode(t, "3F000", results[3])
	require.NoError(t, results[4])
	require.EqualValues(t, 1, number)
	requireOneTo(t, s, 2)
}

func TestACallbackThatFailsDisturbsNobody(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 1)
	failed := errors.New("mine")
	returns, query := batchOf(issueInvoice, "a")
	query.QueryRow(func(pgx.Row) error { return failed })
	unscannable, query := batchOf(issueInvoice, "b")
	query.QueryRow(func(row pgx.Row) error { var wrong struct{ a, b int }; return row.Scan(&wrong) })
	none, query := batchOf("SELECT 1 WHERE false")
	query.QueryRow(func(row pgx.Row) error { var one int; return row.Scan(&one) })
	var numbers []int64
	var values []any
	several, query := batchOf("SELECT i::bigint FROM generate_series(1, 3) AS i")
	query.Query(func(rows pgx.Rows) (err error) { numbers, err = pgx.CollectRows(rows, pgx.RowTo[int64]); return err })
	several.Queue("SELECT 1, 'two', NULL, ARRAY[3]").Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var err error
			if values, err = rows.Values(); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	var affected int64
	several.Queue("INSERT INTO public.invoices (number) VALUES (gapless.next_gapless('invoice'))").
		Exec(func(tag pgconn.CommandTag) error { affected = tag.RowsAffected(); return nil })
	results := together(t, committer, nil, func() {}, returns, unscannable, none, several)
	require.ErrorIs(t, results[0], failed)
	require.Error(t, results[1])
	require.ErrorIs(t, results[2], pgx.ErrNoRows)
	require.NoError(t, results[3])
	require.Equal(t, []int64{1, 2, 3}, numbers)
	require.Equal(t, []any{int32(1), "two", nil, []any{int32(3)}}, values)
	require.EqualValues(t, 1, affected)
	requireOneTo(t, s, 3)
}

func TestAContextThatEndsLeavesTheOthersTheirAnswers(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	gone, query := batchOf(issueInvoice, "gone")
	query.QueryRow(func(pgx.Row) error { t.Error("nobody waits for this"); return nil })
	stays, _ := batchOf(issueInvoice, "stays")
	results := together(t, committer, []context.Context{ctx, t.Context()}, cancel, gone, stays)
	require.ErrorIs(t, results[0], context.Canceled)
	require.NoError(t, results[1])
	if errors.Is(results[0], gapless.ErrOutcomeUnknown) {
		require.NotZero(t, s.Number("SELECT count(*) FROM invoices"))
	} else {
		requireOneTo(t, s, 1)
	}

	// Sent already: it waits for the sequence, which another session has.
	s.Do("BEGIN")
	s.Do("SELECT gapless.next_gapless('invoice')")
	ctx, cancel = context.WithCancel(t.Context())
	gone, query = batchOf(issueInvoice, "sent")
	query.QueryRow(func(pgx.Row) error { t.Error("nobody waits for this"); return nil })
	done := sqltest.Later(func() (any, error) { return nil, committer.Send(ctx, gone) })
	s.AwaitBlocked(s.PID())
	cancel()
	require.ErrorIs(t, (<-done).Err, gapless.ErrOutcomeUnknown)
	s.Do("ROLLBACK")
	after, _ := batchOf(issueInvoice, "after")
	require.NoError(t, committer.Send(t.Context(), after))
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.audit_gapless()"))
	require.Zero(t, s.Number("SELECT max(number) - count(*) FROM invoices"))
}

func TestCloseWaitsForWhoeverIsIn(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 2)
	in, free := make(chan struct{}), make(chan struct{})
	first := sqltest.Later(func() (any, error) {
		return nil, committer.InTx(t.Context(), func(tx pgx.Tx) error {
			close(in)
			<-free
			_, err := tx.Exec(t.Context(), issueInvoice, "a")
			return err
		})
	})
	<-in
	queued := make([]<-chan sqltest.Result[any], 3) // more than there are connections
	for i := range queued {
		batch, _ := batchOf(issueInvoice, strconv.Itoa(i))
		queued[i] = sqltest.Later(func() (any, error) { return nil, committer.Send(t.Context(), batch) })
	}
	require.Eventually(t, func() bool {
		batches, senders := committer.Queue()
		return batches+senders > 0 || s.Number("SELECT count(*) FROM invoices") == 3
	}, sqltest.Eventually, sqltest.Tick)
	closed := sqltest.Later(func() (any, error) { committer.Close(); return nil, nil })
	require.Eventually(t, func() bool { return errors.Is(committer.Send(t.Context(), &pgx.Batch{}), gapless.ErrClosed) }, sqltest.Eventually, sqltest.Tick)
	require.ErrorIs(t, committer.InTx(t.Context(), func(pgx.Tx) error { return nil }), gapless.ErrClosed)
	select {
	case <-closed:
		t.Fatal("Close did not wait")
	default:
	}
	close(free)
	require.NoError(t, (<-first).Err)
	<-closed
	issued := 1
	for _, q := range queued {
		if err := (<-q).Err; err == nil {
			issued++
		} else {
			require.ErrorIs(t, err, gapless.ErrClosed, "it came too late")
		}
	}
	requireOneTo(t, s, issued)
	committer.Close() // again
	s.Await("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gapless flusher'")
}

func TestAGroupCommitterRunsWhateverATransactionIs(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 2)
	s.Do("CREATE TABLE cases (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('cases', 'number', name => $$ 'case' $$, at_commit => true)")
	ctx := t.Context()
	require.NoError(t, committer.InTx(ctx, func(pgx.Tx) error { return nil }), "nothing")
	require.NoError(t, committer.InTx(ctx, func(tx pgx.Tx) error { _, err := tx.Exec(ctx, "SELECT 1"); return err }), "nothing written")
	require.NoError(t, committer.InTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO public.cases VALUES (1), (2)")
		return err
	}), "a column that is numbered at the commit")
	require.NoError(t, committer.InTx(ctx, func(tx pgx.Tx) error {
		for i, end := range []func(pgx.Tx) error{
			func(tx pgx.Tx) error { return tx.Commit(ctx) },
			func(tx pgx.Tx) error { return tx.Rollback(ctx) },
			func(tx pgx.Tx) error { return tx.Commit(ctx) },
		} {
			savepoint, err := tx.Begin(ctx)
			require.NoError(t, err)
			_, err = savepoint.Exec(ctx, issueInvoice, strconv.Itoa(i))
			require.NoError(t, err)
			require.NoError(t, end(savepoint))
		}
		return nil
	}), "savepoints")
	require.Error(t, committer.InTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO public.cases VALUES (3)")
		require.NoError(t, err)
		return errors.New("mine")
	}))
	require.ErrorIs(t, committer.InTx(ctx, func(tx pgx.Tx) error {
		_, err := invoices.TryNext(ctx, tx)
		require.NoError(t, err)
		return gapless.InTx(ctx, poolOf(t, s), func(tx pgx.Tx) error { _, err := invoices.TryNext(ctx, tx); return err })
	}), gapless.ErrLocked)
	requireOneTo(t, s, 2)
	require.Equal(t, []int64{1, 2}, s.Numbers("SELECT number FROM cases ORDER BY 1"))
}

func poolOf(t *testing.T, s sqltest.Session) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), s.Config())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// TestAContextThatEndsInTheFlushLeavesTheOthersTheirAnswers has two callers wait for the flush that acknowledges both.
func TestAContextThatEndsInTheFlushLeavesTheOthersTheirAnswers(t *testing.T) {
	t.Parallel()
	s, _, database := newInvoices(t, 1)
	proxy := pgproxy.New(t, database.URL)
	slow, err := pgx.ParseConfig(proxy.URL())
	require.NoError(t, err)
	committer := sqltest.NewGroupCommitter(t, database.Pool(t, sqltest.HostilePath), gapless.WithFlusherConfig(slow))
	asked, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		if m.FromServer {
			return pgproxy.Forward
		}
		once.Do(func() { close(asked) })
		select {
		case <-free:
		case <-t.Context().Done():
		}
		return pgproxy.Forward
	})
	runs := map[string]int{}
	issue := func(ctx context.Context, customer string) <-chan sqltest.Result[any] {
		return sqltest.Later(func() (any, error) {
			return nil, committer.InTx(ctx, func(tx pgx.Tx) error {
				runs[customer]++
				_, err := tx.Exec(t.Context(), issueInvoice, customer)
				return err
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := issue(ctx, "gone")
	<-asked
	committed := func(count int64) {
		require.Eventually(t, func() bool { return s.Number("SELECT count(*) FROM invoices") == count }, sqltest.Eventually, sqltest.Tick)
	}
	committed(1)
	stays := issue(t.Context(), "stays")
	committed(2)
	cancel()
	require.NoError(t, (<-gone).Err, "it has committed, which was found out and made durable otherwise")
	select {
	case <-stays:
		t.Fatal("it was acknowledged without its flush")
	default:
	}
	close(free)
	require.NoError(t, (<-stays).Err)
	require.Equal(t, map[string]int{"gone": 1, "stays": 1}, runs)
	requireOneTo(t, s, 2)
}

// TestTheLastStatementsTravelWithCommit counts what the client sends and has to wait for.
func TestTheLastStatementsTravelWithCommit(t *testing.T) {
	t.Parallel()
	s, _, database := newInvoices(t, 1)
	proxy := pgproxy.New(t, database.URL)
	through := *database
	through.URL = proxy.URL()
	pool := through.Pool(t, sqltest.HostilePath)
	var messages atomic.Int64
	count := func(fn func(tx pgx.Tx) error) int64 {
		t.Helper()
		for range 2 { // the second time, statements are prepared
			messages.Store(0)
			require.NoError(t, gapless.InTx(t.Context(), pool, fn))
		}
		return messages.Load()
	}
	proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		if !m.FromServer && (m.Type == 'Q' || m.Type == 'S') {
			messages.Add(1)
		}
		return pgproxy.Forward
	})
	require.EqualValues(t, 2, count(func(pgx.Tx) error { return nil }), "BEGIN with the mark, and COMMIT")
	customers := 0
	require.EqualValues(t, 3, count(func(tx pgx.Tx) error {
		customers++
		_, err := tx.Exec(t.Context(), issueInvoice, strconv.Itoa(customers))
		return err
	}))
	require.EqualValues(t, 2, count(func(tx pgx.Tx) error {
		customers++
		sqltest.CommitBatch(tx).Queue(issueInvoice, strconv.Itoa(customers))
		return nil
	}))
	requireOneTo(t, s, customers)
}

// TestAFlusherWithAnotherBackendAcknowledgesNothing has a pooler, as it were, give the flusher's connection another backend.
func TestAFlusherWithAnotherBackendAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 2)
	flusher := "SELECT pid::text FROM pg_stat_activity WHERE application_name = 'gapless flusher' AND datname = current_database()"
	before := *sqltest.Value[string](s, flusher)
	committer.MistakeBackend()
	runs := 0
	require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error {
		runs++
		_, err := tx.Exec(t.Context(), issueInvoice, "a")
		return err
	}), "what it did not acknowledge was found out")
	require.Equal(t, 1, runs)
	require.NoError(t, committer.InTx(t.Context(), func(pgx.Tx) error { return nil }))
	require.Eventually(t, func() bool {
		now := sqltest.Texts(s, flusher)
		return len(now) == 1 && now[0] != before
	}, sqltest.Eventually, sqltest.Tick, "another one has taken over")
	requireOneTo(t, s, 1)
}

func TestABrokenFlusherIsReplacedAndItsCommitsAreFound(t *testing.T) {
	t.Parallel()
	s, committer, _ := newInvoices(t, 2)
	for i := range 5 {
		runs := 0
		require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error {
			runs++
			s.Do("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'gapless flusher' AND datname = current_database()")
			_, err := tx.Exec(t.Context(), issueInvoice, strconv.Itoa(i))
			return err
		}))
		require.Equal(t, 1, runs)
	}
	requireOneTo(t, s, 5)
}

// TestAFlusherThatTheNetworkForgotIsReplaced has the network swallow what is sent on its connection, and on no other.
func TestAFlusherThatTheNetworkForgotIsReplaced(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]bool{"InTx": false, "Send": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, database := newInvoices(t, 1)
			proxy := pgproxy.New(t, database.URL)
			config, err := pgx.ParseConfig(proxy.URL())
			require.NoError(t, err)
			committer, err := gapless.NewGroupCommitter(t.Context(), database.Pool(t), gapless.WithFlusherConfig(config))
			require.NoError(t, err)
			proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
				if m.Conn == 1 && !m.FromServer {
					return pgproxy.Hold
				}
				return pgproxy.Forward
			})
			for i := range 2 {
				if send {
					batch, _ := batchOf(issueInvoice, strconv.Itoa(i))
					require.NoError(t, committer.Send(t.Context(), batch))
				} else {
					require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error {
						_, err := tx.Exec(t.Context(), issueInvoice, strconv.Itoa(i))
						return err
					}))
				}
			}
			requireOneTo(t, s, 2)
			committer.Close()
		})
	}
}

// TestAFlusherThatWaitsForAStandbyIsNotReplaced has the server asked, which says that it is at it.
func TestAFlusherThatWaitsForAStandbyIsNotReplaced(t *testing.T) {
	t.Parallel()
	database := pgtest.NewServer(t).NewDatabase(t)
	observer := sqltest.Connect(t, database)
	proxy := pgproxy.New(t, database.URL)
	config, err := pgx.ParseConfig(proxy.URL())
	require.NoError(t, err)
	committer := sqltest.NewGroupCommitter(t, database.Pool(t), gapless.WithFlusherConfig(config))
	var asked atomic.Int64
	proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		if !m.FromServer && strings.Contains(m.SQL(), "pg_stat_activity") && m.Type == 'E' {
			asked.Add(1)
		}
		return pgproxy.Forward
	})
	nameStandby(t, database, observer)
	done := sqltest.Later(func() (any, error) {
		return nil, committer.InTx(t.Context(), func(tx pgx.Tx) error { _, err := invoices.Next(t.Context(), tx); return err })
	})
	flusher := awaitSyncRep(t, observer, 0, "flush_gapless")
	require.Eventually(t, func() bool { return asked.Load() == 2 }, sqltest.Eventually, sqltest.Tick)
	require.Equal(t, flusher, awaitSyncRep(t, observer, 0, "flush_gapless"))
	observer.Do("ALTER SYSTEM RESET synchronous_standby_names")
	observer.Do("SELECT pg_reload_conf()")
	require.NoError(t, (<-done).Err)
}

// TestAFlusherIsConnectedForAllWhateverTheFirstCallersContextIs has nobody wait for the connection until it is there.
func TestAFlusherIsConnectedForAllWhateverTheFirstCallersContextIs(t *testing.T) {
	t.Parallel()
	s, _, database := newInvoices(t, 1)
	begun, goOn := make(chan struct{}), make(chan struct{})
	var armed atomic.Bool
	pool := database.Pool(t, func(config *pgxpool.Config) {
		config.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error {
			if armed.CompareAndSwap(true, false) {
				close(begun)
				select {
				case <-goOn:
				case <-ctx.Done():
					t.Error("it was given up")
				}
			}
			return nil
		}
	})
	committer := sqltest.NewGroupCommitter(t, pool)
	require.NoError(t, committer.InTx(t.Context(), func(pgx.Tx) error { return nil })) // the pool has a connection
	fn := func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), issueInvoice, "a"); return err }
	s.Do("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'gapless flusher' AND datname = current_database()")
	require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error {
		armed.Store(true) // the flusher breaks, and this one's outcome is found
		_, err := tx.Exec(t.Context(), "SELECT gapless.next_gapless('other')")
		return err
	}))
	ctx, cancel := context.WithCancel(t.Context())
	first := sqltest.Later(func() (any, error) { return nil, committer.InTx(ctx, fn) })
	<-begun
	cancel()
	require.ErrorIs(t, (<-first).Err, context.Canceled)
	close(goOn)
	require.NoError(t, committer.InTx(t.Context(), fn))
	requireOneTo(t, s, 1)
}

// renamed is a connection through something that gives its client another backend's key, as poolers do.
type renamed struct{ net.Conn }

func (r renamed) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	if i := bytes.Index(b[:n], []byte{'K', 0, 0, 0, 12}); i >= 0 && i+9 <= n {
		b[i+8] ^= 1
	}
	return n, err
}

func TestWhatAGroupCommitterRefuses(t *testing.T) {
	t.Parallel()
	t.Run("a pooler", func(t *testing.T) {
		t.Parallel()
		database := pgtest.New(t)
		pool := database.Pool(t, func(config *pgxpool.Config) {
			dial := config.ConnConfig.DialFunc
			config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				return renamed{conn}, err
			}
		})
		_, err := gapless.NewGroupCommitter(t.Context(), pool)
		require.ErrorContains(t, err, "WithFlusherConfig")
		direct, err := pgx.ParseConfig(database.URL)
		require.NoError(t, err)
		committer := sqltest.NewGroupCommitter(t, pool, gapless.WithFlusherConfig(direct))
		require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error { _, err := invoices.Next(t.Context(), tx); return err }))
	})
	t.Run("fsync off, and another server", func(t *testing.T) {
		t.Parallel()
		server := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"fsync": "off"}))
		database := server.NewDatabase(t)
		pool := database.Pool(t)
		_, err := gapless.NewGroupCommitter(t.Context(), pool)
		require.ErrorContains(t, err, "WithFsyncOff")
		committer := sqltest.NewGroupCommitter(t, pool, gapless.WithFsyncOff())
		require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error { _, err := invoices.Next(t.Context(), tx); return err }))

		other, err := pgx.ParseConfig(pgtest.New(t).URL)
		require.NoError(t, err)
		committer = sqltest.NewGroupCommitter(t, pool, gapless.WithFlusherConfig(other))
		err = committer.InTx(t.Context(), func(tx pgx.Tx) error { t.Error("it must not begin"); return nil }, gapless.WithMaxAttempts(2))
		require.ErrorContains(t, err, "different servers")
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
	})
	t.Run("what is not installed, or not granted", func(t *testing.T) {
		t.Parallel()
		_, err := gapless.NewGroupCommitter(t.Context(), pgtest.NewEmpty(t).Pool(t))
		sqltest.RequireCode(t, "3F000", err)
	})
	t.Run("a server that does not answer", func(t *testing.T) {
		t.Parallel()
		database := pgtest.New(t)
		proxy := pgproxy.New(t, database.URL)
		through := *database
		through.URL = proxy.URL()
		pool := through.Pool(t)
		proxy.Refuse(true)
		_, err := gapless.NewGroupCommitter(t.Context(), pool)
		require.Error(t, err)
	})
}

func TestWhatCannotBeSentIsAnErrorAndNotUnknown(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	proxy := pgproxy.New(t, database.URL)
	through := *database
	through.URL = proxy.URL()
	committer := sqltest.NewGroupCommitter(t, through.Pool(t))
	proxy.Refuse(true)
	proxy.CutAll()
	batch, _ := batchOf("SELECT gapless.next_gapless('invoice')")
	err := committer.Send(t.Context(), batch)
	require.Error(t, err)
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
	proxy.Refuse(false)
	batch, _ = batchOf("SELECT gapless.next_gapless('invoice')")
	require.NoError(t, committer.Send(t.Context(), batch))
}
