//go:build unix

package gapless_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

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
	if !old.CanHaveStandby() {
		t.Log("there is no pg_basebackup here")
		return
	}
	if _, err := os.Stat(filepath.Join(old.Programs(), "pg_rewind")); err != nil {
		t.Log("there is no pg_rewind here")
		return
	}
	admin := connectTo(t, old.URL())
	data := *value[string](admin, "SHOW data_directory")
	prepared := *value[bool](admin, "SELECT current_setting('data_checksums')::boolean")
	standby := pgtest.NewStandby(t, old)
	rewind := func() (string, error) {
		return runAsTheServer(t, old.Programs(), data, "pg_rewind", "--target-pgdata="+data, "--source-server="+standby.URL()+"&application_name=old",
			"--write-recovery-conf", "--no-sync")
	}
	admin.do("ALTER SYSTEM SET wal_log_hints = on") // from the next start on
	old.Stop(t)
	if !prepared {
		output, err := rewind()
		require.Error(t, err)
		require.Contains(t, output, `needs to use either data checksums or "wal_log_hints = on"`)
	}
	old.Start(t)
	database := old.NewDatabase(t)
	s := connect(t, database)
	numbered(s)
	old.SetSynchronous(t, standby)
	fill(s)
	// A commit that waits for no standby is one that the standby need not have.
	disconnectStandby(t, old, standby)
	for tenant, setting := range map[string]string{"d": "local", "e": "off"} {
		s.do("SET synchronous_commit = " + setting)
		s.do("INSERT INTO invoices (id, tenant) VALUES (ascii($1::text) + 1000, $1)", tenant)
	}

	old.Kill(t)
	standby.Promote(t)
	replica := standby.Replica(t, database)
	promoted := connect(t, replica)
	require.Equal(t, filled, contents(promoted))
	goOn(promoted)

	// By itself it is a second primary, which issues the same numbers.
	old.Start(t)
	s = connect(t, database)
	require.False(t, *value[bool](s, "SELECT pg_is_in_recovery()"))
	s.do("SET synchronous_commit = local")
	const again = "INSERT INTO invoices (id, tenant) VALUES (999, 'a') RETURNING number"
	require.Equal(t, promoted.number("SELECT number FROM invoices WHERE id = 101"), s.number(again))

	old.Stop(t)
	promoted.do("CHECKPOINT") // else, before PostgreSQL 16, pg_rewind may find nothing to do: it looks for the timeline there
	output, err := rewind()
	require.NoError(t, err, output)
	// With the new primary's configuration comes the name of the slot that it had on the old one.
	promoted.do("SELECT pg_create_physical_replication_slot(current_setting('primary_slot_name'))")
	old.Start(t)
	s = connect(t, database)
	follows := func(standby, primary session) {
		t.Helper()
		newest := *value[string](primary, "SELECT pg_current_wal_insert_lsn()::text")
		require.Eventually(t, func() bool {
			return *value[bool](standby, "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", newest)
		}, eventually, tick, "it does not follow")
		require.True(t, *value[bool](standby, "SELECT pg_is_in_recovery()"))
		require.Equal(t, contents(primary), contents(standby))
		const journal = "SELECT a::text FROM gapless.allocation AS a ORDER BY name, ordinal"
		require.Equal(t, texts(primary, journal), texts(standby, journal))
		requireSound(standby)
	}
	follows(s, promoted)
	require.NotContains(t, contents(s), "invoice 999 a 4")

	// The new set, with what a base backup makes.
	third := pgtest.NewStandby(t, standby)
	promoted.do("ALTER SYSTEM SET synchronous_standby_names = 'old'")
	promoted.do("SELECT pg_reload_conf()")
	require.Eventually(t, func() bool {
		return promoted.number("SELECT count(*) FROM pg_stat_replication WHERE application_name = 'old' AND sync_state = 'sync'") == 1
	}, eventually, tick)
	last := promoted.number("INSERT INTO invoices (id, tenant) VALUES (998, 'a') RETURNING number")
	follows(connect(t, third.Replica(t, database)), promoted)

	standby.Kill(t)
	old.Promote(t)
	s.do("ALTER SYSTEM RESET synchronous_standby_names")
	s.do("SELECT pg_reload_conf()")
	s.do("SET synchronous_commit = local")
	require.Equal(t, last+1, s.number(again))
	requireSound(s)
}
