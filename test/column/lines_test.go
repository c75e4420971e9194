package column_test

// Drafts that are issued while others write the lines that reference them.

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestASettingDoesNotKeepAReferencedRowFromItsNumber: a foreign key's look at a row locks it, and the lock looks like an
// update.
func TestASettingDoesNotKeepAReferencedRowFromItsNumber(t *testing.T) {
	t.Parallel()
	s := numberAtCommit(t, pgtest.New(t))
	s.Do("CREATE TABLE line (invoice bigint REFERENCES invoices)")
	done := *sqltest.Value[string](s, "SELECT substring(prosrc FROM 'gapless.commit_done_[0-9]+') FROM pg_proc WHERE proname = 'invoices_number_gapless_confirm'")
	for _, expected := range []string{"", "0=", "garbage"} {
		s.Do("BEGIN")
		s.Do("INSERT INTO invoices (id, draft) SELECT count(*) + 1, false FROM invoices")
		s.Do("INSERT INTO line SELECT max(id) FROM invoices")
		s.Do("SELECT set_config($1, 'on', true), set_config('gapless.commit_expected', $2, true)", done, expected)
		s.Do("COMMIT")
	}
	require.Equal(t, []string{"1 a 1", "2 a 2", "3 a 3"}, invoiceRows(s))
	requireNothingLeft(s)
}
