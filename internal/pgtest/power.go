package pgtest

import (
	"context"
	"errors"
	"syscall"
)

var errRuns = errors.New("PostgreSQL runs already")

// power turns a server that was started for [NewServer] off and on again, with the same address.
type power interface {
	// on starts the server, and may return before it answers.
	on(ctx context.Context) error
	// alive says why the server can no longer come up, if so.
	alive(ctx context.Context) error
	// off ends the server with that signal (SIGKILL for all of its processes), and blocks until all of them are gone.
	off(ctx context.Context, sig syscall.Signal) error
	// behead ends the postmaster alone with SIGKILL, and blocks until it is gone. What it started may go on.
	behead(ctx context.Context) error
}
