//go:build unix

package pooler_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pooler"
)

// TestTheDoctorSeesAPoolerAndWhatItLeaked runs the command through PgBouncer, and without it.
func TestTheDoctorSeesAPoolerAndWhatItLeaked(t *testing.T) {
	t.Parallel()
	pooler.PgBouncer.Want(t)
	program := filepath.Join(t.TempDir(), "gapless")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/gapless").CombinedOutput()
	require.NoError(t, err, "%s", built)
	database := pgtest.NewCopy(t)
	findings := func(url string) (found []string) {
		cmd := exec.CommandContext(t.Context(), program, "doctor", "--json", "--database-url", url)
		cmd.Stderr = os.Stderr
		stdout, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) {
			require.NoError(t, err, "%s", stdout)
		}
		var all []struct{ Severity, Finding, Message string }
		require.NoError(t, json.Unmarshal(stdout, &all), "%s", stdout)
		for _, f := range all {
			found = append(found, f.Severity+" "+f.Finding+": "+f.Message)
		}
		return found
	}
	require.Empty(t, findings(database.URL))

	const notice = "notice pooler: the connection goes through a pooler, in "
	through := pooler.PgBouncer.New(t, database, map[string]string{"default_pool_size": "3"})
	require.Equal(t, []string{notice + "transaction mode"}, findings(unprepared(t, through).URL))
	sessions := pooler.PgBouncer.New(t, database, map[string]string{"pool_mode": "session"})
	require.Equal(t, []string{notice + "session mode, or it has no other client now"}, findings(unprepared(t, sessions).URL))

	one := pooler.PgBouncer.New(t, database, map[string]string{"default_pool_size": "1"})
	another := sqltest.Connect(t, one.Database, func(c *pgx.ConnConfig) { c.DefaultQueryExecMode = pgx.QueryExecModeExec })
	another.Do("SET lock_timeout = '7s'")
	another.Do("SET synchronous_commit = off")
	found := findings(unprepared(t, one).URL)
	require.Len(t, found, 3)
	require.Contains(t, found[0], "critical setting_leaked: a session of the pooler began with synchronous_commit at 'off'")
	require.Contains(t, found[1], "warning setting_leaked: a session of the pooler began with lock_timeout at '7000'")
	require.Equal(t, notice+"transaction mode", found[2])
}
