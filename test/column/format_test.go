package column_test

// Numbers of any text: whatever a format gives, however it mixes the value with other digits.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

// format is an expression, and the texts that it gives from a value on.
type format struct {
	name, expression string
	initial          int64
	texts            []string
}

var formats = []format{
	{"year glued", `'R' || to_char(NEW.d, 'YY') || lpad(value::text, greatest(3, length(value::text)), '0')`, 998, []string{"R24998", "R24999", "R241000", "R241001", "R241002", "R241003", "R241004"}},
	{"customer glued", `NEW.customer || value`, 9, []string{"47119", "471110", "471111", "471112", "471113", "471114", "471115"}},
	{"letters", `chr(65 + ((value - 1) / 999)::int) || lpad(((value - 1) % 999 + 1)::text, 3, '0')`, 997, []string{"A997", "A998", "A999", "B001", "B002", "B003", "B004"}},
	{"hexadecimal", `to_hex(value)`, 8, []string{"8", "9", "a", "b", "c", "d", "e"}},
	{"base 36", `public.base36(value)`, 34, []string{"y", "z", "10", "11", "12", "13", "14"}},
	{"Roman", `to_char(value, 'FMRN')`, 1, []string{"I", "II", "III", "IV", "V", "VI", "VII"}},
	{"thousands", `to_char(value, 'FM999,999')`, 998, []string{"998", "999", "1,000", "1,001", "1,002", "1,003", "1,004"}},
	{"check digit glued", `value || ((value * 7) % 10)::text`, 8, []string{"86", "93", "100", "117", "124", "131", "148"}},
	{"all digits glued", `'B01' || lpad(value::text, greatest(8, length(value::text)), '0')`, 1,
		[]string{"B0100000001", "B0100000002", "B0100000003", "B0100000004", "B0100000005", "B0100000006", "B0100000007"}},
}

const createBase36 = `CREATE FUNCTION public.base36(value bigint) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
	DECLARE
		digits text := '';
	BEGIN
		IF value IS NULL THEN
			RAISE null_value_not_allowed;
		END IF;
		LOOP
			digits := substr('0123456789abcdefghijklmnopqrstuvwxyz', (value % 36)::int + 1, 1) || digits;
			value := value / 36;
			EXIT WHEN value = 0;
		END LOOP;
		RETURN digits;
	END $$`

// formatted is a table of a schema of its own, whose texts are numbered by a series of the same name.
type formatted struct {
	sqltest.Session
	schema, attach string
}

var formattedKinds = []struct {
	name, options        string
	partitioned, adopted bool
}{
	{"early", "", false, true},
	{"at commit", ", at_commit => true", false, false},
	{"drafts", ", condition => $$ NEW.status <> 'draft' $$", false, false},
	{"drafts at commit", ", condition => $$ NEW.status <> 'draft' $$, at_commit => true", false, false},
	{"partitioned", "", true, false},
	{"partitioned drafts at commit", ", condition => $$ NEW.status <> 'draft' $$, at_commit => true", true, true},
}

// newFormatted makes the table, not attached yet.
func newFormatted(t *testing.T, database *pgtest.Database, schema, expression, options string, partitioned bool) formatted {
	t.Helper()
	f := formatted{Session: sqltest.Connect(t, database), schema: schema}
	f.Do(fmt.Sprintf("CREATE SCHEMA %[1]s; SET search_path = %[1]s", pgx.Identifier{schema}.Sanitize()))
	f.Do(`CREATE TABLE i (id int, region text NOT NULL DEFAULT 'north', d date NOT NULL DEFAULT '2024-01-01', customer text NOT NULL DEFAULT '4711',
		status text NOT NULL DEFAULT 'issued', number text, PRIMARY KEY (region, id), UNIQUE (region, number))` +
		map[bool]string{true: " PARTITION BY LIST (region); CREATE TABLE north PARTITION OF i FOR VALUES IN ('north'); CREATE TABLE south PARTITION OF i FOR VALUES IN ('south')"}[partitioned])
	if !partitioned {
		f.Do("ALTER TABLE i ADD UNIQUE (number)")
	}
	f.attach = fmt.Sprintf("SELECT gapless.attach_gapless('i', 'number', name => $$ '%s' $$, format => $f$ %s $f$%s, initial => ", schema, expression, options)
	return f
}

func (f formatted) attachAt(initial int64) {
	f.T.Helper()
	f.Do(fmt.Sprintf("%s%d)", f.attach, initial))
}

func (f formatted) numbers() []string {
	f.T.Helper()
	return sqltest.Texts(f.Session, "SELECT number FROM i WHERE number IS NOT NULL ORDER BY id")
}

