package gapless_test

// What becomes of numbered rows elsewhere: on a logical replica, and in a database that a dump is restored into.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// numbered makes tables with columns that number themselves in each of the ways there are, and empty.
func numbered(s session) {
	s.t.Helper()
	s.do(`CREATE TABLE invoices (id bigint PRIMARY KEY, tenant text NOT NULL, draft boolean NOT NULL DEFAULT false, number bigint, UNIQUE (tenant, number))`)
	s.do(`CREATE TABLE receipts (id bigint PRIMARY KEY, year int NOT NULL, number text UNIQUE)`)
	s.do(`CREATE TABLE bills (id bigint, region text, dated date, number bigint, PRIMARY KEY (id, region), UNIQUE (number, region)) PARTITION BY LIST (region)`)
	s.do(`CREATE TABLE bills_north PARTITION OF bills FOR VALUES IN ('north')`)
	s.do(`CREATE TABLE bills_south PARTITION OF bills FOR VALUES IN ('south')`)
	attachNumbered(s)
}

func attachNumbered(s session) {
	s.t.Helper()
	s.do(`SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, condition => 'NOT NEW.draft')`)
	s.do(`SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt/' || NEW.year $$, initial => 1000, format => $$ 'R-' || NEW.year || '-' || value $$, at_commit => true)`)
	s.do(`SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$, chronology => 'NEW.dated')`)
}

// fill writes to these tables: numbers, drafts and their issue, voids, a rollback, a move between partitions.
func fill(s session) {
	s.t.Helper()
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
		s.do(statement)
	}
}

// filled is what fill leaves.
var (
	filled = []string{
		"bill 1 1", "bill 2 2", "bill 3 3",
		"invoice 2 b 2", "invoice 3 a 2", "invoice 4 b 1", "invoice 5 a none", "invoice 8 a 3",
		"receipt 1 R-2025-1000", "receipt 2 R-2026-1000", "receipt 3 R-2026-1001", "receipt 5 R-2026-1002",
	}
	filledFindings = []string{"invoice/a hole 1-1 explained", "invoice/a void 2-2 explained"}
)

func contents(s session) []string {
	s.t.Helper()
	return texts(s, `
		SELECT concat_ws(' ', 'invoice', id, tenant, coalesce(number::text, 'none')) FROM invoices
		UNION ALL SELECT concat_ws(' ', 'receipt', id, number) FROM receipts
		UNION ALL SELECT concat_ws(' ', 'bill', id, number) FROM bills
		ORDER BY 1`)
}

// goOn checks that numbers go on after the last ones, without a hole, and that their guards work.
func goOn(s session) {
	s.t.Helper()
	s.do("INSERT INTO invoices (id, tenant) VALUES (101, 'a'), (102, 'b'), (103, 'new')")
	s.do("UPDATE invoices SET draft = false WHERE id = 5")
	s.do("INSERT INTO receipts (id, year) VALUES (101, 2025), (102, 2026), (103, 2027)")
	s.do("INSERT INTO bills (id, region, dated) VALUES (101, 'south', '2026-01-03')")
	require.Equal(s.t, []string{
		"bill 1 1", "bill 101 4", "bill 2 2", "bill 3 3",
		"invoice 101 a 4", "invoice 102 b 3", "invoice 103 new 1", "invoice 2 b 2", "invoice 3 a 2", "invoice 4 b 1", "invoice 5 a 5", "invoice 8 a 3",
		"receipt 1 R-2025-1000", "receipt 101 R-2025-1001", "receipt 102 R-2026-1003", "receipt 103 R-2027-1000", "receipt 2 R-2026-1000", "receipt 3 R-2026-1001", "receipt 5 R-2026-1002",
	}, contents(s))
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
		s.refuse(code, statement)
	}
}

