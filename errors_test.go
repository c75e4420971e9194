package gapless_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestWhatAttachedColumnsRaiseHasItsMeaningOnEveryWay runs what they refuse on each way that a statement can take.
func TestWhatAttachedColumnsRaiseHasItsMeaningOnEveryWay(t *testing.T) {
	t.Parallel()
	type way func(statement string, pool *pgxpool.Pool, committer *gapless.GroupCommitter) error
	execute := func(statement string) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), statement); return err }
	}
	inCommitBatch := func(statement string) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error { sqltest.CommitBatch(tx).Queue(statement); return nil }
	}
	for name, run := range map[string]way{
		"Classify": func(statement string, pool *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			err := pgx.BeginFunc(t.Context(), pool, execute(statement))
			for want := range sqltest.Sentinels() {
				require.NotErrorIs(t, err, want)
			}
			return gapless.Classify(err)
		},
		"InTx": func(statement string, pool *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			return gapless.InTx(t.Context(), pool, execute(statement))
		},
		"CommitBatch": func(statement string, pool *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			return gapless.InTx(t.Context(), pool, inCommitBatch(statement))
		},
		"CommitBatch by the simple protocol": func(statement string, pool *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			return gapless.InTx(t.Context(), pool, inCommitBatch(statement))
		},
		"Send by the simple protocol": func(statement string, pool *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			var batch pgx.Batch
			batch.Queue(statement)
			return committer.Send(t.Context(), &batch)
		},
		"GroupCommitter": func(statement string, pool *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			return committer.InTx(t.Context(), execute(statement))
		},
		"its CommitBatch": func(statement string, pool *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			return committer.InTx(t.Context(), inCommitBatch(statement))
		},
		"Send": func(statement string, pool *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			var batch pgx.Batch
			batch.Queue(statement)
			return committer.Send(t.Context(), &batch)
		},
		"Send with a callback": func(statement string, pool *pgxpool.Pool, committer *gapless.GroupCommitter) error {
			var batch pgx.Batch
			batch.Queue(statement).Query(func(pgx.Rows) error { panic("there is no result") })
			return committer.Send(t.Context(), &batch)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			sqltest.MakeRefusals(sqltest.Connect(t, database))
			pool := database.Pool(t, func(config *pgxpool.Config) {
				if strings.HasSuffix(name, "simple protocol") {
					config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
				}
			})
			committer := sqltest.NewGroupCommitter(t, pool)
			for _, refusal := range sqltest.Refusals {
				refusal.Require(t, run(refusal.Statement, pool, committer))
			}
			for _, statement := range sqltest.Others {
				err := run(statement, pool, committer)
				require.ErrorAs(t, err, new(*pgconn.PgError), statement)
				for want := range sqltest.Sentinels() {
					require.NotErrorIs(t, err, want, statement)
				}
			}
		})
	}
}

func TestOfErrorsThatAreJoinedTheOneThatMeansSomethingCounts(t *testing.T) {
	t.Parallel()
	aborted, locked, mine := &pgconn.PgError{Code: "25P02"}, &pgconn.PgError{Code: "55P03"}, errors.New("mine")
	for _, joined := range []error{
		errors.Join(aborted, locked), errors.Join(mine, fmt.Errorf("%w: %w", aborted, fmt.Errorf("wrapped: %w", locked))), errors.Join(locked, aborted),
	} {
		err := gapless.Classify(joined)
		require.ErrorIs(t, err, gapless.ErrLocked)
		require.ErrorIs(t, err, joined)
	}
	for _, nothing := range []error{nil, mine, aborted, errors.Join(mine, aborted), fmt.Errorf("%w", errors.Join())} {
		require.Equal(t, nothing, gapless.Classify(nothing))
	}
}

