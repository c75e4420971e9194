// Report prints what a run of tests did, for CI, and fails where a test was skipped that is not on a list:
//
//	go test -json work | go run ./test/report .ci/skipped
//
// A line of the list is a regular expression for a test's name, or for its package's and the test's with a dot between them, and why it
// may be skipped there, after a tab. What is on the list and was run is no error.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

type event struct{ Action, Package, Test, Output string }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json … | report LIST")
		os.Exit(2)
	}
	allowed, err := read(os.Args[1])
	if err == nil {
		err = report(os.Stdin, os.Stdout, allowed)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func read(name string) (allowed []*regexp.Regexp, err error) {
	text, err := os.ReadFile(name) //nolint:gosec // the list is an argument
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		pattern, why, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if strings.TrimSpace(why) == "" {
			return nil, fmt.Errorf("%s: %q does not say why", name, line)
		}
		expression, err := regexp.Compile("^(" + pattern + ")$")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		allowed = append(allowed, expression)
	}
	return allowed, nil
}

func report(in io.Reader, out io.Writer, allowed []*regexp.Regexp) error {
	output := map[event][]string{} // of tests that have not ended, by package and test
	var passed, skipped, failed int
	var unexpected []string
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil { // the compiler's, say
			fmt.Fprintln(out, lines.Text())
			continue
		}
		key := event{Package: e.Package, Test: e.Test}
		switch {
		case e.Action == "output" && e.Test != "", e.Action == "build-output":
			output[key] = append(output[key], e.Output)
		case e.Action == "output" && !strings.HasPrefix(e.Output, "?") && e.Output != "PASS\n":
			fmt.Fprint(out, e.Output)
		case e.Action == "pass" && e.Test != "":
			passed++
			delete(output, key)
		case e.Action == "skip" && e.Test != "":
			skipped++
			fmt.Fprintf(out, "%s is skipped: %s\n", e.Test, reason(output[key]))
			if !matches(allowed, e.Test) && !matches(allowed, e.Package+"."+e.Test) {
				unexpected = append(unexpected, e.Test)
			}
		case e.Action == "fail" || e.Action == "build-fail":
			failed++
			fmt.Fprint(out, strings.Join(output[key], ""))
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d tests passed, %d were skipped\n", passed, skipped)
	switch {
	case failed > 0:
		return fmt.Errorf("%d tests and packages failed", failed)
	case passed == 0:
		return errors.New("no test was run")
	case len(unexpected) > 0:
		return fmt.Errorf("these are not on the list of what may be skipped: %s", strings.Join(unexpected, ", "))
	}
	return nil
}

func matches(allowed []*regexp.Regexp, test string) bool {
	for _, expression := range allowed {
		if expression.MatchString(test) {
			return true
		}
	}
	return false
}

// reason is what the test said with t.Skip.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}
