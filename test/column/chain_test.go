package column_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

const (
	chain = `, chain => $$ sha256(convert_to(concat_ws('|', NEW.number, NEW.total, encode(NEW.previous_hash, 'hex')), 'UTF8')) $$`

	// unlinked counts the rows that are not in the chain: it knows neither the journal nor gapless.link.
	unlinked = `
		SELECT count(*)
		FROM (
			SELECT d.*, lag(d.hash) OVER (PARTITION BY d.tenant ORDER BY nullif(regexp_replace(d.number::text, '^R', ''), '/')::bigint) AS before
			FROM docs AS d
			WHERE nullif(d.number::text, '/') IS NOT NULL
		) AS d
		WHERE d.previous_hash IS DISTINCT FROM d.before
			OR d.hash IS DISTINCT FROM sha256(convert_to(concat_ws('|', d.number, d.total, encode(d.before, 'hex')), 'UTF8'))`
)

// eachChained runs a test for each kind of column with a chain, in a table docs with series of tenants.
func eachChained(t *testing.T, test func(t *testing.T, database *pgtest.Database, s sqltest.Session, drafts bool)) {
	t.Parallel()
	for _, text := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			for _, partitioned := range []bool{false, true} {
				for _, drafts := range []bool{false, true} {
					t.Run(fmt.Sprintf("text %t, at commit %t, partitioned %t, drafts %t", text, late, partitioned, drafts), func(t *testing.T) {
						t.Parallel()
						database := pgtest.New(t)
						s := sqltest.Connect(t, database)
						kind, options := "bigint", ""
						if text {
							kind, options = "text", ", format => $$ 'R' || lpad(value::text, 6, '0') $$, unnumbered => '/'"
						}
						if drafts {
							options += ", condition => 'NEW.issued'"
						}
						s.Do("CREATE TABLE docs (id int, tenant text, issued boolean DEFAULT true, total int, memo text, number " + kind + ", previous_hash bytea, hash bytea, PRIMARY KEY (id, tenant))" +
							map[bool]string{true: " PARTITION BY LIST (tenant); CREATE TABLE docs_a PARTITION OF docs FOR VALUES IN ('a', 'c'); CREATE TABLE docs_b PARTITION OF docs FOR VALUES IN ('b')"}[partitioned])
						s.Do("CREATE UNIQUE INDEX ON docs (tenant, number) WHERE number " + map[bool]string{false: "IS NOT NULL", true: "<> '/'"}[text])
						s.Do(fmt.Sprintf("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc/' || NEW.tenant $$, at_commit => %t%s%s)", late, options, chain))
						test(t, database, s, drafts)
						require.Zero(t, s.Number(unlinked))
						sqltest.RequireSound(s)
					})
				}
			}
		}
	}
}

func TestEachRowOfAChainHasTheHashOfItsPredecessor(t *testing.T) {
	eachChained(t, func(t *testing.T, _ *pgtest.Database, s sqltest.Session, drafts bool) {
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (1, 'a', 10)")
		s.Do("INSERT INTO docs (id, tenant, total) SELECT i, CASE WHEN i % 3 = 0 THEN 'b' ELSE 'a' END, i FROM generate_series(2, 40) AS i")
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (41, 'b', 1), (42, 'b', 2), (43, 'b', 3)")
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (1, 'a', 11), (44, 'a', 1), (2, 'a', 12), (45, 'a', 2), (3, 'b', 4), (46, 'b', 4) ON CONFLICT DO NOTHING") // three do not arrive
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (1, 'a', 11), (2, 'a', 12) ON CONFLICT DO NOTHING")                                                        // none does
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (1, 'a', 11), (47, 'a', 9) ON CONFLICT (id, tenant) DO UPDATE SET memo = 'again'")
		s.Do("BEGIN")
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (48, 'a', 1), (49, 'b', 1)")
		s.Do("SAVEPOINT one")
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (50, 'a', 1), (51, 'b', 1)")
		s.Do("ROLLBACK TO one")
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (52, 'b', 7), (53, 'a', 8)")
		s.Do("COMMIT")
		s.Do("BEGIN; INSERT INTO docs (id, tenant, total) VALUES (54, 'a', 1); ROLLBACK")
		s.Do("BEGIN; SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO docs (id, tenant, total) VALUES (80, 'a', 1), (81, 'b', 2), (82, 'a', 3); INSERT INTO docs (id, tenant, total) VALUES (83, 'a', 1); COMMIT")
		s.Do("BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO docs (id, tenant, total) VALUES (55, 'a', 1), (56, 'c', 2), (57, 'a', 3); COMMIT")
		if drafts {
			s.Do("INSERT INTO docs (id, tenant, total, issued) SELECT i, 'c', i, false FROM generate_series(60, 70) AS i")
			s.Do("UPDATE docs SET hash = 'forged', total = 7 WHERE id = 60")
			s.Do("UPDATE docs SET issued = true WHERE id = 65")
			s.Do("UPDATE docs SET issued = true WHERE id < 69")
			s.Do("BEGIN; INSERT INTO docs (id, tenant, total) VALUES (71, 'c', 2); UPDATE docs SET issued = true, total = 5 WHERE NOT issued; INSERT INTO docs (id, tenant, total) VALUES (72, 'c', 2); COMMIT")
		}
		require.EqualValues(t, map[bool]int{false: 58, true: 71}[drafts], s.Number("SELECT count(hash) FROM docs"))
		require.EqualValues(t, 3, s.Number("SELECT count(*) FROM docs WHERE previous_hash IS NULL"))
	})
}

