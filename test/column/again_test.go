package column_test

// What programs that attach at every start, and people who look, are told.

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

func TestAttachIsRepeatableAndSaysWhatDiffers(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (id int PRIMARY KEY, d date, draft boolean DEFAULT false, number text UNIQUE)")
	const attach = `SELECT gapless.attach_gapless('a', 'number', name => $$ 'a' $$, initial => 7, format => $$ 'A' || value $$, condition => 'NOT NEW.draft',
		chronology => 'NEW.d', at_commit => true, unnumbered => '/')`
	s.Do(attach)
	state := func() []string {
		return sqltest.Texts(s, "SELECT concat_ws(' ', oid, xmin) FROM pg_proc WHERE proname LIKE 'a\\_number%' UNION ALL SELECT concat_ws(' ', oid, xmin) FROM pg_trigger ORDER BY 1")
	}
	before := state()
	for range 2 {
		s.Do(attach)
		s.Do("BEGIN; INSERT INTO a VALUES ((SELECT count(*) FROM a), '2026-01-01')")
		s.Do(attach)
		s.Do("COMMIT")
	}
	require.Equal(t, before, state())
	require.Equal(t, []string{"A7", "A8"}, sqltest.Texts(s, "SELECT number FROM a ORDER BY id"))

	const name, format, condition, chronology = "' ''a'' '", "' ''A'' || value '", "'NOT NEW.draft'", "'NEW.d'"
	for i, other := range []string{
		"name => ' ''b'' ', initial => 7, format => " + format + ", condition => " + condition + ", chronology => " + chronology + ", at_commit => true, unnumbered => '/'",
		"name => " + name + ", initial => 8, format => " + format + ", condition => " + condition + ", chronology => " + chronology + ", at_commit => true, unnumbered => '/'",
		"name => " + name + ", initial => 7, format => ' ''B'' || value ', condition => " + condition + ", chronology => " + chronology + ", at_commit => true, unnumbered => '/'",
		"name => " + name + ", initial => 7, format => " + format + ", condition => NULL, chronology => " + chronology + ", at_commit => true, unnumbered => '/'",
		"name => " + name + ", initial => 7, format => " + format + ", condition => " + condition + ", chronology => NULL, at_commit => true, unnumbered => '/'",
		"name => " + name + ", initial => 7, format => " + format + ", condition => " + condition + ", chronology => " + chronology + ", at_commit => false, unnumbered => '/'",
		"name => " + name + ", initial => 7, format => " + format + ", condition => " + condition + ", chronology => " + chronology + ", at_commit => true, unnumbered => ''",
	} {
		refused := s.Refuse("42710", "SELECT gapless.attach_gapless('a', 'number', "+other+")")
		require.Equal(t, []string{
			"name is ' ''a'' ', and ' ''b'' ' was asked for.", "initial is 7, and 8 was asked for.", "format is ' ''A'' || value ', and ' ''B'' || value ' was asked for.",
			"condition is 'NOT NEW.draft', and NULL was asked for.", "chronology is 'NEW.d', and NULL was asked for.", "at_commit is true, and false was asked for.",
			"unnumbered is '/', and '' was asked for.",
		}[i], refused.Detail)
		require.Contains(t, refused.Hint, "detach_gapless")
		require.Equal(t, []string{"public", "a", "number", "gapless_attached"}, []string{refused.SchemaName, refused.TableName, refused.ColumnName, refused.ConstraintName})
	}
	require.Equal(t, before, state())
	sqltest.RequireSound(s)
}

