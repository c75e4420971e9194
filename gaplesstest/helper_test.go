package gaplesstest_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/gaplesstest"
	"github.com/pggapless/gapless/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

// serverURL is where the tests of a program have their server, by a database that is not theirs.
func serverURL() string {
	database, err := pgtest.ForExamples(context.Background())
	if err != nil {
		panic(err)
	}
	return database.URL
}

// fake is a test that may fail.
type fake struct {
	testing.TB
	mu       sync.Mutex
	messages []string
	failed   bool
	cleanups []func()
}

func (f *fake) Helper()           {}
func (f *fake) Cleanup(do func()) { f.cleanups = append(f.cleanups, do) }

func (f *fake) Logf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = append(f.messages, fmt.Sprintf(format, args...))
}

func (f *fake) Errorf(format string, args ...any) {
	f.Logf(format, args...)
	f.failed = true
}

func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func (f *fake) Failed() bool { return f.failed }

// outcome is what a test says that does this, with its cleanup; "" if it passes.
func outcome(t *testing.T, do func(tb testing.TB)) string {
	t.Helper()
	f := &fake{TB: t}
	run := func(do func()) {
		done := make(chan struct{})
		go func() { defer close(done); do() }()
		<-done
	}
	run(func() { do(f) })
	for _, cleanup := range slices.Backward(f.cleanups) {
		run(cleanup)
	}
	if !f.failed {
		return ""
	}
	return strings.Join(f.messages, "\n")
}

// admin is a session in the server's database.
func admin(t *testing.T) *pgx.Conn {
	t.Helper()
	return connect(t, serverURL())
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func openSQL(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

type execer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// texts are the rows of a query with one column.
func texts(t *testing.T, db execer, query string, args ...any) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), query, args...)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return all
}

func exists(t *testing.T, name string) bool {
	t.Helper()
	return len(texts(t, admin(t), "SELECT datname::text FROM pg_database WHERE datname = $1", name)) > 0
}

// as is the same connection string for another role.
func as(t *testing.T, address, role string) string {
	t.Helper()
	if !strings.Contains(address, "://") {
		return address + " role=" + role
	}
	u, err := url.Parse(address)
	require.NoError(t, err)
	query := u.Query()
	query.Set("role", role)
	u.RawQuery = query.Encode()
	return u.String()
}

// login is the same for another user.
func login(t *testing.T, address, user string) string {
	t.Helper()
	if !strings.Contains(address, "://") {
		return address + " user=" + user
	}
	u, err := url.Parse(address)
	require.NoError(t, err)
	query := u.Query()
	query.Del("user")
	u.RawQuery = query.Encode()
	u.User = url.User(user)
	return u.String()
}

var _ gaplesstest.DB = (*pgx.Conn)(nil)

// runTest runs what is a test elsewhere, and prints what it says. Examples have no testing.T.
func runTest(test func(t testing.TB)) {
	f := &fake{TB: exampleTB{}}
	done := make(chan struct{})
	go func() { defer close(done); test(f) }()
	<-done
	said := strings.Join(f.messages, "\n")
	for _, cleanup := range slices.Backward(f.cleanups) {
		cleanup()
	}
	if !f.failed {
		fmt.Println("PASS")
		return
	}
	fmt.Println(regexp.MustCompile(`gaplesstest_\w+`).ReplaceAllString(said, "…"))
	fmt.Println("FAIL")
}

type exampleTB struct{ testing.TB }

func (exampleTB) Context() context.Context { return context.Background() }

func (f *fake) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }
