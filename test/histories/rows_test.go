package histories_test

// What the committed rows say. Each was written in the transaction of its value, so they are the truth; and their ids were
// taken under the sequence's lock, so that they are in the order of the commits. Those of columns are in their values' order.

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// entry is a row.
type entry struct {
	Sequence string
	Key      string
	Kind     kind
	Value    *int64
}

func (e entry) String() string {
	if e.Value == nil {
		return string(e.Kind)
	}
	return fmt.Sprintf("%s %d", e.Kind, *e.Value)
}

// rows are all of a history's, those of each sequence in their order.
type rows []entry

func (h *history) readRows(ctx context.Context, conn *pgx.Conn) (rows, error) {
	found, _ := conn.Query(ctx, "SELECT sequence, key, kind, value FROM public.entries ORDER BY sequence COLLATE \"C\", id")
	return pgx.CollectRows(found, pgx.RowToStructByPos[entry])
}

// check compares the rows with the model, the journal, the audit and what the clients know.
func (all rows) check(ctx context.Context, conn *pgx.Conn, h *history) error {
	var errs []error
	for _, of := range h.series {
		errs = append(errs, all.ofSeries(ctx, conn, of))
	}
	errs = append(errs, all.compare(h.records), all.inTime(h.records), checkLeft(ctx, conn, h.records), checkMoved(ctx, conn))

	found, _ := conn.Query(ctx, "SELECT f::text FROM gapless.audit_gapless() AS f WHERE NOT explained")
	findings, err := pgx.CollectRows(found, pgx.RowTo[string])
	if len(findings) > 0 {
		err = fmt.Errorf("%w: %q", errAudit, findings)
	}
	return errors.Join(append(errs, err)...)
}

// ofSeries checks that a sequence's rows are a history of its own, and that the journal has the same since the last deletion.
func (all rows) ofSeries(ctx context.Context, conn *pgx.Conn, of series) error {
	var now counter
	var last []string
	for _, e := range all {
		if e.Sequence != of.name {
			continue
		}
		after, possible := now.after(entryResult(of, e.Kind, e.Value))
		if !possible {
			return fmt.Errorf("%w: %s: after %v, transaction %s: %v", errRows, of.name, now, e.Key, e)
		}
		switch {
		case e.Kind == forget, e.Kind == live:
			last = nil
		case e.Kind == issue || after != now: // to adopt what is there already does nothing
			last = append(last, e.String())
		}
		now = after
	}
	var newest *int64
	if err := conn.QueryRow(ctx, "SELECT gapless.last_gapless($1)", of.name).Scan(&newest); err != nil {
		return err
	}
	if is := counterAt(newest); is != now.value() {
		return fmt.Errorf("%w: %s: the rows end with %v, and the counter with %v", errRows, of.name, now, is)
	}
	found, _ := conn.Query(ctx, `SELECT CASE a.kind WHEN 'issued' THEN 'issue ' ELSE 'adopt ' END || v
		FROM gapless.journal AS a, generate_series(a.first_value, a.last_value) AS v
		WHERE a.name = $1 ORDER BY a.ordinal, v`, of.name)
	journal, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err == nil && !slices.Equal(journal, last) {
		err = fmt.Errorf("%w: %s: the rows are\n%v\nand the journal has\n%v", errRows, of.name, last, journal)
	}
	return err
}

