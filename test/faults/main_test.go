// Package faults_test breaks what gapless stands on while many callers commit: backends, connections, disks, clocks, the
// server's maintenance and its end. Every case that has a workload ends with the same checks (workload.check): committed numbers
// are exactly the contiguous range and were committed in their order, everything that was acknowledged is there and nothing that
// nobody ordered, the audit is clean, and nothing waits. Where numbers or memory come to an end, requireOrdered does.
//
// GAPLESS_SEED repeats what a run decided, though not when it was done. -rounds=3 makes it a long one. Tests that need root
// (to mount small disks), or Debian's packages faketime and pgbouncer, run with -host only; what they miss then, they fail for:
//
//	go test -count=1 -timeout 60m ./test/faults -rounds 3 -host
//
// In a long run, or with -host, pg_upgrade makes another cluster of the same release, or of the one whose programs are in GAPLESS_UPGRADE_BIN.
//
// The root package's tests kill and stop the whole server, cut connections at COMMIT, end the flusher, promote standbys and
// restore dumps.
package faults_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

var (
	rounds = flag.Int("rounds", 1, "how often each fault strikes; with 1, only some of those of a kind do, chosen by the seed")
	host   = flag.Bool("host", false, "also run what needs root, or Debian's packages faketime and pgbouncer")
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

// onHost reports whether the tests that change the machine are asked for.
func onHost(t *testing.T) bool {
	t.Helper()
	if !*host {
		t.Log("not asked for: -host")
	}
	return *host
}

// newSeed is GAPLESS_SEED, or random; it is printed.
func newSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if asked := os.Getenv("GAPLESS_SEED"); asked != "" {
		var err error
		seed, err = strconv.ParseUint(asked, 10, 64)
		require.NoError(t, err, "GAPLESS_SEED")
	}
	t.Logf("GAPLESS_SEED=%d", seed)
	return seed
}

// some are a few of the faults of a kind, chosen at random, in a run of one round; in a longer one, all.
func some[T any](random *rand.Rand, all []T, few int) []T {
	if *rounds > 1 {
		return all
	}
	chosen := make([]T, few)
	for i, at := range random.Perm(len(all))[:few] {
		chosen[i] = all[at]
	}
	return chosen
}

func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(newSeed(t), 0))
}

// How long a state is waited for, at most, and how often it is looked at.
const (
	eventually = time.Minute
	tick       = 2 * time.Millisecond
)

// session is a connection of its own, with shorthands that fail the test.
type session struct {
	*pgx.Conn
	t *testing.T
}

func connect(t *testing.T, url string) session {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return session{conn, t}
}

// do runs a statement that must succeed.
func (s session) do(statement string, args ...any) {
	s.t.Helper()
	_, err := s.Exec(s.t.Context(), statement, args...)
	require.NoError(s.t, err, statement)
}

// refuse runs a statement that must fail with a SQLSTATE.
func (s session) refuse(code, statement string, args ...any) {
	s.t.Helper()
	_, err := s.Exec(s.t.Context(), statement, args...)
	require.Equal(s.t, code, codeOf(err), "%s: %v", statement, err)
}

// value returns the one value of a query.
func value[T any](s session, query string, args ...any) (v T) {
	s.t.Helper()
	require.NoError(s.t, s.QueryRow(s.t.Context(), query, args...).Scan(&v), query)
	return v
}

// values returns the one column of a query.
func values[T any](s session, query string, args ...any) []T {
	s.t.Helper()
	rows, err := s.Query(s.t.Context(), query, args...)
	require.NoError(s.t, err, query)
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(s.t, err, query)
	return all
}

// await blocks until a query gives true.
func (s session) await(query string, args ...any) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		var yes bool
		return s.QueryRow(s.t.Context(), query, args...).Scan(&yes) == nil && yes
	}, eventually, tick, query)
}
