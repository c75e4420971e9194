package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/db"
)

// readCommitted is the isolation level of what changes tables.
var readCommitted = gapless.WithIsolation(pgx.ReadCommitted)

const attachLong = `Let a column number itself: from then on an INSERT is all that an application needs. Numbers that the
table has already are taken over, and no number can be written, changed or deleted by hand.

--name, --format, --condition, --chronology and --chain are SQL expressions over NEW, the row, as
attach_gapless has them: a constant name has quotes of its own, "'invoice'". Without --name the series is
called SCHEMA.TABLE.COLUMN.

Attached with the same options already, it mends the guards where they are not whole; --ensure does
nothing then, and waits for nobody. With other options it fails, and says which differ.

--dry-run does all of it, says what came of it, and rolls it back. The table is locked against writers
meanwhile, and until it has ended; give --lock-timeout on a busy table.`

// attached is what `attach --json` and `detach --json` print.
type attached struct {
	Table    string   `json:"table"`
	Column   string   `json:"column"`
	Attached bool     `json:"attached"`
	DryRun   bool     `json:"dry_run"`
	Notices  []notice `json:"notices"`
}

// attaching is what the flags of attach ask for.
type attaching struct {
	patience
	db.AttachGaplessParams
	dryRun bool

	name, format, condition, chronology, unnumbered, chain, hashColumn, previousColumn, seriesOf string
	initial                                                                                      int64
}

func (t *attaching) add(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&t.name, "name", "", "the `expression` that names each row's series, such as \"'invoice/' || NEW.tenant_id\"")
	flags.Int64Var(&t.initial, "initial", 1, "the first number of each series")
	flags.StringVar(&t.format, "format", "", "for a text column: the `expression` over NEW and value that writes the number")
	flags.StringVar(&t.condition, "condition", "", "number a row only where this boolean `expression` holds")
	flags.StringVar(&t.chronology, "chronology", "", "the `expression` that dates a row; dates rise as the numbers do")
	flags.BoolVar(&t.AtCommit, "at-commit", false, "number rows when their transaction commits")
	flags.StringVar(&t.unnumbered, "unnumbered", "", "a `text` that means no number yet, as NULL does")
	flags.BoolVar(&t.MakeIndex, "make-index", false, "let unique indexes leave out rows without a number")
	flags.StringVar(&t.chain, "chain", "", "the `expression` that gives a row a hash over the one before")
	flags.StringVar(&t.hashColumn, "hash-column", "hash", "the `column` of that hash")
	flags.StringVar(&t.previousColumn, "previous-column", "previous_hash", "the `column` of the hash of the row before")
	flags.BoolVar(&t.Moves, "moves", false, "let an UPDATE take a row to another series")
	flags.StringVar(&t.seriesOf, "series-of", "", "share the series of this attached `schema.table.column`")
	flags.BoolVar(&t.Ensure, "ensure", false, "lock nothing where it is attached already")
	flags.BoolVar(&t.dryRun, "dry-run", false, "roll it back, having said what came of it")
}

// params are the arguments of attach_gapless: NULL for what was not given.
func (t *attaching) params(flags *pflag.FlagSet, table, column string) db.AttachGaplessParams {
	p := t.AttachGaplessParams
	p.Target, p.TargetColumn = table, column
	for name, text := range map[string]struct {
		to   **string
		from *string
	}{
		"name": {&p.Name, &t.name}, "format": {&p.Format, &t.format}, "condition": {&p.Condition, &t.condition}, "chronology": {&p.Chronology, &t.chronology},
		"unnumbered": {&p.Unnumbered, &t.unnumbered}, "chain": {&p.Chain, &t.chain}, "hash-column": {&p.HashColumn, &t.hashColumn},
		"previous-column": {&p.PreviousColumn, &t.previousColumn}, "series-of": {&p.SeriesOf, &t.seriesOf},
	} {
		if flags.Changed(name) {
			*text.to = text.from
		}
	}
	if flags.Changed("initial") {
		p.Initial = &t.initial
	}
	return p
}

func (a *app) newAttach() *cobra.Command {
	var t attaching
	cmd := &cobra.Command{
		Use:   "attach",
		Short: "Let a column number itself",
		Long:  attachLong,
		Example: "  gapless attach invoices number --name \"'invoice'\" --dry-run\n" +
			"  gapless attach billing.invoices number --name \"'invoice/' || NEW.tenant_id\" --lock-timeout 2s\n" +
			"  gapless attach receipts number --name \"'R-' || NEW.year\" --format \"'R-' || NEW.year || '-' || value\"",
	}
	a.command(cmd, []string{"TABLE", "COLUMN"}, func(ctx context.Context, args []string) error {
		result := attached{Table: args[0], Column: args[1], Attached: !t.dryRun, DryRun: t.dryRun}
		text := fmt.Sprintf("column %s of %s numbers itself", args[1], args[0])
		if t.dryRun {
			text = fmt.Sprintf("column %s of %s would number itself; nothing is changed", args[1], args[0])
		}
		return a.change(ctx, &t.patience, t.dryRun, &result, text, func(tx pgx.Tx) error {
			return db.New(tx).AttachGapless(ctx, t.params(cmd.Flags(), args[0], args[1]))
		})
	})
	t.add(cmd.Flags())
	t.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

func (a *app) newDetach() *cobra.Command {
	var p patience
	var unguard, dryRun bool
	cmd := a.command(&cobra.Command{
		Use:   "detach",
		Short: "Make a column that numbers itself an ordinary one again",
		Long: `End what attach began: the column is an ordinary one again, its numbers stay, and nothing guards them any
more. The series go on where they are. The table is locked against readers, too, until it has ended.`,
		Example: "  gapless detach invoices number --dry-run\n  gapless detach billing.invoices number --lock-timeout 2s",
	}, []string{"TABLE", "COLUMN"}, func(ctx context.Context, args []string) error {
		result := attached{Table: args[0], Column: args[1], Attached: dryRun, DryRun: dryRun}
		text := fmt.Sprintf("column %s of %s does not number itself any more", args[1], args[0])
		if dryRun {
			text = fmt.Sprintf("column %s of %s can be detached; nothing is changed", args[1], args[0])
		}
		return a.change(ctx, &p, dryRun, &result, text, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT gapless.detach_gapless(target => $1::text::regclass, target_column => $2, unguard => $3)", args[0], args[1], unguard)
			return err
		})
	})
	cmd.Flags().BoolVar(&unguard, "unguard", false, "also where partitions that were detached have numbers, which nothing guards then")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "roll it back, having said what came of it")
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

