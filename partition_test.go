package gapless_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// createOrders makes a table with a partition for each region, and for a region with partitions of its own; a series for
// each tenant goes through all of them.
const createOrders = `CREATE SEQUENCE order_ids;
CREATE TABLE orders (
	id     bigint NOT NULL DEFAULT nextval('order_ids'),
	region text NOT NULL,
	tenant text NOT NULL DEFAULT 'a',
	issued boolean NOT NULL DEFAULT true,
	memo   text,
	number bigint,
	UNIQUE (region, tenant, number),
	UNIQUE (region, memo)
) PARTITION BY LIST (region);
CREATE TABLE north PARTITION OF orders FOR VALUES IN ('north');
CREATE TABLE south PARTITION OF orders FOR VALUES IN ('south')`

const attachOrders = `SELECT gapless.attach_gapless('orders', 'number', name => $$ 'order/' || NEW.tenant $$, condition => 'NEW.issued')`

func partitioned(t *testing.T) (*pgtest.Database, session) {
	t.Helper()
	database := pgtest.New(t)
	s := connect(t, database)
	s.do(createOrders)
	s.do(attachOrders)
	return database, s
}

// requireGuarded checks that no numbered row of a relation can be deleted, changed or truncated, whatever name it goes by.
func requireGuarded(s session, relations ...string) {
	s.t.Helper()
	before := texts(s, "SELECT o::text FROM "+relations[0]+" AS o WHERE number IS NOT NULL ORDER BY 1")
	require.NotEmpty(s.t, before)
	for _, relation := range relations {
		s.refuse("23001", "DELETE FROM "+relation+" WHERE number IS NOT NULL")
		s.refuse("23001", "TRUNCATE "+relation)
		s.refuse("428C9", "UPDATE "+relation+" SET number = number + 1000")
		s.refuse("428C9", "UPDATE "+relation+" SET number = NULL")
	}
	require.Equal(s.t, before, texts(s, "SELECT o::text FROM "+relations[0]+" AS o WHERE number IS NOT NULL ORDER BY 1"))
}

func TestPartitionedTablesNumberThroughAllPartitions(t *testing.T) {
	t.Parallel()
	_, s := partitioned(t)
	require.EqualValues(t, 1, s.number("INSERT INTO orders (region) VALUES ('north') RETURNING number"))
	require.Equal(t, []int64{2, 1, 3, 4}, s.numbers("INSERT INTO orders (region, tenant) VALUES ('south', 'a'), ('north', 'b'), ('north', 'a'), ('south', 'a') RETURNING number"))
	s.do("INSERT INTO orders (region, tenant) SELECT CASE WHEN i % 2 = 0 THEN 'north' ELSE 'south' END, 't' || i % 3 FROM generate_series(1, 300) AS i")
	n, err := s.CopyFrom(t.Context(), pgx.Identifier{"orders"}, []string{"region", "memo"}, pgx.CopyFromRows([][]any{{"north", "1"}, {"south", "2"}, {"north", "3"}}))
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	s.do("INSERT INTO orders (region, issued) VALUES ('north', false), ('south', false), ('south', false)")
	require.Equal(t, []int64{8, 9, 10}, s.numbers("WITH issued AS (UPDATE orders SET issued = true WHERE number IS NULL RETURNING number) SELECT number FROM issued ORDER BY 1"))
	if s.number("SELECT current_setting('server_version_num')::bigint") >= 150000 {
		s.do("MERGE INTO orders AS o USING (VALUES ('north', '1'), ('south', '8'), ('north', '9')) AS v (region, memo) ON (o.region, o.memo) = (v.region, v.memo)" +
			" WHEN MATCHED THEN UPDATE SET memo = '1!' WHEN NOT MATCHED THEN INSERT (region, memo) VALUES (v.region, v.memo)")
	}
	requireNumbered(s, "orders")
	requireGuarded(s, "orders", "north", "south")
	requireNumbered(s, "orders")
	s.refuse("428C9", "INSERT INTO orders (region, number) VALUES ('north', 99)")
	s.refuse("428C9", "INSERT INTO north (region, number) VALUES ('north', 99)")
}

