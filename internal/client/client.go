// Package client is what package gapless and package stdlib share: a sequence's arguments, and what an error means.
package client

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Arguments are what every call for a sequence sends. A nil pointer is SQL's default.
type Arguments struct {
	Name    string
	Initial *int64
	Reset   *int64
}

// The sentinels of package gapless, which documents them.
var (
	ErrLocked         = errors.New("locked by another transaction")
	ErrInvalid        = errors.New("invalid argument")
	ErrExhausted      = errors.New("no value left")
	ErrAttached       = errors.New("a column numbers itself from this sequence")
	ErrSequenceClosed = errors.New("the sequence is closed")
	ErrOutcomeUnknown = errors.New("whether the transaction committed is unknown")
)

// Error is an error of PostgreSQL's, and what it means for a sequence. It unwraps to both.
type Error struct {
	Sequence string
	Meaning  error // a sentinel, or nil
	Cause    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("gapless: sequence %q: %v", e.Sequence, e.Cause)
}

func (e *Error) Unwrap() []error {
	if e.Meaning == nil {
		return []error{e.Cause}
	}
	return []error{e.Meaning, e.Cause}
}

// Wrap adds to an error which sequence it is about, and what it means. It returns nil for nil.
func Wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Sequence: name, Meaning: meaning(err), Cause: err}
}

// meaning finds the sentinel of a SQLSTATE. Several errors share 55000; the constraint tells them apart.
func meaning(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return nil
	}
	switch pg.Code {
	case "55P03": // lock_not_available
		return ErrLocked
	case "22004", "22023": // null_value_not_allowed, invalid_parameter_value
		return ErrInvalid
	case "2200H": // sequence_generator_limit_exceeded
		return ErrExhausted
	case "2BP01": // dependent_objects_still_exist
		return ErrAttached
	case "55000": // object_not_in_prerequisite_state
		switch {
		case pg.SchemaName == "gapless" && pg.ConstraintName == "sequence_target":
			return ErrAttached
		case pg.SchemaName == "gapless" && pg.ConstraintName == "gapless_closed":
			return ErrSequenceClosed
		case pg.SchemaName == "gapless":
			return ErrInvalid
		}
	}
	return nil
}
