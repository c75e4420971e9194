package main

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

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
		a.command(&cobra.Command{
			Use:   "print",
			Short: "Print the whole install as SQL, for `psql -f`",
			Long:  "Print the whole install as one SQL script, for a database that does not have the schema. Needs no database.",
		}, nil, func(context.Context, []string) error {
			script, err := migrate.Script()
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.stdout, script)
			return err
		}),
	)
	return parent
}

func (a *app) migrateUp(ctx context.Context, _ []string) error {
	return a.withConn(ctx, func(conn *pgx.Conn) error {
		before, err := migrate.Status(ctx, conn)
		if err != nil {
			return err
		}
		if err := migrate.Up(ctx, conn); err != nil {
			return err
		}
		after, err := migrate.Status(ctx, conn)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("schema gapless: version %d → %d", before.Current, after.Current)
		if before.Current == after.Current {
			text = fmt.Sprintf("schema gapless: already at version %d", after.Current)
		}
		return a.print(map[string]int32{"from": before.Current, "to": after.Current}, text)
	})
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
