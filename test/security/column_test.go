package security_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// What a role may try that has a right to a table with an attached column, and not to its numbers.

const unexplained = "SELECT concat_ws(' ', sequence, kind, first_value) FROM gapless.audit_gapless() WHERE NOT explained"

// newApp is a role that owns schema mine.
func newApp(t *testing.T, database *pgtest.Database) (owner, app sqltest.Session, quoted string) {
	t.Helper()
	owner = sqltest.Connect(t, database)
	_, quoted = sqltest.Role(t, database, "app")
	owner.Do("CREATE SCHEMA mine AUTHORIZATION " + quoted + "; GRANT USAGE ON SCHEMA gapless TO " + quoted)
	return owner, loginAs(t, database, quoted), quoted
}

// number is that of the column's attachment, as everybody can read it.
func number(s sqltest.Session, table string) string {
	s.T.Helper()
	return *sqltest.Value[string](s, `
		SELECT substring(prosrc FROM '(?:column_written|commit_done)_([0-9]+)') FROM pg_proc WHERE proname IN ($1 || '_number_gapless', $1 || '_number_gapless_finish') AND prosrc ~ 'column_written|commit_done'`, table)
}

// overloads have another type in the place of one that each function of a column takes, so that they would suit a call better
// that needs a cast there.
const overloads = `
DO $do$
DECLARE item record;
BEGIN
	FOR item IN
		SELECT p.oid, p.proname, pg_get_function_result(p.oid) AS result, array_to_string(w.types, ', ') AS types
		FROM pg_proc AS p
		CROSS JOIN LATERAL unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, i)
		CROSS JOIN LATERAL unnest('{text,varchar,name,bigint,integer,smallint,numeric,oid,regclass,boolean,date,timestamp,timestamptz,text[],varchar[],float8[],bigint[],bytea,anyelement}'::text[]) AS o (type)
		CROSS JOIN LATERAL (
			SELECT array_agg(CASE WHEN u.i = a.i THEN o.type ELSE u.type::regtype::text END ORDER BY u.i) AS types
			FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u (type, i)
		) AS w
		WHERE p.pronamespace = 'public'::regnamespace AND p.proname ~ '_gapless'
			AND NOT (pg_get_function_result(p.oid) ~ 'record' AND o.type = 'anyelement')
		UNION ALL
		SELECT p.oid, p.proname, 'text', 'integer' FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace AND p.proname ~ '_gapless' AND p.pronargs = 0
	LOOP
		CONTINUE WHEN to_regprocedure(format('public.%I(%s)', item.proname, item.types)) IS NOT NULL;
		EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION ''hijacked''; END $$', item.proname, item.types, item.result);
		EXECUTE format('COMMENT ON FUNCTION public.%I(%s) IS ''zzz, an expression of another role''', item.proname, item.types);
	END LOOP;
END $do$`

