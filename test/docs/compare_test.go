package docs_test

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
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
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
			pg.RunDocumented(t, database, pg.RequireStatements(t, tables))
			observer := sqltest.Connect(t, database)
			for _, row := range rows {
				one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
				for _, s := range []sqltest.Session{one, two} {
					s.Do("BEGIN ISOLATION LEVEL " + isolation)
					s.Do("SELECT FROM counter") // has a snapshot from now on
				}
				first := lastValue(one, row[2])
				done := sqltest.Later(func() (string, error) { return lastValue(two, row[2]), nil })
				if r := sqltest.OrWaits(observer, two.PID(), done); r.Err == nil {
					done = sqltest.Later(func() (string, error) { return r.Value, nil })
				}
				one.Do("COMMIT")
				second := (<-done).Value
				two.Do("COMMIT")
				require.Equal(t, row[column], first+", "+second, row[1])
			}
		})
	}
}

// lastValue is what the last of the statements returns, or the SQLSTATE of the first that fails.
func lastValue(s sqltest.Session, statements string) string {
	results, err := s.PgConn().Exec(s.Ctx, statements).ReadAll()
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) {
		return refused.Code
	}
	if err != nil || len(results[len(results)-1].Rows) != 1 {
		return "no value"
	}
	return string(results[len(results)-1].Rows[0][0])
}
