//go:build unix

package pooler_test

// What docs/poolers.md says of all poolers.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/migrate"
	"github.com/pggapless/gapless/test/pg"
	"github.com/pggapless/gapless/test/pooler"
)

func TestColumnsAndInTxWorkThroughEachPooler(t *testing.T) {
	t.Parallel()
	pooler.Each(t, func(t *testing.T, kind *pooler.Kind) {
		database := pgtest.NewEmpty(t)
		settings := map[string]string{}
		if kind == pooler.PgBouncer {
			settings = eachItsOwn
		}
		through := unprepared(t, kind.New(t, database, settings))
		pool := through.Pool(t, func(config *pgxpool.Config) { config.MaxConns = 8 })
		var migrations []<-chan sqltest.Result[any]
		for range 3 {
			migrations = append(migrations, sqltest.Later(func() (any, error) { return nil, migrate.Up(t.Context(), pool) }))
		}
		for _, migrated := range migrations {
			require.NoError(t, (<-migrated).Err)
		}
		s := sqltest.Connect(t, through)
		pg.Numbered(s)
		pg.Fill(s)
		require.Equal(t, pg.Filled, pg.Contents(s))
		require.Equal(t, pg.FilledFindings, sqltest.Findings(s))
		pg.GoOn(s)
		sqltest.RequireSound(s)

		var callers []<-chan sqltest.Result[int64]
		for range 20 {
			callers = append(callers, sqltest.Later(func() (number int64, err error) {
				err = gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
					number, err = gapless.NewSequence("a").Next(t.Context(), tx)
					return err
				})
				return number, err
			}))
		}
		seen := map[int64]bool{}
		for _, caller := range callers {
			r := <-caller
			require.NoError(t, r.Err)
			seen[r.Value] = true
		}
		require.Len(t, seen, 20)
		require.EqualValues(t, 20, s.Number("SELECT gapless.last_gapless('a')"))
	})
}

// TestAPoolerThatIsKilledLeavesNoHole has many write, one by one and in groups, while the pooler is killed and comes back.
func TestAPoolerThatIsKilledLeavesNoHole(t *testing.T) {
	t.Parallel()
	pooler.Each(t, func(t *testing.T, kind *pooler.Kind) {
		const callers, kills, between = 8, 4, 60
		database := pgtest.NewCopy(t)
		direct := sqltest.Connect(t, database)
		direct.Do(`CREATE TABLE invoices (id text PRIMARY KEY, number bigint UNIQUE)`)
		direct.Do(`SELECT gapless.attach_gapless('invoices', 'number')`)
		p := kind.New(t, database, nil)
		pool := unprepared(t, p).Pool(t, func(config *pgxpool.Config) { config.MaxConns = callers })
		config, err := pgx.ParseConfig(database.URL)
		require.NoError(t, err)
		committer := sqltest.NewGroupCommitter(t, pool, gapless.WithFlusherConfig(config), gapless.WithFsyncOff())

		var mu sync.Mutex
		confirmed, unclear := []string{}, map[string]bool{}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var writers []<-chan sqltest.Result[any]
		for i := range callers {
			inTx := committer.InTx
			if i%2 == 0 {
				inTx = func(ctx context.Context, fn func(pgx.Tx) error, opts ...gapless.TxOption) error {
					return gapless.InTx(ctx, pool, fn, opts...)
				}
			}
			writers = append(writers, sqltest.Later(func() (any, error) {
				for n := 0; ctx.Err() == nil; n++ {
					id := fmt.Sprintf("%d-%d", i, n)
					err := inTx(t.Context(), func(tx pgx.Tx) error {
						_, err := tx.Exec(t.Context(), "INSERT INTO invoices VALUES ($1)", id)
						return err
					})
					mu.Lock()
					if err == nil {
						confirmed = append(confirmed, id)
					} else if errors.Is(err, gapless.ErrOutcomeUnknown) {
						unclear[id] = true
					}
					mu.Unlock()
				}
				return nil, nil
			}))
		}
		written := func() int64 { return direct.Number("SELECT count(*) FROM invoices") }
		for range kills {
			before := written()
			require.Eventually(t, func() bool { return written() > before+between }, sqltest.Eventually, sqltest.Tick)
			p.Kill(t)
		}
		before := written()
		require.Eventually(t, func() bool { return written() > before+between }, sqltest.Eventually, sqltest.Tick)
		stop()
		for _, writer := range writers {
			<-writer
		}
		rows := sqltest.Texts(direct, "SELECT id FROM invoices ORDER BY id")
		rows = slices.DeleteFunc(rows, func(id string) bool { return unclear[id] })
		slices.Sort(confirmed)
		require.Equal(t, confirmed, rows, "what is there was confirmed, and what was confirmed is there")
		require.Equal(t, written(), direct.Number("SELECT max(number) FROM invoices"))
		sqltest.RequireSound(direct)
	})
}

