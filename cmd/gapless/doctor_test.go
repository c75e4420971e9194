package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
)

func TestDoctorSaysWhatIsWrongAndItsExitCodeHowBad(t *testing.T) {
	t.Parallel()
	d := pgtest.NewCopy(t)
	require.Equal(t, outcome{}, on(t, d, "doctor"))
	require.Equal(t, outcome{stderr: "nothing is wrong\n"}, program(t.Context(), true, strings.NewReader(""), "--database-url", d.URL, "doctor"))
	require.Equal(t, []any{}, parsed[[]any](t, on(t, d, "doctor", "--json")))

	// A notice alone is no failure.
	conn := d.Conn(t)
	do := func(statements string) {
		_, err := conn.Exec(t.Context(), statements)
		require.NoError(t, err)
	}
	do(`CREATE TABLE bills (year int, number bigint, UNIQUE (year, number)) PARTITION BY LIST (year);
		CREATE TABLE bills_2025 PARTITION OF bills FOR VALUES IN (2025);
		SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill/' || NEW.year $$);
		ALTER TABLE bills DETACH PARTITION bills_2025`)
	o := on(t, d, "doctor")
	require.Zero(t, o.code)
	require.Empty(t, o.stderr)
	require.Regexp(t, `^NOTICE \(1\)
  partition_detached: public.bills_2025
    the table was a partition of public.bills: .*
    > ALTER TABLE public.bills ATTACH PARTITION public.bills_2025 FOR VALUES <as before>;
      -- or, if it was on purpose: ALTER DATABASE .*
$`, o.stdout)
	require.Equal(t, outcome{}, on(t, d, "doctor", "--severity", "warning"))

	do("SELECT gapless.range_gapless('B01', 1, 100, 'June', warn_left => 100); ALTER TABLE bills DISABLE TRIGGER USER")
	o = on(t, d, "doctor")
	require.Equal(t, exitFailure, o.code)
	require.Equal(t, "gapless: findings: 1 critical, 1 warning\nhint: docs/operations.md says what each finding means\n", o.stderr)
	require.Regexp(t, `(?s)^CRITICAL \(1\)\n  guard_off: .*\n\nWARNING \(1\)\n  range_ending: B01\n    its ranges have 100 numbers left\n    > .*\n\nNOTICE \(1\)\n`, o.stdout)
	do("SELECT gapless.range_gapless('B02', 1, 100, 'June', warn_left => 100)")
	require.Contains(t, on(t, d, "doctor").stderr, "gapless: findings: 1 critical, 2 warnings\n")
	o = on(t, d, "doctor", "--severity=critical", "--json")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stdout, `"severity": "critical",`+"\n    "+`"finding": "guard_off",`+"\n    "+`"object": "public.bills.number",`)
	require.NotContains(t, o.stdout, "range_ending")
	require.Contains(t, o.stderr, `"exit_code":1`)
	require.Equal(t, exitUsage, on(t, d, "doctor", "--severity", "bad").code)
}

func TestDoctorSaysWhatIsNotInstalledOrNotAnyMore(t *testing.T) {
	t.Parallel()
	require.Equal(t, outcome{code: exitMissing, stderr: "gapless: gapless is not installed in this database\nhint: run `gapless migrate up`\n"}, on(t, pgtest.NewEmpty(t), "doctor"))

	d := pgtest.NewCopy(t)
	conn := d.Conn(t)
	_, err := conn.Exec(t.Context(), "DROP VIEW gapless.doctor_object CASCADE")
	require.NoError(t, err)
	require.Equal(t, exitFailure, on(t, d, "migrate", "status").code)
	o := on(t, d, "doctor")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "view gapless.doctor is gone")
	require.Contains(t, o.stderr, "run `gapless migrate up`")
	require.Zero(t, on(t, d, "migrate", "up").code)
	require.Equal(t, outcome{}, on(t, d, "doctor"))
	_, err = conn.Exec(t.Context(), `CREATE OR REPLACE FUNCTION gapless.version_gapless() RETURNS int4
		LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS 'SELECT 99'`)
	require.NoError(t, err)
	require.Contains(t, on(t, d, "doctor").stdout, "program_behind")
	require.Equal(t, "schema_behind", ofVersion(migrate.Version{Current: 1, Latest: 2})[0].Finding)
}

