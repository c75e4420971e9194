package sqltest

import (
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
)

// Refusal is a statement that gapless refuses, and what that means.
type Refusal struct {
	Statement string
	Code      string
	Meaning   error
	Column    string // that the message names
}

// Refusals are statements of a user's own, in a database that [MakeRefusals] has made.
var Refusals = []Refusal{
	{"INSERT INTO invoices (id, day, number) VALUES (9, '2026-02-02', 77)", "428C9", gapless.ErrWritten, "public.invoices.number"},
	{"UPDATE invoices SET number = 77 WHERE id = 1", "428C9", gapless.ErrChanged, "public.invoices.number"},
	{"UPDATE invoices SET series = 'b' WHERE id = 1", "23001", gapless.ErrChanged, "public.invoices.number"},
	{"UPDATE links SET hash = '' WHERE id = 1", "428C9", gapless.ErrChanged, "public.links.number"},
	{"UPDATE links SET body = 'other' WHERE id = 1", "23001", gapless.ErrChanged, "public.links.number"},
	{"DELETE FROM invoices WHERE id = 1", "23001", gapless.ErrDeleted, "public.invoices.number"},
	{"TRUNCATE invoices", "23001", gapless.ErrDeleted, "public.invoices.number"},
	{"INSERT INTO invoices (id, day) VALUES (9, '2026-01-01')", "23514", gapless.ErrChronology, "public.invoices.number"},
	{"INSERT INTO slips VALUES (9, '2026-01-01')", "23514", gapless.ErrChronology, "public.slips.number"}, // at COMMIT
	{"INSERT INTO invoices (id, day, series) VALUES (9, '2026-02-02', 'end'), (10, '2026-02-02', 'end')", "2200H", gapless.ErrExhausted, ""},
	{"INSERT INTO invoices (id, day, series) VALUES (9, '2026-02-02', 'range')", "2200H", gapless.ErrExhausted, ""},
	{"SELECT gapless.next_gapless('bounded')", "2200H", gapless.ErrExhausted, ""},
	{"INSERT INTO invoices (id, day, series) VALUES (9, '2026-02-02', 'closed')", "55000", gapless.ErrSequenceClosed, ""},
	{"SELECT gapless.next_gapless('invoice/a')", "55000", gapless.ErrSequenceOfColumn, ""},
	{"SELECT gapless.delete_gapless('invoice/a')", "2BP01", gapless.ErrSequenceOfColumn, ""},
	{"INSERT INTO invoices (id, day, series) VALUES (9, '2026-02-02', NULL)", "22004", gapless.ErrInvalid, "public.invoices.number"},
	{"INSERT INTO invoices (id) VALUES (9)", "22004", gapless.ErrInvalid, "public.invoices.number"},
	{"SELECT gapless.next_gapless('')", "22023", gapless.ErrInvalid, ""},
	{"SELECT gapless.adopt_gapless('plain', 1)", "55000", gapless.ErrInvalid, ""},
	{"INSERT INTO renamed VALUES (9)", "55000", gapless.ErrNotAttached, "public.renamed.number"},
	{"SELECT gapless.detach_gapless('invoices', 'id')", "42704", gapless.ErrNotAttached, ""},
	{"SELECT gapless.guard_partitions('orders')", "42704", gapless.ErrNotAttached, ""},
	{"SELECT gapless.audit_gapless(target => 'orders')", "42704", gapless.ErrNotAttached, ""},
	{"SELECT gapless.archive_gapless('plain', 1, 'why')", "55000", gapless.ErrNotAttached, ""},
	{"SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'other' $$)", "42710", gapless.ErrAttachedAlready, "public.invoices.number"},
	{"SELECT gapless.attach_gapless('orders', 'twice', name => 'NEW.note')", "23514", gapless.ErrInvalid, "public.orders.twice"},
	{"SELECT gapless.attach_gapless('orders', 'twice', series_of => 'customers.id')", "42704", gapless.ErrNotAttached, "public.orders.twice"},
	{"SELECT gapless.attach_gapless('orders', 'twice', name => 'NEW.note::nosuch')", "42704", gapless.ErrInvalid, ""},
	{"SELECT gapless.attach_gapless('orders', 'nosuch')", "42703", gapless.ErrInvalid, "public.orders.nosuch"},
	{"DO $$ BEGIN RAISE lock_not_available; END $$", "55P03", gapless.ErrLocked, ""},
}

// Others are statements that PostgreSQL refuses, or a constraint of the user's, by SQLSTATEs that gapless has, too.
var Others = []string{
	"INSERT INTO orders (id, total) VALUES (2, -1)",  // 23514, gapless_chronology
	"INSERT INTO orders (id, total) VALUES (2, -2)",  // 23514, attach_rows
	"DELETE FROM customers WHERE id = 1",             // 23001, before PostgreSQL 18 23503, gapless_deleted
	"INSERT INTO customers (id) VALUES (2)",          // 2200H, of an identity column
	"INSERT INTO customers (id, nth) VALUES (2, 2)",  // 428C9
	"CREATE EXTENSION plpgsql",                       // 42710
	"DROP TYPE nosuch",                               // 42704
	"DROP TABLE customers",                           // 2BP01
	"SELECT set_config('TimeZone', 'nowhere', true)", // 22023
	"SELECT currval('own')",                          // 55000
	"DO $$ BEGIN RAISE restrict_violation USING SCHEMA = 'public', TABLE = 'orders', CONSTRAINT = 'gapless_deleted'; END $$", // as PostgreSQL 18 says
	"INSERT INTO once VALUES (true)", // 23505, at COMMIT
}