// TestAReplicaDoesNotRenumberWhatItApplies has a subscriber with the same columns attached, and numbers of its own.
func TestAReplicaDoesNotRenumberWhatItApplies(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start(t.Context(), pgtest.WithSettings(map[string]string{"wal_level": "logical"}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	publisher, subscriber := installed(t, server), installed(t, server)
	require.Equal(t, "logical", *value[string](publisher, "SHOW wal_level"), "set it on the server that the tests use")
	numbered(publisher)
	numbered(subscriber)
	const tables = "invoices, receipts, bills"
	publisher.do("INSERT INTO invoices (id, tenant) VALUES (50, 'copied'), (51, 'copied')")
	publisher.do("INSERT INTO receipts (id, year) VALUES (50, 1999)")
	publisher.do("ALTER TABLE bills REPLICA IDENTITY FULL")

	publisher.do("CREATE PUBLICATION numbers FOR TABLE " + tables)
	name := *value[string](publisher, "SELECT current_database()::text")
	// Both are on one server, where CREATE SUBSCRIPTION could not make the slot: it would wait for itself.
	publisher.do("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", name)
	source := *value[string](publisher, `SELECT format('host=%s port=%s user=%s dbname=%s',
		trim(split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), session_user, current_database())`)
	subscriber.do("CREATE SUBSCRIPTION numbers CONNECTION '" + source + "' PUBLICATION numbers WITH (create_slot = false, slot_name = '" + name + "')")
	awaitRows := func(want []string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Join(want, "\n") == strings.Join(contents(subscriber), "\n") }, eventually, 10*tick,
			"the replica has %q", contents(subscriber))
	}
	copied := []string{"invoice 50 copied 1", "invoice 51 copied 2", "receipt 50 R-1999-1000"}
	awaitRows(copied)
	require.Eventually(t, func() bool {
		return *value[bool](subscriber, "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel")
	}, eventually, 10*tick, "the tables were never copied")
	require.Empty(t, texts(subscriber, "SELECT name FROM gapless.sequence"), "nothing was allocated there")

	fill(publisher)
	awaitRows(contents(publisher))
	require.Subset(t, contents(subscriber), filled)
	require.Empty(t, texts(subscriber, "SELECT name FROM gapless.sequence"), "nothing was allocated there")
	require.Empty(t, texts(subscriber, "SELECT name FROM gapless.pending"))
	require.Equal(t, filledFindings, findings(publisher))

	// When it takes over, its columns are attached anew, and their numbers adopted.
	subscriber.do("ALTER SUBSCRIPTION numbers DISABLE")
	subscriber.do("ALTER SUBSCRIPTION numbers SET (slot_name = NONE)")
	subscriber.do("DROP SUBSCRIPTION numbers")
	for _, table := range []string{"invoices", "receipts", "bills"} {
		subscriber.do("SELECT gapless.detach_gapless('" + table + "', 'number')")
	}
	subscriber.do("DELETE FROM invoices WHERE tenant = 'copied'")
	subscriber.do("DELETE FROM receipts WHERE year = 1999")
	attachNumbered(subscriber)
	goOn(subscriber)
	requireSound(subscriber)
}

// installed is a session in a new database of that server that has the schema.
func installed(t *testing.T, server *pgtest.Server) session {
	t.Helper()
	database, err := server.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, pgtest.Install(t.Context(), database.URL))
	return connect(t, database)
}

