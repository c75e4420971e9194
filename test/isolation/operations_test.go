package isolation_test

import (
	"slices"
	"strings"
)

// operation is what a transaction does, apart from its beginning and its end.
type operation struct {
	name string
	sql  string
}

// The operations, of which each meets each. All are about the sequence "a", and those of rows that move about "b", too.
var operations = []operation{
	{"next", "SELECT gapless.next_gapless('a') AS value;"},
	{"nowait", "SELECT gapless.next_gapless('a', nowait => true) AS value;"},
	{"batch", "SELECT gapless.next_gapless_batch('a', 2) AS value;"},
	{"adopt", "SELECT gapless.adopt_gapless('a', 10);"},
	{"delete", "SELECT gapless.delete_gapless('a') AS deleted;"},
	{"void", "SELECT gapless.void_gapless('a', 2, 'misprinted');"},
	{"prune", "SELECT gapless.prune_gapless('a', 'infinity') AS dropped;"},
	{"last", "SELECT gapless.last_gapless('a') AS last;"},
	{"peek", "SELECT gapless.peek_gapless('a') AS peek;"},
	{"audit", "SELECT count(*) AS unexplained FROM gapless.audit_gapless() WHERE NOT explained;"},
	{"early", "INSERT INTO early DEFAULT VALUES RETURNING number;"},
	{"late", "INSERT INTO late DEFAULT VALUES;"},
	{"attach", "SELECT gapless.attach_gapless('other', 'number', name => $$ 'a' $$);"},
	{"detach", "SELECT gapless.detach_gapless('early', 'number');"},
	{"close", "SELECT gapless.close_gapless('a', 'the year is over') AS last;"},
	{"open", "SELECT gapless.open_gapless('a', 'it is not');"},
	{"forward", "SELECT gapless.forward_gapless('a', 10, 'used elsewhere');"},
	{"range", "SELECT gapless.range_gapless('a', 21, 29, 'a grant') AS left;"},
	{"withdraw", "SELECT gapless.withdraw_gapless('a', 11, 'a slip') AS unused;"},
	{"live", "SELECT gapless.go_live_gapless('a', 'the tests are over') AS last;"},
	{"archive", "SELECT gapless.archive_gapless('a', 2, 'kept elsewhere') AS rows;"},
	{"leave", "DELETE FROM early WHERE number = 'R24001' RETURNING number;"},
	{"enter", "INSERT INTO mover DEFAULT VALUES RETURNING number;"},
	{"out", "UPDATE mover SET series = 'b', number = DEFAULT WHERE id = 1 RETURNING number;"},
	{"in", "UPDATE mover SET series = 'a', number = DEFAULT WHERE id = 3 RETURNING number;"},
	{"shut", "SELECT gapless.close_gapless('b', 'the tenant left') AS last;"},
	{"link", "INSERT INTO chained DEFAULT VALUES RETURNING convert_from(hash, 'UTF8') AS hash;"},
	{"outcome", "SELECT gapless.outcome_gapless('" + token + "', (SELECT last_value FROM marked)) AS outcome;"},
	{"flush", "SELECT gapless.flush_gapless((SELECT last_value FROM marked));"},
}

// token marks the first transaction where the second one asks for its outcome.
const token = "00000000-0000-4000-8000-000000000001"

// state is what the operations find.
type state struct {
	name   string
	about  string
	setup  string
	final  string   // what there is besides in the end, as columns
	first  []string // the operations of the first transaction
	second []string // those of the second one
	levels []pair
}

const twoAdopted = "SELECT gapless.adopt_gapless('a', 1);\n    SELECT gapless.adopt_gapless('a', 2);\n    INSERT INTO other VALUES (1), (2);"

