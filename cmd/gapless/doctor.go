package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless/db"
	"github.com/pggapless/gapless/migrate"
)

// complaint is what `doctor --json` prints of a finding.
type complaint struct {
	Severity string `json:"severity"` // critical, warning or notice
	Finding  string `json:"finding"`
	Object   string `json:"object"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy"`
}

// severities has what is worst first.
var severities = []string{"critical", "warning", "notice"}

var severityColours = map[string]colour{"critical": red, "warning": yellow, "notice": plain}

func (a *app) newDoctor() *cobra.Command {
	least := choiceOf{value: "notice", of: severities}
	cmd := a.command(&cobra.Command{
		Use:   "doctor",
		Short: "Show what is wrong, and what to do",
		Long: `Show what is wrong, and what to do: what the view gapless.doctor finds (sequences that are held for long,
guards that are off, ranges near their end, unsafe settings, missing objects, rights that nobody gave, and
more), and what only a client sees: a pooler in between, settings that it leaked, another version.
It takes no lock, and reads no numbered table: that is what audit is for.

The exit code is 1 if something critical or a warning was found, and 0 if there is nothing, or there are
notices alone. A database without gapless is exit code 4.`,
		Example: "  gapless doctor\n  gapless doctor --severity critical --json",
	}, nil, func(ctx context.Context, _ []string) error {
		var found []complaint
		err := a.withConn(ctx, func(conn *pgx.Conn) (err error) {
			found, err = diagnose(ctx, conn)
			return err
		})
		if err != nil {
			return err
		}
		worst := slices.Index(severities, least.value)
		found = slices.DeleteFunc(found, func(c complaint) bool { return slices.Index(severities, c.Severity) > worst })
		return a.printComplaints(found)
	})
	cmd.Flags().Var(&least, "severity", "show what is at least so bad")
	return a.jsonFlag(cmd)
}

// diagnose asks the database, and looks at the connection.
func diagnose(ctx context.Context, conn *pgx.Conn) ([]complaint, error) {
	found, err := ofConnection(ctx, conn) // first, while the session is as it was given
	if err != nil {
		return nil, err
	}
	version, err := migrate.Status(ctx, conn)
	if err != nil {
		return nil, err
	}
	if version.Current == 0 {
		return nil, &failure{code: exitMissing, message: "gapless is not installed in this database", hint: "run `gapless migrate up`"}
	}
	found = append(found, ofVersion(version)...)
	rows, err := readOn(ctx, conn, func(tx pgx.Tx) ([]db.DoctorRow, error) { return db.New(tx).Doctor(ctx) })
	switch pgErr, ok := errors.AsType[*pgconn.PgError](err); {
	case ok && pgErr.Code == "42P01" && version.Current >= version.Latest: // undefined_table
		return nil, &failure{
			code: exitFailure, cause: err, message: "view gapless.doctor is gone: somebody dropped it, or something that it reads",
			hint: "as the owner of schema gapless, run `gapless migrate up`; what that says is missing has to be restored first",
		}
	case ok && pgErr.Code == "42501": // insufficient_privilege
		some, readErr := ofInstallation(ctx, conn)
		if readErr != nil || len(some) == 0 {
			f := caused(err)
			f.hint = monitorsRights
			return nil, f
		}
		found = append(found, some...)
	case err != nil:
		return nil, err
	}
	for _, row := range rows {
		found = append(found, complaint(row))
	}
	slices.SortStableFunc(found, func(x, y complaint) int {
		return cmp.Compare(slices.Index(severities, x.Severity), slices.Index(severities, y.Severity))
	})
	return found, nil
}

// monitorsRights is what to do where a role may not read the view.
const monitorsRights = "as the owner of schema gapless, GRANT USAGE ON SCHEMA gapless, SELECT ON ALL TABLES IN SCHEMA gapless and " +
	"EXECUTE ON FUNCTION gapless.audit_gapless TO the role; docs/operations.md, What to watch, has the statements"

// ofInstallation is the part of the view that reads the catalogs alone. The whole cannot be read, by nobody, where a table of the schema
// was given to another role: what a view reads is read by its owner's rights.
func ofInstallation(ctx context.Context, conn *pgx.Conn) ([]complaint, error) {
	return readOn(ctx, conn, func(tx pgx.Tx) ([]complaint, error) {
		rows, err := tx.Query(ctx, "SELECT severity, finding, object, message, remedy FROM gapless.doctor_installation ORDER BY finding, object", pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[complaint])
	})
}

