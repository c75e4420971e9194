package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// newTwoColumns has a column of numbers and one of texts, three series each of ten numbers.
func newTwoColumns(t *testing.T) sqltest.Session {
	t.Helper()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s int NOT NULL, number bigint NOT NULL, UNIQUE (s, number))")
	s.Do("CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY, part int DEFAULT 7, s int NOT NULL, number text NOT NULL UNIQUE, PRIMARY KEY (part, id))")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill/' || NEW.s $$)")
	s.Do("SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note/' || NEW.s $$, format => $$ NEW.s || '-' || lpad(value::text, 3, '0') $$)")
	for _, table := range []string{"bills", "notes"} {
		s.Do("INSERT INTO " + table + " (s) SELECT i % 3 FROM generate_series(0, 29) AS i")
	}
	require.Empty(t, sqltest.Findings(s))
	return s
}

// behind changes rows behind the triggers' back.
func behind(s sqltest.Session, statements ...string) {
	s.Do("SET session_replication_role = replica")
	for _, statement := range statements {
		s.Do(statement)
	}
	s.Do("RESET session_replication_role")
}

func TestAuditNamesTheTextAsPrintedAndTheRowsThatAreMeant(t *testing.T) {
	t.Parallel()
	s := newTwoColumns(t)
	behind(s, "DELETE FROM notes WHERE number IN ('1-004', '1-005')",
		"INSERT INTO notes (s, number) VALUES (2, '2-040'), (2, '2-041'), (2, 'nonsense')",
		"ALTER TABLE bills DROP CONSTRAINT bills_s_number_key", "INSERT INTO bills (s, number) VALUES (0, 3)", "ALTER TABLE bills ADD UNIQUE (s, number, id)")
	s.Do("SELECT gapless.void_gapless('note/0', 9, 'because')")
	require.Equal(t, []string{
		`bill/0 double 3 3 - - [{"id": 7}, {"id": 31}]`,
		`note/0 void 9 9 0-009 0-009 -`,
		`note/1 hole 4 5 1-004 1-005 -`,
		`note/2 never issued 40 41 2-040 2-041 [{"id": 31, "part": 7}, {"id": 32, "part": 7}]`,
		`note/2 changed after issue - - nonsense nonsense [{"id": 33, "part": 7}]`,
	}, sqltest.Texts(s, `SELECT concat_ws(' ', sequence, kind, coalesce(first_value::text, '-'), coalesce(last_value::text, '-'), coalesce(first_text, '-'), coalesce(last_text, '-'), coalesce(keys::text, '-'))
		FROM gapless.audit_gapless()`))
}

// TestAuditNamesRowsWithoutAPrimaryKeyByTheirPlace: in which partition, too.
func TestAuditNamesRowsWithoutAPrimaryKeyByTheirPlace(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (part int, number bigint, UNIQUE (part, number)) PARTITION BY LIST (part)")
	s.Do("CREATE TABLE docs_1 PARTITION OF docs FOR VALUES IN (1); CREATE TABLE docs_2 PARTITION OF docs FOR VALUES IN (2)")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$)")
	behind(s, "INSERT INTO docs VALUES (1, 1), (2, 1)")
	for _, name := range []string{"", "'doc'"} {
		require.Equal(t, []string{`double [{"ctid": "(0,1)", "tableoid": "public.docs_1"}, {"ctid": "(0,1)", "tableoid": "public.docs_2"}]`},
			sqltest.Texts(s, "SELECT kind || ' ' || keys FROM gapless.audit_gapless("+name+") WHERE kind = 'double'"))
	}
}

// TestAuditNamesTwentyRowsOfAFinding: of many rows it names the first.
func TestAuditNamesTwentyRowsOfAFinding(t *testing.T) {
	t.Parallel()
	s := newTwoColumns(t)
	behind(s, "INSERT INTO bills (s, number) SELECT 1, i FROM generate_series(1001, 1100) AS i")
	require.Equal(t, []string{"never issued 1001 1100 20 31 50"},
		sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, last_value, jsonb_array_length(keys), keys -> 0 ->> 'id', keys -> 19 ->> 'id') FROM gapless.audit_gapless('bill/1')"))
}

