package main

import (
	"fmt"
	"strings"
)

// contender is a way to number the rows of a table, as the SQL that it sends, in our words. Its table is invoice_<key>, with
// two indexes, one of them on the number. The first parameter of what inserts is the customer.
type contender struct {
	key, label string
	source     string // where a peer's SQL was read

	setUp      string   // makes what it needs, when its table is there
	allocate   []string // the statements that give a number, in a transaction; the first one returns it
	insertNext string   // both in one statement; "" if there is no such statement

	isolation string   // "": READ COMMITTED
	retries   []string // the SQLSTATEs upon which a client begins the transaction again

	promises bool   // whether it promises numbers without holes
	sequence string // gapless' sequence that its numbers come from
}

func (c contender) table() string { return "invoice_" + c.key }

func (c contender) insert() string {
	return "INSERT INTO " + c.table() + " (number, customer) VALUES ($2, $1)"
}

// byHand takes the number from gapless.next_gapless.
func byHand(key, label string) contender {
	return contender{
		key: key, label: label, sequence: key, promises: true,
		setUp:      fmt.Sprintf("SELECT gapless.adopt_gapless('%s', 0)", key),
		allocate:   []string{fmt.Sprintf("SELECT gapless.next_gapless('%s')", key)},
		insertNext: fmt.Sprintf("INSERT INTO invoice_%s (number, customer) VALUES (gapless.next_gapless('%[1]s'), $1)", key),
	}
}

// attached has a column that numbers itself, at the INSERT or at the commit.
func attached(key, label string, atCommit bool) contender {
	c := contender{
		key: key, label: label, sequence: key, promises: true,
		setUp:      fmt.Sprintf("SELECT gapless.attach_gapless('invoice_%s', 'number', name => $$ '%[1]s' $$, at_commit => %t)", key, atCommit),
		insertNext: fmt.Sprintf("INSERT INTO invoice_%s (customer) VALUES ($1)", key),
	}
	if atCommit {
		c.setUp = fmt.Sprintf("ALTER TABLE invoice_%s ALTER COLUMN number DROP NOT NULL; %s", key, c.setUp)
	}
	return c
}

var (
	strict = byHand("strict", "gapless, strict")

	// The ceiling: no lock, and a hole for every rollback.
	nextval = contender{
		key: "nextval", label: "nextval()",
		source:     "PostgreSQL's own sequences, which are not gapless",
		setUp:      "CREATE SEQUENCE native",
		allocate:   []string{"SELECT nextval('native')"},
		insertNext: "INSERT INTO invoice_nextval (number, customer) VALUES (nextval('native'), $1)",
	}

	upsert = contender{
		key: "upsert", label: "upsert",
		source:   "django-sequences 3.0, src/sequences/__init__.py: what get_next_value sends to PostgreSQL without reset and nowait",
		promises: true,
		setUp: `CREATE TABLE counter (name varchar(100) PRIMARY KEY, last bigint NOT NULL CHECK (last >= 0));
			INSERT INTO counter VALUES ('bench', 0)`,
		allocate: []string{"INSERT INTO counter (name, last) VALUES ('bench', 1) ON CONFLICT (name) DO UPDATE SET last = counter.last + 1 RETURNING last"},
		insertNext: `WITH next AS (
				INSERT INTO counter (name, last) VALUES ('bench', 1)
				ON CONFLICT (name) DO UPDATE SET last = counter.last + 1 RETURNING last
			) INSERT INTO invoice_upsert (number, customer) SELECT last, $1 FROM next`,
	}

	// One message more than the others. At READ COMMITTED, which is kinder to it than Odoo's REPEATABLE READ.
	nowait = contender{
		key: "nowait", label: "FOR UPDATE NOWAIT",
		source:   "Odoo's no_gap, odoo/addons/base/models/ir_sequence.py: _update_nogap",
		promises: true,
		setUp: `CREATE TABLE odoo (id integer PRIMARY KEY, number_next bigint NOT NULL);
			INSERT INTO odoo VALUES (1, 1)`,
		allocate: []string{
			"SELECT number_next FROM odoo WHERE id = 1 FOR UPDATE NOWAIT",
			"UPDATE odoo SET number_next = number_next + 1 WHERE id = 1",
		},
		retries: []string{"55P03"},
	}

	maximum = contender{
		key: "maximum", label: "max + 1",
		source:     "hand-written numbering, with the unique index that it needs",
		promises:   true,
		allocate:   []string{"SELECT coalesce(max(number), 0) + 1 FROM invoice_maximum"},
		insertNext: "INSERT INTO invoice_maximum (number, customer) SELECT coalesce(max(number), 0) + 1, $1 FROM invoice_maximum",
		retries:    []string{"23505"},
	}

	serializable = contender{
		key: "serializable", label: "max + 1, SERIALIZABLE",
		source:     "the same, as PostgreSQL's documentation of its isolation levels would have it",
		promises:   true,
		allocate:   []string{"SELECT coalesce(max(number), 0) + 1 FROM invoice_serializable"},
		insertNext: "INSERT INTO invoice_serializable (number, customer) SELECT coalesce(max(number), 0) + 1, $1 FROM invoice_serializable",
		isolation:  "serializable",
		retries:    []string{"40001", "23505"}, // PostgreSQL may find the double before the conflict
	}
)

// peers are in the report, with their SQL.
var peers = []contender{nextval, upsert, nowait, maximum, serializable}

// peersTable says what the peers send.
func peersTable() table {
	t := table{head: []string{"peer", "SQL in a transaction, before the INSERT", "retried upon", "read in"}}
	for _, c := range peers {
		sql := "`" + strings.Join(c.allocate, "`, then `") + "`"
		if c.isolation != "" {
			sql += ", all at ISOLATION LEVEL " + strings.ToUpper(c.isolation)
		}
		t.add(c.label, sql, strings.Join(c.retries, ", "), c.source)
	}
	t.text = true
	return t
}
