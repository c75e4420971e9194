package gapless_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// The documentation says what a statement gives in the lines after it: "-- => 1 | ACME" is a row, its columns parted by
// " | ", NULL as NULL and everything else as psql shows it; "-- => (no rows)" is none, and "-- => ERROR 23514" a
// SQLSTATE. All of its rows have to be there, in their order.

// TestTheSQLInTheDocumentationRuns runs every statement of SQL in docs, and compares what it gives with what is said
// there. Each file has a database of its own, with the tables of which it speaks; each recipe of the cookbook has one to
// itself, and makes its tables.
func TestTheSQLInTheDocumentationRuns(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, file := range files {
		if file == "docs/operations.md" || file == "docs/start.md" {
			continue // operations_test.go runs the one, part by part; the other is pasted, below
		}
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			if !strings.Contains(string(text), "```sql") {
				require.NotContains(t, string(text), "-- =>", "a result of no statement")
				return
			}
			if strings.HasSuffix(file, "cookbook.md") {
				for _, recipe := range strings.Split(string(text), "\n## ")[1:] {
					title, _, _ := strings.Cut(recipe, "\n")
					t.Run(title, func(t *testing.T) {
						t.Parallel()
						found := requireStatements(t, recipe)
						require.NotEmpty(t, found[len(found)-1].rows, "the recipe does not end with what it gives")
						runDocumented(t, pgtest.New(t), found)
					})
				}
				return
			}

			database := pgtest.New(t)
			s := connect(t, database)
			s.do(`CREATE TABLE orders (id bigint PRIMARY KEY, due boolean NOT NULL)`)
			s.do(`INSERT INTO orders SELECT i, i % 2 = 0 FROM generate_series(1, 10) AS i`)
			s.do(`CREATE TABLE drafts (id bigint PRIMARY KEY, number bigint UNIQUE)`)
			s.do(`INSERT INTO drafts VALUES (1)`)
			s.do(`CREATE TABLE invoices (number bigint PRIMARY KEY, customer text, order_id bigint REFERENCES orders)`)
			runDocumented(t, database, requireStatements(t, string(text)))
			require.Equal(t, s.number("SELECT count(*) FROM invoices"), s.number("SELECT gapless.last_gapless('invoice')"))
			require.Equal(t, s.number("SELECT count(*) FROM invoices"), s.number("SELECT max(number) FROM invoices"))
		})
	}
}

// TestTheREADMECanBePastedFromTopToBottom runs what is in README.md, in a database that has nothing but the schema.
func TestTheREADMECanBePastedFromTopToBottom(t *testing.T) {
	t.Parallel()
	runPasted(t, pgtest.New(t), readPage(t, "README.md"), false)
}

// TestTheStartCanBePastedFromTopToBottom runs docs/start.md likewise, which ends with uninstalling.
func TestTheStartCanBePastedFromTopToBottom(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	runPasted(t, database, readPage(t, "docs/start.md"), false)
	require.Empty(t, texts(connect(t, database), leftOfGapless))
}

func readPage(t *testing.T, file string) []documentedStatement {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return requireStatements(t, string(text))
}

// leftOfGapless is what has a name that gapless gives.
const leftOfGapless = `
	SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgname ~ '^~gapless'
	UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE proname ~ '_gapless'
	UNION ALL SELECT 'relation ' || relname FROM pg_class WHERE relname ~ '^gapless'
	UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typname ~ '^_?gapless'
	UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname ~ '^gapless'`

