//go:build linux && mutants

package mutants

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// atOnce is how many mutants are tested side by side: many of them sleep.
	atOnce = 3
	// patience ends a test that a mutant has made run for ever. The tests give up
	// themselves before that.
	patience = 3 * time.Minute
)

// Mutants make tests hang. They find out sooner than the tests usually do.
var hang = edit{"internal/testkit/child.go", "Hang  = 60 * time.Second", "Hang  = 8 * time.Second"}

// TestMutantsAreCaught: with each bug the test fails that is for it, and says so.
func TestMutantsAreCaught(t *testing.T) {
	turns := make(chan struct{}, atOnce)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			turns <- struct{}{}
			defer func() { <-turns }()
			m.edits = append(m.edits, hang)
			began := time.Now()
			output, err := m.run(t)
			took := time.Since(began).Round(100 * time.Millisecond)
			said := regexp.MustCompile(m.says).FindString(output)
			switch {
			case err == nil:
				t.Errorf("it survives %s in %s", m.test, m.pkg)
			case !strings.Contains(output, "--- FAIL: "), said == "":
				t.Errorf("%s in %s fails, but does not say %q: %v\n%s", m.test, m.pkg, m.says, err, output)
			default:
				t.Logf("%v, %s: %s", took, m.test, said)
			}
		})
	}
}

// run runs the test against the mutant.
func (m mutant) run(t *testing.T) (output string, err error) {
	t.Helper()
	overlay := m.overlay(t)
	args := []string{"test", "-overlay", overlay, "-count=1", "-failfast", "-vet=off", "-timeout", patience.String(), "-run", anchored(m.test)}
	if m.points {
		args = append(args, "-tags", "atollcheck")
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./"+m.pkg)...)
	cmd.Dir = ".."
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// anchored makes a test's name a regular expression that only that name matches.
func anchored(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + part + "$"
	}
	return strings.Join(parts, "/")
}

// overlay writes what go test reads instead of the sources.
func (m mutant) overlay(t *testing.T) (path string) {
	t.Helper()
	dir := t.TempDir()
	replace := make(map[string]string)
	for file, source := range m.apply(t) {
		original, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		mutated := filepath.Join(dir, strconv.Itoa(len(replace))+".go")
		if err := os.WriteFile(mutated, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[original] = mutated
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