func TestPartitionsTakeDirectInserts(t *testing.T) {
	t.Parallel()
	_, s := partitioned(t)
	require.EqualValues(t, 1, s.number("INSERT INTO north (region, memo) VALUES ('north', 'x') RETURNING number"))
	require.Equal(t, []int64{2, 3}, s.numbers("INSERT INTO south (region) VALUES ('south'), ('south') RETURNING number"))
	for _, single := range []bool{true, false} {
		s.do("BEGIN")
		if !single {
			s.do("INSERT INTO orders (region, tenant) VALUES ('south', 'a'), ('north', 'b')")
		}
		s.do("INSERT INTO north (region, memo) VALUES ('north', 'x') ON CONFLICT DO NOTHING")
		s.do("INSERT INTO north (region, memo) VALUES ('north', 'x'), ('north', 'y'), ('north', 'x'), ('north', 'z') ON CONFLICT DO NOTHING")
		s.do("INSERT INTO north (region, memo) VALUES ('north', 'x'), ('north', $$n$$ || random()) ON CONFLICT (region, memo) DO UPDATE SET issued = true")
		s.do("SAVEPOINT s")
		s.do("INSERT INTO south (region) VALUES ('south'), ('south')")
		s.do("ROLLBACK TO s")
		s.do("INSERT INTO south (region) VALUES ('south')")
		s.do("INSERT INTO orders (region) VALUES ('south'), ('north')")
		s.do("COMMIT")
		requireNumbered(s, "orders")
	}
	_, err := s.CopyFrom(t.Context(), pgx.Identifier{"south"}, []string{"region"}, pgx.CopyFromRows([][]any{{"south"}, {"south"}}))
	require.NoError(t, err)
	requireNumbered(s, "orders")
	requireGuarded(s, "orders", "north", "south")
}

func TestPartitionedRowsMoveWithTheirNumber(t *testing.T) {
	t.Parallel()
	_, s := partitioned(t)
	s.do("INSERT INTO orders (region, tenant, memo) SELECT (ARRAY['north', 'south'])[i % 2 + 1], (ARRAY['a', 'b'])[i % 3 % 2 + 1], i::text FROM generate_series(1, 12) AS i")
	numbers := func() []string {
		return texts(s, "SELECT tenant || number || memo FROM orders WHERE memo IS NOT NULL ORDER BY memo")
	}
	before := numbers()
	s.do("UPDATE orders SET region = 'south' WHERE memo = '1'")
	s.do("UPDATE orders SET region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END")
	s.do("UPDATE orders SET region = 'north'")
	s.do("BEGIN; UPDATE orders SET region = 'south'; UPDATE orders SET region = 'north'; UPDATE orders SET region = 'south' WHERE memo = '3'; COMMIT")
	s.do("BEGIN; SAVEPOINT s; UPDATE orders SET region = 'south'; ROLLBACK TO s; UPDATE orders SET region = 'south' WHERE memo = '5'; COMMIT")
	s.do("BEGIN; UPDATE orders SET region = 'south'; ROLLBACK")
	s.do("INSERT INTO orders (region, tenant) VALUES ('north', 'c'), ('south', 'c')")
	require.Equal(t, before, numbers())
	requireNumbered(s, "orders")

	// What a move may not do.
	for _, c := range []struct{ code, set string }{
		{"428C9", "number = number + 100"}, {"428C9", "number = NULL"}, {"23001", "tenant = 'x'"},
	} {
		s.refuse(c.code, "UPDATE orders SET region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END, "+c.set)
	}
	s.refuse("428C9", "WITH gone AS (DELETE FROM orders WHERE memo = '1' RETURNING *) INSERT INTO orders (region, tenant, number) SELECT 'south', tenant, number + 100 FROM gone")
	s.refuse("23001", "WITH gone AS (DELETE FROM orders WHERE memo IN ('1', '2') RETURNING *) INSERT INTO orders (region, tenant, number) SELECT 'south', tenant, number FROM gone WHERE memo = '1'")
	s.do("BEGIN")
	s.do("UPDATE orders SET region = 'south' WHERE memo = '1'")
	s.refuse("428C9", "INSERT INTO orders (region, tenant, number) SELECT 'north', tenant, number FROM orders WHERE memo = '1'")
	s.do("ROLLBACK")
	require.Equal(t, before, numbers())
	require.Zero(t, s.number("SELECT count(*) FROM gapless.moving"), "nothing is left behind")
	requireNumbered(s, "orders")
	requireGuarded(s, "orders", "north", "south")
}

