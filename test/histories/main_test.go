// Package histories_test records what concurrent clients of two stacks see of a few sequences, and looks for an order of
// their transactions in which a gapless counter could have told them that. It runs for -duration, by default for a few
// seconds, and says its seed: GAPLESS_SEED repeats what a run decides, and -first begins with one of its histories.
package histories_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

var (
	duration = flag.Duration("duration", 8*time.Second, "how long new histories are begun")
	first    = flag.Uint64("first", 1, "the number of the history to begin with")
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

// newSeed is the one of GAPLESS_SEED, or a new one, which is logged.
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
