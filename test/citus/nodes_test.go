package citus_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// What the coordinator says of all nodes, and what a session on a worker sees.

// sick is what gapless.doctor finds, but for the settings of the servers, which are the tests'.
func sick(s sqltest.Session) []string {
	s.T.Helper()
	return sqltest.Texts(s, "SELECT concat_ws(' ', severity, finding, object) FROM gapless.doctor WHERE finding <> 'unsafe_setting'")
}

// numbered is the table invoices, with three numbers for each of eight tenants.
func numbered(t *testing.T, cluster *citustest.Cluster) sqltest.Session {
	t.Helper()
	s := invoices(t, cluster)
	s.Do("INSERT INTO invoices (tenant) SELECT i % 8 FROM generate_series(1, 24) AS i")
	return s
}

// holder is the worker that has the series of a tenant, with another one.
func holder(t *testing.T, cluster *citustest.Cluster, tenant int) (has, other citustest.Node) {
	t.Helper()
	for i, worker := range cluster.Workers {
		if worker.Connect(t).Number("SELECT count(*) FROM gapless.sequences WHERE name = $1", fmt.Sprintf("invoice/%d", tenant)) == 1 {
			return worker, cluster.Workers[(i+1)%len(cluster.Workers)]
		}
	}
	t.Fatalf("no worker has tenant %d", tenant)
	return
}

// node is its name in what is found.
func node(n citustest.Node) string { return fmt.Sprintf("%s:%d", n.Host, n.Port) }

func TestTheCoordinatorSeesWhatAllNodesHave(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := numbered(t, cluster)
	require.Empty(t, sick(s))

	s.Do("SELECT gapless.next_gapless('till')")
	require.Equal(t, []string{
		"invoice/0 3 public.invoices", "invoice/1 3 public.invoices", "invoice/2 3 public.invoices", "invoice/3 3 public.invoices",
		"invoice/4 3 public.invoices", "invoice/5 3 public.invoices", "invoice/6 3 public.invoices", "invoice/7 3 public.invoices", "till 1",
	}, sqltest.Texts(s, "SELECT concat_ws(' ', name, last_value, distributed_table) FROM gapless.node_sequences()"))
	require.Equal(t, []string{node(cluster.Coordinator)}, sqltest.Texts(s, "SELECT nodename || ':' || nodeport FROM gapless.node_sequences() WHERE name = 'till'"))
	require.EqualValues(t, 9, s.Number("SELECT count(*) FROM gapless.node_sequences() AS n LEFT JOIN pg_dist_shard AS d ON d.shardid = n.shard AND n.attached_column = 'public.invoices_' || d.shardid || '.number' WHERE d.shardid IS NOT NULL OR n.name = 'till'"))
	require.Equal(t, []string{"public.invoices number t 'invoice/' || NEW.tenant 4"},
		sqltest.Texts(s, "SELECT concat_ws(' ', distributed_table, column_name, guarded, trim(name), count(DISTINCT shard)) FROM gapless.node_columns() GROUP BY distributed_table, column_name, guarded, name"))
	require.Equal(t, []string{"compared 9"}, sqltest.Texts(s, "SELECT explanation || ' ' || count(*) FROM gapless.node_audit(with_series => true) GROUP BY explanation"))
	require.Equal(t, []string{"invoice/5 3"}, sqltest.Texts(s, "SELECT sequence || ' ' || (details ->> 'documents') FROM gapless.node_audit('invoice/5', with_series => true)"))
	require.EqualValues(t, 8, s.Number("SELECT count(*) FROM gapless.node_audit(target => 'invoices', with_series => true) WHERE distributed_table = 'public.invoices'"))
	require.EqualValues(t, 8, s.Number("SELECT count(*) FROM gapless.node_audit(pattern => 'invoice/%', target => 'invoices', target_column => 'number', with_series => true)"))

	require.Empty(t, sqltest.Texts(s, `SELECT kind FROM gapless.node_audit(pattern => 'it''s \% %s', with_series => true)`), "a text is taken as it is")
	s.Do("CREATE TABLE plain (tenant int, number bigint)")
	for _, arguments := range []string{"target => 'plain'", "target => 'invoices', target_column => 'tenant'"} {
		s.Refuse("42704", "SELECT * FROM gapless.node_audit("+arguments+")")
	}

	busy := cluster.Connect(t)
	busy.Do("BEGIN; INSERT INTO invoices (tenant) VALUES (5)")
	has, _ := holder(t, cluster, 5)
	require.Equal(t, []string{node(has) + " invoice/5 holds true"},
		sqltest.Texts(s, "SELECT concat_ws(' ', nodename || ':' || nodeport, name, state, (transaction_age > interval '0')::text) FROM gapless.node_holders()"))
	busy.Do("COMMIT")
	require.Empty(t, sqltest.Texts(s, "SELECT name FROM gapless.node_holders()"))
}