// TestUninstallingAsDocumentedLeavesNothingInTheWay has columns of every kind attached.
func TestUninstallingAsDocumentedLeavesNothingInTheWay(t *testing.T) {
	t.Parallel()
	s := connect(t, pgtest.New(t))
	numbered(s)
	fill(s)
	s.do("ALTER TABLE bills DETACH PARTITION bills_south")
	s.do(`CREATE SCHEMA "other %s"`)
	s.do(`CREATE TABLE "other %s"."_Odd 'name" (id bigint, "~gapless_insert_" bigint UNIQUE, "second N" bigint UNIQUE)`)
	for _, column := range []string{"~gapless_insert_", "second N"} {
		s.do(`SELECT gapless.attach_gapless('"other %s"."_Odd ''name"', $1::name, name => quote_literal($1::name))`, column)
	}
	s.do(`INSERT INTO "other %s"."_Odd 'name" (id) VALUES (1), (2)`)
	require.NotEmpty(t, texts(s, leftOfGapless))

	all := readPage(t, "docs/start.md")
	first := slices.IndexFunc(all, func(d documentedStatement) bool { return strings.Contains(d.sql, "gapless.detach_gapless") })
	end := slices.IndexFunc(all[first:], func(d documentedStatement) bool { return strings.HasPrefix(d.sql, "COMMIT") })
	for _, statement := range all[first-1 : first+end+1] {
		require.NoError(t, statement.check(t.Context(), s.PgConn()))
	}

	require.Empty(t, texts(s, leftOfGapless))
	for _, statement := range []string{
		"INSERT INTO invoices (id, tenant, number) VALUES (900, 'a', 900), (901, 'a', NULL)",
		"INSERT INTO receipts (id, year) VALUES (900, 2026)",
		"INSERT INTO bills (id, region, number) VALUES (900, 'north', 900)",
		"INSERT INTO bills_south (id, region) VALUES (900, 'south')",
		`INSERT INTO "other %s"."_Odd 'name" VALUES (3, 30, NULL)`,
		"UPDATE invoices SET number = 902 WHERE number = 900",
		"DELETE FROM bills_south WHERE number IS NOT NULL",
		"TRUNCATE receipts",
	} {
		s.do(statement)
	}
}

// TestWhatTheDocumentationSaysOfAResultIsCompared shows that a documented result which is wrong fails.
func TestWhatTheDocumentationSaysOfAResultIsCompared(t *testing.T) {
	t.Parallel()
	s := connect(t, pgtest.New(t))
	run := func(block string) error {
		found, err := documentedStatements("```sql\n" + block + "\n```")
		for _, statement := range found {
			err = errors.Join(err, statement.check(t.Context(), s.PgConn()))
		}
		return err
	}
	const values = "SELECT * FROM (VALUES (1, 'a', true), (2, NULL, false)) AS v;\n"
	for _, right := range []string{
		values + "-- => 1 | a | t\n-- => 2 | NULL | f",
		values + "\nSELECT 7; -- a comment; and another\n-- => 7",
		"SELECT 1 WHERE false;\n-- => (no rows)",
		"SELECT 1 / 0;\n-- => ERROR 22012\nSELECT 1;\n-- => 1",
		"DO $$ BEGIN\n    PERFORM 1;\nEND $$;\nSELECT $a$ ;\n$$;\n$a$ = ' ';\n-- => f",
		"SELECT 'it''s; ' ||\n    'two lines;' AS x;\n-- => it's; two lines;",
	} {
		require.NoError(t, run(right), right)
	}
	for _, wrong := range []string{
		values + "-- => 1 | a | t",
		values + "-- => 1 | a | t\n-- => 2 | NULL | f\n-- => 3 | c | f",
		values + "-- => 2 | NULL | f\n-- => 1 | a | t",
		values + "-- => 1 | a | t\n-- => 2 |  | f",
		values + "-- => (no rows)",
		values + "-- => ERROR 22012",
		"SELECT 1 WHERE false;\n-- => 1",
		"SELECT 1 / 0;",
		"SELECT 1 / 0;\n-- => 1",
		"SELECT 1 / 0;\n-- => ERROR 22004",
		"-- => 1\nSELECT 1;",
		"SELECT 1; -- => 1",
		"SELECT 1",
		"SELECT 1;\n-- => 1\nSELECT 2\n-- => 2",
	} {
		require.Error(t, run(wrong), wrong)
	}
	_, err := documentedStatements("-- => 1")
	require.Error(t, err, "outside of a block of SQL")
}

// documentedStatement is a statement, and the rows or the error that it gives; nothing is said of it where rows is empty.
type documentedStatement struct {
	sql  string
	rows []string
}

