package column_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// lateWithTriggers is a table that numbers at commit and logs its updates, in a schema that is on the session's path alone.
const lateWithTriggers = `
	CREATE SCHEMA shop;
	SET search_path = shop;
	CREATE TABLE audit_log (who text, path text, number bigint);
	CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, memo text, number bigint UNIQUE);
	CREATE FUNCTION log_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO audit_log VALUES (current_user, current_setting('search_path'), NEW.number);
		RETURN NULL;
	END $$;
	CREATE TRIGGER audit AFTER UPDATE ON late FOR EACH ROW EXECUTE FUNCTION log_change();
	SELECT gapless.attach_gapless('late', 'number', name => $$ 'late' $$, at_commit => true)`

// TestAtCommitTheTablesOwnCodeSeesTheSession has its triggers run as for any UPDATE of the session's, for one row and for several.
func TestAtCommitTheTablesOwnCodeSeesTheSession(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	name, app := sqltest.Role(t, database, "app")
	owner := sqltest.Connect(t, database)
	owner.Do(lateWithTriggers)
	owner.Do("GRANT USAGE ON SCHEMA shop TO " + app + "; GRANT SELECT, INSERT, UPDATE ON late TO " + app + "; GRANT INSERT ON audit_log TO " + app)
	s := sqltest.Connect(t, database)
	s.Do("SET SESSION AUTHORIZATION " + app)
	s.Do("SET search_path = shop, public")
	s.Do("INSERT INTO late DEFAULT VALUES")
	s.Do("INSERT INTO late (memo) VALUES ('a'), ('b')")
	s.Do("BEGIN; INSERT INTO late DEFAULT VALUES; INSERT INTO late (memo) VALUES ('c'), ('d'); COMMIT")
	require.Equal(t, []string{name + " shop, public 6"}, sqltest.Texts(owner, "SELECT concat_ws(' ', who, path, count(DISTINCT number)) FROM audit_log GROUP BY who, path"))
	require.EqualValues(t, 6, owner.Number("SELECT max(number) FROM late"))

	// What the role may not update, the owner does, with the path that is pinned.
	owner.Do("REVOKE UPDATE ON late FROM " + app)
	owner.Do("ALTER FUNCTION log_change() SET search_path = shop")
	owner.Do("TRUNCATE audit_log")
	s.Do("INSERT INTO late DEFAULT VALUES")
	s.Do("INSERT INTO late (memo) VALUES ('a'), ('b')")
	require.Equal(t, sqltest.Texts(owner, "SELECT concat_ws(' ', current_user, 'shop', 3)"), sqltest.Texts(owner, "SELECT concat_ws(' ', who, path, count(*)) FROM audit_log GROUP BY who, path"))

	// A role with rights on single columns.
	owner.Do("REVOKE ALL ON late FROM " + app + "; GRANT INSERT ON late TO " + app + "; GRANT SELECT (id, memo, number), UPDATE (number) ON late TO " + app)
	owner.Do("TRUNCATE audit_log")
	s.Do("INSERT INTO late DEFAULT VALUES")
	s.Do("INSERT INTO late (memo) VALUES ('a'), ('b')")
	require.Equal(t, sqltest.Texts(owner, "SELECT concat_ws(' ', current_user, 3)"), sqltest.Texts(owner, "SELECT concat_ws(' ', who, count(*)) FROM audit_log GROUP BY who"))

	// A role that may do nothing but insert, through a view.
	owner.Do("REVOKE ALL ON late FROM " + app + "; CREATE VIEW entry AS SELECT memo FROM late; GRANT INSERT ON entry TO " + app)
	s.Do("INSERT INTO entry VALUES ('a'), ('b')")
	owner.Do("REVOKE USAGE ON SCHEMA shop FROM " + app + "; CREATE FUNCTION public.enter() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'INSERT INTO shop.late DEFAULT VALUES'")
	s.Do("SELECT public.enter()")
	require.EqualValues(t, 15, owner.Number("SELECT max(number) FROM late"))
	require.Zero(t, owner.Number("SELECT count(*) FROM late WHERE number IS NULL"))
	sqltest.RequireSound(owner)
}

