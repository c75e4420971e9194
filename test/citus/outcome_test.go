package citus_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	pgxstdlib "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

// network is a coordinator behind a proxy, and its workers behind others.
type network struct {
	cluster *citustest.Cluster
	s       sqltest.Session // to the coordinator itself
	client  *pgproxy.Proxy
	workers []*pgproxy.Proxy
	tenants []int // one of each worker
	inTx    sqltest.InTx
}

func newNetwork(t *testing.T) network {
	t.Helper()
	n := network{cluster: citustest.New(t)}
	n.s = invoices(t, n.cluster)
	n.client = pgproxy.New(t, n.cluster.Coordinator.URL)
	through := *n.cluster.Coordinator.Database
	through.URL = n.client.URL()
	n.inTx = sqltest.Committers["one by one"](t, through.Pool(t))
	for _, worker := range n.cluster.Workers {
		n.tenants = append(n.tenants, int(n.s.Number(`SELECT min(tenant) FROM generate_series(1, 100) AS tenant
			JOIN pg_dist_shard_placement AS p ON p.shardid = get_shard_id_for_distribution_column('invoices', tenant)
			WHERE p.nodename = $1 AND p.nodeport = $2`, worker.Host, int(worker.Port))))
		n.workers = append(n.workers, n.cluster.Through(t, worker))
	}
	return n
}

// issue inserts an invoice of each tenant in a transaction, and returns how often that was tried.
func (n network) issue(t *testing.T, tenants ...int) (attempts int, err error) {
	t.Helper()
	err = n.inTx(t.Context(), func(tx pgx.Tx) error {
		attempts++
		for _, tenant := range tenants {
			if _, err := tx.Exec(t.Context(), "INSERT INTO public.invoices (tenant) VALUES ($1)", tenant); err != nil {
				return err
			}
		}
		return nil
	})
	return attempts, err
}

// numbers are those of a tenant, when no transaction is prepared any more.
func (n network) numbers(t *testing.T, tenant int) []int64 {
	t.Helper()
	for _, w := range n.workers {
		w.Intercept(nil)
		w.Refuse(false)
	}
	n.client.Intercept(nil)
	n.s.Do("SELECT recover_prepared_transactions()")
	return n.s.Numbers("SELECT number FROM invoices WHERE tenant = $1 ORDER BY number", tenant)
}

// once gives a verdict on the first message that is meant, of connections that have inserted an invoice.
func once(verdict pgproxy.Verdict, meant func(m pgproxy.Message) bool) func(m pgproxy.Message) pgproxy.Verdict {
	var mu sync.Mutex
	inserted := map[int]bool{}
	return func(m pgproxy.Message) pgproxy.Verdict {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(m.SQL(), "INSERT INTO public.invoices") {
			inserted[m.Conn] = true
		}
		if inserted[m.Conn] && meant(m) {
			clear(inserted)
			meant = func(pgproxy.Message) bool { return false }
			return verdict
		}
		return pgproxy.Forward
	}
}

func says(beginning string) func(m pgproxy.Message) bool {
	return func(m pgproxy.Message) bool { return strings.HasPrefix(strings.ToUpper(m.SQL()), beginning) }
}

func answers(tag string) func(m pgproxy.Message) bool {
	return func(m pgproxy.Message) bool { return m.Tag() == tag }
}

func TestInTxOverACoordinatorLearnsWhatBecameOfALostCommit(t *testing.T) {
	t.Parallel()
	for _, shards := range []int{1, 2} {
		for _, c := range []struct {
			name     string
			meant    func(m pgproxy.Message) bool
			attempts int
		}{{"it was rolled back", func(m pgproxy.Message) bool { return strings.HasSuffix(m.SQL(), "commit") }, 2}, {"it was committed", answers("COMMIT"), 1}} {
			t.Run(fmt.Sprintf("%s, on %d workers", c.name, shards), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				n.client.Intercept(once(pgproxy.Cut, c.meant))
				attempts, err := n.issue(t, n.tenants[:shards]...)
				require.NoError(t, err)
				require.Equal(t, c.attempts, attempts)
				for _, tenant := range n.tenants[:shards] {
					require.Equal(t, []int64{1}, n.numbers(t, tenant))
				}
			})
		}
	}
}