// unexplained is what the audit finds wrong.
func (f formatted) unexplained() []string {
	f.T.Helper()
	return sqltest.Texts(f.Session, "SELECT concat_ws(' ', kind, first_value, last_value) FROM gapless.audit_gapless($1) WHERE NOT explained", f.schema)
}

func TestFormatsOfAnyTextInEveryKindOfColumn(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	sqltest.Connect(t, database).Do(createBase36)
	for _, format := range formats {
		for _, kind := range formattedKinds {
			t.Run(format.name+", "+kind.name, func(t *testing.T) {
				t.Parallel()
				f := newFormatted(t, database, format.name+", "+kind.name, format.expression, kind.options, kind.partitioned)
				f.attachAt(format.initial)
				if strings.Contains(kind.options, "condition") {
					f.Do("INSERT INTO i (id, status) VALUES (1, 'draft'), (2, 'draft'), (3, 'draft'), (4, 'draft')")
					require.Empty(t, f.numbers())
					f.Do("UPDATE i SET status = 'issued' WHERE id = 1")
					f.Do("UPDATE i SET status = 'issued' WHERE id > 1")
				} else {
					f.Do("INSERT INTO i (id) VALUES (1)")
					f.Do("INSERT INTO i (id) VALUES (2), (3), (4)")
				}
				require.Equal(t, format.texts[:4], f.numbers())
				f.refuseChanges(format, strings.Contains(kind.options, "at_commit"))
				if kind.partitioned {
					f.Do("UPDATE i SET region = 'south' WHERE id = 2")
					f.Do("WITH gone AS (DELETE FROM i WHERE id = 3 RETURNING *) INSERT INTO i SELECT id, 'south', d, customer, status, number FROM gone")
					require.Equal(t, format.texts[:4], f.numbers())
				}
				require.Empty(t, f.unexplained())
				f.voidAndDelete(format)
				if kind.adopted {
					f.adopt(format)
				}
				f.loseARow(format)
			})
		}
	}
}

// refuseChanges tries what would change the four numbers.
func (f formatted) refuseChanges(format format, late bool) {
	f.T.Helper()
	f.Refuse("428C9", "UPDATE i SET number = $1 WHERE id = 1", format.texts[4])
	f.Refuse("428C9", "INSERT INTO i (id, number) VALUES (100, $1)", format.texts[4])
	f.Refuse(map[bool]string{true: "428C9", false: "23505"}[late], "INSERT INTO i (id, number) VALUES (100, $1)", format.texts[0])
	require.Contains(f.T, f.Refuse("23001", "DELETE FROM i WHERE id = 1").Hint, fmt.Sprintf("%d, 'why'", format.initial))
	f.Refuse("23001", "TRUNCATE i")
	f.Do("UPDATE i SET number = number")
	require.Equal(f.T, format.texts[:4], f.numbers())
}

// voidAndDelete cancels the second number by its value.
func (f formatted) voidAndDelete(format format) {
	f.T.Helper()
	f.Do("SELECT gapless.void_gapless($1, $2, 'why')", f.schema, format.initial+1)
	f.Refuse("23001", "DELETE FROM i WHERE id = 1")
	f.Do("DELETE FROM i WHERE id = 2")
	require.Equal(f.T, []string{fmt.Sprint("hole ", format.initial+1)}, sqltest.Texts(f.Session,
		"SELECT concat_ws(' ', kind, first_value) FROM gapless.audit_gapless($1) WHERE explained", f.schema))
	require.Equal(f.T, []string{format.texts[1]}, sqltest.Texts(f.Session, "SELECT written FROM gapless.void WHERE name = $1", f.schema))
}

// adopt detaches the column, and attaches it again.
func (f formatted) adopt(format format) {
	f.T.Helper()
	f.Do("SELECT gapless.detach_gapless('i', 'number')")
	f.attachAt(format.initial)
	f.Do("INSERT INTO i (id) VALUES (5)")
	require.Equal(f.T, append([]string{format.texts[0]}, format.texts[2:5]...), f.numbers())
	f.Refuse("23001", "DELETE FROM i WHERE id = 3")
	require.Empty(f.T, f.unexplained())
}

// loseARow deletes a row behind the triggers' back.
func (f formatted) loseARow(format format) {
	f.T.Helper()
	f.Do("SET session_replication_role = replica; DELETE FROM i WHERE id = 4; SET session_replication_role = origin")
	require.Equal(f.T, []string{fmt.Sprintf("hole %[1]d %[1]d", format.initial+3)}, f.unexplained())
}

