package gapless

import (
	"context"
	"fmt"

	"github.com/pggapless/gapless/db"
	"github.com/pggapless/gapless/internal/retry"
)

// resolve finds out what became of a transaction whose COMMIT has no answer, on connections of its own. It returns nil once
// the transaction is known to be committed and durable, a [retry.ErrLost] when it is known to be lost, and otherwise
// an [ErrOutcomeUnknown]. cause is COMMIT's error.
func (t *transaction) resolve(ctx context.Context, from source, cause error) error {
	began := t.watch.Now()
	err := retry.Resolve(ctx, cause, func(ctx context.Context) (retry.Outcome, error) {
		conn, release, err := from.fresh(ctx)
		if err != nil {
			return "", err
		}
		defer release()
		if _, err := exec(ctx, conn, "BEGIN; "+retry.Asking, "begin"); err != nil {
			return "", err
		}
		outcome, err := db.New(conn).OutcomeGapless(ctx, db.OutcomeGaplessParams{
			Token: t.token, Txid: t.txid,
		})
		if err == nil && outcome == string(retry.Committed) {
			// What is visible need not be durable yet, nor replicated.
			flush := fmt.Sprintf("SELECT gapless.flush_gapless(%d)", t.txid)
			_, err = exec(ctx, conn, flush+"; COMMIT", flush)
		} else if err == nil {
			_, err = exec(ctx, conn, "COMMIT", "commit")
		}
		return retry.Outcome(outcome), err
	})
	t.watch.Tell(retry.Resolved, began, err)
	return err
}
