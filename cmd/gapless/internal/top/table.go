package top

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// column is a column of a table on the screen.
type column struct {
	title       string
	right       bool
	least, most int // how wide it may be
	drop        int // columns with a higher figure go first where there is no room; 0 stays
}

const gap = 1

// layout gives each column a width, or 0, so that rows fit into width. A column that was wider stays so, lest the screen
// wobbles: widths remembers it.
func layout(columns []column, rows [][]string, width int, widths map[string]int) []int {
	laid, least := make([]int, len(columns)), make([]int, len(columns))
	for i, c := range columns {
		w := ansi.StringWidth(c.title)
		least[i] = c.least
		for _, row := range rows {
			w = max(w, ansi.StringWidth(row[i]))
			if i > 0 && wholly(row[i]) {
				least[i] = max(least[i], ansi.StringWidth(row[i]))
			}
		}
		laid[i] = min(max(w, widths[c.title]), c.most)
		widths[c.title] = laid[i]
	}
	for {
		total, needed, drop := -gap, -gap, -1
		for i, w := range laid {
			if w == 0 {
				continue
			}
			total += w + gap
			needed += min(w, least[i]) + gap
			if columns[i].drop > 0 && (drop < 0 || columns[i].drop > columns[drop].drop) {
				drop = i
			}
		}
		switch {
		case total <= width:
			return laid
		case needed > width && drop >= 0:
			laid[drop] = 0
			continue
		}
		// The widest gives; what is in the first column is a name, which gives late.
		widest, most := -1, 0
		for i, w := range laid {
			if i == 0 {
				w -= 8
			}
			if laid[i] > least[i] && (widest < 0 || w > most) {
				widest, most = i, w
			}
		}
		switch {
		case widest >= 0:
		case laid[0] > 1: // before what would be cut at the edge
			widest = 0
		default:
			return laid
		}
		laid[widest]--
	}
}

// wholly says whether a cell is a number, or ends with one, which would be another one if it were cut.
func wholly(text string) bool {
	return text != "" && strings.Trim(strings.TrimPrefix(text, "waits for "), "0123456789,.+- ") == ""
}

// line writes a row in columns of those widths.
func line(columns []column, laid []int, row []string) string {
	var cells []string
	for i, w := range laid {
		if w > 0 {
			text := row[i]
			if i == 0 {
				text = cut(text, w)
			}
			cells = append(cells, pad(text, w, columns[i].right))
		}
	}
	return strings.TrimRight(strings.Join(cells, strings.Repeat(" ", gap)), " ")
}

func titles(columns []column) []string {
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.title
	}
	return row
}
