//go:build linux

package atoll

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"atoll/internal/testkit"
)

// stateMappings counts this process's mappings of objects' state pages.
func stateMappings(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	must(t, err)
	n := 0
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, testkit.Base()) && !strings.Contains(line, "/members/") || strings.Contains(line, "memfd:atoll:") {
			n++
		}
	}
	return n
}

// TestManyLives: creating and closing many objects leaves no descriptor behind,
// and a bounded number of mappings, though Close unmaps nothing and the garbage
// collector, here with nothing else to do, sees no reason to run.
func TestManyLives(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const lives = 5000
	descriptors := len(testkit.Descriptors())
	most := 0
	for i := range lives {
		name := fmt.Sprintf("life-%d", i)
		if i%2 == 0 {
			name = ""
		}
		m, err := CreateMutex(name, MutexOptions{})
		must(t, err)
		must(t, m.Close())
		if i%100 == 0 {
			most = max(most, stateMappings(t))
		}
	}
	if n := len(testkit.Descriptors()); n > descriptors {
		t.Errorf("%d descriptors, before %d", n, descriptors)
	}
	if most > 3000 {
		t.Errorf("%d state pages were mapped at a time", most)
	}
}

// TestAbandoningLeavesOneMemberFile: a process that abandons mutexes all the time
// has one member file, whatever becomes of them.
func TestAbandoningLeavesOneMemberFile(t *testing.T) {
	members := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("%s/atoll-%d/members", testkit.Base(), os.Geteuid()))
		must(t, err)
		return len(entries)
	}
	other := startAgent(t, "", "shared")
	before := members()
	for i := range 300 {
		for _, name := range []string{"", "shared", fmt.Sprintf("own-%d", i)} {
			m, _, err := CreateOrOpenMutex(name, MutexOptions{})
			must(t, err)
			_, err = m.Lock(t.Context())
			must(t, err)
			must(t, m.Close())
		}
	}
	if n := members(); n > before+1 {
		t.Errorf("%d member files, before %d", n, before)
	}
	other.End()
}
