package gapless_test

import (
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
)

// TestALostAnswerIsFoundInEveryExecMode has pgx send the statements in the ways that poolers need: in some, pgx says of a
// connection that broke while it read the answer that it was closed before anything was sent.
func TestALostAnswerIsFoundInEveryExecMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		for name, committer := range sqltest.Committers {
			t.Run(mode.String()+", "+name, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				proxy := pgproxy.New(t, database.URL)
				observer := sqltest.Connect(t, database)
				observer.Do("CREATE TABLE invoices (number bigint UNIQUE, attempt bigint)")
				through := *database
				through.URL = proxy.URL()
				pool := through.Pool(t, sqltest.HostilePath, func(config *pgxpool.Config) { config.ConnConfig.DefaultQueryExecMode = mode })
				n := commitNetwork{proxy, observer, database, committer(t, pool), true}
				proxy.Intercept(once(committed, pgproxy.Cut))
				attempts, err := n.issue(t.Context())
				require.NoError(t, err)
				require.EqualValues(t, 1, attempts)
				n.requireInvoices(t, 1)
			})
		}
	}
}
