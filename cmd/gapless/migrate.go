package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pggapless/gapless/migrate"
)

func (a *app) newMigrate() *cobra.Command {
	parent := a.command(&cobra.Command{
		Use:     "migrate",
		Example: "  gapless migrate up\n  gapless migrate status",
		Short:   "Install schema gapless, or bring it up to date",
		Long:    "Install schema gapless, bring it up to date, show where it stands, or print it as SQL for other tools.",
	}, nil, func(context.Context, []string) error {
		return usage("migrate takes a command: up, status or print", "see gapless migrate --help")
	})
	parent.AddCommand(
		a.jsonFlag(a.command(&cobra.Command{
			Use:     "up",
			Example: "  gapless migrate up --database-url postgres:///billing",
			Short:   "Install the schema, or bring it up to date",
			Long: `Install schema gapless in the database, or bring it up to date. On a database that is up to date
it changes nothing. The role needs CREATE on the database, as the database's owner has.

Views, functions and triggers of gapless that somebody dropped it makes again. A table it does not: that is an error.

On a coordinator of Citus it does so on every active worker first, by the coordinator's own connections, and
says what was done where. If a worker cannot be reached, nothing is changed. Repeat it after citus_add_node.`,
		}, nil, a.migrateUp)),
		a.jsonFlag(a.command(&cobra.Command{
			Use:     "status",
			Example: "  gapless migrate status --json",
			Short:   "Show where the database stands",
			Long: `Show where the database stands. It changes nothing, and needs no right but to connect. The exit code is
0 if the database is up to date, 4 if gapless is not installed, and 1 if it is at another version, or if a table, a
view, a function or a trigger of it was dropped. On a coordinator of Citus that is asked of every worker, too.`,
		}, nil, a.migrateStatus)),
		a.newMigratePrint(),
	)
	return parent
}

func (a *app) newMigratePrint() *cobra.Command {
	var number int
	var definitions, uninstall, pgTLE bool
	var extension string
	var flags *pflag.FlagSet
	cmd := a.command(&cobra.Command{
		Use:     "print",
		Example: "  gapless migrate print >gapless.sql\n  gapless migrate print --step 1",
		Short:   "Print the whole install as SQL, for any client",
		Long: `Print the whole install as one SQL statement, for any client, in a transaction or not. It installs,
and upgrades an older release; repeated, it changes nothing. Needs no database.

With --step, print one step, for a migration tool that is to have each release as a migration of its
own. A release can add steps, and changes none that was released.

With --extension, write the files of a PostgreSQL extension into a folder, such as that of
"pg_config --sharedir", followed by /extension. Then CREATE EXTENSION gapless installs it.`,
	}, nil, func(context.Context, []string) error {
		script, err := migrate.Script()
		switch {
		case err != nil:
		case flags.Changed("step"):
			script, err = printedStep(number)
		case definitions:
			script, err = migrate.Statements()
		case uninstall:
			script = migrate.Uninstall()
		case pgTLE:
			script, err = migrate.PgTLE()
		case flags.Changed("extension"):
			return writeExtension(extension)
		}
		if err != nil {
			return err
		}
		_, err = io.WriteString(a.stdout, script)
		return err
	})
	flags = cmd.Flags()
	flags.IntVar(&number, "step", 0, "one `step` alone, from 1")
	flags.BoolVar(&definitions, "definitions", false, "the definitions, for programs that read them, such as sqlc")
	flags.BoolVar(&uninstall, "uninstall", false, "what takes gapless away; the rows and their numbers stay")
	flags.StringVar(&extension, "extension", "", "the files of an extension, into a `folder`")
	flags.BoolVar(&pgTLE, "pg-tle", false, "the extension as calls of pg_tle, for a server whose files are out of reach")
	cmd.MarkFlagsMutuallyExclusive("step", "definitions", "uninstall", "extension", "pg-tle")
	return cmd
}

func writeExtension(folder string) error {
	files, err := migrate.Extension()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil { //nolint:gosec // the server reads it as another user
			return err
		}
	}
	return nil
}

func printedStep(number int) (string, error) {
	steps, err := migrate.Steps()
	if err != nil {
		return "", err
	}
	if number < 1 || number > len(steps) {
		return "", usage(fmt.Sprintf("there is no step %d", number), fmt.Sprintf("there are steps 1 to %d", len(steps)))
	}
	return steps[number-1].SQL, nil
}

