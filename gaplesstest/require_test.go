package gaplesstest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/gaplesstest"
)

// documents has an attached column, one with a format, and one whose numbers are taken by calls.
const documents = `
	CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE);
	SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$);
	CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text, number text, UNIQUE (tenant, number));
	SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note/' || NEW.tenant $$, format => $$ 'N-' || value $$);
	CREATE TABLE "Cases" (number bigint, "the tenant" text, year int);
`

func do(t *testing.T, db gaplesstest.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		texts(t, db, statement)
	}
}

// unguarded removes rows of an attached column, as nobody can who does not switch triggers off.
func unguarded(t *testing.T, db gaplesstest.DB, table, statement string) {
	t.Helper()
	do(t, db, "ALTER TABLE "+table+" DISABLE TRIGGER USER", statement, "ALTER TABLE "+table+" ENABLE TRIGGER USER")
}

func TestAssertionsFailWhereNumbersAreMissing(t *testing.T) {
	t.Parallel()
	type assertion = func(tb testing.TB, db gaplesstest.DB)
	sound := func(tb testing.TB, db gaplesstest.DB) { gaplesstest.RequireSound(tb, db) }
	none := func(tb testing.TB, db gaplesstest.DB) { gaplesstest.RequireNoHole(tb, db) }
	invoice := func(tb testing.TB, db gaplesstest.DB) { gaplesstest.RequireNoHole(tb, db, "note/b", "invoice") }
	invoices := func(tb testing.TB, db gaplesstest.DB) {
		gaplesstest.RequireNoHoleIn(tb, db, "public.invoices", "number")
	}
	note := func(tb testing.TB, db gaplesstest.DB) { gaplesstest.RequireNoHole(tb, db, "note/a") }
	notes := func(tb testing.TB, db gaplesstest.DB) { gaplesstest.RequireNoHoleIn(tb, db, "notes", "number") }
	all := []assertion{sound, none, invoice, invoices, note, notes}

	for name, plant := range map[string]struct {
		table, statement string
		fail             []assertion
		says             []string
	}{
		"nothing":                 {},
		"a hole":                  {"invoices", "DELETE FROM invoices WHERE number IN (2, 3)", []assertion{sound, none, invoice, invoices}, []string{`sequence "invoice"`, "column public.invoices.number", "hole 2 to 3"}},
		"a hole in a text":        {"notes", "DELETE FROM notes WHERE tenant = 'a' AND number = 'N-2'", []assertion{sound, none, note, notes}, []string{`sequence "note/a"`, "hole N-2:"}},
		"a number that is no one": {"invoices", "INSERT INTO invoices (number) VALUES (99)", []assertion{sound}, []string{"never issued 99", `"id": `}},
		"a void":                  {"invoices", "SELECT 'done' FROM gapless.void_gapless('invoice', 2, 'a test')", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := gaplesstest.New(t, serverURL(), documents)
			do(t, db.Pool(), "INSERT INTO invoices SELECT FROM generate_series(1, 5)", "INSERT INTO notes (tenant) SELECT unnest(ARRAY['a', 'b']) FROM generate_series(1, 3)")
			tx, err := openSQL(t, db.URL).BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer tx.Rollback()
			within, err := db.Pool().Begin(t.Context())
			require.NoError(t, err)
			defer within.Rollback(t.Context())
			for i, assert := range all {
				handle := []gaplesstest.DB{db.Pool(), gaplesstest.SQL(tx), gaplesstest.SQL(openSQL(t, db.URL)), within}[i%4]
				require.Empty(t, outcome(t, func(tb testing.TB) { assert(tb, handle) }), "%d", i)
			}
			require.NoError(t, tx.Rollback())
			require.NoError(t, within.Rollback(t.Context()))
			switch {
			case plant.table == "":
				return
			case strings.HasPrefix(plant.statement, "SELECT"):
				do(t, db.Pool(), plant.statement)
			default:
				unguarded(t, db.Pool(), plant.table, plant.statement)
			}
			for _, handle := range []gaplesstest.DB{db.Pool(), gaplesstest.SQL(openSQL(t, db.URL))} {
				for i, assert := range all {
					said := outcome(t, func(tb testing.TB) { assert(tb, handle) })
					wanted := false
					for _, fails := range plant.fail {
						wanted = wanted || fmt.Sprintf("%p", fails) == fmt.Sprintf("%p", assert)
					}
					require.Equal(t, wanted, said != "", "%d: %s", i, said)
					if wanted {
						require.Contains(t, said, db.Name)
						for _, says := range plant.says {
							require.Contains(t, said, says)
						}
					}
				}
			}
		})
	}
}

