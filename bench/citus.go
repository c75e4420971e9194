package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// citusURL names the environment variable with a superuser's connection string for a coordinator of Citus, in whose database gapless is
// installed on all nodes. Its first one, two and four workers are measured, as far as there are so many.
const citusURL = "GAPLESS_CITUS_URL"

// citusLane is a place for rows, and how they get there.
type citusLane struct {
	label    string
	table    string
	direct   bool // to the workers where the rows are
	together int  // tenants in a transaction
}

// worker is a node of the cluster.
type worker struct {
	host string
	port uint16
}

// cluster is where Citus is measured.
type cluster struct {
	config  *pgx.ConnConfig
	owner   *pgx.Conn
	workers []worker
	series  string // what their names begin with, of this run alone
}

// overNodes measures tables that are distributed over one, two and four workers: with a series for each tenant and without numbers, through
// the coordinator and on the workers themselves, and transactions of one tenant and of two.
func overNodes(ctx context.Context, b *bench) (err error) {
	if os.Getenv(citusURL) == "" {
		b.progress("citus: left out, since %s names no coordinator", citusURL)
		return nil
	}
	c, err := findCluster(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.exec(ctx, "DROP SCHEMA IF EXISTS bench CASCADE"), c.owner.Close(ctx)) }()
	if err := c.exec(ctx, "DROP SCHEMA IF EXISTS bench CASCADE", "CREATE SCHEMA bench"); err != nil {
		return err
	}
	const callers = 64
	var sizes []int
	var lanes []lane
	var described []citusLane
	for _, size := range []int{1, 2, 4} {
		if size > len(c.workers) {
			break
		}
		sizes = append(sizes, size)
		numbered, plain := fmt.Sprintf("bench.numbered_%d", size), fmt.Sprintf("bench.plain_%d", size)
		if err := c.spread(ctx, size, numbered, plain); err != nil {
			return err
		}
		name := func(what string) string { return fmt.Sprintf("%s, %d workers", what, size) }
		described = append(described,
			citusLane{name("numbered"), numbered, false, 1}, citusLane{name("not numbered"), plain, false, 1},
			citusLane{name("numbered, on the worker"), numbered, true, 1}, citusLane{name("numbered, two tenants"), numbered, false, 2},
		)
	}
	for _, d := range described {
		l, err := c.lane(ctx, d, callers)
		if err != nil {
			return err
		}
		lanes = append(lanes, l)
	}
	all, err := b.takeRounds(ctx, "citus", func(ctx context.Context, warm bool) (map[string]float64, error) {
		slices.Reverse(lanes)
		samples, err := loadAll(ctx, lanes, callers, warmed(3*b.turn, warm))
		return rates(samples), err
	})
	if err != nil {
		return err
	}
	if err := c.check(ctx); err != nil {
		return err
	}
	t := table{head: []string{"workers", "transactions a second", "÷ one worker", "÷ not numbered", "on the worker itself ÷ through the coordinator", "of two tenants ÷ of one"}}
	for _, size := range sizes {
		name := func(what string) string { return fmt.Sprintf("%s, %d workers", what, size) }
		one := "numbered, 1 workers"
		t.add(strconv.Itoa(size), all.of(name("numbered")).String(), all.ratio(name("numbered"), one).String(), all.ratio(name("numbered"), name("not numbered")).String(),
			all.ratio(name("numbered, on the worker"), name("numbered")).String(), all.ratio(name("numbered, two tenants"), name("numbered")).String())
	}
	b.report.sections = append(b.report.sections, section{
		title: "Citus",
		text: fmt.Sprintf("%d callers, each with a tenant and a series of its own, insert a row a transaction. All nodes share this machine. With two tenants, a transaction has a row of its caller's and one of another's, the lower one first.",
			callers),
		table: t,
	})
	return nil
}

func findCluster(ctx context.Context) (*cluster, error) {
	config, err := pgx.ParseConfig(os.Getenv(citusURL))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", citusURL, err)
	}
	c := &cluster{config: config, series: fmt.Sprintf("bench/%d/", time.Now().Unix())}
	if c.owner, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, err
	}
	rows, err := c.owner.Query(ctx, "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid > 0 AND isactive AND noderole = 'primary' ORDER BY groupid")
	if err != nil {
		return nil, err
	}
	c.workers, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (w worker, err error) { return w, row.Scan(&w.host, &w.port) })
	if err == nil && len(c.workers) == 0 {
		err = errors.New("the coordinator has no workers")
	}
	return c, err
}

