package main

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pggapless/gapless/cmd/gapless/internal/demo"
	"github.com/pggapless/gapless/internal/pgtest"
)

// The tests of the whole demo do not run in parallel: pgtest reads the environment.
func demoOn(t *testing.T, ctx context.Context, d *pgtest.Database, args ...string) outcome {
	t.Helper()
	t.Setenv(urlVariable, d.URL)
	t.Setenv("GAPLESS_TEST_PROVIDER", "url")
	return program(ctx, false, strings.NewReader(""), append([]string{"demo"}, args...)...)
}

func TestTheDemoFindsHolesInTheNativeSeriesOnly(t *testing.T) {
	o := demoOn(t, t.Context(), pgtest.NewEmpty(t), "--workers", "8", "--invoices", "200", "--kill", "0.05", "--rollback", "0.3")
	require.Zero(t, o.code, o.stderr)
	require.Regexp(t, `^                     gapless  native sequence
committed                200              200
rolled back +\d+ +\d+
killed +\d+ +\d+
savepoints undone +\d+ +\d+
holes                      0 +[1-9]\d*
doubles                    0                0
invoices per second +[\d,]+ +[\d,]+

holes:    SELECT .*
doubles:  SELECT .*

gapless: numbers 1 to 200, no hole, no double\. The native sequence: [1-9]\d* holes\.
$`, o.stdout)
	require.Regexp(t, `^the server of GAPLESS_DATABASE_URL \(PostgreSQL \S+\)
installed schema gapless \(migration \d+\)
8 workers; 30% of the transactions roll back, 5% lose their backend, 10% of the others undo a savepoint

gapless  200 invoices …
native   200 invoices …

$`, o.stderr)
}

func TestTheDemoOnADatabaseGivenByFlagPrintsJSON(t *testing.T) {
	d := pgtest.NewEmpty(t)
	o := demoOn(t, t.Context(), d, "--workers", "6", "--invoices", "50", "--kill", "0.2", "--seed", "7", "--json", "--database-url", d.URL)
	require.Zero(t, o.code, o.stderr)
	o.stderr = ""
	result := parsed[demoResult](t, o)
	require.True(t, result.OK)
	require.Empty(t, result.Problems)
	require.Contains(t, result.PostgreSQL, "PostgreSQL")
	require.Equal(t, demo.Options{Workers: 6, Invoices: 50, Rollback: 0.2, Kill: 0.2, Savepoint: 0.1, Seed: 7}, result.Options)
	for _, s := range []demo.Result{result.Gapless, result.Native} {
		require.EqualValues(t, 50, s.Committed)
		require.EqualValues(t, 50, s.Orders)
		require.Positive(t, s.RolledBack)
		require.Positive(t, s.Killed)
		require.Positive(t, s.PerSecond)
	}
	require.EqualValues(t, 1, result.Gapless.First)
	require.EqualValues(t, 50, result.Gapless.Last)
}

func TestAnInterruptedDemoLeavesNothingBehind(t *testing.T) {
	d := pgtest.NewEmpty(t)
	conn := d.Conn(t)
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan outcome)
	t.Setenv(urlVariable, d.URL)
	t.Setenv("GAPLESS_TEST_PROVIDER", "url")
	go func() {
		done <- program(ctx, false, strings.NewReader(""), "demo", "--workers", "8", "--invoices", "1000000", "--kill", "0.1")
	}()
	var database string
	eventually(t, func() bool {
		err := conn.QueryRow(t.Context(), `SELECT coalesce(max(datname), '') FROM pg_stat_activity
			WHERE application_name = 'gapless demo' AND query LIKE 'INSERT INTO invoice_%'`).Scan(&database)
		require.NoError(t, err)
		return database != ""
	})
	cancel()
	o := <-done
	require.Equal(t, exitInterrupted, o.code)
	require.Empty(t, o.stdout)
	require.True(t, strings.HasSuffix(o.stderr, "\ngapless: interrupted\n"), o.stderr)
	var exists bool
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&exists))
	require.False(t, exists)
	goleak.VerifyNone(t, before)
}

func TestADemoThatTakesTooLongGivesUp(t *testing.T) {
	o := demoOn(t, t.Context(), pgtest.NewEmpty(t), "--workers", "4", "--invoices", "1000000", "--timeout", "700ms")
	require.Equal(t, exitFailure, o.code)
	require.True(t, strings.HasSuffix(o.stderr, "gapless: the demo was not done after 700ms\nhint: --timeout gives it longer\n"), o.stderr)
}

