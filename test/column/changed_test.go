package column_test

// What becomes of an attached column when its table gets another name or owner, or triggers that get in the way.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestATableWithAnotherOwnerIsAuditedAndDetachedWhenItsFunctionsAreItsOwners(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	name, quoted := sqltest.Role(t, database, "owner")
	s.Do("GRANT USAGE ON SCHEMA gapless TO " + quoted)
	s.Do("CREATE TABLE bills (id int, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)")
	s.Do("INSERT INTO bills VALUES (1), (2)")
	s.Do("ALTER TABLE bills OWNER TO " + quoted)
	s.Do("INSERT INTO bills VALUES (3)")
	found := sqltest.Texts(s, pg.Unexplained)
	require.Len(t, found, 1, found)
	require.Contains(t, found[0], "ALTER FUNCTION public.bills_number_gapless() OWNER TO "+quoted+"; ")
	refused := s.Refuse("55000", "SELECT gapless.detach_gapless('bills', 'number')")
	require.Contains(t, refused.Message, name)
	require.Contains(t, refused.Hint, "ALTER FUNCTION public.bills_number_gapless() OWNER TO "+quoted)

	s.Do(refused.Hint) // as it says
	found = sqltest.Texts(s, pg.Unexplained)
	require.Len(t, found, 1, found)
	require.Contains(t, found[0], "has no right to number it any more")
	s.Do("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA gapless TO " + quoted)
	require.Empty(t, sqltest.Texts(s, pg.Unexplained))
	s.Do("SET ROLE " + quoted)
	s.Do("INSERT INTO bills VALUES (4)")
	s.Do("SELECT gapless.detach_gapless('bills', 'number')")
	s.Do("RESET ROLE")
	require.Equal(t, []int64{1, 2, 3, 4}, s.Numbers("SELECT number FROM bills ORDER BY 1"))
}

// TestTheViewTellsOfFormerPartitionsThatTheNewOwnerCannotRead: OWNER TO does not take along what was detached.
func TestTheViewTellsOfFormerPartitionsThatTheNewOwnerCannotRead(t *testing.T) {
	t.Parallel()
	for left, parted := range map[string]string{"kept": "", "leaf": " PARTITION BY LIST (year); CREATE TABLE leaf PARTITION OF kept DEFAULT"} {
		database := pgtest.New(t)
		s := sqltest.Connect(t, database)
		name, quoted := sqltest.Role(t, database, "owner")
		s.Do("GRANT USAGE ON SCHEMA gapless TO " + quoted + "; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA gapless TO " + quoted)
		s.Do("CREATE TABLE bills (id int, year int, number bigint, UNIQUE (year, number)) PARTITION BY LIST (year); CREATE TABLE rest PARTITION OF bills DEFAULT")
		s.Do("CREATE TABLE kept PARTITION OF bills FOR VALUES IN (2026)" + parted)
		s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)")
		s.Do("INSERT INTO bills VALUES (1, 2025), (2, 2026)")
		s.Do("ALTER TABLE bills DETACH PARTITION kept")
		require.Empty(t, sqltest.Texts(s, faults))
		s.Do("ALTER TABLE bills OWNER TO " + quoted)
		s.Do(s.Refuse("55000", "SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)").Hint)

		require.Contains(t, sqltest.Texts(s, pg.Unexplained)[0], "permission denied for table "+left)
		require.Equal(t, []string{"role " + quoted + ", which owns table public.bills, cannot read its former partition public." + left}, sqltest.Texts(s, faults), name)
		s.Do("GRANT SELECT ON " + left + " TO " + quoted)
		require.Empty(t, sqltest.Texts(s, faults))
		sqltest.RequireSound(s)
	}
}

func TestATableInAnotherSchemaIsDetached(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE SCHEMA archive; CREATE TABLE bills (number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)")
	s.Do("INSERT INTO bills DEFAULT VALUES; ALTER TABLE bills SET SCHEMA archive")
	require.Len(t, sqltest.Texts(s, pg.Unexplained), 1)
	s.Do("SELECT gapless.detach_gapless('archive.bills', 'number')")
	s.Do("SELECT gapless.attach_gapless('archive.bills', 'number', name => $$ 'bill' $$)")
	require.Empty(t, sqltest.Texts(s, pg.Unexplained))
	require.EqualValues(t, 2, s.Number("INSERT INTO archive.bills DEFAULT VALUES RETURNING number"))
}

