package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless/db"
	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/migrate"
)

// granted is what `grant --json` and `revoke --json` print.
type granted struct {
	Role    string `json:"role"`
	Granted bool   `json:"granted"`
}

func (a *app) newGrant() *cobra.Command {
	return a.jsonFlag(a.command(&cobra.Command{
		Use:   "grant",
		Short: "Give an application's role what it needs",
		Long: `Give a role what an application needs: to take numbers, to see the views, and to learn what became of a lost
COMMIT. A role that only inserts into attached tables needs nothing. The role "public" is everyone. Repeat
it after an upgrade. The rights to void, close, adopt, audit, … are granted one by one, in SQL.`,
		Example: "  gapless grant app",
	}, []string{"ROLE"}, func(ctx context.Context, args []string) error {
		return a.setRights(ctx, args[0], true, "role %q may take numbers")
	}))
}

func (a *app) newRevoke() *cobra.Command {
	return a.jsonFlag(a.command(&cobra.Command{
		Use:     "revoke",
		Short:   "Take from a role what grant gave it",
		Long:    "Take from a role what `gapless grant` gave it. What it has by another role, or by public, it keeps.",
		Example: "  gapless revoke app",
	}, []string{"ROLE"}, func(ctx context.Context, args []string) error {
		return a.setRights(ctx, args[0], false, "role %q has no rights of its own to gapless any more")
	}))
}

func (a *app) setRights(ctx context.Context, role string, give bool, text string) error {
	return a.withConn(ctx, func(conn *pgx.Conn) error {
		var p patience
		err := p.inTx(ctx, conn, func(tx pgx.Tx) error {
			if give {
				return db.New(tx).GrantGapless(ctx, role)
			}
			return db.New(tx).RevokeGapless(ctx, role)
		})
		if err != nil {
			return err
		}
		return a.printDone(granted{role, give}, fmt.Sprintf(text, role))
	})
}

// pruned is what `prune --json` prints.
type pruned struct {
	Before    time.Time        `json:"before"`
	DryRun    bool             `json:"dry_run"`
	Dropped   int64            `json:"dropped"`
	Sequences []prunedSequence `json:"sequences"`
}

type prunedSequence struct {
	Name    string `json:"name"`
	Dropped int64  `json:"dropped"`
}

// pruning is what the arguments and flags of prune ask for.
type pruning struct {
	patience
	name, like        *string
	before, olderThan string
	pattern           string
	yes, dryRun       bool
}

const pruneLong = `Drop rows of the journal that were written before a time, of a sequence, of those that --like chooses, or
of all. Nothing is taken from the numbering, nor from the audit: what is dropped is who took a number, and
when. It cannot be taken back.

It counts first, and asks on the terminal; where there is none, --yes is needed. --dry-run counts only.
Each sequence is locked meanwhile, one after the other, and those who want its numbers wait. To be kind to them,
prune a year at a time, the oldest first.`

