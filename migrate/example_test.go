package migrate_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
)

func ExampleUp() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, exampleURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close(ctx)

	if err := migrate.Up(ctx, conn); err != nil {
		fmt.Println(err)
		return
	}
	version, err := migrate.Status(ctx, conn)
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

func ExampleScript() {
	script, err := migrate.Script()
	if err != nil {
		fmt.Println(err)
		return
	}
	// Feed it to psql, or to a migration tool of your own.
	fmt.Println(script[len(script)-len("COMMIT;\n"):])
	// Output: COMMIT;
}

// exampleURL is where a program would have its own database.
func exampleURL() string {
	database, err := pgtest.ForExamples(context.Background())
	if err != nil {
		panic(err)
	}
	return database.URL
}
