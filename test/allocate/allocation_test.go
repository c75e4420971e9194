package allocate_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

const longestName = 255 // bytes

func TestEveryNameOf1To255BytesIsASequenceOfItsOwn(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	names := []string{
		"a", "A", "á", "a ", " a", `it's`, `"quoted"`, `back\slash`, "%s %I $1", "line\nbreak", "'; DROP SCHEMA gapless CASCADE; --",
		"Rechnung/2026", "請求書", "🧾", "e\u0301", "\u00e9", // the last two look the same
		strings.Repeat("x", longestName), strings.Repeat("x", longestName-1), strings.Repeat("é", longestName/2) + "x",
	}
	for range 2 {
		for _, name := range names {
			s.Do("SELECT gapless.next_gapless($1)", name)
		}
	}
	for _, name := range names {
		require.EqualValues(t, 2, s.Number("SELECT gapless.last_gapless($1)", name), "%q", name)
	}
	require.EqualValues(t, len(names), s.Number("SELECT count(*) FROM gapless.sequences"))
}

// TestBadArgumentsAreRefusedAndChangeNothing has each refusal of every function that takes the argument.
func TestBadArgumentsAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("SELECT gapless.next_gapless('there')")
	snapshot := func() string {
		return *sqltest.Value[string](s, "SELECT string_agg(a::text, E'\\n' ORDER BY name, ordinal) FROM gapless.journal AS a") +
			*sqltest.Value[string](s, "SELECT string_agg(q::text, E'\\n' ORDER BY name) FROM gapless.sequence_lock AS q")
	}
	before := snapshot()

	for _, call := range []string{
		"gapless.next_gapless(%s)",
		"gapless.next_gapless(%s, nowait => true)",
		"gapless.next_gapless_batch(%s, 0)",
		"gapless.next_gapless_batch(%s, 3)",
		"gapless.last_gapless(%s)",
		"gapless.peek_gapless(%s)",
		"gapless.delete_gapless(%s)",
		"gapless.delete_gapless(%s, true)",
		"gapless.adopt_gapless(%s, 5)",
		"gapless.prune_gapless(%s, now())",
	} {
		for name, code := range map[string]string{
			"NULL":               "22004",
			"''":                 "22023",
			"repeat('x', 256)":   "22023",
			"repeat('é', 128)":   "22023", // 256 bytes, 128 characters
			"repeat('x', 10000)": "22023",
		} {
			err := s.Refuse(code, "SELECT "+fmt.Sprintf(call, name))
			pg.RequireHelpful(t, err)
			require.Equal(t, "name", err.ColumnName)
			require.Less(t, len(err.Message), 300, "a huge name does not make a huge message")
		}
	}

	for statement, code := range map[string]string{
		"SELECT gapless.next_gapless('there', 1, 1)":                       "22023",
		"SELECT gapless.next_gapless('there', 5, -5)":                      "22023",
		"SELECT gapless.next_gapless('new', 1, 0)":                         "22023",
		"SELECT gapless.next_gapless('new', NULL, 1)":                      "22023", // initial is 1
		"SELECT gapless.next_gapless('there', reset => 1, nowait => true)": "22023",
		"SELECT gapless.peek_gapless('there', 1, 1)":                       "22023",
		"SELECT gapless.peek_gapless('new', 7, 7)":                         "22023",
		"SELECT gapless.next_gapless_batch('there', 0, 1, 1)":              "22023",
		"SELECT gapless.next_gapless_batch('there', -1)":                   "22023",
		"SELECT gapless.next_gapless_batch('new', -9223372036854775808)":   "22023",
		"SELECT gapless.next_gapless_batch('there', NULL)":                 "22004",
		"SELECT gapless.adopt_gapless('there', NULL)":                      "22004",
		"SELECT gapless.adopt_gapless('there', 0)":                         "55000",
		"SELECT gapless.prune_gapless('there', NULL)":                      "22004",
		"SELECT gapless.grant_gapless(NULL)":                               "22004",
		"SELECT gapless.revoke_gapless(NULL)":                              "22004",
	} {
		pg.RequireHelpful(t, s.Refuse(code, statement))
	}
	s.Refuse("42704", "SELECT gapless.grant_gapless('no such role')")
	s.Refuse("42704", "SELECT gapless.revoke_gapless('no such role')")
	require.Equal(t, before, snapshot())
}

