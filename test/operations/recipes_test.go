package operations_test

// docs/operations.md: each of its statements and commands is run, and each query to watch with is silent in a good state
// and fires in the bad one for which it is made. And what becomes of numbers in restores and in tables that leave others.
// What its prose says is in operations_*_test.go.

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
	"github.com/pggapless/gapless/test/pg"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
)

// The parts that have a test of their own.
const (
	watchingPart = "What to watch"
	recoveryPart = "Backup and restore/Base backup and point-in-time recovery"
)

// docPart is what stands under one heading, as far as it can be run.
type docPart struct {
	section, title string
	fences         []codeFence
}

type codeFence struct{ language, text string }

func (p docPart) name() string { return strings.TrimSuffix(p.section+"/"+p.title, "/") }

// docParts are the parts of the document that have something to run, in their order.
func docParts(t *testing.T) (parts []docPart) {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	var part docPart
	for _, line := range strings.Split(string(text), "\n") {
		inside := len(part.fences) > 0 && !strings.HasSuffix(part.fences[len(part.fences)-1].text, "```\n")
		switch {
		case inside:
			part.fences[len(part.fences)-1].text += line + "\n"
		case strings.HasPrefix(line, "```"):
			part.fences = append(part.fences, codeFence{language: strings.TrimPrefix(line, "```")})
		case strings.HasPrefix(line, "## "), strings.HasPrefix(line, "### "):
			parts = append(parts, part)
			if title, sub := strings.CutPrefix(line, "### "); sub {
				part = docPart{section: part.section, title: title}
			} else {
				part = docPart{section: strings.TrimPrefix(line, "## ")}
			}
		}
	}
	parts = append(parts, part)
	parts = slices.DeleteFunc(parts, func(p docPart) bool { return len(p.fences) == 0 })
	for _, p := range parts {
		for i := range p.fences {
			p.fences[i].text = strings.TrimSuffix(p.fences[i].text, "```\n")
			require.Contains(t, []string{"sql", "sh", "cron", "conf"}, p.fences[i].language, p.name())
		}
	}
	require.Greater(t, len(parts), 20)
	return parts
}

// partNamed is one of them.
func partNamed(t *testing.T, name string) docPart {
	t.Helper()
	parts := docParts(t)
	i := slices.IndexFunc(parts, func(p docPart) bool { return p.name() == name })
	require.GreaterOrEqual(t, i, 0, name)
	return parts[i]
}

// statements are those of a fence of SQL.
func (f codeFence) statements(t *testing.T) []pg.Statement {
	t.Helper()
	return pg.RequireStatements(t, "```sql\n"+f.text+"```\n")
}

// docShell runs the document's commands.
type docShell struct {
	t       *testing.T
	path    string // where the commands are
	folder  string // where they run
	clients bool   // whether pg_dump and its like are there, for this server
}

// newDocShell looks for PostgreSQL's programs where the server's are: a server in a container has them there, and a
// pg_dump of another release may refuse it.
func newDocShell(t *testing.T, url string) docShell {
	t.Helper()
	bin := *sqltest.Value[string](sqltest.ConnectTo(t, url), "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
	s := docShell{t: t, path: bin, folder: t.TempDir(), clients: true}
	for _, program := range []string{"psql", "pg_dump", "pg_restore", "pg_basebackup", "pg_verifybackup"} {
		if _, err := exec.LookPath(filepath.Join(bin, program)); err != nil {
			t.Logf("there is no %s for this server here, so commands are not run", program)
			s.clients = false
			break
		}
	}
	return s
}

// withGapless builds the command line for it.
func (s docShell) withGapless() docShell {
	s.t.Helper()
	folder := s.t.TempDir()
	built, err := exec.CommandContext(s.t.Context(), "go", "build", "-o", filepath.Join(folder, "gapless"), "../../cmd/gapless").CombinedOutput()
	require.NoError(s.t, err, "%s", built)
	s.path = folder + string(filepath.ListSeparator) + s.path
	return s
}

// run runs a script, which has to succeed, and returns what it prints.
func (s docShell) run(script string, databases ...string) (stdout, stderr string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "/bin/sh", "-eu", "-c", script)
	cmd.Dir = s.folder
	cmd.Env = append(os.Environ(), "PATH="+s.path+string(filepath.ListSeparator)+os.Getenv("PATH"), "HOME="+s.folder)
	for i, name := range []string{"GAPLESS_DATABASE_URL", "RESTORED_URL"}[:len(databases)] {
		cmd.Env = append(cmd.Env, name+"="+databases[i])
	}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(s.t, cmd.Run(), "%s\n%s%s", script, out.String(), errs.String())
	return out.String(), errs.String()
}

// in is the same shell for a subtest, in a folder of its own.
func (s docShell) in(t *testing.T) docShell {
	s.t, s.folder = t, t.TempDir()
	return s
}

