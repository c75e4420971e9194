package histories_test

// A history: some clients, what they do, and what is checked when they have done it.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxstdlib "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

// forEver is what a history waits for at most.
const forEver = 2 * time.Minute

// What a history can violate.
var (
	errIllegal   = errors.New("porcupine: no order of the transactions explains what the clients saw")
	errUndecided = errors.New("porcupine: it could not decide in time")
	errRows      = errors.New("the committed rows are no history of a gapless counter")
	errTold      = errors.New("a client was told something else than what is there")
	errAudit     = errors.New("the audit is not clean")
	errWaits     = errors.New("something waits for ever")
)

var modes = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
	pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
}

type history struct {
	script
	database *pgtest.Database
	proxy    *pgproxy.Proxy // between the clients and the server
	clients  []client
	patience time.Duration // before something counts as waiting for ever
	outages  bool          // the server may be away
	sharded  bool          // the server is a coordinator of Citus
	lossy    int64         // until then, somebody could see a group's commits that a crash then lost
	begun    time.Time
	done     atomic.Int64 // how many transactions
	shared   int          // how many batches of Send were committed together with others
	unread   int          // of how many it was told that they were committed and their answers lost

	mu      sync.Mutex
	records []*record

	random  *rand.Rand
	name    string
	reports string // the folder for what porcupine draws of what it finds, which takes it long; "" for nothing
}

// newHistory makes one in a database, without clients.
func newHistory(t *testing.T, database *pgtest.Database, name string, random *rand.Rand) *history {
	t.Helper()
	_, err := database.Conn(t).Exec(t.Context(), createEntries)
	require.NoError(t, err)
	h := &history{database: database, proxy: pgproxy.New(t, database.URL), patience: forEver, random: random, name: name, reports: os.TempDir()}
	h.proxy.Intercept(cuts(rand.New(rand.NewPCG(random.Uint64(), 0))))
	return h
}

// odd are defaults that a client's sessions can have, by the role or the database.
var odd = []map[string]string{
	{}, {},
	{"default_transaction_isolation": "repeatable read"},
	{"default_transaction_isolation": "serializable"},
	{"default_transaction_read_only": "on", "search_path": ""},
	{"default_transaction_isolation": "serializable", "default_transaction_read_only": "on", "default_transaction_deferrable": "on"},
	{"idle_session_timeout": "50ms"},
}

// pool is one through the proxy. In which way it sends statements is drawn, since poolers need some of them, and so are its defaults.
func (h *history) pool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	through := *h.database
	through.URL = h.proxy.URL()
	mode, defaults := modes[h.random.IntN(len(modes))], odd[h.random.IntN(len(odd))]
	return through.Pool(t, func(config *pgxpool.Config) {
		config.MaxConns = 4
		config.ConnConfig.DefaultQueryExecMode = mode
		maps.Copy(config.ConnConfig.RuntimeParams, defaults)
	})
}

func (h *history) addPlain(clients ...*plain) {
	for _, c := range clients {
		c.url = h.proxy.URL()
		h.clients = append(h.clients, c)
	}
}

// addInTx adds two clients of gapless.InTx.
func (h *history) addInTx(t *testing.T) {
	t.Helper()
	pool := h.pool(t)
	run := func(ctx context.Context, fn func(tx pgx.Tx) error, opts ...gapless.TxOption) error {
		return gapless.InTx(ctx, pool, fn, opts...)
	}
	h.clients = append(h.clients, &library{inTx: run}, &library{inTx: run, together: true})
}

// addGroup adds two clients of a group committer.
func (h *history) addGroup(t *testing.T) {
	t.Helper()
	committer := h.committer(t)
	h.clients = append(h.clients, &library{inTx: committer.InTx}, &library{inTx: committer.InTx, together: true})
}

// addSend adds clients of a group committer that send batches.
func (h *history) addSend(t *testing.T, clients ...*sender) {
	t.Helper()
	committer := h.committer(t)
	for _, c := range clients {
		c.send = committer.Send
		h.clients = append(h.clients, c)
	}
}

func (h *history) committer(t *testing.T) *gapless.GroupCommitter {
	t.Helper()
	pool := h.pool(t)
	committer := firstOf(t, func() (*gapless.GroupCommitter, error) { return gapless.NewGroupCommitter(t.Context(), pool) })
	t.Cleanup(committer.Close)
	return committer
}

