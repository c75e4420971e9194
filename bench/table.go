package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// table is written as Markdown.
type table struct {
	head []string
	rows [][]string
	text bool // all columns are words; else the first is, and figures stand on the right
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t table) write(w io.Writer) {
	line := func(cells []string) {
		escaped := make([]string, len(cells))
		for i, cell := range cells {
			escaped[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(escaped, " | "))
	}
	line(t.head)
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = "---"
		if i > 0 && !t.text {
			rule[i] = "---:"
		}
	}
	fmt.Fprintf(w, "|%s|\n", strings.Join(rule, "|"))
	for _, row := range t.rows {
		line(row)
	}
	fmt.Fprintln(w)
}

// number writes a figure as people do: three digits that count, and thousands apart.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case a >= 100:
		return thousands(int64(math.Round(v)))
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.1 || v == 0:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

func thousands(v int64) string {
	if v < 0 {
		return "-" + thousands(-v)
	}
	digits := strconv.FormatInt(v, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// String is the median, and in brackets the ends.
func (s spread) String() string {
	if math.IsNaN(s.median) {
		return "–"
	}
	return fmt.Sprintf("%s (%s to %s)", number(s.median), number(s.low), number(s.high))
}

// over is the same of 1/x: the ratio of times where s is one of rates, or the other way round.
func (s spread) over(x float64) spread { return spread{x / s.median, x / s.high, x / s.low} }

// counted is so many of something, which has its plural with an s.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(int64(n)) + " " + what
}

// inWords is a duration as people write it.
func inWords(d time.Duration) string {
	switch {
	case d < time.Second:
		return number3(float64(d)/float64(time.Millisecond)) + " ms"
	case d < 2*time.Minute:
		return number3(d.Seconds()) + " s"
	}
	return number3(d.Minutes()) + " minutes"
}

func number3(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }
