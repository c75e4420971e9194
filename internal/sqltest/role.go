package sqltest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// Role makes a role of the server that is dropped, with what it owns, at the test's end. Its name is to be quoted.
func Role(t *testing.T, database *pgtest.Database, suffix string) (name, quoted string) {
	t.Helper()
	name = database.Name + " " + suffix // a name that needs quotes
	quoted = pgx.Identifier{name}.Sanitize()
	Connect(t, database).Do("CREATE ROLE " + quoted + " LOGIN")
	t.Cleanup(func() { DropRole(t, database, quoted) })
	return name, quoted
}

// DropRole drops a role and what it owns.
func DropRole(t *testing.T, database *pgtest.Database, quoted string) {
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, database.URL)
	require.NoError(t, err)
	defer conn.Close(ctx)
	us := pgx.Identifier{conn.Config().User}.Sanitize() // CURRENT_USER ends the server where it has Citus 13.2
	_, err = conn.Exec(ctx, "REASSIGN OWNED BY "+quoted+" TO "+us+"; DROP OWNED BY "+quoted+" CASCADE; DROP ROLE "+quoted)
	require.NoError(t, err)
}
