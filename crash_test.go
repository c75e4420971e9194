package gapless_test

// What holds when the server, or the way to it, fails while many callers commit: what InTx tells them is true, and there
// is no hole. GAPLESS_SEED repeats a run's decisions; -crashes=50 makes it a long one, with eight times as many callers, who place several
// times as many orders for each failure.

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sound"
)

var crashes = flag.Int("crashes", 1, "how often each of the tests of crashes has something fail")

// size is one in a run of one crash, and another in a longer one.
func size(short, long int) int {
	if *crashes > 1 {
		return long
	}
	return short
}

// shop has callers, each of whom places one order after the other, and remembers what they were told.
type shop struct {
	t        *testing.T
	database *pgtest.Database
	random   *rand.Rand                                        // the test's own
	ways     []sqltest.InTx                                    // the callers take them in turn
	send     func(ctx context.Context, batch *pgx.Batch) error // another way, of a group committer

	placed   []int          // by each caller
	told     atomic.Int64   // how many orders were acknowledged
	observer sound.Observer // of the order in which they are committed
	failOver atomic.Bool    // to a server that need not have what was acknowledged before

	mu     sync.Mutex
	orders map[string]order
}

// order is what its caller knows of it.
type order struct {
	table    string
	attempts int64
	number   int64 // 0 if it was not told
	err      error

	afterFailOver bool
}

// newShop makes one in a database, whose callers commit in those ways over a few connections to that URL.
func newShop(t *testing.T, database *pgtest.Database, url string, ways ...string) *shop {
	t.Helper()
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE early (order_key text, attempt bigint, number bigint UNIQUE, txid bigint NOT NULL DEFAULT txid_current())")
	s.Do(`CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		order_key text, attempt bigint, number bigint UNIQUE, txid bigint NOT NULL DEFAULT txid_current(), previous_hash bytea, hash bytea)`)
	s.Do(`CREATE VIEW numbered AS
		SELECT 'early' AS sequence, order_key, attempt, number, txid FROM early UNION ALL
		SELECT 'late', order_key, attempt, number, txid FROM late`)
	s.Do(`SELECT gapless.attach_gapless('late', 'number', name => $$ 'late' $$, at_commit => true,
		chain => $$ sha256(convert_to(concat_ws('|', NEW.number, NEW.order_key, encode(NEW.previous_hash, 'hex')), 'UTF8')) $$)`)
	// Granted in parts, of which one follows on another.
	s.Do("SELECT gapless.range_gapless(n, i * 25 + 1, i * 25 + CASE i WHEN 9 THEN 1000000 ELSE 25 END, 'grant ' || i) FROM generate_series(0, 9) AS i, unnest(ARRAY['early', 'late']) AS n")
	made := &shop{
		t: t, database: database, random: rand.New(rand.NewPCG(sqltest.NewSeed(t), 0)), placed: make([]int, size(8, 64)), orders: map[string]order{},
	}
	made.observer.Move(database.URL)
	through := *database
	through.URL = url
	pool := through.Pool(t, sqltest.HostilePath, func(config *pgxpool.Config) { config.MaxConns = int32(size(4, 8)) })
	for _, way := range ways {
		if way == "in groups" {
			committer := sqltest.NewGroupCommitter(t, pool)
			made.ways, made.send = append(made.ways, committer.InTx), committer.Send
		} else {
			made.ways = append(made.ways, sqltest.Committers[way](t, pool))
		}
	}
	return made
}

