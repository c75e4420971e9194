package citus_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/test/pg"
)

// TestThePageOfScaleRuns runs the SQL of docs/scale.md on a coordinator.
func TestThePageOfScaleRuns(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/scale.md")
	require.NoError(t, err)
	conn := citustest.New(t).Connect(t).PgConn()
	for _, statement := range pg.RequireStatements(t, string(page)) {
		require.NoError(t, statement.Check(t.Context(), conn))
	}
}
