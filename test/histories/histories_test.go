package histories_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// turns is how many transactions each of a history's clients runs. It is short, since the search for an order can be long.
const turns = 30

func TestWhatConcurrentClientsSeeIsAGaplessCounter(t *testing.T) {
	one := func(t *testing.T, name string, _ uint64, random *rand.Rand) *history {
		h := newHistory(t, pgtest.New(t), name, random)
		h.addInTx(t)
		h.addGroup(t)
		h.addSend(t, &sender{}, &sender{})
		h.addPlain(&plain{}, &plain{})
		h.addDatabase(t)
		h.addPython(t)
		h.script = newScript(random, len(h.clients), turns)
		require.NoError(t, h.play(t.Context(), 0, turns))
		return h
	}
	wanted := []string{"committed", "rolled back", "unknown", "issue", "adopt", "delete", "look", "undone", "refused", "shared"}
	seen := playFor(t, *duration, 1, one)
	missing := func() int { return slices.IndexFunc(wanted, func(what string) bool { return seen[what] == 0 }) }
	for more := 0; missing() >= 0 && more < 10; more++ { // on a slow machine
		for what, times := range playFor(t, 0, 1, one) {
			seen[what] += times
		}
	}
	if i := missing(); i >= 0 {
		t.Fatalf("the histories are too tame to show anything: nothing was %s", wanted[i])
	}
}

func TestWhatClientsSeeAcrossACrashIsAGaplessCounter(t *testing.T) {
	server := pgtest.NewServer(t)
	seen := playFor(t, *duration/2, 2, func(t *testing.T, name string, number uint64, random *rand.Rand) *history {
		h := newHistory(t, server.NewDatabase(t), name, random)
		h.outages = true
		h.addInTx(t)
		inGroups := number%2 == 0
		if inGroups {
			h.addGroup(t)
			h.addSend(t, &sender{}, &sender{})
		}
		h.addPlain(&plain{}, &plain{})
		h.addDatabase(t)
		h.addPython(t)
		h.script = newScript(random, len(h.clients), turns)
		moment := random.IntN(len(h.clients) * turns / 2)
		played := make(chan error, 1)
		go func() { played <- h.play(t.Context(), 0, turns) }()
		h.awaitDone(t, moment)
		server.Kill(t)
		server.Start(t)
		if inGroups {
			h.lossy = h.now()
		}
		require.NoError(t, <-played)
		return h
	})
	require.Positive(t, seen["unknown"])
}

// playFor plays histories for a while, but at least so many, verifies each, and returns what there was in them.
func playFor(t *testing.T, budget time.Duration, least uint64, play func(t *testing.T, name string, number uint64, random *rand.Rand) *history) sums {
	t.Helper()
	seed := newSeed(t)
	seen := sums{}
	number := *first
	for begun := time.Now(); number < *first+least || time.Since(begun) < budget; number++ {
		name := fmt.Sprintf("history %d of seed %d", number, seed)
		passed := t.Run(name, func(t *testing.T) {
			h := play(t, name, number, rand.New(rand.NewPCG(seed, number)))
			require.NoError(t, h.verify(t.Context()))
			seen.add(h.records)
			seen["shared"] += h.shared
			seen["unread"] += h.unread
		})
		if !passed {
			t.Fatalf("to repeat it: GAPLESS_SEED=%d, -first=%d", seed, number)
		}
	}
	t.Logf("%d histories: %v", number-*first, seen)
	return seen
}

// sums counts what there was in histories, so that they show that they have some of everything.
type sums map[string]int

func (s sums) add(records []*record) {
	for _, r := range records {
		s[string(r.outcome)]++
		for _, taken := range r.taken {
			s[string(taken.kind)]++
			if taken.undone {
				s["undone"]++
			}
			if taken.unseen {
				s["unseen"]++
			}
			if taken.kind == adopt && !taken.ok {
				s["refused"]++
			}
		}
	}
}

func (s sums) String() string {
	var texts []string
	for _, what := range slices.Sorted(maps.Keys(s)) {
		texts = append(texts, fmt.Sprintf("%d %s", s[what], what))
	}
	return strings.Join(texts, ", ")
}

func TestASeedRepeatsWhatTheClientsAreToDo(t *testing.T) {
	t.Parallel()
	draw := func(seed, number uint64) script { return newScript(rand.New(rand.NewPCG(seed, number)), 4, turns) }
	once, again := draw(1, 1), draw(1, 1)
	require.Equal(t, once, again)
	require.NotEqual(t, once, draw(2, 1))
	require.NotEqual(t, once, draw(1, 2))
}
