package metrics

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

// samples are what collectors say, by name and labels, as Prometheus writes them. Of a histogram they have the count.
type samples map[string]float64

func gather(t testing.TB, collectors ...prometheus.Collector) samples {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collectors...)
	families, err := registry.Gather()
	require.NoError(t, err)
	all := samples{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			all[nameOf(family.GetName(), metric.GetLabel())] = valueOf(metric)
		}
	}
	return all
}

func nameOf(name string, labels []*dto.LabelPair) string {
	var pairs []string
	for _, l := range labels {
		pairs = append(pairs, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	if len(pairs) == 0 {
		return name
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

func valueOf(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	}
	return float64(m.Histogram.GetSampleCount())
}

// bySeries are the values of a metric of series.
func (s samples) bySeries(name string) map[string]float64 {
	found := map[string]float64{}
	for key, value := range s {
		if rest, is := strings.CutPrefix(key, "gapless_series_"+name+`{series="`); is {
			found[strings.TrimSuffix(rest, `"}`)] = value
		}
	}
	return found
}

func (s samples) shown() []string { return slices.Sorted(maps.Keys(s.bySeries("issued_total"))) }

// database is a database with its collector, and a session that writes.
type database struct {
	sqltest.Session
	at   *pgtest.Database
	pool *pgxpool.Pool
}

func open(t *testing.T) database {
	t.Helper()
	at := pgtest.New(t)
	return database{sqltest.Connect(t, at), at, at.Pool(t, func(c *pgxpool.Config) { c.MaxConns = 1 })}
}

// clock is the time of a collector, which a test puts forward.
type clock struct{ now time.Time }

func (d database) collector(opts ...Option) (*Collector, *clock) {
	c := NewCollector(d.pool, append([]Option{WithTimeout(time.Minute)}, opts...)...)
	clock := &clock{time.Now()}
	c.now = func() time.Time { return clock.now }
	return c, clock
}

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

func TestNoGoroutineIsLeft(t *testing.T) {
	before := goleak.IgnoreCurrent()
	at := pgtest.NewCopy(t)
	pool, err := pgxpool.New(t.Context(), at.URL)
	require.NoError(t, err)
	require.InDelta(t, 1, gather(t, NewCollector(pool))["gapless_up"], 0)
	pool.Close()
	require.NoError(t, goleak.Find(before))
}