// migrated is what `migrate up --json` prints.
type migrated struct {
	From    int32            `json:"from"`
	To      int32            `json:"to"`
	Mended  []string         `json:"mended,omitempty"`  // what somebody had dropped
	Workers []migratedWorker `json:"workers,omitempty"` // of Citus
}

type migratedWorker struct {
	Node   string   `json:"node"`
	From   int32    `json:"from"`
	To     int32    `json:"to"`
	Mended []string `json:"mended,omitempty"`
	Error  string   `json:"error,omitempty"`
}

func (a *app) migrateUp(ctx context.Context, _ []string) error {
	return a.withConn(ctx, func(conn *pgx.Conn) error {
		before, workers, err := standing(ctx, conn)
		if err == nil {
			err = migrate.Up(ctx, conn)
		}
		if err != nil {
			return withRights(ctx, conn, err)
		}
		after, workersAfter, err := standing(ctx, conn)
		if err != nil {
			return err
		}
		result := migrated{From: before.Current, To: after.Current, Mended: before.Missing}
		mended := len(before.Missing) > 0
		var lines []string
		for i, w := range workersAfter {
			m := migratedWorker{Node: w.Address(), To: w.Version.Current}
			if i < len(workers) && workers[i].Address() == m.Node {
				m.From, m.Mended = workers[i].Version.Current, workers[i].Version.Missing
			}
			line := migration(" on "+m.Node, m.From, m.To, m.Mended)
			mended = mended || len(m.Mended) > 0
			if w.Err != nil {
				m.Error = w.Err.Error()
				line = fmt.Sprintf("schema gapless on %s is as it was, since %s; repeat this when it is", m.Node, m.Error)
			} else if m.From == 0 && before.Current > 0 {
				a.note("%s is new: repeat `gapless grant` for the roles of applications", m.Node)
			}
			result.Workers = append(result.Workers, m)
			lines = append(lines, line)
		}
		if mended && !a.json {
			a.note("repeat `gapless grant` for the roles of applications, and other grants: rights go with what is dropped")
		}
		return a.printDone(result, strings.Join(append(lines, migration("", before.Current, after.Current, before.Missing)), "\n"))
	})
}

// standing is where the database stands, and where Citus's workers do.
func standing(ctx context.Context, conn *pgx.Conn) (migrate.Version, []migrate.Worker, error) {
	version, err := migrate.Status(ctx, conn)
	if err != nil {
		return version, nil, err
	}
	workers, err := migrate.StatusWorkers(ctx, conn)
	return version, workers, err
}

func migration(on string, from, to int32, mended []string) string {
	switch {
	case len(mended) > 0:
		return fmt.Sprintf("schema gapless%s: at version %d, made again: %s", on, to, strings.Join(mended, ", "))
	case from == to:
		return fmt.Sprintf("schema gapless%s: already at version %d", on, to)
	}
	return fmt.Sprintf("schema gapless%s: version %d → %d", on, from, to)
}

// rightsToMigrate tells which rights the role lacks, as what gives them.
const rightsToMigrate = `
	SELECT coalesce(
		(
			SELECT pg_catalog.format('only the role that installed it can: %I', pg_catalog.pg_get_userbyid(n.nspowner))
			FROM pg_catalog.pg_namespace AS n
			WHERE n.nspname = 'gapless' AND pg_catalog.pg_get_userbyid(n.nspowner) <> current_user
		),
		pg_catalog.format('its owner can give what is lacking: GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
	)
	WHERE NOT pg_catalog.has_database_privilege(current_database(), 'CREATE')
		OR EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'gapless')`

// withRights adds to the refusal of a role without rights which it lacks. An application's rights would not help.
func withRights(ctx context.Context, conn *pgx.Conn, err error) error {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || refused.Code != "42501" || refused.Hint != "" && refused.SchemaName != "gapless" {
		return err
	}
	f := caused(err)
	f.hint = "the role needs CREATE on the database, as the database's owner has"
	hint, readErr := readOn(ctx, conn, func(tx pgx.Tx) (hint *string, err error) {
		err = tx.QueryRow(ctx, rightsToMigrate).Scan(&hint)
		return hint, err
	})
	if readErr == nil && hint != nil {
		f.hint = *hint
	}
	return f
}

