package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
)

// statements runs SQL on a connection of its own, as a superuser.
func statements(t *testing.T, d *pgtest.Database, sql ...string) {
	t.Helper()
	conn := d.Conn(t)
	for _, statement := range sql {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

// numbered is a database with a column that numbers itself: ten invoices of tenant 1, and at once three of tenant 2.
func numbered(t *testing.T) *pgtest.Database {
	t.Helper()
	d := pgtest.New(t)
	statements(t, d,
		"CREATE TABLE invoices (tenant_id text NOT NULL, number bigint, dated date NOT NULL DEFAULT '2026-01-31')",
		"CREATE UNIQUE INDEX invoices_key ON invoices (tenant_id, number)",
	)
	err := gapless.Attach(t.Context(), d.Conn(t), gapless.Column{
		Table: "invoices", Column: "number", Name: "'invoice/' || NEW.tenant_id", Chronology: "NEW.dated",
	})
	require.NoError(t, err)
	for range 10 {
		statements(t, d, "INSERT INTO invoices (tenant_id) VALUES ('1')")
	}
	statements(t, d, "INSERT INTO invoices (tenant_id) VALUES ('2'), ('2'), ('2'), ('3')")
	return d
}

// plant changes numbers as nobody but a superuser can.
func plant(t *testing.T, d *pgtest.Database) {
	t.Helper()
	statements(t, d,
		"SELECT gapless.void_gapless('invoice/1', 2, 'sent twice')",
		"SET session_replication_role = replica",
		"DROP INDEX invoices_key",
		"DELETE FROM invoices WHERE tenant_id = '1' AND number = 4 OR tenant_id = '2' AND number < 3",
		"INSERT INTO invoices (tenant_id, number) VALUES ('1', 7), ('1', 12), ('9', 1)",
		"UPDATE invoices SET dated = '2025-12-31' WHERE tenant_id = '1' AND number = 9",
	)
}

const stamp = `20\d\d-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d`

func TestAuditOfSoundNumberingIsCode0(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Equal(t, outcome{stderr: "no finding in 0 sequences\n"}, on(t, d, "audit"))

	d = numbered(t)
	require.Equal(t, outcome{stderr: "no finding in 3 sequences, 14 documents\n"}, on(t, d, "audit"))
	require.Equal(t, outcome{stderr: "no finding in 1 sequence, 3 documents\n"}, on(t, d, "audit", "invoice/2"))
	require.Equal(t, outcome{
		stdout: "sequence,attached_column,kind,first_value,last_value,explained,explanation,allocated_by,allocated_as,allocated_at,txid,first_text,last_text,keys,recorded_at\r\n",
		stderr: "no finding in 3 sequences, 14 documents\n",
	}, on(t, d, "audit", "--csv"))

	require.Equal(t, prints("1\n"), on(t, d, "next", "ticket"))
	require.Equal(t, "no finding in 4 sequences, 14 documents (1 without a column: there, only the journal was looked at)\n", on(t, d, "audit").stderr)
	require.Regexp(t, `\ninvoice/1 +10 +10  `+stamp+`  no      public\.invoices\.number\n`, on(t, d, "list").stdout)
}

func TestWhatIsExplainedIsCode0(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	require.Zero(t, on(t, d, "void", "invoice/1", "2", "--reason", "sent twice").code)
	o := on(t, d, "audit")
	require.Zero(t, o.code)
	require.Equal(t, "every finding explained: 1 finding in 3 sequences, 14 documents\n", o.stderr)
	require.Regexp(t, `\ninvoice/1  public\.invoices\.number  void        2  yes        void: sent twice \(\S+, \S+ \S+\)  \S+ +`+stamp+` +\d+\n$`, o.stdout)
}

func TestAuditPrintsWhatIsNotExplainedAndIsCode1(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	plant(t, d)
	o := on(t, d, "audit")
	require.Equal(t, exitFailure, o.code)
	require.Equal(t, "gapless: 6 not explained of 7 findings in 3 sequences, 13 documents\nhint: `gapless void` explains a number that was cancelled\n", o.stderr)
	require.Regexp(t, `^SEQUENCE   COLUMN                  KIND                 NUMBERS  EXPLAINED  EXPLANATION +ROWS +ALLOCATED BY +AT +TRANSACTION
invoice/1  public.invoices.number  void                       2  yes        void: sent twice .*
invoice/1  public.invoices.number  hole                       4  no         the journal has it, and no row  +-  +\S+ +`+stamp+` +\d+
invoice/1  public.invoices.number  double                     7  no         2 rows have it  +ctid=\(0,\d+\); ctid=\(0,\d+\)  +\S+ +`+stamp+` +\d+
invoice/1  public.invoices.number  changed after issue        9  no         dated 2025-12-31 .*
invoice/1  public.invoices.number  never issued              12  no         a row has it, and the journal does not  +ctid=\S+  +-  +-  +-
invoice/2  public.invoices.number  hole                     1-2  no         the journal has it, and no row  +-  +\S+ +`+stamp+` +\d+
invoice/9  public.invoices.number  never issued               1  no         a row has it, and the journal has it in another sequence: the row was moved with the triggers off, or what the expressions call has changed  ctid=\S+  +-  +-  +-
$`, o.stdout)
	require.Equal(t, outcome{stderr: "no finding in 1 sequence, 1 document\n"}, on(t, d, "audit", "invoice/3"))
}

// reported is what `audit --json` has printed.
func reported(t *testing.T, o outcome) (report auditReport) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(o.stdout))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&report), o.stdout+o.stderr)
	return report
}

