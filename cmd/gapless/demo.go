package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless/cmd/gapless/internal/demo"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
)

const demoLong = `Issue invoices under trouble, and look at the numbers.

Many workers issue invoices at once. Some transactions roll back, some roll back to a savepoint on
their way, and now and then a backend is terminated in the middle of one. The load runs twice, one
after the other so that neither slows the other down: numbered by gapless, then by a native sequence.

What is printed at the end is counted in SQL from the committed rows. A transaction counts as killed
if its backend was terminated and it left no row; where COMMIT was faster, it counts as committed.

The PostgreSQL is that of --database-url or GAPLESS_DATABASE_URL, where a database of its own is made
and dropped; else a throwaway one, run with the programs on this machine.

Exit code 1 if gapless has a hole or a double, or the counts do not add up.`

func (a *app) newDemo() *cobra.Command {
	var o demo.Options
	var timeout time.Duration
	var noProgress bool
	cmd := a.command(&cobra.Command{
		Use:     "demo",
		Example: "  gapless demo\n  gapless demo --workers 8 --invoices 1000 --json",
		Short:   "See it work: invoices, rollbacks, killed backends, and no hole",
		Long:    demoLong,
	}, nil, func(ctx context.Context, _ []string) error {
		if err := o.Validate(); err != nil {
			return usage(err.Error(), "")
		}
		if timeout <= 0 {
			return usage("--timeout must be above 0", "")
		}
		return a.demo(ctx, o, timeout, !noProgress && a.terminal(a.stderr))
	})
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&o.Workers, "workers", 32, "how many issue invoices at once, each on a connection of its own")
	flags.IntVar(&o.Invoices, "invoices", 5000, "how many invoices are committed in each series")
	flags.Float64Var(&o.Rollback, "rollback", 0.2, "the fraction of transactions that roll back")
	flags.Float64Var(&o.Kill, "kill", 0.01, "the fraction of transactions whose backend is terminated")
	flags.Float64Var(&o.Savepoint, "savepoint", 0.1, "the fraction of the others that roll back to a savepoint first")
	flags.Uint64Var(&o.Seed, "seed", 1, "decides who rolls back and who is killed")
	flags.DurationVar(&timeout, "timeout", 2*time.Minute, "give up after so long")
	flags.BoolVar(&noProgress, "no-progress", false, "no progress bar")
	return a.jsonFlag(cmd)
}

// demo finds a server, makes a database in it, and takes both away again in every case.
func (a *app) demo(ctx context.Context, o demo.Options, timeout time.Duration, bar bool) (err error) {
	where := []pgtest.Option{pgtest.WithoutDocker()}
	if a.place.given() {
		address, err := a.connectionString()
		if err != nil {
			return err
		}
		if _, err := pgx.ParseConfig(address); err != nil {
			return usage("the database URL is not one: "+oneLine(err.Error()), "")
		}
		where = append(where, pgtest.WithURL(address))
	}
	server, err := pgtest.Start(ctx, where...)
	if err != nil {
		return &failure{code: exitFailure, message: strings.TrimPrefix(err.Error(), "pgtest: ")}
	}
	defer func() {
		closeErr := server.Close()
		if err == nil {
			err = closeErr
		} else if closeErr != nil {
			a.note("gapless: cleaning up: %v", closeErr)
		}
	}()
	a.note("%s", server.Provider())
	database, err := server.CreateDatabase(ctx, "")
	if err != nil {
		return err
	}
	config, err := pgx.ParseConfig(database.URL)
	if err != nil {
		return err
	}
	config.RuntimeParams["application_name"] = "gapless demo"
	// A given server's own defaults could end a wait that is part of the demo, or forbid it.
	for name, value := range map[string]string{
		"default_transaction_isolation": "read committed", "default_transaction_read_only": "off", "default_transaction_deferrable": "off",
		"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "idle_session_timeout": "0",
	} {
		config.RuntimeParams[name] = value
	}

	ctx, cancel := context.WithTimeoutCause(ctx, timeout, &failure{
		code: exitFailure, message: fmt.Sprintf("the demo was not done after %s", timeout), hint: "--timeout gives it longer",
	})
	defer cancel()
	err = a.demoIn(ctx, config, o, server.Provider(), bar)
	if cause, ok := errors.AsType[*failure](context.Cause(ctx)); ok && err != nil {
		return cause
	}
	return err
}