func (c *cluster) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := c.owner.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// spread makes two tables whose shards are on the first workers alone: the first one numbers itself.
func (c *cluster) spread(ctx context.Context, size int, numbered, plain string) error {
	for i, w := range c.workers {
		if _, err := c.owner.Exec(ctx, "SELECT citus_set_node_property($1, $2, 'shouldhaveshards', $3)", w.host, int(w.port), i < size); err != nil {
			return err
		}
	}
	for _, t := range []string{numbered, plain} {
		err := c.exec(ctx, "CREATE TABLE "+t+" (tenant int, id bigint GENERATED ALWAYS AS IDENTITY, number bigint, customer text, PRIMARY KEY (tenant, id), UNIQUE (tenant, number))",
			"SELECT create_distributed_table('"+t+"', 'tenant', shard_count => 16, colocate_with => 'none')")
		if err != nil {
			return err
		}
	}
	for _, w := range c.workers {
		if _, err := c.owner.Exec(ctx, "SELECT citus_set_node_property($1, $2, 'shouldhaveshards', true)", w.host, int(w.port)); err != nil {
			return err
		}
	}
	return c.exec(ctx, fmt.Sprintf("SELECT gapless.attach_gapless('%s', 'number', name => $$ '%s%d/' || NEW.tenant $$)", numbered, c.series, size))
}

// lane connects each caller for its turn alone, since so many connections at once are more than a server has.
func (c *cluster) lane(ctx context.Context, d citusLane, callers int) (lane, error) {
	configs := make([]*pgx.ConnConfig, callers)
	for tenant := range callers {
		configs[tenant] = c.config.Copy()
		if d.direct {
			const place = `SELECT n.nodename, n.nodeport
				FROM pg_dist_placement AS p
				JOIN pg_dist_node AS n USING (groupid)
				WHERE p.shardid = get_shard_id_for_distribution_column($1::text::regclass, $2::int)`
			if err := c.owner.QueryRow(ctx, place, d.table, tenant).Scan(&configs[tenant].Host, &configs[tenant].Port); err != nil {
				return lane{}, err
			}
			for _, f := range configs[tenant].Fallbacks { // with or without TLS
				f.Host, f.Port = configs[tenant].Host, configs[tenant].Port
			}
		}
	}
	conns := make([]*pgx.Conn, callers)
	insert := "INSERT INTO " + d.table + " (tenant, customer) VALUES ($1, $2)"
	return lane{
		contender: contender{label: d.label},
		before: func(ctx context.Context, callers int) (err error) {
			for caller := range callers {
				if conns[caller], err = pgx.ConnectConfig(ctx, configs[caller]); err != nil {
					return err
				}
			}
			return nil
		},
		after: func(ctx context.Context, callers int) (err error) {
			for _, conn := range conns[:callers] {
				err = errors.Join(err, conn.Close(ctx))
			}
			return err
		},
		transaction: func(ctx context.Context, caller int) error {
			if d.together == 1 {
				_, err := conns[caller].Exec(ctx, insert, caller, customer)
				return err
			}
			other := (caller + callers/2) % callers
			return pgx.BeginFunc(ctx, conns[caller], func(tx pgx.Tx) error {
				for _, tenant := range []int{min(caller, other), max(caller, other)} {
					if _, err := tx.Exec(ctx, insert, tenant, customer); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}, nil
}

// check has the audits of all nodes find nothing.
func (c *cluster) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var found, rows int64
	if err := c.owner.QueryRow(ctx, "SELECT count(*) FROM gapless.node_audit(pattern => $1) WHERE NOT explained", c.series+"%").Scan(&found); err != nil {
		return err
	}
	if err := c.owner.QueryRow(ctx, "SELECT count(*) FROM bench.numbered_1 WHERE number IS NOT NULL").Scan(&rows); err != nil {
		return err
	}
	if found != 0 || rows == 0 {
		return fmt.Errorf("the audits have %d findings, and %d rows have numbers", found, rows)
	}
	return nil
}
