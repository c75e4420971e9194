package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/db"
)

// decision is what `close --json`, `open --json`, `go-live --json` and `forward --json` print.
type decision struct {
	Name   string `json:"name"`
	Last   *int64 `json:"last,omitempty"`
	Reason string `json:"reason"`
}

// addReason adds the flag that an auditor will read.
func addReason(cmd *cobra.Command, reason *string) {
	cmd.Flags().StringVar(reason, "reason", "", "why, for the auditor")
	_ = cmd.MarkFlagRequired("reason") // it is there
}

func (a *app) newClose() *cobra.Command {
	var p patience
	var reason string
	cmd := a.command(&cobra.Command{
		Use:   "close",
		Short: "Close a sequence: nobody gets a number from it",
		Long: `Close a sequence, and note why: nobody gets a number from it, nor does a row of a column that numbers
itself from it, until it is opened. A sequence that there is none of is made, and closed.`,
		Example: "  gapless close invoice/2025 --reason 'the year was audited'",
	}, []string{"NAME"}, func(ctx context.Context, args []string) error {
		name := args[0]
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			result, text := decision{Name: name, Reason: reason}, fmt.Sprintf("sequence %q is closed; it has no number", name)
			err := p.inTx(ctx, conn, func(tx pgx.Tx) error {
				last, ok, err := gapless.NewSequence(name).Close(ctx, tx, reason)
				if ok {
					result.Last, text = &last, fmt.Sprintf("sequence %q is closed; its last number is %d", name, last)
				}
				return err
			})
			if err != nil {
				return err
			}
			return a.printDone(result, text)
		})
	})
	addReason(cmd, &reason)
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

func (a *app) newOpen() *cobra.Command {
	var p patience
	var reason string
	cmd := a.command(&cobra.Command{
		Use:     "open",
		Short:   "Open a sequence that was closed",
		Long:    "Open a sequence that was closed, and note why. It goes on after its last number.",
		Example: "  gapless open invoice/2025 --reason 'an invoice of December was found'",
	}, []string{"NAME"}, func(ctx context.Context, args []string) error {
		name := args[0]
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			err := p.inTx(ctx, conn, func(tx pgx.Tx) error { return gapless.NewSequence(name).Open(ctx, tx, reason) })
			if err != nil {
				return err
			}
			return a.printDone(decision{Name: name, Reason: reason}, fmt.Sprintf("sequence %q is open", name))
		})
	})
	addReason(cmd, &reason)
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

func (a *app) newGoLive() *cobra.Command {
	var p patience
	var reason string
	cmd := a.command(&cobra.Command{
		Use:   "go-live",
		Short: "Drop a sequence's test numbers, and begin it again",
		Long: `Drop the test numbers of a sequence, mark it as live, and note why. It begins again, with its first number. It
is refused once the sequence is live, and as long as rows of a column have its numbers: void the numbers and delete
the rows first.`,
		Example: "  gapless go-live receipt --reason 'the tests are over'",
	}, []string{"NAME"}, func(ctx context.Context, args []string) error {
		name := args[0]
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			result, text := decision{Name: name, Reason: reason}, fmt.Sprintf("sequence %q is live; it had no test number", name)
			err := p.inTx(ctx, conn, func(tx pgx.Tx) error {
				last, ok, err := gapless.NewSequence(name).GoLive(ctx, tx, reason)
				if ok {
					result.Last, text = &last, fmt.Sprintf("sequence %q is live; its last test number was %d", name, last)
				}
				return err
			})
			if err != nil {
				return err
			}
			return a.printDone(result, text)
		})
	})
	addReason(cmd, &reason)
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

// archived is what `archive --json` prints.
type archived struct {
	decision
	Archived int64 `json:"archived"`
}

