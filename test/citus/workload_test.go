package citus_test

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
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	holds "github.com/pggapless/gapless/internal/sound"
	"github.com/pggapless/gapless/internal/sqltest"
)

// workload has callers who each place one order after the other over the coordinator, and remembers what they were told. An order is a
// transaction, of one tenant or of several.
type workload struct {
	t        *testing.T
	cluster  *citustest.Cluster
	random   *rand.Rand
	callers  []*caller
	observer holds.Observer

	told, refused, unattached atomic.Int64

	mu     sync.Mutex
	orders map[string]*order
}

// caller decides by itself, and so the same with the same seed.
type caller struct {
	number, placed int
	random         *rand.Rand
	conn           *pgx.Conn
	last           map[step]int64 // the newest number that it was told, by table and tenant
}

type outcome string

const (
	committed  outcome = "committed"
	rolledBack outcome = "rolled back"
	unknown    outcome = "unknown"
)

// order is what its caller asked for, and was told.
type order struct {
	key     string
	steps   []step
	alone   bool // its one statement is a transaction of its own
	undone  bool // its caller rolls it back
	numbers map[step][]int64
	outcome outcome
	err     error
}

// step writes some rows of a tenant to a table.
type step struct {
	table        string // in the order of their names, since late's numbers come at COMMIT
	tenant, size int
}

func (s step) series() step { return step{table: s.table, tenant: s.tenant} }

const tenants = 6

// newWorkload has 4 callers.
func newWorkload(t *testing.T, cluster *citustest.Cluster) *workload {
	t.Helper()
	s := cluster.Connect(t)
	for _, table := range []string{"early", "late"} {
		s.Do("CREATE TABLE " + table + " (tenant int, id uuid DEFAULT gen_random_uuid(), number bigint, key text NOT NULL, place int NOT NULL, PRIMARY KEY (tenant, id), UNIQUE (tenant, number))")
		s.Do("SELECT create_distributed_table($1::text::regclass, 'tenant', shard_count => 4, colocate_with => 'none')", table)
		s.Do(fmt.Sprintf("SELECT gapless.attach_gapless('%s', 'number', name => $$ '%[1]s/' || NEW.tenant $$, at_commit => %t)", table, table == "late"))
	}
	s.Do(`CREATE VIEW numbered AS
		SELECT 'early/' || tenant AS sequence, tenant, number, key, place FROM early UNION ALL
		SELECT 'late/' || tenant, tenant, number, key, place FROM late`)
	seed := sqltest.NewSeed(t)
	w := &workload{t: t, cluster: cluster, random: rand.New(rand.NewPCG(seed, 0)), orders: map[string]*order{}}
	for i := range 4 {
		w.callers = append(w.callers, &caller{number: i, random: rand.New(rand.NewPCG(seed, uint64(i)+1)), last: map[step]int64{}})
	}
	return w
}

// compose decides what a caller asks for next. Of columns that number at COMMIT, an order has one tenant: the nodes number at the same
// time, and nobody finds a deadlock with what is prepared.
func (c *caller) compose() *order {
	o := &order{key: fmt.Sprintf("%d/%d", c.number, c.placed), numbers: map[step][]int64{}}
	c.placed++
	add := func(table string) {
		s := step{table, c.random.IntN(tenants), 1}
		if c.random.IntN(3) == 0 {
			s.size = 2 + c.random.IntN(3)
		}
		if !slices.ContainsFunc(o.steps, func(other step) bool { return other.series() == s.series() }) {
			o.steps = append(o.steps, s)
		}
	}
	switch c.random.IntN(4) {
	case 0:
		add("late")
	case 1:
		add("late")
		fallthrough
	case 2:
		for range 1 + c.random.IntN(3) {
			add("early")
		}
	default:
		add("early")
	}
	slices.SortFunc(o.steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.tenant, b.tenant)) })
	o.alone = len(o.steps) == 1 && c.random.IntN(2) == 0
	o.undone = !o.alone && c.random.IntN(6) == 0
	return o
}

// place has a caller place an order.
func (w *workload) place(ctx context.Context, c *caller) {
	o := c.compose()
	if o.err = w.connect(ctx, c); o.err != nil {
		return
	}
	o.outcome, o.err = c.run(ctx, o)
	if o.outcome == committed {
		w.told.Add(1)
	} else if o.err != nil {
		w.refused.Add(1)
		if strings.Contains(o.err.Error(), "is not attached here") {
			w.unattached.Add(1)
		}
	}
	w.mu.Lock()
	w.orders[o.key] = o
	w.mu.Unlock()
	if o.outcome == committed {
		for s, numbers := range o.numbers {
			if numbers[0] <= c.last[s.series()] {
				w.t.Errorf("a caller was told %v of %v, after %d", numbers, s.series(), c.last[s.series()])
			}
			c.last[s.series()] = slices.Max(numbers)
		}
	}
}