func TestWhatAHashIsMadeOfStays(t *testing.T) {
	eachChained(t, func(t *testing.T, _ *pgtest.Database, s sqltest.Session, _ bool) {
		s.Do("INSERT INTO docs (id, tenant, total) SELECT i, 'a', i FROM generate_series(1, 3) AS i")
		pg.RequireAbout(t, s.Refuse("23001", "UPDATE docs SET total = 7 WHERE id = 2"), "docs", "hashed")
		pg.RequireAbout(t, s.Refuse("428C9", "UPDATE docs SET hash = NULL WHERE id = 2"), "docs", "chained")
		pg.RequireAbout(t, s.Refuse("428C9", "UPDATE docs SET hash = o.hash FROM docs AS o WHERE docs.id = 2 AND o.id = 3"), "docs", "chained")
		pg.RequireAbout(t, s.Refuse("428C9", "UPDATE docs SET previous_hash = 'x' WHERE id = 1"), "docs", "chained")
		s.Do("UPDATE docs SET memo = 'paid', total = total")
		s.Do("SELECT gapless.void_gapless('doc/a', 3, 'why')")
		s.Refuse("23001", "UPDATE docs SET total = 7 WHERE id = 3") // void, and there
		s.Do("SELECT gapless.void_gapless('doc/a', 2, 'why')")
		before := *sqltest.Value[string](s, "SELECT encode(hash, 'hex') FROM docs WHERE id = 3")
		s.Do("DELETE FROM docs WHERE id = 3")
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (4, 'a', 4)")
		require.Equal(t, before, *sqltest.Value[string](s, "SELECT encode(previous_hash, 'hex') FROM docs WHERE id = 4"))
		require.Empty(t, sqltest.Texts(s, "SELECT explanation FROM gapless.audit_gapless() WHERE NOT explained"))
		// In the gap the row's own hash is still that of its predecessor's link.
		s.Do("INSERT INTO docs (id, tenant, total) SELECT i, 'b', i FROM generate_series(1, 3) AS i")
		s.Do("SELECT gapless.prune_gapless('doc/b', 'infinity')")
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (4, 'b', 4)")
		s.Do("SELECT gapless.forward_gapless('doc/b', 10, 'used elsewhere')")
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (5, 'b', 5)")
		s.Do("ALTER TABLE docs DISABLE TRIGGER USER; DELETE FROM docs WHERE tenant = 'a'; ALTER TABLE docs ENABLE TRIGGER USER") // for what comes after the test: no lag() over a gap
		s.Do("SELECT gapless.void_gapless_batch('doc/a', 1, 1, 'gone'), gapless.void_gapless('doc/a', 4, 'gone')")
	})
}

