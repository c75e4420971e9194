// Package stdlib is package gapless for [database/sql] transactions, and for what is built on them: gorm, ent, bun, sqlx,
// and transaction managers.
//
// Open the database with pgx's driver, "pgx" of github.com/jackc/pgx/v5/stdlib: errors are told apart by its
// [*pgconn.PgError], and [InTx] needs its connections. The options, the errors and the other types are package gapless's own.
// What a call promises, when it blocks and what it returns is said at the same name there.
package stdlib

import (
	"context"
	"database/sql"
	"log/slog"

	"github.com/pggapless/gapless"
)

// Tx is a transaction: a [*sql.Tx], or what runs statements in one and has its Commit and Rollback. Any other is refused,
// before anything is sent: outside of a transaction a number would be lost.
//
//   - sqlx: its Tx.
//   - bun: its Tx, by value, also that of a savepoint.
//   - ent: the Tx of a client that was generated with the feature sql/execquery.
//   - gorm: in a transaction, tx.Statement.ConnPool.
//   - A transaction manager: what it gives for the context, as its type is an interface of these methods, and its value a *sql.Tx.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// DBTX runs statements: a [*sql.DB], a [*sql.Conn], a [Tx], or what is built on one of them.
type DBTX interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Sequence is a gapless sequence; see [gapless.Sequence].
type Sequence struct {
	sequence gapless.Sequence
}

// NewSequence returns the sequence of that name; see [gapless.NewSequence].
func NewSequence(name string, opts ...gapless.SequenceOption) Sequence {
	return Sequence{gapless.NewSequence(name, opts...)}
}

// Name returns the sequence's name.
func (s Sequence) Name() string { return s.sequence.Name() }

// String returns the sequence's name; see [gapless.Sequence.String].
func (s Sequence) String() string { return s.sequence.String() }

// LogValue returns the sequence's name; see [gapless.Sequence.LogValue].
func (s Sequence) LogValue() slog.Value { return s.sequence.LogValue() }

// Next allocates the next value in tx, and waits for the transaction that has the sequence; see [gapless.Sequence.Next].
func (s Sequence) Next(ctx context.Context, tx Tx) (int64, error) {
	return s.sequence.Next(ctx, in(tx))
}

// TryNext is [Sequence.Next] that returns [gapless.ErrLocked] instead of waiting.
func (s Sequence) TryNext(ctx context.Context, tx Tx) (int64, error) {
	return s.sequence.TryNext(ctx, in(tx))
}

// NextBatch allocates the next size values in tx, in their order; see [gapless.Sequence.NextBatch].
func (s Sequence) NextBatch(ctx context.Context, tx Tx, size int64) ([]int64, error) {
	return s.sequence.NextBatch(ctx, in(tx), size)
}

// TryNextBatch is [Sequence.NextBatch] that returns [gapless.ErrLocked] instead of waiting.
func (s Sequence) TryNextBatch(ctx context.Context, tx Tx, size int64) ([]int64, error) {
	return s.sequence.TryNextBatch(ctx, in(tx), size)
}

// Last returns the newest value that conn sees, and whether there is one; see [gapless.Sequence.Last].
func (s Sequence) Last(ctx context.Context, conn DBTX) (value int64, ok bool, err error) {
	return s.sequence.Last(ctx, on(conn))
}

// Peek returns what [Sequence.Next] would give now; see [gapless.Sequence.Peek].
func (s Sequence) Peek(ctx context.Context, conn DBTX) (int64, error) {
	return s.sequence.Peek(ctx, on(conn))
}

// Delete forgets the sequence and its journal, and returns whether it existed; see [gapless.Sequence.Delete].
func (s Sequence) Delete(ctx context.Context, tx Tx) (bool, error) {
	return s.sequence.Delete(ctx, in(tx))
}

// TryDelete is [Sequence.Delete] that returns [gapless.ErrLocked] instead of waiting.
func (s Sequence) TryDelete(ctx context.Context, tx Tx) (bool, error) {
	return s.sequence.TryDelete(ctx, in(tx))
}

// Adopt takes over numbering that exists already; see [gapless.Sequence.Adopt].
func (s Sequence) Adopt(ctx context.Context, tx Tx, last int64) error {
	return s.sequence.Adopt(ctx, in(tx), last)
}

// Close closes the sequence, and returns its newest value; see [gapless.Sequence.Close].
func (s Sequence) Close(ctx context.Context, tx Tx, reason string) (last int64, ok bool, err error) {
	return s.sequence.Close(ctx, in(tx), reason)
}

// Open opens a sequence that was closed; see [gapless.Sequence.Open].
func (s Sequence) Open(ctx context.Context, tx Tx, reason string) error {
	return s.sequence.Open(ctx, in(tx), reason)
}

// GoLive drops the sequence's test numbers, and returns the last of them; see [gapless.Sequence.GoLive].
func (s Sequence) GoLive(ctx context.Context, tx Tx, reason string) (last int64, ok bool, err error) {
	return s.sequence.GoLive(ctx, in(tx), reason)
}

// Archive lets the rows leave whose numbers are up to last, and returns how many there are; see [gapless.Sequence.Archive].
func (s Sequence) Archive(ctx context.Context, tx Tx, last int64, reason string) (archived int64, err error) {
	return s.sequence.Archive(ctx, in(tx), last, reason)
}

// Forward passes over the numbers up to last; see [gapless.Sequence.Forward].
func (s Sequence) Forward(ctx context.Context, tx Tx, last int64, reason string) error {
	return s.sequence.Forward(ctx, in(tx), last, reason)
}

// Range gives the sequence the numbers from first to last; see [gapless.Sequence.Range].
func (s Sequence) Range(ctx context.Context, tx Tx, first, last int64, reason string, limits gapless.Limits) (left int64, err error) {
	return s.sequence.Range(ctx, in(tx), first, last, reason, limits)
}

// Withdraw withdraws what was not issued of a range; see [gapless.Sequence.Withdraw].
func (s Sequence) Withdraw(ctx context.Context, tx Tx, first int64, reason string) (unused int64, err error) {
	return s.sequence.Withdraw(ctx, in(tx), first, reason)
}