func TestAuditJSONHasEveryField(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	sound := reported(t, on(t, d, "audit", "--json"))
	require.Equal(t, verdictSound, sound.Verdict)
	require.Len(t, sound.Series, 3)
	require.Equal(t, []finding{}, sound.Findings)

	plant(t, d)
	o := on(t, d, "audit", "invoice/1", "--json")
	require.Equal(t, exitFailure, o.code)
	report := reported(t, o)
	require.Equal(t, d.Name, report.Database)
	require.NotEmpty(t, report.AuditedBy)
	require.Equal(t, report.AuditedBy, report.AuditedAs)
	require.WithinDuration(t, time.Now(), report.At, time.Hour)
	require.Equal(t, verdictUnexplained, report.Verdict)
	require.Equal(t, "4 not explained of 5 findings in 1 sequence, 11 documents", report.Summary)
	require.Equal(t, "invoice/1", *report.Choice.Name)
	require.Zero(t, report.LeftOut)

	require.Len(t, report.Series, 1)
	series := report.Series[0]
	require.Equal(t, "public.invoices.number", *series.AttachedColumn)
	require.Equal(t, []int64{1, 12}, []int64{*series.FirstValue, *series.LastValue})
	require.Equal(t, []quantity{11, 10, 1, 0, 0, 1}, []quantity{series.Documents, series.Issued, series.Void, series.Adopted, series.Archived, series.Missing})
	require.WithinDuration(t, time.Now(), *series.AllocatedFrom, time.Hour)
	require.False(t, series.AllocatedUntil.Before(*series.AllocatedFrom))
	require.NotEmpty(t, *series.DatedFrom)
	require.Equal(t, "2026-01-31T00:00:00", *series.DatedUntil)

	found := report.Findings
	require.Len(t, found, 5)
	hole, invented := found[1], found[4]
	require.Equal(t, "invoice/1", hole.Sequence)
	require.Equal(t, "public.invoices.number", *hole.AttachedColumn)
	require.Equal(t, "hole", hole.Kind)
	require.EqualValues(t, 4, *hole.FirstValue)
	require.EqualValues(t, 4, *hole.LastValue)
	require.False(t, hole.Explained)
	require.Equal(t, "the journal has it, and no row", hole.Explanation)
	require.NotEmpty(t, *hole.AllocatedBy)
	require.Nil(t, hole.AllocatedAs)
	require.WithinDuration(t, time.Now(), *hole.AllocatedAt, time.Hour)
	require.Equal(t, time.UTC, hole.AllocatedAt.Location())
	require.Positive(t, *hole.TXID)
	require.Nil(t, hole.RecordedAt)
	require.JSONEq(t, "[]", string(hole.Keys))
	invented.FirstValue, invented.LastValue = nil, nil
	require.Equal(t, finding{
		Sequence: "invoice/1", AttachedColumn: hole.AttachedColumn, Kind: "never issued", Explanation: "a row has it, and the journal does not", Keys: invented.Keys,
	}, invented)
}

