package gapless

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless/internal/retry"
)

// GroupCommitter runs transactions whose commits share their flushes, so that one sequence is not held to one flush a
// number. A transaction gives its locks up before it is durable, and one flush acknowledges all that have committed
// meanwhile. [GroupCommitter.InTx] returns when its own is durable, and replicated if commits are.
//
// A crash loses a suffix of the commits, and nobody has been told of those, so it leaves no hole. (Early lock
// release: Johnson et al., "Aether", PVLDB 2010.) The one difference to [InTx]: another session can read a row a
// moment before it is durable.
//
// Give the pool 2 to 8 connections, for any number of goroutines: a few are the fastest for one sequence, since they
// queue for its lock. Give it more where transactions wait for something else as well, so that some are always ready
// to commit. A connection goes back to the pool before its transaction waits for the flush.
//
// A GroupCommitter can be used by many goroutines. Make it with [NewGroupCommitter], and Close it.
type GroupCommitter struct {
	pool    *pgxpool.Pool
	from    source
	sending source // the same, for Send's own functions, which call nobody
	options groupOptions

	mu      sync.Mutex
	flusher *flusher // which may be broken
	closed  bool
	running sync.WaitGroup // the calls of InTx and Send
	queue   []*sharedBatch // what is to be sent
	senders int            // how many goroutines do that

	beginning map[*beginner]struct{} // those whose transactions have not begun

	connecting     chan struct{}      // holds one value while a flusher is connected
	stopConnecting context.CancelFunc // nil until the first time
}

// GroupOption changes what [NewGroupCommitter] does; see [WithFlusherConfig] and [WithFsyncOff].
type GroupOption func(*groupOptions)

type groupOptions struct {
	flusherConfig *pgx.ConnConfig
	fsyncOff      bool
}

// WithFlusherConfig sets how the connection for flushes is made. Defaults to the pool's configuration. Give a direct
// connection to the same server where the pool's go through a transaction pooler, such as PgBouncer in its mode
// "transaction".
func WithFlusherConfig(config *pgx.ConnConfig) GroupOption {
	return func(o *groupOptions) { o.flusherConfig = config }
}

// WithFsyncOff accepts a server whose setting fsync is off: nothing that it commits survives a crash of its machine,
// but tests can run on it. Defaults to refusing it.
func WithFsyncOff() GroupOption {
	return func(o *groupOptions) { o.fsyncOff = true }
}

// ErrClosed is what [GroupCommitter.InTx] and [GroupCommitter.Send] return when the group committer is closed.
var ErrClosed = errors.New("gapless: the group committer is closed")

// NewGroupCommitter returns a group committer whose transactions run on the pool's connections. It opens one
// connection of its own for the flushes, outside of the pool, and starts one goroutine. [GroupCommitter.Close] ends
// both. When a flush takes seconds, it asks the server, on another connection for a moment, whether that is at it; if not,
// it connects anew.
//
// It refuses a server on which fsync is off, a standby, and a pooler that may give the flusher another backend from
// one statement to the next.
func NewGroupCommitter(ctx context.Context, pool *pgxpool.Pool, opts ...GroupOption) (*GroupCommitter, error) {
	from, err := sourceOf(pool)
	if err != nil {
		return nil, err
	}
	sending := from
	sending.pool = nil
	c := &GroupCommitter{pool: pool, from: from, sending: sending, beginning: map[*beginner]struct{}{}, connecting: make(chan struct{}, 1)}
	for _, opt := range opts {
		opt(&c.options)
	}
	if err := c.replaceFlusher(ctx, nil); err != nil {
		return nil, err
	}
	return c, nil
}

