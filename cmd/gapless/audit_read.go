package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/db"
)

// choice is what of a database is audited, and what of that is shown.
type choice struct {
	record                 bool // the audit, with the note
	note                   string
	name                   *string
	like, column           string
	unexplained, sinceLast bool
	from, until            time.Time // days, both of them in
}

// audit is what one snapshot of a database has, of what was chosen.
type audit struct {
	database, version     string
	nodes                 []string  // of Citus, on its coordinator
	alone                 bool      // on a node of Citus that is not
	at                    time.Time // the server's clock
	sessionUser, userName string    // who logged in, and as which role
	choice                *choice
	series                []seriesLine
	findings              []gapless.Finding
	leftOut               tally
}

// tally counts findings.
type tally struct {
	Findings    int `json:"findings"`
	Unexplained int `json:"unexplained"`
}

// seriesLine is a series that was audited, as `audit --json` prints it.
type seriesLine struct {
	Sequence       string     `json:"sequence"`
	AttachedColumn *string    `json:"attached_column"` // null: there is none, and only the journal was looked at
	FirstValue     *int64     `json:"first_value"`
	LastValue      *int64     `json:"last_value"`
	FirstText      *string    `json:"first_text"`
	LastText       *string    `json:"last_text"`
	Documents      quantity   `json:"documents"`
	Columns        columns    `json:"columns,omitempty"` // the documents of each, where several columns share the series
	Issued         quantity   `json:"issued"`
	Void           quantity   `json:"void"`
	Adopted        quantity   `json:"adopted"`
	Archived       quantity   `json:"archived"`
	Missing        quantity   `json:"missing"`
	AllocatedFrom  *time.Time `json:"allocated_from"`
	AllocatedUntil *time.Time `json:"allocated_until"`
	DatedFrom      *string    `json:"dated_from"` // of the documents, where the column has a chronology
	DatedUntil     *string    `json:"dated_until"`
}

type columns map[string]quantity

// quantity is a count. One that is past 2^63-1 stays there.
type quantity int64

func (q *quantity) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) && string(text) != "null" {
		return err
	}
	*q = quantity(n)
	return nil
}

func (q *quantity) add(n quantity) { *q += min(n, math.MaxInt64-*q) }

func newSeriesLine(f gapless.Finding) (seriesLine, error) {
	var line seriesLine
	if err := json.Unmarshal(f.Details, &line); err != nil {
		return line, fmt.Errorf("series %q: what was audited cannot be read: %w", f.Sequence, err)
	}
	line.Sequence, line.AttachedColumn = f.Sequence, given(f.AttachedColumn)
	line.FirstText, line.LastText = given(f.FirstText), given(f.LastText)
	if !f.Unreadable {
		line.FirstValue, line.LastValue = &f.FirstValue, &f.LastValue
	}
	line.AllocatedFrom, line.AllocatedUntil = inUTC(line.AllocatedFrom), inUTC(line.AllocatedUntil)
	return line, nil
}

func inUTC(t *time.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}

// errAgain undoes the record of an audit that is made again.
var errAgain = errors.New("changed meanwhile")

// readAudit reads it all in one statement, so that the series and the findings agree, and records it if that is asked for.
func readAudit(ctx context.Context, conn *pgx.Conn, c *choice, again bool) (*audit, error) {
	r := &audit{choice: c}
	options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadOnly, DeferrableMode: pgx.NotDeferrable}
	if c.record {
		options.AccessMode = pgx.ReadWrite
	}
	err := pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) error {
		params := db.RecordAuditParams{Name: c.name, Pattern: given(c.like), WithSeries: true, Note: given(c.note)}
		var table *uint32
		if c.column != "" { // by the session's search_path
			var err error
			if table, params.TargetColumn, err = findColumn(ctx, tx, c.column); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, plainTransaction+"; SET LOCAL TimeZone = 'UTC'"); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, "SELECT current_database(), current_setting('server_version'), clock_timestamp(), session_user, current_user, $1::oid::regclass::text", table).
			Scan(&r.database, &r.version, &r.at, &r.sessionUser, &r.userName, &params.Target)
		if err != nil {
			return err
		}
		if err := r.findNodes(ctx, tx); err != nil {
			return err
		}
		found, err := r.find(ctx, tx, params)
		if err != nil {
			return err
		}
		if err := r.take(found); err != nil {
			return err
		}
		if again && slices.ContainsFunc(r.findings, changedMeanwhile) {
			return errAgain
		}
		return nil
	})
	if errors.Is(err, errAgain) {
		return r, err
	}
	if err == nil && len(r.series) == 0 && len(r.findings) == 0 && r.leftOut.Findings == 0 {
		switch {
		case c.name != nil:
			err = noSuch(*c.name)
		case c.like != "":
			err = &failure{code: exitMissing, message: fmt.Sprintf("there is no sequence like %q", c.like), hint: "`gapless list` shows those that there are"}
		}
	}
	return r, err
}

