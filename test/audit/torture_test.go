package audit_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

var duration = flag.Duration("duration", 8*time.Second, "how long tables change while they are audited")

// torture is what goes on in a database until a time: each actor does one thing after another, in a session of its own.
type torture struct {
	t        *testing.T
	database *pgtest.Database
	until    time.Time
	seed     uint64
	group    sync.WaitGroup

	mu    sync.Mutex
	count map[string]int // how often each thing was done, or failed in a way that is allowed
}

type actor struct {
	*torture
	*pgx.Conn
	ctx    context.Context
	random *rand.Rand
	name   string
	made   int // how many tables it has made, each of a name of its own
}

// outdone are the errors of a transaction that others were in the way of.
var outdone = []string{"40001", "40P01", "55P03"}

func (w *torture) start(name string, actors int, things map[string]func(a *actor) error) {
	names := slices.Sorted(maps.Keys(things))
	for i := range actors {
		a := &actor{torture: w, Conn: w.database.Conn(w.t), ctx: w.t.Context(), random: rand.New(rand.NewPCG(w.seed, uint64(len(name)*100+i))), name: fmt.Sprint(name, i)}
		w.group.Go(func() {
			turn := a.random.Perm(len(names))
			for n := 0; (n < len(turn) || time.Now().Before(w.until)) && !w.t.Failed(); n++ { // each at least once
				thing := names[a.random.IntN(len(names))]
				if n < len(turn) {
					thing = names[turn[n]]
				}
				err := things[thing](a)
				var pgErr *pgconn.PgError
				if errors.As(err, &pgErr) && slices.Contains(outdone, pgErr.Code) {
					thing += " (" + pgErr.Code + ")"
					err = nil
				}
				if err == nil && a.PgConn().TxStatus() != 'I' {
					_, err = a.Exec(a.ctx, "ROLLBACK")
				}
				if err != nil {
					w.t.Errorf("%s, %s: %v", a.name, thing, err)
					return
				}
				w.mu.Lock()
				w.count[name+": "+thing]++
				w.mu.Unlock()
			}
		})
	}
}

