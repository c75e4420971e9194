package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Option changes what [NewCollector] does.
type Option func(*Collector)

// WithTimeout sets how long a scrape may take. The server ends its statements then, and gapless_up is 0. Defaults to 5
// seconds, as Prometheus's own limit is 10.
func WithTimeout(timeout time.Duration) Option {
	return func(c *Collector) { c.timeout = timeout }
}

// WithRefresh sets how often is read what takes longer: the attached columns and their guards, what doctor finds, the last
// audit, and all series instead of those in which something happened. In between, scrapes have what was read before.
// Defaults to a minute; 0 is at each scrape.
func WithRefresh(interval time.Duration) Option {
	return func(c *Collector) { c.refresh = interval }
}

// WithSeriesLimit sets how many series have metrics of their own, by the label series. Defaults to 200; 0 is none. The
// metrics without that label are of all series, so
//
//	sum(rate(gapless_issued_total[5m])) - sum(rate(gapless_series_issued_total[5m]))
//
// is what the others issue.
//
// Those in which a number was issued last come first. A series keeps its place as long as something is issued in it, or
// waits for it: only when nothing has happened for an hour does another one get its place, and only one in which something
// does. So Prometheus does not get new labels at each scrape where there are more series than places. One whose range comes
// to its end gets a place at once.
func WithSeriesLimit(limit int) Option {
	return func(c *Collector) { c.shown.limit = limit }
}

// WithSeriesLike gives metrics of their own only to series whose names are like the pattern, as LIKE has it: 'invoice/%'.
// Defaults to all.
func WithSeriesLike(pattern string) Option {
	return func(c *Collector) { c.like = &pattern }
}

// WithLogger logs what a scrape could not read: once, and again when it is something else. Defaults to no log.
func WithLogger(logger *slog.Logger) Option {
	return func(c *Collector) { c.logger = logger }
}

// Collector reads a database when it is scraped. It takes no lock that an allocation waits for. Make it with [NewCollector].
//
// The role needs SELECT on the tables of schema gapless, and pg_monitor to see how long others hold a series; see
// docs/operations.md. When the database does not answer, a scrape has gapless_up 0, and what counts for this process alone.
//
// PostgreSQL does not count what it refuses: [Observer] does, in the program that was refused.
type Collector struct {
	pool    *pgxpool.Pool
	timeout time.Duration
	refresh time.Duration
	like    *string
	logger  *slog.Logger
	now     func() time.Time

	errors *prometheus.CounterVec

	mu     sync.Mutex // scrapes take turns
	series seriesState
	shown  shown
	checks checks
	logged map[string]string // by part: what was logged last
}

// NewCollector returns a collector that takes a connection of the pool for each scrape. It connects when it is scraped.
func NewCollector(pool *pgxpool.Pool, opts ...Option) *Collector {
	c := &Collector{
		pool: pool, timeout: 5 * time.Second, refresh: time.Minute, now: time.Now, logger: slog.New(slog.DiscardHandler),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gapless_scrape_errors_total",
			Help: "Parts of scrapes that could not be read, by part: connect, series, holders, server or checks.",
		}, []string{"part"}),
		shown: shown{limit: 200}, logged: map[string]string{},
	}
	for _, part := range parts {
		c.errors.WithLabelValues(part)
	}
	for _, opt := range opts {
		opt(c)
	}
	return c
}

// desc is a metric of the database, as it is now.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("gapless_"+name, help, labels, nil)
}

