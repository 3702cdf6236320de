//go:build linux

package setup

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"atoll/internal/namespace"
	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// base makes an empty base directory with a name that a shell would take apart.
func base(t *testing.T) string {
	t.Helper()
	base := filepath.Join(testkit.Base(), `it's "100%" here`)
	if err := errors.Join(os.Mkdir(base, 0o700), os.Chmod(base, 0o777|fs.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	return base
}

// What is printed does what Apply does: a shell that runs the commands leaves nothing
// to be done.
func TestCommandsDoIt(t *testing.T) {
	testkit.NeedRoot(t)
	base, snippets := base(t), t.TempDir()
	steps, err := Plan(base, snippets)
	if err != nil || len(steps) != 3 {
		t.Fatalf("%+v, %v", steps, err)
	}
	for _, s := range steps {
		if s.Done {
			t.Errorf("done already: %s", s.What)
		}
		cmd := exec.Command("sh", "-c", "umask 077; "+s.Command)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", s.Command, err, out)
		}
	}
	if steps, err = Plan(base, snippets); err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if !s.Done {
			t.Errorf("the command has not done it: %s", s.What)
		}
	}
	if dir, err := namespace.LookDir(base, namespace.Global); err != nil {
		t.Errorf("the directory is refused: %v", err)
	} else if err := dir.Close(); err != nil {
		t.Error(err)
	}
}

// Apply does it, and again nothing.
func TestApply(t *testing.T) {
	testkit.NeedRoot(t)
	base, snippets := base(t), t.TempDir()
	for range 2 {
		steps, err := Plan(base, snippets)
		if err != nil {
			t.Fatal(err)
		}
		if err := Apply(steps); err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			if !s.Done {
				t.Errorf("not done: %s", s.What)
			}
		}
	}
	entries, err := os.ReadDir(snippets)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	text, err := os.ReadFile(filepath.Join(snippets, entries[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	// As tmpfiles.d(5) reads it.
	want := `d "` + strings.ReplaceAll(strings.ReplaceAll(base, "%", "%%"), `"`, `\"`) + `/atoll" 1777 root root -`
	if !strings.Contains(string(text), want+"\n") {
		t.Errorf("the snippet has no line %s:\n%s", want, text)
	}
}

// Where the directory cannot be made nothing is half done.
func TestApplyFails(t *testing.T) {
	testkit.NeedRoot(t)
	base, snippets := base(t), t.TempDir()
	steps, err := Plan(base, snippets)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody is quicker than the plan.
	if err := os.Symlink("elsewhere", filepath.Join(base, namespace.GlobalName)); err != nil {
		t.Fatal(err)
	}
	if err := Apply(steps); err == nil || !strings.Contains(err.Error(), "is a directory of root's") {
		t.Errorf("through a link: %v", err)
	}
	if steps[0].Done || steps[2].Done {
		t.Errorf("%+v", steps)
	}
	if entries, _ := os.ReadDir(snippets); len(entries) != 0 {
		t.Errorf("%v", entries)
	}
}
