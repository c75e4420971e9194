package column_test

// What holds whatever transactions do. GAPLESS_SEED repeats a run, as far as the order in which sessions run allows.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// The tables that random transactions write to: numbered early and at commit, with a partitioned one and one whose numbers
// are texts. All have the same columns.
type randomTable struct {
	name, series, create, attach string
}

var randomTables = []randomTable{
	{"early", "early", "CREATE TABLE early (%s, number bigint, PRIMARY KEY (id), UNIQUE (key), UNIQUE (tenant, number))", ""},
	{"late", "late", "CREATE TABLE late (%s, number bigint, PRIMARY KEY (id), UNIQUE (key), UNIQUE (tenant, number))", ", at_commit => true"},
	{"texts", "texts", "CREATE TABLE texts (%s, number text, PRIMARY KEY (id), UNIQUE (key), UNIQUE (tenant, number))",
		", format => $$ 'T' || NEW.tenant || value || '7' $$"},
	{"parts", "parts", `CREATE TABLE parts (%s, number bigint, PRIMARY KEY (id, key), UNIQUE (key), UNIQUE (tenant, number, key)) PARTITION BY RANGE (key);
		CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (500);
		CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (500) TO (MAXVALUE)`, ""},
}

func (t randomTable) texts() bool { return strings.HasSuffix(t.name, "texts") }

// randomValue is the value of a text such as Ta17 of texts: what is between the tenant and the last digit.
const randomValue = "substr(number, 2 + length(tenant), length(number) - length(tenant) - 2)::bigint"

const randomColumns = `id bigint GENERATED ALWAYS AS IDENTITY, tenant text NOT NULL, key int, draft boolean NOT NULL DEFAULT false, note text`

// sharedTables are the same, of which those that number at the same time share their series; and one more, at commit.
func sharedTables() []randomTable {
	shared := slices.Clone(randomTables)
	for i := range shared {
		switch shared[i].name {
		case "texts", "parts":
			shared[i].series = "early"
			shared[i].attach += ", series_of => 'early.number'"
		}
	}
	return append(shared, randomTable{"late_texts", "late", strings.ReplaceAll(shared[2].create, "TABLE texts", "TABLE late_texts"),
		randomTables[2].attach + ", at_commit => true, series_of => 'late.number'"})
}

// TestPropertyEverySeriesIsContiguousWhateverHappens lets sessions do at random all that transactions do.
func TestPropertyEverySeriesIsContiguousWhateverHappens(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	writeAtRandom(t, database, createRandom(t, database, randomTables), randomTables)
}

// TestPropertySeriesThatTablesShareAreContiguousWhateverHappens has a trigger, too, which inserts into one of them while a
// statement numbers rows of another.
func TestPropertySeriesThatTablesShareAreContiguousWhateverHappens(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := createRandom(t, database, sharedTables())
	for _, inserts := range [][2]string{{"early", "texts"}, {"late", "late_texts"}} {
		s.Do(fmt.Sprintf(`CREATE FUNCTION also_%[1]s() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
				INSERT INTO %[2]s (tenant, note) VALUES (NEW.tenant, TG_WHEN || NEW.id);
				RETURN NEW;
			END $f$;
			CREATE TRIGGER also AFTER INSERT ON %[1]s FOR EACH ROW WHEN (NEW.key %% 5 = 0) EXECUTE FUNCTION also_%[1]s();
			CREATE TRIGGER before BEFORE INSERT ON %[1]s FOR EACH ROW WHEN (NEW.key %% 7 = 0) EXECUTE FUNCTION also_%[1]s()`, inserts[0], inserts[1]))
	}
	writeAtRandom(t, database, s, sharedTables())
	require.Positive(t, s.Number("SELECT count(*) FROM texts WHERE number IS NOT NULL AND note LIKE 'AFTER%'"))
	require.Positive(t, s.Number("SELECT count(*) FROM texts WHERE number IS NOT NULL AND note LIKE 'BEFORE%'"))
}

func createRandom(t *testing.T, database *pgtest.Database, tables []randomTable) sqltest.Session {
	t.Helper()
	s := sqltest.Connect(t, database)
	for _, table := range tables {
		s.Do(fmt.Sprintf(table.create, randomColumns))
		s.Do(fmt.Sprintf(`SELECT gapless.attach_gapless('%s', 'number', name => $$ '%s/' || NEW.tenant $$, condition => 'NOT NEW.draft'%s)`, table.name, table.series, table.attach))
	}
	return s
}

