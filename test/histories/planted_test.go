package histories_test

// The checks are checked: bugs that a gapless counter, or its client, could have are planted, and must be found.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// tries is in how many histories a bug must be found: one that shows in each second is missed once in a million.
const tries = 20

// change replaces text in the file of a function.
type change struct{ function, old, new string }

// plant changes functions in a database.
func plant(t *testing.T, database *pgtest.Database, changes ...change) {
	t.Helper()
	conn := database.Conn(t)
	for _, c := range changes {
		found, err := filepath.Glob("../../sql/functions/*/" + c.function + ".sql")
		require.NoError(t, err)
		require.Len(t, found, 1, c.function)
		content, err := os.ReadFile(found[0])
		require.NoError(t, err)
		statement := regexp.MustCompile(`(?s)CREATE OR REPLACE FUNCTION.*?\$function\$;`).FindString(string(content))
		require.Equal(t, 1, strings.Count(statement, c.old), "%s no longer has the text that is to be replaced: %s", c.function, c.old)
		_, err = conn.Exec(t.Context(), strings.Replace(statement, c.old, c.new, 1))
		require.NoError(t, err)
	}
}

// hunt plays short histories of some kinds of steps until what is found wrong with one is all that is wanted. Without a want, all must
// be right.
func hunt(t *testing.T, kept func(step) bool, prepare func(t *testing.T, h *history), want ...error) {
	t.Helper()
	seed := sqltest.NewSeed(t)
	requireFound(t, want, func(number uint64) error {
		random := rand.New(rand.NewPCG(seed, number))
		h := newHistory(t, pgtest.New(t), fmt.Sprint("planted ", number), random)
		h.reports = reportsOf(t, want)
		prepare(t, h)
		h.script = newScript(random, len(h.clients), turns).only(kept)
		played := h.play(t.Context(), 0, turns)
		return errors.Join(played, h.verify(t.Context()))
	})
}

// reportsOf is where a history is drawn, if what is found wrong with it is not what is wanted.
func reportsOf(t *testing.T, want []error) string {
	t.Helper()
	if len(want) > 0 {
		return ""
	}
	return t.TempDir()
}

// requireFound has a history played until it is found wrong in all the ways that are wanted; none may be without a want.
func requireFound(t *testing.T, want []error, play func(number uint64) error) {
	t.Helper()
	if len(want) == 0 {
		require.NoError(t, play(0))
		return
	}
	for number := range uint64(tries) {
		err := play(number)
		t.Logf("history %d: %.2000v", number+1, err)
		if !slices.ContainsFunc(want, func(want error) bool { return !errors.Is(err, want) }) {
			return
		}
	}
	require.Fail(t, "the bug was not found", "wanted: %v", want)
}

// issues keeps what issues and looks.
func issues(s step) bool { return s.kind == issue || s.kind == look }

// calls keeps what issues and looks, where no column and no unique index makes an error of a double.
func calls(s step) bool { return issues(s) && s.series.column == called }

// only is the script with some of its steps.
func (s script) only(kept func(step) bool) script {
	for _, plans := range s.plans {
		for i := range plans {
			var steps []step
			for _, taken := range plans[i].steps {
				if kept(taken) {
					steps = append(steps, taken)
				}
			}
			plans[i].steps = steps
			if len(steps) == 0 {
				plans[i].steps = []step{{series: s.series[0], kind: issue, size: 1}}
			}
		}
	}
	return s
}

func TestACounterThatIsReadWithoutItsLockIsFound(t *testing.T) {
	t.Parallel()
	// Without an index to read the journal by, every plan is so dear that PostgreSQL would compile it.
	interpreted := map[string]string{"jit": "off"}
	clients := func(_ *testing.T, h *history) {
		for range 4 {
			h.addPlain(&plain{settings: interpreted})
		}
	}
	t.Run("planted", func(t *testing.T) {
		t.Parallel()
		hunt(t, calls, func(t *testing.T, h *history) {
			// Without the journal's key, which would make an error of each double.
			_, err := h.database.Conn(t).Exec(t.Context(), "ALTER TABLE gapless.journal DROP CONSTRAINT journal_pkey")
			require.NoError(t, err)
			plant(t, h.database,
				change{"next_gapless", "FOR NO KEY UPDATE;", ";"},
				change{"lock_sequence", "FOR NO KEY UPDATE;", ";"})
			clients(t, h)
		}, errIllegal, errRows)
	})
	t.Run("not planted", func(t *testing.T) {
		t.Parallel()
		hunt(t, calls, clients)
	})
}

