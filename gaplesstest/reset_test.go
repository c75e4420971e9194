package gaplesstest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/gaplesstest"
)

// everything has all that a series can have.
const everything = `
	CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant int NOT NULL, issued date NOT NULL DEFAULT current_date, number text, UNIQUE (tenant, number));
	SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, format => $$ 'R' || value $$, initial => 100, chronology => $$ NEW.issued $$);
	CREATE TABLE lines (invoice bigint NOT NULL REFERENCES invoices, text text);
	CREATE TABLE notes (id bigint, day date, number bigint, UNIQUE (day, number), PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
	CREATE TABLE notes_2025 PARTITION OF notes FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
	CREATE TABLE notes_2026 PARTITION OF notes FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
	SELECT gapless.attach_gapless('notes', 'number', name => $$ 'note' $$, at_commit => true);
	CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE, hash bytea, previous_hash bytea);
	SELECT gapless.attach_gapless('bills', 'number', name => $$ 'bill' $$, chain => $$ sha256(convert_to(concat(NEW.number, encode(NEW.previous_hash, 'hex')), 'UTF8')) $$);
	CREATE TABLE sales (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE);
	SELECT gapless.attach_gapless('sales', 'number', name => $$ 'sale' $$);
	CREATE TABLE credits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE);
	SELECT gapless.attach_gapless('credits', 'number', series_of => 'sales.number');
	CREATE TABLE forms (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE);
	SELECT gapless.attach_gapless('forms', 'number', name => $$ 'form' $$);
	CREATE TABLE left_over (number bigint UNIQUE);
	SELECT gapless.attach_gapless('left_over', 'number', name => $$ 'left' $$);
`

// use numbers rows of all, and by hand, and decides all that can be.
func use(t *testing.T, db gaplesstest.DB) {
	t.Helper()
	do(t, db,
		"INSERT INTO invoices (tenant) VALUES (1), (1), (2)",
		"INSERT INTO lines SELECT id, 'a line' FROM invoices",
		"INSERT INTO notes (id, day) VALUES (1, '2025-05-05'), (2, '2026-05-05')",
		"INSERT INTO sales DEFAULT VALUES",
		"INSERT INTO bills DEFAULT VALUES",
		"INSERT INTO credits DEFAULT VALUES",
		"INSERT INTO bills DEFAULT VALUES",
		"SELECT 'done' FROM gapless.range_gapless('form', 1000, 1999, 'the authority')",
		"INSERT INTO forms DEFAULT VALUES",
		"INSERT INTO left_over SELECT FROM generate_series(1, 2)",
		"SELECT 'done' FROM gapless.void_gapless('left', 1, 'a test')",
		"SELECT 'done' FROM gapless.next_gapless('by hand')",
		"SELECT 'done' FROM gapless.next_gapless('by hand')",
		"SELECT 'done' FROM gapless.adopt_gapless('old', 77)",
		"SELECT 'done' FROM gapless.go_live_gapless('early', 'the tests are over')",
		"SELECT 'done' FROM gapless.next_gapless('closed')",
		"SELECT 'done' FROM gapless.close_gapless('closed', 'a test')",
		"SELECT 'done' FROM gapless.void_gapless('invoice/1', 100, 'a test')",
	)
	require.Equal(t, []string{
		"bill 2", "by hand 2", "closed 1", "form 1000", "invoice/1 101", "invoice/2 100", "left 2", "note 2", "old 77", "sale 2",
	}, texts(t, db, "SELECT concat_ws(' ', name, last_value) FROM gapless.sequences ORDER BY name"))
	require.Equal(t, []string{"R100", "R100", "R101"}, texts(t, db, "SELECT number FROM invoices ORDER BY 1"))
	gaplesstest.RequireSound(t, db)
}

func TestAfterAResetAllBeginsAnew(t *testing.T) {
	t.Parallel()
	db := gaplesstest.New(t, serverURL(), everything)
	conn := connect(t, db.URL)
	fresh := texts(t, conn, "SELECT f::text FROM gapless.columns AS f ORDER BY 1")
	for round := range 3 {
		use(t, conn)
		do(t, conn, "SELECT 'done' FROM gapless.record_audit_gapless()")
		if round == 2 {
			do(t, conn, "SELECT 'done' FROM gapless.detach_gapless('left_over', 'number')")
		}
		handle := gaplesstest.DB(db.Pool())
		if round == 1 {
			handle = gaplesstest.SQL(openSQL(t, db.URL))
		}
		gaplesstest.Reset(t, handle)
		require.Empty(t, texts(t, conn, "SELECT name FROM gapless.sequences"))
		for _, table := range []string{"invoices", "lines", "notes", "bills", "sales", "credits", "forms"} {
			require.Equal(t, []string{"0"}, texts(t, conn, "SELECT count(*)::text FROM "+table), table)
		}
		for _, table := range []string{"journal", "void", "decision", "link", "number_range", "known_text", "former", "audit_record", "recorded_finding"} {
			require.Equal(t, []string{"0"}, texts(t, conn, "SELECT count(*)::text FROM gapless."+table), table)
		}
		if round < 2 {
			require.Equal(t, fresh, texts(t, conn, "SELECT f::text FROM gapless.columns AS f ORDER BY 1"), "the guards are whole")
		}
		require.Equal(t, []string{"true"}, texts(t, conn, "SELECT bool_and(guarded)::text FROM gapless.columns"), "the guards are whole")
		require.Empty(t, texts(t, conn, "SELECT f::text FROM gapless.audit_gapless() AS f"))
	}
	require.Equal(t, []string{"2"}, texts(t, conn, "SELECT count(*)::text FROM left_over"), "a column that is detached is the test's own")
}