// place has a caller place an order. Of four callers, two write to each table, one of them together with COMMIT; some of
// those share their transactions, if there is a way to send.
func (s *shop) place(ctx context.Context, caller int) order {
	o := order{table: "early", afterFailOver: s.failOver.Load()}
	insert := "INSERT INTO public.early (order_key, attempt, number) VALUES ($1, $2, gapless.next_gapless('early')) RETURNING number"
	if caller%4 < 2 {
		o.table = "late"
		insert = "INSERT INTO public.late (order_key, attempt) VALUES ($1, $2) RETURNING coalesce(number, 0)"
	}
	key := fmt.Sprintf("%d/%d", caller, s.placed[caller])
	s.placed[caller]++
	read := func(row pgx.Row) error { return row.Scan(&o.number) }
	if s.send != nil && caller%8 > 4 && caller%2 == 1 {
		var batch pgx.Batch
		o.attempts = 1 // it is run again without being asked
		batch.Queue(insert, key, 1).QueryRow(read)
		o.err = s.send(ctx, &batch)
		if errors.Is(o.err, gapless.ErrCommitted) { // and the number is of an attempt that was lost, or of none
			o.err, o.number = nil, 0
		}
		s.remember(key, o)
		return o
	}
	o.err = s.ways[caller/4%len(s.ways)](ctx, func(tx pgx.Tx) error {
		o.attempts++
		o.number = 0
		if caller%2 == 0 {
			return read(tx.QueryRow(ctx, insert, key, o.attempts))
		}
		sqltest.CommitBatch(tx).Queue(insert, key, o.attempts).QueryRow(read)
		return nil
	})
	if errors.Is(o.err, gapless.ErrCommitted) {
		o.err = nil // and it was not told its number
	}
	s.remember(key, o)
	return o
}

func (s *shop) remember(key string, o order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders[key] = o
}

