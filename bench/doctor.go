package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// doctor has gapless.doctor look at a database in which nothing is numbered yet, and at one with many sequences and attached columns,
// and PostgreSQL print the definitions of all triggers there. What is found is what the settings of the bench's server are: nothing.
func doctor(ctx context.Context, b *bench) (err error) {
	empty, err := b.newStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, empty.close(ctx)) }()
	filled, err := b.newStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, filled.close(ctx)) }()
	b.progress("the doctor: attaching %s columns", thousands(int64(b.columns)))
	if err := filled.exec(ctx,
		fmt.Sprintf("SELECT count(gapless.next_gapless('bench/' || i)) FROM generate_series(1, %d) AS i", b.series),
		fmt.Sprintf(`DO $$ BEGIN
			FOR i IN 1..%d LOOP
				EXECUTE format('CREATE TABLE bill_%%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, shop text, number bigint, UNIQUE (shop, number))', i);
				PERFORM gapless.attach_gapless(('bill_' || i)::regclass, 'number', name => format('''bill/%%s/'' || NEW.shop', i));
				COMMIT;
			END LOOP;
		END $$`, b.columns),
		"VACUUM (ANALYZE)",
	); err != nil {
		return err
	}
	const plain, nothing, all = "the definitions of all triggers (`pg_get_triggerdef`)", "the doctor, where nothing is numbered yet", "the doctor"
	rounds, err := b.takeRounds(ctx, "the doctor", func(ctx context.Context, _ bool) (map[string]float64, error) {
		took := map[string]float64{}
		for _, m := range []struct {
			label, query string
			s            *stage
		}{
			{plain, "SELECT count(pg_get_triggerdef(oid)) * 0 FROM pg_trigger", filled},
			{nothing, "SELECT count(*) FROM gapless.doctor", empty},
			{all, "SELECT count(*) FROM gapless.doctor", filled},
		} {
			begin := time.Now()
			var found int64
			if err := m.s.owner.QueryRow(ctx, m.query).Scan(&found); err != nil {
				return nil, err
			}
			took[m.label] = time.Since(begin).Seconds()
			if found != 0 {
				return nil, fmt.Errorf("%s: it has %d findings", m.label, found)
			}
		}
		return took, nil
	})
	if err != nil {
		return err
	}
	t := table{head: []string{"", "milliseconds", "time ÷ that of the triggers' definitions"}}
	for _, label := range []string{plain, nothing, all} {
		took := rounds.of(label)
		ratio := "1"
		if label != plain {
			ratio = rounds.ratio(label, plain).String()
		}
		t.add(label, spread{took.median * 1e3, took.low * 1e3, took.high * 1e3}.String(), ratio)
	}
	b.report.sections = append(b.report.sections, section{
		title: "The doctor",
		text:  fmt.Sprintf("One reading of `gapless.doctor`, with %s sequences and %s attached columns.", thousands(int64(b.series)), thousands(int64(b.columns))),
		table: t,
	})
	return nil
}
