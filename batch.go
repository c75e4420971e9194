package gapless

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/retry"
)

// sharedBatch is a batch that is sent together with COMMIT, and may share its transaction with others.
type sharedBatch struct {
	ctx   context.Context
	batch *pgx.Batch
	done  chan error

	waited func() // it has a connection: see source.wait
	plain  bool   // all of it is sent as text, and isPlain

	read   []*readRows // what the callbacks are to read, in their order
	unread int         // how many results of them are still to come

	committed bool // a statement of it was COMMIT, and did not fail

	mu      sync.Mutex
	left    bool          // its caller does not wait for it any more, and may use its arguments for something else
	sent    bool          // it was, or is about to be
	reading chan struct{} // closed when its arguments have been read; nil when they are not
}

// startReading reports whether its statements and arguments may be read. If so, endReading is to be called.
func (b *sharedBatch) startReading() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left {
		return false
	}
	b.sent, b.reading = true, make(chan struct{})
	return true
}

// endReading can be called again.
func (b *sharedBatch) endReading() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reading != nil {
		close(b.reading)
		b.reading = nil
	}
}

func (b *sharedBatch) isRead() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reading != nil
}

// leave returns when the batch will not be read any more, and whether it may have been sent. It does not wait for ever for others'
// arguments that are code.
func (b *sharedBatch) leave() (sent bool) {
	b.mu.Lock()
	b.left = true
	sent, reading := b.sent, b.reading
	b.mu.Unlock()
	if reading != nil {
		select {
		case <-reading:
		case <-time.After(rollbackTimeout):
		}
	}
	return sent
}

func newBatch(ctx context.Context, batch *pgx.Batch) *sharedBatch {
	return &sharedBatch{
		ctx: ctx, batch: batch, done: make(chan error, 1),
		plain: !slices.ContainsFunc(batch.QueuedQueries, func(query *pgx.QueuedQuery) bool { return !isPlain(query) }),
	}
}

// queueInto queues the batch's statements, and has what they return kept for the callbacks.
func (b *sharedBatch) queueInto(all *pgx.Batch, types *pgtype.Map) {
	b.read, b.unread, b.committed = nil, 0, false
	var own *pgtype.Map // when the callbacks run, somebody else has the connection
	for _, query := range b.batch.QueuedQueries {
		sql := cmp.Or(query.SQL, ";") // of no text at all, pgx panics
		if b.plain {
			sql += textEnd
		}
		queued := all.Queue(sql, query.Arguments...)
		if query.Fn == nil {
			queued.Exec(func(tag pgconn.CommandTag) error {
				b.committed = b.committed || tag.String() == "COMMIT"
				return nil
			})
			continue
		}
		if own == nil {
			own = ownTypes(types)
		}
		b.unread++
		queued.Query(func(rows pgx.Rows) error {
			read := &readRows{types: own}
			for rows.Next() {
				values := slices.Clone(rows.RawValues())
				for i := range values {
					values[i] = slices.Clone(values[i])
				}
				read.rows = append(read.rows, values)
			}
			if rows.Err() == nil { // or else it is the statement's error, which pgx returns
				b.unread--
				read.fields, read.tag = slices.Clone(rows.FieldDescriptions()), rows.CommandTag()
				b.read, b.committed = append(b.read, read), b.committed || read.tag.String() == "COMMIT"
			}
			return nil
		})
	}
}

// callBack runs the callbacks, which the transaction's commit does not depend on any more.
func (b *sharedBatch) callBack() (err error) {
	read := b.read
	for _, query := range b.batch.QueuedQueries {
		if query.Fn != nil {
			err = errors.Join(err, query.Fn(readResults{read[0]}))
			read = read[1:]
		}
	}
	if err != nil {
		return client.Errorf("%w: %w", retry.ErrCommitted, retry.Foreign(err))
	}
	return nil
}

// textEnd has pgx take for a text what can be the name of a prepared statement, too: the statement's own text is another one.
const textEnd = "\n;"

// isPlain reports whether a text is certain to leave the transaction to us. What is prepared is one statement, and its first word
// says which; where PostgreSQL takes several statements for one text, none is certain.
func isPlain(query *pgx.QueuedQuery) bool {
	for _, arg := range query.Arguments {
		switch arg.(type) {
		case pgx.NamedArgs, pgx.StrictNamedArgs:
		case pgx.QueryRewriter:
			return false
		}
	}
	return slices.Contains(plainWords, strings.ToUpper(firstWord(query.SQL)))
}

var plainWords = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE", "WITH", "CALL"}

// firstWord is the first word of a statement, after spaces, semicolons and comments; "" where that is not clear.
func firstWord(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\n\r\f\v;")
		switch {
		case strings.HasPrefix(sql, "--"):
			end := strings.IndexAny(sql, "\n\r")
			if end < 0 {
				return ""
			}
			sql = sql[end:]
		case strings.HasPrefix(sql, "/*"):
			comment, after, ended := strings.Cut(sql[2:], "*/")
			if !ended || strings.Contains(comment, "/*") { // a comment in a comment is for PostgreSQL to read
				return ""
			}
			sql = after
		default:
			end := strings.IndexFunc(sql, func(r rune) bool { return r|0x20 < 'a' || r|0x20 > 'z' })
			if end < 0 {
				return sql
			}
			if r := sql[end]; r == '_' || r == '$' || r >= 0x80 || r >= '0' && r <= '9' { // a longer name
				return ""
			}
			return sql[:end]
		}
	}
}
