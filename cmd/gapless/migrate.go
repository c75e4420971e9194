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
it changes nothing. The role needs CREATE on the database and on schema public, as the
database's owner has.`,
		}, nil, a.migrateUp)),
		a.jsonFlag(a.command(&cobra.Command{
			Use:   "status",
			Short: "Show where the database stands",
		}, nil, a.migrateStatus)),
		a.newMigratePrint(),
	)
	return parent
}

func (a *app) newMigratePrint() *cobra.Command {
	var number int
	var flags *pflag.FlagSet
	cmd := a.command(&cobra.Command{
		Use:   "print",
		Short: "Print the whole install as SQL, for `psql -f`",
		Long: `Print the whole install as one SQL script, for a database that does not have the schema. Needs no
database.

With --step, print one step, for another migration tool: plain SQL, which the tool runs in a
transaction of its own. A release can add steps, and changes none that was released.`,
	}, nil, func(context.Context, []string) error {
		script, err := migrate.Script()
		if err == nil && flags.Changed("step") {
			script, err = printedStep(number)
		}
		if err != nil {
			return err
		}
		_, err = io.WriteString(a.stdout, script)
		return err
	})
	flags = cmd.Flags()
	flags.IntVar(&number, "step", 0, "one `step` alone, from 1, for another migration tool")
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
			return withRights(ctx, conn, rightsToMigrate, err)
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

// Which rights the role lacks, as what gives them.
const (
	rightsToMigrate = `
		SELECT coalesce(
			(
				SELECT pg_catalog.format('only the role that installed it can: %I', pg_catalog.pg_get_userbyid(c.relowner))
				FROM pg_catalog.pg_class AS c
				WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'gapless_schema_version'
					AND pg_catalog.pg_get_userbyid(c.relowner) <> current_user
			),
			'their owner can give what is lacking: ' || pg_catalog.string_agg(pg_catalog.format('GRANT %s TO %I', r.lacking, current_user), '; ')
		)
		FROM (
			SELECT 'CREATE ON DATABASE ' || pg_catalog.quote_ident(current_database())
			WHERE NOT pg_catalog.has_database_privilege(current_database(), 'CREATE')
			UNION ALL
			SELECT 'USAGE, CREATE ON SCHEMA public'
			WHERE NOT pg_catalog.has_schema_privilege('public', 'USAGE') OR NOT pg_catalog.has_schema_privilege('public', 'CREATE')
		) AS r (lacking)`
	rightsToLook = `
		SELECT 'its owner can give what is lacking: ' || pg_catalog.string_agg(pg_catalog.format('GRANT %s TO %I', r.lacking, current_user), '; ')
		FROM (
			SELECT 'USAGE ON SCHEMA public'
			WHERE NOT pg_catalog.has_schema_privilege('public', 'USAGE')
			UNION ALL
			SELECT 'SELECT ON TABLE ` + migrate.VersionTable + `'
			FROM pg_catalog.pg_class AS c
			WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'gapless_schema_version'
				AND NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')
		) AS r (lacking)`
)

// withRights adds to the refusal of a role without rights which it lacks. An application's rights would not help.
func withRights(ctx context.Context, conn *pgx.Conn, rights string, err error) error {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || refused.Code != "42501" || refused.Hint != "" {
		return err
	}
	f := explain(err)
	f.hint = "the role needs CREATE on the database and on schema public, as the database's owner has"
	hint, err := readOn(ctx, conn, func(tx pgx.Tx) (hint *string, err error) {
		err = tx.QueryRow(ctx, rights).Scan(&hint)
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
			return withRights(ctx, conn, rightsToLook, err)
		}
		state, text := describe(version)
		return a.print(status{version.Current, version.Latest, state}, "schema gapless: "+text)
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
