package citus_test

import (
	"fmt"
	"testing"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestWhatAttachParsesOnTheCoordinatorIsMadeThereAlone, since a shard can have the same OID on its node, where attaching it would wait for
// the coordinator's view of that name, for ever.
func TestWhatAttachParsesOnTheCoordinatorIsMadeThereAlone(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := cluster.Connect(t)
	s.Do("CREATE TABLE invoices (tenant int, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT create_distributed_table('invoices', 'tenant', shard_count => 4)")
	for _, worker := range cluster.Workers {
		w := worker.Connect(t)
		w.Do("SET citus.enable_ddl_propagation = off")
		w.Do(fmt.Sprintf(`CREATE TABLE "~gapless_expression_%d" ()`, s.Number("SELECT 'invoices'::regclass::oid::bigint")))
	}
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
	s.Do("INSERT INTO invoices (tenant) VALUES (1)")
	sqltest.RequireSound(s)
}
