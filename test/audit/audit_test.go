package audit_test

// What void_gapless notes, and what audit_gapless finds.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
)

// insert adds a row in a transaction of its own, so many times.
func insert(s sqltest.Session, tenant string, times int) {
	s.T.Helper()
	for range times {
		s.Do("INSERT INTO invoices (tenant) VALUES ($1)", tenant)
	}
}

// A fault is planted by a superuser, whom triggers do not stop, in these numbers, each of a transaction of its own where
// nothing else is said:
//
//	invoice/a:   1 to 10 of invoices; 11 to 13 of one statement, 14
//	invoice/b:   1 to 3 of invoices
//	INV/2026:    1 to 5 of documents, a text such as INV-2026-00003
//	bill:        1 to 5 of bills, dated 1 to 5 January 2026
type fault struct {
	name, statements string
	want             []string // the findings; who allocated the numbers, and in whose transaction
}

var faults = []fault{
	{"a row is deleted", "DELETE FROM invoices WHERE tenant = 'a' AND number = 5", []string{
		"invoice/a hole 5-5, by clerk with 5"}},
	{"the first row is deleted", "DELETE FROM invoices WHERE tenant = 'a' AND number = 1", []string{
		"invoice/a hole 1-1, by clerk with 1"}},
	{"the newest row is deleted", "DELETE FROM invoices WHERE tenant = 'a' AND number = 14", []string{
		"invoice/a hole 14-14, by clerk with 14"}},
	{"rows of several transactions are deleted", "DELETE FROM invoices WHERE number IN (2, 3, 9)", []string{
		"invoice/a hole 2-2, by clerk with 2", "invoice/a hole 3-3, by clerk with 3", "invoice/a hole 9-9, by clerk with 9",
		"invoice/b hole 2-2, by clerk with 2", "invoice/b hole 3-3, by clerk with 3"}},
	{"rows of one transaction are deleted", "DELETE FROM invoices WHERE number IN (12, 13, 14)", []string{
		"invoice/a hole 12-13, by clerk with 11", "invoice/a hole 14-14, by clerk with 14"}},
	{"all rows are gone", "TRUNCATE documents", []string{
		"INV/2026 hole 1-1, by clerk with 1", "INV/2026 hole 2-2, by clerk with 2", "INV/2026 hole 3-3, by clerk with 3",
		"INV/2026 hole 4-4, by clerk with 4", "INV/2026 hole 5-5, by clerk with 5"}},
	{"a number is changed", "UPDATE invoices SET number = 500 WHERE tenant = 'a' AND number = 5", []string{
		"invoice/a hole 5-5, by clerk with 5", "invoice/a never issued 500-500"}},
	{"a number is taken away", "UPDATE invoices SET number = NULL WHERE tenant = 'a' AND number = 5", []string{
		"invoice/a hole 5-5, by clerk with 5"}},
	{"a row is put into another series", "UPDATE invoices SET tenant = 'b' WHERE tenant = 'a' AND number = 5", []string{
		"invoice/a hole 5-5, by clerk with 5", "invoice/b never issued 5-5"}},
	{"a number is doubled", `ALTER TABLE invoices DROP CONSTRAINT invoices_tenant_number_key;
		INSERT INTO invoices (number) VALUES (5)`, []string{
		"invoice/a double 5-5, by clerk with 5"}},
	{"a number becomes a double", `ALTER TABLE invoices DROP CONSTRAINT invoices_tenant_number_key;
		UPDATE invoices SET number = 6 WHERE tenant = 'a' AND number IN (5, 7)`, []string{
		"invoice/a hole 5-5, by clerk with 5", "invoice/a double 6-6, by clerk with 6", "invoice/a hole 7-7, by clerk with 7"}},
	{"the next numbers are invented", "INSERT INTO invoices (number) VALUES (15), (16)", []string{
		"invoice/a never issued 15-16"}},
	{"numbers from before the first are invented", "INSERT INTO invoices (number) VALUES (0), (-7)", []string{
		"invoice/a never issued -7--7", "invoice/a never issued 0-0"}},
	{"the greatest and the least number are invented", "INSERT INTO invoices (number) VALUES (9223372036854775807), (-9223372036854775808)", []string{
		"invoice/a never issued -9223372036854775808--9223372036854775808", "invoice/a never issued 9223372036854775807-9223372036854775807"}},
	{"a series is invented", "INSERT INTO invoices (tenant, number) VALUES ('z', 1), ('z', 2)", []string{
		"invoice/z never issued 1-2"}},
	{"the text of a number is changed", "UPDATE documents SET number = 'INV-2026-3' WHERE number = 'INV-2026-00003'", []string{
		"INV/2026 hole 3-3, by clerk with 3", "INV/2026 changed after issue unreadable"}},
	{"what the text is made of is changed", "UPDATE documents SET prefix = 'NEW' WHERE number = 'INV-2026-00003'", []string{
		"INV/2026 hole 3-3, by clerk with 3", "NEW/2026 changed after issue unreadable"}},
	{"a text becomes another number's", "UPDATE documents SET number = 'INV-2026-00300' WHERE number = 'INV-2026-00003'", []string{
		"INV/2026 hole 3-3, by clerk with 3", "INV/2026 never issued 300-300"}},
	{"a date is changed", "UPDATE bills SET dated = '2026-01-01' WHERE number = 3", []string{
		"bill changed after issue 3-3, by clerk with 3"}},
	{"a date is taken away", "UPDATE bills SET dated = NULL WHERE number = 3", []string{
		"bill changed after issue 3-3, by clerk with 3"}},
	{"a journal row is deleted", "DELETE FROM gapless.journal WHERE name = 'invoice/a' AND first_value = 5", []string{
		"invoice/a never issued 5-5"}},
	{"the first and the newest journal rows are deleted", "DELETE FROM gapless.journal WHERE name = 'invoice/a' AND first_value IN (1, 2, 14)", []string{
		"invoice/a never issued 1-2", "invoice/a never issued 14-14"}},
	{"all the journal of a series is deleted", "DELETE FROM gapless.journal WHERE name = 'invoice/b'; DELETE FROM gapless.sequence_lock WHERE name = 'invoice/b'", []string{
		"invoice/b never issued 1-3"}},
	{"a journal row is invented", `INSERT INTO gapless.journal (name, ordinal, first_value, last_value, allocated_by) VALUES ('invoice/a', 15, 15, 20, 'forger')`, []string{
		"invoice/a hole 15-20, by forger with another"}},
	{"the journal skips numbers", `INSERT INTO gapless.journal (name, ordinal, first_value, last_value) VALUES ('invoice/b', 4, 8, 8);
		INSERT INTO invoices (tenant, number) VALUES ('b', 8)`, []string{
		"invoice/b hole 4-7"}},
	{"a row is deleted together with its journal row", `DELETE FROM invoices WHERE tenant = 'a' AND number IN (5, 6);
		DELETE FROM gapless.journal WHERE name = 'invoice/a' AND first_value IN (5, 6)`, []string{
		"invoice/a hole 5-6"}},
	{"the first row is deleted together with its journal row", `DELETE FROM invoices WHERE tenant = 'a' AND number = 1;
		DELETE FROM gapless.journal WHERE name = 'invoice/a' AND first_value = 1`, []string{
		"invoice/a hole 1-1"}},
	{"a row is deleted where others are void", `SELECT gapless.void_gapless('invoice/a', 4, 'why'), gapless.void_gapless('invoice/a', 6, 'why');
		DELETE FROM invoices WHERE tenant = 'a' AND number IN (4, 5, 6)`, []string{
		"invoice/a hole 4-4 explained, by clerk with 4", "invoice/a hole 5-5, by clerk with 5", "invoice/a hole 6-6 explained, by clerk with 6"}},
	{"a void number is there twice", `ALTER TABLE invoices DROP CONSTRAINT invoices_tenant_number_key;
		SELECT gapless.void_gapless('invoice/a', 4, 'why');
		INSERT INTO invoices (number) VALUES (4)`, []string{
		"invoice/a double 4-4, by clerk with 4", "invoice/a void 4-4 explained, by clerk with 4"}},
}