// TestFormatsGoOnAfterTextsFromBefore loads a table with what the format gives, and attaches it: by itself where the texts
// tell their value, and else with the first number to issue.
func TestFormatsGoOnAfterTextsFromBefore(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	sqltest.Connect(t, database).Do(createBase36)
	told := map[string]bool{"year glued": true, "customer glued": true, "thousands": false, "all digits glued": true}
	for _, format := range formats {
		t.Run(format.name, func(t *testing.T) {
			t.Parallel()
			f := newFormatted(t, database, format.name, format.expression, "", false)
			f.Do("INSERT INTO i (id, number) VALUES (1, $1), (2, $2), (3, $3), (4, NULL)", format.texts[0], format.texts[1], format.texts[2])
			initial := format.initial + 3
			if told[format.name] {
				initial = format.initial
			}
			f.attachAt(initial)
			f.Do("INSERT INTO i (id) VALUES (5), (6)")
			require.Equal(t, format.texts[:5], f.numbers())
			f.Refuse("23001", "DELETE FROM i WHERE id = 3")
			f.Refuse("428C9", "UPDATE i SET number = 'x' WHERE id = 1")
			require.Empty(t, f.unexplained())
			hint := f.Refuse("23001", "DELETE FROM i WHERE id = 3").Hint
			_, void, _ := strings.Cut(strings.TrimSuffix(hint, "."), ": ")
			f.Do(void)
			f.Do("DELETE FROM i WHERE id = 3")
			f.Refuse("23001", "DELETE FROM i WHERE id = 2")
			require.Empty(t, f.unexplained())
			f.Do("SET session_replication_role = replica; DELETE FROM i WHERE id = 5; SET session_replication_role = origin")
			require.Len(t, f.unexplained(), 1)
		})
	}
}

// TestFormatsWithoutARunOfDigitsOfTheirOwn is the commonest invoice number there is.
func TestFormatsWithoutARunOfDigitsOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE i (id int GENERATED ALWAYS AS IDENTITY, d date NOT NULL, number text NOT NULL UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('i', 'number', name => $$ to_char(NEW.d, 'YYYY') $$, format => $$ 'R' || to_char(NEW.d, 'YY') || lpad(value::text, 3, '0') $$)")
	require.Equal(t, []string{"R24001"}, sqltest.Texts(s, "INSERT INTO i(d) VALUES ('2024-01-01') RETURNING number"))
	s.Do("INSERT INTO i(d) SELECT '2024-01-01' FROM generate_series(2, 999)")
	refused := s.Refuse("22023", "INSERT INTO i(d) VALUES ('2024-01-01')")
	require.Equal(t, `column "number" of table public.i: the format gives 'R24100' for 1000 of sequence "2024", which 100 has already`, refused.Message)
	require.Equal(t, "gapless_repeated", refused.ConstraintName)
	require.NotEmpty(t, refused.Hint)
	require.Equal(t, []string{"R25001"}, sqltest.Texts(s, "INSERT INTO i(d) VALUES ('2025-01-01') RETURNING number"))
	sqltest.RequireSound(s)
}

// TestFormatsThatEndAreRefusedAtThatRow has such as repeat themselves where attach has not tried them.
func TestFormatsThatEndAreRefusedAtThatRow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format        string
		adopted, rows int64 // before the row that is refused
		text, says    string
	}{
		"Roman":               {"to_char(value, 'FMRN')", 3997, 2, "###############", "since its pattern has no room"},
		"zeros":               {"to_char(value, 'FM000')", 997, 2, "###", "since its pattern has no room"},
		"thousands":           {"to_char(value, 'FM999,999')", 999_997, 2, "###,###", "since its pattern has no room"},
		"the last digits":     {"right('00' || value, 3)", 0, 1000, "001", "which 1 has already"},
		"a circle":            {"(value % 500)::text", 0, 500, "1", "which 1 has already"},
		"a mark of one's own": {"'##' || right('00' || value, 3)", 0, 1000, "##001", "which 1 has already"},
		"room":                {"lpad('', value::int, 'I')", 0, 150, strings.Repeat("I", 151), "which does not fit"},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", at commit ", late), func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				s.Do("CREATE TABLE i (id int PRIMARY KEY, number varchar(150) UNIQUE)")
				if c.adopted > 0 {
					s.Do("SELECT gapless.adopt_gapless('i', $1)", c.adopted)
				}
				s.Do("SELECT gapless.attach_gapless('i', 'number', name => $$ 'i' $$, format => $1, at_commit => $2)", c.format, late)
				s.Do("INSERT INTO i SELECT generate_series(1, $1)", c.rows)
				refused := s.Refuse("22023", "INSERT INTO i VALUES (0)")
				require.Contains(t, refused.Message, fmt.Sprintf("'%s' for %d of sequence \"i\", %s", c.text, c.adopted+c.rows+1, c.says))
				require.Equal(t, []string{"public", "i", "number"}, []string{refused.SchemaName, refused.TableName, refused.ColumnName})
				require.NotEmpty(t, refused.Hint)
				require.Equal(t, c.rows, s.Number("SELECT count(number) FROM i"))
				sqltest.RequireSound(s)
			})
		}
	}
}

