package main

import (
	"context"
	"strconv"
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

func TestMigratePrintHasEachStepForOtherTools(t *testing.T) {
	t.Parallel()
	d := pgtest.NewEmpty(t)
	steps, err := migrate.Steps()
	require.NoError(t, err)
	for _, step := range steps {
		o := program(t.Context(), false, strings.NewReader(""), "migrate", "print", "--step", strconv.Itoa(int(step.Number)))
		require.Zero(t, o.code, o.stderr)
		_, err := d.Conn(t).Exec(t.Context(), o.stdout)
		require.NoError(t, err)
	}
	require.Contains(t, on(t, d, "migrate", "up").stdout, "already at version")
	for _, none := range []string{"0", strconv.Itoa(len(steps) + 1)} {
		o := program(t.Context(), false, strings.NewReader(""), "migrate", "print", "--step", none)
		require.Equal(t, exitUsage, o.code)
		require.Contains(t, o.stderr, "there is no step "+none)
	}
}

// TestARoleThatMayNotMigrateIsToldWhatItLacks gives a role what the hint says, until nothing is lacking.
func TestARoleThatMayNotMigrateIsToldWhatItLacks(t *testing.T) {
	t.Parallel()
	d := pgtest.NewEmpty(t)
	conn := d.Conn(t)
	do := func(sql string) {
		t.Helper()
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	do("REVOKE ALL ON SCHEMA public FROM PUBLIC")
	as := func(role string, args ...string) outcome {
		separator := "?"
		if strings.Contains(d.URL, "?") {
			separator = "&"
		}
		return program(t.Context(), false, strings.NewReader(""), append(args, "--database-url", d.URL+separator+"role="+role)...)
	}
	refused := func(o outcome, message, hint string) {
		t.Helper()
		require.Equal(t, exitFailure, o.code)
		require.Equal(t, "gapless: "+message+"\nhint: "+hint+"\n", o.stderr)
	}
	owner, other := "owner_"+d.Name, "other_"+d.Name
	for _, role := range []string{owner, other} {
		do("CREATE ROLE " + role)
		t.Cleanup(func() {
			_, err := conn.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+role+" CASCADE; DROP ROLE "+role)
			require.NoError(t, err)
		})
	}
	const lacking, its = "their owner can give what is lacking: ", "its owner can give what is lacking: "
	onDatabase, onSchema := "GRANT CREATE ON DATABASE "+d.Name+" TO "+owner, "GRANT USAGE, CREATE ON SCHEMA public TO "+owner
	refused(as(owner, "migrate", "up"), "permission denied for schema public", lacking+onDatabase+"; "+onSchema)
	onPublic := "GRANT USAGE ON SCHEMA public TO " + other
	refused(as(other, "migrate", "status"), "permission denied for schema public", its+onPublic)
	do(onPublic)
	require.Zero(t, as(other, "migrate", "status").code)

	do(onSchema)
	refused(as(owner, "migrate", "up"), "permission denied for database "+d.Name, lacking+onDatabase)
	do(onDatabase)
	require.Zero(t, as(owner, "migrate", "up").code)

	refused(as(other, "migrate", "up"), "permission denied for table gapless_schema_version", "only the role that installed it can: "+owner)
	onTable := "GRANT SELECT ON TABLE " + migrate.VersionTable + " TO " + other
	refused(as(other, "migrate", "status"), "permission denied for table gapless_schema_version", its+onTable)
	do(onTable)
	require.Zero(t, as(other, "migrate", "status").code)
	require.Contains(t, as(other, "migrate", "up").stderr, "hint: To upgrade, be that role")
}
