package allocate_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

var (
	newest  = regexp.MustCompile(`Limit .*\n +-> +Index Scan Backward using journal_pkey on journal j .*\n +Index Cond: \(name = (\(?\$\d|[fu]\w*\.name\))`)
	anyScan = regexp.MustCompile(`Scan.* on journal\b`)
)

// TestEveryCallerReadsTheNewestRunByAnIndexScan has auto_explain tell the plans of what the functions run. They are generic,
// and made while the journal is small.
func TestEveryCallerReadsTheNewestRunByAnIndexScan(t *testing.T) {
	t.Parallel()
	var plans []string
	s := sqltest.Connect(t, pgtest.New(t), func(config *pgx.ConnConfig) {
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
			if strings.Contains(n.Message, "gapless.newest_run(") || strings.Contains(n.Message, "gapless.last_run(") {
				plans = append(plans, n.Message)
			}
		}
	})
	if _, err := s.Exec(t.Context(), "LOAD 'auto_explain'"); err != nil {
		t.Skip("the server has no auto_explain, or lets this role not load it: ", err)
	}
	s.Do(`SET auto_explain.log_min_duration = 0;
		SET auto_explain.log_nested_statements = on;
		SET auto_explain.log_level = notice;
		SET plan_cache_mode = force_generic_plan`)
	for _, statement := range []string{
		"SELECT gapless.next_gapless('a') FROM generate_series(1, 2)",
		"SELECT gapless.next_gapless_batch('a', 2)",
		"SELECT gapless.last_gapless('a')",
		"SELECT gapless.adopt_gapless('a', 10)",
		"SELECT gapless.forward_gapless('a', 12, 'why')",
		"SELECT gapless.go_live_gapless('b', 'why')",
		"SELECT gapless.close_gapless('a', 'why')",
		"SELECT gapless.open_gapless('a', 'why')",
		"SELECT gapless.range_gapless('a', 20, 29, 'why')",
		"SELECT gapless.next_gapless('a')",
		"SELECT gapless.withdraw_gapless('a', 20, 'why')",
		"SELECT gapless.range_gapless('a', 30, 30, 'why')",
		"SELECT gapless.next_gapless('a')",
		"DO $$ BEGIN PERFORM gapless.next_gapless('a'); EXCEPTION WHEN sequence_generator_limit_exceeded THEN NULL; END $$",
		"SELECT gapless.delete_gapless('a')",

		"CREATE TABLE b (number bigint UNIQUE)",
		"SELECT gapless.attach_gapless('b', 'number', '''b''')",
		"INSERT INTO b DEFAULT VALUES",
		"INSERT INTO b DEFAULT VALUES",
		"INSERT INTO b SELECT FROM generate_series(1, 2)",
		"SELECT gapless.column_check_series('b', 'number', 'b', NULL, 1), gapless.column_check_series('b', 'number', 'other', NULL, 1000)",
		"SELECT gapless.archive_gapless('b', 1, 'why')",
		"SELECT gapless.detach_gapless('b', 'number')",
		"SELECT gapless.attach_gapless('b', 'number', '''b''')",

		"CREATE TABLE c (id int PRIMARY KEY, number bigint UNIQUE)",
		"SELECT gapless.attach_gapless('c', 'number', '''c''', at_commit => true)",
		"INSERT INTO c VALUES (1)",
		"INSERT INTO c VALUES (2)",

		"CREATE TABLE d (number text UNIQUE)",
		"SELECT gapless.attach_gapless('d', 'number', '''d''', format => 'value::text')",
		"INSERT INTO d SELECT FROM generate_series(1, 2)",
	} {
		s.Do(statement)
	}

	calls := sqltest.Texts(s, `SELECT DISTINCT m[1] FROM pg_proc, regexp_matches(prosrc, 'gapless\.(?:newest|last)_run\([^)]*\)', 'g') AS m
		WHERE pronamespace = 'gapless'::regnamespace ORDER BY 1`)
	require.NotEmpty(t, calls)
	for _, call := range calls {
		seen := false
		for _, plan := range plans {
			if !strings.Contains(plan, call) {
				continue
			}
			seen = true
			if strings.Contains(plan, "or else it was never issued") { // of all sequences, where it is to be refused
				continue
			}
			require.Regexp(t, newest, plan)
			if !strings.Contains(plan, "cycled") && !strings.Contains(plan, "column_check_series") && !strings.Contains(plan, "detached_at") { // column_adopt reads all of a journal besides, column_check_series its first row, column_reclaim what was taken by hand
				require.Len(t, newest.FindAllString(plan, -1), len(anyScan.FindAllString(plan, -1)), "the journal is read in no other way\n%s", plan)
			}
			// Lists of sequences are unnested and sorted; the journal is not, since it stands right below its Limit.
			require.NotRegexp(t, "Function Scan on (newest|last)_run|Seq Scan on journal", plan)
			require.True(t, strings.Contains(plan, "unnest(") || !strings.Contains(plan, "Sort"), plan)
		}
		require.True(t, seen, "nothing above runs %s", call)
	}
}
