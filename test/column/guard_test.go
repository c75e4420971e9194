package column_test

import (
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/stretchr/testify/require"
)

// unguarded are the partitions of attached tables that lack a guard of their own.
const unguarded = `
	SELECT p.relid::regclass || ' ' || v.kind
	FROM pg_trigger AS k
	CROSS JOIN LATERAL pg_partition_tree(k.tgrelid) AS p
	CROSS JOIN (VALUES ('settle'), ('truncate'), ('kept_delete'), ('kept_update'), ('kept_commit')) AS v (kind)
	WHERE k.tgname LIKE '~gapless\_insert\_%' AND k.tgparentid = 0 AND p.level > 0 AND (p.isleaf OR v.kind = 'settle')
		AND (v.kind <> 'kept_commit' OR EXISTS (SELECT FROM pg_trigger AS c WHERE c.tgrelid = k.tgrelid AND c.tgname LIKE '~gapless\_commit\_%'))
		AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = p.relid AND t.tgname LIKE '~gapless\_' || v.kind || '\_%')
	ORDER BY 1`

const attachOrdersAtCommit = `SELECT gapless.attach_gapless('orders', 'number', name => $$ 'order/' || NEW.tenant $$, condition => 'NEW.issued', at_commit => true)`

// partitionedAtCommit has a primary key, too.
func partitionedAtCommit(t *testing.T) (*pgtest.Database, sqltest.Session) {
	t.Helper()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do(strings.Replace(pg.CreateOrders, "UNIQUE (region, memo)", "UNIQUE (region, memo), PRIMARY KEY (region, id)", 1))
	s.Do(attachOrdersAtCommit)
	return database, s
}

// TestTheFirstRowsOfNewPartitionsWaitForNobodyElses has two tenants insert into two new partitions, in opposite orders.
func TestTheFirstRowsOfNewPartitionsWaitForNobodyElses(t *testing.T) {
	t.Parallel()
	for name, partitioned := range map[string]func(*testing.T) (*pgtest.Database, sqltest.Session){"early": pg.Partitioned, "at commit": partitionedAtCommit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, one := partitioned(t)
			one.Do("CREATE TABLE east PARTITION OF orders FOR VALUES IN ('east'); CREATE TABLE west PARTITION OF orders FOR VALUES IN ('west')")
			two := sqltest.Connect(t, database)
			two.Do("SET lock_timeout = '5s'")
			one.Do("SET lock_timeout = '5s'")
			for range 2 {
				one.Do("BEGIN; INSERT INTO orders (region, tenant) VALUES ('east', 'a')")
				two.Do("BEGIN; INSERT INTO orders (region, tenant) VALUES ('west', 'b')")
				one.Do("INSERT INTO orders (region, tenant) VALUES ('west', 'a')")
				two.Do("INSERT INTO orders (region, tenant) VALUES ('east', 'b')")
				two.Do("COMMIT")
				one.Do("COMMIT")
			}
			pg.RequireNumbered(one, "orders")
		})
	}
}

func TestAnInsertIsNoDDL(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := sqltest.Connect(t, database)
	s.Do(pg.CreateOrders)
	s.Do(pg.AttachOrders)
	s.Do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late'); INSERT INTO orders (region, issued) VALUES ('late', false)")
	s.Do("CREATE FUNCTION frozen() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no DDL today'; END $$")
	s.Do("CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION frozen()")
	s.Do("INSERT INTO orders (region) VALUES ('late'), ('north')")
	s.Do("INSERT INTO late (region) VALUES ('late')")
	s.Do("UPDATE orders SET issued = true, region = 'late'")
	pg.RequireNumbered(s, "orders")
}

