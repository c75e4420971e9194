package column_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestPartitionedTablesNumberThroughAllPartitions(t *testing.T) {
	t.Parallel()
	_, s := pg.Partitioned(t)
	require.EqualValues(t, 1, s.Number("INSERT INTO orders (region) VALUES ('north') RETURNING number"))
	require.Equal(t, []int64{2, 1, 3, 4}, s.Numbers("INSERT INTO orders (region, tenant) VALUES ('south', 'a'), ('north', 'b'), ('north', 'a'), ('south', 'a') RETURNING number"))
	s.Do("INSERT INTO orders (region, tenant) SELECT CASE WHEN i % 2 = 0 THEN 'north' ELSE 'south' END, 't' || i % 3 FROM generate_series(1, 300) AS i")
	n, err := s.CopyFrom(t.Context(), pgx.Identifier{"orders"}, []string{"region", "memo"}, pgx.CopyFromRows([][]any{{"north", "1"}, {"south", "2"}, {"north", "3"}}))
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	s.Do("INSERT INTO orders (region, issued) VALUES ('north', false), ('south', false), ('south', false)")
	require.Equal(t, []int64{8, 9, 10}, s.Numbers("WITH issued AS (UPDATE orders SET issued = true WHERE number IS NULL RETURNING number) SELECT number FROM issued ORDER BY 1"))
	if s.Number("SELECT current_setting('server_version_num')::bigint") >= 150000 {
		s.Do("MERGE INTO orders AS o USING (VALUES ('north', '1'), ('south', '8'), ('north', '9')) AS v (region, memo) ON (o.region, o.memo) = (v.region, v.memo)" +
			" WHEN MATCHED THEN UPDATE SET memo = '1!' WHEN NOT MATCHED THEN INSERT (region, memo) VALUES (v.region, v.memo)")
	}
	pg.RequireNumbered(s, "orders")
	pg.RequireGuarded(s, "orders", "north", "south")
	pg.RequireNumbered(s, "orders")
	s.Refuse("428C9", "INSERT INTO orders (region, number) VALUES ('north', 99)")
	s.Refuse("428C9", "INSERT INTO north (region, number) VALUES ('north', 99)")
}

func TestPartitionsTakeDirectInserts(t *testing.T) {
	t.Parallel()
	_, s := pg.Partitioned(t)
	require.EqualValues(t, 1, s.Number("INSERT INTO north (region, memo) VALUES ('north', 'x') RETURNING number"))
	require.Equal(t, []int64{2, 3}, s.Numbers("INSERT INTO south (region) VALUES ('south'), ('south') RETURNING number"))
	for _, single := range []bool{true, false} {
		s.Do("BEGIN")
		if !single {
			s.Do("INSERT INTO orders (region, tenant) VALUES ('south', 'a'), ('north', 'b')")
		}
		s.Do("INSERT INTO north (region, memo) VALUES ('north', 'x') ON CONFLICT DO NOTHING")
		s.Do("INSERT INTO north (region, memo) VALUES ('north', 'x'), ('north', 'y'), ('north', 'x'), ('north', 'z') ON CONFLICT DO NOTHING")
		s.Do("INSERT INTO north (region, memo) VALUES ('north', 'x'), ('north', $$n$$ || random()) ON CONFLICT (region, memo) DO UPDATE SET issued = true")
		s.Do("SAVEPOINT s")
		s.Do("INSERT INTO south (region) VALUES ('south'), ('south')")
		s.Do("ROLLBACK TO s")
		s.Do("INSERT INTO south (region) VALUES ('south')")
		s.Do("INSERT INTO orders (region) VALUES ('south'), ('north')")
		s.Do("COMMIT")
		pg.RequireNumbered(s, "orders")
	}
	_, err := s.CopyFrom(t.Context(), pgx.Identifier{"south"}, []string{"region"}, pgx.CopyFromRows([][]any{{"south"}, {"south"}}))
	require.NoError(t, err)
	pg.RequireNumbered(s, "orders")
	pg.RequireGuarded(s, "orders", "north", "south")
}

