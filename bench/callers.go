package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// groupSizes are how many connections the group committers have; sentSizes, where callers share transactions.
var (
	groupSizes = []int{2, 4, 8}
	sentSizes  = []int{1, 2}
)

// callers has more and more of them take numbers of one sequence: the aims 1 and 3.
func callers(ctx context.Context, b *bench) error {
	for _, f := range []flush{slowFlush, diskFlush} {
		for _, shape := range []shape{oneStatement, roundTrips} {
			if err := b.callers(ctx, f, shape); err != nil {
				return fmt.Errorf("%s, %s: %w", f.name, shape.name, err)
			}
		}
	}
	return nil
}

func (b *bench) callers(ctx context.Context, f flush, shape shape) (err error) {
	compared := []contender{strict, nextval, upsert, nowait, maximum, serializable}
	if shape.name == oneStatement.name {
		compared = slices.DeleteFunc(compared, func(c contender) bool { return c.insertNext == "" })
	}
	var groups []contender
	for _, n := range groupSizes {
		groups = append(groups, groupOf(n))
	}
	if shape.name == oneStatement.name {
		for _, n := range sentSizes {
			groups = append(groups, sentOf(n))
		}
	}
	s, err := b.newStage(ctx, slices.Concat(groups, compared)...)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()
	most := b.plan.callers[len(b.plan.callers)-1]
	conns, err := s.connect(ctx, most, f)
	if err != nil {
		return err
	}
	var lanes []lane
	for i, c := range groups {
		sizes := slices.Concat(groupSizes, sentSizes)
		g, err := s.newGroup(ctx, c, sizes[i], f)
		if err != nil {
			return err
		}
		if i < len(groupSizes) {
			lanes = append(lanes, g.lane(shape))
		} else {
			lanes = append(lanes, g.sent())
		}
	}
	for _, c := range compared {
		lanes = append(lanes, shape.lane(c, conns))
	}

	byCallers := map[int]rounds{}
	atMost := map[string]*sample{}
	for _, n := range b.plan.callers {
		length := b.short
		if n == 1 || n == most {
			length = b.slice
		}
		byCallers[n], err = b.takeRounds(ctx, fmt.Sprintf("%s, %s, %s", f.name, shape.name, counted(n, "caller")), func(ctx context.Context, warm bool) (map[string]float64, error) {
			samples, err := loadAll(ctx, lanes, n, warmed(length, warm))
			if n == most && !warm {
				for label, s := range samples {
					if atMost[label] == nil {
						atMost[label] = &sample{}
					}
					atMost[label].add(s)
				}
			}
			return rates(samples), err
		})
		if err != nil {
			return err
		}
	}
	b.reportCallers(f, shape, lanes, groups, byCallers, atMost)
	return nil
}

// loadAll gives each lane its turn.
func loadAll(ctx context.Context, lanes []lane, callers int, length time.Duration) (map[string]sample, error) {
	samples := map[string]sample{}
	for _, l := range lanes {
		s, err := l.load(ctx, callers, length)
		if err != nil {
			return nil, fmt.Errorf("%s, %d callers: %w", l.label, callers, err)
		}
		samples[l.label] = s
	}
	return samples, nil
}

func rates(samples map[string]sample) map[string]float64 {
	rates := map[string]float64{}
	for label, s := range samples {
		rates[label] = s.rate()
	}
	return rates
}

