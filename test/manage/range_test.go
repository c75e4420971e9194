package manage_test

// What range_gapless and withdraw_gapless make of a series, taken from by hand or by a column.

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// expire lets the range of a series that begins with first have expired.
func expire(s sqltest.Session, name string, first int) {
	s.T.Helper()
	tag, err := s.Exec(s.Ctx, "UPDATE gapless.number_range SET valid_until = '2020-12-31', time_zone = 'UTC', expires = '2021-01-01 UTC' WHERE name = $1 AND first_value = $2", name, first)
	require.NoError(s.T, err)
	require.EqualValues(s.T, 1, tag.RowsAffected())
}

// numbers are those of a year in bills, in the order of their ids.
func numbers(s sqltest.Session, year int) string {
	s.T.Helper()
	return strings.Join(sqltest.Texts(s, "SELECT regexp_replace(number::text, '.*-', '') FROM bills WHERE year = $1 AND number IS NOT NULL ORDER BY id", year), " ")
}

func requireRange(t *testing.T, err *pgconn.PgError, constraint, message string) {
	t.Helper()
	require.Equal(t, []string{constraint, message}, []string{err.ConstraintName, err.Message})
	require.Equal(t, "gapless", err.SchemaName)
	require.Equal(t, "number_range", err.TableName)
	require.NotEmpty(t, err.Hint)
}

func TestASeriesThatIsUsedByHandIssuesTheNumbersOfItsRanges(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("SET default_transaction_isolation = '" + level + "'")
			require.EqualValues(t, 5, s.Number("SELECT gapless.range_gapless('a', 1, 5, 'grant 1')"))
			require.EqualValues(t, 1, s.Number("SELECT gapless.peek_gapless('a')"))
			require.Equal(t, []string{"1", "2"}, sqltest.Texts(s, "SELECT v::text FROM gapless.next_gapless_batch('a', 2, nowait => true) AS v"))
			require.EqualValues(t, 8, s.Number("SELECT gapless.range_gapless('a', 101, 105, 'grant 2')"))
			require.EqualValues(t, 3, s.Number("SELECT gapless.next_gapless('a')"))
			requireRange(t, s.Refuse("2200H", "SELECT gapless.next_gapless_batch('a', 8)"), "gapless_range_end", `sequence "a": its ranges have 7 number(s) left, which are too few`)
			requireRange(t, s.Refuse("22023", "SELECT gapless.next_gapless('a', 1, 9)"), "gapless_range_reset", `sequence "a" has ranges, so it cannot begin anew at reset`)
			s.Refuse("22023", "SELECT gapless.next_gapless_batch('a', 2, 1, 9)")
			s.Refuse("22023", "SELECT gapless.peek_gapless('a', 1, 9)")
			require.Equal(t, []string{"4", "5", "101", "102"}, sqltest.Texts(s, "SELECT v::text FROM gapless.next_gapless_batch('a', 4) AS v"))
			require.EqualValues(t, 103, s.Number("SELECT gapless.peek_gapless('a')"))
			for value := 103; value <= 105; value++ {
				require.EqualValues(t, value, s.Number("SELECT gapless.next_gapless('a', nowait => $1)", value == 104))
			}
			for _, call := range []string{"next_gapless('a')", "next_gapless('a', nowait => true)", "next_gapless_batch('a', 2)", "peek_gapless('a')"} {
				err := s.Refuse("2200H", "SELECT gapless."+call)
				requireRange(t, err, "gapless_range_end", `sequence "a": no number is left in its ranges`)
				require.Equal(t, "The last was 101 to 105: grant 2", err.Detail)
				require.Equal(t, "Ask for the next range, and give it to the sequence: SELECT gapless.range_gapless('a', first, last, 'the authority''s reference'); then try again.", err.Hint)
			}
			require.EqualValues(t, 105, s.Number("SELECT gapless.last_gapless('a')"))
			require.EqualValues(t, 10, s.Number("SELECT issued FROM gapless.sequences"))
			s.Do("SELECT gapless.range_gapless('a', 106, 107, 'grant 3')")
			require.EqualValues(t, 106, s.Number("SELECT gapless.next_gapless('a')"))
			require.Equal(t, []string{"a range 1-5 explained", "a hole 6-100 explained", "a range 101-105 explained", "a range 106-107 explained"}, sqltest.Findings(s))
			require.Equal(t, []string{"passed: no range has them, and range 101 to 105 follows: grant 2"},
				sqltest.Texts(s, "SELECT split_part(explanation, ' (', 1) FROM gapless.audit_gapless() WHERE kind = 'hole'"))
		})
	}
}

