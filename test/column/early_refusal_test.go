package column_test

// What cannot work at the first row or at COMMIT is refused by attach, with the reason, and what to run.

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

func TestAPrimaryKeyOfAnExtensionsTypeIsFoundAgainAtCommit(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.NewCopy(t))
	s.Do("CREATE SCHEMA extensions")
	tried := 0
	for extension, c := range map[string]struct{ column, one, other string }{
		"ltree": {"ltree", "a.b", "a.c"}, "isn": {"isbn", "0-393-04002-X", "978-3-16-148410-0"}, "citext": {"citext", "a", "B"},
		"hstore": {"hstore", "a=>b", `B=>"q, \"{}"`}, "cube": {"cube", "(1, 2)", "(1, 3)"}, "seg": {"seg", "1 .. 2", "3"},
	} {
		if s.Number("SELECT count(*) FROM pg_available_extensions WHERE name = $1", extension) == 0 {
			continue
		}
		tried++
		s.Do("CREATE EXTENSION " + extension + " SCHEMA extensions")
		for _, partitioned := range []string{"", " PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF keyed DEFAULT"} {
			for _, name := range []string{"'keyed'", "'keyed/' || NEW.id::text"} {
				s.Do(fmt.Sprintf("BEGIN; CREATE TABLE keyed (id extensions.%s PRIMARY KEY, number bigint, UNIQUE (id, number))%s", c.column, partitioned))
				if partitioned == "" && name == "'keyed'" {
					s.Do("ALTER TABLE keyed ADD UNIQUE (number)")
				}
				if extension == "citext" && name != "'keyed'" { // which takes another case for equal
					s.Refuse("55000", "SELECT gapless.attach_gapless('keyed', 'number', $1, at_commit => true)", name)
					s.Do("ROLLBACK")
					continue
				}
				s.Do("SELECT gapless.attach_gapless('keyed', 'number', $1, at_commit => true)", name)
				s.Do("COMMIT")
				s.Do(fmt.Sprintf("INSERT INTO keyed (id) VALUES (%s), (%s)", literal(c.one), literal(c.other)))
				require.EqualValues(t, 2, s.Number("SELECT count(number) FROM keyed"), "%s %s", extension, name)
				sqltest.RequireSound(s)
				s.Do("SELECT gapless.detach_gapless('keyed', 'number'); DROP TABLE keyed; SELECT gapless.delete_gapless(name) FROM gapless.sequences")
			}
		}
	}
	if tried == 0 {
		t.Skip("PostgreSQL's extensions are not installed")
	}
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// TestADeferrablePrimaryKeyIsRefusedAtCommit: a row would be looked for by a key that two rows may have until then.
func TestADeferrablePrimaryKeyIsRefusedAtCommit(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for _, deferrable := range []string{"DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"} {
		for _, partitioned := range []string{"", " PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF bills DEFAULT"} {
			s.Do("CREATE TABLE bills (id int, number bigint, CONSTRAINT \"The key\" PRIMARY KEY (id) " + deferrable + ", UNIQUE (id, number))" + partitioned)
			if partitioned == "" {
				s.Do("ALTER TABLE bills ADD UNIQUE (number)")
			}
			const attach = "SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$, at_commit => true)"
			refused := s.Refuse("55000", attach)
			require.Equal(t, "attach_column", refused.ConstraintName)
			require.Contains(t, refused.Message, "the primary key is deferrable")
			s.Do("BEGIN; SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$); INSERT INTO bills VALUES (1); ROLLBACK") // at the INSERT, it is all the same
			s.Do(refused.Hint)
			s.Do(attach)
			s.Do("BEGIN")
			s.Do("INSERT INTO bills VALUES (1), (2)")
			s.Refuse("23505", "INSERT INTO bills VALUES (1)")
			s.Do("ROLLBACK")
			require.Empty(t, sqltest.Texts(s, faults)) // and where it becomes deferrable later:
			s.Do("ALTER TABLE bills DROP CONSTRAINT \"The key\", ADD CONSTRAINT \"The key\" PRIMARY KEY (id) " + deferrable)
			require.Equal(t, []string{"the primary key of table public.bills is deferrable, and at_commit finds a row by it before it is checked"}, sqltest.Texts(s, faults))
			s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP TABLE bills")
		}
	}
}

