// Docker runs PostgreSQL in a container for package pgtest, which starts it as a program: so what imports pgtest does not
// compile a client of Docker's.
//
//	go run github.com/pggapless/gapless/test/docker IMAGE own|"" [argument of the server ...]
//
// With "own" the server can be stopped and started again, at the same port. It prints a line of JSON when the container runs,
// {"text": connection string} or {"error": message}; then a line as an answer to each line on standard input:
//
//	alive      whether the server can still come up; if not, the error says why
//	log        the end of its log, as text
//	start      start it again
//	signal 9   send its first process a signal, and wait until it is gone
//
// When standard input ends, the container is removed. That is when the process that holds the other end of the pipe closes
// it, or is gone, for whatever reason.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type answer struct {
	Text  string `json:"text,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	signal.Ignore(os.Interrupt, syscall.SIGTERM) // only the end of the pipe ends this
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, `usage: docker IMAGE own|"" [argument of the server ...]`)
		os.Exit(2)
	}
	lines := make(chan string)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(lines)
		defer cancel()
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()

	s, err := run(ctx, os.Args[1], os.Args[2] == "own", os.Args[3:])
	var address string
	if err == nil {
		address, err = s.address(ctx)
	}
	say(address, err)
	for line := range lines {
		say(s.obey(ctx, line))
	}
	if err := s.remove(); err != nil {
		fmt.Fprintln(os.Stderr, "docker:", err)
		os.Exit(1)
	}
}

func (s server) obey(ctx context.Context, line string) (text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	command, argument, _ := strings.Cut(line, " ")
	switch command {
	case "alive":
		return "", s.alive(ctx)
	case "log":
		return s.endOfLog(ctx), nil
	case "start":
		return "", s.Start(ctx)
	case "signal":
		return "", s.signal(ctx, argument)
	}
	return "", fmt.Errorf("there is no command %q", command)
}

func say(text string, err error) {
	a := answer{Text: text}
	if err != nil {
		a.Error = err.Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(a) // whoever reads it is gone if it cannot be written; then standard input ends
}
