package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
)

// contender is a way to number the rows of a table: invoice_<name>, with two indexes, one of them on the number.
type contender struct {
	name string

	// setUp makes what it needs, when its table is there.
	setUp string

	// allocate gives a number; insertNext does that and inserts the row, as one statement.
	allocate, insertNext string

	// gapless says what its table must look like after a run without failures.
	gapless bool
}

// contenders are the peers, each as the SQL that it sends, in our words.
var contenders = []contender{
	{
		name:       "gapless",
		setUp:      "SELECT gapless.next_gapless('bench', initial => 0)",
		allocate:   "SELECT gapless.next_gapless('bench')",
		insertNext: "INSERT INTO invoice_gapless (number, customer) VALUES (gapless.next_gapless('bench'), $1)",
		gapless:    true,
	},
	{
		// django-sequences 3.0, src/sequences/__init__.py: what get_next_value sends to PostgreSQL without reset and nowait.
		name: "upsert",
		setUp: `CREATE TABLE counter (name varchar(100) PRIMARY KEY, last bigint NOT NULL CHECK (last >= 0));
			INSERT INTO counter VALUES ('bench', 0)`,
		allocate: `INSERT INTO counter (name, last) VALUES ('bench', 1)
			ON CONFLICT (name) DO UPDATE SET last = counter.last + 1 RETURNING last`,
		insertNext: `WITH next AS (
				INSERT INTO counter (name, last) VALUES ('bench', 1)
				ON CONFLICT (name) DO UPDATE SET last = counter.last + 1 RETURNING last
			) INSERT INTO invoice_upsert (number, customer) SELECT last, $1 FROM next`,
		gapless: true,
	},
	{
		// The ceiling: no lock, and a hole for every rollback.
		name:       "nextval",
		setUp:      "CREATE SEQUENCE native",
		allocate:   "SELECT nextval('native')",
		insertNext: "INSERT INTO invoice_nextval (number, customer) VALUES (nextval('native'), $1)",
	},
}

func (c contender) insert() string {
	return "INSERT INTO invoice_" + c.name + " (number, customer) VALUES ($2, $1)"
}

// shape is how a transaction reaches the server.
type shape struct {
	name string
	run  func(ctx context.Context, conn *pgx.Conn, c contender) error
}

var shapes = []shape{
	// One message and its answer, committed by the server at once.
	{"statement", func(ctx context.Context, conn *pgx.Conn, c contender) error {
		_, err := conn.Exec(ctx, c.insertNext, "a customer")
		return err
	}},
	// Four: begin, allocate, insert, commit, as most programs do.
	{"transaction", func(ctx context.Context, conn *pgx.Conn, c contender) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			var number int64
			if err := tx.QueryRow(ctx, c.allocate).Scan(&number); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, c.insert(), "a customer", number)
			return err
		})
	}},
}

// newDatabase makes a database for the contenders, each with its table.
func newDatabase(b *testing.B, contenders []contender) *pgtest.Database {
	b.Helper()
	database := pgtest.NewEmpty(b)
	conn := database.Conn(b)
	require.NoError(b, migrate.Up(b.Context(), conn))
	for _, c := range contenders {
		for _, statement := range []string{
			fmt.Sprintf("CREATE TABLE invoice_%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint NOT NULL UNIQUE, customer text NOT NULL)", c.name),
			c.setUp,
		} {
			_, err := conn.Exec(b.Context(), statement)
			require.NoError(b, err, statement)
		}
	}
	return database
}

// requireGapless checks that the benchmark measured something that works.
func requireGapless(b *testing.B, conn *pgx.Conn, contenders []contender) {
	b.Helper()
	_, err := conn.Exec(b.Context(), "SET jit = off") // which would take most of the time of an audit as small as this one
	require.NoError(b, err)
	var unexplained int64
	require.NoError(b, conn.QueryRow(b.Context(), "SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained").Scan(&unexplained))
	require.Zero(b, unexplained, "the audit's findings")
	for _, c := range contenders {
		var ok bool
		query := "SELECT count(*) > 0 AND (NOT $1 OR (min(number), max(number)) = (1, count(*))) FROM invoice_" + c.name
		require.NoError(b, conn.QueryRow(b.Context(), query, c.gapless).Scan(&ok))
		require.True(b, ok, "the numbers of %s have a hole", c.name)
	}
}
