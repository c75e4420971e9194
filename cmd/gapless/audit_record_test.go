package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestAuditsAreListedWithWhetherTheyAreIntact(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Equal(t, outcome{stderr: "no audit was recorded\n"}, on(t, d, "audits"))
	require.Empty(t, parsed[[]object](t, on(t, d, "audits", "--json")))

	s := sqltest.Connect(t, d)
	s.Do("CREATE TABLE bills (number bigint UNIQUE); SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$); INSERT INTO bills SELECT FROM generate_series(1, 5)")
	s.Do("SELECT gapless.record_audit_gapless(note => e'a\tnote')")
	s.Do("SET session_replication_role = replica; DELETE FROM bills WHERE number = 3; RESET session_replication_role")
	s.Do("SELECT gapless.record_audit_gapless('bill'); SELECT gapless.record_audit_gapless(target => 'bills', target_column => 'number')")
	o := on(t, d, "audits")
	require.Zero(t, o.code, o.stderr)
	require.Regexp(t, `^RECORD  RECORDED                    BY +AUDITED +RESULT +DOCUMENTS  FINDINGS  NOT EXPLAINED  NEW  INTACT  NOTE
     1  \S+ \S+ \S+  \S+ +all +sound +\d+ +0 +0 +0  yes     a\\tnote
     2  \S+ \S+ \S+  \S+ +bill +not explained +\d+ +1 +1 +1  yes     -
     3  \S+ \S+ \S+  \S+ +public.bills.number  not explained +\d+ +1 +1 +0  yes     -
$`, o.stdout)
	require.Regexp(t, `^all intact; the digest of the last one is [0-9a-f]{64}\n$`, o.stderr)
	lines := parsed[[]object](t, on(t, d, "audits", "--json"))
	require.Len(t, lines, 3)
	require.Equal(t, []any{"bill", nil, 1.0, 1.0, "not explained", true}, []any{lines[1]["name"], lines[1]["note"], lines[1]["unexplained"], lines[1]["new"], lines[1]["result"], lines[1]["intact"]})
	require.Contains(t, o.stderr, lines[2]["digest"])

	s.Do(`SET session_replication_role = replica; UPDATE gapless.audit_record SET entry = entry || '{"findings": 0}' WHERE ordinal = 2; RESET session_replication_role`)
	o = on(t, d, "audits")
	require.Equal(t, exitFailure, o.code)
	require.Contains(t, o.stdout, "  no      -\n")
	require.Contains(t, o.stderr, "gapless: 1 record not intact: record 2\n")
}

func TestAnAuditIsRecordedAndTheNextOneSaysWhatIsNew(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	o := on(t, d, "audit", "--record", "--note", "January")
	require.Equal(t, outcome{stderr: "the audit is recorded\nno finding in 3 sequences, 14 documents\n"}, o)
	plant(t, d)
	o = on(t, d, "audit", "--record", "--since-last", "--like", "invoice/1")
	require.Equal(t, exitFailure, o.code)
	require.Equal(t, "the audit is recorded\ngapless: 4 not explained of 5 findings in 1 sequence, 11 documents\nhint: `gapless void` explains a number that was cancelled\n", o.stderr)
	o = on(t, d, "audit", "invoice/1", "--since-last")
	require.Equal(t, outcome{stderr: "no finding in 1 sequence, 11 documents; left out: 5 findings, 4 not explained\n"}, o)
	report := reported(t, on(t, d, "audit", "--since-last", "--json"))
	require.Len(t, report.Findings, 2)
	require.Equal(t, tally{Findings: 5, Unexplained: 4}, report.LeftOut)
	report = reported(t, on(t, d, "audit", "invoice/1", "--json"))
	require.WithinDuration(t, time.Now(), *report.Findings[0].RecordedAt, time.Hour)

	records := parsed[[]object](t, on(t, d, "audits", "--json"))
	require.Len(t, records, 2)
	require.Equal(t, []any{"January", "sound", nil}, []any{records[0]["note"], records[0]["result"], records[0]["pattern"]})
	require.Equal(t, []any{nil, "not explained", "invoice/1", 5.0}, []any{records[1]["note"], records[1]["result"], records[1]["pattern"], records[1]["new"]})
	require.Equal(t, exitUsage, on(t, d, "audit", "--note", "x").code)
}

func TestAnAuditDuringADetachIsMadeAgain(t *testing.T) {
	t.Parallel()
	d := numbered(t)
	conn := d.Conn(t)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK TABLE invoices; SELECT gapless.detach_gapless('invoices', 'number')")
	require.NoError(t, err)
	done := make(chan outcome)
	go func() { done <- on(t, d, "audit", "--record") }()
	watcher := d.Conn(t)
	eventually(t, func() (waits bool) {
		err := watcher.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gapless' AND wait_event_type = 'Lock')").Scan(&waits)
		require.NoError(t, err)
		return waits
	})
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, outcome{stderr: "the audit is recorded\nno finding in 3 sequences (3 without a column: there, only the journal was looked at)\n"}, <-done)
	records := parsed[[]object](t, on(t, d, "audits", "--json"))
	require.Len(t, records, 1, "what was read in vain is not recorded")
	require.Equal(t, "sound", records[0]["result"])
}

func TestFindingsThatNoRecordHadAreMarkedOnceThereIsARecord(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	s.Do("CREATE TABLE bills (number bigint UNIQUE); SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$); INSERT INTO bills SELECT FROM generate_series(1, 5)")
	s.Do("SET session_replication_role = replica; DELETE FROM bills WHERE number = 2")
	o := on(t, d, "audit", "--record")
	require.Equal(t, exitFailure, o.code)
	require.NotContains(t, o.stdout, "NEW", "all is")
	s.Do("DELETE FROM bills WHERE number = 4")
	o = on(t, d, "audit")
	require.Regexp(t, `(?m)^SEQUENCE .* NUMBERS  EXPLAINED  NEW  EXPLANATION`, o.stdout)
	require.Regexp(t, `(?m)^bill .* hole +2  no +no +the journal`, o.stdout)
	require.Regexp(t, `(?m)^bill .* hole +4  no +yes +the journal`, o.stdout)
	require.Contains(t, on(t, d, "audit", "--record").stdout, "  yes  ", "as it was before it was recorded")
	require.NotContains(t, on(t, d, "audit").stdout, "  yes  ")
}
