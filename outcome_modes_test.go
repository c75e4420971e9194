package gapless_test

import (
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
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
				n := newCommitNetwork(t, committer, true, func(config *pgxpool.Config) { config.ConnConfig.DefaultQueryExecMode = mode })
				n.proxy.Intercept(once(committed, pgproxy.Cut))
				attempts, err := n.issue(t.Context())
				require.NoError(t, err)
				require.EqualValues(t, 1, attempts)
				n.requireInvoices(t, 1)
			})
		}
	}
}
