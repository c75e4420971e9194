package column_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestAttachNumbersEachSeriesThatTheNameExpressionGives(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(`CREATE TABLE invoices (tenant int, kind text, issued_on date, number bigint, UNIQUE (tenant, kind, issued_on, number))`)
	s.Do(`SELECT gapless.attach_gapless('invoices', 'number', initial => 100,
		name => $$ NEW.kind || '/' || NEW.tenant || '/' || to_char(NEW.issued_on, 'YYYY') $$)`)
	for _, c := range []struct {
		tenant      int
		kind, date  string
		want, first int64
	}{
		{tenant: 1, kind: "invoice", date: "2025-12-31", want: 100},
		{tenant: 1, kind: "invoice", date: "2025-01-01", want: 101},
		{tenant: 1, kind: "invoice", date: "2026-01-01", want: 100},
		{tenant: 2, kind: "invoice", date: "2025-12-31", want: 100},
		{tenant: 1, kind: "credit", date: "2025-12-31", want: 100},
		{tenant: 1, kind: "invoice", date: "2025-06-01", want: 102},
	} {
		require.Equal(t, c.want, s.Number("INSERT INTO invoices VALUES ($1, $2, $3::text::date) RETURNING number", c.tenant, c.kind, c.date), "%+v", c)
	}
	require.Equal(t, []string{"credit/1/2025 100 1", "invoice/1/2025 102 3", "invoice/1/2026 100 1", "invoice/2/2025 100 1"},
		sqltest.Texts(s, "SELECT concat_ws(' ', name, last_value, issued) FROM gapless.sequences WHERE attached_column ~ 'invoices\\.number$' ORDER BY name"))
	sqltest.RequireSound(s)
}

func TestAttachWritesTextAsTheFormatSays(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for column, expression := range map[string]string{
		"text":        `'INV-' || NEW.tenant || '-' || lpad(value::text, greatest(5, length(value::text)), '0')`,
		"varchar(40)": `format('INV-%s-%s', NEW.tenant, to_char(value, 'FM0000000000000')) -- with a comment`,
	} {
		require.NoError(t, s.DeallocateAll(t.Context()))
		s.Do("CREATE TABLE docs (tenant int, number " + column + " UNIQUE)")
		s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' || NEW.tenant $$, initial => 99998, format => $1)", expression)
		got := sqltest.Texts(s, "INSERT INTO docs (tenant) VALUES (7) RETURNING number")
		got = append(got, sqltest.Texts(s, "INSERT INTO docs (tenant, number) VALUES (7, NULL), (99999, NULL), (7, NULL) RETURNING number")...)
		got = append(got, sqltest.Texts(s, "INSERT INTO docs SELECT 7 FROM generate_series(1, 2) RETURNING number")...)
		for i := range got {
			got[i] = regexp.MustCompile(`-0+`).ReplaceAllString(got[i], "-")
		}
		require.Equal(t, []string{"INV-7-99998", "INV-7-99999", "INV-99999-99998", "INV-7-100000", "INV-7-100001", "INV-7-100002"}, got)
		sqltest.RequireSound(s)
		s.Do("SELECT gapless.detach_gapless('docs', 'number'); DROP TABLE docs")
		s.Do("SELECT gapless.delete_gapless(name) FROM gapless.sequences")
	}
}

// TestAttachReadsNumbersBackAmongOtherDigits: years, codes and account numbers are digits, too.
func TestAttachReadsNumbersBackAmongOtherDigits(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (code text, number text UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' || NEW.code $$, format => $$ NEW.code || '-' || value || '/' || value $$)")
	for _, code := range []string{"1", "2026", "00000000000000000000000000001", "9223372036854775807", "9223372036854775808", "99999999999999999999999999", "1-2-3-4", "", "é١"} {
		require.Equal(t, []string{code + "-1/1"}, sqltest.Texts(s, "INSERT INTO docs VALUES ($1) RETURNING number", code))
		require.Equal(t, []string{code + "-2/2", code + "-3/3"}, sqltest.Texts(s, "INSERT INTO docs VALUES ($1), ($1) RETURNING number", code))
		s.Refuse("23001", "DELETE FROM docs WHERE code = $1", code)
	}
	sqltest.RequireSound(s)
	s.Do("SELECT gapless.detach_gapless('docs', 'number')")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' || NEW.code $$, format => $$ NEW.code || '-' || value || '/' || value $$)")
	require.Equal(t, []string{"1-4/4"}, sqltest.Texts(s, "INSERT INTO docs VALUES (1) RETURNING number"))
	sqltest.RequireSound(s)
}

func TestAttachRefusesANumberThatItsTextDoesNotTell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format, code string
		fine         int // rows before; -1 where attach refuses it
	}{
		"always the same":     {`'x' || left(value::text, 0)`, "22023", -1},
		"cut off at once":     {`lpad(value::text, 1, '0')`, "22023", -1},
		"cut off":             {`lpad(value::text, 3, '0')`, "22023", 999},
		"the last digits":     {`right('00' || value::text, 3)`, "22023", 1000},
		"overflown":           {`to_char(value, 'FM000')`, "22023", 999},
		"NULL":                {`CASE WHEN value < 3 THEN value::text END`, "22023", 2},
		"longer than allowed": {`repeat('0', 17) || value`, "22023", 999},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("CREATE TABLE docs (id int, number varchar(20) UNIQUE)")
			const attach = "SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$, format => $1)"
			if c.fine < 0 {
				require.Contains(t, s.Refuse(c.code, attach, c.format).Message, "as for 1")
				return
			}
			s.Do(attach, c.format)
			s.Do("INSERT INTO docs SELECT 1 FROM generate_series(1, $1)", c.fine)
			refused := s.Refuse(c.code, "INSERT INTO docs VALUES (1)")
			require.Contains(t, refused.Message, fmt.Sprintf("for %d of sequence \"doc\"", c.fine+1))
			require.NotEmpty(t, refused.Hint)
			_, err := s.Exec(s.Ctx, "INSERT INTO docs VALUES (1), (2)")
			require.Error(t, err)
			require.EqualValues(t, c.fine, s.Number("SELECT count(number) FROM docs"))
			sqltest.RequireSound(s)
		})
	}
}

func TestAttachWithAConditionLeavesDraftsUntilTheUpdateThatIssuesThem(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(pg.CreateInvoices)
	s.Do("ALTER TABLE invoices ADD status text")
	s.Do(`SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, condition => $$ NEW.status = 'issued' $$)`)

	require.Equal(t, []string{"a -", "a 1", "a -", "b 1", "b -"}, sqltest.Texts(s, `
		INSERT INTO invoices (tenant, status) VALUES ('a', 'draft'), ('a', 'issued'), ('a', NULL), ('b', 'issued'), ('b', 'draft')
		RETURNING tenant || ' ' || coalesce(number::text, '-')`))
	require.EqualValues(t, 2, s.Number("UPDATE invoices SET status = 'issued' WHERE id = 1 RETURNING number"))
	s.Do("UPDATE invoices SET memo = 'x' WHERE id = 3")
	require.Nil(t, sqltest.Value[int64](s, "SELECT number FROM invoices WHERE id = 3"), "still a draft")
	s.Do("UPDATE invoices SET tenant = 'b' WHERE id = 3") // drafts move as they like
	require.Equal(t, []int64{2, 3}, s.Numbers("UPDATE invoices SET status = 'issued' WHERE number IS NULL RETURNING number"))
	s.Do("UPDATE invoices SET status = 'paid'") // the condition may end
	require.EqualValues(t, 5, s.Number("SELECT count(number) FROM invoices"))
	s.Do("INSERT INTO invoices (tenant, status) VALUES ('a', 'draft'); DELETE FROM invoices WHERE number IS NULL")

	// Rolled back, a number comes back.
	s.Do("INSERT INTO invoices (tenant, status) VALUES ('a', 'draft')")
	s.Do("BEGIN")
	require.EqualValues(t, 3, s.Number("UPDATE invoices SET status = 'issued' WHERE number IS NULL RETURNING number"))
	s.Do("ROLLBACK")
	require.EqualValues(t, 3, s.Number("INSERT INTO invoices (tenant, status) VALUES ('a', 'issued') RETURNING number"))
	require.EqualValues(t, 4, s.Number("UPDATE invoices SET status = 'issued' WHERE number IS NULL RETURNING number"))
	pg.RequireNumbered(s, "invoices")
}

func TestAttachIssuesThousandsOfDraftsInOneUpdate(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(pg.CreateInvoices)
	s.Do("ALTER TABLE invoices ADD issued boolean NOT NULL DEFAULT false")
	s.Do(`SELECT gapless.attach_gapless('invoices', 'number', name => $$ NEW.tenant $$, condition => $$ NEW.issued $$)`)
	s.Do("INSERT INTO invoices (tenant, issued) SELECT 't' || i % 7, i % 5 = 0 FROM generate_series(1, 3000) AS i")
	s.Do("UPDATE invoices SET issued = true")
	require.EqualValues(t, 3000, s.Number("SELECT count(number) FROM invoices"))
	require.LessOrEqual(t, s.Number("SELECT count(*) FROM gapless.journal"), int64(7+2400), "runs, and not more than the rows")
	pg.RequireNumbered(s, "invoices")
}

func TestAttachWithChronologyRefusesARowDatedBeforeItsPredecessor(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"date", "timestamp", "timestamptz"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do(pg.CreateInvoices)
			s.Do("ALTER TABLE invoices ADD dated " + kind + ", ADD issued boolean NOT NULL DEFAULT true")
			s.Do(`SELECT gapless.attach_gapless('invoices', 'number', name => $$ NEW.tenant $$, chronology => 'NEW.dated', condition => 'NEW.issued')`)
			s.Do("INSERT INTO invoices (tenant, dated) VALUES ('a', '2026-01-05')")
			s.Do("INSERT INTO invoices (tenant, dated) VALUES ('a', '2026-01-05')") // the same day
			s.Do("INSERT INTO invoices (tenant, dated) VALUES ('b', '2025-01-01')") // another series
			s.Do("INSERT INTO invoices (tenant, dated, issued) VALUES ('a', '2025-01-01', false), ('a', NULL, false)")

			for _, statement := range []string{
				"INSERT INTO invoices (tenant, dated) VALUES ('a', '2026-01-04')",
				"INSERT INTO invoices (tenant, dated) VALUES ('a', '2026-01-06'), ('a', '2026-01-05')",
				"INSERT INTO invoices (tenant, dated) VALUES ('a', '2026-01-04'), ('a', '2026-01-05'), ('b', '2026-01-05')",
				"INSERT INTO invoices (tenant, dated) VALUES ('b', '2026-01-06'), ('a', '2026-01-06'), ('b', '2026-01-05'), ('a', '2026-01-07')",
				"UPDATE invoices SET issued = true WHERE dated = '2025-01-01'",
			} {
				pg.RequireAbout(t, s.Refuse("23514", statement), "invoices", "chronology")
			}
			for _, statement := range []string{
				"INSERT INTO invoices (tenant) VALUES ('a')",
				"UPDATE invoices SET issued = true WHERE dated IS NULL",
			} {
				pg.RequireAbout(t, s.Refuse("22004", statement), "invoices", "undated")
			}
			for _, statement := range []string{
				"UPDATE invoices SET dated = '2026-01-06' WHERE number = 2",
				"UPDATE invoices SET dated = NULL WHERE number = 2",
			} {
				pg.RequireAbout(t, s.Refuse("23001", statement), "invoices", "moved")
			}
			s.Do("INSERT INTO invoices (tenant, dated) SELECT x.tenant, x.dated::" + kind +
				" FROM (VALUES ('a', '2026-01-07'), ('b', '2025-02-01'), ('a', '2026-01-06')) AS x (tenant, dated) ORDER BY x.dated")
			s.Do("UPDATE invoices SET dated = '2026-01-07', issued = true WHERE dated IS NULL")
			s.Do("UPDATE invoices SET dated = '2026-02-01', issued = true WHERE number IS NULL")
			require.EqualValues(t, 6, s.Number("SELECT count(*) FROM invoices WHERE tenant = 'a' AND number IS NOT NULL"))
			require.True(t, *sqltest.Value[bool](s, "SELECT bool_and(ordered) FROM (SELECT dated >= lag(dated, 1, dated) OVER (PARTITION BY tenant ORDER BY number) AS ordered FROM invoices) AS o"))
			pg.RequireNumbered(s, "invoices")
		})
	}
}

