package gapless_test

// The traps that the design names as seen on a real server. Each is a scenario that holds with the SQL as it is, and
// that fails when the trap is put back by a change to the SQL's text: so the scenario is a test that can fail.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

type trap struct {
	name     string
	changes  []change // put the trap back
	scenario func(t *testing.T, database *pgtest.Database) error
}

// change replaces text in an SQL file, from which it then runs the statement that begins with statement.
type change struct {
	file, statement, old, new string
}

const (
	createFunction = "CREATE OR REPLACE FUNCTION"
	createHolders  = "CREATE VIEW gapless.holders"
)

var traps = []trap{
	{
		name: "the ordinal counts the run's last value, so a batch and a single value do not collide",
		changes: []change{
			{"functions/next_gapless.sql", createFunction, "a.ordinal + (a.last_value - a.first_value) + 1 AS ordinal", "a.ordinal + 1 AS ordinal"},
			{"functions/next_gapless_batch.sql", createFunction, "VALUES (next_gapless_batch.name, ordinal, value, last)",
				"VALUES (next_gapless_batch.name, ordinal + (last - value), value, last)"},
		},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two := connect(t, database), connect(t, database)
			one.do("SELECT gapless.next_gapless('a')")
			two.do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			two.do("SELECT gapless.last_gapless('a')") // takes the snapshot
			one.do("SELECT gapless.next_gapless_batch('a', 5)")
			return expectCode("40001", two, "SELECT gapless.next_gapless('a')")
		},
	},
	{
		name: "pruning locks the sequence without writing it",
		changes: []change{{"functions/prune_gapless.sql", createFunction,
			"    UPDATE gapless.sequence AS s\n    SET adoptions = s.adoptions\n    WHERE s.name = prune_gapless.name COLLATE \"C\";",
			"    PERFORM FROM gapless.sequence AS s WHERE s.name = prune_gapless.name COLLATE \"C\" FOR UPDATE;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two := connect(t, database), connect(t, database)
			one.do("SELECT gapless.next_gapless('a')")
			two.do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			two.do("SELECT gapless.last_gapless('a')")
			one.do("SELECT gapless.next_gapless('a')")
			one.do("SELECT gapless.next_gapless('a')")
			one.do("SELECT gapless.prune_gapless('a', 'infinity')")
			return expectCode("40001", two, "SELECT gapless.next_gapless('a')")
		},
	},
	{
		name: "a delete reads the journal before it has the lock",
		changes: []change{
			{"functions/delete_gapless.sql", createFunction, "    LOOP\n",
				"    DELETE FROM gapless.allocation AS a WHERE a.name = delete_gapless.name COLLATE \"C\";\n    LOOP\n"},
			{"functions/delete_gapless.sql", createFunction,
				"    DELETE FROM gapless.allocation AS a WHERE a.name = delete_gapless.name COLLATE \"C\";\n    DELETE FROM gapless.void", "    DELETE FROM gapless.void"},
		},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer := connect(t, database), connect(t, database), connect(t, database)
			one.do("SELECT gapless.next_gapless('a')")
			one.do("BEGIN")
			one.do("SELECT gapless.next_gapless('a')")
			deleted := later(func() (bool, error) {
				_, err := two.Exec(two.ctx, "SELECT gapless.delete_gapless('a')")
				return true, err
			})
			awaitWaiter(t, observer, two.pid())
			one.do("COMMIT")
			if r := <-deleted; r.err != nil {
				return r.err
			}
			return errors.Join(
				expectNumber(1, one, "SELECT gapless.next_gapless('a')"),
				expectNumber(2, one, "SELECT gapless.next_gapless('a')"),
			)
		},
	},
	{
		name: "a delete under REPEATABLE READ leaves the journal rows that it cannot see",
		changes: []change{{"functions/delete_gapless.sql", createFunction, "    LIMIT 1\n    ON CONFLICT DO NOTHING;",
			"    LIMIT 0\n    ON CONFLICT DO NOTHING;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two := connect(t, database), connect(t, database)
			one.do("SELECT gapless.next_gapless('a')")
			two.do("BEGIN ISOLATION LEVEL REPEATABLE READ")
			two.do("SELECT gapless.last_gapless('a')")
			one.do("SELECT gapless.next_gapless('a')")
			return expectCode("40001", two, "SELECT gapless.delete_gapless('a')")
		},
	},
	{
		name:    "nowait waits when the sequence is being made",
		changes: []change{{"functions/open_sequence.sql", createFunction, "IF open_sequence.nowait THEN", "IF false THEN"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer := connect(t, database), connect(t, database), connect(t, database)
			one.do("BEGIN")
			one.do("SELECT gapless.next_gapless('a')")
			done := two.laterNumber("SELECT gapless.next_gapless('a', nowait => true)")
			r := orWaits(observer, two.pid(), done)
			one.do("ROLLBACK")
			var pg *pgconn.PgError
			if errors.As(r.err, &pg) && pg.Code == "55P03" {
				return nil
			}
			if errors.Is(r.err, errWaits) {
				<-done
			}
			return fmt.Errorf("expected 55P03, got %w", r.err)
		},
	},
	{
		name:    "nowait takes any short wait for a sequence that is being made",
		changes: []change{{"functions/open_sequence.sql", createFunction, "IF tries = 8 THEN", "IF tries >= 1 THEN"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			two, observer, blocker := connect(t, database), connect(t, database), connect(t, database)
			blocker.do("BEGIN")
			blocker.do("LOCK TABLE gapless.sequence IN SHARE MODE") // instead of many backends that extend it
			done := two.laterNumber("SELECT gapless.next_gapless('a', nowait => true)")
			for {
				select {
				case r := <-done:
					return r.err
				case <-time.After(tick):
				}
				// Longer than the first try waits.
				if *value[bool](observer, "SELECT coalesce(bool_or(clock_timestamp() - waitstart > '2 ms'), false) FROM pg_locks WHERE pid = $1", two.pid()) {
					blocker.do("COMMIT")
					return (<-done).err
				}
			}
		},
	},
	{
		// Seen with 100,000 names; to exhaust the table would disturb the other tests, so this counts its entries.
		name: "a lock a name, which many names in one transaction would exhaust the lock table with",
		changes: []change{{"functions/open_sequence.sql", createFunction, "    WHILE NOT made LOOP\n",
			"    PERFORM pg_advisory_xact_lock(hashtextextended(open_sequence.name, 0));\n    WHILE NOT made LOOP\n"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := connect(t, database)
			s.do("BEGIN")
			s.do("SELECT count(gapless.next_gapless('name ' || i)) FROM generate_series(1, 1000) AS i")
			s.do("SELECT count(gapless.next_gapless('other name ' || i, nowait => true)) FROM generate_series(1, 1000) AS i")
			locks := s.number("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'transactionid'")
			if locks > 100 {
				return fmt.Errorf("2000 names take %d locks", locks)
			}
			return nil
		},
	},
	{
		name:    "initial - 1 overflows at the least value",
		changes: []change{{"functions/next_gapless_batch.sql", createFunction, "        ordinal := 1;\n        value := start;\n", "        ordinal := 1;\n        value := (start - 1) + 1;\n"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			return expectNumber(math.MinInt64, connect(t, database), "SELECT gapless.next_gapless('a', initial => $1)", int64(math.MinInt64))
		},
	},
	{
		name: "a name from a column with another collation",
		changes: []change{{"functions/next_gapless.sql", createFunction, "WHERE s.name = next_gapless.name COLLATE \"C\" AND s.target IS NULL\n        FOR",
			"WHERE s.name = next_gapless.name AND s.target IS NULL\n        FOR"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := connect(t, database)
			s.do(`CREATE TABLE series (name text COLLATE "POSIX")`)
			s.do(`INSERT INTO series VALUES ('a')`)
			s.do(`SELECT gapless.next_gapless(name) FROM series`)
			return expectNumber(2, s, `SELECT gapless.next_gapless(name) FROM series`)
		},
	},
	{
		name: "a setting, which any role can set, decides a number",
		changes: []change{{"functions/next_gapless.sql", createFunction, "coalesce(next_gapless.initial, 1)",
			"coalesce(nullif(current_setting('gapless.initial', true), '')::bigint, next_gapless.initial, 1)"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			// Whatever the functions read of the settings, beyond those that decide nothing, is a way in. (The notes that
			// column_next keeps have no fixed names; TestProtectionDoesNotRestOnSettings lies in them.)
			rows, err := connect(t, database).Query(t.Context(), `
				SELECT m[1] FROM pg_proc, regexp_matches(prosrc, 'current_setting\(''([^'']+)''', 'g') AS m
				WHERE pronamespace = 'gapless'::regnamespace
				UNION SELECT m[1] FROM pg_attrdef, regexp_matches(pg_get_expr(adbin, adrelid), 'current_setting\(''([^'']*)''', 'g') AS m
				ORDER BY 1`)
			require.NoError(t, err)
			settings, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			if !slices.Equal([]string{"gapless.expected", "gapless.note_", "gapless.token", "lock_timeout", "role", "search_path", "synchronous_commit", "track_counts", "transaction_isolation"}, settings) {
				return fmt.Errorf("the functions read the settings %q", settings)
			}
			return nil
		},
	},
	{
		name: "after RELEASE SAVEPOINT the row's xmax is no one's own xid",
		changes: []change{{"schema/001_tables_and_views.sql", createHolders, "    WHERE w.granted\n",
			"    WHERE false\n"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer := connect(t, database), connect(t, database), connect(t, database)
			one.do("SELECT gapless.next_gapless('a')")
			one.do("BEGIN")
			one.do("SAVEPOINT s")
			one.do("SELECT gapless.next_gapless('a')")
			one.do("RELEASE SAVEPOINT s")
			waiter := two.laterNumber("SELECT gapless.next_gapless('a')")
			awaitWaiter(t, observer, two.pid())
			holds := holdersOf(observer, "a", "holds")
			one.do("COMMIT")
			if r := <-waiter; r.err != nil {
				return r.err
			}
			if !slices.Equal([]uint32{one.pid()}, holds) {
				return fmt.Errorf("holders shows %v and not %d", holds, one.pid())
			}
			return nil
		},
	},
	{
		name:    "a setting that was local to an earlier transaction is an empty string",
		changes: []change{{"schema/001_tables_and_views.sql", "ALTER TABLE", "", "ALTER TABLE gapless.allocation ALTER token SET DEFAULT current_setting('gapless.token', true)::uuid;"}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := connect(t, database)
			s.do("BEGIN")
			s.do("SET LOCAL gapless.token = '0b0e7c0a-58a9-4b4c-8c36-0a1f29a1f2ac'")
			s.do("SELECT gapless.next_gapless('a')")
			s.do("COMMIT")
			return expectNumber(2, s, "SELECT gapless.next_gapless('a')")
		},
	},
	{
		name: "a plan that was made while the journal was small reads all of it when it is large",
		changes: []change{{"functions/next_gapless.sql", createFunction,
			"SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large\n", ""}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			s := connect(t, database)
			s.do("SELECT gapless.next_gapless('a')")
			s.do("ANALYZE gapless.sequence, gapless.allocation")
			s.do("SET plan_cache_mode = force_generic_plan")
			s.do("SELECT count(gapless.next_gapless('a')) FROM generate_series(1, 1000) AS i")
			// Statistics come a moment after the transaction.
			const scans = "SELECT sum(%s)::bigint FROM pg_stat_user_tables WHERE schemaname = 'gapless'"
			require.Eventually(t, func() bool {
				return s.number(fmt.Sprintf(scans, "idx_scan + seq_scan")) >= 2000
			}, eventually, tick)
			return expectNumber(0, s, fmt.Sprintf(scans, "seq_tup_read"))
		},
	},
	{
		name: "the newest row is read in the statement that takes the lock, with the snapshot from before it",
		changes: []change{{"functions/next_gapless.sql", createFunction, `        PERFORM FROM gapless.sequence AS s
        WHERE s.name = next_gapless.name COLLATE "C" AND s.target IS NULL
        FOR NO KEY UPDATE;
        IF FOUND THEN`, `        WITH locked AS (
            SELECT FROM gapless.sequence AS s WHERE s.name = next_gapless.name COLLATE "C" FOR NO KEY UPDATE
        )
        INSERT INTO gapless.allocation (name, ordinal, first_value, last_value)
        SELECT a.name, a.ordinal + 1, a.last_value + 1, a.last_value + 1
        FROM gapless.allocation AS a WHERE a.name = next_gapless.name COLLATE "C" AND EXISTS (SELECT FROM locked)
        ORDER BY a.ordinal DESC LIMIT 1
        RETURNING last_value INTO value;
        IF FOUND THEN RETURN value; END IF;
        IF FOUND THEN`}},
		scenario: func(t *testing.T, database *pgtest.Database) error {
			one, two, observer := connect(t, database), connect(t, database), connect(t, database)
			one.do("SELECT gapless.next_gapless('a')")
			one.do("BEGIN")
			one.do("SELECT gapless.next_gapless('a')")
			waiter := two.laterNumber("SELECT gapless.next_gapless('a')")
			awaitWaiter(t, observer, two.pid())
			one.do("COMMIT")
			r := <-waiter
			if r.err == nil && r.value != 3 {
				return fmt.Errorf("expected 3, got %d", r.value)
			}
			return r.err
		},
	},
}

func TestTraps(t *testing.T) {
	t.Parallel()
	for _, trap := range slices.Concat(traps, columnTraps) {
		t.Run(trap.name, func(t *testing.T) {
			t.Parallel()
			t.Run("is not there", func(t *testing.T) {
				t.Parallel()
				require.NoError(t, trap.scenario(t, pgtest.New(t)))
			})
			t.Run("is found when it is put back", func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				putBack(t, database, trap.changes)
				err := trap.scenario(t, database)
				require.Error(t, err)
				t.Log(err)
			})
		})
	}
}

// putBack applies the changes to the text of the SQL files, and runs the changed statements.
func putBack(t *testing.T, database *pgtest.Database, changes []change) {
	t.Helper()
	texts := map[string]string{}
	for _, c := range changes {
		if texts[c.file] == "" {
			text, err := os.ReadFile("sql/" + c.file)
			require.NoError(t, err)
			texts[c.file] = string(text)
		}
		if c.old == "" {
			texts[c.file] = c.new
			continue
		}
		require.Equal(t, 1, strings.Count(texts[c.file], c.old), "%s no longer has the text that this trap replaces: %s", c.file, c.old)
		texts[c.file] = strings.Replace(texts[c.file], c.old, c.new, 1)
	}
	conn := connect(t, database)
	for _, c := range changes {
		end := ";"
		if c.statement == createFunction {
			end = `\$function\$;`
		}
		statement := regexp.MustCompile(`(?s)` + regexp.QuoteMeta(c.statement) + `.*?` + end).FindString(texts[c.file])
		require.NotEmpty(t, statement)
		conn.do(strings.Replace(statement, "CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
	}
}

func expectNumber(want int64, s session, query string, args ...any) error {
	var got int64
	if err := s.QueryRow(s.ctx, query, args...).Scan(&got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("expected %d, got %d", want, got)
	}
	return nil
}

// expectCode runs a statement and ends its transaction; it must fail with that SQLSTATE.
func expectCode(code string, s session, statement string) error {
	_, err := s.Exec(s.ctx, statement)
	if _, rollback := s.Exec(context.WithoutCancel(s.ctx), "ROLLBACK"); rollback != nil {
		return rollback
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == code {
		return nil
	}
	if err == nil {
		return fmt.Errorf("expected SQLSTATE %s, but it succeeded", code)
	}
	return fmt.Errorf("expected SQLSTATE %s, got %w", code, err)
}

func holdersOf(observer session, name, state string) []uint32 {
	observer.t.Helper()
	rows, err := observer.Query(observer.ctx, "SELECT pid FROM gapless.holders WHERE name = $1 AND state = $2 AND pid IS NOT NULL ORDER BY pid", name, state)
	require.NoError(observer.t, err)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	require.NoError(observer.t, err)
	return pids
}
