package top

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// reader reads samples, and remembers what it needs to tell a rate. Of many series it reads only those that may have moved:
// whoever is held, waited for or shown, has moved lately, or is in the journal since. All are read as often as takes a fiftieth
// of the server's time at most.
type reader struct {
	session
	version int
	server  counters
	series  map[string]series
	journal bool  // it may be read
	unseen  int64 // the first transaction that the last reading may not have seen
	held    map[string]series
	all     time.Time
	rows    int // how many series the last reading has read
}

func newReader(connect func(context.Context) (*pgx.Conn, error)) *reader {
	return &reader{session: session{connect: connect}, series: map[string]series{}}
}

// counters are those of the server, at a time.
type counters struct {
	at                          time.Time
	commits, rollbacks, flushes *int64
}

const everyFiftieth = 50

// read reads a sample, with the chain of one series if detail is not "".
func (r *reader) read(ctx context.Context, shown []string, detail string) (s sample, err error) {
	err = r.do(ctx, func(tx pgx.Tx) (err error) {
		var unseen int64
		if s, unseen, err = r.readServer(ctx, tx); err != nil {
			return err
		}
		now, err := held(ctx, tx)
		if err != nil {
			return err
		}
		names := slices.Concat(shown, slices.Collect(maps.Keys(now)), slices.Collect(maps.Keys(r.held)))
		if err := r.readSeries(ctx, tx, s.At, names); err != nil {
			return err
		}
		r.unseen, r.held = unseen, now

		var pids []int32
		for _, one := range now {
			for _, h := range one.Holders {
				pids = append(pids, h.PID)
			}
		}
		for _, w := range now[detail].Waiters {
			pids = append(pids, w.PID)
		}
		known, err := people(ctx, tx, pids, detail != "")
		if err != nil {
			return err
		}
		s.Series = maps.Clone(r.series)
		for name, one := range now {
			all := s.Series[name]
			// A backend without a transaction has begun, or ended, the one that held it between two queries.
			all.Name, all.Waiters = name, complete(one.Waiters, known)
			all.Holders = slices.DeleteFunc(complete(one.Holders, known), func(h person) bool { return h.PID != 0 && !h.Hidden && h.Began == nil })
			s.Series[name] = all
		}
		if detail != "" {
			s.Chain = chain(s.Series[detail], known)
		}
		return nil
	})
	return s, err
}

// complete fills in what is known of people beside what gapless.holders says.
func complete(people []person, known map[int32]person) []person {
	for i, p := range people {
		if k, ok := known[p.PID]; ok {
			people[i] = k
		}
	}
	return people
}

const readServer = `
	SELECT clock_timestamp(), current_database(), current_setting('server_version'), current_setting('server_version_num')::int,
		pg_is_in_recovery(), pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
		(SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL), current_setting('max_connections')::int,
		CASE WHEN pg_is_in_recovery() THEN
			CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
			ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END
		END::float8,
		d.xact_commit, d.xact_rollback,
		CASE WHEN current_setting('fsync') = 'off' THEN 'fsync is off'
			WHEN current_setting('wal_sync_method') LIKE 'open%' THEN 'not counted by ' || current_setting('wal_sync_method')
			ELSE '' END,
		coalesce(has_table_privilege(to_regclass('gapless.journal'), 'SELECT'), false),
		greatest(pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1000)
	FROM pg_stat_database AS d
	WHERE d.datname = current_database()`

const readStandbys = `
	SELECT coalesce(application_name, ''), coalesce(state, ''), coalesce(sync_state, ''), extract(epoch FROM replay_lag)::float8,
		pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, replay_lsn)::bigint
	FROM pg_stat_replication
	ORDER BY sync_priority = 0, sync_priority, application_name, pid`

// readServer reads what concerns all series, and the first transaction that this reading may not see. One that has been under
// way for more than a thousand others is not looked for: it holds its series, which is read for that.
func (r *reader) readServer(ctx context.Context, tx pgx.Tx) (s sample, unseen int64, err error) {
	var lag *float64
	now := counters{}
	v := &s.Server
	err = tx.QueryRow(ctx, readServer).Scan(&now.at, &v.Database, &v.Version, &r.version, &v.Standby, &v.SeesAll, &v.Sessions, &v.Most,
		&lag, &now.commits, &now.rollbacks, &v.FlushSource, &r.journal, &unseen)
	if err != nil {
		return s, 0, err
	}
	s.At, v.Lag = now.at, seconds(lag)
	if v.FlushSource == "" {
		query := "SELECT wal_sync FROM pg_stat_wal"
		v.FlushSource = "pg_stat_wal"
		if r.version >= 180000 {
			query = "SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal'"
			v.FlushSource = "pg_stat_io"
		}
		if err := tx.QueryRow(ctx, query).Scan(&now.flushes); err != nil {
			return s, 0, err
		}
	}
	before := r.server
	per := func(old, new *int64) *float64 {
		if old == nil || new == nil {
			return nil
		}
		return perSecond(*old, *new, now.at.Sub(before.at))
	}
	v.Commits, v.Rollbacks, v.Flushes = per(before.commits, now.commits), per(before.rollbacks, now.rollbacks), per(before.flushes, now.flushes)
	r.server = now

	rows, _ := tx.Query(ctx, readStandbys)
	v.Standbys, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (one standby, err error) {
		var lag *float64
		err = row.Scan(&one.Name, &one.State, &one.Sync, &lag, &one.Bytes)
		one.Lag = seconds(lag)
		return one, err
	})
	return s, unseen, err
}