func requireStatements(t *testing.T, text string) []documentedStatement {
	t.Helper()
	found, err := documentedStatements(text)
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

// documentedStatements takes the statements from the blocks of SQL in a Markdown text. A statement ends with a line that
// ends with a semicolon, perhaps before a comment, outside of $$.
func documentedStatements(text string) (found []documentedStatement, err error) {
	var (
		blocks = regexp.MustCompile("(?sm)^```sql\n(.*?)^```$")
		result = regexp.MustCompile(`^-- => (.+)$`)
		end    = regexp.MustCompile(`;(\s*--.*)?$`)
		dollar = regexp.MustCompile(`\$[a-z]*\$`)
		said   = regexp.MustCompile(`--\s*=>`)
		rows   int
	)
	for _, block := range blocks.FindAllStringSubmatch(text, -1) {
		var statement, quote string
		var ended bool
		for _, line := range strings.Split(block[1], "\n") {
			if row := result.FindStringSubmatch(line); row != nil && ended {
				found[len(found)-1].rows = append(found[len(found)-1].rows, row[1])
				rows++
				continue
			}
			if strings.TrimSpace(line) == "" && statement == "" {
				continue
			}
			ended = false
			statement += line + "\n"
			for _, mark := range dollar.FindAllString(line, -1) {
				switch quote {
				case "":
					quote = mark
				case mark:
					quote = ""
				}
			}
			if quote == "" && end.MatchString(line) {
				found = append(found, documentedStatement{sql: statement})
				statement, ended = "", true
			}
		}
		if regexp.MustCompile(`(?m)^\s*[^-\s]`).MatchString(statement) {
			return found, fmt.Errorf("this statement does not end: %s", statement)
		}
	}
	if all := len(said.FindAllString(text, -1)); all != rows {
		return found, fmt.Errorf("%d results are written down, and %d of them would be compared", all, rows)
	}
	return found, nil
}

// check runs the statement and compares what it gives.
func (d documentedStatement) check(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, d.sql).ReadAll()
	var got []string
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && len(d.rows) > 0:
		got = []string{"ERROR " + refused.Code}
	case err != nil:
		return fmt.Errorf("%w: %s", err, d.sql)
	case len(d.rows) == 0:
		return nil
	default:
		for _, row := range results[len(results)-1].Rows {
			columns := make([]string, len(row))
			for i, column := range row {
				if columns[i] = string(column); column == nil {
					columns[i] = "NULL"
				}
			}
			got = append(got, strings.Join(columns, " | "))
		}
		if got == nil {
			got = []string{"(no rows)"}
		}
	}
	if !slices.Equal(d.rows, got) {
		return fmt.Errorf("documented:\n%s\nand it gave (%w):\n%s\n%s", strings.Join(d.rows, "\n"), err, strings.Join(got, "\n"), d.sql)
	}
	return nil
}

// runDocumented runs statements one after the other in one session, where the roles are of which they speak.
func runDocumented(t *testing.T, database *pgtest.Database, statements []documentedStatement) {
	t.Helper()
	runPasted(t, database, statements, true)
}

// runPasted runs statements one after the other in one session. The roles of which they speak get names of their own, since
// roles belong to the whole server. If rolesAreThere, they are made before; else a statement has to.
func runPasted(t *testing.T, database *pgtest.Database, statements []documentedStatement, rolesAreThere bool) {
	t.Helper()
	names := map[string]string{}
	mention := regexp.MustCompile(`'(app|billing)'|\b(app|billing)\b`)
	conn := connect(t, database).PgConn()
	for _, statement := range statements {
		makes := regexp.MustCompile(`^CREATE ROLE (app|billing)\b`).FindStringSubmatch(statement.sql)
		statement.sql = mention.ReplaceAllStringFunc(statement.sql, func(word string) string {
			known := strings.Trim(word, "'")
			switch {
			case names[known] != "":
			case makes != nil && makes[1] == known:
				names[known] = database.Name + " " + known
				t.Cleanup(func() { dropRole(t, database, pgx.Identifier{names[known]}.Sanitize()) })
			default:
				require.True(t, rolesAreThere, "nobody has made role %s", known)
				names[known], _ = role(t, database, known)
			}
			if known != word {
				return "'" + names[known] + "'"
			}
			return pgx.Identifier{names[known]}.Sanitize()
		})
		require.NoError(t, statement.check(t.Context(), conn))
	}
}

