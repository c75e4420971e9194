package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pggapless/gapless"
)

var (
	queuedDesc       = desc("group_queued", "Batches of Send that wait for a transaction.")
	openDesc         = desc("group_open", "Transactions of the group committer that run or are being committed.")
	unflushedDesc    = desc("group_unflushed", "Transactions of the group committer that have committed and wait for a flush.")
	durableDesc      = desc("group_transactions_total", "Transactions of the group committer that are durable.")
	batchesDesc      = desc("group_batches_total", "Batches of Send that are durable.")
	flushesDesc      = desc("group_flushes_total", "Flushes that ended well.")
	flushTimeDesc    = desc("group_flush_seconds_total", "What those flushes took, together.")
	longestFlushDesc = desc("group_longest_flush_seconds", "What the longest of those flushes took.")
	connectionsDesc  = desc("group_connections_total", "Connections that there have been for flushes: after the first, each replaced one that broke.")
)

// GroupCollector shows what a [gapless.GroupCommitter] does, by its Stat. Make it with [NewGroupCollector].
type GroupCollector struct{ committer *gapless.GroupCommitter }

// NewGroupCollector returns a collector of the committer.
func NewGroupCollector(committer *gapless.GroupCommitter) *GroupCollector {
	return &GroupCollector{committer}
}

// Describe is prometheus.Collector's.
func (*GroupCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		queuedDesc, openDesc, unflushedDesc, durableDesc, batchesDesc, flushesDesc, flushTimeDesc, longestFlushDesc, connectionsDesc,
	} {
		to <- d
	}
}

// Collect is prometheus.Collector's. It takes no lock that a transaction waits for.
func (c *GroupCollector) Collect(to chan<- prometheus.Metric) {
	send, stat := sender{to}, c.committer.Stat()
	send.gauge(queuedDesc, float64(stat.Queued))
	send.gauge(openDesc, float64(stat.Open))
	send.gauge(unflushedDesc, float64(stat.Unflushed))
	send.counter(durableDesc, float64(stat.Transactions))
	send.counter(batchesDesc, float64(stat.Batches))
	send.counter(flushesDesc, float64(stat.Flushes))
	send.counter(flushTimeDesc, stat.FlushTime.Seconds())
	send.gauge(longestFlushDesc, stat.LongestFlush.Seconds())
	send.counter(connectionsDesc, float64(stat.Connections))
}