// TestADirectInsertThatInsertsNothingSkipsNoNumber, though no trigger of an unguarded partition fires at its end.
func TestADirectInsertThatInsertsNothingSkipsNoNumber(t *testing.T) {
	t.Parallel()
	_, s := pg.Partitioned(t)
	s.Do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late')")
	s.Do("INSERT INTO orders (region, memo) VALUES ('late', 'x'), ('north', 'y')")
	for _, between := range []string{
		"SAVEPOINT s; INSERT INTO late (region) VALUES ('late'), ('late'); ROLLBACK TO s",
		"SAVEPOINT s; INSERT INTO orders (region, tenant) VALUES ('late', 'b'), ('late', 'a'); ROLLBACK TO s",
		"SAVEPOINT s; INSERT INTO late (region, issued) VALUES ('late', false); ROLLBACK TO s",
		"INSERT INTO late (region, issued) VALUES ('late', false)",
		"UPDATE orders SET region = CASE region WHEN 'late' THEN 'north' ELSE 'late' END WHERE memo = 'y'",
		"INSERT INTO north (region) VALUES ('north')",
	} {
		s.Do("BEGIN")
		s.Do("INSERT INTO late (region, memo) VALUES ('late', 'x') ON CONFLICT DO NOTHING")
		s.Do(between)
		s.Do("INSERT INTO late (region, memo) VALUES ('late', 'x') ON CONFLICT (region, memo) DO UPDATE SET number = excluded.number")
		s.Do("INSERT INTO late (region) VALUES ('late'), ('late')")
		s.Do("INSERT INTO orders (region) VALUES ('late'), ('north')")
		s.Do("COMMIT")
		pg.RequireNumbered(s, "orders")
	}
}

// TestAnEventTriggerGuardsPartitions that are made or attached, in each way, and by roles that have no right to gapless.
func TestAnEventTriggerGuardsPartitions(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := sqltest.Connect(t, database)
	_, owner := sqltest.Role(t, database, "owner")
	_, other := sqltest.Role(t, database, "other")
	s.Do("CREATE SCHEMA shop AUTHORIZATION " + owner + "; GRANT CREATE ON SCHEMA public TO " + other)
	pg.MayAttach(s, owner)
	s.Do("SELECT gapless.guard_new_partitions()")
	s.Do("SELECT gapless.guard_new_partitions()") // again, as after an upgrade
	made := sqltest.Connect(t, database)
	made.Do("SET search_path = shop; SET SESSION AUTHORIZATION " + owner)
	made.Do(strings.Replace(pg.CreateOrders, "UNIQUE (region, memo)", "UNIQUE (region, memo), PRIMARY KEY (region, id)", 1))
	made.Do(attachOrdersAtCommit)
	s.Do("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gapless FROM " + owner)
	s.Do("REVOKE ALL ON SCHEMA gapless FROM " + owner)
	made.Do(`CREATE FUNCTION make(region text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
		EXECUTE format('CREATE TABLE %1$I PARTITION OF orders FOR VALUES IN (%1$L)', region);
	END $$`)
	for i, statement := range []string{
		"CREATE TABLE e1 PARTITION OF orders FOR VALUES IN ('e1')",
		"CREATE TABLE e2 (LIKE orders INCLUDING ALL); ALTER TABLE orders ATTACH PARTITION e2 FOR VALUES IN ('e2')",
		"CREATE TABLE e3 PARTITION OF orders FOR VALUES IN ('e3') PARTITION BY LIST (region); CREATE TABLE e3_all PARTITION OF e3 DEFAULT",
		`CREATE TABLE e4 (LIKE orders INCLUDING ALL) PARTITION BY LIST (region); CREATE TABLE e4_all PARTITION OF e4 DEFAULT;
			ALTER TABLE orders ATTACH PARTITION e4 FOR VALUES IN ('e4')`,
		"SELECT make('e5')",
		"DO $$ BEGIN PERFORM make('e6'); END $$",
		"CREATE TABLE e7 PARTITION OF orders DEFAULT",
		"CREATE TABLE IF NOT EXISTS e7 PARTITION OF orders DEFAULT",
		"ALTER TABLE orders DETACH PARTITION e1; ALTER TABLE orders ATTACH PARTITION e1 FOR VALUES IN ('e1')",
	} {
		made.Do(statement)
		require.Empty(t, sqltest.Texts(s, unguarded), "%d: %s", i, statement)
	}
	s.Do("CREATE TABLE shop.e8 PARTITION OF shop.orders FOR VALUES IN ('e8')") // by a superuser, for the owner
	s.Do("CREATE SCHEMA more CREATE TABLE e10 PARTITION OF shop.orders FOR VALUES IN ('e10')")
	require.Empty(t, sqltest.Texts(s, unguarded))
	pg.MayAttach(s, owner)
	made.Do("INSERT INTO orders (region) VALUES ('e1'), ('e2'), ('e3'), ('e4'), ('e5'), ('e6'), ('e7'), ('e8'), ('else')")
	for _, partition := range []string{"e1", "e2", "e3", "e3_all", "e4", "e4_all", "e5", "e6", "e7"} {
		s.Refuse("23001", "TRUNCATE shop."+partition)
	}

	// What is not gapless' business goes on, whoever does it.
	strange := sqltest.Connect(t, database)
	strange.Do("SET SESSION AUTHORIZATION " + other)
	strange.Do(`CREATE TABLE t (i int) PARTITION BY LIST (i); CREATE TABLE t1 PARTITION OF t DEFAULT; ALTER TABLE t ADD j int; CREATE TEMP TABLE u (i int);
		ALTER TABLE t RENAME TO v; CREATE TABLE w (i int); ALTER TABLE w SET SCHEMA public; DROP TABLE u, v, w`)
	made.Do("CREATE UNLOGGED TABLE e9 PARTITION OF orders FOR VALUES IN ('e9')") // with a warning
	require.Equal(t, []string{"shop.e9 kept_commit", "shop.e9 kept_delete", "shop.e9 kept_update", "shop.e9 settle", "shop.e9 truncate"}, sqltest.Texts(s, unguarded))
	made.Do("DROP TABLE e9")

	// A superuser's event trigger runs nothing that another could change.
	require.Equal(t, []string{"t"}, sqltest.Texts(s, `
		SELECT r.rolsuper::text::char(1) FROM pg_event_trigger AS e JOIN pg_proc AS p ON p.oid = e.evtfoid JOIN pg_roles AS r ON r.oid = p.proowner
		WHERE NOT p.prosecdef AND p.prosrc !~ 'gapless\.column'`))
	s.Do("SELECT gapless.guard_new_partitions(false); SELECT gapless.guard_new_partitions(false)")
	require.Zero(t, s.Number("SELECT count(*) FROM pg_event_trigger"))
	made.Do("CREATE TABLE e9 PARTITION OF orders FOR VALUES IN ('e9')")
	require.Len(t, sqltest.Texts(s, unguarded), 5)
}

