package faults_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sound"
	"github.com/pggapless/gapless/internal/sqltest"
)

// workload has callers who each place one order after the other, and remembers what they were told. An order is a transaction
// that writes rows with numbers: taken by hand, of columns that number themselves, by a text or not, and of one that does so at
// commit.
type workload struct {
	t        *testing.T
	random   *rand.Rand       // the test's own
	database *pgtest.Database // to look at what is there, not by the way that fails
	pool     *pgxpool.Pool
	ways     []sqltest.InTx // the callers take them in turn
	callers  []*caller

	thinks    time.Duration                         // how long some callers keep their transaction waiting
	opposite  bool                                  // whether sequences are taken in any order
	exhausts  bool                                  // whether some orders end with a sequence that has no more numbers
	patience  func(random *rand.Rand) time.Duration // how long an order may take; nil or 0: as long as it does
	options   []gapless.TxOption
	allowed   func(error) bool // what may go wrong for a caller
	mayNotSay bool             // whether an outcome may stay unknown

	session session

	told, refused, again atomic.Int64
	crowds               int // callers who came for one order
	observer             sound.Observer

	mu         sync.Mutex
	orders     map[string]*order
	forgetting bool            // what is acknowledged now may be gone with its server
	recent     map[string]bool // acknowledged while forgetting
}

// session is one that asks how things are.
type session struct {
	sqltest.Session
	of string // the database's URL
}

// caller decides by itself, and so the same with the same seed.
type caller struct {
	number, placed int
	random         *rand.Rand
	way            sqltest.InTx
	orderly        bool // takes sequences in their order even where others do not
}

// order is what its caller asked for, and was told.
type order struct {
	key   string
	steps []step

	rollsBack bool // on purpose
	savepoint bool // the first step is done, undone, and done again
	thinks    bool
	together  bool // the last step is sent together with COMMIT
	immediate bool // SET CONSTRAINTS ALL IMMEDIATE
	exhausts  bool // and at last takes from a sequence that has no more numbers

	attempts int64
	numbers  map[step][]int64 // what the last attempt read
	err      error
}

// step writes rows of one sequence to one table.
type step struct {
	table, sequence string
	size            int
}

// The tables, in the order in which a transaction takes their sequences: late's come at its commit.
var tables = []string{"early", "taken", "texts", "late"}

// valueOfText is the number of a row of texts, such as R24001.
const valueOfText = "pg_catalog.substr(number, 4)::bigint"

// openShop makes the tables.
func openShop(t *testing.T, database *pgtest.Database) {
	t.Helper()
	s := sqltest.Connect(t, database)
	defer s.Close(t.Context())
	var all []string
	for _, table := range tables {
		number, kind := "number", "bigint"
		if table == "texts" {
			number, kind = valueOfText+" AS number", "text"
		}
		s.Do(`CREATE TABLE ` + table + ` (
			id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			sequence  text   NOT NULL,
			order_key text   NOT NULL,
			attempt   bigint NOT NULL,
			place     bigint NOT NULL,
			number    ` + kind + `,
			txid      bigint NOT NULL DEFAULT txid_current(),
			UNIQUE (sequence, number)
		)`)
		all = append(all, "SELECT sequence, order_key, attempt, place, "+number+", txid FROM "+table)
	}
	s.Do("CREATE VIEW numbered AS " + strings.Join(all, " UNION ALL "))
	s.Do("SELECT gapless.attach_gapless('early', 'number', name => $$ NEW.sequence $$)")
	s.Do("SELECT gapless.attach_gapless('texts', 'number', name => $$ NEW.sequence $$, format => $$ 'R24' || lpad(value::text, greatest(3, length(value::text)), '0') $$)")
	s.Do("SELECT gapless.attach_gapless('late', 'number', name => $$ NEW.sequence $$, at_commit => true)")
}