func TestPartitionedRowsMoveWithTheirNumber(t *testing.T) {
	t.Parallel()
	_, s := pg.Partitioned(t)
	s.Do("INSERT INTO orders (region, tenant, memo) SELECT (ARRAY['north', 'south'])[i % 2 + 1], (ARRAY['a', 'b'])[i % 3 % 2 + 1], i::text FROM generate_series(1, 12) AS i")
	numbers := func() []string {
		return sqltest.Texts(s, "SELECT tenant || number || memo FROM orders WHERE memo IS NOT NULL ORDER BY memo")
	}
	before := numbers()
	s.Do("UPDATE orders SET region = 'south' WHERE memo = '1'")
	s.Do("UPDATE orders SET region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END")
	s.Do("UPDATE orders SET region = 'north'")
	s.Do("BEGIN; UPDATE orders SET region = 'south'; UPDATE orders SET region = 'north'; UPDATE orders SET region = 'south' WHERE memo = '3'; COMMIT")
	s.Do("BEGIN; SAVEPOINT s; UPDATE orders SET region = 'south'; ROLLBACK TO s; UPDATE orders SET region = 'south' WHERE memo = '5'; COMMIT")
	s.Do("BEGIN; UPDATE orders SET region = 'south'; ROLLBACK")
	s.Do("INSERT INTO orders (region, tenant) VALUES ('north', 'c'), ('south', 'c')")
	require.Equal(t, before, numbers())
	pg.RequireNumbered(s, "orders")

	// What a move may not do.
	for _, c := range []struct{ code, set string }{
		{"428C9", "number = number + 100"}, {"428C9", "number = NULL"}, {"23001", "tenant = 'x'"},
	} {
		s.Refuse(c.code, "UPDATE orders SET region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END, "+c.set)
	}
	s.Refuse("23001", "WITH gone AS (DELETE FROM orders WHERE memo = '1' RETURNING *) INSERT INTO orders (region, tenant, number) SELECT 'south', tenant, number + 100 FROM gone")
	s.Refuse("23001", "WITH gone AS (DELETE FROM orders WHERE memo IN ('1', '2') RETURNING *) INSERT INTO orders (region, tenant, number) SELECT 'south', tenant, number FROM gone WHERE memo = '1'")
	s.Do("BEGIN")
	s.Do("UPDATE orders SET region = 'south' WHERE memo = '1'")
	s.Refuse("428C9", "INSERT INTO orders (region, tenant, number) SELECT 'north', tenant, number FROM orders WHERE memo = '1'")
	s.Do("ROLLBACK")
	require.Equal(t, before, numbers())
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.moving"), "nothing is left behind")
	pg.RequireNumbered(s, "orders")
	pg.RequireGuarded(s, "orders", "north", "south")
}

func TestPartitionedRowsAreIssuedByTheUpdateThatMovesThem(t *testing.T) {
	t.Parallel()
	for _, chronology := range []string{"NULL", "$$ NEW.id + date '2026-01-01' $$"} {
		t.Run(chronology, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do(strings.ReplaceAll(pg.CreateOrders, "id     bigint", "id     int"))
			s.Do(strings.TrimSuffix(pg.AttachOrders, ")") + ", chronology => " + strings.ReplaceAll(chronology, "NEW.id + date '2026-01-01'", "date '2026-01-01' + NEW.id") + ")")
			s.Do("INSERT INTO orders (region, tenant, issued) SELECT (ARRAY['north', 'south'])[i % 2 + 1], 'a', i = 1 FROM generate_series(1, 10) AS i")
			s.Do("UPDATE orders SET region = 'south', issued = true WHERE id = 2")
			s.Do("UPDATE orders SET region = 'north', issued = true WHERE id = 3")
			require.Equal(t, []string{"1 1", "2 2", "3 3"}, sqltest.Texts(s, "SELECT id || ' ' || number FROM orders WHERE number IS NOT NULL ORDER BY id"))
			pg.RequireNumbered(s, "orders")
			if chronology == "NULL" {
				s.Do("UPDATE orders SET issued = true, region = CASE WHEN id % 3 = 0 THEN region WHEN region = 'south' THEN 'north' ELSE 'south' END")
				pg.RequireNumbered(s, "orders")
			}
			// A draft moves without one; what it is numbered from may change then.
			s.Do("INSERT INTO orders (region, issued) VALUES ('north', false)")
			s.Do("UPDATE orders SET region = 'south' WHERE number IS NULL AND region = 'north'")
			s.Do("UPDATE orders SET region = 'north', tenant = 'b', issued = true WHERE id = 11")
			require.EqualValues(t, 1, s.Number("SELECT number FROM orders WHERE tenant = 'b'"))
			// In one transaction with all the rest, and with a savepoint that is rolled back.
			s.Do("INSERT INTO orders (region, issued, tenant) VALUES ('north', false, 'z'), ('south', false, 'z')")
			s.Do("BEGIN; SAVEPOINT s")
			s.Do("UPDATE orders SET region = 'south', issued = true WHERE tenant = 'z' AND region = 'north'")
			s.Do("ROLLBACK TO s")
			s.Do("UPDATE orders SET region = 'north', issued = true WHERE tenant = 'z' AND region = 'south'")
			s.Do("UPDATE orders SET region = 'south' WHERE tenant = 'z'")
			s.Do("INSERT INTO orders (region, tenant) VALUES ('north', 'z'), ('north', 'z')")
			s.Do("COMMIT")
			require.Zero(t, s.Number("SELECT count(*) FROM gapless.moving"))
			pg.RequireNumbered(s, "orders")
			pg.RequireGuarded(s, "orders", "north", "south")
		})
	}
}

