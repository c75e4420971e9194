package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pggapless/gapless"
)

// cycle is the pair of flags that says how a sequence begins and cycles.
type cycle struct {
	flags          *pflag.FlagSet
	initial, reset int64
}

func (c *cycle) add(cmd *cobra.Command) {
	c.flags = cmd.Flags()
	c.flags.Int64Var(&c.initial, "initial", 1, "the first value, and the first of each cycle")
	c.flags.Int64Var(&c.reset, "reset", 0, "the value that becomes the initial one instead (default: no cycle)")
}

func (c *cycle) sequence(name string) gapless.Sequence {
	var opts []gapless.SequenceOption
	if c.flags.Changed("initial") {
		opts = append(opts, gapless.WithInitial(c.initial))
	}
	if c.flags.Changed("reset") {
		opts = append(opts, gapless.WithReset(c.reset))
	}
	return gapless.NewSequence(name, opts...)
}

// patience is the pair of flags that says how long a command waits for a sequence.
type patience struct {
	nowait      bool
	lockTimeout time.Duration
}

func (p *patience) addNowait(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.nowait, "nowait", false, "do not wait while another transaction has the sequence (exit code 3)")
}

func (p *patience) addLockTimeout(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&p.lockTimeout, "lock-timeout", 0, "wait at most so long for it, as 500ms or 10s (default: the database's lock_timeout)")
}

// inTx runs body in a transaction of its own that waits no longer than asked for.
func (p *patience) inTx(ctx context.Context, conn *pgx.Conn, body func(tx pgx.Tx) error, opts ...gapless.TxOption) error {
	return gapless.InTx(ctx, conn, func(tx pgx.Tx) error {
		if err := p.limit(ctx, tx); err != nil {
			return err
		}
		return body(tx)
	}, opts...)
}

// limit lets a transaction wait no longer than asked for.
func (p *patience) limit(ctx context.Context, tx pgx.Tx) error {
	switch {
	case p.lockTimeout < 0:
		return usage("--lock-timeout must not be negative", "")
	case p.lockTimeout == 0:
		return nil
	}
	milliseconds := max(1, p.lockTimeout.Milliseconds()) // 0 would be no timeout at all
	_, err := tx.Exec(ctx, "SELECT pg_catalog.set_config('lock_timeout', $1, true)", strconv.FormatInt(milliseconds, 10))
	return err
}

const nextLong = `Allocate the next value of a sequence in a transaction of its own, commit it, and print it.

A number taken here is spent: it is not in the transaction of your row, so nothing gives it back when
that row is never written. The caller must record the number. An application allocates in
the transaction that writes the row, where a rollback gives the number back:
  SELECT gapless.next_gapless('invoice')`

// issued is what `next --json` prints.
type issued struct {
	Name   string  `json:"name"`
	Values []int64 `json:"values"`
}

func (a *app) newNext() *cobra.Command {
	var c cycle
	var p patience
	var count int64
	cmd := a.command(&cobra.Command{
		Use:     "next",
		Short:   "Take the next value, for good",
		Long:    nextLong,
		Example: "  gapless next invoice\n  gapless next ticket --count 100 --nowait",
	}, []string{"NAME"}, func(ctx context.Context, args []string) error {
		sequence := c.sequence(args[0])
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			var values []int64
			err := p.inTx(ctx, conn, func(tx pgx.Tx) (err error) {
				values, err = take(ctx, tx, sequence, count, p.nowait)
				return err
			})
			switch {
			case errors.Is(err, gapless.ErrOutcomeUnknown):
				return fmt.Errorf("sequence %q: %w; values that may be spent: %s", sequence.Name(), err, join(values, ", "))
			case err != nil:
				return err
			}
			if len(values) == 0 {
				values = []int64{} // JSON's [] and not null
				if !a.json {
					return nil
				}
			}
			if err := a.print(issued{sequence.Name(), values}, join(values, "\n")); err != nil {
				return fmt.Errorf("sequence %q: %s spent, but cannot be printed: %w", sequence.Name(), join(values, ", "), err)
			}
			return nil
		})
	})
	cmd.Flags().Int64Var(&count, "count", 1, "how many values")
	c.add(cmd)
	p.addNowait(cmd)
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

func take(ctx context.Context, tx pgx.Tx, s gapless.Sequence, count int64, nowait bool) ([]int64, error) {
	if nowait {
		return s.TryNextBatch(ctx, tx, count)
	}
	return s.NextBatch(ctx, tx, count)
}

func join(values []int64, separator string) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = strconv.FormatInt(value, 10)
	}
	return strings.Join(texts, separator)
}
