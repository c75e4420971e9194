package histories_test

// The clients. Each runs one plan after the other, and writes down what it knows.

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/retry"
	"github.com/pggapless/gapless/internal/sqltest"
)

// client runs a plan, and records what it saw and how that ended. An error is one that nothing in the plan explains.
type client interface {
	run(ctx context.Context, p plan, r *record) error
}

// Each step that has an effect leaves rows behind, in its transaction: with ids that were taken under the sequence's lock,
// since FROM is evaluated before the row that is inserted.
const (
	createEntries = `CREATE TABLE public.entry (
		sequence text NOT NULL,
		key text NOT NULL,
		kind text NOT NULL,
		value bigint,
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
	);

	-- An id of its own would be taken before the lock: there the value says what came first.
	CREATE TABLE public.numbered (key text NOT NULL, value bigint UNIQUE, hash bytea, previous_hash bytea);
	CREATE TABLE public.numbered_as_text (key text NOT NULL, value text UNIQUE);
	CREATE TABLE public.numbered_at_commit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL, value bigint UNIQUE);
	SELECT gapless.attach_gapless('public.numbered', 'value', name => $$ 'rows' $$, chain => $$ sha256(convert_to(concat_ws('|', NEW.value, NEW.key, NEW.previous_hash), 'UTF8')) $$),
		gapless.attach_gapless('public.numbered_as_text', 'value', name => $$ 'rows as texts' $$,
			format => $$ 'R24' || lpad(value::text, greatest(3, length(value::text)), '0') $$),
		gapless.attach_gapless('public.numbered_at_commit', 'value', name => $$ 'rows at commit' $$, at_commit => true);
	-- Granted in parts, of which one follows on another.
	SELECT gapless.range_gapless(g.name, g.first, coalesce(lead(g.first) OVER (PARTITION BY g.name ORDER BY g.first) - 1, 1000000), 'a grant')
	FROM (
		SELECT n.name, v.first
		FROM (VALUES ('rows'), ('rows at commit'), ('rows moving/2'), ('plain')) AS n (name), generate_series(1, 50, 7) AS v (first)
	) AS g
	ORDER BY g.name, g.first;

	-- Lines of whatever drafts there are keep nobody from issuing them.
	CREATE TABLE public.draft (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text, value bigint);
	CREATE UNIQUE INDEX ON public.draft (value) WHERE value IS NOT NULL;
	CREATE TABLE public.line (draft bigint NOT NULL REFERENCES public.draft);
	SELECT gapless.attach_gapless('public.draft', 'value', name => $$ 'rows of drafts' $$, condition => 'NEW.key IS NOT NULL');
	CREATE FUNCTION public.issue_drafts(key text, size bigint) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.draft (key) SELECT NULL FROM generate_series(1, size);
		INSERT INTO public.line SELECT d.id FROM public.draft AS d ORDER BY random() LIMIT 4;
		RETURN QUERY
		WITH chosen AS (
			SELECT d.id FROM public.draft AS d WHERE d.value IS NULL ORDER BY d.id LIMIT size FOR NO KEY UPDATE SKIP LOCKED
		), issued AS (
			UPDATE public.draft AS d SET key = issue_drafts.key FROM chosen AS c WHERE d.id = c.id RETURNING d.value
		)
		SELECT i.value FROM issued AS i ORDER BY i.value;
	END $$;

	-- Rows that leave, all but the first one, so that there is one for each archive; and the newest.
	CREATE TABLE public.gone (sequence text NOT NULL, key text NOT NULL, value bigint NOT NULL, leaver text NOT NULL, UNIQUE (sequence, value));
	CREATE FUNCTION public.leave(name text, key text) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
	DECLARE
		last CONSTANT bigint := gapless.last_gapless(name);
	BEGIN
		IF last IS NULL THEN
			RETURN;
		END IF;
		PERFORM gapless.archive_gapless(name, last, key);
		IF name = 'rows' THEN
			WITH gone AS (DELETE FROM public.numbered AS n WHERE n.value > 1 AND n.value < last RETURNING n.key, n.value)
			INSERT INTO public.gone SELECT leave.name, g.key, g.value, leave.key FROM gone AS g;
		ELSE
			WITH gone AS (
				DELETE FROM public.numbered_as_text AS n
				WHERE substr(n.value, 4)::bigint > 1 AND substr(n.value, 4)::bigint < last
				RETURNING n.key, substr(n.value, 4)::bigint
			)
			INSERT INTO public.gone SELECT leave.name, g.key, g.substr, leave.key FROM gone AS g;
		END IF;
		RETURN NEXT last;
	END $$;

	-- Rows that move from one series to the other one.
	CREATE TABLE public.moving (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, series int NOT NULL, key text NOT NULL, value bigint, UNIQUE (series, value));
	CREATE TABLE public.moved (sequence text NOT NULL, key text NOT NULL, value bigint NOT NULL, goal text NOT NULL, became bigint NOT NULL);
	SELECT gapless.attach_gapless('public.moving', 'value', name => $$ 'rows moving/' || NEW.series $$, moves => true);
	CREATE FUNCTION public.move(goal text, key text) RETURNS SETOF bigint LANGUAGE sql AS $$
		WITH chosen AS (
			SELECT m.* FROM public.moving AS m WHERE 'rows moving/' || m.series <> goal ORDER BY m.id LIMIT 1 FOR UPDATE SKIP LOCKED
		), done AS (
			UPDATE public.moving AS m SET series = right(goal, 1)::int, value = DEFAULT, key = move.key FROM chosen AS c WHERE m.id = c.id RETURNING m.value
		)
		INSERT INTO public.moved SELECT 'rows moving/' || c.series, c.key, c.value, goal, d.value FROM chosen AS c, done AS d RETURNING became
	$$;

	-- Which transaction had each batch of Send.
	CREATE TABLE public.sent (key text NOT NULL, txid bigint NOT NULL DEFAULT txid_current());

	CREATE VIEW public.entries AS
	SELECT sequence, key, kind, value, id FROM public.entry
	UNION ALL
	SELECT 'rows', key, 'issue', value, value FROM public.numbered
	UNION ALL
	SELECT 'rows as texts', key, 'issue', substr(value, 4)::bigint, substr(value, 4)::bigint FROM public.numbered_as_text
	UNION ALL
	SELECT 'rows at commit', key, 'issue', value, value FROM public.numbered_at_commit
	UNION ALL
	SELECT sequence, key, 'issue', value, value FROM public.gone
	UNION ALL
	SELECT 'rows moving/' || series, key, 'issue', value, value FROM public.moving
	UNION ALL
	SELECT sequence, key, 'issue', value, value FROM public.moved
	UNION ALL
	SELECT 'rows of drafts', key, 'issue', value, value FROM public.draft WHERE key IS NOT NULL`
	issueRows         = "INSERT INTO public.numbered (key) SELECT $1 FROM generate_series(1, $2) RETURNING value"
	issueTexts        = "INSERT INTO public.numbered_as_text (key) SELECT $1 FROM generate_series(1, $2) RETURNING pg_catalog.substr(value, 4)::bigint"
	issueRowsAtCommit = "INSERT INTO public.numbered_at_commit (key) SELECT $1 FROM generate_series(1, $2) RETURNING 0"
	issueDrafts       = "SELECT public.issue_drafts($1, $2)"
	issueMoving       = "INSERT INTO public.moving (key, series) SELECT $1, pg_catalog.right($3, 1)::int FROM generate_series(1, $2) RETURNING value"
	haveLeave         = "SELECT public.leave($1, $2)"
	haveMove          = "SELECT public.move($1, $2)"
	issueEntry        = `INSERT INTO public.entry (sequence, key, kind, value)
		SELECT $1, $2::text, 'issue', v FROM gapless.next_gapless($1, $3, $4, $5) AS v
		RETURNING value`
	issueEntries = `INSERT INTO public.entry (sequence, key, kind, value)
		SELECT $1, $2::text, 'issue', v FROM gapless.next_gapless_batch($1, $6, $3, $4, $5) AS v
		RETURNING value`
	adoptEntry = `INSERT INTO public.entry (sequence, key, kind, value)
		SELECT $1, $2::text, 'adopt', $3 FROM (
			SELECT CASE WHEN $3 % 3 = 0 THEN concat(gapless.close_gapless($1, 'to open it'), gapless.open_gapless($1, 'again')) END OFFSET 0
		) AS closed (opened) CROSS JOIN LATERAL (
			SELECT CASE WHEN $3 % 2 = 0 THEN gapless.adopt_gapless($1, $3)::text ELSE gapless.forward_gapless($1, $3, concat('closed at ', opened))::text END OFFSET 0
		) AS moved (done) WHERE done IS NOT NULL`
	forgetEntry = `INSERT INTO public.entry (sequence, key, kind)
		SELECT $1, $2::text, 'delete' FROM gapless.delete_gapless($1) AS existed WHERE existed`
	liveEntry = `INSERT INTO public.entry (sequence, key, kind, value)
		SELECT $1, $2::text, 'live', v FROM gapless.go_live_gapless($1, 'the tests are over') AS v
		RETURNING value`
	enter = `INSERT INTO public.entry (sequence, key, kind, value)
		SELECT $1::text, $2::text, $3::text, v FROM unnest($4::bigint[]) AS v`
)