// TestANodeThatCannotBeReadIsNotSound, and never looks like one without findings.
func TestANodeThatCannotBeReadIsNotSound(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := numbered(t, cluster)
	has, other := holder(t, cluster, 5)
	plant(t, other)
	missing := s.Number("SELECT count(*) FROM gapless.node_audit() WHERE kind = 'hole'")
	require.Positive(t, missing)

	database := *sqltest.Value[string](s, "SELECT quote_ident(current_database())")
	outside := has.Outside(t)
	outside.Do("ALTER DATABASE " + database + " ALLOW_CONNECTIONS false")
	for _, function := range []string{"node_sequences", "node_columns", "node_holders"} {
		refused := s.Refuse("38000", "SELECT * FROM gapless."+function+"()")
		require.Contains(t, refused.Message, "node "+node(has)+": ")
	}
	require.Equal(t, missing, s.Number("SELECT count(*) FROM gapless.node_audit() WHERE kind = 'hole'"), "the others are audited")
	require.Equal(t, []string{node(has) + "  f"}, sqltest.Texts(s, "SELECT concat_ws(' ', nodename || ':' || nodeport, sequence, explained) FROM gapless.node_audit() WHERE kind = 'not read'"))
	require.Equal(t, []string{"critical node_unread " + node(has)}, sick(s))
	outside.Do("ALTER DATABASE " + database + " ALLOW_CONNECTIONS true")
	require.Empty(t, sick(s))
	require.Equal(t, missing, s.Number("SELECT count(*) FROM gapless.node_audit() WHERE NOT explained"))

	worker := has.Connect(t)
	worker.Do("SET citus.enable_ddl_propagation = off")
	worker.Do("ALTER FUNCTION gapless.check_name(text) RENAME TO another")
	require.Contains(t, sick(s), "critical node_version "+node(has))
	worker.Do("DROP SCHEMA gapless CASCADE")
	require.Equal(t, []string{"critical node_without_gapless " + node(has)}, sick(s))
	require.Contains(t, sqltest.Texts(s, "SELECT explanation FROM gapless.node_audit() WHERE kind = 'not read' AND attached_column IS NULL")[0], "the node could not be audited: ")
	s.Refuse("38000", "SELECT * FROM gapless.node_sequences()")
}

// TestASeriesThatTwoNodesHaveIsFound: each counts for itself.
func TestASeriesThatTwoNodesHaveIsFound(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := numbered(t, cluster)
	_, other := holder(t, cluster, 5)
	other.Connect(t).Do("SELECT gapless.next_gapless('invoice/5')")
	require.Equal(t, []string{"critical series_split invoice/5"}, sick(s))
	for _, arguments := range []string{"", "'invoice/5'", "pattern => '%5'"} {
		require.Equal(t, []string{"invoice/5 split f", "invoice/5 split f"}, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, kind, explained) FROM gapless.node_audit("+arguments+")"), arguments)
	}
	require.Len(t, sqltest.Texts(s, "SELECT DISTINCT nodeport::text FROM gapless.node_audit()"), 2)
	require.Empty(t, sqltest.Texts(s, "SELECT kind FROM gapless.node_audit('invoice/4')"))
	other.Connect(t).Do("SELECT gapless.delete_gapless('invoice/5')")
	require.Empty(t, sick(s))
}

// plant deletes a row of each of a node's series, behind the triggers' back.
func plant(t *testing.T, worker citustest.Node) {
	t.Helper()
	w := worker.Connect(t)
	w.Do("SET citus.override_table_visibility = off")
	for _, shard := range sqltest.Texts(w, "SELECT table_name FROM gapless.columns") {
		w.Do("BEGIN; SET LOCAL session_replication_role = replica; SET LOCAL citus.enable_manual_changes_to_shards = on; DELETE FROM " + shard + " WHERE number = 2; COMMIT")
	}
}

