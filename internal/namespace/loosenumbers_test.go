//go:build linux

package namespace

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"atoll/internal/testkit"
)

// The role of one who lets nobody open its memory, or, given its path, its file.
var _ = testkit.Role("lessee", func(self *testkit.Self) {
	memory, path := -1, ""
	var err error
	if len(self.Args) > 0 {
		path = self.Args[0]
		self.Must(os.WriteFile(path, nil, 0o666))
	} else {
		memory, err = unix.MemfdCreate("atoll:event", unix.MFD_CLOEXEC)
		self.Must(err)
		path = fmt.Sprintf("/proc/self/fd/%d", memory)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	self.Must(err)
	if memory >= 0 {
		self.Must(unix.Close(memory)) // it can write, which is in the way of a lease
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK)
	self.Must(err)
	self.Say("leased")
	self.Hear()
})

// Another user who leases an object, or what looks like one, does not keep anybody
// from looking at all others.
func TestNumbersInSpiteOfALease(t *testing.T) {
	testkit.NeedRoot(t)
	base := newBase(t)
	must(t, os.Chmod(base, os.ModeSticky|0o777))
	d := openDir(t, base, Global)
	asNobody(t, "lessee").Expect("leased")
	asNobody(t, "lessee", d.at("leased")).Expect("leased")
	if sure, err := LooseNumbers(nil, make(map[uint32]bool)); err != nil || !sure {
		t.Errorf("got %v, %v", sure, err)
	}
	if _, sure, err := d.Numbers(); err != nil || !sure {
		t.Errorf("got %v, %v", sure, err)
	}
}
