package gaplesstest_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/gaplesstest"
)

// A program that opens cases.
const schema = "CREATE TABLE cases (number bigint PRIMARY KEY, title text NOT NULL)"

var cases = gapless.NewSequence("case")

func openCase(ctx context.Context, pool *pgxpool.Pool, title string) error {
	return gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		number, err := cases.Next(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO cases (number, title) VALUES ($1, $2)", number, title)
		return err
	})
}

// This is its test.
func TestCasesHaveNoHoles(t *testing.T) {
	t.Parallel()
	db := gaplesstest.New(t, serverURL(), schema)
	for _, title := range []string{"Smith v. Jones", "Smith v. Jones", "Doe v. Roe"} {
		if err := openCase(t.Context(), db.Pool(), title); err != nil {
			t.Fatal(err)
		}
	}
	gaplesstest.RequireNoHoleIn(t, db.Pool(), "cases", "number")
	gaplesstest.RequireSound(t, db.Pool())
}

func ExampleNew() {
	runTest(func(t testing.TB) {
		schema := "CREATE TABLE bills (number bigint UNIQUE); SELECT gapless.attach_gapless('bills', 'number')"
		db := gaplesstest.New(t, serverURL(), schema) // in your tests: os.Getenv("TEST_DATABASE_URL")
		var number int64
		if err := db.Pool().QueryRow(t.Context(), "INSERT INTO bills DEFAULT VALUES RETURNING number").Scan(&number); err != nil {
			t.Fatal(err)
		}
		fmt.Println(number)
	})
	// Output:
	// 1
	// PASS
}

func ExampleDatabase_Pool() {
	runTest(func(t testing.TB) {
		db := gaplesstest.New(t, serverURL(), schema)
		if err := openCase(t.Context(), db.Pool(), "Smith v. Jones"); err != nil {
			t.Fatal(err)
		}
	})
	// Output: PASS
}

func ExampleRequireSound() {
	runTest(func(t testing.TB) {
		db := gaplesstest.New(t, serverURL(), schema)
		if err := openCase(t.Context(), db.Pool(), "Smith v. Jones"); err != nil {
			t.Fatal(err)
		}
		gaplesstest.RequireSound(t, db.Pool())
	})
	// Output: PASS
}

func ExampleRequireNoHole() {
	runTest(func(t testing.TB) {
		db := gaplesstest.New(t, serverURL(), schema)
		gaplesstest.RequireNoHole(t, db.Pool(), "case")
	})
	// Output:
	// gaplesstest: in database …: nothing to look at:
	// 	sequence "case" has no number
	// FAIL
}

func ExampleSQL() {
	runTest(func(t testing.TB) {
		database := gaplesstest.New(t, serverURL(), schema)
		db, err := sql.Open("pgx", database.URL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		gaplesstest.RequireSound(t, gaplesstest.SQL(db))
	})
	// Output: PASS
}

func Example() {
	runTest(func(t testing.TB) { // in a test file: func TestCasesHaveNoHoles(t *testing.T)
		db := gaplesstest.New(t, serverURL(), schema)
		if err := openCase(t.Context(), db.Pool(), "Smith v. Jones"); err != nil {
			t.Fatal(err)
		}
		gaplesstest.RequireNoHoleIn(t, db.Pool(), "cases", "number")
		gaplesstest.RequireSound(t, db.Pool())
	})
	// Output: PASS
}

func ExampleRequireNoHoleIn() {
	runTest(func(t testing.TB) {
		db := gaplesstest.New(t, serverURL(), schema)
		_, err := db.Pool().Exec(t.Context(), "INSERT INTO cases VALUES (1, 'A'), (2, 'B'), (5, 'C')")
		if err != nil {
			t.Fatal(err)
		}
		gaplesstest.RequireNoHoleIn(t, db.Pool(), "cases", "number")
	})
	// Output:
	// gaplesstest: in database …: column number of table cases is not gapless:
	// 	hole 3 to 4
	// FAIL
}

func ExampleReset() {
	runTest(func(t testing.TB) {
		db := gaplesstest.New(t, serverURL(), schema)
		for range 2 { // two tests that share a database
			if err := openCase(t.Context(), db.Pool(), "Smith v. Jones"); err != nil {
				t.Fatal(err)
			}
			number, _, err := cases.Last(t.Context(), db.Pool())
			fmt.Println(number, err)
			gaplesstest.Reset(t, db.Pool(), "case")
			if _, err := db.Pool().Exec(t.Context(), "TRUNCATE cases"); err != nil {
				t.Fatal(err)
			}
		}
	})
	// Output:
	// 1 <nil>
	// 1 <nil>
	// PASS
}
