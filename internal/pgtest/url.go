package pgtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const urlVariable = "GAPLESS_DATABASE_URL"

// startURL takes the server that WithURL or GAPLESS_DATABASE_URL names.
func startURL(ctx context.Context, c config) (*Server, error) {
	url, source := c.url, "the database URL"
	if url == "" {
		url, source = c.host.getenv(urlVariable), urlVariable
	}
	if url == "" {
		return nil, fmt.Errorf("%s is not set", urlVariable)
	}
	version, err := inspectGiven(ctx, url, source)
	if err != nil {
		return nil, askedError{err}
	}
	return newServer(fmt.Sprintf("the server of %s (PostgreSQL %s)", source, version), url, nil), nil
}

// inspectGiven connects once (the server was given, so it should be there), and finds out now, not in the first test,
// whether databases can be created.
func inspectGiven(ctx context.Context, url, source string) (version string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Second, errors.New("no answer within 15 seconds"))
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w (%w)", err, cause)
		}
		return "", fmt.Errorf("cannot connect to the server of %s; start it, or correct that: %w", source, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))

	var user string
	var allowed bool
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version'), rolname, rolcreatedb OR rolsuper
		FROM pg_catalog.pg_roles WHERE rolname = current_user`).Scan(&version, &user, &allowed)
	if err != nil {
		return "", fmt.Errorf("cannot query the server of %s: %w", source, err)
	}
	if !allowed {
		return "", fmt.Errorf("the role of %s may not create databases; run, as a superuser: ALTER ROLE %s CREATEDB",
			source, pgx.Identifier{user}.Sanitize())
	}
	return shortVersion(version), nil
}
