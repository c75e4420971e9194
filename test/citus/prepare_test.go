package citus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestAPrepareThatWaitsForASeriesGivesUp, since what another transaction of two nodes has prepared may wait for this one, and
// nobody would find out.
func TestAPrepareThatWaitsForASeriesGivesUp(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string]string{"a row of each": "(1), (2)", "several": "(1), (2), (1), (2), (3), (4), (5)"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := citustest.New(t)
			s := cluster.Connect(t)
			s.Do("CREATE TABLE receipts (tenant int, id bigint GENERATED ALWAYS AS IDENTITY, number bigint, PRIMARY KEY (tenant, id), UNIQUE (tenant, number))")
			s.Do("SELECT create_distributed_table('receipts', 'tenant', shard_count => 4)")
			s.Do("SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt/' || NEW.tenant $$, at_commit => true)")
			s.Do("INSERT INTO receipts (tenant) VALUES (1)")
			one, other := placeOf(t, cluster, s, "receipts", 1), placeOf(t, cluster, s, "receipts", 2)
			require.NotEqual(t, one.node, other.node)

			holder := one.node.Connect(t)
			holder.Do("BEGIN")
			holder.Do("SELECT gapless.void_gapless('receipt/1', 1, 'a test')")
			refused := s.Refuse("40P01", "INSERT INTO receipts (tenant) VALUES "+rows)
			require.Contains(t, refused.Message, `sequence "receipt/1" was locked for too long while this transaction was prepared`)
			require.Contains(t, refused.Hint, "Retry the transaction.")

			// One of a single node waits, as on one server.
			observer, waiter := cluster.Connect(t), cluster.Connect(t)
			done := waiter.LaterNumber("INSERT INTO receipts (tenant) VALUES ($1) RETURNING tenant", 1)
			one.node.Connect(t).Await("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')")
			one.node.Connect(t).Await("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND now() - query_start > 2.5 * current_setting('deadlock_timeout')::interval)")
			holder.Do("ROLLBACK")
			require.NoError(t, (<-done).Err)
			s.Do("INSERT INTO receipts (tenant) VALUES " + rows)
			require.Empty(t, sqltest.Texts(observer, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"))
			require.Equal(t, []int64{1}, observer.Numbers("SELECT min(number) FROM receipts WHERE tenant = 2"))
			sound(t, cluster)
		})
	}
}
