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

	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/flush"
	"github.com/pggapless/gapless/internal/retry"
)

// CommitBatch returns the batch of statements that [InTx], or [GroupCommitter.InTx], sends together with COMMIT when
// fn has returned nil, so that they cost no round trip of their own. tx is what fn was given; for any other
// transaction, CommitBatch returns an empty batch that nobody sends.
//
// A number that is allocated there is locked for no round trip:
//
//	var number int64
//	gapless.CommitBatch(tx).Queue(
//		"INSERT INTO cases (number, title) VALUES (gapless.next_gapless('case'), $1) RETURNING number", "Smith v. Jones",
//	).QueryRow(func(row pgx.Row) error { return row.Scan(&number) })
//	return nil
//
// When one of the statements fails, or COMMIT does, the transaction is rolled back, and run again where PostgreSQL
// asks for that.
//
// The callbacks of the statements run when the transaction has committed and its connection is back in the pool. So an
// error of a callback does not undo the transaction, nor run it again: InTx returns it as an [ErrCommitted]. InTx returns
// an ErrCommitted, too, where it finds out that a transaction has committed whose results were lost; no callback runs
// then.
//
// The batch cannot end the transaction: COMMIT or ROLLBACK in it is an error, and nothing is committed. Nor can it CLOSE ALL.
//
// Where commits wait for a standby, the batch goes ahead of COMMIT, by one round trip, except in a [GroupCommitter].
func CommitBatch(tx pgx.Tx) *pgx.Batch {
	if t, ok := tx.(*transaction); ok {
		return &t.last
	}
	return &pgx.Batch{}
}

// rollbackTimeout is how long a server that no longer answers may hold up the end of a transaction.
const rollbackTimeout = 5 * time.Second

// cancelAfter is how long a shared transaction may still take when one of its callers has given up.
const cancelAfter = 50 * time.Millisecond

// transaction is one that can be found again when the answer to its COMMIT is lost, by its token and txid.
type transaction struct {
	pgx.Tx
	last   pgx.Batch      // see CommitBatch
	own    *sharedBatch   // the same, sent
	shared []*sharedBatch // what goes along with it, for Send

	token uuid.UUID
	txid  int64

	serverStart  string // of the server it runs on; see flush.ServerStart
	asynchronous bool   // whether COMMIT leaves the flush to somebody else
	replicated   bool   // whether commits wait for a standby

	perhapsAnother bool // fn may have ended it, and begun another one: see watch

	sending  bool // the last statements, or COMMIT, may have been sent
	resolved bool // it is known to be committed and durable
	ended    bool // the connection is no longer ours to use
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

func beginAs(ctx context.Context, conn *pgx.Conn, options pgx.TxOptions, asynchronous bool) (*transaction, error) {
	t := &transaction{token: uuid.New(), asynchronous: asynchronous}

	var batch pgx.Batch
	var err error
	if conn.PgConn().ParameterStatus("default_transaction_read_only") == "on" {
		// pgx prepares what it does not know ahead of BEGIN: in a transaction that, if it is serializable and deferrable, waits for those that
		// write.
		if t.Tx, err = conn.BeginTx(ctx, options); err != nil {
			return nil, err
		}
	} else {
		batch.BeginTx(options)
	}
	batch.Queue(`SELECT
			gapless.mark_gapless($1),
			`+flush.ServerStart+`,
			pg_catalog.current_setting('synchronous_standby_names') OPERATOR(pg_catalog.<>) '',
			CASE WHEN $2 THEN pg_catalog.set_config('synchronous_commit', 'off', true) ELSE `+retry.Durable+` END`,
		t.token, asynchronous,
	).QueryRow(func(row pgx.Row) error { return row.Scan(&t.txid, &t.serverStart, &t.replicated, nil) })
	results := conn.SendBatch(ctx, &batch)
	err = results.Close()
	if t.Tx == nil {
		t.Tx = results.Tx()
	}
	if err != nil {
		if retry.Late(err) && !conn.IsClosed() && conn.PgConn().TxStatus() == 'I' {
			// It may have come after the answer to what was sent before; then the answer to what was sent now is still to come.
			_ = conn.Close(ctx)
		}
		t.rollBack(ctx)
		return nil, err
	}
	return t, nil
}

// rollBack ends the transaction if it has not ended. ctx may have ended, and the rollback is still due, but not for
// ever: pgx closes a connection on which it fails, which rolls back too.
func (t *transaction) rollBack(ctx context.Context) {
	if t.ended {
		return
	}
	t.ended = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if t.Tx.Conn().PgConn().TxStatus() == 'I' {
		cancel() // so that nothing is sent: pgx only notes that the transaction is closed
		_ = t.Commit(ctx)
		return
	}
	_ = t.Rollback(ctx)
}

// commit sends the last statements and COMMIT. What an error means, retry.Answered says, unless it is a retry.ErrCommitted.
func (t *transaction) commit(ctx context.Context) error {
	conn := t.Tx.Conn().PgConn()
	switch {
	case conn.IsClosed():
		return errNotSent{errors.New("the connection broke before, and fn did not return the error")}
	case conn.TxStatus() == 'I':
		return errEnded
	case ctx.Err() != nil:
		return errNotSent{retry.Ended(ctx)}
	case conn.IsBusy():
		return errNotSent{errors.New("fn left rows open, or the results of a batch: it has to close them")}
	}
	defer t.endReading()
	if waiting := slices.DeleteFunc(slices.Clone(t.shared), func(b *sharedBatch) bool { return !b.startReading() }); len(waiting) < len(t.shared) {
		if t.shared = waiting; len(waiting) == 0 {
			return errNotSent{errors.New("nobody waits for it any more")}
		}
	}
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
		b.queueInto(&last, t.Tx.Conn().TypeMap())
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
		tag, err = exec(ctx, conn, t.commitText())
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
		tag, err = exec(ctx, conn, t.commitText())
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
		return errNotSent{fmt.Errorf("fn returned nil after a failed statement: %w", pgx.ErrTxCommitRollback)}
	}
	return nil
}

