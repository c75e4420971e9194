package audit_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// What a first audit by fingerprints passed over.

const each = "SELECT concat_ws(' ', sequence, attached_column, kind, first_value, last_value, keys) FROM gapless.audit_gapless() WHERE NOT explained"

// TestAChainThatCannotBeReadIsNotSound, though the numbers are.
func TestAChainThatCannotBeReadIsNotSound(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (id int PRIMARY KEY, amount int, number bigint UNIQUE, hash bytea, previous bytea)")
	s.Do("CREATE FUNCTION f(int) RETURNS bytea IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN int4send($1); END $$")
	s.Do("SELECT gapless.attach_gapless('a', 'number', name => $$ 'x' $$, chain => $$ sha256(coalesce(NEW.previous, '') || public.f(NEW.amount)) $$, hash_column => 'hash', previous_column => 'previous')")
	s.Do("INSERT INTO a SELECT i, i FROM generate_series(1, 3) AS i")
	s.Do("CREATE OR REPLACE FUNCTION f(int) RETURNS bytea IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN IF $1 = 2 THEN RAISE EXCEPTION 'boo'; END IF; RETURN int4send($1); END $$")
	require.Equal(t, []string{" public.a.number not read"}, sqltest.Texts(s, each))
}

// TestARowWithANumberOfAnotherColumnsSeriesIsFound, or of one that is used by hand, or without a series.
func TestARowWithANumberOfAnotherColumnsSeriesIsFound(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("CREATE TABLE b (id int PRIMARY KEY, s text, number bigint); CREATE UNIQUE INDEX ON b (s, number)")
	s.Do("SELECT gapless.attach_gapless('a', 'number', name => $$ 'x' $$), gapless.attach_gapless('b', 'number', name => $$ NEW.s $$)")
	s.Do("INSERT INTO a SELECT i FROM generate_series(1, 3) AS i")
	s.Do("INSERT INTO b SELECT i, 'y' FROM generate_series(1, 3) AS i")
	s.Do("SELECT gapless.next_gapless('hand')")
	behind(s, "INSERT INTO b VALUES (9, 'x', 2), (10, 'x', 77), (11, 'hand', 77), (12, NULL, 8)")
	want := []string{
		` public.b.number never issued 8 8 [{"id": 12}]`,
		`hand public.b.number never issued 77 77 [{"id": 11}]`,
		`x public.b.number never issued 2 2 [{"id": 9}]`,
		`x public.b.number never issued 77 77 [{"id": 10}]`,
	}
	require.Equal(t, want, sqltest.Texts(s, each))
	require.Equal(t, want, sqltest.Texts(s, strings.Replace(each, "audit_gapless()", "audit_gapless(target => 'b')", 1)))
	require.Equal(t, []string{"x 3", "y 3"}, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, details ->> 'documents') FROM gapless.audit_gapless(with_series => true) WHERE kind = 'series' AND sequence <> 'hand'"))
	behind(s, "DELETE FROM a WHERE number = 1")
	require.ElementsMatch(t, append(want, "x public.a.number hole 1 1"), sqltest.Texts(s, each))
}

// TestAMemberOfASharedSeriesIsReadOrNamed, and its rows are.
func TestAMemberOfASharedSeriesIsReadOrNamed(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	_, quoted := sqltest.Role(t, database, "other")
	s.Do("CREATE TABLE a (id int PRIMARY KEY, number bigint UNIQUE); CREATE TABLE b (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('a', 'number', name => $$ 'x' $$)")
	s.Do("SELECT gapless.attach_gapless('b', 'number', name => $$ 'x' $$, series_of => 'public.a.number')")
	s.Do("INSERT INTO a SELECT i FROM generate_series(1, 3) AS i")
	behind(s, "INSERT INTO b VALUES (9, 2)")
	require.Equal(t, []string{`x public.b.number double 2 2 [{"id": 2}, {"": "public.b.number", "id": 9}]`}, sqltest.Texts(s, each))
	behind(s, "DELETE FROM b")
	s.Do("ALTER TABLE b OWNER TO " + quoted)
	for _, arguments := range []string{"", "'x'", "target => 'b'"} {
		require.Equal(t, []string{" public.b.number not read"}, sqltest.Texts(s, strings.Replace(each, "audit_gapless()", "audit_gapless("+arguments+")", 1)), arguments)
	}
}

func TestASeriesMayBeginAtTheLeastNumber(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (number bigint UNIQUE)")
	s.Do("SELECT gapless.next_gapless('hand', initial => -9223372036854775808), gapless.attach_gapless('a', 'number', name => $$ 'x' $$, initial => -9223372036854775808)")
	s.Do("INSERT INTO a SELECT FROM generate_series(1, 3)")
	require.Empty(t, sqltest.Texts(s, each))
	s.Do("SELECT gapless.detach_gapless('a', 'number')")
}

