package gapless_test

import (
	"strings"
	"testing"

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
		t.Log("the servers were not started from programs, and one does not reach the other")
		return
	}
	publisher, subscriber := connect(t, older.NewDatabase(t)), connect(t, newer.NewDatabase(t))
	numbered(publisher)
	numbered(subscriber)
	fill(publisher) // is copied
	publisher.do("ALTER TABLE bills REPLICA IDENTITY FULL")
	publisher.do("CREATE PUBLICATION numbers FOR TABLE invoices, receipts, bills")
	source := *value[string](publisher, `SELECT format('host=%s port=%s user=%s dbname=%s',
		trim(split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), session_user, current_database())`)
	subscriber.do("CREATE SUBSCRIPTION numbers CONNECTION '" + source + "' PUBLICATION numbers")
	require.Eventually(t, func() bool {
		return *value[bool](subscriber, "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel")
	}, eventually, tick, "the tables were never copied")

	// This is applied.
	publisher.do("INSERT INTO invoices (id, tenant) VALUES (50, 'v'), (51, 'v')")
	publisher.do("SELECT gapless.void_gapless('invoice/v', n, 'cancelled') FROM generate_series(1, 2) AS n")
	publisher.do("DELETE FROM invoices WHERE tenant = 'v'")
	publisher.do("SELECT gapless.next_gapless('till') FROM generate_series(1, 3)")
	publisher.do("INSERT INTO receipts (id, year) VALUES (50, 1999)")
	newest := contents(publisher)
	require.Eventually(t, func() bool { return strings.Join(newest, "\n") == strings.Join(contents(subscriber), "\n") }, eventually, tick)
	require.Empty(t, texts(subscriber, "SELECT name FROM gapless.sequence"), "nothing was allocated there")
	require.Equal(t, append(filledFindings, "invoice/v hole 1-1 explained", "invoice/v hole 2-2 explained"), findings(publisher))

	subscriber.do("DROP SUBSCRIPTION numbers")
	require.Zero(t, publisher.number("SELECT count(*) FROM pg_replication_slots"))
	detach := func() {
		for _, table := range []string{"invoices", "receipts", "bills"} {
			subscriber.do("SELECT gapless.detach_gapless('" + table + "', 'number')")
		}
	}
	// By its rows alone, what was voided and deleted last would be issued again.
	subscriber.do("BEGIN")
	detach()
	attachNumbered(subscriber)
	require.EqualValues(t, 1, subscriber.number("INSERT INTO invoices (id, tenant) VALUES (52, 'v') RETURNING number"))
	subscriber.do("ROLLBACK")

	subscriber.do("BEGIN")
	detach()
	for _, adopt := range texts(publisher, "SELECT format('SELECT gapless.adopt_gapless(%L, %s)', name, last_value) FROM gapless.sequences") {
		subscriber.do(adopt)
	}
	attachNumbered(subscriber)
	subscriber.do("COMMIT")
	require.Equal(t, []string{"adopted"}, texts(subscriber, "SELECT DISTINCT kind::text FROM gapless.allocation"))
	require.Empty(t, findings(subscriber))
	require.EqualValues(t, 3, subscriber.number("INSERT INTO invoices (id, tenant) VALUES (52, 'v') RETURNING number"))
	require.EqualValues(t, 4, subscriber.number("SELECT gapless.next_gapless('till')"))
	subscriber.do("INSERT INTO receipts (id, year) VALUES (51, 1999)")
	require.EqualValues(t, 4, subscriber.number("INSERT INTO invoices (id, tenant) VALUES (53, 'a') RETURNING number"))
	require.EqualValues(t, 4, subscriber.number("INSERT INTO bills (id, region, dated) VALUES (53, 'south', '2026-01-03') RETURNING number"))
	require.Equal(t, []string{"R-1999-1000", "R-1999-1001"}, texts(subscriber, "SELECT number FROM receipts WHERE year = 1999 ORDER BY 1"))
	requireSound(subscriber)
}
