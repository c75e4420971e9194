package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestNextPrintsEachValueOnALine(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Equal(t, prints("1\n"), on(t, d, "next", "invoice"))
	require.Equal(t, prints("2\n3\n4\n"), on(t, d, "next", "invoice", "--count", "3"))
	require.Equal(t, prints(""), on(t, d, "next", "invoice", "--count", "0"))
	require.Equal(t, object{"name": "invoice", "values": []any{5.0, 6.0}},
		parsed[object](t, on(t, d, "next", "invoice", "--count", "2", "--json", "--nowait")))
	require.Equal(t, object{"name": "invoice", "values": []any{}},
		parsed[object](t, on(t, d, "next", "invoice", "--count", "0", "--json")))
	require.Equal(t, prints("-5\n-4\n-5\n"), on(t, d, "next", "cycle", "--initial", "-5", "--reset", "-3", "--count", "3", "--lock-timeout", "10s"))
}

func TestNextOfALockedSequenceIsCode3AndSpendsNothing(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	tx := hold(t, d, "invoice")

	o := on(t, d, "next", "invoice", "--nowait")
	require.Equal(t, exitLocked, o.code)
	require.Empty(t, o.stdout)
	require.Contains(t, o.stderr, "gapless: sequence \"invoice\" is locked by another transaction\nhint: ")

	for _, patience := range []string{"1ns", "30ms"} { // 1ns must not be 0, which is for ever
		require.Equal(t, outcome{code: exitLocked, stderr: "gapless: sequence \"invoice\": canceling statement due to lock timeout\n" +
			"hint: `gapless holders` shows who holds it\n"}, on(t, d, "next", "invoice", "--lock-timeout", patience))
	}
	for _, args := range [][]string{
		{"delete", "invoice", "--yes", "--nowait"}, {"delete", "invoice", "--yes", "--lock-timeout", "30ms"},
		{"adopt", "invoice", "9", "--lock-timeout", "30ms"},
		{"forward", "invoice", "9", "--reason", "r", "--lock-timeout", "30ms"},
		{"close", "invoice", "--reason", "r", "--lock-timeout", "30ms"},
		{"open", "invoice", "--reason", "r", "--lock-timeout", "30ms"},
	} {
		require.Equal(t, exitLocked, on(t, d, args...).code, args)
	}

	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, prints("2\n"), on(t, d, "next", "invoice"))
}

func TestAnInterruptedNextSpendsNothingAndDoesNotStayInTheQueue(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	tx := hold(t, d, "invoice")
	conn := d.Conn(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan outcome)
	go func() {
		done <- program(ctx, false, strings.NewReader(""), "next", "invoice", "--database-url", d.URL)
	}()
	eventually(t, func() bool { return waiters(t, conn, "invoice") == 1 })
	cancel()
	require.Equal(t, outcome{code: exitInterrupted, stderr: "gapless: interrupted\n"}, <-done)
	require.Zero(t, waiters(t, conn, "invoice"))

	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, prints("3\n"), on(t, d, "next", "invoice"))
}

func TestWhatTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	for _, c := range []struct {
		args          []string
		code          int
		message, hint string
	}{
		{[]string{"next", ""}, exitUsage, "its name has 0 bytes, and must have 1 to 255", "Give another name"},
		{[]string{"last", strings.Repeat("n", 256)}, exitUsage, "has 256 bytes", "Give another name"},
		{[]string{"peek", "x", "--initial", "5", "--reset", "5"}, exitUsage, "reset (5) must be above initial (5)", "Give a larger reset"},
		{[]string{"next", "x", "--count", "-1"}, exitUsage, `sequence "x"`, ""},
		{[]string{"next", "x", "--initial", "9223372036854775807", "--count", "2"}, exitFailure, "would pass 9223372036854775807", "Begin a sequence of another name"},
	} {
		o := on(t, d, c.args...)
		require.Equal(t, c.code, o.code, c.args)
		require.Empty(t, o.stdout)
		first, second, _ := strings.Cut(o.stderr, "\n")
		require.Contains(t, first, c.message)
		require.True(t, strings.HasPrefix(first, "gapless: "), o.stderr)
		require.Contains(t, second, c.hint)
		require.LessOrEqual(t, strings.Count(second, "\n"), 1, o.stderr)
	}
	require.Equal(t, exitMissing, on(t, d, "last", "x").code, "something was left behind")
}

// full is a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestAValueThatCannotBePrintedIsToldOnStderr(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	var stderr strings.Builder
	code := run(t.Context(), []string{"next", "invoice", "--count", "2", "--database-url", d.URL}, strings.NewReader(""), full{}, &stderr)
	require.Equal(t, exitFailure, code)
	require.Equal(t, "gapless: sequence \"invoice\": 1, 2 spent, but cannot be printed: no space left on device\n", stderr.String())
}

func TestWhatWasDoneAndCannotBePrintedIsToldOnStderr(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	empty := pgtest.NewEmpty(t)
	for _, c := range []struct{ line, done string }{
		{"migrate up", "schema gapless: version 0 → "},
		{"adopt a 5", `sequence "a" goes on after 5`},
		{"forward a 6 --reason r", `sequence "a" goes on after 6`},
		{"next a", `sequence "a": 7 spent`},
		{"void a 7 --reason r", `sequence "a": 7 is void`},
		{"close a --reason r", `sequence "a" is closed; its last number is 7`},
		{"open a --reason r", `sequence "a" is open`},
		{"delete a --yes", `sequence "a" is deleted`},
	} {
		on := d
		if c.line == "migrate up" {
			on = empty
		}
		var stderr strings.Builder
		code := run(t.Context(), append(strings.Fields(c.line), "--database-url", on.URL), strings.NewReader(""), full{}, &stderr)
		require.Equal(t, exitFailure, code, c.line)
		require.Contains(t, stderr.String(), "gapless: "+c.done)
		require.Contains(t, stderr.String(), "cannot be printed: no space left on device\n")
	}
}
