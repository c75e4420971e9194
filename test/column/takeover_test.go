package column_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// TestAttachReadsTheNumberFromATextWhereverItStands: before, between and behind other digits, and where they touch it.
func TestAttachReadsTheNumberFromATextWhereverItStands(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for format, values := range map[string][]int64{
		`'R' || to_char(NEW.d, 'YY') || lpad(value::text, 6, '0')`: {1, 26, 10, 262626, 111111, 999999},
		`'INV-' || value`:                                                           {1, 2, 10, 2026, 123456789012345678},
		`value || '/' || to_char(NEW.d, 'YYYY')`:                                    {1, 21, 26, 100, 2026, 20262026},
		`lpad(value::text, 20, '0')`:                                                {1, 10, 123456789012345678},
		`'FV/' || value || '/' || to_char(NEW.d, 'MM/YYYY')`:                        {1, 7, 12, 2026, 72026},
		`'1-' || lpad(value::text, 4, '0') || '-1'`:                                 {1, 11, 1111, 9999},
		`value || '-' || value`:                                                     {1, 2, 33},
		`to_char(value, 'FM99,999')`:                                                {1, 99, 999},
		`CASE WHEN value < 5 THEN 'few ' || value ELSE value || ' many' END`:        {1, 4, 5, 50},
		`'ж' || lpad(value::text, 3, '0') || 'é٣'`:                                  {1, 12, 345},
		`to_char(NEW.d, 'YYYY') || repeat('0', 2) || value || to_char(NEW.d, 'YY')`: {1, 10, 26, 2026},
	} {
		require.NoError(t, s.DeallocateAll(t.Context()))
		s.Do("CREATE TABLE docs (id bigint, d date, number text UNIQUE)")
		s.Do("INSERT INTO docs SELECT v, DATE '2026-07-01', "+strings.NewReplacer("value", "v", "NEW.d", "DATE '2026-07-01'").Replace(format)+" FROM unnest($1::bigint[]) AS v", values)
		// Its first numbers are few, so that a warning for later ones is none of this test's.
		s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'docs' $$, format => $1)", format)
		require.Equal(t, sqltest.Texts(s, "SELECT id || ' ' || number FROM docs ORDER BY id"), sqltest.Texts(s, `
			SELECT r.value || ' ' || r.number FROM docs_number_gapless_rows() AS r (series text, value bigint, number text, dated timestamp) ORDER BY r.value`), format)
		require.Equal(t, values[len(values)-1], s.Number("SELECT gapless.last_gapless('docs')"), format)
		require.Zero(t, s.Number("SELECT count(*) FROM gapless.known_text"), format)
		sqltest.RequireSound(s)
		s.Do("SELECT gapless.detach_gapless('docs', 'number'); DROP TABLE docs; SELECT gapless.delete_gapless('docs')")
	}
}

// TestAttachFindsADoubleThatItsUniqueIndexAllows: where rows of one series differ in the other columns of the index, or where those
// are NULL.
func TestAttachFindsADoubleThatItsUniqueIndexAllows(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	for kind, c := range map[string]struct{ column, name, tenants string }{
		"another case": {"text", "lower(NEW.tenant)", "'a', 'A'"},
		"no tenant":    {"text", "coalesce(NEW.tenant, 'none')", "NULL, NULL"},
		"numeric":      {"numeric", "trunc(NEW.tenant)", "1.5, 1.25"},
		"two columns":  {"integer, other text", "coalesce(NEW.other, '') || NEW.tenant % 2", "1, 3"},
	} {
		key := "tenant"
		if strings.Contains(c.column, "other") {
			key = "tenant, other"
		}
		s.Do(fmt.Sprintf("CREATE TABLE docs (tenant %s, number bigint, UNIQUE (%s, number))", c.column, key))
		s.Do(fmt.Sprintf("INSERT INTO docs (tenant, number) SELECT v, 7 FROM unnest(ARRAY[%s]) AS v", c.tenants))
		attach := fmt.Sprintf("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc/' || %s $$)", c.name)
		require.Contains(t, s.Refuse("23514", attach).Detail, "7: 2 rows of", kind)
		s.Do("DELETE FROM docs WHERE ctid = (SELECT max(ctid) FROM docs)")
		s.Do(attach)
		sqltest.RequireSound(s)
		s.Do("SELECT gapless.detach_gapless('docs', 'number'); DROP TABLE docs; SELECT gapless.delete_gapless(name) FROM gapless.sequences")
	}
	// Texts that a collation takes for the same are not the same number.
	s.Do("CREATE TABLE docs (tenant text COLLATE any_case, number text, UNIQUE (tenant, number))")
	s.Do("INSERT INTO docs VALUES ('a', 'N-1'), ('B', 'N-1')")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc/' || lower(NEW.tenant) $$, format => $$ 'N-' || value $$)")
	require.EqualValues(t, 2, s.Number("SELECT count(*) FROM gapless.sequences"))
	sqltest.RequireSound(s)
}

