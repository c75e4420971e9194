package sqltest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// NewSeed is the one of GAPLESS_SEED, or a new one, which is logged.
func NewSeed(t *testing.T) uint64 {
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