// TestAuditFindsEachFaultAndNamesIt plants each in a transaction that it rolls back.
func TestAuditFindsEachFaultAndNamesIt(t *testing.T) {
	t.Parallel()
	s := plantGround(t, pgtest.New(t))
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			s := s
			s.T = t
			s.Do("BEGIN")
			defer s.Do("ROLLBACK")
			s.Do("SET LOCAL session_replication_role = replica")
			s.Do(fault.statements)
			require.Equal(t, fault.want, attributed(s))
		})
	}
	require.Empty(t, sqltest.Findings(s))
}

// plantGround makes the numbers in which faults are planted, with nothing for the audit to find.
func plantGround(t *testing.T, database *pgtest.Database) sqltest.Session {
	t.Helper()
	s := pg.NumberTenants(t, database)
	clerk, quoted := sqltest.Role(t, database, "clerk")
	s.Do("CREATE TABLE documents (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, prefix text NOT NULL DEFAULT 'INV', year int NOT NULL DEFAULT 2026, number text UNIQUE)")
	s.Do(`SELECT gapless.attach_gapless('documents', 'number', name => $$ NEW.prefix || '/' || NEW.year $$,
		format => $$ NEW.prefix || '-' || NEW.year || '-' || lpad(value::text, greatest(5, length(value::text)), '0') $$)`)
	s.Do("CREATE TABLE bills (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, dated date, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$, chronology => 'NEW.dated')")
	s.Do("GRANT INSERT ON invoices, documents, bills TO " + quoted)

	s.Do("SET SESSION AUTHORIZATION " + quoted)
	insert(s, "a", 10)
	s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('a'), ('a')")
	insert(s, "a", 1)
	insert(s, "b", 3)
	for day := range 5 {
		s.Do("INSERT INTO documents DEFAULT VALUES")
		s.Do("INSERT INTO bills (dated) VALUES ('2026-01-01'::date + $1::int)", day)
	}
	s.Do("RESET SESSION AUTHORIZATION")
	require.Empty(t, sqltest.Findings(s))
	s.Do("CREATE TEMPORARY TABLE allocated AS SELECT name, first_value, txid, allocated_at FROM gapless.journal")
	s.Do("SELECT set_config('test.clerk', $1, false)", clerk)
	return s
}

// attributed is what the audit says, with who allocated the numbers, and which number is the first that the same
// transaction allocated.
func attributed(s sqltest.Session) []string {
	s.T.Helper()
	s.Do("CREATE TEMPORARY TABLE finding AS SELECT * FROM gapless.audit_gapless()")
	require.Empty(s.T, sqltest.Texts(s, `SELECT f::text FROM finding AS f LEFT JOIN allocated AS a ON a.name = f.sequence AND a.txid = f.txid
		WHERE f.explanation IS NULL OR f.attached_column IS NULL OR f.allocated_at IS DISTINCT FROM a.allocated_at AND a.name IS NOT NULL
			OR (f.txid IS NULL) <> (f.allocated_by IS NULL) OR (f.txid IS NULL) <> (f.allocated_at IS NULL)`))
	return sqltest.Texts(s, `SELECT concat_ws(' ', f.sequence, f.kind, coalesce(f.first_value || '-' || f.last_value, 'unreadable'), CASE WHEN f.explained THEN 'explained' END)
			|| coalesce(', by ' || CASE f.allocated_by WHEN current_setting('test.clerk') THEN 'clerk' ELSE f.allocated_by END
				|| ' with ' || coalesce(a.first_value::text, 'another'), '')
		FROM finding AS f
		LEFT JOIN allocated AS a ON a.name = f.sequence AND a.txid = f.txid
		ORDER BY f.ctid`)
}