// TestTheFunctionsAreDocumented compares the signatures in docs/sql.md with the functions that are installed.
func TestTheFunctionsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/sql.md")
	require.NoError(t, err)
	documented := regexp.MustCompile(`\s+`).ReplaceAllString(string(text), " ")
	functions := texts(connect(t, pgtest.New(t)), `
		SELECT format('gapless.%s(%s) RETURNS %s', proname,
			regexp_replace(replace(pg_get_function_arguments(oid), '''default''::text', '''default'''), 'NULL::(bigint|text)', 'NULL', 'g'), pg_get_function_result(oid))
		FROM pg_proc
		WHERE pronamespace = 'gapless'::regnamespace AND proname ~ '_gapless(_batch)?$'`)
	require.Len(t, functions, 16)
	for _, signature := range functions {
		signature = strings.ReplaceAll(signature, "timestamp with time zone", "timestamptz")
		require.Contains(t, documented, signature)
	}
}

// TestWhereANumberIsSpentAndWhatToWriteInstead has the cases of which docs/sql.md warns, and its remedies.
func TestWhereANumberIsSpentAndWhatToWriteInstead(t *testing.T) {
	t.Parallel()
	setUp := func(t *testing.T) (one, two, observer session) {
		database := pgtest.New(t)
		one, two, observer = connect(t, database), connect(t, database), connect(t, database)
		observer.do("CREATE TABLE draft (id int PRIMARY KEY, number bigint UNIQUE, note text)")
		observer.do("INSERT INTO draft SELECT i FROM generate_series(1, 3) AS i")
		return one, two, observer
	}
	const holes = "SELECT coalesce(gapless.last_gapless('a'), 0) - count(number) FROM draft"
	const update = "UPDATE draft SET number = gapless.next_gapless('a') WHERE id = 1 AND number IS NULL"

	t.Run("an update that waits for the row is evaluated twice", func(t *testing.T) {
		t.Parallel()
		one, two, observer := setUp(t)
		one.do("BEGIN")
		one.do("UPDATE draft SET note = 'x' WHERE id = 1")
		done := later(func() (any, error) { return two.Exec(two.ctx, update) })
		awaitWaiter(t, observer, two.pid())
		one.do("COMMIT")
		require.NoError(t, (<-done).err)
		require.EqualValues(t, 1, observer.number(holes))
	})
	t.Run("but not when the row was locked before", func(t *testing.T) {
		t.Parallel()
		one, two, observer := setUp(t)
		one.do("BEGIN")
		one.do("UPDATE draft SET note = 'x' WHERE id = 1")
		two.do("BEGIN")
		done := two.laterNumber("SELECT id FROM draft WHERE id = 1 AND number IS NULL FOR UPDATE")
		awaitWaiter(t, observer, two.pid())
		one.do("COMMIT")
		require.NoError(t, (<-done).err)
		two.do(update)
		two.do("COMMIT")
		require.Zero(t, observer.number(holes))
		require.EqualValues(t, 1, observer.number("SELECT number FROM draft WHERE id = 1"))
	})
	t.Run("rows that are skipped spend numbers", func(t *testing.T) {
		t.Parallel()
		one, two, observer := setUp(t)
		two.do("INSERT INTO draft VALUES (1, gapless.next_gapless('a')) ON CONFLICT DO NOTHING")
		require.EqualValues(t, 1, observer.number(holes))
		one.do("BEGIN")
		one.do("UPDATE draft SET note = 'x' WHERE id = 1")
		require.Equal(t, []int64{3, 4}, two.numbers("SELECT gapless.next_gapless('a') FROM draft FOR UPDATE SKIP LOCKED"))
		one.do("COMMIT")
	})
	t.Run("but not when they are picked before", func(t *testing.T) {
		t.Parallel()
		one, two, observer := setUp(t)
		one.do("BEGIN")
		one.do("UPDATE draft SET note = 'x' WHERE id = 1")
		two.do(`WITH picked AS MATERIALIZED (SELECT id FROM draft ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED)
			INSERT INTO draft SELECT id + 100, gapless.next_gapless('a') FROM picked`)
		one.do("COMMIT")
		require.Zero(t, observer.number(holes))
		require.EqualValues(t, 2, observer.number("SELECT gapless.last_gapless('a')"))
	})
}