// InTx is [InTx], on the committer's pool and with its shared flushes. It blocks until the transaction is durable, or
// ctx ends.
//
// When ctx ends after COMMIT has been answered, or the connection of the flushes breaks, the transaction's outcome is
// found out as [InTx] does it. After [GroupCommitter.Close], InTx returns [ErrClosed].
func (c *GroupCommitter) InTx(ctx context.Context, fn func(tx pgx.Tx) error, opts ...TxOption) error {
	if err := c.enter(); err != nil {
		return err
	}
	t, err := func() (*transaction, error) {
		defer c.running.Done()
		return c.inTx(ctx, c.from, retry.NewOptions(opts), fn)
	}()
	if err != nil {
		return err
	}
	return t.own.callBack()
}

// enter counts a call as running, if the committer is not closed.
func (c *GroupCommitter) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.running.Add(1)
	return nil
}

func (c *GroupCommitter) inTx(ctx context.Context, from source, options retry.Options, fn func(tx pgx.Tx) error) (t *transaction, err error) {
	err = retry.Run(ctx, options, func() error {
		// Its session is older than the commit that it will acknowledge.
		flusher, err := c.currentFlusher(ctx)
		if err != nil {
			return err
		}
		t, err = from.run(ctx, options.Isolation, flusher, fn)
		if err != nil || t.resolved {
			return err
		}
		if broken := flusher.await(ctx); broken != nil {
			return t.resolve(ctx, c.from, broken)
		}
		return nil
	})
	return t, err
}

// Close waits until the transaction of every call of InTx and Send that has begun has ended, and closes the connection
// for flushes. Later calls return [ErrClosed]. Close the pool afterwards. Close can be called again, and by callbacks. Called
// by the function that InTx runs, it returns at once, and the rest happens when the calls have ended.
func (c *GroupCommitter) Close() {
	c.mu.Lock()
	c.closed = true
	c.stopBeginning()
	c.mu.Unlock()
	if c.from.held() > 0 {
		go c.end()
		return
	}
	c.end()
}

// end ends what is left when all calls have ended.
func (c *GroupCommitter) end() {
	c.running.Wait()
	c.mu.Lock()
	if c.stopConnecting != nil {
		c.stopConnecting()
	}
	c.mu.Unlock()
	c.connecting <- struct{}{}
	defer func() { <-c.connecting }()
	if last := c.lastFlusher(); last != nil {
		last.close()
	}
}

// connectTimeout is how long a new flusher may take to connect.
const connectTimeout = time.Minute

// currentFlusher returns the flusher, and connects a new one if the last one broke: for all callers, whatever ctx of the first one is.
func (c *GroupCommitter) currentFlusher(ctx context.Context) (*flusher, error) {
	last := c.lastFlusher()
	if last.usable(ctx) {
		return last, nil
	}
	canceled := func() error {
		return fmt.Errorf("gapless: the group committer's connection for flushes: %w", retry.Ended(ctx))
	}
	select {
	case c.connecting <- struct{}{}:
	case <-ctx.Done():
		return nil, canceled()
	}
	if another := c.lastFlusher(); another != last {
		<-c.connecting
		return another, nil // somebody was faster
	}
	connecting, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	c.mu.Lock()
	c.stopConnecting = cancel
	c.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		defer func() { cancel(); <-c.connecting }()
		done <- apart(func() error { return c.replaceFlusher(connecting, last) }) // with the pool's hooks
	}()
	select {
	case err := <-done:
		if p := new(panicError); errors.As(err, &p) {
			p.goOn()
		}
		return c.lastFlusher(), err
	case <-ctx.Done():
		return nil, canceled()
	}
}

// replaceFlusher connects the flusher that follows the last one, of which there is none at first.
func (c *GroupCommitter) replaceFlusher(ctx context.Context, last *flusher) error {
	next, err := connectFlusher(ctx, c.pool, c.options)
	if err != nil {
		return err
	}
	if last != nil {
		last.close()
	}
	c.mu.Lock()
	c.flusher = next
	c.mu.Unlock()
	return nil
}

func (c *GroupCommitter) lastFlusher() *flusher {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flusher
}
