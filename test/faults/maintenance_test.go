package faults_test

// What an administrator, or the server by itself, does to the tables while callers commit.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/sqltest"
)

// TestMaintenanceFailsNobody rebuilds tables and indexes under the callers, and replaces functions and changes a table as a new
// release does. None of them may be told anything but success.
func TestMaintenanceFailsNobody(t *testing.T) {
	t.Parallel()
	server := newServer(t, nil)
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	admin := sqltest.Connect(t, database)
	stop := w.open()
	w.await(1)
	for _, statement := range []string{
		"REINDEX TABLE CONCURRENTLY gapless.journal",
		"REINDEX TABLE CONCURRENTLY gapless.sequence_lock",
		"REINDEX TABLE gapless.journal",
		"VACUUM FULL gapless.journal",
		"VACUUM FULL gapless.sequence_lock",
		"CLUSTER gapless.journal USING journal_pkey",
		"VACUUM (FREEZE, ANALYZE) gapless.journal, gapless.sequence_lock, early, taken, texts, late",
		"VACUUM FULL early",
		"VACUUM FULL texts",
		"REINDEX TABLE CONCURRENTLY late",
		"ALTER TABLE gapless.journal ADD COLUMN IF NOT EXISTS more bigint; ALTER TABLE gapless.sequence_lock ADD COLUMN IF NOT EXISTS more bigint",
		"ALTER TABLE gapless.sequence_lock DROP COLUMN IF EXISTS more; ALTER TABLE gapless.journal DROP COLUMN IF EXISTS more",
		replaceFunctions(t),
	} {
		name, _, _ := strings.Cut(statement, "\n")
		w.fault(t, name, func() {
			told := w.told.Load()
			for done := 0; done < *rounds; {
				// Without CONCURRENTLY it locks one thing after the other, and can be the victim of a deadlock itself.
				_, err := admin.Exec(w.t.Context(), statement)
				if codeOf(err) != "40P01" {
					require.NoError(w.t, err)
					done++
				}
				w.await(1 + w.random.IntN(size(8, 20)))
			}
			require.Zero(w.t, w.refused.Load())
			require.Greater(w.t, w.told.Load(), told)
			rows, _ := admin.Query(w.t.Context(), "SELECT i.indexrelid::regclass::text FROM pg_index AS i WHERE NOT i.indisvalid")
			invalid, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(w.t, err)
			require.Empty(w.t, invalid)
		})
	}
	stop()
	require.Positive(t, w.observer.Looks(), "nobody looked while callers committed")
	require.Zero(t, w.check().failed)
}

// replaceFunctions is one transaction with all of the functions, and what comes with each.
func replaceFunctions(t *testing.T) string {
	paths, err := filepath.Glob("../../sql/functions/*/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var b strings.Builder
	b.WriteString("-- CREATE OR REPLACE FUNCTION, for all of them\nSET LOCAL search_path = pg_catalog, pg_temp;\n")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		b.Write(text)
	}
	return b.String()
}

// TestAutovacuumAgainstWraparoundFailsNobody burns transaction ids, until the server freezes the tables because it must.
func TestAutovacuumAgainstWraparoundFailsNobody(t *testing.T) {
	t.Parallel()
	server := newServer(t, map[string]string{
		"autovacuum_freeze_max_age": "100000", "autovacuum_naptime": "1", "vacuum_freeze_min_age": "0",
		"vacuum_freeze_table_age": "0", "log_autovacuum_min_duration": "0",
	})
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	s, burner := sqltest.Connect(t, database), sqltest.Connect(t, database)
	burner.Do("SET synchronous_commit = off")
	for range *rounds {
		n := w.round(func() {
			horizon := *sqltest.Value[int64](s, "SELECT txid_current()")
			burner.Do("DO $$ BEGIN FOR i IN 1 .. 120000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$")
			w.await(size(15, 50))
			// No row of before is left to be frozen: relfrozenxid is past what was current then.
			s.Await(`SELECT bool_and(age(c.relfrozenxid) < txid_current() - $1) FROM pg_class AS c
				WHERE c.oid IN ('gapless.journal'::regclass, 'gapless.sequence_lock'::regclass)`, horizon)
		})
		require.Zero(t, n.failed)
	}
	require.Eventually(t, func() bool { // it reports when it has ended
		return *sqltest.Value[int64](s, "SELECT autovacuum_count FROM pg_stat_all_tables WHERE relid = 'gapless.journal'::regclass") > 0
	}, sqltest.Eventually, sqltest.Tick)
}