// TestAVoidNumberLeavesTheDateOfThoseBefore voids the newest number after the journal was rewritten. The number before is
// of 5 January; what the journal does not know any more counts as of a later date, and never as of an earlier one.
func TestAVoidNumberLeavesTheDateOfThoseBefore(t *testing.T) {
	t.Parallel()
	const (
		attach = "SELECT gapless.attach_gapless('t', 'number', name => $$ 'a' $$, chronology => 'NEW.d');"
		other  = "SELECT gapless.attach_gapless('t', 'number', name => $$ 'b' $$, chronology => 'NEW.d');"
		detach = "SELECT gapless.detach_gapless('t', 'number');"
		insert = "INSERT INTO t (d) VALUES ('2026-01-01'); INSERT INTO t (d) VALUES ('2026-01-05'); INSERT INTO t (d) VALUES ('2026-01-09');"
		by     = "INSERT INTO t (d, number) VALUES ('2026-01-01', 1), ('2026-01-05', 2), ('2026-01-09', 3);"
		void   = "SELECT gapless.void_gapless('a', 3, 'why');"
		remove = "DELETE FROM t WHERE number = 3;"
		prune  = "SELECT gapless.prune_gapless('a', 'infinity');"
		mend   = `DROP TRIGGER "~gapless_update_number" ON t;`
	)
	for name, c := range map[string]struct {
		made  string
		floor string
	}{
		"nothing rewritten":                {attach + insert + void, "2026-01-05"},
		"pruned":                           {attach + insert + prune + void, "2026-01-05"},
		"pruned twice":                     {attach + insert + prune + "INSERT INTO t (d) VALUES ('2026-01-10');" + prune + void + "SELECT gapless.void_gapless('a', 4, 'why');", "2026-01-09"},
		"void, then pruned":                {attach + insert + void + "INSERT INTO t (d) VALUES ('2026-01-06');" + prune + "SELECT gapless.void_gapless('a', 4, 'why');", "2026-01-05"},
		"void, then forwarded":             {attach + insert + void + "SELECT gapless.forward_gapless('a', 10, 'why');", "2026-01-05"},
		"adopted":                          {by + attach + void, "2026-01-09"},
		"adopted, void, deleted, again":    {by + attach + void + remove + detach + attach, "2026-01-05"},
		"issued, void, attached again":     {attach + insert + void + detach + attach, "2026-01-09"},
		"attached again, void":             {attach + insert + detach + attach + void, "2026-01-09"},
		"guards mended, void":              {attach + insert + mend + attach + void, "2026-01-09"},
		"void, deleted, attached again":    {attach + insert + void + remove + detach + attach, "2026-01-05"},
		"void, deleted, by another name":   {attach + insert + void + remove + detach + other, "2026-01-05"},
		"by another name, then void":       {attach + insert + detach + other + "SELECT gapless.void_gapless('b', 3, 'why');", "2026-01-09"},
		"attached again, pruned, void":     {attach + insert + detach + attach + prune + void, "2026-01-09"},
		"attached again, a row, both void": {attach + insert + detach + attach + "INSERT INTO t (d) VALUES ('2026-01-10');" + void + "SELECT gapless.void_gapless('a', 4, 'why');", "2026-01-09"},
		"adopted, pruned, all void":        {by + attach + "INSERT INTO t (d) VALUES ('2026-01-10');" + prune + "SELECT gapless.void_gapless('a', 4, 'why');" + void, "2026-01-09"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, d date, number bigint UNIQUE)")
			_, err := s.PgConn().Exec(s.Ctx, c.made).ReadAll()
			require.NoError(t, err)
			for _, rows := range []string{"($1::date - 1)", "($1::date - 1), ($1)"} {
				pg.RequireAbout(t, s.Refuse("23514", "INSERT INTO t (d) VALUES "+rows, c.floor), "t", "chronology")
			}
			s.Do("INSERT INTO t (d) VALUES ($1::date)", c.floor)
			require.Empty(t, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, explanation) FROM gapless.audit_gapless() WHERE NOT explained"))
		})
	}
}

func TestAttachTakesEveryParameterAtOnce(t *testing.T) {
	t.Parallel()
	for _, atCommit := range []bool{false, true} {
		t.Run(fmt.Sprint("at_commit ", atCommit), func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("CREATE TABLE docs (id int PRIMARY KEY, tenant text, issued_on date, issued boolean, number text, UNIQUE (tenant, number))")
			s.Do(`SELECT gapless.attach_gapless(
				target => 'docs', target_column => 'number',
				name => $$ 'doc/' || NEW.tenant || '/' || to_char(NEW.issued_on, 'YYYY') $$,
				initial => 10,
				format => $$ to_char(NEW.issued_on, 'YYYY') || '-' || value $$,
				condition => $$ NEW.issued $$,
				chronology => $$ NEW.issued_on $$,
				at_commit => $1)`, atCommit)
			s.Do("INSERT INTO docs VALUES (1, 'a', '2026-01-01', true), (2, 'a', '2026-01-01', true), (3, 'a', '2026-01-01', false), (4, 'b', '2025-01-01', true)")
			s.Do("UPDATE docs SET issued = true")
			s.Do("INSERT INTO docs VALUES (5, 'a', '2027-01-01', true)")
			twice, numbered := "INSERT INTO docs VALUES (6, 'a', '2026-12-31', true); INSERT INTO docs VALUES (7, 'a', '2026-12-30', true)", []string(nil)
			if atCommit { // in the order of the dates
				s.Do(twice)
				numbered = []string{"6 2026-14", "7 2026-13"}
			} else {
				s.Refuse("23514", twice)
			}
			s.Refuse("23514", "INSERT INTO docs VALUES (8, 'a', '2026-12-30', true), (9, 'a', '2026-01-01', true), (10, 'a', '2026-12-31', true)")
			s.Refuse("428C9", "INSERT INTO docs VALUES (8, 'a', '2026-12-31', true, '2026-13')")
			s.Refuse("23001", "DELETE FROM docs")
			require.Equal(t, append([]string{"1 2026-10", "2 2026-11", "3 2026-12", "4 2025-10", "5 2027-10"}, numbered...), sqltest.Texts(s, "SELECT id || ' ' || number FROM docs ORDER BY id"))
			sqltest.RequireSound(s)
		})
	}
}

