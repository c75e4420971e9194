package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestLastAndPeek(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Equal(t, outcome{code: exitMissing, stderr: "gapless: there is no sequence \"invoice\"\nhint: `gapless list` shows those that there are\n"},
		on(t, d, "last", "invoice"))
	require.Equal(t, prints("1\n"), on(t, d, "peek", "invoice"))
	require.Equal(t, prints("7\n"), on(t, d, "peek", "invoice", "--initial", "7"))

	require.Equal(t, 0, on(t, d, "next", "invoice", "--count", "3").code)
	require.Equal(t, prints("3\n"), on(t, d, "last", "invoice"))
	require.Equal(t, prints("4\n"), on(t, d, "peek", "invoice"))
	require.Equal(t, prints("1\n"), on(t, d, "peek", "invoice", "--reset", "4"))
	require.Equal(t, object{"name": "invoice", "value": 3.0}, parsed[object](t, on(t, d, "last", "invoice", "--json")))
	require.Equal(t, object{"name": "invoice", "value": 4.0}, parsed[object](t, on(t, d, "peek", "invoice", "--json")))
}

func TestListAlignsNumbersToTheRight(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Equal(t, outcome{stderr: "there is no sequence yet\n"}, on(t, d, "list"))
	require.Equal(t, []any{}, parsed[[]any](t, on(t, d, "list", "--json")))

	require.Zero(t, on(t, d, "next", "a", "--count", "1200").code)
	require.Zero(t, on(t, d, "adopt", "--", "tab\tbell\a", "-5").code)
	o := on(t, d, "list")
	require.Zero(t, o.code)
	require.Regexp(t, `^NAME         LAST  ISSUED  LAST ALLOCATED              CLOSED  ATTACHED TO
a            1200    1200  20\d\d-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d  no      -
tab\\tbell\\a    -5       0  20\d\d-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d  no      -
$`, o.stdout)

	lines := parsed[[]sequence](t, on(t, d, "list", "--json"))
	require.Len(t, lines, 2)
	require.WithinDuration(t, time.Now(), lines[0].LastAllocatedAt, time.Hour)
	lines[0].LastAllocatedAt = time.Time{}
	require.Equal(t, sequence{Name: "a", LastValue: 1200, Issued: 1200}, lines[0])
	require.Equal(t, "tab\tbell\a", lines[1].Name)
}

func TestColumnsSaysHowTheyAreAttachedAndWhatIsWrong(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Equal(t, outcome{stderr: "no column is attached yet\n"}, on(t, d, "columns"))
	require.Equal(t, []any{}, parsed[[]any](t, on(t, d, "columns", "--json")))
	_, err := d.Conn(t).Exec(t.Context(), `
		CREATE TABLE bills (id int, number text UNIQUE);
		CREATE TABLE notes (id int PRIMARY KEY, number bigint UNIQUE);
		CREATE TABLE seals (number bigint UNIQUE, hash bytea, before bytea);
		SELECT gapless.attach_gapless('seals', 'number', name => $$ 'seal' $$, chain => 'sha256(NEW.before)', previous_column => 'before');
		SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$, format => $$ 'B' || value $$, unnumbered => '');
		SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note' $$, initial => 5, at_commit => true);
		CREATE TABLE orders (tenant int, number bigint, UNIQUE (tenant, number));
		SELECT gapless.attach_gapless('orders', 'number', name => $$ 'order/' || NEW.tenant $$, moves => true);
		CREATE TABLE refunds (id int PRIMARY KEY, number bigint UNIQUE);
		SELECT gapless.attach_gapless('refunds', 'number', series_of => 'notes.number', initial => 5, at_commit => true);
		ALTER TABLE notes DISABLE TRIGGER "~gapless_issue_number";
		DROP TRIGGER "~gapless_update_number" ON notes`)
	require.NoError(t, err)
	require.Equal(t, prints(`TABLE           COLUMN  NAME                    NUMBERED   ALSO                           FAULTS
public.bills    number  'bill'                  at once    -                              -
public.notes    number  'note'                  at commit  -                              disabled on table public.notes: trigger ~gapless_issue_number
                                                                                          missing on table public.notes: trigger ~gapless_update_number
public.orders   number  'order/' || NEW.tenant  at once    rows move                      -
public.refunds  number  'note'                  at commit  series of public.notes.number  -
public.seals    number  'seal'                  at once    chain                          -
`), on(t, d, "columns"))
	empty := ""
	require.Equal(t, []column{
		{Table: "public.bills", Column: "number", Name: " 'bill' ", Initial: 1, Format: " 'B' || value ", Unnumbered: &empty, Guarded: true, Faults: []string{}},
		{Table: "public.notes", Column: "number", Name: " 'note' ", Initial: 5, AtCommit: true, Faults: []string{
			"disabled on table public.notes: trigger ~gapless_issue_number", "missing on table public.notes: trigger ~gapless_update_number",
		}},
		{Table: "public.orders", Column: "number", Name: " 'order/' || NEW.tenant ", Initial: 1, Moves: true, Guarded: true, Faults: []string{}},
		{Table: "public.refunds", Column: "number", Name: " 'note' ", Initial: 5, AtCommit: true, Guarded: true, Faults: []string{}, SeriesOf: "public.notes.number"},
		{Table: "public.seals", Column: "number", Name: " 'seal' ", Initial: 1, Chain: "sha256(NEW.before)", HashColumn: "hash", Previous: "before", Guarded: true, Faults: []string{}},
	}, parsed[[]column](t, on(t, d, "columns", "--json")))
}