func TestWhatSaysNothingToGaplessIsReturnedAsItIs(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	sqltest.MakeRefusals(s)
	pool := database.Pool(t)
	require.NoError(t, gapless.Classify(nil))
	for _, statement := range sqltest.Others {
		_, err := s.Exec(t.Context(), statement)
		require.Error(t, err)
		require.Equal(t, err, gapless.Classify(err))
		if sqltest.AtCommit(statement) {
			continue
		}
		var of error
		err = gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			_, of = tx.Exec(t.Context(), statement)
			return of
		})
		require.True(t, err == of, "%v", err) //nolint:errorlint,testifylint // the very same
	}
	none := errors.New("none of PostgreSQL's")
	require.True(t, gapless.Classify(none) == none) //nolint:errorlint,testifylint // the very same

	// What has its meaning is not wrapped again, at whatever depth it is.
	written := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), sqltest.Refusals[0].Statement)
		return err
	})
	require.ErrorIs(t, written, gapless.ErrWritten)
	for _, err := range []error{written, fmt.Errorf("issuing: %w", written)} {
		require.True(t, gapless.Classify(err) == err) //nolint:errorlint,testifylint // the very same
		again := gapless.InTx(t.Context(), pool, func(pgx.Tx) error { return err })
		require.True(t, again == err) //nolint:errorlint,testifylint // the very same
	}
}

// notIssued is an error of a user's own, with what caused it.
type notIssued struct{ cause error }

func (e notIssued) Error() string { return "invoice not issued: " + e.cause.Error() }

func (e notIssued) Unwrap() error { return e.cause }

func TestTheErrorOfFnStaysInWhatInTxReturns(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	sqltest.MakeRefusals(sqltest.Connect(t, database))
	pool := database.Pool(t)
	var own notIssued
	err := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE invoices SET number = 77 WHERE id = 1")
		own = notIssued{err}
		return own
	})
	require.ErrorIs(t, err, gapless.ErrChanged)
	require.ErrorIs(t, err, own)
	require.ErrorAs(t, err, new(notIssued))
	require.EqualError(t, err, `gapless: invoice not issued: column public.invoices.number numbers itself: 1 of sequence "invoice/a" cannot be changed (SQLSTATE 428C9)`)
}

// TestAnErrorAboutAnotherTransactionHasNoMeaningHere has one that says "locked" as the reason why nobody knows its outcome, or as a
// callback's.
func TestAnErrorAboutAnotherTransactionHasNoMeaningHere(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	pool := database.Pool(t)
	committer := sqltest.NewGroupCommitter(t, pool)
	locked := s.Refuse("55P03", "DO $$ BEGIN RAISE SQLSTATE '55P03'; END $$")
	require.ErrorIs(t, gapless.Classify(locked), gapless.ErrLocked)
	for _, sentinel := range []error{gapless.ErrOutcomeUnknown, gapless.ErrCommitted} {
		about := fmt.Errorf("%w: %w", sentinel, locked)
		require.True(t, gapless.Classify(about) == about) //nolint:errorlint,testifylint // the very same
		err := gapless.InTx(t.Context(), pool, func(pgx.Tx) error { return about })
		require.NotErrorIs(t, err, sentinel)
		require.NotErrorIs(t, err, gapless.ErrLocked)
		require.True(t, gapless.Classify(err) == err) //nolint:errorlint,testifylint // the very same
		require.NotErrorIs(t, committer.InTx(t.Context(), func(pgx.Tx) error { return about }), gapless.ErrLocked)
	}
	callback := func(batch *pgx.Batch) {
		batch.Queue("SELECT 1").Query(func(pgx.Rows) error { return locked })
	}
	var batch pgx.Batch
	callback(&batch)
	for _, err := range []error{
		gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error { callback(sqltest.CommitBatch(tx)); return nil }),
		committer.Send(t.Context(), &batch),
	} {
		require.ErrorIs(t, err, gapless.ErrCommitted)
		require.NotErrorIs(t, err, gapless.ErrLocked)
	}
}

