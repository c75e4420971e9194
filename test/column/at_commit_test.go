package column_test

// Columns that number themselves when the transaction commits: attach_gapless with at_commit => true.

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
)

const (
	insertInvoice   = "INSERT INTO invoices (id) VALUES ($1)"
	insertTenant    = "INSERT INTO invoices (id, tenant) VALUES ($1, $2)"
	numberOfInvoice = "SELECT number FROM invoices WHERE id = $1"
	setImmediate    = "SET CONSTRAINTS ALL IMMEDIATE"
)

// numberAtCommit makes a table of invoices, of several tenants, that are numbered at commit unless they are drafts.
func numberAtCommit(t testing.TB, database *pgtest.Database) sqltest.Session {
	t.Helper()
	s := sqltest.Connect(t, database)
	s.Do(`CREATE TABLE invoices (
		id     bigint  PRIMARY KEY,
		tenant text    NOT NULL DEFAULT 'a',
		draft  boolean NOT NULL DEFAULT false,
		note   text,
		number bigint,
		UNIQUE (tenant, number)
	)`)
	s.Do(`SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, condition => 'NOT NEW.draft', at_commit => true)`)
	return s
}

// invoiceRows are the table's rows, as "id tenant number".
func invoiceRows(s sqltest.Session) []string {
	s.T.Helper()
	return sqltest.Texts(s, "SELECT concat_ws(' ', id, tenant, coalesce(number::text, 'none')) FROM invoices ORDER BY id")
}

// requireNothingLeft checks that the journal has exactly the numbers that the tables have, and that nothing is left of
// the transactions that made them.
func requireNothingLeft(s sqltest.Session) {
	s.T.Helper()
	sqltest.RequireSound(s)
	require.Empty(s.T, sqltest.Texts(s, "SELECT concat_ws(' ', txid, names) FROM gapless.waiting"), "of transactions that have ended")
	require.Empty(s.T, sqltest.Texts(s, "SELECT concat_ws(' ', txid, name, number) FROM gapless.moving"), "of transactions that have ended")
}

// requireNamed checks what an error about a row has: the table and the column in its fields, and what to do.
func requireNamed(t *testing.T, err *pgconn.PgError, table, column string) {
	t.Helper()
	require.NotEmpty(t, err.Hint, err.Message)
	require.Equal(t, []string{"public", table, column}, []string{err.SchemaName, err.TableName, err.ColumnName}, err.Message)
}

func TestAtCommitTheSequenceIsHeldForTheCommitAlone(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two := numberAtCommit(t, database), sqltest.Connect(t, database)
	two.Do("SET lock_timeout = '10s'")
	for round := range int64(2) { // the sequence is new in the first only
		one.Do("BEGIN")
		require.Nil(t, sqltest.Value[int64](one, insertInvoice+" RETURNING number", 10*round+1), "it has no number yet")
		two.Do(insertInvoice, 10*round+2)
		require.Equal(t, 2*round+1, two.Number(numberOfInvoice, 10*round+2), "who commits first is numbered first")
		require.Empty(t, sqltest.HoldersOf(two, "invoice/a", "holds"))
		require.Nil(t, sqltest.Value[int64](one, numberOfInvoice, 10*round+1), "it has no number before COMMIT")
		one.Do("COMMIT")
		require.Equal(t, 2*round+2, one.Number(numberOfInvoice, 10*round+1))
	}
	requireNothingLeft(one)
}

func TestAtCommitWhoCommitsMeanwhileWaitsForTheOutcome(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"COMMIT", "ROLLBACK"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			one, two, observer := numberAtCommit(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			one.Do(insertInvoice, 1)
			one.Do("BEGIN")
			one.Do(insertInvoice, 2)
			one.Do(setImmediate)
			require.Equal(t, []uint32{one.PID()}, sqltest.HoldersOf(observer, "invoice/a", "holds"))
			done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, insertInvoice, 3) })
			sqltest.AwaitWaiter(t, observer, two.PID())
			one.Do(end)
			require.NoError(t, (<-done).Err)
			want := []string{"1 a 1", "2 a 2", "3 a 3"}
			if end == "ROLLBACK" {
				want = []string{"1 a 1", "3 a 2"}
			}
			require.Equal(t, want, invoiceRows(one))
			requireNothingLeft(one)
		})
	}
}

func TestAtCommitSetConstraintsImmediateNumbersAtOnce(t *testing.T) {
	t.Parallel()
	for _, set := range []string{setImmediate, `SET CONSTRAINTS "~gapless_commit_number" IMMEDIATE`} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			s := numberAtCommit(t, pgtest.New(t))
			for _, end := range []string{"ROLLBACK", "COMMIT"} {
				s.Do("BEGIN")
				s.Do("INSERT INTO invoices (id) VALUES (1), (2)")
				s.Do(set)
				require.Equal(t, []string{"1 a 1", "2 a 2"}, invoiceRows(s))
				s.Do(insertInvoice, 3) // from here on at the statement's end
				require.EqualValues(t, 3, s.Number(numberOfInvoice, 3))
				s.Do("SET CONSTRAINTS ALL DEFERRED")
				s.Do(insertInvoice, 4)
				require.Nil(t, sqltest.Value[int64](s, numberOfInvoice, 4))
				s.Do("UPDATE invoices SET note = 'numbered already'")
				s.Do(end)
				if end == "ROLLBACK" {
					require.Empty(t, invoiceRows(s))
				}
			}
			require.Equal(t, []string{"1 a 1", "2 a 2", "3 a 3", "4 a 4"}, invoiceRows(s))
			requireNothingLeft(s)
		})
	}
}

