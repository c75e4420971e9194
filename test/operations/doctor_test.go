package operations_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
	"github.com/pggapless/gapless/test/pg"
)

// diagnosis is a row of gapless.doctor.
type diagnosis struct{ severity, finding, object, message, remedy string }

// diagnoses are the rows of a finding, as a session sees them; of all findings where none is named.
func diagnoses(s sqltest.Session, finding string) (found []diagnosis) {
	s.T.Helper()
	rows, err := s.Query(s.Ctx, "SELECT severity, finding, object, message, remedy FROM gapless.doctor WHERE finding = $1 OR $1 = ''", finding)
	require.NoError(s.T, err)
	for rows.Next() {
		var d diagnosis
		require.NoError(s.T, rows.Scan(&d.severity, &d.finding, &d.object, &d.message, &d.remedy))
		found = append(found, d)
	}
	require.NoError(s.T, rows.Err())
	return found
}

// follow runs a remedy as psql would, one statement after the other.
func (d diagnosis) follow(s sqltest.Session) {
	s.T.Helper()
	statements, _, _ := strings.Cut(d.remedy, " -- ")
	require.True(s.T, strings.HasSuffix(statements, ";"), "it is no statement: %s", d.remedy)
	for statement := range strings.SplitSeq(strings.TrimSuffix(statements, ";"), "; ") {
		s.Do(statement)
	}
}

// patient is a healthy database of every kind of column, and who looks after it.
type patient struct {
	t        *testing.T
	database *pgtest.Database
	owner    sqltest.Session
}

func newPatient(t *testing.T) patient {
	t.Helper()
	database := pgtest.NewCopy(t)
	p := patient{t, database, sqltest.Connect(t, database)}
	pg.Numbered(p.owner)
	pg.Fill(p.owner)
	p.owner.Do("SELECT gapless.next_gapless('till')")
	require.Empty(t, diagnoses(p.owner, ""), "it is not healthy")
	return p
}

// begin opens a transaction in a session of its own, which stays.
func (p patient) begin(statement string) sqltest.Session {
	p.t.Helper()
	s := sqltest.Connect(p.t, p.database)
	s.Do("BEGIN")
	s.Do(statement)
	return s
}

// ailment is a finding, what causes it, and what ends it.
type ailment struct {
	finding, severity, object string
	cause                     []string                              // ~role~ is a role without rights
	bring                     func(p patient)                       // causes it, where statements of one session do not
	set                       string                                // a threshold that the test can reach
	remedied                  func(p patient, d diagnosis) []string // what of the remedy only people know; nil: its statements alone
}

// withMigrate is the remedy that ends in a command.
func withMigrate(p patient, d diagnosis) []string {
	require.Contains(p.t, d.remedy, "DROP FUNCTION IF EXISTS gapless.version_gapless() CASCADE; and then `gapless migrate up`")
	p.owner.Do("DROP FUNCTION gapless.version_gapless() CASCADE")
	require.NoError(p.t, migrate.Up(p.t.Context(), p.database.Conn(p.t)))
	return nil
}

// withMending is the remedy that is a command alone.
func withMending(p patient, d diagnosis) []string {
	require.Contains(p.t, d.remedy, "as the owner of schema gapless: `gapless migrate up`")
	require.NoError(p.t, migrate.Up(p.t.Context(), p.database.Conn(p.t)))
	return nil
}

// filledIn is the remedy's statements, with what only people know.
func filledIn(replacements ...string) func(p patient, d diagnosis) []string {
	return func(_ patient, d diagnosis) []string {
		statement, _, _ := strings.Cut(d.remedy, " -- ")
		if _, after, sentence := strings.Cut(statement, ": "); sentence {
			statement = after
		}
		return strings.Split(strings.TrimSuffix(strings.NewReplacer(replacements...).Replace(statement), ";"), "; ")
	}
}

