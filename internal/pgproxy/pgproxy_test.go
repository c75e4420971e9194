package pgproxy_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m, nil) }

// How long a state is waited for, at most, and how often it is looked at.
const (
	eventually = 30 * time.Second
	tick       = 5 * time.Millisecond
)

// fixture is a proxy, a connection that does not go through it, and an empty table.
type fixture struct {
	t      *testing.T
	proxy  *pgproxy.Proxy
	direct *pgx.Conn
	table  string
}

// start has a database of its own, with the table "t".
func start(t *testing.T) fixture {
	t.Helper()
	return startIn(t, pgtest.NewEmpty(t), "t")
}

func startIn(t *testing.T, database *pgtest.Database, table string) fixture {
	t.Helper()
	f := fixture{t: t, proxy: pgproxy.New(t, database.URL), direct: database.Conn(t), table: table}
	_, err := f.direct.Exec(t.Context(), "CREATE TABLE "+table+" (id bigint)")
	require.NoError(t, err)
	return f
}

// client is a connection through the proxy, and what it has received.
type client struct {
	*pgx.Conn
	pid      uint32
	received *recorder
}

func (f fixture) connect(configure ...func(*pgx.ConnConfig)) client {
	f.t.Helper()
	config, err := pgx.ParseConfig(f.proxy.URL())
	require.NoError(f.t, err)
	received := &recorder{}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, address)
		return recordingConn{nc, received}, err
	}
	for _, change := range configure {
		change(config)
	}
	conn, err := pgx.ConnectConfig(f.t.Context(), config)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { conn.Close(f.t.Context()) }) // it is done by then, so Close does not wait
	return client{conn, conn.PgConn().PID(), received}
}

// recorder keeps the last kilobytes of what was read.
type recorder struct {
	mu   sync.Mutex
	data []byte
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.data)
}

type recordingConn struct {
	net.Conn
	recorder *recorder
}

func (c recordingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	all := append(c.recorder.data, b[:n]...) //nolint:gocritic // the slice is cut back at once
	c.recorder.data = all[max(0, len(all)-4096):]
	return n, err
}

// on has the proxy decide so about the messages for which match is true; the channel tells that there was one. It keeps
// from the server what pgx sends when it loses a connection: a request to cancel what runs there.
func (f fixture) on(verdict pgproxy.Verdict, match func(pgproxy.Message) bool) <-chan pgproxy.Message {
	met := make(chan pgproxy.Message, 1)
	f.proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		if !match(m) {
			if m.IsCancelRequest() {
				return pgproxy.Cut
			}
			return pgproxy.Forward
		}
		select {
		case met <- m:
		default:
		}
		return verdict
	})
	return met
}

// rows is what is committed.
func (f fixture) rows() (n int) {
	f.t.Helper()
	require.NoError(f.t, f.direct.QueryRow(f.t.Context(), "SELECT count(*) FROM "+f.table).Scan(&n))
	return n
}

// state is what a backend does, or "gone".
func (f fixture) state(pid uint32) (state string) {
	f.t.Helper()
	const sql = `SELECT coalesce((SELECT CASE wait_event WHEN 'PgSleep' THEN 'sleeping' ELSE state END
		FROM pg_stat_activity WHERE pid = $1), 'gone')`
	require.NoError(f.t, f.direct.QueryRow(f.t.Context(), sql, pid).Scan(&state))
	return state
}

func (f fixture) await(pid uint32, state string) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return f.state(pid) == state }, eventually, tick, "never %s", state)
}

func exec(t *testing.T, conn client, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	require.NoError(t, err, sql)
}

// protocols are the ways to send a statement, with the type of the message that has the server run it.
var protocols = []struct {
	name string
	runs byte
	exec func(context.Context, *pgx.Conn, string) error
}{
	{"simple", 'Q', func(ctx context.Context, conn *pgx.Conn, sql string) error {
		_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		return err
	}},
	{"extended", 'E', func(ctx context.Context, conn *pgx.Conn, sql string) error {
		return conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Read().Err
	}},
}

