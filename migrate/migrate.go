// Package migrate installs and upgrades schema gapless in a database. It is a module of its own:
//
//	go get github.com/pggapless/gapless/migrate
//
// [Up] takes what a program has anyway: a pool or a connection of pgx, or a [sql.DB] or [sql.Conn] of database/sql. [UpTx] and
// [UpSQLTx] do it in a transaction of the caller's. Other migration tools take the SQL of each step from [Steps].
//
// The version is what the schema itself says: its function version_gapless(). All ways to install it define that, and so do the
// migrations of this module's repository when tern runs them: what one of them has begun, another can go on with. A dump has it, too,
// also one of the schema alone. Where functions, views or triggers of the schema were dropped, Up makes them again; where a table was, it
// is refused.
package migrate

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	gaplesssql "github.com/pggapless/gapless/sql"
)

// ErrNewer is the error of [Up] for a database that a newer release has migrated. Nothing is changed; the caller
// decides whether this release works with it.
var ErrNewer = errors.New("the database was migrated by a newer release")

// Conn is what can begin transactions.
type Conn interface {
	*pgxpool.Pool | *pgxpool.Conn | *pgx.Conn | *sql.DB | *sql.Conn
}

// Up installs the schema, or brings it up to date; on a database that is up to date it changes nothing. Each step is a transaction
// of its own, so a connection must not be in one: it is refused, before anything is sent to change the database. Settings of the
// session stay as they are.
//
// What of the schema somebody dropped ([Version.Missing]), it makes again, but for tables, and warns (as PostgreSQL's WARNING): roles
// that have all else that grant_gapless gives have these rights again on views; other rights are to be granted again.
//
// It blocks while another session migrates this database, as long as lock_timeout allows.
//
// On a coordinator of Citus it has the coordinator do the same on all active workers first, in transactions of their own. If one cannot
// be reached, it changes nothing, and says which. After any other error of a worker the coordinator is as it was, and the error says
// which workers are done. It can be repeated. [UpTx] changes the coordinator alone.
//
// The role needs CREATE on the database, as the database's owner has, or owns an empty schema gapless that somebody made for it. It
// need not be a superuser. It becomes the owner of the schema, and only the owner can upgrade it. Any other role gets 42501, also on a
// database that is up to date. A program that runs as another role asks for [Status] instead.
//
// Errors: [ErrNewer]; PostgreSQL's, as a [*pgconn.PgError] (by [errors.As]), such as 42P06 where the database has
// another schema of that name, 42501 where another role owns it, and 55000 where it is an extension that is not up to date, or a table
// of it was dropped. The error of a step names it. After an error the database has the steps that came before it.
func Up[C Conn](ctx context.Context, conn C) error { return up(ctx, conn, gaplesssql.Migrations()) }

// UpTx is [Up] in the caller's transaction: what is missing is there when it commits, and not when it is rolled back. It begins and
// ends none, and leaves the transaction's settings as they were. Others who migrate wait until it has ended. After an error it can
// only be rolled back, unless the error is [ErrNewer].
//
// In a transaction of REPEATABLE READ or above, 40001 says that another session migrated the database since it began.
func UpTx(ctx context.Context, tx pgx.Tx) error {
	return upTx(ctx, pgxHandle{tx}, gaplesssql.Migrations())
}

// UpSQLTx is [UpTx] for a transaction of database/sql.
func UpSQLTx(ctx context.Context, tx *sql.Tx) error {
	return upTx(ctx, sqlHandle{tx}, gaplesssql.Migrations())
}

// Version is where a database stands.
type Version struct {
	// Current is the number of its newest step; 0 if the schema is not installed.
	Current int32
	// Latest is the number of the newest step that this module has. It is the smaller one in a
	// database that a newer release migrated.
	Latest int32
	// Missing is what of its steps it lacks, since somebody dropped it: tables, views, functions and triggers, such as "view
	// gapless.sequences". [Up] makes them again, but for tables, which are to be restored from a backup. It is not known of a database
	// that is at another version, but for tables.
	Missing []string
	// Extension says that it is installed as an extension, which ALTER EXTENSION gapless UPDATE upgrades, and [Up] does not.
	Extension bool
}

// Status tells where a database stands. It changes nothing, and waits for nobody. A connection may be in a transaction.
// The role needs no right but to connect.
func Status[C Conn](ctx context.Context, conn C) (Version, error) {
	var version Version
	err := withSession(ctx, conn, func(s session) (err error) {
		inside, err := s.inTransaction(ctx)
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		if inside {
			version, err = status(ctx, s.handle())
			return err
		}
		tx, err := begin(ctx, s, "READ ONLY") // which waits for nobody, whatever the session's defaults are
		if err != nil {
			return err
		}
		defer tx.rollback(ctx)
		version, err = status(ctx, tx)
		return err
	})
	return version, err
}

// StatusTx is [Status] as a transaction sees it.
func StatusTx(ctx context.Context, tx pgx.Tx) (Version, error) { return status(ctx, pgxHandle{tx}) }

// StatusSQLTx is [StatusTx] for a transaction of database/sql.
func StatusSQLTx(ctx context.Context, tx *sql.Tx) (Version, error) {
	return status(ctx, sqlHandle{tx})
}

// Step brings a database from one version of the schema to the next. Its field SQL is what another migration tool runs.
type Step = gaplesssql.Step

// Steps returns what [Up] does, in its order: for those who have another migration tool do it. A release can add steps; it changes
// none that was released.
//
// A tool that has run them and Up know of each other: Up goes on where the tool has ended; and a step that the database has raises
// 42710, so tell the tool of those that Up has done.
func Steps() ([]Step, error) { return gaplesssql.Steps() }