// TestPartitionsThatComeLaterNumberAtOnceAndAreGuardedWhenAsked, however their first row comes into them.
func TestPartitionsThatComeLaterNumberAtOnceAndAreGuardedWhenAsked(t *testing.T) {
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
			_, s := pg.Partitioned(t)
			s.Do("INSERT INTO orders (region) VALUES ('north'), ('south')")
			s.Do("INSERT INTO orders (region, issued) VALUES ('north', false)")
			s.Do("UPDATE orders SET memo = id")
			s.Do(c.setup)
			// No numbered row, no guard is needed: it may be emptied.
			s.Do("BEGIN; TRUNCATE late; ROLLBACK")
			s.Do(c.statement)
			require.NotZero(t, s.Number("SELECT count(number) FROM late"))
			pg.RequireNumbered(s, "orders")
			relations := strings.Fields(c.relations)
			for _, relation := range relations {
				s.Refuse("23001", "DELETE FROM "+relation+" WHERE number IS NOT NULL")
				s.Refuse("428C9", "UPDATE "+relation+" SET number = number + 1000")
			}
			require.Equal(t, relations, sqltest.Texts(s, "SELECT partition::text FROM gapless.guard_partitions() AS partition ORDER BY 1"))
			require.Empty(t, sqltest.Texts(s, "SELECT gapless.guard_partitions('orders')::text"))
			pg.RequireGuarded(s, relations...)
			s.Refuse("23001", "TRUNCATE orders")
			pg.RequireNumbered(s, "orders")
			s.Do("INSERT INTO orders (region, issued) SELECT region, false FROM late LIMIT 1")
			s.Do("DELETE FROM orders WHERE number IS NULL")

			// And after it was detached.
			s.Do("ALTER TABLE orders DETACH PARTITION late")
			pg.RequireGuarded(s, relations...)
			sqltest.RequireSound(s)
		})
	}
}

