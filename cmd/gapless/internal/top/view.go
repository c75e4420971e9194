package top

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// Styles are of the terminal's own colours, which people have chosen to be readable. Nothing is told by colour alone.
var (
	bold     = lipgloss.NewStyle().Bold(true)
	faint    = lipgloss.NewStyle().Faint(true)
	heading  = lipgloss.NewStyle().Underline(true)
	chosen   = lipgloss.NewStyle().Reverse(true)
	alarming = lipgloss.NewStyle().Foreground(lipgloss.Red)
	slow     = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
)

// alarm is how long something may stand still before it is red.
const alarm = 10 * time.Second

// View draws the screen.
func (m *model) View() tea.View {
	view := tea.NewView(strings.Join(m.screen(), "\n"))
	view.AltScreen = true
	view.WindowTitle = "gapless top"
	return view
}

// screen is at most as many lines as there is room for.
func (m *model) screen() []string {
	head, foot := m.head(), m.foot()
	room := max(0, m.height-len(head)-len(foot))
	var body []string
	switch {
	case m.help:
		body = m.helpText()
	case m.detail:
		body = m.detailBody(room)
	default:
		body = m.listBody(room)
	}
	body = body[:min(room, len(body))]
	for len(body) < room {
		body = append(body, "")
	}
	lines := append(append(head, body...), foot...)
	lines = lines[:min(m.height, len(lines))]
	for i, text := range lines {
		lines[i] = ansi.Truncate(text, m.width, "")
	}
	return lines
}

// rows is how many lines of the list there is room for.
func (m *model) rows() int { return max(1, m.height-len(m.head())-len(m.foot())-1) }

// head is what concerns the server.
func (m *model) head() []string {
	s := m.sample.Server
	role := "primary"
	if s.Standby {
		role = "standby"
		if s.Lag != nil {
			role += ", " + short(*s.Lag) + " behind"
		}
	}
	state := "every " + short(m.o.Interval)
	if m.paused {
		state = "PAUSED"
	}
	at := m.sample.At.Format("15:04:05")
	if m.trouble != "" {
		at = "as of " + at
	}
	first := flow([]string{"gapless top", at, clean(s.Database), role, state, "PostgreSQL " + firstWord(s.Version)}, m.width, 1)
	lines := []string{bold.Render(first[0])}

	held, waiting, moving := 0, 0, 0
	for _, one := range m.sample.Series {
		waiting += len(one.Waiters)
		if len(one.Holders) > 0 {
			held++
		}
		if rate(one) > 0 {
			moving++
		}
	}
	words := []string{
		fmt.Sprintf("%s series: %s moving, %s held", thousands(int64(len(m.sample.Series))), thousands(int64(moving)), thousands(int64(held))),
		thousands(int64(waiting)) + " waiting",
	}
	words = append(words, serverWords(s)...)
	words = append(words, m.doctor.words(m.now())...)
	most := min(3, max(1, m.height/7))
	lines = append(lines, flow(words, m.width, most)...)
	switch {
	case m.trouble != "":
		for _, text := range wrap(m.trouble, m.width) {
			lines = append(lines, alarming.Render(text))
		}
	case s.Standby:
		lines = append(lines, slow.Render("a standby: holders and waiters are seen on the primary alone"))
	}
	if !s.SeesAll && !m.sample.At.IsZero() {
		for _, text := range wrap("sessions of other roles are hidden: that takes pg_read_all_stats", m.width) {
			lines = append(lines, slow.Render(text))
		}
	}
	if m.height < 20 {
		return lines
	}
	return append(lines, "")
}

// serverWords are the rates of the server, its sessions and its standbys.
func serverWords(s server) []string {
	flushes := "WAL flushes " + perS(s.Flushes) + "/s (" + s.FlushSource + ")"
	if s.FlushSource == "" || !strings.HasPrefix(s.FlushSource, "pg_stat") {
		flushes = "WAL flushes n/a (" + or(s.FlushSource) + ")"
	}
	words := []string{
		"commits " + perS(s.Commits) + "/s", "rollbacks " + perS(s.Rollbacks) + "/s", flushes, fmt.Sprintf("sessions %d/%d", s.Sessions, s.Most),
	}
	for _, one := range s.Standbys {
		word := "standby " + or(one.Name) + ": " + or(one.Sync)
		if one.State != "streaming" {
			word += ", " + or(one.State)
		}
		if one.Lag != nil {
			word += ", lag " + short(*one.Lag)
		}
		if one.Bytes != nil && *one.Bytes > 0 {
			word += ", " + bytes(*one.Bytes)
		}
		words = append(words, word)
	}
	return words
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}

