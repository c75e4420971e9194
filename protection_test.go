package gapless_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// everyRole calls fn with a session of a superuser, of the table's owner, and of a role that has the table's privileges only.
func everyRole(t *testing.T, fn func(t *testing.T, name string, s session)) {
	t.Helper()
	database := pgtest.New(t)
	admin := connect(t, database)
	_, owner := role(t, database, "owner")
	_, app := role(t, database, "app")
	admin.do("GRANT CREATE ON SCHEMA public TO " + owner)
	admin.do("SET ROLE " + owner + "; " + createInvoices + "; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON invoices TO " + app + "; RESET ROLE")
	admin.do("DO $$ BEGIN EXECUTE (SELECT format('GRANT USAGE ON SCHEMA gapless TO %1$I; GRANT EXECUTE ON FUNCTION %2$s TO %1$I', current_database() || ' owner', string_agg(oid::regprocedure::text, ', ')) FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND proname LIKE 'column\\_%'); END $$")
	admin.do(attachInvoices)
	for _, r := range []struct{ name, set string }{{"superuser", ""}, {"owner", "SET ROLE " + owner}, {"application", "SET ROLE " + app}} {
		s := connect(t, database)
		if r.set != "" {
			s.do(r.set)
		}
		fn(t, r.name, s)
		requireNumbered(admin, "invoices")
	}
}