// status is what `migrate status --json` prints.
type status struct {
	Current   int32          `json:"current"`
	Latest    int32          `json:"latest"`
	State     string         `json:"state"`             // not_installed, behind, incomplete, up_to_date or ahead
	Missing   []string       `json:"missing,omitempty"` // what somebody dropped
	Extension bool           `json:"extension"`         // installed by CREATE EXTENSION
	Workers   []workerStatus `json:"workers,omitempty"` // of Citus
}

type workerStatus struct {
	Node    string   `json:"node"`
	Current int32    `json:"current"`
	State   string   `json:"state,omitempty"`
	Missing []string `json:"missing,omitempty"`
	Error   string   `json:"error,omitempty"` // instead of a state
}

func (a *app) migrateStatus(ctx context.Context, _ []string) error {
	return a.withConn(ctx, func(conn *pgx.Conn) error {
		version, workers, err := standing(ctx, conn)
		if err != nil {
			return err
		}
		state, text := describe(version)
		result := status{Current: version.Current, Latest: version.Latest, State: state, Missing: version.Missing, Extension: version.Extension}
		lines := []string{"schema gapless: " + text}
		problem := behind(version, state, "this database")
		for _, w := range workers {
			said := workerStatus{Node: w.Address(), Current: w.Version.Current}
			var line string
			if w.Err != nil {
				said.Error = w.Err.Error()
				line = "not known: " + said.Error
				if problem == nil {
					problem = &failure{code: exitFailure, message: "node " + said.Node + " cannot be asked: " + said.Error}
				}
			} else {
				said.State, line = describe(w.Version)
				said.Missing = w.Version.Missing
				if problem == nil {
					problem = behind(w.Version, said.State, "node "+said.Node)
				}
			}
			result.Workers = append(result.Workers, said)
			lines = append(lines, "schema gapless on "+said.Node+": "+line)
		}
		if err := a.print(result, strings.Join(lines, "\n")); err != nil {
			return err
		}
		if problem != nil {
			return problem
		}
		return nil
	})
}

// behind says what is to be done if a database is not up to date, and nothing if it is.
func behind(version migrate.Version, state, where string) *failure {
	switch state {
	case "not_installed":
		return &failure{code: exitMissing, message: "gapless is not installed in " + where, hint: "run `gapless migrate up`"}
	case "behind":
		hint := "run `gapless migrate up`"
		if version.Extension {
			hint = "run ALTER EXTENSION gapless UPDATE, after the server has got the newer files"
		}
		return &failure{code: exitFailure, message: where + " is behind this program", hint: hint}
	case "incomplete":
		hint := "as the owner of schema gapless, run `gapless migrate up`; then grant again what roles had"
		if slices.ContainsFunc(version.Missing, isLostTable) {
			hint = "restore the tables from a backup, with their rows; then run `gapless migrate up`, and an audit"
		}
		return &failure{code: exitFailure, message: "somebody has dropped a part of gapless in " + where, hint: hint}
	case "ahead":
		return &failure{code: exitFailure, message: "this program is behind " + where, hint: "install a newer one"}
	}
	return nil
}

// isLostTable tells what nothing can make again.
func isLostTable(object string) bool { return strings.HasPrefix(object, "table ") }

func describe(v migrate.Version) (state, text string) {
	if v.Extension {
		defer func() { text += "; an extension" }()
	}
	switch {
	case v.Current == 0:
		return "not_installed", fmt.Sprintf("not installed (the latest version is %d)", v.Latest)
	case len(v.Missing) > 0:
		return "incomplete", fmt.Sprintf("version %d of %d, without %s", v.Current, v.Latest, strings.Join(v.Missing, ", "))
	case v.Current < v.Latest:
		return "behind", fmt.Sprintf("version %d of %d, %d behind", v.Current, v.Latest, v.Latest-v.Current)
	case v.Current > v.Latest:
		return "ahead", fmt.Sprintf("version %d, newer than this program, which knows %d", v.Current, v.Latest)
	}
	return "up_to_date", fmt.Sprintf("version %d of %d, up to date", v.Current, v.Latest)
}
