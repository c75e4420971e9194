package gapless

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/flush"
	"github.com/pggapless/gapless/internal/retry"
)

// Send runs the statements of a batch in one transaction, commits it, and returns when that is durable. It is the
// fastest way to issue many numbers of one sequence. What several callers send at the same time runs in a single
// transaction, one batch after the other. So they share messages and commit as well as the flush.
//
// When a statement of any batch fails, or the code of its arguments panics, that transaction is rolled back, and each
// batch is run in one of its own. So a failure is its caller's alone. Likewise when ctx of one of the callers ends while
// that transaction runs: it is cancelled, and the others run again without that batch. Otherwise a batch notices the
// others only in this:
//
//   - now() and the transaction's id are common, and rows of batches before are visible.
//   - What lasts until the transaction's end lasts for the batches after. So do not call functions that change the transaction,
//     such as pg_advisory_xact_lock or set_config.
//   - Locks are held together. So distinct sequences wait for each other, and other transactions for them. Give sequences that
//     must not wait a GroupCommitter each, or use InTx for them.
//   - Deferred constraints are checked at the common COMMIT, where another batch can have fulfilled them.
//   - Of equal notifications, listeners get one.
//
// A batch shares only if each of its statements begins with SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, TABLE, WITH
// or CALL. One with anything else (SET LOCAL, SAVEPOINT, COPY, the name of a prepared statement) has a transaction for
// itself, and so has each on a connection with [pgx.QueryExecModeSimpleProtocol], where a text can be several statements.
// A batch cannot end its transaction: COMMIT or ROLLBACK in it is an error, and nothing of it is committed. Nor can it CLOSE ALL.
//
// The callbacks of the batch are run once, by the goroutine that called Send, when the transaction is durable and its
// connection is back in the pool. So they may call Send, InTx or Close, and a panic or [runtime.Goexit] in them is their
// caller's. An error of a callback is an [ErrCommitted].
//
// Send takes the statements out of the batch, and puts them back if they are certainly not committed. So a batch that is
// sent twice, or by two callers, is refused the second time, as one without statements.
//
// The pool's hooks and tracers see the values of ctx, or of another caller's who shares the transaction, but not its end. So a
// hook must not give the session what is one caller's alone, such as a tenant: use [GroupCommitter.InTx] for that.
//
// The function that InTx runs may call Send, where the pool has another connection: see there. It must not send what waits for its
// own transaction.
//
// When Send has returned, nobody reads the batch's arguments any more, except a [pgx.BatchTracer].
//
// Errors: those of the statements, retried as [InTx] does; [ErrCommitted], when a callback failed or what it was to
// read was lost; [ErrOutcomeUnknown], also when ctx ends after the batch was sent; [ErrClosed].
func (c *GroupCommitter) Send(ctx context.Context, batch *pgx.Batch) error {
	statements := takeOut(batch)
	if len(statements) == 0 {
		return c.refuseEmpty()
	}
	b := newBatch(ctx, &pgx.Batch{QueuedQueries: statements})
	if err := c.send(b); err != nil {
		if errors.Is(err, ErrCommitted) || errors.Is(err, ErrOutcomeUnknown) {
			return err
		}
		putBack(batch, statements)
		if p := new(flush.PanicError); errors.As(err, &p) {
			p.GoOn()
		}
		return err
	}
	c.batches.Add(1)
	return b.callBack()
}

func (c *GroupCommitter) refuseEmpty() error {
	if err := c.enter(); err != nil {
		return err
	}
	c.running.Done()
	return errors.New("gapless: the batch has no statements: none were queued, or it was sent already")
}

// taking is held while statements are taken out of a batch, which others may do at the same time.
var taking sync.Mutex

func takeOut(batch *pgx.Batch) (statements []*pgx.QueuedQuery) {
	taking.Lock()
	defer taking.Unlock()
	statements, batch.QueuedQueries = batch.QueuedQueries, nil
	return statements
}

func putBack(batch *pgx.Batch, statements []*pgx.QueuedQuery) {
	taking.Lock()
	defer taking.Unlock()
	batch.QueuedQueries = append(statements, batch.QueuedQueries...)
}

// send returns nil when the batch is durable and its results have been read.
func (c *GroupCommitter) send(b *sharedBatch) error {
	if err := c.enter(); err != nil {
		return err
	}
	defer c.running.Done()
	waited, err := c.from.pool.Wait()
	if err != nil {
		return err
	}
	b.waited = sync.OnceFunc(waited)
	defer b.waited()
	c.mu.Lock()
	c.queue = append(c.queue, b)
	if c.senders < int(c.pool.Config().MaxConns)+1 { // one more than can send: it waits for its flush
		c.senders++
		c.running.Add(1)
		go c.sendQueued()
	}
	c.mu.Unlock()
	select {
	case err := <-b.done:
		return err
	case <-b.ctx.Done():
	}
	c.mu.Lock()
	if i := slices.Index(c.queue, b); i >= 0 {
		c.queue = slices.Delete(c.queue, i, i+1)
		c.stopBeginning()
	}
	c.mu.Unlock()
	sent := b.leave()
	select {
	case err := <-b.done:
		return err
	default:
	}
	if !sent {
		return fmt.Errorf("gapless: not sent: %w", retry.Ended(b.ctx))
	}
	return fmt.Errorf("gapless: %w: the batch was sent: %w", client.ErrOutcomeUnknown, retry.Ended(b.ctx))
}

// errNothing is that others have sent what was queued.
var errNothing = errors.New("nothing is queued")

// maxShared is how many batches share a transaction at most.
const maxShared = 128

