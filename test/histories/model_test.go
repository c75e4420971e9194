package histories_test

// The model: what a gapless counter may do, one transaction at a time. Porcupine looks for an order of a history's
// transactions, each between its first statement and its answer, in which the model allows every value that a client saw.

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

// series is a sequence, how it begins and cycles, and what takes from it.
type series struct {
	name    string
	initial int64
	reset   int64 // 0: it does not cycle
	column  column
}

// column says when an attached column takes from a sequence, if one does.
type column string

const (
	called   column = "" // by functions alone
	atInsert column = "at INSERT"
	asText   column = "as text"   // at INSERT, with digits that are not a run of their own
	asDraft  column = "as draft"  // by an UPDATE, while others write lines of the drafts
	atCommit column = "at COMMIT" // so nobody sees what it took
	moving   column = "moving"    // at INSERT, of rows that move between its series
	sharded  column = "sharded"   // at INSERT, of a tenant of a table that Citus distributes
)

// counter is the state of a sequence.
type counter struct {
	exists bool
	newest int64
	live   bool
}

// value is the state but for whether the sequence is live, which nobody sees who looks at its newest value.
func (c counter) value() counter {
	c.live = false
	return c
}

func (c counter) String() string {
	if !c.exists {
		return "none"
	}
	return strconv.FormatInt(c.newest, 10)
}

// counterAt is the state with that newest value, or that without one.
func counterAt(newest *int64) counter {
	if newest == nil {
		return counter{}
	}
	return counter{exists: true, newest: *newest}
}

// kind says what a step does.
type kind string

const (
	issue   kind = "issue"   // one value, or a batch
	adopt   kind = "adopt"   // numbering up to a target
	forget  kind = "delete"  // the whole sequence
	look    kind = "look"    // at the newest value
	live    kind = "live"    // the values up to now were tests
	archive kind = "archive" // archives what there is, and has most of its rows leave
	move    kind = "move"    // a row of another series to this one
)

// step is one call for a sequence.
type step struct {
	series series
	kind   kind
	size   int   // of what is issued
	target int64 // of what is adopted
	nowait bool
	undone bool // by a rollback to a savepoint, together with the undone steps next to it
}

// result is a step with its answer.
type result struct {
	step
	values []int64 // issued, the newest one, or the last one that was a test or is archived
	unseen bool    // what was issued; but it was
	ok     bool    // adopted, and not refused, and likewise live; deleted, and not missing; there is a newest value, a row that leaves or moves
}

func (r result) String() string {
	switch r.kind {
	case adopt:
		if !r.ok {
			return fmt.Sprintf("adopt %d: refused", r.target)
		}
		return fmt.Sprintf("adopt %d", r.target)
	case forget:
		if !r.ok {
			return "delete: there is none"
		}
		return "delete"
	case look:
		if !r.ok {
			return "look: there is none"
		}
	case live:
		if !r.ok {
			return "live: refused"
		}
	case archive, move:
		if !r.ok {
			return fmt.Sprintf("%s: there is no row", r.kind)
		}
	case issue:
		if r.unseen {
			return fmt.Sprintf("issue: %d unseen", r.size)
		}
	}
	return fmt.Sprintf("%s: %s", r.kind, strings.Trim(fmt.Sprint(r.values), "[]"))
}

// next is the state after one more value.
func (c counter) next(of series) counter {
	if !c.exists || of.reset != 0 && c.newest >= of.reset-1 {
		return counter{true, of.initial, c.live}
	}
	return counter{true, c.newest + 1, c.live}
}

// after is the state after a step, and whether the step can have that result.
func (c counter) after(r result) (counter, bool) {
	switch r.kind {
	case issue:
		for i := range r.size {
			c = c.next(r.series)
			if !r.unseen && (i >= len(r.values) || r.values[i] != c.newest) {
				return c, false
			}
		}
		return c, len(r.values) <= r.size
	case adopt:
		if backwards := c.exists && r.target < c.newest; backwards || !r.ok {
			return c, backwards == !r.ok
		}
		return counter{true, r.target, c.live}, true
	case forget:
		return counter{}, r.ok == c.exists
	case live:
		if c.live || !r.ok {
			return c, c.live == !r.ok
		}
		return counter{live: true}, c.exists == (len(r.values) > 0) && (!c.exists || r.values[0] == c.newest)
	case archive:
		return c, !r.ok || c.exists && r.values[0] <= c.newest
	case move:
		if !r.ok {
			return c, true // those that it could have moved are another's
		}
		c = c.next(r.series)
		return c, r.values[0] == c.newest
	case look:
		if !r.ok {
			return c, !c.exists
		}
		return c, c.exists && r.values[0] == c.newest
	}
	return c, false
}

