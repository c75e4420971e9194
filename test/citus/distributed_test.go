package citus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestATableThatIsDistributedByTenantNumbersItselfOnTheWorkers(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	for tenant := range 8 {
		for number := range 3 {
			require.EqualValues(t, number+1, s.Number("INSERT INTO invoices (tenant) VALUES ($1) RETURNING number", tenant))
		}
	}
	require.EqualValues(t, 24, s.Number("SELECT count(DISTINCT (tenant, number)) FROM invoices WHERE number BETWEEN 1 AND 3"))
	s.Refuse("23001", "DELETE FROM invoices WHERE tenant = 1")

	taken := 0
	for _, worker := range cluster.Workers {
		w := worker.Connect(t)
		w.Do("SET citus.override_table_visibility = off") // a client sees no shards, and its audit nothing of theirs
		sqltest.RequireSound(w)
		sequences := w.Number("SELECT count(*) FROM gapless.sequences WHERE last_value = 3")
		require.Positive(t, sequences)
		taken += int(sequences)
	}
	require.Equal(t, 8, taken)
}

// invoices makes the table invoices, which is distributed by tenant and has a series for each. It returns a session on the coordinator.
func invoices(t *testing.T, cluster *citustest.Cluster) sqltest.Session {
	t.Helper()
	s := cluster.Connect(t)
	s.Do("CREATE TABLE invoices (tenant int, number bigint, note text, UNIQUE (tenant, number))")
	s.Do("SELECT create_distributed_table('invoices', 'tenant', shard_count => 4)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
	return s
}
