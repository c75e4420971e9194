package mutation_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// columnTraps are those of columns that number themselves.
var columnTraps = []trap{
	{
		name: "the rows are counted that a BEFORE trigger saw, not those that arrived",
		changes: []change{{"the rows that arrived count",
			"following := coalesce(nullif(current_setting('gapless.trap', true), '')::bigint, 0) + 1; PERFORM set_config('gapless.trap', following::text, true);"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE a (key int UNIQUE, number bigint UNIQUE)")
			s.Do("SELECT gapless.attach_gapless('a', 'number', '''a''')")
			_, err := s.Exec(s.Ctx, "INSERT INTO a (key) SELECT i / 2 FROM generate_series(0, 9) AS i ON CONFLICT DO NOTHING")
			if err != nil {
				return err
			}
			return expectNumber(5, s, "SELECT max(number) FROM a")
		},
	},
	{
		name:    "a row is counted that ON CONFLICT took back, since its key came meanwhile",
		changes: []change{{"the rows that arrived count", "following := pg_stat_get_xact_tuples_inserted(relation) - place[2];"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
			s.Do(`CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
				BEGIN
					IF $1 = nullif(current_setting('test.slow', true), '')::int THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
					RETURN $1;
				END $$`)
			s.Do("CREATE TABLE a (key int, number bigint UNIQUE); CREATE INDEX ON a (slow(key)); ALTER TABLE a ADD UNIQUE (key)")
			s.Do("SELECT gapless.attach_gapless('a', 'number', '''a/'' || NEW.key / 10')")
			other.Do("SELECT pg_advisory_lock(1)")
			s.Do("SET test.slow = 2")
			done := sqltest.Later(func() (struct{}, error) {
				_, err := s.Exec(s.Ctx, "INSERT INTO a (key) VALUES (1), (2), (3) ON CONFLICT (key) DO NOTHING")
				return struct{}{}, err
			})
			sqltest.AwaitWaiter(t, other, s.PID())
			other.Do("SET session_replication_role = replica; INSERT INTO a VALUES (2, 77); SELECT pg_advisory_unlock(1)")
			if err := (<-done).Err; err != nil {
				return err
			}
			return expectNumber(2, s, "SELECT number FROM a WHERE key = 3")
		},
	},
	{
		name:    "the count of inserted rows goes on after a savepoint is rolled back",
		changes: []change{{"the note ends with its row", "RETURN FOUND;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE a (key int, number bigint UNIQUE)")
			s.Do("SELECT gapless.attach_gapless('a', 'number', '''a''')")
			s.Do("INSERT INTO a DEFAULT VALUES")
			s.Do("BEGIN")
			s.Do("INSERT INTO a DEFAULT VALUES")
			s.Do("SAVEPOINT s")
			s.Do("INSERT INTO a DEFAULT VALUES")
			s.Do("ROLLBACK TO s")
			return expectNumber(3, s, "INSERT INTO a DEFAULT VALUES RETURNING number")
		},
	},
	{
		name:    "the count goes on after an INSERT into a partition that inserted nothing",
		changes: []change{{"a statement that inserted nothing has ended", "WHEN false THEN 0::bigint"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE a (key int UNIQUE, number bigint, UNIQUE (key, number)) PARTITION BY LIST (key)")
			s.Do("SELECT gapless.attach_gapless('a', 'number', '''a''')")
			s.Do("CREATE TABLE late PARTITION OF a DEFAULT")
			s.Do("INSERT INTO a VALUES (1)")
			s.Do("BEGIN")
			s.Do("INSERT INTO late VALUES (1) ON CONFLICT DO NOTHING")
			s.Do("SAVEPOINT s")
			s.Do("INSERT INTO late VALUES (2)")
			s.Do("ROLLBACK TO s")
			if _, err := s.Exec(s.Ctx, "INSERT INTO late VALUES (2)"); err != nil {
				return err
			}
			return expectNumber(2, s, "SELECT max(number) FROM a")
		},
	},
	{
		name: "an unlogged table is empty after a crash",
		changes: []change{
			{"a crash does not empty the table", "ELSIF EXISTS ("},
			{"a crash does not empty a partition", "WHERE c.relkind = 'f'"},
		},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("CREATE UNLOGGED TABLE a (number bigint UNIQUE)")
			return expectCode("42809", s, "SELECT gapless.attach_gapless('a', 'number', '''a''')")
		},
	},
	{
		name:    "the session's search_path says what an expression means",
		changes: []change{{"the path is pinned", "RETURN 'SET work_mem = 4096' || coalesce(("}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE a (number bigint UNIQUE)")
			// series() itself is found once, when it is attached; what it calls is looked for each time.
			s.Do("CREATE FUNCTION called() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'a' $$")
			s.Do("CREATE FUNCTION series() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN called(); END $$")
			s.Do("CREATE SCHEMA other")
			s.Do("CREATE FUNCTION other.called() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'b' $$")
			if _, err := s.Exec(s.Ctx, "SELECT gapless.attach_gapless('a', 'number', 'series()')"); err != nil {
				return err
			}
			s.Do("SET search_path = other, public")
			s.Do("INSERT INTO public.a DEFAULT VALUES")
			return expectNumber(1, s, "SELECT gapless.last_gapless('a')::bigint")
		},
	},
	{
		name: "at commit, the operator that tells a mark is the session's, and runs with the rights of the table's owner",
		changes: []change{{
			"the mark's = is pg_catalog's",
			"CASE WHEN unnumbered IS NULL THEN format('%s.%I', r.name, target_column) ELSE format('nullif(%s.%I, %L)', r.name, target_column, unnumbered) END)",
		}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE a (id int PRIMARY KEY, number text NOT NULL DEFAULT '/'); CREATE UNIQUE INDEX ON a (number) WHERE number <> '/'")
			s.Do("SELECT gapless.attach_gapless('a', 'number', $$ 'a' $$, at_commit => true, format => $$ 'A' || value $$, unnumbered => '/')")
			_, app := sqltest.Role(t, database, "app")
			s.Do("GRANT INSERT ON a TO " + app)
			s.Do("CREATE SCHEMA other AUTHORIZATION " + app)
			s.Do("CREATE TABLE other.ran (as_role text); GRANT INSERT ON other.ran TO PUBLIC")
			s.Do("SET ROLE " + app)
			s.Do("CREATE FUNCTION other.same(text, text) RETURNS boolean LANGUAGE plpgsql AS " +
				"$$ BEGIN INSERT INTO other.ran VALUES (current_user); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$")
			s.Do("CREATE OPERATOR other.= (LEFTARG = text, RIGHTARG = text, FUNCTION = other.same)")
			s.Do("SET search_path = other, pg_catalog")
			s.Do("INSERT INTO public.a VALUES (1)")
			s.Do("RESET ROLE; RESET search_path")
			if ran := sqltest.Texts(s, "SELECT DISTINCT as_role FROM other.ran"); len(ran) > 0 {
				return fmt.Errorf("the operator ran as %q", ran)
			}
			return expectNumber(1, s, "SELECT gapless.last_gapless('a')::bigint")
		},
	},
	{
		name:    "the session's time zone decides the fiscal year",
		changes: []change{{"what an expression reads of the session is pinned", ""}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("SET TimeZone = 'UTC'")
			s.Do("CREATE TABLE a (at timestamptz, number bigint UNIQUE)")
			s.Do("SELECT gapless.attach_gapless('a', 'number', $$ to_char(NEW.at, 'YYYY') $$)")
			s.Do("SET TimeZone = 'Pacific/Auckland'")
			s.Do("INSERT INTO a VALUES ('2025-12-31 23:30:00+00')")
			return expectNumber(1, s, "SELECT gapless.last_gapless('2025')::bigint")
		},
	},
	{
		name:     "column_first_number finds an operator on the path of a table's owner",
		changes:  []change{{"= of names is pg_catalog's", "AND s.target_column = column_first_number.target_column"}},
		scenario: ownersOperator("SELECT gapless.column_first_number('h.a', 'number', 'a', 1, NULL, 0)", "name", "="),
	},
	{
		name:     "column_enter_row finds an operator on the path of a table's owner",
		changes:  []change{{"= of texts is pg_catalog's", `WHERE j.name = newest_run.name COLLATE pg_catalog."C"`}},
		scenario: ownersOperator("SELECT gapless.column_enter_row(1, 'a', 1, NULL, NULL, NULL)", "text", "="),
	},
	{
		name:     "value_after finds an operator on the path of a table's owner",
		changes:  []change{{"< is pg_catalog's", "WHEN last_value < 9223372036854775807 THEN last_value OPERATOR(pg_catalog.+) 1"}},
		scenario: ownersOperator("SELECT gapless.column_first_number('h.a', 'number', 'a', 1, NULL, 0)", "bigint", "<"),
	},
	{
		name:    "an expression is compiled into a function of the schema's owner, which hands out the owner's rights",
		changes: []change{{"the functions stay the table owner's", "EXECUTE format('ALTER FUNCTION %s OWNER TO %I', made.signature, installer);"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			name, quoted := sqltest.Role(t, database, "owner")
			s.Do("CREATE TABLE a (number bigint UNIQUE)")
			s.Do("ALTER TABLE a OWNER TO " + quoted)
			s.Do("GRANT USAGE ON SCHEMA gapless TO " + quoted)
			for _, function := range sqltest.Texts(s, "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND proname LIKE 'column%'") {
				s.Do("GRANT EXECUTE ON FUNCTION " + function + " TO " + quoted)
			}
			s.Do("SELECT gapless.attach_gapless('a', 'number', '''a''')")
			owners := sqltest.Texts(s, "SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE proname ~ '^a_number_gapless'")
			if !slices.Equal([]string{quoted}, owners) {
				return fmt.Errorf("the compiled functions are %v's and not %s's", owners, name)
			}
			return nil
		},
	},
	{
		name:    "a column that takes the name of one dropped with CASCADE is numbered, and its rows can be deleted",
		changes: []change{{"another column has a dropped one's name", "NULL;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE a (id int, number bigint UNIQUE); SELECT gapless.attach_gapless('a', 'number', '''a'''); INSERT INTO a VALUES (1), (2)")
			s.Do("ALTER TABLE a DROP COLUMN number CASCADE; ALTER TABLE a ADD COLUMN number bigint UNIQUE")
			if code, message := s.Try("INSERT INTO a VALUES (3)"); code != "55000" {
				return fmt.Errorf("INSERT gives %s %s", code, message)
			}
			return nil
		},
	},
	{
		name:    "numbered rows can be deleted when another column has the name of theirs, and the audit calls them holes",
		changes: []change{{"another column has a renamed one's name", "NULL;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE a (id int, number bigint UNIQUE); SELECT gapless.attach_gapless('a', 'number', '''a'''); INSERT INTO a VALUES (1), (2)")
			s.Do("SELECT gapless.void_gapless('a', 1, 'x'); ALTER TABLE a RENAME COLUMN number TO former; ALTER TABLE a ADD COLUMN number bigint DEFAULT 1")
			if findings := sqltest.Findings(s); !slices.Equal(findings, []string{" not read unreadable"}) {
				return fmt.Errorf("the audit has %q", findings)
			}
			if code, message := s.Try("DELETE FROM a WHERE id = 2"); code != "55000" {
				return fmt.Errorf("DELETE gives %s %s", code, message)
			}
			return nil
		},
	},
	{
		name:    "after forward_gapless, a row gets the number that its transaction had noted before",
		changes: []change{{"what was noted of the next number is over", "NULL;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE a (issued boolean, number bigint UNIQUE); SELECT gapless.attach_gapless('a', 'number', $$ 'a' $$, condition => 'NEW.issued')")
			s.Do("INSERT INTO a VALUES (false)")
			s.Do("BEGIN")
			s.Do("INSERT INTO a SELECT true FROM generate_series(1, 2)")
			s.Do("SELECT gapless.forward_gapless('a', 9, 'used elsewhere')")
			return expectNumber(10, s, "UPDATE a SET issued = true WHERE NOT issued RETURNING number") // an INSERT looks into the journal
		},
	},
	{
		name:    "at commit, sequences are taken in the order of the rows, and opposite orders deadlock",
		changes: []change{{"all are locked in one order", "LOOP CONTINUE;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer, holder := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			for _, table := range []string{"a", "b"} {
				observer.Do("CREATE TABLE " + table + " (id int PRIMARY KEY, number bigint UNIQUE)")
				observer.Do("SELECT gapless.attach_gapless('" + table + "', 'number', $$ '" + table + "' $$, at_commit => true)")
			}
			// A commit that numbers b first, of a and b, waits for a.
			holder.Do("BEGIN")
			holder.Do("INSERT INTO a VALUES (3)")
			holder.Do("SET CONSTRAINTS ALL IMMEDIATE")
			one.Do("BEGIN")
			one.Do("INSERT INTO b VALUES (4); INSERT INTO a VALUES (5)")
			done := sqltest.Later(func() (any, error) { return one.Exec(one.Ctx, "COMMIT") })
			sqltest.AwaitWaiter(t, observer, one.PID())
			// So it has not taken b yet.
			free := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, "INSERT INTO b VALUES (6)") })
			r := sqltest.OrWaits(observer, two.PID(), free)
			holder.Do("COMMIT")
			require.NoError(t, (<-done).Err)
			if errors.Is(r.Err, sqltest.ErrWaits) {
				<-free
			}
			return r.Err
		},
	},
	{
		name:    "under REPEATABLE READ a number that the snapshot does not show is a double, and no reason to retry",
		changes: []change{{"newer numbers collide in the journal", "IF false THEN"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("CREATE TABLE a (number bigint UNIQUE)")
			one.Do("SELECT gapless.attach_gapless('a', 'number', '''a''')")
			one.Do("INSERT INTO a DEFAULT VALUES")
			two.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			two.Do("SELECT FROM a")
			one.Do("INSERT INTO a DEFAULT VALUES")
			return expectCode("40001", two, "INSERT INTO a DEFAULT VALUES")
		},
	},
	{
		name:    "TRUNCATE removes numbered rows that its transaction's snapshot does not show",
		changes: []change{{"rows may be newer than the snapshot", "IF false AND EXISTS ("}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("CREATE TABLE a (number bigint UNIQUE)")
			one.Do("SELECT gapless.attach_gapless('a', 'number', '''a''')")
			two.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			two.Do("SELECT 1")
			one.Do("INSERT INTO a DEFAULT VALUES")
			return expectCode("23001", two, "TRUNCATE a")
		},
	},
	{
		name:    "an audit is recorded before another one, which was begun earlier, has ended: one of the two records is lost",
		changes: []change{{"records follow each other", ""}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("BEGIN")
			one.Do("SELECT gapless.record_audit_gapless()")
			done := two.LaterNumber("SELECT count(*) FROM gapless.record_audit_gapless()")
			sqltest.AwaitWaiter(t, observer, two.PID())
			one.Do("COMMIT")
			if r := <-done; r.Err != nil {
				return r.Err
			}
			if records := one.Number("SELECT count(*) FROM gapless.audits WHERE intact"); records != 2 {
				return fmt.Errorf("%d records", records)
			}
			return nil
		},
	},
	{
		name: "an audit of several statements, each with a snapshot of its own, takes what commits between them for a fault",
		changes: []change{
			{"one snapshot for the audit", "LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER"},
			{"others commit while the audit runs", "PERFORM pg_advisory_xact_lock(1);"},
			{"one snapshot for all columns", "LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER"},
			{"others commit between two columns", "PERFORM pg_advisory_xact_lock(2);"},
		},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("CREATE TABLE a (number bigint UNIQUE)")
			one.Do("SELECT gapless.attach_gapless('a', 'number', '''a''')")
			one.Do("INSERT INTO a DEFAULT VALUES")
			one.Do("SELECT pg_advisory_lock(2)")
			done := two.LaterNumber("SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained")
			if r := sqltest.OrWaits(observer, two.PID(), done); !errors.Is(r.Err, sqltest.ErrWaits) {
				if r.Err == nil && r.Value != 0 {
					return fmt.Errorf("%d findings", r.Value)
				}
				return r.Err
			}
			one.Do("INSERT INTO a DEFAULT VALUES")
			one.Do("SELECT pg_advisory_unlock(2)")
			r := <-done
			if r.Err == nil && r.Value != 0 {
				return fmt.Errorf("%d findings", r.Value)
			}
			return r.Err
		},
	},
}