// Each kind of statement meets the border between two ranges, with so many numbers of the first one left.
func TestAColumnGoesOverToItsNextRange(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
			t.Run(kind+", "+level, func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				number(s, c.table, c.options)
				s.Do("SET default_transaction_isolation = '" + level + "'")
				s.Do("INSERT INTO bills (id, year) VALUES (-3, 2025), (-2, 2025), (-1, 2025)")
				s.Do("SELECT gapless.range_gapless('bill/2025', 1, 5, 'grant 1'), gapless.range_gapless('bill/2025', 101, 102, 'grant 2'), gapless.range_gapless('bill/2025', 201, 209, 'grant 3')")
				for name, statements := range map[string][]string{
					"one by one":   {"INSERT INTO bills (id, year) VALUES (1, 2025)", "INSERT INTO bills (id, year) VALUES (2, 2025)", "INSERT INTO bills (id, year) VALUES (3, 2025)", "INSERT INTO bills (id, year) VALUES (4, 2025)", "INSERT INTO bills (id, year) VALUES (5, 2025)", "INSERT INTO bills (id, year) VALUES (6, 2025)"},
					"at once":      {"INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(1, 6) AS i"},
					"two and four": {"INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025)", "INSERT INTO bills (id, year) VALUES (3, 2025), (4, 2025), (5, 2025), (6, 2025)"},
					"with another": {"INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(1, 6) AS i UNION ALL SELECT 10 + i, 2024 FROM generate_series(1, 6) AS i ORDER BY 1"},
					"in turns":     {"INSERT INTO bills (id, year) SELECT 2 * i + k, 2025 - k FROM generate_series(1, 6) AS i, generate_series(0, 1) AS k ORDER BY 1"},
					"skipped":      {"INSERT INTO bills (id, year) VALUES (-3, 2025), (1, 2025), (-2, 2025), (2, 2025), (-2, 2025), (3, 2025), (4, 2025), (-1, 2025), (-3, 2025), (5, 2025), (6, 2025) ON CONFLICT (id) DO NOTHING"},
					"drafts":       {"INSERT INTO bills (id, year, draft) SELECT i, 2025, true FROM generate_series(1, 6) AS i", "UPDATE bills SET draft = false WHERE id > 0"},
					"drafts and rows": {
						"INSERT INTO bills (id, year, draft) SELECT i, 2025, true FROM generate_series(1, 3) AS i",
						"WITH u AS (UPDATE bills SET draft = false WHERE id > 0 RETURNING id) INSERT INTO bills (id, year) SELECT 3 + i, 2025 FROM generate_series(1, 3) AS i, (SELECT count(*) FROM u) AS n",
					},
					"upserts of numbers": {"INSERT INTO bills (id, year) VALUES (1, 2025), (-1, 2025), (2, 2025), (-2, 2025), (3, 2025), (-3, 2025), (4, 2025), (5, 2025), (6, 2025) ON CONFLICT (id) DO UPDATE SET number = EXCLUDED.number"},
					"upserts of drafts": {
						"INSERT INTO bills (id, year, draft) VALUES (1, 2025, true), (2, 2025, true)",
						"INSERT INTO bills (id, year) VALUES (1, 2025), (3, 2025), (4, 2025), (2, 2025), (5, 2025), (6, 2025) ON CONFLICT (id) DO UPDATE SET draft = false",
					},
					"one draft": {"INSERT INTO bills (id, year, draft) VALUES (1, 2025, true), (2, 2025, false), (3, 2025, false), (4, 2025, true)", "UPDATE bills SET draft = false WHERE id = 4", "UPDATE bills SET draft = false WHERE id = 1", "INSERT INTO bills (id, year) VALUES (5, 2025), (6, 2025)"},
					"upserts":   {"INSERT INTO bills (id, year) VALUES (1, 2025), (-1, 2025), (2, 2025), (-2, 2025), (3, 2025), (4, 2025), (5, 2025), (-3, 2025), (6, 2025) ON CONFLICT (id) DO UPDATE SET draft = EXCLUDED.draft"},
					"by a savepoint": {
						"INSERT INTO bills (id, year) VALUES (1, 2025)", "SAVEPOINT a", "INSERT INTO bills (id, year) VALUES (2, 2025), (3, 2025), (4, 2025), (5, 2025), (6, 2025)", "ROLLBACK TO a",
						"INSERT INTO bills (id, year) VALUES (2, 2025), (3, 2025)", "SAVEPOINT b", "INSERT INTO bills (id, year) VALUES (4, 2025)", "ROLLBACK TO b", "INSERT INTO bills (id, year) VALUES (4, 2025), (5, 2025), (6, 2025)",
					},
				} {
					for _, whole := range []bool{true, false} {
						if name == "upserts of numbers" && strings.Contains(c.options, "at_commit") {
							continue // the new row has none yet
						}
						if !whole && (name == "by a savepoint" || strings.Contains(c.options, "at_commit")) {
							continue
						}
						s.Do("BEGIN")
						for _, statement := range statements {
							_, err := s.PgConn().Exec(s.Ctx, statement).ReadAll()
							require.NoError(t, err, "%s: %s", name, statement)
							if !whole {
								s.Do("SET CONSTRAINTS ALL IMMEDIATE")
								s.Do("SET CONSTRAINTS ALL DEFERRED")
							}
						}
						s.Do("SET CONSTRAINTS ALL IMMEDIATE")
						got := numbers(s, 2025)
						if strings.Contains(name, "draft") {
							got = strings.Join(sqltest.Texts(s, "SELECT regexp_replace(number::text, '.*-', '') FROM bills WHERE year = 2025 ORDER BY length(number::text), number"), " ")
						}
						require.Equal(t, "1 2 3 4 5 101 102 201 202", got, "%s, %v", name, whole)
						require.Equal(t, []string{
							"bill/2025 range 1-5 explained", "bill/2025 hole 6-100 explained", "bill/2025 range 101-102 explained",
							"bill/2025 hole 103-200 explained", "bill/2025 range 201-209 explained",
						}, sqltest.Findings(s), name)
						s.Do("ROLLBACK")
					}
				}
				requireRange(t, s.Refuse("2200H", "INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(1, 20) AS i; SET CONSTRAINTS ALL IMMEDIATE"),
					"gapless_range_end", `sequence "bill/2025": its ranges have 13 number(s) left, which are too few`)
				s.Do("INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(1, 13) AS i")
				requireRange(t, s.Refuse("2200H", "INSERT INTO bills (id, year) VALUES (20, 2025); SET CONSTRAINTS ALL IMMEDIATE"), "gapless_range_end", `sequence "bill/2025": no number is left in its ranges`)
				require.Equal(t, "1 2 3 4 5 101 102 201 202 203 204 205 206 207 208 209", numbers(s, 2025))
				s.Do("SELECT gapless.range_gapless('bill/2025', 210, 300, 'grant 4')")
				s.Do("INSERT INTO bills (id, year) VALUES (20, 2025), (21, 2025)")
				require.EqualValues(t, 211, last(s, 2025))
				sqltest.RequireSound(s)
			})
		}
	}
}