// TestAWorkerThatIsLostAtTheCommitLeavesNoLie is about a transaction on one worker, which commits there before the coordinator does.
func TestAWorkerThatIsLostAtTheCommitLeavesNoLie(t *testing.T) {
	t.Parallel()
	t.Run("it has committed", func(t *testing.T) {
		t.Parallel()
		n := newNetwork(t)
		n.workers[0].Intercept(once(pgproxy.Cut, answers("COMMIT")))
		attempts, err := n.issue(t, n.tenants[0])
		require.ErrorIs(t, err, gapless.ErrOutcomeUnknown)
		require.ErrorContains(t, err, "could not commit transaction")
		require.Equal(t, 1, attempts)
		require.Equal(t, []int64{1}, n.numbers(t, n.tenants[0]))
	})
	t.Run("it has committed, over database/sql", func(t *testing.T) {
		t.Parallel()
		n := newNetwork(t)
		db, err := sql.Open("pgx", n.cluster.Coordinator.URL)
		require.NoError(t, err)
		defer db.Close()
		n.workers[0].Intercept(once(pgproxy.Cut, answers("COMMIT")))
		attempts := 0
		err = stdlib.InTx(t.Context(), db, func(tx *sql.Tx) error {
			attempts++
			_, err := tx.ExecContext(t.Context(), "INSERT INTO public.invoices (tenant) VALUES ($1)", n.tenants[0])
			return err
		})
		require.ErrorIs(t, err, gapless.ErrOutcomeUnknown)
		require.Equal(t, 1, attempts)
		require.Equal(t, []int64{1}, n.numbers(t, n.tenants[0]))
	})
	t.Run("it has not", func(t *testing.T) {
		t.Parallel()
		n := newNetwork(t)
		n.workers[0].Intercept(once(pgproxy.Cut, says("COMMIT")))
		attempts, err := n.issue(t, n.tenants[0])
		require.ErrorContains(t, err, "not committed")
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
		require.Equal(t, 1, attempts)
		require.Empty(t, n.numbers(t, n.tenants[0]))
		_, err = n.issue(t, n.tenants[0])
		require.NoError(t, err)
		require.Equal(t, []int64{1}, n.numbers(t, n.tenants[0]))
	})
	t.Run("it cannot be asked", func(t *testing.T) {
		t.Parallel()
		n := newNetwork(t)
		cut := once(pgproxy.Cut, says("COMMIT"))
		n.workers[0].Intercept(func(m pgproxy.Message) pgproxy.Verdict {
			verdict := cut(m)
			if verdict == pgproxy.Cut {
				n.workers[0].Refuse(true)
			}
			return verdict
		})
		_, err := n.issue(t, n.tenants[0])
		require.ErrorIs(t, err, gapless.ErrOutcomeUnknown)
		require.Empty(t, n.numbers(t, n.tenants[0]))
	})
}

