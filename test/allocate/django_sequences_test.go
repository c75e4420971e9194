package allocate_test

// What django-sequences 3.0 promises in its documentation and tests, told again over the SQL functions and the Go
// client. Its names of the cases are in the names of the subtests.

import (
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// oneConnection are the cases that need one connection. Each runs in autocommit and in one transaction.
var oneConnection = []struct {
	name string
	run  func(s sqltest.Session)
}{
	{"defaults", func(s sqltest.Session) {
		require.Nil(s.T, sqltest.Value[int64](s, "SELECT gapless.last_gapless()"))
		require.EqualValues(s.T, 1, s.Number("SELECT gapless.next_gapless()"))
		require.EqualValues(s.T, 1, s.Number("SELECT gapless.last_gapless()"))
		require.EqualValues(s.T, 2, s.Number("SELECT gapless.next_gapless()"))
		require.EqualValues(s.T, 2, s.Number("SELECT gapless.last_gapless()"))
		require.True(s.T, *sqltest.Value[bool](s, "SELECT gapless.delete_gapless()"))
		require.Nil(s.T, sqltest.Value[int64](s, "SELECT gapless.last_gapless()"))
		require.False(s.T, *sqltest.Value[bool](s, "SELECT gapless.delete_gapless()"))
		require.Nil(s.T, sqltest.Value[int64](s, "SELECT gapless.last_gapless()"))
	}},
	{"sequence name", func(s sqltest.Session) {
		for _, name := range []string{"cases", "invoices"} {
			require.Nil(s.T, sqltest.Value[int64](s, "SELECT gapless.last_gapless($1)", name))
			require.EqualValues(s.T, 1, s.Number("SELECT gapless.next_gapless($1)", name))
			require.EqualValues(s.T, 1, s.Number("SELECT gapless.last_gapless($1)", name))
			require.EqualValues(s.T, 2, s.Number("SELECT gapless.next_gapless($1)", name))
		}
		require.EqualValues(s.T, 2, s.Number("SELECT gapless.last_gapless('cases')"))
	}},
	{"initial value", func(s sqltest.Session) {
		require.EqualValues(s.T, 1000, s.Number("SELECT gapless.next_gapless('customers', initial => 1000)"))
		require.EqualValues(s.T, 1001, s.Number("SELECT gapless.next_gapless('customers', initial => 1000)"))
		require.EqualValues(s.T, 1002, s.Number("SELECT gapless.next_gapless('customers')"))
		require.EqualValues(s.T, 1003, s.Number("SELECT gapless.next_gapless('customers')"))
	}},
	{"reset value", func(s sqltest.Session) {
		for range 2 {
			require.EqualValues(s.T, 1, s.Number("SELECT gapless.next_gapless('reference', reset => 3)"))
			require.EqualValues(s.T, 2, s.Number("SELECT gapless.next_gapless('reference', reset => 3)"))
		}
		for range 2 {
			require.EqualValues(s.T, 1, s.Number("SELECT gapless.next_gapless('reference', 1, 3)"))
			require.EqualValues(s.T, 2, s.Number("SELECT gapless.next_gapless('reference', 1, 3)"))
		}
	}},
	{"looping from zero, as its documentation has it", func(s sqltest.Session) {
		for i := range 120 {
			require.EqualValues(s.T, i%60, s.Number("SELECT gapless.next_gapless('seconds', initial => 0, reset => 60)"))
		}
	}},
	{"batch", func(s sqltest.Session) {
		require.Equal(s.T, []int64{1, 2, 3}, s.Numbers("SELECT gapless.next_gapless_batch('reference', 3)"))
		require.Equal(s.T, []int64{4, 5, 6}, s.Numbers("SELECT gapless.next_gapless_batch('reference', 3)"))
		require.Equal(s.T, []int64{7}, s.Numbers("SELECT gapless.next_gapless_batch('reference', 1)"))
		require.Empty(s.T, s.Numbers("SELECT gapless.next_gapless_batch('reference', 0)"))
		require.Equal(s.T, []int64{8, 9}, s.Numbers("SELECT gapless.next_gapless_batch(name => 'reference', size => 2)"))
		require.EqualValues(s.T, 10, s.Number("SELECT gapless.next_gapless('reference')"))
	}},
	{"a name for each date", func(s sqltest.Session) {
		const perYear = "SELECT gapless.next_gapless('protocol-' || extract(year FROM $1::date))"
		require.EqualValues(s.T, 1, s.Number(perYear, "2026-12-31"))
		require.EqualValues(s.T, 2, s.Number(perYear, "2026-12-31"))
		require.EqualValues(s.T, 1, s.Number(perYear, "2027-01-01"))
	}},
}

func TestDjangoSequencesOnOneConnection(t *testing.T) {
	t.Parallel()
	for _, c := range oneConnection {
		t.Run(c.name+", in autocommit", func(t *testing.T) {
			t.Parallel()
			c.run(sqltest.Connect(t, pgtest.New(t)))
		})
		t.Run(c.name+", in one transaction", func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("BEGIN")
			c.run(s)
			s.Do("COMMIT")
		})
	}
	t.Run("reset value smaller than initial value", func(t *testing.T) {
		t.Parallel()
		sqltest.Connect(t, pgtest.New(t)).Refuse("22023", "SELECT gapless.next_gapless('error', initial => 1, reset => 1)")
	})
}

