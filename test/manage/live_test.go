package manage_test

// What go_live_gapless makes of a series, taken from by hand or by a column.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// dropTests are the statements that make room for the first documents of 2025.
func dropTests(s sqltest.Session, last int64) {
	s.T.Helper()
	s.Do("SELECT gapless.void_gapless_batch('bill/2025', 1, $1, 'a test')", last)
	s.Do("DELETE FROM bills WHERE year = 2025 AND NOT draft")
}

func TestASeriesBeginsAgainOnceAfterItsTests(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		for _, ended := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, committed %t", kind, ended), func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				number(s, c.table, c.options)
				s.Do("INSERT INTO bills (id, year) SELECT i, 2025 + i % 2 FROM generate_series(1, 6) AS i")
				s.Do("INSERT INTO bills (id, year, draft) VALUES (100, 2025, true)")
				s.Do("SELECT gapless.forward_gapless('bill/2025', 10, 'a test')")
				s.Do("INSERT INTO bills (id, year) VALUES (7, 2025)")
				contents := sqltest.Texts(s, "SELECT b::text FROM bills AS b ORDER BY id")
				refused := s.Refuse("55000", "SELECT gapless.go_live_gapless('bill/2025', 'the tests are over')")
				require.Equal(t, "gapless_numbered", refused.ConstraintName)
				require.Equal(t, `sequence "bill/2025" cannot go live: column public.bills.number has its numbers`, refused.Message)
				require.Equal(t, "The smallest is 1.", refused.Detail)
				require.Equal(t, contents, sqltest.Texts(s, "SELECT b::text FROM bills AS b ORDER BY id"))

				s.Do("BEGIN")
				if ended {
					s.Do("COMMIT; BEGIN")
				}
				s.Do("INSERT INTO bills (id, year) VALUES (8, 2025), (9, 2026), (10, 2025); SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
				dropTests(s, 13)
				require.EqualValues(t, 13, s.Number("SELECT gapless.go_live_gapless('bill/2025', 'the tests are over')"))
				if ended {
					s.Do("COMMIT; BEGIN")
				}
				s.Do("INSERT INTO bills (id, year) VALUES (20, 2025), (21, 2026), (22, 2025)")
				s.Do("UPDATE bills SET draft = false WHERE id = 100")
				s.Do("COMMIT")
				require.EqualValues(t, 3, last(s, 2025))
				require.EqualValues(t, 5, last(s, 2026))
				sqltest.RequireSound(s)
				require.Equal(t, []string{"live 1 13 live: the tests are over by " + s.Config().User}, sqltest.Texts(s,
					"SELECT concat_ws(' ', kind, first_value, last_value, split_part(explanation, ' (', 1), 'by', allocated_by) FROM gapless.audit_gapless('bill/2025') WHERE explained"))

				again := s.Refuse("55000", "SELECT gapless.go_live_gapless('bill/2025', 'once more')")
				require.Equal(t, "gapless_live", again.ConstraintName)
				require.Equal(t, `sequence "bill/2025" is live: it never begins again`, again.Message)
				require.Regexp(t, `^\S+ marked it at \d{4}-.*: the tests are over$`, again.Detail)
				require.EqualValues(t, 4, s.Number("SELECT gapless.peek_gapless('bill/2025')"))
				s.Do("SELECT gapless.detach_gapless('bills', 'number')")
				require.Equal(t, "gapless_live", s.Refuse("55000", "SELECT gapless.delete_gapless('bill/2025')").ConstraintName)
				s.Do("SELECT gapless.delete_gapless('bill/2026')")
			})
		}
	}
}

func TestGoingLiveIsUndoneByARollback(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	number(s, columns["a text"].table, columns["a text"].options)
	s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025)")
	s.Do("BEGIN; SAVEPOINT a")
	dropTests(s, 2)
	s.Do("SELECT gapless.go_live_gapless('bill/2025', 'over'); INSERT INTO bills (id, year) VALUES (3, 2025); ROLLBACK TO a")
	s.Do("INSERT INTO bills (id, year) VALUES (3, 2025); COMMIT")
	require.EqualValues(t, 3, last(s, 2025))
	require.Empty(t, sqltest.Findings(s))
}

