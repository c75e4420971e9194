package gaplesstest_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/gaplesstest"
	"github.com/pggapless/gapless/internal/pgtest"
)

// ofItsOwn is a schema that no other test has.
func ofItsOwn(t *testing.T) string {
	return fmt.Sprintf("CREATE TABLE public.notes (number bigint UNIQUE); SELECT gapless.attach_gapless('public.notes', 'number'); -- %s %d", t.Name(), time.Now().UnixNano())
}

// dropTemplate drops the template of a schema when the test ends.
func dropTemplate(t *testing.T, url, schema string) string {
	t.Helper()
	name, err := gaplesstest.TemplateName(t.Context(), url, schema)
	require.NoError(t, err)
	dropAfter(t, name)
	return name
}

func dropAfter(t *testing.T, name string) {
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, serverURL())
		require.NoError(t, err)
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
		require.NoError(t, err)
	})
}

func TestADatabaseIsDroppedWithWhoeverIsConnected(t *testing.T) {
	t.Parallel()
	schema := ofItsOwn(t)
	template := dropTemplate(t, serverURL(), schema)
	var name string
	var left *pgx.Conn
	require.Empty(t, outcome(t, func(tb testing.TB) {
		db := gaplesstest.New(tb, serverURL(), schema)
		name = db.Name
		require.True(t, exists(t, name))
		left = connect(t, db.URL)
		require.Equal(t, []string{name}, texts(t, left, "SELECT current_database()::text"))
		require.Equal(t, []string{"1"}, texts(t, db.Pool(), "INSERT INTO notes DEFAULT VALUES RETURNING number::text"))
		pool := db.Pool()
		require.Same(t, pool, db.Pool())
		if texts(t, left, "SHOW max_prepared_transactions")[0] != "0" {
			_, err := left.Exec(t.Context(), "BEGIN; INSERT INTO notes DEFAULT VALUES; PREPARE TRANSACTION 'left'")
			require.NoError(t, err)
		}
	}))
	require.False(t, exists(t, name))
	require.Error(t, left.Ping(t.Context()))
	require.True(t, exists(t, template), "the next test has it")
	require.Empty(t, outcome(t, func(tb testing.TB) {
		gaplesstest.RequireSound(tb, gaplesstest.New(tb, serverURL(), schema).Pool())
	}))
}

func TestAFailureNamesTheDatabase(t *testing.T) {
	t.Parallel()
	var name string
	said := outcome(t, func(tb testing.TB) {
		name = gaplesstest.New(tb, serverURL()).Name
		tb.Errorf("something else")
	})
	require.Contains(t, said, "something else")
	require.Contains(t, said, name)
}

func TestWhatCannotBeMadeFailsTheTestAndLeavesNothing(t *testing.T) {
	t.Parallel()
	said := outcome(t, func(tb testing.TB) { gaplesstest.New(tb, serverURL(), "CREATE TABLE broken (") })
	require.Contains(t, said, "42601")
	wrong := "SELECT 1 / 0; -- " + t.Name()
	require.Contains(t, outcome(t, func(tb testing.TB) { gaplesstest.New(tb, serverURL(), wrong) }), "division by zero")
	template, err := gaplesstest.TemplateName(t.Context(), serverURL(), wrong)
	require.NoError(t, err)
	require.Empty(t, texts(t, admin(t), "SELECT datname::text FROM pg_database WHERE datname = $1 OR starts_with(datname, $2)", template, gaplesstest.Making(template)))
	require.Contains(t, outcome(t, func(tb testing.TB) { gaplesstest.New(tb, "postgres:///nothing?host=/nowhere") }), "connecting to the server")
}

func TestASchemaThatIsNotCommittedIsAnError(t *testing.T) {
	t.Parallel()
	said := outcome(t, func(tb testing.TB) { gaplesstest.New(tb, serverURL(), "BEGIN; CREATE TABLE invoices ()") })
	require.Contains(t, said, "begin a transaction, and do not end it")
}

func TestTestsAtOnceMakeOneTemplate(t *testing.T) {
	t.Parallel()
	schema := ofItsOwn(t)
	template := dropTemplate(t, serverURL(), schema)
	elsewhere := pgtest.NewEmpty(t).URL // where another lock is
	var tests sync.WaitGroup
	said := make([]string, 8)
	for i := range said {
		tests.Go(func() {
			said[i] = outcome(t, func(tb testing.TB) {
				url := serverURL()
				if i%4 == 3 {
					url = elsewhere
				}
				db := gaplesstest.New(tb, url, schema)
				for want := range 3 {
					require.Equal(t, []string{strconv.Itoa(want + 1)}, texts(t, db.Pool(), "INSERT INTO notes DEFAULT VALUES RETURNING number::text"))
				}
			})
		})
	}
	tests.Wait()
	require.Empty(t, strings.Join(said, ""))
	require.Equal(t, []string{template}, texts(t, admin(t), "SELECT datname::text FROM pg_database WHERE datname = $1 OR starts_with(datname, $2)", template, gaplesstest.Making(template)))
}

