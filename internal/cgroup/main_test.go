//go:build linux

package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"atoll/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fake makes a folder that looks like a control group, with files that say what they
// are told: what the kernel does with them it does not.
func fake(t testing.TB, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func open(t testing.TB, dir string) Group {
	t.Helper()
	g, err := Open(dir)
	must(t, err)
	t.Cleanup(func() { must(t, g.Close()) })
	return g
}

// real makes a control group of the kernel's.
func real(t testing.TB) (parent Group, name string, group Group) {
	t.Helper()
	place, err := Find()
	if err == nil {
		var own string
		if own, err = Of(0); err == nil {
			dir, ok := place.Dir(own)
			testkit.Need(t, ok, "a mount that shows this process's control group")
			parent = open(t, dir)
			err = parent.Writable()
		}
	}
	testkit.Need(t, err == nil, "a control group of version 2 that may be written")
	name = "atoll-test-" + filepath.Base(t.TempDir()) + filepath.Base(testkit.Base())
	must(t, parent.Make(name))
	t.Cleanup(func() { parent.Discard(name) })
	group, err = parent.Child(name)
	must(t, err)
	t.Cleanup(func() { must(t, group.Close()) })
	return parent, name, group
}