func TestNumbersOfCallsAreLookedAtInTheirTable(t *testing.T) {
	t.Parallel()
	db := gaplesstest.New(t, serverURL(), documents)
	look := func(by ...string) string {
		pgxSays := outcome(t, func(tb testing.TB) { gaplesstest.RequireNoHoleIn(tb, db.Pool(), `"Cases"`, "number", by...) })
		sqlSays := outcome(t, func(tb testing.TB) {
			gaplesstest.RequireNoHoleIn(tb, gaplesstest.SQL(openSQL(t, db.URL)), `"Cases"`, "number", by...)
		})
		require.Equal(t, pgxSays, sqlSays)
		return pgxSays
	}
	require.Contains(t, look(), "it has no number")
	do(t, db.Pool(), `INSERT INTO "Cases" VALUES (-1, 'a', 1), (0, 'a', 1), (1, 'a', 1), (NULL, 'a', 1)`)
	require.Empty(t, look())
	do(t, db.Pool(), `INSERT INTO "Cases" VALUES (3, 'a', 1), (9, 'a', 2), (9, 'a', 2), (9, 'b', 2)`)
	said := look()
	for _, finding := range []string{`column number of table "Cases"`, "\thole 2\n", "\thole 4 to 8\n", "\tdouble 9"} {
		require.Contains(t, said, finding)
	}
	said = look("the tenant", "year")
	require.Equal(t, []string{"\tthe tenant a, year 1: hole 2", "\tthe tenant a, year 2: double 9"}, strings.Split(said, "\n")[1:])
	do(t, db.Pool(), `DELETE FROM "Cases" WHERE number = 9 OR number = 3`)
	require.Empty(t, look("the tenant", "year"))
}

func TestAssertionsOfNothingFail(t *testing.T) {
	t.Parallel()
	db := gaplesstest.New(t, serverURL(), documents)
	for says, assert := range map[string]func(tb testing.TB){
		`sequence "invioce" has no number`: func(tb testing.TB) { gaplesstest.RequireNoHole(tb, db.Pool(), "invioce") },
		"it has no number":                 func(tb testing.TB) { gaplesstest.RequireNoHoleIn(tb, db.Pool(), "invoices", "number") },
		"42P01":                            func(tb testing.TB) { gaplesstest.RequireNoHoleIn(tb, db.Pool(), "invioces", "number") },
		"42703":                            func(tb testing.TB) { gaplesstest.RequireNoHoleIn(tb, db.Pool(), "invoices", "nubmer") },
	} {
		require.Contains(t, outcome(t, assert), says)
	}
	require.Empty(t, outcome(t, func(tb testing.TB) { gaplesstest.RequireSound(tb, db.Pool()); gaplesstest.RequireNoHole(tb, db.Pool()) }))
}

func TestAssertionsOfARoleWithoutRightsFail(t *testing.T) {
	t.Parallel()
	db := gaplesstest.New(t, serverURL(), documents)
	role := fmt.Sprintf("gaplesstest_%d", time.Now().UnixNano())
	do(t, db.Pool(), "CREATE ROLE "+role)
	conn := connect(t, db.URL)
	defer do(t, db.Pool(), "DROP ROLE "+role)
	do(t, conn, "SET ROLE "+role)
	for _, assert := range []func(tb testing.TB){
		func(tb testing.TB) { gaplesstest.RequireSound(tb, conn) },
		func(tb testing.TB) { gaplesstest.RequireNoHole(tb, conn, "invoice") },
		func(tb testing.TB) { gaplesstest.RequireNoHoleIn(tb, conn, "public.invoices", "number") },
		func(tb testing.TB) { gaplesstest.Reset(tb, conn) },
	} {
		require.Contains(t, outcome(t, assert), "42501")
	}
}

// TestAssertionsWorkInCleanup is where the test's context has ended.
func TestAssertionsWorkInCleanup(t *testing.T) {
	t.Parallel()
	var conn *pgx.Conn
	t.Run("a test", func(t *testing.T) {
		db := gaplesstest.New(t, serverURL(), documents)
		conn = connect(t, db.URL)
		t.Cleanup(func() { gaplesstest.RequireSound(t, conn) })
	})
}
