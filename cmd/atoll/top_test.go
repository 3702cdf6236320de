//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"atoll"
	"atoll/internal/testkit"
)

// terminal is a real terminal that a program runs in.
type terminal struct {
	t      *testing.T
	socket string
}

func newTerminal(t *testing.T, width, height int, command string) *terminal {
	t.Helper()
	_, err := exec.LookPath("tmux")
	testkit.Need(t, err == nil, "tmux (apt-get install tmux)")
	term := &terminal{t, filepath.Join(t.TempDir(), "tmux")}
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() })
	term.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), command)
	return term
}

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", term.socket}, args...)...).CombinedOutput()
	if err != nil {
		term.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (term *terminal) keys(keys ...string) {
	term.t.Helper()
	term.tmux(append([]string{"send-keys"}, keys...)...)
}

// What differs from run to run on a screen.
var (
	numbers = regexp.MustCompile(`[0-9]{2,} atol(l|…)`)
	others  = regexp.MustCompile(`(PID atoll),[ 0-9a-z…]*…`)
	dates   = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} by pid [0-9]+`)
	ages    = regexp.MustCompile(`owned [0-9hms]+( by)?[^…]*…`)
	files   = regexp.MustCompile(`/dev/shm/atoll-test-[^/]*`)
	spaces  = regexp.MustCompile(` {2,}`)
)

// screen waits until the terminal shows what a file has, where processes, times and
// spaces do not count. UPDATE_SCREENS=1 writes the files.
func (term *terminal) screen(name string, until string) {
	term.t.Helper()
	path := filepath.Join("testdata", "top", name+".txt")
	shown := ""
	look := func() string {
		shown = term.tmux("capture-pane", "-p")
		shown = numbers.ReplaceAllString(shown, "PID atoll")
		shown = others.ReplaceAllString(shown, "$1, …")
		shown = dates.ReplaceAllString(shown, "DATE by pid PID")
		shown = ages.ReplaceAllString(shown, "owned AGE by …")
		shown = files.ReplaceAllString(shown, "/dev/shm")
		return spaces.ReplaceAllString(shown, "  ")
	}
	for deadline := time.Now().Add(testkit.Hang); !strings.Contains(look(), until); {
		if time.Now().After(deadline) {
			term.t.Fatalf("the terminal never shows %q but\n%s", until, shown)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if os.Getenv("UPDATE_SCREENS") != "" {
		time.Sleep(time.Second) // until it has settled
		must(term.t, os.WriteFile(path, []byte(look()), 0o600))
		return
	}
	want, err := os.ReadFile(path)
	must(term.t, err)
	for deadline := time.Now().Add(testkit.Hang); look() != string(want); {
		if time.Now().After(deadline) {
			term.t.Fatalf("%s: the terminal shows\n%s\nnot\n%s", path, look(), want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holding runs atoll and waits until there is an object of that name.
func holding(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command("atoll", args...)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(testkit.Hang); ; time.Sleep(10 * time.Millisecond) {
		if i, err := atoll.Stat(name); err == nil && (args[0] == "create" || i.Waiters > 0) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v: nothing came of it", args)
		}
	}
}

// TestTop drives top in a real terminal of 80 columns and 24 lines.
func TestTop(t *testing.T) {
	t.Setenv("ATOLL_ROOT", shmDir(t))
	t.Setenv("TERM", "xterm-256color")
	holding(t, "go", "create", "event", "go", "--manual")
	holding(t, "prices", "create", "section", "prices", "--size", "64K")
	holding(t, "slots", "create", "semaphore", "slots", "--max", "3")
	holding(t, "build", "create", "mutex", "build", "--owned")
	must(t, exec.Command("atoll", "write", "prices", "--data", "hello from a section").Run())
	holding(t, "slots", "wait", "slots")
	holding(t, "build", "lock", "build", "--", "true")

	term := newTerminal(t, 80, 24, "atoll top --interval 100ms")
	term.screen("list", "slots")
	term.keys("Down", "Enter") // build
	for _, what := range []string{"owned since:", "waiters:", "1 in ", "rights:", "owns it since"} {
		term.await(what, func(screen string) bool { return strings.Contains(screen, what) })
	}
	term.keys("Down") // go
	term.screen("event", "own file")
	term.keys("S")
	term.screen("set", "set go")
	term.keys("R")
	term.screen("reset", "reset go")
	term.keys("Down")
	term.screen("section", "hello from")
	term.keys("]")
	term.screen("section-later", "00000060")
	term.keys("Enter", "/", "sema", "Enter")
	term.screen("filter", "filter sema")
	term.keys("Down", "+")
	term.screen("released", "released slots")
	term.keys("S")
	term.screen("refused", "S is for the type event")
	term.keys("Escape") // and not at once another key, which would look like Alt and that key
	term.screen("all", "atoll: 4 objects")
	term.keys("Home", "Space")
	term.screen("folded", "▸ Local (4)")
	term.keys("q")
	for deadline := time.Now().Add(testkit.Hang); exec.Command("tmux", "-S", term.socket, "has-session").Run() == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("q does not end it")
		}
	}
}

var allKeys = []tea.KeyPressMsg{
	{Code: tea.KeyPgDown},
	{Code: tea.KeyEnter},
	{Code: tea.KeyEnd},
	{Code: 's', Text: "s"},
	{Code: 'o', Text: "o"},
	{Code: tea.KeyHome},
	{Code: tea.KeySpace, Text: " "},
	{Code: '/', Text: "/"},
	{Code: '7', Text: "7"},
	{Code: tea.KeyEscape},
}

// Whatever the size of the terminal is, the screen fits, also with ten thousand
// objects.
func TestTopFits(t *testing.T) {
	m := newTopModel(time.Second)
	yes := true
	list := make([]item, 10_000)
	for n := range list {
		list[n] = itemOf(atoll.Info{
			Name: fmt.Sprintf("name %d\x1b[2J 名前", n), Type: atoll.Type(1 + n%6), Alive: n%7 != 0, Signaled: &yes,
			Holders: []atoll.Process{{PID: n, Command: "漢字 \x1b]0;title\a"}}, Waiters: n % 3,
		})
		if n%100 == 0 {
			list[n].Name = `Global\` + list[n].Name
		}
	}
	m.Update(topList{list, nil, 0})
	for width := 1; width < 200; width += 13 {
		for height := 1; height < 60; height += 7 {
			m.Update(tea.WindowSizeMsg{Width: width, Height: height})
			for _, key := range allKeys {
				m.Update(key)
				lines := strings.Split(m.View().Content, "\n")
				if len(lines) > height {
					t.Fatalf("%d lines in a terminal of %d", len(lines), height)
				}
				for _, line := range lines {
					if ansi.StringWidth(line) > width || strings.Contains(line, "\x1b[2J") || strings.Contains(line, "\x1b]") {
						t.Fatalf("in a terminal of %d columns: %q", width, line)
					}
				}
			}
		}
	}
}
