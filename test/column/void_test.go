package column_test

// A void number is void for ever.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestAVoidNumberIsNotIssuedAgainByAnotherName(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", ", at_commit => true"} {
		for _, format := range []string{"", ", format => $$ 'N-' || value $$"} {
			for _, partitioned := range []string{"", " PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF bills DEFAULT"} {
				for kind, c := range map[string]struct {
					before, after string
					detached      bool // when its row is deleted
				}{
					"constant":                         {"'old'", "'new'", false},
					"constant, deleted while detached": {"'old'", "'new'", true},
					"by tenant":                        {"'old/' || NEW.tenant", "'new/' || NEW.tenant", false},
					"by tenant, then by year":          {"'old/' || NEW.tenant || coalesce(NEW.issued::text, '')", "'new/' || NEW.issued", false},
					"by tenant, then constant":         {"'old/' || NEW.tenant", "'new'", true},
				} {
					if partitioned != "" && strings.Contains(kind, ",") {
						continue
					}
					t.Run(strings.TrimSpace(kind+options+format+partitioned), func(t *testing.T) {
						t.Parallel()
						s := sqltest.Connect(t, pgtest.New(t))
						s.Do("CREATE TABLE bills (id int PRIMARY KEY, tenant text NOT NULL DEFAULT 'a', issued date NOT NULL DEFAULT '2026-01-01', number " +
							map[bool]string{true: "bigint", false: "text"}[format == ""] + ")" + partitioned)
						unique := map[bool]string{true: "tenant, issued, number", false: "id, tenant, issued, number"}[partitioned == ""]
						s.Do("CREATE UNIQUE INDEX ON bills (" + unique + ")")
						if partitioned == "" {
							s.Do("CREATE UNIQUE INDEX ON bills (number)")
						}
						attach := func(name string) {
							s.Do(fmt.Sprintf("SELECT gapless.attach_gapless('bills', 'number', $$ %s $$%s%s)", name, options, format))
						}
						last := func() int64 {
							return s.Number("SELECT max(substring(number::text FROM '[0-9]+')::bigint) FROM bills")
						}
						attach(c.before)
						s.Do("INSERT INTO bills (id) VALUES (1), (2), (3)")
						s.Do("SELECT gapless.void_gapless(name, 3, 'wrong customer') FROM gapless.sequences")
						if !c.detached {
							s.Do("DELETE FROM bills WHERE id = 3")
						}
						s.Do("SELECT gapless.detach_gapless('bills', 'number')")
						if c.detached {
							s.Do("DELETE FROM bills WHERE id = 3")
						}
						attach(c.after)
						s.Do("INSERT INTO bills (id) VALUES (4)")
						require.EqualValues(t, 4, last())
						sqltest.RequireSound(s)
						require.Equal(t, []string{"hole"}, sqltest.Texts(s, "SELECT kind FROM gapless.audit_gapless() WHERE attached_column IS NOT NULL AND explanation LIKE '%wrong customer%' AND first_value = 3"))

						// And so on.
						s.Do("SELECT gapless.void_gapless(name, 4, 'again') FROM gapless.sequences WHERE attached_column IS NOT NULL; DELETE FROM bills WHERE id = 4; SELECT gapless.detach_gapless('bills', 'number')")
						third := "'third'"
						if strings.Contains(c.after, "NEW.") {
							third = strings.Replace(c.after, "new", "third", 1)
						}
						attach(third)
						s.Do("INSERT INTO bills (id) VALUES (5)")
						require.EqualValues(t, 5, last())
						sqltest.RequireSound(s)
					})
				}
			}
		}
	}
}

func TestAVoidNumberWhoseSeriesIsNotKnownKeepsAnotherNameAway(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE bills (id int PRIMARY KEY, tenant text, shop text, number bigint, UNIQUE (tenant, shop, number)); CREATE UNIQUE INDEX ON bills (shop, number); CREATE UNIQUE INDEX ON bills (tenant, number)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'o''ld/' || NEW.tenant $$)")
	s.Do("INSERT INTO bills VALUES (1, 'a', 'x'), (2, 'a', 'x'); SELECT gapless.void_gapless('o''ld/a', 2, 'why'); DELETE FROM bills WHERE id = 2")
	s.Do("SELECT gapless.detach_gapless('bills', 'number')")
	byShop := "SELECT gapless.attach_gapless('bills', 'number', $$ 'new/' || NEW.shop $$)"
	refused := s.Refuse("55000", byShop)
	require.Equal(t, "attach_void", refused.ConstraintName)
	s.Do("BEGIN; SELECT gapless.attach_gapless('bills', 'number', $$ 'o''ld/' || NEW.tenant $$)")
	require.EqualValues(t, 3, s.Number("INSERT INTO bills VALUES (3, 'a', 'x') RETURNING number"), "by the former name it goes on")
	s.Do("ROLLBACK")
	_, forget, _ := strings.Cut(refused.Hint, "voids: ")
	s.Do(forget)
	s.Do(byShop)
	require.EqualValues(t, 2, s.Number("INSERT INTO bills VALUES (3, 'a', 'x') RETURNING number"), "delete_gapless forgets voids")
}