// ofVersion compares the schema with this program.
func ofVersion(v migrate.Version) []complaint {
	_, text := describe(v)
	switch {
	case v.Current < v.Latest:
		return []complaint{{"warning", "schema_behind", "gapless", "schema gapless is at " + text, "gapless migrate up"}}
	case v.Current > v.Latest:
		return []complaint{{"warning", "program_behind", "gapless", "schema gapless is at " + text, "Install the newer release of this program, too."}}
	}
	return nil
}

// printComplaints prints findings, and says by its error whether something is bad.
func (a *app) printComplaints(found []complaint) error {
	if !a.json && len(found) == 0 {
		if a.terminal(a.stderr) { // else nobody waits for an answer: a cron job would send a mail each time
			a.note("nothing is wrong")
		}
		return nil
	}
	if found == nil {
		found = []complaint{}
	}
	if err := a.print(found, a.complaintsText(found)); err != nil {
		return err
	}
	var counts []string
	for _, severity := range severities[:2] {
		if n := countOf(found, severity); n > 0 {
			counts = append(counts, countedAs(n, severity))
		}
	}
	if len(counts) == 0 {
		return nil
	}
	return &failure{code: exitFailure, message: a.coloured(a.stderr, red, "findings: "+strings.Join(counts, ", ")), hint: "docs/operations.md says what each finding means"}
}

// countedAs is a number of findings in words. "critical" has no plural.
func countedAs(n int, severity string) string {
	if severity == "critical" {
		return fmt.Sprintf("%d critical", n)
	}
	return fmt.Sprintf("%d %s%s", n, severity, plural(n))
}

func countOf(found []complaint, severity string) (n int) {
	for _, c := range found {
		if c.Severity == severity {
			n++
		}
	}
	return n
}

// complaintsText has a paragraph a finding, under the headings of the severities, as wide as the terminal.
func (a *app) complaintsText(found []complaint) string {
	width := a.width(a.stdout)
	var text strings.Builder
	for _, severity := range severities {
		n := countOf(found, severity)
		if n == 0 {
			continue
		}
		if text.Len() > 0 {
			text.WriteString("\n")
		}
		text.WriteString(a.coloured(a.stdout, severityColours[severity], fmt.Sprintf("%s (%d)", strings.ToUpper(severity), n)) + "\n")
		for _, c := range found {
			if c.Severity != severity {
				continue
			}
			text.WriteString(wrap(cell(c.Finding+": "+c.Object), "  ", "    ", width))
			text.WriteString(wrap(cell(c.Message), "    ", "    ", width))
			// A comment that is wrapped stays one.
			statements, comment, commented := strings.Cut(cell(c.Remedy), " -- ")
			text.WriteString(wrap(statements, "    > ", "      ", width))
			if commented {
				text.WriteString(wrap(comment, "      -- ", "      -- ", width))
			}
		}
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// wrap breaks a text into lines of that width, at spaces that are in no quotes, so that an SQL statement stays what it is. 0 is any
// width; what has no space stays whole.
func wrap(text, first, next string, width int) string {
	var lines strings.Builder
	line, empty := first, true
	for _, word := range words(text) {
		switch {
		case empty:
			line, empty = line+word, false
		case width > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines.WriteString(line + "\n")
			line = next + word
		default:
			line += " " + word
		}
	}
	return lines.String() + line + "\n"
}

// words splits a text at spaces. What quotes hold together stays so, if they end; an apostrophe within a word begins no quote.
func words(text string) (words []string) {
	for text != "" {
		end := 0
		for end < len(text) && text[end] != ' ' {
			if quote := text[end]; (quote == '\'' || quote == '"') && (end == 0 || !isLetter(text[end-1])) {
				if closed := strings.IndexByte(text[end+1:], quote); closed >= 0 {
					end += closed + 1
				}
			}
			end++
		}
		words = append(words, text[:end])
		text = strings.TrimLeft(text[min(end, len(text)):], " ")
	}
	return words
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }
