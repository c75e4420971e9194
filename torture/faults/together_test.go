package faults_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
)

// TestFaultsTogether strikes in any order, in a long run each way at least once, while connections break at any message, timeouts
// cut the callers short, deadlocks have them run again, and transactions are left prepared.
func TestFaultsTogether(t *testing.T) {
	t.Parallel()
	server := newServer(t, nil)
	database := server.NewDatabase(t)
	proxy := pgproxy.New(t, database.URL)
	w := newWorkload(t, database, proxy.URL(), setting("statement_timeout", "200"), setting("lock_timeout", "100"),
		setting("idle_in_transaction_session_timeout", "30"), setting("deadlock_timeout", "5ms"))
	w.thinks, w.mayNotSay = 40*time.Millisecond, true
	w.allowed = func(err error) bool {
		return outage(err) || codes("57014", "55P03", "25P03", "40P01")(err) // 40P01: ten times
	}
	prepared := leftPrepared{w: w}
	admin := func(statement string) func() {
		return func() {
			_, err := connect(t, database.URL).Exec(t.Context(), statement)
			if codeOf(err) != "40P01" { // see TestMaintenanceFailsNobody
				require.NoError(t, err, statement)
			}
		}
	}
	exclusive := func(statement string) func() {
		return func() {
			prepared.resolve() // else it would wait for ever
			admin(statement)()
		}
	}
	strikes := []struct {
		name string
		do   func()
	}{
		{"kill -9 of the server", func() { server.Kill(t); server.Start(t) }},
		{"kill -9 of the postmaster", func() { server.KillPostmaster(t); server.Start(t) }},
		{"immediate shutdown", func() { server.StopImmediate(t); server.Start(t) }},
		{"fast shutdown", func() { server.Stop(t); server.Start(t) }},
		{"kill -9 of a backend", func() { killBackend(w, victims[w.random.IntN(len(victims))].query); awaitServer(t, database.URL) }},
		{"pg_cancel_backend", func() { signalBackends("pg_cancel_backend")(w) }},
		{"pg_terminate_backend", func() { signalBackends("pg_terminate_backend")(w) }},
		{"every connection is cut", proxy.CutAll},
		{"VACUUM FULL", exclusive("VACUUM FULL gapless.allocation")},
		{"REINDEX", exclusive("REINDEX TABLE CONCURRENTLY gapless.allocation")},
		{"CHECKPOINT", admin("CHECKPOINT")},
	}
	each := 4
	if *rounds > 1 {
		each = max(each, (len(strikes)+*rounds-1) / *rounds)
	}
	var next []int
	w.opposite = w.random.IntN(2) == 0
	for range *rounds {
		w.opposite = !w.opposite
		proxy.Intercept(cutSome(w.random.Uint64()))
		w.round(func() {
			overPrepared := w.random.IntN(each)
			for i := range each {
				if i == overPrepared {
					prepared.leave()
				}
				if len(next) == 0 {
					next = w.random.Perm(len(strikes))
				}
				strike := strikes[next[0]]
				next = next[1:]
				t.Log(strike.name)
				strike.do()
				if w.random.IntN(2) == 0 { // or at once the next
					w.await(1 + w.random.IntN(20))
				}
			}
			proxy.Intercept(nil)
			prepared.resolve()
		})
	}
	require.Positive(t, w.refused.Load())
}

// leftPrepared is a transaction that is prepared, has a sequence, and waits for somebody to resolve it.
type leftPrepared struct {
	w    *workload
	left *order
	many int
}

// leave leaves one behind; there may be none.
func (p *leftPrepared) leave() {
	p.w.t.Helper()
	p.w.t.Log("a transaction is left prepared")
	p.many++
	table := tables[p.w.random.IntN(3)]
	p.left = &order{key: fmt.Sprintf("prepared %d", p.many), savepoint: true, steps: []step{{table, table + "/0", 2}}}
	prepare(p.w, p.left)
}

// resolve commits it or rolls it back, if there is one.
func (p *leftPrepared) resolve() {
	p.w.t.Helper()
	o := p.left
	if o == nil {
		return
	}
	p.left = nil
	s := connect(p.w.t, p.w.database.URL)
	if p.w.random.IntN(2) == 0 {
		s.do("COMMIT PREPARED '" + o.key + "'")
	} else {
		s.do("ROLLBACK PREPARED '" + o.key + "'")
		o.err, o.rollsBack = errMine, true
	}
	require.NoError(p.w.t, s.Close(p.w.t.Context()))
	p.w.remember(o)
}

// cutSome breaks a connection at one message of 500, before or after it.
func cutSome(seed uint64) func(m pgproxy.Message) pgproxy.Verdict {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func(m pgproxy.Message) pgproxy.Verdict {
		mu.Lock()
		defer mu.Unlock()
		if m.IsCancelRequest() || random.IntN(500) > 0 {
			return pgproxy.Forward
		}
		return []pgproxy.Verdict{pgproxy.Cut, pgproxy.CutAfter}[random.IntN(2)]
	}
}

// awaitServer blocks until the server accepts connections again.
func awaitServer(t *testing.T, url string) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			conn.Close(t.Context())
		}
		return err == nil
	}, eventually, tick)
}
