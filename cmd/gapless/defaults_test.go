package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestEveryCommandWorksWhateverTheDefaultsAre runs them while a serializable transaction that writes is open, for which one that is
// deferrable would wait, and cuts the answer to one COMMIT.
func TestEveryCommandWorksWhateverTheDefaultsAre(t *testing.T) {
	t.Parallel()
	cases := map[string]string{}
	for name := range sqltest.OddDefaults {
		cases[name] = ""
	}
	for _, mode := range []string{"exec", "simple_protocol"} { // in which pgx reads texts
		for _, name := range []string{"a DateStyle", "everything"} {
			cases[name+", "+mode] = mode
		}
	}
	for name, mode := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defaults := sqltest.OddDefaults[strings.TrimSuffix(name, ", "+mode)]
			d := pgtest.NewCopy(t)
			inMode(t, d, mode)
			s := sqltest.Connect(t, d)
			s.Do("CREATE TABLE others (a int)")
			s.Do("CREATE SEQUENCE another")
			s.Do("GRANT SELECT ON another TO PUBLIC")
			defaults.Set(t, d)
			if defaults["role"] != "" {
				s.Do("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA gapless TO PUBLIC")
				s.Do("GRANT SELECT ON ALL TABLES IN SCHEMA gapless TO PUBLIC")
			}
			s.Do("BEGIN ISOLATION LEVEL SERIALIZABLE")
			s.Do("INSERT INTO others VALUES (1)")
			s.Do("SELECT gapless.next_gapless('held')")
			proxy := pgproxy.New(t, d.URL)
			through := *d
			through.URL = proxy.URL()

			var cut atomic.Bool
			proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
				if m.IsCancelRequest() || m.Tag() == "COMMIT" && cut.CompareAndSwap(false, true) {
					return pgproxy.Cut
				}
				return pgproxy.Forward
			})
			require.Equal(t, prints("1\n"), on(t, &through, "next", "invoice", "--lock-timeout", "10s"))
			require.True(t, cut.Load())
			proxy.Intercept(nil)
			require.Equal(t, prints("2\n"), on(t, &through, "next", "invoice"))
			require.Equal(t, prints("2\n"), on(t, d, "last", "invoice"))
			require.Equal(t, prints("3\n"), on(t, d, "peek", "invoice"))
			for _, args := range [][]string{
				{"list"}, {"columns"}, {"holders"}, {"top", "--count", "1", "--interval", "100ms"}, {"migrate", "status"}, {"void", "invoice", "2", "--reason", "a test"}, {"adopt", "invoice", "9"},
				{"import", "--from", "sequences", "--like", "another", "--apply"}, {"import", "--from", "query", "--query", "SELECT 'x', 1"}, {"audit"}, {"audit", "--html", filepath.Join(t.TempDir(), "audit.html")},
			} {
				o := on(t, d, args...)
				require.Zero(t, o.code, "%v: %s", args, o.stderr)
			}
			yes := program(t.Context(), true, strings.NewReader("y\n"), "--database-url", d.URL, "delete", "invoice")
			require.Zero(t, yes.code, yes.stderr)
			s.Do("COMMIT")
		})
	}
}

// inMode has pgx send the statements of d's URL in that mode.
func inMode(t *testing.T, d *pgtest.Database, mode string) {
	t.Helper()
	if mode == "" {
		return
	}
	parsed, err := url.Parse(d.URL)
	require.NoError(t, err)
	query := parsed.Query()
	query.Set("default_query_exec_mode", mode)
	parsed.RawQuery = query.Encode()
	d.URL = parsed.String()
}