// TestACommitThatAKilledPoolerDidNotAnswerIsFound has COMMIT take effect while the pooler is dead, or never reach the server.
func TestACommitThatAKilledPoolerDidNotAnswerIsFound(t *testing.T) {
	t.Parallel()
	pooler.Each(t, func(t *testing.T, kind *pooler.Kind) {
		database := pgtest.NewCopy(t)
		direct := pg.NumberTenants(t, database)
		lock := sqltest.SlowCommit(t, direct, database)
		p := kind.New(t, database, nil)
		pool := unprepared(t, p).Pool(t)
		attempts := 0
		done := sqltest.Later(func() (number int64, err error) {
			err = gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
				if attempts++; attempts > 1 {
					return errors.New("it ran again")
				}
				if _, err := tx.Exec(t.Context(), sqltest.Slow); err != nil {
					return err
				}
				return tx.QueryRow(t.Context(), "INSERT INTO invoices DEFAULT VALUES RETURNING number").Scan(&number)
			})
			return number, err
		})
		direct.Await(`SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
		p.Kill(t)
		lock.Do("SELECT pg_advisory_unlock(1)")
		committed := <-done
		require.NoError(t, committed.Err)
		require.EqualValues(t, 1, committed.Value)
		require.EqualValues(t, 2, direct.Number("INSERT INTO invoices DEFAULT VALUES RETURNING number"))
		sqltest.RequireSound(direct)
	})
}

// TestWhetherAFlusherTakesAPooler: Pgpool gives a client one backend for as long as it stays, and says its pid.
func TestWhetherAFlusherTakesAPooler(t *testing.T) {
	t.Parallel()
	pooler.Each(t, func(t *testing.T, kind *pooler.Kind) {
		for _, settings := range kind.Modes() {
			database := pgtest.NewCopy(t)
			pool := unprepared(t, kind.New(t, database, settings)).Pool(t)
			config, err := pgx.ParseConfig(database.URL)
			require.NoError(t, err)
			opts := []gapless.GroupOption{gapless.WithFsyncOff()}
			if kind != pooler.Pgpool {
				_, err = gapless.NewGroupCommitter(t.Context(), pool, opts...)
				require.ErrorContains(t, err, "pooler", settings)
				require.ErrorContains(t, err, "WithFlusherConfig", settings)
				opts = append(opts, gapless.WithFlusherConfig(config))
			}
			committer := sqltest.NewGroupCommitter(t, pool, opts...)
			for want := range int64(3) {
				require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error {
					number, err := gapless.NewSequence("a").Next(t.Context(), tx)
					require.Equal(t, want+1, number)
					return err
				}), settings)
			}
			var sent []<-chan sqltest.Result[any]
			for range 4 {
				batch := &pgx.Batch{}
				batch.Queue("SELECT gapless.next_gapless('a')")
				sent = append(sent, sqltest.Later(func() (any, error) { return nil, committer.Send(t.Context(), batch) }))
			}
			for _, one := range sent {
				require.NoError(t, (<-one).Err, settings)
			}
			require.EqualValues(t, 7, sqltest.Connect(t, database).Number("SELECT gapless.last_gapless('a')"))
		}
	})
}

// TestHowAClientSeesThatThereIsAPooler: what the protocol gave as the backend's key is not the backend's pid, or there is a command that no
// server has.
func TestHowAClientSeesThatThereIsAPooler(t *testing.T) {
	t.Parallel()
	pooler.Each(t, func(t *testing.T, kind *pooler.Kind) {
		database := pgtest.NewCopy(t)
		for _, settings := range kind.Modes() {
			s := sqltest.Connect(t, unprepared(t, kind.New(t, database, settings)))
			backend := s.Number("SELECT pg_backend_pid()")
			reports := map[*pooler.Kind]string{pooler.PgBouncer: "off", pooler.Odyssey: "", pooler.Pgpool: "off"}
			require.Equal(t, reports[kind], s.PgConn().ParameterStatus("in_hot_standby"))
			if kind == pooler.Pgpool {
				require.EqualValues(t, s.PID(), backend)
				said, err := s.PgConn().Exec(t.Context(), "SHOW pool_version").ReadAll() // in the simple protocol alone
				require.NoError(t, err)
				require.NotEmpty(t, said[0].Rows)
			} else {
				require.NotEqualValues(t, s.PID(), backend)
			}
		}
		direct := sqltest.Connect(t, database)
		require.EqualValues(t, direct.PID(), direct.Number("SELECT pg_backend_pid()"))
		require.Equal(t, "off", direct.PgConn().ParameterStatus("in_hot_standby"))
		direct.Refuse("42704", "SHOW pool_version")
	})
}

func TestAHolderIsFoundAndEndedThroughEachPooler(t *testing.T) {
	t.Parallel()
	pooler.Each(t, func(t *testing.T, kind *pooler.Kind) {
		database := pgtest.NewCopy(t)
		direct := sqltest.Connect(t, database)
		through := unprepared(t, kind.New(t, database, nil))
		through.URL += "&application_name=till"
		holder, next := sqltest.Connect(t, through), sqltest.Connect(t, through)
		require.EqualValues(t, 1, next.Number("SELECT gapless.next_gapless('a')"))
		holder.Do("BEGIN")
		require.EqualValues(t, 2, holder.Number("SELECT gapless.next_gapless('a')"))
		const found = "SELECT pid FROM gapless.holders AS h JOIN pg_stat_activity AS s USING (pid) WHERE h.name = 'a' AND s.application_name = 'till'"
		pid := direct.Number(found)
		require.Equal(t, holder.Number("SELECT pg_backend_pid()"), pid)
		direct.Do("SELECT pg_terminate_backend($1::int)", pid)
		_, err := holder.Exec(t.Context(), "COMMIT")
		require.Error(t, err)
		require.EqualValues(t, 2, next.Number("SELECT gapless.next_gapless('a')"))
	})
}

func TestSettingsThroughEachPooler(t *testing.T) {
	t.Parallel()
	one := map[*pooler.Kind]map[string]string{
		pooler.PgBouncer: {"default_pool_size": "1"}, pooler.Odyssey: {"pool_size": "1"}, pooler.Pgpool: {"num_init_children": "1"},
	}
	pooler.Each(t, func(t *testing.T, kind *pooler.Kind) {
		database := pgtest.NewCopy(t)
		direct := sqltest.Connect(t, database)
		direct.Do("DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET lock_timeout = ''3s''', session_user, current_database()); END $$")
		p := kind.New(t, database, one[kind])
		in := func(parameter string, do func(s sqltest.Session)) { // Pgpool has one client at a time
			t.Helper()
			asking := *unprepared(t, p)
			asking.URL += parameter
			s := sqltest.Connect(t, &asking)
			do(s)
			require.NoError(t, s.Close(t.Context()))
		}
		const show = "SELECT current_setting('lock_timeout')"
		in("", func(s sqltest.Session) {
			require.Equal(t, "3s", *sqltest.Value[string](s, show), "the role's")
			s.Do("BEGIN")
			s.Do("SET LOCAL lock_timeout = '4s'")
			require.Equal(t, "4s", *sqltest.Value[string](s, show))
			s.Do("COMMIT")
			require.Equal(t, "3s", *sqltest.Value[string](s, show))
		})
		for _, parameter := range []string{"&lock_timeout=5s", "&options=-c%20lock_timeout%3D5s"} {
			if kind == pooler.PgBouncer {
				_, err := pgx.Connect(t.Context(), p.URL+parameter)
				require.Contains(t, sqltest.RequireCode(t, "08P01", err).Message, "unsupported startup parameter")
				continue
			}
			in(parameter, func(s sqltest.Session) {
				require.Equal(t, "5s", *sqltest.Value[string](s, show))
				s.Do("SET lock_timeout = '7s'")
				require.Equal(t, map[*pooler.Kind]string{pooler.Odyssey: "5s", pooler.Pgpool: "7s"}[kind], *sqltest.Value[string](s, show))
			})
			in("", func(s sqltest.Session) {
				require.Equal(t, "3s", *sqltest.Value[string](s, show), "it is not the next client's")
			})
		}
	})
}

// TestALockOfASession is what tern takes, over several transactions. PgBouncer has a test of its own.
func TestALockOfASession(t *testing.T) {
	t.Parallel()
	for kind, kept := range map[*pooler.Kind]int64{pooler.Odyssey: 0, pooler.Pgpool: 1} {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			kind.Want(t)
			database := pgtest.NewCopy(t)
			direct, s := sqltest.Connect(t, database), sqltest.Connect(t, unprepared(t, kind.New(t, database, nil)))
			s.Do("SELECT pg_advisory_lock(9628173550095224)")
			require.EqualValues(t, 1, s.Number("SELECT 1"))
			require.Equal(t, kept, direct.Number(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`))
		})
	}
}
