//go:build linux

package atoll

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"atoll/internal/testkit"
)

// TestFormatPython runs the reader of docs/FORMAT.md over objects of each kind.
func TestFormatPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: apt-get install python3")
	}
	page, err := os.ReadFile("docs/FORMAT.md")
	must(t, err)
	_, program, _ := strings.Cut(string(page), "```python\n")
	program, _, found := strings.Cut(program, "```")
	if !found {
		t.Fatal("docs/FORMAT.md has no Python program")
	}
	script := filepath.Join(t.TempDir(), "read_object.py")
	must(t, os.WriteFile(script, []byte(program), 0o600))

	newTestMutex(t, "a mutex/é", MutexOptions{InitiallyOwned: true})
	newTestEvent(t, "an event", EventOptions{ManualReset: true, Signaled: true})
	s, err := CreateSection("a section", SectionOptions{Size: 5000})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	wanted := map[string][]string{
		"a%20mutex%2Fé": {"'type': 'mutex'", "'name': 'a mutex/é'"},
		"an%20event":    {"'type': 'event'", "'flags': 8", "'word': 1,"},
		"a%20section":   {"'type': 'section'", "'size': 8192", "'offset': 65536"},
	}
	for _, path := range testkit.Objects(testkit.Base()) {
		texts, ok := wanted[filepath.Base(path)]
		if !ok {
			continue
		}
		delete(wanted, filepath.Base(path))
		out, err := exec.Command(python, script, path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, text := range texts {
			if !strings.Contains(string(out), text) {
				t.Errorf("%s: the reader says %s, which lacks %q", path, out, text)
			}
		}
	}
	if len(wanted) != 0 {
		t.Errorf("no files for %v", wanted)
	}
}
