package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

const djangoTable = `
	CREATE TABLE sequences_sequence (name varchar(100) PRIMARY KEY, last integer NOT NULL CHECK (last >= 0));
	INSERT INTO sequences_sequence VALUES ('case', 41), ('invoice', 3), ('unused', 0)`

func TestImportOfDjangoSequencesTriesFirst(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, djangoTable)
	require.Zero(t, on(t, d, "adopt", "case", "41").code)
	const table = `SEQUENCE  LAST THERE  LAST HERE  ACTION
case              41         41  nothing to do
invoice            3          -  %
unused             0          -  %
`
	o := on(t, d, "import", "--from", "django-sequences")
	require.Equal(t, outcome{stdout: strings.ReplaceAll(table, "%", "adopt"), stderr: "nothing is changed; --apply does it\n"}, o)
	require.Equal(t, exitMissing, on(t, d, "last", "invoice").code)

	require.Equal(t, prints(strings.ReplaceAll(table, "%", "adopted")), on(t, d, "import", "--from", "django-sequences", "--apply"))
	require.Equal(t, prints("3\n"), on(t, d, "last", "invoice"))
	require.Equal(t, prints("1\n"), on(t, d, "next", "unused"))
	require.Equal(t, prints("SEQUENCE  LAST THERE  LAST HERE  ACTION\ncase              41         41  nothing to do\n"),
		on(t, d, "import", "--from", "django-sequences", "--like", "c%"), "again")
	require.Equal(t, []object{{"name": "invoice", "last_there": 3.0, "last_here": 3.0, "action": "none"}},
		parsed[[]object](t, on(t, d, "import", "--from", "django-sequences", "--like", "invoice", "--json")))
}

func TestImportIsForwardOnlyAndAllOrNothing(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, djangoTable)
	require.Zero(t, on(t, d, "adopt", "invoice", "4").code)
	const table = `SEQUENCE  LAST THERE  LAST HERE  ACTION
case              41          -  adopt
invoice            3          4  refused: sequence "invoice" is at 4, and cannot go back to 3
unused             0          -  adopt
`
	const refused = "gapless: 1 of 3 cannot be taken over, so nothing is changed\nhint: --like chooses by name\n"
	for _, apply := range []string{"--apply=false", "--apply"} {
		require.Equal(t, outcome{exitFailure, table, refused}, on(t, d, "import", "--from", "django-sequences", apply))
	}
	require.Equal(t, exitMissing, on(t, d, "last", "case").code)
	require.Equal(t, prints("4\n"), on(t, d, "last", "invoice"))
	require.Equal(t, "adopted", parsed[[]object](t, on(t, d, "import", "--from", "django-sequences", "--like", "c%", "--apply", "--json"))[0]["action"])
	require.Equal(t, prints("41\n"), on(t, d, "last", "case"))
}

func TestImportLocksTheSourceAgainstWriters(t *testing.T) {
	t.Parallel()
	d := pgtest.NewCopy(t)
	statements(t, d, djangoTable)
	writer, third := sqltest.Connect(t, d), sqltest.Connect(t, d)
	writer.Do("BEGIN")
	writer.Do("UPDATE sequences_sequence SET last = last + 1 WHERE name = 'invoice'")
	o := on(t, d, "import", "--from", "django-sequences", "--apply", "--lock-timeout", "10ms")
	require.Equal(t, outcome{exitLocked, "", "gapless: to lock public.sequences_sequence: canceling statement due to lock timeout\n" +
		"hint: it waits for the transactions that have written there\n"}, o)
	require.Zero(t, on(t, d, "import", "--from", "django-sequences").code, "a dry run waits for nobody")

	done := make(chan outcome)
	go func() { done <- on(t, d, "import", "--from", "django-sequences", "--apply") }()
	eventually(t, func() bool {
		return third.Number("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sequences_sequence'::regclass") == 1
	})
	writer.Do("COMMIT")
	require.Zero(t, (<-done).code)
	require.Equal(t, prints("4\n"), on(t, d, "last", "invoice"), "what it waited for")
}

