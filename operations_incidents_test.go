package gapless_test

// What docs/operations.md says between its blocks: of what a holder waits for, of upgrades, of the journal's room, of restores.

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestWhatTheHolderOfAStuckSequenceWaitsFor has a holder for each row of the document's table but the one of the disk.
func TestWhatTheHolderOfAStuckSequenceWaitsFor(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"log_statement": "ddl"}))
	database := server.NewDatabase(t)
	s := connect(t, database)
	s.do("CREATE TABLE things ()")
	s.do("SELECT gapless.next_gapless(name) FROM unnest('{client,lock,works,standby}'::text[]) AS name")
	queries := operationsPartNamed(t, "Incidents/A sequence is stuck").fences[0].statements(t)
	require.Len(t, queries, 1)
	text, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)

	blocker := connect(t, database)
	blocker.do("BEGIN")
	blocker.do("LOCK TABLE things")
	for name, holder := range map[string]struct{ statement, event, row string }{
		"client": {"BEGIN; SELECT gapless.next_gapless('client')", "ClientRead", "`ClientRead`"},
		"lock":   {"BEGIN; SELECT gapless.next_gapless('lock'); SELECT FROM things", "relation", "type `Lock`"},
		"works":  {"DO $$ BEGIN PERFORM gapless.next_gapless('works'); LOOP END LOOP; END $$", "", "NULL"},
	} {
		require.Contains(t, string(text), "\n| "+holder.row+" |")
		session := connect(t, database)
		done := later(func() (any, error) { return session.Exec(session.ctx, holder.statement) })
		look := func(pid uint32) (found []string) {
			rows, err := s.PgConn().Exec(s.ctx, queries[0].sql).ReadAll()
			require.NoError(t, err)
			for _, row := range rows[0].Rows {
				if string(row[0]) == name && string(row[1]) == strconv.FormatUint(uint64(pid), 10) {
					found = []string{string(row[4]), string(row[5])} // wait_event, waits_for
				}
			}
			return found
		}
		waitsFor := "{}"
		if name == "lock" {
			waitsFor = fmt.Sprintf("{%d}", blocker.pid())
		}
		require.Eventually(t, func() bool {
			found := look(session.pid())
			return found != nil && found[0] == holder.event && found[1] == waitsFor
		}, eventually, tick, name)

		// Whatever it waits for, to end it gives its number to the next.
		next := connect(t, database)
		waiting := next.laterNumber("SELECT gapless.next_gapless($1)", name)
		awaitWaiter(t, s, next.pid())
		require.True(t, *value[bool](s, "SELECT pg_terminate_backend($1)", session.pid()))
		r := <-waiting
		require.NoError(t, r.err)
		require.EqualValues(t, 2, r.value)
		<-done
	}
	blocker.do("COMMIT")

	s.do("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	s.do("SELECT pg_reload_conf()")
	s.do("CHECKPOINT") // the checkpointer has noticed, and commits wait
	session := connect(t, database)
	waiting := session.laterNumber("SELECT gapless.next_gapless('standby')")
	require.Eventually(t, func() bool {
		return s.number("SELECT count(*) FROM gapless.holders JOIN pg_stat_activity USING (pid) WHERE name = 'standby' AND wait_event = 'SyncRep'") == 1
	}, eventually, tick)
	s.do("ALTER SYSTEM RESET synchronous_standby_names")
	s.do("SELECT pg_reload_conf()")
	r := <-waiting
	require.NoError(t, r.err)
	require.EqualValues(t, 2, r.value)

	// Nobody holds a sequence whose first transaction is open, and others wait for that.
	first, second := connect(t, database), connect(t, database)
	first.do("BEGIN")
	first.do("SELECT gapless.next_gapless('new')")
	waiting = second.laterNumber("SELECT gapless.next_gapless('new')")
	awaitWaiter(t, s, second.pid())
	require.Empty(t, texts(s, "SELECT name FROM gapless.holders WHERE state = 'holds' AND name = 'new'"))
	require.Equal(t, fmt.Sprintf("{%d}", first.pid()), *value[string](s, "SELECT pg_blocking_pids($1)::text", second.pid()))
	first.do("ROLLBACK")
	r = <-waiting
	require.NoError(t, r.err)
	require.EqualValues(t, 1, r.value)

	// The log says that somebody switched triggers off, and of deleted rows only what log_statement asks for.
	s.do("ALTER TABLE things DISABLE TRIGGER USER")
	s.do("DELETE FROM things")
	s.do("SET log_statement = 'mod'")
	s.do("DELETE FROM things WHERE true")
	log, err := os.ReadFile(filepath.Join(filepath.Dir(*value[string](s, "SHOW data_directory")), "log"))
	if err != nil {
		t.Logf("the server's log is not here: %v", err)
		return
	}
	require.Contains(t, string(log), "ALTER TABLE things DISABLE TRIGGER USER")
	require.NotContains(t, string(log), "DELETE FROM things\n")
	require.Contains(t, string(log), "DELETE FROM things WHERE true")
}

