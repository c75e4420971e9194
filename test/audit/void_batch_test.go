package audit_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// series are sequences of which a range is voided, each made by its statement.
var series = map[string]string{
	"by hand":                 "SELECT gapless.next_gapless('a') FROM generate_series(1, 20)",
	"in batches":              "SELECT gapless.next_gapless_batch('a', 7); SELECT gapless.next_gapless_batch('a', 13)",
	"by hand, from below 0":   "SELECT gapless.next_gapless('a', -5) FROM generate_series(1, 26)",
	"adopted":                 "SELECT gapless.adopt_gapless('a', 8); SELECT gapless.next_gapless_batch('a', 4); SELECT gapless.adopt_gapless('a', 20)",
	"forwarded":               "SELECT gapless.next_gapless_batch('a', 4); SELECT gapless.forward_gapless('a', 18, 'why'); SELECT gapless.next_gapless_batch('a', 2)",
	"pruned":                  "SELECT gapless.next_gapless('a') FROM generate_series(1, 20); SELECT gapless.prune_gapless('a', 'infinity')",
	"closed":                  "SELECT gapless.next_gapless_batch('a', 20); SELECT gapless.close_gapless('a', 'why')",
	"in its second cycle":     "SELECT gapless.next_gapless_batch('a', 50, 1, 31); SELECT gapless.void_gapless('a', 20, 'why')",
	"void here and there":     "SELECT gapless.next_gapless_batch('a', 20); SELECT gapless.void_gapless('a', 9, 'why'), gapless.void_gapless('a', 15, 'why')",
	"of a column":             "CREATE TABLE t (number bigint UNIQUE); SELECT gapless.attach_gapless('t', 'number', '''a'''); INSERT INTO t SELECT FROM generate_series(1, 12); INSERT INTO t SELECT FROM generate_series(1, 8)",
	"of a column of texts":    "CREATE TABLE t (number text UNIQUE); SELECT gapless.attach_gapless('t', 'number', '''a''', format => $$ 'N-' || value $$); INSERT INTO t SELECT FROM generate_series(1, 12); INSERT INTO t DEFAULT VALUES; INSERT INTO t SELECT FROM generate_series(1, 7)",
	"of texts, pruned":        "CREATE TABLE t (number text UNIQUE); SELECT gapless.attach_gapless('t', 'number', '''a''', format => $$ 'N-' || value $$); INSERT INTO t SELECT FROM generate_series(1, 12); INSERT INTO t SELECT FROM generate_series(1, 8); SELECT gapless.prune_gapless('a', 'infinity')",
	"of texts from before":    "CREATE TABLE t (number text UNIQUE); INSERT INTO t SELECT 'N-' || i FROM generate_series(1, 9) AS i; SELECT gapless.attach_gapless('t', 'number', '''a''', format => $$ 'N-' || value $$); INSERT INTO t SELECT FROM generate_series(1, 11)",
	"of which there are none": "SELECT",
}

// TestARangeIsVoidedAsEachOfItsNumbersIs compares the two, for each range of each series.
func TestARangeIsVoidedAsEachOfItsNumbersIs(t *testing.T) {
	t.Parallel()
	for name, made := range series {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			_, err := s.PgConn().Exec(s.Ctx, made).ReadAll()
			require.NoError(t, err)
			voids := func() []string {
				return sqltest.Texts(s, "SELECT concat_ws('|', value, ordinal, reason, written, voided_by, txid = txid_current()) FROM gapless.void ORDER BY value, ordinal")
			}
			for _, r := range [][2]int{{1, 20}, {1, 1}, {20, 20}, {3, 7}, {8, 9}, {10, 14}, {6, 19}, {16, 18}, {0, 3}, {-3, 2}, {19, 21}, {21, 25}, {15, 15}, {9, 30}} {
				code, message := "", ""
				s.Do("BEGIN")
				for value := r[0]; value <= r[1] && code == ""; value++ {
					if _, err := s.Exec(s.Ctx, "SELECT gapless.void_gapless('a', $1, 'batch')", value); err != nil {
						pgErr := sqltest.RequireCode(t, map[bool]string{true: "55000", false: "22023"}[err.Error() == fmt.Sprintf("ERROR: sequence \"a\": %d is void already (SQLSTATE 55000)", value)], err)
						code, message = pgErr.Code, pgErr.Message
					}
				}
				var want []string
				if code == "" {
					want = voids()
				}
				s.Do("ROLLBACK")

				s.Do("BEGIN")
				var voided int64
				err := s.QueryRow(s.Ctx, "SELECT gapless.void_gapless_batch('a', $1, $2, 'batch')", r[0], r[1]).Scan(&voided)
				if code != "" {
					require.Equal(t, message, sqltest.RequireCode(t, code, err).Message, r)
				} else {
					require.NoError(t, err, r)
					require.EqualValues(t, r[1]-r[0]+1, voided)
					require.Equal(t, want, voids(), r)
				}
				s.Do("ROLLBACK")
			}
		})
	}
}

