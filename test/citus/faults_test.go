package citus_test

// What fails while callers commit over the coordinator.

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// backends are the coordinator's sessions on a worker.
const backends = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'citus_internal gpid=%' AND pid <> pg_backend_pid() ORDER BY state = 'idle', pid"

// endBackends ends sessions of the coordinator on the workers, one every few orders, until that has cut some orders short.
func (w *workload) endBackends(least int64) {
	w.t.Helper()
	before := w.refused.Load()
	for begun := time.Now(); w.refused.Load() < before+least && time.Since(begun) < sqltest.Eventually; {
		worker := w.cluster.Workers[w.random.IntN(len(w.cluster.Workers))].Connect(w.t)
		if pids := worker.Numbers(backends); len(pids) > 0 {
			worker.Do("SELECT pg_terminate_backend($1::int)", pids[w.random.IntN(min(2, len(pids)))])
		}
		w.await(&w.told, w.random.Int64N(3))
	}
	require.GreaterOrEqual(w.t, w.refused.Load(), before+least, "nothing was cut short")
}

// killWorker sends SIGKILL to one backend of a worker, whose postmaster ends all others, forgets the shared memory, and recovers.
func (w *workload) killWorker(node citustest.Node) {
	w.t.Helper()
	worker := node.Connect(w.t)
	for range 10 {
		var pids []int64
		require.Eventually(w.t, func() bool {
			pids = worker.Numbers(backends)
			return len(pids) > 0
		}, sqltest.Eventually, sqltest.Tick)
		_, err := worker.Exec(w.t.Context(), fmt.Sprintf("COPY (SELECT) TO PROGRAM 'kill -9 %d'", pids[0]))
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) && pgErr.Code == "38000" { // there was no such process
			continue
		}
		require.Eventually(w.t, func() bool { return worker.Ping(w.t.Context()) != nil }, sqltest.Eventually, sqltest.Tick)
		w.reach(node)
		return
	}
	require.Fail(w.t, "no backend is killed")
}

// reach blocks until the node is there again.
func (w *workload) reach(node citustest.Node) {
	w.t.Helper()
	s := w.cluster.Connect(w.t)
	s.Await(fmt.Sprintf("SELECT bool_and(success) FROM run_command_on_workers('SELECT 1') WHERE nodeport = %d", node.Port))
}

// moveShard moves the shard of a tenant, and waits until callers are refused.
func (w *workload) moveShard(s sqltest.Session, table string, tenant int, mode string) (from, to citustest.Node) {
	w.t.Helper()
	from, to = move(w.t, w.cluster, s, table, tenant, mode)
	w.await(&w.unattached, 1)
	return from, to
}

func TestWorkersBackendsThatEndTakeNoNumberWithThem(t *testing.T) {
	t.Parallel()
	w := newWorkload(t, citustest.New(t))
	w.round(func(sqltest.Session) { w.endBackends(8) })
}

func TestAShardMovesWhileCallersCommit(t *testing.T) {
	t.Parallel()
	w := newWorkload(t, citustest.New(t))
	for _, mode := range []string{"block_writes", "force_logical"} {
		for _, table := range []string{"early", "late"} {
			w.round(func(s sqltest.Session) {
				w.moveShard(s, table, w.random.IntN(tenants), mode)
				require.Len(t, sqltest.Texts(s, attachShards), 1)
			})
		}
	}
}

// bring calls attach_shards until it has succeeded, as an operator does.
func (w *workload) bring(s sqltest.Session) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		_, err := s.Exec(w.t.Context(), "SELECT * FROM gapless.attach_shards()")
		return err == nil
	}, sqltest.Eventually, 50*sqltest.Tick, "the shards are not attached")
	require.Empty(w.t, sqltest.Texts(s, "SELECT shard FROM gapless.node_shards() WHERE NOT attached"))
}

// TestAttachShardsThatIsCutOffIsRepeated has the coordinator's session end while it waits on a node. What it has sent there goes on.
func TestAttachShardsThatIsCutOffIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorkload(t, citustest.New(t))
	for _, cut := range []struct {
		name   string
		source bool   // where it waits: where the shard was, or where it is
		lock   string // that it waits for
	}{
		{"while it brings the journal", false, "LOCK gapless.journal IN SHARE MODE"},
		{"while it attaches", false, "LOCK %s IN ROW EXCLUSIVE MODE"},
		{"while it deletes what is left", true, "LOCK gapless.journal IN SHARE MODE"},
	} {
		for _, orphan := range []bool{true, false} {
			passed := t.Run(fmt.Sprintf("%s, orphan %t", cut.name, orphan), func(t *testing.T) {
				w.t = t
				w.round(func(s sqltest.Session) {
					tenant := w.random.IntN(tenants)
					source, target := w.moveShard(s, "early", tenant, "block_writes")
					p := placeOf(t, w.cluster, s, "early", tenant)
					node := target
					if cut.source {
						node = source
					}
					blocker, observer, attacher := node.Connect(t), node.Connect(t), w.cluster.Connect(t)
					blocker.Do("SET citus.enable_manual_changes_to_shards = on")
					lock := cut.lock
					if strings.Contains(lock, "%s") {
						lock = fmt.Sprintf(lock, p.table)
					}
					blocker.Do("BEGIN")
					blocker.Do(lock)
					done := sqltest.Later(func() (any, error) {
						return attacher.Exec(t.Context(), "SELECT * FROM gapless.attach_shards()")
					})
					const waits = "FROM pg_stat_activity AS a WHERE a.datname = current_database() AND a.query ~ '^SELECT gapless.shard_' AND cardinality(pg_blocking_pids(a.pid)) > 0"
					observer.Await("SELECT count(*) > 0 " + waits)
					s.Do("SELECT pg_terminate_backend($1::int)", attacher.PID())
					require.Error(t, (<-done).Err)
					if !orphan {
						observer.Do("SELECT pg_terminate_backend(a.pid) " + waits)
					}
					blocker.Do("ROLLBACK")
					w.bring(s)
				})
			})
			if w.t = t; !passed {
				return
			}
		}
	}
}