func TestAuditSumsUpEachSeries(t *testing.T) {
	t.Parallel()
	s := newTwoColumns(t)
	s.Do("SELECT gapless.next_gapless('hand'), gapless.void_gapless_batch('bill/1', 2, 4, 'because'), gapless.archive_gapless('bill/2', 3, 'because')")
	s.Do("DELETE FROM bills WHERE s = 1 AND number < 4 AND number > 1 OR s = 2 AND number < 4")
	behind(s, "DELETE FROM bills WHERE s = 2 AND number = 9")
	s.Do("CREATE TABLE old (number bigint UNIQUE); INSERT INTO old VALUES (3), (4), (7)")
	s.Do("SELECT gapless.attach_gapless('old', 'number', name => $$ 'old' $$); INSERT INTO old DEFAULT VALUES")
	require.Equal(t, []string{
		"bill/0 public.bills.number 1 10 - documents=10 issued=10 void=0 adopted=0 archived=0 missing=0",
		"bill/1 public.bills.number 1 10 - documents=8 issued=10 void=3 adopted=0 archived=0 missing=0",
		"bill/2 public.bills.number 1 10 - documents=6 issued=10 void=0 adopted=0 archived=3 missing=1",
		"hand - 1 1 - documents=- issued=1 void=0 adopted=0 archived=0 missing=0",
		"note/0 public.notes.number 1 10 0-001 0-010 documents=10 issued=10 void=0 adopted=0 archived=0 missing=0",
		"note/1 public.notes.number 1 10 1-001 1-010 documents=10 issued=10 void=0 adopted=0 archived=0 missing=0",
		"note/2 public.notes.number 1 10 2-001 2-010 documents=10 issued=10 void=0 adopted=0 archived=0 missing=0",
		"old public.old.number 3 8 - documents=4 issued=1 void=0 adopted=3 archived=0 missing=0",
	}, sqltest.Texts(s, `SELECT concat_ws(' ', f.sequence, coalesce(f.attached_column, '-'), f.first_value, f.last_value, coalesce(nullif(concat_ws(' ', f.first_text, f.last_text), ''), '-'),
			(SELECT string_agg(k || '=' || coalesce(f.details ->> k, '-'), ' ' ORDER BY i) FROM unnest('{documents,issued,void,adopted,archived,missing}'::text[]) WITH ORDINALITY AS u (k, i)))
		FROM gapless.audit_gapless(with_series => true) AS f WHERE f.kind = 'series'`))
	require.Equal(t, []string{"true"}, sqltest.Texts(s, `SELECT ((f.details ->> 'allocated_from')::timestamptz = min(j.allocated_at) AND (f.details ->> 'allocated_until')::timestamptz = max(j.allocated_at))::text
		FROM gapless.audit_gapless('bill/0', with_series => true) AS f JOIN gapless.journal AS j ON j.name = f.sequence WHERE f.kind = 'series' GROUP BY f.details`))
}

func TestAuditSumsUpThePeriodOfTheDates(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE bills (d date NOT NULL, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$, chronology => 'NEW.d')")
	s.Do("INSERT INTO bills (d) VALUES ('2026-01-02'); INSERT INTO bills (d) VALUES ('2026-03-04')")
	for _, arguments := range []string{"", "'bill', "} {
		require.Equal(t, []string{"2026-01-02T00:00:00 2026-03-04T00:00:00"},
			sqltest.Texts(s, "SELECT concat_ws(' ', details ->> 'dated_from', details ->> 'dated_until') FROM gapless.audit_gapless("+arguments+"with_series => true)"))
	}
}

