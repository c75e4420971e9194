package retry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless/internal/client"
)

// Outcome is an answer of gapless.outcome_gapless.
type Outcome string

// The answers.
const (
	Committed Outcome = "committed"
	Lost      Outcome = "lost"
	Unknown   Outcome = "unknown"
)

// ErrLost is that a transaction was certainly not committed, so that it can be run again.
var ErrLost = errors.New("the transaction was lost")

// How long a server may take to say what became of a transaction, which includes its coming back after a crash; and how long
// when the caller's context has ended.
const (
	resolveTimeout = time.Minute
	endedTimeout   = 5 * time.Second
)

// Asking is what a transaction says of itself that asks for an outcome, and makes it durable, so that no default of the session, the
// role or the database decides whether it can, nor for how long it waits. (A barrier is no write to PostgreSQL; and a standby can say
// that it is one.) And it is warned when it did not wait for a standby.
const Asking = `SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY, NOT DEFERRABLE;
	SET LOCAL client_min_messages = notice;
	SET LOCAL statement_timeout = '1min'; SET LOCAL lock_timeout = '1min'; SET LOCAL idle_in_transaction_session_timeout = '1min';
	SELECT pg_catalog.set_config('transaction_timeout', '1min', true)
	WHERE pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL` // PostgreSQL 17

// Durable is an SQL expression that has a transaction's COMMIT wait for its flush, where the session's would not by default.
const Durable = `CASE WHEN pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off'
	THEN pg_catalog.set_config('synchronous_commit', 'on', true) END`

// Resolve asks until there is an answer what became of a transaction whose COMMIT failed with cause. It returns nil (ask has
// made sure that it is committed and durable), cause if that was the answer after all, an error that is [ErrLost], or one that is
// [client.ErrOutcomeUnknown]. When ctx ends, which may be why the answer is missing, it goes on for a few seconds.
func Resolve(ctx context.Context, cause error, ask func(ctx context.Context) (Outcome, error)) error {
	asking, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), resolveTimeout,
		fmt.Errorf("the server did not say within %v what became of it", resolveTimeout))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(endedTimeout, cancel) })
	defer stop()
	for made := 1; ; made++ {
		outcome, err := ask(asking)
		switch {
		case err == nil && outcome == Committed:
			return nil
		case err == nil && outcome == Lost && Answered(cause):
			return NotCommitted(cause)
		case err == nil && outcome == Lost:
			return client.Errorf("%w: %w", ErrLost, cause)
		case err == nil, hopeless(err):
			return unknown(cause, err)
		}
		select {
		case <-asking.Done():
			return unknown(cause, fmt.Errorf("%w: %w", cmp.Or(Ended(ctx), context.Cause(asking)), err))
		case <-time.After(rand.N(backoff(made))):
		}
	}
}

// unknown says that nobody knows whether the transaction committed, and why asking did not help.
func unknown(cause, asking error) error {
	if asking == nil {
		return client.Errorf("%w: COMMIT was sent, but its answer was lost: %w", client.ErrOutcomeUnknown, cause)
	}
	return client.Errorf("%w: COMMIT was sent, but its answer was lost: %w; asked for its outcome: %w", client.ErrOutcomeUnknown, cause, asking)
}

// hopeless reports whether asking again will not help: the function is not there, or the role may not call it.
func hopeless(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, "42")
}
