package column_test

// The view gapless.columns, and what attach mends of that which it finds. What becomes of a column when it, or another that it
// is numbered by, is renamed.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

const (
	columnsAndFaults = "SELECT concat_ws(' ', table_name, column_name, array_to_string(faults, '; ')) FROM gapless.columns ORDER BY 1"
	faults           = "SELECT unnest(faults) FROM gapless.columns WHERE NOT guarded ORDER BY 1"
)

func TestTheViewOfColumnsHasTheArgumentsOfAttach(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	require.Empty(t, sqltest.Texts(s, columnsAndFaults))
	s.Do(`CREATE SCHEMA "My shop"`)
	s.Do(`CREATE TABLE "My shop"."Bill's" (y int, "No ""1" text, value int, at date, UNIQUE (y, "No ""1")) PARTITION BY LIST (y)`)
	s.Do(`CREATE TABLE "My shop".part PARTITION OF "My shop"."Bill's" DEFAULT`)
	s.Do("CREATE TABLE notes (id bigint PRIMARY KEY, number bigint UNIQUE)")
	arguments := []any{
		"\n\t' at_commit => true, unnumbered => ''x'')/' || NEW.y || ', initial => 7, format => '", " 'N' || value\n", "NEW.y > 0\n-- or never",
		`'it''s'::text <> E'\\' AND NEW.at > '2000-01-01' AND NULL::date IS NULL`, `/\'`,
	}
	s.Do(`SELECT gapless.attach_gapless('"My shop"."Bill''s"', 'No "1', name => $1, format => $2, condition => $3, chronology => 'NEW.at', unnumbered => $4, initial => 0)`,
		arguments[0], arguments[1], arguments[2], arguments[4])
	s.Do("SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note' $$, initial => -9223372036854775808, at_commit => true)")

	type attached struct {
		Table, Column, Name                       string
		Initial                                   int64
		Format, Condition, Chronology, Unnumbered *string
		AtCommit, Partitioned, Guarded            bool
		Faults                                    []string
	}
	var got []attached
	rows, err := s.Query(t.Context(), `SELECT table_name, column_name, name, initial, format, condition, chronology, unnumbered, at_commit, partitioned, guarded, faults
		FROM gapless.columns ORDER BY table_name COLLATE "C"`)
	require.NoError(t, err)
	for rows.Next() {
		var a attached
		require.NoError(t, rows.Scan(&a.Table, &a.Column, &a.Name, &a.Initial, &a.Format, &a.Condition, &a.Chronology, &a.Unnumbered, &a.AtCommit, &a.Partitioned, &a.Guarded, &a.Faults))
		got = append(got, a)
	}
	require.NoError(t, rows.Err())
	text := func(s any) *string { v := s.(string); return &v }
	require.Equal(t, []attached{
		{`"My shop"."Bill's"`, `No "1`, arguments[0].(string), 0, text(arguments[1]), text(arguments[2]), text("NEW.at"), text(arguments[4]), false, true, true, []string{}},
		{"public.notes", "number", " 'note' ", -9223372036854775808, nil, nil, nil, nil, true, false, true, []string{}},
	}, got)

	s.Do(`SELECT gapless.detach_gapless(table_name::regclass, column_name) FROM gapless.columns`)
	require.Empty(t, sqltest.Texts(s, columnsAndFaults))
}

// createShop has a column of each kind, with numbered rows.
const createShop = `
	CREATE TABLE bills (id int PRIMARY KEY, tenant text, draft boolean, number text, UNIQUE (tenant, number));
	CREATE TABLE notes (id int PRIMARY KEY, tenant text, number bigint, UNIQUE (tenant, number));
	CREATE TABLE slips (id int, tenant text, number bigint, UNIQUE (tenant, number), PRIMARY KEY (tenant, id)) PARTITION BY LIST (tenant);
	CREATE TABLE slips_a PARTITION OF slips FOR VALUES IN ('a');
	CREATE TABLE slips_b PARTITION OF slips FOR VALUES IN ('b');
	SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill/' || NEW.tenant $$, format => $$ 'B' || value $$, condition => 'NEW.draft IS NOT TRUE', unnumbered => '/');
	SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note/' || NEW.tenant $$, at_commit => true);
	SELECT gapless.attach_gapless('slips', 'number', name => $$ 'slip/' || NEW.tenant $$);
	INSERT INTO bills VALUES (1, 'a', false), (2, 'a', false), (3, 'b', false), (4, 'a', true);
	INSERT INTO notes VALUES (1, 'a'), (2, 'a'), (3, 'b');
	INSERT INTO slips VALUES (1, 'a'), (2, 'a'), (3, 'b');
	ANALYZE slips_a, slips_b;`