// TestTheOperationsRecipesRun runs each part of the document that has no test of its own, in a new database. The SQL says
// what it gives; the commands fail where something is wrong.
func TestTheOperationsRecipesRun(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	shell := newDocShell(t, server.URL()).withGapless()
	// What the part itself does not show.
	checks := map[string]func(shell docShell, part docPart, s, restored sqltest.Session){
		"Install and upgrade":                   requireUpgradeGivesUp,
		"Backup and restore/The whole database": func(_ docShell, _ docPart, _, restored sqltest.Session) { requireNext(restored, 4) },
		"Backup and restore/Data alone": func(_ docShell, _ docPart, _, restored sqltest.Session) {
			requireNext(restored, 4)
			require.Equal(t, []string{"O"}, sqltest.Texts(restored, "SELECT DISTINCT tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"))
		},
		"Backup and restore/One table": func(_ docShell, _ docPart, s, _ sqltest.Session) {
			require.Equal(t, []int64{1, 2, 3}, s.Numbers("SELECT number FROM invoices ORDER BY 1"))
			require.EqualValues(t, 5, s.Number("INSERT INTO invoices (customer) VALUES ('next') RETURNING number"))
			s.Refuse("23001", "DELETE FROM invoices WHERE number = 1")
			s.Refuse("23001", "TRUNCATE invoices")
			require.Equal(t, []string{"invoice hole 4-4"}, sqltest.Findings(s))
		},
	}
	seen := 0
	for _, part := range docParts(t) {
		if part.section == watchingPart || part.name() == recoveryPart {
			continue
		}
		check := checks[part.name()]
		if check != nil {
			seen++
		}
		t.Run(part.name(), func(t *testing.T) {
			t.Parallel()
			shell := shell.in(t)
			database := server.NewDatabase(t)
			empty, err := server.CreateDatabase(t.Context(), "")
			require.NoError(t, err)
			for _, fence := range part.fences {
				switch fence.language {
				case "sql":
					pg.RunDocumented(t, database, fence.statements(t))
				case "sh":
					if !shell.clients {
						t.Skip("there is no psql, pg_dump and pg_restore here, and what follows is about what they do: install PostgreSQL's client programs")
					}
					shell.run(fence.text, database.URL, empty.URL)
				default:
					t.Fatalf("nothing runs this: %s", fence.text)
				}
			}
			if check != nil {
				check(shell, part, sqltest.Connect(t, database), sqltest.Connect(t, empty))
			}
		})
	}
	require.Len(t, checks, seen, "a check of a part that is not there")
}

// requireUpgradeGivesUp checks that the lock_timeout in the environment of the upgrade's command reaches the server.
func requireUpgradeGivesUp(shell docShell, part docPart, s, _ sqltest.Session) {
	s.T.Helper()
	command := part.fences[len(part.fences)-1].text
	require.Contains(s.T, command, "lock_timeout=5s")
	command = strings.TrimSpace(strings.ReplaceAll(command, "5s", "50ms"))
	url := s.Config().ConnString()
	s.Do("SELECT pg_advisory_lock(9628173550095224)") // what tern takes while it migrates
	_, stderr := shell.run("code=0; "+command+" || code=$?; test $code = 3", url)
	require.Contains(s.T, stderr, "lock timeout")
	s.Do("SELECT pg_advisory_unlock(9628173550095224)")
	stdout, _ := shell.run(command, url)
	require.Contains(s.T, stdout, "already at version")
}

// requireNext checks that the next invoice gets that number, and the audit.
func requireNext(s sqltest.Session, next int64) {
	s.T.Helper()
	require.Equal(s.T, next, s.Number("INSERT INTO invoices (customer) VALUES ('next') RETURNING number"))
	sqltest.RequireSound(s)
}

// goodState is a database in a good state, on a server of its own.
type goodState struct {
	t        *testing.T
	database *pgtest.Database
	owner    sqltest.Session
}

func newGoodState(t *testing.T, server *pgtest.OwnServer) goodState {
	t.Helper()
	w := goodState{t: t, database: server.NewDatabase(t)}
	w.owner = sqltest.Connect(t, w.database)
	for _, statement := range []string{
		"CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text, number bigint UNIQUE)",
		"SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)",
		"INSERT INTO invoices (customer) SELECT i::text FROM generate_series(1, 5) AS i",
		"SELECT gapless.void_gapless('invoice', 3, 'cancelled')",
		"CREATE TABLE orders (year int NOT NULL, number bigint, UNIQUE (year, number)) PARTITION BY LIST (year)",
		"CREATE TABLE orders_2025 PARTITION OF orders FOR VALUES IN (2025)",
		"CREATE TABLE orders_2026 PARTITION OF orders FOR VALUES IN (2026)",
		"SELECT gapless.attach_gapless('orders', 'number', name => $$ 'order/' || NEW.year $$)",
		"INSERT INTO orders (year) VALUES (2025), (2026), (2026)",
		"CREATE TABLE orders_2027 PARTITION OF orders FOR VALUES IN (2027)",
		"SELECT gapless.guard_partitions('orders')",
		"SELECT gapless.next_gapless('till')",
	} {
		w.owner.Do(statement)
	}
	return w
}

// begin opens a transaction in a session of its own, which stays.
func (w goodState) begin(statements ...string) sqltest.Session {
	w.t.Helper()
	s := sqltest.Connect(w.t, w.database)
	for _, statement := range append([]string{"BEGIN"}, statements...) {
		s.Do(statement)
	}
	return s
}

// badState is the bad state that a part of the document is about.
type badState struct {
	// What gapless.doctor finds, and a threshold that the test can reach, which does not wait for minutes or write gigabytes.
	findings, set string
	// Makes the bad state; the result ends it, or what is left of it after the document's remedy.
	bad func(w goodState) (end func())
	// Further bad states, each of them a statement that can be rolled back.
	also []string
}

