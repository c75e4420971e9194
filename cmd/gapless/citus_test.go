package main

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/sqltest"
)

const objectsOfGapless = `SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = to_regnamespace('gapless')) || ' ' ||
	(SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('gapless') AND relkind IN ('r', 'v'))`

func TestMigrateDoesAllNodesOfCitusFromTheCoordinator(t *testing.T) {
	t.Parallel()
	c := citustest.NewEmpty(t)
	o := on(t, c.Coordinator.Database, "migrate", "status")
	require.Equal(t, exitMissing, o.code)
	require.Regexp(t, `^schema gapless: not installed \(the latest version is \d+\)\n`+
		`schema gapless on \S+: not installed \(the latest version is \d+\)\nschema gapless on \S+: not installed \(the latest version is \d+\)\n$`, o.stdout)

	first, second := address(c.Workers[0]), address(c.Workers[1])
	require.Regexp(t, "^schema gapless on "+first+`: version 0 → \d+\nschema gapless on `+second+`: version 0 → \d+\nschema gapless: version 0 → \d+\n$`,
		on(t, c.Coordinator.Database, "migrate", "up").stdout)
	all := sqltest.Texts(c.Connect(t), objectsOfGapless)
	require.NotEqual(t, []string{"0 0"}, all)
	for _, w := range c.Workers {
		require.Equal(t, all, sqltest.Texts(w.Connect(t), objectsOfGapless))
	}
	require.EqualValues(t, 0, c.Connect(t).Number("SELECT count(*) FROM pg_dist_object WHERE (pg_identify_object(classid, objid, objsubid)).identity ~ '^gapless([.]|$)'"), "Citus has nothing of it")

	require.Regexp(t, "^schema gapless on "+first+`: already at version \d+\nschema gapless on `+second+`: already at version \d+\nschema gapless: already at version \d+\n$`,
		on(t, c.Coordinator.Database, "migrate", "up").stdout)
	done := parsed[migrated](t, on(t, c.Coordinator.Database, "migrate", "up", "--json"))
	require.Equal(t, []migratedWorker{{Node: first, From: done.To, To: done.To}, {Node: second, From: done.To, To: done.To}}, done.Workers)
	require.Equal(t, []workerStatus{{Node: first, Current: done.To, State: "up_to_date"}, {Node: second, Current: done.To, State: "up_to_date"}},
		parsed[status](t, on(t, c.Coordinator.Database, "migrate", "status", "--json")).Workers)

	worker := on(t, c.Workers[0].Database, "migrate", "up")
	require.Regexp(t, `^schema gapless: already at version \d+\n$`, worker.stdout, "a worker does itself alone")
}

func TestMigrateChangesNothingWhereAWorkerOfCitusIsOutOfReachAndSaysWhatIsDoneWhereOneFails(t *testing.T) {
	t.Parallel()
	c := citustest.NewEmpty(t)
	first, second := c.Workers[0], c.Workers[1]
	cut := first.Outside(t)
	cut.Do("ALTER DATABASE " + c.Name + " ALLOW_CONNECTIONS false")
	cut.Do("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1", c.Name)
	o := on(t, c.Coordinator.Database, "migrate", "up")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "nothing is changed on any node: node "+address(first)+": ")
	require.Equal(t, []string{"0 0"}, sqltest.Texts(second.Connect(t), objectsOfGapless))
	require.Contains(t, on(t, c.Coordinator.Database, "migrate", "status").stdout, "schema gapless on "+address(first)+": not known: ")
	cut.Do("ALTER DATABASE " + c.Name + " ALLOW_CONNECTIONS true")

	other := second.Connect(t)
	other.Do("SET citus.enable_ddl_propagation = off")
	other.Do("CREATE SCHEMA gapless CREATE TABLE own ()")
	o = on(t, c.Coordinator.Database, "migrate", "up")
	require.Equal(t, exitFailure, o.code)
	require.Equal(t, "gapless: migrate: "+address(first)+" is done, the coordinator is as it was, and the rest failed: node "+address(second)+
		": this database has a schema gapless that is not this one\n", o.stderr)
	require.Equal(t, []string{"0 0"}, sqltest.Texts(c.Connect(t), objectsOfGapless))
	other.Do("DROP SCHEMA gapless CASCADE")

	c.Connect(t).Do("SELECT citus_disable_node($1, $2, true)", second.Host, int(second.Port))
	o = on(t, c.Coordinator.Database, "migrate", "up")
	require.Zero(t, o.code, o.stderr)
	require.Regexp(t, "^schema gapless on "+address(first)+`: already at version \d+\nschema gapless on `+address(second)+
		` is as it was, since the node is not active; repeat this when it is\nschema gapless: version 0 → \d+\n$`, o.stdout)
	o = on(t, c.Coordinator.Database, "migrate", "status")
	require.Equal(t, outcome{code: exitFailure, stdout: o.stdout, stderr: "gapless: node " + address(second) + " cannot be asked: the node is not active\n"}, o)
}