var attachShop = map[string]string{
	"bills": "SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill/' || NEW.tenant $$, format => $$ 'B' || value $$, condition => 'NEW.draft IS NOT TRUE', unnumbered => '/')",
	"notes": "SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note/' || NEW.tenant $$, at_commit => true)",
	"slips": "SELECT gapless.attach_gapless('slips', 'number', name => $$ 'slip/' || NEW.tenant $$)",
}

// TestAttachRepeatedMendsWhatTheViewFinds breaks the guards in each way, and attaches again.
func TestAttachRepeatedMendsWhatTheViewFinds(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do(createShop)
	_, buyer := sqltest.Role(t, database, "buyer")
	require.Empty(t, sqltest.Texts(s, faults))
	for _, c := range []struct {
		table, statement string
		found            []string // beginnings
		refused          string   // by attach, with this SQLSTATE
		cure             string   // that attach does not do; "HINT" is the error's
	}{
		{"bills", `DROP TRIGGER "~gapless_insert_number" ON bills`, []string{"missing on table public.bills: trigger ~gapless_insert_number"}, "", ""},
		{"bills", `DROP TRIGGER "~gapless_update_number" ON bills; DROP TRIGGER "~gapless_draft_number" ON bills`,
			[]string{"missing on table public.bills: trigger ~gapless_draft_number, trigger ~gapless_update_number"}, "", ""},
		{"notes", `DROP TRIGGER "~gapless_commit_number" ON notes`, []string{"missing on table public.notes: trigger ~gapless_commit_number"}, "", ""},
		{"slips", `DROP TRIGGER "~gapless_leave_number" ON slips`, []string{"missing on table public.slips: trigger ~gapless_leave_number"}, "", ""},
		{"slips", `DROP TRIGGER "~gapless_kept_update_number" ON slips_b; DROP TRIGGER "~gapless_settle_number" ON slips_b`,
			[]string{"missing on partition public.slips_b: trigger ~gapless_kept_update_number, trigger ~gapless_settle_number"}, "", ""},
		{"bills", "ALTER TABLE bills DISABLE TRIGGER USER", []string{"disabled on table public.bills: trigger ~gapless_delete_number, trigger ~gapless_draft_number, "}, "", ""},
		{"bills", `ALTER TABLE bills ENABLE REPLICA TRIGGER "~gapless_enter_number"`, []string{"enabled for replicas alone on table public.bills: trigger ~gapless_enter_number"}, "", ""},
		{"bills", `ALTER TABLE bills ENABLE ALWAYS TRIGGER "~gapless_enter_number"`, []string{"enabled for replicas as well on table public.bills: trigger ~gapless_enter_number"}, "", ""},
		{"slips", `ALTER TABLE slips_a DISABLE TRIGGER "~gapless_delete_number"`, []string{"disabled on table public.slips_a: trigger ~gapless_delete_number"}, "", ""},
		{"bills", "DROP FUNCTION bills_number_gapless() CASCADE", []string{"function public.bills_number_gapless is gone", "missing on table public.bills: trigger ~gapless_insert_number"}, "", ""},
		{"notes", "DROP FUNCTION notes_number_gapless_commit() CASCADE", []string{"function public.notes_number_gapless_commit is gone", "missing on table public.notes: trigger ~gapless_commit_number"}, "", ""},
		{"slips", "DROP FUNCTION slips_number_gapless_keep() CASCADE", []string{"function public.slips_number_gapless_keep is gone",
			"missing on table public.slips: trigger ~gapless_delete_number, trigger ~gapless_leave_number, trigger ~gapless_settle_number, trigger ~gapless_truncate_number", "partition public.slips_a has no guards of its own",
			"partition public.slips_b has no guards of its own"}, "", ""},
		{"slips", `CREATE TABLE slips_z (LIKE slips INCLUDING ALL); INSERT INTO slips_z VALUES (1, 'z'); ANALYZE slips_z;
			ALTER TABLE slips ATTACH PARTITION slips_z FOR VALUES IN ('z')`, []string{"partition public.slips_z has no guards of its own"}, "", ""},
		{"bills", "ALTER TABLE bills RENAME TO was_bills; ALTER TABLE was_bills RENAME TO bills; ALTER TABLE bills SET SCHEMA gapless; ALTER TABLE gapless.bills SET SCHEMA public", nil, "", ""},
		{"bills", "DROP FUNCTION bills_number_gapless_series", []string{"function public.bills_number_gapless_series is gone"}, "", ""},
		{"bills", "DROP FUNCTION bills_number_gapless_rows", []string{"function public.bills_number_gapless_rows is gone"}, "", ""},
		{"bills", "DROP FUNCTION bills_number_gapless_check_text", []string{"function public.bills_number_gapless_check_text is gone"}, "", ""},
		{"bills", "ALTER FUNCTION bills_number_gapless_update SECURITY INVOKER", []string{"function public.bills_number_gapless_update is no longer SECURITY DEFINER"}, "", ""},
		{"bills", `CREATE TRIGGER "~late" BEFORE UPDATE ON bills FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
			[]string{"on table public.bills: trigger ~late fires after the guards"}, "55000", `ALTER TRIGGER "~late" ON bills RENAME TO early`},
		{"slips", `CREATE TRIGGER "~late" BEFORE DELETE ON slips_b FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
			[]string{"on table public.slips_b: trigger ~late fires after the guards"}, "55000", `DROP TRIGGER "~late" ON slips_b`},
		{"bills", "ALTER TABLE bills SET UNLOGGED", []string{"table public.bills is not logged"}, "42809", "ALTER TABLE bills SET LOGGED"},
		{"slips", "ALTER TABLE slips_b SET UNLOGGED", []string{"table public.slips_b is not logged"}, "42809", "ALTER TABLE slips_b SET LOGGED"},
		{"bills", "GRANT USAGE ON SCHEMA gapless TO " + buyer + "; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA gapless TO " + buyer + "; ALTER TABLE bills OWNER TO " + buyer,
			[]string{"the table belongs to role " + buyer + ", and its functions to role "}, "55000", "HINT"},
		{"bills", "ALTER FUNCTION bills_number_gapless_update OWNER TO " + buyer, []string{"the table belongs to role "}, "55000", "HINT"},
		{"bills", "COMMENT ON FUNCTION bills_number_gapless IS 'ours'", []string{"the comment of function bills_number_gapless, in which "}, "42710",
			"SELECT gapless.detach_gapless('bills', 'number')"},
	} {
		s.Do("BEGIN")
		s.Do(c.statement)
		found := sqltest.Texts(s, faults)
		require.Len(t, found, len(c.found), "%s: %q", c.statement, found)
		for i := range found {
			require.True(t, strings.HasPrefix(found[i], c.found[i]), "%s: %q", c.statement, found)
		}
		if c.refused != "" {
			s.Do("SAVEPOINT refused")
			refused := s.Refuse(c.refused, attachShop[c.table])
			require.NotEmpty(t, refused.Hint)
			s.Do("ROLLBACK TO refused")
			if c.cure == "HINT" {
				c.cure = refused.Hint
			}
			s.Do(c.cure)
		}
		s.Do(attachShop[c.table])
		require.Empty(t, sqltest.Texts(s, faults), c.statement)
		before := s.Numbers("SELECT oid::bigint FROM pg_trigger ORDER BY 1")
		s.Do(attachShop[c.table])
		require.Equal(t, before, s.Numbers("SELECT oid::bigint FROM pg_trigger ORDER BY 1"), "attach made something that was whole")

		// And it goes on as if nothing had been.
		s.Do("INSERT INTO " + c.table + " (id, tenant) VALUES (10, 'b')")
		s.Do("SET CONSTRAINTS ALL IMMEDIATE")
		require.EqualValues(t, 2, s.Number("SELECT right(number::text, 1)::bigint FROM "+c.table+" WHERE id = 10"), c.statement)
		sqltest.RequireSound(s)
		s.Refuse("23001", "DELETE FROM "+c.table+" WHERE id = 1")
		s.Do("ROLLBACK")
	}
}

