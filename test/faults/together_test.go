package faults_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestFaultsTogether strikes in any order, in a long run each way at least once, while connections break at any message, timeouts
// cut the callers short, deadlocks have them run again, a sequence is exhausted, and transactions are left prepared.
func TestFaultsTogether(t *testing.T) {
	t.Parallel()
	server := newServer(t, togetherSettings)
	database := server.NewDatabase(t)
	together(t, server, database, impatient, impatience, func(w *workload, prepared *leftPrepared) []strike {
		return append(strikesOnTheServer(w, server, prepared), strikesOfTheServer(w, server, prepared)...)
	})
}

// TestFaultsOfTheHostTogether has disks fill up, clocks jump and memory come to an end. It is not parallel, as newClock says, and its
// callers are patient: libfaketime allocates memory in the handler of a timeout's signal, which can end the process.
func TestFaultsOfTheHostTogether(t *testing.T) {
	wantHost(t)
	data, wal := smallDisk(t, "32m"), smallDisk(t, smallWAL)
	setClock := newClock(t)
	server := pgtest.NewServer(t, pgtest.WithSettings(togetherSettings)) // the times of commits would tell nothing
	database := server.NewDatabase(t)
	moveWAL(t, server, wal)
	struck := func(err error) bool { return outage(err) || codes("53100", "53200", "2201B")(err) }
	together(t, server, database, nil, struck, func(w *workload, prepared *leftPrepared) []strike {
		moveData(t, server, database, data)
		now := 0
		jump := func() time.Duration {
			now = (now + 1 + w.random.IntN(len(offsets)-1)) % len(offsets)
			setClock(offsets[now])
			return offsets[now]
		}
		strikes := []strike{
			{"the disk of the data is full", func() { fillData(w, 20) }},
			{"the disk of the WAL is full", func() { fillWAL(w, server, wal) }},
			{"there is no more memory", func() { exhaustMemory(w, server) }},
			{"the clock jumps", func() { awaitClock(t, database.URL, jump()) }},
			{"kill -9 of the server, the clock jumps, and a transaction is left prepared", func() {
				prepared.leave()
				server.Kill(t)
				jump()
				server.Start(t)
				prepared.resolve()
			}},
		}
		if *rounds > 1 {
			strikes = append(strikes, strikesOnTheServer(w, server, prepared)...)
		}
		return strikes
	})
}

// togetherSettings have autovacuum freeze what is old soon, and leave room for a crowd. The server forgets then when old transactions
// committed; the observer has looked.
var togetherSettings = map[string]string{
	"autovacuum_freeze_max_age": "100000", "autovacuum_naptime": "1", "vacuum_freeze_min_age": "0", "vacuum_freeze_table_age": "0",
	"max_connections": "550",
}

// strike is what happens to a server while callers commit.
type strike struct {
	name string
	do   func()
}

