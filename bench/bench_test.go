// Package bench measures gapless against its peers.
//
//	go test -run '^$' -bench Strict -benchtime 5x ./bench         # 5 interleaved rounds, about 2 minutes
//	go test -run '^$' -bench OldSnapshot -benchtime 1x ./bench    # about 2 minutes
//	go test -run '^$' -bench 'Attach|AtCommit|Audit' -benchtime 5x ./bench    # columns that number themselves: about 3 minutes
//
// Only ratios taken in one run mean anything on a machine that is shared: every round runs each contender for a moment,
// one after the other, and what is reported is the median over the rounds. The server is a throwaway one with
// PostgreSQL's defaults (fsync and synchronous_commit on), or that of GAPLESS_DATABASE_URL, whose role has to be a superuser.
package bench

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

var (
	slice = flag.Duration("slice", time.Second, "how long a contender runs in each round")
	phase = flag.Duration("phase", 10*time.Second, "how long each contender runs in each of the four phases of OldSnapshot")
)

func TestMain(m *testing.M) { pgtest.Main(m, nil) }

// BenchmarkStrict has each commit flushed before its lock is released, which is PostgreSQL's default.
func BenchmarkStrict(b *testing.B) {
	for _, shape := range shapes {
		for _, clients := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/clients=%d", shape.name, clients), func(b *testing.B) {
				database := newDatabase(b, contenders)
				conns := connect(b, database, clients, diskFlush)
				round := func(length time.Duration) map[string]float64 {
					rates := map[string]float64{}
					for _, c := range contenders {
						rates[c.name] = rate(b, conns, shape, c, length)
					}
					return rates
				}
				round(*slice / 5) // warms caches and plans
				perSecond := map[string][]float64{}
				ratios := map[string][]float64{}
				for b.Loop() {
					rates := round(*slice)
					for name, r := range rates {
						perSecond[name] = append(perSecond[name], r)
					}
					ratios["upsert"] = append(ratios["upsert"], rates["gapless"]/rates["upsert"])
					ratios["nextval"] = append(ratios["nextval"], rates["gapless"]/rates["nextval"])
				}
				b.StopTimer()
				requireGapless(b, conns[0], contenders)
				b.ReportMetric(0, "ns/op") // a round's length says nothing
				for name, rates := range perSecond {
					b.ReportMetric(median(rates), name+"/s")
				}
				b.ReportMetric(median(ratios["upsert"]), "×upsert")
				b.ReportMetric(median(ratios["nextval"]), "×nextval")
			})
		}
	}
}

// BenchmarkOldSnapshot has one old snapshot open while 4 clients with asynchronous commit allocate, in four phases.
// PostgreSQL must then keep every dead row version. Within a phase the contenders take turns, so that the machine's own
// ups and downs meet all of them; nextval, which leaves no dead versions, shows how large those are. Reported is the
// last phase's rate over the first's.
func BenchmarkOldSnapshot(b *testing.B) {
	const phases = 4
	database := newDatabase(b, contenders)
	conns := connect(b, database, 4, noFlush)
	statement := shapes[0]
	ratios := map[string][]float64{}
	for _, c := range contenders {
		rate(b, conns, statement, c, *slice) // warms caches and plans
	}
	for b.Loop() {
		old := database.Conn(b)
		_, err := old.Exec(b.Context(), "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
		require.NoError(b, err)
		rates := map[string][phases]float64{}
		for i := range phases {
			turns := map[string][]float64{}
			for range max(1, int(*phase / *slice)) {
				for _, c := range contenders {
					turns[c.name] = append(turns[c.name], rate(b, conns, statement, c, *slice))
				}
			}
			for name, turn := range turns {
				r := rates[name]
				r[i] = median(turn)
				rates[name] = r
			}
		}
		_, err = old.Exec(b.Context(), "COMMIT")
		require.NoError(b, err)
		for _, c := range contenders {
			r := rates[c.name]
			b.Logf("%-8s %.0f a second, phase by phase", c.name, r)
			ratios[c.name] = append(ratios[c.name], r[phases-1]/r[0])
		}
	}
	requireGapless(b, conns[0], contenders)
	b.ReportMetric(0, "ns/op")
	for name, r := range ratios {
		b.ReportMetric(median(r), name+":last/first")
	}
}

// How a session's commits reach the disk.
var (
	diskFlush = map[string]string{"synchronous_commit": "on", "commit_delay": "0"}

	// As on a cloud disk: PostgreSQL itself waits for 1 ms before each flush.
	slowFlush = map[string]string{"synchronous_commit": "on", "commit_delay": "1000", "commit_siblings": "0"}

	noFlush = map[string]string{"synchronous_commit": "off"}
)

// connect opens the clients' connections.
func connect(b *testing.B, database *pgtest.Database, clients int, parameters map[string]string) []*pgx.Conn {
	b.Helper()
	conns := make([]*pgx.Conn, clients)
	for i := range conns {
		conns[i] = database.Conn(b, func(config *pgx.ConnConfig) {
			maps.Copy(config.RuntimeParams, parameters)
		})
	}
	return conns
}

// rate runs transactions on every connection for a while, and returns how many were committed in a second.
func rate(b *testing.B, conns []*pgx.Conn, shape shape, c contender, length time.Duration) float64 {
	b.Helper()
	var committed atomic.Int64
	var clients sync.WaitGroup
	failures := make([]error, len(conns))
	begin := time.Now()
	for i, conn := range conns {
		clients.Go(func() {
			for time.Since(begin) < length && failures[i] == nil {
				failures[i] = shape.run(b.Context(), conn, c)
				committed.Add(1)
			}
		})
	}
	clients.Wait()
	took := time.Since(begin)
	require.NoError(b, errors.Join(failures...))
	return float64(committed.Load()) / took.Seconds()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
