package metrics

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/sqltest"
)

var cases = gapless.NewSequence("case")

func TestATransactionIsCounted(t *testing.T) {
	t.Parallel()
	d := open(t)
	o := NewObserver()
	require.NoError(t, gapless.InTx(t.Context(), d.pool, func(tx pgx.Tx) error {
		_, err := cases.Next(t.Context(), tx)
		return err
	}, gapless.WithObserver(o.Observe)))
	seen := gather(t, o)
	require.InDelta(t, 1, seen["gapless_attempts_total"], 0)
	require.InDelta(t, 1, seen[`gapless_transactions_total{outcome="committed"}`], 0)
	for _, name := range []string{"begin", "wait", "work", "commit", "hold", "transaction"} {
		require.InDelta(t, 1, seen["gapless_"+name+"_duration_seconds"], 0, name)
	}
	require.Zero(t, seen["gapless_flush_duration_seconds"])
	require.Zero(t, seen[`gapless_refused_total{reason="locked"}`])
}

// TestTheHoldLastsFromTheFirstNumberToTheCommit has others look at it.
func TestTheHoldLastsFromTheFirstNumberToTheCommit(t *testing.T) {
	t.Parallel()
	d := open(t)
	var held []time.Duration
	var kinds []gapless.EventKind
	observer := gapless.WithObserver(func(_ context.Context, event gapless.Event) {
		if event.Held > 0 {
			held, kinds = append(held, event.Held), append(kinds, event.Kind)
		}
	})
	var taken time.Time
	work := func(fails error) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error {
			_, err := cases.Next(t.Context(), tx)
			require.NoError(t, err)
			taken = time.Now()
			_, err = gapless.NewSequence("another").Next(t.Context(), tx)
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), "SELECT pg_sleep(0.05)")
			require.NoError(t, err)
			return fails
		}
	}
	require.NoError(t, gapless.InTx(t.Context(), d.pool, work(nil), observer))
	require.Equal(t, []gapless.EventKind{gapless.EventCommit}, kinds)
	require.Greater(t, held[0], 50*time.Millisecond)
	require.Less(t, held[0], time.Since(taken)+time.Second)

	failed := errors.New("the program's own")
	require.ErrorIs(t, gapless.InTx(t.Context(), d.pool, work(failed), observer), failed)
	require.Equal(t, []gapless.EventKind{gapless.EventCommit, gapless.EventWork}, kinds)
	require.Greater(t, held[1], 50*time.Millisecond)

	require.NoError(t, gapless.InTx(t.Context(), d.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "SELECT 1")
		return err
	}, observer))
	require.Len(t, held, 2, "nothing was held")
}

func TestARetryIsCounted(t *testing.T) {
	t.Parallel()
	d := open(t)
	o := NewObserver()
	runs := 0
	require.NoError(t, gapless.InTx(t.Context(), d.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "SELECT") // takes the snapshot
		require.NoError(t, err)
		if runs++; runs == 1 {
			d.Do("SELECT gapless.next_gapless('case')")
		}
		_, err = cases.Next(t.Context(), tx)
		return err
	}, gapless.WithIsolation(pgx.RepeatableRead), gapless.WithObserver(o.Observe)))
	seen := gather(t, o)
	require.InDelta(t, 2, seen["gapless_attempts_total"], 0)
	require.InDelta(t, 1, seen[`gapless_retries_total{error_type="40001"}`], 0)
	require.InDelta(t, 1, seen[`gapless_transactions_total{outcome="committed"}`], 0)
}

func TestEachRefusalHasItsReason(t *testing.T) {
	t.Parallel()
	d := open(t)
	sqltest.MakeRefusals(d.Session)
	o := NewObserver()
	want := map[string]float64{}
	total := 0.0
	for _, refusal := range sqltest.Refusals {
		err := gapless.InTx(t.Context(), d.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), refusal.Statement)
			return err
		}, gapless.WithObserver(o.Observe))
		require.ErrorIs(t, err, refusal.Meaning)
		want[reason(refusal.Meaning)]++
		total++
	}
	seen := gather(t, o)
	for reason, count := range want {
		require.InDelta(t, count, seen[`gapless_refused_total{reason="`+reason+`"}`], 0, reason)
	}
	require.Len(t, want, len(refusals), "one of each")
	require.InDelta(t, total, seen[`gapless_transactions_total{outcome="refused"}`], 0)

	_, err := d.Exec(t.Context(), sqltest.Refusals[0].Statement)
	require.ErrorIs(t, o.CountRefused(err), gapless.ErrWritten)
	require.InDelta(t, want["written"]+1, gather(t, o)[`gapless_refused_total{reason="written"}`], 0)
	require.NoError(t, o.CountRefused(nil))
}

func TestWhatFailsOtherwiseIsNotRefused(t *testing.T) {
	t.Parallel()
	d := open(t)
	o := NewObserver()
	own := errors.New("the program's own")
	require.ErrorIs(t, gapless.InTx(t.Context(), d.pool, func(pgx.Tx) error { return own }, gapless.WithObserver(o.Observe)), own)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, gapless.InTx(ctx, d.pool, func(pgx.Tx) error { return nil }, gapless.WithObserver(o.Observe)), context.Canceled)
	seen := gather(t, o)
	require.InDelta(t, 1, seen[`gapless_transactions_total{outcome="failed"}`], 0)
	require.InDelta(t, 1, seen[`gapless_transactions_total{outcome="canceled"}`], 0)
	for _, refusal := range refusals {
		require.Zero(t, seen[`gapless_refused_total{reason="`+refusal.reason+`"}`])
	}
}

func TestALostAnswerIsCounted(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{nil: "committed", gapless.ErrCommitted: "committed", gapless.ErrOutcomeUnknown: "unknown", context.Canceled: "not_committed"} {
		o := NewObserver()
		o.Observe(t.Context(), gapless.Event{Kind: gapless.EventResolve, Err: err})
		require.InDelta(t, 1, gather(t, o)[`gapless_resolved_total{outcome="`+want+`"}`], 0, want)
	}
}

func TestAGroupCommitterIsShown(t *testing.T) {
	t.Parallel()
	d := open(t)
	o := NewObserver()
	pool := d.at.Pool(t)
	committer := sqltest.NewGroupCommitter(t, pool, gapless.WithTxOptions(gapless.WithObserver(o.Observe)))
	defer committer.Close()
	group := NewGroupCollector(committer)
	require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error {
		require.InDelta(t, 1, gather(t, group)["gapless_group_open"], 0)
		_, err := cases.Next(t.Context(), tx)
		return err
	}))
	batch := &pgx.Batch{}
	batch.Queue("SELECT gapless.next_gapless('case')")
	require.NoError(t, committer.Send(t.Context(), batch))
	seen := gather(t, group, o)
	require.Zero(t, seen["gapless_group_open"])
	require.Zero(t, seen["gapless_group_queued"])
	require.Zero(t, seen["gapless_group_unflushed"])
	require.InDelta(t, 2, seen["gapless_group_transactions_total"], 0)
	require.InDelta(t, 1, seen["gapless_group_batches_total"], 0)
	require.InDelta(t, 2, seen["gapless_group_flushes_total"], 0)
	require.Positive(t, seen["gapless_group_flush_seconds_total"])
	require.Positive(t, seen["gapless_group_longest_flush_seconds"])
	require.InDelta(t, 1, seen["gapless_group_connections_total"], 0)
	require.InDelta(t, 2, seen["gapless_flush_duration_seconds"], 0)
	require.InDelta(t, 2, seen["gapless_transactions_total{outcome=\"committed\"}"], 0)
}
