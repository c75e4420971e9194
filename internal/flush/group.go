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

// stat is what all flushers have done.
type stat struct {
	flushes, took, longest, connections atomic.Int64
}

func (s *stat) add(took time.Duration) {
	s.flushes.Add(1)
	s.took.Add(int64(took))
	s.longest.Store(max(s.longest.Load(), int64(took))) // one flushes at a time
}

// Stat is how many flushes ended well, what they took, together and the longest, and how many connections there were for them.
func (g *Group) Stat() (flushes int64, took, longest time.Duration, connections int64) {
	return g.stat.flushes.Load(), time.Duration(g.stat.took.Load()), time.Duration(g.stat.longest.Load()), g.stat.connections.Load()
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