// change changes a table, or tries to and rolls it back, and prints what came of it.
func (a *app) change(ctx context.Context, p *patience, dryRun bool, result *attached, text string, body func(tx pgx.Tx) error) error {
	return a.withConn(ctx, func(conn *pgx.Conn) error {
		heard, err := a.hearing(ctx, conn, p, func(tx pgx.Tx) error {
			if err := isTable(ctx, tx, result.Table); err != nil {
				return err
			}
			if err := body(tx); err != nil {
				return ofColumn(err)
			}
			if dryRun {
				return errDryRun
			}
			return nil
		})
		a.tell(heard)
		if err != nil && !errors.Is(err, errDryRun) {
			return err
		}
		result.Notices = heard
		return a.printDone(result, text)
	})
}

// isTable looks for a table as the session finds it.
func isTable(ctx context.Context, tx pgx.Tx, name string) error {
	var found bool
	if err := tx.QueryRow(ctx, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", name).Scan(&found); err != nil {
		return err
	}
	if !found {
		return &failure{
			code: exitMissing, message: "there is no table " + name,
			hint: "give it as SQL has it: with its schema, billing.invoices, unless that is on the search_path",
		}
	}
	return nil
}

// ofColumn says of the refusal of a column all that the server says. An error in an expression comes from within the functions of
// gapless, which are no help.
func ofColumn(err error) error {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pgErr.Code == "3F000" || strings.Contains(pgErr.Message, "function gapless.") {
		return err
	}
	f := caused(err)
	if pgErr.Code != "42501" && f.code != exitLocked {
		f.message, f.hint = oneLine(pgErr.Message), oneLine(pgErr.Hint)
	}
	f.detail = cmp.Or(f.detail, oneLine(pgErr.Detail))
	return f
}

// guarded is what `guard-partitions --json` prints.
type guarded struct {
	Partitions []string `json:"partitions"`
	New        *bool    `json:"new,omitempty"`
}

func (a *app) newGuardPartitions() *cobra.Command {
	var p patience
	var guardNew bool
	cmd := &cobra.Command{
		Use:   "guard-partitions",
		Short: "Guard partitions that were made after attach",
		Long: `Guard the partitions of a table that were made since its column was attached, or of all of your tables, and
print those that had no guards. Until then they number their rows, but can be truncated.

--new has the server guard each new partition by itself, and --new=false ends that. Only a superuser can.`,
		Example: "  gapless guard-partitions\n  gapless guard-partitions billing.invoices --lock-timeout 2s\n  gapless guard-partitions --new",
	}
	a.command(cmd, []string{"[TABLE]"}, func(ctx context.Context, args []string) error {
		result := guarded{Partitions: []string{}}
		var target *string
		if len(args) == 1 {
			target = &args[0]
		}
		err := a.withConn(ctx, func(conn *pgx.Conn) error {
			return p.inTx(ctx, conn, func(tx pgx.Tx) error {
				if target != nil {
					if err := isTable(ctx, tx, *target); err != nil {
						return err
					}
				}
				if cmd.Flags().Changed("new") {
					result.New = &guardNew
					if _, err := tx.Exec(ctx, "SELECT gapless.guard_new_partitions($1)", guardNew); err != nil || !guardNew {
						return err
					}
				}
				found, err := db.New(tx).GuardPartitions(ctx, target)
				result.Partitions = append([]string{}, found...)
				return err
			}, readCommitted)
		})
		if err != nil {
			return err
		}
		return a.printGuarded(result)
	})
	cmd.Flags().BoolVar(&guardNew, "new", false, "guard each new partition by itself, from now on")
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

func (a *app) printGuarded(result guarded) error {
	text := strings.Join(result.Partitions, "\n")
	if !a.json {
		switch {
		case result.New != nil && *result.New:
			a.note("each new partition is guarded by itself from now on")
		case result.New != nil:
			a.note("new partitions are not guarded by themselves any more")
		}
		if len(result.Partitions) == 0 {
			if result.New == nil || *result.New {
				a.note("every partition is guarded")
			}
			return nil
		}
	}
	return a.printDone(result, text)
}
