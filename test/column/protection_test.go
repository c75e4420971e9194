package column_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// everyRole calls fn with a session of a superuser, of the table's owner, and of a role that has the table's privileges only.
func everyRole(t *testing.T, fn func(t *testing.T, name string, s sqltest.Session)) {
	t.Helper()
	database := pgtest.New(t)
	admin := sqltest.Connect(t, database)
	_, owner := sqltest.Role(t, database, "owner")
	_, app := sqltest.Role(t, database, "app")
	admin.Do("GRANT CREATE ON SCHEMA public TO " + owner)
	admin.Do("SET ROLE " + owner + "; " + pg.CreateInvoices + "; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON invoices TO " + app + "; RESET ROLE")
	admin.Do("DO $$ BEGIN EXECUTE (SELECT format('GRANT USAGE ON SCHEMA gapless TO %1$I; GRANT EXECUTE ON FUNCTION %2$s TO %1$I', current_database() || ' owner', string_agg(oid::regprocedure::text, ', ')) FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND proname LIKE 'column\\_%'); END $$")
	admin.Do(pg.AttachInvoices)
	for _, r := range []struct{ name, set string }{{"superuser", ""}, {"owner", "SET ROLE " + owner}, {"application", "SET ROLE " + app}} {
		s := sqltest.Connect(t, database)
		if r.set != "" {
			s.Do(r.set)
		}
		fn(t, r.name, s)
		pg.RequireNumbered(admin, "invoices")
	}
}