func TestAtCommitARowTakesOneNumberHoweverOftenItIsWritten(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	s.Do("BEGIN")
	s.Do("INSERT INTO invoices (id) VALUES (1), (2), (3)")
	s.Do("UPDATE invoices SET note = 'once'")
	s.Do("UPDATE invoices SET note = 'twice' WHERE id <> 2")
	s.Do("INSERT INTO invoices (id) VALUES (1), (4) ON CONFLICT (id) DO UPDATE SET note = 'thrice'")
	s.Do("INSERT INTO invoices (id) VALUES (2), (5) ON CONFLICT DO NOTHING")
	s.Do("COMMIT")
	require.Equal(t, []int64{1, 2, 3, 4, 5}, s.Numbers("SELECT number FROM invoices ORDER BY number"))
	s.Do("UPDATE invoices SET note = 'later'")
	require.EqualValues(t, 5, s.Number("SELECT last_value FROM gapless.sequences WHERE name = 'invoice/a'"))
	requireNothingLeft(s)
}

func TestAtCommitADeletedRowTakesNoNumberAndNoLock(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two := numberAtCommit(t, database), sqltest.Connect(t, database)
	one.Do("BEGIN")
	one.Do("INSERT INTO invoices (id) VALUES (1), (2), (3)")
	one.Do("DELETE FROM invoices WHERE id = 2")
	one.Do("COMMIT")
	require.Equal(t, []string{"1 a 1", "3 a 2"}, invoiceRows(one))

	two.Do("BEGIN")
	two.Do(insertInvoice, 4)
	two.Do(setImmediate) // takes the lock
	one.Do("SET lock_timeout = '10ms'")
	one.Do("BEGIN")
	one.Do(insertInvoice, 5)
	one.Do("DELETE FROM invoices WHERE id = 5")
	one.Do("COMMIT")
	two.Do("COMMIT")
	require.Equal(t, []string{"1 a 1", "3 a 2", "4 a 3"}, invoiceRows(one))
	sqltest.RequireSound(one)
}

func TestAtCommitNothingIsLeftOfRowsThatTookNoNumber(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	for _, change := range []string{
		"DELETE FROM invoices WHERE id = 1",
		"UPDATE invoices SET draft = true WHERE id = 1",
		"UPDATE invoices SET tenant = 'b' WHERE id = 1",
	} {
		s.Do("BEGIN")
		s.Do(insertInvoice, 1)
		s.Do(change)
		s.Do("COMMIT")
		s.Do("BEGIN")
		s.Do("DELETE FROM invoices WHERE number IS NULL")
		s.Do("COMMIT")
		requireNothingLeft(s)
	}
	require.Equal(t, []string{"1 b 1"}, invoiceRows(s))
}

func TestAtCommitSequencesAreTakenInNameOrder(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two, three, observer := numberAtCommit(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
	one.Do("INSERT INTO invoices (id, tenant) VALUES (1, 'a'), (2, 'b'), (3, 'c')")
	one.Do("BEGIN")
	one.Do(insertTenant, 10, "b")
	one.Do(setImmediate)

	two.Do("BEGIN")
	for i, tenant := range []string{"c", "b", "a"} {
		two.Do(insertTenant, 20+i, tenant)
	}
	done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, "COMMIT") })
	sqltest.AwaitWaiter(t, observer, two.PID())
	require.Equal(t, []uint32{two.PID()}, sqltest.HoldersOf(observer, "invoice/a", "holds"))
	require.Equal(t, []uint32{two.PID()}, sqltest.HoldersOf(observer, "invoice/b", "waits"))
	three.Do("SET lock_timeout = '10s'")
	three.Do(insertTenant, 30, "c") // not held yet, although its row was inserted first
	one.Do("COMMIT")
	require.NoError(t, (<-done).Err)
	require.Equal(t, []string{"1 a 1", "2 b 1", "3 c 1", "10 b 2", "20 c 3", "21 b 3", "22 a 2", "30 c 2"}, invoiceRows(one))
	requireNothingLeft(one)
}