func TestPartitionsThatAreDetachedStayGuardedAndCounted(t *testing.T) {
	t.Parallel()
	_, s := pg.Partitioned(t)
	s.Do("INSERT INTO orders (region, tenant) VALUES ('north', 'a'), ('south', 'a'), ('north', 'b'), ('south', 'a'), ('north', 'a')")
	s.Do("INSERT INTO orders (region, issued) VALUES ('north', false)")
	s.Do("ALTER TABLE orders DETACH PARTITION north")
	pg.RequireGuarded(s, "north")
	sqltest.RequireSound(s)
	s.Do("DELETE FROM north WHERE number IS NULL")
	s.Do("UPDATE north SET memo = 'archived'|| id")
	pg.RequireGuarded(s, "north")
	// The series goes on.
	require.EqualValues(t, 5, s.Number("INSERT INTO orders (region) VALUES ('south') RETURNING number"))
	sqltest.RequireSound(s)
	// What is voided may go.
	s.Do("SELECT gapless.void_gapless('order/b', 1, 'cancelled')")
	s.Do("DELETE FROM north WHERE tenant = 'b'")
	sqltest.RequireSound(s)
	// And it may come back.
	s.Do("ALTER TABLE orders ATTACH PARTITION north FOR VALUES IN ('north')")
	require.Equal(t, []int64{6, 2}, s.Numbers("INSERT INTO orders (region, tenant) VALUES ('north', 'a'), ('north', 'b') RETURNING number"))
	pg.RequireGuarded(s, "orders", "north", "south")
	s.Do("UPDATE orders SET region = 'south'")
	require.Equal(t, []int64{1, 2, 3, 4, 5, 6}, s.Numbers("SELECT number FROM south WHERE tenant = 'a' ORDER BY 1"))
	s.Do("ALTER TABLE orders DETACH PARTITION south; DROP TABLE north")
	pg.RequireGuarded(s, "south")
	sqltest.RequireSound(s)

	// What takes rows away behind the triggers' back is found.
	s.Do("DROP TABLE south")
	require.Equal(t, []string{"order/a 1 6", "order/b 2 2"}, sqltest.Texts(s, "SELECT DISTINCT concat_ws(' ', sequence, min(first_value), max(last_value)) FROM gapless.audit_gapless() WHERE NOT explained AND kind = 'hole' GROUP BY sequence ORDER BY 1"))
}

func TestPartitionsThatAreDetachedKeepWhatTheirNamesAreMadeOf(t *testing.T) {
	t.Parallel()
	_, s := pg.Partitioned(t)
	s.Do("INSERT INTO orders (region) VALUES ('north'), ('north')")
	s.Do("ALTER TABLE orders DETACH PARTITION north")
	s.Refuse("23001", "UPDATE north SET tenant = 'b' WHERE number = 2")
	pg.RequireNumbered(s, "north")
}

// TestFormerPartitionsKeepTheirGuardsWhateverBecomesOfTheColumn: no attach, and no detach, leaves their rows unguarded.
func TestFormerPartitionsKeepTheirGuardsWhateverBecomesOfTheColumn(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", ", at_commit => true"} {
		s := sqltest.Connect(t, pgtest.New(t))
		s.Do(`CREATE TABLE bills (id int, year int, number bigint, PRIMARY KEY (year, id), UNIQUE (year, number)) PARTITION BY LIST (year);
			CREATE TABLE "bills %2025" PARTITION OF bills FOR VALUES IN (2025);
			CREATE TABLE rest PARTITION OF bills DEFAULT`)
		attach := "SELECT gapless.attach_gapless('%s', 'number', $$ 'bill/' || NEW.year $$" + options + ")"
		s.Do(fmt.Sprintf(attach, "bills"))
		s.Do("INSERT INTO bills VALUES (1, 2025), (2, 2025), (3, 2026)")
		s.Do(`ALTER TABLE bills DETACH PARTITION "bills %2025"`)
		guards := sqltest.Texts(s, `SELECT tgname FROM pg_trigger WHERE tgrelid = '"bills %2025"'::regclass AND tgname LIKE '~gapless%' ORDER BY 1`)
		require.NotEmpty(t, guards)

		refused := s.Refuse("55000", "SELECT gapless.detach_gapless('bills', 'number')")
		require.Equal(t, "detach_former_partition", refused.ConstraintName)

		for _, c := range []struct{ broken, table string }{
			{"ALTER TABLE bills DISABLE TRIGGER USER", "bills"}, {`DROP TRIGGER "~gapless_truncate_number" ON bills`, "bills"},
			{"ALTER TABLE bills RENAME TO documents", "documents"}, {"ALTER TABLE documents RENAME TO bills", "bills"},
		} {
			s.Do(c.broken)
			s.Do(fmt.Sprintf(attach, c.table))
			require.Equal(t, guards, sqltest.Texts(s, `SELECT tgname FROM pg_trigger WHERE tgrelid = '"bills %2025"'::regclass AND tgname LIKE '~gapless%' AND tgenabled <> 'D' ORDER BY 1`), c.broken)
			pg.RequireGuarded(s, `"bills %2025"`)
			sqltest.RequireSound(s)
		}

		s.Do("SELECT gapless.archive_gapless('bill/2025', 2, 'kept in a table of its own')")
		_, cure, _ := strings.Cut(refused.Hint, "without guards: ")
		s.Do(cure)
		require.Empty(t, sqltest.Texts(s, "SELECT tgname FROM pg_trigger WHERE tgname LIKE '~gapless%'"))
		s.Do(fmt.Sprintf(attach, "bills"))
		s.Do("INSERT INTO bills VALUES (4, 2026)")
		sqltest.RequireSound(s)
	}
}

