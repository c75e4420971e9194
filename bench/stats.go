package main

import (
	"math"
	"slices"
	"time"
)

// spread sums up what several rounds gave.
type spread struct{ median, low, high float64 }

// summarize returns the median, the least and the greatest.
func summarize(values []float64) spread {
	if len(values) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}

// percentile returns the value below or at which that fraction of the durations are (the nearest rank), in milliseconds.
// It sorts them.
func percentile(durations []time.Duration, fraction float64) float64 {
	if len(durations) == 0 {
		return math.NaN()
	}
	slices.Sort(durations)
	rank := int(math.Ceil(fraction * float64(len(durations))))
	return float64(durations[max(rank, 1)-1]) / float64(time.Millisecond)
}

// rounds are what was measured, round by round: a number for each contender.
type rounds []map[string]float64

// of sums up one contender.
func (r rounds) of(label string) spread {
	return r.each(func(round map[string]float64) float64 { return round[label] })
}

// ratio sums up one contender over another one in the same round.
func (r rounds) ratio(label, other string) spread {
	return r.each(func(round map[string]float64) float64 { return round[label] / round[other] })
}

func (r rounds) each(f func(map[string]float64) float64) spread {
	values := make([]float64, len(r))
	for i, round := range r {
		values[i] = f(round)
	}
	return summarize(values)
}

// best is the label with the highest median.
func (r rounds) best(labels []string) string {
	return slices.MaxFunc(labels, func(a, b string) int {
		switch d := r.of(a).median - r.of(b).median; {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
}
