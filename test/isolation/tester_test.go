package isolation_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// tester is PostgreSQL's isolation tester, of 14 or newer. Where it is not given, there is nothing to run: plain "go test"
// has the other tests of this package. test/isolation/install finds it.
var tester = os.Getenv("GAPLESS_ISOLATIONTESTER")

// TestMain says on stderr which of both it is, since "ok" would not.
func TestMain(m *testing.M) {
	if _, set := os.LookupEnv("GAPLESS_ISOLATIONTESTER"); set && tester == "" {
		fmt.Fprintln(os.Stderr, "isolation: GAPLESS_ISOLATIONTESTER is empty: test/isolation/install has failed")
		os.Exit(1)
	}
	if tester == "" {
		fmt.Fprintln(os.Stderr, "isolation: no GAPLESS_ISOLATIONTESTER, so the specs are checked and not run; make isolation runs them")
	}
	os.Exit(m.Run())
}

// startServer starts the server to run the specs on.
func startServer(t *testing.T) *pgtest.OwnServer {
	t.Helper()
	// Statistics that come at some moment would change plans, and with them what SERIALIZABLE sees as read.
	// Nothing here is to survive a crash.
	server := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"autovacuum": "off", "jit": "off", "fsync": "off"}))
	t.Log(server.Provider())
	return server
}

// What differs from run to run in what is printed: transaction ids, and which of a column's triggers PostgreSQL misses
// first, where another session has detached the column.
var (
	xid     = regexp.MustCompile(`\btransaction \d+`)
	trigger = regexp.MustCompile(`"~gapless_\w+"`)
)

// run has the tester run a spec, and returns what it printed: with the SQLSTATE before each error's message, which
// the tester would not show.
func run(t *testing.T, database *pgtest.Database, file string) string {
	t.Helper()
	spec, err := os.ReadFile(file)
	require.NoError(t, err)
	config, err := pgconn.ParseConfig(database.URL)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, tester, fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=%s sslmode=disable gssencmode=disable",
		showCodes(t, config), config.User, config.Database))
	cmd.Env = append(os.Environ(), "PGPASSWORD="+config.Password, "PGISOLATIONTIMEOUT=120")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(spec), &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s", &stderr)
	require.Empty(t, stderr.String())
	printed := xid.ReplaceAllString(stdout.String(), "transaction ...")
	return trigger.ReplaceAllString(printed, `"~gapless_..."`)
}
