package column_test

import (
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// What a review of columns that number themselves found: each was a way to spoil numbering, or to gain rights.

func TestTheAuditRunsNothingOfATableOwnersWithItsOwnRights(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, hostile := sqltest.Connect(t, database), sqltest.Connect(t, database)
	_, quoted := sqltest.Role(t, database, "hostile")
	pg.MayAttach(s, quoted)
	s.Do("CREATE SCHEMA h AUTHORIZATION " + quoted)
	s.Do("CREATE TABLE ran (by text)")
	s.Do("GRANT INSERT ON ran TO " + quoted)
	hostile.Do("SET ROLE " + quoted)
	hostile.Do("CREATE TABLE h.c (d date, number bigint UNIQUE)")
	hostile.Do("SELECT gapless.attach_gapless('h.c', 'number', '''hc''', chronology => 'NEW.d')")
	hostile.Do("INSERT INTO h.c VALUES ('2026-01-01')")
	hostile.Do("CREATE TYPE h.evil AS (x timestamp)")
	hostile.Do(`CREATE FUNCTION h.evil(h.evil) RETURNS timestamp LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO public.ran VALUES (current_user); RETURN ($1).x; END $$`)
	hostile.Do("CREATE CAST (h.evil AS timestamp) WITH FUNCTION h.evil(h.evil) AS IMPLICIT")
	hostile.Do("DROP FUNCTION h.c_number_gapless_rows")
	hostile.Do(`CREATE FUNCTION h.c_number_gapless_rows(names text[] DEFAULT NULL, keyed boolean DEFAULT false, seed bigint DEFAULT NULL) RETURNS TABLE (series text, value bigint, number text, dated h.evil)
		LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT 'hc'::text, 1::bigint, '1', row(now()::timestamp)::h.evil $$`)
	hostile.Do("GRANT EXECUTE ON FUNCTION h.c_number_gapless_rows TO PUBLIC")
	require.NotEmpty(t, sqltest.Texts(s, "SELECT explanation FROM gapless.audit_gapless() WHERE NOT explained"), "that it cannot be read")
	require.Empty(t, sqltest.Texts(s, "SELECT by FROM ran"))

	// Neither does a function that is not SECURITY DEFINER, and would run with the rights of the schema's owner.
	hostile.Do("DROP FUNCTION h.c_number_gapless_rows")
	hostile.Do(`CREATE FUNCTION h.c_number_gapless_rows(names text[] DEFAULT NULL, keyed boolean DEFAULT false, seed bigint DEFAULT NULL) RETURNS SETOF record LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO public.ran VALUES (current_user); RETURN; END $$`)
	s.Do("SELECT gapless.audit_gapless()")
	require.Empty(t, sqltest.Texts(s, "SELECT by FROM ran"))
}

func TestNoSettingButTheirOwnIsSetByTheColumnsFunctions(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, hostile := sqltest.Connect(t, database), sqltest.Connect(t, database)
	_, quoted := sqltest.Role(t, database, "hostile")
	pg.MayAttach(s, quoted)
	s.Do("CREATE TABLE a (number bigint UNIQUE)")
	hostile.Do("SET ROLE " + quoted)
	before := *sqltest.Value[string](s, "SHOW dynamic_library_path")
	hostile.Do("BEGIN")
	hostile.Do("SELECT gapless.column_first_number('a', 'number', 'a', 1, 'dynamic_library_path', 0)")
	hostile.Do("RESET ROLE")
	require.Equal(t, before, *sqltest.Value[string](hostile, "SHOW dynamic_library_path"))
}

func TestAnOperatorOfAnotherSchemaIsNotFound(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, app := sqltest.Connect(t, database), sqltest.Connect(t, database)
	_, quoted := sqltest.Role(t, database, "app")
	s.Do("GRANT CREATE ON SCHEMA public TO PUBLIC") // as it was before PostgreSQL 15
	s.Do("CREATE TABLE a (id varchar PRIMARY KEY, series text NOT NULL, number bigint, late bigint UNIQUE, UNIQUE (series, number))")
	s.Do("SELECT gapless.attach_gapless('a', 'number', 'NEW.series')")
	s.Do("SELECT gapless.attach_gapless('a', 'late', '''late''', at_commit => true)")
	s.Do("GRANT INSERT, SELECT ON a TO " + quoted)
	app.Do("SET ROLE " + quoted)
	for _, types := range []string{"text, integer", "text, bigint", "bigint, integer", "oid, integer", "numeric, bigint", "integer, bigint", "varchar, varchar", "varchar, text"} {
		name := "evil_" + strings.NewReplacer(", ", "_").Replace(types)
		left, right, _ := strings.Cut(types, ", ")
		for operator, result := range map[string]string{"||": "text", "=": "boolean", "<>": "boolean", "+": "bigint", "-": "bigint", "<": "boolean", ">": "boolean", "<=": "boolean"} {
			function := pgx.Identifier{name + operator}.Sanitize()
			app.Do("CREATE FUNCTION public." + function + "(" + types + ") RETURNS " + result + " LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$")
			app.Do("CREATE OPERATOR public." + operator + " (leftarg = " + left + ", rightarg = " + right + ", function = public." + function + ")")
		}
	}
	app.Do("INSERT INTO a (id, series) VALUES ('1', 'a'), ('2', 'b'), ('3', 'a'), ('4', 'a')")
	require.Equal(t, []int64{1, 2, 3}, s.Numbers("SELECT number FROM a WHERE series = 'a' ORDER BY number"))
	require.EqualValues(t, 4, s.Number("SELECT count(late) FROM a"))
}

// TestASeriesMayHaveAnyName has names that what tells a statement's next row its number has to quote.
func TestASeriesMayHaveAnyName(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY, series text, number bigint, UNIQUE (series, number))")
	s.Do("SELECT gapless.attach_gapless('a', 'number', 'NEW.series')")
	names := []string{`a"b`, `a\b`, `\"`, `\\`, `{a,b}`, `a,b`, `NULL`, ` a `, `'`, "a\nb", "ä"}
	for i, conforming := range []string{"on", "off"} {
		if i == 1 && !hasNonstandardStrings(s) {
			break
		}
		s.Do("SET standard_conforming_strings = " + conforming)
		for _, name := range names { // the first row of each statement leaves a note of its own kind
			s.Do("INSERT INTO a (series) SELECT $1 FROM generate_series(1, 3)", name)
		}
		s.Do("INSERT INTO a (series) SELECT u FROM generate_series(1, 2), unnest($1::text[]) AS u", names)
		for _, name := range names {
			require.Equal(t, int64(5*(i+1)), s.Number("SELECT max(number) FROM a WHERE series = $1 HAVING count(*) = max(number)", name), "%q", name)
		}
	}
	require.Empty(t, sqltest.Texts(s, pg.Unexplained))
}

