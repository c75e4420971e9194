package main

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATableIsMarkdown(t *testing.T) {
	t.Parallel()
	numbers := table{head: []string{"what", "a second"}}
	numbers.add("a|b", "1,000")
	var out strings.Builder
	numbers.write(&out)
	require.Equal(t, "| what | a second |\n|---|---:|\n| a\\|b | 1,000 |\n\n", out.String())
}

func TestFiguresAreRoundedForPeople(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]string{
		0: "0.00", 0.01234: "0.012", 0.987: "0.99", 1.355: "1.35", 12.34: "12.3", 999.6: "1,000", 1234567: "1,234,567", -1500: "-1,500",
		math.Inf(1): "–",
	} {
		require.Equal(t, want, number(value), value)
	}
	require.Equal(t, "1.00 (0.50 to 2.00)", spread{1, 0.5, 2}.String())
	require.Equal(t, spread{0.5, 0.25, 2}, spread{2, 0.5, 4}.over(1))
	require.Equal(t, "–", summarize(nil).String())
}

func TestAnAimSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	require.Equal(t, "yes (≥ 0.8)", aim{want: 0.8, ratio: spread{0.8, 0.5, 1}}.reached())
	require.Equal(t, "no (≥ 2): 50 % of it; the best round does", aim{want: 2, ratio: spread{1, 0.5, 2.5}}.reached())
	require.Equal(t, "no (≤ 1.2): 125 % of it; no round does", aim{want: 1.2, atMost: true, ratio: spread{1.5, 1.3, 2}}.reached())
	require.Equal(t, "no aim", aim{ratio: spread{1, 1, 1}}.reached())
}
