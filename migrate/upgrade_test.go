package migrate_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
	"github.com/pggapless/gapless/sql"
)

// checkout is a copy of sql/ and of what releases it.
type checkout struct {
	t    *testing.T
	root string
}

func newCheckout(t *testing.T) checkout {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash, which tools/snapshot needs: ", err)
	}
	c := checkout{t, t.TempDir()}
	require.NoError(t, os.CopyFS(filepath.Join(c.root, "sql"), os.DirFS("../sql")))
	text, err := os.ReadFile("../tools/snapshot")
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(c.root, "tools"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(c.root, "tools/snapshot"), text, 0o755))
	return c
}

// snapshot runs tools/snapshot, as `make release` and `make migration` do.
func (c checkout) snapshot(verb string) {
	c.t.Helper()
	output, err := exec.CommandContext(c.t.Context(), "bash", filepath.Join(c.root, "tools/snapshot"), verb).CombinedOutput()
	require.NoError(c.t, err, "%s", output)
}

// edit replaces what a file has once.
func (c checkout) edit(file, old, new string) {
	c.t.Helper()
	file = filepath.Join(c.root, "sql", file)
	text, err := os.ReadFile(file)
	require.NoError(c.t, err)
	require.Equal(c.t, 1, strings.Count(string(text), old), "%s has %q once", file, old)
	require.NoError(c.t, os.WriteFile(file, []byte(strings.Replace(string(text), old, new, 1)), 0o644))
}

func (c checkout) up(conn *pgx.Conn) error {
	return migrate.UpFrom(c.t.Context(), conn, c.migrations())
}

func (c checkout) migrations() fs.FS { return os.DirFS(filepath.Join(c.root, "sql/schema")) }

// lastMigration is the path of the newest migration, below sql.
func (c checkout) lastMigration() string {
	c.t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.root, "sql/schema/*.sql"))
	require.NoError(c.t, err)
	require.NotEmpty(c.t, paths)
	return "schema/" + filepath.Base(paths[len(paths)-1])
}

func TestTheEmbeddedMigrationsAreThoseOfTheCheckout(t *testing.T) {
	t.Parallel()
	embedded, err := migrate.Steps()
	require.NoError(t, err)
	committed, err := sql.StepsOf(os.DirFS("../sql/schema"))
	require.NoError(t, err)
	require.Equal(t, committed, embedded)

	copied := t.TempDir()
	require.NoError(t, os.CopyFS(copied, sql.Migrations()))
	walked, err := sql.StepsOf(os.DirFS(copied))
	require.NoError(t, err)
	require.Equal(t, committed, walked, "a copy of what is embedded")
}

// TestAnUpgradeReplacesFunctionsAndKeepsNumbers does what RELEASING.md says: a release, and then a change in a migration.
func TestAnUpgradeReplacesFunctionsAndKeepsNumbers(t *testing.T) {
	t.Parallel()
	release := newCheckout(t)
	release.snapshot("freeze")
	conn := pgtest.NewEmpty(t).Conn(t)
	require.NoError(t, release.up(conn))
	before := *one[int32](t, conn, "SELECT version FROM gapless.schema_version")

	do := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			_, err := conn.Exec(t.Context(), statement)
			require.NoError(t, err)
		}
	}
	do(`SELECT gapless.next_gapless('plain')`,
		`SELECT gapless.next_gapless_batch('plain', 3)`,
		`SELECT gapless.adopt_gapless('adopted', 41)`,
		`SELECT gapless.next_gapless('adopted')`,
		`CREATE TABLE invoices (id serial PRIMARY KEY, tenant int NOT NULL, number text, UNIQUE (tenant, number))`,
		`SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, format => $$ 'R' || value $$)`,
		`INSERT INTO invoices (tenant) SELECT 1 + i % 2 FROM generate_series(1, 10) AS i`,
		`CREATE TABLE notes (id serial PRIMARY KEY, number bigint UNIQUE)`,
		`SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note' $$, at_commit => true)`,
		`INSERT INTO notes DEFAULT VALUES`,
		`SELECT gapless.void_gapless('invoice/1', 2, 'cancelled')`)
	last := *one[string](t, conn, `SELECT string_agg(name || ' ' || last_value, ', ' ORDER BY name) FROM gapless.sequences`)
	require.Equal(t, "adopted 42, invoice/1 5, invoice/2 5, note 1, plain 4", last)
	held := *one[string](t, conn, `SELECT string_agg(i.*::text, ' ' ORDER BY i.id) FROM invoices AS i`)

	release.snapshot("begin")
	release.edit(release.lastMigration(), "-- {{", "ALTER TABLE gapless.void ADD COLUMN witness text;\n-- {{")
	release.edit("functions/allocate/peek_gapless.sql", "    RETURN value;\n", "    RETURN value + 1000;\n")
	release.edit("functions/column/column_refuse.sql", "Leave the column out, or give NULL", "In the next release, leave the column out")
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, migrate.UpTxFrom(t.Context(), tx, release.migrations()))
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, before, *one[int32](t, conn, "SELECT version FROM gapless.schema_version"), "it was rolled back")
	require.NoError(t, release.up(conn))

	require.Equal(t, before+1, *one[int32](t, conn, "SELECT version FROM gapless.schema_version"))
	require.EqualValues(t, 1005, *one[int64](t, conn, "SELECT gapless.peek_gapless('plain')"), "the altered function is in use")
	require.Nil(t, one[string](t, conn, "SELECT max(witness) FROM gapless.void"), "the table has been altered before")
	_, err = conn.Exec(t.Context(), "INSERT INTO invoices (tenant, number) VALUES (1, 'R6')")
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Contains(t, pg.Hint, "In the next release", "the triggers that an older release made call the altered function")

	require.Equal(t, last, *one[string](t, conn, `SELECT string_agg(name || ' ' || last_value, ', ' ORDER BY name) FROM gapless.sequences`))
	require.Equal(t, held, *one[string](t, conn, `SELECT string_agg(i.*::text, ' ' ORDER BY i.id) FROM invoices AS i`))
	require.EqualValues(t, 5, *one[int64](t, conn, "SELECT gapless.next_gapless('plain')"))
	require.EqualValues(t, 43, *one[int64](t, conn, "SELECT gapless.next_gapless('adopted')"))
	require.Equal(t, "R6", *one[string](t, conn, "INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	require.Equal(t, "R6 R7", *one[string](t, conn, `WITH i AS (INSERT INTO invoices (tenant) VALUES (2), (2) RETURNING number)
		SELECT string_agg(number, ' ' ORDER BY number) FROM i`))
	do(`INSERT INTO notes DEFAULT VALUES`)
	require.EqualValues(t, 2, *one[int64](t, conn, "SELECT max(number) FROM notes"))
	require.Nil(t, one[string](t, conn, "SELECT string_agg(f::text, '; ') FROM gapless.audit_gapless() AS f WHERE NOT f.explained"), "the audit is clean")

	fresh := pgtest.NewEmpty(t).Conn(t)
	require.NoError(t, release.up(fresh))
	requireSame(t, describe(t, fresh), describe(t, conn), "an upgraded schema is that of a new install")
}

// one is the only value of a query's only row; nil for NULL.
func one[T any](t *testing.T, conn *pgx.Conn, query string) *T {
	t.Helper()
	var value *T
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&value))
	return value
}