func TestAnExpiredRangeIsLeftAndItsRestReported(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			number(s, c.table, c.options)
			s.Do("SELECT gapless.range_gapless('bill/2025', 1, 10, 'CAI 1', 'tomorrow')")
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025), (3, 2025)")
			expire(s, "bill/2025", 1)
			for _, statement := range []string{"INSERT INTO bills (id, year) VALUES (4, 2025)", "INSERT INTO bills (id, year) VALUES (4, 2025), (5, 2025)", "INSERT INTO bills (id, year) VALUES (5, 2026), (4, 2025)"} {
				err := s.Refuse("22023", statement+"; SET CONSTRAINTS ALL IMMEDIATE")
				requireRange(t, err, "gapless_range_date", `sequence "bill/2025": its range 1 to 10 was valid until 2020-12-31 in UTC`)
				require.Equal(t, "Its reason: CAI 1", err.Detail)
			}
			require.Equal(t, []string{"expired 0 7"}, sqltest.Texts(s, "SELECT concat_ws(' ', state, numbers_left, unused) FROM gapless.ranges"))
			require.Equal(t, []string{"0 true"}, sqltest.Texts(s, "SELECT concat_ws(' ', numbers_left, valid_until, warning::text) FROM gapless.sequences"))

			// It is extended, and goes on.
			s.Do("SELECT gapless.range_gapless('bill/2025', 1, 10, 'CAI 1, extended', 'tomorrow')")
			s.Do("INSERT INTO bills (id, year) VALUES (4, 2025)")
			require.EqualValues(t, 4, last(s, 2025))
			// The next two have been granted, and the first of them expires, too, before it was used.
			s.Do("SELECT gapless.range_gapless('bill/2025', 51, 60, 'CAI 2', 'tomorrow'), gapless.range_gapless('bill/2025', 61, 70, 'CAI 3')")
			expire(s, "bill/2025", 1)
			expire(s, "bill/2025", 51)
			s.Do("INSERT INTO bills (id, year) VALUES (5, 2025), (6, 2025)")
			require.Equal(t, "1 2 3 4 61 62", numbers(s, 2025))
			require.Equal(t, []string{"1 expired 0 6", "51 expired 0 10", "61 current 8 0"}, sqltest.Texts(s, "SELECT concat_ws(' ', first_value, state, numbers_left, unused) FROM gapless.ranges ORDER BY first_value"))
			require.Equal(t, []string{
				"5 10 passed: unused, since range 1 to 10 was valid until 2020-12-31 in UTC: CAI 1, extended",
				"11 50 passed: no range has them, and range 51 to 60 follows: CAI 2",
				"51 60 passed: unused, since range 51 to 60 was valid until 2020-12-31 in UTC: CAI 2",
			}, sqltest.Texts(s, "SELECT concat_ws(' ', first_value, last_value, split_part(explanation, ' (', 1)) FROM gapless.audit_gapless() WHERE kind = 'hole' ORDER BY first_value"))
			require.Equal(t, "gapless_range_over", s.Refuse("55000", "SELECT gapless.range_gapless('bill/2025', 1, 10, 'too late', 'tomorrow')").ConstraintName)
			sqltest.RequireSound(s)
		})
	}
}

// Nothing was issued of the first range, so that the series begins with the second one.
func TestASeriesWhoseFirstRangeExpiredUnusedBeginsWithTheNext(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			number(s, c.table, c.options)
			s.Do("SELECT gapless.range_gapless(n, 101, 110, 'CAI 1', 'tomorrow'), gapless.range_gapless(n, 121, 130, 'CAI 2') FROM unnest(ARRAY['bill/2025', 'by hand']) AS n")
			s.Do("SELECT gapless.range_gapless('bill/2026', 5001, 6000, 'CAI 3')")
			expire(s, "bill/2025", 101)
			expire(s, "by hand", 101)
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025), (3, 2026)")
			require.Equal(t, "121 122", numbers(s, 2025))
			require.Equal(t, "5001", numbers(s, 2026))
			require.EqualValues(t, 121, s.Number("SELECT gapless.next_gapless('by hand', 7)"))
			for _, name := range []string{"bill/2025", "by hand"} {
				require.Equal(t, []string{"101 110 passed: unused", "111 120 passed: no range has them"}, sqltest.Texts(s, "SELECT concat_ws(' ', first_value, last_value, split_part(explanation, ',', 1)) FROM gapless.audit_gapless($1) WHERE kind = 'hole' ORDER BY first_value", name))
			}
			require.Equal(t, []string{"bill/2026 range 5001-6000 explained"}, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, kind, first_value || '-' || last_value, CASE WHEN explained THEN 'explained' END) FROM gapless.audit_gapless('bill/2026')"))
			sqltest.RequireSound(s)
		})
	}
}

