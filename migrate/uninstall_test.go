package migrate_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
)

// TestUninstallTakesAllOfItAway has columns of every kind, one of whose series another column shares.
func TestUninstallTakesAllOfItAway(t *testing.T) {
	t.Parallel()
	for _, inside := range []bool{false, true} {
		database := pgtest.NewEmpty(t)
		objects := func() []string {
			return sqltest.Texts(sqltest.Connect(t, database), `
				SELECT oid::regclass::text FROM pg_class WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND relnamespace::regnamespace::text !~ '^pg_'
				UNION ALL SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
				UNION ALL SELECT format('trigger %s', tgname) FROM pg_trigger WHERE NOT tgisinternal
				UNION ALL SELECT format('event trigger %s', evtname) FROM pg_event_trigger
				UNION ALL SELECT nspname::text FROM pg_namespace ORDER BY 1`)
		}
		s := sqltest.Connect(t, database)
		s.Do("CREATE TABLE early (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
		s.Do("CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number text UNIQUE)")
		s.Do("CREATE TABLE member (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
		s.Do("CREATE TABLE parted (day date, number bigint, UNIQUE (day, number)) PARTITION BY RANGE (day)")
		s.Do("CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
		before := objects()
		require.NoError(t, migrate.Up(t.Context(), s.Conn))
		s.Do("SELECT gapless.attach_gapless('early', 'number')")
		s.Do("SELECT gapless.attach_gapless('late', 'number', format => $$ 'L' || value $$, at_commit => true)")
		s.Do("SELECT gapless.attach_gapless('member', 'number', series_of => 'early.number')")
		s.Do("SELECT gapless.attach_gapless('parted', 'number')")
		s.Do("SELECT gapless.guard_new_partitions()")
		for _, table := range []string{"early", "late", "member"} {
			s.Do("INSERT INTO " + table + " DEFAULT VALUES")
		}
		s.Do("INSERT INTO parted VALUES ('2026-05-05')")
		rows := func() []string {
			return sqltest.Texts(s, "SELECT e::text FROM early e UNION ALL SELECT l::text FROM late l UNION ALL SELECT m::text FROM member m UNION ALL SELECT p::text FROM parted p")
		}
		numbered := rows()

		s.Do("CREATE VIEW mine AS SELECT name FROM gapless.sequences")
		_, err := s.Exec(t.Context(), migrate.Uninstall())
		requireCode(t, "2BP01", err)
		pg := new(pgconn.PgError)
		require.ErrorAs(t, err, &pg)
		require.Contains(t, pg.Detail, "public.mine")
		require.EqualValues(t, 4, s.Number("SELECT count(*) FROM gapless.columns"), "and nothing is changed")
		s.Do("DROP VIEW mine")

		s.Do("SET search_path = public, pg_temp; SET client_min_messages = log")
		kept := *sqltest.Value[string](s, settings)
		if inside {
			s.Do("BEGIN")
		}
		for range 2 { // without gapless it does nothing
			s.Do(migrate.Uninstall())
			require.Equal(t, kept, *sqltest.Value[string](s, settings))
		}
		if inside {
			s.Do("COMMIT")
		}
		require.Equal(t, before, objects())
		require.Equal(t, numbered, rows(), "the numbers stay")
		s.Do("INSERT INTO early (number) VALUES (5)")
		require.NoError(t, migrate.Up(t.Context(), s.Conn))
	}
}

func TestUninstallDropsNoTableThatAnotherMadeInTheSchema(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	installed(t, database)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE gapless.mine AS SELECT 1 AS data")
	_, err := s.Exec(t.Context(), migrate.Uninstall())
	requireCode(t, "2BP01", err)
	pg := new(pgconn.PgError)
	require.ErrorAs(t, err, &pg)
	require.Equal(t, "table gapless.mine", pg.Detail)
	s.Do("ALTER TABLE gapless.mine SET SCHEMA public")
	s.Do(migrate.Uninstall())
	require.EqualValues(t, 1, s.Number("SELECT data FROM public.mine"))
}

func TestOnlyTheOwnerUninstalls(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	installed(t, database)
	_, role := sqltest.Role(t, database, "other")
	as := database.Conn(t)
	_, err := as.Exec(t.Context(), "SET ROLE "+role)
	require.NoError(t, err)
	_, err = as.Exec(t.Context(), migrate.Uninstall())
	requireCode(t, "42501", err)
}

func TestUninstallDetachesAllOrRefuses(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	installed(t, database)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number')")
	s.Do("DROP VIEW gapless.columns CASCADE")
	s.Refuse("55000", migrate.Uninstall())
	s.Do("INSERT INTO invoices DEFAULT VALUES")
	require.EqualValues(t, 1, s.Number("SELECT number FROM invoices"))
}
