package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestVoidOfARange(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Zero(t, on(t, d, "next", "invoice", "--count", "30").code)
	require.Equal(t, prints("sequence \"invoice\": 2 to 4 are void\n"), on(t, d, "void", "invoice", "2-4", "--reason", "torn"))
	require.Equal(t, object{"name": "invoice", "value": 6.0, "to": 7.0, "reason": "torn"}, parsed[object](t, on(t, d, "void", "invoice", "6-7", "--reason", "torn", "--json")))
	require.Equal(t, prints("sequence \"invoice\": 9 to 10 are void\n"), on(t, d, "void", "invoice", "9", "--to", "10", "--reason", "torn"))
	o := on(t, d, "void", "invoice", "28-31", "--reason", "torn")
	require.Equal(t, exitUsage, o.code)
	require.Contains(t, o.stderr, "has not issued 31")
	require.Equal(t, "every finding explained: 3 findings in 1 sequence (1 without a column: there, only the journal was looked at)\n", on(t, d, "audit").stderr)

	statements(t, d, "SELECT gapless.next_gapless_batch('below', 9, initial => -5)")
	require.Equal(t, prints("sequence \"below\": -5 to -4 are void\n"), on(t, d, "void", "--reason", "r", "--", "below", "-5--4"))
	require.Equal(t, prints("sequence \"below\": -3 to 1 are void\n"), on(t, d, "void", "--reason", "r", "--", "below", "-3-1"))

	for line, message := range map[string]string{
		"void a":                                  "which number is void is not given",
		"void a 1-2 --to 3 --reason r":            "--to cannot be given together with a range",
		"void a 1-2-3 --reason r":                 `VALUE must be a whole number from -2^63 to 2^63-1, and is "1-2-3"`,
		"void a 1-9223372036854775808 --reason r": `VALUE must be a whole number from -2^63 to 2^63-1, and is "9223372036854775808"`,
		"void a 1 --file f":                       "VALUE, --to and --reason cannot be given",
		"void a --file f --reason r":              "VALUE, --to and --reason cannot be given",
		"void a --file /nosuch/file":              "no such file",
	} {
		o := on(t, d, strings.Fields(line)...)
		require.Equal(t, exitUsage, o.code, line)
		require.Contains(t, o.stderr, message, line)
	}
}

func TestVoidOfAFileIsAllOrNone(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Zero(t, on(t, d, "next", "invoice", "--count", "100").code)
	dir := t.TempDir()
	void := func(content string, more ...string) outcome {
		path := filepath.Join(dir, "voids.csv")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return on(t, d, append([]string{"void", "invoice", "--file", path}, more...)...)
	}
	voids := func() string {
		var found string
		require.NoError(t, d.Conn(t).QueryRow(t.Context(), "SELECT coalesce(string_agg(value || '=' || reason, ' ' ORDER BY value), '') FROM gapless.void").Scan(&found))
		return found
	}
	for content, message := range map[string]string{
		"1,a\n2,b\n1,c\n":      "1 is void already",
		"1,a\n101,b\n":         "has not issued 101",
		"1,a\n\n2\n":           "--file: line 3: it does not have two fields; nothing is void",
		"1,a\n2;b\n":           "--file: line 2: it does not have two fields; nothing is void",
		"1,a\n2,b,c\n":         "--file: line 2: it does not have two fields",
		"1,a\n2, \n":           "--file: line 2: the reason is missing",
		"1,a\ntwo,b\n":         "--file: line 2: VALUE must be a whole number",
		"1,a\n9-7,b\n":         "--file: line 2: the range ends before it begins",
		"1,a\nnumber,reason\n": "--file: line 2: VALUE must be a whole number",
		"1,a\n2,\"b\n":         "extraneous or missing \" in quoted-field; nothing is void",
		"":                     "--file: there is no number in it",
		"number,reason\n":      "--file: there is no number in it",
	} {
		o := void(content)
		require.NotZero(t, o.code, content)
		require.Contains(t, o.stderr, message, content)
		require.Empty(t, voids(), content)
	}

	o := void("\ufeffNumber,Reason\r\n3,\"torn, by hand\"\r\n 4 , \"torn, by hand\"\r\n10-12,printed twice\r\n7,é\r\n")
	require.Equal(t, prints("sequence \"invoice\": numbers that are void now: 6\n"), o)
	require.Equal(t, "3=torn, by hand 4=torn, by hand 7=é 10=printed twice 11=printed twice 12=printed twice", voids())
	result := parsed[[]object](t, void("20,x\n21,x\n22,y\n", "--json"))
	require.Equal(t, []object{{"name": "invoice", "value": 20.0, "to": 21.0, "reason": "x"}, {"name": "invoice", "value": 22.0, "reason": "y"}}, result)

	stdin := strings.NewReader("30,from standard input\n")
	o = program(t.Context(), false, stdin, "--database-url", d.URL, "void", "invoice", "--file", "-")
	require.Equal(t, prints("sequence \"invoice\": numbers that are void now: 1\n"), o)
	require.Equal(t, exitMissing, program(t.Context(), false, strings.NewReader("1,x"), "--database-url", d.URL, "void", "nosuch", "--file", "-").code)
}

func TestVoidOfAFileOfThousands(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Zero(t, on(t, d, "next", "invoice", "--count", "4000").code)
	var lines strings.Builder
	for i := 1; i <= 4000; i += 2 {
		fmt.Fprintf(&lines, "%d,reason %d\n", i, i)
	}
	o := program(t.Context(), false, strings.NewReader(lines.String()), "--database-url", d.URL, "void", "invoice", "--file", "-")
	require.Equal(t, prints("sequence \"invoice\": numbers that are void now: 2,000\n"), o)
}
