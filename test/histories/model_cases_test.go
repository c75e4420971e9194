package histories_test

// The checker itself is checked: by histories that were written by hand, of which it must allow some and refuse others.

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

var (
	counting = series{name: "a", initial: 1}
	another  = series{name: "b", initial: 1}
	cycling  = series{name: "c", initial: 5, reset: 8}
)

// issued is a step that was told these values.
func issued(of series, values ...int64) result {
	return result{step: step{series: of, kind: issue, size: len(values)}, values: values, ok: true}
}

func adopted(of series, target int64, ok bool) result {
	return result{step: step{series: of, kind: adopt, target: target}, ok: ok}
}

func deleted(of series, ok bool) result {
	return result{step: step{series: of, kind: forget}, ok: ok}
}

// looked is a look that saw a value, or none.
func looked(of series, value ...int64) result {
	return result{step: step{series: of, kind: look}, values: value, ok: len(value) > 0}
}

func undone(r result) result {
	r.undone = true
	return r
}

func unseen(of series, size int) result {
	return result{step: step{series: of, kind: issue, size: size}, unseen: true, ok: true}
}

// did is a transaction that was sent at one time and answered at another. Its results came in between, one a moment.
func did(o outcome, begun, ended int64, results ...result) *record {
	r := &record{begun: begun, ended: ended, outcome: o}
	for i, result := range results {
		r.taken = append(r.taken, taken{result, begun + int64(i) + 1})
	}
	return r
}

func TestTheModelKnowsAGaplessCounter(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]*record{
		"nothing": {},
		"one after the other": {
			did(committed, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, issued(counting, 2, 3, 4)),
			did(committed, 20, 29, issued(counting, 5)),
			did(committed, 30, 39, looked(counting, 5)),
		},
		"answered in another order than committed": {
			did(committed, 0, 50, issued(counting, 1)),
			did(committed, 10, 40, issued(counting, 2)),
		},
		"a value that is given back": {
			did(rolledBack, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, issued(counting, 1)),
		},
		"a sequence whose first values are given back does not exist": {
			did(rolledBack, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, looked(counting)),
			did(committed, 20, 29, deleted(counting, false)),
		},
		"an unknown outcome that was a commit": {
			did(unknown, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, issued(counting, 2)),
		},
		"an unknown outcome that was a rollback": {
			did(unknown, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, issued(counting, 1)),
		},
		"an unknown outcome that comes about late": {
			did(unknown, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, looked(counting)),
			did(committed, 20, 29, looked(counting, 1)),
			did(committed, 30, 39, issued(counting, 2)),
		},
		"several unknown outcomes": {
			did(committed, 0, 9, issued(counting, 1)),
			did(unknown, 10, 19, issued(counting, 2)),
			did(unknown, 20, 29, issued(counting, 2)),
			did(unknown, 30, 39, issued(counting, 3)),
			did(committed, 40, 49, issued(counting, 4)),
		},
		"values that nobody was told": {
			did(committed, 0, 9, unseen(counting, 3)),
			did(committed, 10, 19, issued(counting, 4)),
		},
		"a savepoint that is undone gives up its lock": {
			did(committed, 0, 90, undone(issued(counting, 1)), issued(counting, 2)),
			did(committed, 10, 19, issued(counting, 1)),
		},
		"a savepoint that is undone after the sequence was locked": {
			did(committed, 0, 9, issued(counting, 1), undone(issued(counting, 2)), issued(counting, 2)),
			did(committed, 10, 19, issued(counting, 3)),
		},
		"a look before the lock sees what was then": {
			did(committed, 0, 90, looked(counting), issued(counting, 2)),
			did(committed, 10, 19, issued(counting, 1)),
		},
		"a cycle": {
			did(committed, 0, 9, issued(cycling, 5, 6)),
			did(committed, 10, 19, issued(cycling, 7, 5, 6, 7)),
			did(committed, 20, 29, issued(cycling, 5)),
		},
		"adopted, and not backwards": {
			did(committed, 0, 9, adopted(counting, 41, true)),
			did(committed, 10, 19, issued(counting, 42)),
			did(rolledBack, 20, 29, adopted(counting, 41, false)),
			did(committed, 30, 39, adopted(counting, 42, true)),
			did(committed, 40, 49, issued(counting, 43)),
		},
		"deleted, and begun anew": {
			did(committed, 0, 9, issued(counting, 1, 2)),
			did(committed, 10, 19, deleted(counting, true), issued(counting, 1)),
			did(committed, 20, 29, deleted(counting, true)),
			did(committed, 30, 39, issued(counting, 1)),
		},
		"two sequences": {
			did(committed, 0, 9, issued(counting, 1), issued(another, 1)),
			did(committed, 10, 19, issued(another, 2)),
			did(committed, 20, 29, issued(counting, 2)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, byHand(t, history).linearize())
		})
	}
}