// TestAttachMeansTheDefaultByNull is what ORMs and psql variables give.
func TestAttachMeansTheDefaultByNull(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(pg.CreateInvoices)
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', 'NEW.tenant', NULL, NULL, NULL, NULL, NULL)")
	require.EqualValues(t, 1, s.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	pg.RequireNumbered(s, "invoices")
}

func TestAttachCompilesIntoAReadableFunctionThatDetachDrops(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(pg.CreateInvoices)
	names := func() []string {
		return sqltest.Texts(s, `
			SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
			UNION ALL SELECT tgname FROM pg_trigger
			UNION ALL SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'`)
	}
	before := names()
	s.Do(pg.AttachInvoices)
	code := *sqltest.Value[string](s, "SELECT pg_get_functiondef('invoices_number_gapless'::regproc)")
	require.Contains(t, code, "public.invoices_number_gapless_series(NEW.tenant)")
	require.Contains(t, *sqltest.Value[string](s, "SELECT pg_get_functiondef('invoices_number_gapless_series'::regproc)"), "'invoice/'::text || tenant")
	require.Contains(t, code, "-- ")
	require.Contains(t, code, "SECURITY DEFINER")
	require.NotContains(t, code, "EXECUTE", "plain SQL")
	require.Contains(t, *sqltest.Value[string](s, "SELECT obj_description('invoices_number_gapless'::regproc)"), "gapless.attach_gapless")
	require.Zero(t, s.Number(`SELECT count(*) FROM pg_proc, aclexplode(proacl) AS acl WHERE proname LIKE 'invoices_number_gapless%' AND acl.grantee = 0`))
	require.Empty(t, sqltest.Texts(s, `SELECT proname FROM pg_proc WHERE proname LIKE 'invoices_number_gapless%'
		AND (proacl IS NULL OR prolang <> (SELECT oid FROM pg_language WHERE lanname = 'sql') AND array_to_string(proconfig, ' ') NOT LIKE '%search_path=pg_catalog, pg_temp%')`))

	s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('a')")
	s.Do("SELECT gapless.detach_gapless('invoices', 'number')")
	require.Equal(t, before, names())

	// The column is an ordinary one again, and the sequence anybody's.
	require.Nil(t, sqltest.Value[int64](s, "INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	s.Do("UPDATE invoices SET number = 3 WHERE number IS NULL")
	require.EqualValues(t, 3, s.Number("SELECT gapless.next_gapless('invoice/a')"))
	s.Do("DELETE FROM invoices WHERE number = 3")
	s.Do("INSERT INTO invoices (tenant, number) VALUES ('a', 3)")
	s.Do(pg.AttachInvoices)
	require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	pg.RequireNumbered(s, "invoices")
}

func TestDetachOfAnAttachedColumnInTheSameTransactionForgetsEverything(t *testing.T) {
	t.Parallel()
	_, s := pg.Attached(t)
	s.Do("BEGIN")
	s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('a')")
	s.Do("SELECT gapless.detach_gapless('invoices', 'number')")
	require.EqualValues(t, 3, s.Number("SELECT gapless.next_gapless('invoice/a')"))
	s.Do("INSERT INTO invoices (tenant, number) VALUES ('a', 3), ('b', 2)")
	s.Do(pg.AttachInvoices)
	require.Equal(t, []int64{4, 3, 5, 4}, s.Numbers("INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('a'), ('b') RETURNING number"))
	s.Do("COMMIT")
	pg.RequireNumbered(s, "invoices")

	s.Do("BEGIN")
	s.Do("SELECT gapless.detach_gapless('invoices', 'number')")
	s.Do("ROLLBACK")
	require.EqualValues(t, 6, s.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"), "it never was")
	pg.RequireNumbered(s, "invoices")
}

func TestDetachRefusesWhatIsNotAttached(t *testing.T) {
	t.Parallel()
	database, s := pg.Attached(t)
	pg.RequireHelpful(t, s.Refuse("22004", "SELECT gapless.detach_gapless(NULL, 'number')"))
	pg.RequireHelpful(t, s.Refuse("22004", "SELECT gapless.detach_gapless('invoices', NULL)"))
	for _, column := range []string{"memo", "no such"} {
		refused := s.Refuse("42704", "SELECT gapless.detach_gapless('invoices', $1)", column)
		pg.RequireHelpful(t, refused)
		require.Equal(t, "gapless_unattached", refused.ConstraintName)
	}
	s.Refuse("42P01", "SELECT gapless.detach_gapless('nosuch', 'number')")
	_, app := sqltest.Role(t, database, "app")
	s.Do("GRANT USAGE ON SCHEMA gapless TO " + app + "; GRANT EXECUTE ON FUNCTION gapless.detach_gapless TO " + app + "; GRANT ALL ON invoices TO " + app)
	s.Do("SET ROLE " + app)
	pg.RequireHelpful(t, s.Refuse("42501", "SELECT gapless.detach_gapless('invoices', 'number')"))
	s.Do("RESET ROLE")
	require.EqualValues(t, 1, s.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	pg.RequireNumbered(s, "invoices")
}

// TestAttachRefusesWhatIsNoLastingExpressionOverNew tries to leave the expression, and to make it depend on more than the row.
func TestAttachRefusesWhatIsNoLastingExpressionOverNew(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(`CREATE TABLE docs (
		id int PRIMARY KEY, tenant text, code text, issued_on date, at timestamptz, amount numeric,
		total numeric GENERATED ALWAYS AS (amount * 2) STORED, number text UNIQUE
	)`)
	s.Do(`CREATE SEQUENCE counter`)
	s.Do(`CREATE FUNCTION unsteady(text) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT $1'`)
	s.Do(`CREATE FUNCTION looked_up(text) RETURNS text LANGUAGE sql STABLE AS 'SELECT max(code) FROM docs'`)
	s.Do(`CREATE FUNCTION mixed(text, text) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT $1'`)
	s.Do(`CREATE OPERATOR <~> (LEFTARG = text, RIGHTARG = text, FUNCTION = mixed)`)
	state := func() []string {
		return sqltest.Texts(s, `
			SELECT 'class ' || oid || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
			UNION ALL SELECT 'function ' || oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace
			UNION ALL SELECT 'trigger ' || oid FROM pg_trigger
			UNION ALL SELECT 'path ' || current_setting('search_path')
			ORDER BY 1`)
	}
	before := state()

	const either = "" // whatever PostgreSQL's parser makes of it
	for parameter, cases := range map[string]map[string]string{
		"name": {
			// Unknown, or not of the row.
			"NEW.no_such": "42703", "no_such": "42703", "tenant": "42702", "docs.tenant": "42P01", "OLD.tenant": "42P01", "TG_OP": "42703",
			"value": "42703", "this.value": "42P01", "run.series": "42P01", "$1": "42P02", "NEW.tenant::no_such_type": "42704",
			"no_such_function(NEW.tenant)": "42883", "NEW.amount || NEW.nothing": "42703", "public.docs.tenant": "42P01",
			// Not one expression.
			"": either, "  ": either, "-- nothing": either, "/* nothing */": either, "'a', 'b'": either, "NEW.tenant, NEW.code": either,
			"DEFAULT": either, "*": either, "NEW.tenant AS x": either, "NEW.tenant 'x' y": either,
			// Injected.
			"'a'; DROP TABLE docs":                               either,
			"'a'); DROP TABLE docs; SELECT ('b'":                 either,
			"'a']); DROP TABLE docs; SELECT (ARRAY['b'":          either,
			"'a'\n)) AS v; DROP TABLE docs; --":                  either,
			"'a'\n] AS result) AS number; DROP TABLE docs; --":   either,
			"'a') AS result) AS number, LATERAL (SELECT (1":      either,
			"'a'] AS result) AS number, LATERAL (SELECT ARRAY[1": either,
			"'a'], ARRAY['b'":                                    either,
			"'a'), ('b'":                                         either,
			"'a' FROM docs WHERE ('b' = 'b'":                     either,
			"(NEW.tenant":                                        either,
			"NEW.tenant)":                                        either,
			"NEW.tenant]":                                        either,
			"NEW.tenant[":                                        either,
			"'NEW.tenant":                                        either,
			"NEW.tenant'":                                        either,
			`"NEW.tenant`:                                        either,
			"NEW.tenant /*":                                      either,
			"NEW.tenant */":                                      either,
			"/* ] */ NEW.tenant /* /* */":                        either,
			"$q$ NEW.tenant":                                     either,
			`E'\' || NEW.tenant`:                                 either,
			"NEW.tenant UNION ALL SELECT 'x'":                    either,
			"NEW.tenant INTO docs":                               either,
			"CASE WHEN true THEN 'a'":                            either,
			"'a' || ':=' ; RAISE EXCEPTION 'x'":                  either,
			"(DELETE FROM docs RETURNING 'a')":                   either,
			"(WITH d AS (DELETE FROM docs RETURNING *) SELECT 'a' FROM d)": either,
			// No scalar.
			"(SELECT 'x')": "22023", "(SELECT max(d.tenant) FROM docs AS d)": "22023", "array_to_string(ARRAY(SELECT 1), '')": "22023",
			"(VALUES ('a'))": "22023", "CASE WHEN EXISTS (SELECT) THEN 'a' END": "22023", "CASE WHEN NEW.tenant IN (SELECT 'a') THEN 'a' END": "22023",
			"max(NEW.tenant)": either, "count(*)": either, "string_agg(NEW.tenant, '')": either, "row_number() OVER ()": either,
			"generate_series(1, 2)": either, "unnest(ARRAY['a'])": either, "regexp_split_to_table(NEW.tenant, 'a')": either,
			"ROW('a', 'b')": either, "true": "22023", "NEW.tenant = 'a'": "22023", "NEW": "22023",
			// What the row does not have yet.
			"NEW.number": "22023", "NEW.tenant || NEW.number": "22023", "NEW::text": "22023", "to_jsonb(NEW) ->> 'tenant'": "22023", "(NEW.*)::text": "22023",
			"NEW.total::text": "22023", "NEW.ctid::text": "22023", "NEW.tableoid::text": "22023", "NEW.xmin::text": "22023",
			// What is different later, or for others.
			"now()::text": "22023", "current_date::text": "22023", "CURRENT_TIMESTAMP::text": "22023", "LOCALTIME::text": "22023",
			"clock_timestamp()::text": "22023", "statement_timestamp()::text": "22023", "timeofday()": "22023", "random()::text": "22023",
			"gen_random_uuid()::text": "22023", "nextval('counter')::text": "22023", "currval('counter')::text": "22023", "lastval()::text": "22023",
			"txid_current()::text": "22023", "pg_backend_pid()::text": "22023", "current_user::text": "22023", "session_user::text": "22023",
			"current_schema::text": "22023", "current_catalog::text": "22023", "current_setting('x', true)": "22023", "set_config('a.b', 'c', true)": "22023",
			"inet_client_addr()::text": "22023", "version()": "22023", "age(NEW.at)::text": "22023", "pg_sleep(0)::text": "22023",
			"to_char(now(), 'YYYY')": "22023", "gapless.next_gapless('x')::text": "22023", "unsteady(NEW.tenant)": "22023", "looked_up(NEW.tenant)": "22023",
			"NEW.tenant <~> NEW.code": "22023", "'now'::timestamp::text": "22023", "' Today '::date::text": "22023", "timestamp 'tomorrow' || ''": "22023",
			"'today 08:00'::timestamp::text": "22023", "$q$now$q$::timestamp::text": "22023", "E'yesterday'::date::text": "22023",
			"'abc'::int::text": "22P02",
		},
		"format": {
			"NEW.number || value": "22023", "val": "42703", "v.value": either, "value, value": either, "value > 3": "22023", "(SELECT value)": "22023",
			"value::text || now()": "22023", "value; DROP TABLE docs": either, "value) FROM docs; --": either, "sum(value)": either, "NEW.ctid || value": either,
		},
		"condition": {
			"NEW.tenant": "22023", "1": "22023", "'yes'": "22023", "NEW.issued_on <= current_date": "22023", "NEW.at < now()": "22023",
			"NEW.number IS NULL": "22023", "NEW.total > 0": "22023", "EXISTS (SELECT FROM docs)": "22023", "true, true": either,
			"true) OR (true": either, "NEW.status = 'issued'": "42703", "random() < 0.5": "22023", "NEW.tenant = current_user": "22023",
		},
		"chronology": {
			"NEW.tenant": "22023", "NEW.amount": "22023", "NEW.issued_on::text": "22023", "interval '1 day'": "22023", "time '10:00'": "22023",
			"current_date": "22023", "now()": "22023", "NEW.issued_on + random()::int": "22023", "NEW.issued_at": "42703", "true": "22023",
			"NEW.issued_on, NEW.issued_on": either, "'today'::date": "22023", "'tomorrow 12:00'::timestamptz": "22023",
		},
	} {
		for expression, code := range cases {
			arguments := map[string]any{"name": "'docs'", "format": "value::text", "condition": nil, "chronology": nil}
			arguments[parameter] = expression
			_, err := s.Exec(s.Ctx, "SELECT gapless.attach_gapless('docs', 'number', name => $1::text, format => $2::text, condition => $3::text, chronology => $4::text)",
				arguments["name"], arguments["format"], arguments["condition"], arguments["chronology"])
			if err == nil {
				t.Errorf("%s: %q was taken", parameter, expression)
				s.Do("SELECT gapless.detach_gapless('docs', 'number')")
				continue
			}
			var pgErr *pgconn.PgError
			require.ErrorAs(t, err, &pgErr, "%s: %q", parameter, expression)
			if code != pgErr.Code && (code != either || !slices.Contains([]string{"22", "42", "0A"}, pgErr.Code[:2])) {
				t.Errorf("%s: %q: %+v", parameter, expression, pgErr)
				continue
			}
			pg.RequireHelpful(t, pgErr)
			require.Equal(t, parameter, pgErr.ColumnName, "the error names the parameter: %+v", pgErr)
			require.Contains(t, pgErr.Message, parameter)
			require.Equal(t, before, state(), "%s: %q left something", parameter, expression)
		}
	}

	// And what is one.
	s.Do(`CREATE FUNCTION steady(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)'`)
	for _, expression := range []string{
		"NEW.tenant", "steady(NEW.tenant)", "'x' -- NEW.y; )", "/* a ] */ 'x'", "$q$ '; ) $q$", "NEW.id / 10", "NEW.amount::int % 7", "'a''b'", `E'a\'b'`,
		"CASE WHEN NEW.amount < 0 THEN 'credit' ELSE 'invoice' END", "coalesce(NEW.tenant, 'none')", "to_char(NEW.at, 'YYYY')",
		"extract(year FROM NEW.issued_on)", "concat_ws('/', NEW.tenant, NEW.code)", "(NEW).tenant", "date_trunc('year', NEW.at)", "(ARRAY['a', 'b'])[1]",
		"NEW.tenant || '/now'", "format('%s/%1$s %%', NEW.tenant)",
	} {
		s.Do("BEGIN")
		s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $1, format => 'value')", expression)
		require.Equal(t, []string{"1", "2"}, sqltest.Texts(s, "INSERT INTO docs VALUES (1, 'a', 'b', '2026-01-01', '2026-01-01', 7), (2, 'a', 'b', '2026-01-01', '2026-01-01', 7) RETURNING number"), expression)
		sqltest.RequireSound(s)
		s.Do("ROLLBACK")
	}
}

// TestAttachRefusesAColumnThatCannotNumberItself has the tables and columns whose numbers could not be kept.
func TestAttachRefusesAColumnThatCannotNumberItself(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	const good = "CREATE TABLE docs (id int PRIMARY KEY, tenant text, number bigint UNIQUE)"
	cases := map[string]struct {
		setup, arguments, code, says string
	}{
		"no such column":       {good, "'docs', 'no such', name => '1'", "42703", "no such"},
		"system column":        {good, "'docs', 'xmin', name => '1'", "42703", "xmin"},
		"dropped column":       {good + "; ALTER TABLE docs DROP number", "'docs', 'number', name => '1'", "42703", "number"},
		"no such table":        {good, "0::regclass, 'number', name => '1'", "42P01", "table"},
		"attached already":     {good + "; SELECT gapless.attach_gapless('docs', 'number', '1')", "'docs', 'number', name => '2'", "42710", "attached already"},
		"view":                 {good + "; CREATE VIEW v AS SELECT * FROM docs", "'v', 'number', name => '1'", "42809", "not a table"},
		"materialized view":    {good + "; CREATE MATERIALIZED VIEW v AS SELECT * FROM docs", "'v', 'number', name => '1'", "42809", "not a table"},
		"index":                {good, "'docs_pkey', 'number', name => '1'", "42809", "not a table"},
		"sequence":             {"CREATE SEQUENCE q", "'q', 'last_value', name => '1'", "42809", "not a table"},
		"composite type":       {"CREATE TYPE c AS (number bigint)", "'c', 'number', name => '1'", "42809", "not a table"},
		"unlogged":             {"CREATE UNLOGGED TABLE docs (number bigint UNIQUE)", "'docs', 'number', name => '1'", "42809", "not logged"},
		"temporary":            {"CREATE TEMPORARY TABLE docs (number bigint UNIQUE)", "'docs', 'number', name => '1'", "42809", "temporary"},
		"int4":                 {"CREATE TABLE docs (number int UNIQUE)", "'docs', 'number', name => '1'", "55000", "integer"},
		"numeric":              {"CREATE TABLE docs (number numeric UNIQUE)", "'docs', 'number', name => '1'", "55000", "numeric"},
		"text without format":  {"CREATE TABLE docs (number text UNIQUE)", "'docs', 'number', name => '1'", "55000", "text"},
		"bigint with format":   {good, "'docs', 'number', name => '1', format => 'value'", "55000", "bigint"},
		"char with format":     {"CREATE TABLE docs (number char(10) UNIQUE)", "'docs', 'number', name => '1', format => 'value'", "55000", "character"},
		"default":              {"CREATE TABLE docs (number bigint UNIQUE DEFAULT 7)", "'docs', 'number', name => '1'", "55000", "default"},
		"serial":               {"CREATE TABLE docs (number bigserial UNIQUE)", "'docs', 'number', name => '1'", "55000", "default"},
		"identity":             {"CREATE TABLE docs (number bigint GENERATED BY DEFAULT AS IDENTITY UNIQUE)", "'docs', 'number', name => '1'", "55000", "identity"},
		"generated":            {"CREATE TABLE docs (a bigint, number bigint GENERATED ALWAYS AS (a) STORED UNIQUE)", "'docs', 'number', name => '1'", "55000", "generated"},
		"not null, condition":  {"CREATE TABLE docs (number bigint NOT NULL UNIQUE)", "'docs', 'number', name => '1', condition => 'true'", "55000", "NOT NULL"},
		"not null, at_commit":  {"CREATE TABLE docs (id int PRIMARY KEY, number bigint NOT NULL UNIQUE)", "'docs', 'number', name => '1', at_commit => true", "55000", "NOT NULL"},
		"no unique index":      {"CREATE TABLE docs (number bigint); CREATE INDEX ON docs (number)", "'docs', 'number', name => '1'", "55000", "unique index"},
		"included only":        {"CREATE TABLE docs (id int, number bigint, UNIQUE (id) INCLUDE (number))", "'docs', 'number', name => '1'", "55000", "unique index"},
		"partial unique index": {"CREATE TABLE docs (id int, number bigint); CREATE UNIQUE INDEX ON docs (number) WHERE id > 7", "'docs', 'number', name => '1'", "55000", "unique index"},
		"unique expression":    {"CREATE TABLE docs (id int, number bigint); CREATE UNIQUE INDEX ON docs ((number + 1))", "'docs', 'number', name => '1'", "55000", "unique index"},
		"unique with a column that the series does not tell": {"CREATE TABLE docs (id int, number bigint, UNIQUE (id, number))", "'docs', 'number', name => '1'", "55000", "twice"},
		"a name of 43 bytes": {"CREATE TABLE docs (" + strings.Repeat("n", 43) + " bigint UNIQUE)", "'docs', '" + strings.Repeat("n", 43) + "', name => '1'", "55000", "42 bytes"},
		"no primary key":     {"CREATE TABLE docs (number bigint UNIQUE)", "'docs', 'number', name => '1', at_commit => true", "55000", "primary key"},
		"a later trigger": {good + "; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; " +
			`CREATE TRIGGER "~~late" BEFORE INSERT ON docs FOR EACH ROW EXECUTE FUNCTION f()`, "'docs', 'number', name => '1'", "55000", "~~late"},
		"partition": {"CREATE TABLE docs (id int, number bigint, UNIQUE (id, number)) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF docs DEFAULT",
			"'part', 'number', name => '1'", "42809", "partition"},
		"partitioned by the number": {"CREATE TABLE docs (id int, number bigint, UNIQUE (id, number)) PARTITION BY RANGE (number)",
			"'docs', 'number', name => '1'", "55000", "partitioned by it"},
		"partitioned by an expression of it": {"CREATE TABLE docs (id int, number bigint) PARTITION BY RANGE ((number % 10)); CREATE TABLE part PARTITION OF docs DEFAULT",
			"'docs', 'number', name => '1'", "55000", "partitioned by it"},
		"sub-partitioned by the number": {"CREATE TABLE docs (id int, number bigint, UNIQUE (id, number)) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF docs DEFAULT PARTITION BY RANGE (number)",
			"'docs', 'number', name => '1'", "55000", "partitioned by it"},
		"unlogged partition": {"CREATE TABLE docs (id int, number bigint, UNIQUE (id, number)) PARTITION BY LIST (id); CREATE UNLOGGED TABLE part PARTITION OF docs DEFAULT",
			"'docs', 'number', name => '1'", "42809", "not logged"},
	}
	if s.Number("SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'") > 0 {
		const foreign = "CREATE EXTENSION postgres_fdw; CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE "
		cases["foreign"] = struct{ setup, arguments, code, says string }{foreign + "docs (number bigint) SERVER there", "'docs', 'number', name => '1'", "42809", "foreign"}
		cases["foreign partition"] = struct{ setup, arguments, code, says string }{
			"CREATE TABLE docs (id int, number bigint) PARTITION BY LIST (id); " + foreign + "part PARTITION OF docs DEFAULT SERVER there",
			"'docs', 'number', name => '1'", "42809", "foreign",
		}
	}
	for name, c := range cases {
		s.Do("BEGIN")
		s.Do(c.setup)
		err := s.Refuse(c.code, "SELECT gapless.attach_gapless("+c.arguments+")")
		require.Contains(t, err.Message, c.says, name)
		require.NotEmpty(t, err.Hint, "%s: %s", name, err.Message)
		require.NotEmpty(t, err.SchemaName, "%s: %s", name, err.Message)
		if err.SchemaName != "gapless" {
			require.NotEmpty(t, err.ConstraintName, "%s: %s: no client could tell whose it is", name, err.Message)
		}
		s.Do("ROLLBACK")
	}

	s.Do(good)
	for _, arguments := range []string{"NULL, 'number', 'a'", "'docs', NULL, 'a'"} {
		pg.RequireHelpful(t, s.Refuse("22004", "SELECT gapless.attach_gapless("+arguments+")"))
	}
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		s.Do("BEGIN ISOLATION LEVEL " + level)
		pg.RequireHelpful(t, s.Refuse("55000", "SELECT gapless.attach_gapless('docs', 'number', name => '1')"))
		s.Do("ROLLBACK")
	}
	s.Do("BEGIN; SELECT gapless.attach_gapless('docs', 'number', name => '1'); COMMIT")
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} { // whose snapshot may be older than a series
		s.Do("BEGIN ISOLATION LEVEL " + level)
		err := s.Refuse("55000", "SELECT gapless.detach_gapless('docs', 'number')")
		pg.RequireHelpful(t, err)
		require.Equal(t, "detach_snapshot", err.ConstraintName)
		s.Do("ROLLBACK")
	}
	s.Do("SELECT gapless.detach_gapless('docs', 'number')")
	// What looks alike and is fine.
	for _, setup := range []string{
		"CREATE TABLE docs (id int, tenant text, number bigint UNIQUE)",
		"CREATE TABLE docs (number bigint NOT NULL UNIQUE)",
		"CREATE TABLE docs (id int, number bigint); CREATE UNIQUE INDEX ON docs (number) WHERE number IS NOT NULL",
		"CREATE TABLE docs (number bigint PRIMARY KEY)",
	} {
		s.Do("BEGIN; DROP TABLE IF EXISTS docs")
		s.Do(setup)
		s.Do("SELECT gapless.attach_gapless('docs', 'number', name => '1')")
		require.Equal(t, []int64{1}, s.Numbers("INSERT INTO docs (number) VALUES (NULL) RETURNING number"), setup)
		sqltest.RequireSound(s)
		s.Do("ROLLBACK")
	}
}

// TestAttachIsForTheOwnerWhomTheHintTellsWhatIsMissing also runs what the hint says.
func TestAttachIsForTheOwnerWhomTheHintTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	_, owner := sqltest.Role(t, database, "owner")
	_, other := sqltest.Role(t, database, "other")
	_, member := sqltest.Role(t, database, "member")
	s.Do("CREATE SCHEMA shop AUTHORIZATION " + owner + "; GRANT USAGE ON SCHEMA shop TO PUBLIC; GRANT " + owner + " TO " + member)
	s.Do("SET ROLE " + owner + "; CREATE TABLE shop.invoices (id int PRIMARY KEY, tenant text, number bigint, UNIQUE (tenant, number)); GRANT ALL ON shop.invoices TO PUBLIC; RESET ROLE")
	const attach = "SELECT gapless.attach_gapless('shop.invoices', 'number', name => 'NEW.tenant')"
	s.Do("SET ROLE " + owner)
	s.Refuse("42501", attach) // without any rights
	s.Do("RESET ROLE")
	s.Do("GRANT USAGE ON SCHEMA gapless TO " + owner + ", " + other + "; GRANT EXECUTE ON FUNCTION gapless.attach_gapless, gapless.detach_gapless TO " + owner + ", " + other)

	s.Do("SET ROLE " + other)
	pg.RequireHelpful(t, s.Refuse("42501", attach))
	for _, role := range []string{owner, member} {
		s.Do("RESET ROLE; SET ROLE " + role)
		err := s.Refuse("42501", attach)
		pg.RequireHelpful(t, err)
		_, grant, found := strings.Cut(err.Hint, "GRANT ")
		require.True(t, found, err.Hint)
		if role == member {
			s.Do("RESET ROLE")
			s.Do("GRANT " + grant)
		}
	}

	// A member of the owner's role attaches, and the functions are the owner's.
	s.Do("SET ROLE " + member)
	s.Do(attach)
	s.Do("RESET ROLE")
	require.Equal(t, []string{database.Name + " owner"}, sqltest.Texts(s, "SELECT DISTINCT pg_get_userbyid(proowner)::text FROM pg_proc WHERE proname LIKE 'invoices\\_number\\_gapless%'"))
	for _, role := range []string{owner, other, member} {
		s.Do("SET ROLE " + role)
		s.Do("INSERT INTO shop.invoices VALUES ((SELECT count(*) FROM shop.invoices), 'a')")
		s.Do("RESET ROLE")
	}
	pg.RequireNumbered(s, "shop.invoices")
	s.Do("SET ROLE " + owner)
	s.Do("SELECT gapless.detach_gapless('shop.invoices', 'number')")
	s.Do(attach)
	s.Do("RESET ROLE")
	// As a superuser attaches it, too.
	s.Do("SELECT gapless.detach_gapless('shop.invoices', 'number')")
	s.Do(attach)
	s.Do("SET ROLE " + other)
	s.Do("INSERT INTO shop.invoices VALUES (7, 'a'), (8, 'a'), (9, 'b')")
	s.Do("RESET ROLE")
	pg.RequireNumbered(s, "shop.invoices")
}

func TestAttachedColumnsOfAPlainOwnerReachTheEndOfTheRange(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	_, owner := sqltest.Role(t, database, "owner")
	s.Do("CREATE SCHEMA shop AUTHORIZATION " + owner)
	s.Do("GRANT USAGE ON SCHEMA gapless TO " + owner + "; GRANT EXECUTE ON FUNCTION gapless.attach_gapless TO " + owner)
	s.Do("DO $$ BEGIN EXECUTE (SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I', string_agg(oid::regprocedure::text, ', '), current_database() || ' owner') FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND proname LIKE 'column\\_%'); END $$")
	s.Do("SET ROLE " + owner)
	for _, columns := range []string{
		"(id int, number bigint UNIQUE)",
		"(id int, number bigint, UNIQUE (id, number)) PARTITION BY LIST (id); CREATE TABLE shop.part PARTITION OF shop.last DEFAULT",
	} {
		s.Do("CREATE TABLE shop.last " + columns)
		s.Do("SELECT gapless.attach_gapless('shop.last', 'number', name => $$ 'last' $$, initial => 9223372036854775806)")
		pg.RequireAbout(t, s.Refuse("2200H", "INSERT INTO shop.last VALUES (1), (2), (3)"), "last", "exhausted")
		s.Do("INSERT INTO shop.last VALUES (1), (2)")
		pg.RequireHelpful(t, s.Refuse("2200H", "INSERT INTO shop.last VALUES (1)"))
		pg.RequireHelpful(t, s.Refuse("2200H", "INSERT INTO shop.last VALUES (1), (2)"))
		require.EqualValues(t, 2, s.Number("SELECT count(*) FROM shop.last"))
		s.Do("RESET ROLE")
		sqltest.RequireSound(s)
		s.Do("SELECT gapless.detach_gapless('shop.last', 'number'); DROP TABLE shop.last; SELECT gapless.delete_gapless('last'); SET ROLE " + owner)
	}
}

func TestAttachTakesOverTheNumbersThatTheTableHas(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (tenant text, dated date, number text, UNIQUE (tenant, number))")
	s.Do("INSERT INTO docs VALUES ('a', '2026-01-01', 'A-0001'), ('a', '2026-03-01', 'A-0012'), ('a', '2026-02-01', 'A-0011'), ('b', '2026-05-01', 'A-0003'), ('a', NULL, NULL), ('c', NULL, NULL)")
	s.Do(`SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc/' || NEW.tenant $$, format => $$ 'A-' || lpad(value::text, 4, '0') $$, chronology => 'NEW.dated')`)
	require.Equal(t, []string{"doc/a 12 0", "doc/b 3 0"}, sqltest.Texts(s, "SELECT concat_ws(' ', name, last_value, issued) FROM gapless.sequences ORDER BY name"))
	s.Refuse("23514", "INSERT INTO docs VALUES ('a', '2026-02-28')") // before the newest that was taken over
	require.Equal(t, []string{"A-0013", "A-0004", "A-0001"},
		sqltest.Texts(s, "INSERT INTO docs VALUES ('a', '2026-03-01'), ('b', '2026-05-01'), ('c', '1999-01-01') RETURNING number"))
	s.Refuse("428C9", "UPDATE docs SET number = 'A-0002' WHERE number = 'A-0001'")
	s.Refuse("23001", "DELETE FROM docs WHERE number = 'A-0012'")
	// A row that had none gets one when it is written.
	require.Equal(t, []string{"A-0014"}, sqltest.Texts(s, "UPDATE docs SET dated = '2026-04-01' WHERE tenant = 'a' AND number IS NULL RETURNING number"))
	sqltest.RequireSound(s)
	require.Equal(t, []string{"doc/a 2 10", "doc/b 1 2"}, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, greatest(first_value, 1), last_value) FROM gapless.audit_gapless() WHERE explained AND kind = 'hole' UNION SELECT 'doc/b 1 2' ORDER BY 1"),
		"what is missing below was another system's")
}