func (a *app) newArchive() *cobra.Command {
	var p patience
	var reason string
	cmd := a.command(&cobra.Command{
		Use:   "archive",
		Short: "Let rows of a sequence's column leave",
		Long: `Let the rows leave whose numbers are up to LAST, and note why: they may be deleted, or moved into another table,
and the audit says so. It is refused as long as the audit finds what is not explained and is no hole.`,
		Example: "  gapless archive invoice/2015 4711 --reason 'kept in the archive of 2015'",
	}, []string{"NAME", "LAST"}, func(ctx context.Context, args []string) error {
		name := args[0]
		last, err := wholeNumber("LAST", args[1])
		if err != nil {
			return err
		}
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			result := archived{decision: decision{name, &last, reason}}
			err := p.inTx(ctx, conn, func(tx pgx.Tx) (err error) {
				result.Archived, err = gapless.NewSequence(name).Archive(ctx, tx, last, reason)
				return err
			})
			if err != nil {
				return err
			}
			return a.printDone(result, fmt.Sprintf("sequence %q: %d rows up to %d may leave", name, result.Archived, last))
		})
	})
	negativeAfterDashes(cmd, "LAST")
	addReason(cmd, &reason)
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

func (a *app) newForward() *cobra.Command {
	var p patience
	var reason string
	cmd := a.command(&cobra.Command{
		Use:   "forward",
		Short: "Pass over numbers that will not be issued",
		Long: `Pass over the numbers up to LAST, which were not issued and never will be, and note why: the next one is
LAST + 1. A column may number itself from the sequence. A sequence that has no number yet starts
there. It never goes back. A negative LAST goes after "--".`,
		Example: "  gapless forward receipt 99 --reason 'the tills have used the numbers to 99'",
	}, []string{"NAME", "LAST"}, func(ctx context.Context, args []string) error {
		name := args[0]
		last, err := wholeNumber("LAST", args[1])
		if err != nil {
			return err
		}
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			err := p.inTx(ctx, conn, func(tx pgx.Tx) error { return gapless.NewSequence(name).Forward(ctx, tx, last, reason) })
			if err != nil {
				return err
			}
			return a.printDone(decision{name, &last, reason}, fmt.Sprintf("sequence %q goes on after %d", name, last))
		})
	})
	negativeAfterDashes(cmd, "LAST")
	addReason(cmd, &reason)
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

// grant is what `range --json` and `withdraw --json` print.
type grant struct {
	Name   string `json:"name"`
	First  int64  `json:"first"`
	Last   *int64 `json:"last,omitempty"`
	Left   *int64 `json:"numbers_left,omitempty"`
	Unused *int64 `json:"unused,omitempty"`
	Reason string `json:"reason"`
}

func (a *app) newRange() *cobra.Command {
	var p patience
	var reason string
	var limits gapless.Limits
	cmd := a.command(&cobra.Command{
		Use:   "range",
		Short: "Give a sequence a range of numbers, with an end",
		Long: `Give a sequence the numbers from FIRST to LAST, and note why: from then on only numbers of its ranges are
issued, and the next range follows by itself at the end of the one before, or when that has expired. With
the first number of a range that it has, change that range. Negative numbers go after "--".`,
		Example: "  gapless range receipt 5001 6000 --reason 'CAI 254F-8A' --valid-until 2026-12-31 --time-zone America/Tegucigalpa --warn-left 100",
	}, []string{"NAME", "FIRST", "LAST"}, func(ctx context.Context, args []string) error {
		name := args[0]
		first, err := wholeNumber("FIRST", args[1])
		if err != nil {
			return err
		}
		last, err := wholeNumber("LAST", args[2])
		if err != nil {
			return err
		}
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			var left int64
			err := p.inTx(ctx, conn, func(tx pgx.Tx) (err error) {
				left, err = gapless.NewSequence(name).Range(ctx, tx, first, last, reason, limits)
				return err
			})
			if err != nil {
				return err
			}
			return a.printDone(grant{Name: name, First: first, Last: &last, Left: &left, Reason: reason},
				fmt.Sprintf("sequence %q has range %d to %d; numbers left: %d", name, first, last, left))
		})
	})
	negativeAfterDashes(cmd, "FIRST and LAST")
	addReason(cmd, &reason)
	cmd.Flags().StringVar(&limits.ValidUntil, "valid-until", "", "the last `day`, as 2026-12-31")
	cmd.Flags().StringVar(&limits.TimeZone, "time-zone", "", "the `zone` of that day (default: the connection's)")
	cmd.Flags().Int64Var(&limits.WarnLeft, "warn-left", 0, "warn when so many `numbers` are left")
	cmd.Flags().Float64Var(&limits.WarnPercent, "warn-percent", 0, "warn when so many `per cent` of it are left")
	cmd.Flags().Int32Var(&limits.WarnDays, "warn-days", 0, "warn so many `days` before the last day has ended")
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