// sendQueued sends what is queued, until nothing is.
func (c *GroupCommitter) sendQueued() {
	defer c.running.Done()
	for {
		c.mu.Lock()
		if len(c.queue) == 0 {
			c.senders--
			c.mu.Unlock()
			return
		}
		first := c.queue[0].ctx
		c.mu.Unlock()
		c.sendTogether(first, nil)
	}
}

// beginner is a sender that begins a transaction, for what is queued.
type beginner struct {
	newest *sharedBatch // of what was queued then
	stop   context.CancelCauseFunc
}

// begin notes that a transaction begins, until ended is called. If that is false, stop was called, so that it must not be used.
func (c *GroupCommitter) begin(ctx context.Context, stop context.CancelCauseFunc) (ended func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &beginner{stop: stop}
	if len(c.queue) > 0 {
		b.newest = c.queue[len(c.queue)-1]
	}
	c.beginning[b] = struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.beginning, b)
		return !errors.Is(context.Cause(ctx), errNothing)
	}
}

// stopBeginning stops those that began for callers who are all gone: what they wait for may never come. Callers hold the lock.
func (c *GroupCommitter) stopBeginning() {
	for b := range c.beginning {
		if !slices.Contains(c.queue, b.newest) {
			b.stop(errNothing)
		}
	}
}

// takeQueued takes the batches that are to share the next transaction: the first that is queued, and as many after it as share with it.
func (c *GroupCommitter) takeQueued(simple bool) []*sharedBatch {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < min(len(c.queue), maxShared) && (n == 0 || !simple && c.queue[0].plain && c.queue[n].plain) {
		n++
	}
	taken := slices.Clone(c.queue[:n])
	for _, b := range taken {
		b.waited()
	}
	c.queue = slices.Delete(c.queue, 0, n)
	if c.closed {
		c.stopBeginning()
	}
	return taken
}

// sendTogether runs the batches in one transaction; or, if that fails, in one each. Without batches it takes those that are queued
// when the transaction has begun, so that the more share it the longer that takes. The pool's hooks and tracers see the values of
// the first one's context.
func (c *GroupCommitter) sendTogether(first context.Context, batches []*sharedBatch) {
	// It is given up when nobody waits for it any more.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(first))
	defer cancel(nil)
	var stops []func() bool
	follow := func() {
		var waiting atomic.Int64
		waiting.Store(int64(len(batches)))
		for _, b := range batches {
			stops = append(stops, context.AfterFunc(b.ctx, func() {
				if waiting.Add(-1) == 0 {
					cancel(nil)
				}
			}))
		}
	}
	follow()
	begun := func() bool { return true }
	if len(batches) == 0 {
		begun = c.begin(ctx, cancel)
	}
	take := func(simple bool) {
		if len(batches) == 0 && begun() {
			batches = c.takeQueued(simple)
			follow()
		}
	}
	var began *transaction
	turn := turn{of: c.turns}
	err := flush.Apart(func() error {
		_, err := c.inTx(ctx, c.sending, c.tx, turn.end, func(tx pgx.Tx) error {
			began = tx.(*transaction)
			if len(batches) == 0 {
				turn.await(ctx)
			}
			take(began.simple())
			if len(batches) == 0 {
				began.watch.Leave()
				return errNothing
			}
			began.shared = batches
			return nil
		})
		return err
	})
	if began == nil {
		take(false) // what waits for it has to be told
	} else if p := new(flush.PanicError); errors.As(err, &p) && began.sending {
		var resolved error
		asking := flush.Apart(func() error { resolved = began.resolve(ctx, c.from, err); return nil }) // with the pool's hooks
		if asking != nil {
			resolved = fmt.Errorf("gapless: %w: %w; asking for its outcome: %w", ErrOutcomeUnknown, err, asking)
		}
		if resolved == nil {
			err = fmt.Errorf("gapless: %w: %w", ErrCommitted, err)
		} else if errors.Is(resolved, ErrOutcomeUnknown) {
			err = resolved
		}
	}
	for _, stop := range stops {
		stop()
	}
	if pg := new(pgconn.PgError); len(batches) == 1 && batches[0].plain && errors.As(err, &pg) && pg.Code == "42601" {
		batches[0].plain = false // syntax_error: perhaps it is no text, but a name
		c.sendTogether(batches[0].ctx, batches)
		return
	}
	if err == nil || len(batches) < 2 || errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrCommitted) {
		for _, b := range batches {
			if errors.Is(err, ErrCommitted) && b.unread == 0 {
				b.done <- nil
			} else {
				b.done <- err
			}
		}
		return
	}
	waiting := slices.DeleteFunc(slices.Clone(batches), func(b *sharedBatch) bool { return b.ctx.Err() != nil })
	if len(waiting) < len(batches) { // perhaps it failed for one that is not waited for
		if len(waiting) > 0 {
			c.sendTogether(waiting[0].ctx, waiting)
		}
		return
	}
	for _, b := range batches {
		c.sendTogether(b.ctx, []*sharedBatch{b})
	}
}

// turn is had by one sender at a time. It takes what is queued and runs it, while the next one begins its transaction: so the server
// does not wait for a BEGIN, and what is queued meanwhile goes along.
type turn struct {
	of   chan struct{} // holds one value while somebody has it
	mine bool
}

// patience is how long the next sender leaves the queue to the one that has the turn, which may wait for a lock; and its holder for
// what is queued.
const patience = 10 * time.Millisecond

func (t *turn) await(ctx context.Context) {
	select {
	case t.of <- struct{}{}:
		t.mine = true
	case <-time.After(patience):
	case <-ctx.Done():
	}
}

func (t *turn) end() {
	if t.mine {
		t.mine = false
		<-t.of
	}
}