// statement issues what the step is to, and enters it.
func (s step) statement(key string) (statement string, arguments []any) {
	switch s.series.column {
	case atInsert:
		return issueRows, []any{key, s.size}
	case asText:
		return issueTexts, []any{key, s.size}
	case atCommit:
		return issueRowsAtCommit, []any{key, s.size}
	case asDraft:
		return issueDrafts, []any{key, s.size}
	case moving:
		return issueMoving, []any{key, s.size, s.series.name}
	case sharded:
		return "INSERT INTO public.spread (tenant, key) VALUES ($1, $2)" + strings.Repeat(", ($1, $2)", s.size-1) + " RETURNING value", []any{tenantOf(s.series), key}
	case called:
	}
	var reset *int64
	if s.series.reset != 0 {
		reset = &s.series.reset
	}
	arguments = []any{s.series.name, key, s.series.initial, reset, s.nowait}
	if s.size == 1 {
		return issueEntry, arguments
	}
	return issueEntries, append(arguments, s.size)
}

// takeAll takes the steps of a plan.
func takeAll(p plan, r *record, execute func(statement string) error, take func(s step) (result, error)) error {
	for i, s := range p.steps {
		if p.first(i) {
			if err := execute("savepoint undone"); err != nil {
				return err
			}
		}
		taken, err := take(s)
		if refused := isRefused(err); err == nil || refused {
			taken.step, taken.ok = s, taken.ok && !refused
			r.saw(taken)
		}
		if err != nil && (!s.undone || !isRefused(err)) {
			return fmt.Errorf("%s of %s: %w", s.kind, s.series.name, err)
		}
		if p.last(i) {
			if err := execute("rollback to savepoint undone"); err != nil {
				return err
			}
		}
	}
	return nil
}

