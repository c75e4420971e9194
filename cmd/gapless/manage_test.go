package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
)

// typed runs the program on a terminal on which that was typed.
func typed(t *testing.T, d *pgtest.Database, answer string, args ...string) outcome {
	t.Helper()
	return program(t.Context(), true, strings.NewReader(answer), append([]string{"--database-url", d.URL}, args...)...)
}

func TestPruneCountsAndAsksBeforeItDrops(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	for _, name := range []string{"a/1", "a/1", "a/1", "a/2", "a/2", "b"} {
		s.Do("SELECT gapless.next_gapless($1)", name)
	}
	rows := func() int64 { return s.Number("SELECT count(*) FROM gapless.journal WHERE kind = 'issued'") }
	require.EqualValues(t, 6, rows())
	future := "2999-01-01"

	o := on(t, d, "prune", "--before", future, "--dry-run")
	require.Equal(t, prints("NAME  WOULD BE DROPPED\na/1                  2\na/2                  1\n"), o)
	dry := parsed[pruned](t, on(t, d, "prune", "--before", future, "--dry-run", "--json"))
	require.True(t, dry.DryRun)
	require.EqualValues(t, 3, dry.Dropped)
	require.Equal(t, []prunedSequence{{"a/1", 2}, {"a/2", 1}}, dry.Sequences)

	o = on(t, d, "prune", "--before", future)
	require.Equal(t, outcome{code: exitUsage, stderr: "gapless: nothing is pruned: standard input is no terminal, so nobody can be asked\n" +
		"hint: pass --yes to prune unasked, or --dry-run to count\n"}, o)
	for _, no := range []string{"n\n", "\n", ""} {
		o = typed(t, d, no, "prune", "--before", future)
		require.Equal(t, exitUsage, o.code)
		require.Contains(t, o.stderr, "3 rows of the journal would be dropped, of 2 sequences: who took which number then, and when.")
		require.Contains(t, o.stderr, "gapless: nothing is pruned\n")
	}
	require.EqualValues(t, 6, rows(), "nothing was changed")

	o = typed(t, d, "yes\n", "prune", "--before", future, "a/1")
	require.Zero(t, o.code, o.stderr)
	require.Equal(t, "NAME  DROPPED\na/1         2\n", o.stdout)
	done := parsed[pruned](t, on(t, d, "prune", "--older-than", "0 seconds", "--like", "a/%", "--yes", "--json"))
	require.Equal(t, []prunedSequence{{"a/2", 1}}, done.Sequences)
	require.EqualValues(t, 3, rows())
	o = on(t, d, "prune", "--older-than", "10 years", "--yes")
	require.Zero(t, o.code)
	require.Regexp(t, `^the journal has no row from before \S+ \S+ \S+ that can go\n$`, o.stderr)
	require.Equal(t, prints("3\n"), on(t, d, "last", "a/1"))

	for line, c := range map[string]struct {
		code int
		want string
	}{
		"prune": {exitUsage, "prune takes --before or --older-than"},
		"prune --before 2020-01-01 --older-than 1d": {exitUsage, "prune takes --before or --older-than"},
		"prune a --like b --before 2020-01-01":      {exitUsage, "NAME and --like cannot be given together"},
		"prune --before yesterdayish --yes":         {exitUsage, "invalid input syntax"},
		"prune --older-than much --yes":             {exitUsage, "invalid input syntax"},
		"prune nosuch --before 2020-01-01 --yes":    {exitMissing, `there is no sequence "nosuch"`},
		"prune --like x% --before 2020-01-01 --yes": {exitMissing, `there is no sequence like "x%"`},
	} {
		o := on(t, d, strings.Fields(line)...)
		require.Equal(t, c.code, o.code, line)
		require.Contains(t, o.stderr, c.want, line)
	}
}

func TestAPruneThatHasToWaitSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	for range 3 {
		require.Zero(t, on(t, d, "next", "a").code)
		require.Zero(t, on(t, d, "next", "b").code)
	}
	tx := hold(t, d, "b")
	o := on(t, d, "prune", "--before", "2999-01-01", "--yes", "--lock-timeout", "10ms")
	require.Equal(t, exitLocked, o.code)
	require.Contains(t, o.stderr, "pruned before that: 2 rows of 1 sequence\n")
	require.Contains(t, o.stderr, `sequence "b"`)
	require.NoError(t, tx.Rollback(t.Context()))
}