func TestProtectionHoldsForEveryRoleThatDoesNotDisableTriggers(t *testing.T) {
	t.Parallel()
	everyRole(t, func(t *testing.T, name string, s sqltest.Session) {
		s.Do("INSERT INTO invoices (tenant, memo) VALUES ($1, $1), ($1, NULL), ($1 || ' other', NULL)", name)
		state := func() []string { return sqltest.Texts(s, "SELECT i::text FROM invoices AS i ORDER BY 1") }
		before := state()
		for _, c := range []struct{ fault, code, statement string }{
			{"written", "428C9", "INSERT INTO invoices (tenant, number) VALUES ($1, 3)"},
			{"written", "428C9", "INSERT INTO invoices (tenant, number) VALUES ($1, -9)"},
			{"written", "428C9", "INSERT INTO invoices (tenant, number) VALUES ($1, NULL), ($1, 4)"},
			{"written", "428C9", "INSERT INTO invoices (tenant, number) VALUES ($1 || ' a new one', 1)"},
			{"written", "428C9", "INSERT INTO invoices (tenant, number) SELECT tenant, number + 20 FROM invoices WHERE tenant = $1"},
			{"changed", "428C9", "UPDATE invoices SET number = 3 WHERE tenant = $1 AND number = 2"},
			{"changed", "428C9", "UPDATE invoices SET number = NULL WHERE tenant = $1 AND number = 2"},
			{"changed", "428C9", "UPDATE invoices SET number = DEFAULT WHERE tenant = $1"},
			{"changed", "428C9", "UPDATE invoices SET number = 3 - number WHERE tenant = $1"},
			{"changed", "428C9", "UPDATE invoices SET number = 3, tenant = 'x' WHERE tenant = $1 AND number = 2"},
			{"changed", "428C9", "MERGE INTO invoices AS i USING (SELECT $1::text AS tenant) AS v ON i.tenant = v.tenant WHEN MATCHED THEN UPDATE SET number = 7"},
			{"moved", "23001", "UPDATE invoices SET tenant = tenant || 'x' WHERE tenant = $1"},
			{"moved", "23001", "UPDATE invoices SET tenant = $1 || ' other' WHERE tenant = $1 AND number = 2"},
			{"deleted", "23001", "DELETE FROM invoices WHERE tenant = $1"},
			{"deleted", "23001", "DELETE FROM invoices WHERE tenant = $1 AND number = 2"},
			{"deleted", "23001", "MERGE INTO invoices AS i USING (SELECT $1::text AS tenant) AS v ON i.tenant = v.tenant WHEN MATCHED THEN DELETE"},
			{"deleted", "23001", "WITH gone AS (DELETE FROM invoices WHERE tenant = $1 RETURNING *) SELECT count(*) FROM gone"},
			{"deleted", "23001", "WITH gone AS (DELETE FROM invoices WHERE tenant = $1 RETURNING *) INSERT INTO invoices (tenant) SELECT tenant FROM gone"},
		} {
			if strings.HasPrefix(c.statement, "MERGE") && s.Number("SELECT current_setting('server_version_num')::bigint") < 150000 {
				continue
			}
			err := s.Refuse(c.code, c.statement, name)
			pg.RequireAbout(t, err, "invoices", c.fault)
			require.Equal(t, "number", err.ColumnName)
			require.Equal(t, before, state(), c.statement)
		}
		for _, nothing := range []string{
			"INSERT INTO invoices (tenant, memo, number) VALUES ($1, $1, 1) ON CONFLICT DO NOTHING",
			"INSERT INTO invoices (tenant, memo) VALUES ($1, $1) ON CONFLICT (memo) DO UPDATE SET number = excluded.number",
		} {
			s.Do(nothing, name)
			require.Equal(t, before, state(), nothing)
		}
		s.Refuse("23505", "INSERT INTO invoices (tenant, number) VALUES ($1, 2)", name)
		s.Refuse("23001", "WITH gone AS (DELETE FROM invoices WHERE tenant = $1 RETURNING *) INSERT INTO invoices (tenant, number) SELECT tenant, number FROM gone", name)
		pg.RequireAbout(t, s.Refuse("23001", "TRUNCATE invoices"), "invoices", "truncated")
		pg.RequireAbout(t, s.Refuse("23001", "TRUNCATE invoices CASCADE"), "invoices", "truncated")
		require.Equal(t, before, state())
		// Nor after a number that the same transaction issued.
		s.Do("BEGIN")
		s.Do("INSERT INTO invoices (tenant) VALUES ($1)", name)
		for _, c := range []struct{ code, statement string }{
			{"23001", "DELETE FROM invoices WHERE number = 3"}, {"23001", "TRUNCATE invoices"}, {"428C9", "UPDATE invoices SET number = 4 WHERE number = 3"},
			{"428C9", fmt.Sprintf("INSERT INTO invoices (tenant, number) VALUES ('%s', 4)", name)},
			{"23505", fmt.Sprintf("INSERT INTO invoices (tenant, number) VALUES ('%s', 3)", name)},
			{"23001", fmt.Sprintf("UPDATE invoices SET tenant = 'x' WHERE tenant = '%s' AND number = 3", name)},
		} {
			s.Do("SAVEPOINT s")
			s.Refuse(c.code, c.statement)
			s.Do("ROLLBACK TO s")
		}
		s.Do("COMMIT")
		require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES ($1) RETURNING number", name))
		// What is not the number's stays free.
		s.Do("UPDATE invoices SET memo = memo || '!'")
		s.Do("UPDATE invoices SET number = number, tenant = tenant")
	})
}

// TestProtectionGoesWithTheTriggersAndTheAuditFindsWhatHappened is the other side of the promise.
func TestProtectionGoesWithTheTriggersAndTheAuditFindsWhatHappened(t *testing.T) {
	t.Parallel()
	_, s := pg.Attached(t)
	s.Do("INSERT INTO invoices (tenant) SELECT 'a' FROM generate_series(1, 5)")
	for _, how := range [][2]string{
		{"ALTER TABLE invoices DISABLE TRIGGER ALL", "ALTER TABLE invoices ENABLE TRIGGER ALL"},
		{"SET session_replication_role = replica", "RESET session_replication_role"},
	} {
		s.Do("BEGIN")
		s.Do(how[0])
		s.Do("DELETE FROM invoices WHERE number = 2; UPDATE invoices SET number = 9 WHERE number = 4")
		s.Do(how[1])
		require.Equal(t, []string{"hole 2", "hole 4", "never issued 9"}, sqltest.Texts(s, "SELECT kind || ' ' || first_value FROM gapless.audit_gapless() WHERE NOT explained ORDER BY first_value"))
		s.Do("ROLLBACK")
	}
	pg.RequireNumbered(s, "invoices")
}