func TestTheAuditFindsWhatDoesNotFitIntoTheChain(t *testing.T) {
	eachChained(t, func(t *testing.T, _ *pgtest.Database, s sqltest.Session, _ bool) {
		s.Do("INSERT INTO docs (id, tenant, total) SELECT i, 'a', i FROM generate_series(1, 9) AS i")
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (1, 'b', 1)")
		s.Do("SELECT gapless.prune_gapless('doc/a', 'infinity')")
		for tampered, want := range map[string][]string{
			"UPDATE docs SET total = 100 WHERE id = 3 AND tenant = 'a'":                                                                                {"broken 3 the row was changed since it was hashed"},
			"UPDATE docs SET hash = o.hash FROM docs AS o WHERE docs.tenant = 'a' AND o.tenant = 'a' AND (docs.id, o.id) IN ((4, 5), (5, 4))":          {"broken 4 the row has another hash than when it was issued", "broken 5 the row has another hash than when it was issued"},
			"UPDATE docs SET previous_hash = NULL WHERE id = 3 AND tenant = 'a'":                                                                       {"broken 3 the row has another hash of the row before than that one's"},
			"UPDATE docs SET hash = NULL WHERE id = 9 AND tenant = 'a'":                                                                                {"broken 9 the row has another hash than when it was issued"},
			"DELETE FROM gapless.link WHERE name = 'doc/a' AND value = 5":                                                                              {"broken 5 the chain has no link of it", "broken 6 the row has another hash of the row before than that one's"},
			"UPDATE gapless.link SET hash = '' WHERE name = 'doc/a' AND value = 1":                                                                     {"broken 1 the row has another hash than when it was issued", "broken 2 the row has another hash of the row before than that one's"},
			"DELETE FROM docs WHERE id = 9 AND tenant = 'a'":                                                                                           {"hole 9 the journal has it, and no row"},
			"UPDATE docs SET total = 5, hash = sha256(convert_to(concat_ws('|', number, 5, encode(previous_hash, 'hex')), 'UTF8')) WHERE tenant = 'b'": {"broken 1 the row has another hash than when it was issued"}, // in itself it fits
		} {
			s.Do("BEGIN")
			s.Do("ALTER TABLE docs DISABLE TRIGGER USER")
			s.Do(tampered)
			s.Do("ALTER TABLE docs ENABLE TRIGGER USER")
			require.Equal(t, want, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, explanation) FROM gapless.audit_gapless() WHERE NOT explained ORDER BY first_value"), tampered)
			if !strings.Contains(tampered, "'b'") { // audited alone
				require.Equal(t, want, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, explanation) FROM gapless.audit_gapless('doc/a') WHERE NOT explained ORDER BY first_value"), tampered)
			}
			s.Do("ROLLBACK")
		}
	})
}

