package citus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestWhatIsLeftPreparedIsNotLostUnseenWhenItsShardMoves has a transaction that the coordinator has committed and the worker has prepared, as
// one is left by a worker that ended between the two. Citus moves its shard by block_writes without it. By force_logical it waits.
func TestWhatIsLeftPreparedIsNotLostUnseenWhenItsShardMoves(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("INSERT INTO invoices (tenant) VALUES (1), (1)")
	prepare := func() place {
		t.Helper()
		p := placeOf(t, cluster, s, "invoices", 1)
		w := p.node.Connect(t)
		gid := "citus_0_999999_1_" + *sqltest.Value[string](s, "SELECT oid::text FROM pg_database WHERE datname = current_database()")
		w.Do("SET citus.enable_manual_changes_to_shards = on")
		w.Do("BEGIN")
		w.Do("INSERT INTO " + p.table + " (tenant) VALUES (1)")
		w.Do("PREPARE TRANSACTION '" + gid + "'")
		s.Do("INSERT INTO pg_dist_transaction (groupid, gid) SELECT groupid, $2 FROM pg_dist_node WHERE nodeport = $1", int(p.node.Port), gid)
		return p
	}
	p := prepare()
	moved := sqltest.Later(func() (any, error) { return nil, cluster.Move(t.Context(), p.shard, p.node, p.other, "force_logical") })
	p.node.Connect(t).Await(`SELECT EXISTS (
		SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
		WHERE a.datname = current_database() AND l.locktype = 'transactionid' AND NOT l.granted AND a.query ~* 'replication_slot'
	)`)
	require.Equal(t, []string{"1"}, sqltest.Texts(s, "SELECT recover_prepared_transactions()::text"))
	require.NoError(t, (<-moved).Err)
	s.Do("SELECT * FROM gapless.attach_shards()")
	sound(t, cluster)
	require.Equal(t, []int64{1, 2, 3}, s.Numbers("SELECT number FROM invoices WHERE tenant = 1 ORDER BY number"))

	prepare()
	move(t, cluster, s, "invoices", 1, "block_writes")
	require.Equal(t, []string{"1"}, sqltest.Texts(s, "SELECT recover_prepared_transactions()::text"))
	s.Do("SELECT * FROM gapless.attach_shards()")
	require.Equal(t, []string{"hole 4 the journal has it, and no row"}, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, explanation) FROM gapless.node_audit()"))
	require.EqualValues(t, 5, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
}
