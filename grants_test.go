package gapless_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestARoleThatOnlyInsertsNeedsARightForTheClientsTransactions has the documented grants, and none.
func TestARoleThatOnlyInsertsNeedsARightForTheClientsTransactions(t *testing.T) {
	t.Parallel()
	for name, grants := range map[string][]string{
		"grant_gapless": {"SELECT gapless.grant_gapless('app')"},
		"the least": {
			"GRANT USAGE ON SCHEMA gapless TO app",
			"GRANT EXECUTE ON FUNCTION gapless.mark_gapless, gapless.outcome_gapless, gapless.flush_gapless TO app",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := sqltest.Connect(t, database)
			role, quoted := sqltest.Role(t, database, "app")
			s.Do("CREATE TABLE notes (id int, number bigint UNIQUE)")
			s.Do("SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note' $$)")
			s.Do("GRANT INSERT ON notes TO " + quoted)
			pool := database.Pool(t, func(config *pgxpool.Config) { config.ConnConfig.RuntimeParams["role"] = role })
			const statement = "INSERT INTO notes VALUES (1)"
			insert := func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), statement); return err }
			require.NoError(t, pgx.BeginFunc(t.Context(), pool, insert), "in a transaction of one's own it needs none")
			var pg *pgconn.PgError
			refused := gapless.InTx(t.Context(), pool, insert)
			_, err := gapless.NewGroupCommitter(t.Context(), pool, gapless.WithFsyncOff())
			for _, err := range []error{refused, err} {
				require.ErrorAs(t, err, &pg)
				require.Equal(t, "42501", pg.Code)
				require.ErrorContains(t, err, "SELECT gapless.grant_gapless('role')")
				sqltest.RequireText(t, err)
			}

			for _, grant := range grants {
				s.Do(strings.NewReplacer("'app'", "'"+role+"'", "TO app", "TO "+quoted).Replace(grant))
			}
			require.NoError(t, gapless.InTx(t.Context(), pool, insert))
			err = gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), "DELETE FROM notes"); return err })
			sqltest.RequireCode(t, "42501", err)
			require.NotContains(t, err.Error(), "grant_gapless", "another right is missing")
			committer := sqltest.NewGroupCommitter(t, pool)
			require.NoError(t, committer.InTx(t.Context(), insert))
			var batch pgx.Batch
			batch.Queue(statement)
			require.NoError(t, committer.Send(t.Context(), &batch))
			require.EqualValues(t, 4, s.Number("SELECT gapless.last_gapless('note')"))
		})
	}
}