// TestTheAuditFindsThatAllLinksAreGone has a superuser forget a chain. What was issued without one, or taken over, has none.
func TestTheAuditFindsThatAllLinksAreGone(t *testing.T) {
	eachChained(t, func(t *testing.T, _ *pgtest.Database, s sqltest.Session, _ bool) {
		const unexplained = "SELECT concat_ws(' ', sequence, kind, first_value, explanation) FROM gapless.audit_gapless() WHERE NOT explained ORDER BY sequence, first_value"
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (1, 'a', 1), (2, 'a', 2), (1, 'b', 1)")
		s.Do("SELECT gapless.range_gapless('doc/a', 1, 9, 'a grant')")
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (3, 'a', 3)")
		lost := []string{"doc/a broken 1 the chain has no link of it", "doc/a broken 2 the chain has no link of it", "doc/a broken 3 the chain has no link of it"}
		s.Do("BEGIN; DELETE FROM gapless.link WHERE name = 'doc/a'")
		require.Equal(t, lost, sqltest.Texts(s, unexplained))
		s.Do("INSERT INTO docs (id, tenant, total) VALUES (4, 'a', 4); SET CONSTRAINTS ALL IMMEDIATE")
		require.Equal(t, lost, sqltest.Texts(s, unexplained), "a new chain does not hide that the old one is gone")
		s.Do("ROLLBACK")

		// Nor do rows without a hash hide it: the newest one, or all.
		s.Do("BEGIN; ALTER TABLE docs DISABLE TRIGGER USER; DELETE FROM gapless.link WHERE name = 'doc/a' AND value = 3")
		s.Do("UPDATE docs SET total = 9999, hash = NULL, previous_hash = NULL WHERE id = 3")
		require.Equal(t, lost[2:], sqltest.Texts(s, unexplained))
		s.Do("DELETE FROM gapless.link WHERE name = 'doc/a'; UPDATE docs SET total = 9999, hash = NULL, previous_hash = NULL WHERE tenant = 'a'")
		require.Equal(t, lost, sqltest.Texts(s, unexplained))
		s.Do("ROLLBACK")

		// Whose series were forgotten begins a new chain, and so does who numbered without one.
		var attach string
		require.NoError(t, s.QueryRow(s.Ctx, `SELECT format('SELECT gapless.attach_gapless(''docs'', ''number'', name => %L, at_commit => %L, format => %L, condition => %L, unnumbered => %L', name, at_commit, format, condition, unnumbered) FROM gapless.columns`).Scan(&attach))
		s.Do("SELECT gapless.detach_gapless('docs', 'number'); SELECT gapless.delete_gapless(name) FROM gapless.sequences")
		s.Do(attach + chain + ")")
		require.Empty(t, sqltest.Texts(s, unexplained))
		s.Do("SELECT gapless.detach_gapless('docs', 'number')")
		s.Do(attach + ")")
		s.Do("INSERT INTO docs (id, tenant, total, hash) VALUES (4, 'a', 4, 'own')")
		s.Do("SELECT gapless.detach_gapless('docs', 'number')")
		s.Do(attach + chain + ")")
		require.Empty(t, sqltest.Texts(s, unexplained))
		s.Do("ALTER TABLE docs DISABLE TRIGGER USER; UPDATE docs SET hash = NULL, previous_hash = NULL; ALTER TABLE docs ENABLE TRIGGER USER")
		s.Do("TRUNCATE gapless.link; DELETE FROM gapless.void")
		s.Do("SELECT gapless.detach_gapless('docs', 'number')")
		s.Do("UPDATE docs SET number = DEFAULT; SELECT gapless.delete_gapless(name) FROM gapless.sequences; DELETE FROM docs")
		s.Do(attach + chain + ")")
	})
}