// TestDumpAndRestoreGoesOn dumps while others write, too: a dump is one snapshot.
func TestDumpAndRestoreGoesOn(t *testing.T) {
	t.Parallel()
	for name, busy := range map[string]bool{"at rest": false, "while others write": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := connect(t, database)
			numbered(s)
			fill(s)
			require.Equal(t, filled, contents(s))
			require.Equal(t, filledFindings, findings(s))

			var writers []<-chan result[int]
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if busy {
				for i := range 3 {
					writers = append(writers, writeUntil(ctx, connect(t, database), 1000*(i+1)))
				}
				require.Eventually(t, func() bool { return s.number("SELECT count(*) FROM invoices") > 20 }, eventually, tick)
			}
			stop := func() {
				cancel()
				for _, writer := range writers {
					r := <-writer
					require.NoError(t, r.err)
					require.Positive(t, r.value)
				}
				writers = nil
			}
			copied := dumpAndRestore(t, database, stop)
			stop()

			restored := connect(t, copied)
			require.Equal(t, filledFindings, findings(restored))
			const bills = `SELECT a::text FROM gapless.allocation AS a WHERE name = 'bill' ORDER BY ordinal`
			require.Equal(t, texts(s, bills), texts(restored, bills), "who, when and in which transaction")
			if !busy {
				require.Equal(t, filled, contents(restored))
				goOn(restored)
				again := connect(t, dumpAndRestore(t, copied, func() {})) // of what was restored
				require.Equal(t, contents(restored), contents(again))
				require.Equal(t, filledFindings, findings(again))
				return
			}
			before := restored.number("SELECT max(number) FROM invoices WHERE tenant = 'a'")
			require.GreaterOrEqual(t, s.number("SELECT max(number) FROM invoices WHERE tenant = 'a'"), before)
			restored.do("INSERT INTO invoices (id, tenant) VALUES (900000, 'a')")
			require.Equal(t, before+1, restored.number("SELECT number FROM invoices WHERE id = 900000"))
			requireSound(restored)
			requireSound(s)
		})
	}
}

// writeUntil inserts rows, of numbers that come early and at commit, until ctx ends; the result is how many.
func writeUntil(ctx context.Context, s session, id int) <-chan result[int] {
	return later(func() (int, error) {
		written := 0
		for ; ctx.Err() == nil && written < 100_000; written++ {
			_, err := s.Exec(s.ctx, fmt.Sprintf(`BEGIN;
				INSERT INTO invoices (id, tenant) VALUES (%[1]d, 'a');
				INSERT INTO receipts (id, year) VALUES (%[1]d, 2026);
				COMMIT`, id*100+written))
			if err != nil {
				return written, err
			}
		}
		return written, nil
	})
}

// dumpAndRestore copies a database into a new one, by pg_dump and psql. Where it cannot, it calls stop before it does what
// comes nearest.
func dumpAndRestore(t *testing.T, database *pgtest.Database, stop func()) *pgtest.Database {
	t.Helper()
	bin := *value[string](connect(t, database), "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
	program := func(name string) string {
		found, err := exec.LookPath(filepath.Join(bin, name))
		if err != nil {
			return ""
		}
		return found
	}
	if program("pg_dump") == "" || program("psql") == "" {
		// The server runs elsewhere, and a pg_dump of another release may refuse it. What a dump makes anew, and could make
		// wrongly, are the triggers and their functions.
		stop()
		remake(t, database)
		return database
	}
	copied := pgtest.NewEmpty(t)
	dump, err := exec.CommandContext(t.Context(), program("pg_dump"), "--dbname="+database.URL).Output()
	require.NoError(t, err, "%s", stderr(err))
	restore := exec.CommandContext(t.Context(), program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname="+copied.URL)
	restore.Stdin = bytes.NewReader(dump)
	_, err = restore.Output()
	require.NoError(t, err, "%s", stderr(err))
	return copied
}

// remake makes the triggers of tables anew, and their functions, from PostgreSQL's text of them.
func remake(t *testing.T, database *pgtest.Database) {
	t.Helper()
	s := connect(t, database)
	statements := texts(s, `
		SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) FROM pg_trigger AS t WHERE t.tgname LIKE '~gapless%' AND t.tgparentid = 0
		UNION ALL
		(SELECT DISTINCT pg_get_functiondef(t.tgfoid) FROM pg_trigger AS t WHERE t.tgname LIKE '~gapless%' AND t.tgparentid = 0)
		UNION ALL
		SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t WHERE t.tgname LIKE '~gapless%' AND t.tgparentid = 0`)
	require.NotEmpty(t, statements)
	for _, statement := range statements {
		s.do(statement)
	}
}

func stderr(err error) []byte {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.Stderr
	}
	return nil
}