func TestAuditOfOneSequenceSaysNothingOfOthers(t *testing.T) {
	t.Parallel()
	s := plantGround(t, pgtest.New(t))
	s.Do("SET session_replication_role = replica")
	s.Do("DELETE FROM invoices WHERE number = 2")
	const one = "SELECT sequence FROM gapless.audit_gapless($1)"
	require.Equal(t, []string{"invoice/a"}, sqltest.Texts(s, one, "invoice/a"))
	require.Equal(t, []string{"invoice/b"}, sqltest.Texts(s, one, "invoice/b"))
	require.Empty(t, sqltest.Texts(s, one, "bill"))
	require.Empty(t, sqltest.Texts(s, one, "no such sequence"))
	require.Equal(t, []string{"invoice/a", "invoice/b"}, sqltest.Texts(s, one, nil))
	pg.RequireHelpful(t, s.Refuse("22023", "SELECT gapless.audit_gapless('')"))

	s.Do("INSERT INTO invoices (tenant, number) VALUES ('z', 1)")
	require.Equal(t, []string{"invoice/z"}, sqltest.Texts(s, one, "invoice/z"), "a series that nobody allocated from")
}

func TestAuditOfASequenceUsedByHandReadsItsJournal(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SELECT gapless.next_gapless('a') FROM generate_series(1, 9)")
	s.Do("SELECT gapless.void_gapless('a', 3, 'torn')")
	require.Equal(t, []string{"a void 3-3 explained"}, sqltest.Findings(s))
	s.Do("DELETE FROM gapless.journal WHERE first_value IN (4, 5, 7)")
	require.Equal(t, []string{"a void 3-3 explained", "a hole 4-5", "a hole 7-7"}, sqltest.Findings(s))
}