func TestPartitionedRowsAreIssuedByTheUpdateThatMovesThem(t *testing.T) {
	t.Parallel()
	for _, chronology := range []string{"NULL", "$$ NEW.id + date '2026-01-01' $$"} {
		t.Run(chronology, func(t *testing.T) {
			t.Parallel()
			s := connect(t, pgtest.New(t))
			s.do(strings.ReplaceAll(createOrders, "id     bigint", "id     int"))
			s.do(strings.TrimSuffix(attachOrders, ")") + ", chronology => " + strings.ReplaceAll(chronology, "NEW.id + date '2026-01-01'", "date '2026-01-01' + NEW.id") + ")")
			s.do("INSERT INTO orders (region, tenant, issued) SELECT (ARRAY['north', 'south'])[i % 2 + 1], 'a', i = 1 FROM generate_series(1, 10) AS i")
			s.do("UPDATE orders SET region = 'south', issued = true WHERE id = 2")
			s.do("UPDATE orders SET region = 'north', issued = true WHERE id = 3")
			require.Equal(t, []string{"1 1", "2 2", "3 3"}, texts(s, "SELECT id || ' ' || number FROM orders WHERE number IS NOT NULL ORDER BY id"))
			requireNumbered(s, "orders")
			if chronology == "NULL" {
				s.do("UPDATE orders SET issued = true, region = CASE WHEN id % 3 = 0 THEN region WHEN region = 'south' THEN 'north' ELSE 'south' END")
				requireNumbered(s, "orders")
			}
			// A draft moves without one; what it is numbered from may change then.
			s.do("INSERT INTO orders (region, issued) VALUES ('north', false)")
			s.do("UPDATE orders SET region = 'south' WHERE number IS NULL AND region = 'north'")
			s.do("UPDATE orders SET region = 'north', tenant = 'b', issued = true WHERE id = 11")
			require.EqualValues(t, 1, s.number("SELECT number FROM orders WHERE tenant = 'b'"))
			// In one transaction with all the rest, and with a savepoint that is rolled back.
			s.do("INSERT INTO orders (region, issued, tenant) VALUES ('north', false, 'z'), ('south', false, 'z')")
			s.do("BEGIN; SAVEPOINT s")
			s.do("UPDATE orders SET region = 'south', issued = true WHERE tenant = 'z' AND region = 'north'")
			s.do("ROLLBACK TO s")
			s.do("UPDATE orders SET region = 'north', issued = true WHERE tenant = 'z' AND region = 'south'")
			s.do("UPDATE orders SET region = 'south' WHERE tenant = 'z'")
			s.do("INSERT INTO orders (region, tenant) VALUES ('north', 'z'), ('north', 'z')")
			s.do("COMMIT")
			require.Zero(t, s.number("SELECT count(*) FROM gapless.moving"))
			requireNumbered(s, "orders")
			requireGuarded(s, "orders", "north", "south")
		})
	}
}

