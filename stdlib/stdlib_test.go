package stdlib_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/stdlib"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", pgtest.New(t).URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestEveryCallOverDatabaseSQL(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), t.Context()
	plain := stdlib.NewSequence("plain")
	cycle := stdlib.NewSequence("cycle", gapless.WithInitial(-1), gapless.WithReset(2))
	require.Equal(t, "cycle", cycle.Name())

	_, ok, err := plain.Last(ctx, db)
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		value, err := plain.Next(ctx, tx)
		require.NoError(t, err)
		require.EqualValues(t, 1, value)
		value, err = plain.TryNext(ctx, tx)
		require.NoError(t, err)
		require.EqualValues(t, 2, value)
		values, err := cycle.NextBatch(ctx, tx, 4)
		require.NoError(t, err)
		require.Equal(t, []int64{-1, 0, 1, -1}, values)
		values, err = cycle.TryNextBatch(ctx, tx, 0)
		require.NoError(t, err)
		require.Empty(t, values)
		return plain.Adopt(ctx, tx, 10)
	}))
	last, ok, err := plain.Last(ctx, db)
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 10, last)
	require.NoError(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		require.NoError(t, plain.VoidBatch(ctx, tx, 1, 2, "never sent"))
		last, ok, err := stdlib.NewSequence("tried").GoLive(ctx, tx, "opened")
		require.NoError(t, err)
		require.False(t, ok)
		require.Zero(t, last)
		require.NoError(t, plain.Forward(ctx, tx, 12, "used by the tills"))
		bounded := stdlib.NewSequence("bounded")
		left, err := bounded.Range(ctx, tx, 1, 100, "grant 1", gapless.Limits{})
		require.NoError(t, err)
		require.EqualValues(t, 100, left)
		left, err = bounded.Range(ctx, tx, 1, 50, "grant 1, mended", gapless.Limits{ValidUntil: "2099-12-31", TimeZone: "Asia/Tokyo", WarnLeft: 3, WarnPercent: 12.5, WarnDays: 30})
		require.NoError(t, err)
		require.EqualValues(t, 50, left)
		left, err = bounded.Withdraw(ctx, tx, 1, "cancelled")
		require.NoError(t, err)
		require.EqualValues(t, 50, left)
		last, ok, err = plain.Close(ctx, tx, "audited")
		require.NoError(t, err)
		require.True(t, ok)
		require.EqualValues(t, 12, last)
		_, ok, err = stdlib.NewSequence("unused").Close(ctx, tx, "audited")
		require.NoError(t, err)
		require.False(t, ok)
		return nil
	}))
	require.ErrorIs(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error { _, err := plain.Archive(ctx, tx, 12, "no column has it"); return err }), gapless.ErrNotAttached)
	require.ErrorIs(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error { _, err := plain.Next(ctx, tx); return err }), gapless.ErrSequenceClosed)
	require.NoError(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error { return plain.Open(ctx, tx, "one more") }))
	peeked, err := cycle.Peek(ctx, db)
	require.NoError(t, err)
	require.EqualValues(t, 0, peeked)
	require.NoError(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		existed, err := plain.Delete(ctx, tx)
		require.NoError(t, err)
		require.True(t, existed)
		existed, err = plain.TryDelete(ctx, tx)
		require.NoError(t, err)
		require.False(t, existed)
		return nil
	}))
}