// saw notes a result, and when it came.
func (r *record) saw(a result) {
	if a.kind == issue && a.series.column == atCommit {
		a.values, a.unseen = nil, true
	}
	r.taken = append(r.taken, taken{a, r.now()})
}

// isRefused reports whether the sequence was past what was to be adopted, or is live.
func isRefused(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "55000" && (pgErr.ConstraintName == "adopt_forward" || pgErr.ConstraintName == "gapless_live")
}

var errAsked = errors.New("this one is to be rolled back")

// unexpected is the error, unless it is one that a plan can end with.
func unexpected(err error) error {
	var pgErr *pgconn.PgError
	switch {
	case err == nil, errors.Is(err, errAsked), isRefused(err), errors.Is(err, retry.ErrLost):
		return nil // the last is that of the last attempt, of which it was found out
	case errors.As(err, &pgErr) && expectedCodes[pgErr.Code]:
		return nil
	}
	return err
}

var expectedCodes = map[string]bool{
	"40001": true, // serialization_failure
	"40P01": true, // deadlock_detected
	"55P03": true, // lock_not_available, of nowait
}

var errOutage = errors.New("the server is away")

// isOutage reports whether the error can be that there was no server, or not yet, or not any more.
func isOutage(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return strings.HasPrefix(pgErr.Code, "57P")
	}
	for _, other := range []error{errRows, errTold, errWaits, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, other) {
			return false
		}
	}
	return err != nil
}

