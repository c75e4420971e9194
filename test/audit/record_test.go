package audit_test

// What record_audit_gapless keeps of audits, and that it stays.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

const (
	record  = "SELECT concat_ws(' ', sequence, kind, first_value, CASE WHEN explained THEN 'explained' END, CASE WHEN recorded_at IS NULL THEN 'new' END) FROM gapless.record_audit_gapless() ORDER BY 1"
	audited = "SELECT concat_ws(' ', sequence, kind, first_value, CASE WHEN explained THEN 'explained' END, CASE WHEN recorded_at IS NULL THEN 'new' END) FROM gapless.audit_gapless() ORDER BY 1"
	broken  = "SELECT ordinal FROM gapless.audits WHERE NOT intact ORDER BY 1"
)

// tampered runs statements as a superuser does, whom triggers do not stop.
func tampered(s sqltest.Session, statements string) {
	s.T.Helper()
	s.Do("SET session_replication_role = replica")
	s.Do(statements)
	s.Do("RESET session_replication_role")
}

func TestARecordSaysWhoAuditedWhatWhenAndWithWhichResult(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := pg.NumberTenants(t, database)
	insert(s, "a", 3)
	insert(s, "b", 3)
	require.Empty(t, sqltest.Texts(s, record))
	s.Do("SELECT gapless.void_gapless('invoice/b', 1, 'torn')")
	tampered(s, "DELETE FROM invoices WHERE tenant = 'a' AND number = 2")

	// A role that has been granted that alone.
	auditor, quoted := sqltest.Role(t, database, "auditor")
	chosen, quotedChosen := sqltest.Role(t, database, "chosen")
	for _, role := range []string{quoted, quotedChosen} {
		s.Do("GRANT USAGE ON SCHEMA gapless TO " + role)
		s.Do("GRANT EXECUTE ON FUNCTION gapless.record_audit_gapless TO " + role)
		s.Do("GRANT SELECT ON gapless.audits TO " + role)
	}
	s.Do("GRANT " + quotedChosen + " TO " + quoted)
	me := sqltest.Connect(t, database)
	me.Do("SET SESSION AUTHORIZATION " + quoted)
	before := *sqltest.Value[string](s, "SELECT clock_timestamp()::text")
	me.Do("SELECT gapless.record_audit_gapless(name => 'invoice/b', note => 'at the year''s end')")
	me.Do("SET ROLE " + quotedChosen)
	me.Do("SELECT gapless.record_audit_gapless(target => 'public.invoices', target_column => 'number', note => '')")
	require.True(t, *sqltest.Value[bool](me, "SELECT bool_and(recorded_at BETWEEN $1 AND clock_timestamp()) FROM gapless.audits WHERE ordinal > 1", before))
	require.Equal(t, []int64{1, 2, 3}, s.Numbers("SELECT DISTINCT txid - min(txid) OVER () + 1 FROM (SELECT dense_rank() OVER (ORDER BY txid) AS txid FROM gapless.audits) AS a ORDER BY 1"))
	const list = `SELECT concat_ws('|', ordinal, coalesce(recorded_as, '-'), coalesce(name, '-'), coalesce(table_name, '-'), coalesce(column_name, '-'),
		coalesce(note, '-'), series, documents, findings, unexplained, not_read, new_findings, result, intact) FROM gapless.audits ORDER BY ordinal`
	// The column's series are all of them, as long as there is but one column.
	require.Equal(t, []string{
		"1|-|-|-|-|-|2|6|0|0|0|0|sound|t",
		"2|-|invoice/b|-|-|at the year's end|1|3|1|0|0|1|sound|t",
		"3|" + chosen + "|-|public.invoices|number|-|2|5|2|1|0|1|not explained|t",
	}, sqltest.Texts(me, list))
	require.Equal(t, []string{auditor, auditor}, sqltest.Texts(s, "SELECT recorded_by FROM gapless.audits WHERE ordinal > 1"))

	// It returns what audit_gapless does.
	const columns = "sequence, attached_column, kind, first_value, last_value, explained, allocated_by, allocated_as, allocated_at, txid, first_text, last_text, keys, recorded_at"
	for _, arguments := range []string{"", "name => 'invoice/a'", "with_series => true"} {
		s.Do("SET TimeZone = 'UTC'")
		want := sqltest.Texts(s, fmt.Sprintf("SELECT concat_ws('|', %s, explanation, details) FROM gapless.audit_gapless(%s)", columns, arguments))
		s.Do("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'")
		require.Equal(t, sqltest.Texts(s, fmt.Sprintf("SELECT %s FROM gapless.audit_gapless(%s) AS f", "(f.sequence, f.allocated_at, f.keys)::text", arguments)),
			sqltest.Texts(s, fmt.Sprintf("SELECT %s FROM gapless.record_audit_gapless(%s) AS f", "(f.sequence, f.allocated_at, f.keys)::text", arguments)))
		s.Do("RESET DateStyle; RESET TimeZone; SET TimeZone = 'UTC'")
		require.Equal(t, want, sqltest.Texts(s, fmt.Sprintf("SELECT concat_ws('|', %s, explanation, details) FROM gapless.record_audit_gapless(%s)", columns, arguments)))
	}
	require.Empty(t, s.Numbers(broken))
}

