package isolation_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
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
	for _, levels := range s.levels {
		for _, e := range endings(s, first, levels) {
			columns = append(columns, column{levels.String(), e.name})
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

Generated from what PostgreSQL's isolation tester prints (expected/), which is the same on each supported release.
Both transactions run at the same level, but in the last section, mixed. The first does its operation, then the second
does; the columns say how the first ends, where that can make a difference:

- "commits": %s;
- "rolls back": %s;
- "before": %s.

Under REPEATABLE READ and SERIALIZABLE a transaction has taken its snapshot before anything happens.

A cell has what the second gets: a value, an SQLSTATE, or "waits", for the first one's end, and what comes then. "done"
is no error, and "numbered" a number that the row got when its transaction committed. What becomes of the first is said
where it fails or waits itself.

| operation | |
|---|---|
`, commits.about, rolls.about, before.about)
	for _, o := range operations {
		fmt.Fprintf(&b, "| %s | `%s` |\n", o.name, o.sql)
	}
	b.WriteString(`
Columns early.number, a text such as R24001, and late.number, which is numbered at commit, are attached to sequence a.
Before outcome and flush, the first transaction has marked itself with the token.

What has no table:

- READ UNCOMMITTED, which PostgreSQL treats as READ COMMITTED; and REPEATABLE READ with SERIALIZABLE;
- mark_gapless, which locks only its own token; grant_gapless and revoke_gapless, which change privileges;
- outcome and flush as the first operation, and in new, since they ask for a transaction and touch no sequence;
- what can only fail when it comes first: in new, void; in owned, next, nowait, batch, adopt and delete;
- last and peek as the first in owned, which do there what they do in made;
- a chain at commit, and a row that moves at commit: test/column has tests of their own for them;
- more than two transactions, of which test/histories has random ones.

audit blocks nobody. It waits where detach has locked the table, as every reader of the table does; of a column that was
detached after its snapshot it says so, as an explained finding.
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
	require.Equal(t, made, string(committed), "run go test ./test/isolation -update")
}

// takenElsewhere is where numbers have no row in the column that goes on after them, as the audit is right to say: they were
// taken by hand, or are in a column that is detached.
func takenElsewhere(r result) bool {
	elsewhere, column := r.state.name == "tested", false
	for _, operation := range []string{r.first, r.permutation.second} {
		elsewhere = elsewhere || slices.Contains([]string{"next", "nowait", "batch", "detach"}, operation)
		column = column || slices.Contains([]string{"early", "late", "attach"}, operation)
	}
	return elsewhere && column
}

// auditsDetached is where the audit reads a table that is locked against all who read it: it waits, as they do.
func auditsDetached(r result) bool { return r.first == "detach" && r.permutation.second == "audit" }

// issued are the numbers that committed transactions took, of a sequence that nobody deleted.
func issued(r result) (numbers []int) {
	took := func(texts []string) {
		for _, text := range texts {
			if n, err := strconv.Atoi(strings.TrimPrefix(text, "R24")); err == nil { // not where a detached column got none
				numbers = append(numbers, n)
			}
		}
	}
	for session, operation := range map[string]string{"s1": r.first, "s2": r.permutation.second} {
		commit, takes := r.steps[session+"_commit"], slices.Contains([]string{"next", "nowait", "batch", "early"}, operation)
		if takes && commit != nil && commit.code == "" && r.steps[session+"_"+operation].code == "" {
			took(r.steps[session+"_"+operation].values)
		}
	}
	took(strings.Fields(r.final["late"]))
	slices.Sort(numbers)
	return numbers
}

// chainOf are the links that rows of those numbers have, as "1< 2<1<".
func chainOf(links string) string {
	var chain []string
	before := ""
	for _, link := range strings.Fields(links) {
		number, _, _ := strings.Cut(link, "<")
		before = number + "<" + before
		chain = append(chain, before)
	}
	return strings.Join(chain, " ")
}

// TestWhatIsExpectedKeepsThePromises looks at what is expected with other eyes than those that compare it.
func TestWhatIsExpectedKeepsThePromises(t *testing.T) {
	unseen := map[string]string{}   // what the second transaction gets when the first writes nothing, or rolls back
	lookedAt := map[string]string{} // what becomes of the first transaction while another one looks
	eachSpec(t, func(t *testing.T, s state, first string) {
		for _, r := range parse(t, s, first) {
			name := strings.Join(r.names(), " ")
			if !takenElsewhere(r) {
				require.Empty(t, r.final["unexplained"], "%s: the audit finds something", name)
			}

			did := func(operation string) bool { return first == operation || r.permutation.second == operation }
			if numbers := issued(r); !did("delete") {
				require.Len(t, slices.Compact(slices.Clone(numbers)), len(numbers), "%s: a number was issued twice", name)
				if last, _ := strconv.Atoi(r.final["last"]); !did("adopt") && !did("forward") && !did("range") && !did("live") && s.name != "bounded" && len(numbers) > 0 {
					begin := 1 // of those numbers
					if s.setup != "" {
						begin = 3
					}
					require.Equal(t, begin, numbers[0], name)
					require.Equal(t, last, numbers[len(numbers)-1], name)
					require.Len(t, numbers, last-begin+1, "%s: a number is missing", name)
				}
			}
			if s.name == "chained" {
				require.Equal(t, chainOf(r.final["chained"]), r.final["chained"], "%s: a link does not fit", name)
			}
			if r.final["last"] == "" {
				require.Empty(t, r.final["void"], "%s: a sequence that is gone has left a void behind", name)
			}
			for at, did := range r.steps {
				known := []string{"", "40001", "55P03", "55000", "2BP01", "42710", "42704", "25000", "22023", "40000", "23001", "428C9"}
				require.Contains(t, known, did.code, "%s: %s", name, at)
				level := r.levels.first
				if strings.HasPrefix(at, "s2_") {
					level = r.levels.second
				}
				if level == rc {
					require.NotEqual(t, "40001", did.code, "%s: READ COMMITTED waits instead of failing: %s", name, at)
				}
				if did.code == "55P03" {
					require.Equal(t, "s2_nowait", at, name)
				}
			}
			asks := slices.Contains([]string{"outcome", "flush"}, r.permutation.second)
			if !asks && !auditsDetached(r) && (readOnly(r.permutation.second) || writesNothing(s, first)) {
				require.False(t, r.second().waits, "%s: a look waits for nobody, and has nobody wait", name)
			}
			for _, at := range []string{"s1_" + first, "s2_" + r.permutation.second} {
				if _, operation, _ := strings.Cut(at, "_"); operation == "peek" && s.name == "closed" {
					require.Equal(t, "55000", r.steps[at].code, "%s: %s", name, at)
				} else if readOnly(operation) {
					require.Empty(t, r.steps[at].code, "%s: %s", name, at)
				}
				if strings.HasSuffix(at, "_audit") {
					require.Equal(t, []string{"0"}, r.steps[at].values, "%s: %s", name, at)
				}
			}
			if late := r.steps["s2_"+r.permutation.second]; s.name == "closed" && first == "void" && slices.Contains([]string{"early", "forward", "close"}, r.permutation.second) {
				require.Contains(t, []string{"55000", "40001"}, late.code, "%s: a closed series gives a number", name)
			}
			if r.permutation.second == "nowait" && !r.waitsInVain() {
				require.False(t, r.second().waits, "%s: nowait waits", name)
			}

			// The first one cannot tell who looks on.
			if readOnly(r.permutation.second) {
				var fate []string
				for _, at := range []string{"s1_" + first, "s1_commit", "s1_rollback"} {
					if did := r.steps[at]; did != nil {
						fate = append(fate, did.String())
					}
				}
				alone := fmt.Sprint(s.setup, " ", first, " ", r.levels.first.name, " ", r.ending.name)
				got := fmt.Sprint(fate, " ", r.final)
				if seen, ok := lookedAt[alone]; ok {
					require.Equal(t, seen, got, "%s: a look has left something behind", name)
				}
				lookedAt[alone] = got
			}

			// Nobody can tell that the first one was ever there, but who asks for it.
			if nothing := r.ending == rolls || writesNothing(s, first); nothing && r.second().code != "55P03" && !asks {
				alone := fmt.Sprint(s.setup, " ", r.permutation.second, " ", r.levels.second.name)
				without := r.second()
				without.waits = false
				got := fmt.Sprint(without, " ", r.final)
				if seen, ok := unseen[alone]; ok {
					require.Equal(t, seen, got, "%s: what wrote nothing, or was rolled back, has left something behind", name)
				}
				unseen[alone] = got
			}
		}
	})
	require.NotEmpty(t, unseen)
	require.NotEmpty(t, lookedAt)
}
