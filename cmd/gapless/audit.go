package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/db"
)

const auditLong = `Compare the journal, the attached columns and the voids of a sequence, or of all, and print what does
not agree or has to be said: holes, doubles, numbers that were never issued or were changed after
issue, and voids. A finding is explained if the numbers were voided, adopted, forwarded or archived, or
their column was detached meanwhile. Exit code 1 if one is not. Reads one snapshot, and waits for nobody.

--csv prints the names of the fields, and then a line for each finding. So that no text becomes a
formula in a spreadsheet, one that begins with = + - @ or ' has a ' before it, to be taken away by
whoever reads the file. Control characters are escaped, as in the table.

--html writes a page for an auditor, to be read or printed, besides: one file that loads nothing. It
is written as a whole or not at all, and replaces a file of that name.`

func (a *app) newAudit() *cobra.Command {
	var asCSV bool
	var path string
	cmd := &cobra.Command{
		Use:     "audit",
		Short:   "Look for holes, doubles and numbers out of nowhere, and for what explains them",
		Long:    auditLong,
		Example: "  gapless audit\n  gapless audit invoice --csv >findings.csv\n  gapless audit --html audit.html",
	}
	a.command(cmd, []string{"[NAME]"}, func(ctx context.Context, args []string) error {
		switch {
		case a.json && asCSV:
			return usage("--csv and --json cannot be given together", "")
		case path == "" && cmd.Flags().Changed("html"):
			return usage("--html needs the name of a file", "")
		}
		var name *string
		if len(args) == 1 {
			name = &args[0]
		}
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			return a.audit(ctx, conn, name, asCSV, path)
		})
	})
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print CSV (RFC 4180)")
	cmd.Flags().StringVar(&path, "html", "", "write a page for an auditor to this file")
	return a.jsonFlag(cmd)
}

// audit reads, writes the page if there is a path for it, prints the findings, and fails if one is not explained.
func (a *app) audit(ctx context.Context, conn *pgx.Conn, name *string, asCSV bool, path string) error {
	var page *pageFile
	if path != "" {
		var err error
		if page, err = newPageFile(path); err != nil { // before the work, which may be long
			return err
		}
		defer page.discard()
	}
	result, err := readAudit(ctx, conn, name)
	if err != nil {
		return err
	}
	if page != nil {
		if err := page.keep(result.writePage); err != nil {
			return err
		}
	}
	if err := a.printAudit(result, asCSV); err != nil {
		return err
	}
	if result.unexplained() == 0 {
		a.note("%s", result.summary())
		return nil
	}
	return &failure{code: exitFailure, message: result.summary(), hint: "`gapless void` explains a number that was cancelled"}
}

// audit is what one snapshot of a database has.
type audit struct {
	database, version     string
	at                    time.Time // the server's clock
	sessionUser, userName string    // who logged in, and as which role
	sequences             []db.SequencesRow
	findings              []gapless.Finding
}

// readAudit reads it all in one transaction, so that the sequences and the findings agree.
func readAudit(ctx context.Context, conn *pgx.Conn, name *string) (*audit, error) {
	r := &audit{}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) (err error) {
		if _, err = tx.Exec(ctx, plainTransaction); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, "SELECT current_database(), current_setting('server_version'), clock_timestamp(), session_user, current_user").
			Scan(&r.database, &r.version, &r.at, &r.sessionUser, &r.userName)
		if err != nil {
			return err
		}
		if name == nil {
			r.findings, err = gapless.Audit(ctx, tx)
		} else {
			r.findings, err = gapless.NewSequence(*name).Audit(ctx, tx)
		}
		if err != nil {
			return err
		}
		r.sequences, err = db.New(tx).Sequences(ctx, name)
		if err == nil && name != nil && len(r.sequences) == 0 && len(r.findings) == 0 {
			err = noSuch(*name)
		}
		return err
	})
	return r, err
}

func (r *audit) unexplained() (count int) {
	for _, f := range r.findings {
		if !f.Explained {
			count++
		}
	}
	return count
}

// unattached counts the sequences of which there is no column to compare the journal with.
func (r *audit) unattached() (count int) {
	for _, s := range r.sequences {
		if s.AttachedColumn == "" {
			count++
		}
	}
	return count
}