// TestWhatIsPreparedIsAsTheCoordinatorHasDecided cuts the connections to both workers when they have prepared.
func TestWhatIsPreparedIsAsTheCoordinatorHasDecided(t *testing.T) {
	t.Parallel()
	t.Run("committed", func(t *testing.T) {
		t.Parallel()
		n := newNetwork(t)
		for _, w := range n.workers {
			w.Intercept(once(pgproxy.Cut, says("COMMIT PREPARED")))
		}
		n.client.Intercept(once(pgproxy.Cut, answers("COMMIT")))
		attempts, err := n.issue(t, n.tenants...)
		require.NoError(t, err)
		require.Equal(t, 1, attempts)
		for _, tenant := range n.tenants {
			require.Equal(t, []int64{1}, n.numbers(t, tenant))
		}
	})
	t.Run("rolled back", func(t *testing.T) {
		t.Parallel()
		n := newNetwork(t)
		n.workers[0].Intercept(once(pgproxy.Cut, says("ROLLBACK PREPARED")))
		n.workers[1].Intercept(once(pgproxy.Cut, answers("PREPARE TRANSACTION")))
		var token string
		var txid int64
		err := n.inTx(t.Context(), func(tx pgx.Tx) error {
			if err := tx.QueryRow(t.Context(), "SELECT current_setting('gapless.token'), txid_current()").Scan(&token, &txid); err != nil {
				return err
			}
			for _, tenant := range n.tenants {
				if _, err := tx.Exec(t.Context(), "INSERT INTO public.invoices (tenant) VALUES ($1)", tenant); err != nil {
					return err
				}
			}
			return nil
		})
		require.Error(t, err)
		require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
		require.Equal(t, "lost", *sqltest.Value[string](n.s, "SELECT gapless.outcome_gapless($1, $2)", token, txid))
		for _, tenant := range n.tenants {
			require.Empty(t, n.numbers(t, tenant))
		}
		_, err = n.issue(t, n.tenants...)
		require.NoError(t, err)
		for _, tenant := range n.tenants {
			require.Equal(t, []int64{1}, n.numbers(t, tenant))
		}
	})
}

// TestACommitThatIsStillAtWorkOnAWorkerIsWaitedFor ends the coordinator's part, as a crash does, while the worker's goes on.
func TestACommitThatIsStillAtWorkOnAWorkerIsWaitedFor(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	s := n.s
	s.Do("BEGIN")
	const token = "6f1d2c1e-6f0a-4a57-9d07-3c1f2a1b0c9d"
	txid := s.Number("SELECT gapless.mark_gapless($1)", token)
	s.Do("ROLLBACK")
	w := n.cluster.Workers[0].Connect(t) // as Citus's own session, which the coordinator has left
	w.Do("BEGIN")
	w.Do("SELECT set_config('gapless.distributed', left(encode(sha256(convert_to($1::text || ' ' || $2::bigint, 'UTF8')), 'hex'), 32), true)", token, txid)
	w.Do("SELECT gapless.next_gapless('of the worker')")

	ask := n.cluster.Connect(t)
	ask.Do("SET lock_timeout = '100ms'")
	require.Regexp(t, "^transaction [0-9]+ is still running on node ", ask.Refuse("55P03", "SELECT gapless.outcome_gapless($1, $2)", token, txid).Message)
	ask.Do("RESET lock_timeout")
	outcome := sqltest.Later(func() (outcome string, err error) {
		err = ask.QueryRow(context.WithoutCancel(t.Context()), "SELECT gapless.outcome_gapless($1, $2)", token, txid).Scan(&outcome)
		return outcome, err
	})
	w.Do("COMMIT")
	result := <-outcome
	require.NoError(t, result.Err)
	require.Equal(t, "unknown", result.Value, "the coordinator has rolled back, and the worker has not")
}

func TestCommitsAreNotGroupedWhereCitusDistributesTables(t *testing.T) {
	t.Parallel()
	c := citustest.New(t)
	pool := c.Pool(t)
	sqltest.NewGroupCommitter(t, pool, gapless.WithFsyncOff()) // nothing is distributed
	invoices(t, c)
	for name, begin := range map[string]func() error{
		"pgx": func() error {
			_, err := gapless.NewGroupCommitter(t.Context(), pool, gapless.WithFsyncOff())
			return err
		},
		"database/sql": func() error {
			db := pgxstdlib.OpenDBFromPool(pool)
			defer db.Close()
			_, err := stdlib.NewGroupCommitter(t.Context(), db, gapless.WithFsyncOff())
			return err
		},
	} {
		refused := sqltest.RequireCode(t, "0A000", begin())
		require.Equal(t, `database "`+c.Name+`" has tables that Citus distributes, which group commit would break`, refused.Message, name)
	}
}
