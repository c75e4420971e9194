package top

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// sample is what was read at one moment.
type sample struct {
	At     time.Time // by the server's clock
	Server server
	Series map[string]series
	Chain  []link // of the series that was asked for
}

// server is what concerns all series. A rate that is not known is nil.
type server struct {
	Database, Version string
	Standby           bool
	Lag               *time.Duration // of a standby
	SeesAll           bool           // the role has pg_read_all_stats
	Sessions, Most    int
	Commits           *float64 // a second
	Rollbacks         *float64
	Flushes           *float64
	FlushSource       string // the view that counts them, or why none does
	Standbys          []standby
}

type standby struct {
	Name, State, Sync string
	Lag               *time.Duration
	Bytes             *int64
}

// series is one sequence.
type series struct {
	Name      string
	Last      *int64
	Issued    int64
	Rate      *float64  // numbers a second
	At        time.Time // when Issued was read
	Allocated *time.Time
	Column    string
	Closed    bool
	Left      *int64 // of its ranges
	Until     string
	Holders   []person
	Waiters   []person
}

// person is a backend, or a prepared transaction, which has no pid.
type person struct {
	PID               int32
	Prepared          string
	Application, User string
	Age               *time.Duration // of the transaction
	Waited            *time.Duration // for the lock
	Hidden            bool           // what follows may not be seen
	State             string
	WaitType, Wait    string
	Query             string
	Started, Began    *time.Time // the backend, its transaction
	WaitsFor          []int32    // 0 is a prepared transaction
}

// who is what to call it by.
func (p person) who() string {
	switch {
	case p.PID != 0:
		return strconv.Itoa(int(p.PID))
	case p.Prepared != "":
		return p.Prepared
	}
	return "prepared"
}

// does is what it is busy with.
func (p person) does() string {
	switch {
	case p.PID == 0:
		return "prepared"
	case p.Hidden:
		return "hidden"
	case p.Wait == "SyncRep":
		return "waits for standby"
	case len(p.WaitsFor) > 0 && p.WaitsFor[0] == 0:
		return "waits for prepared"
	case len(p.WaitsFor) > 0:
		return "waits for " + strconv.Itoa(int(p.WaitsFor[0]))
	case p.State == "active" && p.Wait != "":
		return p.WaitType + ":" + p.Wait
	}
	return p.State
}

// longest is how long the one who has waited longest has waited, or nil.
func (s series) longest() (longest *time.Duration) {
	for _, w := range s.Waiters {
		if w.Waited != nil && (longest == nil || *w.Waited > *longest) {
			longest = w.Waited
		}
	}
	return longest
}

// stuck is how long it has stood still: the longest wait, or how long a session has held it and done nothing. A moment is
// normal.
func (s series) stuck() time.Duration {
	var stuck time.Duration
	if l := s.longest(); l != nil {
		stuck = *l
	}
	for _, h := range s.Holders {
		if h.Age != nil && (len(s.Waiters) == 0 || h.PID == 0) {
			stuck = max(stuck, *h.Age)
		}
	}
	if stuck < time.Second {
		return 0
	}
	return stuck
}

// The orders of series. "stuck" has those first that stand still, then those that move the fastest.
var orders = []struct {
	name    string
	compare func(a, b series) int
}{
	{"stuck", func(a, b series) int {
		return cmp.Or(cmp.Compare(b.stuck(), a.stuck()), cmp.Compare(rate(b), rate(a)), cmp.Compare(len(b.Holders), len(a.Holders)))
	}},
	{"rate", func(a, b series) int { return cmp.Compare(rate(b), rate(a)) }},
	{"waiters", func(a, b series) int { return cmp.Compare(len(b.Waiters), len(a.Waiters)) }},
	{"name", func(series, series) int { return 0 }},
}

func rate(s series) float64 {
	if s.Rate == nil {
		return 0
	}
	return *s.Rate
}

// sorted are the series of a sample that match, in that order, and by name where they are equal.
func (s sample) sorted(order int, matches func(series) bool) []series {
	var all []series
	for _, one := range s.Series {
		if matches(one) {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b series) int { return cmp.Or(orders[order].compare(a, b), cmp.Compare(a.Name, b.Name)) })
	return all
}

// alive is a series that moves, is held or is waited for.
func alive(s series) bool { return rate(s) > 0 || len(s.Holders)+len(s.Waiters) > 0 }