// summary is the audit in one line.
func (r *audit) summary() string {
	findings, unexplained, unattached := len(r.findings), r.unexplained(), r.unattached()
	in := " in " + count(len(r.sequences), "sequence")
	if unattached > 0 {
		in += fmt.Sprintf(" (%s without a column: there, only the journal was looked at)", thousands(int64(unattached)))
	}
	switch {
	case findings == 0:
		return "no finding" + in
	case unexplained == 0:
		return "every finding explained: " + count(findings, "finding") + in
	}
	return fmt.Sprintf("%s not explained of %s%s", thousands(int64(unexplained)), count(findings, "finding"), in)
}

func count(n int, of string) string { return thousands(int64(n)) + " " + of + plural(n) }

// finding is what `audit --json` prints of a finding, and a line of `audit --csv`. Here, what SQL has as NULL is nil.
type finding struct {
	Sequence       string     `json:"sequence"`
	AttachedColumn *string    `json:"attached_column"`
	Kind           string     `json:"kind"`
	FirstValue     *int64     `json:"first_value"`
	LastValue      *int64     `json:"last_value"`
	Explained      bool       `json:"explained"`
	Explanation    string     `json:"explanation"`
	AllocatedBy    *string    `json:"allocated_by"`
	AllocatedAs    *string    `json:"allocated_as"`
	AllocatedAt    *time.Time `json:"allocated_at"`
	TXID           *int64     `json:"txid"`
}

func newFinding(f gapless.Finding) finding {
	line := finding{
		Sequence: f.Sequence, AttachedColumn: given(f.AttachedColumn), Kind: f.Kind, Explained: f.Explained, Explanation: f.Explanation,
		AllocatedBy: given(f.AllocatedBy), AllocatedAs: given(f.AllocatedAs), TXID: given(f.Txid),
	}
	if !f.Unreadable {
		line.FirstValue, line.LastValue = &f.FirstValue, &f.LastValue
	}
	if !f.AllocatedAt.IsZero() {
		line.AllocatedAt = &f.AllocatedAt
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

func (a *app) printAudit(r *audit, asCSV bool) error {
	lines := make([]finding, 0, len(r.findings))
	rows := [][]string{{"SEQUENCE", "COLUMN", "KIND", "NUMBERS", "EXPLAINED", "EXPLANATION", "ALLOCATED BY", "AT", "TRANSACTION"}}
	for _, f := range r.findings {
		lines = append(lines, newFinding(f))
		rows = append(rows, []string{
			cell(f.Sequence), optional(&f.AttachedColumn), f.Kind, numbers(f), yesNo(f.Explained), cell(f.Explanation),
			allocatedBy(f), allocatedAt(f), transaction(f),
		})
	}
	switch {
	case asCSV:
		return a.printCSV(lines)
	case !a.json && len(lines) == 0:
		return nil // the summary says it
	}
	return a.printTable(lines, []int{3, 8}, rows, "")
}

// numbers is a finding's range for people.
func numbers(f gapless.Finding) string {
	switch {
	case f.Unreadable:
		return "-"
	case f.FirstValue == f.LastValue:
		return strconv.FormatInt(f.FirstValue, 10)
	case f.FirstValue < 0:
		return fmt.Sprintf("%d to %d", f.FirstValue, f.LastValue)
	}
	return fmt.Sprintf("%d-%d", f.FirstValue, f.LastValue)
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

func allocatedAt(f gapless.Finding) string {
	if f.AllocatedAt.IsZero() {
		return "-"
	}
	return moment(f.AllocatedAt)
}

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
		"allocated_by", "allocated_as", "allocated_at", "txid",
	}}
	for _, l := range lines {
		at := ""
		if l.AllocatedAt != nil {
			at = l.AllocatedAt.Format(time.RFC3339Nano) // as in JSON
		}
		records = append(records, []string{
			csvText(&l.Sequence), csvText(l.AttachedColumn), l.Kind, csvNumber(l.FirstValue), csvNumber(l.LastValue),
			strconv.FormatBool(l.Explained), csvText(&l.Explanation), csvText(l.AllocatedBy), csvText(l.AllocatedAs), at, csvNumber(l.TXID),
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
