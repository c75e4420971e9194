package docs_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// The documentation says what a statement gives in the lines after it: "-- => 1 | ACME" is a row, its columns parted by
// " | ", NULL as NULL and everything else as psql shows it; "-- => (no rows)" is none, and "-- => ERROR 23514" a
// SQLSTATE. All of its rows have to be there, in their order.

// TestTheSQLInTheDocumentationRuns runs every statement of SQL in docs, and compares what it gives with what is said
// there. Each file has a database of its own, and each recipe of the cookbook; they make the tables of which they speak.
func TestTheSQLInTheDocumentationRuns(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	for _, file := range files {
		switch filepath.Base(file) {
		case "operations.md", "start.md": // package operations runs the one, part by part; the other is pasted, below
			continue
		case "extension.md": // its server has the extension: TestThePageOfTheExtension
			continue
		case "scale.md": // it is of a coordinator of Citus: test/citus
			continue
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
						found := pg.RequireStatements(t, recipe)
						require.NotEmpty(t, found[len(found)-1].Rows, "the recipe does not end with what it gives")
						pg.RunDocumented(t, pgtest.New(t), found)
					})
				}
				return
			}

			database := pgtest.New(t)
			pg.RunDocumented(t, database, pg.RequireStatements(t, string(text)))
			if strings.Contains(string(text), "CREATE TABLE invoices") {
				s := sqltest.Connect(t, database)
				require.Equal(t, s.Number("SELECT count(*) FROM invoices"), s.Number("SELECT gapless.last_gapless('invoice')"))
				require.Equal(t, s.Number("SELECT count(*) FROM invoices"), s.Number("SELECT max(number) FROM invoices"))
			}
		})
	}
}

// TestTheREADMECanBePastedFromTopToBottom runs what is in README.md, in a database that has nothing but the schema.
func TestTheREADMECanBePastedFromTopToBottom(t *testing.T) {
	t.Parallel()
	pg.RunPasted(t, pgtest.New(t), readPage(t, "README.md"), false)
}

// TestTheStartCanBePastedFromTopToBottom runs docs/start.md likewise, which ends with uninstalling.
func TestTheStartCanBePastedFromTopToBottom(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	pg.RunPasted(t, database, readPage(t, "docs/start.md"), false)
	uninstall(t, sqltest.Connect(t, database))
	require.Empty(t, sqltest.Texts(sqltest.Connect(t, database), leftOfGapless))
}

// uninstall runs the file that docs/start.md names.
func uninstall(t *testing.T, s sqltest.Session) {
	t.Helper()
	text, err := os.ReadFile("../../sql/uninstall.sql")
	require.NoError(t, err)
	s.Do(string(text))
}

func readPage(t *testing.T, file string) []pg.Statement {
	t.Helper()
	text, err := os.ReadFile("../../" + file)
	require.NoError(t, err)
	return pg.RequireStatements(t, string(text))
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
	s := sqltest.Connect(t, pgtest.New(t))
	pg.Numbered(s)
	pg.Fill(s)
	s.Do("ALTER TABLE bills DETACH PARTITION bills_south")
	s.Do(`CREATE SCHEMA "other %s"`)
	s.Do(`CREATE TABLE "other %s"."_Odd 'name" (id bigint, "~gapless_insert_" bigint UNIQUE, "second N" bigint UNIQUE)`)
	for _, column := range []string{"~gapless_insert_", "second N"} {
		s.Do(`SELECT gapless.attach_gapless('"other %s"."_Odd ''name"', $1::name, name => quote_literal($1::name))`, column)
	}
	s.Do(`INSERT INTO "other %s"."_Odd 'name" (id) VALUES (1), (2)`)
	require.NotEmpty(t, sqltest.Texts(s, leftOfGapless))

	uninstall(t, s)
	require.Empty(t, sqltest.Texts(s, leftOfGapless))
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
		s.Do(statement)
	}
}

