package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestWithoutADatabaseBothWaysToGiveOneAreNamed(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"migrate", "up"}, {"migrate", "status"}, {"uninstall"}, {"attach", "x", "number"}, {"detach", "x", "number"}, {"guard-partitions"}, {"grant", "x"}, {"revoke", "x"}, {"prune", "--before", "2020-01-01", "--yes"}, {"outcome", "6f1d2c1e-6f0a-4a57-9d07-3c1f2a1b0c9d", "1"}, {"next", "x"}, {"last", "x"}, {"peek", "x"}, {"list"}, {"columns"}, {"holders"}, {"top"},
		{"audit"}, {"audits"}, {"metrics", "--once"}, {"void", "x", "1", "--reason", "r"}, {"adopt", "x", "1"}, {"import", "--from", "sequences", "--like", "x"}, {"close", "x", "--reason", "r"}, {"open", "x", "--reason", "r"}, {"go-live", "x", "--reason", "r"}, {"archive", "x", "1", "--reason", "r"}, {"range", "x", "1", "9", "--reason", "r"}, {"withdraw", "x", "1", "--reason", "r"}, {"forward", "x", "1", "--reason", "r"}, {"delete", "x", "--yes"},
	} {
		require.Equal(t, outcome{code: exitUsage, stderr: "gapless: no database is given\n" +
			"hint: pass --database-url postgres://user:password@host:5432/database, or set GAPLESS_DATABASE_URL, or PGHOST and its like as for psql\n"},
			program(t.Context(), false, strings.NewReader(""), args...), args)
	}
}

func TestTheDatabaseCanBeGivenInTheEnvironment(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	var stdout bytes.Buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stdout, terminal: isTerminal,
		getenv: func(name string) string { return map[string]string{"GAPLESS_DATABASE_URL": d.URL}[name] },
	}
	require.Zero(t, a.run(t.Context(), []string{"next", "invoice"}))
	require.Equal(t, "1\n", stdout.String())
}

func TestWhatIsWrongOnTheCommandLineIsCode2(t *testing.T) {
	t.Parallel()
	for line, message := range map[string]string{
		"lst":                                   `unknown command "lst" for "gapless"`,
		"next":                                  "gapless next takes NAME, and got 0 arguments",
		"next a b":                              "gapless next takes NAME, and got 2 arguments",
		"list a":                                `gapless list takes no argument, and got "a"`,
		"top --interval 1ms":                    "--interval must be 100ms or more",
		"top --count -1":                        "--count must not be negative",
		"holders a b":                           "gapless holders takes [NAME], and got 2 arguments",
		"next a --count many":                   `invalid argument "many" for "--count" flag`,
		"next a --lock-timeout 5":               `invalid argument "5" for "--lock-timeout" flag`,
		"next a --colour":                       "unknown flag: --colour",
		"adopt a":                               "gapless adopt takes NAME LAST, and got 1 argument\n",
		"adopt a one":                           `LAST must be a whole number from -2^63 to 2^63-1, and is "one"`,
		"audit a b":                             "gapless audit takes [NAME], and got 2 arguments",
		"audit --csv --json":                    "--csv and --json cannot be given together",
		"audit --html=":                         "--html needs the name of a file",
		"void a 1":                              `required flag(s) "reason" not set`,
		"void a one --reason r":                 `VALUE must be a whole number from -2^63 to 2^63-1, and is "one"`,
		"void a -5 --reason r":                  `a negative VALUE goes after "--"`,
		"forward a -5 --reason r":               `a negative LAST goes after "--"`,
		"close a":                               `required flag(s) "reason" not set`,
		"open a":                                `required flag(s) "reason" not set`,
		"adopt a -5":                            `a negative LAST goes after "--"`,
		"migrate":                               "migrate takes a command: up, status or print",
		"migrate down":                          `gapless migrate takes no argument, and got "down"`,
		"demo --workers 0":                      "--workers must be at least 1, and cannot be 0",
		"demo --invoices -1":                    "--invoices must be at least 1, and cannot be -1",
		"demo --rollback 20":                    "--rollback is a fraction from 0 to 1, and cannot be 20",
		"demo --kill NaN":                       "--kill is a fraction from 0 to 1, and cannot be NaN",
		"demo --savepoint -0.1":                 "--savepoint is a fraction from 0 to 1, and cannot be -0.1",
		"demo --rollback 0.9 --kill 0.1":        "--rollback and --kill together must leave 0.05 that commits",
		"demo --timeout 0s":                     "--timeout must be above 0",
		"demo --database-url postgres://h:port": "the database URL is not one",
		"next a --database-url postgres://h:port/": "the database URL is not one",
	} {
		o := program(t.Context(), false, strings.NewReader(""), strings.Fields(line)...)
		require.Equal(t, exitUsage, o.code, line)
		require.Empty(t, o.stdout, line)
		require.Contains(t, o.stderr, message, line)
		require.NotContains(t, o.stderr, "Usage:", line)
		require.True(t, strings.HasPrefix(o.stderr, "gapless: ") || strings.Contains(line, "--json") && strings.HasPrefix(o.stderr, "{"), o.stderr)
		require.LessOrEqual(t, strings.Count(o.stderr, "\n"), 2, o.stderr)
	}
}

func TestAPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://u:secret@h:port/db", "postgres://u:secret@127.0.0.1:1/db?sslmode=disable",
		"host=127.0.0.1 port=1 password=secret sslmode=disable", "postgres://u:sec%ret@h/db", "password=secret port=x",
	} {
		for _, command := range []string{"list", "demo"} {
			if command == "demo" && strings.Contains(url, "=disable") {
				continue // pgtest's own tests
			}
			o := program(t.Context(), false, strings.NewReader(""), command, "--database-url", url)
			require.NotZero(t, o.code)
			require.NotContains(t, o.stderr, "secret")
			require.NotContains(t, o.stderr, "sec%ret")
		}
	}
}

func TestADatabaseOutOfReachIsCode1(t *testing.T) {
	t.Parallel()
	o := program(t.Context(), false, strings.NewReader(""), "list", "--database-url", "postgres://u@127.0.0.1:1/db?sslmode=disable")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "gapless: failed to connect to `user=u database=db`:")
	require.Equal(t, 1, strings.Count(o.stderr, "\n"), o.stderr)
}

func TestWithoutTheSchemaEachCommandSaysHowToInstallIt(t *testing.T) {
	t.Parallel()
	d := pgtest.NewEmpty(t)
	for _, args := range [][]string{
		{"next", "x"}, {"last", "x"}, {"peek", "x"}, {"list"}, {"columns"}, {"holders"}, {"top"}, {"audit"}, {"audit", "x"},
		{"attach", "pg_catalog.pg_class", "number"}, {"detach", "pg_catalog.pg_class", "number"}, {"guard-partitions"}, {"grant", "x"}, {"revoke", "x"}, {"prune", "--before", "2020-01-01", "--yes"}, {"outcome", "6f1d2c1e-6f0a-4a57-9d07-3c1f2a1b0c9d", "1"},
		{"void", "x", "1", "--reason", "r"}, {"adopt", "x", "1"}, {"import", "--from", "sequences", "--like", "x"}, {"close", "x", "--reason", "r"}, {"open", "x", "--reason", "r"}, {"go-live", "x", "--reason", "r"}, {"archive", "x", "1", "--reason", "r"}, {"range", "x", "1", "9", "--reason", "r"}, {"withdraw", "x", "1", "--reason", "r"}, {"forward", "x", "1", "--reason", "r"}, {"delete", "x", "--yes"},
	} {
		require.Equal(t, outcome{code: exitFailure, stderr: "gapless: schema gapless is not in this database, or not up to date\n" +
			"hint: run `gapless migrate up`\n"}, on(t, d, args...), args)
	}
}

func TestARoleWithoutRightsIsToldHowToGetThem(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	conn := d.Conn(t)
	role := "r_" + d.Name
	_, err := conn.Exec(t.Context(), "CREATE ROLE "+role)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := conn.Exec(context.Background(), "DROP ROLE "+role)
		assert.NoError(t, err)
	})
	separator := "?"
	if strings.Contains(d.URL, "?") {
		separator = "&"
	}
	o := program(t.Context(), false, strings.NewReader(""), "next", "x", "--database-url", d.URL+separator+"role="+role)
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "gapless: permission denied for schema gapless\n") // the transaction is refused, before any sequence
	require.Contains(t, o.stderr, "hint: the owner of schema gapless gives")
}

