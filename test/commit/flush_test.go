package commit_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestAFlushIsForAnotherTransactionThatHasCommitted is gapless.flush_gapless, as other stacks call it.
func TestAFlushIsForAnotherTransactionThatHasCommitted(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, running := sqltest.Connect(t, database), sqltest.Connect(t, database)
	txid := s.Number("SELECT txid_current()")
	s.Do("SELECT gapless.flush_gapless()")
	s.Do("SELECT gapless.flush_gapless($1)", txid)

	s.Do("BEGIN")
	txid = s.Number("SELECT txid_current()")
	s.Do("ROLLBACK")
	s.Refuse("40000", "SELECT gapless.flush_gapless($1)", txid)

	running.Do("BEGIN")
	txid = running.Number("SELECT txid_current()")
	s.Do("SELECT txid_current()") // a later one has ended
	s.Refuse("55000", "SELECT gapless.flush_gapless($1)", txid)
	running.Refuse("55000", "SELECT gapless.flush_gapless($1)", txid)
	running.Do("ROLLBACK")
	for _, never := range []int64{txid + 1_000_000, -1} {
		s.Refuse("22023", "SELECT gapless.flush_gapless($1)", never)
	}

	// A snapshot that is older is no obstacle; a transaction that has its id already cannot tell a newer one from one that was lost.
	old := sqltest.Connect(t, database)
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		old.Do("BEGIN ISOLATION LEVEL " + level)
		old.Do("SELECT txid_current_snapshot()")
		txid = s.Number("SELECT txid_current()")
		old.Do("SELECT gapless.flush_gapless($1)", txid)
		txid = s.Number("SELECT txid_current()")
		old.Refuse("25000", "SELECT gapless.flush_gapless($1)", txid)
		old.Do("ROLLBACK; BEGIN ISOLATION LEVEL " + level)
		old.Do("SELECT gapless.flush_gapless($1)", txid)
		old.Do("ROLLBACK")

		// The very next txid is the caller's own, unless another database has taken it in between.
		for next, own := int64(0), int64(-1); next != own; old.Do("ROLLBACK") {
			old.Do("BEGIN ISOLATION LEVEL " + level)
			next = old.Number("SELECT txid_snapshot_xmax(txid_current_snapshot())")
			old.Do("SAVEPOINT s")
			_, err := old.Exec(t.Context(), "SELECT gapless.flush_gapless($1)", next)
			old.Do("ROLLBACK TO s")
			if own = old.Number("SELECT txid_current()"); own == next {
				sqltest.RequireCode(t, "22023", err)
			}
		}
	}

	// As one message with COMMIT, it tells a COMMIT that became a ROLLBACK.
	message := func(statement string) error {
		s.Do("BEGIN")
		s.Do("SET LOCAL synchronous_commit = off")
		txid := s.Number("SELECT txid_current()")
		_, _ = s.Exec(t.Context(), statement)
		_, err := s.PgConn().Exec(t.Context(), fmt.Sprintf("COMMIT; SELECT gapless.flush_gapless(%d)", txid)).ReadAll()
		return err
	}
	require.NoError(t, message("SELECT gapless.next_gapless('a')"))
	var pgErr *pgconn.PgError
	require.ErrorAs(t, message("SELECT 1/0"), &pgErr)
	require.Equal(t, "40000", pgErr.Code)
	require.Equal(t, "on", *sqltest.Value[string](s, "SELECT current_setting('synchronous_commit')"))
}