var ailments = map[string]ailment{
	"a guard that is disabled": {finding: "guard_off", severity: "critical", object: "public.invoices.number", cause: []string{"ALTER TABLE invoices DISABLE TRIGGER USER"}},
	"a guard that fires for replicas": {finding: "guard_off", severity: "critical", object: "public.invoices.number", cause: []string{
		`ALTER TABLE invoices ENABLE REPLICA TRIGGER "~gapless_update_number"`}},
	"a guard that was dropped": {finding: "guard_off", severity: "critical", object: "public.receipts.number", cause: []string{`DROP TRIGGER "~gapless_delete_number" ON receipts`}},
	"a partition's guard that was dropped": {finding: "guard_off", severity: "critical", object: "public.bills.number", cause: []string{
		`DROP TRIGGER "~gapless_kept_delete_number" ON bills_north`}},
	"a function that was dropped": {finding: "guard_off", severity: "critical", object: "public.receipts.number", cause: []string{"DROP FUNCTION receipts_number_gapless_rows"}},
	"a function that runs with others' rights": {finding: "guard_off", severity: "critical", object: "public.invoices.number", cause: []string{
		"ALTER FUNCTION invoices_number_gapless() SECURITY INVOKER"}},
	"a trigger behind the guards": {finding: "guard_off", severity: "critical", object: "public.invoices.number", cause: []string{
		`CREATE TRIGGER "~late" BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`}},
	"a table that is not logged":      {finding: "guard_off", severity: "critical", object: "public.invoices.number", cause: []string{"ALTER TABLE invoices SET UNLOGGED"}},
	"a partition without guards":      {finding: "guard_off", severity: "critical", object: "public.bills.number", cause: []string{"CREATE TABLE bills_east PARTITION OF bills FOR VALUES IN ('east')"}},
	"a table that was renamed":        {finding: "guard_off", severity: "critical", object: "public.documents.number", cause: []string{"ALTER TABLE invoices RENAME TO documents"}},
	"a column that was renamed":       {finding: "guard_off", severity: "critical", object: "public.invoices.number", cause: []string{"ALTER TABLE invoices RENAME COLUMN number TO value"}},
	"a column that names a series":    {finding: "guard_off", severity: "critical", object: "public.invoices.number", cause: []string{"ALTER TABLE invoices RENAME COLUMN tenant TO customer"}},
	"a column that was dropped":       {finding: "guard_off", severity: "critical", object: "public.invoices.number", cause: []string{"ALTER TABLE invoices DROP COLUMN number CASCADE"}},
	"a key that is deferrable":        {finding: "guard_off", severity: "critical", object: "public.receipts.number", cause: []string{"ALTER TABLE receipts DROP CONSTRAINT receipts_pkey, ADD PRIMARY KEY (id) DEFERRABLE"}},
	"a unique index that was dropped": {finding: "guard_off", severity: "critical", object: "public.receipts.number", cause: []string{"ALTER TABLE receipts DROP CONSTRAINT receipts_number_key"}},
	"a table of another role": {finding: "guard_off", severity: "critical", object: "public.receipts.number", cause: []string{"ALTER TABLE receipts OWNER TO ~role~", "GRANT CREATE ON SCHEMA public TO ~role~"}, remedied: func(p patient, d diagnosis) []string {
		for _, other := range diagnoses(p.owner, "guard_off") { // there are two
			other.follow(p.owner)
		}
		return nil
	}},
	"a comment that is gone": {finding: "guard_off", severity: "critical", object: "public.invoices.number", cause: []string{"COMMENT ON FUNCTION invoices_number_gapless() IS NULL"},
		remedied: filledIn("<its arguments>", "name => $$ 'invoice/' || NEW.tenant $$, condition => 'NOT NEW.draft'")},
	"a detached partition": {finding: "partition_detached", severity: "notice", object: "public.bills_north", cause: []string{"ALTER TABLE bills DETACH PARTITION bills_north"},
		remedied: filledIn("<as before>", "IN ('north')")},
	"a table that was dropped": {finding: "table_dropped", severity: "critical", object: "public.receipts.number", cause: []string{"DROP TABLE receipts"}, remedied: filledIn()},
	"a table that was dropped, and is restored": {finding: "table_dropped", severity: "critical", object: "public.bills.number", cause: []string{"DROP TABLE bills"}, remedied: func(patient, diagnosis) []string {
		return []string{"CREATE TABLE bills (number bigint UNIQUE)", "INSERT INTO bills VALUES (1), (2), (3)", "SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)"}
	}},
	"a table that was dropped, and is missed": {finding: "table_dropped", severity: "critical", object: "public.bills.number", cause: []string{"DROP TABLE bills"}, remedied: func(patient, diagnosis) []string {
		return []string{"SELECT gapless.void_gapless_batch('bill', 1, 3, 'dropped')"}
	}},
	"a table that inherits": {finding: "heir_unguarded", severity: "warning", object: "public.imported", cause: []string{"CREATE TABLE imported () INHERITS (invoices)"}},
	"an event trigger that is off": {finding: "event_trigger_off", severity: "warning", object: "gapless_guard_partitions", cause: []string{
		"SELECT gapless.guard_new_partitions()", "ALTER EVENT TRIGGER gapless_guard_partitions DISABLE"}},
	"a sequence near its end": {finding: "numbers_run_out", severity: "warning", object: "till", cause: []string{"SELECT gapless.adopt_gapless('till', 9100000000000000000)"},
		remedied: func(_ patient, d diagnosis) []string {
			_, statements, _ := strings.Cut(d.remedy, "adopted: ")
			return strings.Split(strings.TrimSuffix(strings.ReplaceAll(statements, "<the right number>", "91"), ";"), "; ")
		}},
	"a range near its end": {finding: "range_ending", severity: "warning", object: "B01", cause: []string{"SELECT gapless.range_gapless('B01', 1, 100, 'June', warn_left => 100)"},
		remedied: filledIn("<first number>", "101", "<last number>", "1100", "<reference>", "December")},
	"a range with few numbers left, and no threshold of its own": {finding: "range_ending", severity: "warning", object: "B01", cause: []string{"SELECT gapless.range_gapless('B01', 1, 10, 'June')", "SELECT gapless.next_gapless('B01') FROM generate_series(1, 9)"},
		remedied: filledIn("<first number>", "11", "<last number>", "1100", "<reference>", "December")},
	"a range that has ended": {finding: "range_ended", severity: "critical", object: "B01", cause: []string{"SELECT gapless.range_gapless('B01', 1, 1, 'June')", "SELECT gapless.next_gapless('B01')"},
		remedied: filledIn("<first number>", "2", "<last number>", "1100", "<reference>", "December")},
	"an audit with findings": {finding: "audit_unexplained", severity: "critical", object: "all series", cause: []string{
		"ALTER TABLE invoices DISABLE TRIGGER USER", "DELETE FROM invoices WHERE id = 8", "ALTER TABLE invoices ENABLE TRIGGER USER", "SELECT * FROM gapless.record_audit_gapless()"},
		remedied: func(_ patient, d diagnosis) []string {
			look, again, _ := strings.Cut(d.remedy, "; -- mend what it finds, and then: ")
			return []string{look, "SELECT gapless.void_gapless('invoice/a', 3, 'deleted by hand')", strings.TrimSuffix(again, ";")}
		}},
	"an audit of one series with findings": {finding: "audit_unexplained", severity: "critical", object: "invoice/a", cause: []string{
		"ALTER TABLE invoices DISABLE TRIGGER USER", "DELETE FROM invoices WHERE id = 8", "ALTER TABLE invoices ENABLE TRIGGER USER", "SELECT * FROM gapless.record_audit_gapless('invoice/a')", "SELECT * FROM gapless.record_audit_gapless('till')"},
		remedied: func(_ patient, d diagnosis) []string {
			_, again, _ := strings.Cut(d.remedy, "; -- mend what it finds, and then: ")
			return []string{"SELECT gapless.void_gapless('invoice/a', 3, 'deleted by hand')", strings.TrimSuffix(again, ";")}
		}},
	"an audit that could not read": {finding: "audit_not_read", severity: "warning", object: "all series", cause: []string{
		"ALTER FUNCTION receipts_number_gapless_rows SECURITY INVOKER", "SELECT * FROM gapless.record_audit_gapless()"},
		remedied: func(p patient, d diagnosis) []string {
			for _, off := range diagnoses(p.owner, "guard_off") {
				off.follow(p.owner)
			}
			_, again, _ := strings.Cut(d.remedy, "; -- mend that, and then: ")
			return []string{strings.TrimSuffix(again, ";")}
		}},
	"an audit of long ago": {finding: "audit_old", severity: "warning", object: "all series", set: "gapless.doctor_audit = '2 ms'", cause: []string{"SELECT * FROM gapless.record_audit_gapless()", "SELECT pg_sleep(0.01)"},
		remedied: func(p patient, d diagnosis) []string {
			d.follow(p.owner)
			return []string{"SET gapless.doctor_audit = '1 h'"}
		}},
	"a record that was changed": {finding: "audit_altered", severity: "critical", object: "audit 1", cause: []string{"SELECT * FROM gapless.record_audit_gapless()",
		"ALTER TABLE gapless.audit_record DISABLE TRIGGER USER", `UPDATE gapless.audit_record SET entry = entry || '{"findings": 7}'`, "ALTER TABLE gapless.audit_record ENABLE TRIGGER USER"},
		remedied: func(patient, diagnosis) []string { // it stays, unless what it was is put back
			return []string{"ALTER TABLE gapless.audit_record DISABLE TRIGGER USER", `UPDATE gapless.audit_record SET entry = entry || '{"findings": 2}'`, "ALTER TABLE gapless.audit_record ENABLE TRIGGER USER"}
		}},
	"a function of gapless that is gone":     {finding: "object_missing", severity: "critical", object: "function gapless.flush_gapless(bigint)", cause: []string{"DROP FUNCTION gapless.flush_gapless"}, remedied: withMending},
	"a function of gapless that was changed": {finding: "object_changed", severity: "critical", object: "function gapless.next_gapless(text, bigint, bigint, boolean)", cause: []string{"ALTER FUNCTION gapless.next_gapless SECURITY INVOKER"}, remedied: withMigrate},
	"a function of a name of gapless's":      {finding: "object_foreign", severity: "critical", object: "function gapless.peek_gapless(text)", cause: []string{"CREATE FUNCTION gapless.peek_gapless(name text) RETURNS bigint LANGUAGE sql AS 'SELECT 1'"}},
	"a trigger of gapless that is gone":      {finding: "object_missing", severity: "critical", object: "trigger audit_record_append_only ON gapless.audit_record", cause: []string{"DROP TRIGGER audit_record_append_only ON gapless.audit_record"}, remedied: withMending},
	"a view of gapless that is gone":         {finding: "object_missing", severity: "critical", object: "view gapless.kept", cause: []string{"DROP VIEW gapless.kept"}, remedied: withMending},
	"an index of gapless that is gone": {finding: "object_missing", severity: "critical", object: "index gapless.journal_txid", cause: []string{"DROP INDEX gapless.journal_txid"},
		remedied: fromDefinitions("CREATE INDEX journal_txid ")},
	"a constraint of gapless that is gone": {finding: "object_missing", severity: "critical", object: "constraint sequence_name_length ON gapless.sequence_lock", cause: []string{"ALTER TABLE gapless.sequence_lock DROP CONSTRAINT sequence_name_length"},
		remedied: func(p patient, d diagnosis) []string {
			require.Contains(p.t, d.remedy, "Make the constraint again")
			return []string{"ALTER TABLE gapless.sequence_lock ADD CONSTRAINT sequence_name_length CHECK (octet_length(name) BETWEEN 1 AND 255)"}
		}},
	"a column of gapless without its default": {finding: "object_changed", severity: "critical", object: "table gapless.journal", cause: []string{"ALTER TABLE gapless.journal ALTER allocated_by DROP DEFAULT"},
		remedied: func(patient, diagnosis) []string {
			return []string{"ALTER TABLE gapless.journal ALTER allocated_by SET DEFAULT SESSION_USER"}
		}},
	"a table of gapless that is gone": {finding: "object_missing", severity: "critical", object: "table gapless.link", cause: []string{"DROP TABLE gapless.link CASCADE"},
		remedied: func(p patient, d diagnosis) []string {
			require.Contains(p.t, d.remedy, "Restore it from a backup")
			for _, statement := range fromDefinitions("CREATE TABLE gapless.link ")(p, d) {
				p.owner.Do(statement)
			}
			require.NoError(p.t, migrate.Up(p.t.Context(), p.database.Conn(p.t)))
			return nil
		}},
	"a table of gapless with another column": {finding: "object_changed", severity: "critical", object: "table gapless.link", cause: []string{"ALTER TABLE gapless.link ADD COLUMN mine text"},
		remedied: func(p patient, _ diagnosis) []string { return []string{"ALTER TABLE gapless.link DROP COLUMN mine"} }},
	"a function of another role":             {finding: "owner_differs", severity: "critical", object: "gapless.check_name(text)", cause: []string{"GRANT CREATE ON SCHEMA gapless TO ~role~", "ALTER FUNCTION gapless.check_name OWNER TO ~role~", "REVOKE CREATE ON SCHEMA gapless FROM ~role~"}},
	"a trigger of gapless that is off":       {finding: "trigger_off", severity: "critical", object: "gapless.audit_record.audit_record_append_only", cause: []string{"ALTER TABLE gapless.audit_record DISABLE TRIGGER audit_record_append_only"}},
	"a table of gapless that is unlogged":    {finding: "table_unlogged", severity: "critical", object: "gapless.void", cause: []string{"ALTER TABLE gapless.void SET UNLOGGED"}},
	"a table without autovacuum":             {finding: "autovacuum_disabled", severity: "warning", object: "gapless.void", cause: []string{"ALTER TABLE gapless.void SET (autovacuum_enabled = no)"}},
	"a table with old rows":                  {finding: "freeze_age", severity: "warning", object: "gapless.link", set: "gapless.doctor_freeze_age = 2000", cause: []string{"DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$"}},
	"a schema that another role writes":      {finding: "schema_writable", severity: "critical", object: "~role~", cause: []string{"GRANT CREATE ON SCHEMA gapless TO ~role~"}},
	"functions that are everybody's":         {finding: "execute_granted", severity: "warning", object: "PUBLIC", cause: []string{"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA gapless TO PUBLIC"}},
	"functions that default privileges gave": {finding: "execute_granted", severity: "critical", object: "~role~", cause: []string{"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA gapless TO ~role~", "GRANT USAGE ON SCHEMA gapless TO ~role~"}},
	"tables that another role writes":        {finding: "write_granted", severity: "critical", object: "~role~", cause: []string{"GRANT ALL ON ALL TABLES IN SCHEMA gapless TO ~role~"}},
	"tables that everybody writes":           {finding: "write_granted", severity: "critical", object: "PUBLIC", cause: []string{"GRANT INSERT, SELECT ON gapless.waiting, gapless.journal TO PUBLIC"}},
	"tables that everybody reads":            {finding: "read_granted", severity: "warning", object: "PUBLIC", cause: []string{"GRANT SELECT ON ALL TABLES IN SCHEMA gapless TO PUBLIC"}},
	"a column's functions that others have":  {finding: "column_granted", severity: "warning", object: "public.invoices.number", cause: []string{"GRANT EXECUTE ON FUNCTION invoices_number_gapless_rows TO ~role~"}},
	"a column's functions that nobody has":   {finding: "grant_missing", severity: "critical", object: "public.receipts.number", cause: []string{"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC"}},
	"notes that nobody may write":            {finding: "grant_missing", severity: "critical", object: "gapless.waiting", cause: []string{"REVOKE ALL ON gapless.waiting FROM PUBLIC"}},
	"a threshold that is none":               {finding: "setting_invalid", severity: "warning", object: "gapless.doctor_held", set: "gapless.doctor_held = 'soon'"},
	"a threshold of the database that is none": {finding: "setting_invalid", severity: "warning", object: "gapless.doctor_journalsize", bring: func(p patient) {
		p.owner.Do("ALTER DATABASE " + *sqltest.Value[string](p.owner, "SELECT quote_ident(current_database())") + " SET gapless.doctor_journalsize = '1 GB'")
	}},
	"a sequence that is held": {finding: "held_long", severity: "warning", object: "till", set: "gapless.doctor_held = '0 s'", bring: func(p patient) { p.begin("SELECT gapless.next_gapless('till')") }},
	"a sequence that is held while others wait": {finding: "held_long", severity: "critical", object: "till", set: "gapless.doctor_held = '0'", bring: func(p patient) {
		p.begin("SELECT gapless.next_gapless('till')")
		waiter := sqltest.Connect(p.t, p.database)
		done := waiter.LaterNumber("SELECT gapless.next_gapless('till')")
		p.t.Cleanup(func() { <-done })
		sqltest.AwaitWaiter(p.t, p.owner, waiter.PID())
	}},
	"many sequences that one holds": {finding: "held_long", severity: "warning", object: "a, b, c and 2 more", set: "gapless.doctor_held = '0 s'", bring: func(p patient) {
		p.owner.Do("SELECT gapless.next_gapless(n) FROM unnest('{a,b,c,d,e}'::text[]) AS n")
		p.begin("SELECT gapless.next_gapless(n) FROM unnest('{a,b,c,d,e}'::text[]) AS n")
	}},
	"a session that is idle": {finding: "idle_holder", severity: "critical", object: "till", set: "gapless.doctor_idle = '0 s'", bring: func(p patient) { p.begin("SELECT gapless.next_gapless('till')") }},
	"many who wait": {finding: "many_wait", severity: "warning", object: "till", set: "gapless.doctor_waiting = 0", bring: func(p patient) {
		p.begin("SELECT gapless.next_gapless('till')")
		waiter := sqltest.Connect(p.t, p.database)
		done := waiter.LaterNumber("SELECT gapless.next_gapless('till')")
		p.t.Cleanup(func() { <-done })
		sqltest.AwaitWaiter(p.t, p.owner, waiter.PID())
	}, remedied: func(patient, diagnosis) []string {
		return []string{"SELECT pg_terminate_backend(pid) FROM gapless.holders WHERE state = 'holds'"}
	}},
	"a prepared transaction that holds a sequence": {finding: "prepared_left", severity: "critical", set: "gapless.doctor_prepared = '0 s'", bring: func(p patient) {
		s := p.begin("SELECT gapless.next_gapless('till')")
		s.Do("PREPARE TRANSACTION '" + p.database.Name + "'")
	}},
	"a prepared transaction that locked in a savepoint": {finding: "prepared_left", severity: "critical", set: "gapless.doctor_prepared = '0 s'", bring: func(p patient) {
		s := p.begin("SAVEPOINT a")
		s.Do("SELECT gapless.next_gapless('till')")
		s.Do("PREPARE TRANSACTION '" + p.database.Name + "'")
	}},
	"an old snapshot": {finding: "old_snapshot", severity: "warning", set: "gapless.doctor_snapshot = '0 s'", bring: func(p patient) {
		report := p.begin("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
		report.Do("SELECT 1")
	}},
}

// fromDefinitions makes something again by its statement in what `gapless migrate print --definitions` prints.
func fromDefinitions(begins string) func(p patient, d diagnosis) []string {
	return func(p patient, _ diagnosis) []string {
		definitions, err := migrate.Statements()
		require.NoError(p.t, err)
		_, after, found := strings.Cut(definitions, begins)
		require.True(p.t, found)
		statement, _, _ := strings.Cut(after, ";\n")
		return []string{"SET search_path = pg_catalog", begins + statement, "RESET search_path"}
	}
}

// TestEachFindingIsCausedFoundAndMended has each finding of gapless.doctor but those of a server: it is there with its severity and
// object when it is caused, and gone when its remedy has run, and a healthy database has none.
func TestEachFindingIsCausedFoundAndMended(t *testing.T) {
	t.Parallel()
	for name, a := range ailments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			_, role := sqltest.Role(t, p.database, "other")
			for _, statement := range a.cause {
				p.owner.Do(strings.ReplaceAll(statement, "~role~", role))
			}
			if a.bring != nil {
				a.bring(p)
			}
			if a.set != "" {
				p.owner.Do("SET " + a.set)
			}
			object := strings.ReplaceAll(a.object, "~role~", role)
			find := func() *diagnosis {
				for _, d := range diagnoses(p.owner, a.finding) {
					if a.object == "" || d.object == object {
						return &d
					}
				}
				return nil
			}
			var d *diagnosis
			require.Eventually(t, func() bool { d = find(); return d != nil }, sqltest.Eventually, sqltest.Tick, "it is not found: %v", fmt.Sprint(diagnoses(p.owner, "")))
			require.Equal(t, a.severity, d.severity)
			require.NotEmpty(t, d.message)
			if a.remedied == nil {
				d.follow(p.owner)
			} else {
				for _, statement := range a.remedied(p, *d) {
					p.owner.Do(statement)
				}
			}
			require.Eventually(t, func() bool { return find() == nil }, sqltest.Eventually, sqltest.Tick, "it is still there after: %s", d.remedy)
		})
	}
}