func TestImportOfOdoo(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, `
		CREATE SCHEMA erp;
		CREATE TABLE erp.ir_sequence (
			id serial PRIMARY KEY, name varchar NOT NULL, code varchar, implementation varchar NOT NULL, active boolean, prefix varchar,
			suffix varchar, padding integer NOT NULL, number_next integer NOT NULL, number_increment integer NOT NULL, company_id integer,
			use_date_range boolean
		);
		CREATE TABLE erp.ir_sequence_date_range (
			id serial PRIMARY KEY, sequence_id integer NOT NULL REFERENCES erp.ir_sequence ON DELETE CASCADE, date_from date NOT NULL,
			date_to date NOT NULL, number_next integer NOT NULL
		);
		INSERT INTO erp.ir_sequence (name, code, implementation, active, padding, number_next, number_increment, company_id, use_date_range) VALUES
			('Receipts', 'receipt', 'no_gap', true, 5, 8, 1, 1, false),
			('Receipts', 'receipt', 'no_gap', NULL, 5, 1, 1, 2, NULL),
			('Deliveries', 'delivery', 'standard', true, 5, 1, 1, NULL, false),
			('Old', 'receipt', 'no_gap', false, 5, 99, 1, 1, false),
			('Claims', 'claim', 'no_gap', true, 4, 1, 1, NULL, true),
			('Miscellaneous', NULL, 'no_gap', true, 4, 5, 1, NULL, false);
		INSERT INTO erp.ir_sequence_date_range (sequence_id, date_from, date_to, number_next) VALUES
			(5, '2025-01-01', '2025-12-31', 215), (5, '2026-01-01', '2026-12-31', 31), (5, '2027-01-01', '2027-03-31', 2), (1, '2026-01-01', '2026-12-31', 7)`)
	o := on(t, d, "import", "--from", "odoo")
	require.Equal(t, outcome{exitFailure, "", "gapless: there is no table \"ir_sequence\" in public\n" +
		"hint: if it is in another schema, add ?search_path=SCHEMA to the database's URL\n"}, o)
	there := *d
	there.URL = with(d.URL, "search_path=erp")
	require.Equal(t, prints(`SEQUENCE          LAST THERE  LAST HERE  ACTION   FROM
Miscellaneous              4          -  adopted  ir_sequence 6
claim/2025               214          -  adopted  ir_sequence 5, ir_sequence_date_range 1
claim/2026                30          -  adopted  ir_sequence 5, ir_sequence_date_range 2
claim/2027-01-01           1          -  adopted  ir_sequence 5, ir_sequence_date_range 3
receipt/1                  7          -  adopted  ir_sequence 1
receipt/2                  0          -  adopted  ir_sequence 2
`), on(t, &there, "import", "--from", "odoo", "--apply"))

	statements(t, d, `
		UPDATE erp.ir_sequence SET active = true WHERE name = 'Old';
		UPDATE erp.ir_sequence SET number_increment = 10 WHERE name = 'Claims'`)
	o = on(t, &there, "import", "--from", "odoo", "--like", "receipt%")
	require.Equal(t, exitFailure, o.code)
	require.Regexp(t, `(?m)^receipt/1 +7 +- +refused: 2 counters have this name +ir_sequence 1$`, o.stdout)
	require.Regexp(t, `(?m)^receipt/1 +98 +- +refused: 2 counters have this name +ir_sequence 4$`, o.stdout)
	o = on(t, &there, "import", "--from", "odoo", "--like", "claim/2025")
	require.Regexp(t, `(?m)^claim/2025 .* refused: it counts by 10, and gapless by 1 `, o.stdout)
}