func TestANameThatIsNearlyACommandsIsCompleted(t *testing.T) {
	t.Parallel()
	for line, hint := range map[string]string{
		"hodlers":              "did you mean gapless holders?",
		"--color never auditt": "did you mean gapless audit, gapless audits?",
		"nothing-like-it":      "see gapless --help",
		"list --jsn":           "see gapless list --help",
		"migrate up --x":       "see gapless migrate up --help",
	} {
		o := program(t.Context(), false, strings.NewReader(""), strings.Fields(line)...)
		require.Equal(t, exitUsage, o.code)
		require.Contains(t, o.stderr, "hint: "+hint+"\n", line)
	}
}

// TestErrorsAreJSONWithJSON has one object on stderr, in one line, for each kind of error.
func TestErrorsAreJSONWithJSON(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, "CREATE TABLE invoices (number bigint UNIQUE)", "SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)",
		"INSERT INTO invoices DEFAULT VALUES")
	tx := hold(t, d, "held")
	for line, want := range map[string]problem{
		"list --json --bogus": {Message: "unknown flag: --bogus", Hint: "see gapless list --help", ExitCode: exitUsage},
		"list --bogus --json": {Message: "unknown flag: --bogus", Hint: "see gapless list --help", ExitCode: exitUsage},
		"last nosuch --json":  {Message: `there is no sequence "nosuch"`, Hint: "`gapless list` shows those that there are", ExitCode: exitMissing, Sequence: "nosuch"},
		"next invoice --json": {
			Message:  `sequence "invoice" belongs to column public.invoices.number, which numbers itself from it`,
			Hint:     "Insert a row, and read its number by RETURNING; or take from a sequence of another name.",
			ExitCode: exitFailure, SQLState: "55000", Sequence: "invoice", Constraint: "sequence_target",
		},
		"adopt held 1 --json --lock-timeout 1ms": {
			Message: `sequence "held": canceling statement due to lock timeout`, Hint: "`gapless holders` shows who holds it", ExitCode: exitLocked, SQLState: "55P03", Sequence: "held",
		},
		"void invoice 9 --reason r --json": {
			Message: `sequence "invoice" has not issued 9 in its latest cycle`, Column: "value",
			Hint: "Only an issued number can be voided; the view gapless.sequences shows the newest, and on a coordinator of Citus gapless.node_sequences(), of all nodes.", ExitCode: exitUsage, SQLState: "22023", Sequence: "invoice",
		},
	} {
		o := on(t, d, strings.Fields(line)...)
		require.Equal(t, want.ExitCode, o.code, line)
		require.Empty(t, o.stdout)
		require.Equal(t, 1, strings.Count(o.stderr, "\n"), o.stderr)
		var got problem
		require.NoError(t, json.Unmarshal([]byte(o.stderr), &got), o.stderr)
		require.Equal(t, want, got)
	}
	require.NoError(t, tx.Rollback(t.Context()))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := program(ctx, false, strings.NewReader(""), "list", "--json", "-d", d.URL)
	require.Equal(t, outcome{code: exitInterrupted, stderr: `{"message":"interrupted","exit_code":130}` + "\n"}, o)
}

func TestNothingFoundIsSaidOnStderrAndIsAnEmptyList(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	for command, sentence := range map[string]string{
		"list": "there is no sequence yet", "ranges": "no sequence has a range", "columns": "no column is attached yet",
		"holders": "nobody holds a sequence or waits for one", "audits": "no audit was recorded",
	} {
		require.Equal(t, outcome{stderr: sentence + "\n"}, on(t, d, command))
		require.Equal(t, prints("[]\n"), on(t, d, command, "--json"))
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	o := program(t.Context(), false, strings.NewReader(""), "--help")
	require.Zero(t, o.code)
	for _, part := range []string{"Exit codes:", "130  interrupted", "demo", "holders", "--database-url"} {
		require.Contains(t, o.stdout, part)
	}
	o = program(t.Context(), false, strings.NewReader(""), "next", "--help")
	require.Contains(t, o.stdout, "A number taken here is spent")
	o = program(t.Context(), false, strings.NewReader(""), "--version")
	require.Zero(t, o.code)
	require.Regexp(t, `^gapless \S+\n$`, o.stdout)
}
