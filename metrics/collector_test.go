package metrics

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/sqltest"
)

func TestWhatIsIssuedIsCounted(t *testing.T) {
	t.Parallel()
	d := open(t)
	c, _ := d.collector()
	require.Zero(t, gather(t, c)["gapless_issued_total"])
	d.Do("SELECT gapless.next_gapless_batch('invoice', 3); SELECT gapless.next_gapless('case'); SELECT gapless.adopt_gapless('adopted', 900)")
	seen := gather(t, c)
	require.InDelta(t, 1, seen["gapless_up"], 0)
	require.InDelta(t, 4, seen["gapless_issued_total"], 0)
	require.InDelta(t, 3, seen["gapless_series"], 0)
	require.Equal(t, map[string]float64{"invoice": 3, "case": 1, "adopted": 0}, seen.bySeries("issued_total"))
	require.InDelta(t, time.Now().Unix(), seen.bySeries("last_issued_timestamp_seconds")["case"], 60)
}

// TestEachScrapeHasWhatWasCommittedBefore has transactions that are open during a scrape: a row that they locked looks the same
// before and after their COMMIT.
func TestEachScrapeHasWhatWasCommittedBefore(t *testing.T) {
	t.Parallel()
	d := open(t)
	c, _ := d.collector(WithRefresh(time.Hour))
	others := []sqltest.Session{sqltest.Connect(t, d.at), sqltest.Connect(t, d.at)}
	inside := map[int]bool{}
	seed := sqltest.NewSeed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	names := []string{"a", "b", "c", "d", "e", "f"}
	for range 300 {
		i := random.IntN(len(others))
		switch n := random.IntN(10); {
		case inside[i]:
			others[i].Do([]string{"COMMIT", "ROLLBACK"}[random.IntN(2)])
			inside[i] = false
		case n < 3: // one name each, so that none waits for the other
			others[i].Do("BEGIN")
			others[i].Do("SELECT gapless.next_gapless($1)", fmt.Sprint("own/", i, "/", random.IntN(2)))
			inside[i] = true
		case n < 4:
			d.Do("BEGIN; SAVEPOINT s; SELECT gapless.next_gapless_batch('saved', 2); RELEASE s; SELECT gapless.next_gapless('saved'); COMMIT")
		default:
			d.Do("SELECT gapless.next_gapless_batch($1, $2)", names[random.IntN(len(names))], 1+random.IntN(3))
		}
		seen := gather(t, c)
		want := map[string]float64{}
		total := 0.0
		rows, err := d.Query(d.Ctx, "SELECT name, issued FROM gapless.sequences")
		require.NoError(t, err)
		for rows.Next() {
			var name string
			var issued int64
			require.NoError(t, rows.Scan(&name, &issued))
			want[name] = float64(issued)
			total += float64(issued)
		}
		require.NoError(t, rows.Err())
		require.Equal(t, want, seen.bySeries("issued_total"))
		require.InDelta(t, total, seen["gapless_issued_total"], 0)
	}
}

func TestTheCountOfAllSeriesNeverFalls(t *testing.T) {
	t.Parallel()
	d := open(t)
	c, clock := d.collector()
	d.Do("SELECT gapless.next_gapless_batch('goes', 5); SELECT gapless.next_gapless_batch('stays', 2)")
	require.InDelta(t, 7, gather(t, c)["gapless_issued_total"], 0)
	d.Do("SELECT gapless.delete_gapless('goes')")
	clock.pass(time.Minute)
	seen := gather(t, c)
	require.InDelta(t, 7, seen["gapless_issued_total"], 0)
	require.Equal(t, []string{"stays"}, seen.shown())
	d.Do("SELECT gapless.next_gapless('goes')")
	seen = gather(t, c)
	require.InDelta(t, 8, seen["gapless_issued_total"], 0)
	require.InDelta(t, 1, seen.bySeries("issued_total")["goes"], 0)
}