func TestProtectionHoldsForEveryRoleThatDoesNotDisableTriggers(t *testing.T) {
	t.Parallel()
	everyRole(t, func(t *testing.T, name string, s session) {
		s.do("INSERT INTO invoices (tenant, memo) VALUES ($1, $1), ($1, NULL), ($1 || ' other', NULL)", name)
		state := func() []string { return texts(s, "SELECT i::text FROM invoices AS i ORDER BY 1") }
		before := state()
		for _, c := range []struct{ fault, code, statement string }{
			{"written", "428C9", "INSERT INTO invoices (tenant, number) VALUES ($1, 3)"},
			{"written", "428C9", "INSERT INTO invoices (tenant, number) VALUES ($1, 2)"},
			{"written", "428C9", "INSERT INTO invoices (tenant, number) VALUES ($1, -9)"},
			{"written", "428C9", "INSERT INTO invoices (tenant, number) VALUES ($1, NULL), ($1, 4)"},
			{"written", "428C9", "INSERT INTO invoices (tenant, number) VALUES ($1 || ' a new one', 1)"},
			{"written", "428C9", "INSERT INTO invoices (tenant, memo, number) VALUES ($1, $1, 1) ON CONFLICT DO NOTHING"},
			{"written", "428C9", "INSERT INTO invoices (tenant, number) SELECT tenant, number + 2 FROM invoices WHERE tenant = $1"},
			{"changed", "428C9", "UPDATE invoices SET number = 3 WHERE tenant = $1 AND number = 2"},
			{"changed", "428C9", "UPDATE invoices SET number = NULL WHERE tenant = $1 AND number = 2"},
			{"changed", "428C9", "UPDATE invoices SET number = DEFAULT WHERE tenant = $1"},
			{"changed", "428C9", "UPDATE invoices SET number = 3 - number WHERE tenant = $1"},
			{"changed", "428C9", "UPDATE invoices SET number = 3, tenant = 'x' WHERE tenant = $1 AND number = 2"},
			{"changed", "428C9", "INSERT INTO invoices (tenant, memo) VALUES ($1, $1) ON CONFLICT (memo) DO UPDATE SET number = excluded.number"},
			{"changed", "428C9", "MERGE INTO invoices AS i USING (SELECT $1::text AS tenant) AS v ON i.tenant = v.tenant WHEN MATCHED THEN UPDATE SET number = 7"},
			{"moved", "23001", "UPDATE invoices SET tenant = tenant || 'x' WHERE tenant = $1"},
			{"moved", "23001", "UPDATE invoices SET tenant = $1 || ' other' WHERE tenant = $1 AND number = 2"},
			{"deleted", "23001", "DELETE FROM invoices WHERE tenant = $1"},
			{"deleted", "23001", "DELETE FROM invoices WHERE tenant = $1 AND number = 2"},
			{"deleted", "23001", "MERGE INTO invoices AS i USING (SELECT $1::text AS tenant) AS v ON i.tenant = v.tenant WHEN MATCHED THEN DELETE"},
			{"deleted", "23001", "WITH gone AS (DELETE FROM invoices WHERE tenant = $1 RETURNING *) SELECT count(*) FROM gone"},
			{"deleted", "23001", "WITH gone AS (DELETE FROM invoices WHERE tenant = $1 RETURNING *) INSERT INTO invoices (tenant) SELECT tenant FROM gone"},
			{"written", "428C9", "WITH gone AS (DELETE FROM invoices WHERE tenant = $1 RETURNING *) INSERT INTO invoices (tenant, number) SELECT tenant, number FROM gone"},
		} {
			if strings.HasPrefix(c.statement, "MERGE") && s.number("SELECT current_setting('server_version_num')::bigint") < 150000 {
				continue
			}
			err := s.refuse(c.code, c.statement, name)
			requireAbout(t, err, "invoices", c.fault)
			require.Equal(t, "number", err.ColumnName)
			require.Equal(t, before, state(), c.statement)
		}
		requireAbout(t, s.refuse("23001", "TRUNCATE invoices"), "invoices", "truncated")
		requireAbout(t, s.refuse("23001", "TRUNCATE invoices CASCADE"), "invoices", "truncated")
		require.Equal(t, before, state())
		// Nor after a number that the same transaction issued.
		s.do("BEGIN")
		s.do("INSERT INTO invoices (tenant) VALUES ($1)", name)
		for _, c := range []struct{ code, statement string }{
			{"23001", "DELETE FROM invoices WHERE number = 3"}, {"23001", "TRUNCATE invoices"}, {"428C9", "UPDATE invoices SET number = 4 WHERE number = 3"},
			{"428C9", fmt.Sprintf("INSERT INTO invoices (tenant, number) VALUES ('%s', 4)", name)},
			{"428C9", fmt.Sprintf("INSERT INTO invoices (tenant, number) VALUES ('%s', 3)", name)},
			{"23001", fmt.Sprintf("UPDATE invoices SET tenant = 'x' WHERE tenant = '%s' AND number = 3", name)},
		} {
			s.do("SAVEPOINT s")
			s.refuse(c.code, c.statement)
			s.do("ROLLBACK TO s")
		}
		s.do("COMMIT")
		require.EqualValues(t, 4, s.number("INSERT INTO invoices (tenant) VALUES ($1) RETURNING number", name))
		// What is not the number's stays free.
		s.do("UPDATE invoices SET memo = memo || '!'")
		s.do("UPDATE invoices SET number = number, tenant = tenant")
	})
}

// TestProtectionGoesWithTheTriggersAndTheAuditFindsWhatHappened is the other side of the promise.
func TestProtectionGoesWithTheTriggersAndTheAuditFindsWhatHappened(t *testing.T) {
	t.Parallel()
	_, s := attached(t)
	s.do("INSERT INTO invoices (tenant) SELECT 'a' FROM generate_series(1, 5)")
	for _, how := range [][2]string{
		{"ALTER TABLE invoices DISABLE TRIGGER ALL", "ALTER TABLE invoices ENABLE TRIGGER ALL"},
		{"SET session_replication_role = replica", "RESET session_replication_role"},
	} {
		s.do("BEGIN")
		s.do(how[0])
		s.do("DELETE FROM invoices WHERE number = 2; UPDATE invoices SET number = 9 WHERE number = 4")
		s.do(how[1])
		require.Equal(t, []string{"hole 2", "hole 4", "never issued 9"}, texts(s, "SELECT kind || ' ' || first_value FROM gapless.audit_gapless() WHERE NOT explained ORDER BY first_value"))
		s.do("ROLLBACK")
	}
	requireNumbered(s, "invoices")
}