// TestPartitionsThatComeLaterAreGuardedWithTheirFirstRow, however that row comes into them.
func TestPartitionsThatComeLaterAreGuardedWithTheirFirstRow(t *testing.T) {
	t.Parallel()
	const created = "CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late')"
	// Attached, with columns in another order and a dropped one.
	const made = `CREATE TABLE late (gone int, number bigint, memo text, issued boolean NOT NULL, tenant text NOT NULL, region text NOT NULL, id bigint NOT NULL);
		ALTER TABLE late DROP gone; INSERT INTO late (memo, issued, tenant, region, id) VALUES ('draft', false, 'a', 'late', 77)`
	const attachedLater = made + "; ALTER TABLE orders ATTACH PARTITION late FOR VALUES IN ('late')"
	const nested = `CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late') PARTITION BY LIST (region);
		CREATE TABLE late_part PARTITION OF late DEFAULT`
	for how, c := range map[string]struct{ setup, statement, relations string }{
		"created, and a row inserted":               {created, "INSERT INTO orders (region) VALUES ('late')", "late"},
		"created, and rows inserted":                {created, "INSERT INTO orders (region) VALUES ('late'), ('north'), ('late')", "late"},
		"created, and a row inserted directly":      {created, "INSERT INTO late (region, id) VALUES ('late', 90)", "late"},
		"created, and a numbered row moved there":   {created, "UPDATE orders SET region = 'late' WHERE number IS NOT NULL", "late"},
		"created, and a draft issued by its move":   {created, "UPDATE orders SET region = 'late', issued = true WHERE NOT issued", "late"},
		"attached, and a row inserted":              {attachedLater, "INSERT INTO orders (region) VALUES ('late')", "late"},
		"attached, and its draft issued":            {attachedLater, "UPDATE orders SET issued = true WHERE region = 'late'", "late"},
		"attached, and its draft issued directly":   {attachedLater, "UPDATE late SET issued = true", "late"},
		"attached, and a numbered row moved there":  {attachedLater, "UPDATE orders SET region = 'late' WHERE number IS NOT NULL", "late"},
		"attached, and its draft issued by a DO":    {attachedLater, "INSERT INTO orders (region, memo) VALUES ('late', 'draft') ON CONFLICT (region, memo) DO UPDATE SET issued = true", "late"},
		"sub-partitioned, and a row inserted":       {nested, "INSERT INTO orders (region) VALUES ('late')", "late late_part"},
		"sub-partitioned, and inserted half-way":    {nested, "INSERT INTO late (region, id) VALUES ('late', 90)", "late late_part"},
		"sub-partitioned, and inserted directly":    {nested, "INSERT INTO late_part (region, id) VALUES ('late', 90)", "late late_part"},
		"sub-partitioned, and a numbered row moved": {nested, "UPDATE orders SET region = 'late' WHERE number IS NOT NULL", "late late_part"},
		"default, and a row inserted":               {"CREATE TABLE late PARTITION OF orders DEFAULT", "INSERT INTO orders (region) VALUES ('elsewhere')", "late"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			_, s := partitioned(t)
			s.do("INSERT INTO orders (region) VALUES ('north'), ('south')")
			s.do("INSERT INTO orders (region, issued) VALUES ('north', false)")
			s.do("UPDATE orders SET memo = id")
			s.do(c.setup)
			// No numbered row, no guard is needed: it may be emptied.
			s.do("BEGIN; TRUNCATE late; ROLLBACK")
			s.do(c.statement)
			require.NotZero(t, s.number("SELECT count(number) FROM late"))
			requireNumbered(s, "orders")
			relations := strings.Fields(c.relations)
			requireGuarded(s, relations...)
			s.refuse("23001", "TRUNCATE orders")
			requireNumbered(s, "orders")
			s.do("INSERT INTO orders (region, issued) SELECT region, false FROM late LIMIT 1")
			s.do("DELETE FROM orders WHERE number IS NULL")

			// And after it was detached.
			s.do("ALTER TABLE orders DETACH PARTITION late")
			requireGuarded(s, relations...)
			requireClean(s)
		})
	}
}

func TestPartitionsThatAreDetachedStayGuardedAndCounted(t *testing.T) {
	t.Parallel()
	_, s := partitioned(t)
	s.do("INSERT INTO orders (region, tenant) VALUES ('north', 'a'), ('south', 'a'), ('north', 'b'), ('south', 'a'), ('north', 'a')")
	s.do("INSERT INTO orders (region, issued) VALUES ('north', false)")
	s.do("ALTER TABLE orders DETACH PARTITION north")
	requireGuarded(s, "north")
	requireClean(s)
	s.do("DELETE FROM north WHERE number IS NULL")
	s.do("UPDATE north SET memo = 'archived'|| id")
	requireGuarded(s, "north")
	// The series goes on.
	require.EqualValues(t, 5, s.number("INSERT INTO orders (region) VALUES ('south') RETURNING number"))
	requireClean(s)
	// What is voided may go.
	s.do("SELECT gapless.void_gapless('order/b', 1, 'cancelled')")
	s.do("DELETE FROM north WHERE tenant = 'b'")
	requireClean(s)
	// And it may come back.
	s.do("ALTER TABLE orders ATTACH PARTITION north FOR VALUES IN ('north')")
	require.Equal(t, []int64{6, 2}, s.numbers("INSERT INTO orders (region, tenant) VALUES ('north', 'a'), ('north', 'b') RETURNING number"))
	requireGuarded(s, "orders", "north", "south")
	s.do("UPDATE orders SET region = 'south'")
	require.Equal(t, []int64{1, 2, 3, 4, 5, 6}, s.numbers("SELECT number FROM south WHERE tenant = 'a' ORDER BY 1"))
	s.do("ALTER TABLE orders DETACH PARTITION south; DROP TABLE north")
	requireGuarded(s, "south")
	requireClean(s)

	// What takes rows away behind the triggers' back is found.
	s.do("DROP TABLE south")
	require.Equal(t, []string{"order/a 1 6", "order/b 2 2"}, texts(s, "SELECT DISTINCT concat_ws(' ', sequence, min(first_value), max(last_value)) FROM gapless.audit_gapless() WHERE NOT explained AND kind = 'hole' GROUP BY sequence ORDER BY 1"))
}