func TestASeriesKeepsItsPlaceUntilNothingHappensInIt(t *testing.T) {
	t.Parallel()
	d := open(t)
	c, clock := d.collector(WithSeriesLimit(2), WithRefresh(24*time.Hour)) // so that what is read is of the clock
	next := func(names ...string) {
		for _, name := range names {
			d.Do("SELECT gapless.next_gapless($1)", name)
		}
	}
	next("a", "b", "c")
	require.Equal(t, []string{"b", "c"}, gather(t, c).shown(), "those of last")
	next("d", "a")
	seen := gather(t, c)
	require.Equal(t, []string{"b", "c"}, seen.shown(), "no place is free")
	require.InDelta(t, 5, seen["gapless_issued_total"], 0)
	require.InDelta(t, 4, seen["gapless_series"], 0)
	require.InDelta(t, 2, seen["gapless_series_shown"], 0)

	clock.pass(30 * time.Minute)
	next("b")
	gather(t, c)
	clock.pass(31 * time.Minute)
	require.Equal(t, []string{"b", "c"}, gather(t, c).shown(), "nothing happened in the others, either")
	next("d", "a")
	require.Equal(t, []string{"a", "b"}, gather(t, c).shown(), "the newest one got the place of c")

	clock.pass(time.Hour + time.Minute)
	holder := sqltest.Connect(t, d.at)
	holder.Do("BEGIN; SELECT gapless.next_gapless('c')")
	require.Contains(t, gather(t, c).shown(), "c", "somebody holds it")
}

func TestASeriesWhoseRangeEndsGetsAPlaceAtOnce(t *testing.T) {
	t.Parallel()
	d := open(t)
	c, _ := d.collector(WithSeriesLimit(2))
	d.Do("SELECT gapless.next_gapless('a'); SELECT gapless.next_gapless('b')")
	require.Equal(t, []string{"a", "b"}, gather(t, c).shown())
	d.Do("SELECT gapless.range_gapless('till', 1, 3, 'grant', warn_left => 2)")
	d.Do("SELECT gapless.next_gapless('till')")
	seen := gather(t, c)
	require.Equal(t, []string{"b", "till"}, seen.shown())
	require.InDelta(t, 1, seen["gapless_ranges_due"], 0)
	require.InDelta(t, 2, seen.bySeries("numbers_left")["till"], 0)
	require.InDelta(t, 1, seen.bySeries("range_due")["till"], 0)
	require.NotContains(t, seen.bySeries("numbers_left"), "b")
}

// TestOfTwoOfOneInstantTheNameDecides, and not the order of a map, which one makes room.
func TestOfTwoOfOneInstantTheNameDecides(t *testing.T) {
	t.Parallel()
	now, last, due := time.Now(), 1.5, true
	for range 50 {
		all := map[string]oneSeries{}
		for _, name := range []string{"a", "b"} {
			all[name] = oneSeries{Name: name, Last: &last, Labelled: true}
		}
		s := shown{limit: 2}
		s.update([]oneSeries{all["a"], all["b"]}, true, now, all)
		all["till"] = oneSeries{Name: "till", Last: &last, Labelled: true, Due: &due}
		s.update([]oneSeries{all["till"]}, false, now, all)
		require.Equal(t, []string{"b", "till"}, slices.Sorted(maps.Keys(s.since)))
	}
}

func TestARangeHasAnEnd(t *testing.T) {
	t.Parallel()
	d := open(t)
	c, _ := d.collector()
	d.Do("SELECT gapless.range_gapless('till', 1, 1000, 'grant', valid_until => '2199-12-31', time_zone => 'Europe/Berlin')")
	end := time.Date(2199, 12, 31, 23, 0, 0, 0, time.UTC)
	seen := gather(t, c)
	require.InDelta(t, end.Unix(), seen.bySeries("valid_until_timestamp_seconds")["till"], 0)
	require.InDelta(t, 1000, seen.bySeries("numbers_left")["till"], 0)
	require.Zero(t, seen["gapless_ranges_due"])
}

func TestOnlySeriesLikeThePatternAreShown(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.Do("SELECT gapless.next_gapless('invoice/1'), gapless.next_gapless('case')")
	c, _ := d.collector(WithSeriesLike("invoice/%"))
	seen := gather(t, c)
	require.Equal(t, []string{"invoice/1"}, seen.shown())
	require.InDelta(t, 2, seen["gapless_issued_total"], 0, "those without a label count")
	c, _ = d.collector(WithSeriesLimit(0))
	seen = gather(t, c)
	require.Empty(t, seen.shown())
	require.InDelta(t, 2, seen["gapless_issued_total"], 0)
}

