package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pggapless/gapless"
)

// Observer counts what transactions of [gapless.InTx] and a [gapless.GroupCommitter] do. Give its Observe to
// [gapless.WithObserver], and register it. It has no label for the series, of which there may be one for each tenant and year.
// Make it with [NewObserver]; it can be used by many goroutines.
type Observer struct {
	transactions *prometheus.CounterVec
	attempts     prometheus.Counter
	retries      *prometheus.CounterVec
	refused      *prometheus.CounterVec
	resolved     *prometheus.CounterVec
	durations    map[gapless.EventKind]prometheus.Histogram
	held         prometheus.Histogram
}

// refusals are what an error means, by the label reason.
var refusals = []struct {
	reason string
	err    error
}{
	{"locked", gapless.ErrLocked},
	{"exhausted", gapless.ErrExhausted},
	{"closed", gapless.ErrSequenceClosed},
	{"sequence_of_column", gapless.ErrSequenceOfColumn},
	{"written", gapless.ErrWritten},
	{"changed", gapless.ErrChanged},
	{"deleted", gapless.ErrDeleted},
	{"chronology", gapless.ErrChronology},
	{"not_attached", gapless.ErrNotAttached},
	{"attached_already", gapless.ErrAttachedAlready},
	{"invalid", gapless.ErrInvalid},
}

// outcomes are the values of the label outcome, in the order of outcome's cases.
var outcomes = []string{"committed", "unknown", "refused", "canceled", "failed"}

// NewObserver returns an observer that has counted nothing.
func NewObserver() *Observer {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gapless_" + name, Help: help}, labels)
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gapless_" + name, Help: help,
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		})
	}
	o := &Observer{
		transactions: counter("transactions_total", "Transactions of InTx and group committers that ended, by outcome: committed, unknown (the answer to COMMIT was lost, and nobody could say), refused by gapless, canceled by their context, or failed otherwise.", "outcome"),
		attempts:     prometheus.NewCounter(prometheus.CounterOpts{Name: "gapless_attempts_total", Help: "Attempts of transactions that began: each is one, and each retry another."}),
		retries:      counter("retries_total", "Transactions that were run again, by the SQLSTATE that asked for it, or other.", "error_type"),
		refused:      counter("refused_total", "What gapless refused, by reason: the error of package gapless that it is.", "reason"),
		resolved:     counter("resolved_total", "Lost answers to COMMIT, by what was found out: committed, not_committed or unknown.", "outcome"),
		durations: map[gapless.EventKind]prometheus.Histogram{
			gapless.EventBegin:  histogram("begin_duration_seconds", "How long it took to get a connection and to begin a transaction on it."),
			gapless.EventWait:   histogram("wait_duration_seconds", "How long calls for numbers took: mostly, they wait for the transaction that has the series."),
			gapless.EventWork:   histogram("work_duration_seconds", "How long the functions took that transactions ran, waits included."),
			gapless.EventCommit: histogram("commit_duration_seconds", "How long COMMIT took, with its flush where it has one of its own."),
			gapless.EventFlush:  histogram("flush_duration_seconds", "How long committed transactions of a group committer waited for the common flush."),
			gapless.EventEnd:    histogram("transaction_duration_seconds", "How long InTx took, with all attempts."),
		},
		held: histogram("hold_duration_seconds", "How long transactions held their series: from their first number until COMMIT was answered."),
	}
	for _, outcome := range outcomes {
		o.transactions.WithLabelValues(outcome)
	}
	for _, refusal := range refusals {
		o.refused.WithLabelValues(refusal.reason)
	}
	for _, code := range []string{"40001", "40P01"} {
		o.retries.WithLabelValues(code)
	}
	for _, outcome := range []string{"committed", "not_committed", "unknown"} {
		o.resolved.WithLabelValues(outcome)
	}
	return o
}

// Observe counts an event; it is for [gapless.WithObserver].
func (o *Observer) Observe(_ context.Context, event gapless.Event) {
	if duration, ok := o.durations[event.Kind]; ok {
		observe(duration, event.Duration)
	}
	if event.Held > 0 {
		observe(o.held, event.Held)
	}
	switch event.Kind {
	case gapless.EventBegin:
		o.attempts.Inc()
	case gapless.EventRetry:
		o.retries.WithLabelValues(code(event.Err)).Inc()
	case gapless.EventResolve:
		o.resolved.WithLabelValues(resolved(event.Err)).Inc()
	case gapless.EventEnd:
		o.transactions.WithLabelValues(outcome(event.Err)).Inc()
		o.count(event.Err)
	default:
	}
}

func observe(h prometheus.Histogram, d time.Duration) { h.Observe(d.Seconds()) }

// CountRefused counts an error of a transaction of your own, if gapless refused it, and returns it as [gapless.Classify] does.
// Those of InTx are counted already.
func (o *Observer) CountRefused(err error) error {
	err = gapless.Classify(err)
	o.count(err)
	return err
}

func (o *Observer) count(err error) {
	if reason := reason(err); reason != "" {
		o.refused.WithLabelValues(reason).Inc()
	}
}

// reason is what gapless refused, or "".
func reason(err error) string {
	for _, refusal := range refusals {
		if errors.Is(err, refusal.err) {
			return refusal.reason
		}
	}
	return ""
}

func outcome(err error) string {
	switch {
	case err == nil || errors.Is(err, gapless.ErrCommitted):
		return "committed"
	case errors.Is(err, gapless.ErrOutcomeUnknown):
		return "unknown"
	case reason(err) != "":
		return "refused"
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return "canceled"
	}
	return "failed"
}

func resolved(err error) string {
	switch {
	case err == nil || errors.Is(err, gapless.ErrCommitted):
		return "committed"
	case errors.Is(err, gapless.ErrOutcomeUnknown):
		return "unknown"
	}
	return "not_committed"
}

// code is the SQLSTATE, if it is an error of PostgreSQL's.
func code(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return "other"
}

// Describe is prometheus.Collector's.
func (o *Observer) Describe(to chan<- *prometheus.Desc) {
	o.each(func(c prometheus.Collector) { c.Describe(to) })
}

// Collect is prometheus.Collector's.
func (o *Observer) Collect(to chan<- prometheus.Metric) {
	o.each(func(c prometheus.Collector) { c.Collect(to) })
}

func (o *Observer) each(do func(prometheus.Collector)) {
	for _, c := range []prometheus.Collector{o.transactions, o.attempts, o.retries, o.refused, o.resolved, o.held} {
		do(c)
	}
	for _, h := range o.durations {
		do(h)
	}
}
