package main

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
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

// FuzzPage has any text where the page shows one that others chose: the page stays well-formed, loads nothing, and has it all.
func FuzzPage(f *testing.F) {
	for _, text := range []string{"invoice", hostile, "\xff\xfe", "a\nb", "void: a (b, 2025-01-01 00:00:00+00)", "{n}", "\"; } body { display: none", "*/ </style>", "12 ab34,56 é", strings.Repeat("9", 99)} {
		f.Add(text, text, text)
	}
	english, err := builtinTexts("en")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, title, name, explanation string) {
		r := &audit{at: theDay, database: name, sessionUser: title, choice: &choice{like: name}, findings: []gapless.Finding{
			{Sequence: name, AttachedColumn: title, Kind: "hole", Explanation: explanation, FirstText: explanation, LastText: name, Keys: []byte("[]")},
			{Sequence: name, Kind: explanation, Explanation: title, Explained: true},
		}}
		var written strings.Builder
		require.NoError(t, r.page(&pageFlags{title: title, organisation: name, period: explanation, words: english}).write(&written))
		page := checkPage(t, written.String())
		require.Contains(t, said(page), cell(name))
		var whole strings.Builder
		for _, p := range pieces(explanation) {
			whole.WriteString(p.Text)
		}
		require.Equal(t, explanation, whole.String())
	})
}