// TestASessionOnAWorkerIsNotBlind, though Citus hides the shards from it; where it is, it says so.
func TestASessionOnAWorkerIsNotBlind(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	numbered(t, cluster)
	has, _ := holder(t, cluster, 5)
	plant(t, has)
	w := has.Connect(t)
	require.Zero(t, w.Number("SELECT count(*) FROM pg_class WHERE relname LIKE 'invoices\\_1%' AND relkind = 'r'"), "they are not hidden")
	for range 7 { // plans are kept after some
		require.NotEmpty(t, sqltest.Texts(w, "SELECT kind FROM gapless.audit_gapless() WHERE kind = 'hole'"))
		require.Equal(t, []string{"hole 2"}, sqltest.Texts(w, "SELECT concat_ws(' ', kind, first_value) FROM gapless.audit_gapless('invoice/5')"))
		w.Refuse("55000", "SELECT gapless.next_gapless('invoice/5')")
		w.Refuse("2BP01", "SELECT gapless.delete_gapless('invoice/5')")
	}
	require.Equal(t, []string{"warning shards_hidden " + cluster.Name}, sick(w))
	require.Regexp(t, `^invoices_\d+\.number$`, sqltest.Texts(w, "SELECT attached_column FROM gapless.sequences WHERE name = 'invoice/5'")[0])
	hidden := sqltest.Texts(w, "SELECT concat_ws(' ', guarded, faults[1]) FROM gapless.columns")
	require.NotEmpty(t, hidden)
	require.Contains(t, hidden[0], "f Citus hides the table from this session: ")
	w = has.Connect(t) // that one's client keeps its plans
	w.Do("SET citus.override_table_visibility = off")
	require.Empty(t, sick(w))
	require.Equal(t, []string{"t"}, sqltest.Texts(w, "SELECT DISTINCT guarded::text::char(1) FROM gapless.columns"))

	w.Do("ALTER FUNCTION gapless.audit_gapless RESET ALL")
	require.Contains(t, sick(w), "critical shards_unread gapless.audit_gapless")
}

// role makes one on the coordinator alone.
func role(t *testing.T, cluster *citustest.Cluster, suffix string) string {
	t.Helper()
	name := cluster.Name + "_" + suffix
	s := cluster.Connect(t)
	s.Do("CREATE ROLE " + name)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, cluster.Coordinator.URL)
		require.NoError(t, err)
		defer conn.Close(ctx)
		for _, statement := range []string{"DROP OWNED BY " + name, "DROP ROLE " + name} {
			_, err = conn.Exec(ctx, statement)
			require.NoError(t, err)
		}
	})
	return name
}

// TestTheCoordinatorsDoctorHasTheWorkersFindings, for whoever may read it.
func TestTheCoordinatorsDoctorHasTheWorkersFindings(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := numbered(t, cluster)
	has, _ := holder(t, cluster, 5)
	monitor, other := role(t, cluster, "monitor"), role(t, cluster, "other")
	s.Do("SET citus.enable_ddl_propagation = off")
	s.Do("GRANT USAGE ON SCHEMA gapless TO " + monitor + ", " + other)
	s.Do("GRANT pg_monitor TO " + monitor)
	s.Do("GRANT SELECT ON gapless.doctor TO " + monitor)
	s.Do("SET ROLE " + monitor)
	require.Empty(t, sick(s))

	w := has.Connect(t)
	w.Do("SET citus.override_table_visibility = off")
	shard := sqltest.Texts(w, "SELECT table_name FROM gapless.columns")[0]
	w.Do("SET citus.enable_manual_changes_to_shards = on; SET citus.enable_unsafe_triggers = on; SET citus.enable_ddl_propagation = off")
	w.Do("ALTER TABLE " + shard + " DISABLE TRIGGER USER")
	require.Contains(t, sick(s), "critical guard_off "+shard+".number on node "+node(has))
	require.Contains(t, sqltest.Texts(s, "SELECT remedy FROM gapless.doctor WHERE finding = 'guard_off' AND starts_with(object, $1)", shard)[0], "On node "+node(has)+": ")
	s.Do("RESET ROLE; SET ROLE " + other)
	s.Refuse("42501", "SELECT * FROM gapless.doctor")
	s.Refuse("42501", "SELECT * FROM gapless.doctor_nodes()")
	s.Do("RESET ROLE")
}