// firstOf is the first of some tries to make a committer that is none in vain: its first flush can be cut, too.
func firstOf[C any](t *testing.T, try func() (C, error)) (committer C) {
	t.Helper()
	err := errors.New("not tried")
	for i := 0; i < 20 && err != nil; i++ {
		committer, err = try()
	}
	require.NoError(t, err)
	return committer
}

// addDatabase adds two clients over database/sql, one of them of a group committer.
func (h *history) addDatabase(t *testing.T, inGroups bool) {
	t.Helper()
	config, err := pgx.ParseConfig(h.proxy.URL())
	require.NoError(t, err)
	maps.Copy(config.RuntimeParams, odd[h.random.IntN(len(odd))])
	db := pgxstdlib.OpenDB(*config)
	t.Cleanup(func() { db.Close() })
	one := &database{func(ctx context.Context, fn func(tx *sql.Tx) error, opts ...gapless.TxOption) error {
		return stdlib.InTx(ctx, db, fn, opts...)
	}}
	another := one
	if inGroups {
		committer := firstOf(t, func() (*stdlib.GroupCommitter, error) { return stdlib.NewGroupCommitter(t.Context(), db) })
		t.Cleanup(committer.Close)
		another = &database{committer.InTx}
	}
	h.clients = append(h.clients, one, another)
}

// addPython adds two clients of the second stack; where there is none, two of SQL.
func (h *history) addPython(t *testing.T) {
	t.Helper()
	for range 2 {
		if c := newPython(t, h.proxy.URL()); c != nil {
			h.clients = append(h.clients, c)
		} else {
			h.addPlain(&plain{})
		}
	}
}

// play has every client run its plans from one turn up to another, one after the other.
func (h *history) play(ctx context.Context, from, to int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.patience, errWaits)
	defer cancel()
	if h.begun.IsZero() {
		h.begun = time.Now()
	}
	h.done.Store(0)
	var all errgroup.Group
	for i, c := range h.clients {
		all.Go(func() error {
			for _, p := range h.plans[i][from:to] {
				if err := h.runOne(ctx, c, i, p); err != nil {
					return fmt.Errorf("transaction %s: %w", p.key, errors.Join(err, context.Cause(ctx)))
				}
				h.done.Add(1)
			}
			return nil
		})
	}
	err := all.Wait()
	if ctx.Err() != nil {
		err = errors.Join(err, h.whoWaits(context.WithoutCancel(ctx)))
	}
	return err
}

func (h *history) runOne(ctx context.Context, c client, i int, p plan) error {
	r := &record{key: p.key, client: i, now: h.now, begun: h.now()}
	err := c.run(ctx, p, r)
	r.ended = h.now()
	h.mu.Lock()
	h.records = append(h.records, r)
	h.mu.Unlock()
	if h.outages && isOutage(err) {
		return h.awaitServer(ctx)
	}
	return err
}

// awaitServer waits until the server is there.
func (h *history) awaitServer(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, h.proxy.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * sqltest.Tick): // an attempt keeps a server from starting
		}
	}
}

// now is monotonic.
func (h *history) now() int64 { return int64(time.Since(h.begun)) }

// awaitDone blocks until so many transactions of this play have ended.
func (h *history) awaitDone(t *testing.T, some int) {
	t.Helper()
	require.Eventually(t, func() bool { return h.done.Load() >= int64(some) }, sqltest.Eventually, sqltest.Tick)
}

