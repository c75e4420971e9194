package top

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the screens into testdata")

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func ref[T any](v T) *T { return &v }

func backend(pid int32, app string, age time.Duration, waitsFor ...int32) person {
	p := person{
		PID: pid, Application: app, User: "app", Age: &age, State: "active", Query: "INSERT INTO invoices (customer) VALUES ('ACME') RETURNING number",
		Started: ref(noon.Add(-time.Hour)), Began: ref(noon.Add(-age)), WaitsFor: waitsFor,
	}
	if waitsFor != nil {
		p.WaitType, p.Wait, p.Waited = "Lock", "transactionid", ref(age-time.Second)
	}
	return p
}

// canned is a sample with a series that is stuck, one that is prepared, one that is busy, and many that do nothing.
func canned() sample {
	blocker, holder := backend(4700, "psql", 2*time.Minute), backend(4711, "billing", 43*time.Second, 4700)
	blocker.State, blocker.Query = "idle in transaction", "LOCK TABLE customers"
	stuck := series{
		Name: "invoice/2026", Last: ref(int64(1234)), Issued: 1234, Rate: ref(0.0), Allocated: ref(noon.Add(-44 * time.Second)), Column: "public.invoices.number",
		Holders: []person{holder},
		Waiters: []person{backend(4714, "shop", 20*time.Second, 4712, 4713), backend(4712, "shop", 42*time.Second, 4711), backend(4713, "Laden 名前", 30*time.Second, 4712)},
	}
	all := map[string]series{
		stuck.Name: stuck,
		"receipt":  {Name: "receipt", Last: ref(int64(98765)), Rate: ref(596.4)},
		"case":     {Name: "case", Last: ref(int64(12)), Rate: ref(0.0), Holders: []person{{Prepared: "order-4711", User: "app", Age: ref(3 * time.Hour)}}},
		"closed":   {Name: "closed", Last: ref(int64(7)), Rate: ref(0.0), Closed: true},
	}
	for i := range 30 {
		name := fmt.Sprintf("credit-note/2026/tenant-%02d/with a long name", i)
		all[name] = series{Name: name, Last: ref(int64(i)), Rate: ref(0.0)}
	}
	all["wide 番号 \x1b[31m"] = series{Name: "wide 番号 \x1b[31m", Last: nil}
	return sample{
		At: noon, Series: all, Chain: chain(stuck, map[int32]person{4700: blocker}),
		Server: server{
			Database: "shop", Version: "17.2 (Debian)", SeesAll: true, Sessions: 18, Most: 100, Commits: ref(601.0), Rollbacks: ref(2.5), Flushes: ref(598.0),
			FlushSource: "pg_stat_wal", Standbys: []standby{{Name: "north", State: "streaming", Sync: "sync", Lag: ref(800 * time.Millisecond), Bytes: ref(int64(12345))}},
		},
	}
}

// shows is a screen of that size with a sample on it.
func shows(t *testing.T, width, height int, s sample) *model {
	t.Helper()
	m := newModel(t.Context(), Options{Interval: time.Second, Explain: error.Error})
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	m.now = func() time.Time { return noon }
	m.Update(sampled{sample: s})
	m.Update(diagnosed{[]finding{{"critical", 1}, {"warning", 2}}})
	m.now = func() time.Time { return noon.Add(12 * time.Second) }
	return m
}

// press presses keys, and returns the last one's command.
func press(m *model, keys ...string) (cmd tea.Cmd) {
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "backspace": tea.KeyBackspace, "pgdown": tea.KeyPgDown,
		"end": tea.KeyEnd, "home": tea.KeyHome, "space": tea.KeySpace,
	}
	for _, key := range keys {
		msg := tea.KeyPressMsg{Text: key, Code: []rune(key)[0]}
		if code, ok := special[key]; ok {
			msg = tea.KeyPressMsg{Code: code}
		}
		if key == "ctrl+c" {
			msg = tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
		}
		_, cmd = m.Update(msg)
	}
	return cmd
}

// text is the screen without colours.
func text(m *model) string { return ansi.Strip(strings.Join(m.screen(), "\n")) }

// detailed has what a reading for the chain would bring.
func detailed(m *model) {
	m.Update(sampled{sample: canned()})
}

