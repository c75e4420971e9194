package gaplesstest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pggapless/gapless/internal/connstring"
	"github.com/pggapless/gapless/sql"
)

// old is when what nobody uses any more goes.
const old = 24 * time.Hour

// clone makes a database from the template, and the template where there is none.
func clone(ctx context.Context, s server, name string, schema []string) error {
	script, err := sql.Script()
	if err != nil {
		return err
	}
	install := append([]string{script}, schema...)
	template, err := templateName(ctx, s, install)
	if err != nil {
		return err
	}
	for {
		if err := ensureTemplate(ctx, s, template, install); err != nil {
			return fmt.Errorf("making its template: %w", err)
		}
		if err := s.create(ctx, name, template); !hasCode(err, noSuchDatabase) { // another run has dropped it, as it was old
			return err
		}
	}
}

// templateName tells apart what is in a template, and whose it is: only its owner can copy it.
func templateName(ctx context.Context, s server, install []string) (string, error) {
	role, err := ask(ctx, s, "SELECT current_user::text")
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, text := range append(role, install...) {
		fmt.Fprintf(hash, "%d %s", len(text), text)
	}
	return "gaplesstest_template_" + hex.EncodeToString(hash.Sum(nil))[:16], nil
}

func (s server) has(ctx context.Context, name string) (bool, error) {
	found, err := ask(ctx, s, "SELECT datname::text FROM pg_database WHERE datname = $1::text", name)
	return len(found) > 0, err
}

// ensureTemplate makes a template under another name, and gives it its own when all is in it. So whatever has that name is whole.
func ensureTemplate(ctx context.Context, s server, template string, install []string) error {
	if made, err := s.has(ctx, template); made || err != nil {
		return err
	}
	const key = "(hashtextextended($1, 0))"
	if _, err := s.Exec(ctx, "SELECT pg_advisory_lock"+key, template); err != nil {
		return err
	}
	defer func() { _, _ = s.Exec(ctx, "SELECT pg_advisory_unlock"+key, template) }() // or it goes with the session, which is New's own
	if made, err := s.has(ctx, template); made || err != nil {
		return err
	}
	name := making(template) + stamp(time.Now()) + "_" + letters()
	dropUnused(ctx, s, making(template), time.Now()) // of runs that were killed
	err := s.create(ctx, name, "template1")
	if err == nil {
		err = fill(ctx, s, name, install)
	}
	for _, statement := range []string{
		fmt.Sprintf("COMMENT ON DATABASE %s IS 'A template of the Go package gaplesstest, of _%s_'", quote(name), stamp(time.Now())),
		fmt.Sprintf("ALTER DATABASE %s WITH ALLOW_CONNECTIONS false", quote(name)), // or somebody keeps it from being copied
		fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", quote(name), quote(template)),
	} {
		if err == nil {
			_, err = s.Exec(ctx, statement)
		}
	}
	if err != nil {
		dropped := dropDatabase(context.WithoutCancel(ctx), s.url, name)
		if hasCode(err, duplicateDatabase, uniqueViolation) { // made meanwhile, by who connects to another database and so had another lock
			return dropped
		}
		return errors.Join(err, dropped)
	}
	dropUnused(ctx, s, "gaplesstest_template_", time.Now().Add(-old))
	return nil
}

// making is what the name of a template begins with that is not whole.
func making(template string) string {
	return "gaplesstest_making_" + template[len("gaplesstest_template_"):] + "_"
}

func fill(ctx context.Context, s server, name string, install []string) error {
	address, err := connstring.WithDatabase(s.url, name)
	if err != nil {
		return err
	}
	within, err := connect(ctx, address)
	if err != nil {
		return err
	}
	defer within.close()
	for _, statements := range install {
		if _, err := within.Exec(ctx, statements); err != nil {
			return err
		}
	}
	if within.PgConn().TxStatus() != 'I' {
		return errors.New("the statements of schema begin a transaction, and do not end it: it would be rolled back")
	}
	return nil
}

var swept sync.Map // by connection string

// sweep drops what tests that were killed have left, once a process.
func sweep(ctx context.Context, s server) {
	if _, done := swept.LoadOrStore(s.url, true); !done {
		dropUnused(ctx, s, "gaplesstest_2", time.Now().Add(-old)) // stamped in this millennium
		dropUnused(ctx, s, "gaplesstest_making_", time.Now().Add(-old))
	}
}

// dropUnused drops the role's databases whose names begin so, and that were made before then, unless somebody is connected to them.
// It is no error if it cannot.
func dropUnused(ctx context.Context, s server, prefix string, before time.Time) {
	names, _ := ask(ctx, s, `SELECT d.datname::text
		FROM pg_database AS d
		WHERE starts_with(d.datname, $1::text)
			AND d.datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
			AND substring(concat(d.datname, shobj_description(d.oid, 'pg_database')) FROM '_([0-9]{8}t[0-9]{6})_') < $2::text
			AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.datid = d.oid)`,
		prefix, stamp(before))
	for _, name := range names {
		_, _ = s.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name))
	}
}