// TestTheViewOfColumnsWaitsForNobody has another transaction lock the tables, as a migration does.
func TestTheViewOfColumnsWaitsForNobody(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	s.Do(createShop)
	other.Do("BEGIN; LOCK TABLE bills, notes, slips, slips_a, slips_b IN ACCESS EXCLUSIVE MODE")
	s.Do("SET lock_timeout = '5s'")
	s.Do("BEGIN")
	require.EqualValues(t, 3, s.Number("SELECT count(*) FROM gapless.columns WHERE guarded AND faults = '{}'"))
	require.Empty(t, sqltest.Texts(s, `SELECT l.relation::regclass::text FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
		WHERE l.pid = pg_backend_pid() AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'gapless'::regnamespace)`))
	s.Do("COMMIT")
}

// TestNoCommentOrNameOfAnOwnersBreaksTheView has the owner of a table write what the view reads.
func TestNoCommentOrNameOfAnOwnersBreaksTheView(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do(createShop)
	_, monitor := sqltest.Role(t, database, "monitor")
	s.Do("GRANT USAGE ON SCHEMA gapless TO " + monitor + "; GRANT SELECT ON gapless.columns TO " + monitor)
	const begin = "Numbers public.bills.number. Made by: SELECT gapless.attach_gapless('public.bills', 'number', name => 'x', at_commit => "
	for _, comment := range []string{
		"", "'", begin, begin + "true, initial => 99999999999999999999999, unnumbered => NULL)", begin + "true, initial => 9999999999999999999, unnumbered => NULL)",
		begin + "false, initial => 1, unnumbered => E')", begin + "false, initial => 1, unnumbered => ')", begin + "false, initial => 1, unnumbered => E'\\')", begin + "maybe)",
	} {
		s.Do("SELECT set_config('test.comment', $1, false)", comment)
		s.Do("DO $$ BEGIN EXECUTE format('COMMENT ON FUNCTION bills_number_gapless IS %L', current_setting('test.comment')); END $$")
		s.Do("SET ROLE " + monitor)
		require.EqualValues(t, 3, s.Number("SELECT count(*) FROM gapless.columns"), comment)
		s.Do("RESET ROLE")
	}
	require.Equal(t, []string{"the comment of function bills_number_gapless, in which attach_gapless noted its arguments, is gone"}, sqltest.Texts(s, faults))
	s.Do("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TABLE others (id int)")
	for _, name := range []string{"~gapless_insert_", "~gapless_insert", "~gapless_", "~gapless_kept_x", "~gapless_insert_id", "~gapless_update_" + strings.Repeat("x", 47)} {
		s.Do(`CREATE TRIGGER "` + name + `" BEFORE INSERT ON others FOR EACH ROW EXECUTE FUNCTION nothing()`)
		require.GreaterOrEqual(t, s.Number("SELECT count(faults::text) FROM gapless.columns"), int64(3), name)
	}
}

