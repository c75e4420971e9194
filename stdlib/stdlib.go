// Package stdlib is package gapless for [database/sql] transactions, and for what is built on them (gorm, ent, sqlx,
// bun).
//
// Open the database with pgx's driver, "pgx" of github.com/jackc/pgx/v5/stdlib: errors are told apart by its
// [*pgconn.PgError]. The options and the errors are package gapless's own. What a call promises, when it blocks and
// what it returns is said at the same name there.
package stdlib

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/retry"
	"github.com/pggapless/gapless/stdlib/internal/db"
)

// Sequence is a gapless sequence; see [gapless.Sequence].
type Sequence struct {
	args client.Arguments
}

// NewSequence returns the sequence of that name; see [gapless.NewSequence].
func NewSequence(name string, opts ...gapless.SequenceOption) Sequence {
	args := client.Arguments{Name: name}
	for _, opt := range opts {
		opt(&args)
	}
	return Sequence{args: args}
}

// Name returns the sequence's name.
func (s Sequence) Name() string { return s.args.Name }

// String returns the sequence's name; see [gapless.Sequence.String].
func (s Sequence) String() string { return s.args.Name }

// LogValue returns the sequence's name; see [gapless.Sequence.LogValue].
func (s Sequence) LogValue() slog.Value { return slog.StringValue(s.args.Name) }

// Next allocates the next value in tx, and waits for the transaction that has the sequence; see [gapless.Sequence.Next].
func (s Sequence) Next(ctx context.Context, tx *sql.Tx) (int64, error) {
	return s.next(ctx, tx, false)
}

// TryNext is [Sequence.Next] that returns [gapless.ErrLocked] instead of waiting.
func (s Sequence) TryNext(ctx context.Context, tx *sql.Tx) (int64, error) {
	return s.next(ctx, tx, true)
}

func (s Sequence) next(ctx context.Context, tx *sql.Tx, nowait bool) (int64, error) {
	value, err := db.New(tx).NextGapless(ctx, db.NextGaplessParams{
		Name: s.args.Name, Initial: null(s.args.Initial), Reset: null(s.args.Reset), Nowait: nowait,
	})
	return value, client.Wrap(s.args.Name, err)
}

// NextBatch allocates the next size values in tx, in their order; see [gapless.Sequence.NextBatch].
func (s Sequence) NextBatch(ctx context.Context, tx *sql.Tx, size int64) ([]int64, error) {
	return s.nextBatch(ctx, tx, size, false)
}

// TryNextBatch is [Sequence.NextBatch] that returns [gapless.ErrLocked] instead of waiting.
func (s Sequence) TryNextBatch(ctx context.Context, tx *sql.Tx, size int64) ([]int64, error) {
	return s.nextBatch(ctx, tx, size, true)
}

func (s Sequence) nextBatch(ctx context.Context, tx *sql.Tx, size int64, nowait bool) ([]int64, error) {
	values, err := db.New(tx).NextGaplessBatch(ctx, db.NextGaplessBatchParams{
		Name: s.args.Name, Size: size, Initial: null(s.args.Initial), Reset: null(s.args.Reset), Nowait: nowait,
	})
	return values, client.Wrap(s.args.Name, err)
}

// Last returns the newest value that conn, a [*sql.DB], [*sql.Conn] or [*sql.Tx], sees, and whether there is one; see
// [gapless.Sequence.Last].
func (s Sequence) Last(ctx context.Context, conn DBTX) (value int64, ok bool, err error) {
	last, err := db.New(conn).LastGapless(ctx, s.args.Name)
	return last.Int64, last.Valid, client.Wrap(s.args.Name, err)
}

// Peek returns what [Sequence.Next] would give now; see [gapless.Sequence.Peek].
func (s Sequence) Peek(ctx context.Context, conn DBTX) (int64, error) {
	value, err := db.New(conn).PeekGapless(ctx, db.PeekGaplessParams{
		Name: s.args.Name, Initial: null(s.args.Initial), Reset: null(s.args.Reset),
	})
	return value, client.Wrap(s.args.Name, err)
}

// Delete forgets the sequence and its journal, and returns whether it existed; see [gapless.Sequence.Delete].
func (s Sequence) Delete(ctx context.Context, tx *sql.Tx) (bool, error) {
	return s.delete(ctx, tx, false)
}

// TryDelete is [Sequence.Delete] that returns [gapless.ErrLocked] instead of waiting.
func (s Sequence) TryDelete(ctx context.Context, tx *sql.Tx) (bool, error) {
	return s.delete(ctx, tx, true)
}

func (s Sequence) delete(ctx context.Context, tx *sql.Tx, nowait bool) (bool, error) {
	existed, err := db.New(tx).DeleteGapless(ctx, db.DeleteGaplessParams{Name: s.args.Name, Nowait: nowait})
	return existed, client.Wrap(s.args.Name, err)
}

