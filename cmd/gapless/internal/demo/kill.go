package demo

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

// killer terminates backends from a connection of its own, and keeps the log of it.
type killer struct {
	mu   sync.Mutex
	conn *pgx.Conn
}

// Only a backend of this database is terminated, so that no pid, however wrong (behind a pooler, say), can hurt anyone
// else. CASE, since WHERE promises no order.
const terminate = `
INSERT INTO killed (attempt, pid)
SELECT $1::bigint, a.pid
FROM pg_stat_activity AS a
WHERE a.pid = $2::integer
    AND CASE WHEN a.datname = current_database() THEN pg_terminate_backend(a.pid) ELSE false END`

// verdict blocks until the signal is sent, and returns whether it was. It can be called again.
type verdict func() (bool, error)

// kill terminates a backend in the background. Whoever calls it must wait for the verdict before another attempt
// uses that backend: else the log would blame the wrong one.
func (k *killer) kill(ctx context.Context, attempt int64, pid uint32) verdict {
	type outcome struct {
		sent bool
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		tag, err := k.conn.Exec(ctx, terminate, attempt, int64(pid))
		done <- outcome{tag.RowsAffected() == 1, err}
	}()
	return sync.OnceValues(func() (bool, error) {
		o := <-done
		return o.sent, o.err
	})
}
