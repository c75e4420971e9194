package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// colour is an SGR code of a terminal.
type colour string

const (
	plain colour = ""
	red   colour = "31"
	green colour = "32"
)

// coloured marks a text on a terminal, unless NO_COLOR (https://no-color.org) forbids it.
func (a *app) coloured(stream any, c colour, text string) string {
	if c == plain || a.getenv("NO_COLOR") != "" || a.getenv("TERM") == "dumb" || !a.terminal(stream) {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// columnsOf is the width of a terminal, or 0 for what is none.
func columnsOf(stream any) int {
	if file, ok := stream.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			return width
		}
	}
	return 0
}

func index(header []string, name string) int { return slices.Index(header, name) }

// fit leaves columns of a table out, in that order, until it is no wider than width, and shortens the texts of one then. 0 is
// any width. Columns that no row has anything in go first.
func fit(rows [][]string, width int, order []int, long string) [][]string {
	header := rows[0]
	out := make(map[int]bool)
	for _, column := range order {
		if !slices.ContainsFunc(rows[1:], func(row []string) bool { return row[column] != "-" }) && header[column] == "ROWS" {
			out[column] = true
		}
	}
	widths := make([]int, len(header))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	const least, gap = 24, 2
	longest := index(header, long)
	total := func(of int) (sum int) {
		for i, w := range widths {
			switch {
			case out[i]:
			case i == longest:
				sum += of + gap
			default:
				sum += w + gap
			}
		}
		return sum - gap
	}
	short := widths[longest]
	if width > 0 {
		for _, column := range order {
			if total(min(widths[longest], least)) <= width {
				break
			}
			out[column] = true
		}
		short = min(short, max(least, width-total(0)))
	}
	fitted := make([][]string, 0, len(rows))
	for _, row := range rows {
		var kept []string
		for i, text := range row {
			if i == longest {
				text = shorten(text, short)
			}
			if !out[i] {
				kept = append(kept, text)
			}
		}
		fitted = append(fitted, kept)
	}
	return fitted
}

// elapsed shows on a terminal for how long something has been going on, from the second second on, until its result is called.
func (a *app) elapsed(what string) (end func()) {
	if !a.terminal(a.stderr) {
		return func() {}
	}
	begun, done, gone := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		shown := 0
		for {
			select {
			case <-done:
				fmt.Fprintf(a.stderr, "%s", blank(shown))
				return
			case <-ticker.C:
				line := fmt.Sprintf("%s … %s", what, time.Since(begun).Round(time.Second))
				fmt.Fprintf(a.stderr, "\r%s", line)
				shown = utf8.RuneCountInString(line)
			}
		}
	}()
	return func() { close(done); <-gone }
}

// blank takes a line of a terminal away.
func blank(runes int) string {
	if runes == 0 {
		return ""
	}
	return "\r" + strings.Repeat(" ", runes) + "\r"
}