// attempt runs a statement that is refused, and goes back to savepoint s.
func attempt(s sqltest.Session, statement string) *pgconn.PgError {
	s.T.Helper()
	_, err := s.Exec(s.Ctx, statement)
	var refused *pgconn.PgError
	require.ErrorAs(s.T, err, &refused, statement)
	s.Do("ROLLBACK TO s")
	return refused
}

// TestNumberedRowsKeepTheirProtectionWhenAColumnIsRenamed renames the column, or one that its series reads, and perhaps gives its
// name to another column.
func TestNumberedRowsKeepTheirProtectionWhenAColumnIsRenamed(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do(createShop)
	s.Do(`CREATE TABLE slips_c PARTITION OF slips FOR VALUES IN ('c'); SELECT gapless.guard_partitions(); INSERT INTO slips VALUES (1, 'c'), (2, 'c');
		SELECT gapless.void_gapless('slip/c', 1, 'x'), gapless.void_gapless('bill/a', 1, 'x'), gapless.void_gapless('note/a', 1, 'x');`)
	for _, table := range []string{"bills", "notes", "slips"} {
		for _, column := range []string{"number", "tenant"} {
			for _, another := range []string{"", "empty", "the same", "void"} {
				about := table + " " + column + " " + another
				s.Do("BEGIN")
				s.Do("ALTER TABLE " + table + " RENAME COLUMN " + column + " TO former")
				switch another {
				case "empty":
					s.Do("ALTER TABLE " + table + " ADD COLUMN " + column + " " + map[bool]string{true: "bigint", false: "text"}[column == "number" && table != "bills"])
				case "the same":
					s.Do("ALTER TABLE " + table + " ADD COLUMN " + column + " " + map[bool]string{true: "bigint DEFAULT 1", false: "text DEFAULT 'a'"}[column == "number" && table != "bills"])
				case "void": // as if what is to be deleted were void
					s.Do("ALTER TABLE " + table + " ADD COLUMN " + column + " " + map[string]string{
						"bills number": "text DEFAULT 'B1'", "notes number": "bigint DEFAULT 1", "slips number": "bigint DEFAULT 1",
						"bills tenant": "text DEFAULT 'a'", "notes tenant": "text DEFAULT 'a'", "slips tenant": "text DEFAULT 'c'",
					}[table+" "+column])
				}
				number, tenant := "number", "tenant"
				if column == "number" {
					number = "former"
				} else {
					tenant = "former"
				}
				changed := map[bool]string{true: "'B7'", false: "7"}[table == "bills"]
				s.Do("SAVEPOINT s")
				for _, statement := range []string{
					"DELETE FROM %[1]s WHERE id = 2", "DELETE FROM %[1]s", "TRUNCATE %[1]s", "UPDATE %[1]s SET %[2]s = " + changed + " WHERE id = 2",
					"UPDATE %[1]s SET %[2]s = NULL WHERE id = 2", "UPDATE %[1]s SET %[3]s = 'b', id = 9 WHERE id = 2",
				} {
					refused := attempt(s, strings.NewReplacer("%[1]s", table, "%[2]s", number, "%[3]s", tenant).Replace(statement))
					require.Contains(t, []string{"55000", "42703"}, refused.Code, "%s: %s: %s", about, statement, refused.Message)
				}
				for _, statement := range []string{"INSERT INTO %[1]s (id, %[3]s) VALUES (90, 'a')", "INSERT INTO %[1]s (id, %[3]s) VALUES (90, 'b'), (91, 'b')", "UPDATE bills SET draft = false WHERE id = 4"} {
					if strings.HasPrefix(statement, "UPDATE") && table != "bills" {
						continue
					}
					refused := attempt(s, strings.NewReplacer("%[1]s", table, "%[3]s", tenant).Replace(statement))
					require.Equal(t, "gapless_misnamed", refused.ConstraintName, "%s: %s: %s", about, statement, refused.Message)
				}
				require.Len(t, sqltest.Texts(s, faults), 1, about)
				require.Contains(t, sqltest.Texts(s, faults)[0], "was renamed to former", about)
				found := sqltest.Texts(s, pg.Unexplained)
				require.Len(t, found, 1, about)
				require.Contains(t, found[0], "public."+table+".number not read the column cannot be read: ", about)
				require.Contains(t, found[0], "Detach it by its old name, and attach it by the names of now", about)

				// Attach mends nothing by taking one column for another.
				names := []string{"number"}
				if column == "number" {
					names = append(names, "former")
				}
				for _, name := range names {
					refused := attempt(s, strings.Replace(attachShop[table], "'number'", "'"+name+"'", 1))
					require.Equal(t, "gapless_misnamed", refused.ConstraintName, about)
				}

				s.Do("SELECT gapless.detach_gapless('" + table + "', 'number')")
				if another != "" {
					s.Do("ALTER TABLE " + table + " DROP COLUMN " + column)
				}
				s.Do("ALTER TABLE " + table + " RENAME COLUMN former TO " + column)
				s.Do(attachShop[table])
				sqltest.RequireSound(s)
				require.Empty(t, sqltest.Texts(s, faults), about)
				s.Do("ROLLBACK")
			}
		}
	}
}

