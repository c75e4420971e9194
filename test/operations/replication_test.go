package operations_test

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

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestAReplicaDoesNotRenumberWhatItApplies has a subscriber with the same columns attached, and numbers of its own.
func TestAReplicaDoesNotRenumberWhatItApplies(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start(t.Context(), pgtest.WithSettings(map[string]string{"wal_level": "logical"}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	publisher, subscriber := installed(t, server), installed(t, server)
	require.Equal(t, "logical", *sqltest.Value[string](publisher, "SHOW wal_level"), "set it on the server that the tests use")
	pg.Numbered(publisher)
	pg.Numbered(subscriber)
	const tables = "invoices, receipts, bills"
	publisher.Do("INSERT INTO invoices (id, tenant) VALUES (50, 'copied'), (51, 'copied')")
	publisher.Do("INSERT INTO receipts (id, year) VALUES (50, 1999)")
	publisher.Do("ALTER TABLE bills REPLICA IDENTITY FULL")

	publisher.Do("CREATE PUBLICATION numbers FOR TABLE " + tables)
	name := *sqltest.Value[string](publisher, "SELECT current_database()::text")
	// Both are on one server, where CREATE SUBSCRIPTION could not make the slot: it would wait for itself.
	publisher.Do("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", name)
	source := *sqltest.Value[string](publisher, `SELECT format('host=%s port=%s user=%s dbname=%s',
		trim(split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), session_user, current_database())`)
	subscriber.Do("CREATE SUBSCRIPTION numbers CONNECTION '" + source + "' PUBLICATION numbers WITH (create_slot = false, slot_name = '" + name + "')")
	awaitRows := func(want []string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Join(want, "\n") == strings.Join(pg.Contents(subscriber), "\n") }, sqltest.Eventually, 10*sqltest.Tick,
			"the replica has %q", pg.Contents(subscriber))
	}
	copied := []string{"invoice 50 copied 1", "invoice 51 copied 2", "receipt 50 R-1999-1000"}
	awaitRows(copied)
	require.Eventually(t, func() bool {
		return *sqltest.Value[bool](subscriber, "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel")
	}, sqltest.Eventually, 10*sqltest.Tick, "the tables were never copied")
	require.Empty(t, sqltest.Texts(subscriber, "SELECT name FROM gapless.journal"), "nothing was allocated there")

	pg.Fill(publisher)
	awaitRows(pg.Contents(publisher))
	require.Subset(t, pg.Contents(subscriber), pg.Filled)
	require.Empty(t, sqltest.Texts(subscriber, "SELECT name FROM gapless.journal"), "nothing was allocated there")
	require.Empty(t, sqltest.Texts(subscriber, "SELECT names::text FROM gapless.waiting"))
	require.Equal(t, pg.FilledFindings, sqltest.Findings(publisher))

	// When it takes over, its columns are attached anew, and their numbers adopted.
	subscriber.Do("ALTER SUBSCRIPTION numbers DISABLE")
	subscriber.Do("ALTER SUBSCRIPTION numbers SET (slot_name = NONE)")
	subscriber.Do("DROP SUBSCRIPTION numbers")
	for _, table := range []string{"invoices", "receipts", "bills"} {
		subscriber.Do("SELECT gapless.detach_gapless('" + table + "', 'number')")
	}
	subscriber.Do("DELETE FROM invoices WHERE tenant = 'copied'")
	subscriber.Do("DELETE FROM receipts WHERE year = 1999")
	pg.AttachNumbered(subscriber)
	pg.GoOn(subscriber)
	sqltest.RequireSound(subscriber)
}

// installed is a session in a new database of that server that has the schema.
func installed(t *testing.T, server *pgtest.Server) sqltest.Session {
	t.Helper()
	database, err := server.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, pgtest.Install(t.Context(), database.URL))
	return sqltest.Connect(t, database)
}

