package main

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/db"
)

// start says what is known of where a series begins.
type start int

const (
	startKnown   start = iota
	startAssumed       // adopted numbers may come before, or it cycles
	startUnknown
)

// decided says of a finding that it tells what the owner decided, and is no place among the numbers.
func decided(f gapless.Finding) bool {
	return f.Kind == "closed" || f.Kind == "opened" || f.Kind == "start" || f.Kind == "live" || f.Kind == "archived" || f.Kind == "range" || f.Kind == "withdrawn"
}

func decidedAll(findings []gapless.Finding) bool {
	return !slices.ContainsFunc(findings, func(f gapless.Finding) bool { return !decided(f) })
}

// seriesStart finds where a series begins. Nobody records where adopted numbers began, and the count of the issued ones
// leads back to the first only if they rose one by one: not if it cycles, or adopted numbers later, too.
func seriesStart(s db.SequencesRow) (first int64, how start) {
	if s.Issued <= 0 || s.LastValue < math.MinInt64+s.Issued {
		return s.LastValue, startUnknown
	}
	switch first = s.LastValue - s.Issued + 1; {
	case first == 1:
		return 1, startKnown
	case first > 1:
		return first, startAssumed
	}
	return min(1, s.LastValue), startUnknown // it cycles, or began below 1
}

// All lengths of a bar are percentages of it.
const (
	fringe      = 4.0 // an end of the bar that is not to scale
	finest      = 0.2 // marks closer to each other become one
	apart       = 2.5 // pointers closer to each other become one
	roomOutside = 10  // so many numbers before and after a series always find room
)

// bar is a series' numbers from First to Last, with the places of its findings.
type bar struct {
	First, Last            int64
	Open                   bool // numbers before First may be of the series
	Before, Beyond         bool // findings so far outside that they are in a fringe
	Own                    stretch
	Explained, Unexplained marks
}

// stretch is a part of a bar.
type stretch struct{ left, right float64 }

// Left and Width are for SVG.
func (s stretch) Left() string  { return percent(s.left) }
func (s stretch) Width() string { return percent(s.right - s.left) }

// marks are where a bar has findings, and where it points to them.
type marks struct {
	Stretches []stretch
	Pointers  []string
}

func percent(n float64) string { return strconv.FormatFloat(n, 'f', 2, 64) + "%" }

// newBar draws a series that has the numbers from first to last, or, if it is empty, none but those of its findings.
func newBar(first, last int64, empty, open bool, findings []gapless.Finding) bar {
	findings = slices.DeleteFunc(slices.Clone(findings), func(f gapless.Finding) bool { return f.Unreadable || decided(f) })
	if empty && len(findings) > 0 {
		first, last = findings[0].FirstValue, findings[0].LastValue
	}
	b := bar{First: first, Last: last, Open: open}
	// What was given out belongs to the series. Of what was not, one number may be so far off that the rest would shrink to
	// nothing: it gets no more room than the series itself.
	for _, f := range findings {
		if f.Kind == "hole" || f.Kind == "void" {
			b.First, b.Last = min(b.First, f.FirstValue), max(b.Last, f.LastValue)
		}
	}
	room := max(roomOutside, distance(b.First, b.Last))
	low, high := b.First, b.Last
	for _, f := range findings {
		if f.FirstValue < b.First && distance(f.FirstValue, b.First) <= room {
			low = min(low, f.FirstValue)
		}
		if f.LastValue > b.Last && distance(b.Last, f.LastValue) <= room {
			high = max(high, f.LastValue)
		}
	}
	for _, f := range findings {
		b.Before = b.Before || f.FirstValue < low
		b.Beyond = b.Beyond || f.LastValue > high
	}

	left, right := 0.0, 100.0
	if b.Open || b.Before {
		left += fringe
	}
	if b.Beyond {
		right -= fringe
	}
	unit := (right - left) / (distance(low, high) + 1)
	place := func(first, last int64) stretch {
		s := stretch{0.25 * fringe, 100 - 0.25*fringe}
		switch {
		case first > high:
			s.left = right + 0.25*fringe
		case first >= low:
			s.left = left + unit*distance(low, first)
		}
		switch {
		case last < low:
			s.right = left - 0.25*fringe
		case last <= high:
			s.right = left + unit*(distance(low, last)+1)
		}
		return s
	}
	if !empty {
		b.Own = place(b.First, b.Last)
	}
	var explained, unexplained []stretch
	for _, f := range findings {
		if f.Explained {
			explained = append(explained, place(f.FirstValue, f.LastValue))
		} else {
			unexplained = append(unexplained, place(f.FirstValue, f.LastValue))
		}
	}
	b.First, b.Last = low, high
	b.Explained, b.Unexplained = newMarks(explained), newMarks(unexplained)
	return b
}

// distance is b - a, for a no greater than b.
func distance(a, b int64) float64 { return float64(uint64(b) - uint64(a)) }

// newMarks makes one of marks that could not be told apart.
func newMarks(stretches []stretch) (m marks) {
	slices.SortFunc(stretches, func(a, b stretch) int { return cmp.Compare(a.left, b.left) })
	pointed := -apart
	for _, s := range stretches {
		s.right = min(max(s.right, s.left+finest), 100)
		if last := len(m.Stretches) - 1; last >= 0 && s.left <= m.Stretches[last].right+finest && s.right-m.Stretches[last].left < 2*apart {
			m.Stretches[last].right = max(m.Stretches[last].right, s.right)
			continue
		}
		m.Stretches = append(m.Stretches, s)
	}
	for _, s := range m.Stretches {
		if middle := (s.left + s.right) / 2; middle-pointed >= apart {
			m.Pointers = append(m.Pointers, percent(middle))
			pointed = middle
		}
	}
	return m
}