// TestATextThatMeansNoNumberMayBeAny has what a regular expression, LIKE, format or a literal could take for something else.
func TestATextThatMeansNoNumberMayBeAny(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for _, unnumbered := range []string{`\`, `a\b`, `\\`, `'`, `\'`, `''`, "%", "_", "%s", `%1$I`, "(", `\d`, "$1", `"`, "", " ", "\n", "::text", "é", "E'x'"} {
		for _, conforming := range []string{"on", "off"} {
			if conforming == "off" && !hasNonstandardStrings(s) {
				continue
			}
			for _, options := range []string{"at_commit => true", "condition => 'NEW.due'"} {
				about := unnumbered + " " + conforming + " " + options
				s.Do("SET standard_conforming_strings = on")
				s.Do("SELECT set_config('test.unnumbered', $1, false)", unnumbered)
				s.Do("CREATE TABLE bills (id int PRIMARY KEY, due boolean, number text NOT NULL)")
				s.Do(`DO $$ BEGIN EXECUTE format('ALTER TABLE bills ALTER number SET DEFAULT %1$L; CREATE UNIQUE INDEX ON bills (number) WHERE number <> %1$L', current_setting('test.unnumbered')); END $$`)
				if hasNonstandardStrings(s) {
					s.Do("SET escape_string_warning = off; SET standard_conforming_strings = " + conforming)
				}
				attach := "SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$, format => $$ 'N' || value $$, unnumbered => current_setting('test.unnumbered'), " + options + ")"
				s.Do(attach)
				s.Do(attach)
				require.Empty(t, sqltest.Texts(s, "SELECT unnest(faults) FROM gapless.columns"), about)
				require.Equal(t, unnumbered, *sqltest.Value[string](s, "SELECT unnumbered FROM gapless.columns"), about)
				s.Do("INSERT INTO bills (id, due) VALUES (1, false), (2, true), (3, false)")
				s.Do("UPDATE bills SET due = true WHERE id = 3")
				s.Do("INSERT INTO bills (id, due, number) VALUES (4, true, current_setting('test.unnumbered'))")
				first := map[bool]string{true: unnumbered, false: "N1"}[options[0] == 'c']
				require.Equal(t, first, *sqltest.Value[string](s, "SELECT number FROM bills WHERE id = 1"), about)
				require.EqualValues(t, map[bool]int{true: 3, false: 4}[options[0] == 'c'], s.Number("SELECT gapless.last_gapless('bill')"), about)
				sqltest.RequireSound(s)
				s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP TABLE bills; SELECT gapless.delete_gapless('bill')")
			}
		}
	}
}

func TestATableWhoseOwnerRowSecurityIsForcedOnIsRefusedAndTold(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	_, quoted := sqltest.Role(t, database, "owner")
	pg.MayAttach(s, quoted)
	s.Do("GRANT CREATE ON SCHEMA public TO " + quoted)
	for _, options := range []string{"", ", at_commit => true"} {
		attach := "SELECT gapless.attach_gapless('guarded', 'number', $$ 'guarded' $$" + options + ")"
		for _, caller := range []string{quoted, "NONE"} {
			s.Do("SET ROLE " + quoted)
			s.Do("CREATE TABLE guarded (id int PRIMARY KEY, number bigint UNIQUE); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (true)")
			s.Do("SET ROLE " + caller)
			refused := s.Refuse("55000", attach)
			require.Equal(t, "attach_column", refused.ConstraintName)
			require.Contains(t, refused.Message, "row level security is forced on the owner of the table")
			cure, _, _ := strings.Cut(refused.Hint, "; or ")
			s.Do(cure)
			s.Do(attach)
			s.Do("INSERT INTO guarded VALUES (1), (2)")
			require.EqualValues(t, 2, s.Number("SELECT max(number) FROM guarded"))

			s.Do("RESET ROLE; ALTER TABLE guarded FORCE ROW LEVEL SECURITY")
			require.Equal(t, []string{"row level security is forced on role " + quoted + ", which owns table public.guarded"},
				sqltest.Texts(s, "SELECT unnest(faults) FROM gapless.columns WHERE table_name = 'public.guarded'"))
			s.Do("SELECT gapless.detach_gapless('guarded', 'number'); DROP TABLE guarded; SELECT gapless.delete_gapless('guarded')")
		}
	}
	s.Do("CREATE TABLE guarded (id int PRIMARY KEY, number bigint UNIQUE); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
	s.Do("SELECT gapless.attach_gapless('guarded', 'number', $$ 'guarded' $$, at_commit => true)") // a superuser is not subject to it
	s.Do("INSERT INTO guarded VALUES (1)")
	sqltest.RequireSound(s)
}

func TestNothingThatNumbersRowsIsDDL(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.NewCopy(t))
	s.Do("CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no DDL here'; END $$")
	for _, options := range []string{"", ", at_commit => true"} {
		s.Do("CREATE TABLE bills (id int PRIMARY KEY, number bigint) PARTITION BY RANGE (id); CREATE TABLE bills_one PARTITION OF bills FOR VALUES FROM (0) TO (10); ALTER TABLE bills ADD UNIQUE (id, number)")
		attach := "SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$" + options + ")"
		s.Do("CREATE EVENT TRIGGER forbid ON ddl_command_start EXECUTE FUNCTION forbid()")
		require.Equal(t, "no DDL here", s.Refuse("P0001", attach).Message, "at attach, if at all")
		s.Do("DROP EVENT TRIGGER forbid")
		s.Do(attach)
		s.Do("CREATE TABLE bills_two PARTITION OF bills FOR VALUES FROM (10) TO (20)")
		s.Do("CREATE EVENT TRIGGER forbid ON ddl_command_start EXECUTE FUNCTION forbid()")
		s.Do("INSERT INTO bills VALUES (1), (11)")
		s.Do("UPDATE bills SET id = 12 WHERE id = 1")
		s.Do("SELECT gapless.void_gapless('bill', 2, 'why'); DELETE FROM bills WHERE number = 2")
		sqltest.RequireSound(s)
		s.Do("DROP EVENT TRIGGER forbid")
		s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP TABLE bills; SELECT gapless.delete_gapless('bill')")
	}
}

func TestNoColumnThatAnExpressionReadsCanBeDroppedOrRetyped(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for _, options := range []string{"", ", at_commit => true"} {
		s.Do("CREATE TABLE docs (id int PRIMARY KEY, tenant text, status text, issued date, prefix text, other text, number text UNIQUE)")
		s.Do("SELECT gapless.attach_gapless('docs', 'number', $$ 'docs' || coalesce(NEW.tenant, '') $$, format => $$ NEW.prefix || value $$, condition => $$ NEW.status = 'issued' $$, chronology => $$ NEW.issued $$" + options + ")")
		for _, column := range []string{"tenant", "status", "issued", "prefix"} {
			s.Refuse("2BP01", "ALTER TABLE docs DROP COLUMN "+column)
			s.Refuse("0A000", "ALTER TABLE docs ALTER COLUMN "+column+" TYPE varchar(100)")
		}
		s.Do("ALTER TABLE docs DROP COLUMN other, ADD COLUMN more text DEFAULT 'x'; INSERT INTO docs VALUES (1, 't', 'issued', '2026-01-01', 'D-')")
		require.Equal(t, []string{"D-1"}, sqltest.Texts(s, "SELECT number FROM docs"))
		s.Do("DROP TABLE docs; DROP ROUTINE docs_number_gapless_series; SELECT gapless.delete_gapless('docst')")
		s.Do(`DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT p.oid FROM pg_proc AS p WHERE p.proname LIKE 'docs\_number%' LOOP EXECUTE 'DROP ROUTINE ' || f; END LOOP; END $$`)
	}
}