var scenes = map[string]func(m *model){
	"list":     func(*model) {},
	"chain":    func(m *model) { press(m, "down", "home", "s", "s", "enter"); detailed(m) },
	"question": func(m *model) { press(m, "s", "s", "x") },
	"prepared": func(m *model) { press(m, "x") },
	"help":     func(m *model) { press(m, "?") },
	"filter":   func(m *model) { press(m, "/", "t", "e", "n", "a", "n", "t", "-", "0") },
	"standby": func(m *model) {
		s := canned()
		s.Server.Standby, s.Server.Lag, s.Server.SeesAll, s.Server.FlushSource = true, ref(2*time.Second), false, "fsync is off"
		m.Update(sampled{sample: s})
	},
	"lost": func(m *model) {
		m.Update(sampled{err: lostError{fmt.Errorf("failed to connect to `user=app database=shop`: %w", errors.Join(errors.New("::1: timeout"),
			fmt.Errorf("127.0.0.1: dial error: %w", syscall.ECONNREFUSED)))}})
	},
	"empty": func(m *model) { m.Update(sampled{sample: sample{At: noon, Server: canned().Server}}) },
}

// TestTheScreenIsAsInTestdata compares each screen with the file of its name.
func TestTheScreenIsAsInTestdata(t *testing.T) {
	t.Parallel()
	for name, scene := range scenes {
		for _, size := range []struct{ width, height int }{{80, 24}, {120, 40}, {60, 15}, {40, 10}} {
			m := shows(t, size.width, size.height, canned())
			scene(m)
			file := filepath.Join("testdata", fmt.Sprintf("%s_%dx%d.txt", name, size.width, size.height))
			screen := text(m) + "\n"
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(file, []byte(screen), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), screen, file)
		}
	}
}

func TestNothingIsWiderOrHigherThanTheTerminal(t *testing.T) {
	t.Parallel()
	for name, scene := range scenes {
		for width := 1; width < 200; width += 17 {
			for height := 1; height < 50; height += 7 {
				m := shows(t, width, height, canned())
				scene(m)
				lines := m.screen()
				require.LessOrEqual(t, len(lines), height, name)
				for _, line := range lines {
					require.LessOrEqual(t, ansi.StringWidth(line), width, "%s %dx%d: %q", name, width, height, line)
					require.NotContains(t, ansi.Strip(line), "\x1b")
				}
			}
		}
	}
}

// TestWhatIsSelectedOrStuckIsMarkedWithoutColour is for NO_COLOR, where colours are taken out of the screen.
func TestWhatIsSelectedOrStuckIsMarkedWithoutColour(t *testing.T) {
	t.Parallel()
	m := shows(t, 80, 24, canned())
	press(m, "down")
	require.Regexp(t, `(?m)^> invoice/2026 .* 3 +41s 4711 `, text(m))
	require.Contains(t, strings.Join(m.screen(), "\n"), "\x1b[7;31m> invoice/2026")
}

func TestTheStuckComeFirstThenTheBusy(t *testing.T) {
	t.Parallel()
	m := shows(t, 80, 24, canned())
	order := func() (names []string) {
		for _, s := range m.list[:4] {
			names = append(names, s.Name)
		}
		return names
	}
	require.Equal(t, []string{"case", "invoice/2026", "receipt", "closed"}, order())
	press(m, "s")
	require.Equal(t, "receipt", order()[0])
	press(m, "s")
	require.Equal(t, "invoice/2026", order()[0])
	press(m, "s")
	require.Equal(t, []string{"case", "closed"}, order()[:2])
	press(m, "s")
	require.Equal(t, "case", order()[0])
}

func TestTheSelectionStaysWithItsSeries(t *testing.T) {
	t.Parallel()
	m := shows(t, 80, 24, canned())
	press(m, "j", "j")
	require.Contains(t, text(m), "> receipt ")
	s := canned()
	busy := s.Series["receipt"]
	busy.Waiters = []person{backend(1, "x", 10*time.Hour, 2)}
	s.Series["receipt"] = busy
	m.Update(sampled{sample: s})
	require.Equal(t, "receipt", m.list[0].Name)
	require.Contains(t, text(m), "> receipt ")

	press(m, "end")
	require.Contains(t, text(m), "> wide 番号")
	press(m, "k", "home")
	require.Equal(t, 0, m.offset)
	press(m, "pgdown", "pgdown", "pgdown", "pgdown")
	require.Contains(t, text(m), "> wide 番号")
	delete(s.Series, "wide 番号 \x1b[31m")
	m.Update(sampled{sample: s})
	require.Contains(t, text(m), "> receipt ", "the first, where the selected one is gone")
}

func TestAFilterShowsSeriesByAPartOfTheirNames(t *testing.T) {
	t.Parallel()
	m := shows(t, 80, 24, canned())
	press(m, "/", "V", "O", "I", "X", "backspace", "q")
	require.Empty(t, m.list)
	require.Contains(t, text(m), "no series has VOIq in its name")
	press(m, "backspace", "enter")
	require.Len(t, m.list, 1)
	require.Contains(t, text(m), "filter: VOI")
	press(m, "esc")
	require.Greater(t, len(m.list), 30)
}

