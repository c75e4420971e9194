package security_test

// What parses, under random input: go test -run '^$' -fuzz '^FuzzNamesOfSequences$' -fuzztime 1m -parallel 1 .
// Without -fuzz, go test runs the seeds below, and what fuzzing has found.

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// fuzzText makes of any bytes a text that PostgreSQL takes as one: UTF-8 without zero bytes.
func fuzzText(bytes string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(bytes, "\ufffd"), "\x00", "\u2400")
}

// fuzzSession is a session on a database of f's own, of a role that is no superuser and owns schema fuzz, with a canary in it.
func fuzzSession(f *testing.F) *pgx.Conn {
	f.Helper()
	database := pgtest.New(f)
	owner := sqltest.Session{Conn: database.Conn(f), T: f, Ctx: f.Context()}
	quoted := pgx.Identifier{database.Name + " fuzz"}.Sanitize()
	owner.Do("CREATE ROLE " + quoted)
	f.Cleanup(func() {
		ctx := context.WithoutCancel(f.Context())
		conn, err := pgx.Connect(ctx, database.URL)
		require.NoError(f, err)
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "DROP OWNED BY "+quoted+" CASCADE; DROP ROLE "+quoted)
		require.NoError(f, err)
	})
	pg.MayAttach(owner, quoted)
	owner.Do("GRANT EXECUTE ON FUNCTION gapless.audit_gapless, gapless.adopt_gapless, gapless.next_gapless, gapless.last_gapless TO " + quoted)
	owner.Do("GRANT SELECT ON gapless.sequences TO " + quoted)
	owner.Do("CREATE SCHEMA fuzz AUTHORIZATION " + quoted)
	owner.Do("GRANT CREATE ON DATABASE " + pgx.Identifier{database.Name}.Sanitize() + " TO " + quoted)
	owner.Do("SET SESSION AUTHORIZATION " + quoted)
	owner.Do("SET search_path = fuzz; SET statement_timeout = '5s'")
	owner.Do("CREATE TABLE canary (alive integer); INSERT INTO canary VALUES (1)")
	return owner.Conn
}

// fuzzRefused is the SQLSTATE of an error of PostgreSQL's, or "" if there is none.
func fuzzRefused(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var pgErr *pgconn.PgError
	require.ErrorAs(t, err, &pgErr)
	require.NotEqual(t, "XX", pgErr.Code[:2], "an error inside PostgreSQL: %+v", pgErr)
	return pgErr.Code
}

// FuzzNamesOfSequences has any text as a name: it is a sequence of its own, of exactly that name, or refused.
func FuzzNamesOfSequences(f *testing.F) {
	conn := fuzzSession(f)
	for _, name := range append([]string{"invoice", "", " ", strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("é", 127), strings.Repeat("é", 128)}, pg.Payloads...) {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		s := sqltest.Session{Conn: conn, T: t, Ctx: t.Context()}
		name = fuzzText(name)
		s.Do("BEGIN")
		defer func() { _, _ = conn.Exec(context.Background(), "ROLLBACK") }()
		var first int64
		err := conn.QueryRow(s.Ctx, "SELECT gapless.next_gapless($1)", name).Scan(&first)
		if len(name) < 1 || len(name) > 255 {
			require.Equal(t, "22023", fuzzRefused(t, err))
			return
		}
		require.NoError(t, err)
		require.EqualValues(t, 1, first)
		require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless($1)", name))
		require.EqualValues(t, 2, s.Number("SELECT gapless.last_gapless($1)", name))
		require.Equal(t, []string{name}, sqltest.Texts(s, "SELECT name FROM gapless.sequences"))
		require.EqualValues(t, 1, s.Number("SELECT alive FROM canary"))
	})
}