// Adopt takes over numbering that exists already; see [gapless.Sequence.Adopt].
func (s Sequence) Adopt(ctx context.Context, tx *sql.Tx, last int64) error {
	err := db.New(tx).AdoptGapless(ctx, db.AdoptGaplessParams{Name: s.args.Name, Last: last})
	return client.Wrap(s.args.Name, err)
}

// Close closes the sequence, and returns its newest value; see [gapless.Sequence.Close].
func (s Sequence) Close(ctx context.Context, tx *sql.Tx, reason string) (last int64, ok bool, err error) {
	value, err := db.New(tx).CloseGapless(ctx, db.CloseGaplessParams{Name: s.args.Name, Reason: reason})
	return value.Int64, value.Valid, client.Wrap(s.args.Name, err)
}

// Open opens a sequence that was closed; see [gapless.Sequence.Open].
func (s Sequence) Open(ctx context.Context, tx *sql.Tx, reason string) error {
	err := db.New(tx).OpenGapless(ctx, db.OpenGaplessParams{Name: s.args.Name, Reason: reason})
	return client.Wrap(s.args.Name, err)
}

// GoLive drops the sequence's test numbers, and returns the last of them; see [gapless.Sequence.GoLive].
func (s Sequence) GoLive(ctx context.Context, tx *sql.Tx, reason string) (last int64, ok bool, err error) {
	value, err := db.New(tx).GoLiveGapless(ctx, db.GoLiveGaplessParams{Name: s.args.Name, Reason: reason})
	return value.Int64, value.Valid, client.Wrap(s.args.Name, err)
}

// Archive lets the rows leave whose numbers are up to last, and returns how many there are; see [gapless.Sequence.Archive].
func (s Sequence) Archive(ctx context.Context, tx *sql.Tx, last int64, reason string) (archived int64, err error) {
	archived, err = db.New(tx).ArchiveGapless(ctx, db.ArchiveGaplessParams{Name: s.args.Name, Last: last, Reason: reason})
	return archived, client.Wrap(s.args.Name, err)
}

// Forward passes over the numbers up to last; see [gapless.Sequence.Forward].
func (s Sequence) Forward(ctx context.Context, tx *sql.Tx, last int64, reason string) error {
	err := db.New(tx).ForwardGapless(ctx, db.ForwardGaplessParams{Name: s.args.Name, Last: last, Reason: reason})
	return client.Wrap(s.args.Name, err)
}

// Range gives the sequence the numbers from first to last; see [gapless.Sequence.Range].
func (s Sequence) Range(ctx context.Context, tx *sql.Tx, first, last int64, reason string, limits gapless.Limits) (left int64, err error) {
	left, err = db.New(tx).RangeGapless(ctx, db.RangeGaplessParams{
		Name: s.args.Name, First: first, Last: last, Reason: reason,
		ValidUntil:  sql.NullString{String: limits.ValidUntil, Valid: limits.ValidUntil != ""},
		TimeZone:    sql.NullString{String: limits.TimeZone, Valid: limits.TimeZone != ""},
		WarnLeft:    sql.NullInt64{Int64: limits.WarnLeft, Valid: limits.WarnLeft != 0},
		WarnPercent: sql.NullFloat64{Float64: limits.WarnPercent, Valid: limits.WarnPercent != 0},
		WarnDays:    sql.NullInt32{Int32: limits.WarnDays, Valid: limits.WarnDays != 0},
	})
	return left, client.Wrap(s.args.Name, err)
}

// Withdraw withdraws what was not issued of a range; see [gapless.Sequence.Withdraw].
func (s Sequence) Withdraw(ctx context.Context, tx *sql.Tx, first int64, reason string) (unused int64, err error) {
	unused, err = db.New(tx).WithdrawGapless(ctx, db.WithdrawGaplessParams{Name: s.args.Name, First: first, Reason: reason})
	return unused, client.Wrap(s.args.Name, err)
}

// VoidBatch notes that the numbers from first to last were cancelled; see [gapless.Sequence.VoidBatch].
func (s Sequence) VoidBatch(ctx context.Context, tx *sql.Tx, first, last int64, reason string) error {
	_, err := db.New(tx).VoidGaplessBatch(ctx, db.VoidGaplessBatchParams{Name: s.args.Name, First: first, Last: last, Reason: reason})
	return client.Wrap(s.args.Name, err)
}

// DBTX runs statements: a [*sql.DB], a [*sql.Conn] or a [*sql.Tx].
type DBTX = db.DBTX

