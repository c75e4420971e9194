package sqltest

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
)

// CallEverything calls each method of Sequence, with and without options.
func CallEverything(t *testing.T, tx pgx.Tx) {
	t.Helper()
	ctx := t.Context()
	plain := gapless.NewSequence("plain")
	cycle := gapless.NewSequence("it's a cycle", gapless.WithInitial(-1), gapless.WithReset(2))

	RequireLast(t, tx, plain, 0, false)
	peeked, err := cycle.Peek(ctx, tx)
	require.NoError(t, err)
	require.EqualValues(t, -1, peeked)
	RequireNext(t, tx, plain, 1)
	RequireNext(t, tx, cycle, -1, 0, 1, -1)
	got, err := plain.TryNext(ctx, tx)
	require.NoError(t, err)
	require.EqualValues(t, 2, got)
	batch, err := cycle.NextBatch(ctx, tx, 4)
	require.NoError(t, err)
	require.Equal(t, []int64{0, 1, -1, 0}, batch)
	batch, err = plain.TryNextBatch(ctx, tx, 2)
	require.NoError(t, err)
	require.Equal(t, []int64{3, 4}, batch)
	require.NoError(t, plain.Adopt(ctx, tx, 1000))
	RequireNext(t, tx, plain, 1001)
	RequireLast(t, tx, plain, 1001, true)
	RequireDelete(t, tx, plain, true)
	existed, err := cycle.TryDelete(ctx, tx)
	require.NoError(t, err)
	require.True(t, existed)
	RequireLast(t, tx, plain, 0, false)
	require.Equal(t, "it's a cycle", cycle.Name())
}

// RequireNext checks the next values.
func RequireNext(t *testing.T, tx pgx.Tx, seq gapless.Sequence, want ...int64) {
	t.Helper()
	for _, w := range want {
		value, err := seq.Next(t.Context(), tx)
		require.NoError(t, err)
		require.Equal(t, w, value)
	}
}

// RequireLast checks the newest value, if there is one.
func RequireLast(t *testing.T, tx pgx.Tx, seq gapless.Sequence, want int64, ok bool) {
	t.Helper()
	value, found, err := seq.Last(t.Context(), tx)
	require.NoError(t, err)
	require.Equal(t, ok, found)
	require.Equal(t, want, value)
}

// RequireDelete checks whether a delete found the sequence.
func RequireDelete(t *testing.T, tx pgx.Tx, seq gapless.Sequence, want bool) {
	t.Helper()
	existed, err := seq.Delete(t.Context(), tx)
	require.NoError(t, err)
	require.Equal(t, want, existed)
}