// TestAttachTriesAFormatOverValuesOfEveryLength has formats that fail, repeat themselves or do not fit from each length on.
func TestAttachTriesAFormatOverValuesOfEveryLength(t *testing.T) {
	t.Parallel()
	var notices []string
	s := sqltest.Connect(t, pgtest.New(t), func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) { notices = append(notices, notice.Message) }
	})
	s.Do("REVOKE CREATE ON SCHEMA public FROM PUBLIC") // PostgreSQL 14 grants it, and attach warns
	s.Do("CREATE TABLE i (number varchar(20) UNIQUE)")
	s.Do(`CREATE FUNCTION until(value bigint, last bigint) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN IF value > last THEN RAISE 'no text for this'; END IF; RETURN value; END $$`)
	for _, value := range []int64{1, 10, 100, 1000, 1_000_000, 1_000_000_000_000_000_000} {
		for _, c := range []struct {
			format, says string
			at           int64
		}{
			{"CASE WHEN value < %d THEN value::text ELSE '1' END", "the format gives '1' for %d, as for 1", max(value, 2)},
			{"CASE WHEN value < %d THEN value::text ELSE repeat('1', 21 - length(value::text)) || value END", "which does not fit into the column", value},
			{"(value / (value - %d) + value)::text", "the format fails for %d: division by zero", value},
			{"public.until(value, %d)", "the format fails for %d: no text for this", value + 1},
		} {
			notices = nil
			format, says := fmt.Sprintf(c.format, value), c.says
			if strings.Contains(says, "%") {
				says = fmt.Sprintf(says, c.at)
			}
			s.Do("BEGIN")
			if c.at <= 100 {
				refused := s.Refuse("22023", "SELECT gapless.attach_gapless('i', 'number', name => $$ 'i' $$, format => $1)", format)
				require.Contains(t, refused.Message, says)
				pg.RequireHelpful(t, refused)
			} else {
				s.Do("SELECT gapless.attach_gapless('i', 'number', name => $$ 'i' $$, format => $1)", format)
				require.Len(t, notices, 1, format)
				require.Contains(t, notices[0], says)
				require.Contains(t, notices[0], fmt.Sprint("for ", c.at))
				s.Do("INSERT INTO i VALUES (NULL), (NULL)")
			}
			s.Do("ROLLBACK")
		}
	}
}

// TestFormatsAreDumpedAndRestored copies a column of each format, some of them with texts from before.
func TestFormatsAreDumpedAndRestored(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := sqltest.Connect(t, database)
	s.Do(createBase36)
	tables := map[string]formatted{}
	for i, format := range formats {
		kind := formattedKinds[i%len(formattedKinds)]
		f := newFormatted(t, database, format.name, format.expression, kind.options, kind.partitioned)
		f.Do("INSERT INTO i (id, number) VALUES (0, 'old/' || $1)", format.name)
		f.attachAt(format.initial)
		f.Do("INSERT INTO i (id) VALUES (1), (2), (3)")
		f.Do("SELECT gapless.void_gapless($1, $2, 'why')", format.name, format.initial+1)
		f.Do("DELETE FROM i WHERE id = 2")
		tables[format.name] = f
	}
	copied := pg.Restored(t, database)

	for _, format := range formats {
		f := tables[format.name]
		f.Session = copied
		f.Do("SET search_path = " + pgx.Identifier{format.name}.Sanitize())
		require.Empty(t, f.unexplained())
		f.Do("INSERT INTO i (id) VALUES (4)")
		require.Equal(t, []string{"old/" + format.name, format.texts[0], format.texts[2], format.texts[3]}, f.numbers())
		f.Refuse("23001", "DELETE FROM i WHERE id = 0")
		f.Refuse("23001", "DELETE FROM i WHERE id = 3")
		f.Refuse("428C9", "UPDATE i SET number = 'x' WHERE id = 1")
		f.Do("SELECT gapless.void_gapless($1, $2, 'why')", format.name, format.initial+2)
		f.Do("DELETE FROM i WHERE id = 3")
		require.Empty(t, f.unexplained())
	}
	sqltest.RequireSound(copied)
}
