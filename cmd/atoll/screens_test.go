//go:build linux

package main

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"atoll"
)

// picture is top as the documentation shows it: of objects that are made up, and so
// the same each time.
func picture(t *testing.T) *topModel {
	t.Helper()
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	now = func() time.Time { return at }
	t.Cleanup(func() { now = time.Now })
	yes, no, one := true, false, int32(1)
	server, indexer, client := atoll.Process{PID: 812, Command: "server"}, atoll.Process{PID: 1204, Command: "indexer"}, atoll.Process{PID: 4711, Command: "client"}
	began := at.Add(-90 * time.Second)
	common := func(i atoll.Info) item {
		i.Alive, i.Mode, i.Created, i.Creator, i.UID, i.GID = true, 0o600, at.Add(-time.Hour), 812, 1000, 1000
		i.Path = "/dev/shm/atoll-1000/" + i.Name
		return itemOf(i)
	}
	list := []item{
		common(atoll.Info{Name: `Global\shutdown`, Type: atoll.TypeEvent, ManualReset: true, Signaled: &no, Resident: 4096, Holders: []atoll.Process{server, client}, Waiters: 1, Waiting: []atoll.Process{client}}),
		common(atoll.Info{Name: "index", Type: atoll.TypeMutex, Signaled: &no, Resident: 4096, Owner: &indexer, OwnerSince: &began, Holders: []atoll.Process{indexer, server}, Waiters: 2, Waiting: []atoll.Process{server}}),
		common(atoll.Info{Name: "nightly", Type: atoll.TypeTimer, Signaled: &yes, Resident: 4096, Holders: []atoll.Process{indexer}}),
		common(atoll.Info{Name: "orphan", Type: atoll.TypeMutex, Signaled: &yes, Abandoned: true, Owner: &atoll.Process{PID: 977, Command: "worker"}, Resident: 4096, Holders: []atoll.Process{server}}),
		common(atoll.Info{Name: "prices", Type: atoll.TypeSection, Size: 16 << 20, Protection: "read-write", Resident: 3<<20 + 4096, Holders: []atoll.Process{server, client}, Viewers: []atoll.Process{server, client}}),
		common(atoll.Info{Name: "slots", Type: atoll.TypeSemaphore, Signaled: &yes, Count: &one, Max: 4, Resident: 4096, Holders: []atoll.Process{server}}),
	}
	m := newTopModel(time.Second)
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	m.Update(topList{list, nil, 0})
	for range 4 {
		m.Update(tea.KeyPressMsg{Code: tea.KeyDown})
	}
	m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	i := m.current().item
	var info strings.Builder
	must(t, printInfo(&info, &i.Info))
	detail := topDetail{name: i.Name, lines: append(packed(strings.Split(strings.TrimRight(info.String(), "\n"), "\n"), 80), whatKeeps(i))}
	bytes := []byte("ACME  \x00\x00\x9a\x99\x99\x99\x99\x19\x5e\x40EMCA  \x00\x00\x00\x00\x00\x00\x00\x20\x4c\x40")
	for n := 0; n < 10*dumpWidth; n += dumpWidth {
		line := make([]byte, dumpWidth)
		copy(line, bytes[min(n, len(bytes)):])
		detail.hex = append(detail.hex, strings.TrimRight(dumpLine(int64(n), line), "\n"))
	}
	m.Update(detail)
	return m
}

// The screens in the documentation are those that top shows. UPDATE_SCREENS=1 writes
// them.
func TestDocumentedScreens(t *testing.T) {
	content := picture(t).View().Content
	var plainLines []string
	for line := range strings.SplitSeq(ansi.Strip(content), "\n") {
		plainLines = append(plainLines, strings.TrimRight(line, " "))
	}
	text := strings.Join(plainLines, "\n")
	docs := filepath.Join("..", "..", "docs")
	if os.Getenv("UPDATE_SCREENS") != "" {
		must(t, os.WriteFile(filepath.Join(docs, "top.svg"), []byte(svg(content)), 0o600))
	}
	have, err := os.ReadFile(filepath.Join(docs, "top.svg"))
	must(t, err)
	if string(have) != svg(content) {
		t.Error("docs/top.svg is not what top shows; UPDATE_SCREENS=1 go test -run TestDocumentedScreens writes it")
	}
	page, err := os.ReadFile(filepath.Join(docs, "COMMAND.md"))
	must(t, err)
	if !strings.Contains(string(page), "```text\n"+text+"\n```\n") {
		t.Errorf("docs/COMMAND.md does not show\n%s", text)
	}
}

// svg draws a screen with its colours.
func svg(content string) string {
	const width, height = 8.4, 18
	lines := strings.Split(content, "\n")
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="monospace" font-size="14">`+"\n", 80*84/10+20, len(lines)*height+20)
	b.WriteString(`<title>atoll top: objects, and one of them in full</title>` + "\n" + `<rect width="100%" height="100%" fill="#16181d"/>` + "\n")
	for n, line := range lines {
		y := 10 + n*height
		column := 0
		for _, s := range styled(line) {
			cells := ansi.StringWidth(s.text)
			x := 10 + float64(column)*width
			if s.reverse {
				fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#d8dee9"/>`+"\n", x, y, float64(cells)*width, height)
			}
			if strings.TrimSpace(s.text) != "" {
				fmt.Fprintf(&b, `<text x="%.1f" y="%d" textLength="%.1f" xml:space="preserve"%s>%s</text>`+"\n", x, y+height-4, float64(cells)*width, s.attributes(), html.EscapeString(s.text))
			}
			column += cells
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// run of text with one style.
type styledText struct {
	text                 string
	bold, faint, reverse bool
	colour               int
}

func (s *styledText) attributes() string {
	fill := map[int]string{31: "#ff6b68", 32: "#8fd16f", 33: "#e5c07b", 36: "#56c8d8"}[s.colour]
	switch {
	case s.reverse:
		fill = "#16181d"
	case s.faint:
		fill = "#8a919e"
	case fill == "":
		fill = "#d8dee9"
	}
	text := ` fill="` + fill + `"`
	if s.bold {
		text += ` font-weight="bold"`
	}
	return text
}

// styled splits a line where its style changes.
func styled(line string) (parts []styledText) {
	var now styledText
	for line != "" {
		text, rest, found := strings.Cut(line, "\x1b[")
		if text != "" {
			now.text = text
			parts = append(parts, now)
		}
		if !found {
			break
		}
		codes, after, _ := strings.Cut(rest, "m")
		for code := range strings.SplitSeq(codes, ";") {
			switch n, _ := strconv.Atoi(code); {
			case n == 0:
				now = styledText{}
			case n == 1:
				now.bold = true
			case n == 2:
				now.faint = true
			case n == 7:
				now.reverse = true
			case n >= 30 && n < 38:
				now.colour = n
			}
		}
		line = after
	}
	return parts
}
