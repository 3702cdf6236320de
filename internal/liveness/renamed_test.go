//go:build linux

package liveness_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"atoll/internal/liveness"
)

// Who owns the folder can put the file of a dead member in the place of a living
// one's. That one does not count as dead.
func TestRenamedOverTheLiving(t *testing.T) {
	f, dir := folder(t)
	first, dying := startMember(t, dir)
	second, living := startMember(t, dir)
	defer second.Kill()
	first.Kill()
	dead(t, f, dying[0])
	name := func(n uint32) string { return filepath.Join(dir, fmt.Sprintf("%08x", n)) }
	if err := os.Rename(name(dying[0]), name(living[0])); err != nil {
		t.Fatal(err)
	}
	if s := f.Status(living[0]); s != liveness.Unknown {
		t.Errorf("the living member is %v", s)
	}
}
