package commit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestAnOutcomeIsOnlySaidWhereItIsCertain asks gapless.outcome_gapless itself, as other stacks do.
func TestAnOutcomeIsOnlySaidWhereItIsCertain(t *testing.T) {
	t.Parallel()
	const token, other = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	outcome := func(s sqltest.Session, token string, txid int64) string {
		return *sqltest.Value[string](s, "SELECT gapless.outcome_gapless($1, $2)", token, txid)
	}
	setUp := func(t *testing.T) (one, asks sqltest.Session, database *pgtest.Database) {
		t.Parallel()
		database = pgtest.New(t)
		return sqltest.Connect(t, database), sqltest.Connect(t, database), database
	}
	run := func(s sqltest.Session, token, end string) (txid int64) {
		s.Do("BEGIN")
		txid = s.Number("SELECT gapless.mark_gapless($1)", token)
		s.Do("SELECT gapless.next_gapless('a')")
		s.Do(end)
		return txid
	}
	t.Run("committed, and lost", func(t *testing.T) {
		one, asks, _ := setUp(t)
		before := one.Number("SELECT txid_current()")
		txid := run(one, token, "COMMIT")
		require.Equal(t, "committed", outcome(asks, token, txid))
		require.Equal(t, "unknown", outcome(asks, other, txid), "a commit that allocated nothing under this token")
		require.Equal(t, "unknown", outcome(asks, token, before), "a commit that allocated nothing")
		require.Equal(t, "lost", outcome(asks, other, run(one, other, "ROLLBACK")))
		require.Equal(t, "lost", outcome(asks, other, txid+1_000_000), "a txid that has yet to be given out")
		require.EqualValues(t, 0, asks.Number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"))
	})
	t.Run("the setting of an earlier transaction marks no later one", func(t *testing.T) {
		one, _, _ := setUp(t)
		run(one, token, "COMMIT")
		one.Do("SELECT gapless.next_gapless('a')")
		require.EqualValues(t, 1, one.Number("SELECT count(token) FROM gapless.journal"))
	})
	t.Run("pruned", func(t *testing.T) {
		one, asks, _ := setUp(t)
		txid := run(one, token, "COMMIT")
		one.Do("SELECT gapless.next_gapless('a')")
		one.Do("SELECT gapless.prune_gapless('a', 'infinity')")
		require.Equal(t, "unknown", outcome(asks, token, txid))
	})
	t.Run("a column that numbers itself, at commit", func(t *testing.T) {
		one, asks, _ := setUp(t)
		one.Do("CREATE TABLE invoices (id int PRIMARY KEY, number bigint UNIQUE)")
		one.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$, at_commit => true)")
		one.Do("BEGIN")
		txid := one.Number("SELECT gapless.mark_gapless($1)", token)
		one.Do("INSERT INTO invoices VALUES (1)")
		one.Do("COMMIT")
		require.Equal(t, "committed", outcome(asks, token, txid))
	})
	t.Run("another role's", func(t *testing.T) {
		one, asks, database := setUp(t)
		txid := run(one, token, "COMMIT")
		name, quoted := sqltest.Role(t, database, "app")
		one.Do("SELECT gapless.grant_gapless($1)", name)
		asks.Do("SET SESSION AUTHORIZATION " + quoted)
		require.Equal(t, "unknown", outcome(asks, token, txid))
	})
	t.Run("prepared", func(t *testing.T) {
		one, asks, database := setUp(t)
		txid := run(one, token, "PREPARE TRANSACTION '"+database.Name+"'")
		asked := sqltest.Later(func() (string, error) { return outcome(asks, token, txid), nil })
		sqltest.AwaitWaiter(t, one, asks.PID())
		one.Do("COMMIT PREPARED '" + database.Name + "'")
		require.Equal(t, "committed", (<-asked).Value)
	})
	t.Run("still running", func(t *testing.T) {
		one, asks, _ := setUp(t)
		one.Do("BEGIN")
		txid := one.Number("SELECT gapless.mark_gapless($1)", token)
		one.Do("SAVEPOINT s")
		one.Refuse("25000", "SELECT gapless.outcome_gapless($1, $2)", token, txid)
		one.Do("ROLLBACK TO s")
		asks.Do("SET lock_timeout = 1")
		asks.Refuse("55P03", "SELECT gapless.outcome_gapless($1, $2)", token, txid)
		one.Do("ROLLBACK")
		require.Equal(t, "lost", outcome(asks, token, txid))
	})
	t.Run("what cannot be asked", func(t *testing.T) {
		_, asks, _ := setUp(t)
		asks.Refuse("22004", "SELECT gapless.outcome_gapless(NULL, 1)")
		asks.Refuse("22004", "SELECT gapless.outcome_gapless($1, NULL)", token)
		asks.Refuse("22004", "SELECT gapless.mark_gapless(NULL)")
		asks.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
		asks.Refuse("25000", "SELECT gapless.outcome_gapless($1, 1)", token)
		asks.Do("ROLLBACK")
	})
}
