// Withpg runs a command with a PostgreSQL to talk to, for the Makefile and CI:
//
//	go run ./internal/pgtest/withpg [-empty] [-tcp] command [argument ...]
//
// It finds or starts a server as package pgtest does, creates a database with schema gapless in it, runs the command with
// GAPLESS_DATABASE_URL set to that database, cleans up, and exits with the command's code. With -empty the schema is
// not installed. With -tcp the URL has no Unix socket, which not every driver knows.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/pggapless/gapless/internal/pgtest"
)

func main() {
	empty := flag.Bool("empty", false, "do not install schema gapless")
	tcp := flag.Bool("tcp", false, "reach the server by TCP")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: withpg [-empty] [-tcp] command [argument ...]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *empty, *tcp, flag.Args())
	stop()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpg:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, empty, tcp bool, command []string) (err error) {
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
	address := database.URL
	if tcp {
		if address, err = overTCP(ctx, address); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "GAPLESS_DATABASE_URL="+address)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// overTCP is the address of a server by TCP. What comes by a port of this machine goes to its Unix socket, until the program ends.
func overTCP(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	dir := u.Query().Get("host")
	if !filepath.IsAbs(dir) {
		return address, nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	socket := filepath.Join(dir, ".s.PGSQL."+u.Query().Get("port"))
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go join(client.(*net.TCPConn), socket)
		}
	}()
	u.Host, u.RawQuery = listener.Addr().String(), "sslmode=disable"
	return u.String(), nil
}

func join(client *net.TCPConn, socket string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(client, server)
}