func TestProtectionLetsAVoidedRowBeDeletedAndNoOther(t *testing.T) {
	t.Parallel()
	_, s := pg.Attached(t)
	s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('a'), ('a'), ('b'), ('b')")
	s.Do("SELECT gapless.void_gapless('invoice/a', 2, 'printed twice')")
	for _, statement := range []string{
		"DELETE FROM invoices", "DELETE FROM invoices WHERE number = 2", "DELETE FROM invoices WHERE tenant = 'a'", "TRUNCATE invoices",
	} {
		s.Refuse("23001", statement) // b's 2 is not void
	}
	for _, statement := range []string{"UPDATE invoices SET number = NULL WHERE tenant = 'a' AND number = 2", "UPDATE invoices SET number = 9 WHERE tenant = 'a' AND number = 2"} {
		s.Refuse("428C9", statement)
	}
	s.Refuse("23001", "UPDATE invoices SET tenant = 'b' WHERE tenant = 'a' AND number = 2")
	s.Do("UPDATE invoices SET memo = 'void' WHERE tenant = 'a' AND number = 2")
	pg.RequireNumbered(s, "invoices")
	s.Do("DELETE FROM invoices WHERE tenant = 'a' AND number = 2")
	require.Equal(t, []string{"hole 2 t"}, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, explained) FROM gapless.audit_gapless() WHERE kind = 'hole'"))

	// The number is never issued again, nor written by hand; the newest can be void, too.
	s.Do("SELECT gapless.void_gapless('invoice/a', 3, 'cancelled')")
	s.Do("DELETE FROM invoices WHERE tenant = 'a' AND number = 3")
	s.Refuse("428C9", "INSERT INTO invoices (tenant, number) VALUES ('a', 3)")
	require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	sqltest.RequireSound(s)

	// In the transaction that issued it, too.
	s.Do("BEGIN")
	require.EqualValues(t, 5, s.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	s.Do("SELECT gapless.void_gapless('invoice/a', 5, 'a slip')")
	s.Do("DELETE FROM invoices WHERE tenant = 'a' AND number = 5")
	require.Equal(t, []int64{6, 7}, s.Numbers("INSERT INTO invoices (tenant) VALUES ('a'), ('a') RETURNING number"))
	s.Do("COMMIT")
	sqltest.RequireSound(s)

	// A void that is rolled back protects again.
	s.Do("BEGIN")
	s.Do("SELECT gapless.void_gapless('invoice/b', 1, 'no, after all')")
	s.Do("ROLLBACK")
	s.Refuse("23001", "DELETE FROM invoices WHERE tenant = 'b' AND number = 1")
	sqltest.RequireSound(s)
}

func TestProtectionKeepsWhatNameFormatAndDateAreMadeOf(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (id int PRIMARY KEY, tenant text, issued_on date, prefix text, paid_on date, status text, amount numeric, number text, UNIQUE (tenant, number))")
	s.Do(`SELECT gapless.attach_gapless('docs', 'number', name => $$ NEW.tenant || to_char(NEW.issued_on, 'YYYY') $$,
		format => $$ NEW.prefix || value $$, condition => $$ NEW.status <> 'draft' $$, chronology => 'NEW.paid_on')`)
	s.Do("INSERT INTO docs VALUES (1, 'a', '2026-01-01', 'A-', '2026-01-01', 'issued', 1.50), (2, 'a', '2026-01-01', 'A-', '2026-01-01', 'draft', 1)")
	for _, set := range []string{
		"tenant = 'b'", "tenant = NULL", "issued_on = '2027-01-01'", "issued_on = NULL", "prefix = 'B-'", "prefix = NULL", "prefix = 'A-1'",
		"paid_on = '2026-01-02'", "paid_on = NULL", "tenant = 'b', status = 'draft'",
	} {
		pg.RequireAbout(t, s.Refuse("23001", "UPDATE docs SET "+set+" WHERE id = 1"), "docs", "moved")
		s.Do("BEGIN; UPDATE docs SET " + set + " WHERE id = 2; ROLLBACK") // a draft
	}
	for _, set := range []string{
		"issued_on = '2026-12-31'", // the same series
		"status = 'draft'", "status = NULL", "amount = 2", "id = 7", "tenant = tenant, issued_on = issued_on",
	} {
		s.Do("UPDATE docs SET " + set + " WHERE number = 'A-1'")
	}
	s.Do("UPDATE docs SET status = 'issued', tenant = 'b' WHERE id = 2") // moved and issued at once
	require.Equal(t, []string{"a A-1", "b A-1"}, sqltest.Texts(s, "SELECT tenant || ' ' || number FROM docs ORDER BY 1"))
	sqltest.RequireSound(s)
}

func TestProtectionOfASequenceThatAColumnOwnsFromTakingByHand(t *testing.T) {
	t.Parallel()
	_, s := pg.Attached(t)
	s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('a')")
	for _, call := range []string{
		"next_gapless('invoice/a')", "next_gapless('invoice/a', nowait => true)", "next_gapless('invoice/a', reset => 3)", "next_gapless_batch('invoice/a', 2)",
		"next_gapless_batch('invoice/a', 2, nowait => true)", "adopt_gapless('invoice/a', 9)", "adopt_gapless('invoice/a', 2)",
	} {
		err := s.Refuse("55000", "SELECT gapless."+call)
		pg.RequireHelpful(t, err)
		require.Contains(t, err.Message, "invoices")
		require.Equal(t, "sequence_target", err.ConstraintName)
	}
	for _, call := range []string{"delete_gapless('invoice/a')", "delete_gapless('invoice/a', nowait => true)"} {
		pg.RequireHelpful(t, s.Refuse("2BP01", "SELECT gapless."+call))
	}
	// In one transaction with rows, also for a sequence that they have just made.
	s.Do("BEGIN")
	s.Do("INSERT INTO invoices (tenant) VALUES ('new')")
	for _, call := range []string{"next_gapless('invoice/new')", "adopt_gapless('invoice/new', 9)"} {
		s.Do("SAVEPOINT s")
		s.Refuse("55000", "SELECT gapless."+call)
		s.Do("ROLLBACK TO s")
	}
	s.Do("COMMIT")
	require.EqualValues(t, 2, s.Number("SELECT gapless.last_gapless('invoice/a')"))
	require.EqualValues(t, 3, s.Number("SELECT gapless.peek_gapless('invoice/a')"))
	// What the column has not used is anybody's, and stays so, until it does.
	require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('invoice/by hand')"))
	pg.RequireHelpful(t, requireTakenOver(s))
	pg.RequireNumbered(s, "invoices")

	s.Do("SELECT gapless.detach_gapless('invoices', 'number')")
	require.EqualValues(t, 3, s.Number("SELECT gapless.next_gapless('invoice/a')"))
	require.Equal(t, []int64{4, 5}, s.Numbers("SELECT gapless.next_gapless_batch('invoice/a', 2)"))
	s.Do("SELECT gapless.adopt_gapless('invoice/a', 9)")
	require.True(t, *sqltest.Value[bool](s, "SELECT gapless.delete_gapless('invoice/a')"))
	require.Equal(t, []int64{2, 2}, s.Numbers("SELECT gapless.next_gapless(n) FROM unnest(ARRAY['invoice/new', 'invoice/by hand']) AS n"))

	// As after its table is gone.
	s.Do(createOthers)
	s.Do("INSERT INTO others (tenant) VALUES ('a')")
	s.Refuse("55000", "SELECT gapless.next_gapless('other/a')")
	s.Do("DROP TABLE others")
	require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless('other/a')"))
	s.Do("SELECT gapless.void_gapless_batch('other/a', 1, 2, 'its table is gone')")
	sqltest.RequireSound(s)
}

const createOthers = `CREATE TABLE others (tenant text, number bigint, UNIQUE (tenant, number));
	SELECT gapless.attach_gapless('others', 'number', name => $$ 'other/' || NEW.tenant $$)`

func TestProtectionLetsARoleInsertThatHasNothingButINSERT(t *testing.T) {
	t.Parallel()
	database, s := pg.Attached(t)
	_, app := sqltest.Role(t, database, "app")
	_, columns := sqltest.Role(t, database, "columns")
	s.Do("GRANT INSERT ON invoices TO " + app + "; GRANT INSERT (tenant, memo), SELECT (number) ON invoices TO " + columns)
	conn := sqltest.Connect(t, database)
	conn.Do("SET ROLE " + app)
	conn.Do("INSERT INTO invoices (tenant) VALUES ('a')")
	conn.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('a')")
	conn.Do("INSERT INTO invoices (tenant, memo) VALUES ('a', 'x'), ('b', 'x') ON CONFLICT DO NOTHING")
	pg.RequireAbout(t, conn.Refuse("428C9", "INSERT INTO invoices (tenant, number) VALUES ('a', 5)"), "invoices", "written")
	conn.Refuse("42501", "DELETE FROM invoices")
	conn.Refuse("42501", "SELECT gapless.next_gapless('x')")
	conn.Refuse("42501", "SELECT public.invoices_number_gapless_rows()")
	conn.Refuse("42501", "SELECT public.invoices_number_gapless()")
	conn.Do("SET ROLE " + columns)
	require.EqualValues(t, 5, conn.Number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	require.Equal(t, []int64{6, 7}, conn.Numbers("INSERT INTO invoices (tenant, memo) VALUES ('a', 'y'), ('a', 'z') RETURNING number"))
	conn.Refuse("42501", "INSERT INTO invoices (tenant, number) VALUES ('a', NULL)")
	pg.RequireNumbered(s, "invoices")
	require.Equal(t, []string{database.Name + " app", database.Name + " columns"}, sqltest.Texts(s, "SELECT DISTINCT allocated_as FROM gapless.journal ORDER BY 1"), "the journal says who")
}

// TestProtectionDoesNotRestOnSettings sets each setting that the triggers read to what might help a cheat, where no index
// would notice a double.
func TestProtectionDoesNotRestOnSettings(t *testing.T) {
	t.Parallel()
	// $note is the setting of column_next_number, $n what it would have counted, $oid the table.
	lies := map[string]string{
		"an earlier number":                "{$oid,$n,1}invoice/a",
		"the newest number":                "{$oid,$n,3}invoice/a",
		"a later number":                   "{$oid,$n,40}invoice/a",
		"the number before the next":       "{$oid,$n,4}invoice/a",
		"another count":                    "{$oid,0,1}invoice/a",
		"a count yet to come":              "{$oid,9223372036854775807,9}invoice/a",
		"a settled earlier number":         "{0,0,1}invoice/a",
		"a settled later number":           "{0,0,40}invoice/a",
		"a settled number of another":      "{0,0,1}invoice/b",
		"another series":                   "{$oid,$n,9}invoice/b",
		"a series that is not the table's": "{$oid,$n,9}by hand",
		"negative":                         "{$oid,$n,-5}invoice/a",
		"zero":                             "{$oid,$n,0}invoice/a",
		"the greatest":                     "{$oid,$n,9223372036854775807}invoice/a",
		"past the greatest":                "{0,0,9223372036854775808}invoice/a",
		"NULLs":                            "{NULL,NULL,NULL}",
		"a NULL number":                    "{$oid,$n,NULL}invoice/a",
		"a settled NULL number":            "{0,0,NULL}invoice/a",
		"too short":                        "{$oid}",
		"an array of arrays":               "{{$oid,$n,1}}invoice/a",
		"empty array":                      "{}invoice/a",
		"no array":                         "garbage",
		"half an array":                    "garbage}invoice/a",
		"no numbers":                       "{x,y,z}invoice/a",
	}
	for name, ddl := range map[string]string{
		"an index across which partitions differ": `CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY, tenant text, kind text, memo text UNIQUE, issued boolean NOT NULL DEFAULT true,
			number bigint, UNIQUE (memo, tenant, number)) PARTITION BY LIST (memo); CREATE TABLE part PARTITION OF invoices DEFAULT`,
		"an index of NULLs": `CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY, tenant text, kind text, memo text UNIQUE, issued boolean NOT NULL DEFAULT true,
			number bigint, UNIQUE (tenant, kind, number))`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			_, app := sqltest.Role(t, database, "app")
			s.Do(ddl)
			s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant || coalesce(NEW.kind, '') $$, condition => 'NEW.issued')")
			s.Do("GRANT SELECT, INSERT, UPDATE ON invoices TO " + app)
			oid := *sqltest.Value[string](s, "SELECT coalesce(to_regclass('part'), 'invoices'::regclass)::oid::text")
			note := *sqltest.Value[string](s, "SELECT (regexp_match(prosrc, 'gapless.column_note_[0-9]+'))[1] FROM pg_proc WHERE proname = 'invoices_number_gapless'")
			s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('a'), ('a'), ('b')")
			s.Do("BEGIN; INSERT INTO invoices (tenant) VALUES ('a'), ('b')")
			require.NotEmpty(t, *sqltest.Value[string](s, "SELECT current_setting($1)", note), "it is that setting")
			s.Do("ROLLBACK")

			conn := sqltest.Connect(t, database)
			tries, succeeded := 0, 0
			for lie, setting := range lies {
				for _, history := range []string{"", "INSERT INTO invoices (tenant) VALUES ('a')", "INSERT INTO invoices (tenant) VALUES ('b'), ('a'), ('b'), ('a')"} {
					for _, statement := range []string{
						"INSERT INTO invoices (tenant) VALUES ('a')",
						"INSERT INTO invoices (tenant) VALUES ('a'), ('a')",
						"INSERT INTO invoices (tenant) VALUES ('b'), ('a'), ('b'), ('a')",
						"UPDATE invoices SET issued = true WHERE NOT issued",
						"INSERT INTO invoices (tenant, memo) VALUES ('a', 'm') ON CONFLICT (memo) DO UPDATE SET issued = true",
					} {
						tries++
						conn.Do("BEGIN; SET LOCAL ROLE " + app)
						conn.Do("INSERT INTO invoices (tenant, memo, issued) VALUES ('a', 'm', false), ('b', 'o', false), ('a', 'p', false)")
						if history != "" {
							conn.Do(history)
						}
						count := conn.Number("SELECT pg_stat_get_xact_tuples_inserted($1::text::oid)", oid)
						text := strings.NewReplacer("$oid", oid, "$n", strconv.FormatInt(count, 10)).Replace(setting)
						conn.Do("SELECT set_config($1, $2, false)", note, text)
						if tries%2 == 0 {
							conn.Do(`SELECT set_config('gapless.column_switched', 'on', false), set_config('gapless.column_next_' || i, s.entries, false)
								FROM generate_series(0, 63) AS i, (
									SELECT string_agg(E'\n' || hashtextextended('invoice/' || t, 0) || E'\t1;', '') FROM unnest('{a,b}'::text[]) AS t
								) AS s (entries)`)
						}
						if _, err := conn.Exec(t.Context(), statement); err == nil {
							succeeded++
							conn.Do("RESET ROLE")
							if !contiguous(conn) {
								t.Errorf("%s (%t) after %q, then %q: %v", lie, tries%2 == 0, history, statement,
									sqltest.Texts(conn, "SELECT tenant || array_agg(number ORDER BY number)::text FROM invoices GROUP BY tenant ORDER BY 1"))
							}
						}
						conn.Do("ROLLBACK")
					}
				}
			}
			require.Positive(t, succeeded)
			require.Less(t, succeeded, tries, "some lies are noticed")
			pg.RequireNumbered(s, "invoices")

			// A session that lies for ever harms nobody else.
			conn.Do("SET ROLE " + app)
			conn.Do("SELECT set_config($1, '{garbage}', false)", note)
			_, err := conn.Exec(t.Context(), "INSERT INTO invoices (tenant) VALUES ('a')")
			require.Error(t, err)
			s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('b')")
			pg.RequireNumbered(s, "invoices")
		})
	}
}

