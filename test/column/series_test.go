package column_test

// A series is bytes: what could change it is refused by attach, pinned, or found out when it matters.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestAttachRefusesAUniqueIndexThatTakesNamesOfTwoSeriesForOne(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.NewCopy(t))
	setups := map[string]string{"text COLLATE ci": "SELECT FROM pg_collation WHERE collprovider = 'i'", "citext": "SELECT FROM pg_available_extensions WHERE name = 'citext'"}
	for column, available := range setups {
		if s.Number("SELECT count(*) FROM ("+available+") AS a") == 0 {
			delete(setups, column)
		}
	}
	if _, there := setups["citext"]; there {
		s.Do("CREATE EXTENSION citext")
	}
	if _, there := setups["text COLLATE ci"]; there {
		s.Do("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	}
	require.NotEmpty(t, setups)
	for column := range setups {
		for _, c := range []struct{ key, name string }{
			{"UNIQUE (tenant, number)", "'t/' || NEW.tenant"}, {"UNIQUE (number, tenant)", "'t/' || NEW.tenant::text"},
			{"UNIQUE (tenant, number)", "'t/' || CASE WHEN lower(NEW.tenant) < 'b' THEN NEW.tenant END"},
		} {
			for _, options := range []string{"", ", at_commit => true"} {
				s.Do("CREATE TABLE bills (id int PRIMARY KEY, tenant " + column + ", number bigint, CONSTRAINT twice " + c.key + ")")
				attach := fmt.Sprintf("SELECT gapless.attach_gapless('bills', 'number', $$ %s $$%s)", c.name, options)
				refused := s.Refuse("55000", attach)
				require.Equal(t, "attach_column", refused.ConstraintName, refused.Message)
				require.Contains(t, refused.Message, `unique index "public.twice" takes names of different series for equal`)

				s.Do("BEGIN; SELECT gapless.attach_gapless('bills', 'number', $$ 't/' || lower(NEW.tenant::text) $$" + options + ")")
				s.Do("INSERT INTO bills VALUES (1, 'ACME'), (2, 'acme'), (3, 'ACME'); UPDATE bills SET tenant = 'Acme'; SET CONSTRAINTS ALL IMMEDIATE")
				require.Equal(t, []int64{1, 2, 3}, s.Numbers("SELECT number FROM bills ORDER BY id"))
				s.Do("ROLLBACK")

				index, _, _ := strings.Cut(refused.Hint, ", and drop that one")
				s.Do(index)
				s.Do("ALTER TABLE bills DROP CONSTRAINT twice")
				s.Do(attach)
				s.Do("INSERT INTO bills VALUES (1, 'ACME'), (2, 'acme'), (3, 'ACME')")
				s.Do("UPDATE bills SET tenant = 'ACME' WHERE id = 3")
				s.Refuse("23001", "UPDATE bills SET tenant = 'acme' WHERE id = 3")
				require.Equal(t, []int64{1, 1, 2}, s.Numbers("SELECT number FROM bills ORDER BY id"))
				sqltest.RequireSound(s)
				s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP TABLE bills; SELECT gapless.delete_gapless(name) FROM gapless.sequences")
			}
		}
	}
}

// TestAttachRefusesAUniqueIndexThatTakesValuesOfDifferentTextsForOne has types of which equal values are printed in different ways.
func TestAttachRefusesAUniqueIndexThatTakesValuesOfDifferentTextsForOne(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE DOMAIN amount AS numeric; CREATE DOMAIN price AS numeric(10, 2); CREATE TYPE measure AS (unit text, x amount); CREATE TYPE cost AS (x numeric(10, 2))")
	for _, c := range []struct{ column, name, one, another string }{
		{"numeric", "NEW.x", "1.0", "1.00"}, {"numeric", "'t/' || NEW.x", "1.0", "1.00"}, {"numeric", "concat('t/', NEW.x)", "1.0", "1.00"},
		{"numeric", "'t/' || CASE WHEN NEW.x::int > 5 THEN NEW.x END", "7.0", "7.00"},
		{"amount", "NEW.x", "1.0", "1.00"}, {"numeric[]", "NEW.x", "{1.0}", "{1.00}"}, {"numrange", "NEW.x", "[1.0,2)", "[1.00,2)"},
		{"float8", "NEW.x", "0", "-0"}, {"float4", "NEW.x", "0", "-0"}, {"interval", "NEW.x", "1 day", "24:00:00"}, {"jsonb", "NEW.x", `{"a": 1.0}`, `{"a": 1.00}`},
		{"measure", "NEW.x", "(m,1.0)", "(m,1.00)"}, {"measure[]", "NEW.x", `{"(m,1.0)"}`, `{"(m,1.00)"}`}, {"nummultirange", "NEW.x", "{[1.0,2)}", "{[1.00,2)}"}, {"citext[]", "NEW.x", "{a}", "{A}"},
	} {
		if c.column == "citext[]" {
			if s.Number("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'") == 0 {
				continue
			}
			s.Do("CREATE EXTENSION citext")
		}
		for _, options := range []string{"", ", at_commit => true"} {
			about := c.column + " " + c.name + options
			s.Do("CREATE TABLE bills (id int PRIMARY KEY, x " + c.column + ", number bigint, CONSTRAINT twice UNIQUE (x, number))")
			attach := "SELECT gapless.attach_gapless('bills', 'number', $$ " + c.name + " $$" + options + ")"
			refused := s.Refuse("55000", attach)
			require.Equal(t, "attach_column", refused.ConstraintName, about)
			require.Contains(t, refused.Message, `unique index "public.twice" takes names of different series for equal`, about)
			if index, _, found := strings.Cut(refused.Hint, ", and drop that one"); found {
				s.Do(index)
				s.Do("ALTER TABLE bills DROP CONSTRAINT twice")
			} else {
				require.Contains(t, refused.Hint, "Let the column be of a type", about)
				s.Do("ALTER TABLE bills ALTER x TYPE text")
			}
			s.Do(attach)
			s.Do(fmt.Sprintf("INSERT INTO bills VALUES (1, '%[1]s'), (2, '%[2]s'), (3, '%[1]s')", c.one, c.another))
			require.Equal(t, []int64{1, 1, 2}, s.Numbers("SELECT number FROM bills ORDER BY id"), about)
			sqltest.RequireSound(s)
			s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP TABLE bills; SELECT gapless.delete_gapless(name) FROM gapless.sequences")
		}
	}
	// Where equal values have one text, or the name reads what is one.
	for _, c := range []struct{ column, name string }{
		{"numeric(10, 2)", "NEW.x"}, {"price", "NEW.x"}, {"numeric(10, 2)[]", "NEW.x"}, {"numeric", "NEW.x::int"}, {"numeric", "'t/' || NEW.x::bigint"}, {"numeric", "trunc(NEW.x)"}, {"float8", "NEW.x::int"},
		{"bigint[]", "NEW.x"}, {"uuid", "NEW.x"}, {"text[]", "NEW.x"}, {"timestamptz", "NEW.x"}, {"date", "to_char(NEW.x, 'YYYY')"}, {"inet", "NEW.x"}, {"char(5)", "NEW.x"}, {"cost", "NEW.x"}, {"int4multirange", "NEW.x"},
	} {
		s.Do("CREATE TABLE bills (x " + c.column + ", number bigint, UNIQUE (x, number))")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ " + c.name + " $$)")
		s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP TABLE bills")
	}
}

