// Package citustest gives tests a database on every node of a Citus cluster that runs already.
//
// GAPLESS_CITUS_URL is a superuser's connection string for any database of the cluster's coordinator that has the
// extension. The workers follow from its pg_dist_node; they are reached under these names with the same user, password
// and options. Without the variable the tests are skipped.
//
// A process that is killed leaves its databases behind, named gapless_test_… on every node.
package citustest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/pggapless/gapless/internal/connstring"
	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/sql"
)

const variable = "GAPLESS_CITUS_URL"

// Node is a test's database on one server.
type Node struct {
	*pgtest.Database
	Host string // and Port: as in pg_dist_node
	Port uint16
}

// Cluster is a test's database on each server, which have the same name.
type Cluster struct {
	Name        string
	Coordinator Node
	Workers     []Node // at least two, by their group
}

// Nodes are the coordinator, and then the workers.
func (c *Cluster) Nodes() []Node { return append([]Node{c.Coordinator}, c.Workers...) }

// suite is what [Main] has prepared.
var suite struct {
	given     *Cluster // the databases that the variable names
	empty     *Cluster // has Citus
	installed *Cluster // has gapless, too
	lock      *pgx.Conn
}

// locked is by the key of the lock that suites of tests share, on the coordinator.
const locked = "(pg_catalog.hashtextextended('gapless citustest', 0))"

// Alone is for a test that stops servers, which is none of those in parallel: it waits until no other package's tests use the cluster, and
// keeps others waiting until the test ends.
func Alone(t testing.TB) {
	t.Helper()
	Want(t)
	exchange := func(ctx context.Context, from, to string) {
		t.Helper()
		if _, err := suite.lock.Exec(ctx, "SELECT pg_catalog.pg_advisory_unlock"+from+locked); err != nil {
			t.Fatal(err)
		}
		if _, err := suite.lock.Exec(ctx, "SELECT pg_catalog.pg_advisory_lock"+to+locked); err != nil {
			t.Fatal(err)
		}
	}
	exchange(t.Context(), "_shared", "")
	t.Cleanup(func() { exchange(context.WithoutCancel(t.Context()), "", "_shared") })
}

// Main is for TestMain. It prepares what [New] and [NewEmpty] copy, runs the tests and exits with their code.
func Main(m *testing.M) { os.Exit(Around(m).Run()) }

// Around is [Main] for a package whose tests need another server, too:
//
//	pgtest.Main(citustest.Around(m), pgtest.Install)
func Around(m interface{ Run() int }) interface{ Run() int } { return runner(m.Run) }

type runner func() int

// Run runs the tests between what comes before and after them, and returns their code.
func (run runner) Run() int {
	code := 1
	err := prepare(context.Background())
	if err == nil {
		code = run()
	}
	if err = errors.Join(err, end(context.Background())); err != nil {
		fmt.Fprintln(os.Stderr, "citustest:", err)
		code = 1
	}
	return code
}

// Want skips the test where there is no Citus. [New] does so, too.
func Want(t testing.TB) {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skipf("there is no Citus: %s names no coordinator", variable)
	}
}

// New has the test a database on each node, with Citus and gapless in it. They are dropped when it ends.
func New(t testing.TB) *Cluster {
	t.Helper()
	return copied(t, suite.installed)
}

// NewEmpty is [New] without gapless.
func NewEmpty(t testing.TB) *Cluster {
	t.Helper()
	return copied(t, suite.empty)
}

// Connect returns a session on the coordinator.
func (c *Cluster) Connect(t testing.TB, configure ...func(*pgx.ConnConfig)) sqltest.Session {
	t.Helper()
	return c.Coordinator.Connect(t, configure...)
}

// Pool is one of connections to the coordinator.
func (c *Cluster) Pool(t testing.TB, configure ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	return c.Coordinator.Pool(t, configure...)
}

// Connect returns a session on the node.
func (n Node) Connect(t testing.TB, configure ...func(*pgx.ConnConfig)) sqltest.Session {
	t.Helper()
	return sqltest.Connect(t, n.Database, configure...)
}