// A partition that goes over to another table obeys that one alone: what it had of the table before would ask for its series.
func TestAPartitionThatGoesOverToAnotherTableIsGuardedByThatOneAlone(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(`
		CREATE SEQUENCE ids;
		CREATE TABLE old_bills (id bigint DEFAULT nextval('ids'), year integer NOT NULL, number bigint, PRIMARY KEY (year, id), UNIQUE (year, number)) PARTITION BY LIST (year);
		CREATE TABLE bills_2024 PARTITION OF old_bills FOR VALUES IN (2024);
		CREATE TABLE bills (id bigint DEFAULT nextval('ids'), year integer NOT NULL, number bigint, PRIMARY KEY (year, id), UNIQUE (year, number)) PARTITION BY LIST (year);
		SELECT gapless.attach_gapless('old_bills', 'number', name => $$ 'old/' || NEW.year $$, at_commit => true)`)
	s.Do("INSERT INTO old_bills (year) VALUES (2024), (2024)")
	s.Do("ALTER TABLE old_bills DETACH PARTITION bills_2024")
	s.Do("ALTER TABLE bills ATTACH PARTITION bills_2024 FOR VALUES IN (2024)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill/' || NEW.year $$)")

	const functions = "SELECT DISTINCT tgfoid::regproc::text FROM pg_trigger WHERE tgrelid = 'bills_2024'::regclass AND tgname LIKE '~gapless%' ORDER BY 1"
	for _, function := range sqltest.Texts(s, functions) {
		require.True(t, strings.HasPrefix(function, "bills_number_"), function)
	}
	require.EqualValues(t, 3, s.Number("INSERT INTO bills (year) VALUES (2024) RETURNING number"))
	s.Do("SELECT gapless.void_gapless('bill/2024', 1, 'cancelled')")
	s.Do("DELETE FROM bills WHERE number = 1")
	s.Refuse("23001", "DELETE FROM bills WHERE number = 2")
	require.Equal(t, []string{"old/2024 hole 1 2"}, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, kind, first_value, last_value) FROM gapless.audit_gapless() WHERE NOT explained"))
}

// TestAttachRefusesPartitionsWhoseColumnIsAnother: a partition's column need not be as its table's is.
func TestAttachRefusesPartitionsWhoseColumnIsAnother(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for _, c := range []struct{ partition, options, says string }{
		{"CREATE TABLE part PARTITION OF bills (number DEFAULT 7) DEFAULT", "", "its partition public.part has a default for it"},
		{"CREATE TABLE part PARTITION OF bills (number NOT NULL) DEFAULT", ", condition => 'NEW.due'", "its partition public.part has NOT NULL for it"},
		{"CREATE TABLE part PARTITION OF bills (number NOT NULL) DEFAULT", ", at_commit => true", "its partition public.part has NOT NULL for it"},
		{"CREATE TABLE part (year int NOT NULL, due boolean, number bigint GENERATED ALWAYS AS (5) STORED, PRIMARY KEY (year)); ALTER TABLE bills ATTACH PARTITION part DEFAULT", "", "its partition public.part has an expression that generates it"},
	} {
		if strings.Contains(c.partition, "GENERATED") && s.Number("SELECT current_setting('server_version_num')::bigint") >= 160000 {
			continue // PostgreSQL refuses it since 16
		}
		s.Do("CREATE TABLE bills (year int PRIMARY KEY, due boolean, number bigint, UNIQUE (year, number)) PARTITION BY LIST (year)")
		s.Do(c.partition)
		attach := "SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$" + c.options + ")"
		refused := s.Refuse("55000", attach)
		require.Contains(t, refused.Message, c.says)
		if strings.Contains(c.partition, "GENERATED") {
			require.Equal(t, "Make the partition anew without it.", refused.Hint)
			s.Do("DROP TABLE part; CREATE TABLE part PARTITION OF bills DEFAULT")
		} else {
			s.Do(refused.Hint)
		}
		s.Do(attach)
		s.Do("INSERT INTO bills VALUES (1, true), (2, true)")
		require.Equal(t, []int64{1, 2}, s.Numbers("SELECT number FROM bills ORDER BY 1"))
		s.Do("DROP TABLE bills; SELECT gapless.delete_gapless('bill')")
	}
	s.Do("CREATE TABLE bills (year int PRIMARY KEY, number bigint, UNIQUE (year, number)) PARTITION BY LIST (year); CREATE TABLE part PARTITION OF bills (number NOT NULL) DEFAULT")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$)") // no row is ever without a number
}

