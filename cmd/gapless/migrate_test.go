package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
)

func TestMigrateInstallsOnceAndTellsWhereTheDatabaseStands(t *testing.T) {
	t.Parallel()
	d := pgtest.NewEmpty(t)
	before := parsed[status](t, on(t, d, "migrate", "status", "--json"))
	latest := before.Latest
	require.Equal(t, status{0, latest, "not_installed"}, before)
	require.Regexp(t, `^schema gapless: not installed \(the latest version is \d+\)\n$`, on(t, d, "migrate", "status").stdout)

	require.Regexp(t, `^schema gapless: version 0 → \d+\n$`, on(t, d, "migrate", "up").stdout)
	require.Regexp(t, `^schema gapless: already at version \d+\n$`, on(t, d, "migrate", "up").stdout)
	require.Equal(t, object{"from": float64(latest), "to": float64(latest)}, parsed[object](t, on(t, d, "migrate", "up", "--json")))

	require.Equal(t, status{latest, latest, "up_to_date"}, parsed[status](t, on(t, d, "migrate", "status", "--json")))
	require.Regexp(t, `^schema gapless: version \d+ of \d+, up to date\n$`, on(t, d, "migrate", "status").stdout)
}

func TestADatabaseCanBeBehindOrAhead(t *testing.T) {
	t.Parallel()
	state, text := describe(migrate.Version{Current: 1, Latest: 3})
	require.Equal(t, "behind", state)
	require.Equal(t, "version 1 of 3, 2 behind", text)
	state, text = describe(migrate.Version{Current: 4, Latest: 3})
	require.Equal(t, "ahead", state)
	require.Equal(t, "version 4, newer than this program, which knows 3", text)

	d := pgtest.New(t)
	_, err := d.Conn(t).Exec(t.Context(), "UPDATE "+migrate.VersionTable+" SET version = 999")
	require.NoError(t, err)
	require.Equal(t, "ahead", parsed[status](t, on(t, d, "migrate", "status", "--json")).State)
	o := on(t, d, "migrate", "up")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "999")
}

func TestMigratePrintNeedsNoDatabaseAndInstallsTheSame(t *testing.T) {
	t.Parallel()
	o := program(t.Context(), false, strings.NewReader(""), "migrate", "print")
	require.Zero(t, o.code)
	require.Empty(t, o.stderr)
	d := pgtest.NewEmpty(t)
	_, err := d.Conn(t).Exec(t.Context(), o.stdout)
	require.NoError(t, err)
	require.Equal(t, "up_to_date", parsed[status](t, on(t, d, "migrate", "status", "--json")).State)
	require.Equal(t, prints("1\n"), on(t, d, "next", "invoice"))
}
