package gapless

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/flush"
	"github.com/pggapless/gapless/internal/retry"
)

// rollbackTimeout is how long a server that no longer answers may hold up the end of a transaction.
const rollbackTimeout = 5 * time.Second

// cancelAfter is how long a shared transaction may still take when one of its callers has given up.
const cancelAfter = 50 * time.Millisecond

// transaction is a pgx.Tx that can be found again when the answer to its COMMIT is lost, by its token and txid. pgx's own would have to
// send COMMIT itself.
type transaction struct {
	handle
	conn   *pgx.Conn
	own    *sharedBatch   // the handle's batch, sent
	shared []*sharedBatch // what goes along with it, for Send

	savepoints int          // how many there have been
	open       []*savepoint // those that have not ended, the innermost last
	pgx        pgx.Tx       // pgx's own, which is there for large objects
	large      bool         // they were asked for

	watch *retry.Watch // who is told what happens

	token uuid.UUID
	txid  int64

	serverStart  string // of the server it runs on; see flush.ServerStart
	asynchronous bool   // whether COMMIT leaves the flush to somebody else
	replicated   bool   // whether commits wait for a standby; or the session would not say that one did not

	perhapsAnother bool // fn may have ended it, and begun another one: see watch

	sending  bool // the last statements, or COMMIT, may have been sent
	resolved bool // it is known to be committed and durable
	over     bool // the connection is no longer ours to use
}

// begin begins a transaction with one message, which marks it and learns its txid. It is to write, whatever the session's default is.
func begin(ctx context.Context, conn *pgx.Conn, isolation pgx.TxIsoLevel, asynchronous bool) (*transaction, error) {
	t, err := beginAs(ctx, conn, pgx.TxOptions{IsoLevel: isolation, AccessMode: pgx.ReadWrite}, asynchronous)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "0A000" && !conn.IsClosed() { // feature_not_supported: a standby, and mark_gapless says so
		return beginAs(ctx, conn, pgx.TxOptions{IsoLevel: isolation}, asynchronous)
	}
	return t, err
}

// mark marks a transaction, and tells its txid, its server, whether commits wait for a standby, or the session hides warnings; and says
// whether its own waits for the flush.
const mark = `SELECT
	gapless.mark_gapless($1),
	` + flush.ServerStart + `,
	pg_catalog.current_setting('synchronous_standby_names') OPERATOR(pg_catalog.<>) ''
		OR pg_catalog.current_setting('client_min_messages') OPERATOR(pg_catalog.=) 'error',
	CASE WHEN $2 THEN pg_catalog.set_config('synchronous_commit', 'off', true) ELSE ` + retry.Durable + ` END`

func beginAs(ctx context.Context, conn *pgx.Conn, options pgx.TxOptions, asynchronous bool) (*transaction, error) {
	t := &transaction{conn: conn, token: uuid.New(), asynchronous: asynchronous}
	t.tx = t

	var batch pgx.Batch
	var err error
	if conn.PgConn().ParameterStatus("default_transaction_read_only") == "on" {
		// pgx prepares what it does not know ahead of BEGIN: in a transaction that, if it is serializable and deferrable, waits for those that
		// write.
		if t.pgx, err = conn.BeginTx(ctx, options); err != nil {
			return nil, err
		}
	} else {
		batch.BeginTx(options)
	}
	batch.Queue(mark, pgtype.UUID{Bytes: t.token, Valid: true}, asynchronous).
		QueryRow(func(row pgx.Row) error { return row.Scan(&t.txid, &t.serverStart, &t.replicated, nil) })
	results := conn.SendBatch(ctx, &batch)
	err = results.Close()
	if t.pgx == nil {
		t.pgx = results.Tx()
	}
	if err != nil {
		if retry.Late(err) && !conn.IsClosed() && conn.PgConn().TxStatus() == 'I' {
			// It may have come after the answer to what was sent before; then the answer to what was sent now is still to come.
			_ = conn.Close(ctx)
		}
		t.rollBack(ctx)
		return nil, err
	}
	sessionOf(conn).transaction = t
	return t, nil
}

