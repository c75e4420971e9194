package gapless_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestAdoptTakesOverNumberingAndOnlyMovesForward(t *testing.T) {
	t.Parallel()
	s := connect(t, pgtest.New(t))
	s.do("SELECT gapless.adopt_gapless('new', 4711)")
	require.EqualValues(t, 4711, s.number("SELECT gapless.last_gapless('new')"))
	require.EqualValues(t, 4712, s.number("SELECT gapless.next_gapless('new', initial => 1)"))

	s.do("SELECT gapless.adopt_gapless('zero', 0)")
	require.EqualValues(t, 1, s.number("SELECT gapless.next_gapless('zero', initial => 50)"))

	s.do("SELECT gapless.next_gapless_batch('old', 10)")
	s.do("SELECT gapless.adopt_gapless('old', 10)") // where it is
	s.do("SELECT gapless.adopt_gapless('old', 20)")
	err := s.refuse("55000", "SELECT gapless.adopt_gapless('old', 19)")
	requireHelpful(t, err)
	require.Equal(t, "adopt_forward", err.ConstraintName)
	require.EqualValues(t, 21, s.number("SELECT gapless.next_gapless('old')"))

	require.Equal(t, []string{"new 4712 1", "old 21 11", "zero 1 1"}, texts(s, "SELECT concat_ws(' ', name, last_value, issued) FROM gapless.sequences ORDER BY name"))
	require.Equal(t, []string{"1 1 10 issued", "11 20 20 adopted", "12 21 21 issued"},
		texts(s, "SELECT concat_ws(' ', ordinal, first_value, last_value, kind) FROM gapless.allocation WHERE name = 'old' ORDER BY ordinal"))
}

func TestPruneKeepsTheCounterAndOneRowForTheRange(t *testing.T) {
	t.Parallel()
	s := connect(t, pgtest.New(t))
	journal := func() []string {
		return texts(s, "SELECT concat_ws(' ', ordinal, first_value, last_value, kind) FROM gapless.allocation WHERE name = 'a' ORDER BY ordinal")
	}
	require.Zero(t, s.number("SELECT gapless.prune_gapless('a', 'infinity')"), "no such sequence")
	s.do("SELECT gapless.next_gapless('a')")
	require.Zero(t, s.number("SELECT gapless.prune_gapless('a', 'infinity')"), "the counter stays")
	s.do("SELECT gapless.next_gapless('a') FROM generate_series(1, 3)")
	s.do("SELECT gapless.next_gapless_batch('a', 6)")
	require.Zero(t, s.number("SELECT gapless.prune_gapless('a', '-infinity')"))
	between := *value[string](s, "SELECT clock_timestamp()::text")
	s.do("SELECT gapless.next_gapless('a') FROM generate_series(1, 2)")

	require.EqualValues(t, 5, s.number("SELECT gapless.prune_gapless('a', $1::text::timestamptz)", between))
	require.Equal(t, []string{"1 1 10 pruned", "11 11 11 issued", "12 12 12 issued"}, journal())
	require.Zero(t, s.number("SELECT gapless.prune_gapless('a', $1::text::timestamptz)", between), "nothing is left to drop")
	require.EqualValues(t, 1, s.number("SELECT gapless.prune_gapless('a', 'infinity')"))
	require.Equal(t, []string{"1 1 11 pruned", "12 12 12 issued"}, journal())

	require.EqualValues(t, 13, s.number("SELECT gapless.next_gapless('a')"))
	require.Equal(t, []string{"a 13 13"}, texts(s, "SELECT concat_ws(' ', name, last_value, issued) FROM gapless.sequences"))
}

func TestPruneStopsAtTheFirstRowThatStaysThoughTheClockJumped(t *testing.T) {
	t.Parallel()
	s := connect(t, pgtest.New(t))
	s.do("SELECT gapless.next_gapless('a') FROM generate_series(1, 5)")
	s.do("UPDATE gapless.allocation SET allocated_at = '2030-01-01' WHERE ordinal = 3")
	require.EqualValues(t, 2, s.number("SELECT gapless.prune_gapless('a', '2029-01-01')"))
	require.Equal(t, []string{"1 2 pruned", "3 3 issued", "4 4 issued", "5 5 issued"},
		texts(s, "SELECT concat_ws(' ', first_value, last_value, kind) FROM gapless.allocation ORDER BY ordinal"))
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
			one, two, observer := connect(t, database), connect(t, database), connect(t, database)
			one.do("SELECT gapless.next_gapless('a')")
			one.do("BEGIN")
			if c.remake {
				one.do("SELECT gapless.delete_gapless('a')")
			}
			one.do("SELECT gapless.next_gapless('a')")
			done := later(func() (any, error) { return two.Exec(two.ctx, c.statement) })
			awaitWaiter(t, observer, two.pid())
			one.do(c.end)
			r := <-done
			if c.code != "" {
				requireCode(t, c.code, r.err)
			} else {
				require.NoError(t, r.err)
			}
			require.Equal(t, c.next, *value[string](two, "SELECT gapless.next_gapless('a')::text"))
		})
	}
}

func texts(s session, query string, args ...any) []string {
	s.t.Helper()
	rows, err := s.Query(s.ctx, query, args...)
	require.NoError(s.t, err, query)
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err, query)
	return values
}
