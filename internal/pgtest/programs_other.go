//go:build !unix

package pgtest

import (
	"context"
	"errors"
)

// startPrograms needs unix sockets, sessions and a shell.
func startPrograms(context.Context, config) (*Server, error) {
	return nil, errors.New("a throwaway cluster needs a Unix; use Docker or " + urlVariable)
}
