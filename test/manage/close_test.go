package manage_test

// What close_gapless, open_gapless and forward_gapless make of a series, taken from by hand or by a column.

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// columns are the ways in which a column numbers itself: the columns of bills, and the arguments after the expression of its name.
var columns = map[string]struct{ table, options string }{
	"a number":                 {"number bigint, UNIQUE (year, number))", ""},
	"a text":                   {"number text UNIQUE)", ", format => $$ NEW.year || '-' || value $$"},
	"a number at commit":       {"number bigint, UNIQUE (year, number))", ", at_commit => true"},
	"a text at commit":         {"number text UNIQUE)", ", format => $$ NEW.year || '-' || value $$, at_commit => true"},
	"a number of a partition":  {"number bigint, UNIQUE (year, number, id)) PARTITION BY HASH (id); CREATE TABLE part PARTITION OF bills FOR VALUES WITH (MODULUS 1, REMAINDER 0)", ""},
	"a text of a partition":    {"number text, UNIQUE (number, id)) PARTITION BY HASH (id); CREATE TABLE part PARTITION OF bills FOR VALUES WITH (MODULUS 1, REMAINDER 0)", ", format => $$ NEW.year || '-' || value $$"},
	"a partition at commit":    {"number bigint, UNIQUE (year, number, id)) PARTITION BY HASH (id); CREATE TABLE part PARTITION OF bills FOR VALUES WITH (MODULUS 1, REMAINDER 0)", ", at_commit => true"},
	"a number in date's order": {"number bigint, UNIQUE (year, number))", ", chronology => 'NEW.issued'"},
}

func number(s sqltest.Session, table, options string) {
	s.T.Helper()
	s.Do("CREATE TABLE bills (id int PRIMARY KEY, year int NOT NULL, draft boolean NOT NULL DEFAULT false, issued date NOT NULL DEFAULT '2026-01-01', " + table)
	s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill/' || NEW.year $$, condition => 'NOT NEW.draft'" + options + ")")
}

func requireClosed(t *testing.T, err *pgconn.PgError, name, reason string) {
	t.Helper()
	require.Equal(t, "gapless_closed", err.ConstraintName, err.Message)
	require.Equal(t, fmt.Sprintf("sequence %q is closed", name), err.Message)
	require.Regexp(t, `^\S+ closed it at \d{4}-.*: `+reason+`$`, err.Detail)
	require.Equal(t, "Give the document another date or series; or open this one: SELECT gapless.open_gapless('"+name+"', 'why');", err.Hint)
}

func TestAClosedSeriesThatIsUsedByHandIssuesNothing(t *testing.T) {
	t.Parallel()
	for first, prepare := range map[string]string{
		"with numbers":    "SELECT gapless.next_gapless('a') FROM generate_series(1, 3)",
		"without any":     "SELECT",
		"adopted":         "SELECT gapless.adopt_gapless('a', 3)",
		"at its very end": "SELECT gapless.adopt_gapless('a', 9223372036854775807)",
		"pruned":          "SELECT gapless.next_gapless('a') FROM generate_series(1, 3); SELECT gapless.prune_gapless('a', 'infinity')",
	} {
		for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
			t.Run(first+", "+level, func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				s.Do(prepare)
				last := sqltest.Value[int64](s, "SELECT gapless.last_gapless('a')")
				require.Equal(t, last, sqltest.Value[int64](s, "SELECT gapless.close_gapless('a', 'audited')"))
				journal := sqltest.Texts(s, "SELECT j::text FROM gapless.journal AS j ORDER BY 1")
				s.Do("SET default_transaction_isolation = '" + level + "'")
				for _, statement := range []string{
					"SELECT gapless.next_gapless('a')", "SELECT gapless.next_gapless('a', 1, 3)", "SELECT gapless.next_gapless('a', 5, 9)", "SELECT gapless.next_gapless('a', nowait => true)",
					"SELECT gapless.next_gapless_batch('a', 2)", "SELECT gapless.next_gapless_batch('a', 2, 1, 2)", "SELECT gapless.peek_gapless('a')", "SELECT gapless.peek_gapless('a', 1, 3)",
					"SELECT gapless.adopt_gapless('a', 9223372036854775807)", "SELECT gapless.forward_gapless('a', 9223372036854775807, 'why')", "SELECT gapless.delete_gapless('a')",
					"SELECT gapless.close_gapless('a', 'again')",
				} {
					requireClosed(t, s.Refuse("55000", statement), "a", "audited")
				}
				require.Empty(t, sqltest.Texts(s, "SELECT v::text FROM gapless.next_gapless_batch('a', 0) AS v"))
				require.Equal(t, journal, sqltest.Texts(s, "SELECT j::text FROM gapless.journal AS j ORDER BY 1"))
				require.Equal(t, last, sqltest.Value[int64](s, "SELECT gapless.last_gapless('a')"))
				require.Equal(t, []string{"true"}, sqltest.Texts(s, "SELECT closed::text FROM gapless.sequences"))
			})
		}
	}
}

