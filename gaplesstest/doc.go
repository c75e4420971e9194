// Package gaplesstest helps to test programs that number with gapless, against a real PostgreSQL.
//
//	func TestInvoicesHaveNoHoles(t *testing.T) {
//		t.Parallel()
//		db := gaplesstest.New(t, os.Getenv("TEST_DATABASE_URL"), schema) // schema is SQL of yours
//		err := billing.Charge(t.Context(), db.Pool(), "ACME")
//		…
//		gaplesstest.RequireSound(t, db.Pool())
//	}
//
// [New] gives a test a database of its own, with gapless in it: a copy of a template, which goes with the test. Where all tests share a
// database, [Reset] forgets the numbers between them; a transaction that is rolled back does the same, and needs no help.
//
// [RequireSound], [RequireNoHole] and [RequireNoHoleIn] say what is missing, and where. They take what pgx has, and by [SQL] what
// database/sql has.
package gaplesstest
