package gapless

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pggapless/gapless/internal/retry"
)

// sharedBatch is a batch that is sent together with COMMIT, and may share its transaction with others.
type sharedBatch struct {
	ctx   context.Context
	batch *pgx.Batch
	done  chan error
	plain bool // all of it is sent as text, and isPlain

	read   []*readRows // what the callbacks are to read, in their order
	unread int         // how many results of them are still to come

	committed bool // a statement of it was COMMIT, and did not fail
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
			own = types.Copy()
			own.TryWrapScanPlanFuncs = types.TryWrapScanPlanFuncs
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
		return fmt.Errorf("gapless: %w: %w", retry.ErrCommitted, err)
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
