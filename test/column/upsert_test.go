package column_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

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

// TestAnUpsertIssuesADraft, with the number that the row would have got, had it been new: what every ORM sends.
func TestAnUpsertIssuesADraft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ columns, options, partitions string }{
		"bigint":      {"number bigint, UNIQUE (tenant, number)", "", ""},
		"text":        {"number text DEFAULT '/', UNIQUE (tenant, number)", ", format => $$ 'N' || value $$, unnumbered => '/'", ""},
		"partitioned": {"number bigint, UNIQUE (id, number)", "", " PARTITION BY RANGE (id); CREATE TABLE low PARTITION OF i FOR VALUES FROM (0) TO (3); CREATE TABLE high PARTITION OF i DEFAULT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			if name == "text" { // two drafts of a tenant have one text
				c.columns = "number text DEFAULT '/'"
			}
			s.Do("CREATE TABLE i (id int PRIMARY KEY, tenant text, memo text, " + c.columns + ")" + c.partitions)
			if name == "text" {
				s.Do("CREATE UNIQUE INDEX ON i (tenant, number) WHERE number <> '/'")
			}
			s.Do("SELECT gapless.attach_gapless('i', 'number', name => $$ 'i/' || NEW.tenant $$, condition => 'NEW.memo IS NOT NULL'" + c.options + ")")
			s.Do("INSERT INTO i (id, tenant) VALUES (1, 'a'), (2, 'a'), (3, 'b'), (4, 'a'), (5, 'b')")
			const upsert = " ON CONFLICT (id) DO UPDATE SET memo = excluded.memo, number = excluded.number"
			numbers := func() []string {
				return sqltest.Texts(s, "SELECT coalesce(nullif(right(number::text, 1), '/'), '-') FROM i ORDER BY id")
			}
			s.Do("INSERT INTO i (id, tenant, memo) VALUES (1, 'a', 'x')" + upsert)
			require.Equal(t, []string{"1", "-", "-", "-", "-"}, numbers())
			s.Do("INSERT INTO i (id, tenant, memo) VALUES (6, 'a', 'x'), (2, 'a', 'x'), (3, 'b', 'x'), (7, 'a', 'x'), (4, 'a', 'x'), (8, 'b', 'x')" + upsert)
			require.Equal(t, []string{"1", "3", "1", "5", "-", "2", "4", "2"}, numbers())
			s.Do("INSERT INTO i (id, tenant, memo) VALUES (5, 'b', 'x') ON CONFLICT (id) DO UPDATE SET number = excluded.number") // stays a draft
			require.Equal(t, "-", numbers()[4])
			for _, number := range []string{"3", "9"} {
				refused := s.Refuse("428C9", "INSERT INTO i (id, tenant, memo, number) VALUES (5, 'b', 'x', '"+map[bool]string{true: "N"}[name == "text"]+number+"')"+upsert)
				require.Equal(t, "gapless_written", refused.ConstraintName)
			}
			s.Refuse("428C9", "INSERT INTO i (id, tenant, memo) VALUES (5, 'b', 'x') ON CONFLICT (id) DO UPDATE SET memo = 'x', number = '"+map[bool]string{true: "N"}[name == "text"]+"9'")
			s.Do("INSERT INTO i (id, tenant, memo) VALUES (5, 'b', 'x')" + upsert)
			require.Equal(t, "3", numbers()[4])
			sqltest.RequireSound(s)
		})
	}
}

// upsertKinds are the kinds of columns that an upsert is tried with: the column's type, and attach's options.
var upsertKinds = map[string]struct{ kind, options string }{
	"bigint":                 {"bigint", ""},
	"text":                   {"text", ", format => $$ NEW.tenant || '/' || value $$"},
	"drafts":                 {"bigint", ", condition => 'NEW.memo IS NOT NULL'"},
	"at commit":              {"bigint", ", at_commit => true"},
	"partitioned":            {"bigint", ""},
	"partitioned, text":      {"text", ", format => $$ NEW.tenant || '/' || value $$"},
	"partitioned, drafts":    {"bigint", ", condition => 'NEW.memo IS NOT NULL'"},
	"partitioned, at commit": {"bigint", ", at_commit => true"},
}

// createUpserted makes a table, and an index whose expression has a session wait for a lock, if it asks for that: between
// ON CONFLICT's look at the keys, and the entry of the row's own.
func createUpserted(s sqltest.Session, name string) {
	s.T.Helper()
	kind := upsertKinds[name]
	s.Do(`CREATE FUNCTION slow(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN
			IF $1 = current_setting('test.slow', true) THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
			RETURN $1;
		END $$`)
	s.Do("CREATE TABLE i (key text, tenant text NOT NULL, memo text DEFAULT 'new', number " + kind.kind + ")" +
		map[bool]string{true: " PARTITION BY LIST (key); CREATE TABLE most PARTITION OF i DEFAULT; CREATE TABLE few PARTITION OF i FOR VALUES IN ('k2')"}[name[:2] == "pa"])
	s.Do("CREATE INDEX ON i (slow(key))") // entered before the key, since it is older
	s.Do("ALTER TABLE i ADD PRIMARY KEY (key), ADD UNIQUE (key, tenant, number)")
	if name[:2] != "pa" {
		s.Do("ALTER TABLE i ADD UNIQUE (tenant, number)")
	}
	s.Do("SELECT gapless.attach_gapless('i', 'number', name => $$ 'i/' || NEW.tenant $$" + kind.options + ")")
}

