package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless"
)

const importLong = `Take over the counters of another numbering, each as a sequence that goes on after its last number.
Without --apply it changes nothing, and prints what it would do. With --apply it does all of that in one
transaction, or nothing. It only ever moves a sequence forward, so it may be repeated.

--from is where the counters are:
  django-sequences  the table sequences_sequence
  odoo              the active rows of ir_sequence whose implementation is no_gap: CODE/COMPANY, and
                    /YEAR or /FIRST-DAY for each of their date ranges
  sequences         PostgreSQL's own sequences that --like chooses; that of a serial or identity column
                    is called SCHEMA.TABLE.COLUMN, as attach_gapless calls a column's series
  query             what --query returns: a name and its last number, a row each

Tables are looked for along the connection's search_path, which the URL can set (?search_path=shop).
With --apply, writers of these tables, and of those that --lock names, wait until it has ended. A
sequence cannot be locked. Whatever numbers there has to be stopped before: what it issues later
would be issued twice. A sequence that cannot be taken over is exit code 1, and a --like that
chooses none is 4.`

// The sources of import.
const (
	fromDjango    = "django-sequences"
	fromOdoo      = "odoo"
	fromSequences = "sequences"
	fromQuery     = "query"
)

// importing is what the flags of import ask for.
type importing struct {
	patience
	from, query, like string
	lock              []string
	apply             bool
}

// imported is a line of `import`.
type imported struct {
	Name   string `json:"name"`
	From   string `json:"from,omitempty"`
	There  *int64 `json:"last_there"`
	Here   *int64 `json:"last_here"`
	Action string `json:"action"` // adopt, adopted, none or refused
	Reason string `json:"reason,omitempty"`

	nameless bool // the name is NULL
}

var errDryRun = errors.New("a dry run is rolled back")

func (a *app) newImport() *cobra.Command {
	var i importing
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Take over the counters of another numbering",
		Long:  importLong,
		Example: "  gapless import --from django-sequences\n" +
			"  gapless import --from sequences --like 'invoices_%' --apply\n" +
			"  gapless import --from query --lock invoices --query \\\n" +
			"    \"SELECT 'invoice/' || tenant_id, max(number) FROM invoices GROUP BY tenant_id\"",
	}
	a.command(cmd, nil, func(ctx context.Context, _ []string) error {
		if err := i.check(); err != nil {
			return err
		}
		return a.withConn(ctx, func(conn *pgx.Conn) error { return a.importCounters(ctx, conn, &i) })
	})
	flags := cmd.Flags()
	flags.StringVar(&i.from, "from", "", "the `source`: django-sequences, odoo, sequences or query")
	_ = cmd.MarkFlagRequired("from") // it is there
	flags.StringVar(&i.query, "query", "", "the `SELECT` of names and last numbers, for --from query")
	flags.StringVar(&i.like, "like", "", "those alone whose names there match a `pattern` of LIKE")
	flags.StringArrayVar(&i.lock, "lock", nil, "a `table` to lock as well with --apply; may be repeated")
	flags.BoolVar(&i.apply, "apply", false, "do it")
	i.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

func (i *importing) check() error {
	switch {
	case !slices.Contains([]string{fromDjango, fromOdoo, fromSequences, fromQuery}, i.from):
		return usage(fmt.Sprintf("--from is django-sequences, odoo, sequences or query, and cannot be %q", i.from), "")
	case (i.from == fromQuery) != (i.query != ""):
		return usage("--from query and --query go together", "")
	case i.from == fromSequences && i.like == "":
		return usage("--from sequences needs --like, since most sequences are of ids", "such as --like '%_number_seq'; --like '%' is all of them")
	}
	return nil
}

