// The traps that the design names as seen on a real server. Each is a scenario that holds with the SQL as it is, and
// that fails when the trap is put back by a change to the SQL's text: so the scenario is a test that can fail.
//
// A comment at a line's end, "-- trap: " and what the line guards, marks a place in the SQL, and a change replaces the
// line that has the mark. On a line of its own it marks a place where a change inserts a statement.
package mutation_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

type trap struct {
	name     string
	changes  []change // put the trap back
	scenario func(t *testing.T, database *pgtest.Database) error
}

// change replaces the line that has the mark. Without a mark it is a statement to run.
type change struct{ mark, instead string }

// place is a marked line, in the statement that makes a function or a view.
type place struct{ statement, line string }

var (
	markedLine  = regexp.MustCompile(`(?m)^.*-- trap: (.+)$`)
	makesObject = regexp.MustCompile(`(?ms)^CREATE OR REPLACE FUNCTION .*?^\$function\$;$|^CREATE OR REPLACE VIEW .*?;$`)
)

// TestTraps has a new database for each: some look at its statistics.
func TestTraps(t *testing.T) {
	t.Parallel()
	for _, trap := range slices.Concat(traps, columnTraps, commitTraps) {
		t.Run(trap.name, func(t *testing.T) {
			t.Parallel()
			t.Run("is not there", func(t *testing.T) {
				t.Parallel()
				require.NoError(t, trap.scenario(t, pgtest.NewCopy(t)))
			})
			t.Run("is found when it is put back", func(t *testing.T) {
				t.Parallel()
				database := pgtest.NewCopy(t)
				putBack(t, database, trap.changes...)
				err := trap.scenario(t, database)
				require.Error(t, err)
				t.Log(err)
			})
		})
	}
}

func TestEveryMarkIsOfATrap(t *testing.T) {
	t.Parallel()
	changes := append(slices.Concat(slices.Collect(maps.Values(noBarriers))...), believesXid)
	for _, trap := range slices.Concat(traps, columnTraps, commitTraps) {
		changes = append(changes, trap.changes...)
	}
	used := map[string]bool{}
	for _, c := range changes {
		if c.mark != "" {
			used[c.mark] = true
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(marks(t))), slices.Collect(maps.Keys(used)), "the SQL's marks, and the traps'")
}

// putBack runs the statements that the changes are in, with the changes.
func putBack(t *testing.T, database *pgtest.Database, changes ...change) {
	t.Helper()
	places := marks(t)
	changed := map[string]string{} // by the statement as it is
	s := sqltest.Connect(t, database)
	for _, c := range changes {
		if c.mark == "" {
			s.Do(c.instead)
			continue
		}
		require.Contains(t, places, c.mark)
		p := places[c.mark]
		if changed[p.statement] == "" {
			changed[p.statement] = p.statement
		}
		changed[p.statement] = strings.Replace(changed[p.statement], p.line, c.instead, 1)
	}
	for _, statement := range changed {
		s.Do(statement)
	}
}

// marks finds the marked places of the SQL.
func marks(t *testing.T) map[string]place {
	t.Helper()
	places, marked := map[string]place{}, 0
	paths, err := filepath.Glob("../../sql/functions/*/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		marked += len(markedLine.FindAll(text, -1))
		for _, statement := range makesObject.FindAllString(string(text), -1) {
			for _, m := range markedLine.FindAllStringSubmatch(statement, -1) {
				places[m[1]] = place{statement: statement, line: m[0]}
			}
		}
	}
	require.Len(t, places, marked, "a mark is there once, in a function or a view")
	return places
}
