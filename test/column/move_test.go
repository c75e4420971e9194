package column_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// movers are the ways in which a column numbers itself whose rows move between tenants: what follows the columns of the
// table, and the arguments of attach. Tenant 2 has a partition of its own where the table is partitioned.
var movers = map[string]struct{ table, options string }{
	"a number":           {"number bigint, UNIQUE (tenant, number))", ""},
	"a text":             {"number text, UNIQUE (tenant, number))", ", format => $$ 'T' || NEW.tenant || '-' || value $$"},
	"letters":            {"number text, UNIQUE (tenant, number))", ", format => $$ NEW.tenant || translate(value::text, '0123456789', 'ABCDEFGHIJ') $$"},
	"a number at commit": {"number bigint, UNIQUE (tenant, number))", ", at_commit => true"},
	"a text at commit":   {"number text, UNIQUE (tenant, number))", ", format => $$ 'T' || NEW.tenant || '-' || value $$, at_commit => true"},
	"a date's order":     {"number bigint, UNIQUE (tenant, number))", ", chronology => 'NEW.issued'"},
	"unnumbered":         {"number text DEFAULT '/'); CREATE UNIQUE INDEX ON bills (tenant, number) WHERE number <> '/'", ", format => $$ 'T' || NEW.tenant || '-' || value $$, unnumbered => '/'"},
	"a partition": {"number bigint, UNIQUE (tenant, number)) PARTITION BY LIST (tenant); CREATE TABLE two PARTITION OF bills FOR VALUES IN (2); CREATE TABLE rest PARTITION OF bills DEFAULT",
		""},
	"a text of a partition": {"number text, UNIQUE (tenant, number)) PARTITION BY LIST (tenant); CREATE TABLE two PARTITION OF bills FOR VALUES IN (2); CREATE TABLE rest PARTITION OF bills DEFAULT",
		", format => $$ 'T' || NEW.tenant || '-' || value $$"},
	"a partition at commit": {"number bigint, PRIMARY KEY (tenant, id), UNIQUE (tenant, number)) PARTITION BY LIST (tenant); CREATE TABLE two PARTITION OF bills FOR VALUES IN (2); CREATE TABLE rest PARTITION OF bills DEFAULT",
		", at_commit => true"},
	"one partition": {"number bigint, UNIQUE (number, tenant, id)) PARTITION BY HASH (id); CREATE TABLE part PARTITION OF bills FOR VALUES WITH (MODULUS 1, REMAINDER 0)", ""},
}

func attachMover(s sqltest.Session, kind string) {
	s.T.Helper()
	key := " PRIMARY KEY"
	if movers[kind].table[len(movers[kind].table)-1] != ')' || kind == "one partition" { // partitioned
		key = " NOT NULL"
	}
	s.Do("CREATE TABLE bills (id int" + key + ", tenant int NOT NULL, draft boolean NOT NULL DEFAULT false, issued date NOT NULL DEFAULT '2026-01-01', " + movers[kind].table)
	s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill/' || NEW.tenant $$, condition => 'NOT NEW.draft', moves => true" + movers[kind].options + ")")
}

// numbersOf are the rows of bills with what the audit reads of their numbers.
const numbersOf = "SELECT concat_ws(' ', id, tenant, coalesce((SELECT e.value FROM gapless.column_issued('bills', 'number') AS e WHERE e.number = b.number::text AND e.name = 'bill/' || b.tenant)::text, b.number::text, '-')) FROM bills AS b ORDER BY id"

