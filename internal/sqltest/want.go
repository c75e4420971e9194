package sqltest

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pggapless/gapless/internal/pgtest"
)

// WantPrograms skips a test whose server was not started from programs that have these beside them.
func WantPrograms(t testing.TB, server *pgtest.OwnServer, beside ...string) {
	t.Helper()
	if server.Programs() == "" {
		t.Skipf("%s was not started from programs of this machine: install PostgreSQL, or set GAPLESS_PG_BIN to the folder of its programs", server.Provider())
	}
	for _, program := range beside {
		if _, err := exec.LookPath(filepath.Join(server.Programs(), program)); err != nil {
			t.Skipf("there is no %s in %s: install all of PostgreSQL's programs, or set GAPLESS_PG_BIN to a folder that has them", program, server.Programs())
		}
	}
}

// WantStandby skips a test whose server cannot have a standby.
func WantStandby(t testing.TB, server *pgtest.OwnServer) {
	t.Helper()
	WantPrograms(t, server, "pg_basebackup")
}