func writeAtRandom(t *testing.T, database *pgtest.Database, s sqltest.Session, tables []randomTable) {
	t.Helper()
	const sessions, each = 6, 40
	seed := sqltest.NewSeed(t)
	counts := counters{}
	var done sync.WaitGroup
	for i := range sessions {
		w := &writer{t: t, database: database, tables: tables, random: rand.New(rand.NewPCG(seed, uint64(i))), counts: &counts}
		done.Go(func() {
			ctx := t.Context()
			defer w.disconnect()
			for range each {
				if err := w.transaction(ctx); err != nil {
					t.Errorf("session %d: %v", i, err)
					return
				}
			}
		})
	}
	done.Wait()
	t.Log(counts.String())
	requireContiguous(s, tables)
	sqltest.RequireSound(s)
	for _, what := range []string{"COMMIT", "ROLLBACK", "terminated", "void", "delete", "issue", "insert", "insert many", "on conflict", "savepoint rolled back"} {
		require.Positive(t, counts.of(what), what)
	}
}

// requireContiguous checks, of every series, that numbers and deleted void ones are 1 to some number, each once, and that the
// journal says the same.
func requireContiguous(s sqltest.Session, tables []randomTable) {
	s.T.Helper()
	var union []string
	for _, table := range tables {
		number := "number"
		if table.texts() {
			number = randomValue
		}
		union = append(union, fmt.Sprintf("SELECT '%s/' || tenant AS series, %s AS number, draft FROM %s", table.series, number, table.name))
	}
	s.Do("CREATE TEMPORARY VIEW numbers AS " + strings.Join(union, " UNION ALL "))
	require.Empty(s.T, sqltest.Texts(s, "SELECT series || ': a row without a number' FROM numbers WHERE NOT draft AND number IS NULL"))
	require.Empty(s.T, sqltest.Texts(s, `
		WITH used AS (
			SELECT series, number FROM numbers WHERE number IS NOT NULL
			UNION ALL SELECT v.name, v.value FROM gapless.void AS v
				WHERE NOT EXISTS (SELECT FROM numbers AS n WHERE n.series = v.name AND n.number = v.value)
		)
		SELECT format('%s: %s numbers from %s to %s, %s different', series, count(*), min(number), max(number), count(DISTINCT number))
		FROM used GROUP BY series HAVING (min(number), max(number), count(DISTINCT number)) <> (1, count(*), count(*))`))
	require.Empty(s.T, sqltest.Texts(s, `
		SELECT format('%s: the journal ends with %s, and the column with %s', coalesce(q.name, n.series), q.last_value, n.last)
		FROM (
			SELECT u.series, max(u.number) AS last
			FROM (SELECT series, number FROM numbers UNION ALL SELECT name, value FROM gapless.void) AS u
			WHERE number IS NOT NULL GROUP BY u.series
		) AS n
		FULL JOIN gapless.sequences AS q ON q.name = n.series
		WHERE q.last_value IS DISTINCT FROM n.last OR q.issued <> q.last_value`))
}

// A writer is a session that does at random all that transactions do.
type writer struct {
	t        *testing.T
	database *pgtest.Database
	conn     *pgx.Conn
	tables   []randomTable
	random   *rand.Rand
	counts   *counters
	seen     map[string]string // the numbers that RETURNING gave in this transaction
}

var errTerminated = errors.New("the backend was terminated")

// transaction runs one, whose outcome may be that it fails as transactions may fail.
func (w *writer) transaction(ctx context.Context) error {
	if w.conn == nil {
		config, err := pgx.ParseConfig(w.database.URL)
		if err != nil {
			return err
		}
		config.RuntimeParams["deadlock_timeout"] = "20ms"
		if w.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
			return err
		}
	}
	w.seen = map[string]string{}
	err := w.steps(ctx)
	switch {
	case err == nil:
		return w.check(ctx)
	case errors.Is(err, errTerminated):
		w.counts.add("terminated")
		w.disconnect()
		return nil
	}
	if what := excused(err); what != "" {
		w.counts.add(what)
		_, err = w.conn.Exec(ctx, "ROLLBACK")
	}
	return err
}

// excused is the SQLSTATE of an error with which transactions may fail here; else it is empty.
func excused(err error) string {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return ""
	}
	switch pgErr.Code {
	case "40P01": // numbers that come early are locked in the order of the statements
		return pgErr.Code
	case "40001": // a row was moved to another partition meanwhile
		if pgErr.SchemaName == "" {
			return pgErr.Code
		}
	case "55000": // two sessions voided the same number
		if pgErr.TableName == "void" {
			return pgErr.Code
		}
	}
	return ""
}

func (w *writer) disconnect() {
	if w.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = w.conn.Close(ctx)
		w.conn = nil
	}
}

