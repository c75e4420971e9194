package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Each of these returns the name of a counter, where it is from, and its last number. %[1]s and so on are the source's tables, as SQL;
// $1 is a pattern of LIKE, or NULL.
const (
	djangoCounters = `
		SELECT s.name, '', s.last::text, 1::bigint
		FROM %[1]s AS s
		WHERE s.name LIKE coalesce($1, '%%')
		ORDER BY s.name COLLATE "C"`

	// Both have the number that comes next. A range that is a year is called after it, as Odoo makes them.
	odooCounters = `
		SELECT c.*
		FROM (
			SELECT
				concat_ws('/', coalesce(nullif(s.code, ''), s.name), s.company_id, CASE
					WHEN to_char(r.date_from, 'YYYY-MM-DD') LIKE '%%-01-01' AND r.date_to = (r.date_from + interval '1 year - 1 day')::date
						THEN to_char(r.date_from, 'YYYY')
					ELSE to_char(r.date_from, 'YYYY-MM-DD')
				END) AS name,
				concat('ir_sequence ', s.id, ', ir_sequence_date_range ' || r.id),
				((CASE WHEN r.id IS NULL THEN s.number_next ELSE r.number_next END)::bigint - 1)::text,
				s.number_increment::bigint
			FROM %[1]s AS s
			LEFT JOIN %[2]s AS r ON r.sequence_id = s.id AND s.use_date_range
			WHERE s.implementation = 'no_gap' AND s.active IS NOT FALSE AND (s.use_date_range IS NOT TRUE OR r.id IS NOT NULL)
		) AS c
		WHERE c.name LIKE coalesce($1, '%%')
		ORDER BY c.name COLLATE "C"`

	queriedCounters = `
		SELECT q.name::text, '', q.last::text, 1::bigint
		FROM (
%[1]s
		) AS q (name, last)
		WHERE $1::text IS NULL OR q.name::text LIKE $1
		ORDER BY q.name::text COLLATE "C"`

	// What the pattern is of, is the sequence's own name, with or without its schema.
	ownSequences = `
		SELECT s.name, s.origin, s.step
		FROM (
			SELECT
				coalesce(
					(
						SELECT format('%I.%I.%I', m.nspname, t.relname, a.attname)
						FROM pg_depend AS d
						JOIN pg_class AS t ON t.oid = d.refobjid
						JOIN pg_namespace AS m ON m.oid = t.relnamespace
						JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
						WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
							AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
					),
					CASE WHEN n.nspname = ANY ($2::text[]) THEN format('%I', c.relname) ELSE format('%I.%I', n.nspname, c.relname) END
				) AS name,
				format('%I.%I', n.nspname, c.relname) AS origin,
				q.seqincrement AS step
			FROM pg_sequence AS q
			JOIN pg_class AS c ON c.oid = q.seqrelid
			JOIN pg_namespace AS n ON n.oid = c.relnamespace
			WHERE (c.relname LIKE $1 OR concat(n.nspname, '.', c.relname) LIKE $1)
				AND n.nspname <> 'gapless' AND c.relpersistence <> 't'
		) AS s
		ORDER BY s.name COLLATE "C", s.origin COLLATE "C"`
)

