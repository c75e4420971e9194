package faults_test

// What an administrator, or the server by itself, does to the tables while callers commit.

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMaintenanceFailsNobody rebuilds tables and indexes under the callers, none of whom may be told anything but success.
func TestMaintenanceFailsNobody(t *testing.T) {
	t.Parallel()
	server := newServer(t, nil)
	database := server.NewDatabase(t)
	w := newWorkload(t, database, database.URL)
	for _, statement := range []string{
		"REINDEX TABLE CONCURRENTLY gapless.allocation",
		"REINDEX TABLE CONCURRENTLY gapless.sequence",
		"REINDEX TABLE gapless.allocation",
		"VACUUM FULL gapless.allocation",
		"VACUUM FULL gapless.sequence",
		"CLUSTER gapless.allocation USING allocation_pkey",
		"VACUUM (FREEZE, ANALYZE) gapless.allocation, gapless.sequence, early, taken, late",
		"VACUUM FULL early",
		"REINDEX TABLE CONCURRENTLY late",
	} {
		passed := t.Run(statement, func(t *testing.T) {
			admin := connect(t, database.URL)
			before := w.told.Load()
			w.t = t
			n := w.round(func() {
				for done := 0; done < *rounds; {
					// Without CONCURRENTLY it locks one thing after the other, and can be the victim of a deadlock itself.
					_, err := admin.Exec(t.Context(), statement)
					if codeOf(err) != "40P01" {
						require.NoError(t, err)
						done++
					}
					w.await(1 + w.random.IntN(20))
				}
			})
			require.Zero(t, n.failed)
			require.Greater(t, w.told.Load(), before)
			require.Empty(t, values[string](admin, `SELECT i.indexrelid::regclass::text FROM pg_index AS i WHERE NOT i.indisvalid`))
		})
		if !passed {
			return // its callers may still be inside
		}
	}
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
	s, burner := connect(t, database.URL), connect(t, database.URL)
	burner.do("SET synchronous_commit = off")
	for range *rounds {
		n := w.round(func() {
			horizon := value[int64](s, "SELECT txid_current()")
			burner.do("DO $$ BEGIN FOR i IN 1 .. 120000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$")
			w.await(50)
			// No row of before is left to be frozen: relfrozenxid is past what was current then.
			s.await(`SELECT bool_and(age(c.relfrozenxid) < txid_current() - $1) FROM pg_class AS c
				WHERE c.oid IN ('gapless.allocation'::regclass, 'gapless.sequence'::regclass)`, horizon)
		})
		require.Zero(t, n.failed)
	}
	require.Eventually(t, func() bool { // it reports when it has ended
		return value[int64](s, "SELECT autovacuum_count FROM pg_stat_all_tables WHERE relid = 'gapless.allocation'::regclass") > 0
	}, eventually, tick)
}
