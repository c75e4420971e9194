package faults_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
)

// prefix finds, in one snapshot, sequences whose visible numbers are not exactly those from the first to the last. While
// callers commit, that is their order: whoever sees a number sees every one before it.
const prefix = `
	SELECT format('%s: %s numbers, %s of them different, from %s to %s, and %s rows without', n.sequence,
		count(n.number), count(DISTINCT n.number), min(n.number), max(n.number), count(*) - count(n.number))
	FROM public.numbered AS n
	GROUP BY n.sequence
	HAVING count(DISTINCT n.number) <> count(*) OR min(n.number) <> 1 OR max(n.number) <> count(*)`

// broken finds journal rows that do not follow the one before.
const broken = `
	SELECT format('%s: %s', j.name, j) FROM (
		SELECT a.*,
			lag(a.last_value) OVER before + 1 AS first_due,
			lag(a.ordinal + a.last_value - a.first_value) OVER before + 1 AS ordinal_due
		FROM gapless.allocation AS a
		WINDOW before AS (PARTITION BY a.name ORDER BY a.ordinal)
	) AS j
	WHERE j.first_value <> coalesce(j.first_due, 1) OR j.ordinal <> coalesce(j.ordinal_due, 1)`

// foreign finds rows whose number the journal gave to another transaction, or to none.
const foreign = `
	SELECT format('%s: %s', n.sequence, n) FROM public.numbered AS n
	LEFT JOIN LATERAL (
		SELECT a.txid, a.last_value FROM gapless.allocation AS a
		WHERE a.name = n.sequence AND a.ordinal <= n.number
		ORDER BY a.ordinal DESC
		LIMIT 1
	) AS a ON true
	WHERE a.txid IS DISTINCT FROM n.txid OR n.number > a.last_value`

// disordered finds journal rows whose transaction committed before that of the row before, where the server keeps the times.
const disordered = `
	SELECT format('%s: %s', j.name, j) FROM (
		SELECT a.name, a.ordinal, c.committed, lag(c.committed) OVER (PARTITION BY a.name ORDER BY a.ordinal) AS before
		FROM gapless.allocation AS a
		CROSS JOIN LATERAL (SELECT pg_xact_commit_timestamp(a.txid::text::xid8::xid) AS committed) AS c
	) AS j
	WHERE j.committed < j.before`

// busy counts what is not at rest in the database, our session aside.
const busy = `
	SELECT (
		SELECT count(*) FROM pg_locks AS l
		WHERE NOT l.granted AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
	) + (
		SELECT count(*) FROM pg_stat_activity AS a
		WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
			AND a.backend_type = 'client backend' AND a.state <> 'idle'
	) + (SELECT count(*) FROM pg_prepared_xacts AS p WHERE p.database = current_database())
	+ (SELECT count(*) FROM gapless.pending) + (SELECT count(*) FROM gapless.moving) = 0`

const observerName = "observer"

// watch looks at one snapshot after the other, over a connection that it makes again when that breaks.
func (w *workload) watch(closing *atomic.Bool) {
	ctx := w.t.Context()
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			conn.Close(context.WithoutCancel(ctx))
		}
	}()
	config, err := pgx.ParseConfig(w.database.URL)
	if err != nil {
		return // nobody could have connected
	}
	config.RuntimeParams["application_name"] = observerName
	for !closing.Load() && ctx.Err() == nil {
		if conn == nil || conn.IsClosed() {
			if conn, err = pgx.ConnectConfig(ctx, config); err != nil {
				conn = nil
				time.Sleep(5 * time.Millisecond) // there is no server
				continue
			}
		}
		rows, _ := conn.Query(ctx, prefix)
		torn, err := pgx.CollectRows(rows, pgx.RowTo[string])
		switch {
		case err == nil && len(torn) > 0:
			seen := strings.Join(torn, "\n")
			w.torn.CompareAndSwap(nil, &seen)
			return
		case err == nil:
			w.looks.Add(1)
		}
		time.Sleep(10 * time.Millisecond) // leaves the processors to the callers
	}
}

// counted is how orders ended, of all rounds so far.
type counted struct{ acknowledged, again, rolledBack, failed, unknown, unknownThere, gone int }

// check is how every fault ends: it compares what callers were told with what is there.
func (w *workload) check() counted {
	w.t.Helper()
	observer := connect(w.t, w.database.URL)
	defer observer.Close(w.t.Context())
	observer.await(busy)
	if torn := w.torn.Load(); torn != nil {
		require.Fail(w.t, "somebody saw a number, and not all before it", *torn)
	}
	w.requireSound(observer)
	return w.requireOrders(observer)
}

// requireSound checks numbers and journal.
func (w *workload) requireSound(observer session) {
	w.t.Helper()
	require.Empty(w.t, values[string](observer, prefix), "a hole or a double")
	require.Empty(w.t, values[string](observer, broken), "the journal has a hole, or a double")
	require.Empty(w.t, values[string](observer, foreign), "a row has a number that its transaction did not take")
	if value[string](observer, "SHOW track_commit_timestamp") == "on" {
		require.Empty(w.t, values[string](observer, disordered), "committed in another order")
	}
	require.Empty(w.t, values[string](observer, `SELECT n.sequence FROM public.numbered AS n GROUP BY n.sequence
		HAVING max(n.number) IS DISTINCT FROM gapless.last_gapless(n.sequence)`), "the counter is elsewhere")
	require.Empty(w.t, values[string](observer, "SELECT f::text FROM gapless.audit_gapless() AS f WHERE NOT explained"))
}

