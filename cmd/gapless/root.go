package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is one run of the program, and what it touches of the world.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	terminal       func(stream any) bool
	width          func(stream any) int // 0 for what is no terminal

	place       place
	json        bool
	colour      choiceOf
	running     bool                                                   // a command has begun: from here on, errors are not about the command line
	onNotice    func(n *pgconn.Notice)                                 // hears what the server says beside its results; may be nil
	askPassword func(ctx context.Context, role string) (string, error) // nil where nobody can be asked
}

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv, terminal: isTerminal, width: columnsOf}
	if in, ok := stdin.(*os.File); ok && isTerminal(stdin) && isTerminal(stderr) {
		a.askPassword = passwordFrom(in, stderr)
	}
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
		a.json = a.json || asksForJSON(args) // what stands after a wrong flag is not parsed
		err = usage(oneLine(err.Error()), nearest(root, args))
	}
	return a.report(ctx, err)
}

// asksForJSON says whether --json is on a command line.
func asksForJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json")
}

// nearest is where to look after a wrong command line: at the command whose name is nearly what was given, if there is one.
func nearest(root *cobra.Command, args []string) string {
	if found, rest, err := root.Find(args); err == nil && found != root {
		return "see " + found.CommandPath() + " --help"
	} else if len(rest) == 0 {
		return "see gapless --help"
	}
	for _, arg := range args {
		if near := root.SuggestionsFor(arg); len(near) > 0 && !strings.HasPrefix(arg, "-") {
			return "did you mean gapless " + strings.Join(near, ", gapless ") + "?"
		}
	}
	return "see gapless --help"
}

const rootLong = `Numbers without holes, in PostgreSQL.

The database is given as to psql: by --database-url (-d), as a URL, "key=value …" or a
name; by GAPLESS_DATABASE_URL; or by PGHOST, PGDATABASE, PGSERVICE and their like.

Exit codes:
  0    success, also where a list is empty
  1    failure: the database refused or is out of reach; the audit found something that
       is not explained; "migrate status": another version
  2    usage: a bad flag or argument, no database, or a confirmation that was not given
  3    a lock was not had within --lock-timeout, or at once with --nowait
  4    no such sequence or table; gapless is not installed ("migrate status", "uninstall")
  130  interrupted`

func init() { cobra.EnableCommandSorting = false } // what one wants first comes first

func (a *app) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:                        "gapless",
		Short:                      "Numbers without holes, in PostgreSQL",
		Long:                       rootLong,
		Version:                    version(),
		SilenceErrors:              true,
		SilenceUsage:               true,
		DisableSuggestions:         true, // they take many lines; nearest has them
		SuggestionsMinimumDistance: 2,
	}
	root.SetVersionTemplate("gapless {{.Version}}\n")
	a.place.add(root)
	a.colour = choiceOf{value: "auto", of: []string{"auto", "always", "never"}}
	root.PersistentFlags().Var(&a.colour, "color", "colour the output: auto is on a terminal, unless NO_COLOR is set")
	addGroup(root, "Install:", a.newMigrate(), a.newGrant(), a.newRevoke(), a.newUninstall(), a.newDemo())
	addGroup(root, "Look:", a.newList(), a.newRanges(), a.newHolders(), a.newTop(), a.newDoctor(), a.newLast(), a.newPeek(), a.newAudit(), a.newAudits(), a.newMetrics())
	addGroup(root, "Number:", a.newNext(), a.newVoid(), a.newOutcome())
	addGroup(root, "Columns:", a.newAttach(), a.newDetach(), a.newColumns(), a.newGuardPartitions())
	addGroup(root, "Series:", a.newClose(), a.newOpen(), a.newForward(), a.newGoLive(), a.newArchive(), a.newRange(), a.newWithdraw(),
		a.newAdopt(), a.newImport(), a.newPrune(), a.newDelete())
	addGroup(root, "Help:", a.newMan(root))
	root.SetHelpCommandGroupID("Help:")
	root.SetCompletionCommandGroupID("Help:")
	a.completeFlags(root)
	return root
}

// addGroup adds commands under a heading of their own.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = title
		root.AddCommand(cmd)
	}
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
	cmd.ValidArgsFunction = a.completeArguments(want)
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
	return ofStandby(ctx, conn, body(conn))
}

// ofStandby says of the refusal of a standby what it is.
func ofStandby(ctx context.Context, conn *pgx.Conn, err error) error {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	// read_only_sql_transaction, feature_not_supported (BEGIN READ WRITE) and object_not_in_prerequisite_state
	if !ok || !slices.Contains([]string{"25006", "0A000", "55000"}, refused.Code) {
		return err
	}
	type server struct {
		standby bool
		primary *string
	}
	s, readErr := readOn(ctx, conn, func(tx pgx.Tx) (s server, err error) {
		err = tx.QueryRow(ctx, `SELECT pg_catalog.pg_is_in_recovery(),
			(SELECT w.sender_host || ':' || w.sender_port FROM pg_catalog.pg_stat_wal_receiver AS w)`).Scan(&s.standby, &s.primary)
		return s, err
	})
	if readErr != nil || !s.standby {
		return err
	}
	hint := "connect to the primary; of several hosts, target_session_attrs=primary in the connection string finds it"
	if s.primary != nil {
		hint = "connect to the primary, which this server follows at " + *s.primary
	}
	f := caused(err)
	f.message, f.detail, f.hint, f.code = "this server is a standby, which is read-only", "", hint, exitFailure
	return f
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

// release is set by packaging/build: what it builds is no module of a proxy, which would tell its version.
var release string

func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
