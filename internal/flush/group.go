// Package flush makes commits durable that gave their locks up before: the flushers of gapless.GroupCommitter, and of stdlib's.
package flush

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/internal/retry"
)

// Options are those of gapless.NewGroupCommitter, which documents them.
type Options struct {
	Config   *pgx.ConnConfig // nil is the pool's
	FsyncOff bool
	Tx       retry.Options // of each transaction, before its own
}

// NewOptions returns the defaults, changed by opts.
func NewOptions[Option ~func(*Options)](opts []Option) Options {
	options := Options{Tx: retry.NewOptions[func(*retry.Options)](nil)}
	for _, opt := range opts {
		opt(&options)
	}
	return options
}

// Pool is how a pool connects, and so its flusher.
type Pool struct {
	Config       func(ctx context.Context) (*pgx.ConnConfig, error) // a copy
	AfterConnect func(ctx context.Context, conn *pgx.Conn) error    // or nil
}

// ErrClosed is gapless.ErrClosed.
var ErrClosed = errors.New("gapless: the group committer is closed")

// Group gives transactions the flusher that is to acknowledge them, and another one after it broke.
type Group struct {
	pool    Pool
	options Options

	mu             sync.Mutex
	flusher        *Flusher           // which may be broken
	stopConnecting context.CancelFunc // nil until the first time
	connecting     chan struct{}      // holds one value while a flusher is connected

	stat stat
}

// Stat is a gapless.GroupStat.
type Stat struct {
	Queued, Open, Unflushed int

	Transactions, Batches int64

	Flushes                 int64
	FlushTime, LongestFlush time.Duration
	Connections             int64
}

type stat struct {
	open, unflushed, transactions       atomic.Int64
	flushes, took, longest, connections atomic.Int64
}

func (s *stat) flushed(took time.Duration) {
	s.flushes.Add(1)
	s.took.Add(int64(took))
	s.longest.Store(max(s.longest.Load(), int64(took))) // one flushes at a time
}

// Stat is what there is, but for what only the caller has: Queued and Batches.
func (g *Group) Stat() Stat {
	return Stat{
		Open: int(g.stat.open.Load()), Unflushed: int(g.stat.unflushed.Load()), Transactions: g.stat.transactions.Load(),
		Flushes: g.stat.flushes.Load(), FlushTime: time.Duration(g.stat.took.Load()), LongestFlush: time.Duration(g.stat.longest.Load()),
		Connections: g.stat.connections.Load(),
	}
}

// Run runs a transaction until it is durable. run commits it without a flush, with the flusher that is to acknowledge it, and says
// whether it is durable all the same. Where the flusher breaks, resolve finds out what became of it.
func (g *Group) Run(
	ctx context.Context, options retry.Options,
	run func(by *Flusher, watch *retry.Watch) (durable bool, err error), resolve func(watch *retry.Watch, broken error) error,
) error {
	err := retry.Run(ctx, options, func(watch *retry.Watch) error {
		// Its session is older than the commit that it will acknowledge.
		flusher, err := g.Current(ctx)
		if err != nil {
			return err
		}
		durable, err := g.runOpen(flusher, watch, run)
		if err != nil || durable {
			return err
		}
		began := watch.Now()
		g.stat.unflushed.Add(1)
		broken := flusher.Await(ctx)
		g.stat.unflushed.Add(-1)
		watch.Tell(retry.Flushed, began, broken)
		if broken != nil {
			return resolve(watch, broken)
		}
		return nil
	})
	if err == nil {
		g.stat.transactions.Add(1)
	}
	return err
}

// runOpen counts what runs, also what panics.
func (g *Group) runOpen(by *Flusher, watch *retry.Watch, run func(by *Flusher, watch *retry.Watch) (bool, error)) (durable bool, err error) {
	g.stat.open.Add(1)
	defer g.stat.open.Add(-1)
	return run(by, watch)
}

// NewGroup connects the first flusher.
func NewGroup(ctx context.Context, pool Pool, options Options) (*Group, error) {
	g := &Group{pool: pool, options: options, connecting: make(chan struct{}, 1)}
	return g, g.replace(ctx, nil)
}

// Close ends the last flusher. Nobody may wait for it, nor ask for one any more.
func (g *Group) Close() {
	g.mu.Lock()
	if g.stopConnecting != nil {
		g.stopConnecting()
	}
	g.mu.Unlock()
	g.connecting <- struct{}{}
	defer func() { <-g.connecting }()
	if last := g.Last(); last != nil {
		last.close()
	}
}

// connectTimeout is how long a new flusher may take to connect.
const connectTimeout = time.Minute

// Current returns the flusher, and connects a new one if the last one broke: for all callers, whatever ctx of the first one is.
func (g *Group) Current(ctx context.Context) (*Flusher, error) {
	last := g.Last()
	if last.usable(ctx) {
		return last, nil
	}
	canceled := func() error {
		return fmt.Errorf("gapless: the group committer's connection for flushes: %w", retry.Ended(ctx))
	}
	select {
	case g.connecting <- struct{}{}:
	case <-ctx.Done():
		return nil, canceled()
	}
	if another := g.Last(); another != last {
		<-g.connecting
		return another, nil // somebody was faster
	}
	connecting, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	g.mu.Lock()
	g.stopConnecting = cancel
	g.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		defer func() { cancel(); <-g.connecting }()
		done <- Apart(func() error { return g.replace(connecting, last) }) // with the pool's hooks
	}()
	select {
	case err := <-done:
		if p := new(PanicError); errors.As(err, &p) {
			p.GoOn()
		}
		return g.Last(), err
	case <-ctx.Done():
		return nil, canceled()
	}
}

// replace connects the flusher that follows the last one, of which there is none at first.
func (g *Group) replace(ctx context.Context, last *Flusher) error {
	next, err := connect(ctx, g.pool, g.options, &g.stat)
	if err != nil {
		return err
	}
	if last != nil {
		last.close()
	}
	g.mu.Lock()
	g.flusher = next
	g.mu.Unlock()
	return nil
}

// Last is the newest flusher, which may be broken.
func (g *Group) Last() *Flusher {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.flusher
}
