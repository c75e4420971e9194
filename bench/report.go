package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot/vg"
)

// report is what a run gives.
type report struct {
	command  string
	machine  machine
	took     time.Duration
	aims     []aim
	sections []section
	failures []error
}

// aim is one that the project has set itself: a ratio, and what it should be.
type aim struct {
	name     string // its number in the project's list, and more where it has parts
	measured string
	ratio    spread
	want     float64 // 0: nothing was aimed at
	atMost   bool    // want is the greatest allowed, not the least
	note     string  // the absolute figures
}

// section is a scenario's part of the report.
type section struct {
	title string
	text  string
	table table
	plots []chart
}

// reached says whether the median does what was aimed at, and else how far away it is and whether any round was better.
func (a aim) reached() string {
	better := func(value float64) bool { return value >= a.want }
	best, relation := a.ratio.high, "≥"
	if a.atMost {
		better = func(value float64) bool { return value <= a.want }
		best, relation = a.ratio.low, "≤"
	}
	switch aimed := fmt.Sprintf("%s %s", relation, number3(a.want)); {
	case a.want == 0:
		return "no aim"
	case better(a.ratio.median):
		return "yes (" + aimed + ")"
	case better(best):
		return fmt.Sprintf("no (%s): %s of it; the best round does", aimed, percent(a.ratio.median/a.want))
	default:
		return fmt.Sprintf("no (%s): %s of it; no round does", aimed, percent(a.ratio.median/a.want))
	}
}

func percent(fraction float64) string { return fmt.Sprintf("%.0f %%", 100*fraction) }

// write writes RESULTS.md and the plots into the folder.
func (r report) write(folder string) error {
	var text strings.Builder
	r.markdown(&text)
	if err := os.WriteFile(filepath.Join(folder, "RESULTS.md"), []byte(text.String()), 0o644); err != nil { //nolint:gosec // for everyone to read
		return err
	}
	for _, s := range r.sections {
		for _, c := range s.plots {
			if err := c.save(filepath.Join(folder, "plots"), 9*vg.Inch, 5*vg.Inch); err != nil {
				return fmt.Errorf("the plot %s: %w", c.file, err)
			}
		}
	}
	return nil
}

func (r report) markdown(w io.Writer) {
	fmt.Fprintf(w, "# Results\n\nMade by `%s` in %s. Do not edit. Medians over the rounds, and in brackets the least and the greatest.\n", r.command, inWords(r.took))
	fmt.Fprint(w, "A ratio is computed within a round. Absolute figures are this machine's, shared by server and clients.\n\n")
	for _, err := range r.failures {
		fmt.Fprintf(w, "**FAILED**: %s\n\n", err)
	}
	r.machine.table().write(w)

	if len(r.aims) > 0 {
		fmt.Fprint(w, "## The aims\n\n")
		t := table{head: []string{"aim", "what was measured", "ratio", "reached", "note"}, text: true}
		inOrder := slices.SortedStableFunc(slices.Values(r.aims), func(a, b aim) int { return strings.Compare(a.name, b.name) })
		for _, a := range inOrder {
			t.add(a.name, a.measured, a.ratio.String(), a.reached(), a.note)
		}
		t.write(w)
		fmt.Fprint(w, "Why some are not reached, and where the time goes: [docs/hot-path.md](../docs/hot-path.md).\n\n")
	}

	fmt.Fprint(w, "## The peers\n\nEach as the SQL that this program sends, in its own words. A client that is refused begins again after a random part of\n")
	fmt.Fprintf(w, "a time that begins as %s and doubles up to %s.\n\n", inWords(firstWait), inWords(longestWait))
	peersTable().write(w)

	for _, s := range r.sections {
		fmt.Fprintf(w, "## %s\n\n%s\n\n", s.title, s.text)
		if s.table.head != nil {
			s.table.write(w)
		}
		for _, c := range s.plots {
			fmt.Fprintf(w, "![%s](plots/%s.svg)\n\n", c.title, c.file)
		}
	}
}