func (w *writer) steps(ctx context.Context) error {
	if err := w.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	savepoints := []map[string]string{} // what was seen when each was set
	for range 1 + w.random.IntN(7) {
		var err error
		switch w.random.IntN(10) {
		case 0, 1:
			savepoints = append(savepoints, maps.Clone(w.seen))
			err = w.exec(ctx, fmt.Sprintf("SAVEPOINT s%d", len(savepoints)))
		case 2, 3:
			if n := len(savepoints); n > 0 {
				if w.random.IntN(3) > 0 {
					w.counts.add("savepoint rolled back")
					w.seen = maps.Clone(savepoints[n-1])
					err = w.exec(ctx, fmt.Sprintf("ROLLBACK TO SAVEPOINT s%d", n))
				} else {
					err = w.exec(ctx, fmt.Sprintf("RELEASE SAVEPOINT s%d", n))
					savepoints = savepoints[:n-1]
				}
				break
			}
			fallthrough
		default:
			err = w.write(ctx)
		}
		if err != nil {
			return err
		}
	}
	switch w.random.IntN(20) {
	case 0, 1, 2, 3:
		w.counts.add("ROLLBACK")
		w.seen = nil
		return w.exec(ctx, "ROLLBACK")
	case 4:
		// Before COMMIT is sent, so that it is certain that nothing is committed.
		if err := w.exec(ctx, "SELECT pg_terminate_backend(pg_backend_pid())"); err == nil {
			return errors.New("a terminated backend answered")
		}
		return errTerminated
	case 5:
		// By somebody else, at any moment of what is going on; who knows whether COMMIT succeeds.
		return w.killed(ctx)
	}
	w.counts.add("COMMIT")
	return w.exec(ctx, "COMMIT")
}