// The digest is what whoever has the JSON can compute: each series and finding without white space, in a line, sorted.
func TestTheDigestIsOfTheSeriesAndTheFindings(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	plant(t, d)
	statements(t, d, `SELECT gapless.void_gapless('invoice/1', 4, 'a < b & "c" ü')`)
	path := filepath.Join(t.TempDir(), "audit.html")
	o := on(t, d, "audit", "--json", "--html", path)
	var parts struct {
		Digest           string
		Series, Findings []json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &parts))
	var lines []string
	for _, part := range append(parts.Series, parts.Findings...) {
		var line bytes.Buffer
		require.NoError(t, json.Compact(&line, part))
		lines = append(lines, line.String()+"\n")
	}
	slices.Sort(lines)
	require.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "")))), parts.Digest)
	require.Contains(t, readPage(t, path), "<code>"+parts.Digest+"</code>")

	require.Equal(t, parts.Digest, reported(t, on(t, d, "audit", "--json")).Digest, "nothing has changed")
	statements(t, d, "SET session_replication_role = replica", "DELETE FROM invoices WHERE tenant_id = '1' AND number = 10")
	require.NotEqual(t, parts.Digest, reported(t, on(t, d, "audit", "--json")).Digest)
}

func TestWhatIsAudited(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	plant(t, d)
	statements(t, d,
		`CREATE SCHEMA "My Shop"`, `CREATE TABLE "My Shop"."Notes" (number text UNIQUE, "No" bigint UNIQUE)`,
		`SELECT gapless.attach_gapless('"My Shop"."Notes"', 'number', name => '''note''', format => '''N-'' || value')`,
		`SELECT gapless.attach_gapless('"My Shop"."Notes"', 'No', name => '''no''')`,
		`INSERT INTO "My Shop"."Notes" (number) SELECT NULL FROM generate_series(1, 3)`,
		"SET session_replication_role = replica", `DELETE FROM "My Shop"."Notes" WHERE "No" = 2`, "SET session_replication_role = origin",
		"SELECT gapless.void_gapless('note', 3, 'x')",
	)
	for args, summary := range map[string]string{
		"--like invoice/%":                  "6 not explained of 7 findings in 3 sequences, 13 documents",
		"--like %/2":                        "1 not explained of 1 finding in 1 sequence, 1 document",
		"--column invoices.number":          "6 not explained of 7 findings in 3 sequences, 13 documents",
		`--column "My Shop"."Notes".number`: "1 not explained of 2 findings in 1 sequence, 2 documents",
		`--column "My Shop"."Notes"."No"`:   "1 not explained of 1 finding in 1 sequence, 2 documents",
		"--unexplained --like note":         "1 not explained of 1 finding in 1 sequence, 2 documents; left out: 1 finding, 0 not explained",
	} {
		o := on(t, d, append([]string{"audit"}, arguments(args)...)...)
		require.Equal(t, exitFailure, o.code, args+o.stderr)
		require.Contains(t, o.stderr, "gapless: "+summary+"\n", args)
	}
	o := on(t, d, "audit", "note")
	require.Regexp(t, `note +"My Shop"."Notes".number  hole      N-2  no `, o.stdout, "texts as printed")
	report := reported(t, on(t, d, "audit", "note", "--json"))
	require.Equal(t, []string{"N-2", "N-2"}, []string{*report.Findings[0].FirstText, *report.Findings[0].LastText})
	require.Equal(t, []string{"N-1", "N-3"}, []string{*report.Series[0].FirstText, *report.Series[0].LastText})

	for args, message := range map[string]string{
		"--like nosuch":           `there is no sequence like "nosuch"`,
		"--column nosuch.number":  `there is no table "nosuch"`,
		"--column invoices.dated": `has no attached column`,
		"--column number":         `--column must be table.column, and is "number"`,
		"--column a..b":           `string is not a valid identifier: "a..b"`,
	} {
		o := on(t, d, append([]string{"audit"}, arguments(args)...)...)
		require.NotZero(t, o.code, args)
		require.Contains(t, o.stderr, message, args)
	}
}

