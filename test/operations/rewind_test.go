//go:build unix

package operations_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// runAsTheServer runs one of PostgreSQL's programs as whoever owns a server's data, and returns what it printed.
func runAsTheServer(t *testing.T, bin, data, program string, args ...string) (string, error) {
	t.Helper()
	owner, err := os.Stat(data)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, program), args...)
	cmd.Dir, cmd.Env = filepath.Dir(data), append(os.Environ(), "LC_ALL=C")
	if stat, ok := owner.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 { // they refuse to run as root
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}}
	}
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// TestTheOldPrimaryComesBackByPgRewindAndFollows has two primaries for a while, as they must not be: what the old one issued then
// is gone when it comes back, and the numbers are those of the new one, on both and after the next fail-over.
func TestTheOldPrimaryComesBackByPgRewindAndFollows(t *testing.T) {
	t.Parallel()
	old := pgtest.NewServer(t)
	sqltest.WantStandby(t, old)
	if _, err := os.Stat(filepath.Join(old.Programs(), "pg_rewind")); err != nil {
		t.Skip("there is no pg_rewind here")
	}
	admin := sqltest.ConnectTo(t, old.URL())
	data := *sqltest.Value[string](admin, "SHOW data_directory")
	prepared := *sqltest.Value[bool](admin, "SELECT current_setting('data_checksums')::boolean")
	standby := pgtest.NewStandby(t, old)
	rewind := func() (string, error) {
		return runAsTheServer(t, old.Programs(), data, "pg_rewind", "--target-pgdata="+data, "--source-server="+standby.URL()+"&application_name=old",
			"--write-recovery-conf", "--no-sync")
	}
	admin.Do("ALTER SYSTEM SET wal_log_hints = on") // from the next start on
	old.Stop(t)
	if !prepared {
		output, err := rewind()
		require.Error(t, err)
		require.Contains(t, output, `needs to use either data checksums or "wal_log_hints = on"`)
	}
	old.Start(t)
	database := old.NewDatabase(t)
	s := sqltest.Connect(t, database)
	pg.Numbered(s)
	old.SetSynchronous(t, standby)
	pg.Fill(s)
	// A commit that waits for no standby is one that the standby need not have.
	sqltest.DisconnectStandby(t, old, standby)
	for tenant, setting := range map[string]string{"d": "local", "e": "off"} {
		s.Do("SET synchronous_commit = " + setting)
		s.Do("INSERT INTO invoices (id, tenant) VALUES (ascii($1::text) + 1000, $1)", tenant)
	}

	old.Kill(t)
	standby.Promote(t)
	replica := standby.Replica(t, database)
	promoted := sqltest.Connect(t, replica)
	require.Equal(t, pg.Filled, pg.Contents(promoted))
	pg.GoOn(promoted)

	// By itself it is a second primary, which issues the same numbers.
	old.Start(t)
	s = sqltest.Connect(t, database)
	require.False(t, *sqltest.Value[bool](s, "SELECT pg_is_in_recovery()"))
	s.Do("SET synchronous_commit = local")
	const again = "INSERT INTO invoices (id, tenant) VALUES (999, 'a') RETURNING number"
	require.Equal(t, promoted.Number("SELECT number FROM invoices WHERE id = 101"), s.Number(again))

	old.Stop(t)
	promoted.Do("CHECKPOINT") // else, before PostgreSQL 16, pg_rewind may find nothing to do: it looks for the timeline there
	output, err := rewind()
	require.NoError(t, err, output)
	// With the new primary's configuration comes the name of the slot that it had on the old one.
	promoted.Do("SELECT pg_create_physical_replication_slot(current_setting('primary_slot_name'))")
	old.Start(t)
	s = sqltest.Connect(t, database)
	follows := func(standby, primary sqltest.Session) {
		t.Helper()
		newest := *sqltest.Value[string](primary, "SELECT pg_current_wal_insert_lsn()::text")
		require.Eventually(t, func() bool {
			return *sqltest.Value[bool](standby, "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", newest)
		}, sqltest.Eventually, sqltest.Tick, "it does not follow")
		require.True(t, *sqltest.Value[bool](standby, "SELECT pg_is_in_recovery()"))
		require.Equal(t, pg.Contents(primary), pg.Contents(standby))
		const journal = "SELECT a::text FROM gapless.journal AS a ORDER BY name, ordinal"
		require.Equal(t, sqltest.Texts(primary, journal), sqltest.Texts(standby, journal))
		sqltest.RequireSound(standby)
	}
	follows(s, promoted)
	require.NotContains(t, pg.Contents(s), "invoice 999 a 4")

	// The new set, with what a base backup makes.
	third := pgtest.NewStandby(t, standby)
	promoted.Do("ALTER SYSTEM SET synchronous_standby_names = 'old'")
	promoted.Do("SELECT pg_reload_conf()")
	require.Eventually(t, func() bool {
		return promoted.Number("SELECT count(*) FROM pg_stat_replication WHERE application_name = 'old' AND sync_state = 'sync'") == 1
	}, sqltest.Eventually, sqltest.Tick)
	last := promoted.Number("INSERT INTO invoices (id, tenant) VALUES (998, 'a') RETURNING number")
	follows(sqltest.Connect(t, third.Replica(t, database)), promoted)

	standby.Kill(t)
	old.Promote(t)
	s.Do("ALTER SYSTEM RESET synchronous_standby_names")
	s.Do("SELECT pg_reload_conf()")
	s.Do("SET synchronous_commit = local")
	require.Equal(t, last+1, s.Number(again))
	sqltest.RequireSound(s)
}
