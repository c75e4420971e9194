package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless"
)

// A program with more goroutines than connections, as a web server is.
const (
	goroutineCount = 1000
	fewConnections = 10
)

// goroutines has many of them share a few connections, each for one statement.
func goroutines(ctx context.Context, b *bench) (err error) {
	inTx := byHand("intx", "gapless.InTx with CommitBatch")
	group := byHand("grouped", "gapless, group commit by InTx")
	sent := byHand("sent", "gapless, group commit by Send")
	s, err := b.newStage(ctx, inTx, group, sent, nextval, upsert)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()
	pool, err := s.pool(ctx, fewConnections, slowFlush)
	if err != nil {
		return err
	}
	grouped, err := s.newGroup(ctx, group, fewConnections, slowFlush)
	if err != nil {
		return err
	}
	sending, err := s.newGroup(ctx, sent, fewConnections, slowFlush)
	if err != nil {
		return err
	}
	lanes := []lane{
		onPool(nextval, pool), onPool(upsert, pool), {contender: inTx, transaction: func(ctx context.Context, _ int) error {
			return gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
				batch, err := gapless.CommitBatch(tx)
				if err == nil {
					batch.Queue(inTx.insertNext, customer)
				}
				return err
			})
		}},
		grouped.lane(oneStatement), sending.sent(),
	}
	latest := map[string]*sample{}
	all, err := b.takeRounds(ctx, fmt.Sprintf("%d goroutines on %d connections", goroutineCount, fewConnections), func(ctx context.Context, warm bool) (map[string]float64, error) {
		samples, err := loadAll(ctx, lanes, goroutineCount, warmed(b.slice, warm))
		for label, s := range samples {
			if latest[label] == nil || warm {
				latest[label] = &sample{}
			}
			if !warm {
				latest[label].add(s)
			}
		}
		return rates(samples), err
	})
	if err != nil {
		return err
	}
	t := table{head: []string{"", "transactions a second", "÷ nextval()", "median, ms", "99th percentile, ms"}}
	for _, l := range lanes {
		latencies := latest[l.label].latencies
		t.add(l.label, all.of(l.label).String(), all.ratio(l.label, nextval.label).String(), number(percentile(latencies, 0.5)), number(percentile(latencies, 0.99)))
	}
	b.report.sections = append(b.report.sections, section{
		title: "Many goroutines", table: t,
		text: fmt.Sprintf("%s goroutines share %d connections, and insert one row each time, all in one series; %s.",
			thousands(goroutineCount), fewConnections, slowFlush.name),
	})
	return nil
}

// onPool sends one message, on a connection of the pool.
func onPool(c contender, pool *pgxpool.Pool) lane {
	return lane{contender: c, transaction: func(ctx context.Context, _ int) error {
		_, err := pool.Exec(ctx, c.insertNext, customer)
		return err
	}}
}