// arguments are those of a line of options that have one value each, but for --unexplained.
func arguments(line string) []string {
	option, value, _ := strings.Cut(line, " ")
	if option == "--unexplained" {
		return append([]string{option}, arguments(value)...)
	}
	return []string{option, value}
}

func TestAPeriodIsChosenByWhenNumbersWereAllocated(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	plant(t, d)
	statements(t, d, "UPDATE gapless.journal SET allocated_at = '2025-12-31 23:59:59.5+00' WHERE name = 'invoice/1'")
	this := time.Now().UTC().Format("2006")
	for args, summary := range map[string]string{
		// The void, the hole, the double and what was changed; and the two of which nobody knows when.
		"--year 2025":        "5 not explained of 6 findings in 1 sequence, 11 documents; left out: 1 finding, 1 not explained",
		"--until 2025-12-31": "5 not explained of 6 findings in 1 sequence, 11 documents; left out: 1 finding, 1 not explained",
		"--from 2025-12-31":  "6 not explained of 7 findings in 3 sequences, 13 documents",
		"--year " + this:     "3 not explained of 3 findings in 3 sequences, 13 documents; left out: 4 findings, 3 not explained",
		"--until 2025-12-30": "2 not explained of 2 findings in 1 sequence, 11 documents; left out: 5 findings, 4 not explained",
	} {
		o := on(t, d, append([]string{"audit"}, arguments(args)...)...)
		require.Equal(t, "gapless: "+summary, strings.Split(o.stderr, "\n")[0], args)
	}
	report := reported(t, on(t, d, "audit", "--from", "2025-12-31", "--until", "2025-12-31", "--json"))
	require.Equal(t, choiceReport{From: "2025-12-31", Until: "2025-12-31"}, report.Choice)
	require.Equal(t, tally{Findings: 1, Unexplained: 1}, report.LeftOut)
}

// TestAGroupsNumbersAndKeys has what people read of findings that have no number, or too many, or keys of any text.
func TestAGroupsNumbersAndKeys(t *testing.T) {
	t.Parallel()
	closed := gapless.Finding{Kind: "closed", Unreadable: true}
	require.Equal(t, "-", group{findings: []gapless.Finding{closed, closed}}.numbers())
	wide := gapless.Finding{Kind: "hole", FirstValue: -9, LastValue: math.MaxInt64}
	require.Equal(t, quantity(math.MaxInt64), group{findings: []gapless.Finding{wide, wide}}.size())
	require.Equal(t, `k=x"; k=c:\new "y"`, keysOf(gapless.Finding{Keys: []byte(`[{"k": "x\""}, {"k": "c:\\new \"y\""}]`)}))
}