// namedOtherwise renames the column, or one that its series reads, by statements that PostgreSQL takes while rows wait, too.
var namedOtherwise = map[string]string{
	"the number":             "ALTER TABLE %[1]s RENAME COLUMN number TO former; ALTER TABLE %[1]s RENAME COLUMN %[2]s TO number",
	"what its series reads":  "ALTER TABLE %[1]s RENAME COLUMN tenant TO former; ALTER TABLE %[1]s RENAME COLUMN memo TO tenant",
	"the number, and adding": "ALTER TABLE %[1]s RENAME COLUMN number TO former; ALTER TABLE %[1]s ADD COLUMN number %[3]s",
	"a series, and adding":   "ALTER TABLE %[1]s RENAME COLUMN tenant TO former; ALTER TABLE %[1]s ADD COLUMN tenant text DEFAULT 'a'",
}

// createMemos has columns that can be mistaken for the number, and for what its series reads.
const createMemos = `
	ALTER TABLE bills ADD COLUMN count text, ADD COLUMN memo text DEFAULT 'a'; ALTER TABLE notes ADD COLUMN count bigint, ADD COLUMN memo text DEFAULT 'a';
	ALTER TABLE slips ADD COLUMN count bigint, ADD COLUMN memo text DEFAULT 'a';`

// TestASessionThatHasInsertedSeesThatAColumnWasRenamed, whose plans were made before, and goes on when the names are back.
func TestASessionThatHasInsertedSeesThatAColumnWasRenamed(t *testing.T) {
	t.Parallel()
	for change, statements := range namedOtherwise {
		for _, table := range []string{"bills", "notes", "slips"} {
			t.Run(change+", "+table, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
				s.Do(createShop)
				s.Do(createMemos)
				insert := func(id int) string {
					return fmt.Sprintf("INSERT INTO %s (id, %%s) VALUES (%d, 'a')", table, id)
				}
				for i := range 3 {
					other.Do(fmt.Sprintf(insert(10+i), "tenant"))
				}
				tenant := map[bool]string{true: "tenant", false: "former"}[strings.Contains(change, "the number")]
				statements := strings.NewReplacer("%[1]s", table, "%[2]s", "count", "%[3]s", map[bool]string{true: "text", false: "bigint"}[table == "bills"]).Replace(statements)
				s.Do("BEGIN")
				s.Do(statements)
				require.Equal(t, "gapless_misnamed", s.Refuse("55000", fmt.Sprintf(insert(20), tenant)).ConstraintName)
				s.Do("ROLLBACK")
				s.Do(fmt.Sprintf(insert(20), "tenant"))
				s.Do(statements)
				for range 2 {
					require.Equal(t, "gapless_misnamed", other.Refuse("55000", fmt.Sprintf(insert(21), tenant)).ConstraintName)
				}
				if table == "slips" {
					require.Equal(t, "gapless_misnamed", other.Refuse("55000", "INSERT INTO slips_a (id, "+tenant+") VALUES (21, 'a')").ConstraintName)
				}
				column := map[bool]string{true: "number", false: "tenant"}[tenant == "tenant"]
				another := map[string]string{"number": "count", "tenant": "memo"}[column]
				if strings.Contains(change, "adding") {
					s.Do("ALTER TABLE " + table + " DROP COLUMN " + column)
				} else {
					s.Do("ALTER TABLE " + table + " RENAME COLUMN " + column + " TO " + another)
				}
				s.Do("ALTER TABLE " + table + " RENAME COLUMN former TO " + column)
				for i := range 3 {
					other.Do(fmt.Sprintf(insert(30+i), "tenant"))
				}
				sqltest.RequireSound(s)
				require.Empty(t, sqltest.Texts(s, faults))
				require.EqualValues(t, 9, s.Number("SELECT count(number) FROM "+table+" WHERE tenant = 'a'"))
			})
		}
	}
}

