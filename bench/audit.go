package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// audit has gapless.audit_gapless compare the journal with an attached column: 1,000 series, whose numbers were given out
// in turn, one at a time. One row has been lost, which it must find.
func audit(ctx context.Context, b *bench) (err error) {
	const series = 1_000
	rows := b.audited
	lost := int64(rows / series / 2) // in the middle of a series
	s, err := b.newStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	b.progress("the audit: preparing %s rows", thousands(int64(rows)))
	if err := s.exec(ctx,
		`CREATE TABLE invoice (
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, series integer NOT NULL, number bigint, customer text NOT NULL,
			UNIQUE (series, number)
		)`,
		"SELECT gapless.attach_gapless('invoice', 'number', name => $$ 'bench/' || NEW.series $$)",
		// What so many transactions leave behind, without their triggers.
		"SET session_replication_role = replica",
		fmt.Sprintf("INSERT INTO invoice (series, number, customer) SELECT i %% %[1]d, i / %[1]d + 1, 'a customer' FROM generate_series(0, %[2]d - 1) AS i", series, rows),
		"INSERT INTO gapless.sequence (name, target, target_column) SELECT DISTINCT 'bench/' || series, 'invoice'::regclass, 'number'::name FROM invoice",
		"INSERT INTO gapless.journal (name, ordinal, first_value, last_value) SELECT 'bench/' || series, number, number, number FROM invoice ORDER BY id",
		fmt.Sprintf("DELETE FROM invoice WHERE (series, number) = (%d, %d)", series/2, lost),
		"RESET session_replication_role",
		"VACUUM (ANALYZE)", // as autovacuum would, perhaps in the middle
	); err != nil {
		return err
	}
	type finding struct {
		Sequence, Kind string
		First, Last    int64
		Explained      bool
	}
	const label = "seconds a million rows"
	all, err := b.takeRounds(ctx, "the audit", func(ctx context.Context, _ bool) (map[string]float64, error) {
		begin := time.Now()
		found, err := s.owner.Query(ctx, "SELECT sequence, kind, first_value, last_value, explained FROM gapless.audit_gapless()")
		if err != nil {
			return nil, err
		}
		findings, err := pgx.CollectRows(found, pgx.RowToStructByPos[finding])
		took := time.Since(begin)
		if err != nil {
			return nil, err
		}
		if want := (finding{fmt.Sprintf("bench/%d", series/2), "hole", lost, lost, false}); len(findings) != 1 || findings[0] != want {
			return nil, fmt.Errorf("the audit found %v, not the lost row alone", findings)
		}
		return map[string]float64{label: took.Seconds() * 1e6 / float64(rows)}, nil
	})
	if err != nil {
		return err
	}
	t := table{head: []string{"", label}}
	t.add("`audit_gapless()`", all.of(label).String())
	b.report.sections = append(b.report.sections, section{
		title: "The audit",
		text:  fmt.Sprintf("%s rows in %s series, each numbered by a transaction of its own. One row is lost, and found.", thousands(int64(rows)), thousands(series)),
		table: t,
	})
	return nil
}