// requireOrders checks that every acknowledged order is there, whole and with its numbers, that no refused one is, and nothing
// that nobody ordered. What was not recovered it forgets.
func (w *workload) requireOrders(observer session) (n counted) {
	t := w.t
	t.Helper()
	type row struct {
		Sequence, Key   string
		Attempt, Number int64
	}
	found, err := observer.Query(t.Context(), "SELECT sequence, order_key, attempt, number FROM numbered ORDER BY order_key, sequence, place")
	require.NoError(t, err)
	rows, err := pgx.CollectRows(found, pgx.RowToStructByPos[row])
	require.NoError(t, err)
	there := map[string][]row{}
	for _, r := range rows {
		there[r.Key] = append(there[r.Key], r)
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	for key, o := range w.orders {
		written, found := there[key]
		delete(there, key)
		switch {
		case o.err == nil && o.rollsBack:
			require.Fail(t, "it was acknowledged, and its caller had rolled back", "%+v", o)
		case o.err == nil:
			n.acknowledged++
			if o.attempts > 1 {
				n.again++
			}
			if !found && w.recent[key] {
				n.gone++
				delete(w.orders, key)
				continue
			}
			require.True(t, found, "order %s was acknowledged, and is not there: %+v", key, o)
		case errors.Is(o.err, gapless.ErrOutcomeUnknown):
			n.unknown++
			require.True(t, w.mayNotSay, "order %s: %v", key, o.err)
			if found {
				n.unknownThere++
			}
		case errors.Is(o.err, errMine):
			n.rolledBack++
			require.True(t, o.rollsBack)
			require.False(t, found, "order %s was rolled back, and is there", key)
		default:
			n.failed++
			require.False(t, found, "order %s was refused, and is there: %v", key, o.err)
			require.True(t, w.allowed != nil && w.allowed(o.err), "order %s failed: %v", key, o.err)
		}
		if !found {
			continue
		}
		numbers := map[string][]int64{}
		for _, r := range written {
			require.Equal(t, o.attempts, r.Attempt, "an earlier attempt of order %s was committed as well", key)
			numbers[r.Sequence] = append(numbers[r.Sequence], r.Number)
		}
		require.Len(t, numbers, len(o.steps), "order %s is not whole: %+v", key, o)
		for _, s := range o.steps {
			require.Len(t, numbers[s.sequence], s.size, "order %s is not whole: %+v", key, o)
			if told := o.numbers[s]; o.err == nil && told != nil {
				require.Equal(t, told, numbers[s.sequence], "order %s was told other numbers of %s", key, s.sequence)
			}
		}
	}
	require.Empty(t, there, "nobody ordered these")
	t.Logf("%d acknowledged, %d of them run again; %d rolled back; %d failed; %d unknown, of which %d are there; %d gone with what was not recovered",
		n.acknowledged, n.again, n.rolledBack, n.failed, n.unknown, n.unknownThere, n.gone)
	require.Positive(t, n.acknowledged)
	return n
}

// TestTheChecksFindWhatTheyLookFor plants what must not be, as a superuser whom triggers do not stop.
func TestTheChecksFindWhatTheyLookFor(t *testing.T) {
	t.Parallel()
	database := newServer(t, nil).NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	w.round(func() { w.await(100) })
	s, other := connect(t, database.URL), connect(t, database.URL)
	s.do("SET session_replication_role = replica")
	const newest = "ordinal = (SELECT max(ordinal) FROM gapless.allocation WHERE name = 'early/0') AND name = 'early/0'"
	for _, fault := range []struct{ name, plant, query string }{
		{"a hole", "DELETE FROM early WHERE sequence = 'early/0' AND number = 2", prefix},
		{"it does not begin at 1", "DELETE FROM early WHERE sequence = 'early/0' AND number = 1", prefix},
		{
			"a double", `ALTER TABLE taken DROP CONSTRAINT taken_sequence_number_key;
				UPDATE taken SET number = 1 WHERE sequence = 'taken/0' AND number = 2`, prefix,
		},
		{"no number", "UPDATE late SET number = NULL WHERE sequence = 'late/0' AND number = 1", prefix},
		{"a hole in the journal", "DELETE FROM gapless.allocation WHERE name = 'early/0' AND ordinal = 1", broken},
		{"a journal row of another transaction", "UPDATE gapless.allocation SET txid = 3 WHERE " + newest, foreign},
		{"a number that is not in the journal", "UPDATE gapless.allocation SET last_value = last_value - 1 WHERE " + newest, foreign},
		{
			"another order", `UPDATE gapless.allocation SET txid = (
				SELECT a.txid FROM gapless.allocation AS a WHERE a.name = 'early/0' ORDER BY a.ordinal LIMIT 1) WHERE ` + newest, disordered,
		},
	} {
		require.Empty(t, values[string](s, fault.query), fault.name)
		s.do("BEGIN")
		s.do(fault.plant)
		require.NotEmpty(t, values[string](s, fault.query), fault.name)
		s.do("ROLLBACK")
	}
	require.True(t, value[bool](s, busy))
	other.do("BEGIN")
	require.False(t, value[bool](s, busy), "a session is idle in a transaction")
}
