package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
)

func TestMigrateInstallsOnceAndTellsWhereTheDatabaseStands(t *testing.T) {
	t.Parallel()
	d := pgtest.NewEmpty(t)
	before := on(t, d, "migrate", "status")
	require.Equal(t, exitMissing, before.code)
	require.Contains(t, before.stderr, "hint: run `gapless migrate up`")
	require.Regexp(t, `^schema gapless: not installed \(the latest version is \d+\)\n$`, before.stdout)
	before = on(t, d, "migrate", "status", "--json")
	require.Equal(t, exitMissing, before.code)
	before.code, before.stderr = 0, ""
	latest := parsed[status](t, before).Latest
	require.Equal(t, status{Latest: latest, State: "not_installed"}, parsed[status](t, before))

	require.Regexp(t, `^schema gapless: version 0 → \d+\n$`, on(t, d, "migrate", "up").stdout)
	require.Regexp(t, `^schema gapless: already at version \d+\n$`, on(t, d, "migrate", "up").stdout)
	require.Equal(t, object{"from": float64(latest), "to": float64(latest)}, parsed[object](t, on(t, d, "migrate", "up", "--json")))

	require.Equal(t, status{Current: latest, Latest: latest, State: "up_to_date"}, parsed[status](t, on(t, d, "migrate", "status", "--json")))
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
	state, text = describe(migrate.Version{Current: 1, Latest: 3, Extension: true})
	require.Equal(t, "behind", state)
	require.Equal(t, "version 1 of 3, 2 behind; an extension", text)

	d := pgtest.New(t)
	_, err := d.Conn(t).Exec(t.Context(), "CREATE OR REPLACE FUNCTION gapless.version_gapless() RETURNS int4 LANGUAGE sql IMMUTABLE AS 'SELECT 999'")
	require.NoError(t, err)
	ahead := on(t, d, "migrate", "status")
	require.Equal(t, exitFailure, ahead.code)
	require.Contains(t, ahead.stdout, "version 999, newer than this program")
	o := on(t, d, "migrate", "up")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "999")
}

func TestADatabaseFromWhichAPartWasDroppedIsNotUpToDate(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	drop := func(statement string) {
		t.Helper()
		_, err := d.Conn(t).Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	drop("DROP VIEW gapless.kept")
	o := on(t, d, "migrate", "status")
	require.Equal(t, exitFailure, o.code)
	require.Regexp(t, `^schema gapless: version (\d+) of \d+, without view gapless.kept\n$`, o.stdout)
	require.Contains(t, o.stderr, "hint: as the owner of schema gapless, run `gapless migrate up`")
	o = on(t, d, "migrate", "status", "--json")
	o.code, o.stderr = 0, ""
	said := parsed[status](t, o)
	require.Equal(t, status{Current: said.Latest, Latest: said.Latest, State: "incomplete", Missing: []string{"view gapless.kept"}}, said)
	o = on(t, d, "migrate", "up")
	require.Zero(t, o.code, o.stderr)
	require.Regexp(t, `^schema gapless: at version \d+, made again: view gapless.kept\n$`, o.stdout)
	require.Contains(t, o.stderr, "repeat `gapless grant`")
	require.Equal(t, "up_to_date", parsed[status](t, on(t, d, "migrate", "status", "--json")).State)

	drop("DROP VIEW gapless.doctor")
	require.Contains(t, on(t, d, "doctor").stderr, "run `gapless migrate up`")
	require.Contains(t, parsed[object](t, on(t, d, "migrate", "up", "--json"))["mended"], "view gapless.doctor")

	drop("DROP TABLE gapless.link CASCADE")
	require.Contains(t, on(t, d, "migrate", "status").stderr, "hint: restore the tables from a backup")
	o = on(t, d, "migrate", "up")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "tables of gapless were dropped, with what they had: table gapless.link")
	require.Contains(t, o.stderr, "hint: Restore them from a backup")
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

// TestMigratePrintWritesAnExtension has a server take the files.
func TestMigratePrintWritesAnExtension(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.Equal(t, outcome{}, program(t.Context(), false, strings.NewReader(""), "migrate", "print", "--extension", folder))
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	written := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(folder, file.Name()))
		require.NoError(t, err)
		written[file.Name()] = string(text)
	}
	want, err := migrate.Extension()
	require.NoError(t, err)
	require.Equal(t, want, written)

	server := pgtest.NewServer(t, pgtest.WithExtension(written))
	sqltest.WantPrograms(t, server)
	d, err := server.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	sqltest.ConnectTo(t, d.URL).Do("CREATE EXTENSION gapless")
	require.True(t, parsed[status](t, on(t, d, "migrate", "status", "--json")).Extension)
	require.Contains(t, on(t, d, "migrate", "up").stdout, "already at version")
	require.Contains(t, program(t.Context(), false, strings.NewReader(""), "migrate", "print", "--extension", filepath.Join(folder, "none")).stderr, "none")
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
	for flag, has := range map[string]string{"--definitions": "CREATE SCHEMA gapless;", "--uninstall": "DROP SCHEMA gapless CASCADE;"} {
		o := program(t.Context(), false, strings.NewReader(""), "migrate", "print", flag)
		require.Zero(t, o.code, o.stderr)
		require.Contains(t, o.stdout, has)
	}
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
	do("REVOKE ALL ON SCHEMA public FROM PUBLIC") // where gapless has nothing
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
	onDatabase := "GRANT CREATE ON DATABASE " + d.Name + " TO " + owner
	require.Equal(t, exitMissing, as(other, "migrate", "status").code)
	refused(as(owner, "migrate", "up"), "permission denied for database "+d.Name, "its owner can give what is lacking: "+onDatabase)
	do(onDatabase)
	require.Zero(t, as(owner, "migrate", "up").code)
	require.Zero(t, as(other, "migrate", "status").code)
	refused(as(other, "migrate", "up"), `schema gapless belongs to role "`+owner+`", and not to "`+other+`"`, "only the role that installed it can: "+owner)
}
