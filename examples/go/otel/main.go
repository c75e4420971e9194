// Otel shows numbering in OpenTelemetry: spans for the wait at the lock, the work, the commit and the flush, beside those of
// the statements, which otelpgx makes; and metrics of retries, waits and group commit.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sync"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/pggapless/gapless"
)

var cases = gapless.NewSequence("case")

func run(ctx context.Context, url string, out io.Writer) error {
	// Where a program really sends them (OTLP, Prometheus), it makes these with other exporters.
	traces := trace.NewTracerProvider(trace.WithSyncer(&printer{out: out}))
	reader := metric.NewManualReader()
	metrics := metric.NewMeterProvider(metric.WithReader(reader))
	t, err := newTelemetry(traces, metrics)
	if err != nil {
		return err
	}

	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	config.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(traces), otelpgx.WithMeterProvider(metrics))
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	observed := gapless.WithObserver(t.observe)

	request, span := traces.Tracer("program").Start(ctx, "GET /case") // otelpgx makes spans within others only
	err = gapless.InTx(request, pool, func(tx pgx.Tx) error {
		_, err := cases.Next(request, tx)
		return err
	}, observed)
	span.End()
	if err != nil {
		return err
	}

	committer, err := gapless.NewGroupCommitter(ctx, pool, gapless.WithTxOptions(observed))
	if err != nil {
		return err
	}
	defer committer.Close()
	watching, err := t.watch(committer)
	if err != nil {
		return err
	}
	defer watching.Unregister() //nolint:errcheck // the program ends
	request, span = traces.Tracer("program").Start(ctx, "GET /case/group")
	err = committer.InTx(request, func(tx pgx.Tx) error {
		_, err := cases.Next(request, tx)
		return err
	})
	span.End()
	if err != nil {
		return err
	}

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		return err
	}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			fmt.Fprintln(out, "metric:", m.Name)
		}
	}
	return traces.Shutdown(ctx)
}

// printer prints a line a span.
type printer struct {
	mu  sync.Mutex
	out io.Writer
}

func (p *printer) ExportSpans(_ context.Context, spans []trace.ReadOnlySpan) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, span := range spans {
		fmt.Fprintf(p.out, "  %-30s %v\n", span.Name(), span.EndTime().Sub(span.StartTime()))
	}
	return nil
}

func (p *printer) Shutdown(context.Context) error { return nil }

func main() {
	if err := run(context.Background(), os.Getenv("GAPLESS_DATABASE_URL"), os.Stdout); err != nil {
		log.Fatal(err)
	}
}
