package isolation_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

var update = flag.Bool("update", false, "write what is generated, and the expected output if there is a tester")

// spec is what the isolation tester reads: one operation of the first transaction, against all of the second.
func spec(s state, first string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Generated from operations_test.go: go test ./test/isolation -update
#
# %s.
# The first transaction does %q; the second does each of the operations.

setup
{
    DROP SCHEMA IF EXISTS shop CASCADE;
    TRUNCATE gapless.sequence_lock, gapless.journal, gapless.void, gapless.known_text, gapless.waiting;
    CREATE SCHEMA shop;
    SET search_path = shop;
    CREATE TABLE early (number text UNIQUE, series text NOT NULL DEFAULT 'a');
    CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE, series text NOT NULL DEFAULT 'a');
    CREATE TABLE other (number bigint UNIQUE);
    CREATE SEQUENCE marked;
    SELECT gapless.attach_gapless('early', 'number', name => 'NEW.series', format => $$ 'R24' || lpad(value::text, 3, '0') $$);
    SELECT gapless.attach_gapless('late', 'number', name => 'NEW.series', at_commit => true);
`, s.about, first)
	if s.setup != "" {
		fmt.Fprintf(&b, "    %s\n", s.setup)
	}
	b.WriteString(`    RESET search_path;
}

# What is there in the end.
teardown
{
    SELECT
        gapless.last_gapless('a') AS last,
        (SELECT string_agg(coalesce(number::text, 'NULL'), ' ' ORDER BY number) FROM shop.early) AS early,
        (SELECT string_agg(coalesce(number::text, 'NULL'), ' ' ORDER BY number) FROM shop.late) AS late,
        (SELECT string_agg(value::text, ' ' ORDER BY value) FROM gapless.void) AS void,
        (
            SELECT string_agg(concat_ws(' ', kind, first_value, nullif(last_value, first_value)), ', ' ORDER BY first_value)
            FROM gapless.audit_gapless()
            WHERE NOT explained
        ) AS unexplained`)
	if s.final != "" {
		fmt.Fprintf(&b, ",\n        %s", s.final)
	}
	b.WriteString(`;
}
`)
	for _, session := range []struct {
		name       string
		operations []string
	}{{"s1", []string{first}}, {"s2", s.second}} {
		// Every thousandth numbering at commit, by random(), looks for what others left behind.
		fmt.Fprintf(&b, "\nsession %s\nsetup { SET search_path = shop; DO 'BEGIN PERFORM setseed(0.5); END'; }\n", session.name)
		for _, l := range levels {
			snapshot := ""
			if l.name != "rc" {
				snapshot = " DO 'BEGIN END';" // the shortest that takes one
			}
			fmt.Fprintf(&b, "step %s_%s { BEGIN ISOLATION LEVEL %s;%s }\n", session.name, l.name, l.sql, snapshot)
		}
		if session.name == "s1" && slices.Contains(s.second, "outcome") {
			fmt.Fprintf(&b, "step s1_mark { SELECT setval('marked', gapless.mark_gapless('%s')) > 0 AS marked; }\n", token)
		}
		for _, name := range session.operations {
			fmt.Fprintf(&b, "step %s_%s { %s }\n", session.name, name, sqlOf(name))
		}
		fmt.Fprintf(&b, "step %s_commit { COMMIT; }\n", session.name)
		if session.name == "s1" && slices.ContainsFunc(permutations(s, first), func(p permutation) bool { return p.ending == rolls }) {
			b.WriteString("step s1_rollback { ROLLBACK; }\n")
		}
	}
	if slices.Contains(s.second, "flush") {
		b.WriteString("\nsession s3\nstep s3_xid { SELECT txid_current() > 0 AS another; }\n")
	}

	var second string
	for _, p := range permutations(s, first) {
		if p.second != second {
			second = p.second
			fmt.Fprintf(&b, "\n# %s, then %s\n", first, second)
		}
		fmt.Fprintf(&b, "permutation %s\n", strings.Join(p.steps(), " "))
	}
	return b.String()
}

// eachSpec calls do with what each spec is made of.
func eachSpec(t *testing.T, do func(t *testing.T, s state, first string)) {
	t.Helper()
	for _, s := range states {
		for _, first := range s.first {
			t.Run(specName(s, first), func(t *testing.T) { do(t, s, first) })
		}
	}
}

func specFile(name string) string     { return filepath.Join("specs", name+".spec") }
func expectedFile(name string) string { return filepath.Join("expected", name+".out") }

func TestTheSpecsAreWhatTheOperationsMake(t *testing.T) {
	var specs, expected []string
	eachSpec(t, func(t *testing.T, s state, first string) {
		name := specName(s, first)
		specs, expected = append(specs, specFile(name)), append(expected, expectedFile(name))
		made := spec(s, first)
		if *update {
			require.NoError(t, os.WriteFile(specFile(name), []byte(made), 0o644))
		}
		committed, err := os.ReadFile(specFile(name))
		require.NoError(t, err)
		require.Equal(t, made, string(committed), "run go test ./test/isolation -update")
	})
	for pattern, wanted := range map[string][]string{"specs/*": specs, "expected/*": expected} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		if *update {
			continue // the tester has yet to write what is expected
		}
		require.ElementsMatch(t, wanted, found, "there is a spec without expected output, or the other way round")
	}
}

var starting = regexp.MustCompile(`(?m)^starting permutation: (.*)$`)

// TestEachSpecHasItsExpectedOutput runs the specs where there is a tester.
func TestEachSpecHasItsExpectedOutput(t *testing.T) {
	var server *pgtest.OwnServer
	if tester != "" {
		server = startServer(t)
	}
	eachSpec(t, func(t *testing.T, s state, first string) {
		t.Parallel()
		name := specName(s, first)
		var printed string
		if tester != "" {
			printed = run(t, server.NewDatabase(t), specFile(name))
		}
		if *update && tester != "" {
			require.NoError(t, os.WriteFile(expectedFile(name), []byte(printed), 0o644))
		}
		expected, err := os.ReadFile(expectedFile(name))
		require.NoError(t, err)

		var wanted, found []string
		for _, p := range permutations(s, first) {
			wanted = append(wanted, strings.Join(p.names(), " "))
		}
		for _, match := range starting.FindAllStringSubmatch(string(expected), -1) {
			found = append(found, match[1])
		}
		require.Equal(t, wanted, found)

		if tester != "" {
			require.Equal(t, string(expected), printed)
		}
	})
}
