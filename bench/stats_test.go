package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestASpreadIsTheMedianAndTheEnds(t *testing.T) {
	t.Parallel()
	require.Equal(t, spread{2, 1, 9}, summarize([]float64{9, 1, 2}))
	require.Equal(t, spread{2.5, 1, 9}, summarize([]float64{9, 1, 2, 3}))
	require.True(t, math.IsNaN(summarize(nil).median))
}

func TestAPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	var durations []time.Duration
	for i := range 100 {
		durations = append(durations, time.Duration(100-i)*time.Millisecond)
	}
	require.InDelta(t, 50, percentile(durations, 0.50), 1e-9)
	require.InDelta(t, 99, percentile(durations, 0.99), 1e-9)
	require.InDelta(t, 1, percentile(durations[:1], 0.99), 1e-9)
	require.True(t, math.IsNaN(percentile(nil, 0.5)))
}

func TestARatioIsComputedWithinARound(t *testing.T) {
	t.Parallel()
	r := rounds{{"a": 1, "b": 2}, {"a": 30, "b": 10}, {"a": 10, "b": 5}}
	require.Equal(t, spread{2, 0.5, 3}, r.ratio("a", "b"))
	require.Equal(t, spread{10, 1, 30}, r.of("a"))
	require.Equal(t, "a", r.best([]string{"b", "a"}))
}