func TestTheModelRefusesWhatIsNoGaplessCounter(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]*record{
		"a wrong first value": {did(committed, 0, 9, issued(counting, 2))},
		"a hole": {
			did(committed, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, issued(counting, 3)),
		},
		"a hole in a batch": {did(committed, 0, 9, issued(counting, 1, 3))},
		"a double": {
			did(committed, 0, 9, issued(counting, 1)),
			did(committed, 0, 9, issued(counting, 1)),
		},
		"a short batch": {did(committed, 0, 9, result{step: step{series: counting, kind: issue, size: 2}, values: []int64{1}})},
		"a long batch":  {did(committed, 0, 9, result{step: step{series: counting, kind: issue, size: 1}, values: []int64{1, 2}})},
		"acknowledged in one order, and issued in another": {
			did(committed, 0, 9, issued(counting, 2)),
			did(committed, 10, 19, issued(counting, 1)),
		},
		"a value that was rolled back and is not given out again": {
			did(rolledBack, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, issued(counting, 2)),
		},
		"a value that was wrong, though it was rolled back": {
			did(committed, 0, 9, issued(counting, 1)),
			did(rolledBack, 10, 19, issued(counting, 3)),
		},
		"a value that was wrong, though nobody knows its outcome": {
			did(committed, 0, 9, issued(counting, 1)),
			did(unknown, 10, 19, issued(counting, 3)),
		},
		"an unknown outcome that was both": {
			did(unknown, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, issued(counting, 2)),
			did(committed, 20, 29, issued(counting, 1)),
		},
		"an unknown outcome that was there and went away": {
			did(unknown, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, looked(counting, 1)),
			did(committed, 20, 29, looked(counting)),
		},
		"an acknowledged value that is lost": {
			did(committed, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, issued(counting, 2)),
			did(committed, 20, 29, issued(counting, 2)),
		},
		"a stale look": {
			did(committed, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, issued(counting, 2)),
			did(committed, 20, 29, looked(counting, 1)),
		},
		"a look at what is there no more": {
			did(committed, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, looked(counting)),
		},
		"a look into the future": {
			did(committed, 0, 9, looked(counting, 1)),
			did(committed, 10, 19, issued(counting, 1)),
		},
		"an undone savepoint that leaves a hole": {
			did(committed, 0, 9, undone(issued(counting, 1)), issued(counting, 2)),
			did(committed, 10, 19, issued(counting, 3)),
		},
		"an undone savepoint after the lock that leaves a hole": {
			did(committed, 0, 9, issued(counting, 1), undone(issued(counting, 2)), issued(counting, 3)),
		},
		"a cycle that goes too far":     {did(committed, 0, 9, issued(cycling, 5, 6, 7, 8))},
		"a cycle that turns too early":  {did(committed, 0, 9, issued(cycling, 5, 6, 5))},
		"a cycle that begins elsewhere": {did(committed, 0, 9, issued(cycling, 5, 6, 7, 1))},
		"adopted backwards": {
			did(committed, 0, 9, issued(counting, 1, 2, 3)),
			did(committed, 10, 19, adopted(counting, 2, true)),
		},
		"refused to adopt for no reason": {
			did(committed, 0, 9, issued(counting, 1)),
			did(rolledBack, 10, 19, adopted(counting, 1, false)),
		},
		"adopted without effect": {
			did(committed, 0, 9, adopted(counting, 41, true)),
			did(committed, 10, 19, issued(counting, 1)),
		},
		"deleted without effect": {
			did(committed, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, deleted(counting, true)),
			did(committed, 20, 29, issued(counting, 2)),
		},
		"a deletion that found nothing": {
			did(committed, 0, 9, issued(counting, 1)),
			did(committed, 10, 19, deleted(counting, false)),
		},
		"a hole in one of two sequences": {
			did(committed, 0, 9, issued(another, 1), issued(counting, 1)),
			did(committed, 10, 19, issued(counting, 2)),
			did(committed, 20, 29, issued(another, 3)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := byHand(t, history)
			require.ErrorIs(t, h.linearize(), errIllegal)
			drawn, err := filepath.Glob(h.reports + "/*.html")
			require.NoError(t, err)
			require.Len(t, drawn, 1, "what porcupine drew of it")
			content, err := os.ReadFile(drawn[0])
			require.NoError(t, err)
			require.Contains(t, string(content), string(history[0].outcome))
		})
	}
}

// TestOperationsAreTheMomentsOfATransaction has the steps that need not have happened at the same time apart.
func TestOperationsAreTheMomentsOfATransaction(t *testing.T) {
	t.Parallel()
	r := did(unknown, 10, 19, looked(counting), undone(issued(counting, 1)), issued(counting, 1), undone(issued(counting, 2)), looked(counting, 1))
	type moment struct {
		until int64
		answer
	}
	var got []moment
	for _, o := range r.operations(100) {
		require.Equal(t, porcupine.Operation{Input: "a", Call: 10, Return: o.Return, Output: o.Output, Metadata: ""}, o)
		got = append(got, moment{o.Return, o.Output.(answer)})
	}
	require.Equal(t, []moment{
		{11, answer{rolledBack, []result{looked(counting)}}},
		{12, answer{rolledBack, []result{undone(issued(counting, 1))}}},
		{14, answer{rolledBack, []result{issued(counting, 1), undone(issued(counting, 2))}}},
		{15, answer{rolledBack, []result{issued(counting, 1), looked(counting, 1)}}},
		{100, answer{unknown, []result{issued(counting, 1), looked(counting, 1)}}},
	}, got)
}

func byHand(t *testing.T, records []*record) *history {
	t.Helper()
	return &history{records: records, reports: t.TempDir(), name: "by hand"}
}