func TestColumnsAndAuditsOverDatabaseSQL(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	db, err := sql.Open("pgx", database.URL)
	require.NoError(t, err)
	defer db.Close()
	ctx := t.Context()
	_, err = db.ExecContext(ctx, `
		CREATE TABLE sales (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant int NOT NULL, number text, UNIQUE (tenant, number));
		CREATE TABLE parts (id bigint, year int, number bigint, UNIQUE (year, number)) PARTITION BY LIST (year);
		CREATE TABLE seals (number bigint UNIQUE, seal bytea, before bytea)`)
	require.NoError(t, err)
	slash, ten := "/", int64(10)
	sales := gapless.Column{
		Table: "sales", Column: "number", Name: "'sale/' || NEW.tenant", Initial: &ten, Format: "'S' || value", Unnumbered: &slash, AtCommit: true, Moves: true, MakeIndex: true,
	}
	require.NoError(t, stdlib.Attach(ctx, db, sales))
	require.NoError(t, stdlib.Attach(ctx, db, gapless.Column{Table: "parts", Column: "number"}))
	require.NoError(t, stdlib.Attach(ctx, db, gapless.Column{
		Table: "seals", Column: "number", Name: "'seal'", Condition: "true", Chain: "sha256(NEW.before || 'x'::bytea)", HashColumn: "seal", PreviousColumn: "before",
	}))
	require.NoError(t, stdlib.Ensure(ctx, db, sales))
	var refused *pgconn.PgError
	require.ErrorAs(t, stdlib.Ensure(ctx, db, gapless.Column{Table: "parts", Column: "number", Initial: &ten}), &refused)
	require.Equal(t, "initial is 1, and 10 was asked for.", refused.Detail)
	require.ErrorAs(t, stdlib.Attach(ctx, db, gapless.Column{Table: "parts", Column: "id", SeriesOf: "sales.number", Chronology: "NEW.year"}), &refused)
	require.ErrorContains(t, refused, "parts")

	// The same columns that package gapless attaches.
	options := func(table string) (options string) {
		require.NoError(t, db.QueryRowContext(ctx, "SELECT (to_jsonb(c) - 'table_name')::text FROM gapless.columns AS c WHERE table_name = $1", table).Scan(&options))
		return options
	}
	_, err = db.ExecContext(ctx, "CREATE SCHEMA other; CREATE TABLE other.sales (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant int NOT NULL, number text, UNIQUE (tenant, number))")
	require.NoError(t, err)
	sales.Table = "other.sales"
	require.NoError(t, gapless.Attach(ctx, database.Conn(t), sales))
	require.Equal(t, options("other.sales"), options("public.sales"))
	require.Contains(t, options("public.sales"), `"unnumbered": "/"`)

	_, err = db.ExecContext(ctx, "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1)")
	require.NoError(t, err)
	partitions, err := stdlib.GuardPartitions(ctx, db, "parts")
	require.NoError(t, err)
	require.Equal(t, []string{"parts_1"}, partitions)
	_, err = stdlib.GuardPartitions(ctx, db, "nowhere")
	require.ErrorContains(t, err, "nowhere")

	_, err = db.ExecContext(ctx, "INSERT INTO sales (tenant) VALUES (1), (1), (2)")
	require.NoError(t, err)
	one := stdlib.NewSequence("sale/1")
	require.NoError(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error { return one.Void(ctx, tx, 11, "misprinted") }))
	require.ErrorIs(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error { return one.Void(ctx, tx, 11, "again") }), gapless.ErrInvalid)
	_, err = db.ExecContext(ctx, "ALTER TABLE sales DISABLE TRIGGER USER; DELETE FROM sales WHERE tenant = 2; ALTER TABLE sales ENABLE TRIGGER USER")
	require.NoError(t, err)
	findings, err := stdlib.Audit(ctx, db)
	require.NoError(t, err)
	wanted, err := gapless.Audit(ctx, database.Conn(t))
	require.NoError(t, err)
	require.Len(t, findings, 2)
	for i := range findings {
		require.WithinDuration(t, wanted[i].AllocatedAt, findings[i].AllocatedAt, 0)
		findings[i].AllocatedAt = wanted[i].AllocatedAt
	}
	require.Equal(t, wanted, findings)
	findings, err = one.Audit(ctx, db)
	require.NoError(t, err)
	require.Equal(t, "void", findings[0].Kind)
	require.Len(t, findings, 1)
	_, err = stdlib.NewSequence("").Audit(ctx, db)
	require.ErrorIs(t, err, gapless.ErrInvalid)

	recorded, err := stdlib.RecordAudit(ctx, db, "of all")
	require.NoError(t, err)
	require.Len(t, recorded, 2)
	require.True(t, recorded[0].RecordedAt.IsZero())
	recorded, err = one.RecordAudit(ctx, db, "")
	require.NoError(t, err)
	require.Len(t, recorded, 1)
	_, err = stdlib.NewSequence("").RecordAudit(ctx, db, "")
	require.ErrorIs(t, err, gapless.ErrInvalid)
	records, err := stdlib.Audits(ctx, db)
	require.NoError(t, err)
	require.Len(t, records, 2)
	require.WithinDuration(t, records[0].RecordedAt, recorded[0].RecordedAt, 0)
	same, err := gapless.Audits(ctx, database.Conn(t))
	require.NoError(t, err)
	for i := range records {
		require.WithinDuration(t, same[i].RecordedAt, records[i].RecordedAt, 0)
		records[i].RecordedAt = same[i].RecordedAt
	}
	require.Equal(t, same, records)

	require.NoError(t, stdlib.Detach(ctx, db, "parts", "number"))
	require.ErrorContains(t, stdlib.Detach(ctx, db, "parts", "number"), "parts.number")
	_, err = db.ExecContext(ctx, "DROP SCHEMA gapless CASCADE")
	require.NoError(t, err)
	_, err = stdlib.Audit(ctx, db)
	require.Error(t, err)
	_, err = stdlib.RecordAudit(ctx, db, "")
	require.Error(t, err)
	_, err = stdlib.Audits(ctx, db)
	require.Error(t, err)
}

