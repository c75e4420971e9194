// Bench measures gapless against its peers, and against the aims that the project has set itself:
//
//	go run ./bench            # everything, in about 40 minutes on two cores: bench/RESULTS.md and bench/plots
//	go run ./bench --quick    # whether all of it runs, in about a minute; the figures mean nothing
//	go run ./bench --help
//
// It finds or starts a server as package pgtest does; for that of GAPLESS_DATABASE_URL it needs a superuser and 200
// connections. Absolute figures vary with the machine, and with what else it does. So the contenders take turns: each round runs
// all of them, one after the other, a ratio is computed within a round, and what counts is the median over the rounds.
//
// After each scenario it checks that what it measured has worked: numbers without holes, and an audit without findings.
// It exits with 1 if something failed, and still writes what it has.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/pggapless/gapless/internal/pgtest"
)

// settings are those of the server, beside pgtest's own; all others are PostgreSQL's defaults, and fsync and synchronous_commit
// among them.
var settings = map[string]string{
	"checkpoint_timeout": "1h", // so that no checkpoint slows down whoever's turn it is
	"max_wal_size":       "16GB",
	"shared_buffers":     "512MB", // the default of 128 MB is less than a million sequences
}

// scenarios in the order of the report.
var scenarios = []struct {
	name string
	run  func(context.Context, *bench) error
}{
	{"callers", callers},
	{"goroutines", goroutines},
	{"work", work},
	{"snapshot", snapshot},
	{"size", size},
	{"batch", batch},
	{"client", client},
	{"column", column},
	{"chain", chain},
	{"sets", sets},
	{"audit", audit},
	{"doctor", doctor},
	{"metrics", scraping},
	{"citus", overNodes},
	{"path", path},
	{"inside", insides},
}

// bench is one run of the program.
type bench struct {
	plan
	server *pgtest.Server
	beside string // a gapless.sql
	report report
	begin  time.Time
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quickly := flags.Bool("quick", false, "tiny sizes and slices: checks that all of it runs, and leaves nothing behind unless --out is given")
	runs := flags.Int("runs", 5, "how many rounds each scenario has")
	audited := flags.Int("audited", full.audited, "how many rows the audit reads")
	only := flags.String("only", "", "run only the scenarios whose name matches this regular expression: "+names())
	out := flags.String("out", "", "folder for RESULTS.md and plots/ (default: bench, or a temporary folder with --quick or --only)")
	beside := flags.String("beside", "", "another build's sql/gapless.sql, whose columns are measured beside this one's (scenario sets)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	if flags.NArg() > 0 || *runs < 1 || *audited < 10_000 {
		return errors.New("--runs is at least 1, --audited at least 10000, and there are no arguments; see --help")
	}
	folder, temporary, err := folderFor(*out, *quickly, *only)
	if err != nil {
		return err
	}
	if temporary {
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	}

	b := &bench{plan: full, beside: *beside, begin: time.Now()}
	if *quickly {
		b.plan = quick
		flags.Visit(func(f *flag.Flag) {
			switch f.Name {
			case "runs":
				b.runs = *runs
			case "audited":
				b.audited = *audited
			}
		})
	} else {
		b.runs, b.audited = *runs, *audited
	}
	b.server, err = pgtest.Start(ctx, pgtest.WithSettings(settings))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.server.Close()) }()
	b.progress("%s", b.server.Provider())

	b.report.command = strings.TrimSpace("go run ./bench " + strings.Join(args, " "))
	if b.report.machine, err = describe(ctx, b.server); err != nil {
		return err
	}
	var failures []error
	for _, s := range scenarios {
		if !chosen.MatchString(s.name) {
			continue
		}
		if err := s.run(ctx, b); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", s.name, err))
			b.progress("%s failed: %v", s.name, err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	b.report.failures = failures
	b.report.took = time.Since(b.begin)
	if err := b.report.write(folder); err != nil {
		failures = append(failures, err)
	}
	if temporary {
		b.progress("done; the results of --quick mean nothing, and are kept only with --out")
	} else {
		b.progress("written to %s", folder)
	}
	return errors.Join(failures...)
}

// folderFor is where the output goes, and whether nobody wants it afterwards. A run of a part, or of less, must not replace
// the results of a whole one.
func folderFor(out string, quick bool, only string) (folder string, temporary bool, err error) {
	switch {
	case out != "":
		folder = out
	case quick || only != "":
		if folder, err = os.MkdirTemp("", "gapless-bench-"); err != nil {
			return "", false, err
		}
		temporary = quick
	default:
		folder = "bench"
		if _, err := os.Stat(filepath.Join(folder, "main.go")); err != nil {
			return "", false, errors.New("run it in the repository's folder, or give --out")
		}
	}
	return folder, temporary, os.MkdirAll(filepath.Join(folder, "plots"), 0o755) //nolint:gosec // results are for everyone to read
}

func names() string {
	all := make([]string, len(scenarios))
	for i, s := range scenarios {
		all[i] = s.name
	}
	return strings.Join(all, ", ")
}

// progress tells who waits what is going on.
func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%5.0f s  %s\n", time.Since(b.begin).Seconds(), fmt.Sprintf(format, args...))
}
