package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestAttachHasEachOptionOfTheFunction attaches with them, and reads what the view says of the column.
func TestAttachHasEachOptionOfTheFunction(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d,
		`CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, year int NOT NULL, day date, number text, hash bytea, before bytea, UNIQUE (year, number))`,
		`CREATE TABLE drafts (id bigint PRIMARY KEY, number text DEFAULT '/', UNIQUE (number))`,
		`CREATE TABLE others (id bigint PRIMARY KEY, number text, UNIQUE (number))`,
		`CREATE TABLE movable (id bigint PRIMARY KEY, year int NOT NULL, number bigint, UNIQUE (year, number))`)
	require.Equal(t, prints("column number of bills numbers itself\n"), on(t, d, "attach", "bills", "number",
		"--name", "'bill/' || NEW.year", "--initial", "100", "--format", "'B-' || NEW.year || '-' || value", "--chronology", "NEW.day",
		"--chain", "sha256(coalesce(NEW.before, '') || NEW.number::bytea)", "--previous-column", "before", "--hash-column", "hash"))
	o := on(t, d, "attach", "drafts", "number", "--condition", "NEW.id > 0", "--format", "'D' || value", "--unnumbered", "/", "--at-commit", "--make-index", "--json")
	result := parsed[attached](t, o)
	require.True(t, result.Attached)
	require.False(t, result.DryRun)
	o = on(t, d, "attach", "others", "number", "--format", "'D' || value", "--series-of", "drafts.number", "--at-commit")
	require.Zero(t, o.code, o.stderr)
	require.Zero(t, on(t, d, "attach", "movable", "number", "--name", "'movable/' || NEW.year", "--moves", "--ensure").code)

	columns := map[string]column{}
	for _, c := range parsed[[]column](t, on(t, d, "columns", "--json")) {
		require.Empty(t, c.Faults)
		columns[c.Table] = c
	}
	bills := columns["public.bills"]
	require.EqualValues(t, 100, bills.Initial)
	require.Equal(t, []string{"'bill/' || NEW.year", "'B-' || NEW.year || '-' || value", "NEW.day", "hash", "before"},
		[]string{bills.Name, bills.Format, bills.Chronology, bills.HashColumn, bills.Previous})
	require.Contains(t, bills.Chain, "sha256")
	drafts := columns["public.drafts"]
	require.True(t, drafts.AtCommit)
	require.Equal(t, "NEW.id > 0", drafts.Condition)
	require.Equal(t, "/", *drafts.Unnumbered)
	require.Equal(t, "public.drafts.number", columns["public.others"].SeriesOf)
	require.True(t, columns["public.movable"].Moves)
}

func TestAttachCanBeRepeatedAndSaysWhatDiffers(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, "CREATE TABLE invoices (number bigint UNIQUE)", "INSERT INTO invoices VALUES (1), (2)")
	for _, more := range []string{"", "", "--ensure"} {
		o := on(t, d, strings.Fields("attach invoices number --name 'invoice' "+more)...)
		require.Zero(t, o.code, o.stderr)
	}
	o := on(t, d, "attach", "invoices", "number", "--name", "'bill'")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "gapless: column \"number\" of table public.invoices is attached already, with another definition\ndetail: name is ")
	require.Contains(t, o.stderr, "\nhint: To attach it otherwise")
	o = on(t, d, "attach", "invoices", "number", "--name", "'bill'", "--json")
	var p problem
	require.NoError(t, json.Unmarshal([]byte(o.stderr), &p))
	require.Equal(t, []string{"42710", "public", "invoices", "number", "gapless_attached"}, []string{p.SQLState, p.Schema, p.Table, p.Column, p.Constraint})
	require.Contains(t, p.Detail, "bill")
}

// TestADryRunOfAttachSaysWhatItWouldAndChangesNothing has numbers to take over, of which the server tells.
func TestADryRunOfAttachSaysWhatItWouldAndChangesNothing(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, "CREATE TABLE invoices (number text UNIQUE)", "INSERT INTO invoices VALUES ('I1'), ('I2'), ('old')")
	args := []string{"attach", "invoices", "number", "--name", "'invoice'", "--format", "'I' || value"}
	o := on(t, d, append(args, "--dry-run")...)
	require.Zero(t, o.code, o.stderr)
	require.Equal(t, "column number of invoices would number itself; nothing is changed\n", o.stdout)
	require.Contains(t, o.stderr, "notice: ")
	said := o.stderr
	require.Equal(t, "no column is attached yet\n", on(t, d, "columns").stderr)
	dry := parsed[attached](t, on(t, d, append(args, "--dry-run", "--json")...))
	require.True(t, dry.DryRun)
	require.False(t, dry.Attached)
	require.Equal(t, "NOTICE", dry.Notices[0].Severity)

	require.Equal(t, outcome{stdout: "column number of invoices numbers itself\n", stderr: said}, on(t, d, args...))
	require.Equal(t, "column number of invoices can be detached; nothing is changed\n", on(t, d, "detach", "invoices", "number", "--dry-run").stdout)
	require.Len(t, parsed[[]column](t, on(t, d, "columns", "--json")), 1)
	require.Equal(t, prints("column number of invoices does not number itself any more\n"), on(t, d, "detach", "invoices", "number"))
	require.Empty(t, parsed[[]column](t, on(t, d, "columns", "--json")))
}

