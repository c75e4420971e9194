package main

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

// observed is what a test sees of a pool.
type observed struct {
	*telemetry
	pool   *pgxpool.Pool
	other  sqltest.Session
	traces *trace.TracerProvider
	spans  *tracetest.InMemoryExporter
	reader *metric.ManualReader
}

func open(t *testing.T) observed {
	t.Helper()
	database := pgtest.New(t)
	o := observed{spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader(), other: sqltest.Connect(t, database)}
	o.traces = trace.NewTracerProvider(trace.WithSyncer(o.spans))
	o.pool = database.Pool(t, func(config *pgxpool.Config) {
		config.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(o.traces))
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // no span of what is prepared
		config.MaxConns = 1
	})
	var err error
	o.telemetry, err = newTelemetry(o.traces, metric.NewMeterProvider(metric.WithReader(o.reader)))
	require.NoError(t, err)
	require.NoError(t, o.pool.Ping(t.Context()))
	return o
}

// request runs fn in a span, and returns the spans in that, in the order in which they ended. All have ended.
func (o observed) request(t *testing.T, fn func(ctx context.Context) error) tracetest.SpanStubs {
	t.Helper()
	o.spans.Reset()
	ctx, root := o.traces.Tracer("test").Start(t.Context(), "request")
	err := fn(ctx)
	root.End()
	require.NoError(t, err)
	spans := o.spans.GetSpans()
	require.Equal(t, "request", spans[len(spans)-1].Name)
	spans = spans[:len(spans)-1]
	for _, span := range spans {
		require.Equal(t, root.SpanContext().TraceID(), span.SpanContext.TraceID())
		require.False(t, span.EndTime.Before(span.StartTime), span.Name)
	}
	return spans
}

func names(spans tracetest.SpanStubs, of func(name string) bool) (names []string) {
	for _, span := range spans {
		if of(span.Name) {
			names = append(names, span.Name)
		}
	}
	return names
}

func ours(name string) bool   { return strings.HasPrefix(name, "gapless ") }
func theirs(name string) bool { return !ours(name) }

func TestTheProgram(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), pgtest.New(t).URL, &out))
	printed := regexp.MustCompile(`(?m) +[\d.]+\S*s$`).ReplaceAllString(out.String(), "")
	require.Contains(t, printed, "  gapless wait\n  gapless work\n  COMMIT\n  gapless commit\n  gapless transaction\n  GET /case\n")
	require.Contains(t, printed, "  gapless commit\n  gapless flush\n  gapless transaction\n  GET /case/group\n")
	for _, name := range []string{"wait.duration", "group.queued", "group.open", "group.unflushed", "group.flushes"} {
		require.Contains(t, printed, "metric: gapless."+name+"\n")
	}
}

// TestTheStatementsSpansAreThoseOfPgx compares them with those of pgx.BeginTxFunc.
func TestTheStatementsSpansAreThoseOfPgx(t *testing.T) {
	t.Parallel()
	o := open(t)
	fn := func(ctx context.Context) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO notes VALUES (1)")
			return err
		}
	}
	o.other.Do("CREATE TABLE notes (note int)")
	bare := o.request(t, func(ctx context.Context) error {
		return pgx.BeginTxFunc(ctx, o.pool, pgx.TxOptions{AccessMode: pgx.ReadWrite}, fn(ctx))
	})
	require.Equal(t, []string{"pool.acquire", "BEGIN", "INSERT", "COMMIT"}, names(bare, theirs))
	traced := o.request(t, func(ctx context.Context) error {
		return gapless.InTx(ctx, o.pool, fn(ctx), gapless.WithObserver(o.observe))
	})
	require.Equal(t, []string{"pool.acquire", "BEGIN", "SELECT", "batch start", "INSERT", "COMMIT"}, names(traced, theirs),
		"with BEGIN comes the mark by which the outcome is found")
	require.Equal(t, []string{"gapless begin", "gapless work", "gapless commit", "gapless transaction"}, names(traced, ours))
	for _, span := range slices.Concat(bare, traced) {
		require.NotEqual(t, codes.Error, span.Status.Code, span.Name)
	}
}