func TestTheSameFindingsHaveTheSameDigestWhateverTheSession(t *testing.T) {
	t.Parallel()
	s := pg.NumberTenants(t, pgtest.New(t))
	insert(s, "a", 5)
	s.Do("SELECT gapless.void_gapless('invoice/a', 3, 'torn')")
	tampered(s, "DELETE FROM invoices WHERE number IN (2, 4)")
	for _, settings := range []string{"", "SET TimeZone = 'Asia/Tokyo'", "SET DateStyle = 'German'; SET search_path = ''; SET extra_float_digits = 0"} {
		s.Do(settings)
		s.Do("SELECT gapless.record_audit_gapless()")
	}
	s.Do("RESET ALL")
	require.Equal(t, []int64{1, 3}, s.Numbers("SELECT count(DISTINCT entry ->> 'digest') FROM gapless.audit_record UNION ALL SELECT count(DISTINCT digest) FROM gapless.audit_record"))
	tampered(s, "UPDATE gapless.void SET reason = 'other'")
	s.Do("SELECT gapless.record_audit_gapless()")
	require.EqualValues(t, 2, s.Number("SELECT count(DISTINCT entry ->> 'digest') FROM gapless.audit_record"))
	require.Empty(t, s.Numbers(broken))
}

func TestWhatIsNewSinceTheLastRecordIsTold(t *testing.T) {
	t.Parallel()
	s := pg.NumberTenants(t, pgtest.New(t))
	insert(s, "a", 5)
	tampered(s, "DELETE FROM invoices WHERE number = 2")
	require.Equal(t, []string{"invoice/a hole 2 new"}, sqltest.Texts(s, audited))
	require.Equal(t, []string{"invoice/a hole 2 new"}, sqltest.Texts(s, record))
	require.Equal(t, []string{"invoice/a hole 2"}, sqltest.Texts(s, audited))
	tampered(s, "DELETE FROM invoices WHERE number = 4")
	require.Equal(t, []string{"invoice/a hole 2", "invoice/a hole 4 new"}, sqltest.Texts(s, audited), "an audit that is not recorded records nothing")
	require.Equal(t, []string{"invoice/a hole 2", "invoice/a hole 4 new"}, sqltest.Texts(s, record))
	require.Equal(t, []string{"invoice/a hole 2", "invoice/a hole 4"}, sqltest.Texts(s, record))
	require.Equal(t, []string{"1", "2"}, sqltest.Texts(s, `SELECT a.ordinal::text FROM gapless.audit_gapless() AS f JOIN gapless.audits AS a USING (recorded_at) ORDER BY f.first_value`), "which had it first")

	s.Do("SELECT gapless.void_gapless('invoice/a', 2, 'deleted by hand')")
	require.Equal(t, []string{"invoice/a hole 2 explained new", "invoice/a hole 4"}, sqltest.Texts(s, record), "it is explained now")
	tampered(s, "DELETE FROM gapless.void")
	require.Equal(t, []string{"invoice/a hole 2", "invoice/a hole 4"}, sqltest.Texts(s, record), "known since the first")
	require.Equal(t, []int64{1, 1, 0, 1, 0}, s.Numbers("SELECT new_findings FROM gapless.audits ORDER BY ordinal"))
	require.Empty(t, s.Numbers(broken))
}

