package citus_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// place is where the shard of a tenant is: its number, its node, and a worker where it is not.
type place struct {
	shard       int64
	table       string
	node, other citustest.Node
}

func placeOf(t *testing.T, cluster *citustest.Cluster, s sqltest.Session, table string, tenant int) (p place) {
	t.Helper()
	var port uint16
	require.NoError(t, s.QueryRow(s.Ctx, `SELECT s.shardid, s.shard_name, s.nodeport FROM citus_shards AS s
		WHERE s.shardid = get_shard_id_for_distribution_column($1::text::regclass, $2::int)`, table, tenant).Scan(&p.shard, &p.table, &port))
	for _, worker := range cluster.Workers {
		if worker.Port == port {
			p.node = worker
		} else {
			p.other = worker
		}
	}
	require.NotZero(t, p.node)
	return p
}

// move has Citus move the shard of a tenant to another worker. Each mode copies it in its own way.
func move(t *testing.T, cluster *citustest.Cluster, s sqltest.Session, table string, tenant int, mode string) (from, to citustest.Node) {
	t.Helper()
	p := placeOf(t, cluster, s, table, tenant)
	require.NoError(t, cluster.Move(t.Context(), p.shard, p.node, p.other, mode))
	return p.node, p.other
}

const attachShards = "SELECT outcome FROM gapless.attach_shards()"

// refuses requires that a tenant's shard refuses whatever writes.
func refuses(t *testing.T, s sqltest.Session, tenant int) {
	t.Helper()
	for _, statement := range []string{
		"INSERT INTO invoices (tenant) VALUES (%d)",
		"INSERT INTO invoices (tenant, number) VALUES (%d, 1) ON CONFLICT (tenant, number) DO UPDATE SET note = 'x'",
		"UPDATE invoices SET number = number + 1 WHERE tenant = %d",
		"DELETE FROM invoices WHERE tenant = %d",
	} {
		refused := s.Refuse("55000", fmt.Sprintf(statement, tenant))
		require.Contains(t, refused.Message, "is not attached here: the shard was moved or split")
		require.Equal(t, "On the coordinator: SELECT * FROM gapless.attach_shards();", refused.Hint)
	}
	// What Citus sends to the shards by COPY comes without its SQLSTATE and its hint.
	_, message := s.Try(fmt.Sprintf("INSERT INTO invoices (tenant) SELECT %d FROM generate_series(1, 3)", tenant))
	require.Contains(t, message, "is not attached here: the shard was moved or split")
}

func TestAShardThatWasMovedRefusesWritesUntilItIsAttachedAndGoesOn(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"block_writes", "force_logical"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			cluster := citustest.New(t)
			s := invoices(t, cluster)
			s.Do("INSERT INTO invoices (tenant) SELECT t FROM generate_series(1, 8) AS t, generate_series(1, 3)")
			p := placeOf(t, cluster, s, "invoices", 1)
			source := p.node.Connect(t)
			// The newest number is void, and its row is gone: the rows alone would give it again.
			source.Do("SELECT gapless.void_gapless('invoice/1', 3, 'typing error')")
			s.Do("DELETE FROM invoices WHERE tenant = 1 AND number = 3")
			source.Do("SELECT gapless.close_gapless('invoice/1', 'the year is over'), gapless.open_gapless('invoice/1', 'it is not')")
			before := about(t, source)

			_, to := move(t, cluster, s, "invoices", 1, mode)
			refuses(t, s, 1)
			require.Contains(t, sqltest.Texts(s, "SELECT shard FROM gapless.node_shards() WHERE NOT attached"), strconv.FormatInt(p.shard, 10))

			outcomes := sqltest.Texts(s, attachShards)
			require.Len(t, outcomes, 1)
			require.Regexp(t, `^attached, with \d series from .+:\d+$`, outcomes[0])
			require.Empty(t, sqltest.Texts(s, attachShards))
			require.Empty(t, sqltest.Texts(s, "SELECT shard FROM gapless.node_shards() WHERE NOT attached"))
			require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))

			target := to.Connect(t)
			require.Subset(t, about(t, target), before)
			require.Empty(t, about(t, source))
			require.Empty(t, sqltest.Texts(source, "SELECT relation::text FROM gapless.shard WHERE shard = $1", p.shard))
			sound(t, cluster)
		})
	}
}