// TestAVoidNumberWhoseRowIsKeptIsTakenOverByAnotherName: it is not issued again, and guarded until it is voided there.
func TestAVoidNumberWhoseRowIsKeptIsTakenOverByAnotherName(t *testing.T) {
	t.Parallel()
	for name, void := range map[string]bool{"'new/' || NEW.tenant": false, "'new/a'": true} {
		s := sqltest.Connect(t, pgtest.New(t))
		s.Do("CREATE TABLE bills (id int PRIMARY KEY, tenant text DEFAULT 'a', number bigint UNIQUE)")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'old/' || NEW.tenant $$)")
		if void {
			s.Do("SELECT gapless.detach_gapless('bills', 'number'); SELECT gapless.attach_gapless('bills', 'number', $$ 'old/a' $$)")
		}
		s.Do("INSERT INTO bills VALUES (1), (2); SELECT gapless.void_gapless('old/a', 2, 'why'); SELECT gapless.detach_gapless('bills', 'number')")
		s.Do("SELECT gapless.attach_gapless('bills', 'number', $1)", name)
		require.EqualValues(t, 3, s.Number("INSERT INTO bills VALUES (3) RETURNING number"))
		if void {
			s.Refuse("55000", "SELECT gapless.void_gapless('new/a', 2, 'why')")
		} else {
			s.Refuse("23001", "DELETE FROM bills WHERE id = 2")
			s.Do("SELECT gapless.void_gapless('new/a', 2, 'why')")
		}
		s.Do("DELETE FROM bills WHERE id = 2")
		sqltest.RequireSound(s)
	}
}

func TestAVoidNumberBelowTheFirstOneDoesNotMoveIt(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE bills (id int PRIMARY KEY, number bigint UNIQUE); SELECT gapless.attach_gapless('bills', 'number', $$ 'old' $$)")
	s.Do("INSERT INTO bills VALUES (1); SELECT gapless.void_gapless('old', 1, 'why'); DELETE FROM bills; SELECT gapless.detach_gapless('bills', 'number')")
	s.Do("ALTER TABLE bills RENAME COLUMN number TO no; SELECT gapless.attach_gapless('bills', 'no', $$ 'new' $$, initial => 100)")
	require.EqualValues(t, 100, s.Number("INSERT INTO bills VALUES (2) RETURNING no"))
	s.Do("SELECT gapless.void_gapless('new', 100, 'why'); DELETE FROM bills; SELECT gapless.detach_gapless('bills', 'no')")
	s.Do("ALTER TABLE bills RENAME COLUMN no TO nr; SELECT gapless.attach_gapless('bills', 'nr', $$ 'newest' $$, initial => 100)")
	require.EqualValues(t, 101, s.Number("INSERT INTO bills VALUES (2) RETURNING nr"))
	sqltest.RequireSound(s)
}

func TestAVoidWhoseValueAndTextContradictEachOtherIsRefused(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE d (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, number text UNIQUE)")
	s.Do("INSERT INTO d (number) VALUES ('D1'), ('D2'), ('old')")
	s.Do("SELECT gapless.attach_gapless('d', 'number', name => $$ 'd' $$, format => $$ 'D' || value $$)")
	s.Do("INSERT INTO d DEFAULT VALUES")
	for _, void := range []string{"1, 'why', 'D2'", "1, 'why', 'old'", "2, 'why', 'no such'", "3, 'why', 'D2'", "3, 'why', 'old'"} {
		require.Equal(t, "number", s.Refuse("22023", "SELECT gapless.void_gapless('d', "+void+")").ColumnName)
	}
	s.Do("SELECT gapless.void_gapless('d', 3, 'why', 'D3'), gapless.void_gapless('d', 2, 'why')")
	require.Equal(t, []string{"2", "3"}, sqltest.Texts(s, "SELECT value::text FROM gapless.void ORDER BY value"))
}
