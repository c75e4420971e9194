package docs_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// root is the repository's, seen from here.
const root = "../.."

// columns is how wide prose may be. Tables, code, and lines that end in a long address may be wider.
const columns = 120

// pages are the documents that people write. Those that a program writes are not among them.
func pages(t *testing.T) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*.md", "sql/functions/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		paths = append(paths, found...)
	}
	require.Greater(t, len(paths), 8)
	return paths
}

// TestLinksResolve follows each relative link of the documents, to files, folders and headings.
func TestLinksResolve(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		t.Run(strings.TrimPrefix(page, root+"/"), func(t *testing.T) {
			t.Parallel()
			require.Empty(t, brokenLinks(page))
		})
	}
}

// TestProseFitsTheScreen has no line of prose that is wider than others can read beside their code.
func TestProseFitsTheScreen(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		t.Run(strings.TrimPrefix(page, root+"/"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(page)
			require.NoError(t, err)
			require.Empty(t, wideLines(string(text)))
		})
	}
}

// TestWhatIsWrongWithAPageIsFound plants it.
func TestWhatIsWrongWithAPageIsFound(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("other.md", "# Other\n\n## `a_b`, c + d: [x](y)\n\n## Twice\n\n## Twice\n")
	right := write("right.md", "# Right\n\n[a](other.md#a_b-c--d-x), [b](other.md#twice-1), [`c`](#right), [d](.), [e](https://f),\n`[g](h)`\n\n```sh\n[i](j)\n```\n")
	require.Empty(t, brokenLinks(right))
	for _, to := range []string{"none.md", "other.md#none", "#none", "other.md#twice-2", "right.md/"} {
		require.Len(t, brokenLinks(write("wrong.md", "["+to+"]("+to+")\n\n```\n#none\n```\n")), 1, to)
	}

	wide := strings.Repeat("wörd ", 24) // 120 columns, and more bytes
	require.Empty(t, wideLines(wide+"\n| a "+wide+"\n```\nx"+wide+"\n```\n\n    x"+wide+"\nhttps://example.org/"+strings.Repeat("x", columns)+"\n"))
	require.Len(t, wideLines(wide+"x\n"), 1)
	require.Len(t, wideLines("- a\n      b "+wide+"\n"), 1, "a list's second line is no code")
}

var (
	inlineCode = regexp.MustCompile("`[^`]*`")
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`^#{1,6} +(.+)$`)
	listItem   = regexp.MustCompile(`^\s*([-*]|\d+\.) `)
)

// prose calls a function with each line that is neither in a fence nor indented code.
func prose(text string, line func(number int, text string)) {
	var fenced, list, blank bool
	for i, l := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(strings.TrimSpace(l), "```"):
			fenced = !fenced
			continue
		case fenced:
			continue
		case listItem.MatchString(l):
			list = true
		case strings.TrimSpace(l) != "" && !strings.HasPrefix(l, " "):
			list = false
		case strings.HasPrefix(l, "    ") && blank && !list:
			continue
		}
		blank = strings.TrimSpace(l) == "" || blank && strings.HasPrefix(l, "    ")
		line(i+1, l)
	}
}

// brokenLinks are the page's that lead nowhere.
func brokenLinks(page string) (broken []string) {
	text, err := os.ReadFile(page)
	if err != nil {
		return []string{err.Error()}
	}
	prose(string(text), func(number int, line string) {
		for _, found := range link.FindAllStringSubmatch(inlineCode.ReplaceAllString(line, ""), -1) {
			if err := follow(page, found[1]); err != nil {
				broken = append(broken, fmt.Sprintf("line %d: %s: %v", number, found[1], err))
			}
		}
	})
	return broken
}

func follow(page, target string) error {
	to, err := url.Parse(target)
	if err != nil || to.Scheme != "" {
		return err
	}
	path := page
	if to.Path != "" {
		path = filepath.Dir(page) + "/" + to.Path
	}
	info, err := os.Stat(path)
	if err != nil || to.Fragment == "" {
		return err
	}
	if info.IsDir() || filepath.Ext(path) != ".md" {
		return errors.New("it has no headings")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !anchors(string(text))[to.Fragment] {
		return errors.New("there is no such heading")
	}
	return nil
}

// anchors are those that GitHub gives the headings of a text.
func anchors(text string) map[string]bool {
	found, seen := map[string]bool{}, map[string]int{}
	prose(text, func(_ int, line string) {
		title := heading.FindStringSubmatch(line)
		if title == nil {
			return
		}
		words := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, regexp.MustCompile(`\]\([^)]*\)`).ReplaceAllString(title[1], ""))
		anchor := words
		if n := seen[words]; n > 0 {
			anchor = fmt.Sprintf("%s-%d", words, n)
		}
		seen[words]++
		found[anchor] = true
	})
	return found
}

// wideLines are the lines of prose that are too wide.
func wideLines(text string) (wide []string) {
	prose(text, func(number int, line string) {
		// What cannot be broken may be wide: an address.
		words := strings.Fields(line)
		unbroken := len(words) > 0 && utf8.RuneCountInString(words[len(words)-1]) > columns/2
		if width := utf8.RuneCountInString(strings.TrimRight(line, " ")); width > columns && !strings.HasPrefix(line, "|") && !unbroken {
			wide = append(wide, fmt.Sprintf("line %d: %d columns", number, width))
		}
	})
	return wide
}
