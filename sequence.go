package gapless

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/db"
	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/retry"
)

// Sequence is a gapless sequence: its name, and how it begins and cycles. It holds no connection and no state, so it
// can be a package variable and be used by many goroutines. Make it with [NewSequence].
type Sequence struct {
	args client.Arguments
}

// SequenceOption sets an argument that every call for the sequence sends; see [WithInitial] and [WithReset].
type SequenceOption func(*client.Arguments)

// WithInitial sets the first value, and the first of each later cycle. Defaults to 1. For a sequence that exists
// already it matters only when the sequence cycles.
func WithInitial(value int64) SequenceOption {
	return func(args *client.Arguments) { args.Initial = &value }
}

// WithReset lets the sequence cycle: a value that would reach value becomes the initial one instead, so the cycle's
// last is value-1. Defaults to no cycle.
func WithReset(value int64) SequenceOption {
	return func(args *client.Arguments) { args.Reset = &value }
}

// NewSequence returns the sequence of that name. It does not touch the database: the first allocation makes the
// sequence, and refuses a bad name or option.
func NewSequence(name string, opts ...SequenceOption) Sequence {
	args := client.Arguments{Name: name}
	for _, opt := range opts {
		opt(&args)
	}
	return Sequence{args: args}
}

// Name returns the sequence's name.
func (s Sequence) Name() string { return s.args.Name }

// String returns the sequence's name, so that fmt prints it.
func (s Sequence) String() string { return s.args.Name }

// LogValue returns the sequence's name, so that slog logs it.
func (s Sequence) LogValue() slog.Value { return slog.StringValue(s.args.Name) }

// Next allocates the next value in tx. Write it to a row in the same transaction: a rollback gives it back.
//
// It blocks while another transaction has the sequence, until ctx or PostgreSQL's lock_timeout ends. From then on, tx
// has the sequence until it ends, so commit soon. When ctx ends first, pgx closes the connection, but its backend
// notices only when its turn comes; with pgconn's CancelRequestContextWatcherHandler it leaves the queue at once.
//
// Errors: [ErrLocked] after lock_timeout, [ErrInvalid], [ErrExhausted], [ErrSequenceOfColumn], [ErrSequenceClosed];
// SQLSTATE 40001 and 40P01, which [InTx] retries.
func (s Sequence) Next(ctx context.Context, tx pgx.Tx) (int64, error) {
	return s.next(ctx, tx, false)
}

// TryNext is [Sequence.Next] that does not wait. It returns [ErrLocked] where another transaction has the sequence,
// also for the very first value.
func (s Sequence) TryNext(ctx context.Context, tx pgx.Tx) (int64, error) {
	return s.next(ctx, tx, true)
}

func (s Sequence) next(ctx context.Context, tx pgx.Tx, nowait bool) (int64, error) {
	watch := watchOf(tx)
	began := watch.Now()
	value, err := db.New(tx).NextGapless(ctx, db.NextGaplessParams{
		Name: s.args.Name, Initial: s.args.Initial, Reset: s.args.Reset, Nowait: nowait,
	})
	err = client.Wrap(s.args.Name, err)
	watch.TellOf(s.args.Name, retry.Waited, began, err)
	return value, err
}

// NextBatch allocates the next size values in tx, in their order, as one call; 0 gives none. It blocks and fails as
// [Sequence.Next] does; a negative size is [ErrInvalid].
func (s Sequence) NextBatch(ctx context.Context, tx pgx.Tx, size int64) ([]int64, error) {
	return s.nextBatch(ctx, tx, size, false)
}

// TryNextBatch is [Sequence.NextBatch] that does not wait. It returns [ErrLocked] where another transaction has the
// sequence.
func (s Sequence) TryNextBatch(ctx context.Context, tx pgx.Tx, size int64) ([]int64, error) {
	return s.nextBatch(ctx, tx, size, true)
}

func (s Sequence) nextBatch(ctx context.Context, tx pgx.Tx, size int64, nowait bool) ([]int64, error) {
	watch := watchOf(tx)
	began := watch.Now()
	values, err := db.New(tx).NextGaplessBatch(ctx, db.NextGaplessBatchParams{
		Name: s.args.Name, Size: size, Initial: s.args.Initial, Reset: s.args.Reset, Nowait: nowait,
	})
	err = client.Wrap(s.args.Name, err)
	watch.TellOf(s.args.Name, retry.Waited, began, err)
	return values, err
}