func TestARangeThatIsWithdrawnIsLeft(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			number(s, c.table, c.options)
			s.Do("SELECT gapless.range_gapless('bill/2025', 1, 10, 'CAI 1'), gapless.range_gapless('bill/2025', 21, 300, 'a slip of the pen')")
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025), (3, 2025)")
			require.EqualValues(t, 280, s.Number("SELECT gapless.withdraw_gapless('bill/2025', 21, 'it is 21 to 30')"))
			require.EqualValues(t, 17, s.Number("SELECT gapless.range_gapless('bill/2025', 21, 30, 'CAI 2')"))
			s.Do("BEGIN; INSERT INTO bills (id, year) VALUES (4, 2025), (5, 2025)")
			s.Do("SET CONSTRAINTS ALL IMMEDIATE")
			require.EqualValues(t, 5, s.Number("SELECT gapless.withdraw_gapless('bill/2025', 1, 'cancelled by the authority')"))
			s.Do("INSERT INTO bills (id, year) VALUES (6, 2025), (7, 2025)")
			s.Do("COMMIT")
			require.Equal(t, "1 2 3 4 5 21 22", numbers(s, 2025))
			require.Equal(t, "gapless_range_over", s.Refuse("55000", "SELECT gapless.withdraw_gapless('bill/2025', 1, 'again')").ConstraintName)
			s.Refuse("55000", "SELECT gapless.withdraw_gapless('bill/2025', 2, 'no such')")
			s.Refuse("55000", "SELECT gapless.withdraw_gapless('bill/2025', NULL, 'no such')")
			s.Do("SELECT gapless.withdraw_gapless('bill/2025', 21, 'the business is closed')")
			err := s.Refuse("2200H", "INSERT INTO bills (id, year) VALUES (8, 2025); SET CONSTRAINTS ALL IMMEDIATE")
			requireRange(t, err, "gapless_range_end", `sequence "bill/2025": no number is left in its ranges`)
			require.Equal(t, []string{
				"hole 6 20 passed: no range has them, and range 21 to 30 follows: CAI 2",
				"withdrawn 6 10 withdrawn: cancelled by the authority", "withdrawn 21 300 withdrawn: it is 21 to 30", "withdrawn 23 30 withdrawn: the business is closed",
			}, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, last_value, split_part(explanation, ' (', 1)) FROM gapless.audit_gapless() WHERE kind <> 'range' ORDER BY kind, first_value"))
			s.Do("SELECT gapless.range_gapless('bill/2026', 5, 9, 'a slip')")
			s.Do("SELECT gapless.withdraw_gapless('bill/2026', 5, 'a slip')")
			require.Equal(t, "All were withdrawn.", s.Refuse("2200H", "INSERT INTO bills (id, year) VALUES (8, 2026); SET CONSTRAINTS ALL IMMEDIATE").Detail)
			sqltest.RequireSound(s)
		})
	}
}

func TestARangeIsRefusedThatCannotBe(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SELECT gapless.next_gapless_batch('a', 20)")
	s.Do("SELECT gapless.range_gapless('a', 1, 100, 'the one that it is in'), gapless.range_gapless('a', 201, 300, 'the next'), gapless.range_gapless('b', 1, 5, 'all used')")
	s.Do("SELECT gapless.next_gapless_batch('b', 5)")
	before := sqltest.Texts(s, "SELECT r::text FROM gapless.number_range AS r ORDER BY 1")
	for call, code := range map[string]string{
		"'a', NULL, 400, 'r'":                              "22004 ",
		"'a', 301, NULL, 'r'":                              "22004 ",
		"NULL, 301, 400, 'r'":                              "22004 ",
		"'', 301, 400, 'r'":                                "22023 sequence_name_length",
		"'a', 301, 400, NULL":                              "22004 ",
		"'a', 301, 400, ' '":                               "22023 ",
		"'a', 301, 300, 'r'":                               "22023 gapless_range",
		"'a', 301, 400, 'r', '2020-01-01'":                 "22023 gapless_range",
		"'a', 301, 400, 'r', 'infinity'":                   "22023 gapless_range",
		"'a', 301, 400, 'r', 'tomorrow', 'Nowhere/At all'": "22023 ",
		"'a', 301, 400, 'r', warn_left => -1":              "22023 gapless_range",
		"'a', 301, 400, 'r', warn_percent => 101":          "22023 gapless_range",
		"'a', 301, 400, 'r', warn_days => 3":               "22023 gapless_range",
		"'a', 301, 400, 'r', 'tomorrow', warn_days => -3":  "22023 gapless_range",
		"'a', 50, 150, 'r'":                                "55000 gapless_range_overlap",
		"'a', 150, 201, 'r'":                               "55000 gapless_range_overlap",
		"'a', 150, 400, 'r'":                               "55000 gapless_range_overlap",
		"'a', 1, 201, 'r'":                                 "55000 gapless_range_overlap",
		"'a', 1, 20, 'r'":                                  "55000 gapless_range_forward",
		"'a', -10, 0, 'r'":                                 "55000 gapless_range_forward",
		"'b', 1, 5, 'r'":                                   "55000 gapless_range_forward",
	} {
		wanted := strings.SplitN(code, " ", 2)
		require.Equal(t, wanted[1], s.Refuse(wanted[0], "SELECT gapless.range_gapless("+call+")").ConstraintName, call)
	}
	require.Equal(t, before, sqltest.Texts(s, "SELECT r::text FROM gapless.number_range AS r ORDER BY 1"))
	s.Do("SELECT gapless.range_gapless('b', 1, 6, 'one more')")
	require.EqualValues(t, 6, s.Number("SELECT gapless.next_gapless('b')"))
	s.Do("SELECT gapless.range_gapless('a', 101, 200, 'between')")
	s.Do("SELECT gapless.next_gapless_batch('a', 100)")
	s.Do("SELECT gapless.forward_gapless('a', 250, 'the tills')")
	require.Equal(t, "gapless_range_over", s.Refuse("55000", "SELECT gapless.range_gapless('a', 1, 300, 'r')").ConstraintName)
	require.EqualValues(t, 251, s.Number("SELECT gapless.next_gapless('a')"))
	s.Do("SELECT gapless.close_gapless('a', 'audited')")
	requireClosed(t, s.Refuse("55000", "SELECT gapless.range_gapless('a', 301, 400, 'r')"), "a", "audited")
	for _, call := range []string{"next_gapless('a')", "next_gapless_batch('a', 3)", "next_gapless_batch('a', 300)", "peek_gapless('a')"} {
		requireClosed(t, s.Refuse("55000", "SELECT gapless."+call), "a", "audited")
	}
	s.Do("SELECT gapless.open_gapless('a', 'not yet')")
	require.EqualValues(t, 252, s.Number("SELECT gapless.next_gapless('a')"))
	s.Do("SELECT gapless.delete_gapless('a'), gapless.delete_gapless('b')")
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.number_range"))
	require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('a')"))
	s.Do("SELECT gapless.range_gapless('c', 9223372036854775806, 9223372036854775807, 'to the end'), gapless.range_gapless('d', -9223372036854775808, 9223372036854775807, 'all')")
	require.Equal(t, []string{"9223372036854775806", "9223372036854775807"}, sqltest.Texts(s, "SELECT v::text FROM gapless.next_gapless_batch('c', 2) AS v"))
	s.Refuse("2200H", "SELECT gapless.next_gapless('c')")
	s.Refuse("2200H", "SELECT gapless.peek_gapless('c')")
	require.EqualValues(t, -9223372036854775808, s.Number("SELECT gapless.next_gapless('d')"))
	require.EqualValues(t, 9223372036854775807, s.Number("SELECT numbers_left FROM gapless.sequences WHERE name = 'd'"))
}

