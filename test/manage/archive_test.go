package manage_test

// What archive_gapless makes of a series and its rows, and what prune_gapless does not.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// planted runs a statement past the triggers.
func planted(s sqltest.Session, statement string) {
	s.T.Helper()
	s.Do("SET session_replication_role = replica; " + statement + "; RESET session_replication_role")
}

func TestRowsOfAnArchivedSeriesLeaveAndTheAuditSaysSo(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		for _, pruned := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, pruned %t", kind, pruned), func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				number(s, c.table, c.options)
				s.Do("INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(1, 5) AS i")
				s.Do("INSERT INTO bills (id, year) VALUES (6, 2026)")
				s.Do("SELECT gapless.forward_gapless('bill/2025', 9, 'used by the tills')")
				s.Do("INSERT INTO bills (id, year) VALUES (7, 2025), (8, 2025)")
				s.Do("INSERT INTO bills (id, year) VALUES (9, 2025)")
				if pruned {
					s.Do("SELECT gapless.prune_gapless('bill/2025', 'infinity')")
				}
				s.Do("CREATE TABLE archive AS SELECT * FROM bills WHERE false")
				s.Refuse("23001", "DELETE FROM bills WHERE id = 1")
				require.EqualValues(t, 6, s.Number("SELECT gapless.archive_gapless('bill/2025', 10, 'kept elsewhere')"))
				archived := "archived 1 10 archived: kept elsewhere (6 numbers, " + s.Config().User
				findings := func() []string {
					return sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, last_value, regexp_replace(explanation, ', [^,]*$', '')) FROM gapless.audit_gapless('bill/2025') WHERE kind = 'archived'")
				}
				require.Equal(t, []string{archived}, findings())
				s.Do("WITH gone AS (DELETE FROM bills WHERE year = 2025 AND id <= 7 RETURNING *) INSERT INTO archive SELECT * FROM gone")
				require.EqualValues(t, 6, s.Number("SELECT count(*) FROM archive"))
				require.Equal(t, []string{archived}, findings())
				require.Equal(t, []string{"bill/2025 archived 1-10 explained", "bill/2025 hole 6-9 explained"}, sqltest.Findings(s))

				for _, kept := range []int{6, 8, 9} { // of another series, and newer ones
					s.Refuse("23001", "DELETE FROM bills WHERE id = $1", kept)
				}
				s.Do("INSERT INTO bills (id, year) VALUES (20, 2025)")
				require.EqualValues(t, 13, last(s, 2025))
				s.Refuse("428C9", "INSERT INTO bills (id, year, number) SELECT id, year, number FROM archive WHERE id = 1")
				require.EqualValues(t, 3, s.Number("SELECT gapless.archive_gapless('bill/2025', 13, 'the rest')"))
				s.Do("DELETE FROM bills WHERE year = 2025")
				sqltest.RequireSound(s)
				s.Do("INSERT INTO bills (id, year) VALUES (21, 2025)")
				require.EqualValues(t, 14, last(s, 2025))

				s.Do("SELECT gapless.detach_gapless('bills', 'number')")
				s.Do("INSERT INTO bills SELECT * FROM archive WHERE id IN (1, 3, 7)")
				s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill/' || NEW.year $$, condition => 'NOT NEW.draft'" + c.options + ")")
				sqltest.RequireSound(s)
				s.Do("INSERT INTO bills (id, year) VALUES (22, 2025)")
				require.EqualValues(t, 15, last(s, 2025))
				s.Do("DELETE FROM bills WHERE id IN (1, 3, 7)")
				s.Refuse("23001", "DELETE FROM bills WHERE id = 22")
				sqltest.RequireSound(s)
			})
		}
	}
}

// Holes that were there stay holes for ever, whatever leaves or is pruned later.
func TestAnArchiveExplainsWhatWasThereAndNothingElse(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		for _, when := range []string{"before", "after"} {
			t.Run(kind+", pruned "+when, func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				number(s, c.table, c.options)
				prune := func() { s.Do("SELECT gapless.prune_gapless('bill/2025', 'infinity')") }
				s.Do("INSERT INTO bills (id, year) SELECT i, 2025 FROM generate_series(1, 8) AS i")
				s.Do("INSERT INTO bills (id, year) VALUES (9, 2025)")
				s.Do("SELECT gapless.void_gapless('bill/2025', 5, 'misprinted'); DELETE FROM bills WHERE id = 5")
				planted(s, "DELETE FROM bills WHERE id IN (2, 3)")
				if when == "before" {
					prune()
				}
				require.EqualValues(t, 5, s.Number("SELECT gapless.archive_gapless('bill/2025', 8, 'kept elsewhere')"))
				planted(s, "DELETE FROM bills WHERE id = 9")
				s.Do("DELETE FROM bills WHERE year = 2025")
				if when == "after" {
					prune()
				}
				s.Do("INSERT INTO bills (id, year) VALUES (10, 2025); INSERT INTO bills (id, year) VALUES (11, 2025)")
				prune()
				require.Equal(t, []string{"hole 2 3", "hole 9 9"}, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, last_value) FROM gapless.audit_gapless() WHERE NOT explained"))
				require.Equal(t, []string{"hole 5 5 void: misprinted"}, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, last_value, split_part(explanation, ' (', 1)) FROM gapless.audit_gapless() WHERE explained AND kind <> 'archived'"))
			})
		}
	}
}

