package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// repository is where the repository begins, seen from this package.
const repository = "../.."

// TestEveryErrorIsInTroubleshooting compares docs/troubleshooting.md with what the functions raise: each message is there,
// with … for what differs, in the section of its SQLSTATE's condition.
func TestEveryErrorIsInTroubleshooting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repository, "docs/troubleshooting.md"))
	require.NoError(t, err)
	page := strings.ReplaceAll(string(text), `\|`, "|")
	install, err := os.ReadFile(filepath.Join(repository, "sql/gapless.sql"))
	require.NoError(t, err)

	var missing []string
	raised := raisedMessages(string(install))
	for _, r := range raised {
		section := page
		if r.condition != "" {
			_, section, _ = strings.Cut(page, " "+r.condition+"\n")
			section, _, _ = strings.Cut(section, "\n## ")
		}
		// What comes last and differs is told apart there.
		beginning, differs := strings.CutSuffix(r.message, "…")
		if !differs {
			beginning += "`"
		}
		if !strings.Contains(section, "`"+beginning) {
			missing = append(missing, r.condition+": "+r.message)
		}
	}
	why := reasons(string(install))
	for _, reason := range why {
		if !strings.Contains(page, reason) {
			missing = append(missing, reason)
		}
	}
	require.Empty(t, missing)
	require.Greater(t, len(raised), 60)
	require.Greater(t, len(why), 30)
}

// raisedMessage is a message as the page has it, and the name of its SQLSTATE, or "" where that is decided at run time.
type raisedMessage struct{ condition, message string }

var (
	literal = `'((?:[^']|'')*)'`
	raise   = regexp.MustCompile(`RAISE (?:EXCEPTION|WARNING) ` + literal + `[^;]*?(?:;|ERRCODE = '?(\w+))`)
	refusal = regexp.MustCompile(`code := '(\w+)';\s*message := format\(` + literal + `(, what)?`)
	reason  = regexp.MustCompile(`(?:fault :=|refusal :=|THEN|ELSE|bigint,) (?:pg_catalog\.)?(?:format\(\s*)?'([a-z](?:[^'\n]|'')* (?:[^'\n]|'')* (?:[^'\n]|'')*)'`)
	holder  = regexp.MustCompile(`%(?:\d+\$)?[sIL]|%`)
)

// raisedMessages are those of RAISE, and those of column_refuse, which raises them by one RAISE.
func raisedMessages(text string) (all []raisedMessage) {
	for _, m := range raise.FindAllStringSubmatch(text, -1) {
		message := asPrinted(m[1])
		switch {
		case strings.HasPrefix(message, "what was "): // caught again, where the rest is undone
		case message == "…": // made up elsewhere
		case m[2] == "SQLSTATE", m[2] == "code":
			all = append(all, raisedMessage{"", message})
		default:
			all = append(all, raisedMessage{m[2], message})
		}
	}
	for _, m := range refusal.FindAllStringSubmatch(text, -1) {
		message := asPrinted(m[2])
		if m[3] != "" {
			message = strings.Replace(message, "…", `column "…" of table "…"`, 1)
		}
		all = append(all, raisedMessage{m[1], message})
	}
	return all
}

// reasons are what a message or a finding of the audit says after its colon.
func reasons(text string) (all []string) {
	for _, function := range regexp.MustCompile(`CREATE OR REPLACE FUNCTION gapless\.`).Split(text, -1) {
		name, _, _ := strings.Cut(function, "(")
		switch name {
		case "attach_gapless", "column_check_table", "column_check_column", "column_check_expression", "column_check_expressions", "column_check_others",
			"column_warn_format", "column_check_partition", "column_guard_partitions", "audit_numbers", "audit_gapless":
			for _, m := range reason.FindAllStringSubmatch(function, -1) {
				all = append(all, strings.TrimSuffix(asPrinted(m[1]), " "))
			}
		}
	}
	return all
}

func asPrinted(literal string) string {
	return holder.ReplaceAllString(strings.ReplaceAll(literal, "''", "'"), "…")
}

// TestEachErrorCanBeToldFromPostgreSQLsOwn is what clients need: schema gapless, or the column's own and a CONSTRAINT.
func TestEachErrorCanBeToldFromPostgreSQLsOwn(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(repository, "sql/functions/*/*.sql"))
	require.NoError(t, err)
	statements := regexp.MustCompile(`RAISE EXCEPTION '(?:[^']|'')*'(?:[^;']|'(?:[^']|'')*')*;`)
	var raised []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		raised = append(raised, statements.FindAllString(string(text), -1)...)
	}
	require.Greater(t, len(raised), 80)
	for _, statement := range raised {
		switch {
		case strings.HasPrefix(statement, "RAISE EXCEPTION 'what was re"): // caught again, or with SCHEMA
		case strings.Contains(statement, "SCHEMA = 'gapless'"), strings.Contains(statement, "'serialization_failure'"):
		default:
			require.Contains(t, statement, "SCHEMA = ")
			require.Contains(t, statement, "COLUMN = ")
			require.Contains(t, statement, "CONSTRAINT = ")
		}
	}
}