func TestALockTimeoutIsErrLockedWhereverItComesFrom(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE early (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('early', 'number', name => $$ 'n' $$)")
	s.Do("CREATE TABLE late (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('late', 'number', name => $$ 'm' $$, at_commit => true)")
	s.Do("INSERT INTO early VALUES (1)")
	s.Do("INSERT INTO late VALUES (1)")
	s.Do("BEGIN")
	s.Do("INSERT INTO early VALUES (2)")
	s.Do("INSERT INTO late VALUES (2); SET CONSTRAINTS ALL IMMEDIATE")
	pool := database.Pool(t, func(config *pgxpool.Config) { config.ConnConfig.RuntimeParams["lock_timeout"] = "50ms" })
	for _, statement := range []string{
		"INSERT INTO early VALUES (3)",
		"INSERT INTO late VALUES (3)", // at COMMIT
		"LOCK TABLE early",
		"SELECT FROM early WHERE id = 1 FOR UPDATE; LOCK TABLE late NOWAIT",
	} {
		err := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			_, err := tx.Conn().PgConn().Exec(t.Context(), statement).ReadAll()
			return err
		})
		require.ErrorIs(t, err, gapless.ErrLocked, statement)
		sqltest.RequireCode(t, "55P03", err)
		sqltest.RequireText(t, err)
	}
	s.Do("ROLLBACK")
}

