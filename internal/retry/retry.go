// Package retry runs a transaction until it commits: which errors are retried, and how long it waits between.
package retry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless/internal/client"
)

// The wait before each retry is a random part of a time that begins as firstWait and doubles up to longestWait ("full jitter":
// Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
const (
	firstWait   = 2 * time.Millisecond
	longestWait = 500 * time.Millisecond
)

// Options are those of gapless.InTx, which documents them.
type Options struct {
	Isolation pgx.TxIsoLevel // "" is the server's default
	Attempts  int            // how many in all; at least one is made
	Locked    bool           // whether 55P03 is retried, too

	Observers []func(ctx context.Context, event Event)
}

// NewOptions returns the defaults, changed by opts.
func NewOptions[Option ~func(*Options)](opts []Option) Options {
	return With(Options{Attempts: 10}, opts)
}

// With returns options changed by opts.
func With[Option ~func(*Options)](options Options, opts []Option) Options {
	options.Observers = slices.Clip(options.Observers)
	for _, opt := range opts {
		opt(&options)
	}
	return options
}

// Run calls attempt until it returns nil, an error that is not retried, or the last attempt's error. When ctx ends
// in a wait, the error is both the last attempt's and ctx's.
func Run(ctx context.Context, options Options, attempt func(watch *Watch) error) (err error) {
	watch := options.watch(ctx)
	began := watch.Now()
	err = errPanicked
	defer func() { watch.Tell(Done, began, err) }()
	for made := 1; ; made++ {
		watch = watch.attempt(made)
		err := Classify(attempt(watch))
		if err == nil || !options.retries(err) {
			return err
		}
		if made >= options.Attempts {
			return client.Errorf("gave up after attempt %d of %d: %w", made, max(made, options.Attempts), err)
		}
		wait := time.NewTimer(watch.willWait(rand.N(backoff(made)), err))
		select {
		case <-ctx.Done():
			wait.Stop()
			return client.Errorf("%w after attempt %d of %d: %w",
				Ended(ctx), made, options.Attempts, err)
		case <-wait.C:
		}
	}
}

// errPanicked is what the observers are told of a call that does not return.
var errPanicked = errors.New("the function panicked, or ended its goroutine")

// Foreign is an error that others gave us, of which [ErrCommitted] and [client.ErrOutcomeUnknown] are not true here: they are about
// another transaction. It keeps its text, and all else that it is. It is not retried, since that one perhaps has committed.
func Foreign(err error) error {
	if errors.Is(err, ErrCommitted) || errors.Is(err, client.ErrOutcomeUnknown) {
		return foreign{err}
	}
	return err
}

// foreign does not unwrap, so that errors.Is asks it alone.
type foreign struct{ err error }

func (e foreign) Error() string { return e.err.Error() }

// Is is asked by errors.Is.
func (e foreign) Is(target error) bool {
	return target != ErrCommitted && target != client.ErrOutcomeUnknown && errors.Is(e.err, target)
}

// As is asked by errors.As.
func (e foreign) As(target any) bool { return errors.As(e.err, target) }

// Final is an error that is not retried, whatever it is.
func Final(err error) error { return foreign{err} }

// RolledBack is the error of a function whose transaction was rolled back for that.
func RolledBack(err error) error {
	if own := Foreign(err); errors.As(own, new(foreign)) {
		return client.Errorf("rolled back, for an error about another transaction: %w", own)
	}
	return err
}

// NotCommitted is the error of a COMMIT that was a rollback.
func NotCommitted(err error) error {
	if errors.Is(err, ErrNotSent) || errors.Is(err, client.ErrOutcomeUnknown) {
		return err
	}
	return client.Errorf("not committed: %w", err)
}

// Classify is [client.Classify], but not of an error that is about another transaction, nor of one whose transaction has committed, or
// perhaps has: what it wraps did not undo that.
func Classify(err error) error {
	if errors.Is(err, ErrCommitted) || errors.Is(err, client.ErrOutcomeUnknown) || errors.As(err, new(foreign)) {
		return err
	}
	return client.Classify(err)
}

// Ended is why ctx has ended, nil if it has not: its error, and with it the cause that its owner gave.
func Ended(ctx context.Context) error {
	err, cause := ctx.Err(), Foreign(context.Cause(ctx))
	if err == nil || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

func backoff(made int) time.Duration {
	return min(firstWait<<min(made-1, 16), longestWait)
}

func (o Options) retries(err error) bool {
	var pg *pgconn.PgError
	switch {
	case errors.As(err, new(foreign)):
		return false
	case errors.Is(err, ErrLost):
		return true
	case errors.Is(err, ErrCommitted), errors.Is(err, client.ErrOutcomeUnknown), !errors.As(err, &pg):
		return false
	}
	switch pg.Code {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	case "55P03": // lock_not_available
		return o.Locked
	}
	return false
}

// ErrCommitted is gapless.ErrCommitted. A callback's error in it can be a PgError of its own.
var ErrCommitted = errors.New("the transaction has committed, but a result of its last statements was not read")

// ErrNotSent is that COMMIT was certainly not sent.
var ErrNotSent = errors.New("COMMIT was not sent")

// Answered reports whether a failed COMMIT is known to have been a rollback.
//
// It is after an ERROR in answer to COMMIT (a deferred constraint, a serialization failure), for after that the
// session goes on; and when nothing of COMMIT was sent. Anything else, a FATAL included, can come after the commit
// record is written. pgconn.SafeToRetry does not tell: pgx says "conn closed", and that it is safe to retry, also when a
// connection breaks while it reads the answer to what it has sent.
//
// An ERROR can also come after COMMIT has been answered, or say less: see [Late] and [Doubtful].
func Answered(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR" || errors.Is(err, ErrNotSent)
}

// Late reports whether an ERROR can have come after the answer that it is taken for. A statement_timeout can run out when nothing is
// left to be cancelled, and PostgreSQL reports it when it next looks.
func Late(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "57014" // query_canceled
}

// Doubtful reports whether an ERROR can have come although something is committed: before its own COMMIT, a coordinator of Citus has
// had another node commit, and has not heard whether that did.
func Doubtful(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "XX000" // internal_error, as Citus says it
}