// TestAnEventTriggerWaitsForNobody who writes to other partitions that are not guarded.
func TestAnEventTriggerWaitsForNobody(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	s.Do(pg.CreateOrders)
	s.Do(pg.AttachOrders)
	s.Do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late'); SELECT gapless.guard_new_partitions(); SET lock_timeout = '1s'")
	other.Do("BEGIN; INSERT INTO late (region) VALUES ('late')")
	s.Do("CREATE TABLE new (LIKE orders INCLUDING ALL); ALTER TABLE orders ATTACH PARTITION new FOR VALUES IN ('new')")
	require.Equal(t, []string{"late kept_delete", "late kept_update", "late settle", "late truncate"}, sqltest.Texts(s, unguarded))
	s.Refuse("55P03", "SELECT gapless.guard_partitions()")
	other.Do("COMMIT")
	require.Equal(t, []string{"late"}, sqltest.Texts(s, "SELECT gapless.guard_partitions()::text"))
	require.Empty(t, sqltest.Texts(s, unguarded))
}

func TestGuardPartitionsIsForTheOwner(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	_, owner := sqltest.Role(t, database, "owner")
	_, other := sqltest.Role(t, database, "other")
	s.Do("GRANT CREATE ON SCHEMA public TO " + owner)
	pg.MayAttach(s, owner)
	pg.MayAttach(s, other)
	s.Do("GRANT EXECUTE ON FUNCTION gapless.guard_new_partitions TO " + owner)
	made, strange := sqltest.Connect(t, database), sqltest.Connect(t, database)
	made.Do("SET SESSION AUTHORIZATION " + owner)
	strange.Do("SET SESSION AUTHORIZATION " + other)
	made.Do(pg.CreateOrders)
	refused := made.Refuse("42704", "SELECT gapless.guard_partitions('orders')")
	pg.RequireHelpful(t, refused)
	require.Equal(t, "gapless_unattached", refused.ConstraintName)
	made.Do(pg.AttachOrders)
	made.Do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late'); CREATE TABLE late2 PARTITION OF orders FOR VALUES IN ('late2')")
	s.Do("CREATE TABLE alien PARTITION OF orders FOR VALUES IN ('alien')")
	for _, target := range []string{"'orders'", "'late'", "'alien'"} {
		pg.RequireHelpful(t, strange.Refuse("42501", "SELECT gapless.guard_partitions("+target+")"))
	}
	require.Empty(t, sqltest.Texts(strange, "SELECT gapless.guard_partitions()::text"))
	pg.RequireHelpful(t, made.Refuse("42501", "SELECT gapless.guard_new_partitions()"))
	require.Equal(t, []string{"late2"}, sqltest.Texts(made, "SELECT gapless.guard_partitions('late2')::text"))
	require.Equal(t, []string{"late"}, sqltest.Texts(made, "SELECT gapless.guard_partitions()::text")) // and a warning of alien
	require.Equal(t, []string{"alien"}, sqltest.Texts(s, "SELECT gapless.guard_partitions()::text"))
	made.Do("CREATE TABLE late3 PARTITION OF orders FOR VALUES IN ('late3')")
	made.Do(pg.AttachOrders) // again
	require.Empty(t, sqltest.Texts(s, unguarded))
	made.Do("CREATE TABLE plain (number bigint UNIQUE); SELECT gapless.attach_gapless('plain', 'number', name => $$ 'plain' $$)")
	require.Empty(t, sqltest.Texts(made, "SELECT gapless.guard_partitions('plain')::text"))
}