func TestAResetIsAllOrNothing(t *testing.T) {
	t.Parallel()
	db := gaplesstest.New(t, serverURL(), everything)
	conn := connect(t, db.URL)
	use(t, conn)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	gaplesstest.Reset(t, tx)
	require.Empty(t, texts(t, tx, "SELECT name FROM gapless.sequences"))
	require.NoError(t, tx.Rollback(t.Context()))
	gaplesstest.RequireSound(t, conn)
	require.Equal(t, []string{"R102"}, texts(t, conn, "INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	_, err = conn.Exec(t.Context(), "TRUNCATE invoices CASCADE")
	require.ErrorContains(t, err, "23001")
}

func TestAResetByNameLeavesTheOthers(t *testing.T) {
	t.Parallel()
	db := gaplesstest.New(t, serverURL(), everything)
	conn := connect(t, db.URL)
	use(t, conn)
	do(t, conn, "DELETE FROM lines")
	gaplesstest.Reset(t, conn, "invoice/1", "note", "bill", "sale", "by hand", "closed", "form", "early", "no such thing", "it's")
	require.Equal(t, []string{"invoice/2 100", "left 2", "old 77"}, texts(t, conn, "SELECT concat_ws(' ', name, last_value) FROM gapless.sequences ORDER BY name"))
	gaplesstest.RequireSound(t, conn)
	require.Equal(t, []string{"true"}, texts(t, conn, "SELECT bool_and(guarded)::text FROM gapless.columns"), "the guards are whole")
	for _, w := range []struct{ statement, gives string }{
		{"INSERT INTO invoices (tenant) VALUES (1) RETURNING number", "R100"},
		{"INSERT INTO invoices (tenant) VALUES (2) RETURNING number", "R101"},
		{"INSERT INTO credits DEFAULT VALUES RETURNING number::text", "1"},
		{"INSERT INTO sales DEFAULT VALUES RETURNING number::text", "2"},
		{"INSERT INTO bills DEFAULT VALUES RETURNING number::text", "1"},
		{"INSERT INTO forms DEFAULT VALUES RETURNING number::text", "1"},
		{"SELECT gapless.next_gapless('by hand')::text", "1"},
		{"SELECT gapless.next_gapless('closed')::text", "1"},
		{"SELECT gapless.next_gapless('old')::text", "78"},
	} {
		require.Equal(t, []string{w.gives}, texts(t, conn, w.statement), w.statement)
	}
	do(t, conn, "INSERT INTO notes (id, day) VALUES (3, '2025-05-05')")
	require.Equal(t, []string{"1"}, texts(t, conn, "SELECT number::text FROM notes"))
	gaplesstest.RequireSound(t, conn)

	do(t, conn, "INSERT INTO lines SELECT id, 'a line' FROM invoices")
	said := outcome(t, func(tb testing.TB) { gaplesstest.Reset(tb, conn, "invoice/1") })
	require.Contains(t, said, "23503", "rows that others refer to stay")
	gaplesstest.RequireSound(t, conn)
}

func TestADatabaseThatIsNoTestsIsNotReset(t *testing.T) {
	t.Parallel()
	db := gaplesstest.New(t, serverURL(), everything)
	conn := admin(t)
	shop := "shop_" + strings.ToLower(gaplesstest.Stamp(time.Now())) + "_" + db.Name[len(db.Name)-10:]
	_, err := conn.Exec(t.Context(), "CREATE DATABASE "+shop+" TEMPLATE "+pgx.Identifier{db.Name}.Sanitize())
	require.NoError(t, err)
	dropAfter(t, shop)
	config := conn.Config().Copy()
	config.Database = shop
	owner, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer owner.Close(context.WithoutCancel(t.Context()))
	do(t, owner, "INSERT INTO bills DEFAULT VALUES")
	said := outcome(t, func(tb testing.TB) { gaplesstest.Reset(tb, owner) })
	require.Contains(t, said, "55000")
	require.Contains(t, said, shop)
	require.Equal(t, []string{"2"}, texts(t, owner, "INSERT INTO bills DEFAULT VALUES RETURNING number::text"))
}

func TestNamesCanHaveWhateverCharacters(t *testing.T) {
	t.Parallel()
	db := gaplesstest.New(t, serverURL(), `
		CREATE SCHEMA "50 %s";
		CREATE TABLE "50 %s"."it's ""50 %""" ("te%n'ant" text, "num%ber" bigint, UNIQUE ("te%n'ant", "num%ber"));
		SELECT gapless.attach_gapless('"50 %s"."it''s ""50 %"""', 'num%ber', name => $$ '%s''' || NEW."te%n'ant" $$)`)
	conn := connect(t, db.URL)
	for _, names := range [][]string{nil, {"%s'$reset$"}} {
		require.Equal(t, []string{"1"}, texts(t, conn, `INSERT INTO "50 %s"."it's ""50 %""" VALUES ('$reset$') RETURNING "num%ber"::text`))
		gaplesstest.RequireNoHole(t, conn, "%s'$reset$")
		gaplesstest.RequireNoHoleIn(t, conn, `"50 %s"."it's ""50 %"""`, "num%ber", "te%n'ant")
		gaplesstest.Reset(t, conn, names...)
		gaplesstest.RequireSound(t, conn)
	}
	require.Equal(t, []string{"true"}, texts(t, conn, "SELECT bool_and(guarded)::text FROM gapless.columns"))
}