func TestAClosedSeriesIssuesNothingToItsColumn(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		for _, rows := range []int{0, 3} {
			t.Run(fmt.Sprintf("%s, after %d", kind, rows), func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				number(s, c.table, c.options)
				s.Do("INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(1, $1::int) AS i", rows)
				s.Do("INSERT INTO bills (id, year, draft) VALUES (100, 2025, true), (101, 2025, true)")
				s.Do("SELECT gapless.close_gapless('bill/2025', 'audited')")
				contents := sqltest.Texts(s, "SELECT b::text FROM bills AS b ORDER BY id")
				for _, level := range []string{"read committed", "repeatable read", "serializable"} {
					s.Do("SET default_transaction_isolation = '" + level + "'")
					for _, statement := range []string{
						"INSERT INTO bills (id, year) VALUES (10, 2025)",
						"INSERT INTO bills (id, year) VALUES (10, 2025), (11, 2025)",
						"INSERT INTO bills (id, year) VALUES (10, 2026), (11, 2025), (12, 2026), (13, 2025)",
						"INSERT INTO bills (id, year) VALUES (100, 2025) ON CONFLICT (id) DO UPDATE SET draft = false",
						"UPDATE bills SET draft = false WHERE id = 100",
						"UPDATE bills SET draft = false",
					} {
						requireClosed(t, s.Refuse("55000", statement), "bill/2025", "audited")
					}
				}
				s.Do("RESET default_transaction_isolation")
				require.Equal(t, contents, sqltest.Texts(s, "SELECT b::text FROM bills AS b ORDER BY id"))
				s.Do("INSERT INTO bills (id, year) VALUES (20, 2026)")
				s.Do("INSERT INTO bills (id, year, draft) VALUES (21, 2025, true)")

				s.Do("SELECT gapless.open_gapless('bill/2025', 'one more')")
				s.Do("INSERT INTO bills (id, year) VALUES (30, 2025), (31, 2025)")
				require.EqualValues(t, rows+2, last(s, 2025))
				sqltest.RequireSound(s)
			})
		}
	}
}

// The row was there before the series was closed, and its number was not.
func TestACommitThatWouldNumberARowOfAClosedSeriesIsRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"a number at commit", "a text at commit", "a partition at commit"} {
		for _, rows := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, %d rows", kind, rows), func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				s, owner := sqltest.Connect(t, database), sqltest.Connect(t, database)
				number(s, columns[kind].table, columns[kind].options)
				for _, closer := range []sqltest.Session{s, owner} {
					s.Do("BEGIN")
					s.Do("INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(1, $1::int) AS i", rows)
					closer.Do("SELECT gapless.close_gapless('bill/2025', 'audited')")
					requireClosed(t, s.Refuse("55000", "COMMIT"), "bill/2025", "audited")
				}
				require.Zero(t, s.Number("SELECT count(*) FROM bills"))
				s.Do("SELECT gapless.open_gapless('bill/2025', 'not yet')")
				s.Do("INSERT INTO bills (id, year) VALUES (1, 2025)")
				require.EqualValues(t, 1, last(s, 2025))
			})
		}
	}
}

// last is the greatest number of a year in bills.
func last(s sqltest.Session, year int) int64 {
	s.T.Helper()
	return s.Number("SELECT max(regexp_replace(number::text, '.*-', '')::bigint) FROM bills WHERE year = $1", year)
}