func TestPartitionsOfPartitionsNumber(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(`CREATE TABLE orders (id bigserial, region text, tenant text, dated date, issued boolean DEFAULT true, number bigint, UNIQUE (region, tenant, dated, number)) PARTITION BY LIST (region);
		CREATE TABLE north PARTITION OF orders FOR VALUES IN ('north') PARTITION BY RANGE (dated);
		CREATE TABLE north25 PARTITION OF north FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
		CREATE TABLE north26 PARTITION OF north FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY HASH (tenant);
		CREATE TABLE north26all PARTITION OF north26 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
		CREATE TABLE south PARTITION OF orders DEFAULT`)
	s.Do(pg.AttachOrders)
	s.Do("INSERT INTO orders (region, tenant, dated) VALUES ('north', 'a', '2025-05-05'), ('north', 'a', '2026-05-05'), ('south', 'a', '2026-05-05'), ('north', 'b', '2026-01-01')")
	s.Do("INSERT INTO north (region, tenant, dated) VALUES ('north', 'a', '2025-05-06'), ('north', 'a', '2026-05-06')")
	s.Do("INSERT INTO north26 (region, tenant, dated) VALUES ('north', 'a', '2026-05-05')")
	s.Do("INSERT INTO north26all (region, tenant, dated, issued) VALUES ('north', 'a', '2026-05-05', false)")
	pg.RequireNumbered(s, "orders")
	s.Do("UPDATE orders SET dated = '2025-05-05' WHERE number = 2")
	s.Do("UPDATE orders SET region = 'south' WHERE number = 1")
	s.Do("UPDATE orders SET region = 'north', dated = '2026-07-07'")
	s.Do("UPDATE orders SET dated = '2025-07-07', issued = true")
	s.Do("UPDATE north SET dated = '2026-07-07' WHERE number < 3")
	require.EqualValues(t, 8, s.Number("SELECT count(number) FROM orders"))
	pg.RequireNumbered(s, "orders")
	pg.RequireGuarded(s, "orders", "north", "north25")
	pg.RequireGuarded(s, "north26", "north26all")

	// A whole branch is detached, with one of its partitions moved back.
	s.Do("ALTER TABLE orders DETACH PARTITION north")
	pg.RequireGuarded(s, "north", "north25")
	pg.RequireGuarded(s, "north26", "north26all")
	sqltest.RequireSound(s)
	s.Do("ALTER TABLE north DETACH PARTITION north25")
	pg.RequireGuarded(s, "north25")
	pg.RequireGuarded(s, "north", "north26", "north26all")
	sqltest.RequireSound(s)
	s.Do("ALTER TABLE north ATTACH PARTITION north25 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'); ALTER TABLE orders ATTACH PARTITION north FOR VALUES IN ('north')")
	s.Do("INSERT INTO orders (region, tenant, dated) VALUES ('north', 'a', '2025-05-05'), ('south', 'a', '2025-05-05'), ('north', 'a', '2026-05-05')")
	pg.RequireNumbered(s, "orders")
	pg.RequireGuarded(s, "orders", "north", "north25")
}