// TestAChainedRowMovesAndIsUpsertedAsItIs has what ORMs send: all columns, as they were loaded; and rows that change their partition.
func TestAChainedRowMovesAndIsUpsertedAsItIs(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		s := sqltest.Connect(t, pgtest.New(t))
		s.Do(`CREATE TABLE docs (id int, year int, tenant text DEFAULT 'a', total int, memo text, number bigint, previous_hash bytea, hash bytea, PRIMARY KEY (id, year), UNIQUE (number, year)) PARTITION BY LIST (year);
			CREATE TABLE docs_1 PARTITION OF docs FOR VALUES IN (1);
			CREATE TABLE docs_2 PARTITION OF docs FOR VALUES IN (2);
			CREATE TABLE flat (id int PRIMARY KEY, total int, memo text, number bigint UNIQUE, previous_hash bytea, hash bytea)`)
		s.Do(fmt.Sprintf("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$, at_commit => %t%s)", late, chain))
		s.Do(fmt.Sprintf("SELECT gapless.attach_gapless('flat', 'number', name => $$ 'flat' $$, at_commit => %t%s)", late, chain))
		s.Do("INSERT INTO docs (id, year, total) SELECT i, 1, i FROM generate_series(1, 5) AS i")
		s.Do("UPDATE docs SET year = 2 WHERE id IN (2, 5)")
		pg.RequireAbout(t, s.Refuse("23001", "UPDATE docs SET year = 2, total = 0 WHERE id = 1"), "docs", "hashed")
		pg.RequireAbout(t, s.Refuse("428C9", "UPDATE docs SET year = 2, hash = NULL WHERE id = 1"), "docs", "chained")
		s.Do("INSERT INTO docs (id, year, total) VALUES (6, 2, 6)")
		s.Do("ALTER TABLE docs DETACH PARTITION docs_1")
		s.Do("UPDATE docs_1 SET memo = 'old'")
		pg.RequireAbout(t, s.Refuse("23001", "UPDATE docs_1 SET total = 7 WHERE id = 1"), "docs_1", "hashed")
		pg.RequireAbout(t, s.Refuse("428C9", "UPDATE docs_1 SET hash = NULL WHERE id = 1"), "docs_1", "chained")
		s.Do("INSERT INTO docs (id, year, total) VALUES (7, 2, 7)")
		sqltest.RequireSound(s)
		s.Do("ALTER TABLE docs_1 DISABLE TRIGGER USER; UPDATE docs_1 SET total = 7 WHERE id = 1; ALTER TABLE docs_1 ENABLE TRIGGER USER")
		require.Equal(t, []string{"doc broken 1"}, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, kind, first_value) FROM gapless.audit_gapless() WHERE NOT explained"))
		s.Do("ALTER TABLE docs_1 DISABLE TRIGGER USER; UPDATE docs_1 SET total = 1 WHERE id = 1; ALTER TABLE docs_1 ENABLE TRIGGER USER")

		s.Do("INSERT INTO flat (id, total) VALUES (1, 1), (2, 2)")
		const all = " ON CONFLICT (id) DO UPDATE SET memo = excluded.memo, total = excluded.total, number = excluded.number, previous_hash = excluded.previous_hash, hash = excluded.hash"
		if !late {
			s.Do("INSERT INTO flat (id, total, memo) VALUES (1, 1, 'new'), (3, 3, 'three'), (2, 2, 'new')" + all)
			s.Do("INSERT INTO flat SELECT f.id, f.total, 'loaded', f.number, f.previous_hash, f.hash FROM flat AS f" + all)
			require.EqualValues(t, 3, s.Number("SELECT count(*) FROM flat WHERE memo = 'loaded'"))
		}
		s.Refuse("23001", "INSERT INTO flat (id, total) VALUES (1, 7)"+" ON CONFLICT (id) DO UPDATE SET total = excluded.total")
		sqltest.RequireSound(s)
	}
}

func TestARowThatATriggerChangesAfterItWasHashedIsRefused(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE FUNCTION double() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.total := NEW.total * 2; RETURN NEW; END'")
	for _, c := range []struct{ options, write string }{
		{"", "INSERT INTO docs (total) VALUES (1)"},
		{"", "INSERT INTO docs (total) VALUES (1), (2)"},
		{", at_commit => true", "INSERT INTO docs (total) VALUES (1)"},
		{", at_commit => true", "INSERT INTO docs (total) VALUES (1), (2)"},
		{", condition => 'NEW.issued'", "INSERT INTO docs (issued, total) VALUES (false, 1); UPDATE docs SET issued = true"},
		{", condition => 'NEW.issued', at_commit => true", "INSERT INTO docs (issued, total) VALUES (false, 1), (false, 2); UPDATE docs SET issued = true"},
	} {
		s.Do("CREATE TABLE docs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, issued boolean, total int, number bigint, previous_hash bytea, hash bytea); CREATE UNIQUE INDEX ON docs (number) WHERE number IS NOT NULL")
		s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$" + c.options + chain + ")")
		s.Do("CREATE TRIGGER early BEFORE INSERT OR UPDATE ON docs FOR EACH ROW WHEN (NEW.number IS NULL) EXECUTE FUNCTION double()")
		s.Do(c.write)
		s.Do("DROP TRIGGER early ON docs; CREATE TRIGGER \"~late\" BEFORE INSERT OR UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION double()")
		pg.RequireAbout(t, s.Refuse("55000", c.write), "docs", "unchained")
		s.Do("DROP TRIGGER \"~late\" ON docs")
		sqltest.RequireSound(s)
		s.Do("SELECT gapless.detach_gapless('docs', 'number'); SELECT gapless.delete_gapless('doc'); DROP TABLE docs")
		require.Zero(t, s.Number("SELECT count(*) FROM gapless.link"))
	}
}