// Through has the nodes reach a worker through a proxy from now on, which has no TLS.
func (c *Cluster) Through(t *testing.T, worker Node) *pgproxy.Proxy {
	t.Helper()
	if *sqltest.Value[bool](c.Connect(t), "SELECT current_setting('citus.node_conninfo') ~ 'sslmode=(require|verify)'") {
		t.Fatal("the nodes speak TLS with each other alone: ALTER SYSTEM SET citus.node_conninfo = 'sslmode=prefer' on each lets a test cut their connections")
	}
	proxy := pgproxy.New(t, worker.URL)
	config, err := pgx.ParseConfig(proxy.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.Connect(t).Do(`SELECT citus_update_node((SELECT nodeid FROM pg_dist_node WHERE nodename = $1 AND nodeport = $2), $3, $4)`,
		worker.Host, int(worker.Port), config.Host, int(config.Port))
	return proxy
}

// Outside returns a session in another database of the node's server.
func (n Node) Outside(t testing.TB) sqltest.Session {
	t.Helper()
	for _, given := range suite.given.Nodes() {
		if given.Host == n.Host && given.Port == n.Port {
			return given.Connect(t)
		}
	}
	t.Fatalf("there is no node %s:%d", n.Host, n.Port)
	panic("unreachable")
}

// Move has Citus move a shard from one worker to another, in one of its modes. Those that move by a slot it names by the nodes and the
// user, and not by the database: so one of them at a time.
func (c *Cluster) Move(ctx context.Context, shard int64, from, to Node, mode string) error {
	if mode != "block_writes" {
		lock, err := suite.given.Coordinator.connect(ctx)
		if err != nil {
			return err
		}
		defer lock.Close(context.WithoutCancel(ctx))
		if _, err = lock.Exec(ctx, "SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('gapless citustest slots', 0))"); err != nil {
			return err
		}
	}
	conn, err := pgx.Connect(ctx, c.Coordinator.URL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "SELECT citus_move_shard_placement($1, $2, $3, $4, $5, $6::citus.shard_transfer_mode)", shard, from.Host, int(from.Port), to.Host, int(to.Port), mode)
	return err
}

func copied(t testing.TB, template *Cluster) *Cluster {
	t.Helper()
	Want(t)
	if template == nil {
		t.Fatal("citustest has prepared nothing for this package; call citustest.Main from its TestMain")
	}
	cluster, err := suite.given.create(t.Context(), template.Name)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := cluster.drop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

// prepare makes the two templates.
func prepare(ctx context.Context) error {
	address := os.Getenv(variable)
	if address == "" {
		return nil
	}
	var err error
	if suite.given, err = find(ctx, address); err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	if suite.lock, err = suite.given.Coordinator.connect(ctx); err != nil {
		return err
	}
	if _, err = suite.lock.Exec(ctx, "SELECT pg_catalog.pg_advisory_lock_shared"+locked); err != nil {
		return err
	}
	if suite.empty, err = suite.given.create(ctx, ""); err != nil {
		return err
	}
	if err := suite.empty.join(ctx); err != nil {
		return err
	}
	if err := suite.empty.close(ctx); err != nil {
		return err
	}
	if suite.installed, err = suite.given.create(ctx, suite.empty.Name); err != nil {
		return err
	}
	script, err := sql.Script()
	if err != nil {
		return err
	}
	if err := suite.installed.onEach(ctx, script); err != nil {
		return err
	}
	return suite.installed.close(ctx)
}

func end(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, template := range []*Cluster{suite.installed, suite.empty} {
		if template != nil {
			err = errors.Join(err, template.drop(ctx))
		}
	}
	if suite.lock != nil {
		err = errors.Join(err, suite.lock.Close(ctx))
	}
	return err
}

// find reads which nodes there are, and looks whether they are as the tests need them.
func find(ctx context.Context, address string) (*Cluster, error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	config := conn.Config()
	c := &Cluster{Name: config.Database, Coordinator: Node{&pgtest.Database{Name: config.Database, URL: address}, config.Host, config.Port}}
	rows, _ := conn.Query(ctx, `SELECT nodename, nodeport, groupid FROM pg_catalog.pg_dist_node WHERE isactive AND noderole = 'primary' ORDER BY groupid`)
	var host string
	var port uint16
	var group int
	_, err = pgx.ForEachRow(rows, []any{&host, &port, &group}, func() error {
		if group == 0 {
			c.Coordinator.Host, c.Coordinator.Port = host, port
			return nil
		}
		url, err := connstring.WithHost(address, host, port)
		c.Workers = append(c.Workers, Node{&pgtest.Database{Name: config.Database, URL: url}, host, port})
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(c.Workers) < 2 {
		return nil, fmt.Errorf("its coordinator has %d workers, and two are needed: citus_add_node adds them", len(c.Workers))
	}
	const fit = `SELECT current_setting('server_version_num')::int >= 150000 AND current_setting('wal_level') = 'logical' AND current_setting('max_prepared_transactions')::int > 0`
	for _, node := range c.Nodes() {
		var fits bool
		switch err := node.query(ctx, fit, &fits); {
		case err != nil:
			return nil, err
		case !fits:
			return nil, fmt.Errorf("node %s:%d is not PostgreSQL 15 or newer with wal_level = logical and max_prepared_transactions", node.Host, node.Port)
		}
	}
	return c, nil
}

// create makes a database on each node, as a copy of one. What it returns is to be dropped even if there was an error.
func (c *Cluster) create(ctx context.Context, template string) (*Cluster, error) {
	made := &Cluster{Name: "gapless_test_" + strings.ToLower(rand.Text()[:16])}
	statement := "CREATE DATABASE " + pgx.Identifier{made.Name}.Sanitize()
	if template != "" {
		statement += " TEMPLATE " + pgx.Identifier{template}.Sanitize() + " STRATEGY file_copy"
	}
	for i, node := range c.Nodes() {
		url, err := connstring.WithDatabase(node.URL, made.Name)
		if err != nil {
			return made, err
		}
		node.Database = &pgtest.Database{Name: made.Name, URL: url}
		if i == 0 {
			made.Coordinator = node
		} else {
			made.Workers = append(made.Workers, node)
		}
	}
	return made, c.onEach(ctx, statement)
}

// drop is run from the given databases. It goes on while Citus's own sessions and prepared transactions are in the way.
func (c *Cluster) drop(ctx context.Context) error {
	const rollback = `SELECT coalesce(string_agg(pg_catalog.format('ROLLBACK PREPARED %L', gid), ';'), '') FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()`
	for {
		err := suite.given.onEach(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{c.Name}.Sanitize()+" WITH (FORCE)")
		if err == nil || ctx.Err() != nil {
			return err
		}
		for _, node := range c.Nodes() {
			var statements string
			if node.query(ctx, rollback, &statements) == nil {
				_ = node.execute(ctx, statements) // Citus may be doing the same
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// join makes the databases those of one cluster.
func (c *Cluster) join(ctx context.Context) error {
	if err := c.onEach(ctx, "CREATE EXTENSION citus"); err != nil {
		return err
	}
	if err := c.Coordinator.execute(ctx, fmt.Sprintf("SELECT citus_set_coordinator_host('%s', %d)", c.Coordinator.Host, c.Coordinator.Port)); err != nil {
		return err
	}
	for _, worker := range c.Workers {
		if err := c.Coordinator.execute(ctx, fmt.Sprintf("SELECT citus_add_node('%s', %d)", worker.Host, worker.Port)); err != nil {
			return err
		}
	}
	return nil
}

// close makes templates of the databases: nobody gets in, and Citus's maintenance daemon goes.
func (c *Cluster) close(ctx context.Context) error {
	name := pgx.Identifier{c.Name}.Sanitize()
	if err := suite.given.onEach(ctx, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false"); err != nil {
		return err
	}
	return suite.given.onEach(ctx, "SELECT pg_catalog.pg_terminate_backend(pid, 10000) FROM pg_catalog.pg_stat_activity WHERE datname = '"+c.Name+"'")
}

func (c *Cluster) onEach(ctx context.Context, statements string) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, node := range c.Nodes() {
		group.Go(func() error { return node.execute(ctx, statements) })
	}
	return group.Wait()
}

// execute runs statements that Citus must not run on other nodes, too.
func (n Node) execute(ctx context.Context, statements string) error {
	conn, err := n.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err = conn.Exec(ctx, statements); err != nil {
		return fmt.Errorf("node %s:%d: %w", n.Host, n.Port, err)
	}
	return nil
}

func (n Node) query(ctx context.Context, query string, value any) error {
	conn, err := n.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return conn.QueryRow(ctx, query).Scan(value)
}

func (n Node) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(n.URL)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["citus.enable_ddl_propagation"] = "off"
	config.RuntimeParams["citus.enable_create_database_propagation"] = "off"
	return pgx.ConnectConfig(ctx, config)
}
