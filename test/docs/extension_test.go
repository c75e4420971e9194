package docs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/sql"
	"github.com/pggapless/gapless/test/pg"
)

// TestThePageOfTheExtension runs each section of docs/extension.md in a database of its own.
func TestThePageOfTheExtension(t *testing.T) {
	t.Parallel()
	files, err := sql.Extension()
	require.NoError(t, err)
	server := pgtest.NewServer(t, pgtest.WithExtension(files))
	sqltest.WantPrograms(t, server)
	text, err := os.ReadFile("../../docs/extension.md")
	require.NoError(t, err)
	run := 0
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		if !strings.Contains(section, "```sql") {
			continue
		}
		title, _, _ := strings.Cut(section, "\n")
		database, err := server.CreateDatabase(t.Context(), "")
		require.NoError(t, err)
		if title == "From another way" {
			require.NoError(t, pgtest.Install(t.Context(), database.URL))
		}
		pg.RunDocumented(t, database, pg.RequireStatements(t, section))
		run++
	}
	require.Equal(t, 4, run)
}
