package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"
)

// table writes rows, of which the first is the header. Columns whose header is in right are aligned to the right.
func table(w io.Writer, right []int, rows [][]string) error {
	for _, column := range right {
		width := 0
		for _, row := range rows {
			width = max(width, utf8.RuneCountInString(row[column]))
		}
		for _, row := range rows {
			row[column] = strings.Repeat(" ", width-utf8.RuneCountInString(row[column])) + row[column]
		}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(tw, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return tw.Flush()
}

// cell makes a text safe for a table, a terminal and a page: control characters, tabs and what is no UTF-8 are escaped.
func cell(text string) string {
	return escape(text, func(odd string) string {
		quoted := strconv.Quote(odd)
		return quoted[1 : len(quoted)-1]
	})
}

// escape replaces what a terminal could take for more than a character. Spaces of other widths and joiners are characters.
func escape(text string, as func(odd string) string) string {
	const joiners = "\u200c\u200d"
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if whole := r != utf8.RuneError || size > 1; whole && (unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) || strings.ContainsRune(joiners, r)) {
			b.WriteString(text[:size])
		} else {
			b.WriteString(as(text[:size]))
		}
		text = text[size:]
	}
	return b.String()
}

// optional is a cell for something that may not be there.
func optional(text *string) string {
	if text == nil || *text == "" {
		return "-"
	}
	return cell(*text)
}

// shorten cuts a text to one line of that many runes.
func shorten(text string, runes int) string {
	short := []rune(oneLine(text))
	if len(short) > runes {
		short = append(short[:runes-1], '…')
	}
	return string(short)
}

// age is a duration for people: two or three digits that matter.
func age(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// moment is a point in time for people, by the clock on their wall.
func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -07:00") }

// thousands writes a number with commas.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