// findNodes finds the nodes of Citus that are audited, where it is.
func (r *audit) findNodes(ctx context.Context, tx pgx.Tx) error {
	var citus, coordinates bool
	if err := tx.QueryRow(ctx, "SELECT pg_catalog.to_regclass('pg_catalog.pg_dist_node') IS NOT NULL").Scan(&citus); err != nil || !citus {
		return err
	}
	err := tx.QueryRow(ctx, `SELECT g.groupid = 0, ARRAY(SELECT pg_catalog.format('%s:%s', n.nodename, n.nodeport) FROM pg_catalog.pg_dist_node AS n WHERE n.noderole::text = 'primary' ORDER BY n.groupid)
		FROM pg_catalog.pg_dist_local_group AS g`).Scan(&coordinates, &r.nodes)
	if r.alone = !coordinates; r.alone {
		r.nodes = nil
	}
	if err == nil && len(r.nodes) > 0 && r.choice.record {
		err = &failure{code: exitUsage, message: "an audit of all nodes of Citus cannot be recorded: each node records its own", hint: "run `gapless audit --record` on each worker"}
	}
	return err
}

// where is the database, with the nodes that were audited.
func (r *audit) where() string {
	if len(r.nodes) == 0 {
		return r.database
	}
	return r.database + " on " + strings.Join(r.nodes, ", ")
}

// find finds what is to be said, and records it if that is asked for.
func (r *audit) find(ctx context.Context, tx pgx.Tx, params db.RecordAuditParams) ([]gapless.Finding, error) {
	var found []gapless.Finding
	if len(r.nodes) > 0 {
		rows, err := db.New(tx).NodeAudit(ctx, db.NodeAuditParams{
			Name: params.Name, Pattern: params.Pattern, Target: params.Target, TargetColumn: params.TargetColumn, WithSeries: params.WithSeries,
		})
		for _, row := range rows {
			found = append(found, gapless.Finding(row))
		}
		return found, err
	}
	if r.choice.record {
		rows, err := db.New(tx).RecordAudit(ctx, params)
		for _, row := range rows {
			found = append(found, gapless.Finding(row))
		}
		return found, err
	}
	rows, err := db.New(tx).Audit(ctx, db.AuditParams{
		Name: params.Name, Pattern: params.Pattern, Target: params.Target, TargetColumn: params.TargetColumn, WithSeries: params.WithSeries,
	})
	for _, row := range rows {
		found = append(found, gapless.Finding(row))
	}
	return found, err
}

// findColumn finds the table and the column that a text names.
func findColumn(ctx context.Context, tx pgx.Tx, text string) (table *uint32, column *string, err error) {
	var parts []string
	if err := tx.QueryRow(ctx, "SELECT pg_catalog.parse_ident($1)", text).Scan(&parts); err != nil {
		return nil, nil, err
	}
	if len(parts) < 2 {
		return nil, nil, usage(fmt.Sprintf("--column must be table.column, and is %q", text), "`gapless columns` shows those that there are")
	}
	last := len(parts) - 1
	name := pgx.Identifier(parts[:last]).Sanitize()
	err = tx.QueryRow(ctx, "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", name).Scan(&table)
	if err == nil && table == nil {
		err = &failure{code: exitMissing, message: "there is no table " + name, hint: "`gapless columns` shows those that there are"}
	}
	return table, &parts[last], err
}

// take keeps what was chosen of what the audit has found.
func (r *audit) take(found []gapless.Finding) error {
	shown := make(map[string]bool)
	for _, f := range found {
		switch {
		case f.Kind == "series":
			line, err := newSeriesLine(f)
			if err != nil {
				return err
			}
			r.series = append(r.series, line)
		case r.choice.has(f):
			r.findings = append(r.findings, f)
			shown[f.Sequence] = true
		default:
			r.leftOut.Findings++
			if !f.Explained {
				r.leftOut.Unexplained++
			}
		}
	}
	r.series = slices.DeleteFunc(r.series, func(s seriesLine) bool { return !shown[s.Sequence] && !r.choice.during(s) })
	return nil
}

