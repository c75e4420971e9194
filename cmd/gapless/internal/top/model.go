package top

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// intervals are those that + and - choose from.
var intervals = []time.Duration{
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
}

// model is the state of the screen.
type model struct {
	ctx   context.Context
	o     Options
	watch *reader
	aside *session // for what may take longer
	first tea.Msg
	now   func() time.Time

	width, height int
	sample        sample
	list          []series // of the sample, arranged
	doctor        visits
	examining     bool
	failed        int    // readings, one after the other
	trouble       string // with the last of them
	reading       bool
	again         bool // once it has been read
	tick          int  // the newest; older ones count no more

	order     int
	filter    string
	filtering bool
	paused    bool
	help      bool
	selected  string // the name of a series; "" is the first line, whichever that is
	offset    int    // of the first line shown
	detail    bool
	link      int32  // the pid of the selected link of the chain
	asked     *link  // whether to terminate it
	notice    string // what came of a key
	widths    map[string]int
}

func newModel(ctx context.Context, o Options) *model {
	return &model{
		ctx: ctx, o: o, widths: map[string]int{}, width: 80, height: 24,
		now: time.Now, watch: newReader(o.Connect), aside: &session{connect: o.Connect},
	}
}

type (
	sampled struct {
		sample sample
		err    error
	}
	ticked    int
	diagnosed struct{ found []finding }
	ended     string
)

// Init begins with what Run has read.
func (m *model) Init() tea.Cmd {
	return tea.Batch(func() tea.Msg { return m.first }, m.diagnose())
}

// read reads a sample; one at a time.
func (m *model) read() tea.Cmd {
	if m.reading {
		m.again = true
		return nil
	}
	m.reading, m.again = true, false
	m.tick++
	shown, detail := m.shown(), ""
	if m.detail {
		detail = m.selected
	}
	return func() tea.Msg {
		s, err := m.watch.read(m.ctx, shown, detail)
		return sampled{s, err}
	}
}

func (m *model) diagnose() tea.Cmd {
	m.examining, m.doctor.changed = true, false
	return func() tea.Msg {
		found, err := m.aside.doctor(m.ctx)
		if err != nil {
			found = nil // it is not known then; what is wrong with the connection is seen elsewhere
		}
		return diagnosed{found}
	}
}

func (m *model) after(d time.Duration) tea.Cmd {
	m.tick++
	tick := ticked(m.tick)
	return tea.Tick(d, func(time.Time) tea.Msg { return tick })
}

// Update takes what was read, and keys.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		clear(m.widths)
		m.choose(0)
	case sampled:
		return m, m.take(msg)
	case ticked:
		if int(msg) == m.tick && !m.paused {
			return m, m.read()
		}
	case diagnosed:
		m.examining, m.doctor.found, m.doctor.at = false, msg.found, m.now()
	case ended:
		m.notice = string(msg)
		return m, m.read()
	case tea.KeyPressMsg:
		return m, m.key(msg)
	}
	return m, nil
}

func (m *model) take(s sampled) tea.Cmd {
	m.reading = false
	if s.err != nil {
		m.failed++
		wait := max(backoff(m.failed), m.o.Interval)
		m.trouble = m.o.Explain(s.err)
		if _, ok := errors.AsType[lostError](s.err); ok {
			m.trouble = lost(m.o.Explain, s.err, wait)
		}
		return m.after(wait)
	}
	m.failed, m.trouble, m.sample = 0, "", s.sample
	m.arrange()
	var examine tea.Cmd
	if m.doctor.see(s.sample, m.now()) && !m.examining {
		examine = m.diagnose()
	}
	switch {
	case m.again:
		return tea.Batch(examine, m.read())
	case m.paused:
		return examine
	}
	return tea.Batch(examine, m.after(m.o.Interval))
}

// arrange lists the series in their order, as far as the filter has them.
func (m *model) arrange() {
	filter := strings.ToLower(m.filter)
	m.list = m.sample.sorted(m.order, func(s series) bool { return strings.Contains(strings.ToLower(s.Name), filter) })
	m.choose(0)
}

// shown are the names of the series on the screen.
func (m *model) shown() (names []string) {
	all := m.list
	from := min(m.offset, len(all))
	for _, s := range all[from:min(from+m.height, len(all))] {
		names = append(names, s.Name)
	}
	return names
}

