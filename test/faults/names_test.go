package faults_test

// Names without end, and names without end of a name.

import (
	"encoding/json"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

const fewNames = 4_000

var names = flag.Int("names", fewNames, "how many sequences are made beside those of others; more than that also have a name of 1 GB refused")

// TestManyNamesCostNobodyElseANumber has sequences without end beside those of others. What is called for one of these reads as many
// buffers as before, but for some levels of indexes; what is called for all answers; and all can be deleted.
func TestManyNamesCostNobodyElseANumber(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("SET plan_cache_mode = force_custom_plan") // a plan that is kept reads no catalog, and which are kept depends on how many names there are
	took := func(what string, since time.Time) { t.Logf("%s: %v", what, time.Since(since).Round(time.Millisecond)) }
	calls := []string{
		"SELECT gapless.next_gapless('invoice')",
		"SELECT gapless.next_gapless('new ' || clock_timestamp())",
		"SELECT count(*) FROM gapless.next_gapless_batch('invoice', 10)",
		"SELECT gapless.last_gapless('invoice')",
		"SELECT gapless.peek_gapless('invoice')",
		"SELECT gapless.void_gapless('invoice', 1, 'because')",
		"SELECT gapless.delete_gapless('invoice')",
		"SELECT gapless.delete_gapless('name 7')",
		"SELECT * FROM gapless.audit_gapless('invoice')",
		"SELECT * FROM gapless.sequences WHERE name = 'invoice'",
	}
	const few, together = 1000, 20_000 // how many are there before, and are made in a transaction
	s.Do("SELECT gapless.next_gapless('invoice')")
	s.Do("SELECT count(gapless.next_gapless('name ' || i)) FROM generate_series(1, $1::integer) AS i", few)
	before := map[string]int{}
	for _, call := range calls {
		before[call] = buffers(s, call)
	}

	begun := time.Now()
	errs := make([]error, 2)
	var all sync.WaitGroup
	for i := range errs {
		maker := sqltest.Connect(t, database)
		all.Go(func() {
			for from := few + 1 + i*together; from <= *names && errs[i] == nil; from += len(errs) * together {
				_, errs[i] = maker.Exec(t.Context(), "SELECT count(gapless.next_gapless('name ' || i)) FROM generate_series($1::integer, $2::integer) AS i",
					from, min(from+together-1, *names))
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	took(fmt.Sprintf("%d names", *names), begun)
	t.Log(*sqltest.Value[string](s, "SELECT pg_size_pretty(pg_total_relation_size('gapless.sequence_lock') + pg_total_relation_size('gapless.journal'))"))

	for _, call := range calls {
		now := buffers(s, call)
		t.Logf("%s: %d buffers, and %d before", call, now, before[call])
		require.LessOrEqual(t, now, before[call]+8, call)
	}
	for query, want := range map[string]int{
		"SELECT count(*) FROM gapless.sequences":             *names + 1,
		"SELECT count(*) FROM gapless.holders":               0,
		"SELECT count(*) FROM gapless.audit_gapless()":       0,
		"SELECT count(gapless.peek_gapless('name ' || $1))":  1,
		"SELECT gapless.next_gapless('name ' || ($1 - 100))": 2,
	} {
		begun := time.Now()
		query = strings.ReplaceAll(query, "$1", strconv.Itoa(*names))
		require.Equal(t, want, *sqltest.Value[int](s, query), query)
		took(query, begun)
	}

	begun = time.Now()
	const deleted = `SELECT count(*) FROM (SELECT s.name FROM gapless.sequences AS s WHERE s.name LIKE 'name %7' OFFSET 0) AS s WHERE gapless.delete_gapless(s.name)`
	require.Equal(t, *names/10, *sqltest.Value[int](s, deleted))
	took("a tenth deleted", begun)
	require.Equal(t, *names-*names/10+1, *sqltest.Value[int](s, "SELECT count(*) FROM gapless.sequence_lock"))
	require.Equal(t, 2, *sqltest.Value[int](s, "SELECT gapless.next_gapless('invoice')"))
	require.Equal(t, 1, *sqltest.Value[int](s, "SELECT gapless.next_gapless('name 7')"))
	s.Await(busy)
}

// buffers is how many a call reads at least, of some, in transactions that are rolled back.
func buffers(s sqltest.Session, call string) (least int) {
	s.T.Helper()
	for i := range 8 {
		s.Do("BEGIN")
		content := *sqltest.Value[[]byte](s, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+call)
		s.Do("ROLLBACK")
		var plans []struct {
			Plan struct {
				Hit  int `json:"Shared Hit Blocks"`
				Read int `json:"Shared Read Blocks"`
			}
		}
		require.NoError(s.T, json.Unmarshal(content, &plans))
		if now := plans[0].Plan.Hit + plans[0].Plan.Read; i == 0 || now < least {
			least = now
		}
	}
	require.Positive(s.T, least, call)
	return least
}

// TestANameOfAGigabyteIsRefused has nearly the longest text that there is.
func TestANameOfAGigabyteIsRefused(t *testing.T) {
	t.Parallel()
	size := 1_000_000
	if *names > fewNames {
		size = 1_000_000_000
	}
	s := sqltest.ConnectTo(t, pgtest.New(t).URL)
	for _, call := range []string{"next_gapless(~)", "next_gapless_batch(~, 2)", "last_gapless(~)", "delete_gapless(~)", "delete_gapless(~, true)"} {
		begun := time.Now()
		call = strings.ReplaceAll(call, "~", fmt.Sprintf("repeat(repeat('x', 1000), %d)", size/1000))
		_, err := s.Exec(t.Context(), "SELECT gapless."+call)
		var pgErr *pgconn.PgError
		require.ErrorAs(t, err, &pgErr)
		require.Equal(t, "22023", pgErr.Code)
		require.Equal(t, fmt.Sprintf(`sequence "%s": its name has %d bytes, and must have 1 to 255`, strings.Repeat("x", 40), size), pgErr.Message)
		require.Less(t, len(pgErr.Detail)+len(pgErr.Hint)+len(pgErr.Where)+len(pgErr.InternalQuery), 1000, "%+v", pgErr)
		t.Logf("%s: %v", call, time.Since(begun).Round(time.Millisecond))
	}
	require.Zero(t, *sqltest.Value[int](s, "SELECT count(*) FROM gapless.sequence_lock"))
}
