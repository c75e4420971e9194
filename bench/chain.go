package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// chained is attached, and each row has a hash over that of the row before.
func chained(key, label string, atCommit bool) contender {
	c := attached(key, label, atCommit)
	c.setUp = fmt.Sprintf("ALTER TABLE %s ADD previous_hash bytea, ADD hash bytea, ALTER number DROP NOT NULL; SELECT gapless.attach_gapless('%[1]s', 'number', name => $$ '%s' $$, at_commit => %t, "+
		"chain => $$ sha256(convert_to(concat_ws('|', NEW.number, NEW.customer, encode(NEW.previous_hash, 'hex')), 'UTF8')) $$)", c.table(), key, atCommit)
	return c
}

// chain measures what a chain of hashes costs, against the same column without it.
func chain(ctx context.Context, b *bench) (err error) {
	pairs := [][2]contender{
		{attached("early", "early", false), chained("earlychain", "early, with a chain", false)},
		{attached("late", "at commit", true), chained("latechain", "at commit, with a chain", true)},
	}
	s, err := b.newStage(ctx, pairs[0][0], pairs[0][1], pairs[1][0], pairs[1][1])
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()
	t := table{head: []string{"rows a second", "without", "with a chain", "time with ÷ without"}}
	measure := func(title string, f flush, rows int, sql func(c contender) string) error {
		conns, err := s.connect(ctx, 1, f)
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			var turns []turn
			for _, c := range pair {
				turns = append(turns, turn{c.label, rows, func(ctx context.Context) error {
					return pgx.BeginFunc(ctx, conns[0], func(tx pgx.Tx) error {
						_, err := tx.Exec(ctx, sql(c), customer)
						return err
					})
				}})
			}
			all, err := b.takeRounds(ctx, "chain: "+pair[0].label+", "+title, func(ctx context.Context, warm bool) (map[string]float64, error) {
				return takeTurns(ctx, warmed(b.slice*3, warm), turns)
			})
			if err != nil {
				return err
			}
			t.add(pair[0].label+": "+title, all.of(pair[0].label).String(), all.of(pair[1].label).String(), all.ratio(pair[0].label, pair[1].label).String())
		}
		return nil
	}
	for _, f := range []flush{diskFlush, noFlush} {
		if err := measure("one row a transaction, "+f.name, f, 1, func(c contender) string { return c.insertNext }); err != nil {
			return err
		}
	}
	err = measure(thousands(int64(b.rows))+" rows in one INSERT", noFlush, b.rows, func(c contender) string {
		return fmt.Sprintf("INSERT INTO %s (customer) SELECT $1 FROM generate_series(1, %d)", c.table(), b.rows)
	})
	if err != nil {
		return err
	}
	b.report.sections = append(b.report.sections, section{
		title: "A chain of hashes",
		text:  "One client; each row has a sha256 over the number, the customer and the hash of the row before.", table: t,
	})
	return nil
}
