package main

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// FuzzCells has any text where the program prints one that others chose: nothing of it reaches the terminal as a command, and
// it stays in its cell.
func FuzzCells(f *testing.F) {
	for _, text := range []string{"invoice", "a\tb", "a\nb", "\x1b[2J", "\x1b]0;title\x07", "\u202eevil", "\u2028", "\xff\xfe", "é", "", "\\n", `"`, "\u200b", "\x9b31m"} {
		f.Add(text, 10)
	}
	f.Fuzz(func(t *testing.T, text string, runes int) {
		for _, printed := range []string{cell(text), optional(&text)} {
			require.Equal(t, -1, strings.IndexFunc(printed, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", printed)
		}
		runes = 1 + runes&1023
		require.LessOrEqual(t, len([]rune(shorten(text, runes))), runes)
	})
}

// FuzzThousands has any number: without its commas it is the number again.
func FuzzThousands(f *testing.F) {
	for _, n := range []int64{0, 1, -1, 999, 1000, -1000, 123456789, math.MaxInt64, math.MinInt64} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		text := thousands(n)
		got, err := strconv.ParseInt(strings.ReplaceAll(text, ",", ""), 10, 64)
		require.NoError(t, err)
		require.Equal(t, n, got)
		groups := strings.Split(strings.TrimPrefix(text, "-"), ",")
		for i, group := range groups {
			require.True(t, len(group) == 3 || i == 0 && len(group) > 0 && len(group) < 3, text)
		}
	})
}
