package stdlib

import (
	"context"
	"database/sql"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/flush"
	"github.com/pggapless/gapless/internal/retry"
)

// GroupCommitter runs transactions whose commits share their flushes, so that one sequence is not held to one flush a
// number; see [gapless.GroupCommitter]. There is no Send here: database/sql has no batch that callers could share.
//
// A GroupCommitter can be used by many goroutines. Make it with [NewGroupCommitter], and Close it.
type GroupCommitter struct {
	from    source
	flushes *flush.Group
	tx      retry.Options // of each transaction, before its own

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // the calls of InTx
}

// NewGroupCommitter returns a group committer whose transactions run on db's connections; see [gapless.NewGroupCommitter].
// Limit them to 2 to 8, by [sql.DB.SetMaxOpenConns]: that is the fastest. What embeds a [*sql.DB], as sqlx's and bun's DB do,
// has it in its field DB.
//
// The connection for flushes is made as one of db's was, of which it takes the configuration, or by
// [gapless.WithFlusherConfig]. What pgx's stdlib runs after it has connected, by OptionAfterConnect, is not run for it.
func NewGroupCommitter(ctx context.Context, db *sql.DB, opts ...gapless.GroupOption) (*GroupCommitter, error) {
	from, err := sourceOf(db)
	if err != nil {
		return nil, err
	}
	options := flush.NewOptions(opts)
	c := &GroupCommitter{from: from, tx: options.Tx}
	if c.flushes, err = flush.NewGroup(ctx, flush.Pool{Config: from.config}, options); err != nil {
		return nil, err
	}
	return c, nil
}

// config is that of the pool's connections.
func (from source) config(ctx context.Context) (config *pgx.ConnConfig, err error) {
	conn, release, err := from.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	err = conn.Raw(func(conn any) error {
		if err := refuse(conn); err != nil {
			return err
		}
		of, _ := unwrap(conn)
		config = of.Config()
		return nil
	})
	return config, err
}

// InTx is [InTx], on the committer's database and with its shared flushes. It blocks until the transaction is durable, or ctx
// ends; see [gapless.GroupCommitter.InTx]. After [GroupCommitter.Close], it returns [gapless.ErrClosed].
func (c *GroupCommitter) InTx(ctx context.Context, fn func(tx *sql.Tx) error, opts ...gapless.TxOption) error {
	if err := c.enter(); err != nil {
		return err
	}
	defer c.running.Done()
	options := retry.With(c.tx, opts)
	var t marked
	return c.flushes.Run(ctx, options, func(by *flush.Flusher, watch *retry.Watch) (durable bool, err error) {
		t, err = c.from.run(ctx, options.Isolation, by, watch, fn)
		return t.resolved, err
	}, func(watch *retry.Watch, broken error) error { return c.from.resolve(ctx, t, watch, broken) })
}

// Stat tells what the group committer does now, and has done since it was made; see [gapless.GroupCommitter.Stat]. It has no batches.
func (c *GroupCommitter) Stat() gapless.GroupStat { return gapless.GroupStat(c.flushes.Stat()) }

// enter counts a call as running, if the committer is not closed.
func (c *GroupCommitter) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return gapless.ErrClosed
	}
	c.running.Add(1)
	return nil
}

// Close waits until the transaction of every call of InTx has ended, and closes the connection for flushes. Later calls return
// [gapless.ErrClosed]. Close db afterwards. Close can be called again. Called by the function that InTx runs, it returns at once,
// and the rest happens when the calls have ended.
func (c *GroupCommitter) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	if c.from.nested.Held() > 0 {
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
