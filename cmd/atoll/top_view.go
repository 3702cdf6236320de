package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"atoll"
)

// Styles. On a terminal without colours what is left of them still tells.
var (
	styleHead   = lipgloss.NewStyle().Bold(true)
	styleSpace  = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Cyan)
	styleCursor = lipgloss.NewStyle().Reverse(true)
	styleWrong  = lipgloss.NewStyle().Foreground(lipgloss.Red)
	styleOwned  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	styleReady  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	styleFaint  = lipgloss.NewStyle().Faint(true)
)

// styleOf is how an object's line looks.
func styleOf(i *item) lipgloss.Style {
	switch {
	case i.Problem != "" || !i.Alive || i.Abandoned:
		return styleWrong
	case i.Owner != nil || i.Waiters > 0:
		return styleOwned
	case i.Signaled != nil && *i.Signaled && i.Type != atoll.TypeMutex:
		return styleReady
	}
	return lipgloss.NewStyle()
}

// fit makes text exactly as wide as it should be.
func fit(text string, width int) string {
	if width <= 0 {
		return ""
	}
	text = ansi.Truncate(text, width, "…")
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}

// Lines that are not the list: title, heads, and the line of keys.
const topFrame = 3

// listHeight is how many rows there is room for.
func (m *topModel) listHeight() int { return max(1, m.height-topFrame-m.detailHeight()) }

// detailHeight is how many lines the details have, with the line above them.
func (m *topModel) detailHeight() int {
	if !m.details {
		return 0
	}
	return max(0, (m.height-topFrame)*3/5)
}

// View is of tea.Model.
func (m *topModel) View() tea.View {
	lines := []string{m.title(), styleHead.Render(fit(m.head(), m.width))}
	page := m.listHeight()
	for n := m.top; n < m.top+page; n++ {
		line := ""
		if n < len(m.rows) {
			line = m.line(&m.rows[n], n == m.cursor)
		}
		lines = append(lines, line)
	}
	if m.details {
		lines = append(lines, m.detailLines()...)
	}
	lines = append(lines, m.foot())
	v := tea.NewView(strings.Join(lines[:min(len(lines), max(m.height, 1))], "\n"))
	v.AltScreen = true
	v.WindowTitle = "atoll top"
	return v
}

func (m *topModel) title() string {
	held, waiting, wrong := 0, 0, 0
	var resident int64
	for n := range m.list {
		i := &m.list[n]
		held += int(count(i.Alive))
		waiting += i.Waiters
		resident += i.Resident
		wrong += int(count(i.Abandoned || !i.Alive))
	}
	text := fmt.Sprintf("atoll: %d objects, %s resident, %d waiting, %d abandoned or left behind", held, roughSize(resident), waiting, wrong)
	switch {
	case !m.loaded:
		text = "atoll: looking…"
	case m.failure != nil:
		return styleWrong.Render(fit(oneLine(m.failure), m.width))
	case m.filter != "":
		shown := 0
		for _, r := range m.rows {
			shown += r.count
		}
		text = fmt.Sprintf("atoll: filter %s: %d of %d objects (Esc shows all)", show(m.filter), shown, len(m.list))
	}
	return fit(text, m.width)
}

