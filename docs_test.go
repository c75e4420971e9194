package gapless_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestTheSQLInTheDocumentationRuns runs every block of SQL in README.md and docs, each file in a database of its own
// that has the tables of which they speak.
func TestTheSQLInTheDocumentationRuns(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```")
	for _, file := range append(files, "README.md") {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			found := blocks.FindAllStringSubmatch(string(text), -1)
			require.NotEmpty(t, found)

			database := pgtest.New(t)
			s := connect(t, database)
			app, _ := role(t, database, "app")
			s.do(`CREATE TABLE orders (id bigint PRIMARY KEY, due boolean NOT NULL)`)
			s.do(`INSERT INTO orders SELECT i, i % 2 = 0 FROM generate_series(1, 10) AS i`)
			s.do(`CREATE TABLE drafts (id bigint PRIMARY KEY, number bigint UNIQUE)`)
			s.do(`INSERT INTO drafts VALUES (1)`)
			s.do(`CREATE TABLE invoices (number bigint PRIMARY KEY, customer text, order_id bigint REFERENCES orders)`)
			for _, block := range found {
				s.do(strings.ReplaceAll(block[1], "'app'", "'"+app+"'"))
			}
			require.Equal(t, s.number("SELECT count(*) FROM invoices"), s.number("SELECT gapless.last_gapless('invoice')"))
			require.Equal(t, s.number("SELECT count(*) FROM invoices"), s.number("SELECT max(number) FROM invoices"))
		})
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
			replace(replace(pg_get_function_arguments(oid), '''default''::text', '''default'''), 'NULL::bigint', 'NULL'), pg_get_function_result(oid))
		FROM pg_proc
		WHERE pronamespace = 'gapless'::regnamespace AND proname ~ '_gapless(_batch)?$'`)
	require.Len(t, functions, 9)
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
