package pg

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// RequireHelpful checks what every error of ours has, so that people know what to do, and programs need no text.
func RequireHelpful(t *testing.T, err *pgconn.PgError) {
	t.Helper()
	require.NotEmpty(t, err.Hint, err.Message)
	require.Equal(t, "gapless", err.SchemaName, err.Message)
}

// RequireAbout checks the fields of an error about an attached column.
func RequireAbout(t *testing.T, err *pgconn.PgError, table, fault string) {
	t.Helper()
	require.NotEmpty(t, err.Hint, err.Message)
	require.Equal(t, table, err.TableName, err.Message)
	require.NotEmpty(t, err.SchemaName, err.Message)
	require.NotEmpty(t, err.ColumnName, err.Message)
	require.Equal(t, "gapless_"+fault, err.ConstraintName, err.Message)
}

// Unexplained is what the audit does not explain.
const Unexplained = `SELECT concat_ws(' ', sequence, attached_column, kind, first_value, explanation) FROM gapless.audit_gapless() WHERE NOT explained`