// A range that was voided by one call is one finding, for each transaction that has allocated of it.
func TestTheAuditShowsAVoidRangeAsOne(t *testing.T) {
	t.Parallel()
	for kind, columns := range map[string]string{"number": "number bigint UNIQUE", "text": "number text UNIQUE"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("CREATE TABLE t (" + columns + "); INSERT INTO t VALUES (1), (2), (3)")
			s.Do("SELECT gapless.attach_gapless('t', 'number', $$ 'a' $$" + map[string]string{"text": ", format => $$ value::text $$"}[kind] + ")")
			s.Do("INSERT INTO t SELECT FROM generate_series(1, 7)")
			s.Do("INSERT INTO t SELECT FROM generate_series(1, 10)")
			s.Do("SELECT gapless.forward_gapless('a', 30, 'why')")
			s.Do("SELECT gapless.void_gapless('a', 12, 'a'), gapless.void_gapless('a', 13, 'a')")
			s.Do("SELECT gapless.void_gapless_batch('a', 2, 11, 'b'), gapless.void_gapless_batch('a', 14, 25, 'b')")
			s.Do("DELETE FROM t WHERE number::text IN ('5', '6', '12', '16')")
			want := []string{
				"void 2-3", "void 4-4", "hole 5-6", "void 7-10", "void 11-11", "hole 12-12", "void 13-13", "void 14-15", "hole 16-16", "void 17-20",
				"hole 21-25", "hole 26-30",
			}
			require.Equal(t, want, sqltest.Texts(s, "SELECT format('%s %s-%s', kind, first_value, last_value) FROM gapless.audit_gapless('a') WHERE explained"))
			sqltest.RequireSound(s)
			require.Equal(t, []string{"4-4", "5-6", "7-10"}, sqltest.Texts(s, `
				SELECT format('%s-%s', first_value, last_value) FROM gapless.audit_gapless('a')
				WHERE txid = (SELECT txid FROM gapless.journal WHERE first_value = 4) ORDER BY first_value`))
			s.Do("SELECT gapless.detach_gapless('t', 'number')")
			require.Equal(t, []string{"2-3", "4-10", "11-11", "12-12", "13-13", "14-20", "21-25"},
				sqltest.Texts(s, "SELECT format('%s-%s', first_value, last_value) FROM gapless.audit_gapless('a') WHERE kind = 'void'"))
		})
	}
}

func TestARangeThatCannotBeIsNotVoided(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SELECT gapless.next_gapless_batch('a', 9)")
	s.Do("SELECT gapless.next_gapless('passed'); SELECT gapless.forward_gapless('passed', 9223372036854775807, 'to the very end')")
	for statement, code := range map[string]string{
		"SELECT gapless.void_gapless_batch('passed', 1, 10000001, 'why')":                          "22023", // and not a row for each
		"SELECT gapless.void_gapless_batch('passed', 7, 9223372036854775807, 'why')":               "22023",
		"SELECT gapless.void_gapless_batch('a', 3, 2, 'why')":                                      "22023",
		"SELECT gapless.void_gapless_batch('a', NULL, 2, 'why')":                                   "22004",
		"SELECT gapless.void_gapless_batch('a', 1, NULL, 'why')":                                   "22004",
		"SELECT gapless.void_gapless_batch(NULL, 1, 2, 'why')":                                     "22004",
		"SELECT gapless.void_gapless_batch('', 1, 2, 'why')":                                       "22023",
		"SELECT gapless.void_gapless_batch('a', -9223372036854775808, 9223372036854775807, 'why')": "22023",
	} {
		s.Refuse(code, statement)
	}
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.void"))
}
