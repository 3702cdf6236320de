//go:build linux

package onlinux

import (
	"errors"
	"os"
	"testing"

	"atoll/internal/access"
)

// A handle is closed while it is being passed on, and the mutex opened again: this
// process is a member all the time, because the object knows it by its number.
func TestPassingKeepsMembership(t *testing.T) {
	const name = "passed on by a member"
	m, _, err := OpenMutex(name, MustCreate, access.Request{}, false)
	if err != nil {
		t.Fatal(err)
	}
	h, release, err := pack(m, access.Request{}, uint32(os.Geteuid()))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	again, _, err := OpenMutex(name, MustOpen, access.Request{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if self := again.space.Members.Self(); again.att.me != self {
		t.Errorf("it locks as member %#x, and is %#x", again.att.me, self)
	}
	h.Close()
	release()
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if self := again.space.Members.Self(); self != 0 {
		t.Errorf("it is still member %#x", self)
	}
	if _, _, err := OpenMutex(name, MustOpen, access.Request{}, false); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
