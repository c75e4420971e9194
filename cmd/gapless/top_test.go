package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestTopIsAScreenOnATerminalAndLinesElsewhere(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	hold(t, d, "invoice")

	outside, inside, err := pty.Open()
	require.NoError(t, err)
	defer func() { _, _ = outside.Close(), inside.Close() }()
	require.NoError(t, pty.Setsize(outside, &pty.Winsize{Cols: 80, Rows: 24}))
	var stderr bytes.Buffer
	a := &app{stdin: inside, stdout: inside, stderr: &stderr, terminal: isTerminal, getenv: func(string) string { return "" }, width: columnsOf}
	code := make(chan int, 1)
	go func() { code <- a.run(t.Context(), []string{"--database-url", d.URL, "top"}) }()
	var seen strings.Builder
	for !strings.Contains(seen.String(), "the holder") {
		piece := make([]byte, 4096)
		n, err := outside.Read(piece)
		require.NoError(t, err, seen.String())
		seen.Write(piece[:n])
	}
	require.Contains(t, seen.String(), "\x1b[?1049h", "the terminal's other screen")
	_, err = io.WriteString(outside, "q")
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, outside) }()
	require.Zero(t, <-code, stderr.String())

	o := on(t, d, "top", "--count", "1", "--interval", "100ms")
	require.Zero(t, o.code, o.stderr)
	require.NotContains(t, o.stdout, "\x1b")
	require.Regexp(t, `\n\S+ +\S+ +1 +0 +- +\S+s \d+ +invoice +the holder +\S+ +idle in transaction\n$`, o.stdout)
	lines := parsed[object](t, on(t, d, "top", "--json", "--count", "1", "--interval", "100ms"))
	require.Equal(t, "invoice", lines["series"].([]any)[0].(object)["name"])
	require.Equal(t, d.Name, lines["server"].(object)["database"])
	require.Equal(t, true, lines["server"].(object)["sees_all_sessions"])
}