func TestWhatWasNotReadIsNotSound(t *testing.T) {
	t.Parallel()
	s := pg.NumberTenants(t, pgtest.New(t))
	insert(s, "a", 3)
	s.Do("ALTER TABLE invoices RENAME tenant TO customer")
	s.Do(record)
	require.Equal(t, []string{"not read 0 0 1 1"}, sqltest.Texts(s, "SELECT concat_ws(' ', result, findings, unexplained, not_read, new_findings) FROM gapless.audits"))
}

// TestARecordShowsWhatChangedAmongAdoptedNumbers: of those nobody knows which there were, so rows that are lost or forged there are
// explained. But they are new.
func TestARecordShowsWhatChangedAmongAdoptedNumbers(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE adopted (number bigint UNIQUE); INSERT INTO adopted SELECT i FROM generate_series(1, 20) AS i WHERE i NOT IN (7, 8)")
	s.Do("SELECT gapless.attach_gapless('adopted', 'number', name => $$ 'adopted' $$), gapless.forward_gapless('adopted', 50, 'used by the tills')")
	s.Do("INSERT INTO adopted DEFAULT VALUES")
	require.Equal(t, []string{"adopted hole 21 explained new", "adopted hole 7 explained new"}, sqltest.Texts(s, record))
	s.Do("INSERT INTO adopted DEFAULT VALUES")
	require.Equal(t, []string{"adopted hole 21 explained", "adopted hole 7 explained"}, sqltest.Texts(s, record))
	tampered(s, "INSERT INTO adopted VALUES (7), (40); DELETE FROM adopted WHERE number = 12")
	require.Equal(t, []string{"adopted hole 12 explained new", "adopted hole 21 explained new", "adopted hole 41 explained new", "adopted hole 8 explained new"}, sqltest.Texts(s, audited))
}

func TestRecordsAreOnlyAppended(t *testing.T) {
	t.Parallel()
	s := pg.NumberTenants(t, pgtest.New(t))
	insert(s, "a", 3)
	tampered(s, "DELETE FROM invoices WHERE number = 2")
	s.Do(record)
	for _, table := range []string{"gapless.audit_record", "gapless.recorded_finding"} {
		for _, statement := range []string{"UPDATE %s SET %s = NULL", "DELETE FROM %s", "TRUNCATE %s", "DELETE FROM %s WHERE false"} {
			column := map[string]string{"gapless.audit_record": "entry", "gapless.recorded_finding": "record"}[table]
			if statement == "UPDATE %s SET %s = NULL" {
				statement = fmt.Sprintf(statement, table, column)
			} else {
				statement = fmt.Sprintf(statement, table)
			}
			err := s.Refuse("55000", statement)
			pg.RequireHelpful(t, err)
			require.Equal(t, "gapless_append_only", err.ConstraintName)
		}
	}
	s.Refuse("55000", "DELETE FROM gapless.audits")
	require.Equal(t, []int64{1, 1}, s.Numbers("SELECT count(*) FROM gapless.audits WHERE intact UNION ALL SELECT count(*) FROM gapless.recorded_finding"))
	s.Do("SELECT gapless.delete_gapless('by hand'), gapless.prune_gapless('invoice/a', 'infinity')")
	require.Equal(t, []int64{1, 1}, s.Numbers("SELECT count(*) FROM gapless.audits WHERE intact UNION ALL SELECT count(*) FROM gapless.recorded_finding"))
}