// FuzzNumbersInTexts has any text before and after a number: the number is read back from it, or the row is refused.
func FuzzNumbersInTexts(f *testing.F) {
	conn := fuzzSession(f)
	setUp := sqltest.Session{Conn: conn, T: f, Ctx: f.Context()}
	setUp.Do("CREATE TABLE docs (before text, after text, width integer, series text DEFAULT 'docs', number text UNIQUE)")
	setUp.Do(`SELECT gapless.attach_gapless('docs', 'number', 'NEW.series',
		format => $$ NEW.before || lpad(value::text, greatest(NEW.width, length(value::text)), '0') || NEW.after $$)`)
	for _, seed := range []struct {
		before, after string
		width         int64
		value         int64
	}{
		{"INV-", "", 5, 1}, {"2026-", "/7", 0, 2026}, {"", "", 0, 9223372036854775806}, {"0", "0", 1, 10}, {"1", "", 3, 1}, {"", "1", 2, 11}, {"9", "9", 0, 99},
		{"00000000000000000000", "", 0, 1}, {"-", "", 0, 5}, {"٣", "", 0, 3}, {"１", "", 0, 1}, {"a\n", "\n1", 0, 1}, {"%", "\\1", 0, 12}, {"99999999999999999999999", "x", 30, 7},
		{"x", "y", -5, 3}, {"0", "0", 0, 9223372036854775807}, {"", "", 400, 1},
	} {
		f.Add(seed.before, seed.after, seed.width, seed.value)
	}
	f.Fuzz(func(t *testing.T, before, after string, width, value int64) {
		s := sqltest.Session{Conn: conn, T: t, Ctx: t.Context()}
		before, after, width = fuzzText(before), fuzzText(after), width%500
		value &= 1<<63 - 1
		s.Do("BEGIN")
		defer func() { _, _ = conn.Exec(context.Background(), "ROLLBACK") }()
		if value > 0 {
			s.Do("SELECT gapless.adopt_gapless('docs', $1)", value-1)
		}
		var number string
		err := conn.QueryRow(s.Ctx, "INSERT INTO docs VALUES ($1, $2, $3) RETURNING number", before, after, width).Scan(&number)
		if value == 0 {
			value = 1
		}
		digits := strconv.FormatInt(value, 10)
		if missing := int(width) - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		if code := fuzzRefused(t, err); code != "" {
			// Only where the text has other digits can it be unclear; or the index cannot have a text of that length.
			require.Contains(t, []string{"22023", "54000"}, code)
			require.True(t, strings.ContainsAny(before+after, "0123456789") || code == "54000", "%q %q", before, after)
			return
		}
		require.Equal(t, before+digits+after, number)
		require.True(t, utf8.ValidString(number))
		require.Equal(t, []string{strconv.FormatInt(value, 10)}, sqltest.Texts(s,
			"SELECT r.value::text FROM docs_number_gapless_rows() AS r (series text, value bigint, number text, dated timestamp)"), "read back from %q", number)
		require.Empty(t, sqltest.Texts(s, "SELECT explanation FROM gapless.audit_gapless('docs') WHERE NOT explained"), "%q", number)
	})
}

// FuzzExpressions has any text as each of attach's expressions: what it takes is one value of the row, and nothing else runs.
func FuzzExpressions(f *testing.F) {
	conn := fuzzSession(f)
	setUp := sqltest.Session{Conn: conn, T: f, Ctx: f.Context()}
	setUp.Do("CREATE TABLE docs (id integer, tenant text, d date, number text UNIQUE)")
	for _, expression := range []string{
		"NEW.tenant", "'a' || NEW.tenant", "NEW.tenant || '/' || to_char(NEW.d, 'YYYY')", "'INV-' || value", "lpad(value::text, 5, '0')", "NEW.id > 3", "NEW.d",
		"'a'; DROP TABLE canary", "'a'); DROP TABLE canary; SELECT ('b'", "'a']); DROP TABLE canary; SELECT (ARRAY['b'", "'a'\n)) AS v; DROP TABLE canary; --",
		"'a'\n] AS result) AS number; DROP TABLE canary; --", "(DELETE FROM canary RETURNING 'a')", "$q$ NEW.tenant", "NEW.tenant /*", "CASE WHEN true THEN 'a' END",
		"'a' -- x", "/* ] */ 'x'", "E'\\'' || NEW.tenant", "U&'\\0061'", "(SELECT 'x')", "generate_series(1, 2)::text", "now()::text", "'a', 'b'", "NEW.*", "(NEW).tenant",
		"coalesce(NEW.tenant, 'x') COLLATE \"C\"", "ARRAY[NEW.tenant][1]", "NEW.tenant::varchar(3)", "xmlelement(name a)", "row(1)::text", "NEW.d::timestamp", "true", "NULL", "1",
	} {
		for parameter := range int64(4) {
			f.Add(parameter, expression)
		}
	}
	f.Fuzz(func(t *testing.T, parameter int64, expression string) {
		s := sqltest.Session{Conn: conn, T: t, Ctx: t.Context()}
		arguments := []any{"'docs' || coalesce(NEW.tenant, '')", "NEW.id || '-' || value", nil, nil}
		arguments[parameter&3] = fuzzText(expression)
		s.Do("BEGIN")
		defer func() {
			_, _ = conn.Exec(context.Background(), "ROLLBACK")
			require.EqualValues(t, 1, s.Number("SELECT alive FROM canary"))
			require.Equal(t, []string{"canary", "docs"}, sqltest.Texts(s, "SELECT relname FROM pg_class WHERE relnamespace = 'fuzz'::regnamespace AND relkind <> 'i' ORDER BY 1"))
		}()
		_, err := conn.Exec(s.Ctx, "SELECT gapless.attach_gapless('docs', 'number', name => $1::text, format => $2::text, condition => $3::text, chronology => $4::text)", arguments...)
		if code := fuzzRefused(t, err); code != "" {
			require.Contains(t, []string{"22", "42", "0A", "55", "54", "57", "3F"}, code[:2], "an argument that is wrong, and nothing else")
			return
		}
		require.EqualValues(t, 1, s.Number("SELECT alive FROM canary"))
		require.Equal(t, []string{"canary", "docs"}, sqltest.Texts(s, "SELECT relname FROM pg_class WHERE relnamespace = 'fuzz'::regnamespace AND relkind <> 'i' ORDER BY 1"))
		require.EqualValues(t, 15, s.Number("SELECT count(*) FROM pg_proc WHERE pronamespace = 'fuzz'::regnamespace"))
		tag, err := conn.Exec(s.Ctx, "INSERT INTO docs (id, tenant, d) VALUES (1, 'a', '2026-01-01'), (7, 'b', '2026-01-02')")
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) {
			// What the row's values make of it: no name, no date, no text that the number can be read from.
			require.Contains(t, []string{"22", "23", "42", "40", "54", "57"}, pgErr.Code[:2], "%+v", pgErr)
			return
		}
		require.NoError(t, err)
		require.EqualValues(t, 2, tag.RowsAffected())
		require.EqualValues(t, 1, s.Number("SELECT alive FROM canary"))
		require.EqualValues(t, 2, s.Number("SELECT count(*) FROM docs"))
		require.Empty(t, sqltest.Texts(s, "SELECT explanation FROM gapless.audit_gapless() WHERE NOT explained"))
	})
}