// newWorkload has 8 callers, who commit one by one and in groups over 4 connections to that URL; twice as many in a run of several -rounds.
func newWorkload(t *testing.T, database *pgtest.Database, url string, configure ...func(*pgxpool.Config)) *workload {
	t.Helper()
	openShop(t, database)
	w := &workload{t: t, database: database, orders: map[string]*order{}}
	w.admit(size(8, 16), sqltest.NewSeed(t))
	through := *database
	through.URL = url
	few := func(config *pgxpool.Config) { config.MaxConns = int32(size(4, 8)) }
	w.pool = through.Pool(t, append([]func(*pgxpool.Config){sqltest.HostilePath, few}, configure...)...)
	w.ways = []sqltest.InTx{oneByOne(w.pool), inGroups(t, w.pool)}
	return w
}

// admit replaces the callers.
func (w *workload) admit(callers int, seed uint64) {
	w.random = rand.New(rand.NewPCG(seed, 0))
	w.callers = nil
	for i := range callers {
		w.callers = append(w.callers, &caller{number: i, random: rand.New(rand.NewPCG(seed, uint64(i)+1))})
	}
}

func oneByOne(pool *pgxpool.Pool) sqltest.InTx {
	return func(ctx context.Context, fn func(tx pgx.Tx) error, opts ...gapless.TxOption) error {
		return gapless.InTx(ctx, pool, fn, opts...)
	}
}

func inGroups(t *testing.T, pool *pgxpool.Pool) sqltest.InTx {
	t.Helper()
	var committer *gapless.GroupCommitter
	require.Eventually(t, func() (made bool) { // a timeout can hit the flusher's connection, too
		var err error
		committer, err = gapless.NewGroupCommitter(t.Context(), pool)
		return err == nil
	}, sqltest.Eventually, sqltest.Tick)
	t.Cleanup(committer.Close)
	return committer.InTx
}

// setting is of all the workload's sessions.
func setting(name, value string) func(*pgxpool.Config) {
	return func(config *pgxpool.Config) { config.ConnConfig.RuntimeParams[name] = value }
}

// compose decides what a caller asks for next.
func (w *workload) compose(c *caller) *order {
	o := &order{key: fmt.Sprintf("%d/%d", c.number, c.placed)}
	c.placed++
	opposite := w.opposite && !c.orderly
	steps := 1
	if opposite || c.random.IntN(4) == 0 {
		steps = 2 + c.random.IntN(2)
	}
	for range steps {
		s := step{table: tables[c.random.IntN(len(tables))], size: 1}
		s.sequence = fmt.Sprintf("%s/%d", s.table, c.random.IntN(2))
		if c.random.IntN(4) == 0 {
			s.size = 2 + c.random.IntN(9)
		}
		if !slices.ContainsFunc(o.steps, func(other step) bool { return other.sequence == s.sequence }) {
			o.steps = append(o.steps, s)
		}
	}
	if !opposite {
		slices.SortFunc(o.steps, func(a, b step) int {
			return cmp.Or(cmp.Compare(slices.Index(tables, a.table), slices.Index(tables, b.table)), cmp.Compare(a.sequence, b.sequence))
		})
	}
	o.rollsBack = c.random.IntN(8) == 0
	o.savepoint = c.random.IntN(6) == 0
	o.thinks = c.random.IntN(6) == 0
	o.together = c.random.IntN(3) == 0
	o.immediate = opposite && c.random.IntN(2) == 0
	o.exhausts = w.exhausts && c.random.IntN(16) == 0
	return o
}

var (
	errMine   = errors.New("the caller changed its mind")
	errUndone = errors.New("the savepoint is undone")
)

