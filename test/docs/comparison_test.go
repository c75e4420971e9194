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

// TestTwoTransactionsAtOnceGetWhatTheComparisonSays runs the table "Two transactions at once" of docs/comparison.md. A row has the
// statements of each transaction, and what both get in READ COMMITTED and in REPEATABLE READ: a number, or a SQLSTATE.
func TestTwoTransactionsAtOnceGetWhatTheComparisonSays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(repository, "docs/comparison.md"))
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

// titled is a link to a file, with the name of a test in it, or to a page.
var titled = regexp.MustCompile(`\]\(([^)\s]+)(?: "(\w+)")?\)`)

// brokenEvidence are the links of a text that lead nowhere, or to a file without the test that they name.
func brokenEvidence(page, text string) (broken []string) {
	for _, found := range titled.FindAllStringSubmatch(text, -1) {
		if err := follow(page, found[1]); err != nil {
			broken = append(broken, found[1])
		} else if test := strings.HasSuffix(found[1], "_test.go"); test != (found[2] != "") {
			broken = append(broken, found[1]+": a test's file, and no test, or the other way round")
		} else if test {
			source, err := os.ReadFile(filepath.Join(filepath.Dir(page), found[1]))
			if err != nil || !strings.Contains(string(source), "\nfunc "+found[2]+"(t *testing.T) {") {
				broken = append(broken, found[2])
			}
		}
	}
	return broken
}

// TestEachYesOfTheComparisonIsShown has no "no" in gapless' own row, and evidence in each of its cells but the technique.
func TestEachYesOfTheComparisonIsShown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(root, "docs/comparison.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, brokenEvidence(path, string(text)))
	header := regexp.MustCompile(`(?m)^\| system \|(.*)\| technique \|$`).FindStringSubmatch(string(text))
	own := regexp.MustCompile(`(?m)^\| \*\*gapless\*\* \|(.*)\| [^|]+ \|$`).FindStringSubmatch(string(text))
	require.Len(t, header, 2)
	require.Len(t, own, 2)
	features, cells := strings.Split(header[1], "|"), strings.Split(own[1], "|")
	require.Len(t, features, 12)
	require.Len(t, cells, len(features))
	for i, cell := range cells {
		require.Regexp(t, `^ \[yes[^]]*\]\([^)]+\) $`, cell, features[i])
	}
}

// TestEvidenceThatIsNotThereIsFound plants it.
func TestEvidenceThatIsNotThereIsFound(t *testing.T) {
	t.Parallel()
	page := filepath.Join(root, "docs/comparison.md")
	require.Empty(t, brokenEvidence(page, `[a](sql.md#void_gapless) [b](../test/docs/comparison_test.go "TestEvidenceThatIsNotThereIsFound")`))
	for _, wrong := range []string{"sql.md#none", "none.md", "../test/docs/comparison_test.go", `../test/docs/comparison_test.go "TestNone"`, `sql.md "TestNone"`} {
		require.Len(t, brokenEvidence(page, "[a]("+wrong+")"), 1, wrong)
	}
}