// TestATableThatTookTheNameOfAnAttachedOneIsNotTakenForIt renames a table away and makes another in its place.
func TestATableThatTookTheNameOfAnAttachedOneIsNotTakenForIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, options string }{
		"early":                 {"", ""},
		"at commit":             {"", ", at_commit => true"},
		"partitioned":           {" PARTITION BY LIST (tenant)", ""},
		"partitioned at commit": {" PARTITION BY LIST (tenant)", ", at_commit => true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			made := 0
			create := func() {
				s.Do("CREATE TABLE bills (id int, tenant text, number bigint, UNIQUE (tenant, number), PRIMARY KEY (tenant, id))" + c.kind)
				if c.kind != "" {
					made++
					s.Do(fmt.Sprintf("CREATE TABLE part%d PARTITION OF bills DEFAULT", made))
				}
				s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill/' || NEW.tenant $$" + c.options + ")")
			}
			create()
			s.Do("INSERT INTO bills VALUES (1, 'a'), (2, 'a')")
			s.Do("ALTER TABLE bills RENAME TO former")
			create()
			s.Do("INSERT INTO bills VALUES (1, 'new'), (2, 'new')")
			s.Refuse("55000", "INSERT INTO former VALUES (3, 'new')")
			s.Refuse("55000", "INSERT INTO bills VALUES (3, 'a')")
			require.Empty(t, sqltest.Texts(s, pg.Unexplained), "the audit follows the table")
			s.Do("SELECT gapless.detach_gapless('former', 'number')")
			s.Do("SELECT gapless.attach_gapless('former', 'number', name => $$ 'bill/' || NEW.tenant $$" + c.options + ")")
			s.Do("INSERT INTO former VALUES (3, 'a')")
			require.Empty(t, sqltest.Texts(s, pg.Unexplained))
			require.Equal(t, []int64{1, 2, 3}, s.Numbers("SELECT number FROM former ORDER BY 1"))
			require.Equal(t, []int64{1, 2}, s.Numbers("SELECT number FROM bills ORDER BY 1"))
		})
	}
}

func TestGuardsThatWereDroppedAreAFinding(t *testing.T) {
	t.Parallel()
	for _, drop := range []string{
		"DROP FUNCTION bills_number_gapless() CASCADE", "DROP FUNCTION bills_number_gapless(), bills_number_gapless_rows CASCADE",
		`DROP TRIGGER "~gapless_insert_number" ON bills`,
	} {
		s := sqltest.Connect(t, pgtest.New(t))
		s.Do("CREATE TABLE bills (id int, number bigint UNIQUE)")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)")
		s.Do("INSERT INTO bills VALUES (1), (2), (3)")
		s.Do(drop)
		for _, query := range []string{pg.Unexplained, pg.Unexplained + " AND attached_column LIKE '%.bills.number'"} {
			found := sqltest.Texts(s, query)
			require.Len(t, found, 1, drop)
			require.Contains(t, found[0], "public.bills.number not read the column cannot be audited: its triggers were dropped", drop)
		}
		require.Equal(t, []string{"false"}, sqltest.Texts(s, "SELECT explained::text FROM gapless.audit_gapless('bill')"))
		s.Do(`DROP TRIGGER IF EXISTS "~gapless_update_number" ON bills; DROP TRIGGER IF EXISTS "~gapless_enter_number" ON bills;
			DROP TRIGGER IF EXISTS "~gapless_issue_number" ON bills; DROP TRIGGER IF EXISTS "~gapless_delete_number" ON bills;
			DROP TRIGGER IF EXISTS "~gapless_truncate_number" ON bills`)
		s.Do("DELETE FROM bills WHERE id = 2")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)")
		require.Equal(t, []string{"bill public.bills.number hole 2 the journal has it, and no row"}, sqltest.Texts(s, pg.Unexplained))
	}
}

