package faults_test

// The connection breaks at each message of the protocol in turn, from the startup to the end, whichever end sends it.

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// verdicts, of which a short run takes one for each way to commit. After the last three, one end does not notice.
var verdicts = []pgproxy.Verdict{
	pgproxy.Cut, pgproxy.CutAfter, pgproxy.CutClientAfter, pgproxy.Hold, pgproxy.CutClient,
}

// noticed is how long it takes until a connection that one end believes to be alive is found to be dead, as TCP's keepalive does.
const noticed = 50 * time.Millisecond

// wire counts the messages of each direction, on all connections, and has one of them strike.
type wire struct {
	proxy *pgproxy.Proxy

	mu      sync.Mutex
	counts  map[bool]int // by whether the server sends
	at      int
	server  bool
	verdict pgproxy.Verdict
	struck  chan string   // has the message that was hit
	over    chan struct{} // closed when no connection believes any more to be alive
}

func (w *wire) judge(m pgproxy.Message) pgproxy.Verdict {
	if m.IsCancelRequest() { // pgx sends it on another connection, whenever it loses one
		return pgproxy.Cut
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[m.FromServer]++
	if m.FromServer != w.server || w.counts[m.FromServer] != w.at {
		return pgproxy.Forward
	}
	w.struck <- fmt.Sprintf("%q %s%s", m.Type, m.SQL(), m.Tag())
	if w.verdict == pgproxy.Cut || w.verdict == pgproxy.CutAfter {
		close(w.over)
	} else {
		time.AfterFunc(noticed, func() { w.proxy.CutAll(); close(w.over) })
	}
	return w.verdict
}

func TestACutAtAnyMessageIsSurvived(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	server := newServer(t, nil) // whose commits tell their order: nobody looks while a single caller commits
	for _, grouped := range []bool{false, true} {
		for _, together := range []bool{false, true} {
			for _, verdict := range some(random, verdicts, 1) {
				t.Run(fmt.Sprintf("in groups %t, with COMMIT %t, %v", grouped, together, verdict), func(t *testing.T) {
					t.Parallel()
					cutAtEachMessage(t, server.NewDatabase(t), grouped, together, verdict)
				})
			}
		}
	}
}

// cutAtEachMessage places the same order again and again, each time with the connection broken one message later, until there
// is none. Every time, the next order must find nothing in its way.
func cutAtEachMessage(t *testing.T, database *pgtest.Database, grouped, together bool, verdict pgproxy.Verdict) {
	proxy := pgproxy.New(t, database.URL)
	w := newWorkload(t, database, database.URL)
	w.allowed = outage
	through := *database
	through.URL = proxy.URL()
	stride := size(10, 1) // some of them, from a random one on; or with more -rounds all
	var hit, survived int
	for _, server := range []bool{false, true} {
		for at, reached := 1+w.random.IntN(stride), true; reached; at += stride {
			cable := &wire{proxy: proxy, counts: map[bool]int{}, at: at, server: server, verdict: verdict,
				struck: make(chan string, 1), over: make(chan struct{})}
			proxy.Intercept(cable.judge)
			name := fmt.Sprintf("message %d from the server: %t", at, server)
			o := &order{key: name, together: together, savepoint: true, steps: []step{
				{"early", "early/0", 1}, {"taken", "taken/0", 1}, {"late", "late/0", 1},
			}}
			w.onOnePool(through, grouped, func(ctx context.Context, way sqltest.InTx) {
				w.run(ctx, o, way)
				require.NoError(t, ctx.Err(), "%s: it took too long: %v", name, o.err)
			})
			select {
			case message := <-cable.struck:
				<-cable.over
				hit++
				if o.err == nil {
					survived++
				}
				w.run(t.Context(), &order{key: "after " + name, steps: o.steps}, w.ways[0])
				if t.Failed() {
					t.Fatal(message)
				}
			default:
				reached = false
			}
		}
	}
	proxy.Intercept(nil)
	proxy.CutAll()
	w.check()
	t.Logf("%d messages; %d of the orders were acknowledged all the same", hit, survived)
	require.Greater(t, hit, 80/stride)
	if stride == 1 {
		require.Positive(t, survived)
	}
}

// onOnePool gives use a way to commit over connections that nobody had before and nobody has after, if it gets any.
func (w *workload) onOnePool(database pgtest.Database, grouped bool, use func(ctx context.Context, way sqltest.InTx)) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), sqltest.Eventually)
	defer cancel()
	config, err := pgxpool.ParseConfig(database.URL)
	require.NoError(w.t, err)
	sqltest.HostilePath(config)
	config.MaxConns = 2
	pool, err := pgxpool.NewWithConfig(ctx, config)
	require.NoError(w.t, err)
	defer pool.Close()
	way := oneByOne(pool)
	if grouped {
		committer, err := gapless.NewGroupCommitter(ctx, pool)
		if err != nil { // it connects, and was hit by that
			require.True(w.t, outage(err), "%v", err)
			return
		}
		defer committer.Close()
		way = committer.InTx
	}
	use(ctx, way)
}