// do runs statements, each by itself.
func (a *actor) do(statements ...string) error {
	for _, statement := range statements {
		if _, err := a.Exec(a.ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// unless is an error, unless it is one of these.
func unless(err error, codes ...string) error {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && slices.Contains(codes, pgErr.Code) {
		return nil
	}
	return err
}

func (a *actor) level() string {
	return []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}[a.random.IntN(3)]
}

func (a *actor) one(of ...string) string { return of[a.random.IntN(len(of))] }

var writings = map[string]func(a *actor) error{
	"insert": func(a *actor) error {
		statements := []string{
			fmt.Sprintf("INSERT INTO invoices (tenant) SELECT '%s' FROM generate_series(1, %d)", a.one("a", "b", "c"), 1+a.random.IntN(5)),
			fmt.Sprintf("INSERT INTO receipts (tenant) VALUES ('%[1]s'), ('%[1]s')", a.one("a", "b")),
			"INSERT INTO orders (region) VALUES ('north'), ('south')",
			"INSERT INTO sales DEFAULT VALUES",
			"INSERT INTO refunds DEFAULT VALUES",
			"INSERT INTO sealed DEFAULT VALUES",
			"INSERT INTO retyped DEFAULT VALUES",
			"INSERT INTO hopper DEFAULT VALUES",
			"SELECT gapless.next_gapless('by hand', 1, 5)",
		}
		end := "COMMIT"
		if a.random.IntN(4) == 0 {
			end = "ROLLBACK"
		}
		return a.do("BEGIN ISOLATION LEVEL "+a.level(), "SET LOCAL lock_timeout = '5s'", a.one(statements...), "SAVEPOINT s", a.one(statements...), a.one("ROLLBACK TO s", "RELEASE s"), end)
	},
	"void and delete": func(a *actor) error {
		err := a.do("BEGIN; SET LOCAL lock_timeout = '5s'",
			"CREATE TEMPORARY TABLE victim ON COMMIT DROP AS SELECT tenant, number FROM invoices WHERE number IS NOT NULL ORDER BY random() LIMIT 1",
			"SELECT gapless.void_gapless('invoice/' || tenant, number, 'why') FROM victim",
			a.one("DELETE FROM invoices AS i USING victim AS v WHERE i.tenant = v.tenant AND i.number = v.number", "SELECT"), "COMMIT")
		return unless(err, "55000") // void already
	},
	"move between partitions": func(a *actor) error {
		return a.do("SET lock_timeout = '5s'", fmt.Sprintf("UPDATE orders SET region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END WHERE number = %d", 1+a.random.IntN(50)))
	},
}

var changes = map[string]func(a *actor) error{
	"make a partition, and let it leave": func(a *actor) error {
		a.made++
		part := fmt.Sprintf("part_%s_%d", a.name, a.made)
		series := "part/" + part
		err := a.do("SET lock_timeout = '5s'; BEGIN", fmt.Sprintf("CREATE TABLE %[1]s PARTITION OF parted FOR VALUES IN ('%[1]s')", part), "SELECT gapless.guard_partitions('parted')", "COMMIT",
			fmt.Sprintf("INSERT INTO parted (region) SELECT '%s' FROM generate_series(1, 5)", part))
		if err != nil {
			return err
		}
		how := a.random.IntN(4)
		if how > 0 {
			if detached, err := a.detach(part); err != nil || !detached {
				return err
			}
		}
		switch how {
		case 0:
			return a.archive(series, part)
		case 1: // it leaves, and comes back
			return a.do(fmt.Sprintf("ALTER TABLE parted ATTACH PARTITION %[1]s FOR VALUES IN ('%[1]s')", part))
		case 2: // it leaves, and goes
			return a.archive(series, part)
		}
		return nil
	},
	"rewrite": func(a *actor) error {
		return a.do("SET lock_timeout = '5s'", a.one(
			"VACUUM FULL invoices", "CLUSTER invoices USING invoices_pkey", "VACUUM FULL receipts", "CLUSTER orders_north USING orders_north_pkey", "VACUUM FULL orders_south",
			"VACUUM FULL retyped", "VACUUM FULL sealed", "VACUUM (ANALYZE) invoices", "REINDEX TABLE sales",
		))
	},
	"retype": func(a *actor) error {
		return a.do("SET lock_timeout = '5s'", "ALTER TABLE retyped ALTER memo TYPE "+a.one("bigint USING memo::bigint", "int USING memo::int", "text USING memo::text"))
	},
	"refresh": func(a *actor) error {
		return a.do("SET lock_timeout = '5s'", a.one("REFRESH MATERIALIZED VIEW CONCURRENTLY totals", "REFRESH MATERIALIZED VIEW totals"))
	},
	"detach and attach": func(a *actor) error {
		return unless(a.do("BEGIN; SET LOCAL lock_timeout = '5s'", "SELECT gapless.detach_gapless('hopper', 'number')", attachHopper, "COMMIT"), "42704") // another actor has detached it
	},
	"detach, and attach later": func(a *actor) error {
		err := unless(a.do("SET lock_timeout = '5s'", "SELECT gapless.detach_gapless('hopper', 'number')"), "42704")
		if err != nil {
			return err
		}
		for {
			err = a.do(attachHopper)
			var pgErr *pgconn.PgError
			if !errors.As(err, &pgErr) || !slices.Contains(outdone, pgErr.Code) {
				return err
			}
		}
	},
	"rename": func(a *actor) error {
		return unless(a.do("BEGIN; SET LOCAL lock_timeout = '5s'", "SELECT gapless.detach_gapless('hopper', 'number')", "ALTER TABLE hopper RENAME TO renamed", "ALTER TABLE renamed RENAME TO hopper",
			"ALTER TABLE hopper RENAME note TO other", "ALTER TABLE hopper RENAME other TO note", attachHopper, "COMMIT"), "42704")
	},
	"make a table, and drop it": func(a *actor) error {
		a.made++
		table := fmt.Sprintf("table_%s_%d", a.name, a.made)
		late := a.one("true", "false")
		if err := a.do("SET lock_timeout = '5s'", fmt.Sprintf("CREATE TABLE %s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)", table),
			fmt.Sprintf("SELECT gapless.attach_gapless('%[1]s', 'number', name => $$ '%[1]s' $$, at_commit => %s)", table, late),
			fmt.Sprintf("INSERT INTO %s (number) SELECT NULL FROM generate_series(1, 5)", table)); err != nil {
			return err
		}
		return a.archive(table, table)
	},
	"prune": func(a *actor) error {
		return a.do("SET lock_timeout = '5s'", fmt.Sprintf("SELECT gapless.prune_gapless('%s', clock_timestamp() - interval '1 second')",
			a.one("invoice/a", "invoice/b", "invoice/c", "receipt/a", "order", "circle", "sealed", "hopper", "by hand")))
	},
}

// archive archives what a partition has, and drops it. What has changed meanwhile keeps the series from being archived.
func (a *actor) archive(series, part string) error {
	err := a.do(fmt.Sprintf("SELECT gapless.archive_gapless('%[1]s', gapless.last_gapless('%[1]s'), 'kept elsewhere')", series))
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.ConstraintName == "gapless_unexplained" && slices.ContainsFunc(mayBe, func(text string) bool { return strings.Contains(pgErr.Detail, text) }) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.do("DROP TABLE " + part)
}

// detach lets a partition leave, or says that another one is just leaving.
func (a *actor) detach(part string) (bool, error) {
	detach := "ALTER TABLE parted DETACH PARTITION " + part
	if a.random.IntN(2) == 0 {
		return true, a.do(detach)
	}
	err := a.do("SET lock_timeout = 0", detach+" CONCURRENTLY")
	if err != nil && unless(err, "55000") == nil {
		return false, nil
	}
	for err != nil && unless(err, outdone...) == nil {
		err = unless(a.do(detach+" FINALIZE"), "55000", "42P01") // it was not begun
	}
	return true, err
}

const attachHopper = "SELECT gapless.attach_gapless('hopper', 'number', name => $$ 'hopper' $$)"

// mayBe are what an audit may say of a column that others have changed since its snapshot.
var mayBe = []string{"Audit it in a new transaction", "audit it in a new transaction", "audit again"}

var audits = map[string]func(a *actor) error{
	"audit":         func(a *actor) error { return a.audit("gapless.audit_gapless(" + a.scope() + ")") },
	"audit, series": func(a *actor) error { return a.audit("gapless.audit_gapless(with_series => true)") },
	"record":        func(a *actor) error { return a.audit("gapless.record_audit_gapless(" + a.scope() + ")") },
}

func (a *actor) scope() string {
	return a.one("", "", "'invoice/a'", "'circle'", "'sealed'", "'hopper'", "'order'", "'receipt/a'", "pattern => 'invoice/%'", "target => 'orders'", "target => 'invoices', target_column => 'number'")
}

// audit fails the test for a finding that is not explained, unless it says that the tables have changed.
func (a *actor) audit(call string) error {
	level := a.level()
	if err := a.do("BEGIN ISOLATION LEVEL " + level); err != nil {
		return err
	}
	if a.random.IntN(2) == 0 {
		if err := a.do("SELECT count(*) FROM pg_class"); err != nil { // takes the snapshot
			return err
		}
		time.Sleep(time.Duration(a.random.IntN(50)) * time.Millisecond) // lets it grow old, and nothing waits for that
	}
	rows, err := a.Query(a.ctx, "SELECT concat_ws(' | ', sequence, attached_column, kind, first_value, last_value, explanation) FROM "+call+" WHERE NOT explained")
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, finding := range found {
		if slices.ContainsFunc(mayBe, func(text string) bool { return strings.Contains(finding, text) }) {
			a.mu.Lock()
			a.count["audit: to be repeated"]++
			a.mu.Unlock()
			continue
		}
		a.t.Errorf("%s, %s, %s: %s", a.name, level, call, finding)
	}
	return a.do("COMMIT")
}

// TestAuditFindsNothingWhileTablesChangeAndOthersWrite has partitions leave, tables rewritten, retyped, renamed, dropped, detached and
// attached, and journals pruned, while sessions write and others audit, at every isolation level.
func TestAuditFindsNothingWhileTablesChangeAndOthersWrite(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := sqltest.Connect(t, database)
	for _, statement := range []string{
		"CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, number bigint, UNIQUE (tenant, number))",
		"SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)",
		"CREATE TABLE receipts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, number text, UNIQUE (tenant, number))",
		"SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt/' || NEW.tenant $$, format => $$ 'R' || value $$, at_commit => true)",
		"CREATE TABLE orders (region text, number bigint, PRIMARY KEY (region, number)) PARTITION BY LIST (region)",
		"CREATE TABLE orders_north PARTITION OF orders FOR VALUES IN ('north'); CREATE TABLE orders_south PARTITION OF orders FOR VALUES IN ('south')",
		"SELECT gapless.attach_gapless('orders', 'number', name => $$ 'order' $$)",
		"CREATE TABLE parted (region text, number bigint, UNIQUE (region, number)) PARTITION BY LIST (region)",
		"SELECT gapless.attach_gapless('parted', 'number', name => $$ 'part/' || NEW.region $$)",
		"CREATE TABLE sales (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE); CREATE TABLE refunds (LIKE sales INCLUDING ALL)",
		"SELECT gapless.attach_gapless('sales', 'number', name => $$ 'circle' $$), gapless.attach_gapless('refunds', 'number', series_of => 'sales.number')",
		"CREATE TABLE sealed (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, hash bytea, previous_hash bytea, number bigint UNIQUE)",
		"SELECT gapless.attach_gapless('sealed', 'number', name => $$ 'sealed' $$, chain => $$ sha256(convert_to(concat(NEW.id, NEW.previous_hash), 'UTF8')) $$)",
		"CREATE TABLE retyped (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, memo int, number bigint UNIQUE)",
		"SELECT gapless.attach_gapless('retyped', 'number', name => $$ 'retyped' $$)",
		"CREATE TABLE hopper (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text, number bigint UNIQUE)",
		attachHopper,
		"CREATE MATERIALIZED VIEW totals AS SELECT tenant, count(*) FROM invoices GROUP BY tenant; CREATE UNIQUE INDEX ON totals (tenant)",
		"INSERT INTO invoices (tenant) VALUES ('a'), ('b'), ('c')",
	} {
		s.Do(statement)
	}
	w := &torture{t: t, database: database, until: time.Now().Add(*duration), seed: sqltest.NewSeed(t), count: map[string]int{}}
	w.start("write", 4, writings)
	w.start("change", 3, changes)
	w.start("audit", 3, audits)
	w.group.Wait()
	for _, thing := range slices.Sorted(maps.Keys(w.count)) {
		t.Logf("%6d  %s", w.count[thing], thing)
	}
	for group, things := range map[string]map[string]func(*actor) error{"write": writings, "change": changes, "audit": audits} {
		for thing := range things {
			require.True(t, w.count[group+": "+thing] > 0 || *duration < time.Minute, "%s was never done", thing)
		}
	}
	sqltest.RequireSound(s)
	require.Empty(t, s.Numbers(broken))
}
