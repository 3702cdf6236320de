//go:build linux

package onlinux

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"atoll/internal/layout"
)

// TestFastPathsAreInlined: a call more on the way costs as much as half the
// compare-and-swap.
func TestFastPathsAreInlined(t *testing.T) {
	if strconv.IntSize == 32 {
		t.Skip("with 32 bits to change 64 takes more than an instruction")
	}
	golang, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is not in PATH")
	}
	out, err := exec.Command(golang, "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{
		"(*Mutex).TakeSole", "(*Mutex).GiveSole", "(*plain).QuickTake", "(*plain).QuickSee",
		"(*Event).QuickSet", "(*Semaphore).QuickRelease",
	} {
		if !strings.Contains(string(out), "can inline "+name+"\n") {
			t.Error(name, "is too long to be inlined")
		}
	}
}

// TestNoGuess: a handle that has no guess changes nothing, whatever the state is
// that an object can have.
func TestNoGuess(t *testing.T) {
	for kind := range layout.Kinds {
		for _, s := range []layout.State{noGuess, noGuess + 1} {
			if kind.Sound(s, layout.MaxCount) {
				t.Errorf("%#x is a state of kind %d", s, kind)
			}
		}
	}
}
