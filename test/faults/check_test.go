package faults_test

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sound"
	"github.com/pggapless/gapless/internal/sqltest"
)

// busy is false as long as something is not at rest.
const busy = sound.Busy

// counted is how orders ended, of all rounds so far.
type counted struct{ acknowledged, again, rolledBack, failed, unknown, unknownThere, gone int }

// check is how every fault ends: it compares what callers were told with what is there.
func (w *workload) check() counted {
	w.t.Helper()
	observer := w.ask()
	observer.Await(busy)
	require.Empty(w.t, w.observer.Torn(), "somebody saw a number, and not all before it")
	timed, err := sound.TellsTheOrder(w.t.Context(), observer.Conn)
	require.NoError(w.t, err)
	require.True(w.t, timed || w.observer.Looks() > 0, "nobody knows in which order they committed")
	requireSound(observer)
	return w.requireOrders(observer)
}

// requireSound checks numbers and journal.
func requireSound(observer sqltest.Session) {
	observer.T.Helper()
	faults, err := sound.Faults(observer.Ctx, observer.Conn)
	require.NoError(observer.T, err)
	require.Empty(observer.T, faults)
}

// requireOrders checks that every acknowledged order is there, whole and with its numbers, that no refused one is, and nothing
// that nobody ordered. What was not recovered it forgets.
func (w *workload) requireOrders(observer sqltest.Session) (n counted) {
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
		case o.err == nil && o.exhausts:
			require.Fail(t, "it was acknowledged, and one of its sequences had no more numbers", "%+v", o)
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
			ended := o.exhausts && codeOf(o.err) == "2200H"
			require.True(t, ended || w.allowed != nil && w.allowed(o.err), "order %s failed: %v", key, o.err)
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
	s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	s.Do("SET session_replication_role = replica")
	const newest = "ordinal = (SELECT max(ordinal) FROM gapless.journal WHERE name = 'early/0') AND name = 'early/0'"
	for _, fault := range []struct{ name, plant, query string }{
		{"a hole", "DELETE FROM early WHERE sequence = 'early/0' AND number = 2", sound.Prefix},
		{"it does not begin at 1", "DELETE FROM early WHERE sequence = 'early/0' AND number = 1", sound.Prefix},
		{
			"a double", `ALTER TABLE taken DROP CONSTRAINT taken_sequence_number_key;
				UPDATE taken SET number = 1 WHERE sequence = 'taken/0' AND number = 2`, sound.Prefix,
		},
		{"no number", "UPDATE late SET number = NULL WHERE sequence = 'late/0' AND number = 1", sound.Prefix},
		{"a hole in the journal", "DELETE FROM gapless.journal WHERE name = 'early/0' AND ordinal = 1", sound.Broken},
		{"a journal row of another transaction", "UPDATE gapless.journal SET txid = 3 WHERE " + newest, sound.Foreign},
		{"a number that is not in the journal", "UPDATE gapless.journal SET last_value = last_value - 1 WHERE " + newest, sound.Foreign},
		{
			"another order", `UPDATE gapless.journal SET txid = (
				SELECT a.txid FROM gapless.journal AS a WHERE a.name = 'early/0' ORDER BY a.ordinal LIMIT 1) WHERE ` + newest, sound.Disordered,
		},
		{"a counter that was put back", "DELETE FROM gapless.journal WHERE " + newest, sound.Elsewhere},
		{"a row that is gone", "DELETE FROM early WHERE sequence = 'early/0' AND number = 2", sound.Unexplained},
	} {
		require.Empty(t, sqltest.Texts(s, fault.query), fault.name)
		s.Do("BEGIN")
		s.Do(fault.plant)
		require.NotEmpty(t, sqltest.Texts(s, fault.query), fault.name)
		faults, err := sound.Faults(t.Context(), s.Conn)
		require.NoError(t, err)
		require.NotEmpty(t, faults, fault.name)
		s.Do("ROLLBACK")
	}
	require.True(t, *sqltest.Value[bool](s, busy))
	other.Do("BEGIN")
	require.False(t, *sqltest.Value[bool](s, busy), "a session is idle in a transaction")
}

// TestTheObserverSeesANumberThatComesBeforeItsTurn has it watch a table into which anybody may write.
func TestTheObserverSeesANumberThatComesBeforeItsTurn(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE plain (sequence text, number bigint)")
	s.Do("CREATE VIEW numbered AS SELECT sequence, number, 0::bigint AS txid FROM plain")
	var o sound.Observer
	var closing atomic.Bool
	o.Move(database.URL)
	ended := make(chan struct{})
	go func() { o.Watch(t.Context(), &closing); close(ended) }()
	looks := func() {
		t.Helper()
		before := o.Looks()
		require.Eventually(t, func() bool { return o.Looks() > before+1 }, sqltest.Eventually, sqltest.Tick, "it does not look: %s", o.Torn())
	}
	looks()
	s.Do("INSERT INTO plain VALUES ('a', 1), ('b', 1), ('b', 2)")
	looks()
	s.Do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1", sound.ObserverName)
	looks()
	require.Empty(t, o.Torn())
	s.Do("INSERT INTO plain VALUES ('a', 3)")
	<-ended
	require.Equal(t, "a: 2 numbers, 2 of them different, from 1 to 3, and 0 rows without", o.Torn())
}

// TestTheSeedOfAShortRunChoosesItsFaults has few seeds reach each of them.
func TestTheSeedOfAShortRunChoosesItsFaults(t *testing.T) {
	t.Parallel()
	chosen := map[pgproxy.Verdict]bool{}
	for seed := range uint64(50) {
		some := func() []pgproxy.Verdict { return some(rand.New(rand.NewPCG(seed, 0)), verdicts, 1) }
		first, again := some(), some()
		require.Equal(t, first, again)
		if *rounds > 1 {
			require.Equal(t, verdicts, first, "a long run has all")
			continue
		}
		require.Len(t, first, 1)
		chosen[first[0]] = true
	}
	if *rounds == 1 {
		require.Len(t, chosen, len(verdicts))
	}
}
