package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"

	gaplesssql "github.com/pggapless/gapless/sql"
)

// Worker is another server that a coordinator of Citus has.
type Worker struct {
	Host string // as the coordinator reaches it
	Port int

	Version Version
	Err     error // why Version is not known, if it is not: [ErrInactive], or what the coordinator was told
}

// ErrInactive is the error of a worker that the coordinator leaves alone: citus_disable_node has disabled it, or nothing has activated it.
var ErrInactive = errors.New("the node is not active")

// Address is the worker's host and port.
func (w Worker) Address() string { return address(w.Host, w.Port) }

func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// StatusWorkers tells where the workers stand if the database is one of Citus's coordinator, which asks them; else it returns none. It
// is [Status] in all else.
func StatusWorkers[C Conn](ctx context.Context, conn C) (workers []Worker, err error) {
	err = withSession(ctx, conn, func(s session) error {
		workers, err = statusWorkers(ctx, s)
		return err
	})
	return workers, err
}

func statusWorkers(ctx context.Context, s session) ([]Worker, error) {
	steps, err := Steps()
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	answers, err := onWorkers(ctx, s, "SELECT pg_catalog.json_build_object('current', ("+gaplesssql.Version+"), 'missing', ("+gaplesssql.Missing(steps)+"), 'extension', ("+gaplesssql.IsExtension+"))")
	if err != nil {
		return nil, err
	}
	workers := make([]Worker, len(answers))
	for i, a := range answers {
		w := Worker{Host: a.Host, Port: a.Port, Version: Version{Latest: int32(len(steps))}, Err: a.err()}
		if w.Err == nil {
			w.Err = json.Unmarshal([]byte(a.Result), &w.Version)
			w.Version.Missing = append([]string(nil), w.Version.Missing...) // nil where it is empty
		}
		workers[i] = w
	}
	return workers, nil
}

// UninstallWorkers takes gapless away from the workers of Citus, each in a transaction of its own, where the database is a coordinator.
// It returns them, with the error of each that refused. Detach the columns of distributed tables first, and uninstall on the
// coordinator last.
func UninstallWorkers[C Conn](ctx context.Context, conn C) (workers []Worker, err error) {
	err = withSession(ctx, conn, func(s session) error {
		answers, err := onWorkers(ctx, s, Uninstall())
		for _, a := range answers {
			workers = append(workers, Worker{Host: a.Host, Port: a.Port, Err: a.err()})
		}
		return err
	})
	return workers, err
}

// answer is what a worker says to a command.
type answer struct {
	Host    string
	Port    int
	Active  bool
	Success bool
	Result  string // an error, too
}

func (a answer) address() string { return address(a.Host, a.Port) }

func (a answer) err() error {
	switch {
	case !a.Active:
		return ErrInactive
	case !a.Success:
		return errors.New(strings.TrimPrefix(a.Result, "ERROR:  "))
	}
	return nil
}

// onWorkers has each worker run a command that gives one value, in a transaction of its own, if this is a coordinator.
func onWorkers(ctx context.Context, s session, command string) ([]answer, error) {
	inside, err := s.inTransaction(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	h := s.handle()
	if !inside {
		tx, err := begin(ctx, s, "READ ONLY") // which waits for nobody, whatever the session's defaults are
		if err != nil {
			return nil, err
		}
		defer tx.rollback(ctx)
		h = tx
	}
	var yes bool
	for _, condition := range []string{
		"SELECT pg_catalog.to_regclass('pg_catalog.pg_dist_node') IS NOT NULL",
		"SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_node WHERE groupid OPERATOR(pg_catalog.<>) 0) AND (SELECT groupid OPERATOR(pg_catalog.=) 0 FROM pg_catalog.pg_dist_local_group)",
	} {
		if err := h.scan(ctx, condition, &yes); err != nil {
			return nil, fmt.Errorf("migrate: looking for workers of Citus: %w", err)
		}
		if !yes {
			return nil, nil
		}
	}
	var text string
	err = h.scan(ctx, `SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_object(
			'host', n.nodename, 'port', n.nodeport, 'active', n.isactive, 'success', r.success, 'result', r.result
		) ORDER BY n.groupid)::pg_catalog.text, '[]')
		FROM pg_catalog.pg_dist_node AS n
		LEFT JOIN pg_catalog.run_command_on_workers($gapless_workers$`+command+`$gapless_workers$) AS r
			ON r.nodename OPERATOR(pg_catalog.=) n.nodename AND r.nodeport OPERATOR(pg_catalog.=) n.nodeport
		WHERE n.groupid OPERATOR(pg_catalog.<>) 0 AND n.noderole OPERATOR(pg_catalog.=) 'primary'`, &text)
	if err != nil {
		return nil, fmt.Errorf("migrate: asking the workers of Citus: %w", err)
	}
	var answers []answer
	if err := json.Unmarshal([]byte(text), &answers); err != nil {
		return nil, fmt.Errorf("migrate: asking the workers of Citus: %w", err)
	}
	return answers, nil
}

// upWorkers migrates the active workers, if each can be reached, and the coordinator can be migrated.
func upWorkers(ctx context.Context, s session, steps []Step, migrations fs.FS) error {
	workers, err := statusWorkers(ctx, s)
	if err != nil || len(workers) == 0 {
		return err
	}
	for _, w := range workers {
		switch {
		case errors.Is(w.Err, ErrInactive):
		case w.Err != nil:
			return fmt.Errorf("migrate: nothing is changed on any node: node %s: %w", w.Address(), w.Err)
		case int(w.Version.Current) > len(steps):
			return fmt.Errorf("migrate: node %s: %w: it is at version %d, and this one ends at %d", w.Address(), ErrNewer, w.Version.Current, len(steps))
		}
	}
	if err := check(ctx, s, steps); err != nil {
		return err
	}
	script, err := gaplesssql.ScriptOf(migrations)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	answers, err := onWorkers(ctx, s, script)
	if err != nil {
		return err
	}
	done := "no worker"
	var failed []error
	for _, a := range answers {
		switch err := a.err(); {
		case errors.Is(err, ErrInactive):
		case err != nil:
			failed = append(failed, fmt.Errorf("node %s: %w", a.address(), err))
		case done == "no worker":
			done = a.address()
		default:
			done += ", " + a.address()
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("migrate: %s is done, the coordinator is as it was, and the rest failed: %w", done, errors.Join(failed...))
	}
	return nil
}

// check refuses what [upOnce] would, before anything is done on other nodes.
func check(ctx context.Context, s session, steps []Step) error {
	tx, err := begin(ctx, s, "READ WRITE")
	if err != nil {
		return err
	}
	defer tx.rollback(ctx)
	_, err = prepare(ctx, tx, steps)
	return err
}