// demoIn runs the demo in an empty database.
func (a *app) demoIn(ctx context.Context, config *pgx.ConnConfig, o demo.Options, provider string, bar bool) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // whatever it says: the database is about to be dropped
	if err := migrate.Up(ctx, conn); err != nil {
		return err
	}
	version, err := migrate.Status(ctx, conn)
	if err != nil {
		return err
	}
	a.note("installed schema gapless (migration %d)", version.Current)
	if err := demo.Prepare(ctx, conn); err != nil {
		return err
	}
	if err := demo.CheckRoom(ctx, conn, o); err != nil {
		return usage(err.Error(), "lower --workers")
	}
	a.note("%d workers; %g%% of the transactions roll back, %g%% lose their backend, %g%% of the others undo a savepoint\n",
		o.Workers, 100*o.Rollback, 100*o.Kill, 100*o.Savepoint)
	for _, series := range []demo.Series{demo.Gapless(), demo.Native()} {
		p := newProgress(a.stderr, bar, series.Name, o.Invoices)
		err := demo.Load(ctx, config, series, o, p.add)
		p.end()
		if err != nil {
			return err
		}
	}
	a.note("")
	return a.demoReport(ctx, conn, o, provider)
}

// demoResult is what `demo --json` prints.
type demoResult struct {
	PostgreSQL string       `json:"postgresql"`
	Options    demo.Options `json:"options"`
	demo.Report
	OK       bool     `json:"ok"`
	Problems []string `json:"problems"`
}

// demoReport prints what the committed rows say, and returns an error if they say that gapless does not keep its promise.
func (a *app) demoReport(ctx context.Context, conn *pgx.Conn, o demo.Options, provider string) error {
	report, err := demo.Count(ctx, conn)
	if err != nil {
		return err
	}
	problems := report.Problems(o)
	result := demoResult{provider, o, report, len(problems) == 0, append([]string{}, problems...)}
	var text strings.Builder
	if err := demoText(&text, report, len(problems) == 0); err != nil {
		return err
	}
	if err := a.print(result, strings.TrimSuffix(text.String(), "\n")); err != nil {
		return err
	}
	if len(problems) > 0 {
		return &failure{code: exitFailure, message: "the numbers do not hold: " + strings.Join(problems, "; ")}
	}
	return nil
}

func demoText(w io.Writer, r demo.Report, ok bool) error {
	line := func(label string, count func(demo.Result) int64) []string {
		return []string{label, thousands(count(r.Gapless)), thousands(count(r.Native))}
	}
	err := table(w, []int{1, 2}, [][]string{
		{"", "gapless", "native sequence"},
		line("committed", func(s demo.Result) int64 { return s.Committed }),
		line("rolled back", func(s demo.Result) int64 { return s.RolledBack }),
		line("killed", func(s demo.Result) int64 { return s.Killed }),
		line("savepoints undone", func(s demo.Result) int64 { return s.Savepoints }),
		line("holes", func(s demo.Result) int64 { return s.Holes }),
		line("doubles", func(s demo.Result) int64 { return s.Doubles }),
		line("invoices per second", func(s demo.Result) int64 { return int64(s.PerSecond) }),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nholes:    %s\ndoubles:  %s\n", demo.HolesSQL, demo.DoublesSQL)
	if ok {
		fmt.Fprintf(w, "\ngapless: numbers 1 to %s, no hole, no double. The native sequence: %s.\n",
			thousands(r.Gapless.Last), holes(r.Native.Holes))
	}
	return nil
}

func holes(n int64) string {
	switch n {
	case 0:
		return "no hole"
	case 1:
		return "1 hole"
	}
	return thousands(n) + " holes"
}
