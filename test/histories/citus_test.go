package histories_test

// The clients over a coordinator of Citus: their series are those of the tenants of a distributed table.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/sqltest"
)

var createSpread = []string{
	"CREATE TABLE public.spread (tenant int, key text NOT NULL, value bigint, UNIQUE (tenant, value))",
	"SELECT create_distributed_table('public.spread', 'tenant', shard_count => 4)",
	"SELECT gapless.attach_gapless('public.spread', 'value', name => $$ 'rows of tenant/' || NEW.tenant $$)",
	"CREATE VIEW public.entries AS SELECT 'rows of tenant/' || tenant AS sequence, key, 'issue' AS kind, value, value AS id FROM public.spread",
	"CREATE TABLE public.sent (key text, txid bigint)", // of nobody here
}

// tenantOf is the number at the end of a series' name.
func tenantOf(of series) int {
	tenant, err := strconv.Atoi(of.name[strings.LastIndex(of.name, "/")+1:])
	if err != nil {
		panic(err)
	}
	return tenant
}

// ofCluster is a plain client over a coordinator, whose workers' sessions end.
type ofCluster struct{ plain }

func (c *ofCluster) run(ctx context.Context, p plan, r *record) error {
	err := c.plain.run(ctx, p, r)
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || ctx.Err() != nil {
		return err
	}
	switch {
	case strings.HasPrefix(pgErr.Message, "could not commit transaction for shard"):
		r.outcome = unknown // the one node that was to commit by itself has not answered
	case strings.HasPrefix(pgErr.Code, "23"), strings.HasPrefix(pgErr.Code, "42"):
		return err
	}
	time.Sleep(10 * sqltest.Tick)
	return nil
}

// newHistoryOfCluster has four clients and five series.
func newHistoryOfCluster(t *testing.T, cluster *citustest.Cluster, name string, random *rand.Rand) *history {
	t.Helper()
	s := cluster.Connect(t)
	for _, statement := range createSpread {
		s.Do(statement)
	}
	h := &history{database: cluster.Coordinator.Database, proxy: pgproxy.New(t, cluster.Coordinator.URL), patience: forEver, sharded: true, random: random, name: name, reports: t.TempDir()}
	h.proxy.Intercept(cuts(rand.New(rand.NewPCG(random.Uint64(), 0))))
	for range 4 {
		h.clients = append(h.clients, &ofCluster{plain{url: h.proxy.URL()}})
	}
	for tenant := range 5 {
		h.series = append(h.series, series{name: fmt.Sprintf("rows of tenant/%d", tenant), initial: 1, column: sharded})
	}
	h.write(random, len(h.clients), turns)
	return h
}

// moveTenant has Citus move the shard of a tenant to another worker. What is prepared it waits for.
func moveTenant(t *testing.T, cluster *citustest.Cluster, tenant int) {
	t.Helper()
	var shard int64
	var port uint16
	require.NoError(t, cluster.Coordinator.Conn(t).QueryRow(t.Context(), `SELECT s.shardid, s.nodeport FROM citus_shards AS s
		WHERE s.shardid = get_shard_id_for_distribution_column('public.spread', $1::int)`, tenant).Scan(&shard, &port))
	from, to := cluster.Workers[0], cluster.Workers[1]
	if from.Port != port {
		from, to = to, from
	}
	require.NoError(t, cluster.Move(t.Context(), shard, from, to, "force_logical"))
}

// endBackends ends some of the coordinator's sessions on the workers.
func endBackends(t *testing.T, h *history, cluster *citustest.Cluster) {
	t.Helper()
	for range 6 {
		worker := cluster.Workers[h.random.IntN(len(cluster.Workers))].Connect(t)
		worker.Do(`SELECT pg_terminate_backend(a.pid) FROM (
			SELECT a.pid FROM pg_stat_activity AS a WHERE a.datname = current_database() AND a.application_name LIKE 'citus_internal gpid=%' ORDER BY a.state = 'idle', a.pid LIMIT 1
		) AS a`)
		h.awaitDone(t, min(len(h.clients)*turns, int(h.done.Load())+2))
	}
}

// playOverCluster plays a history, in the middle of which something happens. What is left prepared is ended all the time, as Citus does
// each minute.
func playOverCluster(t *testing.T, h *history, happens func()) error {
	t.Helper()
	conn := h.database.Conn(t)
	played := sqltest.Later(func() (any, error) { return nil, h.play(t.Context(), 0, turns) })
	ended := make(chan error, 1)
	go func() {
		for {
			select {
			case r := <-played:
				ended <- r.Err
				return
			case <-time.After(time.Second / 2):
				_, _ = conn.Exec(t.Context(), "SELECT recover_prepared_transactions()") // it fails once after its session there has ended
			}
		}
	}()
	h.awaitDone(t, len(h.clients)*turns/8)
	happens()
	return <-ended
}

