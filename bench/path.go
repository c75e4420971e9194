package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// path takes the hot path apart: what each part of an allocation costs one client, what the statements inside the functions
// read, and what 64 callers wait for.
func path(ctx context.Context, b *bench) error {
	return errors.Join(b.parts(ctx), b.waits(ctx))
}

// part is a statement that does a part of what another one does.
type part struct {
	label string
	sql   string
	than  string // the part that it contains, so that the difference says what it adds
}

var (
	pathEarly    = attached("early", "INSERT into an attached column", false)
	pathAtCommit = attached("atcommit", "INSERT into an attached column, at_commit", true)
	pathValues   = byHand("values", "INSERT with `next_gapless` in VALUES")
)

// What an attached column has to do, bit by bit, by triggers that do no more than that.
var (
	pathTrigger  = imitation("trigger", "the same by a BEFORE trigger", "gapless.next_gapless('trigger')", "")
	pathLooked   = imitation("looked", "and an AFTER trigger looks at the rows", "gapless.next_gapless('looked')", "false")
	pathApart    = imitation("apart", "BEFORE finds the number, AFTER enters it", "public.find_number('apart')", "public.enter_number('apart', value)")
	pathVerified = imitation("verified", "and verifies that it is the next one", "public.find_number('verified')", "public.enter_verified('verified', value)")
)

// imitation is a column that a BEFORE trigger numbers; with enter, an AFTER trigger sees the rows that arrived.
func imitation(key, label, number, enter string) contender {
	c := attached(key, "INSERT: "+label, false)
	c.setUp = fmt.Sprintf(`SELECT gapless.adopt_gapless('%[1]s', 0);
		CREATE FUNCTION number_%[1]s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $function$
		BEGIN
			NEW.number := %[2]s;
			RETURN NEW;
		END $function$;
		CREATE TRIGGER number BEFORE INSERT ON invoice_%[1]s FOR EACH ROW EXECUTE FUNCTION number_%[1]s()`, key, number)
	if enter != "" {
		c.setUp += fmt.Sprintf(`;
		CREATE FUNCTION enter_%[1]s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $function$
		DECLARE
			value bigint;
			more  boolean;
		BEGIN
			SELECT i.number, EXISTS (SELECT FROM inserted OFFSET 1) INTO value, more FROM inserted AS i LIMIT 1;
			IF more OR %[2]s THEN
				RAISE 'this is for one row';
			END IF;
			RETURN NULL;
		END $function$;
		CREATE TRIGGER enter AFTER INSERT ON invoice_%[1]s REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION enter_%[1]s()`, key, enter)
	}
	return c
}

// imitated are the functions that imitations call. The last two return whether they have not entered the number.
var imitated = []string{
	imitatedFunction("find_number(name text)", "bigint", `DECLARE
			value bigint;
		BEGIN
			PERFORM FROM gapless.sequence_lock AS s WHERE s.name = find_number.name COLLATE "C" FOR NO KEY UPDATE;
			SELECT a.last_value + 1 INTO value FROM gapless.journal AS a WHERE a.name = find_number.name COLLATE "C" ORDER BY a.ordinal DESC LIMIT 1;
			RETURN value;
		END`),
	imitatedFunction("enter_number(name text, value bigint)", "boolean", `BEGIN
			INSERT INTO gapless.journal (name, ordinal, first_value, last_value)
			VALUES (enter_number.name, enter_number.value + 1, enter_number.value, enter_number.value);
			RETURN NOT FOUND;
		END`),
	imitatedFunction("enter_verified(name text, value bigint)", "boolean", `BEGIN
			INSERT INTO gapless.journal (name, ordinal, first_value, last_value)
			SELECT newest.name, newest.ordinal + 1, enter_verified.value, enter_verified.value
			FROM (
				SELECT a.name, a.ordinal, a.last_value FROM gapless.journal AS a WHERE a.name = enter_verified.name COLLATE "C" ORDER BY a.ordinal DESC LIMIT 1
			) AS newest
			WHERE newest.last_value + 1 = enter_verified.value;
			RETURN NOT FOUND;
		END`),
}

func imitatedFunction(signature, returns, body string) string {
	return fmt.Sprintf(`CREATE FUNCTION %s RETURNS %s LANGUAGE plpgsql SECURITY DEFINER AS $function$ %s $function$`, signature, returns, body)
}