// write does an order in its transaction.
func (w *workload) write(ctx context.Context, tx pgx.Tx, o *order) error {
	o.attempts++
	o.numbers = map[step][]int64{}
	for i, s := range o.steps {
		if o.savepoint && i == 0 {
			err := pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error {
				if err := s.insert(ctx, inner, o); err != nil {
					return err
				}
				return errUndone
			})
			if !errors.Is(err, errUndone) {
				return err
			}
			clear(o.numbers)          // somebody else can have them now
			if tx.Conn().IsClosed() { // BeginFunc does not say that the way back has failed
				return pgconn.ErrConnClosed
			}
		}
		if o.together && i == len(o.steps)-1 {
			sql, args := s.statement(o)
			sqltest.CommitBatch(tx).Queue(sql, args...).Query(func(rows pgx.Rows) error { return s.read(rows, o) })
		} else if err := s.insert(ctx, tx, o); err != nil {
			return err
		}
		if o.immediate {
			if _, err := tx.Exec(ctx, "SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
				return err
			}
		}
		if o.thinks && i == 0 && w.thinks > 0 {
			select {
			case <-time.After(w.thinks):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	if o.exhausts {
		_, err := tx.Exec(ctx, "SELECT gapless.next_gapless($1)", exhausted)
		return err // there is one, always
	}
	if o.rollsBack {
		return errMine
	}
	return nil
}

// exhausted is a sequence whose last number has been given.
const exhausted = "exhausted"

func (s step) insert(ctx context.Context, tx pgx.Tx, o *order) error {
	sql, args := s.statement(o)
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return s.read(rows, o)
}

// statement writes the step's rows, and returns their numbers: 0 where they come at commit.
func (s step) statement(o *order) (string, []any) {
	insert := "INSERT INTO public." + s.table + " (sequence, order_key, attempt, place"
	switch {
	case s.table == "taken" && s.size == 1:
		insert += ", number) VALUES ($1, $2, $3, $4, gapless.next_gapless($1))"
	case s.table == "taken":
		insert += ", number) SELECT $1::text, $2::text, $3::bigint, i, n FROM gapless.next_gapless_batch($1::text, $4::bigint) WITH ORDINALITY AS b (n, i)"
	default:
		insert += ") SELECT $1::text, $2::text, $3::bigint, i FROM pg_catalog.generate_series(1, $4::bigint) AS i"
	}
	if s.table == "texts" {
		return insert + " RETURNING " + valueOfText, []any{s.sequence, o.key, o.attempts, s.size}
	}
	return insert + " RETURNING coalesce(number, 0)", []any{s.sequence, o.key, o.attempts, s.size}
}

func (s step) read(rows pgx.Rows, o *order) error {
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if len(numbers) > 0 && numbers[0] != 0 {
		o.numbers[s] = numbers
	}
	return err
}

// place has a caller place an order.
func (w *workload) place(ctx context.Context, c *caller) *order {
	o := w.compose(c)
	if w.patience != nil {
		if limit := w.patience(c.random); limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
	}
	way := c.way
	if way == nil {
		way = w.ways[c.number%len(w.ways)]
	}
	w.run(ctx, o, way)
	return o
}

// run does an order, and remembers what was told.
func (w *workload) run(ctx context.Context, o *order, way sqltest.InTx) {
	o.err = way(ctx, func(tx pgx.Tx) error { return w.write(ctx, tx, o) }, w.options...)
	if errors.Is(o.err, gapless.ErrCommitted) {
		o.err = nil // and it was not told its last numbers
	}
	w.remember(o)
}

// remember keeps what was told of an order, when it is done.
func (w *workload) remember(o *order) {
	w.mu.Lock()
	w.orders[o.key] = o
	if w.forgetting && o.err == nil {
		w.recent[o.key] = true
	}
	w.mu.Unlock()
	switch {
	case o.err == nil:
		w.told.Add(1)
		if o.attempts > 1 {
			w.again.Add(1)
		}
	case !errors.Is(o.err, errMine) && !o.exhausts:
		w.refused.Add(1)
	}
}

// forget: from now on, what is acknowledged may be missing, until keep is called.
func (w *workload) forget() {
	w.mu.Lock()
	w.forgetting, w.recent = true, map[string]bool{}
	w.mu.Unlock()
}

func (w *workload) keep() {
	w.mu.Lock()
	w.forgetting = false
	w.mu.Unlock()
}

// open lets the callers in, and an observer. stop has each of them finish the order that it is at.
func (w *workload) open() (stop func()) {
	ctx := w.t.Context()
	var closing atomic.Bool
	var inside sync.WaitGroup
	for _, c := range w.callers {
		inside.Go(func() {
			for !closing.Load() && ctx.Err() == nil {
				if o := w.place(ctx, c); o.err != nil && !errors.Is(o.err, errMine) {
					time.Sleep(pause(o.err))
				}
			}
		})
	}
	w.observer.Move(w.database.URL)
	inside.Go(func() { w.observer.Watch(ctx, &closing) })
	return func() {
		w.t.Helper()
		closing.Store(true)
		gone := make(chan struct{})
		go func() { inside.Wait(); close(gone) }()
		select {
		case <-gone:
		case <-time.After(2 * sqltest.Eventually):
			w.t.Fatalf("callers wait for ever:\n%s", strings.Join(sqltest.Texts(w.ask(), `
				SELECT concat_ws(' ', a.pid, a.state, a.wait_event_type, a.wait_event, pg_blocking_pids(a.pid), a.query)
				FROM pg_stat_activity AS a WHERE a.datname = current_database()`), "\n"))
		}
	}
}

// pause is how long a caller waits who is told that something is wrong: longer where it gets no connection. A server that is starting
// has a process for each attempt, which keeps it from that.
func pause(err error) time.Duration {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return rand.N(400 * time.Millisecond)
	}
	return 20 * time.Millisecond
}

// fault is a test of its own of one of several that a workload meets, one after the other. The rest are left out when it fails: its callers
// may still be inside.
func (w *workload) fault(t *testing.T, name string, test func()) {
	t.Helper()
	passed := t.Run(name, func(t *testing.T) {
		w.t = t
		test()
	})
	if w.t = t; !passed {
		t.FailNow()
	}
}

// ask returns a session with the server as it is now, which must be up.
func (w *workload) ask() sqltest.Session {
	w.t.Helper()
	if w.session.Conn == nil || w.session.T != w.t || w.session.of != w.database.URL || w.session.Ping(w.t.Context()) != nil {
		require.Eventually(w.t, func() bool { // a clock that jumps while a session begins ends it
			conn, err := pgx.Connect(w.t.Context(), w.database.URL)
			return err == nil && conn.Close(w.t.Context()) == nil
		}, sqltest.Eventually, sqltest.Tick)
		w.session = session{sqltest.Connect(w.t, w.database), w.database.URL}
	}
	return w.session.Session
}

// await blocks until so many more orders are acknowledged.
func (w *workload) await(more int) {
	w.t.Helper()
	awaitCount(w, &w.told, more, "no order is acknowledged any more")
}

// awaitRefused blocks until so many more orders have failed for the fault's sake.
func (w *workload) awaitRefused(more int) {
	w.t.Helper()
	awaitCount(w, &w.refused, more, "the fault does not strike")
}

// awaitAgain blocks until so many more orders have been acknowledged in a later attempt.
func (w *workload) awaitAgain(more int) {
	w.t.Helper()
	awaitCount(w, &w.again, more, "nothing is run again")
}

func awaitCount(w *workload, count *atomic.Int64, more int, message string) {
	w.t.Helper()
	enough := count.Load() + int64(more)
	require.Eventually(w.t, func() bool { return count.Load() >= enough }, 2*sqltest.Eventually, sqltest.Tick, message)
}

// round has something fail at a random moment, sees the callers go on, and checks what they were told. The observer may have been
// cut off all the time, so a last look comes while they do.
func (w *workload) round(fail func()) counted {
	w.t.Helper()
	stop := w.open()
	w.await(1 + w.random.IntN(size(30, 100)))
	fail()
	w.await(size(15, 50))
	require.Empty(w.t, sqltest.Texts(w.ask(), sound.Prefix), "somebody saw a number, and not all before it")
	require.Eventually(w.t, func() bool { return w.observer.Looks() > 0 }, sqltest.Eventually, sqltest.Tick, "nobody looks while callers commit")
	stop()
	return w.check()
}

// codeOf is an error's SQLSTATE, or "".
func codeOf(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// codes allows errors with these SQLSTATEs.
func codes(allowed ...string) func(error) bool {
	return func(err error) bool { return slices.Contains(allowed, codeOf(err)) }
}

// outage allows that there is no server, or no connection to it, or that it is ending or not yet up.
func outage(err error) bool { return codeOf(err) == "" || strings.HasPrefix(codeOf(err), "57P") }