func TestAKeyThatIsNotYesTerminatesNobody(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"n", "N", "x", "q", "enter", "esc", "space", "j", "ü"} {
		m := shows(t, 80, 24, canned())
		press(m, "down", "x")
		require.Contains(t, text(m), "terminate pid 4711 of app billing, user app, holding invoice/2026 for 43s? y/N")
		require.Nil(t, press(m, key), key)
		require.Nil(t, m.asked)
		require.Contains(t, text(m), "not terminated")
	}
}

func TestWhoIsSelectedInTheChainIsAskedFor(t *testing.T) {
	t.Parallel()
	m := shows(t, 120, 40, canned())
	press(m, "down", "enter")
	detailed(m)
	press(m, "x")
	require.Contains(t, text(m), "terminate pid 4700 of app psql, user app, blocking invoice/2026 for 2m00s? y/N")
	press(m, "n", "down", "down", "x")
	require.Contains(t, text(m), "terminate pid 4712 of app shop, user app, waiting for invoice/2026 for 42s? y/N")
}

func TestSomeAreNotToBeTerminated(t *testing.T) {
	t.Parallel()
	require.Contains(t, refusal(person{Prepared: "it's"}), "COMMIT PREPARED 'it''s' or ROLLBACK PREPARED 'it''s'")
	require.Contains(t, refusal(person{}), "pg_prepared_xacts")
	p := backend(1, "x", time.Second)
	require.Empty(t, refusal(p))
	p.Wait = "SyncRep"
	require.Contains(t, refusal(p), "has committed, and waits for a synchronous standby")
	p = backend(1, "x", time.Second)
	p.Began = nil
	require.Contains(t, refusal(p), "pg_read_all_stats")

	m := shows(t, 80, 24, canned())
	m.o.ReadOnly = true
	press(m, "down", "x")
	require.Nil(t, m.asked)
	require.Contains(t, text(m), "nobody is terminated with --read-only")
	m.o.ReadOnly = false
	press(m, "down", "K")
	require.Contains(t, text(m), "nobody holds receipt")
}

func TestWhilePausedNothingIsRead(t *testing.T) {
	t.Parallel()
	m := shows(t, 80, 24, canned())
	press(m, "p")
	require.Contains(t, text(m), "PAUSED")
	_, cmd := m.Update(ticked(m.tick))
	require.Nil(t, cmd)
	require.NotNil(t, press(m, "p"))
	require.True(t, m.reading)
}

func TestOnlyTheNewestTickCounts(t *testing.T) {
	t.Parallel()
	m := shows(t, 80, 24, canned())
	old := m.tick
	press(m, "+")
	require.Equal(t, 2*time.Second, m.o.Interval)
	_, cmd := m.Update(ticked(old))
	require.Nil(t, cmd)
	press(m, "-", "-", "-", "-", "-", "-")
	require.Equal(t, intervals[0], m.o.Interval)
	m.o.Interval = 3 * time.Second
	press(m, "+")
	require.Equal(t, 5*time.Second, m.o.Interval)
	m.o.Interval = 3 * time.Second
	press(m, "-")
	require.Equal(t, 2*time.Second, m.o.Interval)
}

func TestALostConnectionIsShownAndTheLastSampleStays(t *testing.T) {
	t.Parallel()
	m := shows(t, 80, 24, canned())
	for _, wait := range []string{"1s", "2s", "4s", "8s", "8s"} {
		_, cmd := m.Update(sampled{err: lostError{errors.New("refused")}})
		require.NotNil(t, cmd)
		require.Contains(t, text(m), "no connection: refused; trying again in "+wait)
		require.Contains(t, text(m), "invoice/2026")
		require.Contains(t, text(m), "gapless top  as of 12:00:00")
	}
	m.Update(sampled{err: lostError{fmt.Errorf("dial error: %w", syscall.ENOENT)}})
	require.Contains(t, text(m), "no connection: the server's socket is not there; trying")
	m.Update(sampled{err: errors.New("canceling statement due to lock timeout")})
	require.NotContains(t, text(m), "no connection")
	require.Contains(t, text(m), "canceling statement due to lock timeout")
	m.Update(sampled{sample: canned()})
	require.NotContains(t, text(m), "timeout")
	require.NotContains(t, text(m), "as of")
}