// TestNoOverloadOfAColumnsFunctionIsCalled has a role that may create functions where the table is.
func TestNoOverloadOfAColumnsFunctionIsCalled(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, app, quoted := newApp(t, database)
	owner.Do("GRANT CREATE ON SCHEMA public TO " + quoted)
	owner.Do(`
		CREATE DOMAIN code AS varchar(9);
		CREATE TABLE parts (id bigint GENERATED ALWAYS AS IDENTITY, tenant text, number bigint, PRIMARY KEY (tenant, id), UNIQUE (tenant, number)) PARTITION BY LIST (tenant);
		CREATE TABLE odd (id float8, part code, tenant code NOT NULL, number varchar(20) UNIQUE, other varchar UNIQUE, PRIMARY KEY (id, part));
		SELECT
			gapless.attach_gapless('odd', 'number', name => $$ 'odd ' || NEW.tenant $$, format => $$ NEW.tenant || '-' || value $$, at_commit => true, initial => 0),
			gapless.attach_gapless('odd', 'other', name => $$ 'other ' || NEW.tenant $$, format => $$ NEW.tenant || '/' || value $$, initial => 0, moves => true)`)
	owner.Do(everyKind)
	owner.Do("SELECT gapless.attach_gapless('parts', 'number', 'NEW.tenant')")
	owner.Do("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON odd, parts, documents, days TO " + quoted)
	before := sqltest.Texts(owner, "SELECT c::text FROM gapless.columns AS c")
	app.Do(overloads)
	require.Greater(t, app.Number("SELECT count(*) FROM pg_proc WHERE pg_get_userbyid(proowner) = current_user"), int64(1000))

	for i, s := range []sqltest.Session{app, owner} {
		for _, statement := range []string{
			fmt.Sprintf("INSERT INTO odd (id, part, tenant) VALUES (%d, 'a', 'x'), (%[1]d, 'b', 'x')", i),
			fmt.Sprintf("INSERT INTO odd (id, part, tenant) VALUES (%d, 'c', 'y')", i),
			fmt.Sprintf("UPDATE odd SET number = number WHERE id = %d", i),
			fmt.Sprintf("BEGIN; INSERT INTO odd (id, part, tenant) VALUES (%d, 'd', 'x'); INSERT INTO odd (id, part, tenant) VALUES (%[1]d, 'e', 'z'); COMMIT", i),
			"INSERT INTO parts (tenant) VALUES ('a'), ('b')",
			"INSERT INTO documents (id, tenant) VALUES " + fmt.Sprintf("(%d, 'a'), (%d, 'a')", 10*i, 10*i+1),
			fmt.Sprintf("INSERT INTO documents (id, tenant, draft) VALUES (%d, 'b', true)", 10*i+2),
			fmt.Sprintf("INSERT INTO documents (id, tenant) VALUES (%d, 'c')", 10*i+3),
			fmt.Sprintf("INSERT INTO documents (id, tenant) VALUES (%d, 'c') ON CONFLICT (id) DO UPDATE SET tenant = EXCLUDED.tenant", 10*i+3),
			fmt.Sprintf("UPDATE documents SET draft = false WHERE id = %d", 10*i+2),
			"INSERT INTO days (day, note) VALUES ('2026-01-01', 'x'), ('2026-07-01', 'x')",
			"UPDATE days SET note = 'y'",
		} {
			s.Do(statement)
		}
		s.Refuse("23001", "DELETE FROM odd")
		s.Refuse("23001", "DELETE FROM documents")
		s.Refuse("23001", "DELETE FROM days")
		s.Refuse("23001", "UPDATE documents SET tenant = 'd'")
	}
	owner.Do("UPDATE odd SET tenant = 'v', number = DEFAULT WHERE false")
	require.Empty(t, sqltest.Texts(owner, unexplained))
	require.Empty(t, sqltest.Texts(owner, "SELECT concat_ws(' ', sequence, kind, first_value) FROM gapless.audit_gapless('odd x') WHERE NOT explained"))
	require.Equal(t, before, sqltest.Texts(owner, "SELECT c::text FROM gapless.columns AS c"))
	require.Empty(t, sqltest.Texts(owner, "SELECT f::text FROM gapless.fault AS f"))

	// Nor is a function that is there before, or has another column's text.
	const attach = "SELECT gapless.attach_gapless('odd', 'other', name => $$ 'other ' || NEW.tenant $$, format => $$ NEW.tenant || '/' || value $$)"
	owner.Do("SELECT gapless.detach_gapless('odd', 'other')")
	owner.Do(attach)
	app.Do("INSERT INTO odd (id, part, tenant) VALUES (9, 'a', 'x'), (9, 'b', 'x')")
	owner.Do("SELECT gapless.detach_gapless('odd', 'other')")
	app.Do(`DO $$ BEGIN
		EXECUTE format('CREATE FUNCTION public.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $f$ BEGIN RAISE EXCEPTION ''hijacked''; END $f$',
			'odd__' || to_hex(hashtextextended('odd'::regclass::oid || '.other', 0)) || '_gapless_number');
	END $$`)
	refused := owner.Refuse("55000", attach)
	require.Contains(t, refused.Message, "has a name of those that number it")
	require.Equal(t, "attach_function", refused.ConstraintName)
}

