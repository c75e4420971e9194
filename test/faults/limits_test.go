package faults_test

// Where numbers or memory come to an end.

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sound"
	"github.com/pggapless/gapless/internal/sqltest"
)

const last = 1<<63 - 1

// TestPastTheLastNumberAllAreRefusedAndNothingIsLost has many callers take the last two numbers that there are, of each kind.
func TestPastTheLastNumberAllAreRefusedAndNothingIsLost(t *testing.T) {
	t.Parallel()
	server := newServer(t, nil)
	for _, kind := range []struct{ name, setUp, insert string }{
		{
			"taken by hand", "SELECT gapless.adopt_gapless('a', 9223372036854775805)",
			"INSERT INTO public.ends (number) VALUES (gapless.next_gapless('a'))",
		},
		{
			"a batch", "SELECT gapless.adopt_gapless('a', 9223372036854775805)",
			"INSERT INTO public.ends (number) SELECT n FROM gapless.next_gapless_batch('a', 1) AS n",
		},
		{
			"a column", "SELECT gapless.attach_gapless('ends', 'number', name => $$ 'a' $$, initial => 9223372036854775806)",
			"INSERT INTO public.ends DEFAULT VALUES",
		},
		{
			"a column at commit", "SELECT gapless.attach_gapless('ends', 'number', name => $$ 'a' $$, initial => 9223372036854775806, at_commit => true)",
			"INSERT INTO public.ends DEFAULT VALUES",
		},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			database := server.NewDatabase(t)
			s := sqltest.Connect(t, database)
			s.Do("CREATE TABLE ends (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
			s.Do(kind.setUp)
			pool := database.Pool(t, sqltest.HostilePath)
			ways := []sqltest.InTx{oneByOne(pool), inGroups(t, pool)}
			issue := func(i int, fail error) error {
				return ways[i%len(ways)](t.Context(), func(tx pgx.Tx) error {
					if _, err := tx.Exec(t.Context(), kind.insert); err != nil {
						return err
					}
					return fail
				})
			}
			for range 5 { // what is rolled back is there to be had again
				require.ErrorIs(t, issue(0, errMine), errMine)
			}
			errs := make([]error, size(12, 32))
			var all sync.WaitGroup
			for i := range errs {
				all.Go(func() { errs[i] = issue(i, nil) })
			}
			all.Wait()
			acknowledged := 0
			for _, err := range errs {
				if err == nil {
					acknowledged++
					continue
				}
				require.Equal(t, "2200H", codeOf(err), "%v", err)
				require.NotErrorIs(t, err, gapless.ErrOutcomeUnknown)
			}
			require.Equal(t, 2, acknowledged)
			require.Equal(t, []int64{last - 1, last}, sqltest.Values[int64](s, "SELECT number FROM ends ORDER BY number"))
			require.EqualValues(t, last, *sqltest.Value[int64](s, "SELECT gapless.last_gapless('a')"))
			requireOrdered(s)
		})
	}
}

// TestABatchThatPassesTheLastNumberTakesNone asks for more than there are, up to the most that can be asked for.
func TestABatchThatPassesTheLastNumberTakesNone(t *testing.T) {
	t.Parallel()
	s := sqltest.ConnectTo(t, pgtest.New(t).URL)
	s.Do("SELECT gapless.adopt_gapless('a', 9223372036854775804)")
	for _, size := range []int64{4, 1 << 62, last} {
		s.Refuse("2200H", "SELECT count(*) FROM gapless.next_gapless_batch('a', $1)", size)
	}
	require.Equal(t, []int64{last - 2, last - 1, last}, sqltest.Values[int64](s, "SELECT * FROM gapless.next_gapless_batch('a', 3)"))
	s.Refuse("2200H", "SELECT gapless.next_gapless('a')")
	s.Refuse("2200H", "SELECT gapless.next_gapless_batch('a', 1)")
	require.EqualValues(t, last, *sqltest.Value[int64](s, "SELECT gapless.last_gapless('a')"))
	require.Empty(t, sqltest.Texts(s, sound.Unexplained))
}

// requireOrdered waits until all is at rest, and checks the order of commits and the audit. The server has to keep the times of
// commits.
func requireOrdered(s sqltest.Session) {
	s.T.Helper()
	s.Await(busy)
	require.Empty(s.T, sqltest.Texts(s, sound.Disordered))
	require.Empty(s.T, sqltest.Texts(s, sound.Unexplained))
}

