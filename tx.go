package gapless

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/flush"
	"github.com/pggapless/gapless/internal/retry"
)

// TxBeginner is where [InTx] begins its transactions: a [*pgxpool.Pool], a [*pgxpool.Conn], a [*pgx.Conn], or a type that
// embeds one of them without a BeginTx of its own, by types whose names are exported. With a single connection, a
// transaction that was lost together with it is not run again.
//
// A type with a BeginTx of its own, such as a wrapper that sets the tenant, or a mock (pgxmock), begins its transactions
// itself. InTx asks it for a READ WRITE transaction, gives fn that very one, and commits it. Before it commits, it marks
// the transaction, which costs a round trip. [CommitBatch] refuses such a transaction. InTx does not see
// there that fn ended it by SQL and began another, as ROLLBACK AND CHAIN does: it returns nil then. A mock has no
// connection, so a lost answer to its COMMIT is an [ErrOutcomeUnknown]. Where Conn of such a transaction is nil, a COMMIT or
// ROLLBACK as a text is not seen either.
type TxBeginner interface {
	BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error)
}

// TxOption changes how [InTx] runs a transaction; see [WithIsolation], [WithMaxAttempts], [WithRetryLocked], [WithObserver] and
// [WithLogger].
type TxOption func(*retry.Options)

// WithIsolation sets the transaction's isolation level. Defaults to the server's (default_transaction_isolation).
//
// Under READ COMMITTED callers wait for each other and succeed. Under REPEATABLE READ and SERIALIZABLE a caller that
// waited gets 40001 and is retried, which costs more the more callers there are.
func WithIsolation(level pgx.TxIsoLevel) TxOption {
	return func(o *retry.Options) { o.Isolation = level }
}

// WithMaxAttempts sets how often the transaction is run at most. Defaults to 10; less than 1 counts as 1.
func WithMaxAttempts(attempts int) TxOption {
	return func(o *retry.Options) { o.Attempts = attempts }
}

// WithRetryLocked retries [ErrLocked] (SQLSTATE 55P03) as well. Defaults to returning it, which callers of
// [Sequence.TryNext] want.
func WithRetryLocked() TxOption {
	return func(o *retry.Options) { o.Locked = true }
}

// InTx runs fn in a transaction and commits it. If fn returns an error or panics, InTx rolls back, which gives back
// the values that fn allocated, and returns that error.
//
// It runs the whole of fn again when PostgreSQL asks for that (SQLSTATE 40001 or 40P01, from fn or from COMMIT),
// after a wait that grows at random up to half a second, until [WithMaxAttempts] or the end of ctx. So fn must have
// no effect outside tx that may not happen twice. A lock that was not had, [ErrLocked], is returned, unless
// [WithRetryLocked] is given. What fn puts into [CommitBatch] is sent together with COMMIT. fn must close the rows that
// it reads, and must not keep tx.
//
// fn must not end the transaction. tx.Commit is refused, and does nothing. After tx.Rollback, and after COMMIT or ROLLBACK
// as a text, tx runs nothing more, and InTx returns an error, which is [pgx.ErrTxClosed]; after tx.Rollback it is fn's own,
// if it returns one. Where such a text began another transaction (AND CHAIN, BEGIN), that is rolled back.
//
// The role needs the rights that gapless.grant_gapless gives, also where fn only inserts into attached tables:
//
//	SELECT gapless.grant_gapless('app')
//
// The transaction is READ WRITE, whatever default_transaction_read_only says, since a number is written. Its COMMIT
// waits for its flush, also where synchronous_commit is off by default; only fn can turn that off (SET LOCAL). The other
// defaults of the server, the role and the database hold for it. Its outcome is found whatever they are.
//
// An [ErrCommitted] or [ErrOutcomeUnknown] that fn returns is about another transaction. So errors.Is does not find it
// in the error of InTx, but its text is there.
//
// A panic of fn comes out of InTx, and [runtime.Goexit] ends the caller's goroutine; both roll back.
//
// A call of InTx or [GroupCommitter.Send] in fn is another transaction, on another connection of the pool. Where every
// connection is held by a function that waits for another one, the call returns an error at once; but not in a goroutine
// that fn started. For a savepoint, use tx.Begin or [pgx.BeginFunc].
//
// A COMMIT that PostgreSQL turned into a ROLLBACK, because fn went on after a failed statement, is
// [pgx.ErrTxCommitRollback].
//
// The answer to COMMIT can be lost: the connection broke, the server crashed, ctx ended, or a synchronous standby was
// not waited for. InTx then asks the server on a new connection what became of the transaction, and waits while it is
// still running there. If it committed, InTx makes sure that it is durable, and returns nil, or [ErrCommitted] where
// results were lost. If it certainly did not, InTx runs fn again. If that cannot be found out within a minute, or 5
// seconds after the end of ctx, InTx returns [ErrOutcomeUnknown]. Over Citus every node is asked: docs/go.md.
func InTx(ctx context.Context, conn TxBeginner, fn func(tx pgx.Tx) error, opts ...TxOption) error {
	options := retry.NewOptions(opts)
	from, err := sourceOf(conn)
	if err != nil {
		return err
	}
	var t *transaction
	err = retry.Run(ctx, options, func(watch *retry.Watch) (err error) {
		if from.itself != nil {
			return from.runForeign(ctx, options.Isolation, watch, fn)
		}
		t, err = from.run(ctx, options.Isolation, nil, watch, fn)
		return err
	})
	if err != nil || t == nil {
		return err
	}
	return t.own.callBack()
}

// run runs fn in a transaction once, commits it, and gives its connection back. With a flusher the commit is not
// durable yet.
func (from source) run(
	ctx context.Context, isolation pgx.TxIsoLevel, by *flush.Flusher, watch *retry.Watch, fn func(tx pgx.Tx) error,
) (*transaction, error) {
	began := watch.Now()
	t, release, err := from.begin(ctx, isolation, by != nil)
	if err != nil {
		watch.Tell(retry.Began, began, err)
		return nil, client.Errorf("beginning the transaction: %w", client.Granting(err))
	}
	defer release()
	defer t.rollBack(ctx) // also when fn or an observer panics; the error to return is the cause, never the rollback's
	if by != nil && t.serverStart != by.ServerStart {
		t.rollBack(ctx)
		by.Fail(flush.ErrOtherServer)
		return nil, fmt.Errorf("gapless: beginning the transaction: %w: %w", retry.ErrLost, flush.ErrOtherServer)
	}
	t.watch = watch

	var failed error
	from.pool.Within(func() { // the observers, too, may call InTx
		watch.Tell(retry.Began, began, nil)
		began = watch.Now()
		failed = fn(t)
		watch.Tell(retry.Worked, began, failed)
		if failed != nil {
			return
		}
		began = watch.Now()
		err = t.commit(ctx)
		watch.Tell(retry.Sent, began, err)
	})
	if failed != nil {
		return nil, t.notWorked(failed)
	}
	switch {
	case err == nil:
		return t, nil
	case retry.Answered(err) && !retry.Doubtful(err), errors.Is(err, ErrOutcomeUnknown):
		return nil, retry.NotCommitted(err)
	}
	t.rollBack(ctx)
	release()
	if resolved := t.resolve(ctx, from, err); resolved != nil {
		return nil, resolved
	}
	if slices.ContainsFunc(t.sent(), func(b *sharedBatch) bool { return b.unread > 0 }) {
		return nil, fmt.Errorf("gapless: %w: %w", retry.ErrCommitted, err)
	}
	t.resolved = true
	return t, nil
}
