package connstring_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/connstring"
)

func TestTheSameServerWithAnotherDatabase(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"postgres://u:p@h:1/db?sslmode=disable":     "postgres://u:p@h:1/n?sslmode=disable",
		"postgresql://h":                            "postgresql://h/n",
		"postgres://u@/db?host=%2Fa%2Fb&dbname=old": "postgres://u@/n?host=%2Fa%2Fb",
		"host=h dbname=old":                         "host=h dbname=old dbname=n",
	} {
		got, err := connstring.WithDatabase(given, "n")
		require.NoError(t, err)
		require.Equal(t, want, got)
		config, err := pgx.ParseConfig(got)
		require.NoError(t, err)
		require.Equal(t, "n", config.Database)
	}
	_, err := connstring.WithDatabase("postgres://u:secret@h:port/db", "n")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}
