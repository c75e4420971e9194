package manage_test

import (
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestAdoptTakesOverNumberingAndOnlyMovesForward(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SELECT gapless.adopt_gapless('new', 4711)")
	require.EqualValues(t, 4711, s.Number("SELECT gapless.last_gapless('new')"))
	require.EqualValues(t, 4712, s.Number("SELECT gapless.next_gapless('new', initial => 1)"))

	s.Do("SELECT gapless.adopt_gapless('zero', 0)")
	require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('zero', initial => 50)"))

	s.Do("SELECT gapless.next_gapless_batch('old', 10)")
	s.Do("SELECT gapless.adopt_gapless('old', 10)") // where it is
	s.Do("SELECT gapless.adopt_gapless('old', 20)")
	err := s.Refuse("55000", "SELECT gapless.adopt_gapless('old', 19)")
	pg.RequireHelpful(t, err)
	require.Equal(t, "adopt_forward", err.ConstraintName)
	require.EqualValues(t, 21, s.Number("SELECT gapless.next_gapless('old')"))

	require.Equal(t, []string{"new 4712 1", "old 21 11", "zero 1 1"}, sqltest.Texts(s, "SELECT concat_ws(' ', name, last_value, issued) FROM gapless.sequences ORDER BY name"))
	require.Equal(t, []string{"1 1 10 issued", "11 20 20 adopted", "12 21 21 issued"},
		sqltest.Texts(s, "SELECT concat_ws(' ', ordinal, first_value, last_value, kind) FROM gapless.journal WHERE name = 'old' ORDER BY ordinal"))
}

func TestPruneKeepsTheCounterAndOneRowForTheRange(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	journal := func() []string {
		return sqltest.Texts(s, "SELECT concat_ws(' ', ordinal, first_value, last_value, kind) FROM gapless.journal WHERE name = 'a' ORDER BY ordinal")
	}
	require.Zero(t, s.Number("SELECT gapless.prune_gapless('a', 'infinity')"), "no such sequence")
	s.Do("SELECT gapless.next_gapless('a')")
	require.Zero(t, s.Number("SELECT gapless.prune_gapless('a', 'infinity')"), "the counter stays")
	s.Do("SELECT gapless.next_gapless('a') FROM generate_series(1, 3)")
	s.Do("SELECT gapless.next_gapless_batch('a', 6)")
	require.Zero(t, s.Number("SELECT gapless.prune_gapless('a', '-infinity')"))
	between := *sqltest.Value[string](s, "SELECT clock_timestamp()::text")
	s.Do("SELECT gapless.next_gapless('a') FROM generate_series(1, 2)")

	require.EqualValues(t, 5, s.Number("SELECT gapless.prune_gapless('a', $1::text::timestamptz)", between))
	require.Equal(t, []string{"1 1 10 pruned", "11 11 11 issued", "12 12 12 issued"}, journal())
	require.Zero(t, s.Number("SELECT gapless.prune_gapless('a', $1::text::timestamptz)", between), "nothing is left to drop")
	require.EqualValues(t, 1, s.Number("SELECT gapless.prune_gapless('a', 'infinity')"))
	require.Equal(t, []string{"1 1 11 pruned", "12 12 12 issued"}, journal())

	require.EqualValues(t, 13, s.Number("SELECT gapless.next_gapless('a')"))
	require.Equal(t, []string{"a 13 13"}, sqltest.Texts(s, "SELECT concat_ws(' ', name, last_value, issued) FROM gapless.sequences"))
}

func TestPruneStopsAtTheFirstRowThatStaysThoughTheClockJumped(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SELECT gapless.next_gapless('a') FROM generate_series(1, 5)")
	s.Do("UPDATE gapless.journal SET allocated_at = '2030-01-01' WHERE ordinal = 3")
	require.EqualValues(t, 2, s.Number("SELECT gapless.prune_gapless('a', '2029-01-01')"))
	require.Equal(t, []string{"1 2 pruned", "3 3 issued", "4 4 issued", "5 5 issued"},
		sqltest.Texts(s, "SELECT concat_ws(' ', first_value, last_value, kind) FROM gapless.journal ORDER BY ordinal"))
}

// TestRewritingWaitsForTheHolder lets a delete, an adopt and a prune meet an allocation in progress.
func TestRewritingWaitsForTheHolder(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		statement  string
		remake     bool // the holder deletes and remakes the sequence
		end        string
		next, code string
	}{
		"delete after commit":         {"SELECT gapless.delete_gapless('a')", false, "COMMIT", "1", ""},
		"delete after rollback":       {"SELECT gapless.delete_gapless('a')", false, "ROLLBACK", "1", ""},
		"delete after it was remade":  {"SELECT gapless.delete_gapless('a')", true, "COMMIT", "1", ""},
		"adopt after commit":          {"SELECT gapless.adopt_gapless('a', 2)", false, "COMMIT", "3", ""},
		"adopt backwards by a commit": {"SELECT gapless.adopt_gapless('a', 1)", false, "COMMIT", "3", "55000"},
		"adopt after it was remade":   {"SELECT gapless.adopt_gapless('a', 9)", true, "COMMIT", "10", ""},
		"prune after commit":          {"SELECT gapless.prune_gapless('a', 'infinity')", false, "COMMIT", "3", ""},
		"prune after rollback":        {"SELECT gapless.prune_gapless('a', 'infinity')", false, "ROLLBACK", "2", ""},
		"next after it was remade":    {"SELECT gapless.next_gapless('a')", true, "COMMIT", "3", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("SELECT gapless.next_gapless('a')")
			one.Do("BEGIN")
			if c.remake {
				one.Do("SELECT gapless.delete_gapless('a')")
			}
			one.Do("SELECT gapless.next_gapless('a')")
			done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, c.statement) })
			sqltest.AwaitWaiter(t, observer, two.PID())
			one.Do(c.end)
			r := <-done
			if c.code != "" {
				sqltest.RequireCode(t, c.code, r.Err)
			} else {
				require.NoError(t, r.Err)
			}
			require.Equal(t, c.next, *sqltest.Value[string](two, "SELECT gapless.next_gapless('a')::text"))
		})
	}
}