var badStates = map[string]badState{
	"A sequence is held for long": {"held_long idle_holder", "gapless.doctor_held = '0 s'", func(w goodState) func() {
		w.begin("INSERT INTO invoices (customer) VALUES ('slow')")
		return nil
	}, nil},
	"Many wait for one sequence": {"many_wait", "gapless.doctor_waiting = 0", func(w goodState) func() {
		holder, waiter := w.begin("SELECT gapless.next_gapless('till')"), sqltest.Connect(w.t, w.database)
		done := waiter.LaterNumber("SELECT gapless.next_gapless('till')")
		sqltest.AwaitWaiter(w.t, w.owner, waiter.PID())
		return func() {
			holder.Do("COMMIT")
			require.NoError(w.t, (<-done).Err)
		}
	}, nil},
	"A session is idle in a transaction that holds a sequence": {"idle_holder", "gapless.doctor_idle = '0 s'", func(w goodState) func() {
		w.begin("INSERT INTO invoices (customer) VALUES ('forgotten')")
		return nil
	}, nil},
	"A prepared transaction was left behind": {"prepared_left", "gapless.doctor_prepared = '0 s'", func(w goodState) func() {
		s := w.begin("INSERT INTO invoices (customer) VALUES ('prepared')")
		s.Do("PREPARE TRANSACTION 'order-4711'")
		return nil
	}, nil},
	"An old snapshot is open": {"old_snapshot", "gapless.doctor_snapshot = '0 s'", func(w goodState) func() {
		report := w.begin("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM invoices")
		return func() { report.Do("COMMIT") }
	}, nil},
	"The journal grows": {"journal_size", "gapless.doctor_journal_size = '256 kB'", func(w goodState) func() {
		w.owner.Do("SELECT count(gapless.next_gapless('till')) FROM generate_series(1, 5000)")
		return func() {
			require.GreaterOrEqual(w.t, w.owner.Number("SELECT gapless.prune_gapless('till', 'infinity')"), int64(5000))
			w.owner.Do("VACUUM (FULL) gapless.journal")
		}
	}, nil},
	"Autovacuum leaves a table of gapless alone": {"freeze_age autovacuum_disabled", "gapless.doctor_freeze_age = 10000", func(w goodState) func() {
		w.owner.Do("DO $$ BEGIN FOR i IN 1..20000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$")
		w.owner.Do("ALTER TABLE gapless.journal SET (autovacuum_enabled = false)")
		return nil
	}, []string{"ALTER TABLE gapless.void SET (autovacuum_enabled = false)"}},
	"A guard is switched off": {"guard_off", "", func(w goodState) func() {
		w.owner.Do("ALTER TABLE invoices DISABLE TRIGGER USER")
		w.owner.Do(`CREATE TRIGGER "~late" BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`)
		w.owner.Do("ALTER TABLE invoices SET UNLOGGED")
		return nil
	}, []string{
		`ALTER TABLE invoices ENABLE REPLICA TRIGGER "~gapless_update_number"`,
		`ALTER TABLE orders_2026 DISABLE TRIGGER "~gapless_delete_number"`,
		`DROP TRIGGER "~gapless_delete_number" ON invoices`,
		`DROP TRIGGER "~gapless_truncate_number" ON orders`,
		`DROP FUNCTION invoices_number_gapless() CASCADE`,
		`CREATE TRIGGER "~late" BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
		`CREATE TRIGGER "~late" BEFORE UPDATE ON orders_2026 FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
		`ALTER TABLE invoices SET UNLOGGED`,
		`ALTER TABLE orders_2027 SET UNLOGGED`,
		`CREATE TABLE orders_2028 PARTITION OF orders FOR VALUES IN (2028)`,
		`CREATE TABLE orders_later PARTITION OF orders DEFAULT PARTITION BY LIST (year)`,
	}},
	"A table has left its guards": {"partition_detached heir_unguarded", "", func(w goodState) func() {
		w.owner.Do("ALTER TABLE orders DETACH PARTITION orders_2025")
		w.owner.Do("CREATE TABLE imported_invoices () INHERITS (invoices)")
		return nil
	}, []string{"ALTER TABLE orders DETACH PARTITION orders_2026", "CREATE TABLE imported () INHERITS (invoices)"}},
	"A table was dropped": {"table_dropped", "", func(w goodState) func() {
		w.owner.Do("CREATE TABLE papers (number bigint UNIQUE); SELECT gapless.attach_gapless('papers', 'number', name => $$ 'paper' $$)")
		w.owner.Do("INSERT INTO papers VALUES (NULL), (NULL), (NULL); DROP TABLE papers")
		return nil
	}, []string{"DROP TABLE invoices", "DROP TABLE orders"}},
	"A range comes to its end": {"range_ending range_ended", "", func(w goodState) func() {
		w.owner.Do("SELECT gapless.range_gapless('B01', 1, 100, 'grant of June', warn_left => 100)")
		return nil
	}, nil},
	"A sequence comes to its end": {"numbers_run_out", "", func(w goodState) func() {
		w.owner.Do("SELECT gapless.adopt_gapless('till', 9100000000000000000)")
		return nil
	}, nil},
	"Commits are not safe": {"unsafe_setting", "", func(w goodState) func() {
		name := *sqltest.Value[string](w.owner, "SELECT quote_ident(current_database())")
		w.owner.Do("ALTER SYSTEM SET full_page_writes = off")
		w.owner.Do("ALTER SYSTEM SET synchronous_commit = off")
		w.owner.Do("SELECT pg_reload_conf()")
		w.owner.Do("ALTER DATABASE " + name + " SET session_replication_role = replica")
		return func() { w.owner.Do("ALTER DATABASE " + name + " RESET session_replication_role") }
	}, []string{"ALTER ROLE monitoring SET synchronous_commit = off"}},
	"A synchronous standby is missing": {"synchronous_standby_missing", "", func(w goodState) func() {
		w.owner.Do("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
		w.owner.Do("SELECT pg_reload_conf()")
		return nil
	}, nil},
	"Something of the schema is gone or changed": {"object_missing object_changed", "", func(w goodState) func() {
		w.owner.Do("DROP FUNCTION gapless.flush_gapless")
		return nil
	}, []string{"ALTER FUNCTION gapless.next_gapless SECURITY INVOKER", "DROP TABLE gapless.link CASCADE", "DROP INDEX gapless.journal_txid"}},
	"A role has a right that nobody gave": {"execute_granted write_granted read_granted schema_writable column_granted", "", func(w goodState) func() {
		w.owner.Do("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA gapless TO PUBLIC")
		return nil
	}, []string{"GRANT EXECUTE ON FUNCTION invoices_number_gapless_rows TO PUBLIC", "GRANT SELECT ON gapless.journal TO PUBLIC", "GRANT INSERT ON gapless.journal TO monitoring", "GRANT CREATE ON SCHEMA gapless TO PUBLIC"}},
	"Numbering is not sound": {"", "", func(w goodState) func() {
		w.owner.Do("ALTER TABLE invoices DISABLE TRIGGER USER")
		w.owner.Do("DELETE FROM invoices WHERE number = 2")
		w.owner.Do("ALTER TABLE invoices ENABLE TRIGGER USER")
		return func() { w.owner.Do("SELECT gapless.void_gapless('invoice', 2, 'deleted by hand')") }
	}, nil},
}

// TestEachGuardThatIsDroppedIsMissed has columns of every kind attached, with rows and without.
func TestEachGuardThatIsDroppedIsMissed(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := sqltest.Connect(t, database)
	const query = "SELECT object, message FROM gapless.doctor WHERE finding = 'guard_off'"
	require.Zero(t, countRows(s, query))
	pg.Numbered(s)
	s.Do("CREATE TABLE papers (id bigint PRIMARY KEY, first bigint UNIQUE, x_first bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('papers', 'first', name => $$ 'first' $$)")
	s.Do("SELECT gapless.attach_gapless('papers', 'x_first', name => $$ 'x_first' $$, at_commit => true)")
	s.Do("CREATE TABLE slips (id bigint, number bigint, PRIMARY KEY (id), UNIQUE (number, id)) PARTITION BY RANGE (id)")
	s.Do("CREATE TABLE slips_low PARTITION OF slips FOR VALUES FROM (0) TO (100)")
	s.Do("SELECT gapless.attach_gapless('slips', 'number', name => $$ 'slip' $$, at_commit => true)")
	s.Do("CREATE TABLE slips_high PARTITION OF slips FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id)")
	s.Do("CREATE TABLE slips_higher PARTITION OF slips_high DEFAULT")
	require.Equal(t, 2, countRows(s, query)) // a partition at each level
	s.Do("SELECT gapless.guard_partitions()")
	require.Empty(t, sqltest.Texts(s, "SELECT q::text FROM ("+query+") AS q"), "it fires where nothing is numbered yet")
	pg.Fill(s)
	s.Do("INSERT INTO papers (id) VALUES (1)")
	s.Do("INSERT INTO slips (id) VALUES (1)")
	require.Empty(t, sqltest.Texts(s, "SELECT q::text FROM ("+query+") AS q"), "it fires in the good state")

	drops := sqltest.Texts(s, `SELECT format('DROP TRIGGER %I ON %s;%1$s', tgname, tgrelid::regclass) FROM pg_trigger WHERE tgname LIKE '~gapless%' AND tgparentid = 0`)
	require.Greater(t, len(drops), 40)
	for _, drop := range drops {
		s.Do("BEGIN")
		drop, name, _ := strings.Cut(drop, ";")
		s.Do(drop)
		require.Equal(t, 1, countRows(s, query), "after %s", drop)
		require.Regexp(t, "missing on .*: trigger "+regexp.QuoteMeta(name)+`"|partition public.slips_high has no guards`, sqltest.Texts(s, "SELECT q::text FROM ("+query+") AS q")[0])
		s.Do("ROLLBACK")
	}
	for _, drop := range []string{`DROP TRIGGER "~gapless_insert_number" ON invoices`, "DROP FUNCTION invoices_number_gapless() CASCADE"} {
		s.Do("BEGIN")
		s.Do(drop)
		require.NotZero(t, countRows(s, query), "after %s", drop)
		s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, condition => 'NOT NEW.draft')")
		require.Zero(t, countRows(s, query), "after the remedy for %s", drop)
		require.EqualValues(t, 3, s.Number("INSERT INTO invoices (id, tenant) VALUES (1000, 'b') RETURNING number"))
		sqltest.RequireSound(s)
		s.Do("ROLLBACK")
	}
}

