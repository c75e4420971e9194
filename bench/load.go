package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const customer = "a customer"

// A client that is refused begins again after a random part of a time that begins as firstWait and doubles up to
// longestWait.
const (
	firstWait   = time.Millisecond
	longestWait = 16 * time.Millisecond
)

// lane is a contender and how its callers reach the server.
type lane struct {
	contender
	transaction func(ctx context.Context, caller int) error

	before, after func(ctx context.Context, callers int) error // around each of its turns; nil: nothing
}

// shape is how many messages a transaction takes.
type shape struct {
	name string
	lane func(c contender, conns []*pgx.Conn) lane
}

var (
	oneStatement = shape{"one statement", statementLane}
	roundTrips   = shape{"four round trips", roundTripsLane}
)

// statementLane sends one message a transaction, which the server commits at once.
func statementLane(c contender, conns []*pgx.Conn) lane {
	return onConns(c, conns, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, c.insertNext, customer)
		return err
	})
}

// roundTripsLane sends four, as most programs do: begin, allocate, insert, commit.
func roundTripsLane(c contender, conns []*pgx.Conn) lane {
	return onConns(c, conns, func(ctx context.Context, conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return c.allocateAndInsert(ctx, tx) })
	})
}

// allocateAndInsert is what stands between begin and commit.
func (c contender) allocateAndInsert(ctx context.Context, tx pgx.Tx) error {
	var number int64
	if err := tx.QueryRow(ctx, c.allocate[0]).Scan(&number); err != nil {
		return err
	}
	for _, statement := range c.allocate[1:] {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, c.insert(), customer, number)
	return err
}

// onConns gives each caller a connection of its own, in the contender's isolation level for the time of its turn.
func onConns(c contender, conns []*pgx.Conn, transaction func(context.Context, *pgx.Conn) error) lane {
	l := lane{contender: c, transaction: func(ctx context.Context, caller int) error {
		return transaction(ctx, conns[caller])
	}}
	if c.isolation != "" {
		each := func(statement string) func(context.Context, int) error {
			return func(ctx context.Context, callers int) error {
				for _, conn := range conns[:callers] {
					if _, err := conn.Exec(ctx, statement); err != nil {
						return err
					}
				}
				return nil
			}
		}
		l.before = each("SET default_transaction_isolation = '" + c.isolation + "'")
		l.after = each("RESET default_transaction_isolation")
	}
	return l
}

// sample is what the callers of a lane did in its turn.
type sample struct {
	committed, retried, abandoned int
	took                          time.Duration

	// latencies are of whole transactions, with their retries. One that was still refused when the turn was over is
	// abandoned, and counts with the time that it has lost.
	latencies []time.Duration
}

func (s sample) rate() float64 { return float64(s.committed) / s.took.Seconds() }

func (s *sample) add(other sample) {
	s.committed += other.committed
	s.retried += other.retried
	s.abandoned += other.abandoned
	s.took += other.took
	s.latencies = append(s.latencies, other.latencies...)
}

// load has callers commit transactions, one after the other, until the time is over, and waits for the last ones.
func (l lane) load(ctx context.Context, callers int, length time.Duration) (sample, error) {
	if l.before != nil {
		if err := l.before(ctx, callers); err != nil {
			return sample{}, err
		}
	}
	samples := make([]sample, callers)
	failures := make([]error, callers)
	var group sync.WaitGroup
	begin := time.Now()
	over := begin.Add(length)
	for caller := range callers {
		group.Go(func() {
			for failures[caller] == nil && time.Now().Before(over) {
				failures[caller] = l.commit(ctx, caller, over, &samples[caller])
			}
		})
	}
	group.Wait()
	var all sample
	for _, s := range samples {
		all.add(s)
	}
	all.took = time.Since(begin)
	if l.after != nil {
		failures = append(failures, l.after(ctx, callers))
	}
	return all, errors.Join(failures...)
}

// commit runs one transaction, as often as it takes.
func (l lane) commit(ctx context.Context, caller int, over time.Time, s *sample) error {
	begin := time.Now()
	defer func() { s.latencies = append(s.latencies, time.Since(begin)) }()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := l.transaction(ctx, caller)
		var pg *pgconn.PgError
		switch {
		case err == nil:
			s.committed++
			return nil
		case !errors.As(err, &pg) || !slices.Contains(l.retries, pg.Code):
			return err
		case !time.Now().Before(over):
			s.abandoned++
			return nil
		}
		s.retried++
		time.Sleep(rand.N(wait))
	}
}

// takeRounds runs the plan's rounds, after a short one that warms caches and plans.
func (b *bench) takeRounds(ctx context.Context, title string, round func(ctx context.Context, warm bool) (map[string]float64, error)) (rounds, error) {
	b.progress("%s: %d rounds", title, b.runs)
	if _, err := round(ctx, true); err != nil {
		return nil, err
	}
	var all rounds
	for range b.runs {
		values, err := round(ctx, false)
		if err != nil {
			return nil, err
		}
		all = append(all, values)
	}
	return all, nil
}

// warmed is how long a turn is in the round that warms.
func warmed(length time.Duration, warm bool) time.Duration {
	if warm {
		return length / 5
	}
	return length
}

// turn is something that one client does, and how many units of it.
type turn struct {
	label string
	units int
	run   func(ctx context.Context) error
}

// takeTurns lets turns alternate until the time is over, and at least once each. That is finer than a slice for each, so that
// the machine's own ups and downs meet all of them. It returns how many units each did in a second.
func takeTurns(ctx context.Context, length time.Duration, turns []turn) (map[string]float64, error) {
	took := map[string]time.Duration{}
	cycles := 0
	for begin := time.Now(); cycles == 0 || time.Since(begin) < length; cycles++ {
		for i := range turns {
			t := turns[(i+cycles)%len(turns)]
			start := time.Now()
			if err := t.run(ctx); err != nil {
				return nil, err
			}
			took[t.label] += time.Since(start)
		}
	}
	rates := map[string]float64{}
	for _, t := range turns {
		rates[t.label] = float64(cycles*t.units) / took[t.label].Seconds()
	}
	return rates, nil
}
