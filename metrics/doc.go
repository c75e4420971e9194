// Package metrics has Prometheus collectors of gapless:
//
//   - [Collector] reads a database: what was issued, who waits, what the ranges have left, whether all guards are whole,
//     what the last recorded audit found. `gapless metrics` serves it, for those who have no Go program.
//   - [Observer] counts in a Go program what the database does not know: attempts, retries, waits, what was refused.
//   - [GroupCollector] shows a [gapless.GroupCommitter].
//
// Each is a [prometheus.Collector], and starts no goroutine. Several databases, or several committers, are told apart by
// labels of [prometheus.WrapRegistererWith].
//
// metrics/grafana/gapless.json is a dashboard for them, and metrics/prometheus/alerts.yml has alerts.
package metrics