// TestPruningExplainsNothing has rows lost before and after, and says who pruned.
func TestPruningExplainsNothing(t *testing.T) {
	t.Parallel()
	for kind, c := range columns {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			number(s, c.table, c.options)
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025), (3, 2025)")
			s.Do("SELECT gapless.forward_gapless('bill/2025', 6, 'used by the tills')")
			for id := range 4 {
				s.Do("INSERT INTO bills (id, year) VALUES ($1, 2025)", id+7)
			}
			s.Do("DELETE FROM gapless.journal WHERE first_value = 8")
			planted(s, "DELETE FROM bills WHERE id IN (2, 8)")
			require.Positive(t, s.Number("SELECT gapless.prune_gapless('bill/2025', 'infinity')"))
			planted(s, "DELETE FROM bills WHERE id = 7")
			s.Do("INSERT INTO bills (id, year) VALUES (11, 2025)")
			s.Do("SELECT gapless.prune_gapless('bill/2025', 'infinity')")
			pruner := "the journal had it, until " + s.Config().User + " pruned that at"
			require.Equal(t, []string{
				"hole 2 2 " + pruner, "hole 4 6 forwarded: used by the tills", "hole 7 7 " + pruner, "hole 8 8 neither the journal nor the column has it",
			}, sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, last_value, regexp_replace(explanation, ' \\(.*$| [0-9]{4}-.*$', '')) FROM gapless.audit_gapless('bill/2025')"))
			require.EqualValues(t, 3, s.Number("SELECT count(*) FROM gapless.audit_gapless('bill/2025') WHERE NOT explained AND allocated_by IS NULL AND txid IS NULL"))
		})
	}
}

func TestAnArchiveIsRefusedWhereSomethingWrongWouldLeave(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ statement, constraint string }{
		"a number that was never issued": {"INSERT INTO bills VALUES (9, 2025, false, '2026-01-01', 9)", "gapless_unexplained"},
		"a column that was renamed":      {"ALTER TABLE bills RENAME COLUMN year TO period", "gapless_unexplained"},
		"a date that was changed":        {"UPDATE bills SET issued = '2020-01-01' WHERE id = 3", "gapless_unexplained"},
		"no row":                         {"DELETE FROM bills WHERE year = 2025", "gapless_unnumbered"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			number(s, columns["a number in date's order"].table, columns["a number in date's order"].options)
			s.Do("INSERT INTO bills (id, year) VALUES (1, 2025), (2, 2025), (3, 2025)")
			planted(s, c.statement)
			require.Equal(t, c.constraint, s.Refuse("55000", "SELECT gapless.archive_gapless('bill/2025', 3, 'why')").ConstraintName)
			require.Zero(t, s.Number("SELECT count(*) FROM gapless.decision"))
		})
	}
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SELECT gapless.next_gapless('a')")
	require.Equal(t, "gapless_unattached", s.Refuse("55000", "SELECT gapless.archive_gapless('a', 1, 'why')").ConstraintName)
	require.Equal(t, "last", s.Refuse("22023", "SELECT gapless.archive_gapless('a', 2, 'why')").ColumnName)
	require.Equal(t, "last", s.Refuse("22023", "SELECT gapless.archive_gapless('none', 2, 'why')").ColumnName)
}