func TestReadUncommittedIsReadCommitted(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	s.Do("SET default_transaction_isolation = 'read uncommitted'; CREATE TABLE docs (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("BEGIN")
	txid := s.Number("SELECT gapless.mark_gapless('6f1d2c1e-6f0a-4a57-9d07-3c1f2a1b0c9d')")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', $$ 'docs' $$); INSERT INTO docs VALUES (1), (2); SELECT gapless.void_gapless('docs', 1, 'why'); DELETE FROM docs WHERE id = 1")
	s.Do("COMMIT")
	require.Equal(t, []string{"committed"}, sqltest.Texts(s, "SELECT gapless.outcome_gapless('6f1d2c1e-6f0a-4a57-9d07-3c1f2a1b0c9d', $1)", txid))
	s.Do("SELECT gapless.flush_gapless($1)", txid)
	s.Do("BEGIN; SELECT count(*) FROM docs")
	other.Do("INSERT INTO docs VALUES (3)")
	s.Do("INSERT INTO docs VALUES (4)") // whose snapshot is new
	s.Do("SELECT gapless.next_gapless('other'); SELECT gapless.adopt_gapless('other', 7); SELECT gapless.prune_gapless('other', 'infinity')")
	s.Do("COMMIT")
	require.Equal(t, []int64{2, 3, 4}, s.Numbers("SELECT number FROM docs ORDER BY 1"))
	require.Equal(t, "gapless_truncated", s.Refuse("23001", "TRUNCATE docs").ConstraintName)
	s.Do("BEGIN; SELECT gapless.detach_gapless('docs', 'number'); DELETE FROM docs; COMMIT")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', $$ 'docs' $$); TRUNCATE docs")
}

// commands are what a HINT says to run.
var commands = regexp.MustCompile(`(?:SELECT gapless\.|ALTER (?:TABLE|FUNCTION)|DROP TRIGGER|CREATE UNIQUE INDEX|REVOKE|GRANT) ?.*?(?:;|\.$|, and |$)`)

func TestWhatAHintSaysCanBeRunWhateverTheNamesAre(t *testing.T) {
	t.Parallel()
	const (
		schema, table, column = `S "q" 'a'\`, `T 'x' "y"\z`, `№ "n" 'm'\`
		series                = `docs/F"A' \1`
	)
	relation, number := pgx.Identifier{schema, table}.Sanitize(), pgx.Identifier{column}.Sanitize()
	attach := func(options string) string {
		return fmt.Sprintf("SELECT gapless.attach_gapless(%s, %s, $n$ %s $n$%s)", escaped(relation), escaped(column), escaped(series), options)
	}
	for name, c := range map[string]struct{ columns, prepare, fails, code string }{
		"a number":         {"%s bigint UNIQUE", "INSERT INTO %[1]s VALUES (1), (2)", "DELETE FROM %[1]s WHERE id = 1", "23001"},
		"a text":           {"%s text UNIQUE", "INSERT INTO %[1]s VALUES (1), (2)", "DELETE FROM %[1]s WHERE id = 1", "23001"},
		"a text of before": {"%s text UNIQUE", "", "DELETE FROM %[1]s WHERE id = 7", "23001"},
		"default":          {"%s bigint UNIQUE DEFAULT 7", "", "attach", "55000"},
		"identity":         {"%s bigint GENERATED BY DEFAULT AS IDENTITY UNIQUE", "", "attach", "55000"},
		"generated":        {"%s bigint GENERATED ALWAYS AS (id * 2) STORED UNIQUE", "", "attach", "55000"},
		"not null":         {"%s bigint NOT NULL UNIQUE", "", "attach", "55000"},
		"not logged":       {"%s bigint UNIQUE", "ALTER TABLE %[1]s SET UNLOGGED", "attach", "42809"},
		"a former partition": {"%s bigint, UNIQUE (id, %[1]s)", "CREATE TABLE %[3]s PARTITION OF %[1]s DEFAULT; SELECT gapless.guard_partitions(); ALTER TABLE %[1]s DETACH PARTITION %[3]s; ALTER TABLE %[3]s ADD UNIQUE (%[2]s)",
			"former", "55000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("CREATE SCHEMA " + pgx.Identifier{schema}.Sanitize())
			s.Do(fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, %s)", relation, fmt.Sprintf(c.columns, number)) + map[bool]string{true: " PARTITION BY RANGE (id)"}[c.fails == "former"])
			options := map[string]string{"not null": ", condition => 'NEW.id > 0'", "a text": ", format => $f$ 'R''\\' || value $f$", "a text of before": ", format => $f$ 'R''\\' || value $f$"}[name]
			if name == "a text of before" {
				s.Do("INSERT INTO "+relation+" VALUES (7, $1)", `old '7'\`)
			}
			former := pgx.Identifier{schema, `P "p"`}.Sanitize()
			statement := strings.NewReplacer("%[1]s", relation).Replace(c.fails)
			switch c.fails {
			case "attach":
				statement = attach(options)
			case "former":
				s.Do(attach(options))
				statement = strings.Replace(attach(options), escaped(relation), escaped(former), 1)
			default:
				s.Do(attach(options))
			}
			if c.prepare != "" {
				s.Do(strings.NewReplacer("%[1]s", relation, "%[2]s", number, "%[3]s", former).Replace(c.prepare))
			}
			refused := s.Refuse(c.code, statement)
			run := commands.FindAllString(refused.Hint, -1)
			require.NotEmpty(t, run, refused.Hint)
			for _, command := range run {
				if strings.Contains(command, "...") {
					continue // whose rest is not known
				}
				command = strings.TrimRight(command, ".;")
				command, _, _ = strings.Cut(command, "; or ")
				s.Do(command)
			}
			if c.fails == "former" { // its series are the other table's
				require.NotEqual(t, "attach_former_partition", s.Refuse("55000", statement).ConstraintName)
				return
			}
			s.Do(statement)
		})
	}
}

func escaped(text string) string {
	return ` E'` + strings.NewReplacer(`'`, `\'`, `\`, `\\`).Replace(text) + `'`
}

func TestASchemaInWhichEveryoneCanCreateIsNamedSoThatTheHintCanBeRun(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	var notices []string
	s := sqltest.Connect(t, database, func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) { notices = append(notices, notice.Hint) }
	})
	s.Do(`CREATE SCHEMA "Open ""s"""; GRANT ALL ON SCHEMA "Open ""s""" TO PUBLIC; CREATE TABLE docs (number bigint UNIQUE); SET search_path = public, "Open ""s"""`)
	s.Do("BEGIN; SELECT gapless.attach_gapless('docs', 'number', $$ 'docs' $$); ROLLBACK")
	require.Len(t, notices, 1)
	command, _, _ := strings.Cut(notices[0], ";")
	s.Do(command)
	s.Do("SELECT gapless.attach_gapless('docs', 'number', $$ 'docs' $$)")
	require.Len(t, notices, 1)
}

// TestRowsThatARefreshInserts: REFRESH MATERIALIZED VIEW sets back what a transaction has set.
func TestRowsThatARefreshInsertsAreNumberedBetweenTwoStatements(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for _, partitioned := range []string{"", " PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF bills DEFAULT"} {
		s.Do("CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint, UNIQUE (id, number))" + partitioned)
		if partitioned == "" {
			s.Do("ALTER TABLE bills ADD UNIQUE (number)")
		}
		s.Do("CREATE FUNCTION issue() RETURNS bigint LANGUAGE sql AS $$ INSERT INTO public.bills DEFAULT VALUES RETURNING number $$; CREATE MATERIALIZED VIEW issued AS SELECT public.issue() AS number WITH NO DATA")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$)")
		const insert, refresh = "INSERT INTO bills (number) VALUES (NULL), (NULL)", "REFRESH MATERIALIZED VIEW issued"
		s.Do("BEGIN")
		for _, statement := range []string{insert, refresh, insert, refresh, refresh, "SAVEPOINT s", insert, "ROLLBACK TO s", insert, refresh} {
			s.Do(statement)
		}
		s.Do("COMMIT")
		s.Do(strings.Join([]string{insert, refresh, insert}, ";")) // sent together
		require.EqualValues(t, 15, s.Number("SELECT max(number) FROM bills"))
		require.EqualValues(t, 15, s.Number("SELECT count(*) FROM bills"))
		sqltest.RequireSound(s)
		s.Do("SELECT gapless.detach_gapless('bills', 'number'); SELECT gapless.delete_gapless('bill')")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$, at_commit => true)")
		require.Contains(t, s.Refuse("42501", refresh).Message, "deferred trigger") // PostgreSQL's own
		s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP MATERIALIZED VIEW issued; DROP FUNCTION issue; DROP TABLE bills; SELECT gapless.delete_gapless('bill')")
	}
}