// TestAnAttachedTableThatWasChangedIsFoundAndMended has the changes that are to be made between a detach and an attach only.
func TestAnAttachedTableThatWasChangedIsFoundAndMended(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	_, buyer := sqltest.Role(t, database, "buyer")
	s := sqltest.Connect(t, database)
	s.Do("CREATE SCHEMA archive")
	s.Do("CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text, number bigint NOT NULL UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)")
	s.Do("INSERT INTO invoices (customer) VALUES ('ACME'), ('Bolt'), ('Cog')")
	for _, change := range []struct {
		statement       string
		table, old, now string
		sold            bool
	}{
		{"ALTER TABLE invoices RENAME TO documents", "documents", "number", "number", false},
		{"ALTER TABLE invoices RENAME COLUMN number TO value", "invoices", "number", "value", false},
		{"ALTER TABLE invoices SET SCHEMA archive", "archive.invoices", "number", "number", false},
		{"ALTER TABLE invoices OWNER TO " + buyer, "invoices", "number", "number", true},
	} {
		s.Do("BEGIN")
		s.Do(change.statement)
		require.NotEmpty(t, sqltest.Texts(s, "SELECT f::text FROM gapless.audit_gapless() AS f WHERE NOT explained"), "after %s", change.statement)
		if change.sold {
			s.Do("SAVEPOINT refused")
			refused := s.Refuse("55000", "SELECT gapless.detach_gapless($1::text::regclass, $2)", change.table, change.old)
			s.Do("ROLLBACK TO refused")
			require.Equal(t, "detach_owner", refused.ConstraintName)
			s.Do(refused.Hint)
		}
		s.Do("SELECT gapless.detach_gapless($1::text::regclass, $2)", change.table, change.old)
		if change.sold {
			s.Do("ALTER TABLE invoices OWNER TO CURRENT_USER") // else it would be the new owner's to attach
		}
		s.Do("SELECT gapless.attach_gapless($1::text::regclass, $2, name => $$ 'invoice' $$)", change.table, change.now)
		require.EqualValues(t, 4, s.Number("INSERT INTO "+change.table+" (customer) VALUES ('Dyne') RETURNING "+change.now))
		sqltest.RequireSound(s)
		s.Do("ROLLBACK")
	}
}

