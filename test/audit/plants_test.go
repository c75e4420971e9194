package audit_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// plantedGround has a column of every kind, with what may be found there and is explained. Each tenant of invoices has a series of its
// own, of 1 to 10.
var plantedGround = []string{
	`CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text, number bigint, UNIQUE (tenant, number))`,
	`SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)`,
	`DO $$ BEGIN FOR i IN 1..10 LOOP INSERT INTO invoices (tenant) SELECT chr(t) FROM generate_series(ascii('a'), ascii('r')) AS t; END LOOP; END $$`,
	`SELECT gapless.void_gapless('invoice/l', 2, 'torn'), gapless.void_gapless('invoice/l', 4, 'torn')`,
	`DELETE FROM invoices WHERE tenant = 'l' AND number = 2`,

	`CREATE TABLE documents (id int PRIMARY KEY, prefix text DEFAULT 'D', number text UNIQUE)`,
	`SELECT gapless.attach_gapless('documents', 'number', name => $$ 'document/' || NEW.prefix $$, format => $$ NEW.prefix || '-' || lpad(value::text, greatest(4, length(value::text)), '0') $$)`,
	`INSERT INTO documents (id) SELECT generate_series(1, 12)`,

	`CREATE TABLE receipts (id int PRIMARY KEY, shop int, number text, UNIQUE (shop, number))`,
	`SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt/' || NEW.shop $$, format => $$ 'R' || value $$, at_commit => true)`,
	`INSERT INTO receipts (id, shop) SELECT i, i % 2 FROM generate_series(1, 20) AS i`,

	`CREATE TABLE orders (region text, id int, number bigint, UNIQUE (region, number)) PARTITION BY LIST (region)`,
	`CREATE TABLE north PARTITION OF orders FOR VALUES IN ('north')`,
	`CREATE TABLE south PARTITION OF orders FOR VALUES IN ('south')`,
	`CREATE TABLE east PARTITION OF orders FOR VALUES IN ('east')`,
	`CREATE TABLE west PARTITION OF orders FOR VALUES IN ('west')`,
	`SELECT gapless.attach_gapless('orders', 'number', name => $$ 'order' $$)`,
	`INSERT INTO orders SELECT (ARRAY['north', 'south', 'east', 'west'])[(i + 9) / 10], i FROM generate_series(1, 40) AS i`, // ten each
	`ALTER TABLE orders DETACH PARTITION east`,

	`CREATE TABLE sales (id int PRIMARY KEY, number bigint UNIQUE); CREATE TABLE refunds (id int PRIMARY KEY, number bigint UNIQUE)`,
	`SELECT gapless.attach_gapless('sales', 'number', name => $$ 'circle' $$), gapless.attach_gapless('refunds', 'number', series_of => 'sales.number')`,
	`DO $$ BEGIN FOR i IN 1..5 LOOP INSERT INTO sales VALUES (i); INSERT INTO refunds VALUES (i); END LOOP; END $$`, // odd numbers, even numbers

	`CREATE TABLE sealed (id int PRIMARY KEY, amount numeric, hash bytea, previous_hash bytea, number bigint UNIQUE)`,
	`SELECT gapless.attach_gapless('sealed', 'number', name => $$ 'sealed' $$, chain => $$ sha256(convert_to(concat_ws('|', NEW.amount, NEW.previous_hash), 'UTF8')) $$)`,
	`INSERT INTO sealed (id, amount) SELECT i, i FROM generate_series(1, 12) AS i`,

	`SELECT gapless.range_gapless('range', 1, 5, 'grant A'), gapless.range_gapless('range', 101, 200, 'grant B')`,
	`CREATE TABLE granted (id int PRIMARY KEY, number bigint UNIQUE)`,
	`SELECT gapless.attach_gapless('granted', 'number', name => $$ 'range' $$)`,
	`INSERT INTO granted SELECT generate_series(1, 10)`, // 1 to 5, 101 to 105

	`CREATE TABLE ledger (id int PRIMARY KEY, number bigint UNIQUE)`,
	`SELECT gapless.attach_gapless('ledger', 'number', name => $$ 'ledger' $$)`,
	`INSERT INTO ledger SELECT generate_series(1, 10)`,
	`SELECT gapless.archive_gapless('ledger', 4, 'on tape')`,
	`DELETE FROM ledger WHERE number <= 4`,

	`CREATE TABLE adopted (id int, number bigint UNIQUE)`,
	`INSERT INTO adopted SELECT i, i FROM generate_series(5, 20) AS i WHERE i NOT IN (7, 8)`,
	`SELECT gapless.attach_gapless('adopted', 'number', name => $$ 'adopted' $$)`,
	`INSERT INTO adopted SELECT generate_series(21, 25)`,

	`CREATE TABLE bills (id int PRIMARY KEY, dated date, number bigint UNIQUE)`,
	`SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$, chronology => 'NEW.dated')`,
	`DO $$ BEGIN FOR i IN 1..6 LOOP INSERT INTO bills VALUES (i, '2026-01-01'::date + i); END LOOP; END $$`,

	`SELECT gapless.next_gapless('by hand') FROM generate_series(1, 9)`,
	`SELECT gapless.next_gapless('unlocked') FROM generate_series(1, 9)`,

	`DO $$ BEGIN
		FOR i IN 1..7 LOOP
			EXECUTE format('CREATE TABLE table%1$s (id int PRIMARY KEY, number bigint UNIQUE)', i);
			PERFORM gapless.attach_gapless(format('table%s', i)::regclass, 'number', name => format($q$ 'table%s' $q$, i));
			EXECUTE format('INSERT INTO table%s SELECT generate_series(1, 3)', i);
		END LOOP;
	END $$`,
	`CREATE FUNCTION shelf(id int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'x' $$`,
	`CREATE TABLE shelved (id int PRIMARY KEY, number bigint UNIQUE)`,
	`SELECT gapless.attach_gapless('shelved', 'number', name => $$ 'shelf/' || shelf(NEW.id) $$)`,
	`INSERT INTO shelved SELECT generate_series(1, 3)`,
}