// FuzzIdentifiers has any text as the names of a schema, a table and a column: what attach compiles of them works.
func FuzzIdentifiers(f *testing.F) {
	conn := fuzzSession(f)
	for _, name := range append([]string{"number", "NEW", "new", "value", "run", "this", "key", "relation", "series", "dated", "inserted", "n", "v", "r", "select", "№"}, pg.Payloads...) {
		f.Add(name, name, name)
	}
	f.Fuzz(func(t *testing.T, schema, table, column string) {
		s := sqltest.Session{Conn: conn, T: t, Ctx: t.Context()}
		defer func() { _, _ = conn.Exec(context.Background(), "ROLLBACK") }()
		s.Do("BEGIN")
		cut := func(name string, bytes int) string {
			name = fuzzText(name)
			for len(name) > bytes {
				_, size := utf8.DecodeLastRuneInString(name)
				name = name[:len(name)-size]
			}
			return name
		}
		schema, table, column = cut(schema, 63), cut(table, 63), cut(column, 42)
		quoted := pgx.Identifier{schema, table}.Sanitize()
		number := pgx.Identifier{column}.Sanitize()
		other := pgx.Identifier{column + "x"}.Sanitize()
		if _, err := conn.Exec(s.Ctx, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize()); err != nil {
			require.Contains(t, []string{"42601", "42939", "42P06"}, fuzzRefused(t, err)) // no name at all, a system's, or one that is there
			return
		}
		if _, err := conn.Exec(s.Ctx, "CREATE TABLE "+quoted+" ("+other+" text, "+number+" bigint UNIQUE)"); err != nil {
			require.Contains(t, []string{"42601", "42P07", "42701"}, fuzzRefused(t, err))
			return
		}
		s.Do("SELECT gapless.attach_gapless($1::text::regclass, $2::text::name, $$ 'series' $$, condition => $3::text)", quoted, column, "NEW."+other+" IS NULL")
		s.Do("INSERT INTO " + quoted + " (" + other + ") VALUES (NULL), ('not numbered'), (NULL)")
		require.Equal(t, []int64{1, 2}, s.Numbers("SELECT "+number+" FROM "+quoted+" WHERE "+number+" IS NOT NULL ORDER BY 1"))
		require.Empty(t, sqltest.Texts(s, "SELECT explanation FROM gapless.audit_gapless() WHERE NOT explained"))
		s.Do("SAVEPOINT s")
		refused := s.Refuse("23001", "DELETE FROM "+quoted)
		require.Equal(t, []string{schema, table, column}, []string{refused.SchemaName, refused.TableName, refused.ColumnName})
		s.Do("ROLLBACK TO s")
		s.Do("SELECT gapless.detach_gapless($1::text::regclass, $2::text::name)", quoted, column)
		s.Do("DELETE FROM " + quoted)
	})
}
