package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/db"
)

// value is what `last --json` and `peek --json` print.
type value struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

func (a *app) newLast() *cobra.Command {
	return a.jsonFlag(a.command(&cobra.Command{
		Use:     "last",
		Example: "  gapless last invoice",
		Short:   "Show the newest value",
		Long:    "Show the newest committed value of a sequence. Takes no lock. A sequence without a value is exit code 4.",
	}, []string{"NAME"}, func(ctx context.Context, args []string) error {
		last, err := a.last(ctx, args[0])
		if err != nil {
			return err
		}
		return a.print(value{args[0], last}, strconv.FormatInt(last, 10))
	}))
}

// last is the newest value of a sequence that there is.
func (a *app) last(ctx context.Context, name string) (int64, error) {
	return read(ctx, a, func(tx pgx.Tx) (int64, error) {
		last, ok, err := gapless.NewSequence(name).Last(ctx, tx)
		if err == nil && !ok {
			err = noSuch(name)
		}
		return last, err
	})
}

func noSuch(name string) *failure {
	return &failure{
		code: exitMissing, sequence: name, message: fmt.Sprintf("there is no sequence %q", name), hint: "`gapless list` shows those that there are",
	}
}

func (a *app) newPeek() *cobra.Command {
	var c cycle
	cmd := a.command(&cobra.Command{
		Use:     "peek",
		Example: "  gapless peek invoice",
		Short:   "Show what next would give now",
		Long:    "Show what next would give now: a preview and not a promise, since it takes no lock and spends nothing.",
	}, []string{"NAME"}, func(ctx context.Context, args []string) error {
		next, err := read(ctx, a, func(tx pgx.Tx) (int64, error) { return c.sequence(args[0]).Peek(ctx, tx) })
		if err != nil {
			return err
		}
		return a.print(value{args[0], next}, strconv.FormatInt(next, 10))
	})
	c.add(cmd)
	return a.jsonFlag(cmd)
}

// sequence is a line of `list`.
type sequence struct {
	Name            string    `json:"name"`
	LastValue       int64     `json:"last_value"`
	Issued          int64     `json:"issued"`
	LastAllocatedAt time.Time `json:"last_allocated_at"`
	AttachedColumn  string    `json:"attached_column,omitempty"`
	Closed          bool      `json:"closed"`
	Unused          bool      `json:"unused,omitempty"`  // it has no value
	Bounded         bool      `json:"bounded,omitempty"` // it has ranges, of which the rest tells
	NumbersLeft     int64     `json:"numbers_left"`
	ValidUntil      string    `json:"valid_until,omitempty"`
	Warning         bool      `json:"warning,omitempty"`
}

func (a *app) newList() *cobra.Command {
	return a.jsonFlag(a.command(&cobra.Command{
		Use:     "list",
		Example: "  gapless list\n  gapless list --json",
		Short:   "List the sequences",
		Long: `List the sequences: the newest value of each, how many it has issued in all cycles, when it last did,
the column that numbers itself from it, and whether it is closed. Of those that have ranges also how many
numbers are left, until when, and whether a new range is due.`,
	}, nil, func(ctx context.Context, _ []string) error {
		found, err := readHere(ctx, a, "node_sequences", func(tx pgx.Tx) ([]db.SequencesRow, error) { return db.New(tx).Sequences(ctx, nil) })
		if err != nil {
			return err
		}
		result := make([]sequence, 0, len(found))
		rows := [][]string{{"NAME", "LAST", "ISSUED", "LAST ALLOCATED", "CLOSED", "ATTACHED TO"}}
		bounded := slices.ContainsFunc(found, func(s db.SequencesRow) bool { return s.Bounded })
		if bounded {
			rows[0] = append(rows[0], "LEFT", "VALID UNTIL", "WARNING")
		}
		for _, s := range found {
			result = append(result, sequence(s))
			row := []string{
				cell(s.Name), strconv.FormatInt(s.LastValue, 10), strconv.FormatInt(s.Issued, 10),
				moment(s.LastAllocatedAt), yesNo(s.Closed), optional(&s.AttachedColumn),
			}
			if s.Unused {
				row[1], row[3] = "-", "-"
			}
			if s.Bounded {
				row = append(row, strconv.FormatInt(s.NumbersLeft, 10), optional(&s.ValidUntil), yesNo(s.Warning))
			} else if bounded {
				row = append(row, "-", "-", "-")
			}
			rows = append(rows, row)
		}
		return a.printTable(result, []int{1, 2}, rows, "there is no sequence yet")
	}))
}

// column is a line of `columns`.
type column struct {
	Table       string   `json:"table"`
	Column      string   `json:"column"`
	Name        string   `json:"name,omitempty"`
	Initial     int64    `json:"initial"`
	Format      string   `json:"format,omitempty"`
	Condition   string   `json:"condition,omitempty"`
	Chronology  string   `json:"chronology,omitempty"`
	AtCommit    bool     `json:"at_commit"`
	Chain       string   `json:"chain,omitempty"`
	HashColumn  string   `json:"hash_column,omitempty"`
	Previous    string   `json:"previous_column,omitempty"`
	Moves       bool     `json:"moves"`
	Unnumbered  *string  `json:"unnumbered,omitempty"`
	Partitioned bool     `json:"partitioned"`
	Guarded     bool     `json:"guarded"`
	Faults      []string `json:"faults"`
	SeriesOf    string   `json:"series_of,omitempty"`
}