// TestADoctorFindsNothingInAHealthyDatabase that a role without any other right has installed and attached, nor in its restored dump, but
// in one without privileges what nobody gave, and the remedies end that.
func TestADoctorFindsNothingInAHealthyDatabase(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	_, owner := sqltest.Role(t, database, "owner")
	_, reader := sqltest.Role(t, database, "reader")
	super := sqltest.Connect(t, database)
	super.Do("GRANT CREATE ON DATABASE " + *sqltest.Value[string](super, "SELECT quote_ident(current_database())") + " TO " + owner)
	super.Do("GRANT CREATE, USAGE ON SCHEMA public TO " + owner)
	s := sqltest.Connect(t, database)
	s.Do("SET SESSION AUTHORIZATION " + owner)
	require.NoError(t, migrate.Up(t.Context(), s.Conn))
	pg.Numbered(s)
	pg.Fill(s)
	s.Do("CREATE TABLE seals (id int PRIMARY KEY, number bigint UNIQUE, hash bytea, before bytea)")
	s.Do("SELECT gapless.attach_gapless('seals', 'number', name => $$ 'seal' $$, chain => 'sha256(coalesce(NEW.before, convert_to(NEW.id::text, ''UTF8'')))', previous_column => 'before')")
	s.Do("CREATE TABLE debits (number bigint UNIQUE); CREATE TABLE credits (number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('debits', 'number', name => $$ 'debit' $$)")
	s.Do("SELECT gapless.attach_gapless('credits', 'number', series_of => 'debits.number')")
	s.Do("INSERT INTO seals (id) VALUES (1)")
	s.Do("SELECT gapless.range_gapless('B01', 1, 1000, 'June'), gapless.close_gapless('bill', 'over')")
	s.Do("SELECT * FROM gapless.record_audit_gapless()")
	require.Equal(t, []string{"not_seen"}, sqltest.Texts(s, "SELECT finding FROM gapless.doctor"))
	require.Empty(t, diagnoses(super, ""))

	// Who reads it needs no other right, and hears what he does not see.
	s.Do("GRANT USAGE ON SCHEMA gapless TO " + reader)
	s.Do("GRANT SELECT ON gapless.doctor TO " + reader)
	super.Do("SET SESSION AUTHORIZATION " + reader)
	found := diagnoses(super, "")
	require.Len(t, found, 1)
	require.Equal(t, "notice not_seen", found[0].severity+" "+found[0].finding)
	super.Do("RESET SESSION AUTHORIZATION")
	found[0].follow(super)
	super.Do("SET SESSION AUTHORIZATION " + reader)
	require.Empty(t, diagnoses(super, ""))
	super.Do("RESET SESSION AUTHORIZATION")

	shell := newDocShell(t, database.URL)
	if !shell.clients {
		t.Skip("there is no psql, pg_dump and pg_restore here: install PostgreSQL's client programs")
	}
	restored := func(options string) sqltest.Session {
		copied := pgtest.NewEmpty(t)
		shell.run("pg_dump "+options+` "$GAPLESS_DATABASE_URL" | psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname="$RESTORED_URL"`, database.URL, copied.URL)
		return sqltest.Connect(t, copied)
	}
	require.Empty(t, diagnoses(restored(""), ""))
	unprivileged := restored("--no-privileges")
	var kinds []string
	for _, d := range diagnoses(unprivileged, "") {
		kinds = append(kinds, d.finding)
		d.follow(unprivileged)
	}
	require.Subset(t, kinds, []string{"execute_granted", "column_granted", "grant_missing"})
	require.Empty(t, diagnoses(unprivileged, ""))
	uncommented := restored("--no-comments")
	require.NotEmpty(t, sqltest.Texts(uncommented, "SELECT unnest(faults) FROM gapless.columns"))
	for _, d := range diagnoses(uncommented, "") {
		require.Equal(t, "guard_off", d.finding)
		require.Contains(t, d.message, "in which attach_gapless noted its arguments, is gone")
	}
}

