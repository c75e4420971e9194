package top

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// clean makes one line of a text that holds nothing that a terminal would obey.
func clean(text string) string { return printable(strings.Join(strings.Fields(text), " ")) }

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// pad makes a text as wide as that, on a terminal: it is cut, or filled with spaces on one side.
func pad(text string, width int, right bool) string {
	text = ansi.Truncate(text, width, "…")
	space := strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
	if right {
		return space + text
	}
	return text + space
}

// cut leaves out the middle of a text that is wider than that: names of series differ at their ends.
func cut(text string, width int) string {
	all := ansi.StringWidth(text)
	if all <= width || width < 3 {
		return text
	}
	tail := (width - 1) / 2
	return ansi.Cut(text, 0, width-1-tail) + "…" + ansi.Cut(text, all-tail, all)
}

// flow puts words one after the other into lines of that width, and leaves out what does not fit into so many lines.
func flow(words []string, width, lines int) []string {
	var flowed []string
	for _, word := range words {
		word = ansi.Truncate(word, width, "…")
		last := len(flowed) - 1
		switch {
		case last >= 0 && ansi.StringWidth(flowed[last])+2+ansi.StringWidth(word) <= width:
			flowed[last] += "  " + word
		case len(flowed) < lines:
			flowed = append(flowed, word)
		}
	}
	return flowed
}

// short is a duration in at most five characters.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second && d%time.Second >= 100*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 10*time.Minute:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 10*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d < 100*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

func optional(d *time.Duration) string {
	if d == nil {
		return "-"
	}
	return short(*d)
}

// perS is a rate in few digits.
func perS(rate *float64) string {
	switch {
	case rate == nil:
		return "-"
	case *rate == 0:
		return "0"
	case *rate < 10:
		return strconv.FormatFloat(*rate, 'f', 1, 64)
	}
	return thousands(int64(*rate + 0.5))
}

func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func number(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}

func or(text string) string {
	if text == "" {
		return "-"
	}
	return clean(text)
}

// quote is a literal of SQL.
func quote(text string) string { return "'" + strings.ReplaceAll(printable(text), "'", "''") + "'" }
