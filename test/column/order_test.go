package column_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

func TestAWrongDateHoldsNothingOnceItsNumberIsVoid(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE c (id int GENERATED ALWAYS AS IDENTITY, d date, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('c', 'number', name => $$ 'c' $$, chronology => $$ NEW.d $$)")
	s.Do("INSERT INTO c(d) VALUES ('2026-01-02'), ('2062-01-03')")
	pg.RequireAbout(t, s.Refuse("23514", "INSERT INTO c(d) VALUES ('2026-01-04')"), "c", "chronology")
	s.Do("SELECT gapless.void_gapless('c', 2, 'wrong date')")
	require.EqualValues(t, 3, s.Number("INSERT INTO c(d) VALUES ('2026-01-04') RETURNING number"))
	s.Refuse("23514", "INSERT INTO c(d) VALUES ('2026-01-03')")
	sqltest.RequireSound(s)
}

func TestVoidedDatesInEveryKindOfColumn(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		for _, text := range []bool{false, true} {
			for _, partitioned := range []bool{false, true} {
				t.Run(fmt.Sprintf("at commit %t, text %t, partitioned %t", late, text, partitioned), func(t *testing.T) {
					t.Parallel()
					s := sqltest.Connect(t, pgtest.New(t))
					s.Do("CREATE TABLE c (id int PRIMARY KEY, d date, number " + map[bool]string{true: "text", false: "bigint"}[text] + ", UNIQUE (id, number))" +
						map[bool]string{true: " PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF c DEFAULT"}[partitioned])
					if !partitioned {
						s.Do("ALTER TABLE c ADD UNIQUE (number)")
					}
					s.Do("SELECT gapless.attach_gapless('c', 'number', name => $$ 'c' $$, chronology => $$ NEW.d $$, at_commit => $1, format => $2)",
						late, map[bool]any{true: "'R24' || lpad(value::text, 3, '0')", false: nil}[text])
					s.Do("INSERT INTO c VALUES (1, '2026-01-02'), (2, '2062-01-03'), (3, '2062-01-04')")
					s.Do("SELECT gapless.void_gapless('c', 3, 'wrong date')")
					s.Refuse("23514", "INSERT INTO c VALUES (4, '2026-01-04')") // after the 2nd
					s.Do("SELECT gapless.void_gapless('c', 2, 'wrong date'); DELETE FROM c WHERE id = 2")
					s.Do("INSERT INTO c VALUES (4, '2026-01-04'), (5, '2026-01-05')")
					s.Refuse("23514", "INSERT INTO c VALUES (6, '2026-01-04')")
					require.Equal(t, []string{"1", "3", "4", "5"}, sqltest.Texts(s, "SELECT right(number::text, 1) FROM c ORDER BY id"))
					sqltest.RequireSound(s)
				})
			}
		}
	}
}
