// Package faults_test breaks what gapless stands on while many callers commit: backends, connections, disks, clocks, the
// server's maintenance and its end. Every case that has a workload ends with the same checks (workload.check): committed numbers
// are exactly the contiguous range and were committed in their order, everything that was acknowledged is there and nothing that
// nobody ordered, the audit is clean, and nothing waits. Where numbers or memory come to an end, requireOrdered does.
//
// GAPLESS_SEED repeats what a run decided, though not when it was done. -rounds=3 makes it a long one, with more callers and all faults.
// Tests that need root (to mount small disks), or Debian's packages faketime and pgbouncer, run with -host only; what they miss then, they
// fail for:
//
//	go test -count=1 -timeout 60m ./test/faults -rounds 3 -host
//
// In a long run, or with -host, pg_upgrade makes another cluster of the same release, or of the one whose programs are in GAPLESS_UPGRADE_BIN.
//
// The root package's tests kill and stop the whole server, cut connections at COMMIT, end the flusher, promote standbys and
// restore dumps.
package faults_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

var (
	rounds = flag.Int("rounds", 1, "how often each fault strikes; with 1, only some of those of a kind do, chosen by the seed, and fewer callers are there")
	host   = flag.Bool("host", false, "also run what needs root, or Debian's packages faketime and pgbouncer")
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

// wantHost skips the tests that change the machine, unless they are asked for.
func wantHost(t *testing.T) {
	t.Helper()
	if !*host {
		t.Skip("it needs root, or Debian's packages faketime and pgbouncer: asked for by -host")
	}
}

// size is one in a run of one round, and another in a longer one.
func size(short, long int) int {
	if *rounds > 1 {
		return long
	}
	return short
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
	return rand.New(rand.NewPCG(sqltest.NewSeed(t), 0))
}
