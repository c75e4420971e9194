package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/pggapless/gapless"
)

//go:embed audit.html.tmpl
var auditTemplate string

var auditPage = template.Must(template.New("audit").Funcs(template.FuncMap{"short": short, "pieces": pieces}).Parse(auditTemplate))

// However much was found, a page opens at once: the rest is in CSV and JSON.
const (
	rowsOfASection = 500
	rowsOfSeries   = 1000
	numbersOfARow  = 200
)

// short says whether a text is short enough never to be broken.
func short(text string) bool { return utf8.RuneCountInString(text) <= 24 }

// piece is a part of a text, which is not to be broken if it is Whole.
type piece struct {
	Text  string
	Whole bool
}

var wordWithDigit = regexp.MustCompile(`\S*[0-9]\S*`)

// pieces are a text's words with a digit, and what is between them: numbers and times are never broken.
func pieces(text string) (all []piece) {
	end := 0
	for _, at := range wordWithDigit.FindAllStringIndex(text, -1) {
		if short(text[at[0]:at[1]]) {
			all = append(all, piece{text[end:at[0]], false}, piece{text[at[0]:at[1]], true})
			end = at[1]
		}
	}
	return append(all, piece{text[end:], false})
}

// pageFlags are what the page says besides what was found.
type pageFlags struct {
	title, organisation, period, language, file string
	words                                       texts
}

func (f *pageFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.title, "title", "", "the page's `title`")
	flags.StringVar(&f.organisation, "organisation", "", "the `name` of who is audited, for the page")
	flags.StringVar(&f.period, "period", "", "the `period` of the audit, as the page says it")
	flags.StringVar(&f.language, "language", "en", "the page's `language`: de or en")
	flags.StringVar(&f.file, "texts", "", "a `file` of texts for a page in another language")
}

func (f *pageFlags) read() (texts, error) {
	if f.file != "" {
		return readTexts(f.file)
	}
	return builtinTexts(f.language)
}

// page is what the template shows.
type page struct {
	texts
	Title, Organisation, Stamp, Version string
	Sound                               bool
	Opening                             []string
	Result                              string
	Caveats                             []string
	Facts                               []word
	Series                              []seriesRow
	Total                               *seriesRow
	MoreSeries                          string
	Open, Explained                     []section
	Digest                              string
	Glossary                            []word
	err                                 error
}

// word is a word and what it is.
type word struct{ Name, Text string }

// Say is a text.
func (p *page) Say(key string) string { return p.say(key) }

// Header is the top of each printed page.
func (p *page) Header() template.CSS {
	if p.Organisation == "" {
		return cssString(p.Title)
	}
	return cssString(p.Title + " · " + p.Organisation)
}

// HeaderStamp is its other end.
func (p *page) HeaderStamp() template.CSS { return cssString(p.Stamp) }

// cssString is a text as a string of CSS: whatever is no letter or digit is escaped.
func cssString(text string) template.CSS {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		if r == ' ' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\%06x ", r) // the space ends the escape
		}
	}
	b.WriteByte('"')
	return template.CSS(b.String()) //nolint:gosec // nothing in it ends the string
}

// Footer is the last line.
func (p *page) Footer() string { return p.say("footer", "version", p.Version) }

// With is what a part of the template needs that shows a section.
func (p *page) With(s section) map[string]any { return map[string]any{"Page": p, "Section": s} }

// seriesRow is a row of the table of series.
type seriesRow struct {
	Name, Column                                        string
	First, Last                                         string
	Documents, Issued, Void, Adopted, Archived, Missing string
	From, Until, Period                                 string // Period says which it is
	Bad                                                 bool
	documents, issued, void, adopted, archived, missing quantity
}

// section is what was found of one kind.
type section struct {
	ID, Title, Count, Found, Means string
	Rows                           []findingRow
	HasKeys                        bool
	More                           string
}

// findingRow is one finding, or several with the same reason.
type findingRow struct {
	Series, Column  string
	Ends            span
	Count, More     string // of several
	Numbers         []span // of several, as far as there is room
	Keys, Remark    string
	By, From, Until string
	Transaction     string
}

// span is a finding's first and last number; if there is one alone, Last is empty.
type span struct{ First, Last string }

func newSpan(f gapless.Finding) span {
	first, last := ends(f)
	if first == last {
		last = ""
	}
	return span{first, last}
}

func (p *page) write(w io.Writer) error {
	if p.err != nil {
		return p.err
	}
	return auditPage.Execute(w, p)
}

