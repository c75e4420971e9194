package histories_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// row is an issued value of a transaction.
func row(key string, value int64) entry {
	return entry{Sequence: counting.name, Key: key, Kind: issue, Value: &value}
}

func (r *record) as(key string) *record {
	r.key = key
	return r
}

func TestWhatClientsWereToldIsComparedWithTheRows(t *testing.T) {
	t.Parallel()
	there := rows{row("x", 1), row("x", 2), row("y", 3)}
	y := did(committed, 20, 29, issued(counting, 3)).as("y")
	for name, c := range map[string]struct {
		x    *record
		want error
	}{
		"as told":                  {did(committed, 0, 9, issued(counting, 1, 2)), nil},
		"not told which":           {did(committed, 0, 9, unseen(counting, 2)), nil},
		"unknown":                  {did(unknown, 0, 9, issued(counting, 1), issued(counting, 2)), nil},
		"an undone step":           {did(committed, 0, 9, issued(counting, 1, 2), undone(issued(counting, 3))), nil},
		"unknown, of other values": {did(unknown, 0, 9, issued(counting, 1)), errTold},
		"less than told":           {did(committed, 0, 9, issued(counting, 1, 2), issued(counting, 3)), errTold},
		"other than told":          {did(committed, 0, 9, issued(counting, 1, 3)), errTold},
		"rolled back":              {did(rolledBack, 0, 9, issued(counting, 1, 2)), errTold},
	} {
		err := there.compare([]*record{c.x.as("x"), y})
		if c.want == nil {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, c.want, name)
		}
	}
	require.ErrorIs(t, there.compare([]*record{y}), errTold, "nobody knows of the others")
	gone := did(unknown, 0, 9, issued(counting, 4)).as("z")
	require.NoError(t, there[2:].compare([]*record{y, gone}), "it was rolled back")
	gone.outcome = committed
	require.ErrorIs(t, there[2:].compare([]*record{y, gone}), errTold)
}

func TestRowsInAnotherOrderThanTheAcknowledgementsAreFound(t *testing.T) {
	t.Parallel()
	there := rows{row("x", 1), row("y", 2)}
	x := did(committed, 10, 19, issued(counting, 1)).as("x")
	require.NoError(t, there.inTime([]*record{x, did(committed, 20, 29, issued(counting, 2)).as("y")}))
	require.NoError(t, there.inTime([]*record{x, did(committed, 0, 10, issued(counting, 2)).as("y")}), "at the same time")
	require.NoError(t, there.inTime([]*record{x, did(unknown, 0, 9, issued(counting, 2)).as("y")}), "it can have come about later")
	require.ErrorIs(t, there.inTime([]*record{x, did(committed, 0, 9, issued(counting, 2)).as("y")}), errRows)
}

func TestWhoeverWaitsForEverIsFound(t *testing.T) {
	t.Parallel()
	h := newHistory(t, pgtest.New(t), "waits", rand.New(rand.NewPCG(1, 1)))
	holder := h.database.Conn(t)
	for _, statement := range []string{"SELECT gapless.next_gapless('a')", "BEGIN", "SELECT gapless.next_gapless('a')"} {
		_, err := holder.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	h.addPlain(&plain{})
	h.patience = 500 * time.Millisecond
	h.script = script{series: []series{counting}, plans: [][]plan{{{
		key: "0/0", isolation: pgx.ReadCommitted, ending: commit, steps: []step{{series: counting, kind: issue, size: 1}},
	}}}}
	err := h.play(t.Context(), 0, 1)
	require.ErrorIs(t, err, errWaits)
	require.ErrorContains(t, err, "(a,holds,")
	require.ErrorIs(t, h.verify(t.Context()), errWaits)
	_, err = holder.Exec(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	h.patience = forEver
	found := h.verify(t.Context())
	require.NotErrorIs(t, found, errWaits)
	require.ErrorIs(t, found, errRows, "the first value has no row")
}
