package pgtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// A database that a test has done with goes to the next one, with its idle sessions, if what the test left could be taken away:
// if afterwards no row of a catalog is newer than the test, and as many are there as before. Else it is dropped. That saves
// most of what a test costs, which is the files of a database, new backends, and what these compile and cache.
type reusable struct {
	mu    sync.Mutex
	idle  []*pgx.Conn
	tests int // that have had it
}

const (
	testsPerDatabase = 40 // after which its catalogs are mostly dead rows
	idleSessions     = 4
)

// databases that are as new.
var free struct {
	mu  sync.Mutex
	all []*Database
}

func takeFree() *Database {
	free.mu.Lock()
	defer free.mu.Unlock()
	if len(free.all) == 0 {
		return nil
	}
	last := len(free.all) - 1
	d := free.all[last]
	free.all = free.all[:last]
	return d
}

// recycle gives the database to the next test, or returns why it cannot.
func (d *Database) recycle(ctx context.Context) error {
	r := d.reusable
	if r.tests++; r.tests >= testsPerDatabase {
		return errors.New("it has served long enough")
	}
	conn := r.take()
	if conn == nil {
		return errors.New("no test has had a session that can be used again")
	}
	if err := restore(ctx, conn); err != nil {
		conn.Close(ctx)
		return err
	}
	r.give(ctx, conn)
	free.mu.Lock()
	defer free.mu.Unlock()
	free.all = append(free.all, d)
	return nil
}

func restore(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, sweep); err != nil {
		return err
	}
	newer, rows, err := pristine.count(ctx, conn)
	switch {
	case err != nil:
		return err
	case newer > 0:
		return fmt.Errorf("%d rows of catalogs are new", newer)
	case rows != pristine.rows:
		return errors.New("rows of catalogs are missing")
	}
	return nil
}

// take returns an idle session, or nil.
func (r *reusable) take() *pgx.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) == 0 {
		return nil
	}
	last := len(r.idle) - 1
	conn := r.idle[last]
	r.idle = r.idle[:last]
	return conn
}

// give keeps a session that a test has done with, as if it were new; where that cannot be, it closes it.
func (r *reusable) give(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := errors.New("it is in use")
	if !conn.IsClosed() && conn.PgConn().TxStatus() == 'I' && !conn.PgConn().IsBusy() {
		if err = conn.DeallocateAll(ctx); err == nil {
			_, err = conn.Exec(ctx, "DISCARD ALL")
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || len(r.idle) >= idleSessions {
		conn.Close(ctx)
		return
	}
	r.idle = append(r.idle, conn)
}

// closeIdle blocks until the idle sessions are told to end.
func (r *reusable) closeIdle(ctx context.Context) {
	for conn := r.take(); conn != nil; conn = r.take() {
		conn.Close(ctx)
	}
}

// sweep takes away what most tests leave: tables, functions, types, schemas, and rows in gapless' own tables. What else there may be is
// found by counting the rows of catalogs.
const sweep = `DO $sweep$
DECLARE
	object record;
BEGIN
	SET LOCAL lock_timeout = '2s';
	SET LOCAL client_min_messages = error;
	IF EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database())
		OR EXISTS (SELECT FROM pg_replication_slots WHERE database = current_database())
		OR EXISTS (SELECT FROM pg_subscription AS s JOIN pg_database AS d ON d.oid = s.subdbid WHERE d.datname = current_database())
		OR EXISTS (SELECT FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase WHERE d.datname = current_database())
		OR (SELECT datacl IS NOT NULL OR NOT datallowconn OR datconnlimit <> -1 FROM pg_database WHERE datname = current_database())
	THEN
		RAISE 'it has a prepared transaction, a slot, a subscription, a setting or privileges';
	END IF;
	FOR object IN
		SELECT nspname FROM pg_namespace
		WHERE nspname NOT IN ('gapless', 'public', 'information_schema') AND nspname !~ '^pg_'
	LOOP
		EXECUTE format('DROP SCHEMA %I CASCADE', object.nspname);
	END LOOP;
	FOR object IN
		SELECT c.oid::regclass::text AS name,
			CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END AS kind
		FROM pg_class AS c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
			AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')) -- an identity's sequence
	LOOP
		CONTINUE WHEN to_regclass(object.name) IS NULL; -- it went with another
		EXECUTE format('DROP %s %s CASCADE', object.kind, object.name);
	END LOOP;
	FOR object IN
		SELECT p.oid::regprocedure::text AS name,
			CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END AS kind
		FROM pg_proc AS p
		WHERE p.pronamespace = 'public'::regnamespace
	LOOP
		EXECUTE format('DROP %s IF EXISTS %s CASCADE', object.kind, object.name);
	END LOOP;
	FOR object IN
		SELECT t.oid::regtype::text AS name FROM pg_type AS t
		WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r')
	LOOP
		EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', object.name);
	END LOOP;
	FOR object IN
		SELECT c.oid::regclass AS name FROM pg_class AS c
		WHERE c.relnamespace = to_regnamespace('gapless') AND c.relkind = 'r'
	LOOP
		IF pg_relation_size(object.name) > 200000 THEN
			RAISE '% has grown', object.name;
		END IF;
		EXECUTE format('DELETE FROM %s', object.name);
	END LOOP;
END
$sweep$`

// pristine is what is known of the template's catalogs.
var pristine catalogs

type catalogs struct {
	query string // counts the rows that are newer than a transaction, and the rows of each
	began string // the first transaction that may have been a test's
	rows  string
}

func (c catalogs) count(ctx context.Context, conn *pgx.Conn) (newer int64, rows string, err error) {
	err = conn.QueryRow(ctx, c.query, c.began).Scan(&newer, &rows)
	return newer, rows, err
}

// learn looks at the template's catalogs. Its server may be of any release.
func (c *catalogs) learn(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, `
		SELECT pg_snapshot_xmax(pg_current_snapshot())::text, format(
			'SELECT sum(newer)::bigint, string_agg(of || '' '' || n, '','' ORDER BY of) FROM (%s) AS c',
			string_agg(format('SELECT %L AS of, count(*) AS n, count(*) FILTER (WHERE age(c.xmin) <= age(($1::text)::xid)) AS newer FROM %s AS c', c.relname, c.oid::regclass), ' UNION ALL ')
		)
		FROM pg_class AS c
		WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared AND c.relname <> 'pg_statistic'`,
	).Scan(&c.began, &c.query)
	if err == nil {
		_, c.rows, err = c.count(ctx, conn)
	}
	return err
}