// TestToReplaceAFunctionWaitsForNobodyAndToAlterATableForWhoeverHolds is what an upgrade does while the applications run.
func TestToReplaceAFunctionWaitsForNobodyAndToAlterATableForWhoeverHolds(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, holder, upgrade, next := numberTenants(t, database), connect(t, database), connect(t, database), connect(t, database)
	s.do("INSERT INTO invoices DEFAULT VALUES")
	holder.do("BEGIN")
	require.EqualValues(t, 2, holder.number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))

	upgrade.do("SET lock_timeout = '20ms'")
	functions := texts(upgrade, "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND prokind = 'f'")
	require.Greater(t, len(functions), 16)
	for _, function := range functions {
		upgrade.do(function)
	}
	const alter = "ALTER TABLE gapless.allocation ADD COLUMN more text"
	upgrade.refuse("55P03", alter)
	upgrade.do("RESET lock_timeout")
	altered := later(func() (any, error) { return upgrade.Exec(upgrade.ctx, alter) })
	awaitWaiter(t, s, upgrade.pid())
	later := next.laterNumber("SELECT gapless.next_gapless('another')")
	awaitWaiter(t, s, next.pid())
	require.Contains(t, *value[string](s, "SELECT pg_blocking_pids($1)::text", next.pid()), strconv.FormatUint(uint64(upgrade.pid()), 10))
	holder.do("COMMIT")
	require.NoError(t, (<-altered).err)
	r := <-later
	require.NoError(t, r.err)
	require.EqualValues(t, 1, r.value)
	require.EqualValues(t, 3, s.number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
	requireSound(s)
}

// TestAnAllocationLeavesNoDeadRowAndPrunedRoomIsUsedAgain looks at the files' sizes.
func TestAnAllocationLeavesNoDeadRowAndPrunedRoomIsUsedAgain(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, old := connect(t, database), connect(t, database)
	s.do("SELECT gapless.next_gapless('a')")
	old.do("BEGIN ISOLATION LEVEL REPEATABLE READ")
	old.do("SELECT 1")
	allocate := func() {
		t.Helper()
		s.do("DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM gapless.next_gapless('a'); COMMIT; END LOOP; END $$")
	}
	const sequences, journal = "SELECT pg_relation_size('gapless.sequence')", "SELECT pg_relation_size('gapless.allocation')"
	before := s.number(sequences)
	s.do("SET synchronous_commit = off")
	allocate()
	require.Equal(t, before, s.number(sequences), "an old snapshot keeps what was updated")
	old.do("COMMIT")

	full := s.number(journal)
	require.EqualValues(t, 3000, s.number("SELECT gapless.prune_gapless('a', 'infinity')"))
	s.do("VACUUM gapless.allocation")
	allocate()
	require.LessOrEqual(t, s.number(journal), full)
	require.EqualValues(t, 3000, s.number("SELECT gapless.prune_gapless('a', 'infinity')"))
	s.do("VACUUM gapless.allocation")
	require.Positive(t, s.number(journal))

	// To make the file smaller takes all of it.
	holder, vacuum, next := connect(t, database), connect(t, database), connect(t, database)
	holder.do("BEGIN")
	holder.do("SELECT gapless.next_gapless('a')")
	done := later(func() (any, error) { return vacuum.Exec(vacuum.ctx, "VACUUM (FULL) gapless.allocation") })
	awaitWaiter(t, s, vacuum.pid())
	waiting := next.laterNumber("SELECT gapless.next_gapless('b')")
	awaitWaiter(t, s, next.pid())
	holder.do("COMMIT")
	require.NoError(t, (<-done).err)
	require.NoError(t, (<-waiting).err)
	require.Less(t, s.number(journal), full)
}

