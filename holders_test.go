package gapless_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/db"
	"github.com/pggapless/gapless/internal/pgtest"
)

func TestHoldersShowsWhoHoldsAndWhoWaits(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	observer := connect(t, database)
	holder := connect(t, database, func(config *pgx.ConnConfig) { config.RuntimeParams["application_name"] = "the holder" })
	first, second, other := connect(t, database), connect(t, database), connect(t, database)
	observer.do("SELECT gapless.next_gapless('a'), gapless.next_gapless('b')")
	require.Empty(t, texts(observer, "SELECT name FROM gapless.holders"))

	holder.do("BEGIN")
	holder.do("SELECT gapless.next_gapless('a')")
	other.do("BEGIN")
	other.do("SELECT gapless.next_gapless('b')")
	require.Equal(t, []uint32{holder.pid()}, holdersOf(observer, "a", "holds"), "nobody waits yet")

	one := first.laterNumber("SELECT gapless.next_gapless('a')")
	awaitWaiter(t, observer, first.pid())
	two := second.laterNumber("SELECT gapless.next_gapless('a')")
	awaitWaiter(t, observer, second.pid())
	require.Equal(t, []uint32{holder.pid()}, holdersOf(observer, "a", "holds"))
	require.ElementsMatch(t, []uint32{first.pid(), second.pid()}, holdersOf(observer, "a", "waits"))
	require.Equal(t, []uint32{other.pid()}, holdersOf(observer, "b", "holds"))
	require.Empty(t, holdersOf(observer, "b", "waits"))

	name := "a"
	rows, err := db.New(observer).Holders(t.Context(), &name)
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Equal(t, "holds", rows[0].State)
	require.Equal(t, "the holder", *rows[0].ApplicationName)
	require.Equal(t, "SELECT gapless.next_gapless('a')", *rows[0].Query)
	require.Equal(t, *value[string](observer, "SELECT session_user::text"), *rows[0].UserName)
	require.Greater(t, *rows[0].TransactionAge, time.Duration(0))
	require.Nil(t, rows[0].PreparedAs)
	all, err := db.New(observer).Holders(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, all, 4)

	holder.do("COMMIT")
	require.NoError(t, (<-one).err)
	require.NoError(t, (<-two).err)
	other.do("COMMIT")
	require.Empty(t, texts(observer, "SELECT name FROM gapless.holders"))
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
			holder, waiter, observer := connect(t, database), connect(t, database), connect(t, database)
			observer.do("SELECT gapless.next_gapless('a')")
			holder.do("BEGIN")
			for _, statement := range statements {
				holder.do(statement)
			}
			done := waiter.laterNumber("SELECT gapless.next_gapless('a')")
			awaitWaiter(t, observer, waiter.pid())
			require.Equal(t, []uint32{holder.pid()}, holdersOf(observer, "a", "holds"))
			require.Equal(t, []uint32{waiter.pid()}, holdersOf(observer, "a", "waits"))
			holder.do("COMMIT")
			require.NoError(t, (<-done).err)
		})
	}
}

func TestHoldersHidesDetailsOfOtherRolesFromAnApplication(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, holder, app := connect(t, database), connect(t, database), connect(t, database)
	name, quoted := role(t, database, "app")
	owner.do("SELECT gapless.next_gapless('a')")
	owner.do("SELECT gapless.grant_gapless($1)", name)
	holder.do("BEGIN")
	holder.do("SELECT gapless.next_gapless('a')")
	app.do("SET ROLE " + quoted)

	require.Equal(t, []uint32{holder.pid()}, holdersOf(app, "a", "holds"))
	require.Equal(t, "<insufficient privilege>", *value[string](app, "SELECT query FROM gapless.holders"))
	require.Nil(t, value[string](app, "SELECT transaction_age::text FROM gapless.holders"))
	app.do("RESET ROLE")
	app.do("GRANT pg_read_all_stats TO " + quoted)
	app.do("SET ROLE " + quoted)
	require.NotNil(t, value[string](app, "SELECT transaction_age::text FROM gapless.holders"))
}
