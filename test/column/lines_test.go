package column_test

// Drafts that are issued while others write the lines that reference them.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

// linesKinds are how drafts with lines are numbered, as options of attach.
var linesKinds = map[string]string{
	"early":                        "",
	"early, text":                  ", format => $$ NEW.tenant || '/' || value $$",
	"early, text for none":         ", format => $$ NEW.tenant || '/' || value $$, unnumbered => '-'",
	"at commit":                    ", at_commit => true",
	"at commit, text for none":     ", at_commit => true, format => $$ NEW.tenant || '/' || value $$, unnumbered => '-'",
	"partitioned, early":           "",
	"partitioned, early, text":     ", format => $$ NEW.tenant || '/' || value $$",
	"partitioned, at commit":       ", at_commit => true",
	"partitioned, at commit, text": ", at_commit => true, format => $$ NEW.tenant || '/' || value $$",
}

const (
	partialIndex = "CREATE UNIQUE INDEX inv_number ON inv (tenant, year, number) WHERE "
	fullIndex    = "ALTER TABLE inv ADD CONSTRAINT inv_number UNIQUE (tenant, year, number)"
)

// createInv makes a table of drafts and one of their lines, with a unique index of the number.
func createInv(s sqltest.Session, kind, index string) {
	s.T.Helper()
	kindOf := map[bool]string{true: "text", false: "bigint"}[strings.Contains(kind, "text")]
	numbered := "number IS NOT NULL"
	if strings.Contains(kind, "none") {
		kindOf += " DEFAULT '-'"
		numbered = "number <> '-'"
	}
	s.Do("CREATE TABLE inv (id bigint, year int DEFAULT 2026, tenant text DEFAULT 'a', status text DEFAULT 'draft', number " + kindOf + ", PRIMARY KEY (id, year))" +
		map[bool]string{true: " PARTITION BY LIST (year); CREATE TABLE inv_2026 PARTITION OF inv FOR VALUES IN (2026); CREATE TABLE inv_rest PARTITION OF inv DEFAULT"}[strings.HasPrefix(kind, "partitioned")])
	s.Do("CREATE TABLE line (inv bigint, year int DEFAULT 2026, memo text, FOREIGN KEY (inv, year) REFERENCES inv)")
	if index == partialIndex {
		index += numbered
	}
	s.Do(index)
	s.Do("INSERT INTO inv (id) SELECT generate_series(1, 20)")
}

func attachInv(kind, options string) string {
	return "SELECT gapless.attach_gapless('inv', 'number', name => $$ 'inv/' || NEW.tenant || coalesce(NEW.year, 0) $$, condition => $$ NEW.status <> 'draft' $$" + linesKinds[kind] + options + ")"
}

const issue = "UPDATE inv SET status = 'issued' WHERE id = $1 RETURNING id"

// issueWhileALineIsWritten has one clerk write a line of a draft, and another one issue that draft, to the end.
func issueWhileALineIsWritten(database *pgtest.Database, s sqltest.Session, id int) error {
	one, two := sqltest.Connect(s.T, database), sqltest.Connect(s.T, database)
	one.Do("BEGIN")
	one.Do("INSERT INTO line (inv) VALUES ($1)", id)
	result := sqltest.OrWaits(s, two.PID(), two.LaterNumber(issue, id))
	one.Do("COMMIT")
	return result.Err
}

func TestADraftIsIssuedWhileLinesOfItAreWritten(t *testing.T) {
	t.Parallel()
	for kind := range linesKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			createInv(s, kind, partialIndex)
			s.Do(attachInv(kind, ""))
			require.NoError(t, issueWhileALineIsWritten(database, s, 3))
			pg.RequireDense(s, "inv")
			require.EqualValues(t, 1, s.Number("SELECT count(*) FROM inv WHERE number::text <> '-'"))

			// Two clerks write lines of each other's draft, and issue their own.
			one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
			for _, clerk := range []sqltest.Session{one, two} {
				clerk.Do("BEGIN")
				clerk.Do("INSERT INTO line (inv) VALUES (5), (6)")
			}
			one.Do("UPDATE inv SET status = 'issued' WHERE id = 5")
			issued := two.LaterNumber(issue, 6)
			if strings.Contains(kind, "early") {
				sqltest.AwaitWaiter(t, s, two.PID()) // of the same sequence: for its number
			} else {
				require.NoError(t, sqltest.OrWaits(s, two.PID(), issued).Err)
			}
			one.Do("INSERT INTO line (inv) VALUES (6)")
			one.Do("COMMIT")
			if strings.Contains(kind, "early") {
				require.NoError(t, (<-issued).Err)
			}
			two.Do("COMMIT")
			require.EqualValues(t, 3, s.Number("SELECT count(*) FROM inv WHERE number::text <> '-'"))
			sqltest.RequireSound(s)
		})
	}
}