func TestADocumentThatMovesIsRenumberedThereAndVoidHere(t *testing.T) {
	t.Parallel()
	for kind := range movers {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			attachMover(s, kind)
			s.Do("INSERT INTO bills (id, tenant) SELECT i, 1 FROM generate_series(1, 5) AS i")
			s.Do("INSERT INTO bills (id, tenant) VALUES (6, 2)")
			s.Do("INSERT INTO bills (id, tenant, draft) VALUES (7, 1, true)")
			moved := sqltest.Texts(s, "UPDATE bills SET tenant = 2, number = DEFAULT WHERE id = 3 RETURNING number::text")
			require.Equal(t, sqltest.Texts(s, "SELECT number::text FROM bills WHERE id = 3"), moved)
			require.Equal(t, []string{"1 1 1", "2 1 2", "3 2 2", "4 1 4", "5 1 5", "6 2 1", "7 1 -"}, asDash(sqltest.Texts(s, numbersOf)))
			require.Equal(t, []string{"bill/1 hole 3 3 void: moved to bill/2, as " + moved[0]}, sqltest.Texts(s,
				"SELECT concat_ws(' ', sequence, kind, first_value, last_value, split_part(explanation, ' (', 1)) FROM gapless.audit_gapless()"))
			sqltest.RequireSound(s)

			s.Do("BEGIN; UPDATE bills SET tenant = 3, number = DEFAULT WHERE id = 1; UPDATE bills SET tenant = 3, number = DEFAULT WHERE id = 3; SAVEPOINT a; UPDATE bills SET tenant = 1, number = DEFAULT WHERE id = 6; ROLLBACK TO a; COMMIT")
			s.Do("INSERT INTO bills (id, tenant) VALUES (8, 1), (9, 2), (10, 3)")
			sqltest.RequireSound(s)
			require.Equal(t, []string{"1 3 1", "2 1 2", "3 3 2", "4 1 4", "5 1 5", "6 2 1", "7 1 -", "8 1 6", "9 2 3", "10 3 3"}, asDash(sqltest.Texts(s, numbersOf)))

			s.Do("BEGIN; INSERT INTO bills (id, tenant) VALUES (11, 1), (12, 2); SET CONSTRAINTS ALL IMMEDIATE")
			s.Do("UPDATE bills SET tenant = 2, number = DEFAULT WHERE id = 11; INSERT INTO bills (id, tenant) VALUES (13, 1), (14, 2); COMMIT")
			sqltest.RequireSound(s)
			require.EqualValues(t, 14, s.Number("SELECT count(*) FROM bills"))

			contents := sqltest.Texts(s, "SELECT b::text FROM bills AS b ORDER BY id")
			for statement, constraint := range map[string]string{
				"UPDATE bills SET tenant = 2 WHERE id = 2":                                 "gapless_moved",
				"UPDATE bills SET number = DEFAULT WHERE id = 2":                           "gapless_changed",
				"UPDATE bills SET tenant = 2, number = 99 WHERE id = 2":                    "gapless_changed",
				"UPDATE bills SET tenant = 2, number = DEFAULT, draft = true WHERE id = 2": "gapless_changed",
			} {
				_, err := s.Exec(s.Ctx, statement)
				var refused *pgconn.PgError
				require.ErrorAs(t, err, &refused, statement)
				require.Equal(t, constraint, refused.ConstraintName, statement)
			}
			s.Do("SELECT gapless.close_gapless('bill/2', 'over')")
			s.Refuse("55000", "UPDATE bills SET tenant = 2, number = DEFAULT WHERE id = 2")
			s.Do("SELECT gapless.open_gapless('bill/2', 'not yet'), gapless.void_gapless('bill/1', 2, 'misprinted')")
			require.Equal(t, "void_pkey", s.Refuse("55000", "UPDATE bills SET tenant = 2, number = DEFAULT WHERE id = 2").ConstraintName)
			require.Equal(t, contents, sqltest.Texts(s, "SELECT b::text FROM bills AS b ORDER BY id"))
			sqltest.RequireSound(s)
			require.Equal(t, []string{"true {}"}, sqltest.Texts(s, "SELECT concat_ws(' ', moves::text, faults::text) FROM gapless.columns"))
			s.Do("SELECT gapless.prune_gapless(name, 'infinity') FROM gapless.sequences")
			s.Do("UPDATE bills SET tenant = 1, number = DEFAULT WHERE id = 3")
			sqltest.RequireSound(s)
		})
	}
}

// asDash has a row that waits for its number in any way as one without.
func asDash(rows []string) []string {
	for i, row := range rows {
		if row[len(row)-1] == '/' {
			rows[i] = row[:len(row)-1] + "-"
		}
	}
	return rows
}