// What a transaction has noted of the next number does not outlive the closing, or the forwarding.
func TestATransactionThatClosesOrForwardsASeriesNumbersByIt(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			number(s, c.table, c.options)
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025), (3, 2026)")
			run := func(statements ...string) {
				for _, statement := range statements {
					_, err := s.PgConn().Exec(s.Ctx, statement).ReadAll()
					require.NoError(t, err, statement)
				}
			}
			for _, before := range []string{
				"SELECT",
				"INSERT INTO bills (id, year) VALUES (10, 2025)",
				"INSERT INTO bills (id, year) VALUES (10, 2025), (11, 2025), (12, 2025)",
				"INSERT INTO bills (id, year) VALUES (10, 2025), (11, 2026), (12, 2025), (13, 2026)",
				"INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025) ON CONFLICT DO NOTHING", // which do not arrive
				"INSERT INTO bills (id, year, draft) VALUES (10, 2025, true), (11, 2025, true); UPDATE bills SET draft = false",
			} {
				for _, after := range []string{
					"INSERT INTO bills (id, year) VALUES (20, 2025)",
					"INSERT INTO bills (id, year) VALUES (20, 2025), (21, 2026), (22, 2025)",
					"INSERT INTO bills (id, year, draft) VALUES (20, 2025, true); UPDATE bills SET draft = false WHERE id = 20",
					"INSERT INTO bills (id, year) VALUES (20, 2026); INSERT INTO bills (id, year) VALUES (22, 2025)",
				} {
					code, message := s.Try(before + "; SET CONSTRAINTS ALL IMMEDIATE; SELECT gapless.close_gapless('bill/2025', 'audited'); " + after + "; SET CONSTRAINTS ALL IMMEDIATE")
					require.Equal(t, []string{"55000", `sequence "bill/2025" is closed`}, []string{code, message}, "%s; %s", before, after)

					run("BEGIN; SAVEPOINT a", before, "SET CONSTRAINTS ALL IMMEDIATE", "SELECT gapless.close_gapless('bill/2025', 'audited')", "ROLLBACK TO a", before, "SET CONSTRAINTS ALL IMMEDIATE")
					newest := last(s, 2025)
					run("SELECT gapless.forward_gapless('bill/2025', 50, 'used by the tills')", after, "SET CONSTRAINTS ALL IMMEDIATE")
					require.Equal(t, 50+s.Number("SELECT count(*) FROM bills WHERE year = 2025 AND id >= 20"), last(s, 2025), "%s; %s", before, after)
					require.Equal(t, []string{fmt.Sprintf("bill/2025 hole %d-50 explained", newest+1)}, sqltest.Findings(s))
					run("ROLLBACK")
				}
			}
		})
	}
}

func TestASeriesThatWasForwardedKeepsTheOrderOfItsDates(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	c := columns["a number in date's order"]
	number(s, c.table, c.options)
	s.Do("INSERT INTO bills (id, year, issued) VALUES (1, 2025, '2025-06-01')")
	s.Do("SELECT gapless.forward_gapless('bill/2025', 50, 'used by the tills'), gapless.close_gapless('bill/2025', 'audited')")
	s.Do("SELECT gapless.open_gapless('bill/2025', 'not yet')")
	for _, rows := range []string{"(2, 2025, '2025-05-31')", "(2, 2025, '2025-05-30'), (3, 2025, '2025-05-31')"} {
		s.Refuse("23514", "INSERT INTO bills (id, year, issued) VALUES "+rows)
	}
	require.EqualValues(t, 51, s.Number("INSERT INTO bills (id, year, issued) VALUES (2, 2025, '2025-06-01') RETURNING number"))
	require.Equal(t, []string{"bill/2025 hole 2-50 explained", "bill/2025 closed 50-50 explained", "bill/2025 opened 50-50 explained"}, sqltest.Findings(s))
}

func TestForwardNeverGoesBackAndSaysWhatItPassedOver(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SELECT gapless.next_gapless('a') FROM generate_series(1, 3)")
	s.Do("SELECT gapless.forward_gapless('a', 3, 'where it is')")
	require.Empty(t, sqltest.Findings(s))
	for _, backwards := range []int{2, 0, -5} {
		require.Equal(t, "adopt_forward", s.Refuse("55000", "SELECT gapless.forward_gapless('a', $1, 'back')", backwards).ConstraintName)
	}
	s.Do("SELECT gapless.forward_gapless('a', 9, 'the tills'), gapless.forward_gapless('a', 12, 'the web shop')")
	require.EqualValues(t, 13, s.Number("SELECT gapless.next_gapless('a')"))
	s.Do("SELECT gapless.void_gapless('a', 7, 'a till broke')")
	s.Do("SELECT gapless.prune_gapless('a', 'infinity')")
	require.Equal(t, []string{
		"a hole 4 6 forwarded: the tills by " + s.Config().User,
		"a void 7 7 void: a till broke by none",
		"a hole 8 9 forwarded: the tills by " + s.Config().User,
		"a hole 10 12 forwarded: the web shop by " + s.Config().User,
	}, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, kind, first_value, last_value, split_part(explanation, ' (', 1), 'by', coalesce(allocated_by, 'none')) FROM gapless.audit_gapless('a') WHERE explained"))
	require.EqualValues(t, 4, s.Number("SELECT issued FROM gapless.sequences"))
	s.Do("SELECT gapless.forward_gapless('a', 9223372036854775807, 'it ends')")
	s.Refuse("2200H", "SELECT gapless.next_gapless('a')")
	s.Do("SELECT gapless.close_gapless('a', 'it has ended'), gapless.open_gapless('a', 'or not')")
	s.Refuse("2200H", "SELECT gapless.next_gapless('a')")
	require.EqualValues(t, 7, s.Number("SELECT count(*) FROM gapless.audit_gapless()"))
	s.Do("SELECT gapless.delete_gapless('a')")
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.decision"))
}

