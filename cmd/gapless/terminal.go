package main

import (
	"fmt"
	"math"
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
	plain  colour = ""
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

// coloured marks a text where --color or CLICOLOR_FORCE asks for it, or on a terminal, unless NO_COLOR (https://no-color.org) forbids it.
func (a *app) coloured(stream any, c colour, text string) string {
	if c == plain || a.json || !a.colours(stream) {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// colours says whether a stream is coloured. What was said on the command line is above what the environment says.
func (a *app) colours(stream any) bool {
	switch force := a.getenv("CLICOLOR_FORCE"); {
	case a.colour.value == "always":
		return true
	case a.colour.value == "never" || a.getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return a.getenv("CLICOLOR") != "0" && a.getenv("TERM") != "dumb" && a.terminal(stream)
}

// choiceOf is a flag that has one of some values.
type choiceOf struct {
	value string
	of    []string
}

func (c *choiceOf) String() string { return c.value }

func (c *choiceOf) Type() string { return strings.Join(c.of, "|") }

func (c *choiceOf) Set(value string) error {
	if !slices.Contains(c.of, value) {
		return fmt.Errorf("it is %s or %s", strings.Join(c.of[:len(c.of)-1], ", "), c.of[len(c.of)-1])
	}
	c.value = value
	return nil
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

// fit leaves columns of a table out, in that order, until it is no wider than width, and then shortens the texts of its widest
// columns. 0 is any width.
func fit(rows [][]string, width int, order []int) [][]string {
	const wide, least, gap = 24, 8, 2 // a column that is wider than that may be shortened, in need to the least
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	total := func(most int) (sum int) {
		for _, w := range widths {
			if w > 0 {
				sum += min(w, most) + gap
			}
		}
		return sum - gap
	}
	for _, column := range order {
		if width > 0 && total(wide) > width {
			widths[column] = 0 // it is left out
		}
	}
	for width > 0 && total(math.MaxInt) > width {
		widest := slices.Max(widths)
		if widest <= least {
			break
		}
		widths[slices.Index(widths, widest)]--
	}
	fitted := make([][]string, 0, len(rows))
	for _, row := range rows {
		var kept []string
		for i, text := range row {
			if widths[i] > 0 {
				if utf8.RuneCountInString(text) > widths[i] {
					text = shorten(text, widths[i])
				}
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
