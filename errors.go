package gapless

import (
	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/retry"
)

// What an error means, for [errors.Is]. Each is a [*pgconn.PgError] (by [errors.As]) too, with PostgreSQL's message, hint
// and fields, but for the last two.
//
// Which errors match them: those of every call of this package and of package stdlib; those that [InTx] and
// [GroupCommitter.InTx] return, whatever statement of fn raised them, or COMMIT; those of [GroupCommitter.Send]. All others
// do so after [Classify]. A CHECK or a foreign key of your own is never one of these, whatever its name.
//
// Other SQLSTATEs keep their meaning: 40001 and 40P01 ask for a retry of the whole transaction, which [InTx] does; 23505
// is what the table's unique index says of a number that a row has.
var (
	// ErrLocked (55P03): another transaction has the sequence, or another lock, and the statement did not wait
	// ([Sequence.TryNext], NOWAIT), or waited as long as lock_timeout allows. The transaction is aborted; a savepoint around
	// the statement keeps the rest of it. Run the transaction again: InTx does so by [WithRetryLocked].
	ErrLocked = client.ErrLocked

	// ErrInvalid (classes 22, 23, 42 and 55): what gapless refuses: a name that is empty or has more than 255 bytes, a reset
	// that is not above initial, a negative size, a value to adopt that lies behind, a value to void that was not issued
	// or is void already, a range that has expired; a column that cannot be attached, or an expression that is wrong; a
	// row that cannot be numbered, since its series or its date is NULL, say. Do not retry: the error's HINT says what to
	// mend, and its CONSTRAINT and COLUMN tell one from the other.
	ErrInvalid = client.ErrInvalid

	// ErrExhausted (2200H): the next value would pass 2^63-1, or the last of the sequence's ranges ([Sequence.Range]). Do
	// not retry: somebody has to give the next range, or a sequence of another name.
	ErrExhausted = client.ErrExhausted

	// ErrSequenceClosed (55000): [Sequence.Close] has closed the sequence, so it gives no value, also to a row of a column,
	// and is neither moved forward nor deleted. The error's DETAIL says who closed it, when and why. Do not retry: date the
	// document otherwise, or open the sequence.
	ErrSequenceClosed = client.ErrSequenceClosed

	// ErrSequenceOfColumn (55000, 2BP01): a column numbers itself from the sequence, so it can be neither taken from by
	// hand, nor deleted, nor be another column's. Do not retry: insert a row instead, or detach the column first.
	ErrSequenceOfColumn = client.ErrSequenceOfColumn

	// ErrWritten (428C9): a statement gave a value to a column that numbers itself. Do not retry: leave the column out, or
	// send NULL or DEFAULT.
	ErrWritten = client.ErrWritten

	// ErrChanged (428C9, 23001): an UPDATE of a number, or of what its series, its text, its date or its hash is made of. Do
	// not retry: void the number ([Sequence.Void]), and insert a new row.
	ErrChanged = client.ErrChanged

	// ErrDeleted (23001): a DELETE of a numbered row, perhaps by ON DELETE CASCADE, or a TRUNCATE. Do not retry: void the
	// number first ([Sequence.Void]), or keep the row, marked as cancelled.
	ErrDeleted = client.ErrDeleted

	// ErrChronology (23514): a row is dated before the newest one of its series ([Column].Chronology). Do not retry with the
	// same date: give the row a date that is not earlier.
	ErrChronology = client.ErrChronology

	// ErrNotAttached (42704, 55000): no column is attached where one has to be, for [Detach] and [GuardPartitions], say; or a
	// column is not as it was attached any more, and so numbers no row: its triggers were dropped, it or its table was
	// renamed, or what its expressions call has changed. Do not retry: attach it (again).
	ErrNotAttached = client.ErrNotAttached

	// ErrAttachedAlready (42710): [Attach] of a column that is attached with another definition. The error's DETAIL has both.
	// (With the same definition Attach does nothing, and succeeds.) Do not retry: to attach it otherwise, detach it first.
	ErrAttachedAlready = client.ErrAttachedAlready

	// ErrOutcomeUnknown: the answer to COMMIT was lost, and the server did not answer in time, or cannot say whether
	// the transaction committed: it allocated nothing, or a crash has given its xid out again. If you run it again,
	// its work may be done twice; if you do not, it may be left undone. Look for what it wrote, by a key of your own
	// (the order's number, say, with a unique index), on the primary, when nothing of it can be running any more. Run
	// it again if that is not there.
	ErrOutcomeUnknown = client.ErrOutcomeUnknown

	// ErrCommitted: the transaction has committed, and is durable, but not all of what its last statements returned
	// has been read. A callback of [CommitBatch] or [GroupCommitter.Send] failed, or their answers were lost with
	// COMMIT's. Do not run it again. Read what it wrote, by a key of your own; what callbacks have put into variables
	// can be of a run before.
	ErrCommitted = retry.ErrCommitted
)

// Classify returns err with its meaning: [errors.Is] finds one of the errors above in it, and [errors.As] the
// [*pgconn.PgError] still, as all else that err is. It is for errors of statements that ran in a transaction of your own, such
// as an INSERT into an attached table. nil is nil.
//
// An error that is none of them is returned as it is, and so is one that has its meaning already. An [ErrOutcomeUnknown]
// or [ErrCommitted] gets no other meaning, whatever its cause: that did not undo the transaction.
func Classify(err error) error { return retry.Classify(err) }
