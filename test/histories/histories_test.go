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
	"github.com/pggapless/gapless/internal/sqltest"
)

// turns is how many transactions each of a history's clients runs, where a bug is to be found. It is short, since the search for an order
// can be long.
const turns = 30

// turnsOfMany is the same where there are many clients.
func turnsOfMany() int {
	if *duration > 0 {
		return turns
	}
	return turns / 2
}

func TestWhatConcurrentClientsSeeIsAGaplessCounter(t *testing.T) {
	everything := []string{
		"committed", "rolled back", "unknown", "issue", "adopt", "delete", "look", "live", "archive", "move",
		"undone", "refused", "refused live", "shared", "panicked",
	}
	turns := turnsOfMany()
	seen := playFor(t, *duration, 1, everything, func(t *testing.T, name string, _ uint64, random *rand.Rand) *history {
		h := newHistory(t, pgtest.New(t), name, random)
		h.addInTx(t)
		h.addGroup(t)
		h.addSend(t, &sender{}, &sender{}, &sender{}) // two of which wait for the third one's batch, and share the next
		h.addPlain(&plain{}, &plain{})
		h.addDatabase(t, true)
		h.addPython(t)
		h.script = newScript(random, len(h.clients), turns)
		require.NoError(t, h.play(t.Context(), 0, turns))
		return h
	})
	for _, what := range everything {
		require.Positive(t, seen[what], "the histories are too tame to show anything: nothing was %s", what)
	}
}

func TestWhatClientsSeeAcrossACrashIsAGaplessCounter(t *testing.T) {
	server := pgtest.NewServer(t)
	turns := turnsOfMany()
	seen := playFor(t, *duration/2, 2, []string{"unknown"}, func(t *testing.T, name string, number uint64, random *rand.Rand) *history {
		h := newHistory(t, server.NewDatabase(t), name, random)
		h.outages = true
		h.addInTx(t)
		inGroups := number%2 == 0
		if inGroups {
			h.addGroup(t)
			h.addSend(t, &sender{}, &sender{})
		}
		h.addPlain(&plain{}, &plain{})
		h.addDatabase(t, inGroups)
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

// TestWhatClientsSeeAcrossAFailOverIsAGaplessCounter has a synchronous standby take its primary's place, with all that was decided:
// ranges, what was closed, archived or moved, and the chain.
func TestWhatClientsSeeAcrossAFailOverIsAGaplessCounter(t *testing.T) {
	turns := turnsOfMany()
	seen := playFor(t, *duration/4, 1, []string{"unknown", "archive", "move", "live"}, func(t *testing.T, name string, _ uint64, random *rand.Rand) *history {
		primary := pgtest.NewServer(t)
		sqltest.WantStandby(t, primary)
		h := newHistory(t, primary.NewDatabase(t), name, random)
		h.outages = true
		h.addInTx(t)
		h.addGroup(t)
		h.addPlain(&plain{}, &plain{})
		h.addDatabase(t, true)
		h.addPython(t)
		standby := pgtest.NewStandby(t, primary)
		primary.SetSynchronous(t, standby)
		h.script = newScript(random, len(h.clients), turns)
		moment := random.IntN(len(h.clients) * turns / 2)
		played := make(chan error, 1)
		go func() { played <- h.play(t.Context(), 0, turns) }()
		h.awaitDone(t, moment)
		primary.Kill(t)
		standby.Promote(t)
		replica := standby.Replica(t, h.database)
		h.proxy.Redirect(replica.URL)
		h.lossy = h.now()
		require.NoError(t, <-played)
		h.database = replica
		return h
	})
	require.Positive(t, seen["unknown"])
}

// playFor plays histories for a while, but at least so many, verifies each, and returns what there was in them. It goes on as long as
// some of that is missing, though not for ever.
func playFor(t *testing.T, budget time.Duration, least uint64, everything []string, play func(t *testing.T, name string, number uint64, random *rand.Rand) *history) sums {
	t.Helper()
	seed := sqltest.NewSeed(t)
	seen := sums{}
	number := *first
	missing := func() bool {
		return slices.ContainsFunc(everything, func(what string) bool { return seen[what] == 0 })
	}
	for begun := time.Now(); number < *first+least || time.Since(begun) < budget || missing() && number < *first+least+10; number++ {
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
		if r.panicked {
			s["panicked"]++
		}
		for _, taken := range r.taken {
			if taken.ok || taken.kind == issue || taken.kind == adopt {
				s[string(taken.kind)]++
			}
			if taken.kind == live && !taken.ok {
				s["refused live"]++
			}
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