// TestAttachLetsReadersRead until its transaction ends, and keeps out those that write.
func TestAttachLetsReadersRead(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, reader, writer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	for _, table := range []string{"plain", "parted"} {
		partitioned := map[string]string{"parted": " PARTITION BY LIST (series)"}[table]
		owner.Do(fmt.Sprintf("CREATE TABLE %s (series text, number text, UNIQUE (series, number))%s", table, partitioned))
		if partitioned != "" {
			owner.Do("CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('parted')")
		}
		owner.Do(fmt.Sprintf("INSERT INTO %[1]s SELECT '%[1]s', 'N-' || i FROM generate_series(1, 100) AS i", table))
		owner.Do("BEGIN")
		owner.Do(fmt.Sprintf("SELECT gapless.attach_gapless('%s', 'number', name => 'NEW.series', format => $$ 'N-' || value $$)", table))
		reader.Do("SET lock_timeout = '10s'")
		require.EqualValues(t, 100, reader.Number("SELECT count(*) FROM "+table))
		require.EqualValues(t, 1, reader.Number("SELECT count(*) FROM (SELECT FROM "+table+" WHERE number = 'N-7' FOR UPDATE) AS locked"))
		require.Equal(t, []string{"ShareRowExclusiveLock"}, sqltest.Texts(reader, `SELECT DISTINCT mode FROM pg_locks
			WHERE pid = $1 AND relation IN (SELECT $2::text::regclass UNION SELECT relid FROM pg_partition_tree($2::text::regclass)) AND mode ~ 'Exclusive' AND mode <> 'RowExclusiveLock'`, owner.PID(), table))
		done := sqltest.Later(func() (any, error) {
			return writer.Exec(writer.Ctx, fmt.Sprintf("INSERT INTO %[1]s VALUES ('%[1]s')", table))
		})
		sqltest.AwaitWaiter(t, reader, writer.PID())
		owner.Do("COMMIT")
		require.NoError(t, (<-done).Err)
		require.EqualValues(t, 1, reader.Number("SELECT count(*) FROM "+table+" WHERE number = 'N-101'"))
	}
	sqltest.RequireSound(owner)
}

// TestAttachSaysWhatItTakesOver, and nothing of an empty table. Where there is much to read, it says so before.
func TestAttachSaysWhatItTakesOver(t *testing.T) {
	t.Parallel()
	var notices []string
	s := sqltest.Connect(t, pgtest.New(t), func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
			if notice.Severity == "NOTICE" {
				notices = append(notices, notice.Message)
			}
		}
	})
	s.Do("CREATE TABLE docs (series text, number text UNIQUE, filler text)")
	attach := "SELECT gapless.attach_gapless('docs', 'number', name => 'NEW.series', format => $$ NEW.series || value $$)"
	s.Do(attach)
	require.Empty(t, notices)
	s.Do("SELECT gapless.detach_gapless('docs', 'number')")
	s.Do("INSERT INTO docs VALUES ('a', 'a1'), ('a', 'a2'), ('b', 'b1'), ('b', 'x7'), ('b', NULL)")
	s.Do(attach)
	pending := `column "number" of table public.docs: there are rows without a number; the next UPDATE of such a row numbers it`
	require.Equal(t, []string{"column \"number\" of table public.docs: what it has is taken over; numbers: 3, series: 2, texts that tell no number: 1", pending}, notices)
	s.Do("SELECT gapless.detach_gapless('docs', 'number')")
	notices = nil
	s.Do(strings.Replace(attach, "format", "condition => 'false', format", 1)) // a row waits for its condition
	require.NotContains(t, notices, pending)
	s.Do("SELECT gapless.detach_gapless('docs', 'number')")
	s.Do("UPDATE docs SET number = '/' WHERE number IS NULL")
	notices = nil
	s.Do(strings.Replace(attach, "format", "unnumbered => '/', format", 1))
	require.Equal(t, pending, notices[1])
	require.Equal(t, "b2", sqltest.Texts(s, "UPDATE docs SET filler = 'x' WHERE number = '/' RETURNING number")[0])
	s.Do("SELECT gapless.detach_gapless('docs', 'number')")
	s.Do("ALTER TABLE docs ALTER COLUMN filler SET STORAGE PLAIN")
	s.Do("INSERT INTO docs SELECT 'c', 'c' || i, repeat('x', 7000) FROM generate_series(1, 2200) AS i")
	notices = nil
	s.Do(attach)
	require.Equal(t, []string{
		"column \"number\" of table public.docs: its rows are read; others cannot write to it until the transaction ends",
		"column \"number\" of table public.docs: what it has is taken over; numbers: 2204, series: 3, texts that tell no number: 1",
	}, notices)
	sqltest.RequireSound(s)
}

