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
