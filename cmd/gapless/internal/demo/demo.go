// Package demo issues invoices under trouble, numbered by a gapless and by a native sequence, and counts from the
// committed rows what became of the numbers.
//
// Its three steps are [Prepare], [Load] for each [Series], and [Count]. Nothing that a worker remembers goes into the
// report.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless"
)

// Options are the numbers of the load.
type Options struct {
	Workers   int     `json:"workers"`
	Invoices  int     `json:"invoices"`  // to be committed in each series
	Rollback  float64 `json:"rollback"`  // the fraction of transactions that roll back
	Kill      float64 `json:"kill"`      // the fraction of transactions whose backend is terminated
	Savepoint float64 `json:"savepoint"` // the fraction of the others that roll back to a savepoint on their way
	Seed      uint64  `json:"seed"`
}

// Validate says which number makes no sense.
func (o Options) Validate() error {
	for _, f := range []struct {
		name  string
		value float64
	}{{"rollback", o.Rollback}, {"kill", o.Kill}, {"savepoint", o.Savepoint}} {
		if !(f.value >= 0 && f.value <= 1) {
			return fmt.Errorf("--%s is a fraction from 0 to 1, and cannot be %v", f.name, f.value)
		}
	}
	switch {
	case o.Workers < 1:
		return fmt.Errorf("--workers must be at least 1, and cannot be %d", o.Workers)
	case o.Invoices < 1:
		return fmt.Errorf("--invoices must be at least 1, and cannot be %d", o.Invoices)
	case o.Rollback+o.Kill > 0.95:
		return errors.New("--rollback and --kill together must leave 0.05 that commits")
	}
	return nil
}

// stage is where in a transaction its backend is terminated.
type stage int

const (
	never      stage = iota
	atBegin          // at once; in the gapless series most then wait for the sequence
	withNumber       // it has a number, and no row yet
	withRow          // the row is written
	atCommit         // the signal and COMMIT race each other
)

// fate is what becomes of a transaction.
type fate struct {
	rollback  bool
	savepoint bool
	kill      stage
}

func (f fate) intent() string {
	if f.rollback {
		return "rollback"
	}
	return "commit"
}

// fate depends on the seed, the order and the try alone, so that both series meet the same.
func (o Options) fate(order, try int) fate {
	r := rand.New(rand.NewPCG(o.Seed, uint64(order)<<32|uint64(try)))
	draw, savepoint := r.Float64(), r.Float64() < o.Savepoint
	switch {
	case draw < o.Kill:
		return fate{kill: atBegin + stage(r.IntN(4))}
	case draw < o.Kill+o.Rollback:
		return fate{rollback: true, savepoint: savepoint}
	}
	return fate{savepoint: savepoint}
}

// Series is one of the two ways to number invoices.
type Series struct {
	Name     string
	allocate func(ctx context.Context, tx pgx.Tx) (int64, error)
	insert   string
}

const insertInto = " (number, order_no, attempt) VALUES ($1, $2, $3)"

// Gapless numbers by gapless.next_gapless.
func Gapless() Series {
	sequence := gapless.NewSequence("invoice")
	return Series{Name: "gapless", allocate: sequence.Next, insert: "INSERT INTO invoice_gapless" + insertInto}
}

// Native numbers by nextval.
func Native() Series {
	return Series{Name: "native", allocate: nextval, insert: "INSERT INTO invoice_native" + insertInto}
}

func nextval(ctx context.Context, tx pgx.Tx) (number int64, err error) {
	err = tx.QueryRow(ctx, "SELECT nextval('invoice_number')").Scan(&number)
	return number, err
}

//go:embed sql/tables.sql
var tables string

// Prepare makes the tables, in a database that has schema gapless.
func Prepare(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, tables)
	return err
}

const freeConnections = `
SELECT
    current_setting('max_connections')::integer,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::integer`

// CheckRoom returns an error if the server has no connections for all workers.
func CheckRoom(ctx context.Context, conn *pgx.Conn, o Options) error {
	var all, free int
	if err := conn.QueryRow(ctx, freeConnections).Scan(&all, &free); err != nil {
		return err
	}
	if most := max(0, free-1); o.Workers > most { // one is for the killer
		return fmt.Errorf("the server has room for %d workers, and not for %d: of its %d connections (max_connections), %d are free",
			most, o.Workers, all, max(0, free))
	}
	return nil
}
