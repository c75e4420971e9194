package pg

import (
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/sqltest"
)

// Numbered makes tables with columns that number themselves in each of the ways there are, and empty.
func Numbered(s sqltest.Session) {
	s.T.Helper()
	s.Do(`CREATE TABLE invoices (gone int, id bigint PRIMARY KEY, tenant text NOT NULL, draft boolean NOT NULL DEFAULT false, number bigint, UNIQUE (tenant, number))`)
	s.Do(`ALTER TABLE invoices DROP COLUMN gone`) // so that a restored table has other numbers of columns
	s.Do(`CREATE TABLE receipts (id bigint PRIMARY KEY, year int NOT NULL, number text UNIQUE)`)
	s.Do(`CREATE TABLE bills (id bigint, region text, dated date, number bigint, PRIMARY KEY (id, region), UNIQUE (number, region)) PARTITION BY LIST (region)`)
	s.Do(`CREATE TABLE bills_north PARTITION OF bills FOR VALUES IN ('north')`)
	s.Do(`CREATE TABLE bills_south PARTITION OF bills FOR VALUES IN ('south')`)
	AttachNumbered(s)
}

// AttachNumbered attaches the columns of [Numbered].
func AttachNumbered(s sqltest.Session) {
	s.T.Helper()
	s.Do(`SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, condition => 'NOT NEW.draft')`)
	s.Do(`SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt/' || NEW.year $$, initial => 1000, format => $$ 'R-' || NEW.year || '-' || value $$, at_commit => true)`)
	s.Do(`SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$, chronology => 'NEW.dated')`)
}

// Fill writes to these tables: numbers, drafts and their issue, voids, a rollback, a move between partitions.
func Fill(s sqltest.Session) {
	s.T.Helper()
	for _, statement := range []string{
		"INSERT INTO invoices (id, tenant, draft) VALUES (1, 'a', false), (2, 'b', true), (3, 'a', false), (4, 'b', false), (5, 'a', true)",
		"BEGIN; INSERT INTO invoices (id, tenant) VALUES (6, 'a'), (7, 'c'); ROLLBACK",
		"UPDATE invoices SET draft = false WHERE id = 2",
		"INSERT INTO invoices (id, tenant) VALUES (8, 'a')",
		"SELECT gapless.void_gapless('invoice/a', 1, 'deleted'), gapless.void_gapless('invoice/a', 2, 'kept')",
		"DELETE FROM invoices WHERE tenant = 'a' AND number = 1",
		"INSERT INTO receipts (id, year) VALUES (1, 2025), (2, 2026), (3, 2026)",
		"BEGIN; INSERT INTO receipts (id, year) VALUES (4, 2026); UPDATE receipts SET id = 5 WHERE id = 4; COMMIT",
		"INSERT INTO bills (id, region, dated) VALUES (1, 'north', '2026-01-01'), (2, 'south', '2026-01-02'), (3, 'north', '2026-01-02')",
		"UPDATE bills SET region = 'south' WHERE id = 1",
	} {
		s.Do(statement)
	}
}

// filled is what fill leaves.
var (
	Filled = []string{
		"bill 1 1", "bill 2 2", "bill 3 3",
		"invoice 2 b 2", "invoice 3 a 2", "invoice 4 b 1", "invoice 5 a none", "invoice 8 a 3",
		"receipt 1 R-2025-1000", "receipt 2 R-2026-1000", "receipt 3 R-2026-1001", "receipt 5 R-2026-1002",
	}
	FilledFindings = []string{"invoice/a hole 1-1 explained", "invoice/a void 2-2 explained"}
)

// Contents are the numbers of the tables of [Numbered].
func Contents(s sqltest.Session) []string {
	s.T.Helper()
	return sqltest.Texts(s, `
		SELECT concat_ws(' ', 'invoice', id, tenant, coalesce(number::text, 'none')) FROM invoices
		UNION ALL SELECT concat_ws(' ', 'receipt', id, number) FROM receipts
		UNION ALL SELECT concat_ws(' ', 'bill', id, number) FROM bills
		ORDER BY 1`)
}

// NumberedColumns are the columns of [Numbered], as the view of columns has them.
var NumberedColumns = []string{
	"public.bills|number| 'bill' |1|||NEW.dated|f|t|{}",
	"public.invoices|number| 'invoice/' || NEW.tenant |1||NOT NEW.draft||f|f|{}",
	"public.receipts|number| 'receipt/' || NEW.year |1000| 'R-' || NEW.year || '-' || value |||t|f|{}",
}

// GoOn checks that numbers go on after the last ones, without a hole, and that their guards work.
func GoOn(s sqltest.Session) {
	s.T.Helper()
	require.Equal(s.T, NumberedColumns, sqltest.Texts(s, `
		SELECT concat_ws('|', table_name, column_name, name, initial, coalesce(format, ''), coalesce(condition, ''), coalesce(chronology, ''), at_commit, partitioned, faults)
		FROM gapless.columns
		ORDER BY 1`))
	s.Do("INSERT INTO invoices (id, tenant) VALUES (101, 'a'), (102, 'b'), (103, 'new')")
	s.Do("UPDATE invoices SET draft = false WHERE id = 5")
	s.Do("INSERT INTO receipts (id, year) VALUES (101, 2025), (102, 2026), (103, 2027)")
	s.Do("INSERT INTO bills (id, region, dated) VALUES (101, 'south', '2026-01-03')")
	require.Equal(s.T, []string{
		"bill 1 1", "bill 101 4", "bill 2 2", "bill 3 3",
		"invoice 101 a 4", "invoice 102 b 3", "invoice 103 new 1", "invoice 2 b 2", "invoice 3 a 2", "invoice 4 b 1", "invoice 5 a 5", "invoice 8 a 3",
		"receipt 1 R-2025-1000", "receipt 101 R-2025-1001", "receipt 102 R-2026-1003", "receipt 103 R-2027-1000", "receipt 2 R-2026-1000", "receipt 3 R-2026-1001", "receipt 5 R-2026-1002",
	}, Contents(s))
	for statement, code := range map[string]string{
		"INSERT INTO invoices (id, tenant, number) VALUES (200, 'a', 6)": "428C9",
		"UPDATE invoices SET number = 6 WHERE id = 101":                  "428C9",
		"UPDATE receipts SET number = NULL WHERE id = 102":               "428C9",
		"DELETE FROM invoices WHERE id = 101":                            "23001",
		"UPDATE invoices SET tenant = 'b' WHERE id = 101":                "23001",
		"TRUNCATE receipts":       "23001",
		"TRUNCATE bills_north":    "23001",
		"DELETE FROM bills_south": "23001",
		"INSERT INTO bills (id, region, dated) VALUES (200, 'south', date '2026-01-02')": "23514",
		"SELECT gapless.next_gapless('bill')":                                            "55000",
		"SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)":         "42710",
	} {
		s.Refuse(code, statement)
	}
}