func TestPartitionsRefuseToBeTruncatedWithAnOldSnapshot(t *testing.T) {
	t.Parallel()
	for _, relation := range []string{"orders", "north", "late"} {
		t.Run(relation, func(t *testing.T) {
			t.Parallel()
			database, s := pg.Partitioned(t)
			s.Do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late'); SELECT gapless.guard_partitions('orders')")
			other := sqltest.Connect(t, database)
			other.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			require.Zero(t, other.Number("SELECT count(*) FROM orders"))
			s.Do("INSERT INTO orders (region) VALUES ('north'), ('late')")
			pg.RequireAbout(t, other.Refuse("23001", "TRUNCATE "+relation), "orders", "snapshot")
			other.Do("ROLLBACK")
			pg.RequireNumbered(s, "orders")
		})
	}
}

func TestPartitionsThatCannotBeKeptAreRefusedAtTheirFirstRow(t *testing.T) {
	t.Parallel()
	_, s := pg.Partitioned(t)
	s.Do("CREATE UNLOGGED TABLE late PARTITION OF orders FOR VALUES IN ('late')")
	for _, statement := range []string{
		"INSERT INTO orders (region) VALUES ('late')", "INSERT INTO orders (region) VALUES ('north'), ('late')",
		"INSERT INTO late (region, id) VALUES ('late', 5)",
	} {
		pg.RequireHelpful(t, s.Refuse("42809", statement))
	}
	s.Do("INSERT INTO orders (region, memo) VALUES ('north', 'x')")
	pg.RequireHelpful(t, s.Refuse("42809", "UPDATE orders SET region = 'late'"))
	pg.RequireHelpful(t, s.Refuse("42809", "SELECT gapless.guard_partitions('orders')"))
	pg.RequireNumbered(s, "orders")
}

// TestPartitionsThatWereNumberedByHandAreFoundByTheAudit: attaching one brings rows past every trigger.
func TestPartitionsThatWereNumberedByHandAreFoundByTheAudit(t *testing.T) {
	t.Parallel()
	_, s := pg.Partitioned(t)
	s.Do("INSERT INTO orders (region) VALUES ('north')")
	s.Do("CREATE TABLE late (LIKE orders INCLUDING ALL); INSERT INTO late (region, number) VALUES ('late', 7); ALTER TABLE orders ATTACH PARTITION late FOR VALUES IN ('late')")
	require.Equal(t, []string{"never issued 7"}, sqltest.Texts(s, "SELECT kind || ' ' || first_value FROM gapless.audit_gapless() WHERE NOT explained"))
}

func TestPartitionsOfAnotherOwnerNumberToo(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	_, owner := sqltest.Role(t, database, "owner")
	_, app := sqltest.Role(t, database, "app")
	s.Do("GRANT CREATE ON SCHEMA public TO " + owner)
	s.Do("DO $$ BEGIN EXECUTE (SELECT format('GRANT USAGE ON SCHEMA gapless TO %1$I; GRANT EXECUTE ON FUNCTION %2$s TO %1$I', current_database() || ' owner', string_agg(oid::regprocedure::text, ', ')) FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND proname LIKE 'column\\_%'); END $$")
	s.Do("SET ROLE " + owner + "; " + pg.CreateOrders + "; GRANT INSERT, SELECT ON orders TO " + app + "; GRANT USAGE ON SEQUENCE order_ids TO " + app + "; RESET ROLE")
	s.Do(pg.AttachOrders)
	s.Do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late')") // as a job that makes partitions does, with its own role
	conn := sqltest.Connect(t, database)
	conn.Do("SET ROLE " + app)
	require.Equal(t, []int64{1, 2}, conn.Numbers("INSERT INTO orders (region) VALUES ('north'), ('north') RETURNING number"))
	require.EqualValues(t, 3, conn.Number("INSERT INTO orders (region) VALUES ('late') RETURNING number"))
	pg.RequireNumbered(s, "orders")
}