// TestARestoreThatBreaksOffLeavesTriggersSwitchedOff where it disables them, and the query of the document says which.
func TestARestoreThatBreaksOffLeavesTriggersSwitchedOff(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	shell := newOperationsShell(t, database.URL)
	if !shell.clients {
		return
	}
	s := numberTenants(t, database)
	s.do("INSERT INTO invoices DEFAULT VALUES")
	guards := operationsPartNamed(t, operationsWatching+"/A guard is switched off").fences[0].statements(t)[0].sql
	require.Zero(t, operationsRows(s, guards))
	shell.run(`pg_dump --data-only --format=custom --table=invoices --file=data.dump "$GAPLESS_DATABASE_URL"
		! pg_restore --data-only --disable-triggers --exit-on-error --dbname="$GAPLESS_DATABASE_URL" data.dump`, database.URL) // the rows are there
	require.Positive(t, operationsRows(s, guards))
	s.do("ALTER TABLE invoices ENABLE TRIGGER USER")
	require.Zero(t, operationsRows(s, guards))
	shell.run(`! pg_restore --data-only --disable-triggers --single-transaction --dbname="$GAPLESS_DATABASE_URL" data.dump`, database.URL)
	require.Zero(t, operationsRows(s, guards), "in one transaction it leaves nothing")
}

// TestRolesHaveToBeThereBeforeARestore: a dump has what was granted to them, and not the roles.
func TestRolesHaveToBeThereBeforeARestore(t *testing.T) {
	t.Parallel()
	from, to := pgtest.NewServer(t), pgtest.NewServer(t)
	source := from.NewDatabase(t)
	shell := newOperationsShell(t, source.URL)
	if !shell.clients {
		return
	}
	if _, err := os.Stat(filepath.Join(shell.path, "pg_dumpall")); err != nil {
		t.Log("there is no pg_dumpall here")
		return
	}
	s := numberTenants(t, source)
	s.do("INSERT INTO invoices DEFAULT VALUES")
	s.do("CREATE ROLE clerk LOGIN")
	s.do("SELECT gapless.grant_gapless('clerk')")
	const restore = `pg_restore --exit-on-error --dbname="$RESTORED_URL" billing.dump`
	empty := func() *pgtest.Database {
		database, err := to.CreateDatabase(t.Context(), "")
		require.NoError(t, err)
		return database
	}
	_, stderr := shell.run(`pg_dump --format=custom --file=billing.dump "$GAPLESS_DATABASE_URL"; ! `+restore, source.URL, empty().URL)
	require.Contains(t, stderr, `role "clerk" does not exist`)

	target := empty()
	shell.run(`pg_dumpall --roles-only --dbname="$GAPLESS_DATABASE_URL" | psql --no-psqlrc --quiet --dbname="$RESTORED_URL"; `+restore, source.URL, target.URL)
	clerk := connect(t, target)
	clerk.do("SET ROLE clerk")
	require.EqualValues(t, 1, clerk.number("SELECT gapless.next_gapless('till')"))
	clerk.do("RESET ROLE")
	require.EqualValues(t, 2, clerk.number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
	requireSound(clerk)
}

// TestAPreparedTransactionIsEndedByItsRoleInItsDatabaseOnly, or by a superuser.
func TestAPreparedTransactionIsEndedByItsRoleInItsDatabaseOnly(t *testing.T) {
	t.Parallel()
	database, elsewhere := pgtest.New(t), pgtest.New(t)
	s, other, there := connect(t, database), connect(t, database), connect(t, elsewhere)
	_, theirs := role(t, database, "app")
	name, another := role(t, database, "billing")
	s.do("SELECT gapless.grant_gapless($1)", name)
	gid := "'" + database.Name + "'"
	s.do("SET ROLE " + another)
	s.do("BEGIN")
	require.EqualValues(t, 1, s.number("SELECT gapless.next_gapless('a')"))
	s.do("PREPARE TRANSACTION " + gid)
	other.do("SET ROLE " + theirs)
	other.refuse("42501", "ROLLBACK PREPARED "+gid)
	there.refuse("0A000", "ROLLBACK PREPARED "+gid)
	s.do("ROLLBACK PREPARED " + gid)
	require.EqualValues(t, 1, s.number("SELECT gapless.next_gapless('a')"))
}

// TestLostNumbersOfASequenceWithoutAColumnAreAdoptedAndVoided after a recovery.
func TestLostNumbersOfASequenceWithoutAColumnAreAdoptedAndVoided(t *testing.T) {
	t.Parallel()
	s := connect(t, pgtest.New(t))
	s.do("SELECT gapless.next_gapless('till') FROM generate_series(1, 3)")
	s.do("SELECT gapless.adopt_gapless('till', 6)")
	s.do("SELECT gapless.void_gapless('till', n, 'lost in the recovery') FROM generate_series(5, 6) AS n")
	require.EqualValues(t, 7, s.number("SELECT gapless.next_gapless('till')"))
	require.Equal(t, []string{"till void 5-5 explained", "till void 6-6 explained"}, findings(s))
}