// plantedBefore is what the audit finds there before anything is planted: all of it is explained.
var plantedBefore = []string{
	"invoice/l hole 2-2 explained", "invoice/l void 4-4 explained",
	"range range 1-5 explained", "range hole 6-100 explained", "range range 101-200 explained",
	"ledger archived 1-4 explained",
	"adopted hole 7-8 explained",
}

// plants are faults of all kinds, which do not touch each other. They are planted by a superuser with the triggers off.
var plants = []struct {
	name, statements string
	want             []string // the findings
	instead          []string // of plantedBefore, which are not there then
}{
	{name: "the first row is lost", statements: "DELETE FROM invoices WHERE tenant = 'a' AND number = 1", want: []string{"invoice/a hole 1-1"}},
	{name: "a row in the middle is lost", statements: "DELETE FROM invoices WHERE tenant = 'b' AND number = 5", want: []string{"invoice/b hole 5-5"}},
	{name: "the newest row is lost", statements: "DELETE FROM invoices WHERE tenant = 'c' AND number = 10", want: []string{"invoice/c hole 10-10"}},
	{name: "a whole series is lost", statements: "DELETE FROM invoices WHERE tenant = 'd'", want: []string{"invoice/d hole 1-10"}},
	{name: "a row is there twice", statements: "ALTER TABLE invoices DROP CONSTRAINT invoices_tenant_number_key; INSERT INTO invoices (tenant, number) VALUES ('e', 5)", want: []string{"invoice/e double 5-5"}},
	{name: "the next numbers are forged", statements: "INSERT INTO invoices (tenant, number) VALUES ('f', 11), ('f', 12)", want: []string{"invoice/f never issued 11-12"}},
	{name: "a number before the first is forged", statements: "INSERT INTO invoices (tenant, number) VALUES ('f', 0)", want: []string{"invoice/f never issued 0-0"}},
	{name: "a row is put into another series", statements: "UPDATE invoices SET tenant = 'y' WHERE tenant = 'g' AND number = 4", want: []string{"invoice/g hole 4-4", "invoice/y never issued 4-4"}},
	{name: "a journal row is removed", statements: "DELETE FROM gapless.journal WHERE name = 'invoice/h' AND first_value = 5", want: []string{"invoice/h never issued 5-5"}},
	{name: "the newest journal row is removed", statements: "DELETE FROM gapless.journal WHERE name = 'invoice/h' AND first_value = 10", want: []string{"invoice/h never issued 10-10"}},
	{name: "a row is removed with its journal row", statements: "DELETE FROM gapless.journal WHERE name = 'invoice/h' AND first_value = 7; DELETE FROM invoices WHERE tenant = 'h' AND number = 7", want: []string{"invoice/h hole 7-7"}},
	{name: "a journal row is forged", statements: "INSERT INTO gapless.journal (name, ordinal, first_value, last_value) VALUES ('invoice/i', 11, 11, 15)", want: []string{"invoice/i hole 11-15"}},
	{name: "a series is forged", statements: "INSERT INTO invoices (tenant, number) VALUES ('z', 1), ('z', 2)", want: []string{"invoice/z never issued 1-2"}},
	{name: "a number is taken away", statements: "UPDATE invoices SET number = NULL WHERE tenant = 'j' AND number = 3", want: []string{"invoice/j hole 3-3"}},
	{name: "a number is changed", statements: "UPDATE invoices SET number = 500 WHERE tenant = 'j' AND number = 6", want: []string{"invoice/j hole 6-6", "invoice/j never issued 500-500"}},
	{name: "journal and sequence are removed", statements: "DELETE FROM gapless.journal WHERE name = 'invoice/k'; DELETE FROM gapless.sequence_lock WHERE name = 'invoice/k'", want: []string{"invoice/k never issued 1-10"}},
	{name: "the void of a row that is gone is removed", statements: "DELETE FROM gapless.void WHERE name = 'invoice/l' AND value = 2", want: []string{"invoice/l hole 2-2"}, instead: []string{"invoice/l hole 2-2 explained"}},
	{name: "what is missing is pruned", statements: "DELETE FROM invoices WHERE tenant = 'm' AND number = 3; SELECT gapless.prune_gapless('invoice/m', 'infinity')", want: []string{"invoice/m hole 3-3"}},
	{name: "every row but the newest is lost, and all is pruned", statements: "DELETE FROM invoices WHERE tenant = 'n' AND number < 10; SELECT gapless.prune_gapless('invoice/n', 'infinity')", want: []string{"invoice/n hole 1-9"}},
	{name: "a journal run is made longer", statements: "UPDATE gapless.journal SET last_value = 12 WHERE name = 'invoice/o' AND first_value = 10", want: []string{"invoice/o hole 11-12"}},
	{name: "two rows change their numbers' places in two series", statements: "UPDATE invoices SET tenant = CASE tenant WHEN 'p' THEN 'q' ELSE 'p' END WHERE tenant = 'p' AND number = 2 OR tenant = 'q' AND number = 9", want: []string{"invoice/p hole 2-2", "invoice/p double 9-9", "invoice/q double 2-2", "invoice/q hole 9-9"}},

	{name: "a text is made unreadable", statements: "UPDATE documents SET number = 'x' WHERE id = 2", want: []string{"document/D hole 2-2", "document/D changed after issue unreadable"}},
	{name: "a text becomes another number's", statements: "UPDATE documents SET number = 'D-0300' WHERE id = 4", want: []string{"document/D hole 4-4", "document/D never issued 300-300"}},
	{name: "what a text is made of is changed", statements: "UPDATE documents SET prefix = 'E' WHERE id = 6", want: []string{"document/D hole 6-6", "document/E changed after issue unreadable"}},
	{name: "a document is lost", statements: "DELETE FROM documents WHERE id = 8", want: []string{"document/D hole 8-8"}},
	{name: "a row that was numbered at commit is lost", statements: "DELETE FROM receipts WHERE shop = 0 AND number = 'R3'", want: []string{"receipt/0 hole 3-3"}},
	{name: "a number that came at commit is taken away", statements: "UPDATE receipts SET number = NULL WHERE shop = 1 AND number = 'R4'", want: []string{"receipt/1 hole 4-4"}},

	{name: "a row of a partition is lost", statements: "DELETE FROM north WHERE number = 8", want: []string{"order hole 8-8"}},
	{name: "a row of a partition that was detached is lost", statements: "DELETE FROM east WHERE number = 25", want: []string{"order hole 25-25"}},
	{name: "a partition is dropped with its rows", statements: "DROP TABLE west", want: []string{"order hole 31-40"}},
	{name: "a row is forged in a partition", statements: "INSERT INTO south VALUES ('south', 0, 41)", want: []string{"order never issued 41-41"}},

	{name: "a row of one of two tables is lost", statements: "DELETE FROM refunds WHERE number = 4", want: []string{"circle hole 4-4"}},
	{name: "two tables have a number", statements: "INSERT INTO refunds VALUES (99, 7)", want: []string{"circle double 7-7"}},
	{name: "a number that neither table got is forged", statements: "INSERT INTO refunds VALUES (98, 20)", want: []string{"circle never issued 20-20"}},

	{name: "a row of a chain is changed", statements: "UPDATE sealed SET amount = 1000 WHERE number = 2", want: []string{"sealed broken 2-2"}},
	{name: "a row of a chain is changed, and its hash", statements: "UPDATE sealed SET amount = 1000, hash = sha256(convert_to(concat_ws('|', 1000::numeric, previous_hash), 'UTF8')) WHERE number = 4", want: []string{"sealed broken 4-4"}},
	{name: "a link is removed", statements: "DELETE FROM gapless.link WHERE value = 7", want: []string{"sealed broken 7-7", "sealed broken 8-8"}},
	{name: "the newest row of a chain is lost", statements: "DELETE FROM sealed WHERE number = 12", want: []string{"sealed hole 12-12"}},

	{name: "a row of a range is lost", statements: "DELETE FROM granted WHERE number = 3", want: []string{"range hole 3-3"}},
	{name: "a number past those of the ranges is forged", statements: "INSERT INTO granted VALUES (99, 201)", want: []string{"range never issued 201-201"}},
	{name: "a number of a range is forged", statements: "INSERT INTO granted VALUES (98, 150)", want: []string{"range never issued 150-150"}},
	{name: "a row that is not archived is lost", statements: "DELETE FROM ledger WHERE number = 6", want: []string{"ledger hole 6-6"}},
	{name: "what was said of an archive is removed", statements: "DELETE FROM gapless.decision WHERE name = 'ledger'", want: []string{"ledger hole 1-4"}, instead: []string{"ledger archived 1-4 explained"}},
	{name: "adopted numbers are there twice", statements: "ALTER TABLE adopted DROP CONSTRAINT adopted_number_key; INSERT INTO adopted VALUES (99, 10)", want: []string{"adopted double 10-10"}},
	{name: "a row after the adopted ones is lost", statements: "DELETE FROM adopted WHERE number = 22", want: []string{"adopted hole 22-22"}},
	{name: "a date is changed", statements: "UPDATE bills SET dated = '2026-01-01' WHERE number = 3", want: []string{"bill changed after issue 3-3"}},
	{name: "a date is taken away", statements: "UPDATE bills SET dated = NULL WHERE number = 5", want: []string{"bill changed after issue 5-5"}},
	{name: "the journal of a series without a column loses a row", statements: "DELETE FROM gapless.journal WHERE name = 'by hand' AND first_value = 4", want: []string{"by hand hole 4-4"}},

	{name: "a table is renamed, and a row lost", statements: "ALTER TABLE table1 RENAME TO elsewhere; DELETE FROM elsewhere WHERE number = 2", want: []string{"public.elsewhere.number not read unreadable"}},
	{name: "the column is renamed", statements: "ALTER TABLE table2 RENAME number TO no", want: []string{"public.table2.number not read unreadable"}},
	{name: "the triggers are dropped", statements: dropTriggers("table3"), want: []string{"public.table3.number not read unreadable"}},
	{name: "the reader is replaced", statements: "CREATE OR REPLACE FUNCTION table4_number_gapless_rows(names text[] DEFAULT NULL, keyed boolean DEFAULT false, seed bigint DEFAULT NULL) RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$ SELECT 'table4'::text, i::bigint, i::text, NULL::timestamp FROM generate_series(1, 3) AS i $$; DELETE FROM table4", want: []string{"public.table4.number not read unreadable"}},
	{name: "the table has another owner", statements: "ALTER TABLE table5 OWNER TO pg_monitor", want: []string{"public.table5.number not read unreadable"}},
	{name: "a series of a column loses its lock and its rows", statements: "DELETE FROM table7; DELETE FROM gapless.sequence_lock WHERE name = 'table7'", want: []string{"table7 not read 1-3"}},
	{name: "a series without a column loses its lock", statements: "DELETE FROM gapless.sequence_lock WHERE name = 'unlocked'", want: []string{"unlocked not read 1-9"}},
	{name: "a table that inherits has a number", statements: "CREATE TABLE heir () INHERITS (table6); INSERT INTO heir VALUES (9, 4)", want: []string{"table6 never issued 4-4"}},
	{name: "what the name calls is replaced", statements: "CREATE OR REPLACE FUNCTION shelf(id int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE id WHEN 2 THEN 'y' ELSE 'x' END $$", want: []string{"shelf/x hole 2-2", "shelf/y never issued 2-2"}},
}