// The day is that of the time zone that the range was given with, whatever the sessions' are.
func TestARangeIsValidToTheEndOfItsDayInItsTimeZone(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SET TimeZone = 'Asia/Tokyo'; SELECT gapless.range_gapless('own', 1, 9, 'r', '2099-12-31', warn_days => 30)")
	s.Do("SELECT gapless.range_gapless('given', 1, 9, 'r', '2099-12-31', 'America/Tegucigalpa'); SET TimeZone = 'UTC'")
	require.Equal(t, []string{"given America/Tegucigalpa 2100-01-01 06:00:00+00", "own Asia/Tokyo 2099-12-31 15:00:00+00 2099-12-01 15:00:00+00"},
		sqltest.Texts(s, "SELECT concat_ws(' ', name, time_zone, expires, warns) FROM gapless.number_range ORDER BY name"))
	s.Do("SELECT gapless.next_gapless('own')")
	s.Do("UPDATE gapless.number_range SET expires = statement_timestamp() + interval '1 second'")
	require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless('own')"))
	s.Do("UPDATE gapless.number_range SET expires = statement_timestamp()")
	s.Refuse("22023", "SELECT gapless.next_gapless('own')")
}

func TestAWarningIsDueWhenFewNumbersOrDaysAreLeft(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	shown := func() string {
		return strings.Join(sqltest.Texts(s, "SELECT concat_ws(' ', numbers_left, valid_until, warning::text) FROM gapless.sequences WHERE name = 'a'"), ", ")
	}
	s.Do("SELECT gapless.next_gapless('unbounded')")
	require.Equal(t, []string{"true"}, sqltest.Texts(s, "SELECT (numbers_left IS NULL AND valid_until IS NULL AND warning IS NULL)::text FROM gapless.sequences"))
	s.Do("SELECT gapless.range_gapless('a', 1, 10, 'r', warn_left => 3)")
	require.Equal(t, "10 false", shown())
	s.Do("SELECT gapless.next_gapless_batch('a', 6)")
	require.Equal(t, "4 false", shown())
	s.Do("SELECT gapless.next_gapless('a')")
	require.Equal(t, "3 true", shown())
	s.Do("SELECT gapless.range_gapless('a', 101, 120, 'the next', '2099-12-31', 'UTC', warn_percent => 25, warn_days => 10)")
	require.Equal(t, "23 2099-12-31 false", shown(), "the next range has been given")
	s.Do("SELECT gapless.next_gapless_batch('a', 17)")
	require.Equal(t, "6 2099-12-31 false", shown())
	s.Do("SELECT gapless.next_gapless('a')")
	require.Equal(t, "5 2099-12-31 true", shown(), "25 per cent of it")
	s.Do("SELECT gapless.range_gapless('a', 101, 120, 'the next', '2099-12-31', 'UTC', warn_days => 10)")
	require.Equal(t, "5 2099-12-31 false", shown())
	s.Do("SELECT gapless.range_gapless('a', 101, 120, 'the next', (statement_timestamp() AT TIME ZONE 'UTC')::date + 9, 'UTC', warn_days => 10)")
	require.Equal(t, "true", strings.Fields(shown())[2])
	s.Do("SELECT gapless.next_gapless_batch('a', 5)")
	require.Equal(t, "0 true", shown())
	s.Do("SELECT gapless.range_gapless('unused', 1, 10, 'r')")
	require.Equal(t, []string{"10 0 false false"}, sqltest.Texts(s, "SELECT concat_ws(' ', last_value, numbers_left, issued, warning::text, closed::text) FROM gapless.sequences WHERE name = 'unused'"))
}