// checkLeft checks that each row that has left was archived by the transaction that had it leave, that no number was archived that
// no row had, and that the audit knows each archive that was acknowledged, and no other: with its range and its count.
func checkLeft(ctx context.Context, conn *pgx.Conn, records []*record) error {
	found, _ := conn.Query(ctx, `SELECT format('%s: %s, which %s had leave, was not archived', g.sequence, g.value, g.leaver) FROM public.gone AS g
		WHERE NOT EXISTS (SELECT FROM gapless.decision AS d WHERE d.name = g.sequence AND d.kind = 'archived' AND d.reason = g.leaver AND d.numbers @> g.value::numeric)
		UNION ALL
		SELECT format('%s: %s, which no row had, was archived by %s', d.name, p.part, d.reason) FROM gapless.decision AS d
		CROSS JOIN LATERAL (
			SELECT d.numbers - range_agg(numrange(e.value, e.value + 1)) FROM public.entries AS e WHERE e.sequence = d.name
		) AS p (part)
		WHERE d.kind = 'archived' AND NOT isempty(p.part)
		UNION ALL
		SELECT format('%s: an archive that the audit does not know: %s', d.name, d.reason) FROM gapless.decision AS d
		WHERE d.kind = 'archived' AND NOT EXISTS (
			SELECT FROM gapless.audit_gapless(d.name) AS f
			WHERE f.kind = 'archived' AND f.first_value = lower(d.numbers) AND f.last_value = d.last_value AND f.explained
				AND f.explanation LIKE format('archived: %s (%s numbers, %%', d.reason, (SELECT sum(upper(n) - lower(n)) FROM unnest(d.numbers) AS n))
		)`)
	wrong, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return err
	}
	var errs []error
	for _, what := range wrong {
		errs = append(errs, fmt.Errorf("%w: %s", errAudit, what))
	}
	type noted struct {
		Name, Key string
		Last      int64
	}
	there := map[noted]int{}
	rows, _ := conn.Query(ctx, "SELECT name, reason, last_value::bigint FROM gapless.decision WHERE kind = 'archived'")
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[noted])
	for _, a := range all {
		there[a]++
	}
	for _, r := range records {
		for _, t := range r.taken {
			if t.kind != archive || t.undone || !t.ok {
				continue
			}
			a := noted{t.series.name, r.key, t.values[0]}
			if n := there[a]; n > 1 || r.outcome == committed && n != 1 || r.outcome == rolledBack && n != 0 {
				errs = append(errs, fmt.Errorf("%w: %v, %s: is noted %d times", errTold, a, r.outcome, n))
			}
			delete(there, a)
		}
	}
	for a := range there {
		errs = append(errs, fmt.Errorf("%w: nobody knows of archive %v", errTold, a))
	}
	return errors.Join(append(errs, err)...)
}

// checkMoved checks that of the rows that have moved each number is void where it was, and no other.
func checkMoved(ctx context.Context, conn *pgx.Conn) error {
	found, _ := conn.Query(ctx, `SELECT concat_ws(' ', coalesce(m.sequence, v.name), coalesce(m.value, v.value), m.reason, '/', v.reason)
		FROM (SELECT m.sequence, m.value, format('moved to %s, as %s', m.goal, m.became) AS reason FROM public.moved AS m) AS m
		FULL JOIN gapless.void AS v ON v.name = m.sequence AND v.value = m.value
		WHERE m.reason IS DISTINCT FROM v.reason`)
	wrong, err := pgx.CollectRows(found, pgx.RowTo[string])
	if len(wrong) > 0 {
		err = fmt.Errorf("%w: moved and void are not the same: %q", errAudit, wrong)
	}
	return err
}

// compare checks that each transaction has exactly the rows that its client was told of, or none.
func (all rows) compare(records []*record) error {
	there := map[string][]entry{}
	for _, e := range all {
		there[e.Key] = append(there[e.Key], e)
	}
	var errs []error
	for _, r := range records {
		var want []entry
		for _, t := range r.taken {
			if t.undone || t.kind == look || !t.ok {
				continue
			}
			e := entry{t.series.name, r.key, t.kind, nil}
			switch {
			case t.kind == archive:
			case t.kind == forget, t.kind == live:
				want = append(want, e)
			case t.kind == adopt:
				e.Value = &t.target
				want = append(want, e)
			case t.unseen:
				want = append(want, slices.Repeat([]entry{e}, t.size)...)
			default:
				for _, value := range t.values {
					want = append(want, entry{t.series.name, r.key, issue, &value})
				}
			}
		}
		got := there[r.key]
		delete(there, r.key)
		same := slices.EqualFunc(want, got, func(want, got entry) bool {
			return want.Sequence == got.Sequence && want.Kind == got.Kind &&
				(want.Value == nil || got.Value != nil && *want.Value == *got.Value)
		})
		if none := len(got) == 0; r.outcome == committed && !same || r.outcome == rolledBack && !none || r.outcome == unknown && !same && !none {
			errs = append(errs, fmt.Errorf("%w: transaction %s, %s: %v; there are %v", errTold, r.key, r.outcome, want, got))
		}
	}
	for key, entries := range there {
		errs = append(errs, fmt.Errorf("%w: nobody knows of transaction %s: %v", errTold, key, entries))
	}
	return errors.Join(errs...)
}

// inTime checks that what was acknowledged before another transaction began is before it in the rows of each sequence.
func (all rows) inTime(records []*record) error {
	of := map[string]*record{}
	for _, r := range records {
		of[r.key] = r
	}
	latest := map[string]*record{} // that began latest, of a sequence's rows so far
	for _, e := range all {
		r, before := of[e.Key], latest[e.Sequence]
		switch {
		case r == nil: // compare finds it
		case before == nil || r.begun > before.begun:
			latest[e.Sequence] = r
		case r.outcome != unknown && r.ended < before.begun:
			return fmt.Errorf("%w: %s: transaction %s was acknowledged before %s began, which comes before it", errRows, e.Sequence, r.key, before.key)
		}
	}
	return nil
}