// TestClerksThatWriteLinesAndIssueNeverDeadlock: nothing is run again.
func TestClerksThatWriteLinesAndIssueNeverDeadlock(t *testing.T) {
	t.Parallel()
	for kind := range linesKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			createInv(s, kind, partialIndex)
			s.Do(attachInv(kind, ""))
			s.Do("INSERT INTO inv (id) SELECT generate_series(21, 120)")
			var clerks errgroup.Group
			for clerk := range 4 {
				c := sqltest.Connect(t, database)
				clerks.Go(func() error {
					for i := range 25 {
						err := pgx.BeginFunc(c.Ctx, c.Conn, func(tx pgx.Tx) error {
							_, err := tx.Exec(c.Ctx, "INSERT INTO line (inv) SELECT 1 + ($1::int * 7 + k * 11) % 120 FROM generate_series(1, 8) AS k", i+clerk)
							if err != nil {
								return err
							}
							_, err = tx.Exec(c.Ctx, "UPDATE inv SET status = 'issued' WHERE id = $1", 1+i*4+clerk)
							return err
						})
						if err != nil {
							return err
						}
					}
					return nil
				})
			}
			require.NoError(t, clerks.Wait())
			pg.RequireDense(s, "inv")
			require.EqualValues(t, 100, s.Number("SELECT count(*) FROM inv WHERE number::text <> '-'"))
		})
	}
}

// withNotices is a session, and what the server has said to it besides results.
func withNotices(t *testing.T, database *pgtest.Database) (s sqltest.Session, notices *[]*pgconn.Notice) {
	t.Helper()
	notices = new([]*pgconn.Notice)
	return sqltest.Connect(t, database, func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
			if strings.Contains(notice.Message, "unique index") {
				*notices = append(*notices, notice)
			}
		}
	}), notices
}

// TestAttachTellsOfAnIndexThatMakesIssuingWait, and its hint, or make_index, mends it in a table with rows.
func TestAttachTellsOfAnIndexThatMakesIssuingWait(t *testing.T) {
	t.Parallel()
	for kind := range linesKinds {
		if strings.Contains(kind, "none") {
			continue // a unique index of all rows cannot be
		}
		for _, byHand := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, %t", kind, byHand), func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				s, notices := withNotices(t, database)
				createInv(s, kind, fullIndex)
				s.Do("INSERT INTO inv VALUES (100, 2026, 'a', 'issued', " + map[bool]string{true: "'a/1'", false: "1"}[strings.Contains(kind, "text")] + ")")
				s.Do(attachInv(kind, ""))
				require.Len(t, *notices, 1)
				require.Equal(t, "WARNING", (*notices)[0].Severity)
				require.Contains(t, (*notices)[0].Message, "unique index public.inv_number has rows without a number")
				require.ErrorIs(t, issueWhileALineIsWritten(database, s, 3), sqltest.ErrWaits)

				if byHand {
					_, statements, found := strings.Cut((*notices)[0].Hint, "BEGIN; ")
					require.True(t, found)
					s.Do("BEGIN; " + statements)
				} else {
					s.Do(attachInv(kind, ", make_index => true"))
				}
				*notices = nil
				s.Do(attachInv(kind, ", make_index => true"))
				s.Do(attachInv(kind, ""))
				require.Empty(t, *notices)
				require.EqualValues(t, 1, s.Number("SELECT count(*) FROM pg_indexes WHERE indexname = 'inv_number' AND indexdef LIKE 'CREATE UNIQUE INDEX inv_number ON % (tenant, year, number) WHERE (number IS NOT NULL)'"))
				require.NoError(t, issueWhileALineIsWritten(database, s, 4))
				require.EqualValues(t, 3, s.Number("SELECT count(number) FROM inv"))
				sqltest.RequireSound(s)
			})
		}
	}
}