// together has callers commit through a proxy, and strikes. Callers without timeouts would wait for a prepared transaction for ever, so
// one is left only where they have some.
func together(t *testing.T, server *pgtest.OwnServer, database *pgtest.Database, timeouts []func(*pgxpool.Config),
	allowed func(error) bool, strikesOn func(*workload, *leftPrepared) []strike,
) {
	t.Helper()
	proxy := pgproxy.New(t, database.URL)
	w := newWorkload(t, database, proxy.URL(), timeouts...)
	sqltest.Connect(t, database).Do("SELECT gapless.adopt_gapless($1, $2)", exhausted, int64(last))
	w.thinks, w.allowed, w.mayNotSay, w.exhausts = 40*time.Millisecond, allowed, true, true
	prepared := &leftPrepared{w: w}
	strikes := append(strikesOn(w, prepared), strike{"every connection is cut", proxy.CutAll})
	each := size(3, 4)
	if *rounds > 1 {
		each = max(each, (len(strikes)+*rounds-1) / *rounds)
	}
	var next []int
	w.opposite = timeouts != nil && w.random.IntN(2) == 0
	for range *rounds {
		w.opposite = timeouts != nil && !w.opposite // a deadlock lasts as long as its timeout
		proxy.Intercept(cutSome(w.random.Uint64()))
		w.round(func() {
			overPrepared := w.random.IntN(each)
			for i := range each {
				if i == overPrepared && timeouts != nil {
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
	sqltest.Connect(t, database).Refuse("2200H", "SELECT gapless.next_gapless($1)", exhausted)
}

// impatient are the timeouts of the callers, and impatience is what they, outages and deadlocks give.
var impatient = []func(*pgxpool.Config){
	setting("statement_timeout", "200"), setting("lock_timeout", "100"),
	setting("idle_in_transaction_session_timeout", "30"), setting("deadlock_timeout", "5ms"),
}

func impatience(err error) bool {
	return outage(err) || codes("57014", "55P03", "25P03", "40P01")(err) // 40P01: ten times
}

// strikesOnTheServer end it, or crowd it.
func strikesOnTheServer(w *workload, server *pgtest.OwnServer, prepared *leftPrepared) []strike {
	t := w.t
	return []strike{
		{"kill -9 of the server", func() { server.Kill(t); server.Start(t) }},
		{"kill -9 of the postmaster", func() { server.KillPostmaster(t); server.Start(t) }},
		{"immediate shutdown", func() { server.StopImmediate(t); server.Start(t) }},
		{"fast shutdown", func() { server.Stop(t); server.Start(t) }},
		{"kill -9 of a backend", func() { killOne(w) }},
		{"many callers more", func() { prepared.resolve(); crowd(w, size(30, 450)) }},
	}
}

// strikesOfTheServer are what is done with it while it runs.
func strikesOfTheServer(w *workload, server *pgtest.OwnServer, prepared *leftPrepared) []strike {
	t := w.t
	admin := func(statements ...string) func() {
		return func() {
			s := w.ask()
			for _, statement := range statements {
				_, err := s.Exec(t.Context(), statement)
				if codeOf(err) != "40P01" { // see TestMaintenanceFailsNobody
					require.NoError(t, err, statement)
				}
			}
		}
	}
	exclusive := func(statement string) func() {
		return func() {
			prepared.resolve() // else it would wait for ever
			admin(statement)()
		}
	}
	strikes := []strike{
		{"pg_cancel_backend", func() { signalBackends("pg_cancel_backend")(w) }},
		{"pg_terminate_backend", func() { signalBackends("pg_terminate_backend")(w) }},
		{"VACUUM FULL", exclusive("VACUUM FULL gapless.journal")},
		{"REINDEX", exclusive("REINDEX TABLE CONCURRENTLY gapless.journal")},
		{"CHECKPOINT", admin("CHECKPOINT")},
		{"so many transactions that old ones are to be frozen", admin("DO $$ BEGIN FOR i IN 1 .. 120000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$")},
		{"a million numbers are taken, and given back", admin("BEGIN", "SELECT count(*) FROM gapless.next_gapless_batch('a million', 1000000)", "ROLLBACK")},
	}
	if dump := dumper(server); dump != "" {
		strikes = append(strikes, strike{"pg_dump, and what it wrote is restored", func() { restoreDump(w, server, dump) }})
	}
	return strikes
}

// killOne sends SIGKILL to one process of some kind.
func killOne(w *workload) {
	w.t.Helper()
	killBackend(w, victims[w.random.IntN(len(victims))].query)
	awaitServer(w.t, w.database.URL)
}

// crowd has so many callers more place one order each, all at once.
func crowd(w *workload, many int) {
	w.t.Helper()
	pool := w.database.Pool(w.t, sqltest.HostilePath, func(config *pgxpool.Config) { config.MaxConns = int32(many) })
	var inside sync.WaitGroup
	for range many {
		w.crowds++
		c := &caller{number: 1000 + w.crowds, random: rand.New(rand.NewPCG(w.random.Uint64(), 0)), way: oneByOne(pool), orderly: true}
		inside.Go(func() { w.place(w.t.Context(), c) })
	}
	inside.Wait()
	require.Greater(w.t, int(pool.Stat().TotalConns()), many/2)
	pool.Close()
}

// dumper is the server's pg_dump; "" if it has none.
func dumper(server *pgtest.OwnServer) string {
	if server.Programs() == "" {
		return ""
	}
	path, err := exec.LookPath(filepath.Join(server.Programs(), "pg_dump"))
	if err != nil {
		return ""
	}
	return path
}

// restoreDump dumps the database while callers commit, and checks what becomes of it in another.
func restoreDump(w *workload, server *pgtest.OwnServer, dump string) {
	t := w.t
	t.Helper()
	into, err := server.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	w.mu.Lock()
	acknowledged := []string{}
	for key, o := range w.orders {
		if o.err == nil {
			acknowledged = append(acknowledged, key)
		}
	}
	w.mu.Unlock()
	var written, said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), dump, "--dbname="+w.database.URL, "--no-tablespaces")
	cmd.Stdout, cmd.Stderr = &written, &said
	require.NoError(t, cmd.Run(), "%s", said.String())
	cmd = exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(dump), "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", into.URL)
	cmd.Stdin = &written
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	s := sqltest.Connect(t, into)
	requireSound(s)
	require.NotEmpty(t, acknowledged)
	require.Empty(t, sqltest.Texts(s, "SELECT unnest($1::text[]) EXCEPT SELECT order_key FROM numbered", acknowledged), "they were acknowledged before, and are missing")
	require.NoError(t, s.Close(t.Context()))
	require.NoError(t, into.Drop(t.Context()))
}

// leftPrepared is a transaction that is prepared, has a sequence, and waits for somebody to resolve it.
type leftPrepared struct {
	w    *workload
	left *order
	many int
}

// leave leaves one behind; there must be none yet.
func (p *leftPrepared) leave() {
	p.w.t.Helper()
	p.w.t.Log("a transaction is left prepared")
	p.many++
	table := tables[p.w.random.IntN(len(tables))]
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
	s := p.w.ask()
	if p.w.random.IntN(2) == 0 {
		s.Do("COMMIT PREPARED '" + o.key + "'")
	} else {
		s.Do("ROLLBACK PREPARED '" + o.key + "'")
		o.err, o.rollsBack = errMine, true
	}
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
	}, sqltest.Eventually, 10*sqltest.Tick) // an attempt is a process
}