var states = []state{
	{
		name:   "made",
		about:  "Values 1 and 2 were adopted; no column has used the sequence yet",
		setup:  twoAdopted,
		first:  strings.Fields("next nowait batch adopt delete void prune last peek audit early late attach detach"),
		second: strings.Fields("next nowait batch adopt delete void prune last peek audit early late attach detach outcome flush"),
		levels: same,
	},
	{
		name:   "new",
		about:  "Nobody has used the sequence: there is none",
		first:  strings.Fields("next nowait batch adopt delete prune last peek audit early late attach detach"),
		second: strings.Fields("next nowait batch adopt delete void prune last peek audit early late attach detach"),
		levels: same,
	},
	{
		name:   "owned",
		about:  "Column early.number has numbered two rows from the sequence, which is its own now",
		setup:  "INSERT INTO early DEFAULT VALUES;\n    INSERT INTO early DEFAULT VALUES;",
		first:  strings.Fields("void prune audit early late attach detach"),
		second: strings.Fields("next nowait batch adopt delete void prune last peek audit early late attach detach outcome flush"),
		levels: same,
	},
	{
		name:   "open",
		about:  "As in owned: a series that is open",
		setup:  "TRUNCATE gapless.decision;\n    INSERT INTO early DEFAULT VALUES;\n    INSERT INTO early DEFAULT VALUES;",
		first:  strings.Fields("close forward early"),
		second: strings.Fields("close open forward early late void prune delete last peek audit attach detach"),
		levels: same,
	},
	{
		name:   "closed",
		about:  "As in owned, but the series is closed",
		setup:  "TRUNCATE gapless.decision;\n    INSERT INTO early DEFAULT VALUES;\n    INSERT INTO early DEFAULT VALUES;\n    SELECT gapless.close_gapless('a', 'the year is over');",
		first:  strings.Fields("open void"),
		second: strings.Fields("close open forward early late void prune delete last peek audit attach detach"),
		levels: same,
	},
	{
		name:   "kept",
		about:  "As in owned: a series that may be archived, and be given a range",
		setup:  "TRUNCATE gapless.decision, gapless.number_range;\n    INSERT INTO early DEFAULT VALUES;\n    INSERT INTO early DEFAULT VALUES;",
		first:  strings.Fields("range archive"),
		second: strings.Fields("range archive leave live early late close forward void audit"),
		levels: same,
	},
	{
		name:   "bounded",
		about:  "As in owned, but the series ends with 3, and goes on with 11 to 19",
		setup:  "TRUNCATE gapless.decision, gapless.number_range;\n    SELECT gapless.range_gapless('a', 1, 3, 'a grant'), gapless.range_gapless('a', 11, 19, 'the next');\n    INSERT INTO early DEFAULT VALUES;\n    INSERT INTO early DEFAULT VALUES;",
		first:  strings.Fields("early range withdraw"),
		second: strings.Fields("early late range withdraw close forward void audit"),
		levels: same,
	},
	{
		name:   "tested",
		about:  "Values 1 and 2 were tests, taken by hand",
		setup:  "TRUNCATE gapless.decision, gapless.number_range;\n    SELECT gapless.next_gapless_batch('a', 2);",
		first:  strings.Fields("live next"),
		second: strings.Fields("live next early close forward range void last peek audit"),
		levels: same,
	},
	{
		name:  "moving",
		about: "Column mover.number, whose rows may move, has numbered rows 1 and 2 from the sequence, and row 3 from sequence b",
		setup: "TRUNCATE gapless.decision, gapless.number_range;\n    CREATE TABLE mover (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, series text NOT NULL DEFAULT 'a', number bigint, UNIQUE (series, number));\n" +
			"    SELECT gapless.attach_gapless('mover', 'number', name => 'NEW.series', moves => true);\n    INSERT INTO mover (series) VALUES ('a'), ('a'), ('b');",
		final:  "(SELECT string_agg(concat(series, number), ' ' ORDER BY series, number) FROM shop.mover) AS mover",
		first:  strings.Fields("out in enter"),
		second: strings.Fields("out in enter shut close forward void archive audit"),
		levels: same,
	},
	{
		name:  "chained",
		about: "Column chained.number, with a chain, has numbered two rows from the sequence",
		setup: "TRUNCATE gapless.decision, gapless.number_range, gapless.link;\n    CREATE TABLE chained (number bigint UNIQUE, previous_hash bytea, hash bytea);\n" +
			"    SELECT gapless.attach_gapless('chained', 'number', name => $$ 'a' $$, chain => $$ convert_to(NEW.number || '<' || coalesce(convert_from(NEW.previous_hash, 'UTF8'), ''), 'UTF8') $$);\n" +
			"    INSERT INTO chained DEFAULT VALUES;\n    INSERT INTO chained DEFAULT VALUES;",
		final:  "(SELECT string_agg(convert_from(hash, 'UTF8'), ' ' ORDER BY number) FROM shop.chained) AS chained",
		first:  strings.Fields("link void archive"),
		second: strings.Fields("link next close forward void range archive prune last peek audit"),
		levels: same,
	},
	{
		name:   "mixed",
		about:  "As in made, but one transaction is READ COMMITTED, and the other is not",
		setup:  twoAdopted,
		first:  strings.Fields("next batch adopt delete early late"),
		second: strings.Fields("next batch adopt delete early late"),
		levels: []pair{{rc, rr}, {rc, ser}, {rr, rc}, {ser, rc}},
	},
}

