package metrics

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// checks are what takes longer to read, as it was read last.
type checks struct {
	read     time.Time
	whole    bool // all of it was read
	columns  []columns
	findings []finding
	audits   []audits
}

type columns struct{ Attached, Faulty int64 }

const columnsQuery = `SELECT count(*), count(*) FILTER (WHERE NOT c.guarded) FROM gapless.columns AS c`

type finding struct {
	Severity, Finding string
	Count             int64
}

const doctorQuery = `SELECT d.severity, d.finding, count(*) FROM gapless.doctor AS d GROUP BY d.severity, d.finding`

// audits are the recorded ones; the last of all series, which may be none.
type audits struct {
	Recorded    int64
	At          *float64
	Unexplained *int64
	NotRead     *int64
}

// auditQuery does not look whether the records are as they were written, for which it would read all of them; `gapless audits` does.
const auditQuery = `
	SELECT
		(SELECT count(*) FROM gapless.audit_record),
		extract(epoch FROM (r.entry ->> 'recorded_at')::timestamptz)::float8,
		(r.entry ->> 'unexplained')::bigint,
		(r.entry ->> 'not_read')::bigint
	FROM (VALUES (1)) AS one (row)
	LEFT JOIN LATERAL (
		SELECT r.entry
		FROM gapless.audit_record AS r
		WHERE coalesce(r.entry ->> 'name', r.entry ->> 'pattern', r.entry ->> 'table_name', r.entry ->> 'column_name') IS NULL
		ORDER BY r.ordinal DESC
		LIMIT 1
	) AS r ON true`

// readChecks reads them.
func (c *Collector) readChecks(ctx context.Context, conn *pgxpool.Conn, now time.Time) bool {
	c.checks = checks{read: now}
	var err error
	c.checks.columns, err = query[columns](ctx, conn, columnsQuery)
	whole := c.failed("columns", err)
	c.checks.findings, err = query[finding](ctx, conn, doctorQuery)
	whole = c.failed("doctor", err) && whole
	c.checks.audits, err = query[audits](ctx, conn, auditQuery)
	c.checks.whole = c.failed("audit", err) && whole
	return c.checks.whole
}

func (c *checks) send(send sender) {
	for _, found := range c.columns {
		send.gauge(columnsDesc, float64(found.Attached))
		send.gauge(faultyDesc, float64(found.Faulty))
	}
	for _, found := range c.findings {
		send.gauge(findingsDesc, float64(found.Count), found.Severity, found.Finding)
	}
	for _, last := range c.audits {
		send.gauge(auditsDesc, float64(last.Recorded))
		if last.At == nil {
			continue
		}
		send.gauge(auditDesc, *last.At)
		send.gauge(unexplainedDesc, float64(*last.Unexplained))
		send.gauge(unreadDesc, float64(*last.NotRead))
		send.gauge(soundDesc, truth(*last.Unexplained == 0 && *last.NotRead == 0))
	}
	send.gauge(checkedDesc, float64(c.read.UnixMilli())/1000)
}