func TestProtectionLetsAVoidedRowBeDeletedAndNoOther(t *testing.T) {
	t.Parallel()
	_, s := attached(t)
	s.do("INSERT INTO invoices (tenant) VALUES ('a'), ('a'), ('a'), ('b'), ('b')")
	s.do("SELECT gapless.void_gapless('invoice/a', 2, 'printed twice')")
	for _, statement := range []string{
		"DELETE FROM invoices", "DELETE FROM invoices WHERE number = 2", "DELETE FROM invoices WHERE tenant = 'a'", "TRUNCATE invoices",
	} {
		s.refuse("23001", statement) // b's 2 is not void
	}
	for _, statement := range []string{"UPDATE invoices SET number = NULL WHERE tenant = 'a' AND number = 2", "UPDATE invoices SET number = 9 WHERE tenant = 'a' AND number = 2"} {
		s.refuse("428C9", statement)
	}
	s.refuse("23001", "UPDATE invoices SET tenant = 'b' WHERE tenant = 'a' AND number = 2")
	s.do("UPDATE invoices SET memo = 'void' WHERE tenant = 'a' AND number = 2")
	requireNumbered(s, "invoices")
	s.do("DELETE FROM invoices WHERE tenant = 'a' AND number = 2")
	require.Equal(t, []string{"hole 2 t"}, texts(s, "SELECT concat_ws(' ', kind, first_value, explained) FROM gapless.audit_gapless() WHERE kind = 'hole'"))

	// The number is never issued again, nor written by hand; the newest can be void, too.
	s.do("SELECT gapless.void_gapless('invoice/a', 3, 'cancelled')")
	s.do("DELETE FROM invoices WHERE tenant = 'a' AND number = 3")
	s.refuse("428C9", "INSERT INTO invoices (tenant, number) VALUES ('a', 3)")
	require.EqualValues(t, 4, s.number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	requireClean(s)

	// In the transaction that issued it, too.
	s.do("BEGIN")
	require.EqualValues(t, 5, s.number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	s.do("SELECT gapless.void_gapless('invoice/a', 5, 'a slip')")
	s.do("DELETE FROM invoices WHERE tenant = 'a' AND number = 5")
	require.Equal(t, []int64{6, 7}, s.numbers("INSERT INTO invoices (tenant) VALUES ('a'), ('a') RETURNING number"))
	s.do("COMMIT")
	requireClean(s)

	// A void that is rolled back protects again.
	s.do("BEGIN")
	s.do("SELECT gapless.void_gapless('invoice/b', 1, 'no, after all')")
	s.do("ROLLBACK")
	s.refuse("23001", "DELETE FROM invoices WHERE tenant = 'b' AND number = 1")
	requireClean(s)
}

func TestProtectionKeepsWhatNameFormatAndDateAreMadeOf(t *testing.T) {
	t.Parallel()
	s := connect(t, pgtest.New(t))
	s.do("CREATE TABLE docs (id int PRIMARY KEY, tenant text, issued_on date, prefix text, paid_on date, status text, amount numeric, number text, UNIQUE (tenant, number))")
	s.do(`SELECT gapless.attach_gapless('docs', 'number', name => $$ NEW.tenant || to_char(NEW.issued_on, 'YYYY') $$,
		format => $$ NEW.prefix || value $$, condition => $$ NEW.status <> 'draft' $$, chronology => 'NEW.paid_on')`)
	s.do("INSERT INTO docs VALUES (1, 'a', '2026-01-01', 'A-', '2026-01-01', 'issued', 1.50), (2, 'a', '2026-01-01', 'A-', '2026-01-01', 'draft', 1)")
	for _, set := range []string{
		"tenant = 'b'", "tenant = NULL", "issued_on = '2027-01-01'", "issued_on = NULL", "prefix = 'B-'", "prefix = NULL", "prefix = 'A-1'",
		"paid_on = '2026-01-02'", "paid_on = NULL", "tenant = 'b', status = 'draft'",
	} {
		requireAbout(t, s.refuse("23001", "UPDATE docs SET "+set+" WHERE id = 1"), "docs", "moved")
		s.do("BEGIN; UPDATE docs SET " + set + " WHERE id = 2; ROLLBACK") // a draft
	}
	for _, set := range []string{
		"issued_on = '2026-12-31'", // the same series
		"status = 'draft'", "status = NULL", "amount = 2", "id = 7", "tenant = tenant, issued_on = issued_on",
	} {
		s.do("UPDATE docs SET " + set + " WHERE number = 'A-1'")
	}
	s.do("UPDATE docs SET status = 'issued', tenant = 'b' WHERE id = 2") // moved and issued at once
	require.Equal(t, []string{"a A-1", "b A-1"}, texts(s, "SELECT tenant || ' ' || number FROM docs ORDER BY 1"))
	requireClean(s)
}

func TestProtectionOfASequenceThatAColumnOwnsFromTakingByHand(t *testing.T) {
	t.Parallel()
	_, s := attached(t)
	s.do("INSERT INTO invoices (tenant) VALUES ('a'), ('a')")
	for _, call := range []string{
		"next_gapless('invoice/a')", "next_gapless('invoice/a', nowait => true)", "next_gapless('invoice/a', reset => 3)", "next_gapless_batch('invoice/a', 2)",
		"next_gapless_batch('invoice/a', 2, nowait => true)", "adopt_gapless('invoice/a', 9)", "adopt_gapless('invoice/a', 2)",
	} {
		err := s.refuse("55000", "SELECT gapless."+call)
		requireHelpful(t, err)
		require.Contains(t, err.Message, "invoices")
		require.Equal(t, "sequence_target", err.ConstraintName)
	}
	for _, call := range []string{"delete_gapless('invoice/a')", "delete_gapless('invoice/a', nowait => true)"} {
		requireHelpful(t, s.refuse("2BP01", "SELECT gapless."+call))
	}
	// In one transaction with rows, also for a sequence that they have just made.
	s.do("BEGIN")
	s.do("INSERT INTO invoices (tenant) VALUES ('new')")
	for _, call := range []string{"next_gapless('invoice/new')", "adopt_gapless('invoice/new', 9)"} {
		s.do("SAVEPOINT s")
		s.refuse("55000", "SELECT gapless."+call)
		s.do("ROLLBACK TO s")
	}
	s.do("COMMIT")
	require.EqualValues(t, 2, s.number("SELECT gapless.last_gapless('invoice/a')"))
	require.EqualValues(t, 3, s.number("SELECT gapless.peek_gapless('invoice/a')"))
	// What the column has not used is anybody's, and stays so, until it does.
	require.EqualValues(t, 1, s.number("SELECT gapless.next_gapless('invoice/by hand')"))
	requireHelpful(t, requireTakenOver(s))
	requireNumbered(s, "invoices")

	s.do("SELECT gapless.detach_gapless('invoices', 'number')")
	require.EqualValues(t, 3, s.number("SELECT gapless.next_gapless('invoice/a')"))
	require.Equal(t, []int64{4, 5}, s.numbers("SELECT gapless.next_gapless_batch('invoice/a', 2)"))
	s.do("SELECT gapless.adopt_gapless('invoice/a', 9)")
	require.True(t, *value[bool](s, "SELECT gapless.delete_gapless('invoice/a')"))
	require.Equal(t, []int64{2, 2}, s.numbers("SELECT gapless.next_gapless(n) FROM unnest(ARRAY['invoice/new', 'invoice/by hand']) AS n"))

	// As after its table is gone.
	s.do(createOthers)
	s.do("INSERT INTO others (tenant) VALUES ('a')")
	s.refuse("55000", "SELECT gapless.next_gapless('other/a')")
	s.do("DROP TABLE others")
	require.EqualValues(t, 2, s.number("SELECT gapless.next_gapless('other/a')"))
	requireClean(s)
}

const createOthers = `CREATE TABLE others (tenant text, number bigint, UNIQUE (tenant, number));
	SELECT gapless.attach_gapless('others', 'number', name => $$ 'other/' || NEW.tenant $$)`

func TestProtectionLetsARoleInsertThatHasNothingButINSERT(t *testing.T) {
	t.Parallel()
	database, s := attached(t)
	_, app := role(t, database, "app")
	_, columns := role(t, database, "columns")
	s.do("GRANT INSERT ON invoices TO " + app + "; GRANT INSERT (tenant, memo), SELECT (number) ON invoices TO " + columns)
	conn := connect(t, database)
	conn.do("SET ROLE " + app)
	conn.do("INSERT INTO invoices (tenant) VALUES ('a')")
	conn.do("INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('a')")
	conn.do("INSERT INTO invoices (tenant, memo) VALUES ('a', 'x'), ('b', 'x') ON CONFLICT DO NOTHING")
	requireAbout(t, conn.refuse("428C9", "INSERT INTO invoices (tenant, number) VALUES ('a', 5)"), "invoices", "written")
	conn.refuse("42501", "DELETE FROM invoices")
	conn.refuse("42501", "SELECT gapless.next_gapless('x')")
	conn.refuse("42501", "SELECT public.invoices_number_gapless_rows()")
	conn.refuse("42501", "SELECT public.invoices_number_gapless()")
	conn.do("SET ROLE " + columns)
	require.EqualValues(t, 5, conn.number("INSERT INTO invoices (tenant) VALUES ('a') RETURNING number"))
	require.Equal(t, []int64{6, 7}, conn.numbers("INSERT INTO invoices (tenant, memo) VALUES ('a', 'y'), ('a', 'z') RETURNING number"))
	conn.refuse("42501", "INSERT INTO invoices (tenant, number) VALUES ('a', NULL)")
	requireNumbered(s, "invoices")
	require.Equal(t, []string{database.Name + " app", database.Name + " columns"}, texts(s, "SELECT DISTINCT allocated_as FROM gapless.allocation ORDER BY 1"), "the journal says who")
}

// TestProtectionDoesNotRestOnSettings sets each setting that the triggers read to what might help a cheat, where no index
// would notice a double.
func TestProtectionDoesNotRestOnSettings(t *testing.T) {
	t.Parallel()
	// $note is the setting of column_next, $n what it would have counted, $oid the table.
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
			s := connect(t, database)
			_, app := role(t, database, "app")
			s.do(ddl)
			s.do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant || coalesce(NEW.kind, '') $$, condition => 'NEW.issued')")
			s.do("GRANT SELECT, INSERT, UPDATE ON invoices TO " + app)
			oid := *value[string](s, "SELECT coalesce(to_regclass('part'), 'invoices'::regclass)::oid::text")
			note := *value[string](s, "SELECT (regexp_match(prosrc, 'gapless.note_[0-9a-f]{12}'))[1] FROM pg_proc WHERE proname = 'invoices_number_gapless'")
			s.do("INSERT INTO invoices (tenant) VALUES ('a'), ('a'), ('a'), ('b')")
			s.do("BEGIN; INSERT INTO invoices (tenant) VALUES ('a'), ('b')")
			require.NotEmpty(t, *value[string](s, "SELECT current_setting($1)", note), "it is that setting")
			s.do("ROLLBACK")

			conn := connect(t, database)
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
						conn.do("BEGIN; SET LOCAL ROLE " + app)
						conn.do("INSERT INTO invoices (tenant, memo, issued) VALUES ('a', 'm', false), ('b', 'o', false), ('a', 'p', false)")
						if history != "" {
							conn.do(history)
						}
						count := conn.number("SELECT pg_stat_get_xact_tuples_inserted($1::text::oid)", oid)
						text := strings.NewReplacer("$oid", oid, "$n", strconv.FormatInt(count, 10)).Replace(setting)
						conn.do("SELECT set_config($1, $2, false)", note, text)
						if tries%2 == 0 {
							conn.do(`SELECT set_config('gapless.switched', 'on', false), set_config('gapless.next_' || i, s.entries, false)
								FROM generate_series(0, 63) AS i, (
									SELECT string_agg(E'\n' || hashtextextended('invoice/' || t, 0) || E'\t1;', '') FROM unnest('{a,b}'::text[]) AS t
								) AS s (entries)`)
						}
						if _, err := conn.Exec(t.Context(), statement); err == nil {
							succeeded++
							conn.do("RESET ROLE")
							if !contiguous(conn) {
								t.Errorf("%s (%t) after %q, then %q: %v", lie, tries%2 == 0, history, statement,
									texts(conn, "SELECT tenant || array_agg(number ORDER BY number)::text FROM invoices GROUP BY tenant ORDER BY 1"))
							}
						}
						conn.do("ROLLBACK")
					}
				}
			}
			require.Positive(t, succeeded)
			require.Less(t, succeeded, tries, "some lies are noticed")
			requireNumbered(s, "invoices")

			// A session that lies for ever harms nobody else.
			conn.do("SET ROLE " + app)
			conn.do("SELECT set_config($1, '{garbage}', false)", note)
			_, err := conn.Exec(t.Context(), "INSERT INTO invoices (tenant) VALUES ('a')")
			require.Error(t, err)
			s.do("INSERT INTO invoices (tenant) VALUES ('a'), ('b')")
			requireNumbered(s, "invoices")
		})
	}
}