// level is an isolation level.
type level struct{ name, sql string }

var (
	rc  = level{"rc", "READ COMMITTED"}
	rr  = level{"rr", "REPEATABLE READ"}
	ser = level{"s", "SERIALIZABLE"}

	levels = []level{rc, rr, ser}
)

// pair is those at which both transactions run.
type pair struct{ first, second level }

var same = []pair{{rc, rc}, {rr, rr}, {ser, ser}}

func (p pair) String() string {
	if p.first == p.second {
		return p.first.sql
	}
	return p.first.sql + ", then " + p.second.sql
}

// ending is how the first transaction ends, and when.
type ending struct {
	name  string
	about string
}

var (
	commits = ending{"commits", "when the second has done its operation, or waits to do it"}
	rolls   = ending{"rolls back", "likewise"}
	before  = ending{"before", "it commits before the second does its operation, but after the second's snapshot"}
)

// endings are those that can make a difference.
func endings(s state, first string, p pair) []ending {
	switch {
	case writesNothing(s, first):
		return []ending{commits}
	case p.second == rc: // before it, there is no snapshot to be older
		return []ending{commits, rolls}
	default:
		return []ending{commits, rolls, before}
	}
}

func readOnly(operation string) bool {
	return slices.Contains([]string{"last", "peek", "audit"}, operation)
}

// writesNothing is for the readers, and for those that find nothing to delete.
func writesNothing(s state, operation string) bool {
	return readOnly(operation) || s.name == "new" && slices.Contains([]string{"delete", "prune"}, operation)
}

// permutation is one order of the steps of both.
type permutation struct {
	state  state
	first  string
	second string
	levels pair
	ending ending
}

// permutations are all of a spec, in the order of the spec.
func permutations(s state, first string) (all []permutation) {
	for _, second := range s.second {
		for _, levels := range s.levels {
			for _, e := range endings(s, first, levels) {
				all = append(all, permutation{s, first, second, levels, e})
			}
		}
	}
	return all
}

// steps are those of the spec's line: a name, and what tells the tester how to treat it.
func (p permutation) steps() []string {
	begin := []string{"s1_" + p.levels.first.name, "s2_" + p.levels.second.name}
	switch p.second {
	case "outcome":
		begin = append(begin, "s1_mark")
	case "flush":
		// A transaction that ends later shows that the first one is still running. Without it, that could be one that the
		// server has yet to begin.
		begin = append(begin, "s1_mark", "s3_xid")
	}
	first, second, end := "s1_"+p.first, []string{"s2_" + p.second}, "s1_commit"
	if p.ending == rolls {
		end = "s1_rollback"
	}
	if p.ending == before {
		return slices.Concat(begin, []string{first, end}, second, []string{"s2_commit"})
	}
	switch {
	case p.second == "late":
		// It takes its number when it commits, and has to meet the first one then.
		return slices.Concat(begin, []string{first}, second, []string{"s2_commit", end})
	case p.waitsInVain():
		// It waits for a quarter of a second, which the tester sees or does not: (*) has it say so in any case, and it
		// goes on when that is over, since the session is busy till then.
		return slices.Concat(begin, []string{first, second[0] + "(*)", "s2_commit", end})
	default:
		return slices.Concat(begin, []string{first}, second, []string{end, "s2_commit"})
	}
}

// waitsInVain is for nowait where another transaction makes the sequence, which nobody can see before it commits.
func (p permutation) waitsInVain() bool {
	makes := slices.Contains([]string{"next", "nowait", "batch", "adopt", "early", "attach"}, p.first)
	return p.second == "nowait" && p.state.name == "new" && makes && p.ending != before
}

// names are the steps as the tester prints them.
func (p permutation) names() []string {
	names := p.steps()
	for i := range names {
		names[i] = strings.TrimSuffix(names[i], "(*)")
	}
	return names
}

func sqlOf(name string) string {
	i := slices.IndexFunc(operations, func(o operation) bool { return o.name == name })
	return operations[i].sql
}

// specName is the name of its files.
func specName(s state, first string) string { return s.name + "-" + first }