func TestAttachSaysOnceThatAnIndexWouldMakeIssuingWait(t *testing.T) {
	t.Parallel()
	s, notices := withNotices(t, pgtest.New(t))
	s.Do("CREATE TABLE inv (id bigint PRIMARY KEY, issued boolean, number bigint UNIQUE, UNIQUE (id, number))")
	const attach = "SELECT gapless.attach_gapless('inv', 'number', name => $$ 'inv' $$, condition => 'NEW.issued')"
	for range 2 {
		s.Do(attach)
		require.Len(t, *notices, 2)
		require.Equal(t, "NOTICE", (*notices)[0].Severity)
	}
	*notices = nil
	s.Do("CREATE TABLE line (inv bigint REFERENCES inv)")
	s.Do(attach)
	require.Len(t, *notices, 2, "one for each of the indexes")
	require.Equal(t, "WARNING", (*notices)[0].Severity)

	// Numbers that INSERT gives wait for nobody: the row is not there yet.
	*notices = nil
	s.Do("SELECT gapless.detach_gapless('inv', 'number')")
	s.Do("SELECT gapless.attach_gapless('inv', 'number', name => $$ 'inv' $$, make_index => true)")
	require.Empty(t, *notices)
	require.EqualValues(t, 3, s.Number("SELECT count(*) FROM pg_indexes WHERE tablename = 'inv' AND indexdef NOT LIKE '%WHERE%'"))
}

// TestAttachSaysWhyAnIndexHasToKeepAllRows: what references the number, or replicates by it, needs every row.
func TestAttachSaysWhyAnIndexHasToKeepAllRows(t *testing.T) {
	t.Parallel()
	for why, statement := range map[string]string{
		"it is what a foreign key references: payment_number_fkey of table public.payment": "CREATE TABLE payment (number text REFERENCES inv (number))",
		"it is the replica identity": "ALTER TABLE inv REPLICA IDENTITY USING INDEX inv_number_key",
		"it is the primary key":      "ALTER TABLE inv DROP CONSTRAINT inv_number_key, ADD PRIMARY KEY (number, id)",
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			s, notices := withNotices(t, pgtest.New(t))
			s.Do("CREATE TABLE inv (id bigint UNIQUE, issued boolean, number text NOT NULL DEFAULT '-')")
			s.Do("ALTER TABLE inv ADD UNIQUE (number)")
			s.Do(statement)
			s.Do("CREATE UNIQUE INDEX ON inv (number) WHERE number <> '-'; CREATE TABLE line (inv bigint REFERENCES inv (id))")
			const attach = "SELECT gapless.attach_gapless('inv', 'number', name => $$ 'inv' $$, format => 'value::text', condition => 'NEW.issued', unnumbered => '-'"
			err := s.Refuse("55000", attach+", make_index => true)")
			require.Contains(t, err.Message, why)
			require.NotEmpty(t, err.Hint)
			require.Equal(t, "attach_index", err.ConstraintName)
			*notices = nil
			s.Do(attach + ")")
			require.Len(t, *notices, 1)
			require.Equal(t, "It cannot leave them out: "+why+".", (*notices)[0].Hint)
		})
	}
}

// TestAnIndexThatIsMadeIsLikeTheOneBefore but for the rows that it leaves out.
func TestAnIndexThatIsMadeIsLikeTheOneBefore(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(`CREATE SCHEMA "Shop"; CREATE TABLE "Shop"."In ""v" (id bigint PRIMARY KEY, issued boolean, "Tenant" text, "the Number" bigint, memo text)`)
	s.Do(`CREATE UNIQUE INDEX "of all" ON "Shop"."In ""v" ("Tenant" COLLATE "C" text_pattern_ops DESC, "the Number") INCLUDE (memo) WITH (fillfactor = 70) TABLESPACE pg_default`)
	s.Do(`ALTER TABLE "Shop"."In ""v" ADD CONSTRAINT "a key" UNIQUE ("the Number", "Tenant") DEFERRABLE`)
	s.Do(`SELECT gapless.attach_gapless('"Shop"."In ""v"', 'the Number', name => 'NEW."Tenant"', condition => 'NEW.issued', make_index => true)`)
	require.Equal(t, []string{
		`CREATE UNIQUE INDEX "a key" ON "Shop"."In ""v" USING btree ("the Number", "Tenant") WHERE ("the Number" IS NOT NULL)`,
		`CREATE UNIQUE INDEX "of all" ON "Shop"."In ""v" USING btree ("Tenant" COLLATE "C" text_pattern_ops DESC, "the Number") INCLUDE (memo) WITH (fillfactor='70') WHERE ("the Number" IS NOT NULL)`,
	}, sqltest.Texts(s, `SELECT indexdef FROM pg_indexes WHERE schemaname = 'Shop' AND indexname <> 'In "v_pkey' ORDER BY indexname`))
}

