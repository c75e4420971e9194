package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestTheSettingsAreInTheTable compares those that the functions name with those that the table explains, without the number of the
// attachment or of the slot.
func TestTheSettingsAreInTheTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "sql/functions/README.md"))
	require.NoError(t, err)
	var told []string
	for _, row := range regexp.MustCompile(`(?m)^\| `+"`"+`gapless\.([a-z_]+?)_?(?:<[^>]*>)?`+"`").FindAllStringSubmatch(string(text), -1) {
		told = append(told, row[1])
	}
	slices.Sort(told)
	s := sqltest.Connect(t, pgtest.New(t))
	require.Equal(t, told, sqltest.Texts(s, `
		SELECT DISTINCT rtrim(m[1], '_') COLLATE "C"
		FROM pg_proc AS p, regexp_matches(p.prosrc, $$'gapless\.([a-z_]+)$$, 'g') AS m
		WHERE p.pronamespace = 'gapless'::regnamespace
			AND NOT EXISTS (SELECT FROM pg_proc AS f WHERE f.pronamespace = p.pronamespace AND f.proname = m[1])
			AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = p.pronamespace AND c.relname = rtrim(m[1], '_'))
		UNION SELECT m[1] FROM pg_attrdef AS d, regexp_matches(pg_get_expr(d.adbin, d.adrelid), $$'gapless\.([a-z_]+)$$, 'g') AS m
		WHERE d.adrelid = 'gapless.journal'::regclass
		ORDER BY 1`))
}
