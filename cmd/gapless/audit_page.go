package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/db"
)

//go:embed audit.html.tmpl
var auditTemplate string

var auditPage = template.Must(template.New("audit").Funcs(template.FuncMap{
	"text": cell, "thousands": func(n int) string { return thousands(int64(n)) }, "numbers": numbers, "by": allocatedBy, "at": allocatedAt, "transaction": transaction,
}).Parse(auditTemplate))

// page is what the template shows.
type page struct {
	Database, Version, Program, User, At string
	Series, Findings                     int
	Sound                                bool
	Verdict, Caveat                      string
	Unexplained, Explained, Clean        []*series
	Footnotes                            bool // a clean series' first number has one
}

// Shown are the series that have a finding.
func (p *page) Shown() []*series { return slices.Concat(p.Unexplained, p.Explained) }

// series is a sequence and what was found of it.
type series struct {
	ID           int
	Name, Column string
	Bar          bar
	Issued       string
	Last         string
	Start        start
	Unused       bool // it is closed, and has no number
	Lost         bool // rows have its numbers, and there is no such sequence
	New          bool // something was decided about it, and it has no number
	Findings     []gapless.Finding
}

func (r *audit) writePage(w io.Writer) error { return auditPage.Execute(w, r.page()) }

func (r *audit) page() *page {
	p := &page{
		Database: r.database, Version: r.version, Program: version(), User: r.sessionUser, At: moment(r.at), Findings: len(r.findings),
	}
	if r.userName != r.sessionUser {
		p.User = fmt.Sprintf("%s (as role %s)", r.sessionUser, r.userName)
	}
	all := r.series()
	p.Series = len(all)
	for i, s := range all {
		s.ID = i + 1
		switch {
		case len(s.Findings) == 0:
			p.Clean = append(p.Clean, s)
			p.Footnotes = p.Footnotes || s.Start != startKnown
		case slices.ContainsFunc(s.Findings, func(f gapless.Finding) bool { return !f.Explained }):
			p.Unexplained = append(p.Unexplained, s)
		default:
			p.Explained = append(p.Explained, s)
		}
	}
	p.Sound = len(p.Unexplained) == 0
	switch {
	case !p.Sound:
		p.Verdict = fmt.Sprintf("%s of %s not explained, in %s of %s.",
			thousands(int64(r.unexplained())), count(p.Findings, "finding"), thousands(int64(len(p.Unexplained))), seriesCount(p.Series))
	case p.Series == 0:
		p.Verdict = "There is no sequence yet."
	case p.Findings == 0:
		p.Verdict = fmt.Sprintf("Sound: no finding in %s.", seriesCount(p.Series))
	default:
		p.Verdict = fmt.Sprintf("Sound: %s in %s, explained.", count(p.Findings, "finding"), seriesCount(p.Series))
	}
	if n := r.unattached(); n > 0 {
		p.Caveat = fmt.Sprintf("Of %s no column is attached: there, only the journal was looked at, and not whether rows have the numbers.", seriesCount(n))
	}
	return p
}

func seriesCount(n int) string { return thousands(int64(n)) + " series" }

// series puts the findings to their sequences, by name.
func (r *audit) series() []*series {
	found := make(map[string][]gapless.Finding)
	for _, f := range r.findings {
		found[f.Sequence] = append(found[f.Sequence], f)
	}
	all := make([]*series, 0, len(r.sequences))
	for _, s := range r.sequences {
		all = append(all, newSeries(s, found[s.Name]))
		delete(found, s.Name)
	}
	for name, findings := range found {
		all = append(all, &series{
			Name: name, Column: findings[0].AttachedColumn, Lost: !decidedAll(findings), New: decidedAll(findings), Issued: "0", Findings: findings,
			Bar: newBar(0, 0, true, false, findings),
		})
	}
	slices.SortFunc(all, func(a, b *series) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func newSeries(s db.SequencesRow, findings []gapless.Finding) *series {
	first, how := seriesStart(s)
	if i := slices.IndexFunc(findings, func(f gapless.Finding) bool { return f.Kind == "start" }); i >= 0 {
		first, how = findings[i].FirstValue, startKnown
	}
	return &series{
		Name: s.Name, Column: s.AttachedColumn, Issued: strconv.FormatInt(s.Issued, 10), Last: strconv.FormatInt(s.LastValue, 10),
		Unused: s.Unused && s.Closed, New: s.Unused && !s.Closed, Start: how, Findings: findings, Bar: newBar(first, s.LastValue, false, how != startKnown, findings),
	}
}

// First is the series' first number, as far as it is known.
func (s *series) First() string {
	switch s.Start {
	case startKnown:
		return strconv.FormatInt(s.Bar.First, 10)
	case startAssumed:
		return strconv.FormatInt(s.Bar.First, 10) + " *"
	default:
		return "not recorded *"
	}
}

// Note is what a reader of the bar has to know, or "".
func (s *series) Note() string {
	switch {
	case s.Unused:
		return "It was closed before it had a number."
	case s.New:
		return "It has no number yet."
	case s.Lost:
		return "Rows have numbers of this series, and gapless has no sequence of that name."
	case s.Issued == "0":
		return "It has only adopted numbers, and where they began is not recorded."
	case s.Start == startAssumed:
		return "Where it began is not recorded: adopted numbers may come before, or it cycles."
	case s.Start == startUnknown:
		return "Where it began is not recorded: it cycles, or began below 1; an earlier cycle may have gone higher."
	}
	return ""
}

const labels = 8 // of a kind, below a bar

// Labels name the first findings that are explained, or those that are not.
func (s *series) Labels(explained bool) string {
	var texts []string
	total := 0
	for _, f := range s.Findings {
		if f.Explained != explained {
			continue
		}
		if total++; total <= labels {
			texts = append(texts, label(f))
		}
	}
	if total > labels {
		texts = append(texts, fmt.Sprintf("and %s more", thousands(int64(total-labels))))
	}
	return strings.Join(texts, ", ")
}

func label(f gapless.Finding) string {
	switch {
	case decided(f) && f.Unreadable: // before its first number
		return f.Kind
	case f.Unreadable:
		return "a number that cannot be read"
	case f.Explained && f.Kind == "hole":
		reason, _, _ := strings.Cut(f.Explanation, ":") // void, adopted or pruned
		return fmt.Sprintf("%s (hole, %s)", numbers(f), reason)
	}
	return fmt.Sprintf("%s (%s)", numbers(f), f.Kind)
}
