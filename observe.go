package gapless

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/internal/retry"
)

// EventKind is what an [Event] is about.
type EventKind string

// The kinds of events, in the order in which a transaction has them. Each is told when it has ended.
const (
	EventBegin   EventKind = "begin"   // a connection was acquired, and the transaction begun
	EventWait    EventKind = "wait"    // Next, NextBatch and their like: mostly, the wait for the transaction that has the sequence
	EventWork    EventKind = "work"    // fn, waits included
	EventCommit  EventKind = "commit"  // COMMIT, what [CommitBatch] and [GroupCommitter.Send] send with it, and its flush
	EventFlush   EventKind = "flush"   // a transaction of a [GroupCommitter] waited for the common flush
	EventResolve EventKind = "resolve" // the answer to COMMIT was lost, and its outcome was asked for; Err is nil if it committed
	EventRetry   EventKind = "retry"   // the attempt failed by Err, and the next one follows after Duration
	EventEnd     EventKind = "end"     // InTx returns Err, with what all attempts took
)

// Event is something that a transaction of [InTx] or a [GroupCommitter] did; see [WithObserver].
type Event struct {
	Kind     EventKind
	Sequence string // the one that was waited for, for EventWait
	Attempt  int    // 1 is the first
	Start    time.Time
	Duration time.Duration

	// Held is how long sequences were held, and others had to wait: from the end of the first [EventWait] until COMMIT was
	// answered, or fn failed. EventCommit has it, and an EventWork with an error; it is 0 where Next and its like took nothing.
	Held time.Duration

	Err error // how it failed; nil if it did not
}

// WithObserver calls observe with each [Event] of the transaction. The call runs in the transaction's goroutine, which
// waits for it. ctx is InTx's; of transactions that several callers of [GroupCommitter.Send] share, it has the values of
// one of them. With several observers, each is called; nil is none. Defaults to none, and then no clock is read.
//
// It is made for spans and metrics. A [pgx.QueryTracer] sees the statements, and this sees what they are for. An INSERT
// into an attached column waits inside its own statement, so it has no [EventWait]: the wait is part of [EventWork].
func WithObserver(observe func(ctx context.Context, event Event)) TxOption {
	return func(o *retry.Options) {
		if observe == nil {
			return
		}
		o.Observers = append(o.Observers, func(ctx context.Context, e retry.Event) {
			observe(ctx, Event{
				Kind: EventKind(e.Kind), Sequence: e.Sequence, Attempt: e.Attempt, Start: e.Start, Duration: e.Duration, Held: e.Held, Err: e.Err,
			})
		})
	}
}

// WithLogger logs each [Event]: a retry as Info, a lost answer to COMMIT as Warn, and all else as Debug. So the error that
// InTx returns is logged as Debug alone: log it where it is handled. Defaults to no log, as nil is.
func WithLogger(logger *slog.Logger) TxOption {
	if logger == nil {
		return WithObserver(nil)
	}
	return WithObserver(func(ctx context.Context, event Event) {
		level, message := slog.LevelDebug, "gapless: "+string(event.Kind)
		if event.Kind == EventRetry {
			level, message = slog.LevelInfo, "gapless: the transaction is run again"
		}
		if event.Kind == EventResolve {
			level, message = slog.LevelWarn, "gapless: the answer to COMMIT was lost, and its outcome asked for"
		}
		attributes := []slog.Attr{slog.Int("attempt", event.Attempt), slog.Duration("duration", event.Duration)}
		if event.Sequence != "" {
			attributes = append(attributes, slog.String("sequence", event.Sequence))
		}
		if event.Err != nil {
			attributes = append(attributes, slog.Any("error", event.Err))
		}
		logger.LogAttrs(ctx, level, message, attributes...)
	})
}

// watchOf is who is told what a transaction waits for.
func watchOf(tx pgx.Tx) *retry.Watch {
	switch tx := tx.(type) {
	case *transaction:
		return tx.watch
	case *savepoint:
		return tx.tx.watch
	}
	return nil
}
