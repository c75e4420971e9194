package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completionPatience is how long a shell waits for names from the database.
const completionPatience = 2 * time.Second

// Names for the arguments of commands, by what an argument is called, and of a command alone by "command ARGUMENT". $1 is what was
// typed of it, and $2 the argument before.
var completions = map[string]string{
	"NAME": `SELECT name FROM gapless.sequences WHERE starts_with(name, $1) AND $2 = '' AND name !~ '[[:cntrl:]]' ORDER BY name LIMIT 200`,
	"ROLE": `SELECT rolname::text FROM pg_catalog.pg_roles WHERE starts_with(rolname, $1) AND $2 = '' AND NOT starts_with(rolname, 'pg_') ORDER BY 1 LIMIT 200`,
	"TABLE": `SELECT DISTINCT table_name::regclass::text FROM gapless.columns
		WHERE (starts_with(table_name, $1) OR starts_with(table_name::regclass::text, $1)) AND $2 = '' ORDER BY 1 LIMIT 200`,
	"COLUMN":   `SELECT column_name::text FROM gapless.columns WHERE starts_with(column_name, $1) AND table_name::regclass = pg_catalog.to_regclass($2) ORDER BY 1`,
	"DATABASE": `SELECT pg_catalog.current_database()::text WHERE starts_with(pg_catalog.current_database(), $1) AND $2 = ''`,
	"attach TABLE": `SELECT c.oid::regclass::text FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'gapless')
			AND pg_catalog.pg_has_role(c.relowner, 'USAGE') AND $2 = ''
			AND (starts_with(c.oid::regclass::text, $1) OR starts_with(n.nspname || '.' || c.relname, $1)) ORDER BY 1 LIMIT 200`,
	"attach COLUMN": `SELECT a.attname::text FROM pg_catalog.pg_attribute AS a
		WHERE a.attrelid = pg_catalog.to_regclass($2) AND a.attnum > 0 AND NOT a.attisdropped AND starts_with(a.attname, $1)
			AND a.atttypid IN ('bigint'::regtype, 'text'::regtype, 'varchar'::regtype) ORDER BY a.attnum`,
	"attached column": `SELECT table_name || '.' || column_name FROM gapless.columns WHERE starts_with(table_name || '.' || column_name, $1) AND $2 = '' ORDER BY 1 LIMIT 200`,
}

// completeArguments completes the arguments of a command.
func (a *app) completeArguments(want []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(want) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		argument, before := strings.Trim(want[len(args)], "[]"), ""
		if argument == "DIR" {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
		if argument == "COLUMN" {
			before = args[len(args)-1]
		}
		query, ok := completions[cmd.Name()+" "+argument]
		if !ok {
			query = completions[argument]
		}
		return a.names(cmd.Context(), query, typed, before), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlags completes the values of flags. No flag but that of a file has files for values.
func (a *app) completeFlags(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		complete := cobra.NoFileCompletions
		switch {
		case f.Name == "html" || f.Name == "file" || f.Name == "texts":
			return
		case f.Name == "color":
			complete = cobra.FixedCompletions(a.colour.of, cobra.ShellCompDirectiveNoFileComp)
		case f.Name == "from" && cmd.Name() == "import":
			complete = cobra.FixedCompletions([]string{fromDjango, fromOdoo, fromSequences, fromQuery}, cobra.ShellCompDirectiveNoFileComp)
		case f.Name == "language":
			complete = cobra.FixedCompletions([]string{"de", "en"}, cobra.ShellCompDirectiveNoFileComp)
		case f.Name == "column" || f.Name == "series-of":
			complete = a.completeFlag("attached column")
		case f.Name == "username":
			complete = a.completeFlag("ROLE")
		case f.Name == "host":
			complete = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
				return nil, cobra.ShellCompDirectiveDefault // the folder of a socket
			}
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // each is registered once
	})
	for _, c := range cmd.Commands() {
		a.completeFlags(c)
	}
}

func (a *app) completeFlag(query string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.names(cmd.Context(), completions[query], typed, ""), cobra.ShellCompDirectiveNoFileComp
	}
}

// names are those that a query gives. While somebody is typing nothing is said or asked, and where there is no answer, there is none.
func (a *app) names(ctx context.Context, query, typed, before string) []cobra.Completion {
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	silent := *a
	silent.stderr, silent.askPassword = io.Discard, nil
	var found []string
	_ = silent.withConn(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, query, typed, before)
			if err != nil {
				return err
			}
			found, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		})
	})
	return found
}