// TestAuditCSVHasKeysAsJSON whatever is in them.
func TestAuditCSVHasKeysAsJSON(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, "CREATE TABLE docs (k text PRIMARY KEY, number bigint UNIQUE)", "SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$)",
		"SET session_replication_role = replica", `INSERT INTO docs VALUES (E'nb\u00a0"sp"\u202e\U000e0041', 1)`, "UPDATE gapless.journal SET allocated_at = 'infinity'", "RESET session_replication_role")
	report := reported(t, on(t, d, "audit", "--json"))
	records, err := csv.NewReader(strings.NewReader(on(t, d, "audit", "--csv").stdout)).ReadAll()
	require.NoError(t, err)
	require.Len(t, records, 2)
	require.JSONEq(t, string(report.Findings[0].Keys), records[1][13])
}

// TestATimeThatIsNoneHidesNothing has a journal with times that a calendar does not have.
func TestATimeThatIsNoneHidesNothing(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	plant(t, d)
	want := reported(t, on(t, d, "audit", "--json"))
	statements(t, d, "SET session_replication_role = replica",
		"UPDATE gapless.journal SET allocated_at = CASE last_value % 4 WHEN 0 THEN '-infinity' WHEN 1 THEN 'infinity' WHEN 2 THEN '0044-03-15 BC' ELSE '12026-01-01' END::timestamptz", "RESET session_replication_role")
	o := on(t, d, "audit", "--json")
	got := reported(t, o)
	require.Equal(t, exitFailure, o.code)
	require.Len(t, got.Findings, len(want.Findings))
	require.Len(t, got.Series, len(want.Series))
	require.Contains(t, on(t, d, "audit").stderr, "6 not explained of 7 findings in 3 sequences")
}

func TestAuditCSVIsNoFormula(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	role := "=r_" + d.Name
	statements(t, d, `CREATE ROLE "`+role+`"`, `SELECT gapless.grant_gapless('`+role+`')`)
	conn := d.Conn(t)
	t.Cleanup(func() {
		for _, sql := range []string{`SELECT gapless.revoke_gapless('` + role + `')`, `DROP ROLE "` + role + `"`} {
			_, err := conn.Exec(context.WithoutCancel(t.Context()), sql)
			require.NoError(t, err)
		}
	})
	names := []string{"'quoted", "+1", "-1", "=HYPERLINK(\"http://x\")", "@SUM(1;2)", "a,b\r\n=c", "plain"} // in their order
	for _, name := range names {
		statements(t, d, `SET ROLE "`+role+`"`, "SELECT gapless.next_gapless("+literal(name)+", initial => -3)", "RESET ROLE")
		require.Zero(t, on(t, d, "void", "--reason", "=1+1", "--", name, "-3").code)
	}
	o := on(t, d, "audit", "--csv")
	require.Zero(t, o.code)
	require.Equal(t, len(names)+1, strings.Count(o.stdout, "\r\n"))
	require.Equal(t, len(names)+1, strings.Count(o.stdout, "\n"))
	records, err := csv.NewReader(strings.NewReader(o.stdout)).ReadAll()
	require.NoError(t, err)
	var first []string
	for _, record := range records[1:] {
		first = append(first, record[0])
		require.Equal(t, []string{"", "void", "-3", "-3", "true"}, record[1:6])
		require.Regexp(t, `^void: =1\+1 `, record[6])
		require.Equal(t, "'"+role, record[8])
		require.Regexp(t, `^20\d\d-\d\d-\d\dT`, record[9])
	}
	require.Equal(t, []string{"''quoted", "'+1", "'-1", "'=HYPERLINK(\"http://x\")", "'@SUM(1;2)", `a,b\r\n=c`, "plain"}, first)

	o = on(t, d, "audit", "plain")
	require.Contains(t, o.stdout, " (role "+role+")")
	require.Contains(t, o.stdout, "       -3  yes")
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func TestAuditOfASequenceThatDoesNotExistIsCode4(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	path := filepath.Join(t.TempDir(), "audit.html")
	for _, args := range [][]string{{"audit", "nosuch"}, {"audit", "nosuch", "--html", path}, {"void", "nosuch", "1", "--reason", "r"}} {
		require.Equal(t, outcome{code: exitMissing, stderr: "gapless: there is no sequence \"nosuch\"\nhint: `gapless list` shows those that there are\n"},
			on(t, d, args...), args)
	}
	require.Equal(t, exitUsage, on(t, d, "audit", "").code)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAuditSaysWhichExpressionFailed(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d,
		"CREATE TABLE cases (number bigint UNIQUE)",
		"CREATE FUNCTION series() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'case' $$",
		"SELECT gapless.attach_gapless('cases', 'number', name => 'series()')",
		"INSERT INTO cases DEFAULT VALUES",
		"CREATE OR REPLACE FUNCTION series() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'gone'; END $$",
	)
	o := on(t, d, "audit")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stdout, "the column cannot be read: gone")
}

