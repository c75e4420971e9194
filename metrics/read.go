package metrics

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// parts are what is read, each by a message of its own, so that one that fails leaves the others.
var parts = []string{"connect", "series", "holders", "server", "columns", "doctor", "audit"}

// read reads the database, and sends what it has; it returns whether that is all.
func (c *Collector) read(ctx context.Context, send sender) bool {
	conn, err := c.pool.Acquire(ctx)
	if err != nil {
		return c.failed("connect", err)
	}
	defer conn.Release()
	c.failed("connect", nil)
	now := c.now()
	all := c.checks.read.IsZero() || now.Sub(c.checks.read) >= c.refresh

	up := c.readSeries(ctx, conn, now, all)
	held, err := query[holding](ctx, conn, holdersQuery)
	up = c.failed("holders", err) && up
	for _, h := range held {
		c.shown.use(h.Name, now, c.series.all)
	}
	c.sendSeries(send, held, err == nil)
	if server, err := query[server](ctx, conn, serverQuery); c.failed("server", err) && len(server) == 1 {
		server[0].send(send)
	} else {
		up = false
	}
	if all {
		up = c.readChecks(ctx, conn, now) && up
	} else {
		up = c.checks.whole && up
	}
	c.checks.send(send)
	return up
}

// failed counts and logs an error, and returns whether there is none.
func (c *Collector) failed(part string, err error) bool {
	if err == nil {
		delete(c.logged, part)
		return true
	}
	c.errors.WithLabelValues(part).Inc()
	if c.logged[part] != err.Error() {
		c.logged[part] = err.Error()
		c.logger.Warn("gapless: the metrics are not whole", slog.String("part", part), slog.Any("error", err))
	}
	return false
}

// query reads rows in a transaction of its own, which is one message, and which the server ends when ctx does.
func query[T any](ctx context.Context, conn *pgxpool.Conn, sql string, args ...any) (rows []T, err error) {
	left := time.Minute
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	batch := &pgx.Batch{}
	batch.Queue(settingsQuery, strconv.FormatInt(max((left-left/10).Milliseconds(), 1), 10))
	batch.Queue(sql, args...).Query(func(r pgx.Rows) (err error) {
		rows, err = pgx.CollectRows(r, pgx.RowToStructByPos[T])
		return err
	})
	return rows, errors.Join(conn.SendBatch(ctx, batch).Close())
}

// settingsQuery is for the statements that follow it in one message: those are one transaction. Compiling would take longer than
// to run.
const settingsQuery = `SELECT set_config('statement_timeout', $1, true), set_config('jit', 'off', true), set_config('search_path', 'pg_catalog, pg_temp', true)`

// oneSeries is a series as it was read.
type oneSeries struct {
	Name     string
	Issued   int64
	Last     *float64 // seconds since 1970
	Left     *int64
	Until    *float64
	Due      *bool
	Labelled bool
	Horizon  string // transactions before it have ended
}

// seriesQuery reads those series that a transaction has locked since $1; all of them where that is NULL. An allocation leaves its
// xid in the row that it locks. So it takes no time where nothing happens, and an index scan for each series where something does.
const seriesQuery = `
	WITH changed AS MATERIALIZED (
		SELECT s.name
		FROM gapless.sequence_lock AS s
		WHERE $1::text IS NULL OR least(age(s.xmin), age(s.xmax)) <= age(($1::text)::xid8::xid)
	)
	SELECT
		q.name,
		q.issued,
		extract(epoch FROM q.last_allocated_at)::float8,
		q.numbers_left,
		extract(epoch FROM (SELECT max(r.expires) FROM gapless.number_range AS r WHERE r.name = q.name AND r.valid_until = q.valid_until))::float8,
		q.warning,
		q.name LIKE coalesce($2::text, '%'),
		''
	FROM changed AS c
	CROSS JOIN LATERAL (SELECT * FROM gapless.sequences AS s WHERE s.name = c.name OFFSET 0) AS q
	UNION ALL
	SELECT '', 0, NULL, NULL, NULL, NULL, false, pg_snapshot_xmin(pg_current_snapshot())::text`

