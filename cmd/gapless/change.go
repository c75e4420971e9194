package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/db"
)

func wholeNumber(what, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, usage(fmt.Sprintf("%s must be a whole number from -2^63 to 2^63-1, and is %q", what, text), "")
	}
	return n, nil
}

// negativeAfterDashes explains why a negative number was taken for a flag.
func negativeAfterDashes(cmd *cobra.Command, what string) {
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w (a negative %s goes after \"--\")", err, what)
	})
}

// adopted is what `adopt --json` prints.
type adopted struct {
	Name string `json:"name"`
	Last int64  `json:"last"`
}

func (a *app) newAdopt() *cobra.Command {
	var p patience
	cmd := a.command(&cobra.Command{
		Use:   "adopt",
		Short: "Take over numbering that exists already",
		Long: `Take over numbering from another system or a restored backup: the next value is LAST + 1. Makes the
sequence if there is none, and only ever moves it forward. A negative LAST goes after "--".`,
		Example: "  gapless adopt invoice 1041",
	}, []string{"NAME", "LAST"}, func(ctx context.Context, args []string) error {
		name := args[0]
		last, err := wholeNumber("LAST", args[1])
		if err != nil {
			return err
		}
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			err := p.inTx(ctx, conn, func(tx pgx.Tx) error {
				return gapless.NewSequence(name).Adopt(ctx, tx, last)
			})
			if err != nil {
				return err
			}
			return a.printDone(adopted{name, last}, fmt.Sprintf("sequence %q goes on after %d", name, last))
		})
	})
	negativeAfterDashes(cmd, "LAST")
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

// deleted is what `delete --json` prints.
type deleted struct {
	Name    string `json:"name"`
	Deleted bool   `json:"deleted"`
}

func (a *app) newDelete() *cobra.Command {
	var p patience
	var yes bool
	cmd := a.command(&cobra.Command{
		Use:     "delete",
		Example: "  gapless delete rehearsal\n  gapless delete rehearsal --yes --lock-timeout 10s",
		Short:   "Forget a sequence, after asking",
		Long: `Forget a sequence and its journal. It begins anew then, so numbers already used come again. Asks
first, on the terminal; where there is none, --yes is needed. A sequence that does not exist is
exit code 4.`,
	}, []string{"NAME"}, func(ctx context.Context, args []string) error {
		name := args[0]
		if !yes {
			if err := a.confirmDelete(ctx, name); err != nil {
				return err
			}
		}
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			var existed bool
			err := p.inTx(ctx, conn, func(tx pgx.Tx) (err error) {
				s := gapless.NewSequence(name)
				if p.nowait {
					existed, err = s.TryDelete(ctx, tx)
				} else {
					existed, err = s.Delete(ctx, tx)
				}
				return err
			})
			if err != nil {
				return err
			}
			if !existed {
				return noSuch(name)
			}
			return a.printDone(deleted{name, true}, fmt.Sprintf("sequence %q is deleted", name))
		})
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	p.addNowait(cmd)
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

// confirmDelete asks, for as long as that takes, without a connection.
func (a *app) confirmDelete(ctx context.Context, name string) error {
	found, err := read(ctx, a, func(tx pgx.Tx) ([]db.SequencesRow, error) { return db.New(tx).Sequences(ctx, &name) })
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return noSuch(name)
	}
	state := fmt.Sprintf("is at %d", found[0].LastValue)
	if found[0].Unused {
		state = "has no number"
	}
	if !a.terminal(a.stdin) {
		return usage(fmt.Sprintf("sequence %q is not deleted: standard input is no terminal, so nobody can be asked", name), "pass --yes to delete it unasked")
	}
	return a.confirm(ctx, fmt.Sprintf("Sequence %q %s. When it is deleted, its numbers come again. Delete it? [y/N] ", name, state),
		fmt.Sprintf("sequence %q is not deleted", name))
}

// confirm asks on the terminal. Any answer but yes is an error, which says no.
func (a *app) confirm(ctx context.Context, question, no string) error {
	fmt.Fprint(a.stderr, question)
	answer, err := a.readLine(ctx)
	if err != nil {
		fmt.Fprintln(a.stderr)
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return usage(no, "")
}

// readLine reads one line of standard input, until ctx ends. The end of the input counts as the end of the line.
func (a *app) readLine(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() { // stays behind when ctx ends: a read from a terminal cannot be called off, and the process ends
		text, err := bufio.NewReader(a.stdin).ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case l := <-read:
		if errors.Is(l.err, io.EOF) {
			if l.text == "" {
				fmt.Fprintln(a.stderr)
			}
			l.err = nil
		}
		return l.text, l.err
	}
}