func TestWhatWasDoneToRecordsShows(t *testing.T) {
	t.Parallel()
	s := pg.NumberTenants(t, pgtest.New(t))
	insert(s, "a", 9)
	for number := range 4 {
		tampered(s, fmt.Sprintf("DELETE FROM invoices WHERE number = %d", number+2))
		s.Do(record)
	}
	require.Empty(t, s.Numbers(broken))
	for statements, want := range map[string][]int64{
		`UPDATE gapless.audit_record SET entry = entry || '{"unexplained": 0}' WHERE ordinal = 2`:              {2},
		`UPDATE gapless.audit_record SET entry = entry - 'note' WHERE ordinal = 2`:                             {2},
		`UPDATE gapless.audit_record SET entry = '{}' WHERE ordinal = 1`:                                       {1},
		`UPDATE gapless.audit_record SET digest = sha256('') WHERE ordinal = 2`:                                {2, 3},
		`UPDATE gapless.audit_record SET digest = '' WHERE ordinal = 4`:                                        {4},
		`DELETE FROM gapless.audit_record WHERE ordinal = 1`:                                                   {2, 3, 4},
		`DELETE FROM gapless.audit_record WHERE ordinal = 3`:                                                   {4},
		`DELETE FROM gapless.recorded_finding WHERE record = 3`:                                                {3},
		`UPDATE gapless.recorded_finding SET record = 2 WHERE record = 3`:                                      {2, 3},
		`UPDATE gapless.recorded_finding SET key = gen_random_uuid() WHERE record = 3`:                         {3},
		`INSERT INTO gapless.recorded_finding VALUES (gen_random_uuid(), 1)`:                                   {1},
		`INSERT INTO gapless.audit_record SELECT 5, entry, digest FROM gapless.audit_record WHERE ordinal = 4`: {5},
		`UPDATE gapless.audit_record AS a SET digest = sha256(b.digest || convert_to(a.entry::text, 'UTF8')), ordinal = 9 FROM gapless.audit_record AS b WHERE a.ordinal = 4 AND b.ordinal = 3`: {9},
		// The digest itself is right then, and no longer what the next record was made of.
		`UPDATE gapless.audit_record SET entry = entry || '{"unexplained": 0}', digest = sha256(convert_to((entry || '{"unexplained": 0}')::text, 'UTF8')) WHERE ordinal = 1`: {2},
	} {
		s.Do("BEGIN; SET LOCAL session_replication_role = replica")
		s.Do(statements)
		require.Equal(t, want, s.Numbers(broken), statements)
		s.Do("ROLLBACK")
	}
	// A finding that is said to be known of a record that there is none of, is new.
	tampered(s, "INSERT INTO gapless.recorded_finding SELECT gapless.finding_key('invoice/a', 'public.invoices.number', 'hole', 7, 7, first_text, false), 99 FROM gapless.audit_gapless() LIMIT 1")
	tampered(s, "DELETE FROM invoices WHERE number = 7")
	require.Contains(t, sqltest.Texts(s, audited), "invoice/a hole 7 new")
}

// TestTwoRecordsAtOnceFollowEachOther has the one wait for the other, or fail where its snapshot is too old.
func TestTwoRecordsAtOnceFollowEachOther(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		for _, end := range []string{"COMMIT", "ROLLBACK"} {
			t.Run(level+", "+end, func(t *testing.T) {
				t.Parallel()
				database := pgtest.New(t)
				one, two, observer := pg.NumberTenants(t, database), sqltest.Connect(t, database), sqltest.Connect(t, database)
				insert(one, "a", 3)
				tampered(one, "DELETE FROM invoices WHERE number = 2")
				one.Do("BEGIN")
				one.Do(record)
				two.Do("BEGIN ISOLATION LEVEL " + level)
				done := sqltest.Later(func() (any, error) { return two.Exec(two.Ctx, record) })
				sqltest.AwaitWaiter(t, observer, two.PID())
				one.Do(end)
				result := <-done
				want := []int64{1, 0}
				switch {
				case end == "ROLLBACK":
					require.NoError(t, result.Err)
					two.Do("COMMIT")
					want = []int64{1}
				case level == "READ COMMITTED":
					require.NoError(t, result.Err)
					two.Do("COMMIT")
				default:
					sqltest.RequireCode(t, "40001", result.Err)
					two.Do("ROLLBACK")
					two.Do(record)
				}
				require.Equal(t, want, one.Numbers("SELECT new_findings FROM gapless.audits ORDER BY ordinal"))
				require.Equal(t, int64(len(want)), one.Number("SELECT max(ordinal) FROM gapless.audits"))
				require.Empty(t, one.Numbers(broken))
			})
		}
	}
}

