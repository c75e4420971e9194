package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pggapless/gapless/internal/pgtest"
)

// safeBuffer is written by a program while a test reads it.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// served is a `gapless metrics` that runs.
type served struct {
	address string
	stderr  *safeBuffer
	ctx     context.Context //nolint:containedctx // a test's
	end     func() int
}

var servedAt = regexp.MustCompile(`metrics are at http://(\S+)/metrics\n`)

func serveMetrics(t *testing.T, url string, args ...string) served {
	t.Helper()
	s := served{stderr: &safeBuffer{}, ctx: t.Context()}
	ctx, cancel := context.WithCancel(t.Context())
	a := &app{
		stdin: strings.NewReader(""), stdout: io.Discard, stderr: s.stderr, getenv: func(string) string { return "" },
		terminal: func(any) bool { return false }, width: func(any) int { return 0 },
	}
	code := make(chan int, 1)
	go func() {
		code <- a.run(ctx, append([]string{"metrics", "--database-url", url, "--listen", "127.0.0.1:0", "--timeout", "1m"}, args...))
	}()
	s.end = sync.OnceValue(func() int { cancel(); return <-code })
	t.Cleanup(func() { s.end() })
	eventually(t, func() bool { return servedAt.MatchString(s.stderr.String()) })
	s.address = servedAt.FindStringSubmatch(s.stderr.String())[1]
	return s
}

func (s served) get(t *testing.T, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, "http://"+s.address+path, nil)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func TestMetricsAreServedUntilTheEnd(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Zero(t, on(t, d, "next", "invoice", "--count", "3").code)
	s := serveMetrics(t, d.URL)
	code, body := s.get(t, "/metrics")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "gapless_up 1\n")
	require.Contains(t, body, `gapless_series_issued_total{series="invoice"} 3`+"\n")
	require.Zero(t, on(t, d, "next", "invoice").code)
	_, body = s.get(t, "/metrics")
	require.Contains(t, body, `gapless_series_issued_total{series="invoice"} 4`+"\n")
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/": 404} {
		code, _ := s.get(t, path)
		require.Equal(t, want, code, path)
	}
	conn := d.Conn(t)
	var sessions int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gapless metrics' AND datname = current_database()").Scan(&sessions))
	require.Equal(t, 1, sessions)
	require.Equal(t, exitOK, s.end(), s.stderr)
	require.Equal(t, 1, strings.Count(s.stderr.String(), "\n"), s.stderr)
	eventually(t, func() bool {
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gapless metrics' AND datname = current_database()").Scan(&sessions)
		return err == nil && sessions == 0
	})
}

func TestMetricsConnectAnew(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := serveMetrics(t, d.URL)
	_, body := s.get(t, "/metrics")
	require.Contains(t, body, "gapless_up 1\n")
	conn := d.Conn(t)
	_, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gapless metrics' AND datname = current_database()")
	require.NoError(t, err)
	eventually(t, func() bool {
		_, body := s.get(t, "/metrics")
		return strings.Contains(body, "gapless_up 1\n")
	})
}

func TestMetricsWithoutADatabaseSaySo(t *testing.T) {
	t.Parallel()
	s := serveMetrics(t, "postgres://u@127.0.0.1:1/db?sslmode=disable")
	for range 2 {
		code, body := s.get(t, "/metrics")
		require.Equal(t, http.StatusOK, code)
		require.Contains(t, body, "gapless_up 0\n")
	}
	code, body := s.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "the database does not answer\n", body)
	code, _ = s.get(t, "/healthz")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, 1, strings.Count(s.stderr.String(), "the metrics are not whole"), s.stderr)

	o := program(t.Context(), false, strings.NewReader(""), "metrics", "--once", "--database-url", "postgres://u@127.0.0.1:1/db?sslmode=disable")
	require.Zero(t, o.code)
	require.Contains(t, o.stdout, "gapless_up 0\n")
	require.Contains(t, o.stderr, "connection refused")
}

func TestWhatIsWrongWithTheAddressIsSaid(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close() //nolint:errcheck // a test's
	d := pgtest.New(t)
	require.Equal(t, outcome{code: exitFailure, stderr: "gapless: another program listens on " + taken.Addr().String() + "\n" +
		"hint: --listen another address, or end that program\n"}, on(t, d, "metrics", "--listen", taken.Addr().String()))
	o := on(t, d, "metrics", "--listen", "nowhere")
	require.Equal(t, exitUsage, o.code)
	require.Contains(t, o.stderr, "missing port")
}

// TestMetricsArePrintedOnce has Prometheus's own checker read them, where it is installed.
func TestMetricsArePrintedOnce(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	makeMetricsOf(t, d.Conn(t))
	o := on(t, d, "metrics", "--once", "--like", "in%")
	require.Zero(t, o.code)
	require.Empty(t, o.stderr)
	require.Contains(t, o.stdout, "# HELP gapless_up ")
	require.Contains(t, o.stdout, `gapless_series_issued_total{series="invoice"} `)
	require.NotContains(t, o.stdout, `series="till"`)
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool here: Debian's package prometheus has it")
	}
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = strings.NewReader(o.stdout)
	said, err := check.CombinedOutput()
	require.NoError(t, err, string(said))
	require.Empty(t, string(said))
}

// makeMetricsOf makes a database in which each metric has something to say.
func makeMetricsOf(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, statement := range []string{
		"CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)",
		"SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)",
		"INSERT INTO invoices DEFAULT VALUES",
		"SELECT gapless.range_gapless('till', 1, 1000, 'grant', valid_until => '2199-12-31')",
		"SELECT count(*) FROM gapless.record_audit_gapless()",
		"ALTER TABLE invoices DISABLE TRIGGER USER",
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func TestMetricsLeaveNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := serveMetrics(t, "postgres://u@127.0.0.1:1/db?sslmode=disable")
	s.get(t, "/metrics")
	require.Zero(t, s.end())
	require.NoError(t, goleak.Find(before))
}