func TestTheDoctorIsAskedAnewWhenASeriesIsHeldForLongOrNotAnyMore(t *testing.T) {
	t.Parallel()
	m := shows(t, 80, 24, canned())
	at := m.now()
	later := func(d time.Duration, s sample) {
		at = at.Add(d)
		m.now = func() time.Time { return at }
		m.Update(sampled{sample: s})
	}
	require.Contains(t, text(m), "doctor 12s ago: 1 critical, 2 warnings")
	later(0, canned())
	require.False(t, m.examining, "nothing has changed")
	free := canned()
	one := free.Series["case"]
	one.Holders = nil
	free.Series["case"] = one
	later(0, free)
	require.True(t, m.examining)
	m.Update(diagnosed{[]finding{{"notice", 1}}})
	require.Contains(t, text(m), "doctor 1s ago: 1 notice")

	one.Holders = []person{backend(4720, "shop", 10*time.Second)} // not long yet
	free.Series["case"] = one
	later(10*time.Second, free)
	require.False(t, m.examining)
	m.doctor.at = at
	later(4*time.Second, canned())
	require.False(t, m.examining, "it rests")
	later(time.Second, canned())
	require.True(t, m.examining)
	m.Update(diagnosed{[]finding{}})
	require.Contains(t, text(m), "doctor 1s ago: sound")
	later(doctorEvery-time.Second, canned())
	require.False(t, m.examining)
	later(time.Second, canned())
	require.True(t, m.examining)
}

func TestNumbersAreNotCut(t *testing.T) {
	t.Parallel()
	for _, last := range []int64{2147483647, math.MaxInt64, math.MinInt64} {
		for _, held := range []bool{false, true} {
			for width := 40; width < 140; width++ {
				s := canned()
				one := s.Series["credit-note/2026/tenant-00/with a long name"]
				one.Last, one.Rate = &last, ref(1234567.0)
				if held {
					one.Holders = []person{backend(4194303, "a long application's name", time.Minute, 4194302), backend(1, "x", time.Minute)}
				}
				s.Series[one.Name] = one
				m := shows(t, width, 24, s)
				press(m, "s")
				screen := text(m)
				require.Contains(t, screen, "1,234,567", width)
				if strings.Contains(screen, " LAST ") {
					require.Contains(t, screen, strconv.FormatInt(last, 10), width)
				}
				if held && strings.Contains(screen, " HOLDER ") {
					require.Contains(t, screen, "4194303 +1", width)
				}
				require.NotRegexp(t, `waits for \d*…`, screen)
				require.True(t, width < 80 || last != 2147483647 || strings.Contains(screen, " LAST "), width)
			}
		}
	}
}

func TestQQuits(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"q", "ctrl+c"} {
		cmd := press(shows(t, 80, 24, canned()), key)
		require.NotNil(t, cmd)
		require.Equal(t, tea.Quit(), cmd())
	}
}

func TestAChainIsOrderedFromItsRoot(t *testing.T) {
	t.Parallel()
	var order []string
	for _, l := range canned().Chain {
		order = append(order, fmt.Sprint(l.Role, " ", l.PID, l.WaitsFor))
	}
	require.Equal(t, []string{"blocks 4700 []", "holds 4711 [4700]", "1 4712 [4711]", "2 4713 [4712]", "3 4714 [4713 4712]"}, order)

	// Who waits for a prepared transaction, and whoever is in a circle until PostgreSQL ends it.
	links := chain(series{Holders: []person{{Prepared: "g"}}, Waiters: []person{backend(7, "a", time.Second, 0)}}, nil)
	require.Equal(t, "g", links[0].who())
	require.Equal(t, "1", links[1].Role)
	require.Len(t, chain(series{Holders: []person{backend(1, "a", 0, 2)}}, map[int32]person{2: backend(2, "b", 0, 1)}), 2)
}

func TestDurationsAreShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0ms", 850 * time.Millisecond: "850ms", time.Second: "1s", 1500 * time.Millisecond: "1.5s", 59 * time.Second: "59s", 90 * time.Second: "1m30s",
		59 * time.Minute: "59m", 65 * time.Minute: "1h05m", 30 * time.Hour: "30h", 240 * time.Hour: "10d",
	} {
		require.Equal(t, want, short(d))
		require.LessOrEqual(t, len(want), 5)
	}
}

func TestARateIsNotKnownWhereACounterBeganAnew(t *testing.T) {
	t.Parallel()
	require.Nil(t, perSecond(10, 9, time.Second))
	require.Nil(t, perSecond(9, 10, 0))
	require.InDelta(t, 0.5, *perSecond(9, 10, 2*time.Second), 1e-9)
}