func TestASeriesThatIsUsedByHandGoesLive(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	require.Nil(t, sqltest.Value[*int64](s, "SELECT gapless.go_live_gapless('new', 'from the start')"))
	require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('new')"))
	s.Do("SELECT gapless.forward_gapless('a', 99, 'a test'); SELECT gapless.next_gapless_batch('a', 3)")
	s.Do("SELECT gapless.void_gapless('a', 101, 'a test'), gapless.prune_gapless('a', 'infinity')")
	require.EqualValues(t, 102, s.Number("SELECT gapless.go_live_gapless('a', 'over')"))
	require.EqualValues(t, 7, s.Number("SELECT gapless.peek_gapless('a', 7)"))
	s.Do("SELECT gapless.forward_gapless('a', 49, 'the forms begin with 50')")
	require.EqualValues(t, 50, s.Number("SELECT gapless.next_gapless('a')"))
	require.Equal(t, []string{"a start 50-50 explained", "a live 100-102 explained", "new live unreadable explained"}, sqltest.Findings(s))
	require.EqualValues(t, 1, s.Number("SELECT issued FROM gapless.sequences WHERE name = 'a'"))

	s.Do("SELECT gapless.next_gapless('b'), gapless.close_gapless('b', 'over')")
	requireClosed(t, s.Refuse("55000", "SELECT gapless.go_live_gapless('b', 'why')"), "b", "over")
	s.Do("SELECT gapless.close_gapless('a', 'over'), gapless.open_gapless('a', 'not yet'), gapless.void_gapless('a', 50, 'why'), gapless.prune_gapless('a', 'infinity')")
	require.Equal(t, "gapless_live", s.Refuse("55000", "SELECT gapless.go_live_gapless('a', 'why')").ConstraintName)
}

// A constant name has its first number from attach on.
func TestGoingLiveKeepsTheFirstNumberAndTextsFromBefore(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE l (number text UNIQUE); INSERT INTO l VALUES ('first letter')")
	s.Do("SELECT gapless.attach_gapless('l', 'number', $$ 'letter' $$, format => $$ 'L-' || value $$, initial => 1000)")
	s.Do("INSERT INTO l DEFAULT VALUES; INSERT INTO l DEFAULT VALUES")
	s.Do("SELECT gapless.void_gapless_batch('letter', 1000, 1001, 'a test'); DELETE FROM l WHERE number <> 'first letter'")
	s.Do("SELECT gapless.go_live_gapless('letter', 'over')")
	require.EqualValues(t, 1000, s.Number("SELECT gapless.peek_gapless('letter')"))
	require.Equal(t, []string{"L-1000"}, sqltest.Texts(s, "INSERT INTO l DEFAULT VALUES RETURNING number"))
	s.Refuse("23001", "DELETE FROM l WHERE number = 'first letter'")
	require.Equal(t, []string{"letter live 1000-1001 explained"}, sqltest.Findings(s))
}

// What a series was forwarded to before its first number was not issued, and is no test number.
func TestAStartIsNoTestNumber(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for name, want := range map[string]string{
		"SELECT":                           "NULL live",
		"SELECT gapless.next_gapless('a')": "100 live 100 100",
		"SELECT gapless.adopt_gapless('a', 120); SELECT gapless.next_gapless('a')": "121 live 100 121",
	} {
		s.Do("SELECT gapless.forward_gapless('a', 99, 'the forms begin with 100')")
		s.Do(name)
		s.Do("BEGIN")
		last := sqltest.Texts(s, "SELECT coalesce(gapless.go_live_gapless('a', 'the tests are over')::text, 'NULL')")
		require.Equal(t, want, last[0]+" "+sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, last_value) FROM gapless.audit_gapless('a')")[0], name)
		require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('a')"))
		s.Do("ROLLBACK; SELECT gapless.delete_gapless('a')")
	}
	s.Do("SELECT gapless.adopt_gapless('a', 99)")
	require.EqualValues(t, 99, s.Number("SELECT gapless.go_live_gapless('a', 'another system has given it')"))
	require.Equal(t, []string{"live 99 99"}, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, last_value) FROM gapless.audit_gapless('a')"))
	s.Do("SELECT gapless.forward_gapless('last', 9223372036854775807, 'to the very end')")
	require.Equal(t, []string{"NULL"}, sqltest.Texts(s, "SELECT coalesce(gapless.go_live_gapless('last', 'the tests are over')::text, 'NULL')"))
}

