package gapless

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless/internal/flush"
	"github.com/pggapless/gapless/internal/nesting"
	"github.com/pggapless/gapless/internal/retry"
)

// GroupCommitter runs transactions whose commits share their flushes, so that one sequence is not held to one flush a
// number. A transaction gives its locks up before it is durable, and one flush acknowledges all that have committed
// meanwhile. [GroupCommitter.InTx] returns when its own is durable, and replicated if commits are.
//
// A crash can lose the newest commits, of which no caller has been told yet. So it leaves no hole. (Early lock release:
// Johnson et al., "Aether", PVLDB 2010.) The one difference to [InTx]: another session can read a row a moment before it
// is durable.
//
// Give the pool 2 to 8 connections, for any number of goroutines: a few are the fastest for one sequence, since they
// queue for its lock. Give it more where transactions wait for something else as well, so that some are always ready
// to commit. A connection goes back to the pool before its transaction waits for the flush.
//
// A GroupCommitter can be used by many goroutines. Make it with [NewGroupCommitter], and Close it.
type GroupCommitter struct {
	pool    *pgxpool.Pool
	from    source
	sending source // the same, for Send's own functions, which call nobody but observers
	flushes *flush.Group

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // the calls of InTx and Send
	queue   []*sharedBatch // what is to be sent
	senders int            // how many goroutines do that
	turns   chan struct{}  // see turn

	beginning map[*beginner]struct{} // those whose transactions have not begun

	batches atomic.Int64  // see GroupStat
	tx      retry.Options // of each transaction, before its own
}

// GroupOption changes what [NewGroupCommitter] does; see [WithFlusherConfig], [WithFsyncOff] and [WithTxOptions].
type GroupOption func(*flush.Options)

// WithTxOptions sets the options of every transaction, those of [GroupCommitter.Send] included. The options of a call of
// [GroupCommitter.InTx] follow them. They are [TxOption], and not [pgx.TxOptions].
func WithTxOptions(opts ...TxOption) GroupOption {
	return func(o *flush.Options) {
		o.Tx = retry.With(o.Tx, opts)
	}
}

// WithFlusherConfig sets how the connection for flushes is made. Defaults to the pool's configuration. Give a direct
// connection to the same server where the pool's go through a transaction pooler, such as PgBouncer in its mode
// "transaction".
func WithFlusherConfig(config *pgx.ConnConfig) GroupOption {
	return func(o *flush.Options) { o.Config = config }
}

// WithFsyncOff accepts a server whose setting fsync is off: nothing that it commits survives a crash of its machine,
// but tests can run on it. Defaults to refusing it.
func WithFsyncOff() GroupOption {
	return func(o *flush.Options) { o.FsyncOff = true }
}

// ErrClosed is what [GroupCommitter.InTx] and [GroupCommitter.Send] return when the group committer is closed.
var ErrClosed = flush.ErrClosed

// NewGroupCommitter returns a group committer whose transactions run on the pool's connections. It opens one
// connection of its own for the flushes, outside of the pool, and starts one goroutine. [GroupCommitter.Close] ends
// both. When a flush takes seconds, it opens another connection for a moment, and asks the server whether the flush still
// runs. If not, it connects anew.
//
// It refuses a server on which fsync is off, a standby, and a pooler that may give the flusher another backend from
// one statement to the next. Where Citus distributes tables, the error is a PgError with the SQLSTATE 0A000.
func NewGroupCommitter(ctx context.Context, pool *pgxpool.Pool, opts ...GroupOption) (*GroupCommitter, error) {
	from, err := sourceOf(pool)
	if err != nil {
		return nil, err
	}
	options := flush.NewOptions(opts)
	sending := from
	if len(options.Tx.Observers) == 0 {
		sending.pool = nesting.Pool{}
	}
	c := &GroupCommitter{pool: pool, from: from, sending: sending, turns: make(chan struct{}, 1), beginning: map[*beginner]struct{}{}, tx: options.Tx}
	if c.flushes, err = flush.NewGroup(ctx, connections(pool), options); err != nil {
		return nil, err
	}
	return c, nil
}

// connections is how the pool connects.
func connections(pool *pgxpool.Pool) flush.Pool {
	config := pool.Config()
	return flush.Pool{
		Config: func(ctx context.Context) (*pgx.ConnConfig, error) {
			own := config.ConnConfig.Copy()
			if config.BeforeConnect == nil {
				return own, nil
			}
			return own, config.BeforeConnect(ctx, own)
		},
		AfterConnect: config.AfterConnect,
	}
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
		return c.inTx(ctx, c.from, retry.With(c.tx, opts), func() {}, fn)
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

// inTx calls ended each time that the transaction has ended, before the flush.
func (c *GroupCommitter) inTx(
	ctx context.Context, from source, options retry.Options, ended func(), fn func(tx pgx.Tx) error,
) (t *transaction, err error) {
	err = c.flushes.Run(ctx, options, func(by *flush.Flusher, watch *retry.Watch) (durable bool, err error) {
		defer ended()
		if t, err = from.run(ctx, options.Isolation, by, watch, fn); err != nil {
			return false, err
		}
		return t.resolved, nil
	}, func(_ *retry.Watch, broken error) error { return t.resolve(ctx, c.from, broken) })
	return t, err
}

// GroupStat is what a [GroupCommitter] does now, and has done: see [GroupCommitter.Stat].
type GroupStat struct {
	Queued    int // batches of Send that wait until their transaction has begun
	Open      int // transactions that are begun, run or are being committed
	Unflushed int // transactions that have committed and wait for a flush

	Transactions int64 // those that are durable
	Batches      int64 // those of Send that are durable

	Flushes      int64         // those that ended well
	FlushTime    time.Duration // what they took, together
	LongestFlush time.Duration // what the longest of them took
	Connections  int64         // how many there have been for flushes: after the first, each replaced one that broke
}

// Stat tells what the group committer does now, and has done since it was made. It takes no lock that a transaction waits for.
func (c *GroupCommitter) Stat() GroupStat {
	stat := GroupStat(c.flushes.Stat())
	stat.Batches = c.batches.Load()
	c.mu.Lock()
	stat.Queued = len(c.queue)
	c.mu.Unlock()
	return stat
}

// Close waits until the transaction of every call of InTx and Send that has begun has ended, and closes the connection
// for flushes. Later calls return [ErrClosed]. Close the pool afterwards. Close can be called again, and by callbacks. Called
// by the function that InTx runs, it returns at once, and the rest happens when the calls have ended.
func (c *GroupCommitter) Close() {
	c.mu.Lock()
	c.closed = true
	c.stopBeginning()
	c.mu.Unlock()
	if c.from.pool.Held() > 0 {
		go c.end()
		return
	}
	c.end()
}

// end ends what is left when all calls have ended.
func (c *GroupCommitter) end() {
	c.running.Wait()
	c.flushes.Close()
}
