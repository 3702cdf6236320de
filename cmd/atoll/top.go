package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"atoll"
)

const topLong = `Show all objects in the terminal, again and again: by name space, with type,
state, size, holders and waiters, and one of them in full, with the bytes of a
section as they change.

Keys: arrows, PgUp, PgDn, Home, End move; Enter shows or hides the details;
Space folds a name space; / filters by name, type, state or holder, Esc ends
that; s sorts by the next column, o turns the order round; [ and ] move in the
bytes of a section; S sets an event, R resets it, + releases a semaphore by
one; y copies the name; q ends.`

func newTop() *cobra.Command {
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch all objects in the terminal",
		Long:  topLong,
		Example: `  atoll top
  atoll top --interval 250ms`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval < 50*time.Millisecond {
				return usage("--interval must be at least 50ms")
			}
			if !isTerminal(os.Stdin) || !isTerminal(os.Stdout) {
				return fmt.Errorf("atoll top needs a terminal; atoll ls --watch does not")
			}
			_, err := tea.NewProgram(newTopModel(interval), tea.WithContext(cmd.Context())).Run()
			return err
		},
	}
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "how often to look")
	return cmd
}

// isTerminal says whether a file is a terminal.
func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0 && st.Name() != os.DevNull
}

// topModel is what top shows, and where in it the user is.
type topModel struct {
	interval      time.Duration
	width, height int

	list    []item // all that was seen last
	failure error  // of the last look
	loaded  bool
	rows    []topRow // what list comes to: folded, filtered, sorted

	cursor, top int
	at          topRow // what the cursor is on, to find it again
	folded      map[string]bool
	column      int
	reverse     bool
	filter      string
	typing      bool // the filter
	details     bool
	hexOffset   int64
	detail      topDetail
	said        string // the result of the last key
}

// topRow is a line: a name space, or an object in it.
type topRow struct {
	space string
	count int   // of a name space
	item  *item // nil: the name space
}

func newTopModel(interval time.Duration) *topModel {
	return &topModel{interval: interval, folded: make(map[string]bool), width: 80, height: 24}
}

// Messages.
type (
	topList struct {
		list []item
		err  error
		took time.Duration
	}
	topNow  topList
	topTick struct{}
	topSaid string
)

// Init is of tea.Model.
func (m *topModel) Init() tea.Cmd { return look }

// look lists the objects, beside what goes on in the terminal.
func look() tea.Msg {
	begun := time.Now()
	list, err := listAll()
	return topList{list, err, time.Since(begun)}
}

// Update is of tea.Model.
func (m *topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case topList: // to look at very many takes a while: not all of the time, then
		m.list, m.failure, m.loaded = msg.list, msg.err, true
		m.arrange()
		return m, tea.Batch(m.detailCmd(), tea.Tick(max(m.interval, 3*msg.took), func(time.Time) tea.Msg { return topTick{} }))
	case topTick:
		return m, look
	case topDetail:
		if row := m.current(); row.item != nil && row.item.Name == msg.name {
			m.detail = msg
		}
	case topSaid:
		m.said = string(msg)
		return m, lookNow
	case topNow:
		m.list, m.failure = msg.list, msg.err
		m.arrange()
		return m, m.detailCmd()
	case tea.KeyPressMsg:
		return m.key(msg)
	}
	m.scroll()
	return m, nil
}

// lookNow is a look that does not wait for the clock, nor move it on.
func lookNow() tea.Msg { return topNow(look().(topList)) }

// columns are what can be sorted by.
var columns = []struct {
	name    string
	compare func(a, b *item) int
}{
	{"name", func(a, b *item) int { return 0 }}, // as the list comes
	{"type", func(a, b *item) int { return cmp.Compare(a.Type.String(), b.Type.String()) }},
	{"size", func(a, b *item) int { return cmp.Compare(b.Size, a.Size) }},
	{"resident", func(a, b *item) int { return cmp.Compare(b.Resident, a.Resident) }},
	{"state", func(a, b *item) int { return cmp.Compare(showState(&a.Info), showState(&b.Info)) }},
	{"holders", func(a, b *item) int { return cmp.Compare(len(b.Holders), len(a.Holders)) }},
	{"waiters", func(a, b *item) int { return cmp.Compare(b.Waiters, a.Waiters) }},
	{"age", func(a, b *item) int { return a.Created.Compare(b.Created) }},
}