// TestTheCommandLineAuditsAllNodesFromTheCoordinator, and says on a worker that it is one node's.
func TestTheCommandLineAuditsAllNodesFromTheCoordinator(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	numbered(t, cluster)
	has, _ := holder(t, cluster, 5)
	program := filepath.Join(t.TempDir(), "gapless")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/gapless").CombinedOutput()
	require.NoError(t, err, "%s", built)
	run := func(n citustest.Node, arguments ...string) (output string, code int) {
		command := exec.CommandContext(t.Context(), program, arguments...)
		command.Env = append(os.Environ(), "GAPLESS_DATABASE_URL="+n.URL)
		out, err := command.CombinedOutput()
		if err != nil {
			var exited *exec.ExitError
			require.ErrorAs(t, err, &exited)
		}
		return string(out), command.ProcessState.ExitCode()
	}
	output, code := run(cluster.Coordinator, "audit")
	require.Equal(t, fmt.Sprintf("no finding in 8 sequences, 24 documents, on %d nodes\n", len(cluster.Nodes())), output)
	require.Zero(t, code)
	output, code = run(has, "audit")
	require.Contains(t, output, "documents, on this node of Citus alone")
	require.Zero(t, code)
	output, code = run(cluster.Coordinator, "audit", "--record")
	require.Contains(t, output, "cannot be recorded")
	require.Equal(t, 2, code)

	for command, function := range map[string]string{"list": "node_sequences", "columns": "node_columns", "holders": "node_holders"} {
		output, code = run(cluster.Coordinator, command)
		require.Contains(t, output, "this node of Citus alone; on the coordinator, SELECT * FROM gapless."+function+"() has all nodes")
		require.Zero(t, code)
	}

	plant(t, has)
	output, code = run(cluster.Coordinator, "audit", "--csv", "--column", "invoices.number")
	require.Regexp(t, `(?m)^invoice/5,public\.invoices_\d+\.number on node `+node(has)+`,hole,2,2,false,"?the journal has it, and no row`, output)
	require.Equal(t, 1, code)
	page := filepath.Join(t.TempDir(), "audit.html")
	_, code = run(cluster.Coordinator, "audit", "--html", page)
	require.Equal(t, 1, code)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, n := range cluster.Nodes() {
		require.Contains(t, string(text), node(n))
	}

	w := has.Connect(t)
	w.Do("SET citus.enable_ddl_propagation = off")
	w.Do("DROP SCHEMA gapless CASCADE")
	output, code = run(cluster.Coordinator, "audit")
	require.Contains(t, output, "node "+node(has)+": the node could not be audited: ")
	require.Contains(t, output, "gapless: incomplete: ")
	require.Equal(t, 1, code)
	output, code = run(cluster.Coordinator, "doctor")
	require.Contains(t, output, "node_without_gapless: "+node(has))
	require.Equal(t, 1, code)
}

// TestAShardThatWasMovedIsAFinding, with its series, until attach_shards has brought them; and so is what that leaves.
func TestAShardThatWasMovedIsAFinding(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := numbered(t, cluster)
	p := placeOf(t, cluster, s, "invoices", 5)
	series := sqltest.Texts(s, "SELECT name FROM gapless.node_sequences() WHERE shard = $1", p.shard)
	move(t, cluster, s, "invoices", 5, "block_writes")

	gone := fmt.Sprintf("critical shard_left public.%s.number on node %s", p.table, node(p.node))
	require.Equal(t, []string{gone, "critical shard_unattached public.invoices.number"}, sick(s))
	s.Do("CALL citus_cleanup_orphaned_resources()") // now its table is gone there, which else takes some seconds
	require.Equal(t, []string{gone, "critical shard_unattached public.invoices.number"}, sick(s))
	for _, arguments := range []string{"", "target => 'invoices'", "'invoice/5'"} {
		require.Contains(t, sqltest.Texts(s, "SELECT concat_ws(' ', nodename || ':' || nodeport, sequence, attached_column, explained, distributed_table, shard) FROM gapless.node_audit("+arguments+") WHERE kind = 'not read'"),
			fmt.Sprintf("%s  public.%s.number f public.invoices %d", node(p.other), p.table, p.shard), arguments)
	}
	require.ElementsMatch(t, series, sqltest.Texts(s, "SELECT sequence FROM gapless.node_audit() WHERE explanation LIKE 'shard % is not on this node any more: %'"))

	s.Do("SELECT * FROM gapless.attach_shards()")
	require.Empty(t, sick(s))
	require.Empty(t, sqltest.Texts(s, "SELECT kind FROM gapless.node_audit()"))

	// What is left of a shard whose table is gone is one finding, and not that a table was dropped.
	s.Do("DROP TABLE invoices")
	found := sick(s)
	require.NotEmpty(t, found)
	for _, finding := range found {
		require.Contains(t, finding, "critical shard_left public.invoices_")
	}
	require.EqualValues(t, 8, s.Number("SELECT count(*) FROM gapless.node_audit() WHERE kind = 'not read' AND NOT explained"))
}
