package pgtest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wantDocker skips a test where nobody has asked for containers (GAPLESS_REQUIRE_DOCKER, GAPLESS_TEST_IMAGE or
// GAPLESS_TEST_PROVIDER), as CI does: a newcomer's first run of the tests pulls no image.
func wantDocker(t *testing.T) {
	t.Helper()
	if os.Getenv("GAPLESS_REQUIRE_DOCKER")+os.Getenv(imageVariable) == "" && os.Getenv("GAPLESS_TEST_PROVIDER") != "docker" {
		t.Skip("a container runs where GAPLESS_REQUIRE_DOCKER=1 asks for it")
	}
}

func TestAServerInDocker(t *testing.T) {
	t.Parallel()
	wantDocker(t)
	s, err := Start(t.Context(), with(nil), WithProvider("docker"), WithSettings(map[string]string{"commit_delay": "17"}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.Regexp(t, `^PostgreSQL \d\S+ in Docker \(\S+\)$`, s.Provider())
	for name, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "server_encoding": "UTF8",
		"max_prepared_transactions": "10", "max_connections": "200", "commit_delay": "17",
	} {
		require.Equal(t, want, query[string](t, s.URL(), "SELECT current_setting($1)", name), name)
	}
	require.True(t, query[bool](t, s.URL(), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))

	template, err := s.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	clone, err := s.CreateDatabase(t.Context(), template.Name)
	require.NoError(t, err)
	require.True(t, query[bool](t, clone.URL, exists, clone.Name))

	require.NoError(t, s.Close())
	_, err = ask(t.Context(), s.URL())
	require.Error(t, err, "it still answers")
	require.NoError(t, s.Close(), "closing twice")
}

func TestAServerInDockerThatRefusesItsSettingsSaysWhy(t *testing.T) {
	t.Parallel()
	wantDocker(t)
	_, err := Start(t.Context(), with(nil), WithProvider("docker"), WithSettings(map[string]string{"no_such_thing": "1"}))
	require.ErrorContains(t, err, `unrecognized configuration parameter "no_such_thing"`)
}

// TestAServerInDockerThatDoesNotAnswerShowsItsLog has a server that listens inside its container only.
func TestAServerInDockerThatDoesNotAnswerShowsItsLog(t *testing.T) {
	t.Parallel()
	wantDocker(t)
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	_, err := Start(ctx, with(nil), WithProvider("docker"), WithSettings(map[string]string{"listen_addresses": "localhost"}))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "database system is ready to accept connections")
}