// TestADomainOfAKeyRunsNothingWithTheTableOwnersRights has a domain's CHECK that calls a function with operators that it does not qualify.
func TestADomainOfAKeyRunsNothingWithTheTableOwnersRights(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, app, quoted := newApp(t, database)
	makeRan(owner)
	owner.Do(`
		CREATE FUNCTION fits(v text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN v ~ '^[a-z0-9]+$'; END $$;
		CREATE DOMAIN word AS text CHECK (public.fits(VALUE));
		CREATE DOMAIN code AS word;
		CREATE TABLE docs (id code PRIMARY KEY, number bigint UNIQUE);
		SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$, at_commit => true)`)
	owner.Do("GRANT INSERT ON docs TO " + quoted)
	app.Do(`
		CREATE FUNCTION mine.same(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN true; END $$;
		CREATE OPERATOR mine.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = mine.same);
		SET search_path = mine, pg_catalog`)
	name := *sqltest.Value[string](app, "SELECT session_user::text")
	app.Do("SELECT public.docs_number_gapless_single('public.docs', ARRAY['{x}'], '(0,1)', 0)")
	require.Empty(t, whoRan(owner, app))
	app.Do("INSERT INTO public.docs VALUES ('a')")
	require.Subset(t, []string{name}, whoRan(owner, app))
	app.Do("INSERT INTO public.docs VALUES ('b'), ('c')")
	require.Subset(t, []string{name}, whoRan(owner, app))
	require.Equal(t, []string{"a 1", "b 2", "c 3"}, sqltest.Texts(owner, "SELECT id || ' ' || number FROM docs ORDER BY number"))
}

// TestNumbersThatWereAssignedAreInTheirRows has a role call what is for the column's triggers alone, and hide it from them.
func TestNumbersThatWereAssignedAreInTheirRows(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, app, quoted := newApp(t, database)
	owner.Do(`
		CREATE TABLE docs (id int PRIMARY KEY, kind text, day date, number text UNIQUE);
		SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$, format => $$ NEW.kind || '-' || value $$, chronology => 'NEW.day', at_commit => true)`)
	owner.Do("GRANT SELECT, INSERT, UPDATE, DELETE ON docs TO " + quoted)
	app.Do(`
		CREATE TABLE mine.fires (i int);
		CREATE FUNCTION mine.assign() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			PERFORM public.docs_number_gapless_assign('docs', ARRAY['{1,2}']);
			RETURN NULL;
		END $$;
		CREATE TRIGGER assign AFTER INSERT ON mine.fires FOR EACH ROW EXECUTE FUNCTION mine.assign()`)
	const (
		waits  = "INSERT INTO docs VALUES (1, 'X', '2026-02-01'); SET LOCAL gapless.commit_expected = ''; INSERT INTO docs VALUES (2, 'X', '2026-02-02'); SET LOCAL gapless.commit_expected = ''; "
		assign = "SELECT docs_number_gapless_assign('docs', NULL), docs_number_gapless_assign('docs', ARRAY['{1,2}']); "
		early  = "SET CONSTRAINTS gapless.waiting_assigned IMMEDIATE; INSERT INTO mine.fires VALUES (1); "
	)
	hide := "SELECT set_config('gapless.commit_done_" + number(app, "docs") + "', 'on', true); "
	for name, transaction := range map[string]string{
		"the rows are deleted":                     waits + assign + "DELETE FROM docs; " + hide,
		"the rows get others, twice the same":      waits + assign + "SET LOCAL gapless.commit_value = 2; UPDATE docs SET kind = 'Y', day = '2020-01-01', number = 'Y-2' WHERE id = 1; UPDATE docs SET kind = 'Z', number = 'Z-2' WHERE id = 2; " + hide,
		"the rows are deleted, early":              waits + early + "DELETE FROM docs; " + hide,
		"and all that is immediate is so as well":  waits + early + "DELETE FROM docs; " + hide + "SET CONSTRAINTS ALL IMMEDIATE; ",
		"constraints are deferred in between":      waits + early + "SET CONSTRAINTS ALL DEFERRED; DELETE FROM docs; " + hide,
		"the statement that assigns is deferred":   waits + assign + "DELETE FROM docs; SET CONSTRAINTS ALL DEFERRED; " + hide,
		"the notes are asked for, and not the end": waits + assign + assign + "DELETE FROM docs; " + hide,
	} {
		_, err := app.PgConn().Exec(t.Context(), "BEGIN; "+transaction+"COMMIT").ReadAll()
		require.Error(t, err, name)
		app.Do("ROLLBACK")
	}
	require.EqualValues(t, 0, owner.Number("SELECT count(*) FROM docs"))
	app.Do("INSERT INTO docs VALUES (1, 'X', '2026-02-01'), (2, 'X', '2026-02-02')")
	require.Equal(t, []string{"X-1", "X-2"}, sqltest.Texts(app, "SELECT number FROM docs ORDER BY id"))
	require.Empty(t, sqltest.Texts(owner, unexplained))
	require.Zero(t, owner.Number("SELECT count(*) FROM gapless.waiting"))
}