// watchedTitles are the headings of the part about watching, but of its tables and of Prometheus.
func watchedTitles(t *testing.T) (titles []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "\n## "+watchingPart+"\n")
	require.True(t, found)
	part, _, _ := strings.Cut(after, "\n## ")
	for _, heading := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(part, -1) {
		if heading[1] != "Findings" && heading[1] != "For Prometheus" {
			titles = append(titles, heading[1])
		}
	}
	return titles
}

// requireOnTop sees in `gapless top` that there is a finding, and who is in the way where sessions are.
func requireOnTop(w goodState, shell docShell, findings, set string) {
	w.t.Helper()
	options := ""
	if name, value, found := strings.Cut(set, " = "); found {
		options = "-c " + name + "=" + strings.ReplaceAll(strings.Trim(value, "'"), " ", `\ `)
	}
	stdout, stderr := shell.run("PGOPTIONS='"+options+"' gapless top --count 1 --interval 100ms", w.database.URL)
	require.Empty(w.t, stderr)
	require.Regexp(w.t, `doctor \S+ ago: [1-9]`, stdout)
	if slices.Contains([]string{"held_long", "idle_holder", "many_wait", "prepared_left"}, strings.Fields(findings)[0]) {
		require.Regexp(w.t, `(?m) (invoice|till) `, stdout)
	}
}

// TestTheOperationsAlertsFireInABadStateOnly has gapless.doctor read by the monitor's role: it finds nothing in a good state, what the
// document names in the bad one, and nothing when the document's remedy has run.
func TestTheOperationsAlertsFireInABadStateOnly(t *testing.T) {
	t.Parallel()
	// Autovacuum does nothing by itself here, so that the age of a table is what the test makes it.
	server := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"autovacuum_naptime": "1d"}))
	w := newGoodState(t, server)
	shell := newDocShell(t, server.URL()).withGapless()
	for _, fence := range partNamed(t, watchingPart).fences {
		if fence.language == "sh" {
			stdout, stderr := shell.run(fence.text, w.database.URL)
			require.Equal(t, []string{"", ""}, []string{stdout, stderr})
			continue
		}
		pg.RunDocumented(t, w.database, fence.statements(t))
	}
	monitor := sqltest.Connect(t, w.database)
	monitor.Do("SET ROLE monitoring")
	require.Empty(t, diagnoses(monitor, ""))

	titles := watchedTitles(t)
	for _, title := range titles {
		t.Run(title, func(t *testing.T) {
			w := w
			w.t = t
			alert, ok := badStates[title]
			require.True(t, ok, "no test has this alert fire")
			var fences []codeFence
			if i := slices.IndexFunc(docParts(t), func(p docPart) bool { return p.name() == watchingPart+"/"+title }); i >= 0 {
				fences = docParts(t)[i].fences
			}
			query := "SELECT * FROM gapless.doctor WHERE finding = ANY (string_to_array('" + alert.findings + "', ' '))"
			if alert.findings == "" { // the audit's, which the part begins with
				query, fences = fences[0].statements(t)[0].SQL, fences[1:]
			}
			require.Zero(t, countRows(monitor, query), "it fires in the good state")
			if alert.set != "" {
				monitor.Do("SET " + alert.set)
				w.owner.Do("SET " + alert.set)
				require.Zero(t, countRows(monitor, query), "it fires in the good state, without its threshold")
				defer func() {
					name, _, _ := strings.Cut(alert.set, " ")
					monitor.Do("RESET " + name)
					w.owner.Do("RESET " + name)
				}()
			}
			cron := func(fires bool) {
				for _, fence := range fences {
					if fence.language == "cron" {
						command := regexp.MustCompile(`^(?:\S+ +){5}(.+)\n$`).FindStringSubmatch(fence.text)
						require.NotNil(t, command, fence.text)
						stdout, stderr := shell.in(t).run(command[1], w.database.URL)
						require.Equal(t, fires, stdout != "", "%s", stdout)
						require.Empty(t, stderr)
					}
				}
			}

			for _, statement := range alert.also {
				w.owner.Do("BEGIN")
				w.owner.Do(statement)
				require.NotZero(t, countRows(w.owner, query), "it does not fire after %s", statement)
				w.owner.Do("ROLLBACK")
			}
			cron(false)
			end := alert.bad(w)
			require.Eventually(t, func() bool { return countRows(monitor, query) > 0 }, sqltest.Eventually, sqltest.Tick, "it does not fire")
			cron(true)
			if alert.findings != "" {
				requireOnTop(w, shell.in(t), alert.findings, alert.set)
			}
			for _, fence := range fences {
				switch fence.language {
				case "sql":
					pg.RunDocumented(t, w.database, fence.statements(t))
				case "sh":
					shell.in(t).run(fence.text, w.database.URL)
				}
			}
			if end != nil {
				end()
			}
			require.Eventually(t, func() bool { return countRows(monitor, query) == 0 }, sqltest.Eventually, sqltest.Tick, "it still fires")
			cron(false)
		})
	}
	require.Len(t, badStates, len(titles), "an alert that is not in the document: %q", titles)
	require.Empty(t, diagnoses(monitor, ""), "something is left")
	sqltest.RequireSound(w.owner)

	// What Prometheus is given is whole for that role.
	separator := "?"
	if strings.Contains(w.database.URL, "?") {
		separator = "&"
	}
	stdout, _ := shell.run(partNamed(t, watchingPart+"/For Prometheus").fences[0].text, w.database.URL+separator+"role=monitoring")
	require.Contains(t, stdout, "gapless_up 1\n")
}

// countRows is how many rows a query gives.
func countRows(s sqltest.Session, query string) int {
	s.T.Helper()
	results, err := s.PgConn().Exec(s.Ctx, query).ReadAll()
	require.NoError(s.T, err, query)
	return len(results[len(results)-1].Rows)
}