// A partition is detached, and dropped or emptied. So is what was there before the column was attached.
func TestAnArchivedPartitionIsDetachedAndDropped(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", ", at_commit => true"} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("CREATE TABLE bills (id int, year int, number bigint, PRIMARY KEY (id, year), UNIQUE (year, number)) PARTITION BY LIST (year)")
			s.Do("CREATE TABLE bills_2024 PARTITION OF bills FOR VALUES IN (2024); CREATE TABLE bills_2025 PARTITION OF bills FOR VALUES IN (2025)")
			s.Do("INSERT INTO bills VALUES (1, 2024, 5), (2, 2024, 7)")
			s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill/' || NEW.year $$" + options + ")")
			s.Do("INSERT INTO bills (id, year) VALUES (3, 2024), (4, 2025), (5, 2025)")
			s.Do("SELECT gapless.archive_gapless('bill/2024', 8, 'dropped')")
			s.Do("ALTER TABLE bills DETACH PARTITION bills_2024")
			s.Do("DELETE FROM bills_2024 WHERE id = 3")
			s.Do("DROP TABLE bills_2024")
			require.Equal(t, []string{"bill/2024 archived 5-8 explained", "bill/2024 hole 6-6 explained"}, sqltest.Findings(s))
			s.Do("ALTER TABLE bills DETACH PARTITION bills_2025")
			s.Refuse("23001", "DELETE FROM bills_2025 WHERE id = 4")
			s.Do("SELECT gapless.archive_gapless('bill/2025', 1, 'some')")
			s.Do("DELETE FROM bills_2025 WHERE id = 4")
			s.Refuse("23001", "DELETE FROM bills_2025 WHERE id = 5")
			sqltest.RequireSound(s)
		})
	}
}

// TestATextThatLeavesIsFoundByItsValueInTheJournal has texts that tell their number and texts that do not, in every place of a journal.
func TestATextThatLeavesIsFoundByItsValueInTheJournal(t *testing.T) {
	t.Parallel()
	for what, format := range map[string]string{
		"digits": "'R' || value", "glued": "'R24' || lpad(value::text, 3, '0')", "letters": "translate(value::text, '0123456789', 'ABCDEFGHIJ')", "reversed": "reverse(value::text) || '-'",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("CREATE TABLE t (id int PRIMARY KEY, number text UNIQUE)")
			s.Do("INSERT INTO t SELECT 1000 + value, " + format + " FROM generate_series(1, 3) AS value")
			s.Do("SELECT gapless.attach_gapless('t', 'number', $$ 'a' $$, initial => 4, format => $1)", format)
			for i := range 3 {
				s.Do("INSERT INTO t SELECT i FROM generate_series($1::int, $2::int) AS i", 10*i+1, 10*i+5)
				s.Do("INSERT INTO t VALUES ($1)", 10*i+6)
				s.Do("SELECT gapless.forward_gapless('a', gapless.last_gapless('a') + 3, 'why')")
			}
			s.Do("SELECT gapless.archive_gapless('a', gapless.last_gapless('a') - 4, 'why')")
			issued := sqltest.Texts(s, "SELECT number FROM t WHERE id < 1000 ORDER BY id")
			require.Len(t, issued, 18)
			for _, number := range issued[:17] {
				s.Do("DELETE FROM t WHERE number = $1", number)
			}
			s.Refuse("23001", "DELETE FROM t WHERE number = $1", issued[17])
			if what == "letters" { // which tell no number
				s.Refuse("23001", "DELETE FROM t WHERE id > 1000")
			} else {
				s.Do("DELETE FROM t WHERE id > 1000")
			}
			sqltest.RequireSound(s)
		})
	}
}

// TestWhoMeetsAnArchive has the archive wait for an INSERT, and a DELETE come with an older snapshot.
func TestWhoMeetsAnArchive(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			number(one, "number bigint, UNIQUE (year, number))", "")
			one.Do("INSERT INTO bills (id, year) VALUES (1, 2025)")
			two.Do("BEGIN ISOLATION LEVEL " + level)
			require.EqualValues(t, 1, two.Number("SELECT count(*) FROM bills"))
			one.Do("BEGIN; INSERT INTO bills (id, year) VALUES (2, 2025)")
			done := two.LaterNumber("SELECT gapless.archive_gapless('bill/2025', 1, 'why')")
			sqltest.AwaitWaiter(t, observer, two.PID())
			one.Do("COMMIT")
			r := <-done
			require.NoError(t, r.Err)
			require.EqualValues(t, 1, r.Value)
			one.Do("BEGIN ISOLATION LEVEL " + level)
			one.Do("SELECT count(*) FROM bills")
			two.Do("COMMIT")
			code, _ := one.Try("DELETE FROM bills WHERE id = 1")
			one.Do("ROLLBACK")
			if level == "READ COMMITTED" {
				require.Empty(t, code)
			} else {
				require.Contains(t, []string{"23001", "40001"}, code)
			}
			one.Do("DELETE FROM bills WHERE id = 1")
			one.Refuse("23001", "DELETE FROM bills WHERE id = 2")
			sqltest.RequireSound(one)
		})
	}
}