func TestNullForAnOptionalArgumentIsItsDefault(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless('a', NULL, NULL, NULL)"))
	require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless('a', NULL, NULL, NULL)"))
	require.EqualValues(t, 3, s.Number("SELECT gapless.peek_gapless('a', NULL, NULL)"))
	require.EqualValues(t, 1, s.Number("SELECT gapless.peek_gapless('b', NULL, NULL)"))
	require.Equal(t, []int64{3, 4}, s.Numbers("SELECT gapless.next_gapless_batch('a', 2, NULL, NULL, NULL)"))
	require.Equal(t, []int64{1, 2}, s.Numbers("SELECT gapless.next_gapless_batch('b', 2, NULL, 3, NULL)"))
	require.True(t, *sqltest.Value[bool](s, "SELECT gapless.delete_gapless('a', NULL)"))
}

func TestABatchWrapsAtResetAsOftenAsNeeded(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	require.Equal(t, []int64{1, 2, 3, 1, 2, 3, 1}, s.Numbers("SELECT gapless.next_gapless_batch('a', 7, 1, 4)"))
	require.Equal(t, []int64{2, 3}, s.Numbers("SELECT gapless.next_gapless_batch('a', 2, 1, 4)"))
	require.Equal(t, []int64{1}, s.Numbers("SELECT gapless.next_gapless_batch('a', 1, 1, 4)"))
	require.Equal(t, []int64{2, 1, 1, 1}, s.Numbers("SELECT * FROM gapless.next_gapless_batch('a', 1, 1, 4) UNION ALL SELECT * FROM gapless.next_gapless_batch('a', 3, 1, 2)"))
	require.EqualValues(t, 14, s.Number("SELECT issued FROM gapless.sequences WHERE name = 'a'"))

	// As next_gapless would give them, one by one, from wherever the sequence stands.
	for i, c := range []struct{ last, initial, reset int64 }{
		{1, 1, 3}, {5, 1, 3}, {2, 1, 3}, {10, 20, 23}, {22, 20, 23}, {-3, -5, -1},
		{math.MaxInt64, 1, 3}, {math.MaxInt64 - 1, math.MaxInt64 - 2, math.MaxInt64},
		{math.MinInt64, math.MinInt64, math.MinInt64 + 2}, {math.MaxInt64 - 2, math.MinInt64, math.MaxInt64},
	} {
		one, batch := fmt.Sprintf("one %d", i), fmt.Sprintf("batch %d", i)
		s.Do("SELECT gapless.adopt_gapless($1, $2)", one, c.last)
		s.Do("SELECT gapless.adopt_gapless($1, $2)", batch, c.last)
		peeked := s.Number("SELECT gapless.peek_gapless($1, $2, $3)", one, c.initial, c.reset)
		ones := s.Numbers("SELECT gapless.next_gapless($1, $2, $3) FROM generate_series(1, 11)", one, c.initial, c.reset)
		require.Equal(t, ones, s.Numbers("SELECT gapless.next_gapless_batch($1, 11, $2, $3)", batch, c.initial, c.reset), "%+v", c)
		require.Equal(t, ones[0], peeked)
	}
}

func TestAMillionNumbersAreOneJournalRow(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	require.EqualValues(t, 1_000_000, s.Number("SELECT count(DISTINCT v) FROM gapless.next_gapless_batch('a', 1000000) AS v WHERE v BETWEEN 1 AND 1000000"))
	require.EqualValues(t, 1_000_001, s.Number("SELECT gapless.next_gapless('a')"))
	require.EqualValues(t, 2, s.Number("SELECT count(*) FROM gapless.journal"))
}

func TestTheEndOfTheRangeIsAnErrorThatLosesNothing(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	require.EqualValues(t, math.MaxInt64-2, s.Number("SELECT gapless.next_gapless('a', $1)", int64(math.MaxInt64-2)))
	pg.RequireHelpful(t, s.Refuse("2200H", "SELECT gapless.next_gapless_batch('a', 3)"))
	pg.RequireHelpful(t, s.Refuse("2200H", "SELECT gapless.next_gapless_batch('a', $1)", int64(math.MaxInt64)))
	require.EqualValues(t, math.MaxInt64-1, s.Number("SELECT gapless.next_gapless('a')"))
	require.EqualValues(t, math.MaxInt64, s.Number("SELECT gapless.peek_gapless('a')"))
	require.Equal(t, []int64{math.MaxInt64}, s.Numbers("SELECT gapless.next_gapless_batch('a', 1)"))
	for _, call := range []string{"next_gapless('a')", "next_gapless('a', nowait => true)", "peek_gapless('a')", "next_gapless_batch('a', 1)"} {
		pg.RequireHelpful(t, s.Refuse("2200H", "SELECT gapless."+call))
	}
	require.EqualValues(t, math.MaxInt64, s.Number("SELECT gapless.last_gapless('a')"))
	// With reset, the value that does not exist would have reached it.
	require.EqualValues(t, 7, s.Number("SELECT gapless.next_gapless('a', 7, $1)", int64(math.MaxInt64)))

	require.EqualValues(t, math.MinInt64, s.Number("SELECT gapless.next_gapless('least', $1)", int64(math.MinInt64)))
	require.EqualValues(t, math.MinInt64+1, s.Number("SELECT gapless.next_gapless('least')"))
	pg.RequireHelpful(t, s.Refuse("2200H", "SELECT gapless.next_gapless_batch('new', 2, $1)", int64(math.MaxInt64)))
	require.Nil(t, sqltest.Value[int64](s, "SELECT gapless.last_gapless('new')"))
}