const createParts = `CREATE TABLE bills (id int, region text, day date NOT NULL DEFAULT '2026-01-01', issued boolean, number bigint, UNIQUE (region, number), PRIMARY KEY (region, id))
	PARTITION BY LIST (region);
CREATE TABLE north PARTITION OF bills FOR VALUES IN ('north');
CREATE TABLE south PARTITION OF bills FOR VALUES IN ('south');
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.number := NEW.number + 5; RETURN NEW; END'`

// TestARowThatIsSkippedOnItsWayToAnotherPartitionIsRefused has triggers of an ordinary name, which attach_gapless cannot tell from
// others, and such as sort after those of the column, made after it was attached.
func TestARowThatIsSkippedOnItsWayToAnotherPartitionIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ options, before, after, statement, code string }{
		"a row that is issued and moves, and is not deleted": {
			", condition => 'NEW.issued'", "CREATE TRIGGER soft BEFORE DELETE ON bills FOR EACH ROW EXECUTE FUNCTION nothing()", "",
			"UPDATE bills SET region = 'south', issued = true WHERE id = 9", "23001"},
		"a numbered row that is not inserted": {
			"", "", `CREATE TRIGGER "~skip" BEFORE INSERT ON south FOR EACH ROW EXECUTE FUNCTION nothing()`,
			"UPDATE bills SET region = 'south' WHERE id = 2", "23001"},
		"a numbered row that is deleted and inserted": {
			"", "", `CREATE TRIGGER "~skip" BEFORE INSERT ON south FOR EACH ROW EXECUTE FUNCTION nothing()`,
			"WITH gone AS (DELETE FROM bills WHERE id = 2 RETURNING *) INSERT INTO bills SELECT id, 'south', day, issued, number FROM gone", "23001"},
		"a numbered row that is not deleted": {
			"", "", `CREATE TRIGGER "~soft" BEFORE DELETE ON north FOR EACH ROW EXECUTE FUNCTION nothing()`,
			"DELETE FROM bills WHERE id = 2", "23001"},
		"a numbered row of a partition by its own name": {
			"", "", `CREATE TRIGGER "~soft" BEFORE DELETE ON north FOR EACH ROW EXECUTE FUNCTION nothing()`,
			"DELETE FROM north WHERE id = 2", "23001"},
		"a number that is changed": {
			"", "", `CREATE TRIGGER "~up" BEFORE UPDATE ON north FOR EACH ROW EXECUTE FUNCTION more()`,
			"UPDATE bills SET issued = true WHERE id = 2", "428C9"},
		"a number that is changed on the way": {
			"", "", `CREATE TRIGGER "~up" BEFORE INSERT ON south FOR EACH ROW EXECUTE FUNCTION more()`,
			"UPDATE bills SET region = 'south' WHERE id = 2", "40001"},
		"a date that is changed on the way": {
			", chronology => 'NEW.day'", "", "SELECT",
			"WITH gone AS (DELETE FROM bills WHERE id = 2 RETURNING *) INSERT INTO bills SELECT id, 'south', '2030-01-01', issued, number FROM gone", "23001"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do(createParts)
			if c.before != "" {
				s.Do(c.before)
			}
			s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$" + c.options + ")")
			s.Do("INSERT INTO bills (id, region, issued) VALUES (1, 'north', true), (2, 'north', true), (3, 'north', true), (9, 'north', false)")
			if c.after != "" {
				s.Do(c.after)
			}
			before := sqltest.Texts(s, "SELECT b::text FROM bills AS b ORDER BY 1")
			s.Refuse(c.code, c.statement)
			require.Equal(t, before, sqltest.Texts(s, "SELECT b::text FROM bills AS b ORDER BY 1"))
			require.Empty(t, sqltest.Texts(s, pg.Unexplained))
			s.Do("BEGIN; SAVEPOINT s")
			s.Refuse(c.code, c.statement)
			s.Do("ROLLBACK TO s")
			s.Do("INSERT INTO bills (id, region, issued) VALUES (10, 'north', true)")
			s.Do("COMMIT")
			require.Empty(t, sqltest.Texts(s, pg.Unexplained))
			require.Zero(t, s.Number("SELECT count(*) FROM gapless.moving"))
		})
	}
}