// TestAuditDoesNotCryWolf has all that is unusual and right.
func TestAuditDoesNotCryWolf(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		statements string
		want       []string
	}{
		"nothing": {"", nil},
		"a column that no row uses": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$)`, nil},
		"suffixes and prefixes": {`
			CREATE TABLE a (id int PRIMARY KEY, year int DEFAULT 2026, n text UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, format => $$ NEW.year || '/' || value || '-A' $$);
			INSERT INTO a (id) SELECT i FROM generate_series(1, 120) AS i`, nil},
		"a format whose other digits look like numbers": {`
			CREATE TABLE a (id int PRIMARY KEY, tenant int, n text, UNIQUE (tenant, n));
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a/' || NEW.tenant $$, format => $$ lpad(NEW.tenant::text, 4, '0') || '-' || lpad(value::text, 4, '0') $$);
			INSERT INTO a (id, tenant) SELECT i, i % 3 FROM generate_series(1, 40) AS i`, nil},
		"drafts": {`
			CREATE TABLE a (id int PRIMARY KEY, draft boolean, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, condition => 'NOT NEW.draft');
			INSERT INTO a (id, draft) SELECT i, i % 2 = 0 FROM generate_series(1, 20) AS i;
			UPDATE a SET draft = false WHERE id IN (4, 8);
			DELETE FROM a WHERE id = 10`, nil},
		"a series that starts at 1000": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, initial => 1000);
			INSERT INTO a (id) SELECT i FROM generate_series(1, 5) AS i`, nil},
		"a series that starts below zero": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, initial => -2);
			INSERT INTO a (id) SELECT i FROM generate_series(1, 5) AS i`, nil},
		"the end of the range": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, initial => 9223372036854775806);
			INSERT INTO a (id) VALUES (1), (2)`, nil},
		"resets": {`
			SELECT gapless.next_gapless('a', 1, 4) FROM generate_series(1, 10);
			SELECT gapless.next_gapless_batch('a', 10, 1, 4);
			SELECT gapless.next_gapless_batch('b', 5, 5, 8);
			SELECT gapless.next_gapless_batch('b', 5, 1, 8);
			SELECT gapless.next_gapless('c', 1, 2) FROM generate_series(1, 3)`, nil},
		"resets whose journal was pruned": {`
			SELECT gapless.next_gapless('a', 1, 4) FROM generate_series(1, 10);
			SELECT gapless.prune_gapless('a', 'infinity');
			SELECT gapless.next_gapless('a', 1, 4) FROM generate_series(1, 5);
			SELECT gapless.next_gapless('b', 5, 8) FROM generate_series(1, 3);
			SELECT gapless.next_gapless('b', 1, 8) FROM generate_series(1, 3);
			SELECT gapless.prune_gapless('b', 'infinity')`, nil},
		"an adopted sequence": {`
			SELECT gapless.next_gapless('a') FROM generate_series(1, 3);
			SELECT gapless.adopt_gapless('a', 4711);
			SELECT gapless.next_gapless('a') FROM generate_series(1, 3)`, nil},
		"rows from before": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			INSERT INTO a VALUES (1, 5), (2, 6), (3, 9), (4, NULL);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) VALUES (5), (6)`, []string{"a hole 7-8 explained"}},
		"rows from before, pruned": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			INSERT INTO a VALUES (1, 5), (2, 6), (3, 9), (4, NULL);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) VALUES (5), (6);
			SELECT gapless.prune_gapless('a', 'infinity')`, []string{"a hole 7-8 explained"}},
		"rows from before, one of them void and deleted": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			INSERT INTO a VALUES (1, 5), (2, 6), (3, 7), (4, 8);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			SELECT gapless.void_gapless('a', 6, 'why'), gapless.void_gapless('a', 7, 'why');
			DELETE FROM a WHERE n = 6`, []string{"a hole 6-6 explained", "a void 7-7 explained"}},
		"rows from before, the first of them void and deleted": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			INSERT INTO a VALUES (1, 1), (2, 2), (3, 3), (5, 5);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			SELECT gapless.void_gapless_batch('a', 1, 3, 'why');
			DELETE FROM a WHERE n <= 2`, []string{"a hole 1-2 explained", "a void 3-3 explained", "a hole 4-4 explained"}},
		"rows from before, all void and deleted": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			INSERT INTO a VALUES (1, 1), (2, 2);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) VALUES (3), (4);
			SELECT gapless.prune_gapless('a', 'infinity');
			SELECT gapless.void_gapless_batch('a', 1, 4, 'why');
			DELETE FROM a`, []string{"a hole 1-2 explained", "a hole 3-4 explained"}},
		"texts from before, one of them void and deleted, by another format": {`
			CREATE TABLE a (id int PRIMARY KEY, n text UNIQUE);
			INSERT INTO a SELECT i, 'A' || i FROM generate_series(1, 5) AS i;
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, format => $$ 'A' || value $$);
			INSERT INTO a (id) VALUES (6), (7);
			SELECT gapless.void_gapless('a', 3, 'why');
			DELETE FROM a WHERE n = 'A3';
			SELECT gapless.detach_gapless('a', 'n');
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, format => $$ 'B' || value $$)`, []string{"a hole 3-3 explained"}},
		"the same, pruned": {`
			CREATE TABLE a (id int PRIMARY KEY, n text UNIQUE);
			INSERT INTO a SELECT i, 'A' || i FROM generate_series(1, 5) AS i;
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, format => $$ 'A' || value $$);
			INSERT INTO a (id) VALUES (6); INSERT INTO a (id) VALUES (7);
			SELECT gapless.void_gapless('a', 3, 'why');
			DELETE FROM a WHERE n = 'A3';
			SELECT gapless.prune_gapless('a', 'infinity');
			SELECT gapless.detach_gapless('a', 'n');
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, format => $$ 'B' || value $$)`, []string{"a hole 3-3 explained"}},
		"numbers allocated by hand before the column was attached": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			INSERT INTO a SELECT v, v FROM gapless.next_gapless_batch('a', 5) AS v;
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) VALUES (6)`, nil},
		"a pruned journal": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) SELECT i FROM generate_series(1, 5) AS i;
			INSERT INTO a (id) SELECT i FROM generate_series(6, 9) AS i;
			INSERT INTO a (id) VALUES (10);
			SELECT gapless.prune_gapless('a', 'infinity');
			INSERT INTO a (id) VALUES (11)`, nil},
		"a void number whose journal was pruned": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) VALUES (1); INSERT INTO a (id) VALUES (2); INSERT INTO a (id) VALUES (3); INSERT INTO a (id) VALUES (4);
			SELECT gapless.void_gapless('a', 2, 'why');
			SELECT gapless.prune_gapless('a', 'infinity');
			SELECT gapless.void_gapless('a', 3, 'why');
			DELETE FROM a WHERE n = 2`, []string{"a hole 2-2 explained", "a void 3-3 explained"}},
		"a detached column": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) SELECT i FROM generate_series(1, 5) AS i;
			SELECT gapless.detach_gapless('a', 'n');
			DELETE FROM a WHERE n = 3;
			SELECT gapless.next_gapless('a')`, nil},
		"a column that was detached and attached again": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) SELECT i FROM generate_series(1, 5) AS i;
			SELECT gapless.detach_gapless('a', 'n');
			INSERT INTO a SELECT 6, gapless.next_gapless('a');
			INSERT INTO a VALUES (7, 7), (8, 8);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, at_commit => true);
			INSERT INTO a (id) VALUES (9)`, nil},
		"a table that was archived, and dropped": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) SELECT i FROM generate_series(1, 5) AS i;
			SELECT gapless.archive_gapless('a', 5, 'kept elsewhere');
			DROP TABLE a`, []string{"a archived 1-5 explained"}},
		"a table and a column that were renamed, in another schema": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) SELECT i FROM generate_series(1, 5) AS i;
			SELECT gapless.detach_gapless('a', 'n');
			CREATE SCHEMA s; ALTER TABLE a SET SCHEMA s; ALTER TABLE s.a RENAME TO "A b"; ALTER TABLE s."A b" RENAME n TO "N""";
			SELECT gapless.attach_gapless('s."A b"', 'N"', name => $$ 'a' $$);
			INSERT INTO s."A b" (id) VALUES (6)`, nil},
		"dates that rise": {`
			CREATE TABLE a (id int PRIMARY KEY, at timestamptz NOT NULL, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$, chronology => 'NEW.at');
			INSERT INTO a SELECT i, '2026-03-29 00:30 Europe/Berlin'::timestamptz + i * interval '30 minutes' FROM generate_series(1, 6) AS i;
			SET TimeZone = 'America/New_York';
			INSERT INTO a VALUES (7, '2026-03-29 04:00 Europe/London')`, nil},
		"partitions, one detached": {`
			CREATE TABLE a (id int, part int, n bigint, PRIMARY KEY (id, part), UNIQUE (n, part)) PARTITION BY LIST (part);
			CREATE TABLE a1 PARTITION OF a FOR VALUES IN (1); CREATE TABLE a2 PARTITION OF a FOR VALUES IN (2);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id, part) SELECT i, 1 + i % 2 FROM generate_series(1, 10) AS i;
			UPDATE a SET part = 1 WHERE id = 3;
			ALTER TABLE a DETACH PARTITION a2`, nil},
		"several columns and tables of one series": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE, m bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			SELECT gapless.attach_gapless('a', 'm', name => $$ 'b' $$, at_commit => true);
			INSERT INTO a (id) SELECT i FROM generate_series(1, 5) AS i`, nil},
		"policies that hide rows from the owner's readers": {`
			CREATE TABLE a (id int PRIMARY KEY, n bigint UNIQUE);
			SELECT gapless.attach_gapless('a', 'n', name => $$ 'a' $$);
			INSERT INTO a (id) SELECT i FROM generate_series(1, 5) AS i;
			ALTER TABLE a ENABLE ROW LEVEL SECURITY; ALTER TABLE a FORCE ROW LEVEL SECURITY`, nil},
	}
	s := sqltest.Connect(t, pgtest.New(t))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := s
			s.T = t
			defer s.Do(`DROP SCHEMA IF EXISTS s CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public; RESET ALL;
				TRUNCATE gapless.sequence_lock, gapless.journal, gapless.void, gapless.known_text, gapless.link, gapless.decision, gapless.waiting, gapless.moving`)
			for statement := range strings.SplitSeq(c.statements, ";") {
				if strings.TrimSpace(statement) != "" {
					s.Do(statement)
				}
			}
			if c.want == nil {
				c.want = []string{}
			}
			require.Equal(t, c.want, sqltest.Findings(s))
		})
	}
}

// TestAuditReadsEveryRowOrSaysThatItCannot has an owner whom policies keep from rows: they are no holes.
func TestAuditReadsEveryRowOrSaysThatItCannot(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	_, owner := sqltest.Role(t, database, "owner")
	s.Do("GRANT CREATE ON SCHEMA public TO " + owner)
	s.Do("GRANT USAGE ON SCHEMA gapless TO " + owner)
	s.Do("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA gapless TO " + owner)
	s.Do("SET ROLE " + owner)
	s.Do("CREATE TABLE invoices (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, tenant text, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
	insert(s, "a", 3)
	s.Do("ALTER TABLE invoices ENABLE ROW LEVEL SECURITY")
	s.Do("RESET ROLE")
	require.Empty(t, sqltest.Findings(s))
	s.Do("ALTER TABLE invoices FORCE ROW LEVEL SECURITY")
	found := sqltest.Texts(s, "SELECT concat_ws(': ', kind, explanation) FROM gapless.audit_gapless() WHERE NOT explained")
	require.Len(t, found, 1)
	require.Contains(t, found[0], "row-level security")
}

func TestAuditSeesTransactionsInProgressWhole(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two, three := pg.NumberTenants(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	insert(one, "a", 3)
	three.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
	require.Empty(t, sqltest.Findings(three))
	one.Do("BEGIN")
	one.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('new')")
	require.Empty(t, sqltest.Findings(one), "the transaction's own")
	require.Empty(t, sqltest.Findings(two), "not committed")
	one.Do("SELECT gapless.void_gapless('invoice/a', 2, 'why')")
	one.Do("DELETE FROM invoices WHERE number = 2")
	require.Equal(t, []string{"invoice/a hole 2-2 explained"}, sqltest.Findings(one))
	require.Empty(t, sqltest.Findings(two))
	one.Do("COMMIT")
	require.Empty(t, sqltest.Findings(three), "committed after its snapshot")
	three.Do("COMMIT")
	require.Equal(t, []string{"invoice/a hole 2-2 explained"}, sqltest.Findings(three))
}

// TestAuditUnderASnapshotOlderThanADetach: what cannot be read any more is said, and is no fault.
func TestAuditUnderASnapshotOlderThanADetach(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, old := pg.NumberTenants(t, database), sqltest.Connect(t, database)
	insert(s, "a", 3)
	for _, change := range []string{"SELECT gapless.detach_gapless('invoices', 'number')", "DROP TABLE invoices"} {
		var afterwards []string
		if change == "DROP TABLE invoices" {
			afterwards = []string{"invoice/a not read 1-3"}
		}
		old.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
		require.Empty(t, sqltest.Findings(old))
		s.Do(change)
		old.Do("SELECT FROM pg_am") // a table that it has not locked yet: a session hears then of what others have dropped
		require.Equal(t, []string{"t: detached or dropped meanwhile: audit it in a new transaction"},
			sqltest.Texts(old, "SELECT concat_ws(': ', explained, explanation) FROM gapless.audit_gapless()"), change)
		old.Do("COMMIT")
		require.ElementsMatch(t, afterwards, sqltest.Findings(old))
		if change == "SELECT gapless.detach_gapless('invoices', 'number')" {
			s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
		}
	}

	// A function that is gone, with the trigger still there, is one.
	s.Do("SELECT gapless.delete_gapless('invoice/a')")
	s.Do("CREATE TABLE orders (tenant text, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('orders', 'number', name => $$ 'order/' || NEW.tenant $$)")
	old.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
	require.Empty(t, sqltest.Findings(old))
	s.Do("DROP FUNCTION orders_number_gapless_rows, orders_number_gapless_prints")
	old.Do("SELECT FROM pg_am")
	require.Len(t, sqltest.Texts(old, "SELECT explanation FROM gapless.audit_gapless() WHERE NOT explained"), 1)
}

func TestAuditLocksOutNobodyAndWaitsForNobody(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	auditor, writer := pg.NumberTenants(t, database), sqltest.Connect(t, database)
	insert(auditor, "a", 1)
	for _, s := range []sqltest.Session{auditor, writer} {
		s.Do("SET lock_timeout = '10s'")
	}
	writer.Do("BEGIN")
	writer.Do("INSERT INTO invoices DEFAULT VALUES")
	auditor.Do("BEGIN")
	require.Empty(t, sqltest.Findings(auditor)) // with the writer's transaction open
	writer.Do("COMMIT")                         // and with the auditor's open, all of these
	insert(writer, "a", 1)
	insert(writer, "new", 1)
	writer.Do("SELECT gapless.void_gapless('invoice/a', 2, 'why')")
	writer.Do("DELETE FROM invoices WHERE number = 2")
	require.Empty(t, sqltest.Texts(auditor, `SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND granted
		AND mode NOT IN ('AccessShareLock') AND locktype <> 'virtualxid'`))
	auditor.Do("COMMIT")
}

// TestAuditFindsNothingWhileOthersWrite runs it again and again while sessions insert, roll back, void and delete.
func TestAuditFindsNothingWhileOthersWrite(t *testing.T) {
	t.Parallel()
	const writers, most = 8, 60
	database := pgtest.New(t)
	s := pg.NumberTenants(t, database)
	s.Do("CREATE TABLE receipts (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, tenant text, number text, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt/' || NEW.tenant $$, format => $$ 'R' || value $$, at_commit => true)")

	var enough atomic.Bool
	var written, rolledBack atomic.Int32
	var done sync.WaitGroup
	defer done.Wait()
	defer enough.Store(true)
	for i := range writers {
		conn := sqltest.Connect(t, database)
		random := rand.New(rand.NewPCG(1, uint64(i)))
		done.Go(func() {
			for n := 0; n < most && !enough.Load(); n++ {
				tenant := string(rune('a' + random.IntN(3)))
				statements := []string{
					fmt.Sprintf("INSERT INTO invoices (tenant) VALUES ('%[1]s'), ('%[1]s')", tenant),
					fmt.Sprintf("INSERT INTO receipts (tenant) VALUES ('%[1]s'), ('%[1]s')", tenant),
					"SELECT gapless.next_gapless('by hand', 1, 5)",
					`WITH void AS (SELECT v.tenant, v.number, gapless.void_gapless('invoice/' || v.tenant, v.number, 'why')
						FROM (SELECT tenant, number FROM invoices WHERE tenant = '` + tenant + `' ORDER BY random() LIMIT 1 FOR UPDATE) AS v
						WHERE NOT EXISTS (SELECT FROM gapless.void AS x WHERE x.name = 'invoice/' || v.tenant AND x.value = v.number))
					SELECT count(*) FROM void`,
					`DELETE FROM invoices AS i USING gapless.void AS v WHERE v.name = 'invoice/' || i.tenant AND v.value = i.number AND tenant = '` + tenant + `'`,
				}
				end := "COMMIT"
				if random.IntN(3) == 0 {
					end = "ROLLBACK"
				}
				_, err := conn.Exec(conn.Ctx, "BEGIN;"+statements[random.IntN(len(statements))]+";"+end)
				switch {
				case err != nil && !isCode(err, "55000"): // two voided the same number
					t.Error(err)
					return
				case err != nil:
					if _, err := conn.Exec(conn.Ctx, "ROLLBACK"); err != nil {
						t.Error(err)
						return
					}
				case end == "COMMIT":
					written.Add(1)
				default:
					rolledBack.Add(1)
				}
			}
		})
	}
	ended := sqltest.Later(func() (any, error) { done.Wait(); return nil, nil })
	audits := 0
	for writing := true; writing; audits++ {
		select {
		case <-ended:
			writing = false
		default:
		}
		sqltest.RequireSound(s)
	}
	t.Logf("%d audits, %d transactions committed, %d rolled back", audits, written.Load(), rolledBack.Load())
	require.Greater(t, audits, 2)
	require.Positive(t, written.Load())
	require.Positive(t, rolledBack.Load())
}

func isCode(err error, code string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == code
}

func TestVoidSaysWhoAndWhyAndTheAuditRepeatsIt(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := pg.NumberTenants(t, database)
	insert(s, "a", 5)
	clerk, quoted := sqltest.Role(t, database, "clerk")
	s.Do("GRANT USAGE ON SCHEMA gapless TO " + quoted)
	s.Do("GRANT EXECUTE ON FUNCTION gapless.void_gapless TO " + quoted)
	s.Do("SET SESSION AUTHORIZATION " + quoted)
	s.Do("SELECT gapless.void_gapless('invoice/a', 2, 'customer''s mistake'), gapless.void_gapless('invoice/a', 4, 'printed twice')")
	s.Do("RESET SESSION AUTHORIZATION")
	require.Equal(t, []string{"invoice/a void 2-2 explained", "invoice/a void 4-4 explained"}, sqltest.Findings(s))

	s.Do("DELETE FROM invoices WHERE number = 4") // allowed now
	require.Equal(t, []string{"invoice/a void 2-2 explained", "invoice/a hole 4-4 explained"}, sqltest.Findings(s))
	for number, reason := range map[int64]string{2: "customer's mistake", 4: "printed twice"} {
		explanation := *sqltest.Value[string](s, "SELECT explanation FROM gapless.audit_gapless() WHERE first_value = $1", number)
		require.Contains(t, explanation, reason)
		require.Contains(t, explanation, clerk)
		require.True(t, *sqltest.Value[bool](s, `SELECT allocated_by = session_user AND a.txid = f.txid AND a.allocated_at = f.allocated_at
			FROM gapless.audit_gapless() AS f JOIN gapless.journal AS a USING (first_value, allocated_by) WHERE f.first_value = $1`, number))
	}
	insert(s, "a", 1)
	require.Equal(t, []int64{1, 2, 3, 5, 6}, s.Numbers("SELECT number FROM invoices ORDER BY number"), "it is never issued again")
}

func TestVoidOfTheNewestNumberDoesNotGiveItBack(t *testing.T) {
	t.Parallel()
	s := pg.NumberTenants(t, pgtest.New(t))
	insert(s, "a", 3)
	s.Do("SELECT gapless.void_gapless('invoice/a', 3, 'why')")
	s.Do("DELETE FROM invoices WHERE number = 3")
	insert(s, "a", 1)
	require.Equal(t, []int64{1, 2, 4}, s.Numbers("SELECT number FROM invoices ORDER BY number"))

	// In one transaction, and its savepoint.
	s.Do("BEGIN")
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	s.Do("SELECT gapless.void_gapless('invoice/a', 5, 'why')")
	s.Do("DELETE FROM invoices WHERE number = 5")
	s.Do("SAVEPOINT s")
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	s.Do("SELECT gapless.void_gapless('invoice/a', 6, 'why')")
	s.Do("ROLLBACK TO s")
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	s.Do("COMMIT")
	require.Equal(t, []int64{1, 2, 4, 6}, s.Numbers("SELECT number FROM invoices ORDER BY number"))
	require.Equal(t, []string{"invoice/a hole 3-3 explained", "invoice/a hole 5-5 explained"}, sqltest.Findings(s))
	s.Refuse("428C9", "INSERT INTO invoices (number) VALUES (5)")
	s.Refuse("428C9", "UPDATE invoices SET number = 5 WHERE number = 6")
}

func TestVoidRefusesWhatItCannotVoid(t *testing.T) {
	t.Parallel()
	s := pg.NumberTenants(t, pgtest.New(t))
	insert(s, "a", 3)
	s.Do("SELECT gapless.next_gapless_batch('cycle', 12, 1, 6)") // 1 to 5, 1 to 5, 1, 2
	s.Do("SELECT gapless.adopt_gapless('adopted', 100), gapless.next_gapless('adopted')")
	s.Do("SELECT gapless.void_gapless('invoice/a', 2, 'why')")
	for arguments, code := range map[string]string{
		"'invoice/a', 4, 'why'":        "22023", // not issued yet
		"'invoice/a', 0, 'why'":        "22023",
		"'invoice/a', -1, 'why'":       "22023",
		"'no such sequence', 1, 'why'": "22023",
		"'cycle', 3, 'why'":            "22023", // an older cycle's
		"'adopted', 102, 'why'":        "22023",
		"'invoice/a', 2, 'why'":        "55000", // void already
		"'invoice/a', 2, 'other'":      "55000",
		"'invoice/a', 1, ''":           "22023",
		"'invoice/a', 1, e' \\t\\n'":   "22023",
		"'invoice/a', 1, NULL":         "22004",
		"'invoice/a', NULL, 'why'":     "22004",
		"NULL, 1, 'why'":               "22004",
		"'', 1, 'why'":                 "22023",
	} {
		pg.RequireHelpful(t, s.Refuse(code, "SELECT gapless.void_gapless("+arguments+")"))
	}
	require.Equal(t, []string{"invoice/a void 2-2 explained"}, sqltest.Findings(s))
	require.Equal(t, "why", *sqltest.Value[string](s, "SELECT reason FROM gapless.void"), "what was said stands")
	s.Refuse("23001", "DELETE FROM invoices WHERE number = 1")

	s.Do("SELECT gapless.void_gapless('cycle', 2, 'why'), gapless.void_gapless('adopted', 7, 'why'), gapless.void_gapless('adopted', 101, 'why')")
	s.Do("SELECT gapless.next_gapless('cycle', 1, 6) FROM generate_series(1, 5)")
	s.Do("SELECT gapless.void_gapless('cycle', 2, 'of another cycle')")
	pg.RequireHelpful(t, s.Refuse("55000", "SELECT gapless.void_gapless('cycle', 2, 'twice')"))
}

func TestVoidWaitsForTheNumbersOutcome(t *testing.T) {
	t.Parallel()
	for end, code := range map[string]string{"COMMIT": "", "ROLLBACK": "22023"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			one, two, observer := pg.NumberTenants(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			insert(one, "a", 1)
			one.Do("BEGIN")
			one.Do("INSERT INTO invoices DEFAULT VALUES")
			done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, "SELECT gapless.void_gapless('invoice/a', 2, 'why')") })
			sqltest.AwaitWaiter(t, observer, two.PID())
			one.Do(end)
			if r := <-done; code == "" {
				require.NoError(t, r.Err)
			} else {
				sqltest.RequireCode(t, code, r.Err)
			}
			sqltest.RequireSound(one)
		})
	}
}

func TestVoidThatIsRolledBackIsNone(t *testing.T) {
	t.Parallel()
	s := pg.NumberTenants(t, pgtest.New(t))
	insert(s, "a", 2)
	s.Do("BEGIN")
	s.Do("SELECT gapless.void_gapless('invoice/a', 1, 'why')")
	s.Do("DELETE FROM invoices WHERE number = 1")
	s.Do("ROLLBACK")
	require.Empty(t, sqltest.Findings(s))
	s.Refuse("23001", "DELETE FROM invoices WHERE number = 1")
}

func TestVoidAndAuditFromGo(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	pool := database.Pool(t, sqltest.HostilePath)
	s := pg.NumberTenants(t, database)
	insert(s, "a", 3)
	insert(s, "b", 3)
	a := gapless.NewSequence("invoice/a")
	void := func(value int64, reason string) error {
		return gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error { return a.Void(t.Context(), tx, value, reason) })
	}
	require.NoError(t, void(2, "why"))
	for _, err := range []error{void(2, "again"), void(3, ""), void(4, "why")} {
		require.ErrorIs(t, err, gapless.ErrInvalid)
	}
	s.Do("SET session_replication_role = replica")
	s.Do("DELETE FROM invoices WHERE number = 3")

	all, err := gapless.Audit(t.Context(), pool)
	require.NoError(t, err)
	require.Len(t, all, 3)
	found, err := a.Audit(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, all[:2], found)
	require.Equal(t, "void", found[0].Kind)
	require.True(t, found[0].Explained)
	require.Contains(t, found[0].Explanation, "why")
	require.Equal(t, "hole", found[1].Kind)
	require.False(t, found[1].Explained)
	require.Equal(t, []int64{3, 3}, []int64{found[1].FirstValue, found[1].LastValue})
	require.Equal(t, *sqltest.Value[string](s, "SELECT session_user::text"), found[1].AllocatedBy)
	require.Equal(t, s.Number("SELECT txid FROM gapless.journal WHERE name = 'invoice/a' AND first_value = 3"), found[1].Txid)
	require.False(t, found[1].AllocatedAt.IsZero())
}

// TestAuditWhileTablesChange has a hole in each of two tables, and changes the one after the audit's snapshot: the other one
// is audited as ever, and so is what is left of the one, if anything can be said of it.
func TestAuditWhileTablesChange(t *testing.T) {
	t.Parallel()
	const (
		whole    = "orders hole 2-2"
		dropped  = "t: detached or dropped meanwhile: audit it in a new transaction"
		old      = "f: the column cannot be read: table … was rewritten since this transaction's snapshot, which may have none of its rows. Audit it in a new transaction"
		gone     = "f: the column cannot be read: table … was dropped since this transaction's snapshot, which has rows of it. Audit it in a new transaction"
		renamed  = `f: the column cannot be read: relation "public.orders" does not exist. Detach the column and attach it again.`
		misnamed = `f: the column cannot be read: column "number" of table "orders", or a column that its expressions read, was renamed after it was attached. Detach it by its old name, and attach it by the names of now`
	)
	for change, want := range map[string]string{
		"DROP TABLE empty":                                            gone,
		"ALTER TABLE orders DETACH PARTITION empty":                   whole,
		"ALTER TABLE orders DETACH PARTITION empty CONCURRENTLY":      whole,
		"ALTER TABLE orders DETACH PARTITION empty; DROP TABLE empty": gone,
		"ALTER TABLE orders DETACH PARTITION part":                    whole,
		"ALTER TABLE orders DETACH PARTITION part CONCURRENTLY":       whole,
		"TRUNCATE empty":                                                                    old,
		"ALTER TABLE part RENAME TO others":                                                 whole,
		"ALTER TABLE part SET SCHEMA other":                                                 whole,
		"ALTER TABLE former RENAME TO others":                                               whole,
		"ALTER TABLE former SET SCHEMA other":                                               whole,
		"ALTER TABLE orders ATTACH PARTITION former FOR VALUES IN ('former')":               whole,
		"DROP TABLE former_empty":                                                           gone,
		"SELECT gapless.archive_gapless('orders', 4, 'why'); DROP TABLE part":               gone,
		"SELECT gapless.archive_gapless('orders', 4, 'why'); DROP TABLE former":             gone,
		"CREATE TABLE late PARTITION OF orders DEFAULT; INSERT INTO orders VALUES ('late')": whole,
		"DROP TABLE orders":                                                                 dropped,
		"SELECT gapless.detach_gapless('orders', 'number', unguard => true)":                dropped,
		"ALTER TABLE orders ALTER id TYPE bigint":                                           old,
		"ALTER TABLE former ALTER id TYPE bigint":                                           old,
		"VACUUM FULL part":                                                                  old,
		"ALTER TABLE orders RENAME TO others":                                               renamed,
		"ALTER TABLE orders SET SCHEMA other":                                               renamed,
		"ALTER TABLE orders RENAME number TO no":                                            misnamed,
	} {
		for _, waits := range []bool{false, true} {
			if waits && (strings.Contains(change, "CONCURRENTLY") || strings.Contains(change, "VACUUM")) { // of no transaction
				continue
			}
			t.Run(fmt.Sprintf("%s, %t", change, waits), func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				s, auditor := sqltest.Connect(t, database), sqltest.Connect(t, database)
				s.Do("CREATE SCHEMA other; CREATE TABLE orders (region text, id int DEFAULT 1, number bigint, UNIQUE (region, number)) PARTITION BY LIST (region)")
				for _, partition := range []string{"empty", "part", "former", "former_empty"} {
					s.Do(fmt.Sprintf("CREATE TABLE %[1]s PARTITION OF orders FOR VALUES IN ('%[1]s')", partition))
				}
				s.Do("CREATE TABLE bills (number bigint UNIQUE)")
				s.Do("SELECT gapless.attach_gapless('orders', 'number', name => $$ 'orders' $$), gapless.attach_gapless('bills', 'number', name => $$ 'bills' $$)")
				s.Do("INSERT INTO orders VALUES ('part'), ('part'), ('former'), ('part'); INSERT INTO bills VALUES (NULL), (NULL), (NULL)")
				s.Do("ALTER TABLE orders DETACH PARTITION former; ALTER TABLE orders DETACH PARTITION former_empty")
				s.Do("BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM orders WHERE number = 2; DELETE FROM bills WHERE number = 2; COMMIT")

				const findings = `SELECT CASE WHEN kind = 'not read' THEN left(explained::text, 1) || ': ' || explanation
					ELSE concat_ws(' ', sequence, kind, first_value || '-' || last_value) END FROM gapless.audit_gapless() ORDER BY 1`
				var found []string
				if waits {
					s.Do("BEGIN")
					s.Do(change)
					result := sqltest.Later(func() ([]string, error) {
						rows, err := auditor.Query(auditor.Ctx, findings)
						if err != nil {
							return nil, err
						}
						return pgx.CollectRows(rows, pgx.RowTo[string])
					})
					sqltest.OrWaits(s, auditor.PID(), result)
					s.Do("COMMIT")
					ended := <-result
					require.NoError(t, ended.Err)
					found = ended.Value
				} else {
					auditor.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
					auditor.Do("SELECT FROM pg_class LIMIT 1")
					s.Do(change)
					auditor.Do("SELECT FROM pg_am") // a table that it has not locked yet: a session hears then of what others have dropped
					found = sqltest.Texts(auditor, findings)
					auditor.Do("COMMIT")
				}
				for i := range found {
					found[i] = regexp.MustCompile(`table [\w.]+ was`).ReplaceAllString(found[i], "table … was") // of several, any
				}
				require.ElementsMatch(t, []string{"bills hole 2-2", want}, found)

				if (want == whole || want == old || want == gone) && !strings.Contains(change, "archive") {
					require.Equal(t, []string{"bills hole 2-2", whole}, sqltest.Texts(auditor, findings))
				}
			})
		}
	}
}