func (b *bench) reportCallers(f flush, shape shape, lanes []lane, grouped []contender, byCallers map[int]rounds, atMost map[string]*sample) {
	first, most := b.plan.callers[0], b.plan.callers[len(b.plan.callers)-1]
	var groups []string
	for _, c := range grouped {
		groups = append(groups, c.label)
	}
	best := byCallers[most].best(groups)
	against := func(n int, label, other string) (spread, string) {
		r := byCallers[n]
		return r.ratio(label, other), fmt.Sprintf("%s against %s a second", number(r.of(label).median), number(r.of(other).median))
	}
	where := fmt.Sprintf("%s, %s", shape.name, f.name)
	switch {
	case f.name == slowFlush.name:
		a := aim{name: "1", want: 1, measured: fmt.Sprintf("%s ÷ %s, %d callers, %s", best, nextval.label, most, where)}
		if shape.name != oneStatement.name {
			a.name, a.want = "1, beside it", 0
		}
		a.ratio, a.note = against(most, best, nextval.label)
		b.report.aims = append(b.report.aims, a)
	case shape.name == oneStatement.name:
		for _, part := range []struct {
			callers int
			want    float64
		}{{most, 2}, {first, 0.95}} {
			a := aim{name: "3", want: part.want, measured: fmt.Sprintf("%s ÷ %s, %s, %s", strict.label, upsert.label, counted(part.callers, "caller"), where)}
			a.ratio, a.note = against(part.callers, strict.label, upsert.label)
			b.report.aims = append(b.report.aims, a)
		}
	}

	t := table{head: []string{"transactions a second, by callers"}}
	for _, n := range b.plan.callers {
		t.head = append(t.head, thousands(int64(n)))
	}
	t.head = append(t.head, fmt.Sprintf("÷ nextval() at %d", most), fmt.Sprintf("÷ upsert at %d", most), "÷ upsert at 1", "p50", "p95", "p99 (ms)", "refusals a commit", "given up")
	throughput := chart{
		file: "callers-" + slug(f, shape), title: "Throughput over the number of callers: " + where,
		x: axis{label: "callers", logarithmic: true, ticks: b.plan.callers}, y: axis{label: "committed transactions a second", logarithmic: true},
	}
	latency := chart{
		file: "latency-" + slug(f, shape), title: fmt.Sprintf("Latency of a transaction, %d callers: %s", most, where),
		x: axis{label: "milliseconds", logarithmic: true},
	}
	percentiles := []series{{label: "p50"}, {label: "p95"}, {label: "p99"}}
	for _, l := range lanes {
		cells := []string{l.label}
		line := series{label: l.label, style: styleOf(l.contender)}
		for _, n := range b.plan.callers {
			rate := byCallers[n].of(l.label)
			cells = append(cells, rate.String())
			line.add(float64(n), rate.median)
		}
		sample := atMost[l.label]
		for _, ratio := range []spread{byCallers[most].ratio(l.label, nextval.label), byCallers[most].ratio(l.label, upsert.label), byCallers[first].ratio(l.label, upsert.label)} {
			cells = append(cells, ratio.String())
		}
		shown := l.label == best || !slices.Contains(groups, l.label)
		if shown {
			latency.names = append(latency.names, l.label)
		}
		for i, fraction := range []float64{0.50, 0.95, 0.99} {
			milliseconds := percentile(sample.latencies, fraction)
			cells = append(cells, number(milliseconds))
			if shown {
				percentiles[i].add(milliseconds, float64(len(latency.names)))
			}
		}
		cells = append(cells, number(float64(sample.retried)/float64(max(sample.committed, 1))), thousands(int64(sample.abandoned)))
		t.add(cells...)
		if shown {
			throughput.series = append(throughput.series, line)
		}
	}
	latency.series = percentiles
	text := fmt.Sprintf("Every caller commits one row after the other, numbered from the same sequence. %s is the fastest group commit at %d callers.", best, most)
	if shape.name == oneStatement.name {
		text += " `FOR UPDATE NOWAIT` has no form as one statement."
	}
	text += "\nThe last columns are for the most callers. A latency is that of a transaction with its retries; one that was still refused when the turn was over is\ngiven up, and counts with the time that it has lost."
	b.report.sections = append(b.report.sections, section{
		title: "Callers: " + where, text: text, table: t, plots: []chart{throughput, latency},
	})
}

func slug(f flush, shape shape) string {
	name := "disk"
	if f.name == slowFlush.name {
		name = "1ms"
	}
	return strings.ReplaceAll(shape.name, " ", "-") + "-" + name
}