// roughSize is a number of bytes for people.
func roughSize(n int64) string {
	value, unit := float64(n), ""
	for _, u := range []string{"K", "M", "G", "T"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, u
	}
	if unit == "" || value >= 100 {
		return strconv.FormatFloat(value, 'f', 0, 64) + unit
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + unit
}

// widths are those of the columns behind the name.
func (m *topModel) widths() (name, state, holders int) {
	const fixed = 9 + 6 + 6 + 5 + 6 // type, size, resident, waiters, and a space behind each but the last
	rest := max(20, m.width-fixed)
	name = rest * 2 / 5
	state = rest * 3 / 10
	return name, state, rest - name - state
}

func (m *topModel) head() string {
	order := "▼"
	if m.reverse {
		order = "▲"
	}
	mark := func(column, label string) string {
		if columns[m.column].name == column {
			return label + order
		}
		return label
	}
	first := mark("name", "NAME")
	if columns[m.column].name == "age" {
		first = "NAME, BY AGE" + order
	}
	name, state, holders := m.widths()
	return m.cells(fit(first, name), mark("type", "TYPE"), mark("size", "SIZE"), mark("resident", "RAM"),
		fit(mark("state", "STATE"), state), mark("waiters", "WAIT"), fit(mark("holders", "HOLDERS"), holders))
}

// cells puts the columns beside each other.
func (m *topModel) cells(name, typ, size, resident, state, waiters, holders string) string {
	return name + " " + fit(typ, 9) + " " + fit(size, 6) + " " + fit(resident, 6) + " " + state + " " + fit(waiters, 5) + " " + holders
}

func (m *topModel) line(r *topRow, cursor bool) string {
	if r.item == nil {
		sign := "▾ "
		if m.folded[r.space] {
			sign = "▸ "
		}
		text := fit(fmt.Sprintf("%s%s (%d)", sign, show(r.space), r.count), m.width)
		if cursor {
			return styleCursor.Render(text)
		}
		return styleSpace.Render(text)
	}
	i := r.item
	size := "-"
	if i.Type == atoll.TypeSection {
		size = roughSize(i.Size)
	}
	typ := i.Type.String()
	if i.Problem != "" {
		typ = "?"
	}
	waiters := "-"
	if i.Waiters > 0 {
		waiters = strconv.Itoa(i.Waiters)
	}
	name, state, holders := m.widths()
	text := fit(m.cells(fit("  "+show(strings.TrimPrefix(i.Name, r.space+`\`)), name), typ, size, roughSize(i.Resident),
		fit(topState(i), state), waiters, fit(showProcesses(i.Holders), holders)), m.width)
	if cursor {
		return styleCursor.Render(text)
	}
	return styleOf(i).Render(text)
}

// topState is the state, with how long a mutex is owned already.
func topState(i *item) string {
	if i.Owner == nil || i.Abandoned || i.OwnerSince == nil {
		return showState(&i.Info)
	}
	return fmt.Sprintf("owned %s by %s", age(*i.OwnerSince), showProcess(*i.Owner))
}

func (m *topModel) foot() string {
	switch {
	case m.typing:
		return fit("/"+m.filter+"█  Enter keeps the filter, Esc ends it", m.width)
	case m.said != "":
		return fit(m.said, m.width)
	}
	return styleFaint.Render(fit("q quit  Enter details  / filter  s sort  o order  S set  R reset  + rel.  y copy", m.width))
}

// topDetail is what is shown of the object under the cursor.
type topDetail struct {
	name  string
	lines []string // of the object and why
	hex   []string // of a section
}

// detailCmd looks at the object under the cursor, beside what goes on in the
// terminal.
func (m *topModel) detailCmd() tea.Cmd {
	row := m.current()
	if !m.details || row.item == nil {
		return nil
	}
	list, i, offset, width := m.list, *row.item, m.hexOffset, m.width
	return func() tea.Msg {
		d := topDetail{name: i.Name}
		var b strings.Builder
		if err := errors.Join(printInfo(&b, &i.Info)); err != nil {
			return nil
		}
		d.lines = append(packed(strings.Split(strings.TrimRight(b.String(), "\n"), "\n"), width), explainObject(list, &i).Verdict...)
		if i.Type == atoll.TypeSection && i.Alive {
			d.hex = hexLines(i.Name, offset)
		}
		return d
	}
}

// packed puts two lines beside each other where both fit, and leaves out the name and
// the type, which stand above.
func packed(lines []string, width int) (packed []string) {
	half := width/2 - 1
	for n := 0; n < len(lines); n++ {
		line := lines[n]
		switch {
		case strings.HasPrefix(line, "name:") || strings.HasPrefix(line, "type:"):
		case n+1 < len(lines) && ansi.StringWidth(line) <= half && ansi.StringWidth(lines[n+1]) <= half:
			n++
			packed = append(packed, fit(line, half)+"  "+lines[n])
		default:
			packed = append(packed, line)
		}
	}
	return packed
}

// hexBytes is how much of a section is looked at.
const hexBytes = 64 * dumpWidth

// hexLines are bytes of a section.
func hexLines(name string, offset int64) (lines []string) {
	v, err := openView(name, atoll.Read)
	if err != nil {
		return []string{oneLine(err)}
	}
	defer func() { _ = v.Close() }()
	offset = min(offset, max(0, v.Size()-dumpWidth)/dumpWidth*dumpWidth)
	b := make([]byte, min(hexBytes, v.Size()-offset))
	n, err := v.ReadAt(b, offset)
	for at := 0; at < n; at += dumpWidth {
		lines = append(lines, strings.TrimRight(dumpLine(offset+int64(at), b[at:min(at+dumpWidth, n)]), "\n"))
	}
	if err != nil {
		lines = append(lines, oneLine(err))
	}
	return lines
}

// moveHex moves in the bytes of a section.
func (m *topModel) moveHex(key string) tea.Cmd {
	step := int64(max(1, m.detailHeight()/2)) * dumpWidth
	if key == "[" {
		step = -step
	}
	row := m.current()
	if row.item == nil {
		return nil
	}
	m.hexOffset = max(0, min(m.hexOffset+step, row.item.Size-dumpWidth)) / dumpWidth * dumpWidth
	return m.detailCmd()
}

// detailLines are the lines of the pane, exactly as many as there is room for.
func (m *topModel) detailLines() []string {
	height := m.detailHeight()
	lines := make([]string, 0, height)
	row := m.current()
	title := ""
	if row.item != nil {
		title = " " + show(row.item.Name) + ", " + row.item.Type.String() + " "
	}
	lines = append(lines, styleHead.Render(rule(title, m.width)))
	if row.item != nil && m.detail.name == row.item.Name {
		room := height - 1
		hex := m.detail.hex
		hex = hex[:min(len(hex), max(room/3, room-len(m.wrapped())))]
		for _, l := range m.wrapped() {
			if len(lines) < height-len(hex) {
				lines = append(lines, fit(l, m.width))
			}
		}
		for _, l := range hex {
			lines = append(lines, fit(l, m.width))
		}
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines[:height]
}

// rule is a line across the terminal, with a title in it.
func rule(title string, width int) string {
	text := ansi.Truncate("──"+title, max(width, 0), "…")
	return text + strings.Repeat("─", max(0, width-ansi.StringWidth(text)))
}

// wrapped are the lines of the details, none wider than the terminal.
func (m *topModel) wrapped() (lines []string) {
	for _, l := range m.detail.lines {
		lines = append(lines, strings.Split(ansi.Wrap(l, max(m.width, 20), " "), "\n")...)
	}
	return lines
}