// readSeries brings c.series up to date.
func (c *Collector) readSeries(ctx context.Context, conn *pgxpool.Conn, now time.Time, all bool) bool {
	if all {
		c.series.horizon = nil
	}
	rows, err := query[oneSeries](ctx, conn, seriesQuery, c.series.horizon, c.like)
	if err != nil {
		c.series.horizon = nil // what it read before is not sent, and read anew
		return c.failed("series", err)
	}
	last := len(rows) - 1
	if i := slices.IndexFunc(rows, func(s oneSeries) bool { return s.Horizon != "" }); i != last {
		rows[i], rows[last] = rows[last], rows[i]
	}
	whole := c.series.horizon == nil
	horizon := rows[last].Horizon
	changed := c.series.update(rows[:last], whole)
	c.series.horizon = &horizon
	c.shown.update(changed, whole, now, c.series.all)
	return c.failed("series", nil)
}

// holding is a series that is held or waited for.
type holding struct {
	Name    string
	Waiting int64
	Longest float64
	Held    *float64
	Idle    float64
	IsHeld  bool
}

const holdersQuery = `
	SELECT
		h.name,
		count(*) FILTER (WHERE h.state = 'waits'),
		coalesce(extract(epoch FROM max(clock_timestamp() - w.since) FILTER (WHERE h.state = 'waits')), 0)::float8,
		extract(epoch FROM max(h.transaction_age) FILTER (WHERE h.state = 'holds'))::float8,
		coalesce(extract(epoch FROM max(clock_timestamp() - a.state_change) FILTER (WHERE h.state = 'holds' AND starts_with(a.state, 'idle in transaction'))), 0)::float8,
		bool_or(h.state = 'holds')
	FROM gapless.holders AS h
	LEFT JOIN (SELECT l.pid, min(l.waitstart) AS since FROM pg_locks AS l WHERE NOT l.granted GROUP BY l.pid) AS w ON w.pid = h.pid
	LEFT JOIN pg_stat_activity AS a ON a.pid = h.pid
	GROUP BY h.name`

// sendSeries sends what is known of the series, and of those that are held, if that was read.
func (c *Collector) sendSeries(send sender, held []holding, read bool) {
	known := c.series.horizon != nil
	if known {
		send.gauge(seriesDesc, float64(len(c.series.all)))
		send.gauge(shownDesc, float64(len(c.shown.since)))
		send.gauge(dueDesc, float64(c.series.due))
		send.counter(issuedDesc, float64(c.series.issued))
		for name := range c.shown.since {
			c.series.all[name].send(send)
		}
	}
	if !read {
		return
	}
	var all holding
	oldest, holds := 0.0, 0
	bySeries := map[string]holding{}
	for _, h := range held {
		all.Waiting += h.Waiting
		all.Longest = max(all.Longest, h.Longest)
		all.Idle = max(all.Idle, h.Idle)
		if h.IsHeld {
			holds++
		}
		if h.Held != nil {
			oldest = max(oldest, *h.Held)
		}
		bySeries[h.Name] = h
	}
	send.gauge(waitingDesc, float64(all.Waiting))
	send.gauge(longestDesc, all.Longest)
	send.gauge(holdingDesc, float64(holds))
	send.gauge(heldDesc, oldest)
	send.gauge(idleDesc, all.Idle)
	if !known {
		return
	}
	for name := range c.shown.since {
		h := bySeries[name]
		send.gauge(seriesWaits, float64(h.Waiting), label(name))
		if h.Held != nil || !h.IsHeld {
			send.gauge(seriesHeld, value(h.Held), label(name))
		}
	}
}

func value(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// server is what is read of the server.
type server struct {
	Standby       bool
	Journal       int64
	Prepared      int64
	OldestSeconds float64
}

const serverQuery = `
	SELECT
		pg_is_in_recovery(),
		pg_total_relation_size('gapless.journal'),
		count(*),
		coalesce(extract(epoch FROM max(clock_timestamp() - p.prepared)), 0)::float8
	FROM pg_prepared_xacts AS p
	WHERE p.database = current_database()`

func (s server) send(send sender) {
	send.gauge(standbyDesc, truth(s.Standby))
	send.gauge(journalDesc, float64(s.Journal))
	send.gauge(preparedDesc, float64(s.Prepared))
	send.gauge(oldestDesc, s.OldestSeconds)
}
