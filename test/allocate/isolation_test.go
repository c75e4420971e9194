package allocate_test

import (
	"fmt"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestAnOutdatedSnapshotIsASerializationFailure has a transaction take its snapshot, another one change the sequence
// and commit, and then the first touch the sequence.
func TestAnOutdatedSnapshotIsASerializationFailure(t *testing.T) {
	t.Parallel()
	changes := map[string]struct {
		first bool // the sequence does not exist yet
		sql   string
	}{
		"made":       {true, "SELECT gapless.next_gapless('a')"},
		"adopted":    {true, "SELECT gapless.adopt_gapless('a', 5)"},
		"allocated":  {false, "SELECT gapless.next_gapless('a')"},
		"batch":      {false, "SELECT gapless.next_gapless_batch('a', 5)"},
		"moved on":   {false, "SELECT gapless.adopt_gapless('a', 100)"},
		"pruned":     {false, "SELECT gapless.prune_gapless('a', 'infinity')"},
		"deleted":    {false, "SELECT gapless.delete_gapless('a')"},
		"remade":     {false, "SELECT gapless.delete_gapless('a'), gapless.next_gapless('a')"},
		"batch back": {false, "SELECT gapless.next_gapless_batch('a', 5), gapless.prune_gapless('a', 'infinity')"},
	}
	touches := map[string]string{
		"next":   "SELECT gapless.next_gapless('a')",
		"nowait": "SELECT gapless.next_gapless('a', nowait => true)",
		"batch":  "SELECT gapless.next_gapless_batch('a', 3)",
		"adopt":  "SELECT gapless.adopt_gapless('a', 1000)",
	}
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		for changed, change := range changes {
			t.Run(fmt.Sprintf("%s, %s", level, changed), func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
				for touched, touch := range touches {
					one.Do("SELECT gapless.delete_gapless('a')")
					if !change.first {
						one.Do("SELECT gapless.next_gapless('a'), gapless.next_gapless('a')")
					}
					two.Do("BEGIN ISOLATION LEVEL " + level)
					two.Do("SELECT count(*) FROM gapless.sequence_lock") // takes the snapshot
					one.Do(change.sql)
					err := two.Refuse("40001", touch)
					require.NotEmpty(t, err.Message, touched)
					two.Do("ROLLBACK")
					two.Do(touch) // and the retry succeeds
				}
			})
		}
	}
}

// TestWaitingUnderEachIsolationLevel has one transaction wait for another's end.
func TestWaitingUnderEachIsolationLevel(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		for _, first := range []bool{true, false} {
			for _, end := range []string{"COMMIT", "ROLLBACK"} {
				t.Run(fmt.Sprintf("%s, first %t, %s", level, first, end), func(t *testing.T) {
					t.Parallel()
					database := pgtest.New(t)
					one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
					last := int64(0)
					if !first {
						last = one.Number("SELECT gapless.next_gapless('a')")
					}
					one.Do("BEGIN ISOLATION LEVEL " + level)
					require.Equal(t, last+1, one.Number("SELECT gapless.next_gapless('a')"))
					two.Do("BEGIN ISOLATION LEVEL " + level)
					done := two.LaterNumber("SELECT gapless.next_gapless('a')")
					sqltest.AwaitWaiter(t, observer, two.PID())
					one.Do(end)
					r := <-done
					switch {
					case end == "ROLLBACK":
						require.NoError(t, r.Err)
						require.Equal(t, last+1, r.Value)
						two.Do("COMMIT")
					case level == "READ UNCOMMITTED" || level == "READ COMMITTED":
						require.NoError(t, r.Err)
						require.Equal(t, last+2, r.Value)
						two.Do("COMMIT")
					default:
						sqltest.RequireCode(t, "40001", r.Err)
						two.Do("ROLLBACK")
						require.Equal(t, last+2, two.Number("SELECT gapless.next_gapless('a')"))
					}
				})
			}
		}
	}
}

func TestOneTransactionAtEachLevelSeesItsOwnValues(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Connect(t, pgtest.New(t))
			s.Do("BEGIN ISOLATION LEVEL " + level)
			require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('a')"))
			require.Equal(t, []int64{2, 3}, s.Numbers("SELECT gapless.next_gapless_batch('a', 2)"))
			require.EqualValues(t, 3, s.Number("SELECT gapless.last_gapless('a')"))
			s.Do("SELECT gapless.prune_gapless('a', 'infinity')")
			s.Do("SELECT gapless.adopt_gapless('a', 10)")
			require.EqualValues(t, 11, s.Number("SELECT gapless.next_gapless('a')"))
			s.Do("SELECT gapless.delete_gapless('a')")
			require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('a')"))
			s.Do("COMMIT")
			require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless('a')"))
		})
	}
}

// TestADeletedSequenceLeavesNoVoidBehind has the void come after the deletion's snapshot: the next sequence of that name
// would have a number that is void before it is issued.
func TestADeletedSequenceLeavesNoVoidBehind(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("SELECT gapless.next_gapless_batch('a', 3)")
			two.Do("BEGIN ISOLATION LEVEL " + level)
			two.Do("SELECT count(*) FROM gapless.sequence_lock") // takes the snapshot
			one.Do("SELECT gapless.void_gapless('a', 2, 'misprinted'), gapless.void_gapless('a', 3, 'misprinted')")
			two.Refuse("40001", "SELECT gapless.delete_gapless('a')")
			two.Do("ROLLBACK")
			two.Do("SELECT gapless.delete_gapless('a')")
			one.Do("SELECT gapless.next_gapless_batch('a', 3)")
			require.Zero(t, one.Number("SELECT count(*) FROM gapless.audit_gapless('a')"))
		})
	}
}
