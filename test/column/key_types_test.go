package column_test

// At commit, rows are found by the text of their primary key: whatever its type, and whatever the session has set.

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// oddKeys are types of which a setting decides, or might, what their texts are; each with four values.
var oddKeys = map[string][4]string{
	"float8":         {"1.0::float8 / 3", "2.0::float8 / 3", "'-Infinity'", "4.0::float8 / 3"},
	"real":           {"1.0::real / 3", "'NaN'", "5.0::real / 3", "4.0::real / 3"},
	"temperature":    {"10.0::float8 / 3", "2.0::float8 / 3", "5.0::float8 / 3", "4.0::float8 / 3"},
	"interval":       {"'-1 days +02:03:04.5'", "'1 year -2 months'", "'-1 year -1 day -00:00:01'", "'3 days'"},
	"tstzrange":      {"'[2026-02-03 10:00+00, 2026-02-04 10:00+00)'", "'[2026-02-03 10:00+00, infinity)'", "'empty'", "'(,2026-04-05 10:00+00)'"},
	"daterange":      {"'[2026-02-03, 2026-02-04)'", "'[2026-02-03, 2026-12-11)'", "'empty'", "'(,2026-04-05)'"},
	"scores":         {"public.scores(1.0::float8 / 3, 2)", "public.scores(2.0::float8 / 3, 2)", "'empty'", "public.scores(NULL, 4.0::float8 / 3)"},
	"datemultirange": {"'{[2026-02-03, 2026-02-04), [2026-03-04, 2026-03-05)}'", "'{}'", "'{[2026-02-03,)}'", "'{[2026-05-06, 2026-07-08)}'"},
	"timestamptz":    {"'2026-02-03 10:00+00'", "'2026-02-03 10:00:00.123456+00'", "'infinity'", "'2026-07-08 10:00+00'"},
	"date":           {"'2026-02-03'", "'0044-03-15 BC'", "'-infinity'", "'2026-07-08'"},
	"timetz":         {"'10:00+00'", "'10:00:00.5+02'", "'24:00+00'", "'11:12+13'"},
	"regclass":       {"'public.\"A table\"'", "'public.bills'", "'pg_catalog.pg_class'", "'pg_catalog.pg_proc'"},
	"regtype":        {"'int'", "'public.kind'", "'public.temperature'", "'public.scores'"},
	"money":          {"1.50::numeric", "-1234567.89::numeric", "0::numeric", "2::numeric"},
	"bytea":          {"'\\x00ff5c22'", "''", "'abc\"'", "'\\\\'"},
	"\"char\"":       {"'\"'", "''", "','", "'\\'"},
	"name":           {"'a,b'", "'{}'", "'NULL'", "'\"'"},
	"kind":           {"'a \"b\"'", "'NULL'", "'{}'", "'c'"},
	"numeric":        {"1.50", "'NaN'", "1e40", "-1.1"},
	"jsonb":          {"'{\"a\": [1, 2]}'", "'[]'", "'null'", "'\"{}\"'"},
	"bit varying":    {"'101'", "''", "'0'", "'1111'"},
	"inet":           {"'10.0.0.1'", "'::1'", "'10.0.0.0/8'", "'fe80::/64'"},
	"tsvector":       {"'a:1 b:2'", "''", "'''quoted'' x'", "'c'"},
	"pg_lsn":         {"'0/1'", "'1/0'", "'FF/FF'", "'0/0'"},
}