// hasNonstandardStrings says whether the server knows standard_conforming_strings = off, which ended with PostgreSQL 19.
func hasNonstandardStrings(s sqltest.Session) bool {
	return s.Number("SELECT current_setting('server_version_num')::bigint") < 190000
}

// TestASequenceHasANumberOnceWhateverTheIndexAllows has tables whose unique index has more than what tells the sequences apart.
func TestASequenceHasANumberOnceWhateverTheIndexAllows(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (id int PRIMARY KEY, tenant int, number bigint, UNIQUE (tenant, number))")
	require.NotEmpty(t, s.Refuse("55000", "SELECT gapless.attach_gapless('a', 'number', '''a''')").Hint)
	s.Do("SELECT gapless.attach_gapless('a', 'number', $$ 'a/' || NEW.tenant % 2 $$)")
	lie := `SELECT set_config((SELECT (regexp_match(prosrc, 'gapless.column_note_[0-9]+'))[1] FROM pg_proc WHERE proname = 'a_number_gapless'),
		format('{%s,%s,1}a/1', 'a'::regclass::oid, pg_stat_get_xact_tuples_inserted('a'::regclass)), true)`
	s.Do("BEGIN")
	s.Do("INSERT INTO a (id, tenant) VALUES (1, 1)")
	s.Do(lie)
	s.Refuse("40001", "INSERT INTO a (id, tenant) VALUES (2, 3)")
	s.Do("ROLLBACK")

	s.Do("CREATE TABLE b (id int PRIMARY KEY, tenant int, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('b', 'number', $$ 'b/' || NEW.tenant % 2 $$, at_commit => true)")
	s.Do("BEGIN")
	s.Do("INSERT INTO b (id, tenant) VALUES (1, 1)")
	s.Do("SET CONSTRAINTS ALL IMMEDIATE")
	s.Do("SET CONSTRAINTS ALL DEFERRED")
	s.Do("INSERT INTO b (id, tenant) VALUES (2, 3)")
	s.Refuse("428C9", "UPDATE b SET number = 1 WHERE id = 2")
	s.Do("ROLLBACK")

	// What an index only includes lets no number be there twice.
	for _, index := range []string{
		"CREATE UNIQUE INDEX ON c (number) INCLUDE (tenant)", "CREATE UNIQUE INDEX ON c (number) INCLUDE (tenant, id) WHERE number IS NOT NULL",
		"ALTER TABLE c ADD UNIQUE (number) INCLUDE (tenant)", "CREATE UNIQUE INDEX ON c (number, tenant) INCLUDE (id)",
	} {
		name := map[bool]string{true: " 'c' ", false: " 'c/' || NEW.tenant "}[!strings.Contains(index, "number, tenant")]
		s.Do("CREATE TABLE c (id int PRIMARY KEY, tenant int, number bigint); " + index)
		s.Do("SELECT gapless.attach_gapless('c', 'number', $1)", name)
		s.Do("INSERT INTO c VALUES (1, 7), (2, 7)")
		require.Empty(t, sqltest.Texts(s, faults), index)
		sqltest.RequireSound(s)
		s.Do("SELECT gapless.detach_gapless('c', 'number'); DROP TABLE c; SELECT gapless.delete_gapless(name) FROM gapless.sequences WHERE name LIKE 'c%'")
	}
	for _, index := range []string{"(id) INCLUDE (number)", "(number, tenant) INCLUDE (id)", "(number, (tenant + 1)) INCLUDE (id)", "(number, (tenant + 1)) INCLUDE (tenant)"} {
		s.Do("CREATE TABLE c (id int PRIMARY KEY, tenant int, number bigint); CREATE UNIQUE INDEX ON c " + index)
		require.Contains(t, s.Refuse("55000", "SELECT gapless.attach_gapless('c', 'number', $$ 'c' $$)").Message, "unique index", index)
		s.Do("DROP TABLE c")
	}
}

