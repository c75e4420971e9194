package gaplesstest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// RequireSound ends the test where the audit has a finding that nothing explains: a hole, a double, a number that was never issued or
// was changed after its issue, a column that cannot be read. Its message has them all, each with its sequence, its column, its numbers
// and the keys of its rows.
//
// It sees what is committed, and what db's own transaction has done. The role needs EXECUTE on audit_gapless, as the owner of schema
// gapless has. Numbers that were taken by next_gapless, and whose rows nobody wrote, it cannot know of: see [RequireNoHoleIn].
func RequireSound(tb testing.TB, db DB) {
	tb.Helper()
	ctx := lasting(tb)
	found, err := ask(ctx, db, findings+" WHERE NOT explained")
	report(tb, db, "the audit has findings that nothing explains", found, err)
}

// RequireNoHole ends the test where numbers of these sequences are missing, and nothing explains it; or of any sequence,
// if none is named. Of what [RequireSound] finds it looks at holes, and at columns that cannot be read. A named sequence
// without a number ends the test, too: its name is misspelt, or nothing was tested.
func RequireNoHole(tb testing.TB, db DB, names ...string) {
	tb.Helper()
	ctx := lasting(tb)
	if len(names) == 0 {
		found, err := ask(ctx, db, findings+missing)
		report(tb, db, "numbers are missing", found, err)
		return
	}
	for _, name := range names {
		known, err := ask(ctx, db, "SELECT name FROM gapless.sequences WHERE name = $1::text AND last_value IS NOT NULL", name)
		if err == nil && len(known) == 0 {
			report(tb, db, "nothing to look at", []string{fmt.Sprintf("sequence %q has no number", name)}, nil)
			return
		}
		var found []string
		if err == nil {
			found, err = ask(ctx, db, findingsOf+" FROM gapless.audit_gapless($1::text)"+missing, name)
		}
		report(tb, db, "numbers are missing", found, err)
	}
}

// RequireNoHoleIn ends the test where a number is missing in a column. The table is written as in SQL.
//
// Of an attached column the audit says so, for each of its series. Of any other, whose numbers come from next_gapless, it looks at the
// integers from the smallest to the greatest, for each value of the columns by: at holes, and at doubles. A column without a number
// ends the test, too.
func RequireNoHoleIn(tb testing.TB, db DB, table, column string, by ...string) {
	tb.Helper()
	ctx := lasting(tb)
	const attached = "SELECT ($1::text)::regclass::text FROM gapless.columns WHERE table_name::regclass = ($1::text)::regclass AND column_name = $2::text"
	const found = findingsOf + " FROM gapless.audit_gapless(target => ($1::text)::regclass, target_column => $2::name, with_series => true)"
	names, err := ask(ctx, db, "SELECT ($1::text)::regclass::text", table)
	if err != nil {
		report(tb, db, "", nil, err)
		return
	}
	audited, err := ask(ctx, db, attached, table, column)
	if err != nil {
		report(tb, db, "", nil, err)
		return
	}
	what := fmt.Sprintf("column %s of table %s is not gapless", column, names[0])
	var holes, series []string
	if len(audited) > 0 {
		holes, err = ask(ctx, db, found+missing, table, column)
		if err == nil {
			series, err = ask(ctx, db, found+" WHERE kind = 'series' AND first_value IS NOT NULL", table, column)
		}
	} else {
		holes, err = ask(ctx, db, holesIn(names[0], column, by))
		if err == nil {
			series, err = ask(ctx, db, "SELECT 'a number' FROM "+names[0]+" WHERE "+pgx.Identifier{column}.Sanitize()+" IS NOT NULL LIMIT 1")
		}
	}
	if err == nil && len(holes) == 0 && len(series) == 0 {
		holes = []string{"it has no number"}
	}
	report(tb, db, what, holes, err)
}

// holesIn are those of a column that is not attached, and its doubles.
func holesIn(table, column string, by []string) string {
	number := pgx.Identifier{column}.Sanitize() + "::numeric"
	group, label := "NULL::text", "''"
	if len(by) > 0 {
		var columns, shown []string
		for _, column := range by {
			quoted := "t." + pgx.Identifier{column}.Sanitize() + "::text"
			columns = append(columns, quoted)
			shown = append(shown, fmt.Sprintf("'%s ' || coalesce(%s, 'NULL')", strings.ReplaceAll(column, "'", "''"), quoted))
		}
		group = "ROW(" + strings.Join(columns, ", ") + ")::text"
		label = "concat_ws(', ', " + strings.Join(shown, ", ") + ") || ': '"
	}
	return fmt.Sprintf(`SELECT min(n.label) || CASE
			WHEN n.value = n.before THEN format('double %%s', n.value)
			WHEN n.value - n.before = 2 THEN format('hole %%s', n.before + 1)
			ELSE format('hole %%s to %%s', n.before + 1, n.value - 1)
		END
		FROM (
			SELECT t.%[1]s AS value, %[3]s AS label, %[2]s AS series, lag(t.%[1]s) OVER (PARTITION BY %[2]s ORDER BY t.%[1]s) AS before
			FROM %[4]s AS t
			WHERE t.%[1]s IS NOT NULL
		) AS n
		WHERE n.value <> n.before + 1
		GROUP BY n.series, n.before, n.value
		ORDER BY n.series, n.before
		LIMIT 100`, number, group, label, table)
}

// lasting is a test's context that lasts until its end, so that it can be asked from tb.Cleanup, too.
func lasting(tb testing.TB) context.Context { return context.WithoutCancel(tb.Context()) }

const (
	missing    = " WHERE NOT explained AND kind IN ('hole', 'not read')"
	findings   = findingsOf + " FROM gapless.audit_gapless()"
	findingsOf = `SELECT concat(
		concat_ws(', ', 'sequence "' || nullif(sequence, '') || '"', 'column ' || attached_column), ': ', kind,
		' ' || coalesce(first_text, first_value::text), ' to ' || nullif(coalesce(last_text, last_value::text), coalesce(first_text, first_value::text)),
		': ' || explanation, ' (allocated by ' || allocated_by || ' at ' || allocated_at || ', transaction ' || txid || ')', ', rows ' || keys::text
	)`
)

// report ends the test where there is something to say.
func report(tb testing.TB, db DB, what string, found []string, err error) {
	tb.Helper()
	if err == nil && len(found) == 0 {
		return
	}
	ctx, where := lasting(tb), "a database"
	if names, err := ask(ctx, db, "SELECT current_database()::text"); err == nil && len(names) == 1 {
		where = "database " + names[0]
	}
	if err != nil {
		tb.Fatalf("gaplesstest: in %s: %v", where, err)
		return
	}
	tb.Fatalf("gaplesstest: in %s: %s:\n\t%s", where, what, strings.Join(found, "\n\t"))
}
