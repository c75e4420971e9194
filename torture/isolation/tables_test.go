package isolation_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// result is what the tester printed of a permutation.
type result struct {
	permutation
	steps map[string]*step
	final map[string]string // what is there in the end
}

// step is what became of one.
type step struct {
	waits  bool
	code   string // the SQLSTATE, if it failed
	values []string
}

var (
	launched  = regexp.MustCompile(`^step (\w+): (.*?)( <waiting \.\.\.>)?$`)
	failed    = regexp.MustCompile(`^ERROR:  (\w{5}): `)
	underline = regexp.MustCompile(`^-[-+]*$`)
	counted   = regexp.MustCompile(`^\(\d+ rows?\)$`)
)

// parse reads the expected output of one spec.
func parse(t *testing.T, s state, first string) (results []result) {
	t.Helper()
	expected, err := os.ReadFile(expectedFile(specName(s, first)))
	require.NoError(t, err)
	blocks := strings.Split(string(expected), "\nstarting permutation: ")[1:]
	all := permutations(s, first)
	require.Len(t, blocks, len(all))
	for i, block := range blocks {
		r := result{all[i], map[string]*step{}, map[string]string{}}
		var current *step
		lines := strings.Split(block, "\n")
		for n := 1; n < len(lines); n++ {
			line := lines[n]
			if m := launched.FindStringSubmatch(line); m != nil {
				if r.steps[m[1]] == nil {
					r.steps[m[1]] = &step{}
				}
				current = r.steps[m[1]]
				current.waits = current.waits || m[3] != ""
			} else if m := failed.FindStringSubmatch(line); m != nil {
				current.code = m[1]
			} else if underline.MatchString(line) {
				header := strings.Split(lines[n-1], "|")
				for n++; !counted.MatchString(lines[n]); n++ {
					if len(header) == 1 {
						current.values = append(current.values, strings.TrimSpace(lines[n]))
						continue
					}
					for column, value := range strings.Split(lines[n], "|") {
						r.final[strings.TrimSpace(header[column])] = strings.TrimSpace(value)
					}
				}
			}
		}
		require.Contains(t, r.final, "last", block)
		results = append(results, r)
	}
	return results
}

// String is what became of the second transaction, and of the first one where that is not what it would be alone.
func (r result) String() string {
	words := []string{r.second().String()}
	if code := r.steps["s1_"+r.first].code; code != "" {
		words = append(words, "the first: "+code)
	}
	if commit := r.steps["s1_commit"]; commit != nil && (commit.waits || commit.code != "") {
		words = append(words, "the first at COMMIT: "+commit.String())
	}
	return strings.Join(words, "; ")
}

// second is what became of the second transaction.
func (r result) second() step {
	did, commit := *r.steps["s2_"+r.permutation.second], r.steps["s2_commit"]
	if r.permutation.second == "late" && did.code == "" {
		did = *commit // where it does what there is to do
		did.values = []string{"numbered"}
	}
	if did.code == "" && commit.code != "" {
		did.code = commit.code + " at COMMIT"
	}
	return did
}

func (s step) String() string {
	words := []string{"waits"}
	if !s.waits {
		words = nil
	}
	if s.code != "" {
		return strings.Join(append(words, s.code), ", ")
	}
	value := strings.Join(s.values, " ")
	if value == "" {
		value = "done"
	}
	return strings.Join(append(words, value), ", ")
}