// TestAColumnIsAttachedAgainWithAnotherChronology, or with none: the journal's dates are the rows' then.
func TestAColumnIsAttachedAgainWithAnotherChronology(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (series text, booked date, sent date, number bigint, UNIQUE (series, number))")
	attach := "SELECT gapless.attach_gapless('docs', 'number', name => 'NEW.series'%s)"
	s.Do(fmt.Sprintf(attach, ", chronology => 'NEW.booked'"))
	s.Do("INSERT INTO docs SELECT k, DATE '2026-01-01' + i, DATE '2026-06-01' + i FROM unnest('{a,b}'::text[]) AS k CROSS JOIN generate_series(1, 5) AS i")
	for _, chronology := range []string{", chronology => 'NEW.sent'", "", ", chronology => 'NEW.booked'"} {
		s.Do("BEGIN; SELECT gapless.detach_gapless('docs', 'number')")
		s.Do(fmt.Sprintf(attach, chronology))
		s.Do("COMMIT")
		sqltest.RequireSound(s)
		require.Equal(t, []int64{6, 6}, s.Numbers("SELECT peek_gapless FROM gapless.peek_gapless('a') UNION ALL SELECT * FROM gapless.peek_gapless('b')"))
	}
	s.Refuse("23514", "INSERT INTO docs VALUES ('a', '2026-01-05', '2027-01-01')")
	s.Do("INSERT INTO docs VALUES ('a', '2026-01-06', '2026-01-01')")
	sqltest.RequireSound(s)
}

// TestTextsAreReadWithinTheQueryOfAllRows: a call for each of a million rows would take minutes.
func TestTextsAreReadWithinTheQueryOfAllRows(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (id bigint, d date, number text UNIQUE)")
	s.Do("INSERT INTO docs SELECT i, DATE '2026-07-01' + i % 3, i || '/2026' FROM generate_series(1, 1000) AS i; ANALYZE docs")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'docs/' || NEW.id % 2 $$, format => $$ value || to_char(NEW.d, '/YYYY') $$)")
	plan := strings.Join(sqltest.Texts(s, "EXPLAIN (VERBOSE) SELECT r.number, v.value FROM docs AS r CROSS JOIN LATERAL docs_number_gapless_read(r.number, r.id, r.d) AS v (value)"), "\n")
	require.NotContains(t, plan, "docs_number_gapless", "the planner has taken it apart")
	require.Regexp(t, `Cache Key: r\.d(, r\.d)*\n`, plan, "the place of the number, once for all rows of a day")
}

// TestAttachRefusesATextThatItsFormatReadsAsANumberThatTheSeriesHasIssued has that number by an earlier format, in the journal and pruned.
func TestAttachRefusesATextThatItsFormatReadsAsANumberThatTheSeriesHasIssued(t *testing.T) {
	t.Parallel()
	for _, prune := range []bool{false, true} {
		s := sqltest.Connect(t, pgtest.New(t))
		s.Do("CREATE TABLE l (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, number text UNIQUE)")
		s.Do("INSERT INTO l (number) VALUES ('L-1'), ('L-2'), ('L-3')")
		s.Do("SELECT gapless.attach_gapless('l', 'number', name => $$ 'letter' $$, format => $$ 'X' || value $$)")
		s.Do("INSERT INTO l SELECT FROM generate_series(1, 2)")
		if prune {
			s.Do("SELECT gapless.prune_gapless('letter', 'infinity'); INSERT INTO l DEFAULT VALUES; SELECT gapless.prune_gapless('letter', 'infinity')")
		}
		s.Do("SELECT gapless.detach_gapless('l', 'number')")
		again := "SELECT gapless.attach_gapless('l', 'number', name => $$ 'letter' $$, format => $$ 'L-' || value $$)"
		refused := s.Refuse("23514", again)
		require.Equal(t, "attach_rows", refused.ConstraintName)
		require.Contains(t, refused.Detail, `L-1, X1: 2 rows of "letter" have 1; L-2, X2: 2 rows of "letter" have 2`)
		s.Do("UPDATE l SET number = NULL WHERE number LIKE 'L-%'")
		s.Do(again)
		sqltest.RequireSound(s)
	}
}