// verify checks all that must be so when every client is done. Its errors are those above.
func (h *history) verify(ctx context.Context) error {
	h.proxy.CutAll() // ends those who were left, too
	conn, err := pgx.Connect(ctx, h.database.URL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := h.awaitQuiet(ctx, conn); err != nil {
		return err
	}
	if h.sharded {
		if err := h.endPrepared(ctx, conn); err != nil {
			return err
		}
	}
	there, err := h.readRows(ctx, conn)
	if err != nil {
		return err
	}
	if err := h.checkSent(ctx, conn); err != nil {
		return err
	}
	return errors.Join(h.linearize(), h.check(ctx, conn, there))
}

// checkSent finds a batch of Send that was acknowledged, though its callbacks had read what it was told in another transaction
// than the one that was committed.
func (h *history) checkSent(ctx context.Context, conn *pgx.Conn) error {
	rows, _ := conn.Query(ctx, "SELECT key, txid, count(*) OVER (PARTITION BY txid) > 1 FROM public.sent")
	var key string
	var txid int64
	var shared bool
	sent := map[string]int64{}
	_, err := pgx.ForEachRow(rows, []any{&key, &txid, &shared}, func() error {
		sent[key] = txid
		if shared {
			h.shared++
		}
		return nil
	})
	for _, r := range h.records {
		switch txid, is := sent[r.key]; {
		case is && r.unread:
			h.unread++
		case is && r.outcome == committed && r.read != txid:
			err = errors.Join(err, fmt.Errorf("%w: transaction %s, which is %d, was told what it did in transaction %d", errTold, r.key, txid, r.read))
		}
	}
	return err
}

// linearize has porcupine look for an order.
func (h *history) linearize() error {
	const most = 30 * time.Second
	var operations []porcupine.Operation
	end := h.now()
	for _, r := range h.records {
		operations = append(operations, r.operations(end)...)
	}
	// What is seen of a group's commit before it is durable is no promise, unless it is the ground of a commit that is.
	operations = slices.DeleteFunc(operations, func(o porcupine.Operation) bool {
		return o.Output.(answer).outcome == rolledBack && o.Call < h.lossy
	})
	switch porcupine.CheckOperationsTimeout(model, operations, most) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("%w: %d operations", errUndecided, len(operations))
	case porcupine.Illegal:
		if h.reports == "" {
			return errIllegal
		}
	}
	_, info := porcupine.CheckOperationsVerbose(model, operations, most)
	path := filepath.Join(h.reports, "gapless-history-"+strings.ReplaceAll(h.name, " ", "-")+".html")
	if err := porcupine.VisualizePath(model, info, path); err != nil {
		return errors.Join(errIllegal, err)
	}
	return fmt.Errorf("%w: see %s", errIllegal, path)
}

// awaitQuiet waits until no other session does anything.
func (h *history) awaitQuiet(ctx context.Context, conn *pgx.Conn) error {
	for until := time.Now().Add(h.patience); ; time.Sleep(sqltest.Tick) {
		var busy []string
		err := conn.QueryRow(ctx, `SELECT coalesce(array_agg(pid || ' ' || coalesce(state, '') || ': ' || query), '{}')
			FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
				AND state IS DISTINCT FROM 'idle'`).Scan(&busy)
		switch {
		case err != nil:
			return err
		case len(busy) == 0:
			return nil
		case time.Now().After(until):
			return fmt.Errorf("%w: %s", errWaits, strings.Join(busy, "; "))
		}
	}
}

// whoWaits is what the view of holders says, for a failure.
func (h *history) whoWaits(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, h.database.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, _ := conn.Query(ctx, "SELECT h::text FROM gapless.holders AS h")
	holders, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return errors.Join(fmt.Errorf("holders: %s", strings.Join(holders, "; ")), err)
}

// cuts ends connections at COMMIT as the plans ask for it, in the comment that they send along. Of the transactions whose
// clients find outcomes out, and of their flushes, it cuts one in twenty.
func cuts(random *rand.Rand) func(m pgproxy.Message) pgproxy.Verdict {
	var mu sync.Mutex
	chosen := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(20) == 0
	}
	var asked sync.Map    // by connection: the ending of a COMMIT that is under way
	var executed sync.Map // the connections that have sent COMMIT in a batch, and not its end
	return func(m pgproxy.Message) pgproxy.Verdict {
		statement := strings.ToLower(m.SQL())
		_, text, commented := strings.Cut(strings.TrimSuffix(statement, " */"), "commit /* ")
		how := ending(text)
		end, known := asked.Load(m.Conn)
		switch {
		case m.IsCancelRequest(): // who is left is not to notice
			return pgproxy.Cut
		case commented && how == loseCommit:
			return pgproxy.Cut
		case commented && how == leave:
			return pgproxy.CutClientAfter
		case commented:
			asked.Store(m.Conn, how)
		case m.FromServer && m.Tag() == "COMMIT" && known:
			asked.Delete(m.Conn)
			if end == loseAnswer {
				return pgproxy.Cut
			}
		case m.FromServer && m.Tag() == "COMMIT" && chosen():
			return pgproxy.Cut
		case m.Type == 'Q' && (statement == "commit" || strings.Contains(statement, "flush_gapless")) && chosen():
			return pgproxy.Cut
		case m.Type == 'E' && statement == "commit":
			executed.Store(m.Conn, true)
		case m.Type == 'S' && !m.FromServer:
			if _, batch := executed.LoadAndDelete(m.Conn); batch && chosen() {
				return pgproxy.CutAfter
			}
		}
		return pgproxy.Forward
	}
}
