package pg

import (
	"fmt"
	"testing"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

const repack = "REPACK (CONCURRENTLY)"

// ForEachRewrite runs a test with each statement that gives a table new rows, none of which an older snapshot sees.
func ForEachRewrite(t *testing.T, test func(t *testing.T, rewrite func(s sqltest.Session, table string))) {
	for name, statements := range map[string]string{
		"ALTER TABLE": "ALTER TABLE %[1]s SET UNLOGGED; ALTER TABLE %[1]s SET LOGGED",
		repack:        repack + " %[1]s",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == repack && sqltest.Connect(t, pgtest.New(t)).Number("SELECT current_setting('server_version_num')::bigint") < 190000 {
				t.Skip("REPACK came with PostgreSQL 19")
			}
			test(t, func(s sqltest.Session, table string) {
				s.T.Helper()
				s.Do(fmt.Sprintf(statements, table))
			})
		})
	}
}