// What a series has been through before it gets a range, or after.
func TestARangeStaysWhateverBecomesOfTheSeries(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			number(s, c.table, c.options)
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025)")
			s.Do("SELECT gapless.range_gapless('bill/2025', 1, 4, 'CAI 1'), gapless.range_gapless('bill/2025', 11, 20, 'CAI 2')")
			s.Do("INSERT INTO bills (id, year) VALUES (3, 2025)")
			s.Do("SELECT gapless.void_gapless('bill/2025', 2, 'wrong'), gapless.close_gapless('bill/2025', 'audited'), gapless.prune_gapless('bill/2025', 'infinity')")
			requireClosed(t, s.Refuse("55000", "INSERT INTO bills (id, year) VALUES (4, 2025); SET CONSTRAINTS ALL IMMEDIATE"), "bill/2025", "audited")
			s.Do("SELECT gapless.open_gapless('bill/2025', 'not yet')")
			s.Do("INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(4, 6) AS i")
			require.Equal(t, "1 2 3 4 11 12", numbers(s, 2025))
			s.Do("SELECT gapless.void_gapless_batch('bill/2025', 5, 10, 'passed over, and void')")
			s.Do("DELETE FROM bills WHERE id = 2")
			s.Do("SELECT gapless.prune_gapless('bill/2025', 'infinity')")
			sqltest.RequireSound(s)
			s.Do("SELECT gapless.detach_gapless('bills', 'number')")
			require.EqualValues(t, 13, s.Number("SELECT gapless.next_gapless('bill/2025')"))
			s.Do("INSERT INTO bills (id, year, number) SELECT 7, 2025, regexp_replace((SELECT number::text FROM bills WHERE id = 6), '12$', '13')" + map[bool]string{true: "", false: "::bigint"}[strings.Contains(c.table, "number text")])
			s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill/' || NEW.year $$, condition => 'NOT NEW.draft'" + c.options + ")")
			s.Do("INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(8, 10) AS i")
			s.Do("SELECT gapless.forward_gapless('bill/2025', 18, 'used by the tills')")
			s.Do("INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(11, 12) AS i")
			require.Equal(t, "1 3 4 11 12 13 14 15 16 19 20", numbers(s, 2025))
			s.Refuse("2200H", "INSERT INTO bills (id, year) VALUES (13, 2025); SET CONSTRAINTS ALL IMMEDIATE")
			sqltest.RequireSound(s)
		})
	}
}

// A setting tells the number of a statement's later rows, and any role can set it.
func TestNoSettingTakesANumberPastTheEndOfARange(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"a number", "a text", "a number of a partition"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			number(s, columns[kind].table, columns[kind].options)
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025)")
			s.Do("SELECT gapless.range_gapless('bill/2025', 1, 3, 'CAI 1')")
			s.Do("INSERT INTO bills (id, year) VALUES (3, 2025)")
			note := "gapless.column_note_" + *sqltest.Value[string](s, "SELECT substring(prosrc FROM 'gapless[.]column_note_([0-9]+)') FROM pg_proc WHERE prosrc LIKE '%column_first_number%' AND pronamespace = 'public'::regnamespace LIMIT 1")
			table := s.Number("SELECT coalesce(to_regclass('part'), 'bills')::oid::bigint")
			for _, next := range []string{"{0,0,4}bill/2025", "{0,0,4,1}bill/2025", "{%s,%s,4}bill/2025"} {
				for _, rows := range []string{"(4, 2025)", "(4, 2025), (5, 2025)"} {
					s.Do("BEGIN")
					s.Do("SELECT set_config($1, format($2, $3::bigint, pg_stat_get_xact_tuples_inserted($3::bigint::oid) - pg_stat_get_xact_tuples_deleted($3::bigint::oid)), true), set_config('gapless.column_bounded', '', true)", note, next, table)
					_, err := s.PgConn().Exec(s.Ctx, "INSERT INTO bills (id, year) VALUES "+rows).ReadAll()
					require.Error(t, err)
					s.Do("ROLLBACK")
				}
			}
			require.EqualValues(t, 3, last(s, 2025))
			sqltest.RequireSound(s)
		})
	}
}

// Sessions take the numbers at the border, while the owner gives the next ranges.
func TestSessionsGoOverTheBorderTogether(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			owner := sqltest.Connect(t, database)
			number(owner, c.table, c.options)
			owner.Do("CREATE SEQUENCE ids")
			owner.Do("SELECT gapless.range_gapless('bill/2025', 1, 5, 'range 0')")
			var workers sync.WaitGroup
			for worker := range 3 {
				s := sqltest.Connect(t, database)
				statement := []string{
					"INSERT INTO bills (id, year) VALUES (nextval('ids'), 2025)",
					"INSERT INTO bills (id, year) SELECT nextval('ids'), 2025 + i % 2 FROM generate_series(1, 6) AS i",
					"WITH d AS MATERIALIZED (SELECT nextval('ids') AS id) INSERT INTO bills (id, year, draft) SELECT id, 2025, true FROM d; UPDATE bills SET draft = false WHERE id = currval('ids')",
				}[worker]
				workers.Go(func() {
					for range 25 {
						for {
							_, err := s.PgConn().Exec(s.Ctx, statement).ReadAll()
							if err == nil {
								break
							}
							var pgErr *pgconn.PgError
							if !errors.As(err, &pgErr) || pgErr.ConstraintName != "gapless_range_end" {
								t.Error(err)
								return
							}
							if _, err := s.PgConn().Exec(s.Ctx, "SELECT pg_advisory_lock_shared(7), pg_advisory_unlock_shared(7)").ReadAll(); err != nil {
								t.Error(err)
								return
							}
						}
					}
				})
			}
			for round := 1; round <= 40; round++ {
				owner.Do("SELECT pg_advisory_lock(7)")
				owner.Do("SELECT gapless.range_gapless('bill/2025', $1, $2, $3)", round*100, round*100+4, fmt.Sprint("range ", round))
				owner.Do("SELECT pg_advisory_unlock(7)")
			}
			workers.Wait()
			require.EqualValues(t, 125, owner.Number("SELECT count(*) FROM bills WHERE year = 2025"))
			require.Zero(t, owner.Number("SELECT count(*) FROM bills WHERE year = 2025 AND (number IS NULL OR regexp_replace(number::text, '.*-', '')::int NOT BETWEEN 1 AND 5 AND regexp_replace(number::text, '.*-', '')::int % 100 > 4)"))
			require.EqualValues(t, 125, owner.Number("SELECT count(DISTINCT number) FROM bills WHERE year = 2025"))
			require.EqualValues(t, 2400, owner.Number("SELECT max(regexp_replace(number::text, '.*-', '')::int) / 100 * 100 FROM bills WHERE year = 2025"))
			sqltest.RequireSound(owner)
		})
	}
}