func TestPartitionsThatAreDetachedKeepWhatTheirNamesAreMadeOf(t *testing.T) {
	t.Parallel()
	_, s := partitioned(t)
	s.do("INSERT INTO orders (region) VALUES ('north'), ('north')")
	s.do("ALTER TABLE orders DETACH PARTITION north")
	s.refuse("23001", "UPDATE north SET tenant = 'b' WHERE number = 2")
	requireNumbered(s, "north")
}

func TestPartitionsOfPartitionsNumber(t *testing.T) {
	t.Parallel()
	s := connect(t, pgtest.New(t))
	s.do(`CREATE TABLE orders (id bigserial, region text, tenant text, dated date, issued boolean DEFAULT true, number bigint, UNIQUE (region, tenant, dated, number)) PARTITION BY LIST (region);
		CREATE TABLE north PARTITION OF orders FOR VALUES IN ('north') PARTITION BY RANGE (dated);
		CREATE TABLE north25 PARTITION OF north FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
		CREATE TABLE north26 PARTITION OF north FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY HASH (tenant);
		CREATE TABLE north26all PARTITION OF north26 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
		CREATE TABLE south PARTITION OF orders DEFAULT`)
	s.do(attachOrders)
	s.do("INSERT INTO orders (region, tenant, dated) VALUES ('north', 'a', '2025-05-05'), ('north', 'a', '2026-05-05'), ('south', 'a', '2026-05-05'), ('north', 'b', '2026-01-01')")
	s.do("INSERT INTO north (region, tenant, dated) VALUES ('north', 'a', '2025-05-06'), ('north', 'a', '2026-05-06')")
	s.do("INSERT INTO north26 (region, tenant, dated) VALUES ('north', 'a', '2026-05-05')")
	s.do("INSERT INTO north26all (region, tenant, dated, issued) VALUES ('north', 'a', '2026-05-05', false)")
	requireNumbered(s, "orders")
	s.do("UPDATE orders SET dated = '2025-05-05' WHERE number = 2")
	s.do("UPDATE orders SET region = 'south' WHERE number = 1")
	s.do("UPDATE orders SET region = 'north', dated = '2026-07-07'")
	s.do("UPDATE orders SET dated = '2025-07-07', issued = true")
	s.do("UPDATE north SET dated = '2026-07-07' WHERE number < 3")
	require.EqualValues(t, 8, s.number("SELECT count(number) FROM orders"))
	requireNumbered(s, "orders")
	requireGuarded(s, "orders", "north", "north25")
	requireGuarded(s, "north26", "north26all")

	// A whole branch is detached, with one of its partitions moved back.
	s.do("ALTER TABLE orders DETACH PARTITION north")
	requireGuarded(s, "north", "north25")
	requireGuarded(s, "north26", "north26all")
	requireClean(s)
	s.do("ALTER TABLE north DETACH PARTITION north25")
	requireGuarded(s, "north25")
	requireGuarded(s, "north", "north26", "north26all")
	requireClean(s)
	s.do("ALTER TABLE north ATTACH PARTITION north25 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'); ALTER TABLE orders ATTACH PARTITION north FOR VALUES IN ('north')")
	s.do("INSERT INTO orders (region, tenant, dated) VALUES ('north', 'a', '2025-05-05'), ('south', 'a', '2025-05-05'), ('north', 'a', '2026-05-05')")
	requireNumbered(s, "orders")
	requireGuarded(s, "orders", "north", "north25")
}