// TestANumberTakenAtCommitFollowsItsRow has a row change its partition just when it gets its number.
func TestANumberTakenAtCommitFollowsItsRow(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(createParts)
	s.Do(`CREATE FUNCTION southwards() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.issued THEN
			NEW.region := 'south';
		END IF;
		RETURN NEW;
	END $$`)
	s.Do("CREATE TRIGGER southwards BEFORE UPDATE ON north FOR EACH ROW EXECUTE FUNCTION southwards()")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$, at_commit => true, chronology => 'NEW.day')")
	s.Do("INSERT INTO bills (id, region, issued) VALUES (1, 'north', true), (2, 'north', false), (3, 'north', true)")
	require.Equal(t, []string{"1 south 1", "2 north 2", "3 south 3"}, sqltest.Texts(s, "SELECT concat_ws(' ', id, region, number) FROM bills ORDER BY id"))
	require.Empty(t, sqltest.Texts(s, pg.Unexplained))
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.moving"))

	// No setting has it take a number for a row that goes nowhere.
	s.Do("CREATE TRIGGER soft BEFORE DELETE ON bills FOR EACH ROW EXECUTE FUNCTION nothing()")
	s.Do("CREATE TABLE lies (i int)")
	s.Do(`CREATE FUNCTION lie() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		PERFORM set_config('gapless.commit_column', (SELECT (regexp_match(prosrc, 'commit_column'', ''([0-9]+)'))[1] FROM pg_proc WHERE proname = 'bills_number_gapless_number'), true);
		UPDATE bills SET region = 'south' WHERE id = 4;
		RETURN NULL;
	END $$`)
	s.Do("CREATE TRIGGER lie AFTER INSERT ON lies FOR EACH ROW EXECUTE FUNCTION lie()")
	s.Do("BEGIN; INSERT INTO bills (id, region) VALUES (4, 'north')")
	s.Refuse("23001", "INSERT INTO lies VALUES (1)")
	s.Do("ROLLBACK")
	require.Empty(t, sqltest.Texts(s, pg.Unexplained))
}

// TestWhoMayCreateTriggersCannotChangeNumbers has a role that has been given TRIGGER on the table, and no more than that.
func TestWhoMayCreateTriggersCannotChangeNumbers(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", ", at_commit => true"} {
		database := pgtest.New(t)
		s := sqltest.Connect(t, database)
		_, quoted := sqltest.Role(t, database, "trigger")
		s.Do("CREATE TABLE bills (id int PRIMARY KEY, memo text, number bigint UNIQUE)")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$" + options + ")")
		s.Do("INSERT INTO bills VALUES (1), (2)")
		s.Do("CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.number := NEW.number + 5; RETURN NEW; END'")
		s.Do("GRANT SELECT, UPDATE, TRIGGER ON bills TO " + quoted)
		s.Do("SET ROLE " + quoted)
		s.Do(`CREATE TRIGGER "~z" BEFORE UPDATE ON bills FOR EACH ROW EXECUTE FUNCTION more()`)
		s.Refuse("428C9", "UPDATE bills SET memo = 'a'")
		s.Do("RESET ROLE")
		require.Equal(t, []int64{1, 2}, s.Numbers("SELECT number FROM bills ORDER BY 1"))
		require.Empty(t, sqltest.Texts(s, pg.Unexplained))
	}
}

func TestAttachRefusesWhatCouldNotNumber(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(createParts)
	s.Do(`CREATE TRIGGER "~soft" BEFORE DELETE ON north FOR EACH ROW EXECUTE FUNCTION nothing()`)
	require.Contains(t, s.Refuse("55000", "SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)").Message, `trigger "~soft" would fire after`)
	s.Do(`DROP TRIGGER "~soft" ON north; CREATE TRIGGER "~skip" BEFORE INSERT ON south FOR EACH ROW EXECUTE FUNCTION nothing()`)
	require.Contains(t, s.Refuse("55000", "SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)").Message, `trigger "~skip" would fire after`)
	s.Do("CREATE TABLE notes (number text UNIQUE)")
	require.Contains(t, s.Refuse("22023", "SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note' $$, format => $$ 'fixed' $$)").Message, "does not contain value")
	for _, empty := range []string{"''", "' '", "E'\\n\\t'"} {
		require.Contains(t, s.Refuse("22023", "SELECT gapless.attach_gapless('notes', 'number', name => "+empty+", format => 'value')").Message, "is empty")
	}
}