// answered reports whether a failed COMMIT is known to have been a rollback. (What pgconn.SafeToRetry says is wrong when the
// connection breaks while the answer is read.)
func answered(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.SeverityUnlocalized == "ERROR"
}

// plain is a client with a connection and SQL. Where the answer to COMMIT is lost, it does not know the outcome.
type plain struct {
	url      string
	settings map[string]string
	conn     *pgx.Conn

	// Mistakes that a client can make.
	early      bool      // takes a COMMIT that was sent for one that was done
	autocommit *pgx.Conn // takes its numbers there, outside of the transaction
}

func (c *plain) run(ctx context.Context, p plan, r *record) error {
	r.outcome = rolledBack
	if c.conn == nil || c.conn.IsClosed() {
		if err := c.connect(ctx); err != nil {
			return err
		}
	}
	execute := func(statement string) error {
		_, err := c.conn.Exec(ctx, statement)
		return err
	}
	err := execute("begin isolation level " + string(p.isolation))
	if err == nil {
		err = takeAll(p, r, execute, func(s step) (result, error) { return c.take(ctx, s, p.key) })
	}
	if err == nil && p.ending == rollBack {
		err = errAsked
	}
	if err != nil {
		if !c.conn.IsClosed() {
			_ = execute("rollback") // if it fails, the connection has gone, and the server rolls back
		}
		return unexpected(err)
	}
	tag, err := c.conn.Exec(ctx, "commit /* "+string(p.ending)+" */")
	switch {
	case c.early || err == nil && tag.String() == "COMMIT":
		r.outcome = committed
	case err == nil:
		return fmt.Errorf("%w: COMMIT was answered with %s", errTold, tag)
	case answered(err):
		return unexpected(fmt.Errorf("COMMIT: %w", err))
	default:
		r.outcome = unknown
	}
	return nil
}

func (c *plain) connect(ctx context.Context) error {
	config, err := pgx.ParseConfig(c.url)
	if err != nil {
		return err
	}
	for name, value := range c.settings {
		config.RuntimeParams[name] = value
	}
	c.conn, err = pgx.ConnectConfig(ctx, config)
	return err
}

func (c *plain) take(ctx context.Context, s step, key string) (taken result, err error) {
	taken.ok = true
	switch s.kind {
	case issue:
		if c.autocommit != nil && s.series.column == called {
			return c.takeOutside(ctx, s, key)
		}
		statement, arguments := s.statement(key)
		rows, _ := c.conn.Query(ctx, statement, arguments...)
		taken.values, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	case adopt:
		_, err = c.conn.Exec(ctx, adoptEntry, s.series.name, key, s.target)
	case forget:
		var tag pgconn.CommandTag
		tag, err = c.conn.Exec(ctx, forgetEntry, s.series.name, key)
		taken.ok = tag.RowsAffected() == 1
	case live, archive, move:
		statement, arguments := s.query(key)
		rows, _ := c.conn.Query(ctx, statement, arguments...)
		err = taken.read(pgx.CollectRows(rows, pgx.RowTo[*int64]))
	case look:
		var newest *int64
		newest, err = c.look(ctx, s.series)
		if taken.ok = newest != nil; taken.ok {
			taken.values = []int64{*newest}
		}
	}
	return taken, err
}

// read is for what a query of a step returns: a row, unless it had no effect.
func (r *result) read(values []*int64, err error) error {
	r.ok = len(values) > 0
	for _, value := range values {
		if value != nil { // of the last test there may be none
			r.values = append(r.values, *value)
		}
	}
	return err
}