func TestPartitionedTablesNumberAtCommit(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(strings.Replace(pg.CreateOrders, "UNIQUE (region, memo)", "UNIQUE (region, memo), PRIMARY KEY (region, id)", 1))
	s.Do(strings.TrimSuffix(pg.AttachOrders, ")") + ", at_commit => true)")
	s.Do("BEGIN")
	s.Do("INSERT INTO orders (region) VALUES ('north'), ('south'), ('north')")
	s.Do("INSERT INTO south (region, id) VALUES ('south', 90)")
	s.Do("UPDATE orders SET region = 'south' WHERE id = 1") // moves before it has a number
	require.Zero(t, s.Number("SELECT count(number) FROM orders"))
	s.Do("COMMIT")
	require.EqualValues(t, 4, s.Number("SELECT count(number) FROM orders"))
	s.Do("UPDATE orders SET region = 'north'") // and with it
	s.Do("INSERT INTO orders (region, issued) VALUES ('north', false), ('south', false)")
	s.Do("UPDATE orders SET region = 'south', issued = true")
	require.EqualValues(t, 6, s.Number("SELECT count(number) FROM orders"))
	s.Do("BEGIN; INSERT INTO orders (region) VALUES ('north'); DELETE FROM orders WHERE number IS NULL; COMMIT")
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.moving"))
	pg.RequireNumbered(s, "orders")
	pg.RequireGuarded(s, "orders", "south")
	s.Refuse("428C9", "INSERT INTO orders (region, number) VALUES ('north', 7)")
}

func TestPartitionedTablesAdoptWhatAllPartitionsHave(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(pg.CreateOrders)
	s.Do("INSERT INTO orders (region, tenant, number) VALUES ('north', 'a', 1), ('south', 'a', 2), ('north', 'b', 1)")
	s.Do("INSERT INTO orders (region, tenant, number) VALUES ('south', 'b', 1)")
	err := s.Refuse("23514", pg.AttachOrders)
	require.Contains(t, err.Detail, `1: 2 rows of "order/b"`)
	s.Do("UPDATE orders SET number = 2 WHERE tenant = 'b' AND region = 'south'")
	s.Do(pg.AttachOrders)
	require.Equal(t, []int64{3, 3}, s.Numbers("INSERT INTO orders (region, tenant) VALUES ('north', 'a'), ('south', 'b') RETURNING number"))
	pg.RequireNumbered(s, "orders")
	pg.RequireGuarded(s, "orders", "north", "south")
}

func TestPartitionedTablesLoseNothingWhenTheyAreDetached(t *testing.T) {
	t.Parallel()
	_, s := pg.Partitioned(t)
	s.Do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late')")
	s.Do("INSERT INTO orders (region) VALUES ('north'), ('south'), ('late')")
	s.Do("ALTER TABLE orders DETACH PARTITION south")
	s.Do("SELECT gapless.detach_gapless('orders', 'number', unguard => true)")
	require.Empty(t, sqltest.Texts(s, "SELECT tgrelid::regclass || tgname FROM pg_trigger WHERE tgname LIKE '~gapless%'"), "also of what was detached")
	s.Do("INSERT INTO orders (region, number) VALUES ('north', 4); UPDATE orders SET number = 5 WHERE number = 4; DELETE FROM orders WHERE number = 5")
	s.Do("TRUNCATE south; INSERT INTO south (region, number, id) VALUES ('south', 2, 5)")
	require.EqualValues(t, 4, s.Number("SELECT gapless.next_gapless('order/a')"))
}

// TestPartitionsAreGuardedWhileManySessionsInsertTheirFirstRows has guard_partitions wait for them, and they for it, and nobody
// fails.
func TestPartitionsAreGuardedWhileManySessionsInsertTheirFirstRows(t *testing.T) {
	t.Parallel()
	database, s := pg.Partitioned(t)
	s.Do("CREATE TABLE late PARTITION OF orders FOR VALUES IN ('late')")
	const sessions, rows = 4, 10
	var done []<-chan sqltest.Result[any]
	for i := range sessions {
		conn := sqltest.Connect(t, database)
		done = append(done, sqltest.Later(func() (any, error) {
			for j := range rows {
				if _, err := conn.Exec(conn.Ctx, fmt.Sprintf("INSERT INTO orders (region, tenant, memo) VALUES ('late', 't%d', '%d %d')", i%2, i, j)); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}))
	}
	for range sessions {
		conn := sqltest.Connect(t, database)
		done = append(done, sqltest.Later(func() (any, error) { return conn.Exec(conn.Ctx, "SELECT gapless.guard_partitions()") }))
	}
	for _, one := range done {
		require.NoError(t, (<-one).Err)
	}
	require.EqualValues(t, sessions*rows, s.Number("SELECT count(number) FROM late"))
	pg.RequireNumbered(s, "orders")
	pg.RequireGuarded(s, "late")
}
