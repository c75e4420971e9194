package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// build is gapless as it is here, or another one, which --beside names.
type build struct {
	*stage
	label string
}

// psqlCommand is what only psql understands of a gapless.sql.
var psqlCommand = regexp.MustCompile(`(?m)^\\.*$`)

// builds makes a database for each build, with tables of many series: one numbered by nextval(), one early, one at commit.
func (b *bench) builds(ctx context.Context) (all []build, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeBuilds(ctx, all))
		}
	}()
	labels := []string{"this build"}
	if b.beside != "" {
		labels = append(labels, "beside")
	}
	for _, label := range labels {
		text := ""
		if label == "beside" {
			read, err := os.ReadFile(b.beside)
			if err != nil {
				return all, err
			}
			text = psqlCommand.ReplaceAllString(string(read), "")
		}
		s, err := b.newStageOf(ctx, text)
		if err != nil {
			return all, err
		}
		all = append(all, build{s, label})
		made := []string{"CREATE SEQUENCE native"}
		for _, kind := range []string{"nextval", "early", "late"} {
			made = append(made, fmt.Sprintf("CREATE TABLE %s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant integer NOT NULL, number bigint, note text, UNIQUE (tenant, number))", kind))
		}
		made = append(made,
			"ALTER TABLE nextval ALTER number SET DEFAULT nextval('native')",
			"SELECT gapless.attach_gapless('early', 'number', name => $$ 'early/' || NEW.tenant $$)",
			"SELECT gapless.attach_gapless('late', 'number', name => $$ 'late/' || NEW.tenant $$, at_commit => true)")
		if err := s.exec(ctx, made...); err != nil {
			return all, err
		}
	}
	return all, nil
}

func closeBuilds(ctx context.Context, all []build) (err error) {
	for _, each := range all {
		err = errors.Join(err, each.close(ctx))
	}
	return err
}

// sets measures columns by the set, and another build's beside them: many rows, many series, updates that have nothing to do with
// numbering, single rows, an old snapshot, and the memory of a session.
func sets(ctx context.Context, b *bench) (err error) {
	all, err := b.builds(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBuilds(ctx, all)) }()

	t := table{head: []string{"time ÷ that of a column with nextval(), in the same round"}}
	for _, each := range all {
		t.head = append(t.head, each.label)
	}
	if len(all) > 1 {
		t.head = append(t.head, "this build's time ÷ beside")
	}
	measure := func(title, sql string, units int, parameters map[string]string, kinds ...string) error {
		var turns []turn
		for _, each := range all {
			config := each.owner.Config()
			for name, value := range parameters {
				config.RuntimeParams[name] = value
			}
			conn, err := pgx.ConnectConfig(ctx, config)
			if err != nil {
				return err
			}
			defer func() { conn.Close(context.WithoutCancel(ctx)) }()
			for _, kind := range append([]string{"nextval"}, kinds...) {
				statement := strings.ReplaceAll(sql, "kind", kind)
				turns = append(turns, turn{each.label + kind, units, func(ctx context.Context) error {
					_, err := conn.Exec(ctx, statement)
					return err
				}})
			}
		}
		measured, err := b.takeRounds(ctx, "sets: "+title, func(ctx context.Context, warm bool) (map[string]float64, error) {
			return takeTurns(ctx, warmed(b.slice*3, warm), turns)
		})
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			cells := []string{map[string]string{"early": "early: ", "late": "at commit: "}[kind] + title}
			for _, each := range all {
				cells = append(cells, measured.ratio(each.label+"nextval", each.label+kind).String())
			}
			if len(all) > 1 {
				cells = append(cells, measured.ratio(all[1].label+kind, all[0].label+kind).String())
			}
			t.add(cells...)
		}
		return nil
	}
	rows := thousands(int64(b.rows))
	insert := func(series int) string {
		return fmt.Sprintf("INSERT INTO kind (tenant) SELECT i %% %d FROM generate_series(1, %d) AS i", series, b.rows)
	}
	update := fmt.Sprintf("UPDATE kind SET note = 'x' WHERE id BETWEEN 1 AND %d", b.rows)
	single := "INSERT INTO kind (tenant) VALUES (1)"
	for _, m := range []struct {
		title, sql string
		units      int
		flush      flush
		kinds      []string
	}{
		{rows + " rows of one series in one INSERT", insert(1), b.rows, noFlush, []string{"early", "late"}},
		{rows + " rows over 1,000 series, interleaved", insert(1000), b.rows, noFlush, []string{"early", "late"}},
		{"UPDATE of another column of " + rows + " rows", update, b.rows, noFlush, []string{"early", "late"}},
		{"one row a transaction, " + noFlush.name, single, 1, noFlush, []string{"early", "late"}},
		{"one row a transaction, " + slowFlush.name, single, 1, slowFlush, []string{"early", "late"}},
	} {
		if err := measure(m.title, m.sql, m.units, m.flush.parameters, m.kinds...); err != nil {
			return err
		}
	}
	for _, each := range all {
		old, err := each.connect(ctx, 1, diskFlush)
		if err != nil {
			return err
		}
		if _, err := old[0].Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class"); err != nil {
			return err
		}
	}
	// What the old snapshot keeps from being vacuumed grows for that time.
	length := time.Duration(b.with) * 3 * b.turn
	b.progress("sets: an old snapshot, open for %s", inWords(length))
	for begin := time.Now(); time.Since(begin) < length; {
		for _, each := range all {
			for _, kind := range []string{"nextval", "early", "late"} {
				if err := each.exec(ctx, strings.ReplaceAll(insert(100), "kind", kind), strings.ReplaceAll(single, "kind", kind)); err != nil {
					return err
				}
			}
		}
	}
	after := ", with a snapshot that is " + inWords(length) + " old"
	if err := measure(rows+" rows over 1,000 series"+after, insert(1000), b.rows, noFlush.parameters, "early", "late"); err != nil {
		return err
	}
	if err := measure("one row a transaction, "+noFlush.name+after, single, 1, noFlush.parameters, "early", "late"); err != nil {
		return err
	}
	if err := b.memory(ctx, all, &t); err != nil {
		return err
	}
	text := "One client."
	if len(all) > 1 {
		text += " Beside is the build that --beside names."
	}
	b.report.sections = append(b.report.sections, section{title: "Columns by the set", text: text, table: t})
	return nil
}