// TestDoctorNamesWhatAnotherRoleOwns is about a table that its new owner alone may read, so that the view cannot.
func TestDoctorNamesWhatAnotherRoleOwns(t *testing.T) {
	t.Parallel()
	d := pgtest.NewEmpty(t)
	s := sqltest.Connect(t, d)
	_, owner := sqltest.Role(t, d, "owner")
	_, other := sqltest.Role(t, d, "other")
	s.Do("GRANT CREATE ON DATABASE " + d.Name + " TO " + owner)
	as := func(role string, args ...string) outcome {
		return program(t.Context(), false, strings.NewReader(""), append(args, "--database-url", withKey(d.URL, "role", strings.Trim(role, `"`)))...)
	}
	require.Zero(t, as(owner, "migrate", "up").code)
	healthy := on(t, d, "doctor", "--severity", "warning")
	require.Equal(t, outcome{}, healthy)

	s.Do("ALTER TABLE gapless.journal OWNER TO " + other + "; ALTER FUNCTION gapless.check_name OWNER TO " + other)
	o := on(t, d, "doctor")
	require.Equal(t, exitFailure, o.code)
	require.Equal(t, `CRITICAL (2)
  owner_differs: gapless.check_name(text)
    gapless.check_name(text) belongs to role `+other+`, and schema gapless to role `+owner+`
    > ALTER FUNCTION gapless.check_name(text) OWNER TO `+owner+`;
  owner_differs: gapless.journal
    gapless.journal belongs to role `+other+`, and schema gapless to role `+owner+`
    > ALTER TABLE gapless.journal OWNER TO `+owner+`;
`, o.stdout)
	require.Contains(t, o.stderr, "findings: 2 critical")
	s.Do("ALTER TABLE gapless.journal OWNER TO " + owner + "; ALTER FUNCTION gapless.check_name(text) OWNER TO " + owner)
	require.Equal(t, healthy, on(t, d, "doctor", "--severity", "warning"))

	o = as(other, "doctor")
	require.Equal(t, exitFailure, o.code)
	require.Equal(t, "gapless: permission denied for schema gapless\nhint: "+monitorsRights+"\n", o.stderr)
	s.Do("GRANT pg_monitor TO " + other + "; GRANT USAGE ON SCHEMA gapless TO " + other + "; GRANT SELECT ON ALL TABLES IN SCHEMA gapless TO " + other +
		"; GRANT EXECUTE ON FUNCTION gapless.audit_gapless TO " + other)
	require.Equal(t, outcome{}, as(other, "doctor", "--severity", "warning"))
}

func TestDoctorFitsTheTerminalAndItsStatementsStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	a := &app{stdout: &stdout, getenv: func(string) string { return "" }, terminal: func(any) bool { return true }, width: func(any) int { return 40 }}
	found := []complaint{{
		"critical", "guard_off", "public.invoices.number", "disabled on table public.invoices: trigger ~gapless_issue_number, and the owner's too",
		"SELECT gapless.attach_gapless('public.invoices', 'number', name => ' it''s  a text '); -- and then see what became of all of the rows meanwhile",
	}}
	text := a.complaintsText(found)
	require.True(t, strings.HasPrefix(text, "\x1b[31mCRITICAL (1)\x1b[0m\n  guard_off: public.invoices.number\n"), text)
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, " ") && !strings.Contains(line, "\x1b") {
			require.LessOrEqual(t, utf8.RuneCountInString(line), 50, line) // a word is not broken
		}
	}
	require.Contains(t, text, "' it''s  a text '")
	require.Contains(t, text, "\n      -- and then see what became of all\n      -- of the rows meanwhile")
	require.Equal(t, []string{"the", "owner's", "table", "'a b'", `"c d"`, "it's"}, words(`the owner's table 'a b' "c d" it's`))
}