// AtCommit reports whether what it refuses is refused by COMMIT.
func AtCommit(statement string) bool { return strings.Contains(statement, "INTO once") }

// Sentinels are all that an error can mean.
func Sentinels() iter.Seq[error] {
	return func(yield func(error) bool) {
		for _, err := range []error{
			gapless.ErrLocked, gapless.ErrInvalid, gapless.ErrExhausted, gapless.ErrSequenceClosed, gapless.ErrSequenceOfColumn, gapless.ErrWritten, gapless.ErrChanged,
			gapless.ErrDeleted, gapless.ErrChronology, gapless.ErrNotAttached, gapless.ErrAttachedAlready, gapless.ErrOutcomeUnknown, gapless.ErrCommitted,
		} {
			if !yield(err) {
				return
			}
		}
	}
}

// MakeRefusals makes what the statements of [Refusals] and [Others] run into.
func MakeRefusals(s Session) {
	s.T.Helper()
	for _, statement := range []string{
		"CREATE TABLE invoices (id int PRIMARY KEY, day date, series text DEFAULT 'a', number bigint, UNIQUE (series, number))",
		"SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.series $$, chronology => 'NEW.day')",
		"SELECT gapless.forward_gapless('invoice/end', 9223372036854775806, 'why'), gapless.range_gapless('invoice/range', 1, 1, 'why')",
		"INSERT INTO invoices VALUES (1, '2026-02-01', 'a'), (2, '2026-02-01', 'range')",
		"SELECT gapless.close_gapless('invoice/closed', 'audited')",
		"CREATE TABLE slips (id int PRIMARY KEY, day date, number bigint UNIQUE)",
		"SELECT gapless.attach_gapless('slips', 'number', name => $$ 'slip' $$, chronology => 'NEW.day', at_commit => true)",
		"INSERT INTO slips VALUES (1, '2026-02-01')",
		"CREATE TABLE links (id int PRIMARY KEY, body text, hash bytea, previous_hash bytea, number bigint UNIQUE)",
		`SELECT gapless.attach_gapless('links', 'number', name => $$ 'link' $$,
			chain => $$ sha256(convert_to(concat_ws('|', encode(NEW.previous_hash, 'hex'), NEW.body), 'UTF8')) $$)`,
		"INSERT INTO links VALUES (1, 'first')",
		"CREATE TABLE renamed (id int PRIMARY KEY, number bigint UNIQUE)",
		"SELECT gapless.attach_gapless('renamed', 'number', name => $$ 'renamed' $$)",
		"ALTER TABLE renamed RENAME number TO nr",
		"SELECT gapless.range_gapless('bounded', 1, 1, 'why'), gapless.next_gapless('bounded'), count(*) FROM gapless.next_gapless_batch('plain', 2)",
		"CREATE TABLE customers (id int PRIMARY KEY, nth int GENERATED ALWAYS AS IDENTITY (START 2 MAXVALUE 2))",
		"INSERT INTO customers (id) VALUES (1)",
		`CREATE TABLE orders (
			id int PRIMARY KEY, total int, note text, twice bigint UNIQUE,
			customer int CONSTRAINT gapless_deleted REFERENCES customers ON DELETE RESTRICT,
			CONSTRAINT gapless_chronology CHECK (total <> -1), CONSTRAINT attach_rows CHECK (total <> -2)
		)`,
		"INSERT INTO orders (id, customer, twice) VALUES (1, 1, 1)",
		"CREATE SEQUENCE own",
		"CREATE TABLE once (done boolean)",
		"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE unique_violation USING MESSAGE = 'no'; END $$",
		"CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON once DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()",
	} {
		s.Do(statement)
	}
}

// Require checks that an error is that refusal, and means nothing else.
func (r Refusal) Require(t testing.TB, err error) {
	t.Helper()
	require.Error(t, err, r.Statement)
	require.Equal(t, r.Code, RequireCode(t, r.Code, err).Code, r.Statement)
	for other := range Sentinels() {
		if r.Meaning == other { //nolint:errorlint // which of them it is
			require.ErrorIs(t, err, other, r.Statement)
		} else {
			require.NotErrorIs(t, err, other, r.Statement)
		}
	}
	RequireText(t, err)
	require.ErrorContains(t, err, r.Column, r.Statement)
}

// RequireText checks that a message of the client begins as all do, and does so once.
func RequireText(t testing.TB, err error) {
	t.Helper()
	require.True(t, strings.HasPrefix(err.Error(), "gapless: "), err)
	require.Equal(t, 1, strings.Count(err.Error(), "gapless: "), err)
}
