package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pggapless/gapless/migrate"
)

func (a *app) newMigrate() *cobra.Command {
	parent := a.command(&cobra.Command{
		Use:   "migrate",
		Short: "Install schema gapless, or bring it up to date",
	}, nil, func(context.Context, []string) error {
		return usage("migrate takes a command: up, status or print", "see gapless migrate --help")
	})
	parent.AddCommand(
		a.jsonFlag(a.command(&cobra.Command{
			Use:   "up",
			Short: "Install the schema, or bring it up to date",
			Long: `Install schema gapless in the database, or bring it up to date. On a database that is up to date
it changes nothing. The role needs CREATE on the database, as the database's owner has.`,
		}, nil, a.migrateUp)),
		a.jsonFlag(a.command(&cobra.Command{
			Use:   "status",
			Short: "Show where the database stands",
			Long: `Show where the database stands. It changes nothing, and needs no right but to connect. The exit code is
0 if the database is up to date, 4 if gapless is not installed, and 1 if it is at another version.`,
		}, nil, a.migrateStatus)),
		a.newMigratePrint(),
	)
	return parent
}

func (a *app) newMigratePrint() *cobra.Command {
	var number int
	var definitions, uninstall bool
	var flags *pflag.FlagSet
	cmd := a.command(&cobra.Command{
		Use:   "print",
		Short: "Print the whole install as SQL, for any client",
		Long: `Print the whole install as one SQL statement, for any client, in a transaction or not. It installs,
and upgrades an older release; repeated, it changes nothing. Needs no database.

With --step, print one step, for a migration tool that is to have each release as a migration of its
own. A release can add steps, and changes none that was released.`,
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
	cmd.MarkFlagsMutuallyExclusive("step", "definitions", "uninstall")
	return cmd
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

func (a *app) migrateUp(ctx context.Context, _ []string) error {
	return a.withConn(ctx, func(conn *pgx.Conn) error {
		before, err := migrate.Status(ctx, conn)
		if err == nil {
			err = migrate.Up(ctx, conn)
		}
		if err != nil {
			return withRights(ctx, conn, err)
		}
		after, err := migrate.Status(ctx, conn)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("schema gapless: version %d → %d", before.Current, after.Current)
		if before.Current == after.Current {
			text = fmt.Sprintf("schema gapless: already at version %d", after.Current)
		}
		return a.printDone(map[string]int32{"from": before.Current, "to": after.Current}, text)
	})
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
	f := explain(err)
	f.hint = "the role needs CREATE on the database, as the database's owner has"
	hint, err := readOn(ctx, conn, func(tx pgx.Tx) (hint *string, err error) {
		err = tx.QueryRow(ctx, rightsToMigrate).Scan(&hint)
		return hint, err
	})
	if err == nil && hint != nil {
		f.hint = *hint
	}
	return f
}

// status is what `migrate status --json` prints.
type status struct {
	Current int32  `json:"current"`
	Latest  int32  `json:"latest"`
	State   string `json:"state"` // not_installed, behind, up_to_date or ahead
}

func (a *app) migrateStatus(ctx context.Context, _ []string) error {
	return a.withConn(ctx, func(conn *pgx.Conn) error {
		version, err := migrate.Status(ctx, conn)
		if err != nil {
			return err
		}
		state, text := describe(version)
		if err := a.print(status{version.Current, version.Latest, state}, "schema gapless: "+text); err != nil {
			return err
		}
		switch state {
		case "not_installed":
			return &failure{code: exitMissing, message: "gapless is not installed in this database", hint: "run `gapless migrate up`"}
		case "behind":
			return &failure{code: exitFailure, message: "the database is behind this program", hint: "run `gapless migrate up`"}
		case "ahead":
			return &failure{code: exitFailure, message: "this program is behind the database", hint: "install a newer one"}
		}
		return nil
	})
}

func describe(v migrate.Version) (state, text string) {
	switch {
	case v.Current == 0:
		return "not_installed", fmt.Sprintf("not installed (the latest version is %d)", v.Latest)
	case v.Current < v.Latest:
		return "behind", fmt.Sprintf("version %d of %d, %d behind", v.Current, v.Latest, v.Latest-v.Current)
	case v.Current > v.Latest:
		return "ahead", fmt.Sprintf("version %d, newer than this program, which knows %d", v.Current, v.Latest)
	}
	return "up_to_date", fmt.Sprintf("version %d of %d, up to date", v.Current, v.Latest)
}
