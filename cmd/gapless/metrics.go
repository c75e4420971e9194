package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless/metrics"
)

// metricsAddress is where metrics are served by default.
const metricsAddress = "127.0.0.1:9742"

// metricsFlags are those of `metrics`.
type metricsFlags struct {
	listen           string
	once             bool
	like             string
	limit            int
	timeout, refresh time.Duration
}

func (a *app) newMetrics() *cobra.Command {
	var f metricsFlags
	cmd := a.command(&cobra.Command{
		Use:   "metrics",
		Short: "Serve metrics for Prometheus",
		Long: `Serve metrics of the database for Prometheus, at /metrics, until it is interrupted. It keeps one
connection, and connects anew where that breaks. Without the database gapless_up is 0.

/healthz answers as long as the program runs, /readyz only as long as the database does. Neither needs a
password, and /metrics neither, so --listen an address that only Prometheus reaches.

The role needs SELECT on the tables of schema gapless, and pg_monitor.`,
		Example: "  gapless metrics --listen 127.0.0.1:9742\n" +
			"  gapless metrics --once >gapless.prom.new && mv gapless.prom.new gapless.prom   # for node_exporter",
	}, nil, func(ctx context.Context, _ []string) error { return a.metrics(ctx, f) })
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", metricsAddress, "the `address` to listen on; port 0 is a free one")
	flags.BoolVar(&f.once, "once", false, "print the metrics and exit")
	flags.StringVar(&f.like, "like", "%", "show only the series whose names are like this `pattern`, as LIKE has it; the sums are of all")
	flags.IntVar(&f.limit, "series-limit", 200, "show so many series at most, those that are used; the sums are of all")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Second, "how long a scrape may take")
	flags.DurationVar(&f.refresh, "refresh", time.Minute, "how often to read what takes longer: guards, doctor's findings, the last audit")
	cmd.MarkFlagsMutuallyExclusive("listen", "once")
	return cmd
}

func (a *app) metrics(ctx context.Context, f metricsFlags) error {
	switch {
	case f.limit < 0:
		return usage(fmt.Sprintf("--series-limit cannot be negative, and is %d", f.limit), "0 shows none")
	case f.timeout < time.Millisecond:
		return usage("--timeout must be a millisecond at least", "")
	case f.refresh < 0:
		return usage("--refresh cannot be negative", "0 is at each scrape")
	}
	pool, err := a.pool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(pool,
		metrics.WithTimeout(f.timeout), metrics.WithRefresh(f.refresh), metrics.WithSeriesLimit(f.limit), metrics.WithSeriesLike(f.like),
		metrics.WithLogger(slog.New(slog.NewTextHandler(a.stderr, nil))),
	))
	if f.once {
		return a.printMetrics(registry)
	}
	return a.serve(ctx, f.listen, metricsHandler(registry, pool, f.timeout))
}

// pool is a pool of one connection, which connects when it is used.
func (a *app) pool(ctx context.Context) (*pgxpool.Pool, error) {
	connection, err := a.config()
	if err != nil {
		return nil, err
	}
	if connection.RuntimeParams["application_name"] == "gapless" {
		connection.RuntimeParams["application_name"] = "gapless metrics"
	}
	config, err := pgxpool.ParseConfig(connection.ConnString())
	if err != nil {
		return nil, usage("the database URL is not one: "+oneLine(err.Error()), "postgres://user:password@host:5432/database")
	}
	config.ConnConfig, config.MaxConns, config.MinConns = connection, 1, 0
	return pgxpool.NewWithConfig(ctx, config)
}

// printMetrics prints them as a scrape would have them.
func (a *app) printMetrics(registry *prometheus.Registry) error {
	families, err := registry.Gather()
	if err != nil {
		return err
	}
	encoder := expfmt.NewEncoder(a.stdout, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	return nil
}

func metricsHandler(registry *prometheus.Registry, pool *pgxpool.Pool, timeout time.Duration) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		if err := pool.Ping(ctx); err != nil {
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

// serve serves until ctx ends, and lets requests end then.
func (a *app) serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return &failure{code: exitFailure, message: "another program listens on " + address, hint: "--listen another address, or end that program"}
		}
		return usage(oneLine(err.Error()), "--listen takes an address and a port, as "+metricsAddress)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.NewTextHandler(a.stderr, nil), slog.LevelWarn)}
	a.note("gapless: metrics are at http://%s/metrics", listener.Addr())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		_ = server.Close() // a scrape did not end in time
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
