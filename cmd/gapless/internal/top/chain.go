package top

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// link is one in a chain of who waits for whom.
type link struct {
	person
	Role string // "blocks": it holds something else; "holds" the series; else the place in the queue
}

// chain puts those who wait behind whom they wait for: first whoever waits for nobody. known are the backends, by pid, with
// whoever blocks them. 0 is the prepared transaction.
func chain(s series, known map[int32]person) []link {
	roles, all := map[int32]string{}, map[int32]person{}
	for _, w := range s.Waiters {
		roles[w.PID], all[w.PID] = "waits", w
	}
	for _, h := range s.Holders {
		roles[h.PID], all[h.PID] = "holds", h
	}
	for next := slices.Collect(maps.Keys(all)); len(next) > 0; {
		pid := next[0]
		next = next[1:]
		for _, blocker := range all[pid].WaitsFor {
			if _, ok := all[blocker]; !ok {
				all[blocker] = known[blocker]
				next = append(next, blocker)
			}
		}
	}
	depths := map[int32]int{}
	var depth func(pid int32, path []int32) int
	depth = func(pid int32, path []int32) int {
		if d, ok := depths[pid]; ok || slices.Contains(path, pid) { // a circle is a deadlock, which PostgreSQL ends
			return d
		}
		d := 0
		for _, blocker := range all[pid].WaitsFor {
			d = max(d, 1+depth(blocker, append(path, pid)))
		}
		depths[pid] = d
		return d
	}
	links := make([]link, 0, len(all))
	for pid, p := range all {
		depth(pid, nil)
		links = append(links, link{p, cmp.Or(roles[pid], "blocks")})
	}
	order := map[string]int{"blocks": 0, "holds": 1, "waits": 2}
	slices.SortFunc(links, func(a, b link) int {
		return cmp.Or(cmp.Compare(order[a.Role], order[b.Role]), cmp.Compare(depths[a.PID], depths[b.PID]), cmp.Compare(a.PID, b.PID))
	})
	place := 0
	for i := range links {
		// The last one in front of it comes first.
		slices.SortFunc(links[i].WaitsFor, func(a, b int32) int { return cmp.Or(cmp.Compare(depths[b], depths[a]), cmp.Compare(a, b)) })
		if links[i].Role == "waits" {
			place++
			links[i].Role = strconv.Itoa(place)
		}
	}
	return links
}