func TestANodeThatCitusAddsIsMigratedWithTheOthers(t *testing.T) {
	t.Parallel()
	c := citustest.New(t)
	s, second := c.Connect(t), c.Workers[1]
	s.Do("SELECT citus_remove_node($1, $2)", second.Host, int(second.Port))
	node := second.Connect(t)
	node.Do("SET citus.enable_ddl_propagation = off")
	node.Do("DROP SCHEMA gapless CASCADE")
	s.Do("CREATE TABLE invoices (tenant int, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT create_distributed_table('invoices', 'tenant', shard_count => 4)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")

	s.Do("SELECT citus_add_node($1, $2)", second.Host, int(second.Port))
	require.Equal(t, []string{"1 0"}, sqltest.Texts(node, objectsOfGapless), "Citus takes the function along, and the schema")
	status := on(t, c.Coordinator.Database, "migrate", "status")
	require.Equal(t, exitMissing, status.code)
	require.Equal(t, "gapless: gapless is not installed in node "+address(second)+"\nhint: run `gapless migrate up`\n", status.stderr)
	o := on(t, c.Coordinator.Database, "migrate", "up")
	require.Zero(t, o.code, o.stderr)
	require.Equal(t, address(second)+" is new: repeat `gapless grant` for the roles of applications\n", o.stderr)
	require.Zero(t, on(t, c.Coordinator.Database, "migrate", "status").code)
	require.Equal(t, sqltest.Texts(s, objectsOfGapless), sqltest.Texts(node, objectsOfGapless))
	require.EqualValues(t, 1, node.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"), "a session there")
}

func TestGrantAndRevokeReachEveryNodeOfCitus(t *testing.T) {
	t.Parallel()
	c := citustest.New(t)
	s := c.Connect(t)
	role, quoted := sqltest.Role(t, c.Coordinator.Database, "app")
	may := func() (may []bool) {
		for _, n := range c.Nodes() {
			may = append(may, *sqltest.Value[bool](n.Connect(t), "SELECT has_schema_privilege($1, 'gapless', 'USAGE') AND has_function_privilege($1, 'gapless.mark_gapless(uuid)', 'EXECUTE')", role))
		}
		return may
	}
	require.Equal(t, prints("role \""+role+"\" may take numbers\n"), on(t, c.Coordinator.Database, "grant", role))
	require.Equal(t, []bool{true, true, true}, may())
	require.Zero(t, on(t, c.Coordinator.Database, "revoke", role).code)
	require.Equal(t, []bool{false, false, false}, may())

	s.Do("SET citus.enable_create_role_propagation = off")
	s.Do("CREATE ROLE " + quoted[:len(quoted)-1] + ` here"`)
	t.Cleanup(func() { sqltest.DropRole(t, c.Coordinator.Database, quoted[:len(quoted)-1]+` here"`) })
	o := on(t, c.Coordinator.Database, "grant", role+" here")
	require.Equal(t, exitFailure, o.code)
	require.Regexp(t, `^gapless: node \S+: role ".* here" does not exist\n`, o.stderr)
}

func TestUninstallTakesGaplessFromEveryNodeOfCitus(t *testing.T) {
	t.Parallel()
	c := citustest.New(t)
	s := c.Connect(t)
	s.Do("CREATE TABLE invoices (tenant int, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT create_distributed_table('invoices', 'tenant', shard_count => 4)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
	s.Do("INSERT INTO invoices (tenant) SELECT generate_series(1, 6)")
	first, second := address(c.Workers[0]), address(c.Workers[1])

	cut := c.Workers[1].Outside(t)
	cut.Do("ALTER DATABASE " + c.Name + " ALLOW_CONNECTIONS false")
	cut.Do("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1", c.Name)
	require.Equal(t, exitFailure, on(t, c.Coordinator.Database, "uninstall", c.Name, "--yes").code)
	cut.Do("ALTER DATABASE " + c.Name + " ALLOW_CONNECTIONS true")
	s.Refuse("23001", "DELETE FROM invoices")

	require.Equal(t, "column public.invoices.number would be detached; its numbers stay\nschema gapless would be dropped on the coordinator and on "+first+", "+second+
		", with 6 sequences, 6 rows of the journal, 0 void numbers, 0 decisions and 0 recorded audits\nTo do it: gapless uninstall "+c.Name+"\n",
		on(t, c.Coordinator.Database, "uninstall").stdout)

	other := c.Workers[1].Connect(t)
	other.Do("SET citus.enable_ddl_propagation = off")
	other.Do("CREATE VIEW needed AS SELECT * FROM gapless.sequences")
	o := on(t, c.Coordinator.Database, "uninstall", c.Name, "--yes")
	require.Equal(t, outcome{code: exitFailure, stderr: "gapless: node " + second + ": gapless cannot be taken away: something needs it, or its schema\n" +
		"hint: the coordinator has gapless still: mend that, and repeat it\n"}, o)
	require.Equal(t, []string{"0 0"}, sqltest.Texts(c.Workers[0].Connect(t), objectsOfGapless))
	other.Do("DROP VIEW needed")
	o = on(t, c.Coordinator.Database, "uninstall", c.Name, "--yes")
	require.Zero(t, o.code, o.stderr)
	for _, n := range c.Nodes() {
		require.Equal(t, []string{"0 0"}, sqltest.Texts(n.Connect(t), objectsOfGapless))
		require.EqualValues(t, 0, n.Connect(t).Number("SELECT count(*) FROM pg_dist_object WHERE (pg_identify_object(classid, objid, objsubid)).identity ~ '^gapless([.]|$)'"))
	}
	s.Do("INSERT INTO invoices VALUES (1, 7)")
	require.EqualValues(t, 7, s.Number("SELECT count(*) FROM invoices"))

	require.Zero(t, on(t, c.Coordinator.Database, "migrate", "up").code)
}

func address(n citustest.Node) string { return n.Host + ":" + strconv.Itoa(int(n.Port)) }