func TestImportOfPostgreSQLsSequences(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, `
		CREATE SCHEMA other;
		CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number serial UNIQUE, "Text" text);
		CREATE TABLE other.invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint GENERATED BY DEFAULT AS IDENTITY UNIQUE);
		CREATE SEQUENCE invoice_seq;
		CREATE SEQUENCE other."Invoice_seq" START 1000;
		CREATE SEQUENCE invoice_tens INCREMENT 10;
		INSERT INTO invoices (number) VALUES (DEFAULT), (DEFAULT)`,
		"BEGIN; INSERT INTO invoices (number) VALUES (DEFAULT); ROLLBACK", `
		SELECT setval('invoice_seq', 70), setval('other.invoices_number_seq', 9, false), setval('other.invoices_id_seq', 9223372036854775807)`)
	o := on(t, d, "import", "--from", "sequences", "--like", "invoice%")
	require.Equal(t, exitFailure, o.code)
	require.Equal(t, `SEQUENCE                         LAST THERE  LAST HERE  ACTION                                      FROM
invoice_seq                              70          -  adopt                                       public.invoice_seq
invoice_tens                              0          -  refused: it counts by 10, and gapless by 1  public.invoice_tens
other.invoices.id       9223372036854775807          -  adopt                                       other.invoices_id_seq
other.invoices.number                     8          -  adopt                                       other.invoices_number_seq
public.invoices.id                        3          -  adopt                                       public.invoices_id_seq
public.invoices.number                    3          -  adopt                                       public.invoices_number_seq
`, o.stdout)
	require.Equal(t, prints("SEQUENCE             LAST THERE  LAST HERE  ACTION   FROM\nother.\"Invoice_seq\"         999          -  adopted  other.\"Invoice_seq\"\n"),
		on(t, d, "import", "--from", "sequences", "--like", "other.Invoice%", "--apply"))

	require.Zero(t, on(t, d, "import", "--from", "sequences", "--like", "public.invoices_number%", "--apply").code)
	statements(t, d, `
		DROP SEQUENCE invoices_number_seq CASCADE;
		ALTER TABLE invoices ALTER COLUMN number TYPE bigint;
		SELECT gapless.attach_gapless('invoices', 'number');
		INSERT INTO invoices DEFAULT VALUES`)
	require.Equal(t, prints("4\n"), on(t, d, "last", "public.invoices.number"), "the series of the column, without its name")
}

func TestImportOfAQuery(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, `
		CREATE TABLE invoices (tenant_id bigint, number integer, weight numeric);
		INSERT INTO invoices VALUES (7, 1, 0.5), (7, 2, 1), (8, 1, 2)`)
	query := func(query string, more ...string) outcome {
		return on(t, d, append([]string{"import", "--from", "query", "--query", query}, more...)...)
	}
	require.Equal(t, prints(`SEQUENCE   LAST THERE  LAST HERE  ACTION
invoice/7           2          -  adopted
invoice/8           1          -  adopted
`), query("SELECT 'invoice/' || tenant_id, max(number) FROM invoices GROUP BY tenant_id -- each;\n ; ", "--apply", "--lock", "invoices"))
	require.Equal(t, outcome{stderr: "there is no counter\n"}, query("SELECT 'a', 1 WHERE false"))

	for text, refusal := range map[string]string{
		"SELECT 'a', max(number) FROM invoices WHERE false": `a +- +- +refused: sequence "a": the value to adopt must not be NULL`,
		"SELECT NULL, 1":             `- +1 +- +refused: the name of a sequence must not be NULL`,
		"SELECT '', 1":               `- +1 +- +refused: sequence "": its name has 0 bytes, and must have 1 to 255`,
		"SELECT repeat('é', 128), 1": `é+ +1 +- +refused: sequence "é+": its name has 256 bytes, and must have 1 to 255`,
		"SELECT 'a', weight FROM invoices WHERE weight = 0.5": `a +- +- +refused: its last number is 0.5, and must be a whole number from -2\^63 to 2\^63-1`,
		"SELECT 'a', 9223372036854775808":                     `a +- +- +refused: its last number is 9223372036854775808, and must`,
		"VALUES ('a', 1), ('b', 1), ('a', 1)":                 `a +1 +- +refused: 2 counters have this name`,
	} {
		o := query(text, "--apply")
		require.Equal(t, exitFailure, o.code, text)
		require.Regexp(t, "(?m)^"+refusal, o.stdout, text)
	}
	for text, message := range map[string]string{
		"SELECT name, last FROM counters": `to read the counters: relation "counters" does not exist`,
		"SELECT 'a'":                      `to read the counters: table "q" has 1 columns available but 2 columns specified`,
		"SELECT 'a', nextval('s')":        "to read the counters: cannot execute nextval() in a read-only transaction\nhint: the query is only to read\n",
		"SELECT 'a', 1) AS q (name, last); DROP TABLE invoices": "to read the counters: syntax error",
	} {
		if strings.Contains(text, "nextval") {
			statements(t, d, "CREATE SEQUENCE s")
		}
		o := query(text, "--apply")
		require.Equal(t, exitFailure, o.code, text)
		require.Contains(t, o.stderr, "gapless: "+message, text)
		require.Empty(t, o.stdout)
	}
	require.Equal(t, prints("SEQUENCE  LAST THERE  LAST HERE  ACTION\na\\tb              -1          -  adopted\n"),
		query("SELECT E'a\\tb', -1", "--apply"), "as adopt_gapless allows it: its first is 0")
	require.Contains(t, query("SELECT 'a', 1", "--lock", "nosuch").stderr, `gapless: there is no table "nosuch" in public`)
	require.Equal(t, prints("SEQUENCE   LAST THERE  LAST HERE  ACTION\ninvoice/7           2          2  nothing to do\ninvoice/8           1          1  nothing to do\n"),
		query("SELECT 'invoice/' || tenant_id, max(number) FROM invoices GROUP BY tenant_id"))
}

