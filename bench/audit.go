package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// audit has gapless.audit_gapless compare the journal with attached columns, and PostgreSQL put the same rows in order, by
// lead(): 1,000 series, whose numbers were given out in turn, one at a time. One row has been lost, which it must find. And
// series of which each tenth number was given out by another system.
func audit(ctx context.Context, b *bench) (err error) {
	const (
		series = 1_000
		named  = 10 // audits by name that are measured together
	)
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
		`CREATE TABLE letter (
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, series integer NOT NULL, number text UNIQUE, customer text NOT NULL
		)`,
		"CREATE INDEX ON letter (series)",
		"SELECT gapless.attach_gapless('invoice', 'number', name => $$ 'bench/' || NEW.series $$)",
		"SELECT gapless.attach_gapless('letter', 'number', name => $$ 'text/' || NEW.series $$, format => $$ NEW.series || '-' || value $$)",
		// What so many transactions leave behind, without their triggers.
		"SET session_replication_role = replica",
		fmt.Sprintf("INSERT INTO invoice (series, number, customer) SELECT i %% %[1]d, i / %[1]d + 1, 'a customer' FROM generate_series(0, %[2]d - 1) AS i", series, rows),
		"INSERT INTO letter (series, number, customer) SELECT series, series || '-' || number, customer FROM invoice ORDER BY id",
		"INSERT INTO gapless.sequence_lock (name, target, target_column) SELECT DISTINCT 'bench/' || series, 'invoice'::regclass, 'number'::name FROM invoice",
		"INSERT INTO gapless.sequence_lock (name, target, target_column) SELECT DISTINCT 'text/' || series, 'letter'::regclass, 'number'::name FROM invoice",
		"INSERT INTO gapless.journal (name, ordinal, first_value, last_value) SELECT 'bench/' || series, number, number, number FROM invoice ORDER BY id",
		"INSERT INTO gapless.journal (name, ordinal, first_value, last_value, texts) SELECT 'text/' || series, number, number, number, ARRAY[series || '-' || number] FROM invoice ORDER BY id",
		fmt.Sprintf("DELETE FROM invoice WHERE (series, number) = (%d, %d)", series/2, lost),
		fmt.Sprintf("DELETE FROM letter WHERE number = '%d-%d'", series/2, lost),
		"RESET session_replication_role",
	); err != nil {
		return err
	}
	holes := []int{rows / 200, rows / 20, rows / 2}
	for _, n := range holes {
		if err := s.exec(ctx, fmt.Sprintf("CREATE TABLE adopted_%d (number bigint NOT NULL UNIQUE)", n),
			fmt.Sprintf("INSERT INTO adopted_%d SELECT i FROM generate_series(1, %d) AS i WHERE i %% 10 <> 0", n, 10*n+1),
			fmt.Sprintf("SELECT gapless.attach_gapless('adopted_%d', 'number', name => $$ 'adopted/%[1]d' $$)", n)); err != nil {
			return err
		}
	}
	if err := s.exec(ctx, "VACUUM (ANALYZE)"); err != nil { // as autovacuum would, perhaps in the middle
		return err
	}
	type finding struct {
		Sequence, Kind string
		First, Last    int64
		Explained      bool
	}
	found := func(sequence string) []finding { return []finding{{sequence, "hole", lost, lost, false}} }
	name := func(kind string, i int) string { return fmt.Sprintf("%s/%d", kind, i) }
	const window = "`lead()` over the rows, in the order of the index"
	type measured struct {
		label, query string
		want         []finding
		holes        int
		units        float64 // of which the time is
		against      string
	}
	all := []measured{
		{window, "SELECT 'bench/' || series, 'hole', number + 1, after - 1, false FROM (SELECT series, number, lead(number) OVER (PARTITION BY series ORDER BY number) AS after FROM invoice) AS w WHERE after > number + 1", found(name("bench", series/2)), 0, 1, ""},
		{"the audit of the column", "target => 'invoice'", found(name("bench", series/2)), 0, 1, window},
		{"of a column of texts with a format", "target => 'letter'", found(name("text", series/2)), 0, 1, "the audit of the column"},
		{"of one series, by name", "'bench/' || i", nil, 0, named, "the audit of the column"},
		{"of one series of texts, by name", "'text/' || i", nil, 0, named, "of a column of texts with a format"},
	}
	for i, n := range holes {
		m := measured{fmt.Sprintf("of %s holes, by name: of a hole", thousands(int64(n))), fmt.Sprintf("'adopted/%d'", n), nil, n, float64(n), ""}
		if i > 0 {
			m.against = all[len(all)-1].label
		}
		all = append(all, m)
	}
	rounds, err := b.takeRounds(ctx, "the audit", func(ctx context.Context, _ bool) (map[string]float64, error) {
		took := map[string]float64{}
		for _, m := range all {
			query := m.query
			if m.label != window {
				query = "SELECT sequence, kind, first_value, last_value, explained FROM gapless.audit_gapless(" + m.query + ")"
			}
			if m.units == named { // one after the other
				query = fmt.Sprintf("SELECT a.sequence, a.kind, a.first_value, a.last_value, a.explained FROM generate_series(1, %d) AS i CROSS JOIN LATERAL gapless.audit_gapless(%s) AS a", named, m.query)
			}
			if m.holes > 0 {
				query = "SELECT 'holes', 'hole', count(*), 0, bool_and(explained) FROM gapless.audit_gapless(" + m.query + ")"
				m.want = []finding{{"holes", "hole", int64(m.holes), 0, true}}
			}
			begin := time.Now()
			found, err := s.owner.Query(ctx, query)
			if err != nil {
				return nil, err
			}
			findings, err := pgx.CollectRows(found, pgx.RowToStructByPos[finding])
			took[m.label] = time.Since(begin).Seconds() / m.units
			if err != nil {
				return nil, err
			}
			if len(findings) != len(m.want) || len(findings) == 1 && findings[0] != m.want[0] {
				return nil, fmt.Errorf("%s: found %v, and not %v", m.label, findings, m.want)
			}
		}
		return took, nil
	})
	if err != nil {
		return err
	}
	t := table{head: []string{"", "milliseconds", "time ÷ that of"}}
	for _, m := range all {
		ratio := ""
		if m.against != "" {
			ratio = rounds.ratio(m.label, m.against).String() + ": " + m.against
		}
		milliseconds := rounds.of(m.label)
		milliseconds = spread{milliseconds.median * 1e3, milliseconds.low * 1e3, milliseconds.high * 1e3}
		t.add(m.label, milliseconds.String(), ratio)
	}
	b.report.sections = append(b.report.sections, section{
		title: "The audit",
		text: fmt.Sprintf("%s rows in %s series, each numbered by a transaction of its own, as numbers and as texts. One row of each column is lost, and found. By name, ten series are audited one after the other.",
			thousands(int64(rows)), thousands(series)),
		table: t,
	})
	return nil
}