// endPrepared blocks until nothing is left prepared. A transaction on several nodes, whose COMMIT was acknowledged meanwhile, could come
// about until now.
func (h *history) endPrepared(ctx context.Context, conn *pgx.Conn) error {
	for until := time.Now().Add(h.patience); ; time.Sleep(10 * sqltest.Tick) {
		var left bool
		_, err := conn.Exec(ctx, "SELECT recover_prepared_transactions()")
		if err == nil {
			err = conn.QueryRow(ctx, "SELECT bool_or(NOT r.success OR r.result <> '0') FROM run_command_on_workers('SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()') AS r").Scan(&left)
		}
		switch {
		case err == nil && !left:
			for _, r := range h.records {
				tenants := map[string]bool{}
				for _, t := range r.taken {
					tenants[t.series.name] = true
				}
				if r.outcome == committed && len(tenants) > 1 {
					r.ended = h.now()
				}
			}
			return nil
		case time.Now().After(until):
			return fmt.Errorf("%w: what is prepared: %w", errWaits, err)
		}
	}
}

// check compares the rows with what the clients know, and the audits.
func (h *history) check(ctx context.Context, conn *pgx.Conn, there rows) error {
	if !h.sharded {
		return there.check(ctx, conn, h)
	}
	errs := []error{there.compare(h.records), there.inTime(h.records)}
	for _, q := range []struct {
		wrong error
		query string
	}{
		{errRows, "SELECT sequence FROM public.entries GROUP BY sequence HAVING min(value) <> 1 OR max(value) <> count(*) OR count(DISTINCT value) <> count(*)"},
		{errAudit, "SELECT f::text FROM gapless.node_audit() AS f WHERE NOT explained"},
		{errAudit, "SELECT r.result FROM run_command_on_workers($$ SELECT string_agg(j.name || ' ' || j.kind, ', ') FROM gapless.journal AS j WHERE j.kind <> 'issued' $$) AS r WHERE r.result <> ''"},
	} {
		found, _ := conn.Query(ctx, q.query)
		texts, err := pgx.CollectRows(found, pgx.RowTo[string])
		if len(texts) > 0 {
			err = fmt.Errorf("%w: %q", q.wrong, texts)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func TestWhatClientsSeeOverCitusIsAGaplessCounter(t *testing.T) {
	t.Parallel()
	citustest.Want(t)
	seen := playFor(t, *duration/4, 1, []string{"committed", "rolled back", "unknown", "issue", "look", "undone"}, func(t *testing.T, name string, _ uint64, random *rand.Rand) *history {
		cluster := citustest.New(t)
		h := newHistoryOfCluster(t, cluster, name, random)
		require.NoError(t, playOverCluster(t, h, func() {
			s := cluster.Connect(t)
			moveTenant(t, cluster, 1)
			s.Do("SELECT * FROM gapless.attach_shards()")
			endBackends(t, h, cluster)
			moveTenant(t, cluster, 2)
			s.Do("SELECT * FROM gapless.attach_shards()")
		}))
		return h
	})
	require.Positive(t, seen["unknown"])
}

// TestSeriesThatStayBehindTheirShardOnCitusAreFound plants that what is known of them is not brought along.
func TestSeriesThatStayBehindTheirShardOnCitusAreFound(t *testing.T) {
	t.Parallel()
	want := []error{errAudit}
	seed := sqltest.NewSeed(t)
	requireFound(t, want, func(number uint64) error {
		cluster := citustest.New(t)
		h := newHistoryOfCluster(t, cluster, fmt.Sprint("planted ", number), rand.New(rand.NewPCG(seed, number)))
		s := cluster.Connect(t)
		s.Do("SET citus.enable_ddl_propagation = off")
		s.Do("CREATE OR REPLACE FUNCTION gapless.shard_copy(from_name text, from_port integer, to_name text, to_port integer, names jsonb, shard_name text) RETURNS void LANGUAGE plpgsql AS 'BEGIN END'")
		s.Do("RESET citus.enable_ddl_propagation")
		played := playOverCluster(t, h, func() {
			moveTenant(t, cluster, 1)
			s.Do("SELECT * FROM gapless.attach_shards()")
		})
		return errors.Join(played, h.verify(t.Context()))
	})
}
