package pgtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const urlVariable = "GAPLESS_DATABASE_URL"

// startURL takes the server that GAPLESS_DATABASE_URL names.
func startURL(ctx context.Context, c config) (*Server, error) {
	url := c.host.getenv(urlVariable)
	if url == "" {
		return nil, fmt.Errorf("%s is not set", urlVariable)
	}
	version, err := inspectGiven(ctx, url)
	if err != nil {
		return nil, askedError{err}
	}
	return newServer(fmt.Sprintf("the server of %s (PostgreSQL %s)", urlVariable, version), url, nil), nil
}

// inspectGiven connects once (the server was given, so it should be there), and finds out now, not in the first test,
// whether databases can be created.
func inspectGiven(ctx context.Context, url string) (version string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Second, errors.New("no answer within 15 seconds"))
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w (%w)", err, cause)
		}
		return "", fmt.Errorf("cannot connect to the server of %s; start it, correct the variable, or unset it: %w", urlVariable, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))

	var user string
	var allowed bool
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version'), rolname, rolcreatedb OR rolsuper
		FROM pg_catalog.pg_roles WHERE rolname = current_user`).Scan(&version, &user, &allowed)
	if err != nil {
		return "", fmt.Errorf("cannot query the server of %s: %w", urlVariable, err)
	}
	if !allowed {
		return "", fmt.Errorf("the role of %s may not create databases; run, as a superuser: ALTER ROLE %s CREATEDB",
			urlVariable, pgx.Identifier{user}.Sanitize())
	}
	return shortVersion(version), nil
}