// TestTheOperationsTimeoutsEndWhatIsInTheWay shows that the settings which the document has do what it says of them, with
// the SQLSTATE that it says. The test does not wait for so long.
func TestTheOperationsTimeoutsEndWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	observer := sqltest.Connect(t, database)
	observer.Do("SELECT gapless.next_gapless('a')")
	pg.RunDocumented(t, database, partNamed(t, "Timeouts").fences[0].statements(t))
	set := sqltest.Texts(observer, "SELECT split_part(setting, '=', 1) FROM pg_roles, unnest(rolconfig) AS setting WHERE rolname = $1 ORDER BY 1", database.Name+" app")
	require.Equal(t, []string{"client_connection_check_interval", "idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"}, set)
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)

	for setting, code := range map[string]string{"lock_timeout": "55P03", "statement_timeout": "57014"} {
		require.Regexp(t, "(?m)^\\| `"+setting+"` .*\\b"+code+"\\b", string(text))
		holder, app := sqltest.Connect(t, database), sqltest.Connect(t, database)
		holder.Do("BEGIN")
		held := holder.Number("SELECT gapless.next_gapless('a')")
		app.Do("SET " + setting + " = '20ms'")
		app.Refuse(code, "SELECT gapless.next_gapless('a')")
		holder.Do("ROLLBACK")
		app.Do("RESET " + setting)
		require.Equal(t, held, app.Number("SELECT gapless.next_gapless('a')"))
	}

	const idle = "idle_in_transaction_session_timeout"
	require.Regexp(t, "(?m)^\\| `"+idle+"` .*\\b25P03\\b", string(text))
	forgotten, next := sqltest.Connect(t, database), sqltest.Connect(t, database)
	forgotten.Do("BEGIN")
	held := forgotten.Number("SELECT gapless.next_gapless('a')")
	forgotten.Do("SET " + idle + " = '20ms'")
	require.Equal(t, held, next.Number("SELECT gapless.next_gapless('a')"), "it waits until the one who holds it is ended, and gets its number")
	_, err = forgotten.WaitForNotification(t.Context()) // a client that reads finds out why; one that writes may not
	sqltest.RequireCode(t, "25P03", err)
}

// TestARecoveryToANamedMomentIssuesAgainWhatCameAfter has a server that recovers with the settings of the document.
func TestARecoveryToANamedMomentIssuesAgainWhatCameAfter(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewServer(t)
	sqltest.WantStandby(t, primary)
	settings := map[string]string{}
	var moment []pg.Statement
	for _, fence := range partNamed(t, recoveryPart).fences {
		switch fence.language {
		case "sh":
			newDocShell(t, primary.URL()).run(fence.text, primary.URL())
		case "conf":
			for _, line := range regexp.MustCompile(`(?m)^(\w+) = '(.+)'$`).FindAllStringSubmatch(fence.text, -1) {
				settings[line[1]] = line[2]
			}
		default:
			moment = fence.statements(t)
		}
	}
	require.Len(t, settings, 2)
	require.Len(t, moment, 1)

	database := primary.NewDatabase(t)
	s := sqltest.Connect(t, database)
	pg.Numbered(s)
	pg.Fill(s)
	recovered := pgtest.NewStandby(t, primary, pgtest.WithSettings(settings)) // a base backup, and the WAL since
	pg.RunDocumented(t, database, moment)
	pg.GoOn(s)

	onRecovered := sqltest.Connect(t, recovered.Replica(t, database))
	require.Eventually(t, func() bool { return !*sqltest.Value[bool](onRecovered, "SELECT pg_is_in_recovery()") }, sqltest.Eventually, sqltest.Tick, "it never got there")
	require.Equal(t, pg.Filled, pg.Contents(onRecovered))
	require.Equal(t, pg.FilledFindings, sqltest.Findings(onRecovered))
	pg.GoOn(onRecovered) // with the numbers that the other one has issued
	require.Equal(t, pg.Contents(s), pg.Contents(onRecovered))
}

// TestTheOperationsChecksAfterAFailOver runs them on an asynchronous standby that had fallen behind when it was promoted.
func TestTheOperationsChecksAfterAFailOver(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewServer(t)
	sqltest.WantStandby(t, primary)
	standby := pgtest.NewStandby(t, primary)
	primary.SetSynchronous(t, standby)
	database := primary.NewDatabase(t)
	s := sqltest.Connect(t, database)
	pg.Numbered(s)
	pg.Fill(s)
	primary.SetSynchronous(t)
	sqltest.DisconnectStandby(t, primary, standby)
	s.Do("INSERT INTO invoices (id, tenant) VALUES (900, 'a')") // the primary alone has it

	_, err := gapless.NewGroupCommitter(t.Context(), standby.Replica(t, database).Pool(t))
	require.ErrorContains(t, err, "standby")
	primary.Kill(t)
	standby.Promote(t)
	replica := standby.Replica(t, database)
	for _, fence := range partNamed(t, "Fail-over").fences {
		require.Equal(t, "sql", fence.language)
		pg.RunDocumented(t, replica, fence.statements(t))
	}
	promoted := sqltest.Connect(t, replica)
	require.Equal(t, pg.Filled, pg.Contents(promoted))
	pg.GoOn(promoted)
	sqltest.RequireSound(promoted)
}

// TestAPreparedTransactionHoldsItsSequenceOnThePromotedStandby has it resolved there.
func TestAPreparedTransactionHoldsItsSequenceOnThePromotedStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"max_prepared_transactions": "5"}))
	sqltest.WantStandby(t, primary)
	standby := pgtest.NewStandby(t, primary)
	primary.SetSynchronous(t, standby)
	database := primary.NewDatabase(t)
	s := sqltest.Connect(t, database)
	s.Do("SELECT gapless.next_gapless('held')")
	s.Do("BEGIN")
	s.Do("SELECT gapless.next_gapless('held')")
	s.Do("PREPARE TRANSACTION 'left'")
	primary.Kill(t)
	standby.Promote(t)

	promoted := sqltest.Connect(t, standby.Replica(t, database))
	promoted.Refuse("55P03", "SELECT gapless.next_gapless('held', nowait => true)")
	require.Equal(t, []string{"held holds left"}, sqltest.Texts(promoted, "SELECT concat_ws(' ', name, state, prepared_as) FROM gapless.holders"))
	require.EqualValues(t, 1, promoted.Number("SELECT gapless.last_gapless('held')"))
	promoted.Do("COMMIT PREPARED 'left'")
	require.EqualValues(t, 3, promoted.Number("SELECT gapless.next_gapless('held')"))
	require.Empty(t, sqltest.Findings(promoted))
}

