package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// completed is what a shell is given for the last of these words.
func completed(t *testing.T, words ...string) []string {
	t.Helper()
	o := program(t.Context(), true, strings.NewReader(""), append([]string{"__complete"}, words...)...)
	require.Zero(t, o.code, o.stderr)
	lines := strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n")
	require.Regexp(t, `^:\d+$`, lines[len(lines)-1])
	names := []string{}
	for _, line := range lines[:len(lines)-1] {
		name, _, _ := strings.Cut(line, "\t")
		names = append(names, name)
	}
	return names
}

func withNames(t *testing.T) *pgtest.Database {
	t.Helper()
	d := pgtest.New(t)
	statements(t, d,
		"CREATE TABLE invoices (id int PRIMARY KEY, tenant int NOT NULL, number bigint, title text, UNIQUE (tenant, number))", "CREATE TABLE inventory (number bigint UNIQUE)",
		"CREATE SCHEMA billing", "CREATE TABLE billing.bills (number bigint UNIQUE)",
		"SELECT gapless.attach_gapless('billing.bills', 'number', name => $$ 'bill' $$)",
		"SELECT gapless.next_gapless(n) FROM unnest(ARRAY['invoice/2025', 'invoice/2026', 'it''s a $quote: x', E'in\tvisible']) AS n")
	return d
}

func TestNamesAreCompletedFromTheDatabase(t *testing.T) {
	t.Parallel()
	d := withNames(t)
	for line, want := range map[string][]string{
		"last |inv":                            {"invoice/2025", "invoice/2026"},
		"next |invoice/2026":                   {"invoice/2026"},
		"void |i":                              {"invoice/2025", "invoice/2026", "it's a $quote: x"},
		"void a |":                             {},
		"attach |inv":                          {"inventory", "invoices"},
		"attach |billing.":                     {"billing.bills"},
		"attach invoices |":                    {"number", "title"},
		"attach invoices |n":                   {"number"},
		"attach invoices number |":             {},
		"attach nosuch |":                      {},
		"attach invoices number --name |":      {},
		"attach invoices number --series-of |": {"billing.bills.number"},
		"detach |b":                            {"billing.bills"},
		"detach billing.bills |":               {"number"},
		"guard-partitions |":                   {"billing.bills"},
		"audit --column |bill":                 {"billing.bills.number"},
		"audit --language |":                   {"de", "en"},
		"import --from |":                      {"django-sequences", "odoo", "sequences", "query"},
		"uninstall |":                          {d.Name},
		"list --color |":                       {"auto", "always", "never"},
		"|unin":                                {"uninstall"},
		"migrate |s":                           {"status"},
		"completion |":                         {"bash", "fish", "powershell", "zsh"},
		"list |":                               {},
	} {
		before, typed, _ := strings.Cut(line, "|")
		words := append([]string{"-d", d.URL}, strings.Fields(before)...)
		got := completed(t, append(words, typed)...)
		require.ElementsMatch(t, want, got, line)
	}
	require.Contains(t, completed(t, "grant", "-d", d.URL, ""), "postgres")
	require.Contains(t, completed(t, "-d", d.URL, "-U", ""), "postgres")
}

// TestWhereThereAreNoNamesToBeHadCompletionIsSilent has no database, one out of reach, and one without the schema.
func TestWhereThereAreNoNamesToBeHadCompletionIsSilent(t *testing.T) {
	t.Parallel()
	for _, given := range [][]string{{}, {"-d", "postgres://u@127.0.0.1:1/db"}, {"-d", "nonsense://"}, {"-d", pgtest.NewEmpty(t).URL}} {
		o := program(t.Context(), true, strings.NewReader(""), append(append([]string{"__complete", "last"}, given...), "")...)
		require.Zero(t, o.code)
		require.Equal(t, ":4\n", o.stdout)
		require.Equal(t, "Completion ended with directive: ShellCompDirectiveNoFileComp\n", o.stderr)
	}
}

// TestBashCompletesNames has bash load the script and complete a line.
func TestBashCompletesNames(t *testing.T) {
	t.Parallel()
	const library = "/usr/share/bash-completion/bash_completion"
	if _, err := os.Stat(library); err != nil {
		t.Skip("bash-completion is missing")
	}
	d := withNames(t)
	bin := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, filepath.Join(bin, "gapless")))
	const script = `. ` + library + `
source <(gapless completion bash)
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_KEY=9
read -ra COMP_WORDS <<<"$1"
case $1 in *' ') COMP_WORDS+=('') ;; esac
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
__start_gapless
printf '%s\n' "${COMPREPLY[@]}"`
	for line, want := range map[string]string{
		"gapless last invoice/2025": "invoice/2025\n",
		"gapless last invo":         "invoice/2025\ninvoice/2026\n",
		"gapless attach inven":      "inventory\n",
		"gapless go-l":              "go-live\n",
		"gapless last it":           `it\'s\ a\ \$quote:\ x` + "\n",
	} {
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), "bash", "--norc", "-c", script, "bash", line)
		cmd.Env = []string{asProgram + "=1", urlVariable + "=" + d.URL, "PATH=" + bin + ":" + os.Getenv("PATH")}
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Run(), stderr.String())
		require.Equal(t, want, strings.ReplaceAll(stdout.String(), " \n", "\n"), "%s: %s", line, stderr.String())
	}
}
