package main

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// notice is what the server says beside its results.
type notice struct {
	Severity string `json:"severity"` // NOTICE or WARNING
	Message  string `json:"message"`
	Detail   string `json:"detail,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

// hearing is inTx, and returns what the server said meanwhile. A transaction that is tried again says it anew.
func (a *app) hearing(ctx context.Context, conn *pgx.Conn, p *patience, body func(tx pgx.Tx) error) (heard []notice, err error) {
	heard = []notice{} // JSON's [] and not null
	a.onNotice = func(n *pgconn.Notice) {
		heard = append(heard, notice{n.Severity, oneLine(n.Message), oneLine(n.Detail), oneLine(n.Hint)})
	}
	defer func() { a.onNotice = nil }()
	err = p.inTx(ctx, conn, func(tx pgx.Tx) error {
		heard = heard[:0]
		if _, err := tx.Exec(ctx, "SET LOCAL client_min_messages = notice"); err != nil {
			return err
		}
		return body(tx)
	}, readCommitted)
	return heard, err
}

// tell prints what the server said, which with --json is in the result.
func (a *app) tell(heard []notice) {
	if a.json {
		return
	}
	for _, n := range heard {
		severity := strings.ToLower(n.Severity)
		if n.Severity == "WARNING" {
			severity = a.coloured(a.stderr, red, severity)
		}
		a.note("%s: %s", severity, n.Message)
		if n.Detail != "" {
			a.note("detail: %s", n.Detail)
		}
		if n.Hint != "" {
			a.note("hint: %s", n.Hint)
		}
	}
}