// rollBack ends the transaction if it has not ended. ctx may have ended, and the rollback is still due, but not for
// ever: a connection on which it fails is closed, which rolls back too.
func (t *transaction) rollBack(ctx context.Context) {
	if t.over {
		return
	}
	t.over, t.ended = true, true
	sessionOf(t.conn).transaction = nil
	if !t.large && t.idle() { // a timer for nothing costs 3 % of a transaction
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if t.large { // whoever has kept them cannot use them any more; where the transaction has ended, this only warns
		_ = t.pgx.Rollback(ctx)
	}
	_ = t.sendRollback(ctx)
}

// idle reports whether the session is in no transaction.
func (t *transaction) idle() bool { return t.conn.IsClosed() || t.conn.PgConn().TxStatus() == 'I' }

// sendRollback sends ROLLBACK if the session is in a transaction.
func (t *transaction) sendRollback(ctx context.Context) error {
	if t.idle() {
		return nil
	}
	_, err := t.conn.Exec(ctx, "rollback")
	if err != nil {
		ctx, cancel := context.WithCancel(ctx)
		cancel() // so that closing it waits for nothing
		_ = t.conn.Close(ctx)
	}
	return err
}

// commit sends the last statements and COMMIT. What an error means, retry.Answered says, unless it is a retry.ErrCommitted.
func (t *transaction) commit(ctx context.Context) error {
	if err := t.unsent(ctx); err != nil {
		return err
	}
	conn := t.conn.PgConn()
	defer t.endReading()
	if waiting := slices.DeleteFunc(slices.Clone(t.shared), func(b *sharedBatch) bool { return !b.startReading() }); len(waiting) < len(t.shared) {
		if t.shared = waiting; len(waiting) == 0 {
			return errNotSent{errors.New("nobody waits for it any more")}
		}
	}
	t.keep(0)
	t.own = newBatch(ctx, &t.last)
	t.own.plain = false // it can have names of prepared statements
	var last pgx.Batch
	guarded := slices.ContainsFunc(t.sent(), func(b *sharedBatch) bool { return b.batch.Len() > 0 && (t.simple() || !b.plain) })
	if t.perhapsAnother && t.own.batch.Len() > 0 {
		last.Queue("SELECT (CASE WHEN pg_catalog.txid_current_if_assigned() OPERATOR(pg_catalog.=) $1 THEN '1' ELSE '"+endedIt+"' END)::pg_catalog.int4", t.txid)
	}
	if guarded {
		last.Queue(guard)
	}
	for _, b := range t.sent() {
		b.queueInto(&last, t.conn.TypeMap())
	}
	if guarded {
		last.Queue("CLOSE gapless_guard")
	}
	if slices.ContainsFunc(last.QueuedQueries, copiesIn) {
		return errNotSent{errors.New("a batch cannot COPY FROM STDIN, as pgx.Tx.CopyFrom can in InTx")}
	}
	var tag string
	var err error
	switch {
	case conn.TxStatus() == 'E': // COMMIT would be a ROLLBACK
		t.rollBack(ctx)
		tag = "ROLLBACK"
	case last.Len() == 0:
		t.sending = true
		tag, err = exec(ctx, t.conn, t.commitText(), "commit")
	case t.replicated && !t.asynchronous || t.simple():
		// Only by reading COMMIT's messages oneself can one see that it did not wait for the standby, or which answer is COMMIT's where
		// one text is several statements.
		results := t.send(ctx, &last)
		if t.simple() {
			_ = endCopies(conn, last.QueuedQueries) // if it fails, reading the results does
		}
		if err := results.Close(); err != nil {
			return t.notSent(err)
		}
		tag, err = exec(ctx, t.conn, t.commitText(), "commit")
	default:
		// Not pgx's own spelling: in rollBack it forgets the prepared statement "commit", for an error that is meant to be.
		last.Queue("COMMIT").Exec(func(ct pgconn.CommandTag) error { tag = ct.String(); return nil })
		var standbys string
		if !t.asynchronous { // perhaps named after BEGIN; then the warning was not seen. A SELECT might wait: see beginAs
			last.Queue("SHOW synchronous_standby_names").QueryRow(func(row pgx.Row) error { return row.Scan(&standbys) })
		}
		sending, stopSending := context.WithCancel(ctx)
		defer stopSending()
		ended := t.cancelForTheOthers(ctx, stopSending)
		defer ended()
		err = t.send(sending, &last).Close()
		if tag == "COMMIT" && standbys != "" {
			return errNotReplicated
		}
		if unencoded(err) {
			return errNotSent{err}
		}
		if err != nil && !conn.IsClosed() && (conn.TxStatus() != 'I' || guarded && tag == "" && retry.Answered(err)) {
			return t.notSent(err) // a statement failed, and COMMIT with it
		}
	}
	if tag == "COMMIT" && !errors.Is(err, errNotReplicated) {
		err = nil // it came after the answer: a statement_timeout that ran out just then, or the end of the connection
	}
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && strings.Contains(pg.Message, endedIt):
		return errEnded
	case err != nil:
		return err
	case tag == "ROLLBACK":
		return errAborted
	}
	return nil
}