// TxBeginner begins transactions: a [*sql.DB], a [*sql.Conn], or what embeds one of them, as sqlx's DB and Conn do.
type TxBeginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// InTx runs fn in a transaction, commits it, and runs it again when PostgreSQL asks for that; see [gapless.InTx]. The
// transaction is rolled back when ctx ends, as [sql.DB.BeginTx] says.
//
// Some things differ from there. A session that is read-only by default costs a round trip more, and is seen as such
// only with pgx's own driver. Marking the transaction, so that its outcome can be found when the answer to COMMIT
// is lost, costs a round trip of its own. database/sql hides the warning that a synchronous standby was not waited
// for, and that fn ended the transaction by SQL and began another, by COMMIT AND CHAIN or ROLLBACK AND CHAIN, or by a COMMIT or
// ROLLBACK and a BEGIN: InTx returns nil then, though what fn did before may be rolled back. With a [*sql.Conn] there is no other
// connection to ask on: a lost answer is [gapless.ErrOutcomeUnknown].
//
// Of what embeds a [*sql.DB], InTx uses the method Conn, and the transaction is begun on what that gives: not by a BeginTx of
// its own. Anything else that begins transactions is refused, for InTx could not look at its connection.
func InTx(ctx context.Context, conn TxBeginner, fn func(tx *sql.Tx) error, opts ...gapless.TxOption) error {
	options := retry.NewOptions(opts)
	isolation, err := isolationLevel(options.Isolation)
	if err != nil {
		return err
	}
	from, err := sourceOf(conn)
	if err != nil {
		return err
	}
	return retry.Run(ctx, options, func() error {
		return from.run(ctx, isolation, fn)
	})
}

func (from source) run(ctx context.Context, isolation sql.IsolationLevel, fn func(tx *sql.Tx) error) error {
	tx, on, release, err := from.begin(ctx, isolation)
	if err != nil {
		return fmt.Errorf("gapless: beginning the transaction: %w", err)
	}
	defer release()
	// Also when fn panics. The error to return is the cause, never the rollback's.
	defer tx.Rollback()
	token := uuid.New()
	var txid int64
	if err := tx.QueryRowContext(ctx, "SELECT gapless.mark_gapless($1), "+retry.Durable, token).Scan(&txid, new(any)); err != nil {
		return fmt.Errorf("gapless: beginning the transaction: %w", from.orLost(ctx, on, err))
	}

	if err := fn(tx); err != nil {
		return retry.RolledBack(err)
	}
	// Here it is certain that COMMIT is not sent; of the same error from Commit it is not.
	if err := retry.Ended(ctx); err != nil {
		return fmt.Errorf("gapless: not committed: %w", err)
	}
	if look(on, (*pgconn.PgConn).IsClosed) {
		return errors.New("gapless: not committed: the connection broke before, and fn did not return the error")
	}
	if look(on, (*pgconn.PgConn).TxStatus) == 'I' {
		return fmt.Errorf("gapless: fn ended the transaction itself, by COMMIT or ROLLBACK: %w", sql.ErrTxDone)
	}
	err = tx.Commit()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrTxDone):
		return fmt.Errorf("gapless: fn ended the transaction itself, by COMMIT or ROLLBACK, or ctx did: %w", err)
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return fmt.Errorf("gapless: fn returned nil after a failed statement: %w", err)
	case retry.Answered(err) && !retry.Late(err):
		return err
	}
	broken := !retry.Late(err)
	release() // the outcome is asked for on another one, and there may be no more than that
	return retry.Resolve(ctx, err, func(ctx context.Context) (retry.Outcome, error) {
		if from.pool == nil && broken {
			return retry.Unknown, nil
		}
		return from.ask(ctx, token, txid)
	})
}

// ask asks what became of a transaction, and makes it durable if it committed.
func (from source) ask(ctx context.Context, token uuid.UUID, txid int64) (retry.Outcome, error) {
	tx, _, release, err := from.begin(ctx, sql.LevelReadCommitted)
	if err != nil {
		return "", err
	}
	defer release()
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, retry.Asking); err != nil {
		return "", err
	}
	outcome, err := db.New(tx).OutcomeGapless(ctx, db.OutcomeGaplessParams{Token: token, Txid: txid})
	if err == nil && outcome == string(retry.Committed) {
		// What is visible need not be durable yet, nor replicated.
		err = db.New(tx).FlushGapless(ctx, sql.NullInt64{Int64: txid, Valid: true})
	}
	if err == nil {
		err = tx.Commit()
	}
	return retry.Outcome(outcome), err
}

func isolationLevel(level pgx.TxIsoLevel) (sql.IsolationLevel, error) {
	switch level {
	case "":
		return sql.LevelDefault, nil
	case pgx.ReadUncommitted:
		return sql.LevelReadUncommitted, nil
	case pgx.ReadCommitted:
		return sql.LevelReadCommitted, nil
	case pgx.RepeatableRead:
		return sql.LevelRepeatableRead, nil
	case pgx.Serializable:
		return sql.LevelSerializable, nil
	}
	return 0, fmt.Errorf("gapless: no isolation level %q", level)
}

func null(value *int64) sql.NullInt64 {
	if value == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: *value, Valid: true}
}