// TestNoRowThatWaitsIsNumberedInAnotherColumn renames between an INSERT and its COMMIT.
func TestNoRowThatWaitsIsNumberedInAnotherColumn(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"the number", "what its series reads"} {
		for _, partitioned := range []string{"", " PARTITION BY LIST (part); CREATE TABLE notes_1 PARTITION OF notes DEFAULT"} {
			for rows := range 3 {
				t.Run(fmt.Sprint(change, partitioned, rows), func(t *testing.T) {
					t.Parallel()
					s := sqltest.Connect(t, pgtest.New(t))
					s.Do("CREATE TABLE notes (part int DEFAULT 1, id int, tenant text, memo text DEFAULT 'b', number bigint, count bigint, PRIMARY KEY (part, id))" + partitioned)
					s.Do("CREATE UNIQUE INDEX ON notes (" + map[bool]string{true: "", false: "part, "}[partitioned == ""] + "tenant, number)")
					s.Do("SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note/' || NEW.tenant $$, at_commit => true)")
					s.Do("INSERT INTO notes (id, tenant) VALUES (1, 'a')")
					s.Do("BEGIN")
					for id := range rows + 1 {
						s.Do(fmt.Sprintf("INSERT INTO notes (id, tenant) VALUES (%d, 'a')", 10+id))
					}
					_, _ = s.Exec(s.Ctx, strings.NewReplacer("%[1]s", "notes", "%[2]s", "count").Replace(namedOtherwise[change]))
					require.Equal(t, "gapless_misnamed", s.Refuse("55000", "COMMIT").ConstraintName)
					require.EqualValues(t, 1, s.Number("SELECT count(*) FROM notes"))
					sqltest.RequireSound(s)
				})
			}
		}
	}
}

// TestADumpOfRenamedColumnsIsAsTheTableWas: a dump gives the columns other numbers, where one was dropped before.
func TestADumpOfRenamedColumnsIsAsTheTableWas(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := sqltest.Connect(t, database)
	s.Do(`
		CREATE TABLE "The bills" (gone int, id int PRIMARY KEY, "No ""1's" bigint, "tenant's" text, UNIQUE ("tenant's", "No ""1's"));
		CREATE TABLE notes (gone int, id int PRIMARY KEY, "No ""1's" bigint, "tenant's" text, UNIQUE ("tenant's", "No ""1's"));
		CREATE TABLE slips (gone int, id int, "No ""1's" bigint, "tenant's" text, PRIMARY KEY (id, "tenant's"), UNIQUE ("tenant's", "No ""1's")) PARTITION BY LIST ("tenant's");
		CREATE TABLE slips_a PARTITION OF slips FOR VALUES IN ('a')`)
	tables := []string{`"The bills"`, "notes", "slips"}
	const column = `No "1's`
	for _, table := range tables {
		s.Do("ALTER TABLE " + table + " DROP COLUMN gone")
		s.Do("SELECT gapless.attach_gapless($1::text::regclass, $2, name => format('%L || NEW.\"tenant''s\"', $1 || '/'), at_commit => $1 = 'notes')", table, column)
		s.Do("INSERT INTO " + table + " VALUES (1, NULL, 'a')")
	}
	whole := pg.Restored(t, database)
	for _, table := range tables {
		whole.Do("INSERT INTO " + table + " VALUES (2, NULL, 'a')")
		require.Equal(t, []int64{1, 2}, whole.Numbers(`SELECT "No ""1's" FROM `+table+` ORDER BY id`))
		s.Do("ALTER TABLE " + table + ` RENAME COLUMN "No ""1's" TO former; ALTER TABLE ` + table + ` ADD COLUMN "No ""1's" bigint`)
	}
	sqltest.RequireSound(whole)
	for _, session := range []sqltest.Session{s, pg.Restored(t, database)} {
		for _, table := range tables {
			require.Equal(t, "gapless_misnamed", session.Refuse("55000", "INSERT INTO "+table+" VALUES (3, NULL, 'a')").ConstraintName)
			require.Equal(t, "gapless_misnamed", session.Refuse("55000", "DELETE FROM "+table).ConstraintName)
		}
	}
}

