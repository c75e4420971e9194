package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
)

// onTerminal prints an audit on a terminal that is so wide, with these variables.
func onTerminal(t *testing.T, r *audit, width int, f auditFlags, variables map[string]string) string {
	t.Helper()
	var stdout bytes.Buffer
	a := &app{
		stdout: &stdout, stderr: &stdout, getenv: func(name string) string { return variables[name] },
		terminal: func(any) bool { return width > 0 }, width: func(any) int { return width },
	}
	f.choice = *r.choice
	require.NoError(t, a.printAudit(r, &f))
	return stdout.String()
}

var escapes = regexp.MustCompile("\x1b\\[[0-9]*m")

func TestTheTableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	r := canned(t, &choice{})
	headers := func(width int) []string {
		lines := strings.Split(strings.TrimSuffix(escapes.ReplaceAllString(onTerminal(t, r, width, auditFlags{}, nil), ""), "\n"), "\n")
		for _, line := range lines {
			if width > 0 {
				require.LessOrEqual(t, utf8.RuneCountInString(line), width)
			}
		}
		return regexp.MustCompile(` {2,}`).Split(lines[0], -1)
	}
	all := []string{"SEQUENCE", "COLUMN", "KIND", "NUMBERS", "EXPLAINED", "EXPLANATION", "ROWS", "ALLOCATED BY", "AT", "TRANSACTION"}
	require.Equal(t, all, headers(0))
	require.Equal(t, all, headers(1000))
	require.Equal(t, []string{"SEQUENCE", "KIND", "NUMBERS", "EXPLAINED", "EXPLANATION"}, headers(80))
	require.Len(t, headers(60), 5)
	before := 5
	for width := 80; width <= 300; width += 10 {
		now := len(headers(width))
		require.GreaterOrEqual(t, now, before)
		before = now
	}
	require.Len(t, all, before)
}

func TestWhatIsNotExplainedIsRedOnATerminalWithoutNoColor(t *testing.T) {
	t.Parallel()
	r := canned(t, &choice{})
	for _, line := range strings.Split(strings.TrimSuffix(onTerminal(t, r, 400, auditFlags{}, nil), "\n"), "\n") {
		switch {
		case strings.Contains(line, "  no  "):
			require.Regexp(t, "^\x1b\\[31m.*\x1b\\[0m$", line)
		default:
			require.NotContains(t, line, "\x1b")
		}
	}
	require.NotContains(t, onTerminal(t, r, 400, auditFlags{}, map[string]string{"NO_COLOR": "1"}), "\x1b")
	require.NotContains(t, onTerminal(t, r, 400, auditFlags{}, map[string]string{"TERM": "dumb"}), "\x1b")
	require.NotContains(t, onTerminal(t, r, 0, auditFlags{}, nil), "\x1b")
	require.Contains(t, onTerminal(t, r, 400, auditFlags{}, map[string]string{"NO_COLOR": ""}), "\x1b")
}

func TestManyFindingsOfAKindAreOneLine(t *testing.T) {
	t.Parallel()
	r := &audit{choice: &choice{}}
	var found []gapless.Finding
	for i := int64(1); i < 5000; i++ {
		found = append(found, gapless.Finding{
			Sequence: "invoice/2025", AttachedColumn: "public.invoices.number", Kind: "hole", FirstValue: 10 * i, LastValue: 10 * i,
			Explanation: "the journal has it, and no row", AllocatedBy: "app", AllocatedAt: theDay.AddDate(0, 0, int(i/1000)), Txid: i,
		})
	}
	for i := int64(1); i <= findingsOfAKind+1; i++ {
		found = append(found, gapless.Finding{
			Sequence: "receipt", Kind: "void", FirstValue: i, LastValue: i, Explained: true, Explanation: "void: " + strings.Repeat("x", int(i)) + " (miller, 2025-01-01 00:00:00+00)",
		})
	}
	for i := int64(1); i <= findingsOfAKind; i++ {
		found = append(found, gapless.Finding{Sequence: "ticket", Kind: "void", FirstValue: -i, LastValue: -i, Explained: true, Explanation: "void: x (miller, 2025-01-01 00:00:00+00)"})
	}
	require.NoError(t, r.take(found))
	printed := onTerminal(t, r, 0, auditFlags{}, nil)
	require.Equal(t, 1+1+1+findingsOfAKind, strings.Count(printed, "\n"))
	require.Regexp(t, `\ninvoice/2025  public.invoices.number  hole  +10 … 49990  no         4,999 findings: the journal has it, and no row +app +2026-01-15 to 2026-01-19  several\n`, printed)
	require.Regexp(t, `\nreceipt       -                       void +1 … 11  yes        11 findings: void: x; and other reasons +-`, printed)
	require.Regexp(t, `\nticket        -                       void +-1  yes        void: x \(miller, 2025-01-01 00:00:00\+00\) +-`, printed)

	require.Equal(t, 1+len(found), strings.Count(onTerminal(t, r, 0, auditFlags{all: true}, nil), "\n"))
	require.Equal(t, 1+len(found), strings.Count(onTerminal(t, r, 0, auditFlags{csv: true}, nil), "\n"))
}

func TestHowLongItTakesIsShownOnATerminalAlone(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	a := &app{stderr: &stderr, terminal: func(any) bool { return false }}
	a.elapsed("auditing")()
	require.Empty(t, stderr.String())

	shown, written := make(chan struct{}), &watched{}
	written.seen = func() { close(shown) }
	a = &app{stderr: written, terminal: func(any) bool { return true }}
	end := a.elapsed("auditing")
	<-shown
	end()
	require.Regexp(t, "^\rauditing … [0-9]+s(\rauditing … [0-9]+s)*\r +\r$", written.String())
}

// watched calls seen when the first is written.
type watched struct {
	bytes.Buffer
	seen func()
}

func (w *watched) Write(text []byte) (int, error) {
	n, err := w.Buffer.Write(text)
	if w.seen != nil {
		w.seen()
		w.seen = nil
	}
	return n, err
}

func TestTheCommandLineSaysWhetherToColourAboveTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flag      string
		variables map[string]string
		terminal  bool
		coloured  bool
	}{
		{"auto", nil, true, true},
		{"auto", nil, false, false},
		{"auto", map[string]string{"NO_COLOR": "1"}, true, false},
		{"auto", map[string]string{"TERM": "dumb"}, true, false},
		{"auto", map[string]string{"CLICOLOR": "0"}, true, false},
		{"auto", map[string]string{"CLICOLOR_FORCE": "1"}, false, true},
		{"auto", map[string]string{"CLICOLOR_FORCE": "0"}, false, false},
		{"auto", map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, true, false},
		{"always", map[string]string{"NO_COLOR": "1", "TERM": "dumb"}, false, true},
		{"never", map[string]string{"CLICOLOR_FORCE": "1"}, true, false},
	} {
		var stdout, stderr bytes.Buffer
		a := &app{
			stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, getenv: func(name string) string { return c.variables[name] },
			terminal: func(any) bool { return c.terminal }, width: func(any) int { return 0 },
		}
		require.Zero(t, a.run(t.Context(), []string{"--color", c.flag, "migrate", "print"}))
		require.Equal(t, c.coloured, a.coloured(a.stderr, red, "x") != "x", "%v", c)
		a.json = true
		require.Equal(t, "x", a.coloured(a.stderr, red, "x"), "JSON is never coloured")
	}
}