func TestHoldersShowsWhoHoldsAndWhoWaits(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Equal(t, outcome{stderr: "nobody holds a sequence or waits for one\n"}, on(t, d, "holders"))
	tx := hold(t, d, "invoice")
	long := "SELECT 'a query of\n   more than sixty runes: ääääääääääääääääääääääääääää'"
	_, err := tx.Exec(t.Context(), long)
	require.NoError(t, err)
	waiting := make(chan outcome)
	go func() {
		waiting <- program(t.Context(), false, strings.NewReader(""), "next", "invoice", "--database-url", d.URL)
	}()
	conn := d.Conn(t)
	eventually(t, func() bool { return waiters(t, conn, "invoice") == 1 })

	lines := parsed[[]holder](t, on(t, d, "holders", "invoice", "--json"))
	require.Len(t, lines, 2)
	require.Equal(t, "holds", lines[0].State)
	require.Equal(t, "the holder", *lines[0].ApplicationName)
	require.Equal(t, tx.Conn().PgConn().PID(), uint32(*lines[0].PID))
	require.Equal(t, long, *lines[0].Query)
	require.Positive(t, *lines[0].Seconds)
	require.Equal(t, "waits", lines[1].State)
	require.Equal(t, "gapless", *lines[1].ApplicationName)
	require.Equal(t, []any{}, parsed[[]any](t, on(t, d, "holders", "other", "--json")))

	o := on(t, d, "holders")
	require.Zero(t, o.code)
	require.Regexp(t, `^NAME     STATE +PID  PREPARED AS  APPLICATION  USER +AGE  QUERY
invoice  holds +\d+  -            the holder   \S+ +\S+s  SELECT 'a query of more than sixty runes: äääääääääääääääää…
invoice  waits +\d+  -            gapless      \S+ +\S+s  \S.*
$`, o.stdout)

	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, prints("2\n"), <-waiting)
}

