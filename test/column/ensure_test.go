package column_test

// attach_gapless with ensure: what programs that attach at every start call.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// ensured is the call of an attach, with ensure.
func ensured(attach string) string { return strings.TrimSuffix(attach, ")") + ", ensure => true)" }

// made is all that attach has made.
func made(s sqltest.Session) []string {
	s.T.Helper()
	return sqltest.Texts(s, `
		SELECT concat_ws(' ', oid, xmin) FROM pg_proc WHERE proname LIKE '%\_gapless%' AND pronamespace <> 'gapless'::regnamespace
		UNION ALL SELECT concat_ws(' ', oid, xmin) FROM pg_trigger
		UNION ALL SELECT concat_ws(' ', indexrelid, xmin) FROM pg_index
		UNION ALL SELECT concat_ws(' ', name, target, initial) FROM gapless.sequence_lock
		ORDER BY 1`)
}

// TestEnsureLeavesAnAttachedColumnAsItIsAndLocksNothing has somebody else lock the tables against everybody meanwhile.
func TestEnsureLeavesAnAttachedColumnAsItIsAndLocksNothing(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do(createShop)
	s.Do(`CREATE TABLE plain (id int PRIMARY KEY, number bigint UNIQUE);
		CREATE TABLE shared (id int PRIMARY KEY, number bigint UNIQUE);
		CREATE TABLE sealed (id int PRIMARY KEY, at timestamptz, number bigint UNIQUE, own bytea, hash bytea, previous bytea, previous_hash bytea);
		CREATE TABLE moved (id int PRIMARY KEY, tenant text, draft boolean, number text, UNIQUE (tenant, number))`)
	calls := map[string][]string{ // the first attaches; the others are the same
		"plain": {
			"SELECT gapless.attach_gapless('plain', 'number')",
			"SELECT gapless.attach_gapless('public.plain', 'number', NULL, NULL, at_commit => NULL, moves => NULL)",
			"SELECT gapless.attach_gapless('plain', 'number', e'\\n\\'public.plain.number\\' ', initial => 1, hash_column => 'any')",
		},
		"shared": {
			"SELECT gapless.attach_gapless('shared', 'number', series_of => 'plain.number')",
			"SELECT gapless.attach_gapless('shared', 'number', series_of => 'public.plain.number', name => $$ 'public.plain.number' $$)",
			"SELECT gapless.attach_gapless('shared', 'number', series_of => 'Public.shared.number')", // whose head it is
		},
		"sealed": {
			"SELECT gapless.attach_gapless('sealed', 'number', $$ 'sealed' $$, chronology => 'NEW.at', chain => 'public.sha256(NEW.previous_hash)', hash_column => 'own')",
			"SELECT gapless.attach_gapless('sealed', 'number', $$ 'sealed' $$, chronology => e'\\tNEW.at ', chain => 'public.sha256(NEW.previous_hash)', hash_column => 'own', previous_column => NULL)",
		},
		"moved": {
			"SELECT gapless.attach_gapless('moved', 'number', $$ 'm/' || NEW.tenant $$, 7, $$ 'M' || value $$, 'NOT NEW.draft', unnumbered => e'\\\\', moves => true)",
		},
		"bills": {attachShop["bills"]}, "notes": {attachShop["notes"]}, "slips": {attachShop["slips"]},
	}
	s.Do("CREATE FUNCTION public.sha256(bytea) RETURNS bytea IMMUTABLE LANGUAGE sql AS 'SELECT pg_catalog.sha256(coalesce($1, $$$$))'")
	for _, table := range []string{"plain", "shared", "sealed", "moved"} {
		s.Do(ensured(calls[table][0])) // which attaches
	}
	require.EqualValues(t, 7, s.Number("SELECT count(*) FROM gapless.columns WHERE guarded"))
	s.Do("INSERT INTO plain VALUES (1)")
	s.Do("INSERT INTO shared VALUES (1)")
	before := made(s)

	other := sqltest.Connect(t, database)
	other.Do("BEGIN; LOCK TABLE bills, notes, slips, plain, shared, sealed, moved IN ACCESS EXCLUSIVE MODE")
	s.Do("SET lock_timeout = '1s'")
	for _, begin := range []string{"BEGIN", "BEGIN READ ONLY"} {
		for table, same := range calls {
			for _, call := range same {
				s.Do(begin)
				s.Do(ensured(call))
				require.Empty(t, sqltest.Texts(s, `SELECT format('%s %s', coalesce(relation::regclass::text, locktype), mode) FROM pg_locks
					WHERE pid = pg_backend_pid() AND locktype NOT IN ('virtualxid') AND mode <> 'AccessShareLock'`), call)
				require.Zero(t, s.Number("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = ($1::text)::regclass", "public."+table), call)
				require.Equal(t, `"$user", public`, *sqltest.Value[string](s, "SHOW search_path"))
				s.Do("COMMIT")
			}
		}
		s.Refuse("55P03", calls["plain"][0])
	}
	other.Do("ROLLBACK")
	require.Equal(t, before, made(s))
	s.Do("INSERT INTO shared VALUES (2)")
	require.Equal(t, []int64{1, 2, 3}, s.Numbers("SELECT number FROM plain UNION ALL SELECT number FROM shared ORDER BY 1"))
	sqltest.RequireSound(s)
}

func TestEnsureNamesEachOptionThatDiffers(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(`CREATE TABLE heads (id int PRIMARY KEY, number bigint UNIQUE);
		CREATE TABLE a (id int PRIMARY KEY, d date, draft boolean DEFAULT false, number text UNIQUE);
		CREATE TABLE b (id int PRIMARY KEY, number bigint UNIQUE, hash bytea, before bytea, previous_hash bytea)`)
	s.Do("SELECT gapless.attach_gapless('heads', 'number')")
	s.Do(`SELECT gapless.attach_gapless('a', 'number', name => $$ 'a' $$, initial => 7, format => $$ 'A' || value $$, condition => 'NOT NEW.draft',
		chronology => 'NEW.d', at_commit => true, unnumbered => '/')`)
	s.Do("SELECT gapless.attach_gapless('b', 'number', chain => 'NEW.previous_hash')")
	before := made(s)
	const a = "name => ' ''a'' ', initial => 7, format => ' ''A'' || value ', condition => 'NOT NEW.draft', chronology => 'NEW.d', at_commit => true, unnumbered => '/'"
	for _, c := range []struct{ table, is, asked, detail string }{
		{"a", "' ''a'' '", "' ''b'' '", "name is ' ''a'' ', and ' ''b'' ' was asked for."},
		{"a", "' ''a'' '", "NULL", "name is ' ''a'' ', and '''public.a.number''' was asked for."},
		{"a", "' ''a'' '", "' ''A'' '", "name is ' ''a'' ', and ' ''A'' ' was asked for."},
		{"a", "initial => 7", "initial => NULL", "initial is 7, and 1 was asked for."},
		{"a", "' ''A'' || value '", "' ''A''  || value '", "format is ' ''A'' || value ', and ' ''A''  || value ' was asked for."},
		{"a", "condition => 'NOT NEW.draft'", "condition => NULL", "condition is 'NOT NEW.draft', and NULL was asked for."},
		{"a", "condition => 'NOT NEW.draft'", "condition => ''", "condition is 'NOT NEW.draft', and '' was asked for."},
		{"a", ", chronology => 'NEW.d', at_commit => true", "", "chronology is 'NEW.d', and NULL was asked for; at_commit is true, and false was asked for."},
		{"a", "unnumbered => '/'", "unnumbered => '/ '", "unnumbered is '/', and '/ ' was asked for."},
		{"a", "unnumbered => '/'", "unnumbered => '/', moves => true", "moves is false, and true was asked for."},
		{"a", "unnumbered => '/'", "unnumbered => '/', series_of => 'heads.number'", "series_of is NULL, and 'public.heads.number' was asked for."},
		{"a", "unnumbered => '/'", "unnumbered => '/', series_of => 'nowhere'", "series_of is NULL, and 'nowhere' was asked for."},
		{"b", "", "chain => 'NEW.previous_hash', hash_column => 'before'", "hash_column is 'hash', and 'before' was asked for."},
		{"b", "", "chain => 'NEW.previous_hash', previous_column => 'before'", "previous_column is 'previous_hash', and 'before' was asked for."},
		{"b", "", "moves => false", "chain is 'NEW.previous_hash', and NULL was asked for; hash_column is 'hash', and NULL was asked for; previous_column is 'previous_hash', and NULL was asked for."},
	} {
		options := c.asked
		if c.table == "a" {
			options = strings.Replace(a, c.is, c.asked, 1)
		}
		attach := fmt.Sprintf("SELECT gapless.attach_gapless('%s', 'number', %s)", c.table, options)
		calls := []string{ensured(attach)}
		if !strings.Contains(c.asked, "series_of") {
			calls = append(calls, attach) // which says so, too
		}
		for _, call := range calls {
			refused := s.Refuse("42710", call)
			require.Equal(t, c.detail, refused.Detail, call)
			require.Contains(t, refused.Hint, "detach_gapless")
			require.Equal(t, []string{"public", c.table, "number"}, []string{refused.SchemaName, refused.TableName, refused.ColumnName})
		}
	}
	require.Equal(t, before, made(s))
}