// TestAttachRefusesAUniqueIndexOfWhichRowsWithoutANumberAreEqual: of two drafts, the second would fail.
func TestAttachRefusesAUniqueIndexOfWhichRowsWithoutANumberAreEqual(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	if s.Number("SELECT current_setting('server_version_num')::bigint") < 150000 {
		t.Skip("NULLS NOT DISTINCT came with PostgreSQL 15")
	}
	for _, options := range []string{"condition => 'NEW.due'", "at_commit => true"} {
		s.Do("CREATE TABLE bills (id int PRIMARY KEY, tenant text, due boolean, number bigint, CONSTRAINT once UNIQUE NULLS NOT DISTINCT (tenant, number))")
		attach := "SELECT gapless.attach_gapless('bills', 'number', 'NEW.tenant', " + options + "%s)"
		refused := s.Refuse("55000", fmt.Sprintf(attach, ""))
		require.Equal(t, "attach_column", refused.ConstraintName)
		require.Contains(t, refused.Message, `unique index "public.once" takes two rows without a number for equal`)
		require.Contains(t, refused.Hint, "make_index => true")
		s.Do(fmt.Sprintf(attach, ", make_index => true"))
		s.Do("INSERT INTO bills VALUES (1, 'a', false), (2, 'a', false), (3, 'a', true), (4, 'a', true)")
		sqltest.RequireSound(s)
		s.Do("DROP TABLE bills; SELECT gapless.delete_gapless(name) FROM gapless.sequences")
	}
	s.Do("CREATE TABLE bills (tenant text, number bigint, UNIQUE NULLS NOT DISTINCT (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', 'NEW.tenant')") // no row is ever without a number
	s.Do("INSERT INTO bills VALUES ('a'), ('a')")
}