// contiguous is requireNumbered without an end.
func contiguous(s session) bool {
	return *value[bool](s, `SELECT
		NOT EXISTS (SELECT FROM invoices WHERE number IS NOT NULL GROUP BY tenant HAVING min(number) <> 1 OR max(number) <> count(*) OR count(DISTINCT number) <> count(*))
		AND NOT EXISTS (SELECT FROM gapless.audit_gapless() WHERE NOT explained)`)
}

// requireTakenOver lets the column use a sequence that was in use by hand, at whatever number that is.
func requireTakenOver(s session) *pgconn.PgError {
	s.t.Helper()
	s.do("BEGIN")
	_, err := s.Exec(s.ctx, "INSERT INTO invoices (tenant) VALUES ('by hand')")
	require.NoError(s.t, err)
	refused := s.refuse("55000", "SELECT gapless.next_gapless('invoice/by hand')")
	s.do("ROLLBACK")
	return refused
}

func TestProtectionOfNumberedRowsFromForeignKeysThatCascade(t *testing.T) {
	t.Parallel()
	for action, faults := range map[string][2]string{ // what DELETE and UPDATE of the tenant run into
		"CASCADE": {"deleted", "moved"}, "SET NULL": {"moved", "moved"}, "SET DEFAULT": {"moved", "moved"}, "RESTRICT": {}, "NO ACTION": {},
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			s := connect(t, pgtest.New(t))
			s.do("CREATE TABLE tenants (name text PRIMARY KEY); CREATE TABLE customers (id int PRIMARY KEY, tenant text REFERENCES tenants ON DELETE CASCADE ON UPDATE CASCADE)")
			s.do("CREATE TABLE docs (id int PRIMARY KEY, tenant text DEFAULT 'none' REFERENCES tenants ON DELETE " + action + " ON UPDATE " + action + ", issued boolean DEFAULT true, number bigint, UNIQUE (tenant, number))")
			s.do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc/' || NEW.tenant $$, condition => 'NEW.issued')")
			s.do("INSERT INTO tenants VALUES ('a'), ('b'), ('none'); INSERT INTO docs VALUES (1, 'a', true), (2, 'a', true), (3, 'b', false)")
			for i, statement := range []string{"DELETE FROM tenants WHERE name = 'a'", "UPDATE tenants SET name = 'c' WHERE name = 'a'"} {
				if faults[i] == "" {
					_, err := s.Exec(t.Context(), statement)
					require.Error(t, err)
					continue
				}
				requireAbout(t, s.refuse("23001", statement), "docs", faults[i])
			}
			requireAbout(t, s.refuse("23001", "TRUNCATE tenants CASCADE"), "docs", "truncated")
			if faults[0] != "" {
				s.do("DELETE FROM tenants WHERE name = 'b'") // a draft may go along
			}
			require.Equal(t, []int64{1, 2}, s.numbers("SELECT number FROM docs WHERE tenant = 'a' ORDER BY 1"))
			requireNumbered(s, "docs")

			if action == "CASCADE" {
				s.do("SELECT gapless.void_gapless('doc/a', v, 'the tenant left') FROM generate_series(1, 2) AS v")
				s.do("DELETE FROM tenants WHERE name = 'a'")
				requireClean(s)
			}
		})
	}
}