// ownersOperator is a table's owner who calls, with an operator of a type with itself first on the path, what runs with the rights of the
// schema's owner.
func ownersOperator(call, operand, operator string) func(*testing.T, *pgtest.Database) error {
	return func(t *testing.T, database *pgtest.Database) error {
		s, hostile := sqltest.Connect(t, database), sqltest.Connect(t, database)
		_, quoted := sqltest.Role(t, database, "hostile")
		pg.MayAttach(s, quoted)
		s.Do("CREATE TABLE ran (by name); GRANT INSERT ON ran TO PUBLIC")
		s.Do("CREATE SCHEMA h AUTHORIZATION " + quoted)
		hostile.Do("SET ROLE " + quoted)
		hostile.Do("CREATE TABLE h.a (number bigint UNIQUE)")
		hostile.Do("SELECT gapless.attach_gapless('h.a', 'number', '''a''')")
		hostile.Do("INSERT INTO h.a DEFAULT VALUES")
		hostile.Do("CREATE FUNCTION h.compare(" + operand + ", " + operand + ") RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.ran VALUES (current_user); RETURN true; END $$")
		hostile.Do("CREATE OPERATOR h." + operator + " (LEFTARG = " + operand + ", RIGHTARG = " + operand + ", FUNCTION = h.compare)")
		hostile.Do("GRANT USAGE ON SCHEMA h TO PUBLIC")
		fresh := sqltest.Connect(t, database) // which has no plan yet
		fresh.Do("SET ROLE " + quoted)
		fresh.Do("SET search_path = h, pg_catalog")
		fresh.Do(call)
		if by := sqltest.Texts(s, "SELECT DISTINCT by::text FROM ran"); len(by) > 0 {
			return fmt.Errorf("it ran with the rights of %q", by)
		}
		return nil
	}
}
