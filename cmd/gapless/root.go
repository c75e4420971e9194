package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const urlVariable = "GAPLESS_DATABASE_URL"

// cancelPatience is how long the server may take to answer after Ctrl-C.
const cancelPatience = 5 * time.Second

// app is one run of the program, and what it touches of the world.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	terminal       func(stream any) bool
	width          func(stream any) int // 0 for what is no terminal

	databaseURL string
	json        bool
	running     bool // a command has begun: from here on, errors are not about the command line
}

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv, terminal: isTerminal, width: columnsOf}
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.newRoot()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if !a.running {
		err = usage(oneLine(err.Error()), "see gapless --help")
	}
	return a.report(ctx, err)
}

const rootLong = `Numbers without holes, in PostgreSQL.

Every command but "demo" and "migrate print" needs a database, given by --database-url or
GAPLESS_DATABASE_URL, as postgres://user:password@host:5432/database.

Exit codes:
  0    success
  1    failure: the database refused or is out of reach, the demo found a hole or a double, or the
       audit something that is not explained
  2    usage: a bad flag or argument, or a confirmation that was not given
  3    the sequence is locked by another transaction (--nowait, --lock-timeout)
  4    no such sequence
  130  interrupted`

func init() { cobra.EnableCommandSorting = false } // what one wants first comes first

func (a *app) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:                "gapless",
		Short:              "Numbers without holes, in PostgreSQL",
		Long:               rootLong,
		Version:            version(),
		SilenceErrors:      true,
		SilenceUsage:       true,
		DisableSuggestions: true, // they take many lines
		CompletionOptions:  cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetVersionTemplate("gapless {{.Version}}\n")
	root.PersistentFlags().StringVar(&a.databaseURL, "database-url", "", "the database (default: "+urlVariable+")")
	root.AddCommand(
		a.newDemo(), a.newMigrate(),
		a.newNext(), a.newLast(), a.newPeek(), a.newList(), a.newColumns(), a.newHolders(),
		a.newAudit(), a.newAudits(), a.newVoid(), a.newAdopt(), a.newImport(), a.newForward(), a.newClose(), a.newOpen(), a.newGoLive(), a.newArchive(), a.newRange(), a.newWithdraw(), a.newRanges(), a.newDelete(),
	)
	return root
}

// command fills in what all commands share. want names the arguments; those in brackets may be left out.
func (a *app) command(cmd *cobra.Command, want []string, body func(ctx context.Context, args []string) error) *cobra.Command {
	cmd.Use = strings.Join(append([]string{cmd.Use}, want...), " ")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		required := 0
		for _, w := range want {
			if !strings.HasPrefix(w, "[") {
				required++
			}
		}
		switch {
		case len(args) >= required && len(args) <= len(want):
			return nil
		case len(want) == 0:
			return fmt.Errorf("%s takes no argument, and got %q", cmd.CommandPath(), args[0])
		}
		return fmt.Errorf("%s takes %s, and got %d argument%s", cmd.CommandPath(), strings.Join(want, " "), len(args), plural(len(args)))
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.running = true
		return body(cmd.Context(), args)
	}
	return cmd
}

// jsonFlag lets a command print JSON.
func (a *app) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// print prints a result: as JSON where that was asked for, else as text.
func (a *app) print(result any, text string) error {
	if !a.json {
		_, err := fmt.Fprintln(a.stdout, text)
		return err
	}
	encoder := json.NewEncoder(a.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

// printDone prints what was done, or says that it was where it cannot be printed.
func (a *app) printDone(result any, text string) error {
	if err := a.print(result, text); err != nil {
		return fmt.Errorf("%s, but that cannot be printed: %w", text, err)
	}
	return nil
}

// note tells people something that is not the result.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.stderr, format+"\n", args...)
}

// connect opens the connection to the database that was given.
func (a *app) connect(ctx context.Context) (*pgx.Conn, error) {
	url := a.databaseURL
	if url == "" {
		url = a.getenv(urlVariable)
	}
	if url == "" {
		return nil, usage("no database is given",
			"pass --database-url postgres://user:password@host:5432/database, or set "+urlVariable)
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, usage("the database URL is not one: "+oneLine(err.Error()), "postgres://user:password@host:5432/database")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "gapless"
	}
	// After Ctrl-C the server must stop waiting for a lock, too: a connection that is merely closed would stay in
	// the queue.
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelPatience}
	}
	return pgx.ConnectConfig(ctx, config)
}

// withConn runs body with a connection.
func (a *app) withConn(ctx context.Context, body func(conn *pgx.Conn) error) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
		defer cancel()
		_ = conn.Close(ctx) // the work is done, or its error is on its way
	}()
	return body(conn)
}

// plainTransaction lets no setting of the session's, the role's or the database's decide which operators the statements of a
// transaction have, nor the form of the times that they read. Every table is named with its schema.
const plainTransaction = "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres'"

// read is readOn with a connection of its own.
func read[T any](ctx context.Context, a *app, query func(tx pgx.Tx) (T, error)) (result T, err error) {
	err = a.withConn(ctx, func(conn *pgx.Conn) (err error) {
		result, err = readOn(ctx, conn, query)
		return err
	})
	return result, err
}

// readOn returns what query reads, in a transaction that waits for nobody, whatever the session's defaults are.
func readOn[T any](ctx context.Context, conn *pgx.Conn, query func(tx pgx.Tx) (T, error)) (result T, err error) {
	options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadOnly, DeferrableMode: pgx.NotDeferrable}
	err = pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) (err error) {
		if _, err = tx.Exec(ctx, plainTransaction); err != nil {
			return err
		}
		result, err = query(tx)
		return err
	})
	return result, err
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