func TestProtectionFromTruncatingRowsThatTheSnapshotDoesNotShow(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			database, s := attached(t)
			other := connect(t, database)
			s.do("INSERT INTO invoices (tenant) VALUES ('draft'); ALTER TABLE invoices DISABLE TRIGGER ALL; DELETE FROM invoices; ALTER TABLE invoices ENABLE TRIGGER ALL")
			s.do("DELETE FROM gapless.allocation; DELETE FROM gapless.sequence")
			other.do("BEGIN ISOLATION LEVEL " + level)
			require.Zero(t, other.number("SELECT count(*) FROM invoices"))
			s.do("INSERT INTO invoices (tenant) VALUES ('a')")
			err := other.refuse("23001", "TRUNCATE invoices")
			requireAbout(t, err, "invoices", map[bool]string{true: "truncated", false: "snapshot"}[level == "READ COMMITTED"])
			other.do("ROLLBACK")
			requireNumbered(s, "invoices")
		})
	}
	// An empty table may be truncated, and one with drafts.
	s := connect(t, pgtest.New(t))
	s.do(createInvoices)
	s.do("SELECT gapless.attach_gapless('invoices', 'number', name => 'NEW.tenant', condition => $$ NEW.memo IS NOT NULL $$)")
	s.do("TRUNCATE invoices")
	s.do("INSERT INTO invoices (tenant) VALUES ('a'); TRUNCATE invoices; INSERT INTO invoices (tenant, memo) VALUES ('a', 'x')")
	s.refuse("23001", "TRUNCATE invoices")
	requireNumbered(s, "invoices")
}

