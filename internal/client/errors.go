package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The sentinels of package gapless, which documents them.
var (
	ErrLocked           = errors.New("locked by another transaction")
	ErrInvalid          = errors.New("refused as invalid")
	ErrExhausted        = errors.New("no value left")
	ErrSequenceClosed   = errors.New("the sequence is closed")
	ErrSequenceOfColumn = errors.New("a column numbers itself from this sequence")
	ErrWritten          = errors.New("a number was written by hand")
	ErrChanged          = errors.New("what was numbered was changed")
	ErrDeleted          = errors.New("a numbered row was deleted")
	ErrChronology       = errors.New("dated before the number before")
	ErrNotAttached      = errors.New("the column is not attached")
	ErrAttachedAlready  = errors.New("the column is attached already")
	ErrOutcomeUnknown   = errors.New("whether the transaction committed is unknown")
)

// Error is an error and what it means. It unwraps to both.
type Error struct {
	Sequence string // the call's; "" where it is of no call for a sequence
	Meaning  error  // a sentinel, or nil
	Cause    error

	subject string // what it is about, or "" where that is not known
	column  string // the column that this is
}

// prefix is how the texts of all errors of the client begin.
const prefix = "gapless: "

// Error names what it is about once, in what PostgreSQL says, where that is in the text.
func (e *Error) Error() string {
	text := strings.TrimPrefix(e.Cause.Error(), prefix)
	var pg *pgconn.PgError
	switch {
	case e.subject == "":
		return prefix + text
	case errors.As(e.Cause, &pg) && strings.Contains(text, pg.Error()):
		return prefix + strings.Replace(text, pg.Error(), e.about(pg), 1)
	}
	return prefix + e.subject + ": " + text
}

// about is what PostgreSQL says, and begins with the subject, which SQL's message may begin with, too.
func (e *Error) about(pg *pgconn.PgError) string {
	text := pg.Message
	if pg.Detail != "" && (pg.ConstraintName == "gapless_attached" || pg.ConstraintName == "attach_guards") { // which says what is otherwise
		text += ": " + strings.TrimSuffix(strings.ReplaceAll(pg.Detail, "\n", " "), ".")
	}
	text += " (SQLSTATE " + pg.Code + ")"
	if strings.HasPrefix(e.subject, "sequence ") && strings.HasPrefix(text, e.subject) {
		return text
	}
	if rest, found := strings.CutPrefix(text, `column "`+e.column+`" of table `); found && e.column != "" {
		return e.subject + afterName(rest)
	}
	return e.subject + ": " + text
}

// afterName is what follows the name of a table, which may have parts in quotes.
func afterName(text string) string {
	quoted := false
	return strings.TrimLeftFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return quoted || !strings.ContainsRune(" :,", r)
	})
}

func (e *Error) Unwrap() []error {
	if e.Meaning == nil {
		return []error{e.Cause}
	}
	return []error{e.Meaning, e.Cause}
}

// Wrap adds to an error of a call which sequence it is about, and what it means. It returns nil for nil.
func Wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Sequence: name, subject: `sequence "` + name + `"`, Meaning: meaningOfCall(err), Cause: err}
}

// WrapColumn is [Wrap] for a call about a column. The table is named as in the call, where the error's fields do not tell its schema.
func WrapColumn(table, column string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{subject: "column " + table + "." + column, column: column, Meaning: meaningOfCall(err), Cause: err}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && ofColumn(pg) && pg.ColumnName == column {
		e.ofColumn(pg)
	}
	return e
}

// WrapCall is [Wrap] for a call about neither: what says which.
func WrapCall(what string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{subject: what, Meaning: meaningOfCall(err), Cause: err}
}

// Classify adds to an error what it means for gapless, and the column that it is about. What means nothing, or has its meaning already, is
// returned as it is.
func Classify(err error) error {
	pg, meaning := meant(err)
	if meaning == nil || errors.Is(err, meaning) {
		return err
	}
	e := &Error{Meaning: meaning, Cause: err}
	if ofColumn(pg) {
		e.ofColumn(pg)
	}
	return e
}

