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

func TestTheSameDatabaseOfAnotherServer(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"postgres://u:p@h:1/db?sslmode=disable":     "postgres://u:p@n:2/db?sslmode=disable",
		"postgres://u@/db?host=%2Fa%2Fb&port=5&x=y": "postgres://u@n:2/db?x=y",
		"host=h port=1 dbname=db":                   "host=h port=1 dbname=db host=n port=2",
	} {
		got, err := connstring.WithHost(given, "n", 2)
		require.NoError(t, err)
		require.Equal(t, want, got)
		config, err := pgx.ParseConfig(got)
		require.NoError(t, err)
		require.Equal(t, []any{"n", uint16(2), "db"}, []any{config.Host, config.Port, config.Database})
	}
}