func TestHoldersNamesAPreparedTransaction(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	var allowed int
	conn := d.Conn(t)
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_setting('max_prepared_transactions')::integer").Scan(&allowed))
	if allowed == 0 {
		return // a given server
	}
	tx := hold(t, d, "invoice")
	_, err := tx.Exec(t.Context(), "PREPARE TRANSACTION '"+d.Name+"'")
	require.NoError(t, err)
	require.Regexp(t, `\ninvoice  holds    -  `+d.Name+`  -            \S+ +\S+s  -\n$`, on(t, d, "holders").stdout)
	lines := parsed[[]object](t, on(t, d, "holders", "--json"))
	require.Equal(t, d.Name, lines[0]["prepared_as"])
	require.Contains(t, lines[0], "pid")
	require.Nil(t, lines[0]["pid"])
	_, err = conn.Exec(t.Context(), "ROLLBACK PREPARED '"+d.Name+"'", pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
}

func TestAdoptMovesForwardOnly(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Equal(t, prints("sequence \"invoice\" goes on after 1041\n"), on(t, d, "adopt", "invoice", "1041"))
	require.Equal(t, prints("1042\n"), on(t, d, "next", "invoice"))
	require.Equal(t, object{"name": "invoice", "last": 2000.0}, parsed[object](t, on(t, d, "adopt", "invoice", "2000", "--json")))
	o := on(t, d, "adopt", "invoice", "5")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "gapless: sequence \"invoice\" is at 2000, and cannot go back to 5\nhint: ")
	require.Equal(t, prints("2000\n"), on(t, d, "last", "invoice"))
	o = on(t, d, "adopt", "invoice", "3000", "--lock-timeout", "-1s")
	require.Equal(t, exitUsage, o.code)
	require.Equal(t, "gapless: --lock-timeout must not be negative\n", o.stderr)
}

func TestDeleteAsksFirst(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	ask := func(answer string, args ...string) outcome {
		return program(t.Context(), true, strings.NewReader(answer), append(args, "--database-url", d.URL)...)
	}
	const question = "Sequence \"invoice\" is at 1. When it is deleted, its numbers come again. Delete it? [y/N] "
	require.Zero(t, on(t, d, "next", "invoice").code)

	require.Equal(t, outcome{code: exitUsage, stderr: "gapless: sequence \"invoice\" is not deleted: standard input is no terminal, so nobody can be asked\n" +
		"hint: pass --yes to delete it unasked\n"}, on(t, d, "delete", "invoice"))
	require.Equal(t, exitMissing, on(t, d, "delete", "other").code, "nobody would be asked of what there is none of")
	for _, answer := range []string{"n\n", "\n", "yy\n", "nonsense\n"} {
		require.Equal(t, outcome{code: exitUsage, stderr: question + "gapless: sequence \"invoice\" is not deleted\n"}, ask(answer, "delete", "invoice"))
	}
	require.Equal(t, outcome{code: exitUsage, stderr: question + "\ngapless: sequence \"invoice\" is not deleted\n"}, ask("", "delete", "invoice"))
	require.Equal(t, prints("1\n"), on(t, d, "last", "invoice"))

	require.Equal(t, outcome{stdout: "sequence \"invoice\" is deleted\n", stderr: question}, ask("Y\n", "delete", "invoice"))
	require.Equal(t, exitMissing, ask("y\n", "delete", "invoice").code)
	require.Equal(t, exitMissing, on(t, d, "delete", "invoice", "--yes").code)

	require.Zero(t, on(t, d, "close", "unused", "--reason", "a test").code)
	o := ask("y\n", "delete", "unused")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, `Sequence "unused" has no number. `)
	require.Contains(t, o.stderr, `gapless: sequence "unused" is closed`)

	require.Zero(t, on(t, d, "next", "invoice").code)
	require.Equal(t, object{"name": "invoice", "deleted": true}, parsed[object](t, on(t, d, "delete", "invoice", "--yes", "--json", "--nowait")))
	require.Equal(t, prints("1\n"), on(t, d, "next", "invoice"))
}

func TestTheQuestionCanBeInterrupted(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Zero(t, on(t, d, "next", "invoice").code)
	ctx, cancel := context.WithCancel(t.Context())
	stdin, typing := io.Pipe()
	defer func() { _ = typing.Close() }()
	reading := make(chan struct{})
	done := make(chan outcome)
	go func() {
		done <- program(ctx, true, &announced{stdin, reading}, "delete", "invoice", "--database-url", d.URL)
	}()
	<-reading
	cancel()
	o := <-done
	require.Equal(t, exitInterrupted, o.code)
	require.Contains(t, o.stderr, "[y/N] \ngapless: interrupted\n")
	require.Equal(t, prints("1\n"), on(t, d, "last", "invoice"))
}

// announced tells when it is first read from.
type announced struct {
	io.Reader
	reading chan struct{}
}

func (a *announced) Read(p []byte) (int, error) {
	close(a.reading)
	return a.Reader.Read(p)
}
