package audit_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

// TestATableThatWasRewrittenSinceTheSnapshotIsNotReadAndHasNoHoles has the tables of attached columns rewritten, and a partition, while
// an audit's snapshot is open.
func TestATableThatWasRewrittenSinceTheSnapshotIsNotReadAndHasNoHoles(t *testing.T) {
	t.Parallel()
	const findings = "SELECT concat_ws(' ', nullif(sequence, ''), attached_column, kind, first_value, last_value, explained, explanation) FROM gapless.audit_gapless() WHERE kind <> 'void'"
	pg.ForEachRewrite(t, func(t *testing.T, rewrite func(sqltest.Session, string)) {
		database := pgtest.New(t)
		s, old := sqltest.Connect(t, database), sqltest.Connect(t, database)
		pg.Numbered(s)
		pg.Fill(s)
		before := sqltest.Texts(s, findings)
		for table, column := range map[string]string{"invoices": "invoices", "receipts": "receipts", "bills_south": "bills"} {
			old.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			require.Equal(t, before, sqltest.Texts(old, findings))
			old.Do("COMMIT")

			old.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			old.Do("SELECT")
			rewrite(s, table)
			found := sqltest.Texts(old, findings)
			require.Contains(t, found, "public."+column+".number not read f the column cannot be read: table public."+table+
				" was rewritten since this transaction's snapshot, which may have none of its rows. Audit it in a new transaction")
			for _, finding := range found {
				require.NotContains(t, finding, column+".number hole")
			}
			old.Do("COMMIT")
			require.Equal(t, before, sqltest.Texts(old, findings))
		}
	})
}

// TestAnAuditThatWaitsForARewriteFindsNoHoles is in READ COMMITTED, where the wait is longer than the snapshot.
func TestAnAuditThatWaitsForARewriteFindsNoHoles(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, auditor, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (id int, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', $$ 'invoice' $$)")
	s.Do("INSERT INTO invoices VALUES (1), (2)")
	s.Do("BEGIN; ALTER TABLE invoices ALTER COLUMN id TYPE bigint")
	done := sqltest.Later(func() ([]string, error) {
		rows, err := auditor.Query(auditor.Ctx, "SELECT kind || ' ' || (first_value IS NULL) || ' ' || explained FROM gapless.audit_gapless()")
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	})
	sqltest.AwaitWaiter(t, observer, auditor.PID())
	s.Do("COMMIT")
	r := <-done
	require.NoError(t, r.Err)
	require.Equal(t, []string{"not read true false"}, r.Value)
	sqltest.RequireSound(s)
}