func TestTheAuditTellsColumnsApartAndSurvivesOneThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for _, table := range []string{"a", "b", "c"} {
		s.Do("CREATE TABLE " + table + " (series text, number bigint, UNIQUE (series, number))")
		s.Do("SELECT gapless.attach_gapless('" + table + "', 'number', 'NEW.series')")
		s.Do("INSERT INTO " + table + " SELECT '" + table + "' FROM generate_series(1, 3)")
	}
	s.Do("SET session_replication_role = replica")
	s.Do("DELETE FROM a WHERE number = 3")
	s.Do("INSERT INTO b VALUES ('a', 3)")
	s.Do("SET session_replication_role = origin")
	s.Do("ALTER TABLE c RENAME TO renamed")
	require.Equal(t, []string{
		"public.renamed.number not read",
		"a public.a.number hole 3 3",
		"a public.b.number never issued 3 3",
	}, sqltest.Texts(s, `SELECT concat_ws(' ', nullif(sequence, ''), attached_column, kind, first_value, last_value) FROM gapless.audit_gapless()
		WHERE NOT explained AND sequence <> 'c' ORDER BY sequence, attached_column`))
	require.Contains(t, sqltest.Texts(s, "SELECT explanation FROM gapless.audit_gapless()"), `the column cannot be read: relation "public.c" does not exist. Detach the column and attach it again.`)
}

