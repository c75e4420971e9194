// Package histories_test records what concurrent clients of two stacks see of a few sequences, and looks for an order of
// their transactions in which a gapless counter could have told them that. By default it plays so few histories that there was some of
// everything in them; with -duration=8s, for so long, and with twice as many transactions in each. It says its seed: GAPLESS_SEED repeats
// what a run decides, and -first begins with one of its histories.
package histories_test

import (
	"flag"
	"testing"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/pgtest"
)

var (
	duration = flag.Duration("duration", 0, "how long new histories are begun")
	first    = flag.Uint64("first", 1, "the number of the history to begin with")
)

func TestMain(m *testing.M) { pgtest.Main(citustest.Around(m), pgtest.Install) }
