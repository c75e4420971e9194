package gapless_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestEnsureTellsWhatIsOtherwiseFromWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
	pool := database.Pool(t)
	bills := gapless.Column{Table: "bills", Column: "number", Name: "'bill'"}
	require.NoError(t, gapless.Ensure(t.Context(), pool, bills))

	late := bills
	late.AtCommit = true
	err := gapless.Ensure(t.Context(), pool, late)
	require.ErrorIs(t, err, gapless.ErrAttachedAlready)
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "at_commit is false, and true was asked for.", refused.Detail)

	s.Do("ALTER TABLE bills DISABLE TRIGGER USER")
	err = gapless.Ensure(t.Context(), pool, bills)
	require.ErrorIs(t, err, gapless.ErrNotAttached)
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Detail, "disabled on table public.bills")
	require.NoError(t, gapless.Attach(t.Context(), pool, bills))
	require.NoError(t, gapless.Ensure(t.Context(), pool, bills))
	require.EqualValues(t, 1, s.Number("INSERT INTO bills DEFAULT VALUES RETURNING number"))
}

// TestEnsureNeedsWhatAttachNeedsAlsoWhereThereIsNothingToDo has a pool whose transactions are SERIALIZABLE, and an application's role.
func TestEnsureNeedsWhatAttachNeedsAlsoWhereThereIsNothingToDo(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
	bills := gapless.Column{Table: "bills", Column: "number", Name: "'bill'"}
	require.NoError(t, gapless.Ensure(t.Context(), database.Pool(t), bills))

	strict := database.Pool(t, func(config *pgxpool.Config) {
		config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	})
	require.ErrorIs(t, gapless.Ensure(t.Context(), strict, bills), gapless.ErrInvalid)

	name, quoted := sqltest.Role(t, database, "app")
	s.Do("SELECT gapless.grant_gapless($1)", name)
	s.Do("GRANT SELECT, INSERT ON bills TO " + quoted)
	app := sqltest.Connect(t, database)
	app.Do("SET ROLE " + quoted)
	for _, refused := range []error{
		gapless.Ensure(t.Context(), app, bills),
		gapless.Attach(t.Context(), app, bills),
		gapless.Detach(t.Context(), app, "bills", "number"),
	} {
		var denied *pgconn.PgError
		require.ErrorAs(t, refused, &denied)
		require.Equal(t, "42501", denied.Code)
	}
	_, err := gapless.GuardPartitions(t.Context(), app, "bills")
	var denied *pgconn.PgError
	require.ErrorAs(t, err, &denied)
	require.Equal(t, "42501", denied.Code)

	err = gapless.Ensure(t.Context(), database.Pool(t), gapless.Column{Table: "nowhere", Column: "number", Name: "'bill'"})
	require.ErrorAs(t, err, &denied)
	require.Equal(t, "42P01", denied.Code)
}
