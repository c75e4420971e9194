package migrate_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
)

func ExampleUp() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, exampleURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()

	if err := migrate.Up(ctx, pool); err != nil { // or a *pgx.Conn, a *sql.DB, …
		fmt.Println(err)
		return
	}
	version, err := migrate.Status(ctx, pool)
	fmt.Println(version.Current == version.Latest, err)
	// Output: true <nil>
}

func ExampleStatus() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, exampleURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close(ctx)

	version, err := migrate.Status(ctx, conn)
	fmt.Println(version.Current <= version.Latest, err)
	// Output: true <nil>
}

// Where there is no Citus there are no workers.
func ExampleStatusWorkers() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, exampleURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close(ctx)

	workers, err := migrate.StatusWorkers(ctx, conn)
	for _, w := range workers {
		fmt.Println(w)
	}
	fmt.Println(len(workers), err)
	// Output: 0 <nil>
}

func ExampleUpTx() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, exampleURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()

	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { // all of it, or nothing
		if err := migrate.UpTx(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `CREATE TABLE bills (number bigint UNIQUE); SELECT gapless.attach_gapless('bills', 'number')`)
		return err
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleUpSQLTx() {
	ctx := context.Background()
	db, err := sql.Open("pgx", exampleURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tx.Rollback()

	if err := migrate.UpSQLTx(ctx, tx); err != nil {
		fmt.Println(err)
		return
	}
	version, err := migrate.StatusSQLTx(ctx, tx)
	fmt.Println(version.Current == version.Latest, err)
	fmt.Println(tx.Commit())
	// Output:
	// true <nil>
	// <nil>
}

func ExampleStatusTx() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, exampleURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close(ctx)

	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		version, err := migrate.StatusTx(ctx, tx)
		fmt.Println(version.Current <= version.Latest)
		return err
	})
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

func ExampleStatusSQLTx() {
	ctx := context.Background()
	db, err := sql.Open("pgx", exampleURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tx.Rollback()

	version, err := migrate.StatusSQLTx(ctx, tx)
	fmt.Println(version.Current <= version.Latest, err)
	// Output: true <nil>
}

// Files for goose, which are written once, when a release has new steps.
func ExampleSteps() {
	steps, err := migrate.Steps()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range steps {
		file := fmt.Sprintf("%05d_gapless_%s.sql", 20+step.Number, step.Name)
		text := "-- +goose Up\n-- +goose StatementBegin\n" + step.SQL + "-- +goose StatementEnd\n"
		fmt.Println(file, len(text) > 1000)
	}
	// Output:
	// 00021_gapless_tables.sql true
	// 00022_gapless_install_functions.sql true
}

func ExampleScript() {
	script, err := migrate.Script()
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := sql.Open("pgx", exampleURL()) // or psql, or any other client
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	if _, err := db.Exec(script); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("installed, or up to date")
	// Output: installed, or up to date
}

func ExampleStatements() {
	statements, err := migrate.Statements()
	fmt.Println(strings.Contains(statements, "CREATE OR REPLACE FUNCTION gapless.next_gapless("), err)
	// Output: true <nil>
}

// The files of an extension, for a server's folder.
func ExampleExtension() {
	files, err := migrate.Extension()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Println(name)
	}
	// Output:
	// gapless--2.sql
	// gapless.control
}

func ExamplePgTLE() {
	script, err := migrate.PgTLE()
	fmt.Println(strings.Contains(script, "pgtle.install_extension('gapless', '2'"), err)
	// Output: true <nil>
}

func ExampleUninstall() {
	fmt.Println(strings.Contains(migrate.Uninstall(), "DROP SCHEMA gapless CASCADE"))
	// Output: true
}

// exampleURL is where a program would have its own database.
func exampleURL() string {
	database, err := pgtest.ForExamples(context.Background())
	if err != nil {
		panic(err)
	}
	return database.URL
}

// It is for a coordinator of Citus, and comes before [migrate.Uninstall] there.
func ExampleUninstallWorkers() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, exampleURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close(ctx)

	workers, err := migrate.UninstallWorkers(ctx, conn)
	for _, w := range workers {
		if w.Err != nil {
			fmt.Println(w.Address(), w.Err)
		}
	}
	fmt.Println(err)
	// Output: <nil>
}

func ExampleWorker_Address() {
	fmt.Println(migrate.Worker{Host: "worker-1.internal", Port: 5432}.Address())
	// Output: worker-1.internal:5432
}
