package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

// growth is what there is more and more of, each amount in a database of its own.
type growth struct {
	what     string
	exponent int              // up to 10^exponent
	fill     []string         // makes that many
	touch    string           // writes to most pages that allocations will write to
	name     func(int) string // the sequence of the next allocation, of that many
}

// size measures an allocation where there are many sequences, and where one has a long journal: aim 5.
func size(ctx context.Context, b *bench) (err error) {
	const each = 20 // allocations a turn
	growths := []growth{
		{"sequences", b.sequences, []string{
			"INSERT INTO gapless.sequence_lock (name) SELECT 'bench/' || i FROM generate_series(1, %d) AS i",
			"INSERT INTO gapless.journal (name, ordinal, first_value, last_value) SELECT 'bench/' || i, 1, 1, 1 FROM generate_series(1, %d) AS i",
		}, "SELECT count(gapless.next_gapless('bench/' || i)) FROM generate_series(1, %d, 20) AS i", func(n int) string { return fmt.Sprintf("bench/%d", 1+rand.N(n)) }},
		{"journal rows", b.journal, []string{
			"INSERT INTO gapless.sequence_lock (name) SELECT 'bench/1' FROM generate_series(1, least(%d, 1))",
			"INSERT INTO gapless.journal (name, ordinal, first_value, last_value) SELECT 'bench/1', i, i, i FROM generate_series(1, %d) AS i",
		}, "SELECT least(%d, count(gapless.next_gapless('bench/1'))) FROM generate_series(1, 20)", func(int) string { return "bench/1" }},
	}
	const empty = "an empty system"
	var stages []*stage
	var touches []func() error
	defer func() {
		for _, s := range stages {
			err = s.finish(ctx, err)
		}
	}()
	var turns []turn
	prepare := func(label string, g growth, n int) error {
		s, err := b.newStage(ctx)
		if err != nil {
			return err
		}
		stages = append(stages, s)
		statements := []string{"SET session_replication_role = replica"}
		for _, fill := range g.fill {
			statements = append(statements, fmt.Sprintf(fill, n))
		}
		if err := s.exec(ctx, append(statements, "RESET session_replication_role", "VACUUM (ANALYZE)")...); err != nil {
			return err
		}
		touches = append(touches, func() error { return s.exec(ctx, fmt.Sprintf(g.touch, n)) })
		conns, err := s.connect(ctx, 1, noFlush)
		if err != nil {
			return err
		}
		turns = append(turns, turn{label, each, func(ctx context.Context) error {
			for range each {
				if _, err := conns[0].Exec(ctx, "SELECT gapless.next_gapless($1)", g.name(n)); err != nil {
					return err
				}
			}
			return nil
		}})
		return nil
	}
	if err := prepare(empty, growths[0], 1); err != nil {
		return err
	}
	for _, g := range growths {
		b.progress("preparing databases of up to %s", g.label(g.exponent))
		for exponent := range g.exponent + 1 {
			if err := prepare(g.label(exponent), g, pow10(exponent)); err != nil {
				return fmt.Errorf("%s: %w", g.label(exponent), err)
			}
		}
	}
	// The first write to a page after a checkpoint has to log the whole page.
	fresh, err := b.takeRounds(ctx, "allocations, by size, each round right after a checkpoint", func(ctx context.Context, warm bool) (map[string]float64, error) {
		if err := stages[0].exec(ctx, "CHECKPOINT"); err != nil {
			return nil, err
		}
		return takeTurns(ctx, warmed(4*b.slice, warm), turns)
	})
	if err != nil {
		return err
	}
	for _, touch := range touches {
		if err := touch(); err != nil {
			return err
		}
	}
	steady, err := b.takeRounds(ctx, "allocations, by size", func(ctx context.Context, warm bool) (map[string]float64, error) {
		return takeTurns(ctx, warmed(4*b.slice, warm), turns)
	})
	if err != nil {
		return err
	}
	b.progress("checking the journals")

	t := table{head: []string{"before the measurement", "how many", "microseconds an allocation", "time ÷ " + empty, "µs right after a checkpoint", "time ÷ " + empty + " then"}}
	t.add(empty, "", steady.of(empty).over(1e6).String(), "1", fresh.of(empty).over(1e6).String(), "1")
	cost := chart{
		file: "size", title: "Cost of an allocation: 1 caller, " + noFlush.name,
		x: axis{label: "sequences, or journal rows of one sequence", logarithmic: true}, y: axis{label: "microseconds"},
	}
	for i, g := range growths {
		lines := []series{{label: g.what, style: styles[i]}, {label: g.what + ", after a checkpoint", style: styles[i+2]}}
		for exponent := range g.exponent + 1 {
			label := g.label(exponent)
			cells := []string{g.what, thousands(int64(pow10(exponent)))}
			for j, all := range []rounds{steady, fresh} {
				micros := all.of(label).over(1e6)
				lines[j].add(float64(pow10(exponent)), micros.median)
				cells = append(cells, micros.String(), all.ratio(empty, label).String())
			}
			t.add(cells...)
		}
		cost.series = append(cost.series, lines...)
		largest := g.label(g.exponent)
		for _, part := range []struct {
			name, when string
			rounds     rounds
			want       float64
		}{{"5", "", steady, 1.2}, {"5, beside it", ", right after a checkpoint", fresh, 0}} {
			b.report.aims = append(b.report.aims, aim{
				name: part.name, want: part.want, atMost: true, ratio: part.rounds.ratio(empty, largest),
				measured: fmt.Sprintf("time of an allocation with %s ÷ in %s, 1 caller, %s%s", largest, empty, noFlush.name, part.when),
				note:     fmt.Sprintf("%s against %s µs", number(part.rounds.of(largest).over(1e6).median), number(part.rounds.of(empty).over(1e6).median)),
			})
		}
	}
	b.report.sections = append(b.report.sections, section{
		title: "Size",
		text: fmt.Sprintf("One client allocates with `SELECT gapless.next_gapless($1)` and %s: from one of all sequences at random, or from the one with the journal.\n", noFlush.name) +
			"Each size is a database of its own on the same server, filled and vacuumed before. Right after a checkpoint, the first write to a page has to log\n" +
			"the whole page, which many sequences bring about more often; else most pages have been written to since the last checkpoint.",
		table: t, plots: []chart{cost},
	})
	return nil
}

func (g growth) label(exponent int) string { return thousands(int64(pow10(exponent))) + " " + g.what }

func pow10(exponent int) int { return int(math.Pow10(exponent)) }
