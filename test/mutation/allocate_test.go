package mutation_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

var traps = []trap{
	{
		name: "the ordinal counts the run's last value, so a batch and a single value do not collide",
		changes: []change{
			{"the next ordinal counts each value of a run", "j.ordinal + 1,"},
			{"a run stands at the ordinal of its first value", "VALUES (next_gapless_batch.name, ordinal + (last - value), value, last)"},
		},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("SELECT gapless.next_gapless('a')")
			two.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			two.Do("SELECT gapless.last_gapless('a')") // takes the snapshot
			one.Do("SELECT gapless.next_gapless_batch('a', 5)")
			return expectCode("40001", two, "SELECT gapless.next_gapless('a')")
		},
	},
	{
		name:    "an older snapshot finds a rewritten journal empty, and the sequence is deleted without it",
		changes: []change{{"a table that was rewritten is not empty", ""}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("SELECT gapless.next_gapless('a')")
			two.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			two.Do("SELECT")
			one.Do("ALTER TABLE gapless.journal SET UNLOGGED; ALTER TABLE gapless.journal SET LOGGED")
			return expectCode("40001", two, "SELECT gapless.delete_gapless('a')")
		},
	},
	{
		name: "pruning locks the sequence without writing it",
		changes: []change{{"the lock is a write",
			`SELECT true INTO locked FROM gapless.sequence_lock AS s WHERE s.name = prune_gapless.name COLLATE "C" FOR UPDATE;`}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("SELECT gapless.next_gapless('a')")
			two.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			two.Do("SELECT gapless.last_gapless('a')")
			one.Do("SELECT gapless.next_gapless('a')")
			one.Do("SELECT gapless.next_gapless('a')")
			one.Do("SELECT gapless.prune_gapless('a', 'infinity')")
			return expectCode("40001", two, "SELECT gapless.next_gapless('a')")
		},
	},
	{
		name: "a delete reads the journal before it has the lock",
		changes: []change{
			{"nothing is read before the lock", `DELETE FROM gapless.journal AS j WHERE j.name = delete_gapless.name COLLATE "C";`},
			{"the journal is deleted after the lock", ""},
		},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("SELECT gapless.next_gapless('a')")
			one.Do("BEGIN")
			one.Do("SELECT gapless.next_gapless('a')")
			deleted := sqltest.Later(func() (bool, error) {
				_, err := two.Exec(two.Ctx, "SELECT gapless.delete_gapless('a')")
				return true, err
			})
			sqltest.AwaitWaiter(t, observer, two.PID())
			one.Do("COMMIT")
			if r := <-deleted; r.Err != nil {
				return r.Err
			}
			return errors.Join(
				expectNumber(1, one, "SELECT gapless.next_gapless('a')"),
				expectNumber(2, one, "SELECT gapless.next_gapless('a')"),
			)
		},
	},
	{
		name:    "a delete under REPEATABLE READ leaves the journal rows that it cannot see",
		changes: []change{{"rows that the snapshot does not show collide", "WHERE false ON CONFLICT DO NOTHING;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two := sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("SELECT gapless.next_gapless('a')")
			two.Do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			two.Do("SELECT gapless.last_gapless('a')")
			one.Do("SELECT gapless.next_gapless('a')")
			return expectCode("40001", two, "SELECT gapless.delete_gapless('a')")
		},
	},
	{
		name:    "nowait waits when the sequence is being made",
		changes: []change{{"nowait does not wait for the maker", "ELSIF false THEN"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("BEGIN")
			one.Do("SELECT gapless.next_gapless('a')")
			done := two.LaterNumber("SELECT gapless.next_gapless('a', nowait => true)")
			r := sqltest.OrWaits(observer, two.PID(), done)
			one.Do("ROLLBACK")
			var pgErr *pgconn.PgError
			if errors.As(r.Err, &pgErr) && pgErr.Code == "55P03" {
				return nil
			}
			if errors.Is(r.Err, sqltest.ErrWaits) {
				<-done
			}
			return fmt.Errorf("expected 55P03, got %w", r.Err)
		},
	},
	{
		name:    "nowait takes any short wait for a sequence that is being made",
		changes: []change{{"a short wait may be for something else", "IF tries >= 1 THEN"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			two, observer, blocker := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			blocker.Do("BEGIN")
			blocker.Do("LOCK TABLE gapless.sequence_lock IN SHARE MODE") // instead of many backends that extend it
			done := two.LaterNumber("SELECT gapless.next_gapless('a', nowait => true)")
			for {
				select {
				case r := <-done:
					return r.Err
				case <-time.After(sqltest.Tick):
				}
				// Longer than the first try waits.
				if *sqltest.Value[bool](observer, "SELECT coalesce(bool_or(clock_timestamp() - waitstart > '2 ms'), false) FROM pg_locks WHERE pid = $1", two.PID()) {
					blocker.Do("COMMIT")
					return (<-done).Err
				}
			}
		},
	},
	{
		// Seen with 100,000 names; to exhaust the table would disturb the other tests, so this counts its entries.
		name:    "a lock a name, which many names in one transaction would exhaust the lock table with",
		changes: []change{{"no lock of a name's own", "PERFORM pg_advisory_xact_lock(hashtextextended(lock_or_make_sequence.name, 0));"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("BEGIN")
			s.Do("SELECT count(gapless.next_gapless('name ' || i)) FROM generate_series(1, 1000) AS i")
			s.Do("SELECT count(gapless.next_gapless('other name ' || i, nowait => true)) FROM generate_series(1, 1000) AS i")
			locks := s.Number("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'transactionid'")
			if locks > 100 {
				return fmt.Errorf("2000 names take %d locks", locks)
			}
			return nil
		},
	},
	{
		name:    "initial - 1 overflows at the least value",
		changes: []change{{"no sum of initial overflows", "value := (start - 1) + 1;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			return expectNumber(math.MinInt64, sqltest.Connect(t, database), "SELECT gapless.next_gapless('a', initial => $1)", int64(math.MinInt64))
		},
	},
	{
		name:    "a name from a column with another collation",
		changes: []change{{"a name of any collation", "WHERE s.name = next_gapless.name AND s.target IS NULL"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do(`CREATE TABLE series (name text COLLATE "POSIX")`)
			s.Do(`INSERT INTO series VALUES ('a')`)
			s.Do(`SELECT gapless.next_gapless(name) FROM series`)
			return expectNumber(2, s, `SELECT gapless.next_gapless(name) FROM series`)
		},
	},
	{
		name: "a closed sequence begins anew by reset",
		changes: []change{{"a reset begins anew after the greatest value, too",
			"VALUES (close_gapless.name, coalesce(newest.next_ordinal, 1), 'closed', 9223372036854775807)"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("SELECT gapless.next_gapless('a')")
			s.Do("SELECT gapless.close_gapless('a', 'why')")
			return expectCode("55000", s, "SELECT gapless.next_gapless('a', reset => 5)")
		},
	},
	{
		name: "a setting, which any role can set, decides a number",
		changes: []change{{"no setting decides a number",
			"start bigint := coalesce(nullif(current_setting('gapless.initial', true), '')::bigint, next_gapless.initial, 1);"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			// Whatever the functions read of the settings, beyond those that decide nothing, is a way in. (TimeZone is what the owner of
			// a range has when he gives it. The notes that
			// column_next_number keeps have no fixed names, and a column's functions are copies of the models, which have them as
			// column_note_0 and column_written_0; TestProtectionDoesNotRestOnSettings lies in them.)
			rows, err := sqltest.Connect(t, database).Query(t.Context(), `
				SELECT m[1] FROM pg_proc, regexp_matches(prosrc, 'current_setting\(''([^'']+)''', 'g') AS m
				WHERE pronamespace = 'gapless'::regnamespace
				UNION SELECT m[1] FROM pg_attrdef, regexp_matches(pg_get_expr(adbin, adrelid), 'current_setting\(''([^'']*)''', 'g') AS m
				ORDER BY 1`)
			require.NoError(t, err)
			settings, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			if !slices.Equal([]string{"TimeZone", "citus.enable_ddl_propagation", "citus.enable_manual_changes_to_shards", "citus.enable_unsafe_triggers", "citus.local_hostname", "citus.propagate_set_commands", "enable_hashjoin", "enable_mergejoin", "enable_seqscan", "gapless.column_bounded", "gapless.column_note_", "gapless.column_note_0", "gapless.column_switched", "gapless.column_written_0",
				"gapless.commit_alone", "gapless.commit_at_once", "gapless.commit_column", "gapless.commit_done_0", "gapless.commit_expected", "gapless.commit_first", "gapless.commit_known", "gapless.commit_locked", "gapless.commit_value", "gapless.distributed", "gapless.token", "lock_timeout", "port", "role", "search_path", "synchronous_commit", "track_counts", "transaction_isolation", "transaction_read_only"}, settings) {
				return fmt.Errorf("the functions read the settings %q", settings)
			}
			return nil
		},
	},
	{
		name:    "after RELEASE SAVEPOINT the row's xmax is no one's own xid",
		changes: []change{{"the first waiter knows the holder", "WHERE false"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("SELECT gapless.next_gapless('a')")
			one.Do("BEGIN")
			one.Do("SAVEPOINT s")
			one.Do("SELECT gapless.next_gapless('a')")
			one.Do("RELEASE SAVEPOINT s")
			waiter := two.LaterNumber("SELECT gapless.next_gapless('a')")
			sqltest.AwaitWaiter(t, observer, two.PID())
			holds := sqltest.HoldersOf(observer, "a", "holds")
			one.Do("COMMIT")
			if r := <-waiter; r.Err != nil {
				return r.Err
			}
			if !slices.Equal([]uint32{one.PID()}, holds) {
				return fmt.Errorf("holders shows %v and not %d", holds, one.PID())
			}
			return nil
		},
	},
	{
		name:    "a setting that was local to an earlier transaction is an empty string",
		changes: []change{{"", "ALTER TABLE gapless.journal ALTER token SET DEFAULT current_setting('gapless.token', true)::uuid;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("BEGIN")
			s.Do("SET LOCAL gapless.token = '0b0e7c0a-58a9-4b4c-8c36-0a1f29a1f2ac'")
			s.Do("SELECT gapless.next_gapless('a')")
			s.Do("COMMIT")
			return expectNumber(2, s, "SELECT gapless.next_gapless('a')")
		},
	},
	{
		name:    "a plan that was made while the journal was small reads all of it when it is large",
		changes: []change{{"a plan made while the journal is small must stay right when it is large", ""}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := sqltest.Connect(t, database)
			s.Do("SELECT gapless.next_gapless('a')")
			s.Do("ANALYZE gapless.sequence_lock, gapless.journal")
			s.Do("SET plan_cache_mode = force_generic_plan")
			s.Do("SELECT count(gapless.next_gapless('a')) FROM generate_series(1, 1000) AS i")
			// Statistics come a moment after the transaction.
			const scans = "SELECT sum(%s)::bigint FROM pg_stat_user_tables WHERE schemaname = 'gapless'"
			require.Eventually(t, func() bool {
				return s.Number(fmt.Sprintf(scans, "idx_scan + seq_scan")) >= 2000
			}, sqltest.Eventually, sqltest.Tick)
			return expectNumber(0, s, fmt.Sprintf(scans, "seq_tup_read"))
		},
	},
	{
		name: "the newest row is read in the statement that takes the lock, with the snapshot from before it",
		changes: []change{{"the lock is a statement of its own", `
        WITH locked AS (
            SELECT FROM gapless.sequence_lock AS s WHERE s.name = next_gapless.name COLLATE "C" FOR NO KEY UPDATE
        )
        INSERT INTO gapless.journal (name, ordinal, first_value, last_value)
        SELECT a.name, a.ordinal + 1, a.last_value + 1, a.last_value + 1
        FROM gapless.journal AS a WHERE a.name = next_gapless.name COLLATE "C" AND EXISTS (SELECT FROM locked)
        ORDER BY a.ordinal DESC LIMIT 1
        RETURNING last_value INTO value;
        IF FOUND THEN RETURN value; END IF;`}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer := sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do("SELECT gapless.next_gapless('a')")
			one.Do("BEGIN")
			one.Do("SELECT gapless.next_gapless('a')")
			waiter := two.LaterNumber("SELECT gapless.next_gapless('a')")
			sqltest.AwaitWaiter(t, observer, two.PID())
			one.Do("COMMIT")
			r := <-waiter
			if r.Err == nil && r.Value != 3 {
				return fmt.Errorf("expected 3, got %d", r.Value)
			}
			return r.Err
		},
	},
}

func expectNumber(want int64, s sqltest.Session, query string, args ...any) error {
	var got int64
	if err := s.QueryRow(s.Ctx, query, args...).Scan(&got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("expected %d, got %d", want, got)
	}
	return nil
}

// expectCode runs a statement and ends its transaction; it must fail with that SQLSTATE.
func expectCode(code string, s sqltest.Session, statement string) error {
	_, err := s.Exec(s.Ctx, statement)
	if _, rollback := s.Exec(context.WithoutCancel(s.Ctx), "ROLLBACK"); rollback != nil {
		return rollback
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == code {
		return nil
	}
	if err == nil {
		return fmt.Errorf("expected SQLSTATE %s, but it succeeded", code)
	}
	return fmt.Errorf("expected SQLSTATE %s, got %w", code, err)
}
