package operations_test

// What docs/operations.md says between its blocks: of what a holder waits for, of upgrades, of the journal's room, of restores.

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestWhatTheHolderOfAStuckSequenceWaitsFor has a holder for each row of the document's table but the one of the disk.
func TestWhatTheHolderOfAStuckSequenceWaitsFor(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"log_statement": "ddl"}))
	database := server.NewDatabase(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE things ()")
	s.Do("SELECT gapless.next_gapless(name) FROM unnest('{client,lock,works,standby}'::text[]) AS name")
	queries := partNamed(t, "Incidents/A sequence is stuck").fences[0].statements(t)
	require.Len(t, queries, 1)
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)

	blocker := sqltest.Connect(t, database)
	blocker.Do("BEGIN")
	blocker.Do("LOCK TABLE things")
	for name, holder := range map[string]struct{ statement, event, row string }{
		"client": {"BEGIN; SELECT gapless.next_gapless('client')", "ClientRead", "`ClientRead`"},
		"lock":   {"BEGIN; SELECT gapless.next_gapless('lock'); SELECT FROM things", "relation", "type `Lock`"},
		"works":  {"DO $$ BEGIN PERFORM gapless.next_gapless('works'); LOOP END LOOP; END $$", "", "NULL"},
	} {
		require.Contains(t, string(text), "\n| "+holder.row+" |")
		session := sqltest.Connect(t, database)
		done := sqltest.Later(func() (any, error) { return session.Exec(session.Ctx, holder.statement) })
		look := func(pid uint32) (found []string) {
			rows, err := s.PgConn().Exec(s.Ctx, queries[0].SQL).ReadAll()
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
			waitsFor = fmt.Sprintf("{%d}", blocker.PID())
		}
		require.Eventually(t, func() bool {
			found := look(session.PID())
			return found != nil && found[0] == holder.event && found[1] == waitsFor
		}, sqltest.Eventually, sqltest.Tick, name)

		// Whatever it waits for, to end it gives its number to the next.
		next := sqltest.Connect(t, database)
		waiting := next.LaterNumber("SELECT gapless.next_gapless($1)", name)
		sqltest.AwaitWaiter(t, s, next.PID())
		require.True(t, *sqltest.Value[bool](s, "SELECT pg_terminate_backend($1)", session.PID()))
		r := <-waiting
		require.NoError(t, r.Err)
		require.EqualValues(t, 2, r.Value)
		<-done
	}
	blocker.Do("COMMIT")

	s.Do("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	s.Do("SELECT pg_reload_conf()")
	s.Do("CHECKPOINT") // the checkpointer has noticed, and commits wait
	session := sqltest.Connect(t, database)
	waiting := session.LaterNumber("SELECT gapless.next_gapless('standby')")
	require.Eventually(t, func() bool {
		return s.Number("SELECT count(*) FROM gapless.holders JOIN pg_stat_activity USING (pid) WHERE name = 'standby' AND wait_event = 'SyncRep'") == 1
	}, sqltest.Eventually, sqltest.Tick)
	s.Do("ALTER SYSTEM RESET synchronous_standby_names")
	s.Do("SELECT pg_reload_conf()")
	r := <-waiting
	require.NoError(t, r.Err)
	require.EqualValues(t, 2, r.Value)

	// Nobody holds a sequence whose first transaction is open, and others wait for that.
	first, second := sqltest.Connect(t, database), sqltest.Connect(t, database)
	first.Do("BEGIN")
	first.Do("SELECT gapless.next_gapless('new')")
	waiting = second.LaterNumber("SELECT gapless.next_gapless('new')")
	sqltest.AwaitWaiter(t, s, second.PID())
	require.Empty(t, sqltest.Texts(s, "SELECT name FROM gapless.holders WHERE state = 'holds' AND name = 'new'"))
	require.Equal(t, fmt.Sprintf("{%d}", first.PID()), *sqltest.Value[string](s, "SELECT pg_blocking_pids($1)::text", second.PID()))
	first.Do("ROLLBACK")
	r = <-waiting
	require.NoError(t, r.Err)
	require.EqualValues(t, 1, r.Value)

	// The log says that somebody switched triggers off, and of deleted rows only what log_statement asks for.
	s.Do("ALTER TABLE things DISABLE TRIGGER USER")
	s.Do("DELETE FROM things")
	s.Do("SET log_statement = 'mod'")
	s.Do("DELETE FROM things WHERE true")
	log, err := os.ReadFile(filepath.Join(filepath.Dir(*sqltest.Value[string](s, "SHOW data_directory")), "log"))
	if err != nil {
		t.Skipf("the server's log is not here: %v", err)
	}
	require.Contains(t, string(log), "ALTER TABLE things DISABLE TRIGGER USER")
	require.NotContains(t, string(log), "DELETE FROM things\n")
	require.Contains(t, string(log), "DELETE FROM things WHERE true")
}