// TestEnsureSaysWhatIsWrongWithTheGuards, and mends nothing.
func TestEnsureSaysWhatIsWrongWithTheGuards(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(createShop)
	s.Do("CREATE FUNCTION named() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 'named'; END $$")
	s.Do("CREATE TABLE named (id int PRIMARY KEY, number bigint UNIQUE)")
	attach := map[string]string{"named": "SELECT gapless.attach_gapless('named', 'number', name => 'public.named()')"}
	s.Do(attach["named"])
	for table, call := range attachShop {
		attach[table] = call
	}
	for _, c := range []struct{ table, statement, fault string }{
		{"bills", `DROP TRIGGER "~gapless_insert_number" ON bills`, "missing on table public.bills: trigger ~gapless_insert_number"},
		{"bills", "DROP FUNCTION bills_number_gapless_text CASCADE", "function public.bills_number_gapless_text is gone"},
		{"bills", "DO $do$ DECLARE statement text; BEGIN FOR statement IN SELECT format('DROP TRIGGER %I ON bills', tgname) FROM pg_trigger WHERE tgrelid = 'bills'::regclass AND tgname LIKE '~gapless%' LOOP EXECUTE statement; END LOOP; END $do$",
			"missing on table public.bills: "},
		{"notes", "ALTER TABLE notes DISABLE TRIGGER USER", "disabled on table public.notes: trigger ~gapless_commit_number, "},
		{"notes", "COMMENT ON FUNCTION notes_number_gapless IS NULL", "the comment of function notes_number_gapless, in which "},
		{"slips", "CREATE TABLE slips_c PARTITION OF slips FOR VALUES IN ('c')", "partition public.slips_c has no guards of its own"},
		{"named", "CREATE OR REPLACE FUNCTION named() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 'other'; END $$", "what its expressions call has changed since it was attached"},
	} {
		s.Do("BEGIN")
		s.Do(c.statement)
		before := made(s)
		s.Do("SAVEPOINT refused")
		refused := s.Refuse("55000", ensured(attach[c.table]))
		s.Do("ROLLBACK TO refused")
		require.Equal(t, before, made(s))
		require.Contains(t, refused.Message, "its guards are not whole")
		require.Contains(t, refused.Detail, c.fault)
		require.Contains(t, refused.Hint, "without ensure")
		require.Equal(t, []string{"public", c.table, "number", "attach_guards"}, []string{refused.SchemaName, refused.TableName, refused.ColumnName, refused.ConstraintName})
		s.Do("ROLLBACK")
	}
	for _, call := range attach {
		s.Do(ensured(call))
	}
	sqltest.RequireSound(s)
}

// TestEnsureAttachesOnceWhereDeploymentsStartAtOnce has three of them: two wait for the first, which commits, or rolls back.
func TestEnsureAttachesOnceWhereDeploymentsStartAtOnce(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"COMMIT", "ROLLBACK"} {
		for _, makeIndex := range []string{"", ", condition => 'NOT NEW.draft', make_index => true"} {
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE a (id int PRIMARY KEY, draft boolean DEFAULT false, number bigint UNIQUE)")
			s.Do("INSERT INTO a VALUES (1, false, 1), (2, false, 2)")
			call := ensured("SELECT gapless.attach_gapless('a', 'number', name => $$ 'a' $$" + makeIndex + ")")
			s.Do("BEGIN")
			s.Do(call)
			oids := made(s)

			var waiting []<-chan sqltest.Result[int64]
			for _, other := range []string{call, call, strings.Replace(call, "'a' $$", "'b' $$", 1)} {
				o := sqltest.Connect(t, database)
				if strings.Contains(other, "'b' $$") && end == "ROLLBACK" {
					continue
				}
				waiting = append(waiting, o.LaterNumber("SELECT 1 FROM ("+other+") AS attached"))
				sqltest.AwaitWaiter(t, sqltest.Connect(t, database), o.PID())
			}
			s.Do(end)
			for i, done := range waiting {
				r := <-done
				if i == 2 {
					refused := sqltest.RequireCode(t, "42710", r.Err)
					require.Equal(t, "name is ' ''a'' ', and ' ''b'' ' was asked for.", refused.Detail)
					continue
				}
				require.NoError(t, r.Err)
			}
			if end == "COMMIT" {
				require.Equal(t, oids, made(s), "attached once")
			}
			s.Do("INSERT INTO a VALUES (3)")
			require.EqualValues(t, 3, s.Number("SELECT number FROM a WHERE id = 3"))
			sqltest.RequireSound(s)
		}
	}
}