// unsent is why COMMIT is not to be sent; nil where it is, or where nothing is known of the transaction.
func (t *transaction) unsent(ctx context.Context) error {
	switch {
	case t != nil && t.conn.IsClosed():
		return errNotSent{errors.New("the connection broke before, and fn did not return the error")}
	case t != nil && t.conn.PgConn().TxStatus() == 'I':
		return errEnded
	case ctx.Err() != nil:
		return errNotSent{retry.Ended(ctx)}
	case t != nil && t.conn.PgConn().IsBusy():
		return errNotSent{errors.New("fn left rows open, or the results of a batch: it has to close them")}
	}
	return nil
}

// send sends the last statements. Arguments are code that can panic, and do so before anything is sent.
func (t *transaction) send(ctx context.Context, last *pgx.Batch) pgx.BatchResults {
	results := t.conn.SendBatch(ctx, last)
	t.sending = true
	t.endReading()
	return results
}

// endReading lets callers who have given up go on.
func (t *transaction) endReading() {
	for _, b := range t.shared {
		b.endReading()
	}
}

// unencoded reports whether an argument was of a wrong type, or there were too many or too few: then pgx has not come as far as COMMIT,
// but has closed the connection.
func unencoded(err error) bool {
	var batch pgx.ErrPreprocessingBatch
	return errors.As(err, &batch) && strings.HasPrefix(batch.Error(), "error preprocessing batch (build)") // its step has no other name
}

// cancelForTheOthers cancels what is running when one of several callers has given up: the others may wait for what is his. What is
// still being sent is stopped, since his arguments are read there. The function that it returns ends that, and the connection, if a
// cancellation may still be under way to it.
func (t *transaction) cancelForTheOthers(ctx context.Context, stopSending context.CancelFunc) (ended func()) {
	if len(t.shared) < 2 {
		return func() {}
	}
	ctx = context.WithoutCancel(ctx)
	gaveUp, stopWaiting := context.WithCancel(ctx)
	stops := make([]func() bool, len(t.shared))
	for i, b := range t.shared {
		stops[i] = context.AfterFunc(b.ctx, stopWaiting)
	}
	end, canceled := make(chan struct{}), make(chan bool)
	go func() {
		sent := false
		defer func() { canceled <- sent }()
		select {
		case <-end:
			return
		case <-gaveUp.Done():
		}
		for { // one that comes between two statements is not heeded
			select {
			case <-end:
				return
			case <-time.After(cancelAfter):
			}
			if slices.ContainsFunc(t.shared, (*sharedBatch).isRead) {
				stopSending()
				continue
			}
			sent = true
			_ = flush.Apart(func() error { // with the user's DialFunc
				ctx, cancel := context.WithTimeout(ctx, rollbackTimeout)
				defer cancel()
				return t.conn.PgConn().CancelRequest(ctx)
			})
		}
	}()
	return func() {
		for _, stop := range stops {
			stop()
		}
		close(end)
		if <-canceled {
			ctx, cancel := context.WithTimeout(ctx, rollbackTimeout)
			defer cancel()
			_ = t.conn.Close(ctx)
		}
		stopWaiting()
	}
}