// TestToReplaceAFunctionWaitsForNobodyAndToAlterATableForWhoeverHolds is what an upgrade does while the applications run.
func TestToReplaceAFunctionWaitsForNobodyAndToAlterATableForWhoeverHolds(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s, holder, upgrade, next := pg.NumberTenants(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	holder.Do("BEGIN")
	require.EqualValues(t, 2, holder.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))

	upgrade.Do("SET lock_timeout = '20ms'")
	functions := sqltest.Texts(upgrade, "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND prokind = 'f'")
	require.Greater(t, len(functions), 16)
	for _, function := range functions {
		upgrade.Do(function)
	}
	const alter = "ALTER TABLE gapless.journal ADD COLUMN more text"
	upgrade.Refuse("55P03", alter)
	upgrade.Do("RESET lock_timeout")
	altered := sqltest.Later(func() (any, error) { return upgrade.Exec(upgrade.Ctx, alter) })
	sqltest.AwaitWaiter(t, s, upgrade.PID())
	later := next.LaterNumber("SELECT gapless.next_gapless('another')")
	sqltest.AwaitWaiter(t, s, next.PID())
	require.Contains(t, *sqltest.Value[string](s, "SELECT pg_blocking_pids($1)::text", next.PID()), strconv.FormatUint(uint64(upgrade.PID()), 10))
	holder.Do("COMMIT")
	require.NoError(t, (<-altered).Err)
	r := <-later
	require.NoError(t, r.Err)
	require.EqualValues(t, 1, r.Value)
	require.EqualValues(t, 3, s.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
	sqltest.RequireSound(s)
}

// TestAnAllocationLeavesNoDeadRowAndPrunedRoomIsUsedAgain looks at the files' sizes.
func TestAnAllocationLeavesNoDeadRowAndPrunedRoomIsUsedAgain(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s, old := sqltest.Connect(t, database), sqltest.Connect(t, database)
	s.Do("SELECT gapless.next_gapless('a')")
	old.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
	old.Do("SELECT 1")
	allocate := func() {
		t.Helper()
		s.Do("DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM gapless.next_gapless('a'); COMMIT; END LOOP; END $$")
	}
	const sequences, journal = "SELECT pg_relation_size('gapless.sequence_lock')", "SELECT pg_relation_size('gapless.journal')"
	before := s.Number(sequences)
	s.Do("SET synchronous_commit = off")
	allocate()
	require.Equal(t, before, s.Number(sequences), "an old snapshot keeps what was updated")
	old.Do("COMMIT")

	full := s.Number(journal)
	require.EqualValues(t, 3000, s.Number("SELECT gapless.prune_gapless('a', 'infinity')"))
	s.Do("VACUUM gapless.journal")
	allocate()
	require.LessOrEqual(t, s.Number(journal), full)
	require.EqualValues(t, 3000, s.Number("SELECT gapless.prune_gapless('a', 'infinity')"))
	s.Do("VACUUM gapless.journal")
	require.Positive(t, s.Number(journal))

	// To make the file smaller takes all of it.
	holder, vacuum, next := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	holder.Do("BEGIN")
	holder.Do("SELECT gapless.next_gapless('a')")
	done := sqltest.Later(func() (any, error) { return vacuum.Exec(vacuum.Ctx, "VACUUM (FULL) gapless.journal") })
	sqltest.AwaitWaiter(t, s, vacuum.PID())
	waiting := next.LaterNumber("SELECT gapless.next_gapless('b')")
	sqltest.AwaitWaiter(t, s, next.PID())
	holder.Do("COMMIT")
	require.NoError(t, (<-done).Err)
	require.NoError(t, (<-waiting).Err)
	require.Less(t, s.Number(journal), full)
}

// TestARestoreThatBreaksOffLeavesTriggersSwitchedOff where it disables them, and the doctor says which.
func TestARestoreThatBreaksOffLeavesTriggersSwitchedOff(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	shell := newDocShell(t, database.URL)
	if !shell.clients {
		t.Skip("there is no psql, pg_dump and pg_restore here: install PostgreSQL's client programs")
	}
	s := pg.NumberTenants(t, database)
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	const guards = "SELECT FROM gapless.doctor WHERE finding = 'guard_off'"
	require.Zero(t, countRows(s, guards))
	shell.run(`pg_dump --data-only --format=custom --table=invoices --file=data.dump "$GAPLESS_DATABASE_URL"
		! pg_restore --data-only --disable-triggers --exit-on-error --dbname="$GAPLESS_DATABASE_URL" data.dump`, database.URL) // the rows are there
	require.Positive(t, countRows(s, guards))
	s.Do("ALTER TABLE invoices ENABLE TRIGGER USER")
	require.Zero(t, countRows(s, guards))
	shell.run(`! pg_restore --data-only --disable-triggers --single-transaction --dbname="$GAPLESS_DATABASE_URL" data.dump`, database.URL)
	require.Zero(t, countRows(s, guards), "in one transaction it leaves nothing")
}

// TestRolesHaveToBeThereBeforeARestore: a dump has what was granted to them, and not the roles.
func TestRolesHaveToBeThereBeforeARestore(t *testing.T) {
	t.Parallel()
	from, to := pgtest.NewServer(t), pgtest.NewServer(t)
	source := from.NewDatabase(t)
	shell := newDocShell(t, source.URL)
	if !shell.clients {
		t.Skip("there is no psql, pg_dump and pg_restore here: install PostgreSQL's client programs")
	}
	if _, err := os.Stat(filepath.Join(shell.path, "pg_dumpall")); err != nil {
		t.Skip("there is no pg_dumpall here")
	}
	s := pg.NumberTenants(t, source)
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	s.Do("CREATE ROLE clerk LOGIN")
	s.Do("SELECT gapless.grant_gapless('clerk')")
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
	clerk := sqltest.Connect(t, target)
	clerk.Do("SET ROLE clerk")
	require.EqualValues(t, 1, clerk.Number("SELECT gapless.next_gapless('till')"))
	clerk.Do("RESET ROLE")
	require.EqualValues(t, 2, clerk.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
	sqltest.RequireSound(clerk)
}

// TestAPreparedTransactionIsEndedByItsRoleInItsDatabaseOnly, or by a superuser.
func TestAPreparedTransactionIsEndedByItsRoleInItsDatabaseOnly(t *testing.T) {
	t.Parallel()
	database, elsewhere := pgtest.NewCopy(t), pgtest.NewCopy(t)
	s, other, there := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, elsewhere)
	_, theirs := sqltest.Role(t, database, "app")
	name, another := sqltest.Role(t, database, "billing")
	s.Do("SELECT gapless.grant_gapless($1)", name)
	gid := "'" + database.Name + "'"
	s.Do("SET ROLE " + another)
	s.Do("BEGIN")
	require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('a')"))
	s.Do("PREPARE TRANSACTION " + gid)
	other.Do("SET ROLE " + theirs)
	other.Refuse("42501", "ROLLBACK PREPARED "+gid)
	there.Refuse("0A000", "ROLLBACK PREPARED "+gid)
	s.Do("ROLLBACK PREPARED " + gid)
	require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('a')"))
}

// TestLostNumbersOfASequenceWithoutAColumnAreAdoptedAndVoided after a recovery.
func TestLostNumbersOfASequenceWithoutAColumnAreAdoptedAndVoided(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.NewCopy(t))
	s.Do("SELECT gapless.next_gapless('till') FROM generate_series(1, 3)")
	s.Do("SELECT gapless.adopt_gapless('till', 6)")
	s.Do("SELECT gapless.void_gapless('till', n, 'lost in the recovery') FROM generate_series(5, 6) AS n")
	require.EqualValues(t, 7, s.Number("SELECT gapless.next_gapless('till')"))
	require.Equal(t, []string{"till void 5-5 explained", "till void 6-6 explained"}, sqltest.Findings(s))
}