// The first number is where a series starts, and what is before it is no hole.
func TestASeriesThatIsForwardedBeforeItsFirstNumberStartsThere(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			number(s, c.table, c.options)
			s.Do("SELECT gapless.forward_gapless('bill/2025', 1233, 'the paper forms begin there')")
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025)")
			require.EqualValues(t, 1235, last(s, 2025))
			require.Equal(t, []string{"bill/2025 start 1234-1234 explained"}, sqltest.Findings(s))
			s.Do("SELECT gapless.prune_gapless('bill/2025', 'infinity')")
			require.Equal(t, []string{"bill/2025 start 1234-1234 explained"}, sqltest.Findings(s))
		})
	}
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SELECT gapless.forward_gapless('a', 1233, 'paper'), gapless.forward_gapless('a', 1240, 'torn')")
	require.EqualValues(t, 1241, s.Number("SELECT gapless.next_gapless('a')"))
	require.Equal(t, []string{"a hole 1234-1240 explained", "a start 1234-1234 explained"}, sqltest.Findings(s))

	s.Do("SELECT gapless.forward_gapless('end', 9223372036854775807, 'there is none'), gapless.close_gapless('end', 'there is none')")
	require.Equal(t, []string{"end closed 9223372036854775807-9223372036854775807 explained", "end start 9223372036854775807-9223372036854775807 explained"},
		sqltest.Findings(s)[2:])

	s.Do("CREATE TABLE bills (number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$, initial => 1000)")
	require.Equal(t, `sequence "bill" is at 999, and cannot go back to 5`, s.Refuse("55000", "SELECT gapless.forward_gapless('bill', 5, 'why')").Message)
	s.Do("SELECT gapless.close_gapless('bill', 'not yet'), gapless.open_gapless('bill', 'now')")
	require.EqualValues(t, 1000, s.Number("INSERT INTO bills DEFAULT VALUES RETURNING number"))
}

func TestASeriesStaysClosedWhateverBecomesOfItsColumnAndItsJournal(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	number(s, "number bigint, UNIQUE (year, number))", "")
	for i := range 5 {
		s.Do("INSERT INTO bills (id, year) VALUES ($1, 2025)", i+1)
	}
	s.Do("SELECT gapless.close_gapless('bill/2025', 'audited')")
	require.EqualValues(t, 4, s.Number("SELECT gapless.prune_gapless('bill/2025', 'infinity')"))
	s.Do("SELECT gapless.void_gapless('bill/2025', 2, 'sent twice'), gapless.void_gapless('bill/2025', 5, 'sent twice')")
	s.Do("DELETE FROM bills WHERE number = 2")
	s.Do("UPDATE bills SET issued = '2025-02-02'")
	s.Do("SELECT gapless.detach_gapless('bills', 'number')")
	requireClosed(t, s.Refuse("55000", "SELECT gapless.next_gapless('bill/2025')"), "bill/2025", "audited")
	s.Do("INSERT INTO bills (id, year, number) VALUES (6, 2025, 6)")
	requireClosed(t, s.Refuse("55000", "SELECT gapless.attach_gapless('bills', 'number', $$ 'bill/' || NEW.year $$)"), "bill/2025", "audited")
	s.Do("DELETE FROM bills WHERE number = 6")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill/' || NEW.year $$, chronology => 'NEW.issued')")
	requireClosed(t, s.Refuse("55000", "INSERT INTO bills (id, year) VALUES (7, 2025)"), "bill/2025", "audited")
	require.Equal(t, []string{"bill/2025 hole 2-2 explained", "bill/2025 closed 5-5 explained", "bill/2025 void 5-5 explained"}, sqltest.Findings(s))
	s.Do("SELECT gapless.open_gapless('bill/2025', 'one more')")
	require.EqualValues(t, 6, s.Number("INSERT INTO bills (id, year, issued) VALUES (7, 2025, '2025-12-31') RETURNING number"))
	require.Equal(t, "gapless_open", s.Refuse("55000", "SELECT gapless.open_gapless('bill/2025', 'again')").ConstraintName)
	sqltest.RequireSound(s)
}