func TestWhatImportRefusesToBeAsked(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	for line, message := range map[string]string{
		"import":                             `required flag(s) "from" not set`,
		"import --from rails":                `--from is django-sequences, odoo, sequences or query, and cannot be "rails"`,
		"import --from query":                "--from query and --query go together",
		"import --from odoo --query x":       "--from query and --query go together",
		"import --from sequences":            "--from sequences needs --like",
		"import x --from odoo":               `gapless import takes no argument, and got "x"`,
		"import --from odoo --lock-timeout=": "invalid argument",
	} {
		o := on(t, d, strings.Fields(line)...)
		require.Equal(t, exitUsage, o.code, line)
		require.Contains(t, o.stderr, message, line)
	}
	require.Equal(t, outcome{exitMissing, "", "gapless: there is no counter like \"x%\"\n"}, on(t, d, "import", "--from", "sequences", "--like", "x%"))
}

// A sequence that a column or a decision holds is refused with what SQL says of it.
func TestImportSaysWhySQLRefuses(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	statements(t, d, `
		CREATE TABLE notes (number bigint UNIQUE);
		SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note' $$);
		INSERT INTO notes VALUES (NULL);
		SELECT gapless.close_gapless('shut', 'done')`)
	o := on(t, d, "import", "--from", "query", "--query", "VALUES ('note', 5), ('shut', 5)", "--apply")
	require.Equal(t, exitFailure, o.code)
	require.Regexp(t, `(?m)^note +5 +1 +refused: sequence "note" belongs to column public.notes.number, which numbers itself from it$`, o.stdout)
	require.Regexp(t, `(?m)^shut +5 +- +refused: sequence "shut" is closed$`, o.stdout)
}

// TestTheCookbooksImport runs the recipe's SQL, and its commands, which print what is said there.
func TestTheCookbooksImport(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/cookbook.md")
	require.NoError(t, err)
	_, recipe, found := strings.Cut(string(text), "\n## Going over from another numbering\n")
	require.True(t, found)
	recipe, _, _ = strings.Cut(recipe, "\n## ")
	d := pgtest.New(t)
	statements(t, d, regexp.MustCompile("(?s)```sql\n(.*?)```").FindStringSubmatch(recipe)[1])
	commands := regexp.MustCompile(`(?m)^ +\$ gapless (.*)\n((?: {7}.*\n)+)`).FindAllStringSubmatch(recipe, -1)
	require.Len(t, commands, 2)
	for _, command := range commands {
		var args []string
		for _, word := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(command[1], -1) {
			args = append(args, strings.Trim(word, "'"))
		}
		o := on(t, d, args...)
		require.Zero(t, o.code)
		require.Equal(t, strings.ReplaceAll(command[2], "       ", ""), strings.ReplaceAll(o.stdout+o.stderr, "       ", ""))
	}
}

func with(url, parameter string) string {
	if strings.Contains(url, "?") {
		return url + "&" + parameter
	}
	return url + "?" + parameter
}
