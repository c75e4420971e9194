// What the checks of Go libraries share. test/stacks/goprogram copies it to their programs; the underscore keeps it out of the workspace.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"
)

var failed bool

// library prints the version of a module that is in the program.
func library(name, module string) {
	info, _ := debug.ReadBuildInfo()
	at := slices.IndexFunc(info.Deps, func(m *debug.Module) bool { return m.Path == module })
	fmt.Printf("library\t%s\t%s\n", name, info.Deps[at].Version)
}

// tried runs a function, and prints ok, or its error.
func tried(what string, run func(ctx context.Context) error) {
	if err := run(context.Background()); err != nil {
		failed = true
		fmt.Printf("FAIL\t%s\t%s\n", what, strings.Join(strings.Fields(err.Error()), " "))
		return
	}
	fmt.Printf("ok\t%s\n", what)
}

func end() {
	if failed {
		os.Exit(1)
	}
}

// equal is an error if the values differ.
func equal[T comparable](seen, wanted T) error {
	if seen != wanted {
		return fmt.Errorf("%v, and not %v", seen, wanted)
	}
	return nil
}

// refused is an error unless err is PostgreSQL's of that SQLSTATE.
func refused(code string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("not refused by PostgreSQL: %w", err)
	}
	return equal(pg.Code, code)
}

// leftOut is an error if a folder of generated files has one of a table of schema gapless.
func leftOut(folder string) error {
	files, err := os.ReadDir(folder)
	if err != nil || len(files) == 0 {
		return fmt.Errorf("nothing in %s: %w", folder, err)
	}
	for _, file := range files {
		if strings.Contains(file.Name(), "journal") {
			return fmt.Errorf("%s has %s", folder, file.Name())
		}
	}
	return nil
}

func open() *sql.DB {
	db, err := sql.Open("pgx", os.Getenv("GAPLESS_DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	return db
}