// TestWhoWaitsForASeriesThatIsClosedMeanwhileIsRefused has an INSERT wait for the closing.
func TestWhoWaitsForASeriesThatIsClosedMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ level, prepare, change, end, code string }{
		{"READ COMMITTED", "SELECT", "SELECT gapless.close_gapless('bill/2025', 'why')", "COMMIT", "55000"},
		{"READ COMMITTED", "SELECT", "SELECT gapless.close_gapless('bill/2025', 'why')", "ROLLBACK", ""},
		{"REPEATABLE READ", "SELECT", "SELECT gapless.close_gapless('bill/2025', 'why')", "COMMIT", "40001"},
		{"REPEATABLE READ", "SELECT", "SELECT gapless.close_gapless('bill/2025', 'why')", "ROLLBACK", ""},
		{"READ COMMITTED", "SELECT gapless.close_gapless('bill/2025', 'why')", "SELECT gapless.open_gapless('bill/2025', 'why')", "COMMIT", ""},
		{"READ COMMITTED", "SELECT gapless.close_gapless('bill/2025', 'why')", "SELECT gapless.open_gapless('bill/2025', 'why')", "ROLLBACK", "55000"},
		{"REPEATABLE READ", "SELECT gapless.close_gapless('bill/2025', 'why')", "SELECT gapless.open_gapless('bill/2025', 'why')", "COMMIT", "40001"},
		{"READ COMMITTED", "SELECT", "SELECT gapless.forward_gapless('bill/2025', 9, 'why')", "COMMIT", ""},
		{"REPEATABLE READ", "SELECT", "SELECT gapless.forward_gapless('bill/2025', 9, 'why')", "COMMIT", "40001"},
	} {
		for kind, options := range map[string]string{"early": "", "at commit": ", at_commit => true"} {
			t.Run(fmt.Sprintf("%s %s %s %s", c.level, c.change, c.end, kind), func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
				number(one, "number bigint, UNIQUE (year, number))", options)
				one.Do("INSERT INTO bills (id, year) VALUES (1, 2025)")
				one.Do(c.prepare)
				one.Do("BEGIN")
				one.Do(c.change)
				two.Do("SET default_transaction_isolation = '" + c.level + "'")
				done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, "INSERT INTO bills (id, year) VALUES (2, 2025)") })
				sqltest.AwaitWaiter(t, observer, two.PID())
				require.Empty(t, sqltest.Texts(observer, "SELECT f::text FROM gapless.audit_gapless() AS f WHERE NOT explained"))
				one.Do(c.end)
				if r := <-done; c.code == "" {
					require.NoError(t, r.Err)
				} else {
					sqltest.RequireCode(t, c.code, r.Err)
				}
				sqltest.RequireSound(observer)
			})
		}
	}
}

func TestEachDecisionNeedsAReason(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for _, call := range []string{"close_gapless('a', %s)", "open_gapless('a', %s)", "forward_gapless('a', 9, %s)", "go_live_gapless('a', %s)", "archive_gapless('a', 9, %s)", "void_gapless_batch('a', 1, 2, %s)"} {
		for reason, code := range map[string]string{"NULL": "22004", "''": "22023", "e' \\n '": "22023"} {
			require.Equal(t, "reason", s.Refuse(code, "SELECT gapless."+fmt.Sprintf(call, reason)).ColumnName)
		}
	}
	s.Refuse("22004", "SELECT gapless.forward_gapless('a', NULL, 'why')")
	s.Refuse("22004", "SELECT gapless.archive_gapless('a', NULL, 'why')")
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.sequence_lock"))
}