// readMoved has the names that were allocated from since: journal_txid, a BRIN index, finds them.
const readMoved = `SELECT DISTINCT name FROM gapless.journal WHERE txid >= $1`

const readSeries = `
	SELECT name, last_value, issued, last_allocated_at, coalesce(attached_column, ''), closed, numbers_left,
		coalesce(to_char(valid_until, 'YYYY-MM-DD'), '')
	FROM gapless.sequences`

const readSome = readSeries + `
	WHERE name = ANY ($1::text[] COLLATE "C")`

// readSeries reads those series again that may have moved.
func (r *reader) readSeries(ctx context.Context, tx pgx.Tx, at time.Time, names []string) error {
	begun := time.Now()
	all := !begun.Before(r.all)
	query, args := readSeries, []any(nil)
	if !all {
		for name, one := range r.series {
			if rate(one) > 0 {
				names = append(names, name)
			}
		}
		if r.journal {
			rows, _ := tx.Query(ctx, readMoved, r.unseen)
			moved, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			names = append(names, moved...)
		}
		query, args = readSome, []any{names}
	}
	rows, _ := tx.Query(ctx, query, args...)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one series, err error) {
		err = row.Scan(&one.Name, &one.Last, &one.Issued, &one.Allocated, &one.Column, &one.Closed, &one.Left, &one.Until)
		return one, err
	})
	if err != nil {
		return err
	}
	r.rows = len(found)
	for i, one := range found {
		found[i].At = at
		if before, ok := r.series[one.Name]; ok {
			found[i].Rate = perSecond(before.Issued, one.Issued, at.Sub(before.At))
		}
	}
	if all {
		r.series = make(map[string]series, len(found))
		r.all = begun.Add(everyFiftieth * time.Since(begun))
	}
	for _, one := range found {
		r.series[one.Name] = one
	}
	return nil
}

// perSecond is nil where a counter went back: it began anew.
func perSecond(before, now int64, in time.Duration) *float64 {
	if now < before || in <= 0 {
		return nil
	}
	rate := float64(now-before) / in.Seconds()
	return &rate
}

func seconds(s *float64) *time.Duration {
	if s == nil {
		return nil
	}
	d := max(0, time.Duration(*s*float64(time.Second)))
	return &d
}

const readHolders = `
	SELECT h.name, h.state, coalesce(h.pid, 0), coalesce(h.prepared_as, ''), coalesce(h.application_name, ''), coalesce(h.user_name, ''),
		extract(epoch FROM h.transaction_age)::float8, extract(epoch FROM clock_timestamp() - w.since)::float8, coalesce(h.query, '')
	FROM gapless.holders AS h
	LEFT JOIN (SELECT pid, min(waitstart) AS since FROM pg_locks WHERE NOT granted GROUP BY pid) AS w
		ON h.state = 'waits' AND w.pid = h.pid`

// held are the holders and waiters of each series.
func held(ctx context.Context, tx pgx.Tx) (map[string]series, error) {
	found := map[string]series{}
	rows, _ := tx.Query(ctx, readHolders)
	var name, state string
	var p person
	var age, waited *float64
	_, err := pgx.ForEachRow(rows, []any{&name, &state, &p.PID, &p.Prepared, &p.Application, &p.User, &age, &waited, &p.Query}, func() error {
		p.Age, p.Waited, p.Hidden = seconds(age), seconds(waited), p.PID != 0
		s := found[name]
		if state == "holds" {
			s.Holders = append(s.Holders, p)
		} else {
			s.Waiters = append(s.Waiters, p)
		}
		found[name] = s
		return nil
	})
	return found, err
}

// A backend of another role has no state without pg_read_all_stats.
const readPeople = `
	SELECT a.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''), extract(epoch FROM clock_timestamp() - a.xact_start)::float8,
		extract(epoch FROM clock_timestamp() - w.since)::float8, a.state IS NULL AND a.backend_type IS NULL, coalesce(a.state, a.backend_type, ''),
		coalesce(a.wait_event_type, ''), coalesce(a.wait_event, ''), coalesce(a.query, ''), a.backend_start, a.xact_start,
		CASE WHEN coalesce(a.wait_event_type, 'Lock') = 'Lock' THEN pg_blocking_pids(a.pid) ELSE '{}' END
	FROM pg_stat_activity AS a
	LEFT JOIN (SELECT pid, min(waitstart) AS since FROM pg_locks WHERE NOT granted GROUP BY pid) AS w ON w.pid = a.pid
	WHERE a.pid = ANY ($1)`

// people are backends by their pids, and, if blockers, whoever they wait for.
func people(ctx context.Context, tx pgx.Tx, pids []int32, blockers bool) (map[int32]person, error) {
	found := map[int32]person{0: {}}
	for len(pids) > 0 {
		rows, _ := tx.Query(ctx, readPeople, pids)
		pids = nil
		var p person
		var age, waited *float64
		_, err := pgx.ForEachRow(rows, []any{
			&p.PID, &p.Application, &p.User, &age, &waited, &p.Hidden, &p.State, &p.WaitType, &p.Wait, &p.Query, &p.Started, &p.Began, &p.WaitsFor,
		}, func() error {
			p.Age, p.Waited = seconds(age), seconds(waited)
			slices.Sort(p.WaitsFor) // parallel workers count as their leader, several times
			p.WaitsFor = slices.Compact(p.WaitsFor)
			found[p.PID] = p
			if blockers {
				pids = append(pids, p.WaitsFor...)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		pids = slices.DeleteFunc(pids, func(pid int32) bool { _, known := found[pid]; return known })
	}
	delete(found, 0)
	return found, nil
}