// TestDataAloneCannotBeRestoredIntoAnAttachedTable but with its triggers disabled, and what the audit says then.
func TestDataAloneCannotBeRestoredIntoAnAttachedTable(t *testing.T) {
	t.Parallel()
	attachedDatabase := func() (*pgtest.Database, sqltest.Session) {
		database := pgtest.NewCopy(t)
		s := sqltest.Connect(t, database)
		s.Do("CREATE TABLE invoices (id bigint PRIMARY KEY, customer text, number bigint NOT NULL UNIQUE)")
		s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)")
		return database, s
	}
	from, source := attachedDatabase()
	shell := newDocShell(t, from.URL)
	if !shell.clients {
		t.Skip("there is no psql, pg_dump and pg_restore here: install PostgreSQL's client programs")
	}
	to, target := attachedDatabase()
	source.Do("INSERT INTO invoices (id) VALUES (1), (2), (3)")
	shell.run(`pg_dump --format=custom --file=data.dump --data-only "$GAPLESS_DATABASE_URL"`, from.URL)

	// The first row's number is one that somebody writes by hand: nothing is loaded, and nothing is spent.
	_, stderr := shell.run(`! pg_restore --data-only --table=invoices --exit-on-error --dbname="$GAPLESS_DATABASE_URL" data.dump`, to.URL)
	require.Contains(t, stderr, `column "number" of table "invoices" numbers itself, so '1' cannot be written into it`)
	require.Zero(t, target.Number("SELECT count(*) FROM invoices"))
	require.Zero(t, target.Number("SELECT count(*) FROM gapless.sequences"))
	require.Empty(t, sqltest.Findings(target))

	// Behind the triggers' back: the journal does not know them, the audit says so, and the unique index guards them.
	const load = `pg_restore --data-only --table=invoices --disable-triggers --exit-on-error --dbname="$GAPLESS_DATABASE_URL" data.dump`
	shell.run(load, to.URL)
	require.Equal(t, []string{"O"}, sqltest.Texts(target, "SELECT DISTINCT tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"))
	require.Equal(t, []string{"invoice never issued 1-3"}, sqltest.Findings(target))
	target.Refuse("23505", "INSERT INTO invoices (id) VALUES (4)")
	target.Refuse("428C9", "UPDATE invoices SET number = 9 WHERE number = 1")
	target.Refuse("23001", "DELETE FROM invoices")

	// To attach the column anew adopts them.
	target.Do("BEGIN; SELECT gapless.detach_gapless('invoices', 'number'); SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$); COMMIT")
	require.Empty(t, sqltest.Findings(target))
	require.EqualValues(t, 4, target.Number("INSERT INTO invoices (id) VALUES (4) RETURNING number"))
	sqltest.RequireSound(target)

	// With the journal's data besides, it is as if it had been issued there. The tables must not have numbers of their own.
	whole, restored := attachedDatabase()
	restored.Do("TRUNCATE gapless.sequence_lock") // the reserved name
	shell.run(`pg_restore --data-only --disable-triggers --exit-on-error --dbname="$GAPLESS_DATABASE_URL" data.dump`, whole.URL)
	require.NoError(t, migrate.Up(t.Context(), whole.Conn(t)), "it is up to date")
	require.Empty(t, sqltest.Findings(restored))
	const journal = "SELECT a::text FROM gapless.journal AS a ORDER BY ordinal"
	require.Equal(t, sqltest.Texts(source, journal), sqltest.Texts(restored, journal))
	require.Equal(t, "public.invoices.number", *sqltest.Value[string](restored, "SELECT attached_column FROM gapless.sequences"))
	require.EqualValues(t, 4, restored.Number("INSERT INTO invoices (id) VALUES (4) RETURNING number"))
	sqltest.RequireSound(restored)
}

