package stdlib_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sound"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

type inTx func(ctx context.Context, fn func(tx *sql.Tx) error, opts ...gapless.TxOption) error

// ways are the ways to commit of which the tests here demand the same.
var ways = map[string]func(t *testing.T, db *sql.DB, opts ...gapless.GroupOption) inTx{
	"one by one": func(_ *testing.T, db *sql.DB, _ ...gapless.GroupOption) inTx {
		return func(ctx context.Context, fn func(tx *sql.Tx) error, opts ...gapless.TxOption) error {
			return stdlib.InTx(ctx, db, fn, opts...)
		}
	},
	"in groups": func(t *testing.T, db *sql.DB, opts ...gapless.GroupOption) inTx {
		return newCommitter(t, db, opts...).InTx
	},
}

// newCommitter is one that the test closes, before the database.
func newCommitter(t *testing.T, db *sql.DB, opts ...gapless.GroupOption) *stdlib.GroupCommitter {
	t.Helper()
	committer, err := stdlib.NewGroupCommitter(t.Context(), db, opts...)
	require.NoError(t, err)
	t.Cleanup(committer.Close)
	return committer
}

// flushedBy has flushes go to a database by another way than its transactions.
func flushedBy(t *testing.T, database *pgtest.Database) gapless.GroupOption {
	t.Helper()
	config, err := pgx.ParseConfig(database.URL)
	require.NoError(t, err)
	return gapless.WithFlusherConfig(config)
}

// openInvoices is a database with a table of invoices, by that URL or its own, over so many connections.
func openInvoices(t *testing.T, database *pgtest.Database, url string, connections int) (sqltest.Session, *sql.DB) {
	t.Helper()
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (number bigint UNIQUE, customer text UNIQUE, txid bigint NOT NULL DEFAULT txid_current())")
	s.Do("CREATE VIEW numbered AS SELECT 'invoice' AS sequence, number, txid FROM invoices")
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(connections)
	return s, db
}

func issueInvoice(ctx context.Context, tx *sql.Tx, customer string) error {
	number, err := stdlib.NewSequence("invoice").Next(ctx, tx)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO public.invoices (number, customer) VALUES ($1, $2)", number, customer)
	return err
}

// requireInvoices checks that the invoices are 1 to count, and sound.
func requireInvoices(t *testing.T, s sqltest.Session, count int) {
	t.Helper()
	require.EqualValues(t, count, s.Number("SELECT count(*) FROM invoices"))
	faults, err := sound.Faults(t.Context(), s.Conn)
	require.NoError(t, err)
	require.Empty(t, faults)
}

// endFlusher has the server end the session of the flusher.
const endFlusher = `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
	WHERE application_name = 'gapless flusher' AND datname = current_database()`

