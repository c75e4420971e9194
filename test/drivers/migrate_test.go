package drivers

import (
	"database/sql"
	"testing"

	"github.com/XSAM/otelsql"
	"github.com/jackc/pgx/v5"
	pgxstdlib "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
)

// TestMigrateTakesEachDriver has the steps run by drivers that are not pgx's, and by one that wraps it.
func TestMigrateTakesEachDriver(t *testing.T) {
	t.Parallel()
	drivers := map[string]func(config *pgx.ConnConfig) (*sql.DB, error){
		"otelsql": func(c *pgx.ConnConfig) (*sql.DB, error) { return otelsql.OpenDB(pgxstdlib.GetConnector(*c)), nil },
	}
	for name, open := range foreign {
		drivers[name] = open
	}
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, database := t.Context(), pgtest.NewEmpty(t)
			config, err := pgx.ParseConfig(pgproxy.New(t, database.URL).URL())
			require.NoError(t, err)
			db, err := open(config)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })

			tx, err := db.BeginTx(ctx, nil)
			require.NoError(t, err)
			require.NoError(t, migrate.UpSQLTx(ctx, tx))
			require.NoError(t, tx.Rollback())
			version, err := migrate.Status(ctx, db)
			require.NoError(t, err)
			require.Zero(t, version.Current, "it was rolled back")

			conn, err := db.Conn(ctx)
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			_, err = conn.ExecContext(ctx, "BEGIN")
			require.NoError(t, err)
			require.ErrorContains(t, migrate.Up(ctx, conn), "in a transaction")
			_, err = conn.ExecContext(ctx, "ROLLBACK")
			require.NoError(t, err)

			steps, err := migrate.Steps()
			require.NoError(t, err)
			_, err = conn.ExecContext(ctx, steps[0].SQL)
			require.NoError(t, err, "by hand")
			for range 2 {
				require.NoError(t, migrate.Up(ctx, db))
				version, err = migrate.Status(ctx, conn)
				require.NoError(t, err)
				require.Equal(t, migrate.Version{Current: version.Latest, Latest: version.Latest}, version)
			}
			var number int64
			require.NoError(t, db.QueryRowContext(ctx, "SELECT gapless.next_gapless('a')").Scan(&number))
			require.EqualValues(t, 1, number)
		})
	}
}