func (w *workload) connect(ctx context.Context, c *caller) (err error) {
	if c.conn == nil || c.conn.IsClosed() {
		c.conn, err = pgx.Connect(ctx, w.cluster.Coordinator.URL)
	}
	return err
}

// run does an order. An error says that it was rolled back, except where the node had to commit by itself: in a statement of its own, and
// in the COMMIT of a transaction that has written on one node.
func (c *caller) run(ctx context.Context, o *order) (outcome, error) {
	if o.alone {
		if err := c.insert(ctx, o.steps[0], o); err != nil {
			var pgErr *pgconn.PgError
			if errors.As(err, &pgErr) && (pgErr.Code == "55000" || pgErr.Code == "40P01" || strings.Contains(pgErr.Message, "is not attached here")) {
				return rolledBack, err
			}
			return unknown, err
		}
		return committed, nil
	}
	_, err := c.conn.Exec(ctx, "BEGIN")
	for _, s := range o.steps {
		if err == nil {
			err = c.insert(ctx, s, o)
		}
	}
	if err != nil || o.undone {
		if _, failed := c.conn.Exec(ctx, "ROLLBACK"); failed != nil {
			c.conn.Close(ctx)
		}
		return rolledBack, err
	}
	tag, err := c.conn.Exec(ctx, "COMMIT")
	var pgErr *pgconn.PgError
	switch {
	case err == nil && tag.String() == "COMMIT":
		return committed, nil
	case errors.As(err, &pgErr) && !strings.HasPrefix(pgErr.Message, "could not commit transaction for shard"):
		return rolledBack, err
	case err == nil:
		return committed, fmt.Errorf("COMMIT was answered with %s", tag)
	}
	return unknown, err
}

// insert writes the rows of a step in the ways that Citus has.
func (c *caller) insert(ctx context.Context, s step, o *order) error {
	statement := "INSERT INTO " + s.table + " (tenant, key, place) VALUES ($1, $2, 1)"
	switch {
	case s.size == 2:
		statement += ", ($1, $2, 2)"
	case s.size > 2:
		statement = fmt.Sprintf("INSERT INTO %s (tenant, key, place) SELECT $1::int, $2::text, i FROM generate_series(1, %d) AS i", s.table, s.size)
	}
	rows, _ := c.conn.Query(ctx, statement+" RETURNING coalesce(number, 0)", s.tenant, o.key)
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err == nil && len(numbers) != s.size {
		return fmt.Errorf("%v has returned %v", s, numbers)
	}
	if err == nil && numbers[0] != 0 { // or they come at COMMIT
		o.numbers[s] = numbers
	}
	return err
}

