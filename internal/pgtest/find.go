package pgtest

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const binVariable = "GAPLESS_PG_BIN"

// places where packagers put PostgreSQL's programs without putting them in PATH.
var places = []string{
	"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                   // PostgreSQL's own RPMs
	"/usr/libexec/postgresql*",           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin", // Homebrew
	"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
	"/opt/homebrew/opt/postgresql/bin",   // Homebrew, without a version
	"/usr/local/opt/postgresql/bin",      //
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// findPrograms returns the folder that initdb and postgres are in. If GAPLESS_PG_BIN names one, no other is looked at.
func findPrograms(h host) (string, error) {
	if bin := h.getenv(binVariable); bin != "" {
		if !hasPrograms(h, bin) {
			return "", askedError{fmt.Errorf("%s is %s, but there is no initdb and postgres in it; set it to the folder that has them", binVariable, bin)}
		}
		return filepath.Abs(bin)
	}
	for _, bin := range candidates(h) {
		if hasPrograms(h, bin) {
			return bin, nil
		}
	}
	return "", errors.New("no initdb and postgres in PATH, in pg_config's folder or where packages put them; install PostgreSQL, or set " + binVariable)
}

func candidates(h host) []string {
	var bins []string
	if initdb, err := h.lookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(initdb); err == nil {
			initdb = real // postgres is next to the file, not always next to the link
		}
		bins = append(bins, filepath.Dir(initdb))
	}
	if pgConfig, err := h.lookPath("pg_config"); err == nil {
		if out, err := exec.Command(pgConfig, "--bindir").Output(); err == nil {
			bins = append(bins, strings.TrimSpace(string(out)))
		}
	}
	for _, place := range places {
		found, _ := h.glob(place) // the only error is a bad pattern
		slices.SortStableFunc(found, func(a, b string) int { return cmp.Compare(versionIn(b), versionIn(a)) })
		bins = append(bins, found...)
	}
	return bins
}

var versionNumber = regexp.MustCompile(`\d+(\.\d+)?`)

// versionIn is the version that a path contains, or 0: "/usr/lib/postgresql/9.6/bin" is 9.6.
func versionIn(path string) float64 {
	found := versionNumber.FindAllString(path, -1)
	if len(found) == 0 {
		return 0
	}
	version, _ := strconv.ParseFloat(found[len(found)-1], 64)
	return version
}

func hasPrograms(h host, bin string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := h.lookPath(filepath.Join(bin, program)); err != nil {
			return false
		}
	}
	return true
}
