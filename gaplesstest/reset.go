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
	_, err := ask(lasting(tb), db, fmt.Sprintf(reset, list))
	if hasCode(err, insufficientPrivilege) {
		err = fmt.Errorf("%w; Reset needs the owner of schema gapless, and of the tables that have an attached column", err)
	}
	report(tb, db, "", nil, err)
}

// reset is for %s, an array of names, or NULL. The guards are off while it runs, which nobody sees before it commits.
const reset = `DO $reset$
DECLARE
    named  CONSTANT text[] := %s;
    tables regclass[];
    guards text[];
    made   record;
    item   text;
BEGIN
    IF current_database() NOT ILIKE '%%test%%' THEN
        RAISE EXCEPTION 'database "%%" is not a test''s, by its name, so its numbers stay', current_database()
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Reset numbers in a database alone whose name has "test" in it.';
    END IF;
    tables := ARRAY(SELECT DISTINCT a.relation::regclass FROM gapless.attachment AS a WHERE a.stem IS NOT NULL ORDER BY 1);
    guards := ARRAY(
        SELECT format('ALTER TABLE ONLY %%s %%%%s TRIGGER %%s', replace(t.tgrelid::regclass::text, '%%', '%%%%'), replace(quote_ident(t.tgname), '%%', '%%%%'))
        FROM pg_trigger AS t
        WHERE t.tgenabled = 'O'
            AND CASE
                WHEN t.tgrelid IN ('gapless.audit_record'::regclass, 'gapless.recorded_finding'::regclass) THEN named IS NULL
                ELSE starts_with(t.tgname, '~gapless_') AND EXISTS (
                    SELECT FROM unnest(tables) AS w (relation) WHERE t.tgrelid = w.relation OR t.tgrelid IN (SELECT p.relid FROM pg_partition_tree(w.relation) AS p)
                )
            END
        ORDER BY 1
    );
    FOREACH item IN ARRAY guards LOOP
        EXECUTE format(item, 'DISABLE');
    END LOOP;
    LOCK TABLE gapless.sequence_lock IN EXCLUSIVE MODE; -- waits for whoever numbers
    IF named IS NOT NULL THEN
        FOR made IN
            SELECT a.relation, a.column_name, a.unnumbered, format('%%s.%%I(%%s)', a.schema::regnamespace, p.proname, (
                SELECT string_agg(format('t.%%I', n.name), ', ' ORDER BY n.i) FROM unnest(p.proargnames) WITH ORDINALITY AS n (name, i)
            )) AS series
            FROM gapless.attachment AS a
            JOIN pg_proc AS p ON p.pronamespace = a.schema AND p.proname = a.stem || '_series'
        LOOP
            EXECUTE format('DELETE FROM %%s AS t WHERE nullif(t.%%I::text, %%L) IS NOT NULL AND %%s = ANY ($1)',
                made.relation::regclass, made.column_name, made.unnumbered, made.series) USING named;
        END LOOP;
    ELSIF tables <> '{}' THEN
        EXECUTE format('TRUNCATE %%s CASCADE', array_to_string(tables, ', '));
    END IF;
    FOREACH item IN ARRAY ARRAY['journal', 'void', 'decision', 'link', 'number_range', 'known_text', 'former'] LOOP
        EXECUTE format('DELETE FROM gapless.%%I WHERE $1 IS NULL OR name = ANY ($1)', item) USING named;
    END LOOP;
    IF named IS NULL THEN
        DELETE FROM gapless.recorded_finding;
        DELETE FROM gapless.audit_record;
    END IF;
    -- A sequence of an attached column stays its own.
    UPDATE gapless.sequence_lock AS s
    SET adoptions = 0, bounded = false, initial = (SELECT a.initial FROM gapless.attachment AS a WHERE a.relation = s.target AND a.column_name = s.target_column)
    WHERE (named IS NULL OR s.name = ANY (named)) AND gapless.attached_column(s.target, s.target_column) IS NOT NULL;
    DELETE FROM gapless.sequence_lock AS s
    WHERE (named IS NULL OR s.name = ANY (named)) AND gapless.attached_column(s.target, s.target_column) IS NULL;
    FOREACH item IN ARRAY guards LOOP
        EXECUTE format(item, 'ENABLE');
    END LOOP;
END;
$reset$`
