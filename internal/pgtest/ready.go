package pgtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ready blocks until the server that is being started answers a query, and returns its version. alive says why the
// server can no longer come up, if so.
func ready(ctx context.Context, url string, alive func(context.Context) error) (version string, err error) {
	for {
		version, err = ask(ctx, url)
		if err == nil {
			return shortVersion(version), nil
		}
		if gone := alive(ctx); gone != nil && ctx.Err() == nil {
			return "", gone
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%w; the last attempt to connect: %w", context.Cause(ctx), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ask makes one attempt. A connection that is accepted and then never answered (a port forwarder without a server
// behind it) must not use up all the time there is.
func ask(ctx context.Context, url string) (version string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Second, errors.New("no answer within 5 seconds"))
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, "SHOW server_version").Scan(&version)
	return version, err
}

// shortVersion cuts what a packager added: "15.18 (Debian 15.18-1)" is 15.18.
func shortVersion(version string) string {
	short, _, _ := strings.Cut(version, " ")
	return short
}

// poll blocks until done or a failure or the end of ctx.
func poll(ctx context.Context, done func() (bool, error)) error {
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// one returns the one value that a query has, over a connection of its own.
func one[T any](ctx context.Context, address, sql string, args ...any) (value T, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return value, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, sql, args...).Scan(&value)
	return value, err
}
