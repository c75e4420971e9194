package gapless_test

// What django-sequences 3.0 promises in its documentation and tests, told again over the SQL functions and the Go
// client. Its names of the cases are in the names of the subtests.

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
)

// oneConnection are the cases that need one connection. Each runs in autocommit and in one transaction.
var oneConnection = []struct {
	name string
	run  func(s session)
}{
	{"defaults", func(s session) {
		require.Nil(s.t, value[int64](s, "SELECT gapless.last_gapless()"))
		require.EqualValues(s.t, 1, s.number("SELECT gapless.next_gapless()"))
		require.EqualValues(s.t, 1, s.number("SELECT gapless.last_gapless()"))
		require.EqualValues(s.t, 2, s.number("SELECT gapless.next_gapless()"))
		require.EqualValues(s.t, 2, s.number("SELECT gapless.last_gapless()"))
		require.True(s.t, *value[bool](s, "SELECT gapless.delete_gapless()"))
		require.Nil(s.t, value[int64](s, "SELECT gapless.last_gapless()"))
		require.False(s.t, *value[bool](s, "SELECT gapless.delete_gapless()"))
		require.Nil(s.t, value[int64](s, "SELECT gapless.last_gapless()"))
	}},
	{"sequence name", func(s session) {
		for _, name := range []string{"cases", "invoices"} {
			require.Nil(s.t, value[int64](s, "SELECT gapless.last_gapless($1)", name))
			require.EqualValues(s.t, 1, s.number("SELECT gapless.next_gapless($1)", name))
			require.EqualValues(s.t, 1, s.number("SELECT gapless.last_gapless($1)", name))
			require.EqualValues(s.t, 2, s.number("SELECT gapless.next_gapless($1)", name))
		}
		require.EqualValues(s.t, 2, s.number("SELECT gapless.last_gapless('cases')"))
	}},
	{"initial value", func(s session) {
		require.EqualValues(s.t, 1000, s.number("SELECT gapless.next_gapless('customers', initial => 1000)"))
		require.EqualValues(s.t, 1001, s.number("SELECT gapless.next_gapless('customers', initial => 1000)"))
		require.EqualValues(s.t, 1002, s.number("SELECT gapless.next_gapless('customers')"))
		require.EqualValues(s.t, 1003, s.number("SELECT gapless.next_gapless('customers')"))
	}},
	{"reset value", func(s session) {
		for range 2 {
			require.EqualValues(s.t, 1, s.number("SELECT gapless.next_gapless('reference', reset => 3)"))
			require.EqualValues(s.t, 2, s.number("SELECT gapless.next_gapless('reference', reset => 3)"))
		}
		for range 2 {
			require.EqualValues(s.t, 1, s.number("SELECT gapless.next_gapless('reference', 1, 3)"))
			require.EqualValues(s.t, 2, s.number("SELECT gapless.next_gapless('reference', 1, 3)"))
		}
	}},
	{"looping from zero, as its documentation has it", func(s session) {
		for i := range 120 {
			require.EqualValues(s.t, i%60, s.number("SELECT gapless.next_gapless('seconds', initial => 0, reset => 60)"))
		}
	}},
	{"batch", func(s session) {
		require.Equal(s.t, []int64{1, 2, 3}, s.numbers("SELECT gapless.next_gapless_batch('reference', 3)"))
		require.Equal(s.t, []int64{4, 5, 6}, s.numbers("SELECT gapless.next_gapless_batch('reference', 3)"))
		require.Equal(s.t, []int64{7}, s.numbers("SELECT gapless.next_gapless_batch('reference', 1)"))
		require.Empty(s.t, s.numbers("SELECT gapless.next_gapless_batch('reference', 0)"))
		require.Equal(s.t, []int64{8, 9}, s.numbers("SELECT gapless.next_gapless_batch(name => 'reference', size => 2)"))
		require.EqualValues(s.t, 10, s.number("SELECT gapless.next_gapless('reference')"))
	}},
	{"a name for each date", func(s session) {
		const perYear = "SELECT gapless.next_gapless('protocol-' || extract(year FROM $1::date))"
		require.EqualValues(s.t, 1, s.number(perYear, "2026-12-31"))
		require.EqualValues(s.t, 2, s.number(perYear, "2026-12-31"))
		require.EqualValues(s.t, 1, s.number(perYear, "2027-01-01"))
	}},
}