func (a *app) newWithdraw() *cobra.Command {
	var p patience
	var reason string
	cmd := a.command(&cobra.Command{
		Use:   "withdraw",
		Short: "Withdraw what is left of a range",
		Long: `Withdraw what was not issued of the range of a sequence that begins with FIRST, and note why: the next
range follows. A negative FIRST goes after "--".`,
		Example: "  gapless withdraw receipt 5001 --reason 'cancelled by the authority'",
	}, []string{"NAME", "FIRST"}, func(ctx context.Context, args []string) error {
		name := args[0]
		first, err := wholeNumber("FIRST", args[1])
		if err != nil {
			return err
		}
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			var unused int64
			err := p.inTx(ctx, conn, func(tx pgx.Tx) (err error) {
				unused, err = gapless.NewSequence(name).Withdraw(ctx, tx, first, reason)
				return err
			})
			if err != nil {
				return err
			}
			return a.printDone(grant{Name: name, First: first, Unused: &unused, Reason: reason},
				fmt.Sprintf("sequence %q: the range from %d is withdrawn; numbers that were not issued: %d", name, first, unused))
		})
	})
	negativeAfterDashes(cmd, "FIRST")
	addReason(cmd, &reason)
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

func (a *app) newRanges() *cobra.Command {
	return a.jsonFlag(a.command(&cobra.Command{
		Use:     "ranges",
		Example: "  gapless ranges",
		Short:   "List the ranges of sequences, and how many numbers are left",
		Long:    "List the ranges that sequences were given, what became of them, and how many numbers are left.",
	}, nil, func(ctx context.Context, _ []string) error {
		found, err := read(ctx, a, func(tx pgx.Tx) ([]db.RangesRow, error) { return db.New(tx).Ranges(ctx, nil) })
		if err != nil {
			return err
		}
		result := make([]numberRange, 0, len(found))
		rows := [][]string{{"NAME", "FIRST", "LAST", "STATE", "LEFT", "UNUSED", "VALID UNTIL", "REASON"}}
		for _, r := range found {
			result = append(result, numberRange(r))
			rows = append(rows, []string{
				cell(r.Name), strconv.FormatInt(r.FirstValue, 10), strconv.FormatInt(r.LastValue, 10), r.State,
				strconv.FormatInt(r.NumbersLeft, 10), strconv.FormatInt(r.Unused, 10), optional(&r.ValidUntil), cell(r.Reason),
			})
		}
		return a.printTable(result, []int{1, 2, 4, 5}, rows, "no sequence has a range")
	}))
}

// numberRange is a line of `ranges`.
type numberRange struct {
	Name        string `json:"name"`
	FirstValue  int64  `json:"first_value"`
	LastValue   int64  `json:"last_value"`
	ValidUntil  string `json:"valid_until,omitempty"`
	TimeZone    string `json:"time_zone,omitempty"`
	State       string `json:"state"`
	NumbersLeft int64  `json:"numbers_left"`
	Unused      int64  `json:"unused"`
	Reason      string `json:"reason"`
}