// takeOutside allocates in autocommit, and writes the rows in the transaction.
func (c *plain) takeOutside(ctx context.Context, s step, key string) (taken result, err error) {
	_, arguments := s.statement(key)
	rows, _ := c.autocommit.Query(ctx, "SELECT v FROM gapless.next_gapless_batch($1, $5, $2, $3, $4) AS v",
		arguments[0], arguments[2], arguments[3], arguments[4], s.size)
	if taken.values, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err == nil {
		_, err = c.conn.Exec(ctx, enter, s.series.name, key, s.kind, taken.values)
	}
	taken.ok = true
	return taken, err
}

// look reads the newest value. Whoever sees a value sees every one before it: so the rows that it sees together with the
// newest value must be all that lead there.
func (c *plain) look(ctx context.Context, of series) (newest *int64, err error) {
	query, argument := `SELECT newest.v, e.kind, e.value
		FROM gapless.last_gapless($1) AS newest (v)
		LEFT JOIN public.entries AS e ON e.sequence = $1
		ORDER BY e.id`, any(of.name)
	if of.column == sharded { // its node alone has the counter
		query, argument = "SELECT max(e.value) OVER (), 'issue', e.value FROM public.spread AS e WHERE e.tenant = $1 ORDER BY e.value", tenantOf(of)
	}
	rows, _ := c.conn.Query(ctx, query, argument)
	var seen counter
	var entryKind *kind
	var value *int64
	_, err = pgx.ForEachRow(rows, []any{&newest, &entryKind, &value}, func() error {
		if entryKind == nil {
			return nil // there is none
		}
		after, possible := seen.after(entryResult(of, *entryKind, value))
		if !possible {
			return fmt.Errorf("%w: %s: after %v somebody saw %v", errRows, of.name, seen, entry{Kind: *entryKind, Value: value})
		}
		seen = after
		return nil
	})
	if saw := counterAt(newest); err == nil && saw != seen.value() {
		err = fmt.Errorf("%w: %s: somebody saw the newest value %v, and rows up to %v", errRows, of.name, saw, seen)
	}
	return newest, err
}

// entryResult is what a row says.
func entryResult(of series, k kind, value *int64) result {
	r := result{step: step{series: of, kind: k, size: 1}, ok: true}
	switch {
	case k == live && value != nil:
		r.values = []int64{*value}
	case value == nil:
	case k == adopt:
		r.target = *value
	default:
		r.values = []int64{*value}
	}
	return r
}

// library is a client of the Go package, which finds outcomes out.
type library struct {
	inTx     sqltest.InTx
	together bool // the last value is sent for together with COMMIT
}

func (c *library) run(ctx context.Context, p plan, r *record) error {
	err := c.inTx(ctx, func(tx pgx.Tx) error {
		r.taken = nil // an attempt before has had no effect
		now, last := p, p.steps[len(p.steps)-1]
		together := c.together && last.kind == issue && !last.undone && p.ending != rollBack
		if together {
			now.steps = p.steps[:len(p.steps)-1]
		}
		err := takeAll(now, r, func(statement string) error {
			_, err := tx.Exec(ctx, statement)
			return err
		}, func(s step) (result, error) { return c.take(ctx, tx, s, p.key) })
		switch {
		case err != nil:
			return err
		case p.ending == rollBack:
			return errAsked
		case together:
			statement, arguments := last.statement(p.key)
			sqltest.CommitBatch(tx).Queue(statement, arguments...).Query(func(rows pgx.Rows) error {
				values, err := pgx.CollectRows(rows, pgx.RowTo[int64])
				if err == nil {
					r.saw(result{step: last, values: values, ok: true})
				}
				return err
			})
		}
		return nil
	}, gapless.WithIsolation(p.isolation))
	if found := r.found(err); r.outcome == rolledBack {
		return found
	}
	if i := len(r.taken); i < len(p.steps) { // the answer of the last one was lost with COMMIT's
		r.saw(result{step: p.steps[i], unseen: true, ok: true})
	}
	return nil
}