func TestTooManyWorkersForTheServer(t *testing.T) {
	o := demoOn(t, t.Context(), pgtest.NewEmpty(t), "--workers", "1000000")
	require.Equal(t, exitUsage, o.code)
	require.Regexp(t, `gapless: the server has room for \d+ workers, and not for 1000000: .*
hint: lower --workers
$`, o.stderr)
}

func TestAServerThatIsNotThere(t *testing.T) {
	t.Setenv(urlVariable, "postgres://u@127.0.0.1:1/db?sslmode=disable")
	t.Setenv("GAPLESS_TEST_PROVIDER", "")
	o := program(t.Context(), false, strings.NewReader(""), "demo")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "gapless: url: cannot connect to the server of GAPLESS_DATABASE_URL")
}

func TestTheReportSeesWhatIsPlanted(t *testing.T) {
	t.Parallel()
	d := pgtest.NewEmpty(t)
	config, err := pgx.ParseConfig(d.URL)
	require.NoError(t, err)
	o := demo.Options{Workers: 4, Invoices: 40, Rollback: 0.3, Kill: 0.1, Savepoint: 0.2}
	var stdout, stderr strings.Builder
	a := &app{stdout: &stdout, stderr: &stderr}
	require.NoError(t, a.demoIn(t.Context(), config, o, "here", false))
	require.Contains(t, stdout.String(), "gapless: numbers 1 to 40, no hole, no double.")

	conn := d.Conn(t)
	for _, c := range []struct {
		name, plant string
		problems    []string
		line        string
	}{
		{"a hole", "DELETE FROM invoice_gapless WHERE number = 10",
			[]string{"the gapless series has 1 missing", "gapless: 39 invoices", "gapless: 1 transactions left no row"}, `\nholes +1 `},
		{"a hole at the beginning", "DELETE FROM invoice_gapless WHERE number = 1",
			[]string{"the gapless series has 1 missing", "the gapless series begins at 2"}, `\nholes +1 `},
		{"a double", "INSERT INTO invoice_gapless (number, order_no, attempt) VALUES (10, 10, -1)",
			[]string{"the gapless series has 1 doubled", "gapless: 41 invoices", "gapless: 40 orders have 41 invoices"}, `\ndoubles +1 `},
		{"a hole and a double", "UPDATE invoice_gapless SET number = 9 WHERE number = 10",
			[]string{"the gapless series has 1 missing", "the gapless series has 1 doubled"}, `\nholes +1 .*\ndoubles +1 `},
		{"a lost row at the end", "DELETE FROM invoice_gapless WHERE number = 40", []string{"gapless: 39 invoices committed instead of 40"}, `\nholes +0 `},
		{"a rollback that committed", "UPDATE attempt SET intent = 'rollback' WHERE id = (SELECT min(attempt) FROM invoice_native)",
			[]string{"native: 1 transactions that rolled back left a row"}, `\nholes +0 `},
		{"an order billed twice", "UPDATE invoice_native SET order_no = 2 WHERE order_no = 3", []string{"native: 39 orders have 40 invoices"}, `\nholes +0 `},
		{"no rows", "DELETE FROM invoice_gapless", []string{"gapless: 0 invoices committed instead of 40"}, `\ncommitted +0 `},
	} {
		t.Run(c.name, func(t *testing.T) {
			tx, err := conn.Begin(t.Context())
			require.NoError(t, err)
			defer tx.Rollback(t.Context())
			_, err = tx.Exec(t.Context(), c.plant)
			require.NoError(t, err)

			stdout.Reset()
			stderr.Reset()
			err = a.demoReport(t.Context(), conn, o, "here")
			require.Equal(t, exitFailure, a.report(t.Context(), err))
			for _, problem := range c.problems {
				require.Contains(t, stderr.String(), problem)
			}
			require.Regexp(t, c.line, stdout.String())
			require.NotContains(t, stdout.String(), "no hole")

			a.json = true
			defer func() { a.json = false }()
			stdout.Reset()
			require.Error(t, a.demoReport(t.Context(), conn, o, "here"))
			require.Contains(t, stdout.String(), `"ok": false`)
		})
	}
}

func TestTheBarIsDrawnAndEndsItsLine(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	p := newProgress(&text, true, "gapless", 3)
	for range 3 {
		p.add()
	}
	p.end()
	require.Contains(t, text.String(), "gapless")
	require.Contains(t, text.String(), "3/3")
	require.True(t, strings.HasSuffix(text.String(), "\n"))
}