func TestAuditByPatternByTableAndByColumn(t *testing.T) {
	t.Parallel()
	s := newTwoColumns(t)
	s.Do("CREATE TABLE twice (number bigint UNIQUE, other bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('twice', 'number', name => $$ 'twice' $$), gapless.attach_gapless('twice', 'other', name => $$ 'other' $$)")
	s.Do("INSERT INTO twice SELECT FROM generate_series(1, 3)")
	behind(s, "DELETE FROM bills WHERE number = 4", "DELETE FROM notes WHERE number LIKE '%4'", "DELETE FROM twice WHERE number = 2", "INSERT INTO bills (s, number) VALUES (9, 1)")
	for arguments, want := range map[string][]string{
		"":                      {"bill/0", "bill/1", "bill/2", "bill/9", "note/0", "note/1", "note/2", "other", "twice"},
		"'bill/1'":              {"bill/1"},
		"'bill/9'":              {"bill/9"},
		"pattern => 'bill/%'":   {"bill/0", "bill/1", "bill/2", "bill/9"},
		"pattern => '%/9'":      {"bill/9"},
		"pattern => 'nothing%'": {},
		"target => 'notes'":     {"note/0", "note/1", "note/2"},
		"target => 'bills'":     {"bill/0", "bill/1", "bill/2", "bill/9"},
		"target => 'twice'":     {"other", "twice"},
		"target => 'twice', target_column => 'other'":        {"other"},
		"target => 'bills', pattern => '%/2'":                {"bill/2"},
		"'bill/1', target => 'bills', target_column => NULL": {"bill/1"},
	} {
		require.Equal(t, want, sqltest.Texts(s, "SELECT DISTINCT sequence FROM gapless.audit_gapless("+arguments+") WHERE NOT explained ORDER BY 1"), arguments)
	}
	s.Refuse("42704", "SELECT gapless.audit_gapless(target => 'twice', target_column => 'elsewhere')")
	require.Equal(t, "gapless_unattached", s.Refuse("42704", "SELECT gapless.audit_gapless(target => 'pg_class')").ConstraintName)
	s.Refuse("22025", `SELECT gapless.audit_gapless(pattern => '\')`)
}

// TestASeriesIsNotSoundByItsCountAlone: as many rows as numbers, and not the same.
func TestASeriesIsNotSoundByItsCountAlone(t *testing.T) {
	t.Parallel()
	s := newTwoColumns(t)
	behind(s, "ALTER TABLE bills DROP CONSTRAINT bills_s_number_key", "ALTER TABLE notes DROP CONSTRAINT notes_number_key",
		"UPDATE bills SET number = 3 WHERE s = 1 AND number = 4", "UPDATE bills SET number = 11 WHERE s = 2 AND number = 1", "UPDATE bills SET s = 5 - s WHERE number = 9",
		"UPDATE notes SET number = '1-003' WHERE number = '1-004'", "UPDATE notes SET number = '2-03' WHERE number = '2-003'")
	require.ElementsMatch(t, []string{
		"bill/1 double 3", "bill/1 hole 4", "bill/2 hole 1", "bill/2 never issued 11",
		"bill/0 hole 9", "bill/1 hole 9", "bill/2 hole 9", "bill/3 never issued 9", "bill/4 never issued 9", "bill/5 never issued 9",
		"note/1 double 3", "note/1 hole 4", "note/2 hole 3", "note/2 changed after issue",
	}, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, kind, first_value) FROM gapless.audit_gapless()"))
}

// TestByNameTheRowsOfTheSeriesAloneAreRead where an index begins with what the expressions read.
func TestByNameTheRowsOfTheSeriesAloneAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		index, name string
		each        int // rows of a series
		fits        bool
	}{
		{"UNIQUE (s, number)", "'bill/' || NEW.s", 1000, true},
		{"UNIQUE (s, number)", "'bill/' || NEW.s", 2, true},
		{"UNIQUE (number, s)", "'bill/' || NEW.s", 1000, false},
		{"UNIQUE (s, number)", "concat('bill/', NEW.s)", 1000, true},
		{"UNIQUE (s, number)", "concat('bill/', NEW.s)", 2, false}, // as many lookups as rows would be no gain
	} {
		s := sqltest.Connect(t, pgtest.New(t))
		s.Do("CREATE TABLE bills (s int NOT NULL, number bigint NOT NULL, " + c.index + ")")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $1)", c.name)
		s.Do("INSERT INTO bills (s) SELECT i / $1 FROM generate_series(0, 9999) AS i", c.each)
		s.Do("ANALYZE bills")
		s.Do("BEGIN")
		before := s.Number("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'bills'")
		require.Zero(t, s.Number("SELECT count(*) FROM gapless.audit_gapless('bill/3')"))
		read := s.Number("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'bills'") - before
		s.Do("COMMIT")
		require.Equal(t, c.fits, read < 2000, "%v: %d rows", c, read)
		s.Do("SET session_replication_role = replica; INSERT INTO bills VALUES (3, 20000), (4, 20000); RESET session_replication_role")
		require.Equal(t, []string{"never issued 20000 1"},
			sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, jsonb_array_length(keys)) FROM gapless.audit_gapless('bill/3')"), "%v", c)
	}
}