func TestAVerdictOnACommitDecidesWhatEitherEndKnows(t *testing.T) {
	t.Parallel()
	const gone, open, done = "gone", "idle in transaction", "idle"
	const tag, end = "COMMIT\x00", "Z\x00\x00\x00\x05I"
	database := pgtest.NewEmpty(t) // creating one for each would take most of the time
	for i, test := range []struct {
		verdict    pgproxy.Verdict
		fromServer bool
		fails      bool   // what the client sees
		hangs      bool   //
		receives   string // what the client's last bytes are, if there are any of the commit
		committed  int
		backend    string // what becomes of it
	}{
		{verdict: pgproxy.Forward, receives: tag + end, committed: 1, backend: done},
		{verdict: pgproxy.Cut, fails: true, committed: 0, backend: gone},
		{verdict: pgproxy.CutAfter, fails: true, committed: 1, backend: gone},
		{verdict: pgproxy.Hold, hangs: true, committed: 0, backend: open},
		{verdict: pgproxy.CutClient, fails: true, committed: 0, backend: open},
		{verdict: pgproxy.CutClientAfter, fails: true, committed: 1, backend: done},
		{verdict: pgproxy.Forward, fromServer: true, receives: tag + end, committed: 1, backend: done},
		{verdict: pgproxy.Cut, fromServer: true, fails: true, committed: 1, backend: gone},
		{verdict: pgproxy.CutAfter, fromServer: true, fails: true, receives: tag, committed: 1, backend: gone},
		{verdict: pgproxy.Hold, fromServer: true, hangs: true, committed: 1, backend: done},
		{verdict: pgproxy.CutClient, fromServer: true, fails: true, committed: 1, backend: done},
		{verdict: pgproxy.CutClientAfter, fromServer: true, fails: true, receives: tag, committed: 1, backend: done},
	} {
		for _, protocol := range protocols {
			from := map[bool]string{true: "server", false: "client"}[test.fromServer]
			t.Run(test.verdict.String()+"/"+from+"/"+protocol.name, func(t *testing.T) {
				t.Parallel()
				f := startIn(t, database, fmt.Sprintf("%s_%d", protocol.name, i))
				conn := f.connect()
				exec(t, conn, "BEGIN")
				exec(t, conn, "INSERT INTO "+f.table+" VALUES (1)")
				met := f.on(test.verdict, func(m pgproxy.Message) bool {
					if test.fromServer {
						return m.Tag() == "COMMIT"
					}
					return m.Type == protocol.runs && m.SQL() == "commit"
				})
				result := make(chan error, 1)
				go func() { result <- protocol.exec(t.Context(), conn.Conn, "commit") }()
				m := <-met
				require.Equal(t, test.fromServer, m.FromServer)
				require.Equal(t, 1, m.Conn)

				switch {
				case test.fails:
					err := <-result
					require.Error(t, err)
					var refused *pgconn.PgError
					require.NotErrorAs(t, err, &refused, "the server has nothing to do with it")
				case !test.hangs:
					require.NoError(t, <-result)
				}
				require.Eventually(t, func() bool { return f.rows() == test.committed }, eventually, tick)
				backend := test.backend
				if m.Type == 'E' && test.verdict != pgproxy.Forward && backend != gone {
					backend = "active" // it waits for Sync
				}
				f.await(conn.pid, backend)
				require.Equal(t, test.committed, f.rows())
				if test.receives != "" {
					require.True(t, strings.HasSuffix(conn.received.String(), test.receives), "%q", conn.received)
				} else {
					require.NotContains(t, conn.received.String(), tag)
				}

				if test.verdict == pgproxy.Forward {
					return
				}
				require.Empty(t, result, "the client knows more than it should")
				f.proxy.CutAll()
				f.await(conn.pid, gone)
				require.Equal(t, test.committed, f.rows())
				if test.hangs {
					require.Error(t, <-result)
					require.NotContains(t, conn.received.String(), tag)
				}
			})
		}
	}
}

func TestABackendGoesOnWhenItsClientIsCutOff(t *testing.T) {
	t.Parallel()
	f := start(t)
	conn := f.connect()
	f.on(pgproxy.CutClientAfter, func(m pgproxy.Message) bool { return strings.Contains(m.SQL(), "pg_sleep") })
	_, err := conn.Exec(t.Context(), "INSERT INTO t VALUES (1); SELECT pg_sleep(600)")
	require.Error(t, err)
	f.await(conn.pid, "sleeping")
	f.proxy.CutAll()
	f.await(conn.pid, "sleeping") // a backend that sleeps does not look at its connection
	_, err = f.direct.Exec(t.Context(), "SELECT pg_cancel_backend($1)", conn.pid)
	require.NoError(t, err)
	f.await(conn.pid, "gone")
	require.Zero(t, f.rows())
}