// parts is in the order of the table. Sequence path is nobody else's, so that appending to its journal needs no lock here.
var parts = []part{
	{"a message: SELECT 1", "SELECT 1", ""},
	{"a transaction with an xid", "SELECT txid_current()", "a message: SELECT 1"},
	{"a PL/pgSQL function", "SELECT plain('path')", "a message: SELECT 1"},
	{"the same as SECURITY DEFINER", "SELECT definer('path')", "a PL/pgSQL function"},
	{"the same with two SET clauses", "SELECT settings('path')", "the same as SECURITY DEFINER"},
	{"the lock of the sequence's row", "SELECT FROM gapless.sequence_lock WHERE name = 'path' FOR NO KEY UPDATE", "a transaction with an xid"},
	{"the journal's newest row", newestRow, "a message: SELECT 1"},
	{"the append, which reads that row", `INSERT INTO gapless.journal (name, ordinal, first_value, last_value)
		SELECT a.name, a.ordinal + 1, a.last_value + 1, a.last_value + 1 FROM (` + newestRow + `) AS a`, "the journal's newest row"},
	{"next_gapless", "SELECT gapless.next_gapless('whole')", "the append, which reads that row"},
	{"INSERT with nextval()", strings.Replace(nextval.insertNext, "$1", "'x'", 1), "a transaction with an xid"},
	{pathValues.label, strings.Replace(pathValues.insertNext, "$1", "'x'", 1), "INSERT with nextval()"},
	{pathTrigger.label, strings.Replace(pathTrigger.insertNext, "$1", "'x'", 1), pathValues.label},
	{pathLooked.label, strings.Replace(pathLooked.insertNext, "$1", "'x'", 1), pathValues.label},
	{pathApart.label, strings.Replace(pathApart.insertNext, "$1", "'x'", 1), pathValues.label},
	{pathVerified.label, strings.Replace(pathVerified.insertNext, "$1", "'x'", 1), pathValues.label},
	{pathEarly.label, strings.Replace(pathEarly.insertNext, "$1", "'x'", 1), pathValues.label},
	{pathAtCommit.label, strings.Replace(pathAtCommit.insertNext, "$1", "'x'", 1), "INSERT with nextval()"},
	{"mark_gapless, for the outcome", "SELECT gapless.mark_gapless('11111111-1111-4111-8111-111111111111')", "a transaction with an xid"},
	{"flush_gapless, where nothing is flushed", "SELECT gapless.flush_gapless()", "a transaction with an xid"},
}

const newestRow = "SELECT name, ordinal, last_value FROM gapless.journal WHERE name = 'path' ORDER BY ordinal DESC LIMIT 1"

// parts measures them with one client and asynchronous commit, so that the disk says nothing.
func (b *bench) parts(ctx context.Context) (err error) {
	const each = 20
	s, err := b.newStage(ctx, pathTrigger, pathLooked, pathApart, pathVerified, pathEarly, pathAtCommit, pathValues, nextval)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()
	function := func(name, attributes string) string {
		return fmt.Sprintf("CREATE FUNCTION %s(name text) RETURNS bigint LANGUAGE plpgsql %s AS 'BEGIN RETURN 1; END'", name, attributes)
	}
	if err := s.exec(ctx, append(imitated,
		"SELECT gapless.next_gapless('path'), gapless.next_gapless('whole')",
		function("plain", ""), function("definer", "SECURITY DEFINER"),
		function("settings", "SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off"),
	)...); err != nil {
		return err
	}
	plans, err := s.plans(ctx)
	if err != nil {
		return err
	}
	byIndex := flush{noFlush.name, maps.Clone(noFlush.parameters)}
	byIndex.parameters["enable_seqscan"] = "off" // as the functions have it
	conns, err := s.connect(ctx, 1, byIndex)
	if err != nil {
		return err
	}
	var turns []turn
	for _, p := range parts {
		turns = append(turns, turn{p.label, each, func(ctx context.Context) error {
			for range each {
				rows, err := conns[0].Query(ctx, p.sql) // prepared; Exec has it planned each time when there are no arguments
				if err != nil {
					return fmt.Errorf("%s: %w", p.sql, err)
				}
				rows.Close()
				if rows.Err() != nil {
					return fmt.Errorf("%s: %w", p.sql, rows.Err())
				}
			}
			return nil
		}})
	}
	all, err := b.takeRounds(ctx, "the hot path's parts", func(ctx context.Context, warm bool) (map[string]float64, error) {
		return takeTurns(ctx, warmed(b.slice*time.Duration(len(parts)), warm), turns)
	})
	if err != nil {
		return err
	}

	microseconds := func(label string) func(map[string]float64) float64 {
		return func(rates map[string]float64) float64 { return 1e6 / rates[label] }
	}
	t := table{head: []string{"one message each, and its own transaction", "µs", "more than", "by µs"}}
	for _, p := range parts {
		more := "–"
		if p.than != "" {
			more = all.each(func(r map[string]float64) float64 { return microseconds(p.label)(r) - microseconds(p.than)(r) }).String()
		}
		t.add(p.label, all.each(microseconds(p.label)).String(), p.than, more)
	}
	b.report.sections = append(b.report.sections,
		section{title: "The hot path's parts", text: "One client, asynchronous commit. docs/hot-path.md says what follows from it.", table: t},
		section{title: "The statements inside next_gapless", text: plans})
	return nil
}

