// Package migrate installs and upgrades schema gapless in a database.
//
// It runs the tern migrations that are embedded in this module, in process: [Up] does what `tern migrate` does with
// the tern.conf of this module's repository. The version is kept in [VersionTable], apart from the one of an
// application that uses tern itself.
package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

	"github.com/pggapless/gapless/sql"
)

// VersionTable holds the number of the newest migration that a database has.
const VersionTable = sql.VersionTable

// ErrNewer is the error of [Up] for a database that a newer release has migrated. Nothing is changed; the caller
// decides whether this release works with it.
var ErrNewer = errors.New("the database was migrated by a newer release")

// Up installs the schema, or brings it up to date; on a database that is up to date it changes nothing. Each
// migration is a transaction of its own, so conn must not be in one.
//
// It blocks while another session migrates this database. tern takes a session-level advisory lock for that, so conn
// must not be behind a transaction pooler. Session settings of conn are reset.
//
// The role needs CREATE on the database and on schema public, as the database's owner has, and need not be a
// superuser. It becomes the owner of the schema, and only the owner can upgrade it.
//
// Errors: [ErrNewer]; PostgreSQL's, as a [*pgconn.PgError] (by [errors.As]), such as 42P06 where the database has
// another schema of that name, and 42501 where another role owns [VersionTable]. The error of a migration names it.
func Up(ctx context.Context, conn *pgx.Conn) error {
	return up(ctx, conn, sql.Migrations())
}

func up(ctx context.Context, conn *pgx.Conn, migrations fs.FS) error {
	if conn.PgConn().TxStatus() != 'I' {
		return errors.New("migrate: the connection is in a transaction; end it first")
	}
	// Its transactions write, and see what others commit meanwhile, whatever the session's defaults are.
	writing := pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}
	err := pgx.BeginTxFunc(ctx, conn, writing, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql.Prepare)
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	version, err := status(ctx, conn, migrations)
	if err != nil {
		return err
	}
	if version.Current > version.Latest {
		return fmt.Errorf("migrate: %w: it is at version %d, and this one ends at %d", ErrNewer, version.Current, version.Latest)
	}
	migrator, err := migrate.NewMigrator(ctx, conn, VersionTable)
	if err != nil {
		return fmt.Errorf("migrate: preparing %s: %w", VersionTable, err)
	}
	if err := migrator.LoadMigrations(migrations); err != nil {
		return fmt.Errorf("migrate: reading the migrations: %w", err)
	}
	migrator.OnStart = func(int32, string, string, string) { // when tern has begun the migration's transaction
		_, _ = conn.Exec(ctx, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE") // or the migration fails, and says why
	}
	if err := migrator.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Script returns the whole install as one SQL script: see [sql.Script].
func Script() (string, error) { return sql.Script() }

// Version is where a database stands.
type Version struct {
	// Current is the number of its newest migration; 0 if the schema is not installed.
	Current int32
	// Latest is the number of the newest migration that this module has. It is the smaller one in a
	// database that a newer release migrated.
	Latest int32
}

// Status tells where a database stands. It changes nothing, and takes no lock.
func Status(ctx context.Context, conn *pgx.Conn) (Version, error) {
	return status(ctx, conn, sql.Migrations())
}

func status(ctx context.Context, conn *pgx.Conn, migrations fs.FS) (Version, error) {
	loaded, err := load(migrations)
	if err != nil {
		return Version{}, err
	}
	version := Version{Latest: int32(len(loaded))}

	look := func(conn interface {
		QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	}) error {
		var installed bool
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", VersionTable).Scan(&installed); err != nil {
			return fmt.Errorf("migrate: looking for %s: %w", VersionTable, err)
		}
		if !installed {
			return nil
		}
		err := conn.QueryRow(ctx, "SELECT version FROM "+VersionTable).Scan(&version.Current)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("migrate: reading %s: %w", VersionTable, err)
		}
		return nil
	}
	if conn.PgConn().TxStatus() != 'I' {
		err = look(conn)
	} else { // which waits for nobody, whatever the session's defaults are
		options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadOnly, DeferrableMode: pgx.NotDeferrable}
		err = pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) error { return look(tx) })
	}
	if err != nil {
		return Version{}, err
	}
	return version, nil
}

// load returns the migrations with their templates resolved. Without a connection, tern only reads.
func load(migrations fs.FS) ([]*migrate.Migration, error) {
	migrator, err := migrate.NewMigrator(context.Background(), nil, VersionTable)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	if err := migrator.LoadMigrations(migrations); err != nil {
		return nil, fmt.Errorf("migrate: reading the migrations: %w", err)
	}
	return migrator.Migrations, nil
}