// TestDjangoSequencesConcurrency has two connections: one takes a value, then two asks for one, then one ends.
func TestDjangoSequencesConcurrency(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name      string
		later     bool // whether the sequences exist already
		end       string
		one, two  string // what each connection runs
		first     int64
		waits     bool
		second    int64
		errorCode string
	}{
		{name: "first access with commit", end: "COMMIT", first: 1, waits: true, second: 2},
		{name: "later access with commit", later: true, end: "COMMIT", first: 2, waits: true, second: 3},
		{name: "first access with rollback", end: "ROLLBACK", first: 1, waits: true, second: 1},
		{name: "later access with rollback", later: true, end: "ROLLBACK", first: 2, waits: true, second: 2},
		// django-sequences waits here; its documentation calls that a bug.
		{name: "first access nowait", end: "COMMIT", two: "SELECT gapless.next_gapless(nowait => true)", first: 1, errorCode: "55P03"},
		{name: "later access nowait", later: true, end: "COMMIT", two: "SELECT gapless.next_gapless(nowait => true)", first: 2, errorCode: "55P03"},
		{name: "first access to different sequences", end: "COMMIT",
			one: "SELECT gapless.next_gapless('one')", two: "SELECT gapless.next_gapless('two')", first: 1, second: 1},
		{name: "later access to different sequences", later: true, end: "COMMIT",
			one: "SELECT gapless.next_gapless('one')", two: "SELECT gapless.next_gapless('two')", first: 2, second: 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			if c.one == "" {
				c.one = "SELECT gapless.next_gapless()"
			}
			if c.two == "" {
				c.two = "SELECT gapless.next_gapless()"
			}
			if c.later {
				observer.Do("SELECT gapless.next_gapless(), gapless.next_gapless('one'), gapless.next_gapless('two')")
			}

			one.Do("BEGIN")
			require.Equal(t, c.first, one.Number(c.one))
			two.Do("BEGIN")
			done := two.LaterNumber(c.two)
			if c.waits {
				sqltest.AwaitWaiter(t, observer, two.PID())
				one.Do(c.end)
			}
			second := <-done
			if c.errorCode != "" {
				sqltest.RequireCode(t, c.errorCode, second.Err)
				two.Do("ROLLBACK")
			} else {
				require.NoError(t, second.Err)
				require.Equal(t, c.second, second.Value)
				two.Do("COMMIT")
			}
			if !c.waits {
				one.Do(c.end)
			}
		})
	}
}