// TestAtCommitOppositeOrdersCannotDeadlock has two columns in two tables, too.
func TestAtCommitOppositeOrdersCannotDeadlock(t *testing.T) {
	t.Parallel()
	const sessions, each = 8, 20
	database := pgtest.New(t)
	s := numberAtCommit(t, database)
	s.Do(`CREATE TABLE receipts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text, number bigint UNIQUE)`)
	s.Do(`ALTER TABLE receipts DROP CONSTRAINT receipts_number_key, ADD UNIQUE (tenant, number)`)
	s.Do(`SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'a receipt/' || NEW.tenant $$, at_commit => true)`)

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	tenants := []string{"a", "b", "c", "d"}
	errs := make([]error, sessions)
	var done sync.WaitGroup
	for i := range sessions {
		conn := sqltest.Connect(t, database, func(config *pgx.ConnConfig) { config.RuntimeParams["deadlock_timeout"] = "10ms" })
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		done.Go(func() {
			for n := range each {
				statements := []string{"BEGIN"}
				for j, k := range random.Perm(len(tenants)) {
					statements = append(statements,
						fmt.Sprintf("INSERT INTO invoices (id, tenant) VALUES (%d, '%s')", i*1_000_000+n*10+j, tenants[k]),
						fmt.Sprintf("INSERT INTO receipts (tenant) VALUES ('%s')", tenants[random.IntN(len(tenants))]))
				}
				if random.IntN(10) == 0 {
					statements = append(statements, "ROLLBACK")
				} else {
					statements = append(statements, "COMMIT")
				}
				if _, errs[i] = conn.Exec(conn.Ctx, strings.Join(statements, ";")); errs[i] != nil {
					return
				}
			}
		})
	}
	done.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	for _, table := range []string{"invoices", "receipts"} {
		require.Equal(t, []string{"a", "b", "c", "d"},
			sqltest.Texts(s, "SELECT tenant FROM "+table+" GROUP BY tenant HAVING min(number) = 1 AND max(number) = count(*) AND count(number) = count(*) ORDER BY tenant"))
	}
	requireNothingLeft(s)
}

func TestAtCommitARolledBackSavepointTakesNothing(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	one, two := numberAtCommit(t, database), sqltest.Connect(t, database)
	two.Do("SET lock_timeout = '10s'")
	one.Do("BEGIN")
	one.Do(insertInvoice, 1)
	one.Do("SAVEPOINT s")
	one.Do(insertInvoice, 2)
	one.Do(insertTenant, 3, "b")
	one.Do("ROLLBACK TO SAVEPOINT s")
	one.Do(insertInvoice, 4)
	one.Do("SAVEPOINT t")
	one.Do(insertInvoice, 5)
	one.Do("RELEASE SAVEPOINT t")
	one.Do("COMMIT")
	require.Equal(t, []string{"1 a 1", "4 a 2", "5 a 3"}, invoiceRows(one))

	// Numbered in the savepoint: the number and the lock go back with it.
	for _, tenant := range []string{"a", "new"} {
		before := len(invoiceRows(one))
		one.Do("BEGIN")
		one.Do("SAVEPOINT s")
		one.Do(insertTenant, 10, tenant)
		one.Do(setImmediate)
		require.Positive(t, one.Number(numberOfInvoice, 10))
		one.Do("ROLLBACK TO SAVEPOINT s")
		two.Do(insertTenant, 20+before, tenant)
		one.Do(insertTenant, 10+before, tenant)
		one.Do("COMMIT")
		require.Equal(t, two.Number(numberOfInvoice, 20+before)+1, one.Number(numberOfInvoice, 10+before))
	}
	// A row from before the savepoint, that is numbered in it.
	one.Do("BEGIN")
	one.Do(insertInvoice, 100)
	one.Do("SAVEPOINT s")
	one.Do(setImmediate)
	one.Do("ROLLBACK TO SAVEPOINT s")
	require.Nil(t, sqltest.Value[int64](one, numberOfInvoice, 100))
	one.Do("COMMIT")
	require.EqualValues(t, 6, one.Number(numberOfInvoice, 100))
	requireNothingLeft(one)
}

func TestAtCommitAPreparedTransactionHoldsTheSequenceUntilItsEnd(t *testing.T) {
	t.Parallel()
	for end, want := range map[string][]string{
		"COMMIT PREPARED":   {"1 a 1", "2 a 2", "3 a 3"},
		"ROLLBACK PREPARED": {"1 a 1", "3 a 2"},
	} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			one, two, observer := numberAtCommit(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
			require.NotEqual(t, "0", *sqltest.Value[string](one, "SHOW max_prepared_transactions"), "the server has two-phase commit turned off")
			one.Do(insertInvoice, 1)
			one.Do("BEGIN")
			one.Do(insertInvoice, 2)
			one.Do("PREPARE TRANSACTION '" + database.Name + "'")
			require.Equal(t, []string{"1 a 1"}, invoiceRows(one))
			require.Equal(t, []string{database.Name}, sqltest.Texts(observer, "SELECT prepared_as FROM gapless.holders WHERE name = 'invoice/a'"))
			done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, insertInvoice, 3) })
			sqltest.AwaitWaiter(t, observer, two.PID())
			sqltest.RequireSound(observer)
			one.Do(end + " '" + database.Name + "'")
			require.NoError(t, (<-done).Err)
			require.Equal(t, want, invoiceRows(one))
			requireNothingLeft(one)
		})
	}
}