// about is what a node knows of tenant 1's series.
func about(t *testing.T, s sqltest.Session) []string {
	t.Helper()
	return sqltest.Texts(s, `SELECT concat_ws(' ', 'journal', first_value, last_value, kind, allocated_at, allocated_by) FROM gapless.journal WHERE name = 'invoice/1'
		UNION ALL SELECT concat_ws(' ', 'void', value, reason, voided_at, voided_by) FROM gapless.void WHERE name = 'invoice/1'
		UNION ALL SELECT concat_ws(' ', 'decision', kind, reason, decided_at) FROM gapless.decision WHERE name = 'invoice/1'
		UNION ALL SELECT concat_ws(' ', 'sequence', name) FROM gapless.sequence_lock WHERE name = 'invoice/1'`)
}

// sound requires that the audits of all nodes find nothing unexplained.
func sound(t *testing.T, cluster *citustest.Cluster) {
	t.Helper()
	for _, node := range cluster.Nodes() {
		n := node.Connect(t)
		n.Do("SET citus.override_table_visibility = off")
		sqltest.RequireSound(n)
	}
}

func TestAShardThatComesBackBeforeItWasAttachedHasItsSeries(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("INSERT INTO invoices (tenant) SELECT 1 FROM generate_series(1, 3)")
	move(t, cluster, s, "invoices", 1, "block_writes")
	move(t, cluster, s, "invoices", 1, "block_writes")
	refuses(t, s, 1)
	outcomes := sqltest.Texts(s, attachShards)
	require.Len(t, outcomes, 1)
	require.Regexp(t, "^attached, with 1 series that were here$", outcomes[0])
	require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	sound(t, cluster)
}

