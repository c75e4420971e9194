package gapless_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// explicitQuestion makes outcome_gapless know nothing, unless it is asked in a transaction that says what it is.
func explicitQuestion(s sqltest.Session) {
	s.Do(`DO $do$ BEGIN
		EXECUTE regexp_replace(pg_get_functiondef('gapless.outcome_gapless(uuid, bigint)'::regprocedure), '\mBEGIN\M', $$BEGIN
			IF (current_setting('transaction_isolation'), current_setting('transaction_deferrable'), current_setting('statement_timeout'),
				current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),
				coalesce(current_setting('transaction_timeout', true), '1min'))
				IS DISTINCT FROM ('read committed', 'off', '1min', '1min', '1min', '1min') THEN
				RETURN 'unknown';
			END IF;$$);
		END $do$`)
}

// TestAnOutcomeIsFoundWhateverTheDefaultsAre cuts the answer to COMMIT, while a serializable transaction that writes is open, for which one
// that is deferrable would wait.
func TestAnOutcomeIsFoundWhateverTheDefaultsAre(t *testing.T) {
	t.Parallel()
	committers := map[string]func(t *testing.T, pool *pgxpool.Pool) sqltest.InTx{"by Send": sendAlone}
	for name, committer := range sqltest.Committers {
		committers[name] = committer
	}
	for name, defaults := range sqltest.OddDefaults {
		for committing, committer := range committers {
			t.Run(name+", "+committing, func(t *testing.T) {
				t.Parallel()
				database := pgtest.NewCopy(t)
				observer := sqltest.Connect(t, database)
				observer.Do("CREATE TABLE invoices (number bigint UNIQUE, attempt bigint)")
				explicitQuestion(observer)
				writer := sqltest.Connect(t, database)
				writer.Do("CREATE TABLE others (a int)")
				defaults.Set(t, database)
				writer.Do("BEGIN ISOLATION LEVEL SERIALIZABLE")
				writer.Do("INSERT INTO others VALUES (1)")

				proxy := pgproxy.New(t, database.URL)
				through := *database
				through.URL = proxy.URL()
				n := commitNetwork{proxy, observer, database, committer(t, through.Pool(t)), true}
				for i := range int64(3) {
					if i > 0 { // the first one shows that nothing is cut but what is to be
						n.proxy.Intercept(once(committed, pgproxy.Cut))
					}
					attempts, err := n.issue(t.Context())
					require.NoError(t, err)
					require.EqualValues(t, 1, attempts)
					require.Equal(t, i+1, n.observer.Number("SELECT count(*) FROM invoices"))
				}
				n.requireInvoices(t, 1, 1, 1)
			})
		}
	}
}

// sendAlone is GroupCommitter.Send in the form of an InTx that has its statements in a batch.
func sendAlone(t *testing.T, pool *pgxpool.Pool) sqltest.InTx {
	t.Helper()
	committer := sqltest.NewGroupCommitter(t, pool)
	return func(ctx context.Context, fn func(tx pgx.Tx) error, _ ...gapless.TxOption) error {
		tx, batch := gapless.BatchOnly()
		if err := fn(tx); err != nil {
			return err
		}
		return committer.Send(ctx, batch)
	}
}

// TestAFlusherIsNotEndedForBeingIdle has the server end sessions that are idle, of which the flusher's is none.
func TestAFlusherIsNotEndedForBeingIdle(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := sqltest.Connect(t, database)
	pool := database.Pool(t, func(config *pgxpool.Config) {
		config.ConnConfig.RuntimeParams["idle_session_timeout"] = "20ms"
	})
	committer := sqltest.NewGroupCommitter(t, pool)
	const flushers = "SELECT pid::text FROM pg_stat_activity WHERE application_name = 'gapless flusher' AND datname = current_database()"
	before := sqltest.Texts(s, flushers)
	require.Len(t, before, 1)
	for range 3 {
		require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error { _, err := invoices.Next(t.Context(), tx); return err }))
		s.Await("SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	}
	require.Equal(t, before, sqltest.Texts(s, flushers))
}

// TestACommitIsDurableWhateverTheSessionsDefaultIs has commits of the database not wait for their flush.
func TestACommitIsDurableWhateverTheSessionsDefaultIs(t *testing.T) {
	t.Parallel()
	for setting, own := range map[string]string{"off": "on", "local": "local", "on": "on"} {
		database := pgtest.New(t)
		s := sqltest.Connect(t, database)
		s.Do("ALTER DATABASE " + pgx.Identifier{database.Name}.Sanitize() + " SET synchronous_commit = " + setting)
		pool := database.Pool(t, func(config *pgxpool.Config) { config.MaxConns = 1 })
		var shown, lsn string
		require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			return tx.QueryRow(t.Context(), "SELECT current_setting('synchronous_commit'), pg_current_wal_insert_lsn() FROM gapless.next_gapless('a')").Scan(&shown, &lsn)
		}))
		require.Equal(t, own, shown)
		require.True(t, *sqltest.Value[bool](s, "SELECT pg_current_wal_flush_lsn() > '"+lsn+"'"), setting)
		require.NoError(t, pool.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&shown))
		require.Equal(t, setting, shown)
	}
}