// TestAtCommitRowSecurityHidesNoRow has policies that let the role update some of its rows, and none any more when it commits.
func TestAtCommitRowSecurityHidesNoRow(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	_, app := sqltest.Role(t, database, "app")
	owner := sqltest.Connect(t, database)
	owner.Do("CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text, number bigint UNIQUE)")
	owner.Do("SELECT gapless.attach_gapless('late', 'number', name => $$ 'late' $$, at_commit => true)")
	owner.Do("GRANT SELECT, INSERT, UPDATE ON late TO " + app)
	owner.Do("ALTER TABLE late ENABLE ROW LEVEL SECURITY")
	owner.Do("CREATE POLICY enter ON late FOR INSERT WITH CHECK (true)")
	owner.Do("CREATE POLICY see ON late FOR SELECT USING (true)")
	owner.Do("CREATE POLICY change ON late FOR UPDATE USING (tenant <> 'hidden') WITH CHECK (tenant = current_setting('app.tenant'))")
	s := sqltest.Connect(t, database)
	s.Do("SET SESSION AUTHORIZATION " + app)
	s.Do("SET app.tenant = 'a'")
	s.Do("INSERT INTO late (tenant) VALUES ('a'), ('a')")
	s.Do("INSERT INTO late (tenant) VALUES ('a'), ('hidden')")
	s.Do("BEGIN; INSERT INTO late (tenant) VALUES ('a'), ('a'), ('b'); SET app.tenant = 'c'; COMMIT")
	s.Do("INSERT INTO late (tenant) VALUES ('hidden')")
	s.Do("INSERT INTO late (tenant) VALUES ('b')")
	require.EqualValues(t, 9, owner.Number("SELECT max(number) FROM late"))
	require.Zero(t, owner.Number("SELECT count(*) FROM late WHERE number IS NULL"))
	sqltest.RequireSound(owner)
}

// TestAtCommitATransactionIsNumberedInTheOrderOfItsDates has drafts that are issued by one UPDATE, and rows of several statements.
func TestAtCommitATransactionIsNumberedInTheOrderOfItsDates(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE m (id int PRIMARY KEY, d date, status text DEFAULT 'draft', number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('m', 'number', name => $$ 'm' $$, condition => $$ NEW.status = 'issued' $$, chronology => $$ NEW.d $$, at_commit => true)")
	s.Do("INSERT INTO m (id, d) VALUES (1, '2026-03-03'), (2, '2026-03-01'), (3, '2026-03-02')")
	s.Do("UPDATE m SET status = 'issued'")
	s.Do("BEGIN; INSERT INTO m VALUES (4, '2026-03-09', 'issued'); INSERT INTO m VALUES (5, '2026-03-08', 'issued'), (6, '2026-03-07', 'issued'); COMMIT")
	require.Equal(t, []string{"2 1", "3 2", "1 3", "6 4", "5 5", "4 6"}, sqltest.Texts(s, "SELECT concat_ws(' ', id, number) FROM m ORDER BY number"))
	sqltest.RequireSound(s)
}

// TestAtCommitAManyRowedTransactionIsNumberedByTheSet counts the statements by the calls of what they call.
func TestAtCommitAManyRowedTransactionIsNumberedByTheSet(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant int, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('late', 'number', name => $$ 'late/' || NEW.tenant $$, at_commit => true)")
	s.Do("INSERT INTO late (tenant) VALUES (7)")
	s.Do("ANALYZE late") // whose numbers are never NULL, as far as the planner knows
	require.Equal(t, []string{"0"}, sqltest.Texts(s, "SELECT null_frac::text FROM pg_stats WHERE tablename = 'late' AND attname = 'number'"))
	s.Do("CREATE TABLE statements (i int)")
	s.Do("CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO statements VALUES (1); RETURN NULL; END'")
	s.Do("CREATE TRIGGER counted AFTER UPDATE ON late FOR EACH STATEMENT EXECUTE FUNCTION count_statement()")
	s.Do("BEGIN")
	for range 3 {
		s.Do("INSERT INTO late (tenant) SELECT i % 7 FROM generate_series(1, 700) AS i")
	}
	s.Do("SAVEPOINT s; INSERT INTO late (tenant) SELECT i % 7 FROM generate_series(1, 700) AS i; ROLLBACK TO s")
	s.Do("DELETE FROM late WHERE id = 10")
	s.Do("COMMIT")
	require.EqualValues(t, 1, s.Number("SELECT count(*) FROM statements"))
	require.EqualValues(t, 8, s.Number("SELECT count(*) FROM gapless.journal"))
	require.EqualValues(t, 2100, s.Number("SELECT count(number) FROM late"))
	sqltest.RequireSound(s)
}

// TestAtCommitATriggerThatIsDroppedCostsNoNumber has the rows' triggers go while they wait.
func TestAtCommitATriggerThatIsDroppedCostsNoNumber(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
	const attach = "SELECT gapless.attach_gapless('late', 'number', name => $$ 'late' $$, at_commit => true)"
	s.Do(attach)
	s.Do(`BEGIN; INSERT INTO late SELECT FROM generate_series(1, 2); DROP TRIGGER "~gapless_commit_number" ON late; DROP TRIGGER "~gapless_confirm_number" ON late`)
	require.Equal(t, "gapless_waiting", s.Refuse("23001", "COMMIT").ConstraintName)
	for _, rows := range []string{"1", "2"} {
		s.Do("BEGIN; INSERT INTO late SELECT FROM generate_series(1, " + rows + "); SELECT gapless.detach_gapless('late', 'number'); " + attach + "; COMMIT")
		require.Zero(t, s.Number("SELECT count(*) FROM late WHERE number IS NULL"))
	}
	require.EqualValues(t, 3, s.Number("SELECT max(number) FROM late"))
	sqltest.RequireSound(s)
}
