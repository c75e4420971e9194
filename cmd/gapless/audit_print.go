package main

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/pggapless/gapless"
)

// finding is what `audit --json` prints of a finding, and a line of `audit --csv`. Here, what SQL has as NULL is nil.
type finding struct {
	Sequence       string          `json:"sequence"`
	AttachedColumn *string         `json:"attached_column"`
	Kind           string          `json:"kind"`
	FirstValue     *int64          `json:"first_value"`
	LastValue      *int64          `json:"last_value"`
	Explained      bool            `json:"explained"`
	Explanation    string          `json:"explanation"`
	AllocatedBy    *string         `json:"allocated_by"`
	AllocatedAs    *string         `json:"allocated_as"`
	AllocatedAt    *time.Time      `json:"allocated_at"`
	TXID           *int64          `json:"txid"`
	FirstText      *string         `json:"first_text"`
	LastText       *string         `json:"last_text"`
	Keys           json.RawMessage `json:"keys"`
	RecordedAt     *time.Time      `json:"recorded_at,omitempty"`
}

func newFinding(f gapless.Finding) finding {
	line := finding{
		Sequence: f.Sequence, AttachedColumn: given(f.AttachedColumn), Kind: f.Kind, Explained: f.Explained, Explanation: f.Explanation,
		AllocatedBy: given(f.AllocatedBy), AllocatedAs: given(f.AllocatedAs), AllocatedAt: inUTC(&f.AllocatedAt), TXID: given(f.Txid),
		FirstText: given(f.FirstText), LastText: given(f.LastText), Keys: json.RawMessage("[]"), RecordedAt: inUTC(&f.RecordedAt),
	}
	if !f.Unreadable {
		line.FirstValue, line.LastValue = &f.FirstValue, &f.LastValue
	}
	if len(f.Keys) > 0 {
		line.Keys = f.Keys
	}
	return line
}

