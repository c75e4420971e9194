package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pggapless/gapless"
)

// findingsOfAKind is how many findings of one series and kind are told one by one.
const findingsOfAKind = 10

// group is findings of one series, column and kind that are told together: one or more, in their order.
type group struct{ findings []gapless.Finding }

// kindOf is what the findings of a group have in common.
type kindOf struct {
	sequence, column, kind string
	explained              bool
}

func newKindOf(f gapless.Finding) kindOf {
	return kindOf{f.Sequence, f.AttachedColumn, f.Kind, f.Explained}
}

// grouped puts findings together of which there are more than most of one series and kind, if they agree in what also says.
func grouped(findings []gapless.Finding, most int, also func(gapless.Finding) string) []group {
	type key struct {
		kindOf
		also string
	}
	number := make(map[kindOf]int)
	for _, f := range findings {
		number[newKindOf(f)]++
	}
	var groups []group
	places := make(map[key]int)
	for _, f := range findings {
		if number[newKindOf(f)] <= most {
			groups = append(groups, group{[]gapless.Finding{f}})
			continue
		}
		k := key{newKindOf(f), also(f)}
		place, ok := places[k]
		if !ok {
			place = len(groups)
			places[k] = place
			groups = append(groups, group{})
		}
		groups[place].findings = append(groups[place].findings, f)
	}
	return groups
}

// ends are a finding's first and last number, as printed where that is known, or "" where it cannot be read.
func ends(f gapless.Finding) (first, last string) {
	switch {
	case f.FirstText != "" && f.LastText != "":
		return cell(f.FirstText), cell(f.LastText)
	case f.FirstText != "":
		return cell(f.FirstText), cell(f.FirstText)
	case f.Unreadable:
		return "", ""
	}
	return strconv.FormatInt(f.FirstValue, 10), strconv.FormatInt(f.LastValue, 10)
}

// numbers are a group's numbers for people.
func (g group) numbers() string {
	first, last := ends(g.findings[0])
	if len(g.findings) > 1 && first != "" {
		_, last = ends(g.findings[len(g.findings)-1])
		return first + " … " + last
	}
	switch {
	case first == "":
		return "-"
	case first == last:
		return first
	case g.findings[0].FirstText != "" || g.findings[0].FirstValue < 0:
		return first + " to " + last
	}
	return first + "-" + last
}

// size is how many numbers the group's findings have.
func (g group) size() (n quantity) {
	for _, f := range g.findings {
		if !f.Unreadable {
			n.add(quantity(min(uint64(f.LastValue)-uint64(f.FirstValue), math.MaxInt64-1)) + 1)
		}
	}
	return n
}

func (g group) explanation() string {
	if len(g.findings) == 1 {
		return cell(g.findings[0].Explanation)
	}
	text := fmt.Sprintf("%s findings: %s", thousands(int64(len(g.findings))), cell(reason(g.findings[0])))
	if slices.ContainsFunc(g.findings, func(f gapless.Finding) bool { return reason(f) != reason(g.findings[0]) }) {
		text += "; and other reasons"
	}
	return text
}

// madeBy is what the database says at the end of a reason, of who gave it, and when.
var madeBy = regexp.MustCompile(` \([^()]*\d{4,}-\d\d-\d\d [^()]*\)$`)

// reason is a finding's explanation without who gave it, and when.
func reason(f gapless.Finding) string { return madeBy.ReplaceAllString(f.Explanation, "") }

// one is what all findings of the group have, or the word that they differ.
func (g group) one(of func(gapless.Finding) string) string {
	text := of(g.findings[0])
	if slices.ContainsFunc(g.findings, func(f gapless.Finding) bool { return of(f) != text }) {
		return "several"
	}
	return text
}

// period is when the group's numbers were allocated, from when to when; zero if nobody knows.
func (g group) period() (from, until time.Time) {
	for _, f := range g.findings {
		if f.AllocatedAt.IsZero() {
			continue
		}
		if from.IsZero() || f.AllocatedAt.Before(from) {
			from = f.AllocatedAt
		}
		if f.AllocatedAt.After(until) {
			until = f.AllocatedAt
		}
	}
	return from, until
}

// times is the period for people, in UTC as all of an audit.
func (g group) times() string {
	from, until := g.period()
	switch {
	case from.IsZero():
		return "-"
	case len(g.findings) == 1:
		return from.UTC().Format("2006-01-02 15:04:05 -07:00")
	case from.UTC().Format(time.DateOnly) == until.UTC().Format(time.DateOnly):
		return from.UTC().Format(time.DateOnly)
	}
	return from.UTC().Format(time.DateOnly) + " to " + until.UTC().Format(time.DateOnly)
}

// keys are the primary keys of the rows that a single finding means.
func (g group) keys() string {
	if len(g.findings) > 1 {
		return "-"
	}
	if text := keysOf(g.findings[0]); text != "" {
		return text
	}
	return "-"
}

// keysOf writes the primary keys of rows for people, or "" if there are none.
func keysOf(f gapless.Finding) string {
	var rows []map[string]json.RawMessage
	if json.Unmarshal(f.Keys, &rows) != nil {
		return ""
	}
	texts := make([]string, 0, len(rows))
	for _, row := range rows {
		var columns []string
		column := "" // which it is of several that share the series
		for _, name := range slices.Sorted(maps.Keys(row)) {
			value := string(row[name])
			if text := ""; json.Unmarshal(row[name], &text) == nil {
				value = text
			}
			if name == "" {
				column = value + ": "
			} else {
				columns = append(columns, name+"="+value)
			}
		}
		texts = append(texts, column+strings.Join(columns, ","))
	}
	return cell(strings.Join(texts, "; "))
}