func TestEachMessageBeginsAlikeAndNamesWhatItIsAboutOnce(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	sqltest.MakeRefusals(s)
	s.Do(`CREATE SCHEMA "a shop"`)
	s.Do(`CREATE TABLE "a shop"."the invoices" (id int, number bigint UNIQUE, wrong text UNIQUE)`)
	pool := database.Pool(t)
	ctx := t.Context()
	inTx := func(call func(tx pgx.Tx) error) error { return gapless.InTx(ctx, pool, call) }
	column := gapless.Column{Table: `"a shop"."the invoices"`, Column: "number", Name: "'shop'"}
	require.NoError(t, gapless.Attach(ctx, pool, column))
	other, missing, wrong, shared := column, column, column, column
	other.Name, missing.Column, wrong.Column, shared.Column, shared.Name = "'other'", "nosuch", "wrong", "id", "NEW.nosuch"
	ended, end := context.WithCancel(ctx)
	end()
	for _, c := range []struct {
		err  error
		is   error
		want string
	}{
		{inTx(func(tx pgx.Tx) error { _, err := gapless.NewSequence("invoice/a").Next(ctx, tx); return err }), gapless.ErrSequenceOfColumn,
			`gapless: sequence "invoice/a" belongs to column public.invoices.number, which numbers itself from it (SQLSTATE 55000)`},
		{inTx(func(tx pgx.Tx) error { _, err := gapless.NewSequence("invoice/a").Delete(ctx, tx); return err }), gapless.ErrSequenceOfColumn,
			`gapless: sequence "invoice/a" cannot be deleted: column public.invoices.number numbers itself from it (SQLSTATE 2BP01)`},
		{inTx(func(tx pgx.Tx) error { _, err := gapless.NewSequence("").Next(ctx, tx); return err }), gapless.ErrInvalid,
			`gapless: sequence "": its name has 0 bytes, and must have 1 to 255 (SQLSTATE 22023)`},
		{inTx(func(tx pgx.Tx) error { return gapless.NewSequence("x").Open(ctx, tx, "why") }), gapless.ErrInvalid,
			`gapless: sequence "x" is not closed (SQLSTATE 55000)`},
		{inTx(func(tx pgx.Tx) error { _, err := gapless.NewSequence("plain").Archive(ctx, tx, 1, "why"); return err }), gapless.ErrNotAttached, ""},
		{inTx(func(tx pgx.Tx) error {
			_, err := gapless.NewSequence("x").Range(ctx, tx, 1, 2, "why", gapless.Limits{ValidUntil: "2099-12-31", TimeZone: "nowhere"})
			return err
		}), gapless.ErrInvalid, ""},
		{gapless.Attach(ctx, pool, other), gapless.ErrAttachedAlready,
			`gapless: column a shop.the invoices.number is attached already, with another definition: name is '''shop''', and '''other''' was asked for (SQLSTATE 42710)`},
		{gapless.Attach(ctx, pool, missing), gapless.ErrInvalid,
			`gapless: column a shop.the invoices.nosuch: table "a shop"."the invoices" has no column "nosuch" (SQLSTATE 42703)`},
		{gapless.Attach(ctx, pool, wrong), gapless.ErrInvalid,
			`gapless: column a shop.the invoices.wrong cannot number itself: it is of type text (SQLSTATE 55000)`},
		{gapless.Attach(ctx, pool, shared), gapless.ErrInvalid, ""},
		{gapless.Attach(ctx, pool, gapless.Column{Table: "nosuch", Column: "number"}), nil,
			`gapless: column nosuch.number: relation "nosuch" does not exist (SQLSTATE 42P01)`},
		{gapless.Detach(ctx, pool, column.Table, "id"), gapless.ErrNotAttached,
			`gapless: column "a shop"."the invoices".id is not attached (SQLSTATE 42704)`},
		{func() error { _, err := gapless.GuardPartitions(ctx, pool, "orders"); return err }(), gapless.ErrNotAttached,
			`gapless: the partitions of orders: no column of table public.orders is attached (SQLSTATE 42704)`},
		{func() error { _, err := gapless.Audit(ended, pool); return err }(), context.Canceled, ""},
		{func() error { _, _, err := gapless.NewSequence("x").Last(ended, pool); return err }(), context.Canceled, ""},
		{inTx(func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO slips VALUES (9, '2026-01-01')") // numbered at COMMIT
			return err
		}), gapless.ErrChronology, `gapless: not committed: column public.slips.number: a row of table "slips" is dated before its predecessor in sequence "slip": ` +
			`2026-01-01 00:00:00 after 2026-02-01 00:00:00 (SQLSTATE 23514)`},
		{inTx(func(tx pgx.Tx) error { sqltest.CommitBatch(tx).Queue("DELETE FROM invoices WHERE id = 1"); return nil }), gapless.ErrDeleted,
			`gapless: not committed: column public.invoices.number: a numbered row of table "invoices" cannot be deleted: 1 of sequence "invoice/a" (SQLSTATE 23001)`},
		{inTx(func(tx pgx.Tx) error { _, err := tx.Exec(ctx, "INSERT INTO once VALUES (true)"); return err }), nil,
			`gapless: not committed: ERROR: no (SQLSTATE 23505)`},
		{gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT gapless.next_gapless('x')")
			require.NoError(t, err)
			_, err = tx.Exec(ctx, "DO $$ BEGIN RAISE SQLSTATE '55P03' USING MESSAGE = 'busy'; END $$")
			return err
		}, gapless.WithRetryLocked(), gapless.WithMaxAttempts(2)), gapless.ErrLocked,
			`gapless: gave up after attempt 2 of 2: ERROR: busy (SQLSTATE 55P03)`},
	} {
		require.Error(t, c.err, c.want)
		if c.is != nil {
			require.ErrorIs(t, c.err, c.is)
		}
		if c.want != "" {
			require.EqualError(t, c.err, c.want)
		}
		sqltest.RequireText(t, c.err)
	}
	require.ErrorIs(t, gapless.InTx(ctx, pool, func(pgx.Tx) error { return gapless.InTx(ended, pool, nil) }), context.Canceled)
	require.Equal(t, 1, strings.Count(gapless.InTx(ctx, pool, func(pgx.Tx) error { return gapless.InTx(ended, pool, nil) }).Error(), "gapless: "))
}

func TestEachErrorIsInTheTableOfTheDocumentation(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("errors.go")
	require.NoError(t, err)
	page, err := os.ReadFile("docs/troubleshooting.md")
	require.NoError(t, err)
	names := regexp.MustCompile(`(?m)^\t(Err\w+)\s+=`).FindAllSubmatch(source, -1)
	require.Len(t, names, len(slices.Collect(sqltest.Sentinels())))
	for _, name := range names {
		require.Contains(t, string(page), "\n| `"+string(name[1])+"` | ")
	}
}
