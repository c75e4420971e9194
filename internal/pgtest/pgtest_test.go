package pgtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// with is this machine with only these environment variables, and those that say where things are.
func with(env map[string]string) Option {
	h := thisHost()
	h.getenv = func(name string) string {
		value, ok := env[name]
		if !ok && (name == binVariable || name == imageVariable) {
			return os.Getenv(name)
		}
		return value
	}
	return withHost(h)
}

// bare is a machine that has nothing.
func bare() host {
	return host{
		getenv:   func(string) string { return "" },
		lookPath: func(string) (string, error) { return "", exec.ErrNotFound },
		glob:     func(string) ([]string, error) { return nil, nil },
		tempDir:  os.TempDir,
		docker:   []string{"sh", "-c", `echo '{"error": "no Docker engine answers; start it: no such socket"}'; read -r _ || true`},
	}
}

func TestWithNothingToRunOnTheErrorSaysWhatWasTriedAndWhatToInstall(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), withHost(bare()))
	for _, part := range []string{
		"url: GAPLESS_DATABASE_URL is not set", "programs: ", "docker: no Docker engine answers; start it: no such socket",
		"apt-get install -y postgresql", "brew install postgresql@18", "start Docker", "export GAPLESS_DATABASE_URL=",
	} {
		require.ErrorContains(t, err, part)
	}
}

func TestAProviderThatIsAskedForIsTheOnlyOneTried(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"url":      "url: GAPLESS_DATABASE_URL is not set",
		"programs": "programs: no initdb and postgres in PATH, in pg_config's folder or where packages put them; install PostgreSQL, or set GAPLESS_PG_BIN",
		"docker":   "docker: no Docker engine answers; start it: no such socket",
	} {
		_, err := Start(t.Context(), withHost(bare()), WithProvider(name))
		require.EqualError(t, err, "pgtest: WithProvider asks for "+want)
	}
}

func TestAnUnknownProviderIsAnError(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), withHost(bare()), WithProvider("oracle"))
	require.EqualError(t, err, `pgtest: WithProvider asks for the provider "oracle"; there are "url", "programs" and "docker"`)

	_, err = Start(t.Context(), with(map[string]string{"GAPLESS_TEST_PROVIDER": "db2"}), WithProvider("programs"))
	require.EqualError(t, err, `pgtest: GAPLESS_TEST_PROVIDER asks for the provider "db2"; there are "url", "programs" and "docker"`)
}

func TestAnEndedContextStartsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("changed my mind"))
	_, err := Start(ctx, withHost(bare()))
	require.EqualError(t, err, "pgtest: changed my mind")
}

func TestAFolderInGaplessPGBinWithoutProgramsIsAnError(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), with(map[string]string{binVariable: t.TempDir()}))
	require.ErrorContains(t, err, "GAPLESS_PG_BIN is "+os.TempDir())
	require.ErrorContains(t, err, "no initdb and postgres in it")
	require.NotContains(t, err.Error(), "docker")
}

func TestProgramsInGaplessPGBinThatDoNotWorkAreAnError(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, name := range []string{"initdb", "postgres"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho broken; exit 1\n"), 0o755))
	}
	_, err := Start(t.Context(), with(map[string]string{binVariable: bin}))
	require.ErrorContains(t, err, "programs: PostgreSQL ended")
	require.NotContains(t, err.Error(), "docker")
}

func TestTheNewestVersionInAPlaceIsTakenFirst(t *testing.T) {
	t.Parallel()
	h := bare()
	h.glob = func(pattern string) ([]string, error) {
		if pattern != "/usr/lib/postgresql/*/bin" {
			return nil, nil
		}
		return []string{"/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/9.6/bin", "/usr/lib/postgresql/18/bin"}, nil
	}
	require.Equal(t, []string{"/usr/lib/postgresql/18/bin", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/9.6/bin"}, candidates(h))
	h.lookPath = func(program string) (string, error) {
		if filepath.Dir(program) == "/usr/lib/postgresql/15/bin" {
			return program, nil
		}
		return "", exec.ErrNotFound
	}
	bin, err := findPrograms(h)
	require.NoError(t, err)
	require.Equal(t, "/usr/lib/postgresql/15/bin", bin)
}