func TestPartitionsRefuseToBeTruncatedWithAnOldSnapshot(t *testing.T) {
	t.Parallel()
	for _, relation := range []string{"orders", "north", "late"} {
		t.Run(relation, func(t *testing.T) {
			t.Parallel()
			database, s := partitioned(t)
			s.do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late')")
			other := connect(t, database)
			other.do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			require.Zero(t, other.number("SELECT count(*) FROM orders"))
			s.do("INSERT INTO orders (region) VALUES ('north'), ('late')")
			requireAbout(t, other.refuse("23001", "TRUNCATE "+relation), "orders", "snapshot")
			other.do("ROLLBACK")
			requireNumbered(s, "orders")
		})
	}
}

func TestPartitionsThatCannotBeKeptAreRefusedAtTheirFirstRow(t *testing.T) {
	t.Parallel()
	_, s := partitioned(t)
	s.do("CREATE UNLOGGED TABLE late PARTITION OF orders FOR VALUES IN ('late')")
	for _, statement := range []string{
		"INSERT INTO orders (region) VALUES ('late')", "INSERT INTO orders (region) VALUES ('north'), ('late')",
		"INSERT INTO late (region, id) VALUES ('late', 5)",
	} {
		requireHelpful(t, s.refuse("42809", statement))
	}
	s.do("INSERT INTO orders (region, memo) VALUES ('north', 'x')")
	requireHelpful(t, s.refuse("42809", "UPDATE orders SET region = 'late'"))
	requireNumbered(s, "orders")
}

// TestPartitionsThatWereNumberedByHandAreFoundByTheAudit: attaching one brings rows past every trigger.
func TestPartitionsThatWereNumberedByHandAreFoundByTheAudit(t *testing.T) {
	t.Parallel()
	_, s := partitioned(t)
	s.do("INSERT INTO orders (region) VALUES ('north')")
	s.do("CREATE TABLE late (LIKE orders INCLUDING ALL); INSERT INTO late (region, number) VALUES ('late', 7); ALTER TABLE orders ATTACH PARTITION late FOR VALUES IN ('late')")
	require.Equal(t, []string{"never issued 7"}, texts(s, "SELECT kind || ' ' || first_value FROM gapless.audit_gapless() WHERE NOT explained"))
}

func TestPartitionsOfAnotherOwnerNumberToo(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := connect(t, database)
	_, owner := role(t, database, "owner")
	_, app := role(t, database, "app")
	s.do("GRANT CREATE ON SCHEMA public TO " + owner)
	s.do("DO $$ BEGIN EXECUTE (SELECT format('GRANT USAGE ON SCHEMA gapless TO %1$I; GRANT EXECUTE ON FUNCTION %2$s TO %1$I', current_database() || ' owner', string_agg(oid::regprocedure::text, ', ')) FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND proname LIKE 'column\\_%'); END $$")
	s.do("SET ROLE " + owner + "; " + createOrders + "; GRANT INSERT, SELECT ON orders TO " + app + "; GRANT USAGE ON SEQUENCE order_ids TO " + app + "; RESET ROLE")
	s.do(attachOrders)
	s.do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late')") // as a job that makes partitions does, with its own role
	conn := connect(t, database)
	conn.do("SET ROLE " + app)
	require.Equal(t, []int64{1, 2}, conn.numbers("INSERT INTO orders (region) VALUES ('north'), ('north') RETURNING number"))
	require.EqualValues(t, 3, conn.number("INSERT INTO orders (region) VALUES ('late') RETURNING number"))
	requireNumbered(s, "orders")
}