// spaceOf is the name space of a name.
func spaceOf(name string) string {
	if prefix, _, ok := strings.Cut(name, `\`); ok {
		return prefix
	}
	return "Local"
}

// matches says whether the filter lets an object through.
func (m *topModel) matches(i *item) bool {
	if m.filter == "" {
		return true
	}
	text := strings.ToLower(i.Name + " " + i.Type.String() + " " + showState(&i.Info) + " " + showProcesses(i.Holders))
	for word := range strings.FieldsSeq(strings.ToLower(m.filter)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// arrange makes the rows of the list, and keeps the cursor where it was.
func (m *topModel) arrange() {
	spaces := make(map[string][]*item)
	for n := range m.list {
		if i := &m.list[n]; m.matches(i) {
			spaces[spaceOf(i.Name)] = append(spaces[spaceOf(i.Name)], i)
		}
	}
	names := make([]string, 0, len(spaces))
	for s := range spaces {
		names = append(names, s)
	}
	rank := map[string]int{"Local": -2, "Global": -1}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank[a], rank[b]), cmp.Compare(a, b))
	})
	m.rows = m.rows[:0]
	for _, s := range names {
		m.rows = append(m.rows, topRow{space: s, count: len(spaces[s])})
		if m.folded[s] {
			continue
		}
		slices.SortStableFunc(spaces[s], columns[m.column].compare)
		if m.reverse {
			slices.Reverse(spaces[s])
		}
		for _, i := range spaces[s] {
			m.rows = append(m.rows, topRow{space: s, item: i})
		}
	}
	if n := slices.IndexFunc(m.rows, m.at.same); n >= 0 {
		m.cursor = n
	}
	m.scroll()
}

func (r topRow) same(other topRow) bool {
	if (r.item == nil) != (other.item == nil) || r.space != other.space {
		return false
	}
	return r.item == nil || r.item.Name == other.item.Name
}

// current is the row under the cursor.
func (m *topModel) current() topRow {
	if m.cursor < len(m.rows) {
		return m.rows[m.cursor]
	}
	return topRow{}
}

// move puts the cursor on a row.
func (m *topModel) move(to int) tea.Cmd {
	m.cursor = max(0, min(to, len(m.rows)-1))
	m.at = m.current()
	m.hexOffset = 0
	m.scroll()
	return m.detailCmd()
}

// scroll keeps the cursor in sight.
func (m *topModel) scroll() {
	page := m.listHeight()
	m.cursor = max(0, min(m.cursor, len(m.rows)-1))
	m.top = max(0, min(m.top, len(m.rows)-page))
	switch {
	case m.cursor < m.top:
		m.top = m.cursor
	case m.cursor >= m.top+page:
		m.top = m.cursor - page + 1
	}
}

// signalKeys are what keys do to the object under the cursor.
var signalKeys = map[string]struct {
	typ  atoll.Type
	done string
	do   func(name string) error
}{
	"S": {atoll.TypeEvent, "set", func(name string) error { return change("set", name, atoll.TypeEvent, (*atoll.Event).Set) }},
	"R": {atoll.TypeEvent, "reset", func(name string) error { return change("reset", name, atoll.TypeEvent, (*atoll.Event).Reset) }},
	"+": {atoll.TypeSemaphore, "released", func(name string) error {
		return change("release", name, atoll.TypeSemaphore, func(s *atoll.Semaphore) error { _, err := s.Release(1); return err })
	}},
}

// key obeys a key.
func (m *topModel) key(k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	if m.typing {
		return m, m.typeFilter(k)
	}
	m.said = ""
	page := m.listHeight()
	row := m.current()
	switch key := k.String(); key {
	case "q", "ctrl+c":
		return m, tea.Quit
	case "up", "k":
		return m, m.move(m.cursor - 1)
	case "down", "j":
		return m, m.move(m.cursor + 1)
	case "pgup", "ctrl+b":
		return m, m.move(m.cursor - page)
	case "pgdown", "ctrl+f":
		return m, m.move(m.cursor + page)
	case "home", "g":
		return m, m.move(0)
	case "end", "G":
		return m, m.move(len(m.rows) - 1)
	case "enter":
		m.details = !m.details
		m.scroll()
		return m, m.detailCmd()
	case "space":
		m.folded[row.space] = !m.folded[row.space]
		m.at = topRow{space: row.space}
		m.arrange()
	case "/":
		m.typing = true
	case "esc":
		m.filter = ""
		m.arrange()
	case "s":
		m.column = (m.column + 1) % len(columns)
		m.arrange()
	case "o":
		m.reverse = !m.reverse
		m.arrange()
	case "[", "]":
		return m, m.moveHex(key)
	case "y":
		if row.item != nil {
			m.said = "copied " + show(row.item.Name)
			return m, tea.SetClipboard(row.item.Name)
		}
	default:
		return m, m.signal(key, row)
	}
	return m, nil
}

// signal does what a key does to an object.
func (m *topModel) signal(key string, row topRow) tea.Cmd {
	does, ok := signalKeys[key]
	if !ok || row.item == nil {
		return nil
	}
	name := row.item.Name
	if row.item.Type != does.typ {
		m.said = fmt.Sprintf("%s is for the type %s", key, does.typ)
		return nil
	}
	return func() tea.Msg {
		if err := does.do(name); err != nil {
			return topSaid(oneLine(err))
		}
		return topSaid(does.done + " " + show(name))
	}
}

// typeFilter takes a key into the filter.
func (m *topModel) typeFilter(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "ctrl+c":
		return tea.Quit
	case "enter":
		m.typing = false
	case "esc":
		m.typing, m.filter = false, ""
	case "backspace":
		if r := []rune(m.filter); len(r) > 0 {
			m.filter = string(r[:len(r)-1])
		}
	default:
		m.filter += k.Text
	}
	m.arrange()
	return m.detailCmd()
}