// contiguous is requireNumbered without an end.
func contiguous(s sqltest.Session) bool {
	return *sqltest.Value[bool](s, `SELECT
		NOT EXISTS (SELECT FROM invoices WHERE number IS NOT NULL GROUP BY tenant HAVING min(number) <> 1 OR max(number) <> count(*) OR count(DISTINCT number) <> count(*))
		AND NOT EXISTS (SELECT FROM gapless.audit_gapless() WHERE NOT explained)`)
}

// requireTakenOver lets the column use a sequence that was in use by hand, at whatever number that is.
func requireTakenOver(s sqltest.Session) *pgconn.PgError {
	s.T.Helper()
	s.Do("BEGIN")
	_, err := s.Exec(s.Ctx, "INSERT INTO invoices (tenant) VALUES ('by hand')")
	require.NoError(s.T, err)
	refused := s.Refuse("55000", "SELECT gapless.next_gapless('invoice/by hand')")
	s.Do("ROLLBACK")
	return refused
}

func TestProtectionOfNumberedRowsFromForeignKeysThatCascade(t *testing.T) {
	t.Parallel()
	for action, faults := range map[string][2]string{ // what DELETE and UPDATE of the tenant run into
		"CASCADE": {"deleted", "moved"}, "SET NULL": {"moved", "moved"}, "SET DEFAULT": {"moved", "moved"}, "RESTRICT": {}, "NO ACTION": {},
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("CREATE TABLE tenants (name text PRIMARY KEY); CREATE TABLE customers (id int PRIMARY KEY, tenant text REFERENCES tenants ON DELETE CASCADE ON UPDATE CASCADE)")
			s.Do("CREATE TABLE docs (id int PRIMARY KEY, tenant text DEFAULT 'none' REFERENCES tenants ON DELETE " + action + " ON UPDATE " + action + ", issued boolean DEFAULT true, number bigint, UNIQUE (tenant, number))")
			s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc/' || NEW.tenant $$, condition => 'NEW.issued')")
			s.Do("INSERT INTO tenants VALUES ('a'), ('b'), ('none'); INSERT INTO docs VALUES (1, 'a', true), (2, 'a', true), (3, 'b', false)")
			for i, statement := range []string{"DELETE FROM tenants WHERE name = 'a'", "UPDATE tenants SET name = 'c' WHERE name = 'a'"} {
				if faults[i] == "" {
					_, err := s.Exec(t.Context(), statement)
					require.Error(t, err)
					continue
				}
				pg.RequireAbout(t, s.Refuse("23001", statement), "docs", faults[i])
			}
			pg.RequireAbout(t, s.Refuse("23001", "TRUNCATE tenants CASCADE"), "docs", "truncated")
			if faults[0] != "" {
				s.Do("DELETE FROM tenants WHERE name = 'b'") // a draft may go along
			}
			require.Equal(t, []int64{1, 2}, s.Numbers("SELECT number FROM docs WHERE tenant = 'a' ORDER BY 1"))
			pg.RequireNumbered(s, "docs")

			if action == "CASCADE" {
				s.Do("SELECT gapless.void_gapless('doc/a', v, 'the tenant left') FROM generate_series(1, 2) AS v")
				s.Do("DELETE FROM tenants WHERE name = 'a'")
				sqltest.RequireSound(s)
			}
		})
	}
}

