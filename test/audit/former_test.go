package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

const unexplained = "SELECT concat_ws(' ', sequence, kind, first_value, last_value, split_part(explanation, ' (', 1)) FROM gapless.audit_gapless() WHERE NOT explained"

func newYears(t *testing.T) sqltest.Session {
	t.Helper()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE years (y int NOT NULL, number bigint NOT NULL, UNIQUE (y, number))")
	s.Do("SELECT gapless.attach_gapless('years', 'number', name => $$ 'year/' || NEW.y $$)")
	s.Do("INSERT INTO years (y) VALUES (2025), (2025), (2026)")
	return s
}

func detachYears(s sqltest.Session) { s.Do("SELECT gapless.detach_gapless('years', 'number')") }

// TestASeriesThatLostItsRowsBetweenDetachAndAttachIsMissed, whether it lost all of them or the table did.
func TestASeriesThatLostItsRowsBetweenDetachAndAttachIsMissed(t *testing.T) {
	t.Parallel()
	for lost, want := range map[string][]string{
		"DELETE FROM years WHERE y = 2025": {"year/2025 hole 1 2 the journal has it, and no row"},
		"TRUNCATE years":                   {"year/2025 hole 1 2 the journal has it, and no row", "year/2026 hole 1 1 the journal has it, and no row"},
	} {
		s := newYears(t)
		s.Do("BEGIN")
		detachYears(s)
		s.Do(lost)
		s.Do("SELECT gapless.attach_gapless('years', 'number', name => $$ 'year/' || NEW.y $$)")
		s.Do("COMMIT")
		require.Equal(t, want, sqltest.Texts(s, unexplained), lost)
		s.Do("INSERT INTO years (y) VALUES (2025)")
		require.EqualValues(t, 3, s.Number("SELECT number FROM years WHERE y = 2025"), "it goes on")
		require.Equal(t, want, sqltest.Texts(s, unexplained), lost)
	}
}

// TestARowThatWasMissingAtDetachStaysMissing, whatever the column is attached by afterwards, until its number is void.
func TestARowThatWasMissingAtDetachStaysMissing(t *testing.T) {
	t.Parallel()
	s := newYears(t)
	s.Do("INSERT INTO years (y) VALUES (2025)")
	behind(s, "DELETE FROM years WHERE y = 2025 AND number = 2")
	require.Equal(t, []string{"year/2025 hole 2 2 the journal has it, and no row"}, sqltest.Texts(s, unexplained))
	detachYears(s)
	missing := []string{"year/2025 hole 2 2 the journal has it, and no row had it when column public.years.number was detached"}
	require.Equal(t, missing, sqltest.Texts(s, unexplained))
	s.Do("SELECT gapless.attach_gapless('years', 'number', name => $$ 'other/' || NEW.y $$)")
	require.Equal(t, missing, sqltest.Texts(s, unexplained))
	require.Equal(t, []string{"1"}, sqltest.Texts(s, "SELECT details ->> 'missing' FROM gapless.audit_gapless('year/2025', with_series => true) WHERE kind = 'series'"))
	s.Do("SELECT gapless.void_gapless('year/2025', 2, 'found in the archive')")
	require.Empty(t, sqltest.Texts(s, unexplained))
}

// TestSeriesByAnotherNameAreNotMissed: the rows have their numbers of another series now.
func TestSeriesByAnotherNameAreNotMissed(t *testing.T) {
	t.Parallel()
	s := newYears(t)
	detachYears(s)
	s.Do("SELECT gapless.attach_gapless('years', 'number', name => $$ CASE NEW.y WHEN 2026 THEN 'year/2026' ELSE 'old/' || NEW.y END $$)")
	require.Empty(t, sqltest.Texts(s, unexplained))
}

// TestASeriesThatWasUsedByHandSinceIsLeftToWhoeverDid: its numbers since are of no row.
func TestASeriesThatWasUsedByHandSinceIsLeftToWhoeverDid(t *testing.T) {
	t.Parallel()
	s := newYears(t)
	detachYears(s)
	s.Do("SELECT gapless.next_gapless('year/2025')")
	s.Do("DELETE FROM years WHERE y = 2025")
	s.Do("SELECT gapless.attach_gapless('years', 'number', name => $$ 'year/' || NEW.y $$)")
	require.Empty(t, sqltest.Texts(s, unexplained))
	require.EqualValues(t, 4, s.Number("SELECT gapless.next_gapless('year/2025')"))
}

func TestAColumnThatIsArchivedBeforeItsRowsLeaveMissesNothing(t *testing.T) {
	t.Parallel()
	s := newYears(t)
	s.Do("SELECT gapless.archive_gapless('year/2025', 2, 'closed')")
	detachYears(s)
	s.Do("DELETE FROM years WHERE y = 2025")
	s.Do("SELECT gapless.attach_gapless('years', 'number', name => $$ 'year/' || NEW.y $$)")
	require.Empty(t, sqltest.Texts(s, unexplained))
}

// TestPruningExplainsNothing: what was missing before stays so.
func TestPruningExplainsNothing(t *testing.T) {
	t.Parallel()
	s := newYears(t)
	s.Do("INSERT INTO years (y) SELECT 2025 FROM generate_series(3, 6)")
	behind(s, "DELETE FROM years WHERE y = 2025 AND number = 2")
	s.Do("INSERT INTO years (y) VALUES (2025)")
	s.Do("SELECT gapless.prune_gapless('year/2025', 'infinity')")
	found := sqltest.Texts(s, "SELECT concat_ws(' ', kind, first_value, last_value, explanation) FROM gapless.audit_gapless() WHERE NOT explained")
	require.Len(t, found, 1)
	require.Regexp(t, `^hole 2 2 the journal had it, until \S.* pruned that at .*, and no row has it$`, found[0])
}

// TestRenamedTablesAreNotRead, and what was not read is neither sound nor a hole.
func TestRenamedTablesAreNotRead(t *testing.T) {
	t.Parallel()
	s := newYears(t)
	s.Do("ALTER TABLE years RENAME COLUMN y TO year")
	for _, arguments := range []string{"", "'year/2025'", "pattern => 'year/%'", "target => 'years'"} {
		require.Equal(t, []string{"not read  f public.years.number"}, sqltest.Texts(s, "SELECT concat_ws(' ', kind, sequence, left(explained::text, 1), attached_column) FROM gapless.audit_gapless("+arguments+")"), arguments)
	}
	require.Equal(t, []string{"not read"}, sqltest.Texts(s, "SELECT kind FROM gapless.audit_gapless(with_series => true)"), "its series were not compared")
}