// plans are those of the statements that one call of next_gapless runs, as auto_explain sees them.
func (s *stage) plans(ctx context.Context) (string, error) {
	config, err := pgx.ParseConfig(s.database.URL)
	if err != nil {
		return "", err
	}
	var plans []string
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		if _, plan, found := strings.Cut(notice.Message, "plan:\n"); found {
			plans = append(plans, plan)
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LOAD 'auto_explain'"); err != nil {
		return fmt.Sprintf("This server has no auto_explain: %v", err), nil
	}
	if _, err := conn.Exec(ctx, `
		SELECT gapless.next_gapless('whole') FROM generate_series(1, 20);
		SET auto_explain.log_min_duration = 0;
		SET auto_explain.log_nested_statements = on;
		SET auto_explain.log_analyze = on;
		SET auto_explain.log_buffers = on;
		SET auto_explain.log_level = notice;
		SELECT gapless.next_gapless('whole')`); err != nil {
		return "", err
	}
	if len(plans) < 3 {
		return "", fmt.Errorf("auto_explain has shown %d statements of next_gapless: %q", len(plans), plans)
	}
	return "EXPLAIN (ANALYZE, BUFFERS) of one call, from the inside to the outside, by auto_explain:\n\n```\n" +
		strings.Join(plans, "\n\n") + "\n```", nil
}

// waits samples what the server's sessions wait for, while many callers commit.
func (b *bench) waits(ctx context.Context) (err error) {
	atCommit, groupCommit := groupAtCommit(workers), groupOf(4)
	s, err := b.newStage(ctx, strict, upsert, nextval, groupCommit, atCommit)
	if err != nil {
		return err
	}
	defer func() { err = s.finish(ctx, err) }()
	conns, err := s.connect(ctx, workers, diskFlush)
	if err != nil {
		return err
	}
	lanes := []lane{statementLane(strict, conns), statementLane(upsert, conns), statementLane(nextval, conns)}
	for _, c := range []struct {
		contender
		connections int
		do          func(*group) lane
	}{
		{groupCommit, 4, func(g *group) lane { return g.lane(roundTrips) }},
		{atCommit, workers, func(g *group) lane { return g.inTx(g.insertAndWork) }},
	} {
		g, err := s.newGroup(ctx, c.contender, c.connections, diskFlush)
		if err != nil {
			return err
		}
		lanes = append(lanes, c.do(g))
	}

	averages := map[string]map[string]float64{} // by event, by lane
	b.progress("what %d callers wait for", workers)
	for i, l := range lanes {
		if i == len(lanes)-1 {
			l.label += ", with work"
			lanes[i].label = l.label
		}
		loaded := make(chan error, 1)
		go func() {
			_, err := l.load(ctx, workers, b.slice*time.Duration(b.runs))
			loaded <- err
		}()
		seen, samples, err := s.sample(ctx, loaded)
		if err != nil {
			return err
		}
		for event, n := range seen {
			if averages[event] == nil {
				averages[event] = map[string]float64{}
			}
			averages[event][l.label] = float64(n) / float64(samples)
		}
	}
	t := table{head: []string{"sessions that are"}}
	for _, l := range lanes {
		t.head = append(t.head, l.label)
	}
	for _, event := range slices.Sorted(maps.Keys(averages)) {
		row, most := []string{event}, 0.0
		for _, l := range lanes {
			average := averages[event][l.label]
			row, most = append(row, fmt.Sprintf("%.1f", average)), max(most, average)
		}
		if most >= 0.1 {
			t.add(row...)
		}
	}
	b.report.sections = append(b.report.sections, section{
		title: "What sessions wait for",
		text: fmt.Sprintf("%d callers, %s: how many sessions were in each state on average, by pg_stat_activity. Those that are idle do not count; "+
			"`Client: ClientRead` is a transaction whose client has the word.", workers, diskFlush.name),
		table: t,
	})
	return nil
}

// sample counts what the other sessions wait for, again and again until the load is over.
func (s *stage) sample(ctx context.Context, loaded <-chan error) (seen map[string]int, samples int, err error) {
	seen = map[string]int{}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-loaded:
			return seen, max(samples, 1), err
		case <-ticker.C:
		}
		rows, err := s.owner.Query(ctx, `
			SELECT coalesce(wait_event_type || ': ' || wait_event, 'running or ready to run'), count(*)
			FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
			GROUP BY 1`)
		if err != nil {
			return nil, 0, errors.Join(err, <-loaded)
		}
		var event pgtype.Text
		var n int
		if _, err := pgx.ForEachRow(rows, []any{&event, &n}, func() error { seen[event.String] += n; return nil }); err != nil {
			return nil, 0, errors.Join(err, <-loaded)
		}
		samples++
	}
}
