package metrics_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/metrics"
)

// A program registers its observer, and the database that it uses; promhttp.Handler of Prometheus' client serves both.
func Example() {
	ctx := context.Background()
	database, err := pgtest.ForExamples(ctx) // a program has a URL of its own
	if err != nil {
		fmt.Println(err)
		return
	}
	pool, err := pgxpool.New(ctx, database.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()

	observer := metrics.NewObserver()
	registry := prometheus.NewRegistry()
	registry.MustRegister(observer, metrics.NewCollector(pool, metrics.WithSeriesLike("example: receipt%")))

	err = gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
		_, err := gapless.NewSequence("example: receipt").Next(ctx, tx)
		return err
	}, gapless.WithObserver(observer.Observe))
	if err != nil {
		fmt.Println(err)
		return
	}
	series, err := testutil.GatherAndCount(registry, "gapless_series_issued_total")
	fmt.Println(series, err)
	// Output: 1 <nil>
}

// What a transaction of one's own is refused is counted where its error is at hand.
func ExampleObserver_CountRefused() {
	observer := metrics.NewObserver()
	err := observer.CountRefused(fmt.Errorf("the receipt: %w", gapless.ErrLocked))
	fmt.Println(err)
	// Output: the receipt: locked by another transaction
}