func TestABatchOfNoneMakesNoSequence(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	require.Empty(t, s.Numbers("SELECT gapless.next_gapless_batch('a', 0)"))
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.sequence_lock"))
}

func TestARolledBackSavepointGivesItsValuesAndItsLockBack(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
	for _, first := range []bool{true, false} {
		last := int64(0)
		if !first {
			last = one.Number("SELECT gapless.last_gapless('a')")
		}
		one.Do("BEGIN")
		one.Do("SAVEPOINT s")
		require.Equal(t, last+1, one.Number("SELECT gapless.next_gapless('a')"))
		require.Len(t, one.Numbers("SELECT gapless.next_gapless_batch('a', 10)"), 10)
		two.Refuse("55P03", "SELECT gapless.next_gapless('a', nowait => true)")
		one.Do("ROLLBACK TO SAVEPOINT s")
		require.Equal(t, last+1, two.Number("SELECT gapless.next_gapless('a', nowait => true)"))
		require.Equal(t, last+2, one.Number("SELECT gapless.next_gapless('a')"))
		one.Do("RELEASE SAVEPOINT s")
		two.Refuse("55P03", "SELECT gapless.next_gapless('a', nowait => true)")
		one.Do("COMMIT")
	}
	require.EqualValues(t, 4, two.Number("SELECT gapless.last_gapless('a')"))
}

func TestNowaitNamesTheSequenceAndLeavesTheSettingsAlone(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
	one.Do("SELECT gapless.next_gapless('later')")
	one.Do("BEGIN")
	one.Do("SELECT gapless.next_gapless('first'), gapless.next_gapless('later')")
	two.Do("SET lock_timeout = '7s'")
	for _, name := range []string{"first", "later"} {
		for _, call := range []string{"next_gapless($1, nowait => true)", "next_gapless_batch($1, 2, nowait => true)"} {
			two.Do("BEGIN")
			two.Do("SAVEPOINT s")
			err := two.Refuse("55P03", "SELECT gapless."+call, name)
			pg.RequireHelpful(t, err)
			require.Contains(t, err.Message, name)
			two.Do("ROLLBACK TO SAVEPOINT s")
			require.Equal(t, "7s", *sqltest.Value[string](two, "SELECT current_setting('lock_timeout')"))
			two.Do("SELECT gapless.next_gapless($1, nowait => true)", "another, after "+name+call)
			require.Equal(t, "7s", *sqltest.Value[string](two, "SELECT current_setting('lock_timeout')"))
			two.Do("COMMIT")
		}
	}
	pg.RequireHelpful(t, two.Refuse("55P03", "SELECT gapless.delete_gapless('later', nowait => true)"))
	require.False(t, *sqltest.Value[bool](two, "SELECT gapless.delete_gapless('first', nowait => true)"), "nobody else can see it yet")
	one.Do("COMMIT")
	require.EqualValues(t, 2, two.Number("SELECT gapless.next_gapless('first', nowait => true)"))
}

func TestLockTimeoutHoldsForTheFirstCallToo(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
	one.Do("SELECT gapless.next_gapless('later')")
	one.Do("BEGIN")
	one.Do("SELECT gapless.next_gapless('first'), gapless.next_gapless('later')")
	two.Do("SET lock_timeout = '20ms'")
	for _, name := range []string{"first", "later"} {
		two.Refuse("55P03", "SELECT gapless.next_gapless($1)", name)
		two.Refuse("55P03", "SELECT gapless.next_gapless_batch($1, 2)", name)
		two.Refuse("55P03", "SELECT gapless.adopt_gapless($1, 100)", name)
	}
	two.Refuse("55P03", "SELECT gapless.delete_gapless('later')")
	two.Refuse("55P03", "SELECT gapless.prune_gapless('later', now())")
	one.Do("ROLLBACK")
	require.EqualValues(t, 1, two.Number("SELECT gapless.next_gapless('first')"))
	require.EqualValues(t, 2, two.Number("SELECT gapless.next_gapless('later')"))
}

