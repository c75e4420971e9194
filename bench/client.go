package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/retry"
)

// client compares the Go client with the same messages through bare pgx: aim 7.
func client(ctx context.Context, b *bench) (err error) {
	const each = 20 // transactions a turn; fewer would always find the processor's caches full of the other's
	ours, same, plain := byHand("client", "gapless.InTx and Sequence.Next"), byHand("same", "bare pgx, the same messages"), byHand("plain", "bare pgx, without the mark")
	s, err := b.newStage(ctx, ours, same, plain)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()
	pool, err := s.pool(ctx, 1, noFlush)
	if err != nil {
		return err
	}

	sequence := gapless.NewSequence(ours.sequence)
	insert := func(ctx context.Context, tx pgx.Tx, c contender, number int64, err error) error {
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, c.insert()+" RETURNING set_config('synchronous_commit', 'off', true)", customer, number) // InTx turned it on
		return err
	}
	bare := func(c contender, begin func(context.Context, *pgxpool.Conn) (pgx.Tx, error)) func(context.Context) error {
		return func(ctx context.Context) error {
			conn, err := pool.Acquire(ctx)
			if err != nil {
				return err
			}
			defer conn.Release()
			tx, err := begin(ctx, conn)
			if err != nil {
				return err
			}
			number, err := bareNext(ctx, tx, c.sequence)
			if err := insert(ctx, tx, c, number, err); err != nil {
				return errors.Join(err, tx.Rollback(ctx))
			}
			return tx.Commit(ctx)
		}
	}
	repeat := func(c contender, transaction func(ctx context.Context) error) turn {
		return turn{c.label, each, func(ctx context.Context) error {
			for range each {
				if err := transaction(ctx); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	turns := []turn{
		repeat(ours, func(ctx context.Context) error {
			return gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
				number, err := sequence.Next(ctx, tx)
				return insert(ctx, tx, ours, number, err)
			})
		}),
		repeat(same, bare(same, beginMarked)),
		repeat(plain, bare(plain, func(ctx context.Context, conn *pgxpool.Conn) (pgx.Tx, error) { return conn.Begin(ctx) })),
	}
	all, err := b.takeRounds(ctx, "the Go client against bare pgx", func(ctx context.Context, warm bool) (map[string]float64, error) {
		return takeTurns(ctx, warmed(b.slice*5, warm), turns)
	})
	if err != nil {
		return err
	}
	objects, err := allocationsOf(ctx, pool, func(tx pgx.Tx) error {
		_, err := sequence.Next(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	bareObjects, err := allocationsOf(ctx, pool, func(tx pgx.Tx) error {
		_, err := bareNext(ctx, tx, same.sequence)
		return err
	})
	if err != nil {
		return err
	}

	t := table{head: []string{"", "transactions a second", "time ÷ " + same.label, "time ÷ " + plain.label, "Go allocations for a number"}}
	for i, turn := range turns {
		t.add(turn.label, all.of(turn.label).String(), all.ratio(same.label, turn.label).String(), all.ratio(plain.label, turn.label).String(),
			thousands([]int64{objects, bareObjects, bareObjects}[i]))
	}
	b.report.aims = append(b.report.aims, aim{
		name: "7", want: 1.05, atMost: true, ratio: all.ratio(same.label, ours.label),
		measured: fmt.Sprintf("time of %s ÷ %s, 1 caller, %s", ours.label, same.label, noFlush.name),
		note:     fmt.Sprintf("%d Go allocations for a call of Next, %d in bare pgx", objects, bareObjects),
	})
	b.report.sections = append(b.report.sections, section{
		title: "The Go client", table: t,
		text: fmt.Sprintf("One client: begin, allocate, insert, commit, with %s, so that nothing hides the client's own part.\n", noFlush.name) +
			"InTx marks its transaction in the message that begins it, so that it can be found again when the answer to COMMIT is lost.",
	})
	return nil
}

// beginMarked sends what InTx sends first.
func beginMarked(ctx context.Context, conn *pgxpool.Conn) (pgx.Tx, error) {
	var batch pgx.Batch
	batch.BeginTx(pgx.TxOptions{})
	var txid int64
	var started time.Time
	var replicated bool
	batch.Queue(`SELECT
			gapless.mark_gapless($1),
			pg_catalog.pg_postmaster_start_time(),
			pg_catalog.current_setting('synchronous_standby_names') <> '' OR pg_catalog.current_setting('client_min_messages') = 'error',
			CASE WHEN $2 THEN pg_catalog.set_config('synchronous_commit', 'off', true) ELSE `+retry.Durable+` END`,
		pgtype.UUID{Bytes: uuid.New(), Valid: true}, false,
	).QueryRow(func(row pgx.Row) error { return row.Scan(&txid, &started, &replicated, nil) })
	results := conn.SendBatch(ctx, &batch)
	err := results.Close()
	return results.Tx(), err
}

// bareNext sends what Sequence.Next sends.
func bareNext(ctx context.Context, tx pgx.Tx, sequence string) (number int64, err error) {
	var none *int64
	err = tx.QueryRow(ctx, "SELECT gapless.next_gapless(name => $1, initial => $2, reset => $3, nowait => $4)::bigint", sequence, none, none, false).Scan(&number)
	return number, err
}

// allocationsOf counts the objects that a call makes in Go's heap, in a transaction that is rolled back.
func allocationsOf(ctx context.Context, pool *pgxpool.Pool, call func(tx pgx.Tx) error) (int64, error) {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	var failed error
	objects := testing.AllocsPerRun(200, func() {
		if err := call(tx); err != nil {
			failed = err
		}
	})
	return int64(objects), failed
}