func TestASeriesWhoseRowsCannotAllBeReadDoesNotGoLive(t *testing.T) {
	t.Parallel()
	for what, statement := range map[string]string{
		"a column that was renamed":       "ALTER TABLE bills RENAME COLUMN year TO period",
		"triggers that were dropped":      `DROP TRIGGER "~gapless_insert_number" ON bills`,
		"a partition that was detached":   "ALTER TABLE bills DETACH PARTITION part",
		"a text that is not the format's": "SET session_replication_role = replica; UPDATE bills SET number = 'none' WHERE id = 1; RESET session_replication_role",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			c := columns["a text of a partition"]
			number(s, c.table, c.options)
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025)")
			s.Do("SELECT gapless.void_gapless_batch('bill/2025', 1, 2, 'a test')")
			s.Do("DELETE FROM bills WHERE id = 2")
			s.Do(statement)
			require.Equal(t, "gapless_numbered", s.Refuse("55000", "SELECT gapless.go_live_gapless('bill/2025', 'over')").ConstraintName)
			require.EqualValues(t, 2, s.Number("SELECT gapless.last_gapless('bill/2025')"))
		})
	}
}

// TestWhoMeetsASeriesThatGoesLive has an INSERT wait for the series to go live, and the other way round.
func TestWhoMeetsASeriesThatGoesLive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		level, end, code string
		number           int64
	}{
		{"READ COMMITTED", "COMMIT", "", 1}, {"READ COMMITTED", "ROLLBACK", "", 3},
		{"REPEATABLE READ", "COMMIT", "40001", 0}, {"REPEATABLE READ", "ROLLBACK", "", 3}, {"SERIALIZABLE", "COMMIT", "40001", 0},
	} {
		for kind, options := range map[string]string{"early": "", "at commit": ", at_commit => true"} {
			t.Run(fmt.Sprintf("%s %s %s", c.level, c.end, kind), func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
				number(one, "number bigint, UNIQUE (year, number))", options)
				one.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025)")
				one.Do("BEGIN")
				dropTests(one, 2)
				one.Do("SELECT gapless.go_live_gapless('bill/2025', 'over')")
				two.Do("SET default_transaction_isolation = '" + c.level + "'")
				done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, "INSERT INTO bills (id, year) VALUES (9, 2025)") })
				sqltest.AwaitWaiter(t, observer, two.PID())
				require.Empty(t, sqltest.Texts(observer, "SELECT f::text FROM gapless.audit_gapless() AS f WHERE NOT explained"))
				one.Do(c.end)
				if r := <-done; c.code == "" {
					require.NoError(t, r.Err)
					require.Equal(t, c.number, last(two, 2025))
				} else {
					sqltest.RequireCode(t, c.code, r.Err)
				}
				sqltest.RequireSound(observer)

				if c.code == "" && c.end == "COMMIT" {
					return // it is live
				}
				one.Do("BEGIN; INSERT INTO bills (id, year) VALUES (10, 2027); SET CONSTRAINTS ALL IMMEDIATE")
				done = sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, "SELECT gapless.go_live_gapless('bill/2027', 'over')") })
				sqltest.AwaitWaiter(t, observer, two.PID())
				one.Do("COMMIT")
				code := "40001"
				if c.level == "READ COMMITTED" {
					code = "55000"
				}
				sqltest.RequireCode(t, code, (<-done).Err)
				sqltest.RequireSound(observer)
			})
		}
	}
}

// Its snapshot is older than a row, or than the going live.
func TestAnOldSnapshotNeitherGoesLiveNorNumbersByWhatWas(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		for kind, options := range map[string]string{"early": "", "at commit": ", at_commit => true"} {
			t.Run(level+" "+kind, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
				number(one, "number bigint, UNIQUE (year, number))", options)
				one.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025)")
				dropTests(one, 2)
				two.Do("BEGIN ISOLATION LEVEL " + level)
				two.Do("SELECT count(*) FROM bills")
				one.Do("INSERT INTO bills (id, year) VALUES (3, 2025)")
				two.Refuse("40001", "SELECT gapless.go_live_gapless('bill/2025', 'over')")
				two.Do("ROLLBACK")
				one.Do("SELECT gapless.void_gapless('bill/2025', 3, 'a test'); DELETE FROM bills WHERE id = 3")
				two.Do("BEGIN ISOLATION LEVEL " + level)
				two.Do("SELECT count(*) FROM bills")
				one.Do("SELECT gapless.go_live_gapless('bill/2025', 'over')")
				_, err := two.Exec(t.Context(), "INSERT INTO bills (id, year) VALUES (4, 2025)")
				if err == nil {
					_, err = two.Exec(t.Context(), "COMMIT")
				}
				sqltest.RequireCode(t, "40001", err)
				_, _ = two.Exec(t.Context(), "ROLLBACK")
				require.EqualValues(t, 1, one.Number("INSERT INTO bills (id, year) VALUES (4, 2025) RETURNING coalesce(number, 1)"))
				require.EqualValues(t, 1, last(one, 2025))
				sqltest.RequireSound(one)
			})
		}
	}
}
