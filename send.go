package gapless

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/retry"
)

// Send runs the statements of a batch in one transaction, commits it, and returns when that is durable. It is the
// fastest way to issue many numbers of one sequence. What several callers send at the same time runs in a single
// transaction, one batch after the other. So they share messages and commit as well as the flush.
//
// When a statement of any batch fails, that transaction is rolled back, and each batch is run in one of its own. So a
// failure is its caller's alone. Otherwise a batch notices the others only in this: now() and the transaction's id
// are common, rows of batches before are visible, and what lasts until the transaction's end lasts for the batches
// after. So do not send SET LOCAL, SET CONSTRAINTS, SAVEPOINT, advisory transaction locks or anything else that
// changes the transaction. Send statements that insert, update and read. [GroupCommitter.InTx] has a transaction for
// itself.
//
// The callbacks of the batch are run as pgx does it, by another goroutine while Send waits, and again when the batch
// is run again. Use what they read only when Send has returned nil. A batch must not be sent twice.
//
// Errors: those of the statements, retried as [InTx] does; [ErrCommitted], when a callback failed or what it was to
// read was lost; [ErrOutcomeUnknown], also when ctx ends after the batch was sent; [ErrClosed].
func (c *GroupCommitter) Send(ctx context.Context, batch *pgx.Batch) error {
	if err := c.enter(); err != nil {
		return err
	}
	defer c.running.Done()
	b := &sharedBatch{ctx: ctx, batch: batch, done: make(chan error, 1)}
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
	case <-ctx.Done():
	}
	c.mu.Lock()
	i := slices.Index(c.queue, b)
	if i >= 0 {
		c.queue = slices.Delete(c.queue, i, i+1)
	}
	c.mu.Unlock()
	if i >= 0 {
		return fmt.Errorf("gapless: not sent: %w", context.Cause(ctx))
	}
	if b.abandon() {
		return <-b.done
	}
	return fmt.Errorf("gapless: %w: the batch was sent: %w", client.ErrOutcomeUnknown, context.Cause(ctx))
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
		c.mu.Unlock()
		c.sendTogether(nil)
	}
}

// sendTogether runs the batches in one transaction; or, if that fails, in one each. Without batches it takes those that are queued
// when the transaction has begun, so that the more share it the longer that takes.
func (c *GroupCommitter) sendTogether(batches []*sharedBatch) {
	// It is given up when nobody waits for it any more.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var stops []func() bool
	follow := func() {
		var waiting atomic.Int64
		waiting.Store(int64(len(batches)))
		for _, b := range batches {
			stops = append(stops, context.AfterFunc(b.ctx, func() {
				if waiting.Add(-1) == 0 {
					cancel()
				}
			}))
		}
	}
	follow()
	take := func() {
		if len(batches) == 0 {
			c.mu.Lock()
			n := min(len(c.queue), maxShared)
			batches = slices.Clone(c.queue[:n])
			c.queue = slices.Delete(c.queue, 0, n)
			c.mu.Unlock()
			follow()
		}
	}
	began := false
	err := c.inTx(ctx, retry.NewOptions[TxOption](nil), func(tx pgx.Tx) error {
		began = true
		take()
		if len(batches) == 0 {
			return errNothing
		}
		tx.(*transaction).shared = batches
		return nil
	})
	if !began {
		take() // what waits for it has to be told
	}
	for _, stop := range stops {
		stop()
	}
	if err == nil || len(batches) < 2 || errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrCommitted) {
		for _, b := range batches {
			if errors.Is(err, ErrCommitted) && b.unread == 0 {
				b.finish(nil)
			} else {
				b.finish(err)
			}
		}
		return
	}
	for _, b := range batches {
		c.sendTogether([]*sharedBatch{b})
	}
}

// sharedBatch is a batch that shares its transaction with others.
type sharedBatch struct {
	ctx   context.Context
	batch *pgx.Batch
	done  chan error

	mu        sync.Mutex // held while a callback runs
	abandoned bool       // its caller has gone
	finished  bool
	err       error // what callbacks returned
	unread    int   // how many callbacks have not run yet
}

// queueInto queues the batch's statements. A callback reads its result from memory: if it fails, it must not keep the others'
// callbacks, or COMMIT's, from reading theirs.
func (b *sharedBatch) queueInto(all *pgx.Batch, types *pgtype.Map) {
	b.err, b.unread = nil, 0
	for _, query := range b.batch.QueuedQueries {
		queued := all.Queue(query.SQL, query.Arguments...)
		if query.Fn == nil {
			continue
		}
		b.unread++
		queued.Query(func(rows pgx.Rows) error {
			read := &readRows{types: types}
			for rows.Next() {
				values := slices.Clone(rows.RawValues())
				for i := range values {
					values[i] = slices.Clone(values[i])
				}
				read.rows = append(read.rows, values)
			}
			if rows.Err() != nil {
				return nil // the statement's, which pgx returns
			}
			b.unread--
			read.fields, read.tag = slices.Clone(rows.FieldDescriptions()), rows.CommandTag()
			b.mu.Lock()
			defer b.mu.Unlock()
			if !b.abandoned {
				b.err = errors.Join(b.err, query.Fn(readResults{read}))
			}
			return nil
		})
	}
}

func (b *sharedBatch) finish(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finished = true
	if err == nil && b.err != nil {
		err = fmt.Errorf("gapless: %w: %w", retry.ErrCommitted, b.err)
	}
	b.done <- err
}

// abandon sees to it that no callback runs any more, and reports whether the batch has finished before.
func (b *sharedBatch) abandon() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.abandoned = true
	return b.finished
}