func dropTriggers(table string) string {
	return fmt.Sprintf(`DO $$ DECLARE t record; BEGIN
		FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = '%[1]s'::regclass AND NOT tgisinternal LOOP EXECUTE format('DROP TRIGGER %%I ON %[1]s', t.tgname); END LOOP;
	END $$`, table)
}

// TestAuditFindsFaultsOfAllKindsAtOnceAndNothingElse plants more than 40, and audits once.
func TestAuditFindsFaultsOfAllKindsAtOnceAndNothingElse(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for _, statements := range plantedGround {
		s.Do(statements)
	}
	found := func() []string {
		return sqltest.Texts(s, `SELECT concat_ws(' ', coalesce(nullif(sequence, ''), attached_column), kind, coalesce(first_value || '-' || last_value, 'unreadable'), CASE WHEN explained THEN 'explained' END)
			FROM gapless.audit_gapless()`)
	}
	require.ElementsMatch(t, plantedBefore, found())

	require.GreaterOrEqual(t, len(plants), 40)
	s.Do("SET session_replication_role = replica")
	want := map[string]string{}
	for _, finding := range plantedBefore {
		want[finding] = "before"
	}
	for _, plant := range plants {
		s.Do(plant.statements)
		for _, finding := range plant.instead {
			require.Contains(t, want, finding, plant.name)
			delete(want, finding)
		}
		for _, finding := range plant.want {
			require.NotContains(t, want, finding, plant.name)
			want[finding] = plant.name
		}
	}
	for _, finding := range found() {
		if _, ok := want[finding]; !ok {
			t.Errorf("nobody planted: %s", finding)
		}
		delete(want, finding)
	}
	for finding, plant := range want {
		t.Errorf("%s: not found: %s", plant, finding)
	}

	// Each of them is known by itself, and nothing that is recorded is new again.
	s.Do("SET session_replication_role = origin")
	s.Do("SELECT gapless.record_audit_gapless()")
	require.Empty(t, sqltest.Texts(s, "SELECT f::text FROM gapless.audit_gapless() AS f WHERE recorded_at IS NULL"))
	require.Equal(t, s.Number("SELECT count(*) FROM gapless.audit_gapless()"), s.Number("SELECT new_findings FROM gapless.audits"))
}
