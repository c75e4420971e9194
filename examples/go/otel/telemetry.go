package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/pggapless/gapless"
)

// telemetry makes spans and metrics of what gapless does. The statements have spans of otelpgx.
type telemetry struct {
	tracer  trace.Tracer
	meter   metric.Meter
	retries metric.Int64Counter
	waits   metric.Float64Histogram
}

func newTelemetry(traces trace.TracerProvider, metrics metric.MeterProvider) (*telemetry, error) {
	t := &telemetry{tracer: traces.Tracer("gapless"), meter: metrics.Meter("gapless")}
	var failed [2]error
	t.retries, failed[0] = t.meter.Int64Counter("gapless.retries",
		metric.WithDescription("Transactions that were run again, by the SQLSTATE that asked for it."))
	t.waits, failed[1] = t.meter.Float64Histogram("gapless.wait.duration", metric.WithUnit("s"),
		metric.WithDescription("How long calls for numbers took: mostly, they wait for the transaction that has the sequence."))
	return t, errors.Join(failed[:]...)
}

// observe is for gapless.WithObserver. An event is told when it has ended, so its span is made afterwards, with its times.
func (t *telemetry) observe(ctx context.Context, event gapless.Event) {
	attributes := []attribute.KeyValue{attribute.Int("gapless.attempt", event.Attempt)}
	if event.Sequence != "" {
		attributes = append(attributes, attribute.String("gapless.sequence", event.Sequence))
	}
	switch event.Kind {
	case gapless.EventWait:
		t.waits.Record(ctx, event.Duration.Seconds()) // without the sequence: there may be one for each tenant and year
	case gapless.EventRetry:
		t.retries.Add(ctx, 1, metric.WithAttributes(attribute.String("error.type", code(event.Err))))
	default:
	}
	name := "gapless " + string(event.Kind)
	if event.Kind == gapless.EventEnd {
		name = "gapless transaction" // all of it
	}
	_, span := t.tracer.Start(ctx, name, trace.WithTimestamp(event.Start), trace.WithAttributes(attributes...))
	if event.Err != nil {
		span.SetAttributes(attribute.String("error.type", code(event.Err)))
		if event.Kind != gapless.EventRetry { // that is the wait before the next attempt
			span.SetStatus(codes.Error, event.Err.Error())
		}
	}
	span.End(trace.WithTimestamp(event.Start.Add(event.Duration)))
}

// code is the SQLSTATE, if it is an error of PostgreSQL's.
func code(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return "other"
}

// watch shows what a group committer does, until the registration is undone.
func (t *telemetry) watch(committer *gapless.GroupCommitter) (metric.Registration, error) {
	var failed [4]error
	gauge := func(i int, name, description string) (g metric.Int64ObservableGauge) {
		g, failed[i] = t.meter.Int64ObservableGauge(name, metric.WithDescription(description))
		return g
	}
	queued := gauge(0, "gapless.group.queued", "Batches of Send that wait for a transaction.")
	open := gauge(1, "gapless.group.open", "Transactions that run or are being committed.")
	unflushed := gauge(2, "gapless.group.unflushed", "Transactions that have committed and wait for a flush.")
	flushes, err := t.meter.Int64ObservableCounter("gapless.group.flushes", metric.WithDescription("Flushes that ended well."))
	failed[3] = err
	if err := errors.Join(failed[:]...); err != nil {
		return nil, err
	}
	return t.meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		stat := committer.Stat()
		to.ObserveInt64(queued, int64(stat.Queued))
		to.ObserveInt64(open, int64(stat.Open))
		to.ObserveInt64(unflushed, int64(stat.Unflushed))
		to.ObserveInt64(flushes, stat.Flushes)
		return nil
	}, queued, open, unflushed, flushes)
}