// open lets the callers in, and the observer; stop has each of them finish the order that it is at.
func (s *shop) open() (stop func()) {
	var closing atomic.Bool
	var inside sync.WaitGroup
	for caller := range s.placed {
		inside.Go(func() {
			for !closing.Load() && s.t.Context().Err() == nil {
				o := s.place(s.t.Context(), caller)
				var connect *pgconn.ConnectError
				switch {
				case o.err == nil:
					s.told.Add(1)
				case errors.As(o.err, &connect): // a server that is starting has a process for each attempt, which keeps it from that
					time.Sleep(rand.N(400 * time.Millisecond))
				default:
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	inside.Go(func() { s.observer.Watch(s.t.Context(), &closing) })
	return func() {
		s.t.Helper()
		closing.Store(true)
		gone := make(chan struct{})
		go func() { inside.Wait(); close(gone) }()
		select {
		case <-gone:
		case <-time.After(4 * sqltest.Eventually): // a caller seeks an outcome for a minute
			s.t.Fatalf("callers wait for ever:\n%s", strings.Join(sqltest.Texts(sqltest.Connect(s.t, s.database), sessionsNow), "\n"))
		}
	}
}

// sessionsNow says what the other sessions of the database do, and for whom they wait.
const sessionsNow = `
	SELECT concat_ws(' ', a.pid, a.state, a.wait_event_type, a.wait_event, pg_blocking_pids(a.pid), a.query)
	FROM pg_stat_activity AS a
	WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'`

// unfinished is what is in a transaction, holds a lock or waits for one, or was left behind.
const unfinished = sessionsNow + ` AND (a.state <> 'idle' OR EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid))
	UNION ALL SELECT 'prepared: ' || p.gid FROM pg_prepared_xacts AS p WHERE p.database = current_database()
	UNION ALL SELECT 'waiting: ' || array_to_string(p.names, ' ') FROM gapless.waiting AS p
	UNION ALL SELECT 'moving: ' || m::text FROM gapless.moving AS m`

// await blocks until so many more orders are acknowledged.
func (s *shop) await(more int) {
	s.t.Helper()
	enough := s.told.Load() + int64(more)
	require.Eventually(s.t, func() bool { return s.told.Load() >= enough }, 2*sqltest.Eventually, sqltest.Tick, "no order is acknowledged any more")
}

// round has something fail at a random moment, sees the callers go on, and checks what they were told.
func (s *shop) round(fail func()) counted {
	s.t.Helper()
	stop := s.open()
	s.await(1 + s.random.IntN(size(30, 200)))
	fail()
	s.await(size(20, 100))
	require.Eventually(s.t, func() bool { return s.observer.Looks() > 0 }, sqltest.Eventually, sqltest.Tick, "nobody looks while callers commit")
	stop()
	return s.check()
}

// counted is how orders ended, of all rounds so far.
type counted struct{ acknowledged, again, failed, unknown, unknownThere, gone int }

// check compares what callers were told with what is there.
func (s *shop) check() (n counted) {
	t := s.t
	t.Helper()
	observer := sqltest.Connect(t, s.database)
	defer observer.Close(t.Context())
	began := time.Now()
	for left := sqltest.Texts(observer, unfinished); len(left) > 0; left = sqltest.Texts(observer, unfinished) {
		require.Less(t, time.Since(began), sqltest.Eventually, "callers have left, and these not:\n%s", strings.Join(left, "\n"))
		time.Sleep(sqltest.Tick)
	}
	type row struct {
		Key             string
		Attempt, Number int64
	}
	found, err := observer.Query(t.Context(), "SELECT order_key, attempt, coalesce(number, 0) FROM numbered")
	require.NoError(t, err)
	rows, err := pgx.CollectRows(found, pgx.RowToStructByPos[row])
	require.NoError(t, err)
	there := map[string]row{}
	for _, r := range rows {
		_, twice := there[r.Key] // NotContains would look at every key
		require.False(t, twice, "order %s was placed twice", r.Key)
		there[r.Key] = r
	}
	require.Empty(t, s.observer.Torn(), "somebody saw a number, and not all before it")
	faults, err := sound.Faults(t.Context(), observer.Conn)
	require.NoError(t, err)
	require.Empty(t, faults)

	for key, o := range s.orders {
		r, found := there[key]
		delete(there, key)
		switch {
		case o.err == nil:
			n.acknowledged++
			if o.attempts > 1 {
				n.again++
			}
			if !found && s.failOver.Load() && !o.afterFailOver {
				n.gone++
				continue
			}
			require.True(t, found, "order %s was acknowledged, and is not there: %+v", key, o)
		case errors.Is(o.err, gapless.ErrOutcomeUnknown):
			n.unknown++
			if found {
				n.unknownThere++
			}
		default:
			n.failed++
			require.False(t, found, "order %s was refused, and is there: %v", key, o.err)
			requireOutage(t, o.err)
		}
		if found {
			require.Equal(t, o.attempts, r.Attempt, "an earlier attempt of order %s was committed as well", key)
			if o.number != 0 {
				require.Equal(t, o.number, r.Number, "order %s was told another number", key)
			}
		}
	}
	require.Empty(t, there, "nobody ordered these")
	t.Logf("%d acknowledged, %d of them lost once and run again; %d failed; %d unknown, of which %d are there; %d gone in a fail-over",
		n.acknowledged, n.again, n.failed, n.unknown, n.unknownThere, n.gone)
	require.Positive(t, n.acknowledged)
	return n
}

// requireOutage allows no error but that there is no server, or not yet.
func requireOutage(t *testing.T, err error) {
	t.Helper()
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code != "25006" { // a standby
		require.Equal(t, "57P", pgErr.Code[:3], "%v", err)
	}
}

// keepTimes has a server tell the order of its commits.
var keepTimes = pgtest.WithSettings(map[string]string{"track_commit_timestamp": "on"})

func TestWhatIsAcknowledgedSurvivesCrashes(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t, keepTimes) // one test after the other ends it
	for name := range sqltest.Committers {
		for how, off := range map[string]func(*pgtest.OwnServer, pgtest.TB){
			"kill -9":            (*pgtest.OwnServer).Kill,
			"immediate shutdown": (*pgtest.OwnServer).StopImmediate,
		} {
			if name == "one by one" && how != "kill -9" {
				continue // no commit is ahead of its flush there
			}
			t.Run(name+", "+how, func(t *testing.T) {
				database := server.NewDatabase(t)
				s := newShop(t, database, database.URL, name)
				for range *crashes {
					s.round(func() { off(server, t); server.Start(t) })
				}
			})
		}
	}
}

// TestAFlusherThatEndsCostsNobodyAnything has other sessions of the server go on, so that every outcome can be found out.
func TestAFlusherThatEndsCostsNobodyAnything(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := newShop(t, database, database.URL, "in groups")
	observer := sqltest.Connect(t, database)
	for range *crashes {
		n := s.round(func() {
			for range 5 {
				s.await(1 + s.random.IntN(size(10, 50)))
				observer.Do(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
					WHERE application_name = 'gapless flusher' AND datname = current_database()`)
			}
		})
		require.Zero(t, n.unknown)
		require.Zero(t, n.again)
	}
}

// cutAtCommit breaks the first connection before its COMMIT, and one in twenty: before it, after it, or before its answer; likewise those that
// flush, and those that ask for an outcome. A backend whose client is cut off goes on, a few times.
func cutAtCommit(seed uint64, orphans int64) func(m pgproxy.Message) pgproxy.Verdict {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	chosen := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(20) == 0
	}
	var executed sync.Map // the connections that have sent COMMIT, and their Sync not yet
	var left atomic.Int64
	left.Store(orphans)
	var first atomic.Bool
	return func(m pgproxy.Message) pgproxy.Verdict {
		runs := !m.FromServer && (m.Type == 'Q' || m.Type == 'E')
		end := isCommit(m) && m.Type == 'Q'
		if !m.FromServer && m.Type == 'S' {
			_, end = executed.LoadAndDelete(m.Conn)
		}
		switch {
		case m.IsCancelRequest():
			return pgproxy.Cut
		case committed(m) && chosen(),
			isCommit(m) && runs && (first.CompareAndSwap(false, true) || chosen()),
			runs && (strings.Contains(m.SQL(), "flush_gapless") || strings.Contains(m.SQL(), "outcome_gapless")) && chosen():
			return pgproxy.Cut
		case end && chosen():
			if left.Add(-1) >= 0 {
				return pgproxy.CutClientAfter
			}
			return pgproxy.CutAfter
		case isCommit(m) && m.Type == 'E':
			executed.Store(m.Conn, true)
		}
		return pgproxy.Forward
	}
}

func TestACutConnectionCostsNoOrder(t *testing.T) {
	t.Parallel()
	for name := range sqltest.Committers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			proxy := pgproxy.New(t, database.URL)
			s := newShop(t, database, proxy.URL(), name)
			for range *crashes {
				proxy.Intercept(cutAtCommit(s.random.Uint64(), 4))
				n := s.round(func() { s.await(size(60, 100)) })
				require.Zero(t, n.unknown, "the server has gone on, and every order has a number")
				require.Positive(t, n.again)
				proxy.CutAll() // those who wait in the pool, and the orphans
			}
		})
	}
}

// decisions are all that gapless keeps of the series that decide makes, and of the rows that are left.
const decisions = `
	SELECT format('%s: %s', c.what, c.row)
	FROM (
		SELECT 'journal' AS what, j.name, j::text AS row FROM gapless.journal AS j UNION ALL
		SELECT 'void', v.name, v::text FROM gapless.void AS v UNION ALL
		SELECT 'decision', d.name, d::text FROM gapless.decision AS d UNION ALL
		SELECT 'range', r.name, r::text FROM gapless.number_range AS r UNION ALL
		SELECT 'link', l.name, l::text FROM gapless.link AS l UNION ALL
		SELECT 'series', s.name, s::text FROM gapless.sequences AS s UNION ALL
		SELECT 'finding', f.sequence, f::text FROM gapless.audit_gapless() AS f UNION ALL
		SELECT 'sealed', 'sealed', s::text FROM sealed AS s UNION ALL
		SELECT 'moving', 'moving/', m::text FROM moving AS m
	) AS c
	WHERE c.name = 'sealed' OR c.name LIKE 'moving/%' ORDER BY 1`

// decide makes series of which rows were archived, have left and have moved, with a chain and a range; one is live, and one closed.
func decide(s sqltest.Session) {
	s.Do("CREATE TABLE sealed (number bigint UNIQUE, previous_hash bytea, hash bytea); CREATE TABLE moving (id int, part int, number bigint, UNIQUE (part, number))")
	s.Do("SELECT gapless.attach_gapless('sealed', 'number', name => $$ 'sealed' $$, chain => $$ sha256(convert_to(concat(NEW.number, NEW.previous_hash), 'UTF8')) $$)")
	s.Do("SELECT gapless.attach_gapless('moving', 'number', name => $$ 'moving/' || NEW.part $$, moves => true)")
	s.Do("SELECT gapless.go_live_gapless('sealed', 'opened'), gapless.range_gapless('sealed', 1, 4, 'grant 1'), gapless.range_gapless('sealed', 11, 14, 'grant 2')")
	s.Do("INSERT INTO sealed SELECT FROM generate_series(1, 6); SELECT gapless.archive_gapless('sealed', 4, 'kept elsewhere')")
	s.Do("DELETE FROM sealed WHERE number < 4; SELECT gapless.close_gapless('sealed', 'audited')")
	s.Do("INSERT INTO moving VALUES (1, 1), (2, 1), (3, 2); UPDATE moving SET part = 2, number = DEFAULT WHERE id = 1; SELECT gapless.forward_gapless('moving/1', 9, 'used elsewhere')")
}

// requireGoesOn sees the series of decide go on where they were.
func requireGoesOn(s sqltest.Session) {
	s.T.Helper()
	require.Equal(s.T, "gapless_closed", s.Refuse("55000", "INSERT INTO sealed DEFAULT VALUES").ConstraintName)
	s.Do("SELECT gapless.open_gapless('sealed', 'to go on')")
	require.Equal(s.T, "gapless_live", s.Refuse("55000", "SELECT gapless.go_live_gapless('sealed', 'again')").ConstraintName)
	s.Do("DELETE FROM sealed WHERE number = 4; INSERT INTO sealed SELECT FROM generate_series(1, 2)")
	s.Refuse("2200H", "INSERT INTO sealed DEFAULT VALUES")
	require.EqualValues(s.T, 3, s.Number("SELECT count(*) FROM sealed AS n JOIN sealed AS p ON p.hash = n.previous_hash AND p.number = n.number - 1"))
	s.Do("UPDATE moving SET part = 1, number = DEFAULT WHERE id = 1; UPDATE moving SET part = 1, number = DEFAULT WHERE id = 3")
	require.EqualValues(s.T, 11, s.Number("SELECT number FROM moving WHERE id = 3"))
}

func TestAFailOverLeavesNoHole(t *testing.T) {
	t.Parallel()
	for name, synchronous := range map[string]bool{"synchronous": true, "asynchronous": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			primary := pgtest.NewServer(t, keepTimes)
			sqltest.WantStandby(t, primary)
			database := primary.NewDatabase(t)
			proxy := pgproxy.New(t, database.URL)
			s := newShop(t, database, proxy.URL(), "one by one", "in groups")
			standby := pgtest.NewStandby(t, primary)
			primary.SetSynchronous(t, standby)
			decider := sqltest.Connect(t, database)
			decide(decider)
			decided := sqltest.Texts(decider, decisions)
			require.NoError(t, decider.Close(t.Context()))
			if !synchronous {
				primary.SetSynchronous(t)
			}
			replica := standby.Replica(t, database)
			n := s.round(func() {
				if !synchronous {
					sqltest.DisconnectStandby(t, primary, standby)
					s.await(size(30, 100)) // only the primary has these
				}
				primary.Kill(t)
				s.failOver.Store(!synchronous)
				early := s.random.IntN(2) == 0 // callers meet a server that is not a primary yet
				if early {
					proxy.Redirect(replica.URL)
				}
				standby.Promote(t)
				proxy.Redirect(replica.URL)
				s.database = replica
				s.observer.Move(replica.URL)
			})
			require.Equal(t, synchronous, n.gone == 0)
			decider = sqltest.Connect(t, replica)
			require.Equal(t, decided, sqltest.Texts(decider, decisions))
			requireGoesOn(decider)
			s.round(func() {})
		})
	}
}

// TestASessionAfterACrashAcknowledgesNoCommitFromBeforeIt keeps a flush from reaching the server until that has crashed and
// lost the commit.
func TestASessionAfterACrashAcknowledgesNoCommitFromBeforeIt(t *testing.T) {
	t.Parallel()
	server := sqltest.NewIdleServer(t)
	for name, again := range map[string]bool{"its xid is free again": false, "its xid was given out again": true} {
		database := server.NewDatabase(t)
		proxy := pgproxy.New(t, database.URL)
		through := *database
		through.URL = proxy.URL()
		observer := sqltest.Connect(t, database)
		observer.Do("CREATE TABLE invoices (number bigint UNIQUE, attempt bigint)")
		n := commitNetwork{proxy: proxy, observer: observer, database: database,
			inTx: sqltest.NewGroupCommitter(t, through.Pool(t, sqltest.HostilePath)).InTx}
		for number, lost := int64(2), false; !lost; number++ {
			require.Less(t, number, int64(10), "the server writes too eagerly for this test")
			_, err := n.issue(t.Context())
			require.NoError(t, err)
			n.observer.Do("SELECT gapless.flush_gapless()")
			proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
				if strings.Contains(m.SQL(), "flush_gapless") {
					return pgproxy.Hold
				}
				return pgproxy.Forward
			})
			done := sqltest.Later(func() (int64, error) { return n.issue(t.Context()) })
			require.Eventually(t, func() bool {
				return n.observer.Number("SELECT max(number) FROM invoices") == number
			}, sqltest.Eventually, sqltest.Tick, "it has committed, and waits for the flush")
			txid := n.observer.Number("SELECT max(txid) FROM gapless.journal")

			proxy.Refuse(true)
			server.Kill(t)
			proxy.Intercept(nil)
			server.Start(t)
			n.observer = sqltest.Connect(t, database)
			lost = n.observer.Number("SELECT max(number) FROM invoices") < number
			var given int64
			for lost && again && given < txid {
				given = n.observer.Number("SELECT txid_current()")
			}
			proxy.Refuse(false)

			r := <-done
			if !lost { // it was written by chance
				require.NoError(t, r.Err)
				require.Equal(t, number, n.observer.Number("SELECT count(*) FROM invoices"), "no attempt is there twice")
				require.Equal(t, r.Value, n.observer.Number("SELECT attempt FROM invoices WHERE number = $1", number))
				number++ // the next round issues one more before that which is to be lost
				continue
			}
			if given == txid { // and not past it: that the xid was used had been written, and what is lost is the commit alone
				require.ErrorIs(t, r.Err, gapless.ErrOutcomeUnknown, name)
				require.EqualValues(t, 1, r.Value)
				number--
			} else {
				require.NoError(t, r.Err, name)
				require.EqualValues(t, 2, r.Value, "it was acknowledged, and is not there")
			}
			require.Equal(t, number, n.observer.Number("SELECT count(*) FROM invoices"))
			require.Equal(t, number, n.observer.Number("SELECT max(number) FROM invoices"))
			sqltest.RequireSound(n.observer)
		}
	}
}

// Not parallel: it looks at all goroutines.
func TestNoGoroutineIsLeftOfAGroupCommitter(t *testing.T) {
	nothingIsLeft := pgtest.WatchGoroutines(t)
	t.Run("test", func(t *testing.T) {
		database := pgtest.New(t)
		observer := sqltest.Connect(t, database)
		pool := database.Pool(t, sqltest.HostilePath)
		issue := func(inTx sqltest.InTx) (err error) {
			return inTx(t.Context(), func(tx pgx.Tx) error {
				_, err := invoices.Next(t.Context(), tx)
				return err
			})
		}
		require.NoError(t, issue(func(ctx context.Context, fn func(tx pgx.Tx) error, opts ...gapless.TxOption) error {
			return gapless.InTx(ctx, pool, fn, opts...)
		}))
		nothingIsLeftButThePool := pgtest.WatchGoroutines(t)

		committer, err := gapless.NewGroupCommitter(t.Context(), pool)
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, issue(committer.InTx))
			// Another flusher takes over.
			observer.Do(`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
				WHERE application_name = 'gapless flusher' AND datname = current_database()`)
			require.NoError(t, issue(committer.InTx))
		}
		send := func(ctx context.Context) error {
			var batch pgx.Batch
			batch.Queue("SELECT gapless.next_gapless('invoice')")
			return committer.Send(ctx, &batch)
		}
		require.NoError(t, send(t.Context()))
		observer.Do("BEGIN; SELECT gapless.next_gapless('invoice')")
		waits, leave := context.WithCancel(t.Context())
		left := sqltest.Later(func() (any, error) { return nil, send(waits) })
		observer.AwaitBlocked(observer.PID())
		leave()
		require.ErrorIs(t, (<-left).Err, gapless.ErrOutcomeUnknown)
		observer.Do("ROLLBACK")
		require.NoError(t, issue(committer.InTx), "by a flusher that Close has to end")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, committer.InTx(ended, func(pgx.Tx) error { return nil }), context.Canceled)
		committer.Close()
		committer.Close()
		require.ErrorIs(t, issue(committer.InTx), gapless.ErrClosed)
		nothingIsLeftButThePool()

		proxy := pgproxy.New(t, database.URL)
		proxy.Refuse(true)
		through := *database
		through.URL = proxy.URL()
		_, err = gapless.NewGroupCommitter(t.Context(), through.Pool(t))
		require.Error(t, err)
	})
	nothingIsLeft()
}