func TestDjangoSequencesOnOneConnection(t *testing.T) {
	t.Parallel()
	for _, c := range oneConnection {
		t.Run(c.name+", in autocommit", func(t *testing.T) {
			t.Parallel()
			c.run(connect(t, pgtest.New(t)))
		})
		t.Run(c.name+", in one transaction", func(t *testing.T) {
			t.Parallel()
			s := connect(t, pgtest.New(t))
			s.do("BEGIN")
			c.run(s)
			s.do("COMMIT")
		})
	}
	t.Run("reset value smaller than initial value", func(t *testing.T) {
		t.Parallel()
		connect(t, pgtest.New(t)).refuse("22023", "SELECT gapless.next_gapless('error', initial => 1, reset => 1)")
	})
}

func TestDjangoSequencesClassOverTheGoClient(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(t *testing.T, ctx context.Context, tx pgx.Tx){
		"defaults": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			seq := gapless.NewSequence("default")
			requireLast(t, tx, seq, 0, false)
			requireNext(t, tx, seq, 1)
			requireLast(t, tx, seq, 1, true)
			requireNext(t, tx, seq, 2)
			requireLast(t, tx, seq, 2, true)
			requireDelete(t, tx, seq, true)
			requireLast(t, tx, seq, 0, false)
			requireDelete(t, tx, seq, false)
			requireLast(t, tx, seq, 0, false)
		},
		"sequence name": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			cases, invoices := gapless.NewSequence("cases"), gapless.NewSequence("invoices")
			requireNext(t, tx, cases, 1, 2)
			requireLast(t, tx, invoices, 0, false)
			requireNext(t, tx, invoices, 1, 2)
			requireDelete(t, tx, cases, true)
			requireLast(t, tx, cases, 0, false)
			requireLast(t, tx, invoices, 2, true)
		},
		"initial value": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			requireNext(t, tx, gapless.NewSequence("customers", gapless.WithInitial(1000)), 1000, 1001)
		},
		"reset value": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			requireNext(t, tx, gapless.NewSequence("reference", gapless.WithReset(3)), 1, 2, 1, 2)
		},
		"reset value smaller than initial value": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			_, err := gapless.NewSequence("error", gapless.WithInitial(1), gapless.WithReset(1)).Next(ctx, tx)
			require.ErrorIs(t, err, gapless.ErrInvalid)
		},
		"batch": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			seq := gapless.NewSequence("reference")
			for _, want := range [][]int64{{1, 2, 3}, {4, 5, 6}, {7}, nil, {8, 9}} {
				values, err := seq.NextBatch(ctx, tx, int64(len(want)))
				require.NoError(t, err)
				require.Equal(t, want, values)
			}
			requireNext(t, tx, seq, 10)
		},
		"iter": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			var values []int64
			for value, err := range gapless.NewSequence("zero", gapless.WithInitial(0)).Values(ctx, tx) {
				require.NoError(t, err)
				values = append(values, value)
				if len(values) == 5 {
					break
				}
			}
			require.Equal(t, []int64{0, 1, 2, 3, 4}, values)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tx, err := newPool(t).Begin(t.Context())
			require.NoError(t, err)
			defer tx.Rollback(context.WithoutCancel(t.Context()))
			run(t, t.Context(), tx)
		})
	}
}

func requireNext(t *testing.T, tx pgx.Tx, seq gapless.Sequence, want ...int64) {
	t.Helper()
	for _, w := range want {
		value, err := seq.Next(t.Context(), tx)
		require.NoError(t, err)
		require.Equal(t, w, value)
	}
}

func requireLast(t *testing.T, tx pgx.Tx, seq gapless.Sequence, want int64, ok bool) {
	t.Helper()
	value, found, err := seq.Last(t.Context(), tx)
	require.NoError(t, err)
	require.Equal(t, ok, found)
	require.Equal(t, want, value)
}

func requireDelete(t *testing.T, tx pgx.Tx, seq gapless.Sequence, want bool) {
	t.Helper()
	existed, err := seq.Delete(t.Context(), tx)
	require.NoError(t, err)
	require.Equal(t, want, existed)
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
			one, two, observer := connect(t, database), connect(t, database), connect(t, database)
			if c.one == "" {
				c.one = "SELECT gapless.next_gapless()"
			}
			if c.two == "" {
				c.two = "SELECT gapless.next_gapless()"
			}
			if c.later {
				observer.do("SELECT gapless.next_gapless(), gapless.next_gapless('one'), gapless.next_gapless('two')")
			}

			one.do("BEGIN")
			require.Equal(t, c.first, one.number(c.one))
			two.do("BEGIN")
			done := two.laterNumber(c.two)
			if c.waits {
				awaitWaiter(t, observer, two.pid())
				one.do(c.end)
			}
			second := <-done
			if c.errorCode != "" {
				requireCode(t, c.errorCode, second.err)
				two.do("ROLLBACK")
			} else {
				require.NoError(t, second.err)
				require.Equal(t, c.second, second.value)
				two.do("COMMIT")
			}
			if !c.waits {
				one.do(c.end)
			}
		})
	}
}
