package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// figures are the tables of the documents that repeat medians of bench/RESULTS.md: each row begins with those of the columns, of one
// section after the other.
var figures = []struct {
	page     string
	sections []string
	columns  []string
	rows     [][2]string // the label in the document, and the one in RESULTS.md
}{
	{"README.md", []string{"Callers: one statement, 1 ms flush"}, []string{"1", "16", "64"}, [][2]string{
		{"gapless: strict, which is plain SQL", "gapless, strict"}, {"gapless: group commit by `Send`", send},
		{"a native sequence, which leaves holes", "nextval()"}, {"a counter row that is updated, as in django-sequences", "upsert"},
	}},
	{"README.md", []string{"Callers: one statement, the disk's own flush"}, []string{"1", "16", "64"}, [][2]string{
		{"gapless: strict", "gapless, strict"}, {"gapless: group commit by `Send`", send}, {"a native sequence", "nextval()"}, {"a counter row that is updated", "upsert"},
	}},
	{"docs/choose.md", []string{"Callers: one statement, 1 ms flush", "Callers: one statement, the disk's own flush"}, []string{"1", "4", "16", "64"}, [][2]string{
		{"strict", "gapless, strict"}, {"group commit, 4 connections", "gapless, group commit on 4 connections"}, {"Send, 1 connection", send},
		{"a native sequence", "nextval()"}, {"a counter row that is updated", "upsert"},
	}},
	{"docs/choose.md", []string{"Callers: four round trips, 1 ms flush", "Callers: four round trips, the disk's own flush"}, []string{"1", "4", "16", "64"}, [][2]string{
		{"strict", "gapless, strict"}, {"group commit, 2 connections", "gapless, group commit on 2 connections"},
		{"a native sequence", "nextval()"}, {"a counter row that is updated", "upsert"},
	}},
	{"docs/choose.md", []string{"Work in the transaction: 1 ms flush", "Work in the transaction: the disk's own flush"}, []string{"transactions a second"}, [][2]string{
		{"attached, numbered at the INSERT", "attached, numbered at the INSERT"}, {"at_commit", "at_commit"},
		{"at_commit, group commit on 64 connections", "at_commit, group commit on 64 connections"},
		{"a native sequence", "nextval()"}, {"a counter row that is updated", "upsert"},
	}},
	{"docs/comparison.md", []string{"Callers: four round trips, 1 ms flush"}, []string{"1", "16", "64"}, [][2]string{
		{"a native sequence", "nextval()"}, {"a counter row", "upsert"}, {"Odoo's no_gap", "FOR UPDATE NOWAIT"}, {"MAX + 1", "max + 1"},
		{"gapless, strict", "gapless, strict"}, {"gapless, group commit", "gapless, group commit on 2 connections"},
	}},
	{"docs/hot-path.md", []string{"The hot path's parts"}, []string{"µs"}, [][2]string{
		{"a message: `SELECT 1`", "a message: SELECT 1"}, {"the lock of the sequence's row", "the lock of the sequence's row"}, {"`next_gapless`", "next_gapless"},
		{"`INSERT` with `nextval()`", "INSERT with nextval()"}, {"`INSERT` with `next_gapless` in VALUES", "INSERT with `next_gapless` in VALUES"},
		{"`INSERT` into an attached column", "INSERT into an attached column"}, {"`INSERT` into an attached column, at_commit", "INSERT into an attached column, at_commit"},
	}},
}

const send = "gapless, group commit by Send on 1 connection"

// TestFiguresAreThoseOfTheResults is so that a new run of the benchmarks is not forgotten in the documents.
func TestFiguresAreThoseOfTheResults(t *testing.T) {
	t.Parallel()
	results := medians(t)
	for _, f := range figures {
		page, err := os.ReadFile(filepath.Join(root, f.page))
		require.NoError(t, err)
		for _, row := range f.rows {
			want := []string{"", row[0]}
			for _, section := range f.sections {
				for _, column := range f.columns {
					median, found := results[[3]string{section, row[1], column}]
					require.True(t, found, "RESULTS.md: no %s of %s in %s", column, row[1], section)
					want = append(want, median)
				}
			}
			require.Regexp(t, `(?m)^`+regexp.QuoteMeta(strings.TrimSpace(strings.Join(want, " | ")))+` \|`, string(page), f.page)
		}
	}
}

// medians are those of RESULTS.md, by section, row and column.
func medians(t *testing.T) map[[3]string]string {
	text, err := os.ReadFile(filepath.Join(root, "bench", "RESULTS.md"))
	require.NoError(t, err)
	found := map[[3]string]string{}
	var section string
	var head []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if title, begins := strings.CutPrefix(line, "## "); begins {
			section = title
		}
		if !strings.HasPrefix(line, "|") {
			head = nil
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if head == nil {
			head = cells
			continue
		}
		for i := range min(len(cells), len(head)) {
			median, _, _ := strings.Cut(cells[i], " (")
			found[[3]string{section, cells[0], head[i]}] = median
		}
	}
	return found
}
