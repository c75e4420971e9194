package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pggapless/gapless/metrics"
)

// scraping measures what it costs to scrape the metrics of a database each second, and how long a scrape takes.
func scraping(ctx context.Context, b *bench) (err error) {
	const callers, many, scrapes = 4, 1_000, 10
	numbered := byHand("scraped", "numbers")
	s, err := b.newStage(ctx, numbered)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()
	makeSeries := func(last int) error {
		return s.exec(ctx, fmt.Sprintf("SELECT count(gapless.next_gapless('series/' || i)) FROM generate_series(1, %d) AS i", last), "VACUUM ANALYZE gapless.journal, gapless.sequence_lock")
	}
	if err := s.exec(ctx, strings.Replace(numbered.insertNext, "$1", "'one'", 1)); err != nil { // what finish checks
		return err
	}
	if err := makeSeries(many); err != nil {
		return err
	}
	conns, err := s.connect(ctx, callers, noFlush)
	if err != nil {
		return err
	}
	pool, err := s.pool(ctx, 1, noFlush)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(pool, metrics.WithTimeout(time.Minute)))
	scrape := func() (time.Duration, error) {
		begin := time.Now()
		_, err := registry.Gather()
		return time.Since(begin), err
	}

	laneOf := func(label string) lane {
		c := numbered
		c.label = label
		return onConns(c, conns, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SELECT gapless.next_gapless('series/' || 1 + floor(random() * $1::int)::int)", many)
			return err
		})
	}
	alone, scraped := laneOf("alone"), laneOf("scraped each second")
	stop := make(chan struct{})
	stopped := make(chan error, 1)
	scraped.before = func(context.Context, int) error {
		stop = make(chan struct{})
		go func() {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					stopped <- nil
					return
				case <-tick.C:
				}
				if _, err := scrape(); err != nil {
					stopped <- err
					return
				}
			}
		}()
		return nil
	}
	scraped.after = func(context.Context, int) error {
		close(stop)
		return <-stopped
	}
	turnLength := 3 * b.turn // the plan's is a second, or less for --quick
	lanes := []lane{alone, scraped}
	all, err := b.takeRounds(ctx, "metrics: scraped each second", func(ctx context.Context, warm bool) (map[string]float64, error) {
		slices.Reverse(lanes)
		samples, err := loadAll(ctx, lanes, callers, warmed(turnLength, warm))
		return rates(samples), err
	})
	if err != nil {
		return err
	}
	t := table{head: []string{"series", "a scrape takes, where nothing has happened, ms", "where a number was issued in each of 100 series, ms", "the scrape a minute that reads all, ms"}}
	for _, series := range []int{many, 10 * many} {
		if err := makeSeries(series); err != nil {
			return err
		}
		var idle, busy, whole []float64
		for range scrapes {
			fresh := prometheus.NewRegistry()
			fresh.MustRegister(metrics.NewCollector(pool, metrics.WithTimeout(time.Minute)))
			registry = fresh
			for _, into := range []*[]float64{&whole, &idle} {
				took, err := scrape()
				if err != nil {
					return err
				}
				*into = append(*into, 1000*took.Seconds())
			}
			if err := s.exec(ctx, "SELECT count(gapless.next_gapless('series/' || i)) FROM generate_series(1, 100) AS i"); err != nil {
				return err
			}
			took, err := scrape()
			if err != nil {
				return err
			}
			busy = append(busy, 1000*took.Seconds())
		}
		t.add(thousands(int64(series)), summarize(idle).String(), summarize(busy).String(), summarize(whole).String())
	}
	b.report.aims = append(b.report.aims, aim{
		name: "metrics", want: 0.98, ratio: all.ratio(scraped.label, alone.label),
		measured: fmt.Sprintf("numbers a second in %s series while metrics are scraped each second ÷ without, %d callers, %s", thousands(many), callers, noFlush.name),
		note:     fmt.Sprintf("%s and %s a second", number(all.of(scraped.label).median), number(all.of(alone.label).median)),
	})
	b.report.sections = append(b.report.sections, section{
		title: "Metrics for Prometheus", text: "200 series have metrics of their own; the database and the scraper are on the same cores.", table: t,
	})
	return nil
}