func TestAttachRefusesNumbersThatItCannotTakeOverAndListsThem(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for name, c := range map[string]struct {
		rows string
		says []string
	}{
		"doubles":   {"('a', 'A-1'), ('A', 'A-1'), ('a', 'A-2'), ('b', 'A-1'), ('bb', 'A-7'), ('bB', 'A-7'), ('BB', 'A-7')", []string{`A-1: 2 rows of "doc/a"`, `A-7: 3 rows of "doc/bb"`}},
		"no series": {"(NULL, 'A-1'), (NULL, 'A-9'), ('a', 'A-1')", []string{"A-1: its series is NULL", "A-9: its series is NULL"}},
		"very many": {"('a', 'A-1'), ('a', 'A-2'), " + strings.TrimSuffix(strings.Repeat("(NULL, 'B-' || random()), ", 50), ", "), []string{"B-"}},
	} {
		s.Do("CREATE TABLE docs (tenant text, number text, UNIQUE (tenant, number))")
		s.Do("INSERT INTO docs VALUES " + c.rows)
		err := s.Refuse("23514", `SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc/' || lower(NEW.tenant) $$, format => $$ 'A-' || value $$)`)
		require.Equal(t, "docs", err.TableName)
		require.Equal(t, "number", err.ColumnName)
		require.NotEmpty(t, err.Hint)
		for _, says := range c.says {
			require.Contains(t, err.Detail, says, name)
		}
		require.NotContains(t, err.Detail, "A-2", name)
		require.Less(t, len(err.Detail), 5000, "a list for people")
		require.Empty(t, sqltest.Texts(s, "SELECT tgname FROM pg_trigger WHERE tgrelid = 'docs'::regclass UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace UNION ALL SELECT name FROM gapless.sequences"))

		s.Do("UPDATE docs SET number = NULL") // as the hint says
		s.Do(`SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc/' || lower(NEW.tenant) $$, format => $$ 'A-' || value $$)`)
		require.Equal(t, []string{"A-1"}, sqltest.Texts(s, "INSERT INTO docs (tenant) VALUES ('a') RETURNING number"))
		sqltest.RequireSound(s)
		s.Do("SELECT gapless.detach_gapless('docs', 'number'); DROP TABLE docs; SELECT gapless.delete_gapless('doc/a')")
	}
}