func TestOppositeOrdersAreADeadlock(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	one.Do("SELECT gapless.next_gapless('a'), gapless.next_gapless('b')")
	one.Do("BEGIN")
	two.Do("BEGIN")
	one.Do("SELECT gapless.next_gapless('a')")
	two.Do("SELECT gapless.next_gapless('b')")
	done := one.LaterNumber("SELECT gapless.next_gapless('b')")
	sqltest.AwaitWaiter(t, observer, one.PID())
	_, err := two.Exec(t.Context(), "SELECT gapless.next_gapless('a')")
	first := <-done
	if err == nil { // PostgreSQL chooses whom it ends
		err, two = first.Err, one
	} else {
		require.NoError(t, first.Err)
	}
	sqltest.RequireCode(t, "40P01", err)
	two.Do("ROLLBACK")
}

func TestAPreparedTransactionKeepsTheLockAndItsNumber(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	if s.Number("SELECT current_setting('max_prepared_transactions')::bigint") == 0 {
		t.Fatal("this test needs a server with max_prepared_transactions > 0")
	}
	gid := database.Name // unique in the server
	s.Do("SELECT gapless.next_gapless('a')")
	for i, end := range []string{"ROLLBACK PREPARED", "COMMIT PREPARED"} {
		s.Do("BEGIN")
		require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless('a')"), i)
		s.Do(fmt.Sprintf("PREPARE TRANSACTION '%s'", gid))
		s.Refuse("55P03", "SELECT gapless.next_gapless('a', nowait => true)")
		require.EqualValues(t, 1, s.Number("SELECT gapless.last_gapless('a')"))

		var pid *int32
		var preparedAs, state string
		require.NoError(t, s.QueryRow(t.Context(), "SELECT pid, prepared_as, state FROM gapless.holders WHERE name = 'a'").Scan(&pid, &preparedAs, &state))
		require.Nil(t, pid)
		require.Equal(t, gid, preparedAs)
		require.Equal(t, "holds", state)
		s.Do(fmt.Sprintf("%s '%s'", end, gid))
	}
	require.EqualValues(t, 3, s.Number("SELECT gapless.next_gapless('a', nowait => true)"))
}

func TestTheJournalSaysWhoAndWhen(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	role := pgx.Identifier{database.Name + "_app"}.Sanitize()
	s.Do("CREATE ROLE " + role)
	t.Cleanup(func() { sqltest.DropRole(t, database, role) })
	s.Do("SELECT gapless.grant_gapless($1)", database.Name+"_app")

	s.Do("BEGIN")
	s.Do("SELECT gapless.next_gapless_batch('a', 3, 10)")
	s.Do("SET LOCAL ROLE " + role)
	s.Do("SET LOCAL gapless.token = '0b0e7c0a-58a9-4b4c-8c36-0a1f29a1f2ac'")
	s.Do("SELECT gapless.next_gapless('a')")
	xid := s.Number("SELECT pg_current_xact_id()::text::bigint")
	s.Do("COMMIT")
	rows, err := s.Query(t.Context(), `
		SELECT ordinal, first_value, last_value, kind::text, txid = $1 AS own, allocated_by = session_user AS "by", allocated_as, token::text,
			allocated_at BETWEEN now() - interval '1 minute' AND now() AS recent
		FROM gapless.journal ORDER BY ordinal`, xid)
	require.NoError(t, err)
	type row struct {
		Ordinal, FirstValue, LastValue int64
		Kind                           string
		Own, By                        bool
		AllocatedAs, Token             *string
		Recent                         bool
	}
	journal, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	require.NoError(t, err)
	token, as := "0b0e7c0a-58a9-4b4c-8c36-0a1f29a1f2ac", database.Name+"_app"
	require.Equal(t, []row{
		{1, 10, 12, "issued", true, true, nil, nil, true},
		{4, 13, 13, "issued", true, true, &as, &token, true},
	}, journal)
	s.Refuse("22P02", "SELECT set_config('gapless.token', 'no uuid', false), gapless.next_gapless('a')")
}

func TestAnOldSnapshotStillSeesItsOwnLastValue(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
	one.Do("SELECT gapless.next_gapless('a')")
	two.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
	require.EqualValues(t, 1, two.Number("SELECT gapless.last_gapless('a')"))
	one.Do("SELECT gapless.next_gapless('a')")
	require.EqualValues(t, 1, two.Number("SELECT gapless.last_gapless('a')"))
	require.EqualValues(t, 2, two.Number("SELECT gapless.peek_gapless('a')"))
	two.Do("COMMIT")
	require.EqualValues(t, 2, two.Number("SELECT gapless.last_gapless('a')"))
}
