package column_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

// TestARowUnderASnapshotFromBeforeARewriteIsTriedAgain has a transaction whose snapshot is older than the rewriting of a table that its
// triggers read. It is not told that a number is not void, say.
func TestARowUnderASnapshotFromBeforeARewriteIsTriedAgain(t *testing.T) {
	t.Parallel()
	pg.ForEachRewrite(t, func(t *testing.T, rewrite func(sqltest.Session, string)) {
		for table, statements := range map[string][]string{
			"gapless.void": {
				"DELETE FROM invoices WHERE number = 3",              // void
				"INSERT INTO invoices (dated) VALUES ('2026-01-02')", // before the newest number, which is void
			},
			"gapless.known_text": {"DELETE FROM bills WHERE number = 'first'"}, // void
			"gapless.journal": {
				"INSERT INTO invoices (dated) VALUES ('2026-01-05')",
				"INSERT INTO bills (id) VALUES (1), (2)",
				"INSERT INTO letters VALUES (2); SET CONSTRAINTS ALL IMMEDIATE", // numbered at commit
				"INSERT INTO letters VALUES (3), (4); SET CONSTRAINTS ALL IMMEDIATE",
				"UPDATE drafts SET done = true WHERE id = 2",
			},
			"gapless.sequence_lock": {
				"INSERT INTO invoices (dated) VALUES ('2026-01-05')",
				"INSERT INTO bills (id) VALUES (1), (2)",
				"INSERT INTO letters VALUES (2); SET CONSTRAINTS ALL IMMEDIATE",
				"INSERT INTO letters VALUES (3), (4); SET CONSTRAINTS ALL IMMEDIATE",
				"UPDATE drafts SET done = true WHERE id = 2",
			},
		} {
			t.Run(table, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				s, old := sqltest.Connect(t, database), sqltest.Connect(t, database)
				s.Do("CREATE TABLE invoices (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, dated date, number bigint UNIQUE)")
				s.Do("SELECT gapless.attach_gapless('invoices', 'number', $$ 'invoice' $$, chronology => 'NEW.dated')")
				s.Do("INSERT INTO invoices (dated) VALUES ('2026-01-01')")
				s.Do("INSERT INTO invoices (dated) VALUES ('2026-01-02')")
				s.Do("INSERT INTO invoices (dated) VALUES ('2026-01-03')")
				s.Do("SELECT gapless.void_gapless('invoice', 3, 'wrong date')")
				s.Do("CREATE TABLE bills (id int, number text UNIQUE)")
				s.Do("INSERT INTO bills VALUES (0, 'first')") // tells no number
				s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$, format => $$ 'B-' || value $$)")
				s.Do("INSERT INTO bills SELECT 1")
				s.Do("SELECT gapless.void_gapless('bill', NULL, 'gone', 'first')")
				s.Do("CREATE TABLE letters (id int PRIMARY KEY, number bigint UNIQUE)")
				s.Do("SELECT gapless.attach_gapless('letters', 'number', $$ 'letter' $$, at_commit => true)")
				s.Do("INSERT INTO letters VALUES (1)")
				s.Do("CREATE TABLE drafts (id int PRIMARY KEY, done boolean, number bigint UNIQUE)")
				s.Do("SELECT gapless.attach_gapless('drafts', 'number', $$ 'draft' $$, condition => 'NEW.done')")
				s.Do("INSERT INTO drafts VALUES (1, true), (2, false)")
				old.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
				old.Do("SELECT")
				rewrite(s, table)
				for _, statement := range statements {
					old.Do("SAVEPOINT before")
					old.Refuse("40001", statement)
					old.Do("ROLLBACK TO before")
				}
				old.Do("ROLLBACK")
				for _, statement := range statements {
					old.Do(statement)
				}
				sqltest.RequireSound(s)
			})
		}
	})
}

// TestADeleteThatWaitsForARewriteIsNotRefusedForAVoidThatItCannotSee is in READ COMMITTED, where the wait is longer than the snapshot.
func TestADeleteThatWaitsForARewriteIsNotRefusedForAVoidThatItCannotSee(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, waiter, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (id int, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', $$ 'invoice' $$)")
	s.Do("INSERT INTO invoices VALUES (1), (2)")
	s.Do("SELECT gapless.void_gapless('invoice', 2, 'why')")
	s.Do("BEGIN; ALTER TABLE gapless.void ADD COLUMN rewritten uuid DEFAULT gen_random_uuid()")
	done := sqltest.Later(func() (any, error) { return waiter.Exec(waiter.Ctx, "DELETE FROM invoices WHERE number = 2") })
	sqltest.AwaitWaiter(t, observer, waiter.PID())
	s.Do("COMMIT")
	sqltest.RequireCode(t, "40001", (<-done).Err)
	waiter.Do("DELETE FROM invoices WHERE number = 2")
	require.EqualValues(t, 1, s.Number("SELECT count(*) FROM invoices"))
}

// TestARowUnderASnapshotFromBeforeAnAttachIsTriedAgain: its triggers fire, and the snapshot does not have them.
func TestARowUnderASnapshotFromBeforeAnAttachIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		database := pgtest.New(t)
		s, old := sqltest.Connect(t, database), sqltest.Connect(t, database)
		s.Do("CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
		for range 2 { // for the first time, and after a detach
			old.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			old.Do("SELECT count(*) FROM bills")
			s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$, at_commit => $1)", late)
			require.NotEmpty(t, old.Refuse("40001", "INSERT INTO bills DEFAULT VALUES").Hint)
			old.Do("ROLLBACK")
			old.Do("INSERT INTO bills DEFAULT VALUES")
			s.Do("SELECT gapless.detach_gapless('bills', 'number')")
		}
		require.Equal(t, []int64{1, 2}, s.Numbers("SELECT number FROM bills ORDER BY 1"))
	}
}
