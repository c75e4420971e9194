package gapless

import "github.com/jackc/pgx/v5"

// Queue returns how many batches wait to be sent, and how many goroutines send.
func (c *GroupCommitter) Queue() (batches, senders int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue), c.senders
}

// MistakeBackend has the flusher believe that it had another backend when it connected. Nobody may be waiting for it.
func (c *GroupCommitter) MistakeBackend() { c.flushes.Last().PID++ }

// BatchOnly is a transaction that has nothing but its CommitBatch.
func BatchOnly() (tx pgx.Tx, batch *pgx.Batch) {
	t := new(transaction)
	t.tx = t
	return t, &t.last
}
