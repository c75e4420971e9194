package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// attach measures how long attach_gapless keeps writers from a table that has numbers already, against a query that looks at
// each of them once.
func attach(ctx context.Context, b *bench) (err error) {
	rows := b.taken
	s, err := b.newStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	b.progress("attaching: preparing %s rows of each kind", thousands(int64(rows)))

	const format = `, format => $$ 'R' || to_char(NEW.day, 'YY') || lpad(value::text, 7, '0') $$`
	text := func(value string) string { return "'R26' || lpad((" + value + ")::text, 7, '0')" }
	kinds := []struct {
		key, label     string
		number, series string // of row i
		name, format   string // that attach is told
		issued         bool   // by an attached column, which is detached first
	}{
		{"integers", "bigint, 1 series", "i", "0", "'integers'", "", false},
		{"many", "bigint, 1,000 series", "i / 1000 + 1", "i % 1000", "'many/' || NEW.series", "", false},
		{"texts", "text with a format, 1 series", text("i"), "0", "to_char(NEW.day, 'YYYY')", format, false},
		{"manytexts", "text with a format, 1,000 series", text("i / 1000 + 1"), "i % 1000", "'manytexts/' || NEW.series", format, false},
		{"issued", "bigint, 1 series, issued by the column", "NULL", "0", "'issued'", "", true},
		{"issuedtexts", "text with a format, 1 series, issued by the column", "NULL", "0", "'issuedtexts'", format, true},
	}
	t := table{head: []string{"", "the query, s", "attach, s", "attach ÷ the query"}}
	for _, k := range kinds {
		column := "bigint"
		if k.format != "" {
			column = "text"
		}
		call := fmt.Sprintf("SELECT gapless.attach_gapless('%s', 'number', name => $$ %s $$%s)", k.key, k.name, k.format)
		made := []string{fmt.Sprintf(`CREATE TABLE %s (id bigint PRIMARY KEY, day date NOT NULL, series integer NOT NULL, number %s, customer text NOT NULL,
			UNIQUE (%s))`, k.key, column, map[bool]string{true: "series, number", false: "number"}[k.series != "0"])}
		if k.issued {
			made = append(made, call)
		}
		made = append(made, fmt.Sprintf("INSERT INTO %s SELECT i, DATE '2026-01-01' + (i %% 365)::integer, %s, %s, 'a customer' FROM generate_series(1, %d) AS i",
			k.key, k.series, k.number, rows), "VACUUM (ANALYZE) "+k.key) // as autovacuum would
		if err := s.exec(ctx, made...); err != nil {
			return err
		}
		all, err := b.takeRounds(ctx, "attaching: "+k.label, func(ctx context.Context, _ bool) (map[string]float64, error) {
			begin := time.Now()
			if err := s.exec(ctx, fmt.Sprintf(
				"SELECT count(*) FROM (SELECT number, lead(number) OVER (ORDER BY number) AS next FROM %s) AS n WHERE n.next = n.number", k.key)); err != nil {
				return nil, err
			}
			queried := time.Since(begin)
			var took time.Duration
			err := pgx.BeginFunc(ctx, s.owner, func(tx pgx.Tx) error {
				if k.issued {
					if _, err := tx.Exec(ctx, fmt.Sprintf("SELECT gapless.detach_gapless('%s', 'number')", k.key)); err != nil {
						return err
					}
				}
				begin := time.Now()
				if _, err := tx.Exec(ctx, call); err != nil {
					return err
				}
				took = time.Since(begin)
				return errAgain
			})
			if !errors.Is(err, errAgain) {
				return nil, err
			}
			return map[string]float64{"query": queried.Seconds(), "attach": took.Seconds()}, nil
		})
		if err != nil {
			return err
		}
		t.add(k.label, all.of("query").String(), all.of("attach").String(), all.ratio("attach", "query").String())
	}
	b.report.sections = append(b.report.sections, section{
		title: "Attaching to a table that is in use",
		text: fmt.Sprintf("%s rows that have numbers already. The query is `SELECT count(*) FROM (SELECT number, lead(number) OVER (ORDER BY number) …)`.\n"+
			"Those that the column has issued itself are detached before, in the same transaction.", thousands(int64(rows))),
		table: t,
	})
	return nil
}

// errAgain rolls back what is to be measured again.
var errAgain = errors.New("measured, and rolled back")