// TestAWorkerIsKilledAndAShardMoves is none of those in parallel, since the whole server ends.
func TestAWorkerIsKilledAndAShardMoves(t *testing.T) {
	citustest.Alone(t)
	w := newWorkload(t, citustest.New(t))
	for _, fault := range []struct {
		name string
		fail func(s sqltest.Session)
	}{
		{"killed", func(sqltest.Session) { w.killWorker(w.cluster.Workers[w.random.IntN(2)]) }},
		{"killed where a shard was", func(s sqltest.Session) {
			source, _ := w.moveShard(s, "early", w.random.IntN(tenants), "block_writes")
			w.killWorker(source)
			w.bring(s)
		}},
		{"killed where a shard is", func(s sqltest.Session) {
			_, target := w.moveShard(s, "early", w.random.IntN(tenants), "force_logical")
			w.killWorker(target)
			w.bring(s)
		}},
		{"killed before a shard moves, and while it is attached", func(s sqltest.Session) {
			tenant := w.random.IntN(tenants)
			w.killWorker(placeOf(w.t, w.cluster, s, "early", tenant).node)
			w.recover(s) // Citus copies a shard without what is prepared
			_, target := w.moveShard(s, "early", tenant, "block_writes")
			done := sqltest.Later(func() (any, error) {
				return w.cluster.Connect(w.t).Exec(w.t.Context(), "SELECT * FROM gapless.attach_shards()")
			})
			w.killWorker(target)
			<-done
			w.endBackends(2)
			w.bring(s)
		}},
	} {
		passed := t.Run(fault.name, func(t *testing.T) {
			w.t = t
			w.round(fault.fail)
		})
		if w.t = t; !passed {
			return
		}
	}
}

// TestTheChecksFindWhatTheyLookFor plants what must not be.
func TestTheChecksFindWhatTheyLookFor(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]struct {
		plant func(w *workload, s sqltest.Session)
		want  string
	}{
		"a shard's series stay where it was": {func(w *workload, s sqltest.Session) {
			s.Do("SET citus.enable_ddl_propagation = off")
			s.Do("CREATE OR REPLACE FUNCTION gapless.shard_copy(from_name text, from_port integer, to_name text, to_port integer, names jsonb, shard_name text) RETURNS void LANGUAGE plpgsql AS 'BEGIN END'")
			move(w.t, w.cluster, s, "early", 1, "block_writes")
			s.Do("SELECT * FROM gapless.attach_shards()")
		}, "nobody knows who took it"},
		"a shard that was moved takes rows": {func(w *workload, s sqltest.Session) {
			_, to := move(w.t, w.cluster, s, "late", 1, "block_writes") // early's column is NOT NULL
			worker := to.Connect(w.t)
			worker.Do("SET citus.enable_ddl_propagation = off")
			worker.Do("CREATE OR REPLACE FUNCTION gapless.shard_guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
		}, "a hole or a double"},
		"a row is gone": {func(w *workload, s sqltest.Session) {
			worker := placeOf(w.t, w.cluster, s, "early", 1)
			n := worker.node.Connect(w.t)
			n.Do("SET session_replication_role = replica; SET citus.enable_manual_changes_to_shards = on")
			n.Do("DELETE FROM " + worker.table + " WHERE number = 1")
		}, "the audit does not explain"},
		"two nodes count": {func(w *workload, s sqltest.Session) {
			placeOf(w.t, w.cluster, s, "early", 1).other.Connect(w.t).Do("SELECT gapless.next_gapless('early/1')")
		}, "the audit does not explain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkload(t, citustest.New(t))
			s := w.cluster.Connect(t)
			some := func() {
				for range 40 {
					w.place(t.Context(), w.callers[0])
				}
			}
			some()
			require.Empty(t, w.faults(s))
			plant.plant(w, s)
			some()
			require.Contains(t, strings.Join(w.faults(s), "\n"), plant.want)
		})
	}
}
