// Withpg runs a command with a PostgreSQL to talk to, for the Makefile and CI:
//
//	go run ./internal/pgtest/withpg [-empty] command [argument ...]
//
// It finds or starts a server as package pgtest does, creates a database with schema gapless in it, runs the command with
// GAPLESS_DATABASE_URL set to that database, cleans up, and exits with the command's code. With -empty the schema is
// not installed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/pggapless/gapless/internal/pgtest"
)

func main() {
	empty := flag.Bool("empty", false, "do not install schema gapless")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: withpg [-empty] command [argument ...]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *empty, flag.Args())
	stop()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpg:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, empty bool, command []string) (err error) {
	server, err := pgtest.Start(ctx, pgtest.WithSettings(map[string]string{"wal_level": "logical"})) // one of the tests wants it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	fmt.Fprintln(os.Stderr, "withpg:", server.Provider())

	database, err := server.CreateDatabase(ctx, "")
	if err != nil {
		return err
	}
	if !empty {
		if err := pgtest.Install(ctx, database.URL); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "GAPLESS_DATABASE_URL="+database.URL)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
