package column_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

// TestAnUpsertOfARowThatWasLoadedBefore is what every ORM sends: all columns, with the number that the row has.
func TestAnUpsertOfARowThatWasLoadedBefore(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE invoices (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, memo text, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)")
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	tag, err := s.Exec(t.Context(), "INSERT INTO invoices (id, number) OVERRIDING SYSTEM VALUE VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = excluded.number")
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected())
	require.EqualValues(t, 1, s.Number("SELECT gapless.last_gapless('invoice')"))
	require.EqualValues(t, 2, s.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
	pg.RequireAbout(t, s.Refuse("428C9", "INSERT INTO invoices (id, number) OVERRIDING SYSTEM VALUE VALUES (1, 7) ON CONFLICT (id) DO UPDATE SET number = excluded.number"), "invoices", "changed")
	sqltest.RequireSound(s)
}

func TestUpsertsInEveryKindOfColumn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, format, options string }{
		"bigint":              {"bigint", "%d", ""},
		"text":                {"text", "R24%03d", ", format => $$ 'R24' || lpad(value::text, 3, '0') $$"},
		"drafts":              {"bigint", "%d", ", condition => 'NEW.memo IS NOT NULL'"},
		"partitioned":         {"bigint", "%d", ""},
		"partitioned, text":   {"text", "R24%03d", ", format => $$ 'R24' || lpad(value::text, 3, '0') $$"},
		"partitioned, drafts": {"bigint", "%d", ", condition => 'NEW.memo IS NOT NULL'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("CREATE TABLE i (id int, memo text, number " + c.kind + ", PRIMARY KEY (id), UNIQUE (number, id))" +
				map[bool]string{true: " PARTITION BY RANGE (id); CREATE TABLE low PARTITION OF i FOR VALUES FROM (0) TO (10); CREATE TABLE high PARTITION OF i FOR VALUES FROM (10) TO (100)"}[name[:2] == "pa"])
			if name[:2] != "pa" {
				s.Do("ALTER TABLE i ADD UNIQUE (number)")
			}
			s.Do("SELECT gapless.attach_gapless('i', 'number', name => $$ 'i' $$" + c.options + ")")
			s.Do("INSERT INTO i VALUES (1, 'a'), (2, 'b'), (10, 'c')")
			number := func(value int) string { return fmt.Sprintf("'"+c.format+"'", value) }
			const upsert = " ON CONFLICT (id) DO UPDATE SET memo = excluded.memo, number = excluded.number"
			for _, rows := range []string{
				"(2, 'B', " + number(2) + ")",
				"(2, 'B', NULL)",
				"(2, 'B', DEFAULT), (1, 'A', DEFAULT)",
				"(1, 'A', " + number(1) + "), (2, 'B', NULL), (10, 'C', " + number(3) + ")",
			} {
				s.Do("BEGIN")
				s.Do("INSERT INTO i VALUES " + rows + upsert)
				s.Do("INSERT INTO i VALUES (3, 'd')") // nothing was taken
				require.Equal(t, number(4), "'"+*sqltest.Value[string](s, "SELECT number::text FROM i WHERE id = 3")+"'", rows)
				require.Empty(t, sqltest.Texts(s, pg.Unexplained), rows)
				s.Do("ROLLBACK")
			}
			s.Do("INSERT INTO i VALUES (1, 'A', " + number(1) + "), (4, 'e', NULL), (2, 'B', NULL), (5, 'f', DEFAULT)" + upsert)
			s.Refuse("428C9", "INSERT INTO i VALUES (2, 'B', "+number(1)+")"+upsert)
			s.Refuse("428C9", "INSERT INTO i VALUES (2, 'B', "+number(6)+")"+upsert)
			s.Refuse("428C9", "INSERT INTO i VALUES (6, 'new', "+number(6)+")"+upsert)
			s.Refuse("428C9", "INSERT INTO i VALUES (6, 'new', "+number(9)+")")
			if name[:2] != "pa" { // whose unique index has the partition key
				s.Refuse("23505", "INSERT INTO i VALUES (6, 'new', "+number(1)+")")
				s.Refuse("23505", "INSERT INTO i VALUES (6, 'new', "+number(1)+")"+upsert)
			} else {
				s.Refuse("428C9", "INSERT INTO i VALUES (6, 'new', "+number(1)+")")
			}
			require.EqualValues(t, 5, s.Number("SELECT count(number) FROM i"))
			require.EqualValues(t, 5, s.Number("SELECT gapless.last_gapless('i')"))
			sqltest.RequireSound(s)
		})
	}
}