func TestPartitionedTablesNumberAtCommit(t *testing.T) {
	t.Parallel()
	s := connect(t, pgtest.New(t))
	s.do(strings.Replace(createOrders, "UNIQUE (region, memo)", "UNIQUE (region, memo), PRIMARY KEY (region, id)", 1))
	s.do(strings.TrimSuffix(attachOrders, ")") + ", at_commit => true)")
	s.do("BEGIN")
	s.do("INSERT INTO orders (region) VALUES ('north'), ('south'), ('north')")
	s.do("INSERT INTO south (region, id) VALUES ('south', 90)")
	s.do("UPDATE orders SET region = 'south' WHERE id = 1") // moves before it has a number
	require.Zero(t, s.number("SELECT count(number) FROM orders"))
	s.do("COMMIT")
	require.EqualValues(t, 4, s.number("SELECT count(number) FROM orders"))
	s.do("UPDATE orders SET region = 'north'") // and with it
	s.do("INSERT INTO orders (region, issued) VALUES ('north', false), ('south', false)")
	s.do("UPDATE orders SET region = 'south', issued = true")
	require.EqualValues(t, 6, s.number("SELECT count(number) FROM orders"))
	s.do("BEGIN; INSERT INTO orders (region) VALUES ('north'); DELETE FROM orders WHERE number IS NULL; COMMIT")
	require.Zero(t, s.number("SELECT count(*) FROM gapless.moving"))
	requireNumbered(s, "orders")
	requireGuarded(s, "orders", "south")
	s.refuse("428C9", "INSERT INTO orders (region, number) VALUES ('north', 7)")
}

func TestPartitionedTablesAdoptWhatAllPartitionsHave(t *testing.T) {
	t.Parallel()
	s := connect(t, pgtest.New(t))
	s.do(createOrders)
	s.do("INSERT INTO orders (region, tenant, number) VALUES ('north', 'a', 1), ('south', 'a', 2), ('north', 'b', 1)")
	s.do("INSERT INTO orders (region, tenant, number) VALUES ('south', 'b', 1)")
	err := s.refuse("23514", attachOrders)
	require.Contains(t, err.Detail, `1: 2 rows of "order/b"`)
	s.do("UPDATE orders SET number = 2 WHERE tenant = 'b' AND region = 'south'")
	s.do(attachOrders)
	require.Equal(t, []int64{3, 3}, s.numbers("INSERT INTO orders (region, tenant) VALUES ('north', 'a'), ('south', 'b') RETURNING number"))
	requireNumbered(s, "orders")
	requireGuarded(s, "orders", "north", "south")
}

func TestPartitionedTablesLoseNothingWhenTheyAreDetached(t *testing.T) {
	t.Parallel()
	_, s := partitioned(t)
	s.do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late')")
	s.do("INSERT INTO orders (region) VALUES ('north'), ('south'), ('late')")
	s.do("ALTER TABLE orders DETACH PARTITION south")
	s.do("SELECT gapless.detach_gapless('orders', 'number')")
	require.Empty(t, texts(s, "SELECT tgrelid::regclass || tgname FROM pg_trigger WHERE tgname LIKE '~gapless%'"), "also of what was detached")
	s.do("INSERT INTO orders (region, number) VALUES ('north', 4); UPDATE orders SET number = 5 WHERE number = 4; DELETE FROM orders WHERE number = 5")
	s.do("TRUNCATE south; INSERT INTO south (region, number, id) VALUES ('south', 2, 5)")
	require.EqualValues(t, 4, s.number("SELECT gapless.next_gapless('order/a')"))
}

// TestPartitionsGetTheirFirstRowFromManySessionsAtOnce: each would guard it, and none may wait for another. If none of them
// was ever alone there, the next row that is does.
func TestPartitionsGetTheirFirstRowFromManySessionsAtOnce(t *testing.T) {
	t.Parallel()
	database, s := partitioned(t)
	s.do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late')")
	const sessions, rows = 4, 10
	var done []<-chan result[any]
	for i := range sessions {
		conn := connect(t, database)
		done = append(done, later(func() (any, error) {
			for j := range rows {
				if _, err := conn.Exec(conn.ctx, fmt.Sprintf("INSERT INTO orders (region, tenant, memo) VALUES ('late', 't%d', '%d %d')", i%2, i, j)); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}))
	}
	for _, one := range done {
		require.NoError(t, (<-one).err)
	}
	require.EqualValues(t, sessions*rows, s.number("SELECT count(number) FROM late"))
	s.do("INSERT INTO orders (region, tenant) VALUES ('late', 'alone')")
	requireNumbered(s, "orders")
	requireGuarded(s, "late")
}