// TestPruneTakesNoNumberFromWhatCanBeVoid prunes sequences, of which each number of the latest cycle can be voided
// then, once, by either function, and none else.
func TestPruneTakesNoNumberFromWhatCanBeVoid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		made        string
		first, last int
		also        []int // that can be voided
		never       []int // that cannot
		void        int   // was before it was pruned
	}{
		"issued":                         {"SELECT gapless.next_gapless('a', 5) FROM generate_series(1, 6)", 5, 10, nil, []int{4, 11}, 7},
		"adopted":                        {"SELECT gapless.adopt_gapless('a', 4); SELECT gapless.next_gapless('a') FROM generate_series(1, 3)", 1, 7, []int{0, -3}, []int{8}, 2},
		"adopted, issued, adopted":       {"SELECT gapless.adopt_gapless('a', 4); SELECT gapless.next_gapless('a') FROM generate_series(1, 3); SELECT gapless.adopt_gapless('a', 20); SELECT gapless.next_gapless('a') FROM generate_series(1, 3)", 1, 23, []int{-1}, []int{24}, 15},
		"adopted twice":                  {"SELECT gapless.adopt_gapless('a', 4), gapless.adopt_gapless('a', 9); SELECT gapless.next_gapless('a') FROM generate_series(1, 3)", 1, 12, nil, []int{13}, 6},
		"issued, adopted, issued":        {"SELECT gapless.next_gapless('a', 3) FROM generate_series(1, 3); SELECT gapless.adopt_gapless('a', 20); SELECT gapless.next_gapless('a') FROM generate_series(1, 3)", 3, 23, nil, []int{2, 24}, 21},
		"of a second cycle":              {"SELECT gapless.next_gapless('a', 5, 8) FROM generate_series(1, 3); SELECT gapless.next_gapless('a', 1, 8) FROM generate_series(1, 4)", 1, 4, nil, []int{0, 5, 6, 7}, 3},
		"of a cycle, its end left":       {"SELECT gapless.next_gapless_batch('a', 9, 1, 10); SELECT gapless.void_gapless('a', 2, 'x'); SELECT gapless.next_gapless('a', 1, 10) FROM generate_series(1, 4)", 1, 4, nil, []int{0, 5, 9}, 3},
		"rows of a column from before":   {"CREATE TABLE a (number bigint UNIQUE); INSERT INTO a VALUES (1), (2), (3), (4); SELECT gapless.attach_gapless('a', 'number', name => $$ 'a' $$); INSERT INTO a DEFAULT VALUES; INSERT INTO a DEFAULT VALUES", 1, 6, nil, []int{7}, 3},
		"pruned, and issued and adopted": {"SELECT gapless.adopt_gapless('a', 4); SELECT gapless.next_gapless('a') FROM generate_series(1, 3); SELECT gapless.prune_gapless('a', 'infinity'); SELECT gapless.adopt_gapless('a', 10); SELECT gapless.next_gapless('a')", 1, 11, nil, []int{12}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			_, err := s.PgConn().Exec(s.Ctx, c.made).ReadAll()
			require.NoError(t, err)
			s.Do("SELECT gapless.void_gapless('a', $1, 'before')", c.void)
			for range 2 {
				s.Do("SELECT gapless.prune_gapless('a', 'infinity')")
			}
			for _, value := range c.never {
				s.Refuse("22023", "SELECT gapless.void_gapless('a', $1, 'why')", value)
				s.Refuse("22023", "SELECT gapless.void_gapless_batch('a', $1, $1, 'why')", value)
			}
			s.Refuse("55000", "SELECT gapless.void_gapless('a', $1, 'again')", c.void)
			s.Refuse("55000", "SELECT gapless.void_gapless_batch('a', $1, $2, 'again')", c.first, c.last)
			for value := c.first; value <= c.last; value++ {
				if value != c.void {
					s.Do("BEGIN")
					s.Do("SELECT gapless.void_gapless_batch('a', $1, $1, 'why')", value)
					s.Do("ROLLBACK")
					s.Do("SELECT gapless.void_gapless('a', $1, 'why')", value)
				}
			}
			for _, value := range c.also {
				s.Do("SELECT gapless.void_gapless('a', $1, 'why')", value)
			}
			require.Zero(t, s.Number("SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained"))
			if name == "rows of a column from before" {
				s.Do("DELETE FROM a")
				require.Zero(t, s.Number("SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained"))
			}
		})
	}
}
