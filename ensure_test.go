package gapless_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
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