// page makes the page of what was found.
func (r *audit) page(f *pageFlags) *page {
	t := f.words
	p := &page{
		texts: t, Title: f.title, Organisation: cell(f.organisation), Stamp: t.moment(r.at), Version: version(), Sound: r.verdict().sound() && r.leftOut.Unexplained == 0,
	}
	if p.Title == "" {
		p.Title = t.say("title")
	}
	p.Title = cell(p.Title)
	p.Digest, p.err = r.digest()
	p.addSeries(r)
	p.addFindings(r)
	p.addOpening(r, f)
	p.addFacts(r, f)
	for _, w := range []string{"series", "document", "journal", "issued", "void", "adopted", "archived", "explained", "transaction", "chain", "digest", "utc"} {
		p.Glossary = append(p.Glossary, word{t.say("glossary." + w), t.say("glossary." + w + ".text")})
	}
	return p
}

// who is the user who audits.
func (p *page) who(r *audit) string {
	if r.userName == r.sessionUser {
		return cell(r.sessionUser)
	}
	return p.say("as_role", "user", cell(r.sessionUser), "role", cell(r.userName))
}

// addOpening says first what was checked, by whom, when, of which period, and with what result.
func (p *page) addOpening(r *audit, f *pageFlags) {
	n := r.counts()
	p.Opening = []string{p.say("opening", "date", p.date(r.at), "time", p.time(r.at), "who", p.who(r), "database", cell(r.where()))}
	if n.series > 0 {
		p.Opening = append(p.Opening, p.say("opening.compared", "documents", p.count("documents", n.documents), "series", p.count("in_series", quantity(n.series))))
	}
	if period := p.period(r, f); period != "" {
		p.Opening = append(p.Opening, p.say("opening.period", "period", period))
	}
	var from, until time.Time
	for _, s := range r.series {
		if s.AllocatedFrom != nil && (from.IsZero() || s.AllocatedFrom.Before(from)) {
			from = *s.AllocatedFrom
		}
		if s.AllocatedUntil != nil && s.AllocatedUntil.After(until) {
			until = *s.AllocatedUntil
		}
	}
	switch {
	case from.IsZero() || until.IsZero():
	case p.date(from) == p.date(until):
		p.Opening = append(p.Opening, p.say("opening.numbered_on", "date", p.date(from)))
	default:
		p.Opening = append(p.Opening, p.say("opening.numbered", "from", p.date(from), "until", p.date(until)))
	}
	v := r.verdict()
	switch {
	case v.sound() && r.leftOut.Unexplained > 0:
		p.Result = p.say("result.selection")
	case v == verdictSound && n.series == 0:
		p.Result = p.say("result.empty")
	default:
		p.Result = p.say("result."+string(v),
			"unexplained", p.count("findings", quantity(n.unexplained)), "explained", p.count("findings", quantity(n.findings-n.unexplained)))
	}
	if n.unattached > 0 {
		p.Caveats = append(p.Caveats, p.say("caveat.journal", "series", p.count("series", quantity(n.unattached))))
	}
	if n.notRead > 0 && v == verdictUnexplained {
		p.Caveats = append(p.Caveats, p.say("caveat.not_read", "title", p.say("not read.open.title")))
	}
	if r.leftOut.Findings > 0 {
		p.Caveats = append(p.Caveats, p.say("caveat.left_out", "findings", p.count("findings", quantity(r.leftOut.Findings)), "unexplained", p.number(quantity(r.leftOut.Unexplained))))
	}
}

// period is that of the audit: as it was given, or as it was chosen.
func (p *page) period(r *audit, f *pageFlags) string {
	c := r.choice
	switch {
	case f.period != "":
		return cell(f.period)
	case !c.from.IsZero() && !c.until.IsZero():
		return p.say("from_until", "from", p.date(c.from), "until", p.date(c.until))
	}
	return ""
}

func (p *page) addFacts(r *audit, f *pageFlags) {
	fact := func(key, text string) {
		if text != "" {
			p.Facts = append(p.Facts, word{p.say("fact." + key), text})
		}
	}
	fact("organisation", p.Organisation)
	fact("period", p.period(r, f))
	fact("database", cell(r.where()))
	fact("server", "PostgreSQL "+r.version)
	fact("program", "gapless "+p.Version)
	fact("who", p.who(r))
	fact("when", p.Stamp)
	fact("choice", p.choice(r.choice))
}