// open lets the callers in, and an observer. stop has each of them finish the order that it is at.
func (w *workload) open() (stop func()) {
	ctx := w.t.Context()
	var closing atomic.Bool
	var inside sync.WaitGroup
	for _, c := range w.callers {
		inside.Go(func() {
			before := w.refused.Load()
			for !closing.Load() && ctx.Err() == nil {
				w.place(ctx, c)
				if now := w.refused.Load(); now != before {
					before = now
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	w.observer.Move(w.cluster.Coordinator.URL)
	inside.Go(func() { w.observer.Watch(ctx, &closing) })
	return func() {
		w.t.Helper()
		closing.Store(true)
		gone := make(chan struct{})
		go func() { inside.Wait(); close(gone) }()
		recovers := time.NewTicker(time.Second) // what is prepared keeps them waiting
		defer recovers.Stop()
		s := w.cluster.Connect(w.t)
		for limit := time.After(sqltest.Eventually); ; {
			select {
			case <-gone:
				return
			case <-recovers.C:
				endPrepared(s)
			case <-limit:
				w.t.Fatalf("callers wait for ever:\n%s", strings.Join(w.activity(), "\n"))
			}
		}
	}
}

// activity is who does what on which node.
func (w *workload) activity() (all []string) {
	for _, node := range w.cluster.Nodes() {
		all = append(all, sqltest.Texts(node.Connect(w.t), `SELECT concat_ws(' ', inet_server_port(), a.pid, a.state, a.wait_event_type, a.wait_event, pg_blocking_pids(a.pid), a.query)
			FROM pg_stat_activity AS a WHERE a.datname = current_database() AND a.state <> 'idle'
			UNION ALL SELECT concat_ws(' ', inet_server_port(), 'prepared', p.gid, p.prepared) FROM pg_prepared_xacts AS p WHERE p.database = current_database()`)...)
	}
	return all
}

// await blocks until so many more are counted. What is left prepared is recovered meanwhile, as Citus does each minute.
func (w *workload) await(count *atomic.Int64, more int64) {
	w.t.Helper()
	s := w.cluster.Connect(w.t)
	enough, recovered := count.Load()+more, time.Now()
	require.Eventually(w.t, func() bool {
		if time.Since(recovered) > time.Second {
			endPrepared(s)
			recovered = time.Now()
		}
		return count.Load() >= enough
	}, sqltest.Eventually, sqltest.Tick, "nothing happens any more")
}

// round has something fail while callers commit, sees them go on, and checks what they were told.
func (w *workload) round(fail func(s sqltest.Session)) {
	w.t.Helper()
	s := w.cluster.Connect(w.t)
	stop := w.open()
	w.await(&w.told, 10+w.random.Int64N(10))
	fail(s)
	w.await(&w.told, 15)
	looks := w.observer.Looks()
	require.Eventually(w.t, func() bool { return w.observer.Looks() > looks || w.observer.Torn() != "" }, sqltest.Eventually, sqltest.Tick, "nobody looks")
	stop()
	require.Empty(w.t, w.observer.Torn(), "somebody saw a number, and not all before it")
	w.recover(s)
	w.check(s)
}

// endPrepared has Citus end what is left prepared. It fails once after a worker has gone, with whose session it had.
func endPrepared(s sqltest.Session) { _, _ = s.Exec(s.Ctx, "SELECT recover_prepared_transactions()") }

// recover blocks until nothing is left prepared.
func (w *workload) recover(s sqltest.Session) {
	w.t.Helper()
	for _, node := range w.cluster.Workers {
		n := node.Connect(w.t)
		require.Eventually(w.t, func() bool {
			endPrepared(s)
			var none bool
			err := n.QueryRow(n.Ctx, "SELECT count(*) = 0 FROM pg_prepared_xacts WHERE database = current_database()").Scan(&none)
			return err == nil && none
		}, sqltest.Eventually, 50*sqltest.Tick, "a prepared transaction is left")
	}
}

// check requires that nothing is wrong, and says what there was.
func (w *workload) check(s sqltest.Session) {
	w.t.Helper()
	require.Empty(w.t, w.faults(s))
	counts := map[outcome]int{}
	for _, o := range w.orders {
		counts[o.outcome]++
	}
	w.t.Logf("%v, %d refused by a shard that was not attached", counts, w.unattached.Load())
}

// wrong are what must not be, with the queries that find it.
var wrong = []struct{ what, query string }{
	{"a hole or a double", holds.Prefix},
	{"the audit does not explain", "SELECT f::text FROM gapless.node_audit() AS f WHERE NOT explained"},
	{"not attached", "SELECT shard_name FROM gapless.node_shards() WHERE NOT attached"},
	{"the counter is elsewhere", "SELECT n.sequence FROM numbered AS n LEFT JOIN gapless.node_sequences() AS q ON q.name = n.sequence GROUP BY n.sequence HAVING max(n.number) IS DISTINCT FROM max(q.last_value)"},
	{"nobody knows who took it", "SELECT r.result FROM run_command_on_all_nodes($$ SELECT string_agg(concat_ws(' ', j.name, j.kind, j.first_value, j.last_value), ', ') FROM gapless.journal AS j WHERE j.kind <> 'issued' $$) AS r WHERE r.result <> ''"},
}

// faults are what is wrong when all is at rest, and where callers were told something else than what is there.
func (w *workload) faults(s sqltest.Session) (faults []string) {
	w.t.Helper()
	for _, q := range wrong {
		for _, found := range sqltest.Texts(s, q.query) {
			faults = append(faults, q.what+": "+found)
		}
	}
	type row struct {
		Sequence, Key string
		Number        *int64
	}
	found, _ := s.Query(s.Ctx, "SELECT sequence, key, number FROM numbered ORDER BY key, sequence, place")
	rows, err := pgx.CollectRows(found, pgx.RowToStructByPos[row])
	require.NoError(w.t, err)
	there := map[string]map[string][]int64{}
	for _, r := range rows {
		if there[r.Key] == nil {
			there[r.Key] = map[string][]int64{}
		}
		number := int64(0)
		if r.Number != nil {
			number = *r.Number
		}
		there[r.Key][r.Sequence] = append(there[r.Key][r.Sequence], number)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, o := range w.orders {
		if lie := o.lie(there[key]); lie != "" {
			faults = append(faults, fmt.Sprintf("order %s %s: %+v; there is %v", key, lie, o, there[key]))
		}
		delete(there, key)
	}
	if len(there) > 0 {
		faults = append(faults, fmt.Sprintf("nobody ordered these: %v", there))
	}
	return faults
}

// lie is in what way an order's caller was told something else than what is there, by series; "" if it was not.
func (o *order) lie(there map[string][]int64) string {
	switch {
	case o.outcome == committed && o.err != nil:
		return o.err.Error()
	case o.outcome == committed && len(there) == 0:
		return "was acknowledged, and is not there"
	case o.outcome == rolledBack && len(there) > 0:
		return "was rolled back, and is there"
	case len(there) == 0:
		return ""
	case len(there) != len(o.steps):
		return "is not whole"
	}
	for _, s := range o.steps {
		numbers := there[fmt.Sprintf("%s/%d", s.table, s.tenant)]
		if len(numbers) != s.size {
			return "is not whole, or was done twice"
		}
		if told := o.numbers[s]; told != nil && o.outcome == committed && !slices.Equal(told, numbers) {
			return "was told other numbers"
		}
	}
	return ""
}