// has says whether a finding was chosen. One that may be of the period is.
func (c *choice) has(f gapless.Finding) bool {
	switch {
	case c.unexplained && f.Explained && f.Kind != kindNotRead:
		return false
	case c.sinceLast && !f.RecordedAt.IsZero() && f.Kind != kindNotRead:
		return false
	case f.AllocatedAt.IsZero():
		return true
	}
	return !f.AllocatedAt.Before(c.from) && (c.until.IsZero() || f.AllocatedAt.Before(c.until.AddDate(0, 0, 1)))
}

// during says whether numbers of a series may have been allocated in the period, or documents may be dated then.
func (c *choice) during(s seriesLine) bool {
	from, until := c.from.Format(time.DateOnly), "9999-12-31"
	if !c.until.IsZero() {
		until = c.until.Format(time.DateOnly)
	}
	if s.AllocatedFrom == nil || s.AllocatedUntil == nil {
		return true
	}
	if s.AllocatedFrom.Format(time.DateOnly) <= until && from <= s.AllocatedUntil.Format(time.DateOnly) {
		return true
	}
	return s.DatedFrom != nil && s.DatedUntil != nil && dayOf(*s.DatedFrom) <= until && from <= dayOf(*s.DatedUntil)
}

// dayOf is the day of a time as SQL or JSON writes it.
func dayOf(stamp string) string {
	if len(stamp) > len(time.DateOnly) && stamp[4] == '-' {
		return stamp[:len(time.DateOnly)]
	}
	return stamp
}

const kindNotRead = "not read"

// verdict is what an audit comes to.
type verdict string

const (
	verdictSound       verdict = "sound"
	verdictExplained   verdict = "explained"
	verdictUnexplained verdict = "not explained"
	verdictNotRead     verdict = "not read"
	verdictAgain       verdict = "audit again"
)

func (v verdict) sound() bool { return v == verdictSound || v == verdictExplained }

func (v verdict) hint() string {
	switch v {
	case verdictNotRead:
		return "the explanations say what to do"
	case verdictAgain:
		return "audit again"
	default:
		return "`gapless void` explains a number that was cancelled"
	}
}

// verdict is the worst that was found. What was not read is never sound.
func (r *audit) verdict() verdict {
	v := verdictSound
	for _, f := range r.findings {
		switch {
		case f.Kind != kindNotRead && !f.Explained:
			return verdictUnexplained
		case f.Kind == kindNotRead && !f.Explained:
			v = verdictNotRead
		case f.Kind == kindNotRead && v != verdictNotRead:
			v = verdictAgain
		case v == verdictSound:
			v = verdictExplained
		}
	}
	return v
}

// counts are what an audit has, in numbers.
type counts struct {
	series, unattached             int // names, and of these those without a column
	documents                      quantity
	findings, unexplained, notRead int // findings without those that say what was not read
}

func (r *audit) counts() (n counts) {
	names := make(map[string]bool)
	for _, s := range r.series {
		names[s.Sequence] = true
		n.documents += s.Documents
		if s.AttachedColumn == nil {
			n.unattached++
		}
	}
	n.series = len(names)
	for _, f := range r.findings {
		switch {
		case f.Kind == kindNotRead:
			n.notRead++
			continue
		case !f.Explained:
			n.unexplained++
		}
		n.findings++
	}
	return n
}

// summary is the audit in one line.
func (r *audit) summary() string {
	n := r.counts()
	in := " in " + count(n.series, "sequence")
	if n.documents > 0 {
		in += ", " + count(int(n.documents), "document")
	}
	if len(r.nodes) > 0 {
		in += ", on " + count(len(r.nodes), "node")
	} else if r.alone {
		in += ", on this node of Citus alone"
	}
	if n.unattached > 0 {
		in += fmt.Sprintf(" (%s without a column: there, only the journal was looked at)", thousands(int64(n.unattached)))
	}
	if n.notRead > 0 {
		in += "; " + thousands(int64(n.notRead)) + " could not be read"
	}
	if r.leftOut.Findings > 0 {
		in += fmt.Sprintf("; left out: %s, %s not explained", count(r.leftOut.Findings, "finding"), thousands(int64(r.leftOut.Unexplained)))
	}
	switch {
	case r.verdict() == verdictNotRead || r.verdict() == verdictAgain:
		return "incomplete: " + count(n.findings, "finding") + in
	case n.findings == 0:
		return "no finding" + in
	case n.unexplained == 0:
		return "every finding explained: " + count(n.findings, "finding") + in
	}
	return fmt.Sprintf("%s not explained of %s%s", thousands(int64(n.unexplained)), count(n.findings, "finding"), in)
}

func count(n int, of string) string { return thousands(int64(n)) + " " + of + plural(n) }
