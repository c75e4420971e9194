package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestAStandbyIsReadAndSaysThatItIsOneToWhatWrites has a real one.
func TestAStandbyIsReadAndSaysThatItIsOneToWhatWrites(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"fsync": "off"}))
	if !primary.CanHaveStandby() {
		t.Skip("a standby needs a primary that was started from programs, with pg_basebackup next to them")
	}
	d, err := primary.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, pgtest.Install(t.Context(), d.URL))
	statements(t, d, "CREATE TABLE invoices (number bigint UNIQUE)", "CREATE TABLE bills (number bigint UNIQUE)",
		"SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)", "INSERT INTO invoices DEFAULT VALUES",
		"SELECT gapless.next_gapless('case')", "CREATE SEQUENCE old_numbers", "CREATE ROLE reader LOGIN", "SELECT gapless.grant_gapless('reader')")
	replica := pgtest.NewStandby(t, primary).Replica(t, d) // which has all of that, since it is a copy

	for _, line := range []string{
		"list", "ranges", "columns", "holders", "last case", "peek case", "audit", "audit invoice", "audits", "migrate status", "uninstall",
		"import --from query --query SELECT'x',1 --help",
	} {
		o := on(t, replica, strings.Fields(line)...)
		require.Zero(t, o.code, "%s: %s", line, o.stderr)
	}
	at, err := pgx.ParseConfig(d.URL)
	require.NoError(t, err)
	address := fmt.Sprintf("%s:%d", at.Host, at.Port)
	for _, line := range []string{
		"next case", "next case --nowait", "void case 1 --reason r", "adopt case 9", "close case --reason r", "open case --reason r", "forward case 9 --reason r",
		"go-live case --reason r", "archive invoice 1 --reason r", "range case 5 9 --reason r", "withdraw case 5 --reason r", "delete case --yes",
		"import --from sequences --like old% --apply", "import --from sequences --like old%", "attach bills number", "attach bills number --dry-run", "detach invoices number",
		"guard-partitions", "grant reader", "revoke reader", "prune --before 2020-01-01 --yes", "outcome 6f1d2c1e-6f0a-4a57-9d07-3c1f2a1b0c9d 742",
		"uninstall " + d.Name + " --yes", "audit --record",
	} {
		require.Equal(t, outcome{code: exitFailure, stderr: "gapless: this server is a standby, which is read-only\n" +
			"hint: connect to the primary, which this server follows at " + address + "\n"}, on(t, replica, strings.Fields(line)...), line)
	}
	o := on(t, replica, "next", "case", "--json")
	var p problem
	require.NoError(t, json.Unmarshal([]byte(o.stderr), &p), o.stderr)
	require.Equal(t, "this server is a standby, which is read-only", p.Message)
	require.NotEmpty(t, p.SQLState)

	// A role that may not see where the standby has its data from.
	o = on(t, replica, "next", "case", "-U", "reader")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stderr, "hint: connect to the primary; of several hosts, target_session_attrs=primary in the connection string finds it\n")

	standby, err := pgx.ParseConfig(replica.URL)
	require.NoError(t, err)
	both := fmt.Sprintf("host=%s,%s port=%d,%d user=%s dbname=%s", standby.Host, at.Host, standby.Port, at.Port, at.User, d.Name)
	require.Equal(t, exitFailure, program(t.Context(), false, strings.NewReader(""), "next", "case", "-d", both).code)
	require.Equal(t, prints("2\n"), program(t.Context(), false, strings.NewReader(""), "next", "case", "-d", both+" target_session_attrs=primary"))
	o = program(t.Context(), false, strings.NewReader(""), "next", "case", "-d", both+" target_session_attrs=standby")
	require.Contains(t, o.stderr, "this server is a standby")
}