func TestALargeAnswerToAClientThatIsCutOffDoesNotBlockTheBackend(t *testing.T) {
	t.Parallel()
	f := start(t)
	conn := f.connect()
	f.on(pgproxy.CutClient, func(m pgproxy.Message) bool { return m.FromServer && m.Type == 'D' })
	_, err := conn.Exec(t.Context(), "SELECT repeat('x', 1000) FROM generate_series(1, 20000); INSERT INTO t VALUES (1)")
	require.Error(t, err)
	f.await(conn.pid, "idle")
	require.Equal(t, 1, f.rows())
}

func TestACutInABurstSendsWhatCameBeforeIt(t *testing.T) {
	t.Parallel()
	for verdict, want := range map[pgproxy.Verdict][]int{
		pgproxy.CutAfter: {2},    // the Execute arrives, but its Sync does not
		pgproxy.Cut:      {1, 2}, // the backend may see that it has no client any more when it answers the first
	} {
		t.Run(verdict.String(), func(t *testing.T) {
			t.Parallel()
			f := start(t)
			conn := f.connect()
			f.on(verdict, func(m pgproxy.Message) bool { return m.Type == 'E' && m.SQL() == "INSERT INTO t VALUES (3)" })
			pipeline := conn.PgConn().StartPipeline(t.Context())
			for _, value := range []string{"1", "2", "3", "4"} {
				pipeline.SendQueryParams("INSERT INTO t VALUES ("+value+")", nil, nil, nil, nil)
				pipeline.SendPipelineSync() // one transaction each
			}
			require.NoError(t, pipeline.Flush())
			require.Error(t, pipeline.Close())
			f.await(conn.pid, "gone")
			require.Contains(t, want, f.rows())
		})
	}
}

func TestAPreparedStatementKeepsItsSQL(t *testing.T) {
	t.Parallel()
	const sql = "INSERT INTO t VALUES ($1)"
	f := start(t)
	conn := f.connect()
	var mu sync.Mutex
	var types []byte
	f.proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		if m.SQL() == sql {
			mu.Lock()
			defer mu.Unlock()
			types = append(types, m.Type)
		}
		return pgproxy.Forward
	})
	for range 2 { // pgx parses it for the first one only
		_, err := conn.Exec(t.Context(), sql, 1)
		require.NoError(t, err)
	}
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, "PBEBE", string(types))
}

func TestCopyGoesThroughBothWays(t *testing.T) {
	t.Parallel()
	const n = 200_000
	f := start(t)
	conn := f.connect()
	source := func() pgx.CopyFromSource {
		i := 0
		return pgx.CopyFromFunc(func() ([]any, error) {
			if i++; i > n {
				return nil, nil
			}
			return []any{i}, nil
		})
	}
	copied, err := conn.CopyFrom(t.Context(), pgx.Identifier{"t"}, []string{"id"}, source())
	require.NoError(t, err)
	require.EqualValues(t, n, copied)
	require.Equal(t, n, f.rows())
	var out strings.Builder
	_, err = conn.PgConn().CopyTo(t.Context(), &out, "COPY t TO STDOUT")
	require.NoError(t, err)
	require.Equal(t, n, strings.Count(out.String(), "\n"))

	data := 0 // one stream counts
	f.on(pgproxy.Cut, func(m pgproxy.Message) bool {
		if m.FromServer || m.Type != 'd' {
			return false
		}
		data++
		return data == 10
	})
	_, err = conn.CopyFrom(t.Context(), pgx.Identifier{"t"}, []string{"id"}, source())
	require.Error(t, err)
	f.await(conn.pid, "gone")
	require.Equal(t, n, f.rows())
}

func TestALargeResultIsWhole(t *testing.T) {
	t.Parallel()
	f := start(t)
	conn := f.connect()
	var sum, length int
	rows, _ := conn.Query(t.Context(), "SELECT repeat('x', 100), i FROM generate_series(1, 100000) i")
	var pad string
	var i int
	_, err := pgx.ForEachRow(rows, []any{&pad, &i}, func() error { sum += i; length += len(pad); return nil })
	require.NoError(t, err)
	require.Equal(t, 100_000*100_001/2, sum)
	require.Equal(t, 10_000_000, length)

	value := strings.Repeat("é", 4<<20) // one message, both ways
	var echo string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT $1::text", value).Scan(&echo))
	require.True(t, value == echo) //nolint:testifylint // Equal would print both
}

