package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// snapshot compares the throughput while an old snapshot is open with that before: aim 4. PostgreSQL must then keep every
// dead row version. nextval(), which leaves none behind, shows the machine's own ups and downs.
func snapshot(ctx context.Context, b *bench) (err error) {
	const clients = 4
	compared := []contender{strict, upsert, nextval}
	s, err := b.newStage(ctx, compared...)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()
	conns, err := s.connect(ctx, clients, noFlush)
	if err != nil {
		return err
	}
	old, err := s.connect(ctx, 1, diskFlush)
	if err != nil {
		return err
	}
	// A slot of time has a turn for each of them.
	var lanes []lane
	for _, c := range compared {
		lanes = append(lanes, statementLane(c, conns))
	}
	slots := b.before + b.with
	slot := time.Duration(len(lanes)) * b.turn
	without, with := time.Duration(b.before)*slot, time.Duration(b.with)*slot
	bySlot := make([]rounds, slots)
	var last rounds // the last third with the snapshot, over what was before it
	all, err := b.takeRounds(ctx, "an old snapshot, open for "+inWords(with), func(ctx context.Context, warm bool) (map[string]float64, error) {
		// The last round's dead versions would slow down what is to be compared with.
		if err := s.exec(ctx, "VACUUM counter"); err != nil {
			return nil, err
		}
		if warm {
			_, err := loadAll(ctx, lanes, clients, b.turn)
			return nil, err
		}
		slotRates := make(rounds, slots)
		for i := range slots {
			if i == b.before {
				if _, err := old[0].Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class"); err != nil {
					return nil, err
				}
			}
			samples, err := loadAll(ctx, lanes, clients, b.turn)
			if err != nil {
				return nil, err
			}
			slotRates[i] = rates(samples)
			bySlot[i] = append(bySlot[i], slotRates[i])
		}
		if _, err := old[0].Exec(ctx, "COMMIT"); err != nil {
			return nil, err
		}
		before, atEnd := medians(slotRates[:b.before]), medians(slotRates[slots-max(b.with/3, 1):])
		ratios := map[string]float64{}
		for label := range before {
			ratios[label] = atEnd[label] / before[label]
		}
		last = append(last, atEnd)
		return ratios, nil
	})
	if err != nil {
		return err
	}

	b.report.aims = append(b.report.aims, aim{
		name: "4", want: 0.9, ratio: all.of(strict.label),
		measured: fmt.Sprintf("%s: the last third of %s with an old snapshot open ÷ before it, %d callers, %s", strict.label, inWords(with), clients, noFlush.name),
		note: fmt.Sprintf("%s a second in that third; beside it, %s keeps %s and %s %s", number(last.of(strict.label).median),
			upsert.label, number(all.of(upsert.label).median), nextval.label, number(all.of(nextval.label).median)),
	})
	t := table{head: []string{"", "with ÷ without", "transactions a second before", "in the last third"}}
	over := chart{
		file: "snapshot", title: fmt.Sprintf("Throughput over time, an old snapshot open from second 0 on: %d callers, %s", clients, noFlush.name),
		x: axis{label: "seconds since the snapshot was taken"}, y: axis{label: "committed transactions a second"},
	}
	for _, c := range compared {
		line := series{label: c.label, style: styleOf(c)}
		for i, r := range bySlot {
			line.add((float64(i-b.before)+0.5)*slot.Seconds(), r.of(c.label).median)
		}
		over.series = append(over.series, line)
		before := slices.Concat(bySlot[:b.before]...)
		t.add(c.label, all.of(c.label).String(), before.of(c.label).String(), last.of(c.label).String())
	}
	b.report.sections = append(b.report.sections, section{
		title: "An old snapshot",
		text: fmt.Sprintf("In each round, %s without a snapshot, then %s with one (a `pg_dump`, a report, a replication slot), in which the contenders take turns of %s.",
			inWords(without), inWords(with), inWords(b.turn)),
		table: t, plots: []chart{over},
	})
	return nil
}

// medians are those of each label over slots.
func medians(slots rounds) map[string]float64 {
	values := map[string]float64{}
	for label := range slots[0] {
		values[label] = slots.of(label).median
	}
	return values
}
