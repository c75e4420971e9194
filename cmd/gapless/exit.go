package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/client"
)

// The exit codes, which rootLong documents.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitLocked      = 3
	exitMissing     = 4
	exitInterrupted = 130
)

// failure is an error that knows its exit code and what to do about it.
type failure struct {
	code     int
	message  string
	detail   string // printed where the message is not enough
	hint     string
	sequence string // what it is about, if it is about one
	cause    error  // what the server said, if it did
}

func (f *failure) Error() string { return f.message }

func (f *failure) Unwrap() error { return f.cause }

func usage(message, hint string) *failure {
	return &failure{code: exitUsage, message: message, hint: hint}
}

// report says on stderr what happened, in one line, and a hint in another, and returns the exit code. With --json it is one object.
func (a *app) report(ctx context.Context, err error) int {
	f := explain(err)
	if ctx.Err() != nil && !errors.Is(err, gapless.ErrOutcomeUnknown) {
		f = &failure{code: exitInterrupted, message: "interrupted"}
	}
	code := f.code
	if ctx.Err() != nil {
		code = exitInterrupted
	}
	if a.json {
		encoder := json.NewEncoder(a.stderr)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(newProblem(f, err, code)) // where that cannot be written, nothing can
		return code
	}
	a.note("gapless: %s", f.message)
	if f.detail != "" {
		a.note("detail: %s", f.detail)
	}
	if f.hint != "" {
		a.note("hint: %s", f.hint)
	}
	return code
}

// problem is an error as --json prints it, in one line.
type problem struct {
	Message    string `json:"message"`
	Detail     string `json:"detail,omitempty"`
	Hint       string `json:"hint,omitempty"`
	ExitCode   int    `json:"exit_code"`
	SQLState   string `json:"sqlstate,omitempty"`
	Sequence   string `json:"sequence,omitempty"`
	Schema     string `json:"schema,omitempty"`
	Table      string `json:"table,omitempty"`
	Column     string `json:"column,omitempty"`
	Constraint string `json:"constraint,omitempty"`
}

func newProblem(f *failure, err error, code int) problem {
	p := problem{Message: f.message, Detail: f.detail, Hint: f.hint, ExitCode: code, Sequence: f.sequence}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && code != exitInterrupted {
		p.Detail = cmp.Or(p.Detail, oneLine(pgErr.Detail))
		p.SQLState, p.Column, p.Constraint = pgErr.Code, pgErr.ColumnName, pgErr.ConstraintName
		if pgErr.SchemaName != "gapless" { // whose tables are private
			p.Schema, p.Table = pgErr.SchemaName, pgErr.TableName
		}
	}
	if ofCall, ok := errors.AsType[*client.Error](err); ok {
		p.Sequence = cmp.Or(p.Sequence, ofCall.Sequence)
	}
	return p
}

// explain finds the exit code, the message and the hint for an error.
func explain(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return &failure{code: exitFailure, message: oneLine(err.Error())}
	}
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || errors.Is(err, gapless.ErrOutcomeUnknown) {
		return &failure{code: exitFailure, message: strings.TrimPrefix(err.Error(), "gapless: ")}
	}

	f := &failure{code: exitFailure, message: oneLine(pgErr.Message), hint: oneLine(pgErr.Hint)}
	if sequence, ok := errors.AsType[*client.Error](err); ok && sequence.Sequence != "" && pgErr.SchemaName != "gapless" {
		f.message = fmt.Sprintf("sequence %q: %s", sequence.Sequence, f.message) // PostgreSQL's own do not name it
	}
	if errors.Is(err, gapless.ErrSequenceClosed) || pgErr.SchemaName == "gapless" && pgErr.TableName == "number_range" && pgErr.Detail != "" {
		f.message += ": " + oneLine(pgErr.Detail) // who closed it, when and why; which range it is about
	}
	switch pgErr.Code {
	case "3F000", "42883", "42P01": // invalid_schema_name, undefined_function, undefined_table
		if where, _, _ := strings.Cut(pgErr.Where, "\n"); where != "" { // in an expression of an attached column
			f.message = where + ": " + f.message
			break
		}
		f.message = "schema gapless is not in this database, or not up to date"
		f.hint = "run `gapless migrate up`"
	case "42501": // insufficient_privilege
		f.hint = cmp.Or(f.hint, "the owner of schema gapless gives an application its rights with gapless.grant_gapless(role), and those to audit, void, adopt and delete one by one")
	case "55P03": // lock_not_available
		f.code = exitLocked
		f.hint = cmp.Or(f.hint, "`gapless holders` shows who holds it")
	case "22004", "22023", "22007", "22008", "22P02": // null_value_not_allowed, invalid_parameter_value, and texts of the wrong form
		f.code = exitUsage
	}
	return f
}

// caused is a failure of its own that is explained as an error is, and has it for its cause.
func caused(err error) *failure {
	f := *explain(err) // a copy: an error that is a failure already would be its own cause
	f.cause = err
	return &f
}

// oneLine replaces every run of white space by a space.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