// send sends the last statements. Arguments are code that can panic, and do so before anything is sent.
func (t *transaction) send(ctx context.Context, last *pgx.Batch) pgx.BatchResults {
	results := t.Tx.Conn().SendBatch(ctx, last)
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
				return t.Tx.Conn().PgConn().CancelRequest(ctx)
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
			_ = t.Tx.Conn().Close(ctx)
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
	return t.Tx.Conn().Config().DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol
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

// commitText has the session send that warning, whatever messages the role, or fn, wants to see; or fails by endedIt.
func (t *transaction) commitText() string {
	if !t.perhapsAnother {
		return "SET LOCAL client_min_messages = notice; commit"
	}
	return "SELECT pg_catalog.set_config(CASE WHEN pg_catalog.txid_current_if_assigned() OPERATOR(pg_catalog.=) " + strconv.FormatInt(t.txid, 10) +
		" THEN 'client_min_messages' ELSE '" + endedIt + "' END, 'notice', true); commit"
}

// endedIt is what a statement fails by, with the text in its message, where the transaction is not the one that was marked: by COMMIT AND
// CHAIN or ROLLBACK AND CHAIN there is another one at once.
const endedIt = "fn ended the transaction itself"

// watch notes what may end the transaction and begin another at once, so that COMMIT pays for a look only after that. A prepared
// statement with the name of a harmless one goes unnoticed.
func (t *transaction) watch(query *pgx.QueuedQuery) {
	t.perhapsAnother = t.perhapsAnother || !isPlain(query) || strings.Contains(strings.TrimRight(query.SQL, "; \t\r\n"), ";")
}

// Exec is pgx.Tx's.
func (t *transaction) Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	t.watch(&pgx.QueuedQuery{SQL: sql, Arguments: arguments})
	return t.Tx.Exec(ctx, sql, arguments...)
}

// Query is pgx.Tx's.
func (t *transaction) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	t.watch(&pgx.QueuedQuery{SQL: sql, Arguments: args})
	return t.Tx.Query(ctx, sql, args...)
}

// QueryRow is pgx.Tx's.
func (t *transaction) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	t.watch(&pgx.QueuedQuery{SQL: sql, Arguments: args})
	return t.Tx.QueryRow(ctx, sql, args...)
}

// SendBatch is pgx.Tx's.
func (t *transaction) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	for _, query := range batch.QueuedQueries {
		t.watch(query)
	}
	return t.Tx.SendBatch(ctx, batch)
}

// Begin is pgx.Tx's.
func (t *transaction) Begin(ctx context.Context) (pgx.Tx, error) {
	t.perhapsAnother = true // what it runs is not seen
	return t.Tx.Begin(ctx)
}

// Prepare is pgx.Tx's.
func (t *transaction) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	t.perhapsAnother = true
	return t.Tx.Prepare(ctx, name, sql)
}

// Conn is pgx.Tx's.
func (t *transaction) Conn() *pgx.Conn {
	t.perhapsAnother = true
	return t.Tx.Conn()
}

var errEnded = errNotSent{fmt.Errorf("%s, by COMMIT or ROLLBACK: %w", endedIt, pgx.ErrTxClosed)}

// exec sends a text and reads the answer message by message, for the sake of a warning: pgx gives notices to a
// handler that is chosen when the connection is made, and that is the user's. The tag is the last statement's.
func exec(ctx context.Context, conn *pgconn.PgConn, sql string) (tag string, err error) {
	conn.Frontend().Send(&pgproto3.Query{String: sql})
	if err := conn.Frontend().Flush(); err != nil {
		_ = conn.Close(ctx)
		return "", err
	}
	for {
		message, received := conn.ReceiveMessage(ctx)
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
