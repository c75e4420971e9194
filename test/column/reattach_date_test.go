package column_test

// What attach takes over of numbers that their texts do not tell: the journal knows which is the newest, and its date.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestAnotherFormatKeepsTheDateOfTheNewestNumber(t *testing.T) {
	t.Parallel()
	for name, formats := range map[string][2]string{
		"another, that reads older texts":   {`'A' || value`, `'B' || value`},
		"another, that reads other numbers": {`'A' || (100 - value)`, `'A' || value`},
		"the same, that tells some":         {`'x' || to_hex(value)`, `'x' || to_hex(value)`},
		"the same, that tells none":         {`'x' || chr(96 + value::int % 1000)`, `'x' || chr(96 + value::int % 1000)`},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", at commit ", late), func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				s.Do("CREATE TABLE docs (id int PRIMARY KEY, d date NOT NULL, n text UNIQUE)")
				s.Do("INSERT INTO docs VALUES (0, '2026-01-01', 'B1')") // from before
				attach := "SELECT gapless.attach_gapless('docs', 'n', name => $$ 'doc' $$, chronology => 'NEW.d', at_commit => $1, format => $2)"
				s.Do(attach, late, formats[0])
				s.Do("SELECT gapless.forward_gapless('doc', 1, 'another system')")
				s.Do("INSERT INTO docs SELECT g, '2026-01-02' FROM generate_series(1, 9) AS g")
				s.Do("INSERT INTO docs VALUES (10, '2026-02-01')")
				sqltest.RequireSound(s)
				s.Do("BEGIN")
				s.Do("SELECT gapless.detach_gapless('docs', 'n')")
				s.Do(attach, late, formats[1])
				s.Do("COMMIT")
				sqltest.RequireSound(s)
				require.EqualValues(t, 11, s.Number("SELECT last_value FROM gapless.sequences WHERE name = 'doc'"))
				s.Refuse("23514", "INSERT INTO docs VALUES (11, '2026-01-15')")
				s.Do("INSERT INTO docs VALUES (11, '2026-02-01')")
				require.EqualValues(t, 12, s.Number("SELECT last_value FROM gapless.sequences WHERE name = 'doc'"))
				sqltest.RequireSound(s)
			})
		}
	}
}