// Last returns the newest value that conn sees, and whether there is one. In a transaction, its own values count. It
// takes no lock and never waits for an allocation, so another transaction may be past it already.
func (s Sequence) Last(ctx context.Context, conn DBTX) (value int64, ok bool, err error) {
	last, err := db.New(conn).LastGapless(ctx, s.args.Name)
	if err != nil || last == nil {
		return 0, false, client.Wrap(s.args.Name, err)
	}
	return *last, true, nil
}

// Peek returns what [Sequence.Next] would give now. It takes no lock, so it is a preview and not a promise. It
// returns [ErrExhausted] and [ErrSequenceClosed] where Next would.
func (s Sequence) Peek(ctx context.Context, conn DBTX) (int64, error) {
	value, err := db.New(conn).PeekGapless(ctx, db.PeekGaplessParams{
		Name: s.args.Name, Initial: s.args.Initial, Reset: s.args.Reset,
	})
	return value, client.Wrap(s.args.Name, err)
}

// Delete forgets the sequence and its journal, and returns whether it existed. The next call of [Sequence.Next]
// begins anew, so numbers already used come again. It blocks as Next does. Where a column numbers itself from the
// sequence it returns [ErrSequenceOfColumn].
//
// It needs EXECUTE on gapless.delete_gapless, which grant_gapless does not give.
func (s Sequence) Delete(ctx context.Context, tx pgx.Tx) (bool, error) {
	return s.delete(ctx, tx, false)
}

// TryDelete is [Sequence.Delete] that does not wait. It returns [ErrLocked] where another transaction has the
// sequence.
func (s Sequence) TryDelete(ctx context.Context, tx pgx.Tx) (bool, error) {
	return s.delete(ctx, tx, true)
}

func (s Sequence) delete(ctx context.Context, tx pgx.Tx, nowait bool) (bool, error) {
	existed, err := db.New(tx).DeleteGapless(ctx, db.DeleteGaplessParams{Name: s.args.Name, Nowait: nowait})
	return existed, client.Wrap(s.args.Name, err)
}

// Adopt takes over numbering that exists, from another system or a restored backup: the next value is last+1. It
// makes the sequence if there is none, and only ever moves it forward. Moving it back is [ErrInvalid]. Where the newest
// value is last already, it does nothing. It blocks as [Sequence.Next] does.
//
// It needs EXECUTE on gapless.adopt_gapless, which grant_gapless does not give.
func (s Sequence) Adopt(ctx context.Context, tx pgx.Tx, last int64) error {
	err := db.New(tx).AdoptGapless(ctx, db.AdoptGaplessParams{Name: s.args.Name, Last: last})
	return client.Wrap(s.args.Name, err)
}

// Close closes the sequence, and notes why: nobody gets a number from it until [Sequence.Open], nor does a row of a
// column that numbers itself from it; they get [ErrSequenceClosed]. It returns the newest value, and whether there is one; a
// sequence that does not exist is made. It blocks as [Sequence.Next] does. An empty reason is [ErrInvalid], and a
// sequence that is closed already ErrSequenceClosed.
//
// It needs EXECUTE on gapless.close_gapless, which grant_gapless does not give.
func (s Sequence) Close(ctx context.Context, tx pgx.Tx, reason string) (last int64, ok bool, err error) {
	value, err := db.New(tx).CloseGapless(ctx, db.CloseGaplessParams{Name: s.args.Name, Reason: reason})
	if err != nil || value == nil {
		return 0, false, client.Wrap(s.args.Name, err)
	}
	return *value, true, nil
}

// Open opens a sequence that [Sequence.Close] has closed, and notes why. It goes on after its newest value. It blocks
// as [Sequence.Next] does. An empty reason, and a sequence that is not closed, are [ErrInvalid].
//
// It needs EXECUTE on gapless.open_gapless, which grant_gapless does not give.
func (s Sequence) Open(ctx context.Context, tx pgx.Tx, reason string) error {
	err := db.New(tx).OpenGapless(ctx, db.OpenGaplessParams{Name: s.args.Name, Reason: reason})
	return client.Wrap(s.args.Name, err)
}

// GoLive drops the test numbers of the sequence and marks it as live, and notes why: it begins again, with its first
// value. It returns the last test number, and whether there was one. It is [ErrInvalid] where the sequence is live
// already, where rows of the attached column have its numbers, and for an empty reason; and [ErrSequenceClosed] where it is
// closed. Void the test numbers ([Sequence.VoidBatch]) and delete their rows first, in the same transaction. It blocks as
// [Sequence.Next] does.
//
// It needs EXECUTE on gapless.go_live_gapless, which grant_gapless does not give.
func (s Sequence) GoLive(ctx context.Context, tx pgx.Tx, reason string) (last int64, ok bool, err error) {
	value, err := db.New(tx).GoLiveGapless(ctx, db.GoLiveGaplessParams{Name: s.args.Name, Reason: reason})
	if err != nil || value == nil {
		return 0, false, client.Wrap(s.args.Name, err)
	}
	return *value, true, nil
}