// TestNothingIsIssuedWhileASeriesIsClosed has sessions insert while another one closes, opens and forwards the series. The
// clock is read under the series' lock by all of them.
func TestNothingIsIssuedWhileASeriesIsClosed(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			owner := sqltest.Connect(t, database)
			number(owner, c.table, c.options)
			owner.Do("CREATE SEQUENCE ids")
			var workers sync.WaitGroup
			done := make(chan struct{})
			for worker := range 3 {
				s := sqltest.Connect(t, database)
				statement := []string{
					"INSERT INTO bills (id, year) VALUES (nextval('ids'), 2025)",
					"INSERT INTO bills (id, year) SELECT nextval('ids'), 2025 + i % 2 FROM generate_series(1, 4) AS i",
					"WITH d AS MATERIALIZED (SELECT nextval('ids') AS id) INSERT INTO bills (id, year, draft) SELECT id, 2025, true FROM d; UPDATE bills SET draft = false WHERE id = currval('ids')",
				}[worker]
				workers.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						if _, err := s.PgConn().Exec(s.Ctx, statement).ReadAll(); err != nil {
							var pgErr *pgconn.PgError
							if !errors.As(err, &pgErr) || pgErr.ConstraintName != "gapless_closed" {
								t.Error(err)
								return
							}
						}
					}
				})
			}
			for round := range 15 {
				owner.Do("SELECT gapless.close_gapless('bill/2025', $1)", fmt.Sprint("round ", round))
				owner.Do("SELECT gapless.open_gapless('bill/2025', 'the next round')")
				owner.Do("SELECT gapless.forward_gapless('bill/2025', coalesce(gapless.last_gapless('bill/2025'), 0) + 100, 'the next hundred') WHERE $1", round%3 == 0)
			}
			close(done)
			workers.Wait()
			require.Empty(t, sqltest.Texts(owner, `
				SELECT j::text
				FROM gapless.decision AS c
				JOIN gapless.decision AS o ON o.name = c.name AND o.ordinal = (SELECT min(n.ordinal) FROM gapless.decision AS n WHERE n.name = c.name AND n.kind = 'opened' AND n.ordinal > c.ordinal)
				JOIN gapless.journal AS j ON j.name = c.name AND j.allocated_at BETWEEN c.decided_at AND o.decided_at
				WHERE c.kind = 'closed'`))
			require.Empty(t, sqltest.Texts(owner, `
				SELECT b::text FROM bills AS b
				JOIN gapless.decision AS d ON d.name = 'bill/' || b.year AND d.kind = 'forwarded' AND regexp_replace(b.number::text, '.*-', '')::bigint BETWEEN d.first_value AND d.last_value`))
			require.Positive(t, owner.Number("SELECT count(*) FROM bills WHERE number IS NOT NULL"))
			require.EqualValues(t, 30, owner.Number("SELECT count(*) FROM gapless.decision WHERE kind IN ('closed', 'opened')"))
			sqltest.RequireSound(owner)
		})
	}
}

// The rights are granted one by one; who has them needs none on the table.
func TestARoleIsGrantedToCloseAndForwardASeriesOfAnothersTable(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, clerk := sqltest.Connect(t, database), sqltest.Connect(t, database)
	name, quoted := sqltest.Role(t, database, "clerk")
	number(owner, "number bigint, UNIQUE (year, number))", "")
	owner.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025)")
	owner.Do("GRANT USAGE ON SCHEMA gapless TO " + quoted)
	owner.Do("GRANT EXECUTE ON FUNCTION gapless.close_gapless, gapless.open_gapless, gapless.forward_gapless, gapless.void_gapless_batch TO " + quoted)
	clerk.Do("SET ROLE " + quoted)
	clerk.Do("SELECT gapless.forward_gapless('bill/2025', 9, 'used by the tills')")
	clerk.Do("SELECT gapless.void_gapless_batch('bill/2025', 1, 2, 'sent twice')")
	clerk.Do("SELECT gapless.close_gapless('bill/2025', 'audited')")
	clerk.Do("SELECT gapless.open_gapless('bill/2025', 'one more')")
	clerk.Refuse("42501", "INSERT INTO bills (id, year) VALUES (3, 2025)")
	require.EqualValues(t, 10, owner.Number("INSERT INTO bills (id, year) VALUES (3, 2025) RETURNING number"))
	require.Equal(t, []string{"closed " + name, "forwarded " + name, "opened " + name},
		sqltest.Texts(owner, "SELECT kind || ' ' || decided_as FROM gapless.decision ORDER BY 1"))
	require.Equal(t, []string{name}, sqltest.Texts(owner, "SELECT DISTINCT allocated_as FROM gapless.audit_gapless() WHERE kind IN ('closed', 'opened') OR explanation LIKE 'forwarded: %'"))
}