// TestAnUpsertIsNotTornByARowThatCameMeanwhile has another transaction's row come after the upsert has looked for it, so that
// PostgreSQL takes back the row that it has inserted already, and has counted.
func TestAnUpsertIsNotTornByARowThatCameMeanwhile(t *testing.T) {
	t.Parallel()
	for name := range upsertKinds {
		for _, action := range []string{"NOTHING", "UPDATE SET memo = 'again'"} {
			t.Run(name+", "+strings.Fields(action)[0], func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
				createUpserted(one, name)
				one.Do("INSERT INTO i VALUES ('k0', 'a')")
				two.Do("SELECT pg_advisory_lock(1)")
				one.Do("SET test.slow = 'k4'")
				upsert := "INSERT INTO i VALUES ('k0', 'a'), ('k1', 'a'), ('k2', 'a'), ('k3', 'b'), ('k4', 'a'), ('k5', 'a'), ('k6', 'b'), ('k7', 'a') ON CONFLICT (key) DO " + action
				done := sqltest.Later(func() (struct{}, error) {
					_, err := one.Exec(one.Ctx, upsert)
					return struct{}{}, err
				})
				sqltest.AwaitWaiter(t, two, one.PID())
				two.Do("INSERT INTO i VALUES ('k4', 'c')")
				two.Do("SELECT pg_advisory_unlock(1)")
				require.NoError(t, (<-done).Err)
				pg.RequireDense(two, "i")
				require.EqualValues(t, 8, two.Number("SELECT count(number) FROM i"))
				require.EqualValues(t, 1, two.Number("SELECT count(*) FROM i WHERE key = 'k4' AND tenant = 'c'"))
			})
		}
	}
}

// TestManyUpsertsOfTheSameKeysAllSucceed has 4 clients, each with series of its own.
func TestManyUpsertsOfTheSameKeysAllSucceed(t *testing.T) {
	t.Parallel()
	for name := range upsertKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			observer := sqltest.Connect(t, database)
			createUpserted(observer, name)
			var clients errgroup.Group
			for client := range 4 {
				s := sqltest.Connect(t, database)
				clients.Go(func() error {
					for i := range 40 {
						_, err := s.Exec(s.Ctx, `INSERT INTO i (key, tenant)
							SELECT 'k' || lpad(k::text, 4, '0'), format('%s-%s', $1::int, k % 3) FROM generate_series($2::int, $2 + 39) AS k
							ON CONFLICT (key) DO `+[]string{"NOTHING", "UPDATE SET memo = 'again'"}[(i+client)%2], client, i*5)
						if err != nil {
							return err
						}
					}
					return nil
				})
			}
			require.NoError(t, clients.Wait())
			pg.RequireDense(observer, "i")
			require.EqualValues(t, 39*5+40, observer.Number("SELECT count(number) FROM i"))
		})
	}
}

// TestRowsAreDeletedWhileOthersAreInserted has one statement do both, in turns: a row that was deleted is not one that
// was taken back.
func TestRowsAreDeletedWhileOthersAreInserted(t *testing.T) {
	t.Parallel()
	for name := range upsertKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			createUpserted(s, name)
			s.Do("CREATE TABLE void (key text); ALTER TABLE i DISABLE TRIGGER USER; INSERT INTO i SELECT 'd' || k, 'a', NULL FROM generate_series(1, 20) AS k; ALTER TABLE i ENABLE TRIGGER USER")
			s.Do("WITH gone AS (DELETE FROM i WHERE key < 'd2' RETURNING key) INSERT INTO i SELECT 'n' || key, CASE WHEN key < 'd15' THEN 'a' ELSE 'b' END FROM gone")
			s.Do(`CREATE FUNCTION remove() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM i WHERE key = 'd' || NEW.key; RETURN NEW; END $$`)
			s.Do("CREATE TRIGGER remove BEFORE INSERT ON i FOR EACH ROW EXECUTE FUNCTION remove()")
			s.Do("INSERT INTO i SELECT k, 'a' FROM generate_series(2, 9) AS k ON CONFLICT DO NOTHING")
			s.Do("BEGIN; INSERT INTO i VALUES ('x', 'a'), ('y', 'b'), ('20', 'a'); COMMIT")
			pg.RequireDense(s, "i")
			require.Zero(t, s.Number("SELECT count(*) FROM i WHERE key LIKE 'd%'"))
			require.EqualValues(t, 22, s.Number("SELECT count(number) FROM i"))
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
