package stdlib_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	pgxstdlib "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

func TestWhatAttachedColumnsRaiseHasItsMeaningOverDatabaseSQL(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(db *sql.DB, statement string) error{
		"InTx": func(db *sql.DB, statement string) error {
			return stdlib.InTx(t.Context(), db, func(tx *sql.Tx) error { _, err := tx.ExecContext(t.Context(), statement); return err })
		},
		"GroupCommitter": func(db *sql.DB, statement string) error {
			committer, err := stdlib.NewGroupCommitter(t.Context(), db, gapless.WithFsyncOff())
			require.NoError(t, err)
			defer committer.Close()
			return committer.InTx(t.Context(), func(tx *sql.Tx) error { _, err := tx.ExecContext(t.Context(), statement); return err })
		},
		"Classify": func(db *sql.DB, statement string) error {
			_, err := db.ExecContext(t.Context(), statement)
			return gapless.Classify(err)
		},
		"Classify of an error of COMMIT": func(db *sql.DB, statement string) error {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer tx.Rollback()
			_, err = tx.ExecContext(t.Context(), statement)
			if err == nil {
				err = tx.Commit()
			}
			return gapless.Classify(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			sqltest.MakeRefusals(sqltest.Connect(t, database))
			db, err := sql.Open("pgx", database.URL)
			require.NoError(t, err)
			defer db.Close()
			for _, refusal := range sqltest.Refusals {
				refusal.Require(t, run(db, refusal.Statement))
			}
			for _, statement := range sqltest.Others {
				err := run(db, statement)
				require.ErrorAs(t, err, new(*pgconn.PgError), statement)
				for want := range sqltest.Sentinels() {
					require.NotErrorIs(t, err, want, statement)
				}
			}
		})
	}
}

func TestEachMessageOverDatabaseSQLBeginsAlikeAndNamesWhatItIsAboutOnce(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	sqltest.MakeRefusals(sqltest.Connect(t, database))
	db, err := sql.Open("pgx", database.URL)
	require.NoError(t, err)
	defer db.Close()
	ctx := t.Context()
	inTx := func(statement string) error {
		return stdlib.InTx(ctx, db, func(tx *sql.Tx) error { _, err := tx.ExecContext(ctx, statement); return err })
	}
	for want, err := range map[string]error{
		`gapless: column public.invoices.number is attached already, with another definition: name is ' ''invoice/'' || NEW.series ', and '''public.invoices.number''' was asked for; chronology is 'NEW.day', and NULL was asked for (SQLSTATE 42710)`: stdlib.Attach(ctx, db, gapless.Column{Table: "invoices", Column: "number"}),
		`gapless: column invoices.id is not attached (SQLSTATE 42704)`: stdlib.Detach(ctx, db, "invoices", "id"),
		`gapless: column public.invoices.number numbers itself, so '7' cannot be written into it (SQLSTATE 428C9)`: inTx(
			"INSERT INTO invoices (id, day, number) VALUES (9, '2026-02-02', 7)"),
		`gapless: not committed: ERROR: no (SQLSTATE 23505)`: inTx("INSERT INTO once VALUES (true)"),
		`gapless: sequence "invoice/closed" is closed (SQLSTATE 55000)`: stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
			_, _, err := stdlib.NewSequence("invoice/closed").Close(ctx, tx, "why")
			return err
		}),
	} {
		require.EqualError(t, err, want)
		sqltest.RequireText(t, err)
	}
	_, err = stdlib.GuardPartitions(ctx, db, "orders")
	require.ErrorIs(t, err, gapless.ErrNotAttached)
	sqltest.RequireText(t, err)
	cause := errors.New("no stock")
	require.True(t, stdlib.InTx(ctx, db, func(*sql.Tx) error { return cause }) == cause) //nolint:errorlint,testifylint // the very same
}

func TestARoleWithoutRightsIsToldWhatToGrantOverDatabaseSQL(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	role, _ := sqltest.Role(t, database, "app")
	config, err := pgx.ParseConfig(database.URL)
	require.NoError(t, err)
	config.RuntimeParams["role"] = role
	db := pgxstdlib.OpenDB(*config)
	defer db.Close()
	nothing := func(*sql.Tx) error { return nil }
	err = stdlib.InTx(t.Context(), db, nothing)
	sqltest.RequireCode(t, "42501", err)
	require.ErrorContains(t, err, "SELECT gapless.grant_gapless('role')")
	sqltest.RequireText(t, err)
	s.Do("SELECT gapless.grant_gapless('" + role + "')")
	require.NoError(t, stdlib.InTx(t.Context(), db, nothing))
}
