package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/pgtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	pgtest.Main(citustest.Around(m), pgtest.Install)
}

// outcome is what a run of the program left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// program is a run of it without environment variables, and with or without a terminal.
func program(ctx context.Context, terminal bool, stdin io.Reader, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	a := &app{
		stdin: stdin, stdout: &stdout, stderr: &stderr,
		getenv:   func(string) string { return "" },
		terminal: func(any) bool { return terminal },
		width:    func(any) int { return 0 },
	}
	code := a.run(ctx, args)
	return outcome{code, stdout.String(), stderr.String()}
}

// on runs the program on a database, without a terminal.
func on(t *testing.T, d *pgtest.Database, args ...string) outcome {
	t.Helper()
	return program(t.Context(), false, strings.NewReader(""), append([]string{"--database-url", d.URL}, args...)...)
}

// prints is the outcome of a run that succeeds and has nothing to say but its result.
func prints(text string) outcome { return outcome{stdout: text} }

// parsed reads JSON as what it is.
func parsed[T any](t *testing.T, o outcome) (value T) {
	t.Helper()
	require.Zero(t, o.code, o.stderr)
	require.Empty(t, o.stderr)
	decoder := json.NewDecoder(strings.NewReader(o.stdout))
	require.NoError(t, decoder.Decode(&value), o.stdout)
	require.False(t, decoder.More())
	return value
}

type object = map[string]any

// hold takes a value of a sequence that exists, and keeps the transaction open.
func hold(t *testing.T, d *pgtest.Database, name string) pgx.Tx {
	t.Helper()
	require.Zero(t, on(t, d, "next", name).code)
	conn := d.Conn(t, func(c *pgx.ConnConfig) { c.RuntimeParams["application_name"] = "the holder" })
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = gapless.NewSequence(name).Next(t.Context(), tx)
	require.NoError(t, err)
	return tx
}

// waiters is how many wait for a sequence.
func waiters(t *testing.T, conn *pgx.Conn, name string) (count int) {
	t.Helper()
	err := conn.QueryRow(t.Context(), "SELECT count(*) FROM gapless.holders WHERE state = 'waits' AND name = $1", name).Scan(&count)
	require.NoError(t, err)
	return count
}

// eventually polls on the test's own goroutine, so that the check may use its connections.
func eventually(t *testing.T, check func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !check(); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "not within a minute")
	}
}