func TestProtectionFromTruncatingRowsThatTheSnapshotDoesNotShow(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			database, s := pg.Attached(t)
			other := sqltest.Connect(t, database)
			s.Do("INSERT INTO invoices (tenant) VALUES ('draft'); ALTER TABLE invoices DISABLE TRIGGER ALL; DELETE FROM invoices; ALTER TABLE invoices ENABLE TRIGGER ALL")
			s.Do("DELETE FROM gapless.journal; DELETE FROM gapless.sequence_lock")
			other.Do("BEGIN ISOLATION LEVEL " + level)
			require.Zero(t, other.Number("SELECT count(*) FROM invoices"))
			s.Do("INSERT INTO invoices (tenant) VALUES ('a')")
			err := other.Refuse("23001", "TRUNCATE invoices")
			pg.RequireAbout(t, err, "invoices", map[bool]string{true: "truncated", false: "snapshot"}[level == "READ COMMITTED"])
			other.Do("ROLLBACK")
			pg.RequireNumbered(s, "invoices")
		})
	}
	// An empty table may be truncated, and one with drafts.
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(pg.CreateInvoices)
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => 'NEW.tenant', condition => $$ NEW.memo IS NOT NULL $$)")
	s.Do("TRUNCATE invoices")
	s.Do("INSERT INTO invoices (tenant) VALUES ('a'); TRUNCATE invoices; INSERT INTO invoices (tenant, memo) VALUES ('a', 'x')")
	s.Refuse("23001", "TRUNCATE invoices")
	pg.RequireNumbered(s, "invoices")
}

