package pgtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// query returns one value.
func query[T any](t *testing.T, url, sql string, args ...any) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, _ := conn.Query(t.Context(), sql, args...)
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	require.NoError(t, err)
	return value
}

const (
	exists   = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
	hasTable = "SELECT to_regclass('prepared') IS NOT NULL"
)

func TestNewHasWhatWasPreparedAndNewEmptyHasNot(t *testing.T) {
	t.Parallel()
	require.True(t, query[bool](t, New(t).URL, hasTable))
	require.False(t, query[bool](t, NewEmpty(t).URL, hasTable))
}

func TestTheDatabaseOfATestIsGoneAfterIt(t *testing.T) {
	t.Parallel()
	var d *Database
	t.Run("test", func(t *testing.T) {
		d = New(t)
		conn := d.Conn(t, func(c *pgx.ConnConfig) { c.RuntimeParams["application_name"] = "single" })
		pool := d.Pool(t, func(c *pgxpool.Config) { c.MaxConns = 3 })
		require.EqualValues(t, 3, pool.Config().MaxConns)
		require.NoError(t, pool.Ping(t.Context()))
		require.Equal(t, "single", conn.Config().RuntimeParams["application_name"])
		require.True(t, query[bool](t, d.URL, exists, d.Name))
	})
	require.False(t, query[bool](t, suite.server.URL(), exists, d.Name))
}

func TestManyCopiesAtOnce(t *testing.T) {
	t.Parallel()
	var g errgroup.Group
	var names sync.Map
	for range 8 {
		g.Go(func() error {
			d, err := suite.server.CreateDatabase(t.Context(), suite.template)
			if err != nil {
				return err
			}
			names.Store(d.Name, true)
			return d.Drop(t.Context())
		})
	}
	require.NoError(t, g.Wait())
	names.Range(func(name, _ any) bool {
		require.False(t, query[bool](t, suite.server.URL(), exists, name))
		return true
	})
}

func TestDropEndsSessionsAndPreparedTransactions(t *testing.T) {
	t.Parallel()
	d := NewEmpty(t)
	conn := d.Conn(t)
	for _, sql := range []string{"BEGIN", "CREATE TABLE t ()", "PREPARE TRANSACTION '" + d.Name + "'"} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.NoError(t, d.Drop(t.Context()))
	require.False(t, query[bool](t, suite.server.URL(), exists, d.Name))
	require.NoError(t, d.Drop(t.Context()), "dropping twice")
}

func TestACopyWaitsForTheSessionsInItsTemplate(t *testing.T) {
	t.Parallel()
	template := NewEmpty(t)
	blocker := template.Conn(t)

	ctx, cancel := context.WithCancel(t.Context())
	copies := make(chan *Database, 1)
	failures := make(chan error, 2)
	// Two callers: one sees the session go, the other gives up first.
	go func() {
		d, err := suite.server.CreateDatabase(t.Context(), template.Name)
		failures <- err
		copies <- d
	}()
	began := waitForAttempt(t, template.Name, time.Time{})
	waitForAttempt(t, template.Name, began) // the server has refused once, and this is the second attempt
	go func() {
		_, err := suite.server.CreateDatabase(ctx, template.Name)
		failures <- err
	}()
	cancel()
	require.ErrorIs(t, <-failures, context.Canceled)

	require.NoError(t, blocker.Close(t.Context()))
	require.NoError(t, <-failures)
	require.NoError(t, (<-copies).Drop(t.Context()))
}

// waitForAttempt waits until the template is copied by a statement that began later than that, and returns when it did.
func waitForAttempt(t *testing.T, template string, than time.Time) (began time.Time) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), suite.server.URL())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	const sql = `SELECT query_start FROM pg_stat_activity
		WHERE state = 'active' AND pid <> pg_backend_pid() AND query_start > $2 AND query LIKE 'CREATE DATABASE%' || $1 || '%' LIMIT 1`
	require.Eventually(t, func() bool {
		return conn.QueryRow(t.Context(), sql, template, than).Scan(&began) == nil
	}, 30*time.Second, 20*time.Millisecond)
	return began
}

func TestAMissingTemplateIsAnError(t *testing.T) {
	t.Parallel()
	_, err := suite.server.CreateDatabase(t.Context(), "no such template")
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, err)
	require.Equal(t, "3D000", pgErr.Code)
}