func TestAnExpressionCannotReadAnotherAttachedColumn(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE files (id int PRIMARY KEY, number bigint UNIQUE, archive_no bigint UNIQUE, twice bigint GENERATED ALWAYS AS (number * 2) STORED)")
	number := "SELECT gapless.attach_gapless('files', 'number', $$ 'file' $$%s)"
	for _, atCommit := range []string{"", ", at_commit => true"} {
		for _, archive := range []string{
			"$$ 'archive/' || coalesce(NEW.number, 0) %% 2 $$", "$$ 'archive' $$, condition => $$ NEW.number IS NOT NULL $$", "$$ 'archive/' || (NEW).number $$",
		} {
			archive = "SELECT gapless.attach_gapless('files', 'archive_no', " + archive + "%s)"
			for _, order := range [][2]string{{number, archive}, {archive, number}} {
				s.Do("BEGIN")
				s.Do(fmt.Sprintf(order[0], atCommit))
				refused := s.Refuse("55000", fmt.Sprintf(order[1], atCommit))
				require.Equal(t, "attach_column", refused.ConstraintName, refused.Message)
				require.Contains(t, refused.Message, map[string]string{
					number: `the expressions of column "archive_no", which numbers itself, too, read it`, archive: `its expressions read column "number", which numbers itself, too`,
				}[order[1]])
				s.Do("ROLLBACK")
			}
		}
	}
	s.Refuse("22023", "SELECT gapless.attach_gapless('files', 'archive_no', $$ 'archive/' || NEW.twice $$)")
}