func TestAtCommitARowIsFoundWhateverItsKeyBecame(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	s.Do("BEGIN")
	s.Do("INSERT INTO invoices (id, note) VALUES (1, 'one'), (2, 'two'), (3, 'three')")
	s.Do("UPDATE invoices SET id = 10 WHERE id = 1")
	s.Do("UPDATE invoices SET id = 11 WHERE id = 10")
	s.Do("UPDATE invoices SET id = 1 WHERE id = 2") // another row's former key
	s.Do("DELETE FROM invoices WHERE id = 3")
	s.Do("INSERT INTO invoices (id, note) VALUES (3, 'another three')")
	s.Do("COMMIT")
	require.Equal(t, []string{"another three", "one", "two"}, sqltest.Texts(s, "SELECT note FROM invoices ORDER BY note"))
	require.Equal(t, []int64{1, 2, 3}, s.Numbers("SELECT number FROM invoices ORDER BY number"))

	// In the transaction that it was numbered in, and of a key of several columns, with a draft from before.
	s.Do(`CREATE TABLE notes (part int, "a ""key""" text, draft boolean, number bigint UNIQUE, PRIMARY KEY ("a ""key""", part))`)
	s.Do(`SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note' $$, condition => 'NOT NEW.draft', at_commit => true)`)
	s.Do(`INSERT INTO notes VALUES (1, 'a', true), (2, 'a', true), (1, 'b', true)`)
	s.Do("BEGIN")
	s.Do(`UPDATE notes SET draft = false WHERE "a ""key""" = 'a'`)
	s.Do(`UPDATE notes SET part = 3 - part, "a ""key""" = "a ""key""" || 'x' WHERE "a ""key""" = 'a'`)
	s.Do("COMMIT")
	require.Equal(t, []string{"ax 1 t", "ax 2 t", "b 1 f"}, sqltest.Texts(s, `SELECT concat_ws(' ', "a ""key""", part, number IS NOT NULL) FROM notes ORDER BY 1`))
	s.Do(`UPDATE notes SET part = part + 10`)
	require.Equal(t, []int64{1, 2}, s.Numbers(`SELECT number FROM notes WHERE number IS NOT NULL ORDER BY number`))
	requireNothingLeft(s)
}

func TestAtCommitTheConditionCountsAsItIsThen(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	s.Do("BEGIN")
	s.Do("INSERT INTO invoices (id, draft) VALUES (1, true), (2, false), (3, false), (4, true)")
	s.Do("UPDATE invoices SET draft = NOT draft WHERE id <= 2")
	s.Do("UPDATE invoices SET draft = true WHERE id = 3")
	s.Do("UPDATE invoices SET draft = false WHERE id = 3") // there and back
	s.Do("COMMIT")
	require.Equal(t, []int64{1, 3}, s.Numbers("SELECT id FROM invoices WHERE number IS NOT NULL ORDER BY id"))
	require.Equal(t, []int64{1, 2}, s.Numbers("SELECT number FROM invoices WHERE number IS NOT NULL ORDER BY number"))
	s.Do("UPDATE invoices SET draft = false WHERE id = 4") // issued by an update alone
	require.EqualValues(t, 3, s.Number(numberOfInvoice, 4))
	sqltest.RequireSound(s)
}

func TestAtCommitTheSeriesIsTheOneThatTheRowIsInThen(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	s.Do("BEGIN")
	s.Do("INSERT INTO invoices (id, tenant) VALUES (1, 'b'), (2, 'b')")
	s.Do("UPDATE invoices SET tenant = 'a' WHERE id = 1")
	s.Do("COMMIT")
	require.Equal(t, []string{"1 a 1", "2 b 1"}, invoiceRows(s))
	requireNamed(t, s.Refuse("23001", "UPDATE invoices SET tenant = 'a' WHERE id = 2"), "invoices", "number")
	require.Equal(t, []string{"invoice/a 1", "invoice/b 1"}, sqltest.Texts(s, "SELECT concat_ws(' ', name, last_value) FROM gapless.sequences ORDER BY name"))
	requireNothingLeft(s)
}

func TestAtCommitWithAnOldSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			one, two := numberAtCommit(t, database), sqltest.Connect(t, database)
			for round, others := range []bool{false, true, false} {
				one.Do("BEGIN ISOLATION LEVEL " + level)
				one.Do(insertInvoice, 10*round+1)
				if others {
					two.Do(insertInvoice, 10*round+2)
					one.Refuse("40001", "COMMIT")
				} else {
					one.Do("COMMIT")
				}
			}
			require.Equal(t, []string{"1 a 1", "12 a 2", "21 a 3"}, invoiceRows(one))

			// A series that somebody began after the snapshot.
			one.Do("BEGIN ISOLATION LEVEL " + level)
			one.Do(insertTenant, 31, "new")
			two.Do(insertTenant, 32, "new")
			one.Refuse("40001", "COMMIT")
			require.EqualValues(t, 1, two.Number(numberOfInvoice, 32))
			requireNothingLeft(one)
		})
	}
}

func TestAtCommitIsRetriedByInTx(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := numberAtCommit(t, database)
	pool := database.Pool(t, sqltest.HostilePath)
	attempts := 0
	require.NoError(t, gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		attempts++
		if _, err := tx.Exec(t.Context(), "INSERT INTO public.invoices (id) VALUES (1)"); err != nil {
			return err
		}
		if attempts < 3 {
			s.Do(insertInvoice, 10+attempts)
		}
		return nil
	}, gapless.WithIsolation(pgx.RepeatableRead)))
	require.Equal(t, 3, attempts)
	require.Equal(t, []string{"1 a 3", "11 a 1", "12 a 2"}, invoiceRows(s))
}

