package mutants

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A mutant is a bug, and the test that catches it.
type mutant struct {
	name  string
	edits []edit
	// pkg and test are where it is caught: a package, seen from the root, and the
	// regular expression for -run. points: the test is built with the points at
	// which processes kill or stop themselves.
	pkg, test string
	points    bool
	// says is what the failing test says, as a regular expression.
	says string
}

// An edit replaces a text that a source file has exactly once.
type edit struct{ file, old, new string }

// apply returns the edited files.
func (m mutant) apply(t *testing.T) map[string]string {
	t.Helper()
	sources := make(map[string]string)
	for _, e := range m.edits {
		path := filepath.Join("..", e.file)
		source, edited := sources[path]
		if !edited {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			source = string(b)
		}
		if n := strings.Count(source, e.old); n != 1 {
			t.Fatalf("%s has this text %d times, and must have it once:\n%s", e.file, n, e.old)
		}
		sources[path] = strings.Replace(source, e.old, e.new, 1)
	}
	return sources
}

// TestMutantsFit: every bug can be seeded into the sources as they are, and the test
// that is to catch it exists.
func TestMutantsFit(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			if seen[m.name] {
				t.Error("two mutants have the name")
			}
			seen[m.name] = true
			m.apply(t)
			if _, err := regexp.Compile(m.says); err != nil || m.says == "" {
				t.Errorf("what the test says: %q, %v", m.says, err)
			}
			function, _, _ := strings.Cut(m.test, "/")
			if !hasTest(t, m.pkg, function) {
				t.Errorf("%s has no test %s", m.pkg, function)
			}
		})
	}
}

func hasTest(t *testing.T, pkg, function string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "\nfunc "+function+"(") {
			return true
		}
	}
	return false
}