// meant finds the first error of PostgreSQL's that means something, as one that was joined with what came after it, and what it means.
func meant(err error) (pg *pgconn.PgError, means error) {
	if errors.As(err, &pg) {
		if means = meaning(pg); means != nil {
			return pg, means
		}
	}
	var causes []error
	switch err := err.(type) { //nolint:errorlint // each is looked at, one after the other
	case interface{ Unwrap() error }:
		causes = []error{err.Unwrap()}
	case interface{ Unwrap() []error }:
		causes = err.Unwrap()
	}
	for _, cause := range causes {
		if pg, means = meant(cause); means != nil {
			return pg, means
		}
	}
	return nil, nil
}

func (e *Error) ofColumn(pg *pgconn.PgError) {
	e.subject = "column " + pg.SchemaName + "." + pg.TableName + "." + pg.ColumnName
	e.column = pg.ColumnName
}

// ofColumn reports whether an error is gapless's, and about a column. A user's own constraint may have the same name, but PostgreSQL names no
// column beside a constraint that was violated.
func ofColumn(pg *pgconn.PgError) bool {
	ours := strings.HasPrefix(pg.ConstraintName, "gapless_") || strings.HasPrefix(pg.ConstraintName, "attach_")
	return ours && pg.ColumnName != "" && pg.SchemaName != "gapless"
}

// meaning is the sentinel of an error of PostgreSQL's, whoever ran the statement; nil where it is not gapless's, or its SQLSTATE says enough.
// The constraint tells apart what shares a SQLSTATE.
func meaning(pg *pgconn.PgError) error {
	switch {
	case pg.Code == "55P03": // lock_not_available, of whatever lock
		return ErrLocked
	case pg.SchemaName != "gapless" && !ofColumn(pg):
		return nil
	}
	switch pg.ConstraintName {
	case "sequence_target":
		return ErrSequenceOfColumn
	case "gapless_closed":
		return ErrSequenceClosed
	case "gapless_written":
		return ErrWritten
	case "gapless_changed", "gapless_chained", "gapless_moved", "gapless_hashed":
		return ErrChanged
	case "gapless_deleted", "gapless_truncated", "gapless_snapshot", "gapless_suppressed":
		return ErrDeleted
	case "gapless_chronology":
		return ErrChronology
	case "gapless_attached":
		return ErrAttachedAlready
	case "gapless_unattached", "gapless_unguarded", "gapless_renamed", "gapless_misnamed", "gapless_unkeyed", "gapless_reseried", "gapless_changed_name", "attach_guards":
		return ErrNotAttached
	}
	switch pg.Code {
	case "2200H": // sequence_generator_limit_exceeded
		return ErrExhausted
	case "42501": // insufficient_privilege
		return nil
	case "42704": // undefined_object: the column that series_of names, or a type in an expression
		if pg.ConstraintName == "attach_series_of" {
			return ErrNotAttached
		}
		return ErrInvalid
	case "0A000": // feature_not_supported, in an expression
		return ErrInvalid
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "22", "23", "42", "55": // of data, constraints, syntax and names, states
		return ErrInvalid
	}
	return nil
}

// meaningOfCall is [meaning] in a call of gapless, where PostgreSQL itself refuses an argument, too.
func meaningOfCall(err error) error {
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg):
		return nil
	case pg.Code == "22004", pg.Code == "22023": // null_value_not_allowed, invalid_parameter_value
		return ErrInvalid
	}
	return meaning(pg)
}

// Errorf is [fmt.Errorf], and begins as all errors of the client do: once, whatever it wraps.
func Errorf(format string, args ...any) error {
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = inner{err}
		}
	}
	return fmt.Errorf(prefix+format, args...)
}

// inner is an error within the text of another one.
type inner struct{ err error }

func (e inner) Error() string { return strings.TrimPrefix(e.err.Error(), prefix) }

func (e inner) Unwrap() error { return e.err }

// Granting says of an error what has to be granted, where a role may not call what InTx and group commit call.
func Granting(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" && pg.Routine == "aclcheck_error" && strings.Contains(pg.Message, "gapless") {
		return fmt.Errorf("%w: the owner of schema gapless has to grant the role what this calls: SELECT gapless.grant_gapless('role')", err)
	}
	return err
}
