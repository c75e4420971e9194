package gapless

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// CommitBatch returns the batch of statements that [InTx], or [GroupCommitter.InTx], sends together with COMMIT when
// fn has returned nil, so that they cost no round trip of their own. tx is what fn was given, or a savepoint in it (tx.Begin,
// [pgx.BeginFunc]), or what wraps one of them. A savepoint's statements are sent if it is not rolled back. Of a wrapper, the innermost
// savepoint counts. Any other transaction is an error: nobody would send its statements.
//
// A number that is allocated there is locked for no round trip:
//
//	batch, err := gapless.CommitBatch(tx)
//	if err != nil {
//		return err
//	}
//	var number int64
//	batch.Queue(
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
// The batch cannot end the transaction: COMMIT or ROLLBACK in it is an error, and nothing is committed. Nor can it CLOSE ALL. A savepoint
// that is rolled back by a text (ROLLBACK TO SAVEPOINT) keeps its statements.
//
// Where commits wait for a standby, the batch goes ahead of COMMIT, by one round trip, except in a [GroupCommitter].
func CommitBatch(tx pgx.Tx) (*pgx.Batch, error) {
	h := handleOf(tx)
	if h == nil {
		return nil, fmt.Errorf("gapless: a %T has no batch that is sent with COMMIT: give CommitBatch the transaction of InTx", tx)
	}
	if err := h.closed(); err != nil {
		return nil, fmt.Errorf("gapless: the batch would not be sent with COMMIT: %w", err)
	}
	return &h.last, nil
}

// handleOf is what runs a transaction's statements, where it is one of ours; or else nil.
func handleOf(tx pgx.Tx) *handle {
	switch tx := tx.(type) {
	case nil:
		return nil
	case *transaction:
		return &tx.handle
	case *savepoint:
		return &tx.handle
	}
	conn := connOf(tx)
	if conn == nil {
		return nil
	}
	t := sessionOf(conn).transaction
	switch {
	case t == nil:
		return nil
	case len(t.open) > 0:
		return &t.open[len(t.open)-1].handle
	}
	return &t.handle
}

// connOf is a transaction's connection; nil where it has none, as one that is made for a test.
func connOf(tx pgx.Tx) (conn *pgx.Conn) {
	defer func() { _ = recover() }()
	return tx.Conn()
}

// handle is what fn runs statements by: the transaction, or a savepoint in it.
type handle struct {
	tx    *transaction
	last  pgx.Batch // see CommitBatch
	ended bool
}

// closed is why nothing can be run by it: it has ended, or the session is in no transaction, since fn ended that by a text.
func (h *handle) closed() error {
	if h.ended || h.tx.ended || h.tx.conn != nil && h.tx.conn.PgConn().TxStatus() == 'I' {
		return pgx.ErrTxClosed
	}
	return nil
}

// notice notes what may end the transaction and begin another at once, so that COMMIT pays for a look only after that. A prepared
// statement with the name of a harmless one goes unnoticed.
func (t *transaction) notice(query *pgx.QueuedQuery) {
	t.perhapsAnother = t.perhapsAnother || !isPlain(query) || strings.Contains(strings.TrimRight(query.SQL, "; \t\r\n"), ";")
}

// Exec is pgx.Tx's.
func (h *handle) Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	if err := h.closed(); err != nil {
		return pgconn.CommandTag{}, err
	}
	h.tx.notice(&pgx.QueuedQuery{SQL: sql, Arguments: arguments})
	return h.tx.conn.Exec(ctx, sql, arguments...)
}

// Query is pgx.Tx's.
func (h *handle) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if err := h.closed(); err != nil {
		return pgx.FailedBatchResults(&pgx.Batch{}, err).Query()
	}
	h.tx.notice(&pgx.QueuedQuery{SQL: sql, Arguments: args})
	return h.tx.conn.Query(ctx, sql, args...)
}