func TestVoid(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Zero(t, on(t, d, "next", "invoice", "--count", "3").code)
	require.Equal(t, prints("sequence \"invoice\": 2 is void\n"), on(t, d, "void", "invoice", "2", "--reason", "sent twice"))
	require.Equal(t, object{"name": "invoice", "value": 3.0, "reason": "r"}, parsed[object](t, on(t, d, "void", "invoice", "3", "--reason", "r", "--json")))
	o := on(t, d, "void", "invoice", "2", "--reason", "again")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "gapless: sequence \"invoice\": 2 is void already\n")
	for _, args := range [][]string{{"4", "--reason", "r"}, {"1", "--reason", " "}, {"1", "--reason", "r", "--lock-timeout", "-1s"}} {
		require.Equal(t, exitUsage, on(t, d, append([]string{"void", "invoice"}, args...)...).code, args)
	}

	hold(t, d, "invoice")
	require.Equal(t, exitLocked, on(t, d, "void", "invoice", "1", "--reason", "r", "--lock-timeout", "1ms").code)
}

// hostile is a name that would do harm in a page that does not escape it.
const hostile = "<script>alert('x')</script>\"&\x01\u202e]]>"

func TestAuditPage(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	plant(t, d)
	statements(t, d, "SELECT gapless.adopt_gapless('adopted', 1041)", "SELECT gapless.next_gapless('goes on', initial => 7)")
	require.Zero(t, on(t, d, "next", hostile).code)
	require.Zero(t, on(t, d, "void", hostile, "1", "--reason", hostile).code)
	path := filepath.Join(t.TempDir(), "audit.html")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))

	o := on(t, d, "audit", "--html", path, "--csv")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stdout, "\r\ninvoice/1,public.invoices.number,hole,4,4,false,")
	require.Contains(t, o.stderr, "gapless: 6 not explained of 8 findings in 6 sequences, 13 documents (3 without a column")
	page := readPage(t, path)
	for _, part := range []string{
		`<html lang="en" dir="ltr">`, "<title>Audit of document numbers</title>", "of the database " + d.Name, "✗ Result: not in order. 6 findings not explained, 2 findings explained.",
		"No table is connected to 3 series", "<h3 id=\"hole-open\">Missing numbers</h3>", "<h3 id=\"void-explained\">Cancelled numbers</h3>",
		`<bdi class="n">1</bdi> – <bdi class="n">2</bdi>`, "<bdi>adopted</bdi>", "@media print", "prefers-color-scheme: dark",
		`&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;\x01\u202e]]&gt;`,
	} {
		require.Contains(t, page+said(page), part)
	}

	o = on(t, d, "audit", "--html", path, "invoice/3")
	require.Equal(t, outcome{stderr: "no finding in 1 sequence, 1 document\n"}, o)
	page = readPage(t, path)
	require.Contains(t, said(page), "✓ Result: in order. No number is missing")
	require.NotContains(t, page, "<h3 id=\"hole")
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "a temporary file is left")
}

