//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"atoll/internal/testkit"
)

// await waits until the terminal shows what it should.
func (term *terminal) await(what string, shown func(screen string) bool) {
	term.t.Helper()
	for deadline := time.Now().Add(testkit.Hang); ; time.Sleep(20 * time.Millisecond) {
		screen := term.tmux("capture-pane", "-p")
		if shown(screen) {
			return
		}
		if time.Now().After(deadline) {
			term.t.Fatalf("the terminal never shows %s, but\n%s", what, screen)
		}
	}
}

// A copy that takes long shows how far it is, on a terminal; the bar is gone in the
// end, and nowhere else is there one.
func TestProgress(t *testing.T) {
	t.Setenv("ATOLL_ROOT", shmDir(t))
	t.Setenv("TERM", "xterm-256color")
	dir := t.TempDir()
	holding(t, "big", "create", "section", "big", "--size", "4M")
	must(t, exec.Command("mkfifo", filepath.Join(dir, "to")).Run())
	term := newTerminal(t, 60, 24, "cd "+dir+" && exec sh")
	sure := func(text string) func(string) bool {
		return func(screen string) bool { return strings.Contains(screen, text) }
	}
	gone := func(screen string) bool {
		return strings.Contains(screen, "status 0") && !strings.Contains(screen, "ing ")
	}

	// Half of the bytes come out: whoever reads them takes no more until it may.
	term.keys("atoll read big >to; clear; echo status $?", "Enter")
	to, err := os.OpenFile(filepath.Join(dir, "to"), os.O_RDONLY, 0)
	must(t, err)
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 2<<20)
	read := func() {
		for n := 0; n < len(buffer); {
			m, err := to.Read(buffer[n:])
			must(t, err)
			n += m
		}
	}
	read()
	term.await("how far it is", sure("reading  50%"))
	read()
	term.await("an end", gone)

	// What is written comes from a pipe: how much that will be nobody knows.
	term.keys("clear; (head -c 1M /dev/zero; cat to) | atoll write big; clear; echo status $?", "Enter")
	term.await("how much it is", sure("writing (1.0 MiB"))
	must(t, os.WriteFile(filepath.Join(dir, "to"), buffer, 0o600))
	term.await("an end", gone)

	// Not on a terminal.
	slow := exec.Command("sh", "-c", "(head -c 1M /dev/zero; sleep 1; head -c 1M /dev/zero) | atoll write big")
	if out, err := slow.CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("%q, %v", out, err)
	}
}