// QueryRow is pgx.Tx's.
func (h *handle) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if err := h.closed(); err != nil {
		return pgx.FailedBatchResults(&pgx.Batch{}, err).QueryRow()
	}
	h.tx.notice(&pgx.QueuedQuery{SQL: sql, Arguments: args})
	return h.tx.conn.QueryRow(ctx, sql, args...)
}

// SendBatch is pgx.Tx's.
func (h *handle) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	if err := h.closed(); err != nil {
		return pgx.FailedBatchResults(batch, err)
	}
	for _, query := range batch.QueuedQueries {
		h.tx.notice(query)
	}
	return h.tx.pgx.SendBatch(ctx, batch)
}

// CopyFrom is pgx.Tx's.
func (h *handle) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	if err := h.closed(); err != nil {
		return 0, err
	}
	return h.tx.conn.CopyFrom(ctx, table, columns, rows)
}

// Prepare is pgx.Tx's.
func (h *handle) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	if err := h.closed(); err != nil {
		return nil, err
	}
	h.tx.perhapsAnother = true
	return h.tx.conn.Prepare(ctx, name, sql)
}

// LargeObjects is pgx.Tx's.
func (h *handle) LargeObjects() pgx.LargeObjects {
	h.tx.large = true
	return h.tx.pgx.LargeObjects()
}

// Conn is pgx.Tx's.
func (h *handle) Conn() *pgx.Conn {
	h.tx.perhapsAnother = true
	return h.tx.conn
}

// Begin is pgx.Tx's: it makes a savepoint.
func (h *handle) Begin(ctx context.Context) (pgx.Tx, error) {
	if err := h.closed(); err != nil {
		return nil, err
	}
	t := h.tx
	t.savepoints++
	sp := &savepoint{handle: handle{tx: t}, name: "sp_" + strconv.Itoa(t.savepoints)}
	if _, err := t.conn.Exec(ctx, "savepoint "+sp.name); err != nil {
		return nil, err
	}
	t.open = append(t.open, sp)
	return sp, nil
}

// errCommits is that of a Commit that is not fn's to call.
var errCommits = errors.New("gapless: InTx commits its transaction when fn returns nil: Commit in fn does nothing")

// Commit is pgx.Tx's, and refused.
func (t *transaction) Commit(context.Context) error {
	if err := t.closed(); err != nil {
		return err
	}
	return errCommits
}

// Rollback is pgx.Tx's. InTx returns an error then.
func (t *transaction) Rollback(ctx context.Context) error {
	if err := t.closed(); err != nil {
		return err
	}
	t.ended = true
	return t.sendRollback(ctx)
}

// savepoint is pgx's nested transaction.
type savepoint struct {
	handle
	name string
}

// Commit is pgx.Tx's.
func (sp *savepoint) Commit(ctx context.Context) error {
	if err := sp.closed(); err != nil {
		return err
	}
	_, err := sp.tx.conn.Exec(ctx, "release savepoint "+sp.name)
	if err == nil {
		sp.tx.keep(sp.tx.outside(sp))
	}
	sp.tx.end(sp)
	return err
}

// Rollback is pgx.Tx's.
func (sp *savepoint) Rollback(ctx context.Context) error {
	if err := sp.closed(); err != nil {
		return err
	}
	_, err := sp.tx.conn.Exec(ctx, "rollback to savepoint "+sp.name)
	sp.tx.end(sp)
	return err
}

// outside is how many savepoints are outside of this one.
func (t *transaction) outside(sp *savepoint) int {
	return slices.Index(t.open, sp)
}

// end ends a savepoint, and those inside of it.
func (t *transaction) end(sp *savepoint) {
	first := t.outside(sp)
	for _, inside := range t.open[first:] {
		inside.ended = true
	}
	t.open = t.open[:first]
}

// keep gives what the savepoints from the first on have in their batches to what is around them.
func (t *transaction) keep(first int) {
	around := &t.handle
	if first > 0 {
		around = &t.open[first-1].handle
	}
	for _, sp := range t.open[first:] {
		around.last.QueuedQueries = append(around.last.QueuedQueries, sp.last.QueuedQueries...)
		sp.last.QueuedQueries = nil
	}
}