// One waits at the border for the other, which takes the last number, gives a range, or withdraws one.
func TestWhoWaitsAtTheBorderGetsWhatIsThereThen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ level, change, end, result string }{
		{"READ COMMITTED", "INSERT INTO bills (id, year) VALUES (5, 2025)", "COMMIT", "2200H"},
		{"READ COMMITTED", "INSERT INTO bills (id, year) VALUES (5, 2025)", "ROLLBACK", "5"},
		{"REPEATABLE READ", "INSERT INTO bills (id, year) VALUES (5, 2025)", "COMMIT", "40001"},
		{"READ COMMITTED", "INSERT INTO bills (id, year) VALUES (5, 2025); SELECT gapless.range_gapless('bill/2025', 11, 12, 'the next')", "COMMIT", "11"},
		{"READ COMMITTED", "SELECT gapless.withdraw_gapless('bill/2025', 1, 'why'), gapless.range_gapless('bill/2025', 11, 12, 'the next')", "COMMIT", "11"},
		{"READ COMMITTED", "SELECT gapless.withdraw_gapless('bill/2025', 1, 'why')", "COMMIT", "2200H"},
		{"READ COMMITTED", "SELECT gapless.withdraw_gapless('bill/2025', 1, 'why')", "ROLLBACK", "5"},
		{"REPEATABLE READ", "SELECT gapless.withdraw_gapless('bill/2025', 1, 'why'), gapless.range_gapless('bill/2025', 11, 12, 'the next')", "COMMIT", "40001"},
		{"REPEATABLE READ", "SELECT gapless.range_gapless('bill/2025', 11, 12, 'the next')", "COMMIT", "40001"},
	} {
		for kind, options := range map[string]string{"early": "", "at commit": ", at_commit => true"} {
			for _, bounded := range []bool{true, false} {
				if !bounded && !strings.Contains(c.change, "withdraw") {
					continue // only the change gives the first range then
				}
				t.Run(fmt.Sprintf("%s %s %s %s %v", c.level, c.change, c.end, kind, bounded), func(t *testing.T) {
					t.Parallel()
					database := pgtest.New(t)
					one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
					number(one, "number bigint, UNIQUE (year, number))", options)
					one.Do("INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(1, 4) AS i")
					grant := "SELECT gapless.range_gapless('bill/2025', 1, 5, 'the first')"
					if bounded {
						one.Do(grant)
					}
					one.Do("BEGIN")
					if !bounded {
						one.Do(grant)
					}
					_, err := one.PgConn().Exec(one.Ctx, c.change).ReadAll()
					require.NoError(t, err)
					one.Do("SET CONSTRAINTS ALL IMMEDIATE")
					two.Do("SET default_transaction_isolation = '" + c.level + "'")
					done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, "INSERT INTO bills (id, year) VALUES (6, 2025)") })
					sqltest.AwaitWaiter(t, observer, two.PID())
					one.Do(c.end)
					r := <-done
					if value, err := strconv.Atoi(c.result); err == nil && len(c.result) < 5 {
						require.NoError(t, r.Err)
						require.EqualValues(t, value, observer.Number("SELECT number FROM bills WHERE id = 6"))
					} else {
						sqltest.RequireCode(t, c.result, r.Err)
					}
					sqltest.RequireSound(observer)
				})
			}
		}
	}
}

func TestARoleIsGrantedToGiveRanges(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, clerk := sqltest.Connect(t, database), sqltest.Connect(t, database)
	name, quoted := sqltest.Role(t, database, "clerk")
	owner.Do("SELECT gapless.grant_gapless('" + name + "')")
	clerk.Do("SET ROLE " + quoted)
	clerk.Refuse("42501", "SELECT gapless.range_gapless('a', 1, 9, 'CAI 1')")
	clerk.Refuse("42501", "SELECT gapless.withdraw_gapless('a', 1, 'why')")
	owner.Do("GRANT EXECUTE ON FUNCTION gapless.range_gapless, gapless.withdraw_gapless TO " + quoted)
	clerk.Do("SELECT gapless.range_gapless('a', 1, 9, 'CAI 1')")
	require.EqualValues(t, 1, clerk.Number("SELECT gapless.next_gapless('a')"))
	require.Equal(t, []string{"a 8"}, sqltest.Texts(clerk, "SELECT name || ' ' || numbers_left FROM gapless.ranges"))
	clerk.Do("SELECT gapless.withdraw_gapless('a', 1, 'why')")
	require.Equal(t, []string{"range " + name, "withdrawn " + name}, sqltest.Texts(owner, "SELECT kind || ' ' || allocated_as FROM gapless.audit_gapless() ORDER BY kind"))
}

