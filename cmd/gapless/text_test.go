package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumbersAndTextsForPeople(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -100: "-100", 5000: "5,000"} {
		require.Equal(t, want, thousands(n))
	}
	for d, want := range map[time.Duration]string{
		1234567 * time.Microsecond: "1.235s", 34567 * time.Millisecond: "34.6s", 3*time.Hour + 123456789*time.Nanosecond: "3h0m0s",
	} {
		require.Equal(t, want, age(d))
	}
	require.Equal(t, "no hole", holes(0))
	require.Equal(t, "1 hole", holes(1))
	require.Equal(t, "1,312 holes", holes(1312))
	require.Equal(t, "SELECT 1", shorten("\n SELECT\n\t1 ", 60))
	require.Equal(t, strings.Repeat("ä", 59)+"…", shorten(strings.Repeat("ä", 61), 60))
	require.Equal(t, "Rechnung ä/2026", cell("Rechnung ä/2026"))
	require.Equal(t, `\x1b[31m`, cell("\x1b[31m"))
	require.Equal(t, "Dr.\u00a0Müller \"GmbH\"\\x1b[31m\u200c\\u202e\\xff", cell("Dr.\u00a0Müller \"GmbH\"\x1b[31m\u200c\u202e\xff"), "each by itself")
	require.Equal(t, [][]string{{"a  b", " lead"}}, fit([][]string{{"a  b", " lead"}}, 0, nil))
}
