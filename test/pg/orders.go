package pg

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// CreateOrders makes a table with a partition for each region, and for a region with partitions of its own; a series for
// each tenant goes through all of them.
const CreateOrders = `CREATE SEQUENCE order_ids;
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

// AttachOrders attaches the column of [CreateOrders].
const AttachOrders = `SELECT gapless.attach_gapless('orders', 'number', name => $$ 'order/' || NEW.tenant $$, condition => 'NEW.issued')`

// Partitioned is a database with the partitioned table, attached.
func Partitioned(t *testing.T) (*pgtest.Database, sqltest.Session) {
	t.Helper()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do(CreateOrders)
	s.Do(AttachOrders)
	return database, s
}

// RequireGuarded checks that no numbered row of a relation can be deleted, changed or truncated, whatever name it goes by.
func RequireGuarded(s sqltest.Session, relations ...string) {
	s.T.Helper()
	before := sqltest.Texts(s, "SELECT o::text FROM "+relations[0]+" AS o WHERE number IS NOT NULL ORDER BY 1")
	require.NotEmpty(s.T, before)
	for _, relation := range relations {
		s.Refuse("23001", "DELETE FROM "+relation+" WHERE number IS NOT NULL")
		s.Refuse("23001", "TRUNCATE "+relation)
		s.Refuse("428C9", "UPDATE "+relation+" SET number = number + 1000")
		s.Refuse("428C9", "UPDATE "+relation+" SET number = NULL")
	}
	require.Equal(s.T, before, sqltest.Texts(s, "SELECT o::text FROM "+relations[0]+" AS o WHERE number IS NOT NULL ORDER BY 1"))
}