func TestWhatKilledTestsLeftIsDropped(t *testing.T) {
	t.Parallel()
	schema, conn, url := ofItsOwn(t), admin(t), pgtest.NewEmpty(t).URL
	template := dropTemplate(t, url, schema)
	old, young := gaplesstest.Stamp(time.Now().Add(-25*time.Hour)), gaplesstest.Stamp(time.Now().Add(-time.Hour))
	unique := strings.TrimPrefix(gaplesstest.Making(template), "gaplesstest_making_")
	for name, stays := range map[string]bool{
		gaplesstest.Making(template) + young + "_half":       false, // this one is made again
		"gaplesstest_making_other" + unique + old + "_half":  false,
		"gaplesstest_making_other" + unique + young + "_hal": true,
		"gaplesstest_" + old + "_" + unique:                  false,
		"gaplesstest_" + young + "_" + unique:                true,
		"gaplesstest_template_old_" + unique:                 false,
		"gaplesstest_template_young_" + unique:               true,
	} {
		_, err := conn.Exec(t.Context(), "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
		require.NoError(t, err)
		dropAfter(t, name)
		made := old
		if stays {
			made = young
		}
		_, err = conn.Exec(t.Context(), fmt.Sprintf("COMMENT ON DATABASE %s IS '_%s_'", pgx.Identifier{name}.Sanitize(), made))
		require.NoError(t, err)
		defer func() { require.Equal(t, stays, exists(t, name), name) }()
	}
	used := "gaplesstest_" + old + "_used" + unique[:8]
	_, err := conn.Exec(t.Context(), "CREATE DATABASE "+used)
	require.NoError(t, err)
	dropAfter(t, used)
	config := conn.Config().Copy()
	config.Database = used
	user, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer user.Close(t.Context())
	require.Empty(t, outcome(t, func(tb testing.TB) { gaplesstest.New(tb, url, schema) }))
	require.True(t, exists(t, used), "somebody uses it")
}

func TestARoleThatIsNoSuperuser(t *testing.T) {
	t.Parallel()
	conn := admin(t)
	role := fmt.Sprintf("gaplesstest_%d", time.Now().UnixNano())
	_, err := conn.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN CREATEDB")
	require.NoError(t, err)
	url := as(t, serverURL(), role)
	logsIn := connect(t, serverURL()).Config().Copy() // where the server asks for no password
	logsIn.User = role
	if user, err := pgx.ConnectConfig(t.Context(), logsIn); err == nil {
		require.NoError(t, user.Close(t.Context()))
		url = login(t, serverURL(), role)
	}
	template, err := gaplesstest.TemplateName(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, statement := range []string{"DROP DATABASE IF EXISTS " + template, "DROP ROLE " + role} {
			_, err := conn.Exec(ctx, statement)
			require.NoError(t, err)
		}
	})
	for range 2 {
		require.Empty(t, outcome(t, func(tb testing.TB) {
			db := gaplesstest.New(tb, url)
			require.Equal(t, []string{role}, texts(t, db.Pool(), "SELECT current_user::text WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"))
			t.Log("who logged in:", texts(t, db.Pool(), "SELECT session_user::text"))
			texts(t, db.Pool(), "CREATE TABLE notes (number bigint UNIQUE)")
			texts(t, db.Pool(), "SELECT 'done' FROM gapless.attach_gapless('notes', 'number')")
			require.Equal(t, []string{"1"}, texts(t, db.Pool(), "INSERT INTO notes DEFAULT VALUES RETURNING number::text"))
			gaplesstest.RequireSound(tb, db.Pool())
			gaplesstest.Reset(tb, db.Pool())
			require.Equal(t, []string{"1"}, texts(t, db.Pool(), "INSERT INTO notes DEFAULT VALUES RETURNING number::text"))
		}))
	}
}

// TestNoGoroutineIsLeft is not parallel.
func TestNoGoroutineIsLeft(t *testing.T) { //nolint:paralleltest // it counts them
	check := pgtest.WatchGoroutines(t)
	require.Empty(t, outcome(t, func(tb testing.TB) {
		texts(t, gaplesstest.New(tb, serverURL()).Pool(), "SELECT 'used'")
	}))
	check()

	gaplesstest.ReleaseAfter(t, 10*time.Millisecond)
	var release func()
	said := outcome(t, func(tb testing.TB) {
		conn, err := gaplesstest.New(tb, serverURL()).Pool().Acquire(t.Context())
		require.NoError(t, err)
		release = conn.Release
	})
	require.Contains(t, said, "1 connections of its pool were never released")
	release()
	check()
}
