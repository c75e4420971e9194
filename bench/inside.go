package main

import (
	"context"
	"fmt"
)

// Other ways in which next_gapless could work inside, in its place and with its journal; see DESIGN.md, section 3.
var (
	counterInside = inside("counter", "a counter that is updated", `
		CREATE TABLE inside_counter (name text COLLATE "C" PRIMARY KEY, last bigint NOT NULL);
		INSERT INTO inside_counter VALUES ('inside', 0)`, `
		UPDATE inside_counter AS c SET last = c.last + 1 WHERE c.name = $1 COLLATE "C" RETURNING c.last INTO value;`)

	// The newest row is updated, and after every 64th value another one takes its place, so that no chain of dead versions
	// grows longer than that.
	generations = inside("generations", "generations of a counter", `
		CREATE TABLE inside_generation (name text COLLATE "C", generation bigint, last bigint NOT NULL, PRIMARY KEY (name, generation));
		INSERT INTO inside_generation VALUES ('inside', 1, 0)`, `
		LOOP
			UPDATE inside_generation AS g SET last = g.last + 1
			WHERE g.name = $1 COLLATE "C" AND g.generation = (
				SELECT n.generation FROM inside_generation AS n WHERE n.name = $1 COLLATE "C" ORDER BY n.generation DESC LIMIT 1
			)
			RETURNING g.generation, g.last INTO newest, value;
			EXIT WHEN FOUND; -- or else there is a newer one since the snapshot
		END LOOP;
		IF value % 64 = 0 THEN
			DELETE FROM inside_generation AS g WHERE g.name = $1 COLLATE "C" AND g.generation = newest;
			INSERT INTO inside_generation VALUES ($1, newest + 1, value);
		END IF;`)
)

// inside is a contender with a function like next_gapless that finds its value by other statements.
func inside(key, label, tables, statements string) contender {
	return contender{
		key: key, label: label, promises: true,
		setUp: fmt.Sprintf(`%[2]s;
			CREATE TABLE inside_journal_%[1]s (LIKE gapless.journal INCLUDING ALL);
			CREATE FUNCTION next_%[1]s(text) RETURNS bigint LANGUAGE plpgsql
				SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $function$
			DECLARE
				value  bigint;
				newest bigint;
			BEGIN
				%[3]s
				INSERT INTO inside_journal_%[1]s (name, ordinal, first_value, last_value) VALUES ($1, value, value, value);
				RETURN value;
			END $function$`, key, tables, statements),
		insertNext: fmt.Sprintf("INSERT INTO invoice_%s (number, customer) VALUES (next_%[1]s('inside'), $1)", key),
	}
}

// gated has whoever waits do so for an advisory lock, and not for the row.
var gated = contender{
	key: "gated", label: "an advisory lock in front", sequence: "gated", promises: true,
	setUp:      "SELECT gapless.adopt_gapless('gated', 0)",
	insertNext: "WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock(1)) INSERT INTO invoice_gated (number, customer) SELECT gapless.next_gapless('gated'), $1 FROM gate",
}

// insides compares the inside of next_gapless with others, for one client and for many, strict and in groups.
func insides(ctx context.Context, b *bench) (err error) {
	compared := []contender{strict, counterInside, generations, gated}
	s, err := b.newStage(ctx, compared...)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()

	most := b.plan.callers[len(b.plan.callers)-1]
	t := table{head: []string{"transactions a second ÷ lock and append"}}
	for _, c := range compared {
		t.head = append(t.head, c.label)
	}
	t.head[1] = "lock and append, a second"
	for _, way := range []struct {
		callers int
		flush   flush
		sent    bool
	}{{1, diskFlush, false}, {most, diskFlush, false}, {1, noFlush, false}, {4, noFlush, false}, {most, slowFlush, true}} {
		title := fmt.Sprintf("%s, %s", counted(way.callers, "caller"), way.flush.name)
		var lanes []lane
		if way.sent {
			title += ", by Send on 1 connection"
			for _, c := range compared {
				g, err := s.newGroup(ctx, c, 1, way.flush)
				if err != nil {
					return err
				}
				lanes = append(lanes, g.sent())
			}
		} else {
			conns, err := s.connect(ctx, way.callers, way.flush)
			if err != nil {
				return err
			}
			for _, c := range compared {
				lanes = append(lanes, statementLane(c, conns))
			}
		}
		all, err := b.takeRounds(ctx, "insides: "+title, func(ctx context.Context, warm bool) (map[string]float64, error) {
			samples, err := loadAll(ctx, lanes, way.callers, warmed(b.slice, warm))
			return rates(samples), err
		})
		if err != nil {
			return err
		}
		row := []string{title, all.of(strict.label).String()}
		for _, c := range compared[1:] {
			row = append(row, all.ratio(c.label, strict.label).String())
		}
		t.add(row...)
	}
	b.report.sections = append(b.report.sections, section{
		title: "The inside of next_gapless",
		text: "Other ways to find the next value, each with the same journal. What an old snapshot does to a counter is above; generations would stay\n" +
			"flat as well. docs/hot-path.md says why it is lock and append.",
		table: t,
	})
	return nil
}
