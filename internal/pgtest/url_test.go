//go:build unix

package pgtest

import (
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func givenServer(address string) Option {
	return with(map[string]string{urlVariable: address})
}

func TestInAGivenServerOnlyOurDatabasesAreDropped(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	given := startProgramsServer(t)
	theirs, err := given.CreateDatabase(t.Context(), "")
	require.NoError(t, err)

	s, err := Start(t.Context(), givenServer(theirs.URL), WithSettings(map[string]string{"fsync": "off"}))
	require.NoError(t, err)
	require.Regexp(t, `^the server of GAPLESS_DATABASE_URL \(PostgreSQL \d\S+\)$`, s.Provider())
	require.Equal(t, theirs.URL, s.URL())
	template, err := s.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	clone, err := s.CreateDatabase(t.Context(), template.Name)
	require.NoError(t, err)
	conn := clone.Conn(t) // a session does not keep the database
	require.NoError(t, conn.Ping(t.Context()))

	require.NoError(t, s.Close())
	require.Error(t, conn.Ping(t.Context()))
	for _, d := range []*Database{template, clone} {
		require.False(t, query[bool](t, given.URL(), exists, d.Name))
	}
	require.True(t, query[bool](t, theirs.URL, exists, theirs.Name))
	require.Equal(t, "on", query[string](t, theirs.URL, "SHOW fsync"))
}

func TestAGivenServerThatDoesNotAnswerIsAnError(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), givenServer("postgres://u:secret@/db?host="+url.QueryEscape(t.TempDir())))
	require.ErrorContains(t, err, "url: cannot connect to the server of GAPLESS_DATABASE_URL")
	require.NotContains(t, err.Error(), "programs")
	require.NotContains(t, err.Error(), "secret")
}

func TestARoleThatMayNotCreateDatabasesIsAnError(t *testing.T) {
	t.Parallel()
	wantPrograms(t)
	given := startProgramsServer(t)
	d, err := given.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, execute(t.Context(), d.URL, `CREATE ROLE "no one" LOGIN`))
	u, err := url.Parse(d.URL)
	require.NoError(t, err)
	u.User = url.User("no one")
	_, err = Start(t.Context(), givenServer(u.String()))
	require.ErrorContains(t, err, `ALTER ROLE "no one" CREATEDB`)

	// Who is allowed to can do all of it without being a superuser.
	require.NoError(t, execute(t.Context(), d.URL, `ALTER ROLE "no one" CREATEDB`))
	s, err := Start(t.Context(), givenServer(u.String()))
	require.NoError(t, err)
	template, err := s.CreateDatabase(t.Context(), "")
	require.NoError(t, err)
	clone, err := s.CreateDatabase(t.Context(), template.Name)
	require.NoError(t, err)
	require.NoError(t, clone.Drop(t.Context()))

	// A superuser's session (autovacuum's is one) may not be ended by that role, and is waited for.
	u.Path = "/" + template.Name
	u.User = url.User("postgres")
	theirs, err := pgx.Connect(t.Context(), u.String())
	require.NoError(t, err)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	require.Eventually(t, func() bool {
		return query[bool](t, given.URL(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE 'DROP DATABASE%' || $1 || '"')`, template.Name)
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, theirs.Close(t.Context()))
	require.NoError(t, <-closed)
	require.False(t, query[bool](t, given.URL(), exists, template.Name))
}