// TestProtectionFromADeleteThatWaitedForTheUpdateThatIssued has rows that were drafts when the statement began.
func TestProtectionFromADeleteThatWaitedForTheUpdateThatIssued(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	one.Do(pg.CreateInvoices)
	one.Do("SELECT gapless.attach_gapless('invoices', 'number', name => 'NEW.tenant', condition => $$ NEW.memo IS NOT NULL $$)")
	for i, statement := range []string{"DELETE FROM invoices WHERE id = $1", "UPDATE invoices SET tenant = 'b' WHERE id = $1"} {
		one.Do("INSERT INTO invoices (tenant) VALUES ('a')")
		one.Do("BEGIN")
		one.Do("UPDATE invoices SET memo = id WHERE memo IS NULL")
		done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, statement, i+1) })
		sqltest.AwaitWaiter(t, observer, two.PID())
		one.Do("COMMIT")
		sqltest.RequireCode(t, "23001", (<-done).Err)
	}
	pg.RequireNumbered(one, "invoices")
}

func TestProtectionOfADetachedColumnEnds(t *testing.T) {
	t.Parallel()
	_, s := pg.Attached(t)
	s.Do("INSERT INTO invoices (tenant) VALUES ('a'), ('a')")
	s.Do("SELECT gapless.detach_gapless('invoices', 'number')")
	s.Do("INSERT INTO invoices (tenant, number) VALUES ('a', 9)")
	s.Do("UPDATE invoices SET number = 8 WHERE number = 1")
	s.Do("DELETE FROM invoices WHERE number = 2")
	s.Do("TRUNCATE invoices")
	sqltest.RequireSound(s)
}