// importCounters does it, or tries it and rolls back, and prints what came of each.
func (a *app) importCounters(ctx context.Context, conn *pgx.Conn, i *importing) error {
	var found []imported
	var refused int
	err := i.inTx(ctx, conn, func(tx pgx.Tx) (err error) {
		if found, err = i.counters(ctx, tx); err != nil {
			return err
		}
		refused = 0
		for n := range found {
			if err := i.adopt(ctx, tx, &found[n]); err != nil {
				return err
			}
			if found[n].Action == "refused" {
				refused++
			}
		}
		if refused > 0 || !i.apply {
			return errDryRun
		}
		return nil
	}, gapless.WithIsolation(pgx.ReadCommitted)) // what is read under the lock is newer than the lock
	if err != nil && !errors.Is(err, errDryRun) {
		return err
	}
	if len(found) == 0 && i.like != "" {
		return &failure{code: exitMissing, message: fmt.Sprintf("there is no counter like %q", i.like)}
	}
	if refused > 0 { // then none is adopted
		for n := range found {
			if found[n].Action == "adopted" {
				found[n].Action = "adopt"
			}
		}
	}
	if err := a.printImported(found); err != nil {
		if i.apply && refused == 0 {
			return fmt.Errorf("the counters are taken over, but that cannot be printed: %w", err)
		}
		return err
	}
	switch {
	case refused > 0:
		return &failure{code: exitFailure, message: fmt.Sprintf("%d of %d cannot be taken over, so nothing is changed", refused, len(found)), hint: "--like chooses by name"}
	case !i.apply && slices.ContainsFunc(found, func(c imported) bool { return c.Action == "adopt" }):
		a.note("nothing is changed; --apply does it")
	}
	return nil
}

// adopt lets adopt_gapless decide, in a savepoint, which a dry run does not keep.
func (i *importing) adopt(ctx context.Context, tx pgx.Tx, c *imported) error {
	if c.Action == "refused" {
		return nil
	}
	savepoint, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	err = c.move(ctx, savepoint)
	switch pg, ok := errors.AsType[*pgconn.PgError](err); {
	case err == nil && i.apply && c.Action == "adopt":
		c.Action = "adopted"
		return savepoint.Commit(ctx)
	case err == nil:
	case ok && pg.SchemaName == "gapless" && !slices.Contains([]string{"40001", "42501", "55P03"}, pg.Code):
		c.refuse("%s", oneLine(pg.Message))
	default:
		return fmt.Errorf("sequence %q: %w", c.Name, err)
	}
	return savepoint.Rollback(ctx)
}

// move adopts the counter, unless gapless is where it is.
func (c *imported) move(ctx context.Context, tx pgx.Tx) error {
	var name *string
	if !c.nameless {
		name = &c.Name
	}
	if err := tx.QueryRow(ctx, "SELECT gapless.last_gapless($1)", name).Scan(&c.Here); err != nil {
		return err
	}
	if c.Here != nil && c.There != nil && *c.Here == *c.There {
		c.Action = "none"
		return nil
	}
	c.Action = "adopt"
	_, err := tx.Exec(ctx, "SELECT gapless.adopt_gapless($1, $2)", name, c.There)
	return err
}

func (a *app) printImported(found []imported) error {
	sourced := slices.ContainsFunc(found, func(c imported) bool { return c.From != "" })
	rows := [][]string{{"SEQUENCE", "LAST THERE", "LAST HERE", "ACTION", "FROM"}}
	actions := map[string]string{"none": "nothing to do"}
	for _, c := range found {
		action := c.Action
		if text, ok := actions[action]; ok {
			action = text
		}
		if c.Reason != "" {
			action += ": " + cell(c.Reason)
		}
		rows = append(rows, []string{optional(&c.Name), optionalNumber(c.There), optionalNumber(c.Here), action, cell(c.From)})
	}
	if !sourced {
		for n := range rows {
			rows[n] = rows[n][:4]
		}
	}
	if found == nil {
		found = []imported{}
	}
	return a.printTable(found, []int{1, 2}, rows, "there is no counter")
}

func optionalNumber(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}

// refuse notes why a counter is no sequence of gapless's, where its source shows that.
func (c *imported) refuse(format string, args ...any) {
	c.Action, c.Reason = "refused", fmt.Sprintf(format, args...)
}

// refuseDoubles refuses names that stand there more than once: which of their numbers is right, nobody knows.
func refuseDoubles(found []imported) {
	times := make(map[string]int)
	for _, c := range found {
		times[c.Name]++
	}
	for n := range found {
		if c := &found[n]; times[c.Name] > 1 && !c.nameless && c.Action == "" {
			c.refuse("%d counters have this name", times[c.Name])
		}
	}
}

// trimQuery takes away what ends a statement, and may not stand in a subquery.
func trimQuery(query string) string { return strings.TrimRight(query, "; \t\r\n") }