func TestAttachTakesASequenceThatWasInUseAndNoOtherColumns(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	var notices []string
	s := sqltest.Connect(t, database, func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) { notices = append(notices, notice.Message) }
	})
	s.Do("REVOKE CREATE ON SCHEMA public FROM PUBLIC") // PostgreSQL 14 grants it, and attach warns
	s.Do("SELECT gapless.next_gapless_batch('same', 3), gapless.next_gapless_batch('behind', 2), gapless.next_gapless_batch('ahead', 5)")
	s.Do("CREATE TABLE docs (series text, number bigint, UNIQUE (series, number))")
	s.Do("INSERT INTO docs SELECT 'same', i FROM generate_series(1, 3) AS i UNION ALL SELECT 'behind', i FROM generate_series(1, 4) AS i UNION ALL SELECT 'ahead', i FROM generate_series(1, 4) AS i")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => 'NEW.series')")
	require.Len(t, notices, 2)
	require.Contains(t, notices[0], "ahead")
	require.Equal(t, "column \"number\" of table public.docs: what it has is taken over; numbers: 11, series: 3, texts that tell no number: 0", notices[1])
	require.Equal(t, []int64{4, 5, 6, 1}, s.Numbers("INSERT INTO docs VALUES ('same'), ('behind'), ('ahead'), ('new') RETURNING number"))
	require.Equal(t, []string{"ahead hole 5 5"}, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, kind, first_value, last_value) FROM gapless.audit_gapless() WHERE NOT explained"))

	s.Do("CREATE TABLE others (series text, number bigint, UNIQUE (series, number))")
	s.Do("SELECT gapless.attach_gapless('others', 'number', name => 'NEW.series')")
	pg.RequireHelpful(t, s.Refuse("55000", "INSERT INTO others VALUES ('same')"))
	s.Do("INSERT INTO others VALUES ('of its own')")
	s.Do("SELECT gapless.detach_gapless('others', 'number')")
	s.Do("INSERT INTO others VALUES ('same', 9)")
	pg.RequireHelpful(t, s.Refuse("55000", "SELECT gapless.attach_gapless('others', 'number', name => 'NEW.series')"))
	require.EqualValues(t, 5, s.Number("INSERT INTO docs VALUES ('same') RETURNING number"))
}

// TestAttachTakesOverMoreSeriesThanTheLockTableHasEntries does so in one transaction: the table has 64 for each of 210 sessions.
func TestAttachTakesOverMoreSeriesThanTheLockTableHasEntries(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (tenant int, number bigint, UNIQUE (tenant, number))")
	s.Do("INSERT INTO docs SELECT i % 20000, i / 20000 + 1 FROM generate_series(0, 29999) AS i")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc/' || NEW.tenant $$)")
	require.EqualValues(t, 20_000, s.Number("SELECT count(*) FROM gapless.sequence_lock WHERE target = 'docs'::regclass"))
	require.Equal(t, []int64{3, 2, 3, 1}, s.Numbers("INSERT INTO docs VALUES (0), (19999), (9999), (20000) RETURNING number"))
	pg.RequireNumbered(s, "docs")
	s.Do("SELECT gapless.detach_gapless('docs', 'number')")
	require.EqualValues(t, 4, s.Number("SELECT gapless.next_gapless('doc/0')"))
}

func TestAttachedColumnsNumberAnInsertSelectInItsOrderByOneJournalRow(t *testing.T) {
	t.Parallel()
	_, s := pg.Attached(t)
	s.Do("INSERT INTO invoices (tenant, memo) SELECT 'a', g.i::text FROM generate_series(1, 5000) AS g (i) ORDER BY g.i DESC")
	require.True(t, *sqltest.Value[bool](s, "SELECT bool_and(number = 5001 - memo::int) FROM invoices"))
	require.Equal(t, []string{"1 5000"}, sqltest.Texts(s, "SELECT first_value || ' ' || last_value FROM gapless.journal"))

	// And one for each series, though they take turns.
	s.Do("INSERT INTO invoices (tenant, memo) SELECT 's' || i % 100, 'm' || i FROM generate_series(1, 5000) AS i ORDER BY i")
	require.EqualValues(t, 1+100, s.Number("SELECT count(*) FROM gapless.journal"))
	require.True(t, *sqltest.Value[bool](s, "SELECT bool_and(number = row) FROM (SELECT number, row_number() OVER (PARTITION BY tenant ORDER BY substr(memo, 2)::int) AS row FROM invoices WHERE tenant LIKE 's%') AS o"))
	require.Equal(t, []int64{5001, 51, 5002}, s.Numbers("INSERT INTO invoices (tenant) VALUES ('a'), ('s0'), ('a') RETURNING number"))
	pg.RequireNumbered(s, "invoices")
}

