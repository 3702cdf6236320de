package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"atoll"
)

// Every command that a user sees says what it is and has an example.
func TestEveryCommandHasAnExample(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c.Example == "" || c.Short == "" || c.Long == "" {
			t.Errorf("%s: no example, no short or no long text", c.CommandPath())
		}
		if !strings.HasPrefix(c.Example, "  ") {
			t.Errorf("%s: the example is not indented", c.CommandPath())
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 81 {
				t.Errorf("%s: a line of the help is longer than 80 columns: %s", c.CommandPath(), line)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
}

func TestErrorsAreOneLine(t *testing.T) {
	var out, errOut bytes.Buffer
	if status := run([]string{"info", "a\x1b[2Jb\x00"}, &out, &errOut); status != statusFailure {
		t.Errorf("status %d", status)
	}
	if strings.Count(errOut.String(), "\n") != 1 || strings.ContainsAny(errOut.String(), "\x1b\x00") || out.Len() != 0 {
		t.Errorf("stdout %q, stderr %q", &out, &errOut)
	}
	if got := oneLine(errors.Join(errors.New("a\x1b"), errors.New("b"))); got != `atoll: a\x1b; b` {
		t.Error(got)
	}
}

func TestShow(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "two words": "two words", "Größe": "Größe", `Global\x`: `Global\x`,
		"": `""`, " lead": `" lead"`, "a\tb": `"a\tb"`, "\x1b[2J": `"\x1b[2J"`, "a\u202eb": `"a\u202eb"`,
	} {
		if got := show(text); got != want {
			t.Errorf("show(%q) = %s, want %s", text, got, want)
		}
	}
}

// Columns are aligned as a terminal shows them, where some characters are as wide as
// two, and some have no width.
func TestTableIsAligned(t *testing.T) {
	var out bytes.Buffer
	table := newTable(&out)
	_, _ = table.Write([]byte("NAME\tTYPE\tHOLDERS\n名前\tevent\t-\n"))
	_, _ = table.Write([]byte("e\u0301\tx\t812\n"))
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "NAME  TYPE   HOLDERS\n名前  event  -\ne\u0301     x      812\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

func TestByteCount(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "512": 512, "64K": 64 << 10, "1M": 1 << 20, "2g": 2 << 30, "0x1000": 4096, "0x10K": 16 << 10,
	} {
		var b byteCount
		if err := b.Set(text); err != nil || int64(b) != want {
			t.Errorf("%q is %d, %v; want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "K", "-1", "1.5M", "1T", "1 M", "9223372036854775807K", "99999999999999999999"} {
		var b byteCount
		if err := b.Set(text); err == nil {
			t.Errorf("%q is taken for %d", text, b)
		}
	}
	for n, want := range map[int64]string{0: "0", 1000: "1000", 1024: "1K", 1536: "1536", 3 << 20: "3M", 5 << 30: "5G"} {
		if got := showSize(n); got != want {
			t.Errorf("showSize(%d) = %s", n, got)
		}
	}
}

func TestShowState(t *testing.T) {
	yes, no := true, false
	owner := &atoll.Process{PID: 812, Command: "indexer"}
	for _, c := range []struct {
		info atoll.Info
		want string
	}{
		{atoll.Info{Type: atoll.TypeMutex, Alive: true, Signaled: &yes}, "free"},
		{atoll.Info{Type: atoll.TypeMutex, Alive: true, Signaled: &no, Owner: owner}, "owned by 812 indexer"},
		{atoll.Info{Type: atoll.TypeMutex, Alive: true, Signaled: &yes, Owner: owner, Abandoned: true}, "abandoned by 812 indexer"},
		{atoll.Info{Type: atoll.TypeMutex, Alive: true, Signaled: &no, Owner: &atoll.Process{}}, "owned by unknown"},
		{atoll.Info{Type: atoll.TypeEvent, Alive: true, Signaled: &yes}, "signaled"},
		{atoll.Info{Type: atoll.TypeEvent, Alive: true, Signaled: &no}, "not signaled"},
		{atoll.Info{Type: atoll.TypeEvent, Signaled: &no}, "left behind"},
		{atoll.Info{Problem: "is a named pipe"}, "unreadable: is a named pipe"},
		{atoll.Info{Type: atoll.TypeSection, Alive: true, Protection: "read-only", Reserve: true, LargePages: true, File: "/f"}, "read-only, reserve, large pages, file /f"},
	} {
		if got := showState(&c.info); got != c.want {
			t.Errorf("%+v: %q, want %q", c.info, got, c.want)
		}
	}
}
