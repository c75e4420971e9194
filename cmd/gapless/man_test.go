package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func tree() *cobra.Command {
	a := &app{getenv: func(string) string { return "" }, terminal: func(any) bool { return false }}
	return a.newRoot()
}

// TestEachCommandHasAManualPage looks at what the pages say, without the macros.
func TestEachCommandHasAManualPage(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "share", "man", "man1")
	for range 2 { // it makes the folder, and writes into one that is there
		require.Equal(t, outcome{}, program(t.Context(), false, strings.NewReader(""), "man", folder))
	}
	root := tree()
	root.InitDefaultCompletionCmd("man")
	var each func(cmd *cobra.Command)
	pages := 0
	each = func(cmd *cobra.Command) {
		if cmd.Name() == "help" {
			return
		}
		pages++
		page, err := os.ReadFile(filepath.Join(folder, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		require.NoError(t, err)
		text := strings.NewReplacer(`\-`, "-", `\e`, `\`, `\&`, "", "...", "…", "->", "→").Replace(string(page))
		require.Contains(t, text, cmd.Short)
		for _, line := range strings.Split(cmd.Long, "\n") {
			require.Contains(t, text, strings.TrimSpace(line), cmd.CommandPath())
		}
		for _, line := range strings.Split(cmd.Example, "\n") {
			require.Contains(t, text, strings.TrimSpace(line), cmd.CommandPath())
		}
		for _, c := range cmd.Commands() {
			each(c)
		}
	}
	each(root)
	found, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, found, pages)

	require.Equal(t, exitUsage, program(t.Context(), false, strings.NewReader(""), "man", filepath.Join(folder, "gapless.1")).code)
}

// TestTheManualIsSound asks the programs that show manual pages.
func TestTheManualIsSound(t *testing.T) {
	t.Parallel()
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("mandoc is missing")
	}
	folder := t.TempDir()
	require.Zero(t, program(t.Context(), false, strings.NewReader(""), "man", folder).code)
	files, err := filepath.Glob(filepath.Join(folder, "*.1"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), mandoc, append([]string{"-T", "lint", "-W", "warning"}, files...)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	_ = cmd.Run() // its code says that there are warnings, of which one is right: a test is built from no commit, and has no date
	undated := regexp.MustCompile(`(?m)^.*WARNING: missing date, using "": TH\n`)
	require.Empty(t, undated.ReplaceAllString(said.String(), ""))
}