// TestManyShareAFlush counts the flushes of 32 callers on 4 connections.
func TestManyShareAFlush(t *testing.T) {
	t.Parallel()
	const callers, each = 32, 10
	database := pgtest.New(t)
	s, db := openInvoices(t, database, database.URL, 4)
	proxy := pgproxy.New(t, database.URL)
	var flushes atomic.Int64
	proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		if m.Type == 'E' && strings.Contains(m.SQL(), "flush_gapless") {
			flushes.Add(1)
		}
		return pgproxy.Forward
	})
	config, err := pgx.ParseConfig(proxy.URL())
	require.NoError(t, err)
	committer := newCommitter(t, db, gapless.WithFlusherConfig(config))
	var all sync.WaitGroup
	failures := make([]error, callers)
	for caller := range callers {
		all.Go(func() {
			for i := range each {
				failures[caller] = errors.Join(failures[caller], committer.InTx(t.Context(), func(tx *sql.Tx) error {
					var asynchronous string
					err := tx.QueryRowContext(t.Context(), "SHOW synchronous_commit").Scan(&asynchronous)
					if err == nil && asynchronous != "off" {
						err = errors.New("it flushes itself")
					}
					return errors.Join(err, issueInvoice(t.Context(), tx, fmt.Sprint(caller, "/", i)))
				}))
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(failures...))
	requireInvoices(t, s, callers*each)
	require.Less(t, flushes.Load(), int64(callers*each))
	require.Zero(t, db.Stats().InUse)
}

// TestACommitIsDurableBeforeItIsAcknowledged has a server that flushes only what it is told to.
func TestACommitIsDurableBeforeItIsAcknowledged(t *testing.T) {
	t.Parallel()
	database := sqltest.NewIdleServer(t).NewDatabase(t)
	s, db := openInvoices(t, database, database.URL, 1)
	committer := newCommitter(t, db)
	for i := range 5 {
		require.NoError(t, committer.InTx(t.Context(), func(tx *sql.Tx) error { return issueInvoice(t.Context(), tx, strconv.Itoa(i)) }))
		inserted := *sqltest.Value[string](s, "SELECT pg_current_wal_insert_lsn()::text")
		require.True(t, *sqltest.Value[bool](s, "SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn", inserted))
	}
}

// TestWhatIsAcknowledgedSurvivesCrashes ends a server while callers commit, and compares what they were told with what is there.
func TestWhatIsAcknowledgedSurvivesCrashes(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	for name, newInTx := range ways {
		t.Run(name, func(t *testing.T) {
			database := server.NewDatabase(t)
			_, db := openInvoices(t, database, database.URL, 4)
			inTx := newInTx(t, db)
			var mu sync.Mutex
			told := map[string]error{}
			var acknowledged atomic.Int64
			var closing atomic.Bool
			var all sync.WaitGroup
			for caller := range 8 {
				all.Go(func() {
					for i := 0; !closing.Load(); i++ {
						customer := fmt.Sprint(caller, "/", i)
						err := inTx(t.Context(), func(tx *sql.Tx) error { return issueInvoice(t.Context(), tx, customer) })
						mu.Lock()
						told[customer] = err
						mu.Unlock()
						if err == nil {
							acknowledged.Add(1)
						} else {
							time.Sleep(50 * time.Millisecond) // a server that is starting has a process for each attempt
						}
					}
				})
			}
			more := func() {
				t.Helper()
				enough := acknowledged.Load() + 50
				require.Eventually(t, func() bool { return acknowledged.Load() >= enough }, 2*sqltest.Eventually, sqltest.Tick)
			}
			more()
			server.Kill(t)
			server.Start(t)
			more()
			closing.Store(true)
			all.Wait()
			s := sqltest.Connect(t, database)
			s.Await(sound.Busy)
			there := map[string]bool{}
			for _, customer := range sqltest.Texts(s, "SELECT customer FROM invoices") {
				there[customer] = true
			}
			for customer, err := range told {
				switch {
				case err == nil:
					require.True(t, there[customer], "%s was acknowledged, and is not there", customer)
				case !errors.Is(err, gapless.ErrOutcomeUnknown):
					require.False(t, there[customer], "%s was refused, and is there: %v", customer, err)
				}
			}
			requireInvoices(t, s, len(there))
		})
	}
}

func TestABrokenFlusherIsReplacedAndItsCommitsAreFound(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, db := openInvoices(t, database, database.URL, 1)
	committer := newCommitter(t, db)
	for i := range 5 {
		runs := 0
		require.NoError(t, committer.InTx(t.Context(), func(tx *sql.Tx) error {
			runs++
			s.Do(endFlusher)
			return issueInvoice(t.Context(), tx, strconv.Itoa(i))
		}))
		require.Equal(t, 1, runs)
	}
	requireInvoices(t, s, 5)
}

// TestAContextThatEndsInTheFlushLeavesTheOthersTheirAnswers has two callers wait for the flush that acknowledges both.
func TestAContextThatEndsInTheFlushLeavesTheOthersTheirAnswers(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, db := openInvoices(t, database, database.URL, 1)
	proxy := pgproxy.New(t, database.URL)
	slow, err := pgx.ParseConfig(proxy.URL())
	require.NoError(t, err)
	committer := newCommitter(t, db, gapless.WithFlusherConfig(slow))
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
	var runs atomic.Int64
	issue := func(ctx context.Context, customer string) <-chan sqltest.Result[any] {
		return sqltest.Later(func() (any, error) {
			return nil, committer.InTx(ctx, func(tx *sql.Tx) error { runs.Add(1); return issueInvoice(t.Context(), tx, customer) })
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := issue(ctx, "gone")
	select {
	case <-asked:
	case r := <-gone:
		t.Fatalf("it was acknowledged without its flush: %v", r.Err)
	}
	s.Await("SELECT count(*) = 1 FROM invoices")
	stays := issue(t.Context(), "stays")
	s.Await("SELECT count(*) = 2 FROM invoices")
	cancel()
	require.NoError(t, (<-gone).Err, "it has committed, which was found out and made durable otherwise")
	select {
	case <-stays:
		t.Fatal("it was acknowledged without its flush")
	default:
	}
	close(free)
	require.NoError(t, (<-stays).Err)
	require.EqualValues(t, 2, runs.Load())
	requireInvoices(t, s, 2)
}

func TestCloseWaitsForWhoeverIsIn(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, db := openInvoices(t, database, database.URL, 2)
	committer := newCommitter(t, db)
	nothing := func(*sql.Tx) error { return nil }
	in, free := make(chan struct{}), make(chan struct{})
	first := sqltest.Later(func() (any, error) {
		return nil, committer.InTx(t.Context(), func(tx *sql.Tx) error {
			close(in)
			<-free
			return issueInvoice(t.Context(), tx, "a")
		})
	})
	<-in
	closed := sqltest.Later(func() (any, error) { committer.Close(); return nil, nil })
	require.Eventually(t, func() bool { return errors.Is(committer.InTx(t.Context(), nothing), gapless.ErrClosed) }, sqltest.Eventually, sqltest.Tick)
	select {
	case <-closed:
		t.Fatal("Close did not wait")
	default:
	}
	close(free)
	require.NoError(t, (<-first).Err)
	<-closed
	committer.Close() // again
	const gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gapless flusher'"
	s.Await(gone)

	// Called by the function of InTx, it returns at once.
	committer = newCommitter(t, db)
	require.NoError(t, committer.InTx(t.Context(), func(tx *sql.Tx) error {
		committer.Close()
		require.ErrorIs(t, committer.InTx(t.Context(), nothing), gapless.ErrClosed)
		return issueInvoice(t.Context(), tx, "b")
	}))
	s.Await(gone)
	requireInvoices(t, s, 2)
}

func TestWhatAGroupCommitterRefuses(t *testing.T) {
	t.Parallel()
	t.Run("fsync off, and another server", func(t *testing.T) {
		t.Parallel()
		database := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"fsync": "off"})).NewDatabase(t)
		s, db := openInvoices(t, database, database.URL, 2)
		_, err := stdlib.NewGroupCommitter(t.Context(), db)
		require.ErrorContains(t, err, "WithFsyncOff")
		require.Zero(t, db.Stats().InUse)
		committer := newCommitter(t, db, gapless.WithFsyncOff())
		require.NoError(t, committer.InTx(t.Context(), func(tx *sql.Tx) error { return issueInvoice(t.Context(), tx, "a") }))
		other, err := pgx.ParseConfig(pgtest.New(t).URL)
		require.NoError(t, err)
		committer = newCommitter(t, db, gapless.WithFlusherConfig(other))
		err = committer.InTx(t.Context(), func(*sql.Tx) error { t.Error("it must not begin"); return nil }, gapless.WithMaxAttempts(2))
		require.ErrorContains(t, err, "different servers")
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
		requireInvoices(t, s, 1)
	})
	t.Run("what is not installed", func(t *testing.T) {
		t.Parallel()
		db, err := sql.Open("pgx", pgtest.NewEmpty(t).URL)
		require.NoError(t, err)
		defer db.Close()
		_, err = stdlib.NewGroupCommitter(t.Context(), db)
		sqltest.RequireCode(t, "3F000", err)
	})
	t.Run("a server that does not answer", func(t *testing.T) {
		t.Parallel()
		proxy := pgproxy.New(t, pgtest.New(t).URL)
		db, err := sql.Open("pgx", proxy.URL())
		require.NoError(t, err)
		defer db.Close()
		proxy.Refuse(true)
		_, err = stdlib.NewGroupCommitter(t.Context(), db)
		require.Error(t, err)
	})
	t.Run("an isolation level that there is not", func(t *testing.T) {
		t.Parallel()
		committer := newCommitter(t, open(t))
		err := committer.InTx(t.Context(), func(*sql.Tx) error { panic("it runs") }, gapless.WithIsolation("chaos"))
		require.ErrorContains(t, err, "chaos")
	})
}

// TestACallInAFunctionOfInTxIsRefusedWhereItWouldWaitForEver has pools that are full of such functions.
func TestACallInAFunctionOfInTxIsRefusedWhereItWouldWaitForEver(t *testing.T) {
	t.Parallel()
	for size := 1; size <= 3; size++ {
		for name, newInTx := range ways {
			t.Run(fmt.Sprint(name, ", ", size), func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				_, db := openInvoices(t, database, database.URL, size)
				inTx := newInTx(t, db)
				ctx, cancel := context.WithTimeout(t.Context(), sqltest.Eventually)
				defer cancel()
				var nested func(depth int) error
				nested = func(depth int) error {
					return inTx(ctx, func(*sql.Tx) error {
						if depth == 1 {
							return nil
						}
						return nested(depth - 1)
					})
				}
				for range 3 {
					require.NoError(t, nested(size))
					require.ErrorContains(t, nested(size+1), "none but those of functions that wait likewise")
				}
				require.Zero(t, db.Stats().InUse)
				db.SetMaxOpenConns(0)
				require.NoError(t, nested(size+1), "without a limit")
			})
		}
	}
}

// Not parallel: it looks at all goroutines.
func TestNoGoroutineIsLeftOfAGroupCommitter(t *testing.T) {
	nothingIsLeft := pgtest.WatchGoroutines(t)
	t.Run("test", func(t *testing.T) {
		database := pgtest.New(t)
		s, db := openInvoices(t, database, database.URL, 2)
		committer, err := stdlib.NewGroupCommitter(t.Context(), db)
		require.NoError(t, err)
		for i := range 3 {
			require.NoError(t, committer.InTx(t.Context(), func(tx *sql.Tx) error { return issueInvoice(t.Context(), tx, strconv.Itoa(i)) }))
			s.Do(endFlusher)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, committer.InTx(ended, func(*sql.Tx) error { return nil }), context.Canceled)
		committer.Close()
	})
	nothingIsLeft()
}
