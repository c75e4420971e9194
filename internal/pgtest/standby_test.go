//go:build unix

package pgtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASynchronousStandbyHasWhatWasCommittedWhenItsPrimaryIsKilled(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	// What is applied on the standby before the commit returns can be read there at once.
	primary := NewServer(t, with(nil), WithProvider("programs"),
		WithSettings(map[string]string{"synchronous_commit": "remote_apply", "max_connections": "210"}))
	if !primary.CanHaveStandby() {
		require.Contains(t, failure(t, func(tb TB) { NewStandby(tb, primary) }), "pg_basebackup")
		skipStandby(t)
	}
	standby := NewStandby(t, primary)
	primary.SetSynchronous(t, standby)
	d := primary.NewDatabase(t)
	replica := standby.Replica(t, d)
	require.NoError(t, execute(t.Context(), d.URL, "CREATE TABLE t AS SELECT 1 AS i"))
	require.Equal(t, 1, query[int](t, replica.URL, "SELECT i FROM t"))
	require.ErrorContains(t, execute(t.Context(), replica.URL, "INSERT INTO t VALUES (2)"), "read-only transaction")

	// Either can crash and come back.
	standby.Kill(t)
	standby.Start(t)
	require.NoError(t, execute(t.Context(), d.URL, "INSERT INTO t VALUES (2)"))
	primary.Kill(t)
	primary.Start(t)
	require.NoError(t, execute(t.Context(), d.URL, "INSERT INTO t VALUES (3)"))
	require.Equal(t, 3, query[int](t, replica.URL, "SELECT count(*) FROM t"))

	primary.Kill(t)
	standby.Promote(t)
	require.NoError(t, execute(t.Context(), replica.URL, "INSERT INTO t VALUES (4)"))
	require.Equal(t, 4, query[int](t, replica.URL, "SELECT count(*) FROM t"))
}

func TestAStandbyOfASynchronousPrimaryDoesNotWaitForAStandbyItself(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	primary := NewServer(t, with(nil), WithProvider("programs"))
	if !primary.CanHaveStandby() {
		skipStandby(t)
	}
	first := NewStandby(t, primary)
	primary.SetSynchronous(t, first)
	second := NewStandby(t, primary, WithSettings(map[string]string{"commit_delay": "17"}))
	primary.SetSynchronous(t, first, second)
	d := primary.NewDatabase(t)

	primary.Kill(t)
	second.Promote(t)
	replica := second.Replica(t, d)
	require.NoError(t, execute(t.Context(), replica.URL, "CREATE TABLE t ()"))
	require.Equal(t, "17", query[string](t, replica.URL, "SHOW commit_delay"))

	primary.Start(t)
	primary.SetSynchronous(t) // else it would wait for the second one
	require.NoError(t, execute(t.Context(), d.URL, "CREATE TABLE t ()"))
}

func skipStandby(t *testing.T) {
	t.Helper()
	t.Skip("there is no pg_basebackup beside PostgreSQL's programs: install all of them, or set GAPLESS_PG_BIN to a folder that has them")
}