// TestUpsertsWithAPartialIndex name its predicate, or no index.
func TestUpsertsWithAPartialIndex(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE inv (id bigint PRIMARY KEY, memo text, number bigint); CREATE UNIQUE INDEX ON inv (number) WHERE number IS NOT NULL")
	s.Do("SELECT gapless.attach_gapless('inv', 'number', name => $$ 'inv' $$, condition => $$ NEW.memo <> 'draft' $$)")
	require.EqualValues(t, 1, s.Number("INSERT INTO inv VALUES (1, 'a') RETURNING number"))
	require.EqualValues(t, 2, s.Number("INSERT INTO inv VALUES (1, 'again'), (2, 'b') ON CONFLICT DO NOTHING RETURNING number"))
	require.EqualValues(t, 1, s.Number("INSERT INTO inv VALUES (1, 'A') ON CONFLICT (id) DO UPDATE SET memo = excluded.memo RETURNING number"))
	require.EqualValues(t, 2, s.Number("INSERT INTO inv VALUES (9, 'B', 2) ON CONFLICT (number) WHERE number IS NOT NULL DO UPDATE SET memo = excluded.memo RETURNING number"))
	s.Refuse("42P10", "INSERT INTO inv VALUES (9, 'B', 2) ON CONFLICT (number) DO NOTHING")
	s.Do("INSERT INTO inv VALUES (3, 'draft'), (4, 'draft')")
	require.EqualValues(t, 3, s.Number("INSERT INTO inv VALUES (4, 'd') ON CONFLICT (id) DO UPDATE SET memo = excluded.memo RETURNING number"))
	require.EqualValues(t, 4, s.Number("UPDATE inv SET memo = 'c' WHERE id = 3 RETURNING number"))
	sqltest.RequireSound(s)
}

// TestNumbersUnderAPartialIndexAreTakenOver with drafts beside them; doubles that the index allows are found.
func TestNumbersUnderAPartialIndexAreTakenOver(t *testing.T) {
	t.Parallel()
	for kind := range linesKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			createInv(s, kind, partialIndex)
			number := map[bool]string{true: "tenant || '/' || id", false: "id"}[strings.Contains(kind, "text")]
			s.Do("UPDATE inv SET status = 'issued', number = " + number + " WHERE id < 5")
			s.Do("UPDATE inv SET year = 1, status = 'issued', number = " + strings.Replace(number, "id", "1", 1) + " WHERE id = 7")
			require.Contains(t, s.Refuse("23514", strings.Replace(attachInv(kind, ""), "coalesce(NEW.year, 0)", "coalesce(NEW.year, 0) % 5", 1)).Detail, "2 rows of")
			s.Do(attachInv(kind, ""))
			s.Do("UPDATE inv SET status = 'issued' WHERE id = 5")
			require.Equal(t, map[bool]string{true: "a/5", false: "5"}[strings.Contains(kind, "text")], *sqltest.Value[string](s, "SELECT number::text FROM inv WHERE id = 5"))
			sqltest.RequireSound(s)
		})
	}
}

// TestANumberIsLookedUpInAPartialIndex whatever its rows are like.
func TestANumberIsLookedUpInAPartialIndex(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE inv (id bigint PRIMARY KEY, memo text, number bigint); CREATE UNIQUE INDEX by_number ON inv (number) WHERE number IS NOT NULL")
	s.Do("SET plan_cache_mode = force_generic_plan; PREPARE find AS SELECT count(*) FROM ONLY inv AS r WHERE r.number = $1; SET enable_seqscan = off")
	require.Contains(t, strings.Join(sqltest.Texts(s, "EXPLAIN EXECUTE find (1)"), "\n"), "by_number")
}

// TestASettingDoesNotKeepAReferencedRowFromItsNumber: a foreign key's look at a row locks it, and the lock looks like an
// update.
func TestASettingDoesNotKeepAReferencedRowFromItsNumber(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	s.Do("CREATE TABLE line (invoice bigint REFERENCES invoices)")
	done := *sqltest.Value[string](s, "SELECT substring(prosrc FROM 'gapless.commit_done_[0-9]+') FROM pg_proc WHERE proname = 'invoices_number_gapless_confirm'")
	for _, expected := range []string{"", "0=", "garbage"} {
		s.Do("BEGIN")
		s.Do("INSERT INTO invoices (id, draft) SELECT count(*) + 1, false FROM invoices")
		s.Do("INSERT INTO line SELECT max(id) FROM invoices")
		s.Do("SELECT set_config($1, 'on', true), set_config('gapless.commit_expected', $2, true)", done, expected)
		s.Do("COMMIT")
	}
	require.Equal(t, []string{"1 a 1", "2 a 2", "3 a 3"}, invoiceRows(s))
	requireNothingLeft(s)
}
