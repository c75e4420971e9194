package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	run    = `{"Action":"run","Package":"p","Test":"TestA"}` + "\n"
	passes = `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n"
	fails  = `{"Action":"output","Package":"p","Test":"TestB","Output":"a_test.go:1: it broke\n"}` + "\n" + `{"Action":"fail","Package":"p","Test":"TestB"}` + "\n"
	skips  = `{"Action":"output","Package":"p","Test":"TestC","Output":"    a_test.go:1: there is no PgBouncer\n"}` + "\n" + `{"Action":"skip","Package":"p","Test":"TestC"}` + "\n"
)

func TestAReportFailsForWhatFailedOrWasSkippedWithoutLeave(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, events, printed, err string
		allowed                    []*regexp.Regexp
	}{
		{"all passed", run + passes, "1 tests passed, 0 were skipped\n", "", nil},
		{"one failed", run + passes + fails, "it broke", "1 tests and packages failed", nil},
		{"nothing was run", "", "0 tests passed", "no test was run", nil},
		{"one was skipped", run + passes + skips, "TestC is skipped: a_test.go:1: there is no PgBouncer", "may be skipped: TestC", nil},
		{"one was skipped, as it may be", run + passes + skips, "1 were skipped", "", []*regexp.Regexp{regexp.MustCompile("^(TestC)$")}},
		{"one was skipped of a package that may be", run + passes + skips, "1 were skipped", "", []*regexp.Regexp{regexp.MustCompile(`^(p\.Test.*)$`)}},
		{"something does not compile", "a.go:1: syntax error\n" + `{"Action":"fail","Package":"p"}` + "\n", "syntax error", "1 tests and packages failed", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var printed strings.Builder
			err := report(strings.NewReader(c.events), &printed, c.allowed)
			require.Contains(t, printed.String(), c.printed)
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.err)
			}
		})
	}
}