// TestOfASoundSeriesNoNumberIsReadBack: whether all are audited or one, their fingerprint is enough.
func TestOfASoundSeriesNoNumberIsReadBack(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE bills (s int NOT NULL, number text UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ NEW.s::text $$, format => $$ NEW.s || '-' || value $$)")
	s.Do("INSERT INTO bills (s) SELECT i % 2 FROM generate_series(1, 10) AS i")
	s.Do("SET track_functions = 'pl'")
	reads := func(audit string) int64 {
		t.Helper()
		const calls = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_xact_user_functions WHERE funcname = 'bills_number_gapless_rows'"
		s.Do("BEGIN")
		defer s.Do("COMMIT")
		before := s.Number(calls)
		s.Do(audit)
		return s.Number(calls) - before
	}
	const all, one, other = "SELECT gapless.audit_gapless()", "SELECT gapless.audit_gapless('0')", "SELECT gapless.audit_gapless('1')"
	require.Zero(t, reads(all))
	require.Zero(t, reads(one))
	s.Do("SET session_replication_role = replica; DELETE FROM bills WHERE number = '1-2'; RESET session_replication_role")
	require.EqualValues(t, 1, reads(all))
	require.Zero(t, reads(one))
	require.EqualValues(t, 1, reads(other))
}

// TestAColumnIsReadFromTheNameOfItsSeries: where the expression is a column and literals around it, its rows are looked up, however many
// series there are; what is found is the same as for any other expression.
func TestAColumnIsReadFromTheNameOfItsSeries(t *testing.T) {
	t.Parallel()
	const long = "9223372036854775807"
	for kind, values := range map[string][]string{
		"int8":             {"0", "7", "-7", "70", long},
		"int2":             {"0", "7", "-7"},
		"text":             {"a", "A", "'", `\`, "a/", "007", "7 ", " /*key*/ FROM relation AS r"},
		`text COLLATE "C"`: {"ä", "a"},
		"varchar(40)":      {"a", "a  "},
		"uuid":             {"6f0e0b8c-7a39-4b11-8f3f-0f3f5a3a9d01"},
		"date":             {"2026-01-02"}, // whose text depends on a setting: not looked up
		"bpchar(4)":        {"a"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			for _, expression := range []string{"%s", "'x/' || %s", "'it''s \\' || %s", "%s || '/y'", "'x/' || %s || '/y'", "upper('x' || %s)"} {
				s.Do(`CREATE TABLE bills (id int, "the c's" ` + kind + ` NOT NULL, number bigint, UNIQUE ("the c's", number))`)
				s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $1)", fmt.Sprintf(expression, `NEW."the c's"::text`))
				for _, value := range values {
					s.Do(fmt.Sprintf(`INSERT INTO bills ("the c's") SELECT $1::text::%s FROM generate_series(1, 5)`, kind), value)
				}
				s.Do("SET session_replication_role = replica; DELETE FROM bills WHERE number = 3; RESET session_replication_role")
				s.Do("ANALYZE bills")
				names := sqltest.Texts(s, "SELECT name FROM gapless.sequences ORDER BY 1")
				require.NotEmpty(t, names)
				for _, name := range names {
					require.Equal(t, []string{"hole 3"}, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value) FROM gapless.audit_gapless($1)", name), "%s: %s", expression, name)
				}
				s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP TABLE bills; SELECT gapless.delete_gapless(name) FROM gapless.sequences")
			}
		})
	}
}

// TestAttachSaysWhichIndexAnAuditOfOneSeriesWouldUse, where there are many numbers and no such index.
func TestAttachSaysWhichIndexAnAuditOfOneSeriesWouldUse(t *testing.T) {
	t.Parallel()
	var hints []string
	s := sqltest.Connect(t, pgtest.New(t), func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
			if strings.Contains(notice.Message, "an audit of one series") {
				hints = append(hints, notice.Hint)
			}
		}
	})
	for name, indexes := range map[string][]string{
		"'bill/' || NEW.part || NEW.s": {"s, part, number", "number, part, s"},
		"'bill/' || NEW.s":             {"s, number", "number, s"},
	} {
		for _, index := range indexes {
			s.Do("CREATE TABLE bills (s int NOT NULL, part int NOT NULL DEFAULT 1, number bigint NOT NULL, UNIQUE (" + index + "))")
			s.Do("INSERT INTO bills (s, number) SELECT i % 10, i FROM generate_series(0, 10009) AS i")
			s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $1)", name)
			s.Do("SELECT gapless.detach_gapless('bills', 'number'); DROP TABLE bills")
			s.Do("SELECT gapless.delete_gapless(name) FROM gapless.sequences")
		}
	}
	require.ElementsMatch(t, []string{
		"An index that begins with (s, part), where these are NOT NULL, lets it read those of the series.",
		"An index that begins with (s) lets it read those of the series.",
	}, hints)
}

// TestHolesByNameCostEachTheSame: what is done for one hole is not done for each pair of them.
func TestHolesByNameCostEachTheSame(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	buffers := func(rows int) int64 {
		table := fmt.Sprintf("bills_%d", rows)
		s.Do("CREATE TABLE " + table + " (number bigint NOT NULL UNIQUE)")
		s.Do(fmt.Sprintf("INSERT INTO %s SELECT i FROM generate_series(1, %d) AS i WHERE i %% 10 <> 0", table, rows))
		s.Do(fmt.Sprintf("SELECT gapless.attach_gapless('%s', 'number', name => $$ '%[1]s' $$)", table))
		s.Do("ANALYZE " + table)
		require.EqualValues(t, rows/10-1, s.Number("SELECT count(*) FROM gapless.audit_gapless($1)", table))
		var plan []map[string]any
		require.NoError(t, s.QueryRow(s.Ctx, fmt.Sprintf("EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) SELECT count(*) FROM gapless.audit_gapless('%s')", table)).Scan(&plan))
		node := plan[0]["Plan"].(map[string]any)
		return int64(node["Shared Hit Blocks"].(float64) + node["Shared Read Blocks"].(float64))
	}
	few, many := buffers(2_000), buffers(20_000)
	require.Less(t, many, 30*few)
}

// TestTheJournalIsReadOnceForAllAndByItsIndexForOne counts the rows of the journal that are read one after another: each once for an
// audit of all series, also where some are not sound, and none for that of one.
func TestTheJournalIsReadOnceForAllAndByItsIndexForOne(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	const rows = 4_000
	s.Do("CREATE TABLE bills (s int NOT NULL, number text UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill/' || NEW.s $$, format => $$ NEW.s || '-' || value $$)")
	s.Do(fmt.Sprintf("DO $$ BEGIN FOR i IN 0 .. %d - 1 LOOP INSERT INTO bills (s) VALUES (i / 10); END LOOP; END $$", rows))
	s.Do("SET session_replication_role = replica; DELETE FROM bills WHERE number IN ('7-5', '9-5'); RESET session_replication_role")
	s.Do("ANALYZE gapless.journal, gapless.sequence_lock, bills")
	s.Do("BEGIN") // so that what was counted is not sent away meanwhile
	read := func() int64 { return s.Number("SELECT pg_stat_get_xact_tuples_returned('gapless.journal'::regclass)") }
	for call, want := range map[string]struct {
		findings []string
		read     int64
	}{
		"":          {[]string{"bill/7 5 7-5", "bill/9 5 9-5"}, rows},
		"'bill/7'":  {[]string{"bill/7 5 7-5"}, 0},
		"'bill/8'":  {[]string{}, 0},
		"'no such'": {[]string{}, 0},
	} {
		before := read()
		require.Equal(t, want.findings, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, first_value, first_text) FROM gapless.audit_gapless("+call+")"), call)
		require.InDelta(t, want.read, read()-before, rows/100, call)
	}
}