func TestACutAfterALargeMessageDeliversItWhole(t *testing.T) {
	t.Parallel()
	const size = 16 << 20
	f := start(t)
	conn := f.connect()
	f.on(pgproxy.CutAfter, func(m pgproxy.Message) bool { return m.FromServer && m.Type == 'D' })
	rows, err := conn.Query(t.Context(), "SELECT repeat('x', $1)", size)
	require.NoError(t, err)
	defer rows.Close()
	require.True(t, rows.Next())
	require.Len(t, rows.RawValues()[0], size)
	require.False(t, rows.Next())
	require.Error(t, rows.Err())
	f.await(conn.pid, "gone")
}

func TestACancelRequestGoesThrough(t *testing.T) {
	t.Parallel()
	f := start(t)
	conn := f.connect(func(c *pgx.ConnConfig) {
		c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
			return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: eventually}
		}
	})
	requests := f.on(pgproxy.Forward, pgproxy.Message.IsCancelRequest)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "SELECT pg_sleep(600)")
		result <- err
	}()
	f.await(conn.pid, "sleeping")
	cancel()
	var canceled *pgconn.PgError
	require.ErrorAs(t, <-result, &canceled)
	require.Equal(t, "57014", canceled.Code)
	require.Equal(t, 2, (<-requests).Conn)
	exec(t, conn, "SELECT 1")
}

func TestARequestForEncryptionIsAnsweredWithNo(t *testing.T) {
	t.Parallel()
	f := start(t)
	startups := f.on(pgproxy.Forward, func(m pgproxy.Message) bool { return !m.FromServer && m.Type == 0 })
	f.connect(func(c *pgx.ConnConfig) { // as sslmode=prefer does
		preferred, err := pgx.ParseConfig(strings.Replace(f.proxy.URL(), "sslmode=disable", "sslmode=prefer", 1))
		require.NoError(t, err)
		require.NotNil(t, preferred.TLSConfig)
		c.TLSConfig, c.Fallbacks = preferred.TLSConfig, preferred.Fallbacks
	})
	m := <-startups
	require.Contains(t, string(m.Body), "user\x00")
	require.False(t, m.IsCancelRequest())

	config, err := pgx.ParseConfig(f.proxy.URL())
	require.NoError(t, err)
	nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", address(config))
	require.NoError(t, err)
	defer nc.Close()
	frontend := pgproto3.NewFrontend(nc, nc)
	for _, request := range []pgproto3.FrontendMessage{&pgproto3.GSSEncRequest{}, &pgproto3.SSLRequest{}} {
		frontend.Send(request)
		require.NoError(t, frontend.Flush())
		answer := make([]byte, 1)
		_, err = nc.Read(answer)
		require.NoError(t, err)
		require.Equal(t, "N", string(answer))
	}
	frontend.Send(&pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters:      map[string]string{"user": config.User, "database": "there is none"},
	})
	require.NoError(t, frontend.Flush())
	_, err = frontend.Receive()
	require.NoError(t, err, "the server answers")
}

func TestWhatTheServerSaysLastReachesTheClient(t *testing.T) {
	t.Parallel()
	f := start(t)
	conn := f.connect()
	_, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
	var terminated *pgconn.PgError
	require.ErrorAs(t, err, &terminated)
	require.Equal(t, "57P01", terminated.Code)
}

func TestABackendEndsWithItsClient(t *testing.T) {
	t.Parallel()
	f := start(t)
	conn := f.connect()
	require.NoError(t, conn.Close(t.Context()))
	f.await(conn.pid, "gone")

	conn = f.connect()
	require.NoError(t, conn.PgConn().Conn().Close(), "without a farewell")
	f.await(conn.pid, "gone")
}

func TestRefusedConnectionsLeaveOpenOnesAlone(t *testing.T) {
	t.Parallel()
	f := start(t)
	conn := f.connect()
	f.proxy.Refuse(true)
	_, err := pgx.Connect(t.Context(), f.proxy.URL())
	require.Error(t, err)
	exec(t, conn, "SELECT 1")
	f.proxy.Refuse(false)
	f.connect()
}