func bytes(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d B", n)
	case n < 10<<20:
		return fmt.Sprintf("%d kB", n>>10)
	case n < 10<<30:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d GB", n>>30)
}

func wrap(text string, width int) []string {
	if width < 1 {
		return nil
	}
	return strings.Split(ansi.Wrap(text, width, ""), "\n")
}

// foot is a question, what came of a key, or the keys.
func (m *model) foot() []string {
	one, _ := m.current()
	switch {
	case m.asked != nil:
		lines := wrap(question(m.asked.person, m.asked.Role, one.Name), m.width)
		for i := range lines {
			lines[i] = bold.Render(lines[i])
		}
		return lines
	case m.filtering:
		return []string{bold.Render("filter: " + clean(m.filter) + "_"), faint.Render("enter: keep it   esc: all series")}
	case m.notice != "":
		return wrap(m.notice, m.width)
	case m.help:
		return []string{faint.Render("any key: back")}
	}
	words := []string{"q quit", "? help", "enter chain", "x terminate", "s sort: " + orders[m.order].name, "/ filter", "p pause", "+ - interval"}
	if m.detail {
		words = []string{"q quit", "? help", "esc back", "j k select", "x terminate", "p pause"}
	} else if m.filter != "" {
		words = append([]string{"filter: " + clean(m.filter)}, words...)
	}
	return []string{faint.Render(strings.Join(flow(words, m.width, 1), ""))}
}

var listColumns = []column{
	{title: "NAME", least: 14, most: 60},
	{title: "LAST", right: true, least: 4, most: 20, drop: 4},
	{title: "RATE/S", right: true, least: 6, most: 11},
	{title: "WAIT", right: true, least: 4, most: 7},
	{title: "LONGEST", right: true, least: 7, most: 7, drop: 1},
	{title: "HOLDER", least: 6, most: 20, drop: 2},
	{title: "AGE", right: true, least: 5, most: 5, drop: 3},
	{title: "DOES", least: 15, most: 27, drop: 5},
	{title: "APPLICATION", least: 11, most: 24, drop: 6},
	{title: "USER", least: 6, most: 20, drop: 7},
}

func listRow(s series) []string {
	row := []string{clean(s.Name), number(s.Last), perS(s.Rate), "", "", "", "", "", "", ""}
	if s.Closed {
		row[0] += " (closed)"
	}
	if len(s.Waiters) > 0 {
		row[3], row[4] = thousands(int64(len(s.Waiters))), optional(s.longest())
	}
	if len(s.Holders) > 0 {
		h := s.Holders[0]
		row[5], row[6], row[7], row[8], row[9] = clean(h.who()), optional(h.Age), clean(h.does()), or(h.Application), or(h.User)
		if more := len(s.Holders) - 1; more > 0 {
			row[5] += fmt.Sprintf(" +%d", more)
		}
	}
	return row
}

func (m *model) listBody(room int) []string {
	all := m.list
	from := min(m.offset, len(all))
	shown := all[from:min(from+max(0, room-1), len(all))]
	rows := make([][]string, len(shown))
	for i, s := range shown {
		rows[i] = listRow(s)
	}
	laid := layout(listColumns, rows, m.width-2, m.widths)
	lines := []string{"  " + heading.Render(line(listColumns, laid, titles(listColumns)))}
	current, _ := m.current()
	for i, s := range shown {
		lines = append(lines, m.mark(line(listColumns, laid, rows[i]), s.Name == current.Name, s.stuck()))
	}
	switch {
	case m.sample.At.IsZero():
	case len(m.sample.Series) == 0:
		lines = append(lines, "  there is no series yet")
	case len(all) == 0:
		lines = append(lines, "  no series has "+clean(m.filter)+" in its name; esc shows all")
	}
	return lines
}