// What a transaction has noted of the next number does not outlive a range that it gives, or withdraws.
func TestATransactionThatGivesARangeNumbersByIt(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			number(s, c.table, c.options)
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025), (3, 2026)")
			for _, before := range []string{
				"SELECT",
				"INSERT INTO bills (id, year) VALUES (10, 2025)",
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
					for _, statement := range []string{
						"BEGIN", before, "SET CONSTRAINTS ALL IMMEDIATE", "SELECT gapless.range_gapless('bill/2025', 101, 101, 'grant 1'), gapless.range_gapless('bill/2025', 201, 209, 'grant 2')",
						after, "SET CONSTRAINTS ALL IMMEDIATE",
					} {
						_, err := s.PgConn().Exec(s.Ctx, statement).ReadAll()
						require.NoError(t, err, "%s; %s: %s", before, after, statement)
					}
					want := "101"
					if s.Number("SELECT count(*) FROM bills WHERE year = 2025 AND id >= 20") > 1 {
						want = "101 201"
					}
					require.Equal(t, want, strings.Join(sqltest.Texts(s, "SELECT regexp_replace(number::text, '.*-', '') FROM bills WHERE year = 2025 AND id >= 20 ORDER BY id"), " "), "%s; %s", before, after)
					sqltest.RequireSound(s)
					s.Do("ROLLBACK")
				}
			}
		})
	}
}

// Its snapshot is older than a number, so it does not know what is left.
func TestAnOldSnapshotNeitherGivesNorWithdrawsARange(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		for kind, take := range map[string]string{
			"by hand": "SELECT gapless.next_gapless_batch('a', 3)", "a column": "INSERT INTO bills SELECT FROM generate_series(1, 3)",
			"at commit": "INSERT INTO late SELECT FROM generate_series(1, 3)",
		} {
			t.Run(level+" "+kind, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
				if kind != "by hand" {
					one.Do("CREATE TABLE bills (number bigint UNIQUE); CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
					one.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'a' $$) WHERE " + strconv.FormatBool(kind == "a column"))
					one.Do("SELECT gapless.attach_gapless('late', 'number', name => $$ 'a' $$, at_commit => true) WHERE " + strconv.FormatBool(kind == "at commit"))
				}
				one.Do(take)
				begin := func() {
					two.Do("BEGIN ISOLATION LEVEL " + level)
					two.Do("SELECT count(*) FROM gapless.sequences")
				}
				begin()
				one.Do(take)
				two.Refuse("40001", "SELECT gapless.range_gapless('a', 4, 9, 'too late')")
				two.Do("ROLLBACK")
				begin()
				require.EqualValues(t, 6, two.Number("SELECT gapless.range_gapless('a', 7, 12, 'a grant')"))
				two.Do("COMMIT")
				begin()
				one.Do(take)
				two.Refuse("40001", "SELECT gapless.withdraw_gapless('a', 7, 'too late')")
				two.Do("ROLLBACK")
				one.Do("SELECT gapless.close_gapless('a', 'over')")
				begin()
				require.EqualValues(t, 3, two.Number("SELECT gapless.withdraw_gapless('a', 7, 'of a series that is closed')"))
				two.Do("COMMIT")
				require.Equal(t, []string{"closed 9 9", "range 7 12", "withdrawn 10 12"}, sqltest.Texts(one,
					"SELECT concat_ws(' ', kind, first_value, last_value) FROM gapless.audit_gapless('a') WHERE explained ORDER BY kind"))
			})
		}
	}
}

// A row that does not arrive leaves its link, which is no predecessor of the next range's first number.
func TestAChainGoesOnInTheNextRange(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]string{"expired": "SELECT", "withdrawn": "SELECT gapless.withdraw_gapless('sealed', 1, 'why')", "used up": "INSERT INTO sealed VALUES (4), (5)"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("CREATE TABLE sealed (id int PRIMARY KEY, number bigint UNIQUE, previous_hash bytea, hash bytea)")
			s.Do("SELECT gapless.attach_gapless('sealed', 'number', $$ 'sealed' $$, chain => $$ sha256(convert_to(concat_ws('|', NEW.number, encode(NEW.previous_hash, 'hex')), 'UTF8')) $$)")
			s.Do("SELECT gapless.range_gapless('sealed', 1, 5, 'grant 1'), gapless.range_gapless('sealed', 11, 12, 'grant 2'), gapless.range_gapless('sealed', 21, 29, 'grant 3')")
			s.Do("INSERT INTO sealed VALUES (1), (2), (3)")
			s.Do("INSERT INTO sealed VALUES (1), (2) ON CONFLICT DO NOTHING")
			s.Do(prepare)
			if name == "expired" {
				expire(s, "sealed", 1)
			}
			s.Do("INSERT INTO sealed VALUES (1), (6), (2), (7), (8), (3), (9) ON CONFLICT DO NOTHING")
			require.Equal(t, "11 12 21 22", strings.Join(sqltest.Texts(s, "SELECT number::text FROM sealed WHERE id > 5 ORDER BY id"), " "))
			require.Zero(t, s.Number("SELECT count(*) FROM (SELECT previous_hash, lag(hash) OVER (ORDER BY number) AS before FROM sealed) AS n WHERE previous_hash IS DISTINCT FROM before"))
			sqltest.RequireSound(s)
		})
	}
}
