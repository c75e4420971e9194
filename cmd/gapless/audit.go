package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless"
)

const auditLong = `Compare the journal, the attached columns and the voids of a sequence, or of all, and print what does
not agree or has to be said: holes, doubles, numbers that were never issued or were changed after
issue, and voids. A finding is explained if the numbers were voided, adopted, forwarded or archived.
Exit code 1 if one is not, or if something could not be read. Reads one snapshot, and waits for nobody.

More than ten findings of one series and kind are one line; --all prints each. On a terminal, columns
that do not fit are left out, and colour marks what is not explained, unless NO_COLOR is set.

--year, --from and --until choose by when numbers were allocated, in days of UTC. A finding of which
nobody knows when is always shown. The last line says what the choice has left out.

--record keeps who audited what, when, and with which result (see "gapless audits"); what is recorded is
the whole of NAME, --like or --column. Once there is a record, the column NEW says which findings none
had; --since-last shows these alone.

On the coordinator of Citus, every node is audited, each in a snapshot of its own, and named behind the
column. A node that cannot be audited is a finding. On a worker, that node alone is audited; the last line
says so. An audit of all nodes is not recorded: each node records its own.

--csv prints the names of the fields, and then a line for each finding. So that no text becomes a
formula in a spreadsheet, one that begins with = + - @ or ' has a ' before it, to be taken away by
whoever reads the file. Control characters are escaped, as in the table. --json has the series, too,
and a digest. Times are in UTC.

--html writes a page for an auditor, to be read, printed and signed, besides: one file that loads
nothing. It is written as a whole or not at all, and replaces a file of that name.`

// auditFlags are what `audit` is asked for.
type auditFlags struct {
	choice
	csv, all bool
	html     string
	page     pageFlags
	year     int
}

func (a *app) newAudit() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Look for holes, doubles and numbers out of nowhere, and for what explains them",
		Long:  auditLong,
		Example: "  gapless audit\n  gapless audit invoice --csv >findings.csv\n  gapless audit --like 'invoice/%' --year 2025 --unexplained\n" +
			"  gapless audit --html audit.html --title 'Rechnungsnummern' --organisation 'Bolt GmbH' --language de",
	}
	a.command(cmd, []string{"[NAME]"}, func(ctx context.Context, args []string) error {
		if len(args) == 1 {
			f.name = &args[0]
		}
		if err := f.check(cmd, a.json); err != nil {
			return err
		}
		return a.withConn(ctx, func(conn *pgx.Conn) error { return a.audit(ctx, conn, &f) })
	})
	flags := cmd.Flags()
	flags.StringVar(&f.like, "like", "", "the series whose names are like this `pattern`, as LIKE has it")
	flags.StringVar(&f.column, "column", "", "the series of this attached `table.column`")
	flags.BoolVar(&f.unexplained, "unexplained", false, "only what is not explained")
	flags.IntVar(&f.year, "year", 0, "only what was allocated in this `year`")
	flags.Var((*day)(&f.from), "from", "only what was allocated on this `day` or later, as 2025-01-01")
	flags.Var((*day)(&f.until), "until", "only what was allocated on this `day` or earlier")
	flags.BoolVar(&f.sinceLast, "since-last", false, "only what no recorded audit had")
	flags.BoolVar(&f.record, "record", false, "record the audit: who, when, of what, and with which result")
	flags.StringVar(&f.note, "note", "", "a `text` for the record, as the occasion")
	flags.BoolVar(&f.all, "all", false, "print each finding on a line of its own")
	flags.BoolVar(&f.csv, "csv", false, "print CSV (RFC 4180)")
	flags.StringVar(&f.html, "html", "", "write a page for an auditor to this `file`")
	f.page.add(flags)
	return a.jsonFlag(cmd)
}

// check refuses what does not go together, before the work, which may be long.
func (f *auditFlags) check(cmd *cobra.Command, asJSON bool) (err error) {
	given := cmd.Flags().Changed
	switch {
	case asJSON && f.csv:
		return usage("--csv and --json cannot be given together", "")
	case f.html == "" && given("html"):
		return usage("--html needs the name of a file", "")
	case f.html == "" && (given("title") || given("organisation") || given("period") || given("language") || given("texts")):
		return usage("--title, --organisation, --period, --language and --texts are about the page", "give --html the name of its file")
	case f.name != nil && (given("like") || given("column")) || given("like") && given("column"):
		return usage("NAME, --like and --column cannot be given together", "")
	case given("note") && !f.record:
		return usage("--note is about the record", "give --record")
	case given("like") && f.like == "" || given("column") && f.column == "":
		return usage("--like and --column need a value", "")
	case given("year") && (given("from") || given("until")):
		return usage("--year cannot be given together with --from or --until", "")
	case given("year") && (f.year < 1 || f.year > 9999):
		return usage("--year must be from 1 to 9999", "")
	case !f.from.IsZero() && !f.until.IsZero() && f.until.Before(f.from):
		return usage("--until is before --from", "")
	}
	if given("year") {
		f.from = time.Date(f.year, time.January, 1, 0, 0, 0, 0, time.UTC)
		f.until = time.Date(f.year, time.December, 31, 0, 0, 0, 0, time.UTC)
	}
	f.page.words, err = f.page.read()
	return err
}

// day is a flag's day, in UTC.
type day time.Time

func (d *day) Type() string { return "day" }

func (d *day) String() string {
	if t := time.Time(*d); !t.IsZero() {
		return t.Format(time.DateOnly)
	}
	return ""
}

func (d *day) Set(text string) error {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return errors.New("not a day, as 2025-12-31")
	}
	*d = day(t)
	return nil
}

// audits is how often an audit is tried in which tables are changed meanwhile.
const audits = 3

// audit reads, writes the page if there is a path for it, prints the findings, and fails if one is not explained.
func (a *app) audit(ctx context.Context, conn *pgx.Conn, f *auditFlags) error {
	var page *pageFile
	if f.html != "" {
		var err error
		if page, err = newPageFile(f.html); err != nil { // before the work, which may be long
			return err
		}
		defer page.discard()
	}
	result, err := a.readAgain(ctx, conn, &f.choice)
	if err != nil {
		return err
	}
	if page != nil {
		if err := page.keep(result.page(&f.page).write); err != nil {
			return err
		}
	}
	if err := a.printAudit(result, f); err != nil {
		return err
	}
	if f.record {
		a.note("the audit is recorded")
	}
	if result.verdict().sound() {
		a.note("%s", a.coloured(a.stderr, green, result.summary()))
		return nil
	}
	return &failure{code: exitFailure, message: a.coloured(a.stderr, red, result.summary()), hint: result.verdict().hint()}
}

// readAgain reads until nothing was changed meanwhile, a few times.
func (a *app) readAgain(ctx context.Context, conn *pgx.Conn, c *choice) (r *audit, err error) {
	defer a.elapsed("auditing")()
	for i := range audits {
		r, err = readAudit(ctx, conn, c, i+1 < audits)
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); (!ok || pgErr.Code != "40001") && !errors.Is(err, errAgain) {
			break
		}
	}
	return r, err
}

// changedMeanwhile says of a finding that another transaction may read what this one could not.
func changedMeanwhile(f gapless.Finding) bool {
	return f.Kind == kindNotRead && strings.HasSuffix(f.Explanation, "in a new transaction")
}