func TestASessionsSettingsDoNotChangeWhatAnExpressionMeans(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	cases := map[string]struct{ column, name, set, row, series string }{
		"standard_conforming_strings": {"x text", `regexp_replace(NEW.x, '\d+$', '')`, "standard_conforming_strings = off", "'abc1'", "abc"},
		"transform_null_equals":       {"x text", `CASE WHEN NEW.x = NULL THEN 'equal' ELSE 'not equal' END`, "transform_null_equals = on", "NULL", "not equal"},
		"extra_float_digits":          {"x float8", `'f' || NEW.x`, "extra_float_digits = -10", "1.23456789012345", "f1.23456789012345"},
		"IntervalStyle":               {"x interval", `'i' || NEW.x`, "IntervalStyle = iso_8601", "'1 day'", "i1 day"},
		"DateStyle":                   {"x date", `'d' || NEW.x`, "DateStyle = 'German'", "'2026-01-02'", "d2026-01-02"},
		"TimeZone":                    {"x timestamptz", `'t' || date(NEW.x)`, "TimeZone = 'Pacific/Auckland'", "'2026-01-01 23:00:00+00'", "t2026-01-01"},
		"bytea_output":                {"x bytea", `'b' || NEW.x::text`, "bytea_output = escape", `'\x01'`, `b\x01`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := pgx.Identifier{name}.Sanitize()
			s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
			s.Do("SET TimeZone = 'UTC'")
			if hasNonstandardStrings(s) {
				other.Do("SET escape_string_warning = off")
			} else if name == "standard_conforming_strings" {
				c.set = name + " = on"
			}
			s.Do("CREATE TABLE " + table + " (" + c.column + ", number bigint UNIQUE)")
			s.Do("SELECT gapless.attach_gapless($1::text::regclass, 'number', $2)", table, c.name)
			other.Do("SET " + c.set)
			other.Do("INSERT INTO " + table + " SELECT " + c.row)
			require.EqualValues(t, 1, s.Number("SELECT gapless.last_gapless($1)", c.series))
		})
	}
}

func TestIdentifiersAndLiteralsOfAnyKind(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	schema, table, column := `s "%s" %1$s`, "T \"x\" %I ä", "№ %L \"n\""
	quoted := pgx.Identifier{schema, table}.Sanitize()
	number := pgx.Identifier{column}.Sanitize()
	s.Do("CREATE SCHEMA " + pgx.Identifier{schema}.Sanitize())
	s.Do("CREATE TABLE " + quoted + ` ("a %s" int PRIMARY KEY, ` + number + " bigint UNIQUE)")
	name := "E'\\'x\\ny %s ~relation~\\' ' || 'a\nb %1$s' -- a comment"
	s.Do("SELECT gapless.attach_gapless($1::text::regclass, $2, $3, condition => $4)", quoted, column, name, `NEW."a %s" > 0 -- %`)
	s.Do("INSERT INTO " + quoted + " VALUES (1), (0), (2)")
	series := "'x\ny %s ~relation~' a\nb %1$s"
	require.EqualValues(t, 2, s.Number("SELECT gapless.last_gapless($1)", series))
	err := s.Refuse("23001", "DELETE FROM "+quoted)
	require.Equal(t, schema, err.SchemaName)
	require.Equal(t, table, err.TableName)
	require.Equal(t, column, err.ColumnName)
	require.Empty(t, sqltest.Texts(s, "SELECT explanation FROM gapless.audit_gapless()"))
	s.Do("SELECT gapless.detach_gapless($1::text::regclass, $2)", quoted, column)

	long := strings.Repeat("n", 43)
	s.Do("CREATE TABLE long (" + long + " bigint UNIQUE)")
	require.NotEmpty(t, s.Refuse("55000", "SELECT gapless.attach_gapless('long', '"+long+"', '''long''')").Hint)
}

func TestAColumnDoesNotTakeOverASequenceThatHasCycled(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SELECT gapless.next_gapless('a', reset => 3) FROM generate_series(1, 3)")
	s.Do("CREATE TABLE a (number bigint UNIQUE)")
	err := s.Refuse("55000", "SELECT gapless.attach_gapless('a', 'number', '''a''')")
	pg.RequireHelpful(t, err)
	require.Equal(t, "sequence_cycled", err.ConstraintName)
	s.Do("ALTER TABLE a ADD COLUMN name text")
	s.Do("SELECT gapless.attach_gapless('a', 'number', 'NEW.name')")
	err = s.Refuse("55000", "INSERT INTO a (name) VALUES ('a')")
	pg.RequireHelpful(t, err)
	require.Equal(t, "sequence_cycled", err.ConstraintName)

	// A void is of its own cycle.
	s.Do("SELECT gapless.void_gapless('a', 1, 'in the second')")
	s.Do("SELECT gapless.next_gapless('a', reset => 3) FROM generate_series(1, 2)")
	require.Equal(t, []string{"void 1 3"}, sqltest.Texts(s, `
		SELECT concat_ws(' ', f.kind, f.first_value, a.ordinal) FROM gapless.audit_gapless('a') AS f JOIN gapless.journal AS a USING (allocated_at)`))
}
