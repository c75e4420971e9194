package pgtest

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// New returns a database that is as the one that [Main] prepared, which no other test has meanwhile: a copy, or one that another
// test has left as it was. Parallel tests can each have one. It fails the test if there is none to be had.
func New(tb TB) *Database {
	tb.Helper()
	d := takeFree()
	if d == nil {
		d = create(tb, suite.template)
		d.reusable = new(reusable)
	}
	tb.Cleanup(func() {
		ctx, cancel := cleanup(tb)
		defer cancel()
		if err := d.recycle(ctx); err != nil {
			d.reusable.closeIdle(ctx)
			drop(ctx, tb, d)
		}
	})
	return d
}

// NewCopy is like [New], for a database that no test has had before: one whose sessions and statistics are new.
func NewCopy(tb TB) *Database {
	tb.Helper()
	return newDatabase(tb, suite.template)
}

// NewEmpty is like [New], for a database without the schema.
func NewEmpty(tb TB) *Database {
	tb.Helper()
	return newDatabase(tb, "")
}

func newDatabase(tb TB, template string) *Database {
	tb.Helper()
	d := create(tb, template)
	tb.Cleanup(func() {
		ctx, cancel := cleanup(tb)
		defer cancel()
		drop(ctx, tb, d)
	})
	return d
}

func create(tb TB, template string) *Database {
	tb.Helper()
	if suite.server == nil {
		tb.Fatal(errNoMain)
	}
	d, err := suite.server.CreateDatabase(tb.Context(), template)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func drop(ctx context.Context, tb TB, d *Database) {
	if err := d.Drop(ctx); err != nil {
		tb.Error(err)
	}
}

// Pool opens a pool of connections to the database, which is closed when the test ends. Each configure can change
// the configuration first. A connection that the test never releases fails it.
func (d *Database) Pool(tb TB, configure ...func(*pgxpool.Config)) *pgxpool.Pool {
	tb.Helper()
	config, err := pgxpool.ParseConfig(d.URL)
	if err != nil {
		tb.Fatal(err)
	}
	for _, change := range configure {
		change(config)
	}
	pool, err := pgxpool.NewWithConfig(tb.Context(), config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		closed := make(chan struct{})
		go func() { pool.Close(); close(closed) }()
		select {
		case <-closed:
		case <-time.After(30 * time.Second): // Close would wait for ever, and hide which test it is
			tb.Errorf("pgtest: %d connections of the pool were never released", pool.Stat().AcquiredConns())
		}
	})
	return pool
}

// Conn opens one connection to the database, which is closed when the test ends. Each configure can change the
// configuration first.
func (d *Database) Conn(tb TB, configure ...func(*pgx.ConnConfig)) *pgx.Conn {
	tb.Helper()
	asOthers := len(configure) == 0 && d.reusable != nil
	var conn *pgx.Conn
	if asOthers {
		conn = d.reusable.take()
	}
	if conn == nil {
		conn = d.connect(tb, configure)
	}
	tb.Cleanup(func() {
		ctx, cancel := cleanup(tb)
		defer cancel()
		if asOthers {
			d.reusable.give(ctx, conn)
		} else if err := conn.Close(ctx); err != nil && !conn.IsClosed() {
			tb.Error(err)
		}
	})
	return conn
}

func (d *Database) connect(tb TB, configure []func(*pgx.ConnConfig)) *pgx.Conn {
	tb.Helper()
	config, err := pgx.ParseConfig(d.URL)
	if err != nil {
		tb.Fatal(err)
	}
	for _, change := range configure {
		change(config)
	}
	conn, err := pgx.ConnectConfig(tb.Context(), config)
	if err != nil {
		tb.Fatal(err)
	}
	return conn
}

// ForExamples returns a database for the Example functions of a package, which have no [TB]: a copy of the one
// that [Main] prepared, made at the first call and shared by all of them. Main drops it.
func ForExamples(ctx context.Context) (*Database, error) {
	if suite.server == nil {
		return nil, errNoMain
	}
	suite.examplesOnce.Do(func() {
		suite.examples, suite.examplesErr = suite.server.CreateDatabase(ctx, suite.template)
	})
	return suite.examples, suite.examplesErr
}