func TestAtCommitAKeyOfAnyTypeFindsItsRowUnderEverySetting(t *testing.T) {
	t.Parallel()
	settings := []string{
		"", "SET LOCAL extra_float_digits = 0; ", "SET LOCAL extra_float_digits = -15; ", "SET LOCAL extra_float_digits = 3; ",
		"SET LOCAL DateStyle = 'SQL, DMY'; SET LOCAL IntervalStyle = sql_standard; SET LOCAL TimeZone = 'Asia/Kolkata'; ",
		"SET LOCAL DateStyle = 'Postgres, MDY'; SET LOCAL IntervalStyle = postgres_verbose; SET LOCAL TimeZone = 'America/St_Johns'; ",
		"SET LOCAL DateStyle = 'German'; SET LOCAL IntervalStyle = iso_8601; SET LOCAL search_path = pg_catalog; SET LOCAL bytea_output = escape; ",
	}
	for key, values := range oddKeys {
		t.Run(strings.Trim(key, `"`), func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			s.Do(`CREATE DOMAIN temperature AS float8; CREATE TYPE scores AS RANGE (subtype = float8); CREATE TYPE kind AS ENUM ('a "b"', 'NULL', '{}', 'c'); CREATE TABLE "A table" ()`)
			_, clerk := sqltest.Role(t, database, "clerk")
			s.Do("GRANT USAGE ON SCHEMA public TO PUBLIC")
			for _, partitioned := range []string{"", " PARTITION BY RANGE (part); CREATE TABLE part PARTITION OF bills DEFAULT"} {
				s.Do("CREATE TABLE bills (part int NOT NULL DEFAULT 1, k " + key + ", number bigint, PRIMARY KEY (part, k), UNIQUE (part, number))" + partitioned)
				s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' || NEW.part $$, at_commit => true)")
				s.Do("GRANT ALL ON bills TO " + clerk)
				for _, role := range []string{"NONE", clerk} {
					s.Do("SET ROLE " + role)
					for i, set := range settings {
						s.Do("BEGIN; " + set)
						s.Do("INSERT INTO public.bills (k) VALUES (" + values[0] + ")")
						s.Do(settings[(i+1)%len(settings)] + setImmediate + "; SET CONSTRAINTS ALL DEFERRED")
						s.Do("INSERT INTO public.bills (k) VALUES (" + values[1] + "), (" + values[2] + ")")
						s.Do("INSERT INTO public.bills (k) VALUES (" + values[3] + ")")
						s.Do(set + setImmediate)
						require.Equal(t, []int64{1, 2, 3, 4}, s.Numbers("SELECT number FROM public.bills ORDER BY number"), set)
						s.Do("ROLLBACK")
					}
				}
				s.Do("RESET ROLE")
				s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP TABLE bills")
			}
			requireNothingLeft(s)
		})
	}
}

// TestAPrimaryKeyThatFindsNoRowIsRefusedAtCommit: attach says it, and not the first COMMIT.
func TestAPrimaryKeyThatFindsNoRowIsRefusedAtCommit(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TYPE pair AS (a int, b text); CREATE DOMAIN two AS pair; CREATE DOMAIN list AS int[]; CREATE DOMAIN short AS list CHECK (cardinality(VALUE) < 3)")
	for _, key := range []string{"text[]", "pair", "two", "list", "short", "pair[]", "regtype[]"} {
		s.Do(`CREATE TABLE bills (part int, "The key" ` + key + `, number bigint UNIQUE, PRIMARY KEY (part, "The key"))`)
		refused := s.Refuse("55000", "SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$, at_commit => true)")
		require.Equal(t, "attach_column", refused.ConstraintName)
		require.Contains(t, refused.Message, `column "The key" of the primary key is of type `)
		requireNamed(t, refused, "bills", "number")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$)") // at the INSERT, it is all the same
		s.Do("SELECT gapless.detach_gapless('bills', 'number')")
		s.Do(`ALTER TABLE bills DROP CONSTRAINT bills_pkey; ALTER TABLE bills ALTER "The key" DROP NOT NULL, ADD UNIQUE (part, "The key"), ADD COLUMN id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY`)
		s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$, at_commit => true)") // as the HINT says
		s.Do("INSERT INTO bills (part) VALUES (1), (2)")
		require.Equal(t, []int64{1, 2}, s.Numbers("SELECT number FROM bills ORDER BY number"))
		s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP TABLE bills; SELECT gapless.delete_gapless('bill')")
	}
}