// TestWhatTheDocumentationSaysOfAResultIsCompared shows that a documented result which is wrong fails.
func TestWhatTheDocumentationSaysOfAResultIsCompared(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	run := func(block string) error {
		found, err := pg.Statements("```sql\n" + block + "\n```")
		for _, statement := range found {
			err = errors.Join(err, statement.Check(t.Context(), s.PgConn()))
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
	_, err := pg.Statements("-- => 1")
	require.Error(t, err, "outside of a block of SQL")
}

// TestTheFunctionsAreDocumented compares the signatures in docs/sql.md with the functions that are installed.
func TestTheFunctionsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/sql.md")
	require.NoError(t, err)
	documented := regexp.MustCompile(`\s+`).ReplaceAllString(string(text), " ")
	functions := sqltest.Texts(sqltest.Connect(t, pgtest.New(t)), `
		SELECT format('gapless.%s(%s) RETURNS %s', proname,
			regexp_replace(replace(replace(pg_get_function_arguments(oid), '''default''::text', '''default'''), '''::name', ''''), 'NULL::(bigint|text\[\]|text|regclass|name|date|numeric|integer)', 'NULL', 'g'), pg_get_function_result(oid))
		FROM pg_proc
		WHERE pronamespace = 'gapless'::regnamespace AND proname ~ '(_gapless(_batch)?|^guard.*_partitions|^node_(sequences|columns|holders|audit))$'`)
	require.Len(t, functions, 33)
	for _, signature := range functions {
		signature = strings.ReplaceAll(signature, "timestamp with time zone", "timestamptz")
		require.Contains(t, documented, signature)
	}
}

// TestWhereANumberIsSpentAndWhatToWriteInstead has the cases of which docs/sql.md warns, and its remedies.
func TestWhereANumberIsSpentAndWhatToWriteInstead(t *testing.T) {
	t.Parallel()
	setUp := func(t *testing.T) (one, two, observer sqltest.Session) {
		database := pgtest.New(t)
		one, two, observer = sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
		observer.Do("CREATE TABLE draft (id int PRIMARY KEY, number bigint UNIQUE, note text)")
		observer.Do("INSERT INTO draft SELECT i FROM generate_series(1, 3) AS i")
		return one, two, observer
	}
	const holes = "SELECT coalesce(gapless.last_gapless('a'), 0) - count(number) FROM draft"
	const update = "UPDATE draft SET number = gapless.next_gapless('a') WHERE id = 1 AND number IS NULL"

	t.Run("an update that waits for the row is evaluated twice", func(t *testing.T) {
		t.Parallel()
		one, two, observer := setUp(t)
		one.Do("BEGIN")
		one.Do("UPDATE draft SET note = 'x' WHERE id = 1")
		done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, update) })
		sqltest.AwaitWaiter(t, observer, two.PID())
		one.Do("COMMIT")
		require.NoError(t, (<-done).Err)
		require.EqualValues(t, 1, observer.Number(holes))
	})
	t.Run("but not when the row was locked before", func(t *testing.T) {
		t.Parallel()
		one, two, observer := setUp(t)
		one.Do("BEGIN")
		one.Do("UPDATE draft SET note = 'x' WHERE id = 1")
		two.Do("BEGIN")
		done := two.LaterNumber("SELECT id FROM draft WHERE id = 1 AND number IS NULL FOR UPDATE")
		sqltest.AwaitWaiter(t, observer, two.PID())
		one.Do("COMMIT")
		require.NoError(t, (<-done).Err)
		two.Do(update)
		two.Do("COMMIT")
		require.Zero(t, observer.Number(holes))
		require.EqualValues(t, 1, observer.Number("SELECT number FROM draft WHERE id = 1"))
	})
	t.Run("rows that are skipped spend numbers", func(t *testing.T) {
		t.Parallel()
		one, two, observer := setUp(t)
		two.Do("INSERT INTO draft VALUES (1, gapless.next_gapless('a')) ON CONFLICT DO NOTHING")
		require.EqualValues(t, 1, observer.Number(holes))
		one.Do("BEGIN")
		one.Do("UPDATE draft SET note = 'x' WHERE id = 1")
		require.Equal(t, []int64{3, 4}, two.Numbers("SELECT gapless.next_gapless('a') FROM draft FOR UPDATE SKIP LOCKED"))
		one.Do("COMMIT")
	})
	t.Run("but not when they are picked before", func(t *testing.T) {
		t.Parallel()
		one, two, observer := setUp(t)
		one.Do("BEGIN")
		one.Do("UPDATE draft SET note = 'x' WHERE id = 1")
		two.Do(`WITH picked AS MATERIALIZED (SELECT id FROM draft ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED)
			INSERT INTO draft SELECT id + 100, gapless.next_gapless('a') FROM picked`)
		one.Do("COMMIT")
		require.Zero(t, observer.Number(holes))
		require.EqualValues(t, 2, observer.Number("SELECT gapless.last_gapless('a')"))
	})
}

// TestTheGoOfTheDocumentationWorksAfterTheSQLOfTheREADME takes the sequences and the statements from where they are documented.
func TestTheGoOfTheDocumentationWorksAfterTheSQLOfTheREADME(t *testing.T) {
	t.Parallel()
	parts := func(file, after, pattern string) []string {
		text, err := os.ReadFile("../../" + file)
		require.NoError(t, err)
		_, code, found := strings.Cut(string(text), after)
		require.True(t, found, file)
		parts := regexp.MustCompile(pattern).FindStringSubmatch(code)
		require.NotEmpty(t, parts, file)
		return parts[1:]
	}
	const ofInTx = `(?s)gapless\.NewSequence\("([^"]+)"\).*?tx\.Exec\(ctx, "([^"]+)", number, "([^"]+)"\)`
	database := pgtest.New(t)
	pg.RunPasted(t, database, readPage(t, "README.md"), false)
	ctx, pool := t.Context(), database.Pool(t)
	var issued []int64
	for file, after := range map[string]string{"README.md": "```go\nvar ", "doc.go": "//\tvar "} {
		parts := parts(file, after, ofInTx)
		require.NoError(t, gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
			number, err := gapless.NewSequence(parts[0]).Next(ctx, tx)
			if err != nil {
				return err
			}
			issued = append(issued, number)
			_, err = tx.Exec(ctx, parts[1], number, parts[2])
			return err
		}), file)
	}
	statement := parts("statements.go", "//	batch.Queue(", `(?s)^\n//\s+"([^"]+)", "([^"]+)",`)
	var number int64
	require.NoError(t, gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		batch, err := gapless.CommitBatch(tx)
		if err != nil {
			return err
		}
		batch.Queue(statement[0], statement[1]).QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
		return nil
	}))
	require.Equal(t, []int64{2, 3, 4}, append(issued, number), "the README's SQL has opened one")
}