// TestProtectionFromADeleteThatWaitedForTheUpdateThatIssued has rows that were drafts when the statement began.
func TestProtectionFromADeleteThatWaitedForTheUpdateThatIssued(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two, observer := connect(t, database), connect(t, database), connect(t, database)
	one.do(createInvoices)
	one.do("SELECT gapless.attach_gapless('invoices', 'number', name => 'NEW.tenant', condition => $$ NEW.memo IS NOT NULL $$)")
	for i, statement := range []string{"DELETE FROM invoices WHERE id = $1", "UPDATE invoices SET tenant = 'b' WHERE id = $1"} {
		one.do("INSERT INTO invoices (tenant) VALUES ('a')")
		one.do("BEGIN")
		one.do("UPDATE invoices SET memo = id WHERE memo IS NULL")
		done := later(func() (any, error) { return two.Exec(two.ctx, statement, i+1) })
		awaitWaiter(t, observer, two.pid())
		one.do("COMMIT")
		requireCode(t, "23001", (<-done).err)
	}
	requireNumbered(one, "invoices")
}

func TestProtectionOfADetachedColumnEnds(t *testing.T) {
	t.Parallel()
	_, s := attached(t)
	s.do("INSERT INTO invoices (tenant) VALUES ('a'), ('a')")
	s.do("SELECT gapless.detach_gapless('invoices', 'number')")
	s.do("INSERT INTO invoices (tenant, number) VALUES ('a', 9)")
	s.do("UPDATE invoices SET number = 8 WHERE number = 1")
	s.do("DELETE FROM invoices WHERE number = 2")
	s.do("TRUNCATE invoices")
	requireClean(s)
}
