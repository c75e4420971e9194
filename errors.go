package gapless

import (
	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/retry"
)

// What an error means, for [errors.Is]. The methods of [Sequence] return errors that match one of these where the
// SQLSTATE says so. They are a [*pgconn.PgError] (by [errors.As]) too, with PostgreSQL's message, hint and fields.
//
// Other SQLSTATEs keep their meaning: 40001 and 40P01 ask for a retry of the whole transaction, which [InTx] does.
var (
	// ErrLocked (55P03): another transaction has the sequence, and the call was not to wait, or not any longer
	// (lock_timeout). The transaction is aborted; a savepoint around the call keeps the rest of it.
	ErrLocked = client.ErrLocked

	// ErrInvalid (22004, 22023, 55000): an argument that SQL refuses: a name that is empty or has more than 255
	// bytes, a reset that is not above initial, a negative size, a value to adopt that lies behind, a value to void
	// that was not issued or is void already.
	ErrInvalid = client.ErrInvalid

	// ErrExhausted (2200H): the next value would pass 2^63-1, or the last of the sequence's ranges ([Sequence.Range]).
	ErrExhausted = client.ErrExhausted

	// ErrAttached (2BP01, 55000): a column numbers itself from the sequence, so it can be neither taken from by hand
	// nor deleted.
	ErrAttached = client.ErrAttached

	// ErrSequenceClosed (55000): [Sequence.Close] has closed the sequence, so it gives no value, and is neither moved forward
	// nor deleted. The error's DETAIL says who closed it, when and why.
	ErrSequenceClosed = client.ErrSequenceClosed

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