// TestAMoveMeetsWhatWasDecidedOfEitherSeries has rows move into and out of series with ranges, closed ones, archived ones, and one that goes live.
func TestAMoveMeetsWhatWasDecidedOfEitherSeries(t *testing.T) {
	t.Parallel()
	const everything = `SELECT b::text FROM bills AS b UNION ALL SELECT j::text FROM gapless.journal AS j UNION ALL SELECT v::text FROM gapless.void AS v
		UNION ALL SELECT d::text FROM gapless.decision AS d UNION ALL SELECT r::text FROM gapless.number_range AS r UNION ALL SELECT s::text FROM gapless.sequences AS s ORDER BY 1`
	for kind := range movers {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			attachMover(s, kind)
			s.Do("INSERT INTO bills (id, tenant) SELECT i, 1 FROM generate_series(1, 9) AS i")
			move := func(ids string, tenant int) string {
				return fmt.Sprintf("UPDATE bills SET tenant = %d, number = DEFAULT WHERE id IN (%s)", tenant, ids)
			}
			refuse := func(code, constraint, statement string) {
				s.T.Helper()
				before := sqltest.Texts(s, everything)
				require.Equal(t, constraint, s.Refuse(code, statement).ConstraintName)
				require.Equal(t, before, sqltest.Texts(s, everything), statement)
			}
			s.Do("SELECT gapless.range_gapless('bill/2', 1, 2, 'a grant')")
			refuse("2200H", "gapless_range_end", move("1, 2, 3", 2))
			s.Do(move("1", 2))
			s.Do(move("2", 2))
			refuse("2200H", "gapless_range_end", move("3", 2))
			s.Do("SELECT gapless.range_gapless('bill/2', 11, 12, 'another', current_date, 'UTC')")
			s.Do("UPDATE gapless.number_range SET valid_until = current_date - 2, expires = now() - interval '1 day' WHERE first_value = 11")
			refuse("22023", "gapless_range_date", move("3", 2))
			s.Do("SELECT gapless.range_gapless('bill/2', 21, 29, 'the next')")
			s.Do(move("3, 4", 2))
			sqltest.RequireSound(s)
			require.Equal(t, []string{"1 2 1", "2 2 2", "3 2 21", "4 2 22", "5 1 5", "6 1 6", "7 1 7", "8 1 8", "9 1 9"}, asDash(sqltest.Texts(s, numbersOf)))

			s.Do("SELECT gapless.close_gapless('bill/1', 'over')")
			refuse("55000", "gapless_closed", move("1", 1))
			s.Do(move("5", 2))
			s.Do("SELECT gapless.close_gapless('bill/2', 'over')")
			refuse("55000", "gapless_closed", move("6", 2))
			s.Do("SELECT gapless.open_gapless('bill/1', 'again'), gapless.open_gapless('bill/2', 'again')")

			require.EqualValues(t, 4, s.Number("SELECT gapless.archive_gapless('bill/2', 22, 'kept elsewhere')"))
			s.Do("DELETE FROM bills WHERE id = 1")
			s.Do(move("2", 3))
			refuse("23001", "gapless_deleted", "DELETE FROM bills WHERE id = 2")
			sqltest.RequireSound(s)
			require.EqualValues(t, 4, s.Number("SELECT gapless.archive_gapless('bill/1', 9, 'kept elsewhere')"), "those that have moved are no rows of it")

			refuse("55000", "gapless_numbered", "SELECT gapless.go_live_gapless('bill/1', 'the tests are over')")
			s.Do("BEGIN; DELETE FROM bills WHERE id = 6")
			s.Do(move("7, 8, 9", 3))
			s.Do("SELECT gapless.go_live_gapless('bill/1', 'the tests are over'); COMMIT")
			s.Do(move("7", 1))
			s.Do(move("3", 1))
			sqltest.RequireSound(s)
			require.Equal(t, []string{"2 3 1", "3 1 2", "4 2 22", "5 2 23", "7 1 1", "8 3 3", "9 3 4"}, asDash(sqltest.Texts(s, numbersOf)))
			require.Equal(t, []string{"live 1 9"}, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, last_value) FROM gapless.audit_gapless('bill/1')"))
		})
	}
}

