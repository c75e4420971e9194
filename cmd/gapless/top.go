package main

import (
	"context"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless/cmd/gapless/internal/top"
)

const topLong = `Show live which series move, how fast, who holds them, and who waits for how long. Enter shows the chain of
who waits for whom. A key terminates a session, after asking. ? lists the keys.

With --watch or --json, and where there is no terminal, lines are printed instead, after each interval: one
for the server, then one for each series that has moved, is held or is waited for. --json prints one object
an interval.

Details of other roles need membership in pg_read_all_stats, and terminating them pg_signal_backend.`

func (a *app) newTop() *cobra.Command {
	var interval time.Duration
	var count int
	var watch, readOnly bool
	cmd := a.command(&cobra.Command{
		Use:     "top",
		Example: "  gapless top\n  gapless top --watch",
		Short:   "Watch live who holds a sequence, who waits, and how fast they move",
		Long:    topLong,
	}, nil, func(ctx context.Context, _ []string) error {
		switch {
		case interval < 100*time.Millisecond:
			return usage("--interval must be 100ms or more", "")
		case count < 0:
			return usage("--count must not be negative", "")
		}
		conn, err := a.connect(ctx) // it may ask for a password, which a screen cannot
		if err != nil {
			return err
		}
		config := conn.Config()
		if err := conn.Close(ctx); err != nil {
			return err
		}
		o := top.Options{
			Connect:  func(ctx context.Context) (*pgx.Conn, error) { return pgx.ConnectConfig(ctx, config) },
			Explain:  func(err error) string { return explain(err).message },
			Interval: interval, Count: count, ReadOnly: readOnly, JSON: a.json,
			In: a.stdin, Out: a.stdout, Err: a.stderr, Environ: os.Environ(), Plain: !a.colours(a.stdout),
		}
		if watch || count > 0 || a.json || !a.terminal(a.stdin) || !a.terminal(a.stdout) || a.getenv("TERM") == "dumb" {
			return top.Watch(ctx, o)
		}
		return top.Run(ctx, o)
	})
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.DurationVar(&interval, "interval", time.Second, "how long from one reading to the next")
	flags.BoolVar(&watch, "watch", false, "print lines, also on a terminal")
	flags.IntVar(&count, "count", 0, "print lines for so many intervals, and end (default: no end)")
	flags.BoolVar(&readOnly, "read-only", false, "no key terminates anybody")
	return a.jsonFlag(cmd)
}
