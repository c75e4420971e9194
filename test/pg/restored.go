package pg

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// Restored is a session in a copy of the database, by pg_dump and psql.
func Restored(t *testing.T, database *pgtest.Database) sqltest.Session {
	t.Helper()
	bin := *sqltest.Value[string](sqltest.Connect(t, database), "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
	for _, program := range []string{"pg_dump", "psql"} {
		if _, err := exec.LookPath(filepath.Join(bin, program)); err != nil {
			t.Skipf("there is no %s in %s: install PostgreSQL's client programs", program, bin)
		}
	}
	copied := pgtest.NewEmpty(t)
	dump, err := exec.CommandContext(t.Context(), filepath.Join(bin, "pg_dump"), "--dbname="+database.URL).Output()
	require.NoError(t, err)
	restore := exec.CommandContext(t.Context(), filepath.Join(bin, "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname="+copied.URL)
	restore.Stdin = bytes.NewReader(dump)
	output, err := restore.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return sqltest.Connect(t, copied)
}