func TestWhatAnExpressionCallsIsPinnedWhateverTheSessionSets(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	owner := sqltest.Connect(t, database)
	owner.Do(`
		CREATE FUNCTION public.spelled(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN regexp_replace($1, '\d+$', ''); END $$;
		CREATE FUNCTION public.nothing(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN CASE WHEN $1 = NULL THEN 'equal' ELSE 'not equal' END; END $$;
		CREATE FUNCTION public.lengthy(interval) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1::text; END $$;
		CREATE FUNCTION public.quoted(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN quote_ident($1); END $$;
		CREATE FUNCTION public.precise(numeric) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN ($1::float8 / 3)::text; END $$`)
	for name, c := range map[string]struct{ column, name, set, row, series string }{
		"quote_ident":            {"text", "quote_ident(NEW.x)", "quote_all_identifiers = on", "'quoted'", "quoted"},
		"format":                 {"text", "format('%I', NEW.x)", "quote_all_identifiers = on", "'formatted'", "formatted"},
		"regclass":               {"regclass", "NEW.x::text", "quote_all_identifiers = on", "'gapless.journal'", "gapless.journal"},
		"array":                  {"text", "NEW.x::text[] IS NULL || array_length(array_remove(NEW.x::text[], NULL), 1)::text", "array_nulls = off", "'{a,NULL}'", "false1"},
		"text search":            {"text", "to_tsvector(NEW.x)::text", "default_text_search_config = 'english'", "'the dogs'", "'dogs':2 'the':1"},
		"a function's backslash": {"text", "public.spelled(NEW.x)", "standard_conforming_strings = off; SET escape_string_warning = off", "'abc12'", "abc"},
		"a function's null":      {"text", "public.nothing(NEW.x)", "transform_null_equals = on", "NULL", "not equal"},
		"a function's interval":  {"interval", "public.lengthy(NEW.x)", "IntervalStyle = iso_8601", "'1 day'", "1 day"},
		"a function's quotes":    {"text", "public.quoted(NEW.x)", "quote_all_identifiers = on", "'plain'", "plain"},
		"a function's digits":    {"numeric", "public.precise(NEW.x)", "extra_float_digits = -10", "1", "0.3333333333333333"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := pgx.Identifier{name}.Sanitize()
			s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
			if strings.Contains(c.set, "standard_conforming_strings") && !hasNonstandardStrings(s) {
				t.Skip("PostgreSQL 19 has no standard_conforming_strings = off")
			}
			s.Do("SET default_text_search_config = 'simple'")
			s.Do("CREATE TABLE " + table + " (x " + c.column + ", number bigint UNIQUE, memo text)")
			s.Do("SELECT gapless.attach_gapless($1::text::regclass, 'number', $2)", table, c.name)
			other.Do("SET " + c.set)
			other.Do("INSERT INTO " + table + " SELECT " + c.row)
			require.EqualValues(t, 1, s.Number("SELECT gapless.last_gapless($1)", c.series))
			s.Do("INSERT INTO " + table + " SELECT " + c.row)
			require.EqualValues(t, 2, s.Number("SELECT gapless.last_gapless($1)", c.series))
			other.Do("UPDATE " + table + " SET memo = 'x', x = x")
			require.Zero(t, other.Number("SELECT count(*) FROM gapless.audit_gapless($1) WHERE NOT explained", c.series))
			other.Do("SELECT gapless.void_gapless($1, 2, 'why')", c.series)
			other.Do("DELETE FROM " + table + " WHERE number = 2")
		})
	}
}