// mark marks the selected line, and what stands still.
func (m *model) mark(text string, selected bool, still time.Duration) string {
	style := lipgloss.NewStyle()
	switch {
	case still >= alarm:
		style = alarming
	case still > 0:
		style = slow
	}
	if selected {
		return style.Inherit(chosen).Render("> " + pad(text, max(0, m.width-2), false))
	}
	return style.Render("  " + text)
}

var chainColumns = []column{
	{title: "#", least: 6, most: 6},
	{title: "PID", right: true, least: 6, most: 16},
	{title: "FOR", right: true, least: 6, most: 8},
	{title: "APPLICATION", least: 8, most: 24, drop: 2},
	{title: "USER", least: 6, most: 20, drop: 4},
	{title: "AGE", right: true, least: 5, most: 5},
	{title: "WAITS", right: true, least: 5, most: 5, drop: 3},
	{title: "STATE", least: 19, most: 27, drop: 1},
	{title: "QUERY", least: 20, most: 200, drop: 5},
}

func chainRow(l link) []string {
	waitsFor, state := "-", clean(l.does())
	if len(l.WaitsFor) > 0 {
		waitsFor, state = person{PID: l.WaitsFor[0]}.who(), "waits"
	}
	return []string{
		l.Role, clean(l.who()), waitsFor, or(l.Application), or(l.User), optional(l.Age), optional(l.Waited), state, or(l.Query),
	}
}

// detailBody is a series, and who waits for whom.
func (m *model) detailBody(room int) []string {
	one, ok := m.current()
	if !ok {
		return []string{"there is no series " + or(m.selected) + " any more"}
	}
	words := []string{bold.Render(clean(one.Name)), "last " + number(one.Last), perS(one.Rate) + "/s"}
	if one.Column != "" {
		words = append(words, clean(one.Column))
	}
	if one.Allocated != nil {
		words = append(words, "last allocated "+short(max(0, m.sample.At.Sub(*one.Allocated)))+" ago")
	}
	if one.Closed {
		words = append(words, "closed")
	}
	if one.Left != nil {
		left := thousands(*one.Left) + " left"
		if one.Until != "" {
			left += " until " + clean(one.Until)
		}
		words = append(words, left)
	}
	if len(one.Waiters) > 0 {
		words = append(words, fmt.Sprintf("%d wait, the longest %s", len(one.Waiters), optional(one.longest())))
	}
	lines := flow(words, m.width, min(2, max(1, m.height/7)))
	if m.height >= 20 {
		lines = append(lines, "")
	}

	links := m.sample.Chain
	if len(links) == 0 {
		return append(lines, "nobody holds it or waits for it")
	}
	selected := 0
	for i, l := range links {
		if l.PID == m.link {
			selected = i
		}
	}
	query := wrap(links[selected].who()+": "+or(links[selected].Query), m.width)
	query = query[:min(len(query), max(1, room/4))]
	rows := max(1, room-len(lines)-2-len(query))
	from := max(0, min(selected-rows/2, len(links)-rows))
	shown := links[from:min(len(links), from+rows)]
	cells := make([][]string, len(shown))
	for i, l := range shown {
		cells[i] = chainRow(l)
	}
	laid := layout(chainColumns, cells, m.width-2, m.widths)
	lines = append(lines, "  "+heading.Render(line(chainColumns, laid, titles(chainColumns))))
	for i, l := range shown {
		var still time.Duration
		if l.Role == "holds" {
			still = one.stuck()
		}
		lines = append(lines, m.mark(line(chainColumns, laid, cells[i]), from+i == selected, still))
	}
	for len(lines) < room-len(query) {
		lines = append(lines, "")
	}
	return append(lines, query...)
}

func (m *model) helpText() []string {
	terminate := "x K      terminate the holder or the selected one; asks"
	if m.o.ReadOnly {
		terminate = "x K      nobody is terminated with --read-only"
	}
	return []string{
		"up down  select; also j k pgup pgdown home end",
		"enter    who waits for whom; esc back",
		terminate,
		"s        sort by what is stuck, rate, waiters, name",
		"/        show series with that in their names; esc all",
		"p space  pause and go on; read at once",
		"+ -      read more seldom, more often",
		"q        quit",
		"",
		"WAIT     how many wait; LONGEST for how long, at most",
		"AGE      of the transaction",
		"FOR      whom it waits for",
	}
}
