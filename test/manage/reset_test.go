package manage_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestNumbersAreResetInADatabaseOfTestsAlone is refused elsewhere; what it forgets, the tests of gaplesstest.Reset see.
func TestNumbersAreResetInADatabaseOfTestsAlone(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
	s.Do("CREATE TABLE lines (invoice bigint REFERENCES invoices)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)")
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	s.Do("INSERT INTO lines SELECT id FROM invoices")
	for _, refused := range []struct{ databases, code, constraint string }{
		{"NULL", "22004", ""},
		{"'%'", "22023", ""},
		{"'_%_'", "22023", ""},
		{"''", "22023", ""},
		{"'another%'", "55000", "reset_databases"},
	} {
		_, err := s.Exec(t.Context(), "SELECT gapless.reset_gapless("+refused.databases+")")
		pg := new(pgconn.PgError)
		require.ErrorAs(t, err, &pg)
		require.Equal(t, refused.code, pg.Code, refused.databases)
		require.Equal(t, refused.constraint, pg.ConstraintName)
		require.NotEmpty(t, pg.Hint)
	}
	s.Refuse("23001", "TRUNCATE invoices CASCADE")
	require.EqualValues(t, 1, s.Number("SELECT count(*) FROM invoices"))

	s.Do("SELECT gapless.reset_gapless($1)", "%"+database.Name[2:])
	s.Do("TRUNCATE lines, invoices") // as what cleans databases between tests does then
	require.EqualValues(t, 1, s.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.audit_gapless()"))
}

// TestAResetKeepsGuardsAsTheyWereEnabled has guards that fire on a subscriber, too, and one that is off.
func TestAResetKeepsGuardsAsTheyWereEnabled(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)")
	for _, trigger := range sqltest.Texts(s, "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = 'invoices'::regclass AND tgname ~ 'delete|truncate|insert'") {
		s.Do("ALTER TABLE invoices ENABLE ALWAYS TRIGGER " + trigger)
	}
	s.Do(`ALTER TABLE invoices DISABLE TRIGGER "~gapless_update_number"`)
	enabled := func() []string {
		return sqltest.Texts(s, "SELECT tgname || ' ' || tgenabled::text FROM pg_trigger WHERE tgrelid = 'invoices'::regclass ORDER BY 1")
	}
	before := enabled()
	for _, names := range []string{"NULL", "'{invoice}'"} {
		s.Do("INSERT INTO invoices DEFAULT VALUES")
		s.Do("SELECT gapless.reset_gapless($1, "+names+")", "%"+database.Name[2:])
		require.Equal(t, before, enabled())
		require.EqualValues(t, 1, s.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
	}
}

// TestAResetSeesAllNumbers is refused where it might not: a journal that outlives the rows would be one of holes.
func TestAResetSeesAllNumbers(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		s.Do("BEGIN ISOLATION LEVEL " + level)
		_, err := s.Exec(t.Context(), "SELECT gapless.reset_gapless($1)", "%"+database.Name[2:])
		pg := new(pgconn.PgError)
		require.ErrorAs(t, err, &pg)
		require.Equal(t, []string{"55000", "reset_snapshot", "Use READ COMMITTED."}, []string{pg.Code, pg.ConstraintName, pg.Hint})
		s.Do("ROLLBACK")
	}
}

// TestAResetEmptiesPartitionsThatWereDetached, whose rows have numbers of the column.
func TestAResetEmptiesPartitionsThatWereDetached(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (year int, number bigint, UNIQUE (year, number)) PARTITION BY LIST (year)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.year $$)")
	for _, year := range []string{"2025", "2026"} {
		s.Do("CREATE TABLE of_" + year + " PARTITION OF invoices FOR VALUES IN (" + year + ")")
	}
	s.Do("SELECT gapless.guard_partitions()")
	insert := "INSERT INTO invoices VALUES (2025), (2025), (2026)"
	for _, names := range []string{"NULL", "'{invoice/2025}'"} {
		s.Do(insert)
		s.Do("ALTER TABLE invoices DETACH PARTITION of_2025")
		s.Refuse("23001", "DELETE FROM of_2025")
		s.Do("SELECT gapless.reset_gapless($1, "+names+")", "%"+database.Name[2:])
		require.Zero(t, s.Number("SELECT count(*) FROM of_2025"))
		s.Do("ALTER TABLE invoices ATTACH PARTITION of_2025 FOR VALUES IN (2025)")
		s.Do("SELECT gapless.guard_partitions()")
		sqltest.RequireSound(s)
	}
	s.Do("INSERT INTO invoices VALUES (2025)")
	require.EqualValues(t, 1, s.Number("SELECT number FROM invoices WHERE year = 2025"))
}