// choice says what was asked for.
func (p *page) choice(c *choice) string {
	var parts []string
	switch {
	case c.name != nil:
		parts = append(parts, p.say("choice.name", "name", cell(*c.name)))
	case c.like != "":
		parts = append(parts, p.say("choice.like", "pattern", cell(c.like)))
	case c.column != "":
		parts = append(parts, p.say("choice.column", "column", cell(c.column)))
	default:
		parts = append(parts, p.say("choice.all"))
	}
	switch {
	case !c.from.IsZero() && !c.until.IsZero():
		parts = append(parts, p.say("choice.period", "from", p.date(c.from), "until", p.date(c.until)))
	case !c.from.IsZero():
		parts = append(parts, p.say("choice.since", "from", p.date(c.from)))
	case !c.until.IsZero():
		parts = append(parts, p.say("choice.before", "until", p.date(c.until)))
	}
	if c.unexplained {
		parts = append(parts, p.say("choice.unexplained"))
	}
	if c.sinceLast {
		parts = append(parts, p.say("choice.since_last"))
	}
	return strings.Join(parts, "; ")
}

// addSeries makes the table of series. If there are too many, those where numbers are missing stay.
func (p *page) addSeries(r *audit) {
	shown := r.series
	if len(shown) > rowsOfSeries {
		bad := make([]seriesLine, 0, rowsOfSeries)
		var good []seriesLine
		for _, s := range shown {
			if s.Missing > 0 {
				bad = append(bad, s)
			} else {
				good = append(good, s)
			}
		}
		missing := max(len(bad)-rowsOfSeries, 0)
		bad = bad[:len(bad)-missing]
		shown = slices.Concat(bad, good[:min(len(good), rowsOfSeries-len(bad))])
		slices.SortStableFunc(shown, func(a, b seriesLine) int { return strings.Compare(a.Sequence, b.Sequence) })
		more := "series.more"
		if missing > 0 {
			more = "series.more_missing"
		}
		p.MoreSeries = p.say(more, "series", p.count("series", quantity(len(r.series)-len(shown))), "missing", p.number(quantity(missing)))
	}
	for _, s := range shown {
		p.Series = append(p.Series, p.seriesRow(s))
	}
	if len(r.series) < 2 {
		return
	}
	total := seriesRow{Name: p.say("series.total")}
	for _, s := range r.series {
		total.documents.add(s.Documents)
		total.issued.add(s.Issued)
		total.void.add(s.Void)
		total.adopted.add(s.Adopted)
		total.archived.add(s.Archived)
		total.missing.add(s.Missing)
	}
	p.writeCounts(&total)
	p.Total = &total
}

// writeCounts writes the counts of a row.
func (p *page) writeCounts(row *seriesRow) {
	row.Documents, row.Issued, row.Void = p.number(row.documents), p.number(row.issued), p.number(row.void)
	row.Adopted, row.Archived, row.Missing = p.number(row.adopted), p.number(row.archived), p.number(row.missing)
	row.Bad = row.missing > 0
}

func (p *page) seriesRow(s seriesLine) seriesRow {
	row := seriesRow{
		Name: cell(s.Sequence), Column: p.say("series.journal"),
		documents: s.Documents, issued: s.Issued, void: s.Void, adopted: s.Adopted, archived: s.Archived, missing: s.Missing,
	}
	p.writeCounts(&row)
	if s.AttachedColumn != nil {
		row.Column = cell(*s.AttachedColumn)
	} else {
		row.Documents = "–"
	}
	if len(s.Columns) > 1 {
		var columns []string
		for _, name := range slices.Sorted(maps.Keys(s.Columns)) {
			columns = append(columns, cell(name)+": "+p.number(s.Columns[name]))
		}
		row.Column = strings.Join(columns, ", ")
	}
	f := gapless.Finding{Unreadable: s.FirstValue == nil || s.LastValue == nil}
	if !f.Unreadable {
		f.FirstValue, f.LastValue = *s.FirstValue, *s.LastValue
	}
	if s.FirstText != nil && s.LastText != nil {
		f.FirstText, f.LastText = *s.FirstText, *s.LastText
	}
	row.First, row.Last = ends(f)
	switch {
	case s.DatedFrom != nil && s.DatedUntil != nil:
		row.Period, row.From, row.Until = p.say("series.dated"), p.day(*s.DatedFrom), p.day(*s.DatedUntil)
	case s.AllocatedFrom != nil && s.AllocatedUntil != nil:
		row.Period, row.From, row.Until = p.say("series.numbered"), p.date(*s.AllocatedFrom), p.date(*s.AllocatedUntil)
	}
	if row.Until == row.From {
		row.Until = ""
	}
	return row
}

// kinds are the kinds of findings in the order of the page; others come after them.
var kinds = []string{
	kindNotRead, "hole", "double", "never issued", "changed after issue", "broken",
	"void", "archived", "start", "live", "range", "withdrawn", "closed", "opened",
}