// guard makes a COMMIT fail that comes before the cursor is closed: there it would have to keep the cursor, and so to read it. After a
// ROLLBACK there is none to be closed.
const (
	guard = `DECLARE gapless_guard CURSOR WITH HOLD FOR
	SELECT ('` + endsIt + `' || pg_catalog.random())::pg_catalog.int4`
	endsIt = "a batch must not end its transaction"

	endsItOrCloses = endsIt + ", nor close all cursors" // after CLOSE ALL it is not there either
)

// notSent is the error of a statement that was sent ahead of COMMIT, or together with it.
func (t *transaction) notSent(err error) error {
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg):
	case pg.Code == "34000" && strings.Contains(pg.Message, "gapless_guard"):
		if t.simple() || slices.ContainsFunc(t.sent(), func(b *sharedBatch) bool { return b.committed }) {
			return fmt.Errorf("gapless: %w: %s: what came after that may have been committed: %w", client.ErrOutcomeUnknown, endsItOrCloses, err)
		}
		return errNotSent{fmt.Errorf("%s: %w", endsItOrCloses, err)}
	case strings.Contains(pg.Message, endedIt):
		return errEnded
	case strings.Contains(pg.Message, endsIt):
		return errNotSent{fmt.Errorf("%s: %w", endsIt, err)}
	}
	return errNotSent{err}
}

// copiesIn reports whether the server would wait for what is to be copied.
func copiesIn(query *pgx.QueuedQuery) bool {
	return strings.EqualFold(firstWord(query.SQL), "COPY") && strings.Contains(strings.ToUpper(query.SQL), "STDIN")
}

// endCopies tells a server that may wait for it, since one of several statements in a text is COPY, that there is nothing to copy.
func endCopies(conn *pgconn.PgConn, queries []*pgx.QueuedQuery) error {
	if !slices.ContainsFunc(queries, func(query *pgx.QueuedQuery) bool { return strings.Contains(strings.ToUpper(query.SQL), "COPY") }) {
		return nil
	}
	conn.Frontend().Send(&pgproto3.CopyFail{Message: "a batch has nothing to copy"})
	return conn.Frontend().Flush()
}

// simple reports whether pgx sends texts as they are, of which PostgreSQL takes one for as many statements as it finds in it.
func (t *transaction) simple() bool {
	return t.conn.Config().DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol
}

// sent are the batches that go along with COMMIT.
func (t *transaction) sent() []*sharedBatch { return append([]*sharedBatch{t.own}, t.shared...) }

// errNotSent is why COMMIT was not sent, or could only be a ROLLBACK.
type errNotSent struct{ error }

func (e errNotSent) Error() string {
	if errors.Is(e.error, pgx.ErrTxClosed) { // and perhaps it is committed
		return "gapless: " + e.error.Error()
	}
	return "gapless: not committed: " + e.error.Error()
}

func (e errNotSent) Unwrap() error { return e.error }

// Is makes it a retry.ErrNotSent.
func (e errNotSent) Is(target error) bool { return target == retry.ErrNotSent }