// found notes the outcome that an InTx found out.
func (r *record) found(err error) error {
	switch {
	case err == nil:
		r.outcome = committed
	case errors.Is(err, gapless.ErrCommitted):
		r.outcome, r.unread = committed, true
	case errors.Is(err, gapless.ErrOutcomeUnknown):
		r.outcome = unknown
	default:
		r.outcome = rolledBack
		return unexpected(err)
	}
	return nil
}

func (c *library) take(ctx context.Context, tx pgx.Tx, s step, key string) (taken result, err error) {
	opts := []gapless.SequenceOption{gapless.WithInitial(s.series.initial)}
	if s.series.reset != 0 {
		opts = append(opts, gapless.WithReset(s.series.reset))
	}
	sequence := gapless.NewSequence(s.series.name, opts...)
	entries := []*int64{nil}
	taken.ok = true
	if s.kind == issue && s.series.column != called {
		statement, arguments := s.statement(key)
		rows, _ := tx.Query(ctx, statement, arguments...)
		taken.values, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return taken, err
	}
	switch s.kind {
	case issue:
		one, many := sequence.Next, sequence.NextBatch
		if s.nowait {
			one, many = sequence.TryNext, sequence.TryNextBatch
		}
		if s.size == 1 {
			taken.values = make([]int64, 1)
			taken.values[0], err = one(ctx, tx)
		} else {
			taken.values, err = many(ctx, tx, int64(s.size))
		}
		entries = nil
		for _, value := range taken.values {
			entries = append(entries, &value)
		}
	case adopt:
		err = sequence.Adopt(ctx, tx, s.target)
		entries = []*int64{&s.target}
	case forget:
		taken.ok, err = sequence.Delete(ctx, tx)
	case live:
		var last int64
		var some bool
		last, some, err = sequence.GoLive(ctx, tx, "the tests are over")
		if some {
			taken.values, entries = []int64{last}, []*int64{&last}
		}
	case archive, move:
		statement, arguments := s.query(key)
		rows, _ := tx.Query(ctx, statement, arguments...)
		return taken, taken.read(pgx.CollectRows(rows, pgx.RowTo[*int64]))
	case look:
		var newest int64
		newest, taken.ok, err = sequence.Last(ctx, tx)
		taken.values = []int64{newest}
	}
	if err == nil && s.kind != look && taken.ok {
		_, err = tx.Exec(ctx, enter, s.series.name, key, s.kind, entries)
	}
	return taken, err
}

// database is a client of package stdlib, of its InTx or its group committer's, with SQL in its transactions.
type database struct {
	inTx func(ctx context.Context, fn func(tx *sql.Tx) error, opts ...gapless.TxOption) error
}

func (c *database) run(ctx context.Context, p plan, r *record) error {
	return r.found(c.inTx(ctx, func(tx *sql.Tx) error {
		r.taken = nil
		err := takeAll(p, r, func(statement string) error {
			_, err := tx.ExecContext(ctx, statement)
			return err
		}, func(s step) (result, error) { return c.take(ctx, tx, s, p.key) })
		if err == nil && p.ending == rollBack {
			err = errAsked
		}
		return err
	}, gapless.WithIsolation(p.isolation)))
}

