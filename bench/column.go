package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// column measures what a column costs that numbers itself, against the same rows numbered otherwise, and what
// it costs to attach one.
func column(ctx context.Context, b *bench) (err error) {
	const each = 20 // rows a turn; fewer would always find the processor's caches full of the others'
	early, inValues := attached("early", "attached column", false), byHand("values", "`next_gapless` in VALUES")
	compared := []contender{early, inValues, nextval}
	s, err := b.newStage(ctx, compared...)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()

	t := table{head: []string{"rows a second", early.label, inValues.label, nextval.label, "time ÷ " + inValues.label, "time ÷ " + nextval.label}}
	measure := func(title string, turns []turn) error {
		all, err := b.takeRounds(ctx, "columns: "+title, func(ctx context.Context, warm bool) (map[string]float64, error) {
			return takeTurns(ctx, warmed(b.slice*3, warm), turns)
		})
		if err != nil {
			return err
		}
		t.add(title, all.of(early.label).String(), all.of(inValues.label).String(), all.of(nextval.label).String(),
			all.ratio(inValues.label, early.label).String(), all.ratio(nextval.label, early.label).String())
		return nil
	}

	oneByOne := func(insert func(ctx context.Context, sql string) error) (turns []turn) {
		for _, c := range compared {
			turns = append(turns, turn{c.label, each, func(ctx context.Context) error {
				for range each {
					if err := insert(ctx, c.insertNext); err != nil {
						return err
					}
				}
				return nil
			}})
		}
		return turns
	}
	for _, f := range []flush{slowFlush, diskFlush, noFlush} {
		conns, err := s.connect(ctx, 1, f)
		if err != nil {
			return err
		}
		err = measure("one row a transaction, "+f.name, oneByOne(func(ctx context.Context, sql string) error {
			_, err := conns[0].Exec(ctx, sql, customer)
			return err
		}))
		if err != nil {
			return err
		}
	}

	conns, err := s.connect(ctx, 1, diskFlush)
	if err != nil {
		return err
	}
	err = measure("BEGIN, one row, COMMIT, "+diskFlush.name, oneByOne(func(ctx context.Context, sql string) error {
		return pgx.BeginFunc(ctx, conns[0], func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, sql, customer)
			return err
		})
	}))
	if err != nil {
		return err
	}

	var turns []turn
	for _, many := range []struct {
		contender
		columns, values string
	}{
		{early, "customer", "$1"},
		{inValues, "number, customer", "gapless.next_gapless('values'), $1"},
		{nextval, "number, customer", "nextval('native'), $1"},
	} {
		insert := fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM generate_series(1, $2)", many.table(), many.columns, many.values)
		turns = append(turns, turn{many.label, b.rows, func(ctx context.Context) error {
			_, err := conns[0].Exec(ctx, insert, customer, b.rows)
			return err
		}})
	}
	if err := measure(thousands(int64(b.rows))+" rows in one INSERT", turns); err != nil {
		return err
	}
	b.report.sections = append(b.report.sections, section{
		title: "Columns that number themselves",
		text:  "One client. `at_commit` is above, under work in the transaction.", table: t,
	})
	return attach(ctx, b)
}