// TestADoctorSeesServersAndStandbys has settings of the server, of the database and of a role, a synchronous standby that is missing, and
// a standby that is asked itself.
func TestADoctorSeesServersAndStandbys(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewServer(t)
	sqltest.WantStandby(t, primary)
	database := primary.NewDatabase(t)
	s := sqltest.Connect(t, database)
	s.Do("SELECT gapless.next_gapless('till')")
	require.Empty(t, diagnoses(s, ""))
	standby := pgtest.NewStandby(t, primary)
	there := sqltest.Connect(t, standby.Replica(t, database))
	found := diagnoses(there, "")
	require.Len(t, found, 1)
	require.Equal(t, diagnosis{"notice", "standby", database.Name, found[0].message, "Look at the primary, too."}, found[0])

	quoted := *sqltest.Value[string](s, "SELECT quote_ident(current_database())")
	_, role := sqltest.Role(t, database, "reporter")
	for cause, want := range map[string]diagnosis{
		"ALTER SYSTEM SET full_page_writes = off":                   {severity: "critical", object: "full_page_writes"},
		"ALTER SYSTEM SET synchronous_commit = off":                 {severity: "critical", object: "synchronous_commit"},
		"ALTER SYSTEM SET track_counts = off":                       {severity: "critical", object: "track_counts"},
		"ALTER SYSTEM SET autovacuum = off":                         {severity: "warning", object: "autovacuum"},
		"ALTER DATABASE " + quoted + " SET synchronous_commit = no": {severity: "critical", object: "synchronous_commit of database " + quoted},
		"ALTER ROLE " + role + " SET synchronous_commit = 'OFF'":    {severity: "warning", object: "synchronous_commit of role " + role},
		"ALTER ROLE " + role + " IN DATABASE " + quoted + " SET session_replication_role = replica": {
			severity: "warning", object: "session_replication_role of role " + role + " in database " + quoted},
		"ALTER ROLE ALL SET track_counts = off": {severity: "critical", object: "track_counts of all roles"},
	} {
		s.Do(cause)
		s.Do("SELECT pg_reload_conf()")
		var found []diagnosis
		require.Eventually(t, func() bool { found = diagnoses(s, "unsafe_setting"); return len(found) == 1 }, sqltest.Eventually, sqltest.Tick, cause)
		require.Equal(t, []string{want.severity, want.object}, []string{found[0].severity, found[0].object})
		found[0].follow(s)
		require.Eventually(t, func() bool { return len(diagnoses(s, "unsafe_setting")) == 0 }, sqltest.Eventually, sqltest.Tick, found[0].remedy)
	}

	primary.SetSynchronous(t, standby)
	require.Empty(t, diagnoses(s, "synchronous_standby_missing"))
	s.Do("ALTER SYSTEM SET synchronous_standby_names = 'ANY 2 (*)'")
	s.Do("SELECT pg_reload_conf()")
	require.Eventually(t, func() bool { found = diagnoses(s, "synchronous_standby_missing"); return len(found) == 1 }, sqltest.Eventually, sqltest.Tick)
	require.Equal(t, "critical", found[0].severity)
	require.Contains(t, found[0].message, "1 of 2 synchronous standbys")
	_, statements, _ := strings.Cut(found[0].remedy, "then: ")
	diagnosis{remedy: statements}.follow(s)
	require.Eventually(t, func() bool { return len(diagnoses(s, "synchronous_standby_missing")) == 0 }, sqltest.Eventually, sqltest.Tick)
}

// TestADoctorLeavesOutWhatIsIgnored by finding, or by finding and object.
func TestADoctorLeavesOutWhatIsIgnored(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.owner.Do("ALTER TABLE bills DETACH PARTITION bills_north; ALTER TABLE bills DETACH PARTITION bills_south")
	p.owner.Do("SELECT gapless.range_gapless('B01', 1, 100, 'June', warn_left => 100)")
	for ignored, want := range map[string][]string{
		"":                                      {"range_ending B01", "partition_detached public.bills_north", "partition_detached public.bills_south"},
		"partition_detached public.bills_north": {"range_ending B01", "partition_detached public.bills_south"},
		"partition_detached, range_ending B02":  {"range_ending B01"},
		"range_ending B01,partition_detached":   {},
	} {
		p.owner.Do("SET gapless.doctor_ignored = '" + ignored + "'")
		require.Equal(t, want, sqltest.Texts(p.owner, "SELECT finding || ' ' || object FROM gapless.doctor"), ignored)
	}
}