func TestWhatCannotBeAttachedIsSaidWithTheExpression(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, "CREATE TABLE invoices (number bigint UNIQUE)", "CREATE SCHEMA billing", "CREATE TABLE billing.bills (number bigint UNIQUE)")
	for line, c := range map[string]struct {
		code int
		want string
	}{
		"attach nosuch number":                      {exitMissing, "there is no table nosuch\nhint: give it as SQL has it"},
		"attach bills number":                       {exitMissing, "there is no table bills\n"},
		"guard-partitions nosuch":                   {exitMissing, "there is no table nosuch\n"},
		"detach nosuch number":                      {exitMissing, "there is no table nosuch\n"},
		"attach invoices nosuch":                    {exitFailure, `table public.invoices has no column "nosuch"`},
		"attach invoices number --name f(NEW.a)":    {exitFailure, "name is not an expression over NEW: column new.a does not exist\n"},
		"attach invoices number --name f(1)":        {exitFailure, "name is not an expression over NEW: function f(integer) does not exist\n"},
		"attach invoices number --name now()::text": {exitUsage, "name is refused"},
		"detach billing.bills number":               {exitFailure, `column "number" of table billing.bills is not attached`},
		"attach invoices":                           {exitUsage, "gapless attach takes TABLE COLUMN, and got 1 argument"},
		"attach invoices number --lock-timeout -1s": {exitUsage, "--lock-timeout must not be negative"},
	} {
		o := on(t, d, strings.Fields(line)...)
		require.Equal(t, c.code, o.code, "%s: %s", line, o.stderr)
		require.Contains(t, o.stderr, c.want, line)
		require.NotContains(t, o.stderr, "schema gapless is not in this database")
	}
}

func TestAttachWaitsForWritersNoLongerThanAskedFor(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, "CREATE TABLE invoices (number bigint UNIQUE)")
	writer := sqltest.Connect(t, d)
	writer.Do("BEGIN")
	writer.Do("INSERT INTO invoices VALUES (1)")
	o := on(t, d, "attach", "invoices", "number", "--lock-timeout", "10ms")
	require.Equal(t, exitLocked, o.code, o.stderr)
	writer.Do("ROLLBACK")
	require.Zero(t, on(t, d, "attach", "invoices", "number", "--lock-timeout", time.Minute.String()).code)
}

func TestPartitionsAreGuarded(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, "CREATE TABLE parted (day date, number bigint, UNIQUE (day, number)) PARTITION BY RANGE (day)")
	require.Zero(t, on(t, d, "attach", "parted", "number").code)
	statements(t, d, "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
	require.Equal(t, prints("parted_1\n"), on(t, d, "guard-partitions"))
	require.Equal(t, outcome{stderr: "every partition is guarded\n"}, on(t, d, "guard-partitions", "parted"))
	require.Equal(t, guarded{Partitions: []string{}}, parsed[guarded](t, on(t, d, "guard-partitions", "--json")))

	statements(t, d, "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')")
	require.Equal(t, outcome{stdout: "parted_2\n", stderr: "each new partition is guarded by itself from now on\n"}, on(t, d, "guard-partitions", "--new"))
	statements(t, d, "CREATE TABLE parted_3 PARTITION OF parted FOR VALUES FROM ('2028-01-01') TO ('2029-01-01')")
	require.Equal(t, outcome{stderr: "every partition is guarded\n"}, on(t, d, "guard-partitions"))
	require.Equal(t, outcome{stderr: "new partitions are not guarded by themselves any more\n"}, on(t, d, "guard-partitions", "--new=false"))
	statements(t, d, "CREATE TABLE parted_4 PARTITION OF parted FOR VALUES FROM ('2029-01-01') TO ('2030-01-01')")
	require.Equal(t, prints("parted_4\n"), on(t, d, "guard-partitions"))
}

func TestRightsAreGivenAndTaken(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	conn := d.Conn(t)
	role := "r_" + d.Name
	statements(t, d, "CREATE ROLE "+pgx.Identifier{role}.Sanitize())
	t.Cleanup(func() {
		for _, drop := range []string{"DROP OWNED BY ", "DROP ROLE "} {
			_, err := conn.Exec(context.WithoutCancel(t.Context()), drop+role)
			require.NoError(t, err)
		}
	})
	may := func() (may bool) {
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT has_function_privilege($1, 'gapless.next_gapless(text,bigint,bigint,boolean)', 'EXECUTE')", role).Scan(&may))
		return may
	}
	require.False(t, may())
	require.Equal(t, prints("role \""+role+"\" may take numbers\n"), on(t, d, "grant", role))
	require.True(t, may())
	require.Equal(t, granted{Role: role}, parsed[granted](t, on(t, d, "revoke", role, "--json")))
	require.False(t, may())
	o := on(t, d, "grant", "nosuch_"+role)
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "does not exist")
}