// TestAColumnThatCouldNotBeReadAtDetachIsNotSoundLater: the audit's own remedy for a renamed column forgets nothing.
func TestAColumnThatCouldNotBeReadAtDetachIsNotSoundLater(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (id int PRIMARY KEY, s text NOT NULL, number bigint, UNIQUE (s, number))")
	s.Do("SELECT gapless.attach_gapless('a', 'number', name => $$ NEW.s $$)")
	s.Do("INSERT INTO a SELECT i, CASE WHEN i < 4 THEN 'p' ELSE 'q' END FROM generate_series(1, 6) AS i")
	behind(s, "DELETE FROM a WHERE id IN (2, 4, 5, 6)")
	s.Do("ALTER TABLE a RENAME COLUMN number TO nr")
	s.Do("SELECT gapless.detach_gapless('a', 'number')")
	require.Equal(t, []string{"p public.a.number not read", "q public.a.number not read"}, sqltest.Texts(s, each))
	s.Do("SELECT gapless.attach_gapless('a', 'nr', name => $$ NEW.s $$)")
	require.Equal(t, []string{"p public.a.nr hole 2 2", "q public.a.number not read"}, sqltest.Texts(s, each))
}

// TestByNameEqualIsNotTheSame: an index by which values are equal that give names of different series is not used.
func TestByNameEqualIsNotTheSame(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (id int PRIMARY KEY, amount numeric NOT NULL, number bigint)")
	s.Do("CREATE UNIQUE INDEX ON a ((amount::text), number); CREATE INDEX ON a (amount)")
	s.Do("SELECT gapless.attach_gapless('a', 'number', name => $$ 's/' || NEW.amount::text $$)")
	s.Do("INSERT INTO a VALUES (1, 1.0), (2, 1.0), (3, 1.0), (7, 1.00), (8, 1.00)")
	require.Empty(t, sqltest.Texts(s, strings.Replace(each, "audit_gapless()", "audit_gapless('s/1.00')", 1)))
}

func TestWhatWasInNeitherAtDetachIsOneHole(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('a', 'number', name => $$ 'x' $$)")
	for range 4 {
		s.Do("INSERT INTO a SELECT coalesce(max(id), 0) + 1 FROM a")
	}
	behind(s, "DELETE FROM a WHERE id = 2", "DELETE FROM gapless.journal WHERE ordinal = 2")
	s.Do("SELECT gapless.detach_gapless('a', 'number')")
	require.Equal(t, []string{"x hole 2 2"}, sqltest.Texts(s, each))
}

// TestSumsOfWhatIsNotSound: dates that are not at the end of a run, a series beside one that cannot be read, a cycle.
func TestSumsOfWhatIsNotSound(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE a (id int PRIMARY KEY, d date NOT NULL, number bigint UNIQUE)")
	s.Do("INSERT INTO a VALUES (1, '2020-05-01', 1), (2, '2019-01-01', 2), (3, '2020-07-01', 3)")
	s.Do("SELECT gapless.attach_gapless('a', 'number', name => $$ 'x' $$, chronology => $$ NEW.d::timestamp $$)")
	s.Do("INSERT INTO a VALUES (4, '2021-01-01')")
	s.Do("CREATE FUNCTION f(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'y'; END $$")
	s.Do("CREATE TABLE b (id int PRIMARY KEY, number bigint UNIQUE); CREATE TABLE c (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('b', 'number', name => $$ public.f(NEW.id) $$), gapless.attach_gapless('c', 'number', name => $$ 'z' $$)")
	s.Do("INSERT INTO b SELECT i FROM generate_series(1, 5) AS i; INSERT INTO c SELECT i FROM generate_series(1, 5) AS i")
	s.Do("CREATE OR REPLACE FUNCTION f(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN IF $1 = 3 THEN RAISE EXCEPTION 'boo'; END IF; RETURN 'y'; END $$")
	s.Do("SELECT gapless.next_gapless('cycle', 0, 3) FROM generate_series(1, 8)")
	require.Equal(t, []string{"cycle 8", "x 1 4 2019-01-01T00:00:00 2021-01-01T00:00:00", "z 5 5"}, sqltest.Texts(s, `SELECT concat_ws(' ', sequence, details ->> 'issued', details ->> 'documents', details ->> 'dated_from', details ->> 'dated_until')
		FROM gapless.audit_gapless(with_series => true) WHERE kind = 'series'`))
}