// table is that of all second transactions, against one first.
func table(t *testing.T, s state, first string) string {
	t.Helper()
	type column struct{ level, ending string }
	var columns []column
	for _, l := range levels {
		for _, e := range endings(first, l) {
			columns = append(columns, column{l.sql, e.name})
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s: first %s\n\n", s.name, first)
	b.WriteString("| second |")
	for _, c := range columns {
		fmt.Fprintf(&b, " %s, %s |", c.level, c.ending)
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(columns)+1))
	var second string
	for _, r := range parse(t, s, first) {
		if r.permutation.second != second {
			second = r.permutation.second
			fmt.Fprintf(&b, "\n| %s |", second)
		}
		fmt.Fprintf(&b, " %s |", r)
	}
	b.WriteString("\n")
	return b.String()
}

func document(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `# Two transactions and one sequence

Generated from what PostgreSQL's isolation tester prints (expected/), which is the same on each supported release. Both
transactions run at the same level. The first does its operation, then the second does; the columns say how the first
ends. "commits": %s. "rolls back": %s.
"before": %s. Under REPEATABLE READ and SERIALIZABLE both
have taken their snapshots before anything happens.

A cell has what the second gets: a value, an SQLSTATE, or "waits", for the first one's end, and what comes then. "done" is no
error, and "numbered" a number that the row got when its transaction committed. What becomes of the first is said where
it fails or waits itself.

| operation | |
|---|---|
`, commits.about, rolls.about, before.about)
	for _, o := range operations {
		fmt.Fprintf(&b, "| %s | `%s` |\n", o.name, o.sql)
	}
	b.WriteString(`
Columns early.number and late.number, which is numbered at commit, are attached to sequence a. Before outcome and flush, the
first transaction has marked itself with the token.
`)
	for _, s := range states {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n", s.name, s.about)
		for _, first := range s.first {
			b.WriteString(table(t, s, first))
		}
	}
	return b.String()
}

func TestTheTablesAreWhatIsExpected(t *testing.T) {
	made := document(t)
	if *update {
		require.NoError(t, os.WriteFile("RESULTS.md", []byte(made), 0o644))
	}
	committed, err := os.ReadFile("RESULTS.md")
	require.NoError(t, err)
	require.Equal(t, made, string(committed), "run go test ./torture/isolation -update")
}

// takenElsewhere is where numbers have no row in the column that goes on after them, as the audit is right to say: they were
// taken by hand, or are in a column that is detached.
func takenElsewhere(r result) bool {
	elsewhere, column := false, false
	for _, operation := range []string{r.first, r.permutation.second} {
		elsewhere = elsewhere || slices.Contains([]string{"next", "nowait", "batch", "detach"}, operation)
		column = column || slices.Contains([]string{"early", "late", "attach"}, operation)
	}
	return elsewhere && column
}

// TestWhatIsExpectedKeepsThePromises looks at what is expected with other eyes than those that compare it.
func TestWhatIsExpectedKeepsThePromises(t *testing.T) {
	rolledBack := map[string]string{} // what the second transaction gets when the first rolls back
	eachSpec(t, func(t *testing.T, s state, first string) {
		for _, r := range parse(t, s, first) {
			name := strings.Join(r.names(), " ")
			if !takenElsewhere(r) {
				require.Empty(t, r.final["unexplained"], "%s: the audit finds something", name)
			}

			if r.final["last"] == "" {
				require.Empty(t, r.final["void"], "%s: a sequence that is gone has left a void behind", name)
			}
			for at, did := range r.steps {
				known := []string{"", "40001", "55P03", "55000", "2BP01", "42710", "42704", "25000", "22023", "40000"}
				require.Contains(t, known, did.code, "%s: %s", name, at)
				if r.level.name == "rc" {
					require.NotEqual(t, "40001", did.code, "%s: READ COMMITTED waits instead of failing: %s", name, at)
				}
				if did.code == "55P03" {
					require.Equal(t, "s2_nowait", at, name)
				}
			}
			if r.permutation.second != "outcome" && (readOnly(r.permutation.second) || readOnly(first)) {
				require.False(t, r.second().waits, "%s: a look waits for nobody, and has nobody wait", name)
			}
			if r.permutation.second == "nowait" && s.name != "new" {
				require.False(t, r.second().waits, "%s: nowait waits", name)
			}

			// Nobody can tell that the first one was ever there, but who asks for it.
			if asks := []string{"outcome", "flush"}; r.ending == rolls && r.second().code != "55P03" && !slices.Contains(asks, r.permutation.second) {
				alone := fmt.Sprint(s.name, " ", r.permutation.second, " ", r.level.name)
				without := r.second()
				without.waits = false
				got := fmt.Sprint(without, " ", r.final)
				if seen, ok := rolledBack[alone]; ok {
					require.Equal(t, seen, got, "%s: what was rolled back has left something behind", name)
				}
				rolledBack[alone] = got
			}
		}
	})
	require.NotEmpty(t, rolledBack)
}