// afterAll is the state after several steps of one transaction.
func (c counter) afterAll(results []result) (counter, bool) {
	for _, r := range results {
		var ok bool
		if c, ok = c.after(r); !ok {
			return c, false
		}
	}
	return c, true
}

// outcome is how a transaction ended, as far as its client knows.
type outcome string

const (
	committed  outcome = "committed"
	rolledBack outcome = "rolled back" // what it saw was right, and had no effect
	unknown    outcome = "unknown"     // it was rolled back, or committed, now or later
)

// model is the counter. An operation's input is the name of its sequence, and its output an answer.
var model = (&porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		of := map[any]int{}
		for _, o := range history {
			i, found := of[o.Input]
			if !found {
				i = len(parts)
				of[o.Input] = i
				parts = append(parts, nil)
			}
			parts[i] = append(parts[i], o)
		}
		return parts
	},
	Init: func() []any { return []any{counter{}} },
	Step: func(state, _, output any) []any {
		before, a := state.(counter), output.(answer)
		after, possible := before.afterAll(a.results)
		switch {
		case a.outcome == unknown && (!possible || after == before):
			return []any{before}
		case a.outcome == unknown:
			return []any{before, after}
		case !possible:
			return nil
		case a.outcome == rolledBack:
			return []any{before}
		}
		return []any{after}
	},
	Equal: func(one, other any) bool { return one == other },
	Hash:  func(state any) uint64 { return maphash.Comparable(hashSeed, state.(counter)) },
	DescribeOperation: func(input, output any) string {
		a := output.(answer)
		return fmt.Sprintf("%v: %s: %s", input, a.describe(), a.outcome)
	},
	DescribeState: func(state any) string { return state.(counter).String() },
}).ToModel()

var hashSeed = maphash.MakeSeed()

// answer is what a client knows of a transaction, or of the part of one that happened at one moment.
type answer struct {
	outcome outcome
	results []result
}

func (a answer) describe() string {
	texts := make([]string, len(a.results))
	for i, r := range a.results {
		texts[i] = r.String()
	}
	return strings.Join(texts, ", ")
}

// taken is a result, and when its client had it.
type taken struct {
	result
	at int64
}

// record is what a client knows of a transaction. Times are nanoseconds since the history began.
type record struct {
	key     string // by which its rows are found
	client  int
	begun   int64 // before its first statement was sent
	taken   []taken
	outcome outcome
	ended   int64 // after its last answer
	read    int64 // of a sender: in which transaction its callbacks read what they did last
	unread  bool  // of a sender: it was told that not all of the answers had come

	panicked bool // of a sender: when its batch was committed
	now      func() int64
}

// locks reports whether the step has the sequence locked from then on.
func (r result) locks() bool {
	switch r.kind {
	case issue, adopt, live:
		return true
	case forget, archive, move:
		return r.ok
	case look:
	}
	return false
}

// operations are the moments of a transaction: for each of its sequences what it did while it had the sequence locked,
// which is from the first step that locks it until the end; and each of the others by itself:
//
//   - what it read before it locked the sequence,
//   - what was undone by a rollback to a savepoint, which gives up the lock that was taken after it.
//
// An unknown outcome can come about until the history ends. What the transaction saw, it saw before.
func (r *record) operations(end int64) (operations []porcupine.Operation) {
	add := func(of series, until int64, o outcome, results []result) {
		if len(results) > 0 {
			operations = append(operations, porcupine.Operation{
				ClientId: r.client, Input: of.name, Call: r.begun, Return: until,
				Output: answer{o, slices.Clone(results)}, Metadata: r.key,
			})
		}
	}
	var all []series
	for _, t := range r.taken {
		if !slices.Contains(all, t.series) {
			all = append(all, t.series)
		}
	}
	for _, of := range all {
		var locked, undone []result
		var undoneAt, lastAt int64
		endUndone := func() {
			if len(undone) > 0 {
				add(of, undoneAt, rolledBack, append(slices.Clip(locked), undone...))
			}
			undone = nil
		}
		for _, t := range r.taken {
			switch {
			case t.series != of:
			case t.undone:
				undone, undoneAt = append(undone, t.result), t.at
			default:
				endUndone()
				if len(locked) == 0 && !t.locks() {
					add(of, t.at, rolledBack, []result{t.result})
				} else {
					locked, lastAt = append(locked, t.result), t.at
				}
			}
		}
		endUndone()
		switch r.outcome {
		case committed:
			add(of, r.ended, committed, locked)
		case unknown:
			add(of, lastAt, rolledBack, locked)
			add(of, end, unknown, locked)
		default:
			add(of, lastAt, rolledBack, locked)
		}
	}
	return operations
}