// TestARowDoesNotLeaveWithItsPartitionBeforeItHasItsNumber has the partition detached in the row's own transaction.
func TestARowDoesNotLeaveWithItsPartitionBeforeItHasItsNumber(t *testing.T) {
	t.Parallel()
	_, s := partitionedAtCommit(t)
	s.Do("CREATE TABLE mid PARTITION OF orders FOR VALUES IN ('mid') PARTITION BY LIST (region); CREATE TABLE mid_all PARTITION OF mid DEFAULT")
	s.Do("SELECT gapless.guard_partitions()")
	for _, insert := range []string{
		"INSERT INTO orders (region) VALUES ('%')", "INSERT INTO % (region) VALUES ('%')",
		"INSERT INTO orders (region, issued) VALUES ('%', false); UPDATE orders SET issued = true WHERE number IS NULL",
		"INSERT INTO orders (region) VALUES ('%'); SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED; INSERT INTO orders (region) VALUES ('%')",
	} {
		for _, partition := range []string{"north", "mid"} {
			for _, end := range []string{"COMMIT", "SET CONSTRAINTS ALL IMMEDIATE"} {
				s.Do("BEGIN; " + strings.ReplaceAll(insert, "%", partition) + "; ALTER TABLE orders DETACH PARTITION " + partition)
				s.Refuse("23001", end)
				s.Do("ROLLBACK")
			}
		}
	}
	for _, partition := range []string{"north", "mid"} {
		s.Do("BEGIN; INSERT INTO orders (region) VALUES ('" + partition + "'); SET CONSTRAINTS ALL IMMEDIATE")
		s.Do("INSERT INTO orders (region) VALUES ('" + partition + "')")
		s.Do("INSERT INTO orders (region, issued) VALUES ('" + partition + "', false)")
		s.Do("SET CONSTRAINTS ALL DEFERRED")
		s.Do("ALTER TABLE orders DETACH PARTITION " + partition + "; COMMIT")
		// What was detached takes rows without a number.
		s.Do("BEGIN; INSERT INTO " + partition + " (region, id) VALUES ('" + partition + "', 1000); COMMIT")
		require.EqualValues(t, 2, s.Number("SELECT count(number) FROM "+partition))
		require.EqualValues(t, 2, s.Number("SELECT count(*) FROM "+partition+" WHERE number IS NULL"))
	}
	sqltest.RequireSound(s)
}