// TestAtCommitFromGo is how a program uses it: insert, commit, read by key.
func TestAtCommitFromGo(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	pool := database.Pool(t, func(config *pgxpool.Config) { config.MaxConns = 8 })
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, year int NOT NULL, number text UNIQUE)")
	initial := int64(100)
	require.NoError(t, gapless.Attach(t.Context(), pool, gapless.Column{
		Table: "orders", Column: "number", Name: "'order/' || NEW.year", Initial: &initial,
		Format: "'O-' || NEW.year || '-' || lpad(value::text, greatest(5, length(value::text)), '0')", AtCommit: true,
	}))

	numbers := make([]string, 40)
	var done sync.WaitGroup
	for i := range numbers {
		done.Go(func() {
			var id int64
			err := gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
				var number *string
				err := tx.QueryRow(t.Context(), "INSERT INTO orders (year) VALUES (2026) RETURNING id, number", nil...).Scan(&id, &number)
				if err == nil && number != nil {
					return fmt.Errorf("numbered before COMMIT: %s", *number)
				}
				return err
			})
			if err == nil {
				err = pool.QueryRow(t.Context(), "SELECT number FROM orders WHERE id = $1", id).Scan(&numbers[i])
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	var want []string
	for i := range numbers {
		want = append(want, fmt.Sprintf("O-2026-%05d", 100+i))
	}
	require.ElementsMatch(t, want, numbers)
	requireNothingLeft(s)
}

func TestAtCommitARoleNeedsInsertAloneAndSeesNoNumberOfRowsThatPoliciesHide(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, app := numberAtCommit(t, database), sqltest.Connect(t, database)
	_, clerk := sqltest.Role(t, database, "clerk")
	_, boss := sqltest.Role(t, database, "boss")
	owner.Do("GRANT CREATE ON SCHEMA public TO " + boss)
	owner.Do("GRANT USAGE ON SCHEMA gapless TO " + boss)
	owner.Do("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA gapless TO " + boss)
	owner.Do("SELECT gapless.detach_gapless('invoices', 'number')")
	owner.Do("ALTER TABLE invoices OWNER TO " + boss)
	owner.Do("SET ROLE " + boss)
	owner.Do(`SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, at_commit => true)`)
	owner.Do("GRANT INSERT ON invoices TO " + clerk)
	owner.Do("ALTER TABLE invoices ENABLE ROW LEVEL SECURITY")
	owner.Do("CREATE POLICY writes ON invoices FOR INSERT TO " + clerk + " WITH CHECK (true)")

	app.Do("SET ROLE " + clerk)
	app.Do(insertInvoice, 1)
	app.Refuse("42501", "SELECT * FROM invoices")
	require.Equal(t, []string{"1 a 1"}, invoiceRows(owner))

	// With FORCE the owner, with whose rights rows are numbered, does not see them either. A row without a number would
	// be a silent fault, so it is numbered or refused.
	owner.Do("ALTER TABLE invoices FORCE ROW LEVEL SECURITY")
	owner.Do("RESET ROLE")
	_, err := app.Exec(app.Ctx, insertInvoice, 2)
	if err != nil {
		sqltest.RequireCode(t, "42501", err)
	}
	require.Zero(t, owner.Number("SELECT count(*) FROM invoices WHERE number IS NULL"))
	t.Logf("FORCE ROW LEVEL SECURITY: %v", err)

	// The same for whom policies let through, and for a policy that lets an update find nothing.
	owner.Do("CREATE POLICY reads ON invoices FOR SELECT TO " + boss + " USING (true)")
	_, err = app.Exec(app.Ctx, insertInvoice, 3)
	if err != nil {
		sqltest.RequireCode(t, "42501", err)
	}
	require.Zero(t, owner.Number("SELECT count(*) FROM invoices WHERE number IS NULL"))
	owner.Do("ALTER TABLE invoices NO FORCE ROW LEVEL SECURITY")
	app.Do(insertInvoice, 4)
	require.Equal(t, owner.Number("SELECT count(*) FROM invoices"), owner.Number(numberOfInvoice, 4))
	requireNothingLeft(owner)
}

func TestAtCommitARowThatCannotBeUpdatedIsAnError(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := numberAtCommit(t, database)
	s.Do(`CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
	s.Do(`CREATE TRIGGER "a skip" BEFORE UPDATE ON invoices FOR EACH ROW WHEN (OLD.note = 'frozen') EXECUTE FUNCTION skip()`)
	s.Do("BEGIN")
	s.Do("INSERT INTO invoices (id, note) VALUES (1, 'free'), (2, 'frozen')")
	requireNamed(t, s.Refuse("23001", "COMMIT"), "invoices", "number")
	require.Empty(t, invoiceRows(s))

	s.Do("INSERT INTO invoices (id, note) VALUES (3, 'free')")
	require.Equal(t, []string{"3 a 1"}, invoiceRows(s), "nothing was lost by it")
	requireNothingLeft(s)
}

// TestAtCommitATriggerThatChangesTheNumberIsRefused has one that fires after ours; it could not have been there at attach.
func TestAtCommitATriggerThatChangesTheNumberIsRefused(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	s.Do(`CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.number := 4711; RETURN NEW; END'`)
	s.Do(`CREATE TRIGGER "a forge" BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION forge()`)
	s.Refuse("428C9", insertInvoice, 1)
	require.Empty(t, invoiceRows(s))
}

func TestAtCommitACommitThatFailsGivesItsNumbersBack(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	s.Do(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'too late' USING ERRCODE = 'ZZ001'; END $$`)
	s.Do(`CREATE CONSTRAINT TRIGGER "~~ last" AFTER INSERT ON invoices DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.note = 'fails') EXECUTE FUNCTION fail()`)
	s.Do(insertInvoice, 1)
	s.Do("BEGIN")
	s.Do("INSERT INTO invoices (id, note) VALUES (2, 'good'), (3, 'fails')")
	s.Refuse("ZZ001", "COMMIT")
	s.Do(insertInvoice, 4)
	require.Equal(t, []string{"1 a 1", "4 a 2"}, invoiceRows(s))
	requireNothingLeft(s)
}

func TestAtCommitTheNumberIsGuarded(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	s.Refuse("428C9", "INSERT INTO invoices (id, number) VALUES (1, 1)")
	s.Do("BEGIN")
	s.Do(insertInvoice, 1)
	s.Do("SAVEPOINT s")
	s.Refuse("428C9", "UPDATE invoices SET number = 1")
	s.Do("ROLLBACK TO s")
	s.Do(setImmediate)
	for code, statement := range map[string]string{
		"428C9": "UPDATE invoices SET number = 2",
		"23001": "DELETE FROM invoices",
	} {
		s.Do("SAVEPOINT s")
		s.Refuse(code, statement)
		s.Do("ROLLBACK TO s")
	}
	// The transaction that entered 1 must not write it into a second row.
	s.Do("SET CONSTRAINTS ALL DEFERRED")
	s.Do("INSERT INTO invoices (id, tenant) VALUES (2, 'a')")
	s.Do("SAVEPOINT s")
	_, err := s.Exec(s.Ctx, "UPDATE invoices SET number = 1 WHERE id = 2")
	require.Error(t, err)
	s.Do("ROLLBACK TO s")
	s.Do("COMMIT")
	require.Equal(t, []string{"1 a 1", "2 a 2"}, invoiceRows(s))
	s.Refuse("428C9", "UPDATE invoices SET number = NULL WHERE id = 1")
	s.Refuse("55000", "SELECT gapless.next_gapless('invoice/a')")
	requireNothingLeft(s)
}

func TestAtCommitDatesMustNotFall(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE bills (id bigint PRIMARY KEY, dated date NOT NULL, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$, chronology => 'NEW.dated', at_commit => true)")
	s.Do("INSERT INTO bills VALUES (1, '2026-01-02')")
	s.Do("BEGIN")
	s.Do("INSERT INTO bills VALUES (2, '2026-01-01')")
	requireNamed(t, s.Refuse("23514", "COMMIT"), "bills", "number")
	s.Do("BEGIN")
	s.Do("INSERT INTO bills VALUES (3, '2026-01-01')")
	s.Do("UPDATE bills SET dated = '2026-01-03' WHERE id = 3") // it is right in time
	s.Do("INSERT INTO bills VALUES (4, '2026-01-03'), (5, '2026-01-04')")
	s.Do("COMMIT")
	require.Equal(t, []string{"1 2026-01-02 1", "3 2026-01-03 2", "4 2026-01-03 3", "5 2026-01-04 4"},
		sqltest.Texts(s, "SELECT concat_ws(' ', id, dated, number) FROM bills ORDER BY number"))
	requireNothingLeft(s)
}

func TestAtCommitInAPartitionedTable(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do(`CREATE TABLE invoices (id bigint, tenant text NOT NULL DEFAULT 'a', region text, number bigint,
		PRIMARY KEY (id, region), UNIQUE (tenant, number, region)) PARTITION BY LIST (region)`)
	s.Do("CREATE TABLE north PARTITION OF invoices FOR VALUES IN ('north')")
	s.Do("CREATE TABLE south (note text, region text, number bigint, tenant text NOT NULL DEFAULT 'a', id bigint)") // in another order
	s.Do("ALTER TABLE south DROP COLUMN note")
	s.Do("ALTER TABLE south ALTER region SET NOT NULL, ALTER id SET NOT NULL")
	s.Do("ALTER TABLE invoices ATTACH PARTITION south FOR VALUES IN ('south')")
	s.Do(`SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, at_commit => true)`)

	s.Do("BEGIN")
	s.Do("INSERT INTO invoices (id, region) VALUES (1, 'north'), (2, 'south'), (3, 'north'), (4, 'south')")
	s.Do("UPDATE invoices SET region = 'south' WHERE id = 3") // moves before it has a number
	s.Do("DELETE FROM invoices WHERE id = 2")
	s.Do("INSERT INTO south (id, region) VALUES (5, 'south')")
	s.Do("COMMIT")
	require.Equal(t, []int64{1, 2, 3, 4}, s.Numbers("SELECT number FROM invoices ORDER BY number"))
	require.Equal(t, []int64{3, 4, 5}, s.Numbers("SELECT id FROM south ORDER BY id"))
	was := *sqltest.Value[string](s, "SELECT string_agg(id || ' ' || number, ',' ORDER BY id) FROM invoices")

	s.Do("UPDATE invoices SET region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END") // moves with it
	require.Equal(t, was, *sqltest.Value[string](s, "SELECT string_agg(id || ' ' || number, ',' ORDER BY id) FROM invoices"))
	s.Do("BEGIN") // is numbered, and moves, in one transaction
	s.Do("INSERT INTO invoices (id, region) VALUES (6, 'north')")
	s.Do(setImmediate)
	s.Do("UPDATE invoices SET region = 'south' WHERE id = 6")
	s.Do("COMMIT")
	require.EqualValues(t, 5, s.Number(numberOfInvoice, 6))

	s.Do("CREATE TABLE west PARTITION OF invoices FOR VALUES IN ('west')")
	s.Do("INSERT INTO invoices (id, region) VALUES (7, 'west')")
	require.EqualValues(t, 6, s.Number(numberOfInvoice, 7))
	s.Refuse("23001", "DELETE FROM west")
	s.Do("SELECT gapless.guard_partitions('west')")
	s.Refuse("23001", "TRUNCATE west")
	s.Refuse("428C9", "INSERT INTO north (id, region, number) VALUES (8, 'north', 7)")
	requireNothingLeft(s)
}

// TestAtCommitTwoColumnsOfATable has each of the rows numbered twice, from series that overlap in both orders.
func TestAtCommitTwoColumnsOfATable(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	s.Do("ALTER TABLE invoices ADD journal text, ADD entry bigint, ADD UNIQUE (journal, entry)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'entry', name => $$ 'entry/' || NEW.journal $$, condition => 'NEW.journal IS NOT NULL', at_commit => true)")
	s.Do("BEGIN")
	s.Do("INSERT INTO invoices (id, tenant, journal) VALUES (1, 'a', 'y'), (2, 'b', 'x'), (3, 'a', 'x'), (4, 'b', NULL)")
	s.Do("UPDATE invoices SET note = 'changed' WHERE id = 2")
	s.Do("COMMIT")
	require.Equal(t, []string{"a 1 2", "b 1 2"}, sqltest.Texts(s, "SELECT concat_ws(' ', tenant, min(number), count(number)) FROM invoices GROUP BY tenant ORDER BY tenant"))
	require.Equal(t, []string{"x 1 2", "y 1 1"}, sqltest.Texts(s, "SELECT concat_ws(' ', journal, min(entry), count(entry)) FROM invoices WHERE journal IS NOT NULL GROUP BY journal ORDER BY journal"))
	requireNothingLeft(s)
}

// TestSettingsDecideNothingAtCommit has a session lie in each setting that the triggers read: they may cost it the order of
// its locks or the lateness of a number, and nothing else.
func TestSettingsDecideNothingAtCommit(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, number bigint, memo text, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, at_commit => true)")
	committing := *sqltest.Value[string](s, "SELECT (regexp_match(prosrc, 'commit_column'', ''([0-9]+)'))[1] FROM pg_proc WHERE proname = 'invoices_number_gapless_number'")
	settings := map[string][]string{
		"gapless.commit_column":   {"", committing, "garbage"},
		"gapless.commit_expected": {"", committing + "=invoice/a", committing + "=invoice/b", "0=", "garbage", committing + "=" + strings.Repeat("x", 300)},
		"gapless.commit_done":     {"", "on", "garbage"},
	}
	// A trigger of the table's own, by which an UPDATE comes from within another statement.
	s.Do(`CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE invoices SET memo = 'marked' WHERE id = NEW.id; RETURN NULL; END $$`)
	s.Do("CREATE TRIGGER mark AFTER INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION mark()")
	committed := 0
	for _, c := range settings["gapless.commit_column"] {
		for _, e := range settings["gapless.commit_expected"] {
			for _, v := range settings["gapless.commit_done"] {
				for _, statement := range []string{
					"INSERT INTO invoices (tenant) VALUES ('a')",
					"INSERT INTO invoices (tenant) VALUES ('b'), ('a'), ('b')",
					"UPDATE invoices SET memo = 'again' WHERE number IS NOT NULL",
				} {
					s.Do("BEGIN")
					s.Do("SELECT set_config('gapless.commit_column', $1, false), set_config('gapless.commit_expected', $2, false), set_config('gapless.commit_done_"+committing+"', $3, false)", c, e, v)
					for _, byHand := range []string{
						"INSERT INTO invoices (tenant, number) VALUES ('a', 7)",
						"INSERT INTO invoices (tenant) VALUES ('c'); UPDATE invoices SET number = 99 WHERE tenant = 'c'",
					} {
						s.Do("SAVEPOINT s")
						_, err := s.Exec(t.Context(), byHand)
						require.Error(t, err, byHand)
						s.Do("ROLLBACK TO s")
					}
					if _, err := s.Exec(t.Context(), statement); err != nil {
						s.Do("ROLLBACK")
						continue
					}
					if _, err := s.Exec(t.Context(), "COMMIT"); err == nil {
						committed++
					}
				}
			}
		}
	}
	require.Greater(t, committed, 100)
	s.Do("RESET ALL")
	require.Zero(t, s.Number("SELECT count(*) FROM invoices WHERE number IS NULL"))
	require.Zero(t, s.Number("SELECT count(*) FROM (SELECT FROM invoices GROUP BY tenant HAVING (min(number), max(number)) <> (1, count(*))) AS broken"))
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.audit_gapless()"))
}

// TestTheRowsThatACommitReadsGrowWithThoseThatItNumbers, not with their square: by the server's own count of what was read
// from tables and indexes, rows that are dead included. The probe's trigger is the last of the COMMIT.
func TestTheRowsThatACommitReadsGrowWithThoseThatItNumbers(t *testing.T) {
	t.Parallel()
	const (
		rowByRow = `DO $$ BEGIN FOR i IN 1..$n LOOP EXECUTE format('INSERT INTO bills VALUES (%s)', i); END LOOP; END $$; `
		drafts   = "INSERT INTO bills SELECT i, false FROM generate_series($n + 1, 2 * $n) AS i; "
	)
	for name, c := range map[string]struct{ before, work string }{
		"a statement":                         {"", "INSERT INTO bills SELECT i FROM generate_series(1, $n) AS i"},
		"row by row":                          {"", rowByRow},
		"row by row, and updated":             {"", rowByRow + "UPDATE bills SET memo = 'x'"},
		"row by row, and deleted":             {"", rowByRow + "DELETE FROM bills"},
		"drafts that are issued":              {drafts, "UPDATE bills SET due = true"},
		"drafts that stay, before":            {"", drafts + rowByRow},
		"drafts that stay, after":             {"", rowByRow + drafts},
		"drafts of a table, rows of another":  {"", drafts + strings.ReplaceAll(rowByRow, "bills", "notes")},
		"rows that a trigger of another adds": {"CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO bills VALUES (NEW.id); RETURN NULL; END $$; CREATE TRIGGER more AFTER UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION more(); ", "INSERT INTO notes SELECT i FROM generate_series(1, $n) AS i"},
	} {
		for _, partitioned := range []string{"", " PARTITION BY HASH (id); CREATE TABLE bills_0 PARTITION OF bills FOR VALUES WITH (MODULUS 1, REMAINDER 0)"} {
			t.Run(name+partitioned[:min(len(partitioned), 12)], func(t *testing.T) {
				t.Parallel()
				var read [2]int64
				for i, rows := range []int{100, 200} {
					s := sqltest.Connect(t, pgtest.New(t))
					s.Do("CREATE TABLE bills (id int PRIMARY KEY, due boolean DEFAULT true, memo text, number bigint, other bigint, UNIQUE (id, number), UNIQUE (id, other))" + partitioned)
					s.Do("CREATE TABLE notes (id int PRIMARY KEY, due boolean, number bigint UNIQUE)")
					if partitioned == "" {
						s.Do("CREATE UNIQUE INDEX ON bills (number); CREATE UNIQUE INDEX ON bills (other)")
					}
					s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'number' $$, condition => 'NEW.due', at_commit => true)")
					s.Do("SELECT gapless.attach_gapless('bills', 'other', $$ 'other' $$, condition => 'NEW.due', at_commit => true)")
					s.Do("SELECT gapless.attach_gapless('notes', 'number', $$ 'note' $$, at_commit => true)")
					s.Do(`
						CREATE TABLE probe (round int, read bigint);
						CREATE FUNCTION probe() RETURNS trigger LANGUAGE plpgsql AS $$
						BEGIN
							INSERT INTO probe
							SELECT NEW.round + 1, sum(pg_stat_get_xact_tuples_returned(c.oid))
							FROM pg_class AS c
							WHERE c.relnamespace IN ('gapless'::regnamespace, 'public'::regnamespace) AND c.relkind IN ('r', 'i') AND c.relname !~ 'probe'
							HAVING NEW.round < 3;
							RETURN NULL;
						END $$;
						CREATE CONSTRAINT TRIGGER probe AFTER INSERT ON probe DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION probe()`)
					if c.before != "" {
						s.Do(strings.ReplaceAll(c.before, "$n", strconv.Itoa(rows)))
					}
					s.Do("BEGIN")
					s.Do(strings.ReplaceAll(c.work, "$n", strconv.Itoa(rows)))
					s.Do("INSERT INTO probe VALUES (0)")
					s.Do("COMMIT")
					read[i] = s.Number("SELECT read FROM probe WHERE round = 3")
					require.Zero(t, s.Number("SELECT count(*) FROM bills WHERE due AND (number IS NULL OR other IS NULL)"))
					sqltest.RequireSound(s)
				}
				require.Less(t, read[1], 3*read[0], read)
			})
		}
	}
}
