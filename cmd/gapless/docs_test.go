package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what docs/cli.md says of the commands")

// commands are all commands but those that cobra adds.
func commands(root *cobra.Command) (all []*cobra.Command) {
	for _, cmd := range root.Commands() {
		all = append(all, cmd)
		all = append(all, commands(cmd)...)
	}
	return all
}

// TestThePageOfTheCommandLineHasEachCommand compares docs/cli.md with the commands; -update writes it.
func TestThePageOfTheCommandLineHasEachCommand(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../../docs/cli.md", "<!-- commands -->\n", "<!-- end -->\n"
	root := tree()
	var want strings.Builder
	for _, group := range root.Groups() {
		fmt.Fprintf(&want, "\n| %s | |\n|---|---|\n", strings.TrimSuffix(group.Title, ":"))
		for _, cmd := range commands(root) {
			top := cmd
			for top.Parent() != root {
				top = top.Parent()
			}
			if top.GroupID == group.ID && !cmd.HasSubCommands() {
				fmt.Fprintf(&want, "| `%s` | %s |\n", strings.TrimSuffix(strings.TrimPrefix(cmd.UseLine(), "gapless "), " [flags]"), cmd.Short)
			}
		}
	}
	want.WriteString("\n")
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), begin)
	require.True(t, found)
	got, after, found := strings.Cut(rest, end)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+begin+want.String()+end+after), 0o644))
		return
	}
	require.Equal(t, want.String(), got, "go test ./cmd/gapless -run ThePageOfTheCommandLine -update writes it")
	for _, line := range strings.Split(before+after, "\n") {
		if name, ok := strings.CutPrefix(line, "| `--"); ok {
			name, _, _ = strings.Cut(strings.SplitN(name, "`", 2)[0], " ")
			require.NotNil(t, root.PersistentFlags().Lookup(name), name)
		}
	}
}

// TestEachCommandHasAnExampleThatItTakes has bash split them into words, and parses their flags and arguments.
func TestEachCommandHasAnExampleThatItTakes(t *testing.T) {
	t.Parallel()
	for _, cmd := range commands(tree()) {
		require.NotEmpty(t, cmd.Example, cmd.CommandPath())
		require.NotEmpty(t, cmd.Long, cmd.CommandPath())
		var stdout, stderr bytes.Buffer
		bash := exec.CommandContext(t.Context(), "bash", "-euc", "exec 3>&1; gapless() { printf '%s\\0' \"$@\" $'\\n' >&3; }\n"+cmd.Example)
		bash.Stdout, bash.Stderr, bash.Dir = &stdout, &stderr, t.TempDir()
		require.NoError(t, bash.Run(), stderr.String())
		lines := strings.Split(strings.TrimSuffix(stdout.String(), "\x00\n\x00"), "\x00\n\x00")
		for _, line := range lines {
			root := tree() // flags are set once
			found, args, err := root.Find(strings.Split(line, "\x00"))
			require.NoError(t, err)
			if cmd.HasSubCommands() {
				require.Equal(t, cmd.CommandPath(), found.Parent().CommandPath())
			} else {
				require.Equal(t, cmd.CommandPath(), found.CommandPath())
			}
			require.NoError(t, found.ParseFlags(args), line)
			require.NoError(t, found.ValidateArgs(found.Flags().Args()), line)
			require.NoError(t, found.ValidateRequiredFlags(), line)
			require.NoError(t, found.ValidateFlagGroups(), line)
		}
	}
}