// TestTheAuditCallsNothingAHoleWhatever renames columns in ways that hide from one of the catalogs.
func TestTheAuditCallsNothingAHoleWhenAColumnIsRenamed(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, auditor := sqltest.Connect(t, database), sqltest.Connect(t, database)
	s.Do(createShop)
	const failed = "the column cannot be read: "
	// After the audit's snapshot.
	auditor.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
	require.Empty(t, sqltest.Texts(auditor, pg.Unexplained))
	s.Do("ALTER TABLE bills RENAME COLUMN number TO former; ALTER TABLE bills ADD COLUMN number text")
	s.Do("ALTER TABLE notes RENAME COLUMN tenant TO former; ALTER TABLE notes ADD COLUMN tenant text DEFAULT 'z'")
	found := sqltest.Texts(auditor, pg.Unexplained)
	require.Len(t, found, 2)
	require.Contains(t, found[0], "public.bills.number not read "+failed)
	require.Contains(t, found[1], "public.notes.number not read "+failed)
	auditor.Do("COMMIT")
	s.Do("ALTER TABLE bills DROP COLUMN number; ALTER TABLE bills RENAME COLUMN former TO number")
	s.Do("ALTER TABLE notes DROP COLUMN tenant; ALTER TABLE notes RENAME COLUMN former TO tenant")
	sqltest.RequireSound(s)

	for change, column := range map[string]string{
		// Without the trigger that has all the names, and with other functions' owners.
		`DROP TRIGGER "~gapless_update_number" ON bills; ALTER TABLE bills RENAME COLUMN number TO former; ALTER TABLE bills ADD COLUMN number text`:   "bills",
		`ALTER FUNCTION bills_number_gapless_rows SECURITY INVOKER; ALTER TABLE bills RENAME COLUMN number TO former`:                                  "bills",
		`ALTER TABLE slips DETACH PARTITION slips_b; ALTER TABLE slips_b RENAME COLUMN number TO former; ALTER TABLE slips_b ADD COLUMN number bigint`: "slips",
		`ALTER TABLE slips DETACH PARTITION slips_b; ALTER TABLE slips_b RENAME COLUMN number TO former`:                                               "slips",
		`ALTER TABLE notes DROP COLUMN number CASCADE`: "notes",
	} {
		s.Do("BEGIN")
		s.Do(change)
		found := sqltest.Texts(s, pg.Unexplained)
		require.Len(t, found, 1, change)
		require.Contains(t, found[0], "public."+column+".number not read the column cannot be ", change)
		s.Do("ROLLBACK")
	}

	// Nor are a detached partition's numbers deleted.
	s.Do("ALTER TABLE slips DETACH PARTITION slips_b; ALTER TABLE slips_b RENAME COLUMN number TO former; ALTER TABLE slips_b ADD COLUMN number bigint")
	for _, statement := range []string{"DELETE FROM slips_b", "TRUNCATE slips_b", "UPDATE slips_b SET former = 7", "UPDATE slips_b SET tenant = 'b', former = NULL"} {
		require.Equal(t, "gapless_misnamed", s.Refuse("55000", statement).ConstraintName, statement)
	}
}

// TestAFormerPartitionIsNotAttachedForItself: its guards are those of the table that it was a part of.
func TestAFormerPartitionIsNotAttachedForItself(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(createShop)
	s.Do("ALTER TABLE slips DETACH PARTITION slips_b")
	refused := s.Refuse("55000", "SELECT gapless.attach_gapless('slips_b', 'number', name => $$ 'b' $$)")
	require.Equal(t, "attach_former_partition", refused.ConstraintName)
	require.Empty(t, sqltest.Texts(s, faults))
	sqltest.RequireSound(s)
	s.Refuse("23001", "DELETE FROM slips_b")

	_, drops, found := strings.Cut(refused.Hint, "audit of that table: ")
	require.True(t, found, refused.Hint)
	s.Do("BEGIN")
	s.Do(drops)
	s.Do("ALTER TABLE slips_b ADD UNIQUE (number)")
	s.Do("SELECT gapless.attach_gapless('slips_b', 'number', name => $$ 'b' $$)")
	require.Empty(t, sqltest.Texts(s, faults))
	require.EqualValues(t, 2, s.Number("INSERT INTO slips_b VALUES (9, 'b') RETURNING number"))
	s.Do("ROLLBACK")
	s.Do("ALTER TABLE slips ATTACH PARTITION slips_b FOR VALUES IN ('b')")
	require.Empty(t, sqltest.Texts(s, faults))
	require.EqualValues(t, 2, s.Number("INSERT INTO slips VALUES (9, 'b') RETURNING number"))
	sqltest.RequireSound(s)
}

