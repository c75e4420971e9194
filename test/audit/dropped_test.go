package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// What is said of series whose table is gone.

const notRead = "SELECT concat_ws(' ', sequence, attached_column, kind, first_value, last_value, explained) FROM gapless.audit_gapless(with_series => true)"

// TestSeriesWhoseTableWasDroppedAreNotRead, until the table is back, or each number has a reason; whoever detached before says so.
func TestSeriesWhoseTableWasDroppedAreNotRead(t *testing.T) {
	t.Parallel()
	s := newYears(t)
	s.Do("INSERT INTO years (y) VALUES (2025); DROP TABLE years")
	require.Equal(t, []string{"year/2025 public.years.number not read 1 3 f", "year/2026 public.years.number not read 1 1 f"}, sqltest.Texts(s, notRead))
	for _, arguments := range []string{"'year/2025'", "pattern => '%25'"} {
		require.Equal(t, []string{"not read"}, sqltest.Texts(s, "SELECT kind FROM gapless.audit_gapless("+arguments+")"), arguments)
	}
	s.Do("SELECT * FROM gapless.record_audit_gapless()")
	require.Equal(t, []string{"not read 0 2"}, sqltest.Texts(s, "SELECT concat_ws(' ', result, unexplained, not_read) FROM gapless.audits"))

	s.Do("SELECT gapless.void_gapless_batch('year/2025', 1, 2, 'the archive burnt')")
	require.Equal(t, []string{"year/2025 void 1 2 t", "year/2025 public.years.number not read 3 3 f", "year/2026 public.years.number not read 1 1 f"}, sqltest.Texts(s, notRead))
	s.Do("SELECT gapless.void_gapless('year/2025', 3, 'the archive burnt')")
	require.Equal(t, []string{"year/2025 series 1 3 t", "year/2025 void 1 2 t", "year/2025 void 3 3 t", "year/2026 public.years.number not read 1 1 f"}, sqltest.Texts(s, notRead))

	s.Do("CREATE TABLE years (y int NOT NULL, number bigint NOT NULL, UNIQUE (y, number)); INSERT INTO years VALUES (2026, 1)") // as a backup had it
	s.Do("SELECT gapless.attach_gapless('years', 'number', name => $$ 'year/' || NEW.y $$)")
	require.Empty(t, sqltest.Texts(s, unexplained))
}

// TestSeriesWhoseRowsMightLeaveAreSound when their table is dropped: archived ones, and what a detached column had.
func TestSeriesWhoseRowsMightLeaveAreSound(t *testing.T) {
	t.Parallel()
	s := newYears(t)
	s.Do("SELECT gapless.archive_gapless('year/2025', 2, 'ten years have passed'); DROP TABLE years")
	require.Equal(t, []string{"year/2026 public.years.number not read 1 1 f"}, sqltest.Texts(s, notRead+" WHERE NOT explained"))

	detached := newYears(t)
	detachYears(detached)
	detached.Do("DROP TABLE years")
	require.Empty(t, sqltest.Texts(detached, unexplained))
}

// TestAdoptedNumbersWhoseTableWasDroppedAreNotRead: its rows had them.
func TestAdoptedNumbersWhoseTableWasDroppedAreNotRead(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE bills (number bigint UNIQUE); INSERT INTO bills VALUES (7), (8)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$)")
	s.Do("INSERT INTO bills VALUES (NULL); SELECT gapless.prune_gapless('bill', 'infinity'); DROP TABLE bills; DROP FUNCTION bills_number_gapless_update CASCADE")
	require.Equal(t, []string{"bill not read 8 9 f"}, sqltest.Texts(s, notRead), "nobody knows the table's name")
}