// errNotReplicated is PostgreSQL's warning that a commit is durable here, but did not wait for the synchronous standby.
var errNotReplicated = errors.New("the server did not wait for its synchronous standby")

// commitText has the session send that warning, whatever messages the role, or fn, wants to see; or fails by endedIt. Where no standby
// was named when the transaction began, that costs a statement for nothing, unless fn has set something.
func (t *transaction) commitText() string {
	switch {
	case t.perhapsAnother:
	case t.replicated && !t.asynchronous:
		return "SET LOCAL client_min_messages = notice; commit"
	default:
		return "commit"
	}
	return "SELECT pg_catalog.set_config(CASE WHEN pg_catalog.txid_current_if_assigned() OPERATOR(pg_catalog.=) " + strconv.FormatInt(t.txid, 10) +
		" THEN 'client_min_messages' ELSE '" + endedIt + "' END, 'notice', true); commit"
}

// endedIt is what a statement fails by, with the text in its message, where the transaction is not the one that was marked: by COMMIT AND
// CHAIN or ROLLBACK AND CHAIN there is another one at once.
const endedIt = "fn ended the transaction itself"

// notWorked is the error of a transaction whose fn returned err. Where fn has ended it by a text, that may have been a COMMIT.
func (t *transaction) notWorked(err error) error {
	if t.ended || t.conn.IsClosed() || t.conn.PgConn().TxStatus() != 'I' {
		return retry.RolledBack(err)
	}
	return errNotSent{fmt.Errorf("%s, by COMMIT or ROLLBACK: %w; and returned: %w", endedIt, pgx.ErrTxClosed, retry.Final(err))}
}

var errAborted = errNotSent{fmt.Errorf("fn returned nil after a failed statement: %w", pgx.ErrTxCommitRollback)}

var errEnded = errNotSent{fmt.Errorf("%s, by COMMIT or ROLLBACK: %w", endedIt, pgx.ErrTxClosed)}

// exec sends a text and reads the answer message by message, for the sake of a warning: pgx gives notices to a
// handler that is chosen when the connection is made, and that is the user's. The tag is the last statement's. The connection's tracer
// sees the statement that matters.
func exec(ctx context.Context, conn *pgx.Conn, sql, matters string) (tag string, err error) {
	if tracer := sessionOf(conn).tracer; tracer != nil {
		ctx = tracer.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: matters})
		defer func() {
			tracer.TraceQueryEnd(ctx, conn, pgx.TraceQueryEndData{CommandTag: pgconn.NewCommandTag(tag), Err: err})
		}()
	}
	pg := conn.PgConn()
	pg.Frontend().Send(&pgproto3.Query{String: sql})
	if err := pg.Frontend().Flush(); err != nil {
		_ = conn.Close(ctx)
		return "", err
	}
	for {
		message, received := pg.ReceiveMessage(ctx)
		if received != nil {
			_ = conn.Close(ctx)
			return "", received
		}
		switch message := message.(type) {
		case *pgproto3.NoticeResponse:
			if message.Routine == "SyncRepWaitForLSN" {
				err = errNotReplicated
			}
		case *pgproto3.ErrorResponse:
			err = pgconn.ErrorResponseToPgError(message)
		case *pgproto3.CommandComplete:
			tag = string(message.CommandTag)
		case *pgproto3.ReadyForQuery:
			return tag, err
		}
	}
}

// session is what is known of a connection for as long as it lasts.
type session struct {
	tracer      pgx.QueryTracer
	transaction *transaction // that runs on it; nil where none of ours does
}

// sessionOf finds it with the connection: its configuration is copied when one asks for it.
func sessionOf(conn *pgx.Conn) *session {
	const key = "github.com/pggapless/gapless"
	known, ok := conn.PgConn().CustomData()[key].(*session)
	if !ok {
		known = &session{tracer: conn.Config().Tracer}
		conn.PgConn().CustomData()[key] = known
	}
	return known
}