func TestWhoHoldsASeriesAndWhoWaitsIsSeen(t *testing.T) {
	t.Parallel()
	d := open(t)
	c, _ := d.collector()
	d.Do("SELECT gapless.next_gapless('invoice'), gapless.next_gapless('other')")
	seen := gather(t, c)
	for _, name := range []string{"waiting_transactions", "longest_wait_seconds", "held_series", "held_seconds", "idle_holder_seconds"} {
		require.Zero(t, seen["gapless_"+name], name)
	}
	holder, waiter := sqltest.Connect(t, d.at), sqltest.Connect(t, d.at)
	holder.Do("BEGIN")
	holder.Do("SELECT gapless.next_gapless('invoice')")
	waits := waiter.LaterNumber("SELECT gapless.next_gapless('invoice')")
	sqltest.AwaitWaiter(t, d.Session, waiter.PgConn().PID())
	require.Eventually(t, func() bool { // PostgreSQL notes when a wait began a moment after it began
		seen = gather(t, c)
		return seen["gapless_longest_wait_seconds"] > 0
	}, sqltest.Eventually, sqltest.Tick)
	require.InDelta(t, 1, seen["gapless_waiting_transactions"], 0)
	require.InDelta(t, 1, seen["gapless_held_series"], 0)
	require.Positive(t, seen["gapless_held_seconds"])
	require.Positive(t, seen["gapless_idle_holder_seconds"])
	require.Equal(t, map[string]float64{"invoice": 1, "other": 0}, seen.bySeries("waiting_transactions"))
	require.Positive(t, seen.bySeries("held_seconds")["invoice"])
	require.Zero(t, seen.bySeries("held_seconds")["other"])
	require.GreaterOrEqual(t, seen["gapless_held_seconds"], seen["gapless_longest_wait_seconds"])
	holder.Do("COMMIT")
	require.NoError(t, (<-waits).Err)
	require.Zero(t, gather(t, c)["gapless_waiting_transactions"])
}

func TestWhatIsLeftBehindIsSeen(t *testing.T) {
	t.Parallel()
	d := open(t)
	c, clock := d.collector()
	d.Do("CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
	d.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)")
	d.Do("INSERT INTO invoices DEFAULT VALUES")
	seen := gather(t, c)
	require.InDelta(t, 1, seen["gapless_attached_columns"], 0)
	require.Zero(t, seen["gapless_attached_columns_faulty"])
	require.Zero(t, seen["gapless_prepared_transactions"])
	require.Zero(t, seen["gapless_audits"])
	require.NotContains(t, seen, "gapless_audit_sound")
	require.Positive(t, seen["gapless_journal_bytes"])
	require.Zero(t, seen["gapless_standby"])

	d.Do("SELECT count(*) FROM gapless.record_audit_gapless()")
	gid := "left by " + d.at.Name
	d.Do(fmt.Sprintf("BEGIN; INSERT INTO invoices DEFAULT VALUES; PREPARE TRANSACTION '%s'", gid))
	clock.pass(59 * time.Second)
	seen = gather(t, c)
	require.InDelta(t, 1, seen["gapless_prepared_transactions"], 0)
	require.Positive(t, seen["gapless_prepared_transaction_age_seconds"])
	require.Positive(t, seen["gapless_held_seconds"])
	require.NotContains(t, seen, "gapless_audit_sound", "it is read once a minute")
	d.Do(fmt.Sprintf("ROLLBACK PREPARED '%s'", gid))
	clock.pass(time.Second)
	seen = gather(t, c)
	require.InDelta(t, 1, seen["gapless_audits"], 0)
	require.InDelta(t, 1, seen["gapless_audit_sound"], 0)
	require.Zero(t, seen["gapless_audit_unexplained"])
	require.InDelta(t, time.Now().Unix(), seen["gapless_audit_timestamp_seconds"], 60)

	d.Do("ALTER TABLE invoices DISABLE TRIGGER USER; DELETE FROM invoices")
	d.Do("SELECT count(*) FROM gapless.record_audit_gapless()")
	d.Do("SELECT count(*) FROM gapless.record_audit_gapless('another')")
	clock.pass(time.Minute)
	seen = gather(t, c)
	var disabled float64
	require.NoError(t, d.QueryRow(d.Ctx, "SELECT count(*) FROM gapless.doctor WHERE finding = 'guard_off' AND severity = 'critical'").Scan(&disabled))
	require.Positive(t, disabled)
	require.InDelta(t, disabled, seen[`gapless_doctor_findings{finding="guard_off",severity="critical"}`], 0)
	require.InDelta(t, 1, seen["gapless_attached_columns_faulty"], 0)
	require.InDelta(t, 3, seen["gapless_audits"], 0)
	require.Zero(t, seen["gapless_audit_sound"], "an audit of one series says nothing of the others")
	require.Positive(t, seen["gapless_audit_unexplained"])
}