// TestADecisionThatGoesWrongIsFound plants bugs in what archives, moves a row, and goes live.
func TestADecisionThatGoesWrongIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change change
		want   error
	}{
		"an archive of a number that no row has": {change{"archive_gapless", "numrange(n.first_value,", "numrange(n.first_value - 1,"}, errAudit},
		"an archive that is noted wrongly":       {change{"archive_gapless", "archive_gapless.last, archive_gapless.reason, present)", "archive_gapless.last + 1, archive_gapless.reason, present)"}, errTold},
		"a move that says it went elsewhere":     {change{"column_void_moved", "'moved to %s, as %s', goal", "'moved to %s, as %s', name"}, errAudit},
		"a series that goes live twice":          {change{"go_live_gapless", "PERFORM gapless.check_not_live(go_live_gapless.name);", ""}, errIllegal},
		"a series that goes live and goes on":    {change{"go_live_gapless", "DELETE FROM gapless.journal AS j WHERE j.name = go_live_gapless.name COLLATE \"C\";", "DELETE FROM gapless.journal AS j WHERE j.name = go_live_gapless.name COLLATE \"C\" AND j.first_value = 0;"}, errIllegal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := sqltest.NewSeed(t)
			want := []error{c.want}
			requireFound(t, want, func(number uint64) error {
				random := rand.New(rand.NewPCG(seed, number))
				h := newHistory(t, pgtest.New(t), fmt.Sprint("planted ", number), random)
				h.reports = reportsOf(t, want)
				plant(t, h.database, c.change)
				h.addPlain(&plain{}, &plain{}, &plain{})
				h.script = newScript(random, len(h.clients), turns)
				played := h.play(t.Context(), 0, turns)
				return errors.Join(played, h.verify(t.Context()))
			})
		})
	}
}

func TestAClientThatAcknowledgesBeforeCommitIsFound(t *testing.T) {
	t.Parallel()
	hunt(t, issues, func(_ *testing.T, h *history) {
		h.addPlain(&plain{}, &plain{}, &plain{}, &plain{early: true})
	}, errIllegal, errTold)
}

func TestAnAllocationOutsideOfItsTransactionIsFound(t *testing.T) {
	t.Parallel()
	hunt(t, issues, func(t *testing.T, h *history) {
		h.addPlain(&plain{}, &plain{}, &plain{}, &plain{autocommit: h.database.Conn(t)})
	}, errIllegal, errRows)
}

// TestACommitThatIsAcknowledgedBeforeItIsDurableIsFound kills servers, of which those with a bug lose what was acknowledged.
func TestACommitThatIsAcknowledgedBeforeItIsDurableIsFound(t *testing.T) {
	t.Parallel()
	seed := sqltest.NewSeed(t)
	const turns = 12
	server := sqltest.NewIdleServer(t)
	lost := []error{errIllegal, errTold}
	noFlush := change{"flush_gapless", "PERFORM pg_logical_emit_message(true, 'gapless', '');", ""}
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, h *history)
		want    []error
	}{
		{"a group committer", func(t *testing.T, h *history) { h.addGroup(t) }, nil},
		{"synchronous clients", func(_ *testing.T, h *history) { h.addPlain(&plain{}, &plain{}) }, nil},
		{"a group committer whose flush does nothing", func(t *testing.T, h *history) {
			plant(t, h.database, noFlush)
			h.addGroup(t)
		}, lost},
		{"batches of Send", func(t *testing.T, h *history) { h.addSend(t, &sender{}, &sender{}) }, nil},
		{"batches of Send whose flush does nothing", func(t *testing.T, h *history) {
			plant(t, h.database, noFlush)
			h.addSend(t, &sender{}, &sender{})
		}, lost},
		{"asynchronous clients", func(_ *testing.T, h *history) {
			asynchronous := map[string]string{"synchronous_commit": "off"}
			h.addPlain(&plain{settings: asynchronous}, &plain{settings: asynchronous})
		}, lost},
	} {
		t.Run(c.name, func(t *testing.T) {
			requireFound(t, c.want, func(number uint64) error {
				random := rand.New(rand.NewPCG(seed, number))
				h := newHistory(t, server.NewDatabase(t), fmt.Sprint("crash ", number), random)
				h.proxy.Intercept(nil)
				h.outages = true
				h.reports = reportsOf(t, c.want)
				c.prepare(t, h)
				h.script = newScript(random, len(h.clients), turns)
				_, err := h.database.Conn(t).Exec(t.Context(), "CHECKPOINT")
				require.NoError(t, err)
				require.NoError(t, h.play(t.Context(), 0, 3)) // so little that it fits into a few pages of WAL
				server.Kill(t)
				server.Start(t)
				require.NoError(t, h.play(t.Context(), 3, turns))
				return h.verify(t.Context())
			})
		})
	}
}
