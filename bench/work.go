package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// workTime is an e-mail, a PDF, a call to another system.
	workTime = 5 * time.Millisecond

	workers = 64
)

// workSizes are how many connections the group committers have: work inside a transaction keeps one busy.
var workSizes = []int{16, 32, 64}

// work has callers insert a row and then work, in one transaction: aim 2.
func work(ctx context.Context, b *bench) error {
	for _, f := range []flush{slowFlush, diskFlush} {
		if err := b.work(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

func (b *bench) work(ctx context.Context, f flush) (err error) {
	atCommit, early := attached("atcommit", "at_commit", true), attached("early", "attached, numbered at the INSERT", false)
	onConn := []contender{atCommit, early, nextval, upsert}
	contenders := onConn
	for _, n := range workSizes {
		contenders = append(contenders, groupAtCommit(n))
	}
	s, err := b.newStage(ctx, contenders...)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()
	conns, err := s.connect(ctx, workers, f)
	if err != nil {
		return err
	}
	var lanes []lane
	var groups []string
	for _, n := range workSizes {
		g, err := s.newGroup(ctx, groupAtCommit(n), n, f)
		if err != nil {
			return err
		}
		groups = append(groups, g.label)
		lanes = append(lanes, g.inTx(g.insertAndWork))
	}
	for _, c := range onConn {
		lanes = append(lanes, onConns(c, conns, func(ctx context.Context, conn *pgx.Conn) error {
			return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return c.insertAndWork(ctx, tx) })
		}))
	}
	all, err := b.takeRounds(ctx, fmt.Sprintf("%s of work, %s", inWords(workTime), f.name), func(ctx context.Context, warm bool) (map[string]float64, error) {
		samples, err := loadAll(ctx, lanes, workers, warmed(b.slice, warm))
		return rates(samples), err
	})
	if err != nil {
		return err
	}

	best := all.best(groups)
	if f.name == slowFlush.name {
		for _, part := range []struct {
			other contender
			want  float64
		}{{nextval, 0.8}, {upsert, 40}} {
			b.report.aims = append(b.report.aims, aim{
				name: "2", want: part.want, ratio: all.ratio(best, part.other.label),
				measured: fmt.Sprintf("%s ÷ %s, %d callers with %s of work, %s", best, part.other.label, workers, inWords(workTime), f.name),
				note:     fmt.Sprintf("%s against %s a second", number(all.of(best).median), number(all.of(part.other.label).median)),
			})
		}
	}
	t := table{head: []string{"", "transactions a second", "÷ nextval()", "÷ upsert", "÷ numbered at the INSERT"}}
	for _, l := range lanes {
		t.add(l.label, all.of(l.label).String(), all.ratio(l.label, nextval.label).String(), all.ratio(l.label, upsert.label).String(), all.ratio(l.label, early.label).String())
	}
	b.report.sections = append(b.report.sections, section{
		title: "Work in the transaction: " + f.name,
		text:  fmt.Sprintf("%d callers insert a row of the same sequence, and then work for %s, in one transaction.", workers, inWords(workTime)),
		table: t,
	})
	return nil
}

// insertAndWork is what stands between begin and commit.
func (c contender) insertAndWork(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, c.insertNext, customer); err != nil {
		return err
	}
	time.Sleep(workTime)
	return nil
}