func TestWhoHasNotAskedForMovesHasNone(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE bills (id int PRIMARY KEY, tenant int, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill/' || NEW.tenant $$)")
	s.Do("INSERT INTO bills VALUES (1, 1), (2, 2)")
	require.Equal(t, "gapless_changed", s.Refuse("428C9", "UPDATE bills SET tenant = 2, number = DEFAULT WHERE id = 1").ConstraintName)
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.columns WHERE moves"))
	s.Do("SELECT gapless.detach_gapless('bills', 'number'); ALTER TABLE bills ADD hash bytea, ADD previous_hash bytea")
	s.Refuse("22023", "SELECT gapless.attach_gapless('bills', 'number', $$ 'bill/' || NEW.tenant $$, chain => 'NEW.previous_hash', moves => true)")
}

// The children's foreign key is to the row's primary key.
func TestTheChildrenOfADocumentThatMovesStay(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	attachMover(s, "a text")
	s.Do("CREATE TABLE lines (bill int NOT NULL REFERENCES bills, product text)")
	s.Do("INSERT INTO bills (id, tenant) VALUES (1, 1), (2, 2); INSERT INTO lines VALUES (1, 'pen'), (1, 'ink')")
	require.Equal(t, []string{"T2-2"}, sqltest.Texts(s, "UPDATE bills SET tenant = 2, number = DEFAULT WHERE id = 1 RETURNING number"))
	require.Equal(t, []string{"T2-2 ink", "T2-2 pen"}, sqltest.Texts(s, "SELECT concat_ws(' ', number, product) FROM lines JOIN bills ON bills.id = bill ORDER BY product"))
	sqltest.RequireSound(s)
}

// TestTwoMovesInOppositeDirectionsDoNotDeadlock has both lock the lesser name first.
func TestTwoMovesInOppositeDirectionsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	for kind := range movers {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			attachMover(s, kind)
			s.Do("INSERT INTO bills (id, tenant) SELECT i, 1 + i % 2 FROM generate_series(1, 4) AS i")
			workers := make([]<-chan sqltest.Result[any], 4)
			for worker := range workers {
				w := sqltest.Connect(t, database)
				workers[worker] = sqltest.Later(func() (any, error) {
					for range 25 {
						if _, err := w.Exec(w.Ctx, "UPDATE bills SET tenant = 3 - tenant, number = DEFAULT WHERE id = $1", worker+1); err != nil {
							return nil, err
						}
					}
					return nil, nil
				})
			}
			for _, done := range workers {
				require.NoError(t, (<-done).Err)
			}
			sqltest.RequireSound(s)
			require.EqualValues(t, 100, s.Number("SELECT count(*) FROM gapless.void WHERE reason LIKE 'moved to bill/%'"))
			require.EqualValues(t, 104, s.Number("SELECT sum(issued) FROM gapless.sequences"))
		})
	}
}

func TestAMoveUnderEachIsolationLevel(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
			attachMover(one, "a number")
			one.Do("INSERT INTO bills (id, tenant) VALUES (1, 1), (2, 1), (3, 2)")
			two.Do("BEGIN ISOLATION LEVEL " + level)
			two.Do("SELECT count(*) FROM bills")
			one.Do("UPDATE bills SET tenant = 2, number = DEFAULT WHERE id = 1")
			two.Refuse("40001", "UPDATE bills SET tenant = 2, number = DEFAULT WHERE id = 2")
			two.Do("ROLLBACK; BEGIN ISOLATION LEVEL " + level)
			two.Do("UPDATE bills SET tenant = 2, number = DEFAULT WHERE id = 2")
			two.Do("COMMIT")
			require.Equal(t, []string{"1 2 2", "2 2 3", "3 2 1"}, sqltest.Texts(two, numbersOf))
			sqltest.RequireSound(one)
		})
	}
}
