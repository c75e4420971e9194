package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless"
)

// group commits through gapless.GroupCommitter.
type group struct {
	contender
	pool      *pgxpool.Pool
	committer *gapless.GroupCommitter
}

// groupOf is a contender for a committer on a pool of that many connections.
func groupOf(connections int) contender {
	return byHand(fmt.Sprintf("group%d", connections), fmt.Sprintf("gapless, group commit on %d connections", connections))
}

// sentOf is a contender whose callers Send, and so share transactions.
func sentOf(connections int) contender {
	return byHand(fmt.Sprintf("sent%d", connections), "gapless, group commit by Send on "+counted(connections, "connection"))
}

// groupAtCommit is groupOf for a column that is numbered at the commit.
func groupAtCommit(connections int) contender {
	return attached(fmt.Sprintf("group%d", connections), fmt.Sprintf("at_commit, group commit on %d connections", connections), true)
}

// newGroup opens the pool and the committer, which close closes.
func (s *stage) newGroup(ctx context.Context, c contender, connections int, f flush) (*group, error) {
	pool, err := s.pool(ctx, connections, f)
	if err != nil {
		return nil, err
	}
	committer, err := gapless.NewGroupCommitter(ctx, pool)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, committer.Close)
	return &group{c, pool, committer}, nil
}

// lane is the group's, for either shape.
func (g *group) lane(shape shape) lane {
	return g.inTx(func(ctx context.Context, tx pgx.Tx) error {
		if shape.name == oneStatement.name {
			batch, err := gapless.CommitBatch(tx)
			if err == nil {
				batch.Queue(g.insertNext, customer)
			}
			return err
		}
		return g.allocateAndInsert(ctx, tx)
	})
}

// sent is the group's for one statement, sent in a transaction that callers share.
func (g *group) sent() lane {
	return lane{contender: g.contender, transaction: func(ctx context.Context, _ int) error {
		var batch pgx.Batch
		batch.Queue(g.insertNext, customer)
		return g.committer.Send(ctx, &batch)
	}}
}

// inTx is a lane whose callers do that in a transaction.
func (g *group) inTx(do func(context.Context, pgx.Tx) error) lane {
	return lane{contender: g.contender, transaction: func(ctx context.Context, _ int) error {
		return g.committer.InTx(ctx, func(tx pgx.Tx) error { return do(ctx, tx) })
	}}
}
