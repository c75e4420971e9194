package operations_test

import (
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestANewServerTakesOverByLogicalReplication follows the recipe of docs/operations.md from one server to another. No row says
// how far a sequence without a column is, nor one whose newest numbers were voided and deleted.
func TestANewServerTakesOverByLogicalReplication(t *testing.T) {
	t.Parallel()
	older := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"wal_level": "logical"}))
	newer := pgtest.NewServer(t)
	if older.Programs() == "" || newer.Programs() == "" {
		t.Skip("the servers were not started from programs, and one does not reach the other")
	}
	publisher, subscriber := sqltest.Connect(t, older.NewDatabase(t)), sqltest.Connect(t, newer.NewDatabase(t))
	pg.Numbered(publisher)
	pg.Numbered(subscriber)
	pg.Fill(publisher) // is copied
	publisher.Do("ALTER TABLE bills REPLICA IDENTITY FULL")
	publisher.Do("CREATE PUBLICATION numbers FOR TABLE invoices, receipts, bills")
	source := *sqltest.Value[string](publisher, `SELECT format('host=%s port=%s user=%s dbname=%s',
		trim(split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), session_user, current_database())`)
	subscriber.Do("CREATE SUBSCRIPTION numbers CONNECTION '" + source + "' PUBLICATION numbers")
	require.Eventually(t, func() bool {
		return *sqltest.Value[bool](subscriber, "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel")
	}, sqltest.Eventually, sqltest.Tick, "the tables were never copied")

	// This is applied.
	publisher.Do("INSERT INTO invoices (id, tenant) VALUES (50, 'v'), (51, 'v')")
	publisher.Do("SELECT gapless.void_gapless('invoice/v', n, 'cancelled') FROM generate_series(1, 2) AS n")
	publisher.Do("DELETE FROM invoices WHERE tenant = 'v'")
	publisher.Do("SELECT gapless.next_gapless('till') FROM generate_series(1, 3)")
	publisher.Do("INSERT INTO receipts (id, year) VALUES (50, 1999)")
	newest := pg.Contents(publisher)
	require.Eventually(t, func() bool { return strings.Join(newest, "\n") == strings.Join(pg.Contents(subscriber), "\n") }, sqltest.Eventually, sqltest.Tick)
	require.Empty(t, sqltest.Texts(subscriber, "SELECT name FROM gapless.journal"), "nothing was allocated there")
	require.Equal(t, append(pg.FilledFindings, "invoice/v hole 1-1 explained", "invoice/v hole 2-2 explained"), sqltest.Findings(publisher))

	subscriber.Do("DROP SUBSCRIPTION numbers")
	require.Zero(t, publisher.Number("SELECT count(*) FROM pg_replication_slots"))
	detach := func() {
		for _, table := range []string{"invoices", "receipts", "bills"} {
			subscriber.Do("SELECT gapless.detach_gapless('" + table + "', 'number')")
		}
	}
	// By its rows alone, what was voided and deleted last would be issued again.
	subscriber.Do("BEGIN")
	detach()
	pg.AttachNumbered(subscriber)
	require.EqualValues(t, 1, subscriber.Number("INSERT INTO invoices (id, tenant) VALUES (52, 'v') RETURNING number"))
	subscriber.Do("ROLLBACK")

	subscriber.Do("BEGIN")
	detach()
	for _, adopt := range sqltest.Texts(publisher, "SELECT format('SELECT gapless.adopt_gapless(%L, %s)', name, last_value) FROM gapless.sequences") {
		subscriber.Do(adopt)
	}
	pg.AttachNumbered(subscriber)
	subscriber.Do("COMMIT")
	require.Equal(t, []string{"adopted"}, sqltest.Texts(subscriber, "SELECT DISTINCT kind::text FROM gapless.journal"))
	require.Empty(t, sqltest.Findings(subscriber))
	require.EqualValues(t, 3, subscriber.Number("INSERT INTO invoices (id, tenant) VALUES (52, 'v') RETURNING number"))
	require.EqualValues(t, 4, subscriber.Number("SELECT gapless.next_gapless('till')"))
	subscriber.Do("INSERT INTO receipts (id, year) VALUES (51, 1999)")
	require.EqualValues(t, 4, subscriber.Number("INSERT INTO invoices (id, tenant) VALUES (53, 'a') RETURNING number"))
	require.EqualValues(t, 4, subscriber.Number("INSERT INTO bills (id, region, dated) VALUES (53, 'south', '2026-01-03') RETURNING number"))
	require.Equal(t, []string{"R-1999-1000", "R-1999-1001"}, sqltest.Texts(subscriber, "SELECT number FROM receipts WHERE year = 1999 ORDER BY 1"))
	sqltest.RequireSound(subscriber)
}
