//go:build windows

package onwindows

import (
	"context"
	"testing"

	"atoll/internal/access"
)

// What owned mutexes ends, but for a few that wait for the next.
func TestWindowsKeepersEnd(t *testing.T) {
	const many = 3 * maxIdle
	counted := func() (all, idle int) {
		keepers.Lock()
		defer keepers.Unlock()
		return keepers.count, len(keepers.idle)
	}
	var owned []*Mutex
	for i := range many {
		m, _, err := OpenMutex("", MustCreate, access.Request{}, i%2 == 0)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 != 0 {
			if _, err := m.Lock(context.Background(), false); err != nil {
				t.Fatal(err)
			}
		}
		owned = append(owned, m)
	}
	if all, idle := counted(); all-idle != many {
		t.Errorf("%d of %d keepers are idle, with %d mutexes owned", idle, all, many)
	}
	for i, m := range owned {
		if i%3 != 0 { // the others are abandoned
			if err := m.Unlock(); err != nil {
				t.Error(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if all, idle := counted(); all != idle || all > maxIdle {
		t.Errorf("%d keepers, %d of them idle, where none owns anything", all, idle)
	}
}
