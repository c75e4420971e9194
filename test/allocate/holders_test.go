package allocate_test

import (
	"testing"
	"time"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/db"
	"github.com/pggapless/gapless/internal/pgtest"
)

func TestHoldersShowsWhoHoldsAndWhoWaits(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	observer := sqltest.Connect(t, database)
	holder := sqltest.Connect(t, database, func(config *pgx.ConnConfig) { config.RuntimeParams["application_name"] = "the holder" })
	first, second, other := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	observer.Do("SELECT gapless.next_gapless('a'), gapless.next_gapless('b')")
	require.Empty(t, sqltest.Texts(observer, "SELECT name FROM gapless.holders"))

	holder.Do("BEGIN")
	holder.Do("SELECT gapless.next_gapless('a')")
	other.Do("BEGIN")
	other.Do("SELECT gapless.next_gapless('b')")
	require.Equal(t, []uint32{holder.PID()}, sqltest.HoldersOf(observer, "a", "holds"), "nobody waits yet")

	one := first.LaterNumber("SELECT gapless.next_gapless('a')")
	sqltest.AwaitWaiter(t, observer, first.PID())
	two := second.LaterNumber("SELECT gapless.next_gapless('a')")
	sqltest.AwaitWaiter(t, observer, second.PID())
	require.Equal(t, []uint32{holder.PID()}, sqltest.HoldersOf(observer, "a", "holds"))
	require.ElementsMatch(t, []uint32{first.PID(), second.PID()}, sqltest.HoldersOf(observer, "a", "waits"))
	require.Equal(t, []uint32{other.PID()}, sqltest.HoldersOf(observer, "b", "holds"))
	require.Empty(t, sqltest.HoldersOf(observer, "b", "waits"))

	name := "a"
	rows, err := db.New(observer).Holders(t.Context(), &name)
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Equal(t, "holds", rows[0].State)
	require.Equal(t, "the holder", *rows[0].ApplicationName)
	require.Equal(t, "SELECT gapless.next_gapless('a')", *rows[0].Query)
	require.Equal(t, *sqltest.Value[string](observer, "SELECT session_user::text"), *rows[0].UserName)
	require.Greater(t, *rows[0].TransactionAge, time.Duration(0))
	require.Nil(t, rows[0].PreparedAs)
	all, err := db.New(observer).Holders(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, all, 4)

	holder.Do("COMMIT")
	require.NoError(t, (<-one).Err)
	require.NoError(t, (<-two).Err)
	other.Do("COMMIT")
	require.Empty(t, sqltest.Texts(observer, "SELECT name FROM gapless.holders"))
}

// TestHoldersFindsALockFromASubtransaction has the cases in which the row's xmax is not the holder's own xid.
func TestHoldersFindsALockFromASubtransaction(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"an open savepoint":                      {"SAVEPOINT s", "SELECT gapless.next_gapless('a')"},
		"a released savepoint":                   {"SAVEPOINT s", "SELECT gapless.next_gapless('a')", "RELEASE SAVEPOINT s"},
		"a savepoint in a savepoint":             {"SAVEPOINT s", "SAVEPOINT u", "SELECT gapless.next_gapless('a')", "RELEASE SAVEPOINT u"},
		"a multixact of two of its own xids":     {"SELECT gapless.next_gapless('a')", "SAVEPOINT s", "SELECT gapless.prune_gapless('a', '-infinity')"},
		"an exception block":                     {"DO $$ BEGIN PERFORM gapless.next_gapless('a'); EXCEPTION WHEN others THEN RAISE; END $$"},
		"a rolled-back savepoint after the lock": {"SELECT gapless.next_gapless('a')", "SAVEPOINT s", "SELECT gapless.prune_gapless('a', 'infinity')", "ROLLBACK TO SAVEPOINT s"},
	}
	for name, statements := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			holder, waiter, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			observer.Do("SELECT gapless.next_gapless('a')")
			holder.Do("BEGIN")
			for _, statement := range statements {
				holder.Do(statement)
			}
			done := waiter.LaterNumber("SELECT gapless.next_gapless('a')")
			sqltest.AwaitWaiter(t, observer, waiter.PID())
			require.Equal(t, []uint32{holder.PID()}, sqltest.HoldersOf(observer, "a", "holds"))
			require.Equal(t, []uint32{waiter.PID()}, sqltest.HoldersOf(observer, "a", "waits"))
			holder.Do("COMMIT")
			require.NoError(t, (<-done).Err)
		})
	}
}

func TestHoldersHidesDetailsOfOtherRolesFromAnApplication(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, holder, app := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	name, quoted := sqltest.Role(t, database, "app")
	owner.Do("SELECT gapless.next_gapless('a')")
	owner.Do("SELECT gapless.grant_gapless($1)", name)
	holder.Do("BEGIN")
	holder.Do("SELECT gapless.next_gapless('a')")
	app.Do("SET ROLE " + quoted)

	require.Equal(t, []uint32{holder.PID()}, sqltest.HoldersOf(app, "a", "holds"))
	require.Equal(t, "<insufficient privilege>", *sqltest.Value[string](app, "SELECT query FROM gapless.holders"))
	require.Nil(t, sqltest.Value[string](app, "SELECT transaction_age::text FROM gapless.holders"))
	app.Do("RESET ROLE")
	app.Do("GRANT pg_read_all_stats TO " + quoted)
	app.Do("SET ROLE " + quoted)
	require.NotNil(t, sqltest.Value[string](app, "SELECT transaction_age::text FROM gapless.holders"))
}