// memory adds how much memory a session has, which has inserted into ten tables, beyond one that has inserted into tables without
// columns that number themselves.
func (b *bench) memory(ctx context.Context, all []build, t *table) error {
	for _, late := range []bool{false, true} {
		cells := []string{map[bool]string{false: "early", true: "at commit"}[late] + ": kB of a session's memory after INSERTs into ten tables, beyond plain tables"}
		var kilobytes []float64
		for _, each := range all {
			var used [2]float64
			for i, kind := range []string{"plain", "attached"} {
				for n := range 10 {
					name := fmt.Sprintf("%s_%t_%d", kind, late, n)
					if err := each.exec(ctx, fmt.Sprintf("CREATE TABLE %s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant integer, number bigint UNIQUE)", name)); err != nil {
						return err
					}
					if kind == "attached" {
						if err := each.exec(ctx, fmt.Sprintf("SELECT gapless.attach_gapless('%s', 'number', name => $$ '%[1]s' $$, at_commit => %[2]t)", name, late)); err != nil {
							return err
						}
					}
				}
				conn, err := pgx.ConnectConfig(ctx, each.owner.Config())
				if err != nil {
					return err
				}
				for range 3 {
					for n := range 10 {
						if _, err := conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s_%t_%d (tenant) VALUES (1)", kind, late, n)); err != nil {
							return errors.Join(err, conn.Close(ctx))
						}
					}
				}
				err = conn.QueryRow(ctx, "SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts").Scan(&used[i])
				if err := errors.Join(err, conn.Close(ctx)); err != nil {
					return err
				}
			}
			kilobytes = append(kilobytes, used[1]-used[0])
			cells = append(cells, number(used[1]-used[0]))
		}
		if len(all) > 1 {
			cells = append(cells, number(kilobytes[0]/kilobytes[1]))
		}
		t.add(cells...)
	}
	return nil
}