func TestASequenceWithAConstantNameIsTheColumnsFromAttachOn(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", ", at_commit => true", ", condition => 'NEW.id > 0'"} {
		s := sqltest.Connect(t, pgtest.New(t))
		s.Do("CREATE TABLE j (id int PRIMARY KEY, number bigint UNIQUE)")
		s.Do("SELECT gapless.attach_gapless('j', 'number', name => $$ 'j' $$, initial => 500" + options + ")")
		for _, call := range []string{"next_gapless('j')", "next_gapless_batch('j', 2)", "adopt_gapless('j', 7)"} {
			s.Refuse("55000", "SELECT gapless."+call)
		}
		s.Refuse("2BP01", "SELECT gapless.delete_gapless('j')")
		require.EqualValues(t, 500, s.Number("SELECT gapless.peek_gapless('j')"))
		require.Nil(t, sqltest.Value[int64](s, "SELECT gapless.last_gapless('j')"))
		s.Do("CREATE TABLE other (number bigint UNIQUE)")
		refused := s.Refuse("55000", "SELECT gapless.attach_gapless('other', 'number', name => $$ 'j' $$)")
		require.Equal(t, "sequence_target", refused.ConstraintName)
		s.Do("INSERT INTO j VALUES (1)")
		require.EqualValues(t, 500, s.Number("SELECT number FROM j"))
		require.EqualValues(t, 501, s.Number("SELECT gapless.peek_gapless('j')"))
		sqltest.RequireSound(s)
		s.Do("SELECT gapless.detach_gapless('j', 'number')")
		require.EqualValues(t, 501, s.Number("SELECT gapless.next_gapless('j')"))
	}
}

// TestWhatIsRefusedIsToldAsItIs has messages that were wrong or empty.
func TestWhatIsRefusedIsToldAsItIs(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (id int PRIMARY KEY, number bigint UNIQUE, late bigint UNIQUE, label text UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('a', 'number', name => $$ 'number' $$)")
	s.Do("SELECT gapless.attach_gapless('a', 'late', name => $$ 'late' $$, at_commit => true)")
	s.Do("SELECT gapless.attach_gapless('a', 'label', name => $$ 'label' $$, format => $$ 'L' || value $$)")
	for statement, says := range map[string]string{
		"INSERT INTO a (id, late) VALUES (1, 7)":   `column "late" of table "a" numbers itself, so '7' cannot be written into it`,
		"INSERT INTO a (id, number) VALUES (1, 7)": `column "number" of table "a" numbers itself, so '7' cannot be written into it`,
		"INSERT INTO a (id, label) VALUES (1, '')": `column "label" of table "a" numbers itself, so '' cannot be written into it`,
	} {
		refused := s.Refuse("428C9", statement)
		require.Equal(t, says, refused.Message)
		require.NotContains(t, refused.Hint, "RETURNING")
	}
	s.Do("INSERT INTO a (id) VALUES (1)")
	for _, column := range []string{"number", "late", "label"} {
		pg.RequireAbout(t, s.Refuse("428C9", "UPDATE a SET "+column+" = NULL"), "a", "changed")
	}
	require.Contains(t, s.Refuse("428C9", "UPDATE a SET label = ''").Message, `L1 of sequence "label" cannot be changed`)
}

// TestNobodyElseMayExecuteAColumnsFunctions has default privileges that give all functions to a role, as hosts of PostgreSQL do.
func TestNobodyElseMayExecuteAColumnsFunctions(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", ", at_commit => true", ", format => $$ 'L' || value $$, chronology => 'NEW.d', condition => 'true'"} {
		for _, partition := range []string{"", " PARTITION BY LIST (id); CREATE TABLE part PARTITION OF a DEFAULT"} {
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			name, anon := sqltest.Role(t, database, "anon")
			s.Do("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO " + anon + ", PUBLIC")
			s.Do("ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO " + anon)
			s.Do("CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
			kind := map[bool]string{true: "text", false: "bigint"}[options != "" && options[2] == 'f']
			s.Do("CREATE TABLE a (id int PRIMARY KEY, d date DEFAULT '2026-01-01', number " + kind + ", UNIQUE (id, number))" + partition)
			if partition == "" {
				s.Do("ALTER TABLE a ADD UNIQUE (number)")
			}
			s.Do("SELECT gapless.attach_gapless('a', 'number', name => $$ 'a' $$" + options + ")")
			s.Do("INSERT INTO a VALUES (1), (2)")
			executable := sqltest.Texts(s, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND has_function_privilege($1, oid, 'EXECUTE') AND proname !~ '_gapless_(single|assign|number|finish)$'", name)
			require.Equal(t, []string{"mine"}, executable)
			s.Do("SET ROLE " + anon)
			s.Refuse("42501", "SELECT * FROM public.a_number_gapless_rows() AS r (series text, value bigint, number text, dated timestamp)")
			s.Do("RESET ROLE")
			sqltest.RequireSound(s)
		}
	}
}