func (a *app) newColumns() *cobra.Command {
	return a.jsonFlag(a.command(&cobra.Command{
		Use:     "columns",
		Example: "  gapless columns",
		Short:   "List the attached columns, and what is wrong with their guards",
		Long: `List the columns that number themselves, the expression for the name of each row's sequence, and what is
wrong with the triggers and functions that guard the numbers, a line each. ALSO says whose rows may move to
another series, which have a chain, and whose series another column shares.`,
	}, nil, func(ctx context.Context, _ []string) error {
		found, err := readHere(ctx, a, "node_columns", func(tx pgx.Tx) ([]db.ColumnsRow, error) { return db.New(tx).Columns(ctx) })
		if err != nil {
			return err
		}
		result := make([]column, 0, len(found))
		rows := [][]string{{"TABLE", "COLUMN", "NAME", "NUMBERED", "ALSO", "FAULTS"}}
		for _, c := range found {
			line := column{
				Table: c.TableName, Column: c.ColumnName, Name: c.Name, Initial: c.Initial, Format: c.Format, Condition: c.Condition,
				Chronology: c.Chronology, AtCommit: c.AtCommit, Chain: c.Chain, HashColumn: c.HashColumn, Previous: c.PreviousColumn, Moves: c.Moves,
				Partitioned: c.Partitioned, Guarded: c.Guarded, Faults: c.Faults, SeriesOf: c.SeriesOf,
			}
			if c.HasUnnumbered {
				line.Unnumbered = &c.Unnumbered
			}
			result = append(result, line)
			when := "at once"
			if c.AtCommit {
				when = "at commit"
			}
			name := strings.TrimSpace(c.Name)
			row := []string{cell(c.TableName), cell(c.ColumnName), optional(&name), when, also(c), "-"}
			if len(c.Faults) == 0 {
				rows = append(rows, row)
			}
			for _, fault := range c.Faults {
				rows = append(rows, append(row[:len(row)-1:len(row)-1], cell(fault)))
				row = make([]string, len(row))
			}
		}
		return a.printTable(result, nil, rows, "no column is attached yet")
	}))
}

// also is what a column does beside numbering itself.
func also(c db.ColumnsRow) string {
	var what []string
	if c.Moves {
		what = append(what, "rows move")
	}
	if c.Chain != "" {
		what = append(what, "chain")
	}
	if c.SeriesOf != "" {
		what = append(what, "series of "+cell(c.SeriesOf))
	}
	if len(what) == 0 {
		return "-"
	}
	return strings.Join(what, ", ")
}

// holder is a line of `holders`.
type holder struct {
	Name            string   `json:"name"`
	State           string   `json:"state"` // holds or waits
	PID             *int32   `json:"pid"`
	PreparedAs      *string  `json:"prepared_as"`
	ApplicationName *string  `json:"application_name"`
	UserName        *string  `json:"user_name"`
	Seconds         *float64 `json:"transaction_age_seconds"`
	Query           *string  `json:"query"`
}

func (a *app) newHolders() *cobra.Command {
	return a.jsonFlag(a.command(&cobra.Command{
		Use:     "holders",
		Example: "  gapless holders\n  gapless holders invoice --json",
		Short:   "Show who holds a sequence, and who waits for it",
		Long: `Show which transactions hold a sequence now, and which wait for one. AGE is the transaction's. A
transaction that was prepared (two-phase commit) has no process: its name is shown instead.
Details of other roles need membership in pg_read_all_stats.`,
	}, []string{"[NAME]"}, func(ctx context.Context, args []string) error {
		var name *string
		if len(args) == 1 {
			name = &args[0]
		}
		found, err := readHere(ctx, a, "node_holders", func(tx pgx.Tx) ([]db.Holder, error) { return db.New(tx).Holders(ctx, name) })
		if err != nil {
			return err
		}
		result := make([]holder, 0, len(found))
		rows := [][]string{{"NAME", "STATE", "PID", "PREPARED AS", "APPLICATION", "USER", "AGE", "QUERY"}}
		for _, h := range found {
			line := holder{
				Name: h.Name, State: h.State, PID: h.Pid, PreparedAs: h.PreparedAs,
				ApplicationName: h.ApplicationName, UserName: h.UserName, Query: h.Query,
			}
			pid, since, query := "-", "-", "-"
			if h.Pid != nil {
				pid = strconv.FormatInt(int64(*h.Pid), 10)
			}
			if h.TransactionAge != nil {
				seconds := h.TransactionAge.Seconds()
				line.Seconds, since = &seconds, age(*h.TransactionAge)
			}
			if h.Query != nil {
				query = cell(shorten(*h.Query, 60))
			}
			result = append(result, line)
			rows = append(rows, []string{
				cell(h.Name), h.State, pid, optional(h.PreparedAs), optional(h.ApplicationName),
				optional(h.UserName), since, query,
			})
		}
		return a.printTable(result, []int{2, 6}, rows, "nobody holds a sequence or waits for one")
	}))
}

// readHere is [read], of what each node of Citus has for itself. Where Citus is, it says so, and which function has all.
func readHere[T any](ctx context.Context, a *app, function string, query func(tx pgx.Tx) (T, error)) (T, error) {
	return read(ctx, a, func(tx pgx.Tx) (result T, err error) {
		var citus bool
		if err = tx.QueryRow(ctx, "SELECT pg_catalog.to_regclass('pg_catalog.pg_dist_node') IS NOT NULL").Scan(&citus); err != nil {
			return result, err
		}
		if citus {
			a.note("this node of Citus alone; on the coordinator, SELECT * FROM gapless.%s() has all nodes", function)
		}
		return query(tx)
	})
}

// printTable prints a result of many lines: as JSON where that was asked for, else as a table. That it is empty is
// said on stderr.
func (a *app) printTable(result any, right []int, rows [][]string, empty string) error {
	if !a.json && len(rows) == 1 {
		a.note("%s", empty)
		return nil
	}
	var text strings.Builder
	if err := table(&text, right, rows); err != nil {
		return err
	}
	return a.print(result, strings.TrimSuffix(text.String(), "\n"))
}
