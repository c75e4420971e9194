package main

import (
	"context"
	"fmt"
)

// batch numbers many rows with one statement: aim 6.
func batch(ctx context.Context, b *bench) (err error) {
	s, err := b.newStage(ctx, strict, nextval)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()
	conns, err := s.connect(ctx, 1, diskFlush)
	if err != nil {
		return err
	}
	insert := func(c contender, from string) turn {
		return turn{c.label, b.batch, func(ctx context.Context) error {
			_, err := conns[0].Exec(ctx, fmt.Sprintf("INSERT INTO %s (number, customer) SELECT %s", c.table(), from), customer, b.batch)
			return err
		}}
	}
	turns := []turn{
		insert(strict, "n, $1 FROM gapless.next_gapless_batch('strict', $2) AS n"),
		insert(nextval, "nextval('native'), $1 FROM generate_series(1, $2)"),
	}
	all, err := b.takeRounds(ctx, thousands(int64(b.batch))+" numbers in one INSERT", func(ctx context.Context, _ bool) (map[string]float64, error) {
		return takeTurns(ctx, 0, turns)
	})
	if err != nil {
		return err
	}
	t := table{head: []string{"", "rows a second", "÷ nextval()"}}
	for _, turn := range turns {
		t.add(turn.label, all.of(turn.label).String(), all.ratio(turn.label, nextval.label).String())
	}
	b.report.aims = append(b.report.aims, aim{
		name: "6", want: 0.95, ratio: all.ratio(strict.label, nextval.label),
		measured: fmt.Sprintf("`next_gapless_batch` ÷ %s, %s numbers in one INSERT … SELECT", nextval.label, thousands(int64(b.batch))),
		note:     fmt.Sprintf("%s against %s rows a second", number(all.of(strict.label).median), number(all.of(nextval.label).median)),
	})
	b.report.sections = append(b.report.sections, section{
		title: "A batch", table: t,
		text: fmt.Sprintf("One client inserts %s rows with one statement.", thousands(int64(b.batch))),
	})
	return nil
}
