package histories_test

// What the clients are to do: drawn from a seed, and from nothing that happens.

import (
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"
)

// ending is how a transaction is to end.
type ending string

const (
	commit     ending = "commit"
	rollBack   ending = "roll back"
	loseCommit ending = "lose the commit" // on its way to the server
	loseAnswer ending = "lose the answer"
	leave      ending = "leave" // with COMMIT sent; the server does not notice
)

// trouble is how a batch of Send is to fail, if it is to be rolled back. One that panics does so otherwise, too, when it is committed.
type trouble int

const (
	failing trouble = iota
	panicking
	committing // without being asked to
	rollingBack
)

// plan is a transaction that a client is to run.
type plan struct {
	key       string
	isolation pgx.TxIsoLevel
	steps     []step
	ending    ending
	trouble   trouble
}

// script is what a history's clients are to do, each one plan after the other.
type script struct {
	series []series
	plans  [][]plan // of each client
}

// newScript draws one. The series "plain" only ever counts; only "managed" is also adopted and deleted; "tested" goes live. The others
// are columns'.
func newScript(random *rand.Rand, clients, turns int) script {
	initial := random.Int64N(7) - 3
	s := script{series: []series{
		{name: "cycle", initial: initial, reset: initial + 2 + random.Int64N(9)},
		{name: "managed", initial: 1 + random.Int64N(3)},
		{name: "plain", initial: 1},
		{name: "rows", initial: 1, column: atInsert},
		{name: "rows as texts", initial: 1, column: asText},
		{name: "rows at commit", initial: 1, column: atCommit},
		{name: "rows moving/1", initial: 1, column: moving},
		{name: "rows moving/2", initial: 1, column: moving},
		{name: "rows of drafts", initial: 1, column: asDraft},
		{name: "tested", initial: 1 + random.Int64N(3)},
	}}
	s.write(random, clients, turns)
	return s
}

// write draws the plans.
func (s *script) write(random *rand.Rand, clients, turns int) {
	for client := range clients {
		var plans []plan
		for turn := range turns {
			p := s.draw(random, int64(turn))
			p.key = fmt.Sprintf("%d/%d", client, turn)
			plans = append(plans, p)
		}
		s.plans = append(s.plans, plans)
	}
}

func (s script) draw(random *rand.Rand, turn int64) plan {
	p := plan{isolation: pgx.ReadCommitted, ending: commit}
	one := func(in int) bool { return random.IntN(in) == 0 }
	p.trouble = trouble(random.IntN(4))
	switch random.IntN(12) {
	case 0:
		p.isolation = pgx.RepeatableRead
	case 1:
		p.isolation = pgx.Serializable
	}
	switch n := random.IntN(100); {
	case n < 14:
		p.ending = rollBack
	case n < 18:
		p.ending = loseCommit
	case n < 23:
		p.ending = loseAnswer
	case n < 26:
		p.ending = leave
	}
	chosen := []series{s.series[random.IntN(len(s.series))]}
	if one(5) { // in the order of their names, as everybody should
		chosen = s.series[random.IntN(len(s.series)-3):]
	}
	for _, of := range chosen {
		add := func(k kind, undone bool) {
			taken := step{series: of, kind: k, undone: undone}
			switch {
			case k == issue && one(3):
				taken.size = 2 + random.IntN(4)
			case k == issue:
				taken.size = 1
			case k == adopt: // more or less where it may be by then
				taken.target = random.Int64N(20 + 6*turn)
			}
			taken.nowait = k == issue && of.column == called && one(20)
			p.steps = append(p.steps, taken)
		}
		if one(6) {
			add(look, false)
			if one(2) || of.column == atCommit {
				continue
			}
		}
		if of.name == "managed" && one(8) {
			add(forget, false)
			if one(2) {
				continue
			}
		}
		for range 1 + random.IntN(2) {
			switch {
			case one(8):
				add(issue, true)
				if of.name == "managed" && one(3) {
					add([]kind{adopt, forget}[random.IntN(2)], true)
				}
			case of.name == "managed" && one(5):
				add(adopt, false)
			}
			add(issue, false)
		}
		if of.column == moving && one(2) {
			add(move, one(6))
		}
		if (of.column == atInsert || of.column == asText) && one(4) {
			add(archive, one(6))
		}
		if of.name == "tested" && one(4) {
			add(live, one(4))
		}
		if of.column != atCommit && one(6) {
			add(look, false)
		}
		if of.name == "managed" && one(15) {
			add(forget, false)
		}
	}
	return p
}

// first reports whether a rollback to a savepoint undoes the step, and none before it; last, none after it.
func (p plan) first(i int) bool { return p.steps[i].undone && (i == 0 || !p.steps[i-1].undone) }
func (p plan) last(i int) bool {
	return p.steps[i].undone && (i == len(p.steps)-1 || !p.steps[i+1].undone)
}
