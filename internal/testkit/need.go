package testkit

import (
	"os"
	"testing"
)

// Need skips a test that the machine cannot run, and says why. In CI, which
// installs all that any test needs, nothing is skipped: there it fails.
func Need(t testing.TB, met bool, what string) {
	t.Helper()
	switch {
	case met:
	case os.Getenv("CI") == "true":
		t.Fatalf("needs %s, and CI must have it", what)
	default:
		t.Skipf("needs %s", what)
	}
}

// NeedRoot skips a test that only root can run.
func NeedRoot(t testing.TB) {
	t.Helper()
	Need(t, os.Geteuid() == 0, "root")
}
