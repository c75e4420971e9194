package column_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
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

// TestOnConflictDoSelectSpendsANumberThatACallTookAndNoneOfAColumn has rows that are there already, and are returned.
func TestOnConflictDoSelectSpendsANumberThatACallTookAndNoneOfAColumn(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	if s.Number("SELECT current_setting('server_version_num')::bigint") < 190000 {
		t.Skip("ON CONFLICT DO SELECT came with PostgreSQL 19")
	}
	s.Do("CREATE TABLE tickets (number bigint PRIMARY KEY, seat text UNIQUE)")
	const taken = "INSERT INTO tickets VALUES (gapless.next_gapless('ticket'), 'A1') ON CONFLICT (seat) DO SELECT RETURNING number"
	require.EqualValues(t, 1, s.Number(taken))
	require.EqualValues(t, 1, s.Number(taken))
	require.EqualValues(t, 2, s.Number("SELECT gapless.last_gapless('ticket')"))

	for name, c := range map[string]struct{ table, options string }{
		"plain":       {"(seat text UNIQUE, number bigint UNIQUE)", ""},
		"text":        {"(seat text UNIQUE, number text UNIQUE)", ", format => 'value::text'"},
		"at commit":   {"(seat text PRIMARY KEY, number bigint UNIQUE)", ", at_commit => true"},
		"partitioned": {"(seat text, number bigint, PRIMARY KEY (seat), UNIQUE (number, seat)) PARTITION BY HASH (seat)", ""},
	} {
		table := pgx.Identifier{name}.Sanitize()
		s.Do("CREATE TABLE " + table + " " + c.table)
		if name == "partitioned" {
			s.Do("CREATE TABLE p0 PARTITION OF partitioned FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE p1 PARTITION OF partitioned FOR VALUES WITH (MODULUS 2, REMAINDER 1)")
		}
		s.Do("SELECT gapless.attach_gapless($1::text::regclass, 'number', $2"+c.options+")", table, "'"+name+"'")
		s.Do("INSERT INTO " + table + " VALUES ('A1')")
		for _, action := range []string{"DO SELECT", "DO SELECT FOR UPDATE", "DO SELECT WHERE false"} {
			s.Do("INSERT INTO " + table + " VALUES ('A1') ON CONFLICT (seat) " + action + " RETURNING number")
			s.Do("INSERT INTO "+table+" SELECT unnest(ARRAY['A1', $1, 'A1']) ON CONFLICT (seat) "+action+" RETURNING number", action)
		}
		require.Equal(t, []string{"A1 1", "DO SELECT 2", "DO SELECT FOR UPDATE 3", "DO SELECT WHERE false 4"},
			sqltest.Texts(s, "SELECT seat || ' ' || number FROM "+table+" ORDER BY number"), name)
	}
	sqltest.RequireSound(s)
}