// killed goes on writing until another session terminates it.
func (w *writer) killed(ctx context.Context) error {
	pid := w.conn.PgConn().PID()
	killer, err := pgx.Connect(ctx, w.database.URL)
	if err != nil {
		return err
	}
	defer killer.Close(ctx)
	delay := time.Duration(w.random.IntN(5_000)) * time.Microsecond
	killed := sqltest.Later(func() (any, error) {
		time.Sleep(delay)
		return killer.Exec(ctx, "SELECT pg_terminate_backend($1)", pid)
	})
	for err == nil {
		if err = w.write(ctx); err == nil && w.random.IntN(2) == 0 {
			err = w.exec(ctx, "COMMIT; BEGIN")
		}
	}
	if r := <-killed; r.Err != nil {
		return r.Err
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code != "57P01" && excused(err) == "" {
		return err
	}
	return errTerminated
}

// write runs one statement that writes.
func (w *writer) write(ctx context.Context) error {
	of := w.tables[w.random.IntN(len(w.tables))]
	table := of.name
	tenant := func() string { return string(rune('a' + w.random.IntN(3))) }
	key := func() int { return w.random.IntN(1000) }
	switch w.random.IntN(12) {
	case 0, 1:
		w.counts.add("insert")
		return w.returning(ctx, table, fmt.Sprintf("INSERT INTO %s (tenant, key) VALUES ('%s', %d + 1000 * (1 + (random() * 1e6)::int))", table, tenant(), key()))
	case 2, 3:
		w.counts.add("insert many")
		var values []string
		for range 1 + w.random.IntN(6) {
			values = append(values, fmt.Sprintf("('%s', %t, 1000 * (1 + (random() * 1e6)::int))", tenant(), w.random.IntN(5) == 0))
		}
		return w.returning(ctx, table, fmt.Sprintf("INSERT INTO %s (tenant, draft, key) VALUES %s ON CONFLICT (key) DO NOTHING", table, strings.Join(values, ", ")))
	case 4, 5, 6:
		w.counts.add("on conflict")
		action := "DO NOTHING"
		if w.random.IntN(2) == 0 {
			action = "(key) DO UPDATE SET note = 'again'"
		}
		k := key()
		return w.returning(ctx, table, fmt.Sprintf("INSERT INTO %s (tenant, key) VALUES ('%s', %d), ('%s', %d), ('%s', %d) ON CONFLICT %s",
			table, tenant(), k, tenant(), k+1, tenant(), k+2, action))
	case 7:
		w.counts.add("insert drafts")
		return w.exec(ctx, fmt.Sprintf("INSERT INTO %s (tenant, key, draft) VALUES ('%s', %d, true), ('%s', %d, true) ON CONFLICT DO NOTHING", table, tenant(), key(), tenant(), key()))
	case 8:
		w.counts.add("issue")
		return w.returning(ctx, table, fmt.Sprintf(`UPDATE %[1]s AS x SET draft = false
			WHERE x.id IN (SELECT id FROM %[1]s WHERE draft ORDER BY id LIMIT %d FOR UPDATE SKIP LOCKED)`, table, 1+w.random.IntN(3)))
	case 9:
		w.counts.add("update")
		return w.exec(ctx, fmt.Sprintf(`UPDATE %[1]s AS x SET note = 'changed', key = 1500000000 + id::int -- moves it into the other partition
			WHERE x.id IN (SELECT id FROM %[1]s WHERE key < 500 ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)`, table))
	default:
		w.counts.add("void")
		number := "number"
		if of.texts() {
			number = randomValue
		}
		err := w.exec(ctx, fmt.Sprintf(`SELECT gapless.void_gapless('%[3]s/' || v.tenant, v.value, 'at random')
			FROM (SELECT tenant, %[2]s AS value FROM %[1]s WHERE number IS NOT NULL ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED) AS v
			WHERE NOT EXISTS (SELECT FROM gapless.void AS o WHERE o.name = '%[3]s/' || v.tenant AND o.value = v.value)`, table, number, of.series))
		if err != nil || w.random.IntN(3) == 0 {
			return err
		}
		w.counts.add("delete")
		return w.exec(ctx, fmt.Sprintf(`DELETE FROM %[1]s AS x USING gapless.void AS v
			WHERE v.name = '%[3]s/' || x.tenant AND v.value = %[2]s AND x.number IS NOT NULL
				AND x.id IN (SELECT id FROM %[1]s FOR UPDATE SKIP LOCKED)`, table, number, of.series))
	}
}

func (w *writer) exec(ctx context.Context, statement string) error {
	_, err := w.conn.Exec(ctx, statement)
	return annotate(err, statement)
}

// returning runs a statement, and remembers the numbers that RETURNING has.
func (w *writer) returning(ctx context.Context, table, statement string) error {
	rows, err := w.conn.Query(ctx, statement+" RETURNING id, number::text")
	if err != nil {
		return annotate(err, statement)
	}
	var id int64
	var number *string
	_, err = pgx.ForEachRow(rows, []any{&id, &number}, func() error {
		if number != nil {
			w.seen[fmt.Sprintf("%s %d", table, id)] = *number
		}
		return nil
	})
	return annotate(err, statement)
}

func annotate(err error, statement string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// check looks, after COMMIT, for the rows whose numbers RETURNING gave: they have them, or are void and deleted.
func (w *writer) check(ctx context.Context) error {
	for row, number := range w.seen {
		var table string
		var id int64
		if _, err := fmt.Sscan(row, &table, &id); err != nil {
			return err
		}
		var stored *string
		err := w.conn.QueryRow(ctx, "SELECT number::text FROM "+table+" WHERE id = $1", id).Scan(&stored)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			w.counts.add("deleted since")
		case err != nil:
			return err
		case stored == nil || *stored != number:
			return fmt.Errorf("RETURNING gave %s to row %s, which does not have it", number, row)
		}
	}
	return nil
}

// counters says how often what was done.
type counters struct {
	counts sync.Map // of *atomic.Int64
}

func (c *counters) add(what string) {
	n, _ := c.counts.LoadOrStore(what, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

func (c *counters) of(what string) int64 {
	if n, ok := c.counts.Load(what); ok {
		return n.(*atomic.Int64).Load()
	}
	return 0
}

func (c *counters) String() string {
	var all []string
	c.counts.Range(func(what, n any) bool {
		all = append(all, fmt.Sprintf("%v %d", what, n.(*atomic.Int64).Load()))
		return true
	})
	slices.Sort(all)
	return fmt.Sprint(all)
}

// TestPropertyStatementsOfATransactionGoOnFromEachOther tries every sequence of four statements, of one row and of several,
// that change between series.
func TestPropertyStatementsOfATransactionGoOnFromEachOther(t *testing.T) {
	t.Parallel()
	s := pg.NumberTenants(t, pgtest.New(t))
	rows := []string{"('a')", "('b')", "('a'), ('b')", "('b'), ('a')"}
	var wrong []string
	for i := range 256 {
		statements := []string{"BEGIN"}
		for _, j := range []int{i % 4, i / 4 % 4, i / 16 % 4, i / 64} {
			statements = append(statements, "INSERT INTO invoices (tenant) VALUES "+rows[j])
		}
		all := strings.Join(statements, "; ")
		if _, err := s.Exec(s.Ctx, all); err != nil {
			wrong = append(wrong, all+": "+err.Error())
		} else {
			require.Empty(t, sqltest.Texts(s, "SELECT tenant FROM invoices GROUP BY tenant HAVING (min(number), max(number)) <> (1, count(*))"), all)
		}
		s.Do("ROLLBACK")
	}
	require.Empty(t, wrong[:min(3, len(wrong))], "%d of 256", len(wrong))
}