func TestASeriesDoesNotChangeSilentlyWithWhatItsNameCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ setup, column, name, change, back string }{
		"an enum's label": {
			"CREATE TYPE kind AS ENUM ('x', 'y')", "kind", "'s/' || NEW.k",
			"ALTER TYPE kind RENAME VALUE 'x' TO 'z'", "ALTER TYPE kind RENAME VALUE 'z' TO 'x'",
		},
		"an enum's label in a domain": {
			"CREATE TYPE kind AS ENUM ('x', 'y'); CREATE DOMAIN kinds AS kind", "kinds", "'s/' || NEW.k",
			"ALTER TYPE kind RENAME VALUE 'x' TO 'z'", "ALTER TYPE kind RENAME VALUE 'z' TO 'x'",
		},
		"a function": {
			"CREATE FUNCTION series(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 's/' || $1 $$", "text", "series(NEW.k)",
			"CREATE OR REPLACE FUNCTION series(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'z/' || $1 $$",
			"CREATE OR REPLACE FUNCTION series(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 's/' || $1 $$",
		},
		"a function of an operator": {
			"CREATE FUNCTION series(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || $2 $$; CREATE OPERATOR <~> (LEFTARG = text, RIGHTARG = text, FUNCTION = series)", "text", "'s/' <~> NEW.k",
			"CREATE OR REPLACE FUNCTION series(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || 'z' || $2 $$",
			"CREATE OR REPLACE FUNCTION series(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || $2 $$",
		},
		"a function that a function calls": {
			`CREATE FUNCTION inner_series(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 's/' || $1 $$;
			CREATE FUNCTION middle(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN inner_series($1); CREATE FUNCTION series(text) RETURNS text LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT middle($1); END`, "text", "series(NEW.k)",
			"CREATE OR REPLACE FUNCTION inner_series(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'z/' || $1 $$",
			"CREATE OR REPLACE FUNCTION inner_series(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 's/' || $1 $$",
		},
		"an enum's label in a function that a function calls": {
			"CREATE TYPE kind AS ENUM ('x', 'y'); CREATE FUNCTION series(text) RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT 's/' || (enum_range(NULL::kind))[CASE $1 WHEN 'x' THEN 1 ELSE 2 END]; END; ALTER FUNCTION series IMMUTABLE", "text", "series(NEW.k)",
			"ALTER TYPE kind RENAME VALUE 'x' TO 'z'", "ALTER TYPE kind RENAME VALUE 'z' TO 'x'",
		},
	} {
		for _, options := range []string{"", ", at_commit => true", ", format => $$ 'N' || value $$"} {
			t.Run(name+options, func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				s.Do(c.setup)
				s.Do("CREATE TABLE docs (id int PRIMARY KEY, k " + c.column + ", number " + map[bool]string{true: "text", false: "bigint"}[strings.Contains(options, "format")] + ", UNIQUE (k, number))")
				attach := fmt.Sprintf("SELECT gapless.attach_gapless('docs', 'number', $n$ %s $n$%s)", c.name, options)
				s.Do(attach)
				s.Do("INSERT INTO docs VALUES (1, 'x'), (2, 'x'), (3, 'x')")
				s.Do("SELECT gapless.void_gapless('s/x', 1, 'why'); DELETE FROM docs WHERE id = 1") // so that no index keeps the next 1 away
				s.Do(c.change)
				insert := "INSERT INTO docs SELECT 4, k FROM docs WHERE id = 2"
				code, _ := s.Try(insert + "; SET CONSTRAINTS ALL IMMEDIATE")
				require.Equal(t, "55000", code)
				require.Equal(t, "gapless_reseried", s.Refuse("55000", "DELETE FROM docs WHERE id = 2").ConstraintName)
				require.Equal(t, "gapless_reseried", s.Refuse("55000", "UPDATE docs SET k = 'y' WHERE id = 2").ConstraintName)
				s.Do("UPDATE docs SET k = k")
				findings := sqltest.Texts(s, "SELECT explanation FROM gapless.audit_gapless() WHERE kind = 'never issued'")
				require.Equal(t, []string{"a row has it, and the journal has it in another sequence: the row was moved with the triggers off, or what the expressions call has changed"}, findings)

				s.Do("BEGIN")
				s.Do(c.back)
				s.Do(insert)
				s.Do("SET CONSTRAINTS ALL IMMEDIATE")
				require.EqualValues(t, 4, s.Number("SELECT gapless.last_gapless('s/x')"))
				sqltest.RequireSound(s)
				s.Do("ROLLBACK")

				s.Do(attach) // once more
				s.Do(insert)
				require.Equal(t, []int64{2, 3, 4}, s.Numbers("SELECT substring(number::text FROM '[0-9]+')::bigint FROM docs ORDER BY id"))
				s.Refuse("23001", "DELETE FROM docs WHERE id = 2")
				require.Empty(t, sqltest.Texts(s, "SELECT f::text FROM gapless.audit_gapless() AS f WHERE NOT explained AND sequence <> 's/x'"))
			})
		}
	}
}

// TestASeriesDoesNotChangeSilentlyWithACompositeType: its text is another one when it has another attribute.
func TestASeriesDoesNotChangeSilentlyWithACompositeType(t *testing.T) {
	t.Parallel()
	for _, alter := range []string{"ADD ATTRIBUTE x int", "DROP ATTRIBUTE f"} {
		s := sqltest.Connect(t, pgtest.New(t))
		s.Do("CREATE TYPE place AS (e text, f int)")
		s.Do("CREATE TABLE bills (id int PRIMARY KEY, p place, number bigint, UNIQUE (p, number))")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill/' || NEW.p::text $$)")
		s.Do("INSERT INTO bills (id, p.e, p.f) VALUES (1, 'a', 1), (2, 'a', 1)")
		s.Do("ALTER TYPE place " + alter)
		refused := s.Refuse("55000", "INSERT INTO bills (id, p.e) VALUES (3, 'new')")
		require.Equal(t, "gapless_changed_name", refused.ConstraintName)
	}
}