// Script returns the whole install as one SQL statement: see [gaplesssql.Script].
func Script() (string, error) { return gaplesssql.Script() }

// Extension returns the files of a PostgreSQL extension, by their names: see [gaplesssql.Extension].
func Extension() (map[string]string, error) { return gaplesssql.Extension() }

// PgTLE returns a script that registers the extension with pg_tle: see [gaplesssql.PgTLE].
func PgTLE() (string, error) { return gaplesssql.PgTLE() }

// Statements returns the schema's definitions, for programs that read them: see [gaplesssql.Statements].
func Statements() (string, error) { return gaplesssql.Statements() }

func up[C Conn](ctx context.Context, conn C, migrations fs.FS) error {
	steps, err := gaplesssql.StepsOf(migrations)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return withSession(ctx, conn, func(s session) error {
		inside, err := s.inTransaction(ctx)
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		if inside {
			return errors.New("migrate: the connection is in a transaction: end it first, or migrate in it, by UpTx or UpSQLTx")
		}
		if err := upWorkers(ctx, s, steps, migrations); err != nil {
			return err
		}
		for {
			if more, err := upOnce(ctx, s, steps); err != nil || !more {
				return err
			}
		}
	})
}

// upOnce does what is to be done next, in a transaction, and reports whether there is more.
func upOnce(ctx context.Context, s session, steps []Step) (more bool, err error) {
	tx, err := begin(ctx, s, "READ WRITE")
	if err != nil {
		return false, err
	}
	defer tx.rollback(ctx) // does nothing after a commit
	pending, err := prepare(ctx, tx, steps)
	if err != nil {
		return false, err
	}
	if len(pending) > 0 {
		err = run(ctx, tx, pending[0])
	} else {
		err = mend(ctx, tx, steps)
	}
	if err != nil {
		return false, err
	}
	if err := tx.commit(ctx); err != nil {
		return false, fmt.Errorf("migrate: committing: %w", err)
	}
	return len(pending) > 1, nil
}

func upTx(ctx context.Context, tx handle, migrations fs.FS) error {
	steps, err := gaplesssql.StepsOf(migrations)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	switch inside, err := inTransaction(ctx, tx); {
	case err != nil:
		return fmt.Errorf("migrate: %w", err)
	case !inside:
		return errors.New("migrate: the transaction has ended, though its client does not know")
	}
	pending, err := prepare(ctx, tx, steps)
	if err != nil {
		return err
	}
	if len(pending) == 0 {
		return mend(ctx, tx, steps)
	}
	for _, step := range pending {
		if err := run(ctx, tx, step); err != nil {
			return err
		}
	}
	return nil
}

// prepare waits for others, and returns the steps that the database lacks.
func prepare(ctx context.Context, tx handle, steps []Step) (pending []Step, err error) {
	if err := tx.exec(ctx, gaplesssql.Prepare(steps)); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	current, err := currentVersion(ctx, tx)
	if err != nil {
		return nil, err
	}
	if current > len(steps) {
		return nil, fmt.Errorf("migrate: %w: it is at version %d, and this one ends at %d", ErrNewer, current, len(steps))
	}
	return steps[max(current, 0):], nil
}

func run(ctx context.Context, tx handle, step Step) error {
	if err := tx.exec(ctx, step.SQL); err != nil {
		return fmt.Errorf("migrate: step %d, %s: %w", step.Number, step.Name, err)
	}
	return nil
}

// mend makes again what somebody dropped in a database that is up to date.
func mend(ctx context.Context, tx handle, steps []Step) error {
	switch gone, err := missing(ctx, tx, steps); {
	case err != nil:
		return err
	case len(gone) == 0:
		return nil
	}
	if err := tx.exec(ctx, gaplesssql.Mend(steps)); err != nil {
		return fmt.Errorf("migrate: making again what was dropped: %w", err)
	}
	return nil
}

// missing returns what somebody dropped.
func missing(ctx context.Context, h handle, steps []Step) (gone []string, err error) {
	var text string
	if err = h.scan(ctx, "SELECT CAST(("+gaplesssql.Missing(steps)+") AS pg_catalog.text)", &text); err == nil {
		err = json.Unmarshal([]byte(text), &gone)
	}
	if err != nil {
		return nil, fmt.Errorf("migrate: looking for what is missing: %w", err)
	}
	if len(gone) == 0 {
		return nil, nil
	}
	return gone, nil
}

func status(ctx context.Context, h handle) (Version, error) {
	steps, err := Steps()
	if err != nil {
		return Version{}, fmt.Errorf("migrate: %w", err)
	}
	current, err := currentVersion(ctx, h)
	if err != nil {
		return Version{}, err
	}
	version := Version{Current: int32(current), Latest: int32(len(steps))}
	if err := h.scan(ctx, gaplesssql.IsExtension, &version.Extension); err != nil {
		return Version{}, fmt.Errorf("migrate: looking for the extension: %w", err)
	}
	version.Missing, err = missing(ctx, h, steps)
	return version, err
}

func currentVersion(ctx context.Context, h handle) (version int, err error) {
	if err := h.scan(ctx, gaplesssql.Version, &version); err != nil {
		return 0, fmt.Errorf("migrate: looking for the version: %w", err)
	}
	return version, nil
}

// begin begins a transaction that sees what others commit meanwhile, whatever the session's defaults are.
func begin(ctx context.Context, s session, access string) (transaction, error) {
	tx, err := s.begin(ctx)
	if err == nil {
		if err = tx.exec(ctx, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED, "+access); err != nil {
			tx.rollback(ctx)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return tx, nil
}

// Uninstall returns an SQL statement that takes gapless away: see [gaplesssql.Uninstall].
func Uninstall() string { return gaplesssql.Uninstall() }
