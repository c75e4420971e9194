package manage_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

// TestASnapshotFromBeforeATableWasRewrittenTakesItForEmptyNowhere has transactions whose snapshot is older than the rewriting of a
// table of gapless' own. They are told to be retried, and leave nothing behind.
func TestASnapshotFromBeforeATableWasRewrittenTakesItForEmptyNowhere(t *testing.T) {
	t.Parallel()
	calls := map[string][]string{
		"gapless.sequence_lock": {
			"SELECT gapless.next_gapless('a')", "SELECT gapless.next_gapless('a', nowait => true)", "SELECT gapless.next_gapless_batch('a', 2)",
			"SELECT gapless.adopt_gapless('a', 99)", "SELECT gapless.prune_gapless('a', 'infinity')", "SELECT gapless.void_gapless('a', 3, 'why')",
			"SELECT gapless.delete_gapless('a')", "SELECT gapless.delete_gapless('a', nowait => true)",
			"SELECT gapless.peek_gapless('opened')", "SELECT gapless.audit_gapless()", "SELECT gapless.audit_gapless('a')",
		},
		"gapless.journal": {
			"SELECT gapless.next_gapless('a')", "SELECT gapless.next_gapless('a', nowait => true)", "SELECT gapless.next_gapless_batch('a', 2)",
			"SELECT gapless.adopt_gapless('a', 99)", "SELECT gapless.prune_gapless('a', 'infinity')", "SELECT gapless.void_gapless('a', 3, 'why')",
			"SELECT gapless.delete_gapless('a')", "SELECT gapless.delete_gapless('a', nowait => true)",
			"SELECT gapless.last_gapless('a')", "SELECT gapless.peek_gapless('a')", "SELECT gapless.audit_gapless()", "SELECT gapless.audit_gapless('a')",
		},
		"gapless.void": {
			"SELECT gapless.void_gapless('a', 2, 'again')", "SELECT gapless.delete_gapless('a')", "SELECT gapless.audit_gapless()",
		},
		"gapless.known_text": {
			"SELECT gapless.void_gapless('bill', NULL, 'why', 'first')", "SELECT gapless.void_gapless('bill', 1, 'why')",
			"SELECT gapless.delete_gapless('bill')", "SELECT gapless.prune_gapless('bill', 'infinity')", "SELECT gapless.audit_gapless()",
		},
	}
	pg.ForEachRewrite(t, func(t *testing.T, rewrite func(sqltest.Session, string)) {
		for table, statements := range calls {
			t.Run(table, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				s, old := sqltest.Connect(t, database), sqltest.Connect(t, database)
				s.Do("SELECT gapless.next_gapless_batch('a', 5)")
				s.Do("SELECT gapless.void_gapless('a', 2, 'why')")
				s.Do("CREATE TABLE opened (number bigint UNIQUE)")
				s.Do("SELECT gapless.attach_gapless('opened', 'number', $$ 'opened' $$, initial => 1000)")
				s.Do("CREATE TABLE bills (id int, number text UNIQUE)")
				s.Do("INSERT INTO bills VALUES (0, 'first')") // tells no number
				s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$, format => $$ 'B-' || value $$)")
				s.Do("INSERT INTO bills SELECT 1")
				s.Do("INSERT INTO bills SELECT 2")
				s.Do("SELECT gapless.prune_gapless('bill', 'infinity')")
				s.Do("SELECT gapless.detach_gapless('bills', 'number')") // so that its sequence can be deleted
				findings := sqltest.Findings(s)
				for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
					old.Do("BEGIN ISOLATION LEVEL " + level)
					old.Do("SELECT")
					rewrite(s, table)
					wrong := map[string]string{} // and what they give
					for _, statement := range statements {
						old.Do("SAVEPOINT before")
						answers, err := old.PgConn().Exec(t.Context(), statement).ReadAll()
						var refused *pgconn.PgError
						if !errors.As(err, &refused) || refused.Code != "40001" {
							wrong[statement] = fmt.Sprintf("%q %v", answers[0].Rows, err)
						}
						old.Do("ROLLBACK TO before")
					}
					old.Do("COMMIT")
					require.Empty(t, wrong)
				}
				for _, statement := range []string{"SELECT gapless.peek_gapless('a')", "SELECT gapless.next_gapless('a')"} {
					require.EqualValues(t, 6, old.Number(statement))
				}
				require.EqualValues(t, 1000, old.Number("SELECT gapless.peek_gapless('opened')"))
				require.Equal(t, findings, sqltest.Findings(s))
			})
		}
	})
}

// TestAStatementThatWaitsForARewriteReadsWhatItLeft has statements of READ COMMITTED, whose snapshot can be older than the lock that
// they wait for.
func TestAStatementThatWaitsForARewriteReadsWhatItLeft(t *testing.T) {
	t.Parallel()
	for statement, code := range map[string]string{
		"SELECT gapless.next_gapless('a')":           "",
		"SELECT gapless.last_gapless('a')":           "40001",
		"SELECT gapless.peek_gapless('a')":           "40001",
		"SELECT gapless.audit_gapless()":             "40001",
		"SELECT gapless.void_gapless('a', 3, 'why')": "",
		"SELECT gapless.delete_gapless('a')":         "",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s, waiter, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			s.Do("SELECT gapless.next_gapless_batch('a', 5)")
			s.Do("BEGIN; ALTER TABLE gapless.journal ADD COLUMN rewritten uuid DEFAULT gen_random_uuid()")
			done := sqltest.Later(func() (any, error) { return waiter.Exec(waiter.Ctx, statement) })
			sqltest.AwaitWaiter(t, observer, waiter.PID())
			s.Do("COMMIT")
			r := <-done
			if code == "" {
				require.NoError(t, r.Err)
			} else {
				sqltest.RequireCode(t, code, r.Err)
			}
			switch statement {
			case "SELECT gapless.next_gapless('a')":
				require.EqualValues(t, 7, s.Number("SELECT gapless.next_gapless('a')"))
			case "SELECT gapless.delete_gapless('a')":
				require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('a')"))
			default:
				require.EqualValues(t, 6, s.Number("SELECT gapless.next_gapless('a')"))
			}
		})
	}
}