// TestAHugeBatchIsTakenWholeOrNotAtAll takes a million numbers, or ten with more rounds, with hardly any memory, is cancelled in the middle of as many,
// and asks for more than the disk may hold.
func TestAHugeBatchIsTakenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	size := int64(1_000_000)
	if *rounds > 1 {
		size = 10_000_000
	}
	database := newServer(t, nil).NewDatabase(t)
	s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	s.Do("SET work_mem = '64kB'")
	var next int64 = 1
	for range *rounds {
		// Cancelled.
		started := make(chan error, 1)
		go func() {
			// In one message: a request to cancel that comes between two is for nothing.
			_, err := s.Exec(t.Context(), "SELECT count(*) FROM gapless.next_gapless_batch('huge', $1)", pgx.QueryExecModeSimpleProtocol, size)
			started <- err
		}()
		other.Await("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%huge%' AND state = 'active'", int64(s.PID()))
		require.Equal(t, "57014", codeOf(<-started))

		// Larger than what temporary files may be.
		s.Do("SET temp_file_limit = '10MB'")
		s.Refuse("53400", "SELECT count(*) FROM gapless.next_gapless_batch('huge', $1)", int64(1)<<61)
		s.Do("RESET temp_file_limit")
		require.Equal(t, next, *sqltest.Value[int64](other, "SELECT gapless.peek_gapless('huge')"), "neither has taken a number")

		// Rolled back to a savepoint, and taken.
		s.Do("BEGIN; SAVEPOINT before")
		s.Do("SELECT count(*) FROM gapless.next_gapless_batch('huge', $1)", size)
		s.Do("ROLLBACK TO before")
		var count, least, most, distance int64
		require.NoError(t, s.QueryRow(t.Context(), `SELECT count(*), min(n), max(n), sum(abs(n - i))::bigint
			FROM gapless.next_gapless_batch('huge', $1) WITH ORDINALITY AS b (n, i)`, size,
		).Scan(&count, &least, &most, &distance))
		s.Do("COMMIT")
		require.Equal(t, []int64{size, next, next + size - 1}, []int64{count, least, most})
		require.Equal(t, (next-1)*size, distance, "they come in their order")
		next += size
		require.Equal(t, next, *sqltest.Value[int64](other, "SELECT gapless.next_gapless('huge')"))
		next++
	}
	other.Await("SELECT temp_bytes > 10000000 FROM pg_stat_database WHERE datname = current_database()")
	require.EqualValues(t, 2**rounds, *sqltest.Value[int64](other, "SELECT count(*) FROM gapless.journal"), "a row for each call that was not undone")
	require.Empty(t, sqltest.Texts(other, sound.Broken))
	requireOrdered(other)
}

// TestAHugeInsertIsNumberedWholeOrNotAtAll has one INSERT number many rows of a column, and be cancelled in the middle.
func TestAHugeInsertIsNumberedWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	const many = 6_000
	server := newServer(t, nil)
	for _, kind := range []string{"false", "true"} {
		t.Run("at commit "+kind, func(t *testing.T) {
			t.Parallel()
			database := server.NewDatabase(t)
			s, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
			s.Do("CREATE TABLE many (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
			s.Do("SELECT gapless.attach_gapless('many', 'number', name => $$ 'many' $$, at_commit => " + kind + ")")
			s.Do("SET work_mem = '64kB'")
			insert := "INSERT INTO many (number) SELECT NULL FROM generate_series(1, 6000)"
			for range *rounds {
				before := *sqltest.Value[int64](other, "SELECT coalesce(gapless.last_gapless('many'), 0)")
				ended := make(chan error, 1)
				go func() {
					_, err := s.Exec(t.Context(), insert)
					ended <- err
				}()
				other.Await("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND query LIKE 'INSERT%' AND state = 'active'", int64(s.PID()))
				require.Equal(t, "57014", codeOf(<-ended))
				s.Do(insert)
				require.Equal(t, before+many, *sqltest.Value[int64](other, "SELECT gapless.last_gapless('many')"))
			}
			require.Equal(t, *sqltest.Value[int64](other, "SELECT count(*) FROM many"), *sqltest.Value[int64](other, "SELECT max(number) FROM many"))
			require.Empty(t, sqltest.Texts(other, sound.Broken))
			requireOrdered(other)
		})
	}
}