func TestTheWaitForAnotherTransactionIsASpanAndAMeasurement(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.other.Do("BEGIN")
	require.EqualValues(t, 1, o.other.Number("SELECT gapless.next_gapless('case')"))
	var held time.Time
	spans := o.request(t, func(ctx context.Context) error {
		return gapless.InTx(ctx, o.pool, func(tx pgx.Tx) error {
			pid := tx.Conn().PgConn().PID()
			waits := sqltest.Later(func() (int64, error) { return cases.Next(ctx, tx) })
			sqltest.AwaitWaiter(t, o.other, pid)
			held = time.Now()
			o.other.Do("COMMIT")
			waited := <-waits
			require.EqualValues(t, 2, waited.Value)
			return waited.Err
		}, gapless.WithObserver(o.observe))
	})
	i := slices.IndexFunc(spans, func(span tracetest.SpanStub) bool { return span.Name == "gapless wait" })
	require.Contains(t, spans[i].Attributes, attribute.String("gapless.sequence", "case"))
	require.True(t, spans[i].StartTime.Before(held))
	require.True(t, spans[i].EndTime.After(held))
	waits := collect[metricdata.Histogram[float64]](t, o.reader, "gapless.wait.duration").DataPoints
	require.Len(t, waits, 1)
	require.EqualValues(t, 1, waits[0].Count)
	require.InDelta(t, spans[i].EndTime.Sub(spans[i].StartTime).Seconds(), waits[0].Sum, 1e-9)
}

func TestARetryIsCounted(t *testing.T) {
	t.Parallel()
	o := open(t)
	runs := 0
	spans := o.request(t, func(ctx context.Context) error {
		return gapless.InTx(ctx, o.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT") // takes the snapshot
			require.NoError(t, err)
			if runs++; runs == 1 {
				o.other.Do("SELECT gapless.next_gapless('case')")
			}
			_, err = cases.Next(ctx, tx)
			return err
		}, gapless.WithIsolation(pgx.RepeatableRead), gapless.WithObserver(o.observe))
	})
	require.Equal(t, []string{
		"gapless begin", "gapless wait", "gapless work", "gapless retry",
		"gapless begin", "gapless wait", "gapless work", "gapless commit", "gapless transaction",
	}, names(spans, ours))
	retries := collect[metricdata.Sum[int64]](t, o.reader, "gapless.retries").DataPoints
	require.Len(t, retries, 1)
	require.EqualValues(t, 1, retries[0].Value)
	require.Equal(t, attribute.NewSet(attribute.String("error.type", "40001")), retries[0].Attributes)
}

func TestAGroupCommitterIsWatched(t *testing.T) {
	t.Parallel()
	o := open(t)
	committer := sqltest.NewGroupCommitter(t, o.pool, gapless.WithTxOptions(gapless.WithObserver(o.observe)))
	defer committer.Close()
	watching, err := o.watch(committer)
	require.NoError(t, err)
	gauge := func(name string) int64 {
		return collect[metricdata.Gauge[int64]](t, o.reader, "gapless.group."+name).DataPoints[0].Value
	}
	spans := o.request(t, func(ctx context.Context) error {
		return committer.InTx(ctx, func(tx pgx.Tx) error {
			require.EqualValues(t, 1, gauge("open"))
			_, err := cases.Next(ctx, tx)
			return err
		})
	})
	require.Equal(t, []string{"gapless begin", "gapless wait", "gapless work", "gapless commit", "gapless flush", "gapless transaction"}, names(spans, ours))
	for _, name := range []string{"queued", "open", "unflushed"} {
		require.Zero(t, gauge(name), name)
	}
	require.EqualValues(t, 1, collect[metricdata.Sum[int64]](t, o.reader, "gapless.group.flushes").DataPoints[0].Value)
	require.NoError(t, watching.Unregister())
}

// collect returns what was measured under a name.
func collect[T metricdata.Aggregation](t *testing.T, reader *metric.ManualReader, name string) (data T) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == name {
				data, ok := m.Data.(T)
				require.True(t, ok, "%T", m.Data)
				return data
			}
		}
	}
	t.Fatal("nobody measured ", name)
	return data
}