// TestPartitionsThatAreDetachedConcurrentlyStayGuardedAndCounted looks also while the partition is neither the table's any
// more nor detached yet.
func TestPartitionsThatAreDetachedConcurrentlyStayGuardedAndCounted(t *testing.T) {
	t.Parallel()
	for _, cancelled := range []bool{false, true} {
		name := "and it ends"
		if cancelled {
			name = "and it is broken off, and finalized"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, s := pg.Partitioned(t)
			s.Do("INSERT INTO orders (region, tenant) VALUES ('north', 'a'), ('south', 'a'), ('north', 'b'), ('south', 'a'), ('north', 'a')")
			s.Do("INSERT INTO orders (region, issued) VALUES ('north', false)")

			// Two who have begun before: one reads, and keeps the detach waiting; the other has an old snapshot of it all.
			reader, auditor, detacher := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			reader.Do("BEGIN")
			require.EqualValues(t, 6, reader.Number("SELECT count(*) FROM orders"))
			auditor.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			auditor.Do("SELECT 1")
			detached := sqltest.Later(func() (any, error) {
				return detacher.Exec(detacher.Ctx, "ALTER TABLE orders DETACH PARTITION north CONCURRENTLY")
			})
			sqltest.AwaitWaiter(t, s, detacher.PID())
			require.True(t, *sqltest.Value[bool](s, "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = 'north'::regclass"))

			guarded := func() { // but for TRUNCATE, which would wait for the reader
				s.Refuse("23001", "DELETE FROM north WHERE number IS NOT NULL")
				s.Refuse("428C9", "UPDATE north SET number = number + 1000")
				s.Refuse("23001", "UPDATE north SET tenant = 'x' WHERE number IS NOT NULL")
			}
			guarded()
			sqltest.RequireSound(s)
			sqltest.RequireSound(auditor)
			sqltest.RequireSound(reader)
			s.Refuse("23514", "INSERT INTO orders (region) VALUES ('north')") // there is no partition for it
			require.EqualValues(t, 5, s.Number("INSERT INTO orders (region) VALUES ('south') RETURNING number"))
			sqltest.RequireSound(s)
			sqltest.RequireSound(auditor)

			if cancelled {
				s.Do("SELECT pg_cancel_backend($1)", detacher.PID())
				sqltest.RequireCode(t, "57014", (<-detached).Err)
				guarded()
				sqltest.RequireSound(s)
			}
			auditor.Do("COMMIT")
			reader.Do("COMMIT")
			if cancelled {
				s.Do("ALTER TABLE orders DETACH PARTITION north FINALIZE")
			} else {
				require.NoError(t, (<-detached).Err)
			}
			require.Zero(t, s.Number("SELECT count(*) FROM pg_inherits WHERE inhrelid = 'north'::regclass"))

			pg.RequireGuarded(s, "north")
			sqltest.RequireSound(s)
			s.Do("DELETE FROM north WHERE number IS NULL")
			s.Do("UPDATE north SET memo = 'archived' || id")
			require.EqualValues(t, 6, s.Number("INSERT INTO orders (region) VALUES ('south') RETURNING number"))
			s.Do("SELECT gapless.void_gapless('order/b', 1, 'cancelled')")
			s.Do("DELETE FROM north WHERE tenant = 'b'")
			sqltest.RequireSound(s)
			s.Do("ALTER TABLE orders ATTACH PARTITION north FOR VALUES IN ('north')")
			require.EqualValues(t, 7, s.Number("INSERT INTO orders (region) VALUES ('north') RETURNING number"))
			pg.RequireGuarded(s, "orders", "north", "south")
			sqltest.RequireSound(s)

			// One that is detached since an audit's snapshot is counted once.
			auditor.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			auditor.Do("SELECT 1")
			s.Do("ALTER TABLE orders DETACH PARTITION north")
			sqltest.RequireSound(auditor)
			auditor.Do("COMMIT")
		})
	}
}

// TestAttachRefusesATableWhoseHeirsWouldNotBeNumbered: row triggers are not inherited, but for partitions.
func TestAttachRefusesATableWhoseHeirsWouldNotBeNumbered(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.NewCopy(t))
	s.Do(pg.CreateInvoices)
	s.Do("CREATE TABLE archived (UNIQUE (tenant, number)) INHERITS (invoices)")
	err := s.Refuse("55000", pg.AttachInvoices)
	require.Contains(t, err.Message, "archived")
	require.NotEmpty(t, err.Hint)
	require.Equal(t, []string{"invoices", "number", "attach_column"}, []string{err.TableName, err.ColumnName, err.ConstraintName})

	// One that numbers itself, from series of its own, is no matter; neither is one that inherits no more.
	s.Do("SELECT gapless.attach_gapless('archived', 'number', name => $$ 'archived/' || NEW.tenant $$)")
	s.Do(pg.AttachInvoices)
	for range 2 {
		require.EqualValues(t, 1, s.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
		require.EqualValues(t, 1, s.Number("INSERT INTO archived (id, tenant) VALUES (1, 'a') RETURNING number"))
		require.EqualValues(t, 2, s.Number("SELECT count(*) FROM invoices WHERE number = 1"))
		require.Empty(t, sqltest.Findings(s))
		s.Refuse("428C9", "UPDATE invoices SET number = 5")
		s.Refuse("23001", "DELETE FROM invoices")
		s.Refuse("23001", "TRUNCATE invoices")
		s.Do("SELECT gapless.detach_gapless('invoices', 'number'), gapless.detach_gapless('archived', 'number')")
		s.Do("DELETE FROM invoices")
		s.Do("SELECT gapless.delete_gapless(name) FROM gapless.sequences")
		s.Do("ALTER TABLE archived NO INHERIT invoices")
		s.Do(pg.AttachInvoices)
		s.Do("SELECT gapless.attach_gapless('archived', 'number', name => $$ 'archived/' || NEW.tenant $$)")
		s.Do("ALTER TABLE archived INHERIT invoices")
	}
}

// TestATableThatInheritsLaterMakesNoSilentDouble: nothing can refuse it, and so the audit looks there, too.
func TestATableThatInheritsLaterMakesNoSilentDouble(t *testing.T) {
	t.Parallel()
	_, s := pg.Attached(t)
	s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('a')")
	s.Do("CREATE TABLE imported (memo2 text) INHERITS (invoices); CREATE TABLE imported_more () INHERITS (imported)")

	// A row of it has no number, spends none, and is no hole.
	s.Do("INSERT INTO imported (id, tenant) VALUES (100, 'a')")
	require.Nil(t, sqltest.Value[int64](s, "SELECT number FROM invoices WHERE id = 100"))
	require.EqualValues(t, 3, s.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	require.Empty(t, sqltest.Findings(s))

	// A number that is written there by hand is found: one that is there already, and one that is not, however deep.
	s.Do("INSERT INTO imported (id, tenant, number) VALUES (101, 'a', 2), (102, 'a', 7)")
	s.Do("INSERT INTO imported_more (id, tenant, number) VALUES (103, 'b', 1)")
	require.Equal(t, []string{"invoice/a double 2-2", "invoice/a never issued 7-7", "invoice/b never issued 1-1"}, sqltest.Findings(s))
	s.Refuse("23001", "TRUNCATE invoices")
	s.Refuse("23001", "DELETE FROM invoices WHERE id < 100")

	// The table's own numbers go on whatever is there, and nothing is taken over.
	require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	require.EqualValues(t, 1, s.Number("INSERT INTO invoices (tenant) VALUES ('b') RETURNING number"))
	s.Do("DELETE FROM imported WHERE number IS NOT NULL")
	require.Empty(t, sqltest.Findings(s))
	pg.RequireNumbered(s, "invoices")
}
