package top

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// refusal says why somebody is not to be terminated, or "".
func refusal(p person) string {
	switch {
	case p.PID == 0 && p.Prepared != "":
		gid := quote(p.Prepared)
		return "A prepared transaction is decided, not terminated: ask the transaction manager what the other parties did, and do the same: " +
			"COMMIT PREPARED " + gid + " or ROLLBACK PREPARED " + gid
	case p.PID == 0:
		return "A prepared transaction is decided, not terminated: pg_prepared_xacts has its name, for COMMIT PREPARED or ROLLBACK PREPARED"
	case p.Wait == "SyncRep":
		return fmt.Sprintf("pid %d has committed, and waits for a synchronous standby: to terminate it takes nothing back. "+
			"docs/operations.md: A synchronous standby is missing", p.PID)
	case p.Started == nil || p.Began == nil:
		return fmt.Sprintf("pid %d cannot be told from a later session of that number: that takes pg_read_all_stats, or its transaction has just ended", p.PID)
	}
	return ""
}

// question asks whether to terminate it.
func question(p person, role, name string) string {
	what := "waiting for"
	switch role {
	case "holds":
		what = "holding"
	case "blocks":
		what = "blocking"
	}
	return fmt.Sprintf("terminate pid %d of app %s, user %s, %s %s for %s? y/N", p.PID, or(p.Application), or(p.User), what, clean(name), optional(p.Age))
}

// A pid may be another session's since, and the session in another transaction.
const terminate = `
	SELECT pg_terminate_backend(a.pid, 5000)
	FROM pg_stat_activity AS a
	WHERE a.pid = $1 AND a.backend_start = $2 AND a.xact_start = $3 AND a.wait_event IS DISTINCT FROM 'SyncRep'`

// end terminates a backend, if it is in the same transaction still, and says what came of it.
func (s *session) end(ctx context.Context, p person, explain func(error) string) string {
	var gone bool
	err := s.do(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, terminate, p.PID, p.Started, p.Began).Scan(&gone)
	})
	refused, _ := errors.AsType[*pgconn.PgError](err)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Sprintf("nobody was terminated: pid %d has ended that transaction meanwhile", p.PID)
	case refused != nil && refused.Code == "42501":
		return fmt.Sprintf("pid %d was not terminated: %s. It takes pg_signal_backend, or the role %s itself; for a superuser's session, a superuser",
			p.PID, clean(refused.Message), or(p.User))
	case err != nil:
		return fmt.Sprintf("pid %d: %s", p.PID, explain(err))
	case !gone:
		return fmt.Sprintf("pid %d was told to end, and has not within 5s", p.PID)
	}
	return fmt.Sprintf("pid %d is terminated: its numbers go to the next", p.PID)
}