func TestAttachedColumnsLoseNoNumberToRowsThatDoNotArrive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		setup, statement string
		numbered         int64 // rows with a number afterwards
	}{
		"DO NOTHING":                  {"", "INSERT INTO invoices (tenant, memo) VALUES ('a', 'x'), ('a', 'y'), ('a', 'x'), ('a', 'y'), ('a', 'z') ON CONFLICT DO NOTHING", 3},
		"DO NOTHING, none arrives":    {"", "INSERT INTO invoices (tenant, memo) VALUES ('a', 'x'), ('b', 'x') ON CONFLICT DO NOTHING", 2},
		"DO NOTHING, two series":      {"", "INSERT INTO invoices (tenant, memo) VALUES ('b', 'x'), ('a', 'p'), ('b', 'q'), ('a', 'x'), ('b', 'p'), ('a', 'r'), ('b', 's') ON CONFLICT DO NOTHING", 6},
		"DO UPDATE":                   {"", "INSERT INTO invoices (tenant, memo) VALUES ('a', 'x'), ('a', 'p'), ('a', 'y') ON CONFLICT (memo) DO UPDATE SET memo = excluded.memo || '!'", 3},
		"DO UPDATE that does nothing": {"", "INSERT INTO invoices (tenant, memo) VALUES ('a', 'x'), ('a', 'p'), ('b', 'x'), ('b', 'y') ON CONFLICT (memo) DO UPDATE SET memo = 'never' WHERE false", 3},
		"DO UPDATE issues a draft": {"ALTER TABLE invoices DISABLE TRIGGER USER; INSERT INTO invoices (tenant, memo) VALUES ('a', 'd1'), ('a', 'd2'), ('b', 'd3'); ALTER TABLE invoices ENABLE TRIGGER USER",
			"INSERT INTO invoices (tenant, memo) VALUES ('a', 'p'), ('a', 'd1'), ('b', 'd3'), ('a', 'q'), ('b', 'd2'), ('a', 'r') ON CONFLICT (memo) DO UPDATE SET memo = excluded.memo", 8},
		"all of them conflict with drafts": {"ALTER TABLE invoices DISABLE TRIGGER USER; INSERT INTO invoices (tenant, memo) VALUES ('a', 'd1'), ('a', 'd2'), ('b', 'd3'); ALTER TABLE invoices ENABLE TRIGGER USER",
			"INSERT INTO invoices (tenant, memo) VALUES ('c', 'd1'), ('c', 'd3'), ('c', 'd2') ON CONFLICT (memo) DO UPDATE SET memo = excluded.memo || '!'", 5},
		"a trigger before ours skips": {"CREATE TRIGGER skip BEFORE INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION skip()",
			"INSERT INTO invoices (tenant, memo) SELECT 'a', 'skip'||i FROM generate_series(1, 9) AS i", 2 + 4},
		"a trigger after ours skips": {`CREATE TRIGGER "~~skip" BEFORE INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION skip()`,
			"INSERT INTO invoices (tenant, memo) SELECT 'a', 'skip'||i FROM generate_series(1, 9) AS i", 2 + 4},
		"a trigger after ours skips in turns": {`CREATE TRIGGER "~~skip" BEFORE INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION skip()`,
			"INSERT INTO invoices (tenant, memo) SELECT CASE WHEN i % 3 = 0 THEN 'a' ELSE 'b' END, 'skip'||i FROM generate_series(1, 90) AS i", 2 + 45},
		"MERGE": {"", "MERGE INTO invoices AS i USING (VALUES ('a', 'x'), ('a', 'p'), ('b', 'q'), ('a', 'r')) AS v (tenant, memo) ON i.memo = v.memo" +
			" WHEN MATCHED THEN UPDATE SET memo = 'x!' WHEN NOT MATCHED AND v.memo = 'r' THEN DO NOTHING WHEN NOT MATCHED THEN INSERT (tenant, memo) VALUES (v.tenant, v.memo)", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s := pg.Attached(t)
			if name == "MERGE" && s.Number("SELECT current_setting('server_version_num')::bigint") < 150000 {
				s.Refuse("42601", c.statement) // there is no MERGE before PostgreSQL 15
				return
			}
			s.Do(`CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF NEW.memo ~ 'skip\d*[13579]$' THEN RETURN NULL; END IF; RETURN NEW; END $$`)
			s.Do("INSERT INTO invoices (tenant, memo) VALUES ('a', 'x'), ('a', 'y')")
			if c.setup != "" {
				s.Do(c.setup)
			}
			s.Do("BEGIN")
			s.Do(c.statement)
			require.Equal(t, c.numbered, s.Number("SELECT count(number) FROM invoices"))
			// In the same transaction as well as later.
			for range 3 {
				s.Do("INSERT INTO invoices (tenant) VALUES ('a')")
				s.Do("INSERT INTO invoices (tenant) VALUES ('b'), ('a'), ('b')")
			}
			s.Do("COMMIT")
			s.Do("INSERT INTO invoices (tenant) VALUES ('b'), ('a')")
			require.Equal(t, c.numbered+3*4+2, s.Number("SELECT count(number) FROM invoices"))
			pg.RequireNumbered(s, "invoices")
		})
	}
}

// TestAttachedColumnsNumberWhateverOneTransactionDoes has the statements between which numbers are remembered.
func TestAttachedColumnsNumberWhateverOneTransactionDoes(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][]string{
		"rows in turns, single rows, rows in turns": {
			"INSERT INTO invoices (tenant) VALUES ('a'), ('b')", "INSERT INTO invoices (tenant) VALUES ('a')",
			"INSERT INTO invoices (tenant) VALUES ('b')", "INSERT INTO invoices (tenant) VALUES ('a'), ('b')",
		},
		"a savepoint rolled back between": {
			"INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('a')", "SAVEPOINT s", "INSERT INTO invoices (tenant) VALUES ('b'), ('a'), ('c')",
			"ROLLBACK TO s", "INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('c')", "SAVEPOINT s", "INSERT INTO invoices (tenant) VALUES ('a')", "ROLLBACK TO s",
			"INSERT INTO invoices (tenant) VALUES ('a'), ('c')", "INSERT INTO invoices (tenant) VALUES ('c'), ('a')",
		},
		"nothing arrives, and a savepoint is rolled back": {
			"INSERT INTO invoices (tenant, memo) VALUES ('a', 'x')", "INSERT INTO invoices (tenant, memo) VALUES ('a', 'x') ON CONFLICT DO NOTHING",
			"SAVEPOINT s", "INSERT INTO invoices (tenant) VALUES ('a'), ('a')", "ROLLBACK TO s", "INSERT INTO invoices (tenant) VALUES ('a')",
		},
		"writing queries in WITH": {
			"WITH one AS (INSERT INTO invoices (tenant) VALUES ('a'), ('b') RETURNING *), two AS (INSERT INTO invoices (tenant) SELECT tenant FROM one RETURNING *) " +
				"INSERT INTO invoices (tenant) SELECT tenant FROM two UNION ALL SELECT tenant FROM one",
			"INSERT INTO invoices (tenant) VALUES ('b'), ('a')",
		},
		"a function that inserts, for each row": {
			"INSERT INTO invoices (tenant) VALUES ('b')",
			"INSERT INTO invoices (tenant, memo) SELECT 'a', made('a') FROM generate_series(1, 3)",
			"INSERT INTO invoices (tenant) VALUES ('a'), ('b')",
		},
		"a function that inserts into another series": {
			"INSERT INTO invoices (tenant, memo) SELECT 'a', made('b') FROM generate_series(1, 3)", "INSERT INTO invoices (tenant) VALUES ('a'), ('b')",
		},
		"a BEFORE trigger that inserts": {
			"CREATE TRIGGER more BEFORE INSERT ON invoices FOR EACH ROW WHEN (NEW.tenant IN ('same', 'other')) EXECUTE FUNCTION more()",
			"INSERT INTO invoices (tenant, memo) VALUES ('same', 'same'), ('same', 'same 2')", "INSERT INTO invoices (tenant) VALUES ('a')",
		},
		"a BEFORE trigger that inserts into another series": {
			"CREATE TRIGGER more BEFORE INSERT ON invoices FOR EACH ROW WHEN (NEW.tenant IN ('same', 'other')) EXECUTE FUNCTION more()",
			"INSERT INTO invoices (tenant, memo) VALUES ('other', 'b'), ('other', 'b 2')", "INSERT INTO invoices (tenant) VALUES ('b'), ('other')",
		},
		"an AFTER trigger that inserts": {
			"CREATE TRIGGER more AFTER INSERT ON invoices FOR EACH ROW WHEN (NEW.memo IS NOT NULL) EXECUTE FUNCTION more()",
			"INSERT INTO invoices (tenant, memo) VALUES ('a', 'a'), ('a', 'b'), ('b', 'a 2'), ('a', 'c')", "INSERT INTO invoices (tenant) VALUES ('b'), ('a'), ('c')",
		},
		"an AFTER trigger that inserts, for the statement": {
			"CREATE TRIGGER more AFTER INSERT ON invoices FOR EACH STATEMENT WHEN (pg_trigger_depth() < 1) EXECUTE FUNCTION again()",
			"INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('a')", "INSERT INTO invoices (tenant) VALUES ('b')",
		},
		"an exception that is caught": {
			"INSERT INTO invoices (tenant) VALUES ('a'), ('b')",
			"DO $$ BEGIN INSERT INTO public.invoices (tenant) VALUES ('a'), ('b'), ('c'); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$",
			"INSERT INTO invoices (tenant) VALUES ('c'), ('b'), ('a')",
		},
		"a loop of single rows": {
			"DO $$ BEGIN FOR i IN 1..20 LOOP INSERT INTO public.invoices (tenant) VALUES ((ARRAY['a', 'b'])[i % 2 + 1]); END LOOP; END $$",
			"INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('a')",
			"DO $$ BEGIN FOR i IN 1..20 LOOP INSERT INTO public.invoices (tenant) VALUES ((ARRAY['a', 'b'])[i % 2 + 1]); END LOOP; END $$",
			"INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('a')",
		},
		"names that look like the marks between names": {
			`INSERT INTO invoices (tenant) SELECT unnest(ARRAY['NULL', '{}', '{a,b}', 'a"b', E'a\\b', E'a\tb', E'\na\t7;', ';', 'NULL', '{}', '{a,b}', 'a"b', E'a\\b', E'a\tb', E'\na\t7;', ';', 'a', E'\na\t7;', 'a'])`,
			`INSERT INTO invoices (tenant) SELECT unnest(ARRAY['a', 'NULL', E'\na\t7;', 'a', 'NULL', E'\na\t7;'])`,
			// Two names whose hashes agree in the bits that choose where a next number is noted.
			`INSERT INTO invoices (tenant) SELECT unnest(ARRAY[odd, 'b', odd, 'b']) FROM (
				SELECT 'x' || i || E'\ninvoice/b' AS odd FROM generate_series(1, 2000) AS i WHERE hashtext('invoice/x' || i || E'\ninvoice/b') & 63 = hashtext('invoice/b') & 63 LIMIT 1) AS o`,
		},
		"more series than there are places to note them": {
			"INSERT INTO invoices (tenant) SELECT 't' || i % 200 FROM generate_series(1, 1000) AS i",
			"INSERT INTO invoices (tenant) SELECT 't' || i * 7 % 200 FROM generate_series(1, 1000) AS i",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s := pg.Attached(t)
			s.Do(`CREATE FUNCTION made(tenant text) RETURNS text LANGUAGE plpgsql AS $$
				DECLARE made text; BEGIN INSERT INTO public.invoices (tenant) VALUES (made.tenant) RETURNING 'after ' || id INTO made; RETURN made; END $$`)
			s.Do(`CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				INSERT INTO public.invoices (tenant) VALUES (CASE NEW.tenant WHEN 'same' THEN 'same' ELSE split_part(NEW.memo, ' ', 1) END || CASE WHEN pg_trigger_depth() > 1 THEN 'x' ELSE '' END); RETURN NEW; END $$`)
			s.Do(`CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				INSERT INTO public.invoices (tenant) VALUES ('a'), ('c'), ('b'); RETURN NULL; END $$`)
			if strings.HasPrefix(name, "a BEFORE trigger that inserts") {
				s.Do(`CREATE OR REPLACE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF pg_trigger_depth() = 1 THEN INSERT INTO public.invoices (tenant) VALUES (CASE NEW.tenant WHEN 'same' THEN 'same' ELSE 'b' END); END IF; RETURN NEW; END $$`)
			}
			s.Do("BEGIN")
			for _, statement := range statements {
				s.Do(statement)
			}
			s.Do("COMMIT")
			pg.RequireNumbered(s, "invoices")
			s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('a'), ('c')")
			s.Do("INSERT INTO invoices (tenant) VALUES ('a')")
			pg.RequireNumbered(s, "invoices")
		})
	}
}

