// Package sound has what must hold of numbers wherever many callers commit, whatever fails meanwhile. Tests of faults end with
// it. They have a view public.numbered, with the sequence, the number and the txid of each row that should have a number; its
// sequences begin at 1.
package sound

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Prefix finds, in one snapshot, sequences whose visible numbers are not exactly those from the first to the last. While
// callers commit, that is their order: whoever sees a number sees every one before it.
const Prefix = `
	SELECT format('%s: %s numbers, %s of them different, from %s to %s, and %s rows without', n.sequence,
		count(n.number), count(DISTINCT n.number), min(n.number), max(n.number), count(*) - count(n.number))
	FROM public.numbered AS n
	GROUP BY n.sequence
	HAVING count(DISTINCT n.number) <> count(*) OR min(n.number) <> 1 OR max(n.number) <> count(*)`

// Broken finds journal rows that do not follow the one before: what was passed over may lie before an adopted one, as by forward_gapless.
const Broken = `
	SELECT format('%s: %s', j.name, j) FROM (
		SELECT a.*,
			lag(a.last_value) OVER before + 1 AS first_due,
			lag(a.ordinal + a.last_value - a.first_value) OVER before + 1 AS ordinal_due
		FROM gapless.journal AS a
		WINDOW before AS (PARTITION BY a.name ORDER BY a.ordinal)
	) AS j
	WHERE CASE j.kind WHEN 'adopted' THEN j.first_value < j.first_due ELSE j.first_value <> coalesce(j.first_due, 1) END OR j.ordinal <> coalesce(j.ordinal_due, 1)`

// Foreign finds rows whose number the journal gave to another transaction, or to none.
const Foreign = `
	SELECT format('%s: %s', n.sequence, n) FROM public.numbered AS n
	LEFT JOIN LATERAL (
		SELECT a.txid, a.last_value FROM gapless.journal AS a
		WHERE a.name = n.sequence AND a.ordinal <= n.number
		ORDER BY a.ordinal DESC
		LIMIT 1
	) AS a ON true
	WHERE a.txid IS DISTINCT FROM n.txid OR n.number > a.last_value`

// Disordered finds journal rows whose transaction committed before that of the row before. It needs a server that keeps the
// times (track_commit_timestamp).
const Disordered = `
	SELECT format('%s: %s', j.name, j) FROM (
		SELECT a.name, a.ordinal, c.committed, lag(c.committed) OVER (PARTITION BY a.name ORDER BY a.ordinal) AS before
		FROM gapless.journal AS a
		CROSS JOIN LATERAL (SELECT pg_xact_commit_timestamp(a.txid::text::xid8::xid) AS committed) AS c
	) AS j
	WHERE j.committed < j.before`

// Elsewhere finds sequences whose counter is not at their last row.
const Elsewhere = `
	SELECT n.sequence FROM public.numbered AS n GROUP BY n.sequence
	HAVING max(n.number) IS DISTINCT FROM gapless.last_gapless(n.sequence)`

// Unexplained is what the audit finds.
const Unexplained = "SELECT f::text FROM gapless.audit_gapless() AS f WHERE NOT explained"

// Busy is false as long as something is not at rest in the database, our session aside.
const Busy = `
	SELECT (
		SELECT count(*) FROM pg_locks AS l
		WHERE NOT l.granted AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
	) + (
		SELECT count(*) FROM pg_stat_activity AS a
		WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
			AND a.backend_type = 'client backend' AND a.state <> 'idle'
	) + (SELECT count(*) FROM pg_prepared_xacts AS p WHERE p.database = current_database())
	+ (SELECT count(*) FROM gapless.waiting) + (SELECT count(*) FROM gapless.moving) = 0`

// Faults is what is wrong with numbers and journal when all is at rest.
func Faults(ctx context.Context, conn *pgx.Conn) (faults []string, err error) {
	timed, err := TellsTheOrder(ctx, conn)
	if err != nil {
		return nil, err
	}
	for _, check := range []struct{ fault, query string }{
		{"a hole or a double", Prefix},
		{"the journal has a hole, or a double", Broken},
		{"a row has a number that its transaction did not take", Foreign},
		{"committed in another order", Disordered},
		{"the counter is elsewhere", Elsewhere},
		{"the audit does not explain", Unexplained},
	} {
		if check.query == Disordered && !timed {
			continue
		}
		rows, _ := conn.Query(ctx, check.query)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", check.fault, err)
		}
		for _, what := range found {
			faults = append(faults, check.fault+": "+what)
		}
	}
	return faults, nil
}

// TellsTheOrder reports whether the server keeps the times of commits, which [Disordered] compares. Where it does not, an
// [Observer] has to look while callers commit.
func TellsTheOrder(ctx context.Context, conn *pgx.Conn) (yes bool, err error) {
	err = conn.QueryRow(ctx, "SELECT current_setting('track_commit_timestamp')::boolean").Scan(&yes)
	return yes, err
}