func TestInTxGivesTheValueBackAndRetries(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), t.Context()
	invoices := stdlib.NewSequence("invoice")
	cause := errors.New("no stock")
	require.ErrorIs(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		_, err := invoices.Next(ctx, tx)
		require.NoError(t, err)
		return cause
	}), cause)
	runs := 0
	require.NoError(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		value, err := invoices.Next(ctx, tx)
		require.NoError(t, err)
		require.EqualValues(t, 1, value)
		if runs++; runs < 3 {
			_, err = tx.ExecContext(ctx, "DO $$ BEGIN RAISE serialization_failure; END $$")
		}
		return err
	}))
	require.Equal(t, 3, runs)
	require.Zero(t, db.Stats().InUse)
}

func TestInTxSetsTheIsolationLevel(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), t.Context()
	for level, want := range map[pgx.TxIsoLevel]string{
		"": "read committed", pgx.ReadUncommitted: "read uncommitted", pgx.ReadCommitted: "read committed",
		pgx.RepeatableRead: "repeatable read", pgx.Serializable: "serializable",
	} {
		require.NoError(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
			var got string
			require.NoError(t, tx.QueryRowContext(ctx, "SHOW transaction_isolation").Scan(&got))
			require.Equal(t, want, got)
			return nil
		}, gapless.WithIsolation(level)))
	}
	err := stdlib.InTx(ctx, db, func(*sql.Tx) error { panic("not reached") }, gapless.WithIsolation("chaos"))
	require.ErrorContains(t, err, "chaos")
}

func TestErrorsAreThoseOfPackageGapless(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), t.Context()
	busy := stdlib.NewSequence("busy")
	require.NoError(t, stdlib.InTx(ctx, db, func(holder *sql.Tx) error {
		_, err := busy.Next(ctx, holder)
		require.NoError(t, err)
		err = stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
			_, err := busy.TryNext(ctx, tx)
			return err
		})
		require.ErrorIs(t, err, gapless.ErrLocked)
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg)
		require.Equal(t, "55P03", pg.Code)
		return nil
	}))

	require.ErrorIs(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error { return busy.Adopt(ctx, tx, -1) }), gapless.ErrInvalid)
	require.ErrorIs(t, stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		_, err := stdlib.NewSequence("committed by fn").Next(ctx, tx)
		require.NoError(t, err)
		return tx.Commit()
	}), sql.ErrTxDone)
	_, committed, err := stdlib.NewSequence("committed by fn").Last(ctx, db)
	require.NoError(t, err)
	require.True(t, committed)
	err = stdlib.InTx(ctx, db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT 1/0")
		require.Error(t, err)
		return nil
	})
	require.ErrorIs(t, err, pgx.ErrTxCommitRollback)

	ended, cancel := context.WithCancel(ctx)
	err = stdlib.InTx(ended, db, func(tx *sql.Tx) error { cancel(); return nil })
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
}

// TestTheOutcomeOfABrokenCommitIsFound ends the backend of the first COMMIT, in a deferred trigger.
func TestTheOutcomeOfABrokenCommitIsFound(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), t.Context()
	_, err := db.ExecContext(ctx, `
		CREATE SEQUENCE commits;
		CREATE TABLE once (done boolean);
		CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
				IF nextval('public.commits') = 1 THEN
					PERFORM pg_terminate_backend(pg_backend_pid());
				END IF;
				RETURN NULL;
			END $$;
		CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON once DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()`)
	require.NoError(t, err)
	runs := 0
	issue := func(tx *sql.Tx) error {
		runs++
		_, err := tx.ExecContext(ctx, "INSERT INTO once VALUES (true)")
		return err
	}
	require.NoError(t, stdlib.InTx(ctx, db, issue))
	require.Equal(t, 2, runs, "the first was lost, and run again")

	// One that is not a pool's is lost with it.
	_, err = db.ExecContext(ctx, "ALTER SEQUENCE commits RESTART")
	require.NoError(t, err)
	conn, err := db.Conn(ctx)
	require.NoError(t, err)
	defer conn.Close()
	err = stdlib.InTx(ctx, conn, issue)
	require.ErrorContains(t, err, "the connection is closed, and not one of a pool")
	require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
	require.Equal(t, 3, runs)
	var there int
	require.NoError(t, db.QueryRowContext(ctx, "SELECT count(*) FROM once").Scan(&there))
	require.Equal(t, 1, there)
}

// TestTheCauseOfAContextDoesNotHideThatItEnded has a cause of the caller's own.
func TestTheCauseOfAContextDoesNotHideThatItEnded(t *testing.T) {
	t.Parallel()
	db, shutDown := open(t), errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := stdlib.InTx(ctx, db, func(*sql.Tx) error { cancel(shutDown); return nil })
	require.ErrorIs(t, err, shutDown)
	require.ErrorIs(t, err, context.Canceled)
}