// TestARecordHoldsUpNobodyAndWaitsForNobody has numbers issued while a record waits for its COMMIT, and records while numbers do.
func TestARecordHoldsUpNobodyAndWaitsForNobody(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s, auditor := pg.NumberTenants(t, database), sqltest.Connect(t, database)
	insert(s, "a", 3)
	auditor.Do("BEGIN")
	auditor.Do(record)
	s.Do("SET lock_timeout = '10s'")
	insert(s, "a", 1)
	s.Do("SELECT gapless.next_gapless('by hand'), gapless.void_gapless('invoice/a', 2, 'torn')")
	s.Do(audited)
	s.Do("SELECT * FROM gapless.audits")
	s.Do("CREATE TABLE more (number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('more', 'number', name => $$ 'more' $$)")
	s.Do("SELECT gapless.prune_gapless('by hand', 'infinity'), gapless.delete_gapless('by hand')")
	sqltest.RequireCode(t, "55P03", func() error { _, err := s.Exec(s.Ctx, "SET lock_timeout = '50ms'; "+record); return err }())
	auditor.Do("COMMIT")

	s.Do("BEGIN")
	insert(s, "a", 1)
	s.Do("SELECT gapless.next_gapless('by hand')")
	auditor.Do("SET lock_timeout = '10s'")
	auditor.Do(record)
	s.Do("COMMIT")
	require.Equal(t, []int64{0, 1}, s.Numbers("SELECT findings FROM gapless.audits ORDER BY ordinal"))
}

func TestAnAuditIsNotRecordedWhereNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	s := pg.NumberTenants(t, pgtest.New(t))
	insert(s, "a", 3)
	s.Do("BEGIN READ ONLY")
	pg.RequireHelpful(t, s.Refuse("25006", record))
	s.Do("ROLLBACK")
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.audits"))

	// Nor are arguments that audit_gapless refuses.
	pg.RequireHelpful(t, s.Refuse("22023", "SELECT gapless.record_audit_gapless('')"))
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.audits"))
}

func TestRecordsAreDumpedAndRestored(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := pg.NumberTenants(t, database)
	insert(s, "a", 5)
	s.Do("SELECT gapless.void_gapless('invoice/a', 4, 'Straße, №, ✓')")
	s.Do(record)
	tampered(s, "DELETE FROM invoices WHERE number = 2")
	s.Do("SELECT gapless.record_audit_gapless(note => 'vor der Prüfung')")
	r := pg.Restored(t, database)
	const all = "SELECT a::text FROM gapless.audits AS a ORDER BY ordinal"
	require.Equal(t, sqltest.Texts(s, all), sqltest.Texts(r, all))
	require.Empty(t, r.Numbers(broken))
	r.Refuse("55000", "DELETE FROM gapless.audit_record")
	require.Equal(t, sqltest.Texts(s, audited), sqltest.Texts(r, audited))
	tampered(r, "DELETE FROM invoices WHERE number = 3")
	require.Equal(t, []string{"invoice/a hole 2", "invoice/a hole 3 new", "invoice/a void 4 explained"}, sqltest.Texts(r, record))
	require.Empty(t, r.Numbers(broken))
}

func TestAnAuditIsRecordedFromGo(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	pool := database.Pool(t, sqltest.HostilePath)
	s := pg.NumberTenants(t, database)
	insert(s, "a", 3)
	insert(s, "b", 3)
	tampered(s, "DELETE FROM invoices WHERE number = 2")
	audited, err := gapless.Audit(t.Context(), pool)
	require.NoError(t, err)
	require.Len(t, audited, 2)
	one, err := gapless.NewSequence("invoice/a").RecordAudit(t.Context(), pool, "of one")
	require.NoError(t, err)
	require.Equal(t, audited[:1], one)
	all, err := gapless.RecordAudit(t.Context(), pool, "")
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.False(t, all[0].RecordedAt.IsZero())
	require.True(t, all[1].RecordedAt.IsZero(), "new")

	records, err := gapless.Audits(t.Context(), pool)
	require.NoError(t, err)
	require.Len(t, records, 2)
	require.True(t, all[0].RecordedAt.Equal(records[0].RecordedAt))
	user := *sqltest.Value[string](s, "SELECT session_user::text")
	for i, want := range []gapless.AuditRecord{
		{Ordinal: 1, RecordedBy: user, Name: "invoice/a", Note: "of one", Findings: 1, Unexplained: 1, NewFindings: 1, Result: "not explained", Intact: true},
		{Ordinal: 2, RecordedBy: user, Findings: 2, Unexplained: 2, NewFindings: 1, Result: "not explained", Intact: true},
	} {
		want.RecordedAt, want.Txid, want.Digest = records[i].RecordedAt, records[i].Txid, records[i].Digest
		want.Series, want.Documents = records[i].Series, records[i].Documents
		require.Equal(t, want, records[i])
	}
	_, err = gapless.NewSequence("").RecordAudit(t.Context(), pool, "")
	require.ErrorIs(t, err, gapless.ErrInvalid)
}