func (a *app) newPrune() *cobra.Command {
	var p pruning
	cmd := &cobra.Command{
		Use:     "prune",
		Short:   "Drop old rows of the journal, after asking",
		Long:    pruneLong,
		Example: "  gapless prune --older-than '10 years' --dry-run\n  gapless prune --like 'invoice/2015%' --before 2016-01-01 --yes",
	}
	a.command(cmd, []string{"[NAME]"}, func(ctx context.Context, args []string) error {
		switch {
		case (p.before == "") == (p.olderThan == ""):
			return usage("prune takes --before or --older-than", "such as --older-than '10 years'")
		case len(args) == 1 && cmd.Flags().Changed("like"):
			return usage("NAME and --like cannot be given together", "")
		case len(args) == 1:
			p.name = &args[0]
		case cmd.Flags().Changed("like"):
			p.like = &p.pattern
		}
		return a.prune(ctx, &p)
	})
	flags := cmd.Flags()
	flags.StringVar(&p.before, "before", "", "what was written before this `time`, as 2016-01-01")
	flags.StringVar(&p.olderThan, "older-than", "", "what is older than this `interval`, as '10 years'")
	flags.StringVar(&p.pattern, "like", "", "the sequences whose names are like this `pattern`, as LIKE has it")
	flags.BoolVar(&p.yes, "yes", false, "do not ask")
	flags.BoolVar(&p.dryRun, "dry-run", false, "count only")
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

// prune counts, asks for as long as that takes without a connection, and does it.
func (a *app) prune(ctx context.Context, p *pruning) error {
	if !p.yes && !p.dryRun && !a.terminal(a.stdin) {
		return usage("nothing is pruned: standard input is no terminal, so nobody can be asked", "pass --yes to prune unasked, or --dry-run to count")
	}
	if !p.yes {
		counted, err := a.pruneAll(ctx, p, true)
		if err != nil {
			return err
		}
		if p.dryRun || counted.Dropped == 0 {
			counted.DryRun = p.dryRun
			return a.printPruned(counted)
		}
		question := fmt.Sprintf("%s of the journal would be dropped, of %s: who took which number then, and when. That cannot be taken back. Drop them? [y/N] ",
			count(int(counted.Dropped), "row"), count(len(counted.Sequences), "sequence"))
		if err := a.confirm(ctx, question, "nothing is pruned"); err != nil {
			return err
		}
	}
	done, err := a.pruneAll(ctx, p, false)
	if err != nil {
		if done != nil && done.Dropped > 0 {
			a.note("pruned before that: %s of %s", count(int(done.Dropped), "row"), count(len(done.Sequences), "sequence"))
		}
		return err
	}
	return a.printPruned(done)
}

// pruneAll prunes each sequence in a transaction of its own, or counts and rolls it back.
func (a *app) pruneAll(ctx context.Context, p *pruning, dryRun bool) (result *pruned, err error) {
	err = a.withConn(ctx, func(conn *pgx.Conn) error {
		result = &pruned{DryRun: dryRun, Sequences: []prunedSequence{}}
		names, err := p.find(ctx, conn, result)
		if err != nil {
			return err
		}
		for _, name := range names {
			var dropped int64
			err := p.inTx(ctx, conn, func(tx pgx.Tx) (err error) {
				dropped, err = db.New(tx).PruneGapless(ctx, db.PruneGaplessParams{Name: name, Before: result.Before})
				if err == nil && dryRun {
					err = errDryRun
				}
				return err
			})
			if err != nil && !errors.Is(err, errDryRun) {
				return client.Wrap(name, err)
			}
			if dropped > 0 {
				result.Dropped += dropped
				result.Sequences = append(result.Sequences, prunedSequence{name, dropped})
			}
		}
		return nil
	})
	return result, err
}

// find reads the time and the sequences that are meant.
func (p *pruning) find(ctx context.Context, conn *pgx.Conn, result *pruned) ([]string, error) {
	return readOn(ctx, conn, func(tx pgx.Tx) ([]string, error) {
		err := tx.QueryRow(ctx, "SELECT coalesce(nullif($1, '')::timestamptz, now() - nullif($2, '')::interval)", p.before, p.olderThan).Scan(&result.Before)
		if err != nil {
			return nil, err
		}
		rows, err := tx.Query(ctx, `SELECT s.name FROM gapless.sequences AS s
			WHERE (s.name = $1 OR $1 IS NULL) AND (s.name LIKE $2 OR $2 IS NULL) ORDER BY s.name`, p.name, p.like)
		if err != nil {
			return nil, err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		switch {
		case err != nil:
			return nil, err
		case len(names) == 0 && p.name != nil:
			return nil, noSuch(*p.name)
		case len(names) == 0 && p.like != nil:
			return nil, &failure{code: exitMissing, message: fmt.Sprintf("there is no sequence like %q", *p.like), hint: "`gapless list` shows those that there are"}
		}
		return names, nil
	})
}

func (a *app) printPruned(p *pruned) error {
	if len(p.Sequences) == 0 && !a.json {
		a.note("the journal has no row from before %s that can go", moment(p.Before))
		return nil
	}
	rows := [][]string{{"NAME", "DROPPED"}}
	if p.DryRun {
		rows[0][1] = "WOULD BE DROPPED"
	}
	for _, s := range p.Sequences {
		rows = append(rows, []string{cell(s.Name), strconv.FormatInt(s.Dropped, 10)})
	}
	return a.printTable(p, []int{1}, rows, "")
}

// outcomeOf is what `outcome --json` prints.
type outcomeOf struct {
	Token   string `json:"token"`
	TXID    int64  `json:"txid"`
	Outcome string `json:"outcome"` // committed, lost or unknown
}

func (a *app) newOutcome() *cobra.Command {
	var p patience
	cmd := a.command(&cobra.Command{
		Use:   "outcome",
		Short: "Tell what became of a transaction whose COMMIT was not answered",
		Long: `Tell what became of a transaction that was marked with a token, by mark_gapless, which returned the TXID:
  committed  it is durable, too
  lost       it was rolled back: run it again
  unknown    look for its rows, by a key of your own
It waits while the transaction is still running. Ask the primary.`,
		Example: "  gapless outcome 6f1d2c1e-6f0a-4a57-9d07-3c1f2a1b0c9d 742",
	}, []string{"TOKEN", "TXID"}, func(ctx context.Context, args []string) error {
		txid, err := wholeNumber("TXID", args[1])
		if err != nil {
			return err
		}
		return a.withConn(ctx, func(conn *pgx.Conn) error {
			result := outcomeOf{Token: args[0], TXID: txid}
			err := p.inTx(ctx, conn, func(tx pgx.Tx) error {
				return tx.QueryRow(ctx, "SELECT gapless.outcome_gapless($1::text::uuid, $2)", args[0], txid).Scan(&result.Outcome)
			}, readCommitted)
			if err == nil && result.Outcome == "committed" { // a row that is seen need not be durable yet
				err = p.inTx(ctx, conn, func(tx pgx.Tx) error { return db.New(tx).FlushGapless(ctx, &txid) }, readCommitted)
			}
			if err != nil {
				return err
			}
			return a.print(result, result.Outcome)
		})
	})
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

// uninstalled is what `uninstall --json` prints.
type uninstalled struct {
	Database    string   `json:"database"`
	Uninstalled bool     `json:"uninstalled"`
	Columns     []string `json:"columns"` // that are attached
	Sequences   int64    `json:"sequences"`
	Journal     int64    `json:"journal_rows"`
	Voids       int64    `json:"voids"`
	Decisions   int64    `json:"decisions"`
	Audits      int64    `json:"recorded_audits"`
	Workers     []string `json:"workers,omitempty"` // of Citus, whose sequences and so on are counted, too

	distributed []distributed
}

const uninstallLong = `Take gapless out of the database: detach every column, and drop schema gapless. Rows and their numbers stay.
What gapless keeps of them does not: where each sequence stands, who took which number, what was void, closed
or audited, and why. Only a backup brings that back.

Without DATABASE it changes nothing, and says what would go. With the name of the database that it is connected to
it does so, after asking on the terminal; where there is none, --yes is needed. It is one transaction. What else in
the database needs the schema it names, and changes nothing then.

On a coordinator of Citus it goes to every node: it detaches the columns of distributed tables, uninstalls on the
workers, and then on the coordinator. If a worker cannot be reached, nothing is changed. What fails later can be repeated.`

func (a *app) newUninstall() *cobra.Command {
	var p patience
	var yes bool
	cmd := a.command(&cobra.Command{
		Use:     "uninstall",
		Short:   "Take gapless out of the database, after asking",
		Long:    uninstallLong,
		Example: "  gapless uninstall\n  gapless uninstall billing --yes",
	}, []string{"[DATABASE]"}, func(ctx context.Context, args []string) error {
		return a.uninstall(ctx, &p, args, yes)
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

func (a *app) uninstall(ctx context.Context, p *patience, args []string, yes bool) error {
	var going uninstalled
	err := a.withConn(ctx, func(conn *pgx.Conn) (err error) {
		going, err = whatGoes(ctx, conn)
		return err
	})
	switch {
	case err != nil:
		return err
	case len(args) == 0:
		return a.print(going, going.text("would be detached", "would be dropped")+"\nTo do it: gapless uninstall "+going.Database)
	case args[0] != going.Database:
		return usage(fmt.Sprintf("nothing is uninstalled: the database is %s, and not %s", going.Database, args[0]), "")
	case !yes && !a.terminal(a.stdin):
		return usage("nothing is uninstalled: standard input is no terminal, so nobody can be asked", "pass --yes to uninstall unasked")
	case !yes:
		a.note("%s", going.text("is detached", "is dropped"))
		if err := a.confirm(ctx, "Take gapless out of database "+cell(going.Database)+"? [y/N] ", "nothing is uninstalled"); err != nil {
			return err
		}
	}
	err = a.withConn(ctx, func(conn *pgx.Conn) error {
		if err := uninstallWorkers(ctx, conn, &going); err != nil {
			return err
		}
		return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			// BEGIN itself would fail on a standby, and then pgx closes the connection.
			if _, err := tx.Exec(ctx, "SET TRANSACTION READ WRITE"); err != nil {
				return err
			}
			if err := p.limit(ctx, tx); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, migrate.Uninstall())
			return ofColumn(err)
		})
	})
	if err != nil {
		return err
	}
	going.Uninstalled = true
	return a.printDone(going, "gapless is not in database "+cell(going.Database)+" any more; rows and their numbers stay")
}

// uninstallWorkers detaches what has shards, and takes gapless from the workers.
func uninstallWorkers(ctx context.Context, conn *pgx.Conn, going *uninstalled) error {
	if len(going.Workers) == 0 {
		return nil
	}
	for _, c := range going.distributed {
		if _, err := conn.Exec(ctx, "SELECT gapless.detach_gapless($1::text::regclass, $2)", c.Table, c.Column); err != nil {
			return ofColumn(err)
		}
	}
	workers, err := migrate.UninstallWorkers(ctx, conn)
	if err != nil {
		return err
	}
	for _, w := range workers {
		if w.Err != nil {
			return &failure{code: exitFailure, message: "node " + w.Address() + ": " + w.Err.Error(), hint: "the coordinator has gapless still: mend that, and repeat it"}
		}
	}
	return nil
}

// ofWorkers adds what goes from the workers of Citus.
func (u *uninstalled) ofWorkers(ctx context.Context, conn *pgx.Conn) error {
	workers, err := migrate.StatusWorkers(ctx, conn)
	if err != nil || len(workers) == 0 {
		return err
	}
	rows, err := conn.Query(ctx, "SELECT DISTINCT s.table_name, s.column_name::text FROM gapless.node_shards() AS s ORDER BY 1, 2")
	if err != nil {
		return err
	}
	if u.distributed, err = pgx.CollectRows(rows, pgx.RowToStructByPos[distributed]); err != nil {
		return err
	}
	for _, c := range u.distributed {
		u.Columns = append(u.Columns, c.Table+"."+c.Column)
	}
	for _, w := range workers {
		if w.Err != nil {
			return &failure{code: exitFailure, message: "nothing is uninstalled: node " + w.Address() + ": " + w.Err.Error()}
		}
		u.Workers = append(u.Workers, w.Address())
		if w.Version.Current == 0 {
			continue
		}
		var there string
		if err := conn.QueryRow(ctx, "SELECT gapless.on_node($1, $2, $3)", w.Host, w.Port, `SELECT pg_catalog.json_build_object(
			'sequences', (SELECT count(*) FROM gapless.sequence_lock), 'journal_rows', (SELECT count(*) FROM gapless.journal),
			'voids', (SELECT count(*) FROM gapless.void), 'decisions', (SELECT count(*) FROM gapless.decision),
			'recorded_audits', (SELECT count(*) FROM gapless.audits))`).Scan(&there); err != nil {
			return err
		}
		var more uninstalled
		if err := json.Unmarshal([]byte(there), &more); err != nil {
			return err
		}
		u.Sequences += more.Sequences
		u.Journal += more.Journal
		u.Voids += more.Voids
		u.Decisions += more.Decisions
		u.Audits += more.Audits
	}
	return nil
}

// distributed is a column of a table that Citus distributes.
type distributed struct{ Table, Column string }

// whatGoes reads what an uninstall takes away.
func whatGoes(ctx context.Context, conn *pgx.Conn) (going uninstalled, err error) {
	version, err := migrate.Status(ctx, conn)
	if err != nil {
		return going, err
	}
	if version.Current == 0 {
		return going, &failure{code: exitMissing, message: "gapless is not installed in this database"}
	}
	going, err = readOn(ctx, conn, func(tx pgx.Tx) (uninstalled, error) {
		err := tx.QueryRow(ctx, `SELECT pg_catalog.current_database()::text,
			ARRAY(SELECT c.table_name || '.' || c.column_name FROM gapless.columns AS c ORDER BY 1),
			(SELECT count(*) FROM gapless.sequence_lock), (SELECT count(*) FROM gapless.journal), (SELECT count(*) FROM gapless.void),
			(SELECT count(*) FROM gapless.decision), (SELECT count(*) FROM gapless.audits)`).Scan(
			&going.Database, &going.Columns, &going.Sequences, &going.Journal, &going.Voids, &going.Decisions, &going.Audits)
		return going, err
	})
	if err != nil {
		return going, err
	}
	return going, going.ofWorkers(ctx, conn)
}

func (u *uninstalled) text(detached, dropped string) string {
	if len(u.Workers) > 0 {
		dropped += " on the coordinator and on " + strings.Join(u.Workers, ", ")
	}
	lines := make([]string, 0, len(u.Columns)+1)
	for _, c := range u.Columns {
		lines = append(lines, fmt.Sprintf("column %s %s; its numbers stay", cell(c), detached))
	}
	return strings.Join(append(lines, fmt.Sprintf("schema gapless %s, with %s, %s of the journal, %s, %s and %s", dropped,
		count(int(u.Sequences), "sequence"), count(int(u.Journal), "row"), count(int(u.Voids), "void number"), count(int(u.Decisions), "decision"),
		count(int(u.Audits), "recorded audit"))), "\n")
}