// TestASettingHidesNoNumberThatIsWrittenByHand empties the setting that has it, while the statement runs.
func TestASettingHidesNoNumberThatIsWrittenByHand(t *testing.T) {
	t.Parallel()
	for _, partitioned := range []bool{false, true} {
		for _, format := range []bool{false, true} {
			t.Run(fmt.Sprintf("partitioned %t, format %t", partitioned, format), func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				owner, app, quoted := newApp(t, database)
				kind, expression, two := "bigint", "", "2"
				if format {
					kind, expression, two = "text", ", format => $$ 'D-' || value $$", "D-2"
				}
				for table, options := range map[string]string{
					"due":     "condition => 'NEW.due'",
					"dated":   "chronology => 'NEW.day'",
					"chained": "chain => $$ sha256(coalesce(NEW.previous_hash, '') || convert_to(NEW.number::text, 'UTF8')) $$",
				} {
					columns := "(id int, part int NOT NULL DEFAULT 1, day date DEFAULT '2026-01-01', due boolean DEFAULT true, number " + kind + ", previous_hash bytea, hash bytea, PRIMARY KEY (id, part), UNIQUE (number))"
					if partitioned {
						columns = strings.Replace(columns, "(number))", "(number, part)) PARTITION BY LIST (part)", 1)
					}
					owner.Do("CREATE TABLE " + table + " " + columns)
					if partitioned {
						owner.Do("CREATE TABLE " + table + "_1 PARTITION OF " + table + " FOR VALUES IN (1)")
					}
					owner.Do("SELECT gapless.attach_gapless('" + table + "', 'number', name => $$ '" + table + "' $$, " + options + expression + ")")
					owner.Do("GRANT INSERT ON " + table + " TO " + quoted)
					app.Do("INSERT INTO " + table + " (id) VALUES (1)")
					hide := " RETURNING set_config('gapless.column_written_" + number(app, table) + "', '', false)"
					for _, forged := range []string{
						"(id, due, number) VALUES (2, false, '" + two + "')",
						"(id, day, number) VALUES (2, NULL, '" + two + "')",
						"(id, number, previous_hash, hash) VALUES (2, '" + two + "', 'forged', sha256('forged' || convert_to('" + two + "', 'UTF8')))",
					} {
						if strings.Contains(forged, map[string]string{"due": "due", "dated": "NULL", "chained": "forged"}[table]) {
							for _, more := range []string{"", strings.ReplaceAll(strings.Replace(forged[strings.Index(forged, "VALUES ")+7:], "(2", ", (3", 1), "2'", "3'")} {
								code, message := app.Try("INSERT INTO " + table + " " + forged + more + hide)
								require.Contains(t, []string{"428C9", "55000"}, code, "%s: %s", forged+more, message)
							}
						}
					}
					app.Do("INSERT INTO " + table + " (id) VALUES (2), (3)")
				}
				require.Empty(t, sqltest.Texts(owner, unexplained))
				require.EqualValues(t, 9, owner.Number("SELECT (SELECT count(number) FROM due) + (SELECT count(number) FROM dated) + (SELECT count(hash) FROM chained)"))
			})
		}
	}
}