// Archive lets rows of the attached column be deleted, those with numbers up to last, and notes why. It returns how many
// rows that is, and deletes none. When they are gone, the audit finds no hole there. It blocks as [Sequence.Next] does.
//
// It is [ErrNotAttached] where no column numbers itself from the sequence. It is [ErrInvalid] where no row has such a
// number, for an empty reason, and where the audit has a finding that is not explained and is no hole.
//
// It needs EXECUTE on gapless.archive_gapless, which grant_gapless does not give.
func (s Sequence) Archive(ctx context.Context, tx pgx.Tx, last int64, reason string) (archived int64, err error) {
	archived, err = db.New(tx).ArchiveGapless(ctx, db.ArchiveGaplessParams{Name: s.args.Name, Last: last, Reason: reason})
	return archived, client.Wrap(s.args.Name, err)
}

// Forward passes over the numbers up to last, which were not issued and never will be, and notes why: the next value is
// last+1. A sequence that has no value yet starts there. A column may number itself from it. Moving it back is
// [ErrInvalid], as is an empty reason. Where the newest value is last already, it does nothing. It blocks as
// [Sequence.Next] does, and returns [ErrSequenceClosed] where the sequence is closed.
//
// It needs EXECUTE on gapless.forward_gapless, which grant_gapless does not give.
func (s Sequence) Forward(ctx context.Context, tx pgx.Tx, last int64, reason string) error {
	err := db.New(tx).ForwardGapless(ctx, db.ForwardGaplessParams{Name: s.args.Name, Last: last, Reason: reason})
	return client.Wrap(s.args.Name, err)
}

// Limits are what a range has besides its numbers; see [Sequence.Range]. The zero value of each is SQL's default.
type Limits struct {
	ValidUntil  string  // the last day on which its numbers may be issued, as 2026-12-31; defaults to no such day
	TimeZone    string  // of that day, as America/Tegucigalpa; defaults to the connection's TimeZone
	WarnLeft    int64   // warn when so many numbers are left
	WarnPercent float64 // warn when so many per cent of the range are left, where that is more
	WarnDays    int32   // warn so many days before the last day has ended
}

// Range gives the sequence the numbers from first to last, and notes why: the authority's reference. From then on only
// numbers of its ranges are issued, in their order, each range until its last day has ended. The next range follows by
// itself. Given with the first number of a range that the sequence has, it changes that range. It returns how many numbers
// the sequence may issue then. It blocks as [Sequence.Next] does.
//
// Numbers that were given out or are another range's, a day that is over and an empty reason are [ErrInvalid]; a closed
// sequence is [ErrSequenceClosed]. Where no range is left, [Sequence.Next] returns [ErrExhausted]; [ErrInvalid] where
// it has expired.
//
// It needs EXECUTE on gapless.range_gapless, which grant_gapless does not give.
func (s Sequence) Range(ctx context.Context, tx pgx.Tx, first, last int64, reason string, limits Limits) (left int64, err error) {
	left, err = db.New(tx).RangeGapless(ctx, db.RangeGaplessParams{
		Name: s.args.Name, First: first, Last: last, Reason: reason, ValidUntil: optional(limits.ValidUntil), TimeZone: optional(limits.TimeZone),
		WarnLeft: optional(limits.WarnLeft), WarnPercent: optional(limits.WarnPercent), WarnDays: optional(limits.WarnDays),
	})
	return left, client.Wrap(s.args.Name, err)
}

// Withdraw withdraws what was not issued of the sequence's range that begins with first, and notes why: the next range
// follows. It returns how many numbers that is. It blocks as [Sequence.Next] does. A range that does not exist, or that
// is over, and an empty reason are [ErrInvalid].
//
// It needs EXECUTE on gapless.withdraw_gapless, which grant_gapless does not give.
func (s Sequence) Withdraw(ctx context.Context, tx pgx.Tx, first int64, reason string) (unused int64, err error) {
	unused, err = db.New(tx).WithdrawGapless(ctx, db.WithdrawGaplessParams{Name: s.args.Name, First: first, Reason: reason})
	return unused, client.Wrap(s.args.Name, err)
}