func TestTheOutcomeOfALostCommitIsTold(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	const token, other = "6f1d2c1e-6f0a-4a57-9d07-3c1f2a1b0c9d", "6f1d2c1e-6f0a-4a57-9d07-3c1f2a1b0c9e"
	s.Do("BEGIN")
	txid := *sqltest.Value[string](s, "SELECT gapless.mark_gapless('"+token+"')::text")
	s.Do("SELECT gapless.next_gapless('a')")
	o := on(t, d, "outcome", token, txid, "--lock-timeout", "10ms")
	require.Equal(t, exitLocked, o.code, o.stderr)
	s.Do("COMMIT")
	require.Equal(t, prints("committed\n"), on(t, d, "outcome", token, txid))
	require.Equal(t, "committed", parsed[outcomeOf](t, on(t, d, "outcome", token, txid, "--json")).Outcome)

	s.Do("BEGIN")
	txid = *sqltest.Value[string](s, "SELECT gapless.mark_gapless('"+other+"')::text")
	s.Do("ROLLBACK")
	require.Equal(t, prints("lost\n"), on(t, d, "outcome", other, txid))
	require.Equal(t, exitUsage, on(t, d, "outcome", "no-token", txid).code)
	require.Equal(t, exitUsage, on(t, d, "outcome", token, "x").code)
}

func TestUninstallSaysWhatGoesAndNeedsTheDatabasesName(t *testing.T) {
	t.Parallel()
	d := pgtest.NewEmpty(t)
	o := on(t, d, "uninstall")
	require.Equal(t, outcome{code: exitMissing, stderr: "gapless: gapless is not installed in this database\n"}, o)
	require.Zero(t, on(t, d, "migrate", "up").code)
	statements(t, d, "CREATE TABLE invoices (number bigint UNIQUE)", "SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)",
		"INSERT INTO invoices DEFAULT VALUES", "INSERT INTO invoices DEFAULT VALUES", "SELECT gapless.void_gapless('invoice', 2, 'why')")
	going := "column public.invoices.number would be detached; its numbers stay\n" +
		"schema gapless would be dropped, with 1 sequence, 2 rows of the journal, 1 void number, 0 decisions and 0 recorded audits\n" +
		"To do it: gapless uninstall " + d.Name + "\n"
	require.Equal(t, prints(going), on(t, d, "uninstall"))
	require.Equal(t, prints(going), on(t, d, "uninstall", "--yes"), "--yes is not enough")
	would := parsed[uninstalled](t, on(t, d, "uninstall", "--json"))
	require.False(t, would.Uninstalled)
	require.Equal(t, []string{"public.invoices.number"}, would.Columns)

	for _, o := range []outcome{
		on(t, d, "uninstall", "another", "--yes"), on(t, d, "uninstall", d.Name), typed(t, d, "n\n", "uninstall", d.Name), typed(t, d, "", "uninstall", d.Name),
	} {
		require.Equal(t, exitUsage, o.code, o.stderr)
		require.Contains(t, o.stderr, "nothing is uninstalled")
		require.Empty(t, o.stdout)
	}
	statements(t, d, "CREATE VIEW mine AS SELECT name FROM gapless.sequences")
	o = on(t, d, "uninstall", d.Name, "--yes")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "public.mine", "the detail names what needs the schema")
	statements(t, d, "DROP VIEW mine")
	version, err := migrate.Status(t.Context(), d.Conn(t))
	require.NoError(t, err)
	require.NotZero(t, version.Current, "nothing was changed")

	o = typed(t, d, "y\n", "uninstall", d.Name)
	require.Zero(t, o.code, o.stderr)
	require.Contains(t, o.stderr, "column public.invoices.number is detached; its numbers stay\n")
	require.Equal(t, "gapless is not in database "+d.Name+" any more; rows and their numbers stay\n", o.stdout)
	require.Equal(t, exitMissing, on(t, d, "migrate", "status").code)
	statements(t, d, "INSERT INTO invoices VALUES (9)")
}