// TestAttachedColumnsStayContiguousWhateverIsMixed lets sessions do statements of all kinds, in transactions that end either way.
func TestAttachedColumnsStayContiguousWhateverIsMixed(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do(pg.CreateInvoices)
	s.Do("ALTER TABLE invoices ADD issued boolean NOT NULL DEFAULT true")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, condition => 'NEW.issued')")
	const sessions, transactions = 3, 40
	var done []<-chan sqltest.Result[[]string]
	for i := range sessions {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		conn := sqltest.Connect(t, database)
		conn.Do("SET deadlock_timeout = '20ms'") // series are taken in any order here
		done = append(done, sqltest.Later(func() (unexpected []string, err error) {
			for range transactions {
				if err := mix(conn, random); err != nil {
					unexpected = append(unexpected, err.Error())
				}
			}
			return unexpected, nil
		}))
	}
	for _, one := range done {
		r := <-one
		require.Empty(t, r.Value)
	}
	require.Greater(t, s.Number("SELECT count(number) FROM invoices"), int64(100))
	pg.RequireNumbered(s, "invoices")
}

// mix runs a transaction; a deadlock between series is no failure of ours.
func mix(s sqltest.Session, random *rand.Rand) error {
	tenant := func() string { return string(rune('a' + random.IntN(4))) }
	values := func(n int) string {
		var rows []string
		for range n {
			rows = append(rows, fmt.Sprintf("('%s', 'm%d', %t)", tenant(), random.IntN(400), random.IntN(4) > 0))
		}
		return strings.Join(rows, ", ")
	}
	var history []string
	run := func(statement string) error {
		history = append(history, statement)
		_, err := s.Exec(s.Ctx, statement)
		return err
	}
	err := run("BEGIN")
	for range 1 + random.IntN(6) {
		if err != nil {
			break
		}
		switch random.IntN(6) {
		case 0, 1:
			err = run(fmt.Sprintf("INSERT INTO invoices (tenant, issued) VALUES ('%s', %t)", tenant(), random.IntN(3) > 0))
		case 2:
			err = run("INSERT INTO invoices (tenant, memo, issued) VALUES " + values(1+random.IntN(6)) + " ON CONFLICT DO NOTHING")
		case 3:
			err = run("INSERT INTO invoices (tenant, memo, issued) VALUES " + values(1) + " ON CONFLICT (memo) DO UPDATE SET issued = true")
		case 4:
			err = run(fmt.Sprintf("UPDATE invoices SET issued = true WHERE id IN (SELECT id FROM invoices WHERE number IS NULL AND tenant = '%s' ORDER BY id LIMIT %d FOR UPDATE SKIP LOCKED)", tenant(), 1+random.IntN(4)))
		case 5:
			if err = run("SAVEPOINT s"); err == nil {
				if err = run("INSERT INTO invoices (tenant, memo, issued) VALUES " + values(1+random.IntN(4)) + " ON CONFLICT DO NOTHING"); err == nil && random.IntN(2) == 0 {
					err = run("ROLLBACK TO s")
				}
			}
		}
	}
	end := "COMMIT"
	if err != nil || random.IntN(4) == 0 {
		end = "ROLLBACK"
	}
	if _, endErr := s.Exec(s.Ctx, end); err == nil {
		err = endErr
	}
	if code := sqlstate(err); code == "40P01" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(history, "; "), err)
	}
	return nil
}