// TestChainsHoldWhileManyWrite has sessions that insert, roll back, issue drafts and collide, in all kinds of column.
func TestChainsHoldWhileManyWrite(t *testing.T) {
	eachChained(t, func(t *testing.T, database *pgtest.Database, s sqltest.Session, _ bool) {
		seed := sqltest.NewSeed(t)
		var group errgroup.Group
		for worker := range 4 {
			conn := sqltest.Connect(t, database)
			random := rand.New(rand.NewPCG(seed, uint64(worker)))
			group.Go(func() error {
				for i := range 12 {
					id := 1000*worker + 20*i
					statements := []string{"BEGIN ISOLATION LEVEL " + []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}[random.IntN(3)]}
					for range 1 + random.IntN(3) {
						statements = append(statements, []string{
							fmt.Sprintf("INSERT INTO docs (id, tenant, total) SELECT i, 'a', i FROM generate_series(%d, %d) AS i ON CONFLICT DO NOTHING", id, id+random.IntN(4)),
							fmt.Sprintf("INSERT INTO docs (id, tenant, total, issued) VALUES (%d, 'b', 1, false), (%d, 'b', 2, true) ON CONFLICT DO NOTHING", id+10, id+11),
							fmt.Sprintf("INSERT INTO docs (id, tenant, total) VALUES (%d, 'b', 1), (%d, 'b', 2) ON CONFLICT DO NOTHING", random.IntN(10), random.IntN(10)),
							fmt.Sprintf("SAVEPOINT one; INSERT INTO docs (id, tenant, total) VALUES (%d, 'a', 7), (%d, 'b', 7) ON CONFLICT DO NOTHING; ROLLBACK TO one", id+12, id+13),
							fmt.Sprintf("UPDATE docs SET issued = true WHERE tenant = 'b' AND NOT issued AND id = %d", id+10),
						}[random.IntN(5)])
					}
					statements = append(statements, []string{"COMMIT", "COMMIT", "COMMIT", "ROLLBACK"}[random.IntN(4)])
					for _, statement := range statements {
						if _, err := conn.PgConn().Exec(t.Context(), statement).ReadAll(); err != nil {
							var refusal *pgconn.PgError
							if !errors.As(err, &refusal) || !slices.Contains([]string{"40001", "40P01"}, refusal.Code) {
								return fmt.Errorf("%s: %w", statement, err)
							}
							if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
								return err
							}
							break
						}
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		require.Greater(t, s.Number("SELECT count(hash) FROM docs"), int64(10))
	})
}

func TestWhereAChainBegins(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, total int, number bigint UNIQUE, previous_hash bytea, hash bytea)")
	s.Do("INSERT INTO docs (total, number, hash) VALUES (1, 1, NULL), (2, 2, 'from before')")
	attach := "SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$" + chain + ")"
	s.Do(attach)
	s.Do(attach) // is whole
	s.Do("INSERT INTO docs (total) VALUES (3), (4) ON CONFLICT DO NOTHING")
	s.Do("UPDATE docs SET total = 7 WHERE number = 1") // has no hash
	pg.RequireAbout(t, s.Refuse("23001", "UPDATE docs SET total = 7 WHERE number = 2"), "docs", "hashed")
	require.Equal(t, []string{"1", "2", "3", "4 3"}, sqltest.Texts(s, "SELECT concat_ws(' ', d.number, p.number) FROM docs AS d LEFT JOIN docs AS p ON p.hash = d.previous_hash ORDER BY d.number"))
	sqltest.RequireSound(s)
	// Without the chain for a while; and a row that did not arrive left its link.
	s.Do("INSERT INTO docs (id, total) OVERRIDING SYSTEM VALUE VALUES (1, 5) ON CONFLICT DO NOTHING")
	s.Do("SELECT gapless.detach_gapless('docs', 'number')")
	require.EqualValues(t, 2, s.Number("SELECT count(*) FROM gapless.link"))
	s.Do("INSERT INTO docs (total, number) VALUES (5, gapless.next_gapless('doc'))")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$)")
	s.Do("INSERT INTO docs (total) VALUES (6)")
	sqltest.RequireSound(s)
	s.Do("SELECT gapless.detach_gapless('docs', 'number')")
	s.Do(attach)
	s.Do("INSERT INTO docs (total) VALUES (7), (8)")
	require.Equal(t, []string{"7 4", "8 7"}, sqltest.Texts(s, "SELECT concat_ws(' ', d.number, p.number) FROM docs AS d LEFT JOIN docs AS p ON p.hash = d.previous_hash WHERE d.number > 6 ORDER BY d.number"))
	sqltest.RequireSound(s)
	require.Equal(t, []string{"hash previous_hash t"}, sqltest.Texts(s, "SELECT concat_ws(' ', hash_column, previous_column, guarded AND chain LIKE '%sha256%') FROM gapless.columns"))
}

// TestAnArchivedChainGoesOn has rows leave a series, the last one too: what stays is verified as before, and the next row's predecessor
// is the newest that has left. A series that goes live begins a new chain.
func TestAnArchivedChainGoesOn(t *testing.T) {
	eachChained(t, func(t *testing.T, _ *pgtest.Database, s sqltest.Session, _ bool) {
		ids := 0
		insert := func(rows int) {
			s.Do(fmt.Sprintf("INSERT INTO docs (id, tenant, total) SELECT %d + i, 'a', i FROM generate_series(1, %d) AS i", ids, rows))
			ids += rows
		}
		const follows = "SELECT count(*) FROM docs AS d JOIN gapless.link AS l ON l.name = 'doc/a' AND l.value = $1 WHERE d.id = $2 AND d.previous_hash = l.hash"
		s.Do("CREATE TABLE kept (LIKE docs)")
		insert(6)
		require.EqualValues(t, 3, s.Number("SELECT gapless.archive_gapless('doc/a', 3, 'kept elsewhere')"))
		s.Do("WITH gone AS (DELETE FROM docs WHERE id <= 3 RETURNING *) INSERT INTO kept SELECT * FROM gone")
		require.EqualValues(t, 1, s.Number(follows, 3, 4), "the first that stays has the hash of the last that left")
		sqltest.RequireSound(s)
		s.Refuse("23001", "UPDATE docs SET total = 99 WHERE id = 4")
		insert(2)
		require.EqualValues(t, 5, s.Number("SELECT gapless.archive_gapless('doc/a', 8, 'kept elsewhere')"))
		s.Do("WITH gone AS (DELETE FROM docs RETURNING *) INSERT INTO kept SELECT * FROM gone")
		insert(2)
		require.EqualValues(t, 1, s.Number(follows, 8, 9), "and so has the next one")
		sqltest.RequireSound(s)
		s.Do("INSERT INTO kept SELECT * FROM docs")
		require.Zero(t, s.Number(strings.Replace(unlinked, "FROM docs AS d", "FROM kept AS d", 1)), "the archive is a chain by itself")

		s.Do("ALTER TABLE docs DISABLE TRIGGER USER; UPDATE docs SET previous_hash = '' WHERE id = 9")
		require.Equal(t, []string{"broken 9"}, sqltest.Texts(s, "SELECT kind || ' ' || first_value FROM gapless.audit_gapless() WHERE NOT explained"))
		require.Equal(t, "gapless_unexplained", s.Refuse("55000", "SELECT gapless.archive_gapless('doc/a', 10, 'kept elsewhere')").ConstraintName)
		s.Do("UPDATE docs SET previous_hash = (SELECT l.hash FROM gapless.link AS l WHERE l.name = 'doc/a' AND l.value = 8) WHERE id = 9; ALTER TABLE docs ENABLE TRIGGER USER")
		sqltest.RequireSound(s)

		require.Equal(t, "gapless_numbered", s.Refuse("55000", "SELECT gapless.go_live_gapless('doc/a', 'the tests are over')").ConstraintName)
		s.Do("BEGIN; SELECT gapless.void_gapless_batch('doc/a', 9, 10, 'a test'); DELETE FROM docs")
		require.EqualValues(t, 10, s.Number("SELECT gapless.go_live_gapless('doc/a', 'the tests are over')"))
		s.Do("COMMIT")
		require.Zero(t, s.Number("SELECT count(*) FROM gapless.link"))
		insert(3)
		require.Equal(t, []string{"NULL"}, sqltest.Texts(s, "SELECT coalesce(previous_hash::text, 'NULL') FROM docs WHERE id = 11"))
	})
}

func TestARowThatHasNoHashIsRefused(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE docs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, total int, number bigint UNIQUE, previous_hash bytea, hash bytea)")
	s.Do("SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$, chain => $$ sha256(NEW.previous_hash || convert_to(NEW.total::text, 'UTF8')) $$)")
	pg.RequireAbout(t, s.Refuse("22004", "INSERT INTO docs (total) VALUES (1)"), "docs", "unhashed")
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.link"))
}

func TestAChainThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(`CREATE TABLE docs (id int PRIMARY KEY, total int, number bigint UNIQUE, previous_hash bytea, hash bytea, "the Hash" bytea, "it's before" bytea,
		words text, made bytea DEFAULT '', must bytea NOT NULL, twice int GENERATED ALWAYS AS (total * 2) STORED)`)
	const begin = "SELECT gapless.attach_gapless('docs', 'number', name => $$ 'doc' $$"
	for _, c := range []struct{ code, options, message string }{
		{"22023", ", chain => $$ sha256('') $$", "it does not read NEW.previous_hash, the hash of the row before"},
		{"22023", ", chain => $$ encode(NEW.previous_hash, 'hex') $$", "it is of type text, and has to be bytea"},
		{"22023", ", chain => $$ NEW.previous_hash || NEW.hash $$", "it reads a hash that the row does not have yet"},
		{"22023", ", chain => $$ sha256(NEW.previous_hash || convert_to(NEW.twice::text, 'UTF8')) $$", "computed after the triggers"},
		{"22023", ", chain => $$ sha256(NEW.previous_hash || convert_to(now()::text, 'UTF8')) $$", "it must give the same result"},
		{"22023", ", chain => $$ NEW.previous_hash $$, condition => $$ NEW.hash IS NULL $$", "it reads a hash that the row does not have yet"},
		{"42703", ", chain => $$ NEW.previous_hash $$, hash_column => 'none'", "has no column \"none\" for its chain"},
		{"55000", ", chain => $$ NEW.previous_hash $$, hash_column => 'words'", "it is of type text"},
		{"55000", ", chain => $$ NEW.previous_hash $$, hash_column => 'made'", "it has a default"},
		{"55000", ", chain => $$ NEW.must $$, previous_column => 'must'", "it is NOT NULL"},
		{"55000", ", chain => $$ NEW.hash $$, previous_column => 'hash'", "it is to have both hashes"},
	} {
		refusal := s.Refuse(c.code, begin+c.options+")")
		require.Contains(t, refusal.Message, c.message, c.options)
		require.NotEmpty(t, refusal.Hint, c.options)
	}
	s.Do("ALTER TABLE docs DROP twice")
	require.Contains(t, s.Refuse("22023", begin+", chain => $$ sha256(NEW.previous_hash || convert_to(NEW::text, 'UTF8')) $$)").Message, "it reads a hash that the row does not have yet")
	s.Do(begin + `, chain => $$ sha256(convert_to(concat_ws('|', NEW.number, NEW.total, NEW."it's before"::text), 'UTF8')) $$, hash_column => 'the Hash', previous_column => $$it's before$$)`)
	s.Do("INSERT INTO docs (id, must) VALUES (1, ''), (2, '')")
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM docs AS d JOIN docs AS p ON d."it's before" = p."the Hash"`))
	sqltest.RequireSound(s)
	require.Equal(t, []string{"the Hash, it's before"}, sqltest.Texts(s, "SELECT concat_ws(', ', hash_column, previous_column) FROM gapless.columns WHERE guarded"))
	// One that has the columns of another.
	s.Do("ALTER TABLE docs ADD other bigint UNIQUE")
	refusal := s.Refuse("55000", `SELECT gapless.attach_gapless('docs', 'other', name => $$ 'other' $$, chain => $$ NEW.previous_hash $$, hash_column => 'the Hash')`)
	require.Equal(t, "attach_chain", refusal.ConstraintName)
	// A column of it that is renamed.
	s.Do(`ALTER TABLE docs RENAME "the Hash" TO its_hash`)
	s.Refuse("55000", "INSERT INTO docs (id, must) VALUES (3, '')")
	require.Equal(t, []string{`column the Hash, which the expressions read, was renamed to its_hash`}, sqltest.Texts(s, faults))
}
