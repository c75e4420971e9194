package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless"
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
