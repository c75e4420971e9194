//go:build unix

package pooler_test

// What docs/poolers.md says of Odyssey alone.

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pooler"
)

const timeouts = "SELECT current_setting('lock_timeout') || ' ' || current_setting('default_transaction_isolation')"

func TestOdysseyTakesAParameterOfAConnectionAndLosesSET(t *testing.T) {
	t.Parallel()
	pooler.Odyssey.Want(t)
	database := pgtest.NewCopy(t)
	through := unprepared(t, pooler.Odyssey.New(t, database, map[string]string{"pool_size": "1"}))
	asking := *through
	asking.URL += "&lock_timeout=5s&default_transaction_isolation=serializable"
	asks, plain := sqltest.Connect(t, &asking), sqltest.Connect(t, through)
	for range 2 { // they take turns on one connection
		require.Equal(t, "5s serializable", *sqltest.Value[string](asks, timeouts))
		require.Equal(t, "0 read committed", *sqltest.Value[string](plain, timeouts))
	}
	asks.Do("SET lock_timeout = '7s'")
	require.Equal(t, "5s serializable", *sqltest.Value[string](asks, timeouts), "SET is lost after its transaction")
}

// TestOdysseyWithoutDiscardGivesAClientsSettingsToTheNext: those of its connection, too, which are nobody's then.
func TestOdysseyWithoutDiscardGivesAClientsSettingsToTheNext(t *testing.T) {
	t.Parallel()
	pooler.Odyssey.Want(t)
	for _, mode := range []string{`"transaction"`, `"session"`} {
		database := pgtest.NewCopy(t)
		through := unprepared(t, pooler.Odyssey.New(t, database, map[string]string{"pool": mode, "pool_size": "1", "pool_discard": "no"}))
		asking := *through
		asking.URL += "&lock_timeout=5s&default_transaction_isolation=serializable"
		asks := asking.Conn(t)
		require.NoError(t, asks.Ping(t.Context()))
		require.NoError(t, asks.Close(t.Context()))
		next := sqltest.Connect(t, through)
		require.Equal(t, "5s serializable", *sqltest.Value[string](next, timeouts), mode)
		require.EqualValues(t, 1, next.Number("SELECT gapless.next_gapless('a')"))
	}
}

func TestOdysseyKeepsPreparedStatementsUnlessItIsToldNotTo(t *testing.T) {
	t.Parallel()
	pooler.Odyssey.Want(t)
	database := pgtest.NewCopy(t)
	// Another client's statement has the name already.
	both := func(settings map[string]string) (err error) {
		settings["pool_size"] = "1"
		p := pooler.Odyssey.New(t, database, settings)
		first, second := sqltest.Connect(t, p.Database), sqltest.Connect(t, p.Database)
		for range 2 {
			for _, s := range []sqltest.Session{first, second} {
				var number int64
				if err == nil {
					err = s.QueryRow(s.Ctx, "SELECT gapless.next_gapless($1)", "a").Scan(&number)
				}
			}
		}
		return err
	}
	require.NoError(t, both(map[string]string{}), "by default")
	sqltest.RequireCode(t, "26000", both(map[string]string{"pool_reserve_prepared_statement": "no"}))
	sqltest.RequireCode(t, "42P05", both(map[string]string{"pool_reserve_prepared_statement": "no", "pool_discard": "no"}))
}