// TestColumnsThatAreRenamedOrDroppedAreNoHoles has the column itself and those that its expressions read: it goes on, or the ALTER is
// refused, or the audit says what to do, and finds no number missing.
func TestColumnsThatAreRenamedOrDroppedAreNoHoles(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"early": "", "at commit": ", at_commit => true", "partitioned": "", "partitioned at commit": ", at_commit => true",
	} {
		for _, text := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", text ", text), func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				partitioned := strings.HasPrefix(name, "partitioned")
				s.Do("CREATE TABLE i (id int, region text DEFAULT 'n', tenant text DEFAULT 'a', d date DEFAULT '2024-01-01', issued boolean DEFAULT true, number " +
					map[bool]string{true: "text", false: "bigint"}[text] + ", PRIMARY KEY (region, id), UNIQUE (region, tenant, number))" +
					map[bool]string{true: " PARTITION BY LIST (region); CREATE TABLE part PARTITION OF i DEFAULT"}[partitioned])
				if !partitioned {
					s.Do("ALTER TABLE i ADD UNIQUE (tenant, number)")
				}
				names := map[string]string{"number": "number", "tenant": "tenant", "d": "d", "issued": "issued", "id": "id"}
				attach := func() {
					t.Helper()
					arguments := fmt.Sprintf("name => $$ 'i/' || NEW.%s $$, condition => 'NEW.%s', chronology => 'NEW.%s'%s", names["tenant"], names["issued"], names["d"], options)
					if text {
						arguments += fmt.Sprintf(", format => $$ 'R' || to_char(NEW.%s, 'YY') || lpad(value::text, 3, '0') $$", names["d"])
					}
					s.Do("SELECT gapless.attach_gapless('i', $1, "+arguments+")", names["number"])
				}
				attach()
				s.Do("INSERT INTO i (id) VALUES (1), (2)")
				for column := range names {
					s.Do("BEGIN")
					_, err := s.Exec(t.Context(), "ALTER TABLE i DROP COLUMN "+column)
					if column == "id" { // which nothing reads
						require.NoError(t, err)
						require.Empty(t, sqltest.Texts(s, pg.Unexplained))
					} else {
						sqltest.RequireCode(t, "2BP01", err)
					}
					s.Do("ROLLBACK; BEGIN")
					s.Do("ALTER TABLE i RENAME COLUMN " + column + " TO renamed")
					for statement, code := range map[string]string{
						"INSERT INTO i SELECT 3; SET CONSTRAINTS ALL IMMEDIATE": "55000",
						"DELETE FROM i": map[bool]string{true: "23001", false: "55000"}[column == "id"],
					} {
						s.Do("SAVEPOINT s")
						_, err := s.Exec(t.Context(), statement)
						s.Do("ROLLBACK TO s")
						if err == nil {
							require.Equal(t, "id", column, statement)
							continue
						}
						require.Equal(t, code, sqlstate(err), "%s, %s: %s", column, statement, err)
						if code == "55000" {
							require.Contains(t, err.(*pgconn.PgError).Hint, "Detach the column by its old name, and attach it by the names of now") //nolint:errorlint // it is not wrapped
						}
					}
					if column != "id" {
						found := sqltest.Texts(s, pg.Unexplained)
						require.Len(t, found, 1, column)
						require.Regexp(t, "^ ?public.i.number not read .* [Dd]etach .* attach it ", found[0])
					}
					s.Do("SELECT gapless.detach_gapless('i', 'number')")
					names[column] = "renamed"
					attach()
					s.Do("INSERT INTO i SELECT 3; SET CONSTRAINTS ALL IMMEDIATE")
					require.EqualValues(t, 3, s.Number("SELECT count("+names["number"]+") FROM i"))
					require.EqualValues(t, 3, s.Number("SELECT gapless.last_gapless('i/a')"))
					sqltest.RequireSound(s)
					s.Do("ROLLBACK")
					names[column] = column
				}
				sqltest.RequireSound(s)
			})
		}
	}
}