// choose selects what stands so many lines below, and scrolls there. What is selected stays so where the order changes.
func (m *model) choose(by int) {
	if m.detail {
		links := m.sample.Chain
		at := max(0, slices.IndexFunc(links, func(l link) bool { return l.PID == m.link }))
		if len(links) > 0 {
			m.link = links[max(0, min(at+by, len(links)-1))].PID
		}
		return
	}
	all := m.list
	if len(all) == 0 {
		return
	}
	at := max(0, slices.IndexFunc(all, func(s series) bool { return s.Name == m.selected }))
	if by != 0 {
		at = max(0, min(at+by, len(all)-1))
		m.selected = all[at].Name
	}
	rows := m.rows()
	m.offset = max(0, min(m.offset, len(all)-rows))
	m.offset = max(at-rows+1, min(m.offset, at))
}

// key does what a key says.
func (m *model) key(msg tea.KeyPressMsg) tea.Cmd {
	key := msg.String()
	if key == "ctrl+c" {
		return tea.Quit
	}
	if m.asked != nil {
		return m.answer(key)
	}
	if m.filtering {
		m.edit(key, msg.Text)
		return nil
	}
	if m.help {
		m.help = false
		return nil
	}
	m.notice = ""
	switch key {
	case "q":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "?", "h":
		m.help = true
	case "up", "k":
		m.choose(-1)
	case "down", "j":
		m.choose(1)
	case "pgup":
		m.choose(-m.rows())
	case "pgdown":
		m.choose(m.rows())
	case "home", "g":
		m.choose(-1 << 30)
	case "end", "G":
		m.choose(1 << 30)
	case "enter", "right", "l":
		if one, ok := m.current(); ok && !m.detail {
			m.detail, m.selected, m.link, m.sample.Chain = true, one.Name, 0, nil
			return m.read()
		}
	case "esc", "left":
		if !m.detail {
			m.filter = ""
		}
		m.detail = false
		m.arrange()
	case "s":
		m.order = (m.order + 1) % len(orders)
		m.selected, m.offset = "", 0
		m.arrange()
	case "/":
		m.detail, m.filtering = false, true
	case "p":
		m.paused = !m.paused
		if !m.paused {
			return m.read()
		}
	case "space":
		return m.read()
	case "+", "=":
		return m.pace(1)
	case "-":
		return m.pace(-1)
	case "x", "K":
		m.ask()
	}
	return nil
}

// edit changes the filter.
func (m *model) edit(key, text string) {
	switch key {
	case "enter":
		m.filtering = false
	case "esc":
		m.filtering, m.filter = false, ""
	case "backspace":
		if runes := []rune(m.filter); len(runes) > 0 {
			m.filter = string(runes[:len(runes)-1])
		}
	default:
		m.filter += text
	}
	m.selected, m.offset = "", 0
	m.arrange()
}

// pace chooses the next interval.
func (m *model) pace(by int) tea.Cmd {
	at, exact := slices.BinarySearch(intervals, m.o.Interval)
	if !exact && by > 0 {
		by = 0
	}
	m.o.Interval = intervals[max(0, min(at+by, len(intervals)-1))]
	if m.paused {
		return nil
	}
	return m.after(m.o.Interval)
}

// current is the series that is selected: the first if none is.
func (m *model) current() (series, bool) {
	if s, ok := m.sample.Series[m.selected]; ok {
		return s, true
	}
	if len(m.list) > 0 && !m.detail {
		return m.list[0], true
	}
	return series{}, false
}

// ask asks whether to terminate who holds the series, or who is selected in its chain.
func (m *model) ask() {
	one, _ := m.current()
	var who *link
	switch {
	case m.detail:
		if at := slices.IndexFunc(m.sample.Chain, func(l link) bool { return l.PID == m.link }); at >= 0 {
			who = &m.sample.Chain[at]
		}
	case len(one.Holders) > 0:
		who = &link{one.Holders[0], "holds"}
	}
	switch {
	case m.o.ReadOnly:
		m.notice = "nobody is terminated with --read-only"
	case who == nil:
		m.notice = "nobody holds " + or(one.Name)
	default:
		if m.notice = refusal(who.person); m.notice == "" {
			asked := *who
			m.asked = &asked
		}
	}
}

func (m *model) answer(key string) tea.Cmd {
	who := *m.asked
	m.asked = nil
	if key != "y" && key != "Y" {
		m.notice = "not terminated"
		return nil
	}
	m.notice = "terminating pid " + who.who() + " ..."
	return func() tea.Msg { return ended(m.aside.end(m.ctx, who.person, m.o.Explain)) }
}