func (c *database) take(ctx context.Context, tx *sql.Tx, s step, key string) (taken result, err error) {
	statement, arguments := s.query(key)
	rows, err := tx.QueryContext(ctx, statement, arguments...)
	if err != nil {
		return taken, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has it
	var values []*int64
	for rows.Next() {
		var value *int64
		if err := rows.Scan(&value); err != nil {
			return taken, err
		}
		values = append(values, value)
	}
	return taken, taken.read(values, rows.Err())
}

// query does what the step is to, enters it, and returns a row if it had an effect.
func (s step) query(key string) (statement string, arguments []any) {
	switch s.kind {
	case issue:
		return s.statement(key)
	case adopt:
		return adoptEntry + " RETURNING value", []any{s.series.name, key, s.target}
	case forget:
		return forgetEntry + " RETURNING 0", []any{s.series.name, key}
	case live:
		return liveEntry, []any{s.series.name, key}
	case archive:
		return haveLeave, []any{s.series.name, key}
	case move:
		return haveMove, []any{s.series.name, key}
	case look:
	}
	return "SELECT v FROM gapless.last_gapless($1) AS v WHERE v IS NOT NULL", []any{s.series.name}
}

// sender is a client of GroupCommitter.Send: its statements share a transaction with those of others. What it may not send (a
// savepoint) or would have to see (adopt, delete and the like), it leaves out.
type sender struct {
	send func(ctx context.Context, batch *pgx.Batch) error
}

// hook is an argument that is code.
type hook func()

// Value is driver.Valuer's.
func (h hook) Value() (driver.Value, error) {
	h()
	return "", nil
}

// What a sender panics with: before anything of its batch is sent, and when all of it is committed.
const (
	panicBefore = "the argument's panic"
	panicAfter  = "the callback's panic"
)

// sendPanicking is send, and what came out of it.
func (c *sender) sendPanicking(ctx context.Context, batch *pgx.Batch) (panicked any, err error) {
	defer func() { panicked = recover() }()
	return nil, c.send(ctx, batch)
}

// fail has the batch fail, and the transaction of the others with it, who must not feel it.
func (t trouble) fail(batch *pgx.Batch) {
	switch t {
	case failing:
		batch.Queue("SELECT 1 / 0")
	case panicking:
		batch.Queue("SELECT $1::text", hook(func() { panic(panicBefore) }))
	case committing:
		batch.Queue("COMMIT")
	case rollingBack:
		batch.Queue("ROLLBACK")
	}
}

func (c *sender) run(ctx context.Context, p plan, r *record) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var batch pgx.Batch
	batch.Queue("INSERT INTO public.sent (key) VALUES ($1) RETURNING txid", p.key).QueryRow(func(row pgx.Row) error { return row.Scan(&r.read) })
	var read []*result
	for _, s := range p.steps {
		if s.undone || s.kind != issue && s.kind != look {
			continue
		}
		answer := &result{step: s}
		read = append(read, answer)
		statement, arguments := s.query(p.key)
		batch.Queue(statement, arguments...).Query(func(rows pgx.Rows) error {
			values, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			answer.values, answer.ok = values, len(values) > 0
			return err
		})
	}
	switch {
	case p.ending == leave:
		batch.Queue("SELECT $1::text", hook(cancel))
	case p.ending == rollBack:
		p.trouble.fail(&batch)
	case p.trouble == panicking:
		batch.Queue("SELECT 1").Exec(func(pgconn.CommandTag) error { panic(panicAfter) })
	}
	panicked, err := c.sendPanicking(ctx, &batch)
	switch {
	case panicked == panicAfter && p.ending != rollBack: // and err is nil
		r.panicked = true
	case panicked == panicBefore && p.ending == rollBack:
		err = errAsked
	case panicked != nil:
		panic(panicked)
	}
	switch pgErr := (*pgconn.PgError)(nil); {
	case p.ending == leave && errors.Is(err, context.Canceled) && !errors.Is(err, gapless.ErrOutcomeUnknown) && !errors.Is(err, gapless.ErrCommitted):
		err = errAsked // it left after a run that another's batch had rolled back, and before the next
	case p.ending != rollBack:
	case err == nil:
		return fmt.Errorf("%w: a batch that failed was acknowledged", errTold)
	case errors.As(err, &pgErr) && pgErr.Code == "22012", errors.Is(err, retry.ErrNotSent):
		err = errAsked
	}
	found := r.found(err)
	for _, answer := range read {
		switch {
		case r.outcome == committed && !r.unread:
			r.saw(*answer)
		case r.outcome != rolledBack && answer.kind == issue: // it may have seen what others have not committed
			r.saw(result{step: answer.step, unseen: true, ok: true})
		}
	}
	return found
}
