package faults_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
)

// TestFaultsTogether strikes in any order, while connections break at any message and timeouts cut the callers short.
func TestFaultsTogether(t *testing.T) {
	t.Parallel()
	server := newServer(t, nil)
	database := server.NewDatabase(t)
	proxy := pgproxy.New(t, database.URL)
	w := newWorkload(t, database, proxy.URL(), setting("statement_timeout", "200"), setting("lock_timeout", "100"),
		setting("idle_in_transaction_session_timeout", "30"))
	w.thinks, w.mayNotSay = 40*time.Millisecond, true
	w.allowed = func(err error) bool {
		return outage(err) || codes("57014", "55P03", "25P03")(err)
	}
	admin := func(statement string) func() {
		return func() {
			_, err := connect(t, database.URL).Exec(t.Context(), statement)
			if codeOf(err) != "40P01" { // see TestMaintenanceFailsNobody
				require.NoError(t, err, statement)
			}
		}
	}
	strikes := []struct {
		name string
		do   func()
	}{
		{"kill -9 of the server", func() { server.Kill(t); server.Start(t) }},
		{"immediate shutdown", func() { server.StopImmediate(t); server.Start(t) }},
		{"fast shutdown", func() { server.Stop(t); server.Start(t) }},
		{"kill -9 of a backend", func() { killBackend(w, victims[w.random.IntN(len(victims))].query); awaitServer(t, database.URL) }},
		{"pg_cancel_backend", func() { signalBackends("pg_cancel_backend")(w) }},
		{"pg_terminate_backend", func() { signalBackends("pg_terminate_backend")(w) }},
		{"every connection is cut", proxy.CutAll},
		{"VACUUM FULL", admin("VACUUM FULL gapless.allocation")},
		{"REINDEX", admin("REINDEX TABLE CONCURRENTLY gapless.allocation")},
		{"CHECKPOINT", admin("CHECKPOINT")},
	}
	for range *rounds {
		proxy.Intercept(cutSome(w.random.Uint64()))
		w.round(func() {
			for range 4 {
				strike := strikes[w.random.IntN(len(strikes))]
				t.Log(strike.name)
				strike.do()
				if w.random.IntN(2) == 0 { // or at once the next
					w.await(1 + w.random.IntN(20))
				}
			}
			proxy.Intercept(nil)
		})
	}
	require.Positive(t, w.refused.Load())
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