// TestAttachRepeatedFollowsATableThatWasRenamed, and moved to another schema.
func TestAttachRepeatedFollowsATableThatWasRenamed(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(createShop)
	s.Do("CREATE SCHEMA archive; ALTER TABLE bills SET SCHEMA archive; ALTER TABLE archive.bills RENAME TO documents")
	require.Equal(t, []string{"the table was renamed: the column that was attached is public.bills.number"}, sqltest.Texts(s, faults))
	require.Len(t, sqltest.Texts(s, pg.Unexplained), 1)
	s.Do(strings.Replace(attachShop["bills"], "'bills'", "'archive.documents'", 1))
	require.Empty(t, sqltest.Texts(s, faults))
	sqltest.RequireSound(s)
	require.Equal(t, "B3", *sqltest.Value[string](s, "INSERT INTO archive.documents VALUES (10, 'a', false) RETURNING number"))
	sqltest.RequireSound(s)
}

// TestAColumnThatTakesADroppedOnesNameIsNotNumberedWithoutGuards: DROP COLUMN … CASCADE takes the triggers that read the column,
// and not those that number rows.
func TestAColumnThatTakesADroppedOnesNameIsNotNumberedWithoutGuards(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	for _, partitioned := range []string{"", " PARTITION BY LIST (year); CREATE TABLE rest PARTITION OF bills DEFAULT"} {
		for _, options := range []string{"", ", condition => 'NEW.due'", ", at_commit => true", ", condition => 'NEW.due', at_commit => true"} {
			for _, dropped := range []string{"number bigint", "tenant text DEFAULT ''", "nothing"} {
				what := dropped + options + partitioned
				s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
				s.Do("CREATE TABLE bills (id int, year int, tenant text, due boolean DEFAULT true, number bigint, PRIMARY KEY (year, id), UNIQUE (year, number))" + partitioned)
				attach := "SELECT gapless.attach_gapless('bills', 'number', $$ 'bill/' || NEW.year || left(NEW.tenant, 0) $$" + options + ")"
				s.Do(attach)
				s.Do("INSERT INTO bills VALUES (1, 2026, ''), (2, 2026, '')")
				other.Do("INSERT INTO bills VALUES (3, 2026, '')") // its plans are made
				s.Do("INSERT INTO bills VALUES (4, 2026, '', false)")
				last := int64(3)
				if options == "" || options == ", at_commit => true" {
					last = 4
				}

				column, _, _ := strings.Cut(dropped, " ")
				if column == "nothing" {
					s.Do(`DROP TRIGGER "~gapless_delete_number" ON bills`)
				} else {
					s.Do("ALTER TABLE bills DROP COLUMN " + column + " CASCADE; ALTER TABLE bills ADD COLUMN " + dropped)
					s.Do("ALTER TABLE bills ADD CONSTRAINT again UNIQUE (year, number)")
				}
				for _, session := range []sqltest.Session{s, other, sqltest.Connect(t, database)} {
					for _, table := range []string{"bills", "rest"}[:1+min(len(partitioned), 1)] {
						refused := session.Refuse("55000", "INSERT INTO "+table+" (id, year, tenant) VALUES (5, 2026, '')")
						require.Equal(t, "gapless_unguarded", refused.ConstraintName, what)
						require.Contains(t, refused.Hint, "gapless.attach_gapless", what)
						if column != "number" && last == 3 {
							require.Equal(t, "gapless_unguarded", session.Refuse("55000", "UPDATE "+table+" SET due = true, tenant = '' WHERE id = 4").ConstraintName, what)
						}
					}
				}
				require.NotEmpty(t, sqltest.Texts(s, faults), what)

				s.Do("BEGIN")
				s.Do("SELECT gapless.detach_gapless('bills', 'number', unguard => true)") // the other way out
				s.Do("INSERT INTO bills (id, year, tenant) VALUES (5, 2026, '')")
				s.Do("ROLLBACK")
				s.Do(attach)
				require.Empty(t, sqltest.Texts(s, faults), what)
				s.Do("INSERT INTO bills (id, year, tenant) VALUES (5, 2026, '')")
				require.Equal(t, last+1, s.Number("SELECT number FROM bills WHERE id = 5"), what)
				s.Refuse("23001", "DELETE FROM bills WHERE id = 5")
				s.Refuse("428C9", "UPDATE bills SET number = 9 WHERE id = 5")
				s.Do("SELECT gapless.detach_gapless('bills', 'number', unguard => true); DROP TABLE bills")
				s.Do("SELECT gapless.delete_gapless(name) FROM gapless.sequences")
			}
		}
	}
}