func (p *page) addFindings(r *audit) {
	type part struct {
		kind      string
		explained bool
	}
	parts := make(map[part][]gapless.Finding)
	order := slices.Clone(kinds)
	for _, f := range r.findings {
		// That something was changed meanwhile is explained, and yet open.
		parts[part{f.Kind, f.Explained}] = append(parts[part{f.Kind, f.Explained}], f)
		if !slices.Contains(order, f.Kind) {
			order = append(order, f.Kind)
		}
	}
	remarks := p.remarks()
	for _, kind := range order {
		for _, explained := range []bool{false, true} {
			findings := parts[part{kind, explained}]
			if len(findings) == 0 {
				continue
			}
			s := p.section(kind, explained, findings, remarks)
			if explained && kind != kindNotRead {
				p.Explained = append(p.Explained, s)
			} else {
				p.Open = append(p.Open, s)
			}
		}
	}
}

// section is what was found of one kind.
func (p *page) section(kind string, explained bool, findings []gapless.Finding, remarks remarks) section {
	state := ".open"
	if explained {
		state = ".explained"
	}
	text := kind + state
	if p.say(text+".title") == "" {
		text = "other" + state
	}
	s := section{
		ID: strings.ReplaceAll(cell(kind), " ", "-") + strings.ReplaceAll(state, ".", "-"), Title: p.say(text+".title", "kind", cell(kind)),
		Found: p.say(text + ".found"), Means: p.say(text + ".means"), Count: p.tell("section.count", findings),
	}
	groups := grouped(findings, findingsOfAKind, reason)
	for i, g := range groups {
		if i == rowsOfASection {
			var rest []gapless.Finding
			for _, g := range groups[i:] {
				rest = append(rest, g.findings...)
			}
			s.More = p.tell("section.more", rest)
			break
		}
		row := p.findingRow(g, remarks)
		s.HasKeys = s.HasKeys || row.Keys != ""
		s.Rows = append(s.Rows, row)
	}
	return s
}

// tell says how many findings there are, with how many numbers, in how many series.
func (p *page) tell(key string, findings []gapless.Finding) string {
	names := make(map[string]bool)
	for _, f := range findings {
		names[f.Sequence] = f.Sequence != ""
	}
	if (group{findings}).size() == 0 && key == "section.count" {
		return p.count("findings", quantity(len(findings)))
	}
	return p.say(key, "findings", p.count("findings", quantity(len(findings))), "numbers", p.count("numbers", group{findings}.size()),
		"series", p.count("in_series", quantity(len(names))))
}

func (p *page) findingRow(g group, remarks remarks) findingRow {
	f := g.findings[0]
	row := findingRow{Series: cell(f.Sequence), Column: cell(f.AttachedColumn), Remark: cell(remarks.of(f.Explanation))}
	if row.Series == "" {
		row.Series = p.say("no_series")
	}
	row.Ends = newSpan(f)
	if last := len(g.findings) - 1; last > 0 {
		row.Ends.Last = cmp.Or(newSpan(g.findings[last]).Last, newSpan(g.findings[last]).First)
		row.Count = p.count("findings", quantity(len(g.findings)))
		for _, f := range g.findings[:min(len(g.findings), numbersOfARow)] {
			row.Numbers = append(row.Numbers, newSpan(f))
		}
		if more := len(g.findings) - numbersOfARow; more > 0 {
			row.More = p.say("group.more", "n", p.number(quantity(more)), "last", row.Ends.Last)
		}
	}
	if row.Ends.First == "" {
		row.Ends, row.Numbers = span{p.say("number.unreadable"), ""}, nil
		if f.Explained && f.Kind != kindNotRead { // decided before the first one
			row.Ends.First = p.say("number.none")
		}
	}
	if len(g.findings) == 1 {
		row.Keys = keysOf(f)
	}
	if from, until := g.period(); !from.IsZero() {
		row.From = p.moment(from)
		if len(g.findings) > 1 {
			row.From, row.Until = p.date(from), p.date(until)
			if row.Until == row.From {
				row.Until = ""
			}
		}
	}
	if by := p.by(g); by != "" {
		row.By = p.say("given_out.by", "who", by)
	}
	switch same := g.one(transaction); same {
	case "-":
	case "several":
		row.Transaction = p.say("given_out.several")
	default:
		row.Transaction = p.say("given_out.transaction", "n", same)
	}
	return row
}

// by are those who allocated a group's numbers.
func (p *page) by(g group) string {
	var names []string
	for _, f := range g.findings {
		if f.AllocatedBy == "" {
			continue
		}
		name := cell(f.AllocatedBy)
		if f.AllocatedAs != "" {
			name = p.say("as_role", "user", name, "role", cell(f.AllocatedAs))
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 5 {
		names = append(names[:5], fmt.Sprintf("… (%d)", len(names)))
	}
	return strings.Join(names, ", ")
}
