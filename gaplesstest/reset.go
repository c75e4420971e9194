package gaplesstest

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// Reset forgets numbers, so that they begin anew: those of the sequences that are named, with their rows in attached columns; or, if
// none is named, all that gapless knows in the database, and all rows of tables that have an attached column, and of those that refer
// to them by a foreign key. Voids, closings, ranges, the mark of a live series and what was noted of them are forgotten, too; without
// names, recorded audits as well. Columns stay attached. Rows whose numbers were taken by next_gapless are the test's own to delete.
// Where such a row has the number of another sequence, too, or ON DELETE CASCADE takes one along that has, name that one as well: it would
// miss the number.
//
// Nothing else does that: numbered rows can be neither deleted nor truncated, which is the point of them. So it is for databases of
// tests alone, and refuses one whose name has no "test" in it. It does all or nothing, in one transaction, or in that of db. The role
// owns schema gapless and the tables, or is a superuser. Nobody should use them meanwhile.
func Reset(tb testing.TB, db DB, names ...string) {
	tb.Helper()
	list := "NULL"
	if len(names) > 0 {
		var quoted []string
		for _, name := range names {
			quoted = append(quoted, fmt.Sprintf("convert_from('\\x%s'::bytea, 'UTF8')", hex.EncodeToString([]byte(name))))
		}
		list = "ARRAY[" + strings.Join(quoted, ", ") + "]"
	}
	_, err := ask(lasting(tb), db, fmt.Sprintf("SELECT 'done' FROM gapless.reset_gapless('%%test%%', %s)", list))
	if hasCode(err, insufficientPrivilege) {
		err = fmt.Errorf("%w; Reset needs the owner of schema gapless, and of the tables that have an attached column", err)
	}
	report(tb, db, "", nil, err)
}