var (
	upDesc       = desc("up", "Whether the last scrape read all that it should from the database (1) or not (0).")
	durationDesc = desc("scrape_duration_seconds", "How long the last scrape took.")

	standbyDesc  = desc("standby", "Whether the server is a standby (1), on which nothing is issued, or not (0).")
	journalDesc  = desc("journal_bytes", "Size of the journal with its indexes.")
	preparedDesc = desc("prepared_transactions", "Prepared transactions in this database.")
	oldestDesc   = desc("prepared_transaction_age_seconds", "How long ago the oldest prepared transaction of this database was prepared; 0 if there is none.")

	seriesDesc = desc("series", "Series that there are.")
	shownDesc  = desc("series_shown", "Series that have metrics of their own, by the label series.")
	dueDesc    = desc("ranges_due", "Series for which a new range of numbers is due, by gapless.sequences.warning.")
	issuedDesc = desc("issued_total", "Numbers that were issued in all series, those that are deleted included as long as this process runs.")

	waitingDesc  = desc("waiting_transactions", "Transactions that wait for a series.")
	longestDesc  = desc("longest_wait_seconds", "How long the transaction that waits longest for a series has done so; 0 if none waits.")
	holdingDesc  = desc("held_series", "Series that a transaction holds.")
	heldDesc     = desc("held_seconds", "Age of the oldest transaction that holds a series; 0 if none does. Needs pg_monitor for those of other roles.")
	idleDesc     = desc("idle_holder_seconds", "How long the session that is idle in a transaction that holds a series has done nothing, at the longest; 0 if there is none.")
	seriesHeld   = seriesMetric("held_seconds", "Age of the transaction that holds the series; 0 if none does.")
	seriesWaits  = seriesMetric("waiting_transactions", "Transactions that wait for the series.")
	seriesIssued = seriesMetric("issued_total", "Numbers that were issued in the series.")
	seriesLast   = seriesMetric("last_issued_timestamp_seconds", "When the newest number of the series was issued or adopted.")
	seriesLeft   = seriesMetric("numbers_left", "Numbers that the ranges of the series still have; absent for a series without ranges.")
	seriesUntil  = seriesMetric("valid_until_timestamp_seconds", "When the last range of the series expires; absent if none does.")
	seriesDue    = seriesMetric("range_due", "Whether a new range is due for the series (1) or not (0); absent for a series without ranges.")

	columnsDesc  = desc("attached_columns", "Columns that number themselves.")
	faultyDesc   = desc("attached_columns_faulty", "Columns whose guards are not whole; gapless.columns says what is wrong.")
	findingsDesc = desc("doctor_findings", "What `gapless doctor` finds.", "severity", "finding")
	checkedDesc  = desc("checks_timestamp_seconds", "When columns, doctor's findings and the last audit were read.")

	auditsDesc      = desc("audits", "Audits that are recorded.")
	auditDesc       = desc("audit_timestamp_seconds", "When the last audit of all series was recorded; absent if none was.")
	soundDesc       = desc("audit_sound", "Whether the last recorded audit of all series read everything, and found nothing unexplained (1), or not (0); absent if none was recorded.")
	unexplainedDesc = desc("audit_unexplained", "Findings of the last recorded audit of all series that nothing explains; absent if none was recorded.")
	unreadDesc      = desc("audit_not_read", "Columns that the last recorded audit of all series could not read; absent if none was recorded.")
)

func seriesMetric(name, help string) *prometheus.Desc {
	return desc("series_"+name, help, "series")
}

// descs are all that Collect sends, but for errors.
var descs = []*prometheus.Desc{
	upDesc, durationDesc, standbyDesc, journalDesc, preparedDesc, oldestDesc,
	seriesDesc, shownDesc, dueDesc, issuedDesc, waitingDesc, longestDesc, holdingDesc, heldDesc, idleDesc,
	seriesHeld, seriesWaits, seriesIssued, seriesLast, seriesLeft, seriesUntil, seriesDue,
	columnsDesc, faultyDesc, findingsDesc, checkedDesc, auditsDesc, auditDesc, soundDesc, unexplainedDesc, unreadDesc,
}

// Describe is prometheus.Collector's.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range descs {
		to <- d
	}
	c.errors.Describe(to)
}

// Collect is prometheus.Collector's. It blocks for [WithTimeout] at most.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	up := c.read(ctx, sender{to})
	send := sender{to}
	send.gauge(upDesc, truth(up))
	send.gauge(durationDesc, time.Since(began).Seconds())
	c.errors.Collect(to)
}

// sender sends metrics.
type sender struct{ to chan<- prometheus.Metric }

func (s sender) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (s sender) counter(d *prometheus.Desc, value float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