// counters locks the source, where it is tables and something is to be done, and reads it.
func (i *importing) counters(ctx context.Context, tx pgx.Tx) ([]imported, error) {
	var schemas []string
	if err := tx.QueryRow(ctx, "SELECT pg_catalog.current_schemas(false)::pg_catalog.text[]").Scan(&schemas); err != nil {
		return nil, err
	}
	var tables []string
	names := map[string][]string{fromDjango: {"sequences_sequence"}, fromOdoo: {"ir_sequence", "ir_sequence_date_range"}}[i.from]
	for _, name := range slices.Concat(names, i.lock) {
		table, err := tableOf(ctx, tx, name, schemas)
		if err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	if i.apply && len(tables) > 0 {
		if _, err := tx.Exec(ctx, "LOCK TABLE "+strings.Join(tables, ", ")+" IN EXCLUSIVE MODE"); err != nil {
			return nil, ofSource("to lock "+strings.Join(tables, ", "), err)
		}
	}

	reading, err := tx.Begin(ctx) // a savepoint, so that what is only to read is only to read
	if err != nil {
		return nil, err
	}
	if _, err := reading.Exec(ctx, "SET TRANSACTION READ ONLY"); err != nil {
		return nil, err
	}
	if i.from != fromQuery { // which is the user's own, and is found by the user's own settings
		if _, err := reading.Exec(ctx, plainTransaction); err != nil {
			return nil, err
		}
	}
	var found []imported
	switch i.from {
	case fromDjango:
		found, err = i.read(ctx, reading, fmt.Sprintf(djangoCounters, tables[0]))
	case fromOdoo:
		found, err = i.read(ctx, reading, fmt.Sprintf(odooCounters, tables[0], tables[1]))
	case fromSequences:
		found, err = i.readSequences(ctx, reading, schemas)
	case fromQuery:
		found, err = i.read(ctx, reading, fmt.Sprintf(queriedCounters, trimQuery(i.query)))
	}
	if err != nil {
		return nil, err
	}
	refuseDoubles(found)
	return found, reading.Rollback(ctx)
}

// tableOf finds a table as SQL would, and gives its name with its schema.
func tableOf(ctx context.Context, tx pgx.Tx, name string, schemas []string) (table string, err error) {
	err = tx.QueryRow(ctx, `
		SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
		FROM pg_catalog.pg_class AS c
		JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
		WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)`, name).Scan(&table)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", &failure{
			code: exitFailure, message: fmt.Sprintf("there is no table %q in %s", name, strings.Join(schemas, ", ")),
			hint: "if it is in another schema, add ?search_path=SCHEMA to the database's URL",
		}
	}
	return table, ofSource(fmt.Sprintf("to find table %q", name), err)
}

// read reads the counters of a query that returns them as djangoCounters does.
func (i *importing) read(ctx context.Context, tx pgx.Tx, query string) ([]imported, error) {
	var like *string
	if i.like != "" {
		like = &i.like
	}
	rows, err := tx.Query(ctx, query, like)
	if err != nil {
		return nil, ofSource("to read the counters", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c imported, err error) {
		var name, last *string
		var step int64
		if err := row.Scan(&name, &c.From, &last, &step); err != nil {
			return c, err
		}
		if c.nameless = name == nil; !c.nameless {
			c.Name = *name
		}
		c.setStep(step)
		if last != nil {
			c.setLast(*last)
		}
		return c, nil
	})
	return found, ofSource("to read the counters", err)
}

// readSequences reads PostgreSQL's own, each of which is a relation with its number in it.
func (i *importing) readSequences(ctx context.Context, tx pgx.Tx, schemas []string) ([]imported, error) {
	rows, err := tx.Query(ctx, ownSequences, i.like, schemas)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c imported, err error) {
		var step int64
		err = row.Scan(&c.Name, &c.From, &step)
		c.setStep(step)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	for n := range found {
		c := &found[n]
		var last string
		err := tx.QueryRow(ctx, "SELECT (s.last_value::numeric - (NOT s.is_called)::integer)::text FROM "+c.From+" AS s").Scan(&last)
		if err != nil {
			return nil, ofSource("to read sequence "+c.From, err)
		}
		c.setLast(last)
	}
	return found, nil
}

// setStep refuses a counter that passes over numbers, or goes down.
func (c *imported) setStep(step int64) {
	if step != 1 {
		c.refuse("it counts by %d, and gapless by 1", step)
	}
}

func (c *imported) setLast(text string) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		c.refuse("its last number is %s, and must be a whole number from -2^63 to 2^63-1", text)
		return
	}
	c.There = &n
}

// ofSource is an error of the source, which would be taken for one of schema gapless.
func ofSource(what string, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	f := &failure{code: exitFailure, message: what + ": " + oneLine(pg.Message), hint: oneLine(pg.Hint)}
	switch pg.Code {
	case "40001", "40P01":
		return err // InTx tries again
	case "55P03":
		f.code, f.hint = exitLocked, "it waits for the transactions that have written there"
	case "25006":
		f.hint = "the query is only to read"
	}
	return f
}