func TestASeriesWithoutRowsMovesWithItsShard(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("INSERT INTO invoices (tenant) VALUES (1)")
	p := placeOf(t, cluster, s, "invoices", 1)
	p.node.Connect(t).Do("SELECT gapless.void_gapless('invoice/1', 1, 'a test')")
	s.Do("DELETE FROM invoices WHERE tenant = 1")
	for range 2 { // there and back
		move(t, cluster, s, "invoices", 1, "block_writes")
		require.Len(t, sqltest.Texts(s, attachShards), 1)
	}
	require.EqualValues(t, 2, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	sound(t, cluster)
}

func TestATenantThatIsIsolatedTakesItsSeriesAlong(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("INSERT INTO invoices (tenant) SELECT t FROM generate_series(1, 8) AS t, generate_series(1, 3)")
	s.Do("SELECT isolate_tenant_to_new_shard('invoices', 1, shard_transfer_mode => 'block_writes')")
	refuses(t, s, 1)
	move(t, cluster, s, "invoices", 1, "block_writes") // before anything is attached
	require.Len(t, sqltest.Texts(s, attachShards), 3)
	require.Empty(t, sqltest.Texts(s, attachShards))
	for tenant := 1; tenant <= 8; tenant++ {
		require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES ($1) RETURNING number", tenant))
	}
	sound(t, cluster)
}

// split has Citus split the shard of a tenant in two, both on the other worker.
func split(t *testing.T, cluster *citustest.Cluster, s sqltest.Session, table string, tenant int) {
	t.Helper()
	p := placeOf(t, cluster, s, table, tenant)
	s.Do(`SELECT citus_split_shard_by_split_points($1, ARRAY[(shardminvalue::bigint + 500000000)::text], ARRAY[n.nodeid, n.nodeid], 'block_writes')
		FROM pg_dist_shard, pg_dist_node AS n WHERE shardid = $1 AND n.nodeport = $2`, p.shard, int(p.other.Port))
}

func TestAShardIsSplitAndASeriesWithoutRowsFollowsTheTenantOfItsVoids(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("INSERT INTO invoices (tenant) SELECT t FROM generate_series(1, 8) AS t, generate_series(1, 3)")
	p := placeOf(t, cluster, s, "invoices", 1)
	p.node.Connect(t).Do("SELECT gapless.void_gapless_batch('invoice/1', 1, 3, 'a test')")
	s.Do("DELETE FROM invoices WHERE tenant = 1")
	split(t, cluster, s, "invoices", 1)
	require.Len(t, sqltest.Texts(s, attachShards), 2)
	require.Empty(t, sqltest.Texts(s, attachShards))
	for tenant := 1; tenant <= 8; tenant++ {
		require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES ($1) RETURNING number", tenant))
	}
	sound(t, cluster)
}

func TestAShardIsSplitAndItIsSaidOfWhichPartASeriesWithoutRowsIs(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("INSERT INTO invoices (tenant) SELECT t FROM generate_series(1, 8) AS t, generate_series(1, 3)")
	p := placeOf(t, cluster, s, "invoices", 1)
	p.node.Connect(t).Do("SELECT gapless.archive_gapless('invoice/1', 3, 'ten years are over')")
	s.Do("DELETE FROM invoices WHERE tenant = 1") // and no void tells of which tenant it was
	split(t, cluster, s, "invoices", 1)
	refused := s.Refuse("55000", "SELECT * FROM gapless.attach_shards()")
	require.Contains(t, refused.Message, `"invoice/1"`)
	refuses(t, s, 1)
	require.Len(t, sqltest.Texts(s, `SELECT outcome FROM gapless.attach_shards('invoices', jsonb_build_object('invoice/1', get_shard_id_for_distribution_column('invoices', 1)))`), 2)
	require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	sound(t, cluster)
}

// TestASplitThatPartsASeriesIsRefused, of a name that tells the tenants not apart.
func TestASplitThatPartsASeriesIsRefused(t *testing.T) {
	t.Parallel()
	s := citustest.New(t).Connect(t)
	s.Do("CREATE TABLE invoices (tenant int, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT create_distributed_table('invoices', 'tenant', shard_count => 1)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant % 2 $$)")
	s.Do("INSERT INTO invoices (tenant) SELECT generate_series(1, 40)")
	s.Do(`SELECT citus_split_shard_by_split_points((SELECT shardid FROM pg_dist_shard), '{0}', (SELECT array_agg(nodeid) FROM pg_dist_node WHERE groupid > 0), 'block_writes')`)
	require.Regexp(t, `: sequence "invoice/[01]" is of shards \d+ and \d+$`, s.Refuse("55000", attachShards).Message)
}

// TestASplitLeavesTheSeriesOfAnotherTableThatIsGone where they are, though they have the same tenants.
func TestASplitLeavesTheSeriesOfAnotherTableThatIsGone(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("INSERT INTO invoices (tenant) SELECT t FROM generate_series(1, 8) AS t")
	s.Do("CREATE TABLE bills (tenant int, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT create_distributed_table('bills', 'tenant', colocate_with => 'invoices')")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill/' || NEW.tenant $$)")
	s.Do("INSERT INTO bills (tenant) VALUES (1)")
	source := placeOf(t, cluster, s, "bills", 1).node.Connect(t)
	source.Do("SELECT gapless.void_gapless('bill/1', 1, 'a test')")
	s.Do("DELETE FROM bills")
	s.Do("DROP TABLE bills")
	split(t, cluster, s, "invoices", 1)
	require.Len(t, sqltest.Texts(s, attachShards), 2)
	require.EqualValues(t, 2, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	require.Equal(t, []string{"bill/1"}, sqltest.Texts(source, "SELECT name FROM gapless.sequence_lock WHERE name LIKE 'bill%'"))
}

// TestATableThatIsMadeAnewKeepsItsSeries whether it was detached meanwhile, or took its guard along.
func TestATableThatIsMadeAnewKeepsItsSeries(t *testing.T) {
	t.Parallel()
	for _, detached := range []bool{false, true} {
		t.Run(fmt.Sprintf("detached %t", detached), func(t *testing.T) {
			t.Parallel()
			cluster := citustest.New(t)
			s := invoices(t, cluster)
			s.Do("INSERT INTO invoices (tenant) SELECT t FROM generate_series(1, 8) AS t, generate_series(1, 3)")
			for tenant := 1; tenant <= 8; tenant++ {
				placeOf(t, cluster, s, "invoices", tenant).node.Connect(t).Do("SELECT gapless.void_gapless('invoice/' || $1::int, 3, 'typing error')", tenant)
			}
			s.Do("DELETE FROM invoices WHERE number = 3")
			if detached {
				s.Do("SELECT gapless.detach_gapless('invoices', 'number')")
			} else {
				s.Do("SET citus.enable_unsafe_triggers = on")
			}
			s.Do("SELECT alter_distributed_table('invoices', shard_count := 7, cascade_to_colocated := false)")
			if detached {
				s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
			} else {
				require.Len(t, sqltest.Texts(s, attachShards), 7)
			}
			for tenant := 1; tenant <= 8; tenant++ {
				require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES ($1) RETURNING number", tenant), "tenant %d", tenant)
			}
			sound(t, cluster)
			require.Empty(t, sqltest.Texts(s, "SELECT kind || ' ' || sequence FROM gapless.node_audit() WHERE NOT explained"))
		})
	}
}

func TestAnAttachThatWasRolledBackIsDetachedOrMended(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := cluster.Connect(t)
	s.Do("CREATE TABLE invoices (tenant int, number bigint, note text, UNIQUE (tenant, number))")
	s.Do("SELECT create_distributed_table('invoices', 'tenant', shard_count => 4)")
	const attach = "SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)"
	s.Do("BEGIN")
	s.Do(attach)
	s.Do("ROLLBACK")
	const unguarded = "SELECT object FROM gapless.doctor WHERE finding = 'shard_unguarded'"
	require.Equal(t, []string{"public.invoices.number"}, sqltest.Texts(s, unguarded))
	s.Do("SELECT gapless.detach_gapless('invoices', 'number')")
	require.Empty(t, sqltest.Texts(s, unguarded))
	require.Equal(t, []string{"0"}, sqltest.Texts(s, "SELECT sum(result::int) FROM run_command_on_all_nodes($$ SELECT count(*) FROM gapless.guard $$)"))
	s.Do("BEGIN")
	s.Do(attach)
	s.Do("ROLLBACK")
	s.Do(attach)
	require.EqualValues(t, 1, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	require.Len(t, sqltest.Texts(s, "SELECT shard FROM gapless.node_shards() WHERE attached"), 4)
	require.Empty(t, sqltest.Texts(s, unguarded))
}

func TestAShardIsAttachedInFullOrNotAtAll(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := cluster.Connect(t)
	s.Do("CREATE TABLE invoices (tenant int, number bigint, kind text, UNIQUE (tenant, number, kind))")
	s.Do("SELECT create_distributed_table('invoices', 'tenant', shard_count => 4)")
	s.Do("INSERT INTO invoices VALUES (1, 1, 'a'), (2, 1, 'a'), (3, 1, 'a'), (4, 1, 'a'), (5, 1, NULL)") // which is of no series
	const attach = "SELECT gapless.attach_gapless('invoices', 'number', name => $$ NEW.kind || '/' || NEW.tenant $$)"
	refused := s.Refuse("38000", attach)
	require.Regexp(t, `^column "number" of table public.invoices is not attached: node .+:\d+: `, refused.Message)
	require.Empty(t, sqltest.Texts(s, "SELECT shard FROM gapless.node_shards()"))
	require.Equal(t, []string{"0"}, sqltest.Texts(s, "SELECT sum(result::int) FROM run_command_on_all_nodes($$ SELECT count(*) FROM gapless.guard $$)"))
	s.Do("INSERT INTO invoices VALUES (1, 7, 'a')") // it is as it was
	s.Do("DELETE FROM invoices WHERE kind IS NULL")
	s.Do(attach)
	require.EqualValues(t, 8, s.Number("INSERT INTO invoices (tenant, kind) VALUES (1, 'a') RETURNING number"))
}

func TestWhatShardsCannotKeepIsRefusedByAttach(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := cluster.Connect(t)
	const columns = "(tenant int, number bigint, day date, UNIQUE (tenant, number))"
	for _, table := range []string{"hashed", "referenced", "columnar", "partitioned", "managed"} {
		switch table {
		case "columnar":
			s.Do("CREATE EXTENSION IF NOT EXISTS citus_columnar")
			s.Do("CREATE TABLE columnar " + columns + " USING columnar")
		case "partitioned":
			s.Do("CREATE TABLE partitioned (tenant int, number bigint, day date, UNIQUE (tenant, number, day)) PARTITION BY RANGE (day)")
		default:
			s.Do("CREATE TABLE " + table + " " + columns)
		}
	}
	s.Do("SELECT create_distributed_table(t, 'tenant', shard_count => 4) FROM unnest('{hashed,columnar,partitioned}'::regclass[]) AS t")
	s.Do("CREATE TABLE copied " + columns)
	s.Do("SET citus.shard_replication_factor = 2")
	s.Do("SELECT create_distributed_table('copied', 'tenant', shard_count => 4, colocate_with => 'none')")
	s.Do("RESET citus.shard_replication_factor")
	s.Do("SELECT create_reference_table('referenced')")
	s.Do("SELECT citus_add_local_table_to_metadata('managed')")
	attach := "SELECT gapless.attach_gapless('%s', 'number', name => $$ 'invoice/' || NEW.tenant $$%s)"
	for _, c := range []struct{ statement, code, message string }{
		{fmt.Sprintf(attach, "referenced", ""), "42809", "it is a reference table"},
		{fmt.Sprintf(attach, "copied", ""), "42809", "its shards have several placements"},
		{fmt.Sprintf(attach, "columnar", ""), "42809", "it is columnar"},
		{fmt.Sprintf(attach, "partitioned", ""), "42809", "it is partitioned as well as distributed"},
		{fmt.Sprintf(attach, "managed", ""), "42809", "it is a local table that Citus manages"},
		{fmt.Sprintf(attach, "hashed", ", series_of => 'public.referenced.number'"), "42809", "cannot share series"},
		{fmt.Sprintf(attach, "hashed", ", make_index => true"), "42809", "its index cannot be made on the shards alone"},
		{"SELECT gapless.attach_gapless('hashed', 'number')", "22023", `do not depend on "tenant"`},
		{"SELECT gapless.attach_gapless('hashed', 'number', name => $$ 'invoice' $$)", "22023", `do not depend on "tenant"`},
		{"SELECT gapless.attach_gapless('hashed', 'nothing', name => $$ 'invoice/' || NEW.tenant $$)", "42703", `column "nothing"`},
		{"SELECT gapless.attach_gapless('hashed', 'number', name => $$ 'invoice/' || NEW.tenant || NEW.nothing $$)", "42703", "nothing"},
	} {
		refused := s.Refuse(c.code, c.statement)
		require.Contains(t, refused.Message, c.message, c.statement)
		require.NotEmpty(t, refused.Hint, c.statement)
	}
	worker := cluster.Workers[0].Connect(t)
	require.Contains(t, worker.Refuse("42809", fmt.Sprintf(attach, "hashed", "")).Message, "this is a worker")
	require.Contains(t, worker.Refuse("55000", "SELECT * FROM gapless.attach_shards()").Message, "this is not the coordinator")
	s.Do("BEGIN")
	s.Do("INSERT INTO hashed VALUES (1, 1)")
	require.Contains(t, s.Refuse("55000", fmt.Sprintf(attach, "hashed", "")).Message, "this transaction has used distributed tables")
	s.Do("ROLLBACK")
	require.Empty(t, sqltest.Texts(s, "SELECT shard FROM gapless.node_shards()"))
}

func TestAttachOfADistributedTableIsRepeatableAndEnds(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("INSERT INTO invoices (tenant) VALUES (1), (1), (2)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
	refused := s.Refuse("42710", "SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'bill/' || NEW.tenant $$)")
	require.Contains(t, refused.Detail, "'bill/' || NEW.tenant")
	// It mends what was moved, too.
	move(t, cluster, s, "invoices", 1, "block_writes")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
	require.EqualValues(t, 3, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))

	s.Do("SELECT gapless.detach_gapless('invoices', 'number')")
	require.Empty(t, sqltest.Texts(s, "SELECT shard FROM gapless.node_shards()"))
	require.Equal(t, "number of no use", sqltest.Texts(s, "INSERT INTO invoices (tenant, number, note) VALUES (1, 50, 'number of no use') RETURNING note")[0])
	s.Do("DELETE FROM invoices WHERE tenant = 1 AND number = 50")
	require.Contains(t, s.Refuse("42704", "SELECT gapless.detach_gapless('invoices', 'number')").Message, "is not attached")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
	require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	sound(t, cluster)
}

// TestColumnsOfEachKindNumberThemselvesOnShards has them moved, too.
func TestColumnsOfEachKindNumberThemselvesOnShards(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := cluster.Connect(t)
	s.Do(`CREATE TABLE invoices (tenant int, id bigint, day date NOT NULL DEFAULT current_date, issued boolean NOT NULL DEFAULT true, number text, hash bytea, previous_hash bytea,
		PRIMARY KEY (tenant, id), UNIQUE (tenant, number))`)
	s.Do("CREATE TABLE late (tenant int, id bigint, number bigint, PRIMARY KEY (tenant, id), UNIQUE (tenant, number))")
	s.Do("SELECT create_distributed_table('invoices', 'tenant', shard_count => 4), create_distributed_table('late', 'tenant', colocate_with => 'invoices')")
	s.Do(`SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, format => $$ 'R' || NEW.tenant || '-' || lpad(value::text, 4, '0') $$,
		condition => 'NEW.issued', chronology => 'NEW.day', chain => $$ sha256(convert_to(concat_ws('|', NEW.number, NEW.day, encode(NEW.previous_hash, 'hex')), 'UTF8')) $$)`)
	s.Do("SELECT gapless.attach_gapless('late', 'number', name => $$ 'late/' || NEW.tenant $$, at_commit => true)")
	issue := func(id int) {
		t.Helper()
		s.Do("BEGIN")
		s.Do("INSERT INTO invoices (tenant, id) SELECT t, $1 FROM generate_series(1, 6) AS t", id)
		s.Do("INSERT INTO invoices (tenant, id, issued) SELECT t, $1, false FROM generate_series(1, 6) AS t", id+1)
		s.Do("INSERT INTO late (tenant, id) SELECT t, $1 FROM generate_series(1, 6) AS t", id)
		s.Do("COMMIT")
	}
	issue(1)
	s.Refuse("23514", "INSERT INTO invoices (tenant, id, day) VALUES (1, 99, '2001-01-01')")
	move(t, cluster, s, "invoices", 1, "force_logical")
	s.Refuse("55000", "INSERT INTO late (tenant, id) VALUES (1, 100)") // it went along
	require.Len(t, sqltest.Texts(s, attachShards), 2)
	issue(3)
	require.Equal(t, []string{"R1-0001", "R1-0002"}, sqltest.Texts(s, "SELECT number FROM invoices WHERE tenant = 1 AND issued ORDER BY id"))
	require.Equal(t, []int64{1, 2}, s.Numbers("SELECT number FROM late WHERE tenant = 1 ORDER BY id"))
	require.EqualValues(t, 6, s.Number("SELECT count(*) FROM invoices AS a JOIN invoices AS b ON a.tenant = b.tenant AND a.hash = b.previous_hash"))
	s.Refuse("23514", "INSERT INTO invoices (tenant, id, day) VALUES (1, 99, '2001-01-01')")
	sound(t, cluster)
}

func TestASessionOnAWorkerNumbersWhatItInserts(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	for _, worker := range cluster.Workers {
		w := worker.Connect(t)
		for tenant := range 8 {
			w.Do("INSERT INTO invoices (tenant) VALUES ($1)", tenant)
		}
		w.Do("BEGIN")
		w.Do("INSERT INTO invoices (tenant) VALUES (0), (1), (2), (3), (4), (5), (6), (7)")
		w.Do("ROLLBACK")
	}
	for tenant := range 8 {
		require.EqualValues(t, 3, s.Number("INSERT INTO invoices (tenant) VALUES ($1) RETURNING number", tenant))
	}
	sound(t, cluster)
}

// TestATableOfADistributedSchemaHasOneSeries of its own, which moves with the schema.
func TestATableOfADistributedSchemaHasOneSeries(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := cluster.Connect(t)
	s.Do("SET citus.enable_schema_based_sharding = on; CREATE SCHEMA shop")
	s.Do("CREATE TABLE shop.bills (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('shop.bills', 'number')")
	require.EqualValues(t, 1, s.Number("INSERT INTO shop.bills (id) VALUES (1) RETURNING number"))
	var port uint16
	require.NoError(t, s.QueryRow(s.Ctx, "SELECT nodeport FROM citus_shards WHERE table_name = 'shop.bills'::regclass").Scan(&port))
	for _, worker := range cluster.Workers {
		if worker.Port != port {
			s.Do("SELECT citus_schema_move('shop', $1, $2, 'block_writes')", worker.Host, int(worker.Port))
			break
		}
	}
	s.Refuse("55000", "INSERT INTO shop.bills (id) VALUES (2)")
	require.Len(t, sqltest.Texts(s, attachShards), 1)
	require.EqualValues(t, 2, s.Number("INSERT INTO shop.bills (id) VALUES (2) RETURNING number"))
	sound(t, cluster)
}

// TestDatesMoveWithTheirShard and leave nothing behind.
func TestDatesMoveWithTheirShard(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := cluster.Connect(t)
	s.Do("CREATE TABLE invoices (tenant int, number bigint, day date, UNIQUE (tenant, number))")
	s.Do("SELECT create_distributed_table('invoices', 'tenant', shard_count => 4)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, chronology => 'NEW.day')")
	for _, day := range []string{"2026-01-01", "2026-02-01", "2026-03-01"} {
		s.Do("INSERT INTO invoices (tenant, day) VALUES (1, $1)", day)
	}
	move(t, cluster, s, "invoices", 1, "block_writes")
	require.Len(t, sqltest.Texts(s, attachShards), 1)
	require.Empty(t, sqltest.Texts(s, attachShards))
	s.Refuse("23514", "INSERT INTO invoices (tenant, day) VALUES (1, '2026-02-02')")
	sound(t, cluster)
}

// TestATableThatIsUndistributedTakesItsSeriesAlong, also those that have no row, and refuses rows until then.
func TestATableThatIsUndistributedTakesItsSeriesAlong(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(t *testing.T, cluster *citustest.Cluster, s sqltest.Session){
		"as it is": func(*testing.T, *citustest.Cluster, sqltest.Session) {},
		"a shard was moved, and not attached": func(t *testing.T, cluster *citustest.Cluster, s sqltest.Session) {
			move(t, cluster, s, "invoices", 1, "block_writes")
		},
		"a shard was moved, and attached": func(t *testing.T, cluster *citustest.Cluster, s sqltest.Session) {
			move(t, cluster, s, "invoices", 1, "block_writes")
			s.Do(attachShards)
		},
		"the coordinator has a shard": func(t *testing.T, cluster *citustest.Cluster, s sqltest.Session) {
			p := placeOf(t, cluster, s, "invoices", 1)
			s.Do("SELECT citus_set_node_property($1, $2, 'shouldhaveshards', true)", cluster.Coordinator.Host, int(cluster.Coordinator.Port))
			require.NoError(t, cluster.Move(t.Context(), p.shard, p.node, cluster.Coordinator, "block_writes"))
			s.Do(attachShards)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := citustest.New(t)
			s := cluster.Connect(t)
			s.Do("CREATE TABLE invoices (gone int, tenant int, number bigint, UNIQUE (tenant, number)); ALTER TABLE invoices DROP gone") // its columns get other numbers
			s.Do("SELECT create_distributed_table('invoices', 'tenant', shard_count => 4)")
			s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
			s.Do("INSERT INTO invoices (tenant) SELECT t FROM generate_series(1, 8) AS t, generate_series(1, 3)")
			worker := placeOf(t, cluster, s, "invoices", 1).node.Connect(t)
			worker.Do("SELECT gapless.void_gapless('invoice/1', 3, 'typing error')")
			s.Do("DELETE FROM invoices WHERE tenant = 1 AND number = 3")
			worker = placeOf(t, cluster, s, "invoices", 2).node.Connect(t)
			worker.Do("SELECT gapless.void_gapless_batch('invoice/2', 1, 3, 'a test')")
			s.Do("DELETE FROM invoices WHERE tenant = 2")
			before(t, cluster, s)

			s.Do("SELECT undistribute_table('invoices')")
			refused := s.Refuse("55000", "INSERT INTO invoices (tenant) VALUES (1)")
			require.Contains(t, refused.Message, "its table undistributed")
			require.Equal(t, "On the coordinator: SELECT * FROM gapless.attach_shards();", refused.Hint)
			refused = s.Refuse("55000", "SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
			require.Contains(t, refused.Message, "its series are still where its shards were")
			require.Contains(t, sick(s), "critical table_undistributed public.invoices.number")
			require.Contains(t, sqltest.Texts(s, "SELECT concat_ws(' ', kind, attached_column, explained) FROM gapless.node_audit()"), "not read public.invoices.number f")

			outcomes := sqltest.Texts(s, attachShards)
			require.Len(t, outcomes, 1)
			require.Regexp(t, "^attached, as a table of the coordinator, with 8 series from ", outcomes[0])
			require.Empty(t, sqltest.Texts(s, attachShards))
			for tenant := 1; tenant <= 8; tenant++ {
				require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES ($1) RETURNING number", tenant), "tenant %d", tenant)
			}
			s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
			require.EqualValues(t, 8, s.Number("SELECT count(*) FROM gapless.node_sequences()"))
			require.Empty(t, sick(s))
			require.Empty(t, sqltest.Texts(s, "SELECT kind || ' ' || sequence FROM gapless.node_audit() WHERE NOT explained"))
			sound(t, cluster)
			for _, node := range cluster.Nodes() {
				require.True(t, *sqltest.Value[bool](node.Connect(t), "SELECT to_regproc('gapless.shard_guard') IS NOT NULL AND NOT EXISTS (SELECT FROM gapless.shard)"))
			}
			s.Do("SELECT gapless.detach_gapless('invoices', 'number')")
		})
	}
}

// TestEachColumnOfAnUndistributedTableIsAttached, though each is a transaction of its own.
func TestEachColumnOfAnUndistributedTableIsAttached(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("ALTER TABLE invoices ADD credit bigint")
	s.Do("ALTER TABLE invoices ADD UNIQUE (tenant, credit)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'credit', name => $$ 'credit/' || NEW.tenant $$)")
	s.Do("INSERT INTO invoices (tenant) VALUES (1), (2), (1)")
	s.Do("SELECT undistribute_table('invoices')")
	require.Len(t, sqltest.Texts(s, attachShards), 2)
	require.Equal(t, []string{"3 3"}, sqltest.Texts(s, "INSERT INTO invoices (tenant) VALUES (1) RETURNING concat_ws(' ', number, credit)"))
	require.Empty(t, sick(s))
	sound(t, cluster)
}

// TestWhatNobodyHasSaidOfAnUndistributedTableIsWarnedOf, since its first row could get the wrong number.
func TestWhatNobodyHasSaidOfAnUndistributedTableIsWarnedOf(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	invoices(t, cluster)
	var hints []string
	s := cluster.Connect(t, func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
			if strings.Contains(n.Message, `nobody knows whether sequences of`) {
				hints = append(hints, n.Severity+" "+n.Hint)
			}
		}
	})
	placeOf(t, cluster, s, "invoices", 1).node.Connect(t).Do("SELECT gapless.range_gapless('invoice/1', 5000, 6000, 'tax office')")
	s.Do("SELECT undistribute_table('invoices')")
	require.Len(t, sqltest.Texts(s, attachShards), 1)
	require.Equal(t, []string{"WARNING If they do, decide it on the coordinator before the next row, and forget it there: gapless.delete_gapless."}, hints)
}

// TestAttachShardsOfAnUndistributedTableThatIsCutOffIsRepeated: what it had begun is ended.
func TestAttachShardsOfAnUndistributedTableThatIsCutOffIsRepeated(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := numbered(t, cluster)
	s.Do("SELECT undistribute_table('invoices')")
	for _, worker := range cluster.Workers {
		w := worker.Connect(t)
		w.Do("SET citus.enable_ddl_propagation = off")
		w.Do("CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$")
		w.Do("CREATE TRIGGER refuse BEFORE DELETE ON gapless.shard FOR EACH STATEMENT EXECUTE FUNCTION public.refuse()")
	}
	s.Refuse("38000", attachShards)
	require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"), "it is attached")
	s.Refuse("38000", attachShards)
	for _, worker := range cluster.Workers {
		worker.Connect(t).Do("SET citus.enable_ddl_propagation = off; DROP TRIGGER refuse ON gapless.shard")
	}
	require.Empty(t, sqltest.Texts(s, attachShards))
	require.EqualValues(t, 8, s.Number("SELECT count(*) FROM gapless.node_sequences()"))
	require.EqualValues(t, 5, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	require.Empty(t, sick(s))
	sound(t, cluster)
}

// TestAttachSaysWhichIndexOfADistributedTableMakesWritersWait, and what it says mends it.
func TestAttachSaysWhichIndexOfADistributedTableMakesWritersWait(t *testing.T) {
	t.Parallel()
	var hints []string
	s := citustest.New(t).Connect(t, func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
			if strings.Contains(n.Message, "for those who insert rows that reference it") {
				hints = append(hints, n.Severity+" "+n.Hint)
			}
		}
	})
	s.Do("CREATE TABLE receipts (tenant int, id int, number bigint, PRIMARY KEY (tenant, id), UNIQUE (tenant, number))")
	s.Do("SELECT create_distributed_table('receipts', 'tenant', shard_count => 4)")
	const attach = "SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt/' || NEW.tenant $$, at_commit => true)"
	s.Do(attach)
	require.Len(t, hints, 1)
	statements, is := strings.CutPrefix(hints[0], "NOTICE Let it leave them out, by BEGIN; ")
	require.True(t, is, hints[0])
	s.Do(attach)
	require.Len(t, hints, 1, "it is said once")
	s.Do("SELECT gapless.detach_gapless('receipts', 'number')")
	s.Do("CREATE TABLE payments (tenant int, id int, PRIMARY KEY (tenant, id))")
	s.Do("SELECT create_distributed_table('payments', 'tenant', colocate_with => 'receipts')")
	s.Do("ALTER TABLE payments ADD FOREIGN KEY (tenant, id) REFERENCES receipts")
	s.Do(attach)
	require.Len(t, hints, 2)
	require.Equal(t, "WARNING Let it leave them out, by BEGIN; "+statements, hints[1])
	s.Do("SELECT gapless.detach_gapless('receipts', 'number')")
	s.Do("BEGIN")
	for statement := range strings.SplitSeq(statements, "; ") { // Citus sends the shards all of a message
		s.Do(statement)
	}
	s.Do(attach)
	require.Len(t, hints, 2)
	s.Do("INSERT INTO receipts (tenant, id) VALUES (1, 1)")
	require.EqualValues(t, 1, s.Number("SELECT number FROM receipts"))
}

func TestAttachMakesTheColumnNotNullOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	var notices []string
	s := cluster.Connect(t, func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices = append(notices, n.Message) }
	})
	for table, c := range map[string]struct{ options, notice, null string }{
		"plain":   {"", "", "NO"},
		"late":    {", at_commit => true", `column "number" of table public.late is not made NOT NULL: its rows wait for their number`, "YES"},
		"pending": {"", `column "number" of table public.pending is not made NOT NULL: there are rows without a number`, "YES"},
	} {
		s.Do("CREATE TABLE " + table + " (tenant int, id int, number bigint, PRIMARY KEY (tenant, id), UNIQUE (tenant, number))")
		s.Do("SELECT create_distributed_table('" + table + "', 'tenant', shard_count => 4)")
		if table == "pending" {
			s.Do("INSERT INTO pending VALUES (1, 1)")
		}
		notices = nil
		s.Do("SELECT gapless.attach_gapless('" + table + "', 'number', name => $$ '" + table + "/' || NEW.tenant $$" + c.options + ")")
		if c.notice != "" {
			require.Contains(t, notices, c.notice)
		}
		require.Equal(t, []string{c.null}, sqltest.Texts(s, "SELECT is_nullable FROM information_schema.columns WHERE table_name = '"+table+"' AND column_name = 'number'"))
	}
}