// TestANumberedRowThatLeavesItsPartitionArrives has a role insert another row for one that it deletes.
func TestANumberedRowThatLeavesItsPartitionArrives(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("at_commit %t", late), func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			owner, app, quoted := newApp(t, database)
			owner.Do(`
				CREATE TABLE docs (id int, part int, amount int, number bigint, previous_hash bytea, hash bytea, PRIMARY KEY (id, part), UNIQUE (number, part)) PARTITION BY LIST (part);
				CREATE TABLE docs_1 PARTITION OF docs FOR VALUES IN (1)`)
			owner.Do(fmt.Sprintf(`SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$, at_commit => %t,
				chain => $$ sha256(coalesce(NEW.previous_hash, '') || convert_to(NEW.number || '/' || NEW.amount, 'UTF8')) $$)`, late))
			owner.Do("CREATE TABLE docs_2 PARTITION OF docs FOR VALUES IN (2)")
			owner.Do("GRANT SELECT, INSERT, DELETE, UPDATE ON docs, docs_2 TO " + quoted)
			app.Do("INSERT INTO docs (id, part, amount) VALUES (1, 1, 10), (2, 1, 20), (3, 1, 30)")
			app.Do(`
				CREATE TABLE mine.fires (i int);
				CREATE FUNCTION mine.another() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					INSERT INTO docs (id, part, number) VALUES (1, 1, 2) ON CONFLICT DO NOTHING;
					RETURN NULL;
				END $$;
				CREATE TRIGGER another AFTER INSERT ON mine.fires FOR EACH ROW EXECUTE FUNCTION mine.another();
				CREATE FUNCTION mine.fire() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO mine.fires VALUES (1); RETURN 1; END $$`)
			for _, statement := range []string{
				"DELETE FROM docs WHERE id = 2",
				"DELETE FROM docs WHERE id = 2 RETURNING mine.fire()",
				"WITH gone AS (DELETE FROM docs WHERE id = 2 RETURNING *) INSERT INTO docs SELECT 1, 1, amount, number FROM gone ON CONFLICT DO NOTHING",
				"WITH gone AS (DELETE FROM docs WHERE id = 2 RETURNING *) INSERT INTO docs_2 (id, part, number) SELECT 1, 2, number FROM gone ON CONFLICT DO NOTHING",
				// What is sealed is not replaced.
				"WITH gone AS (DELETE FROM docs WHERE id = 2 RETURNING *) INSERT INTO docs SELECT 77, part, 99999, number, previous_hash, hash FROM gone",
				"WITH gone AS (DELETE FROM docs WHERE id = 2 RETURNING *) INSERT INTO docs SELECT 77, part, 99999, number FROM gone",
				"WITH gone AS (DELETE FROM docs WHERE id = 2 RETURNING *) INSERT INTO docs SELECT 77, part, 99999, number, 'forged', sha256('forged' || convert_to('2/99999', 'UTF8')) FROM gone",
			} {
				code, message := app.Try(statement + "; SET CONSTRAINTS ALL IMMEDIATE")
				require.Contains(t, []string{"23001", "55000"}, code, "%s: %s", statement, message)
			}
			app.Do("WITH gone AS (DELETE FROM docs WHERE id = 2 RETURNING *) INSERT INTO docs SELECT 77, 1, amount, number, previous_hash, hash FROM gone")
			app.Do("UPDATE docs SET part = 2 WHERE id = 3")
			require.Empty(t, sqltest.Texts(owner, unexplained))
			require.Equal(t, []string{"1 1 1", "77 1 2", "3 2 3"}, sqltest.Texts(owner, "SELECT concat_ws(' ', id, part, number) FROM docs ORDER BY number"))
			require.Zero(t, owner.Number("SELECT count(*) FROM gapless.moving"))
		})
	}
}