func sqlstate(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

func TestAttachedColumnsNumberWhatCOPYBrings(t *testing.T) {
	t.Parallel()
	_, s := pg.Attached(t)
	rows := make([][]any, 0, 1000)
	for i := range 1000 {
		rows = append(rows, []any{string(rune('a' + i%3)), strconv.Itoa(i)})
	}
	n, err := s.CopyFrom(t.Context(), pgx.Identifier{"invoices"}, []string{"tenant", "memo"}, pgx.CopyFromRows(rows))
	require.NoError(t, err)
	require.EqualValues(t, 1000, n)
	require.True(t, *sqltest.Value[bool](s, "SELECT bool_and(number = memo::int / 3 + 1) FROM invoices"), "in its order")
	require.EqualValues(t, 3, s.Number("SELECT count(*) FROM gapless.journal"))

	_, err = s.CopyFrom(t.Context(), pgx.Identifier{"invoices"}, []string{"tenant", "number"}, pgx.CopyFromRows([][]any{{"a", nil}, {"b", nil}}))
	require.NoError(t, err, "explicit NULLs")
	_, err = s.CopyFrom(t.Context(), pgx.Identifier{"invoices"}, []string{"tenant", "number"}, pgx.CopyFromRows([][]any{{"a", nil}, {"a", int64(1336)}}))
	pg.RequireAbout(t, sqltest.RequireCode(t, "428C9", err), "invoices", "written")
	_, err = s.CopyFrom(t.Context(), pgx.Identifier{"invoices"}, []string{"tenant", "memo"}, pgx.CopyFromRows([][]any{{"a", "new"}, {"a", "1"}}))
	sqltest.RequireCode(t, "23505", err)
	pg.RequireNumbered(s, "invoices")
}

// TestAttachedColumnsTakeTheNullsOfORMs: an ORM writes every column of its struct.
func TestAttachedColumnsTakeTheNullsOfORMs(t *testing.T) {
	t.Parallel()
	_, s := pg.Attached(t)
	for _, null := range []any{nil, (*int64)(nil)} {
		s.Do("INSERT INTO invoices (tenant, memo, number) VALUES ($1, $2, $3)", "a", nil, null)
	}
	s.Do("INSERT INTO invoices (tenant, number) VALUES ('a', NULL), ('a', DEFAULT)")
	require.EqualValues(t, 5, s.Number("INSERT INTO invoices VALUES (DEFAULT, 'a', NULL, NULL) RETURNING number"))
	// And writes them all again, unchanged.
	s.Do("UPDATE invoices SET tenant = $1, memo = $2, number = $3 WHERE number = $3", "a", "changed", 5)
	s.Do("UPDATE invoices SET (tenant, memo, number) = (tenant, memo, number)")
	pg.RequireNumbered(s, "invoices")

	s.Do("PREPARE p AS INSERT INTO invoices (tenant) VALUES ($1) RETURNING number")
	for want := int64(6); want < 14; want++ { // past the five plans made for its values
		require.Equal(t, want, s.Number("EXECUTE p ('a')"))
	}
	pg.RequireNumbered(s, "invoices")
}

func TestAttachedColumnsOfOneTableNumberThemselvesIndependently(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (id int PRIMARY KEY, tenant text, paid boolean, number bigint, receipt text UNIQUE, late bigint UNIQUE, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc/' || NEW.tenant $$)")
	s.Do("SELECT gapless.attach_gapless('docs', 'receipt', name => $$ 'receipt' $$, format => $$ 'R' || value $$, condition => 'NEW.paid')")
	s.Do("SELECT gapless.attach_gapless('docs', 'late', name => $$ 'late' $$, at_commit => true)")
	s.Do("INSERT INTO docs VALUES (1, 'a', false), (2, 'b', true), (3, 'a', true), (1, 'c', true) ON CONFLICT DO NOTHING")
	s.Do("UPDATE docs SET paid = true")
	s.Do("BEGIN; INSERT INTO docs VALUES (4, 'a', true); INSERT INTO docs VALUES (5, 'b', false), (6, 'a', true); COMMIT")
	require.Equal(t, []string{"1 a1 R3 1", "2 b1 R1 2", "3 a2 R2 3", "4 a3 R4 4", "5 b2 5", "6 a4 R5 6"}, sqltest.Texts(s, "SELECT concat_ws(' ', id, tenant || number, receipt, late) FROM docs ORDER BY id"))
	pg.RequireNumbered(s, "docs")
	s.Do("SELECT gapless.detach_gapless('docs', 'number')")
	s.Refuse("428C9", "UPDATE docs SET receipt = 'R9' WHERE id = 1")
	s.Do("UPDATE docs SET number = 77 WHERE id = 1")
	require.Equal(t, []string{"R6"}, sqltest.Texts(s, "INSERT INTO docs VALUES (7, 'a', true) RETURNING receipt"))
	sqltest.RequireSound(s)
}

func TestAttachQuotesWhateverNamesThereAre(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	long := strings.Repeat("ü", 31) + "x" // 63 bytes
	longColumn := strings.Repeat("ü", 21) // 42 bytes: more leave no room for what the triggers' names begin with
	for i, c := range []struct{ schema, table, column, other string }{
		{"public", "Invoices", "Number", "Tenant"},
		{"a.b", `say "hi"`, `it's %s`, `x"y`},
		{"evil", "order", "select", "user"},
		{long, long, longColumn, "t"},
		{"public", strings.Repeat("t", 63), strings.Repeat("n", 42), "c"},
		{"gap less", "value", "new", "old"},
		{"s", "t", "run", "value"},
		{"public", "pg_temp", "key", "this"},
		{"public", "_", `\`, `$$`},
		{"~gapless", "~gapless_expression", "~gapless_insert", "number"},
		{"public", "請求書の一覧表で名前がとても長いもの", "番号", "客"},
	} {
		schema, table := pgx.Identifier{c.schema}.Sanitize(), pgx.Identifier{c.schema, c.table}.Sanitize()
		column, other := pgx.Identifier{c.column}.Sanitize(), pgx.Identifier{c.other}.Sanitize()
		name := fmt.Sprintf("'%d/' || NEW.%s", i, other)
		for _, atCommit := range []bool{false, true} {
			s.Do("CREATE SCHEMA IF NOT EXISTS " + schema)
			s.Do(fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, %s text, %s text, UNIQUE (%s, %s))", table, other, column, other, column))
			s.Do("SELECT gapless.attach_gapless($1::text::regclass, $2, name => $3, format => $4, at_commit => $5)", table, c.column, name, fmt.Sprintf("NEW.%s || '-' || value", other), atCommit)
			s.Do(fmt.Sprintf("INSERT INTO %s VALUES (1, 'a'), (2, 'b'), (3, 'a')", table))
			s.Do(fmt.Sprintf("INSERT INTO %s VALUES (4, 'b')", table))
			s.Do(fmt.Sprintf("UPDATE %s SET id = 5 WHERE id = 4", table))
			require.Equal(t, []string{"1 a-1", "2 b-1", "3 a-2", "5 b-2"}, sqltest.Texts(s, fmt.Sprintf("SELECT id || ' ' || %s FROM %s ORDER BY id", column, table)), "%+v", c)
			s.Refuse("428C9", fmt.Sprintf("UPDATE %s SET %s = 'a-9' WHERE id = 1", table, column))
			s.Refuse("23001", fmt.Sprintf("UPDATE %s SET %s = 'x' WHERE id = 1", table, other))
			s.Refuse("23001", "TRUNCATE "+table)
			err := s.Refuse("23001", "DELETE FROM "+table)
			require.Equal(t, []string{c.schema, c.table, c.column}, []string{err.SchemaName, err.TableName, err.ColumnName}, "the fields have plain names")
			sqltest.RequireSound(s)
			s.Do("SELECT gapless.detach_gapless($1::text::regclass, $2)", table, c.column)
			s.Do("DROP TABLE " + table)
			s.Do("SELECT gapless.delete_gapless(name) FROM gapless.sequences")
		}
	}
}

// TestAttachCompilesTextThatLooksLikePlaceholders: expressions are pasted into code, which has marks of its own.
func TestAttachCompilesTextThatLooksLikePlaceholders(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	for _, text := range []string{"%", "%%", "%s", "%1$s", "%I %L", "$function$", "$$", "''", "~relation~", `"~relation"`, "|", "OLD.x|", "--", "/*", "%2$I", `\1 \\ \&`, "value", "{}", "\n"} {
		for _, partitioned := range []string{"", " PARTITION BY LIST (tenant); CREATE TABLE part PARTITION OF docs DEFAULT"} {
			s.Do("CREATE TABLE docs (tenant text, date date, number text, UNIQUE (tenant, number))" + partitioned)
			s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $1, format => $2, condition => $3)",
				"'"+text+"' || NEW.tenant || $q$"+strings.ReplaceAll(text, "$", "S")+"$q$", "'"+text+"' || value", "'"+text+"' <> NEW.tenant")
			plain := strings.ReplaceAll(text, "''", "'")
			require.Equal(t, []string{plain + "1", plain + "2", plain + "1"}, sqltest.Texts(s, "INSERT INTO docs VALUES ('a'), ('a'), ('b') RETURNING number"), "%q", text)
			s.Do("INSERT INTO docs VALUES ('b')")
			s.Refuse("23001", "DELETE FROM docs")
			s.Refuse("23001", "UPDATE docs SET tenant = 'c'")
			if partitioned != "" {
				s.Do("ALTER TABLE docs DETACH PARTITION part")
			}
			sqltest.RequireSound(s)
			require.EqualValues(t, 2, s.Number("SELECT count(*) FROM gapless.sequences WHERE attached_column IS NOT NULL"))
			s.Do("SELECT gapless.detach_gapless('docs', 'number', unguard => true); DROP TABLE docs; DROP TABLE IF EXISTS part")
			s.Do("SELECT gapless.delete_gapless(name) FROM gapless.sequences")
		}
	}
}

func TestAttachedColumnsRefuseRowsWithoutASeries(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (tenant text, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => 'NEW.tenant')")
	for _, rows := range []string{"(NULL)", "('a'), (NULL)", "(NULL), ('a')"} {
		pg.RequireAbout(t, s.Refuse("22004", "INSERT INTO docs VALUES "+rows), "docs", "unnamed")
	}
	for _, rows := range []string{"('')", "('a'), ('')", "(repeat('x', 256))", "('a'), (repeat('x', 256))"} {
		pg.RequireHelpful(t, s.Refuse("22023", "INSERT INTO docs VALUES "+rows))
	}
	require.Equal(t, []int64{1, 1}, s.Numbers("INSERT INTO docs VALUES ('a'), (repeat('x', 255)) RETURNING number"))
	pg.RequireNumbered(s, "docs")
}

// TestAttachedExpressionsMeanTheSameInEverySession: else a new year would begin at another time for each of them.
func TestAttachedExpressionsMeanTheSameInEverySession(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("SET TimeZone = 'Europe/Paris'; SET DateStyle = 'ISO, DMY'")
	s.Do("CREATE FUNCTION kind(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'right ' || $1 $$")
	s.Do("CREATE TABLE docs (at timestamptz, day date, length interval, rate float8, memo text, number text UNIQUE)")
	s.Do(`SELECT gapless.attach_gapless('docs', 'number',
		name => $$ kind(to_char(NEW.at, 'YYYY') || '|' || NEW.day || '|' || NEW.length || '|' || NEW.rate || '|' || NEW.at::date || '|' || '01/02/2026'::date) $$,
		format => $$ to_char(NEW.at, 'YYYY-MM-DD HH24:MI') || '#' || value $$, chronology => 'NEW.at')`)
	other := sqltest.Connect(t, database)
	other.Do(`CREATE SCHEMA evil; CREATE FUNCTION evil.kind(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'wrong ' || $1 $$;
		CREATE FUNCTION evil.to_char(timestamptz, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'wrong' $$;
		CREATE FUNCTION evil.joined(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'wrong' $$;
		CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.joined)`)
	const insert = "INSERT INTO public.docs (at, day, length, rate) VALUES ('2025-12-31 23:30:00+00', '2026-02-01'::date, interval '1 day 02:00:00', 0.1::float8 + 0.2::float8) RETURNING number"
	s.Do(insert) // 2026 in Paris
	inserted := 1
	for _, setting := range []string{
		"TimeZone = 'America/New_York'", "TimeZone = 'Pacific/Kiritimati'", "DateStyle = 'German'", "DateStyle = 'SQL, MDY'", "DateStyle = 'Postgres, DMY'",
		"search_path = ''", "search_path = evil, pg_catalog, public", "search_path = pg_temp, evil, pg_catalog", "search_path = gapless",
		"IntervalStyle = 'iso_8601'", "extra_float_digits = 0", "lc_time = 'C'", "standard_conforming_strings = off", "quote_all_identifiers = on",
	} {
		if strings.HasPrefix(setting, "standard_") && !hasNonstandardStrings(s) {
			continue
		}
		other.Do("SET " + setting)
		_, err := other.Exec(t.Context(), insert)
		require.NoError(t, err, setting)
		inserted++
		require.Equal(t, []string{"1"}, sqltest.Texts(s, "SELECT count(*)::text FROM gapless.sequences"), setting)
		require.Zero(t, other.Number("SELECT pg_catalog.count(*) FROM gapless.audit_gapless() WHERE NOT explained"), setting)
		_, err = other.Exec(t.Context(), "UPDATE public.docs SET memo = 'x' WHERE number = (SELECT number FROM public.docs LIMIT 1)")
		require.NoError(t, err, setting)
		other.Do("RESET ALL")
	}
	require.Equal(t, []string{fmt.Sprintf("right 2026|2026-02-01|1 day 02:00:00|0.30000000000000004|2026-01-01|2026-02-01 %d", inserted)}, sqltest.Texts(s, "SELECT name || ' ' || last_value FROM gapless.sequences"))
	sqltest.RequireSound(s)
}

// TestAttachPinsItsCallersSearchPathWhereTheExpressionsNeedIt has expressions that mean the same under any path, and some that do not.
func TestAttachPinsItsCallersSearchPathWhereTheExpressionsNeedIt(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TYPE kind AS ENUM ('a', 'b'); CREATE DOMAIN code AS text; CREATE TYPE pair AS (x regclass)")
	s.Do("CREATE FUNCTION year(date) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT date_part('year', $1)::text $$")
	s.Do("CREATE TABLE a (tenant text, k kind, c code, p pair, r regclass, tags text[], issued_on date, at timestamptz, number bigint UNIQUE, id int PRIMARY KEY)")
	for expression, needed := range map[string]bool{
		"'a'": false, "NEW.tenant": false, "NEW.tenant || '/' || NEW.id % 1": false, "NEW.tenant || to_char(NEW.issued_on, 'YYYY')": false,
		"date_part('year', NEW.at)": false, "coalesce(NEW.tenant, '') || greatest(NEW.id, 9) || nullif(NEW.id, 4) % 1": false, "NEW.k": false,
		"NEW.tenant || (NEW.k = 'a')": false, "CASE WHEN NEW.k IN ('a', 'b') THEN 'x' ELSE 'y' END": false,
		"NEW.tenant || (NEW.k = 'a'::kind)": true, "NEW.tenant || (NEW.k = 'a'::public.kind)": false, "year(NEW.issued_on)": true, "public.year(NEW.issued_on)": true,
		"NEW.r": true, "NEW.p::text": true, "NEW.tags[1]": false, "(ARRAY[NEW.r])[1]": true, "(NEW.tenant, NEW.id % 1)::text": true, "NEW.c": true, "NEW.tenant::code": true,
	} {
		for _, atCommit := range []bool{false, true} {
			s.Do("BEGIN")
			s.Do("SELECT gapless.attach_gapless('a', 'number', $1, at_commit => $2)", expression, atCommit)
			want := map[bool]string{false: "pg_catalog, pg_temp", true: "public, pg_temp"}[needed]
			require.Equal(t, []string{"search_path=" + want},
				sqltest.Texts(s, `SELECT DISTINCT setting FROM pg_proc, unnest(proconfig) AS setting WHERE proname LIKE 'a\_number\_gapless%' AND setting LIKE 'search\_path=%'`), expression)
			s.Do(`INSERT INTO a (id, tenant, k, c, p, r, tags, issued_on, at)
				SELECT id, 'a', 'a', 'c', '(a)', 'a', '{x}', '2026-01-01', '2026-01-01' FROM unnest('{1,3}'::int[]) AS id`)
			s.Do("INSERT INTO a (id, tenant, k, c, p, r, tags, issued_on, at) VALUES (5, 'a', 'a', 'c', '(a)', 'a', '{x}', '2026-01-01', '2026-01-01')")
			s.Do("SET CONSTRAINTS ALL IMMEDIATE")
			require.EqualValues(t, 3, s.Number("SELECT max(number) FROM a"), expression)
			require.Empty(t, sqltest.Texts(s, pg.Unexplained), expression)
			s.Do("ROLLBACK")
		}
	}
}

func TestAttachWorksWithRowSecurity(t *testing.T) {
	t.Parallel()
	database, s := pg.Attached(t)
	_, app := sqltest.Role(t, database, "app")
	s.Do("GRANT SELECT, INSERT, UPDATE, DELETE ON invoices TO " + app)
	s.Do("ALTER TABLE invoices ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON invoices USING (tenant = current_setting('app.tenant'))")
	s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('b')")
	conn := sqltest.Connect(t, database)
	conn.Do("SET ROLE " + app + "; SET app.tenant = 'a'")
	require.EqualValues(t, 2, conn.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	require.Equal(t, []int64{3, 4}, conn.Numbers("INSERT INTO invoices (tenant) VALUES ('a'), ('a') RETURNING number"))
	conn.Refuse("42501", "INSERT INTO invoices (tenant) VALUES ('b')")
	conn.Refuse("42501", "INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('a')")
	conn.Refuse("23001", "DELETE FROM invoices")
	require.EqualValues(t, 5, conn.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	pg.RequireNumbered(s, "invoices")
}

// TestAttachWaitsForWritersAndCountsTheirRows: nobody can write a row between the look at the table and the triggers.
func TestAttachWaitsForWritersAndCountsTheirRows(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	one.Do(pg.CreateInvoices)
	one.Do("BEGIN")
	one.Do("INSERT INTO invoices (tenant, number) VALUES ('a', 7)")
	done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, pg.AttachInvoices) })
	sqltest.AwaitWaiter(t, observer, two.PID())
	one.Do("COMMIT")
	require.NoError(t, (<-done).Err)
	require.EqualValues(t, 8, one.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	sqltest.RequireSound(one)
}

func TestAttachedColumnsOfConcurrentSessionsWaitForTheirOwnSeriesOnly(t *testing.T) {
	t.Parallel()
	database, s := pg.Attached(t)
	one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
	one.Do("BEGIN")
	require.EqualValues(t, 1, one.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	require.EqualValues(t, 1, two.Number("INSERT INTO invoices (tenant) VALUES ('b') RETURNING number"), "another series")
	waiting := two.LaterNumber("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number")
	sqltest.AwaitWaiter(t, s, two.PID())
	one.Do("ROLLBACK")
	r := <-waiting
	require.NoError(t, r.Err)
	require.EqualValues(t, 1, r.Value, "what was given back")
	pg.RequireNumbered(s, "invoices")
}

// TestAttachedColumnsAreRefusedWhereStatisticsAreOff: the rows that arrived are counted by them.
func TestAttachedColumnsAreRefusedWhereStatisticsAreOff(t *testing.T) {
	t.Parallel()
	_, s := pg.Attached(t)
	s.Do("SET track_counts = off")
	pg.RequireAbout(t, s.Refuse("55000", "INSERT INTO invoices (tenant) VALUES ('a'), ('a')"), "invoices", "uncounted")
	s.Do("RESET track_counts")
	s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('a')")
	pg.RequireNumbered(s, "invoices")
}