// given is nil for the zero value.
func given[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

// auditReport is what `audit --json` prints.
type auditReport struct {
	Database      string       `json:"database"`
	Nodes         []string     `json:"nodes,omitempty"`
	ServerVersion string       `json:"server_version"`
	At            time.Time    `json:"at"`
	AuditedBy     string       `json:"audited_by"`
	AuditedAs     string       `json:"audited_as"`
	Choice        choiceReport `json:"choice"`
	Verdict       verdict      `json:"verdict"`
	Summary       string       `json:"summary"`
	LeftOut       tally        `json:"left_out"`
	Digest        string       `json:"digest"`
	Series        []seriesLine `json:"series"`
	Findings      []finding    `json:"findings"`
}

// choiceReport is what was asked for.
type choiceReport struct {
	Name        *string `json:"name,omitempty"`
	Like        string  `json:"like,omitempty"`
	Column      string  `json:"column,omitempty"`
	From        string  `json:"from,omitempty"`
	Until       string  `json:"until,omitempty"`
	Unexplained bool    `json:"unexplained,omitempty"`
	SinceLast   bool    `json:"since_last,omitempty"`
}

func (c *choice) report() choiceReport {
	return choiceReport{c.name, c.like, c.column, (*day)(&c.from).String(), (*day)(&c.until).String(), c.unexplained, c.sinceLast}
}

func (r *audit) report() (auditReport, error) {
	digest, err := r.digest()
	report := auditReport{
		Database: r.database, Nodes: r.nodes, ServerVersion: r.version, At: r.at.UTC(), AuditedBy: r.sessionUser, AuditedAs: r.userName, Choice: r.choice.report(),
		Verdict: r.verdict(), Summary: r.summary(), LeftOut: r.leftOut, Digest: digest, Series: r.series, Findings: r.lines(),
	}
	if report.Series == nil {
		report.Series = []seriesLine{} // JSON's [] and not null
	}
	return report, err
}

func (r *audit) lines() []finding {
	lines := make([]finding, 0, len(r.findings))
	for _, f := range r.findings {
		lines = append(lines, newFinding(f))
	}
	return lines
}

// digest is the SHA-256 of the series and the findings, each as one line of JSON, sorted, and without when it was recorded. An
// audit that is repeated has the same as long as nothing has changed.
func (r *audit) digest() (string, error) {
	var lines []string
	encode := func(line any) error {
		var text strings.Builder // as it stands in --json, but for white space
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		err := encoder.Encode(line)
		lines = append(lines, text.String())
		return err
	}
	for _, s := range r.series {
		if err := encode(s); err != nil {
			return "", err
		}
	}
	for _, f := range r.lines() {
		f.RecordedAt = nil
		if err := encode(f); err != nil {
			return "", err
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:]), nil
}

func (a *app) printAudit(r *audit, f *auditFlags) error {
	switch {
	case f.csv:
		return a.printCSV(r.lines())
	case a.json:
		report, err := r.report()
		if err != nil {
			return err
		}
		return a.print(report, "")
	case len(r.findings) == 0:
		return nil // the summary says it
	}
	most := findingsOfAKind
	if f.all {
		most = len(r.findings)
	}
	return a.printFindings(grouped(r.findings, most, func(gapless.Finding) string { return "" }))
}

// printFindings prints a line for each group. On a terminal, what does not fit is left out.
func (a *app) printFindings(groups []group) error {
	rows := [][]string{{"SEQUENCE", "COLUMN", "KIND", "NUMBERS", "EXPLAINED", "NEW", "EXPLANATION", "ROWS", "ALLOCATED BY", "AT", "TRANSACTION"}}
	colours := []colour{plain}
	for _, g := range groups {
		f := g.findings[0]
		row := []string{
			cell(f.Sequence), optional(&f.AttachedColumn), f.Kind, g.numbers(), yesNo(f.Explained), g.one(isNew), g.explanation(),
			g.keys(), g.one(allocatedBy), g.times(), g.one(transaction),
		}
		rows = append(rows, row)
		if f.Explained && f.Kind != kindNotRead {
			colours = append(colours, plain)
		} else {
			colours = append(colours, red)
		}
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	for name, empty := range map[string]string{"ROWS": "-", "NEW": "yes"} { // where nothing was recorded, all is new
		if i := column(name); !slices.ContainsFunc(rows[1:], func(row []string) bool { return row[i] != empty }) {
			for r := range rows {
				rows[r] = slices.Delete(rows[r], i, i+1)
			}
		}
	}
	var order []int
	for _, name := range []string{"TRANSACTION", "AT", "ALLOCATED BY", "COLUMN", "ROWS"} {
		if i := column(name); i >= 0 {
			order = append(order, i)
		}
	}
	rows = fit(rows, a.width(a.stdout), order)
	var text strings.Builder
	if err := table(&text, []int{column("NUMBERS")}, rows); err != nil {
		return err
	}
	for i, line := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
		if _, err := fmt.Fprintln(a.stdout, a.coloured(a.stdout, colours[i], line)); err != nil {
			return err
		}
	}
	return nil
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func allocatedBy(f gapless.Finding) string {
	if f.AllocatedAs == "" {
		return optional(&f.AllocatedBy)
	}
	return fmt.Sprintf("%s (role %s)", cell(f.AllocatedBy), cell(f.AllocatedAs))
}

func isNew(f gapless.Finding) string { return yesNo(f.RecordedAt.IsZero()) }

func transaction(f gapless.Finding) string {
	if f.Txid == 0 {
		return "-"
	}
	return strconv.FormatInt(f.Txid, 10)
}

func (a *app) printCSV(lines []finding) error {
	w := csv.NewWriter(a.stdout)
	w.UseCRLF = true
	records := [][]string{{
		"sequence", "attached_column", "kind", "first_value", "last_value", "explained", "explanation",
		"allocated_by", "allocated_as", "allocated_at", "txid", "first_text", "last_text", "keys", "recorded_at",
	}}
	for _, l := range lines {
		keys := escape(string(l.Keys), func(odd string) string { // JSON in a cell is JSON
			var units strings.Builder
			for _, unit := range utf16.Encode([]rune(odd)) {
				fmt.Fprintf(&units, `\u%04x`, unit)
			}
			return units.String()
		})
		records = append(records, []string{
			csvText(&l.Sequence), csvText(l.AttachedColumn), l.Kind, csvNumber(l.FirstValue), csvNumber(l.LastValue),
			strconv.FormatBool(l.Explained), csvText(&l.Explanation), csvText(l.AllocatedBy), csvText(l.AllocatedAs), csvTime(l.AllocatedAt), csvNumber(l.TXID),
			csvText(l.FirstText), csvText(l.LastText), csvText(&keys), csvTime(l.RecordedAt),
		})
	}
	return w.WriteAll(records)
}

// csvText makes a text safe for a spreadsheet, which takes one that begins like a formula for one.
func csvText(text *string) string {
	if text == nil {
		return ""
	}
	safe := cell(*text)
	if safe != "" && strings.ContainsRune("=+-@'", rune(safe[0])) {
		return "'" + safe
	}
	return safe
}

func csvNumber(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// csvTime is a time as in JSON.
func csvTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
