package gapless_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// TestTwoTransactionsAtOnceGetWhatTheComparisonSays runs the table "Two transactions at once" of docs/compare.md. A row has the
// statements of each transaction, and what both get in READ COMMITTED and in REPEATABLE READ: a number, or a SQLSTATE.
func TestTwoTransactionsAtOnceGetWhatTheComparisonSays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(repository, "docs/compare.md"))
	require.NoError(t, err)
	_, text, there := strings.Cut(string(page), "\n## Two transactions at once\n")
	require.True(t, there)
	tables, text, there := strings.Cut(text, "\n| | each transaction runs |")
	require.True(t, there)
	rows := regexp.MustCompile("(?m)^\\| ([^|`]+) \\| `([^`]+)` \\| (\\w+, \\w+) \\| (\\w+, \\w+) \\|$").FindAllStringSubmatch(text, -1)
	require.Len(t, rows, 8)

	for column, isolation := range map[int]string{3: "READ COMMITTED", 4: "REPEATABLE READ"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			runDocumented(t, database, requireStatements(t, tables))
			observer := connect(t, database)
			for _, row := range rows {
				one, two := connect(t, database), connect(t, database)
				for _, s := range []session{one, two} {
					s.do("BEGIN ISOLATION LEVEL " + isolation)
					s.do("SELECT FROM counter") // has a snapshot from now on
				}
				first := lastValue(one, row[2])
				done := later(func() (string, error) { return lastValue(two, row[2]), nil })
				if r := orWaits(observer, two.pid(), done); r.err == nil {
					done = later(func() (string, error) { return r.value, nil })
				}
				one.do("COMMIT")
				second := (<-done).value
				two.do("COMMIT")
				require.Equal(t, row[column], first+", "+second, row[1])
			}
		})
	}
}

// lastValue is what the last of the statements returns, or the SQLSTATE of the first that fails.
func lastValue(s session, statements string) string {
	results, err := s.PgConn().Exec(s.ctx, statements).ReadAll()
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) {
		return refused.Code
	}
	if err != nil || len(results[len(results)-1].Rows) != 1 {
		return "no value"
	}
	return string(results[len(results)-1].Rows[0][0])
}