func TestNewConnectionsGoToWhereTheyAreRedirected(t *testing.T) {
	t.Parallel()
	f := start(t)
	other := pgproxy.New(t, f.direct.Config().ConnString()) // stands for another server, on TCP
	var seen sync.Map
	other.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		seen.Store(m.SQL(), true)
		return pgproxy.Forward
	})
	before := f.connect()
	f.proxy.Redirect(other.URL())
	after := f.connect()
	exec(t, before, "SELECT 'before'")
	exec(t, after, "SELECT 'after'")
	_, ok := seen.Load("SELECT 'before'")
	require.False(t, ok)
	_, ok = seen.Load("SELECT 'after'")
	require.True(t, ok)

	f.proxy.Redirect("postgres://nobody@/nothing?host=" + t.TempDir())
	_, err := pgx.Connect(t.Context(), f.proxy.URL())
	require.Error(t, err, "there is no server")
	exec(t, after, "SELECT 1")
}

func TestMessagesComeInTheirOrder(t *testing.T) {
	t.Parallel()
	f := start(t)
	var mu sync.Mutex
	var log []string
	conn := f.connect()
	f.proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, map[bool]string{true: "<", false: ">"}[m.FromServer]+string(m.Type)+" "+m.SQL()+m.Tag())
		return pgproxy.Forward
	})
	exec(t, conn, "BEGIN")
	exec(t, conn, "INSERT INTO t VALUES (1), (2)")
	f.proxy.Intercept(nil)
	exec(t, conn, "COMMIT")
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{
		">Q BEGIN", "<C BEGIN", "<Z ",
		">Q INSERT INTO t VALUES (1), (2)", "<C INSERT 0 2", "<Z ",
	}, log)
}

func TestTheURLDiffersInItsAddressOnly(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"postgres://u:p@h:1/db?connect_timeout=9": `^postgres://u:p@127\.0\.0\.1:\d+/db\?connect_timeout=9&sslmode=disable$`,
		"postgres://u@/db?host=%2Fa%2Fb&port=2":   `^postgres://u@127\.0\.0\.1:\d+/db\?sslmode=disable$`,
		"host=/a user=u dbname=db":                `^host=/a user=u dbname=db host=127\.0\.0\.1 port=\d+ sslmode=disable$`,
	} {
		require.Regexp(t, want, pgproxy.New(t, given).URL())
	}
}

// Not parallel: it looks at all goroutines.
func TestNothingIsLeftAfterTheTest(t *testing.T) {
	nothingIsLeft := pgtest.WatchGoroutines(t)
	t.Run("test", func(t *testing.T) {
		f := start(t)
		for verdict := pgproxy.Forward; verdict <= pgproxy.CutClientAfter; verdict++ {
			for _, fromServer := range []bool{true, false} {
				conn := f.connect()
				met := f.on(verdict, func(m pgproxy.Message) bool {
					return m.FromServer == fromServer && (m.Tag() == "SELECT 1" || m.SQL() != "")
				})
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = conn.Exec(t.Context(), "SELECT 1") // only some succeed
				}()
				<-met
				if verdict == pgproxy.Hold {
					t.Cleanup(func() { <-done })
				} else {
					<-done
				}
				f.proxy.Intercept(nil)
			}
		}
		nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", address(f.connect().Config()))
		require.NoError(t, err)
		t.Cleanup(func() { nc.Close() }) // it never says anything
	})
	nothingIsLeft()
}

func address(config *pgx.ConnConfig) string {
	_, address := pgconn.NetworkAddress(config.Host, config.Port)
	return address
}

// BenchmarkATransaction says what the proxy costs.
func BenchmarkATransaction(b *testing.B) {
	database := pgtest.NewEmpty(b)
	proxy := pgproxy.New(b, database.URL)
	proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
		if m.Tag() == "never" || m.SQL() == "never" {
			return pgproxy.Cut
		}
		return pgproxy.Forward
	})
	for _, way := range []struct{ name, url string }{{"direct", database.URL}, {"proxy", proxy.URL()}} {
		b.Run(way.name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				conn, err := pgx.Connect(b.Context(), way.url)
				if err != nil {
					b.Error(err)
					return
				}
				defer conn.Close(b.Context())
				for pb.Next() {
					err := pgx.BeginFunc(b.Context(), conn, func(tx pgx.Tx) error {
						_, err := tx.Exec(b.Context(), "SELECT $1::int", 1)
						return err
					})
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