// TestARowWithATextThatMeansNoNumberDoesNotLeaveEither has the constraints told by their names when to look, too.
func TestARowWithATextThatMeansNoNumberDoesNotLeaveEither(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(`CREATE TABLE slips (id int, region text, no text DEFAULT '/', PRIMARY KEY (region, id)) PARTITION BY LIST (region);
		CREATE TABLE north PARTITION OF slips FOR VALUES IN ('north')`)
	s.Do("CREATE UNIQUE INDEX ON slips (region, no, id)")
	s.Do("SELECT gapless.attach_gapless('slips', 'no', name => $$ 'slip/' || NEW.region $$, format => $$ 'S' || value $$, at_commit => true, unnumbered => '/')")
	for _, when := range []string{"", "SET CONSTRAINTS ALL DEFERRED", `SET CONSTRAINTS "~gapless_commit_no" DEFERRED`, `SET CONSTRAINTS "~gapless_kept_commit_no" DEFERRED`} {
		s.Do("BEGIN; INSERT INTO slips VALUES (1, 'north'); " + when)
		s.Do("ALTER TABLE slips DETACH PARTITION north")
		pg.RequireAbout(t, s.Refuse("23001", "COMMIT"), "north", "left")
	}
	s.Do(`BEGIN; INSERT INTO slips VALUES (1, 'north'); SET CONSTRAINTS "~gapless_commit_no" IMMEDIATE; ALTER TABLE slips DETACH PARTITION north; COMMIT`)
	require.Equal(t, []string{"S1"}, sqltest.Texts(s, "SELECT no FROM north"))
	sqltest.RequireSound(s)
}

// TestWhatAPartitionWithoutGuardsLacks has what docs/sql.md says of it.
func TestWhatAPartitionWithoutGuardsLacks(t *testing.T) {
	t.Parallel()
	_, s := pg.Partitioned(t)
	s.Do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late'); INSERT INTO orders (region) VALUES ('late'), ('north')")
	s.Refuse("23001", "TRUNCATE orders")
	s.Refuse("23001", "DELETE FROM late")
	s.Refuse("428C9", "UPDATE late SET number = 7")
	s.Do("BEGIN; TRUNCATE late")
	require.Equal(t, []string{"hole"}, sqltest.Texts(s, "SELECT kind::text FROM gapless.audit_gapless() WHERE NOT explained"))
	s.Do("ROLLBACK")
	s.Do("BEGIN; ALTER TABLE orders DETACH PARTITION late")
	require.Equal(t, []string{"hole"}, sqltest.Texts(s, "SELECT kind::text FROM gapless.audit_gapless() WHERE NOT explained"))
	s.Do("UPDATE late SET number = 7; DELETE FROM late; ROLLBACK")
	s.Do("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
	s.Do(`CREATE TRIGGER "~soft" BEFORE DELETE ON late FOR EACH ROW EXECUTE FUNCTION nothing()`)
	s.Do("DELETE FROM late")
	pg.RequireNumbered(s, "orders")
	require.EqualValues(t, 1, s.Number("SELECT count(number) FROM late"))
	s.Do("SELECT gapless.guard_partitions()")
	s.Refuse("23001", "DELETE FROM late")

	_, s = partitionedAtCommit(t)
	s.Do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late')")
	s.Do("BEGIN; INSERT INTO orders (region) VALUES ('late'); ALTER TABLE orders DETACH PARTITION late")
	require.Equal(t, "gapless_waiting", s.Refuse("23001", "COMMIT").ConstraintName)
	s.Do("BEGIN; INSERT INTO orders (region) VALUES ('late'), ('north'); ALTER TABLE orders DETACH PARTITION late; COMMIT")
	require.EqualValues(t, 1, s.Number("SELECT count(*) FROM late WHERE number IS NULL"))
}