func TestADatabaseOutOfReachIsNoError(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://nobody@127.0.0.1:1/nowhere?sslmode=disable")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	var log bytes.Buffer
	c := NewCollector(pool, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	seen := gather(t, c)
	require.Contains(t, seen, "gapless_up")
	require.Zero(t, seen["gapless_up"])
	require.NotContains(t, seen, "gapless_issued_total")
	require.InDelta(t, 1, seen[`gapless_scrape_errors_total{part="connect"}`], 0)
	require.InDelta(t, 2, gather(t, c)[`gapless_scrape_errors_total{part="connect"}`], 0)
	require.Equal(t, 1, strings.Count(log.String(), "\n"), "once")
}

func TestWhatTheRoleMayNotReadIsMissingAndTheRestIsThere(t *testing.T) {
	t.Parallel()
	d := open(t)
	_, quoted := sqltest.Role(t, d.at, "metrics")
	d.Do("GRANT USAGE ON SCHEMA gapless TO " + quoted)
	d.Do("GRANT SELECT ON gapless.sequences, gapless.sequence_lock, gapless.number_range TO " + quoted)
	d.Do("SELECT gapless.next_gapless('invoice')")
	pool := d.at.Pool(t, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["role"] = strings.Trim(quoted, `"`) })
	seen := gather(t, NewCollector(pool))
	require.Zero(t, seen["gapless_up"])
	require.InDelta(t, 1, seen["gapless_issued_total"], 0)
	require.NotContains(t, seen, "gapless_waiting_transactions")
	for part, failed := range map[string]float64{"connect": 0, "series": 0, "holders": 1, "server": 0, "columns": 1, "audit": 1} {
		require.InDelta(t, failed, seen[`gapless_scrape_errors_total{part="`+part+`"}`], 0, part)
	}
}

func TestAScrapeThatTakesTooLongIsEndedByTheServer(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.Do("SELECT gapless.next_gapless('invoice')")
	locker := sqltest.Connect(t, d.at)
	locker.Do("BEGIN; LOCK TABLE gapless.journal")
	c, _ := d.collector(WithTimeout(300 * time.Millisecond))
	seen := gather(t, c)
	require.Zero(t, seen["gapless_up"])
	d.Await("SELECT NOT EXISTS (SELECT FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid) WHERE NOT l.granted AND a.datname = current_database())")
	locker.Do("COMMIT")
	c, _ = d.collector()
	require.InDelta(t, 1, gather(t, c)["gapless_up"], 0)
}

func TestANameThatIsNoTextIsStillALabel(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\uFFFDb", label("a\xffb"))
	d := open(t)
	d.Do(`SELECT gapless.next_gapless(E'a"b\\c\n')`)
	c, _ := d.collector()
	require.Contains(t, gather(t, c), `gapless_series_issued_total{series="a\"b\\c\n"}`)
}

func TestTheMetricsAreNamedAsPrometheusWants(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.Do("SELECT gapless.range_gapless('till', 1, 1000, 'grant', valid_until => '2199-12-31')")
	d.Do("SELECT gapless.next_gapless('till')")
	d.Do("SELECT count(*) FROM gapless.record_audit_gapless()")
	committer := sqltest.NewGroupCommitter(t, d.at.Pool(t))
	defer committer.Close()
	registry := prometheus.NewPedanticRegistry()
	c, _ := d.collector()
	registry.MustRegister(c, NewObserver(), NewGroupCollector(committer))
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}