// What the database says of findings is in the texts.
func TestWhatIsSaidOfFindingsIsTranslated(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	plant(t, d)
	statements(t, d,
		"SET session_replication_role = replica", "DELETE FROM invoices WHERE tenant_id = '3'", "SET session_replication_role = origin",
		"SELECT gapless.adopt_gapless('tills', 7)", "SELECT gapless.forward_gapless('tills', 9, 'torn (wet)')", "SELECT gapless.close_gapless('tills', 'old')",
		"CREATE TABLE notes (id int PRIMARY KEY, number text UNIQUE)", "SELECT gapless.attach_gapless('notes', 'number', name => '''note''', format => '''N-'' || value')",
		"INSERT INTO notes VALUES (1), (2), (3)", "SELECT gapless.archive_gapless('note', 2, 'on tape')",
		"SET session_replication_role = replica", "UPDATE notes SET number = 'x' WHERE id = 3", "SET session_replication_role = origin",
		"CREATE TABLE gone (number bigint UNIQUE)", "SELECT gapless.attach_gapless('gone', 'number', name => '''gone''')", "INSERT INTO gone DEFAULT VALUES", "ALTER TABLE gone RENAME TO went",
	)
	german, err := builtinTexts("de")
	require.NoError(t, err)
	remarks := german.remarks()
	kinds := make(map[string]bool)
	for _, f := range reported(t, on(t, d, "audit", "--json")).Findings {
		kinds[f.Kind] = true
		require.NotEqual(t, f.Explanation, remarks.of(f.Explanation), f.Kind)
	}
	for _, kind := range []string{"hole", "double", "never issued", "changed after issue", "void", "closed", "archived", kindNotRead} {
		require.Contains(t, kinds, kind)
	}
}

// readPage reads a page, and checks that it is well-formed, says what is what, and loads nothing.
func readPage(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return checkPage(t, string(content))
}

func checkPage(t *testing.T, page string) string {
	t.Helper()
	require.NotRegexp(t, `(?i)<script|<iframe|\ssrc=|\son[a-z]+=|@import|javascript:|href="[^#"d]|url\([^#]`, page)
	require.NotRegexp(t, `\x{01}|\x{202e}|ZgotmplZ`, page)

	ids := make(map[string]bool)
	var targets []string
	for decoder := xml.NewDecoder(strings.NewReader(page)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		attributes := make(map[string]string)
		for _, a := range element.Attr {
			attributes[a.Name.Local] = a.Value
		}
		if id, ok := attributes["id"]; ok {
			require.False(t, ids[id], id)
			ids[id] = true
		}
		targets = append(targets, strings.Fields(attributes["aria-labelledby"])...)
		if target, ok := strings.CutPrefix(attributes["href"], "#"); ok {
			targets = append(targets, target)
		}
		if element.Name.Local == "th" {
			require.NotEmpty(t, attributes["scope"])
		}
	}
	for _, target := range targets {
		require.True(t, ids[target], target)
	}
	return page
}

func TestAPageThatCannotBeWrittenIsSaidBeforeTheAudit(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	dir := t.TempDir()
	o := on(t, d, "audit", "--html", filepath.Join(dir, "nosuch", "audit.html"))
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "no such file or directory")
	o = on(t, d, "audit", "--html", dir)
	require.Equal(t, outcome{code: exitUsage, stderr: "gapless: " + dir + " is there, and is not a file\nhint: give --html the name of a file\n"}, o)

	page, err := newPageFile(filepath.Join(dir, "audit.html"))
	require.NoError(t, err)
	require.ErrorIs(t, page.keep(func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return io.ErrShortWrite }), io.ErrShortWrite)
	page.discard()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestAPageReplacesWhatALinkLeadsTo(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	dir := t.TempDir()
	target, link := filepath.Join(dir, "2026.html"), filepath.Join(dir, "latest.html")
	require.NoError(t, os.WriteFile(target, []byte("old"), 0o600))
	require.NoError(t, os.Symlink(target, link))
	require.Zero(t, on(t, d, "audit", "--html", link).code)
	require.Contains(t, readPage(t, target), "there is no series yet.")
	require.Contains(t, readPage(t, link), "there is no series yet.")
}