// TestDumpAndRestoreGoesOn dumps while others write, too: a dump is one snapshot.
func TestDumpAndRestoreGoesOn(t *testing.T) {
	t.Parallel()
	for name, busy := range map[string]bool{"at rest": false, "while others write": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewCopy(t)
			s := sqltest.Connect(t, database)
			pg.Numbered(s)
			pg.Fill(s)
			require.Equal(t, pg.Filled, pg.Contents(s))
			require.Equal(t, pg.FilledFindings, sqltest.Findings(s))

			var writers []<-chan sqltest.Result[int]
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if busy {
				for i := range 3 {
					writers = append(writers, writeUntil(ctx, sqltest.Connect(t, database), 1000*(i+1)))
				}
				require.Eventually(t, func() bool { return s.Number("SELECT count(*) FROM invoices") > 20 }, sqltest.Eventually, sqltest.Tick)
			}
			stop := func() {
				cancel()
				for _, writer := range writers {
					r := <-writer
					require.NoError(t, r.Err)
					require.Positive(t, r.Value)
				}
				writers = nil
			}
			copied := dumpAndRestore(t, database, stop)
			stop()

			restored := sqltest.Connect(t, copied)
			require.Equal(t, pg.FilledFindings, sqltest.Findings(restored))
			const bills = `SELECT a::text FROM gapless.journal AS a WHERE name = 'bill' ORDER BY ordinal`
			require.Equal(t, sqltest.Texts(s, bills), sqltest.Texts(restored, bills), "who, when and in which transaction")
			if !busy {
				require.Equal(t, pg.Filled, pg.Contents(restored))
				pg.GoOn(restored)
				again := sqltest.Connect(t, dumpAndRestore(t, copied, func() {})) // of what was restored
				require.Equal(t, pg.Contents(restored), pg.Contents(again))
				require.Equal(t, pg.FilledFindings, sqltest.Findings(again))
				return
			}
			before := restored.Number("SELECT max(number) FROM invoices WHERE tenant = 'a'")
			require.GreaterOrEqual(t, s.Number("SELECT max(number) FROM invoices WHERE tenant = 'a'"), before)
			restored.Do("INSERT INTO invoices (id, tenant) VALUES (900000, 'a')")
			require.Equal(t, before+1, restored.Number("SELECT number FROM invoices WHERE id = 900000"))
			sqltest.RequireSound(restored)
			sqltest.RequireSound(s)
		})
	}
}

// writeUntil inserts rows, of numbers that come early and at commit, until ctx ends; the result is how many.
func writeUntil(ctx context.Context, s sqltest.Session, id int) <-chan sqltest.Result[int] {
	return sqltest.Later(func() (int, error) {
		written := 0
		for ; ctx.Err() == nil && written < 100_000; written++ {
			_, err := s.Exec(s.Ctx, fmt.Sprintf(`BEGIN;
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
	bin := *sqltest.Value[string](sqltest.Connect(t, database), "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
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
	s := sqltest.Connect(t, database)
	statements := sqltest.Texts(s, `
		SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) FROM pg_trigger AS t WHERE t.tgname LIKE '~gapless%' AND t.tgparentid = 0
		UNION ALL
		(SELECT DISTINCT pg_get_functiondef(t.tgfoid) FROM pg_trigger AS t WHERE t.tgname LIKE '~gapless%' AND t.tgparentid = 0)
		UNION ALL
		SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t WHERE t.tgname LIKE '~gapless%' AND t.tgparentid = 0`)
	require.NotEmpty(t, statements)
	for _, statement := range statements {
		s.Do(statement)
	}
}

func stderr(err error) []byte {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.Stderr
	}
	return nil
}

// A series that has ranges goes on in the copy where it was, over the border to the next one.
func TestRangesAreDumpedAndRestored(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE bills (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$)")
	s.Do("SELECT gapless.range_gapless('bill', 1, 3, 'grant 1'), gapless.range_gapless('bill', 11, 12, 'grant 2', '2099-12-31', 'Asia/Tokyo', warn_days => 9)")
	s.Do("INSERT INTO bills VALUES (1), (2)")
	const shown = "SELECT r::text FROM gapless.ranges AS r UNION ALL SELECT s::text FROM gapless.sequences AS s ORDER BY 1"
	restored := sqltest.Connect(t, dumpAndRestore(t, database, func() {}))
	require.Equal(t, sqltest.Texts(s, shown), sqltest.Texts(restored, shown))
	restored.Do("INSERT INTO bills VALUES (3), (4), (5)")
	require.Equal(t, []string{"1", "2", "3", "11", "12"}, sqltest.Texts(restored, "SELECT number::text FROM bills ORDER BY id"))
	restored.Refuse("2200H", "INSERT INTO bills VALUES (6)")
	require.Equal(t, []string{"bill range 1-3 explained", "bill hole 4-10 explained", "bill range 11-12 explained"}, sqltest.Findings(restored))
}
